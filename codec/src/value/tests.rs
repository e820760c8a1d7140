use std::format;
use std::string::{String, ToString};

use proptest::prelude::*;

use super::ValueError::{BadByte, Empty, Inexact, Overflow, TooLong};
use super::{
    DECIMAL_TEXT_MAX, Decimal, FixStr, SCALE_MAX, UtcTime, ValueError, parse_u32, parse_u64,
    write_u64,
};

fn parsed(text: &str) -> Result<(i64, u8), ValueError> {
    Decimal::parse(text.as_bytes()).map(|d| (d.mantissa, d.scale))
}

fn written(decimal: Decimal, decimals_min: u8) -> String {
    let mut scratch = [0; DECIMAL_TEXT_MAX];
    String::from_utf8(decimal.write(decimals_min, &mut scratch).to_vec()).expect("ASCII")
}

#[test]
fn a_time_is_written_to_the_nanosecond_and_read_again() {
    for nanos in [0, 1, 999_999_999, 1_775_572_321_000_000_789, 1_775_572_321_123_456_000] {
        let text = UtcTime(nanos).to_fix_nanos();
        assert_eq!(UtcTime::parse(&text), Ok(UtcTime(nanos)));
        assert_eq!(UtcTime::parse(&text[..24]), Ok(UtcTime(nanos / 1000 * 1000)));
    }
    assert_eq!(&UtcTime(1_775_572_321_000_000_789).to_fix_nanos(), b"20260407-14:32:01.000000789");
}

#[test]
fn decimals_are_read_as_kraken_and_its_clients_write_them() {
    for (text, mantissa, scale) in [
        ("1000", 1000, 0),
        ("1000.0", 10_000, 1),
        ("84000.00", 8_400_000, 2),
        ("0.0", 0, 1),
        ("0.0031746", 31_746, 7),
        ("0.00000001", 1, 8),
        (".5", 5, 1),
        ("5.", 5, 0),
        ("-0.25", -25, 2),
        ("-.5", -5, 1),
        ("00012.50", 1250, 2),
        ("9223372036854775807", i64::MAX, 0),
        ("-9223372036854775808", i64::MIN, 0),
        ("-9.223372036854775808", i64::MIN, 18),
        ("000000000000000000000000000001", 1, 0),
    ] {
        assert_eq!(parsed(text), Ok((mantissa, scale)), "{text}");
    }
}

#[test]
fn there_is_one_zero() {
    for zero in ["0", "-0", "00"] {
        assert_eq!(parsed(zero), Ok((0, 0)), "{zero}");
    }
    assert_eq!(parsed("-0.00"), Ok((0, 2)));
    assert_eq!(written(Decimal::new(0, 5), 0), "0");
    assert_eq!(written(Decimal::new(0, 5), 1), "0.0");
}

#[test]
fn what_is_no_decimal_is_refused() {
    assert_eq!(parsed(""), Err(Empty));
    for text in [
        "-",
        ".",
        "-.",
        "+1",
        "1e5",
        "1.2.3",
        "1..2",
        "--1",
        "1-",
        " 1",
        "1 ",
        "1,5",
        "0x1",
        "NaN",
        "inf",
        "1.\u{661}",
        "99999999999999999999x",
        "1.0000000000000000000.0",
        "99999999999999999999.1.1",
    ] {
        assert_eq!(parsed(text), Err(BadByte), "{text}");
    }
}

#[test]
fn a_decimal_out_of_range_is_an_overflow_and_zeros_behind_the_last_place_are_not() {
    for text in [
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
        "0.0000000000000000001",
        "1.0000000000000000001",
        "9.2233720368547758070000001",
        "92233720368547758070.0",
    ] {
        assert_eq!(parsed(text), Err(Overflow), "{text}");
    }
    assert_eq!(parsed("1.0000000000000000000000000"), Ok((1_000_000_000_000_000_000, 18)));
    assert_eq!(parsed("0.000000000000000000000"), Ok((0, 18)));
    assert_eq!(parsed("9223372036854775807.00"), Ok((i64::MAX, 0)));
    assert_eq!(parsed("-922337203685477580.800"), Ok((i64::MIN, 1)));
}

#[test]
fn decimals_are_written_as_short_as_possible_with_the_decimals_asked_for() {
    for (mantissa, scale, none, one) in [
        (1000, 0, "1000", "1000.0"),
        (10_000, 1, "1000", "1000.0"),
        (8_400_000, 2, "84000", "84000.0"),
        (1, 2, "0.01", "0.01"),
        (31_746, 7, "0.0031746", "0.0031746"),
        (25, 2, "0.25", "0.25"),
        (-25, 2, "-0.25", "-0.25"),
        (-1000, 0, "-1000", "-1000.0"),
        (150, 2, "1.5", "1.5"),
        (1, 18, "0.000000000000000001", "0.000000000000000001"),
        (i64::MAX, 18, "9.223372036854775807", "9.223372036854775807"),
        (i64::MIN, 18, "-9.223372036854775808", "-9.223372036854775808"),
        (i64::MIN, 0, "-9223372036854775808", "-9223372036854775808.0"),
    ] {
        let decimal = Decimal::new(mantissa, scale);
        assert_eq!(written(decimal, 0), none);
        assert_eq!(written(decimal, 1), one);
        assert_eq!(written(decimal, 255), one);
        assert_eq!(decimal.to_string(), none);
    }
}

#[test]
fn a_scale_is_changed_exactly_or_not_at_all() {
    assert_eq!(Decimal::new(15, 1).to_scale(2), Ok(150));
    assert_eq!(Decimal::new(150, 2).to_scale(1), Ok(15));
    assert_eq!(Decimal::new(155, 2).to_scale(1), Err(Inexact));
    assert_eq!(Decimal::new(-155, 2).to_scale(1), Err(Inexact));
    assert_eq!(Decimal::new(i64::MAX, 0).to_scale(1), Err(Overflow));
    assert_eq!(Decimal::new(i64::MIN, 18).to_scale(18), Ok(i64::MIN));
    assert_eq!(Decimal::new(0, 0).to_scale(18), Ok(0));
    assert_eq!(Decimal::new(1, 0).to_scale(19), Err(Overflow));
    assert_eq!(Decimal::new(10, 0).to_scale(18), Err(Overflow));
}

#[test]
fn a_scale_that_no_parser_makes_does_not_panic() {
    let odd = Decimal { mantissa: 12, scale: 255 };
    assert_eq!(odd.to_scale(SCALE_MAX), Ok(12));
    assert_eq!(odd.to_scale(0), Err(Inexact));
    assert_eq!(written(odd, 1), "0.000000000000000012");
    assert_eq!(odd.normalized().scale, SCALE_MAX);
}

#[test]
fn integers_are_checked_and_leading_zeros_are_legal() {
    assert_eq!(parse_u64(b"18446744073709551615"), Ok(u64::MAX));
    assert_eq!(parse_u64(b"18446744073709551616"), Err(Overflow));
    assert_eq!(parse_u64(b"99999999999999999999"), Err(Overflow));
    assert_eq!(parse_u64(b"00000000000000000000000007"), Ok(7));
    assert_eq!(parse_u64(b""), Err(Empty));
    for bad in ["-1", "+1", "1.0", " 1", "1 ", "a", "1\u{0}"] {
        assert_eq!(parse_u64(bad.as_bytes()), Err(BadByte), "{bad}");
    }
    assert_eq!(parse_u32(b"4294967295"), Ok(u32::MAX));
    assert_eq!(parse_u32(b"4294967296"), Err(Overflow));
}

#[test]
fn a_fix_str_holds_no_control_byte_and_no_more_than_its_room() {
    assert_eq!(FixStr::<4>::new(b"abcde"), Err(TooLong));
    assert_eq!(FixStr::<4>::new(b"abcd").expect("fits").as_bytes(), b"abcd");
    assert!(FixStr::<4>::new(b"").expect("fits").is_empty());
    for byte in 0..=255u8 {
        let control = byte < 0x20 || byte == 0x7f;
        assert_eq!(FixStr::<4>::new(&[b'a', byte]).is_err(), control, "{byte}");
    }
    assert_eq!(FixStr::<4>::new(b"ab\xff").expect("fits").as_str(), "ab");
    assert_eq!(FixStr::<255>::new(&[b'x'; 255]).expect("fits").as_bytes().len(), 255);
    assert_eq!(FixStr::<8>::new(b"ab"), "ab".parse());
    assert!(FixStr::<8>::new(b"ab").expect("fits") < FixStr::new(b"b").expect("fits"));
}

/// Days, months and years counted up one by one from 1970-01-01.
fn for_every_day(mut check: impl FnMut(u64, u64, u64, u64)) {
    let mut day_number = 0;
    for year in 1970..2554 {
        let leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
        let february = if leap { 29 } else { 28 };
        for (month, days) in
            [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate()
        {
            for day in 1..=days {
                check(day_number, year, month as u64 + 1, day);
                day_number += 1;
            }
        }
    }
}

#[test]
fn every_day_until_2553_is_written_and_read_as_a_calendar_says() {
    for_every_day(|number, year, month, day| {
        let of_day = number % 86_400;
        let (h, m, s) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let millis = number % 1000;
        let time = UtcTime::from_millis((number * 86_400 + of_day) * 1000 + millis);
        let text = format!("{year:04}{month:02}{day:02}-{h:02}:{m:02}:{s:02}.{millis:03}");
        assert_eq!(std::str::from_utf8(&time.to_fix_millis()), Ok(&text[..]));
        assert_eq!(UtcTime::parse(text.as_bytes()), Ok(time));
    });
}

#[test]
fn a_day_that_no_month_has_is_refused() {
    for bad in [
        "20230229", "20240230", "21000229", "20230431", "20230931", "20230100", "20230132",
        "20230001", "20231301", "19691231", "25540101", "00000101",
    ] {
        assert_eq!(UtcTime::parse(format!("{bad}-00:00:00").as_bytes()), Err(Overflow), "{bad}");
    }
    for good in ["20240229", "20000229", "24000229", "19700101", "25531231"] {
        assert!(UtcTime::parse(format!("{good}-23:59:59.999").as_bytes()).is_ok(), "{good}");
    }
    assert_eq!(UtcTime::parse(b"19700101-00:00:00"), Ok(UtcTime(0)));
}

#[test]
fn fractions_of_one_to_twelve_digits_are_read_and_cut_to_nanoseconds() {
    let whole = UtcTime::parse(b"20230707-13:56:08").expect("good").0;
    for (fraction, nanos) in [
        (".1", 100_000_000),
        (".717", 717_000_000),
        (".717123", 717_123_000),
        (".717123456", 717_123_456),
        (".000000001", 1),
        (".7171234567", 717_123_456),
        (".717123456999", 717_123_456),
        (".000000000999", 0),
    ] {
        let text = format!("20230707-13:56:08{fraction}");
        assert_eq!(UtcTime::parse(text.as_bytes()), Ok(UtcTime(whole + nanos)), "{text}");
    }
    let next = UtcTime::parse(b"20230708-00:00:00").expect("good");
    assert_eq!(UtcTime::parse(b"20230707-23:59:60"), Ok(next));
    let time = UtcTime::parse(b"20230707-13:56:08.999").expect("good");
    assert_eq!(&time.to_fix_seconds(), b"20230707-13:56:08");
    assert_eq!(&time.to_fix_time_only(), b"13:56:08.999");
}

#[test]
fn what_has_not_the_shape_of_a_timestamp_is_refused() {
    assert_eq!(UtcTime::parse(b""), Err(Empty));
    for bad in [
        "20230707",
        "20230707-13:56",
        "20230707-13:56:08.",
        "20230707-13:56:08.1234567890123",
        "20230707-13:56:08.12345678901x",
        "20230707-13:56:08.x23456789012",
        "20230707 13:56:08",
        "2023-07-07T13:56:08",
        "20230707-13:56:08Z",
        "20230707-1a:56:08",
        "20230707-13:56:08.12x",
        "20230707-13:56:08,123",
        "-0230707-13:56:08",
        "20230707-13:56:08.-1",
    ] {
        assert_eq!(UtcTime::parse(bad.as_bytes()), Err(BadByte), "{bad}");
    }
    for bad in ["24:00:00", "23:60:00", "23:59:61"] {
        assert_eq!(UtcTime::parse(format!("20230707-{bad}").as_bytes()), Err(Overflow), "{bad}");
    }
}

#[test]
fn the_ends_of_time_do_not_panic() {
    let end = UtcTime(u64::MAX);
    assert_eq!(&end.to_fix_millis(), b"25540721-23:34:33.709");
    assert_eq!(end.plus_nanos(1), end);
    assert_eq!(UtcTime(0).nanos_since(end), 0);
    assert_eq!(UtcTime::from_millis(u64::MAX), end);
}

proptest! {
    #[test]
    fn any_decimal_survives_being_written_and_read(mantissa: i64, scale in 0..=SCALE_MAX, min in 0u8..2) {
        let decimal = Decimal::new(mantissa, scale);
        let text = written(decimal, min);
        let back = Decimal::parse(text.as_bytes()).expect("what was written");
        prop_assert_eq!(back.normalized(), decimal.normalized());
        prop_assert!(min == 0 || text.contains('.'));
        prop_assert!(!text.starts_with('.') && !text.ends_with('.'));
        prop_assert!(!text.contains('.') || text.ends_with(".0") || !text.ends_with('0'));
    }

    #[test]
    fn a_decimal_is_read_as_wide_integers_would(negative: bool, whole in "[0-9]{0,24}", part in "[0-9]{0,24}") {
        prop_assume!(!(whole.is_empty() && part.is_empty()));
        let sign = if negative { "-" } else { "" };
        let text = format!("{sign}{whole}.{part}");
        let short = part.trim_end_matches('0');
        let digits = format!("{whole}{short}");
        let exact = digits.trim_start_matches('0').len() <= 30;
        let value: i128 = if exact { format!("{sign}0{digits}").parse().expect("fits") } else { i128::MAX };
        let fits = i64::try_from(value).is_ok() && short.len() <= usize::from(SCALE_MAX);
        match Decimal::parse(text.as_bytes()) {
            Ok(got) => {
                prop_assert!(fits);
                let zeros = u32::from(got.scale) - short.len() as u32;
                prop_assert_eq!(i128::from(got.mantissa), value * 10i128.pow(zeros));
            }
            Err(error) => {
                prop_assert_eq!(error, Overflow);
                prop_assert!(!fits, "{} should fit", text);
            }
        }
    }

    #[test]
    fn a_change_of_scale_there_and_back_is_exact(mantissa: i64, scale in 0..=SCALE_MAX, to in 0..=SCALE_MAX) {
        let decimal = Decimal::new(mantissa, scale);
        let wide = i128::from(mantissa) * 10i128.pow(18);
        match decimal.to_scale(to) {
            Ok(units) => prop_assert_eq!(i128::from(units) * 10i128.pow(u32::from(18 - to)),
                wide / 10i128.pow(u32::from(scale))),
            Err(Inexact) => prop_assert!(mantissa % 10i64.pow(u32::from(scale - to)) != 0),
            Err(error) => {
                prop_assert_eq!(error, Overflow);
                let units = i128::from(mantissa) * 10i128.pow(u32::from(to - scale));
                prop_assert!(i64::try_from(units).is_err());
            }
        }
    }

    #[test]
    fn any_integer_survives_being_written_and_read(value: u64) {
        let mut scratch = [0; 20];
        let digits = write_u64(value, &mut scratch);
        prop_assert_eq!(parse_u64(digits), Ok(value));
        prop_assert_eq!(digits.to_vec(), value.to_string().into_bytes());
    }

    #[test]
    fn any_millisecond_survives_being_written_and_read(millis in 0..18_429_292_800_000u64) {
        let time = UtcTime::from_millis(millis);
        prop_assert_eq!(UtcTime::parse(&time.to_fix_millis()), Ok(time));
        prop_assert_eq!(time.millis(), millis);
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(
        prop_oneof![any::<u8>(), proptest::sample::select(&b"0123456789.-:"[..])], 0..30)) {
        let _ = (Decimal::parse(&bytes), UtcTime::parse(&bytes), parse_u64(&bytes), parse_u32(&bytes));
        if let Ok(text) = FixStr::<16>::new(&bytes) {
            prop_assert_eq!(text.as_bytes(), &bytes[..]);
        }
    }
}
