use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::Template;
use crate::encode::{EncodeError, Encoder, Header, HeaderOrder};
use crate::value::{Decimal, TimestampCache, UtcTime};

#[derive(Debug, Clone)]
enum Value {
    Text(Vec<u8>),
    Uint(u64),
    Decimal(Decimal, u8),
    Time(UtcTime),
}

fn value() -> impl Strategy<Value = Value> {
    let printable = any::<u8>().prop_filter("printable", |b| !b.is_ascii_control());
    prop_oneof![
        proptest::collection::vec(printable.clone(), 1..60).prop_map(Value::Text),
        proptest::collection::vec(printable, 1..2).prop_map(Value::Text),
        prop_oneof![any::<u64>(), 0..100_000u64].prop_map(Value::Uint),
        (prop_oneof![any::<i64>(), 0..10_000_000i64], 0..=18u8, 0..2u8)
            .prop_map(|(m, s, min)| Value::Decimal(Decimal::new(m, s), min)),
        any::<u64>().prop_map(|nanos| Value::Time(UtcTime(nanos))),
    ]
}

/// What stands in each place, and whether it changes.
fn fields() -> impl Strategy<Value = Vec<(u32, bool, Value)>> {
    proptest::collection::vec((1..20_000u32, any::<bool>(), value()), 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_template_writes_the_bytes_of_the_plain_encoder(
        fields in fields(),
        seq in prop_oneof![any::<u64>(), 1..1_000_000u64],
        now: u64,
    ) {
        let now = UtcTime(now);
        let mut template = Template::<128>::new(b"D");
        template.slot(34).bytes(49, b"damien").slot(52).bytes(56, b"KRAKEN-TRD");
        let header = Header {
            msg_type: b"D",
            msg_seq_num: seq,
            sender: b"damien",
            target: b"KRAKEN-TRD",
            sending_time: now,
            orig_sending_time: None,
            order: HeaderOrder::SeqSenderTimeTarget,
        };
        let (mut plain, mut filled) = ([0; 4096], [0; 4096]);
        let mut encoder = Encoder::begin(&mut plain, &header);
        let mut slots = Vec::new();
        for (tag, changes, value) in &fields {
            match value {
                Value::Text(text) => encoder.bytes(*tag, text),
                Value::Uint(uint) => encoder.uint(*tag, *uint),
                Value::Decimal(decimal, min) => encoder.decimal(*tag, *decimal, *min),
                Value::Time(time) => encoder.time(*tag, *time),
            };
            if let (Value::Text(text), false) = (value, changes) {
                template.bytes(*tag, text);
            } else {
                template.slot(*tag);
                slots.push(value);
            }
        }
        let plain_range = encoder.finish().expect("fits");

        let template = template.finish().expect("fits");
        let mut times = TimestampCache::new();
        let mut filler = template.fill(&mut filled).uint(seq).time(times.to_fix_millis(now));
        for value in slots {
            filler = match value {
                Value::Text(text) if text.len() == 1 => filler.byte(text[0]),
                Value::Text(text) => filler.bytes(text),
                Value::Uint(uint) => filler.uint(*uint),
                Value::Decimal(decimal, min) => filler.decimal(*decimal, *min),
                Value::Time(time) => filler.time(times.to_fix_millis(*time)),
            };
        }
        let range = filler.finish().expect("fits");
        prop_assert_eq!(
            filled[range].escape_ascii().to_string(),
            plain[plain_range].escape_ascii().to_string()
        );
    }
}

fn two_slots() -> Template<3> {
    Template::new(b"F").slot(34).bytes(55, b"BTC/USD").slot(11).finish().expect("fits")
}

#[test]
fn a_message_with_more_or_fewer_values_than_slots_is_an_error() {
    let mut buffer = [0; 256];
    let template = two_slots();
    assert!(template.fill(&mut buffer).uint(1).uint(2).finish().is_ok());
    assert_eq!(template.fill(&mut buffer).uint(1).finish(), Err(EncodeError::SlotCount));
    let got = template.fill(&mut buffer).uint(1).uint(2).byte(b'3').finish();
    assert_eq!(got, Err(EncodeError::SlotCount));
}

#[test]
fn a_value_that_cannot_be_sent_is_an_error_that_names_the_field() {
    let mut buffer = [0; 512];
    let template = two_slots();
    for text in [&b"a\x01b"[..], b"0123456789012345678901234567890\x01"] {
        let got = template.fill(&mut buffer).uint(1).bytes(text).finish();
        assert_eq!(got, Err(EncodeError::ControlByte { tag: 11 }));
    }
    for byte in [b'\x01', b'\x7f'] {
        let got = template.fill(&mut buffer).uint(1).byte(byte).finish();
        assert_eq!(got, Err(EncodeError::ControlByte { tag: 11 }));
    }
    let got = template.fill(&mut buffer).bytes(b"").uint(1).finish();
    assert_eq!(got, Err(EncodeError::EmptyValue { tag: 34 }));
}

#[test]
fn a_buffer_of_any_size_is_filled_whole_or_not_at_all() {
    let template = two_slots();
    let mut large = [0; 512];
    let range = template.fill(&mut large).uint(1).bytes(&[b'x'; 40]).finish().expect("fits");
    for size in 0..large.len() {
        let mut small = std::vec![0; size];
        match template.fill(&mut small).uint(1).bytes(&[b'x'; 40]).finish() {
            Ok(got) => assert_eq!(small[got], large[range.clone()]),
            Err(error) => {
                assert_eq!(error, EncodeError::Full);
                assert!(size < range.end + 64);
            }
        }
    }
}

#[test]
fn a_template_refuses_what_it_cannot_hold() {
    let got = Template::<2>::new(b"D").bytes(58, &[b'x'; 64]).finish();
    assert_eq!(got.err(), Some(EncodeError::Full));
    let mut many = Template::<4>::new(b"D");
    (0..3).for_each(|_| _ = many.slot(11));
    assert!(many.finish().is_ok());
    assert_eq!(many.slot(11).finish().err(), Some(EncodeError::Full));
    let got = Template::<4>::new(b"D").bytes(58, b"\x01").finish();
    assert_eq!(got.err(), Some(EncodeError::ControlByte { tag: 58 }));
}
