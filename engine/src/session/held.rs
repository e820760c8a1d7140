//! Messages that came too early: kept until those before them have arrived.
//!
//! Without room for them ([`SessionConfig::hold_bytes`](super::SessionConfig::hold_bytes) of 0) they
//! are dropped, and come again with the resend, which is open-ended. With room they are given back by
//! [`Session::take_held`] once it is their turn, so that a peer that resends only what was missing is
//! understood too.

use taut_codec::value::UtcTime;

use super::Session;
use crate::limits;
use crate::touched;

/// A message, or only its number if it has been dealt with already.
#[derive(Debug, Clone, Copy)]
struct Entry {
    msg_seq_num: u64,
    start: usize,
    len: usize,
}

/// Allocated once.
pub(super) struct Held {
    bytes: Box<[u8]>,
    used: usize,
    entries: Vec<Entry>,
    /// The numbers that were given back last: a gap fill of the resend may still name them.
    drained: Option<(u64, u64)>,
}

impl Held {
    pub(super) fn new(bytes: usize) -> Self {
        let entries = if bytes == 0 { 0 } else { limits::HELD_MESSAGES_MAX };
        Self {
            bytes: touched::slice(0, bytes),
            used: 0,
            entries: touched::vec(entries),
            drained: None,
        }
    }

    pub(super) fn clear(&mut self) {
        self.used = 0;
        self.entries.clear();
        self.drained = None;
    }

    /// Whether another message can be kept, if it is not too long.
    pub(super) fn has_room(&self) -> bool {
        self.entries.len() < self.entries.capacity()
    }

    /// Keeps a message; `None` of it if only its number counts. Without room it is dropped.
    pub(super) fn hold(&mut self, msg_seq_num: u64, message: Option<&[u8]>) {
        let message = message.unwrap_or(b"");
        let full = !self.has_room() || self.bytes.len() - self.used < message.len();
        if full || self.entries.iter().any(|entry| entry.msg_seq_num == msg_seq_num) {
            return;
        }
        let (start, len) = (self.used, message.len());
        self.bytes[start..start + len].copy_from_slice(message);
        self.used += len;
        self.entries.push(Entry { msg_seq_num, start, len });
    }

    /// Forgets what is below `next_in`.
    fn forget_below(&mut self, next_in: u64) {
        self.entries.retain(|entry| entry.msg_seq_num >= next_in);
        if self.entries.is_empty() {
            self.used = 0;
        }
    }

    pub(super) fn was_drained(&self, number: u64) -> bool {
        self.drained.is_some_and(|(from, to)| (from..=to).contains(&number))
    }
}

impl Session {
    /// The message whose turn it is now, if it came too early before: copies it to the front of `into`,
    /// which has room for the longest message, and returns its length. To be called after every
    /// received message until it returns `None`; what it gives goes to [`Session::received`].
    pub fn take_held(&mut self, now: UtcTime, into: &mut [u8]) -> Option<usize> {
        loop {
            if self.held.entries.is_empty() {
                return None;
            }
            let next_in = self.next_in;
            self.held.forget_below(next_in);
            let at = self.held.entries.iter().position(|entry| entry.msg_seq_num == next_in)?;
            let Entry { start, len, .. } = self.held.entries.swap_remove(at);
            if self.held.entries.is_empty() {
                self.held.used = 0;
            }
            let from = match self.held.drained {
                Some((from, to)) if to + 1 == next_in => from,
                _ => next_in,
            };
            self.held.drained = Some((from, next_in));
            if len == 0 {
                self.advance_to(next_in + 1, now);
                continue;
            }
            let Some(room) = into.get_mut(..len) else {
                continue;
            };
            room.copy_from_slice(&self.held.bytes[start..start + len]);
            return Some(len);
        }
    }
}
