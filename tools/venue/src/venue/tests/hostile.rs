use proptest::prelude::*;

use super::harness::*;
use super::market_data::subscribe;
use crate::liquidity::SyntheticMarket;
use crate::{LiquiditySource, Service};

#[test]
fn garbage_before_and_between_messages_is_rejected_and_skipped() {
    let mut world = World::new();
    let mut peer = world.trader();
    let mut bytes = b"\x00\xffhello 8=FI 10=000\x01".to_vec();
    bytes.extend(world.message(&mut peer, "1|112=one|"));
    bytes.extend(b"8=FIX.4.4\x019=5\x0135=0\x0110=0\x01rubbish");
    bytes.extend(world.message(&mut peer, "1|112=two|"));
    world.venue.received(peer.id, &bytes, world.now);
    let answers = world.take(peer.id);
    let echoed: Vec<_> = answers.iter().map(|answer| values(answer, &[35, 112])).collect();
    assert_eq!(echoed, ["3 -", "0 one", "3 -", "0 two"]);
}

#[test]
fn a_message_with_a_wrong_checksum_is_rejected_disregarded_and_asked_for_again() {
    let mut world = World::new();
    let mut peer = world.trader();
    let mut bad = world.message(&mut peer, "1|112=x|");
    let at = bad.len() - 2;
    bad[at] = if bad[at] == b'0' { b'1' } else { b'0' };
    world.venue.received(peer.id, &bad, world.now);
    let answers = world.take(peer.id);
    assert_eq!(answers.len(), 1);
    assert_eq!(values(&answers[0], &[35, 45, 371, 372, 373]), "3 2 10 1 99");
    let answers = world.send(&mut peer, "1|112=y|");
    assert_eq!(values(&answers[0], &[35, 7, 16]), "2 2 0");
}

#[test]
fn a_message_may_arrive_byte_by_byte() {
    let mut world = World::new();
    let mut peer = world.trader();
    let bytes = world.message(&mut peer, "1|112=x|");
    for byte in &bytes {
        assert!(world.take(peer.id).is_empty());
        world.venue.received(peer.id, &[*byte], world.now);
    }
    assert_eq!(get(&world.take(peer.id)[0], 112), Some("x"));
}

#[test]
fn endless_garbage_ends_the_connection_but_not_the_venue() {
    let mut world = World::new();
    let stranger = world.venue.connected(Service::SpotTrading, world.now);
    let known = world.trader();
    for _ in 0..100 {
        world.venue.received(stranger, &[0xff; 1024], world.now);
        world.venue.received(known.id, &[0xff; 1024], world.now);
    }
    assert!(world.venue.should_close(stranger));
    assert!(world.venue.should_close(known.id));
    world.lose(&known);
    let mut other = world.logon("OTHER", Service::SpotTrading);
    assert_eq!(world.limit(&mut other, 1, 1, "1", "100").len(), 2);
}

#[test]
fn garbage_before_the_logon_closes_the_connection_at_once() {
    let mut world = World::new();
    let logon = fix(&world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|"));
    let mut damaged = logon.clone();
    let at = damaged.len() - 2;
    damaged[at] = if damaged[at] == b'0' { b'1' } else { b'0' };
    for garbage in [b"\r\n".to_vec(), b"GET / HTTP/1.1\r\n\r\n".to_vec(), damaged] {
        let id = world.venue.connected(Service::SpotTrading, world.now);
        world.venue.received(id, &[&garbage[..], &logon[..]].concat(), world.now);
        assert!(world.venue.should_close(id) && world.take(id).is_empty(), "{garbage:?}");
        world.venue.disconnected(id, world.now);
    }
    let id = world.venue.connected(Service::SpotTrading, world.now);
    world.venue.received(id, &logon, world.now);
    assert_eq!(get(&world.take(id)[0], 35), Some("A"), "nothing of it was used up");
}

#[test]
fn a_foreign_comp_id_within_the_session_ends_it() {
    let mut world = World::new();
    let mut peer = world.trader();
    peer.sender = "OTHER";
    let answers = world.send(&mut peer, "1|112=x|");
    let types: Vec<_> = answers.iter().map(|answer| values(answer, &[35, 373])).collect();
    assert_eq!(types, ["3 9", "5 -"]);
}

#[test]
fn a_possible_duplicate_of_an_order_is_not_an_order() {
    let mut world = World::new();
    let mut peer = world.trader();
    world.limit(&mut peer, 1, 1, "1", "100");
    peer.next_out = 2;
    let time = world.time();
    let copy = format!("D|43=Y|122={time}|11=2|38=1|40=2|44=100|54=1|55=BTC/USD|59=1|60={time}|");
    assert!(world.send(&mut peer, &copy).is_empty());
    assert_eq!(world.venue.open_orders("TAUT"), 1);
}

#[test]
fn orders_behind_a_gap_wait_until_it_is_filled() {
    let mut world = World::new();
    let mut peer = world.trader();
    peer.next_out = 5;
    let answers = world.limit(&mut peer, 1, 1, "1", "100");
    assert_eq!(values(&answers[0], &[35, 7, 16]), "2 2 0");
    assert_eq!(world.venue.open_orders("TAUT"), 0);
    peer.next_out = 2;
    let time = world.time();
    world.send(&mut peer, &format!("4|43=Y|122={time}|123=Y|36=6|"));
    peer.next_out = 6;
    assert_eq!(world.limit(&mut peer, 1, 1, "1", "100").len(), 2);
}

#[test]
fn an_unknown_connection_is_harmless() {
    let mut world = World::new();
    let gone = world.venue.connected(Service::SpotTrading, world.now);
    world.venue.disconnected(gone, world.now);
    world.venue.received(gone, &fix("35=A|"), world.now);
    world.venue.disconnected(gone, world.now);
    world.venue.drop_connection(gone);
    assert!(world.venue.should_close(gone) && world.venue.outbox(gone).is_empty());
}

#[test]
fn a_dropped_connection_sends_nothing_more_and_cancels_its_orders() {
    let mut world = World::new();
    let mut peer = world.trader();
    world.limit(&mut peer, 1, 1, "1", "100");
    let id = world.venue.connection("TAUT", Service::SpotTrading).unwrap();
    world.venue.drop_connection(id);
    assert!(world.venue.should_close(id));
    assert!(world.send(&mut peer, "1|112=x|").is_empty());
    world.lose(&peer);
    assert_eq!(world.venue.open_orders("TAUT"), 0);
    assert_eq!(world.venue.connection("TAUT", Service::SpotTrading), None);
}

#[test]
fn the_venue_logs_a_session_out_on_demand() {
    let mut world = World::new();
    let mut peer = world.trader();
    world.limit(&mut peer, 1, 1, "1", "100");
    world.venue.logout(peer.id, Some("maintenance"), world.now);
    assert_eq!(values(&world.take(peer.id)[0], &[35, 58]), "5 maintenance");
    world.send(&mut peer, "5|");
    assert!(world.venue.should_close(peer.id));
    world.lose(&peer);
    assert_eq!(world.venue.open_orders("TAUT"), 1, "Logouts were exchanged");
}

#[test]
fn a_venue_that_stops_logs_every_session_out_and_cuts_who_is_not_logged_on() {
    let mut world = World::new();
    let mut trader = world.trader();
    let viewer = world.logon("OTHER", Service::SpotMarketData);
    let stranger = world.venue.connected(Service::SpotTrading, world.now);
    world.venue.stop(world.now);
    assert!(world.venue.should_close(stranger));
    for peer in [&trader, &viewer] {
        assert_eq!(values(&world.take(peer.id)[0], &[35, 58]), "5 Venue is stopping");
        assert!(!world.venue.should_close(peer.id), "its answer is waited for");
    }
    assert!(world.send(&mut trader, "5|").is_empty());
    assert!(world.venue.should_close(trader.id));
    // The other one never answers.
    world.pass(2_000);
    world.venue.tick(world.now);
    assert!(world.venue.should_close(viewer.id));
    world.lose(&trader);
    world.pass(1);
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|");
    let (_, answers) = world.try_logon(Service::SpotTrading, &body);
    assert_eq!(values(&answers[0], &[35, 58]), "5 Logon refused");
}

#[test]
fn a_silent_session_is_tested_and_then_closed() {
    let mut world = World::new();
    let peer = world.trader();
    let mut seen = Vec::new();
    for _ in 0..20 {
        let deadline = world.venue.next_deadline();
        if deadline.0 == u64::MAX || world.venue.should_close(peer.id) {
            break;
        }
        world.now = world.now.max(deadline);
        world.venue.tick(world.now);
        seen.extend(world.take(peer.id).iter().map(|m| get(m, 35).unwrap().to_string()));
    }
    assert!(seen.contains(&"0".to_string()) && seen.contains(&"1".to_string()), "{seen:?}");
    assert!(world.venue.should_close(peer.id));
}

#[test]
fn clients_trade_with_a_synthetic_house() {
    let source = LiquiditySource::Synthetic(vec![SyntheticMarket {
        symbol: "BTC/USD".into(),
        ..SyntheticMarket::default()
    }]);
    let mut world = World::new();
    let mut config = config();
    config.liquidity.mode = crate::config::LiquidityMode::Synthetic;
    world.venue = crate::Venue::with_secrets(&config, Some(source), world.now, |name| {
        Some(if name.ends_with("KEY") { "APIKEY" } else { "c2VjcmV0" }.into())
    })
    .unwrap();
    let mut viewer = world.logon("TAUT", Service::SpotMarketData);
    let answers = world.send(&mut viewer, &subscribe("a", 25, "269=0|269=1|"));
    assert_eq!(get(&answers[0], 268), Some("50"));
    let mut peer = world.trader();
    let time = world.time();
    let market = format!("D|11=1|38=0.01|40=1|54=1|55=BTC/USD|59=1|60={time}|");
    let reports = world.send(&mut peer, &market);
    assert_eq!(get(reports.last().unwrap(), 39), Some("2"));
    let mut updates = 0;
    for _ in 0..200 {
        world.now = world.now.max(world.venue.next_deadline());
        world.venue.tick(world.now);
        updates += world.take(viewer.id).len();
    }
    assert!(updates > 50, "{updates}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_orders_never_stop_the_venue(
        cut in 0usize..160,
        flips in prop::collection::vec((0usize..160, any::<u8>()), 0..4),
        insert in prop::collection::vec(any::<u8>(), 0..8),
        repair in any::<bool>(),
    ) {
        let mut world = World::new();
        let mut peer = world.trader();
        let time = world.time();
        let body = format!("D|11=7|38=1|40=2|44=100|54=1|55=BTC/USD|59=1|60={time}|");
        let mut bytes = world.message(&mut peer, &body);
        for (at, value) in flips {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        let cut = cut.min(bytes.len());
        bytes.splice(cut..cut, insert);
        if repair {
            // A right length and checksum around the damage.
            let from = bytes.windows(3).position(|w| w == b"35=").unwrap_or(0);
            let to = bytes.windows(4).rposition(|w| w == b"\x0110=").map_or(bytes.len(), |at| at + 1);
            if from < to
                && let Ok(text) = String::from_utf8(bytes[from..to].to_vec())
            {
                bytes = fix(&text.replace('|', "/").replace('\x01', "|"));
            }
        }
        world.venue.received(peer.id, &bytes, world.now);
        world.take(peer.id);
        world.lose(&peer);
        let mut other = world.logon("OTHER", Service::SpotTrading);
        prop_assert_eq!(world.limit(&mut other, 1, 1, "1", "100").len(), 2);
    }
}
