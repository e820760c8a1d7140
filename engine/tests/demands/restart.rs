//! Demand 6.

use taut::journal::{Direction, Durability, Journal, JournalConfig, Record, State};
use taut::session::{Phase, Received, Role, SessionEvent};

use crate::rig::Rig;

fn open(dir: &std::path::Path) -> (Journal, State) {
    let config = JournalConfig {
        durability: Durability::None,
        segment_bytes: 64 * 1024,
        message_bytes_max: 4096,
        ..JournalConfig::default()
    };
    let (journal, found) = Journal::open(dir, config).unwrap();
    (journal, found.state.unwrap_or(State::START))
}

/// One life: from the journal, a logon, an exchange, and an end without a word.
fn live(dir: &std::path::Path, peers_number: u64) -> (u64, u64) {
    let (mut journal, state) = open(dir);
    let mut rig = Rig::new(Role::Initiator, |_| {});
    assert!(rig.session.restore(state.epoch, state.next_in, state.next_out));
    let keep = |journal: &mut Journal, rig: &Rig, direction, seq, bytes: &[u8]| {
        let (epoch, time) = (rig.session.epoch(), rig.now);
        journal.append(Record { direction, epoch, seq, time, bytes }).unwrap();
    };
    rig.connect();
    let logon_number = rig.session.next_out() - 1;
    let logon = rig.out.pending().to_vec();
    keep(&mut journal, &rig, Direction::Out, logon_number, &logon);
    rig.sent();
    let answer = rig.peers(&format!("35=A|34={peers_number}|98=0|108=30|"));
    rig.log_on(peers_number);
    keep(&mut journal, &rig, Direction::In, peers_number, &answer);
    assert_eq!(rig.session.phase(), Phase::Active);
    assert!(rig.sent().is_empty(), "nothing is missing: nothing is asked for");
    let events = rig.events();
    assert!(
        !events.iter().any(|event| matches!(
            event,
            SessionEvent::ResetByPeer { .. } | SessionEvent::Gap { .. }
        )),
        "no reset that nobody asked for: {events:?}"
    );
    for id in 0..3 {
        let number = rig.order(id).unwrap();
        let bytes = rig.out.pending().to_vec();
        keep(&mut journal, &rig, Direction::Out, number, &bytes);
        rig.sent();
        let number = rig.session.next_in();
        let report = rig.peers(&format!("35=8|34={number}|37=x|"));
        assert_eq!(rig.feed(&format!("35=8|34={number}|37=x|")), Received::Application);
        keep(&mut journal, &rig, Direction::In, number, &report);
    }
    assert_eq!(rig.session.epoch(), 0);
    (rig.session.next_in(), rig.session.next_out())
}

#[test]
fn demand_06_numbers_go_on_over_restarts_without_a_reset_or_a_loop() {
    let dir = tempfile::tempdir().unwrap();
    let mut next_in = 1;
    for life in 1..=5 {
        let numbers = live(dir.path(), next_in);
        // A Logon and three messages each way per life.
        assert_eq!(numbers, (1 + 4 * life, 1 + 4 * life));
        next_in = numbers.0;
    }
    assert_eq!(open(dir.path()).1, State { next_in: 21, next_out: 21, ..State::START });
}
