use super::harness::*;
use crate::Service;
use crate::config::ClientConfig;

pub fn viewer(world: &mut World) -> Peer {
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
    let told: Vec<String> =
        world.venue.take_dropped_sessions().iter().map(ToString::to_string).collect();
    let slow_one = "session dropped: OTHER on spot-market-data: it did not read what it was sent";
    assert_eq!(told, [slow_one]);
    assert!(world.venue.take_dropped_sessions().is_empty(), "once");
    assert!(world.venue.outbox(slow.id).is_empty());
    world.lose(&slow);
    assert_eq!(world.venue.stats().subscriptions, 1);
}

#[test]
fn hundreds_of_subscribers_are_told_alike_and_those_that_do_not_read_are_dropped_and_counted() {
    const READERS: usize = 200;
    const STALLED: usize = 5;
    let mut config = config();
    let names: Vec<&'static str> =
        (0..READERS + STALLED).map(|n| &*format!("V{n}").leak()).collect();
    let clients =
        names.iter().map(|&name| ClientConfig { sender: name.into(), ..ClientConfig::default() });
    config.clients.extend(clients);
    let mut world = World::with(&config);
    let mut trader = world.trader();
    let mut peers: Vec<Peer> =
        names.iter().map(|name| world.logon(name, Service::SpotMarketData)).collect();
    for (n, peer) in peers.iter_mut().enumerate() {
        // Whoever stalls asks for much.
        let asked = if n < READERS { 1 } else { 100 };
        for id in 0..asked {
            world.send(peer, &subscribe(&id.to_string(), 10, BOOK));
        }
    }
    for n in 0..100 {
        let (px, time) = (format!("{}.5", 50 + n % 40), world.time());
        assert_eq!(world.limit(&mut trader, 2 * n + 1, 1, "1", &px).len(), 2, "trading goes on");
        world.send(
            &mut trader,
            &format!("F|11={}|41={}|54=1|55=BTC/USD|60={time}|", 2 * n + 2, 2 * n + 1),
        );
        let mut told: Vec<Vec<String>> = Vec::new();
        for peer in &peers[..READERS] {
            let cut = |m: &String| m[m.find("|55=").unwrap()..].to_owned();
            told.push(world.take(peer.id).iter().map(cut).collect());
        }
        assert_eq!(told[0].len(), 2);
        assert!(told.iter().all(|one| *one == told[0]));
    }
    assert_eq!(world.venue.stats().slow_drops, STALLED as u64);
    for (n, peer) in peers.iter().enumerate() {
        assert_eq!(world.venue.should_close(peer.id), n >= READERS);
    }
}

#[test]
fn a_feed_that_stops_sends_an_empty_snapshot_and_a_full_one_when_it_is_back() {
    let mut world = World::new();
    let (mut peer, mut viewer) = (world.trader(), viewer(&mut world));
    let mut late = world.logon("TAUT", Service::SpotMarketData);
    world.limit(&mut peer, 1, 1, "1", "99");
    world.send(&mut viewer, &subscribe("a", 10, BOOK));
    assert!(world.venue.set_prices_shown("BTC/USD", false, world.now));
    assert_eq!(values(&world.take(viewer.id)[0], &[35, 262, 268]), "W a 0");
    world.limit(&mut peer, 2, 1, "1", "98");
    assert!(world.take(viewer.id).is_empty());
    assert_eq!(values(&world.send(&mut late, &subscribe("b", 10, BOOK))[0], &[35, 268]), "W 0");
    assert!(world.venue.set_prices_shown("BTC/USD", true, world.now));
    for id in [viewer.id, late.id] {
        assert_eq!(values(&world.take(id)[0], &[35, 268, 278]), "W 2 B99.0");
    }
    world.limit(&mut peer, 3, 1, "1", "97");
    assert_eq!(values(&world.take(late.id)[0], &[35, 279, 278]), "X 0 B97.0");
    assert!(!world.venue.set_prices_shown("NO/NO", false, world.now));
}
