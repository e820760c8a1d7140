//! ClOrdIDs that only rise, and ExecIDs that were seen.

use taut_codec::ids::{COMB_UNIT_NS, COMB_WINDOW_NS, Market};
use taut_codec::value::UtcTime;

use super::index::{Index, hash_text};
use crate::risk::Refusal;
use crate::touched;
use crate::types::{ClOrdId, ExecId};

/// Bits of a COMB's counter: ids of one unit of time that differ in it alone.
const COUNTER_BITS: u32 = 12;
/// Where the counter stands in a UUID: what is random there in another one, behind the version.
const COUNTER_SHIFT: u32 = 64;
/// The bits of the counter.
const COUNTER: u64 = (1 << COUNTER_BITS) - 1;

/// Makes ClOrdIDs, each above the one before (venue file 6.9). They follow the clock, and are raised where
/// needed.
///
/// An id is made from a number: on spot it is the number, microseconds since the epoch; on derivatives a COMB
/// UUIDv4 whose time is the number's upper bits, units of 10 microseconds, and the first of whose random bits
/// are the lower twelve. The other 62 follow from the number by a hash with a seed.
#[derive(Debug, Clone, Copy)]
pub struct ClOrdIdSource {
    market: Market,
    seed: u64,
    last: u64,
}

impl ClOrdIdSource {
    /// A source of a market's ids. The first is above `watermark`, the highest number that was ever used (0
    /// if none). `seed`: for the random bits of UUIDs.
    #[must_use]
    pub const fn new(market: Market, watermark: u64, seed: u64) -> Self {
        Self { market, seed, last: watermark }
    }

    /// The next id.
    ///
    /// # Errors
    /// [`Refusal::ClOrdIdsUsedUp`], and [`Refusal::ClOrdIdsAhead`] for a UUID whose time the venue would not
    /// take. A refused id is not used.
    pub fn next(&mut self, now: UtcTime) -> Result<ClOrdId, Refusal> {
        let lowest = self.last.checked_add(1).ok_or(Refusal::ClOrdIdsUsedUp)?;
        let (number, id) = match self.market {
            Market::Spot => {
                let number = lowest.max(now.0 / 1_000);
                (number, ClOrdId::numeric(number))
            }
            Market::Derivatives => {
                let number = lowest.max((now.0 / COMB_UNIT_NS) << COUNTER_BITS);
                (number, self.comb(number, now)?)
            }
        };
        let id = id.ok_or(Refusal::ClOrdIdsUsedUp)?;
        self.last = number;
        Ok(id)
    }

    fn comb(&self, number: u64, now: UtcTime) -> Result<Option<ClOrdId>, Refusal> {
        let Some(nanos) = (number >> COUNTER_BITS).checked_mul(COMB_UNIT_NS) else {
            return Ok(None);
        };
        let at = UtcTime(nanos);
        match at.nanos_since(now).saturating_sub(COMB_WINDOW_NS) {
            0 => {}
            wait_ns => return Err(Refusal::ClOrdIdsAhead { wait_ns }),
        }
        let random =
            u128::from(number & COUNTER) << COUNTER_SHIFT | u128::from(mix(self.seed ^ number));
        Ok(ClOrdId::comb(at, random))
    }

    /// The number of the highest id that was made: the watermark to start the next run with.
    #[must_use]
    pub const fn watermark(&self) -> u64 {
        self.last
    }

    /// The number that an id was made from.
    #[must_use]
    pub const fn number_of(id: ClOrdId) -> u64 {
        match id.as_numeric() {
            Some(number) => number,
            None => {
                let time = (id.bits() >> (COUNTER_SHIFT + 16)) as u64;
                time << COUNTER_BITS | (id.bits() >> COUNTER_SHIFT) as u64 & COUNTER
            }
        }
    }
}

/// The finaliser of SplitMix64: a different value for each number, and all bits of it matter.
const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The ExecIDs of the last reports of a kind.
#[derive(Debug)]
pub(super) struct ExecIds {
    ring: Vec<ExecId>,
    index: Index,
    next: usize,
}

impl ExecIds {
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            ring: touched::slice(ExecId::EMPTY, capacity).into_vec(),
            index: Index::new(capacity),
            next: 0,
        }
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
        let mut source = ClOrdIdSource::new(Market::Spot, 5_000, 0);
        let mut next =
            |micros: u64| source.next(UtcTime(micros * 1_000)).ok().and_then(ClOrdId::as_numeric);
        assert_eq!(next(10), Some(5_001));
        assert_eq!(next(9_000), Some(9_000));
        assert_eq!(next(9_000), Some(9_001));
        assert_eq!(next(1), Some(9_002));
        assert_eq!(source.watermark(), 9_002);
    }

    #[test]
    fn cl_ord_ids_end_at_eighteen_digits() {
        let mut source = ClOrdIdSource::new(Market::Spot, 999_999_999_999_999_998, 0);
        assert!(source.next(UtcTime(0)).is_ok());
        assert_eq!(source.next(UtcTime(0)), Err(Refusal::ClOrdIdsUsedUp));
        for market in [Market::Spot, Market::Derivatives] {
            let mut source = ClOrdIdSource::new(market, u64::MAX, 0);
            assert_eq!(source.next(UtcTime(0)), Err(Refusal::ClOrdIdsUsedUp));
        }
    }

    const NOW: UtcTime = UtcTime(1_800_000_000_000_000_000);

    #[test]
    fn combs_follow_the_clock_rise_within_a_unit_of_time_and_pass_the_venues_check() {
        let mut source = ClOrdIdSource::new(Market::Derivatives, 0, 7);
        let (mut last, mut tails) = (0, std::collections::BTreeSet::new());
        for n in 0..20_000u64 {
            // Most of them in one unit, and the clock may step back.
            let now = UtcTime(NOW.0 + n / 5_000 * 10_000 - n % 3 * 1_000_000);
            let id = source.next(now).expect("an id");
            assert!(id.bits() > last, "{n}");
            assert_eq!(id.check_comb(now), Ok(()), "{n}");
            assert_eq!(ClOrdIdSource::number_of(id), source.watermark());
            // The venue's ExecIDs have no more than these of it.
            assert!(tails.insert(id.bits() & 0xffff_ffff_ffff), "{n}");
            last = id.bits();
        }
        let later = UtcTime(NOW.0 + 1_000_000_000);
        assert_eq!(source.next(later).expect("an id").comb_time(), Some(later));
    }

    #[test]
    fn combs_of_the_next_run_are_above_those_of_the_last_even_when_the_clock_went_back() {
        let mut source = ClOrdIdSource::new(Market::Derivatives, 0, 1);
        let last = source.next(NOW).expect("an id");
        let mut next = ClOrdIdSource::new(Market::Derivatives, source.watermark(), 2);
        let first = next.next(UtcTime(NOW.0 - 60_000_000_000)).expect("an id");
        assert!(first.bits() > last.bits());
    }

    #[test]
    fn a_comb_that_the_venue_would_call_out_of_date_is_refused_and_not_used() {
        let ahead = ClOrdIdSource::new(Market::Derivatives, 0, 1).next(NOW).expect("an id");
        let mut source =
            ClOrdIdSource::new(Market::Derivatives, ClOrdIdSource::number_of(ahead), 1);
        let behind = UtcTime(NOW.0 - COMB_WINDOW_NS - 5_000_000);
        let refused = source.next(behind);
        assert_eq!(refused, Err(Refusal::ClOrdIdsAhead { wait_ns: 5_000_000 }));
        assert_eq!(source.next(behind), refused);
        assert!(
            source.next(UtcTime(behind.0 + 5_000_000)).is_ok_and(|id| id.bits() > ahead.bits())
        );
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
