//! Matching: an order that is not in the book takes what it can, then rests or ends.

use taut::event::Liquidity;
use taut::types::{OrdType, Qty, TimeInForce};
use taut_codec::value::UtcTime;

use super::account::AccountId;
use super::command::SelfTrade;
use super::engine::Engine;
use super::event::{EngineEvent, EventKind, OrderState, Trade};
use super::order::Order;
use super::pool::NONE;
use super::reason::CancelReason;
use super::settlement::{Fill, Settlement};

impl<S: Settlement> Engine<S> {
    pub(super) fn is_self_trade(&self, taker: AccountId, maker: AccountId) -> bool {
        taker == maker && !self.accounts[taker.0 as usize].flags.self_trade_allowed
    }

    /// Matches an order that is not in the book, then rests or cancels what is left.
    pub(super) fn take_and_rest(&mut self, now: UtcTime, slot: u32, events: &mut Vec<EngineEvent>) {
        let Order { instrument, side, ord_type, price, account, self_trade, time_in_force, .. } =
            *self.orders.get(slot);
        while self.orders.get(slot).leaves().0 > 0 {
            let Some(maker) = self.books[usize::from(instrument.0)].front(side.opposite()) else {
                break;
            };
            let resting = self.orders.get(maker);
            if ord_type == OrdType::Limit && !side.at_least_as_good(price, resting.price) {
                break;
            }
            if self.is_self_trade(account, resting.account) {
                if self_trade != SelfTrade::CancelNewest {
                    self.end(now, maker, CancelReason::SelfTrade, None, events);
                }
                if self_trade != SelfTrade::CancelOldest {
                    self.end(now, slot, CancelReason::SelfTrade, None, events);
                    return;
                }
                continue;
            }
            self.trade(now, slot, maker, events);
        }
        if self.orders.get(slot).leaves().0 == 0 {
            self.finish(slot);
        } else if ord_type == OrdType::Market {
            self.end(now, slot, CancelReason::NoLiquidity, None, events);
        } else if time_in_force == TimeInForce::Ioc {
            self.end(now, slot, CancelReason::ImmediateOrCancel, None, events);
        } else {
            self.books[usize::from(instrument.0)].push_back(&mut self.orders, slot, now);
        }
    }

    /// One trade of an arriving order with a resting one, at the resting one's price.
    fn trade(&mut self, now: UtcTime, taker: u32, maker: u32, events: &mut Vec<EngineEvent>) {
        let Order { price: px, instrument, level, .. } = *self.orders.get(maker);
        let qty = self.orders.get(taker).leaves().min(self.orders.get(maker).leaves());
        let market = &mut self.markets[usize::from(instrument.0)];
        market.trade_seq += 1;
        let trade_seq = market.trade_seq;
        let taker_fee = self.fill(taker, Fill { px, qty, liquidity: Liquidity::Taker });
        let maker_fee = self.fill(maker, Fill { px, qty, liquidity: Liquidity::Maker });
        let book = &mut self.books[usize::from(instrument.0)];
        book.reduce(level, qty, now);
        self.orders.get_mut(maker).changed_at = now;
        let maker_done = self.orders.get(maker).leaves().0 == 0;
        if maker_done {
            book.remove(&mut self.orders, maker, now);
        }
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
        if maker_done {
            self.finish(maker);
        }
    }

    fn fill(&mut self, slot: u32, fill: Fill) -> i128 {
        let order = self.orders.get_mut(slot);
        order.cum.0 += fill.qty.0;
        order.notional += i128::from(fill.px.0) * i128::from(fill.qty.0);
        assert!(order.cum <= order.qty, "no order fills beyond its quantity");
        self.settlement.fill(order, fill)
    }

    /// Cancels what is left of an order, resting or not.
    pub(super) fn end(
        &mut self,
        now: UtcTime,
        slot: u32,
        reason: CancelReason,
        request_key: Option<u128>,
        events: &mut Vec<EngineEvent>,
    ) {
        let order = self.orders.get(slot);
        let (cancelled, instrument) = (order.leaves(), order.instrument);
        if order.level != NONE {
            self.books[usize::from(instrument.0)].remove(&mut self.orders, slot, now);
        }
        let order = OrderState { leaves: Qty(0), ..self.state(slot) };
        let kind = EventKind::Cancelled { order, reason, cancelled, request_key };
        events.push(EngineEvent { at: now, kind });
        self.finish(slot);
    }

    /// Releases what an ended order holds, and its slot.
    pub(super) fn finish(&mut self, slot: u32) {
        let order = self.orders.get_mut(slot);
        self.settlement.set_hold(order, 0);
        let Order { account, account_prev, account_next, .. } = *order;
        let account = &mut self.accounts[account.0 as usize];
        match account_prev {
            NONE => account.head = account_next,
            previous => self.orders.get_mut(previous).account_next = account_next,
        }
        match account_next {
            NONE => account.tail = account_prev,
            next => self.orders.get_mut(next).account_prev = account_prev,
        }
        self.orders.release(slot);
    }
}
