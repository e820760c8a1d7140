//! What became of the orders after a drop.

mod lost;
mod sweeps;

use super::*;
use crate::command::{CancelScope, NewOrder, StatusRequest, Watches};
use crate::desk::truth::Truth;
use crate::event::Alarm;
use crate::limits::{RECONCILE_AGAIN_NS, RECONCILE_ROUNDS_MAX};
use crate::order::Proof;
use crate::risk::venue_rate::{BucketSize, Tier};
use crate::risk::{TokenCosts, VenueRateRule};
use crate::session::SessionEvent;

const UNKNOWN: u32 = 101;

/// The marker: a cancel that names itself.
fn marker(kinds: &[CommandKind]) -> ClOrdId {
    match kinds.last() {
        Some(CommandKind::Cancel(cancel)) if cancel.cl_ord_id == cancel.orig_cl_ord_id => {
            cancel.cl_ord_id
        }
        other => panic!("no marker: {other:?}"),
    }
}

fn status_requests(kinds: &[CommandKind]) -> Vec<ClOrdId> {
    let request = |kind: &CommandKind| match kind {
        CommandKind::Status(StatusRequest { cl_ord_id, .. }) => Some(*cl_ord_id),
        _ => None,
    };
    kinds.iter().filter_map(request).collect()
}

fn told(fixture: &Fixture) -> (Vec<(OrderState, Proof)>, u32, u32) {
    let (orders, unresolved, rounds) =
        fixture.desk.strategy().reconciled.last().expect("it is told");
    let orders = orders.iter().map(|one| (one.state, one.proof)).collect();
    (orders, *unresolved, *rounds)
}

#[test]
fn after_a_reset_each_order_is_asked_about_and_the_strategy_hears_of_all_at_once() {
    let mut fixture = Fixture::started();
    let (open, open_id) = fixture.live();
    let (gone, gone_id) = fixture.live();
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    let kinds = fixture.send();
    assert_eq!(status_requests(&kinds), [open_id, gone_id]);
    let marker = marker(&kinds);
    assert_eq!(fixture.ctx().buy(ID, Qty(1), Px(1_000)), Err(Refusal::Reconciling));
    let status = report(open_id, ExecType::OrderStatus, OrdStatus::New);
    fixture.event(TRADING, EventKind::Report(status));
    fixture.refuse(gone_id, b'H', UNKNOWN);
    assert_eq!((fixture.state(open), fixture.state(gone)), (OrderState::New, OrderState::Gone));
    assert!(fixture.desk.strategy().reconciled.is_empty() && !fixture.desk.is_reconciled());
    fixture.refuse(marker, b'F', UNKNOWN);
    let expected = vec![(OrderState::New, Proof::Told), (OrderState::Gone, Proof::NotThere)];
    assert_eq!(told(&fixture), (expected, 0, 1));
    assert!(fixture.desk.is_reconciled());
    assert!(fixture.ctx().buy(ID, Qty(1), Px(1_000)).is_ok());
    let stats = fixture.desk.stats();
    assert_eq!((stats.unknown_refusals, stats.disagreements, stats.gone), (0, 0, 1));
}

#[test]
fn a_status_answer_brings_the_fills_that_were_lost_into_the_position() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.live();
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    fixture.send();
    let filled = Report {
        cum_qty: Qty(10),
        gross: Some(10 * 999),
        ..report(id, ExecType::OrderStatus, OrdStatus::Filled)
    };
    fixture.event(TRADING, EventKind::Report(filled));
    assert_eq!(fixture.state(order), OrderState::Filled);
    let position = fixture.ctx().position(ID);
    assert_eq!((position.qty, position.cash, position.recovered), (10, -9_990, 10));
}

#[test]
fn where_the_numbers_go_on_silence_tells_what_no_status_request_can() {
    let mut fixture = Fixture::started();
    fixture.desk.core.truth =
        Truth::new(Recovery { status_requests: false, ..Recovery::default() });
    fixture.desk.core.truth.on_up(1, UtcTime(0));
    let (open, _) = fixture.live();
    let (lost, _) = fixture.buy();
    fixture.send();
    fixture.down();
    fixture.up_again(TRADING, 1, 2);
    let kinds = fixture.send();
    assert_eq!(kinds.len(), 1, "only the marker: {kinds:?}");
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    let (open, lost) = (fixture.state(open), fixture.state(lost));
    assert_eq!((open, lost), (OrderState::New, OrderState::Withdrawn));
    let expected =
        [(OrderState::New, Proof::Replayed), (OrderState::Withdrawn, Proof::NeverArrived)];
    let (mut orders, unresolved, _) = told(&fixture);
    orders.sort_by_key(|(state, _)| *state == OrderState::Withdrawn);
    assert_eq!((orders, unresolved), (expected.to_vec(), 0));
    assert_eq!(fixture.desk.stats().gone, 0, "it is known how both stand");
}

/// The mass cancel, and the marker behind it.
fn sweep(kinds: &[CommandKind]) -> (ClOrdId, ClOrdId) {
    let [CommandKind::MassCancel(sweep), CommandKind::Cancel(_)] = kinds else {
        panic!("{kinds:?}")
    };
    (sweep.cl_ord_id, marker(kinds))
}

#[test]
fn a_cancel_that_reaches_earlier_connections_settles_an_order_for_itself() {
    let mut fixture = Fixture::started();
    fixture.desk.core.reach.cancel = crate::order::Scope::SenderCompId;
    let (order, id) = fixture.buy();
    fixture.send();
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    let kinds = fixture.send();
    let [CommandKind::Cancel(cancel), CommandKind::Cancel(_)] = kinds[..] else {
        panic!("{kinds:?}")
    };
    assert_eq!(cancel.orig_cl_ord_id, id);
    fixture.refuse(cancel.cl_ord_id, b'F', UNKNOWN);
    assert_eq!(fixture.state(order), OrderState::Gone);
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    assert_eq!(told(&fixture), (vec![(OrderState::Gone, Proof::NotThere)], 0, 1));
}

#[test]
fn what_may_not_be_cancelled_and_cannot_be_asked_about_stays_uncertain_and_is_told_so() {
    let mut fixture = Fixture::started();
    fixture.desk.core.truth = Truth::new(Recovery { may_cancel: false, ..Recovery::default() });
    fixture.desk.core.truth.on_up(1, UtcTime(0));
    let (order, _) = fixture.buy();
    fixture.send();
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    let kinds = fixture.send();
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    assert_eq!(told(&fixture), (vec![], 1, 1));
    assert_eq!(fixture.state(order), OrderState::Uncertain);
    assert_eq!(fixture.desk.orders().open_qty(ID), [10, 0], "it counts as open");
    assert!(fixture.ctx().cancel(order).is_ok(), "and is within reach");
}

#[test]
fn a_market_without_status_requests_is_found_out_and_asked_in_another_way() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.live();
    fixture.down();
    fixture.up_again(TRADING, 1, 2);
    let kinds = fixture.send();
    fixture.refuse(id, b'H', 3);
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    assert_eq!(fixture.state(order), OrderState::Uncertain);
    let kinds = fixture.send();
    assert_eq!(status_requests(&kinds), []);
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    assert_eq!(told(&fixture), (vec![(OrderState::New, Proof::Replayed)], 0, 2));
}

#[test]
fn a_question_without_an_answer_is_asked_again_at_the_deadline_and_from_time_to_time_after_that() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.live();
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    let ask = |fixture: &mut Fixture| {
        let kinds = fixture.send();
        assert_eq!(status_requests(&kinds), [id]);
        fixture.refuse(marker(&kinds), b'F', UNKNOWN);
        fixture.wait(4_999);
        assert_eq!(fixture.send(), [], "its answer may still come");
    };
    let alarms = |fixture: &Fixture| fixture.desk.stats().alarms;
    for round in 1..=u64::from(RECONCILE_ROUNDS_MAX) {
        ask(&mut fixture);
        assert_eq!(fixture.ctx().buy(ID, Qty(1), Px(1_000)), Err(Refusal::Reconciling));
        fixture.wait(1);
        let alarm = Alarm::Unresolved { orders: 1 };
        let alarm = SessionUpdate::Alarm { session: TRADING, alarm };
        assert_eq!(fixture.desk.strategy().sessions.last(), Some(&alarm));
        assert_eq!(alarms(&fixture), round);
    }
    assert_eq!(told(&fixture), (vec![], 1, RECONCILE_ROUNDS_MAX));
    assert!(fixture.desk.is_reconciled());
    for late in 1..=3 {
        fixture.wait(RECONCILE_AGAIN_NS / 1_000_000 - 1);
        assert_eq!(fixture.kinds(), [], "slowly");
        fixture.wait(1);
        assert_eq!(alarms(&fixture), u64::from(RECONCILE_ROUNDS_MAX) + late, "it is told again");
        ask(&mut fixture);
        let replaced = fixture.ctx().replace(order, Qty(10), Px(1_000));
        assert_ne!(replaced, Err(Refusal::Reconciling), "nobody waits for it");
        fixture.wait(1);
    }
    assert_eq!(fixture.desk.strategy().reconciled.len(), 1, "nothing is known that was not");
    fixture.wait(RECONCILE_AGAIN_NS / 1_000_000);
    let last = marker(&fixture.send());
    fixture.event(TRADING, EventKind::Report(report(id, ExecType::OrderStatus, OrdStatus::New)));
    fixture.refuse(last, b'F', UNKNOWN);
    assert_eq!(fixture.state(order), OrderState::New);
    let rounds = RECONCILE_ROUNDS_MAX + 4;
    assert_eq!(told(&fixture), (vec![(OrderState::New, Proof::Told)], 0, rounds));
    assert_eq!(fixture.desk.next_timer(), None);
}

#[test]
fn a_report_that_comes_after_the_last_round_settles_its_order_and_nothing_is_asked_any_more() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.live();
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    give_up(&mut fixture, |_, _| {});
    let canceled = report(id, ExecType::Canceled, OrdStatus::Canceled);
    fixture.event(TRADING, EventKind::Report(canceled));
    assert_eq!(fixture.state(order), OrderState::Canceled);
    let alarms = fixture.desk.stats().alarms;
    fixture.wait(RECONCILE_AGAIN_NS / 1_000_000);
    assert_eq!((fixture.kinds(), fixture.desk.stats().alarms), (vec![], alarms));
    assert_eq!(fixture.desk.next_timer(), None);
}

/// All rounds without an answer but to the marker; what is sent in each is shown to `see`.
fn give_up(fixture: &mut Fixture, see: impl Fn(&mut Fixture, &[CommandKind])) {
    for _ in 0..RECONCILE_ROUNDS_MAX {
        let kinds = fixture.send();
        see(fixture, &kinds);
        fixture.refuse(marker(&kinds), b'F', UNKNOWN);
        fixture.wait(5_000);
    }
    assert!(fixture.desk.is_reconciled());
}

#[test]
fn an_alarm_tells_of_orders_that_stay_uncertain_while_the_session_is_down() {
    let mut fixture = Fixture::started();
    fixture.live();
    fixture.live();
    fixture.down();
    let alarms = |fixture: &Fixture| fixture.desk.stats().alarms;
    fixture.wait(4_999);
    assert_eq!(alarms(&fixture), 0);
    fixture.wait(1);
    assert_eq!(alarms(&fixture), 1);
    fixture.wait(5_000);
    assert_eq!(alarms(&fixture), 2, "and again");
}

#[test]
fn a_marker_that_does_not_leave_is_sent_again_at_the_deadline() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.live();
    fixture.down();
    fixture.up_again(TRADING, 1, 2);
    let cl_ord_id = marker(&fixture.kinds());
    fixture.event(TRADING, EventKind::Withdrawn { cl_ord_id, reason: WithdrawReason::OutboxFull });
    assert_eq!(fixture.kinds(), []);
    fixture.wait(5_000);
    let kinds = fixture.send();
    assert_eq!(status_requests(&kinds), [id]);
    let status = report(id, ExecType::OrderStatus, OrdStatus::New);
    fixture.event(TRADING, EventKind::Report(status));
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    assert_eq!(fixture.state(order), OrderState::New);
    assert_eq!(told(&fixture).2, 2);
}

#[test]
fn the_answer_to_a_marker_that_comes_after_a_further_drop_is_ours_and_settles_nothing() {
    let mut fixture = Fixture::started();
    let (order, _) = fixture.live();
    fixture.down();
    fixture.up_again(TRADING, 1, 2);
    let first = marker(&fixture.send());
    fixture.down();
    fixture.refuse(first, b'F', UNKNOWN);
    fixture.up_again(TRADING, 1, 3);
    let second = marker(&fixture.send());
    fixture.refuse(first, b'F', UNKNOWN);
    assert_eq!(fixture.state(order), OrderState::Uncertain);
    assert!(!fixture.desk.is_reconciled());
    fixture.refuse(second, b'F', UNKNOWN);
    fixture.refuse(second, b'F', UNKNOWN);
    let stats = fixture.desk.stats();
    assert_eq!((stats.unknown_refusals, stats.refused_by_venue), (0, 0));
}

#[test]
fn an_order_in_doubt_for_a_report_that_could_not_be_read_is_asked_about_at_once() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.live();
    let alarm = Alarm::Unreadable {
        msg_type: b'8',
        tag: 150,
        cl_ord_id: Some(id),
        order_id: OrderId::EMPTY,
    };
    fixture.event(TRADING, EventKind::Alarm(alarm));
    let kinds = fixture.send();
    assert_eq!(status_requests(&kinds), [id]);
    let status = report(id, ExecType::OrderStatus, OrdStatus::New);
    fixture.event(TRADING, EventKind::Report(status));
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    assert_eq!(fixture.state(order), OrderState::New);
    assert_eq!(told(&fixture), (vec![(OrderState::New, Proof::Told)], 0, 1));
}

#[test]
fn a_second_drop_while_asking_starts_anew_and_is_told_once() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.live();
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    fixture.send();
    fixture.down();
    fixture.up_again(TRADING, 3, 3);
    let kinds = fixture.send();
    assert_eq!(status_requests(&kinds), [id]);
    let status = report(id, ExecType::OrderStatus, OrdStatus::New);
    fixture.event(TRADING, EventKind::Report(status));
    fixture.refuse(marker(&kinds), b'F', UNKNOWN);
    assert_eq!(fixture.state(order), OrderState::New);
    assert_eq!(fixture.desk.strategy().reconciled.len(), 1);
}

#[test]
fn orders_of_an_earlier_run_are_cancelled_before_the_start_if_so_configured() {
    let nanos = Arc::new(AtomicU64::new(1_000_000));
    let recovery = Recovery { cancel_at_start: true, ..Recovery::default() };
    let config = DeskConfig { recovery, ..config() };
    let desk = Desk::new(&config, Clock::virtual_at(nanos.clone()), Recorder::default()).unwrap();
    let mut fixture = Fixture { desk, nanos };
    fixture.up(TRADING);
    let kinds = fixture.send();
    let [CommandKind::MassCancel(sweep)] = kinds[..] else { panic!("{kinds:?}") };
    assert_eq!(sweep.scope, CancelScope::SenderCompId);
    // Whether it arrived is not known after a drop.
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    assert!(matches!(fixture.send()[..], [CommandKind::MassCancel(_)]));
    fixture.up(MD);
    fixture.event(MD, EventKind::Instrument { id: ID, instrument: facts() });
    fixture.snapshot();
    let kinds = fixture.send();
    let cancels: Vec<_> =
        kinds.into_iter().filter(|kind| matches!(kind, CommandKind::Cancel(_))).collect();
    assert_eq!(fixture.desk.strategy().starts, 0, "not before it is known that they are gone");
    // An order of the earlier run is cancelled; it is not ours to track.
    let theirs = report(ClOrdId::numeric(7).unwrap(), ExecType::Canceled, OrdStatus::Canceled);
    fixture.event(TRADING, EventKind::Report(theirs));
    fixture.refuse(marker(&cancels), b'F', UNKNOWN);
    assert_eq!(told(&fixture), (vec![], 0, 2));
    assert_eq!((fixture.desk.strategy().starts, fixture.desk.stats().unknown_reports), (1, 1));
    // Once: a later drop cancels nothing that can be asked about.
    let (_, id) = fixture.live();
    fixture.down();
    fixture.up_again(TRADING, 3, 3);
    let kinds = fixture.send();
    assert_eq!((kinds.len(), status_requests(&kinds)), (2, vec![id]));
}

#[test]
fn a_marker_takes_a_cancels_tokens_on_derivatives_and_no_points_on_spot() {
    let costs = TokenCosts { cancel: 7, ..TokenCosts::default() };
    let derivatives = VenueRateRule::Derivatives { size: BucketSize::default(), costs };
    let (tier, cancels_limited, mass_cancel_points) = (Tier::PRO, true, true);
    let spot = VenueRateRule::Spot { tier, cancels_limited, mass_cancel_points };
    for (rule, cost) in [(derivatives, 7), (spot, 0)] {
        let venue_rate = VenueRate { rule, reserve: 0, holds_cancels: true };
        let mut fixture = Fixture::with(&DeskConfig { venue_rate, ..config() });
        let (_, id) = fixture.live();
        let now = fixture.desk.core.clock.now();
        let room = |fixture: &Fixture| fixture.desk.risk().mirror().room(ID, now).unwrap();
        let before = room(&fixture);
        fixture.down();
        fixture.up_again(TRADING, 2, 2);
        let kinds = fixture.send();
        assert_eq!(status_requests(&kinds), [id], "which costs nothing");
        marker(&kinds);
        assert_eq!(before - room(&fixture), cost);
    }
}
