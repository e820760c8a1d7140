//! The generated messages: drafts write captured messages byte for byte, views read them.

mod common;

use common::{bytes_of, message, with};
use taut_codec::encode::{EncodeError, Encoder, Header, HeaderOrder};
use taut_codec::kraken;
use taut_codec::message::{FieldError, GroupError};
use taut_codec::messages::*;
use taut_codec::rules::Options;
use taut_codec::typed::{TimeOfDay, UtcSeconds, Words};
use taut_codec::value::{Decimal, UtcTime, ValueError};
use values::*;

fn time(text: &str) -> UtcTime {
    UtcTime::parse(text.as_bytes()).expect("a timestamp")
}

fn of_day(text: &str) -> TimeOfDay {
    TimeOfDay::parse(text.as_bytes()).expect("a time of day")
}

fn dec(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).expect("a decimal")
}

const CLIENT: HeaderOrder = HeaderOrder::SeqSenderTimeTarget;

/// Writes a message with the header of `text` and checks that it is `text`, and that it passes.
fn writes(text: &str, order: HeaderOrder, body: impl FnOnce(&mut Encoder<'_>)) {
    let golden = bytes_of(text);
    let mut buffer = vec![0; golden.len() + 32];
    with(&golden, |message| {
        let header = Header {
            msg_type: message.msg_type(),
            msg_seq_num: message.msg_seq_num().expect("there"),
            sender: message.require(49).expect("there"),
            target: message.require(56).expect("there"),
            sending_time: message.time(52).expect("there"),
            orig_sending_time: None,
            order,
        };
        let mut encoder = Encoder::begin(&mut buffer, &header);
        body(&mut encoder);
        let range = encoder.finish().expect("room");
        assert_eq!(buffer[range].escape_ascii().to_string(), golden.escape_ascii().to_string());
        assert_eq!(kraken::check(message, Options::default()), Ok(()), "{text}");
    });
}

#[test]
fn drafts_write_what_clients_sent() {
    let logon = logon::Draft {
        encrypt_method: EncryptMethod::None,
        heart_bt_int: 60,
        optional: logon::Optional { reset_seq_num_flag: Some(true), ..Default::default() },
    };
    writes(
        "8=FIX.4.4|9=76|35=A|49=damien|56=KRAKEN-MD|34=1|52=20230707-13:31:03.000|98=0|108=60|141=Y|10=011|",
        HeaderOrder::SenderTargetSeqTime,
        |encoder| logon.write(encoder),
    );
    writes(
        "8=FIX.4.4|9=59|35=5|49=damien|56=KRAKEN-MD|34=10|52=20230707-13:40:01.000|10=229|",
        HeaderOrder::SenderTargetSeqTime,
        |encoder| logout::Draft { optional: logout::Optional::default() }.write(encoder),
    );
    let order = new_order_single::Draft {
        cl_ord_id: b"1688738168",
        order_qty: dec("0.01"),
        ord_type: OrdType::Limit,
        side: Side::Buy,
        symbol: b"BTC/USD",
        time_in_force: TimeInForce::GoodTillCancelled,
        transact_time: time("20230707-13:56:08.277"),
        optional: new_order_single::Optional { price: Some(dec("1000")), ..Default::default() },
    };
    writes(
        "8=FIX.4.4|9=140|35=D|34=2|49=damien|52=20230707-13:56:08.000|56=KRAKEN-TRD|11=1688738168|38=0.01|40=2|\
         44=1000|54=1|55=BTC/USD|59=1|60=20230707-13:56:08.277|10=222|",
        CLIENT,
        |encoder| order.write(encoder),
    );
    let derivatives = new_order_single::Draft {
        cl_ord_id: b"9e58120f-182b-4dce-9609-8ca7cdd174f0",
        order_qty: dec("0.1"),
        symbol: b"PF_ETHUSD",
        transact_time: time("20250303-14:09:32.896"),
        optional: new_order_single::Optional {
            exec_inst: Some(Words::new(b"s")),
            ..order.optional
        },
        ..order
    };
    writes(
        "8=FIX.4.4|9=181|35=D|34=2|49=damien2_DRV|52=20250303-14:09:32.902|56=KRAKEN-DRV-TRD|\
         11=9e58120f-182b-4dce-9609-8ca7cdd174f0|18=s|38=0.1|40=2|44=1000|54=1|55=PF_ETHUSD|59=1|\
         60=20250303-14:09:32.896|10=148|",
        CLIENT,
        |encoder| derivatives.write(encoder),
    );
    let cancel = order_cancel_request::Draft {
        cl_ord_id: b"1688738340",
        side: Side::Buy,
        symbol: b"BTC/USD",
        transact_time: time("20230707-13:59:00.023"),
        optional: order_cancel_request::Optional {
            order_id: Some(b"OKWUQF-YPJM2-DTAJHH"),
            orig_cl_ord_id: None,
        },
    };
    writes(
        "8=FIX.4.4|9=137|35=F|34=5|49=damien|52=20230707-13:59:00.000|56=KRAKEN-TRD|11=1688738340|\
         37=OKWUQF-YPJM2-DTAJHH|54=1|55=BTC/USD|60=20230707-13:59:00.023|10=080|",
        CLIENT,
        |encoder| cancel.write(encoder),
    );
    let amend = order_cancel_replace_request::Draft {
        cl_ord_id: b"1719305825",
        order_id: b"OTHB2F-BNGUH-2CMLPT",
        order_qty: dec("0.2"),
        ord_type: OrdType::Limit,
        orig_cl_ord_id: b"1719305784",
        side: Side::Buy,
        symbol: b"BTC/USD",
        time_in_force: TimeInForce::GoodTillCancelled,
        transact_time: time("20240625-08:57:05.113"),
        optional: order_cancel_replace_request::Optional {
            price: Some(dec("71000")),
            ..Default::default()
        },
    };
    writes(
        "8=FIX.4.4|9=181|35=G|34=3|49=damien_dlt|52=20240625-08:57:05.000|56=KRAKEN-TRD|11=1719305825|\
         37=OTHB2F-BNGUH-2CMLPT|38=0.2|40=2|41=1719305784|44=71000|54=1|55=BTC/USD|59=1|60=20240625-08:57:05.113|10=249|",
        CLIENT,
        |encoder| amend.write(encoder),
    );
    let mass_cancel = order_mass_cancel_request::Draft {
        cl_ord_id: b"1688738376",
        transact_time: time("20230707-13:59:36.422"),
        mass_cancel_request_type: MassCancelRequestType::SessionOneSymbol,
        optional: order_mass_cancel_request::Optional { symbol: Some(b"BTC/USD") },
    };
    writes(
        "8=FIX.4.4|9=115|35=q|34=6|49=damien|52=20230707-13:59:36.000|56=KRAKEN-TRD|11=1688738376|55=BTC/USD|\
         60=20230707-13:59:36.422|530=1|10=193|",
        CLIENT,
        |encoder| mass_cancel.write(encoder),
    );
}

#[test]
fn drafts_write_what_clients_asked_of_market_data() {
    use market_data_request::{Draft, Optional, md_entry_types, related_sym};
    let entry = |md_entry_type| md_entry_types::Draft { md_entry_type };
    let request = Draft {
        md_req_id: b"1",
        subscription_request_type: SubscriptionRequestType::SnapshotAndUpdates,
        market_depth: 0,
        md_entry_types: &[
            entry(MDEntryType::Bid),
            entry(MDEntryType::Offer),
            entry(MDEntryType::Trade),
        ],
        optional: Optional {
            related_sym: &[related_sym::Draft { symbol: b"BTC/USD" }],
            md_update_type: Some(MDUpdateType::Incremental),
            ..Default::default()
        },
    };
    writes(
        "8=FIX.4.4|9=123|35=V|34=3|49=damien|52=20230707-13:42:21.000|56=KRAKEN-MD|146=1|55=BTC/USD|262=1|263=1|\
         264=0|265=1|267=3|269=0|269=1|269=2|10=019|",
        CLIENT,
        |encoder| request.write(encoder),
    );
    let by_order = Draft {
        md_entry_types: &[entry(MDEntryType::Bid), entry(MDEntryType::Offer)],
        optional: Optional {
            related_sym: &[related_sym::Draft { symbol: b"PF_ETHUSD" }],
            aggregated_book: Some(false),
            ..request.optional
        },
        ..request
    };
    writes(
        "8=FIX.4.4|9=133|35=V|34=2|49=damien_DRV|52=20250303-18:00:21.589|56=KRAKEN-DRV-MD|146=1|55=PF_ETHUSD|262=1|\
         263=1|264=0|265=1|266=N|267=2|269=0|269=1|10=108|",
        CLIENT,
        |encoder| by_order.write(encoder),
    );
    let list = instrument_list_request::Draft {
        security_req_id: b"SLS1000002",
        security_list_request_type: SecurityListRequestType::OneSymbol,
        optional: instrument_list_request::Optional {
            symbol: Some(b"BTC/USD"),
            ..Default::default()
        },
    };
    writes(
        "8=FIX.4.4|9=90|35=x|34=3|49=CLIENT|52=20231012-09:54:15.316|56=KRAKEN-MD|55=BTC/USD|320=SLS1000002|559=0|10=026|",
        CLIENT,
        |encoder| list.write(encoder),
    );
    let status = trading_session_status_request::Draft {
        subscription_request_type: SubscriptionRequestType::Snapshot,
        trad_ses_req_id: b"TSS0",
        trading_session_id: b"SESSION",
    };
    writes(
        "8=FIX.4.4|9=85|35=g|34=6|49=damien|52=20230707-13:50:02.000|56=KRAKEN-MD|263=0|335=TSS0|336=SESSION|10=247|",
        CLIENT,
        |encoder| status.write(encoder),
    );
}

#[test]
fn drafts_write_what_the_trading_gateway_sent() {
    let report = execution_report::Draft {
        cl_ord_id: b"1688738168",
        cum_qty: dec("0"),
        exec_id: b"PAM2QZA:2S2P7SDKTJXRO",
        order_id: b"OKWUQF-YPJM2-DTAJHH",
        order_qty: dec("0.01"),
        ord_status: OrdStatus::PendingNew,
        ord_type: OrdType::Limit,
        side: Side::Buy,
        symbol: b"BTC/USD",
        time_in_force: TimeInForce::GoodTillCancelled,
        exec_type: ExecType::PendingNew,
        leaves_qty: dec("0.01"),
        optional: execution_report::Optional {
            avg_px: Some(dec("0")),
            price: Some(dec("1000")),
            text: Some(b"buy 0.01 BTC/USD @ limit 1000"),
            transact_time: Some(time("20230707-13:56:08.695")),
            gross_trade_amt: Some(dec("0")),
            ..Default::default()
        },
    };
    writes(
        "8=FIX.4.4|9=264|35=8|34=2|49=KRAKEN-TRD|52=20230707-13:56:08.717|56=damien|6=0.0|11=1688738168|14=0.0|\
         17=PAM2QZA:2S2P7SDKTJXRO|37=OKWUQF-YPJM2-DTAJHH|38=0.01|39=A|40=2|44=1000.0|54=1|55=BTC/USD|\
         58=buy 0.01 BTC/USD @ limit 1000|59=1|60=20230707-13:56:08.695|150=A|151=0.01|381=0.0|10=126|",
        CLIENT,
        |encoder| report.write(encoder),
    );
    let derivatives = execution_report::Draft {
        cl_ord_id: b"9e58120f-182b-4dce-9609-8ca7cdd174f0",
        exec_id: b"6B2NDTNHRQAAA:KXL5Y42BKAURQ",
        order_id: b"9e58120f-40e0-44dc-beec-6d1b5ea9136c",
        order_qty: dec("0.1"),
        ord_status: OrdStatus::New,
        symbol: b"PF_ETHUSD",
        exec_type: ExecType::New,
        leaves_qty: dec("0.1"),
        optional: execution_report::Optional {
            text: Some(b"buy 0.1 PF_ETHUSD @ limit 1000"),
            transact_time: Some(time("20250303-14:09:33.001")),
            ..report.optional
        },
        ..report
    };
    writes(
        "8=FIX.4.4|9=323|35=8|34=2|49=KRAKEN-DRV-TRD|52=20250303-14:09:33.002|56=damien2_DRV|6=0.0|\
         11=9e58120f-182b-4dce-9609-8ca7cdd174f0|14=0.0|17=6B2NDTNHRQAAA:KXL5Y42BKAURQ|\
         37=9e58120f-40e0-44dc-beec-6d1b5ea9136c|38=0.1|39=0|40=2|44=1000.0|54=1|55=PF_ETHUSD|\
         58=buy 0.1 PF_ETHUSD @ limit 1000|59=1|60=20250303-14:09:33.001|150=0|151=0.1|381=0.0|10=032|",
        CLIENT,
        |encoder| derivatives.write(encoder),
    );
    let refusal = business_message_reject::Draft {
        ref_seq_num: 0,
        ref_msg_type: new_order_single::MSG_TYPE,
        business_reject_ref_id: b"1688738737",
        business_reject_reason: BusinessRejectReason::Other,
        optional: business_message_reject::Optional {
            text: Some(b"1688738737 : EOrder:Insufficient funds"),
        },
    };
    writes(
        "8=FIX.4.4|9=134|35=j|34=16|49=KRAKEN-TRD|52=20230707-14:05:37.805|56=damien|45=0|\
         58=1688738737 : EOrder:Insufficient funds|372=D|379=1688738737|380=0|10=149|",
        CLIENT,
        |encoder| refusal.write(encoder),
    );
    let reject = reject::Draft {
        ref_seq_num: 12,
        optional: reject::Optional {
            text: Some(b"Missing Mandatory Field: Side (54)"),
            ..Default::default()
        },
    };
    writes(
        "8=FIX.4.4|9=104|35=3|34=14|49=KRAKEN-TRD|52=20230707-14:04:24.689|56=damien|45=12|\
         58=Missing Mandatory Field: Side (54)|10=159|",
        CLIENT,
        |encoder| reject.write(encoder),
    );
}

#[test]
fn drafts_write_what_the_market_data_gateway_sent() {
    let snapshot = |side, id: &'static [u8], px, size, at| {
        market_data_snapshot_full_refresh::md_entries::Draft {
            md_entry_type: side,
            md_entry_id: id,
            md_entry_px: dec(px),
            md_entry_size: dec(size),
            md_entry_time: of_day(at),
            optional: Default::default(),
        }
    };
    let full = market_data_snapshot_full_refresh::Draft {
        symbol: b"BTC/USD",
        md_req_id: b"3",
        md_entries: &[
            snapshot(MDEntryType::Offer, b"O30300.0", "30300", "8.44867022", "13:49:07.307"),
            snapshot(MDEntryType::Bid, b"B30299.9", "30299.9", "0.67373926", "13:49:10.179"),
        ],
    };
    writes(
        "8=FIX.4.4|9=208|35=W|34=21|49=KRAKEN-MD|52=20230707-13:49:11.245|56=damien|55=BTC/USD|262=3|268=2|269=1|\
         278=O30300.0|270=30300.0|271=8.44867022|273=13:49:07.307|269=0|278=B30299.9|270=30299.9|271=0.67373926|\
         273=13:49:10.179|10=254|",
        CLIENT,
        |encoder| full.write(encoder),
    );
    let change = |action, side, id: &'static [u8], px, size, at| {
        market_data_incremental_refresh::md_entries::Draft {
            md_update_action: action,
            md_entry_type: side,
            md_entry_id: id,
            md_entry_px: dec(px),
            md_entry_size: dec(size),
            md_entry_time: of_day(at),
            optional: Default::default(),
        }
    };
    let (gone, new) = (MDUpdateAction::Delete, MDUpdateAction::New);
    let changes = market_data_incremental_refresh::Draft {
        symbol: b"BTC/USD",
        md_req_id: b"1",
        md_entries: &[
            change(gone, MDEntryType::Offer, b"O30300.7", "30300.7", "0", "13:42:27.208"),
            change(new, MDEntryType::Offer, b"O31941.0", "31941", "0.0031746", "20:40:00.455"),
        ],
        optional: Default::default(),
    };
    writes(
        "8=FIX.4.4|9=213|35=X|34=100|56=damien|49=KRAKEN-MD|52=20230707-13:42:27.230|55=BTC/USD|262=1|268=2|279=2|\
         269=1|278=O30300.7|270=30300.7|271=0.0|273=13:42:27.208|279=0|269=1|278=O31941.0|270=31941.0|271=0.0031746|\
         273=20:40:00.455|10=112|",
        HeaderOrder::SeqTargetSenderTime,
        |encoder| changes.write(encoder),
    );
    let with_checksum = market_data_incremental_refresh::Draft {
        symbol: b"PF_ETHUSD",
        md_entries: &[change(new, MDEntryType::Bid, b"B2372.7", "2372.7", "0.084", "14:13:24.859")],
        optional: market_data_incremental_refresh::Optional {
            checksum_order_book: Some(3_254_665_545),
        },
        ..changes
    };
    writes(
        "8=FIX.4.4|9=173|35=X|34=33402|49=KRAKEN-DRV-MD|52=20250303-14:13:24.905|56=damien_DRV|55=PF_ETHUSD|262=1|\
         268=1|279=0|269=0|278=B2372.7|270=2372.7|271=0.084|273=14:13:24.859|5041=3254665545|10=121|",
        CLIENT,
        |encoder| with_checksum.write(encoder),
    );
    let refusal = market_data_request_reject::Draft {
        md_req_id: b"1",
        md_req_rej_reason: MDReqRejReason::UnknownSymbol,
        optional: market_data_request_reject::Optional {
            text: Some(b"MarketData subscription failed due to unsupported symbol: TEST/TEST"),
        },
    };
    writes(
        "8=FIX.4.4|9=141|35=Y|34=3|49=KRAKEN-MD|52=20230707-13:47:50.963|56=damien|\
         58=MarketData subscription failed due to unsupported symbol: TEST/TEST|262=1|281=0|10=142|",
        CLIENT,
        |encoder| refusal.write(encoder),
    );
    let pair = instrument_list::related_sym::Draft {
        symbol: b"BTC/USD",
        min_trade_vol: dec("0.00000001"),
        qty_precision: 8,
        qty_min: dec("0.0001"),
        price_precision: 1,
        tick_size: dec("0.1"),
        asset_pair_status: AssetPairStatus::Online,
        optional: Default::default(),
    };
    let list = instrument_list::Draft {
        security_req_id: b"SLS1000002",
        security_response_id: b"1697104455317568799",
        security_request_result: SecurityRequestResult::Valid,
        optional: instrument_list::Optional { related_sym: &[pair], ..Default::default() },
    };
    writes(
        "8=FIX.4.4|9=177|35=y|49=KRAKEN-MD|56=CLIENT|34=3|52=20231012-09:54:15.317|320=SLS1000002|\
         322=1697104455317568799|560=0|146=1|55=BTC/USD|562=0.00000001|5010=8|5011=0.0001|2349=1|5022=0.1|5032=1|10=068|",
        HeaderOrder::SenderTargetSeqTime,
        |encoder| list.write(encoder),
    );
    let status = trading_session_status::Draft {
        trad_ses_req_id: b"TSS0",
        trading_session_id: b"SESSION",
        optional: trading_session_status::Optional {
            trad_ses_status: Some(TradSesStatus::Online),
            ..Default::default()
        },
    };
    writes(
        "8=FIX.4.4|9=85|35=h|34=5|49=KRAKEN-MD|52=20230707-13:50:02.413|56=damien|335=TSS0|336=SESSION|340=2|10=253|",
        CLIENT,
        |encoder| status.write(encoder),
    );
}

#[test]
fn a_view_reads_each_field_as_its_type() {
    let body = "11=1|18=P s|38=0.15|40=2|44=84000|54=2|55=BTC/USD|59=6|60=20260407-14:32:05.000|78=1|79=sub|\
                126=20260408-14:32:05|388=5|";
    with(&message("D", body), |message| {
        let order = new_order_single::View::new(*message);
        assert_eq!(order.cl_ord_id(), Ok(&b"1"[..]));
        assert_eq!(order.order_qty().map(|qty| qty.to_scale(8)), Ok(Ok(15_000_000)));
        assert_eq!(order.ord_type(), Ok(OrdType::Limit));
        assert_eq!(order.side(), Ok(Side::Sell));
        assert_eq!(order.price(), Ok(Some(dec("84000"))));
        assert_eq!(order.stop_px(), Ok(None));
        assert_eq!(order.discretion_inst(), Ok(Some(DiscretionInst::LastTrade)));
        assert_eq!(order.expire_time(), Ok(Some(UtcSeconds(time("20260408-14:32:05")))));
        let instructions = order.exec_inst().expect("good").expect("there");
        assert!(instructions.contains(&ExecInst::PostOnly));
        assert!(!instructions.contains(&ExecInst::ReduceOnly));
        assert_eq!(instructions.iter().count(), 2);
        let mut allocations = order.allocs().expect("a good group");
        assert_eq!(allocations.len(), 1);
        assert_eq!(allocations.next().expect("one").alloc_account(), Ok(&b"sub"[..]));
    });
}

#[test]
fn a_view_names_what_is_missing_and_what_does_not_parse() {
    with(&message("D", "38=x|40=9|44=|78=2|79=a|"), |message| {
        let order = new_order_single::View::new(*message);
        let value = |tag, error| FieldError::Value { tag, error };
        assert_eq!(order.symbol(), Err(FieldError::Missing { tag: 55 }));
        assert_eq!(order.order_qty(), Err(value(38, ValueError::BadByte)));
        assert_eq!(order.ord_type(), Err(value(40, ValueError::Overflow)));
        assert_eq!(order.price(), Err(value(44, ValueError::Empty)));
        assert_eq!(order.allocs().err(), Some(GroupError::CountWrong));
        assert!(!format!("{order:?}").contains("38="));
    });
}

#[test]
fn data_is_written_behind_its_length_and_a_bad_value_ends_in_an_error() {
    let header = Header {
        msg_type: logon::MSG_TYPE,
        msg_seq_num: 1,
        sender: b"A",
        target: b"B",
        sending_time: time("20230707-13:31:03.000"),
        orig_sending_time: None,
        order: CLIENT,
    };
    let mut draft = logon::Draft {
        encrypt_method: EncryptMethod::None,
        heart_bt_int: 30,
        optional: logon::Optional { raw_data: Some(b"a\x01b=c"), ..Default::default() },
    };
    let mut buffer = [0; 256];
    let mut encoder = Encoder::begin(&mut buffer, &header);
    draft.write(&mut encoder);
    let range = encoder.finish().expect("good");
    with(&buffer[range], |message| {
        let logon = logon::View::new(*message);
        assert_eq!(logon.raw_data_length(), Ok(Some(5)));
        assert_eq!(logon.raw_data(), Ok(Some(&b"a\x01b=c"[..])));
        assert_eq!(kraken::check(message, Options::default()), Ok(()));
    });
    draft.optional.username = Some(b"a\x01b");
    let mut encoder = Encoder::begin(&mut buffer, &header);
    draft.write(&mut encoder);
    assert_eq!(encoder.finish(), Err(EncodeError::ControlByte { tag: 553 }));
}
