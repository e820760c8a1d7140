//! Resends from a store, by policy; resends asked for in chunks; messages held until their turn.

use std::collections::BTreeMap;

use proptest::prelude::*;

use taut_codec::encode::HeaderOrder;

use super::link::Link;
use super::*;

pub(super) fn with_store(role: Role, policy: ResendPolicy) -> Rig {
    let mut rig = Rig::active(role, |config| config.resend_policy = policy);
    rig.session.set_sent_store(Box::new(MemoryStore::new(100, 100_000)));
    rig
}

pub(super) fn send_as(rig: &mut Rig, msg_type: &[u8], id: &str) {
    let now = rig.now;
    rig.session
        .send(msg_type, now, &mut rig.out, |body| {
            body.bytes(11, id.as_bytes()).data(354, 355, b"a\x01b");
        })
        .unwrap();
}

/// Gives back what was held, as an engine does.
fn drain(rig: &mut Rig) -> Vec<Received> {
    let mut into = vec![0; 4096];
    let mut all = Vec::new();
    while let Some(len) = rig.session.take_held(rig.now, &mut into) {
        all.push(rig.feed_bytes(&into[..len]));
    }
    all
}

#[test]
fn what_the_policy_replays_comes_back_between_gap_fills_with_its_first_sending_time_8() {
    for role in [Role::Initiator, Role::Acceptor] {
        let mut rig = with_store(role, ResendPolicy::REPORTS);
        send_as(&mut rig, b"8", "a");
        send_as(&mut rig, b"D", "order");
        rig.feed("35=1|34=2|112=x|");
        send_as(&mut rig, b"8", "b");
        rig.sent();
        rig.events();
        rig.now = rig.now.plus_nanos(1_000_000_000);
        assert_eq!(rig.feed("35=2|34=3|7=1|16=0|"), Received::Admin);
        let (first, again) = ("122=20260407-14:32:01.000", "122=20260407-14:32:02.000");
        let data = "354=3|355=a\x01b|";
        assert_eq!(
            rig.sent(),
            [
                format!("35=4|34=1|43=Y|{again}|36=2|123=Y|"),
                format!("35=8|34=2|43=Y|{first}|11=a|{data}"),
                format!("35=4|34=3|43=Y|{again}|36=5|123=Y|"),
                format!("35=8|34=5|43=Y|{first}|11=b|{data}"),
            ]
        );
        assert_eq!(
            rig.events(),
            [
                SessionEvent::Withheld { from: 3, to: 3, messages: 1 },
                SessionEvent::ResendServed { from: 1, to: 5 },
                SessionEvent::Replayed { from: 1, to: 5, replayed: 2, withheld: 1 }
            ]
        );
        assert_eq!(rig.session.next_out(), 6);
    }
}

#[test]
fn a_peer_that_asks_from_the_same_number_now_and_then_is_no_storm() {
    for role in [Role::Initiator, Role::Acceptor] {
        let mut rig = with_store(role, ResendPolicy::REPORTS);
        send_as(&mut rig, b"8", "a");
        for _ in 0..3 * limits::RESEND_REPEATS_MAX {
            rig.now = rig.now.plus_nanos(limits::RESEND_REQUESTS_PERIOD_NS);
            rig.feed(&format!("35=2|34={}|7=2|16=0|", rig.session.next_in()));
            rig.sent();
        }
        assert_eq!(rig.session.phase(), Phase::Active);
    }
}

#[test]
fn an_order_is_never_replayed_unless_the_policy_names_it() {
    for (policy, replayed) in [
        (ResendPolicy::NOTHING, ["", "", ""]),
        (ResendPolicy::REPORTS, ["", "", ""]),
        (ResendPolicy::EVERYTHING, ["35=D", "35=F", "35=G"]),
    ] {
        let mut rig = with_store(Role::Initiator, policy);
        for msg_type in [b"D", b"F", b"G"] {
            send_as(&mut rig, msg_type, "1");
        }
        rig.sent();
        rig.feed("35=2|34=2|7=2|16=4|");
        let sent = rig.sent();
        match replayed[0] {
            "" => assert!(sent.len() == 1 && sent[0].starts_with("35=4|34=2|"), "{sent:?}"),
            _ => assert!(sent.iter().zip(replayed).all(|(one, start)| one.starts_with(start))),
        }
    }
}

#[test]
fn the_application_is_asked_and_without_an_answer_nothing_is_replayed() {
    let ask = ResendPolicy::always(Resend::Ask);
    for wanted in [None, Some("b")] {
        let mut rig = with_store(Role::Initiator, ask);
        if let Some(id) = wanted {
            rig.session
                .ask_before_resend(Box::new(move |message| message.get(11) == Some(id.as_bytes())));
        }
        send_as(&mut rig, b"D", "a");
        send_as(&mut rig, b"D", "b");
        rig.sent();
        rig.events();
        rig.feed("35=2|34=2|7=2|16=0|");
        let replays = rig.sent().iter().filter(|one| one.starts_with("35=D|34=3|")).count();
        assert_eq!(replays, usize::from(wanted.is_some()));
        let replayed = replays as u32;
        let withheld = 2 - replayed;
        let event = SessionEvent::Replayed { from: 2, to: 3, replayed, withheld };
        assert!(rig.events().contains(&event));
    }
}

fn post(rig: &mut Rig, msg_type: &[u8], id: &str) -> Result<Posted, SendError> {
    let order = HeaderOrder::default();
    rig.session.post(msg_type, order, rig.now, &mut rig.out, |body| {
        body.bytes(11, id.as_bytes());
    })
}

#[test]
fn what_is_posted_while_the_session_is_down_is_numbered_and_comes_with_the_next_logon() {
    let mut rig = with_store(Role::Acceptor, ResendPolicy::REPORTS);
    assert_eq!(post(&mut rig, b"8", "live"), Ok(Posted::Sent(2)));
    assert_eq!(rig.sent(), ["35=8|34=2|11=live|"]);
    rig.session.disconnected(rig.now);
    assert_eq!(post(&mut rig, b"8", "a"), Ok(Posted::Kept(3)));
    assert_eq!(post(&mut rig, b"B", "news"), Err(SendError::NotLoggedOn), "is not replayed");
    assert_eq!(post(&mut rig, b"8", "b"), Ok(Posted::Kept(4)));
    rig.connect();
    rig.log_on("35=A|34=2|98=0|108=30|");
    assert_eq!(rig.sent(), ["35=A|34=5|98=0|108=30|"], "the peer sees what is missing");
    let first = rig.now;
    rig.now = rig.now.plus_nanos(1_000_000_000);
    rig.feed("35=2|34=3|7=3|16=0|");
    let orig = String::from_utf8(first.to_fix_millis().to_vec()).unwrap();
    let sent = rig.sent();
    assert_eq!(sent[0], format!("35=8|34=3|43=Y|122={orig}|11=a|"));
    assert_eq!(sent[1], format!("35=8|34=4|43=Y|122={orig}|11=b|"));
    assert!(sent[2].starts_with("35=4|34=5|43=Y|") && sent[2].ends_with("36=6|123=Y|"), "{sent:?}");
    assert_eq!(sent.len(), 3);
}

#[test]
fn what_is_posted_during_a_resend_comes_at_its_end_and_not_inside() {
    let mut rig = with_store(Role::Acceptor, ResendPolicy::REPORTS);
    rig.out = Outbox::with_capacity(limits::OUTBOX_ADMIN_BYTES + 1_000);
    for number in 2..=20 {
        assert_eq!(post(&mut rig, b"8", "old"), Ok(Posted::Sent(number)));
        rig.sent();
    }
    rig.feed("35=2|34=2|7=2|16=0|");
    assert!(rig.session.is_resending());
    assert_eq!(post(&mut rig, b"8", "new"), Ok(Posted::Kept(21)));
    let mut sent = Vec::new();
    while rig.session.is_resending() {
        sent.extend(rig.sent());
        rig.tick_after(1);
    }
    sent.extend(rig.sent());
    assert_eq!(sent.len(), 20);
    for (number, one) in (2..).zip(&sent) {
        assert!(one.starts_with(&format!("35=8|34={number}|43=Y|")), "{one}");
    }
    assert!(sent[19].ends_with("11=new|"));
    // And what does not fit is kept too: the peer misses it as soon as it reads again.
    rig.out.push(&vec![b'x'; rig.out.free() - limits::OUTBOX_ADMIN_BYTES]).unwrap();
    assert_eq!(post(&mut rig, b"8", "slow"), Ok(Posted::Kept(22)));
}

#[test]
fn without_a_store_nothing_is_posted_to_a_session_that_is_down() {
    let mut rig =
        Rig::active(Role::Acceptor, |config| config.resend_policy = ResendPolicy::REPORTS);
    rig.session.disconnected(rig.now);
    assert_eq!(post(&mut rig, b"8", "a"), Err(SendError::NotLoggedOn));
    assert_eq!(rig.session.next_out(), 2, "no number is used");
}

#[test]
fn the_work_on_resends_is_bounded_in_each_period_however_often_the_peer_asks() {
    let mut rig = with_store(Role::Acceptor, ResendPolicy::EVERYTHING);
    rig.out = Outbox::with_capacity(16 * 1024 * 1024);
    rig.session.set_sent_store(Box::new(MemoryStore::new(10_000, 10_000_000)));
    for _ in 0..3_000 {
        send_as(&mut rig, b"8", "report");
        rig.sent();
    }
    for number in 2..12 {
        rig.feed(&format!("35=2|34={number}|7={number}|16=0|"));
    }
    let at_once = rig.sent().len() as u32;
    assert!((limits::RESEND_BATCH_MAX..=limits::RESEND_BATCH_MAX + 10).contains(&at_once));
    let mut rounds = 1;
    while rig.session.is_resending() {
        rig.tick_after(1);
        assert!(rig.sent().len() as u32 <= limits::RESEND_BATCH_MAX);
        rounds += 1;
        assert!(rounds < 20);
    }
    assert!(rounds >= 3_000 / limits::RESEND_BATCH_MAX);
}

#[test]
fn many_orders_that_are_withheld_do_not_hold_the_session_up_for_long() {
    let mut rig = with_store(Role::Initiator, ResendPolicy::NOTHING);
    rig.session.set_sent_store(Box::new(MemoryStore::new(10_000, 10_000_000)));
    for _ in 2..=5_001 {
        send_as(&mut rig, b"D", "order");
        rig.sent();
    }
    rig.events();
    rig.feed("35=2|34=2|7=2|16=0|");
    let mut sent = rig.sent();
    while rig.session.is_resending() {
        rig.tick_after(1);
        sent.extend(rig.sent());
    }
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert!(sent.iter().all(|one| one.starts_with("35=4|")), "{sent:?}");
    let withheld: u32 = rig
        .events()
        .iter()
        .map(|event| match event {
            SessionEvent::Withheld { messages, .. } => *messages,
            _ => 0,
        })
        .sum();
    assert_eq!(withheld, 5_000);
}

#[test]
fn what_was_sent_before_a_reset_is_never_replayed() {
    let mut rig = with_store(Role::Acceptor, ResendPolicy::EVERYTHING);
    send_as(&mut rig, b"8", "old");
    rig.feed("35=A|34=1|98=0|108=30|141=Y|");
    rig.sent();
    rig.feed("35=2|34=2|7=1|16=0|");
    assert!(rig.sent()[0].ends_with("36=2|123=Y|"));
}

#[test]
fn a_resend_that_does_not_fit_goes_on_when_there_is_room_and_nothing_stands_inside_it() {
    let mut rig = with_store(Role::Acceptor, ResendPolicy::EVERYTHING);
    rig.out = Outbox::with_capacity(limits::OUTBOX_ADMIN_BYTES + 2_000);
    for _ in 0..40 {
        send_as(&mut rig, b"8", "report");
        rig.sent();
    }
    rig.feed("35=2|34=2|7=2|16=0|");
    assert!(rig.session.is_resending());
    let mut numbers = Vec::new();
    let mut rounds = 0;
    while rig.session.is_resending() {
        assert_eq!(rig.send("live"), Err(SendError::OutboxFull));
        numbers.extend(rig.sent());
        assert!(rig.session.next_deadline() <= rig.now.plus_nanos(limits::RESEND_PERIOD_NS));
        rig.tick_after(1);
        rounds += 1;
    }
    assert!(rounds > 1);
    numbers.extend(rig.sent());
    let expected: Vec<String> = (2..42).map(|number| format!("35=8|34={number}|43=Y|")).collect();
    assert_eq!(numbers.len(), expected.len());
    assert!(numbers.iter().zip(&expected).all(|(sent, start)| sent.starts_with(start)));
    assert_eq!(rig.send("live"), Ok(42));
}

#[test]
fn a_request_while_another_is_answered_is_answered_with_what_is_left() {
    let mut rig = with_store(Role::Acceptor, ResendPolicy::EVERYTHING);
    rig.out = Outbox::with_capacity(limits::OUTBOX_ADMIN_BYTES + 1_000);
    for _ in 0..30 {
        send_as(&mut rig, b"8", "report");
        rig.sent();
    }
    rig.feed("35=2|34=2|7=2|16=20|");
    let mut sent = rig.sent();
    rig.feed("35=2|34=3|7=15|16=31|");
    while rig.session.is_resending() {
        sent.extend(rig.sent());
        rig.tick_after(1);
    }
    sent.extend(rig.sent());
    for number in 2..=31 {
        let start = format!("35=8|34={number}|43=Y|");
        assert!(sent.iter().any(|one| one.starts_with(&start)), "{number}");
    }
}

#[test]
fn a_gap_can_be_asked_for_in_chunks_and_the_last_is_open() {
    for by_gap_fill in [false, true] {
        both_with(
            |config| {
                config.resend_chunk = 5;
                config.hold_bytes = 10_000;
            },
            |mut rig| {
                rig.feed("35=0|34=2|");
                rig.feed("35=0|34=3|");
                rig.feed("35=0|34=15|");
                assert_eq!(rig.sent(), ["35=2|34=2|7=4|16=8|"]);
                // A gap fill may name the last number of the chunk as the next; messages may not.
                if by_gap_fill {
                    rig.feed("35=4|34=4|43=Y|36=8|123=Y|");
                    assert_eq!(rig.sent(), ["35=2|34=3|7=8|16=12|"]);
                    rig.feed("35=4|34=8|43=Y|36=13|123=Y|");
                } else {
                    for number in 4..13 {
                        rig.feed(&format!("35=0|34={number}|43=Y|122=20260407-14:32:00|"));
                        if number == 8 {
                            assert_eq!(rig.sent(), ["35=2|34=3|7=9|16=13|"]);
                        } else {
                            assert_eq!(rig.sent(), [""; 0], "{number}");
                        }
                    }
                }
                let asked = rig.sent();
                if by_gap_fill {
                    assert_eq!(asked, ["35=2|34=4|7=13|16=0|"]);
                }
                rig.feed("35=4|34=13|43=Y|36=15|123=Y|");
                rig.sent();
                assert_eq!(drain(&mut rig), [Received::Admin]);
                assert_eq!(rig.session.next_in(), 16);
            },
        );
    }
}

#[test]
fn a_message_that_came_too_early_is_given_back_in_its_turn_and_only_once() {
    both_with(
        |config| config.hold_bytes = 10_000,
        |mut rig| {
            rig.feed("35=8|34=3|11=c|");
            rig.feed("35=1|34=4|112=T|");
            rig.feed("35=8|34=3|11=again|");
            assert_eq!(rig.sent(), ["35=2|34=2|7=2|16=0|"]);
            assert_eq!(drain(&mut rig), []);
            assert_eq!(rig.feed("35=8|34=2|11=b|"), Received::Application);
            assert_eq!(drain(&mut rig), [Received::Application, Received::Admin]);
            assert_eq!(rig.sent(), ["35=0|34=3|112=T|"]);
            // The resend goes on: what was held comes again and is known.
            let again = "35=8|34=3|43=Y|122=20260407-14:32:00|11=c|";
            assert_eq!(rig.feed(again), Received::Ignored);
            assert_eq!(rig.session.next_in(), 5);
        },
    );
}

#[test]
fn a_resend_request_that_came_too_early_is_answered_once_and_its_number_is_used() {
    both_with(
        |config| config.hold_bytes = 10_000,
        |mut rig| {
            rig.feed("35=2|34=3|7=1|16=0|");
            assert_eq!(rig.sent().len(), 2, "the answer and our own request");
            rig.feed("35=0|34=2|");
            assert_eq!(drain(&mut rig), []);
            assert_eq!((rig.sent().len(), rig.session.next_in()), (0, 4));
        },
    );
}

#[test]
fn a_gap_fill_that_reaches_past_what_was_held_is_followed() {
    both_with(
        |config| config.hold_bytes = 10_000,
        |mut rig| {
            rig.feed("35=0|34=4|");
            rig.feed("35=0|34=2|43=Y|122=20260407-14:32:00|");
            rig.feed("35=0|34=3|43=Y|122=20260407-14:32:00|");
            assert_eq!(drain(&mut rig), [Received::Admin]);
            assert_eq!(rig.session.next_in(), 5);
            // 4 is an admin message for the peer: it skips to 7.
            rig.feed("35=4|34=4|43=Y|122=20260407-14:32:00|36=7|123=Y|");
            assert_eq!(rig.session.next_in(), 7);
            // Another old gap fill is a duplicate as ever.
            rig.feed("35=4|34=2|43=Y|122=20260407-14:32:00|36=70|123=Y|");
            assert_eq!(rig.session.next_in(), 7);
        },
    );
}

#[test]
fn what_does_not_fit_the_held_messages_is_dropped_and_comes_with_the_resend() {
    both_with(
        |config| config.hold_bytes = 100,
        |mut rig| {
            rig.feed("35=8|34=3|11=c|");
            rig.feed("35=8|34=4|11=d|");
            rig.feed("35=8|34=2|11=b|");
            assert_eq!(drain(&mut rig), [Received::Application]);
            assert_eq!(rig.session.next_in(), 4);
            assert_eq!(rig.feed("35=8|34=4|43=Y|122=20260407-14:32:00|"), Received::Application);
        },
    );
}

#[test]
fn the_room_for_held_messages_is_free_again_after_every_gap_of_a_connection() {
    both_with(
        |config| config.hold_bytes = 1000,
        |mut rig| {
            for gap in 0..50 {
                let next = rig.session.next_in();
                rig.feed(&format!("35=8|34={}|11=early|", next + 1));
                assert_eq!(rig.feed(&format!("35=8|34={next}|11=late|")), Received::Application);
                assert_eq!(drain(&mut rig), [Received::Application], "gap {gap}");
                rig.sent();
            }
        },
    );
}

#[test]
fn a_message_with_a_fault_that_came_too_early_is_not_held_but_rejected_when_it_comes_again() {
    both_with(
        |config| config.hold_bytes = 10_000,
        |mut rig| {
            // Only who took a field out of the bytes knows that they had a fault.
            let feed_with_fault = |rig: &mut Rig, fields: &str| {
                let bytes = fix(&rig.complete(fields));
                with_message(&bytes, |message| {
                    let fault = |_: &Message<'_>| Some(Fault { reason: 0, tag: None });
                    rig.session.received_checked(message, rig.now, &mut rig.out, fault)
                })
            };
            feed_with_fault(&mut rig, "35=8|34=3|11=c|");
            rig.feed("35=8|34=4|11=d|");
            assert_eq!(rig.sent(), ["35=2|34=2|7=2|16=0|"]);
            assert_eq!(rig.feed("35=8|34=2|11=b|"), Received::Application);
            assert_eq!(drain(&mut rig), []);
            let again = "35=8|34=3|43=Y|122=20260407-14:32:00|11=c|";
            assert_eq!(feed_with_fault(&mut rig, again), Received::Ignored);
            assert_eq!(rig.sent(), ["35=3|34=3|45=3|58=Invalid tag number|372=8|373=0|"]);
            assert_eq!(drain(&mut rig), [Received::Application]);
        },
    );
}

#[test]
fn what_is_sent_again_after_the_clock_was_set_back_was_not_first_sent_later() {
    for role in [Role::Initiator, Role::Acceptor] {
        let mut rig = with_store(role, ResendPolicy::REPORTS);
        send_as(&mut rig, b"8", "a");
        rig.sent();
        rig.now = UtcTime(rig.now.0 - 1_000_000_000);
        rig.feed("35=2|34=2|7=2|16=2|");
        let again = "35=8|34=2|43=Y|122=20260407-14:32:00.000|11=a|354=3|355=a\x01b|";
        assert_eq!(rig.sent(), [again]);
    }
}

#[test]
fn a_peer_that_asks_for_a_long_gap_chunk_by_chunk_is_no_storm() {
    const MISSED: u64 = 900;
    let mut link = Link::new_with(false, |config| {
        config.resend_policy = ResendPolicy::EVERYTHING;
        config.resend_chunk = 2;
    });
    link.ends[0].session.set_sent_store(Box::new(MemoryStore::new(1000, 1_000_000)));
    let carry_both = |link: &mut Link| {
        link.carry(0, usize::MAX);
        link.carry(1, usize::MAX);
    };
    link.connect();
    for _ in 0..2 {
        carry_both(&mut link);
    }
    for _ in 0..MISSED {
        let now = link.now;
        link.ends[0].send(now);
        link.ends[0].out.consume(usize::MAX);
    }
    link.cut();
    link.connect();
    // Two messages a turn.
    for _ in 0..MISSED {
        carry_both(&mut link);
        link.tick(1);
    }
    assert!(link.connected, "{:?}", link.ends[0].session.next_event());
    assert_eq!(link.ends[1].delivered.len() as u64, MISSED);
}

proptest! {
    #[test]
    fn a_memory_store_keeps_the_newest_and_gives_back_what_was_kept(
        steps in prop::collection::vec((1u64..4, 1usize..40, prop::bool::weighted(0.05)), 0..120),
    ) {
        let (messages, bytes) = (8, 100);
        let mut store = MemoryStore::new(messages, bytes);
        let mut model: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let (mut number, mut epoch) = (0, 0);
        for (step, len, reset) in steps {
            if reset {
                epoch += 1;
                store.reset(epoch);
                model.clear();
                number = 0;
            }
            number += step;
            let message = vec![number as u8; len];
            store.keep(epoch, number, &message);
            model.insert(number, message);
            let mut into = [0; 64];
            let kept: Vec<u64> =
                model.keys().copied().filter(|n| store.next_kept(epoch, *n, *n).is_some()).collect();
            // What is kept is the newest, without holes, and unchanged.
            prop_assert_eq!(kept.last(), Some(&number));
            prop_assert!(kept.len() <= messages);
            let newest: Vec<u64> = model.keys().copied().rev().take(kept.len()).collect();
            prop_assert!(kept.iter().rev().eq(newest.iter()));
            for n in &kept {
                let len = store.load(epoch, *n, &mut into).unwrap();
                prop_assert_eq!(&into[..len], &model[n][..]);
            }
            prop_assert_eq!(store.next_kept(epoch + 1, 0, u64::MAX), None);
            prop_assert_eq!(store.next_kept(epoch, number + 1, u64::MAX), None);
        }
    }
}
