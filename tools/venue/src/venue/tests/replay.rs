//! Reports for who was not there: kept, numbered, and sent again (venue file 3.3).

use taut::journal::{Direction, EntryKind, Reader};

use super::harness::*;
use crate::Service;
use crate::config::VenueConfig;
use crate::gateway::Inbound;

/// A world whose venue keeps a journal in the directory.
fn with_journal(dir: &tempfile::TempDir) -> VenueConfig {
    let mut config = config();
    config.replay.journal = Some(dir.path().to_owned());
    config
}

/// It dies, nobody logs out, and another one is there.
fn restarted(world: World, config: &VenueConfig) -> World {
    let now = world.now;
    drop(world);
    World { now, ..World::with(config) }
}

/// The client comes back without a reset; returns the session and the answers.
fn back(world: &mut World, peer: &Peer) -> (Peer, Vec<String>) {
    world.pass(1);
    let number = peer.next_out;
    let body = world.logon_body(peer.sender, peer.service, number, "8674=1|");
    let (id, answers) = world.try_logon(peer.service, &body);
    (Peer { id, next_out: number + 1, ..peer.clone() }, answers)
}

/// Asks for `from..` and returns what comes, batches that follow later included.
fn ask(world: &mut World, peer: &mut Peer, from: u64) -> Vec<String> {
    let mut answers = world.send(peer, &format!("2|7={from}|16=0|"));
    loop {
        world.pass(1);
        world.venue.tick(world.now);
        let more = world.take(peer.id);
        if more.is_empty() {
            return answers;
        }
        answers.extend(more);
    }
}

fn shown(messages: &[String]) -> Vec<String> {
    messages.iter().map(|one| values(one, &[35, 34, 43, 150, 11, 36])).collect()
}

/// An order of `TAUT` rests, and its connection is lost.
fn away(world: &mut World) -> Peer {
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    let reports = world.limit(&mut peer, 1, 1, "1", "100");
    assert_eq!(shown(&reports), ["8 2 - A 1 -", "8 3 - 0 1 -"]);
    world.lose(&peer);
    peer
}

#[test]
fn a_fill_while_the_client_is_away_is_numbered_and_replayed_once_when_it_comes_back() {
    let mut world = World::new();
    let peer = away(&mut world);
    let mut other = world.logon("OTHER", Service::SpotTrading);
    world.limit(&mut other, 1, 2, "0.25", "100");
    let traded = world.time();
    world.pass(5_000);
    world.limit(&mut other, 2, 2, "0.75", "100");
    let stats = world.venue.stats();
    assert_eq!((stats.reports_lost, stats.replay.kept), (0, 2));
    let (mut peer, answers) = back(&mut world, &peer);
    assert_eq!(shown(&answers), ["A 6 - - - -"], "4 and 5 are missing");
    let replayed = ask(&mut world, &mut peer, 4);
    assert_eq!(shown(&replayed), ["8 4 Y F 1 -", "8 5 Y F 1 -", "4 6 Y - - 7"]);
    assert_eq!(values(&replayed[0], &[14, 122]), format!("0.25 {traded}"));
    assert_eq!(get(&replayed[1], 14), Some("1.0"));
    // What comes now has the next number.
    let reports = world.limit(&mut peer, 2, 1, "1", "90");
    assert_eq!(shown(&reports), ["8 7 - A 2 -", "8 8 - 0 2 -"]);
}

#[test]
fn the_cancels_of_a_lost_connection_are_replayed() {
    let mut world = World::new();
    let mut peer = world.trader();
    world.limit(&mut peer, 1, 1, "1", "100");
    world.lose(&peer);
    let (mut peer, answers) = back(&mut world, &peer);
    assert_eq!(shown(&answers), ["A 5 - - - -"]);
    assert_eq!(shown(&ask(&mut world, &mut peer, 4)), ["8 4 Y 4 1 -", "4 5 Y - - 6"]);
}

#[test]
fn a_logon_with_a_low_number_has_the_reports_from_that_number_on_replayed_c6() {
    let mut world = World::new();
    let peer = away(&mut world);
    let low = Peer { next_out: 2, ..peer };
    let (_, answers) = back(&mut world, &low);
    assert_eq!(shown(&answers), ["A 4 - - - -", "8 2 Y A 1 -", "8 3 Y 0 1 -", "4 4 Y - - 5"]);
}

#[test]
fn a_reset_forgets_what_was_kept() {
    let mut world = World::new();
    let mut peer = world.trader();
    world.limit(&mut peer, 1, 1, "1", "100");
    world.lose(&peer);
    let mut peer = world.trader();
    assert_eq!(shown(&ask(&mut world, &mut peer, 1)), ["4 1 Y - - 2"]);
}

#[test]
fn what_a_full_store_forgot_is_gap_filled_and_counted() {
    let mut config = config();
    config.replay.messages = 3;
    let mut world = World::with(&config);
    let peer = away(&mut world);
    let mut other = world.logon("OTHER", Service::SpotTrading);
    for id in 1..=4 {
        world.limit(&mut other, id, 2, "0.25", "100");
    }
    assert_eq!(world.venue.stats().replay.kept, 4);
    // 2 to 7 of TAUT, of which 5 to 7 are left; OTHER had 12, of which 3 are left.
    assert_eq!(world.venue.stats().replay.forgotten, 3 + 9);
    let (mut peer, _) = back(&mut world, &peer);
    let replayed = ask(&mut world, &mut peer, 4);
    let expected = ["4 4 Y - - 5", "8 5 Y F 1 -", "8 6 Y F 1 -", "8 7 Y F 1 -", "4 8 Y - - 9"];
    assert_eq!(shown(&replayed), expected);
}

#[test]
fn nothing_is_kept_of_market_data_and_of_who_was_never_there() {
    let mut world = World::new();
    let mut other = world.logon("OTHER", Service::SpotTrading);
    world.limit(&mut other, 1, 2, "1", "100");
    let mut data = world.logon("TAUT", Service::SpotMarketData);
    world.send(&mut data, "V|146=1|55=BTC/USD|262=1|263=1|264=10|265=1|267=2|269=0|269=1|");
    assert_eq!(shown(&ask(&mut world, &mut data, 1)).len(), 1, "one gap fill");
    assert_eq!(world.venue.stats().replay.kept, 0);
}

#[test]
fn a_report_that_arises_during_a_long_replay_comes_behind_it() {
    let mut world = World::new();
    let mut peer = world.logon_with("TAUT", Service::SpotTrading, "141=Y|8674=1|");
    for id in 1..=400 {
        world.limit(&mut peer, id, 1, "0.01", "100");
    }
    world.lose(&peer);
    let mut other = world.logon("OTHER", Service::SpotTrading);
    let (mut peer, _) = back(&mut world, &peer);
    let mut replayed = world.send(&mut peer, "2|7=2|16=0|");
    assert!(replayed.len() < 800, "in batches: {}", replayed.len());
    world.limit(&mut other, 1, 2, "0.01", "100");
    assert!(world.take(peer.id).is_empty(), "not inside");
    assert_eq!(world.venue.stats().slow_drops, 0);
    while world.venue.stats().sessions_up == 2 {
        world.pass(1);
        world.venue.tick(world.now);
        let more = world.take(peer.id);
        if more.is_empty() {
            break;
        }
        replayed.extend(more);
    }
    let numbers: Vec<u64> =
        replayed.iter().map(|one| get(one, 34).unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (2..=803).collect::<Vec<_>>(), "in order, without a hole");
    assert_eq!(values(replayed.last().unwrap(), &[35, 150, 43]), "8 F Y");
    assert_eq!(shown(&world.limit(&mut peer, 401, 1, "1", "90"))[0], "8 804 - A 401 -");
}

#[test]
fn a_logon_that_resets_the_numbers_is_in_the_venues_journal_as_the_first_of_the_new_space() {
    use taut::journal::{Direction, EntryKind, Reader};
    let dir = tempfile::tempdir().unwrap();
    let mut config = config();
    config.replay.journal = Some(dir.path().to_owned());
    let mut world = World::with(&config);
    for _ in 0..2 {
        let peer = world.logon_with("TAUT", Service::SpotTrading, "141=Y|");
        world.lose(&peer);
    }
    // The answer was on its way when the connection was lost.
    world.logon_with("TAUT", Service::SpotTrading, "141=Y|");
    drop(world);
    let reader = Reader::open(dir.path().join("TAUT")).unwrap();
    let mut logons = Vec::new();
    for &number in reader.segments() {
        let segment = reader.segment(number).unwrap();
        logons.extend(segment.entries().filter_map(|entry| match entry.kind {
            EntryKind::Message { direction: Direction::In, seq, .. } => Some((entry.epoch, seq)),
            _ => None,
        }));
    }
    assert_eq!(logons, [(1, 1), (2, 1), (3, 1)]);
}

#[test]
fn with_a_journal_numbers_and_reports_survive_the_end_of_the_venue() {
    let dir = tempfile::tempdir().unwrap();
    let config = with_journal(&dir);
    let mut world = World::with(&config);
    let peer = away(&mut world);
    let mut other = world.logon("OTHER", Service::SpotTrading);
    world.limit(&mut other, 1, 2, "0.25", "100");
    let now = world.now;
    let mut world = restarted(world, &config);
    let (mut peer, answers) = back(&mut world, &peer);
    assert_eq!(shown(&answers), ["A 5 - - - -"]);
    let replayed = ask(&mut world, &mut peer, 2);
    let expected = ["8 2 Y A 1 -", "8 3 Y 0 1 -", "8 4 Y F 1 -", "4 5 Y - - 6"];
    assert_eq!(shown(&replayed), expected);
    // A second venue on the same directory is refused.
    let secrets = |_: &str| Some("c2VjcmV0".to_owned());
    let second = crate::Venue::with_secrets(&config, None, now, secrets);
    let error = second.expect_err("the first still runs").to_string();
    assert!(error.contains("in use by another writer"), "{error}");
}

#[test]
fn an_order_that_the_venue_had_not_dealt_with_when_it_died_is_asked_for_by_its_next_life() {
    let dir = tempfile::tempdir().unwrap();
    let config = with_journal(&dir);
    let mut world = World::with(&config);
    let mut peer = world.trader();
    world.limit(&mut peer, 1, 1, "1", "100");
    // The next one leaves the gateway, and there it ends: the order entry service has not seen it.
    let time = world.time();
    let order = format!("D|11=2|38=1|40=2|44=90|54=1|55=BTC/USD|59=1|60={time}|");
    let number = peer.next_out;
    let bytes = world.message(&mut peer, &order);
    world.venue.gateway.feed(peer.id, &bytes);
    let left = world.venue.gateway.next(peer.id, world.now);
    assert!(matches!(left, Some(Inbound::Order(_))), "{left:?}");
    let mut world = restarted(world, &config);
    let (mut peer, answers) = back(&mut world, &peer);
    let asked = answers.iter().find(|one| get(one, 35) == Some("2")).expect("it asks");
    assert_eq!(get(asked, 7), Some(&*number.to_string()), "for that one, and for no other");
    // It comes again, and is dealt with.
    let next = std::mem::replace(&mut peer.next_out, number);
    let again = order.replacen("D|", &format!("D|43=Y|122={time}|"), 1);
    let reports = world.send(&mut peer, &again);
    assert_eq!(values(&reports[0], &[35, 150, 11]), "8 A 2", "{reports:?}");
    // One that was dealt with is not asked for, whatever its answer was.
    peer.next_out = number + 1;
    world.send(&mut peer, &format!("4|43=Y|122={time}|123=Y|36={next}|"));
    peer.next_out = next;
    world.limit(&mut peer, 3, 1, "1", "80");
    world.send(&mut peer, "AA|1=x|");
    let mut world = restarted(world, &config);
    let (_, answers) = back(&mut world, &peer);
    assert_eq!(answers.iter().map(|one| get(one, 35).unwrap()).collect::<String>(), "A");
}

#[test]
fn a_message_that_is_rejected_is_in_the_journal_as_rejected_and_is_not_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let config = with_journal(&dir);
    let mut world = World::with(&config);
    let mut peer = world.trader();
    // By the session, which takes no possible duplicate without OrigSendingTime; the number is used up.
    let rejected = world.send(&mut peer, "0|43=Y|");
    assert_eq!(values(&rejected[0], &[35, 45, 371]), "3 2 122");
    // By the field checks: the session has taken it.
    let answers = world.send(&mut peer, "D|11=7|38=1|40=2|44=100|55=BTC/USD|59=1|");
    assert_eq!(values(&answers[0], &[35, 45]), "3 3");
    world.send(&mut peer, "0|");
    // Too high and a duplicate: neither used a number up.
    for number in [9, 2] {
        peer.next_out = number;
        world.send(&mut peer, "0|43=Y|122=20260407-14:32:01.000|");
    }
    peer.next_out = 5;
    let reader = Reader::open(dir.path().join("TAUT")).unwrap();
    let mut came = Vec::new();
    for &number in reader.segments() {
        for entry in reader.segment(number).unwrap().entries() {
            match entry.kind {
                EntryKind::Message { direction: Direction::In, seq, .. } => {
                    came.push((seq, "taken"));
                }
                EntryKind::Rejected { seq, bytes, .. } => {
                    assert!(bytes.starts_with(b"8=FIX.4.4\x01") && bytes.ends_with(b"\x01"));
                    came.push((seq, "rejected"));
                }
                EntryKind::Message { .. } | EntryKind::State(_) | EntryKind::Identity(_) => {}
            }
        }
    }
    assert_eq!(came, [(1, "taken"), (2, "rejected"), (3, "taken"), (4, "taken")]);
    let mut world = restarted(world, &config);
    let (_, answers) = back(&mut world, &peer);
    // Behind the Logon, two Rejects, and the ResendRequest for what was before the one that was too high.
    assert_eq!(shown(&answers), ["A 5 - - - -"], "nothing is asked for again");
}
