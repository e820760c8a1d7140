//! The truth after a drop: every order that was open is uncertain until something shows where it stands.
//!
//! When the trading session is up again, each uncertain order is settled by the first that serves:
//!
//! 1. an OrderStatusRequest (H), where the market has it and the OrderID is known;
//! 2. silence, if nothing was lost: the session went on with its numbers since the order was certain, and the
//!    venue has sent again all that was missed, and declared no number void that a report may have had;
//! 3. a cancel (F), where it reaches the order;
//! 4. a mass cancel (q) of all that is the SenderCompID's;
//! 5. the list of the account's open orders (REST), where there is one and none of these may serve.
//!
//! Behind all that goes a cancel of an order that cannot exist. The venue keeps the order of arrival, so
//! its refusal shows that everything before it was answered: what is not settled by then is open (2),
//! was never there (2), or is gone (4), unless the mass cancel was refused: then the list (5) is drawn up,
//! or all is asked again at the deadline. Then the strategy hears of all orders at once.
//!
//! What is uncertain still when it was asked often enough is told as such, and new orders are welcome. Where
//! there is no list, it is asked again from time to time, for as long as it is uncertain; by a mass cancel only
//! if that takes nothing that is certain.

mod answer;
mod ask;
mod listing;

use serde::{Deserialize, Serialize};
use taut_codec::value::UtcTime;

use crate::event::Refusal as VenueRefusal;
use crate::limits::{MARKERS_MAX, ORDERS_MAX, RECONCILE_AGAIN_NS, RECONCILE_ROUNDS_MAX};
use crate::order::Resolved;
use crate::touched;
use crate::types::ClOrdId;

/// How the truth is found out after a drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recovery {
    /// Whether orders are asked about by OrderStatusRequest (H). Without meaning on derivatives, which have
    /// none (venue file C8).
    pub status_requests: bool,
    /// Whether orders that nothing else settles may be cancelled.
    pub may_cancel: bool,
    /// Whether all orders of the SenderCompID are cancelled when the session is up for the first time:
    /// those of an earlier run, which this one does not know.
    pub cancel_at_start: bool,
    /// Whether orders and positions of an earlier run are taken from the journal, where there is one.
    pub from_journal: bool,
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
            from_journal: true,
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
    /// It was asked often enough, and is asked once more at the deadline.
    Resting,
}

/// The mass cancel of one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sweep {
    /// None was sent.
    Unsent,
    /// Nothing was heard against this one. The venue does not answer one that it carries out: only when the
    /// marker behind it is answered does that show that it was.
    Sent(ClOrdId),
    /// It was refused, or did not leave, or nothing behind it did: it shows nothing.
    Failed,
}

/// What is known of the search.
#[derive(Debug)]
pub(crate) struct Truth {
    policy: Recovery,
    phase: Phase,
    /// What was missed since all was known last was sent again in full: silence tells.
    is_lossless: bool,
    /// Orders became uncertain while others were asked about.
    again: bool,
    sweep: Sweep,
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
            is_lossless: true,
            again: false,
            sweep: Sweep::Unsent,
            sweeps_first: false,
            is_first: true,
            rounds: 0,
            deadline: UtcTime(u64::MAX),
            epoch: None,
            list: touched::vec(ORDERS_MAX),
            markers: [None; MARKERS_MAX],
            next_marker: 0,
        }
    }

    fn sent_marker(&mut self, id: ClOrdId) {
        self.markers[self.next_marker] = Some(id);
        self.next_marker = (self.next_marker + 1) % MARKERS_MAX;
    }

    /// Whether nothing is being found out.
    pub const fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Resting)
    }

    /// Whether it was asked often enough: what is uncertain was told as such, and nothing waits for it.
    const fn is_late(&self) -> bool {
        self.rounds > RECONCILE_ROUNDS_MAX && !(self.policy.cancel_at_start && self.is_first)
    }

    /// Whether a mass cancel is due or was sent.
    fn sweeps(&self) -> bool {
        self.sweeps_first || self.sweep != Sweep::Unsent
    }

    /// Whether orders of an earlier run are still to be cancelled: the mass cancel of this round failed, or is
    /// not answered.
    fn owes_sweep(&self) -> bool {
        let is_open = matches!(self.phase, Phase::Asking | Phase::Waiting { .. });
        self.policy.cancel_at_start && self.is_first && (is_open || self.sweep == Sweep::Failed)
    }

    /// A refusal by the venue. One that does not say of what is taken as that of the mass cancel.
    fn on_refused(&mut self, refusal: &VenueRefusal) {
        let Sweep::Sent(sweep) = self.sweep else { return };
        let may_be_meant = refusal
            .cl_ord_id
            .map_or(matches!(refusal.ref_msg_type, b'q' | 0), |refused| refused == sweep);
        if may_be_meant {
            self.sweep = Sweep::Failed;
        }
    }

    /// A command did not leave. Without the marker nothing is shown: all is asked again at the deadline.
    fn on_withdrawn(&mut self, id: ClOrdId) {
        let is_marker = self.phase == (Phase::Waiting { marker: id });
        if is_marker {
            self.phase = Phase::Settling;
        }
        if let Sweep::Sent(sweep) = self.sweep
            && (is_marker || sweep == id)
        {
            self.sweep = Sweep::Failed;
        }
    }

    /// Whether new orders have to wait.
    pub fn holds_orders(&self) -> bool {
        !(self.is_idle() || self.phase == Phase::Down || self.is_late())
            && self.policy.resume == Resume::WhenReconciled
    }

    /// Whether the marker is answered, and some answers are not here.
    const fn is_settling(&self) -> bool {
        matches!(self.phase, Phase::Settling)
    }

    /// How long an answer may take, milliseconds.
    pub const fn deadline_ms(&self) -> u32 {
        self.policy.deadline_ms
    }

    /// When [`Desk::on_time`](super::Desk::on_time) has something to do for it.
    pub fn deadline(&self) -> Option<UtcTime> {
        (self.phase != Phase::Idle).then_some(self.deadline)
    }

    fn set_deadline(&mut self, now: UtcTime) {
        self.deadline = now.plus_nanos(u64::from(self.policy.deadline_ms) * 1_000_000);
    }

    /// An earlier run has ended in this sequence space; with `is_open`, orders of it may be open.
    pub fn recall(&mut self, epoch: u32, is_open: bool, now: UtcTime) {
        if is_open && self.epoch.is_none() {
            self.epoch = Some(epoch);
            self.on_down(now);
        }
    }

    /// The trading session is down.
    pub fn on_down(&mut self, now: UtcTime) {
        if self.epoch.is_none() {
            return;
        }
        if self.is_idle() {
            self.begin();
        } else if self.is_late() {
            self.rounds = 0;
        }
        self.phase = Phase::Down;
        self.set_deadline(now);
    }

    /// The trading session is up.
    pub fn on_up(&mut self, epoch: u32, now: UtcTime) {
        let before = self.epoch.replace(epoch);
        self.is_lossless &= before == Some(epoch);
        if self.phase == Phase::Down || (before.is_none() && self.policy.cancel_at_start) {
            self.start(now);
        } else {
            // There is no order that may have been reported about.
            self.is_lossless = true;
        }
    }

    /// A search begins.
    fn begin(&mut self) {
        self.list.clear();
        self.rounds = 0;
    }

    /// A round begins.
    fn start(&mut self, now: UtcTime) {
        self.phase = Phase::Asking;
        (self.sweep, self.again) = (Sweep::Unsent, false);
        self.sweeps_first = self.policy.cancel_at_start && self.is_first;
        self.rounds += 1;
        self.set_deadline(now);
    }

    /// The venue has declared numbers void, before the session is up, that may have been reports: silence shows
    /// nothing.
    pub const fn on_voided(&mut self) {
        self.is_lossless = false;
    }

    /// A report is lost although the session is up: its orders are uncertain.
    pub fn on_lost(&mut self, now: UtcTime) {
        self.is_lossless = false;
        match self.phase {
            Phase::Idle | Phase::Resting => {
                self.begin();
                self.start(now);
            }
            Phase::Down => {}
            Phase::Asking | Phase::Waiting { .. } | Phase::Settling => {
                self.again = true;
                if self.is_late() {
                    self.rounds = 0;
                }
            }
        }
    }

    /// The search is over. With `is_resolved` it is known of all orders where they stand; with `is_left` it is
    /// not, and nobody else will find it out.
    fn end(&mut self, is_resolved: bool, is_left: bool, now: UtcTime) {
        self.is_first = false;
        self.is_lossless |= is_resolved;
        self.phase = if is_left { Phase::Resting } else { Phase::Idle };
        if is_left {
            self.deadline = now.plus_nanos(RECONCILE_AGAIN_NS);
        }
    }
}
