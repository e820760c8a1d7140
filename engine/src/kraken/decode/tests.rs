use proptest::prelude::*;
use taut_codec::message::GroupSpec;
use taut_codec::scan::Scanner;
use taut_codec::value::UtcTime;

use super::*;
use crate::event::{BookAction, BookEntry, ExecType, Liquidity, OrdStatus};
use crate::types::{OrdType, Side, TimeInForce};

/// Runs `read` over a message with this type and body, `|` for SOH.
fn with<R>(msg_type: &str, body: &str, read: impl FnOnce(&Message<'_>) -> R) -> R {
    let header = "34=2|49=KRAKEN-TRD|52=20230707-13:56:08.717|56=damien";
    let inner = format!("35={msg_type}|{header}|{body}").replace('|', "\x01");
    let mut bytes = format!("8=FIX.4.4\x019={}\x01{inner}", inner.len()).into_bytes();
    let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
    let mut fields = vec![Field::default(); bytes.len()];
    let count = Scanner::new().index(&bytes, &mut fields).expect("well formed");
    read(&Message::new(&bytes, &fields[..count]))
}

/// BTC/USD with one decimal of price and eight of quantity; ETH/USD is configured but not listed.
fn instruments() -> Instruments {
    let mut instruments =
        Instruments::new(&["ETH/USD", "BTC/USD"].map(|symbol| symbol.parse().expect("a symbol")));
    let list = "320=1|322=2|560=0|146=1|55=BTC/USD|562=0.00000001|5010=8|5011=0.0001|2349=1|5022=0.1|\
                5032=1|";
    with("y", list, |message| instruments.read_list(message, |_, _| ())).expect("a list");
    instruments
}

fn decoded(msg_type: &str, body: &str) -> Vec<EventKind> {
    let mut events = Vec::new();
    let mut instruments = instruments();
    with(msg_type, body, |message| decode(message, &mut instruments, |event| events.push(event)));
    events
}

fn unreadable(msg_type: &str, body: &str) -> u32 {
    match decoded(msg_type, body)[..] {
        [EventKind::Alarm(Alarm::Unreadable { tag, .. })] => tag,
        ref other => panic!("{msg_type} {body}: {other:?}"),
    }
}

const FILL: &str = "6=84000|11=1744036325000000|14=0.001|17=EXEC003:TRD001|31=84000|32=0.001|\
    37=OQNCZM-NVAVC-AVD2LO|38=0.002|39=1|40=2|41=7|44=84000.5|54=1|55=BTC/USD|59=1|\
    60=20260407-14:32:05.122|118=84|136=1|137=0.168|138=USD|139=4|150=F|151=0.001|381=84|1003=T|5050=1|";

#[test]
fn a_fill_is_read_exactly_whatever_the_order_of_its_fields() {
    let mut fields: Vec<_> = FILL.split_inclusive('|').collect();
    for _ in 0..fields.len() {
        // The fee's group is read field by field, so that it may be torn apart.
        fields.rotate_left(1);
        let [EventKind::Report(report)] = decoded("8", &fields.concat())[..] else {
            panic!("no report")
        };
        assert_eq!(report.instrument, InstrumentId(1));
        assert_eq!(report.cl_ord_id.as_numeric(), Some(1_744_036_325_000_000));
        assert_eq!(report.orig_cl_ord_id.and_then(ClOrdId::as_numeric), Some(7));
        assert_eq!(report.order_id.as_bytes(), b"OQNCZM-NVAVC-AVD2LO");
        assert_eq!(report.exec_id.as_bytes(), b"EXEC003:TRD001");
        assert_eq!(report.exec_type, ExecType::Trade);
        assert_eq!(report.ord_status, OrdStatus::PartiallyFilled);
        assert_eq!((report.ord_type, report.time_in_force), (OrdType::Limit, TimeInForce::Gtc));
        assert_eq!((report.side, report.px), (Side::Buy, Some(Px(840_005))));
        assert_eq!(report.order_qty, Qty(200_000));
        assert_eq!((report.cum_qty, report.leaves_qty), (Qty(100_000), Qty(100_000)));
        let fill = report.fill.expect("a fill");
        assert_eq!((fill.px, fill.qty), (Px(840_000), Qty(100_000)));
        assert_eq!(fill.liquidity, Some(Liquidity::Taker));
        let fee = report.fee.map(|(amount, currency)| (amount, currency.as_bytes().to_vec()));
        assert_eq!(fee, Some((Decimal::new(168, 3), b"USD".to_vec())));
        assert_eq!(report.transact_time.to_fix_millis(), *b"20260407-14:32:05.122");
        assert_eq!((report.stop_px, report.trigger_px), (None, None));
        assert_eq!(report.gross, Some(84 * 1_000_000_000));
        assert!(!report.poss_dup);
    }
}

#[test]
fn a_report_that_cannot_be_read_names_the_field() {
    for (from, to, tag) in [
        ("55=BTC/USD|", "", 55),
        ("55=BTC/USD|", "55=TEST/TEST|", 55),
        ("55=BTC/USD|", "55=ETH/USD|", 55),
        ("150=F|", "150=Z|", 150),
        ("11=1744036325000000|", "11=0|", 11),
        ("37=OQNCZM-NVAVC-AVD2LO|", "", 37),
        ("44=84000.5|", "44=84000.55|", 44),
        ("44=84000.5|", "44=x|", 44),
        ("38=0.002|", "38=-0.002|", 38),
        ("40=2|", "40=9|", 40),
        ("40=2|", "", 40),
        ("59=1|", "59=X|", 59),
        ("151=0.001|", "", 151),
        ("31=84000|", "", 31),
        ("32=0.001|", "", 32),
        ("60=20260407-14:32:05.122|", "60=now|", 60),
        ("137=0.168|", "137=1e3|", 137),
    ] {
        assert!(FILL.contains(from));
        assert_eq!(unreadable("8", &FILL.replace(from, to)), tag, "{from} to {to}");
    }
    // What is only asked of a fill is not asked of another report.
    let acknowledged = FILL.replace("150=F|", "150=0|").replace("31=84000|", "");
    assert!(
        matches!(decoded("8", &acknowledged)[..], [EventKind::Report(report)] if report.fill.is_none())
    );
}

#[test]
fn an_unreadable_report_names_its_order_as_far_as_it_can() {
    let named = |body: &str| match decoded("8", body)[..] {
        [EventKind::Alarm(Alarm::Unreadable { cl_ord_id, order_id, .. })] => {
            (cl_ord_id.and_then(ClOrdId::as_numeric), order_id.as_str().to_owned())
        }
        ref other => panic!("{other:?}"),
    };
    let broken = FILL.replace("150=F|", "150=Z|");
    assert_eq!(named(&broken), (Some(1_744_036_325_000_000), "OQNCZM-NVAVC-AVD2LO".into()));
    let nameless =
        broken.replace("11=1744036325000000|", "").replace("37=OQNCZM-NVAVC-AVD2LO|", "");
    assert_eq!(named(&nameless), (None, String::new()));
}

proptest! {
    #[test]
    fn of_a_field_that_stands_twice_the_last_counts_and_all_numbers_are_judged(
        again in prop::collection::vec(
            (
                prop::sample::select(&[11, 37, 17, 41, 58, 138, 44, 38, 60, 55, 6, 97][..]),
                prop::sample::select(&[
                    "7", "x", "", "BTC/USD", "20260407-14:32:05.122", "Y",
                    "more than thirty-six characters, so no OrderID",
                ][..]),
            ),
            0..4,
        ),
        (turn, is_sorted) in (0..40usize, any::<bool>()),
    ) {
        let mut fields: Vec<(u32, &str)> = FILL
            .split_terminator('|')
            .map(|field| field.split_once('=').map(|(tag, value)| (tag.parse().unwrap(), value)).unwrap())
            .chain(again)
            .collect();
        let turn = turn % fields.len();
        fields.rotate_left(turn);
        if is_sorted {
            fields.sort_by_key(|(tag, _)| *tag);
        }
        let body: String = fields.iter().map(|(tag, value)| format!("{tag}={value}|")).collect();
        let events = decoded("8", &body);

        let last = |wanted: u32| fields.iter().rev().find(|(tag, _)| *tag == wanted).map(|(_, value)| value.as_bytes());
        let is_bad = |(tag, value): &&(u32, &str)| match tag {
            31 | 32 | 38 | 14 | 151 | 44 | 137 => Decimal::parse(value.as_bytes()).is_err(),
            60 => UtcTime::parse(value.as_bytes()).is_err(),
            _ => false,
        };
        let ids = [11, 41].map(|tag| last(tag).and_then(|value| ClOrdId::parse(value).ok()));
        let order_id = last(37).and_then(|value| OrderId::new(value).ok());
        let fault = match fields.iter().find(is_bad) {
            Some((tag, _)) => Some(*tag),
            None if last(55) != Some(b"BTC/USD") => Some(55),
            None if ids[0].is_none() => Some(11),
            None if order_id.is_none() => Some(37),
            None => None,
        };
        match (&events[..], fault) {
            ([EventKind::Alarm(Alarm::Unreadable { tag, .. })], Some(fault)) => prop_assert_eq!(*tag, fault),
            ([EventKind::Report(report)], None) => {
                prop_assert_eq!([Some(report.cl_ord_id), report.orig_cl_ord_id], ids);
                prop_assert_eq!(Some(report.order_id), order_id);
                prop_assert_eq!(Some(report.exec_id.as_bytes()), last(17));
                prop_assert_eq!(report.text.as_bytes(), last(58).unwrap_or_default());
                prop_assert_eq!(report.px.is_some_and(|px| px == Px(70)), last(44) == Some(b"7"));
                prop_assert_eq!(report.order_qty == Qty(700_000_000), last(38) == Some(b"7"));
                let currency = report.fee.map(|(_, currency)| currency.as_bytes().to_vec());
                prop_assert_eq!(currency, last(138).filter(|value| value.len() <= 11).map(<[u8]>::to_vec));
                prop_assert_eq!(report.poss_dup, fields.contains(&(97, "Y")));
            }
            (events, fault) => prop_assert!(false, "{body}: {events:?}, not {fault:?}"),
        }
    }
}

#[test]
fn every_order_type_and_the_prices_of_a_trigger_are_read() {
    for (value, ord_type) in [
        ("1", OrdType::Market),
        ("3", OrdType::StopLoss),
        ("4", OrdType::StopLossLimit),
        ("R", OrdType::TakeProfit),
        ("T", OrdType::TakeProfitLimit),
        ("U", OrdType::TrailingStop),
        ("V", OrdType::TrailingStopLimit),
    ] {
        let body = FILL.replace("40=2|", &format!("40={value}|99=83000|1102=82999.9|"));
        let [EventKind::Report(report)] = decoded("8", &body)[..] else { panic!("{value}") };
        assert_eq!(report.ord_type, ord_type);
        assert_eq!((report.stop_px, report.trigger_px), (Some(Px(830_000)), Some(Px(829_999))));
    }
    // A sum that is out of range costs only itself.
    let body = FILL.replace("381=84|", "381=99999999999999999999|");
    assert!(
        matches!(decoded("8", &body)[..], [EventKind::Report(report)] if report.gross.is_none())
    );
}

const DELETE: &str = "279=2|269=1|278=O30300.7|270=30300.7|271=0.0|273=13:42:27.208|";
const NEW: &str = "279=0|269=0|278=B31941.0|270=31941.0|271=0.0031746|273=20:40:00.455|";
const TRADE: &str = "279=0|269=2|278=T1|270=30300.8|271=0.5|273=20:40:00.455|40=1|2446=2|";

fn book(events: &[EventKind]) -> Vec<(Side, BookAction, i64, i64, bool, Option<u32>)> {
    let entry = |event: &EventKind| match event {
        EventKind::Book(BookEntry { side, action, px, qty, last, checksum, .. }) => {
            (*side, *action, px.0, qty.0, *last, *checksum)
        }
        other => panic!("{other:?}"),
    };
    events.iter().map(entry).collect()
}

#[test]
fn the_last_book_entry_of_an_incremental_is_marked_and_has_the_checksum() {
    use BookAction::{Delete, Set};
    let body = format!("55=BTC/USD|262=1|268=3|{DELETE}{NEW}{TRADE}5041=3254665545|");
    let mut events = decoded("X", &body);
    // The entry before the trade is held back until it is known to be the last of the book.
    let trade = events.remove(1);
    assert!(matches!(trade, EventKind::Trade(trade) if trade.aggressor == Some(Side::Sell)));
    assert_eq!(
        book(&events),
        [
            (Side::Sell, Delete, 303_007, 0, false, None),
            (Side::Buy, Set, 319_410, 317_460, true, Some(3_254_665_545)),
        ]
    );
    let trades = decoded("X", &format!("55=BTC/USD|262=1|268=2|{TRADE}{TRADE}"));
    assert!(trades.iter().all(|event| matches!(event, EventKind::Trade(_))) && trades.len() == 2);
}

#[test]
fn a_snapshot_restarts_the_book_and_may_be_empty() {
    use BookAction::{Restart, Set};
    let entries = format!("{DELETE}{NEW}").replace("279=2|", "").replace("279=0|", "");
    assert_eq!(
        book(&decoded("W", &format!("55=BTC/USD|262=3|268=2|{entries}"))),
        [
            (Side::Sell, Restart, 303_007, 0, false, None),
            (Side::Buy, Set, 319_410, 317_460, true, None),
        ]
    );
    let empty = [(Side::Buy, Restart, 0, 0, true, None)];
    assert_eq!(book(&decoded("W", "55=BTC/USD|262=3|268=0|")), empty);
    assert_eq!(book(&decoded("W", "55=BTC/USD|262=3|")), empty);
}

#[test]
fn nothing_of_a_malformed_group_is_applied() {
    let twice = DELETE.replace("270=30300.7|", "270=30300.7|270=30300.7|");
    for (body, tag) in [
        (format!("55=BTC/USD|268=2|{NEW}{twice}"), 268),
        (format!("55=BTC/USD|268=3|{NEW}{DELETE}"), 268),
        (format!("55=BTC/USD|268=1|{NEW}{DELETE}"), 268),
        (format!("55=BTC/USD|268=x|{NEW}"), 268),
        ("55=BTC/USD|268=1|".to_owned(), 268),
        (format!("55=BTC/USD|268=1|{NEW}268=1|{NEW}"), 268),
        (format!("55=TEST|268=1|{NEW}"), 55),
        (format!("55=BTC/USD|268=1|{NEW}5041=-1|"), 5041),
        (
            format!(
                "55=BTC/USD|268={}|{}",
                EVENTS_PER_MESSAGE_MAX + 1,
                NEW.repeat(EVENTS_PER_MESSAGE_MAX + 1)
            ),
            268,
        ),
        (format!("55=BTC/USD|268=1|{}", NEW.replace("270=31941.0|", "")), 270),
        (format!("55=BTC/USD|268=1|{}", NEW.replace("271=0.0031746|", "")), 271),
        (format!("55=BTC/USD|268=1|{}", NEW.replace("269=0", "269=9")), 269),
    ] {
        assert_eq!(unreadable("X", &body), tag, "{}", &body[..body.len().min(200)]);
    }
    // A deletion needs no quantity.
    let body = format!("55=BTC/USD|268=1|{}", DELETE.replace("271=0.0|", ""));
    assert!(matches!(decoded("X", &body)[..], [EventKind::Book(entry)] if entry.qty == Qty(0)));
}

#[test]
fn a_refusal_keeps_what_it_can_read() {
    let text = "58=1688738737 : EOrder:Insufficient funds|";
    let body = format!("45=0|{text}372=D|379=1688738737|380=0|");
    let [EventKind::Refused(refusal)] = decoded("j", &body)[..] else { panic!("no refusal") };
    assert_eq!(refusal.cl_ord_id.and_then(ClOrdId::as_numeric), Some(1_688_738_737));
    assert_eq!((refusal.ref_seq_num, refusal.reason), (0, Some(0)));
    assert_eq!(refusal.text.as_bytes(), &text.as_bytes()[3..text.len() - 1]);
    // As captured: only 45 and 58.
    let [EventKind::Refused(refusal)] = decoded("3", "45=12|58=Missing|")[..] else {
        panic!("no refusal")
    };
    assert_eq!((refusal.layer, refusal.ref_seq_num), (RefusalLayer::Session, 12));
    assert_eq!((refusal.cl_ord_id, refusal.reason), (None, None));
}

/// The group of the market data, for the codec's own reading of groups.
static ENTRIES: GroupSpec = GroupSpec {
    count: tag::NO_MD_ENTRIES,
    first: None,
    members: &[279, 269, 278, 270, 271, 273, 5060, 5273, 40, 2446],
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_group_is_refused_if_and_only_if_the_codec_refuses_it(
        count in 0..5u32,
        tags in prop::collection::vec(
            prop_oneof![Just(279u32), Just(269), Just(270), Just(271), Just(2446), Just(58), Just(268)],
            0..24,
        ),
    ) {
        let fields = tags.iter().map(|tag| format!("{tag}=0|")).collect::<String>();
        let body = format!("55=BTC/USD|268={count}|{fields}");
        let group = with("X", &body, |message| message.group(&ENTRIES).map(|entries| entries.len()));
        let decoded = decoded("X", &body);
        let refused =
            matches!(decoded[..], [EventKind::Alarm(Alarm::Unreadable { tag: 268, .. })]);
        prop_assert_eq!(refused, group.is_err(), "{} {:?}", body, decoded);
    }
}

#[test]
fn the_largest_quantity_of_an_instrument_is_read_where_there_is_one() {
    let list = |more: &str| {
        format!(
            "320=1|322=2|560=0|146=1|55=BTC/USD|562=0.00000001|5010=8|5011=0.0001|{more}2349=1|\
             5022=0.1|5032=1|"
        )
    };
    let mut seen = Vec::new();
    for more in ["5012=12.5|", ""] {
        let mut instruments = instruments();
        with("y", &list(more), |message| {
            instruments.read_list(message, |_, instrument| seen.push(instrument.qty_max))
        })
        .expect("a list");
    }
    assert_eq!(seen, [Some(Qty(1_250_000_000)), None]);
    assert_eq!(unreadable("y", &list("5012=0.000000001|")), 5012, "finer than the precision");
}
