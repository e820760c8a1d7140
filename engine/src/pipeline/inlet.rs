//! The reader's end of one connection: bytes in, indexed messages out (stages t0 to t4).

use std::iter::{once, repeat_n};

use taut_codec::frame::Framer;
use taut_codec::garbled::Garbled;
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanned, Scanner};

use crate::command::SessionId;
use crate::limits::{FIELDS_MAX, MESSAGE_BYTES_MAX, RECEIVE_BYTES, TURN_MESSAGES_MAX};
use crate::touched;
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
        /// Why.
        why: Garbled,
    },
    /// The connection is over; nothing follows.
    Closed(WireError),
}

/// How far to look for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// In the buffer, then in the socket.
    Socket,
    /// In what was received before.
    Received,
}

impl Look {
    /// What a connection brings at once: a message, and those that were received with it.
    pub(super) fn turn() -> impl Iterator<Item = Self> {
        once(Self::Socket).chain(repeat_n(Self::Received, TURN_MESSAGES_MAX - 1))
    }
}

/// Receives, opens, frames and scans. Owns every buffer that it needs from the start.
pub struct Inlet {
    session: SessionId,
    receiver: Option<Receiver>,
    /// The last receiver, which has ended.
    spent: Option<Receiver>,
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
    Garbled { len: usize, why: Garbled },
}

impl Inlet {
    /// An inlet without a connection.
    #[must_use]
    pub fn new(session: SessionId) -> Self {
        Self {
            session,
            receiver: None,
            spent: None,
            buffer: touched::slice(0, RECEIVE_BYTES),
            start: 0,
            end: 0,
            handed_out: 0,
            framer: Framer::new(MESSAGE_BYTES_MAX),
            scanner: Scanner::new(),
            fields: touched::slice(Field::default(), FIELDS_MAX),
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
        self.spent = None;
        self.clear();
    }

    /// There is no connection any more; returns what is left of it.
    pub fn disconnect(&mut self) -> Option<Receiver> {
        self.clear();
        self.receiver.take().or(self.spent.take())
    }

    fn clear(&mut self) {
        (self.start, self.end, self.handed_out) = (0, 0, 0);
        self.framer = Framer::new(MESSAGE_BYTES_MAX);
    }

    /// The connection, if there is one.
    #[must_use]
    pub const fn receiver(&self) -> Option<&Receiver> {
        self.receiver.as_ref()
    }

    /// The next thing that the connection brought, or `None` if there is nothing now. Receives at
    /// most once per call, and only when no whole message is left in the buffer.
    pub fn next(&mut self, clock: &Clock) -> Option<(Inbound<'_>, Stamps)> {
        self.look(Look::Socket, clock)
    }

    /// [`Inlet::next`], looking no further than it says.
    pub(super) fn look(&mut self, look: Look, clock: &Clock) -> Option<(Inbound<'_>, Stamps)> {
        self.start += std::mem::take(&mut self.handed_out);
        self.receiver.as_ref()?;
        let mut stamps = self.arrival;
        let front = match self.front(&mut stamps, clock) {
            Some(front) => front,
            None if look == Look::Received => return None,
            None => match self.receive(clock) {
                Ok(false) => return None,
                Ok(true) => {
                    stamps = self.arrival;
                    self.front(&mut stamps, clock)?
                }
                Err(error) => {
                    self.spent = self.receiver.take();
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
            Front::Garbled { len, why } => {
                self.handed_out = len;
                Inbound::Garbled { bytes: len, why }
            }
        };
        Some((inbound, stamps))
    }

    fn front(&mut self, stamps: &mut Stamps, clock: &Clock) -> Option<Front> {
        let bytes = &self.buffer[self.start..self.end];
        // Bounds and index are found in one go: between them there is no stamp.
        let begun = clock.ticks();
        let front = match self.scanner.scan(&mut self.framer, bytes, &mut self.fields) {
            Scanned::Incomplete => return None,
            Scanned::Garbage { skip, reason } => Front::Garbled { len: skip, why: reason.into() },
            Scanned::Garbled { len, error } => Front::Garbled { len, why: error.into() },
            Scanned::Message { len, fields } => Front::Message { len, fields },
        };
        stamps.set(Stage::Frame, begun);
        stamps.set(Stage::Scan, clock.ticks());
        Some(front)
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
        let began = match receiver.arrived() {
            Some(at) if received != 0 => clock.ticks_at(at).min(received),
            _ => polled,
        };
        self.arrival.set(Stage::Poll, began);
        // 0: the plain text was received by an earlier call and opened by this one.
        self.arrival.set(Stage::Receive, if received == 0 { polled } else { received });
        self.arrival.set(Stage::Open, clock.ticks());
        self.end += count;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use taut_codec::encode::{Encoder, Header, HeaderOrder};
    use taut_codec::value::UtcTime;

    use super::*;
    use crate::wire::memory::{self, Cut, Direction, Link, LinkConfig};
    use crate::wire::{Transmitter, channel};

    fn clock() -> Clock {
        Clock::virtual_at(Arc::new(AtomicU64::new(1)))
    }

    fn message(msg_seq_num: u64) -> Vec<u8> {
        let mut buffer = [0; 256];
        let header = Header {
            msg_type: b"0",
            msg_seq_num,
            sender: b"V",
            target: b"C",
            sending_time: UtcTime(0),
            orig_sending_time: None,
            order: HeaderOrder::default(),
        };
        let range = Encoder::begin(&mut buffer, &header).finish().expect("it fits");
        buffer[range].to_vec()
    }

    fn connected(receive_max: usize) -> (Inlet, Transmitter, Link) {
        let (near, far, link) =
            memory::pair(LinkConfig { receive_max, latency_ns: 0, ..LinkConfig::default() });
        let mut inlet = Inlet::new(SessionId(3));
        inlet.connect(channel::memory(near).0);
        (inlet, channel::memory(far).1, link)
    }

    fn send(transmitter: &mut Transmitter, bytes: &[u8]) {
        assert_eq!(transmitter.accept(bytes), Ok(bytes.len()));
        assert_eq!(transmitter.flush(), Ok(true));
    }

    /// What comes until nothing is there for a while, in short.
    fn drain(inlet: &mut Inlet) -> Vec<String> {
        let (mut seen, mut idle) = (Vec::new(), 0);
        while idle < 500 {
            match inlet.next(&clock()) {
                None => idle += 1,
                Some((Inbound::Message(m), _)) => {
                    seen.push(format!("{}", m.msg_seq_num().expect("it has one")));
                }
                Some((Inbound::Garbled { bytes, why }, _)) => {
                    seen.push(format!("garbled {bytes}: {why}"));
                }
                Some((Inbound::Closed(error), _)) => seen.push(format!("{error:?}")),
            }
        }
        seen
    }

    #[test]
    fn messages_arrive_whole_and_in_order_however_the_bytes_are_cut() {
        for receive_max in [1, 2, 7, 64, 4096] {
            let (mut inlet, mut far, _link) = connected(receive_max);
            let stream: Vec<u8> = (1..=3).flat_map(message).collect();
            send(&mut far, &stream);
            assert_eq!(drain(&mut inlet), ["1", "2", "3"], "{receive_max} bytes a read");
        }
    }

    #[test]
    fn what_was_received_before_is_handed_out_without_another_read() {
        let (mut inlet, mut far, _link) = connected(4096);
        assert!(inlet.look(Look::Received, &clock()).is_none());
        let stream: Vec<u8> = (1..=2).flat_map(message).collect();
        send(&mut far, &stream);
        assert!(inlet.look(Look::Received, &clock()).is_none(), "it does not look");
        assert!(inlet.next(&clock()).is_some());
        send(&mut far, &message(3));
        let second = inlet.look(Look::Received, &clock());
        assert!(matches!(second, Some((Inbound::Message(m), _)) if m.msg_seq_num() == Ok(2)));
        assert!(inlet.look(Look::Received, &clock()).is_none(), "the third is not received yet");
        assert_eq!(drain(&mut inlet), ["3"]);
    }

    #[test]
    fn a_wrong_checksum_is_garbled_and_the_next_message_is_read() {
        let (mut inlet, mut far, _link) = connected(4096);
        let mut broken = message(1);
        let at = broken.len() - 2;
        broken[at] = if broken[at] == b'0' { b'1' } else { b'0' };
        send(&mut far, &broken);
        send(&mut far, &message(2));
        let told = format!("garbled {}: wrong CheckSum at byte {}", broken.len(), broken.len() - 7);
        assert_eq!(drain(&mut inlet), [told, "2".into()]);
    }

    #[test]
    fn what_was_received_before_the_end_is_delivered_before_it() {
        let (mut inlet, mut far, link) = connected(4096);
        send(&mut far, &message(1));
        link.cut(Direction::BToA, Cut::Close);
        assert_eq!(drain(&mut inlet), ["1", "Closed"]);
        assert!(inlet.receiver().is_none());
    }

    #[test]
    fn a_new_connection_starts_with_an_empty_buffer() {
        let (mut inlet, mut far, _link) = connected(4096);
        send(&mut far, &message(1)[..20]);
        assert!(drain(&mut inlet).is_empty());
        let (near, far, _link) =
            memory::pair(LinkConfig { latency_ns: 0, ..LinkConfig::default() });
        inlet.connect(channel::memory(near).0);
        let mut far = channel::memory(far).1;
        send(&mut far, &message(2));
        assert_eq!(drain(&mut inlet), ["2"]);
    }

    #[test]
    fn a_long_stream_never_fills_the_buffer_for_good() {
        let (mut inlet, mut far, _link) = connected(4096);
        let one = message(1);
        for _ in 0..2 * RECEIVE_BYTES / one.len() {
            send(&mut far, &one);
            assert_eq!(
                inlet.next(&clock()).map(|(inbound, _)| matches!(inbound, Inbound::Message(_))),
                Some(true)
            );
        }
    }

    #[test]
    fn the_path_begins_when_the_kernel_took_the_bytes_where_the_wire_tells() {
        for (asked, began) in [(false, 900), (true, 400)] {
            let nanos = Arc::new(AtomicU64::new(900));
            let (mut inlet, mut far, link) = connected(4096);
            if asked {
                inlet
                    .receiver
                    .as_mut()
                    .expect("connected")
                    .stamp_arrivals()
                    .expect("memory has stamps");
            }
            link.advance_to(400);
            send(&mut far, &message(1));
            link.advance_to(900);
            let (_, stamps) = inlet.next(&Clock::virtual_at(nanos)).expect("it is there");
            assert_eq!((stamps.get(Stage::Poll), stamps.get(Stage::Receive)), (began, 900));
        }
    }

    #[test]
    fn the_stamps_of_a_message_follow_the_stages() {
        let nanos = Arc::new(AtomicU64::new(7));
        let (mut inlet, mut far, _link) = connected(4096);
        send(&mut far, &message(1));
        let (_, stamps) = inlet.next(&Clock::virtual_at(nanos)).expect("it is there");
        for stage in [Stage::Poll, Stage::Receive, Stage::Open, Stage::Frame, Stage::Scan] {
            assert_eq!(stamps.get(stage), 7, "{}", stage.name());
        }
        assert_eq!(stamps.get(Stage::Session), 0);
    }
}
