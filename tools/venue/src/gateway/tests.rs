//! Our bytes for an event equal the captured ones for the same event.

use taut::event::{ExecType, Liquidity, OrdStatus};
use taut::types::{ClOrdId, Instrument, OrdType, Px, Qty, Side, TimeInForce};
use taut_codec::encode::{Encoder, Header, HeaderOrder};
use taut_codec::value::UtcTime;

use super::Market;
use super::number::Amount;
use super::report::*;
use crate::config::{InstrumentConfig, VenueConfig};

fn instrument() -> Instrument {
    InstrumentConfig::default().instrument().unwrap()
}

/// A whole message of KRAKEN-TRD to `damien`, `|` for SOH.
fn message(msg_type: &str, number: u64, time: &str, body: impl FnOnce(&mut Encoder<'_>)) -> String {
    between("KRAKEN-TRD", "damien", msg_type, number, time, body)
}

fn between(
    sender: &str,
    target: &str,
    msg_type: &str,
    number: u64,
    time: &str,
    body: impl FnOnce(&mut Encoder<'_>),
) -> String {
    let mut buffer = [0; 1024];
    let header = Header {
        msg_type: msg_type.as_bytes(),
        msg_seq_num: number,
        sender: sender.as_bytes(),
        target: target.as_bytes(),
        sending_time: UtcTime::parse(time.as_bytes()).unwrap(),
        orig_sending_time: None,
        order: HeaderOrder::SeqSenderTimeTarget,
    };
    let mut encoder = Encoder::begin(&mut buffer, &header);
    body(&mut encoder);
    let range = encoder.finish().unwrap();
    String::from_utf8(buffer[range].to_vec()).unwrap().replace('\x01', "|")
}

fn report(instrument: &Instrument) -> ExecutionReport<'_> {
    ExecutionReport {
        instrument,
        cl_ord_id: ClOrdId::numeric(1_688_738_168).unwrap(),
        orig_cl_ord_id: None,
        order_id: "OKWUQF-YPJM2-DTAJHH".parse().unwrap(),
        report_time: UtcTime(1_688_738_168_716_637_396),
        transact_time: UtcTime::parse(b"20230707-13:56:08.695").unwrap(),
        exec_type: ExecType::PendingNew,
        ord_status: OrdStatus::PendingNew,
        side: Side::Buy,
        ord_type: OrdType::Limit,
        stop: None,
        triggered_by: None,
        allocation: None,
        display: None,
        qty_in_quote: false,
        time_in_force: TimeInForce::Gtc,
        qty: Qty(1_000_000),
        price: Px(10_000),
        cum: Qty(0),
        leaves: Qty(1_000_000),
        notional: 0,
        average: true,
        fill: None,
        late_trades: false,
        text: None,
    }
}

#[test]
fn the_captured_execution_report_is_reproduced_byte_for_byte() {
    let written = message("8", 2, "20230707-13:56:08.717", |enc| {
        write_execution_report(enc, &report(&instrument()));
    });
    assert_eq!(
        written,
        "8=FIX.4.4|9=264|35=8|34=2|49=KRAKEN-TRD|52=20230707-13:56:08.717|56=damien|6=0.0|\
         11=1688738168|14=0.0|17=PAM2QZA:2S2P7SDKTJXRO|37=OKWUQF-YPJM2-DTAJHH|38=0.01|39=A|40=2|\
         44=1000.0|54=1|55=BTC/USD|58=buy 0.01 BTC/USD @ limit 1000|59=1|\
         60=20230707-13:56:08.695|150=A|151=0.01|381=0.0|10=126|"
    );
}

#[test]
fn the_captured_report_of_derivatives_is_reproduced_byte_for_byte() {
    let instrument = VenueConfig::default().instruments[3].instrument().unwrap();
    let report = ExecutionReport {
        cl_ord_id: ClOrdId::parse(b"9e58120f-182b-4dce-9609-8ca7cdd174f0").unwrap(),
        order_id: "9e58120f-40e0-44dc-beec-6d1b5ea9136c".parse().unwrap(),
        report_time: UtcTime(1_741_010_973_002_356_565),
        transact_time: UtcTime::parse(b"20250303-14:09:33.001").unwrap(),
        exec_type: ExecType::New,
        ord_status: OrdStatus::New,
        qty: Qty(100),
        leaves: Qty(100),
        average: false,
        ..report(&instrument)
    };
    let time = "20250303-14:09:33.002";
    let written = between("KRAKEN-DRV-TRD", "damien2_DRV", "8", 2, time, |enc| {
        write_execution_report(enc, &report);
    });
    assert_eq!(
        written,
        "8=FIX.4.4|9=323|35=8|34=2|49=KRAKEN-DRV-TRD|52=20250303-14:09:33.002|56=damien2_DRV|6=0.0|\
         11=9e58120f-182b-4dce-9609-8ca7cdd174f0|14=0.0|17=6B2NDTNHRQAAA:KXL5Y42BKAURQ|\
         37=9e58120f-40e0-44dc-beec-6d1b5ea9136c|38=0.1|39=0|40=2|44=1000.0|54=1|55=PF_ETHUSD|\
         58=buy 0.1 PF_ETHUSD @ limit 1000|59=1|60=20250303-14:09:33.001|150=0|151=0.1|381=0.0|10=032|"
    );
}

#[test]
fn the_captured_business_reject_is_reproduced_byte_for_byte() {
    let reject = BusinessReject {
        ref_msg_type: b"D",
        ref_id: b"1688738737",
        reason: 0,
        text: "EOrder:Insufficient funds",
    };
    let written = message("j", 16, "20230707-14:05:37.805", |enc| {
        write_business_reject(enc, &reject, (BusinessTextForm::Captured, Market::Spot));
    });
    assert_eq!(
        written,
        "8=FIX.4.4|9=134|35=j|34=16|49=KRAKEN-TRD|52=20230707-14:05:37.805|56=damien|45=0|\
         58=1688738737 : EOrder:Insufficient funds|372=D|379=1688738737|380=0|10=149|"
    );
}

#[test]
fn the_captured_and_the_documented_reject_are_reproduced() {
    let form = RejectForm::Captured;
    let reject = super::checks::missing(54, Market::Spot, form);
    let written = message("3", 14, "20230707-14:04:24.689", |enc| {
        write_field_reject(enc, 12, b"D", &reject, form);
    });
    assert_eq!(
        written,
        "8=FIX.4.4|9=104|35=3|34=14|49=KRAKEN-TRD|52=20230707-14:04:24.689|56=damien|45=12|\
         58=Missing Mandatory Field: Side (54)|10=159|"
    );
    let form = RejectForm::Documented;
    let reject = super::checks::missing(54, Market::Spot, form);
    let written = message("3", 14, "20260407-14:32:05.122", |enc| {
        write_field_reject(enc, 12, b"D", &reject, form);
    });
    assert!(
        written.contains("|45=12|371=54|372=D|373=1|58=Missing mandatory field: Side (54)|10="),
        "{written}"
    );
}

#[test]
fn a_fill_has_the_documented_fields_in_ascending_order() {
    let instrument = instrument();
    let report = ExecutionReport {
        exec_type: ExecType::Trade,
        ord_status: OrdStatus::Filled,
        orig_cl_ord_id: None,
        cum: Qty(100_000),
        qty: Qty(100_000),
        leaves: Qty(0),
        price: Px(840_000),
        notional: 840_000 * 100_000,
        fill: Some(FillReport {
            px: Px(840_000),
            qty: Qty(100_000),
            liquidity: Liquidity::Taker,
            trade_seq: 5,
            fee: Amount { units: 168, scale: 3 },
            fee_currency: "USD",
            fee_basis: true,
        }),
        ..report(&instrument)
    };
    let written = message("8", 5, "20260407-14:32:05.122", |enc| {
        write_execution_report(enc, &report);
    });
    let body = &written[written.find("|6=").unwrap()..written.find("|10=").unwrap()];
    let tags: Vec<u32> =
        body[1..].split('|').map(|f| f.split_once('=').unwrap().0.parse().unwrap()).collect();
    let fills = [
        6, 11, 14, 17, 31, 32, 37, 38, 39, 40, 44, 54, 55, 59, 60, 118, 136, 137, 138, 139, 891,
        150, 151, 381, 527, 1003, 5050,
    ];
    assert_eq!(tags, fills);
    for field in ["6=84000.0", "31=84000.0", "118=84.0", "137=0.168", "381=84.0", "5050=1"] {
        assert!(body.contains(&format!("|{field}")), "{field} in {body}");
    }
}
