use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::form::Form;
use super::*;
use crate::value::UtcTime;

#[test]
fn each_kind_tells_its_own_values_from_others() {
    use Kind::*;
    let good: &[(Kind, &[&str])] = &[
        (Text, &["x", "a b", "="]),
        (Char, &["x"]),
        (Int, &["0", "-1", "007", "-9223372036854775808", "9223372036854775807"]),
        (Uint, &["0", "007", "18446744073709551615"]),
        (Count, &["0", "3", "4294967295"]),
        (Decimal, &["1", "-1.5", ".5", "5.", "00.10", "1000000000000"]),
        (Boolean, &["Y", "N"]),
        (UtcTimestamp, &["20240229-23:59:59", "20240229-00:00:00.123", "19991231-23:59:60"]),
        (UtcTimeOnly, &["00:00:00", "23:59:59.999", "12:00:00.123456789012"]),
        (Date, &["20240229", "19000101", "20000229"]),
        (MonthYear, &["202402", "20240229", "202402w5"]),
    ];
    for (kind, values) in good {
        for value in *values {
            assert_eq!(kind.check(value.as_bytes()), Ok(()), "{kind:?} {value}");
        }
    }
    let malformed: &[(Kind, &[&str])] = &[
        (Char, &["xy"]),
        (Int, &["+1", "-", "1.0", "1a", " 1", "--1"]),
        (Uint, &["-1", "+1", "1.0"]),
        (Count, &["-1", "x"]),
        (Decimal, &["+1", "1e5", "1.2.3", "-", ".", "1,5"]),
        (Boolean, &["y", "1", "YN"]),
        (
            UtcTimestamp,
            &["20240229", "20230229-00:00:00", "20240229-24:00:00", "20240229 00:00:00"],
        ),
        (UtcTimeOnly, &["24:00:00", "00:00", "00:00:00.", "00:00:00.1234567890123", "x"]),
        (Date, &["20230229", "2024022", "202402290", "20240001", "2024-2-9"]),
        (MonthYear, &["202413", "2024", "202402w6", "202402x1", "20230229"]),
    ];
    for (kind, values) in malformed {
        for value in *values {
            let found = kind.check(value.as_bytes());
            assert_eq!(found, Err(Reason::FormatIncorrect), "{kind:?} {value}");
        }
    }
    let too_large: &[(Kind, &str)] = &[
        (Int, "9223372036854775808"),
        (Int, "-9223372036854775809"),
        (Uint, "18446744073709551616"),
        (Count, "4294967296"),
        (Decimal, "99999999999999999999"),
    ];
    for (kind, value) in too_large {
        assert_eq!(kind.check(value.as_bytes()), Err(Reason::ValueIncorrect), "{kind:?} {value}");
    }
}

#[test]
fn a_fault_is_answered_by_one_kind_of_reject_and_names_its_tag() {
    let session = FieldFault { reason: Reason::GroupCountIncorrect, tag: 386 };
    assert_eq!(session.reason.session_reject(), Some(16));
    assert_eq!(session.reason.business_reject(), None);
    assert_eq!(session.to_string(), "Incorrect NumInGroup count for repeating group (386)");
    let business = Reason::ConditionallyMissing;
    assert_eq!((business.session_reject(), business.business_reject()), (None, Some(5)));
}

#[test]
fn a_tag_is_found_in_a_scope_if_and_only_if_it_is_a_member() {
    for (.., layout) in crate::messages::MESSAGES {
        for scope in layout.scopes {
            let table = layout.table::<[lookup::Slot]>(scope).expect("of any size");
            let members = scope.members(layout);
            let mut numbers = Vec::new();
            for tag in (0..10_000).chain([u32::MAX]) {
                let searched = members.iter().find(|member| member.tag == tag);
                let found = table.find(tag);
                assert_eq!(found.map(|slot| &layout.members[usize::from(slot.member)]), searched);
                let is_first = |slot: &lookup::Slot| slot.number < scope.required;
                assert_eq!(found.map(is_first), searched.map(|member| member.required), "{tag}");
                numbers.extend(found.map(|slot| usize::from(slot.number)));
            }
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..members.len()));
        }
    }
}

/// As its kind would be written, most bytes of it.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => b'0'..=b'9', 2 => Just(b'.'), 1 => any::<u8>()];
    let free = proptest::collection::vec(byte, 0..20);
    let time =
        (any::<u64>(), 0..30usize, any::<u8>(), 0..20u8).prop_map(|(nanos, at, byte, how)| {
            let mut text = UtcTime(nanos).to_fix_millis().to_vec();
            let length = text.len();
            match how {
                0..10 => text[at % length] = b'0' + byte % 10,
                10..13 => text[at % length] = byte,
                13..15 => text.truncate(at),
                _ => {}
            }
            text
        });
    let clock = time.clone().prop_map(|text| text.get(9..).unwrap_or_default().to_vec());
    prop_oneof![free, time, clock]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8_192))]

    #[test]
    fn a_value_that_is_told_at_once_is_good(
        text in texts(),
        before in proptest::collection::vec(any::<u8>(), 0..20),
        behind in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let bytes = [&before[..], &text, &behind].concat();
        let (start, end) = (before.len(), before.len() + text.len());
        for (form, kind) in [
            (Form::Digits, Kind::Uint),
            (Form::Digits, Kind::Int),
            (Form::ClOrdId, Kind::ClOrdId),
            (Form::Decimal, Kind::Decimal),
            (Form::Timestamp, Kind::UtcTimestamp),
            (Form::Clock, Kind::UtcTimeOnly),
        ] {
            let is_told = form.is_told(&bytes, start, end);
            prop_assert!(!is_told || kind.check(&text) == Ok(()), "{form:?} {}", text.escape_ascii());
            // Where a message goes on before and behind it, a usual value is told.
            let is_usual = match form {
                Form::Digits | Form::ClOrdId | Form::Decimal => text.len() <= 16 && !text.starts_with(b"-"),
                Form::Timestamp => text.len() == 21,
                _ => text.len() == 12,
            };
            let leap = text.windows(3).any(|three| three == b":60");
            if kind.check(&text) == Ok(()) && is_usual && !leap && start >= 16 && behind.len() >= 8 {
                prop_assert!(is_told, "{form:?} {}", text.escape_ascii());
            }
        }
    }
}
