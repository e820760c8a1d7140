//! Quotes both sides of every instrument, leans against its position, and follows the market with amends
//! that do not wait for each other: `cargo run --release --example market_maker`.

pub mod common;

use taut::desk::DeskStats;
use taut::pipeline::Outcome;
use taut::strategy::{
    Context, InstrumentId, OrderHandle, OrderSpec, OrderUpdate, Px, Qty, Side, Strategy, UpdateKind,
};

use clap::Parser;
use common::Options;

/// Quantity of a quote, in minimums of the instrument.
const SIZE: i64 = 20;
/// Ticks by which each quote that is held moves both prices away from the position.
const LEAN_TICKS: i64 = 4;
/// Largest position, in quotes.
const HOLD: i64 = 5;
/// Points of the venue's rate limit that are left alone: amends of young orders are dear.
const ROOM: u32 = 40;

#[derive(Clone, Copy)]
struct Quote {
    order: OrderHandle,
    px: Px,
}

/// Bid and offer of each instrument.
#[derive(Default)]
pub struct MarketMaker {
    quotes: Vec<[Option<Quote>; 2]>,
}

impl MarketMaker {
    fn follow(&mut self, ctx: &mut Context<'_>, id: InstrumentId, side: Side) {
        let (Some(book), Some(facts)) = (ctx.book(id), ctx.instrument(id)) else { return };
        let Some(best) = book.best(side) else { return };
        let (size, tick) = (facts.qty_min.0 * SIZE, facts.tick_size.0);
        let held = ctx.position(id).qty / size;
        let px = Px(best.px.0 - held * LEAN_TICKS * tick);
        let quote = &mut self.quotes[usize::from(id.0)][side as usize];
        if held * side.sign() >= HOLD {
            if let Some(old) = quote.take() {
                // Refused if it has ended meanwhile, and that is as good.
                let _ = ctx.cancel(old.order);
            }
            return;
        }
        let room = ctx.rate_head_room(id).venue.is_none_or(|room| room >= ROOM);
        match *quote {
            Some(old) if old.px == px || !room => {}
            Some(old) => {
                // The quantity of an amend is a total.
                let filled = ctx.order_state(old.order).map_or(0, |order| order.cum.0);
                if ctx.replace(old.order, Qty(filled + size), px).is_ok() {
                    *quote = Some(Quote { px, ..old });
                }
            }
            None => {
                let spec = OrderSpec::limit(id, side, Qty(size), px).post_only();
                *quote = ctx.order(spec).ok().map(|order| Quote { order, px });
            }
        }
    }
}

impl Strategy for MarketMaker {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        self.quotes = vec![[None; 2]; ctx.instruments().len()];
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        if !self.quotes.is_empty() {
            self.follow(ctx, id, Side::Buy);
            self.follow(ctx, id, Side::Sell);
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        let Some(quotes) = self.quotes.get_mut(usize::from(update.instrument.0)) else { return };
        let quote = &mut quotes[update.side as usize];
        let Some(known) = quote.filter(|quote| quote.order == update.handle) else { return };
        if update.state.is_end() || update.kind == UpdateKind::Uncertain {
            *quote = None;
        } else if let UpdateKind::RefusedByVenue { .. } | UpdateKind::ReplaceRefused { .. } =
            update.kind
            && let Some(px) = ctx.order_state(known.order).and_then(|order| order.px)
        {
            // It stays where it was.
            *quote = Some(Quote { px, ..known });
        }
    }
}

/// Runs it.
pub fn run(
    options: &Options,
    enough: impl Fn(&DeskStats) -> bool,
) -> Result<Outcome<MarketMaker>, Box<dyn std::error::Error>> {
    common::run(options, MarketMaker::default(), enough)
}

#[allow(dead_code, reason = "the test calls `run`")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    common::tell(&run(&Options::parse(), |_| false)?);
    Ok(())
}
