//! What is read and written in registers equals what is read and written byte by byte.

use std::vec::Vec;

use proptest::prelude::*;

use super::swar::Short;
use std::string::ToString;

use super::{DECIMAL_TEXT_MAX, Decimal, TimestampCache, UtcTime, parse_u64};

/// Mostly what a parser takes, sometimes not.
fn text(alphabet: &'static [u8], len: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        20 => proptest::sample::select(&b"0123456789"[..]),
        2 => proptest::sample::select(alphabet),
        1 => proptest::sample::select(&b"/:.- \x00\x7f\x80\xb0\xff"[..]),
    ];
    proptest::collection::vec(byte, 0..len)
}

fn time_text() -> impl Strategy<Value = Vec<u8>> {
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
    fn decimals_are_written_as_byte_by_byte(
        mantissa in prop_oneof![any::<i64>(), 0..1000i64, (0..1000i64, 0..16u32).prop_map(|(m, e)| m * 10i64.pow(e))],
        scale in 0..=20u8,
        min in 0..3u8,
    ) {
        let decimal = Decimal { mantissa, scale };
        let (mut a, mut b) = ([0; DECIMAL_TEXT_MAX], [0; DECIMAL_TEXT_MAX]);
        prop_assert_eq!(
            decimal.write(min, &mut a).escape_ascii().to_string(),
            decimal.write_plainly(min, &mut b).escape_ascii().to_string()
        );
    }

    #[test]
    fn a_cache_writes_what_the_time_does(times in proptest::collection::vec(
        prop_oneof![any::<u64>(), 1_688_738_160_000_000_000..1_688_738_163_000_000_000u64, 0..200_000_000_000_000u64],
        1..20,
    )) {
        let mut cache = TimestampCache::new();
        for time in times.into_iter().map(UtcTime) {
            prop_assert_eq!(*cache.to_fix_millis(time), time.to_fix_millis());
        }
    }

    #[test]
    fn a_short_text_knows_its_sum_and_its_control_bytes(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 1..=16),
            proptest::collection::vec(prop_oneof![30 => 0x20..0x7fu8, 1 => any::<u8>()], 1..=16),
        ],
    ) {
        let short = Short::copied(&bytes).expect("1 to 16");
        prop_assert_eq!(&short.word.to_le_bytes()[..short.len], &bytes[..]);
        prop_assert_eq!(short.sum(), bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte)));
        prop_assert_eq!(short.has_control(), bytes.iter().any(u8::is_ascii_control));
    }

    #[test]
    fn a_short_integer_is_its_digits(value in prop_oneof![any::<u64>(), 0..100_000u64, 0..20_000_000_000_000_000u64]) {
        let text = std::format!("{value}");
        match Short::uint(value) {
            Some(short) => prop_assert_eq!(&short.word.to_le_bytes()[..short.len], text.as_bytes()),
            None => prop_assert!(text.len() > 16),
        }
    }
}
