//! What the venue says of orders, told to the strategy; and what leaves orders in doubt.

use super::{Desk, UnknownOrders};
use crate::event::Report;
use crate::order::{Order, OrderHandle, OrderState, OrderUpdate, Proof, ReportOutcome, UpdateKind};
use crate::strategy::{Context, SessionUpdate, Strategy};
use crate::types::{ClOrdId, OrderId};

impl<S: Strategy> Desk<S> {
    pub(super) fn on_report(&mut self, report: &Report) {
        let outcome = self.core.orders.on_report(report);
        let applied = match &outcome {
            ReportOutcome::Unknown => return self.on_unknown(report),
            ReportOutcome::Duplicate(_) => {
                self.core.stats.fills_duplicate += 1;
                return;
            }
            ReportOutcome::Applied(applied) => applied,
        };
        let update = &applied.update;
        if applied.resolved {
            self.core.note_certain(update.handle, update.state, Proof::Told);
        }
        if let Some(fills) = &applied.recovered {
            self.core.stats.fills_recovered += 1;
            self.core.positions.on_recovered(update.instrument, update.side, fills);
            let kind = UpdateKind::FillsRecovered(*fills);
            self.tell_order(&OrderUpdate { kind, ..*update }, false);
        }
        if let Some(fill) = &applied.fill {
            self.core.stats.fills += 1;
            self.core.positions.on_fill(update.instrument, update.side, fill);
        }
        match update.kind {
            UpdateKind::Acked => self.core.stats.acks += 1,
            UpdateKind::Replaced { .. } => self.core.stats.replaced += 1,
            UpdateKind::Triggered { .. } => self.core.stats.triggered += 1,
            UpdateKind::Canceled { .. } => self.core.stats.canceled += 1,
            UpdateKind::Expired => self.core.stats.expired += 1,
            _ => {}
        }
        if let (1.. | ..=-1, Some((_, currency))) = (applied.fee_delta, &report.fee) {
            let market = self.core.markets.get(update.instrument);
            let is_known = market.and_then(|m| m.instrument().copied()).is_some_and(|facts| {
                let (id, amount) = (update.instrument, applied.fee_delta);
                self.core.positions.on_fee(id, &facts, amount, currency)
            });
            if !is_known {
                self.core.stats.foreign_fees += 1;
                self.tell(&SessionUpdate::ForeignFee { order: update.handle });
            }
        }
        self.core.note_order_id(update.handle);
        self.tell_order(update, applied.disagrees);
    }

    /// A report about an order that is not known here: adopted or alarmed about, by policy. One that has
    /// ended is adopted only for what it traded.
    fn on_unknown(&mut self, report: &Report) {
        let is_ended = report.ord_status.is_end() && report.fill.is_none();
        let adopts = self.core.unknown_orders == UnknownOrders::Adopt && !is_ended;
        let is_known = self.core.orders.is_known(report);
        let adopted = if adopts && !is_known { self.core.orders.adopt(report).ok() } else { None };
        let Some(order) = adopted else {
            self.core.stats.unknown_reports += 1;
            return self.tell(&SessionUpdate::unknown_report(report));
        };
        self.core.stats.adopted += 1;
        if let Some(update) = self.core.orders.told(order, UpdateKind::Adopted) {
            self.tell_order(&update, false);
        }
        self.on_report(report);
        let adopted = self.core.orders.get(order);
        if adopted.is_some_and(|order| order.state == OrderState::Uncertain) {
            // What was repeated says that it was there, not that it is.
            self.core.truth.on_lost(self.core.clock.now());
        }
    }

    pub(super) fn all_uncertain(&mut self, is_dropped: bool) {
        for at in 0..self.core.orders.live_len() {
            if let Some(order) = self.core.orders.live_at(at).map(|order| order.handle) {
                self.uncertain(order, is_dropped);
            }
        }
    }

    pub(super) fn uncertain(&mut self, order: OrderHandle, is_dropped: bool) {
        if let Some(update) = self.core.orders.mark_uncertain(order, is_dropped) {
            self.core.stats.uncertain += 1;
            let kept = self.core.orders.get(order).is_some_and(Order::is_cancel_kept);
            self.core.kept.may_send |= kept;
            self.tell_order(&update, false);
        }
    }

    /// A message that could not be read may have told anything about the orders that it is about: the
    /// named one, or any.
    pub(super) fn on_unreadable(
        &mut self,
        msg_type: u8,
        cl_ord_id: Option<ClOrdId>,
        order_id: &OrderId,
    ) {
        if !matches!(msg_type, b'8' | b'9' | b'j' | b'3') {
            return;
        }
        let orders = &self.core.orders;
        let by_id = cl_ord_id.and_then(|id| orders.find(id));
        match by_id.or_else(|| orders.find_order_id(order_id)).map(|order| order.handle) {
            Some(order) => {
                self.uncertain(order, false);
                self.core.truth.on_lost(self.core.clock.now());
            }
            // It may have named one that is not known here.
            None if cl_ord_id.is_some() && !order_id.is_empty() => {}
            None => {
                self.all_uncertain(false);
                self.core.truth.on_lost(self.core.clock.now());
            }
        }
    }

    /// The venue has declared numbers void that may have been reports of any order. While the session is not up
    /// all orders are uncertain as it is.
    pub(super) fn on_voided(&mut self) {
        if self.core.trading.is_none() {
            return self.core.truth.on_voided();
        }
        self.all_uncertain(false);
        self.core.truth.on_lost(self.core.clock.now());
    }

    /// Sends the cancels that were kept; what no rung reaches is told.
    pub(super) fn pump_cancels(&mut self) {
        let Self { core, strategy, .. } = self;
        core.send_kept_cancels(|core, order, refusal| {
            core.stats.refused_here += 1;
            core.stats.last_refusal = Some(refusal);
            let kind = UpdateKind::CancelRefused { refusal };
            if let Some(update) = core.orders.told(order, kind) {
                strategy.on_order(&mut Context::new(core), &update);
            }
        });
    }
}
