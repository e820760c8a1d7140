//! The questions: what is sent to find out where uncertain orders stand.

use super::{Phase, Sweep};
use crate::command::{CancelOrder, CancelScope, Command, CommandKind, StatusRequest};
use crate::desk::Core;
use crate::limits::ORDERS_MAX;
use crate::order::{Asked, Order, OrderHandle, OrderState, Proof, Resolved};
use crate::risk::Refusal;
use crate::trace::Stamps;
use crate::types::{ClOrdId, Side};

impl Core {
    /// An order is certain again.
    pub fn note_certain(&mut self, order: OrderHandle, state: OrderState, proof: Proof) {
        self.stats.found_open += u64::from(!state.is_end());
        let truth = &mut self.truth;
        if truth.is_idle() {
            return;
        }
        let resolved = Resolved { order, state, proof };
        if let Some(one) = truth.list.iter_mut().find(|one| one.order == order) {
            *one = resolved;
        } else if truth.list.len() < ORDERS_MAX {
            truth.list.push(resolved);
        }
    }

    /// Sends the questions that there is room for, and behind the last one the marker.
    pub(super) fn ask(&mut self) {
        if self.truth.sweeps_first {
            let Ok(id) = self.mass_cancel(CancelScope::SenderCompId, Stamps::NONE) else { return };
            (self.truth.sweeps_first, self.truth.sweep) = (false, Sweep::Sent(id));
        }
        for at in 0..self.orders.live_len() {
            let order = self.orders.live_at(at).copied();
            let is_open = |order: &Order| {
                order.state == OrderState::Uncertain && order.asked() == Asked::Nothing
            };
            let Some(order) = order.filter(is_open) else { continue };
            if self.check_lane().is_err() {
                return;
            }
            let Some(asked) = self.ask_about(&order) else { return };
            self.orders.set_asked(order.handle, asked);
        }
        if self.check_lane().is_ok()
            && let Ok(marker) = self.send_marker()
        {
            self.truth.phase = Phase::Waiting { marker };
        }
    }

    /// How an order is asked about; `None`: not before the venue's rate limit lets its cancel pass.
    fn ask_about(&mut self, order: &Order) -> Option<Asked> {
        let policy = self.truth.policy;
        let place = self.place(order);
        if policy.status_requests
            && !order.order_id.is_empty()
            && let Some(cl_ord_id) = self.orders.cl_ord_id(order.handle)
        {
            let (order_id, instrument) = (order.order_id, order.instrument);
            let kind = CommandKind::Status(StatusRequest { cl_ord_id, order_id, instrument });
            let session = self.trading_session;
            self.queue.push_back(Command { session, stamps: Stamps::NONE, kind });
            return Some(Asked::Status);
        }
        if self.truth.is_lossless {
            return Some(Asked::Silence);
        }
        let nothing = if self.rest.is_there() { Asked::Listing } else { Asked::OutOfReach };
        if !policy.may_cancel {
            return Some(nothing);
        }
        if self.reach.cancel.reaches(place) {
            if order.is_cancel_pending() {
                return Some(Asked::Cancel);
            }
            return match self.cancel_one(order.handle, Stamps::NONE) {
                Ok(()) => {
                    self.orders.set_cancel_limited(order.handle, false);
                    Some(Asked::Cancel)
                }
                Err(Refusal::VenueRate { .. }) if let Some(at) = self.held_until(order.handle) => {
                    self.wake_at(at);
                    self.truth.set_deadline(at);
                    None
                }
                Err(_) => Some(nothing),
            };
        }
        let scope = CancelScope::SenderCompId;
        if !self.reach.mass_cancel_reaches(scope, place, order.instrument) {
            return Some(nothing);
        }
        if self.truth.sweep == Sweep::Unsent {
            let is_certain = |order: &Order| order.state != OrderState::Uncertain;
            if self.truth.is_late() && self.orders.live().any(is_certain) {
                return Some(nothing);
            }
            let Ok(id) = self.mass_cancel(scope, Stamps::NONE) else { return Some(nothing) };
            self.truth.sweep = Sweep::Sent(id);
        }
        Some(Asked::Sweep)
    }

    /// A cancel of an order that cannot exist: it names itself.
    fn send_marker(&mut self) -> Result<ClOrdId, Refusal> {
        let instrument = self
            .own_ids()
            .find(|&id| self.markets.get(id).is_some_and(|market| market.instrument().is_some()))
            .ok_or(Refusal::InstrumentUnknown)?;
        let now = self.clock.now();
        let cl_ord_id = self.next_id(now)?;
        let cancel = CancelOrder {
            cl_ord_id,
            orig_cl_ord_id: cl_ord_id,
            order_id: crate::types::OrderId::EMPTY,
            instrument,
            side: Side::Buy,
        };
        self.stats.markers += 1;
        self.risk.note_marker(now);
        self.truth.sent_marker(cl_ord_id);
        self.issue(cl_ord_id, CommandKind::Cancel(cancel), Stamps::NONE);
        Ok(cl_ord_id)
    }
}
