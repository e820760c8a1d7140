//! Which application messages were sent, and where they lie: bounded, and found without a search through
//! the records.

use std::collections::VecDeque;

use super::writer::may_hold_secret;
use crate::session::{MsgType, is_admin};

/// Where a message lies that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub epoch: u32,
    pub segment: u32,
    pub seq: u64,
    pub offset: u32,
    pub length: u32,
    pub msg_type: MsgType,
    /// Something in it was a secret: what is stored is not what was sent.
    pub blank: bool,
}

impl Sent {
    const fn key(&self) -> (u32, u64) {
        (self.epoch, self.seq)
    }
}

/// The last application messages, in the order of epoch and number, which is that of their places.
pub(super) struct SentIndex {
    sent: VecDeque<Sent>,
    max: usize,
}

impl SentIndex {
    /// Of at most `max` messages; all of it is allocated, and touched, now.
    pub fn new(max: usize) -> Self {
        let (msg_type, blank) = (MsgType::UNKNOWN, false);
        let any = Sent { epoch: 0, segment: 0, seq: 0, offset: 0, length: 0, msg_type, blank };
        let mut sent = VecDeque::from(vec![any; max]);
        sent.clear();
        Self { sent, max }
    }

    /// Takes a message that has a number for the first time; the session's own are never asked for. If
    /// numbers were set back by hand, what had them before is void.
    #[inline]
    pub fn insert(&mut self, sent: Sent) {
        if self.max == 0 || is_admin(sent.msg_type.as_bytes()) {
            return;
        }
        while self.sent.back().is_some_and(|last| last.key() >= sent.key()) {
            self.sent.pop_back();
        }
        if self.sent.len() == self.max {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
    }

    /// The message with this number.
    pub fn get(&self, epoch: u32, seq: u64) -> Option<&Sent> {
        let at = self.sent.partition_point(|sent| sent.key() < (epoch, seq));
        self.sent.get(at).filter(|sent| sent.key() == (epoch, seq))
    }

    /// The message with the lowest number from `from` to `to` that lies in `segment` or behind it.
    pub fn next(&self, epoch: u32, from: u64, to: u64, segment: u32) -> Option<&Sent> {
        let by_number = self.sent.partition_point(|sent| sent.key() < (epoch, from));
        let by_place = self.sent.partition_point(|sent| sent.segment < segment);
        let found = self.sent.get(by_number.max(by_place))?;
        (found.epoch == epoch && found.seq <= to).then_some(found)
    }
}

/// Whether the stored bytes of a message are not those that were sent. The secrets in it are stars by
/// now: something else in their place would be hidden again.
pub(super) fn is_blank(stored: &[u8]) -> bool {
    may_hold_secret(stored) && {
        let mut copy = stored.to_vec();
        copy.iter_mut().filter(|byte| **byte == b'*').for_each(|byte| *byte = b'x');
        taut_codec::mask::blank(&mut copy)
    }
}
