use taut_codec::value::{Decimal, FixStr};

use super::*;
use crate::command::{NewOrder, ReplaceOrder, SelfTrade, Watches};
use crate::event::{BookAction, BookEntry, ExecType, Fill, OrdStatus, Report};
use crate::order::tests::report;
use crate::order::{OrderState, OrderTable};
use crate::types::{ClOrdId, OrdType, PairStatus, Px, Qty, TimeInForce};

const NOW: UtcTime = UtcTime(1_000_000_000_000);

fn instrument() -> Instrument {
    Instrument {
        symbol: FixStr::new(b"BTC/USD").unwrap(),
        price_precision: 1,
        qty_precision: 4,
        tick_size: Px(5),
        qty_step: Qty(2),
        qty_min: Qty(10),
        qty_max: None,
        cost_min: Decimal::new(5, 1),
        status: PairStatus::Online,
    }
}

fn limits() -> RiskLimits {
    RiskLimits {
        max_order_qty: Decimal::new(1, 0),
        max_notional: Decimal::new(90, 0),
        collar_bps: 1_000,
        max_position: Decimal::new(15, 1),
        max_open_orders: 3,
        commands_per_second: 10,
        burst: 5,
        ..RiskLimits::UNLIMITED
    }
}

/// 99.5 to 100.5.
fn book() -> Book {
    let mut book = Book::with_capacity(2);
    for (side, px) in [(Side::Buy, 995), (Side::Sell, 1_005)] {
        book.apply(&BookEntry {
            instrument: InstrumentId(0),
            side,
            action: BookAction::Set,
            px: Px(px),
            qty: Qty(1),
            last: true,
            checksum: None,
            sent: NOW,
        })
        .unwrap();
    }
    book
}

fn order() -> NewOrder {
    NewOrder {
        cl_ord_id: ClOrdId::numeric(1).unwrap(),
        instrument: InstrumentId(0),
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        qty: Qty(1_000),
        px: Some(Px(1_000)),
        stop_px: None,
        watches: Watches::LastTrade,
        post_only: false,
        self_trade: None,
    }
}

fn check_with(facts: Instrument, order: NewOrder, view: RiskView<'_>) -> Result<(), Refusal> {
    let mut risk = RiskCheck::new(std::iter::once(limits()));
    risk.set_instrument(InstrumentId(0), &facts);
    risk.check(order, &view, NOW).map(|checked| assert_eq!(*checked.get(), order))
}

/// The order, acknowledged and filled so far.
fn part_filled(cum: i64) -> Order {
    let mut table = OrderTable::with_capacity(1, 1, 1);
    let handle = table.open(&order()).unwrap();
    table.stamp(handle, NOW);
    let fill = Fill { px: Px(1_000), qty: Qty(cum), liquidity: None };
    let told = report(1, ExecType::Trade, OrdStatus::PartiallyFilled, order().qty.0, cum);
    table.on_report(&Report { px: order().px, fill: Some(fill), ..told });
    *table.get(handle).unwrap()
}

/// Numbers of a refusal.
fn n(asked: i128, bound: i128, scale: u8) -> Numbers {
    Numbers { asked, bound, scale }
}

fn flat(book: &Book) -> RiskView<'_> {
    RiskView { book: Some(book), position: 0, open: [0, 0], open_orders: 0 }
}

#[test]
fn every_rule_of_the_form_and_the_instrument_is_checked() {
    let book = book();
    let market = NewOrder { ord_type: OrdType::Market, px: None, ..order() };
    let ioc = NewOrder { time_in_force: TimeInForce::Ioc, ..order() };
    for (order, refusal) in [
        (order(), None),
        (market, None),
        (ioc, None),
        (NewOrder { post_only: true, ..order() }, None),
        (NewOrder { qty: Qty(0), ..order() }, Some(Refusal::BadNumber)),
        (NewOrder { qty: Qty(i64::MIN), ..order() }, Some(Refusal::BadNumber)),
        (NewOrder { px: Some(Px(-5)), ..order() }, Some(Refusal::BadNumber)),
        (NewOrder { px: None, ..order() }, Some(Refusal::BadCombination)),
        (NewOrder { px: Some(Px(1_000)), ..market }, Some(Refusal::BadCombination)),
        (NewOrder { post_only: true, ..market }, Some(Refusal::BadCombination)),
        (NewOrder { post_only: true, ..ioc }, Some(Refusal::BadCombination)),
        (NewOrder { px: Some(Px(1_001)), ..order() }, Some(Refusal::TickSize(n(1_001, 5, 1)))),
        (NewOrder { qty: Qty(1_001), ..order() }, Some(Refusal::QtyStep(n(1_001, 2, 4)))),
        (NewOrder { qty: Qty(8), ..order() }, Some(Refusal::QtyMin(n(8, 10, 4)))),
        (NewOrder { qty: Qty(48), ..order() }, Some(Refusal::CostMin(n(48_000, 50_000, 5)))),
        (NewOrder { qty: Qty(50), ..order() }, None),
        (
            NewOrder { qty: Qty(10_002), ..order() },
            Some(Refusal::MaxOrderQty(n(10_002, 10_000, 4))),
        ),
        (
            NewOrder { qty: Qty(9_002), ..order() },
            Some(Refusal::MaxNotional(n(9_002_000, 9_000_000, 5))),
        ),
        (NewOrder { qty: Qty(9_000), ..order() }, None),
        (NewOrder { instrument: InstrumentId(1), ..order() }, Some(Refusal::InstrumentUnknown)),
    ] {
        let result = check_with(instrument(), order, flat(&book));
        assert_eq!(result.err(), refusal, "{order:?}");
    }
}

#[test]
fn derivatives_take_only_the_orders_that_they_have_and_inverse_contracts_none() {
    let book = book();
    let of = |symbol: &[u8]| Instrument { symbol: FixStr::new(symbol).unwrap(), ..instrument() };
    let (linear, inverse) = (of(b"PF_XBTUSD"), of(b"FI_XBTUSD_260626"));
    let fok = NewOrder { time_in_force: TimeInForce::Fok, ..order() };
    let rule = NewOrder { self_trade: Some(SelfTrade::CancelBoth), ..order() };
    let trails = waits(Side::Sell, OrdType::TrailingStop, None, 50);
    let offset = waits(Side::Sell, OrdType::TrailingStopLimit, Some(-5), 50);
    let ioc = NewOrder { time_in_force: TimeInForce::Ioc, ..order() };
    for (facts, order, refusal) in [
        (instrument(), fok, None),
        (instrument(), rule, None),
        (linear, order(), None),
        (linear, ioc, None),
        (linear, fok, Some(Refusal::NotOnThisMarket)),
        (linear, rule, Some(Refusal::NotOnThisMarket)),
        (linear, trails, None),
        (linear, offset, Some(Refusal::NotOnThisMarket)),
        (instrument(), offset, None),
        (inverse, trails, Some(Refusal::InverseContract)),
        (inverse, order(), Some(Refusal::InverseContract)),
    ] {
        let result = check_with(facts, order, flat(&book));
        assert_eq!(result.err(), refusal, "{order:?} {facts:?}");
    }
}

#[test]
fn the_collar_is_exact_on_both_sides_and_needs_a_book() {
    let book = book();
    let outside = |px, bound| Err(Refusal::PriceCollar(n(px, bound, 1)));
    for (px, expected) in
        [(900, Ok(())), (895, outside(895, 900)), (1_100, Ok(())), (1_105, outside(1_105, 1_100))]
    {
        let result =
            check_with(instrument(), NewOrder { px: Some(Px(px)), ..order() }, flat(&book));
        assert_eq!(result, expected, "{px}");
    }
    let mut half = book.clone();
    half.apply(&BookEntry {
        instrument: InstrumentId(0),
        side: Side::Sell,
        action: BookAction::Delete,
        px: Px(1_005),
        qty: Qty(0),
        last: true,
        checksum: None,
        sent: NOW,
    })
    .unwrap();
    assert_eq!(check_with(instrument(), order(), flat(&half)), Err(Refusal::NoBook));
    let none = RiskView { book: None, ..flat(&book) };
    assert_eq!(check_with(instrument(), order(), none), Err(Refusal::NoBook));
}

#[test]
fn the_position_limit_counts_what_open_orders_could_fill() {
    let book = book();
    let view = |position, buys, sells| RiskView { position, open: [buys, sells], ..flat(&book) };
    let sell = NewOrder { side: Side::Sell, ..order() };
    let beyond = || Err(Refusal::MaxPosition(n(15_002, 15_000, 4)));
    for (order, view, expected) in [
        (order(), view(14_000, 0, 0), Ok(())),
        (order(), view(14_002, 0, 0), beyond()),
        (order(), view(0, 14_002, 0), beyond()),
        (order(), view(-20_000, 0, 0), Ok(())),
        (sell, view(14_002, 14_002, 0), Ok(())),
        (sell, view(-7_000, 0, 7_000), Ok(())),
        (sell, view(-7_000, 0, 7_002), beyond()),
    ] {
        let result = check_with(instrument(), order, view);
        assert_eq!(result, expected, "{view:?}");
    }
    let many = RiskView { open_orders: 3, ..flat(&book) };
    assert_eq!(check_with(instrument(), order(), many), Err(Refusal::MaxOpenOrders(n(4, 3, 0))));
}

/// An order of 0.09 that waits for a trigger.
fn waits(side: Side, ord_type: OrdType, px: Option<i64>, stop: i64) -> NewOrder {
    let (px, stop_px) = (px.map(Px), Some(Px(stop)));
    NewOrder { side, ord_type, px, stop_px, qty: Qty(900), ..order() }
}

#[test]
fn an_order_that_waits_for_a_trigger_is_held_to_the_collar_of_the_trigger_and_its_limit_to_the_trigger()
 {
    use OrdType::{
        StopLoss, StopLossLimit, TakeProfit, TakeProfitLimit, TrailingStop, TrailingStopLimit,
    };
    use Side::{Buy, Sell};
    let book = book();
    let passed = |at| Some(Refusal::TriggerPassed(n(at, 1_000, 1)));
    let collar = |asked, bound| Some(Refusal::PriceCollar(n(asked, bound, 1)));
    // Around 100.0: triggers within 20 %, limits within 10 % of their trigger.
    for (order, refusal) in [
        (waits(Buy, StopLoss, None, 1_005), None),
        (waits(Buy, StopLoss, None, 1_200), None),
        (waits(Buy, StopLoss, None, 1_205), collar(1_205, 1_200)),
        (waits(Buy, StopLoss, None, 1_000), passed(1_000)),
        (waits(Buy, StopLoss, None, 995), passed(995)),
        (waits(Sell, StopLoss, None, 995), None),
        (waits(Sell, StopLoss, None, 795), collar(795, 800)),
        (waits(Sell, StopLoss, None, 1_005), passed(1_005)),
        (waits(Buy, TakeProfit, None, 900), None),
        (waits(Buy, TakeProfit, None, 1_005), passed(1_005)),
        (waits(Sell, TakeProfit, None, 1_005), None),
        (waits(Sell, TakeProfit, None, 995), passed(995)),
        (waits(Buy, StopLossLimit, Some(1_320), 1_200), None),
        (waits(Buy, StopLossLimit, Some(1_325), 1_200), collar(1_325, 1_320)),
        (waits(Sell, StopLossLimit, Some(720), 800), None),
        (waits(Sell, StopLossLimit, Some(715), 800), collar(715, 720)),
        (waits(Sell, TakeProfitLimit, Some(1_080), 1_200), None),
        // A distance from the best price that it would meet: 100.5 for a buy, 99.5 for a sell.
        (waits(Buy, TrailingStop, None, 195), None),
        (waits(Buy, TrailingStop, None, 200), collar(1_205, 1_200)),
        (waits(Sell, TrailingStop, None, 195), None),
        (waits(Sell, TrailingStop, None, 200), collar(795, 800)),
        (waits(Sell, TrailingStop, None, 995), Some(Refusal::BadNumber)),
        (waits(Sell, TrailingStopLimit, Some(-50), 195), None),
        (waits(Sell, TrailingStopLimit, Some(0), 195), None),
        (waits(Sell, TrailingStopLimit, Some(-85), 195), collar(715, 720)),
        // What does not fit together, or is no number.
        (waits(Buy, StopLoss, Some(1_005), 1_005), Some(Refusal::BadCombination)),
        (waits(Buy, StopLossLimit, None, 1_005), Some(Refusal::BadCombination)),
        (waits(Buy, OrdType::Limit, Some(1_000), 1_005), Some(Refusal::BadCombination)),
        (
            NewOrder { stop_px: None, ..waits(Buy, StopLoss, None, 1_005) },
            Some(Refusal::BadCombination),
        ),
        (
            NewOrder { post_only: true, ..waits(Buy, StopLoss, None, 1_005) },
            Some(Refusal::BadCombination),
        ),
        (NewOrder { time_in_force: TimeInForce::Gtd, ..order() }, Some(Refusal::BadCombination)),
        (waits(Buy, StopLoss, None, 0), Some(Refusal::BadNumber)),
        (waits(Buy, StopLossLimit, Some(-5), 1_005), Some(Refusal::BadNumber)),
        (waits(Buy, TrailingStop, None, -5), Some(Refusal::BadNumber)),
        (waits(Buy, StopLoss, None, 1_006), Some(Refusal::TickSize(n(1_006, 5, 1)))),
        // Its cost is that at its trigger or limit, whichever is more; the least, that at its limit.
        (NewOrder { qty: Qty(8_500), ..waits(Buy, StopLoss, None, 1_055) }, None),
        (
            NewOrder { qty: Qty(8_500), ..waits(Buy, StopLoss, None, 1_060) },
            Some(Refusal::MaxNotional(n(9_010_000, 9_000_000, 5))),
        ),
        (
            NewOrder { qty: Qty(8_500), ..waits(Buy, StopLossLimit, Some(1_010), 1_060) },
            Some(Refusal::MaxNotional(n(9_010_000, 9_000_000, 5))),
        ),
        (
            NewOrder { qty: Qty(9_050), ..waits(Sell, TrailingStop, None, 100) },
            Some(Refusal::MaxNotional(n(9_004_750, 9_000_000, 5))),
        ),
        (
            NewOrder { qty: Qty(52), ..waits(Sell, StopLossLimit, Some(900), 990) },
            Some(Refusal::CostMin(n(46_800, 50_000, 5))),
        ),
    ] {
        let limits = RiskLimits { trigger_bps: 2_000, ..limits() };
        let mut risk = RiskCheck::new(std::iter::once(limits));
        risk.set_instrument(InstrumentId(0), &instrument());
        let result = risk.check(order, &flat(&book), NOW);
        assert_eq!(result.err(), refusal, "{order:?}");
    }
    let none = RiskView { book: None, ..flat(&book) };
    let stop = waits(Buy, StopLoss, None, 1_005);
    assert_eq!(check_with(instrument(), stop, none), Err(Refusal::NoBook));
}

#[test]
fn the_instruments_status_decides_what_passes() {
    let book = book();
    let post = NewOrder { post_only: true, ..order() };
    let market = NewOrder { ord_type: OrdType::Market, px: None, ..order() };
    let sell = NewOrder { side: Side::Sell, ..order() };
    let stop = waits(Side::Sell, OrdType::StopLoss, None, 950);
    let stop_limit = waits(Side::Sell, OrdType::StopLossLimit, Some(945), 950);
    for (status, passes) in [
        (PairStatus::Online, [true; 6]),
        (PairStatus::PostOnly, [false, true, false, false, false, false]),
        (PairStatus::LimitOnly, [true, true, false, true, false, true]),
        (PairStatus::ReduceOnly, [false, false, false, true, true, true]),
        (PairStatus::CancelOnly, [false; 6]),
        (PairStatus::Maintenance, [false; 6]),
        (PairStatus::Hidden, [false; 6]),
        (PairStatus::Delisted, [false; 6]),
    ] {
        for (order, passes) in
            [order(), post, market, sell, stop, stop_limit].into_iter().zip(passes)
        {
            let view = RiskView { position: 1_000, ..flat(&book) };
            let result = check_with(Instrument { status, ..instrument() }, order, view);
            let expected = if passes { Ok(()) } else { Err(Refusal::InstrumentStatus) };
            assert_eq!(result, expected, "{status:?} {order:?}");
        }
    }
}

#[test]
fn a_replace_counts_only_what_it_adds() {
    let book = book();
    let mut risk = RiskCheck::new(std::iter::once(limits()));
    risk.set_instrument(InstrumentId(0), &instrument());
    let replace = |qty| ReplaceOrder {
        cl_ord_id: ClOrdId::numeric(2).unwrap(),
        orig_cl_ord_id: ClOrdId::numeric(1).unwrap(),
        order_id: FixStr::EMPTY,
        instrument: InstrumentId(0),
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        qty: Qty(qty),
        px: Some(Px(1_000)),
        stop_px: None,
        post_only: false,
    };
    // 400 of the order's 1,000 are filled and part of the position; 600 are open.
    let view = RiskView { position: 14_000, open: [600, 0], ..flat(&book) };
    let old = part_filled(400);
    let mut check = |qty| risk.check_replace(replace(qty), &old, &view, NOW).err();
    assert_eq!(check(1_400), None);
    assert_eq!(check(1_402), Some(Refusal::MaxPosition(n(15_002, 15_000, 4))));
    assert_eq!(check(500), None);
}

#[test]
fn the_rate_refuses_orders_and_lets_cancels_pass() {
    let book = book();
    let mut risk = RiskCheck::new(std::iter::once(limits()));
    risk.set_instrument(InstrumentId(0), &instrument());
    for _ in 0..4 {
        assert!(risk.check(order(), &flat(&book), NOW).is_ok());
    }
    assert_eq!(risk.head_room(InstrumentId(0), NOW), HeadRoom { commands: 1, venue: None });
    let open = part_filled(400);
    assert_eq!(risk.check_cancel(&open, NOW), Ok(()));
    assert_eq!(risk.check_cancel(&open, NOW), Ok(()));
    let refused = Refusal::CommandRate { wait_ns: 100_000_000 };
    assert_eq!(risk.check(order(), &flat(&book), NOW).err(), Some(refused));
    let later = NOW.plus_nanos(100_000_000);
    assert!(risk.check(order(), &flat(&book), later).is_ok());
}

#[test]
fn the_kill_switch_refuses_until_it_is_released() {
    let book = book();
    let mut risk = RiskCheck::new(std::iter::once(limits()));
    risk.set_instrument(InstrumentId(0), &instrument());
    assert!(risk.kill(KillCause::Operator));
    assert!(!risk.kill(KillCause::Strategy));
    assert_eq!(risk.check(order(), &flat(&book), NOW).err(), Some(Refusal::Killed));
    assert_eq!(risk.killed(), Some(KillCause::Operator), "the first cause stays");
    risk.rearm();
    assert!(risk.check(order(), &flat(&book), NOW).is_ok());
}

#[test]
fn nothing_passes_before_the_rules_are_known() {
    let mut risk = RiskCheck::new(std::iter::once(limits()));
    let result = risk.check(order(), &flat(&book()), NOW);
    assert_eq!(result.err(), Some(Refusal::InstrumentUnknown));
}

#[test]
fn a_book_that_was_not_heard_of_for_too_long_is_no_book_to_trade_on() {
    let book = book();
    let limits = RiskLimits { max_book_age_ms: 500, ..limits() };
    let mut risk = RiskCheck::new(std::iter::once(limits));
    risk.set_instrument(InstrumentId(0), &instrument());
    risk.on_book(InstrumentId(0), &flat(&book), &Positions::new(1), NOW);
    let mut check = |ms: u64| {
        let later = NOW.plus_nanos(ms * 1_000_000);
        risk.check(order(), &flat(&book), later).err()
    };
    assert_eq!(check(500), None);
    assert_eq!(check(501), Some(Refusal::StaleBook(n(501, 500, 0))));
    let later = NOW.plus_nanos(501_000_000);
    risk.on_book(InstrumentId(0), &flat(&book), &Positions::new(1), later);
    assert!(risk.check(order(), &flat(&book), later).is_ok());
}

#[test]
fn an_order_that_could_meet_one_of_ours_is_refused_with_its_price() {
    let book = book();
    let limits = RiskLimits { allow_self_cross: false, ..limits() };
    let mut risk = RiskCheck::new(std::iter::once(limits));
    risk.set_instrument(InstrumentId(0), &instrument());
    let mut own = part_filled(400);
    risk.on_order(&own);
    let sell = |px: Option<i64>| NewOrder {
        side: Side::Sell,
        px: px.map(Px),
        ord_type: if px.is_some() { OrdType::Limit } else { OrdType::Market },
        ..order()
    };
    let mut check = |order| risk.check(order, &flat(&book), NOW).err();
    assert_eq!(check(sell(Some(1_000))), Some(Refusal::SelfCross(n(1_000, 1_000, 1))));
    assert_eq!(check(sell(Some(1_005))), None);
    assert_eq!(check(sell(None)), Some(Refusal::SelfCross(n(995, 1_000, 1))), "it takes any price");
    assert_eq!(check(order()), None, "the same side");
    own.state = OrderState::Canceled;
    risk.on_order(&own);
    assert!(risk.check(sell(Some(1_000)), &flat(&book), NOW).is_ok());
}

#[test]
fn an_order_that_waits_for_a_trigger_counts_for_self_trades_as_if_it_had_triggered() {
    let book = book();
    let limits = RiskLimits { allow_self_cross: false, trigger_bps: 2_000, ..limits() };
    let mut risk = RiskCheck::new(std::iter::once(limits));
    risk.set_instrument(InstrumentId(0), &instrument());
    risk.on_order(&part_filled(400));
    let mut check = |order| risk.check(order, &flat(&book), NOW).err();
    // Against a bid of ours at 100.0.
    let crosses = |at| Some(Refusal::SelfCross(n(at, 1_000, 1)));
    assert_eq!(check(waits(Side::Sell, OrdType::StopLoss, None, 950)), crosses(950));
    assert_eq!(check(waits(Side::Sell, OrdType::StopLossLimit, Some(945), 950)), crosses(945));
    assert_eq!(check(waits(Side::Sell, OrdType::TakeProfitLimit, Some(1_005), 1_010)), None);
    assert_eq!(check(waits(Side::Sell, OrdType::TakeProfit, None, 1_010)), crosses(1_010));
    assert_eq!(check(waits(Side::Buy, OrdType::StopLoss, None, 1_010)), None, "the same side");
    // Against orders of ours that wait: with a limit at that, without one, and trailing, at any price.
    let cases = [
        (waits(Side::Sell, OrdType::StopLossLimit, Some(945), 950), 945, [None, Some(945)]),
        (waits(Side::Sell, OrdType::StopLoss, None, 950), 0, [Some(0), Some(0)]),
        (waits(Side::Sell, OrdType::TrailingStopLimit, Some(-5), 50), 0, [Some(0), Some(0)]),
    ];
    for (waiting, best, bounds) in cases {
        let mut risk = RiskCheck::new(std::iter::once(limits));
        risk.set_instrument(InstrumentId(0), &instrument());
        let mut table = OrderTable::with_capacity(1, 1, 1);
        let handle = table.open(&waiting).unwrap();
        risk.on_order(table.get(handle).unwrap());
        assert_eq!(risk.own_best(InstrumentId(0), Side::Sell), Some(Px(best)));
        for (px, bound) in [940, 945].into_iter().zip(bounds) {
            let buy = NewOrder { px: Some(Px(px)), ..order() };
            let refusal = bound.map(|bound| Refusal::SelfCross(n(px.into(), bound, 1)));
            assert_eq!(risk.check(buy, &flat(&book), NOW).err(), refusal, "{px} {waiting:?}");
        }
        let mut ended = *table.get(handle).unwrap();
        ended.state = OrderState::Canceled;
        risk.on_order(&ended);
        assert_eq!(risk.own_best(InstrumentId(0), Side::Sell), None);
    }
}

#[test]
fn limits_change_when_they_are_set_and_keep_what_the_rate_has_left() {
    let book = book();
    let mut risk = RiskCheck::new(std::iter::once(limits()));
    risk.set_instrument(InstrumentId(0), &instrument());
    for _ in 0..5 {
        assert!(risk.check(order(), &flat(&book), NOW).is_ok());
    }
    let wider = RiskLimits { burst: 100, max_order_qty: Decimal::new(5, 2), ..limits() };
    risk.set_limits(std::iter::once(wider), TotalLimits::UNLIMITED, NOW);
    let refused = risk.check(order(), &flat(&book), NOW).err();
    assert_eq!(refused, Some(Refusal::MaxOrderQty(n(1_000, 500, 4))));
    let small = NewOrder { qty: Qty(500), ..order() };
    let refused = risk.check(small, &flat(&book), NOW).err();
    assert_eq!(refused, Some(Refusal::CommandRate { wait_ns: 100_000_000 }), "no new burst");
}

#[test]
fn a_loss_beyond_the_days_limit_pulls_the_switch_and_a_new_day_begins_at_zero() {
    const DAY: u64 = 86_400_000_000_000;
    let id = InstrumentId(0);
    let limits = RiskLimits { max_daily_loss: Some(Decimal::new(5, 0)), ..limits() };
    let mut risk = RiskCheck::new(std::iter::once(limits));
    risk.set_instrument(id, &instrument());
    let (book, mut positions) = (book(), Positions::new(1));
    let fill = |px| Fill { px: Px(px), qty: Qty(10_000), liquidity: None };
    // One bought at 105.0, worth 100.0: the limit itself is no breach.
    positions.on_fill(id, Side::Buy, &fill(1_050));
    risk.on_change(id, &flat(&book), &positions, NOW);
    assert_eq!(risk.killed(), None);
    // Bought at 106.0 and sold at 105.9: 0.1 more is lost, and realised.
    positions.on_fill(id, Side::Buy, &fill(1_060));
    positions.on_fill(id, Side::Sell, &fill(1_059));
    risk.on_change(id, &flat(&book), &positions, NOW);
    let numbers = n(5_100_000_000_000_000_000, 5_000_000_000_000_000_000, 18);
    let cause = KillCause::DailyLoss { instrument: id, total: false, numbers };
    assert_eq!(risk.killed(), Some(cause));
    risk.rearm();
    risk.on_change(id, &flat(&book), &positions, NOW);
    assert!(risk.killed().is_some(), "it is still beyond");
    risk.rearm();
    risk.on_change(id, &flat(&book), &positions, UtcTime(NOW.0 + DAY));
    assert_eq!(risk.killed(), None, "that was yesterday's");
}

#[test]
fn an_order_is_no_larger_than_the_venue_takes() {
    let book = book();
    let mut risk = RiskCheck::new(std::iter::once(limits()));
    let venue = Instrument { qty_max: Some(Qty(998)), ..instrument() };
    risk.set_instrument(InstrumentId(0), &venue);
    let refused = risk.check(order(), &flat(&book), NOW).err();
    assert_eq!(refused, Some(Refusal::MaxOrderQty(n(1_000, 998, 4))));
    let most = NewOrder { qty: Qty(998), ..order() };
    assert!(risk.check(most, &flat(&book), NOW).is_ok());
}
