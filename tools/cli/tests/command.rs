//! The built binary as a user runs it.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::child::{PATIENCE, Running, run, taut};
use common::skipped::skipped;
use taut::pipeline::available_cores;

/// Held by every test that starts processes: one demo at a time may spin on all cores.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a process lives: a zombie does not.
fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().next())
        .is_some_and(|s| s != "Z")
}

/// Children of a process.
fn children(pid: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
        Some((pid, parent))
    });
    processes.filter(|&(_, parent): &(u32, u32)| parent == pid).map(|(pid, _)| pid).collect()
}

/// Waits until something is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    if path.exists() {
        return Some(path);
    }
    skipped(format_args!("{} is not here", path.display()));
    None
}

fn decode(input: &[u8]) -> String {
    let mut running = Running::start(taut(&["decode"]).stdin(Stdio::piped()));
    let mut stdin = running.0.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let mut text = String::new();
    running.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    writer.join().unwrap();
    assert!(running.wait().success());
    text
}

#[test]
fn decode_prints_every_captured_message_and_masks_secrets() {
    let _alone = alone();
    let logon =
        "8=FIX.4.4|9=1|35=A|49=me|56=KRAKEN-TRD|553=MYKEY|554=MYPASS|5025=17|95=3|96=RAW|10=000|";
    let text = decode(logon.as_bytes());
    for secret in ["MYKEY", "MYPASS", " 17", "RAW"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(text.contains("Password") && text.contains("Logon (A)"), "{text}");
    let Some(file) = shared("venue/golden-captures.txt") else { return };
    let captures = std::fs::read_to_string(file).unwrap();
    let exact: String =
        captures.lines().filter(|l| l.contains("BYTE-EXACT |")).collect::<Vec<_>>().join("\n");
    let text = decode(exact.as_bytes());
    assert_eq!(text.matches("\n#").count() + 1, exact.lines().count());
    assert!(!text.contains("wrong") && !text.contains("unfinished"), "{text}");
}

#[test]
fn the_venue_prints_where_it_listens_and_ends_at_an_interrupt() {
    let _alone = alone();
    for signal in ["INT", "TERM"] {
        let mut running = Running::start(&mut taut(&["venue", "--any-port"]));
        let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
        let mut lines_of = |end: &str| -> Vec<String> {
            let mut seen = Vec::new();
            while seen.last().is_none_or(|line: &String| !line.contains(end)) {
                seen.push(lines.next().expect("more lines").unwrap());
            }
            seen
        };
        let seen = lines_of("Ctrl-C");
        let address =
            seen.iter().find_map(|line| line.strip_prefix("spot-trading")).unwrap().trim();
        // A client that says nothing does not hold it up.
        let _client = TcpStream::connect(address).unwrap();
        running.signal(signal);
        assert_eq!(running.wait().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_venue_without_credentials_says_who_cannot_trade_and_what_to_set() {
    let _alone = alone();
    let errors = |secrets: &[(&str, &str)]| {
        let mut command = taut(&["venue", "--any-port"]);
        command.env_remove("TAUT_API_KEY").env_remove("TAUT_API_SECRET");
        let mut running = Running::start(command.envs(secrets.iter().copied()));
        let lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.contains("Ctrl-C")));
        running.signal("INT");
        assert_eq!(running.wait().code(), Some(0));
        let mut text = String::new();
        running.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(
        errors(&[]),
        "trading: no credentials for TAUT (set TAUT_API_KEY, TAUT_API_SECRET)\n\
         trading: no credentials for TAUT_DRV (set TAUT_API_KEY, TAUT_API_SECRET)\n"
    );
    assert_eq!(errors(&[("TAUT_API_KEY", "key"), ("TAUT_API_SECRET", "c2VjcmV0")]), "");
}

/// Runs a demo, whose summary must be good.
fn demo(arguments: &[&str]) {
    let all = [&["demo", "--json", "--seconds", "1"], arguments].concat();
    let output = run(&all);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let summary: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{arguments:?}: {text} {errors}"));
    let checks = summary["checks"].as_array().unwrap();
    let broken: Vec<_> = checks.iter().filter(|check| check["holds"] != true).collect();
    assert!(broken.is_empty(), "{arguments:?}: {broken:?} {}", summary["counts"]);
    assert!(checks.len() >= 4, "{checks:?}");
    let told = |session: &str, what: &str| {
        let lines = summary["sessions"].as_array().unwrap().iter();
        let of = lines.filter(|line| line["session"] == session);
        of.filter(|line| line["what"].as_str().unwrap().contains(what)).count()
    };
    for session in ["market data", "trading"] {
        assert_eq!(told(session, "up at attempt 1: sequence space"), 1, "{}", summary["sessions"]);
        assert_eq!(told(session, ": logged out; next MsgSeqNum"), 1, "{}", summary["sessions"]);
    }
    assert_eq!(summary["reconnects"], serde_json::json!({"market_data": 0, "trading": 0}));
    for after in summary["logged_on_after_ms"].as_array().unwrap() {
        assert!(after.as_f64().unwrap() > 0.0, "{}", summary["logged_on_after_ms"]);
    }
    assert!(summary["memory"]["resident_kib"].as_u64().unwrap() > 1024, "{}", summary["memory"]);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
}

#[test]
fn a_short_demo_holds_on_every_layout_wire_and_tls_mode() {
    let _alone = alone();
    demo(&["--layout", "inline", "--wire", "uring"]);
    demo(&["--layout", "split", "--wire", "mio", "--tls", "rustls"]);
    demo(&["--layout", "full", "--wire", "busy-poll"]);
    demo(&["--layout", "inline", "--wire", "mio", "--plain"]);
    demo(&["--layout", "full", "--wire", "uring", "--seed", "7", "--symbol", "ETH/USD"]);
}

#[test]
fn a_demo_whose_trading_session_is_cut_in_mid_run_says_what_was_lost_and_recovered_and_holds() {
    let _alone = alone();
    for layout in ["inline", "full"] {
        let arguments = ["--json", "--seconds", "3", "--drop-after", "1", "--layout", layout];
        let output = run(&[&["demo", "--wire", "mio"], &arguments[..]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect(&errors);
        let checks = summary["checks"].as_array().unwrap();
        let broken: Vec<_> = checks.iter().filter(|check| check["holds"] != true).collect();
        assert!(broken.is_empty(), "{layout}: {broken:?} {}", summary["sessions"]);
        let what = "the session that was cut came back";
        assert!(checks.iter().any(|check| check["what"] == what));
        assert_eq!(summary["reconnects"], serde_json::json!({"market_data": 0, "trading": 1}));
        // The message that was cut is missing at least.
        assert!(summary["lost"]["asked_again"].as_u64() > Some(0), "{}", summary["sessions"]);
        assert_eq!(output.status.code(), Some(0), "{errors}");
    }
}

#[test]
fn a_short_demo_holds_past_the_kernel() {
    let _alone = alone();
    let tried =
        String::from_utf8(run(&["demo", "--wire", "xdp", "--seconds", "1"]).stderr).unwrap();
    if tried.contains("not permitted") || tried.contains("not supported") {
        return skipped(format_args!("{}", tried.trim()));
    }
    demo(&["--wire", "xdp"]);
    demo(&["--wire", "xdp", "--layout", "full", "--tls", "rustls"]);
}

#[test]
fn a_recorded_book_is_replayed() {
    let _alone = alone();
    let Some(file) = shared("data/kraken/spot-book1000-10pairs-31s.ws") else { return };
    let file = file.to_str().unwrap();
    for symbol in ["XBT/CHF", "XMR/USD"] {
        demo(&["--capture", file, "--symbol", symbol, "--speed", "10"]);
    }
}

#[test]
fn the_venue_replays_all_books_of_a_recording_or_one_to_the_clients_of_its_market() {
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    // Nobody is on spot.
    let text = String::from_utf8(run(&["venue", "--print-config"]).stdout).unwrap();
    let spot = text.find("[[clients]]").unwrap();
    let (_, derivatives) = text[spot + 2..].split_once("[[clients]]").unwrap();
    let derivatives = format!("{}[[clients]]{derivatives}", &text[..spot]);
    let config = scratch.path().join("derivatives.toml");
    std::fs::write(&config, derivatives).unwrap();
    let config = config.to_str().unwrap();
    for (name, symbols) in [
        ("spot-book1000-10pairs-31s.ws", &[("all", 10), ("XBT/CHF", 1)][..]),
        ("futures-book-trade-31s.ws", &[("all", 10), ("PI_XRPUSD", 1), ("FI_BCHUSD_210730", 1)]),
    ] {
        let Some(file) = shared(&format!("data/kraken/{name}")) else { continue };
        for &(symbol, count) in symbols {
            for more in [&[][..], &["--config", config]] {
                let file = file.to_str().unwrap();
                let arguments = ["venue", "--any-port", "--capture", file, "--symbol", symbol];
                let arguments = [&arguments[..], more].concat();
                let mut running = Running::start(&mut taut(&arguments));
                let mut lines = running.lines();
                let liquidity = lines.find(|line| line.starts_with("liquidity"));
                let Some(liquidity) = liquidity else {
                    panic!("{arguments:?}: {:?}", running.errors().collect::<Vec<_>>());
                };
                let (books, _) = liquidity.split_once(" replayed").unwrap();
                assert_eq!(books.split(',').count(), count, "{liquidity}");
                running.signal("INT");
                assert!(running.wait().success());
            }
        }
    }
}

#[test]
fn bad_input_is_named_in_one_line() {
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let nonsense = file("nonsense.toml", "[path\nlayout = ");
    let field = file("field.toml", "prot_offset = 1\n");
    let remote = file("remote.toml", "bind = '0.0.0.0'\n");
    let engine = String::from_utf8(run(&["demo", "--print-config", "engine"]).stdout).unwrap();
    let unlisted = file("unlisted.toml", &engine.replace("BTC/USD", "ETC/ETC"));
    let remote_plain =
        engine.replace("127.0.0.1", "10.0.0.1").replace("enabled = true", "enabled = false");
    let remote_plain = file("plain.toml", &remote_plain);
    let noise = file("noise.ws", "this is no recording\n");
    let recording = shared("data/kraken/spot-book1000-10pairs-31s.ws");
    let recording = recording.as_deref().and_then(Path::to_str);
    let mut cases: Vec<(Vec<&str>, &str)> = vec![
        (vec!["demo", "--symbol", "NO/NO"], "NO/NO"),
        (vec!["demo", "--symbol", "PF_XBTUSD"], "one pair of spot"),
        (vec!["demo", "--capture", &noise, "--symbol", "all"], "one pair of spot"),
        (vec!["demo", "--seconds", "5", "--drop-after", "5"], "--drop-after 5"),
        (vec!["demo", "--config", &unlisted], "ETC/ETC"),
        (vec!["demo", "--rate", "0"], "events_per_second"),
        (vec!["demo", "--capture", &noise, "--speed", "0"], "--speed 0"),
        (vec!["demo", "--config", &remote_plain], "tls.enabled"),
        (vec!["demo", "--config", &nonsense], "TOML"),
        (vec!["demo", "--config", "/nowhere/at/all.toml"], "/nowhere/at/all.toml"),
        (vec!["demo", "--venue-config", &field], "prot_offset"),
        (
            vec!["demo", "--capture", "/nowhere/at/all.ws", "--symbol", "XBT/CHF"],
            "/nowhere/at/all.ws",
        ),
        (vec!["demo", "--capture", &noise, "--symbol", "XBT/CHF"], "noise"),
        (vec!["venue", "--any-port", "--config", &remote], "0.0.0.0"),
        (vec!["venue", "--any-port", "--bind", "0.0.0.0"], "0.0.0.0"),
        (vec!["venue", "--any-port", "--wire", "xdp"], "the kernel's sockets"),
        (vec!["venue", "--any-port", "--symbol", "NO/NO"], "NO/NO"),
        (vec!["venue", "--any-port", "--config", &field], "prot_offset"),
    ];
    if let Some(recording) = recording {
        cases.push((vec!["demo", "--capture", recording, "--symbol", "NO/NO"], "NO/NO"));
        cases.push((
            vec!["venue", "--capture", recording, "--symbol", "XBT/CHF", "--speed", "0"],
            "speed",
        ));
    }
    for (arguments, named) in cases {
        let output = run(&arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(errors.contains(named), "{arguments:?} should name {named}: {errors}");
        // An error of the TOML reader shows the line that it is about.
        let shows_the_line = errors.contains("TOML parse error");
        assert!(shows_the_line || errors.lines().count() == 1, "{arguments:?}: {errors}");
        assert!(!errors.contains("panicked"), "{errors}");
    }
}

/// A demo that trades, and the venue that it started.
fn trading_demo() -> (Running, u32) {
    let arguments = ["demo", "--seconds", "0", "--wire", "mio"];
    let mut running = Running::start(&mut taut(&arguments));
    // The first line of progress, behind what is told of the sessions: it trades. The rest is read so that nobody waits for us.
    let mut progress = BufReader::new(running.0.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("books") {
        line.clear();
        assert_ne!(progress.read_line(&mut line).unwrap(), 0, "it ended");
    }
    std::thread::spawn(move || std::io::copy(&mut progress, &mut std::io::sink()));
    let mut venue = Vec::new();
    until("the demo has a venue", || {
        venue = children(running.0.id());
        venue.len() == 1
    });
    (running, venue[0])
}

#[test]
fn an_interrupt_ends_a_demo_cleanly_and_leaves_no_process() {
    ends_cleanly_at("INT");
}

#[test]
fn a_request_to_terminate_ends_a_demo_cleanly_and_leaves_no_process() {
    ends_cleanly_at("TERM");
}

fn ends_cleanly_at(signal: &str) {
    let _alone = alone();
    let (mut running, venue) = trading_demo();
    running.signal(signal);
    assert_eq!(running.wait().code(), Some(0));
    assert!(!lives(venue));
    let mut summary = String::new();
    running.0.stdout.take().unwrap().read_to_string(&mut summary).unwrap();
    assert!(!summary.is_empty());
}

#[test]
fn an_interrupt_while_the_sessions_come_up_is_no_broken_promise() {
    let _alone = alone();
    // At the first word, and a little later: whether it has traded by then is not the point.
    for wait in [0, 5, 50] {
        let mut running = Running::start(&mut taut(&["demo", "--seconds", "0", "--wire", "mio"]));
        let mut errors = running.errors();
        let first = errors.next().unwrap();
        assert!(first.contains("dialling"), "{first}");
        std::thread::sleep(Duration::from_millis(wait));
        running.signal("INT");
        let rest: Vec<String> = errors.collect();
        let code = running.wait().code();
        let interrupted = rest.iter().any(|line| line == "taut: interrupted before it had traded");
        assert_eq!(code, Some(if interrupted { 130 } else { 0 }), "{rest:?}");
    }
}

#[test]
fn a_venue_whose_demo_was_killed_ends_too() {
    let _alone = alone();
    let (mut running, venue) = trading_demo();
    running.signal("KILL");
    assert!(!running.wait().success());
    until("the venue ends", || !lives(venue));
}

#[test]
fn a_venue_that_was_stopped_is_killed_at_the_second_interrupt() {
    let _alone = alone();
    let (mut running, venue) = trading_demo();
    let stopped = Command::new("kill").args(["-STOP", &venue.to_string()]).status();
    assert!(stopped.unwrap().success());
    running.signal("INT");
    // Two signals that are not taken one by one are one.
    std::thread::sleep(Duration::from_millis(200));
    running.signal("INT");
    assert_eq!(running.wait().code(), Some(130));
    assert!(!lives(venue));
}

#[test]
fn a_printed_configuration_is_a_file_that_the_demo_takes() {
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let printed = |side: &str| {
        let output = run(&["demo", "--print-config", side]);
        assert!(output.status.success());
        let path = scratch.path().join(side);
        // Keys of other venues do not keep the demo from its own.
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.contains("# pins = "), side == "engine");
        std::fs::write(&path, text.replace("# pins = ", "pins = ")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    demo(&["--config", &printed("engine"), "--venue-config", &printed("venue")]);
    let unsaid = run(&["demo", "--print-config"]);
    assert_eq!(unsaid.stdout, run(&["demo", "--print-config", "engine"]).stdout);
    assert_eq!(run(&["demo", "--print-config", "both"]).status.code(), Some(2));
}

#[test]
fn an_unverified_certificate_is_warned_of() {
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("engine.toml");
    let text = String::from_utf8(run(&["demo", "--print-config", "engine"]).stdout).unwrap();
    let insecure = text.replace("uat_insecure = false", "uat_insecure = true");
    assert_ne!(insecure, text);
    // Ends before it starts anything.
    let unlisted = insecure.replace("BTC/USD", "ETC/ETC");
    for (text, warned) in [(unlisted, true), (text.replace("BTC/USD", "ETC/ETC"), false)] {
        std::fs::write(&file, text).unwrap();
        let output = run(&["demo", "--config", file.to_str().unwrap()]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(errors.contains("warning: tls.uat_insecure"), warned, "{errors}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn input_without_a_message_is_said_and_fails() {
    let _alone = alone();
    for (input, bytes) in [(&b""[..], "0"), (b"no message\n", "11")] {
        let mut running = Running::start(taut(&["decode"]).stdin(Stdio::piped()));
        running.0.stdin.take().unwrap().write_all(input).unwrap();
        assert_eq!(running.wait().code(), Some(1));
        let mut errors = String::new();
        running.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(errors, format!("taut: no FIX message in {bytes} bytes\n"));
    }
}

#[test]
fn every_kind_of_benchmark_runs_a_round_in_which_all_is_as_it_should_be() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    for what in ["round-trip", "open", "throughput", "tick"] {
        let page = folder.path().join(what);
        let html = page.to_str().unwrap();
        // Little load: what is tested is that it measures, not what.
        std::fs::write(&page, "<!doctype".repeat(100_000)).unwrap();
        let few = ["--per-second", "200", "--outstanding", "16", "--rate", "500"];
        let short = ["--rounds", "1", "--seconds", "1", "--wire", "busy-poll", "--json"];
        let output = run(&[&["bench", what, "--html", html][..], &few, &short].concat());
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(output.status.success(), "{what}: {}", said["faults"]);
        let lines = said["lines"].as_array().unwrap();
        let names: Vec<_> = lines.iter().map(|line| line["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["busy-poll, inline, plain", "busy-poll, inline, TLS"], "{what}");
        assert!(lines.iter().all(|line| line["p50_us"]["median"].as_f64() > Some(0.0)), "{what}");
        let run = &said["rounds"][0]["cases"][1];
        let stages = run["stages"].as_array().unwrap();
        assert!(stages.iter().all(|stage| stage["count"] == run["total"]["count"]), "{what}");
        // Nothing of the orders that warm up is in any figure.
        if what == "tick" {
            let answers = run["answer"]["count"].as_u64().unwrap();
            let orders = run["total"]["count"].as_u64().unwrap();
            assert!((answers..=answers + 1).contains(&orders), "{orders} for {answers} answers");
        }
        // What is drawn over time is what the load is about.
        let own = match what {
            "open" => &run["from_due"],
            "tick" => &run["total"],
            _ => &run["answer"],
        };
        let slices = run["slices"].as_array().unwrap();
        let sum = |key| slices.iter().map(|slice| slice[key].as_u64().unwrap()).sum::<u64>();
        assert_eq!(Some(sum("count")), own["count"].as_u64(), "{what}");
        let longest = slices.iter().map(|slice| slice["max_ns"].as_u64().unwrap()).max().unwrap();
        let said = own["max_ns"].as_u64().unwrap();
        // The histograms keep three digits.
        assert!(longest.abs_diff(said) <= said / 500, "{what}: {longest} of {said}");
        let corrected = run["from_due"]["p50_ns"].as_u64();
        assert_eq!(corrected.is_some(), what == "open");
        assert!(corrected.is_none() || corrected >= run["answer"]["p50_ns"].as_u64(), "{what}");
        let page = std::fs::read_to_string(page).unwrap();
        assert_eq!(page.matches("<svg").count(), 3, "{what}");
        assert!(page.trim_end().ends_with("</html>"), "nothing is left of an older page");
        assert!(!page.contains("src=") && !page.contains("href="), "the page needs nothing else");
    }
}

#[test]
fn a_benchmark_refuses_what_it_would_not_do_and_a_page_that_it_could_not_write() {
    let refused = |arguments: &[&str]| {
        let output = run(&[&["bench"], arguments].concat());
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for option in [
        &["--html", "page.html"][..],
        &["--wire", "mio"],
        &["--tls", "rustls"],
        &["--rounds", "5"],
        &["--rate", "5"],
        &["--kernel-stamps"],
    ] {
        let said = refused(&[&["engine"], option].concat());
        assert!(said.contains(&format!("has no {}", option[0])), "{said}");
    }
    // Said at once: an hour of measuring would be lost at its end.
    let said = refused(&["--seconds", "3600", "--html", "/nonexistent/page.html"]);
    assert!(said.contains("/nonexistent/page.html"), "{said}");
}

#[test]
fn bench_engine_times_engine_and_venue_apart() {
    let _alone = alone();
    let output = run(&["bench", "engine", "--seconds", "1", "--outstanding", "16", "--json"]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && said["allocations"] == 0, "{said}");
    let figures = said["figures"].as_array().unwrap();
    let sides = figures.iter().map(|one| one["what"].as_str().unwrap().split(',').next().unwrap());
    assert_eq!(sides.collect::<Vec<_>>(), ["engine", "engine", "engine", "venue"]);
    for figure in figures {
        assert!(
            figure["count"].as_u64() > Some(0) && figure["min_ns"].as_u64() > Some(0),
            "{said}"
        );
        assert!(figure["per_turn"].as_f64() >= Some(1.0), "{said}");
    }
}

#[test]
fn bench_engine_times_the_layout_split_and_the_way_through_a_ring() {
    let _alone = alone();
    if available_cores().len() < 2 {
        return skipped(format_args!("two threads that spin need two cores"));
    }
    let output = run(&["bench", "engine", "--layout", "split", "--seconds", "1", "--json"]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && said["allocations"] == 0, "{said}");
    let figures = said["figures"].as_array().unwrap();
    let begins =
        ["split, market data", "split, three reports", "ring hop, 64 B", "ring hop, an event"];
    assert_eq!(figures.len(), begins.len(), "{said}");
    for (figure, begin) in figures.iter().zip(begins) {
        assert!(figure["what"].as_str().unwrap().starts_with(begin), "{figure}");
        assert!(
            figure["count"].as_u64() > Some(0) && figure["min_ns"].as_u64() > Some(0),
            "{said}"
        );
    }
    let full = run(&["bench", "engine", "--layout", "full"]);
    assert!(String::from_utf8(full.stderr).unwrap().contains("inline and split"));
}

#[test]
fn a_benchmark_of_a_wire_that_does_not_exist_says_which_there_are() {
    let output = run(&["bench", "--wire", "carrier-pigeon"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("busy-poll"), "{said}");
}

#[test]
fn signals_kill_rearm_and_reload_the_limits_of_a_running_demo() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("engine.toml");
    let printed = run(&["demo", "--print-config"]).stdout;
    std::fs::write(&file, &printed).unwrap();
    let config = file.to_str().unwrap();
    let arguments = ["demo", "--seconds", "0", "--wire", "mio", "--plain", "--config", config];
    let mut running = Running::start(&mut taut(&arguments));
    let mut lines = BufReader::new(running.0.stderr.take().unwrap()).lines();
    let mut until = |wanted: &str| {
        let mut said = lines.by_ref().map(|line| line.expect("it says what it does"));
        assert!(said.any(|line| line.contains(wanted)), "it never said {wanted:?}");
    };
    until("books");
    running.signal("USR1");
    until("kill switch pulled by an operator");
    running.signal("USR2");
    until("kill switch released");
    running.signal("HUP");
    until("limits read anew");
    std::fs::write(&file, "[risk]\nmax_order_qty = 1").unwrap();
    running.signal("HUP");
    until("limits stay as they were");
    running.signal("INT");
    // The rest is read so that nobody waits for us.
    lines.for_each(drop);
    let mut summary = String::new();
    running.0.stdout.take().unwrap().read_to_string(&mut summary).unwrap();
    assert_eq!(running.wait().code(), Some(0), "{summary}");
}
