//! A logon that continues the numbers: nothing of the application is sent before both sides have what
//! they missed (demands 1 and 4).

use std::time::Duration;

use super::*;

/// Logging on with 5 expected of the peer and 9 to be used; the Logon is 34=9.
fn rig(change: impl FnOnce(&mut SessionConfig)) -> Rig {
    let mut rig = Rig::new(Role::Initiator, |config| {
        config.synchronise = true;
        config.low_answer_resets = true;
        config.clock_skew_warning = Some(Duration::from_secs(1));
        config.clock_skew_refused = Some(Duration::from_secs(5));
        change(config);
    });
    assert!(rig.session.restore(2, 5, 9));
    rig.connect();
    assert!(rig.sent()[0].starts_with("35=A|34=9|"));
    rig
}

#[test]
fn an_order_sent_right_after_a_logon_is_not_voided_by_the_answer_to_the_venues_resend_request() {
    let mut rig = rig(|_| {});
    rig.feed("35=A|34=5|98=0|108=30|");
    assert_eq!(rig.sent(), ["35=1|34=10|112=10|"]);
    assert!(rig.events().is_empty() && rig.session.is_synchronising());
    assert_eq!(rig.send("early"), Err(SendError::NotLoggedOn), "the venue would void it");
    // Messages 7 and 8 were lost with the last connection; what came behind them was dropped.
    rig.feed("35=2|34=6|7=7|16=0|");
    let sent = rig.sent();
    assert!(sent[0].starts_with("35=4|34=7|") && sent[0].contains("36=11|"), "{sent:?}");
    assert_eq!(sent[1], "35=1|34=11|112=11|", "the first was void with the rest");
    rig.feed("35=0|34=7|112=10|");
    assert!(rig.session.is_synchronising(), "not the answer that is waited for");
    rig.feed("35=0|34=8|112=11|");
    let events = rig.events();
    assert_eq!(events[0], SessionEvent::ResendServed { from: 7, to: 10 });
    let synchronised = SessionEvent::Synchronised { next_in: 9, next_out: 12, asks: 2 };
    // What 7 and 8 were is not known: an earlier life sent them, and there is no store.
    let forgotten = SessionEvent::Forgotten { from: 7, to: 8 };
    assert_eq!(events[1..], [forgotten, synchronised, up(2, 1, 9, 12)]);
    assert_eq!(rig.send("late"), Ok(12));
}

#[test]
fn what_we_missed_comes_before_the_session_is_up() {
    let mut rig = rig(|_| {});
    rig.feed("35=A|34=8|98=0|108=30|");
    assert_eq!(
        rig.sent(),
        ["35=2|34=10|7=5|16=0|"],
        "no TestRequest: its answer would be in the gap"
    );
    rig.feed("35=8|34=5|43=Y|122=20260407-14:00:00.000|37=a|");
    assert!(rig.sent().is_empty() && rig.session.is_synchronising());
    rig.feed("35=4|34=6|43=Y|122=20260407-14:00:00.000|123=Y|36=9|");
    assert_eq!(rig.sent(), ["35=1|34=11|112=11|"]);
    rig.feed("35=0|34=9|112=11|");
    assert!(rig.session.is_up());
    assert_eq!(rig.events().last(), Some(&up(2, 1, 10, 12)));
}

#[test]
fn an_answer_that_falls_into_a_gap_is_asked_for_again() {
    let mut rig = rig(|_| {});
    rig.feed("35=A|34=5|98=0|108=30|");
    rig.sent();
    rig.feed("35=0|34=7|112=10|");
    assert_eq!(rig.sent(), ["35=2|34=11|7=6|16=0|"]);
    rig.feed("35=4|34=6|43=Y|122=20260407-14:00:00.000|123=Y|36=8|");
    assert_eq!(rig.sent(), ["35=1|34=12|112=12|"]);
    rig.feed("35=0|34=8|112=12|");
    assert!(rig.session.is_up());
}

#[test]
fn a_venue_that_never_answers_the_test_request_is_left_and_the_number_of_asks_told() {
    let mut rig = rig(|config| config.sync_timeout = Duration::from_secs(3));
    rig.feed("35=A|34=5|98=0|108=30|");
    assert_eq!(rig.session.next_deadline(), rig.now.plus_nanos(3_000_000_000));
    rig.tick_after(2_999);
    assert!(rig.session.is_synchronising());
    rig.tick_after(1);
    assert!(rig.session.should_close());
    rig.session.disconnected(rig.now);
    let reason = DownReason::TimedOut { awaited: Awaited::Synchronisation, ms: 3_000 };
    let down = down(reason, 6, 11);
    assert_eq!(rig.events(), [SessionEvent::NotSynchronised { asks: 1 }, down]);
}

#[test]
fn a_venue_that_asks_again_and_again_for_what_it_got_does_not_keep_us_busy_for_ever() {
    let mut rig = rig(|_| {});
    rig.feed("35=A|34=5|98=0|108=30|");
    let mut asks = 0;
    for number in 6..100 {
        asks += rig.sent().iter().filter(|sent| sent.starts_with("35=1|")).count();
        rig.feed(&format!("35=2|34={number}|7=9|16=0|"));
    }
    assert!(rig.session.should_close());
    assert_eq!(asks, limits::SYNC_ASKS_MAX as usize);
}

#[test]
fn after_a_reset_nothing_can_be_missing_and_the_session_is_up_at_once() {
    let mut rig = Rig::new(Role::Initiator, |config| {
        (config.synchronise, config.reset_on_logon) = (true, true);
    });
    rig.connect();
    rig.feed("35=A|34=1|98=0|108=30|141=Y|");
    assert!(rig.session.is_up());
    assert_eq!(rig.sent().len(), 1, "the Logon only");
}

#[test]
fn where_both_sides_say_what_they_miss_no_test_request_is_needed() {
    let mut rig = rig(|config| config.next_expected = true);
    rig.feed("35=A|34=5|98=0|108=30|789=7|");
    let sent = rig.sent();
    assert!(sent.len() == 1 && sent[0].starts_with("35=4|34=7|"), "{sent:?}");
    assert!(rig.session.is_up());
}

#[test]
fn a_logout_while_synchronising_is_answered_and_no_session_was_up() {
    let mut rig = rig(|_| {});
    rig.feed("35=A|34=5|98=0|108=30|");
    rig.sent();
    rig.feed("35=5|34=6|58=rollover|");
    assert_eq!(rig.sent(), ["35=5|34=11|"]);
    rig.session.disconnected(rig.now);
    let text = event::event_text(b"rollover");
    let reason = DownReason::VenueLoggedOut(text);
    assert_eq!(rig.events(), [down(reason, 7, 12)]);
}

#[test]
fn a_venue_that_starts_at_1_although_nobody_asked_begins_a_new_epoch() {
    let mut rig = rig(|_| {});
    rig.feed("35=A|34=1|98=0|108=30|");
    assert_eq!(rig.numbers(), (2, 11), "our Logon had a number of the old space");
    rig.feed("35=2|34=2|7=1|16=0|");
    let sent = rig.sent();
    assert!(sent[1].starts_with("35=4|34=1|") && sent[1].contains("36=11|"), "{sent:?}");
    rig.feed("35=0|34=3|112=11|");
    assert!(rig.session.is_up() && rig.session.epoch() == 3);
    let reset = |event: &_| matches!(event, SessionEvent::ResetByPeer { epoch: 3, .. });
    assert!(rig.events().iter().any(reset));
}

#[test]
fn a_venue_that_started_at_1_is_followed_although_its_first_answers_were_lost() {
    // We expect 5. 1 and 2 were the answers to our last Logons, and their connections broke.
    let mut rig = rig(|_| {});
    rig.feed("35=A|34=3|98=0|108=30|");
    assert_eq!((rig.numbers(), rig.session.epoch()), ((1, 11), 3));
    assert_eq!(rig.sent(), ["35=2|34=10|7=1|16=0|"], "what was lost is asked for");
    rig.feed("35=4|34=1|43=Y|122=20260407-14:00:00.000|123=Y|36=4|");
    rig.feed("35=0|34=4|112=11|");
    assert!(rig.session.is_up() && rig.session.next_in() == 5);
}

#[test]
fn a_clock_that_is_off_is_told_once_and_named_when_the_logon_is_refused() {
    let mut rig = rig(|_| {});
    rig.feed("35=A|34=5|52=20260407-14:31:58.000|98=0|108=30|");
    assert_eq!(rig.events(), [SessionEvent::ClockSkew { nanos: -3_000_000_000 }]);
    rig.feed("35=0|34=6|52=20260407-14:31:58.000|112=10|");
    assert_eq!(rig.session.clock_skew(), Some(-3_000_000_000));
    assert!(!rig.events().iter().any(|event| matches!(event, SessionEvent::ClockSkew { .. })));

    rig.session.disconnected(rig.now);
    rig.connect();
    rig.events();
    rig.feed("35=5|34=7|52=20260407-14:32:08.000|58=no|");
    rig.session.disconnected(rig.now);
    let text = event::event_text(b"no");
    let reason = DownReason::ClockSkew { ms: 7_000, text };
    assert_eq!(rig.events().last(), Some(&down(reason, 8, 12)));
}
