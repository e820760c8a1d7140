//! The answers: what shows where an uncertain order stands, and what silence means.

use taut_codec::value::UtcTime;

use super::{Phase, Sweep};
use crate::desk::{Desk, Reconciled};
use crate::event::{Alarm, Refusal as VenueRefusal};
use crate::limits::RECONCILE_ROUNDS_MAX;
use crate::order::{Asked, Order, OrderHandle, OrderState, Proof};
use crate::strategy::{Context, SessionUpdate, Strategy};
use crate::types::ClOrdId;

impl<S: Strategy> Desk<S> {
    /// Goes on with the search if there is something to do.
    pub(in crate::desk) fn pump_truth(&mut self) {
        if self.core.trading.is_none() {
            return;
        }
        match self.core.truth.phase {
            Phase::Asking
                if self.core.truth.rounds > 1
                    || self.core.truth.sweeps()
                    || self.has_uncertain() =>
            {
                self.core.ask();
            }
            Phase::Settling if self.has_uncertain() || self.core.truth.owes_sweep() => {}
            Phase::Asking | Phase::Settling => self.reconciled(),
            Phase::Idle | Phase::Down | Phase::Waiting { .. } | Phase::Resting => {}
        }
    }

    /// A refusal that may be the answer to a question. Whether it was.
    pub(in crate::desk) fn on_answer(&mut self, refusal: &VenueRefusal) -> bool {
        self.core.truth.on_refused(refusal);
        if refusal.cl_ord_id.is_some() || matches!(refusal.ref_msg_type, b'q' | 0) {
            self.core.sweep_failed(refusal.cl_ord_id);
        }
        let Some(id) = refusal.cl_ord_id else { return false };
        if self.core.truth.phase == (Phase::Waiting { marker: id }) {
            self.conclude();
            return true;
        }
        if self.core.truth.markers.contains(&Some(id)) {
            // Of an earlier search: it shows nothing any more.
            return true;
        }
        let Some(order) = self.core.orders.find(id).copied() else { return false };
        let is_unknown = matches!(refusal.reason, Some(UNKNOWN_ORDER | TOO_OLD));
        if refusal.ref_msg_type == b'H' {
            if is_unknown {
                self.ended(order.handle, Proof::NotThere);
            } else if refusal.reason == Some(NOT_SUPPORTED) {
                let truth = &mut self.core.truth;
                (truth.policy.status_requests, truth.again) = (false, true);
            }
            return true;
        }
        // That the venue does not find what a cancel names shows something only if it looks there.
        if order.asked() == Asked::Cancel
            && is_unknown
            && self.core.reach.cancel.reaches(self.core.place(&order))
        {
            self.ended(order.handle, Proof::NotThere);
        }
        false
    }

    /// A command did not leave that may be a question.
    pub(in crate::desk) fn on_question_withdrawn(&mut self, id: ClOrdId) {
        self.core.truth.on_withdrawn(id);
    }

    /// Deadlines.
    pub(in crate::desk) fn truth_on_time(&mut self, now: UtcTime) {
        if self.core.truth.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        let orders = self.uncertain_orders();
        let is_resting = self.core.truth.phase == Phase::Resting;
        // A late round was told of when it began.
        let is_told = self.core.truth.is_late() && !is_resting;
        if (orders > 0 && !is_told) || self.core.truth.owes_sweep() {
            self.core.stats.alarms += 1;
            let session = self.core.trading_session;
            self.tell(&SessionUpdate::Alarm { session, alarm: Alarm::Unresolved { orders } });
        }
        match self.core.truth.phase {
            Phase::Down => self.core.truth.set_deadline(now),
            Phase::Resting if orders == 0 => self.core.truth.phase = Phase::Idle,
            Phase::Resting => {
                self.core.truth.list.clear();
                self.start_round(now);
            }
            _ => self.next_round(now),
        }
    }

    fn has_uncertain(&self) -> bool {
        self.core.orders.live().any(|order| order.state == OrderState::Uncertain)
    }

    /// Whether an answer may still come that settles an order, or a mass cancel is to be sent again.
    pub(super) fn is_hopeful(&self) -> bool {
        let may_settle = |order: &Order| {
            order.state == OrderState::Uncertain && order.asked() != Asked::OutOfReach
        };
        self.core.truth.owes_sweep() || self.core.orders.live().any(may_settle)
    }

    fn uncertain_orders(&self) -> u32 {
        let uncertain = |order: &&Order| order.state == OrderState::Uncertain;
        self.core.orders.live().filter(uncertain).count() as u32
    }

    pub(super) fn ended(&mut self, order: OrderHandle, proof: Proof) {
        if let Some(update) = self.core.orders.resolve_ended(order, proof) {
            self.core.stats.gone += u64::from(update.state == OrderState::Gone);
            self.core.note_certain(order, update.state, proof);
            self.core.look_up_gone(order);
            self.tell_order(&update, false);
        }
    }

    pub(super) fn open(&mut self, order: OrderHandle, proof: Proof) {
        if let Some(update) = self.core.orders.resolve_open(order, proof) {
            self.core.note_certain(order, update.state, proof);
            self.tell_order(&update, false);
        }
    }

    /// Everything that was asked is answered: what silence means for the rest.
    fn conclude(&mut self) {
        self.core.truth.phase = Phase::Settling;
        let is_lossless = self.core.truth.is_lossless;
        let is_swept = matches!(self.core.truth.sweep, Sweep::Sent(_));
        // Backwards: an order that ends leaves the list, and the last takes its place.
        for at in (0..self.core.orders.live_len()).rev() {
            let Some(order) = self.core.orders.live_at(at).copied() else { continue };
            match order.asked() {
                // A report was lost meanwhile: it is asked again in another way.
                Asked::Silence if !is_lossless => {}
                Asked::Silence if order.is_acked() => self.open(order.handle, Proof::Replayed),
                Asked::Silence => self.ended(order.handle, Proof::NeverArrived),
                Asked::Sweep if is_swept => self.ended(order.handle, Proof::Swept),
                Asked::Sweep if self.core.rest.is_there() => {
                    self.core.orders.set_asked(order.handle, Asked::Listing);
                    self.core.rest.want_list();
                }
                // Whatever was on its way before the list is drawn up is answered by now.
                Asked::Listing => self.core.rest.want_list(),
                // A mass cancel that failed is sent again at the deadline, as the venue may have more room then.
                Asked::Nothing
                | Asked::Status
                | Asked::Cancel
                | Asked::Sweep
                | Asked::OutOfReach => {}
            }
        }
        if self.core.truth.again {
            let now = self.core.clock.now();
            self.next_round(now);
        } else if !self.is_hopeful() {
            self.reconciled();
        }
    }

    /// Asks about what is still uncertain, unless that was done often enough.
    fn next_round(&mut self, now: UtcTime) {
        let truth = &self.core.truth;
        if truth.rounds >= RECONCILE_ROUNDS_MAX && !truth.owes_sweep() {
            return self.reconciled();
        }
        self.start_round(now);
    }

    fn start_round(&mut self, now: UtcTime) {
        self.core.truth.start(now);
        for at in 0..self.core.orders.live_len() {
            if let Some(handle) = self.core.orders.live_at(at).map(|order| order.handle) {
                self.core.orders.set_asked(handle, Asked::Nothing);
            }
        }
    }

    pub(super) fn reconciled(&mut self) {
        let (now, unresolved) = (self.core.clock.now(), self.uncertain_orders());
        if unresolved > 0 {
            self.core.rest.look_again(now);
        }
        let is_left = unresolved > 0 && !self.core.rest.is_there();
        let truth = &mut self.core.truth;
        truth.end(unresolved == 0, is_left, now);
        if truth.is_late() && truth.list.is_empty() {
            // Nothing is known that was not told.
            return;
        }
        let (list, rounds) = (std::mem::take(&mut truth.list), truth.rounds);
        self.core.stats.reconciled += 1;
        let told = Reconciled { orders: &list, unresolved, rounds };
        self.strategy.on_reconciled(&mut Context::new(&mut self.core), &told);
        // Not taken by anything else: a callback cannot start a search.
        self.core.truth.list = list;
    }
}

/// BusinessRejectReason(380): unknown order (venue file 4.7).
const UNKNOWN_ORDER: u32 = 101;
/// BusinessRejectReason(380): order too old (venue file 4.7).
const TOO_OLD: u32 = 104;
/// BusinessRejectReason(380): unsupported message type.
const NOT_SUPPORTED: u32 = 3;
