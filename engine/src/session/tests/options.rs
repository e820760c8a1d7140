//! What can be switched on: 789, 369, precise timestamps, field checks, routes, QuickFIX's habits.

use taut_codec::encode::TimePrecision;

use super::super::ResendPolicy;
use super::*;

fn next_expected(role: Role) -> Rig {
    let mut rig = Rig::new(role, |config| {
        config.next_expected = true;
        config.resend_policy = ResendPolicy::EVERYTHING;
    });
    rig.session.set_sent_store(Box::new(MemoryStore::new(100, 100_000)));
    rig
}

#[test]
fn an_acceptor_resends_by_itself_from_the_number_that_the_logon_names() {
    let mut rig = next_expected(Role::Acceptor);
    rig.session.set_numbers(1, 2000);
    rig.connect();
    rig.log_on("35=A|34=1|98=0|108=30|789=1|");
    assert_eq!(
        rig.sent(),
        [
            "35=A|34=2000|98=0|108=30|789=2|",
            "35=4|34=1|43=Y|122=20260407-14:32:01.000|36=2001|123=Y|"
        ]
    );
    assert_eq!(rig.numbers(), (2, 2001));
}

#[test]
fn a_gap_on_a_logon_with_789_is_not_asked_for_unless_the_peer_does_not_resend() {
    let mut rig = next_expected(Role::Acceptor);
    rig.connect();
    rig.log_on("35=A|34=5|98=0|108=30|789=1|");
    assert_eq!(rig.sent(), ["35=A|34=1|98=0|108=30|789=1|"]);
    rig.tick_after(10_001);
    assert_eq!(rig.sent(), ["35=2|34=2|7=1|16=0|"]);
    // A peer that does not speak 789 has to be asked.
    let mut rig = next_expected(Role::Acceptor);
    rig.connect();
    rig.log_on("35=A|34=5|98=0|108=30|");
    assert_eq!(rig.sent(), ["35=A|34=1|98=0|108=30|789=1|", "35=2|34=2|7=1|16=0|"]);
}

#[test]
fn a_789_above_what_was_sent_is_refused_by_either_side() {
    let mut rig = next_expected(Role::Acceptor);
    rig.connect();
    assert_eq!(rig.feed("35=A|34=1000|98=0|108=30|789=1200|"), Received::Ignored);
    let text = "NextExpectedMsgSeqNum(789) is too high, expecting 1 but received 1200";
    assert_eq!(rig.sent(), [format!("35=5|34=1|58={text}|")]);
    assert!(rig.session.should_close());

    let mut rig = next_expected(Role::Initiator);
    rig.connect();
    assert_eq!(rig.sent(), ["35=A|34=1|98=0|108=30|789=1|"]);
    rig.feed("35=A|34=1|98=0|108=30|789=3|");
    assert!(rig.session.should_close());
}

#[test]
fn an_initiator_resends_by_itself_too_with_its_logon_filled() {
    let mut rig = next_expected(Role::Initiator);
    rig.session.set_numbers(1, 4);
    rig.connect();
    rig.sent();
    rig.log_on("35=A|34=1|98=0|108=30|789=2|");
    assert_eq!(rig.sent(), ["35=4|34=2|43=Y|122=20260407-14:32:01.000|36=5|123=Y|"]);
}

#[test]
fn a_reset_with_789_starts_at_one() {
    let mut rig = next_expected(Role::Acceptor);
    rig.session.set_numbers(2000, 2000);
    rig.connect();
    rig.log_on("35=A|34=1|98=0|108=30|141=Y|789=1|");
    assert_eq!(rig.sent(), ["35=A|34=1|98=0|108=30|141=Y|789=2|"]);
}

#[test]
fn every_message_says_what_was_processed_last_if_wanted() {
    let mut rig = Rig::new(Role::Acceptor, |config| config.last_processed = true);
    rig.connect();
    rig.log_on("35=A|34=1|98=0|108=30|");
    rig.feed("35=1|34=2|112=x|");
    rig.feed("35=0|34=3|");
    rig.feed("35=5|34=4|");
    let expected = ["35=A|34=1|369=1|98=0|108=30|", "35=0|34=2|369=2|112=x|", "35=5|34=3|369=4|"];
    assert_eq!(rig.sent(), expected);
}

#[test]
fn timestamps_can_be_written_to_the_nanosecond() {
    for (precision, fraction) in
        [(TimePrecision::Nanos, ".000000789"), (TimePrecision::Micros, ".000000")]
    {
        let mut rig = Rig::active(Role::Initiator, |config| config.time_precision = precision);
        rig.now = rig.now.plus_nanos(789);
        rig.send("1").unwrap();
        let text = String::from_utf8_lossy(rig.out.pending()).into_owned();
        assert!(text.contains(&format!("52=20260407-14:32:01{fraction}\x01")), "{text}");
        rig.sent();
        rig.feed("35=2|34=2|7=1|16=0|");
        let sent = rig.sent();
        assert!(sent[0].contains(&format!("122=20260407-14:32:01{fraction}|")), "{sent:?}");
    }
}

fn judge(rig: &mut Rig, fields: &str, fault: Option<Fault>) -> Received {
    let bytes = fix(&rig.complete(fields));
    with_message(&bytes, |message| {
        rig.session.received_checked(message, rig.now, &mut rig.out, |_| fault)
    })
}

#[test]
fn a_field_fault_is_rejected_whatever_the_type_and_uses_the_number_14() {
    let fault = Some(Fault { reason: 2, tag: Some(55) });
    for msg_type in ["0", "1", "2", "A", "D"] {
        both(|mut rig| {
            let received = judge(&mut rig, &format!("35={msg_type}|34=2|112=x|7=1|16=0|"), fault);
            assert_eq!(received, Received::Ignored);
            let sent = rig.sent();
            let end = format!("371=55|372={msg_type}|373=2|");
            assert!(sent.len() == 1 && sent[0].ends_with(&end), "{sent:?}");
            assert_eq!((rig.session.phase(), rig.numbers()), (Phase::Active, (3, 3)));
        });
    }
    // A message that is too high is not judged yet, one that was seen not any more.
    both(|mut rig| {
        judge(&mut rig, "35=0|34=3|", fault);
        assert_eq!(rig.sent(), ["35=2|34=2|7=2|16=0|"]);
        judge(&mut rig, "35=0|34=1|43=Y|122=20260407-14:32:00|", fault);
        assert_eq!(rig.sent(), [""; 0]);
    });
}

#[test]
fn a_logon_with_a_field_fault_is_refused() {
    for role in [Role::Initiator, Role::Acceptor] {
        let mut rig = Rig::new(role, |_| {});
        rig.connect();
        rig.sent();
        let fault = Some(Fault { reason: 2, tag: Some(55) });
        assert_eq!(judge(&mut rig, "35=A|34=1|98=0|108=30|55=x|", fault), Received::Ignored);
        assert!(rig.sent()[0].contains("58=Invalid Logon: tag 55"));
        assert!(rig.session.should_close());
    }
}

#[test]
fn a_reject_goes_back_to_the_third_party_if_the_profile_says_so() {
    for (reversed, route) in [(true, "128=JCD|129=CS|145=CHI|"), (false, "")] {
        both_with(
            |config| config.reject_reverses_route = reversed,
            |mut rig| {
                let fields = "35=D|34=2|115=JCD|116=CS|144=CHI|11=x|";
                judge(&mut rig, fields, Some(Fault { reason: 5, tag: Some(40) }));
                let sent = rig.sent();
                assert!(sent[0].starts_with(&format!("35=3|34=2|{route}45=2|")), "{sent:?}");
                // The next answer is to another message.
                judge(&mut rig, "35=D|34=3|11=x|", Some(Fault { reason: 5, tag: Some(40) }));
                assert!(rig.sent()[0].starts_with("35=3|34=3|45=3|"));
            },
        );
    }
}

#[test]
fn heartbeats_pause_while_a_test_request_is_unanswered_if_the_profile_says_so() {
    for (goes_on, heartbeats) in [(true, 1), (false, 0)] {
        both_with(
            |config| config.heartbeat_while_testing = goes_on,
            |mut rig| {
                rig.tick_after(36_000);
                rig.sent();
                rig.tick_after(30_500);
                assert_eq!(rig.sent().len(), heartbeats);
            },
        );
    }
}

#[test]
fn an_acceptor_may_start_every_logon_at_one() {
    let mut rig = Rig::new(Role::Acceptor, |config| config.reset_on_logon = true);
    assert!(rig.session.restore(0, 7, 9));
    rig.connect();
    rig.log_on("35=A|34=5|98=0|108=30|");
    assert_eq!(rig.sent(), ["35=A|34=1|98=0|108=30|", "35=2|34=2|7=1|16=0|"]);
    rig.session.disconnected(rig.now);
    // What an operator has set is not undone by the next logon, but by the one after that.
    assert!(rig.session.set_numbers(7, 9));
    for (logon, answer) in [(7, 9), (1, 1)] {
        rig.connect();
        rig.log_on(&format!("35=A|34={logon}|98=0|108=30|"));
        assert_eq!(rig.sent(), [format!("35=A|34={answer}|98=0|108=30|")]);
        rig.session.disconnected(rig.now);
    }
}

#[test]
fn a_number_set_by_hand_keeps_itself_from_a_logon_that_resets_and_not_the_other_one() {
    for (logon, answer) in [(1, 2000), (40, 1)] {
        let mut rig = Rig::new(Role::Acceptor, |config| config.reset_on_logon = true);
        assert!(rig.session.restore(0, 7, 9));
        assert!(match logon {
            1 => rig.session.set_next_out(answer),
            _ => rig.session.set_next_in(logon),
        });
        for (logon, answer) in [(logon, answer), (1, 1)] {
            let epoch = rig.session.epoch();
            rig.connect();
            rig.log_on(&format!("35=A|34={logon}|98=0|108=30|"));
            assert_eq!(rig.sent(), [format!("35=A|34={answer}|98=0|108=30|")]);
            assert_eq!(rig.numbers(), (logon + 1, answer + 1));
            assert_eq!(rig.session.epoch(), epoch + 1);
            rig.session.disconnected(rig.now);
        }
    }
    // A refusal has the number that was set; the other was not named, and is too low for none.
    let mut rig = Rig::new(Role::Acceptor, |config| config.reset_on_logon = true);
    assert!(rig.session.restore(0, 7, 9) && rig.session.set_next_out(2000));
    rig.connect();
    assert_eq!(rig.feed("35=A|34=1|98=0|108=30|"), Received::Logon);
    rig.session.refuse_logon(Some("no"), rig.now, &mut rig.out);
    assert_eq!(rig.sent(), ["35=5|34=2000|58=no|"]);
}

#[test]
fn numbers_set_by_hand_must_be_numbers() {
    let mut rig = Rig::active(Role::Acceptor, |_| {});
    for bad in [0, limits::SEQ_NUM_MAX + 1] {
        assert!(!rig.session.set_numbers(bad, 1) && !rig.session.set_numbers(1, bad));
    }
    assert!(rig.session.set_numbers(5, 6));
    assert_eq!(rig.numbers(), (5, 6));
}

#[test]
fn the_field_checks_of_the_configuration_hold_for_every_message_that_is_received_14() {
    let news_is_unknown = |message: &Message<'_>| {
        let fault = Fault { reason: 11, tag: None };
        (message.msg_type() == b"B").then_some(fault)
    };
    both_with(
        |config| config.field_check = news_is_unknown,
        |mut rig| {
            assert_eq!(rig.feed("35=B|34=2|"), Received::Ignored);
            assert_eq!(rig.sent(), ["35=3|34=2|45=2|58=Invalid MsgType|372=B|373=11|"]);
            assert_eq!(rig.feed("35=D|34=3|"), Received::Application);
        },
    );
    both(|mut rig| assert_eq!(rig.feed("35=B|34=2|"), Received::Application, "none by default"));
}

#[test]
fn a_test_request_without_an_id_comes_back_so_only_where_that_was_agreed_14d() {
    both(|mut rig| {
        rig.feed("35=1|34=2|112=|");
        assert!(rig.sent()[0].ends_with("|371=112|372=1|373=4|"), "a Reject");
        assert_eq!(rig.numbers(), (3, 3));
    });
    both_with(
        |config| config.allow_empty_values = true,
        |mut rig| {
            rig.feed("35=1|34=2|112=|");
            assert_eq!(rig.sent(), ["35=0|34=2|112=|"]);
        },
    );
}

#[test]
fn a_header_behind_the_body_is_out_of_order_from_its_first_field_on_14g() {
    both(|mut rig| {
        let fields = "35=D|!49|!56|!52|11=id|34=2|49=PEER|52=20260407-14:32:01|56=US|";
        assert_eq!(rig.feed(fields), Received::Ignored);
        assert!(rig.sent()[0].ends_with("371=34|372=D|373=14|"));
        assert_eq!(rig.numbers(), (3, 3));
    });
}
