//! `taut journal` as a user runs it, on a journal that was just written.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

mod common;
#[path = "journal/damage.rs"]
mod damage;
#[path = "journal/live.rs"]
mod live;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::child::{Running, run, taut};
use taut::journal::{Direction, Journal, JournalConfig, Record, State};
use taut_codec::value::UtcTime;

const MESSAGES: u64 = 2_000;

fn message(seq: u64) -> Vec<u8> {
    format!("8=FIX.4.4\x019=5\x0135=A\x0134={seq}\x01554=HIDDEN\x0110=000\x01").into_bytes()
}

/// A journal in which every message of an even number was received.
fn journal() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let config = JournalConfig { segment_bytes: 1 << 20, ..JournalConfig::default() };
    let (mut journal, _) = Journal::open(dir.path(), config).unwrap();
    journal.note(State { epoch: 1, cl_ord_id_watermark: 77, ..State::START }).unwrap();
    for seq in 1..=MESSAGES {
        let direction = if seq % 2 == 0 { Direction::In } else { Direction::Out };
        let time = UtcTime::from_millis(1_775_572_321_000 + seq);
        let bytes = &message(seq);
        journal.append(Record { direction, epoch: 1, seq, time, bytes }).unwrap();
    }
    dir
}

/// Runs `taut journal`: its status, what it said, and on standard error.
fn journal_command(what: &str, dir: &Path) -> (i32, String, String) {
    said(&run(&["journal", what, dir.to_str().unwrap()]))
}

fn start(what: &str, dir: &Path) -> Running {
    Running::start(&mut taut(&["journal", what, dir.to_str().unwrap()]))
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_journal_is_printed_and_exported_record_by_record_without_its_secrets() {
    let dir = journal();
    let (code, printed, errors) = journal_command("print", dir.path());
    assert_eq!((code, errors.as_str()), (0, ""));
    // Two states, the first of a journal and the one that was noted, come before.
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len() as u64, MESSAGES + 2);
    assert!(lines[1].ends_with("next in 1, next out 1, ClOrdID 77"), "{}", lines[1]);
    assert!(lines[2].starts_with("20260407-14:32:01.001 out   1  8=FIX.4.4|"), "{}", lines[2]);
    assert!(lines[3].starts_with("20260407-14:32:01.002 in    1  8=FIX.4.4|"), "{}", lines[3]);

    let (code, exported, errors) = journal_command("export", dir.path());
    assert_eq!((code, errors.as_str()), (0, ""));
    let records: Vec<serde_json::Value> =
        exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), lines.len());
    let last = records.last().unwrap();
    assert_eq!((&last["msg_seq_num"], &last["direction"]), (&MESSAGES.into(), &"in".into()));
    assert!(!printed.contains("HIDDEN") && !exported.contains("HIDDEN"));
}

#[test]
fn a_whole_journal_verifies_and_a_damaged_one_is_told_with_the_place_and_another_exit_code() {
    let dir = journal();
    let (code, report, _) = journal_command("verify", dir.path());
    assert_eq!(code, 0, "{report}");
    let half = MESSAGES / 2;
    assert!(report.ends_with(&format!("total: {half} in, {half} out, 2 states\n")), "{report}");

    let file = dir.path().join("000000001.journal");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[20_000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (code, report, errors) = journal_command("verify", dir.path());
    assert_eq!(code, 1, "{report}{errors}");
    assert!(report.contains("damaged at offset") && errors.contains("damaged"), "{report}{errors}");
    // What stands before the damage is shown all the same.
    let (code, printed, errors) = journal_command("print", dir.path());
    assert_eq!(code, 1);
    assert!(printed.lines().count() > 100 && errors.contains("damaged at offset"), "{errors}");
}

#[test]
fn a_directory_that_is_no_journal_is_an_error_in_words() {
    let dir = tempfile::tempdir().unwrap();
    for what in ["print", "verify", "export"] {
        let (code, out, errors) = journal_command(what, &dir.path().join("none"));
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(errors.starts_with("taut: ") && errors.contains("none"), "{errors}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_print_in_good_order() {
    let dir = journal();
    let mut child = start("print", dir.path());
    let mut first = String::new();
    BufReader::with_capacity(64, child.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("next in 1, next out 1"), "{first}");
    assert_eq!(child.errors().next(), None);
    assert!(child.wait().success());
}

fn small() -> JournalConfig {
    JournalConfig {
        segment_bytes: 8 * 1024,
        message_bytes_max: 512,
        segments_mapped: 16,
        ..JournalConfig::default()
    }
}

fn append(journal: &mut Journal, direction: Direction, seq: u64) {
    let time = UtcTime::from_millis(1_775_572_321_000 + seq);
    journal.append(Record { direction, epoch: 1, seq, time, bytes: &message(seq) }).unwrap();
}

fn send(journal: &mut Journal, seq: u64) {
    append(journal, Direction::Out, seq);
}

fn file(dir: &Path, segment: u32) -> PathBuf {
    dir.join(format!("{segment:09}.journal"))
}

/// Changes one byte of a file that somebody may have mapped.
fn flip(file: &Path, at: u64) {
    let file = std::fs::File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn a_directory_above_the_journals_says_where_they_are() {
    let journals = tempfile::tempdir().unwrap();
    for what in ["print", "verify", "export"] {
        let (code, out, errors) = journal_command(what, journals.path());
        let path = journals.path().display();
        assert_eq!((code, out), (1, String::new()));
        assert_eq!(errors, format!("taut: {path}: no journal\n"));
    }
    let config = JournalConfig { segment_bytes: 1 << 20, ..JournalConfig::default() };
    for session in ["market-data", "trading"] {
        drop(Journal::open(journals.path().join(session), config).unwrap());
    }
    let (code, _, errors) = journal_command("verify", journals.path());
    let path = journals.path().display();
    assert_eq!(code, 1);
    assert_eq!(
        errors,
        format!("taut: {path}: no journal; there is one in {path}/market-data, {path}/trading\n")
    );
}
