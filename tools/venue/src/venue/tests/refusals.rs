//! What whoever runs the venue is told of logons that are refused.

use std::net::IpAddr;

use super::harness::*;
use crate::Service::{self, DerivativesTrading, SpotMarketData, SpotTrading};
use crate::Venue;
use crate::config::{DuplicateLogon, LowLogonNumber, RolloverClosed};
use crate::gateway::Logons;
use crate::limits::REFUSALS_MAX;

const SOURCE: &str = "198.51.100.7";

/// What is told of now.
fn told(world: &mut World) -> Vec<String> {
    world.venue.take_refused_logons(world.now).iter().map(ToString::to_string).collect()
}

/// Somebody sends this, and closes; what is told of it.
fn told_of(world: &mut World, service: Service, bytes: &[u8]) -> Vec<String> {
    let source: IpAddr = SOURCE.parse().unwrap();
    let id = world.venue.connected_from(service, source, world.now);
    world.venue.received(id, bytes, world.now);
    world.take(id);
    world.venue.disconnected(id, world.now);
    told(world)
}

/// The one line that is told of a logon of TAUT to spot trading with `change` made to it.
fn reason(world: &mut World, change: impl Fn(&str) -> String) -> String {
    world.pass(2_000);
    let good = world.logon_body("TAUT", SpotTrading, 1, "141=Y|");
    reason_of(world, &change(&good))
}

fn reason_of(world: &mut World, body: &str) -> String {
    let lines = told_of(world, SpotTrading, &fix(body));
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let start = format!("logon refused: TAUT on spot-trading from {SOURCE}: ");
    line.strip_prefix(&start).unwrap_or_else(|| panic!("{line}")).to_owned()
}

#[test]
fn a_logon_that_is_taken_and_one_that_ends_well_are_told_nothing_of() {
    let mut world = World::new();
    let peer = world.trader();
    world.lose(&peer);
    let id = world.venue.connected(SpotTrading, world.now);
    world.venue.disconnected(id, world.now);
    assert!(told(&mut world).is_empty());
}

#[test]
fn each_reason_to_refuse_a_signature_is_told_by_its_name_and_no_secret_with_it() {
    let mut world = World::new();
    let good = world.logon_body("TAUT", SpotTrading, 1, "141=Y|");
    let password = get(&good, 554).unwrap().to_owned();
    let without = |body: &str, tag: &str| {
        body.split_inclusive('|').filter(|field| !field.starts_with(tag)).collect::<String>()
    };
    type Change<'a> = &'a dyn Fn(&str) -> String;
    let cases: [(Change<'_>, &str); 5] = [
        (
            &|body| body.replace("APIKEY", "APIKEX"),
            "Username(553) is not the API key of the client",
        ),
        (&|body| without(body, "553="), "Username(553) is not the API key of the client"),
        (
            &|body| body.replace("|554=", "|554=A"),
            "Password(554) is wrong: another secret, or other fields were signed",
        ),
        (
            &|body| body.replace("34=1|", "34=2|"),
            "Password(554) is wrong: another secret, or other fields were signed",
        ),
        (&|body| without(body, "5025="), "Nonce(5025) is missing or no number"),
    ];
    for (change, expected) in cases {
        let said = reason(&mut world, change);
        assert_eq!(said, expected);
        assert!(!said.contains(&password) && !said.contains("APIKEY"));
    }
}

#[test]
fn a_nonce_that_is_far_or_old_is_told_with_the_distance() {
    let mut world = World::new();
    let early = world.logon_body("TAUT", SpotTrading, 1, "141=Y|");
    world.pass(5_001);
    assert_eq!(reason_of(&mut world, &early), "Nonce(5025) is 5001 ms behind the venue's time");
    world.pass(10_000);
    let late = world.logon_body("TAUT", SpotTrading, 1, "141=Y|");
    world.now = taut_codec::value::UtcTime(world.now.0 - 7_000_000_000);
    assert_eq!(reason_of(&mut world, &late), "Nonce(5025) is 7000 ms ahead of the venue's time");
    world.pass(20_000);
    let body = world.logon_body("TAUT", SpotTrading, 1, "141=Y|");
    let (id, _) = world.try_logon(SpotTrading, &body);
    world.venue.disconnected(id, world.now);
    assert_eq!(reason_of(&mut world, &body), "Nonce(5025) is not above the last one");
}

#[test]
fn whom_a_logon_is_from_and_for_is_told_if_it_is_no_session_of_the_venue() {
    let mut world = World::new();
    let said = |world: &mut World, from: &str, to: &str, service| {
        world.pass(2_000);
        let good = world.logon_body("TAUT", service, 1, "141=Y|");
        let body = good.replace("49=TAUT|", &format!("49={from}|"));
        let target = format!("56={}|", service.comp_id());
        told_of(world, service, &fix(&body.replace(&target, &format!("56={to}|"))))
    };
    let line = |who: &str, service: &str, why: &str| {
        [format!("logon refused: {who} on {service} from {SOURCE}: {why}")]
    };
    let sender = "SenderCompID(49) is no client of this market";
    let target = "TargetCompID(56) is not this service";
    assert_eq!(
        said(&mut world, "NOBODY", "KRAKEN-MD", SpotMarketData),
        line("NOBODY", "spot-market-data", sender)
    );
    assert_eq!(
        said(&mut world, "TAUT", "KRAKEN-DRV-TRD", DerivativesTrading),
        line("TAUT", "derivatives-trading", sender)
    );
    assert_eq!(
        said(&mut world, "TAUT", "KRAKEN-TRD", SpotMarketData),
        line("TAUT", "spot-market-data", target)
    );
    let long = "X".repeat(100);
    assert_eq!(
        said(&mut world, &long, "KRAKEN-TRD", SpotTrading),
        line(&long[..64], "spot-trading", sender)
    );
    let strange = told_of(&mut world, SpotTrading, &fix("35=A|34=1|49=\u{1b}[2J|56=KRAKEN-TRD|"));
    assert_eq!(strange, line("\\x1b[2J", "spot-trading", sender), "a terminal is not led on");
}

#[test]
fn what_is_no_logon_at_all_is_told_too() {
    let mut world = World::new();
    let heartbeat = fix("35=0|34=1|49=TAUT|56=KRAKEN-TRD|");
    let line = |who: &str, why: &str| {
        [format!("logon refused: {who} on spot-trading from {SOURCE}: {why}")]
    };
    let first = "its first message was not a Logon";
    assert_eq!(told_of(&mut world, SpotTrading, &heartbeat), line("TAUT", first));
    let garbage = "what it began with is no message of FIX 4.4";
    assert_eq!(told_of(&mut world, SpotTrading, b"GET / HTTP/1.1\r\n"), line("somebody", garbage));
    world.venue.connected(SpotTrading, world.now);
    world.pass(10_000);
    world.venue.tick(world.now);
    world.venue.tick(world.now);
    let silent = "logon refused: somebody on spot-trading: no Logon came in time";
    assert_eq!(told(&mut world), [silent]);
}

#[test]
fn what_the_clients_settings_or_the_venues_do_not_allow_is_told() {
    let mut config = config();
    config.clients[0].sources = vec!["192.0.2.0/24".into()];
    let same = |body: &str| body.to_owned();
    let address = reason(&mut World::with(&config), same);
    assert_eq!(address, "the client may not come from this address");

    let mut config = self::config();
    config.clients[0].can_see_market_data = false;
    let mut world = World::with(&config);
    let body = world.logon_body("TAUT", SpotMarketData, 1, "141=Y|");
    let lines = told_of(&mut world, SpotMarketData, &fix(&body));
    assert!(lines[0].ends_with(": the client may not see market data"), "{lines:?}");

    let now = taut_codec::value::UtcTime::parse(START).unwrap();
    let venue = Venue::with_secrets(&self::config(), None, now, |_| None).unwrap();
    let said = reason(&mut World { venue, now }, same);
    assert_eq!(said, "the venue has no credentials of the client");

    let mut config = self::config();
    (config.switches.session.lockout_after, config.switches.session.lockout_s) = (1, 10);
    let mut world = World::with(&config);
    reason(&mut world, |body| body.replace("APIKEY", "APIKEX"));
    let locked = "the client is locked out for a while after too many wrong Logons";
    assert_eq!(reason(&mut world, same), locked);

    for logons in [Logons::Refuse, Logons::CloseSilently] {
        let mut world = World::new();
        world.venue.set_logons(logons);
        assert_eq!(reason(&mut world, same), "Logons are refused on purpose");
    }

    let mut config = self::config();
    config.switches.session.duplicate_logon = DuplicateLogon::Refuse;
    let mut world = World::with(&config);
    world.trader();
    assert_eq!(reason(&mut world, same), "the client is connected to this service already");

    let mut config = self::config();
    config.switches.session.rollover_closed = RolloverClosed::Logout;
    let mut world = World::with(&config);
    world.venue.roll_over(world.now);
    assert_eq!(reason(&mut world, same), "the daily rollover is under way");
}

#[test]
fn what_the_session_does_not_take_is_told_in_its_words() {
    let mut config = config();
    config.switches.low_logon_number = LowLogonNumber::Logout;
    let mut world = World::with(&config);
    let said = reason(&mut world, |body| body.replace("108=60", "108=x"));
    assert!(said.contains("HeartBtInt"), "{said}");
    let said = reason(&mut world, |body| body.replace("141=Y", "141=X"));
    assert!(said.contains("ResetSeqNumFlag"), "{said}");
    let said = reason(&mut world, |body| body.replace("5025=", "8674=7|5025="));
    assert_eq!(said, "Logon failed: CancelOrdersOnDisconnect(8674) must be 0 or 1");
    let peer = world.trader();
    world.lose(&peer);
    let said = reason(&mut world, |body| body.replace("141=Y", "141=N"));
    assert_eq!(said, "MsgSeqNum too low, expecting 2 but received 1");
}

#[test]
fn a_client_that_is_refused_in_a_loop_is_told_of_once_a_second_with_the_count() {
    let mut world = World::new();
    let bad = fix(&world.logon_body("TAUT", SpotTrading, 1, "").replace("APIKEY", "APIKEX"));
    let mut lines = Vec::new();
    for _ in 0..1_000 {
        lines.extend(told_of(&mut world, SpotTrading, &bad));
        world.pass(10);
    }
    let one = format!(
        "logon refused: TAUT on spot-trading from {SOURCE}: Username(553) is not the API key of the client"
    );
    assert_eq!(lines[0], one, "the first at once");
    assert_eq!(lines.len(), 10, "{lines:?}");
    assert!(lines[1..].iter().all(|line| *line == format!("{one} (100 times)")), "{lines:?}");
    assert_eq!(told(&mut world), [format!("{one} (99 times)")]);
    told_of(&mut world, SpotTrading, &bad);
    let other = told_of(&mut world, SpotTrading, &fix("35=0|49=TAUT|"));
    assert_eq!(other.len(), 1, "another reason does not wait: {other:?}");
    world.pass(1_000);
    assert_eq!(told(&mut world), [one]);
    world.pass(5_000);
    assert!(told(&mut world).is_empty());
}

#[test]
fn names_that_are_made_up_are_counted_together() {
    let mut world = World::new();
    for name in 0..1_000 {
        let body = format!("35=A|34=1|49=N{name}|56=KRAKEN-TRD|");
        let (id, _) = world.try_logon(SpotTrading, &body);
        world.venue.disconnected(id, world.now);
    }
    let lines = told(&mut world);
    assert_eq!(lines.len(), REFUSALS_MAX + 1);
    let last = &lines[REFUSALS_MAX];
    assert!(last.starts_with("logon refused: others on spot-trading: "), "{last}");
    assert!(last.ends_with(&format!(" ({} times)", 1_000 - REFUSALS_MAX)), "{last}");
}
