//! What was sent, found again by its number.

use super::*;

#[test]
fn a_sent_message_is_found_by_its_number_in_this_life_and_the_next() {
    let dir = dir();
    let config = JournalConfig { segments_mapped: 16, ..SMALL };
    let (mut journal, _) = open(&dir, config);
    for seq in 1..=50 {
        send(&mut journal, seq).expect("room");
    }
    // A gap fill and a resend have the number of the first; the first is what is asked for.
    journal.append(record(Direction::Out, 1, 7, b"gap fill")).expect("room");
    for life in 0..2 {
        for seq in 1..=50 {
            assert_eq!(journal.sent(1, seq), Some(&content(seq)[..]), "life {life}");
        }
        assert_eq!(journal.sent(1, 51), None);
        assert_eq!(journal.sent(2, 1), None, "another epoch");
        drop(journal);
        journal = open(&dir, config).0;
    }
    journal.append(record(Direction::Out, 2, 1, b"new epoch")).expect("room");
    assert_eq!(journal.sent(2, 1), Some(&b"new epoch"[..]));
    assert_eq!(journal.state().next_out, 2);
}

#[test]
fn what_left_the_mapped_segments_is_not_found_and_never_something_else() {
    let dir = dir();
    let (mut journal, _) = open(&dir, JournalConfig { segments_mapped: 1, ..SMALL });
    for seq in 1..=300 {
        send(&mut journal, seq).expect("room");
        let found = (1..=seq).filter(|&n| journal.sent(1, n).is_some()).count();
        assert!((1..60).contains(&found), "one segment holds fewer: {found}");
        assert!((1..=seq).all(|n| journal.sent(1, n).is_none_or(|sent| sent == content(n))));
        let lowest = (1..=seq).find(|&n| journal.sent(1, n).is_some());
        let next = |from, to| journal.next_sent(1, from, to).map(|kept| kept.msg_seq_num);
        assert_eq!(next(0, u64::MAX), lowest);
        assert_eq!(next(seq, seq), Some(seq));
        assert_eq!(journal.next_sent(1, seq + 1, u64::MAX), None);
        assert_eq!(journal.next_sent(2, 0, u64::MAX), None);
    }
}

#[test]
fn a_journal_knows_from_which_number_on_it_has_everything_that_was_sent() {
    // The whole story is within reach, also for the next life.
    let whole = dir();
    let (mut journal, _) = open(&whole, SMALL);
    assert_eq!(journal.reach(0), 1);
    journal.note(State { epoch: 1, ..State::START }).expect("room");
    for seq in 1..=5 {
        send(&mut journal, seq).expect("room");
    }
    assert_eq!(journal.reach(1), 1);
    drop(journal);
    assert_eq!(open(&whole, SMALL).0.reach(1), 1);

    let bounds = [
        (JournalConfig { index_messages: 7, segments_mapped: 16, ..SMALL }, "by number"),
        (JournalConfig { segments_mapped: 2, ..SMALL }, "by place"),
        (JournalConfig { index_messages: 0, ..SMALL }, "nothing"),
    ];
    for (config, bound) in bounds {
        let dir = dir();
        let (mut journal, _) = open(&dir, config);
        for seq in 1..=90 {
            send(&mut journal, seq).expect("room");
            let lowest = journal.next_sent(1, 0, u64::MAX).map(|kept| kept.msg_seq_num);
            assert_eq!(journal.reach(1), lowest.unwrap_or(seq + 1), "{bound}");
        }
        assert!(journal.reach(1) > 1, "{bound}");
        assert_eq!(journal.reach(2), 1, "a space that has not begun");
        drop(journal);
        let (journal, _) = open(&dir, config);
        let lowest = journal.next_sent(1, 0, u64::MAX).map_or(91, |kept| kept.msg_seq_num);
        // The session's own messages may stand between.
        assert!((2..=lowest).contains(&journal.reach(1)), "{bound}: {}", journal.reach(1));
    }
}

#[test]
fn a_message_with_a_secret_in_it_is_known_but_never_given_out_with_stars() {
    let text = |body: &str| format!("8=FIX.4.4|9=1|{body}").replace('|', "\x01").into_bytes();
    let secret = text("35=B|34=1|95=3|96=raw|10=000|");
    let plain = text("35=B|34=2|58=*|296=1|10=000|");
    let logon = text("35=A|34=3|553=KEY|10=000|");
    let dir = dir();
    let (mut journal, _) = open(&dir, SMALL);
    for (seq, bytes) in (1..).zip([&secret, &plain, &logon]) {
        journal.append(record(Direction::Out, 1, seq, bytes)).expect("room");
    }
    for life in 0..2 {
        let news = MsgType::new(b"B");
        let next =
            |from| journal.next_sent(1, from, 9).map(|kept| (kept.msg_seq_num, kept.msg_type));
        assert_eq!((next(1), next(2), next(3)), (Some((1, news)), Some((2, news)), None), "{life}");
        assert_eq!(journal.sent(1, 1), None);
        assert_eq!(journal.sent(1, 2), Some(&plain[..]));
        assert_eq!(journal.sent(1, 3), None, "the session's own");
        drop(journal);
        journal = open(&dir, SMALL).0;
    }
}

#[test]
fn only_the_last_messages_are_found_and_the_memory_for_them_is_bounded() {
    let dir = dir();
    let config = JournalConfig { index_messages: 7, segments_mapped: 16, ..SMALL };
    let (mut journal, _) = open(&dir, config);
    for seq in 1..=60 {
        send(&mut journal, seq).expect("room");
        let lowest = journal.next_sent(1, 0, u64::MAX).map(|kept| kept.msg_seq_num);
        assert_eq!(lowest, Some(seq.saturating_sub(6).max(1)));
    }
    // Numbers that were set back by hand: what had them before is void.
    let state = journal.state();
    journal.note(State { next_out: 57, ..state }).expect("room");
    send(&mut journal, 57).expect("room");
    assert_eq!(journal.next_sent(1, 58, u64::MAX), None);
    assert_eq!(journal.sent(1, 57), Some(&content(57)[..]));
    drop(journal);
    let (journal, _) = open(&dir, config);
    assert_eq!(journal.next_sent(1, 0, u64::MAX).map(|kept| kept.msg_seq_num), Some(54));
    assert_eq!(journal.next_sent(1, 58, u64::MAX), None);
}
