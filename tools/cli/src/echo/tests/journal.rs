//! The application with a journal: what the next life knows, and a journal that takes nothing.

use taut::event::DownReason;
use taut::journal::{
    AppendError, Direction, Durability, Entry, EntryKind, Journal, JournalConfig, Keeper, Reader,
};

use super::*;
use crate::echo::app::{RETRY_NS, StoreEvent};

#[test]
fn an_order_that_comes_while_we_log_out_is_asked_for_again_by_the_next_process() {
    both(|mut peer| {
        let dir = tempfile::tempdir().unwrap();
        crate::echo::store::in_journal(peer.session(), dir.path()).unwrap();
        let role = peer.session().config().role;
        log_on(&mut peer, 1);
        peer.log_out(NOW);
        say(&mut peer, "35=D|34=2|11=late|40=1|");
        say(&mut peer, "35=5|34=3|");
        drop(peer);
        let mut next = super::peer(role);
        crate::echo::store::in_journal(next.session(), dir.path()).unwrap();
        log_on(&mut next, 4);
        let asked = heard(&mut next).into_iter().find(|one| one.starts_with("35=2|"));
        assert_eq!(asked.as_deref(), Some("35=2|34=4|7=2|16=0|"));
    });
}

#[test]
fn a_message_that_was_rejected_is_in_the_journal_as_rejected_and_is_not_asked_for_again() {
    for role in [Role::Initiator, Role::Acceptor] {
        let dir = tempfile::tempdir().unwrap();
        let open = || {
            let config = JournalConfig { durability: Durability::None, ..JournalConfig::default() };
            let mut peer = peer(role);
            let state =
                Keeper::attach(peer.session(), Journal::open(dir.path(), config).unwrap().0);
            (peer, state.unwrap())
        };
        let (mut one_life, _) = open();
        log_on(&mut one_life, 1);
        say(&mut one_life, "35=D|34=2|");
        say(&mut one_life, "35=D|34=3|11=a|40=1|");
        // A duplicate, and one that is too high, which comes again: neither used a number up.
        say(&mut one_life, &format!("35=0|34=2|43=Y|122={TIME}|"));
        say(&mut one_life, "35=0|34=9|");
        drop(one_life);
        let reader = Reader::open(dir.path()).unwrap();
        let segment = reader.segment(reader.segments()[0]).unwrap();
        let came = |entry: Entry<'_>| match entry.kind {
            EntryKind::Message { direction: Direction::In, seq, .. } => Some((seq, "taken")),
            EntryKind::Rejected { seq, bytes, .. } => {
                assert!(bytes.starts_with(b"8=FIX.4.4\x01") && bytes.ends_with(b"\x01"));
                Some((seq, "rejected"))
            }
            EntryKind::Message { .. } | EntryKind::State(_) | EntryKind::Identity(_) => None,
        };
        let all: Vec<_> = segment.entries().filter_map(came).collect();
        assert_eq!(all, [(1, "taken"), (2, "rejected"), (3, "taken")], "{role:?}");
        let (_, state) = open();
        assert_eq!(state.next_in, 4, "the rejected one is used up in the next life too");
    }
}

#[test]
fn what_the_journal_does_not_take_ends_the_session_for_that_reason_and_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    // Room for the Logon, not for the order.
    let (durability, message_bytes_max) = (Durability::None, 100);
    let config = JournalConfig { durability, message_bytes_max, ..JournalConfig::default() };
    let mut peer = peer(Role::Acceptor);
    Keeper::attach(peer.session(), Journal::open(dir.path(), config).unwrap().0).unwrap();
    log_on(&mut peer, 1);
    let bytes = message("THEM", &format!("35=D|34=2|11={}|40=1|", "a".repeat(100)));
    let mut fields = [Field::default(); 32];
    let count = Scanner::new().index(&bytes, &mut fields).unwrap();
    peer.received(&Message::new(&bytes, &fields[..count]), None, NOW);
    assert!(peer.settle(NOW).is_err());
    assert_eq!(peer.take_store_events(), [StoreEvent::Stopped(AppendError::TooLong)]);
    peer.disconnected(NOW);
    assert!(peer.settle(NOW).is_err());
    assert_eq!(peer.take_store_events(), [], "once");
    assert_eq!(peer.told(), DownReason::JournalFailed.to_string());
}

#[test]
fn a_journal_that_had_no_room_goes_on_by_itself_and_every_order_is_answered() {
    for role in [Role::Initiator, Role::Acceptor] {
        let dir = tempfile::tempdir().unwrap();
        let mut peer = peer(role);
        peer.keep_in(dir.path().to_owned()).unwrap();
        log_on(&mut peer, 1);
        // A segment cannot be made where a directory has the name that it has first.
        let in_the_way = dir.path().join("next.tmp");
        std::fs::create_dir(&in_the_way).unwrap();
        let long = "x".repeat(100_000);
        let order = |number: usize| format!("35=D|34={number}|11=a{number}|58={long}|40=1|");
        let answers = |said: &[String]| -> Vec<usize> {
            let number = |one: &String| {
                let id = one.split('|').find_map(|field| field.strip_prefix("11=a"));
                id.map(|id| id.parse().unwrap())
            };
            said.iter().filter_map(number).collect()
        };
        let (mut answered, mut number) = (Vec::new(), 1);
        loop {
            number += 1;
            let bytes = message("THEM", &order(number));
            let mut fields = [Field::default(); 32];
            let count = Scanner::new().index(&bytes, &mut fields).unwrap();
            peer.received(&Message::new(&bytes, &fields[..count]), None, NOW);
            if peer.settle(NOW).is_err() {
                break;
            }
            answered.extend(answers(&heard(&mut peer)));
            assert!(number < 1000, "a journal has no end");
        }
        assert_eq!(peer.take_store_events(), [StoreEvent::Stopped(AppendError::NoSegment)]);
        assert!(peer.has_failed() && peer.can_recover() && !peer.takes_messages());
        peer.disconnected(NOW);
        assert!(peer.settle(NOW).is_err());
        // It is tried again now and then, and said once why it does not go on.
        for (nanos, told) in [(0, 1), (RETRY_NS - 1, 0), (RETRY_NS, 0), (2 * RETRY_NS, 0)] {
            peer.recover(NOW.plus_nanos(nanos));
            let events = peer.take_store_events();
            let refused = events.iter().filter(|one| matches!(one, StoreEvent::Refused(_)));
            assert_eq!((refused.count(), events.len()), (told, told), "{nanos}: {events:?}");
            assert!(peer.has_failed());
        }
        std::fs::remove_dir(&in_the_way).unwrap();
        peer.recover(NOW.plus_nanos(3 * RETRY_NS));
        let events = peer.take_store_events();
        let [StoreEvent::GoesOn(state)] = events[..] else { panic!("{events:?}") };
        assert!(!peer.has_failed() && peer.takes_messages());
        assert!(state.next_in as usize <= number, "what was not stored is not used up: {state:?}");
        assert_eq!(answered, (2..2 + answered.len()).collect::<Vec<_>>());

        log_on(&mut peer, number as u64 + 1);
        let said = heard(&mut peer);
        let asked = said.iter().find_map(|one| one.strip_prefix("35=2|")).expect("it asks");
        let from = asked.split('|').find_map(|field| field.strip_prefix("7=")).unwrap();
        assert_eq!(from, state.next_in.to_string());
        for again in state.next_in as usize..=number {
            let (first, rest) =
                order(again).split_once('|').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            say(&mut peer, &format!("{first}|43=Y|122={TIME}|{rest}"));
        }
        say(&mut peer, &format!("35=D|34={}|11=a{}|40=1|", number + 2, number + 2));
        answered.extend(answers(&heard(&mut peer)));
        answered.dedup();
        // One may be answered twice: stored with its answer, which never left; it is sent when asked for.
        say(&mut peer, &format!("35=2|34={}|7=2|16=0|", number + 3));
        answered.extend(answers(&heard(&mut peer)));
        let missing: Vec<_> =
            (2..=number).chain([number + 2]).filter(|one| !answered.contains(one)).collect();
        assert_eq!(missing, Vec::<usize>::new(), "never answered");
    }
}

/// Epoch, direction and number of every Logon in a journal, in order.
fn logons(dir: &std::path::Path) -> Vec<(u32, Direction, u64)> {
    let reader = Reader::open(dir).unwrap();
    let mut all = Vec::new();
    for &number in reader.segments() {
        let segment = reader.segment(number).unwrap();
        all.extend(segment.entries().filter_map(|entry| match entry.kind {
            EntryKind::Message { direction, seq, bytes, .. }
                if bytes.windows(6).any(|field| field == b"\x0135=A\x01") =>
            {
                Some((entry.epoch, direction, seq))
            }
            _ => None,
        }));
    }
    all
}

#[test]
fn a_logon_that_resets_the_numbers_is_in_the_journal_as_the_first_of_the_new_space() {
    use Direction::{In, Out};
    for role in [Role::Initiator, Role::Acceptor] {
        let dir = tempfile::tempdir().unwrap();
        let config = JournalConfig { durability: Durability::None, ..JournalConfig::default() };
        let mut peer = peer(role);
        Keeper::attach(peer.session(), Journal::open(dir.path(), config).unwrap().0).unwrap();
        log_on(&mut peer, 1);
        say(&mut peer, "35=D|34=2|11=a|40=1|");
        // At the logon, then within the session.
        peer.disconnected(NOW);
        peer.session().set_reset_on_logon(role == Role::Initiator);
        peer.connected(NOW);
        peer.settle(NOW).unwrap();
        say(&mut peer, "35=A|34=1|98=0|108=30|141=Y|");
        assert_eq!((peer.session().phase(), peer.session().next_in()), (Phase::Active, 2));
        say(&mut peer, "35=D|34=2|11=b|40=1|");
        say(&mut peer, "35=A|34=1|98=0|108=30|141=Y|");
        say(&mut peer, "35=D|34=2|11=c|40=1|");
        drop(peer);
        let mut found = logons(dir.path());
        // Which of the two is stored first in a space is the role's.
        found.sort_by_key(|&(epoch, direction, _)| (epoch, direction == Out));
        let pair = |epoch| [(epoch, In, 1), (epoch, Out, 1)];
        assert_eq!(found, [pair(0), pair(1), pair(2)].concat(), "{role:?}");
        let (journal, _) = Journal::open(dir.path(), config).unwrap();
        let state = journal.state();
        assert_eq!((state.epoch, state.next_in, state.next_out), (2, 3, 3), "{role:?}");
    }
}
