//! Mass cancels that are to settle orders, and what one shows that came to nothing.

use super::*;

/// By which ways a mass cancel comes to nothing.
fn failures(sweep: ClOrdId) -> [EventKind; 4] {
    let business = VenueRefusal {
        cl_ord_id: Some(sweep),
        ref_msg_type: b'q',
        ref_seq_num: 0,
        layer: RefusalLayer::Business,
        reason: Some(0),
        text: FixStr::EMPTY,
    };
    let unnamed = VenueRefusal { cl_ord_id: None, layer: RefusalLayer::Session, ..business };
    let bare = VenueRefusal { ref_msg_type: 0, ..unnamed };
    let reason = WithdrawReason::OutboxFull;
    [
        EventKind::Refused(business),
        EventKind::Refused(unnamed),
        EventKind::Refused(bare),
        EventKind::Withdrawn { cl_ord_id: sweep, reason },
    ]
}

#[test]
fn a_mass_cancel_that_came_to_nothing_settles_no_order_and_is_sent_again_at_the_deadline() {
    for at in 0..4 {
        let mut fixture = Fixture::started();
        let (order, _) = fixture.buy();
        fixture.send();
        fixture.down();
        fixture.up_again(TRADING, 2, 2);
        let (first, last) = sweep(&fixture.kinds());
        let failure = failures(first)[at];
        fixture.event(TRADING, failure);
        fixture.on_wire(last);
        fixture.refuse(last, b'F', UNKNOWN);
        assert_eq!(fixture.state(order), OrderState::Uncertain, "{failure:?}");
        assert!(!fixture.desk.is_reconciled() && fixture.desk.stats().gone == 0);
        fixture.wait(4_999);
        assert_eq!(fixture.kinds(), [], "the venue may have no room for it yet");
        fixture.wait(1);
        let (_, last) = sweep(&fixture.send());
        fixture.refuse(last, b'F', UNKNOWN);
        assert_eq!(fixture.state(order), OrderState::Gone);
        assert_eq!(told(&fixture), (vec![(OrderState::Gone, Proof::Swept)], 0, 2));
    }
}

#[test]
fn orders_of_an_earlier_run_are_not_taken_for_cancelled_if_the_mass_cancel_came_to_nothing() {
    let recovery = Recovery { cancel_at_start: true, ..Recovery::default() };
    let config = DeskConfig { recovery, ..config() };
    for at in 0..4 {
        let mut fixture = Fixture::new();
        let clock = fixture.desk.core.clock.clone();
        fixture.desk = Desk::new(&config, clock, Recorder::default()).unwrap();
        fixture.up(MD);
        fixture.event(MD, EventKind::Instrument { id: ID, instrument: facts() });
        fixture.snapshot();
        fixture.kinds();
        fixture.up(TRADING);
        let (first, last) = sweep(&fixture.kinds());
        let failure = failures(first)[at];
        fixture.event(TRADING, failure);
        fixture.on_wire(last);
        fixture.refuse(last, b'F', UNKNOWN);
        assert_eq!(fixture.desk.strategy().starts, 0, "they may be open: {failure:?}");
        fixture.wait(5_000);
        let alarm = Alarm::Unresolved { orders: 0 };
        let alarm = SessionUpdate::Alarm { session: TRADING, alarm };
        assert!(fixture.desk.strategy().sessions.contains(&alarm));
        let (_, last) = sweep(&fixture.send());
        fixture.refuse(last, b'F', UNKNOWN);
        assert_eq!((fixture.desk.strategy().starts, told(&fixture)), (1, (vec![], 0, 2)));
    }
}

#[test]
fn the_start_waits_for_the_mass_cancel_of_an_earlier_runs_orders_however_often_it_fails() {
    let recovery = Recovery { cancel_at_start: true, ..Recovery::default() };
    let mut fixture = Fixture::new();
    let clock = fixture.desk.core.clock.clone();
    let config = DeskConfig { recovery, ..config() };
    fixture.desk = Desk::new(&config, clock, Recorder::default()).unwrap();
    fixture.up(MD);
    fixture.event(MD, EventKind::Instrument { id: ID, instrument: facts() });
    fixture.snapshot();
    fixture.kinds();
    fixture.up(TRADING);
    for round in 1..=2 * u64::from(RECONCILE_ROUNDS_MAX) {
        let (first, last) = sweep(&fixture.send());
        // By turns it is refused, and nothing is answered at all.
        if round % 2 == 0 {
            fixture.refuse(first, b'q', 0);
            fixture.refuse(last, b'F', UNKNOWN);
        }
        fixture.wait(5_000);
        assert_eq!((fixture.desk.strategy().starts, fixture.desk.stats().alarms), (0, round));
    }
    let (_, last) = sweep(&fixture.send());
    fixture.refuse(last, b'F', UNKNOWN);
    assert_eq!(fixture.desk.strategy().starts, 1);
    assert_eq!(fixture.desk.next_timer(), None);
}

#[test]
fn a_mass_cancel_before_the_start_is_sent_again_if_nothing_shows_that_it_was_answered() {
    let recovery = Recovery { cancel_at_start: true, ..Recovery::default() };
    let mut fixture = Fixture::new();
    let clock = fixture.desk.core.clock.clone();
    let config = DeskConfig { recovery, ..config() };
    fixture.desk = Desk::new(&config, clock, Recorder::default()).unwrap();
    fixture.up(MD);
    fixture.event(MD, EventKind::Instrument { id: ID, instrument: facts() });
    fixture.snapshot();
    fixture.kinds();
    fixture.up(TRADING);
    let (first, last) = sweep(&fixture.kinds());
    fixture.on_wire(first);
    let reason = WithdrawReason::OutboxFull;
    fixture.event(TRADING, EventKind::Withdrawn { cl_ord_id: last, reason });
    assert_eq!(fixture.desk.strategy().starts, 0);
    fixture.wait(5_000);
    let (_, last) = sweep(&fixture.send());
    fixture.refuse(last, b'F', UNKNOWN);
    assert_eq!(fixture.desk.strategy().starts, 1);
}

#[test]
fn an_order_that_was_never_acknowledged_is_swept_after_a_reset() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.buy();
    let (silent, _) = fixture.buy();
    fixture.send();
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    let kinds = fixture.send();
    let [CommandKind::MassCancel(sweep), CommandKind::Cancel(_)] = kinds[..] else {
        panic!("one mass cancel for both: {kinds:?}")
    };
    assert_eq!(sweep.scope, CancelScope::SenderCompId);
    let canceled = report(id, ExecType::Canceled, OrdStatus::Canceled);
    fixture.event(TRADING, EventKind::Report(canceled));
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    assert_eq!(fixture.state(order), OrderState::Canceled);
    assert_eq!(fixture.state(silent), OrderState::Gone);
    let expected = vec![(OrderState::Canceled, Proof::Told), (OrderState::Gone, Proof::Swept)];
    assert_eq!(told(&fixture), (expected, 0, 1));
}

#[test]
fn a_mass_cancel_after_the_last_round_takes_nothing_that_is_certain() {
    let mut fixture = Fixture::started();
    let (silent, _) = fixture.buy();
    fixture.send();
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    give_up(&mut fixture, |fixture, kinds| {
        let (first, _) = sweep(kinds);
        fixture.refuse(first, b'q', 0);
    });
    let (_, id) = fixture.live();
    fixture.wait(RECONCILE_AGAIN_NS / 1_000_000);
    let kinds = fixture.send();
    assert_eq!(kinds.len(), 1, "it would take the other order as well: {kinds:?}");
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    assert_eq!(fixture.state(silent), OrderState::Uncertain);
    let canceled = report(id, ExecType::Canceled, OrdStatus::Canceled);
    fixture.event(TRADING, EventKind::Report(canceled));
    fixture.wait(RECONCILE_AGAIN_NS / 1_000_000);
    let (_, last) = sweep(&fixture.send());
    fixture.refuse(last, b'F', UNKNOWN);
    assert_eq!(fixture.state(silent), OrderState::Gone);
    assert_eq!(told(&fixture).0, [(OrderState::Gone, Proof::Swept)]);
}
