//! The examples, each against a venue of its own, until it has done what it is for.

#![allow(clippy::unwrap_used, dead_code)] // Tests, and examples whose `main` nobody calls here.
#![allow(
    clippy::duplicate_mod,
    reason = "each example has the common part, as it has it for itself"
)]

#[path = "../examples/imbalance_taker.rs"]
mod imbalance_taker;
#[path = "../examples/market_maker.rs"]
mod market_maker;
#[path = "../examples/recorder.rs"]
mod recorder;
#[path = "../examples/two_markets.rs"]
mod two_markets;

use taut::pipeline::Outcome;
use taut::strategy::Strategy;

/// Longest that an example may need for what it is waited for, seconds.
const PATIENCE: u64 = 120;

/// Whatever a strategy does: nothing is left open, and every command ended once and in order.
fn ended_well<S: Strategy>(outcome: &Outcome<S>) {
    let stats = outcome.desk.stats();
    assert!(outcome.desk.is_quiet(), "{stats:?}");
    assert_eq!((stats.lane_violations, stats.disagreements), (0, 0), "{stats:?}");
    assert_eq!((stats.checksums_failed, stats.alarms), (0, 0), "{stats:?}");
    assert_eq!(stats.on_wire + stats.withdrawn, stats.commands(), "{stats:?}");
}

#[test]
fn the_market_maker_quotes_both_sides_of_two_instruments_and_follows() {
    let options = market_maker::common::Options { seconds: PATIENCE, config: None, out: None };
    let outcome =
        market_maker::run(&options, |stats| stats.acks >= 4 && stats.replaced >= 10).unwrap();
    ended_well(&outcome);
    let stats = outcome.desk.stats();
    assert!(stats.acks >= 4 && stats.replaced >= 10, "{stats:?}");
}

#[test]
fn the_imbalance_taker_takes_and_gives_back() {
    let options = imbalance_taker::common::Options { seconds: PATIENCE, config: None, out: None };
    let outcome = imbalance_taker::run(&options, |stats| stats.fills >= 2).unwrap();
    ended_well(&outcome);
    assert!(outcome.desk.stats().fills >= 2 && outcome.desk.strategy().signals > 0);
}

#[test]
fn two_markets_quotes_the_future_by_the_price_of_spot_and_closes_its_fills_there() {
    let options = two_markets::common::Options { seconds: PATIENCE, config: None, out: None };
    let outcome = two_markets::run(&options, |stats| stats.fills >= 4).unwrap();
    ended_well(&outcome);
    let (stats, positions) = (outcome.desk.stats(), outcome.desk.positions());
    assert!(stats.fills >= 4 && outcome.desk.strategy().closed > 0, "{stats:?}");
    let filled = [0, 1].map(|id| positions.get(taut::strategy::InstrumentId(id)).unwrap().fills);
    assert!(filled.iter().all(|fills| *fills > 0), "{filled:?}");
    assert_eq!(outcome.ended.len(), 4);
}

#[test]
fn the_recorder_writes_a_line_for_all_that_it_saw() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lines");
    let out = Some(file.clone());
    let options = recorder::common::Options { seconds: PATIENCE, config: None, out };
    let enough =
        |stats: &taut::desk::DeskStats| stats.market_trades >= 5 && stats.book_updates >= 100;
    let (outcome, count) = recorder::run(&options, enough).unwrap();
    ended_well(&outcome);
    assert_eq!((outcome.desk.stats().commands(), outcome.desk.strategy().lost), (0, 0));
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(text.lines().count() as u64, count);
    for what in [",BTC/USD,best,", ",ETH/USD,best,", ",trade,"] {
        assert!(text.contains(what), "{what}");
    }
    assert!(text.lines().all(|line| matches!(line.split(',').count(), 6 | 7)), "{text}");
}

#[test]
fn an_example_asked_for_help_says_what_it_takes_and_refuses_what_it_does_not() {
    use clap::{CommandFactory, Parser};
    use market_maker::common::Options;
    Options::command().debug_assert();
    let refused = |words: &[&str]| Options::try_parse_from(words).map(drop).unwrap_err().kind();
    assert_eq!(refused(&["market_maker", "--help"]), clap::error::ErrorKind::DisplayHelp);
    assert_eq!(refused(&["market_maker", "--secs", "2"]), clap::error::ErrorKind::UnknownArgument);
    assert_eq!(Options::parse_from(["market_maker", "--seconds", "2"]).seconds, 2);
}
