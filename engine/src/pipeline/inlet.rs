//! The reader's end of one connection: bytes in, indexed messages out (stages t0 to t4).

use taut_codec::frame::{Frame, Framer};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};

use crate::command::SessionId;
use crate::limits::{FIELDS_MAX, MESSAGE_BYTES_MAX, RECEIVE_BYTES};
use crate::trace::{Clock, Stage, Stamps};
use crate::wire::{Receiver, WireError};

/// What one connection brought.
#[derive(Debug, Clone, Copy)]
pub enum Inbound<'a> {
    /// A framed, indexed message with a right CheckSum.
    Message(Message<'a>),
    /// Bytes that are no message.
    Garbled {
        /// How many.
        bytes: usize,
    },
    /// The connection is over; nothing follows.
    Closed(WireError),
}

/// Receives, opens, frames and scans. Owns every buffer that it needs from the start.
pub struct Inlet {
    session: SessionId,
    receiver: Option<Receiver>,
    buffer: Box<[u8]>,
    /// `buffer[start..end]` is not consumed yet; the first `handed_out` bytes of it were returned by
    /// the last call and are consumed by the next.
    start: usize,
    end: usize,
    handed_out: usize,
    framer: Framer,
    scanner: Scanner,
    fields: Box<[Field]>,
    /// Stamps of the last receive.
    arrival: Stamps,
}

/// What stands at the front of the buffer, without borrowing it.
enum Front {
    Message { len: usize, fields: usize },
    Garbled { len: usize },
}

impl Inlet {
    /// An inlet without a connection.
    #[must_use]
    pub fn new(session: SessionId) -> Self {
        Self {
            session,
            receiver: None,
            buffer: vec![0; RECEIVE_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            handed_out: 0,
            framer: Framer::new(MESSAGE_BYTES_MAX),
            scanner: Scanner::new(),
            fields: vec![Field::default(); FIELDS_MAX].into_boxed_slice(),
            arrival: Stamps::NONE,
        }
    }

    /// The session that it feeds.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// A new connection: nothing of the old one is left.
    pub fn connect(&mut self, receiver: Receiver) {
        self.receiver = Some(receiver);
        (self.start, self.end, self.handed_out) = (0, 0, 0);
    }

    /// The connection, if there is one.
    #[must_use]
    pub const fn receiver(&self) -> Option<&Receiver> {
        self.receiver.as_ref()
    }

    /// The next thing that the connection brought, or `None` if there is nothing now. Receives at
    /// most once per call, and only when no whole message is left in the buffer.
    pub fn next(&mut self, clock: &Clock) -> Option<(Inbound<'_>, Stamps)> {
        self.start += std::mem::take(&mut self.handed_out);
        self.receiver.as_ref()?;
        let mut stamps = self.arrival;
        let front = match self.front(&mut stamps, clock) {
            Some(front) => front,
            None => match self.receive(clock) {
                Ok(false) => return None,
                Ok(true) => {
                    stamps = self.arrival;
                    self.front(&mut stamps, clock)?
                }
                Err(error) => {
                    self.receiver = None;
                    return Some((Inbound::Closed(error), Stamps::NONE));
                }
            },
        };
        let inbound = match front {
            Front::Message { len, fields } => {
                self.handed_out = len;
                let bytes = &self.buffer[self.start..self.start + len];
                Inbound::Message(Message::new(bytes, &self.fields[..fields]))
            }
            Front::Garbled { len } => {
                self.handed_out = len;
                Inbound::Garbled { bytes: len }
            }
        };
        Some((inbound, stamps))
    }

    fn front(&mut self, stamps: &mut Stamps, clock: &Clock) -> Option<Front> {
        let bytes = &self.buffer[self.start..self.end];
        match self.framer.next(bytes) {
            Frame::Incomplete => None,
            Frame::Garbage { skip, .. } => Some(Front::Garbled { len: skip }),
            Frame::Message { len } => {
                stamps.set(Stage::Frame, clock.ticks());
                let indexed = self.scanner.index(&bytes[..len], &mut self.fields);
                stamps.set(Stage::Scan, clock.ticks());
                Some(match indexed {
                    Ok(fields) => Front::Message { len, fields },
                    Err(_) => Front::Garbled { len },
                })
            }
        }
    }

    /// Reads once. `Ok(false)` if nothing was there.
    fn receive(&mut self, clock: &Clock) -> Result<bool, WireError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.buffer.len() - self.end < MESSAGE_BYTES_MAX {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let receiver = self.receiver.as_mut().expect("checked by the caller");
        // Only kept if bytes come: an empty poll must not touch the stamps of those in the buffer.
        let polled = clock.ticks();
        let mut received = 0;
        let count =
            receiver.receive(&mut self.buffer[self.end..], |_bytes| received = clock.ticks())?;
        if count == 0 {
            return Ok(false);
        }
        self.arrival.set(Stage::Poll, polled);
        // 0: the plain text was received by an earlier call and opened by this one.
        self.arrival.set(Stage::Receive, if received == 0 { polled } else { received });
        self.arrival.set(Stage::Open, clock.ticks());
        self.end += count;
        Ok(true)
    }
}
