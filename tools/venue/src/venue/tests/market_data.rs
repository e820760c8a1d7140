use taut::types::PairStatus;

use super::harness::*;
use crate::Service;
use crate::limits::SUBSCRIPTIONS_PER_SESSION_MAX;
use crate::market_data::encode::TradingStatus;

fn viewer(world: &mut World) -> Peer {
    world.logon("OTHER", Service::SpotMarketData)
}

pub fn subscribe(id: &str, depth: u32, entries: &str) -> String {
    let count = entries.matches("269=").count();
    format!("V|146=1|55=BTC/USD|262={id}|263=1|264={depth}|265=1|267={count}|{entries}")
}

const BOOK: &str = "269=0|269=1|";
const ALL: &str = "269=0|269=1|269=2|";

/// What follows 268.
fn entries(message: &str) -> &str {
    &message[message.find("|268=").unwrap() + 5..]
}

#[test]
fn a_subscription_gets_the_book_and_then_what_changes() {
    let mut world = World::new();
    let (mut peer, mut viewer) = (world.trader(), viewer(&mut world));
    world.limit(&mut peer, 1, 2, "2", "101");
    world.limit(&mut peer, 2, 1, "1", "99.5");
    let time = &world.time()[9..];
    let answers = world.send(&mut viewer, &subscribe("a", 10, ALL));
    assert_eq!(answers.len(), 1);
    assert_eq!(values(&answers[0], &[35, 55, 262]), "W BTC/USD a");
    let snapshot = format!(
        "2|269=1|278=O101.0|270=101.0|271=2.0|273={time}|269=0|278=B99.5|270=99.5|271=1.0|273={time}|"
    );
    assert_eq!(entries(&answers[0]), snapshot);
    world.limit(&mut peer, 3, 1, "1", "99.5");
    let update = world.take(viewer.id);
    assert_eq!(update.len(), 1);
    let header = format!("35=X|34=3|56=OTHER|49=KRAKEN-MD|52={}|55=BTC/USD|262=a|", world.time());
    assert!(update[0].contains(&header), "{update:?}");
    let change = format!("1|279=1|269=0|278=B99.5|270=99.5|271=2.0|273={time}|5041=");
    assert!(entries(&update[0]).starts_with(&change), "{update:?}");
    // A refused order changes nothing, so nothing is sent.
    world.limit(&mut peer, 4, 1, "100000000", "99.5");
    assert!(world.take(viewer.id).is_empty());
}

#[test]
fn trades_are_shown_to_those_who_asked() {
    let mut world = World::new();
    let (mut peer, mut viewer) = (world.trader(), viewer(&mut world));
    world.limit(&mut peer, 1, 2, "2", "101");
    world.send(&mut viewer, &subscribe("all", 10, ALL));
    world.send(&mut viewer, &subscribe("book", 10, BOOK));
    let answers = world.send(&mut viewer, &subscribe("trades", 10, "269=2|"));
    assert_eq!(values(&answers[0], &[35, 268]), "W 0");
    let mut taker = world.logon("OTHER", Service::SpotTrading);
    world.limit(&mut taker, 1, 1, "0.5", "101");
    let updates = world.take(viewer.id);
    let summary: Vec<String> = updates.iter().map(|u| values(u, &[262, 268, 269])).collect();
    assert_eq!(summary, ["all 2 2", "book 1 1", "trades 1 2"]);
    let time = &world.time()[9..];
    let trade = format!("1|279=0|269=2|278=T1|270=101.0|271=0.5|273={time}|40=2|2446=1|");
    assert_eq!(entries(&updates[2]), trade, "no checksum without the book");
    assert_eq!(get(&updates[0], 5041), get(&updates[1], 5041));
    assert!(get(&updates[0], 5041).is_some());
}

#[test]
fn the_server_deletes_what_leaves_the_depth_and_announces_what_enters() {
    let mut world = World::new();
    let (mut peer, mut viewer) = (world.trader(), viewer(&mut world));
    world.limit(&mut peer, 1, 1, "1", "99");
    let before = world.time()[9..].to_string();
    world.pass(500);
    let old = world.time()[9..].to_string();
    world.limit(&mut peer, 2, 1, "3", "98");
    world.send(&mut viewer, &subscribe("a", 1, BOOK));
    world.pass(500);
    let now = world.time()[9..].to_string();
    // A better bid pushes 99 out.
    world.limit(&mut peer, 3, 1, "2", "100");
    let update = world.take(viewer.id);
    assert_eq!(
        entries(&update[0]).split("5041").next().unwrap(),
        format!(
            "2|279=0|269=0|278=B100.0|270=100.0|271=2.0|273={now}|279=2|269=0|278=B99.0|270=99.0|\
             271=1.0|273={before}|"
        )
    );
    // Behind the depth nothing is said.
    world.limit(&mut peer, 4, 1, "2", "97");
    assert!(world.take(viewer.id).is_empty());
    let time = world.time();
    world.send(&mut peer, &format!("F|11=5|41=1|54=1|55=BTC/USD|60={time}|"));
    assert!(world.take(viewer.id).is_empty());
    // The best goes: 98 comes in with its old time.
    world.send(&mut peer, &format!("F|11=6|41=3|54=1|55=BTC/USD|60={time}|"));
    let update = world.take(viewer.id);
    assert_eq!(
        entries(&update[0]).split("5041").next().unwrap(),
        format!(
            "2|279=2|269=0|278=B100.0|270=100.0|271=0.0|273={now}|279=0|269=0|278=B98.0|270=98.0|\
             271=3.0|273={old}|"
        )
    );
}

#[test]
fn unsubscribing_ends_one_stream_and_reconnecting_all() {
    let mut world = World::new();
    let (mut peer, mut viewer) = (world.trader(), viewer(&mut world));
    world.send(&mut viewer, &subscribe("a", 10, BOOK));
    world.send(&mut viewer, &subscribe("b", 0, BOOK));
    assert_eq!(world.venue.stats().subscriptions, 2);
    let off = "V|262=a|263=2|264=10|265=1|267=1|269=0|55=BTC/USD|";
    assert!(world.send(&mut viewer, off).is_empty(), "as documented, without 146");
    world.limit(&mut peer, 1, 1, "1", "99");
    let updates = world.take(viewer.id);
    assert_eq!(updates.len(), 1);
    assert_eq!(get(&updates[0], 262), Some("b"));
    assert_eq!(values(&world.send(&mut viewer, off)[0], &[35, 281, 58]), "Y 4 Unknown MDReqID");
    world.lose(&viewer);
    assert_eq!(world.venue.stats().subscriptions, 0);
    world.limit(&mut peer, 2, 1, "1", "99");
}

#[test]
fn requests_that_cannot_be_served_are_rejected_with_a_code() {
    let mut world = World::new();
    let mut viewer = viewer(&mut world);
    world.send(&mut viewer, &subscribe("a", 10, BOOK));
    let good = subscribe("b", 10, BOOK);
    for (request, expected) in [
        (
            good.replace("BTC/USD", "TEST/TEST"),
            "Y b 0 MarketData subscription failed due to unsupported symbol: TEST/TEST",
        ),
        (good.replace("262=b", "262=a"), "Y a 1 Duplicate MDReqID"),
        (good.replace("263=1", "263=0"), "Y b 4 Unsupported SubscriptionRequestType: 0"),
        (good.replace("264=10", "264=7"), "Y b 5 Unsupported market depth: 7"),
        (good.replace("265=1", "265=0"), "Y b 6 Unsupported MDUpdateType: 0"),
        (good.replace("269=1", "269=7"), "Y b 8 Unsupported MDEntryType: 7"),
        (subscribe("b", 10, "269=0|"), "Y b 8 Bid and offer are only offered together"),
        (good.replace("265=1", "265=1|266=N"), "Y b B Level3 not available"),
    ] {
        let answers = world.send(&mut viewer, &request);
        assert_eq!(answers.len(), 1);
        assert_eq!(values(&answers[0], &[35, 262, 281, 58]), expected, "{request}");
    }
    let no_symbol = good.replace("146=1|55=BTC/USD|", "");
    assert_eq!(values(&world.send(&mut viewer, &no_symbol)[0], &[35, 371, 373]), "3 55 1");
    let wrong_count = good.replace("267=2", "267=3");
    assert_eq!(values(&world.send(&mut viewer, &wrong_count)[0], &[35, 371, 373]), "3 267 16");
    assert_eq!(world.venue.stats().subscriptions, 1);
    assert_eq!(get(&world.send(&mut viewer, &good)[0], 35), Some("W"));
}

#[test]
fn two_symbols_of_one_request_get_a_snapshot_each() {
    let mut world = World::new();
    let (mut peer, mut viewer) = (world.trader(), viewer(&mut world));
    let both = subscribe("a", 10, BOOK).replace("146=1|", "146=2|55=ETH/USD|");
    let answers = world.send(&mut viewer, &both);
    let symbols: Vec<_> = answers.iter().map(|w| values(w, &[35, 55, 262])).collect();
    assert_eq!(symbols, ["W ETH/USD a", "W BTC/USD a"]);
    world.limit(&mut peer, 1, 1, "1", "99");
    assert_eq!(values(&world.take(viewer.id)[0], &[35, 55]), "X BTC/USD");
}

#[test]
fn the_instrument_list_is_told_whole_by_type_or_single() {
    let mut world = World::new();
    let mut viewer = viewer(&mut world);
    let mut ask = |world: &mut World, request: &str| {
        let answers = world.send(&mut viewer, request);
        assert_eq!(answers.len(), 1, "{answers:?}");
        values(&answers[0], &[35, 320, 560, 146, 55])
    };
    assert_eq!(ask(&mut world, "x|320=1|559=4|"), "y 1 0 2 BTC/USD");
    assert_eq!(ask(&mut world, "x|320=2|559=1|167=CASH|"), "y 2 0 2 BTC/USD");
    assert_eq!(ask(&mut world, "x|320=3|559=1|167=FUT|"), "y 3 2 - -");
    assert_eq!(ask(&mut world, "x|320=4|559=0|55=ETH/USD|"), "y 4 0 1 ETH/USD");
    assert_eq!(ask(&mut world, "x|320=5|559=0|55=NO/NO|"), "y 5 2 - -");
    assert_eq!(ask(&mut world, "x|320=6|559=0|"), "y 6 1 - -");
    assert_eq!(ask(&mut world, "x|320=7|559=4|263=1|"), "y 7 0 2 BTC/USD");
    world.venue.set_market_status("ETH/USD", PairStatus::CancelOnly, world.now);
    let updates = world.take(viewer.id);
    assert_eq!(updates.len(), 1);
    assert_eq!(values(&updates[0], &[35, 320, 146, 55, 5032]), "y 7 1 ETH/USD 3");
}

#[test]
fn the_trading_session_status_is_told_once_or_kept_up() {
    let mut world = World::new();
    let mut viewer = viewer(&mut world);
    let mut ask = |world: &mut World, request: &str| {
        values(&world.send(&mut viewer, request)[0], &[35, 335, 336, 340, 567])
    };
    assert_eq!(ask(&mut world, "g|335=A|336=SESSION|263=0|"), "h A SESSION 2 -");
    assert_eq!(ask(&mut world, "g|335=B|336=OTHER|263=0|"), "h B OTHER 0 1");
    assert_eq!(ask(&mut world, "g|335=C|336=SESSION|263=5|"), "h C SESSION 0 101");
    assert_eq!(ask(&mut world, "g|335=D|336=SESSION|263=1|"), "h D SESSION 2 -");
    assert_eq!(ask(&mut world, "g|335=E|336=SESSION|263=1|"), "h E SESSION 0 103");
    world.venue.set_trading_status(TradingStatus::PostOnly, world.now);
    let updates = world.take(viewer.id);
    assert_eq!(values(&updates[0], &[35, 335, 340]), "h D 102");
}

#[test]
fn a_session_with_too_many_list_subscriptions_is_told_and_takes_nobody_elses() {
    let mut world = World::new();
    let (mut greedy, mut other) =
        (viewer(&mut world), world.logon("TAUT", Service::SpotMarketData));
    let ask = |world: &mut World, peer: &mut Peer, id: usize| {
        let answers = world.send(peer, &format!("x|320={id}|559=4|263=1|"));
        assert_eq!(answers.len(), 1);
        values(&answers[0], &[35, 320, 560, 146])
    };
    for id in 0..SUBSCRIPTIONS_PER_SESSION_MAX {
        assert_eq!(ask(&mut world, &mut greedy, id), format!("y {id} 0 2"));
    }
    assert_eq!(ask(&mut world, &mut greedy, 9999), "y 9999 4 -");
    assert_eq!(ask(&mut world, &mut greedy, 0), "y 0 0 2", "that one is subscribed already");
    assert_eq!(ask(&mut world, &mut other, 9999), "y 9999 0 2");
    world.venue.set_market_status("ETH/USD", PairStatus::CancelOnly, world.now);
    assert_eq!(world.take(greedy.id).len(), SUBSCRIPTIONS_PER_SESSION_MAX);
    assert_eq!(world.take(other.id).len(), 1);
}

#[test]
fn a_status_subscription_of_one_session_leaves_room_for_that_of_another() {
    let mut world = World::new();
    let (mut one, mut other) = (viewer(&mut world), world.logon("TAUT", Service::SpotMarketData));
    let request = "g|335=A|336=SESSION|263=1|";
    let mut ask = |peer: &mut Peer| values(&world.send(peer, request)[0], &[35, 567]);
    assert_eq!([ask(&mut one), ask(&mut other), ask(&mut one)], ["h -", "h -", "h 103"]);
    world.venue.set_trading_status(TradingStatus::PostOnly, world.now);
    for peer in [one, other] {
        assert_eq!(world.take(peer.id).len(), 1);
    }
}

#[test]
fn a_slow_subscriber_is_dropped_and_the_others_go_on() {
    let mut world = World::new();
    let mut peer = world.trader();
    let mut slow = viewer(&mut world);
    let mut fast = world.logon("TAUT", Service::SpotMarketData);
    world.send(&mut slow, &subscribe("a", 10, BOOK));
    world.send(&mut fast, &subscribe("a", 10, BOOK));
    let mut id = 1;
    while !world.venue.should_close(slow.id) {
        let (bid, ask) = (world.limit(&mut peer, id, 1, "1", "99"), world.take(fast.id));
        assert_eq!((bid.len(), ask.len()), (2, 1), "trading and the others are not held up");
        id += 1;
        let cancel = format!("q|11={id}|60={}|530=6|", world.time());
        world.send(&mut peer, &cancel);
        world.take(fast.id);
        id += 1;
        assert!(id < 100_000, "1 MiB is full long before");
    }
    assert_eq!(world.venue.stats().slow_drops, 1);
    assert!(world.venue.outbox(slow.id).is_empty());
    world.lose(&slow);
    assert_eq!(world.venue.stats().subscriptions, 1);
}
