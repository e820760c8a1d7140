//! Every kernel against a model that is written from the rules and shares no code with them.
//!
//! | what | test |
//! |---|---|
//! | well formed and mutated; tags of 1 to 9 digits; empty values; `=` and SOH in odd places | `every_kernel_agrees_with_the_model_on_generated_and_mutated_messages` |
//! | leading zeros; nothing but digits, `=` and SOH | `every_kernel_agrees_with_the_model_on_arbitrary_bytes_of_a_field_like_alphabet` |
//! | more than 16 fields in 64 bytes | `more_than_sixteen_fields_in_one_block_are_all_found_and_empty_values_are_indexed` |
//! | every alignment | `every_alignment_and_every_length_gives_the_same_index` |
//! | every split | `every_prefix_of_a_message_is_an_error_and_never_more`, and of a stream, in `frame/tests.rs`, `a_stream_split_at_every_pair_of_bytes_gives_the_same_messages` |
//! | an unmapped page at either edge | `a_message_at_either_edge_of_a_mapped_page_is_indexed_without_a_fault` in `codec/tests/unmapped_page.rs` |

use std::boxed::Box;
use std::format;
use std::string::ToString;
use std::vec::Vec;

use super::ScanErrorKind::{
    CheckSumMissing, CheckSumWrong, DataLengthWrong, TagMalformed, TooManyFields, Unterminated,
};
use super::{DataFields, Field, Level, ScanError, ScanErrorKind, Scanned, Scanner};

pub(super) fn scanners() -> impl Iterator<Item = Scanner> {
    Level::ALL.into_iter().filter_map(Scanner::with_level)
}

pub(super) type Indexed = Result<Vec<(u32, usize, usize)>, (ScanErrorKind, usize)>;

fn model(message: &[u8], room: usize) -> Indexed {
    model_with(message, room, DataFields::KRAKEN.pairs())
}

/// One byte at a time, with vectors and strings.
pub(super) fn model_with(message: &[u8], room: usize, pairs: &[(u32, u32)]) -> Indexed {
    let tag = |at: usize| -> Option<(u32, usize)> {
        let digits: Vec<u8> =
            message[at..].iter().copied().take_while(u8::is_ascii_digit).collect();
        let start = at + digits.len() + 1;
        let well = (1..=9).contains(&digits.len())
            && digits[0] != b'0'
            && message.get(start - 1) == Some(&b'=');
        let text = std::string::String::from_utf8(digits).ok()?;
        if well { Some((text.parse().ok()?, start)) } else { None }
    };
    let mut fields: Vec<(u32, usize, usize)> = Vec::new();
    let mut at = 0;
    while at < message.len() {
        let (tag, start) = tag(at).ok_or((TagMalformed, at))?;
        let announced = match fields.last() {
            Some(&(length, from, to)) if pairs.contains(&(length, tag)) => Some((from, to)),
            _ => None,
        };
        let end = if let Some((from, to)) = announced {
            let digits = &message[from..to];
            let length = std::str::from_utf8(digits)
                .ok()
                .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|text| text.parse::<u32>().ok())
                .ok_or((
                    DataLengthWrong,
                    from - 1 - fields[fields.len() - 1].0.to_string().len(),
                ))?;
            let end = start + length as usize;
            if end >= message.len() || message[end] != 1 {
                return Err((DataLengthWrong, at));
            }
            end
        } else {
            let mut end = start;
            while end < message.len() && message[end] != 1 {
                end += 1;
            }
            if end == message.len() {
                return Err((Unterminated, at));
            }
            end
        };
        if fields.len() == room {
            return Err((TooManyFields, at));
        }
        fields.push((tag, start, end));
        at = end + 1;
    }
    let offset = message.len().saturating_sub(7);
    let &(10, start, end) = fields.last().ok_or((CheckSumMissing, offset))? else {
        return Err((CheckSumMissing, offset));
    };
    if end - start != 3 || !message[start..end].iter().all(u8::is_ascii_digit) {
        return Err((CheckSumMissing, offset));
    }
    let mut sum = 0;
    for &byte in &message[..start - 3] {
        sum = (sum + u32::from(byte)) % 256;
    }
    if message[start..end] != *format!("{sum:03}").as_bytes() {
        return Err((CheckSumWrong, offset));
    }
    Ok(fields)
}

fn indexed(scanner: Scanner, message: &[u8], fields: &mut [Field]) -> Indexed {
    listed(scanner.index(message, fields), fields)
}

pub(super) fn listed(indexed: Result<usize, ScanError>, fields: &[Field]) -> Indexed {
    match indexed {
        Ok(count) => {
            Ok(fields[..count].iter().map(|f| (f.tag, f.start as usize, f.end as usize)).collect())
        }
        Err(ScanError { kind, offset }) => Err((kind, offset as usize)),
    }
}

/// All kernels and the model agree on `message`, which stands at the very end of its allocation.
fn agree(message: &[u8], fields: &mut [Field]) -> Indexed {
    let message: Box<[u8]> = message.into();
    let expected = model(&message, fields.len());
    for scanner in scanners() {
        let got = indexed(scanner, &message, fields);
        assert_eq!(got, expected, "{scanner:?} on {}", message.escape_ascii());
    }
    expected
}

pub(super) fn with_trailer(mut message: Vec<u8>) -> Vec<u8> {
    let sum = message.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    message.extend(format!("10={sum:03}\x01").bytes());
    message
}

pub(super) fn message(body: &str) -> Vec<u8> {
    let body = body.replace('|', "\x01");
    with_trailer(format!("8=FIX.4.4\x019={}\x01{body}", body.len()).into_bytes())
}

fn random_message(rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut out = b"8=FIX.4.4\x019=123\x0135=D\x01".to_vec();
    for _ in 0..rng.usize(0..40) {
        match rng.u8(0..12) {
            0 => {
                let data: Vec<u8> = (0..rng.usize(0..90)).map(|_| rng.u8(0..4)).collect();
                let pairs = DataFields::KRAKEN.pairs();
                let tags = pairs[rng.usize(0..pairs.len())];
                out.extend(format!("{}={}\x01{}=", tags.0, data.len(), tags.1).bytes());
                out.extend(data);
            }
            1 => out.extend(b"1="),
            _ => {
                let digits = rng.u32(1..=9);
                let tag = rng.u32(10u32.pow(digits - 1)..10u32.pow(digits));
                out.extend(tag.to_string().bytes());
                out.push(b'=');
                let length = if rng.u8(0..8) == 0 { 200 } else { 12 };
                out.extend((0..rng.usize(0..length)).map(|_| rng.u8(2..)));
            }
        }
        out.push(1);
    }
    with_trailer(out)
}

fn mutate(rng: &mut fastrand::Rng, message: &mut Vec<u8>) {
    const LIKELY: &[u8] = b"\x01\x01==0159\x00\x02/:\x80\xff";
    for _ in 0..rng.usize(0..3) {
        let at = rng.usize(0..message.len());
        let byte = LIKELY[rng.usize(0..LIKELY.len())];
        match rng.u8(0..5) {
            0 => message[at] = byte,
            1 => message.insert(at, byte),
            2 if message.len() > 1 => drop(message.remove(at)),
            3 if at > 0 => message.truncate(at),
            _ => message[at] ^= 1 << rng.u8(0..8),
        }
    }
}

/// How many messages are generated: thousands, or what `TAUT_CASES` says.
pub(super) fn cases() -> u64 {
    std::env::var("TAUT_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000)
}

#[test]
fn every_kernel_agrees_with_the_model_on_generated_and_mutated_messages() {
    let mut fields = [Field::default(); 64];
    let (mut good, mut bad) = (0, 0);
    for case in 0..cases() {
        // A seed for each, so that one number reproduces a failure.
        let mut rng = fastrand::Rng::with_seed(case);
        let mut message = random_message(&mut rng);
        mutate(&mut rng, &mut message);
        let room = if rng.u8(0..4) == 0 { rng.usize(0..fields.len()) } else { fields.len() };
        match agree(&message, &mut fields[..room]) {
            Ok(_) => good += 1,
            Err(_) => bad += 1,
        }
    }
    assert!(good > cases() / 10 && bad > cases() / 10, "lopsided: {good} good, {bad} bad");
}

#[test]
fn every_kernel_agrees_with_the_model_on_arbitrary_bytes_of_a_field_like_alphabet() {
    let mut fields = [Field::default(); 96];
    for case in 0..cases() {
        let mut rng = fastrand::Rng::with_seed(case);
        let length = rng.usize(0..150);
        let bytes: Vec<u8> = (0..length).map(|_| b"\x01=9561034"[rng.usize(0..9)]).collect();
        let _ = agree(&bytes, &mut fields);
    }
}

#[test]
fn every_kernel_agrees_with_the_model_on_fields_of_field_like_bytes() {
    // Well formed but for one byte in most messages, so that the middle of a message is reached.
    let mut fields = [Field::default(); 128];
    for case in 0..cases() / 2 {
        let mut rng = fastrand::Rng::with_seed(case);
        let mut bytes = Vec::new();
        for _ in 0..rng.usize(1..60) {
            let tags = ["1", "93", "89", "95", "96", "354", "355", "34", "5041", "12345"];
            let tags = tags.map(str::as_bytes);
            bytes.extend(tags[rng.usize(0..tags.len())]);
            bytes.push(b'=');
            bytes.extend((0..rng.usize(0..7)).map(|_| b"=0195"[rng.usize(0..5)]));
            bytes.push(1);
        }
        if rng.bool() {
            let at = rng.usize(0..bytes.len());
            bytes[at] = b"\x01=0195a\x00"[rng.usize(0..8)];
        }
        let _ = agree(&with_trailer(bytes), &mut fields);
    }
}

#[test]
fn every_alignment_and_every_length_gives_the_same_index() {
    for pad in 0..200 {
        let message = message(&format!("35=8|58={}|44=1.5|", "x".repeat(pad)));
        let expected = model(&message, 48).expect("a good message");
        for shift in 0..64 {
            let mut buffer = std::vec![1u8; shift];
            buffer.extend(&message);
            for scanner in scanners() {
                let mut fields = [Field::default(); 48];
                assert_eq!(
                    indexed(scanner, &buffer[shift..], &mut fields).as_ref(),
                    Ok(&expected),
                    "{scanner:?}, pad {pad}, shift {shift}"
                );
            }
        }
    }
}

#[test]
fn every_prefix_of_a_message_is_an_error_and_never_more() {
    let whole = message("35=D|95=5|96=a\x01b\x01c|38=0.01|354=2|355=\x01\x01|44=1000|");
    let mut fields = [Field::default(); 48];
    assert_eq!(agree(&whole, &mut fields).expect("good").len(), 10);
    for length in 0..whole.len() {
        assert!(agree(&whole[..length], &mut fields).is_err(), "prefix of {length}");
    }
}

#[test]
fn a_message_of_a_hundred_kilobytes_is_indexed_whole() {
    let mut body = "35=W|268=6000|".to_string();
    for i in 0..6000 {
        body.push_str(&format!("269={}|270={i}.5|", i & 1));
    }
    let message = message(&body);
    assert!(message.len() > 88_000);
    let mut fields = std::vec![Field::default(); 12_005];
    assert_eq!(agree(&message, &mut fields).expect("good").len(), 12_005);
    assert_eq!(agree(&message, &mut fields[..12_004]).map_err(|e| e.0), Err(TooManyFields));
}

#[test]
fn more_than_sixteen_fields_in_one_block_are_all_found_and_empty_values_are_indexed() {
    for run in 1..100 {
        let message = message(&format!("35=D|{}", "1=|".repeat(run)));
        let mut fields = [Field::default(); 128];
        let found = agree(&message, &mut fields).expect("good");
        assert_eq!(found.len(), run + 4);
        assert!(found[3..run + 3].iter().all(|&(tag, start, end)| tag == 1 && start == end));
    }
}

#[test]
fn a_data_field_may_hold_delimiters_because_its_length_comes_first() {
    let mut fields = [Field::default(); 48];
    for &(length_tag, tag) in DataFields::KRAKEN.pairs() {
        for length in 0..150 {
            let data = "\x01".repeat(length);
            let message = message(&format!("35=B|{length_tag}={length}|{tag}={data}|58=end|"));
            let found = agree(&message, &mut fields).expect("good");
            assert_eq!(found.len(), 7);
            assert_eq!((found[4].0, found[4].2 - found[4].1), (tag, length));
        }
    }
}

#[test]
fn a_data_length_that_lies_or_is_no_number_is_an_error() {
    let mut fields = [Field::default(); 48];
    for body in [
        "35=B|95=2|96=abc|",
        "35=B|95=4|96=abc|",
        "35=B|95=4294967295|96=abc|",
        "35=B|95=99999999999999999999|96=abc|",
        "35=B|95=|96=abc|",
        "35=B|354=-3|355=abc|",
        "35=B|93=2|89=abc|",
    ] {
        let found = agree(&message(body), &mut fields);
        assert_eq!(found.map_err(|e| e.0), Err(DataLengthWrong), "{body}");
    }
}

#[test]
fn a_length_without_its_data_field_does_not_reach_into_another_field() {
    let mut fields = [Field::default(); 48];
    let found = agree(&message("35=B|95=7|58=a|44=1|95=2|355=\x01|"), &mut fields);
    assert_eq!(found.map_err(|e| e.0), Err(TagMalformed));
    let found = agree(&message("35=B|95=7|58=a|44=1|354=x|96=y|"), &mut fields).expect("good");
    assert_eq!(found.len(), 9);
}

#[test]
fn malformed_tags_are_errors_and_say_where() {
    let mut fields = [Field::default(); 48];
    for body in ["=1|", "x=1|", "4x=1|", "|", "0=1|", "044=1|", "1234567890=1|", "-4=1|", "44|"] {
        let message = message(&format!("35=D|{body}"));
        let at = message.len() - 7 - body.len();
        assert_eq!(agree(&message, &mut fields), Err((TagMalformed, at)), "{body}");
    }
    assert!(agree(&message("35=D|123456789=1|"), &mut fields).is_ok());
}

#[test]
fn a_wrong_checksum_is_found_for_every_wrong_value() {
    // FIX session case 3.b
    let good = message("35=0|34=2|");
    let mut fields = [Field::default(); 48];
    let at = good.len() - 4;
    for said in 0..1000 {
        let mut message = good.clone();
        message[at..at + 3].copy_from_slice(format!("{said:03}").as_bytes());
        let expected = message == good;
        let found = agree(&message, &mut fields);
        assert_eq!(found.is_ok(), expected);
        assert!(found.is_ok() || found.map_err(|e| e.0) == Err(CheckSumWrong));
    }
}

#[test]
fn a_trailer_that_is_not_the_last_field_or_not_three_digits_is_missing() {
    // FIX session case 3.e
    let mut fields = [Field::default(); 48];
    for text in
        ["8=FIX.4.4|58=10=123|", "10=1234|", "35=D|10=12|", "10=|", "35=D|110=123|", "10=1x3|"]
    {
        let bytes = text.replace('|', "\x01").into_bytes();
        assert_eq!(agree(&bytes, &mut fields).map_err(|e| e.0), Err(CheckSumMissing), "{text}");
    }
    assert_eq!(agree(b"", &mut fields).map_err(|e| e.0), Err(CheckSumMissing));
    assert_eq!(agree(&message("35=0|"), &mut []).map_err(|e| e.0), Err(TooManyFields));
}

#[test]
fn the_best_level_is_chosen_and_the_portable_one_is_always_there() {
    let levels: Vec<Level> = scanners().map(|scanner| scanner.level()).collect();
    assert_eq!(levels[0], Level::Portable);
    assert_eq!(Scanner::new().level(), levels[levels.len() - 1]);
    #[cfg(target_arch = "x86_64")]
    assert_eq!(
        levels.contains(&Level::Avx2),
        std::is_x86_feature_detected!("avx2")
            && std::is_x86_feature_detected!("bmi1")
            && std::is_x86_feature_detected!("bmi2")
            && std::is_x86_feature_detected!("lzcnt")
            && std::is_x86_feature_detected!("popcnt")
    );
    #[cfg(target_arch = "x86_64")]
    assert_eq!(
        levels.contains(&Level::Avx512),
        levels.contains(&Level::Avx2)
            && std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("avx512vbmi")
            && std::is_x86_feature_detected!("avx512vbmi2")
    );
}

#[test]
fn a_stream_is_scanned_as_framed_and_indexed() {
    let mut framer = crate::frame::Framer::new(4096);
    let mut fields = [Field::default(); 64];
    let good = message("35=0|34=2|");
    let mut garbled = good.clone();
    garbled[20] ^= 1;
    let stream = [&good[..], &garbled, b"noise", &good[..9]].concat();
    for scanner in scanners() {
        let mut at = 0;
        let mut next = || {
            let scanned = scanner.scan(&mut framer, &stream[at..], &mut fields);
            at += match scanned {
                Scanned::Message { len, .. } | Scanned::Garbled { len, .. } => len,
                Scanned::Garbage { skip, .. } => skip,
                Scanned::Incomplete => 0,
            };
            scanned
        };
        assert_eq!(next(), Scanned::Message { len: good.len(), fields: 5 });
        let offset = good.len() as u32 - 7;
        let error = ScanError { kind: CheckSumWrong, offset };
        assert_eq!(next(), Scanned::Garbled { len: good.len(), error });
        assert!(matches!(next(), Scanned::Garbage { skip: 5, .. }));
        assert_eq!(next(), Scanned::Incomplete);
    }
}
