//! The layout split: sockets, sessions and the venue on this thread, the strategy on another core, joined by
//! the rings of the pipeline. Both spin.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use taut::pipeline::{
    IdlePolicy, MARKET_DATA, SplitIo, SplitStrategy, TRADING, pin_current, split,
};
use taut::trace::Clock;
use taut::trace::allocation::{allocations, arm};

use super::super::echo::Pair;
use super::super::load::{Load, Trader, WARM_UP};
use super::outside::{Outside, Parts, set_up, venue_config};
use super::{Figure, START_WITHIN, Turns, nothing_answered};
use crate::Failure;

/// Rounds without anything to do after which nothing more comes of what came in: the strategy's thread is
/// through with it, and has had the time of as many rounds to issue a command.
const QUIET_ROUNDS: u32 = 2_000;

/// An engine in two threads, and a venue beside the first of them.
pub struct Split {
    load: Load,
    io: SplitIo,
    strategy: JoinHandle<SplitStrategy<Trader>>,
    outside: Outside,
    clock: Clock,
    /// Allocations of this process before there was an armed thread of this engine.
    allocated: u64,
}

impl Split {
    /// Set up, connected and trading; `load` is [`Load::Tick`] or [`Load::Closed`].
    ///
    /// # Errors
    /// What keeps the two from being set up, or no order being answered.
    pub fn new(load: Load, pair: Pair) -> Result<Self, Failure> {
        let (Parts { desk, core, conductors, clock }, outside) = set_up(load, &venue_config(load))?;
        let (io, mut strategy) = split(desk, core, conductors, clock.clone(), IdlePolicy::Spin)?;
        let allocated = allocations().count;
        let builder = std::thread::Builder::new().name("taut-strategy".into());
        let strategy = builder.spawn(move || {
            let _pinned = pin_current("taut-strategy", Some(pair.far));
            strategy.run();
            strategy
        })?;
        let mut split = Self { load, io, strategy, outside, clock, allocated };
        split.start()?;
        Ok(split)
    }

    fn start(&mut self) -> Result<(), Failure> {
        let since = Instant::now();
        let mut commands = 0;
        while commands <= WARM_UP as usize {
            if since.elapsed() > START_WITHIN {
                return Err(nothing_answered());
            }
            commands += self.io.step().commands;
            while let Some(dial) = self.io.next_dial() {
                self.io.dialled(self.outside.dial(dial));
            }
            self.outside.venue_turn();
        }
        Ok(())
    }

    /// What came is taken, until a command of the strategy has left or nothing more comes of it. Nanoseconds, and
    /// how many commands left.
    fn turn(&mut self) -> (u64, usize) {
        let armed = arm();
        let begun = self.clock.ticks();
        let mut quiet = 0;
        let commands = loop {
            let stepped = self.io.step();
            if stepped.commands > 0 {
                break stepped.commands;
            }
            quiet = if stepped.worked || !self.io.is_caught_up() { 0 } else { quiet + 1 };
            if quiet == QUIET_ROUNDS {
                break 0;
            }
        };
        let nanos = self.clock.nanos_between(begun, self.clock.ticks());
        drop(armed);
        self.outside.housekeep();
        (nanos, commands)
    }

    /// Bytes in, an order out: of a message of market data or of the reports of the order before, as the load is.
    pub fn figure(&mut self, length: Duration) -> Figure {
        let (cause, other, what) = match self.load {
            Load::Tick => (MARKET_DATA, TRADING, "split, market data message to order"),
            _ => (TRADING, MARKET_DATA, "split, three reports to order"),
        };
        let mut turns = Turns::new();
        let since = Instant::now();
        // An order that came too late for the turn that caused it would make the next one short.
        let mut late = false;
        while since.elapsed() < length {
            let caused = self.outside.waiting(cause) > 0;
            let alone = caused && self.outside.waiting(other) == 0;
            let (nanos, commands) = self.turn();
            if alone && commands == 1 && !late {
                turns.note(nanos, 1);
            }
            late = caused && commands == 0;
            self.outside.venue_turn();
        }
        turns.figure(what)
    }

    /// Ends the strategy's thread. What was not as it should be, and allocations of both threads.
    ///
    /// # Errors
    /// If the strategy's thread panicked.
    pub fn finish(self) -> Result<(Vec<String>, u64), Failure> {
        self.io.finish();
        let panicked = |_| std::io::Error::other("the strategy's thread panicked");
        let strategy = self.strategy.join().map_err(panicked)?;
        let faults = strategy.desk().strategy().found().faults;
        Ok((faults, allocations().count - self.allocated))
    }
}
