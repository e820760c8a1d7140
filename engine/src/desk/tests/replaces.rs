//! Replaces of orders whose OrderID the venue has not told yet.

use super::*;
use crate::command::ReplaceOrder;
use crate::order::RequestKind;

/// The replaces among what is queued; the rest leaves.
fn replaces(fixture: &mut Fixture) -> Vec<ReplaceOrder> {
    let replace = |kind: &CommandKind| match kind {
        CommandKind::Replace(replace) => Some(*replace.get()),
        _ => None,
    };
    fixture.send().iter().filter_map(replace).collect()
}

/// How replaces ended that were held and did not leave.
fn ends(fixture: &Fixture) -> Vec<UpdateKind> {
    let is_end = |kind: &UpdateKind| {
        let request = RequestKind::Replace;
        matches!(kind, UpdateKind::ReplaceRefused { .. })
            || matches!(kind, UpdateKind::Withdrawn { request: of, .. } if *of == request)
    };
    fixture.desk.strategy().orders.iter().map(|update| update.kind).filter(is_end).collect()
}

fn withdrawn(reason: WithdrawReason) -> UpdateKind {
    UpdateKind::Withdrawn { request: RequestKind::Replace, reason }
}

fn acknowledge(fixture: &mut Fixture, id: ClOrdId) {
    fixture.event(TRADING, EventKind::Report(report(id, ExecType::New, OrdStatus::New)));
}

#[test]
fn replaces_before_the_acknowledgement_are_held_and_the_newest_leaves_with_it() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.buy();
    fixture.ctx().replace(order, Qty(20), Px(1_001)).unwrap();
    fixture.ctx().replace(order, Qty(15), Px(1_002)).unwrap();
    assert_eq!(replaces(&mut fixture), []);
    assert_eq!(fixture.desk.orders().open_qty(ID), [15, 0], "what is held counts");
    acknowledge(&mut fixture, id);
    assert_eq!(ends(&fixture), [withdrawn(WithdrawReason::Superseded)]);
    let [sent] = replaces(&mut fixture)[..] else { panic!("the newest leaves at once") };
    assert_eq!((sent.qty, sent.px, sent.orig_cl_ord_id), (Qty(15), Some(Px(1_002)), id));
    assert_eq!(Some(sent.order_id), fixture.ctx().order_state(order).map(|order| order.order_id));
    fixture.ctx().replace(order, Qty(12), Px(1_003)).unwrap();
    fixture.ctx().cancel(order).unwrap();
    let [next] = replaces(&mut fixture)[..] else { panic!("it chains to the first") };
    assert_eq!(next.orig_cl_ord_id, sent.cl_ord_id);
    let stats = fixture.desk.stats();
    assert_eq!((stats.replaces, stats.replaces_held, stats.replaces_dropped), (2, 2, 1));
}

#[test]
fn a_replace_that_is_held_ends_once_with_its_order_or_a_cancel_of_it() {
    let held = || {
        let mut fixture = Fixture::started();
        let (order, id) = fixture.buy();
        fixture.ctx().replace(order, Qty(20), Px(1_001)).unwrap();
        fixture.send();
        (fixture, order, id)
    };
    let (mut fixture, _, id) = held();
    fixture.refuse(id, b'D', 0);
    assert_eq!(ends(&fixture), [withdrawn(WithdrawReason::OrderEnded)]);
    let (mut fixture, order, id) = held();
    fixture.down();
    assert_eq!(ends(&fixture), [withdrawn(WithdrawReason::OrderUncertain)]);
    assert_eq!(fixture.desk.orders().open_qty(ID), [10, 0]);
    fixture.up_again(TRADING, 1, 2);
    acknowledge(&mut fixture, id);
    assert_eq!((replaces(&mut fixture), fixture.state(order)), (vec![], OrderState::New));
    let (mut fixture, order, id) = held();
    fixture.ctx().cancel(order).unwrap();
    acknowledge(&mut fixture, id);
    let refusal = Refusal::CancelPending;
    assert_eq!(ends(&fixture), [UpdateKind::ReplaceRefused { refusal }]);
    assert_eq!(replaces(&mut fixture), []);
    assert_eq!(fixture.desk.orders().held_replaces(), 0);
}

#[test]
fn a_replace_that_is_held_is_judged_when_it_is_asked_for_and_when_it_leaves() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.buy();
    let too_large = fixture.ctx().replace(order, Qty(1_000_000), Px(1_001));
    assert!(matches!(too_large, Err(Refusal::MaxOrderQty(_))), "{too_large:?}");
    fixture.ctx().replace(order, Qty(20), Px(1_001)).unwrap();
    fixture.send();
    fixture.desk.kill(crate::risk::KillCause::Operator);
    acknowledge(&mut fixture, id);
    let refusal = Refusal::Killed;
    assert_eq!(ends(&fixture), [UpdateKind::ReplaceRefused { refusal }]);
    assert_eq!(replaces(&mut fixture), []);
    assert_eq!(fixture.desk.orders().open_qty(ID), [10, 0]);
}

#[test]
fn a_replace_that_the_lane_has_no_room_for_stays_held_until_it_has() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.buy();
    fixture.send();
    fixture.ctx().replace(order, Qty(20), Px(1_001)).unwrap();
    while fixture.ctx().buy(ID, Qty(1), Px(1_000)).is_ok() {}
    acknowledge(&mut fixture, id);
    assert_eq!(fixture.desk.orders().held_replaces(), 1);
    assert_eq!(replaces(&mut fixture), []);
    fixture.wait(0);
    assert_eq!(replaces(&mut fixture).len(), 1);
    assert_eq!((fixture.desk.orders().held_replaces(), ends(&fixture)), (0, vec![]));
}
