use taut::types::PairStatus;

use super::harness::*;
use super::market_data::viewer;
use crate::Service;
use crate::config::InstrumentConfig;
use crate::limits::SUBSCRIPTIONS_PER_SESSION_MAX;
use crate::market_data::TradingStatus;

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
fn list_requests_that_cannot_be_served_say_why() {
    let mut world = World::new();
    let mut viewer = viewer(&mut world);
    for (request, expected) in [
        ("x|320=1|559=0|55=NO/NO|", "y 1 2 - Unknown symbol"),
        ("x|320=1|559=0|", "y 1 1 - Symbol is missing"),
        ("x|320=1|559=1|", "y 1 1 - Unsupported SecurityType"),
        ("x|320=1|559=1|167=BOND|", "y 1 1 - Unsupported SecurityType"),
        ("x|320=1|559=1|167=OPT|", "y 1 2 - No instruments found"),
        ("x|320=1|559=1|167=TS|", "y 1 2 - No instruments found"),
        ("x|320=1|559=4|263=2|", "y 1 1 - Not subscribed"),
    ] {
        let answers = world.send(&mut viewer, request);
        assert_eq!(values(&answers[0], &[35, 320, 560, 146, 58]), expected, "{request}");
    }
    // What the dictionary knows no value for never reaches the list.
    let answers = world.send(&mut viewer, "x|320=1|559=3|");
    assert_eq!(values(&answers[0], &[35, 371, 373]), "3 559 5");
}

#[test]
fn a_list_subscription_follows_what_it_named_until_it_is_disabled() {
    let mut config = config();
    config
        .instruments
        .push(InstrumentConfig { symbol: "AAPLx/USD".into(), ..InstrumentConfig::default() });
    let mut world = World::with(&config);
    let mut viewer = viewer(&mut world);
    for request in [
        "x|320=all|559=4|263=1|",
        "x|320=btc|559=0|55=BTC/USD|263=1|",
        "x|320=cash|559=1|167=CASH|263=1|",
        "x|320=ts|559=1|167=TS|263=1|",
    ] {
        assert_eq!(get(&world.send(&mut viewer, request)[0], 560), Some("0"), "{request}");
    }
    let told = |world: &mut World, symbol: &str| {
        world.venue.set_market_status(symbol, PairStatus::PostOnly, world.now);
        let updates = world.take(viewer.id);
        updates.iter().map(|y| values(y, &[320, 55, 5032])).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut world, "ETH/USD"), ["all ETH/USD 4", "cash ETH/USD 4"]);
    assert_eq!(told(&mut world, "AAPLx/USD"), ["all AAPLx/USD 4", "ts AAPLx/USD 4"]);
    assert_eq!(told(&mut world, "BTC/USD").len(), 3);
    assert!(world.send(&mut viewer, "x|320=all|559=4|263=2|").is_empty());
    world.venue.set_market_status("ETH/USD", PairStatus::Online, world.now);
    assert_eq!(world.take(viewer.id).len(), 1);
}

#[test]
fn a_long_list_comes_in_fragments_that_say_how_many_and_which_is_the_last() {
    let mut config = config();
    config.instruments = (0..250)
        .map(|n| InstrumentConfig { symbol: format!("A{n}/USD"), ..InstrumentConfig::default() })
        .collect();
    // Nobody has money in what is not listed.
    config.clients.iter_mut().for_each(|client| client.balances.clear());
    let mut world = World::with(&config);
    let mut viewer = viewer(&mut world);
    let answers = world.send(&mut viewer, "x|320=1|559=4|");
    let brief: Vec<String> = answers.iter().map(|y| values(y, &[560, 393, 893, 146, 55])).collect();
    assert_eq!(brief, ["0 250 N 100 A0/USD", "0 250 N 100 A100/USD", "0 250 Y 50 A200/USD"]);
    assert_eq!(get(&answers[0], 322), get(&answers[2], 322), "one answer");
    let single = world.send(&mut viewer, "x|320=2|559=0|55=A7/USD|");
    assert_eq!(values(&single[0], &[393, 893, 146]), "- - 1");
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
    assert_eq!(ask(&mut world, "g|335=D|336=SESSION|263=1|"), "h D SESSION 0 102");
    assert_eq!(ask(&mut world, "g|335=D|336=SESSION|263=0|"), "h D SESSION 0 102");
    assert_eq!(ask(&mut world, "g|335=E|336=SESSION|263=0|"), "h E SESSION 2 -");
    let long = "L".repeat(37);
    let expected = format!("h {long} SESSION 0 100");
    assert_eq!(ask(&mut world, &format!("g|335={long}|336=SESSION|263=0|")), expected);
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
    assert_eq!([ask(&mut one), ask(&mut other), ask(&mut one)], ["h -", "h -", "h 102"]);
    world.venue.set_trading_status(TradingStatus::PostOnly, world.now);
    for peer in [one, other] {
        assert_eq!(world.take(peer.id).len(), 1);
    }
}
