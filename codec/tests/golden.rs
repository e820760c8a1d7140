//! Messages that Kraken's gateway sent or took, and messages of the venue file whose BodyLength and
//! CheckSum are exact: each is framed, indexed, read with types and written again byte for byte.

mod common;

use std::path::Path;

use common::skipped;
use taut_codec::encode::{Encoder, Header, HeaderOrder};
use taut_codec::frame::{Frame, Framer};
use taut_codec::message::{GroupSpec, Message};
use taut_codec::scan::{Field, Level, Scanner};
use taut_codec::value::UtcTime;

const MESSAGES: &[&str] = &[
    // Logon of a market data session: no credentials, sequence number behind the CompIDs.
    "8=FIX.4.4|9=76|35=A|49=damien|56=KRAKEN-MD|34=1|52=20230707-13:31:03.000|98=0|108=60|141=Y|10=011|",
    "8=FIX.4.4|9=59|35=5|49=damien|56=KRAKEN-MD|34=10|52=20230707-13:40:01.000|10=229|",
    "8=FIX.4.4|9=140|35=D|34=2|49=damien|52=20230707-13:56:08.000|56=KRAKEN-TRD|11=1688738168|38=0.01|40=2|\
     44=1000|54=1|55=BTC/USD|59=1|60=20230707-13:56:08.277|10=222|",
    "8=FIX.4.4|9=137|35=F|34=5|49=damien|52=20230707-13:59:00.000|56=KRAKEN-TRD|11=1688738340|\
     37=OKWUQF-YPJM2-DTAJHH|54=1|55=BTC/USD|60=20230707-13:59:00.023|10=080|",
    "8=FIX.4.4|9=181|35=G|34=3|49=damien_dlt|52=20240625-08:57:05.000|56=KRAKEN-TRD|11=1719305825|\
     37=OTHB2F-BNGUH-2CMLPT|38=0.2|40=2|41=1719305784|44=71000|54=1|55=BTC/USD|59=1|60=20240625-08:57:05.113|10=249|",
    "8=FIX.4.4|9=115|35=q|34=6|49=damien|52=20230707-13:59:36.000|56=KRAKEN-TRD|11=1688738376|55=BTC/USD|\
     60=20230707-13:59:36.422|530=1|10=193|",
    "8=FIX.4.4|9=123|35=V|34=3|49=damien|52=20230707-13:42:21.000|56=KRAKEN-MD|146=1|55=BTC/USD|262=1|263=1|\
     264=0|265=1|267=3|269=0|269=1|269=2|10=019|",
    "8=FIX.4.4|9=90|35=x|34=3|49=CLIENT|52=20231012-09:54:15.316|56=KRAKEN-MD|55=BTC/USD|320=SLS1000002|559=0|10=026|",
    "8=FIX.4.4|9=85|35=g|34=6|49=damien|52=20230707-13:50:02.000|56=KRAKEN-MD|263=0|335=TSS0|336=SESSION|10=247|",
    // A report: Kraken's floats have at least one decimal.
    "8=FIX.4.4|9=264|35=8|34=2|49=KRAKEN-TRD|52=20230707-13:56:08.717|56=damien|6=0.0|11=1688738168|14=0.0|\
     17=PAM2QZA:2S2P7SDKTJXRO|37=OKWUQF-YPJM2-DTAJHH|38=0.01|39=A|40=2|44=1000.0|54=1|55=BTC/USD|\
     58=buy 0.01 BTC/USD @ limit 1000|59=1|60=20230707-13:56:08.695|150=A|151=0.01|381=0.0|10=126|",
    "8=FIX.4.4|9=134|35=j|34=16|49=KRAKEN-TRD|52=20230707-14:05:37.805|56=damien|45=0|\
     58=1688738737 : EOrder:Insufficient funds|372=D|379=1688738737|380=0|10=149|",
    "8=FIX.4.4|9=104|35=3|34=14|49=KRAKEN-TRD|52=20230707-14:04:24.689|56=damien|45=12|\
     58=Missing Mandatory Field: Side (54)|10=159|",
    "8=FIX.4.4|9=208|35=W|34=21|49=KRAKEN-MD|52=20230707-13:49:11.245|56=damien|55=BTC/USD|262=3|268=2|269=1|\
     278=O30300.0|270=30300.0|271=8.44867022|273=13:49:07.307|269=0|278=B30299.9|270=30299.9|271=0.67373926|\
     273=13:49:10.179|10=254|",
    // The spot incremental names the target before the sender; the derivatives one does not.
    "8=FIX.4.4|9=213|35=X|34=100|56=damien|49=KRAKEN-MD|52=20230707-13:42:27.230|55=BTC/USD|262=1|268=2|279=2|\
     269=1|278=O30300.7|270=30300.7|271=0.0|273=13:42:27.208|279=0|269=1|278=O31941.0|270=31941.0|271=0.0031746|\
     273=20:40:00.455|10=112|",
    "8=FIX.4.4|9=173|35=X|34=33402|49=KRAKEN-DRV-MD|52=20250303-14:13:24.905|56=damien_DRV|55=PF_ETHUSD|262=1|\
     268=1|279=0|269=0|278=B2372.7|270=2372.7|271=0.084|273=14:13:24.859|5041=3254665545|10=121|",
    "8=FIX.4.4|9=177|35=y|49=KRAKEN-MD|56=CLIENT|34=3|52=20231012-09:54:15.317|320=SLS1000002|\
     322=1697104455317568799|560=0|146=1|55=BTC/USD|562=0.00000001|5010=8|5011=0.0001|2349=1|5022=0.1|5032=1|10=068|",
    "8=FIX.4.4|9=85|35=h|34=5|49=KRAKEN-MD|52=20230707-13:50:02.413|56=damien|335=TSS0|336=SESSION|340=2|10=253|",
];

static MD_ENTRIES: GroupSpec =
    GroupSpec { count: 268, first: None, members: &[269, 270, 271, 273, 278, 279] };
static MD_ENTRY_TYPES: GroupSpec = GroupSpec { count: 267, first: Some(269), members: &[269] };
static SYMBOLS: GroupSpec = GroupSpec {
    count: 146,
    first: Some(55),
    members: &[55, 562, 5010, 5011, 5012, 5013, 2349, 5022, 5032],
};

fn bytes_of(text: &str) -> Vec<u8> {
    text.replace('|', "\x01").into_bytes()
}

/// Frames and indexes with every kernel, and hands the view to `check`.
fn read<R>(bytes: &[u8], check: impl FnOnce(Message<'_>) -> R) -> R {
    assert_eq!(Framer::new(1 << 20).next(bytes), Frame::Message { len: bytes.len() });
    let mut fields = vec![Field::default(); 1024];
    let mut first = None;
    for scanner in Level::ALL.into_iter().filter_map(Scanner::with_level) {
        let count = scanner.index(bytes, &mut fields).expect("a captured message");
        let index = fields[..count].to_vec();
        assert_eq!(*first.get_or_insert(index.clone()), index);
    }
    check(Message::new(bytes, &first.expect("there is a portable kernel")))
}

/// Reads every field as its type and writes it again.
fn rewritten(message: Message<'_>) -> Vec<u8> {
    let tags: Vec<u32> = message.fields().iter().map(|f| f.tag).collect();
    let order = match tags[3..7] {
        [34, 49, 52, 56] => HeaderOrder::SeqSenderTimeTarget,
        [49, 56, 34, 52] => HeaderOrder::SenderTargetSeqTime,
        [34, 56, 49, 52] => HeaderOrder::SeqTargetSenderTime,
        ref other => panic!("header order {other:?}"),
    };
    let sender = message.require(49).expect("SenderCompID");
    let header = Header {
        msg_type: message.msg_type(),
        msg_seq_num: message.msg_seq_num().expect("MsgSeqNum"),
        sender,
        target: message.require(56).expect("TargetCompID"),
        sending_time: message.time(52).expect("SendingTime"),
        orig_sending_time: None,
        order,
    };
    let decimals_min = u8::from(sender.starts_with(b"KRAKEN"));
    let mut buffer = vec![0; message.bytes().len() + 32];
    let mut encoder = Encoder::begin(&mut buffer, &header);
    for field in &message.fields()[7..tags.len() - 1] {
        let (tag, one) = (field.tag, std::slice::from_ref(field));
        // A view of this field alone: the tag may stand in other entries of a group too.
        let view = Message::new(message.bytes(), one);
        match tag {
            6 | 14 | 38 | 44 | 151 | 270 | 271 | 381 | 562 | 5011 | 5022 => {
                encoder.decimal(tag, view.decimal(tag).expect("a decimal"), decimals_min)
            }
            7 | 16 | 36 | 45 | 108 | 146 | 264 | 267 | 268 | 322 | 380 | 2349 | 5010 | 5041 => {
                encoder.uint(tag, view.uint(tag).expect("an integer"))
            }
            60 => encoder.time(tag, view.time(tag).expect("a time")),
            273 => {
                let text = [b"20230707-", message.value(field)].concat();
                let time = UtcTime::parse(&text).expect("a time of day");
                encoder.bytes(tag, &time.to_fix_time_only())
            }
            _ => encoder.bytes(tag, message.value(field)),
        };
    }
    let range = encoder.finish().expect("room");
    buffer[range].to_vec()
}

fn check(bytes: &[u8]) {
    read(bytes, |message| {
        let tags: Vec<u32> = message.fields().iter().map(|f| f.tag).collect();
        assert_eq!((&tags[..3], tags[tags.len() - 1]), (&[8, 9, 35][..], 10));
        let groups = [&MD_ENTRIES, &MD_ENTRY_TYPES, &SYMBOLS];
        for spec in groups {
            message.group(spec).expect("a good group");
        }
        assert_eq!(message.duplicate_tag(&groups), None);
        assert_eq!(rewritten(message).escape_ascii().to_string(), bytes.escape_ascii().to_string());
    });
}

#[test]
fn every_golden_message_is_read_and_written_again_byte_for_byte() {
    MESSAGES.iter().for_each(|text| check(&bytes_of(text)));
}

#[test]
fn every_byte_exact_capture_beside_the_repository_is_read_and_written_again() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/venue/golden-captures.txt");
    let Ok(text) = std::fs::read_to_string(&path) else {
        skipped(format_args!("there is no {}", path.display()));
        return;
    };
    let exact = text.lines().filter_map(|line| line.split_once("| BYTE-EXACT | "));
    let count = exact.map(|(_, message)| check(&bytes_of(message))).count();
    assert!(count >= 20, "{count} captures");
}

#[test]
fn the_entries_of_captured_groups_are_what_the_gateway_sent() {
    let incremental = MESSAGES.iter().find(|text| text.contains("|34=100|")).expect("there");
    read(&bytes_of(incremental), |message| {
        let entries: Vec<_> = message.group(&MD_ENTRIES).expect("good").collect();
        assert_eq!(entries.len(), 2);
        assert_eq!(
            (entries[0].get(279), entries[0].get(278)),
            (Some(&b"2"[..]), Some(&b"O30300.7"[..]))
        );
        let size = entries[1].decimal(271).expect("a size");
        assert_eq!(size.to_scale(8), Ok(317_460));
    });
    let request = MESSAGES.iter().find(|text| text.contains("|35=V|")).expect("there");
    read(&bytes_of(request), |message| {
        let types = message.group(&MD_ENTRY_TYPES).expect("good").map(|e| e.uint(269));
        assert_eq!(types.collect::<Vec<_>>(), [Ok(0), Ok(1), Ok(2)]);
    });
    let list = MESSAGES.iter().find(|text| text.contains("|35=y|")).expect("there");
    read(&bytes_of(list), |message| {
        let pair = message.group(&SYMBOLS).expect("good").next().expect("one");
        assert_eq!((pair.get(55), pair.uint(5010)), (Some(&b"BTC/USD"[..]), Ok(8)));
    });
}

#[test]
fn a_golden_stream_in_one_buffer_and_in_small_pieces_gives_the_same_messages() {
    let all: Vec<Vec<u8>> = MESSAGES.iter().map(|text| bytes_of(text)).collect();
    for size in [1, 7, 64, 1448, usize::MAX] {
        let stream = all.concat();
        let (mut buffer, mut found) = (Vec::new(), Vec::new());
        for piece in stream.chunks(size.min(stream.len())) {
            buffer.extend_from_slice(piece);
            while let Frame::Message { len } = Framer::new(4096).next(&buffer) {
                found.push(buffer.drain(..len).collect::<Vec<u8>>());
            }
        }
        assert_eq!(found, all);
    }
}
