use std::format;
use std::vec::Vec;

use proptest::prelude::*;

use super::{FieldError, GroupError, GroupSpec, Message};
use crate::scan::{Field, Scanner};
use crate::value::ValueError;

static MD_ENTRIES: GroupSpec =
    GroupSpec { count: 268, first: Some(269), members: &[269, 270, 271, 273, 278] };
static ANY_FIRST: GroupSpec = GroupSpec { count: 268, first: None, members: &[269, 270, 279] };
static PARTIES: GroupSpec =
    GroupSpec { count: 453, first: Some(448), members: &[448, 447, 452, 802, 523, 803] };
static SUB_IDS: GroupSpec = GroupSpec { count: 802, first: Some(523), members: &[523, 803] };

fn framed(body: &str) -> Vec<u8> {
    let body = body.replace('|', "\x01");
    let mut out = format!("8=FIX.4.4\x019={}\x01{body}", body.len()).into_bytes();
    let sum = out.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    out.extend(format!("10={sum:03}\x01").bytes());
    out
}

fn with<R>(body: &str, check: impl FnOnce(Message<'_>) -> R) -> R {
    let bytes = framed(body);
    let mut fields = [Field::default(); 128];
    let count = Scanner::new().index(&bytes, &mut fields).expect("a good message");
    check(Message::new(&bytes, &fields[..count]))
}

type Pairs = Vec<(u32, Vec<u8>)>;

/// The entries of the group, each as its `tag=value` pairs.
fn entries(body: &str, spec: &'static GroupSpec) -> Result<Vec<Pairs>, GroupError> {
    with(body, |message| {
        let group = message.group(spec)?;
        assert_eq!(group.len(), group.count());
        Ok(group
            .map(|e| e.fields().iter().map(|f| (f.tag, e.value(f).to_vec())).collect())
            .collect())
    })
}

#[test]
fn fields_are_read_by_tag_and_errors_name_the_tag() {
    with("35=D|34=12|43=Y|44=1000.0|38=x|52=20230707-13:56:08.717|", |m| {
        assert_eq!(m.msg_type(), b"D");
        assert_eq!(m.msg_seq_num(), Ok(12));
        assert_eq!(m.decimal(44).map(|d| (d.mantissa, d.scale)), Ok((10_000, 1)));
        assert_eq!(m.time(52).map(|t| t.millis()), Ok(1_688_738_168_717));
        assert!(m.flag(43) && !m.flag(123) && !m.flag(34));
        assert_eq!(m.uint(7), Err(FieldError::Missing { tag: 7 }));
        let bad = FieldError::Value { tag: 38, error: ValueError::BadByte };
        assert_eq!((m.decimal(38), m.uint(38)), (Err(bad), Err(bad)));
    });
}

#[test]
fn a_cursor_finds_every_field_in_whatever_order_it_is_asked() {
    with("35=8|34=7|11=1|44=2.5|60=20230707-13:56:08.717|58=x|", |message| {
        let mut cursor = message.cursor();
        assert_eq!(cursor.uint(34), Ok(7));
        assert_eq!(cursor.decimal(44).map(|d| d.mantissa), Ok(25));
        assert_eq!(cursor.time(60), message.time(60));
        assert_eq!(cursor.uint(11), Ok(1));
        assert_eq!(cursor.require(99), Err(FieldError::Missing { tag: 99 }));
        assert_eq!(cursor.uint(58), Err(FieldError::Value { tag: 58, error: ValueError::BadByte }));
        for tags in [[8, 9, 35, 34, 11, 44, 60, 58, 10], [10, 58, 60, 44, 11, 34, 35, 9, 8]] {
            assert!(tags.iter().all(|&tag| cursor.get(tag) == message.get(tag)));
        }
    });
}

#[test]
fn an_empty_value_is_there_and_parses_as_nothing() {
    with("35=D|34=|", |m| {
        assert_eq!(m.get(34), Some(&b""[..]));
        assert_eq!(m.uint(34), Err(FieldError::Value { tag: 34, error: ValueError::Empty }));
    });
}

#[test]
fn a_message_is_not_printed_by_its_debug_form() {
    with("35=A|554=secret|", |m| assert!(!format!("{m:?}").contains("secret")));
}

#[test]
fn the_entries_of_a_group_are_its_own_fields_only() {
    let found = entries("35=W|55=X|268=2|269=0|270=1|271=2|269=1|270=3|58=end|", &MD_ENTRIES);
    let found = found.expect("good");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], [(269, b"0".to_vec()), (270, b"1".to_vec()), (271, b"2".to_vec())]);
    assert_eq!(found[1], [(269, b"1".to_vec()), (270, b"3".to_vec())]);
    with("35=W|268=1|269=0|55=X|270=1|", |m| {
        let mut group = m.group(&MD_ENTRIES).expect("good");
        let entry = group.next().expect("one");
        assert_eq!(
            (entry.get(269), entry.get(270), entry.msg_type()),
            (Some(&b"0"[..]), None, &b""[..])
        );
        assert!(group.next().is_none() && group.is_empty());
    });
}

#[test]
fn a_group_that_is_absent_or_counts_zero_has_no_entries() {
    for body in ["35=W|55=X|", "35=W|268=0|55=X|", "35=W|268=0|", "35=W|268=000|58=x|"] {
        assert_eq!(entries(body, &MD_ENTRIES), Ok(Vec::new()), "{body}");
    }
}

#[test]
fn a_count_that_lies_is_an_error() {
    // FIX session case 14.i
    for count in ["0", "1", "3", "4294967295"] {
        let body = format!("35=W|268={count}|269=0|270=1|269=1|270=3|58=end|");
        assert_eq!(entries(&body, &MD_ENTRIES), Err(GroupError::CountWrong), "{count}");
    }
    for body in ["35=W|268=2|58=x|", "35=W|268=1|", "35=W|268=2|269=0|58=x|269=1|"] {
        assert_eq!(entries(body, &MD_ENTRIES), Err(GroupError::CountWrong), "{body}");
    }
    for count in ["", "-1", "x", "4294967296", "1.0"] {
        let body = format!("35=W|268={count}|269=0|");
        assert_eq!(entries(&body, &MD_ENTRIES), Err(GroupError::CountMalformed), "{count}");
    }
}

#[test]
fn an_entry_that_starts_with_another_tag_is_an_error() {
    // FIX session case 14.j
    let found = entries("35=W|268=1|270=1|269=0|", &MD_ENTRIES);
    assert_eq!(found, Err(GroupError::FirstTagWrong));
    let found =
        entries("35=X|268=2|279=0|269=0|279=1|269=1|", &ANY_FIRST).expect("either may start");
    assert_eq!(found.len(), 2);
    assert_eq!(entries("35=X|268=2|269=0|279=0|269=1|279=1|", &ANY_FIRST).map(|e| e.len()), Ok(2));
}

#[test]
fn a_tag_that_stands_twice_in_an_entry_is_an_error() {
    // FIX session case 14.h
    let found = entries("35=W|268=2|269=0|270=1|269=1|270=2|271=3|270=4|", &MD_ENTRIES);
    assert_eq!(found, Err(GroupError::TagRepeated));
}

#[test]
fn a_group_that_stands_twice_is_an_error() {
    let found = entries("35=W|268=1|269=0|58=x|268=1|269=1|", &MD_ENTRIES);
    assert_eq!(found, Err(GroupError::TagRepeated));
    assert_eq!(entries("35=W|268=0|268=0|", &MD_ENTRIES), Err(GroupError::TagRepeated));
}

#[test]
fn nested_groups_are_read_through_the_entry_that_holds_them() {
    let body = "35=D|453=2|448=A|802=2|523=a|803=1|523=b|803=2|447=D|448=B|447=D|452=3|58=x|";
    assert_eq!(entries(body, &PARTIES), Err(GroupError::TagRepeated));
    with(body, |m| {
        let parties: Vec<_> = m.group_with(&PARTIES, &[&SUB_IDS]).expect("good").collect();
        assert_eq!(parties.len(), 2);
        assert_eq!(parties[0].get(447), Some(&b"D"[..]));
        let ids: Vec<_> = parties[0].group(&SUB_IDS).expect("good").map(|e| e.get(523)).collect();
        assert_eq!(ids, [Some(&b"a"[..]), Some(&b"b"[..])]);
        assert!(parties[1].group(&SUB_IDS).expect("none").is_empty());
    });
    for (body, error) in [
        ("35=D|453=1|448=A|447=D|802=1|523=a|447=D|", GroupError::TagRepeated),
        ("35=D|453=1|448=A|802=1|523=a|802=1|523=b|", GroupError::TagRepeated),
        ("35=D|453=2|448=A|802=1|523=a|", GroupError::CountWrong),
    ] {
        with(body, |m| {
            assert_eq!(m.group_with(&PARTIES, &[&SUB_IDS]).map(|e| e.len()), Err(error), "{body}");
        });
    }
    with("35=D|453=1|448=A|802=2|523=a|", |m| {
        let party = m.group_with(&PARTIES, &[&SUB_IDS]).expect("good").next().expect("one");
        assert_eq!(party.group(&SUB_IDS).map(|e| e.len()), Err(GroupError::CountWrong));
    });
}

#[test]
fn a_tag_that_stands_twice_outside_groups_is_found() {
    // FIX session case 14.h
    let groups: &[&GroupSpec] = &[&MD_ENTRIES, &PARTIES];
    for (body, expected) in [
        ("35=W|34=1|268=2|269=0|270=1|269=1|270=2|58=x|", None),
        ("35=D|453=1|448=A|802=2|523=a|523=b|58=x|", None),
        ("35=D|34=1|44=1|44=2|", Some(44)),
        ("35=D|34=1|44=1|34=1|", Some(34)),
        ("35=D|35=D|", Some(35)),
        ("35=D|10=000|", Some(10)),
        ("35=D|123456=a|123456=a|", Some(123_456)),
        ("35=D|10239=a|10240=a|10239=b|", Some(10_239)),
        ("35=W|268=1|269=0|58=x|270=1|270=2|", Some(270)),
        ("35=W|268=1|269=0|268=1|269=0|", Some(268)),
        ("35=W|999999999=1|99999999=1|", None),
    ] {
        assert_eq!(with(body, |m| m.duplicate_tag(groups)), expected, "{body}");
    }
    assert_eq!(with("35=W|268=2|269=0|269=1|", |m| m.duplicate_tag(&[])), Some(269));
}

proptest! {
    #[test]
    fn entries_are_what_a_naive_split_gives_and_nothing_panics(
        count in 0usize..5,
        tags in proptest::collection::vec(
            proptest::sample::select(&[269u32, 270, 271, 273, 58, 268, 269][..]), 0..12),
    ) {
        let mut body = format!("35=W|268={count}|");
        for (i, tag) in tags.iter().enumerate() {
            body.push_str(&format!("{tag}={i}|"));
        }
        let group: Vec<u32> =
            tags.iter().copied().take_while(|t| MD_ENTRIES.members.contains(t)).collect();
        let mut split: Vec<Vec<u32>> = Vec::new();
        for &tag in &group {
            match split.last_mut() {
                Some(entry) if tag != 269 => entry.push(tag),
                _ => split.push(std::vec![tag]),
            }
        }
        let good = group.first().is_none_or(|&tag| tag == 269)
            && split.len() == count
            && !tags.contains(&268)
            && split.iter().all(|e| (1..e.len()).all(|i| !e[..i].contains(&e[i])));
        let found = entries(&body, &MD_ENTRIES);
        prop_assert_eq!(found.is_ok(), good, "{}: {:?}", body, found);
        if let Ok(found) = found {
            let tags: Vec<Vec<u32>> =
                found.iter().map(|e| e.iter().map(|f| f.0).collect()).collect();
            prop_assert_eq!(tags, split);
        }
    }
}
