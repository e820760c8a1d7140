//! Random commands against the naive model.

mod pair;
mod steps;

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use pair::Pair;
use steps::{Step, steps};

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
                EventKind::Amended { pending: true, .. } => "amended before it was live",
                EventKind::Amended { .. } => "amended",
                EventKind::Triggered(_) => "triggered",
                EventKind::Expired { .. } => "expired",
                EventKind::Accepted(_) => "accepted",
                EventKind::Live(_) => "live",
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

/// Runs of up to 80 commands; `TAUT_CASES` asks for more.
fn cases() -> u32 {
    let asked = std::env::var("TAUT_CASES").ok();
    asked.map_or(4000, |count| count.parse().expect("TAUT_CASES is a number"))
}

#[test]
fn random_commands_end_as_in_the_naive_model_with_every_invariant_kept() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: cases(),
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
        "amended before it was live",
        "triggered",
        "expired",
        "live",
        RejectReason::InvalidStart.text(),
        RejectReason::InvalidExpiry.text(),
        RejectReason::InvalidDisplay.text(),
        RejectReason::InvalidArguments.text(),
        CancelReason::FillOrKill.text(),
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
