//! A number that is too high by mistake: the gap that it makes ends where the peer's answer ends.

use super::*;

const MARKS: &str = "43=Y|122=20260407-14:32:00.000|";
const STRAY: u64 = 1_000_002;

fn stray(rig: &mut Rig) {
    assert_eq!(rig.feed(&format!("35=8|34={STRAY}|11=stray|")), Received::Ignored);
    assert_eq!(rig.sent(), [format!("35=2|34={}|7=2|16=0|", rig.session.next_out() - 1)]);
    assert_eq!(rig.events(), [SessionEvent::Gap { from: 2, to: STRAY }]);
}

fn told(next_in: u64) -> [SessionEvent; 2] {
    let number = STRAY;
    [SessionEvent::StrayNumber { number, next_in }, SessionEvent::GapClosed { next_in }]
}

/// Nothing is asked for any more, and the session goes on.
fn is_over(rig: &mut Rig) {
    assert!(!rig.session.has_gap());
    let next = rig.session.next_in();
    for number in next..next + 20 {
        rig.tick_after(20_000);
        assert_eq!(rig.feed(&format!("35=8|34={number}|")), Received::Application);
    }
    assert!(!rig.sent().iter().any(|message| message.starts_with("35=2|")));
    assert_eq!(rig.session.phase(), Phase::Active);
    assert_eq!(
        rig.session.take_held(rig.now, &mut [0; 1024]),
        None,
        "the stray is never given out"
    );
    assert_eq!(rig.feed(&format!("35=8|34={}|", next + 22)), Received::Ignored);
    assert_eq!(rig.sent().len(), 1, "a real gap is asked for");
}

fn with_and_without_room(test: impl Fn(Rig)) {
    for hold_bytes in [0, 4096] {
        both_with(|config| config.hold_bytes = hold_bytes, &test);
    }
}

#[test]
fn a_stray_number_is_told_and_its_gap_closed_where_the_peer_goes_on_behind_its_gap_fill() {
    with_and_without_room(|mut rig| {
        stray(&mut rig);
        rig.feed(&format!("35=4|34=2|{MARKS}123=Y|36=5|"));
        rig.events();
        assert_eq!(rig.feed("35=8|34=5|"), Received::Application);
        assert_eq!(rig.events(), told(5));
        is_over(&mut rig);
    });
}

#[test]
fn a_stray_number_is_told_and_its_gap_closed_where_the_peer_goes_on_behind_what_it_sent_again() {
    with_and_without_room(|mut rig| {
        stray(&mut rig);
        for number in 2..=4 {
            let again = format!("35=8|34={number}|{MARKS}");
            assert_eq!(rig.feed(&again), Received::Application);
        }
        assert!(rig.session.has_gap() && rig.events().is_empty());
        rig.feed("35=0|34=5|");
        assert_eq!(rig.events(), told(5));
        is_over(&mut rig);
    });
}

#[test]
fn a_peer_that_rejects_the_request_for_what_it_never_sent_has_answered_it() {
    with_and_without_room(|mut rig| {
        stray(&mut rig);
        assert_eq!(rig.feed("35=3|34=2|45=2|373=5|"), Received::Application);
        assert_eq!(rig.events(), told(2));
        is_over(&mut rig);
    });
}

#[test]
fn a_stray_number_that_the_peer_does_not_answer_for_ends_the_session_after_a_bounded_time() {
    both(|mut rig| {
        stray(&mut rig);
        let mut requests = 1;
        for number in 2..=limits::RESEND_TRIES_MAX {
            rig.tick_after(15_000);
            requests += rig.sent().iter().filter(|one| one.starts_with("35=2|")).count() as u32;
            assert_eq!(rig.session.phase(), Phase::Active, "asked {requests} times");
            assert_eq!(rig.feed(&format!("35=8|34={number}|")), Received::Application);
        }
        assert_eq!(requests, limits::RESEND_TRIES_MAX);
        rig.tick_after(15_000);
        let sent = rig.sent();
        assert!(sent.iter().any(|one| one.contains("58=No answer to ResendRequest")), "{sent:?}");
        assert_eq!(rig.session.phase(), Phase::LogoutSent);
    });
}

#[test]
fn a_peer_that_does_not_mark_what_it_sends_again_is_understood() {
    both_with(
        |config| config.hold_bytes = 4096,
        |mut rig| {
            rig.feed("35=8|34=5|11=held|");
            rig.feed("35=8|34=4|11=held too|");
            for number in 2..=3 {
                assert_eq!(rig.feed(&format!("35=8|34={number}|")), Received::Application);
            }
            let mut given = Vec::new();
            let mut room = [0; 1024];
            while let Some(len) = rig.session.take_held(rig.now, &mut room) {
                given.push(rig.feed_bytes(&room[..len]));
            }
            assert_eq!(given, [Received::Application; 2]);
            let gap = SessionEvent::Gap { from: 2, to: 5 };
            assert_eq!(rig.events(), [gap, SessionEvent::GapClosed { next_in: 6 }]);
        },
    );
}

#[test]
fn what_was_held_below_the_number_that_revealed_the_gap_is_not_taken_for_the_end_of_the_answer() {
    both_with(
        |config| config.hold_bytes = 4096,
        |mut rig| {
            rig.feed("35=8|34=5|11=held|");
            rig.feed("35=8|34=4|11=held too|");
            rig.feed(&format!("35=4|34=2|{MARKS}123=Y|36=4|"));
            rig.events();
            let mut room = [0; 1024];
            let mut given = 0;
            while let Some(len) = rig.session.take_held(rig.now, &mut room) {
                assert_eq!(rig.feed_bytes(&room[..len]), Received::Application);
                given += 1;
            }
            assert_eq!((given, rig.session.next_in()), (2, 6));
            assert_eq!(rig.events(), [SessionEvent::GapClosed { next_in: 6 }]);
        },
    );
}
