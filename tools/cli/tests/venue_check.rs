//! `taut venue check`, in process and over sockets.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

mod common;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use common::child::{self, Running};
use common::ports::free_base;

const CONFIG: &str = r#"
[liquidity]
mode = "none"
[[clients]]
sender = "TAUT"
tier = "unlimited"
[[clients]]
sender = "OTHER"
tier = "unlimited"
"#;

fn taut(arguments: &[&str]) -> Command {
    let mut command = child::taut(arguments);
    command.env("TAUT_API_KEY", "APIKEY").env("TAUT_API_SECRET", "c2VjcmV0");
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A venue on free ports.
fn venue(offset: u16) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("venue.toml");
    std::fs::write(&file, CONFIG).unwrap();
    let (file, offset) = (file.display().to_string(), offset.to_string());
    let arguments = ["venue", "--plain", "--config", &file, "--base-port", &offset];
    let mut running = Running::start(&mut taut(&arguments));
    assert!(running.lines().any(|line| line.contains("Ctrl-C")), "the venue starts");
    running
}

#[test]
fn a_check_of_nothing_is_no_success() {
    let output =
        taut(&["venue", "check", "--only", "a title that no scenario has"]).output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("there is no such scenario"), "{text}");
}

#[test]
fn a_check_that_skips_every_scenario_is_no_success() {
    // Nobody is asked: it would need to be alone there.
    let arguments = ["venue", "check", "--address", "localhost", "--base-port", "1"];
    let output = taut(&arguments).args(["--only", "Price and time"]).output().unwrap();
    assert!(said(&output).contains("0 passed, 0 failed, 1 skipped"), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("nothing was checked: the only scenario was skipped"), "{text}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_running_venue_takes_control_steps_on_its_standard_input() {
    let mut command = taut(&["venue", "--any-port", "--plain", "--control", "-"]);
    let mut running = Running::start(command.stdin(Stdio::piped()));
    assert!(running.lines().any(|line| line.contains("Ctrl-C")), "the venue starts");
    let mut typed = running.0.stdin.take().unwrap();
    typed.write_all(b"market BTC/USD cancel_only\ndrop NOBODY spot-trading\n").unwrap();
    let told = running.errors().find(|line| line.starts_with("control: "));
    let expected = r#"control: "drop NOBODY spot-trading": there is no such client"#;
    assert_eq!(told.unwrap(), expected, "the step before it was done");
    drop(typed);
    running.signal("INT");
    assert!(running.wait().success(), "the end of the input is not the venue's");
}

#[test]
fn the_suite_passes_in_process_and_says_so() {
    let output = taut(&["venue", "check"]).output().unwrap();
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("PASS orders.fix: A resting limit order on spot"), "{text}");
    assert!(text.trim_end().ends_with(" 0 failed, 0 skipped"), "{text}");
}

#[test]
fn a_file_that_expects_something_else_fails_with_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.fix");
    std::fs::write(&file, "== Wrong\n!logon A spot-market-data TAUT\nA> 1|112=x\nA< 0|112=y\n")
        .unwrap();
    let output = taut(&["venue", "check", &file.display().to_string()]).output().unwrap();
    let text = said(&output);
    assert!(!output.status.success());
    assert!(text.contains("TestReqID(112): expected \"y\", got \"x\""), "{text}");
    assert!(text.contains("0 passed, 1 failed, 0 skipped"), "{text}");
}

#[test]
fn scenarios_pass_over_sockets_and_what_steers_the_venue_is_skipped_with_the_reason() {
    let offset = free_base();
    let _venue = venue(offset);
    let offset = offset.to_string();
    let peers =
        ["TAUT", "OTHER"].map(|name| format!("--peer={name}={name},TAUT_API_KEY,TAUT_API_SECRET"));
    let mut arguments =
        vec!["venue", "check", "--address", "127.0.0.1", "--base-port", &offset, "--plain"];
    arguments.extend(peers.iter().map(String::as_str));
    let mut limited = arguments.clone();
    arguments.extend(["--alone", "--only", "order"]);
    let output = taut(&arguments).output().unwrap();
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("PASS level3.fix: Every order is shown"), "{text}");
    assert!(text.contains("SKIP rejects.fix: A market in cancel-only mode"), "{text}");
    assert!(text.contains("steers the venue"), "{text}");
    let mut captured = limited.clone();
    captured.extend(["--fresh", "--only", "Captured: a cancel by OrderID alone"]);
    for _ in 0..2 {
        let output = taut(&captured).output().unwrap();
        let text = said(&output);
        assert!(
            output.status.success() && text.contains("1 passed, 0 failed, 0 skipped"),
            "{text}"
        );
    }
    limited.extend(["--only", "Price and time"]);
    let text = said(&taut(&limited).output().unwrap());
    assert!(text.contains("it needs a market without anybody else"), "{text}");
    let output = taut(&["venue", "check", "--address", "fix.kraken.com"]).output().unwrap();
    assert!(!output.status.success(), "a production host is refused");
}
