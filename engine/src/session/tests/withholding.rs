//! What is not sent again although it was sent once, and how that is told.

use super::resending::{send_as, with_store};
use super::*;

#[test]
fn what_was_sent_under_numbers_that_were_lowered_by_hand_is_not_sent_for_what_they_carry_now() {
    for role in [Role::Initiator, Role::Acceptor] {
        let mut rig = with_store(role, ResendPolicy::EVERYTHING);
        send_as(&mut rig, b"8", "old a");
        send_as(&mut rig, b"8", "old b");
        assert!(rig.session.set_numbers(rig.session.next_in(), 2));
        send_as(&mut rig, b"8", "new");
        rig.sent();
        rig.feed("35=2|34=2|7=2|16=0|");
        let sent = rig.sent();
        assert!(sent.iter().all(|message| !message.contains("old")), "{sent:?}");
        assert!(sent.iter().any(|message| message.contains("11=new")), "{sent:?}");
    }
}

#[test]
fn a_resend_reaches_back_so_far_and_says_what_it_withheld() {
    let mut rig = Rig::active(Role::Acceptor, |config| {
        config.resend_policy = ResendPolicy::REPORTS;
        config.resend_max = 3;
    });
    rig.session.set_sent_store(Box::new(MemoryStore::new(100, 100_000)));
    for _ in 2..=9 {
        send_as(&mut rig, b"8", "report");
    }
    rig.sent();
    rig.feed("35=2|34=2|7=1|16=0|");
    let sent = rig.sent();
    assert_eq!(sent.len(), 4);
    assert!(sent[0].starts_with("35=4|34=1|") && sent[0].ends_with("36=7|123=Y|"), "{sent:?}");
    assert!(sent[1].starts_with("35=8|34=7|") && sent[3].starts_with("35=8|34=9|"));
    assert!(rig.events().contains(&SessionEvent::Withheld { from: 2, to: 6, messages: 5 }));
}

#[test]
fn a_store_in_memory_does_not_know_what_an_earlier_life_sent_and_that_is_told() {
    let mut rig = Rig::new(Role::Acceptor, |config| config.resend_policy = ResendPolicy::REPORTS);
    assert!(rig.session.restore(4, 8, 9));
    rig.session.set_sent_store(Box::new(MemoryStore::new(100, 100_000)));
    rig.connect();
    rig.log_on("35=A|34=8|98=0|108=30|");
    rig.events();
    rig.feed("35=2|34=9|7=3|16=0|");
    let forgotten = SessionEvent::Forgotten { from: 3, to: 9 };
    assert!(rig.events().contains(&forgotten));
    // From the first message that it keeps on it knows.
    send_as(&mut rig, b"8", "report");
    rig.feed("35=2|34=10|7=3|16=0|");
    assert!(rig.events().contains(&forgotten), "10 is sent again");
    rig.feed("35=2|34=11|7=10|16=0|");
    let told = |event: &SessionEvent| matches!(event, SessionEvent::Forgotten { .. });
    assert!(!rig.events().iter().any(told));
}

#[test]
fn a_message_that_is_too_long_to_be_sent_a_second_time_is_withheld_and_the_session_goes_on() {
    for role in [Role::Initiator, Role::Acceptor] {
        let mut rig = Rig::active(role, |config| {
            config.resend_policy = ResendPolicy::REPORTS;
            config.send_message_bytes_max = 256;
        });
        rig.session.set_sent_store(Box::new(MemoryStore::new(100, 100_000)));
        let longest = (1..256).rev().map(|len| "x".repeat(len)).find(|id| {
            let now = rig.now;
            let sent = rig.session.send(b"8", now, &mut rig.out, |body| {
                body.bytes(11, id.as_bytes());
            });
            sent.is_ok()
        });
        assert!(longest.is_some_and(|id| id.len() > 100), "the limit is the message's length");
        send_as(&mut rig, b"8", "short");
        rig.sent();
        rig.events();
        rig.feed("35=2|34=2|7=2|16=0|");
        let sent = rig.sent();
        assert!(sent[0].starts_with("35=4|34=2|") && sent[0].ends_with("36=3|123=Y|"), "{sent:?}");
        assert!(sent[1].starts_with("35=8|34=3|43=Y|"), "{sent:?}");
        assert_eq!(sent.len(), 2);
        assert_eq!(
            rig.events(),
            [
                SessionEvent::Withheld { from: 2, to: 2, messages: 1 },
                SessionEvent::ResendServed { from: 2, to: 3 },
                SessionEvent::Replayed { from: 2, to: 3, replayed: 1, withheld: 1 }
            ]
        );
        assert_eq!(rig.session.phase(), Phase::Active);
    }
}

#[test]
fn what_the_store_has_forgotten_is_told_when_the_peer_asks_for_it() {
    for role in [Role::Initiator, Role::Acceptor] {
        let mut rig = Rig::active(role, |config| config.resend_policy = ResendPolicy::REPORTS);
        rig.session.set_sent_store(Box::new(MemoryStore::new(2, 100_000)));
        for _ in 2..=5 {
            send_as(&mut rig, b"8", "report");
        }
        rig.sent();
        rig.events();
        rig.feed("35=2|34=2|7=2|16=0|");
        let sent = rig.sent();
        assert!(sent[0].starts_with("35=4|34=2|") && sent[0].ends_with("36=4|123=Y|"), "{sent:?}");
        let (from, to) = (2, 5);
        let served = SessionEvent::ResendServed { from, to };
        let replayed = SessionEvent::Replayed { from, to, replayed: 2, withheld: 0 };
        let forgotten = SessionEvent::Forgotten { from: 2, to: 3 };
        assert_eq!(rig.events(), [served, replayed, forgotten]);
        // Where the store reaches, what is not in it was the session's own.
        rig.feed("35=1|34=3|112=x|");
        rig.sent();
        rig.feed("35=2|34=4|7=4|16=0|");
        let (from, to) = (4, 6);
        let served = SessionEvent::ResendServed { from, to };
        let replayed = SessionEvent::Replayed { from, to, replayed: 2, withheld: 0 };
        assert_eq!(rig.events(), [served, replayed]);
    }
}

#[test]
fn without_a_store_it_is_told_how_many_messages_of_the_application_a_gap_fill_stood_for() {
    both(|mut rig| {
        for id in ["a", "b"] {
            rig.send(id).expect("logged on");
        }
        rig.feed("35=1|34=2|112=x|");
        rig.send("c").expect("logged on");
        rig.sent();
        rig.events();
        rig.feed("35=2|34=3|7=1|16=0|");
        assert_eq!(rig.sent().len(), 1, "one gap fill");
        let withheld = SessionEvent::Withheld { from: 2, to: 5, messages: 3 };
        let served = SessionEvent::ResendServed { from: 1, to: 5 };
        let replayed = SessionEvent::Replayed { from: 1, to: 5, replayed: 0, withheld: 3 };
        assert_eq!(rig.events(), [withheld, served, replayed]);
        // The answer to a TestRequest was the session's own.
        rig.feed("35=2|34=4|7=4|16=4|");
        assert_eq!(rig.events(), [SessionEvent::ResendServed { from: 4, to: 4 }]);
        rig.feed("35=2|34=5|7=3|16=4|");
        assert!(rig.events().contains(&SessionEvent::Withheld { from: 3, to: 3, messages: 1 }));
    });
}

#[test]
fn without_a_store_what_is_too_long_ago_to_be_known_is_told_as_such() {
    let mut rig = Rig::active(Role::Initiator, |_| {});
    let sent = limits::SENT_NUMBERS + 10;
    for _ in 0..sent {
        rig.send("x").expect("logged on");
        rig.out.consume(usize::MAX);
    }
    rig.events();
    rig.feed("35=2|34=2|7=1|16=0|");
    let events = rig.events();
    let to = sent + 1;
    let from = to - limits::SENT_NUMBERS + 1;
    let messages = limits::SENT_NUMBERS as u32;
    assert_eq!(events[0], SessionEvent::Withheld { from, to, messages });
    assert_eq!(events.last(), Some(&SessionEvent::Forgotten { from: 1, to: from - 1 }));
}

#[test]
fn without_a_store_an_earlier_life_and_an_earlier_epoch_are_not_taken_for_this_one() {
    let mut rig = Rig::new(Role::Acceptor, |_| {});
    assert!(rig.session.restore(4, 8, 9));
    rig.connect();
    rig.log_on("35=A|34=8|98=0|108=30|");
    rig.send("a").expect("logged on");
    rig.events();
    rig.feed("35=2|34=9|7=3|16=0|");
    let events = rig.events();
    assert!(events.contains(&SessionEvent::Forgotten { from: 3, to: 8 }), "{events:?}");
    assert!(events.contains(&SessionEvent::Withheld { from: 10, to: 10, messages: 1 }));

    both_with(
        |config| config.reset_by_peer = true,
        |mut rig| {
            rig.send("a").expect("logged on");
            rig.feed("35=A|34=1|98=0|108=30|141=Y|");
            rig.sent();
            rig.feed("35=1|34=2|112=x|");
            rig.events();
            rig.feed("35=2|34=3|7=1|16=0|");
            assert_eq!(rig.events(), [SessionEvent::ResendServed { from: 1, to: 2 }]);
        },
    );
}
