//! Plays the acceptance definitions of `../shared/conformance` against `taut acceptor` and `taut
//! initiator`, where they and Python are there.
//!
//! A normal run leaves out the definitions that wait for real heartbeats and plays a part of the rest
//! byte by byte, coalesced and against the initiator; those of stores and our own it plays in every way.
//! `TAUT_CONFORMANCE=all` plays everything in every
//! way, which takes minutes. The table of what passed:
//!
//! ```sh
//! TAUT_CONFORMANCE=all cargo test -p taut-cli --test conformance -- --nocapture --test-threads 1 | grep '^|'
//! ```
//! `TAUT_SHARED` is another place than `../shared`, `TAUT_PYTHON` another
//! Python than `python3`.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::child::{Running, taut};
use common::free_port;
use common::skipped::skipped;

/// Definitions that take longer than a second by what they test.
const SLOW: &str = "4a_*,6_*,2S_NoLogonAtAll,1S_HeartBtIntZero,12_*,I4_*";
/// Not for an initiator: the peer's Logon is the point, and it is the runner's own there. Our own definitions
/// for initiators say the same of the answer to its Logon, and I4 of one that never comes.
const ACCEPTOR_ONLY: &str =
    "2S_NoLogonAtAll,1Sd_LogonHeartBtIntNotANumber,1Sd_LogonWithoutHeartBtInt";
/// Byte by byte the runner needs longer for its 70,000 writes than HeartBtInt, at least on a busy machine:
/// then a Heartbeat is due, and comes, and is not what it waits for. Played in larger pieces.
const LONG: &str = "T_LongMessage";
/// A `--store` in the folder that an engine is started in.
const STORE: &str = "store";
/// A cross-section for the normal run.
const SOME: &str = "10_*,11a_*,14[acgj]_*,2[bdfmt]_*,20_*,3[bce]_*,8_*,D_*,P*,Re*,SessionReset";

fn all() -> bool {
    std::env::var("TAUT_CONFORMANCE").is_ok_and(|value| value == "all")
}

fn python() -> PathBuf {
    std::env::var_os("TAUT_PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

/// The folder of the definitions, or why there is nothing to do.
fn definitions() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("TAUT_SHARED").map(PathBuf::from);
    let folder = shared.unwrap_or_else(|| root.join("../shared")).join("conformance");
    if !folder.join("run_at.py").exists() {
        skipped(format_args!("{} is not there", folder.display()));
        return None;
    }
    let version = Command::new(python()).arg("--version").stdout(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        skipped(format_args!("{} is not there", python().display()));
        return None;
    }
    Some(folder)
}

/// `taut` with QuickFIX's dictionary; a `--store` of [`STORE`] is in `dir`.
fn start_in(dir: &Path, folder: &Path, arguments: &[&str]) -> Running {
    let dictionary = std::path::absolute(folder.join("../data/fix/FIX44.xml")).expect("a path");
    let mut command = taut(arguments);
    command.arg("--dictionary").arg(dictionary).current_dir(dir);
    Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()))
}

fn start(folder: &Path, arguments: &[&str]) -> Running {
    start_in(Path::new("."), folder, arguments)
}

/// Runs the definitions; every one of them must pass or be for the other role.
fn play(folder: &Path, arguments: &[&str], defs: &[&str]) {
    let out = tempfile::NamedTempFile::new().expect("a file");
    let status = Command::new(python())
        .arg(folder.join("run_at.py"))
        .args(["--compare", "semantic", "--disconnect-timeout", "15", "--json"])
        .arg(out.path())
        .args(arguments)
        .arg("--defs")
        .args(defs.iter().map(|name| folder.join(name)))
        .stdout(Stdio::null())
        .status()
        .expect("the runner starts");
    let text = std::fs::read_to_string(out.path()).expect("the results");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let results = report["results"].as_array().expect("a list");
    let failed: Vec<String> = results
        .iter()
        .filter(|one| one["result"] == "fail")
        .map(|one| format!("{}: {}\n  {}", one["name"], one["reason"], one["received"]))
        .collect();
    let number = |what: &str| report[what].as_u64().unwrap_or(0);
    for one in results.iter().filter(|one| one["result"] == "skip") {
        println!("{}: {}", one["name"], one["reason"]);
    }
    println!(
        "| {} | {} | {} passed | {} failed | {} not applicable |",
        way_of(arguments),
        defs.iter()
            .map(|name| name.rsplit("tests/").next().unwrap_or(name))
            .collect::<Vec<_>>()
            .join(", "),
        number("passed"),
        number("failed"),
        number("skipped")
    );
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(status.success() && report["passed"].as_u64() > Some(0), "nothing was played");
}

/// The role and how the bytes are cut, for the table.
fn way_of(arguments: &[&str]) -> String {
    let has = |option: &str| arguments.contains(&option);
    let role = match (has("--mirror"), has("--listen")) {
        (true, _) => "initiator, mirrored",
        (_, true) => "initiator",
        _ => "acceptor",
    };
    let pieces = arguments.iter().position(|one| *one == "--split-send");
    let way = match pieces.map(|at| arguments[at + 1]) {
        Some("1") => "byte by byte",
        Some(_) => "in small pieces",
        None if has("--coalesce") => "in one piece",
        None => "as it comes",
    };
    format!("{role} | {way}")
}

/// How the bytes are cut, and which definitions are played that way.
fn ways() -> Vec<(&'static [&'static str], bool)> {
    vec![(&[], true), (&["--split-send", "1"], all()), (&["--coalesce"], all())]
}

fn against_an_acceptor(way: &[&str], every: bool) {
    let Some(folder) = definitions() else { return };
    let (port, control) = (free_port(), free_port());
    let (listen, hook) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{control}"));
    let _engine = start(
        &folder,
        &[
            "acceptor",
            "--listen",
            &listen,
            "--control",
            &hook,
            "--target",
            "TW44",
            "--target",
            "TW",
        ],
    );
    let (port, url) = (port.to_string(), format!("http://{hook}/"));
    let mut arguments = vec!["--port", &port, "--hook-url", &url];
    let mut main = arguments.clone();
    if !every {
        main.extend(["--only", SOME]);
    }
    let by_byte = way.contains(&"--split-send");
    let mut skip = if all() { String::new() } else { SLOW.to_owned() };
    if by_byte {
        skip = format!("{skip},{LONG}");
    }
    if !skip.is_empty() {
        main.extend(["--skip", &skip]);
    }
    main.extend(way);
    play(&folder, &main, &["quickfix-fix44", "extra_defs/acceptor"]);
    if by_byte {
        arguments.extend(["--split-send", "64", "--only", LONG]);
        play(&folder, &arguments, &["extra_defs/acceptor"]);
    }
}

fn against_an_initiator(way: &[&str], every: bool) {
    let Some(folder) = definitions() else { return };
    let (port, control) = (free_port(), free_port());
    let (to, hook) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{control}"));
    let engine = |heartbeat: &str, hook: &[&str]| {
        let mut arguments = vec!["initiator", "--connect", &to, "--target", "TW44", "--reset"];
        arguments.extend(["--heartbeat", heartbeat]);
        arguments.extend(hook);
        start(&folder, &arguments)
    };
    let (port, url) = (port.to_string(), format!("http://{hook}/"));
    let whole = vec!["--listen", &port, "--mirror", "--hook-url", &url];
    let mut arguments = whole.clone();
    arguments.extend(way);
    let mut skip = if all() { format!("4a_*,6_*,{ACCEPTOR_ONLY}") } else { SLOW.to_owned() };
    if way.contains(&"--split-send") {
        skip = format!("{skip},{LONG}");
    }
    let mut main = arguments.clone();
    main.extend(["--skip", &skip]);
    if !every {
        main.extend(["--only", "14[aj]_*,2[bkmt]_*,20_*,8_Gap*,Re*"]);
    }
    {
        let _engine = engine("30", &["--control", &hook]);
        play(&folder, &main, &["quickfix-fix44", "extra_defs/acceptor"]);
        if way.contains(&"--split-send") {
            let mut pieces = whole;
            pieces.extend(["--split-send", "64", "--only", LONG]);
            play(&folder, &pieces, &["extra_defs/acceptor"]);
        }
    }
    if all() {
        // These two need a short HeartBtInt, which is the initiator's choice.
        let _engine = engine("6", &[]);
        arguments.extend(["--only", "4a_*,6_*"]);
        play(&folder, &arguments, &["quickfix-fix44"]);
    }
}

#[test]
fn the_acceptor_passes_the_definitions() {
    let (way, every) = ways()[0];
    against_an_acceptor(way, every);
}

#[test]
fn the_acceptor_passes_byte_by_byte() {
    let (way, every) = ways()[1];
    against_an_acceptor(way, every);
}

#[test]
fn the_acceptor_passes_with_messages_in_one_piece() {
    let (way, every) = ways()[2];
    against_an_acceptor(way, every);
}

#[test]
fn the_initiator_passes_the_mirrored_definitions() {
    for (way, _) in ways().into_iter().filter(|(way, every)| way.is_empty() || *every) {
        against_an_initiator(way, all());
    }
}

/// Plays `defs` in every way, each against a new acceptor with these arguments.
fn accepts_in_every_way(folder: &Path, defs: &str, arguments: &[&str]) {
    for (way, _) in ways() {
        let store = tempfile::tempdir().expect("a folder");
        let (port, control) = (free_port(), free_port());
        let (listen, hook) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{control}"));
        let mut engine = vec!["acceptor", "--listen", &listen, "--control", &hook];
        engine.extend(arguments);
        let _engine = start_in(store.path(), folder, &engine);
        let (port, url) = (port.to_string(), format!("http://{hook}/"));
        let mut arguments = vec!["--port", &port, "--hook-url", &url];
        arguments.extend(way);
        play(folder, &arguments, &[defs]);
    }
}

/// Plays `defs` in every way, each against a new initiator with these arguments.
fn initiates_in_every_way(folder: &Path, defs: &str, arguments: &[&str]) {
    for (way, _) in ways() {
        let store = tempfile::tempdir().expect("a folder");
        let (port, control) = (free_port(), free_port());
        let (to, hook) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{control}"));
        let mut engine = vec!["initiator", "--connect", &to, "--control", &hook];
        engine.extend(["--target", "TW44", "--no-reset"]);
        engine.extend(arguments);
        let _engine = start_in(store.path(), folder, &engine);
        let (port, url) = (port.to_string(), format!("http://{hook}/"));
        let mut arguments = vec!["--listen", &port, "--hook-url", &url];
        if !all() {
            arguments.extend(["--skip", SLOW]);
        }
        arguments.extend(way);
        play(folder, &arguments, &[defs]);
    }
}

#[test]
fn an_acceptor_with_a_store_goes_on_over_connections_and_restarts() {
    let Some(folder) = definitions() else { return };
    let arguments = ["--no-reset", "--store", STORE, "--target", "TWP"];
    accepts_in_every_way(&folder, "extra_defs/acceptor_persist", &arguments);
}

#[test]
fn an_initiator_without_reset_goes_on_over_connections() {
    let Some(folder) = definitions() else { return };
    initiates_in_every_way(&folder, "extra_defs/initiator_persist", &["--heartbeat", "30"]);
}

/// Each definition is played to another life of the same session, which a kill -9 ends.
#[test]
fn an_initiator_with_a_store_that_is_killed_goes_on_in_its_next_life() {
    let Some(folder) = definitions() else { return };
    let port = free_port();
    let to = format!("127.0.0.1:{port}");
    let port = port.to_string();
    let live = |store: &Path, name: &str| {
        let dir = store.to_string_lossy();
        let mut arguments = vec!["initiator", "--connect", &to, "--target", "TW44"];
        arguments.extend(["--heartbeat", "30", "--no-reset", "--store", &dir]);
        // Killed when the definition has been played: nobody logs out.
        let _engine = start(&folder, &arguments);
        play(&folder, &["--listen", &port, "--only", name], &["extra_defs/initiator_persist"]);
    };
    let numbers = |store: &Path| {
        let dir = store.join("ISLD-TW44");
        let config = taut::journal::JournalConfig {
            durability: taut::journal::Durability::None,
            ..taut::journal::JournalConfig::default()
        };
        let (journal, _) = taut::journal::Journal::open(dir, config).expect("a kill harms nothing");
        (journal.state().next_in, journal.state().next_out)
    };
    let store = tempfile::tempdir().expect("a folder");
    let mut before = (1, 1);
    for name in ["I1_*", "I2_*", "I3_*", "I4_*"] {
        live(store.path(), name);
        let after = numbers(store.path());
        // The peer's numbers are those of the definition, ours are in the next Logon that it hears.
        assert!(after.1 > before.1 && after.0 >= before.0, "{name}: {before:?} {after:?}");
        before = after;
    }
}

#[test]
fn fields_without_a_value_come_back_to_the_counterparty_with_which_that_was_agreed() {
    let Some(folder) = definitions() else { return };
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let agreed = "NO_CHECK_FIELDS_HAVE_VALUES";
    let mut arguments = vec!["acceptor", "--listen", &listen, "--target", "TW"];
    arguments.extend(["--target", agreed, "--allow-empty-values-of", agreed]);
    let _engine = start(&folder, &arguments);
    // Byte for byte as QuickFIX does: the other way of comparing lets no empty field pass.
    let arguments = ["--port", &port.to_string(), "--compare", "quickfix"];
    play(&folder, &arguments, &["quickfix-validate"]);
}

/// Our own definitions, for what the given ones leave out; each folder with its options.
#[test]
fn the_options_of_the_session_pass_our_own_definitions() {
    let Some(folder) = definitions() else { return };
    let all: [(&str, &[&str]); 7] = [
        ("plain", &[]),
        ("chunks", &["--resend-chunk", "5"]),
        ("next-expected", &["--next-expected"]),
        ("last-processed", &["--last-processed"]),
        ("nanoseconds", &["--timestamps", "ns"]),
        ("user-tags", &["--allow-user-tags"]),
        ("third-parties", &["--no-third-parties"]),
    ];
    for (name, options) in all {
        accepts_in_every_way(&folder, &own(name), &[&["--target", "TW44"], options].concat());
    }
}

#[test]
fn the_options_of_the_session_pass_our_own_definitions_as_initiator() {
    let Some(folder) = definitions() else { return };
    let all: [(&str, &[&str]); 6] = [
        ("plain", &[]),
        ("chunks", &["--resend-chunk", "5"]),
        ("next-expected", &["--next-expected"]),
        ("last-processed", &["--last-processed"]),
        ("nanoseconds", &["--timestamps", "ns"]),
        ("store", &["--store", STORE]),
    ];
    for (name, options) in all {
        initiates_in_every_way(&folder, &own(&format!("initiator/{name}")), options);
    }
}

/// The folder of our own definitions that has this name.
fn own(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/definitions").join(name);
    folder.to_string_lossy().into_owned()
}

#[test]
fn the_two_commands_log_on_to_each_other_over_tls() {
    let dir = tempfile::tempdir().expect("a folder");
    let dictionary = dir.path().join("dictionary.xml");
    std::fs::write(&dictionary, DICTIONARY).expect("a file");
    let certificate = dir.path().join("certificate.pem");
    let listen = format!("localhost:{}", free_port());
    let address = listen.replace("localhost", "127.0.0.1");
    let start_verbose = |arguments: &[&str], dictionary: &Path| {
        let mut command = taut(arguments);
        command.arg("--dictionary").arg(dictionary).arg("--verbose");
        Running::start(command.stdout(Stdio::null()))
    };
    let pem = certificate.to_string_lossy();
    let mut arguments = vec!["acceptor", "--listen", &address, "--target", "TW", "--tls"];
    arguments.extend(["--certificate", &pem]);
    let mut acceptor = start_verbose(&arguments, &dictionary);
    for _ in 0..500 {
        if certificate.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut arguments = vec!["initiator", "--connect", &listen, "--sender", "TW"];
    arguments.extend(["--target", "ISLD", "--reset", "--tls-ca", &pem]);
    let _initiator = start_verbose(&arguments, &dictionary);
    let up = acceptor.errors().take(3).any(|line| line.starts_with("TW: up: "));
    assert!(up, "a logon");
}

/// Enough for a logon.
const DICTIONARY: &str = "<fix>
  <header>
    <field name='BeginString' required='Y'/><field name='BodyLength' required='Y'/>
    <field name='MsgType' required='Y'/><field name='SenderCompID' required='Y'/>
    <field name='TargetCompID' required='Y'/><field name='MsgSeqNum' required='Y'/>
    <field name='SendingTime' required='Y'/>
  </header>
  <trailer><field name='CheckSum' required='Y'/></trailer>
  <messages>
    <message name='Heartbeat' msgtype='0'/>
    <message name='Logon' msgtype='A'>
      <field name='EncryptMethod' required='Y'/><field name='HeartBtInt' required='Y'/>
      <field name='ResetSeqNumFlag' required='N'/>
    </message>
  </messages>
  <fields>
    <field number='8' name='BeginString' type='STRING'/>
    <field number='9' name='BodyLength' type='LENGTH'/>
    <field number='10' name='CheckSum' type='STRING'/>
    <field number='34' name='MsgSeqNum' type='SEQNUM'/>
    <field number='35' name='MsgType' type='STRING'/>
    <field number='49' name='SenderCompID' type='STRING'/>
    <field number='52' name='SendingTime' type='UTCTIMESTAMP'/>
    <field number='56' name='TargetCompID' type='STRING'/>
    <field number='98' name='EncryptMethod' type='INT'/>
    <field number='108' name='HeartBtInt' type='INT'/>
    <field number='141' name='ResetSeqNumFlag' type='BOOLEAN'/>
  </fields>
</fix>";
