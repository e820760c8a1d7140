//! Time in force, and the times of an order.

use super::*;

const SECOND: u64 = 1_000_000_000;

fn gtd(order: NewOrder, at: u64) -> NewOrder {
    let conditions = Conditions { expires_at: Some(UtcTime(at)), ..order.conditions };
    NewOrder { time_in_force: TimeInForce::Gtd, conditions, ..order }
}

#[test]
fn fill_or_kill_trades_all_or_nothing() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    desk.place(a, Side::Sell, 5, 100);
    desk.place(a, Side::Sell, 5, 101);
    let fok = |desk: &mut Desk, qty, price| NewOrder {
        time_in_force: TimeInForce::Fok,
        ..desk.order(b, Side::Buy, qty, price)
    };
    let short = fok(&mut desk, 6, 100);
    let killed = desk.send(&short).unwrap();
    assert_eq!(desk.cancelled(), [(killed, CancelReason::FillOrKill, 6)]);
    assert_eq!(desk.trades(), []);
    let whole = fok(&mut desk, 6, 101);
    desk.send(&whole).unwrap();
    assert_eq!(
        desk.trades().iter().map(|t| (t.px.0, t.qty.0)).collect::<Vec<_>>(),
        [(100, 5), (101, 1)]
    );
    assert_eq!(desk.balance(b, "USD").held, 0);
    let post = NewOrder { post_only: true, ..fok(&mut desk, 1, 90) };
    assert_eq!(desk.refuse(&post), RejectReason::InvalidArguments);
}

#[test]
fn fill_or_kill_sees_the_own_orders_that_would_end_it_and_leaves_them_alone() {
    for (mode, traded) in [
        (SelfTrade::CancelNewest, false),
        (SelfTrade::CancelOldest, true),
        (SelfTrade::CancelBoth, false),
    ] {
        let mut desk = Desk::plain();
        let [a, b] = desk.clients;
        desk.place(b, Side::Sell, 3, 100);
        let own = desk.place(a, Side::Sell, 5, 100);
        desk.place(b, Side::Sell, 5, 101);
        let order = NewOrder {
            time_in_force: TimeInForce::Fok,
            self_trade: mode,
            ..desk.order(a, Side::Buy, 6, 101)
        };
        let order = desk.send(&order).unwrap();
        assert_eq!(!desk.trades().is_empty(), traded, "{mode:?}");
        assert_eq!(desk.engine.order(own).is_none(), traded, "{mode:?}");
        if !traded {
            assert_eq!(desk.cancelled(), [(order, CancelReason::FillOrKill, 6)]);
        }
    }
}

#[test]
fn a_gtd_order_expires_at_its_time_and_never_trades_after_it() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    let order = gtd(desk.order(a, Side::Sell, 5, 100), 1000);
    let first = desk.send(&order).unwrap();
    let later = gtd(desk.order(a, Side::Sell, 5, 100), 500);
    let second = desk.send(&later).unwrap();
    assert_eq!(desk.engine.next_deadline(), UtcTime(500));
    desk.events.clear();
    desk.engine.tick(UtcTime(499), &mut desk.events);
    assert_eq!(desk.events, []);
    desk.engine.tick(UtcTime(500), &mut desk.events);
    assert!(matches!(
        desk.events[..],
        [EngineEvent { at: UtcTime(500), kind: EventKind::Expired { order, expired: Qty(5) } }]
            if order.order == second && order.leaves == Qty(0)
    ));
    assert_eq!(desk.engine.next_deadline(), UtcTime(1000));
    // Nobody ticked: the command itself comes too late for the order.
    let buy = desk.order(b, Side::Buy, 5, 100);
    desk.events.clear();
    desk.engine.new_order(UtcTime(1000), &buy, &mut desk.events).unwrap();
    assert!(
        matches!(desk.events[0].kind, EventKind::Expired { order, .. } if order.order == first)
    );
    assert_eq!(desk.trades(), []);
    assert_eq!(desk.engine.next_deadline(), UtcTime(u64::MAX));
    assert_eq!(desk.balance(a, "BTC").held, 0);
}

#[test]
fn an_expire_time_is_ahead_by_a_month_at_most_and_belongs_to_gtd() {
    let mut desk = Desk::plain();
    let a = desk.clients[0];
    let month = 31 * 24 * 3600 * SECOND;
    for at in [0, 4, 5, 6 + month] {
        let order = gtd(desk.order(a, Side::Buy, 5, 100), at);
        assert_eq!(desk.refuse(&order), RejectReason::InvalidExpiry, "{at}");
    }
    let bare = NewOrder { time_in_force: TimeInForce::Gtd, ..desk.order(a, Side::Buy, 5, 100) };
    assert_eq!(desk.refuse(&bare), RejectReason::InvalidExpiry);
    let gtc = NewOrder { time_in_force: TimeInForce::Gtc, ..gtd(bare, 100) };
    assert_eq!(desk.refuse(&gtc), RejectReason::InvalidExpiry);
    let last = gtd(desk.order(a, Side::Buy, 5, 100), 5 + month);
    let order = desk.send(&last).unwrap();
    let cancel = Cancel { account: a, session: 1, client_key: Some(1), order };
    assert!(desk.engine.cancel(UtcTime(6), &cancel, &mut Vec::new()));
    assert_eq!(desk.engine.next_deadline(), UtcTime(u64::MAX), "the timer went along");
}

#[test]
fn an_order_with_an_effective_time_waits_unseen_and_then_matches() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    let plain = desk.order(a, Side::Buy, 5, 100);
    let later = |order: NewOrder, at, end| {
        let order = gtd(order, end);
        let conditions = Conditions { effective_at: Some(UtcTime(at)), ..order.conditions };
        NewOrder { conditions, ..order }
    };
    assert_eq!(desk.refuse(&later(plain, 1000, 1000)), RejectReason::InvalidStart);
    let order = desk.send(&later(plain, 1000, 3000)).unwrap();
    assert!(matches!(desk.events[..], [EngineEvent { kind: EventKind::Accepted(_), .. }]));
    assert!(desk.balance(a, "USD").held > 0);
    desk.place(b, Side::Sell, 2, 99);
    assert_eq!(desk.trades(), []);
    assert_eq!(desk.queue(Side::Buy), []);
    assert!(desk.amend(a, order, 4, 100, false));
    assert!(matches!(desk.events[0].kind, EventKind::Amended { pending: true, .. }));
    desk.events.clear();
    assert_eq!(desk.engine.next_deadline(), UtcTime(1000));
    desk.engine.tick(UtcTime(1000), &mut desk.events);
    assert!(matches!(desk.events[0].kind, EventKind::Live(state) if state.leaves == Qty(4)));
    assert_eq!(desk.trades().len(), 1);
    assert_eq!(desk.queue(Side::Buy), [order]);
    assert_eq!(desk.engine.next_deadline(), UtcTime(3000));
}

#[test]
fn what_would_have_been_refused_at_entry_cancels_an_order_that_becomes_live() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    let order = desk.order(a, Side::Buy, 5, 100);
    let conditions = Conditions { effective_at: Some(UtcTime(1000)), ..order.conditions };
    let order = desk.send(&NewOrder { post_only: true, conditions, ..order }).unwrap();
    desk.place(b, Side::Sell, 5, 100);
    desk.events.clear();
    desk.engine.tick(UtcTime(1000), &mut desk.events);
    let reason = CancelReason::Refused(RejectReason::PostOnlyWouldTake);
    assert_eq!(desk.cancelled(), [(order, reason, 5)]);
    assert_eq!(reason.text(), "Post only order would take");
}

#[test]
fn an_order_that_arrives_after_its_valid_until_time_is_refused() {
    let mut desk = Desk::plain();
    let a = desk.clients[0];
    let order = desk.order(a, Side::Buy, 5, 100);
    let until = |at| Conditions { valid_until: Some(UtcTime(at)), ..Conditions::default() };
    assert_eq!(
        desk.refuse(&NewOrder { conditions: until(4), ..order }),
        RejectReason::DeadlineElapsed
    );
    assert!(desk.send(&NewOrder { conditions: until(5), ..order }).is_some());
}
