//! The rules one by one, then the whole against the naive model.

use std::collections::HashMap;

use proptest::prelude::*;
use taut::types::{Instrument, InstrumentId, OrdType, PairStatus, Px, Qty, Side, TimeInForce};
use taut_codec::value::{Decimal, UtcTime};

use super::model::{Model, Said};
use super::*;

const ID: InstrumentId = InstrumentId(0);
const DIGITS: u8 = 2;

fn instrument() -> Instrument {
    Instrument {
        symbol: "BTC/USD".parse().unwrap(),
        price_precision: DIGITS,
        qty_precision: DIGITS,
        tick_size: Px(1),
        qty_step: Qty(1),
        qty_min: Qty(1),
        cost_min: Decimal::new(0, 0),
        status: PairStatus::Online,
    }
}

/// Two clients with 100,000.00 units of each asset, and the house.
struct Desk {
    engine: SpotEngine,
    clients: [AccountId; 2],
    house: AccountId,
    events: Vec<EngineEvent>,
    key: u128,
}

impl Desk {
    fn new(fees: FeeSchedule, instrument: Instrument, orders_max: usize, funds: i64) -> Self {
        let config = SpotConfig { orders_max, levels: 4, fees, id_salt: 3 };
        let mut engine = SpotEngine::new(&config).unwrap();
        assert_eq!(engine.add_instrument(instrument), Ok(ID));
        let clients = [0; 2].map(|_| engine.add_account(AccountFlags::default()).unwrap());
        let house = engine.add_account(AccountFlags::HOUSE).unwrap();
        for client in clients {
            for asset in ["BTC", "USD"] {
                let funds = Decimal::new(funds, DIGITS);
                engine.deposit(client, asset.parse().unwrap(), funds).unwrap();
            }
        }
        Self { engine, clients, house, events: Vec::new(), key: 0 }
    }

    fn plain() -> Self {
        Self::new(FeeSchedule::default(), instrument(), 100, 10_000_000)
    }

    fn order(&mut self, account: AccountId, side: Side, qty: i64, price: i64) -> NewOrder {
        self.key += 1;
        NewOrder {
            account,
            session: account.0,
            client_key: self.key,
            instrument: ID,
            side,
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::Gtc,
            qty: Qty(qty),
            price: Px(price),
            post_only: false,
            self_trade: SelfTrade::CancelNewest,
        }
    }

    fn send(&mut self, order: &NewOrder) -> Option<OrderRef> {
        self.events.clear();
        self.engine.new_order(UtcTime(5), order, &mut self.events)
    }

    fn place(&mut self, account: AccountId, side: Side, qty: i64, price: i64) -> OrderRef {
        let order = self.order(account, side, qty, price);
        self.send(&order).unwrap()
    }

    fn amend(
        &mut self,
        account: AccountId,
        order: OrderRef,
        qty: i64,
        price: i64,
        p: bool,
    ) -> bool {
        self.key += 1;
        self.events.clear();
        let command = Amend {
            account,
            session: account.0,
            client_key: self.key,
            order,
            qty: Qty(qty),
            price: Px(price),
            post_only: p,
        };
        self.engine.amend(UtcTime(6), &command, &mut self.events)
    }

    fn rejected(&self) -> RejectReason {
        match self.events[..] {
            [EngineEvent { kind: EventKind::Rejected(rejection), .. }] => rejection.reason,
            ref other => panic!("not one reject: {other:?}"),
        }
    }

    fn refuse(&mut self, order: &NewOrder) -> RejectReason {
        let before = self.engine.live_orders();
        assert_eq!(self.send(order), None);
        assert_eq!(self.engine.live_orders(), before);
        self.rejected()
    }

    fn cancelled(&self) -> Vec<(OrderRef, CancelReason, i64)> {
        let mut all = Vec::new();
        for event in &self.events {
            if let EventKind::Cancelled { order, reason, cancelled, .. } = event.kind {
                assert_eq!(order.leaves, Qty(0));
                all.push((order.order, reason, cancelled.0));
            }
        }
        all
    }

    fn trades(&self) -> Vec<Trade> {
        let trades = self.events.iter().filter_map(|event| match event.kind {
            EventKind::Trade(trade) => Some(trade),
            _ => None,
        });
        trades.collect()
    }

    fn queue(&self, side: Side) -> Vec<OrderRef> {
        self.engine.resting(ID, side).map(|order| order.reference).collect()
    }

    fn balance(&self, account: AccountId, asset: &str) -> Balance {
        let asset = self.engine.asset_id(asset.parse().unwrap()).unwrap();
        self.engine.balance(account, asset).unwrap()
    }

    fn status(&mut self, status: PairStatus) {
        assert!(self.engine.set_status(ID, status));
    }
}

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
    let cancel = Cancel { account: desk.clients[0], session: 1, client_key: 77, order: sell };
    desk.events.clear();
    assert!(desk.engine.cancel(UtcTime(9), &cancel, &mut desk.events));
    assert_eq!(desk.cancelled(), [(sell, CancelReason::User, 1000)]);
    assert_eq!(desk.balance(desk.clients[0], "BTC").held, 0);
    desk.events.clear();
    assert!(!desk.engine.cancel(UtcTime(9), &cancel, &mut desk.events));
    assert_eq!(desk.rejected(), RejectReason::UnknownOrder);
}

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
        EventKind::Amended { order: state, orig_client_key: 1 }
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
    let cancel = Cancel { account: a, session: 1, client_key: 1, order: resting };
    assert!(!desk.engine.cancel(UtcTime(1), &cancel, &mut Vec::new()));
    let mut all = CancelWhere {
        account: Some(a),
        session: None,
        instrument: None,
        reason: CancelReason::MassCancel,
        client_key: None,
    };
    assert_eq!(desk.engine.cancel_where(UtcTime(1), &all, &mut Vec::new()), 0);
    all.reason = CancelReason::Disconnect;
    assert_eq!(desk.engine.cancel_where(UtcTime(1), &all, &mut Vec::new()), 2);
    assert!(!desk.engine.set_status(InstrumentId(9), PairStatus::Online));
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
        session: Some(session),
        instrument: Some(ID),
        reason: CancelReason::MassCancel,
        client_key: Some(8),
    };
    assert!(desk.amend(a, two, 4, 99, false), "the amend comes from the account's own session");
    desk.events.clear();
    assert_eq!(desk.engine.cancel_where(UtcTime(2), &by_session(50), &mut desk.events), 0);
    assert_eq!(desk.engine.cancel_where(UtcTime(2), &by_session(a.0), &mut desk.events), 2);
    let reason = CancelReason::MassCancel;
    assert_eq!(desk.cancelled(), [(one, reason, 5), (two, reason, 4)]);
}

#[test]
fn a_full_engine_refuses_and_a_freed_slot_has_a_new_name() {
    let mut desk = Desk::new(FeeSchedule::default(), instrument(), 1, 10_000_000);
    let a = desk.clients[0];
    let first = desk.place(a, Side::Buy, 5, 100);
    let order = desk.order(a, Side::Buy, 5, 100);
    assert_eq!(desk.refuse(&order), RejectReason::OrdersLimit);
    let cancel = Cancel { account: a, session: 1, client_key: 1, order: first };
    assert!(desk.engine.cancel(UtcTime(1), &cancel, &mut Vec::new()));
    let second = desk.send(&order).unwrap();
    assert_ne!(first, second);
    assert!(desk.engine.order(first).is_none());
    assert_ne!(desk.engine.order_id(first), desk.engine.order_id(second));
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
        let cancel = Cancel { account: a, session: 1, client_key: 1, order };
        assert!(desk.engine.cancel(UtcTime(1), &cancel, &mut Vec::new()));
    }
    let book = desk.engine.book_mut(ID).unwrap();
    assert!(!book.take_changes(&mut changes), "more changes than are remembered");
    assert!(book.take_changes(&mut changes) && changes.is_empty());
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

/// One random step; numbers are reduced to what makes sense when it is played.
#[derive(Debug, Clone)]
enum Step {
    New { who: usize, buy: bool, market: bool, ioc: bool, post: bool, mode: u8, qty: i64, px: i64 },
    Amend { who: usize, which: usize, qty: i64, px: i64, post: bool },
    Cancel { who: usize, which: usize },
    CancelWhere { who: Option<usize>, session: Option<u32>, drop: bool },
    Status(PairStatus),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let new = (0usize..3, any::<bool>(), 0u8..8, 0u8..6, 0u8..6, 0u8..3, 0i64..25, 0i64..14)
        .prop_map(|(who, buy, market, ioc, post, mode, qty, px)| Step::New {
            who,
            buy,
            market: market == 0,
            ioc: ioc == 0,
            post: post == 0,
            mode,
            qty,
            px,
        });
    let amend = (0usize..3, any::<usize>(), 0i64..30, 0i64..14, 0u8..4).prop_map(
        |(who, which, qty, px, post)| Step::Amend { who, which, qty, px, post: post == 0 },
    );
    let cancel = (0usize..3, any::<usize>()).prop_map(|(who, which)| Step::Cancel { who, which });
    let many = (proptest::option::of(0usize..3), proptest::option::of(0u32..3), any::<bool>())
        .prop_map(|(who, session, drop)| Step::CancelWhere { who, session, drop });
    let status = prop_oneof![
        6 => Just(PairStatus::Online),
        1 => Just(PairStatus::PostOnly),
        1 => Just(PairStatus::CancelOnly),
        1 => Just(PairStatus::LimitOnly),
        1 => Just(PairStatus::Maintenance),
    ]
    .prop_map(Step::Status);
    let step = prop_oneof![30 => new, 14 => amend, 6 => cancel, 1 => many, 1 => status];
    proptest::collection::vec(step, 10..80)
}

fn reduce(events: &[EngineEvent]) -> Vec<Said> {
    let figures = |s: &OrderState| (s.cum.0, s.leaves.0, s.notional, s.fee);
    let reduced = events.iter().map(|event| match event.kind {
        EventKind::Rejected(rejection) => Said::Rejected(rejection.client_key, rejection.reason),
        EventKind::Accepted(order) => Said::Accepted(order.client_key),
        EventKind::Live(order) => Said::Live(order.client_key),
        EventKind::Trade(trade) => Said::Trade(
            trade.maker.client_key,
            trade.taker.client_key,
            trade.px.0,
            trade.qty.0,
            [figures(&trade.maker), figures(&trade.taker)],
        ),
        EventKind::Cancelled { order, reason, cancelled, .. } => {
            Said::Cancelled(order.client_key, reason, cancelled.0)
        }
        EventKind::Amended { order, orig_client_key } => {
            Said::Amended(order.client_key, orig_client_key, order.qty.0, order.leaves.0)
        }
    });
    reduced.collect()
}

/// Engine and model side by side.
struct Pair {
    desk: Desk,
    model: Model,
    accounts: [AccountId; 3],
    /// Every order ever accepted: its name, the key it was set with last, its account, its mode.
    known: Vec<(OrderRef, u128, AccountId, SelfTrade)>,
}

impl Pair {
    fn new(currency: FeeCurrency, qty_min: i64, cost_min: i64, funds: i64) -> Self {
        // Rates far above real ones make the rounding matter at these small numbers.
        let fees = FeeSchedule { maker: 16_000, taker: 26_000, currency };
        let mut spec = instrument();
        spec.qty_min = Qty(qty_min);
        spec.cost_min = Decimal::new(cost_min, 2 * DIGITS);
        let desk = Desk::new(fees, spec, 12, funds);
        let accounts = [desk.clients[0], desk.clients[1], desk.house];
        let free = vec![false, false, false, true];
        let mut model = Model::new((16_000, 26_000, currency), free);
        model.qty_min = qty_min;
        model.cost_min = i128::from(cost_min);
        model.orders_max = 12;
        for account in 1..3 {
            let quote = i128::from(funds) * 10i128.pow(u32::from(DIGITS));
            model.money[account] = [i128::from(funds), quote];
        }
        Self { desk, model, accounts, known: Vec::new() }
    }

    fn target(&self, which: usize) -> (OrderRef, u128, SelfTrade) {
        match self.known.len() {
            0 => (OrderRef::from_bits(7), u128::MAX, SelfTrade::CancelNewest),
            count => {
                let (order, key, _, mode) = self.known[which % count];
                (order, key, mode)
            }
        }
    }

    fn play(&mut self, step: &Step, key: u128) -> (Vec<Said>, Vec<Said>) {
        let mut said = Vec::new();
        let now = UtcTime(1000 + key as u64);
        self.desk.events.clear();
        match *step {
            Step::New { who, buy, market, ioc, post, mode, qty, px } => {
                let modes =
                    [SelfTrade::CancelNewest, SelfTrade::CancelOldest, SelfTrade::CancelBoth];
                let order = NewOrder {
                    account: self.accounts[who],
                    session: key as u32 % 3,
                    client_key: key,
                    instrument: ID,
                    side: if buy { Side::Buy } else { Side::Sell },
                    ord_type: if market { OrdType::Market } else { OrdType::Limit },
                    time_in_force: if ioc { TimeInForce::Ioc } else { TimeInForce::Gtc },
                    qty: Qty(qty),
                    price: Px(px),
                    post_only: post,
                    self_trade: modes[usize::from(mode)],
                };
                let made = self.desk.engine.new_order(now, &order, &mut self.desk.events);
                if let Some(made) = made {
                    self.known.push((made, key, order.account, order.self_trade));
                }
                self.model.new_order(&order, &mut said);
            }
            Step::Amend { who, which, qty, px, post } => {
                let (order, target, mode) = self.target(which);
                let command = Amend {
                    account: self.accounts[who],
                    session: key as u32 % 3,
                    client_key: key,
                    order,
                    qty: Qty(qty),
                    price: Px(px),
                    post_only: post,
                };
                if self.desk.engine.amend(now, &command, &mut self.desk.events) {
                    let known = self.known.iter_mut().find(|known| known.0 == order);
                    known.expect("the target was known").1 = key;
                }
                self.model.amend(&command, target, mode, &mut said);
            }
            Step::Cancel { who, which } => {
                let (order, target, _) = self.target(which);
                let account = self.accounts[who];
                let command = Cancel { account, session: 0, client_key: key, order };
                self.desk.engine.cancel(now, &command, &mut self.desk.events);
                self.model.cancel(account.0 as usize, key, target, &mut said);
            }
            Step::CancelWhere { who, session, drop } => {
                let reason = if drop { CancelReason::Disconnect } else { CancelReason::MassCancel };
                let account = who.map(|who| self.accounts[who]);
                let command =
                    CancelWhere { account, session, instrument: None, reason, client_key: None };
                self.desk.engine.cancel_where(now, &command, &mut self.desk.events);
                self.model.cancel_where(account.map(|a| a.0 as usize), session, reason, &mut said);
            }
            Step::Status(status) => {
                self.desk.status(status);
                self.model.status = status;
            }
        }
        (reduce(&self.desk.events), said)
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let engine = &self.desk.engine;
        let book = engine.book(ID).expect("the instrument is listed");
        if let (Some(bid), Some(ask)) = (book.best(Side::Buy), book.best(Side::Sell)) {
            prop_assert!(bid < ask, "crossed: {bid:?} {ask:?}");
        }
        for side in [Side::Buy, Side::Sell] {
            let mut naive: Vec<_> = self.model.live.iter().filter(|o| o.side == side).collect();
            naive.sort_by_key(|o| (-side.sign() * o.limit.unwrap_or(0), o.queued));
            let naive: Vec<_> =
                naive.iter().map(|o| (o.key, o.limit.unwrap_or(0), o.leaves())).collect();
            let ours: Vec<_> =
                engine.resting(ID, side).map(|o| (o.client_key, o.price.0, o.leaves().0)).collect();
            prop_assert_eq!(&ours, &naive);
            let mut totals: Vec<(i64, i64, u32)> = Vec::new();
            for &(_, px, leaves) in &ours {
                match totals.last_mut() {
                    Some(last) if last.0 == px => *last = (px, last.1 + leaves, last.2 + 1),
                    _ => totals.push((px, leaves, 1)),
                }
            }
            let levels: Vec<_> = book.levels(side).map(|l| (l.px.0, l.total.0, l.orders)).collect();
            prop_assert_eq!(levels, totals);
        }
        prop_assert_eq!(engine.live_orders(), self.model.live.len());
        let units = [10i128.pow(16), 10i128.pow(14)];
        for (asset, unit) in units.into_iter().enumerate() {
            let id = AssetId(asset as u16);
            let mut sum = 0;
            for account in 0..4 {
                let balance = engine.balance(AccountId(account as u32), id).unwrap();
                prop_assert_eq!(balance.total, self.model.money[account][asset] * unit);
                prop_assert_eq!(balance.held, self.model.held(account, asset) * unit);
                if !self.model.free[account] {
                    prop_assert!(balance.available() >= 0, "{} {:?}", account, balance);
                }
                sum += balance.total;
            }
            let funded: i128 = self.desk_funds() * 2 * 10i128.pow(16);
            prop_assert_eq!(sum, funded);
        }
        Ok(())
    }

    /// What each client was given, units of 10^-DIGITS, from the model's sums.
    fn desk_funds(&self) -> i128 {
        self.model.money.iter().map(|money| money[0]).sum::<i128>() / 2
    }
}

fn run(
    currency: FeeCurrency,
    qty_min: i64,
    cost_min: i64,
    funds: i64,
    steps: &[Step],
    seen: &mut HashMap<&'static str, u32>,
) -> Result<(), TestCaseError> {
    let mut pair = Pair::new(currency, qty_min, cost_min, funds);
    let mut key = 0;
    // What is kept of the changes has to lead from book to book.
    let mut mirror: HashMap<(Side, i64), i64> = HashMap::new();
    let mut changes = Vec::new();
    for step in steps {
        key += 1;
        let (ours, naive) = pair.play(step, key);
        prop_assert_eq!(&ours, &naive, "{:?}", step);
        pair.check()?;
        prop_assert_eq!(pair.desk_funds(), i128::from(funds));
        for event in &pair.desk.events {
            let name = match event.kind {
                EventKind::Rejected(rejection) => rejection.reason.text(),
                EventKind::Cancelled { reason, .. } => reason.text(),
                EventKind::Trade(trade) => {
                    let own = trade.maker.account == trade.taker.account;
                    prop_assert!(!own || trade.maker.account == pair.desk.house);
                    "trade"
                }
                EventKind::Amended { .. } => "amended",
                _ => "accepted",
            };
            *seen.entry(name).or_default() += 1;
        }
        let book = pair.desk.engine.book_mut(ID).expect("listed");
        prop_assert!(book.take_changes(&mut changes));
        for change in &changes {
            mirror.insert((change.side, change.px.0), change.total.0);
            if change.total.0 == 0 {
                mirror.remove(&(change.side, change.px.0));
            }
        }
        for side in [Side::Buy, Side::Sell] {
            for level in book.levels(side) {
                prop_assert_eq!(mirror.get(&(side, level.px.0)), Some(&level.total.0));
            }
        }
        prop_assert_eq!(mirror.len(), book.depth(Side::Buy) + book.depth(Side::Sell));
    }
    Ok(())
}

#[test]
fn random_commands_end_as_in_the_naive_model_with_every_invariant_kept() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let currency =
        prop_oneof![Just(FeeCurrency::Given), Just(FeeCurrency::Base), Just(FeeCurrency::Quote)];
    let input = (currency, 1i64..5, 0i64..12, 5i64..300, steps());
    let seen = std::cell::RefCell::new(HashMap::new());
    runner
        .run(&input, |(currency, qty_min, cost_min, funds, steps)| {
            run(currency, qty_min, cost_min, funds, &steps, &mut seen.borrow_mut())
        })
        .unwrap();
    let seen = seen.into_inner();
    // Every outcome that this test can meet was met, so that none of the comparisons is empty.
    for name in [
        "accepted",
        "trade",
        "amended",
        RejectReason::InsufficientFunds.text(),
        RejectReason::OrderMinimum.text(),
        RejectReason::CostMinimum.text(),
        RejectReason::InvalidPrice.text(),
        RejectReason::InvalidQuantity.text(),
        RejectReason::UnknownOrder.text(),
        RejectReason::OrdersLimit.text(),
        RejectReason::PostOnlyWouldTake.text(),
        RejectReason::MarketCancelOnly.text(),
        RejectReason::MarketPostOnly.text(),
        RejectReason::MarketLimitOnly.text(),
        RejectReason::MarketUnavailable.text(),
        CancelReason::User.text(),
        CancelReason::Disconnect.text(),
        CancelReason::ImmediateOrCancel.text(),
        CancelReason::NoLiquidity.text(),
        CancelReason::SelfTrade.text(),
        CancelReason::AmendedBelowFilled.text(),
    ] {
        assert!(seen.get(name).is_some_and(|&count| count > 20), "{name}: {:?}", seen.get(name));
    }
}
