//! Every order type and term on the wire: sections 4.1, 4.6 and 6 of the venue file.

use taut::types::PairStatus;
use taut_codec::value::Decimal;

use super::harness::*;
use crate::Service;

/// ExecType, OrdStatus, OrdType, StopPx, TriggerPrice, Text.
const TRIGGER: [u32; 6] = [150, 39, 40, 99, 1102, 58];

fn rows(messages: &[String], tags: &[u32]) -> Vec<String> {
    messages.iter().map(|message| values(message, tags)).collect()
}

/// The tags of a message's body, in order.
fn tags(message: &str) -> Vec<u32> {
    let body = &message[message.find("|6=").unwrap() + 1..];
    body.split_terminator('|').map(|f| f.split_once('=').unwrap().0.parse().unwrap()).collect()
}

struct Market {
    world: World,
    maker: Peer,
    peer: Peer,
    next_id: u64,
}

impl Market {
    fn new() -> Self {
        let mut world = World::new();
        let (maker, peer) = (world.logon("OTHER", Service::SpotTrading), world.trader());
        Self { world, maker, peer, next_id: 100 }
    }

    /// Another client's limit order.
    fn quote(&mut self, side: u8, qty: &str, px: &str) {
        self.next_id += 1;
        self.world.limit(&mut self.maker, self.next_id, side, qty, px);
    }

    /// An order of ours, with the fields that vary.
    fn order(&mut self, terms: &str) -> Vec<String> {
        self.next_id += 1;
        let (id, time) = (self.next_id, self.world.time());
        self.world.send(&mut self.peer, &format!("D|11={id}|{terms}|55=BTC/USD|60={time}|"))
    }

    /// A trade at a price, the peer's buy with the other's offer; its reports are taken.
    fn print(&mut self, px: &str) {
        self.quote(2, "0.01", px);
        let reports = self.order(&format!("38=0.01|40=2|44={px}|54=1|59=3"));
        assert_eq!(get(reports.last().unwrap(), 39), Some("2"), "{reports:?}");
    }
}

#[test]
fn a_stop_loss_is_told_when_it_triggers_and_becomes_a_market_order() {
    let mut market = Market::new();
    market.print("100");
    market.quote(1, "5", "89");
    let reports = market.order("38=1|40=3|54=2|59=1|99=90");
    let text = "sell 1 BTC/USD @ stop loss 90";
    assert_eq!(
        rows(&reports, &TRIGGER),
        [format!("A A 3 90.0 - {text}"), format!("0 0 3 90.0 - {text}")]
    );
    assert_eq!(
        tags(&reports[0]),
        [6, 11, 14, 17, 37, 38, 39, 40, 54, 55, 58, 59, 60, 99, 150, 151, 381]
    );
    // A sale into the bid: the last price falls to 89.
    let reports = market.order("38=0.01|40=2|44=89|54=2|59=3");
    let reports = &reports[3..];
    assert_eq!(rows(reports, &TRIGGER), ["D 0 1 90.0 89.0 -", "F 2 1 90.0 - -"]);
    assert_eq!(
        tags(&reports[0]),
        [6, 11, 14, 17, 37, 38, 39, 40, 54, 55, 59, 60, 99, 150, 151, 381, 1102]
    );
    assert_eq!(
        tags(&reports[1]),
        [
            6, 11, 14, 17, 31, 32, 37, 38, 39, 40, 54, 55, 59, 60, 99, 118, 136, 137, 138, 139,
            150, 151, 381, 527, 1003, 5050
        ]
    );
}

#[test]
fn every_triggered_type_is_described_as_rest_prints_it() {
    let mut market = Market::new();
    market.print("100");
    for (terms, kind, text) in [
        ("40=3|54=1|99=110", "3", "buy 1 BTC/USD @ stop loss 110"),
        ("40=4|44=111.5|54=1|99=110", "4", "buy 1 BTC/USD @ stop loss 110 -> limit 111.5"),
        ("40=R|54=1|99=90", "R", "buy 1 BTC/USD @ take profit 90"),
        ("40=T|44=91|54=1|99=90", "T", "buy 1 BTC/USD @ take profit 90 -> limit 91"),
        ("40=U|54=1|99=20", "U", "buy 1 BTC/USD @ trailing stop +20"),
        ("40=V|44=0|54=1|99=20", "V", "buy 1 BTC/USD @ trailing stop +20 -> limit +0"),
        ("40=V|44=-2.5|54=1|99=20", "V", "buy 1 BTC/USD @ trailing stop +20 -> limit -2.5"),
    ] {
        let reports = market.order(&format!("38=1|59=1|{terms}"));
        assert_eq!(rows(&reports, &[150, 40, 58])[1], format!("0 {kind} {text}"));
    }
    let time = market.world.time();
    let all = market.world.send(&mut market.peer, &format!("q|11=900|60={time}|530=7|"));
    assert_eq!(all.len(), 7, "a mass cancel reaches untriggered orders");
}

#[test]
fn the_index_is_watched_if_asked_for() {
    let mut market = Market::new();
    market.print("100");
    let (now, price) = (market.world.now, |px: i64| Some(Decimal::new(px, 0)));
    assert!(market.world.venue.set_index("BTC/USD", price(100), now));
    assert_eq!(market.order("38=1|40=4|44=90|54=1|59=1|99=110|388=1").len(), 2);
    assert!(market.world.venue.set_index("BTC/USD", price(112), now));
    let reports = market.world.take(market.peer.id);
    assert_eq!(rows(&reports, &TRIGGER), ["D 0 2 110.0 112.0 -"]);
    assert_eq!(get(&reports[0], 44), Some("90.0"));
    assert!(!market.world.venue.set_index("NO/NO", None, now));
    let mut config = config();
    config.instruments[0].index = crate::config::IndexSource::None;
    let mut world = World::with(&config);
    let mut peer = world.trader();
    let time = world.time();
    let order = format!("D|11=7|38=1|40=3|54=1|55=BTC/USD|59=1|60={time}|99=110|388=1|");
    let answer = &world.send(&mut peer, &order)[0];
    assert_eq!(get(answer, 58), Some("7 : EGeneral:Invalid arguments:Index unavailable"));
}

#[test]
fn a_gtd_order_expires_with_the_documented_report() {
    let mut market = Market::new();
    let reports = market.order("38=1|40=2|44=100|54=1|59=6|126=20260407-14:33:00");
    assert_eq!(rows(&reports, &[150, 39, 59]), ["A A 6", "0 0 6"]);
    market.world.pass(58_000);
    let now = market.world.now;
    assert!(market.world.venue.next_deadline() <= now.plus_nanos(1_000_000_000));
    market.world.venue.tick(now);
    assert_eq!(market.world.take(market.peer.id), [""; 0]);
    market.world.pass(1_000);
    let now = market.world.now;
    market.world.venue.tick(now);
    let reports = market.world.take(market.peer.id);
    assert_eq!(rows(&reports, &[150, 39, 151, 58]), ["C C 0.0 GTD order expired"]);
    assert_eq!(market.world.venue.open_orders("TAUT"), 0);
}

#[test]
fn an_effective_time_parts_pending_new_from_new() {
    let mut market = Market::new();
    let reports = market.order("38=1|40=2|44=100|54=1|59=1|168=20260407-14:32:11");
    assert_eq!(rows(&reports, &[150, 39]), ["A A"]);
    let (id, order) = (get(&reports[0], 11).unwrap(), get(&reports[0], 37).unwrap());
    let time = market.world.time();
    let amend =
        format!("G|11=500|37={order}|38=2|40=2|41={id}|44=101|54=1|55=BTC/USD|59=1|60={time}|");
    let reports = market.world.send(&mut market.peer, &amend);
    assert_eq!(rows(&reports, &[150, 39, 11, 41, 151]), [format!("5 E 500 {id} 2.0")]);
    market.world.pass(10_000);
    let now = market.world.now;
    market.world.venue.tick(now);
    let reports = market.world.take(market.peer.id);
    assert_eq!(rows(&reports, &[150, 39, 44]), ["0 0 101.0"]);
}

#[test]
fn an_iceberg_shows_its_display_quantity_in_reports() {
    let mut market = Market::new();
    let reports = market.order("38=15|40=2|44=100|54=1|59=1|1138=1");
    assert_eq!(rows(&reports, &[150, 38, 1138]), ["A 15.0 1.0", "0 15.0 1.0"]);
    assert_eq!(
        tags(&reports[1]),
        [6, 11, 14, 17, 37, 38, 39, 40, 44, 54, 55, 58, 59, 60, 150, 151, 381, 1138]
    );
    market.quote(2, "2.5", "100");
    let fills = market.world.take(market.peer.id);
    assert_eq!(rows(&fills, &[150, 32, 151]), ["F 1.0 14.0", "F 1.0 13.0", "F 0.5 12.5"]);
}

#[test]
fn a_fee_is_cumulative_unless_single_fees_are_asked_for() {
    for (flags, fees) in [("", ["0.26", "0.52"]), ("|18=s", ["0.26", "0.26"])] {
        let mut market = Market::new();
        market.quote(2, "1", "100");
        market.quote(2, "1", "100");
        let reports = market.order(&format!("38=2|40=2|44=100|54=1|59=1{flags}"));
        assert_eq!(rows(&reports[2..], &[137]), fees, "{flags}");
    }
    for (flag, currency) in [("f", "BTC"), ("q", "USD")] {
        let mut market = Market::new();
        market.quote(2, "1", "100");
        let reports = market.order(&format!("18={flag}|38=1|40=2|44=100|54=1|59=1"));
        assert_eq!(get(&reports[2], 138), Some(currency));
    }
}

#[test]
fn a_quantity_in_quote_is_reported_in_quote() {
    let mut market = Market::new();
    market.quote(2, "5", "100");
    let reports = market.order("18=v|38=250|40=1|54=1|59=1");
    assert_eq!(
        rows(&reports, &[150, 38, 14, 151, 32]),
        ["A 250.0 0.0 250.0 -", "0 250.0 0.0 250.0 -", "F 250.0 2.5 0.0 2.5"]
    );
    assert_eq!(get(&reports[0], 58), Some("buy 250 BTC/USD @ market"));
}

#[test]
fn an_order_that_would_open_too_much_margin_is_refused_and_one_that_fits_opens_a_position() {
    let mut market = Market::new();
    market.quote(2, "5", "100");
    let reports = market.order("38=5|40=2|44=100|54=1|59=1|5001=1");
    assert_eq!(rows(&reports, &[150, 39]), ["A A", "0 0", "F 2"]);
    assert_eq!(get(&reports[2], 138), Some("USD"));
    let engine = market.world.venue.engine();
    let id = engine.instrument_id(b"BTC/USD").unwrap();
    let position = engine.position(market.world.venue.account("TAUT").unwrap(), id);
    assert_eq!(position.qty, 500_000_000);
    market.quote(1, "7", "100");
    let reports = market.order("18=E|38=7|40=2|44=100|54=2|59=1|5001=1");
    assert_eq!(
        rows(&reports[2..], &[150, 39, 32, 58]),
        ["F 1 5.0 -", "4 4 - EOrder:Reduce only:Position is closed"]
    );
}

#[test]
fn a_trigger_waits_for_the_market_to_trade_again() {
    let mut market = Market::new();
    market.print("100");
    let now = market.world.now;
    assert!(market.world.venue.set_index("BTC/USD", Some(Decimal::new(100, 0)), now));
    market.order("38=1|40=4|44=90|54=1|59=1|99=110|388=1");
    market.world.venue.set_market_status("BTC/USD", PairStatus::CancelOnly, now);
    assert!(market.world.venue.set_index("BTC/USD", Some(Decimal::new(110, 0)), now));
    assert_eq!(market.world.take(market.peer.id), [""; 0]);
    market.world.venue.set_market_status("BTC/USD", PairStatus::Online, now);
    assert_eq!(rows(&market.world.take(market.peer.id), &[150]), ["D"]);
}

#[test]
fn a_client_without_the_permission_opens_no_position() {
    let mut config = config();
    config.clients[0].can_use_margin = false;
    let mut world = World::with(&config);
    let mut peer = world.trader();
    let time = world.time();
    let order = format!("D|11=7|38=1|40=2|44=90|54=1|55=BTC/USD|59=1|60={time}|5001=1|");
    let answer = &world.send(&mut peer, &order)[0];
    assert_eq!(get(answer, 58), Some("7 : EOrder:Cannot open position"));
}
