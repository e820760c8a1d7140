//! What may have been filled of orders that are gone, and is in no position.

use super::rest::{POLICY, answer, call, calls, fail, refused};
use super::*;
use crate::command::{RestCall, RestKind};
use crate::event::{Listed, RestProblem, RestSaid};
use crate::limits::REST_AGAIN_NS;
use crate::order::{PositionTruth, RecoveredFills};

/// No more than 15 may be held; an order of 10 is gone, and the venue did not tell how it ended.
fn gone() -> (Fixture, OrderHandle, ClOrdId) {
    gone_with(None)
}

fn gone_with(rest: Option<RestPolicy>) -> (Fixture, OrderHandle, ClOrdId) {
    let mut config = DeskConfig { rest, ..config() };
    config.instruments[0].risk.max_position = Decimal::new(15, 2);
    let mut fixture = Fixture::with(&config);
    let (order, id) = fixture.buy();
    fixture.send();
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    fixture.send();
    assert_eq!(told(&fixture), [], "it counts as open while it is uncertain");
    let marker = ClOrdId::numeric(fixture.desk.core.ids.watermark()).unwrap();
    fixture.refuse(marker, b'F', 101);
    assert_eq!(fixture.state(order), OrderState::Gone);
    (fixture, order, id)
}

/// What may have been bought and sold, as the strategy was told.
fn told(fixture: &Fixture) -> Vec<(i64, i64)> {
    let one = |update: &SessionUpdate| match *update {
        SessionUpdate::PositionUncertain { instrument: ID, bought, sold } => {
            Some((bought.0, sold.0))
        }
        _ => None,
    };
    fixture.desk.strategy().sessions.iter().filter_map(one).collect()
}

fn is_full(fixture: &mut Fixture) -> bool {
    let refused = fixture.ctx().buy(ID, Qty(6), Px(1_000));
    matches!(refused, Err(Refusal::MaxPosition(_)))
}

fn late(id: ClOrdId, exec_type: ExecType, ord_status: OrdStatus, cum: i64) -> Report {
    let leaves = if ord_status.is_end() { 0 } else { 10 - cum };
    let report = report(id, exec_type, ord_status);
    let gross = Some(cum * 1_000);
    Report { cum_qty: Qty(cum), leaves_qty: Qty(leaves), gross, ..report }
}

#[test]
fn what_a_gone_order_may_have_filled_is_told_and_counts_until_late_reports_show_what_was() {
    let (mut fixture, order, id) = gone();
    assert_eq!(told(&fixture), [(10, 0)]);
    assert_eq!(fixture.ctx().position_unseen(ID), [Qty(10), Qty(0)]);
    assert!(is_full(&mut fixture));
    let fill = Fill { px: Px(1_000), qty: Qty(4), liquidity: None };
    let trade = late(id, ExecType::Trade, OrdStatus::PartiallyFilled, 4);
    let exec_id = "E1".parse().unwrap();
    let trade = Report { fill: Some(fill), exec_id, ..trade };
    fixture.event(TRADING, EventKind::Report(trade));
    assert_eq!(fixture.ctx().position(ID).qty, 4);
    assert_eq!(told(&fixture), [(10, 0), (6, 0)]);
    assert!(is_full(&mut fixture), "4 are held, and 6 may be");
    // Of its last report two more are known, by the sum.
    let end = late(id, ExecType::Canceled, OrdStatus::Canceled, 6);
    fixture.event(TRADING, EventKind::Report(end));
    assert_eq!(fixture.ctx().position(ID).qty, 6);
    assert_eq!(told(&fixture), [(10, 0), (6, 0), (0, 0)]);
    assert!(!is_full(&mut fixture));
    assert_eq!(fixture.state(order), OrderState::Gone);
    assert_eq!(fixture.desk.stats().disagreements, 0);
}

#[test]
fn an_operator_who_has_looked_settles_what_may_have_been_filled() {
    let (mut fixture, ..) = gone();
    let bought = Some(RecoveredFills { qty: Qty(3), cost: 3_000 });
    fixture.desk.settle_position(&PositionTruth { instrument: ID, bought, sold: None });
    let position = fixture.ctx().position(ID);
    assert_eq!((position.qty, position.cash, position.recovered), (3, -3_000, 3));
    assert_eq!(told(&fixture), [(10, 0), (0, 0)]);
    assert!(!is_full(&mut fixture));
    assert!(fixture.ctx().buy(ID, Qty(7), Px(1_000)).is_err(), "3 and 6 are there");
}

#[test]
fn fills_that_are_told_in_a_sum_without_their_cost_are_no_position_and_count_as_unseen() {
    let mut fixture = Fixture::started();
    let (_, id) = fixture.live();
    let end = late(id, ExecType::Canceled, OrdStatus::Canceled, 7);
    fixture.event(TRADING, EventKind::Report(Report { gross: None, ..end }));
    assert_eq!(fixture.ctx().position(ID).qty, 0);
    assert_eq!(told(&fixture), [(7, 0)]);
    assert_eq!(fixture.desk.orders().open_qty(ID), [7, 0]);
}

/// What REST says of an order by which 0.04 of 0.10 were filled at 100.0.
fn listed(id: ClOrdId, end: Option<OrdStatus>) -> RestSaid {
    RestSaid::Listed(Listed {
        order_id: "O1".parse().unwrap(),
        cl_ord_id: Some(id),
        side: Side::Buy,
        ord_type: None,
        px: Some(Decimal::new(1_000, 1)),
        stop_px: None,
        qty: Decimal::new(10, 2),
        cum: Decimal::new(4, 2),
        cost: Some(Decimal::new(4, 0)),
        end,
    })
}

/// The call that asks what became of the order.
fn query(fixture: &mut Fixture, cl_ord_id: ClOrdId) -> RestCall {
    let query = call(fixture);
    assert_eq!(query.kind, RestKind::QueryOrder { order_id: OrderId::EMPTY, cl_ord_id });
    query
}

#[test]
fn rest_tells_what_became_of_a_gone_order_and_what_was_filled_of_it_counts() {
    for end in [OrdStatus::Canceled, OrdStatus::Expired] {
        let (mut fixture, order, id) = gone_with(Some(POLICY));
        assert_eq!(told(&fixture), [(10, 0)]);
        let query = query(&mut fixture, id);
        answer(&mut fixture, query, listed(id, Some(end)));
        answer(&mut fixture, query, RestSaid::ListEnd { count: 1 });
        let position = fixture.ctx().position(ID);
        assert_eq!((position.qty, position.cash, position.recovered), (4, -4_000, 4));
        assert_eq!(told(&fixture), [(10, 0), (0, 0)]);
        assert_eq!(fixture.state(order), OrderState::Gone);
        assert_eq!((calls(&mut fixture), fixture.desk.stats().disagreements), (vec![], 0));
        // A fill of it that is told late does not count again.
        let fill = Fill { px: Px(1_000), qty: Qty(4), liquidity: None };
        let trade = late(id, ExecType::Trade, OrdStatus::PartiallyFilled, 4);
        let trade = Report { fill: Some(fill), exec_id: "E1".parse().unwrap(), ..trade };
        fixture.event(TRADING, EventKind::Report(trade));
        assert_eq!(fixture.ctx().position(ID).qty, 4);
    }
}

#[test]
fn a_gone_order_that_rest_has_never_heard_of_was_never_filled() {
    let (mut fixture, _, id) = gone_with(Some(POLICY));
    let query = query(&mut fixture, id);
    answer(&mut fixture, query, RestSaid::ListEnd { count: 0 });
    assert_eq!(fixture.ctx().position(ID).qty, 0);
    assert_eq!(told(&fixture), [(10, 0), (0, 0)]);
    assert!(!is_full(&mut fixture));
}

#[test]
fn what_rest_cannot_say_of_a_gone_order_stays_told_as_uncertain() {
    // Open, unreadable, or forgotten.
    for how in 0..3 {
        let (mut fixture, _, id) = gone_with(Some(POLICY));
        let query = query(&mut fixture, id);
        match how {
            0 => answer(&mut fixture, query, listed(id, None)),
            1 => {}
            _ => fail(&mut fixture, query, refused("EOrder:Unknown order")),
        }
        if how < 2 {
            answer(&mut fixture, query, RestSaid::ListEnd { count: 1 });
        }
        assert_eq!((told(&fixture), calls(&mut fixture)), (vec![(10, 0)], vec![]), "{how}");
    }
}

#[test]
fn what_became_of_a_gone_order_is_asked_again_until_rest_answers() {
    let (mut fixture, _, id) = gone_with(Some(POLICY));
    for wait in [100, 200, REST_AGAIN_NS / 1_000_000] {
        let query = query(&mut fixture, id);
        fail(&mut fixture, query, RestProblem::NotReached);
        assert_eq!(calls(&mut fixture), []);
        fixture.wait(wait);
    }
    let query = query(&mut fixture, id);
    answer(&mut fixture, query, listed(id, Some(OrdStatus::Canceled)));
    answer(&mut fixture, query, RestSaid::ListEnd { count: 1 });
    assert_eq!(told(&fixture), [(10, 0), (0, 0)]);
}
