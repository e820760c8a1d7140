//! Cases 4.a and 6, time-outs, HeartBtInt.

use super::*;

#[test]
fn a_heartbeat_is_sent_after_heart_bt_int_without_sending_4a() {
    both(|mut rig| {
        rig.tick_after(10_000);
        rig.send("1").unwrap();
        rig.feed("35=0|34=2|");
        rig.sent();
        rig.tick_after(29_999);
        assert!(rig.sent().is_empty());
        assert_eq!(rig.session.next_deadline(), rig.now.plus_nanos(1_000_000));
        rig.tick_after(1);
        assert_eq!(rig.sent(), ["35=0|34=3|"]);
        rig.tick_after(1);
        assert!(rig.sent().is_empty());
    });
}

#[test]
fn heartbeats_can_be_sent_twice_as_often() {
    both_with(
        |config| config.heartbeat_divisor = 2,
        |mut rig| {
            rig.tick_after(15_000);
            assert_eq!(rig.sent(), ["35=0|34=2|"]);
        },
    );
}

#[test]
fn a_silent_peer_is_asked_and_then_left_6() {
    both(|mut rig| {
        rig.tick_after(35_999);
        assert_eq!(rig.sent(), ["35=0|34=2|"]);
        rig.tick_after(1);
        assert_eq!(rig.sent(), ["35=1|34=3|112=3|"]);
        rig.tick_after(35_999);
        assert_eq!(rig.session.phase(), Phase::Active);
        rig.tick_after(1);
        assert!(rig.session.should_close());
        rig.session.disconnected(rig.now);
        let reason = DownReason::TimedOut { awaited: Awaited::AnyMessage, ms: 72_000 };
        let asked = SessionEvent::TestRequestSent { silent_ms: 36_000 };
        assert_eq!(rig.events(), [asked, down(reason, 2, 5)]);
    });
}

#[test]
fn any_message_behind_the_test_request_proves_that_the_peer_lives_6() {
    for message in ["35=0|34=2|112=3|", "35=8|34=2|", "35=8|34=99|"] {
        both(|mut rig| {
            rig.tick_after(36_000);
            rig.feed(message);
            rig.sent();
            rig.tick_after(35_999);
            assert_eq!(rig.session.phase(), Phase::Active, "{message}");
            assert!(!rig.sent().iter().any(|m| m.starts_with("35=1|")), "{message}");
        });
    }
}

#[test]
fn a_stall_of_our_own_does_not_end_a_healthy_session() {
    both(|mut rig| {
        rig.tick_after(3_600_000);
        assert_eq!(rig.session.phase(), Phase::Active, "first it asks");
        rig.feed("35=0|34=2|");
        rig.tick_after(1000);
        assert_eq!(rig.session.phase(), Phase::Active);
    });
}

#[test]
fn a_heart_bt_int_of_zero_means_no_heartbeats() {
    for role in [Role::Initiator, Role::Acceptor] {
        let mut rig = Rig::new(role, |_| {});
        rig.connect();
        rig.log_on("35=A|34=1|98=0|108=0|");
        rig.sent();
        assert_eq!(rig.session.next_deadline(), UtcTime(u64::MAX));
        rig.tick_after(100_000_000);
        assert!(rig.sent().is_empty());
        assert_eq!(rig.session.phase(), Phase::Active);
        rig.feed("35=1|34=2|52=20260408-18:18:41.000|112=a|");
        assert_eq!(rig.sent(), ["35=0|34=2|112=a|"]);
    }
}

#[test]
fn a_hostile_heart_bt_int_is_refused() {
    let mut rig = Rig::new(Role::Acceptor, |config| config.heartbeat_seconds_min = 5);
    rig.connect();
    assert_eq!(rig.feed("35=A|34=1|98=0|108=4|"), Received::Ignored);
    assert_eq!(
        rig.sent(),
        ["35=5|34=1|58=Invalid Logon: HeartBtInt(108) must be 5 to 3600 seconds|"]
    );
}

#[test]
fn a_logon_that_is_not_completed_in_time_ends_the_connection() {
    for role in [Role::Initiator, Role::Acceptor] {
        let mut rig = Rig::new(role, |_| {});
        rig.connect();
        rig.sent();
        assert_eq!(rig.session.next_deadline(), rig.now.plus_nanos(10_000_000_000));
        rig.tick_after(9_999);
        assert!(!rig.session.should_close());
        rig.tick_after(1);
        assert!(rig.session.should_close() && rig.sent().is_empty());
    }
    let mut rig = Rig::new(Role::Acceptor, |_| {});
    rig.connect();
    rig.tick_after(9_000);
    rig.feed("35=A|34=1|98=0|108=30|");
    rig.tick_after(1_000);
    assert!(rig.session.should_close(), "the verdict has no time of its own");
    assert_eq!(
        rig.session.accept_logon(rig.now, &mut rig.out),
        Err(SendError::NotLoggedOn),
        "and comes too late"
    );
}

#[test]
fn a_resend_that_does_not_come_is_requested_again_and_in_the_end_given_up() {
    both_with(
        |_| {},
        |mut rig| {
            rig.feed("35=8|34=5|");
            let mut requests = rig.sent().len();
            for _ in 1..limits::RESEND_TRIES_MAX {
                rig.tick_after(9_999);
                rig.feed("35=8|34=9|");
                assert!(rig.sent().iter().all(|m| !m.starts_with("35=2|")));
                rig.tick_after(1);
                requests += rig.sent().iter().filter(|m| m.starts_with("35=2|")).count();
            }
            assert_eq!(requests, limits::RESEND_TRIES_MAX as usize);
            rig.tick_after(10_000);
            let sent = rig.sent();
            assert!(sent.iter().any(|m| m.contains("58=No answer to ResendRequest from 2")));
            assert_eq!(rig.session.phase(), Phase::LogoutSent);
        },
    );
}

#[test]
fn a_resend_that_makes_progress_is_not_requested_again() {
    both(|mut rig| {
        rig.feed("35=8|34=9|");
        rig.sent();
        for number in 2..9 {
            rig.tick_after(9_000);
            rig.feed(&format!("35=8|34={number}|"));
        }
        assert!(rig.sent().iter().all(|m| !m.starts_with("35=2|")));
    });
}

#[test]
fn a_disconnected_session_has_nothing_to_do() {
    let mut rig = Rig::new(Role::Initiator, |_| {});
    assert_eq!(rig.session.next_deadline(), UtcTime(u64::MAX));
    rig.tick_after(1_000_000);
    rig.session.disconnected(rig.now);
    assert!(rig.sent().is_empty() && rig.events().is_empty());
}

#[test]
fn a_connection_whose_end_the_peer_does_not_let_through_is_dropped_after_the_logout_timeout() {
    both(|mut rig| {
        rig.session.garbled(limits::RESYNC_BYTES_MAX + 1, NOISE, rig.now);
        rig.session.logout(None, rig.now, &mut rig.out);
        assert!(rig.session.should_close() && !rig.session.must_drop());
        let deadline = rig.session.next_deadline();
        rig.tick_after((deadline.0 - rig.now.0) / 1_000_000 - 1);
        assert!(!rig.session.must_drop());
        rig.tick_after(1);
        assert!(rig.session.must_drop() && rig.out.is_empty());
        assert_eq!(rig.session.next_deadline(), UtcTime(u64::MAX), "no deadline is left behind");
        rig.session.disconnected(rig.now);
        rig.connect();
        assert!(!rig.session.must_drop(), "the next connection has its own time");
    });
}
