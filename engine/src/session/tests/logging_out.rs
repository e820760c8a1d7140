//! Cases 12 and 13.

use super::*;

#[test]
fn our_logout_waits_for_the_answer_and_closes_without_another_message_12_13a() {
    both(|mut rig| {
        rig.send("1").unwrap();
        rig.session.logout(Some("bye"), rig.now, &mut rig.out);
        assert_eq!(rig.session.phase(), Phase::LogoutSent);
        assert_eq!(rig.sent(), ["35=D|34=2|11=1|", "35=5|34=3|58=bye|"]);
        assert_eq!(rig.send("2"), Err(SendError::NotLoggedOn));
        assert_eq!(rig.feed("35=8|34=2|"), Received::Application, "nothing is dropped meanwhile");
        assert_eq!(rig.feed("35=5|34=3|"), Received::Admin);
        assert!(rig.session.should_close() && rig.sent().is_empty());
        rig.session.disconnected(rig.now);
        assert_eq!(rig.events(), [down(DownReason::LoggedOut, 4, 4)]);
        assert_eq!(rig.numbers(), (4, 4));
    });
}

#[test]
fn a_resend_request_behind_our_logout_is_served_12() {
    both(|mut rig| {
        rig.send("1").unwrap();
        rig.session.logout(None, rig.now, &mut rig.out);
        rig.sent();
        assert_eq!(rig.feed("35=2|34=2|7=2|16=0|"), Received::Admin);
        let sent = rig.sent();
        assert!(sent.len() == 1 && sent[0].starts_with("35=4|34=2|") && sent[0].contains("36=4"));
        rig.feed("35=5|34=3|");
        assert!(rig.session.should_close());
    });
}

#[test]
fn a_logout_that_is_not_answered_times_out_12() {
    both(|mut rig| {
        rig.session.logout(None, rig.now, &mut rig.out);
        assert_eq!(rig.session.next_deadline(), rig.now.plus_nanos(2_000_000_000));
        rig.tick_after(1999);
        assert_eq!(rig.session.phase(), Phase::LogoutSent);
        rig.tick_after(1);
        assert!(rig.session.should_close());
        rig.session.disconnected(rig.now);
        let reason = DownReason::TimedOut { awaited: Awaited::LogoutAnswer, ms: 2_000 };
        assert_eq!(rig.events(), [down(reason, 2, 3)]);
    });
}

#[test]
fn the_peers_logout_is_answered_and_the_peer_may_close_13b() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=5|34=2|58=rollover|"), Received::Admin);
        assert_eq!(rig.sent(), ["35=5|34=2|"]);
        assert_eq!((rig.session.phase(), rig.numbers()), (Phase::LogoutSent, (3, 3)));
        rig.tick_after(2000);
        assert!(rig.session.should_close(), "if it does not close, we do");
        rig.session.disconnected(rig.now);
        let reason = DownReason::VenueLoggedOut(event::event_text(b"rollover"));
        assert_eq!(rig.events(), [down(reason, 3, 3)]);
    });
}

#[test]
fn a_logout_is_heard_whatever_its_number_and_what_is_missing_is_asked_for_later() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=5|34=9|"), Received::Admin);
        assert_eq!(rig.sent(), ["35=5|34=2|"]);
        assert_eq!(rig.session.next_in(), 2);
        rig.session.disconnected(rig.now);
        rig.connect();
        rig.log_on("35=A|34=10|98=0|108=30|");
        assert_eq!(rig.sent().last().map(String::as_str), Some("35=2|34=4|7=2|16=0|"));
    });
    both(|mut rig| {
        assert_eq!(rig.feed("35=5|34=1|"), Received::Admin);
        assert_eq!(rig.sent(), ["35=5|34=2|"]);
    });
    both(|mut rig| {
        let dup = "35=5|34=1|43=Y|122=20260407-14:32:00.000|";
        assert_eq!(rig.feed(dup), Received::Ignored, "but not a repeated one");
        assert_eq!(rig.session.phase(), Phase::Active);
    });
}

#[test]
fn two_logouts_that_cross_end_the_session_without_a_third() {
    both(|mut rig| {
        rig.session.logout(None, rig.now, &mut rig.out);
        rig.session.logout(None, rig.now, &mut rig.out);
        assert_eq!(rig.sent().len(), 1);
        rig.feed("35=5|34=2|");
        assert!(rig.session.should_close() && rig.sent().is_empty());
    });
}

#[test]
fn a_logout_before_the_logon_is_complete_closes_the_connection() {
    for role in [Role::Initiator, Role::Acceptor] {
        let mut rig = Rig::new(role, |_| {});
        rig.session.logout(None, rig.now, &mut rig.out);
        assert_eq!(rig.session.phase(), Phase::Disconnected);
        rig.connect();
        rig.sent();
        rig.session.logout(None, rig.now, &mut rig.out);
        assert!(rig.session.should_close() && rig.sent().is_empty());
    }
}

#[test]
fn a_logout_text_with_control_bytes_is_left_out() {
    both(|mut rig| {
        rig.session.logout(Some("a\x01b"), rig.now, &mut rig.out);
        assert_eq!(rig.sent(), ["35=5|34=2|"]);
    });
}

#[test]
fn nothing_is_taken_once_the_connection_is_to_be_closed() {
    both(|mut rig| {
        rig.session.logout(None, rig.now, &mut rig.out);
        rig.feed("35=5|34=2|");
        rig.sent();
        assert_eq!(rig.feed("35=8|34=3|"), Received::Ignored);
        assert_eq!(rig.session.next_in(), 3);
        rig.session.garbled(1, NOISE, rig.now);
        assert!(rig.sent().is_empty());
    });
}

#[test]
fn an_outbox_that_cannot_be_flushed_is_dropped_after_the_logout_timeout() {
    both(|mut rig| {
        rig.session.logout(None, rig.now, &mut rig.out);
        rig.feed("35=5|34=2|");
        rig.tick_after(1999);
        assert!(!rig.out.is_empty());
        rig.tick_after(1);
        assert!(rig.out.is_empty() && rig.session.should_close());
    });
}

#[test]
fn a_logout_with_a_bad_field_is_rejected_and_answered_all_the_same_13b() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=5|34=2|43=X|"), Received::Admin);
        let sent = rig.sent();
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert!(
            sent[0].starts_with("35=3|34=2|45=2|") && sent[1].starts_with("35=5|34=3|"),
            "{sent:?}"
        );
        assert_eq!((rig.session.phase(), rig.session.next_in()), (Phase::LogoutSent, 3));
    });
}
