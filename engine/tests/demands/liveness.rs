//! Demand 9.

use taut::limits;
use taut::session::ResendPolicy;
use taut::session::{MemoryStore, Phase, Received, SessionEvent};

use crate::rig::{Rig, both};

#[test]
fn demand_09_a_long_recovery_is_no_silence() {
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        rig.feed("35=8|34=1000|");
        rig.sent();
        // Ten minutes of resent messages, one every two seconds: the peer has no time for heartbeats.
        for number in 2..302 {
            rig.tick_after(2_000);
            let resent = format!("35=8|34={number}|43=Y|122=20260407-14:00:00|");
            assert_eq!(rig.feed(&resent), Received::Application);
        }
        assert_eq!(rig.session.phase(), Phase::Active);
        let sent = rig.sent();
        assert!(sent.iter().all(|one| one.starts_with("35=0|")), "our own heartbeats: {sent:?}");
        assert!(sent.len() >= 19, "and they go on: {}", sent.len());
        let asked = |event: &_| matches!(event, SessionEvent::TestRequestSent { .. });
        assert!(!rig.events().iter().any(asked));
    });
}

#[test]
fn demand_09_a_test_request_is_answered_in_the_middle_of_our_own_resend() {
    both(|role| {
        let mut rig = Rig::active(role, |config| config.resend_policy = ResendPolicy::EVERYTHING);
        rig.session.set_sent_store(Box::new(MemoryStore::new(4096, 1024 * 1024)));
        for id in 0..2_000 {
            rig.order(id).unwrap();
            rig.out.consume(usize::MAX);
        }
        rig.feed("35=2|34=2|7=2|16=0|");
        rig.sent();
        assert!(rig.session.is_resending());
        rig.feed("35=1|34=3|112=are you there|");
        assert!(rig.sent().iter().any(|sent| sent.ends_with("|112=are you there|")));
    });
}

#[test]
fn demand_09_load_in_one_direction_ends_nothing() {
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        // We send without pause; the peer, which has nothing to say, sends its heartbeats.
        for second in 1..=600u64 {
            rig.tick_after(1_000);
            rig.order(second).unwrap();
            if second % 30 == 0 {
                let number = rig.session.next_in();
                rig.feed(&format!("35=0|34={number}|"));
            }
        }
        assert_eq!(rig.session.phase(), Phase::Active);
        let sent = rig.sent();
        assert!(sent.iter().all(|one| one.starts_with("35=D|")), "no heartbeat is needed");
    });
}

#[test]
fn demand_09_a_heart_bt_int_of_zero_is_quiet_and_a_hostile_one_is_refused() {
    both(|role| {
        let mut rig = Rig::new(role, |config| config.heartbeat_seconds = 0);
        rig.connect();
        if rig.feed("35=A|34=1|98=0|108=0|") == Received::Logon {
            rig.session.accept_logon(rig.now, &mut rig.out).unwrap();
        }
        rig.sent();
        rig.tick_after(86_400_000);
        assert_eq!((rig.session.phase(), rig.sent().len()), (Phase::Active, 0));
        let max = u64::from(limits::HEARTBEAT_SECONDS_MAX);
        for hostile in [
            "-1".to_string(),
            (max + 1).to_string(),
            u32::MAX.to_string(),
            u64::MAX.to_string(),
            "1.5".into(),
            "1e3".into(),
        ] {
            let mut rig = Rig::new(role, |_| {});
            rig.connect();
            rig.sent();
            assert_eq!(rig.feed(&format!("35=A|34=1|98=0|108={hostile}|")), Received::Ignored);
            assert!(rig.session.should_close(), "{hostile}");
            assert!(rig.sent()[0].contains("HeartBtInt"), "{hostile}");
        }
    });
}
