//! Strategies to put under a simulation: one that quotes, one that sends whatever comes to mind.

use fastrand::Rng;
use taut::command::CancelScope;
use taut::strategy::{
    Context, InstrumentId, Order, OrderHandle, OrderSpec, OrderUpdate, Px, Qty, SelfTrade, Side,
    Strategy, UpdateKind,
};
use taut::types::Market;

/// Keeps one quote on each side at the best price of the book and follows it with replaces, which
/// it does not wait for.
#[derive(Debug, Default)]
pub struct Quoter {
    quotes: [Option<(OrderHandle, Px)>; 2],
    stopping: bool,
}

impl Quoter {
    fn follow(&mut self, ctx: &mut Context<'_>, id: InstrumentId, side: Side) {
        let Some(book) = ctx.book(id) else { return };
        let (Some(best), Some(facts)) = (book.best(side), ctx.instrument(id)) else { return };
        let qty = Qty(facts.qty_min.0 * 50);
        let quote = &mut self.quotes[usize::from(side == Side::Sell)];
        match *quote {
            Some((_, px)) if px == best.px => {}
            Some((order, _)) => {
                let filled = ctx.order_state(order).map_or(0, |order| order.cum.0);
                if ctx.replace(order, Qty(filled + qty.0), best.px).is_ok() {
                    *quote = Some((order, best.px));
                }
            }
            None => {
                let spec = OrderSpec::limit(id, side, qty, best.px).post_only();
                *quote = ctx.order(spec).ok().map(|order| (order, best.px));
            }
        }
    }
}

impl Strategy for Quoter {
    fn on_book(&mut self, ctx: &mut Context<'_>, instrument: InstrumentId) {
        if !self.stopping {
            self.follow(ctx, instrument, Side::Buy);
            self.follow(ctx, instrument, Side::Sell);
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        let quote = &mut self.quotes[usize::from(update.side == Side::Sell)];
        let Some((order, _)) = *quote else { return };
        if order != update.handle {
            return;
        }
        if update.state.is_end() || update.kind == UpdateKind::Uncertain {
            *quote = None;
        } else if matches!(
            update.kind,
            UpdateKind::RefusedByVenue { .. } | UpdateKind::ReplaceRefused { .. }
        ) && let Some(px) = ctx.order_state(order).and_then(|order| order.px)
        {
            *quote = Some((order, px));
        }
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.stopping = true;
        ctx.cancel_open_orders();
    }
}

/// Sends new orders, replaces and cancels at random, several in one callback and many on one order,
/// and now and then a mass cancel; in front of, at and through the market, and behind triggers of every kind.
#[derive(Debug)]
pub struct Storm {
    rng: Rng,
    /// Most requests of one callback.
    burst: u32,
    stopping: bool,
}

impl Storm {
    /// A storm of up to `burst` requests per callback; one seed, one storm.
    #[must_use]
    pub fn new(seed: u64, burst: u32) -> Self {
        Self { rng: Rng::with_seed(seed), burst: burst.max(1), stopping: false }
    }

    fn blow(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        for _ in 0..self.rng.u32(0..=self.burst) {
            let open = ctx.open_orders().len();
            let order = (open > 0)
                .then(|| self.rng.usize(..open))
                .and_then(|at| ctx.open_orders().nth(at))
                .map(|order| (order.handle, order.cum));
            // Refusals are part of the storm.
            let _ = match (self.rng.u8(..100), order) {
                (0, _) => ctx.cancel_all(CancelScope::Session).is_ok(),
                (1, _) => ctx.cancel_all(CancelScope::Instrument(id)).is_ok(),
                (2, _) => ctx.cancel_all(CancelScope::SenderCompId).is_ok(),
                (3..30, Some((order, _))) => ctx.cancel(order).is_ok(),
                (30..75, Some((order, cum))) => self.replaces(ctx, order, cum),
                _ => self.order(ctx, id),
            };
        }
    }

    /// A price around the best of the other side, and a quantity.
    fn terms(&mut self, ctx: &Context<'_>, id: InstrumentId, side: Side) -> Option<(Px, Qty)> {
        let facts = ctx.instrument(id)?;
        let other = ctx.book(id)?.best(side.opposite())?.px.0;
        let behind = self.rng.i64(-3..40) * facts.tick_size.0;
        let qty = facts.qty_min.0 * self.rng.i64(1..200);
        Some((Px(other - side.sign() * behind), Qty(qty)))
    }

    fn order(&mut self, ctx: &mut Context<'_>, id: InstrumentId) -> bool {
        let side = if self.rng.bool() { Side::Buy } else { Side::Sell };
        let Some((px, qty)) = self.terms(ctx, id, side) else { return false };
        let limit = OrderSpec::limit(id, side, qty, px);
        let spec = match self.rng.u8(..12) {
            10.. => self.waits(ctx, limit),
            0 => OrderSpec::market(id, side, qty),
            1 | 2 => limit.ioc(),
            3..6 => limit.post_only(),
            _ => limit,
        };
        let rules = [SelfTrade::CancelBoth, SelfTrade::CancelNewest, SelfTrade::CancelOldest];
        // Derivatives have no such rules.
        let is_spot = ctx.instrument(id).is_some_and(|facts| facts.market() == Market::Spot);
        let rule = rules.get(self.rng.usize(..4)).filter(|_| is_spot);
        let Ok(order) = ctx.order(rule.map_or(spec, |&rule| spec.self_trade(rule))) else {
            return false;
        };
        // A cancel right behind, before anything is known of the order.
        if self.rng.u8(..10) == 0 { ctx.cancel(order).is_ok() } else { true }
    }

    /// An order that waits for a trigger near the market, of any kind; with a limit or without. `limit`: as it
    /// would be at once.
    fn waits(&mut self, ctx: &Context<'_>, limit: OrderSpec) -> OrderSpec {
        let OrderSpec { instrument, side, qty, .. } = limit;
        let tick = ctx.instrument(instrument).map_or(1, |facts| facts.tick_size.0);
        let distance = self.rng.i64(1..20) * tick;
        let offset = self.rng.i64(-3..6) * tick * side.sign();
        // Both sides of the price at which it would be.
        let near = limit.px.map_or(0, |px| px.0);
        let has_limit = self.rng.bool();
        let spec = |px| match has_limit {
            true => OrderSpec::limit(instrument, side, qty, Px(px)),
            false => OrderSpec::market(instrument, side, qty),
        };
        let up = near + side.sign() * distance;
        let down = near - side.sign() * distance;
        let spec = match self.rng.u8(..3) {
            0 => spec(up + offset).stop_loss(Px(up)),
            1 => spec(down + offset).take_profit(Px(down)),
            _ => spec(offset).trailing_stop(Px(distance)),
        };
        if self.rng.u8(..4) == 0 { spec.by_index() } else { spec }
    }

    /// A new trigger and limit for one that waits.
    fn moves(&mut self, ctx: &mut Context<'_>, order: &Order) -> bool {
        let (side, stop) = (order.side, order.stop_px.unwrap_or_default().0);
        let tick = ctx.instrument(order.instrument).map_or(1, |facts| facts.tick_size.0);
        let trigger = Px(stop + self.rng.i64(-3..=3) * tick);
        let behind = self.rng.i64(-3..6) * tick * side.sign();
        let limit = if order.ord_type.trails() { behind } else { trigger.0 + behind };
        let px = order.ord_type.has_limit().then_some(Px(limit));
        ctx.replace_trigger(order.handle, order.qty, trigger, px).is_ok()
    }

    fn replaces(&mut self, ctx: &mut Context<'_>, order: OrderHandle, cum: Qty) -> bool {
        let own = ctx.order_state(order).map(|order| (order.side, order.instrument));
        let Some((side, id)) = own else { return false };
        let waiting = ctx.order_state(order).copied().filter(Order::is_untriggered);
        if let Some(waiting) = waiting
            && self.rng.u8(..4) > 0
        {
            return self.moves(ctx, &waiting);
        }
        let mut sent = false;
        for _ in 0..self.rng.u32(1..=4) {
            let Some((px, qty)) = self.terms(ctx, id, side) else { return sent };
            sent |= ctx.replace(order, Qty(cum.0 + qty.0), px).is_ok();
        }
        if self.rng.u8(..5) == 0 {
            sent |= ctx.cancel(order).is_ok();
        }
        sent
    }
}

impl Strategy for Storm {
    fn on_book(&mut self, ctx: &mut Context<'_>, instrument: InstrumentId) {
        if !self.stopping {
            self.blow(ctx, instrument);
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        // Reactions to one's own reports, few enough that they die away.
        if !self.stopping && self.rng.u8(..16) == 0 {
            self.blow(ctx, update.instrument);
        }
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.stopping = true;
        ctx.cancel_open_orders();
    }
}
