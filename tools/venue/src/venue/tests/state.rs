//! A state that is gone on with: a venue that was killed and came back does what one does that only lost its
//! connections.

mod changes;
mod day;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use taut::types::{Px, Qty, Side};
use taut_codec::value::UtcTime;
use tempfile::TempDir;

use super::harness::*;
use crate::Service;
use crate::config::{ClientConfig, ConfigError, LiquidityMode, TierName, VenueConfig};
use crate::state::StateError;
use day::{Fate, House, play};

fn keeping(dir: &Path, liquidity: LiquidityMode) -> VenueConfig {
    let mut config = config();
    config.liquidity.mode = liquidity;
    config.liquidity.synthetic.events_per_second = 200;
    config.clients[1].tier = TierName::Pro;
    let other = ClientConfig { sender: "OTHER_DRV".into(), ..ClientConfig::derivatives() };
    config.clients.push(other);
    config.switches.derivatives_amends = true;
    config.instruments[0].leverage = 5;
    config.instruments[0].position_max = "1000".into();
    config.instruments[0].lendable = "1000".into();
    config.state.dir = Some(dir.to_owned());
    config
}

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Days that are compared; `TAUT_CASES` asks for more.
fn cases() -> ProptestConfig {
    let asked = std::env::var("TAUT_CASES").ok();
    let cases = asked.map_or(24, |count| count.parse().expect("TAUT_CASES is a number"));
    ProptestConfig::with_cases(cases)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_venue_that_was_killed_goes_on_as_one_that_only_lost_its_connections(
        seed: u64, before in 1usize..120, after in 1usize..60,
        house in proptest::sample::select(vec![House::Nobody, House::Synthetic, House::Recorded]),
        saved: bool,
    ) {
        let fate = if saved { Fate::Saved } else { Fate::Killed };
        let (is, is_digest) = play(fate, house, seed, before, after);
        let (should, should_digest) = play(Fate::Cut, house, seed, before, after);
        for (at, (is, should)) in is.iter().zip(&should).enumerate() {
            prop_assert_eq!(is, should, "message {}", at);
        }
        prop_assert_eq!(is.len(), should.len());
        prop_assert_eq!(is_digest, should_digest);
    }
}

/// What the traders of some days are told: enough of everything for the comparison to mean something.
#[test]
fn the_days_that_are_compared_have_fills_amends_triggers_expiries_and_resent_reports() {
    let told: Vec<String> =
        (0..12).flat_map(|seed| play(Fate::Killed, House::Synthetic, seed, 120, 40).0).collect();
    // Those of the market of a symbol, by the first letters of it; of some message nobody says.
    let count = |market: &str, tags: &[u32], wanted: &str| {
        let of_market = |one: &&String| get(one, 55).unwrap_or_default().starts_with(market);
        told.iter().filter(of_market).filter(|one| values(one, tags) == wanted).count()
    };
    for (market, tags, wanted, least) in [
        ("BTC", &[35, 150][..], "8 F", 100),
        ("BTC", &[35, 150], "8 5", 10),
        ("BTC", &[35, 150], "8 D", 2),
        ("BTC", &[35, 150], "8 C", 2),
        ("BTC", &[35, 150], "8 4", 50),
        ("PF", &[35, 150], "8 F", 15),
        ("PF", &[35, 150], "8 5", 15),
        ("PF", &[35, 150], "8 D", 2),
        ("PF", &[35, 150], "8 4", 20),
        ("PI", &[35, 150], "8 F", 8),
        ("PI", &[35, 150], "8 5", 10),
        ("PI", &[35, 150], "8 D", 2),
        ("PI", &[35, 150], "8 4", 20),
        ("", &[35, 43], "8 Y", 200),
        ("", &[35, 58], "8 GTD order expired", 2),
    ] {
        let is = count(market, tags, wanted);
        assert!(is >= least, "{is} of {wanted} on {market:?}");
    }
}

/// A venue whose `TAUT` has one order and is gone, by a kill.
fn killed_with_an_order(config: &VenueConfig, extra: &str) -> (UtcTime, u64) {
    let mut world = World::with(config);
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, extra);
    let reports = world.limit(&mut peer, 1, 1, "1", "100");
    assert_eq!(reports.len(), 2);
    world.pass(10);
    (world.now, peer.next_out)
}

fn refusal(config: &VenueConfig) -> StateError {
    let at = UtcTime::parse(START).unwrap();
    match World::try_at(config, at).map(|_| ()) {
        Err(ConfigError::State(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_that_was_on_when_the_venue_was_killed_loses_its_orders_if_it_asked_for_that() {
    for (extra, switch, stays) in
        [("141=Y|8674=0|", true, 0), ("141=Y|8674=1|", true, 1), ("141=Y|8674=0|", false, 1)]
    {
        let dir = dir();
        let mut config = keeping(dir.path(), LiquidityMode::None);
        config.switches.session.restart_cancels = switch;
        let (now, number) = killed_with_an_order(&config, extra);
        let mut world = World::at(&config, now.plus_nanos(5_000_000_000));
        assert_eq!(world.venue.open_orders("TAUT"), stays, "{extra} {switch}");
        world.pass(1);
        let body = world.logon_body("TAUT", Service::SpotTrading, number, "141=N|");
        let (id, answers) = world.try_logon(Service::SpotTrading, &body);
        // The report of the cancel has the number before.
        assert_eq!(values(&answers[0], &[35, 34]), format!("A {}", 5 - stays), "{answers:?}");
        let mut peer =
            Peer { id, sender: "TAUT", service: Service::SpotTrading, next_out: number + 1 };
        let replayed = world.send(&mut peer, "2|7=1|16=0|");
        let kept: Vec<String> = replayed
            .iter()
            .map(|one| values(one, &[35, 34, 43, 150]))
            .filter(|one| one.starts_with('8'))
            .collect();
        let all = ["8 2 Y A", "8 3 Y 0", "8 4 Y 4"];
        assert_eq!(kept, all[..3 - stays], "{replayed:?}");
        // The watermark is above 1.
        let again = world.limit(&mut peer, 1, 1, "1", "100");
        assert_eq!(values(&again[0], &[35, 380]), "j 0", "{again:?}");
    }
}

#[test]
fn what_expired_while_the_venue_was_away_expires_when_it_is_back_and_the_day_is_made_up_for() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let mut world = World::with(&config);
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    let time = world.time();
    let order = "D|11=1|38=1|40=2|44=100|54=1|55=BTC/USD|59=6|126=20260407-15:00:00.000|60=";
    assert_eq!(world.send(&mut peer, &format!("{order}{time}|")).len(), 2);
    assert_eq!(world.limit(&mut peer, 2, 1, "1", "100").len(), 2);
    drop(world);
    // Two rollovers later.
    let later = UtcTime::parse(b"20260409-03:00:00.000").unwrap();
    let mut world = World::at(&config, later);
    assert_eq!(world.venue.open_orders("TAUT"), 1);
    world.pass(1);
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=N|");
    let (_, answers) = world.try_logon(Service::SpotTrading, &body);
    // The expiry is the first message of the new day.
    assert_eq!(values(&answers[0], &[35, 34]), "A 2", "{answers:?}");
}

#[test]
fn a_copy_of_a_logon_and_a_used_nonce_are_refused_by_the_next_life_too() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let mut world = World::with(&config);
    world.pass(1);
    let body = world.logon_body("TAUT", Service::SpotTrading, 1, "141=Y|");
    assert_eq!(get(&world.try_logon(Service::SpotTrading, &body).1[0], 35), Some("A"));
    let now = world.now;
    drop(world);
    let mut world = World::at(&config, now.plus_nanos(1_000_000_000));
    let answers = world.try_logon(Service::SpotTrading, &body).1;
    assert_eq!(get(&answers[0], 35), Some("5"), "{answers:?}");
}

#[test]
fn a_turn_that_was_not_written_to_its_end_is_cut_off_and_told() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let (now, _) = killed_with_an_order(&config, "141=Y|8674=1|");
    let journal = dir.path().join("journal");
    let mut segments: Vec<_> =
        fs::read_dir(&journal).unwrap().map(|one| one.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|kind| kind == "journal"));
    segments.sort();
    let last = segments.last().unwrap();
    let mut bytes = fs::read(last).unwrap();
    // The last record is the turn of the order.
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    bytes[end] ^= 0x55;
    fs::write(last, bytes).unwrap();
    let world = World::at(&config, now);
    let went_on = world.venue.went_on().unwrap();
    assert!(went_on.torn_bytes > 300, "{went_on:?}");
    assert_eq!(world.venue.open_orders("TAUT"), 0, "nobody was told of it");
}

#[test]
fn an_order_that_was_handed_over_and_not_written_is_asked_for_by_the_next_life() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let mut world = World::with(&config);
    let mut peer = world.trader();
    let (id, time) = (1, world.time());
    let order = format!("D|11={id}|38=1|40=2|44=100|54=1|55=BTC/USD|59=1|60={time}|");
    let order = world.message(&mut peer, &order);
    world.venue.received(peer.id, &order, world.now);
    assert_eq!(world.venue.open_orders("TAUT"), 1);
    // Killed before a byte of the answer could leave.
    let now = world.now.plus_nanos(1_000_000_000);
    drop(world);
    let mut world = World::at(&config, now);
    assert_eq!(world.venue.open_orders("TAUT"), 0);
    let body = world.logon_body("TAUT", Service::SpotTrading, peer.next_out, "141=N|");
    let (_, answers) = world.try_logon(Service::SpotTrading, &body);
    let asked = answers.iter().find(|answer| get(answer, 35) == Some("2"));
    assert_eq!(values(asked.expect("it asks"), &[7, 16]), "2 0", "{answers:?}");
}

#[test]
fn a_state_is_refused_to_another_configuration_by_the_fields_that_differ() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let (now, _) = killed_with_an_order(&config, "141=Y|8674=1|");
    let mut other = config.clone();
    other.fees.maker += 1;
    other.clients[0].balances.insert("USD".into(), "5".into());
    let error = refusal(&other).to_string();
    for needle in ["fees.maker was 1600, is 1601", "clients.0.balances.USD", "--fresh"] {
        assert!(error.contains(needle), "{error}");
    }
    // Where it listens and what it does on purpose is another matter.
    let mut same = config.clone();
    same.port_offset = 7;
    same.control = vec!["10s roll-over".into()];
    assert_eq!(World::at(&same, now).venue.open_orders("TAUT"), 1);
    other.state.fresh = true;
    let world = World::at(&other, now);
    assert_eq!((world.venue.open_orders("TAUT"), world.venue.went_on()), (0, None));
}

#[test]
fn two_venues_do_not_share_a_state() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let world = World::with(&config);
    assert!(matches!(refusal(&config), StateError::InUse { .. }));
    let mut fresh = config.clone();
    fresh.state.fresh = true;
    assert!(matches!(refusal(&fresh), StateError::InUse { .. }), "nor does a clean start");
    drop(world);
    World::with(&config);
}

#[test]
fn a_snapshot_that_has_changed_is_refused_and_so_is_a_journal_without_one() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let (now, _) = killed_with_an_order(&config, "141=Y|8674=1|");
    let path = dir.path().join("snapshot");
    let whole = fs::read(&path).unwrap();
    for at in [0, 30, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(refusal(&config), StateError::Damaged { .. }), "{at}");
    }
    for end in [0, 7, 31, whole.len() - 1] {
        fs::write(&path, &whole[..end]).unwrap();
        assert!(matches!(refusal(&config), StateError::Damaged { .. }), "cut off at {end}");
    }
    fs::remove_file(&path).unwrap();
    let error = refusal(&config);
    assert!(error.to_string().contains("no snapshot"), "{error}");
    fs::write(&path, &whole).unwrap();
    assert_eq!(World::at(&config, now).venue.open_orders("TAUT"), 1);
}

#[test]
fn a_turn_longer_than_a_record_is_kept_whole() {
    let dir = dir();
    let mut config = keeping(dir.path(), LiquidityMode::None);
    config.clients[0].tier = TierName::Unlimited;
    let mut world = World::with(&config);
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    for id in 1..=5_000 {
        let reports = world.limit(&mut peer, id, 1, "0.001", "1000");
        assert_eq!(reports.len(), 2, "{reports:?}");
    }
    let time = world.time();
    // How far the journal is written.
    let written = || {
        let segment = dir.path().join("journal/000000001.journal");
        fs::read(segment).unwrap().iter().rposition(|&byte| byte != 0).unwrap()
    };
    let before = written();
    world.send(&mut peer, &format!("q|11=6000|530=7|60={time}|"));
    assert!(written() - before > crate::limits::STATE_RECORD_BYTES);
    let (digest, now) = (world.venue.state_digest(), world.now);
    drop(world);
    let world = World::at(&config, now);
    assert_eq!(world.venue.went_on().unwrap().digest, digest);
    assert_eq!(world.venue.open_orders("TAUT"), 0);
}

#[test]
fn a_snapshot_is_written_whenever_the_journal_has_grown_and_nothing_before_it_is_played_again() {
    let dir = dir();
    let mut config = keeping(dir.path(), LiquidityMode::None);
    config.state.journal_mib = 1;
    let mut world = World::with(&config);
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    // The number of the first turn that is not in the snapshot.
    let covered = || {
        let bytes = fs::read(dir.path().join("snapshot")).unwrap();
        u64::from_le_bytes(bytes[8..16].try_into().unwrap())
    };
    let (mut snapshots, mut last, mut orders) = (0, covered(), 0);
    while snapshots < 3 {
        orders += 1;
        assert!(orders < 20_000, "{snapshots} snapshots");
        world.limit(&mut peer, orders, 1, "0.001", "1000");
        let now = covered();
        assert!(now == last || now > last + 300, "a MiB is many turns: {now} after {last}");
        snapshots += u64::from(now > last);
        last = now;
    }
    let behind = 10;
    for more in 1..=behind {
        world.limit(&mut peer, orders + more, 1, "0.001", "1000");
    }
    assert_eq!(covered(), last);
    let (digest, now) = (world.venue.state_digest(), world.now);
    drop(world);
    let world = World::at(&config, now);
    let went_on = world.venue.went_on().unwrap();
    assert_eq!((went_on.turns, went_on.digest), (behind, digest));
    assert_eq!(world.venue.open_orders("TAUT"), (orders + behind) as usize);
}

#[test]
fn a_recording_goes_on_where_it_stood_when_the_venue_was_killed() {
    let dir = dir();
    let config = keeping(dir.path(), LiquidityMode::None);
    let fed = |now| World::fed(&config, House::Recorded.source(), now).unwrap();
    let book = |world: &World| -> Vec<(Px, Qty)> {
        let id = world.venue.engine().instrument_id(b"BTC/USD").unwrap();
        let book = world.venue.engine().book(id).unwrap();
        let side = |side| book.levels(side).map(|level| (level.px, level.total));
        side(Side::Buy).chain(side(Side::Sell)).collect()
    };
    let step = |world: &mut World| {
        world.now = world.venue.next_deadline().max(world.now);
        world.venue.tick(world.now);
        book(world)
    };
    // What it shows without a kill.
    let mut whole = World::fed(
        &VenueConfig { state: Default::default(), ..config.clone() },
        House::Recorded.source(),
        UtcTime::parse(START).unwrap(),
    )
    .unwrap();
    let shown: Vec<_> = (0..40).map(|_| step(&mut whole)).collect();
    let mut world = fed(UtcTime::parse(START).unwrap());
    let before: Vec<_> = (0..20).map(|_| step(&mut world)).collect();
    assert_eq!(before, shown[..20]);
    let later = world.now.plus_nanos(3_600_000_000_000);
    drop(world);
    let mut world = fed(later);
    assert_eq!(book(&world), shown[19], "no time passed for it");
    let after: Vec<_> = (0..20).map(|_| step(&mut world)).collect();
    assert_eq!(after, shown[20..]);
}
