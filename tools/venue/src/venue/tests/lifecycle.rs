use taut_codec::value::UtcTime;

use super::harness::*;
use crate::config::VenueConfig;
use crate::oes::Scope;
use crate::{Outcome, Service};

/// ExecType, OrdStatus, ClOrdIDs, quantities.
const STATE: [u32; 7] = [150, 39, 11, 41, 38, 14, 151];

fn states(messages: &[String]) -> Vec<String> {
    messages.iter().map(|message| values(message, &STATE)).collect()
}

#[test]
fn a_resting_limit_order_is_pending_new_and_then_new() {
    let mut world = World::new();
    let mut peer = world.trader();
    let reports = world.limit(&mut peer, 1_688_738_168, 1, "0.01", "1000");
    assert_eq!(
        states(&reports),
        ["A A 1688738168 - 0.01 0.0 0.01", "0 0 1688738168 - 0.01 0.0 0.01"]
    );
    for report in &reports {
        assert_eq!(get(report, 58), Some("buy 0.01 BTC/USD @ limit 1000"));
        assert_eq!(values(report, &[6, 381, 44, 40, 54, 55, 59]), "0.0 0.0 1000.0 2 1 BTC/USD 1");
    }
    assert_ne!(get(&reports[0], 17), get(&reports[1], 17), "ExecIDs differ");
    assert_eq!(get(&reports[0], 37), get(&reports[1], 37));
    assert_eq!(world.venue.open_orders("TAUT"), 1);
}

#[test]
fn a_fill_is_reported_to_both_sides_with_price_fee_and_liquidity() {
    let mut world = World::new();
    let (mut maker, mut taker) = (world.trader(), world.logon("OTHER", Service::SpotTrading));
    world.limit(&mut maker, 1, 2, "2", "100.5");
    let reports = world.limit(&mut taker, 7, 1, "0.5", "101");
    assert_eq!(
        states(&reports),
        ["A A 7 - 0.5 0.0 0.5", "0 0 7 - 0.5 0.0 0.5", "F 2 7 - 0.5 0.5 0.0"]
    );
    let fill = &reports[2];
    assert_eq!(values(fill, &[31, 32, 6, 118, 381, 5050, 527]), "100.5 0.5 100.5 50.25 50.25 1 1");
    // 50.25 x 0.26 %
    assert_eq!(values(fill, &[136, 137, 138, 139, 891, 58]), "1 0.13065 USD 4 - -");
    let reports = world.take(maker.id);
    assert_eq!(states(&reports), ["F 1 1 - 2.0 0.5 1.5"]);
    // 0.5 BTC x 0.16 %
    assert_eq!(values(&reports[0], &[5050, 137, 138, 527]), "0 0.0008 BTC 1");
    assert_eq!(get(fill, 1003), get(&reports[0], 1003), "one trade");
    assert_eq!(world.venue.open_orders("OTHER"), 0);
}

#[test]
fn the_average_price_is_that_of_all_fills() {
    let mut world = World::new();
    let (mut maker, mut taker) = (world.trader(), world.logon("OTHER", Service::SpotTrading));
    world.limit(&mut maker, 1, 2, "1", "100");
    world.limit(&mut maker, 2, 2, "2", "101");
    let reports = world.limit(&mut taker, 7, 1, "3", "101");
    let last = reports.last().unwrap();
    assert_eq!(values(last, &[150, 39, 6, 14, 381]), "F 2 100.666666666 3.0 302.0");
    // Cumulative over both trades.
    assert_eq!(get(last, 137), Some("0.7852"));
}

#[test]
fn a_market_order_takes_and_the_rest_is_cancelled() {
    let mut world = World::new();
    let (mut maker, mut taker) = (world.trader(), world.logon("OTHER", Service::SpotTrading));
    world.limit(&mut maker, 1, 2, "1", "100");
    let time = world.time();
    let order = format!("D|11=5|38=3|40=1|54=1|55=BTC/USD|59=1|60={time}|");
    let reports = world.send(&mut taker, &order);
    let expected = [
        "A A 5 - 3.0 0.0 3.0",
        "0 0 5 - 3.0 0.0 3.0",
        "F 1 5 - 3.0 1.0 2.0",
        "4 4 5 - 3.0 1.0 0.0",
    ];
    assert_eq!(states(&reports), expected);
    assert_eq!(values(&reports[0], &[58, 44]), "buy 3 BTC/USD @ market -");
}

#[test]
fn the_remainder_of_an_ioc_order_is_cancelled() {
    let mut world = World::new();
    let (mut maker, mut taker) = (world.trader(), world.logon("OTHER", Service::SpotTrading));
    world.limit(&mut maker, 1, 2, "1", "100");
    let time = world.time();
    let order = format!("D|11=5|38=3|40=2|44=100|54=1|55=BTC/USD|59=3|60={time}|");
    let reports = world.send(&mut taker, &order);
    let last = reports.last().unwrap();
    assert_eq!(values(last, &[150, 39, 14, 151, 58]), "4 4 1.0 0.0 Immediate or cancel");
}

#[test]
fn a_post_only_order_that_would_take_is_refused_before_acceptance() {
    let mut world = World::new();
    let (mut maker, mut taker) = (world.trader(), world.logon("OTHER", Service::SpotTrading));
    world.limit(&mut maker, 1, 2, "1", "100");
    let time = world.time();
    let order =
        |id, px| format!("D|11={id}|18=P|38=1|40=2|44={px}|54=1|55=BTC/USD|59=1|60={time}|");
    let answers = world.send(&mut taker, &order(5, "100"));
    let tags = [35, 45, 58, 372, 379, 380];
    assert_eq!(values(&answers[0], &tags), "j 0 5 : Post only order would take D 5 0");
    assert_eq!(answers.len(), 1);
    assert_eq!(world.send(&mut taker, &order(6, "99.9")).len(), 2);
}

#[test]
fn a_cancel_names_the_order_by_either_id() {
    let mut world = World::new();
    let mut peer = world.trader();
    let time = world.time();
    let first = world.limit(&mut peer, 1, 1, "1", "100");
    let id = get(&first[0], 37).unwrap().to_string();
    let cancel = format!("F|11=2|37={id}|54=1|55=BTC/USD|60={time}|");
    let reports = world.send(&mut peer, &cancel);
    assert_eq!(states(&reports), ["4 4 2 1 1.0 0.0 0.0"]);
    assert_eq!(values(&reports[0], &[37, 58]), format!("{id} Order canceled by user"));
    world.limit(&mut peer, 3, 1, "1", "100");
    let reports = world.send(&mut peer, &format!("F|11=4|41=3|54=1|55=BTC/USD|60={time}|"));
    assert_eq!(states(&reports), ["4 4 4 3 1.0 0.0 0.0"]);
    // With both, only 37 counts: that order is gone.
    world.limit(&mut peer, 5, 1, "1", "100");
    let both = format!("F|11=6|37={id}|41=5|54=1|55=BTC/USD|60={time}|");
    let answers = world.send(&mut peer, &both);
    assert_eq!(values(&answers[0], &[35, 58, 380]), "j 6 : EOrder:Unknown order 101");
    assert_eq!(world.venue.open_orders("TAUT"), 1);
    let held = world.venue.balance("TAUT", "USD").unwrap().held;
    assert!(held > 0, "the live order holds its money");
}

#[test]
fn amends_and_a_cancel_can_be_chained_without_waiting() {
    let mut world = World::new();
    let mut peer = world.trader();
    let first = world.limit(&mut peer, 1, 1, "1", "100");
    let id = get(&first[0], 37).unwrap().to_string();
    let time = world.time();
    let amend = |new, old, qty, px| {
        format!("G|11={new}|37={id}|38={qty}|40=2|41={old}|44={px}|54=1|55=BTC/USD|59=1|60={time}|")
    };
    let mut bytes = world.message(&mut peer, &amend(2, 1, "2", "100.5"));
    bytes.extend(world.message(&mut peer, &amend(3, 2, "2", "101")));
    bytes.extend(world.message(&mut peer, &format!("F|11=4|41=3|54=1|55=BTC/USD|60={time}|")));
    world.venue.received(peer.id, &bytes, world.now);
    let reports = world.take(peer.id);
    assert_eq!(
        states(&reports),
        ["5 5 2 1 2.0 0.0 2.0", "5 5 3 2 2.0 0.0 2.0", "4 4 4 3 2.0 0.0 0.0"]
    );
    assert!(reports.iter().all(|report| get(report, 37) == Some(id.as_str())));
    assert_eq!(get(&reports[1], 44), Some("101.0"));
    let arrivals: Vec<_> = world.venue.take_arrivals().collect();
    let order: Vec<(u64, u8)> = arrivals.iter().map(|a| (a.msg_seq_num, a.msg_type)).collect();
    assert_eq!(order, [(2, b'D'), (3, b'G'), (4, b'G'), (5, b'F')]);
    assert!(arrivals.iter().all(|a| a.sender.as_str() == "TAUT" && !a.poss_dup));
    assert!(arrivals.iter().all(|a| a.outcome == Outcome::Arrived));
    assert_eq!(world.venue.take_arrivals().count(), 0);
}

#[test]
fn every_command_that_was_sent_is_in_the_arrival_log_with_how_far_it_came() {
    let mut world = World::new();
    let mut peer = world.trader();
    let time = world.time();
    let order = |id: &str, symbol: &str, rest: &str| {
        format!("D|11={id}|38=1|40=2|54=1|55={symbol}|59=1|60={time}|{rest}")
    };
    let mut bytes = Vec::new();
    for command in [
        order("1", "BTC/USD", "44=100|"),
        order("2", "BTC/USD", ""),
        order("3", "NO/NO", "44=100|"),
        order("", "BTC/USD", "44=100|"),
        format!("H|11=1|37=O|55=BTC/USD|60={time}|"),
        "1|112=x|".to_owned(),
        format!("F|11=4|41=9|54=1|55=BTC/USD|60={time}|"),
        format!("F|11=5|41=1|54=1|55=BTC/USD|60={time}|"),
        order("5", "BTC/USD", "44=100|"),
        // Rejected by the engine: it arrived.
        order("6", "BTC/USD", "44=99999999|"),
        format!("G|11=7|38=1|40=2|44=1|54=1|55=BTC/USD|59=1|60={time}|"),
        format!("q|11=8|60={time}|530=7|"),
    ] {
        bytes.extend(world.message(&mut peer, &command));
    }
    // Behind a gap: the session takes it only once it is sent again.
    peer.next_out += 1;
    bytes.extend(world.message(&mut peer, &order("9", "BTC/USD", "44=100|")));
    world.venue.received(peer.id, &bytes, world.now);
    let told: Vec<String> = world
        .venue
        .take_arrivals()
        .map(|a| {
            let id = a.cl_ord_id.map_or("-".to_owned(), |id| id.to_string());
            format!("{} {} {id} {}", a.msg_seq_num, char::from(a.msg_type), a.outcome.word())
        })
        .collect();
    assert_eq!(
        told,
        [
            "2 D 1 arrived",
            "3 D 2 gateway",
            "4 D 3 oes",
            "5 D - gateway",
            "8 F 4 oes",
            "9 F 5 arrived",
            "10 D 5 oes",
            "11 D 6 arrived",
            "12 G 7 gateway",
            "13 q 8 arrived",
            "15 D 9 gateway",
        ]
    );
}

#[test]
fn a_filled_part_survives_an_amend_below_it() {
    let mut world = World::new();
    let (mut maker, mut taker) = (world.trader(), world.logon("OTHER", Service::SpotTrading));
    let id = get(&world.limit(&mut maker, 1, 2, "2", "100")[0], 37).unwrap().to_string();
    world.limit(&mut taker, 1, 1, "1.5", "100");
    world.take(maker.id);
    let time = world.time();
    let amend = format!("G|11=2|37={id}|38=1|40=2|41=1|44=100|54=2|55=BTC/USD|59=1|60={time}|");
    let reports = world.send(&mut maker, &amend);
    assert_eq!(states(&reports), ["5 5 2 1 1.5 1.5 0.0", "4 4 2 - 1.5 1.5 0.0"]);
    assert_eq!(world.venue.open_orders("TAUT"), 0);
}

#[test]
fn a_status_request_finds_live_and_ended_orders() {
    let mut world = World::new();
    let mut peer = world.trader();
    let id = get(&world.limit(&mut peer, 1, 1, "1", "100")[0], 37).unwrap().to_string();
    let status = format!("H|11=1|37={id}|55=BTC/USD|");
    let answers = world.send(&mut peer, &status);
    assert_eq!(states(&answers), ["I 0 1 - 1.0 0.0 1.0"]);
    assert_eq!(get(&answers[0], 58), None);
    let time = world.time();
    world.send(&mut peer, &format!("F|11=2|41=1|54=1|55=BTC/USD|60={time}|"));
    assert_eq!(states(&world.send(&mut peer, &status)), ["I 4 1 - 1.0 0.0 0.0"]);
    let mut other = world.logon("OTHER", Service::SpotTrading);
    let answers = world.send(&mut other, &status);
    assert_eq!(values(&answers[0], &[35, 372, 380]), "j H 101", "not the order of another");
}

#[test]
fn a_mass_cancel_has_the_scope_that_it_names() {
    let mut world = World::new();
    let mut old = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    world.limit(&mut old, 1, 1, "1", "100");
    world.lose(&old);
    let mut peer = world.trader();
    let mut other = world.logon("OTHER", Service::SpotTrading);
    world.limit(&mut other, 1, 1, "1", "100");
    world.limit(&mut peer, 2, 1, "1", "100");
    let time = world.time();
    let ether = format!("D|11=3|38=1|40=2|44=10|54=1|55=ETH/USD|59=1|60={time}|");
    world.send(&mut peer, &ether);
    let mut cancelled = |world: &mut World, request: &str| -> Vec<String> {
        let reports = world.send(&mut peer, request);
        reports.iter().map(|report| values(report, &[150, 11, 41])).collect()
    };
    let by_symbol = format!("q|11=4|55=BTC/USD|60={time}|530=1|");
    assert_eq!(cancelled(&mut world, &by_symbol), ["4 2 -"]);
    let of_session = format!("q|11=5|60={time}|530=6|");
    assert_eq!(cancelled(&mut world, &of_session), ["4 3 -"]);
    assert!(cancelled(&mut world, &format!("q|11=6|60={time}|530=6|")).is_empty(), "silence");
    let of_sender = format!("q|11=7|60={time}|530=7|");
    assert_eq!(cancelled(&mut world, &of_sender), ["4 1 -"]);
    assert_eq!(world.venue.open_orders("OTHER"), 1);
}

#[test]
fn a_lost_connection_cancels_its_orders_and_nothing_else() {
    let mut world = World::new();
    let mut peer = world.trader();
    let mut other = world.logon("OTHER", Service::SpotTrading);
    world.limit(&mut peer, 1, 1, "1", "100");
    world.limit(&mut other, 1, 1, "1", "99");
    world.lose(&peer);
    assert_eq!((world.venue.open_orders("TAUT"), world.venue.open_orders("OTHER")), (0, 1));
    assert_eq!(world.venue.balance("TAUT", "USD").unwrap().held, 0);
    let stats = world.venue.stats();
    assert_eq!((stats.reports_lost, stats.replay.kept), (0, 1));
}

#[test]
fn orders_stay_if_the_client_said_so_or_logged_out() {
    let mut world = World::new();
    let mut stays = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    world.limit(&mut stays, 1, 1, "1", "100");
    world.lose(&stays);
    assert_eq!(world.venue.open_orders("TAUT"), 1);
    let mut leaves = world.logon("OTHER", Service::SpotTrading);
    world.limit(&mut leaves, 1, 1, "1", "100");
    let answers = world.send(&mut leaves, "5|58=bye|");
    assert_eq!(get(&answers[0], 35), Some("5"));
    world.lose(&leaves);
    assert_eq!(world.venue.open_orders("OTHER"), 1, "a clean logout cancels nothing");
}

#[test]
fn the_reach_of_cancel_and_amend_is_a_switch() {
    for (scope, reached) in [(Scope::Connection, "j"), (Scope::SenderCache, "8")] {
        let mut config = config();
        config.switches.cancel_scope = scope;
        config.switches.amend_scope = scope;
        let mut world = World::with(&config);
        let mut old = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
        let id = get(&world.limit(&mut old, 1, 1, "1", "100")[0], 37).unwrap().to_string();
        world.lose(&old);
        let mut peer = world.trader();
        let time = world.time();
        let amend = format!("G|11=2|37={id}|38=2|40=2|41=1|44=100|54=1|55=BTC/USD|59=1|60={time}|");
        assert_eq!(get(&world.send(&mut peer, &amend)[0], 35), Some(reached));
        let cancel = format!("F|11=3|37={id}|54=1|55=BTC/USD|60={time}|");
        assert_eq!(get(&world.send(&mut peer, &cancel)[0], 35), Some(reached));
    }
}

#[test]
fn a_fill_reaches_the_client_on_its_next_connection() {
    let mut world = World::new();
    let mut old = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    world.limit(&mut old, 1, 1, "1", "100");
    world.lose(&old);
    let peer = world.trader();
    let mut other = world.logon("OTHER", Service::SpotTrading);
    world.limit(&mut other, 1, 2, "1", "100");
    assert_eq!(states(&world.take(peer.id)), ["F 2 1 - 1.0 1.0 0.0"]);
}

#[test]
fn an_alias_names_the_listed_pair() {
    let mut world = World::new();
    let mut peer = world.trader();
    let time = world.time();
    let order = format!("D|11=1|38=1|40=2|44=100|54=1|55=XBT/USD|59=1|60={time}|");
    assert_eq!(get(&world.send(&mut peer, &order)[0], 55), Some("BTC/USD"));
}

/// OrderID and number of the trade of a taker on spot, at a venue that has just begun.
fn first_ids(config: &VenueConfig) -> String {
    let mut world = World::with(config);
    let mut maker = world.logon("OTHER", Service::SpotTrading);
    let mut taker = world.trader();
    world.limit(&mut maker, 1, 2, "1", "100");
    let reports = world.limit(&mut taker, 1, 1, "1", "100");
    let fill = reports.iter().find(|one| get(one, 150) == Some("F")).unwrap();
    values(fill, &[37, 527])
}

#[test]
fn a_fresh_venue_gives_other_ids_by_another_seed_and_the_command_takes_one_from_the_clock() {
    let seeded = |id_seed| first_ids(&VenueConfig { id_seed, ..config() });
    assert_eq!(seeded(None), seeded(None), "embedded");
    assert_eq!(seeded(Some(7)), seeded(Some(7)));
    let all = [seeded(None), seeded(Some(7)), seeded(Some(8))];
    for (at, one) in all.iter().enumerate() {
        for other in &all[..at] {
            let [ours, theirs] = [one, other].map(|ids| ids.split_once(' ').unwrap());
            assert!(ours.0 != theirs.0 && ours.1 != theirs.1, "{all:?}");
        }
    }
    let order = crate::matching::OrderRef::from_bits(1);
    let start = UtcTime::parse(START).unwrap();
    let fresh = |id_seed, now| {
        let config = VenueConfig { id_seed, ..config() };
        let venue = crate::Venue::new(&config, None, start.plus_nanos(now)).unwrap();
        [venue.engine().order_id(order), venue.derivatives().order_id(order)]
    };
    assert_ne!(fresh(None, 1)[0], fresh(None, 2)[0]);
    assert_ne!(fresh(None, 1)[1], fresh(None, 2)[1]);
    assert_eq!(fresh(Some(7), 1), fresh(Some(7), 2));
}

#[test]
fn a_venue_that_goes_on_with_its_state_goes_on_with_its_ids() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = VenueConfig { id_seed: Some(7), ..config() };
    config.state.dir = Some(dir.path().to_owned());
    let mut world = World::with(&config);
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    let reports = world.limit(&mut peer, 1, 1, "1", "100");
    let order = get(&reports[0], 37).unwrap().to_owned();
    let (now, number) = (world.now, peer.next_out);
    drop(world);
    config.id_seed = Some(8);
    let mut world = World::at(&config, now.plus_nanos(1_000_000_000));
    let body = world.logon_body("TAUT", Service::SpotTrading, number, "141=N|");
    let (id, _) = world.try_logon(Service::SpotTrading, &body);
    let mut peer = Peer { id, next_out: number + 1, ..peer };
    let answers = world.send(&mut peer, &format!("H|11=1|37={order}|55=BTC/USD|"));
    assert_eq!(values(&answers[0], &[150, 39, 37]), format!("I 0 {order}"), "{answers:?}");
}
