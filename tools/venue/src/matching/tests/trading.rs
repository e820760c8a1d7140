//! Trades, fees, remainders, self-trades, and the levels of the book that they change.

use super::*;

#[test]
fn trades_go_by_price_then_time_at_the_makers_price() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    let late = desk.place(a, Side::Sell, 5, 101);
    let first = desk.place(a, Side::Sell, 5, 100);
    let second = desk.place(desk.house, Side::Sell, 5, 100);
    let taker = desk.place(b, Side::Buy, 12, 101);
    let trades: Vec<_> =
        desk.trades().iter().map(|t| (t.maker.order, t.px.0, t.qty.0, t.trade_seq)).collect();
    assert_eq!(trades, [(first, 100, 5, 1), (second, 100, 5, 2), (late, 101, 2, 3)]);
    let last = desk.trades()[2];
    assert_eq!(last.taker.order, taker);
    assert_eq!((last.taker.cum, last.taker.leaves), (Qty(12), Qty(0)));
    assert_eq!(last.taker.notional, 1000 + 202);
    assert_eq!(last.maker.leaves, Qty(3));
    assert!(desk.engine.order(taker).is_none());
}

#[test]
fn a_fee_is_rounded_up_once_per_order_and_follows_the_currency_switch() {
    let expect = |currency, base: i128, quote: i128, taker_asset: &str| {
        let fees = FeeSchedule { maker: 1600, taker: 2600, currency };
        let mut desk = Desk::new(fees, instrument(), 100, 10_000_000);
        let [a, b] = desk.clients;
        desk.place(a, Side::Sell, 10, 100);
        desk.place(a, Side::Sell, 10, 100);
        desk.place(b, Side::Buy, 20, 100);
        let trades = desk.trades();
        assert_eq!(trades[1].taker.fee, trades[0].taker_fee + trades[1].taker_fee);
        let name = desk.engine.asset(trades[0].taker.fee_asset).unwrap();
        assert_eq!(name.as_str(), taker_asset);
        let unit = |digits: u32| 10i128.pow(18 - digits);
        assert_eq!(desk.balance(FEE_ACCOUNT, "BTC").total, base * unit(2), "{currency:?}");
        assert_eq!(desk.balance(FEE_ACCOUNT, "USD").total, quote * unit(4), "{currency:?}");
    };
    // Buyer: 0.26 % of 2000 = 5.2 -> 6 quote units, or 0.26 % of 20 -> 1 base unit, once.
    // Sellers, two orders: 0.16 % of 1000 = 1.6 -> 2 each, or 1 base unit each.
    expect(FeeCurrency::Given, 2, 6, "USD");
    expect(FeeCurrency::Quote, 0, 6 + 4, "USD");
    expect(FeeCurrency::Base, 1 + 2, 0, "BTC");
}

#[test]
fn remainders_of_ioc_and_market_orders_are_cancelled_and_release_their_hold() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    desk.place(a, Side::Sell, 5, 100);
    let ioc = NewOrder { time_in_force: TimeInForce::Ioc, ..desk.order(b, Side::Buy, 8, 100) };
    let ioc = desk.send(&ioc).unwrap();
    assert_eq!(desk.trades().len(), 1);
    assert_eq!(desk.cancelled(), [(ioc, CancelReason::ImmediateOrCancel, 3)]);
    desk.place(a, Side::Sell, 5, 100);
    desk.place(a, Side::Sell, 5, 300);
    for (side, left) in [(Side::Buy, 2), (Side::Sell, 12)] {
        let market = NewOrder { ord_type: OrdType::Market, ..desk.order(b, side, 12, 0) };
        let market = desk.send(&market).unwrap();
        assert_eq!(desk.cancelled(), [(market, CancelReason::NoLiquidity, left)]);
    }
    assert_eq!(desk.balance(b, "USD").held, 0);
    assert_eq!(desk.balance(b, "BTC").held, 0);
    assert_eq!(desk.engine.live_orders(), 0);
}

#[test]
fn self_trade_prevention_cancels_newest_oldest_or_both() {
    for (mode, kept_own, taken) in [
        (SelfTrade::CancelNewest, true, 0),
        (SelfTrade::CancelOldest, false, 1),
        (SelfTrade::CancelBoth, false, 0),
    ] {
        let mut desk = Desk::plain();
        let [a, b] = desk.clients;
        let own = desk.place(a, Side::Sell, 5, 100);
        desk.place(b, Side::Sell, 5, 100);
        let order = NewOrder { self_trade: mode, ..desk.order(a, Side::Buy, 5, 100) };
        let taker = desk.send(&order).unwrap();
        assert_eq!(desk.engine.order(own).is_some(), kept_own, "{mode:?}");
        assert_eq!(desk.trades().len(), taken, "{mode:?}");
        assert!(desk.engine.order(taker).is_none());
        assert!(desk.trades().iter().all(|t| t.maker.account != t.taker.account));
    }
    let mut desk = Desk::plain();
    desk.place(desk.house, Side::Sell, 5, 100);
    desk.place(desk.house, Side::Buy, 5, 100);
    assert_eq!(desk.trades().len(), 1, "the house may trade with itself");
}

#[test]
fn changed_levels_are_told_once_with_their_last_time() {
    let mut desk = Desk::plain();
    let [a, _] = desk.clients;
    let mut changes = Vec::new();
    let gone = desk.place(a, Side::Buy, 5, 100);
    desk.place(a, Side::Buy, 5, 99);
    desk.place(a, Side::Sell, 7, 120);
    desk.place(a, Side::Sell, 7, 119);
    assert!(desk.amend(a, gone, 5, 98, false));
    assert!(desk.amend(a, gone, 5, 100, false));
    assert!(desk.engine.book_mut(ID).unwrap().take_changes(&mut changes));
    let brief = |changes: &[LevelChange]| -> Vec<_> {
        changes.iter().map(|c| (c.side, c.px.0, c.total.0, c.at.0)).collect()
    };
    assert_eq!(
        brief(&changes),
        [
            (Side::Sell, 119, 7, 5),
            (Side::Sell, 120, 7, 5),
            (Side::Buy, 100, 5, 6),
            (Side::Buy, 99, 5, 5),
            (Side::Buy, 98, 0, 6)
        ]
    );
    assert!(desk.engine.book_mut(ID).unwrap().take_changes(&mut changes));
    assert_eq!(changes, []);
    for price in 200..9200 {
        let order = desk.place(a, Side::Sell, 1, price);
        let cancel = Cancel { account: a, session: 1, client_key: Some(1), order };
        assert!(desk.engine.cancel(UtcTime(1), &cancel, &mut Vec::new()));
    }
    let book = desk.engine.book_mut(ID).unwrap();
    assert!(!book.take_changes(&mut changes), "more changes than are remembered");
    assert!(book.take_changes(&mut changes) && changes.is_empty());
}
