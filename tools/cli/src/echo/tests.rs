//! The application as either side, without a socket: the test is the counterparty.

mod journal;
mod slow;

use std::sync::Arc;

use taut::limits::{MESSAGE_BYTES_MAX, RESEND_PERIOD_NS};
use taut::session::{Phase, ResendPolicy, Role, SessionConfig};
use taut_codec::dictionary::Dictionary;
use taut_codec::message::Message;
use taut_codec::rules::Options;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::UtcTime;

use super::app::{Peer, QUEUE_MAX, Rules};

pub(super) const NOW: UtcTime = UtcTime(1_775_572_321_000_000_000);
const TIME: &str = "20260407-14:32:01.000";

/// As much of FIX 4.4 as the tests need.
const DICTIONARY: &str = include_str!("../../tests/interop/small.xml");

/// Not connected yet.
fn peer(role: Role) -> Peer {
    peer_named(role, "THEM")
}

pub(super) fn peer_named(role: Role, them: &str) -> Peer {
    let (us, them) = ("US".parse().unwrap(), them.parse().unwrap());
    let config = match role {
        Role::Initiator => SessionConfig::initiator(us, them),
        Role::Acceptor => SessionConfig::acceptor(us, them),
    };
    let dictionary = Arc::new(Dictionary::from_xml(DICTIONARY).unwrap());
    let mut config = config.with_quickfix_habits();
    config.reject_reverses_route = false;
    config.resend_policy = ResendPolicy::EVERYTHING;
    config.send_message_bytes_max = MESSAGE_BYTES_MAX;
    Peer::new(config, Rules { dictionary, options: Options::default() }, false)
}

/// The bytes of a message from a counterparty.
pub(super) fn message(from: &str, fields: &str) -> Vec<u8> {
    message_at(TIME, from, fields)
}

/// The same, sent at a time of its own.
pub(super) fn message_at(time: &str, from: &str, fields: &str) -> Vec<u8> {
    let (msg_type, rest) = fields.split_once('|').unwrap();
    let body = format!("{msg_type}|49={from}|56=US|52={time}|{rest}").replace('|', "\x01");
    let mut bytes = format!("8=FIX.4.4\x019={}\x01{body}", body.len()).into_bytes();
    let sum = bytes.iter().fold(0u8, |sum, &b| sum.wrapping_add(b));
    bytes.extend(format!("10={sum:03}\x01").bytes());
    bytes
}

/// The counterparty says something.
fn say(peer: &mut Peer, fields: &str) {
    let bytes = message("THEM", fields);
    let mut fields = [Field::default(); 32];
    let count = Scanner::new().index(&bytes, &mut fields).unwrap();
    peer.received(&Message::new(&bytes, &fields[..count]), None, NOW);
    peer.settle(NOW).unwrap();
}

/// Connected, with this number of the counterparty's Logon.
fn log_on(peer: &mut Peer, number: u64) {
    peer.connected(NOW);
    say(peer, &format!("35=A|34={number}|98=0|108=30|"));
    assert_eq!(peer.session().phase(), Phase::Active);
}

/// What left: type, number and the rest of each message without 8, 9, 10, 49, 52, 56.
fn heard(peer: &mut Peer) -> Vec<String> {
    let text = String::from_utf8_lossy(peer.outbox.pending()).replace('\x01', "|");
    peer.outbox.consume(usize::MAX);
    let own = |field: &&str| {
        !["8=", "9=", "10=", "49=", "52=", "56="].iter().any(|start| field.starts_with(start))
    };
    text.split("8=FIX.4.4|")
        .skip(1)
        .map(|one| one.split_terminator('|').filter(own).map(|field| format!("{field}|")).collect())
        .collect()
}

fn both(test: impl Fn(Peer)) {
    for role in [Role::Initiator, Role::Acceptor] {
        test(peer(role));
    }
}

#[test]
fn what_is_to_be_sent_while_disconnected_waits_and_is_bounded_16a() {
    both(|mut peer| {
        for i in 0..QUEUE_MAX {
            assert!(peer.send_news(&i.to_string()));
        }
        assert!(!peer.send_news("one too many"));
        assert!(peer.outbox.is_empty(), "nothing leaves without a session");
        log_on(&mut peer, 1);
        let news = heard(&mut peer).iter().filter(|one| one.starts_with("35=B|")).count();
        assert_eq!(news, QUEUE_MAX);
        assert!(peer.send_news("now there is room"));
        assert!(!peer.send_news("a\x01b") && !peer.send_news(""), "it cannot be sent");
    });
}

#[test]
fn what_waited_leaves_behind_the_synchronisation_with_new_numbers_16b() {
    both(|mut peer| {
        log_on(&mut peer, 1);
        say(&mut peer, "35=1|34=2|112=a|");
        assert_eq!(heard(&mut peer).len(), 2, "a Logon and a Heartbeat");
        peer.disconnected(NOW);
        assert!(peer.send_news("while away"));
        // The counterparty has sent two messages more: they come first.
        log_on(&mut peer, 5);
        let said = heard(&mut peer);
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(said[1], "35=2|34=4|7=3|16=0|");
        say(&mut peer, &format!("35=1|34=3|43=Y|122={TIME}|112=b|"));
        assert_eq!(heard(&mut peer), ["35=0|34=5|112=b|"]);
        say(&mut peer, &format!("35=4|34=4|43=Y|122={TIME}|123=Y|36=6|"));
        assert_eq!(heard(&mut peer), ["35=B|34=6|148=while away|33=1|58=-|"]);
    });
}

#[test]
fn an_application_that_is_not_available_says_so_14l() {
    both(|mut peer| {
        log_on(&mut peer, 1);
        heard(&mut peer);
        peer.set_available(false);
        say(&mut peer, "35=D|34=2|11=a|40=1|");
        let text = "58=Application not available|372=D|380=4|";
        assert_eq!(heard(&mut peer), [format!("35=j|34=2|45=2|{text}")]);
        say(&mut peer, "35=1|34=3|112=a|");
        assert_eq!(heard(&mut peer), ["35=0|34=3|112=a|"], "the session is there all the same");
        peer.set_available(true);
        say(&mut peer, "35=D|34=4|11=a|40=1|");
        assert_eq!(heard(&mut peer), ["35=D|34=4|11=a|40=1|"]);
    });
}

#[test]
fn an_order_without_what_its_type_requires_is_answered_by_a_business_reject_14m() {
    both(|mut peer| {
        log_on(&mut peer, 1);
        heard(&mut peer);
        say(&mut peer, "35=D|34=2|11=a|40=2|");
        let text = "58=Conditionally required field missing|372=D|380=5|";
        assert_eq!(heard(&mut peer), [format!("35=j|34=2|45=2|{text}")]);
        say(&mut peer, "35=D|34=3|11=a|40=2|44=1.5|");
        assert_eq!(heard(&mut peer), ["35=D|34=3|11=a|40=2|44=1.5|"]);
    });
}

#[test]
fn an_unsupported_type_is_answered_by_a_business_reject_2r() {
    both(|mut peer| {
        log_on(&mut peer, 1);
        heard(&mut peer);
        say(&mut peer, "35=H|34=2|11=a|");
        let text = "58=Unsupported Message Type|372=H|380=3|";
        assert_eq!(heard(&mut peer), [format!("35=j|34=2|45=2|{text}")]);
    });
}

#[test]
fn news_that_ask_for_an_echo_are_answered_with_the_text_as_headline_and_nothing_else() {
    both(|mut peer| {
        log_on(&mut peer, 1);
        heard(&mut peer);
        say(&mut peer, "35=B|34=2|148=echo:one two|33=1|58=line|");
        say(&mut peer, "35=B|34=3|148=quiet|33=1|58=line|");
        say(&mut peer, "35=B|34=4|148=echo:|33=1|58=line|");
        assert_eq!(heard(&mut peer), ["35=B|34=2|148=one two|"]);
    });
}

#[test]
fn a_possible_resend_of_an_order_is_echoed_once_19() {
    both(|mut peer| {
        log_on(&mut peer, 1);
        say(&mut peer, "35=D|34=2|97=Y|11=a|40=1|");
        say(&mut peer, "35=D|34=3|97=Y|11=a|40=1|");
        say(&mut peer, "35=D|34=4|11=a|40=1|");
        let echoes = heard(&mut peer).iter().filter(|one| one.starts_with("35=D|")).count();
        assert_eq!(echoes, 2, "the second had been seen, the third does not ask");
    });
}

#[test]
fn orders_that_come_while_much_is_sent_again_are_echoed_behind_it() {
    const ORDERS: usize = 600;
    both(|mut peer| {
        super::store::in_memory(peer.session());
        log_on(&mut peer, 1);
        for number in 2..2 + ORDERS {
            say(&mut peer, &format!("35=D|34={number}|11={number}|40=1|"));
        }
        assert_eq!(heard(&mut peer).len(), 1 + ORDERS);
        let number = 2 + ORDERS;
        say(&mut peer, &format!("35=2|34={number}|7=1|16=0|"));
        for (at, id) in ["late", "later"].iter().enumerate() {
            say(&mut peer, &format!("35=D|34={}|11={id}|40=1|", number + 1 + at));
        }
        let mut said = heard(&mut peer);
        assert!(said.len() < ORDERS, "the resend goes on: {}", said.len());
        let mut now = NOW;
        while peer.session().is_resending() {
            now = now.plus_nanos(RESEND_PERIOD_NS);
            peer.settle(now).unwrap();
            said.extend(heard(&mut peer));
        }
        let again = said.iter().filter(|one| one.contains("|43=Y|") && one.starts_with("35=D|"));
        assert_eq!(again.count(), ORDERS);
        let late = format!("35=D|34={number}|11=late|40=1|");
        let later = format!("35=D|34={}|11=later|40=1|", number + 1);
        assert_eq!(said[said.len() - 2..], [late, later]);
    });
}

#[test]
fn an_order_that_comes_while_we_log_out_is_answered_after_the_next_logon() {
    both(|mut peer| {
        log_on(&mut peer, 1);
        heard(&mut peer);
        peer.log_out(NOW);
        say(&mut peer, "35=D|34=2|11=late|40=1|");
        say(&mut peer, "35=D|34=3|11=later|40=1|");
        assert_eq!(heard(&mut peer), ["35=5|34=2|"], "nothing follows a Logout");
        say(&mut peer, "35=5|34=4|");
        peer.disconnected(NOW);
        log_on(&mut peer, 5);
        peer.settle(NOW).unwrap();
        let said = heard(&mut peer);
        assert_eq!(said[1..], ["35=D|34=4|11=late|40=1|", "35=D|34=5|11=later|40=1|"]);
    });
}

#[test]
fn a_reset_makes_void_what_still_waits_for_its_answer_13() {
    both(|mut peer| {
        log_on(&mut peer, 1);
        heard(&mut peer);
        peer.log_out(NOW);
        say(&mut peer, "35=D|34=2|11=stale|40=1|");
        say(&mut peer, "35=5|34=3|");
        peer.disconnected(NOW);
        let asked = peer.session().config().role == Role::Initiator;
        peer.session().set_reset_on_logon(asked);
        peer.connected(NOW);
        say(&mut peer, "35=A|34=1|98=0|108=30|141=Y|");
        say(&mut peer, "35=D|34=2|11=new|40=1|");
        let said = heard(&mut peer);
        let without_echo: Vec<_> = said.iter().map(|one| one.starts_with("35=D|")).collect();
        assert_eq!(without_echo, [false, true], "{said:?}");
        assert_eq!(said[1], "35=D|34=2|11=new|40=1|");
    });
}

#[test]
fn a_reset_within_the_session_makes_void_what_waits_behind_a_resend_13() {
    both(|mut peer| {
        super::store::in_memory(peer.session());
        log_on(&mut peer, 1);
        for number in 2..602 {
            say(&mut peer, &format!("35=D|34={number}|11={number}|40=1|"));
        }
        say(&mut peer, "35=2|34=602|7=1|16=0|");
        say(&mut peer, "35=D|34=603|11=stale|40=1|");
        heard(&mut peer);
        say(&mut peer, "35=A|34=1|98=0|108=30|141=Y|");
        say(&mut peer, "35=1|34=2|112=a|");
        assert_eq!(heard(&mut peer)[1..], ["35=0|34=2|112=a|"]);
    });
}

#[test]
fn a_reset_within_the_session_with_another_number_than_1_is_refused_for_that_number() {
    both(|mut peer| {
        log_on(&mut peer, 1);
        heard(&mut peer);
        say(&mut peer, "35=A|34=2|98=0|108=30|141=Y|");
        let said = heard(&mut peer);
        assert_eq!(
            said,
            ["35=5|34=2|58=MsgSeqNum must be 1 with ResetSeqNumFlag(141)=Y but is 2|"]
        );
    });
}
