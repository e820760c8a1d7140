//! The session core: every session's state, its outbox and its road to the wire (stages t5, t9 to
//! t11). The one place where a command becomes bytes.

mod calls;
mod lane;
mod recall;
mod steering;
pub(super) mod traces;
mod under_way;

use rtrb::Producer;
use taut_codec::value::UtcTime;

use self::lane::{Flushed, InFlight, Lane, push_out};
use self::recall::Recall;
use self::traces::Traces;
use super::inlet::Inbound;
use super::rest::RestPort;
use super::{SECOND_TRADING, TRADING};
use crate::command::{Command, CommandKind, SessionId};
use crate::event::{Alarm, DownReason, Event, EventKind, WithdrawReason};
use crate::journal::Keeper;
use crate::kraken::decode::decode;
use crate::kraken::encode::{Templates, encodable};
use crate::kraken::instruments::Instruments;
use crate::kraken::logon::Logon;
use crate::kraken::market_of_comp_id;
use crate::limits::COMMAND_RING;
use crate::order::ClOrdIdSource;
use crate::session::{Outbox, Received, SendError, Session, SessionConfig};
use crate::touched;
use crate::trace::{Clock, Record, Stage, Stamps};
use crate::types::{ClOrdId, Symbol};
use crate::wire::Transmitter;

/// Takes events towards the desk: by a call, or through a ring.
pub trait EventSink {
    /// Takes one event. Whoever brings messages makes sure that there is room for what they become.
    fn push(&mut self, event: &Event);
    /// How many it was given, if they are handled elsewhere: then some may be on their way.
    fn pushed(&self) -> u64 {
        0
    }
    /// How many of those have been handled, by the strategy too; they are in order.
    fn handled(&self) -> u64 {
        self.pushed()
    }
}

/// All sessions of an engine.
pub struct SessionCore {
    lanes: Vec<Lane>,
    instruments: Instruments,
    clock: Clock,
    traces: Traces,
    /// Of the trading sessions that have one.
    rest: Vec<(SessionId, RestPort)>,
    /// What earlier runs of trading sessions left behind, while there is more to tell.
    earlier: Vec<Recall>,
    /// The sending of orders was not rehearsed on every session that has some.
    is_cold: bool,
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
            market: market_of_comp_id(config.target.as_bytes()),
            session: Session::new(config),
            logon,
            outbox: Outbox::new(),
            templates: Templates::new(&config),
            // The others send no orders.
            is_warm: i != usize::from(TRADING.0) && i != usize::from(SECOND_TRADING.0),
            transmitter: None,
            ended: None,
            spent: None,
            leaves: false,
            in_flight: touched::deque(COMMAND_RING),
            accepted: 0,
            under_way: None,
            journal_failed: None,
        });
        Self {
            lanes: lanes.collect(),
            instruments: Instruments::new(symbols),
            clock,
            traces: Traces::new(traces),
            rest: Vec::new(),
            earlier: Vec::new(),
            is_cold: true,
        }
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
            lane.down(now, &mut self.traces, sink);
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
        let too_early = !self.takes_reports(session);
        let lane = &mut self.lanes[usize::from(session.0)];
        match inbound {
            Inbound::Message(message) if too_early && message.msg_type() == b"8" => {
                if lane.transmitter.is_some() {
                    lane.session.give_up(DownReason::InstrumentsUnknown);
                    lane.down(now, &mut self.traces, sink);
                }
            }
            Inbound::Message(message) => {
                // What it may ask for again is stored first.
                let sent = Keeper::outbound(&mut lane.session, &lane.outbox, now);
                let expected = lane.session.next_in();
                let received = lane.session.received(&message, now, &mut lane.outbox);
                let has_journal = lane.under_way.is_some();
                let came =
                    has_journal.then(|| (message.msg_seq_num().unwrap_or(0), message.bytes()));
                let (stored, sent) = match (received, came) {
                    (Received::Ignored, Some(came)) => {
                        let noted = Keeper::not_taken(&mut lane.session, expected, came, now);
                        (None, sent.and(noted))
                    }
                    (Received::Ignored, None) => (None, sent),
                    (_, came) => (came, sent),
                };
                lane.session_events(sink);
                if received == Received::Application {
                    let clock = &self.clock;
                    let traces = &mut self.traces;
                    decode(&message, &mut self.instruments, |kind| {
                        stamps.set(Stage::Session, clock.ticks());
                        if let EventKind::Report(report) = &kind {
                            let received_ticks = stamps.get(Stage::Receive);
                            let record =
                                Record::Answered { cl_ord_id: report.cl_ord_id, received_ticks };
                            traces.push(record);
                        }
                        sink.push(&Event { session, stamps, kind });
                    });
                }
                // Handed over first, then stored: a life that ends in between is given it again.
                let kept = lane.store_taken(stored, now, sink);
                lane.journal_failed = lane.journal_failed.or(sent.and(kept).err());
                if self.is_cold {
                    self.warm_up(now);
                }
            }
            Inbound::Garbled { bytes, why } => {
                lane.session.garbled(bytes, why, now);
                lane.session_events(sink);
                let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
                lane.emit(EventKind::Alarm(Alarm::Garbled { bytes, why }), sink);
            }
            Inbound::Closed(_) => lane.down(now, &mut self.traces, sink),
        }
    }

    /// Rehearses the sending of orders on each session as soon as the instruments of its market are known: the
    /// strategy hears of them now, and what it sends is encoded behind this.
    fn warm_up(&mut self, now: UtcTime) {
        for lane in &mut self.lanes {
            if !lane.is_warm && self.instruments.is_listed(lane.market) {
                lane.templates.warm_up(self.instruments.of(lane.market), now);
                lane.is_warm = true;
            }
        }
        self.is_cold = self.lanes.iter().any(|lane| !lane.is_warm);
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
        if let CommandKind::Rest(call) = command.kind {
            return self.call(command.session, call, sink);
        }
        let lane = &mut self.lanes[usize::from(command.session.0)];
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
                if let Some(cl_ord_id) = cl_ord_id
                    && let Some(keeper) = lane.session.store_mut::<Keeper>()
                {
                    keeper.used_cl_ord_id(ClOrdIdSource::number_of(cl_ord_id));
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
            lane.note_handled(sink);
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
                lane.session.give_up(DownReason::JournalFailed);
                lane.down(now, &mut self.traces, sink);
                continue;
            }
            let flushed = push_out(&mut lane.outbox, transmitter, &mut lane.accepted, &self.clock);
            match flushed {
                Ok(Flushed { sealed, complete }) => {
                    if complete {
                        let sent = self.clock.ticks();
                        lane.on_wire(sealed, sent, &mut self.traces, sink);
                    }
                    let flushed = complete && lane.outbox.is_empty();
                    let over = lane.session.should_close() && flushed;
                    if over || lane.session.must_drop() {
                        let now = self.clock.now();
                        lane.down(now, &mut self.traces, sink);
                    }
                }
                Err(_) => {
                    let now = self.clock.now();
                    lane.down(now, &mut self.traces, sink);
                }
            }
        }
    }
}

/// The ClOrdID of an order command.
const fn cl_ord_id_of(kind: &CommandKind) -> Option<ClOrdId> {
    match kind {
        CommandKind::New(order) => Some(order.get().cl_ord_id),
        CommandKind::Replace(order) => Some(order.get().cl_ord_id),
        CommandKind::Cancel(cancel) => Some(cancel.cl_ord_id),
        CommandKind::MassCancel(cancel) => Some(cancel.cl_ord_id),
        CommandKind::Status(_)
        | CommandKind::RequestInstruments
        | CommandKind::Subscribe { .. }
        | CommandKind::Unsubscribe { .. }
        | CommandKind::Rest(_)
        | CommandKind::Logout => None,
    }
}
