//! Every market data capture of the shared file, if it is beside the checkout: read into our types and
//! written again, it has to give the same bytes.

use std::path::Path;

use taut::types::{Instrument, OrderId, Px, Qty, Side};
use taut_codec::encode::{Encoder, Header, HeaderOrder};
use taut_codec::value::{Decimal, UtcTime};

use super::encode::*;
use super::encode_lists::*;
use super::order_shadow::{OrderChange, OrderLevel};
use super::request::RequestId;
use super::shadow::{Action, Change, Published};
use super::switches::MarketDataSwitches;
use super::view::Queued;
use crate::config::InstrumentConfig;
use crate::matching::OrderRef;
use crate::skipped::skipped;

/// (tag, value) of a captured line.
type Fields<'a> = Vec<(u32, &'a str)>;

fn get<'a>(fields: &Fields<'a>, tag: u32) -> Option<&'a str> {
    fields.iter().find(|(one, _)| *one == tag).map(|(_, value)| *value)
}

fn rules(symbol: &str) -> Instrument {
    let mut config = InstrumentConfig {
        symbol: symbol.into(),
        cost_min: "0".into(),
        ..InstrumentConfig::default()
    };
    if symbol == "PF_ETHUSD" {
        config.qty_precision = 3;
        config.qty_step = "0.001".into();
        config.qty_min = "0.001".into();
    }
    config.instrument().unwrap()
}

/// An entry of a group.
struct Entry<'a> {
    action: Option<Action>,
    side: Side,
    id: &'a str,
    px: Px,
    qty: Qty,
    at: UtcTime,
}

fn entries<'a>(fields: &Fields<'a>, rules: &Instrument) -> Vec<Entry<'a>> {
    let start = fields.iter().position(|f| f.0 == 268).unwrap() + 1;
    let first = fields[start].0;
    let mut groups: Vec<Fields<'a>> = Vec::new();
    for &(tag, value) in fields[start..].iter().take_while(|f| f.0 != 5041 && f.0 != 10) {
        if tag == first {
            groups.push(Vec::new());
        }
        groups.last_mut().unwrap().push((tag, value));
    }
    let units =
        |text: &str, scale| Decimal::parse(text.as_bytes()).unwrap().to_scale(scale).unwrap();
    let read = |group: &Fields<'a>| Entry {
        action: get(group, 279).map(|action| match action {
            "0" => Action::New,
            "1" => Action::Update,
            _ => Action::Delete,
        }),
        side: if get(group, 269) == Some("0") { Side::Buy } else { Side::Sell },
        id: get(group, 278).unwrap(),
        px: Px(units(get(group, 270).unwrap(), rules.price_precision)),
        qty: Qty(units(get(group, 271).unwrap(), rules.qty_precision)),
        at: UtcTime::parse(format!("20230101-{}", get(group, 273).unwrap()).as_bytes()).unwrap(),
    };
    groups.iter().map(read).collect()
}

fn write_body(enc: &mut Encoder<'_>, msg_type: &str, fields: &Fields<'_>) {
    let id = |tag| -> RequestId { get(fields, tag).unwrap().parse().unwrap() };
    let rules = rules(get(fields, 55).unwrap_or("BTC/USD"));
    match msg_type {
        "Y" => write_request_reject(
            enc,
            id(262),
            get(fields, 281).unwrap().as_bytes()[0],
            &unsupported_symbol(b"TEST/TEST"),
        ),
        "h" => write_session_status(enc, id(335), id(336), TradingStatus::Online, None),
        "y" => {
            let response = get(fields, 322).unwrap().parse().unwrap();
            let head =
                ListHead { id: id(320), response, result: ListResult::Valid, fragment: None };
            write_instrument_list(enc, &head, None, false, [&rules].into_iter());
        }
        _ => {
            write_head(enc, &rules, id(262));
            write_entries(enc, fields, &rules);
        }
    }
}

fn write_entries(enc: &mut Encoder<'_>, fields: &Fields<'_>, rules: &Instrument) {
    let entries = entries(fields, rules);
    let sum = get(fields, 5041).map(|sum| sum.parse().unwrap());
    let by_order = entries[0].id.len() == 36;
    let queued = |at: usize, e: &Entry<'_>| Queued {
        order: OrderRef::from_bits(at as u64),
        qty: e.qty,
        queued_at: e.at,
        changed_at: e.at,
    };
    // The captures of L3 are older than 5060 and 5273.
    let switches = MarketDataSwitches { l3_timestamps: false, ..MarketDataSwitches::default() };
    let form = OrderForm {
        id: |order: OrderRef| -> OrderId { entries[order.to_bits() as usize].id.parse().unwrap() },
        switches,
    };
    let side = |side| entries.iter().enumerate().filter(move |(_, e)| e.side == side);
    match (by_order, entries[0].action.is_some()) {
        (true, true) => {
            let changes: Vec<OrderChange> = entries
                .iter()
                .enumerate()
                .map(|(at, e)| OrderChange {
                    action: e.action.unwrap(),
                    side: e.side,
                    px: e.px,
                    order: queued(at, e),
                })
                .collect();
            form.write_changes(enc, rules, &changes, sum);
        }
        (true, false) => {
            let levels = |s| {
                side(s)
                    .map(|(at, e)| OrderLevel { px: e.px, orders: vec![queued(at, e)] })
                    .collect::<Vec<_>>()
            };
            form.write_orders(enc, rules, &levels(Side::Sell), &levels(Side::Buy));
        }
        (false, true) => {
            let change = |e: &Entry<'_>| Change {
                action: e.action.unwrap(),
                side: e.side,
                px: e.px,
                qty: e.qty,
                at: e.at,
            };
            let changes: Vec<Change> = entries.iter().map(change).collect();
            write_changes(enc, rules, &[], &changes, sum);
        }
        (false, false) => {
            let levels = |s| {
                side(s)
                    .map(|(_, e)| Published { px: e.px, qty: e.qty, at: e.at })
                    .collect::<Vec<_>>()
            };
            write_levels(enc, rules, &levels(Side::Sell), &levels(Side::Buy));
        }
    }
}

fn write(fields: &Fields<'_>) -> String {
    let field = |tag| get(fields, tag).unwrap();
    let place = |tag| fields.iter().position(|f| f.0 == tag).unwrap();
    let order = match (place(34) < place(49), place(49) < place(56)) {
        (true, true) => HeaderOrder::SeqSenderTimeTarget,
        (true, false) => HeaderOrder::SeqTargetSenderTime,
        (false, _) => HeaderOrder::SenderTargetSeqTime,
    };
    let header = Header {
        msg_type: field(35).as_bytes(),
        msg_seq_num: field(34).parse().unwrap(),
        sender: field(49).as_bytes(),
        target: field(56).as_bytes(),
        sending_time: UtcTime::parse(field(52).as_bytes()).unwrap(),
        orig_sending_time: None,
        order,
    };
    let mut buffer = [0; 8192];
    let mut enc = Encoder::begin(&mut buffer, &header);
    write_body(&mut enc, field(35), fields);
    let range = enc.finish().unwrap();
    String::from_utf8(buffer[range].to_vec()).unwrap().replace('\x01', "|")
}

#[test]
fn every_market_data_capture_is_reproduced_byte_for_byte() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/venue/golden-captures.txt");
    let Ok(text) = std::fs::read_to_string(&path) else {
        skipped(format_args!("{} is absent", path.display()));
        return;
    };
    let (mut exact, mut cut) = (0, 0);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let captured = line.rsplit(" | ").next().unwrap();
        let fields: Fields<'_> = captured
            .split('|')
            .filter_map(|field| field.split_once('='))
            .map(|(tag, value)| (tag.parse().unwrap(), value))
            .collect();
        if !matches!(get(&fields, 35), Some("W" | "X" | "Y" | "y" | "h")) {
            continue;
        }
        let written = write(&fields);
        if line.contains("BYTE-EXACT") {
            assert_eq!(written, captured);
            exact += 1;
        } else {
            // The page cut it: count and length are those of the whole, the entries are there.
            let body = |text: &str| {
                let (_, rest) = text.split_once("|269=").unwrap();
                rest[..rest.rfind("|10=").unwrap()].to_owned()
            };
            assert_eq!(body(&written), body(captured));
            cut += 1;
        }
    }
    assert_eq!((exact, cut), (9, 1), "all of the captures");
}
