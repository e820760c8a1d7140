//! The bytes of one session on their way to the wire, in MsgSeqNum order.

use crate::limits;
use crate::touched;

/// There is no room: nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxFull;

/// The only road from a session to its wire, first in, first out: nothing can overtake (promise 1).
///
/// The waiting bytes are always one slice. The storage is twice the capacity, so that making room
/// moves at most as many bytes as have been pushed since the last move.
pub struct Outbox {
    bytes: Box<[u8]>,
    capacity: usize,
    // Invariant: head <= tail <= bytes.len() and tail - head <= capacity.
    head: usize,
    tail: usize,
    pushed_total: u64,
    consumed_total: u64,
    cleared_total: u64,
}

impl Outbox {
    /// An outbox of [`limits::OUTBOX_BYTES`], with all its memory there: that of a path.
    #[must_use]
    pub fn new() -> Self {
        let capacity = limits::OUTBOX_BYTES;
        Self::of(touched::slice(0, capacity * 2), capacity)
    }

    /// An outbox that holds `capacity` bytes; whose pages come as they are used, for who has many of them.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::of(vec![0; capacity * 2].into_boxed_slice(), capacity)
    }

    fn of(bytes: Box<[u8]>, capacity: usize) -> Self {
        Self {
            bytes,
            capacity,
            head: 0,
            tail: 0,
            pushed_total: 0,
            consumed_total: 0,
            cleared_total: 0,
        }
    }

    /// The bytes that wait, oldest first.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.head..self.tail]
    }

    /// Takes away the oldest `n` bytes, which the wire has accepted; at most what is pending.
    pub fn consume(&mut self, n: usize) {
        let n = n.min(self.tail - self.head);
        self.head += n;
        self.consumed_total += n as u64;
        if self.head == self.tail {
            (self.head, self.tail) = (0, 0);
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// Drops what waits and starts counting from 0: a new connection has a clean slate.
    pub fn clear(&mut self) {
        (self.head, self.tail) = (0, 0);
        (self.pushed_total, self.consumed_total) = (0, 0);
        self.cleared_total += 1;
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`OutboxFull`] if there are fewer than `bytes.len()` free; then nothing is taken.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), OutboxFull> {
        if bytes.len() > self.free() {
            return Err(OutboxFull);
        }
        if bytes.len() > self.bytes.len() - self.tail {
            self.bytes.copy_within(self.head..self.tail, 0);
            self.tail -= self.head;
            self.head = 0;
        }
        self.bytes[self.tail..self.tail + bytes.len()].copy_from_slice(bytes);
        self.tail += bytes.len();
        self.pushed_total += bytes.len() as u64;
        Ok(())
    }

    /// How many bytes can be pushed now.
    #[must_use]
    pub fn free(&self) -> usize {
        self.capacity - (self.tail - self.head)
    }

    /// Bytes pushed since the last [`Outbox::clear`]. Read after a send, it is the position at which
    /// that message ends: the message is on the wire once [`Outbox::consumed_total`] has reached it.
    #[must_use]
    pub fn pushed_total(&self) -> u64 {
        self.pushed_total
    }

    /// How often it was cleared: each time the counting begins anew.
    #[must_use]
    pub fn cleared_total(&self) -> u64 {
        self.cleared_total
    }

    /// Bytes consumed since the last [`Outbox::clear`].
    #[must_use]
    pub fn consumed_total(&self) -> u64 {
        self.consumed_total
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn a_full_outbox_takes_nothing_of_what_does_not_fit() {
        let mut outbox = Outbox::with_capacity(4);
        assert_eq!(outbox.push(b"abc"), Ok(()));
        assert_eq!(outbox.push(b"de"), Err(OutboxFull));
        assert_eq!((outbox.pending(), outbox.free(), outbox.pushed_total()), (&b"abc"[..], 1, 3));
    }

    #[test]
    fn a_cleared_outbox_starts_to_count_from_zero() {
        let mut outbox = Outbox::with_capacity(4);
        outbox.push(b"abc").unwrap();
        outbox.consume(1);
        outbox.clear();
        assert!(outbox.is_empty());
        assert_eq!((outbox.pushed_total(), outbox.consumed_total(), outbox.free()), (0, 0, 4));
    }

    proptest! {
        #[test]
        fn an_outbox_is_a_bounded_queue_of_bytes(
            steps in prop::collection::vec((any::<bool>(), 0usize..12, any::<u8>()), 0..200)
        ) {
            let mut outbox = Outbox::with_capacity(16);
            let mut model = VecDeque::new();
            for (push, n, fill) in steps {
                if push {
                    let fits = model.len() + n <= 16;
                    prop_assert_eq!(outbox.push(&vec![fill; n]).is_ok(), fits);
                    if fits {
                        model.extend(std::iter::repeat_n(fill, n));
                    }
                } else {
                    outbox.consume(n);
                    model.drain(..n.min(model.len()));
                }
                prop_assert_eq!(outbox.pending(), model.make_contiguous() as &[u8]);
                prop_assert_eq!(outbox.free(), 16 - model.len());
                prop_assert_eq!(
                    outbox.pushed_total() - outbox.consumed_total(),
                    model.len() as u64
                );
            }
        }
    }
}
