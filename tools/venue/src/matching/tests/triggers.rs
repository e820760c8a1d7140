//! Orders with a trigger.

use super::*;

fn with(desk: &mut Desk, ord_type: OrdType, side: Side, stop: i64, price: i64) -> NewOrder {
    let order = desk.order(desk.clients[0], side, 5, price);
    NewOrder { ord_type, conditions: Conditions { stop: Px(stop), ..order.conditions }, ..order }
}

/// The house trades with itself at a price.
fn print(desk: &mut Desk, price: i64) {
    desk.events.clear();
    let sell = desk.order(desk.house, Side::Sell, 1, price);
    let buy = desk.order(desk.house, Side::Buy, 1, price);
    for order in [sell, buy] {
        desk.engine.new_order(UtcTime(5), &order, &mut desk.events).unwrap();
    }
    assert_eq!(desk.engine.last_price(ID), Some(Px(price)));
}

fn triggered(desk: &Desk) -> Vec<(OrderRef, OrdType, i64)> {
    let one = |event: &EngineEvent| match event.kind {
        EventKind::Triggered(state) => {
            Some((state.order, state.ord_type, state.triggered_by.unwrap().0))
        }
        _ => None,
    };
    desk.events.iter().filter_map(one).collect()
}

#[test]
fn each_type_triggers_on_its_side_and_becomes_market_or_limit() {
    use OrdType::{Limit, Market, StopLoss, StopLossLimit, TakeProfit, TakeProfitLimit};
    for (ord_type, side, before, at, becomes) in [
        (StopLoss, Side::Buy, 109, 111, Market),
        (StopLossLimit, Side::Buy, 109, 110, Limit),
        (TakeProfit, Side::Buy, 111, 110, Market),
        (TakeProfitLimit, Side::Buy, 111, 109, Limit),
        (StopLoss, Side::Sell, 111, 109, Market),
        (StopLossLimit, Side::Sell, 111, 110, Limit),
        (TakeProfit, Side::Sell, 109, 110, Market),
        (TakeProfitLimit, Side::Sell, 109, 112, Limit),
    ] {
        let mut desk = Desk::plain();
        print(&mut desk, before);
        let price = if side == Side::Buy { 60 } else { 160 };
        let order = with(&mut desk, ord_type, side, 110, price);
        let order = desk.send(&order).unwrap();
        assert!(matches!(desk.events[..], [_, EngineEvent { kind: EventKind::Live(_), .. }]));
        assert_eq!(desk.queue(side), [], "it is not in the book");
        print(&mut desk, before);
        assert_eq!(triggered(&desk), []);
        print(&mut desk, at);
        assert_eq!(triggered(&desk), [(order, becomes, at)], "{ord_type:?} {side:?}");
        if becomes == Limit {
            assert_eq!(desk.queue(side), [order]);
            assert_eq!(desk.engine.order(order).unwrap().price, Px(price));
        } else {
            assert_eq!(desk.cancelled(), [(order, CancelReason::NoLiquidity, 5)]);
        }
    }
}

#[test]
fn a_stop_that_the_market_has_passed_triggers_at_once_or_is_refused_by_the_rule() {
    let mut desk = Desk::plain();
    print(&mut desk, 100);
    let order = with(&mut desk, OrdType::StopLossLimit, Side::Buy, 100, 90);
    let placed = desk.send(&order).unwrap();
    assert_eq!(triggered(&desk), [(placed, OrdType::Limit, 100)]);
    desk.engine.rules.refuse_passed_stops = true;
    assert_eq!(desk.refuse(&order), RejectReason::InvalidPrice);
    let ahead = with(&mut desk, OrdType::StopLossLimit, Side::Buy, 101, 90);
    assert!(desk.send(&ahead).is_some());
}

#[test]
fn a_trailing_stop_follows_the_peak_and_triggers_at_its_distance() {
    let mut desk = Desk::plain();
    print(&mut desk, 100);
    let order = with(&mut desk, OrdType::TrailingStop, Side::Sell, 10, 0);
    let sell = desk.send(&order).unwrap();
    let order = with(&mut desk, OrdType::TrailingStopLimit, Side::Buy, 10, -3);
    let buy = desk.send(&order).unwrap();
    let at = |desk: &Desk, order| desk.engine.order(order).unwrap().trigger_at;
    assert_eq!((at(&desk, sell), at(&desk, buy)), (Some(Px(90)), Some(Px(110))));
    print(&mut desk, 105);
    assert_eq!((at(&desk, sell), at(&desk, buy)), (Some(Px(95)), Some(Px(110))));
    print(&mut desk, 97);
    assert_eq!((at(&desk, sell), at(&desk, buy)), (Some(Px(95)), Some(Px(107))));
    assert_eq!(triggered(&desk), []);
    print(&mut desk, 94);
    assert_eq!(triggered(&desk), [(sell, OrdType::Market, 94)]);
    assert_eq!(at(&desk, buy), Some(Px(104)));
    print(&mut desk, 104);
    assert_eq!(triggered(&desk), [(buy, OrdType::Limit, 104)]);
    assert_eq!(desk.engine.order(buy).unwrap().price, Px(101), "three below the trigger");
}

#[test]
fn a_trailing_stop_without_a_price_starts_at_the_first() {
    let mut desk = Desk::plain();
    let order = with(&mut desk, OrdType::TrailingStop, Side::Sell, 10, 0);
    let sell = desk.send(&order).unwrap();
    assert_eq!(desk.engine.order(sell).unwrap().trigger_at, None);
    print(&mut desk, 100);
    assert_eq!(desk.engine.order(sell).unwrap().trigger_at, Some(Px(90)));
    let a = desk.clients[0];
    // The distance grows from the same peak.
    desk.events.clear();
    let amend = Amend { stop: Px(20), ..desk.amendment(a, sell, 5, 0) };
    assert!(desk.engine.amend(UtcTime(6), &amend, &mut desk.events));
    assert_eq!(desk.engine.order(sell).unwrap().trigger_at, Some(Px(80)));
    print(&mut desk, 81);
    assert_eq!(triggered(&desk), []);
    print(&mut desk, 80);
    assert_eq!(triggered(&desk).len(), 1);
}

#[test]
fn the_index_is_watched_while_it_is_there_and_the_last_trade_while_it_is_down() {
    let mut desk = Desk::plain();
    print(&mut desk, 100);
    let order = with(&mut desk, OrdType::StopLossLimit, Side::Buy, 110, 90);
    let reference = Reference::Index;
    let order = NewOrder { conditions: Conditions { reference, ..order.conditions }, ..order };
    assert_eq!(desk.refuse(&order), RejectReason::IndexUnavailable);
    assert!(desk.engine.set_index(ID, Index::At(Px(100))));
    let first = desk.send(&order).unwrap();
    print(&mut desk, 120);
    assert_eq!(triggered(&desk), [], "trades are not watched");
    desk.events.clear();
    desk.engine.set_index(ID, Index::At(Px(111)));
    assert_eq!(desk.engine.next_deadline(), UtcTime(0), "a tick is due");
    desk.engine.tick(UtcTime(7), &mut desk.events);
    assert_eq!(triggered(&desk), [(first, OrdType::Limit, 111)]);
    desk.engine.set_index(ID, Index::At(Px(100)));
    let second = desk.send(&order).unwrap();
    desk.events.clear();
    desk.engine.set_index(ID, Index::Down);
    desk.engine.tick(UtcTime(8), &mut desk.events);
    assert_eq!(triggered(&desk), [(second, OrdType::Limit, 120)], "the last trade counts now");
}

#[test]
fn triggers_fire_nearest_first_then_by_age_and_may_fire_each_other() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    print(&mut desk, 100);
    let stop = |desk: &mut Desk, at| {
        let order = with(desk, OrdType::StopLoss, Side::Buy, at, 0);
        desk.send(&order).unwrap()
    };
    let (far, near, same) = (stop(&mut desk, 112), stop(&mut desk, 110), stop(&mut desk, 110));
    desk.place(b, Side::Sell, 1, 110);
    desk.place(b, Side::Sell, 10, 111);
    desk.place(b, Side::Sell, 50, 115);
    let market = desk.order(desk.house, Side::Buy, 1, 110);
    desk.send(&market).unwrap();
    // The first two eat 111; that is not enough for the third.
    let fired = triggered(&desk);
    assert_eq!(fired, [(near, OrdType::Market, 110), (same, OrdType::Market, 110)]);
    let buyers: Vec<_> = desk.trades().iter().map(|t| (t.taker.order, t.px.0, t.qty.0)).collect();
    assert_eq!(buyers[1..], [(near, 111, 5), (same, 111, 5)]);
    let again = with(&mut desk, OrdType::StopLoss, Side::Buy, 111, 0);
    desk.send(&again).unwrap();
    assert_eq!(
        triggered(&desk).len(),
        2,
        "it triggers at once, trades at 115 and fires the far one"
    );
    assert_eq!(triggered(&desk)[1], (far, OrdType::Market, 115));
    assert_eq!(desk.balance(a, "USD").held, 0);
}

#[test]
fn an_untriggered_order_can_be_cancelled_and_amended_and_holds_its_money() {
    let mut desk = Desk::plain();
    let a = desk.clients[0];
    print(&mut desk, 100);
    let order = with(&mut desk, OrdType::StopLoss, Side::Buy, 110, 0);
    let order = desk.send(&order).unwrap();
    let held = desk.balance(a, "USD").held;
    // 0.05 at 1.10, and 0.26 % of it, rounded up.
    assert_eq!(held, (550 + 2) * 10i128.pow(14));
    desk.events.clear();
    let amend = Amend { stop: Px(120), ..desk.amendment(a, order, 4, 0) };
    assert!(desk.engine.amend(UtcTime(6), &amend, &mut desk.events));
    assert!(matches!(
        desk.events[..],
        [EngineEvent { kind: EventKind::Amended { order, pending: false, .. }, .. }]
            if order.stop == Some(Px(120)) && order.leaves == Qty(4)
    ));
    print(&mut desk, 119);
    assert_eq!(triggered(&desk), []);
    let cancel = Cancel { account: a, session: 1, client_key: Some(9), order };
    desk.events.clear();
    assert!(desk.engine.cancel(UtcTime(9), &cancel, &mut desk.events));
    assert_eq!(desk.cancelled(), [(order, CancelReason::User, 4)]);
    print(&mut desk, 130);
    assert_eq!(triggered(&desk), []);
    assert_eq!(desk.balance(a, "USD").held, 0);
}

#[test]
fn a_triggered_order_that_cannot_be_paid_is_cancelled_with_the_reason() {
    let mut desk = Desk::new(FeeSchedule::default(), instrument(), 100, 6);
    let b = desk.house;
    print(&mut desk, 100);
    let order = with(&mut desk, OrdType::StopLoss, Side::Buy, 110, 0);
    let order = desk.send(&order).unwrap();
    desk.place(b, Side::Sell, 5, 150);
    print(&mut desk, 110);
    let reason = CancelReason::Refused(RejectReason::InsufficientFunds);
    assert_eq!(desk.cancelled(), [(order, reason, 5)]);
    assert_eq!(reason.text(), "EOrder:Insufficient funds");
}

#[test]
fn nothing_triggers_while_the_market_does_not_trade() {
    let mut desk = Desk::plain();
    print(&mut desk, 100);
    desk.engine.set_index(ID, Index::At(Px(100)));
    let order = with(&mut desk, OrdType::StopLossLimit, Side::Buy, 110, 90);
    let conditions = Conditions { reference: Reference::Index, ..order.conditions };
    let order = desk.send(&NewOrder { conditions, ..order }).unwrap();
    desk.events.clear();
    desk.status(PairStatus::CancelOnly);
    desk.engine.set_index(ID, Index::At(Px(120)));
    desk.engine.tick(UtcTime(6), &mut desk.events);
    assert_eq!(desk.events, []);
    desk.status(PairStatus::Online);
    desk.engine.tick(UtcTime(7), &mut desk.events);
    assert_eq!(triggered(&desk), [(order, OrdType::Limit, 120)]);
}
