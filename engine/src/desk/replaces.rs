//! Replaces of orders whose OrderID(37) the venue has not told yet: a replace must name it (venue file 4.3), so
//! the newest terms are held, count as open, and leave with the first report of the order. Each that was held
//! ends once: it leaves, a later one takes its place, or it is given up.

use super::core::view;
use super::{Core, Desk};
use crate::command::ReplaceOrder;
use crate::event::WithdrawReason;
use crate::limits::COMMANDS_PER_CALLBACK_MAX;
use crate::order::{Order, OrderHandle, OrderState, OrderUpdate, RequestKind, Terms, UpdateKind};
use crate::risk::Refusal;
use crate::strategy::{Context, Strategy};
use crate::trace::Stamps;

impl Core {
    /// Holds a replace that could be sent but for the OrderID.
    pub(super) fn hold_replace(
        &mut self,
        order: &Order,
        replace: &ReplaceOrder,
        terms: Terms,
    ) -> Result<(), Refusal> {
        let now = self.clock.now();
        if self.superseded.len() == COMMANDS_PER_CALLBACK_MAX {
            return Err(Refusal::TooManyCommands);
        }
        let view = view(&self.markets, &self.orders, &self.positions, order.instrument);
        self.risk.judge_replace(replace, order, &view, now)?;
        if self.orders.hold_replace(order.handle, terms) {
            self.superseded.push_back(order.handle);
        }
        self.stats.replaces_held += 1;
        self.order_changed(order.handle, now);
        Ok(())
    }

    /// A replace that is held leaves as soon as it can, now that the order's OrderID may be known.
    pub(super) fn note_order_id(&mut self, handle: OrderHandle) {
        if self.orders.held_replaces() > 0 {
            self.replaces_due |= self
                .orders
                .get(handle)
                .is_some_and(|order| order.held_replace().is_some() && !order.order_id.is_empty());
        }
    }

    /// Whether [`Desk::pump_replaces`] may have something to do.
    pub(super) fn has_replaces(&self) -> bool {
        self.replaces_due || !self.superseded.is_empty()
    }
}

impl<S: Strategy> Desk<S> {
    /// Tells of the replaces in whose place others were held, and sends those that can leave.
    pub(super) fn pump_replaces(&mut self) {
        // What is superseded meanwhile is told the next time.
        for _ in 0..self.core.superseded.len() {
            let Some(handle) = self.core.superseded.pop_front() else { break };
            self.drop_replace(handle, WithdrawReason::Superseded);
        }
        if !self.core.replaces_due || self.core.check_lane().is_err() {
            return;
        }
        self.core.replaces_due = false;
        for at in 0..self.core.orders.live_len() {
            let Some(order) = self.core.orders.live_at(at).copied() else { break };
            let Some(terms) = order.held_replace().filter(|_| !order.order_id.is_empty()) else {
                continue;
            };
            if self.core.check_lane().is_err() {
                self.core.replaces_due = true;
                return;
            }
            self.core.orders.drop_held(order.handle);
            let sent = self.core.try_replace(order.handle, Stamps::NONE, |_, _| Some(terms));
            if let Err(refusal) = self.core.note(sent) {
                self.core.stats.replaces_dropped += 1;
                let kind = UpdateKind::ReplaceRefused { refusal };
                if let Some(update) = self.core.orders.told(order.handle, kind) {
                    self.tell_order(&update, false);
                }
            }
        }
    }

    /// A replace that is held of an order that has ended, or is uncertain, is given up.
    pub(super) fn end_held_replace(&mut self, update: &OrderUpdate) {
        let reason = match update.state {
            OrderState::Uncertain => WithdrawReason::OrderUncertain,
            state if state.is_end() => WithdrawReason::OrderEnded,
            _ => return,
        };
        if self.core.orders.drop_held(update.handle) {
            self.drop_replace(update.handle, reason);
        }
    }

    fn drop_replace(&mut self, handle: OrderHandle, reason: WithdrawReason) {
        self.core.stats.replaces_dropped += 1;
        let kind = UpdateKind::Withdrawn { request: RequestKind::Replace, reason };
        if let Some(update) = self.core.orders.told(handle, kind) {
            self.core.order_changed(handle, self.core.clock.now());
            self.strategy.on_order(&mut Context::new(&mut self.core), &update);
        }
    }
}
