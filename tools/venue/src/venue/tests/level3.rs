use proptest::prelude::*;
use taut::types::{InstrumentId, Side};

use super::harness::*;
use super::market_data::subscribe;
use super::md_client::MdClient;
use crate::Service;
use crate::market_data::{L3Checksum, L3EntryTime, SpotL3};

const BOOK: &str = "269=0|269=1|";

fn orders(id: &str, depth: u32) -> String {
    subscribe(id, depth, BOOK).replace("265=1|", "265=1|266=N|")
}

fn viewer(world: &mut World) -> Peer {
    world.logon("OTHER", Service::SpotLevel3)
}

/// What follows 268, times cut.
fn entries(message: &str) -> String {
    let fields = message[message.find("|268=").unwrap() + 5..].split('|');
    let timeless =
        |field: &&str| !["273=", "5060=", "5273=", "5041="].iter().any(|t| field.starts_with(t));
    fields.filter(timeless).collect::<Vec<_>>().join("|")
}

#[test]
fn every_order_is_shown_with_its_id_and_its_times() {
    let mut world = World::new();
    let (mut peer, mut viewer) = (world.trader(), viewer(&mut world));
    let first = world.limit(&mut peer, 1, 2, "2", "101");
    let id = get(&first[0], 37).unwrap();
    let queued = world.time();
    let answers = world.send(&mut viewer, &orders("a", 0));
    assert_eq!(answers.len(), 1);
    let rfc = |fix: &str| {
        let (date, time) = fix.split_once('-').unwrap();
        format!("{}-{}-{}T{time}000000Z", &date[..4], &date[4..6], &date[6..])
    };
    let (time, stamp) = (&queued[9..], rfc(&queued));
    let head = format!("35=W|34=2|49=KRAKEN-MD|52={queued}|56=OTHER|55=BTC/USD|262=a|268=1|");
    let entry = format!("269=1|278={id}|270=101.0|271=2.0|273={time}|5060={stamp}|5273={stamp}|");
    assert!(answers[0].ends_with(&format!("{head}{entry}")), "{answers:?}");
    // A part of it trades: a new time, the old rank.
    world.pass(7);
    let mut taker = world.logon("OTHER", Service::SpotTrading);
    world.limit(&mut taker, 1, 1, "0.5", "101");
    let update = world.take(viewer.id);
    let (now, later) = (&world.time()[9..], rfc(&world.time()));
    let entry = format!(
        "1|279=1|269=1|278={id}|270=101.0|271=1.5|273={now}|5060={later}|5273={stamp}|5041="
    );
    assert!(update[0].contains(&format!("|268={entry}")), "{update:?}");
}

#[test]
fn an_order_that_moves_is_deleted_and_announced_and_one_that_loses_its_place_gets_a_new_rank() {
    let mut world = World::new();
    let (mut peer, mut viewer) = (world.trader(), viewer(&mut world));
    let ids: Vec<String> = (1..=3)
        .map(|n| {
            world.pass(1);
            get(&world.limit(&mut peer, n, 1, "1", "99")[0], 37).unwrap().to_owned()
        })
        .collect();
    let mut last = String::new();
    for px in (90..99).rev() {
        let made = world.limit(&mut peer, 1000 - px, 1, "1", &px.to_string());
        last = get(&made[0], 37).unwrap().to_owned();
    }
    world.send(&mut viewer, &orders("a", 10));
    let mut amend = |world: &mut World, n: usize, orig: usize, qty: &str, px: &str| {
        world.pass(1);
        let (id, time) = (&ids[(orig - 1) % 3], world.time());
        let body = format!(
            "G|11={n}|37={id}|38={qty}|40=2|41={orig}|44={px}|54=1|55=BTC/USD|59=1|60={time}|"
        );
        let answer = world.send(&mut peer, &body);
        assert_eq!(get(&answer[0], 150), Some("5"), "{answer:?}");
        let update = world.take(viewer.id);
        assert_eq!(update.len(), 1, "{update:?}");
        update[0].clone()
    };
    // Down keeps the place, up loses it (venue file 6.8).
    let down = amend(&mut world, 2011, 1, "0.5", "99");
    assert_eq!(entries(&down), format!("1|279=1|269=0|278={}|270=99.0|271=0.5|", ids[0]));
    let up = amend(&mut world, 2012, 2, "2", "99");
    assert_eq!(entries(&up), format!("1|279=1|269=0|278={}|270=99.0|271=2.0|", ids[1]));
    let (rank, time) = (get(&up, 5273).unwrap(), get(&up, 5060).unwrap());
    assert_eq!(rank, time, "it queued anew");
    // A better price pushes another out of the depth: that one is still in the book.
    let better = amend(&mut world, 2013, 3, "1", "100");
    let moved = &ids[2];
    let expected = format!(
        "3|279=2|269=0|278={moved}|270=99.0|271=0.0|279=2|269=0|278={last}|270=90.0|271=1.0|\
         279=0|269=0|278={moved}|270=100.0|271=1.0|"
    );
    let mut sorted: Vec<&str> = expected.split("279=").collect();
    let said = entries(&better);
    let mut found: Vec<&str> = said.split("279=").collect();
    assert!(found.last().unwrap().starts_with('0'), "deletes come first: {said}");
    sorted.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, sorted);
}

#[test]
fn l3_requests_that_cannot_be_served_are_rejected_with_a_code() {
    let mut world = World::new();
    let mut viewer = viewer(&mut world);
    let good = orders("b", 10);
    for (request, expected) in [
        (good.replace("264=10", "264=25"), "Y b 5 Unsupported market depth: 25"),
        (good.replace("264=10", "264=1"), "Y b 5 Unsupported market depth: 1"),
        (
            good.replace("267=2|", "267=3|").replace(BOOK, "269=0|269=1|269=2|"),
            "Y b C Trade not available on Level3",
        ),
        (good.replace("266=N|", ""), "Y b A Unsupported scope: only Level3 is available here"),
        (
            good.replace("266=N|", "266=Y|"),
            "Y b A Unsupported scope: only Level3 is available here",
        ),
    ] {
        let answers = world.send(&mut viewer, &request);
        assert_eq!(values(&answers[0], &[35, 262, 281, 58]), expected, "{request}");
    }
    for (n, depth) in [0, 10, 100, 1000].into_iter().enumerate() {
        let answers = world.send(&mut viewer, &orders(&n.to_string(), depth));
        assert_eq!(values(&answers[0], &[35, 268]), "W 0");
    }
    let mut config = config();
    config.switches.market_data.spot_l3 = SpotL3::Off;
    let mut world = World::with(&config);
    let mut viewer = world.logon("OTHER", Service::SpotLevel3);
    let answers = world.send(&mut viewer, &good);
    assert_eq!(values(&answers[0], &[35, 281, 58]), "Y B Level3 not available");
}

#[test]
fn the_switches_choose_the_form_of_times_and_the_checksum() {
    let mut config = config();
    let switches = &mut config.switches.market_data;
    switches.l3_entry_time = L3EntryTime::Guide;
    switches.l3_timestamps = false;
    switches.l3_checksum = L3Checksum::None;
    let mut world = World::with(&config);
    let (mut peer, mut viewer) = (world.trader(), viewer(&mut world));
    world.send(&mut viewer, &orders("a", 0));
    world.limit(&mut peer, 1, 2, "2", "101");
    let update = world.take(viewer.id);
    let time = format!("{}000", world.time());
    assert_eq!(values(&update[0], &[273, 5060, 5273, 5041]), format!("{time} - - -"));
    config.switches.market_data.l3_checksum = L3Checksum::Levels;
    let mut world = World::with(&config);
    let (mut peer, mut by_order) = (world.trader(), world.logon("OTHER", Service::SpotLevel3));
    let mut by_level = world.logon("OTHER", Service::SpotMarketData);
    world.send(&mut by_order, &orders("a", 0));
    world.send(&mut by_level, &subscribe("a", 0, BOOK));
    for n in 1..4 {
        world.limit(&mut peer, n, 2, "2", "101");
        let sums =
            [&by_order, &by_level].map(|v| get(&world.take(v.id)[0], 5041).unwrap().to_owned());
        assert_eq!(sums[0], sums[1]);
    }
}

/// Every depth of both kinds that can be asked for.
const DEPTHS: [(bool, usize); 11] = [
    (false, 0),
    (false, 1),
    (false, 10),
    (false, 25),
    (false, 100),
    (false, 500),
    (false, 1000),
    (true, 0),
    (true, 10),
    (true, 100),
    (true, 1000),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// A client that applies W and X, on L2 and L3 at every depth, always has the engine's book.
    #[test]
    fn a_client_that_applies_the_messages_has_the_engines_book(
        steps in prop::collection::vec((0u8..10, any::<bool>(), 0i64..26, 1u32..5, any::<u8>()), 1..120)
    ) {
        let mut world = World::new();
        let mut peers = [world.trader(), world.logon("OTHER", Service::SpotTrading)];
        let mut levels = world.logon("OTHER", Service::SpotMarketData);
        let mut queues = viewer(&mut world);
        let mut clients: Vec<MdClient> = Vec::new();
        let subscribed = |world: &mut World, levels: &mut Peer, queues: &mut Peer, at: usize| {
            let (by_order, depth) = DEPTHS[at];
            let mut client = MdClient::new(by_order, depth);
            let (peer, request) = if by_order {
                (queues, orders(&at.to_string(), depth as u32))
            } else {
                (levels, subscribe(&at.to_string(), depth as u32, "269=0|269=1|269=2|"))
            };
            for answer in world.send(peer, &request) {
                client.apply(&answer);
            }
            client
        };
        let mut live: Vec<(usize, u64, String, bool)> = Vec::new();
        let mut next = 1;
        for (n, (what, buy, level, qty, pick)) in steps.into_iter().enumerate() {
            // Half of the clients come when there is a book already.
            while clients.len() < DEPTHS.len() && (n >= 20 || clients.len() < 6) {
                let client = subscribed(&mut world, &mut levels, &mut queues, clients.len());
                clients.push(client);
            }
            if n % 3 == 0 {
                world.pass(1);
            }
            let who = usize::from(pick) % 2;
            let (side, px) = if buy { (1, 1000 + level) } else { (2, 1020 + level) };
            let (px, time) = (format!("{}.{}", px / 10, px % 10), world.time());
            next += 1;
            let target = (!live.is_empty()).then(|| usize::from(pick) % live.len().max(1));
            match (what, target) {
                (0..=5, _) | (_, None) => {
                    let answer = world.limit(&mut peers[who], next, side, &format!("0.{qty}"), &px);
                    if let Some(id) = answer.first().filter(|a| get(a, 35) == Some("8")) {
                        live.push((who, next, get(id, 37).unwrap().to_owned(), buy));
                    }
                }
                (6 | 7, Some(at)) => {
                    let (who, orig, _, _) = live.swap_remove(at);
                    let side = 1;
                    world.send(&mut peers[who],
                        &format!("F|11={next}|41={orig}|54={side}|55=BTC/USD|60={time}|"));
                }
                (_, Some(at)) => {
                    let (who, orig, id, was_buy) = live[at].clone();
                    let side = if was_buy { 1 } else { 2 };
                    let answer = world.send(&mut peers[who], &format!(
                        "G|11={next}|37={id}|38=0.{qty}|40=2|41={orig}|44={px}|54={side}|55=BTC/USD|59=1|60={time}|"));
                    if answer.iter().any(|a| get(a, 150) == Some("5")) {
                        live[at].1 = next;
                    }
                }
            }
            for peer in [&levels, &queues] {
                for message in world.take(peer.id) {
                    let at: usize = get(&message, 262).unwrap().parse().unwrap();
                    clients[at].apply(&message);
                }
            }
            let engine = world.venue.engine();
            for (client, (by_order, depth)) in clients.iter().zip(DEPTHS) {
                let depth = if depth == 0 { 1000 } else { depth };
                let mut expected = Vec::new();
                for side in [Side::Sell, Side::Buy] {
                    let bid = side == Side::Buy;
                    let book = engine.book(InstrumentId(0)).unwrap();
                    let shown: Vec<_> = book.levels(side).take(depth).collect();
                    if by_order {
                        for order in engine.resting(InstrumentId(0), side) {
                            if shown.iter().any(|l| l.px == order.price) {
                                let id = engine.order_id(order.reference).to_string();
                                expected.push((bid, order.price.0, order.leaves().0, id));
                            }
                        }
                    } else {
                        expected.extend(shown.iter().map(|l| (bid, l.px.0, l.total.0, String::new())));
                    }
                }
                prop_assert_eq!(client.rows(), expected, "by order: {}, depth {}", by_order, depth);
            }
        }
    }
}

#[test]
fn a_snapshot_of_many_orders_is_one_message_however_long() {
    let mut config = config();
    for client in &mut config.clients {
        client.tier = crate::config::TierName::Unlimited;
    }
    let mut world = World::with(&config);
    let (mut peer, mut viewer) = (world.trader(), viewer(&mut world));
    for id in 1..=700 {
        world.limit(&mut peer, id, 1, "0.01", "100");
    }
    let answers = world.send(&mut viewer, &orders("a", 0));
    assert_eq!(answers.len(), 1);
    let snapshot = &answers[0];
    assert_eq!(values(snapshot, &[35, 268]), "W 700");
    assert!(snapshot.len() > 64 * 1024, "{} bytes", snapshot.len());
    let length: usize = get(snapshot, 9).unwrap().parse().unwrap();
    assert!(snapshot.len() > length && length > 64 * 1024);
}
