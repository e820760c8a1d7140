use super::harness::*;
use crate::config::{ClientConfig, LogonRefusal, LowLogonNumber, RefusalNumber};
use crate::gateway::Logons;
use crate::{Service, Venue};

#[test]
fn a_signed_logon_is_answered_with_its_own_fields() {
    let mut world = World::new();
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|");
    let (_, answers) = world.try_logon(Service::SpotTrading, &body);
    let time = "20260407-14:32:01.000";
    let expected = format!("35=A|34=1|49=KRAKEN-TRD|52={time}|56=TAUT|98=0|108=60|141=Y|");
    assert_eq!(answers.len(), 1);
    assert!(answers[0].ends_with(&expected), "{answers:?}");
    assert_eq!(world.venue.stats().sessions_up, 1);
}

#[test]
fn a_market_data_logon_needs_no_credentials() {
    let mut world = World::new();
    world.logon("TAUT", Service::SpotMarketData);
    world.trader();
    assert_eq!(world.venue.stats().sessions_up, 2, "one CompID, two services");
}

#[test]
fn wrong_credentials_are_answered_with_the_documented_logout() {
    let mut world = World::new();
    let good = world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|");
    let bad_password = good.replace("|554=", "|554=A");
    let bad_key = good.replace("APIKEY", "APIKEX");
    let no_nonce = good[..good.find("5025=").unwrap()].to_string();
    let unsigned = good[..good.find("553=").unwrap()].to_string();
    for body in [bad_password, bad_key, no_nonce, unsigned] {
        let (id, answers) = world.try_logon(Service::SpotTrading, &body);
        let tags = [35, 34, 58];
        assert_eq!(values(&answers[0], &tags), "5 2 Logon failed: invalid credentials", "{body}");
        assert!(world.venue.should_close(id));
        world.venue.disconnected(id, world.now);
    }
    let (_, answers) = world.try_logon(Service::SpotTrading, &good);
    assert_eq!(get(&answers[0], 35), Some("A"), "a wrong password locks nobody out");
}

#[test]
fn refusals_follow_their_switches() {
    let mut config = config();
    config.switches.refusal_number = RefusalNumber::Standard;
    let mut world = World::with(&config);
    let bad = world.logon_body("TAUT", Service::SpotTrading, 1, "").replace("APIKEY", "X");
    let (_, answers) = world.try_logon(Service::SpotTrading, &bad);
    assert_eq!(values(&answers[0], &[35, 34]), "5 1");
    config.switches.logon_refusal = LogonRefusal::Silent;
    let mut world = World::with(&config);
    let (id, answers) = world.try_logon(Service::SpotTrading, &bad);
    assert!(answers.is_empty() && world.venue.should_close(id));
}

#[test]
fn whoever_only_knows_a_comp_id_changes_nothing_of_its_session() {
    for refusal_number in [RefusalNumber::Documented, RefusalNumber::Standard] {
        let mut config = config();
        config.switches.refusal_number = refusal_number;
        let mut world = World::with(&config);
        let mut peer = world.trader();
        let intrude = |world: &mut World| {
            for (number, reset) in [(1, "141=Y|"), (3, "141=N|"), (1, ""), (99, "141=N|")] {
                let body = world.logon_body("TAUT", Service::SpotTrading, number, reset);
                let bad = body.replace("553=APIKEY", "553=GUESS");
                // The connection stays: its peer does not close it.
                let (id, answers) = world.try_logon(Service::SpotTrading, &bad);
                let expected =
                    if refusal_number == RefusalNumber::Standard { "5 1" } else { "5 2" };
                assert_eq!(values(&answers[0], &[35, 34]), expected, "{bad}");
                assert!(world.venue.should_close(id));
            }
        };
        intrude(&mut world);
        let reports = world.limit(&mut peer, 1, 1, "1", "100");
        assert_eq!(values(&reports[0], &[35, 34]), "8 2", "the live session is not disturbed");
        world.lose(&peer);
        intrude(&mut world);
        world.pass(1);
        let body = world.logon_body("TAUT", Service::SpotTrading, 3, "141=N|");
        let (_, answers) = world.try_logon(Service::SpotTrading, &body);
        assert_eq!(answers.len(), 1, "nothing is missing: {answers:?}");
        // 4 is the cancel on disconnect, kept for it.
        assert_eq!(values(&answers[0], &[35, 34, 141]), "A 5 N");
    }
}

#[test]
fn a_refused_peer_that_does_not_read_is_not_waited_for() {
    let mut world = World::new();
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "").replace("APIKEY", "X");
    let id = world.venue.connected(Service::SpotTrading, world.now);
    world.venue.received(id, &fix(&body), world.now);
    assert!(!world.venue.outbox(id).is_empty());
    assert_eq!(world.venue.next_deadline(), world.now.plus_nanos(10_000_000_000));
    world.pass(10_000);
    world.venue.tick(world.now);
    assert!(world.venue.should_close(id) && world.venue.outbox(id).is_empty());
    let rollover = taut_codec::value::UtcTime::parse(b"20260407-22:00:00.000").unwrap();
    assert_eq!(world.venue.next_deadline(), rollover, "nothing else is waited for");
}

#[test]
fn a_captured_logon_cannot_be_replayed() {
    let mut world = World::new();
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|");
    let (id, _) = world.try_logon(Service::SpotTrading, &body);
    world.venue.disconnected(id, world.now);
    let (_, answers) = world.try_logon(Service::SpotTrading, &body);
    assert_eq!(get(&answers[0], 35), Some("5"));
    world.pass(1);
    let later = world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|");
    let (_, answers) = world.try_logon(Service::SpotTrading, &later);
    assert_eq!(get(&answers[0], 35), Some("A"), "the refused connection keeps nobody out");
    let mut world = World::new();
    let old = world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|");
    world.pass(5001);
    let (_, answers) = world.try_logon(Service::SpotTrading, &old);
    assert_eq!(get(&answers[0], 35), Some("5"), "the nonce is more than 5 s old");
}

#[test]
fn strangers_get_no_word() {
    let mut world = World::new();
    let good = world.logon_body("TAUT", Service::SpotMarketData, 1, "141=Y|");
    for body in [
        good.replace("49=TAUT", "49=NOBODY"),
        good.replace("56=KRAKEN-MD", "56=KRAKEN-TRD"),
        good.replace("35=A", "35=0"),
        good.replace("35=A", "35=V"),
    ] {
        let (id, answers) = world.try_logon(Service::SpotMarketData, &body);
        assert!(answers.is_empty() && world.venue.should_close(id), "{body}");
    }
}

#[test]
fn a_second_connection_of_a_live_comp_id_is_closed_and_the_first_stays() {
    let mut world = World::new();
    let mut first = world.trader();
    world.pass(1);
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|");
    let (second, answers) = world.try_logon(Service::SpotTrading, &body);
    assert!(answers.is_empty() && world.venue.should_close(second));
    world.venue.disconnected(second, world.now);
    assert_eq!(get(&world.send(&mut first, "1|112=x|")[0], 112), Some("x"));
}

#[test]
fn a_silent_connection_is_closed_after_ten_seconds() {
    let mut world = World::new();
    let id = world.venue.connected(Service::SpotTrading, world.now);
    assert_eq!(world.venue.next_deadline(), world.now.plus_nanos(10_000_000_000));
    world.pass(9_999);
    world.venue.tick(world.now);
    assert!(!world.venue.should_close(id));
    world.pass(1);
    world.venue.tick(world.now);
    assert!(world.venue.should_close(id));
}

#[test]
fn sessions_are_spread_over_the_gateway_instances_and_stick() {
    let mut world = World::new();
    let taut = world.trader();
    world.logon("OTHER", Service::SpotTrading);
    assert_eq!(world.venue.stats().instances, [1, 1]);
    world.logon("TAUT", Service::SpotMarketData);
    world.lose(&taut);
    assert_eq!(world.venue.stats().instances, [1, 1], "both connections of TAUT on instance 0");
    world.trader();
    assert_eq!(world.venue.stats().instances, [2, 1]);
}

#[test]
fn logons_are_refused_on_demand() {
    let mut world = World::new();
    world.venue.set_logons(Logons::Refuse);
    let body = world.logon_body("TAUT", Service::SpotMarketData, 1, "141=Y|");
    let (id, answers) = world.try_logon(Service::SpotMarketData, &body);
    assert_eq!(values(&answers[0], &[35, 58]), "5 Logon refused");
    world.venue.disconnected(id, world.now);
    world.venue.set_logons(Logons::CloseSilently);
    let (id, answers) = world.try_logon(Service::SpotMarketData, &body);
    assert!(answers.is_empty() && world.venue.should_close(id));
    world.venue.disconnected(id, world.now);
    world.venue.set_logons(Logons::Judge);
    world.logon("TAUT", Service::SpotMarketData);
}

#[test]
fn sequence_numbers_go_on_after_a_reconnect() {
    let mut world = World::new();
    let mut peer = world.trader();
    world.limit(&mut peer, 1, 1, "1", "100");
    world.lose(&peer);
    world.pass(1);
    let body = world.logon_body("TAUT", Service::SpotTrading, 3, "141=N|");
    let (_, answers) = world.try_logon(Service::SpotTrading, &body);
    // 1 Logon, 2 PendingNew, 3 New, 4 the cancel on disconnect, which it may ask for.
    assert_eq!(values(&answers[0], &[35, 34, 141]), "A 5 N");
    assert_eq!(answers.len(), 1, "nothing is missing: {answers:?}");
}

#[test]
fn a_logon_with_a_low_number_is_accepted_and_the_reports_are_replayed() {
    for low in [LowLogonNumber::Replay, LowLogonNumber::Logout] {
        let mut config = config();
        config.switches.low_logon_number = low;
        let mut world = World::with(&config);
        let mut peer = world.trader();
        world.limit(&mut peer, 1, 1, "1", "100");
        world.lose(&peer);
        world.pass(1);
        let body = world.logon_body("TAUT", Service::SpotTrading, 2, "141=N|");
        let (id, answers) = world.try_logon(Service::SpotTrading, &body);
        if low == LowLogonNumber::Logout {
            let text = "MsgSeqNum too low, expecting 3 but received 2";
            assert_eq!(values(&answers[0], &[35, 58]), format!("5 {text}"));
            assert!(world.venue.should_close(id));
            continue;
        }
        let told: Vec<_> =
            answers.iter().map(|answer| values(answer, &[35, 34, 43, 150, 36])).collect();
        let reports = ["8 2 Y A -", "8 3 Y 0 -", "8 4 Y 4 -"];
        assert_eq!(told[0], "A 5 - - -");
        assert_eq!((&told[1..4], told[4].as_str()), (&reports.map(String::from)[..], "4 5 Y - 6"));
        // The client goes on from its own number; a low number within the session stays fatal.
        let mut peer = Peer { id, next_out: 3, ..peer };
        let reports = world.limit(&mut peer, 2, 1, "1", "100");
        assert_eq!(values(&reports[0], &[35, 34]), "8 6");
        peer.next_out = 3;
        assert_eq!(get(&world.send(&mut peer, "1|112=x|")[0], 35), Some("5"));
    }
}

#[test]
fn a_client_without_credentials_has_market_data_only() {
    let now = taut_codec::value::UtcTime::parse(START).unwrap();
    let venue = Venue::with_secrets(&config(), None, now, |_| None).unwrap();
    let mut world = World { venue, now };
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|");
    let (_, answers) = world.try_logon(Service::SpotTrading, &body);
    assert_eq!(get(&answers[0], 35), Some("5"));
    world.logon("TAUT", Service::SpotMarketData);
}

#[test]
fn the_venue_can_say_who_may_trade_but_has_no_credentials() {
    let mut config = config();
    let viewer =
        ClientConfig { sender: "VIEWER".into(), can_trade: false, ..ClientConfig::default() };
    config.clients.push(viewer);
    config.clients[1].api_key_env = "OTHER_KEY".into();
    config.clients[1].api_secret_env = "OTHER_SECRET".into();
    let lacking = |secrets: &dyn Fn(&str) -> Option<String>| -> Vec<String> {
        let now = taut_codec::value::UtcTime::parse(START).unwrap();
        let venue = Venue::with_secrets(&config, None, now, secrets).unwrap();
        venue.without_credentials().map(|sender| sender.to_string()).collect()
    };
    assert_eq!(lacking(&|_| None), ["TAUT", "OTHER", "TAUT_DRV"]);
    let only_taut = |name: &str| name.starts_with("TAUT").then(|| "c2VjcmV0".to_owned());
    assert_eq!(lacking(&only_taut), ["OTHER"]);
    assert!(lacking(&|_| Some("c2VjcmV0".to_owned())).is_empty());
}
