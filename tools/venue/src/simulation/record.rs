//! What was seen during a simulation: the commands and their ends, the arrivals, the digest; and the
//! rules that are judged event by event.

use std::collections::BTreeSet;
use std::fmt::Write;

use taut::command::{Command, CommandKind, SessionId};
use taut::conductor::Rollover;
use taut::event::{Alarm, DownReason, Event, EventKind, WithdrawReason};
use taut::pipeline::{TRADING, Watch};
use taut::session::SessionEvent;
use taut::types::{ClOrdId, ExecId};
use taut_codec::value::UtcTime;

use crate::venue::Arrival;

/// How long after the window of a rollover a session may still end because of it, nanoseconds.
const FLUSH_NS: u64 = 5_000_000_000;

/// An order command of the engine, in the order of issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issued {
    /// Its ClOrdID(11).
    pub cl_ord_id: ClOrdId,
    /// MsgType(35): `D`, `F`, `G` or `q`.
    pub msg_type: u8,
    /// When it was issued.
    pub at: UtcTime,
    /// How it ended; every command ends exactly once.
    pub end: Option<End>,
    /// MsgSeqNum(34) with which it reached the trading engine, if it did.
    pub arrived: Option<u64>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its bytes were taken by the wire.
    OnWire {
        /// The sequence space.
        epoch: u32,
        /// MsgSeqNum(34).
        msg_seq_num: u64,
    },
    /// It never left.
    Withdrawn(WithdrawReason),
}

/// A running hash (FNV-1a) of all that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest(pub u64);

impl Digest {
    pub const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}

/// Watches the engine and judges what can be judged event by event.
#[derive(Debug)]
pub struct Record {
    pub(super) now: UtcTime,
    pub(super) digest: Digest,
    /// Faults so far; until the first, nothing may look like one.
    pub(super) faults: u64,
    pub(super) stopping: bool,
    /// A session that it ends counts as a fault.
    rollover: Option<Rollover>,
    /// Counts faults, and connections that came and went: what is known of the account may be off by
    /// a constant after each.
    pub(super) breaks: u64,
    pub(super) violation: Option<String>,
    pub(super) issued: Vec<Issued>,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) alarms: Vec<(UtcTime, Alarm)>,
    pub(super) downs: Vec<(UtcTime, SessionId, DownReason)>,
    exec_ids: BTreeSet<ExecId>,
    up: [bool; 2],
    epoch: u32,
    last_ended: Option<usize>,
    last_on_wire: (u32, u64),
    last_arrived: Option<usize>,
}

impl Record {
    pub(super) fn new(now: UtcTime, rollover: Option<Rollover>) -> Self {
        Self {
            now,
            rollover,
            digest: Digest::new(),
            faults: 0,
            stopping: false,
            breaks: 0,
            violation: None,
            issued: Vec::new(),
            arrivals: Vec::new(),
            alarms: Vec::new(),
            downs: Vec::new(),
            exec_ids: BTreeSet::new(),
            up: [false; 2],
            epoch: 0,
            last_ended: None,
            last_on_wire: (0, 0),
            last_arrived: None,
        }
    }

    /// The engine was killed, and another one takes its place.
    pub(super) fn crashed(&mut self) {
        self.up = [false; 2];
        self.faults += 1;
        self.breaks += 1;
        // What the venue tells from here on is counted by the second.
        self.exec_ids.clear();
        self.last_on_wire = (0, 0);
    }

    /// Whether both sessions are logged on.
    pub(super) const fn are_sessions_up(&self) -> bool {
        self.up[0] && self.up[1]
    }

    /// Different fills that the venue reported to the engine.
    pub(super) fn fills_told(&self) -> u64 {
        self.exec_ids.len() as u64
    }

    pub(super) fn violated(&mut self, text: String) {
        self.violation.get_or_insert(text);
    }

    /// Bytes came to the venue or left it.
    pub(super) fn carried(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.digest.add(&self.now.0.to_le_bytes());
            self.digest.add(bytes);
        }
    }

    fn find(&self, id: ClOrdId) -> Option<usize> {
        self.issued.binary_search_by_key(&id.bits(), |one| one.cl_ord_id.bits()).ok()
    }

    fn end(&mut self, id: ClOrdId, end: End) {
        let Some(at) = self.find(id) else {
            return self.violated(format!("{id} ended as {end:?} and was never issued"));
        };
        let before = self.issued[at];
        if before.end.is_some() {
            return self.violated(format!("a command ended twice: {before:?}, now {end:?}"));
        }
        self.issued[at].end = Some(end);
        if let End::OnWire { epoch, msg_seq_num } = end {
            let (last_epoch, last_number) = self.last_on_wire;
            if epoch == last_epoch && msg_seq_num <= last_number {
                self.violated(format!("{id} has MsgSeqNum {msg_seq_num} after {last_number}"));
            }
            self.last_on_wire = (epoch, msg_seq_num);
            if self.last_ended.is_some_and(|last| last > at) {
                self.violated(format!("{id} reached the wire after a later command"));
            }
            self.last_ended = Some(at);
            if before.arrived.is_some_and(|number| number != msg_seq_num) {
                self.violated(format!("{before:?} arrived with another number than {end:?}"));
            }
        } else if before.arrived.is_some() {
            self.violated(format!("{before:?} was withdrawn after it had arrived"));
        }
    }

    /// A command reached the trading engine of the venue.
    pub(super) fn arrived(&mut self, arrival: Arrival) {
        self.arrivals.push(arrival);
        let Some(at) = arrival.cl_ord_id.and_then(|id| self.find(id)) else {
            return self.violated(format!("{arrival:?} was never issued"));
        };
        let sent = self.issued[at];
        let number = arrival.msg_seq_num;
        let fits = match sent.end {
            None => true,
            Some(End::OnWire { msg_seq_num, .. }) => msg_seq_num == number,
            Some(End::Withdrawn(_)) => false,
        };
        if !fits || sent.msg_type != arrival.msg_type || arrival.poss_dup {
            self.violated(format!("{arrival:?} arrived, but was {sent:?}"));
        }
        if self.last_arrived.is_some_and(|last| last >= at) {
            self.violated(format!("{arrival:?} arrived again or after a later command"));
        }
        self.last_arrived = Some(at);
        self.issued[at].arrived = Some(number);
    }

    fn alarm(&mut self, alarm: Alarm) {
        self.alarms.push((self.now, alarm));
        // A gap can follow from a lost connection, and what was lost on its way to the venue is withheld when
        // that asks for it; nothing that we can do to a link garbles bytes.
        if self.faults == 0 || !matches!(alarm, Alarm::Gap { .. } | Alarm::Withheld { .. }) {
            self.violated(format!("{alarm:?} after {} faults", self.faults));
        }
    }

    /// Whether the venue's day has just ended, with time for what was on its way.
    fn is_rolling_over(&self) -> bool {
        self.rollover.is_some_and(|rollover| {
            let end = rollover.window_end(self.now).plus_nanos(FLUSH_NS);
            self.now < end
        })
    }

    fn session(&mut self, session: SessionId, up: bool) {
        self.breaks += 1;
        let was_up = std::mem::replace(&mut self.up[usize::from(session.0)], up);
        if up && was_up {
            self.violated(format!("{session:?} is up twice"));
        }
    }
}

impl Watch for Record {
    fn on_event(&mut self, event: &Event) {
        // Writing to a digest cannot fail.
        let _ = write!(self.digest, "{}{:?}{:?}", self.now.0, event.session, event.kind);
        match &event.kind {
            EventKind::SessionUp { epoch, .. } => {
                self.session(event.session, true);
                if event.session == TRADING {
                    self.epoch = *epoch;
                }
            }
            EventKind::SessionDown(reason) => {
                self.downs.push((self.now, event.session, *reason));
                self.session(event.session, false);
                self.faults += u64::from(self.is_rolling_over());
                if self.faults == 0 && !(self.stopping && *reason == DownReason::LoggedOut) {
                    self.violated(format!("{:?} went down: {reason:?}", event.session));
                }
            }
            EventKind::OnWire { cl_ord_id, msg_seq_num, .. } => {
                let end = End::OnWire { epoch: self.epoch, msg_seq_num: *msg_seq_num };
                self.end(*cl_ord_id, end);
            }
            EventKind::Withdrawn { cl_ord_id, reason } => {
                self.end(*cl_ord_id, End::Withdrawn(*reason));
            }
            EventKind::Report(report) if report.fill.is_some() => {
                self.exec_ids.insert(report.exec_id);
            }
            EventKind::Alarm(alarm) => self.alarm(*alarm),
            EventKind::Session(SessionEvent::Synchronised { .. }) => {}
            EventKind::Session(said) if self.faults == 0 => {
                self.violated(format!("{:?} says {said:?}", event.session));
            }
            _ => {}
        }
    }

    fn on_command(&mut self, command: &Command) {
        let (cl_ord_id, msg_type) = match &command.kind {
            CommandKind::New(order) => (order.get().cl_ord_id, b'D'),
            CommandKind::Replace(order) => (order.get().cl_ord_id, b'G'),
            CommandKind::Cancel(cancel) => (cancel.cl_ord_id, b'F'),
            CommandKind::MassCancel(cancel) => (cancel.cl_ord_id, b'q'),
            CommandKind::Status(_)
            | CommandKind::RequestInstruments
            | CommandKind::Subscribe { .. }
            | CommandKind::Unsubscribe { .. }
            | CommandKind::Rest(_)
            | CommandKind::Logout => return,
        };
        if self.issued.last().is_some_and(|last| last.cl_ord_id.bits() >= cl_ord_id.bits()) {
            self.violated(format!("{cl_ord_id} is not above the ClOrdID before it"));
        }
        let at = self.now;
        self.issued.push(Issued { cl_ord_id, msg_type, at, end: None, arrived: None });
    }
}
