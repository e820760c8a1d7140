//! The strategy, and nothing of where it runs.

use std::collections::BTreeMap;

use taut::strategy::{
    Context, InstrumentId, OrderHandle, OrderSpec, OrderUpdate, Px, Qty, Side, Strategy, UpdateKind,
};
use taut::types::Market;

/// Keeps a quote on each side of every instrument at its best price. On spot it follows the market with
/// amends, on derivatives, which have none in production, with a cancel and an order.
#[derive(Debug, Clone, Default)]
pub struct Follower {
    quotes: BTreeMap<(InstrumentId, bool), (OrderHandle, Px)>,
    stopping: bool,
}

impl Follower {
    fn follow(&mut self, ctx: &mut Context<'_>, id: InstrumentId, side: Side) {
        let Some(facts) = ctx.instrument(id).copied() else { return };
        let Some(px) = ctx.book(id).and_then(|book| book.best(side)).map(|best| best.px) else {
            return;
        };
        let (key, qty) = ((id, side == Side::Buy), facts.qty_min.0 * 10);
        match self.quotes.get(&key).copied() {
            Some((_, at)) if at == px => {}
            Some((order, _)) if facts.market() == Market::Spot => {
                let filled = ctx.order_state(order).map_or(0, |order| order.cum.0);
                if ctx.replace(order, Qty(filled + qty), px).is_ok() {
                    self.quotes.insert(key, (order, px));
                }
            }
            // Its end makes room for the next; that one is under way already is told.
            Some((order, _)) => drop(ctx.cancel(order)),
            None => {
                let spec = OrderSpec::limit(id, side, Qty(qty), px).post_only();
                if let Ok(order) = ctx.order(spec) {
                    self.quotes.insert(key, (order, px));
                }
            }
        }
    }
}

impl Strategy for Follower {
    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        if !self.stopping {
            self.follow(ctx, id, Side::Buy);
            self.follow(ctx, id, Side::Sell);
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        let key = (update.instrument, update.side == Side::Buy);
        let Some(&(order, _)) = self.quotes.get(&key) else { return };
        if order != update.handle {
            return;
        }
        if update.state.is_end() || update.kind == UpdateKind::Uncertain {
            self.quotes.remove(&key);
        } else if matches!(update.kind, UpdateKind::RefusedByVenue { .. })
            && let Some(px) = ctx.order_state(order).and_then(|order| order.px)
        {
            self.quotes.insert(key, (order, px));
        }
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.stopping = true;
        ctx.cancel_open_orders();
    }
}
