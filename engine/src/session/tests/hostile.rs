//! A peer that means harm, or is mad: what it sends is bounded in its effect, and ends in a reason.

use super::*;

fn reason_of(rig: &mut Rig) -> String {
    rig.session.disconnected(rig.now);
    let down = rig.events().into_iter().find_map(|event| match event {
        SessionEvent::Down { reason: DownReason::ProtocolError(text), .. } => Some(text),
        _ => None,
    });
    down.map_or(String::new(), |text| text.as_str().to_string())
}

#[test]
fn a_reset_makes_void_what_came_too_early_before_it() {
    both_with(
        |config| config.hold_bytes = 10_000,
        |mut rig| {
            assert_eq!(rig.feed("35=8|34=4|37=old|"), Received::Ignored);
            assert_eq!(rig.sent(), ["35=2|34=2|7=2|16=0|"]);
            assert_eq!(rig.feed("35=4|34=5|36=3|"), Received::Admin);
            assert!(rig.events().contains(&SessionEvent::GapClosed { next_in: 3 }));
            assert_eq!(rig.feed("35=8|34=3|37=new|"), Received::Application);
            assert_eq!(rig.session.take_held(rig.now, &mut [0; 1000]), None);
            assert_eq!(rig.feed("35=8|34=4|37=new|"), Received::Application);
            assert_eq!((rig.session.phase(), rig.sent().len()), (Phase::Active, 0));
        },
    );
}

#[test]
fn a_gap_behind_a_reset_is_asked_for_at_once() {
    both(|mut rig| {
        rig.feed("35=8|34=50|");
        rig.sent();
        rig.feed("35=4|34=51|36=10|");
        rig.feed("35=8|34=12|");
        assert_eq!(rig.sent(), ["35=2|34=3|7=10|16=0|"]);
    });
}

#[test]
fn gap_fills_without_end_use_up_the_numbers_and_end_in_a_logout() {
    both(|mut rig| {
        let mut next = 2;
        while next < limits::SEQ_NUM_MAX {
            let to = (next + limits::SEQ_JUMP_MAX).min(limits::SEQ_NUM_MAX);
            rig.feed(&format!("35=4|34={next}|123=Y|36={to}|"));
            assert_eq!(rig.session.next_in(), to);
            next = to;
        }
        rig.sent();
        assert_eq!(rig.feed(&format!("35=8|34={next}|")), Received::Application);
        assert_eq!(rig.feed(&format!("35=8|34={}|", next + 1)), Received::Ignored);
        assert!(rig.sent()[0].contains("MsgSeqNum(34) is missing or not a valid number"));
        assert_eq!(rig.session.next_in(), limits::SEQ_NUM_MAX + 1);
    });
}

#[test]
fn a_flood_that_wants_answers_fills_the_outbox_and_no_more() {
    let id = "x".repeat(limits::ECHO_BYTES_MAX);
    for flood in [format!("35=1|112={id}|"), "35=2|7=0|16=0|".into(), "35=8|50=|".into()] {
        both(|mut rig| {
            rig.out = Outbox::with_capacity(64 * 1024);
            let mut told = false;
            for _ in 0..10_000 {
                let number = rig.session.next_in();
                rig.feed(&flood.replacen('|', &format!("|34={number}|"), 1));
                let full = |event: &_| matches!(event, SessionEvent::OutboxFull { waiting: 1.. });
                told |= rig.events().iter().any(full);
                if rig.session.should_close() {
                    break;
                }
            }
            assert!(rig.session.should_close(), "{flood}");
            assert!(rig.out.pending().len() <= 64 * 1024);
            assert!(told);
            assert_eq!(reason_of(&mut rig), "the peer does not read: outbox full");
        });
    }
}

#[test]
fn ever_other_resend_requests_are_a_storm_too_but_not_if_they_take_their_time() {
    both_with(
        |config| config.resend_policy = ResendPolicy::EVERYTHING,
        |mut rig| {
            rig.session.set_sent_store(Box::new(MemoryStore::new(100, 100_000)));
            for id in 0..50 {
                rig.send(&id.to_string()).unwrap();
            }
            let ask = |rig: &mut Rig, i: u64| {
                let number = rig.session.next_in();
                // Further and further back; only one in fifty begins further on.
                rig.feed(&format!("35=2|34={number}|7={}|16=0|", 51 - i % 50));
                rig.sent();
            };
            for i in 0..2000 {
                ask(&mut rig, i);
                rig.now = rig.now.plus_nanos(50_000_000);
            }
            assert_eq!(rig.session.phase(), Phase::Active);
            rig.now = rig.now.plus_nanos(limits::RESEND_REQUESTS_PERIOD_NS);
            rig.events();
            let mut asked = 0;
            while rig.session.phase() == Phase::Active {
                ask(&mut rig, asked);
                asked += 1;
            }
            let further_on = asked.div_ceil(50);
            assert_eq!(asked - further_on, u64::from(limits::RESEND_REQUESTS_MAX) + 1);
            let times = limits::RESEND_REQUESTS_MAX + 1;
            let storm = |event: &SessionEvent| matches!(event, SessionEvent::ResendStorm { times: n, .. } if *n == times);
            // The events of that many requests do not all fit.
            let events = rig.events();
            let lost = matches!(events.last(), Some(SessionEvent::EventsLost { .. }));
            assert!(events.iter().any(storm) || lost, "{events:?}");
            assert!(reason_of(&mut rig).starts_with("Too many ResendRequests"));
        },
    );
}

#[test]
fn a_rejected_resend_request_counts_as_not_asked_and_is_not_repeated_for_ever() {
    both(|mut rig| {
        rig.feed("35=8|34=5|");
        assert_eq!(rig.sent(), ["35=2|34=2|7=2|16=0|"]);
        rig.feed("35=3|34=6|45=1|372=8|");
        rig.feed("35=8|34=7|");
        assert!(rig.sent().is_empty(), "the Reject was about something else");
        rig.feed("35=3|34=8|45=2|372=2|373=5|");
        assert!(rig.sent().is_empty(), "the Reject itself does not start the next round");
        rig.feed("35=8|34=9|");
        assert_eq!(rig.sent(), ["35=2|34=3|7=2|16=0|"]);
        let mut number = 10;
        while rig.session.phase() == Phase::Active {
            let asked = rig.session.next_out() - 1;
            rig.feed(&format!("35=3|34={number}|45={asked}|372=2|"));
            rig.feed(&format!("35=8|34={}|", number + 1));
            number += 2;
            assert!(number < 30);
        }
        assert!(rig.sent().last().unwrap().contains("58=No answer to ResendRequest from 2"));
    });
}

#[test]
fn a_field_of_the_session_that_is_there_twice_is_never_read_as_one_of_them_14h() {
    for (message, rejected) in [
        ("35=4|34=2|123=Y|36=9|36=900|", "371=36|372=4|373=13|"),
        ("35=4|34=2|123=Y|123=N|36=9|", "371=123|372=4|373=13|"),
        ("35=2|34=2|7=1|7=2|16=0|", "371=7|372=2|373=13|"),
        ("35=2|34=2|7=1|16=0|16=1|", "371=16|372=2|373=13|"),
        ("35=1|34=2|112=a|112=b|", "371=112|372=1|373=13|"),
        ("35=A|34=2|98=0|108=30|108=1|", "371=108|372=A|373=13|"),
    ] {
        both(|mut rig| {
            assert_eq!(rig.feed(message), Received::Ignored, "{message}");
            let sent = rig.sent();
            assert!(sent.len() == 1 && sent[0].ends_with(rejected), "{message} {sent:?}");
            assert_eq!((rig.session.phase(), rig.numbers()), (Phase::Active, (3, 3)));
        });
    }
    for logon in ["108=30|108=1|98=0|", "98=0|108=30|141=N|141=Y|"] {
        let mut rig = Rig::new(Role::Acceptor, |_| {});
        rig.connect();
        assert_eq!(rig.feed(&format!("35=A|34=1|{logon}")), Received::Ignored);
        assert!(rig.sent()[0].contains("58=Invalid Logon: tag"), "{logon}");
    }
}

#[test]
fn numbers_set_by_hand_end_a_resend_of_numbers_that_are_no_more() {
    let mut rig =
        Rig::active(Role::Acceptor, |config| config.resend_policy = ResendPolicy::EVERYTHING);
    rig.session.set_sent_store(Box::new(MemoryStore::new(100, 100_000)));
    rig.out = Outbox::with_capacity(limits::OUTBOX_ADMIN_BYTES + 500);
    for _ in 0..20 {
        rig.send("1").unwrap();
        rig.sent();
    }
    rig.feed("35=2|34=2|7=2|16=0|");
    assert!(rig.session.is_resending());
    assert!(rig.session.set_numbers(3, 5));
    assert!(!rig.session.is_resending());
}

#[test]
fn a_third_party_that_was_not_agreed_on_is_rejected_by_its_tag_18b() {
    let agreed: ThirdPartyPolicy = |tag, id| tag == 115 && id == b"DESK";
    both_with(
        |config| config.third_party = agreed,
        |mut rig| {
            assert_eq!(rig.feed("35=8|34=2|115=DESK|37=x|"), Received::Application);
            for (number, field) in [(3, "115=OTHER"), (4, "128=DESK"), (5, "145=")] {
                let message = format!("35=8|34={number}|50=me|{field}|37=x|");
                assert_eq!(rig.feed(&message), Received::Ignored);
                let (tag, value) = field.split_once('=').unwrap();
                let reason = if value.is_empty() { 4 } else { 9 };
                let sent = rig.sent();
                let end = format!("371={tag}|372=8|373={reason}|");
                assert!(sent.len() == 1 && sent[0].ends_with(&end), "{sent:?}");
            }
            assert_eq!((rig.session.phase(), rig.session.next_in()), (Phase::Active, 6));
            // Behind the header it is no addressing.
            assert_eq!(rig.feed("35=8|34=6|37=x|115=OTHER|"), Received::Application);
        },
    );
    both_with(
        |config| config.third_party = any_third_party,
        |mut rig| assert_eq!(rig.feed("35=8|34=2|115=X|128=Y|37=x|"), Received::Application),
    );
    let mut rig = Rig::new(Role::Acceptor, |config| config.third_party = no_third_party);
    rig.connect();
    assert_eq!(rig.feed("35=A|34=1|115=X|98=0|108=30|"), Received::Ignored);
    assert!(rig.sent()[0].contains("58=Invalid Logon: tag 115"));
}
