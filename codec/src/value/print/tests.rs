//! What is written in registers equals what is written by the standard library or byte by byte, sum
//! included.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::{ROOM, Written, put_decimal, put_text, put_timestamp, put_uint};
use crate::value::{DECIMAL_TEXT_MAX, Decimal, TimeText, UtcTime};

/// What `put` writes, when its sum is right.
fn written(put: impl FnOnce(&mut [u8; ROOM]) -> Option<Written>) -> Option<String> {
    let mut room = [b'?'; ROOM];
    let Written { len, sum } = put(&mut room)?;
    assert_eq!(sum, room[..len].iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte)));
    Some(room[..len].escape_ascii().to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    #[test]
    fn integers_are_written_as_the_standard_library_does(
        value in prop_oneof![any::<u64>(), (any::<u64>(), 0..64u32).prop_map(|(v, s)| v >> s)],
    ) {
        prop_assert_eq!(written(|room| Some(put_uint(room, value))), Some(value.to_string()));
    }

    #[test]
    fn decimals_are_written_as_byte_by_byte(
        mantissa in prop_oneof![
            any::<i64>(),
            (any::<i64>(), 0..64u32).prop_map(|(m, s)| m >> s),
            (0..1000i64, 0..16u32).prop_map(|(m, e)| m * 10i64.pow(e)),
        ],
        scale in 0..=20u8,
        min in 0..3u8,
    ) {
        let decimal = Decimal { mantissa, scale };
        let mut scratch = [0; DECIMAL_TEXT_MAX];
        let expected = decimal.write_plainly(min, &mut scratch).escape_ascii().to_string();
        prop_assert_eq!(written(|room| Some(put_decimal(room, decimal, min))), Some(expected));
    }

    #[test]
    fn texts_are_copied_unless_they_are_long_empty_or_have_a_control_byte(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..=26),
            proptest::collection::vec(prop_oneof![40 => 0x20..0x7fu8, 1 => any::<u8>()], 0..=26),
        ],
    ) {
        let good = (1..=24).contains(&bytes.len()) && !bytes.iter().any(u8::is_ascii_control);
        let expected = good.then(|| bytes.escape_ascii().to_string());
        prop_assert_eq!(written(|room| put_text(room, &bytes)), expected);
    }

    #[test]
    fn a_timestamp_knows_its_sum(nanos: u64) {
        let text = TimeText::new(UtcTime(nanos));
        let expected = text.as_bytes().escape_ascii().to_string();
        prop_assert_eq!(written(|room| Some(put_timestamp(room, &text))), Some(expected));
    }
}

#[test]
fn every_number_around_a_power_of_ten_is_divided_and_written_exactly() {
    let mut near: Vec<u64> = Vec::new();
    for power in 0..=19 {
        let one = 10u64.pow(power);
        for times in 1..=9 {
            let Some(around) = one.checked_mul(times) else { continue };
            near.extend([around - 1, around, around.saturating_add(1)]);
        }
    }
    for value in near {
        assert_eq!(written(|room| Some(put_uint(room, value))), Some(value.to_string()));
        let Ok(mantissa) = i64::try_from(value) else { continue };
        for scale in 0..=18u8 {
            let decimal = Decimal { mantissa, scale };
            let unit = 10u128.pow(u32::from(scale));
            let (whole, rest) = (u128::from(value) / unit, u128::from(value) % unit);
            let all = format!("{whole}.{rest:0width$}", width = usize::from(scale));
            let expected = all.trim_end_matches('0').trim_end_matches('.').to_string();
            let expected = if rest == 0 { whole.to_string() } else { expected };
            assert_eq!(written(|room| Some(put_decimal(room, decimal, 0))), Some(expected));
        }
    }
}

#[test]
fn tags_of_up_to_four_digits_are_written_with_their_equals() {
    for tag in 0..10_000 {
        let put = |room: &mut [u8; ROOM]| super::put_short_tag(room, tag);
        assert_eq!(written(put), Some(format!("{tag}=")));
    }
    assert_eq!(written(|room| super::put_short_tag(room, 10_000)), None);
}

#[test]
fn three_digits_are_those_of_every_number_that_has_so_many() {
    for number in 0..1000 {
        let text = super::three_digits_of(number).escape_ascii().to_string();
        assert_eq!(text, format!("{number:03}"));
    }
}
