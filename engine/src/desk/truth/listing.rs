//! The list of the account's open orders (REST), where no request of the session may settle an order.

use crate::desk::Desk;
use crate::event::{EventText, ExecType, Listed, OrdStatus, Report};
use crate::order::{Asked, Order, OrderHandle, OrderState, Proof};
use crate::strategy::Strategy;
use crate::types::{ExecId, Qty};

impl<S: Strategy> Desk<S> {
    /// An order that was asked about is open: as good as an answer to a status request, on spot with
    /// what its fills cost so far.
    pub(in crate::desk) fn on_listed(&mut self, listed: &Listed) {
        let orders = &self.core.orders;
        let by_id = listed.cl_ord_id.and_then(|id| orders.find(id));
        let Some(order) = orders.find_order_id(&listed.order_id).or(by_id).copied() else { return };
        if order.state != OrderState::Uncertain || order.asked() != Asked::Listing {
            return;
        }
        if let Some(report) = self.status(&order, listed) {
            self.on_report(&report);
        } else {
            // What it says is in no units of the instrument: it is open, and no more is known.
            self.core.orders.set_asked(order.handle, Asked::OutOfReach);
        }
    }

    /// The entry as an answer to a status request.
    fn status(&self, order: &Order, listed: &Listed) -> Option<Report> {
        let facts = self.core.markets.get(order.instrument)?.instrument()?;
        let (order_qty, cum_qty) = (facts.qty(listed.qty).ok()?, facts.qty(listed.cum).ok()?);
        let cost_scale = facts.price_precision + facts.qty_precision;
        let ord_type = listed.ord_type.unwrap_or(order.ord_type);
        let px = listed.px.map(|px| facts.px(px).ok());
        let stop_px = listed.stop_px.map(|px| facts.px(px).ok());
        let open = if cum_qty.0 > 0 { OrdStatus::PartiallyFilled } else { OrdStatus::New };
        let leaves = order_qty.0.checked_sub(cum_qty.0)?;
        Some(Report {
            instrument: order.instrument,
            cl_ord_id: listed.cl_ord_id.or_else(|| self.core.orders.cl_ord_id(order.handle))?,
            orig_cl_ord_id: None,
            order_id: listed.order_id,
            exec_id: ExecId::EMPTY,
            exec_type: ExecType::OrderStatus,
            ord_status: listed.end.unwrap_or(open),
            side: listed.side,
            ord_type,
            time_in_force: order.time_in_force,
            px: px.unwrap_or(order.px),
            stop_px: stop_px.unwrap_or(order.stop_px),
            trigger_px: None,
            order_qty,
            cum_qty,
            leaves_qty: Qty(if listed.end.is_some() { 0 } else { leaves }),
            fill: None,
            gross: listed.cost.and_then(|cost| cost.to_scale(cost_scale).ok()),
            fee: None,
            transact_time: self.core.clock.now(),
            poss_dup: false,
            text: EventText::EMPTY,
        })
    }

    /// What became of an order that is gone. As long as it is open by this, nothing is shown.
    pub(in crate::desk) fn on_told_of_gone(&mut self, order: OrderHandle, listed: &Listed) {
        let Some(order) = self.core.orders.get(order).copied() else { return };
        let is_it = order.order_id.is_empty() || order.order_id == listed.order_id;
        if is_it
            && listed.side == order.side
            && listed.end.is_some()
            && let Some(report) = self.status(&order, listed)
        {
            self.on_report(&report);
        }
    }

    /// That was all about an order that is gone; if it was nothing, the venue has never got it.
    pub(in crate::desk) fn on_gone_told(&mut self, order: OrderHandle, is_none: bool) {
        if is_none {
            self.core.orders.settle_never_there(order);
            self.core.order_changed(order, self.core.clock.now());
            self.tell_unseen();
        }
    }

    /// The list is complete: what is not in it is not open.
    pub(in crate::desk) fn on_list_end(&mut self) {
        // Backwards: an order that ends leaves the list, and the last takes its place.
        for at in (0..self.core.orders.live_len()).rev() {
            let Some(order) = self.core.orders.live_at(at).copied() else { continue };
            if order.state == OrderState::Uncertain && order.asked() == Asked::Listing {
                self.ended(order.handle, Proof::NotListed);
            }
        }
        self.go_on();
    }

    /// There is no list.
    pub(in crate::desk) fn on_list_failed(&mut self) {
        for at in 0..self.core.orders.live_len() {
            let order = self.core.orders.live_at(at);
            if let Some(order) = order.filter(|order| order.asked() == Asked::Listing) {
                let handle = order.handle;
                self.core.orders.set_asked(handle, Asked::OutOfReach);
            }
        }
        self.go_on();
    }

    /// A search that is over has left orders uncertain: they are looked up in the list once more. All that was
    /// on its way before was answered then.
    pub(in crate::desk) fn list_again(&mut self) {
        if self.core.trading.is_none() || !self.core.truth.is_idle() {
            return;
        }
        for at in 0..self.core.orders.live_len() {
            let order = self.core.orders.live_at(at);
            let order = order.filter(|order| order.state == OrderState::Uncertain);
            if let Some(handle) = order.map(|order| order.handle) {
                self.core.orders.set_asked(handle, Asked::Listing);
                self.core.rest.want_list();
            }
        }
    }

    /// If nothing else is waited for, the search is over.
    fn go_on(&mut self) {
        if self.core.truth.is_settling() && !self.is_hopeful() {
            self.reconciled();
        }
    }
}
