//! Whose journal it is.

use super::*;
use crate::journal::Keeper;
use crate::session::{Session, SessionConfig};

fn identity(sender: &str, target: &str) -> Identity {
    Identity::of(&session(sender, target))
}

fn session(sender: &str, target: &str) -> Session {
    let id = |text: &str| text.parse().expect("a CompID");
    Session::new(SessionConfig::acceptor(id(sender), id(target)))
}

fn identities(dir: &Path) -> Vec<(u32, Identity)> {
    let reader = Reader::open(dir).expect("it opens");
    let of_one = |&number: &u32| {
        let segment = reader.segment(number).expect("it reads");
        let found = segment.entries().filter_map(|entry| match entry.kind {
            EntryKind::Identity(identity) => Some((number, identity)),
            _ => None,
        });
        found.collect::<Vec<_>>()
    };
    reader.segments().iter().flat_map(of_one).collect()
}

#[test]
fn a_session_does_not_go_on_from_the_journal_of_another_and_that_stays_as_it_is() {
    for (sender, target) in [("US", "OTHER"), ("THEM", "US"), ("US", ""), ("UST", "HEM")] {
        let dir = dir();
        let (mut journal, _) = open(&dir, SMALL);
        journal.claim(identity("US", "THEM")).expect("it is nobody's yet");
        send(&mut journal, 1).expect("room");
        drop(journal);
        let mut other = session(sender, target);
        let refused = Keeper::attach(&mut other, open(&dir, SMALL).0).expect_err("not theirs");
        let JournalError::OtherSession { known, .. } = &refused else { panic!("{refused}") };
        assert_eq!(**known, identity("US", "THEM"));
        let said = format!("it is the journal of FIX.4.4 US to THEM, not of FIX.4.4 {sender} to");
        assert!(refused.to_string().contains(&said), "{refused}");
        assert_eq!((other.next_in(), other.next_out()), (1, 1), "no number of theirs");
        let state = Keeper::attach(&mut session("US", "THEM"), open(&dir, SMALL).0);
        assert_eq!(state.expect("it is ours").next_out, 2);
    }
}

#[test]
fn every_segment_says_whose_it_is_so_that_retention_cannot_make_it_forgotten() {
    let dir = dir();
    let config = JournalConfig { segments_kept: 3, ..SMALL };
    let (mut journal, _) = open(&dir, config);
    let ours = identity("US", "THEM");
    journal.claim(ours).expect("it is nobody's yet");
    let mut seq = 0;
    while journal.position().segment < 8 {
        seq += 1;
        send(&mut journal, seq).expect("room");
    }
    drop(journal);
    let said = identities(dir.path());
    assert!(said.len() > 1 && said[0].0 > 1, "older ones are deleted: {said:?}");
    assert!(said.iter().all(|(_, identity)| *identity == ours));
    let (journal, recovered) = open(&dir, config);
    assert_eq!((journal.identity(), recovered.unnamed), (Some(ours), false));
}

#[test]
fn a_journal_of_an_earlier_version_is_taken_and_said_to_be_unnamed_until_messages_are_in_it() {
    let dir = dir();
    let (mut journal, _) = open(&dir, SMALL);
    send(&mut journal, 1).expect("room");
    drop(journal);
    for seq in [2, 3] {
        let (mut journal, recovered) = open(&dir, SMALL);
        assert_eq!(recovered.unnamed, seq == 2);
        assert_eq!(recovered.problems().count(), usize::from(seq == 2));
        journal.claim(identity("US", "THEM")).expect("it is theirs now");
        send(&mut journal, seq).expect("room");
    }
    assert!(open(&dir, SMALL).0.claim(identity("US", "OTHER")).is_err());
}

#[test]
fn lives_without_a_message_leave_no_segment_although_each_says_whose_it_is() {
    let dir = dir();
    for _ in 0..5 {
        let (mut journal, _) = open(&dir, SMALL);
        journal.claim(identity("US", "THEM")).expect("it is theirs");
        if journal.state() == State::START {
            send(&mut journal, 1).expect("room");
        }
    }
    assert_eq!(Reader::open(dir.path()).expect("it opens").segments(), [1, 2]);
}
