//! Demand 16, and the attack surface of FIX as far as it is the session's.

use taut::event::DownReason;
use taut::limits;
use taut::session::{Outbox, Phase, Received, Role, SessionEvent};
use taut_codec::frame::{Frame, Framer, GarbageReason};
use taut_codec::garbled::Garbled;
use taut_codec::scan::{Field, Scanner};

use crate::rig::{Rig, both, fix, read};

/// Feeds a stream as an engine does; messages and bytes of garbage that came of it.
fn stream(rig: &mut Rig, bytes: &[u8]) -> (usize, usize) {
    let (mut framer, scanner) = (Framer::new(limits::MESSAGE_BYTES_MAX), Scanner::new());
    let mut fields = vec![Field::default(); 4096];
    let (mut at, mut messages, mut garbage) = (0, 0, 0);
    while !rig.session.should_close() {
        let len = match framer.next(&bytes[at..]) {
            Frame::Incomplete => break,
            Frame::Garbage { skip, reason } => {
                rig.session.garbled(skip, reason.into(), rig.now);
                garbage += skip;
                skip
            }
            Frame::Message { len } => {
                let message = &bytes[at..at + len];
                if let Err(error) = scanner.index(message, &mut fields) {
                    rig.session.garbled(len, error.into(), rig.now);
                    garbage += len;
                } else {
                    read(message, |message| rig.session.received(message, rig.now, &mut rig.out));
                    messages += 1;
                }
                len
            }
        };
        assert!(len > 0, "it goes on");
        at += len;
    }
    (messages, garbage)
}

#[test]
fn demand_16_a_body_length_that_lies_is_refused_at_once_and_the_next_message_is_heard() {
    for length in ["999999999", "99999999999999999999", "-5", "0", "x", "262144"] {
        both(|role| {
            let mut rig = Rig::active(role, |_| {});
            let mut bytes = format!("8=FIX.4.4\x019={length}\x0135=0\x0134=2\x01").into_bytes();
            bytes.extend(rig.peers("35=1|34=2|112=alive|"));
            let (messages, garbage) = stream(&mut rig, &bytes);
            assert_eq!(messages, 1, "{length}");
            assert!(garbage > 0, "{length}");
            assert_eq!(rig.sent(), ["35=0|34=2|112=alive|"], "{length}");
        });
    }
}

#[test]
fn demand_16_garbage_without_end_ends_the_connection_with_a_reason() {
    both(|role| {
        for filler in [b'x', 1, b'8', 0] {
            let mut rig = Rig::active(role, |_| {});
            let garbage = vec![filler; 4096];
            let mut fed = 0;
            while !rig.session.should_close() {
                stream(&mut rig, &garbage);
                fed += garbage.len();
                assert!(fed < 2 * limits::RESYNC_BYTES_MAX + 2 * garbage.len(), "it must end");
            }
            rig.session.disconnected(rig.now);
            let down = rig.events().into_iter().find_map(|event| match event {
                SessionEvent::Down { reason: DownReason::ProtocolError(text), .. } => Some(text),
                _ => None,
            });
            let text = down.unwrap();
            let text = text.as_str().strip_prefix("garbled input, ");
            let bytes =
                text.and_then(|text| text.strip_suffix(" bytes: no BeginString")?.parse().ok());
            assert!(bytes > Some(limits::RESYNC_BYTES_MAX), "{bytes:?}");
        }
    });
}

#[test]
fn demand_16_a_message_over_the_limit_ends_the_connection_as_that_with_what_its_head_says() {
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        let long = "x".repeat(limits::MESSAGE_BYTES_MAX);
        let bytes = rig.peers(&format!("35=B|34=2|148={long}|"));
        stream(&mut rig, &bytes[..1024]);
        let told = rig.events();
        let [SessionEvent::Garbled { why: Garbled::Frame(GarbageReason::TooLong(told)), .. }] =
            told[..]
        else {
            panic!("it is told as soon as its head is here: {told:?}");
        };
        assert!(!rig.session.should_close(), "a short one whose BodyLength lies is passed over");
        stream(&mut rig, &bytes[1024..]);
        assert!(rig.session.should_close());
        rig.session.disconnected(rig.now);
        let down = rig.events().into_iter().find_map(|event| match event {
            SessionEvent::Down { reason: DownReason::TooLong(head), next_in: 2, .. } => Some(head),
            _ => None,
        });
        let head = down.expect("as what it is, and not used up");
        assert_eq!(head, told);
        assert_eq!((head.msg_type.as_str(), head.msg_seq_num), ("B", Some(2)));
        assert_eq!(head.limit as usize, limits::MESSAGE_BYTES_MAX);
        assert!(head.body_length > head.limit && (head.body_length as usize) < bytes.len());
    });
}

#[test]
fn demand_16_a_message_with_thousands_of_fields_is_judged_without_a_stall() {
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        let time = String::from_utf8(rig.now.to_fix_millis().to_vec()).unwrap();
        // All in the header: the worst case for whoever reads it.
        let many = "50=x|".repeat(4000);
        let bytes = fix(&format!("35=8|34=2|49=PEER|52={time}|56=US|{many}"));
        let (messages, garbage) = stream(&mut rig, &bytes);
        assert_eq!((messages, garbage), (1, 0));
        assert_eq!((rig.session.phase(), rig.session.next_in()), (Phase::Active, 3));
    });
}

#[test]
fn demand_16_control_bytes_of_the_peer_do_not_reach_an_event() {
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        rig.feed("35=5|34=2|58=bye\x1b[31m\x02|");
        rig.session.disconnected(rig.now);
        let text = rig.events().into_iter().find_map(|event| match event {
            SessionEvent::Down { reason: DownReason::VenueLoggedOut(text), .. } => Some(text),
            _ => None,
        });
        assert_eq!(text.unwrap().as_str(), "bye?[31m?");
    });
}

#[test]
fn demand_16_numbers_of_a_hostile_peer_move_nothing_far() {
    let numbers = [0, 1, limits::SEQ_JUMP_MAX + 3, limits::SEQ_NUM_MAX, u64::MAX];
    both(|role| {
        for new in numbers {
            for mode in ["123=Y|", "123=N|", ""] {
                let mut rig = Rig::active(role, |_| {});
                assert_eq!(rig.feed(&format!("35=4|34=2|{mode}36={new}|")), Received::Admin);
                assert!(rig.session.next_in() <= 3, "{new} {mode}");
                assert!(rig.sent()[0].starts_with("35=3|"), "{new} {mode}");
            }
        }
        let mut rig = Rig::active(role, |config| config.reset_by_peer = false);
        rig.feed("35=A|34=1|98=0|108=30|141=Y|");
        assert_eq!((rig.session.epoch(), rig.session.phase()), (0, Phase::LogoutSent));
    });
}

#[test]
fn demand_16_events_that_nobody_reads_are_counted_and_not_kept() {
    let mut rig = Rig::active(Role::Acceptor, |_| {});
    rig.out = Outbox::with_capacity(64 * 1024 * 1024);
    for number in 2..100_000 {
        rig.feed(&format!("35=8|34={number}|50=|"));
    }
    rig.session.disconnected(rig.now);
    let events = rig.events();
    assert!(events.len() <= limits::SESSION_EVENTS_MAX);
    let lost = SessionEvent::EventsLost { count: 99_998 - (events.len() as u32 - 2) };
    assert_eq!(events.last(), Some(&lost));
    assert!(events.iter().any(|event| matches!(event, SessionEvent::Down { .. })));
}
