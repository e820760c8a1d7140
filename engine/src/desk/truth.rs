//! The truth after a drop: every order that was open is uncertain until something shows where it stands.
//!
//! When the trading session is up again, each uncertain order is settled by the first that serves:
//!
//! 1. an OrderStatusRequest (H), where the market has it and the OrderID is known;
//! 2. silence, if the session went on with its numbers: the venue has sent again all that was missed;
//! 3. a cancel (F), where it reaches the order;
//! 4. a mass cancel (q) of all that is the SenderCompID's.
//!
//! Behind all that goes a cancel of an order that cannot exist. The venue keeps the order of arrival, so
//! its refusal shows that everything before it was answered: what is not settled by then is open (2),
//! was never there (2), or is gone (4). Then the strategy hears of all orders at once.

use serde::{Deserialize, Serialize};
use taut_codec::value::UtcTime;

use super::{Core, Desk};
use crate::command::{CancelOrder, CancelScope, Command, CommandKind, StatusRequest};
use crate::event::{Alarm, Refusal as VenueRefusal};
use crate::limits::{MARKERS_MAX, ORDERS_MAX, RECONCILE_ROUNDS_MAX};
use crate::order::{Asked, Order, OrderHandle, OrderState, Proof, Resolved};
use crate::risk::Refusal;
use crate::strategy::{Context, SessionUpdate, Strategy};
use crate::trace::Stamps;
use crate::types::{ClOrdId, InstrumentId, Side};

/// How the truth is found out after a drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recovery {
    /// Whether the market has OrderStatusRequest (H): spot has, derivatives has not (venue file C8).
    pub status_requests: bool,
    /// Whether orders that nothing else settles may be cancelled.
    pub may_cancel: bool,
    /// Whether all orders of the SenderCompID are cancelled when the session is up for the first time:
    /// those of an earlier run, which this one does not know.
    pub cancel_at_start: bool,
    /// How long orders may stay uncertain before an alarm, and an answer may take before all is asked
    /// again, milliseconds.
    pub deadline_ms: u32,
    /// When new orders are welcome again.
    pub resume: Resume,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            status_requests: true,
            may_cancel: true,
            cancel_at_start: false,
            deadline_ms: 5_000,
            resume: Resume::WhenReconciled,
        }
    }
}

/// When new orders are welcome after a drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// When it is known what became of the open ones.
    WhenReconciled,
    /// As soon as the session is up.
    AtOnce,
}

/// What became of the orders that were uncertain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconciled<'a> {
    /// Every order that was, as it stands now.
    pub orders: &'a [Resolved],
    /// Orders that are uncertain still: nothing that is allowed and reaches them could settle them.
    pub unresolved: u32,
    /// Times that all was asked.
    pub rounds: u32,
}

/// Where the search stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is to be found out.
    Idle,
    /// The session is down.
    Down,
    /// Questions are being sent.
    Asking,
    /// The last question is sent: this refusal shows that all were answered.
    Waiting { marker: ClOrdId },
    /// Some questions are open although the marker was answered, or did not leave: they are asked again
    /// at the deadline.
    Settling,
}

/// What is known of the search.
#[derive(Debug)]
pub(crate) struct Truth {
    policy: Recovery,
    phase: Phase,
    /// What was missed is sent again in full: silence tells.
    is_lossless: bool,
    /// Orders became uncertain while others were asked about.
    again: bool,
    swept: bool,
    /// Orders of an earlier run are cancelled before anything else.
    sweeps_first: bool,
    /// Nothing was found out yet.
    is_first: bool,
    rounds: u32,
    deadline: UtcTime,
    /// Epoch of the session that was up last.
    epoch: Option<u32>,
    list: Vec<Resolved>,
    /// The last markers, in a ring: the answer to one may come after a further drop.
    markers: [Option<ClOrdId>; MARKERS_MAX],
    next_marker: usize,
}

impl Truth {
    pub fn new(policy: Recovery) -> Self {
        Self {
            policy,
            phase: Phase::Idle,
            is_lossless: false,
            again: false,
            swept: false,
            sweeps_first: false,
            is_first: true,
            rounds: 0,
            deadline: UtcTime(u64::MAX),
            epoch: None,
            list: Vec::with_capacity(ORDERS_MAX),
            markers: [None; MARKERS_MAX],
            next_marker: 0,
        }
    }

    fn sent_marker(&mut self, id: ClOrdId) {
        self.markers[self.next_marker] = Some(id);
        self.next_marker = (self.next_marker + 1) % MARKERS_MAX;
    }

    /// Whether nothing is to be found out.
    pub const fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// Whether a mass cancel is due or was sent.
    const fn sweeps(&self) -> bool {
        self.sweeps_first || self.swept
    }

    /// Whether new orders have to wait.
    pub fn holds_orders(&self) -> bool {
        !matches!(self.phase, Phase::Idle | Phase::Down)
            && self.policy.resume == Resume::WhenReconciled
    }

    /// When [`Desk::on_time`] has something to do for it.
    pub fn deadline(&self) -> Option<UtcTime> {
        (self.phase != Phase::Idle).then_some(self.deadline)
    }

    fn set_deadline(&mut self, now: UtcTime) {
        self.deadline = now.plus_nanos(u64::from(self.policy.deadline_ms) * 1_000_000);
    }

    /// The trading session is down.
    pub fn on_down(&mut self, now: UtcTime) {
        if self.epoch.is_none() {
            return;
        }
        if self.phase == Phase::Idle {
            self.list.clear();
            self.rounds = 0;
        }
        self.phase = Phase::Down;
        self.set_deadline(now);
    }

    /// The trading session is up.
    pub fn on_up(&mut self, epoch: u32, now: UtcTime) {
        let before = self.epoch.replace(epoch);
        if before.is_none() && self.policy.cancel_at_start {
            self.start(false, now);
        } else if self.phase == Phase::Down {
            self.start(before == Some(epoch), now);
        }
    }

    fn start(&mut self, is_lossless: bool, now: UtcTime) {
        self.phase = Phase::Asking;
        self.is_lossless = is_lossless;
        (self.swept, self.again) = (false, false);
        self.sweeps_first = self.policy.cancel_at_start && self.is_first;
        self.rounds += 1;
        self.set_deadline(now);
    }

    /// A report is lost although the session is up: its orders are uncertain.
    pub fn on_lost(&mut self, now: UtcTime) {
        match self.phase {
            Phase::Idle => {
                self.list.clear();
                self.rounds = 0;
                self.start(false, now);
            }
            Phase::Down => {}
            Phase::Asking | Phase::Waiting { .. } | Phase::Settling => {
                (self.again, self.is_lossless) = (true, false);
            }
        }
    }
}

impl Core {
    /// An order is certain again.
    pub fn note_certain(&mut self, order: OrderHandle, state: OrderState, proof: Proof) {
        self.stats.found_open += u64::from(!state.is_end());
        let truth = &mut self.truth;
        if truth.phase == Phase::Idle {
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
    fn ask(&mut self) {
        if self.truth.sweeps_first {
            if self.mass_cancel(CancelScope::SenderCompId, Stamps::NONE).is_err() {
                return;
            }
            (self.truth.sweeps_first, self.truth.swept) = (false, true);
        }
        for at in 0..self.orders.live_len() {
            let order = self.orders.live_at(at).and_then(|one| self.orders.get(one)).copied();
            let is_open = |order: &Order| {
                order.state == OrderState::Uncertain && order.asked() == Asked::Nothing
            };
            let Some(order) = order.filter(is_open) else { continue };
            if self.check_lane().is_err() {
                return;
            }
            let asked = self.ask_about(&order);
            self.orders.set_asked(order.handle, asked);
        }
        if self.check_lane().is_ok()
            && let Ok(marker) = self.send_marker()
        {
            self.truth.phase = Phase::Waiting { marker };
        }
    }

    fn ask_about(&mut self, order: &Order) -> Asked {
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
            return Asked::Status;
        }
        if self.truth.is_lossless {
            return Asked::Silence;
        }
        if !policy.may_cancel {
            return Asked::OutOfReach;
        }
        if self.reach.cancel.reaches(place) {
            let is_under_way = order.is_cancel_pending();
            let sent = is_under_way || self.cancel_one(order.handle, Stamps::NONE).is_ok();
            return if sent { Asked::Cancel } else { Asked::OutOfReach };
        }
        let scope = CancelScope::SenderCompId;
        if !self.reach.mass_cancel_reaches(scope, place, order.instrument) {
            return Asked::OutOfReach;
        }
        if !self.truth.swept {
            self.truth.swept = self.mass_cancel(scope, Stamps::NONE).is_ok();
        }
        if self.truth.swept { Asked::Sweep } else { Asked::OutOfReach }
    }

    /// A cancel of an order that cannot exist: it names itself.
    fn send_marker(&mut self) -> Result<ClOrdId, Refusal> {
        let instrument = (0..self.markets.len() as u16)
            .map(InstrumentId)
            .find(|&id| self.markets.get(id).is_some_and(|market| market.instrument().is_some()))
            .ok_or(Refusal::InstrumentUnknown)?;
        let cl_ord_id = self.next_id(self.clock.now())?;
        let cancel = CancelOrder {
            cl_ord_id,
            orig_cl_ord_id: cl_ord_id,
            order_id: crate::types::OrderId::EMPTY,
            instrument,
            side: Side::Buy,
        };
        self.stats.markers += 1;
        self.truth.sent_marker(cl_ord_id);
        self.issue(cl_ord_id, CommandKind::Cancel(cancel), Stamps::NONE);
        Ok(cl_ord_id)
    }
}

impl<S: Strategy> Desk<S> {
    /// Goes on with the search if there is something to do.
    pub(super) fn pump_truth(&mut self) {
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
            Phase::Settling if self.has_uncertain() => {}
            Phase::Asking | Phase::Settling => self.reconciled(),
            Phase::Idle | Phase::Down | Phase::Waiting { .. } => {}
        }
    }

    /// A refusal that may be the answer to a question. Whether it was.
    pub(super) fn on_answer(&mut self, refusal: &VenueRefusal) -> bool {
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

    /// The marker did not leave: all is asked again when the deadline comes.
    pub(super) fn on_question_withdrawn(&mut self, id: ClOrdId) {
        if self.core.truth.phase == (Phase::Waiting { marker: id }) {
            self.core.truth.phase = Phase::Settling;
        }
    }

    /// Deadlines.
    pub(super) fn truth_on_time(&mut self, now: UtcTime) {
        if self.core.truth.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        let orders = self.uncertain_orders();
        if orders > 0 {
            self.core.stats.alarms += 1;
            let session = self.core.trading_session;
            self.tell(&SessionUpdate::Alarm { session, alarm: Alarm::Unresolved { orders } });
        }
        if self.core.truth.phase == Phase::Down {
            self.core.truth.set_deadline(now);
        } else {
            self.next_round(now);
        }
    }

    fn has_uncertain(&self) -> bool {
        self.core.orders.live().any(|order| order.state == OrderState::Uncertain)
    }

    /// Whether an answer may still come that settles an order.
    fn is_hopeful(&self) -> bool {
        self.core
            .orders
            .live()
            .any(|order| order.state == OrderState::Uncertain && order.asked() != Asked::OutOfReach)
    }

    fn uncertain_orders(&self) -> u32 {
        let uncertain = |order: &&Order| order.state == OrderState::Uncertain;
        self.core.orders.live().filter(uncertain).count() as u32
    }

    fn ended(&mut self, order: OrderHandle, proof: Proof) {
        if let Some(update) = self.core.orders.resolve_ended(order, proof) {
            self.core.stats.gone += u64::from(update.state == OrderState::Gone);
            self.core.note_certain(order, update.state, proof);
            self.tell_order(&update, false);
        }
    }

    fn open(&mut self, order: OrderHandle, proof: Proof) {
        if let Some(update) = self.core.orders.resolve_open(order, proof) {
            self.core.note_certain(order, update.state, proof);
            self.tell_order(&update, false);
        }
    }

    /// Everything that was asked is answered: what silence means for the rest.
    fn conclude(&mut self) {
        // Backwards: an order that ends leaves the list, and the last takes its place.
        for at in (0..self.core.orders.live_len()).rev() {
            let order = self.core.orders.live_at(at).and_then(|one| self.core.orders.get(one));
            let Some(order) = order.copied() else { continue };
            match order.asked() {
                Asked::Silence if order.is_acked() => self.open(order.handle, Proof::Replayed),
                Asked::Silence => self.ended(order.handle, Proof::NeverArrived),
                Asked::Sweep => self.ended(order.handle, Proof::Swept),
                Asked::Nothing | Asked::Status | Asked::Cancel | Asked::OutOfReach => {}
            }
        }
        if self.core.truth.again {
            let now = self.core.clock.now();
            self.next_round(now);
        } else if self.is_hopeful() {
            self.core.truth.phase = Phase::Settling;
        } else {
            self.reconciled();
        }
    }

    /// Asks about what is still uncertain, unless that was done often enough.
    fn next_round(&mut self, now: UtcTime) {
        let truth = &mut self.core.truth;
        if truth.rounds >= RECONCILE_ROUNDS_MAX {
            return self.reconciled();
        }
        truth.start(truth.is_lossless, now);
        for at in 0..self.core.orders.live_len() {
            if let Some(order) = self.core.orders.live_at(at) {
                self.core.orders.set_asked(order, Asked::Nothing);
            }
        }
    }

    fn reconciled(&mut self) {
        let truth = &mut self.core.truth;
        (truth.phase, truth.is_first) = (Phase::Idle, false);
        let (list, rounds) = (std::mem::take(&mut truth.list), truth.rounds);
        let unresolved = self.uncertain_orders();
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
