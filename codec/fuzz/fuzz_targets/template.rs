//! Any template, filled by any values, against the plain encoder: the same bytes, or both refuse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_codec::encode::template::Template;
use taut_codec::encode::{Encoder, Header, HeaderOrder};
use taut_codec::value::{Decimal, TimestampCache, UtcTime};

/// Pieces of the template: for each field one, and one for each 32 bytes between two that change.
const PIECES: usize = 128;
/// Longest text: so many of them fit the template and the buffers.
const TEXT_MAX: usize = 64;

fuzz_target!(|data: (u64, u64, Vec<(u16, u8, u64, Vec<u8>)>)| {
    let (seq, nanos, mut fields) = data;
    fields.truncate(24);
    let now = UtcTime(nanos);
    let header = Header {
        msg_type: b"G",
        msg_seq_num: seq,
        sender: b"A",
        target: b"B",
        sending_time: now,
        orig_sending_time: None,
        order: HeaderOrder::SeqSenderTimeTarget,
    };
    let (mut plain, mut filled) = ([0; 8192], [0; 8192]);
    let mut encoder = Encoder::begin(&mut plain, &header);
    let mut template = Template::<PIECES>::new(b"G");
    template.slot(34).bytes(49, b"A").slot(52).bytes(56, b"B");
    for (tag, kind, number, text) in &mut fields {
        text.truncate(TEXT_MAX);
        let tag = u32::from(*tag) + 1;
        match *kind % 5 {
            0 => encoder.uint(tag, *number),
            1 => encoder.decimal(tag, decimal(*number, *kind), *kind & 1),
            2 => encoder.time(tag, UtcTime(*number)),
            _ => encoder.bytes(tag, text),
        };
        if *kind % 5 == 4 { template.bytes(tag, text) } else { template.slot(tag) };
    }
    let by_encoder = encoder.finish();
    let by_template = template.finish().and_then(|template| {
        let mut times = TimestampCache::new();
        let mut filler = template.fill(&mut filled).uint(seq).time(times.to_fix_millis(now));
        for (_, kind, number, text) in &fields {
            filler = match *kind % 5 {
                0 => filler.uint(*number),
                1 => filler.decimal(decimal(*number, *kind), *kind & 1),
                2 => filler.time(times.to_fix_millis(UtcTime(*number))),
                3 => filler.bytes(text),
                _ => filler,
            };
        }
        filler.finish()
    });
    match (by_encoder, by_template) {
        (Ok(a), Ok(b)) => assert_eq!(plain[a], filled[b]),
        // Which field is told may differ: a template tells first what never changes.
        (a, b) => assert!(a.is_err() && b.is_err(), "{a:?} {b:?}"),
    }
});

fn decimal(number: u64, kind: u8) -> Decimal {
    Decimal::new(number.cast_signed(), (kind >> 1) % 19)
}
