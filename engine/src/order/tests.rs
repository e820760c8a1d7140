use taut_codec::value::{Decimal, FixStr, UtcTime};

use super::*;
use crate::command::{NewOrder, Watches};
use crate::event::{ExecType, Fill, OrdStatus, Refusal as VenueRefusal, Report};
use crate::risk::Refusal;
use crate::types::{ClOrdId, ExecId, Market};

const ID: InstrumentId = InstrumentId(0);

fn id(n: u64) -> ClOrdId {
    ClOrdId::numeric(n).unwrap()
}

fn new_order(n: u64) -> NewOrder {
    NewOrder {
        cl_ord_id: id(n),
        instrument: ID,
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        qty: Qty(10),
        px: Some(Px(100)),
        stop_px: None,
        watches: Watches::LastTrade,
        post_only: false,
        self_trade: None,
    }
}

fn at_100(qty: Qty) -> Terms {
    Terms { qty, px: Some(Px(100)), stop_px: None }
}

/// A report about an order of `qty` of which `cum` are filled; `O1` is its OrderID.
pub(crate) fn report(
    n: u64,
    exec_type: ExecType,
    ord_status: OrdStatus,
    qty: i64,
    cum: i64,
) -> Report {
    Report {
        instrument: ID,
        cl_ord_id: id(n),
        orig_cl_ord_id: None,
        order_id: FixStr::new(b"O1").unwrap(),
        exec_id: ExecId::EMPTY,
        exec_type,
        ord_status,
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        px: Some(Px(100)),
        stop_px: None,
        trigger_px: None,
        order_qty: Qty(qty),
        cum_qty: Qty(cum),
        leaves_qty: Qty(if ord_status.is_end() { 0 } else { qty - cum }),
        fill: None,
        gross: None,
        fee: None,
        transact_time: UtcTime(0),
        poss_dup: false,
        text: FixStr::EMPTY,
    }
}

fn fill(n: u64, exec_id: &str, qty: i64, total: i64, cum: i64) -> Report {
    let status = if cum == total { OrdStatus::Filled } else { OrdStatus::PartiallyFilled };
    Report {
        exec_id: exec_id.parse().unwrap(),
        fill: Some(Fill { px: Px(100), qty: Qty(qty), liquidity: None }),
        ..report(n, ExecType::Trade, status, total, cum)
    }
}

fn refusal(n: u64) -> VenueRefusal {
    VenueRefusal {
        cl_ord_id: Some(id(n)),
        ref_msg_type: 0,
        ref_seq_num: 0,
        layer: RefusalLayer::Business,
        reason: Some(0),
        text: FixStr::EMPTY,
    }
}

fn table() -> OrderTable {
    OrderTable::with_capacity(1, 4, 16)
}

fn acked(table: &mut OrderTable, n: u64) -> OrderHandle {
    let order = table.open(&new_order(n)).unwrap();
    apply(table, &report(n, ExecType::New, OrdStatus::New, 10, 0));
    order
}

/// Applies a report that must be applied without disagreement.
fn apply(table: &mut OrderTable, report: &Report) -> AppliedReport {
    match table.on_report(report) {
        ReportOutcome::Applied(applied) => {
            assert!(!applied.disagrees, "{report:?}");
            applied
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn spots_two_acknowledgements_are_acked_and_live() {
    let mut table = table();
    table.set_session(7, 3);
    let order = table.open(&new_order(1)).unwrap();
    assert!(table.plan_replace(order).unwrap().order_id.is_empty(), "it has to wait");
    assert!(table.plan_cancel(order).unwrap().order_id.is_empty(), "41 alone is enough");
    let first = apply(&mut table, &report(1, ExecType::PendingNew, OrdStatus::PendingNew, 10, 0));
    assert_eq!(
        (first.update.kind, first.update.state),
        (UpdateKind::Acked, OrderState::PendingNew)
    );
    assert!(!table.plan_replace(order).unwrap().order_id.is_empty());
    let second = apply(&mut table, &report(1, ExecType::New, OrdStatus::New, 10, 0));
    assert_eq!((second.update.kind, second.update.state), (UpdateKind::Live, OrderState::New));
    let order = table.get(order).unwrap();
    assert_eq!((order.epoch, order.connection), (7, 3));
}

#[test]
fn requests_chain_to_the_last_issued_id_without_waiting() {
    let mut table = table();
    let order = acked(&mut table, 1);
    for n in [2, 3] {
        assert_eq!(table.plan_replace(order).unwrap().orig_cl_ord_id, id(n - 1));
        table.add_replace(order, id(n), at_100(Qty(10 + n as i64))).unwrap();
    }
    assert_eq!(table.plan_cancel(order).unwrap().orig_cl_ord_id, id(3));
    table.add_cancel(order, id(4)).unwrap();
    assert_eq!(table.plan_cancel(order).err(), Some(Refusal::CancelPending));
    assert_eq!(table.plan_replace(order).err(), Some(Refusal::CancelPending));
    let state = table.get(order).unwrap();
    assert_eq!((state.pending_replaces(), state.is_cancel_pending()), (2, true));
    assert_eq!(table.open_qty(ID), [13, 0], "the largest that may come true");

    apply(&mut table, &report(2, ExecType::Replaced, OrdStatus::Replaced, 12, 0));
    assert_eq!(table.cl_ord_id(order), Some(id(2)));
    // A fill with the old id while the second replace is on its way.
    apply(&mut table, &fill(2, "a", 5, 12, 5));
    let replaced = apply(&mut table, &report(3, ExecType::Replaced, OrdStatus::Replaced, 13, 5));
    let kind = UpdateKind::Replaced { qty: Qty(13), px: Some(Px(100)) };
    assert_eq!((replaced.update.kind, replaced.update.leaves), (kind, Qty(8)));
    let end = apply(&mut table, &report(4, ExecType::Canceled, OrdStatus::Canceled, 13, 5));
    assert_eq!(end.update.kind, UpdateKind::Canceled { requested: true, text: FixStr::EMPTY });
    assert_eq!((end.update.state, table.live_len()), (OrderState::Canceled, 0));
    assert_eq!((table.open_qty(ID), table.open_orders(ID)), ([0, 0], 0));
}

#[test]
fn a_refused_link_falls_back_and_dooms_what_chains_to_it() {
    let mut table = table();
    let order = acked(&mut table, 1);
    for n in [2, 3, 4] {
        table.add_replace(order, id(n), at_100(Qty(10 * n as i64))).unwrap();
    }
    apply(&mut table, &report(2, ExecType::Replaced, OrdStatus::Replaced, 20, 0));
    let refused = table.on_refused(&refusal(3)).unwrap();
    assert!(!refused.disagrees);
    // The venue does not know 3, so 4 will be refused too and 2 is what it knows.
    assert_eq!(table.plan_replace(order).unwrap().orig_cl_ord_id, id(2));
    assert_eq!(table.open_qty(ID), [20, 0]);
    table.add_replace(order, id(5), at_100(Qty(50))).unwrap();
    assert_eq!(table.plan_replace(order).unwrap().orig_cl_ord_id, id(5));
    assert!(!table.on_refused(&refusal(4)).unwrap().disagrees);
    apply(&mut table, &report(5, ExecType::Replaced, OrdStatus::Replaced, 50, 0));
    assert_eq!(table.get(order).unwrap().qty, Qty(50));
    assert!(table.on_refused(&refusal(4)).is_none(), "a request is refused once");
}

#[test]
fn a_cancel_by_order_id_survives_a_refused_replace_before_it() {
    let mut table = table();
    let order = acked(&mut table, 1);
    table.add_replace(order, id(2), at_100(Qty(20))).unwrap();
    table.add_cancel(order, id(3)).unwrap();
    table.on_refused(&refusal(2)).unwrap();
    assert!(table.get(order).unwrap().is_cancel_pending());
}

#[test]
fn a_refused_or_withdrawn_new_order_ends() {
    for refused in [true, false] {
        let mut table = table();
        let order = table.open(&new_order(1)).unwrap();
        table.add_cancel(order, id(2)).unwrap();
        let (applied, state) = if refused {
            (table.on_refused(&refusal(1)), OrderState::Rejected)
        } else {
            (table.on_withdrawn(id(1), WithdrawReason::OutboxFull), OrderState::Withdrawn)
        };
        let applied = applied.unwrap();
        assert_eq!((applied.update.state, applied.disagrees), (state, false));
        assert_eq!(table.live_len(), 0);
        // The cancel that followed names an id that the venue does not know.
        assert!(!table.on_refused(&refusal(2)).unwrap().disagrees);
    }
}

#[test]
fn a_reject_that_names_only_a_sequence_number_finds_its_request() {
    let mut table = table();
    let order = acked(&mut table, 1);
    table.add_replace(order, id(2), at_100(Qty(20))).unwrap();
    table.on_wire(id(2), 77, 1).unwrap();
    let by_number = VenueRefusal { cl_ord_id: None, ref_seq_num: 77, ..refusal(2) };
    let applied = table.on_refused(&by_number).unwrap();
    assert!(matches!(
        applied.update.kind,
        UpdateKind::RefusedByVenue { request: RequestKind::Replace, .. }
    ));
    assert!(table.on_refused(&by_number).is_none());
}

#[test]
fn a_fill_counts_once_by_exec_id_and_never_above_cum_qty() {
    let mut table = table();
    let order = acked(&mut table, 1);
    assert!(apply(&mut table, &fill(1, "a", 4, 10, 4)).fill.is_some());
    let again = Report { poss_dup: true, ..fill(1, "a", 4, 10, 4) };
    assert_eq!(table.on_report(&again), ReportOutcome::Duplicate(order));
    // The same fill under another id, or one whose id was forgotten: CumQty says that it was counted.
    let ReportOutcome::Applied(twice) = table.on_report(&fill(1, "b", 4, 10, 4)) else {
        panic!("it is applied without the fill")
    };
    assert_eq!((twice.fill, twice.disagrees), (None, true));
    assert_eq!(table.get(order).unwrap().filled(), Qty(4));
}

#[test]
fn a_missing_fill_is_told_and_may_still_come() {
    let mut table = table();
    let order = acked(&mut table, 1);
    let ReportOutcome::Applied(gap) = table.on_report(&fill(1, "b", 3, 10, 7)) else {
        panic!("applied")
    };
    assert!(gap.disagrees && gap.fill.is_some());
    assert_eq!(gap.update.cum, Qty(7));
    let late = Report { poss_dup: true, ..fill(1, "a", 4, 10, 4) };
    assert!(apply(&mut table, &late).fill.is_some());
    let order = table.get(order).unwrap();
    assert_eq!((order.cum, order.filled(), order.leaves), (Qty(7), Qty(7), Qty(3)));
}

#[test]
fn a_late_fill_of_an_ended_order_counts_and_does_not_revive_it() {
    let mut table = table();
    let order = acked(&mut table, 1);
    apply(&mut table, &report(1, ExecType::Canceled, OrdStatus::Canceled, 10, 0));
    let late = apply(&mut table, &fill(1, "a", 4, 10, 4));
    assert_eq!((late.update.state, late.update.cum), (OrderState::Canceled, Qty(4)));
    assert!(late.fill.is_some());
    assert_eq!((table.live_len(), table.get(order).unwrap().leaves), (0, Qty(0)));
}

#[test]
fn a_cancel_by_the_venue_is_found_by_the_order_id() {
    let mut table = table();
    acked(&mut table, 1);
    let foreign = report(999, ExecType::Canceled, OrdStatus::Canceled, 10, 0);
    let end = apply(&mut table, &foreign);
    assert_eq!(end.update.kind, UpdateKind::Canceled { requested: false, text: FixStr::EMPTY });
    let unknown = Report { order_id: "O9".parse().unwrap(), ..foreign };
    assert_eq!(table.on_report(&unknown), ReportOutcome::Unknown);
    let other_side = Report { side: Side::Sell, ..report(1, ExecType::New, OrdStatus::New, 10, 0) };
    assert_eq!(table.on_report(&other_side), ReportOutcome::Unknown);
}

#[test]
fn an_order_is_uncertain_after_a_drop_until_a_report_tells() {
    let mut table = table();
    let order = acked(&mut table, 1);
    table.add_replace(order, id(2), at_100(Qty(30))).unwrap();
    table.add_cancel(order, id(3)).unwrap();
    let update = table.mark_uncertain(order, true).unwrap();
    assert_eq!((update.kind, update.state), (UpdateKind::Uncertain, OrderState::Uncertain));
    assert_eq!(table.open_qty(ID), [30, 0], "the replace may have been done");
    assert_eq!(table.plan_replace(order).err(), Some(Refusal::OrderUncertain));
    let plan = table.plan_cancel(order).unwrap();
    assert_eq!(plan.orig_cl_ord_id, id(1), "what was accepted last");
    let replaced =
        Report { poss_dup: true, ..report(2, ExecType::Replaced, OrdStatus::Replaced, 30, 0) };
    // What is repeated tells what was done, not that the order is still open.
    assert_eq!(apply(&mut table, &replaced).update.state, OrderState::Uncertain);
    assert_eq!(table.cl_ord_id(order), Some(id(2)));
    let status = report(2, ExecType::OrderStatus, OrdStatus::New, 30, 0);
    assert_eq!(apply(&mut table, &status).update.state, OrderState::New);
}

#[test]
fn a_full_table_refuses_and_forgets_ended_orders_first() {
    let mut table = table();
    let handles: Vec<_> = (1..=4).map(|n| table.open(&new_order(n)).unwrap()).collect();
    assert_eq!(table.open(&new_order(5)).err(), Some(Refusal::TooManyOrders));
    table.on_refused(&refusal(3)).unwrap();
    assert_eq!(table.plan_cancel(handles[2]).err(), Some(Refusal::OrderEnded));
    let fifth = table.open(&new_order(5)).unwrap();
    assert!(table.get(handles[2]).is_none(), "the old handle is void");
    assert_ne!(fifth, handles[2]);
    assert_eq!(table.plan_cancel(handles[2]).err(), Some(Refusal::OrderUnknown));
    assert!(table.find(id(3)).is_none() && table.find(id(5)).is_some());
}

#[test]
fn one_order_has_a_limit_of_pending_requests() {
    let mut table = table();
    let order = acked(&mut table, 1);
    let mut n = 1;
    let refusal = loop {
        n += 1;
        if let Err(refusal) = table.add_replace(order, id(n), at_100(Qty(10))) {
            break refusal;
        }
    };
    assert_eq!(refusal, Refusal::TooManyPending);
    let pending_max = crate::limits::PENDING_PER_ORDER_MAX as u64;
    assert_eq!(n, 1 + pending_max, "one less than wait together: the last is a cancel's");
    apply(&mut table, &report(2, ExecType::Replaced, OrdStatus::Replaced, 10, 0));
    assert!(table.add_replace(order, id(n), at_100(Qty(10))).is_ok());
    // The cancel is never too much, nor is another one after each drop.
    for n in n + 1..n + 1 + 2 * pending_max {
        assert_eq!(table.add_cancel(order, id(n)), Ok(()), "{n}");
        assert_eq!(table.add_cancel(order, id(9_999)), Err(Refusal::CancelPending));
        table.mark_uncertain(order, true).unwrap();
    }
}

#[test]
fn every_order_can_be_cancelled_however_few_ids_the_pool_has_left_for_other_requests() {
    let mut table = table();
    let orders = [1, 2, 3, 4].map(|n| acked(&mut table, n));
    let mut n = 4;
    for order in orders {
        loop {
            n += 1;
            if table.add_replace(order, id(n), at_100(Qty(10))).is_err() {
                break;
            }
        }
    }
    let waiting = |table: &OrderTable, at: usize| table.get(orders[at]).unwrap().pending_replaces();
    assert_eq!([0, 1, 2, 3].map(|at| waiting(&table, at)), [63, 57, 0, 0], "of 128, four are left");
    for _ in 0..100 {
        for order in orders {
            n += 1;
            assert_eq!(table.add_cancel(order, id(n)), Ok(()), "{n}");
        }
        for order in orders {
            table.mark_uncertain(order, true).unwrap();
        }
    }
}

#[test]
fn superseded_ids_are_kept_for_a_while_and_then_forgotten() {
    let mut table = table();
    let order = acked(&mut table, 1);
    for n in 2..200 {
        table.add_replace(order, id(n), at_100(Qty(10))).unwrap();
        apply(&mut table, &report(n, ExecType::Replaced, OrdStatus::Replaced, 10, 0));
    }
    assert!(table.find(id(195)).is_some(), "the newest four superseded ones");
    assert!(table.find(id(194)).is_none());
    // A fill under a forgotten id is still found by its OrderID.
    apply(&mut table, &fill(3, "a", 4, 10, 4));
    assert_eq!(table.get(order).unwrap().cum, Qty(4));
}

#[test]
fn fees_that_are_told_trade_by_trade_count_once_each_even_when_they_come_late() {
    let mut table = table();
    table.set_market(ID, Market::Derivatives);
    acked(&mut table, 1);
    let usd: FixStr<11> = "USD".parse().unwrap();
    let told = |exec_id, qty, cum, fee| Report {
        fee: Some((Decimal::new(fee, 0), usd)),
        ..fill(1, exec_id, qty, 10, cum)
    };
    let unit = 10i128.pow(18);
    assert_eq!(apply(&mut table, &told("a", 2, 2, 5)).fee_delta, 5 * unit);
    // The report of the second trade comes behind that of the third.
    let ReportOutcome::Applied(third) = table.on_report(&told("c", 4, 9, 3)) else { panic!() };
    assert!(third.disagrees && third.fee_delta == 3 * unit, "{third:?}");
    let late = Report { poss_dup: true, ..told("b", 3, 5, 7) };
    assert_eq!(apply(&mut table, &late).fee_delta, 7 * unit);
    assert!(matches!(table.on_report(&told("a", 2, 2, 5)), ReportOutcome::Duplicate(_)));
    let status = Report { fill: None, exec_type: ExecType::OrderStatus, ..told("d", 1, 9, 9) };
    assert_eq!(apply(&mut table, &status).fee_delta, 0, "it is no trade");
}

#[test]
fn fees_are_cumulative_and_profit_is_marked_to_the_mid() {
    let mut table = table();
    acked(&mut table, 1);
    let mut positions = Positions::new(1);
    let facts = crate::types::Instrument {
        symbol: "BTC/USD".parse().unwrap(),
        price_precision: 1,
        qty_precision: 0,
        tick_size: Px(1),
        qty_step: Qty(1),
        qty_min: Qty(1),
        qty_max: None,
        cost_min: Decimal::new(0, 0),
        status: crate::types::PairStatus::Online,
    };
    let usd: FixStr<11> = "USD".parse().unwrap();
    for (exec_id, qty, cum, fee) in [("a", 4, 4, 125), ("b", 6, 10, 300)] {
        let fee = Some((Decimal::new(fee, 3), usd));
        let applied = apply(&mut table, &Report { fee, ..fill(1, exec_id, qty, 10, cum) });
        positions.on_fill(ID, Side::Buy, &applied.fill.unwrap());
        assert!(positions.on_fee(ID, &facts, applied.fee_delta, &usd));
    }
    let mut book = crate::market::Book::with_capacity(1);
    for (side, px) in [(Side::Buy, 105), (Side::Sell, 108)] {
        let entry = crate::event::BookEntry {
            instrument: ID,
            side,
            action: crate::event::BookAction::Set,
            px: Px(px),
            qty: Qty(1),
            last: true,
            checksum: None,
            sent: UtcTime(0),
        };
        book.apply(&entry).unwrap();
    }
    // 10 bought at 10.0, worth 10.65; 0.3 of fees.
    let pnl = positions.pnl(ID, &facts, &book).unwrap();
    assert_eq!(pnl.gross, 6_500_000_000_000_000_000);
    assert_eq!(pnl.to_string(), "6.20000000");
    assert!(positions.on_fee(ID, &facts, 10i128.pow(17), &"BTC".parse().unwrap()));
    assert_eq!(positions.pnl(ID, &facts, &book).unwrap().to_string(), "5.13500000");
    assert!(!positions.on_fee(ID, &facts, 1, &"KFEE".parse().unwrap()));
    assert_eq!(positions.get(ID).unwrap().cash, -1_000);
}

#[test]
fn a_reject_without_any_number_means_no_request_that_waits_for_the_wire() {
    let mut table = table();
    let order = table.open(&new_order(1)).unwrap();
    let nothing = VenueRefusal { cl_ord_id: None, ref_seq_num: 0, ..refusal(1) };
    assert_eq!(table.on_refused(&nothing), None);
    assert_eq!(table.get(order).unwrap().state, OrderState::PendingNew);
}

#[test]
fn fills_whose_reports_were_lost_are_counted_by_the_totals_and_not_again_when_they_come() {
    let mut table = table();
    let order = acked(&mut table, 1);
    // 2 at 99 and 3 at 98 were lost; this one is 1 at 100.
    let totals = Report { gross: Some(2 * 99 + 3 * 98 + 100), ..fill(1, "c", 1, 10, 6) };
    let seen = apply(&mut table, &totals);
    assert_eq!(seen.recovered, Some(RecoveredFills { qty: Qty(5), cost: 2 * 99 + 3 * 98 }));
    assert_eq!(seen.fill.map(|fill| fill.qty), Some(Qty(1)));
    assert_eq!(table.get(order).unwrap().filled(), Qty(6));
    for (exec_id, qty, cum) in [("a", 2, 2), ("b", 3, 5)] {
        let late = Report { poss_dup: true, ..fill(1, exec_id, qty, 10, cum) };
        let late = apply(&mut table, &late);
        assert_eq!((late.fill, late.recovered), (None, None), "{exec_id}");
    }
    assert_eq!(table.get(order).unwrap().filled(), Qty(6));
    // All that was counted has come: what is told above CumQty now is wrong.
    let ReportOutcome::Applied(more) = table.on_report(&fill(1, "d", 1, 10, 6)) else { panic!() };
    assert!(more.disagrees && more.fill.is_none());
    let mut positions = Positions::new(1);
    positions.on_recovered(ID, Side::Buy, &seen.recovered.unwrap());
    let position = positions.get(ID).unwrap();
    assert_eq!((position.qty, position.cash, position.recovered), (5, -492, 5));
}

#[test]
fn a_restatement_for_late_trades_counts_them_by_the_totals() {
    let mut table = table();
    let order = acked(&mut table, 1);
    let restated = Report {
        gross: Some(395),
        ..report(1, ExecType::Restated, OrdStatus::PartiallyFilled, 10, 4)
    };
    let seen = apply(&mut table, &restated);
    assert_eq!(seen.recovered, Some(RecoveredFills { qty: Qty(4), cost: 395 }));
    let kind = UpdateKind::Restated { qty: Qty(10), px: Some(Px(100)) };
    assert_eq!((seen.update.kind, seen.update.leaves), (kind, Qty(6)));
    assert_eq!(table.get(order).unwrap().state, OrderState::PartiallyFilled);
}

#[test]
fn an_order_of_elsewhere_is_adopted_counts_from_then_on_and_can_be_cancelled() {
    let mut table = table();
    let stop = Report {
        ord_type: OrdType::StopLossLimit,
        stop_px: Some(Px(90)),
        gross: Some(3 * 100 + 200),
        ..fill(77, "x", 2, 10, 5)
    };
    assert_eq!(table.on_report(&stop), ReportOutcome::Unknown);
    assert!(!table.is_known(&stop));
    let order = table.adopt(&stop).unwrap();
    let seen = apply(&mut table, &stop);
    assert_eq!((seen.recovered, seen.fill.map(|fill| fill.qty)), (None, Some(Qty(2))));
    let adopted = table.get(order).unwrap();
    assert_eq!((adopted.state, adopted.connection), (OrderState::PartiallyFilled, 0));
    assert_eq!((adopted.cum, adopted.filled(), adopted.stop_px), (Qty(5), Qty(5), Some(Px(90))));
    assert_eq!(table.open_qty(ID), [5, 0]);
    assert_eq!(table.plan_cancel(order).unwrap().orig_cl_ord_id, id(77));
}

#[test]
fn a_trigger_tells_its_price_and_what_the_order_became() {
    let mut table = table();
    let placed = Report {
        ord_type: OrdType::StopLoss,
        stop_px: Some(Px(90)),
        px: None,
        ..report(5, ExecType::New, OrdStatus::New, 10, 0)
    };
    let order = table.adopt(&placed).unwrap();
    apply(&mut table, &placed);
    let fired = Report {
        ord_type: OrdType::Market,
        trigger_px: Some(Px(89)),
        exec_type: ExecType::Restated,
        ..placed
    };
    let seen = apply(&mut table, &fired);
    assert_eq!(seen.update.kind, UpdateKind::Triggered { px: Some(Px(89)) });
    assert_eq!(table.get(order).unwrap().ord_type, OrdType::Market);
}

/// A buy that waits for 110 and then for no more than 120.
fn stop_limit(table: &mut OrderTable) -> (OrderHandle, Report) {
    let new = NewOrder {
        ord_type: OrdType::StopLossLimit,
        px: Some(Px(120)),
        stop_px: Some(Px(110)),
        ..new_order(1)
    };
    let order = table.open(&new).unwrap();
    let told = Report {
        ord_type: new.ord_type,
        px: new.px,
        stop_px: new.stop_px,
        ..report(1, ExecType::New, OrdStatus::New, 10, 0)
    };
    (order, told)
}

/// The answer to an amend of it, to a trigger of 111.
fn amended(told: &Report, n: u64, px: i64) -> Report {
    Report {
        cl_ord_id: id(n),
        exec_type: ExecType::Replaced,
        ord_status: OrdStatus::Replaced,
        px: Some(Px(px)),
        stop_px: Some(Px(111)),
        ..*told
    }
}

#[test]
fn an_order_waits_for_its_trigger_is_amended_triggers_and_fills() {
    let mut table = table();
    let (order, told) = stop_limit(&mut table);
    assert!(table.get(order).unwrap().is_untriggered());
    assert_eq!(table.open_qty(ID), [10, 0], "what it could fill counts from the start");
    assert_eq!(apply(&mut table, &told).update.kind, UpdateKind::Acked);
    // Two amends that do not wait for each other: the second keeps the trigger of the first.
    for (n, px, stop) in [(2, 121, 111), (3, 122, 111)] {
        let plan = table.plan_replace(order).unwrap();
        assert_eq!(plan.stop_px, Some(Px(if n == 2 { 110 } else { 111 })));
        let terms = Terms { qty: Qty(10), px: Some(Px(px)), stop_px: Some(Px(stop)) };
        table.add_replace(order, id(n), terms).unwrap();
    }
    let amended = |n, px| amended(&told, n, px);
    assert!(!apply(&mut table, &amended(2, 121)).disagrees);
    // It triggers before the second arrives, which changes its limit only.
    let fired = Report {
        ord_type: OrdType::Limit,
        trigger_px: Some(Px(112)),
        exec_type: ExecType::Restated,
        ord_status: OrdStatus::New,
        ..amended(2, 121)
    };
    let seen = apply(&mut table, &fired);
    assert_eq!(seen.update.kind, UpdateKind::Triggered { px: Some(Px(112)) });
    assert!(!seen.disagrees && !table.get(order).unwrap().is_untriggered());
    let late = Report { ord_type: OrdType::Limit, ..amended(3, 122) };
    let seen = apply(&mut table, &late);
    assert!(!seen.disagrees, "{seen:?}");
    let now = table.get(order).unwrap();
    assert_eq!((now.px, now.ord_type, now.pending_replaces()), (Some(Px(122)), OrdType::Limit, 0));
    assert_eq!(table.plan_replace(order).unwrap().stop_px, None, "there is none to amend any more");
    let filled = Report {
        fill: Some(Fill { px: Px(120), qty: Qty(10), liquidity: None }),
        exec_type: ExecType::Trade,
        ord_status: OrdStatus::Filled,
        cum_qty: Qty(10),
        leaves_qty: Qty(0),
        ..late
    };
    assert_eq!(apply(&mut table, &filled).update.state, OrderState::Filled);
}

#[test]
fn a_trigger_of_which_the_report_was_lost_is_told_by_the_answer_to_a_status_request() {
    let lost = || {
        let mut table = table();
        let (order, told) = stop_limit(&mut table);
        apply(&mut table, &told);
        let terms = Terms { qty: Qty(10), px: Some(Px(120)), stop_px: Some(Px(115)) };
        table.add_replace(order, id(2), terms).unwrap();
        table.mark_uncertain(order, true).unwrap();
        (table, order, Report { exec_type: ExecType::OrderStatus, cl_ord_id: id(9), ..told })
    };
    // Quantity and limit are those of both requests: the trigger says which is in force.
    for (stop_px, in_force) in [(115, 2), (110, 1)] {
        let (mut table, order, answer) = lost();
        let answer = Report { stop_px: Some(Px(stop_px)), ..answer };
        assert!(apply(&mut table, &answer).resolved);
        assert_eq!(table.cl_ord_id(order), Some(id(in_force)));
    }
    let (mut table, _, answer) = lost();
    let answer = Report { ord_type: OrdType::Limit, trigger_px: Some(Px(112)), ..answer };
    let seen = apply(&mut table, &answer);
    assert_eq!(seen.update.kind, UpdateKind::Triggered { px: Some(Px(112)) });
    assert!(seen.resolved);
}

#[test]
fn a_status_answer_under_its_own_id_shows_which_replace_is_in_force() {
    let mut table = table();
    let order = acked(&mut table, 1);
    for n in [2, 3] {
        table.add_replace(order, id(n), at_100(Qty(10 * n as i64))).unwrap();
    }
    table.mark_uncertain(order, true).unwrap();
    // The answer names the request for it, which is no id of the order's (venue file C17).
    apply(&mut table, &report(900, ExecType::OrderStatus, OrdStatus::Replaced, 20, 0));
    let order = table.get(order).unwrap();
    assert_eq!((order.qty, order.leaves, order.state), (Qty(20), Qty(20), OrderState::New));
    assert_eq!(table.cl_ord_id(order.handle), Some(id(2)));
}

/// A report with an ExecID of its own.
fn named(exec_id: &str, report: Report) -> Report {
    Report { exec_id: exec_id.parse().unwrap(), ..report }
}

/// The order as it is, in full.
fn shown(table: &OrderTable, order: OrderHandle) -> String {
    format!("{:?}", table.get(order).unwrap())
}

#[test]
fn a_report_with_an_exec_id_that_was_seen_changes_nothing_and_is_a_status() {
    let mut table = table();
    let order = table.open(&new_order(1)).unwrap();
    let new = named("E1", report(1, ExecType::New, OrdStatus::New, 10, 0));
    let replaced = named("E2", report(2, ExecType::Replaced, OrdStatus::Replaced, 20, 0));
    let less = named("E3", report(2, ExecType::Restated, OrdStatus::New, 15, 0));
    let least = named("E4", report(2, ExecType::Restated, OrdStatus::New, 12, 0));
    let end = named("E5", report(2, ExecType::Canceled, OrdStatus::Canceled, 12, 0));
    let all = [new, replaced, less, least, end];
    for (n, report) in all.iter().enumerate() {
        let seen = apply(&mut table, report);
        assert_ne!(seen.update.kind, UpdateKind::Status, "{report:?}");
        if n == 0 {
            table.add_replace(order, id(2), at_100(Qty(20))).unwrap();
        }
        let before = shown(&table, order);
        for earlier in &all[..=n] {
            for poss_dup in [false, true] {
                let seen = apply(&mut table, &Report { poss_dup, ..*earlier });
                assert_eq!(seen.update.kind, UpdateKind::Status, "{earlier:?}");
                assert_eq!(shown(&table, order), before, "{earlier:?}");
            }
        }
    }
}

#[test]
fn a_seen_report_does_not_tell_where_an_uncertain_order_stands() {
    let mut table = table();
    let order = table.open(&new_order(1)).unwrap();
    let new = named("E1", report(1, ExecType::New, OrdStatus::New, 10, 0));
    apply(&mut table, &new);
    table.mark_uncertain(order, true).unwrap();
    assert!(!apply(&mut table, &new).resolved);
    assert_eq!(table.get(order).unwrap().state, OrderState::Uncertain);
}

#[test]
fn an_order_that_has_triggered_never_waits_again() {
    let mut table = table();
    let (order, told) = stop_limit(&mut table);
    apply(&mut table, &told);
    let fired = Report {
        ord_type: OrdType::Limit,
        trigger_px: Some(Px(112)),
        exec_type: ExecType::Restated,
        ..told
    };
    apply(&mut table, &fired);
    for exec_type in [
        ExecType::New,
        ExecType::PendingNew,
        ExecType::Replaced,
        ExecType::Restated,
        ExecType::OrderStatus,
    ] {
        let late = Report { exec_type, px: Some(Px(-5)), order_qty: Qty(30), ..told };
        let late = Report { leaves_qty: Qty(30), ..late };
        assert_eq!(apply(&mut table, &late).update.kind, UpdateKind::Status, "{exec_type:?}");
        let now = table.get(order).unwrap();
        assert_eq!((now.ord_type, now.px, now.qty), (OrdType::Limit, Some(Px(120)), Qty(10)));
        assert!(!now.is_untriggered());
    }
}

#[test]
fn the_start_of_an_order_told_late_does_not_take_back_what_the_venue_made_of_it() {
    for exec_type in [ExecType::New, ExecType::PendingNew] {
        let mut table = table();
        let order = acked(&mut table, 1);
        apply(&mut table, &report(1, ExecType::Restated, OrdStatus::New, 6, 0));
        let seen = apply(&mut table, &report(1, exec_type, OrdStatus::New, 10, 0));
        assert_eq!(seen.update.kind, UpdateKind::Status);
        let now = table.get(order).unwrap();
        assert_eq!((now.qty, now.leaves), (Qty(6), Qty(6)));
        assert_eq!(table.open_qty(ID), [6, 0]);
    }
}

#[test]
fn a_repetition_older_than_what_is_known_changes_no_terms_and_an_end_is_told_once() {
    let mut table = table();
    let order = acked(&mut table, 1);
    let at = |ms: u64, qty| Report {
        transact_time: UtcTime(ms * 1_000_000),
        ..report(1, ExecType::Restated, OrdStatus::New, qty, 0)
    };
    apply(&mut table, &at(20, 6));
    let seen = apply(&mut table, &Report { poss_dup: true, ..at(19, 8) });
    assert_eq!((seen.update.kind, seen.update.leaves), (UpdateKind::Status, Qty(6)));
    assert_eq!(table.get(order).unwrap().qty, Qty(6));
    // What is not marked as a repetition is none by its time alone: the venue has several clocks.
    let seen = apply(&mut table, &at(19, 8));
    assert_eq!(seen.update.kind, UpdateKind::Restated { qty: Qty(8), px: Some(Px(100)) });
    // An end counts however old it is, and once.
    let end = Report { poss_dup: true, ..report(1, ExecType::Expired, OrdStatus::Expired, 8, 0) };
    let end = Report { transact_time: UtcTime(1), ..end };
    assert_eq!(apply(&mut table, &end).update.kind, UpdateKind::Expired);
    assert_eq!(apply(&mut table, &end).update.kind, UpdateKind::Status);
}

#[test]
fn what_a_forgotten_order_may_have_filled_stays_counted_until_it_is_settled() {
    let mut table = OrderTable::with_capacity(1, 2, 16);
    for n in 1..=8 {
        let order = table.open(&new_order(n)).unwrap();
        table.mark_uncertain(order, true).unwrap();
        table.resolve_ended(order, Proof::Swept).unwrap();
    }
    assert_eq!((table.unseen(ID), table.open_qty(ID)), ([80, 0], [80, 0]));
    assert_eq!(table.take_unseen_changed(), Some(ID));
    assert_eq!(table.take_unseen_changed(), None);
    table.settle_unseen(ID);
    assert_eq!((table.unseen(ID), table.open_qty(ID)), ([0, 0], [0, 0]));
    assert_eq!(table.take_unseen_changed(), Some(ID));
    let live = table.open(&new_order(9)).unwrap();
    assert_eq!(table.open_qty(ID), [10, 0]);
    table.mark_uncertain(live, true).unwrap();
    table.resolve_ended(live, Proof::NeverArrived).unwrap();
    assert_eq!(table.open_qty(ID), [0, 0], "what never arrived was never filled");
}

#[test]
fn a_gone_order_that_was_refused_or_withdrawn_after_all_was_never_filled() {
    for is_refused in [true, false] {
        let mut table = table();
        let order = table.open(&new_order(1)).unwrap();
        table.mark_uncertain(order, true).unwrap();
        table.resolve_ended(order, Proof::Swept).unwrap();
        assert_eq!(table.unseen(ID), [10, 0]);
        if is_refused {
            table.on_refused(&refusal(1)).unwrap();
        } else {
            table.on_withdrawn(id(1), WithdrawReason::SessionDown).unwrap();
        }
        assert_eq!((table.unseen(ID), table.open_qty(ID)), ([0, 0], [0, 0]), "{is_refused}");
    }
}
