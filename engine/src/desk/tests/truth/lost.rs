//! Reports that are lost: what the venue's silence is worth then.

use super::*;

const VOIDED: EventKind = EventKind::Session(SessionEvent::Voided { from: 7, to: 9 });

/// A market without status requests; an order that is live and one that nobody has answered.
fn without_status_requests() -> (Fixture, [OrderHandle; 2]) {
    let mut fixture = Fixture::started();
    fixture.desk.core.truth =
        Truth::new(Recovery { status_requests: false, ..Recovery::default() });
    fixture.desk.core.truth.on_up(1, UtcTime(0));
    let (open, _) = fixture.live();
    let (silent, _) = fixture.buy();
    fixture.send();
    (fixture, [open, silent])
}

/// Both were asked about by a mass cancel, not taken for what silence would show.
fn are_swept(fixture: &mut Fixture, orders: [OrderHandle; 2]) {
    let (_, last) = sweep(&fixture.send());
    fixture.refuse(last, b'F', UNKNOWN);
    assert_eq!(orders.map(|order| fixture.state(order)), [OrderState::Gone; 2]);
    assert_eq!(told(fixture).0, [(OrderState::Gone, Proof::Swept); 2]);
}

#[test]
fn silence_shows_nothing_where_the_venue_has_declared_numbers_void_that_may_have_been_reports() {
    let (mut fixture, orders) = without_status_requests();
    fixture.down();
    fixture.event(TRADING, VOIDED);
    fixture.up_again(TRADING, 1, 2);
    are_swept(&mut fixture, orders);
    // What was lost is over with that.
    let (open, _) = fixture.live();
    fixture.down();
    fixture.up_again(TRADING, 1, 3);
    let kinds = fixture.send();
    assert_eq!(kinds.len(), 1, "only the marker: {kinds:?}");
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    assert_eq!(fixture.state(open), OrderState::New);
}

#[test]
fn silence_shows_nothing_as_long_as_what_was_lost_before_an_earlier_drop_is_not_made_up_for() {
    for is_reset in [false, true] {
        let (mut fixture, orders) = without_status_requests();
        fixture.down();
        let epoch = if is_reset { 2 } else { 1 };
        if !is_reset {
            fixture.event(TRADING, VOIDED);
        }
        fixture.up_again(TRADING, epoch, 2);
        fixture.down();
        fixture.kinds();
        fixture.up_again(TRADING, epoch, 3);
        are_swept(&mut fixture, orders);
    }
}

#[test]
fn a_report_that_is_lost_while_the_answers_are_awaited_takes_its_meaning_from_silence() {
    let (mut fixture, orders) = without_status_requests();
    fixture.down();
    fixture.up_again(TRADING, 1, 2);
    let kinds = fixture.send();
    assert_eq!(kinds.len(), 1, "only the marker: {kinds:?}");
    fixture.event(TRADING, VOIDED);
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    are_swept(&mut fixture, orders);
}

#[test]
fn silence_shows_nothing_of_the_orders_of_an_earlier_run_that_ended_before_it_made_up_for_a_loss() {
    for is_lossy in [false, true] {
        let mut fixture = Fixture::new();
        fixture.up(MD);
        fixture.event(MD, EventKind::Instrument { id: ID, instrument: facts() });
        let sent = FromJournal::Sent(NewOrder {
            cl_ord_id: ClOrdId::numeric(9).unwrap(),
            instrument: ID,
            side: Side::Buy,
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::Gtc,
            qty: Qty(10),
            px: Some(Px(1_000)),
            stop_px: None,
            watches: Watches::LastTrade,
            post_only: false,
            self_trade: None,
        });
        let end = FromJournal::End { epoch: 1, unreadable: 0, is_lossy, first_kept: None };
        for told in [sent, end] {
            fixture.event(TRADING, EventKind::FromJournal(told));
        }
        let order = fixture.desk.orders().live_at(0).unwrap().handle;
        fixture.kinds();
        fixture.up(TRADING);
        let kinds = fixture.send();
        assert_eq!(kinds.len(), 1 + usize::from(is_lossy), "{kinds:?}");
        fixture.refuse(marker(&kinds), b'F', UNKNOWN);
        let expected = if is_lossy { OrderState::Gone } else { OrderState::Withdrawn };
        assert_eq!(fixture.state(order), expected);
    }
}

#[test]
fn numbers_that_are_declared_void_while_the_session_is_up_leave_every_order_in_doubt() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.live();
    fixture.event(MD, VOIDED);
    assert_eq!((fixture.state(order), fixture.kinds()), (OrderState::New, vec![]));
    fixture.event(TRADING, VOIDED);
    assert_eq!(fixture.state(order), OrderState::Uncertain);
    let kinds = fixture.send();
    assert_eq!(status_requests(&kinds), [id]);
    let filled = Report {
        cum_qty: Qty(10),
        gross: Some(10 * 999),
        ..report(id, ExecType::OrderStatus, OrdStatus::Filled)
    };
    fixture.event(TRADING, EventKind::Report(filled));
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    assert_eq!(told(&fixture), (vec![(OrderState::Filled, Proof::Told)], 0, 1));
    assert_eq!(fixture.ctx().position(ID).qty, 10);
}
