//! `taut venue soak`, small: the large one is run by hand.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

mod common;

use std::process::Output;
use std::time::Duration;

use common::child::run_for;

fn soak(arguments: &[&str]) -> Output {
    // Its own patience ends first.
    run_for(&[&["venue", "soak"], arguments].concat(), Duration::from_secs(600))
}

#[test]
fn sessions_get_all_that_they_should_while_the_venues_memory_stands_still() {
    let sizes = ["--sessions=24", "--traders=2", "--seconds=2", "--rate=5000", "--patience=300"];
    let output = soak(&sizes);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    assert!(text.starts_with("24 sessions up in "), "{text}");
    let last = text.lines().last().unwrap();
    let orders: u64 = last.split_once(" orders").unwrap().0.parse().unwrap();
    assert!(orders >= 3000 && last.ends_with(", 24 sessions up at the end"), "{text}");
}

#[test]
fn a_soak_in_which_memory_could_not_be_looked_at_has_failed() {
    // Nobody can place 1500 orders in a second of patience at one a second.
    let sizes = ["--sessions=2", "--traders=1", "--seconds=1", "--rate=1", "--patience=1"];
    let output = soak(&[&sizes[..], &["--plain"]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("FAULT: the reports did not fill"), "{text}");
    let output = soak(&["--sessions=2", "--traders=2"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("at least one session has to"));
}
