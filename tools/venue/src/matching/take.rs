//! Matching: an order that is not in the book takes what it can, then rests or ends.

use taut::event::Liquidity;
use taut::types::{OrdType, Px, Qty, TimeInForce};
use taut_codec::value::UtcTime;

use super::book::queue_of;
use super::command::SelfTrade;
use super::engine::Engine;
use super::event::{Asker, EngineEvent, EventKind, OrderState, Trade};
use super::order::Order;
use super::pool::{NONE, Neighbours};
use super::reason::{CancelReason, RejectReason};
use super::settlement::{Fill, Settlement};

/// Why an order that has no room trades no more.
const fn stopped(order: &Order) -> CancelReason {
    CancelReason::Refused(if order.reduce_only {
        RejectReason::ReduceOnlyClosed
    } else {
        RejectReason::PositionSize
    })
}

impl<S: Settlement> Engine<S> {
    fn self_trade(&self, taker: &Order, maker: &Order) -> Option<SelfTrade> {
        let mode = self.settlement.self_trade(taker, maker)?;
        let allowed = self.accounts[taker.account.0 as usize].flags.self_trade_allowed;
        (!allowed).then_some(mode)
    }

    /// The worst price at which an order may trade now. A market order has one by the venue's protection
    /// (venue file 6.1).
    pub(super) fn limit_of(&self, order: &Order) -> Option<Px> {
        if order.ord_type != OrdType::Market {
            return Some(order.price);
        }
        let rate = i128::from(self.rules.market_protection?);
        let best = self.books[usize::from(order.instrument.0)].best(order.side.opposite())?;
        let band = i128::from(best.0) * rate / 1_000_000 * i128::from(order.side.sign());
        Some(Px(i64::try_from(i128::from(best.0) + band).unwrap_or(i64::MAX)))
    }

    /// Matches an order that is not in the book, then rests or cancels what is left.
    pub(super) fn take_and_rest(&mut self, now: UtcTime, slot: u32, events: &mut Vec<EngineEvent>) {
        let order = self.orders.get(slot);
        let limit = self.limit_of(order);
        let kill = order.time_in_force == TimeInForce::Fok;
        if kill && !self.can_fill(order, limit) {
            self.end(now, slot, CancelReason::FillOrKill, None, events);
            return;
        }
        if !self.take(now, slot, limit, events) {
            return;
        }
        let order = self.orders.get(slot);
        let Order { instrument, side, ord_type, time_in_force, .. } = *order;
        if order.leaves().0 == 0 {
            self.finish(slot);
            return;
        }
        assert!(!kill, "a fill-or-kill order was looked through before");
        if self.settlement.room(order).0 == 0 {
            let reason = stopped(order);
            self.end(now, slot, reason, None, events);
        } else if ord_type == OrdType::Market {
            let reason = match self.books[usize::from(instrument.0)].best(side.opposite()) {
                Some(_) if limit.is_some() => CancelReason::PriceProtection,
                _ => CancelReason::NoLiquidity,
            };
            self.end(now, slot, reason, None, events);
        } else if time_in_force == TimeInForce::Ioc {
            self.end(now, slot, CancelReason::ImmediateOrCancel, None, events);
        } else {
            self.rest(now, slot);
        }
    }

    fn rest(&mut self, now: UtcTime, slot: u32) {
        let order = self.orders.get_mut(slot);
        order.refill();
        let instrument = usize::from(order.instrument.0);
        let (side, price) = (order.side, order.price);
        let book = &mut self.books[instrument];
        book.push_back(&mut self.orders, slot, now);
        let crossed = book.best(side.opposite()).is_some_and(|o| side.at_least_as_good(price, o));
        assert!(!crossed, "a book never crosses");
    }

    /// Trades as long as the book is good enough. Returns whether the order still lives.
    fn take(
        &mut self,
        now: UtcTime,
        slot: u32,
        limit: Option<Px>,
        events: &mut Vec<EngineEvent>,
    ) -> bool {
        let Order { instrument, side, .. } = *self.orders.get(slot);
        let step = self.market(instrument).instrument.qty_step;
        loop {
            let Some(maker) = self.books[usize::from(instrument.0)].front(side.opposite()) else {
                return true;
            };
            let (order, resting) = (self.orders.get(slot), self.orders.get(maker));
            let px = resting.price;
            if limit.is_some_and(|limit| !side.at_least_as_good(limit, px)) {
                return true;
            }
            let qty = order.tradable(px, step);
            if qty.0 == 0 {
                return true;
            }
            if let Some(mode) = self.self_trade(order, resting) {
                if mode != SelfTrade::CancelNewest {
                    self.end(now, maker, CancelReason::SelfTrade, None, events);
                }
                if mode != SelfTrade::CancelOldest {
                    self.end(now, slot, CancelReason::SelfTrade, None, events);
                    return false;
                }
                continue;
            }
            let qty = qty.min(resting.visible());
            let room = self.settlement.room(resting);
            if room.0 == 0 {
                let reason = stopped(resting);
                self.end(now, maker, reason, None, events);
                continue;
            }
            let own_room = self.settlement.room(order);
            let most = room.min(own_room);
            // An account that trades with itself gets nowhere: part by part it would not end.
            if own_room.0 == 0 || (resting.account == order.account && qty > most) {
                let reason = stopped(order);
                self.end(now, slot, reason, None, events);
                return false;
            }
            self.trade(now, (slot, maker), (px, qty.min(most)), events);
        }
    }

    /// One trade of an arriving order with a resting one, at the resting one's price.
    fn trade(
        &mut self,
        now: UtcTime,
        (taker, maker): (u32, u32),
        (px, qty): (Px, Qty),
        events: &mut Vec<EngineEvent>,
    ) {
        let &Order { instrument, level, .. } = self.orders.get(maker);
        let market = &mut self.markets[usize::from(instrument.0)];
        market.trade_seq += 1;
        let trade_seq = market.trade_seq;
        let taker_fee = self.fill(taker, Fill { px, qty, liquidity: Liquidity::Taker });
        let maker_fee = self.fill(maker, Fill { px, qty, liquidity: Liquidity::Maker });
        self.settlement.mark(instrument, px);
        assert!(self.settlement.is_balanced(instrument), "a trade makes and destroys no money");
        self.books[usize::from(instrument.0)].trade(level, qty);
        self.orders.get_mut(maker).changed_at = now;
        let trade = Trade {
            instrument,
            trade_seq,
            px,
            qty,
            maker: self.state(maker),
            taker: self.state(taker),
            maker_fee,
            taker_fee,
        };
        events.push(EngineEvent { at: now, kind: EventKind::Trade(trade) });
        self.note_trade(instrument, px);
        self.settle_maker(now, maker, events);
    }

    /// What becomes of a resting order after a trade: it ends, shows its next slice, or stays.
    fn settle_maker(&mut self, now: UtcTime, maker: u32, events: &mut Vec<EngineEvent>) {
        let order = self.orders.get(maker);
        let book = &mut self.books[usize::from(order.instrument.0)];
        if order.leaves().0 == 0 {
            book.remove(&mut self.orders, maker, now);
            self.finish(maker);
        } else if order.reduce_only && self.settlement.room(order).0 == 0 {
            let reason = stopped(order);
            self.end(now, maker, reason, None, events);
        } else if order.visible().0 == 0 {
            // The next slice goes to the back of the queue (venue file 6.5).
            book.remove(&mut self.orders, maker, now);
            self.orders.get_mut(maker).refill();
            book.push_back(&mut self.orders, maker, now);
        } else {
            book.touch(order.level, now);
        }
    }

    fn fill(&mut self, slot: u32, fill: Fill) -> i128 {
        let order = self.orders.get_mut(slot);
        order.cum.0 += fill.qty.0;
        order.notional += i128::from(fill.px.0) * i128::from(fill.qty.0);
        if fill.liquidity == Liquidity::Maker && order.display.0 != 0 {
            order.slice.0 -= fill.qty.0;
            assert!(order.slice.0 >= 0, "no iceberg fills beyond its slice");
        }
        if order.qty_in_quote {
            let step = self.markets[usize::from(order.instrument.0)].instrument.qty_step;
            order.done = order.tradable(fill.px, step).0 == 0;
        }
        assert!(order.leaves().0 >= 0, "no order fills beyond its quantity");
        self.settlement.fill(order, fill)
    }

    /// Whether the book fills an order whole at once. Self-trade prevention may end the order before; the
    /// orders that may only reduce a position are not counted on.
    fn can_fill(&self, order: &Order, limit: Option<Px>) -> bool {
        let outlook = self.outlook(order, limit);
        outlook.whole && self.settlement.room(order) >= outlook.firm
    }

    /// What the book would give an order now.
    pub(super) fn outlook(&self, order: &Order, limit: Option<Px>) -> Outlook {
        let mut outlook = Outlook::default();
        let step = self.market(order.instrument).instrument.qty_step;
        let book = &self.books[usize::from(order.instrument.0)];
        let mut left = order.leaves();
        for (px, head) in book.queues(order.side.opposite()) {
            if limit.is_some_and(|limit| !order.side.at_least_as_good(limit, px)) {
                break;
            }
            let want = if order.qty_in_quote { left.0 / px.0 / step.0 * step.0 } else { left.0 };
            if want == 0 {
                outlook.whole = true;
                break;
            }
            let (there, stopped) = self.reachable(order, (head, want), &mut outlook);
            let taken = want.min(there.0);
            let cost = i128::from(taken) * i128::from(px.0);
            outlook.firm.0 += taken;
            outlook.cost += cost;
            left.0 -= if order.qty_in_quote { cost as i64 } else { taken };
            let done = if order.qty_in_quote { taken == want } else { left.0 == 0 };
            if done || stopped {
                outlook.whole = done;
                outlook.meets_own = stopped && !done;
                break;
            }
        }
        outlook
    }

    /// What of one level an order would reach, and whether it ends there because it meets an order of its
    /// own account. As soon as it has what it wants, no more is looked at.
    fn reachable(
        &self,
        order: &Order,
        (head, want): (u32, i64),
        outlook: &mut Outlook,
    ) -> (Qty, bool) {
        let (mut shown, mut all) = (0i128, 0i128);
        for resting in queue_of(&self.orders, head).map(|slot| self.orders.get(slot)) {
            if let Some(mode) = self.self_trade(order, resting) {
                if mode == SelfTrade::CancelOldest {
                    continue;
                }
                return (saturated(shown), true);
            }
            if resting.reduce_only {
                outlook.loose.0 = outlook.loose.0.saturating_add(resting.leaves().0);
                outlook.loose_px = outlook.loose_px.max(resting.price);
                continue;
            }
            shown += i128::from(resting.visible().0);
            all += i128::from(resting.leaves().0);
            if shown >= i128::from(want) {
                break;
            }
        }
        (saturated(all), false)
    }

    /// Cancels what is left of an order, resting or not.
    pub(super) fn end(
        &mut self,
        now: UtcTime,
        slot: u32,
        reason: CancelReason,
        request: Option<Asker>,
        events: &mut Vec<EngineEvent>,
    ) {
        let cancelled = self.orders.get(slot).leaves();
        self.withdraw(now, slot);
        let order = OrderState { leaves: Qty(0), ..self.state(slot) };
        let kind = EventKind::Cancelled { order, reason, cancelled, request };
        events.push(EngineEvent { at: now, kind });
        self.finish(slot);
    }

    /// Releases what an ended order holds, its timer and its slot.
    pub(super) fn finish(&mut self, slot: u32) {
        self.timers.clear(&mut self.orders, slot);
        let order = self.orders.get_mut(slot);
        self.settlement.set_hold(order, 0);
        let account = &mut self.accounts[order.account.0 as usize];
        let Neighbours { prev, next } = self.orders.neighbours(slot);
        match prev {
            NONE => account.head = next,
            previous => self.orders.neighbours_mut(previous).next = next,
        }
        match next {
            NONE => account.tail = prev,
            next => self.orders.neighbours_mut(next).prev = prev,
        }
        self.orders.release(slot);
    }
}

/// What the book would give an order now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outlook {
    /// Quantity that would be traded, and what it would cost, without orders that may only reduce a
    /// position: nobody knows what they can still trade when their turn comes.
    pub(super) firm: Qty,
    /// See `firm`.
    pub(super) cost: i128,
    /// The quantity of those orders, and the highest of their prices.
    pub(super) loose: Qty,
    /// See `loose`.
    pub(super) loose_px: Px,
    /// Whether `firm` is all that the order wants.
    pub(super) whole: bool,
    /// Whether the order ends because it meets one of its own account.
    pub(super) meets_own: bool,
}

fn saturated(qty: i128) -> Qty {
    Qty(i64::try_from(qty).unwrap_or(i64::MAX))
}
