//! Quotes a future by the price of spot, and closes on spot what the future fills: one strategy on two
//! markets, `cargo run --release --example two_markets`.

pub mod common;

use taut::desk::DeskStats;
use taut::pipeline::Outcome;
use taut::strategy::{
    Context, InstrumentId, OrderHandle, OrderSpec, OrderUpdate, Px, Qty, Side, Strategy, UpdateKind,
};

use clap::Parser;
use common::Options;

/// The instrument of the first market, and that of the second.
const SPOT: InstrumentId = InstrumentId(0);
const FUTURE: InstrumentId = InstrumentId(1);
/// Quantity of a quote, in minimums of the future.
const SIZE: i64 = 20;
/// Largest position in the future, in quotes.
const HOLD: i64 = 5;
/// How far the quotes are from the price of spot, basis points of it.
const EDGE_BPS: i64 = 1;
/// A quote follows when it is so many basis points from where it should be: a cancel and an order, because
/// derivatives have no amends, and both cost tokens.
const FOLLOW_BPS: i64 = 1;
/// Tokens that are left for cancels.
const ROOM: u32 = 100;
/// How far a closing order may go through the best price of spot, basis points of it.
const THROUGH_BPS: i64 = 10;

/// Bid and offer of the future, and the order on spot that closes what they filled.
#[derive(Default)]
pub struct TwoMarkets {
    quotes: [Option<(OrderHandle, Px)>; 2],
    closing: Option<OrderHandle>,
    /// Orders that were sent to spot.
    pub closed: u64,
    stopping: bool,
}

/// A decimal number of one instrument's units in those of another.
fn in_units(value: i64, from: u8, to: u8) -> Option<i64> {
    match to.checked_sub(from) {
        Some(more) => value.checked_mul(10i64.checked_pow(more.into())?),
        None => Some(value / 10i64.checked_pow((from - to).into())?),
    }
}

impl TwoMarkets {
    /// The price of spot, as one of the future, less or more the edge; never through the future's own best.
    fn price(ctx: &Context<'_>, side: Side) -> Option<Px> {
        let (spot, future) = (ctx.instrument(SPOT)?, ctx.instrument(FUTURE)?);
        let twice_mid = i64::try_from(ctx.book(SPOT)?.twice_mid()?).ok()?;
        let fair = in_units(twice_mid, spot.price_precision, future.price_precision)? / 2;
        let px = fair - side.sign() * (fair * EDGE_BPS / 10_000);
        let tick = future.tick_size.0;
        let opposite = ctx.book(FUTURE)?.best(side.opposite())?.px.0 - side.sign() * tick;
        let px = if side == Side::Buy { px.min(opposite) } else { px.max(opposite) };
        Some(Px(px / tick * tick))
    }

    fn quote(&mut self, ctx: &mut Context<'_>, side: Side) {
        let (Some(px), Some(facts)) = (Self::price(ctx, side), ctx.instrument(FUTURE)) else {
            return;
        };
        let size = facts.qty_min.0 * SIZE;
        let is_full = ctx.position(FUTURE).qty * side.sign() >= HOLD * size;
        let quote = &mut self.quotes[side as usize];
        if let Some((order, at)) = *quote {
            let is_off = (px.0 - at.0).abs() * 10_000 > at.0 * FOLLOW_BPS;
            if is_full || is_off {
                // Its end makes room for the next one; if it has ended already, that is told.
                let _ = ctx.cancel(order);
            }
        } else if !is_full && ctx.rate_head_room(FUTURE).venue.is_none_or(|room| room >= ROOM) {
            let spec = OrderSpec::limit(FUTURE, side, Qty(size), px).post_only();
            *quote = ctx.order(spec).ok().map(|order| (order, px));
        }
    }

    /// Sends to spot what brings both positions together to nothing.
    fn close(&mut self, ctx: &mut Context<'_>) {
        let (Some(spot), Some(future)) = (ctx.instrument(SPOT), ctx.instrument(FUTURE)) else {
            return;
        };
        let held = in_units(ctx.position(FUTURE).qty, future.qty_precision, spot.qty_precision);
        let open = held.unwrap_or(0) + ctx.position(SPOT).qty;
        if self.closing.is_some() || open.abs() < spot.qty_min.0 {
            return;
        }
        let side = if open > 0 { Side::Sell } else { Side::Buy };
        let Some(best) = ctx.book(SPOT).and_then(|book| book.best(side.opposite())) else { return };
        let px = best.px.0 + side.sign() * (best.px.0 * THROUGH_BPS / 10_000);
        let px = Px(px / spot.tick_size.0 * spot.tick_size.0);
        let spec = OrderSpec::limit(SPOT, side, Qty(open.abs()), px).ioc();
        self.closing = ctx.order(spec).ok();
        self.closed += u64::from(self.closing.is_some());
    }
}

impl Strategy for TwoMarkets {
    fn on_book(&mut self, ctx: &mut Context<'_>, _: InstrumentId) {
        if !self.stopping {
            self.quote(ctx, Side::Buy);
            self.quote(ctx, Side::Sell);
            self.close(ctx);
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        let is_over = update.state.is_end() || update.kind == UpdateKind::Uncertain;
        if self.closing == Some(update.handle) && is_over {
            self.closing = None;
        }
        if let Some(quote) = self
            .quotes
            .iter_mut()
            .find(|quote| quote.is_some_and(|(order, _)| order == update.handle) && is_over)
        {
            *quote = None;
        }
        if matches!(update.kind, UpdateKind::Filled { .. }) || is_over {
            self.close(ctx);
        }
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.stopping = true;
        ctx.cancel_open_orders();
    }
}

/// Runs it.
pub fn run(
    options: &Options,
    enough: impl Fn(&DeskStats) -> bool,
) -> Result<Outcome<TwoMarkets>, Box<dyn std::error::Error>> {
    common::run_on_two(options, TwoMarkets::default(), enough)
}

#[allow(dead_code, reason = "the test calls `run`")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let outcome = run(&Options::parse(), |_| false)?;
    println!("{} orders closed on spot what the future filled", outcome.desk.strategy().closed);
    common::tell(&outcome);
    Ok(())
}
