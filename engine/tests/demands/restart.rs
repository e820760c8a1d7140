//! Demand 6.

use std::path::Path;

use taut::journal::{Durability, Journal, JournalConfig, Keeper, State};
use taut::session::{Phase, Received, ResendPolicy, Role, SessionEvent};

use crate::rig::{Rig, both, read};

fn open(dir: &Path) -> Journal {
    let config = JournalConfig {
        durability: Durability::None,
        segment_bytes: 64 * 1024,
        message_bytes_max: 4096,
        ..JournalConfig::default()
    };
    Journal::open(dir, config).unwrap().0
}

/// A process with this journal.
fn start(role: Role, dir: &Path) -> Rig {
    let mut rig = Rig::new(role, |config| {
        config.resend_policy = ResendPolicy::EVERYTHING;
    });
    Keeper::attach(&mut rig.session, open(dir)).unwrap();
    rig
}

/// What goes to the wire, stored before.
fn sent(rig: &mut Rig) -> Vec<String> {
    Keeper::outbound(&mut rig.session, &rig.out, rig.now).unwrap();
    rig.sent()
}

/// A message of the peer, with the next number that it has, stored behind the session.
fn take(rig: &mut Rig, number: u64, msg_type: &str, rest: &str) -> Received {
    let bytes = rig.peers(&format!("35={msg_type}|34={number}|{rest}"));
    let received = read(&bytes, |message| rig.session.received(message, rig.now, &mut rig.out));
    Keeper::inbound(&mut rig.session, Some((number, &bytes)), rig.now).unwrap();
    received
}

/// A logon at which nothing is missing.
fn log_on(rig: &mut Rig, peers_number: u64) {
    rig.connect();
    let mut said = sent(rig).len();
    if take(rig, peers_number, "A", "98=0|108=30|") == Received::Logon {
        rig.session.accept_logon(rig.now, &mut rig.out).unwrap();
    }
    assert_eq!(rig.session.phase(), Phase::Active);
    said += sent(rig).len();
    assert_eq!(said, 1, "our Logon; nothing is missing, so nothing is asked for");
    let lost =
        |event: &_| matches!(event, SessionEvent::ResetByPeer { .. } | SessionEvent::Gap { .. });
    let events = rig.events();
    assert!(!events.iter().any(lost), "no reset that nobody asked for: {events:?}");
}

/// One life: from the journal, a logon, an exchange, and an end without a word.
fn live(role: Role, dir: &Path, peers_number: u64) -> (u64, u64) {
    let mut rig = start(role, dir);
    log_on(&mut rig, peers_number);
    for id in 0..3 {
        rig.order(id).unwrap();
        assert_eq!(sent(&mut rig).len(), 1);
        let number = peers_number + 1 + id;
        assert_eq!(take(&mut rig, number, "8", "37=x|"), Received::Application);
    }
    assert_eq!(rig.session.epoch(), 0);
    (rig.session.next_in(), rig.session.next_out())
}

#[test]
fn demand_06_numbers_go_on_over_restarts_without_a_reset_or_a_loop() {
    both(|role| {
        let dir = tempfile::tempdir().unwrap();
        for life in 1..=5 {
            // A Logon and three messages each way per life; the peer counts for itself.
            let numbers = live(role, dir.path(), 4 * life - 3);
            assert_eq!(numbers, (1 + 4 * life, 1 + 4 * life));
        }
        let state = State { next_in: 21, next_out: 21, ..State::START };
        assert_eq!(open(dir.path()).state(), state);
    });
}

#[test]
fn demand_06_what_an_earlier_life_sent_can_be_asked_for_again() {
    both(|role| {
        let dir = tempfile::tempdir().unwrap();
        live(role, dir.path(), 1);
        let mut rig = start(role, dir.path());
        log_on(&mut rig, 5);
        take(&mut rig, 6, "2", "7=3|16=3|");
        let again = sent(&mut rig);
        assert_eq!(again.len(), 1, "{again:?}");
        let parts = ["35=D|", "34=3|", "43=Y|", "|11=1|"];
        assert!(parts.iter().all(|part| again[0].contains(part)), "{again:?}");
    });
}
