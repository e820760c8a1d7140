//! Views and groups of whatever the scanner accepts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_codec::message::{GroupSpec, Message};
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::{Decimal, parse_u64};

static MD_ENTRIES: GroupSpec =
    GroupSpec { count: 268, first: None, members: &[269, 270, 271, 273, 278, 279] };
static PARTIES: GroupSpec =
    GroupSpec { count: 453, first: Some(448), members: &[448, 447, 452, 802, 523, 803] };
static SUB_IDS: GroupSpec = GroupSpec { count: 802, first: Some(523), members: &[523, 803] };

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    bytes.extend(format!("10={sum:03}\x01").bytes());
    let mut fields = [Field::default(); 256];
    let Ok(count) = Scanner::new().index(&bytes, &mut fields) else { return };
    let message = Message::new(&bytes, &fields[..count]);
    let _ = (message.msg_type(), message.msg_seq_num(), message.time(52), message.flag(43));
    let mut cursor = message.cursor();
    for field in message.fields() {
        // A value is read the same in its place and alone.
        let (tag, value) = (field.tag, message.get(field.tag).expect("it is there"));
        assert_eq!(message.decimal(tag).ok(), Decimal::parse(value).ok());
        assert_eq!(message.uint(tag).ok(), parse_u64(value).ok());
        assert!(cursor.get(tag).is_some());
    }
    for spec in [&MD_ENTRIES, &PARTIES, &SUB_IDS] {
        if let Ok(group) = message.group(spec) {
            let (said, mut entries, mut covered) = (group.len(), 0, 0);
            for entry in group {
                entries += 1;
                covered += entry.fields().len();
                for (i, field) in entry.fields().iter().enumerate() {
                    assert!(!entry.fields()[..i].iter().any(|f| f.tag == field.tag));
                }
            }
            assert!(entries == said && covered < count);
        }
    }
    if let Ok(parties) = message.group_with(&PARTIES, &[&SUB_IDS]) {
        for party in parties {
            assert_eq!(party.fields()[0].tag, 448);
            let _ = party.group(&SUB_IDS).map(Iterator::count);
        }
    }
    if message.duplicate_tag(&[]).is_none() {
        for (i, field) in message.fields().iter().enumerate() {
            assert!(!message.fields()[..i].iter().any(|f| f.tag == field.tag));
        }
    }
});
