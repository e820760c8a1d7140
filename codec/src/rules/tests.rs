use std::string::ToString;

use super::*;

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
        (UtcTimeOnly, &["00:00:00", "23:59:59.999", "12:00:00.123456789"]),
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
        (UtcTimeOnly, &["24:00:00", "00:00", "00:00:00.", "00:00:00.1234567890", "x"]),
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
    use crate::messages::{MESSAGES, envelope};
    let parts = MESSAGES.iter().map(|(.., part)| *part);
    for part in parts.chain([&envelope::HEADER, &envelope::TRAILER]) {
        for scope in part.scopes {
            let members = usize::from(scope.start)..usize::from(scope.end);
            let required = part.members[members.clone()].iter().filter(|one| one.required).count();
            assert_eq!(usize::from(scope.required), required);
            for tag in (0..10_000).chain([u32::MAX]) {
                let searched = members.clone().find(|&at| part.members[at].tag == tag);
                assert_eq!(part.find(scope, tag).map(|(at, _)| at), searched, "{tag}");
            }
        }
    }
}
