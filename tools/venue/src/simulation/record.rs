//! What was seen during a simulation: the commands and their ends, the arrivals, the digest; and the
//! rules that are judged event by event.

use std::collections::BTreeSet;
use std::fmt::Write;

use taut::command::{Command, CommandKind, SessionId};
use taut::conductor::Rollover;
use taut::event::{Alarm, DownReason, Event, EventKind, WithdrawReason};
use taut::pipeline::{SECOND_TRADING, TRADING, Watch};
use taut::session::SessionEvent;
use taut::trace::allocation;
use taut::types::{ClOrdId, ExecId};
use taut_codec::value::UtcTime;

use super::check::require;
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

/// The order commands of one trading session.
#[derive(Debug, Default)]
pub(super) struct Track {
    pub issued: Vec<Issued>,
    epoch: u32,
    last_ended: Option<usize>,
    last_on_wire: (u32, u64),
    last_arrived: Option<usize>,
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
    /// By the seat of the trading session.
    pub(super) tracks: [Track; 2],
    pub(super) arrivals: Vec<Arrival>,
    pub(super) alarms: Vec<(UtcTime, Alarm)>,
    pub(super) downs: Vec<(UtcTime, SessionId, DownReason)>,
    exec_ids: BTreeSet<ExecId>,
    /// By [`SessionId`].
    up: Vec<bool>,
}

/// Which of the engine's trading sessions a session is, or is beside.
pub(super) fn seat_of(session: SessionId) -> usize {
    usize::from(session.0) / 2
}

impl Record {
    pub(super) fn new(now: UtcTime, rollover: Option<Rollover>, sessions: usize) -> Self {
        Self {
            now,
            rollover,
            digest: Digest::new(),
            faults: 0,
            stopping: false,
            breaks: 0,
            violation: None,
            tracks: Default::default(),
            arrivals: Vec::new(),
            alarms: Vec::new(),
            downs: Vec::new(),
            exec_ids: BTreeSet::new(),
            up: vec![false; sessions],
        }
    }

    /// The engine was killed, and another one takes its place.
    pub(super) fn crashed(&mut self) {
        self.up.fill(false);
        self.faults += 1;
        self.breaks += 1;
        // What the venue tells from here on is counted by the second.
        self.exec_ids.clear();
        for track in &mut self.tracks {
            track.last_on_wire = (0, 0);
        }
    }

    /// Whether all sessions are logged on.
    pub(super) fn are_sessions_up(&self) -> bool {
        self.up.iter().all(|&up| up)
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

    fn judge(&mut self, judged: Result<(), String>) {
        if let Err(violation) = judged {
            self.violated(violation);
        }
    }

    /// A command reached the trading engine of the venue.
    pub(super) fn arrived(&mut self, seat: usize, arrival: Arrival) {
        self.arrivals.push(arrival);
        let judged = self.tracks[seat].arrived(&arrival);
        self.judge(judged);
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
        // Nothing of this is the engine's.
        let _paused = allocation::pause();
        // Writing to a digest cannot fail.
        let _ = write!(self.digest, "{}{:?}{:?}", self.now.0, event.session, event.kind);
        match &event.kind {
            EventKind::SessionUp { epoch, .. } => {
                self.session(event.session, true);
                if matches!(event.session, TRADING | SECOND_TRADING) {
                    self.tracks[seat_of(event.session)].epoch = *epoch;
                }
            }
            EventKind::SessionDown { reason, .. } => {
                self.downs.push((self.now, event.session, *reason));
                self.session(event.session, false);
                self.faults += u64::from(self.is_rolling_over());
                if self.faults == 0 && !(self.stopping && *reason == DownReason::LoggedOut) {
                    self.violated(format!("{:?} went down: {reason:?}", event.session));
                }
            }
            EventKind::OnWire { cl_ord_id, msg_seq_num, .. } => {
                let track = &mut self.tracks[seat_of(event.session)];
                let end = End::OnWire { epoch: track.epoch, msg_seq_num: *msg_seq_num };
                let judged = track.end(*cl_ord_id, end);
                self.judge(judged);
            }
            EventKind::Withdrawn { cl_ord_id, reason } => {
                let track = &mut self.tracks[seat_of(event.session)];
                let judged = track.end(*cl_ord_id, End::Withdrawn(*reason));
                self.judge(judged);
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
        let _paused = allocation::pause();
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
        let at = self.now;
        let judged = self.tracks[seat_of(command.session)].issue(cl_ord_id, msg_type, at);
        self.judge(judged);
    }
}

impl Track {
    fn find(&self, id: ClOrdId) -> Option<usize> {
        self.issued.binary_search_by_key(&id.bits(), |one| one.cl_ord_id.bits()).ok()
    }

    fn issue(&mut self, cl_ord_id: ClOrdId, msg_type: u8, at: UtcTime) -> Result<(), String> {
        let last = self.issued.last().map(|last| last.cl_ord_id.bits());
        self.issued.push(Issued { cl_ord_id, msg_type, at, end: None, arrived: None });
        require(last.is_none_or(|last| last < cl_ord_id.bits()), || {
            format!("{cl_ord_id} is not above the ClOrdID before it")
        })
    }

    fn end(&mut self, id: ClOrdId, end: End) -> Result<(), String> {
        let at = self.find(id);
        let at = at.ok_or_else(|| format!("{id} ended as {end:?} and was never issued"))?;
        let before = self.issued[at];
        require(before.end.is_none(), || {
            format!("a command ended twice: {before:?}, now {end:?}")
        })?;
        self.issued[at].end = Some(end);
        let End::OnWire { epoch, msg_seq_num } = end else {
            return require(before.arrived.is_none(), || {
                format!("{before:?} was withdrawn after it had arrived")
            });
        };
        let (last_epoch, last_number) = self.last_on_wire;
        require(epoch != last_epoch || msg_seq_num > last_number, || {
            format!("{id} has MsgSeqNum {msg_seq_num} after {last_number}")
        })?;
        self.last_on_wire = (epoch, msg_seq_num);
        require(self.last_ended.is_none_or(|last| last <= at), || {
            format!("{id} reached the wire after a later command")
        })?;
        self.last_ended = Some(at);
        require(before.arrived.is_none_or(|number| number == msg_seq_num), || {
            format!("{before:?} arrived with another number than {end:?}")
        })
    }

    fn arrived(&mut self, arrival: &Arrival) -> Result<(), String> {
        let at = arrival.cl_ord_id.and_then(|id| self.find(id));
        let at = at.ok_or_else(|| format!("{arrival:?} was never issued"))?;
        let sent = self.issued[at];
        let number = arrival.msg_seq_num;
        let fits = match sent.end {
            None => true,
            Some(End::OnWire { msg_seq_num, .. }) => msg_seq_num == number,
            Some(End::Withdrawn(_)) => false,
        };
        let is_it = fits && sent.msg_type == arrival.msg_type && !arrival.poss_dup;
        require(is_it, || format!("{arrival:?} arrived, but was {sent:?}"))?;
        require(self.last_arrived.is_none_or(|last| last < at), || {
            format!("{arrival:?} arrived again or after a later command")
        })?;
        self.last_arrived = Some(at);
        self.issued[at].arrived = Some(number);
        Ok(())
    }
}
