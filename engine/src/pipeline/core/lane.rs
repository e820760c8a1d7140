//! One session within the core: its state, its outbox, its transmitter, and the commands whose bytes are
//! on their way.

use std::collections::VecDeque;

use taut_codec::value::UtcTime;

use crate::command::{CommandKind, SessionId};
use crate::event::{Alarm, DownReason, Event, EventKind, WithdrawReason};
use crate::journal::AppendError;
use crate::kraken::encode::{Encodable, Templates};
use crate::kraken::instruments::Instruments;
use crate::kraken::logon::Logon;
use crate::session::{Outbox, SendError, Session, SessionEvent};
use crate::trace::{Clock, Record, Stage, Stamps};
use crate::types::{ClOrdId, Market};
use crate::wire::{Transmitter, WireError};

use super::EventSink;
use super::traces::Traces;
use super::under_way::UnderWay;

/// One session: the ordered road from commands to the wire.
pub(super) struct Lane {
    pub(super) id: SessionId,
    /// The market that it is of.
    pub(super) market: Market,
    pub(super) session: Session,
    pub(super) logon: Logon,
    pub(super) outbox: Outbox,
    pub(super) templates: Templates,
    /// The sending of orders was rehearsed, or this session has none.
    pub(super) is_warm: bool,
    pub(super) transmitter: Option<Transmitter>,
    /// The last connection has ended, and nobody has been told yet.
    pub(super) ended: Option<DownReason>,
    /// Its transmitter, to be put away.
    pub(super) spent: Option<Transmitter>,
    /// The application asked for the end of the session.
    pub(super) leaves: bool,
    /// Commands whose bytes the kernel has not taken yet, in order.
    pub(super) in_flight: VecDeque<InFlight>,
    /// Plain bytes that the transmitter has accepted on this connection.
    pub(super) accepted: u64,
    /// What the application has not handled yet, if there is a journal.
    pub(super) under_way: Option<UnderWay>,
    /// Why the session's journal did not take something; the connection ends at the next flush.
    pub(super) journal_failed: Option<AppendError>,
}

#[derive(Clone, Copy)]
pub(super) struct InFlight {
    /// Where its last byte stands in the outbox's count.
    pub(super) end: u64,
    pub(super) msg_seq_num: u64,
    pub(super) msg_type: u8,
    pub(super) cl_ord_id: Option<ClOrdId>,
    pub(super) stamps: Stamps,
}

/// What one attempt to send came to.
pub(super) struct Flushed {
    /// When the last record was sealed, ticks.
    pub(super) sealed: u64,
    /// Whether the kernel has taken everything that was accepted.
    pub(super) complete: bool,
}

/// Seals as much of the outbox as there is room for, then sends. Repeats while both make progress.
pub(super) fn push_out(
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
    pub(super) fn send(
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

    pub(super) fn emit(&self, kind: EventKind, sink: &mut impl EventSink) {
        sink.push(&Event { session: self.id, stamps: Stamps::NONE, kind });
    }

    /// Everything that the transmitter accepted has been taken by the kernel.
    pub(super) fn on_wire(
        &mut self,
        sealed: u64,
        sent: u64,
        traces: &mut Traces,
        sink: &mut impl EventSink,
    ) {
        while let Some(front) = self.in_flight.front().filter(|f| f.end <= self.accepted) {
            let InFlight { msg_seq_num, msg_type, cl_ord_id, mut stamps, .. } = *front;
            self.in_flight.pop_front();
            stamps.set(Stage::Seal, sealed);
            stamps.set(Stage::Send, sent);
            let session = self.id;
            traces.push(Record::Sent { session, msg_type, msg_seq_num, cl_ord_id, stamps });
            if let Some(cl_ord_id) = cl_ord_id {
                self.emit(EventKind::OnWire { cl_ord_id, msg_seq_num, sent_ticks: sent }, sink);
            }
        }
    }

    /// Tells the application what the session has to say.
    pub(super) fn session_events(&mut self, sink: &mut impl EventSink) {
        while let Some(event) = self.session.next_event() {
            let kind = match event {
                SessionEvent::Up { epoch, connection, next_in, next_out } => {
                    EventKind::SessionUp { epoch, connection, next_in, next_out }
                }
                SessionEvent::Down { reason, next_in, next_out } => {
                    self.ended = Some(reason);
                    EventKind::SessionDown { reason, next_in, next_out }
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
    pub(super) fn down(&mut self, now: UtcTime, traces: &mut Traces, sink: &mut impl EventSink) {
        let Some(mut transmitter) = self.transmitter.take() else { return };
        transmitter.close();
        self.spent = Some(transmitter);
        while let Some(command) = self.in_flight.pop_front() {
            let InFlight { msg_seq_num, msg_type, .. } = command;
            let Some(cl_ord_id) = command.cl_ord_id else { continue };
            let kind = if command.end <= self.accepted {
                let session = self.id;
                traces.push(Record::UnderWay { session, msg_type, msg_seq_num, cl_ord_id });
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
