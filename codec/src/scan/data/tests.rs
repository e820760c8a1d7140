use std::format;
use std::vec::Vec;

use super::super::ScanErrorKind::DataLengthWrong;
use super::super::Scanned;
use super::super::tests::{Indexed, cases, listed, message, model_with, scanners, with_trailer};
use super::*;
use crate::frame::Framer;

/// Pairs that the kernels know, do not know, and one that they know and this dialect does not (354).
const PAIRS: DataFields<'static> =
    DataFields::new(&[(90, 91), (93, 89), (95, 96), (212, 213), (348, 349), (5000, 12345)]);

fn agree(message: &[u8], fields: &mut [Field], data: DataFields<'_>) -> Indexed {
    let expected = model_with(message, fields.len(), data.pairs());
    for scanner in scanners() {
        let got = listed(scanner.index_with(message, fields, data), fields);
        assert_eq!(got, expected, "{scanner:?} on {}", message.escape_ascii());
    }
    expected
}

#[test]
fn what_a_dictionary_names_may_hold_delimiters_and_what_it_does_not_may_not() {
    let mut fields = [Field::default(); 16];
    for &(length_tag, tag) in PAIRS.pairs() {
        for length in 0..150 {
            let data = "\x01".repeat(length);
            let message = message(&format!("35=B|{length_tag}={length}|{tag}={data}|58=end|"));
            let found = agree(&message, &mut fields, PAIRS).expect("good");
            assert_eq!((found.len(), found[4].2 - found[4].1), (7, length));
        }
    }
    let xml = message("35=n|212=12|213=<FIX>\x01</FIX>|");
    assert_eq!(agree(&xml, &mut fields, PAIRS).expect("good").len(), 6);
    assert!(agree(&xml, &mut fields, DataFields::default()).is_err());
    let encoded = message("35=B|354=3|355=a\x01b|");
    assert!(agree(&encoded, &mut fields, PAIRS).is_err(), "354 is no length in this dialect");
    let plain = message("35=B|354=3|355=ab|");
    assert_eq!(agree(&plain, &mut fields, PAIRS).expect("ordinary fields").len(), 6);
}

#[test]
fn a_length_that_lies_is_an_error_in_any_dialect() {
    let mut fields = [Field::default(); 16];
    for body in ["212=2|213=abc|", "212=4|213=abc|", "212=|213=a|", "212=4294967295|213=a|"] {
        let found = agree(&message(&format!("35=n|{body}")), &mut fields, PAIRS);
        assert_eq!(found.map_err(|error| error.0), Err(DataLengthWrong), "{body}");
    }
}

#[test]
fn every_kernel_agrees_with_the_model_on_generated_data_fields() {
    let mut fields = [Field::default(); 64];
    let mut good = 0;
    for case in 0..cases() / 2 {
        let mut rng = fastrand::Rng::with_seed(case);
        let mut bytes = b"8=FIX.4.4\x019=5\x0135=n\x01".to_vec();
        for _ in 0..rng.usize(0..20) {
            let (length_tag, tag) = PAIRS.pairs()[rng.usize(0..PAIRS.pairs().len())];
            let data: Vec<u8> =
                (0..rng.usize(0..90)).map(|_| b"\x01=012"[rng.usize(0..5)]).collect();
            match rng.u8(0..4) {
                0 => bytes.extend(format!("{tag}=x").bytes()),
                1 => bytes.extend(format!("{length_tag}=1").bytes()),
                2 => bytes.extend(b"354=7"),
                _ => {
                    let length = data.len() + usize::from(rng.u8(0..30) == 0);
                    bytes.extend(format!("{length_tag}={length}\x01{tag}=").bytes());
                    bytes.extend(data);
                }
            }
            bytes.push(1);
        }
        good += u64::from(agree(&with_trailer(bytes), &mut fields, PAIRS).is_ok());
    }
    assert!(good > cases() / 8, "{good} good");
}

#[test]
fn a_message_with_data_is_framed_and_indexed_wherever_the_stream_is_cut() {
    let (mut framer, mut fields) = (Framer::new(4096), [Field::default(); 32]);
    let noise = "\x0110=123\x018=FIX.4.4\x019=5\x0135=0\x01";
    let body = format!("35=n|212={}|213={noise}|93=3|89=\x01\x01\x01|", noise.len());
    let stream = [message(&body), message("35=0|34=2|")].concat();
    let first = stream.len() - message("35=0|34=2|").len();
    for scanner in scanners() {
        for cut in 0..stream.len() {
            let scanned = scanner.scan_with(&mut framer, &stream[..cut], &mut fields, PAIRS);
            let expected = match cut < first {
                true => Scanned::Incomplete,
                false => Scanned::Message { len: first, fields: 8 },
            };
            assert_eq!(scanned, expected, "{scanner:?} cut at {cut}");
        }
    }
}

#[test]
fn the_kernels_know_the_data_fields_of_krakens_dialect() {
    use crate::rules::Dialect;
    assert_eq!(crate::kraken::Kraken.data_fields(), DataFields::KRAKEN);
    for tag in 0..1000 {
        assert_eq!(data_tag(tag), DataFields::KRAKEN.data_of(tag), "{tag}");
    }
    assert_eq!(PAIRS.length_of(213), Some(212));
    assert_eq!((PAIRS.length_of(212), PAIRS.data_of(213)), (None, None));
}
