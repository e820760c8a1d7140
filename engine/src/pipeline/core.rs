//! The session core: every session's state, its outbox and its road to the wire (stages t5, t9 to
//! t11). The one place where a command becomes bytes.

use std::collections::VecDeque;

use rtrb::Producer;
use taut_codec::value::UtcTime;

use super::inlet::Inbound;
use crate::command::{Command, CommandKind, SessionId};
use crate::conductor::Numbers;
use crate::event::{Alarm, DownReason, Event, EventKind, WithdrawReason};
use crate::journal::{AppendError, Housekeeper, Journal, JournalError, Keeper};
use crate::kraken::decode::decode;
use crate::kraken::encode::{Encodable, Templates, encodable};
use crate::kraken::instruments::Instruments;
use crate::kraken::logon::Logon;
use crate::limits::COMMAND_RING;
use crate::session::resend::ResendJudge;
use crate::session::{Outbox, Received, SendError, Session, SessionConfig, SessionEvent};
use crate::trace::{Clock, Record, Stage, Stamps};
use crate::types::{ClOrdId, Symbol};
use crate::wire::{Transmitter, WireError};

/// Takes events towards the desk: by a call, or through a ring.
pub trait EventSink {
    /// Takes one event. Whoever brings messages makes sure that there is room for what they become.
    fn push(&mut self, event: &Event);
}

/// All sessions of an engine.
pub struct SessionCore {
    lanes: Vec<Lane>,
    instruments: Instruments,
    clock: Clock,
    traces: Producer<Record>,
    traces_lost: u64,
}

/// One session: the ordered road from commands to the wire.
struct Lane {
    id: SessionId,
    session: Session,
    logon: Logon,
    outbox: Outbox,
    templates: Templates,
    transmitter: Option<Transmitter>,
    /// The last connection has ended, and nobody has been told yet.
    ended: Option<DownReason>,
    /// Its transmitter, to be put away.
    spent: Option<Transmitter>,
    /// The application asked for the end of the session.
    leaves: bool,
    /// Commands whose bytes the kernel has not taken yet, in order.
    in_flight: VecDeque<InFlight>,
    /// Plain bytes that the transmitter has accepted on this connection.
    accepted: u64,
    /// Why the session's journal did not take something; the connection ends at the next flush.
    journal_failed: Option<AppendError>,
}

#[derive(Clone, Copy)]
struct InFlight {
    /// Where its last byte stands in the outbox's count.
    end: u64,
    msg_seq_num: u64,
    msg_type: u8,
    cl_ord_id: Option<ClOrdId>,
    stamps: Stamps,
}

impl SessionCore {
    /// A core for `sessions`, in the order of their [`SessionId`]s.
    #[must_use]
    pub fn new(
        sessions: Vec<(SessionConfig, Logon)>,
        symbols: &[Symbol],
        clock: Clock,
        traces: Producer<Record>,
    ) -> Self {
        let lanes = sessions.into_iter().enumerate().map(|(i, (config, logon))| Lane {
            id: SessionId(u8::try_from(i).expect("fewer than 256 sessions")),
            session: Session::new(config),
            logon,
            outbox: Outbox::new(),
            templates: Templates::new(&config),
            transmitter: None,
            ended: None,
            spent: None,
            leaves: false,
            in_flight: VecDeque::with_capacity(COMMAND_RING),
            accepted: 0,
            journal_failed: None,
        });
        Self {
            lanes: lanes.collect(),
            instruments: Instruments::new(symbols),
            clock,
            traces,
            traces_lost: 0,
        }
    }

    /// Keeps what `session` sends and receives in `journal`, goes on from its state, and answers resend
    /// requests from it, as [`SessionConfig::resend_policy`] says. Before the first connection.
    ///
    /// A message is stored before its first byte goes to the wire. What cannot be stored does not go: the
    /// connection ends, with [`Alarm::Journal`].
    ///
    /// # Errors
    /// [`JournalError::Config`] if the session has a connection, or the numbers are used up.
    pub fn keep_journal(
        &mut self,
        session: SessionId,
        journal: Journal,
    ) -> Result<(), JournalError> {
        let lane = &mut self.lanes[usize::from(session.0)];
        let state = Keeper::attach(&mut lane.session, journal)?;
        lane.logon.continue_after(state.nonce);
        Ok(())
    }

    /// The parts of all journals that wait for the disk, for a thread off the path; once.
    pub fn housekeepers(&mut self) -> Vec<Housekeeper> {
        let keepers = self.lanes.iter_mut().filter_map(|lane| lane.session.store_mut::<Keeper>());
        keepers.filter_map(|keeper| keeper.journal_mut().housekeeper()).collect()
    }

    /// The journal of `session`.
    #[must_use]
    pub fn journal(&self, session: SessionId) -> Option<&Journal> {
        self.lanes[usize::from(session.0)].session.store().map(Keeper::journal)
    }

    /// Who decides, for [`Resend::Ask`](crate::session::Resend::Ask), whether a message of `session` is
    /// sent again. Needs a journal.
    pub fn ask_before_resend(&mut self, session: SessionId, judge: ResendJudge) {
        self.lanes[usize::from(session.0)].session.ask_before_resend(judge);
    }

    /// Trace records that did not fit their ring.
    #[must_use]
    pub const fn traces_lost(&self) -> u64 {
        self.traces_lost
    }

    /// Whether every session is without a connection.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.lanes.iter().all(|lane| lane.transmitter.is_none())
    }

    /// Whether `session` has a connection.
    #[must_use]
    pub fn is_connected(&self, session: SessionId) -> bool {
        self.lanes[usize::from(session.0)].transmitter.is_some()
    }

    /// Whether `session` is logged on and in step with the venue.
    #[must_use]
    pub fn is_up(&self, session: SessionId) -> bool {
        self.lanes[usize::from(session.0)].session.is_up()
    }

    /// Where the numbers of `session` stand.
    #[must_use]
    pub fn numbers(&self, session: SessionId) -> Numbers {
        let session = &self.lanes[usize::from(session.0)].session;
        let (epoch, next_in, next_out) = (session.epoch(), session.next_in(), session.next_out());
        Numbers { epoch, next_in, next_out }
    }

    /// Whether [`SessionCore::take_ended`] or [`SessionCore::take_logout_wish`] has something.
    #[must_use]
    pub fn has_news(&self, session: SessionId) -> bool {
        let lane = &self.lanes[usize::from(session.0)];
        lane.ended.is_some() || lane.leaves
    }

    /// Why the last connection of `session` ended, and its transmitter; once.
    pub fn take_ended(&mut self, session: SessionId) -> Option<(DownReason, Option<Transmitter>)> {
        let lane = &mut self.lanes[usize::from(session.0)];
        let reason = lane.ended.take()?;
        Some((reason, lane.spent.take()))
    }

    /// Whether the application has asked for the end of `session`; once.
    pub fn take_logout_wish(&mut self, session: SessionId) -> bool {
        std::mem::take(&mut self.lanes[usize::from(session.0)].leaves)
    }

    /// Logs `session` out; it may come back.
    pub fn log_out(&mut self, session: SessionId, sink: &mut impl EventSink) {
        let now = self.clock.now();
        let lane = &mut self.lanes[usize::from(session.0)];
        lane.session.logout(None, now, &mut lane.outbox);
        lane.session_events(sink);
    }

    /// Both sequence spaces of `session`, which has no connection, start at 1, in a new epoch.
    pub fn roll_over(&mut self, session: SessionId) {
        let idle = self.lanes[usize::from(session.0)].session.rollover();
        assert!(idle, "the session has no connection");
    }

    /// The next number that `session`, which has no connection, uses is at least this one.
    pub fn skip_to(&mut self, session: SessionId, next_out: u64) {
        // A number that is not above ours would be refused again, as the conductor will see.
        self.lanes[usize::from(session.0)].session.skip_to(next_out);
    }

    /// When [`SessionCore::tick`] has something to do; the end of time if never.
    #[must_use]
    pub fn next_deadline(&self) -> UtcTime {
        let deadlines = self.lanes.iter().map(|lane| lane.session.next_deadline());
        deadlines.min().unwrap_or(UtcTime(u64::MAX))
    }

    /// Whether the next Logon of `session` asks for a reset (141=Y).
    pub fn ask_reset(&mut self, session: SessionId, reset: bool) {
        self.lanes[usize::from(session.0)].session.set_reset_on_logon(reset);
    }

    /// A connection of `session` stands: sends the Logon.
    pub fn connect(
        &mut self,
        session: SessionId,
        transmitter: Transmitter,
        sink: &mut impl EventSink,
    ) {
        let now = self.clock.now();
        let lane = &mut self.lanes[usize::from(session.0)];
        lane.outbox.clear();
        lane.accepted = 0;
        lane.transmitter = Some(transmitter);
        (lane.ended, lane.spent) = (None, None);
        let logon = &mut lane.logon;
        let config = lane.session.config();
        let (sender, target) = (config.sender, config.target);
        let sent = lane.session.connected(now, &mut lane.outbox, |out, msg_seq_num| {
            logon.write(out, msg_seq_num, sender.as_bytes(), target.as_bytes(), now);
        });
        if let Some(keeper) = lane.session.store_mut::<Keeper>() {
            keeper.used_nonce(lane.logon.last_nonce());
        }
        lane.journal_failed = None;
        // A Logon that cannot be written leaves the session without one: it times out at the venue.
        if sent.is_err() {
            lane.down(now, sink);
        }
        self.flush(sink);
    }

    /// What a connection brought.
    pub fn on_inbound(
        &mut self,
        session: SessionId,
        inbound: Inbound<'_>,
        mut stamps: Stamps,
        sink: &mut impl EventSink,
    ) {
        let now = self.clock.now();
        let lane = &mut self.lanes[usize::from(session.0)];
        match inbound {
            Inbound::Message(message) => {
                // What it may ask for again is stored first.
                let sent = Keeper::outbound(&mut lane.session, &lane.outbox, now);
                let received = lane.session.received(&message, now, &mut lane.outbox);
                let seq = message.msg_seq_num().unwrap_or(0);
                let stored = (received != Received::Ignored).then(|| (seq, message.bytes()));
                let kept = Keeper::inbound(&mut lane.session, stored, now);
                lane.journal_failed = lane.journal_failed.or(sent.and(kept).err());
                lane.session_events(sink);
                if received != Received::Application {
                    return;
                }
                let clock = &self.clock;
                let (traces, traces_lost) = (&mut self.traces, &mut self.traces_lost);
                decode(&message, &mut self.instruments, |kind| {
                    stamps.set(Stage::Session, clock.ticks());
                    if let EventKind::Report(report) = &kind {
                        let received_ticks = stamps.get(Stage::Receive);
                        let record =
                            Record::Answered { cl_ord_id: report.cl_ord_id, received_ticks };
                        *traces_lost += u64::from(traces.push(record).is_err());
                    }
                    sink.push(&Event { session, stamps, kind });
                });
            }
            Inbound::Garbled { bytes } => {
                lane.session.garbled(bytes, now, &mut lane.outbox);
                lane.session_events(sink);
                let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
                lane.emit(EventKind::Alarm(Alarm::Garbled { bytes }), sink);
            }
            Inbound::Closed(_) => lane.down(now, sink),
        }
    }

    /// Encodes a command behind everything that was sent before it. It leaves with the next
    /// [`SessionCore::flush`].
    pub fn on_command(&mut self, command: &Command, sink: &mut impl EventSink) {
        let now = self.clock.now();
        let lane = &mut self.lanes[usize::from(command.session.0)];
        if command.kind == CommandKind::Logout {
            lane.leaves = true;
            lane.session.logout(None, now, &mut lane.outbox);
            lane.session_events(sink);
            return;
        }
        let cl_ord_id = cl_ord_id_of(&command.kind);
        let sent = match encodable(&command.kind, &self.instruments) {
            None => Err(WithdrawReason::NotEncodable),
            Some(_) if lane.in_flight.len() == lane.in_flight.capacity() => {
                Err(WithdrawReason::OutboxFull)
            }
            Some(body) => lane
                .send(&command.kind, &body, &self.instruments, now)
                .map(|msg_seq_num| (msg_seq_num, body.msg_type()[0]))
                .map_err(|error| match error {
                    SendError::NotLoggedOn | SendError::SeqNumExhausted => {
                        WithdrawReason::SessionDown
                    }
                    SendError::OutboxFull => WithdrawReason::OutboxFull,
                    SendError::Encode(_) => WithdrawReason::NotEncodable,
                }),
        };
        match sent {
            Ok((msg_seq_num, msg_type)) => {
                let numeric = cl_ord_id.and_then(ClOrdId::as_numeric);
                if let Some(cl_ord_id) = numeric
                    && let Some(keeper) = lane.session.store_mut::<Keeper>()
                {
                    keeper.used_cl_ord_id(cl_ord_id);
                }
                let mut stamps = command.stamps;
                stamps.set(Stage::Encode, self.clock.ticks());
                lane.in_flight.push_back(InFlight {
                    end: lane.outbox.pushed_total(),
                    msg_seq_num,
                    msg_type,
                    cl_ord_id,
                    stamps,
                });
            }
            Err(reason) => {
                if let Some(cl_ord_id) = cl_ord_id {
                    lane.emit(EventKind::Withdrawn { cl_ord_id, reason }, sink);
                }
            }
        }
    }

    /// Heartbeats, test requests, time-outs.
    pub fn tick(&mut self, sink: &mut impl EventSink) {
        let now = self.clock.now();
        for lane in &mut self.lanes {
            lane.session.tick(now, &mut lane.outbox);
            lane.session_events(sink);
        }
    }

    /// Seals and sends what is waiting, and reports which commands are on the wire.
    pub fn flush(&mut self, sink: &mut impl EventSink) {
        for lane in &mut self.lanes {
            let Some(transmitter) = &mut lane.transmitter else { continue };
            let idle = lane.outbox.is_empty()
                && lane.in_flight.is_empty()
                && lane.journal_failed.is_none();
            if idle && transmitter.pending() == 0 && !lane.session.should_close() {
                continue;
            }
            let kept = match lane.journal_failed.take() {
                Some(error) => Err(error),
                None => Keeper::outbound(&mut lane.session, &lane.outbox, self.clock.now()),
            };
            if let Err(error) = kept {
                lane.emit(EventKind::Alarm(Alarm::Journal(error)), sink);
                let now = self.clock.now();
                lane.down(now, sink);
                continue;
            }
            let flushed = push_out(&mut lane.outbox, transmitter, &mut lane.accepted, &self.clock);
            match flushed {
                Ok(Flushed { sealed, complete }) => {
                    if complete {
                        let sent = self.clock.ticks();
                        let (traces, lost) = (&mut self.traces, &mut self.traces_lost);
                        lane.on_wire(sealed, sent, sink, |record| {
                            *lost += u64::from(traces.push(record).is_err());
                        });
                    }
                    if lane.session.should_close() && complete && lane.outbox.is_empty() {
                        let now = self.clock.now();
                        lane.down(now, sink);
                    }
                }
                Err(_) => {
                    let now = self.clock.now();
                    lane.down(now, sink);
                }
            }
        }
    }
}

/// What one attempt to send came to.
struct Flushed {
    /// When the last record was sealed, ticks.
    sealed: u64,
    /// Whether the kernel has taken everything that was accepted.
    complete: bool,
}

/// Seals as much of the outbox as there is room for, then sends. Repeats while both make progress.
fn push_out(
    outbox: &mut Outbox,
    transmitter: &mut Transmitter,
    accepted: &mut u64,
    clock: &Clock,
) -> Result<Flushed, WireError> {
    loop {
        let count = transmitter.accept(outbox.pending())?;
        outbox.consume(count);
        *accepted += count as u64;
        let sealed = clock.ticks();
        let complete = transmitter.flush()?;
        if outbox.is_empty() || !complete || count == 0 {
            return Ok(Flushed { sealed, complete });
        }
    }
}

impl Lane {
    /// Writes a command's message into the outbox; returns its MsgSeqNum.
    fn send(
        &mut self,
        kind: &CommandKind,
        body: &Encodable<'_>,
        instruments: &Instruments,
        now: UtcTime,
    ) -> Result<u64, SendError> {
        let (session, outbox) = (&mut self.session, &mut self.outbox);
        match self.templates.prepare(kind, instruments) {
            Some(prepared) => {
                let fill = |buffer: &mut [u8], seq| prepared.fill(buffer, seq, now);
                session.send_rendered(body.msg_type(), now, outbox, fill)
            }
            None => session.send(body.msg_type(), now, outbox, |out| body.write(out, now)),
        }
    }

    fn emit(&self, kind: EventKind, sink: &mut impl EventSink) {
        sink.push(&Event { session: self.id, stamps: Stamps::NONE, kind });
    }

    /// Everything that the transmitter accepted has been taken by the kernel.
    fn on_wire(
        &mut self,
        sealed: u64,
        sent: u64,
        sink: &mut impl EventSink,
        mut trace: impl FnMut(Record),
    ) {
        while let Some(front) = self.in_flight.front().filter(|f| f.end <= self.accepted) {
            let InFlight { msg_seq_num, msg_type, cl_ord_id, mut stamps, .. } = *front;
            self.in_flight.pop_front();
            stamps.set(Stage::Seal, sealed);
            stamps.set(Stage::Send, sent);
            trace(Record::Sent { session: self.id, msg_type, msg_seq_num, cl_ord_id, stamps });
            if let Some(cl_ord_id) = cl_ord_id {
                self.emit(EventKind::OnWire { cl_ord_id, msg_seq_num, sent_ticks: sent }, sink);
            }
        }
    }

    /// Tells the application what the session has to say.
    fn session_events(&mut self, sink: &mut impl EventSink) {
        while let Some(event) = self.session.next_event() {
            let kind = match event {
                SessionEvent::Up { epoch, connection } => {
                    EventKind::SessionUp { epoch, connection }
                }
                SessionEvent::Down { reason } => {
                    self.ended = Some(reason);
                    EventKind::SessionDown(reason)
                }
                SessionEvent::Gap { from, to } => EventKind::Alarm(Alarm::Gap { from, to }),
                SessionEvent::Withheld { from, to, messages } => {
                    EventKind::Alarm(Alarm::Withheld { from, to, messages })
                }
                // Told by whoever skipped the bytes.
                SessionEvent::Garbled { .. } => continue,
                other => EventKind::Session(other),
            };
            self.emit(kind, sink);
        }
    }

    /// The connection is over. Every command that was not yet on the wire ends here: one whose bytes
    /// the transmitter had accepted may have left, so it counts as sent and its order as uncertain;
    /// the rest never left.
    fn down(&mut self, now: UtcTime, sink: &mut impl EventSink) {
        let Some(mut transmitter) = self.transmitter.take() else { return };
        transmitter.close();
        self.spent = Some(transmitter);
        while let Some(command) = self.in_flight.pop_front() {
            let Some(cl_ord_id) = command.cl_ord_id else { continue };
            let kind = if command.end <= self.accepted {
                let msg_seq_num = command.msg_seq_num;
                EventKind::OnWire { cl_ord_id, msg_seq_num, sent_ticks: 0 }
            } else {
                EventKind::Withdrawn { cl_ord_id, reason: WithdrawReason::SessionDown }
            };
            self.emit(kind, sink);
        }
        self.outbox.clear();
        self.session.disconnected(now);
        self.session_events(sink);
    }
}

/// The ClOrdID of an order command.
const fn cl_ord_id_of(kind: &CommandKind) -> Option<ClOrdId> {
    match kind {
        CommandKind::New(order) => Some(order.get().cl_ord_id),
        CommandKind::Replace(order) => Some(order.get().cl_ord_id),
        CommandKind::Cancel(cancel) => Some(cancel.cl_ord_id),
        CommandKind::MassCancel(cancel) => Some(cancel.cl_ord_id),
        CommandKind::RequestInstruments
        | CommandKind::Subscribe { .. }
        | CommandKind::Unsubscribe { .. }
        | CommandKind::Logout => None,
    }
}
