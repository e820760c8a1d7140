//! What an earlier run left behind, and the limit of the day's loss.

use super::*;
use crate::risk::KillCause;

/// No more than 50 may be lost in a day; the instrument is known, nothing else.
fn with_loss_limit() -> Fixture {
    let mut config = DeskConfig { unknown_orders: UnknownOrders::Adopt, ..config() };
    config.instruments[0].risk.max_daily_loss = Some(Decimal::new(50, 0));
    let mut fixture = Fixture::new();
    let clock = fixture.desk.core.clock.clone();
    fixture.desk = Desk::new(&config, clock, Recorder::default()).unwrap();
    fixture.up(MD);
    fixture.event(MD, EventKind::Instrument { id: ID, instrument: facts() });
    fixture
}

/// An earlier run traded 10.00 at 100.0, and that order, its `n`th, is done.
fn recall(fixture: &mut Fixture, n: u64, side: Side) {
    let id = ClOrdId::numeric(n).unwrap();
    let report = Report {
        side,
        exec_id: format!("E{n}").parse().unwrap(),
        order_qty: Qty(1_000),
        cum_qty: Qty(1_000),
        fill: Some(Fill { px: Px(1_000), qty: Qty(1_000), liquidity: None }),
        poss_dup: true,
        ..report(id, ExecType::Trade, OrdStatus::Filled)
    };
    let last = Some((Qty(1_000), 1_000_000));
    let told = FromJournal::Report { report, is_new: true, last };
    fixture.event(TRADING, EventKind::FromJournal(told));
}

fn end(fixture: &mut Fixture, qty: i64) {
    let end = FromJournal::End { epoch: 1, unreadable: 0, is_lossy: false, first_kept: None };
    fixture.event(TRADING, EventKind::FromJournal(end));
    assert_eq!(fixture.desk.positions().get(ID).unwrap().qty, qty);
}

/// A book of two levels around a price.
fn book(fixture: &mut Fixture, mid: i64) {
    let ask = entry(Side::Sell, mid + 1, BookAction::Restart, false);
    fixture.event(MD, EventKind::Book(ask));
    fixture.event(MD, EventKind::Book(entry(Side::Buy, mid - 1, BookAction::Set, true)));
}

#[test]
fn a_recalled_position_loses_from_its_first_mid_price_on_and_no_kill_comes_before() {
    for (side, way) in [(Side::Buy, -1), (Side::Sell, 1)] {
        let mut fixture = with_loss_limit();
        recall(&mut fixture, 7, side);
        end(&mut fixture, side.sign() * 1_000);
        assert_eq!(fixture.desk.killed(), None, "{side:?}: there is no price to judge it by");
        // 10.00 of them by 20.0: 200 were lost before the start.
        book(&mut fixture, 1_000 + way * 200);
        assert_eq!(fixture.desk.killed(), None, "{side:?}: that was lost before");
        book(&mut fixture, 1_000 + way * 250);
        assert_eq!(fixture.desk.killed(), None, "{side:?}: the limit itself is no breach");
        book(&mut fixture, 1_000 + way * 251);
        let Some(KillCause::DailyLoss { numbers, total: false, .. }) = fixture.desk.killed() else {
            panic!("{side:?}: {:?}", fixture.desk.killed())
        };
        assert_eq!(numbers.asked, 51 * 10i128.pow(18), "{side:?}");
    }
}

#[test]
fn a_recalled_position_counts_from_the_price_that_there_is_when_the_recall_ends() {
    let mut fixture = with_loss_limit();
    book(&mut fixture, 800);
    recall(&mut fixture, 7, Side::Buy);
    // A book comes in the midst of the recall.
    book(&mut fixture, 790);
    recall(&mut fixture, 8, Side::Buy);
    end(&mut fixture, 2_000);
    assert_eq!(fixture.desk.killed(), None);
    book(&mut fixture, 765);
    assert_eq!(fixture.desk.killed(), None, "20.00 by 2.5 are the limit");
    book(&mut fixture, 764);
    assert!(fixture.desk.killed().is_some());
}

#[test]
fn a_position_without_a_price_is_no_loss_yet_and_the_whole_of_it_is_when_there_is_one() {
    let mut fixture = with_loss_limit();
    fixture.up(TRADING);
    let id = ClOrdId::numeric(7).unwrap();
    fixture.event(TRADING, EventKind::Report(report(id, ExecType::New, OrdStatus::New)));
    let report = Report {
        exec_id: "E1".parse().unwrap(),
        order_qty: Qty(1_000),
        cum_qty: Qty(1_000),
        leaves_qty: Qty(0),
        fill: Some(Fill { px: Px(1_000), qty: Qty(1_000), liquidity: None }),
        ..report(id, ExecType::Trade, OrdStatus::Filled)
    };
    fixture.event(TRADING, EventKind::Report(report));
    assert_eq!(fixture.desk.positions().get(ID).unwrap().qty, 1_000);
    assert_eq!(fixture.desk.killed(), None, "its cost is not its loss");
    book(&mut fixture, 949);
    assert!(fixture.desk.killed().is_some(), "it was bought today");
}
