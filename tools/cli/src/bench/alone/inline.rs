//! The layout inline: engine and venue in one thread.

use std::time::{Duration, Instant};

use taut::command::Command;
use taut::event::Event;
use taut::pipeline::{InlineEngine, MARKET_DATA, TRADING, Watch};
use taut::trace::Clock;
use taut::trace::allocation::{allocations, arm};
use taut_venue::config::VenueConfig;

use super::super::load::{Load, Trader};
use super::outside::{Outside, Parts, set_up, venue_config};
use super::{Figure, START_WITHIN, Turns, nothing_answered};
use crate::Failure;

/// Nobody looks.
struct Unwatched;

impl Watch for Unwatched {
    fn on_event(&mut self, _: &Event) {}
    fn on_command(&mut self, _: &Command) {}
}

/// An engine and a venue, and the two connections between them.
pub struct Inline {
    engine: InlineEngine<Trader, Unwatched>,
    outside: Outside,
    clock: Clock,
    allocations: u64,
}

impl Inline {
    /// Set up, and not connected.
    ///
    /// # Errors
    /// What keeps the two from being set up.
    pub fn new(load: Load, config: &VenueConfig) -> Result<Self, Failure> {
        let (Parts { desk, core, conductors, clock }, outside) = set_up(load, config)?;
        let engine = InlineEngine::new(desk, core, conductors, clock.clone(), Unwatched);
        Ok(Self { engine, outside, clock, allocations: 0 })
    }

    /// Lets both sessions log on and the strategy trade, until an order is answered.
    ///
    /// # Errors
    /// If none is.
    pub fn start(&mut self) -> Result<(), Failure> {
        let since = Instant::now();
        while self.trader().answers() == 0 {
            if since.elapsed() > START_WITHIN {
                return Err(nothing_answered());
            }
            self.round();
        }
        Ok(())
    }

    /// One round of both, with what is dialled.
    pub fn round(&mut self) {
        self.engine.step();
        while let Some(dial) = self.engine.next_dial() {
            self.engine.dialled(self.outside.dial(dial));
        }
        self.outside.venue_turn();
    }

    /// The strategy.
    pub fn trader(&self) -> &Trader {
        self.engine.desk().strategy()
    }

    /// Allocations in the engine's measured rounds.
    pub const fn allocations(&self) -> u64 {
        self.allocations
    }

    /// One round of the engine: what came is taken, what it causes is sent. Nanoseconds, and how many
    /// orders it sent.
    fn engine_turn(&mut self) -> (u64, u64) {
        let before = self.trader().sent();
        let allocated = allocations().count;
        let armed = arm();
        let begun = self.clock.ticks();
        engine_turn(&mut self.engine);
        let nanos = self.clock.nanos_between(begun, self.clock.ticks());
        drop(armed);
        self.allocations += allocations().count - allocated;
        self.outside.housekeep();
        (nanos, self.trader().sent() - before)
    }

    /// A change of the book in, an order out.
    pub fn ticks(&mut self, length: Duration) -> Figure {
        let mut turns = Turns::new();
        let since = Instant::now();
        while since.elapsed() < length {
            let alone = self.outside.waiting(TRADING) == 0 && self.outside.waiting(MARKET_DATA) > 0;
            let (nanos, orders) = self.engine_turn();
            if alone && orders == 1 {
                turns.note(nanos, 1);
            }
            self.outside.venue_turn();
        }
        turns.figure("engine, market data message to order")
    }

    /// All reports of an order in, the next order out.
    pub fn answers(&mut self, length: Duration) -> Figure {
        let mut turns = Turns::new();
        let since = Instant::now();
        while since.elapsed() < length {
            let alone = self.outside.waiting(MARKET_DATA) == 0;
            let (nanos, orders) = self.engine_turn();
            if alone && orders == 1 {
                turns.note(nanos, 1);
            }
            self.outside.venue_turn();
        }
        turns.figure("engine, three reports to order")
    }

    /// Many unanswered, until so many orders were sent. Never inlined, so that its instructions can be counted.
    #[inline(never)]
    fn counted(&mut self, orders: u64) -> u64 {
        let before = self.trader().sent();
        while self.trader().sent() - before < orders {
            self.engine_turn();
            self.outside.venue_turn();
        }
        self.trader().sent() - before
    }

    /// Many unanswered: what an order and its reports cost either side.
    pub fn window(&mut self, length: Duration) -> [Figure; 2] {
        let (mut engine, mut venue) = (Turns::new(), Turns::new());
        let since = Instant::now();
        while since.elapsed() < length {
            let (mut nanos, mut orders) = (0, 0);
            while self.outside.waiting(TRADING) > 0
                || self.outside.waiting(MARKET_DATA) > 0
                || nanos == 0
            {
                let turn = self.engine_turn();
                (nanos, orders) = (nanos + turn.0.max(1), orders + turn.1);
            }
            engine.note(nanos, orders);
            venue.note(self.outside.venue_turn(), orders);
        }
        [
            engine.figure("engine, per order: three reports in, one order out"),
            venue.figure("venue, per order: one order in, three reports out"),
        ]
    }
}

/// Plays so many orders with so many unanswered, for a count of instructions; nothing is timed, and next to nothing
/// is due by the clock. How many it were.
///
/// # Errors
/// What keeps the two from being set up.
pub fn count(orders: u64, outstanding: u32) -> Result<u64, Failure> {
    let load = Load::Window { outstanding };
    let mut config = venue_config(load);
    config.liquidity.synthetic.events_per_second = 1;
    let mut both = Inline::new(load, &config)?;
    both.start()?;
    Ok(both.counted(orders))
}

/// Never inlined, so that its instructions can be counted.
#[inline(never)]
fn engine_turn(engine: &mut InlineEngine<Trader, Unwatched>) {
    engine.step();
}

#[cfg(test)]
mod tests {
    use taut_venue::config::LiquidityMode;

    use super::*;

    #[test]
    fn an_order_that_is_due_while_there_is_no_bid_is_a_fault_of_the_run() {
        let load = Load::Open { per_second: 1_000_000 };
        let mut config = venue_config(load);
        let found = |config: &VenueConfig| {
            let mut both = Inline::new(load, config).expect("they can be set up");
            let since = Instant::now();
            let said = |both: &Inline| {
                let faults = both.trader().found().faults;
                faults.into_iter().find(|fault| fault.contains("there was no bid"))
            };
            while both.trader().answers() == 0 && said(&both).is_none() {
                assert!(since.elapsed() < Duration::from_secs(60), "neither traded nor said why");
                both.round();
            }
            said(&both)
        };
        assert_eq!(found(&config), None);
        config.liquidity.mode = LiquidityMode::None;
        assert!(found(&config).is_some());
    }
}
