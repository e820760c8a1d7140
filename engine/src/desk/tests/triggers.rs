//! Orders that wait for a trigger, from the strategy's call to the venue's report, and what takes them back.

use super::*;
use crate::command::{CancelScope, NewOrder, ReplaceOrder, Watches};
use crate::order::Rung;
use crate::risk::KillCause;
use crate::strategy::{OrderSpec, TriggerKind};

const QTY: Qty = Qty(10);

fn sent(fixture: &mut Fixture) -> NewOrder {
    let kinds = fixture.kinds();
    let [CommandKind::New(order)] = kinds[..] else { panic!("{kinds:?}") };
    *order.get()
}

fn amended(fixture: &mut Fixture) -> ReplaceOrder {
    let kinds = fixture.kinds();
    let [CommandKind::Replace(order)] = kinds[..] else { panic!("{kinds:?}") };
    *order.get()
}

/// The venue has it, as it was sent.
fn told(order: &NewOrder) -> Report {
    Report {
        side: order.side,
        ord_type: order.ord_type,
        px: order.px,
        stop_px: order.stop_px,
        ..report(order.cl_ord_id, ExecType::New, OrdStatus::New)
    }
}

/// A sell that is on the wire and at the venue.
fn waits(fixture: &mut Fixture, spec: OrderSpec) -> (OrderHandle, Report) {
    let handle = fixture.ctx().order(spec).unwrap();
    let order = sent(fixture);
    fixture.on_wire(order.cl_ord_id);
    let report = told(&order);
    fixture.event(TRADING, EventKind::Report(report));
    (handle, report)
}

fn stop_limit() -> OrderSpec {
    OrderSpec::limit(ID, Side::Sell, QTY, Px(980)).stop_loss(Px(990))
}

#[test]
fn every_type_with_a_trigger_is_sent_as_its_own() {
    let mut fixture = Fixture::started();
    let (market, limit) =
        (OrderSpec::market(ID, Side::Sell, QTY), OrderSpec::limit(ID, Side::Sell, QTY, Px(980)));
    let offset = OrderSpec::limit(ID, Side::Sell, QTY, Px(-5));
    for (spec, ord_type, px, stop_px) in [
        (market.stop_loss(Px(990)), OrdType::StopLoss, None, 990),
        (limit.stop_loss(Px(990)), OrdType::StopLossLimit, Some(980), 990),
        (market.take_profit(Px(1_020)), OrdType::TakeProfit, None, 1_020),
        (limit.take_profit(Px(1_020)), OrdType::TakeProfitLimit, Some(980), 1_020),
        (market.trailing_stop(Px(10)), OrdType::TrailingStop, None, 10),
        (offset.trailing_stop(Px(10)), OrdType::TrailingStopLimit, Some(-5), 10),
    ] {
        fixture.ctx().order(spec).unwrap_or_else(|refusal| panic!("{refusal}: {spec:?}"));
        let order = sent(&mut fixture);
        assert_eq!(
            (order.ord_type, order.px, order.stop_px),
            (ord_type, px.map(Px), Some(Px(stop_px)))
        );
        assert_eq!(order.watches, Watches::LastTrade);
        fixture.ctx().order(spec.by_index()).unwrap();
        assert_eq!(sent(&mut fixture).watches, Watches::Index);
    }
    assert_eq!(market.by_index(), market, "it watches nothing");
    assert_eq!(stop_limit().trigger.map(|trigger| trigger.kind), Some(TriggerKind::StopLoss));
}

#[test]
fn an_order_that_waits_keeps_its_trigger_through_amends_and_triggers_once() {
    let mut fixture = Fixture::started();
    let (order, placed) = waits(&mut fixture, stop_limit());
    fixture.ctx().replace_trigger(order, Qty(20), Px(985), Some(Px(975))).unwrap();
    let first = amended(&mut fixture);
    assert_eq!((first.qty, first.px, first.stop_px), (Qty(20), Some(Px(975)), Some(Px(985))));
    // Not acknowledged yet: this one is chained to it.
    fixture.ctx().replace(order, Qty(20), Px(970)).unwrap();
    let second = amended(&mut fixture);
    assert_eq!(second.orig_cl_ord_id, first.cl_ord_id);
    assert_eq!((second.px, second.stop_px), (Some(Px(970)), Some(Px(985))));
    assert_eq!(second.ord_type, OrdType::StopLossLimit);
    let no_limit = fixture.ctx().replace_trigger(order, Qty(20), Px(985), None);
    assert_eq!(no_limit, Err(Refusal::BadCombination));
    let passed = fixture.ctx().replace_trigger(order, Qty(20), Px(1_001), Some(Px(990)));
    assert!(matches!(passed, Err(Refusal::TriggerPassed(_))), "{passed:?}");
    let fired = Report {
        exec_type: ExecType::Restated,
        ord_type: OrdType::Limit,
        trigger_px: Some(Px(984)),
        ..placed
    };
    fixture.event(TRADING, EventKind::Report(fired));
    let update = *fixture.desk.strategy().orders.last().unwrap();
    assert_eq!(update.kind, UpdateKind::Triggered { px: Some(Px(984)) });
    assert_eq!(fixture.desk.stats().triggered, 1);
    let none = fixture.ctx().replace_trigger(order, Qty(20), Px(985), Some(Px(975)));
    assert_eq!(none, Err(Refusal::NotAmendable), "it waits for nothing any more");
    fixture.ctx().replace(order, Qty(20), Px(1_000)).unwrap();
    let third = amended(&mut fixture);
    assert_eq!((third.ord_type, third.stop_px), (OrdType::Limit, None));
}

#[test]
fn an_order_without_a_limit_that_waits_takes_a_new_trigger_but_no_limit() {
    let mut fixture = Fixture::started();
    let spec = OrderSpec::market(ID, Side::Sell, QTY).trailing_stop(Px(10));
    let (order, _) = waits(&mut fixture, spec);
    assert_eq!(fixture.ctx().replace(order, QTY, Px(990)), Err(Refusal::NotAmendable));
    fixture.ctx().replace_trigger(order, QTY, Px(20), None).unwrap();
    let amend = amended(&mut fixture);
    assert_eq!((amend.px, amend.stop_px), (None, Some(Px(20))));
}

#[test]
fn orders_that_wait_are_cancelled_each_all_and_by_the_kill_switch() {
    let mut fixture = Fixture::started();
    let (order, _) = waits(&mut fixture, stop_limit());
    waits(&mut fixture, stop_limit());
    let route = fixture.ctx().cancel(order).unwrap();
    assert_eq!(route.rung, Rung::Cancel);
    let kinds = fixture.kinds();
    assert!(matches!(kinds[..], [CommandKind::Cancel(_)]), "{kinds:?}");
    fixture.ctx().cancel_all(CancelScope::Instrument(ID)).unwrap();
    let kinds = fixture.kinds();
    assert!(matches!(kinds[..], [CommandKind::MassCancel(_)]), "{kinds:?}");
    fixture.desk.kill(KillCause::Operator);
    let kinds = fixture.kinds();
    assert!(matches!(kinds[..], [CommandKind::MassCancel(_)]), "{kinds:?}");
    assert_eq!(fixture.ctx().order(stop_limit()), Err(Refusal::Killed));
}

#[test]
fn a_trigger_that_fires_while_the_session_is_away_is_told_when_it_is_back() {
    let mut fixture = Fixture::started();
    let (order, placed) = waits(&mut fixture, stop_limit());
    fixture.down();
    assert_eq!(fixture.desk.orders().get(order).unwrap().state, OrderState::Uncertain);
    fixture.up_again(TRADING, 1, 2);
    let fired = Report {
        exec_type: ExecType::Restated,
        ord_type: OrdType::Limit,
        trigger_px: Some(Px(989)),
        poss_dup: true,
        ..placed
    };
    // Repeated from the venue's log: it was so, and whether it is still open is asked for.
    fixture.event(TRADING, EventKind::Report(fired));
    let update = *fixture.desk.strategy().orders.last().unwrap();
    assert_eq!(update.kind, UpdateKind::Triggered { px: Some(Px(989)) });
    let order = fixture.desk.orders().get(order).unwrap();
    assert!(!order.is_untriggered() && order.state == OrderState::Uncertain, "{order:?}");
}
