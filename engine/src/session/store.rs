//! Where the messages that were sent are kept, so that they can be sent again.

use std::any::Any;
use std::collections::VecDeque;

use taut_codec::SOH;
use taut_codec::value::UtcTime;

use super::{Outbox, Session};
use crate::touched;

/// A MsgType(35), by value: at most three bytes, as in every version of FIX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MsgType {
    bytes: [u8; 3],
    len: u8,
}

impl MsgType {
    /// Of a message whose type cannot be told, or is longer.
    pub const UNKNOWN: Self = Self { bytes: [0; 3], len: 0 };

    /// From the value of the field.
    #[must_use]
    pub const fn new(value: &[u8]) -> Self {
        let mut bytes = [0; 3];
        if value.len() > bytes.len() {
            return Self::UNKNOWN;
        }
        let mut at = 0;
        while at < value.len() {
            bytes[at] = value[at];
            at += 1;
        }
        Self { bytes, len: value.len() as u8 }
    }

    /// From a whole message: it is the third field.
    #[must_use]
    pub fn of_message(bytes: &[u8]) -> Self {
        let body = behind_begin_string(bytes).and_then(behind_field);
        let Some(value) = body.and_then(|body| body.strip_prefix(b"35=")) else {
            return Self::UNKNOWN;
        };
        // One that is longer is not known, so there is no need to find its end.
        let end = value.iter().take(4).position(|&byte| byte == SOH);
        end.map_or(Self::UNKNOWN, |end| Self::new(&value[..end]))
    }

    /// The value of the field; empty if it is not known.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// What follows BeginString(8), which is nearly always that of FIX 4.4.
#[inline]
pub(crate) fn behind_begin_string(message: &[u8]) -> Option<&[u8]> {
    message.strip_prefix(b"8=FIX.4.4\x01").or_else(|| behind_field(message))
}

fn behind_field(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.iter().position(|&byte| byte == SOH)?;
    Some(&bytes[length + 1..])
}

/// A message in a [`SentStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub msg_seq_num: u64,
    /// Its type, by which the policy decides.
    pub msg_type: MsgType,
}

/// Keeps the application messages that were sent, so that they can be sent again. Called on the
/// engine's path: an implementation neither allocates nor waits.
///
/// There are two: [`MemoryStore`], and the [`Keeper`](crate::journal::Keeper) of a journal, which finds
/// in the mapped segments what it stored.
pub trait SentStore: Any + Send {
    /// Keeps one message, as it went to the outbox. Numbers rise within an epoch. A store that is
    /// full forgets the oldest, or does not keep this one: then it is gap filled.
    fn keep(&mut self, epoch: u32, msg_seq_num: u64, bytes: &[u8]);
    /// Keeps one message that did not go to the outbox ([`Session::post`]): this is the only place where
    /// it is. What waits in `out` has lower numbers. `false` if it was not kept; then its number is not
    /// used.
    fn keep_unsent(
        &mut self,
        epoch: u32,
        msg_seq_num: u64,
        now: UtcTime,
        out: &Outbox,
        bytes: &[u8],
    ) -> bool;
    /// The kept message with the lowest number from `from` to `to`. Takes bounded time, however many
    /// numbers in between are not kept.
    fn next_kept(&self, epoch: u32, from: u64, to: u64) -> Option<Kept>;
    /// Copies a kept message to the front of `into` and returns its length; `None` if it is not kept,
    /// does not fit, or is not as it was sent.
    fn load(&mut self, epoch: u32, msg_seq_num: u64, into: &mut [u8]) -> Option<usize>;
    /// From which number on it knows every message of the application that was sent: below, one that it
    /// does not have may have been forgotten. 1 if it has forgotten none of this epoch.
    fn reach(&self, epoch: u32) -> u64;
    /// A new sequence space begins: what is kept can never be asked for again.
    fn reset(&mut self, epoch: u32);
    /// Our numbers go down by hand: `next_out` is the next, and what was sent under it and above is void.
    fn lowered(&mut self, epoch: u32, next_out: u64);
}

impl Session {
    /// The store, if there is one and it is a `T`: its owner may need what the session does not.
    #[must_use]
    pub fn store<T: SentStore>(&self) -> Option<&T> {
        let store: &dyn Any = self.resender.as_ref()?.store.as_ref();
        store.downcast_ref()
    }

    /// [`Session::store`], to change it.
    pub fn store_mut<T: SentStore>(&mut self) -> Option<&mut T> {
        let store: &mut dyn Any = self.resender.as_mut()?.store.as_mut();
        store.downcast_mut()
    }
}

/// A [`SentStore`] in memory, bounded in bytes and messages; the oldest are forgotten first.
pub struct MemoryStore {
    epoch: u32,
    bytes: Box<[u8]>,
    tail: usize,
    // In the order of their numbers, which is that of the ring.
    kept: VecDeque<Place>,
    messages_max: usize,
    forgotten: u64,
    /// Behind the last that was forgotten.
    reach: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    msg_seq_num: u64,
    msg_type: MsgType,
    start: usize,
    len: usize,
}

impl MemoryStore {
    /// A store of at most `messages_max` messages and `bytes_max` bytes, allocated now.
    #[must_use]
    pub fn new(messages_max: usize, bytes_max: usize) -> Self {
        Self {
            epoch: 0,
            bytes: touched::slice(0, bytes_max),
            tail: 0,
            kept: touched::deque(messages_max),
            messages_max,
            forgotten: 0,
            reach: 1,
        }
    }

    /// Messages that had to make room, or for which there was none: they can only be gap filled.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What an earlier life knew when it went on with `epoch`: nothing below `reach`. Before anything is kept.
    pub fn go_on(&mut self, epoch: u32, reach: u64) {
        self.reset(epoch);
        self.reach = reach;
    }

    /// A kept message, as it was sent.
    #[must_use]
    pub fn message(&self, epoch: u32, msg_seq_num: u64) -> Option<&[u8]> {
        let found = self.kept.get(self.find(msg_seq_num)).filter(|_| epoch == self.epoch);
        let kept = found.filter(|kept| kept.msg_seq_num == msg_seq_num)?;
        self.bytes.get(kept.start..kept.start + kept.len)
    }

    fn find(&self, msg_seq_num: u64) -> usize {
        self.kept.partition_point(|kept| kept.msg_seq_num < msg_seq_num)
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            self.forget(oldest.msg_seq_num);
        }
    }

    fn forget(&mut self, msg_seq_num: u64) {
        self.forgotten += 1;
        self.reach = self.reach.max(msg_seq_num.saturating_add(1));
    }

    fn take(&mut self, epoch: u32, msg_seq_num: u64, bytes: &[u8]) -> bool {
        if epoch != self.epoch {
            // A space that it was not told of: what was sent in it before is not known.
            self.reset(epoch);
            self.reach = msg_seq_num;
        }
        let newest = self.kept.back().map_or(0, |kept| kept.msg_seq_num);
        if bytes.is_empty()
            || bytes.len() > self.bytes.len()
            || self.messages_max == 0
            || msg_seq_num <= newest
        {
            return false;
        }
        if self.tail + bytes.len() > self.bytes.len() {
            // What stands between here and the end is the oldest.
            while self.kept.front().is_some_and(|kept| kept.start >= self.tail) {
                self.forget_oldest();
            }
            self.tail = 0;
        }
        let (start, end) = (self.tail, self.tail + bytes.len());
        let in_the_way = |kept: &Place| kept.start < end && start < kept.start + kept.len;
        while self.kept.len() == self.messages_max || self.kept.front().is_some_and(in_the_way) {
            self.forget_oldest();
        }
        self.bytes[start..end].copy_from_slice(bytes);
        self.tail = end;
        let (msg_type, len) = (MsgType::of_message(bytes), bytes.len());
        self.kept.push_back(Place { msg_seq_num, msg_type, start, len });
        true
    }
}

impl SentStore for MemoryStore {
    fn keep(&mut self, epoch: u32, msg_seq_num: u64, bytes: &[u8]) {
        if !self.take(epoch, msg_seq_num, bytes) {
            self.forget(msg_seq_num);
        }
    }

    fn keep_unsent(
        &mut self,
        epoch: u32,
        msg_seq_num: u64,
        _: UtcTime,
        _: &Outbox,
        bytes: &[u8],
    ) -> bool {
        self.take(epoch, msg_seq_num, bytes)
    }

    fn next_kept(&self, epoch: u32, from: u64, to: u64) -> Option<Kept> {
        let kept = self.kept.get(self.find(from)).filter(|_| epoch == self.epoch)?;
        let Place { msg_seq_num, msg_type, .. } = *kept;
        (msg_seq_num <= to).then_some(Kept { msg_seq_num, msg_type })
    }

    fn load(&mut self, epoch: u32, msg_seq_num: u64, into: &mut [u8]) -> Option<usize> {
        let bytes = self.message(epoch, msg_seq_num)?;
        into.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(bytes.len())
    }

    fn reach(&self, epoch: u32) -> u64 {
        if epoch == self.epoch { self.reach } else { u64::MAX }
    }

    fn reset(&mut self, epoch: u32) {
        self.epoch = epoch;
        self.tail = 0;
        self.kept.clear();
        self.reach = 1;
    }

    fn lowered(&mut self, epoch: u32, next_out: u64) {
        if epoch == self.epoch {
            self.kept.truncate(self.find(next_out));
            self.reach = self.reach.min(next_out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_a_message_is_its_third_field_whatever_the_version() {
        for (text, msg_type) in [
            ("8=FIX.4.4|9=5|35=8|10=000|", "8"),
            ("8=FIX.4.4|9=5|35=AE|10=000|", "AE"),
            ("8=FIXT.1.1|9=5|35=D|10=000|", "D"),
            ("8=FIX.4.2|9=5|35=D|", "D"),
            ("8=FIX.4.4|9=5|35=8", ""),
            ("8=FIX.4.4|9=5|49=A|35=8|", ""),
            ("8=FIX.4.4|9=5|35=LONG|10=000|", ""),
            ("8=FIX.4.4|", ""),
            ("", ""),
        ] {
            let bytes = text.replace('|', "\x01").into_bytes();
            assert_eq!(MsgType::of_message(&bytes), MsgType::new(msg_type.as_bytes()), "{text}");
        }
    }
}
