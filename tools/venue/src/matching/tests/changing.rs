//! Amends and mass cancels.

use super::*;

#[test]
fn an_amend_keeps_its_place_only_if_the_quantity_goes_down_at_the_same_price() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    let one = desk.place(a, Side::Buy, 5, 100);
    let two = desk.place(a, Side::Buy, 5, 100);
    assert!(desk.amend(a, one, 4, 100, false));
    assert_eq!(desk.queue(Side::Buy), [one, two]);
    assert!(desk.amend(a, one, 6, 100, false));
    assert_eq!(desk.queue(Side::Buy), [two, one]);
    assert!(desk.amend(a, two, 5, 101, false));
    assert!(desk.amend(a, two, 5, 100, false));
    assert_eq!(desk.queue(Side::Buy), [one, two]);
    assert!(!desk.amend(b, one, 3, 100, false), "another account's order is unknown");
    assert_eq!(desk.rejected(), RejectReason::UnknownOrder);
    assert!(!desk.amend(a, one, 60_000_000, 100, false));
    assert_eq!(desk.rejected(), RejectReason::InsufficientFunds);
    assert_eq!(desk.engine.order(one).map(|o| o.qty), Some(Qty(6)));
}

#[test]
fn an_amend_below_the_filled_quantity_ends_the_order() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    let order = desk.place(a, Side::Buy, 10, 100);
    desk.place(b, Side::Sell, 6, 100);
    assert!(desk.amend(a, order, 3, 100, false));
    assert_eq!(desk.cancelled(), [(order, CancelReason::AmendedBelowFilled, 4)]);
    assert!(matches!(
        desk.events[0].kind,
        EventKind::Amended { order: state, orig_client_key: 1, pending: false, .. }
            if state.qty == Qty(6) && state.cum == Qty(6) && state.leaves == Qty(0)
    ));
    assert_eq!(desk.balance(a, "USD").held, 0);
}

#[test]
fn an_amend_that_crosses_takes_unless_it_is_post_only() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    let order = desk.place(a, Side::Buy, 10, 90);
    desk.place(b, Side::Sell, 4, 100);
    assert!(!desk.amend(a, order, 10, 100, true));
    assert_eq!(desk.rejected(), RejectReason::PostOnlyWouldTake);
    assert!(desk.amend(a, order, 10, 100, false));
    assert_eq!(desk.trades().len(), 1);
    let trade = desk.trades()[0];
    assert_eq!((trade.taker.order, trade.taker.cum, trade.px), (order, Qty(4), Px(100)));
    assert_eq!(desk.queue(Side::Buy), [order]);
    assert!(desk.amend(a, order, 10, 95, false), "fills and the name are kept");
    assert_eq!(desk.engine.order(order).map(|o| o.cum), Some(Qty(4)));
}

#[test]
fn a_mass_cancel_follows_the_session_that_replaced_the_order_last() {
    let mut desk = Desk::plain();
    let a = desk.clients[0];
    let one = desk.place(a, Side::Buy, 5, 100);
    let order = NewOrder { session: 50, ..desk.order(a, Side::Buy, 5, 99) };
    let two = desk.send(&order).unwrap();
    let by_session = |session| CancelWhere {
        account: None,
        sessions: Some((session, session)),
        instrument: Some(ID),
        reason: CancelReason::MassCancel,
        asker: None,
    };
    assert!(desk.amend(a, two, 4, 99, false), "the amend comes from the account's own session");
    desk.events.clear();
    assert_eq!(desk.engine.cancel_where(UtcTime(2), &by_session(50), &mut desk.events), 0);
    assert_eq!(desk.engine.cancel_where(UtcTime(2), &by_session(a.0), &mut desk.events), 2);
    let reason = CancelReason::MassCancel;
    assert_eq!(desk.cancelled(), [(one, reason, 5), (two, reason, 4)]);
}
