//! `taut acceptor` and `taut initiator` with other people's FIX engines: QuickFIX in both roles, and bytes
//! made by `simplefix`.
//!
//! They need a Python that has `simplefix` and `quickfix` (or `quickfix-tls`, the same with a wheel):
//! the one that `TAUT_PYTHON` names, that of `target/interop`, which `.ci/run` makes, or `python3`. Where it
//! lacks one, the test says so and is skipped.

mod common;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::child::{self, Running};
use common::free_port;
use common::skipped::skipped;

/// Longest run of one script.
const PATIENCE: Duration = Duration::from_secs(120);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}

/// A Python that has a package, or says why the test is skipped.
fn python(package: &str) -> Option<PathBuf> {
    let named = std::env::var_os("TAUT_PYTHON").map(PathBuf::from);
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/interop/bin/python");
    let all = match named {
        Some(named) => vec![named],
        None => vec![made, "python3".into()],
    };
    let import = format!("import {package}");
    let has = |python: &PathBuf| {
        let mut command = Command::new(python);
        let status = command.args(["-c", &import]).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let found = all.into_iter().find(has);
    if found.is_none() {
        skipped(format_args!("no Python with {package}; .ci/run makes one, TAUT_PYTHON names one"));
    }
    found
}

fn taut(arguments: &[&str]) -> Running {
    let mut command = child::taut(arguments);
    command.arg("--dictionary").arg(folder().join("small.xml"));
    Running::start(command.stdout(Stdio::null()).stderr(Stdio::inherit()))
}

/// Waits until something listens, without a connection to it that could be taken for a session.
fn wait_for(port: u16) {
    let deadline = Instant::now() + PATIENCE;
    while TcpListener::bind(("127.0.0.1", port)).is_ok() {
        assert!(Instant::now() < deadline, "nothing listens on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a script to its end; the steps that went well.
fn run(python: &Path, script: &str, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new(python);
    command.arg(folder().join(script)).args(arguments).stdout(Stdio::piped());
    let mut running = Running::start(&mut command);
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match running.0.try_wait().expect("a child") {
            Some(status) => break status,
            None => assert!(Instant::now() < deadline, "{script} takes too long"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut said = String::new();
    let mut pipe = running.0.stdout.take().expect("a pipe");
    std::io::Read::read_to_string(&mut pipe, &mut said).expect("text");
    assert!(
        status.success() && said.ends_with("DONE\n"),
        "{script} {arguments:?}: {status}\n{said}"
    );
    said.lines().filter_map(|line| line.strip_prefix("OK ").map(str::to_owned)).collect()
}

#[test]
fn quickfix_dials_our_acceptor_trades_gaps_and_logs_out_both_ways() {
    let Some(python) = python("quickfix") else { return };
    let (port, control) = (free_port(), free_port());
    let (listen, hook) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{control}"));
    let _engine = taut(&[
        "acceptor",
        "--listen",
        &listen,
        "--control",
        &hook,
        "--target",
        "TW",
        "--no-reset",
    ]);
    wait_for(port);
    let store = tempfile::tempdir().expect("a folder");
    let (port, store) = (port.to_string(), store.path().to_string_lossy().into_owned());
    let steps = run(&python, "quickfix_peer.py", &["initiator", &port, &hook, &store]);
    assert_eq!(
        steps,
        [
            "logon",
            "orders",
            "gap of ours",
            "gap of theirs",
            "reconnect",
            "logout of ours",
            "logout of theirs",
            "reset"
        ]
    );
}

#[test]
fn our_initiator_dials_quickfix_trades_gaps_and_logs_out_both_ways() {
    let Some(python) = python("quickfix") else { return };
    let (port, control) = (free_port(), free_port());
    let (to, hook) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{control}"));
    let _engine = taut(&[
        "initiator",
        "--connect",
        &to,
        "--control",
        &hook,
        "--target",
        "TW",
        "--no-reset",
        "--heartbeat",
        "30",
    ]);
    let store = tempfile::tempdir().expect("a folder");
    let (port, store) = (port.to_string(), store.path().to_string_lossy().into_owned());
    let steps = run(&python, "quickfix_peer.py", &["acceptor", &port, &hook, &store]);
    let expected = [
        "logon",
        "orders",
        "gap of ours",
        "gap of theirs",
        "reconnect",
        "logout of ours",
        "logout of theirs",
    ];
    assert_eq!(steps, expected);
}

#[test]
fn bytes_made_by_simplefix_are_understood_and_ours_by_it() {
    let Some(python) = python("simplefix") else { return };
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let _engine = taut(&["acceptor", "--listen", &listen, "--target", "TW"]);
    wait_for(port);
    let steps = run(&python, "by_hand.py", &[&port.to_string()]);
    let expected = [
        "logon",
        "byte by byte",
        "garbage between",
        "gap and gap fill",
        "resend",
        "sequence reset",
        "logout",
    ];
    assert_eq!(steps, expected);
}
