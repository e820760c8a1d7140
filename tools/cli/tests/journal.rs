//! `taut journal` as a user runs it, on a journal that was just written.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

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

fn taut(what: &str, dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taut"));
    command.args(["journal", what]).arg(dir).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_journal_is_printed_and_exported_record_by_record_without_its_secrets() {
    let dir = journal();
    let (code, printed, errors) = said(&taut("print", dir.path()).output().unwrap());
    assert_eq!((code, errors.as_str()), (0, ""));
    // Two states, the first of a journal and the one that was noted, come before.
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len() as u64, MESSAGES + 2);
    assert!(lines[1].ends_with("next in 1, next out 1, ClOrdID 77"), "{}", lines[1]);
    assert!(lines[2].starts_with("20260407-14:32:01.001 out   1  8=FIX.4.4|"), "{}", lines[2]);
    assert!(lines[3].starts_with("20260407-14:32:01.002 in    1  8=FIX.4.4|"), "{}", lines[3]);

    let (code, exported, errors) = said(&taut("export", dir.path()).output().unwrap());
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
    let (code, report, _) = said(&taut("verify", dir.path()).output().unwrap());
    assert_eq!(code, 0, "{report}");
    let half = MESSAGES / 2;
    assert!(report.ends_with(&format!("total: {half} in, {half} out, 2 states\n")), "{report}");

    let file = dir.path().join("000000001.journal");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[20_000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (code, report, errors) = said(&taut("verify", dir.path()).output().unwrap());
    assert_eq!(code, 1, "{report}{errors}");
    assert!(report.contains("damaged at offset") && errors.contains("damaged"), "{report}{errors}");
    // What stands before the damage is shown all the same.
    let (code, printed, errors) = said(&taut("print", dir.path()).output().unwrap());
    assert_eq!(code, 1);
    assert!(printed.lines().count() > 100 && errors.contains("damaged at offset"), "{errors}");
}

#[test]
fn a_directory_that_is_no_journal_is_an_error_in_words() {
    let dir = tempfile::tempdir().unwrap();
    for what in ["print", "verify", "export"] {
        let (code, out, errors) = said(&taut(what, &dir.path().join("none")).output().unwrap());
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(errors.starts_with("taut: ") && errors.contains("none"), "{errors}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_print_in_good_order() {
    let dir = journal();
    let mut child = taut("print", dir.path()).spawn().unwrap();
    let mut first = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("next in 1, next out 1"), "{first}");
    let (code, _, errors) = said(&child.wait_with_output().unwrap());
    assert_eq!((code, errors.as_str()), (0, ""));
}

#[test]
fn segments_that_the_writer_deletes_while_they_are_read_are_told_and_the_others_are_shown() {
    for what in ["print", "export"] {
        let dir = tempfile::tempdir().unwrap();
        let config = JournalConfig { segment_bytes: 1 << 20, ..JournalConfig::default() };
        let (mut journal, _) = Journal::open(dir.path(), config).unwrap();
        let text = "x".repeat(2_000);
        let mut seq = 0;
        while journal.position().segment < 4 {
            seq += 1;
            let bytes = format!("8=FIX.4.4\x019=5\x0135=B\x0134={seq}\x0158={text}\x0110=000\x01");
            let (direction, time) = (Direction::Out, UtcTime::from_millis(1_775_572_321_000));
            let bytes = bytes.as_bytes();
            journal.append(Record { direction, epoch: 1, seq, time, bytes }).unwrap();
        }
        let mut child = taut(what, dir.path()).spawn().unwrap();
        let mut shown = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        shown.read_line(&mut first).unwrap();
        // It has the first segment, and cannot go on to the next: that does not fit the pipe.
        for number in 1..=3 {
            std::fs::remove_file(dir.path().join(format!("{number:09}.journal"))).unwrap();
        }
        let last = shown.lines().last().unwrap().unwrap();
        assert!(last.contains(&format!("34={seq}|")), "{what}: {}", &last[..100]);
        let (code, _, errors) = said(&child.wait_with_output().unwrap());
        let told = "was deleted by its writer before it could be read";
        let expected = format!("taut: segment 2 {told}\ntaut: segment 3 {told}\n");
        assert_eq!((code, errors), (0, expected), "{what}");
    }
}

/// Journals with damage, as much of it as can be done to files, and whether each is one.
fn damaged_copies(of: &Path) -> Vec<(String, tempfile::TempDir)> {
    let files = || {
        let mut files: Vec<_> = std::fs::read_dir(of).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "journal"))
    };
    let mut copies = Vec::new();
    let mut copy = |what: String, damage: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().unwrap();
        for file in files() {
            std::fs::copy(&file, dir.path().join(file.file_name().unwrap())).unwrap();
        }
        damage(dir.path());
        copies.push((what, dir));
    };
    for file in files() {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&file).unwrap();
        // Nothing says that there was one more behind the last.
        if Some(&file) != files().next_back().as_ref() {
            copy(format!("{name} removed"), &|dir| std::fs::remove_file(dir.join(&name)).unwrap());
        }
        let written = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        for cut in [0, 10, 300, 1000, written / 2, written.saturating_sub(9)] {
            let head = bytes[..cut.min(bytes.len())].to_vec();
            copy(format!("{name} cut at {cut}"), &|dir| {
                std::fs::write(dir.join(&name), &head).unwrap();
            });
            let mut zeros = head.clone();
            zeros.resize(bytes.len(), 0);
            copy(format!("{name} zeros from {cut}"), &|dir| {
                std::fs::write(dir.join(&name), &zeros).unwrap();
            });
        }
        for at in (0..written).step_by(written / 7 + 1) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            copy(format!("{name} with another byte at {at}"), &|dir| {
                std::fs::write(dir.join(&name), &flipped).unwrap();
            });
        }
    }
    copies
}

#[test]
fn a_journal_that_verifies_is_one_that_an_engine_goes_on_from_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    // Confirmed by the disk from time to time, in several segments, of two lives.
    let config = JournalConfig {
        segment_bytes: 8 * 1024,
        message_bytes_max: 512,
        segments_mapped: 16,
        ..JournalConfig::default()
    };
    let mut seq = 0;
    for _ in 0..2 {
        let (mut journal, _) = Journal::open(dir.path(), config).unwrap();
        for _ in 0..100 {
            seq += 1;
            let time = UtcTime::from_millis(1_775_572_321_000 + seq);
            let (direction, bytes) = (Direction::Out, &message(seq));
            journal.append(Record { direction, epoch: 1, seq, time, bytes }).unwrap();
            if seq % 9 == 0 {
                journal.flush().unwrap();
            }
        }
        journal.flush().unwrap();
    }
    let (mut whole, mut damaged) = (0, 0);
    for (what, copy) in damaged_copies(dir.path()) {
        let (code, report, errors) = said(&taut("verify", copy.path()).output().unwrap());
        let (printed, ..) = said(&taut("print", copy.path()).output().unwrap());
        let opened = Journal::open(copy.path(), config);
        if code == 0 {
            let (_, recovered) = opened.unwrap_or_else(|error| panic!("{what}: {error}: {report}"));
            let next_out = recovered.state.map_or(1, |state| state.next_out);
            let torn = recovered.torn.is_some();
            assert!(next_out == seq + 1 || torn, "{what}: {next_out} of {seq}: {report}");
            whole += 1;
        } else {
            assert_eq!(code, 1, "{what}: {report}{errors}");
            assert!(errors.starts_with("taut: "), "{what}: {errors}");
            damaged += 1;
        }
        assert_eq!(printed, code, "{what}");
    }
    assert!(damaged > 20 && whole > 0, "{damaged} {whole}");
}

#[test]
fn a_directory_above_the_journals_says_where_they_are() {
    let journals = tempfile::tempdir().unwrap();
    for what in ["print", "verify", "export"] {
        let (code, out, errors) = said(&taut(what, journals.path()).output().unwrap());
        let path = journals.path().display();
        assert_eq!((code, out), (1, String::new()));
        assert_eq!(errors, format!("taut: {path}: no journal\n"));
    }
    let config = JournalConfig { segment_bytes: 1 << 20, ..JournalConfig::default() };
    for session in ["market-data", "trading"] {
        drop(Journal::open(journals.path().join(session), config).unwrap());
    }
    let (code, _, errors) = said(&taut("verify", journals.path()).output().unwrap());
    let path = journals.path().display();
    assert_eq!(code, 1);
    assert_eq!(
        errors,
        format!("taut: {path}: no journal; there is one in {path}/market-data, {path}/trading\n")
    );
}
