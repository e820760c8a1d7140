//! One table: the codec beside others from the registry. `taut-rivals [ROUNDS]`.
//!
//! Every method gets the same bytes and does the same work: find the frame, verify BodyLength and CheckSum,
//! visit or index all fields ("index"), and read five of them with types (MsgSeqNum, SendingTime, an integer,
//! two decimals). Rivals read values with our parsers, so that only their way to the fields counts. hotfix
//! checks against a dictionary besides and reads no values here. hffix, if there is one (README.md), is C++ and reads
//! values by itself.

#[cfg(hffix)]
mod hffix;

use std::hint::black_box;

use fefix::prelude::*;
use taut_bench::alternate::{Figures, Method, measure};
use taut_bench::orders::{Kind, orders};
use taut_bench::{Corpus, corpora};
use taut_codec::frame::{Frame, Framer};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Level, Scanned, Scanner};
use taut_codec::value::{Decimal, TimestampCache, UtcTime, parse_u64};

const FIELDS_MAX: usize = 16 * 1024;

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(51);
    println!("| corpus | method | median ns | min | max | ratio |");
    println!("|---|---|---|---|---|---|");
    for corpus in &corpora() {
        let count = if corpus.messages.len() < 100 { 16 } else { 2048 };
        print(&format!("{}, index", corpus.name), &measure(decoding(corpus, None), count, rounds));
        if let Some(tags) = corpus.typed {
            print(corpus.name, &measure(decoding(corpus, Some(tags)), count, rounds));
        }
    }
    print("order_179, encode", &measure(encoding(), 4096, rounds));
}

/// Ratios are to the first method.
fn print(corpus: &str, figures: &[Figures]) {
    for one in figures {
        println!(
            "| {corpus} | {} | {:.0} | {:.0} | {:.0} | {:.2} |",
            one.name,
            one.median(),
            one.min(),
            one.max(),
            one.ratio(&figures[0])
        );
    }
}

/// The five values; what cannot be read shows in the sum.
fn typed<'a>(tags: [u32; 3], get: impl Fn(u32) -> Option<&'a [u8]>) -> u64 {
    let decimal =
        |tag| get(tag).and_then(|text| Decimal::parse(text).ok()).map_or(0, |d| d.mantissa as u64);
    let uint = |tag| get(tag).and_then(|text| parse_u64(text).ok()).unwrap_or(0);
    let time = get(52).and_then(|text| UtcTime::parse(text).ok()).map_or(0, |time| time.0);
    uint(34) ^ time ^ uint(tags[0]) ^ decimal(tags[1]) ^ decimal(tags[2])
}

/// Reads the values of the tags, if there are any to read.
fn decoding(corpus: &Corpus, tags: Option<[u32; 3]>) -> Vec<Method<'_>> {
    let message = move |at: usize| black_box(&corpus.messages[at % corpus.messages.len()][..]);
    let mut methods = Vec::new();
    for level in [Level::Avx512, Level::Avx2, Level::Sse2, Level::Portable] {
        let Some(scanner) = Scanner::with_level(level) else { continue };
        let mut fields = vec![Field::default(); FIELDS_MAX];
        let mut framer = Framer::new(1 << 20);
        methods.push(Method::new(format!("taut {level:?}"), move |at| {
            let bytes = message(at);
            let scanned = scanner.scan(&mut framer, bytes, &mut fields);
            let Scanned::Message { len, fields: count } = scanned else { panic!("{scanned:?}") };
            if let Some(tags) = tags {
                let mut view = Message::new(&bytes[..len], &fields[..count]).cursor();
                black_box((
                    view.uint(34).ok(),
                    view.time(52).ok(),
                    view.uint(tags[0]).ok(),
                    view.decimal(tags[1]).ok(),
                    view.decimal(tags[2]).ok(),
                ));
            }
            black_box(&mut fields);
        }));
    }
    for (name, find) in [
        ("memchr, byte by byte tags", (|byte, bytes| memchr::memchr(byte, bytes)) as Find),
        ("scalar loop", |byte, bytes| bytes.iter().position(|&b| b == byte)),
    ] {
        let mut fields = Vec::with_capacity(FIELDS_MAX);
        methods.push(Method::new(name, move |at| {
            let bytes = message(at);
            split(bytes, find, &mut fields);
            if let Some(tags) = tags {
                let get = |tag| {
                    let field: &(u32, usize, usize) = fields.iter().find(|field| field.0 == tag)?;
                    Some(&bytes[field.1..field.2])
                };
                black_box(typed(tags, get));
            }
            black_box(&mut fields);
        }));
    }
    #[cfg(hffix)]
    if let Some(name) = hffix_agrees(corpus, tags) {
        methods.push(Method::new(name, move |at| match tags {
            None => _ = black_box(hffix::index(message(at)).expect("a good message")),
            Some(tags) => _ = black_box(hffix::five(message(at), tags).expect("a good message")),
        }));
    }
    let mut index = ironfix_tagvalue::FieldIndex::with_capacity(FIELDS_MAX);
    methods.push(Method::new("ironfix-tagvalue 0.5, decode_into", move |at| {
        let mut decoder =
            ironfix_tagvalue::Decoder::new(message(at)).with_checksum_validation(true);
        let decoded = decoder.decode_into(&mut index).expect("a good message");
        if let Some(tags) = tags {
            black_box(typed(tags, |tag| decoded.get_field(tag).map(|field| field.value)));
        }
        black_box(&decoded);
    }));
    let mut decoder = fefix::tagvalue::Decoder::<fefix::tagvalue::Config>::new(Dictionary::fix44());
    if corpus.messages.iter().all(|message| decoder.decode(&message[..]).is_ok()) {
        methods.push(Method::new("fefix 0.7", move |at| {
            let decoded = decoder.decode(message(at)).expect("a good message");
            if let Some(tags) = tags {
                let read = |tag: u32| {
                    let value: Option<&[u8]> = decoded
                        .fields()
                        .find(|field| u32::from(field.0.get()) == tag)
                        .map(|field| field.1);
                    value
                };
                black_box(typed(tags, read));
            }
            black_box(&decoded);
        }));
    }
    let dictionary = rustyfix::Dictionary::fix44().expect("its own dictionary");
    let mut decoder = rustyfix::tagvalue::Decoder::new(dictionary);
    if corpus.messages.iter().all(|message| decoder.decode(&message[..]).is_ok()) {
        methods.push(Method::new("rustyfix 0.7", move |at| {
            let decoded = decoder.decode(message(at)).expect("a good message");
            if let Some(tags) = tags {
                let read = |tag: u32| {
                    let value: Option<&[u8]> =
                        decoded.fields().find(|field| field.0.get() == tag).map(|field| field.1);
                    value
                };
                black_box(typed(tags, read));
            }
            black_box(&decoded);
        }));
    }
    let builder = hotfix_message::MessageBuilder::new(
        hotfix_message::dict::Dictionary::fix44(),
        hotfix_message::message::Config::with_separator(1),
    );
    if let Ok(builder) = builder
        && corpus.messages.len() > 100
        && tags.is_none()
    {
        // It checks a dictionary too, and stops at what that does not know: say how often it went through.
        let valid = |message: &&Vec<u8>| {
            matches!(
                builder.build(message),
                hotfix_message::parsed_message::ParsedMessage::Valid(_)
            )
        };
        let valid = corpus.messages.iter().filter(valid).count();
        let name = format!("hotfix-message 0.4 ({valid} of {} valid)", corpus.messages.len());
        methods.push(Method::new(name, move |at| {
            black_box(builder.build(message(at)));
        }));
    }
    methods
}

/// The name of hffix in the table, if its values are ours, but for the time, which it gives in parts.
#[cfg(hffix)]
fn hffix_agrees(corpus: &Corpus, tags: Option<[u32; 3]>) -> Option<&'static str> {
    for message in &corpus.messages {
        hffix::index(message)?;
        if let Some(tags) = tags {
            let mut reader = taut_bench::read::Reader::new(Scanner::new());
            let (seq, _, id, first, second) = reader.five_by_cursor(message, tags).ok()?;
            let [own_seq, _, own_id, own_first, own_second] = hffix::five(message, tags)?;
            let decimals = [first.mantissa, second.mantissa].map(i64::cast_unsigned);
            assert_eq!((seq, id, decimals), (own_seq, own_id, [own_first, own_second]));
        }
    }
    Some("hffix (C++), its own values")
}

type Find = fn(u8, &[u8]) -> Option<usize>;

/// What one writes first: the same validation, one field after the other.
fn split(bytes: &[u8], find: Find, fields: &mut Vec<(u32, usize, usize)>) {
    fields.clear();
    let Frame::Message { len } = Framer::new(1 << 20).next(bytes) else { panic!("no frame") };
    let mut at = 0;
    while at < len {
        let equals = at + find(b'=', &bytes[at..len]).expect("a good message");
        let end = equals + find(1, &bytes[equals..len]).expect("a good message");
        let tag = bytes[at..equals].iter().fold(0, |tag, &byte| {
            let digit = byte.wrapping_sub(b'0');
            assert!(digit < 10);
            tag * 10 + u32::from(digit)
        });
        fields.push((tag, equals + 1, end));
        at = end + 1;
    }
    let sum = bytes[..len - 7].iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    assert_eq!(parse_u64(&bytes[len - 4..len - 1]), Ok(u64::from(sum)));
}

fn encoding() -> Vec<Method<'static>> {
    let mut methods = encoding_of_ours();
    #[cfg(hffix)]
    {
        let (orders, mut times, mut buffer) = (orders(), TimestampCache::new(), [0; 512]);
        methods.push(Method::new("hffix (C++), our times", move |at| {
            let order = black_box(&orders[at % orders.len()]);
            let time = times.to_fix_millis(order.time).as_bytes();
            black_box(hffix::order(order, 10_000 + at as u64, time, &mut buffer));
            black_box(&mut buffer);
        }));
    }
    methods
}

fn encoding_of_ours() -> Vec<Method<'static>> {
    let (by_template, by_encoder, by_ironfix) = (orders(), orders(), orders());
    let template = Kind::New.template();
    let (mut filled, mut times) = ([0; 512], TimestampCache::new());
    let mut written = [0; 512];
    let mut encoder = ironfix_tagvalue::Encoder::new("FIX.4.4");
    vec![
        Method::new("taut template", move |at| {
            let order = black_box(&by_template[at % by_template.len()]);
            let seq = 10_000 + at as u64;
            black_box(Kind::New.fill(order, &template, seq, &mut times, &mut filled));
            black_box(&mut filled);
        }),
        Method::new("taut encoder", move |at| {
            let order = black_box(&by_encoder[at % by_encoder.len()]);
            black_box(Kind::New.encode(order, 10_000 + at as u64, &mut written));
            black_box(&mut written);
        }),
        Method::new("ironfix-tagvalue 0.5, our decimals", move |at| {
            let order = black_box(&by_ironfix[at % by_ironfix.len()]);
            encoder.clear();
            let time = order.time.to_fix_millis();
            encoder.put_str(35, "D");
            encoder.put_uint(34, 10_000 + at as u64);
            encoder.put_str(49, "CLIENT");
            encoder.put_raw(52, &time);
            encoder.put_str(56, "KRAKEN-TRD");
            encoder.put_uint(11, order.cl_ord_id);
            encoder.put_char(18, 'P');
            encoder.put_raw(38, order.quantity.write(0, &mut [0; 24]));
            encoder.put_char(40, '2');
            encoder.put_raw(44, order.price.write(0, &mut [0; 24]));
            encoder.put_raw(54, &[order.side]);
            encoder.put_str(55, "BTC/USD");
            encoder.put_char(59, '1');
            encoder.put_raw(60, &time);
            black_box(encoder.finish().expect("a good order"));
        }),
    ]
}
