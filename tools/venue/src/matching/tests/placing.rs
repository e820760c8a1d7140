//! What is taken and what is refused: set-up, sizes, prices, funds, the status of the market.

use super::*;

#[test]
fn a_resting_order_is_accepted_then_live_and_holds_its_cost_with_the_higher_fee() {
    let mut desk = Desk::plain();
    let order = desk.place(desk.clients[0], Side::Buy, 10, 1000);
    assert!(matches!(
        desk.events[..],
        [
            EngineEvent { at: UtcTime(5), kind: EventKind::Accepted(a) },
            EngineEvent { kind: EventKind::Live(b), .. }
        ] if a == b && a.order == order && a.leaves == Qty(10)
    ));
    // 0.10 at 10.00 costs 1.0000; 0.26 % of it is 0.0026, an exact number of units.
    assert_eq!(desk.balance(desk.clients[0], "USD").held, 10_026 * 10i128.pow(14));
    let sell = desk.place(desk.clients[0], Side::Sell, 1000, 2000);
    // 2.6 units of base are held as 3.
    assert_eq!(desk.balance(desk.clients[0], "BTC").held, 1003 * 10i128.pow(16));
    let id = desk.engine.order_id(sell);
    assert_eq!(desk.engine.order_ref(id.as_bytes()), Some(sell));
    let cancel = Cancel { account: desk.clients[0], session: 1, client_key: Some(77), order: sell };
    desk.events.clear();
    assert!(desk.engine.cancel(UtcTime(9), &cancel, &mut desk.events));
    assert_eq!(desk.cancelled(), [(sell, CancelReason::User, 1000)]);
    assert_eq!(desk.balance(desk.clients[0], "BTC").held, 0);
    desk.events.clear();
    assert!(!desk.engine.cancel(UtcTime(9), &cancel, &mut desk.events));
    assert_eq!(desk.rejected(), RejectReason::UnknownOrder);
}

#[test]
fn sizes_and_prices_are_refused_with_the_venues_reasons() {
    let mut spec = instrument();
    spec.tick_size = Px(5);
    spec.qty_step = Qty(2);
    spec.qty_min = Qty(4);
    spec.cost_min = Decimal::new(5, 1);
    let mut desk = Desk::new(FeeSchedule::default(), spec, 100, 10_000_000);
    let a = desk.clients[0];
    for (qty, price, reason) in [
        (0, 1000, RejectReason::InvalidQuantity),
        (-4, 1000, RejectReason::InvalidQuantity),
        (5, 1000, RejectReason::InvalidQuantity),
        (2, 5000, RejectReason::OrderMinimum),
        (4, 0, RejectReason::InvalidPrice),
        (4, -5, RejectReason::InvalidPrice),
        (4, 1001, RejectReason::TickSize),
        (4, 1245, RejectReason::CostMinimum),
        (i64::MAX - 1, 5, RejectReason::InvalidQuantity),
        (i64::MAX - 1, i64::MAX - 2, RejectReason::InvalidQuantity),
        (4_000_000_000, 1_000_000, RejectReason::InsufficientFunds),
    ] {
        let order = desk.order(a, Side::Buy, qty, price);
        assert_eq!(desk.refuse(&order), reason, "{qty} at {price}");
    }
    desk.place(a, Side::Buy, 4, 1250);
    desk.place(desk.house, Side::Buy, 2, 5);
    let unknown = NewOrder { instrument: InstrumentId(1), ..desk.order(a, Side::Buy, 4, 1250) };
    assert_eq!(desk.refuse(&unknown), RejectReason::UnknownInstrument);
    for nobody in [FEE_ACCOUNT, AccountId(99)] {
        let order = desk.order(nobody, Side::Buy, 4, 1250);
        assert_eq!(desk.refuse(&order), RejectReason::PermissionDenied);
    }
    assert_eq!(RejectReason::TickSize.text(), "EOrder:Tick size check failed");
    assert_eq!(RejectReason::UnknownOrder.business_reason(), 101);
}

#[test]
fn post_only_is_refused_before_acceptance_if_it_would_take() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    desk.place(a, Side::Sell, 5, 100);
    let order = NewOrder { post_only: true, ..desk.order(b, Side::Buy, 5, 100) };
    assert_eq!(desk.refuse(&order), RejectReason::PostOnlyWouldTake);
    assert!(desk.send(&NewOrder { price: Px(99), ..order }).is_some());
    let ioc = NewOrder { time_in_force: TimeInForce::Ioc, price: Px(90), ..order };
    assert_eq!(desk.refuse(&ioc), RejectReason::InvalidArguments);
    let market = NewOrder { ord_type: OrdType::Market, ..order };
    assert_eq!(desk.refuse(&market), RejectReason::InvalidArguments);
}

#[test]
fn a_market_buy_needs_funds_for_what_the_book_asks() {
    let mut desk = Desk::new(FeeSchedule::default(), instrument(), 100, 100);
    let [a, b] = desk.clients;
    desk.place(desk.house, Side::Sell, 10, 900);
    let order = desk.order(a, Side::Buy, 10, 0);
    let market = NewOrder { ord_type: OrdType::Market, ..order };
    assert!(desk.send(&market).is_some());
    desk.place(desk.house, Side::Sell, 10, 1000);
    let order = desk.order(b, Side::Buy, 10, 0);
    let market = NewOrder { ord_type: OrdType::Market, ..order };
    // 1.00 is there, 1.0026 would be needed.
    assert_eq!(desk.refuse(&market), RejectReason::InsufficientFunds);
}

#[test]
fn the_market_status_decides_what_is_taken() {
    let mut desk = Desk::plain();
    let [a, b] = desk.clients;
    let resting = desk.place(a, Side::Buy, 5, 100);
    desk.place(b, Side::Sell, 5, 110);
    let order = desk.order(a, Side::Buy, 5, 100);
    desk.status(PairStatus::CancelOnly);
    assert_eq!(desk.refuse(&order), RejectReason::MarketCancelOnly);
    assert!(!desk.amend(a, resting, 4, 100, false));
    desk.status(PairStatus::PostOnly);
    assert_eq!(desk.refuse(&order), RejectReason::MarketPostOnly);
    assert!(desk.send(&NewOrder { post_only: true, ..order }).is_some());
    assert!(!desk.amend(a, resting, 4, 110, false));
    assert_eq!(desk.rejected(), RejectReason::MarketPostOnly);
    assert!(desk.amend(a, resting, 4, 100, false));
    desk.status(PairStatus::LimitOnly);
    let market = NewOrder { ord_type: OrdType::Market, ..order };
    assert_eq!(desk.refuse(&market), RejectReason::MarketLimitOnly);
    desk.status(PairStatus::Maintenance);
    assert_eq!(desk.refuse(&order), RejectReason::MarketUnavailable);
    let cancel = Cancel { account: a, session: 1, client_key: Some(1), order: resting };
    assert!(!desk.engine.cancel(UtcTime(1), &cancel, &mut Vec::new()));
    let mut all = CancelWhere {
        account: Some(a),
        sessions: None,
        instrument: None,
        reason: CancelReason::MassCancel,
        asker: None,
    };
    assert_eq!(desk.engine.cancel_where(UtcTime(1), &all, &mut Vec::new()), 0);
    all.reason = CancelReason::Disconnect;
    assert_eq!(desk.engine.cancel_where(UtcTime(1), &all, &mut Vec::new()), 2);
    assert!(!desk.engine.set_status(InstrumentId(9), PairStatus::Online));
}

#[test]
fn a_full_engine_refuses_and_a_freed_slot_has_a_new_name() {
    let mut desk = Desk::new(FeeSchedule::default(), instrument(), 1, 10_000_000);
    let a = desk.clients[0];
    let first = desk.place(a, Side::Buy, 5, 100);
    let order = desk.order(a, Side::Buy, 5, 100);
    assert_eq!(desk.refuse(&order), RejectReason::OrdersLimit);
    let cancel = Cancel { account: a, session: 1, client_key: Some(1), order: first };
    assert!(desk.engine.cancel(UtcTime(1), &cancel, &mut Vec::new()));
    let second = desk.send(&order).unwrap();
    assert_ne!(first, second);
    assert!(desk.engine.order(first).is_none());
    assert_ne!(desk.engine.order_id(first), desk.engine.order_id(second));
}

#[test]
fn a_wrong_set_up_is_refused() {
    let mut engine = SpotEngine::new(&SpotConfig::default()).unwrap();
    let with = |symbol: &str| Instrument { symbol: symbol.parse().unwrap(), ..instrument() };
    for symbol in ["BTCUSD", "BTC/BTC", "/USD", "BTC/"] {
        assert!(matches!(engine.add_instrument(with(symbol)), Err(SetupError::Symbol(_))));
    }
    let fine = Instrument { price_precision: 10, qty_precision: 9, ..with("BTC/USD") };
    assert!(matches!(engine.add_instrument(fine), Err(SetupError::Precision(_))));
    let zero = Instrument { tick_size: Px(0), ..with("BTC/USD") };
    assert!(matches!(engine.add_instrument(zero), Err(SetupError::Size(_))));
    assert!(engine.asset_id("BTC".parse().unwrap()).is_none(), "nothing is left behind");
    engine.add_instrument(with("BTC/USD")).unwrap();
    assert!(matches!(engine.add_instrument(with("BTC/USD")), Err(SetupError::Duplicate(_))));
    let account = engine.add_account(AccountFlags::default()).unwrap();
    let usd: Asset = "USD".parse().unwrap();
    let minus = Decimal::new(-1, 0);
    assert_eq!(engine.deposit(account, usd, minus), Err(SetupError::Amount(minus)));
    let one = Decimal::new(1, 0);
    assert_eq!(engine.deposit(FEE_ACCOUNT, usd, one), Err(SetupError::Account));
    let fees = FeeSchedule { taker: 100_001, ..FeeSchedule::default() };
    assert!(SpotEngine::new(&SpotConfig { fees, ..SpotConfig::default() }).is_err());
}
