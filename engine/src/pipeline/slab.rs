//! Messages on their way from the reader's thread to the session core's (layout `full`): the bytes
//! travel in pre-allocated slots, whose owners pass through one ring and come back through another.

use rtrb::{Consumer, Producer};
use taut_codec::garbled::Garbled;
use taut_codec::message::Message;
use taut_codec::scan::Field;

use super::inlet::Inbound;
use crate::command::SessionId;
use crate::limits::{
    FIELDS_MAX, FRAME_RING, LARGE_SLOTS, MESSAGE_BYTES_MAX, SMALL_SLOT_BYTES, SMALL_SLOT_FIELDS,
};
use crate::touched;
use crate::trace::Stamps;
use crate::wire::WireError;

/// Where a message came from. What is still on its way from an earlier connection must not be taken for
/// the present one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The session.
    pub session: SessionId,
    /// The attempt that led to the connection.
    pub attempt: u32,
}

/// One message with its index, or a notice.
pub struct Slot {
    bytes: Box<[u8]>,
    fields: Box<[Field]>,
    session: SessionId,
    /// The attempt that led to the connection.
    attempt: u32,
    stamps: Stamps,
    content: Content,
}

#[derive(Clone, Copy)]
enum Content {
    Message { bytes: usize, fields: usize },
    Garbled { bytes: usize, why: Garbled },
    Closed(WireError),
}

impl Slot {
    fn new(bytes: usize, fields: usize) -> Box<Self> {
        Box::new(Self {
            bytes: touched::slice(0, bytes),
            fields: touched::slice(Field::default(), fields),
            session: SessionId(0),
            attempt: 0,
            stamps: Stamps::NONE,
            content: Content::Message { bytes: 0, fields: 0 },
        })
    }

    /// The session that it came for, what it is, and its stamps.
    #[must_use]
    pub fn read(&self) -> (SessionId, Inbound<'_>, Stamps) {
        let inbound = match self.content {
            Content::Message { bytes, fields } => {
                Inbound::Message(Message::new(&self.bytes[..bytes], &self.fields[..fields]))
            }
            Content::Garbled { bytes, why } => Inbound::Garbled { bytes, why },
            Content::Closed(error) => Inbound::Closed(error),
        };
        (self.session, inbound, self.stamps)
    }

    fn write(&mut self, from: Origin, inbound: &Inbound<'_>, stamps: Stamps) {
        (self.session, self.attempt) = (from.session, from.attempt);
        self.stamps = stamps;
        self.content = match inbound {
            Inbound::Message(message) => {
                let (bytes, fields) = (message.bytes(), message.fields());
                self.bytes[..bytes.len()].copy_from_slice(bytes);
                self.fields[..fields.len()].copy_from_slice(fields);
                Content::Message { bytes: bytes.len(), fields: fields.len() }
            }
            Inbound::Garbled { bytes, why } => Content::Garbled { bytes: *bytes, why: *why },
            Inbound::Closed(error) => Content::Closed(*error),
        };
    }
}

/// The reader's end.
pub struct SlabSender {
    filled: Producer<Box<Slot>>,
    free_small: Consumer<Box<Slot>>,
    free_large: Consumer<Box<Slot>>,
}

/// The session core's end.
pub struct SlabReceiver {
    filled: Consumer<Box<Slot>>,
    free_small: Producer<Box<Slot>>,
    free_large: Producer<Box<Slot>>,
}

/// All slots, allocated once: many small ones for reports and incrementals, a few for snapshots.
#[must_use]
pub fn slab() -> (SlabSender, SlabReceiver) {
    let (filled_in, filled_out) = touched::ring(FRAME_RING + LARGE_SLOTS);
    let (mut small_in, small_out) = touched::ring(FRAME_RING);
    let (mut large_in, large_out) = touched::ring(LARGE_SLOTS);
    for _ in 0..FRAME_RING {
        let pushed = small_in.push(Slot::new(SMALL_SLOT_BYTES, SMALL_SLOT_FIELDS));
        assert!(pushed.is_ok(), "the ring was made for this many");
    }
    for _ in 0..LARGE_SLOTS {
        let pushed = large_in.push(Slot::new(MESSAGE_BYTES_MAX, FIELDS_MAX));
        assert!(pushed.is_ok(), "the ring was made for this many");
    }
    (
        SlabSender { filled: filled_in, free_small: small_out, free_large: large_out },
        SlabReceiver { filled: filled_out, free_small: small_in, free_large: large_in },
    )
}

impl SlabSender {
    /// Whether any message can be taken now. If not, the reader leaves the bytes in the socket.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.free_small.is_empty() && !self.free_large.is_empty()
    }

    /// Copies what a connection brought into a slot and passes it on. Needs [`SlabSender::has_room`].
    pub fn send(&mut self, from: Origin, inbound: &Inbound<'_>, stamps: Stamps) {
        let large = matches!(inbound, Inbound::Message(message)
            if message.bytes().len() > SMALL_SLOT_BYTES || message.fields().len() > SMALL_SLOT_FIELDS);
        let free = if large { &mut self.free_large } else { &mut self.free_small };
        let mut slot = free.pop().expect("the caller asked for room");
        slot.write(from, inbound, stamps);
        let pushed = self.filled.push(slot);
        assert!(pushed.is_ok(), "the ring holds every slot that there is");
    }
}

impl SlabReceiver {
    /// Whether nothing is waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filled.is_empty()
    }

    /// Hands the oldest message to `each` and gives its slot back.
    pub fn receive(&mut self, each: impl FnOnce(Origin, Inbound<'_>, Stamps)) -> bool {
        let Ok(slot) = self.filled.pop() else { return false };
        let (session, inbound, stamps) = slot.read();
        each(Origin { session, attempt: slot.attempt }, inbound, stamps);
        let free = if slot.bytes.len() == SMALL_SLOT_BYTES {
            &mut self.free_small
        } else {
            &mut self.free_large
        };
        let pushed = free.push(slot);
        assert!(pushed.is_ok(), "the ring holds every slot of its size");
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message_of(bytes: &[u8], each: impl FnOnce(&Inbound<'_>)) {
        each(&Inbound::Message(Message::new(bytes, &[])));
    }

    #[test]
    fn messages_of_every_size_arrive_in_the_order_in_which_they_were_sent() {
        let (mut sender, mut receiver) = slab();
        let small = vec![b's'; SMALL_SLOT_BYTES];
        let large = vec![b'l'; SMALL_SLOT_BYTES + 1];
        for _ in 0..3 * FRAME_RING {
            message_of(&small, |m| {
                sender.send(Origin { session: SessionId(0), attempt: 1 }, m, Stamps::NONE)
            });
            message_of(&large, |m| {
                sender.send(Origin { session: SessionId(1), attempt: 1 }, m, Stamps::NONE)
            });
            for expected in [&small, &large] {
                let mut seen = false;
                receiver.receive(|_, inbound, _| {
                    seen = matches!(inbound, Inbound::Message(m) if m.bytes() == &expected[..]);
                });
                assert!(seen);
            }
        }
        assert!(receiver.is_empty() && sender.has_room());
    }

    #[test]
    fn a_reader_is_told_when_there_is_no_slot_left() {
        let (mut sender, mut receiver) = slab();
        while sender.has_room() {
            sender.send(
                Origin { session: SessionId(0), attempt: 1 },
                &Inbound::Closed(WireError::Closed),
                Stamps::NONE,
            );
        }
        assert!(receiver.receive(|_, _, _| ()));
        assert!(sender.has_room());
    }
}
