//! What the venue does on purpose: faults of a session, lost instances, routing, the script.

use taut_codec::value::UtcTime;

use super::harness::*;
use crate::config::VenueConfig;
use crate::gateway::{Fault, Instance, RoutingMode};
use crate::venue::Step;
use crate::{Outcome, Service};

const TRADING: Service = Service::SpotTrading;

fn with(change: impl FnOnce(&mut VenueConfig)) -> World {
    let mut config = config();
    change(&mut config);
    World::with(&config)
}

fn suffer(world: &mut World, fault: Fault) {
    let step = Step::Session { sender: "TAUT".into(), service: TRADING, fault };
    assert!(world.venue.control(&step, world.now));
}

fn tell(world: &mut World, peer: &mut Peer, text: &str) {
    let bytes = world.message(peer, text);
    world.venue.received(peer.id, &bytes, world.now);
}

#[test]
fn a_stalled_session_is_silent_and_then_says_all() {
    let mut world = World::new();
    let mut peer = world.trader();
    suffer(&mut world, Fault::Stall(500_000_000));
    tell(&mut world, &mut peer, "1|112=x|");
    assert!(world.take_bytes(peer.id).is_empty());
    assert_eq!(world.venue.next_deadline(), world.now.plus_nanos(500_000_000));
    world.pass(500);
    assert_eq!(get(&world.take(peer.id)[0], 112), Some("x"));
    assert!(world.venue.next_deadline() > world.now, "a stall that is over wakes nobody any more");
}

#[test]
fn a_delayed_session_says_everything_later_in_the_same_order() {
    let mut world = World::new();
    let mut peer = world.trader();
    suffer(&mut world, Fault::Delay(100_000_000));
    for id in ["a", "b"] {
        tell(&mut world, &mut peer, &format!("1|112={id}|"));
        assert!(world.take_bytes(peer.id).is_empty());
        world.pass(60);
    }
    assert_eq!(world.take(peer.id).len(), 1, "120 ms after a, 60 ms after b");
    world.pass(40);
    assert_eq!(get(&world.take(peer.id)[0], 112), Some("b"));
    suffer(&mut world, Fault::Delay(0));
    tell(&mut world, &mut peer, "1|112=c|");
    assert_eq!(get(&world.take(peer.id)[0], 112), Some("c"));
}

#[test]
fn a_cut_connection_ends_in_the_middle_of_a_message() {
    let mut world = World::new();
    let mut peer = world.trader();
    world.limit(&mut peer, 1, 1, "1", "100");
    suffer(&mut world, Fault::Cut);
    assert!(!world.venue.should_close(peer.id));
    tell(&mut world, &mut peer, "1|112=x|");
    let bytes = world.take_bytes(peer.id);
    assert_eq!(bytes.len(), 30);
    assert!(bytes.starts_with(b"8=FIX.4.4\x019="));
    assert_eq!(world.take_bytes(peer.id).len(), 0);
    assert!(world.venue.should_close(peer.id) && world.venue.outbox(peer.id).is_empty());
    world.lose(&peer);
    assert_eq!(world.venue.open_orders("TAUT"), 0, "a lost connection");
}

#[test]
fn a_half_open_connection_neither_hears_nor_speaks() {
    let mut world = World::new();
    let mut peer = world.trader();
    suffer(&mut world, Fault::HalfOpen);
    world.limit(&mut peer, 1, 1, "1", "100");
    assert!(world.take_bytes(peer.id).is_empty());
    assert_eq!(world.venue.open_orders("TAUT"), 0);
    assert!(!world.venue.should_close(peer.id));
}

#[test]
fn a_jump_of_the_number_is_a_gap_that_the_client_can_ask_about() {
    let mut world = World::new();
    let mut peer = world.trader();
    suffer(&mut world, Fault::SequenceJump(7));
    let answer = &world.send(&mut peer, "1|112=x|")[0];
    assert_eq!(values(answer, &[35, 34]), "0 9", "2 was next");
    let answers = world.send(&mut peer, "2|7=2|16=8|");
    assert_eq!(values(&answers[0], &[35, 34, 43, 123, 36]), "4 2 Y Y 9");
}

#[test]
fn a_storm_of_resend_requests_asks_for_everything_again_and_again() {
    let mut world = World::new();
    let mut peer = world.trader();
    suffer(&mut world, Fault::ResendStorm(20));
    let storm = world.take(peer.id);
    assert_eq!(storm.len(), 20);
    assert!(storm.iter().all(|one| values(one, &[35, 7, 16]) == "2 1 0"), "{storm:?}");
    assert_eq!(get(&world.send(&mut peer, "1|112=x|")[0], 112), Some("x"));
}

#[test]
fn a_report_may_come_more_than_once_with_the_same_exec_id() {
    let mut world = World::new();
    let mut peer = world.trader();
    assert!(world.venue.control(&Step::ReportCopies(2), world.now));
    let reports = world.limit(&mut peer, 1, 1, "1", "100");
    assert_eq!(reports.len(), 4);
    for pair in reports.chunks(2) {
        assert_eq!(get(&pair[0], 17), get(&pair[1], 17));
        assert_ne!(get(&pair[0], 34), get(&pair[1], 34), "not a resend: a message of its own");
    }
}

fn command(world: &mut World, text: &str) {
    world.venue.command(text, world.now).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn one_report_comes_late_with_its_own_exec_id_while_others_go_on() {
    let mut world = World::new();
    let mut maker = world.logon("OTHER", TRADING);
    let mut peer = world.trader();
    world.limit(&mut maker, 1, 2, "1", "100");
    world.limit(&mut peer, 1, 1, "0.1", "90");
    command(&mut world, "late-report TAUT spot-trading 500ms");
    let first = world.limit(&mut peer, 2, 1, "0.3", "100");
    let types: Vec<String> = first.iter().map(|one| values(one, &[11, 150])).collect();
    assert_eq!(types, ["2 0", "2 F"], "150=A is held back: {first:?}");
    let second = world.limit(&mut peer, 3, 1, "0.1", "91");
    assert_eq!(second.len(), 2, "one report, and no other");
    assert_eq!(world.venue.next_deadline(), world.now.plus_nanos(500_000_000));
    world.pass(500);
    world.venue.tick(world.now);
    let late = world.take(peer.id);
    assert_eq!(late.len(), 1, "{late:?}");
    assert_eq!(values(&late[0], &[11, 150, 14]), "2 A 0.0", "as it was when it was made");
    let number = |message: &str| get(message, 34).unwrap().parse::<u64>().unwrap();
    assert_eq!(number(&late[0]), number(&second[1]) + 1, "no gap");
    let made = |message: &str| get(message, 17).unwrap().to_owned();
    assert!(first.iter().all(|one| made(one) != made(&late[0])));
    world.pass(1_000);
    world.venue.tick(world.now);
    assert!(world.take(peer.id).is_empty(), "once");
}

#[test]
fn a_fill_that_is_reported_late_survives_a_kill_of_the_venue() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config();
    config.state.dir = Some(dir.path().to_owned());
    let mut world = World::with(&config);
    let mut maker = world.logon_with("OTHER", TRADING, "141=Y|8674=1|");
    let mut peer = world.logon_with("TAUT", TRADING, "141=Y|8674=1|");
    world.limit(&mut peer, 1, 1, "1", "100");
    command(&mut world, "late-report TAUT spot-trading 5s");
    world.limit(&mut maker, 1, 2, "1", "100");
    assert!(world.take(peer.id).is_empty(), "the fill is held back");
    let now = world.now;
    drop(world);
    let mut world = World::at(&config, now.plus_nanos(6_000_000_000));
    let body = world.logon_body("TAUT", TRADING, peer.next_out, "141=N|");
    let (id, _) = world.try_logon(TRADING, &body);
    let mut peer = Peer { id, next_out: peer.next_out + 1, ..peer };
    let told = world.send(&mut peer, "2|7=1|16=0|");
    let fills: Vec<_> = told.iter().filter(|one| get(one, 150) == Some("F")).collect();
    assert_eq!(fills.len(), 1, "{told:?}");
    assert_eq!(values(fills[0], &[39, 31, 32, 5050]), "2 100.0 1.0 0");
}

#[test]
fn a_storm_that_finds_no_room_is_none_and_says_why() {
    let mut world = World::new();
    let peer = world.trader();
    // Nobody reads.
    let storm = "resend-storm TAUT spot-trading 5000";
    let mut storms = 0;
    let error = loop {
        let before = world.venue.outbox(peer.id).pending().len();
        match world.venue.command(storm, world.now) {
            Ok(()) => storms += 1,
            Err(error) => {
                assert_eq!(world.venue.outbox(peer.id).pending().len(), before, "not a part of it");
                break error.to_string();
            }
        }
        assert!(storms < 10);
    };
    assert!(storms > 0 && error.contains("too much waits already"), "{storms}: {error}");
}

#[test]
fn the_status_of_trading_is_what_pairs_take_or_what_is_said_alone() {
    let mut world = World::new();
    let mut peer = world.trader();
    let mut viewer = world.logon("TAUT", Service::SpotMarketData);
    let mut said = |world: &mut World| {
        get(&world.send(&mut viewer, "g|335=S|336=SESSION|263=0|")[0], 340).unwrap().to_owned()
    };
    command(&mut world, "session-status maintenance");
    assert_eq!(said(&mut world), "1");
    assert_eq!(get(&world.limit(&mut peer, 1, 1, "1", "100")[0], 150), Some("A"), "it is taken");
    command(&mut world, "trading maintenance");
    assert_eq!(said(&mut world), "1");
    let refused = world.limit(&mut peer, 2, 1, "1", "100");
    assert!(get(&refused[0], 58).unwrap().contains("EService:Unavailable"), "{refused:?}");
    command(&mut world, "trading online");
    assert_eq!(said(&mut world), "2");
    assert_eq!(get(&world.limit(&mut peer, 3, 1, "1", "100")[0], 150), Some("A"));
}

#[test]
fn a_step_that_cannot_be_done_says_why_not() {
    let mut world = World::new();
    for (text, why) in [
        ("index BTC/USD 0.00000001", "the price does not fit the instrument"),
        ("index NO/NO 1", "there is no such instrument"),
        ("prices NO/NO off", "there is no such instrument"),
        ("logout NOBODY spot-trading bye", "there is no such client"),
        ("logout TAUT spot-trading bye", "there is nothing now that it could be done to"),
        ("late-report TAUT spot-market-data 1s", "there are no reports on this service"),
        ("late-report TAUT derivatives-trading 1s", "not of the market of this service"),
    ] {
        let error = world.venue.command(text, world.now).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_lost_instance_takes_its_sessions_with_it_and_the_next_logon_goes_elsewhere() {
    let mut world = World::new();
    let taut = world.trader();
    let other = world.logon("OTHER", TRADING);
    assert_eq!(world.venue.stats().instances, [1, 1]);
    let step = |number, up| Step::Instance { instance: Instance(number), up };
    assert!(world.venue.control(&step(0, false), world.now));
    assert!(!world.venue.control(&step(9, false), world.now));
    assert!(world.venue.should_close(taut.id) && !world.venue.should_close(other.id));
    world.lose(&taut);
    world.trader();
    assert_eq!(world.venue.stats().instances, [0, 2]);
    assert!(world.venue.control(&step(1, false), world.now));
    let body = world.logon_body("TAUT", Service::SpotMarketData, 1, "141=Y|");
    let (id, answers) = world.try_logon(Service::SpotMarketData, &body);
    assert!(answers.is_empty() && world.venue.should_close(id), "no instance is up");
}

/// ClOrdIDs in the order in which they came to the order entry service.
fn arrivals(mode: RoutingMode, seed: u64) -> (Vec<u64>, usize) {
    let mut world = with(|config| {
        config.gateway_instances = 4;
        config.routing.mode = mode;
        config.routing.seed = seed;
    });
    let mut peer = world.trader();
    for id in 1..=50 {
        let time = world.time();
        let order = format!("D|11={id}|38=1|40=2|44=100|54=1|55=BTC/USD|59=1|60={time}|");
        tell(&mut world, &mut peer, &order);
        world.now = world.now.plus_nanos(100_000);
    }
    let end = world.now.plus_nanos(10_000_000);
    while world.venue.next_deadline() <= end {
        world.now = world.now.max(world.venue.next_deadline());
        world.venue.tick(world.now);
    }
    let arrived: Vec<_> = world.venue.take_arrivals().collect();
    let refused = arrived.iter().filter(|one| one.outcome == Outcome::RefusedByOes).count();
    (arrived.iter().map(|one| one.cl_ord_id.unwrap().as_numeric().unwrap()).collect(), refused)
}

#[test]
fn sticky_routing_keeps_the_order_of_a_session_and_spreading_its_messages_does_not() {
    let sent: Vec<u64> = (1..=50).collect();
    for seed in 1..=20 {
        assert_eq!(arrivals(RoutingMode::Sticky, seed), (sent.clone(), 0), "seed {seed}");
        let (mut arrived, refused) = arrivals(RoutingMode::WebsocketLike, seed);
        assert_ne!(arrived, sent, "seed {seed}");
        assert!(refused > 0, "an id that was overtaken is not increasing any more");
        assert_eq!((arrived.clone(), refused), arrivals(RoutingMode::WebsocketLike, seed));
        arrived.sort_unstable();
        assert_eq!(arrived, sent, "nothing is lost, nothing comes twice");
    }
}

#[test]
fn the_script_of_the_configuration_is_followed_by_the_clock() {
    let mut world = with(|config| {
        config.control = [
            "2s market BTC/USD cancel_only",
            "1s drop TAUT spot-trading",
            "1s drop OTHER spot-trading",
            "3s roll-over",
        ]
        .map(str::to_owned)
        .to_vec();
    });
    let start = world.now;
    let peer = world.trader();
    assert_eq!(world.venue.next_deadline(), start.plus_nanos(1_000_000_000));
    world.pass(1_000);
    world.venue.tick(world.now);
    assert!(world.venue.should_close(peer.id));
    let missed: Vec<String> = world.venue.steps_missed().iter().map(ToString::to_string).collect();
    let other = r#""1s drop OTHER spot-trading": there is nothing now that it could be done to"#;
    assert_eq!(missed, [other], "OTHER is not there");
    assert_eq!(world.venue.stats().steps_missed, 1);
    world.lose(&peer);
    let mut peer = world.trader();
    world.pass(1_000);
    world.venue.tick(world.now);
    let answers = world.limit(&mut peer, 1, 1, "1", "100");
    assert!(get(&answers[0], 58).unwrap().contains("cancel_only"), "{answers:?}");
    world.pass(1_000);
    world.venue.tick(world.now);
    assert_eq!(get(&world.take(peer.id)[0], 58), Some("Daily rollover"));
}

#[test]
fn a_step_of_the_script_about_what_the_venue_does_not_have_is_refused_at_the_start() {
    for (step, why) in [
        ("1s drop NOBODY spot-trading", "there is no such client"),
        ("1s drop TAUT derivatives-trading", "the client is not of the market of this service"),
        ("1s market FOO/USD online", "there is no such instrument"),
        ("1s instance 2 stop", "there is no such instance: they count from 0"),
    ] {
        let mut config = config();
        config.control = vec![step.into()];
        let refused = World::try_at(&config, UtcTime(1_800_000_000_000_000_000)).err().unwrap();
        assert_eq!(refused.to_string(), format!("configuration, control: {step:?}: {why}"));
    }
}
