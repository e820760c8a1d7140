//! Cases 1B, 1S, 2S, and resets at logon.

use super::*;

fn acceptor() -> Rig {
    let mut rig = Rig::new(Role::Acceptor, |_| {});
    rig.connect();
    rig
}

fn initiator() -> Rig {
    let mut rig = Rig::new(Role::Initiator, |_| {});
    rig.connect();
    rig
}

#[test]
fn an_initiator_sends_its_logon_first_1b_a() {
    let mut rig = initiator();
    assert_eq!(rig.session.phase(), Phase::LogonSent);
    assert_eq!(rig.sent(), ["35=A|34=1|98=0|108=30|"]);
}

#[test]
fn the_genuine_market_data_logon_is_reproduced_byte_for_byte() {
    let mut config =
        SessionConfig::initiator("damien".parse().unwrap(), "KRAKEN-MD".parse().unwrap());
    config.reset_on_logon = true;
    config.header_order = taut_codec::encode::HeaderOrder::SenderTargetSeqTime;
    let (mut session, mut out) = (Session::new(config), Outbox::new());
    let now = UtcTime::parse(b"20230707-13:31:03.000").unwrap();
    session.connected(now, &mut out, |_, _| {}).unwrap();
    let text = String::from_utf8_lossy(out.pending()).replace('\x01', "|");
    assert_eq!(
        text,
        "8=FIX.4.4|9=76|35=A|49=damien|56=KRAKEN-MD|34=1|52=20230707-13:31:03.000|98=0|108=60|\
         141=Y|10=011|"
    );
}

/// The documented frame has 56 before 52; captured messages of the venue have it as here.
#[test]
fn the_logon_answer_has_the_length_and_sum_of_the_documented_one() {
    let now = UtcTime::parse(b"20260407-14:32:01.000").unwrap();
    let config = SessionConfig::acceptor("KRAKEN-TRD".parse().unwrap(), "CLIENT".parse().unwrap());
    let (mut session, mut out) = (Session::new(config), Outbox::new());
    session.connected(now, &mut out, |_, _| {}).unwrap();
    let logon =
        fix("35=A|34=1|49=CLIENT|52=20260407-14:32:01.000|56=KRAKEN-TRD|98=0|108=30|141=Y|");
    assert_eq!(with_message(&logon, |m| session.received(m, now, &mut out)), Received::Logon);
    session.accept_logon(now, &mut out).unwrap();
    let text = String::from_utf8_lossy(out.pending()).replace('\x01', "|");
    assert_eq!(
        text,
        "8=FIX.4.4|9=77|35=A|34=1|49=KRAKEN-TRD|52=20260407-14:32:01.000|56=CLIENT|98=0|108=30|\
         141=Y|10=179|"
    );
}

#[test]
fn the_extra_fields_of_a_logon_get_its_number() {
    let mut rig = Rig::new(Role::Initiator, |_| {});
    assert!(rig.session.restore(3, 5, 7));
    let extra = |body: &mut Encoder<'_>, number: u64| {
        body.uint(553, number);
    };
    rig.session.connected(rig.now, &mut rig.out, extra).unwrap();
    assert_eq!(rig.sent(), ["35=A|34=7|98=0|108=30|553=7|"]);
}

#[test]
fn a_valid_logon_answer_brings_the_session_up_1b_c() {
    let mut rig = initiator();
    assert_eq!(rig.feed("35=A|34=1|98=0|108=30|"), Received::Admin);
    assert_eq!((rig.session.phase(), rig.numbers()), (Phase::Active, (2, 2)));
    assert_eq!(rig.events(), [up(0, 1, 2, 2)]);
}

#[test]
fn a_logon_answer_with_too_high_a_number_is_accepted_and_the_rest_requested_1b_c() {
    let mut rig = initiator();
    rig.sent();
    assert_eq!(rig.feed("35=A|34=5|98=0|108=30|"), Received::Admin);
    assert_eq!(rig.session.phase(), Phase::Active);
    assert_eq!(rig.sent(), ["35=2|34=2|7=1|16=0|"]);
    assert_eq!(rig.numbers(), (1, 3));
}

#[test]
fn an_invalid_logon_answer_is_answered_by_a_logout_with_the_reason_1b_d() {
    for (logon, reason) in [
        ("35=A|34=1|98=0|", "HeartBtInt"),
        ("35=A|34=1|98=0|108=abc|", "HeartBtInt"),
        ("35=A|34=1|98=0|108=99999|", "HeartBtInt"),
        ("35=A|34=1|98=1|108=30|", "EncryptMethod"),
        ("35=A|34=1|108=30|", "EncryptMethod"),
        ("35=A|34=1|98=0|108=30|141=X|", "ResetSeqNumFlag"),
        ("35=A|34=1|49=NOBODY|98=0|108=30|", "CompID"),
        ("35=A|34=1|52=20010101-00:00:00|98=0|108=30|", "SendingTime"),
        ("35=A|34=2|98=0|108=30|141=Y|", "MsgSeqNum must be 1"),
        ("35=A|34=x|98=0|108=30|", "MsgSeqNum(34)"),
        ("35=A|98=0|108=30|", "Invalid Logon: tag 34"),
    ] {
        let mut rig = initiator();
        rig.sent();
        assert_eq!(rig.feed(logon), Received::Ignored, "{logon}");
        let sent = rig.sent();
        assert!(sent.len() == 1 && sent[0].starts_with("35=5|34=2|58="), "{logon} {sent:?}");
        assert!(sent[0].contains(reason), "{logon} {sent:?}");
        assert!(rig.session.should_close());
        assert_eq!(rig.session.next_in(), 1);
    }
}

#[test]
fn a_logon_answer_with_too_low_a_number_is_refused_2c() {
    let mut rig = Rig::new(Role::Initiator, |_| {});
    rig.session.restore(0, 6, 3);
    rig.connect();
    rig.sent();
    rig.feed("35=A|34=2|98=0|108=30|");
    assert_eq!(rig.sent(), ["35=5|34=4|58=MsgSeqNum too low, expecting 6 but received 2|"]);
    assert!(rig.session.should_close());
}

#[test]
fn an_answer_that_is_no_logon_ends_the_connection_1b_e() {
    let mut rig = initiator();
    rig.sent();
    assert_eq!(rig.feed("35=0|34=1|"), Received::Ignored);
    assert!(rig.session.should_close() && rig.sent().is_empty());
    assert_eq!(rig.session.next_in(), 1);
}

#[test]
fn a_logout_as_the_answer_means_that_the_logon_was_refused() {
    let mut rig = initiator();
    rig.sent();
    assert_eq!(rig.feed("35=5|34=2|58=Logon failed: invalid credentials|"), Received::Admin);
    assert!(rig.session.should_close() && rig.sent().is_empty());
    rig.session.disconnected(rig.now);
    let text = event::event_text(b"Logon failed: invalid credentials");
    assert_eq!(rig.events(), [down(DownReason::LogonRefused(text), 1, 2)]);
}

#[test]
fn a_connection_closed_without_an_answer_to_the_logon_is_a_reason_of_its_own() {
    let mut rig = initiator();
    rig.session.disconnected(rig.now);
    assert_eq!(rig.events(), [down(DownReason::ClosedAtLogon, 1, 2)]);
}

#[test]
fn an_acceptor_answers_a_valid_logon_only_after_the_verdict_1s_a() {
    let mut rig = acceptor();
    assert_eq!(rig.feed("35=A|34=1|98=0|108=20|"), Received::Logon);
    assert_eq!((rig.session.phase(), rig.numbers()), (Phase::LogonReceived, (1, 1)));
    assert!(rig.sent().is_empty());
    rig.session.accept_logon(rig.now, &mut rig.out).unwrap();
    assert_eq!(rig.sent(), ["35=A|34=1|98=0|108=20|"]);
    assert_eq!((rig.session.phase(), rig.numbers()), (Phase::Active, (2, 2)));
    assert_eq!(rig.session.heartbeat_seconds(), 20);
}

#[test]
fn a_logon_with_too_high_a_number_is_answered_and_the_rest_requested_1s_a() {
    let mut rig = acceptor();
    rig.log_on("35=A|34=6|98=0|108=30|");
    assert_eq!(rig.sent(), ["35=A|34=1|98=0|108=30|", "35=2|34=2|7=1|16=0|"]);
    assert_eq!(rig.feed("35=4|34=1|123=Y|36=7|"), Received::Admin);
    assert_eq!(rig.numbers(), (7, 3));
}

#[test]
fn an_unknown_comp_id_is_closed_without_a_word_1s_c() {
    for logon in ["35=A|34=1|49=X|98=0|108=30|", "35=A|34=1|56=X|98=0|108=30|"] {
        let mut rig = acceptor();
        assert_eq!(rig.feed(logon), Received::Ignored);
        assert!(rig.session.should_close() && rig.sent().is_empty());
    }
}

#[test]
fn an_invalid_logon_is_refused_with_the_reason_1s_d() {
    for (logon, reason) in [
        ("35=A|34=1|98=0|", "HeartBtInt"),
        ("35=A|34=1|98=0|108=abc|", "HeartBtInt"),
        ("35=A|34=1|98=0|108=-1|", "HeartBtInt"),
        ("35=A|34=1|98=0|108=4294967296|", "HeartBtInt"),
        ("35=A|34=1|98=99|108=30|", "EncryptMethod"),
        ("35=A|34=1|52=20010101-00:00:00|98=0|108=30|", "SendingTime"),
        ("35=A|34=1|!52|98=0|108=30|", "tag 52"),
        ("35=A|34=1|34=1|98=0|108=30|", "tag 34"),
    ] {
        let mut rig = acceptor();
        assert_eq!(rig.feed(logon), Received::Ignored, "{logon}");
        let sent = rig.sent();
        assert!(sent.len() == 1 && sent[0].starts_with("35=5|34=1|58="), "{logon} {sent:?}");
        assert!(sent[0].contains(reason), "{logon} {sent:?}");
        assert!(rig.session.should_close());
    }
}

#[test]
fn a_possible_duplicate_of_a_logon_without_orig_sending_time_or_with_a_later_one_is_refused_2f_2g()
{
    for (orig, text) in [
        ("", "Invalid Logon: required tag missing, OrigSendingTime(122)"),
        (
            "122=20260407-14:32:02.000|",
            "Invalid Logon: OrigSendingTime(122) is behind SendingTime(52)",
        ),
        ("122=yesterday|", "Invalid Logon: OrigSendingTime(122)"),
        ("122=20260407-14:32:00.000|", ""),
    ] {
        let logon = format!("35=A|34=1|43=Y|{orig}98=0|108=30|");
        let logout = |number| format!("35=5|34={number}|58={text}|");
        let is_right = text.is_empty();
        let mut rig = acceptor();
        assert_eq!(rig.feed(&logon) == Received::Logon, is_right, "{orig}");
        assert_eq!(rig.sent(), if is_right { vec![] } else { vec![logout(1)] });
        assert_eq!(rig.session.should_close(), !is_right);
        let mut rig = initiator();
        rig.sent();
        assert_eq!(rig.feed(&logon) == Received::Admin, is_right, "{orig}");
        assert_eq!(rig.sent(), if is_right { vec![] } else { vec![logout(2)] });
        assert_eq!(rig.session.should_close(), !is_right);
    }
}

#[test]
fn a_logon_with_a_wrong_begin_string_is_refused_by_name_1s_d() {
    let mut rig = acceptor();
    let fields = rig.complete("35=A|34=1|98=0|108=30|");
    assert_eq!(rig.feed_bytes(&fix_as("FIX.4.2", &fields)), Received::Ignored);
    assert_eq!(rig.sent(), ["35=5|34=1|58=Incorrect BeginString FIX.4.2, expecting FIX.4.4|"]);
    assert!(rig.session.should_close());
}

#[test]
fn a_first_message_that_is_no_logon_is_closed_without_a_word_2s() {
    for first in ["35=0|34=1|", "35=5|34=1|", "35=D|34=1|11=a|", "35=4|34=1|36=9|"] {
        let mut rig = acceptor();
        assert_eq!(rig.feed(first), Received::Ignored);
        assert!(rig.session.should_close() && rig.sent().is_empty(), "{first}");
        assert_eq!(rig.numbers(), (1, 1));
    }
}

#[test]
fn garbage_before_the_logon_ends_the_connection_2s() {
    let mut rig = acceptor();
    rig.session.garbled(16, NOISE, rig.now);
    assert!(rig.session.should_close() && rig.sent().is_empty());
}

#[test]
fn a_refused_logon_changes_nothing_but_the_number_of_the_logout() {
    let mut rig = Rig::new(Role::Acceptor, |_| {});
    rig.session.restore(4, 8, 9);
    rig.connect();
    assert_eq!(rig.feed("35=A|34=8|98=0|108=30|"), Received::Logon);
    rig.session.refuse_logon(Some("no"), rig.now, &mut rig.out);
    assert_eq!(rig.sent(), ["35=5|34=9|58=no|"]);
    assert!(rig.session.should_close());
    assert_eq!((rig.session.epoch(), rig.numbers()), (4, (8, 10)));
    rig.session.disconnected(rig.now);

    rig.connect();
    assert_eq!(rig.feed("35=A|34=1|98=0|108=30|141=Y|"), Received::Logon);
    rig.session.refuse_logon(Some("no"), rig.now, &mut rig.out);
    assert_eq!(rig.sent(), ["35=5|34=1|58=no|"], "a reset that is refused is no reset");
    assert_eq!((rig.session.epoch(), rig.numbers()), (4, (8, 10)));
}

#[test]
fn a_refused_logon_resets_nothing_even_where_every_logon_starts_at_one() {
    let refused = |config: fn(&mut SessionConfig), logon: &str, verdict: Received| {
        let mut rig = Rig::new(Role::Acceptor, |c| {
            c.reset_on_logon = true;
            config(c);
        });
        rig.session.set_sent_store(Box::new(MemoryStore::new(4, 1_000)));
        rig.session.restore(4, 8, 9);
        rig.connect();
        assert_eq!(rig.feed(logon), verdict);
        if verdict == Received::Logon {
            rig.session.refuse_logon(Some("no"), rig.now, &mut rig.out);
        }
        let sent = rig.sent();
        assert!(sent.len() == 1 && sent[0].starts_with("35=5|34=1|58="), "{sent:?}");
        assert_eq!((rig.session.epoch(), rig.numbers()), (4, (8, 9)), "{logon}");
    };
    refused(|_| {}, "35=A|34=1|98=0|108=30|", Received::Logon);
    refused(|_| {}, "35=A|34=1|98=1|108=30|", Received::Ignored);
    refused(|_| {}, "35=A|34=1|98=0|108=30|52=20200101-00:00:00|", Received::Ignored);
    let expects = |c: &mut SessionConfig| c.next_expected = true;
    refused(expects, "35=A|34=1|98=0|108=30|789=2|", Received::Ignored);
}

#[test]
fn numbers_set_by_hand_outlive_a_refused_logon_where_every_logon_starts_at_one() {
    let mut rig = Rig::new(Role::Acceptor, |c| c.reset_on_logon = true);
    assert!(rig.session.set_numbers(8, 9));
    rig.connect();
    assert_eq!(rig.feed("35=A|34=8|98=0|108=30|"), Received::Logon);
    rig.session.refuse_logon(Some("no"), rig.now, &mut rig.out);
    assert_eq!(rig.sent(), ["35=5|34=9|58=no|"]);
    rig.session.disconnected(rig.now);
    rig.connect();
    rig.log_on("35=A|34=8|98=0|108=30|");
    assert_eq!(rig.numbers(), (9, 11), "the Logout of the refusal used one");
    rig.session.disconnected(rig.now);
    rig.connect();
    rig.log_on("35=A|34=1|98=0|108=30|");
    assert_eq!(rig.numbers(), (2, 2), "the hand is taken back by the logon");
}

#[test]
fn a_low_logon_is_fatal_unless_the_profile_takes_it_as_a_request_for_a_replay_2c() {
    let mut rig = Rig::new(Role::Acceptor, |_| {});
    rig.session.restore(4, 8, 9);
    rig.connect();
    assert_eq!(rig.feed("35=A|34=3|98=0|108=30|141=N|"), Received::Ignored);
    let text = "MsgSeqNum too low, expecting 8 but received 3";
    assert_eq!(rig.sent(), [format!("35=5|34=9|58={text}|")]);

    for (from, fill) in [(3, true), (5, true), (7, false)] {
        let mut rig = Rig::new(Role::Acceptor, |c| c.low_logon_replays = true);
        rig.session.restore(4, 8, 5);
        rig.connect();
        rig.events();
        rig.log_on(&format!("35=A|34={from}|98=0|108=30|141=N|"));
        let sent = rig.sent();
        assert_eq!(sent[0], "35=A|34=5|98=0|108=30|141=N|");
        assert_eq!(sent.len(), 1 + usize::from(fill), "{sent:?}");
        if fill {
            let gap_fill = format!("35=4|34={from}|43=Y|");
            assert!(sent[1].starts_with(&gap_fill), "{sent:?}");
            assert!(sent[1].ends_with("|36=6|123=Y|"), "{sent:?}");
        }
        assert_eq!((rig.session.epoch(), rig.numbers()), (4, (from + 1, 6)));
        let lowered = SessionEvent::SequenceReset { from: 8, to: from + 1, gap_fill: false };
        assert!(rig.events().contains(&lowered));
        assert_eq!(rig.feed(&format!("35=8|34={}|", from + 1)), Received::Application);
    }

    let mut rig = Rig::new(Role::Acceptor, |c| c.low_logon_replays = true);
    rig.session.restore(4, 8, 5);
    rig.connect();
    assert_eq!(rig.feed("35=A|34=0|98=0|108=30|"), Received::Ignored, "0 is no number");
    assert!(rig.session.should_close());
}

#[test]
fn a_logon_can_be_refused_in_silence_or_with_the_number_that_kraken_shows() {
    let mut rig = acceptor();
    rig.feed("35=A|34=1|98=0|108=30|");
    rig.session.refuse_logon(None, rig.now, &mut rig.out);
    assert!(rig.session.should_close() && rig.sent().is_empty());

    let mut rig = Rig::new(Role::Acceptor, |c| c.refusal_skips_a_number = true);
    rig.connect();
    rig.feed("35=A|34=1|98=0|108=30|141=Y|");
    rig.session.refuse_logon(Some("Logon failed: invalid credentials"), rig.now, &mut rig.out);
    assert_eq!(rig.sent(), ["35=5|34=2|58=Logon failed: invalid credentials|"]);
}

#[test]
fn a_logon_that_starts_at_one_resets_both_sides_and_begins_an_epoch() {
    let mut rig = Rig::new(Role::Acceptor, |_| {});
    rig.session.restore(4, 8, 9);
    rig.connect();
    rig.log_on("35=A|34=1|98=0|108=30|141=Y|");
    assert_eq!(rig.sent(), ["35=A|34=1|98=0|108=30|141=Y|"]);
    assert_eq!((rig.session.epoch(), rig.numbers()), (5, (2, 2)));

    let mut rig = Rig::new(Role::Initiator, |c| c.reset_on_logon = true);
    rig.session.restore(4, 8, 9);
    rig.connect();
    assert_eq!(rig.sent(), ["35=A|34=1|98=0|108=30|141=Y|"]);
    rig.log_on("35=A|34=1|98=0|108=30|141=Y|");
    assert_eq!((rig.session.epoch(), rig.numbers()), (5, (2, 2)));
}

#[test]
fn a_venue_that_starts_at_one_anyway_is_followed() {
    let mut rig = Rig::new(Role::Initiator, |_| {});
    rig.session.restore(4, 8, 9);
    rig.connect();
    rig.sent();
    rig.log_on("35=A|34=1|98=0|108=30|141=Y|");
    assert_eq!((rig.session.epoch(), rig.numbers()), (5, (2, 2)));
    assert!(rig.events().contains(&SessionEvent::ResetByPeer {
        epoch: 5,
        next_in: 8,
        next_out: 10
    }));
    assert!(rig.sent().is_empty());
}

#[test]
fn a_reset_is_refused_where_the_profile_does_not_allow_it() {
    let mut rig = Rig::new(Role::Acceptor, |c| c.reset_by_peer = false);
    rig.session.restore(4, 8, 9);
    rig.connect();
    assert_eq!(rig.feed("35=A|34=1|98=0|108=30|141=Y|"), Received::Ignored);
    assert!(rig.session.should_close());
    assert_eq!((rig.session.epoch(), rig.session.next_in()), (4, 8));
}

#[test]
fn the_numbers_go_on_over_a_lost_connection_and_the_epoch_stays() {
    both(|mut rig| {
        assert_eq!(rig.feed("35=8|34=2|"), Received::Application);
        assert_eq!(rig.send("1"), Ok(2));
        rig.session.disconnected(rig.now);
        rig.connect();
        rig.log_on("35=A|34=3|98=0|108=30|");
        assert_eq!(rig.sent(), ["35=A|34=3|98=0|108=30|"], "and nothing of the dead connection");
        assert_eq!(rig.numbers(), (4, 4));
        assert_eq!(rig.events(), [down(DownReason::ConnectionLost, 3, 3), up(0, 2, 4, 4)]);
    });
}

#[test]
fn a_session_in_use_is_not_rolled_over() {
    both(|mut rig| {
        assert!(!rig.session.rollover());
        assert_eq!(rig.numbers(), (2, 2));
        rig.session.disconnected(rig.now);
        assert!(rig.session.rollover());
        assert_eq!((rig.session.epoch(), rig.numbers()), (1, (1, 1)));
    });
}

#[test]
fn a_logon_that_cannot_be_written_uses_no_number() {
    let mut rig = Rig::new(Role::Initiator, |c| c.reset_on_logon = true);
    rig.session.restore(4, 8, 9);
    let result = rig.session.connected(rig.now, &mut rig.out, |body, _| {
        body.bytes(553, b"a\x01b");
    });
    let error = taut_codec::encode::EncodeError::ControlByte { tag: 553 };
    assert_eq!(result, Err(SendError::Encode(error)));
    assert!(rig.session.should_close() && rig.out.is_empty());
    assert_eq!((rig.session.epoch(), rig.numbers()), (4, (8, 9)));
}

#[test]
fn only_a_logged_on_session_sends() {
    let mut rig = Rig::new(Role::Initiator, |_| {});
    assert_eq!(rig.send("1"), Err(SendError::NotLoggedOn));
    rig.connect();
    assert_eq!(rig.send("1"), Err(SendError::NotLoggedOn));
    assert_eq!(rig.sent().len(), 1);
    let mut rig = acceptor();
    rig.feed("35=A|34=1|98=0|108=30|");
    assert_eq!(rig.send("1"), Err(SendError::NotLoggedOn));
    assert_eq!(
        rig.session.reject(1, b"D", None, None, "", rig.now, &mut rig.out),
        Err(SendError::NotLoggedOn)
    );
    assert!(rig.sent().is_empty());
}

#[test]
fn a_verdict_on_the_logon_of_a_dead_connection_does_not_let_the_next_one_in() {
    let mut rig = acceptor();
    assert_eq!(rig.feed("35=A|34=1|98=0|108=30|"), Received::Logon);
    rig.session.disconnected(rig.now);
    rig.connect();
    assert_eq!(rig.session.accept_logon(rig.now, &mut rig.out), Err(SendError::NotLoggedOn));
    rig.session.refuse_logon(Some("no"), rig.now, &mut rig.out);
    assert_eq!((rig.session.phase(), rig.sent().len()), (Phase::AwaitLogon, 0));
}
