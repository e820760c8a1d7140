use taut_codec::value::{Decimal, FixStr};

use super::*;
use crate::event::{BookAction, BookEntry};
use crate::types::ClOrdId;

const NOW: UtcTime = UtcTime(1_000_000_000_000);

fn instrument() -> Instrument {
    Instrument {
        symbol: FixStr::new(b"BTC/USD").unwrap(),
        price_precision: 1,
        qty_precision: 4,
        tick_size: Px(5),
        qty_step: Qty(2),
        qty_min: Qty(10),
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
        post_only: false,
        self_trade: None,
    }
}

fn check_with(facts: Instrument, order: NewOrder, view: RiskView<'_>) -> Result<(), Refusal> {
    let mut risk = RiskCheck::new(std::iter::once(limits()));
    risk.set_instrument(InstrumentId(0), &facts);
    risk.check(order, &view, NOW).map(|checked| assert_eq!(*checked.get(), order))
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
        (NewOrder { px: Some(Px(1_001)), ..order() }, Some(Refusal::TickSize)),
        (NewOrder { qty: Qty(1_001), ..order() }, Some(Refusal::QtyStep)),
        (NewOrder { qty: Qty(8), ..order() }, Some(Refusal::QtyMin)),
        (NewOrder { qty: Qty(48), ..order() }, Some(Refusal::CostMin)),
        (NewOrder { qty: Qty(50), ..order() }, None),
        (NewOrder { qty: Qty(10_002), ..order() }, Some(Refusal::MaxOrderQty)),
        (NewOrder { qty: Qty(9_002), ..order() }, Some(Refusal::MaxNotional)),
        (NewOrder { qty: Qty(9_000), ..order() }, None),
        (NewOrder { instrument: InstrumentId(1), ..order() }, Some(Refusal::InstrumentUnknown)),
    ] {
        let result = check_with(instrument(), order, flat(&book));
        assert_eq!(result.err(), refusal, "{order:?}");
    }
}

#[test]
fn the_collar_is_exact_on_both_sides_and_needs_a_book() {
    let book = book();
    for (px, inside) in [(900, true), (895, false), (1_100, true), (1_105, false)] {
        let result =
            check_with(instrument(), NewOrder { px: Some(Px(px)), ..order() }, flat(&book));
        assert_eq!(result, if inside { Ok(()) } else { Err(Refusal::PriceCollar) }, "{px}");
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
    for (order, view, allowed) in [
        (order(), view(14_000, 0, 0), true),
        (order(), view(14_002, 0, 0), false),
        (order(), view(0, 14_002, 0), false),
        (order(), view(-20_000, 0, 0), true),
        (sell, view(14_002, 14_002, 0), true),
        (sell, view(-7_000, 0, 7_000), true),
        (sell, view(-7_000, 0, 7_002), false),
    ] {
        let result = check_with(instrument(), order, view);
        assert_eq!(result, if allowed { Ok(()) } else { Err(Refusal::MaxPosition) }, "{view:?}");
    }
    let many = RiskView { open_orders: 3, ..flat(&book) };
    assert_eq!(check_with(instrument(), order(), many), Err(Refusal::MaxOpenOrders));
}

#[test]
fn the_instruments_status_decides_what_passes() {
    let book = book();
    let post = NewOrder { post_only: true, ..order() };
    let market = NewOrder { ord_type: OrdType::Market, px: None, ..order() };
    let sell = NewOrder { side: Side::Sell, ..order() };
    for (status, passes) in [
        (PairStatus::Online, [true, true, true, true]),
        (PairStatus::PostOnly, [false, true, false, false]),
        (PairStatus::LimitOnly, [true, true, false, true]),
        (PairStatus::ReduceOnly, [false, false, false, true]),
        (PairStatus::CancelOnly, [false; 4]),
        (PairStatus::Maintenance, [false; 4]),
        (PairStatus::Hidden, [false; 4]),
        (PairStatus::Delisted, [false; 4]),
    ] {
        for (order, passes) in [order(), post, market, sell].into_iter().zip(passes) {
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
        post_only: false,
    };
    // 400 of the order's 1,000 are filled and part of the position; 600 are open.
    let view = RiskView { position: 14_000, open: [600, 0], ..flat(&book) };
    let mut check = |qty| risk.check_replace(replace(qty), 600, Qty(400), &view, NOW).err();
    assert_eq!(check(1_400), None);
    assert_eq!(check(1_402), Some(Refusal::MaxPosition));
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
    assert_eq!(risk.head_room(InstrumentId(0), NOW), 1);
    risk.note_cancel(InstrumentId(0), NOW);
    risk.note_cancel(InstrumentId(0), NOW);
    assert_eq!(risk.check(order(), &flat(&book), NOW).err(), Some(Refusal::CommandRate));
    let later = NOW.plus_nanos(100_000_000);
    assert!(risk.check(order(), &flat(&book), later).is_ok());
}

#[test]
fn the_kill_switch_refuses_until_it_is_released() {
    let book = book();
    let mut risk = RiskCheck::new(std::iter::once(limits()));
    risk.set_instrument(InstrumentId(0), &instrument());
    risk.kill();
    assert_eq!(risk.check(order(), &flat(&book), NOW).err(), Some(Refusal::Killed));
    assert!(risk.is_killed());
    risk.revive();
    assert!(risk.check(order(), &flat(&book), NOW).is_ok());
}

#[test]
fn nothing_passes_before_the_rules_are_known() {
    let mut risk = RiskCheck::new(std::iter::once(limits()));
    let result = risk.check(order(), &flat(&book()), NOW);
    assert_eq!(result.err(), Some(Refusal::InstrumentUnknown));
}
