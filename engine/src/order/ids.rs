//! ClOrdIDs that only rise, and ExecIDs that were seen.

use taut_codec::value::UtcTime;

use super::index::{Index, hash_text};
use crate::types::{ClOrdId, ExecId};

/// Makes ClOrdIDs: microseconds since the epoch, raised where needed so that each is above the one
/// before (venue file 6.9). Only numeric ids; UUIDs come with the derivatives market.
#[derive(Debug, Clone, Copy)]
pub struct ClOrdIdSource {
    last: u64,
}

impl ClOrdIdSource {
    /// A source whose first id is above `watermark`, the highest id that was ever used (0 if none).
    #[must_use]
    pub const fn new(watermark: u64) -> Self {
        Self { last: watermark }
    }

    /// The next id; `None` when 18 digits are used up.
    pub fn next(&mut self, now: UtcTime) -> Option<ClOrdId> {
        let number = self.last.checked_add(1)?.max(now.0 / 1_000);
        let id = ClOrdId::numeric(number)?;
        self.last = number;
        Some(id)
    }

    /// The highest id that was made: the watermark to start the next run with.
    #[must_use]
    pub const fn watermark(&self) -> u64 {
        self.last
    }
}

/// The ExecIDs of the last fills.
#[derive(Debug)]
pub(super) struct ExecIds {
    ring: Vec<ExecId>,
    index: Index,
    next: usize,
}

impl ExecIds {
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { ring: vec![ExecId::EMPTY; capacity], index: Index::new(capacity), next: 0 }
    }

    /// Notes an id; `false` if it was seen. An empty id is never seen.
    pub fn insert(&mut self, id: &ExecId) -> bool {
        if id.is_empty() {
            return true;
        }
        let hash = hash_text(id.as_bytes());
        if self.index.get(hash, |at| self.ring[at as usize] == *id).is_some() {
            return false;
        }
        let oldest = &mut self.ring[self.next];
        if !oldest.is_empty() {
            self.index.remove(hash_text(oldest.as_bytes()), self.next as u32);
        }
        *oldest = *id;
        self.index.insert(hash, self.next as u32);
        self.next = (self.next + 1) % self.ring.len();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cl_ord_ids_follow_the_clock_and_never_fall() {
        let mut source = ClOrdIdSource::new(5_000);
        let mut next =
            |micros: u64| source.next(UtcTime(micros * 1_000)).and_then(ClOrdId::as_numeric);
        assert_eq!(next(10), Some(5_001));
        assert_eq!(next(9_000), Some(9_000));
        assert_eq!(next(9_000), Some(9_001));
        assert_eq!(next(1), Some(9_002));
        assert_eq!(source.watermark(), 9_002);
    }

    #[test]
    fn cl_ord_ids_end_at_eighteen_digits() {
        let mut source = ClOrdIdSource::new(999_999_999_999_999_998);
        assert!(source.next(UtcTime(0)).is_some());
        assert!(source.next(UtcTime(0)).is_none());
        assert!(ClOrdIdSource::new(u64::MAX).next(UtcTime(0)).is_none());
    }

    #[test]
    fn an_exec_id_is_new_once_until_it_is_forgotten() {
        let id = |n: u32| ExecId::new(n.to_string().as_bytes()).unwrap();
        let mut seen = ExecIds::new(4);
        for n in 0..4 {
            assert!(seen.insert(&id(n)));
            assert!(!seen.insert(&id(n)));
        }
        assert!(seen.insert(&id(4)));
        assert!(!seen.insert(&id(1)), "three of the first four are remembered");
        assert!(seen.insert(&id(0)), "the oldest is forgotten");
        assert!(seen.insert(&ExecId::EMPTY) && seen.insert(&ExecId::EMPTY));
    }
}
