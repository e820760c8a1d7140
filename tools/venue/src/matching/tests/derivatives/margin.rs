//! What a wallet carries.

use super::*;

#[test]
fn an_order_that_opens_needs_the_initial_margin() {
    let mut desk = Futures::plain();
    let [a, _] = desk.clients;
    // 1000 dollars carry ten times that.
    let most = desk.order(a, PF, Side::Buy, 10_000, 10_000);
    let more = NewOrder { qty: Qty(10_001), ..most };
    assert_eq!(desk.refuse(&more), RejectReason::InsufficientFunds);
    let order = desk.send(&most).unwrap();
    assert_eq!(desk.flex(a).available(), 0);
    let one = desk.order(a, PF, Side::Buy, 1, 1);
    assert_eq!(desk.refuse(&one), RejectReason::InsufficientFunds);
    let other_side = desk.place(a, PF, Side::Sell, 9_990, 10_001);
    assert_eq!(desk.flex(a).initial, 10_000_000 * UNIT, "only the larger side counts");
    for order in [order, other_side] {
        let (account, session, client_key) = (a, 0, 1);
        desk.engine.cancel(
            UtcTime(6),
            &Cancel { account, session, client_key: Some(client_key), order },
            &mut desk.events,
        );
    }
    assert_eq!(desk.flex(a).initial, 0);
}

#[test]
fn margin_follows_the_mark_which_is_the_index_or_else_the_last_trade() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    desk.trade(a, b, PF, 200, 1000);
    let state = desk.flex(a);
    assert_eq!((state.initial, state.maintenance), (20_000 * UNIT, 10_000 * UNIT));
    desk.index(PF, 1100);
    let [up, down] = [a, b].map(|account| desk.flex(account));
    assert_eq!(up.equity - state.equity, 20_000 * UNIT);
    assert_eq!(down.equity - state.equity, -20_000 * UNIT);
    assert_eq!((up.initial, up.maintenance), (22_000 * UNIT, 11_000 * UNIT));
    assert!(desk.engine.set_index(PF, Index::Down));
    assert_eq!(desk.flex(a), state);
}

#[test]
fn an_order_that_would_leave_less_than_the_maintenance_margin_is_refused() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    desk.index(PF, 10_000);
    // 9000 dollars' worth for 10.8 % too much loses 970: 30 are left, 450 are needed.
    desk.place(b, PF, Side::Sell, 9_000, 11_078);
    let dear = desk.order(a, PF, Side::Buy, 9_000, 11_078);
    assert_eq!(desk.refuse(&dear), RejectReason::WouldLiquidate);
    let fair = desk.order(a, PF, Side::Buy, 9_000, 10_500);
    assert!(desk.send(&fair).is_some());
}

#[test]
fn an_account_under_water_may_close_at_the_mark_but_not_for_more_than_it_has() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    desk.trade(a, b, PF, 10_000, 10_000);
    // 20 dollars of equity are left of 1000, with 451 needed.
    desk.index(PF, 9_020);
    assert!(desk.flex(a).equity < desk.flex(a).maintenance);
    let more = desk.order(a, PF, Side::Buy, 1, 9_020);
    assert_eq!(desk.refuse(&more), RejectReason::InsufficientFunds);
    let below = desk.order(a, PF, Side::Sell, 10_000, 8_990);
    assert_eq!(desk.refuse(&below), RejectReason::ClosingMargin);
    desk.place(a, PF, Side::Sell, 10_000, 9_020);
}

#[test]
fn other_collateral_of_the_flex_wallet_counts_at_its_mark_less_the_haircut() {
    let mut desk = Futures::plain();
    let [a, _] = desk.clients;
    let before = desk.flex(a).equity;
    let two = Decimal::new(2, 0);
    desk.engine.deposit(a, Wallet::Flex, asset("BTC"), two).unwrap();
    assert_eq!(desk.flex(a).equity, before, "no price yet");
    desk.index(PF, 10_000);
    // Two at 100.00, less 5 %.
    assert_eq!(desk.flex(a).equity - before, 1_900_000 * UNIT);
    desk.engine.deposit(a, Wallet::Flex, asset("DOGE"), two).unwrap();
    assert_eq!(desk.flex(a).equity - before, 1_900_000 * UNIT, "nothing prices it");
    assert_eq!(desk.btc(a), 10_000_000_000_000_000_000, "the wallet of inverse contracts is apart");
}

#[test]
fn no_position_grows_beyond_the_maximum() {
    let terms = ContractTerms { position_max: Qty(100), ..TERMS };
    let mut desk = Futures::new(NO_FEES, terms, Decimal::new(1000, 0), Decimal::new(10, 0));
    let [a, b] = desk.clients;
    desk.trade(a, b, PF, 80, 1000);
    let more = desk.order(a, PF, Side::Buy, 21, 1000);
    assert_eq!(desk.refuse(&more), RejectReason::PositionSize);
    desk.place(a, PF, Side::Buy, 20, 900);
    let flip = desk.order(a, PF, Side::Sell, 181, 1000);
    assert_eq!(desk.refuse(&flip), RejectReason::PositionSize);
    desk.place(a, PF, Side::Sell, 180, 1100);
}
