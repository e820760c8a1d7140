//! Our bytes for an event equal the captured ones for the same event (venue file 4.10 to 4.13).

use taut::types::{Instrument, Px, Qty, Side};
use taut_codec::encode::{Encoder, Header, HeaderOrder};
use taut_codec::value::UtcTime;

use super::encode::*;
use super::encode_lists::*;
use super::request::RequestId;
use super::shadow::{Action, Change, Published};
use crate::config::InstrumentConfig;

fn rules() -> Instrument {
    InstrumentConfig { cost_min: "0".into(), ..InstrumentConfig::default() }.instrument().unwrap()
}

fn id(text: &str) -> RequestId {
    text.parse().unwrap()
}

fn at(day: &str, time: &str) -> UtcTime {
    UtcTime::parse(format!("{day}-{time}").as_bytes()).unwrap()
}

fn message(
    msg_type: &str,
    number: u64,
    target: &str,
    time: &str,
    order: HeaderOrder,
    body: impl FnOnce(&mut Encoder<'_>),
) -> String {
    let mut buffer = [0; 1024];
    let header = Header {
        msg_type: msg_type.as_bytes(),
        msg_seq_num: number,
        sender: b"KRAKEN-MD",
        target: target.as_bytes(),
        sending_time: UtcTime::parse(time.as_bytes()).unwrap(),
        orig_sending_time: None,
        order,
    };
    let mut encoder = Encoder::begin(&mut buffer, &header);
    body(&mut encoder);
    let range = encoder.finish().unwrap();
    String::from_utf8(buffer[range].to_vec()).unwrap().replace('\x01', "|")
}

const DAY: &str = "20230707";
const NORMAL: HeaderOrder = HeaderOrder::SeqSenderTimeTarget;

#[test]
fn the_captured_snapshot_is_reproduced_byte_for_byte() {
    let level = |px, qty, time| Published { px: Px(px), qty: Qty(qty), at: at(DAY, time) };
    let offers = [level(303_000, 844_867_022, "13:49:07.307")];
    let bids = [level(302_999, 67_373_926, "13:49:10.179")];
    let written = message("W", 21, "damien", "20230707-13:49:11.245", NORMAL, |enc| {
        write_head(enc, &rules(), id("3"));
        write_levels(enc, &rules(), &offers, &bids);
    });
    assert_eq!(
        written,
        "8=FIX.4.4|9=208|35=W|34=21|49=KRAKEN-MD|52=20230707-13:49:11.245|56=damien|55=BTC/USD|\
         262=3|268=2|269=1|278=O30300.0|270=30300.0|271=8.44867022|273=13:49:07.307|269=0|\
         278=B30299.9|270=30299.9|271=0.67373926|273=13:49:10.179|10=254|"
    );
}

fn change(action: Action, side: Side, px: i64, qty: i64, at: UtcTime) -> Change {
    Change { action, side, px: Px(px), qty: Qty(qty), at }
}

#[test]
fn the_captured_incremental_is_reproduced_byte_for_byte() {
    let changes = [
        change(Action::Delete, Side::Sell, 303_007, 0, at(DAY, "13:42:27.208")),
        change(Action::New, Side::Sell, 319_410, 317_460, at(DAY, "20:40:00.455")),
    ];
    let order = HeaderOrder::SeqTargetSenderTime;
    // That capture is older than 5041.
    let written = message("X", 100, "damien", "20230707-13:42:27.230", order, |enc| {
        write_head(enc, &rules(), id("1"));
        write_changes(enc, &rules(), &[], &changes, None);
    });
    assert_eq!(
        written,
        "8=FIX.4.4|9=213|35=X|34=100|56=damien|49=KRAKEN-MD|52=20230707-13:42:27.230|55=BTC/USD|\
         262=1|268=2|279=2|269=1|278=O30300.7|270=30300.7|271=0.0|273=13:42:27.208|279=0|269=1|\
         278=O31941.0|270=31941.0|271=0.0031746|273=20:40:00.455|10=112|"
    );
}

#[test]
fn the_captured_incremental_with_a_checksum_is_reproduced() {
    let time = at("20231012", "09:55:15.071");
    let changes = [change(Action::Update, Side::Sell, 280_130, 96_506, time)];
    let written = message("X", 12, "CLIENT", "20231012-09:55:14.934", NORMAL, |enc| {
        write_head(enc, &rules(), id("0"));
        write_changes(enc, &rules(), &[], &changes, Some(3_341_325_816));
    });
    assert_eq!(
        written,
        "8=FIX.4.4|9=167|35=X|34=12|49=KRAKEN-MD|52=20231012-09:55:14.934|56=CLIENT|55=BTC/USD|\
         262=0|268=1|279=1|269=1|278=O28013.0|270=28013.0|271=0.00096506|273=09:55:15.071|\
         5041=3341325816|10=090|"
    );
}

#[test]
fn the_captured_request_reject_is_reproduced_byte_for_byte() {
    let written = message("Y", 3, "damien", "20230707-13:47:50.963", NORMAL, |enc| {
        write_request_reject(enc, id("1"), b'0', &unsupported_symbol(b"TEST/TEST"));
    });
    assert_eq!(
        written,
        "8=FIX.4.4|9=141|35=Y|34=3|49=KRAKEN-MD|52=20230707-13:47:50.963|56=damien|\
         58=MarketData subscription failed due to unsupported symbol: TEST/TEST|262=1|281=0|10=142|"
    );
}

#[test]
fn the_captured_session_status_is_reproduced_byte_for_byte() {
    let written = message("h", 5, "damien", "20230707-13:50:02.413", NORMAL, |enc| {
        write_session_status(enc, id("TSS0"), id("SESSION"), TradingStatus::Online, None);
    });
    assert_eq!(
        written,
        "8=FIX.4.4|9=85|35=h|34=5|49=KRAKEN-MD|52=20230707-13:50:02.413|56=damien|335=TSS0|\
         336=SESSION|340=2|10=253|"
    );
}

#[test]
fn the_captured_instrument_list_is_reproduced_byte_for_byte() {
    let order = HeaderOrder::SenderTargetSeqTime;
    let written = message("y", 3, "CLIENT", "20231012-09:54:15.317", order, |enc| {
        let (response, result) = (1_697_104_455_317_568_799, ListResult::Valid);
        let head = ListHead { id: id("SLS1000002"), response, result, fragment: None };
        // That capture is older than 5052.
        write_instrument_list(enc, &head, None, false, [&rules()].into_iter());
    });
    assert_eq!(
        written,
        "8=FIX.4.4|9=177|35=y|49=KRAKEN-MD|56=CLIENT|34=3|52=20231012-09:54:15.317|\
         320=SLS1000002|322=1697104455317568799|560=0|146=1|55=BTC/USD|562=0.00000001|5010=8|\
         5011=0.0001|2349=1|5022=0.1|5032=1|10=068|"
    );
}
