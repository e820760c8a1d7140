//! Demands 1 to 5.

use taut::limits;
use taut::session::{
    MemoryStore, Outbox, Phase, Received, Resend, ResendPolicy, Role, SendError, SessionConfig,
    SessionEvent,
};
use taut_codec::frame::{Frame, Framer};

use crate::rig::{Rig, both, number, read};

fn store() -> Box<MemoryStore> {
    Box::new(MemoryStore::new(16 * 1024, 4 * 1024 * 1024))
}

#[test]
fn demand_01_stale_orders_are_never_sent_again_on_a_resend_request() {
    let policies: [Option<ResendPolicy>; 3] =
        [None, Some(ResendPolicy::REPORTS), Some(ResendPolicy::always(Resend::Ask))];
    for policy in policies {
        both(|role| {
            let mut rig = Rig::active(role, |config| {
                config.resend_policy = policy.unwrap_or(config.resend_policy);
            });
            rig.session.set_sent_store(store());
            // New, replace, cancel, mass cancel, list: whatever moves an order.
            for (id, msg_type) in ["D", "G", "F", "q", "E"].into_iter().enumerate() {
                rig.send(msg_type.as_bytes(), id as u64).unwrap();
            }
            rig.sent();
            // The connection breaks; hours later the peer asks for all that it has missed.
            rig.reconnect(2);
            rig.sent();
            rig.events();
            assert_eq!(rig.feed("35=2|34=3|7=1|16=0|"), Received::Admin);
            let sent = rig.sent();
            assert_eq!(sent.len(), 1, "{sent:?}");
            assert!(sent[0].starts_with("35=4|34=1|43=Y|"), "{sent:?}");
            assert!(sent[0].ends_with("|36=8|123=Y|"), "{sent:?}");
            let withheld = SessionEvent::Replayed { from: 1, to: 7, replayed: 0, withheld: 5 };
            assert!(rig.events().contains(&withheld), "what was withheld is reported");
        });
    }
}

#[test]
fn demand_02_a_resend_request_that_did_not_leave_was_not_asked() {
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        // There is no room for it: the connection ends, and nothing waits for an answer.
        rig.out = Outbox::with_capacity(16);
        rig.feed("35=8|34=9|");
        assert!(rig.session.should_close() && !rig.session.has_gap());
        assert!(!rig.events().iter().any(|event| matches!(event, SessionEvent::Gap { .. })));
        rig.out = Outbox::new();
        rig.reconnect(10);
        let sent = rig.sent();
        assert!(sent.last().unwrap().ends_with("7=2|16=0|"), "asked on the next one: {sent:?}");
    });
}

#[test]
fn demand_02_a_resend_request_is_forgotten_with_its_connection_and_when_it_is_rejected() {
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        rig.feed("35=8|34=9|");
        assert_eq!(rig.sent(), ["35=2|34=2|7=2|16=0|"]);
        rig.feed("35=3|34=10|45=2|372=2|373=5|");
        rig.feed("35=8|34=11|");
        assert_eq!(rig.sent(), ["35=2|34=3|7=2|16=0|"], "rejected: asked again");
        rig.reconnect(2);
        assert!(!rig.session.has_gap(), "the numbers agree: nothing is asked");
        rig.sent();
        rig.feed("35=8|34=5|");
        assert!(rig.sent()[0].ends_with("7=3|16=0|"), "a gap of the dead connection hides none");
    });
}

#[test]
fn demand_03_a_request_to_infinity_is_answered_in_batches_within_the_outbox() {
    const MESSAGES: u64 = 10_000;
    both(|role| {
        let mut rig = Rig::active(role, |config| config.resend_policy = ResendPolicy::EVERYTHING);
        rig.session.set_sent_store(store());
        for id in 0..MESSAGES {
            rig.order(id).unwrap();
            rig.out.consume(usize::MAX);
        }
        rig.feed("35=2|34=2|7=1|16=0|");
        let mut batches = Vec::new();
        while rig.session.is_resending() {
            batches.push(rig.sent().len());
            assert!(rig.session.next_deadline() > rig.now, "not all at once");
            rig.tick_after(1);
        }
        batches.push(rig.sent().len());
        let most = limits::RESEND_BATCH_MAX as usize + 1;
        assert!(batches.iter().all(|&messages| messages <= most), "{batches:?}");
        assert_eq!(batches.iter().sum::<usize>() as u64, MESSAGES + 1);
    });
}

#[test]
fn demand_03_of_more_messages_than_are_sent_again_at_once_the_rest_is_declared_void_and_told() {
    both(|role| {
        let mut rig = Rig::active(role, |config| {
            config.resend_policy = ResendPolicy::EVERYTHING;
            config.resend_max = 10;
        });
        rig.session.set_sent_store(store());
        for id in 0..25 {
            rig.order(id).unwrap();
        }
        rig.sent();
        rig.feed("35=2|34=2|7=2|16=0|");
        let mut sent = rig.sent();
        while rig.session.is_resending() {
            rig.tick_after(1);
            sent.extend(rig.sent());
        }
        let replayed = sent.iter().filter(|one| one.starts_with("35=D|")).count();
        assert_eq!((replayed, sent.len()), (10, 11), "{sent:?}");
        let told: u32 = rig
            .events()
            .iter()
            .filter_map(|event| match event {
                SessionEvent::Withheld { messages, .. } => Some(*messages),
                _ => None,
            })
            .sum();
        assert_eq!(told, 15, "{sent:?}");
    });
}

#[test]
fn demand_03_a_peer_that_does_not_read_its_resend_costs_no_more_than_the_outbox() {
    both(|role| {
        let mut rig = Rig::active(role, |config| config.resend_policy = ResendPolicy::EVERYTHING);
        rig.session.set_sent_store(store());
        for id in 0..10_000 {
            rig.order(id).unwrap();
            rig.out.consume(usize::MAX);
        }
        rig.out = Outbox::with_capacity(64 * 1024);
        rig.feed("35=2|34=2|7=1|16=0|");
        for _ in 0..1000 {
            rig.tick_after(1);
            assert!(rig.out.pending().len() <= 64 * 1024);
        }
        assert!(rig.session.is_resending(), "it waits");
        assert_eq!(rig.session.phase(), Phase::Active);
    });
}

#[test]
fn demand_03_the_same_request_again_and_again_is_a_storm_and_ends_the_session() {
    both(|role| {
        let mut rig = Rig::active(role, |_| {});
        let mut asked = 0;
        while rig.session.phase() == Phase::Active {
            asked += 1;
            assert!(asked < 1000, "it must end");
            let number = rig.session.next_in();
            rig.feed(&format!("35=2|34={number}|7=1|16=0|"));
        }
        assert_eq!(asked, limits::RESEND_REPEATS_MAX + 1);
        let storm = SessionEvent::ResendStorm { from: 1, times: asked };
        assert!(rig.events().contains(&storm));
    });
}

#[test]
fn demand_04_nothing_live_stands_inside_a_replay() {
    both(|role| {
        let mut rig = Rig::active(role, |config| config.resend_policy = ResendPolicy::EVERYTHING);
        rig.session.set_sent_store(store());
        for id in 0..2_000 {
            rig.order(id).unwrap();
            rig.out.consume(usize::MAX);
        }
        rig.feed("35=2|34=2|7=2|16=0|");
        let mut numbers: Vec<u64> = rig.sent().iter().map(|sent| number(sent)).collect();
        while rig.session.is_resending() {
            assert_eq!(rig.order(9999), Err(SendError::OutboxFull), "told, not queued");
            rig.tick_after(1);
            numbers.extend(rig.sent().iter().map(|sent| number(sent)));
        }
        assert_eq!(numbers, (2..2_002).collect::<Vec<u64>>(), "in order, without a stranger");
        assert_eq!(rig.order(9999), Ok(2_002));
    });
}

#[test]
fn demand_04_two_sides_that_both_ask_neither_wait_for_ever_nor_disorder() {
    // Each side has missed three messages of the other, and its request reveals that to the other.
    both(|role| {
        let mut rig = Rig::active(role, |config| config.resend_policy = ResendPolicy::EVERYTHING);
        rig.session.set_sent_store(store());
        for id in 0..3 {
            rig.order(id).unwrap();
        }
        rig.sent();
        rig.feed("35=2|34=5|7=2|16=0|");
        let sent = rig.sent();
        let numbers: Vec<u64> = sent.iter().map(|sent| number(sent)).collect();
        assert_eq!(numbers, [2, 3, 4, 5], "its request is answered, then ours follows: {sent:?}");
        assert!(sent[3].ends_with("7=2|16=0|"), "{sent:?}");
        let time = "122=20260407-14:32:01.000";
        for number in 2..5 {
            let resent = format!("35=D|34={number}|43=Y|{time}|11=x|");
            assert_eq!(rig.feed(&resent), Received::Application);
        }
        assert_eq!(rig.feed(&format!("35=4|34=5|43=Y|{time}|36=6|123=Y|")), Received::Admin);
        assert!(!rig.session.has_gap() && !rig.session.is_resending());
        assert_eq!((rig.session.next_in(), rig.session.next_out()), (6, 6));
    });
}

/// What one side has sent reaches the other; the ids of the orders that its application gets.
fn pass_on(from: &mut Rig, to: &mut Rig) -> Vec<u64> {
    let bytes = from.out.pending().to_vec();
    from.out.consume(bytes.len());
    let (mut rest, mut orders) = (&bytes[..], Vec::new());
    while let Frame::Message { len } = Framer::new(limits::MESSAGE_BYTES_MAX).next(rest) {
        read(&rest[..len], |message| {
            match to.session.received(message, to.now, &mut to.out) {
                Received::Logon => to.session.accept_logon(to.now, &mut to.out).unwrap(),
                Received::Application => orders.push(message.uint(11).unwrap()),
                Received::Admin | Received::Ignored => {}
            };
        });
        rest = &rest[len..];
    }
    assert!(rest.is_empty());
    orders
}

#[test]
fn demand_04_two_sides_that_miss_messages_of_each_other_both_get_them_in_order() {
    for lost in [1, 3, 700] {
        let us = |config: &mut SessionConfig| config.resend_policy = ResendPolicy::EVERYTHING;
        let mut a = Rig::new(Role::Initiator, us);
        let mut b = Rig::new(Role::Acceptor, |config| {
            us(config);
            std::mem::swap(&mut config.sender, &mut config.target);
        });
        for side in [&mut a, &mut b] {
            side.session.set_sent_store(store());
            side.connect();
        }
        assert!(pass_on(&mut a, &mut b).is_empty() && pass_on(&mut b, &mut a).is_empty());
        // Both are cut off from each other without noticing, then hear each other at the same moment.
        for side in [&mut a, &mut b] {
            for id in 0..lost {
                side.order(id).unwrap();
                side.out.consume(usize::MAX);
            }
            side.order(lost).unwrap();
        }
        let mut got = [Vec::new(), Vec::new()];
        let mut rounds = 0;
        while !(a.out.is_empty() && b.out.is_empty()) || a.session.is_resending() {
            got[1].extend(pass_on(&mut a, &mut b));
            got[0].extend(pass_on(&mut b, &mut a));
            a.tick_after(1);
            b.tick_after(1);
            rounds += 1;
            assert!(rounds < 100, "they never end: {lost}");
        }
        for (side, got) in [&a, &b].into_iter().zip(&got) {
            assert_eq!(*got, (0..=lost).collect::<Vec<u64>>(), "each once, in order");
            assert_eq!(side.session.phase(), Phase::Active);
            assert!(!side.session.has_gap() && !side.session.is_resending());
        }
        assert_eq!(a.session.next_out(), b.session.next_in());
        assert_eq!(b.session.next_out(), a.session.next_in());
    }
}

#[test]
fn demand_05_the_last_gap_fill_names_the_number_after_the_last_message() {
    for trailing in 0..3 {
        both(|role| {
            let mut rig = Rig::active(role, |config| config.resend_policy = ResendPolicy::REPORTS);
            rig.session.set_sent_store(store());
            rig.send(b"8", 1).unwrap();
            // Admin messages behind the last report.
            for i in 0..trailing {
                rig.feed(&format!("35=1|34={}|112=a|", 2 + i));
            }
            rig.sent();
            rig.feed(&format!("35=2|34={}|7=2|16=0|", 2 + trailing));
            let sent = rig.sent();
            assert!(sent[0].starts_with("35=8|34=2|43=Y|"), "{sent:?}");
            let next = rig.session.next_out();
            assert_eq!(next, 3 + trailing);
            match trailing {
                0 => assert_eq!(sent.len(), 1, "no gap fill over nothing: {sent:?}"),
                _ => {
                    assert_eq!(sent.len(), 2, "{sent:?}");
                    assert!(sent[1].starts_with("35=4|34=3|"), "{sent:?}");
                    assert!(sent[1].ends_with(&format!("|36={next}|123=Y|")), "{sent:?}");
                }
            }
        });
    }
}
