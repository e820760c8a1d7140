//! How sessions end: cancel on disconnect (venue file 2.3), takeover, safeguards (3.7) and the rollover
//! (3.5).

use super::harness::*;
use crate::Service;
use crate::config::{DuplicateLogon, RolloverClosed, RolloverNotice, VenueConfig};
use crate::gateway::{GarbledInput, Logons};
use crate::oes::Scope;

fn with(change: impl FnOnce(&mut VenueConfig)) -> World {
    let mut config = config();
    change(&mut config);
    World::with(&config)
}

/// A session with one order.
fn with_order(world: &mut World) -> Peer {
    let mut peer = world.trader();
    world.limit(&mut peer, 1, 1, "1", "100");
    peer
}

fn open(world: &World) -> usize {
    world.venue.open_orders("TAUT")
}

fn until(world: &mut World, time: &str) {
    world.now = taut_codec::value::UtcTime::parse(time.as_bytes()).unwrap();
    world.venue.tick(world.now);
}

#[test]
fn the_cancels_of_a_lost_connection_wait_for_the_grace_period() {
    let mut world = with(|config| config.switches.session.cancel_grace_ms = 1_500);
    let peer = with_order(&mut world);
    world.lose(&peer);
    assert_eq!(world.venue.next_deadline(), world.now.plus_nanos(1_500_000_000));
    world.pass(1_499);
    world.venue.tick(world.now);
    assert_eq!(open(&world), 1);
    world.pass(1);
    world.venue.tick(world.now);
    assert_eq!(open(&world), 0);
}

#[test]
fn a_clean_logout_cancels_by_switch() {
    for (switch, left) in [(false, 1), (true, 0)] {
        let mut world = with(|config| config.switches.session.logout_cancels = switch);
        let mut peer = with_order(&mut world);
        world.send(&mut peer, "5|");
        world.lose(&peer);
        assert_eq!(open(&world), left);
    }
}

#[test]
fn a_heartbeat_time_out_cancels_by_switch() {
    for (switch, left) in [(true, 0), (false, 1)] {
        let mut world = with(|config| config.switches.session.timeout_cancels = switch);
        let peer = with_order(&mut world);
        while !world.venue.should_close(peer.id) {
            world.now = world.now.max(world.venue.next_deadline());
            world.venue.tick(world.now);
        }
        assert!(world.time().as_str() > "20260407-14:34", "two silences of 72 s");
        world.lose(&peer);
        assert_eq!(open(&world), left);
    }
}

#[test]
fn the_second_logon_of_a_comp_id_takes_the_session_over_by_switch() {
    for (switch, left) in [(true, 0), (false, 1)] {
        let mut world = with(|config| {
            config.switches.session.duplicate_logon = DuplicateLogon::Evict;
            config.switches.session.takeover_cancels = switch;
        });
        let first = with_order(&mut world);
        world.pass(1);
        let body = world.logon_body("TAUT", Service::SpotTrading, 3, "141=N|");
        let forged = body.replace("553=APIKEY", "553=GUESS");
        let (intruder, _) = world.try_logon(Service::SpotTrading, &forged);
        assert!(world.venue.should_close(intruder));
        assert!(!world.venue.should_close(first.id), "a wrong key evicts nobody");
        world.venue.disconnected(intruder, world.now);
        let (second, answers) = world.try_logon(Service::SpotTrading, &body);
        assert_eq!(get(&answers[0], 35), Some("A"), "{answers:?}");
        assert!(world.venue.should_close(first.id) && world.take(first.id).is_empty());
        assert_eq!(open(&world), left);
        // The end of the evicted connection is not that of the session.
        world.lose(&first);
        assert_eq!(world.venue.connection("TAUT", Service::SpotTrading), Some(second));
        let mut peer = Peer { id: second, next_out: 4, ..first };
        assert_eq!(get(&world.send(&mut peer, "1|112=x|")[0], 112), Some("x"));
        assert_eq!(world.venue.stats().instances, [1, 0]);
    }
}

#[test]
fn cancels_of_a_lost_session_reach_nothing_of_the_next_one() {
    let mut world = with(|config| config.switches.session.cancel_grace_ms = 1_000);
    let peer = with_order(&mut world);
    world.lose(&peer);
    let mut peer = world.trader();
    world.limit(&mut peer, 2, 1, "1", "100");
    world.pass(1_000);
    world.venue.tick(world.now);
    assert_eq!(open(&world), 1);
}

#[test]
fn too_many_errors_in_a_second_end_the_session_and_cancel_its_orders() {
    let mut world = with(|config| config.switches.session.errors_per_second_max = 5);
    let mut peer = with_order(&mut world);
    // By turns: a reject of the session, of the gateway, of the order entry service.
    let time = world.time();
    let bad = ["D|11=2|", "V|262=1|", "F|11=3|41=77|54=1|55=BTC/USD|60=20260407-14:32:01|"];
    for body in bad.iter().cycle().take(5) {
        let answers = world.send(&mut peer, body);
        assert!(matches!(get(&answers[0], 35), Some("3" | "j")), "{body}: {answers:?}");
    }
    world.pass(1_000);
    for _ in 0..5 {
        world.send(&mut peer, "D|11=2|");
    }
    assert!(!world.venue.should_close(peer.id), "five in each of two seconds");
    let answers = world.send(&mut peer, "D|11=2|");
    assert_eq!(values(answers.last().unwrap(), &[35, 58]), "5 Too many errors");
    assert!(world.venue.should_close(peer.id));
    assert!(world.send(&mut peer, &format!("q|11=90|60={time}|530=7|")).is_empty());
    assert_eq!(world.venue.stats().error_drops, 1);
    let told: Vec<String> =
        world.venue.take_dropped_sessions().iter().map(ToString::to_string).collect();
    let why = "too many of its messages were refused within a second";
    assert_eq!(told, [format!("session dropped: TAUT on spot-trading: {why}")]);
    world.lose(&peer);
    assert_eq!(open(&world), 0);
    let mut peer = world.trader();
    world.send(&mut peer, "D|11=2|");
    assert!(
        !world.venue.should_close(peer.id),
        "the errors of one connection are not the next one's"
    );
}

#[test]
fn garbled_input_counts_as_an_error_whether_it_is_answered_or_not() {
    for garbled in [GarbledInput::Reject, GarbledInput::PassOver] {
        let mut world = with(|config| {
            config.switches.session.errors_per_second_max = 3;
            config.switches.garbled = garbled;
        });
        let peer = world.trader();
        let broken = b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01";
        let send = |world: &mut World, bytes: &[u8]| {
            world.venue.received(peer.id, bytes, world.now);
            world.take(peer.id)
        };
        // What comes in pieces is one error, and so is noise between two messages.
        assert_eq!(send(&mut world, b"noise").len(), usize::from(garbled == GarbledInput::Reject));
        assert!(send(&mut world, b", and more of it").is_empty());
        for _ in 0..2 {
            let answers = send(&mut world, broken);
            let expected = if garbled == GarbledInput::Reject { vec!["3"] } else { vec![] };
            let types: Vec<&str> = answers.iter().filter_map(|one| get(one, 35)).collect();
            assert_eq!(types, expected);
        }
        assert!(!world.venue.should_close(peer.id));
        let answers = send(&mut world, broken);
        assert_eq!(values(answers.last().unwrap(), &[35, 58]), "5 Too many errors", "{garbled:?}");
        assert!(world.venue.should_close(peer.id));
    }
}

#[test]
fn refused_market_data_requests_count_as_errors_and_answered_ones_do_not() {
    let list = "x|320=a|559=1|167=BOND|";
    let bad = [
        ("V|262=a|263=1|264=10|265=1|146=1|55=NO/PAIR|267=2|269=0|269=1|", "Y", 0),
        ("g|335=a|336=NONE|263=0|", "h", 567),
        (list, "y", 560),
    ];
    let good = "g|335=b|336=SESSION|263=0|";
    for (body, answered, tag) in bad {
        let mut world = with(|config| config.switches.session.errors_per_second_max = 3);
        let mut peer = world.logon("TAUT", Service::SpotMarketData);
        for _ in 0..5 {
            assert_eq!(get(&world.send(&mut peer, good)[0], 35), Some("h"), "no error");
        }
        for _ in 0..3 {
            let answers = world.send(&mut peer, body);
            assert_eq!(get(&answers[0], 35), Some(answered), "{answers:?}");
            assert!(tag == 0 || get(&answers[0], tag).is_some(), "{answers:?}");
        }
        assert!(!world.venue.should_close(peer.id), "{body}");
        let answers = world.send(&mut peer, body);
        assert_eq!(values(&answers[0], &[35, 58]), "5 Too many errors", "{body}");
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert!(world.venue.should_close(peer.id));
    }
}

#[test]
fn wrong_logons_lock_a_client_out_by_switch() {
    let mut world = with(|config| {
        config.switches.session.lockout_after = 3;
        config.switches.session.lockout_s = 10;
    });
    let logon = |world: &mut World, key: &str| {
        world.pass(1);
        let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|");
        let (id, answers) = world.try_logon(Service::SpotTrading, &body.replace("APIKEY", key));
        let answer = values(&answers[0], &[35, 58]);
        world.venue.disconnected(id, world.now);
        answer
    };
    let wrong = "5 Logon failed: invalid credentials";
    let locked = "5 EGeneral:Temporary lockout";
    assert_eq!([(); 2].map(|()| logon(&mut world, "WRONG")), [wrong, wrong]);
    assert_eq!(logon(&mut world, "APIKEY"), "A -", "a right one starts the count anew");
    assert_eq!([(); 3].map(|()| logon(&mut world, "WRONG")), [wrong; 3]);
    assert_eq!(logon(&mut world, "APIKEY"), locked);
    world.pass(9_900);
    assert_eq!(logon(&mut world, "APIKEY"), locked);
    world.pass(100);
    assert_eq!(logon(&mut world, "APIKEY"), "A -");
}

#[test]
fn a_client_logs_on_from_its_own_addresses_only() {
    let mut world = with(|config| config.clients[0].sources = vec!["192.0.2.0/24".into()]);
    for service in [Service::SpotTrading, Service::SpotMarketData] {
        for (from, let_in) in [("192.0.2.9", true), ("192.0.3.9", false), ("::1", false)] {
            world.pass(1);
            let id = world.venue.connected_from(service, from.parse().unwrap(), world.now);
            let body = world.logon_body("TAUT", service, 1, "141=Y|");
            world.venue.received(id, &fix(&body), world.now);
            assert_eq!(world.take(id).len(), usize::from(let_in), "{from}");
            assert_eq!(world.venue.should_close(id), !let_in);
            world.venue.disconnected(id, world.now);
        }
    }
    let other =
        world.venue.connected_from(Service::SpotTrading, "203.0.113.1".parse().unwrap(), world.now);
    let body = world.logon_body("OTHER", Service::SpotTrading, 1, "141=Y|");
    world.venue.received(other, &fix(&body), world.now);
    assert_eq!(get(&world.take(other)[0], 35), Some("A"), "OTHER may come from anywhere");
}

#[test]
fn a_client_without_the_permission_sees_no_market_data() {
    let mut world = with(|config| config.clients[0].can_see_market_data = false);
    let body = world.logon_body("TAUT", Service::SpotMarketData, 1, "141=Y|");
    let (id, answers) = world.try_logon(Service::SpotMarketData, &body);
    assert_eq!(values(&answers[0], &[35, 58]), "5 EGeneral:Permission denied");
    assert!(world.venue.should_close(id));
    world.trader();
}

#[test]
fn at_ten_in_the_evening_every_session_ends_and_numbers_start_at_one() {
    let mut world = World::new();
    let mut peer = with_order(&mut world);
    let viewer = world.logon("OTHER", Service::SpotMarketData);
    // Just before, so that nothing else is due.
    until(&mut world, "20260407-21:59:59.999");
    world.take(peer.id);
    world.take(viewer.id);
    until(&mut world, "20260407-22:00:00.000");
    for peer in [&peer, &viewer] {
        let last = world.take(peer.id).pop().unwrap_or_default();
        assert_eq!(values(&last, &[35, 58]), "5 Daily rollover", "{last:?}");
        assert!(world.venue.should_close(peer.id));
        world.lose(peer);
    }
    assert_eq!(open(&world), 1, "orders survive (SEED)");
    assert_eq!(world.venue.connection("TAUT", Service::SpotTrading), None);
    let refused = world.venue.connected(Service::SpotTrading, world.now);
    assert!(world.venue.should_close(refused), "closed for 30 s");
    world.venue.disconnected(refused, world.now);
    until(&mut world, "20260407-22:00:30.000");
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=N|");
    let (id, answers) = world.try_logon(Service::SpotTrading, &body);
    assert_eq!(answers.len(), 1, "nothing is missing: {answers:?}");
    assert_eq!(values(&answers[0], &[35, 34, 141]), "A 1 N");
    (peer.id, peer.next_out) = (id, 2);
    let reports = world.limit(&mut peer, 2, 1, "1", "100");
    assert_eq!(values(&reports[0], &[35, 34]), "8 2");
    let cancel = world.send(&mut peer, "F|11=3|41=1|54=1|55=BTC/USD|60=20260407-22:00:30|");
    assert_eq!(
        values(&cancel[0], &[35, 380]),
        "j 101",
        "the order of yesterday is out of F's reach"
    );
    assert!(world.venue.next_deadline().to_fix_millis() < *b"20260408-22:00:00.001");
}

#[test]
fn the_rollover_follows_its_switches() {
    let mut world = with(|config| {
        let session = &mut config.switches.session;
        session.rollover_notice = RolloverNotice::Drop;
        session.rollover_closed = RolloverClosed::Logout;
        session.rollover_window_s = 5;
        session.rollover_cancels = true;
        session.rollover_resets_watermark = true;
    });
    let mut peer = with_order(&mut world);
    let keeper = world.logon_with("OTHER", Service::SpotTrading, "141=Y|8674=1|");
    let mut keeper = Peer { next_out: 2, ..keeper };
    world.limit(&mut keeper, 5, 1, "1", "99");
    world.venue.roll_over(world.now);
    assert!(world.take(peer.id).is_empty() && world.venue.should_close(peer.id));
    world.lose(&peer);
    world.lose(&keeper);
    assert_eq!((open(&world), world.venue.open_orders("OTHER")), (0, 1), "8674 is heard");
    world.pass(1);
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=N|");
    let (id, answers) = world.try_logon(Service::SpotTrading, &body);
    assert_eq!(values(&answers[0], &[35, 58]), "5 Logon failed: daily rollover");
    world.venue.disconnected(id, world.now);
    world.pass(5_000);
    world.venue.tick(world.now);
    peer = world.trader();
    assert_eq!(world.limit(&mut peer, 1, 1, "1", "100").len(), 2, "the watermark is forgotten");
}

#[test]
fn what_the_gateway_remembers_of_a_comp_id_ends_at_the_rollover_by_switch() {
    for (clears, reached) in [(false, "8"), (true, "j")] {
        let mut world = with(|config| {
            config.switches.cancel_scope = Scope::SenderCache;
            config.switches.session.rollover_clears_cache = clears;
            config.switches.session.rollover_window_s = 0;
        });
        let peer = with_order(&mut world);
        world.venue.roll_over(world.now);
        world.lose(&peer);
        let mut peer = world.trader();
        world.limit(&mut peer, 2, 1, "1", "100");
        let time = world.time();
        let cancel = |id, orig| format!("F|11={id}|41={orig}|54=1|55=BTC/USD|60={time}|");
        let answers = world.send(&mut peer, &cancel(3, 1));
        assert_eq!(get(&answers[0], 35), Some(reached), "clears: {clears}");
        assert_eq!(get(&world.send(&mut peer, &cancel(4, 2))[0], 35), Some("8"));
    }
}

#[test]
fn a_connection_that_does_not_close_is_not_taken_into_the_new_day() {
    let mut world = World::new();
    let old = with_order(&mut world);
    world.venue.roll_over(world.now);
    world.pass(2_000);
    world.venue.tick(world.now);
    assert!(world.venue.outbox(old.id).is_empty(), "its Logout is not waited for");
    world.pass(28_000);
    world.venue.tick(world.now);
    let mut peer = world.trader();
    world.lose(&old);
    assert_eq!(get(&world.send(&mut peer, "1|112=x|")[0], 112), Some("x"));
    assert_eq!(open(&world), 1);
}

#[test]
fn a_refused_logon_during_a_stop_of_logons_changes_nothing() {
    let mut world = World::new();
    let mut peer = with_order(&mut world);
    world.venue.set_logons(Logons::CloseSilently);
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|");
    let (id, answers) = world.try_logon(Service::SpotTrading, &body);
    assert!(answers.is_empty() && world.venue.should_close(id));
    assert_eq!(get(&world.send(&mut peer, "1|112=x|")[0], 112), Some("x"));
}

#[test]
fn a_client_without_the_permission_trades_without_leverage_only() {
    let mut world = with(|config| config.clients[0].can_use_margin = false);
    let mut peer = world.trader();
    let time = world.time();
    let order = |id, leverage: &str| {
        format!("D|11={id}|38=1|40=2|44=100|54=1|55=BTC/USD|59=1|60={time}|{leverage}")
    };
    let answers = world.send(&mut peer, &order(1, "5001=1|"));
    assert_eq!(values(&answers[0], &[35, 58]), "j 1 : EOrder:Cannot open position");
    assert_eq!(world.send(&mut peer, &order(2, "5001=0|")).len(), 2);
}
