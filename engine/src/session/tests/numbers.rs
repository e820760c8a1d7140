//! Cases 2.a to 2.o, 10, 11, 20: numbers, identity, time.

use std::time::Duration;

use taut_codec::frame::TooLong;

use super::*;

#[test]
fn a_message_with_the_expected_number_is_the_applications_2a() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=8|34=2|37=x|"), Received::Application);
        assert_eq!(rig.feed("35=0|34=3|"), Received::Admin);
        assert_eq!(rig.numbers(), (4, 2));
        assert!(rig.sent().is_empty());
    });
}

#[test]
fn a_gap_is_requested_once_with_an_open_range_and_closed_in_order_2b() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=8|34=5|"), Received::Ignored);
        assert_eq!(rig.feed("35=8|34=6|"), Received::Ignored);
        assert_eq!(rig.sent(), ["35=2|34=2|7=2|16=0|"]);
        assert_eq!(rig.events(), [SessionEvent::Gap { from: 2, to: 5 }]);
        for number in 2..=6 {
            let time = "122=20260407-14:32:00.000";
            let resent = format!("35=8|34={number}|43=Y|{time}|");
            assert_eq!(rig.feed(&resent), Received::Application);
        }
        assert_eq!(rig.feed("35=8|34=7|"), Received::Application);
        assert!(rig.sent().is_empty());
        assert_eq!(rig.events(), [SessionEvent::GapClosed { next_in: 6 }]);
    });
}

#[test]
fn a_gap_that_is_still_there_after_the_resend_is_requested_again_20() {
    both(|mut rig| {
        rig.feed("35=8|34=3|");
        rig.sent();
        assert_eq!(
            rig.feed("35=4|34=2|43=Y|122=20260407-14:32:00.000|123=Y|36=4|"),
            Received::Admin
        );
        assert_eq!(rig.feed("35=8|34=6|"), Received::Ignored);
        assert_eq!(rig.sent(), ["35=2|34=3|7=4|16=0|"]);
    });
}

#[test]
fn a_resend_request_above_the_expected_number_is_served_before_the_own_gap_closes_20() {
    both(|mut rig| {
        assert_eq!(rig.send("1"), Ok(2));
        rig.feed("35=0|34=7|");
        rig.sent();
        assert_eq!(rig.feed("35=2|34=8|7=2|16=0|"), Received::Admin);
        let sent = rig.sent();
        assert_eq!(sent.len(), 1, "served, and not asked a second time: {sent:?}");
        assert!(sent[0].starts_with("35=4|34=2|43=Y|122="), "{sent:?}");
        assert!(sent[0].ends_with("|36=4|123=Y|"), "{sent:?}");
        assert_eq!(rig.session.next_in(), 2);
    });
}

#[test]
fn a_resend_request_that_itself_reveals_a_gap_is_served_and_the_gap_requested_20() {
    both(|mut rig| {
        rig.send("1").unwrap();
        rig.sent();
        assert_eq!(rig.feed("35=2|34=4|7=2|16=2|"), Received::Admin);
        let sent = rig.sent();
        assert!(sent[0].starts_with("35=4|34=2|") && sent[0].ends_with("36=3|123=Y|"));
        assert_eq!(sent[1..], ["35=2|34=3|7=2|16=0|"]);
    });
}

#[test]
fn a_resend_request_is_forgotten_with_its_connection() {
    both(|mut rig| {
        rig.feed("35=8|34=9|");
        rig.session.disconnected(rig.now);
        rig.connect();
        rig.log_on("35=A|34=10|98=0|108=30|");
        let sent = rig.sent();
        assert_eq!(sent.last().map(String::as_str), Some("35=2|34=4|7=2|16=0|"));
    });
}

#[test]
fn a_gap_of_a_dead_connection_does_not_hide_a_new_one() {
    both(|mut rig| {
        rig.feed("35=8|34=9|");
        rig.session.disconnected(rig.now);
        rig.connect();
        rig.log_on("35=A|34=2|98=0|108=30|");
        rig.sent();
        assert_eq!(rig.feed("35=8|34=5|"), Received::Ignored);
        assert_eq!(rig.sent(), ["35=2|34=4|7=3|16=0|"]);
    });
}

#[test]
fn a_resend_request_that_could_not_be_written_was_not_asked() {
    let mut rig = Rig::active(Role::Initiator, |_| {});
    rig.out = Outbox::with_capacity(10);
    rig.feed("35=8|34=9|");
    assert!(rig.session.gap.is_none());
    assert!(rig.session.should_close(), "a peer that does not read is left");
    let events = rig.events();
    assert_eq!(events, [SessionEvent::OutboxFull { waiting: 0 }]);
    assert_eq!(rig.numbers(), (2, 2));
}

#[test]
fn too_low_a_number_is_fatal_2c() {
    both(|mut rig| {
        rig.feed("35=0|34=2|");
        assert_eq!(rig.feed("35=8|34=2|"), Received::Ignored);
        assert_eq!(rig.sent(), ["35=5|34=2|58=MsgSeqNum too low, expecting 3 but received 2|"]);
        assert_eq!(rig.session.phase(), Phase::LogoutSent);
        assert_eq!(rig.feed("35=8|34=3|"), Received::Ignored, "nothing more is taken");
        rig.tick_after(2000);
        assert!(rig.session.should_close());
        rig.session.disconnected(rig.now);
        let reason = protocol_error("MsgSeqNum too low, expecting 3 but received 2");
        assert_eq!(rig.events(), [down(reason, 3, 3)]);
    });
}

#[test]
fn a_peer_that_broke_a_rule_is_waited_for_two_seconds_however_long_its_logout_may_take_2c() {
    for (logout_seconds, waits_ms) in [(5, 2000), (1, 1000)] {
        for role in [Role::Initiator, Role::Acceptor] {
            let wait = Duration::from_secs(logout_seconds);
            let mut rig = Rig::active(role, |config| config.logout_timeout = wait);
            rig.feed("35=8|34=1|");
            assert!(rig.sent()[0].contains("58=MsgSeqNum too low"));
            rig.tick_after(waits_ms - 1);
            assert_eq!(rig.session.phase(), Phase::LogoutSent);
            rig.tick_after(1);
            assert!(rig.session.should_close(), "{waits_ms} ms");
        }
    }
}

#[test]
fn garbled_input_is_ignored_and_too_much_of_it_ends_the_connection_2d() {
    both(|mut rig| {
        rig.session.garbled(100, NOISE, rig.now);
        assert_eq!((rig.session.phase(), rig.numbers()), (Phase::Active, (2, 2)));
        assert_eq!(rig.events(), [SessionEvent::Garbled { bytes: 100, why: NOISE }]);
        assert_eq!(rig.feed("35=8|34=2|"), Received::Application);
        rig.session.garbled(limits::RESYNC_BYTES_MAX, NOISE, rig.now);
        assert!(!rig.session.should_close(), "the valid message in between counts");
        rig.session.garbled(1, NOISE, rig.now);
        assert!(rig.session.should_close());
        assert!(rig.sent().is_empty());
        rig.session.disconnected(rig.now);
        let reason = protocol_error("garbled input, 65537 bytes: no BeginString");
        assert_eq!(rig.events().last(), Some(&down(reason, 3, 2)));
    });
}

#[test]
fn a_message_too_long_ends_as_that_with_its_head_and_not_as_garbled_input() {
    let head = TooLong {
        msg_type: "y".parse().unwrap(),
        msg_seq_num: Some(2),
        body_length: 300_000,
        limit: 262_144,
    };
    let too_long = Garbled::Frame(GarbageReason::TooLong(head));
    both(|mut rig| {
        rig.session.garbled(100, too_long, rig.now);
        assert_eq!(rig.events(), [SessionEvent::Garbled { bytes: 100, why: too_long }]);
        assert!(!rig.session.should_close(), "it may be a BodyLength that lies: 2.m");
        rig.session.garbled(limits::RESYNC_BYTES_MAX, NOISE, rig.now);
        assert!(rig.session.should_close());
        rig.session.disconnected(rig.now);
        let reason = DownReason::TooLong(head);
        assert_eq!(rig.events().last(), Some(&down(reason, 2, 2)));
        assert_eq!(
            reason.to_string(),
            "the venue sent more than is taken: message too long: MsgType y, MsgSeqNum 2, \
             BodyLength 300000, at most 262144 bytes are taken"
        );
    });
}

#[test]
fn a_possible_duplicate_is_ignored_if_seen_and_else_processed_2e() {
    both(|mut rig| {
        rig.feed("35=8|34=2|");
        let time = "122=20260407-14:32:01.000";
        assert_eq!(rig.feed(&format!("35=8|34=2|43=Y|{time}|")), Received::Ignored);
        assert_eq!(rig.feed(&format!("35=8|34=3|43=Y|{time}|")), Received::Application);
        assert_eq!(rig.numbers(), (4, 2));
        assert!(rig.sent().is_empty());
    });
}

#[test]
fn a_possible_duplicate_first_sent_after_it_was_sent_is_rejected_2f() {
    let late = "43=Y|122=20260407-14:32:11.000";
    both(|mut rig| {
        assert_eq!(rig.feed(&format!("35=D|34=2|{late}|11=a|")), Received::Ignored);
        let text = "SendingTime accuracy problem";
        assert_eq!(
            rig.sent(),
            [
                format!("35=3|34=2|45=2|58={text}|371=122|372=D|373=10|"),
                format!("35=5|34=3|58={text}|")
            ]
        );
        assert_eq!((rig.session.phase(), rig.session.next_in()), (Phase::LogoutSent, 3));
    });
    both_with(
        |config| config.logout_on_orig_sending_time = false,
        |mut rig| {
            rig.feed("35=0|34=2|");
            assert_eq!(rig.feed(&format!("35=D|34=2|{late}|11=a|")), Received::Ignored);
            assert_eq!(rig.sent().len(), 1);
            assert_eq!((rig.session.phase(), rig.session.next_in()), (Phase::Active, 3));
        },
    );
}

#[test]
fn a_possible_duplicate_without_its_first_sending_time_is_rejected_2g() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=8|34=2|43=Y|"), Received::Ignored);
        assert_eq!(rig.feed("35=8|34=2|43=Y|"), Received::Ignored, "seen or not");
        assert_eq!(
            rig.sent(),
            [
                "35=3|34=2|45=2|58=Required tag missing|371=122|372=8|373=1|",
                "35=3|34=3|45=2|58=Required tag missing|371=122|372=8|373=1|"
            ]
        );
        assert_eq!((rig.session.phase(), rig.numbers()), (Phase::Active, (3, 4)));
    });
}

#[test]
fn a_wrong_begin_string_is_fatal_2i() {
    both(|mut rig| {
        let fields = rig.complete("35=8|34=2|");
        assert_eq!(rig.feed_bytes(&fix_as("FIX.4.2", &fields)), Received::Ignored);
        assert_eq!(rig.sent(), ["35=5|34=2|58=Incorrect BeginString FIX.4.2, expecting FIX.4.4|"]);
        rig.feed("35=5|34=2|");
        assert!(rig.session.should_close() && rig.sent().is_empty());
    });
}

#[test]
fn a_wrong_comp_id_is_rejected_by_its_tag_and_fatal_2k() {
    for tag in [49, 56] {
        both(|mut rig| {
            assert_eq!(rig.feed(&format!("35=8|34=2|{tag}=X|")), Received::Ignored);
            assert_eq!(
                rig.sent(),
                [
                    format!("35=3|34=2|45=2|58=CompID problem|371={tag}|372=8|373=9|"),
                    "35=5|34=3|58=CompID problem|".to_string()
                ]
            );
            assert_eq!((rig.session.phase(), rig.session.next_in()), (Phase::LogoutSent, 3));
        });
    }
}

#[test]
fn a_sending_time_that_is_off_or_not_utc_is_rejected_and_fatal_2o() {
    for time in ["20260407-14:34:01.001", "20260407-14:30:00.999", "yesterday"] {
        both(|mut rig| {
            assert_eq!(rig.feed(&format!("35=0|34=2|52={time}|")), Received::Ignored);
            let text = "SendingTime accuracy problem";
            assert_eq!(
                rig.sent(),
                [
                    format!("35=3|34=2|45=2|58={text}|371=52|372=0|373=10|"),
                    format!("35=5|34=3|58={text}|")
                ]
            );
            assert_eq!(rig.session.next_in(), 3);
        });
    }
    for time in ["20260407-14:34:01.000", "20260407-14:30:01"] {
        both(|mut rig| {
            assert_eq!(rig.feed(&format!("35=0|34=2|52={time}|")), Received::Admin);
            assert!(rig.sent().is_empty());
        });
    }
    both_with(
        |config| config.sending_time_tolerance = None,
        |mut rig| assert_eq!(rig.feed("35=0|34=2|52=20010101-00:00:00|"), Received::Admin),
    );
}

#[test]
fn a_header_field_that_is_missing_empty_twice_or_misplaced_is_rejected_14() {
    for (message, rejected) in [
        ("35=8|34=2|!49|", "371=49|372=8|373=1"),
        ("35=8|34=2|!56|", "371=56|372=8|373=1"),
        ("35=8|34=2|!52|", "371=52|372=8|373=1"),
        ("35=8|34=2|56=|", "371=56|372=8|373=4"),
        ("35=8|34=2|52=|", "371=52|372=8|373=4"),
        ("35=8|34=2|34=2|", "371=34|372=8|373=13"),
        ("35=8|34=2|43=Z|", "371=43|372=8|373=6"),
        ("35=8|34=2|!52|58=x|52=20260407-14:32:01|", "371=52|372=8|373=14"),
        ("35=|34=2|", "371=35|373=4"),
    ] {
        both(|mut rig| {
            assert_eq!(rig.feed(message), Received::Ignored, "{message}");
            let sent = rig.sent();
            assert_eq!(sent.len(), 1, "{message} {sent:?}");
            assert!(sent[0].starts_with("35=3|34=2|45=2|58="), "{message} {sent:?}");
            assert!(sent[0].contains(rejected), "{message} {sent:?}");
            assert_eq!((rig.session.phase(), rig.session.next_in()), (Phase::Active, 3));
        });
    }
}

#[test]
fn header_fields_may_stand_in_any_order_15() {
    both(|mut rig| {
        let message = "35=8|52=20260407-14:32:01.000|97=N|56=US|34=2|50=x|49=PEER|37=1|";
        assert_eq!(rig.feed(message), Received::Application);
    });
}

#[test]
fn a_number_that_is_missing_or_none_is_fatal() {
    for number in ["", "34=x|", "34=-1|", "34=18446744073709551616|", "34=1000000000000|"] {
        both(|mut rig| {
            assert_eq!(rig.feed(&format!("35=8|{number}")), Received::Ignored);
            let sent = rig.sent();
            assert!(sent.len() == 1 && sent[0].starts_with("35=5|34=2|58=MsgSeqNum"), "{sent:?}");
            assert_eq!((rig.session.phase(), rig.session.next_in()), (Phase::LogoutSent, 2));
        });
    }
}

#[test]
fn a_gap_fill_above_the_expected_number_reveals_a_gap_10a() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=4|34=10|36=20|123=Y|"), Received::Ignored);
        assert_eq!(rig.feed("35=1|34=20|112=HELLO|"), Received::Ignored);
        assert_eq!(rig.sent(), ["35=2|34=2|7=2|16=0|"]);
        assert_eq!(rig.session.next_in(), 2);
    });
}

#[test]
fn a_gap_fill_at_the_expected_number_moves_it_10b() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=4|34=2|36=20|123=Y|"), Received::Admin);
        assert_eq!(rig.session.next_in(), 20);
        let moved = SessionEvent::SequenceReset { from: 2, to: 20, gap_fill: true };
        assert_eq!(rig.events(), [SessionEvent::Voided { from: 3, to: 19 }, moved]);
        assert_eq!(rig.feed("35=8|34=20|"), Received::Application);
    });
}

#[test]
fn a_gap_fill_below_the_expected_number_is_ignored_or_fatal_10c_10d() {
    both(|mut rig| {
        rig.feed("35=0|34=2|");
        let dup = "35=4|34=2|43=Y|122=20260407-14:32:00.000|36=9|123=Y|";
        assert_eq!(rig.feed(dup), Received::Ignored);
        assert_eq!((rig.session.next_in(), rig.sent().len()), (3, 0));
        assert_eq!(rig.feed("35=4|34=2|36=9|123=Y|"), Received::Ignored);
        assert_eq!(rig.sent(), ["35=5|34=2|58=MsgSeqNum too low, expecting 3 but received 2|"]);
    });
}

#[test]
fn a_gap_fill_that_does_not_move_forward_or_jumps_too_far_is_rejected_10e() {
    for new_seq_no in ["2", "1", "0", "100000003", "18446744073709551615"] {
        both(|mut rig| {
            assert_eq!(rig.feed(&format!("35=4|34=2|36={new_seq_no}|123=Y|")), Received::Admin);
            let sent = rig.sent();
            assert!(sent.len() == 1 && sent[0].ends_with("371=36|372=4|373=5|"), "{sent:?}");
            let lowers = new_seq_no.len() == 1;
            let text = format!(
                "58=Attempt to lower sequence number, invalid value NewSeqNo(36)={new_seq_no}|"
            );
            assert_eq!(sent[0].contains(&text), lowers, "{sent:?}");
            assert_eq!(rig.session.next_in(), 3);
        });
    }
    for (fields, rejected) in [("123=Y|", "371=36|372=4|373=1|"), ("36=x|123=Y|", "373=6|")] {
        both(|mut rig| {
            assert_eq!(rig.feed(&format!("35=4|34=2|{fields}")), Received::Admin);
            assert!(rig.sent()[0].ends_with(rejected));
            assert_eq!(rig.session.next_in(), 3);
        });
    }
}

#[test]
fn a_reset_is_taken_whatever_its_own_number_11a_11b() {
    for (message, to) in [
        ("35=4|34=9999|36=40|123=N|", 40),
        ("35=4|34=1|36=40|", 40),
        ("35=4|34=2|36=2|123=N|", 2),
        ("35=4|34=0|36=3|", 3),
    ] {
        both(|mut rig| {
            assert_eq!(rig.feed(message), Received::Admin);
            assert_eq!((rig.session.next_in(), rig.sent().len()), (to, 0));
            let voided = (to > 2).then_some(SessionEvent::Voided { from: 2, to: to - 1 });
            let moved = SessionEvent::SequenceReset { from: 2, to, gap_fill: false };
            assert_eq!(rig.events(), Vec::from_iter(voided.into_iter().chain([moved])));
        });
    }
}

#[test]
fn a_reset_that_lowers_the_number_or_jumps_too_far_is_rejected_and_uses_no_number_11c() {
    for new_seq_no in ["1", "0", "100000003", "18446744073709551615"] {
        both(|mut rig| {
            assert_eq!(rig.feed(&format!("35=4|34=0|36={new_seq_no}|")), Received::Admin);
            let sent = rig.sent();
            let text = "Value is incorrect (out of range) for this tag";
            assert_eq!(sent, [format!("35=3|34=2|45=0|58={text}|371=36|372=4|373=5|")]);
            assert_eq!(rig.session.next_in(), 2);
        });
    }
    for (message, rejected) in [
        ("35=4|34=2|36=5|123=X|", "371=123|372=4|373=6|"),
        ("35=4|34=2|123=N|", "371=36|372=4|373=1|"),
    ] {
        both(|mut rig| {
            assert_eq!(rig.feed(message), Received::Admin);
            assert!(rig.sent()[0].ends_with(rejected), "{message}");
            assert_eq!(rig.session.next_in(), 2);
        });
    }
}

#[test]
fn a_hard_reset_to_one_is_taken_where_the_profile_allows_it() {
    both_with(
        |config| config.sequence_reset_may_lower = true,
        |mut rig| {
            rig.feed("35=0|34=2|");
            assert_eq!(rig.feed("35=4|34=1|123=N|36=1|"), Received::Admin);
            assert_eq!(rig.session.next_in(), 1);
            assert_eq!(rig.feed("35=4|34=1|123=N|36=0|"), Received::Admin);
            assert_eq!((rig.session.next_in(), rig.sent().len()), (1, 1));
        },
    );
}

#[test]
fn krakens_client_follows_a_hard_reset_to_one_and_keeps_its_own_numbers() {
    let mut rig = Rig::new(Role::Initiator, |config| {
        *config = crate::kraken::session::client(config.sender, config.target);
        config.reset_on_logon = true;
    });
    rig.connect();
    rig.log_on("35=A|34=1|98=0|108=60|141=Y|");
    rig.sent();
    rig.feed("35=8|34=2|37=a|");
    // A gap, which the reset makes void.
    rig.feed("35=8|34=5|37=d|");
    assert_eq!(rig.sent(), ["35=2|34=2|7=3|16=0|"]);
    assert_eq!(rig.send("one"), Ok(3));
    rig.events();
    assert_eq!(rig.feed("35=4|34=77|123=N|36=1|"), Received::Admin);
    let reset = SessionEvent::SequenceReset { from: 3, to: 1, gap_fill: false };
    assert_eq!(rig.events(), [SessionEvent::GapClosed { next_in: 1 }, reset]);
    assert_eq!((rig.numbers(), rig.session.epoch()), ((1, 4), 1));
    assert_eq!(rig.feed("35=8|34=1|37=e|"), Received::Application);
    assert_eq!(rig.feed("35=8|34=2|37=f|"), Received::Application);
    assert_eq!(rig.send("two"), Ok(4));
    assert_eq!((rig.sent().len(), rig.session.has_gap()), (2, false));
}

#[test]
fn our_next_number_is_raised_between_connections_only_and_by_a_bounded_step() {
    let mut rig = Rig::active(Role::Initiator, |_| {});
    assert_eq!(rig.session.skip_to(9), Err(SkipError::InUse));
    rig.session.disconnected(rig.now);
    let farthest = 2 + limits::SEQ_JUMP_MAX;
    assert_eq!(rig.session.skip_to(1), Err(SkipError::Lower));
    assert_eq!(rig.session.skip_to(farthest + 1), Err(SkipError::TooFar));
    assert_eq!(rig.session.skip_to(u64::MAX), Err(SkipError::TooFar));
    assert_eq!(rig.session.next_out(), 2);
    assert_eq!(rig.session.skip_to(farthest), Ok(()));
    assert!(rig.session.restore(0, 2, limits::SEQ_NUM_MAX));
    assert_eq!(rig.session.skip_to(limits::SEQ_NUM_MAX + 1), Err(SkipError::TooFar));
    assert_eq!(rig.session.skip_to(limits::SEQ_NUM_MAX), Ok(()));
}

#[test]
fn a_reset_past_the_gap_closes_it() {
    both(|mut rig| {
        rig.feed("35=8|34=9|");
        rig.sent();
        rig.feed("35=4|34=10|36=30|");
        rig.feed("35=8|34=32|");
        assert_eq!(rig.sent(), ["35=2|34=3|7=30|16=0|"]);
    });
}

#[test]
fn a_side_that_has_lost_its_state_raises_its_number_by_a_reset_and_the_other_follows_9() {
    both(|mut rig| {
        rig.session.disconnected(rig.now);
        assert!(rig.session.set_numbers(1, 1_000_000));
        rig.connect();
        rig.log_on("35=A|34=1|98=0|108=30|");
        rig.sent();
        let (now, next) = (rig.now, 2_000_000);
        rig.session.reset_out(next, now, &mut rig.out).unwrap();
        assert_eq!(rig.sent(), ["35=4|34=1000001|36=2000000|123=N|"]);
        assert_eq!(rig.send("1"), Ok(next));
        for bad in [0, next, next + 1, limits::SEQ_NUM_MAX + 1] {
            let refused = rig.session.reset_out(bad, now, &mut rig.out);
            assert_eq!(refused, Err(SendError::SeqNumExhausted), "{bad}");
        }
    });
    both(|mut rig| {
        assert_eq!(rig.feed("35=4|34=1000001|36=2000000|123=N|"), Received::Admin);
        assert_eq!(rig.feed("35=D|34=2000000|11=1|"), Received::Application);
        assert!(rig.sent().is_empty());
    });
}
