//! Margin orders and positions.

use super::*;
use crate::limits::POSITION_UNITS_MAX;

fn desk() -> Desk {
    let mut desk = Desk::plain();
    let terms = MarginTerms { leverage: 5, position_max: Qty(1000), lendable: Qty(1500) };
    assert!(desk.engine.offer_margin(ID, terms));
    desk
}

fn margin(order: NewOrder, reduce_only: bool) -> NewOrder {
    let conditions = Conditions { leveraged: true, reduce_only, ..order.conditions };
    NewOrder { conditions, ..order }
}

fn trade(desk: &mut Desk, side: Side, qty: i64, price: i64) -> Vec<Trade> {
    desk.place(desk.house, side.opposite(), qty, price);
    let order = margin(desk.order(desk.clients[0], side, qty, price), false);
    desk.send(&order).unwrap();
    desk.trades()
}

fn sum(desk: &Desk, asset: &str) -> i128 {
    let accounts = [FEE_ACCOUNT, desk.clients[0], desk.clients[1], desk.house];
    accounts.iter().map(|&account| desk.balance(account, asset).total).sum()
}

#[test]
fn a_position_opens_holds_its_margin_and_pays_its_gain_when_it_closes() {
    for (side, close, gain) in [(Side::Buy, 120, 10 * 20), (Side::Sell, 120, -10 * 20)] {
        let mut desk = desk();
        let a = desk.clients[0];
        let before = [desk.balance(a, "USD").total, sum(&desk, "USD"), sum(&desk, "BTC")];
        let fee = trade(&mut desk, side, 10, 100)[0].taker.fee;
        let position = desk.engine.position(a, ID);
        assert_eq!((position.qty, position.cost), (10 * side.sign(), 1000));
        assert_eq!(desk.balance(a, "USD").held, 200 * 10i128.pow(14), "a fifth");
        assert_eq!(desk.balance(a, "BTC").total, 10_000_000 * 10i128.pow(16), "it is lent");
        let more = trade(&mut desk, side.opposite(), 10, close)[0].taker.fee;
        assert_eq!(desk.engine.position(a, ID), Position::default());
        assert_eq!(desk.balance(a, "USD").held, 0);
        let gained = desk.balance(a, "USD").total - before[0];
        assert_eq!(gained, (gain - fee - more) * 10i128.pow(14), "{side:?}");
        assert_eq!([sum(&desk, "USD"), sum(&desk, "BTC")], before[1..]);
    }
}

#[test]
fn what_may_not_be_opened_is_refused_with_its_reason() {
    let mut desk = desk();
    let a = desk.clients[0];
    let buy = |desk: &mut Desk, qty| margin(desk.order(a, Side::Buy, qty, 100), false);
    let order = buy(&mut desk, 1001);
    assert_eq!(desk.refuse(&order), RejectReason::PositionSize);
    trade(&mut desk, Side::Buy, 900, 100);
    let order = buy(&mut desk, 101);
    assert_eq!(desk.refuse(&order), RejectReason::PositionSize);
    let sell = margin(desk.order(a, Side::Sell, 901, 120), false);
    assert_eq!(desk.refuse(&sell), RejectReason::CannotOpenOpposing);
    let other = NewOrder { account: desk.clients[1], ..buy(&mut desk, 601) };
    assert_eq!(desk.refuse(&other), RejectReason::InsufficientMargin);
    let house = NewOrder { account: desk.house, ..buy(&mut desk, 1) };
    assert_eq!(desk.refuse(&house), RejectReason::CannotOpenPosition);
    desk.engine.offer_margin(ID, MarginTerms::default());
    let order = buy(&mut desk, 1);
    assert_eq!(desk.refuse(&order), RejectReason::NoLeverage);
}

#[test]
fn the_money_of_a_margin_order_is_checked() {
    let mut desk = Desk::new(FeeSchedule::default(), instrument(), 100, 20);
    let terms = MarginTerms { leverage: 5, position_max: Qty(10_000), lendable: Qty(10_000) };
    desk.engine.offer_margin(ID, terms);
    let a = desk.clients[0];
    // 0.20 USD carry 1.00 less the fee.
    let order = margin(desk.order(a, Side::Buy, 100, 100), false);
    assert_eq!(desk.refuse(&order), RejectReason::InsufficientFunds);
    trade(&mut desk, Side::Buy, 90, 100);
    desk.place(desk.house, Side::Buy, 1, 50);
    desk.place(desk.house, Side::Sell, 1, 50);
    let order = margin(desk.order(a, Side::Buy, 1, 50), false);
    assert_eq!(desk.refuse(&order), RejectReason::MarginLevel, "the position lost half its worth");
}

#[test]
fn reduce_only_fills_what_it_can_and_is_cancelled_with_the_position() {
    let mut desk = desk();
    let a = desk.clients[0];
    let sell = desk.order(a, Side::Sell, 15, 100);
    assert_eq!(desk.refuse(&margin(sell, true)), RejectReason::ReduceOnlyNoPosition);
    let spot = Conditions { reduce_only: true, ..Conditions::default() };
    let unlevered = NewOrder { conditions: spot, ..sell };
    assert_eq!(desk.refuse(&unlevered), RejectReason::ReduceOnlyNotClosing);
    trade(&mut desk, Side::Buy, 10, 100);
    let same_side = margin(desk.order(a, Side::Buy, 5, 100), true);
    assert_eq!(desk.refuse(&same_side), RejectReason::ReduceOnlyNotClosing);
    desk.place(desk.house, Side::Buy, 20, 100);
    let order = desk.send(&margin(sell, true)).unwrap();
    assert_eq!(desk.trades()[0].qty, Qty(10), "it does not flip the position");
    let closed = CancelReason::Refused(RejectReason::ReduceOnlyClosed);
    assert_eq!(desk.cancelled(), [(order, closed, 5)]);
    assert_eq!(closed.text(), "EOrder:Reduce only:Position is closed");
    assert_eq!(desk.engine.position(a, ID).qty, 0);
}

#[test]
fn a_resting_reduce_only_order_ends_when_its_position_is_gone() {
    let mut desk = desk();
    let a = desk.clients[0];
    trade(&mut desk, Side::Buy, 10, 100);
    let resting = margin(desk.order(a, Side::Sell, 10, 130), true);
    let resting = desk.send(&resting).unwrap();
    trade(&mut desk, Side::Sell, 10, 110);
    assert_eq!(desk.engine.position(a, ID).qty, 0);
    let buy = desk.order(desk.clients[1], Side::Buy, 5, 130);
    desk.send(&buy).unwrap();
    let closed = CancelReason::Refused(RejectReason::ReduceOnlyClosed);
    assert_eq!(desk.cancelled(), [(resting, closed, 10)]);
    assert_eq!(desk.trades(), []);
    desk.status(PairStatus::ReduceOnly);
    let order = margin(desk.order(a, Side::Buy, 5, 100), false);
    assert_eq!(desk.refuse(&order), RejectReason::MarketReduceOnly);
}

/// A desk of the finest precision: the largest amounts have 31 digits, and no product of two fits.
fn largest() -> Desk {
    let fine = Instrument { price_precision: 9, qty_precision: 9, ..instrument() };
    let fees = FeeSchedule { maker: 0, taker: 0, ..FeeSchedule::default() };
    let config = SpotConfig { fees, margin_allowance: u64::MAX, ..SpotConfig::default() };
    let mut desk = Desk::with(&config, fine, 100_000_000_000_000);
    let terms = MarginTerms { leverage: 3, position_max: Qty(i64::MAX), lendable: Qty(i64::MAX) };
    assert!(desk.engine.offer_margin(ID, terms));
    desk
}

#[test]
fn the_largest_position_that_can_be_is_opened_and_closed_in_parts_to_the_last_unit() {
    let mut desk = largest();
    let a = desk.clients[0];
    let before = desk.balance(a, "USD").total;
    // 10^9 units at 1000: the largest amount of one order, filled in three parts.
    let (whole, price) = (1_000_000_000_000_000_000, 1_000_000_000_000);
    let parts = [whole / 2 + 1, whole / 3, whole - whole / 2 - 1 - whole / 3];
    for part in parts {
        desk.place(desk.house, Side::Sell, part, price);
    }
    let order = margin(desk.order(a, Side::Buy, whole, price), false);
    desk.send(&order).unwrap();
    assert_eq!(desk.trades().len(), 3);
    let position = desk.engine.position(a, ID);
    assert_eq!((position.qty, position.cost), (whole, AMOUNT_MAX));
    assert_eq!(desk.balance(a, "USD").held, position.margin, "orders hold nothing any more");
    let mut left = whole;
    for part in parts {
        trade(&mut desk, Side::Sell, part, price + 1);
        left -= part;
        let position = desk.engine.position(a, ID);
        assert_eq!(position.qty, left);
        assert_eq!(position.cost, i128::from(left) * i128::from(price), "all of it cost the same");
        assert_eq!(desk.balance(a, "USD").held, position.margin);
    }
    assert_eq!(desk.balance(a, "USD").total - before, i128::from(whole), "one tick for each unit");
}

#[test]
fn orders_that_together_leave_what_is_counted_open_a_position_up_to_there() {
    let mut desk = largest();
    let [a, b] = desk.clients;
    let part = POSITION_UNITS_MAX / 5 * 3;
    // Each alone is within the limits of the pair.
    let bids = [a, a, b].map(|account| {
        let order = margin(desk.order(account, Side::Buy, part, 10), false);
        desk.send(&order).unwrap()
    });
    for _ in 0..2 {
        desk.place(desk.house, Side::Sell, part, 10);
    }
    assert_eq!(desk.engine.position(a, ID).qty, POSITION_UNITS_MAX);
    let full = CancelReason::Refused(RejectReason::PositionSize);
    assert_eq!(desk.cancelled(), [(bids[1], full, part - (POSITION_UNITS_MAX - part))]);
    // What the pair has lent to both leaves 64 bits.
    assert_eq!(desk.engine.position(b, ID).qty, part - (POSITION_UNITS_MAX - part));
    desk.place(desk.house, Side::Sell, POSITION_UNITS_MAX - part, 10);
    assert_eq!(desk.engine.position(b, ID).qty, part);
    let order = margin(desk.order(b, Side::Buy, 1, 10), false);
    assert_eq!(desk.refuse(&order), RejectReason::InsufficientMargin);
}

#[test]
fn a_mark_that_nobody_can_count_with_is_no_reason_to_panic() {
    let mut desk = largest();
    let a = desk.clients[0];
    trade(&mut desk, Side::Buy, 4_000_000_000_000_000_000, 1_000);
    for px in [i64::MAX, 1] {
        desk.place(desk.house, Side::Buy, 1, px);
        desk.place(desk.house, Side::Sell, 1, px);
        assert_eq!(desk.trades().len(), 1);
        let order = margin(desk.order(a, Side::Buy, 1_000, 1), false);
        assert!(desk.send(&order).is_some(), "the position is worth more than its margin");
    }
}

#[test]
fn a_stop_that_triggers_where_its_cost_cannot_be_counted_is_cancelled() {
    let mut desk = largest();
    let a = desk.clients[0];
    let (qty, dear) = (2_000_000_000_000_000, 400_000_000_000_000);
    for _ in 0..4 {
        desk.place(desk.house, Side::Sell, qty, dear);
    }
    let stop = Conditions { stop: Px(10), ..Conditions::default() };
    let buy = desk.order(a, Side::Buy, 4 * qty, 0);
    let stop = NewOrder { ord_type: OrdType::StopLoss, conditions: stop, ..buy };
    let stop = desk.send(&stop).unwrap();
    desk.place(desk.house, Side::Buy, 1, 10);
    desk.place(desk.house, Side::Sell, 1, 10);
    let refused = CancelReason::Refused(RejectReason::InvalidQuantity);
    assert_eq!(desk.cancelled(), [(stop, refused, 4 * qty)]);
}

#[test]
fn an_account_has_so_many_positions_and_no_more() {
    let most = crate::limits::POSITIONS_PER_ACCOUNT_MAX as u16;
    let mut desk = desk();
    let a = desk.clients[0];
    for number in 1..=most {
        let symbol = format!("A{number}/USD").parse().unwrap();
        let id = desk.engine.add_instrument(Instrument { symbol, ..instrument() }).unwrap();
        assert_eq!(id, InstrumentId(number));
        let terms = desk.engine.margin_terms(ID).unwrap();
        assert!(desk.engine.offer_margin(id, terms));
    }
    for number in 0..=most {
        let on = |order: NewOrder| NewOrder { instrument: InstrumentId(number), ..order };
        let offer = on(desk.order(desk.house, Side::Sell, 1, 100));
        desk.send(&offer).unwrap();
        let order = margin(on(desk.order(a, Side::Buy, 1, 100)), false);
        if number == most {
            assert_eq!(desk.refuse(&order), RejectReason::PositionsLimit);
        } else {
            desk.send(&order).unwrap();
        }
    }
    trade(&mut desk, Side::Sell, 1, 100);
    let on_last = desk.order(a, Side::Buy, 1, 100);
    let last = margin(NewOrder { instrument: InstrumentId(most), ..on_last }, false);
    assert!(desk.send(&last).is_some(), "one was closed");
}

#[test]
fn the_positions_of_an_account_cost_no_more_than_its_allowance() {
    let config = SpotConfig { margin_allowance: 10, ..SpotConfig::default() };
    let mut desk = Desk::with(&config, instrument(), 10_000_000);
    let terms = MarginTerms { leverage: 5, position_max: Qty(100_000), lendable: Qty(100_000) };
    assert!(desk.engine.offer_margin(ID, terms));
    // One unit of each is a hundredth: 600 at 1.00 cost 6.00.
    trade(&mut desk, Side::Buy, 600, 100);
    let order = margin(desk.order(desk.clients[0], Side::Buy, 401, 100), false);
    assert_eq!(desk.refuse(&order), RejectReason::MarginAllowance);
    assert!(desk.send(&NewOrder { qty: Qty(400), ..order }).is_some());
}
