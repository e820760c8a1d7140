//! A session that keeps a journal, in its second life and where numbers are set by hand.

use taut_codec::encode::HeaderOrder;
use tempfile::TempDir;

use super::*;
use crate::journal::{Durability, Journal, JournalConfig, Keeper};

/// Goes on from the journal in `dir`.
fn begin(dir: &TempDir) -> Rig {
    let mut rig = Rig::new(Role::Acceptor, |config| {
        config.resend_policy = ResendPolicy::EVERYTHING;
        config.sequence_reset_may_lower = true;
    });
    let config = JournalConfig { durability: Durability::None, ..JournalConfig::default() };
    let (journal, _) = Journal::open(dir.path(), config).unwrap();
    Keeper::attach(&mut rig.session, journal).unwrap();
    rig
}

/// Connected and logged on; everything is stored.
fn log_on(rig: &mut Rig) {
    rig.connect();
    rig.log_on(&format!("35=A|34={}|98=0|108=30|", rig.session.next_in()));
    leave(rig);
    rig.events();
}

/// Stores what is in the outbox, and has it leave.
fn leave(rig: &mut Rig) -> Vec<String> {
    Keeper::inbound(&mut rig.session, None, rig.now).unwrap();
    Keeper::outbound(&mut rig.session, &rig.out, rig.now).unwrap();
    rig.sent()
}

fn send(rig: &mut Rig, id: &str) {
    let now = rig.now;
    rig.session
        .send(b"8", now, &mut rig.out, |body| {
            body.bytes(11, id.as_bytes());
        })
        .unwrap();
}

#[test]
fn a_journal_never_gives_out_what_was_sent_under_numbers_that_were_lowered_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = begin(&dir);
    log_on(&mut rig);
    for id in ["kept", "old", "old", "old"] {
        send(&mut rig, id);
    }
    leave(&mut rig);
    assert!(rig.session.set_numbers(rig.session.next_in(), 3));
    send(&mut rig, "new");
    rig.feed(&format!("35=1|34={}|112=x|", rig.session.next_in()));
    assert_eq!(leave(&mut rig), ["35=8|34=3|11=new|", "35=0|34=4|112=x|"]);
    for life in 0..2 {
        rig.feed(&format!("35=2|34={}|7=2|16=0|", rig.session.next_in()));
        let sent = leave(&mut rig);
        assert!(sent.iter().all(|one| !one.contains("old")), "life {life}: {sent:?}");
        assert!(sent[0].starts_with("35=8|34=2|") && sent[0].ends_with("11=kept|"), "{sent:?}");
        assert!(sent[1].starts_with("35=8|34=3|") && sent[1].ends_with("11=new|"), "{sent:?}");
        drop(rig);
        rig = begin(&dir);
        log_on(&mut rig);
    }
}

#[test]
fn what_is_posted_stands_in_the_journal_behind_what_still_waits_in_the_outbox() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = begin(&dir);
    log_on(&mut rig);
    send(&mut rig, "first");
    rig.session.disconnected(rig.now);
    let (order, now) = (HeaderOrder::default(), rig.now);
    let posted = rig.session.post(b"8", order, now, &mut rig.out, |body| {
        body.bytes(11, b"posted");
    });
    assert_eq!(posted, Ok(Posted::Kept(3)));
    drop(rig);
    let mut rig = begin(&dir);
    log_on(&mut rig);
    rig.feed(&format!("35=2|34={}|7=2|16=0|", rig.session.next_in()));
    let sent = leave(&mut rig);
    assert!(sent[0].starts_with("35=8|34=2|") && sent[0].ends_with("11=first|"), "{sent:?}");
    assert!(sent[1].starts_with("35=8|34=3|") && sent[1].ends_with("11=posted|"), "{sent:?}");
}

/// Takes a message of the peer that the application does not handle at once.
fn take_ahead(rig: &mut Rig, fields: &str) {
    let bytes = fix(&rig.complete(fields));
    rig.feed_bytes(&bytes);
    let number = with_message(&bytes, |message| message.msg_seq_num().unwrap());
    Keeper::ahead(&mut rig.session, Some((number, &bytes)), rig.now).unwrap();
}

/// The process dies; the next life's numbers.
fn next_life(rig: &mut Rig, dir: &TempDir) -> (u32, u64, u64) {
    // One process has one journal in a directory.
    rig.session = Session::new(*rig.session.config());
    *rig = begin(dir);
    (rig.session.epoch(), rig.session.next_in(), rig.session.next_out())
}

#[test]
fn a_message_that_the_application_has_not_handled_is_expected_again_by_the_next_life() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = begin(&dir);
    log_on(&mut rig);
    for number in 2..=5 {
        take_ahead(&mut rig, &format!("35=8|34={number}|37=a|"));
    }
    // What it answers so far uses our numbers up, not the peer's.
    send(&mut rig, "answer");
    Keeper::outbound(&mut rig.session, &rig.out, rig.now).unwrap();
    Keeper::handed_over(&mut rig.session, 4).unwrap();
    take_ahead(&mut rig, "35=8|34=6|37=a|");
    assert_eq!(rig.session.next_in(), 7);
    assert_eq!(next_life(&mut rig, &dir), (0, 4, 3));
    log_on(&mut rig);
    take_ahead(&mut rig, "35=8|34=5|37=a|");
    Keeper::handed_over(&mut rig.session, u64::MAX).unwrap();
    assert_eq!(next_life(&mut rig, &dir), (0, 6, 4));
}

#[test]
fn a_reset_or_a_lowered_number_voids_what_the_application_has_not_handled() {
    for (message, expected) in
        [("35=A|34=1|98=0|108=30|141=Y|", (1, 1, 2)), ("35=4|34=9|123=N|36=1|", (0, 1, 2))]
    {
        let dir = tempfile::tempdir().unwrap();
        let mut rig = begin(&dir);
        log_on(&mut rig);
        take_ahead(&mut rig, "35=8|34=2|37=a|");
        take_ahead(&mut rig, message);
        Keeper::outbound(&mut rig.session, &rig.out, rig.now).unwrap();
        assert_eq!(next_life(&mut rig, &dir), expected, "{message}");
    }
}
