//! Takes from the side of the book that is thin, and gives back after a while:
//! `cargo run --release --example imbalance_taker`.

pub mod common;

use taut::desk::DeskStats;
use taut::pipeline::Outcome;
use taut::strategy::{Context, InstrumentId, OrderSpec, Qty, Side, Strategy, TimerId};

use clap::Parser;
use common::Options;

/// Levels that are weighed.
const LEVELS: usize = 5;
/// Share of the quantity that one side must have, per cent.
const SHARE: i128 = 75;
/// Quantity of an order, in minimums of the instrument.
const SIZE: i64 = 20;
/// How long a position is held, nanoseconds.
const HOLD_NS: u64 = 500_000_000;

/// At most one position for each instrument.
#[derive(Default)]
pub struct ImbalanceTaker {
    /// What it holds or has asked for.
    busy: Vec<bool>,
    /// How often the book was lopsided enough.
    pub signals: u64,
}

/// The side that has more than its share near the middle of the book.
fn heavy(ctx: &Context<'_>, id: InstrumentId) -> Option<Side> {
    let book = ctx.book(id)?;
    let sum = |side| book.levels(side).take(LEVELS).map(|level| i128::from(level.qty.0)).sum();
    let (bids, asks): (i128, i128) = (sum(Side::Buy), sum(Side::Sell));
    let beyond = |one: i128| one * 100 > SHARE * (bids + asks);
    match (beyond(bids), beyond(asks)) {
        (true, _) => Some(Side::Buy),
        (_, true) => Some(Side::Sell),
        _ => None,
    }
}

impl ImbalanceTaker {
    /// What does not trade at once at the best price is cancelled.
    fn take(ctx: &mut Context<'_>, id: InstrumentId, side: Side, qty: Qty) -> bool {
        let best = ctx.book(id).and_then(|book| book.best(side.opposite()));
        best.is_some_and(|best| ctx.order(OrderSpec::limit(id, side, qty, best.px).ioc()).is_ok())
    }
}

impl Strategy for ImbalanceTaker {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        self.busy = vec![false; ctx.instruments().len()];
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        let (Some(false), Some(facts)) = (self.busy.get(usize::from(id.0)), ctx.instrument(id))
        else {
            return;
        };
        let qty = Qty(facts.qty_min.0 * SIZE);
        let Some(side) = heavy(ctx, id) else { return };
        self.signals += 1;
        if Self::take(ctx, id, side, qty) {
            let until = ctx.now().plus_nanos(HOLD_NS);
            // There are as many timers as instruments.
            self.busy[usize::from(id.0)] = ctx.set_timer(TimerId(id.0), until).is_ok();
        }
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: TimerId) {
        let id = InstrumentId(timer.0);
        let held = ctx.position(id).qty;
        let side = if held > 0 { Side::Sell } else { Side::Buy };
        let given = held == 0 || Self::take(ctx, id, side, Qty(held.abs()));
        // What is left of it is given in the next round.
        let again = ctx.now().plus_nanos(HOLD_NS);
        let waits = (held != 0 || !given) && ctx.set_timer(timer, again).is_ok();
        self.busy[usize::from(id.0)] = waits;
    }
}

/// Runs it.
pub fn run(
    options: &Options,
    enough: impl Fn(&DeskStats) -> bool,
) -> Result<Outcome<ImbalanceTaker>, Box<dyn std::error::Error>> {
    common::run(options, ImbalanceTaker::default(), enough)
}

#[allow(dead_code, reason = "the test calls `run`")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let outcome = run(&Options::parse(), |_| false)?;
    println!("the book was lopsided {} times", outcome.desk.strategy().signals);
    common::tell(&outcome);
    Ok(())
}
