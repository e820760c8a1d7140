//! Which application messages were sent, and where they lie: bounded, and found without a search through
//! the records.

use std::collections::VecDeque;

use super::State;
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

    const fn behind(&self) -> (u32, u64) {
        (self.epoch, self.seq + 1)
    }
}

/// The last application messages, in the order of epoch and number, which is that of their places.
pub(super) struct SentIndex {
    sent: VecDeque<Sent>,
    max: usize,
    /// Epoch and number from which on nothing was forgotten.
    reach: (u32, u64),
}

impl SentIndex {
    /// Of at most `max` messages; all of it is allocated, and touched, now.
    pub fn new(max: usize) -> Self {
        let (msg_type, blank) = (MsgType::UNKNOWN, false);
        let any = Sent { epoch: 0, segment: 0, seq: 0, offset: 0, length: 0, msg_type, blank };
        let mut sent = VecDeque::from(vec![any; max]);
        sent.clear();
        Self { sent, max, reach: (0, 1) }
    }

    /// What was read of an earlier life begins with this state: what came before is not known.
    pub fn begin(&mut self, state: &State) {
        self.reach = (state.epoch, state.next_out);
    }

    /// The session stands here now. Where its numbers were lowered by hand, what had them before is void.
    pub fn follow(&mut self, state: &State) {
        let next = (state.epoch, state.next_out);
        self.void(next);
        self.reach = self.reach.min(next);
    }

    fn void(&mut self, from: (u32, u64)) {
        while self.sent.back().is_some_and(|last| last.key() >= from) {
            self.sent.pop_back();
        }
    }

    /// Takes a message that has a number for the first time; the session's own are never asked for.
    #[inline]
    pub fn insert(&mut self, sent: Sent) {
        if is_admin(sent.msg_type.as_bytes()) {
            return;
        }
        if self.max == 0 {
            self.reach = sent.behind();
            return;
        }
        self.void(sent.key());
        if self.sent.len() == self.max
            && let Some(oldest) = self.sent.pop_front()
        {
            self.reach = oldest.behind();
        }
        self.sent.push_back(sent);
    }

    /// From which number of `epoch` on nothing was forgotten, and nothing lies before `segment`.
    pub fn reach(&self, epoch: u32, segment: u32) -> u64 {
        let by_place = self.sent.partition_point(|sent| sent.segment < segment);
        let before = by_place.checked_sub(1).and_then(|last| self.sent.get(last));
        let reach = before.map_or(self.reach, Sent::behind).max(self.reach);
        match epoch.cmp(&reach.0) {
            std::cmp::Ordering::Greater => 1,
            std::cmp::Ordering::Equal => reach.1,
            std::cmp::Ordering::Less => u64::MAX,
        }
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
