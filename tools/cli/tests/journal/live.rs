//! `taut journal` beside somebody who writes.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::common::child::PATIENCE;

#[test]
fn a_journal_that_is_being_written_verifies_and_a_real_fault_in_it_is_found() {
    const MESSAGES_MAX: u64 = 200_000;
    let dir = tempfile::tempdir().unwrap();
    let config = JournalConfig { segment_bytes: 64 * 1024, segments_kept: 0, ..small() };
    let (mut journal, _) = Journal::open(dir.path(), config).unwrap();
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for seq in 1.. {
                send(&mut journal, seq);
                written.store(seq, Ordering::Relaxed);
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // Without an end if this machine takes its time for what is looked at meanwhile.
                if seq > MESSAGES_MAX {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        // Whatever fails: the writer ends.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _stop = Stop(&stop);
        let mut before = 0;
        for what in ["verify", "print", "export"].repeat(5) {
            let (code, said, errors) = journal_command(what, dir.path());
            let end: Vec<&str> = said.lines().rev().take(3).collect();
            assert_eq!(code, 0, "{what}: {errors}{end:?}");
            assert!(!said.contains("fault"), "{what}: {errors}");
            let now = written.load(Ordering::Relaxed);
            assert!(now > before, "it was being written");
            before = now;
        }
        flip(&file(dir.path(), 1), 1000);
        let (code, report, errors) = journal_command("verify", dir.path());
        assert_eq!((code, errors.as_str()), (1, "taut: the journal is damaged: 1 fault\n"));
        let fault = report.lines().find_map(|line| line.strip_prefix("fault: ")).unwrap();
        assert!(fault.starts_with("segment 1: damaged at offset "), "{fault}");
    });
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
        let mut child = start(what, dir.path());
        let mut shown = BufReader::new(child.0.stdout.take().unwrap());
        let mut first = String::new();
        shown.read_line(&mut first).unwrap();
        // It has the first segment, and cannot go on to the next: that does not fit the pipe.
        for number in 1..=3 {
            std::fs::remove_file(dir.path().join(format!("{number:09}.journal"))).unwrap();
        }
        let last = shown.lines().last().unwrap().unwrap();
        assert!(last.contains(&format!("34={seq}|")), "{what}: {}", &last[..100]);
        let errors: Vec<String> = child.errors().collect();
        let told = "was deleted by its writer before it could be read";
        let expected = [2, 3].map(|number| format!("taut: segment {number} {told}"));
        assert_eq!((child.wait().code(), errors), (Some(0), expected.to_vec()), "{what}");
    }
}

#[test]
fn the_journal_of_an_engine_that_trades_verifies_and_a_real_fault_in_it_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    // Ended when all has been looked at; the time is for a busy machine.
    let demo = ["demo", "--plain", "--seconds", "600", "--journal", path];
    let mut engine = Running::start(taut(&demo).stdout(Stdio::null()).stderr(Stdio::null()));
    let deadline = Instant::now() + 3 * PATIENCE;
    for session in ["trading", "market-data"] {
        let journal = dir.path().join(session);
        let counts = || {
            let (code, report, errors) = journal_command("verify", &journal);
            // Nothing is there yet.
            if errors.contains("no journal") || errors.contains("No such file") {
                return 0;
            }
            assert_eq!(code, 0, "{session}: {report}{errors}");
            let total = report.lines().last().unwrap();
            total.split(' ').filter_map(|word| word.parse::<u64>().ok()).sum()
        };
        let (mut grew, mut before) = (0, 0);
        while grew < 8 {
            assert!(Instant::now() < deadline, "{session}: it does not grow: {before} records");
            assert!(engine.0.try_wait().unwrap().is_none(), "the engine ended by itself");
            let now = counts();
            grew += u32::from(now > before);
            before = now;
        }
        flip(&file(&journal, 1), 500);
        let (code, report, errors) = journal_command("verify", &journal);
        let fault =
            report.lines().find_map(|line| line.strip_prefix("fault: ")).unwrap_or_default();
        assert!(fault.starts_with("segment 1: damaged at offset "), "{session}: {report}{errors}");
        assert_eq!((code, errors.as_str()), (1, "taut: the journal is damaged: 1 fault\n"));
    }
    engine.signal("INT");
    engine.wait();
}
