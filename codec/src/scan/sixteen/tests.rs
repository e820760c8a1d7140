//! Both sets of steps equal what is read byte by byte.

use std::vec::Vec;

use proptest::prelude::*;

use super::{Moment, Values, alone, at, decimal_of, plain, uint_of};
use crate::value::fast_tests::{text, time_text};
use crate::value::{Decimal, UtcTime, int};

/// As an integer, and as a decimal.
type Read = (Option<u64>, Option<(u64, u8)>);

/// Of a text that stands in `bytes`, and of the text alone.
fn read<V: Values>(bytes: &[u8], start: usize, end: usize) -> [Read; 2] {
    let of = |values: Option<V>| {
        (values.and_then(uint_of), values.and_then(|values| decimal_of(values, end - start)))
    };
    [of(at(bytes, start, end)), of(alone(&bytes[start..end]))]
}

fn agree<V: Values>(before: &[u8], text: &[u8], behind: &[u8]) {
    let bytes = [before, text, behind].concat();
    let uint = int::parse_u64_plainly(text).ok().filter(|_| text.len() <= 16);
    let decimal = Decimal::parse_plainly(text)
        .ok()
        .filter(|_| text.len() <= 16 && text[0] != b'-')
        .map(|decimal| (decimal.mantissa as u64, decimal.scale));
    let [inside, alone] = read::<V>(&bytes, before.len(), before.len() + text.len());
    assert_eq!(alone, (uint, decimal));
    if before.len() + text.len() >= 16 {
        assert_eq!(inside, (uint, decimal));
    } else {
        assert_eq!(inside, (None, None));
    }
}

/// Those that `moment` must tell apart by itself: which days there are is known elsewhere.
fn moment_of<V: Values>(text: &[u8]) -> Option<Moment> {
    V::moment(text.try_into().ok()?)
}

fn times_agree<V: Values>(text: &[u8]) {
    let Some(moment) = moment_of::<V>(text) else {
        // A leap second may be left to the slow parser, and it has to refuse the rest.
        if text.len() == 21 && text[15..17] != *b"60" {
            assert!(UtcTime::parse_plainly(text).is_err());
        }
        return;
    };
    let written = std::format!(
        "{:04}{:02}{:02}-{:02}:{:02}:{:02}.{:03}",
        moment.year,
        moment.month_day / super::DAY_ROOM,
        moment.month_day % super::DAY_ROOM,
        moment.millis / 3_600_000,
        moment.millis / 60_000 % 60,
        moment.millis / 1000 % 60,
        moment.millis % 1000
    );
    if text[15..17] != *b"60" {
        assert_eq!(written.as_bytes(), text);
    }
}

/// A text that is mostly a number, and bytes around it.
fn surrounded() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, Vec<u8>)> {
    let around = || proptest::collection::vec(any::<u8>(), 0..20);
    (around(), text(b"....-", 20), around())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    #[test]
    fn plain_registers_read_as_byte_by_byte((before, text, behind) in surrounded()) {
        agree::<plain::Sixteen>(&before, &text, &behind);
    }

    #[test]
    fn plain_registers_read_times_as_part_by_part(text in time_text()) {
        times_agree::<plain::Sixteen>(&text);
    }

    #[cfg(target_feature = "sse2")]
    #[test]
    fn sse2_reads_as_byte_by_byte((before, text, behind) in surrounded()) {
        agree::<super::sse2::Sixteen>(&before, &text, &behind);
    }

    #[cfg(target_feature = "sse2")]
    #[test]
    fn sse2_reads_times_as_part_by_part(text in time_text()) {
        times_agree::<super::sse2::Sixteen>(&text);
    }
}

/// Every byte in every place of a text of every length, beside a digit.
fn every_byte<V: Values>() {
    for len in 1..=16 {
        for place in 0..len {
            for byte in 0..=255 {
                let mut text = [b'7'; 16];
                text[place] = byte;
                agree::<V>(&[byte; 16], &text[..len], &[]);
            }
        }
    }
}

#[test]
fn every_byte_in_every_place_is_told_from_a_digit() {
    every_byte::<plain::Sixteen>();
    #[cfg(target_feature = "sse2")]
    every_byte::<super::sse2::Sixteen>();
}

/// Every byte in every place of a timestamp.
fn every_byte_of_a_time<V: Values>() {
    for written in [b"20230707-13:56:08.717", b"19991231-23:59:59.999", b"20000101-00:00:00.000"] {
        for place in 0..21 {
            for byte in 0..=255 {
                let mut text = *written;
                text[place] = byte;
                times_agree::<V>(&text);
            }
        }
    }
}

#[test]
fn every_byte_in_every_place_of_a_timestamp_is_judged() {
    every_byte_of_a_time::<plain::Sixteen>();
    #[cfg(target_feature = "sse2")]
    every_byte_of_a_time::<super::sse2::Sixteen>();
}
