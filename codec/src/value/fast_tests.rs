//! What is read in registers equals what is read byte by byte.

use std::vec::Vec;

use proptest::prelude::*;

use super::{Decimal, TimeText, TimestampCache, UtcTime, parse_u64};

/// Mostly what a parser takes, sometimes not.
pub(crate) fn text(alphabet: &'static [u8], len: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        20 => proptest::sample::select(&b"0123456789"[..]),
        2 => proptest::sample::select(alphabet),
        1 => proptest::sample::select(&b"/:.- \x00\x7f\x80\xb0\xff"[..]),
    ];
    proptest::collection::vec(byte, 0..len)
}

/// Of 17 to 27 characters, most of them what a parser takes.
pub(crate) fn time_text() -> impl Strategy<Value = Vec<u8>> {
    let written = (any::<u64>(), 17..=27usize).prop_map(|(nanos, len)| {
        let mut out = UtcTime(nanos).to_fix_millis().to_vec();
        out.extend(std::format!("{:06}", nanos % 1_000_000).bytes());
        out.truncate(len);
        out
    });
    (written, any::<proptest::sample::Index>(), text(b".:-", 2)).prop_map(|(mut out, at, with)| {
        let at = at.index(out.len());
        out.splice(at..(at + with.len()).min(out.len()), with);
        out
    })
}

#[test]
fn a_time_that_jumps_back_from_the_last_second_of_all_to_the_epoch_is_not_of_that_second() {
    let mut cache = TimestampCache::new();
    for time in [u64::MAX, 0, u64::MAX, 1].map(UtcTime) {
        assert_eq!(*cache.to_fix_millis(time), TimeText::new(time));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn integers_are_read_as_byte_by_byte(text in text(b"0", 22)) {
        prop_assert_eq!(parse_u64(&text), super::int::parse_u64_plainly(&text));
    }

    #[test]
    fn decimals_are_read_as_byte_by_byte(text in text(b"....-", 20)) {
        prop_assert_eq!(Decimal::parse(&text), Decimal::parse_plainly(&text));
    }

    #[test]
    fn a_value_inside_a_message_is_read_as_alone(
        text in text(b"....-", 20),
        before in proptest::collection::vec(any::<u8>(), 0..20),
        behind in proptest::collection::vec(any::<u8>(), 0..3),
    ) {
        let bytes = [&before[..], &text, &behind].concat();
        let (start, end) = (before.len(), before.len() + text.len());
        prop_assert_eq!(Decimal::parse_at(&bytes, start, end), Decimal::parse_plainly(&text));
        prop_assert_eq!(
            super::parse_u64_at(&bytes, start, end),
            super::int::parse_u64_plainly(&text)
        );
    }

    #[test]
    fn timestamps_are_read_as_part_by_part(text in time_text()) {
        prop_assert_eq!(UtcTime::parse(&text), UtcTime::parse_plainly(&text));
    }

    #[test]
    fn a_cache_writes_what_the_time_does(times in proptest::collection::vec(
        prop_oneof![any::<u64>(), 1_688_738_160_000_000_000..1_688_738_163_000_000_000u64, 0..200_000_000_000_000u64],
        1..20,
    )) {
        let mut cache = TimestampCache::new();
        for time in times.into_iter().map(UtcTime) {
            prop_assert_eq!(*cache.to_fix_millis(time), TimeText::new(time));
            prop_assert_eq!(cache.to_fix_millis(time).as_bytes(), &time.to_fix_millis());
        }
    }
}
