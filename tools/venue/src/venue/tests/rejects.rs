use taut::types::PairStatus;

use super::harness::*;
use crate::Service;
use crate::gateway::checks::UnknownTags;
use crate::gateway::report::{BusinessTextForm, RejectForm};

const ORDER: &str = "38=1|40=2|44=100|54=1|55=BTC/USD|59=1|60=20260407-14:32:01.000|";

/// 35, 371, 372, 373, 58 of the answer to an order with ClOrdID 7 and this body.
fn field_reject(body: &str) -> String {
    let mut world = World::new();
    let mut peer = world.trader();
    let answers = world.send(&mut peer, &format!("D|{body}"));
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(get(&answers[0], 45), Some("2"));
    assert_eq!(world.venue.open_orders("TAUT"), 0);
    // The session goes on.
    assert_eq!(world.limit(&mut peer, 8, 1, "1", "100").len(), 2);
    values(&answers[0], &[35, 371, 372, 373, 58])
}

#[test]
fn the_gateway_refuses_fields_by_table() {
    let with = |from: &str, to: &str| format!("11=7|{}", ORDER.replace(from, to));
    for (body, expected) in [
        (with("54=1|", ""), "3 54 D 1 Missing mandatory field: Side (54)"),
        (ORDER.to_string(), "3 11 D 1 Missing mandatory field: ClOrdID (11)"),
        (
            with("60=20260407-14:32:01.000|", ""),
            "3 60 D 1 Missing mandatory field: TransactTime (60)",
        ),
        (with("40=2", "40=9"), "3 40 D 5 Invalid value for tag 40: OrderType"),
        (with("54=1", "54=3"), "3 54 D 5 Invalid value for tag 54: Side"),
        (with("59=1", "59=12"), "3 59 D 5 Invalid value for tag 59: TimeInForce"),
        (with("38=1", "18=P x|38=1"), "3 18 D 5 Invalid value for tag 18: ExecInst"),
        (with("38=1", "38="), "3 38 D 4 Tag specified without a value: OrderQty (38)"),
        (with("38=1", "38=1e3"), "3 38 D 6 Incorrect data format for tag 38: OrderQty"),
        (with("44=100", "44=99999999999999999999"), "3 44 D 5 Invalid value for tag 44: Price"),
        (
            with("60=20260407", "60=20261307"),
            "3 60 D 6 Incorrect data format for tag 60: TransactTime",
        ),
        (with("38=1|", "38=1|38=2|"), "3 38 D 13 Tag appears more than once: OrderQty (38)"),
        (
            with("38=1|", "38=1|78=2|79=a|"),
            "3 78 D 16 Incorrect NumInGroup count for repeating group: NoAllocs (78)",
        ),
    ] {
        assert_eq!(field_reject(&body), expected, "{body}");
    }
}

#[test]
fn a_cl_ord_id_has_one_of_two_forms() {
    let form = "a positive number of at most 18 digits or a COMB UUIDv4 is required";
    let reject = |why: &str| format!("3 11 D 5 ClOrdID invalid value ({why})");
    for (id, why) in [
        ("0", form),
        ("-1", form),
        ("abc", form),
        ("1234567890123456789", form),
        ("a17cc3c5-3d20-1abc-8ef0-1234567890ab", "a UUID of version 4 is required"),
        ("a17cc3c5-3d20-4abc-0ef0-1234567890ab", "a UUID of version 4 is required"),
        ("9e58120f-182b-4dce-9609-8ca7cdd174f0", "timestamp is out of date"),
    ] {
        assert_eq!(field_reject(&format!("11={id}|{ORDER}")), reject(why), "{id}");
    }
}

#[test]
fn a_comb_uuid_of_now_is_accepted_once() {
    let mut world = World::new();
    let mut peer = world.trader();
    let bits = u128::from(world.now.0 / 10_000) << 80 | 4 << 76 | 0b10 << 62 | 77;
    let id = taut::types::ClOrdId::uuid(bits).unwrap().to_string();
    let order = format!("D|11={id}|{ORDER}");
    let reports = world.send(&mut peer, &order);
    assert_eq!(values(&reports[1], &[35, 150, 11]), format!("8 0 {id}"));
    assert_eq!(values(&world.send(&mut peer, &order)[0], &[35, 380, 379]), format!("j 0 {id}"));
}

#[test]
fn unknown_tags_are_ignored_or_rejected_by_switch() {
    let order = format!("D|11=7|9999=x|336=y|{ORDER}");
    let mut world = World::new();
    let mut peer = world.trader();
    assert_eq!(world.send(&mut peer, &order).len(), 2);
    let mut config = config();
    config.switches.unknown_tags = UnknownTags::Reject;
    let mut world = World::with(&config);
    let mut peer = world.trader();
    let tags = [35, 371, 373];
    assert_eq!(values(&world.send(&mut peer, &order)[0], &tags), "3 9999 0");
    let other = order.replace("9999=x|", "");
    assert_eq!(values(&world.send(&mut peer, &other)[0], &tags), "3 336 2");
}

#[test]
fn the_captured_forms_of_rejects_are_switches() {
    let mut config = config();
    config.switches.reject_form = RejectForm::Captured;
    config.switches.business_text = BusinessTextForm::Bare;
    let mut world = World::with(&config);
    let mut peer = world.trader();
    let answer = &world.send(&mut peer, &format!("D|11=7|{}", ORDER.replace("54=1|", "")))[0];
    let body = &answer[answer.find("|45=").unwrap()..];
    assert_eq!(body, "|45=2|58=Missing Mandatory Field: Side (54)|");
    let answer =
        &world.send(&mut peer, &format!("D|11=7|{}", ORDER.replace("38=1", "38=1000000")))[0];
    assert_eq!(get(answer, 58), Some("EOrder:Insufficient funds"));
}

/// 35, 58, 372, 379, 380 of the answer to a message.
fn business_reject(message: &str) -> String {
    let mut world = World::new();
    let mut peer = world.trader();
    let answers = world.send(&mut peer, message);
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(get(&answers[0], 45), Some("0"));
    values(&answers[0], &[35, 58, 372, 379, 380])
}

#[test]
fn the_order_entry_service_refuses_what_it_cannot_place() {
    let with = |from: &str, to: &str| format!("D|11=7|{}", ORDER.replace(from, to));
    let time = "60=20260407-14:32:01.000|";
    for (message, expected) in [
        (with("BTC/USD", "TEST/TEST"), "j 7 : EGeneral:Invalid arguments:symbol D 7 2"),
        (with("44=100|", ""), "j 7 : Missing mandatory field: Price (44) D 7 5"),
        (with("40=2", "40=3"), "j 7 : Missing mandatory field: StopPx (99) D 7 5"),
        (with("59=1", "59=6"), "j 7 : Missing mandatory field: ExpireTime (126) D 7 5"),
        (
            with("59=1", "59=6|126=20260407-14:32:01"),
            "j 7 : EGeneral:Invalid arguments:expiretm D 7 0",
        ),
        (
            with("59=1", "59=6|126=20260509-14:32:01"),
            "j 7 : EGeneral:Invalid arguments:expiretm D 7 0",
        ),
        (
            with("59=1", "59=1|168=20270407-14:32:01"),
            "j 7 : EGeneral:Invalid arguments:starttm D 7 0",
        ),
        (with("40=2", "40=3|99=0"), "j 7 : EOrder:Invalid price D 7 0"),
        (with("40=2", "40=3|99=0.05"), "j 7 : EOrder:Tick size check failed D 7 0"),
        (with("59=1", "59=1|1138=0.06"), "j 7 : EGeneral:Invalid arguments:displayvol D 7 0"),
        (with("59=1", "59=1|18=v"), "j 7 : EGeneral:Invalid arguments:oflags D 7 0"),
        (with("59=1", "59=1|18=f q"), "j 7 : EGeneral:Invalid arguments:oflags D 7 0"),
        (with("59=1", "59=1|18=E"), "j 7 : EOrder:Reduce only:Non-PC D 7 0"),
        (with("59=1", "59=1|18=E|5001=1"), "j 7 : EOrder:Reduce only:No position exists D 7 0"),
        (with("38=1|", "38=101|5001=1|"), "j 7 : EOrder:Margin position size exceeded D 7 0"),
        (with("38=1|", "38=1|78=1|79=sub|"), "j 7 : EGeneral:Permission denied D 7 6"),
        (with("59=1", "59=1|62=20260407-14:32:00"), "j 7 : EService:Deadline elapsed D 7 0"),
        (
            with("59=1", "59=1|62=20260407-14:34:00"),
            "j 7 : EGeneral:Invalid arguments:deadline D 7 0",
        ),
        (
            format!("F|11=7|54=1|55=BTC/USD|{time}"),
            "j 7 : Missing mandatory field: OrigClOrdID (41) F 7 5",
        ),
        (format!("F|11=7|41=5|54=1|55=BTC/USD|{time}"), "j 7 : EOrder:Unknown order F 7 101"),
        (
            format!("F|11=7|37=OKWUQF-YPJM2-DTAJHH|54=1|55=BTC/USD|{time}"),
            "j 7 : EOrder:Unknown order F 7 101",
        ),
        (format!("G|11=7|37=X|41=5|{ORDER}"), "j 7 : EOrder:Unknown order G 7 101"),
        (format!("q|11=7|{time}530=1|"), "j 7 : Missing mandatory field: Symbol (55) q 7 5"),
        (format!("q|11=7|{time}530=1|55=NO/NO|"), "j 7 : EGeneral:Invalid arguments:symbol q 7 2"),
        ("H|11=7|37=X|55=BTC/USD|".into(), "j 7 : EOrder:Unknown order H 7 101"),
        ("AB|11=7|".into(), "j 7 : Unsupported message type AB 7 3"),
        ("V|262=1|".into(), "j Unsupported message type V - 3"),
    ] {
        assert_eq!(business_reject(&message), expected, "{message}");
    }
}

#[test]
fn the_engine_refuses_what_breaks_its_rules() {
    let with = |from: &str, to: &str| format!("D|11=7|{}", ORDER.replace(from, to));
    for (message, expected) in [
        (with("38=1", "38=1000000"), "j 7 : EOrder:Insufficient funds D 7 0"),
        (with("54=1", "54=2").replace("38=1", "38=101"), "j 7 : EOrder:Insufficient funds D 7 0"),
        (with("38=1", "38=0.00001"), "j 7 : EOrder:Order minimum not met D 7 0"),
        (with("38=1|40=2|44=100", "38=0.001|40=2|44=1"), "j 7 : EOrder:Cost minimum not met D 7 0"),
        (with("44=100", "44=100.05"), "j 7 : EOrder:Tick size check failed D 7 0"),
        (with("44=100", "44=-5"), "j 7 : EOrder:Invalid price D 7 0"),
        (with("38=1", "38=0.000000001"), "j 7 : EGeneral:Invalid arguments:volume D 7 0"),
        (with("38=1", "38=0"), "j 7 : EGeneral:Invalid arguments:volume D 7 0"),
    ] {
        assert_eq!(business_reject(&message), expected, "{message}");
    }
}

#[test]
fn a_cl_ord_id_is_used_once_and_has_to_increase_across_connections() {
    let mut world = World::new();
    let mut peer = world.trader();
    world.limit(&mut peer, 100, 1, "1", "100");
    let text = "EGeneral:Invalid arguments:ClOrdID is not increasing or already in use";
    for id in [100, 99] {
        let answers = world.limit(&mut peer, id, 1, "1", "100");
        assert_eq!(values(&answers[0], &[35, 58, 380]), format!("j {id} : {text} 0"));
    }
    world.lose(&peer);
    let mut peer = world.trader();
    assert_eq!(get(&world.limit(&mut peer, 100, 1, "1", "100")[0], 35), Some("j"));
    world.lose(&peer);
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, "141=Y|5030=Y|");
    assert_eq!(world.limit(&mut peer, 1, 1, "1", "100").len(), 2, "5030 resets the watermark");
}

#[test]
fn a_market_that_is_not_online_refuses_accordingly() {
    let mut world = World::new();
    let mut peer = world.trader();
    world.limit(&mut peer, 1, 1, "1", "100");
    for (status, expected) in [
        (PairStatus::Maintenance, "EService:Unavailable 4"),
        (PairStatus::CancelOnly, "EService:Market in cancel_only mode 0"),
        (PairStatus::PostOnly, "EService:Market in post_only mode 0"),
    ] {
        assert!(world.venue.set_market_status("BTC/USD", status, world.now));
        let id = 10 + status as u64;
        let answers = world.limit(&mut peer, id, 1, "1", "100");
        assert_eq!(values(&answers[0], &[58, 380]), format!("{id} : {expected}"));
    }
    world.venue.set_market_status("BTC/USD", PairStatus::CancelOnly, world.now);
    let cancel = format!("F|11=50|41=1|54=1|55=BTC/USD|60={}|", world.time());
    assert_eq!(get(&world.send(&mut peer, &cancel)[0], 150), Some("4"));
    assert!(!world.venue.set_market_status("NO/NO", PairStatus::Online, world.now));
}

#[test]
fn a_client_without_permission_trades_nothing() {
    let mut config = config();
    config.clients[0].can_trade = false;
    let mut world = World::with(&config);
    let mut peer = world.trader();
    let answers = world.limit(&mut peer, 1, 1, "1", "100");
    assert_eq!(values(&answers[0], &[35, 58, 380]), "j 1 : EGeneral:Permission denied 6");
}

#[test]
fn only_price_and_quantity_can_be_amended() {
    let mut world = World::new();
    let mut peer = world.trader();
    let id = get(&world.limit(&mut peer, 1, 1, "1", "100")[0], 37).unwrap().to_string();
    for (at, (from, to, field)) in [
        ("54=1", "54=2", "side"),
        ("59=1", "59=3", "timeinforce"),
        ("40=2", "40=1", "ordertype"),
        ("BTC/USD", "ETH/USD", "symbol"),
    ]
    .into_iter()
    .enumerate()
    {
        let new = 10 + at;
        let amend = format!("G|11={new}|37={id}|41=1|{}", ORDER.replace(from, to));
        let answers = world.send(&mut peer, &amend);
        let text = format!("j {new} : EGeneral:Invalid arguments:{field}");
        assert_eq!(values(&answers[0], &[35, 58]), text);
    }
    let wrong_id = format!("G|11=20|37=X|41=1|{ORDER}");
    assert_eq!(get(&world.send(&mut peer, &wrong_id)[0], 380), Some("101"), "37 must match");
}
