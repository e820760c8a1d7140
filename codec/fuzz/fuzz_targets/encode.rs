//! A template and the plain encoder write the same bytes, and the scanner takes them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_codec::encode::template::Template;
use taut_codec::encode::{Encoder, Header, HeaderOrder};
use taut_codec::frame::Framer;
use taut_codec::scan::{Field, Scanned, Scanner};
use taut_codec::value::{Decimal, TimestampCache, UtcTime};

fuzz_target!(|data: (u64, u64, i64, u8, u8, &[u8])| {
    let (seq, nanos, mantissa, scale, min, text) = data;
    let (now, decimal) = (UtcTime(nanos), Decimal { mantissa, scale });
    let header = Header {
        msg_type: b"D",
        msg_seq_num: seq,
        sender: b"A",
        target: b"B",
        sending_time: now,
        orig_sending_time: None,
        order: HeaderOrder::SeqSenderTimeTarget,
    };
    let (mut plain, mut filled) = ([0; 1024], [0; 1024]);
    let by_encoder = Encoder::begin(&mut plain, &header)
        .decimal(44, decimal, min)
        .bytes(58, text)
        .byte(59, b'1')
        .time(60, now)
        .finish();
    let mut template = Template::<16>::new(b"D");
    template.slot(34).bytes(49, b"A").slot(52).bytes(56, b"B").slot(44).slot(58).bytes(59, b"1");
    let template = template.slot(60).finish().expect("fits");
    let mut times = TimestampCache::new();
    let now = times.to_fix_millis(now);
    let filler = template.fill(&mut filled).uint(seq).time(now).decimal(decimal, min).bytes(text);
    let by_template = filler.time(now).finish();
    match (by_encoder, by_template) {
        (Ok(a), Ok(b)) => {
            assert_eq!(plain[a], filled[b.clone()]);
            let mut fields = [Field::default(); 32];
            let scanned = Scanner::new().scan(&mut Framer::new(4096), &filled[b.clone()], &mut fields);
            assert_eq!(scanned, Scanned::Message { len: b.len(), fields: 12 });
        }
        // A template keeps some bytes of the buffer free.
        (Ok(a), Err(_)) => assert!(a.len() > 900),
        (a, b) => assert_eq!(a.is_err(), b.is_err()),
    }
});
