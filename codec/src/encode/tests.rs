use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::{EncodeError, Encoder, Header, HeaderOrder};
use crate::frame::{Frame, Framer};
use crate::message::Message;
use crate::scan::{Field, Scanner};
use crate::value::{Decimal, UtcTime};

const NOW: UtcTime = UtcTime::from_millis(1_688_738_168_717);

fn header(msg_type: &'static [u8]) -> Header<'static> {
    Header {
        msg_type,
        msg_seq_num: 2,
        sender: b"damien",
        target: b"KRAKEN-TRD",
        sending_time: NOW,
        orig_sending_time: None,
        order: HeaderOrder::default(),
    }
}

/// An order, through every method of the encoder.
fn order(buffer: &mut [u8]) -> Result<core::ops::Range<usize>, EncodeError> {
    Encoder::begin(buffer, &header(b"D"))
        .bytes(11, b"1688738168")
        .decimal(38, Decimal::new(1, 2), 0)
        .byte(54, b'1')
        .uint(40, 2)
        .time(60, NOW)
        .data(95, 96, b"a\x01b")
        .finish()
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\x01', "|")
}

#[test]
fn every_header_order_is_written_as_it_is_named() {
    for (order, expected) in [
        (
            HeaderOrder::SeqSenderTimeTarget,
            "34=2|49=damien|52=20230707-13:56:08.717|56=KRAKEN-TRD|",
        ),
        (
            HeaderOrder::SenderTargetSeqTime,
            "49=damien|56=KRAKEN-TRD|34=2|52=20230707-13:56:08.717|",
        ),
        (
            HeaderOrder::SeqTargetSenderTime,
            "34=2|56=KRAKEN-TRD|49=damien|52=20230707-13:56:08.717|",
        ),
    ] {
        let mut buffer = [0; 256];
        let header = Header { order, ..header(b"0") };
        let range = Encoder::begin(&mut buffer, &header).finish().expect("fits");
        let text = shown(&buffer[range]);
        assert!(text.starts_with(&format!("8=FIX.4.4|9=59|35=0|{expected}10=")), "{text}");
    }
}

#[test]
fn a_resent_message_says_so_and_when_it_was_first_sent() {
    let mut buffer = [0; 256];
    let header = Header { orig_sending_time: Some(UtcTime(0)), ..header(b"8") };
    let range = Encoder::begin(&mut buffer, &header).byte(39, b'0').finish().expect("fits");
    let text = shown(&buffer[range]);
    assert!(text.contains("|56=KRAKEN-TRD|43=Y|122=19700101-00:00:00.000|39=0|10="), "{text}");
}

#[test]
fn a_control_byte_or_an_empty_value_is_refused_and_the_first_error_is_kept() {
    let mut buffer = [0; 512];
    for byte in 0..=255u8 {
        let got = Encoder::begin(&mut buffer, &header(b"D")).bytes(58, &[b'a', byte]).finish();
        let control = byte < 0x20 || byte == 0x7f;
        assert_eq!(got.err(), control.then_some(EncodeError::ControlByte { tag: 58 }), "{byte}");
    }
    let got = Encoder::begin(&mut buffer, &header(b"D")).bytes(58, b"").bytes(11, b"\x01").finish();
    assert_eq!(got, Err(EncodeError::EmptyValue { tag: 58 }));
    let got = Encoder::begin(&mut buffer, &header(b"D")).data(95, 96, b"").finish();
    assert_eq!(got, Err(EncodeError::EmptyValue { tag: 96 }));
    let got = Encoder::begin(&mut buffer, &Header { sender: b"a\x01b", ..header(b"D") }).finish();
    assert_eq!(got, Err(EncodeError::ControlByte { tag: 49 }));
    let got = Encoder::begin(&mut buffer, &header(b"")).finish();
    assert_eq!(got, Err(EncodeError::EmptyValue { tag: 35 }));
}

#[test]
fn a_message_fits_or_fails_whole_at_every_size_of_the_buffer() {
    let mut large = [0; 512];
    let range = order(&mut large).expect("fits");
    for size in 0..large.len() {
        let mut small = std::vec![0; size];
        match order(&mut small) {
            Ok(got) => assert_eq!((size >= range.end, &small[got]), (true, &large[range.clone()])),
            Err(error) => assert_eq!((size < range.end, error), (true, EncodeError::Full)),
        }
    }
}

#[test]
fn a_message_is_finished_once() {
    let mut buffer = [0; 256];
    let mut encoder = Encoder::begin(&mut buffer, &header(b"0"));
    assert!(encoder.finish().is_ok());
    assert_eq!(encoder.finish(), Err(EncodeError::Full));
    assert_eq!(encoder.bytes(58, b"x").finish(), Err(EncodeError::Full));
}

#[derive(Debug, Clone)]
enum Value {
    Text(Vec<u8>),
    Uint(u64),
    Decimal(Decimal, u8),
    Time(UtcTime),
    Data(Vec<u8>),
}

fn value() -> impl Strategy<Value = Value> {
    let printable = any::<u8>().prop_filter("printable", |b| !b.is_ascii_control());
    prop_oneof![
        proptest::collection::vec(printable, 1..40).prop_map(Value::Text),
        any::<u64>().prop_map(Value::Uint),
        (any::<i64>(), 0..=18u8, 0..2u8)
            .prop_map(|(m, s, min)| Value::Decimal(Decimal::new(m, s), min)),
        (0..18_429_292_800_000u64).prop_map(|ms| Value::Time(UtcTime::from_millis(ms))),
        proptest::collection::vec(0..5u8, 1..80).prop_map(Value::Data),
    ]
}

proptest! {
    #[test]
    fn whatever_is_encoded_is_framed_and_indexed_and_reads_back_equal(
        seq: u64,
        values in proptest::collection::vec(value(), 0..20),
    ) {
        let mut buffer = [0; 8192];
        let header = Header { msg_seq_num: seq, ..header(b"AE") };
        let mut encoder = Encoder::begin(&mut buffer, &header);
        for (i, value) in values.iter().enumerate() {
            let tag = 5000 + i as u32;
            match value {
                Value::Text(text) => encoder.bytes(tag, text),
                Value::Uint(uint) => encoder.uint(tag, *uint),
                Value::Decimal(decimal, min) => encoder.decimal(tag, *decimal, *min),
                Value::Time(time) => encoder.time(tag, *time),
                Value::Data(data) => encoder.data(95, 96, data),
            };
        }
        let range = encoder.finish().expect("fits");
        let bytes = &buffer[range];
        prop_assert_eq!(Framer::new(8192).next(bytes), Frame::Message { len: bytes.len() });
        let mut fields = [Field::default(); 64];
        let count = Scanner::new().index(bytes, &mut fields).expect("indexes");
        let message = Message::new(bytes, &fields[..count]);
        prop_assert_eq!((message.msg_type(), message.msg_seq_num()), (&b"AE"[..], Ok(seq)));
        prop_assert_eq!(message.get(49), Some(&b"damien"[..]));
        let mut data = message.fields().iter().filter(|f| f.tag == 96).map(|f| message.value(f));
        for (i, value) in values.iter().enumerate() {
            let tag = 5000 + i as u32;
            match value {
                Value::Text(text) => prop_assert_eq!(message.get(tag), Some(&text[..])),
                Value::Uint(uint) => prop_assert_eq!(message.uint(tag), Ok(*uint)),
                Value::Time(time) => prop_assert_eq!(message.time(tag), Ok(*time)),
                Value::Decimal(decimal, _) => prop_assert_eq!(
                    message.decimal(tag).map(Decimal::normalized), Ok(decimal.normalized())),
                Value::Data(bytes) => prop_assert_eq!(data.next(), Some(&bytes[..])),
            }
        }
    }

    #[test]
    fn no_value_and_no_buffer_makes_the_encoder_panic_or_send_a_broken_message(
        size in 0usize..200,
        text in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut buffer = std::vec![0; size];
        let got = Encoder::begin(&mut buffer, &header(b"D")).bytes(58, &text).finish();
        if let Ok(range) = got {
            let len = range.len();
            prop_assert_eq!(Framer::new(4096).next(&buffer[range]), Frame::Message { len });
        }
    }
}

#[test]
fn errors_say_what_is_wrong() {
    assert_eq!(
        EncodeError::ControlByte { tag: 58 }.to_string(),
        "control byte in the value of tag 58"
    );
}
