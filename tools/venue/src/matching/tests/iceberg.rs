//! Icebergs, quantities in quote, fee currencies, market protection.

use super::*;

fn iceberg(
    desk: &mut Desk,
    account: AccountId,
    side: Side,
    qty: i64,
    price: i64,
    show: i64,
) -> NewOrder {
    let order = desk.order(account, side, qty, price);
    NewOrder { conditions: Conditions { display: Some(Qty(show)), ..order.conditions }, ..order }
}

fn shown(desk: &Desk, side: Side, px: i64) -> i64 {
    desk.engine.book(ID).unwrap().level(side, Px(px)).map_or(0, |level| level.total.0)
}

#[test]
fn an_iceberg_shows_a_slice_and_its_next_slice_goes_to_the_back() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    let order = iceberg(&mut desk, a, Side::Sell, 10, 100, 4);
    let berg = desk.send(&order).unwrap();
    let plain = desk.place(a, Side::Sell, 3, 100);
    assert_eq!(shown(&desk, Side::Sell, 100), 7);
    desk.place(b, Side::Buy, 2, 100);
    assert_eq!(shown(&desk, Side::Sell, 100), 5, "a slice that is not used up is not refilled");
    assert_eq!(desk.queue(Side::Sell), [berg, plain]);
    desk.place(b, Side::Buy, 2, 100);
    assert_eq!(desk.queue(Side::Sell), [plain, berg]);
    assert_eq!(shown(&desk, Side::Sell, 100), 3 + 4);
    desk.place(b, Side::Buy, 8, 100);
    let makers: Vec<_> = desk.trades().iter().map(|t| (t.maker.order, t.qty.0)).collect();
    assert_eq!(makers, [(plain, 3), (berg, 4), (berg, 1)]);
    assert_eq!(shown(&desk, Side::Sell, 100), 1, "the last slice is what is left");
    desk.place(b, Side::Buy, 1, 100);
    assert!(desk.engine.order(berg).is_none());
    assert_eq!(shown(&desk, Side::Sell, 100), 0);
}

#[test]
fn an_iceberg_takes_with_all_of_its_quantity() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    desk.place(a, Side::Sell, 8, 100);
    let order = iceberg(&mut desk, b, Side::Buy, 15, 100, 1);
    desk.send(&order).unwrap();
    assert_eq!(desk.trades()[0].qty, Qty(8));
    assert_eq!(shown(&desk, Side::Buy, 100), 1);
}

#[test]
fn a_display_quantity_is_a_fifteenth_at_least_and_of_a_limit_order() {
    let mut desk = Desk::plain();
    let a = desk.clients[0];
    let fifteenth = iceberg(&mut desk, a, Side::Sell, 15, 100, 1);
    assert!(desk.send(&fifteenth).is_some());
    for (qty, show) in [(16, 1), (31, 2), (10, 0), (10, -1)] {
        let order = iceberg(&mut desk, a, Side::Sell, qty, 100, show);
        assert_eq!(desk.refuse(&order), RejectReason::InvalidDisplay, "{show} of {qty}");
    }
    let market = NewOrder { ord_type: OrdType::Market, ..fifteenth };
    assert_eq!(desk.refuse(&market), RejectReason::InvalidDisplay);
    let conditions = Conditions { stop: Px(90), ..fifteenth.conditions };
    let stop = NewOrder { ord_type: OrdType::StopLossLimit, conditions, ..fifteenth };
    assert_eq!(desk.refuse(&stop), RejectReason::InvalidDisplay);
}

#[test]
fn an_amended_iceberg_keeps_its_place_as_the_table_says() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    let order = iceberg(&mut desk, a, Side::Sell, 30, 100, 4);
    let berg = desk.send(&order).unwrap();
    let other = desk.place(b, Side::Sell, 3, 100);
    let change = |desk: &mut Desk, qty, display: Option<i64>| {
        let amend = Amend { display: display.map(Qty), ..desk.amendment(a, berg, qty, 100) };
        desk.events.clear();
        desk.engine.amend(UtcTime(6), &amend, &mut desk.events)
    };
    assert!(change(&mut desk, 30, Some(6)));
    assert_eq!((shown(&desk, Side::Sell, 100), desk.queue(Side::Sell)), (7, vec![berg, other]));
    assert!(change(&mut desk, 30, Some(2)), "display down keeps the place, and shows at once");
    assert_eq!((shown(&desk, Side::Sell, 100), desk.queue(Side::Sell)), (5, vec![berg, other]));
    assert!(!change(&mut desk, 30, Some(1)), "a fifteenth of what is left");
    assert_eq!(desk.rejected(), RejectReason::InvalidDisplay);
    assert!(!change(&mut desk, 31, None), "the old display is too small for more");
    assert!(change(&mut desk, 15, Some(1)));
    assert_eq!((shown(&desk, Side::Sell, 100), desk.queue(Side::Sell)), (4, vec![berg, other]));
    assert!(change(&mut desk, 16, Some(5)));
    assert_eq!((shown(&desk, Side::Sell, 100), desk.queue(Side::Sell)), (8, vec![other, berg]));
}

#[test]
fn self_trade_prevention_ends_an_iceberg_whole() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    let order = iceberg(&mut desk, a, Side::Sell, 30, 100, 4);
    let berg = desk.send(&order).unwrap();
    desk.place(b, Side::Sell, 5, 100);
    let oldest = SelfTrade::CancelOldest;
    let order = NewOrder { self_trade: oldest, ..desk.order(a, Side::Buy, 5, 100) };
    desk.send(&order).unwrap();
    assert_eq!(desk.cancelled(), [(berg, CancelReason::SelfTrade, 30)]);
    assert_eq!(desk.trades().len(), 1);
    // Behind the first slice of another's iceberg stands an own order: the taker cannot get past it.
    let order = iceberg(&mut desk, b, Side::Sell, 30, 100, 4);
    desk.send(&order).unwrap();
    desk.place(a, Side::Sell, 5, 100);
    let fok = NewOrder { time_in_force: TimeInForce::Fok, ..desk.order(a, Side::Buy, 5, 100) };
    let order = desk.send(&fok).unwrap();
    assert_eq!(desk.cancelled(), [(order, CancelReason::FillOrKill, 5)]);
    let order = desk.send(&NewOrder { qty: Qty(4), ..fok }).unwrap();
    assert_eq!(desk.trades()[0].taker.order, order);
}

#[test]
fn a_market_buy_in_quote_spends_its_amount_and_no_more() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    desk.place(b, Side::Sell, 5, 100);
    desk.place(b, Side::Sell, 50, 130);
    let before = desk.balance(a, "USD").total;
    let order = desk.order(a, Side::Buy, 1200, 0);
    let conditions = Conditions { qty_in_quote: true, ..order.conditions };
    let market = NewOrder { ord_type: OrdType::Market, conditions, ..order };
    desk.send(&market).unwrap();
    // 500 for five at 100; 700 buy five more at 130; 50 buy nothing.
    let trades: Vec<_> =
        desk.trades().iter().map(|t| (t.px.0, t.qty.0, t.taker.leaves.0)).collect();
    assert_eq!(trades, [(100, 5, 700), (130, 5, 0)]);
    assert_eq!(desk.cancelled(), []);
    let fee = desk.trades()[1].taker.fee;
    assert_eq!(before - desk.balance(a, "USD").total, (1150 + fee) * 10i128.pow(14));
    assert_eq!(desk.balance(a, "USD").held, 0);
    let too_much = NewOrder { qty: Qty(100_000), ..market };
    let order = desk.send(&too_much).unwrap();
    assert_eq!(desk.cancelled(), [(order, CancelReason::NoLiquidity, 100_000 - 45 * 130)]);
    for wrong in [
        NewOrder { ord_type: OrdType::Limit, price: Px(100), ..market },
        NewOrder { side: Side::Sell, ..market },
        NewOrder { conditions: Conditions { leveraged: true, ..conditions }, ..market },
    ] {
        assert_eq!(desk.refuse(&wrong), RejectReason::InvalidFlags);
    }
}

#[test]
fn an_order_may_choose_the_currency_of_its_fee() {
    for (currency, asset) in [(FeeCurrency::Base, "BTC"), (FeeCurrency::Quote, "USD")] {
        let mut desk = Desk::plain();
        let [a, b] = desk.clients;
        for (account, side) in [(a, Side::Sell), (b, Side::Buy)] {
            let order = desk.order(account, side, 1000, 100);
            let conditions = Conditions { fee_currency: Some(currency), ..order.conditions };
            desk.send(&NewOrder { conditions, ..order }).unwrap();
        }
        let trade = desk.trades()[0];
        for state in [trade.maker, trade.taker] {
            assert_eq!(desk.engine.asset(state.fee_asset).unwrap().as_str(), asset);
        }
        let other = if asset == "BTC" { "USD" } else { "BTC" };
        assert!(desk.balance(FEE_ACCOUNT, asset).total > 0);
        assert_eq!(desk.balance(FEE_ACCOUNT, other).total, 0);
    }
}

#[test]
fn a_market_order_stops_where_the_protection_ends() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    desk.engine.rules.market_protection = Some(100_000);
    for price in [100, 110, 111] {
        desk.place(a, Side::Sell, 5, price);
    }
    let market = NewOrder { ord_type: OrdType::Market, ..desk.order(b, Side::Buy, 12, 0) };
    let order = desk.send(&market).unwrap();
    assert_eq!(desk.cancelled(), [(order, CancelReason::PriceProtection, 2)]);
    desk.engine.rules.market_protection = None;
    let order = desk.send(&market).unwrap();
    assert_eq!(desk.trades()[0].px, Px(111));
    assert_eq!(desk.cancelled(), [(order, CancelReason::NoLiquidity, 7)]);
}
