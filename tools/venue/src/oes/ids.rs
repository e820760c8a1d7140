//! Which ClOrdIDs a client has used (venue file 6.9): numbers have to increase; UUIDs have to be new.

use std::collections::{HashSet, VecDeque};

use taut::types::ClOrdId;
use taut_codec::ids::COMB_WINDOW_NS;
use taut_codec::value::UtcTime;

use crate::limits::UUIDS_IN_WINDOW_MAX;

/// The used ClOrdIDs of one client. The watermark survives reconnects.
#[derive(Debug, Default)]
pub struct UsedIds {
    watermark: u64,
    uuids: HashSet<u128>,
    /// The UUIDs by the time of their use. One older than twice the window cannot pass the gateway
    /// again, so it may be forgotten.
    order: VecDeque<(UtcTime, u128)>,
}

impl UsedIds {
    /// Uses an id; `false` if it was used, is not above the watermark, or too many UUIDs were used
    /// within their window.
    pub fn take(&mut self, id: ClOrdId, now: UtcTime) -> bool {
        if let Some(number) = id.as_numeric() {
            let fresh = number > self.watermark;
            self.watermark = self.watermark.max(number);
            return fresh;
        }
        while let Some(&(used, bits)) = self.order.front()
            && now.nanos_since(used) > 2 * COMB_WINDOW_NS
        {
            self.order.pop_front();
            self.uuids.remove(&bits);
        }
        if self.order.len() >= UUIDS_IN_WINDOW_MAX || !self.uuids.insert(id.bits()) {
            return false;
        }
        self.order.push_back((now, id.bits()));
        true
    }
}

crate::state::stored! { UsedIds { watermark, uuids, order } }

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcTime = UtcTime(1_800_000_000_000_000_000);

    #[test]
    fn numbers_have_to_increase() {
        let mut used = UsedIds::default();
        let mut take = |n| used.take(ClOrdId::numeric(n).unwrap(), NOW);
        assert_eq!([5, 5, 4, 6, 100, 99].map(&mut take), [true, false, false, true, true, false]);
    }

    #[test]
    fn uuids_have_to_be_new_but_need_not_increase() {
        let mut used = UsedIds::default();
        let id = |n: u128| ClOrdId::uuid(u128::MAX - n).unwrap();
        assert!(used.take(id(1), NOW) && used.take(id(2), NOW));
        assert!(!used.take(id(1), NOW));
        assert!(used.take(ClOrdId::numeric(1).unwrap(), NOW), "numbers are counted apart");
        let later = NOW.plus_nanos(3 * COMB_WINDOW_NS);
        assert!(used.take(id(3), later));
        assert_eq!((used.uuids.len(), used.order.len()), (1, 1), "old ones are forgotten");
    }
}
