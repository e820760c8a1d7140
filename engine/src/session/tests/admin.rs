//! Cases 4.b, 5, 7, 8, 19, resets within a session, and sending.

use super::*;

#[test]
fn a_test_request_is_answered_by_a_heartbeat_with_its_id_4b() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=1|34=2|112=HELLO|"), Received::Admin);
        assert_eq!(rig.sent(), ["35=0|34=2|112=HELLO|"]);
    });
}

#[test]
fn a_test_request_without_an_id_or_with_a_monstrous_one_is_rejected() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=1|34=2|"), Received::Admin);
        let long = "x".repeat(limits::ECHO_BYTES_MAX + 1);
        assert_eq!(rig.feed(&format!("35=1|34=3|112={long}|")), Received::Admin);
        let sent = rig.sent();
        assert!(sent[0].ends_with("371=112|372=1|373=1|"), "{sent:?}");
        assert!(sent[1].ends_with("371=112|372=1|373=5|"), "{sent:?}");
        assert_eq!((rig.session.phase(), rig.numbers()), (Phase::Active, (4, 4)));
    });
}

#[test]
fn a_reject_is_counted_and_given_to_the_application_7() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=3|34=2|45=1|58=Missing|"), Received::Application);
        assert_eq!((rig.session.phase(), rig.numbers()), (Phase::Active, (3, 2)));
    });
}

#[test]
fn a_reject_that_breaks_a_rule_is_told_of_and_not_answered_by_another_7() {
    both(|mut rig| {
        rig.feed("35=8|34=2|43=X|");
        assert_eq!(rig.sent().len(), 1, "anything else is rejected");
        rig.events();
        assert_eq!(rig.feed("35=3|34=3|43=X|45=1|"), Received::Ignored);
        assert!(rig.sent().is_empty());
        let text = "Incorrect data format for value".parse().unwrap();
        let told = SessionEvent::Rejected { ref_seq_num: 3, reason: Some(6), tag: Some(43), text };
        assert_eq!(rig.events(), [told]);
        assert_eq!((rig.session.phase(), rig.session.next_in()), (Phase::Active, 4));
    });
}

#[test]
fn a_resend_request_is_answered_by_one_gap_fill_and_never_by_an_order_8() {
    both(|mut rig| {
        for id in ["1", "2", "3"] {
            rig.send(id).unwrap();
        }
        rig.feed("35=1|34=2|112=a|");
        rig.sent();
        rig.events();
        for (range, answer, to) in [
            ("7=1|16=0|", "36=6|123=Y|", 5),
            ("7=1|16=3|", "36=4|123=Y|", 3),
            ("7=1|16=1|", "36=2|123=Y|", 1),
            ("7=1|16=5|", "36=6|123=Y|", 5),
            ("7=1|16=100|", "36=6|123=Y|", 5),
            ("7=1|16=999999|", "36=6|123=Y|", 5),
        ] {
            let number = rig.session.next_in();
            assert_eq!(rig.feed(&format!("35=2|34={number}|{range}")), Received::Admin);
            let sent = rig.sent();
            let time = "122=20260407-14:32:01.000";
            assert_eq!(sent, [format!("35=4|34=1|43=Y|{time}|{answer}")], "{range}");
            // 2 to 4 were the application's, the others the session's own.
            let withheld = to.min(4) as u32 - 1;
            let told = SessionEvent::Withheld { from: 2, to: to.min(4), messages: withheld };
            let served = SessionEvent::ResendServed { from: 1, to };
            let replayed = SessionEvent::Replayed { from: 1, to, replayed: 0, withheld };
            let all = [told, served, replayed];
            assert_eq!(rig.events(), if withheld == 0 { &all[1..2] } else { &all[..] });
        }
        assert_eq!(rig.session.next_out(), 6, "a gap fill uses no number");
        assert_eq!(rig.send("4"), Ok(6));
    });
}

#[test]
fn the_gap_fill_of_krakens_example_has_neither_flag_nor_time() {
    both_with(
        |config| config.gap_fill_poss_dup = false,
        |mut rig| {
            rig.feed("35=2|34=2|7=1|16=0|");
            assert_eq!(rig.sent(), ["35=4|34=1|36=2|123=Y|"]);
        },
    );
}

#[test]
fn a_resend_request_for_what_was_never_sent_or_makes_no_sense_is_rejected() {
    for (range, rejected) in [
        ("7=2|16=0|", "371=7|372=2|373=5|"),
        ("7=0|16=0|", "371=7|372=2|373=5|"),
        ("7=18446744073709551615|16=0|", "371=7|372=2|373=5|"),
        ("16=0|", "371=7|372=2|373=1|"),
        ("7=1|", "371=16|372=2|373=1|"),
        ("7=x|16=0|", "371=7|372=2|373=6|"),
    ] {
        both(|mut rig| {
            assert_eq!(rig.feed(&format!("35=2|34=2|{range}")), Received::Admin);
            let sent = rig.sent();
            assert!(sent.len() == 1 && sent[0].ends_with(rejected), "{range} {sent:?}");
            assert_eq!((rig.session.phase(), rig.numbers()), (Phase::Active, (3, 3)));
        });
    }
    both(|mut rig| {
        rig.send("1").unwrap();
        rig.sent();
        rig.feed("35=2|34=2|7=2|16=1|");
        assert!(rig.sent()[0].ends_with("371=16|372=2|373=5|"));
    });
}

#[test]
fn a_resend_storm_is_logged_out() {
    both(|mut rig| {
        for i in 0..u64::from(limits::RESEND_REPEATS_MAX) {
            rig.feed(&format!("35=2|34={}|7=1|16=0|", i + 2));
        }
        assert_eq!(rig.session.phase(), Phase::Active);
        rig.sent();
        rig.events();
        rig.feed(&format!("35=2|34={}|7=1|16=0|", rig.session.next_in()));
        assert_eq!(rig.sent(), ["35=5|34=2|58=Too many ResendRequests from 1|"]);
        assert_eq!(
            rig.events(),
            [SessionEvent::ResendStorm { from: 1, times: limits::RESEND_REPEATS_MAX + 1 }]
        );
    });
}

#[test]
fn a_low_resend_request_is_fatal_unless_the_profile_is_lenient() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=2|34=1|7=1|16=0|"), Received::Ignored);
        assert!(rig.sent()[0].starts_with("35=5|34=2|58=MsgSeqNum too low"));
    });
    both_with(
        |config| config.check_resend_request_number = false,
        |mut rig| {
            assert_eq!(rig.feed("35=2|34=1|7=1|16=0|"), Received::Admin);
            assert!(rig.sent()[0].starts_with("35=4|34=1|"));
            assert_eq!(rig.session.next_in(), 2);
        },
    );
}

#[test]
fn a_logon_with_reset_within_the_session_resets_both_sides() {
    both(|mut rig| {
        rig.feed("35=0|34=2|");
        rig.send("1").unwrap();
        rig.sent();
        assert_eq!(rig.feed("35=A|34=1|98=0|108=10|141=Y|"), Received::Admin);
        assert_eq!(rig.sent(), ["35=A|34=1|98=0|108=10|141=Y|"]);
        assert_eq!((rig.session.epoch(), rig.numbers()), (1, (2, 2)));
        assert_eq!(rig.session.heartbeat_seconds(), 10);
        assert_eq!(rig.events(), [SessionEvent::ResetByPeer { epoch: 1, next_in: 3, next_out: 3 }]);
        assert_eq!(rig.feed("35=8|34=2|"), Received::Application);
    });
}

#[test]
fn a_fake_reset_within_the_session_is_fatal_and_resets_nothing() {
    for (logon, allowed) in [
        ("35=A|34=1|98=0|108=10|141=Y|", false),
        ("35=A|34=2|98=0|108=10|141=Y|", true),
        ("35=A|34=1|98=0|108=-5|141=Y|", true),
        ("35=A|34=1|98=1|108=10|141=Y|", true),
    ] {
        both_with(
            |config| config.reset_by_peer = allowed,
            |mut rig| {
                assert_eq!(rig.feed(logon), Received::Ignored);
                assert!(rig.sent()[0].starts_with("35=5|34=2|58="));
                assert_eq!((rig.session.epoch(), rig.numbers()), (0, (2, 3)));
            },
        );
    }
}

#[test]
fn a_second_logon_changes_nothing_and_is_rejected() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=A|34=2|98=0|108=1|"), Received::Admin);
        assert_eq!(rig.sent(), ["35=3|34=2|45=2|58=Already logged on|372=A|"]);
        assert_eq!((rig.session.phase(), rig.session.heartbeat_seconds()), (Phase::Active, 30));
        assert_eq!(rig.session.next_in(), 3);
    });
}

#[test]
fn a_possible_resend_is_an_ordinary_message_to_the_session_19() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=D|34=2|97=Y|11=a|"), Received::Application);
        assert_eq!(rig.feed("35=D|34=3|97=Y|11=a|"), Received::Application);
    });
}

#[test]
fn a_reject_leaves_out_what_cannot_be_sent() {
    both(|mut rig| {
        let number = rig.session.reject(7, b"D\x02", None, None, "", rig.now, &mut rig.out);
        assert_eq!(number, Ok(2));
        let text = "Missing Mandatory Field: Side (54)";
        rig.session.reject(8, b"D", Some(54), Some(1), text, rig.now, &mut rig.out).unwrap();
        assert_eq!(
            rig.sent(),
            [
                "35=3|34=2|45=7|".to_string(),
                format!("35=3|34=3|45=8|58={text}|371=54|372=D|373=1|")
            ]
        );
    });
}

#[test]
fn krakens_reject_is_reproduced_byte_for_byte() {
    let now = UtcTime::parse(b"20230707-14:04:24.689").unwrap();
    let config = SessionConfig::acceptor("KRAKEN-TRD".parse().unwrap(), "damien".parse().unwrap());
    let (mut session, mut out) = (Session::new(config), Outbox::new());
    session.restore(0, 12, 13);
    session.connected(now, &mut out, |_, _| {}).unwrap();
    let logon = "35=A|49=damien|56=KRAKEN-TRD|34=12|52=20230707-14:04:24.600|98=0|108=60|";
    with_message(&fix(logon), |m| session.received(m, now, &mut out));
    session.accept_logon(now, &mut out).unwrap();
    out.consume(usize::MAX);
    let text = "Missing Mandatory Field: Side (54)";
    session.reject(12, b"", None, None, text, now, &mut out).unwrap();
    assert_eq!(
        String::from_utf8_lossy(out.pending()).replace('\x01', "|"),
        "8=FIX.4.4|9=104|35=3|34=14|49=KRAKEN-TRD|52=20230707-14:04:24.689|56=damien|45=12|\
         58=Missing Mandatory Field: Side (54)|10=159|"
    );
}

#[test]
fn a_message_that_cannot_be_sent_uses_no_number_and_writes_no_byte() {
    both_with(
        |config| config.send_message_bytes_max = limits::SEND_MESSAGE_BYTES_MAX,
        |mut rig| {
            assert!(matches!(rig.send("a\x01b"), Err(SendError::Encode(_))));
            let long = "x".repeat(limits::SEND_MESSAGE_BYTES_MAX);
            assert!(matches!(rig.send(&long), Err(SendError::Encode(_))));
            assert!(rig.out.is_empty());
            assert_eq!(rig.send("1"), Ok(2));
        },
    );
}

#[test]
fn a_full_outbox_refuses_messages_and_still_takes_admin_messages() {
    both(|mut rig| {
        let mut last = 1;
        let error = loop {
            match rig.send(&"x".repeat(1000)) {
                Ok(number) => {
                    assert_eq!(number, last + 1, "no number is lost");
                    last = number;
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error, SendError::OutboxFull);
        assert_eq!(rig.feed("35=1|34=2|112=a|"), Received::Admin);
        rig.session.logout(None, rig.now, &mut rig.out);
        assert_eq!(rig.session.phase(), Phase::LogoutSent);
        let sent = rig.sent();
        assert_eq!(sent.len() as u64, last + 1);
        for (sent, number) in sent.iter().zip(2..) {
            assert!(sent.contains(&format!("|34={number}|")), "in order, without a gap");
        }
    });
}

#[test]
fn a_used_up_sequence_space_is_an_error() {
    let mut rig = Rig::new(Role::Initiator, |_| {});
    assert!(!rig.session.restore(0, 1, limits::SEQ_NUM_MAX + 1));
    assert!(!rig.session.restore(0, 0, 1));
    assert!(rig.session.restore(0, 1, limits::SEQ_NUM_MAX));
    rig.connect();
    rig.log_on("35=A|34=1|98=0|108=30|");
    assert_eq!(rig.send("1"), Err(SendError::SeqNumExhausted));
}

#[test]
fn a_header_order_can_be_chosen_per_message() {
    let mut rig = Rig::active(Role::Acceptor, |_| {});
    let order = taut_codec::encode::HeaderOrder::SeqTargetSenderTime;
    rig.session
        .send_with_order(b"X", order, rig.now, &mut rig.out, |body| {
            body.uint(268, 1);
        })
        .unwrap();
    let text = String::from_utf8_lossy(rig.out.pending()).replace('\x01', "|");
    assert!(text.contains("|35=X|34=2|56=PEER|49=US|52="), "{text}");
}
