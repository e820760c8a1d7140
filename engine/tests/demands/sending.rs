//! Demands 13, 17, 18, 19 and 22.

use taut::event::{Awaited, DownReason};
use taut::kraken::logon::{Credentials, Logon};
use taut::limits;
use taut::secret::Secret;
use taut::session::{Outbox, Phase, Received, Role, SendError, SessionEvent};

use crate::rig::{Rig, both, number, read};

fn down(rig: &mut Rig) -> DownReason {
    rig.session.disconnected(rig.now);
    let reason = rig.events().into_iter().find_map(|event| match event {
        SessionEvent::Down { reason, .. } => Some(reason),
        _ => None,
    });
    reason.expect("every end says why")
}

#[test]
fn demand_13_what_waited_for_a_dead_connection_does_not_leave_on_the_next() {
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        for id in 0..10 {
            rig.order(id).unwrap();
        }
        // The wire took one and a half messages; the rest stays behind when the connection breaks.
        let half = rig.out.pending().len() * 3 / 20;
        rig.out.consume(half);
        rig.feed("35=8|34=9|");
        rig.feed("35=1|34=9|112=old|");
        rig.session.disconnected(rig.now);
        rig.connect();
        rig.log_on(2);
        let sent = rig.sent();
        assert_eq!(sent.len(), 1, "the Logon alone: {sent:?}");
        assert!(sent[0].starts_with("35=A|"), "{sent:?}");
        assert_eq!((rig.out.pushed_total(), rig.out.consumed_total()).0, rig.out.consumed_total());
        assert!(!rig.session.has_gap() && !rig.session.is_resending());
        rig.tick_after(29_000);
        assert!(rig.sent().is_empty(), "no answer to a question of the dead connection");
    });
}

#[test]
fn demand_17_a_slow_peer_is_seen_in_bytes_and_every_refusal_says_so() {
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        rig.out = Outbox::with_capacity(2 * limits::OUTBOX_ADMIN_BYTES);
        let mut taken = 0;
        let refused = loop {
            let before = (rig.out.free(), rig.session.next_out());
            match rig.order(taken) {
                Ok(_) => {
                    taken += 1;
                    assert!(rig.out.free() < before.0);
                }
                Err(error) => {
                    assert_eq!((rig.out.free(), rig.session.next_out()), before, "nothing moved");
                    break error;
                }
            }
        };
        assert_eq!(refused, SendError::OutboxFull);
        // How far behind the peer is can be read in bytes, and is the owner's to decide on.
        let behind = rig.out.pushed_total() - rig.out.consumed_total();
        assert_eq!(behind, rig.out.pending().len() as u64);
        assert!(behind > 0 && rig.session.phase() == Phase::Active);
        // The peer reads again: all goes on, without a hole in the numbers.
        let numbers: Vec<u64> = rig.sent().iter().map(|sent| number(sent)).collect();
        assert_eq!(numbers, (2..2 + taken).collect::<Vec<u64>>());
        assert_eq!(rig.order(0), Ok(2 + taken));
    });
}

#[test]
fn demand_17_a_peer_that_never_reads_is_left_with_an_event() {
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        rig.out = Outbox::with_capacity(2 * limits::OUTBOX_ADMIN_BYTES);
        while rig.order(0).is_ok() {}
        // Admin messages have room of their own; at its end the connection is given up.
        let mut asked = 0;
        while !rig.session.should_close() {
            let next = rig.session.next_in();
            rig.feed(&format!("35=1|34={next}|112=are you there|"));
            asked += 1;
            assert!(asked < 1000);
        }
        assert!(asked > 10, "{asked}");
        let told = rig.session.next_event();
        assert!(matches!(told, Some(SessionEvent::OutboxFull { waiting: 1.. })), "{told:?}");
        assert!(matches!(down(&mut rig), DownReason::ProtocolError(_)));
    });
}

#[test]
fn demand_18_the_logon_says_what_becomes_of_the_orders_and_the_end_says_how_it_came() {
    for (cancel, wire) in [(true, "0"), (false, "1")] {
        let credentials = Credentials::new(Secret::new("KEY"), Secret::new("c2VjcmV0")).unwrap();
        let mut logon = Logon::trading(credentials, cancel);
        let mut rig = Rig::new(Role::Initiator, |_| {});
        let now = rig.now;
        rig.session
            .connected(now, &mut rig.out, |body, number| {
                logon.write(body, number, b"US", b"PEER", now);
            })
            .unwrap();
        let bytes = rig.out.pending().to_vec();
        let said = read(&bytes, |message| message.get(8674).map(<[u8]>::to_vec));
        assert_eq!(said.as_deref(), Some(wire.as_bytes()), "never left to the venue's default");
    }
    // The venue cancels after a drop and not after a logout: the owner can tell which it was.
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        assert_eq!(down(&mut rig), DownReason::ConnectionLost);
        let mut rig = Rig::active(role, |_| {});
        rig.session.logout(None, rig.now, &mut rig.out);
        rig.feed("35=5|34=2|");
        assert_eq!(down(&mut rig), DownReason::LoggedOut);
        let mut rig = Rig::active(role, |_| {});
        rig.session.logout(None, rig.now, &mut rig.out);
        assert_eq!(down(&mut rig), DownReason::ConnectionLost, "no answer: not known to be heard");
        let mut rig = Rig::active(role, |_| {});
        rig.feed("35=5|34=2|58=maintenance|");
        assert!(matches!(down(&mut rig), DownReason::VenueLoggedOut(_)));
    });
}

#[test]
fn demand_19_a_logout_drops_nothing_and_ends_in_a_result() {
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        for id in 0..3 {
            rig.order(id).unwrap();
        }
        rig.session.logout(Some("done"), rig.now, &mut rig.out);
        assert_eq!(rig.order(3), Err(SendError::NotLoggedOn), "told, not dropped");
        let sent = rig.sent();
        assert_eq!(sent.len(), 4, "what was taken leaves before the Logout: {sent:?}");
        assert_eq!(sent[3], "35=5|34=5|58=done|");
        // What the peer still has on its way is heard: a fill is a fill.
        assert_eq!(rig.feed("35=8|34=2|150=F|"), Received::Application);
        rig.feed("35=8|34=4|150=F|");
        assert_eq!(rig.sent(), ["35=2|34=6|7=3|16=0|"], "also what is missing of it");
        for missing in [3, 4] {
            let resent = format!("35=8|34={missing}|43=Y|122=20260407-14:32:01|150=F|");
            assert_eq!(rig.feed(&resent), Received::Application);
        }
        rig.feed("35=5|34=5|");
        assert!(rig.session.should_close() && rig.sent().is_empty());
        assert_eq!(down(&mut rig), DownReason::LoggedOut);

        let mut rig = Rig::active(role, |_| {});
        rig.session.logout(None, rig.now, &mut rig.out);
        rig.sent();
        rig.tick_after(2_000);
        assert!(rig.session.should_close(), "a peer that does not answer is not waited for");
        let silent = DownReason::TimedOut { awaited: Awaited::LogoutAnswer, ms: 2_000 };
        assert_eq!(down(&mut rig), silent);
    });
}

#[test]
fn demand_22_send_says_what_became_of_the_message_and_only_a_logon_goes_before_the_logon() {
    both(|role| {
        let mut rig = Rig::new(role, |_| {});
        assert_eq!(rig.order(1), Err(SendError::NotLoggedOn), "not connected");
        rig.connect();
        assert_eq!(rig.order(1), Err(SendError::NotLoggedOn), "not logged on");
        assert!(rig.sent().iter().all(|sent| sent.starts_with("35=A|")));
        rig.log_on(1);
        rig.sent();
        let before = rig.out.pushed_total();
        assert_eq!(rig.order(1), Ok(2));
        // In the outbox: it is on the wire once the wire has taken the bytes up to here.
        let mark = rig.out.pushed_total();
        assert!(mark > before && rig.out.consumed_total() < mark);
        let len = rig.out.pending().len();
        rig.out.consume(len - 1);
        assert!(rig.out.consumed_total() < mark, "not while its last byte waits");
        rig.out.consume(1);
        assert_eq!(rig.out.consumed_total(), mark);
        rig.session.disconnected(rig.now);
        assert_eq!(rig.order(2), Err(SendError::NotLoggedOn), "nothing is queued in secret");
        assert!(rig.out.is_empty());
    });
}
