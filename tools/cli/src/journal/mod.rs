//! `taut journal`: what an engine kept, for people (`print`), for machines (`export`), and whether it is
//! whole (`verify`). Reads only; may look at the journal of a running engine.
//!
//! What is wrong with a journal hides nothing of the rest: every record that is whole is shown, wherever it
//! stands, every fault is told where it is found, and the command ends with a status that is not 0.

mod judge;
mod show;
mod walk;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use taut::journal::{Direction, Entry, EntryKind, Part, Reader};

use self::walk::{Fault, Found, walk};
use crate::Failure;

/// What to do with a journal.
#[derive(Debug, Args)]
pub struct JournalArgs {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One line for each record: time, direction (`rej`: came and was rejected), epoch and the message,
    /// secrets masked; between them where the session stood (`now`) and whose journal it is (`who`)
    Print(Where),
    /// Read everything, check every sum, say how each segment ends and whose journal it is
    Verify(Where),
    /// One JSON object for each record, secrets masked; what is missing or damaged is one too, of kind `fault`
    Export(Where),
}

#[derive(Debug, Args)]
struct Where {
    /// The directory of one session's journal
    dir: PathBuf,
}

/// Runs the command. A closed pipe on output is a normal end.
///
/// # Errors
/// [`Failure::Journal`], [`Failure::JournalDamaged`], [`Failure::JournalUnread`], [`Failure::System`].
pub fn run(args: &JournalArgs) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let result = match &args.command {
        What::Print(at) => print(at, &mut out),
        What::Export(at) => export(at, &mut out),
        What::Verify(at) => verify(at, &mut out),
    };
    match result.and_then(|()| Ok(out.flush()?)) {
        Err(Failure::System(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn print(at: &Where, out: &mut impl Write) -> Result<(), Failure> {
    each(at, out, show::line, |_, _| Ok(()))
}

fn export(at: &Where, out: &mut impl Write) -> Result<(), Failure> {
    each(at, out, show::json, |out, fault| show::json_fault(out, fault))
}

/// All records, oldest first, and what is wrong where it is found: on standard error, behind what was shown.
fn each<W: Write>(
    at: &Where,
    out: &mut W,
    show: impl Fn(&mut W, &Entry<'_>) -> Result<(), Failure>,
    show_fault: impl Fn(&mut W, &Fault) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let reader = open(at)?;
    let faults = walk(&at.dir, &reader, |found| {
        match found {
            Found::Segment(segment) => {
                for part in segment.parts() {
                    if let Part::Entry(entry) = part {
                        show(out, &entry)?;
                    }
                }
            }
            Found::Fault(fault) | Found::Lost(fault) => {
                show_fault(out, fault)?;
                out.flush()?;
                eprintln!("taut: {fault}");
            }
            Found::Torn(text) => {
                out.flush()?;
                eprintln!("taut: {text}");
            }
            Found::Deleted(number) => {
                out.flush()?;
                eprintln!("taut: {}", text_of_deleted(number));
            }
        }
        Ok(())
    })?;
    faults.verdict()
}

/// The journal of a directory.
///
/// # Errors
/// There is none; that of an engine is in one directory for each session.
fn open(at: &Where) -> Result<Reader, Failure> {
    let reader = Reader::open_with_gaps(&at.dir)?;
    if !reader.segments().is_empty() {
        return Ok(reader);
    }
    let holds =
        |dir: &Path| Reader::open_with_gaps(dir).is_ok_and(|one| !one.segments().is_empty());
    let below = std::fs::read_dir(&at.dir)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut below: Vec<_> = below.filter(|dir| dir.is_dir() && holds(dir)).collect();
    below.sort();
    let below: Vec<_> = below.iter().map(|dir| dir.display().to_string()).collect();
    let hint = if below.is_empty() { "" } else { "; there is one in " };
    let text = format!("{}: no journal{hint}{}", at.dir.display(), below.join(", "));
    Err(Failure::Usage(text))
}

/// How much each segment holds and how it ends, every fault, and how much that is together.
fn verify(at: &Where, out: &mut impl Write) -> Result<(), Failure> {
    let reader = open(at)?;
    let (mut totals, mut identities) = ([0u64; 3], Vec::new());
    let faults = walk(&at.dir, &reader, |found| {
        match found {
            Found::Segment(segment) => {
                let mut counts = [0u64; 3];
                for part in segment.parts() {
                    let Part::Entry(entry) = part else { continue };
                    let way = match entry.kind {
                        EntryKind::Message { direction: Direction::In, .. }
                        | EntryKind::Rejected { .. } => 0,
                        EntryKind::Message { direction: Direction::Out, .. } => 1,
                        EntryKind::State(_) => 2,
                        EntryKind::Identity(identity) => {
                            if !identities.contains(&identity) {
                                identities.push(identity);
                            }
                            continue;
                        }
                    };
                    counts[way] += 1;
                }
                let ([received, sent, states], number) = (counts, segment.number());
                let end = judge::text_of(segment.condition());
                writeln!(
                    out,
                    "segment {number}: {received} in, {sent} out, {states} states, {end}"
                )?;
                totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
            }
            Found::Fault(fault) => writeln!(out, "fault: {fault}")?,
            Found::Lost(lost) => writeln!(out, "{lost}")?,
            // The segment's line says so.
            Found::Torn(_) => {}
            Found::Deleted(number) => writeln!(out, "{}", text_of_deleted(number))?,
        }
        Ok(())
    })?;
    for identity in identities {
        writeln!(out, "session: {identity}")?;
    }
    let [received, sent, states] = totals;
    writeln!(out, "total: {received} in, {sent} out, {states} states")?;
    out.flush()?;
    faults.verdict()
}

fn text_of_deleted(number: u32) -> String {
    format!("segment {number} was deleted by its writer before it could be read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use taut::journal::{Identity, Journal, JournalConfig, Record};
    use taut_codec::value::UtcTime;

    const LOGON: &[u8] = b"8=FIX.4.4\x019=5\x0135=A\x0134=1\x01553=THEKEY\x01554=THEPASSWORD\x0158=\x1b[2J|\n\x0110=000\x01";

    fn journal() -> (tempfile::TempDir, Where) {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(
            dir.path(),
            JournalConfig { segment_bytes: 1 << 20, ..JournalConfig::default() },
        )
        .unwrap();
        for (direction, seq) in [(Direction::Out, 1), (Direction::In, 1), (Direction::Out, 2)] {
            let time = UtcTime::from_millis(1_775_572_321_000);
            journal.append(Record { direction, epoch: 1, seq, time, bytes: LOGON }).unwrap();
        }
        let at = Where { dir: dir.path().to_owned() };
        (dir, at)
    }

    fn shown(show: impl Fn(&Where, &mut Vec<u8>) -> Result<(), Failure>) -> String {
        let (_dir, at) = journal();
        let mut out = Vec::new();
        show(&at, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn print_masks_secrets_and_escapes_control_bytes() {
        let text = shown(print);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(!text.contains("THE") && !text.contains('\x1b'), "{text}");
        let line = text.lines().nth(1).unwrap();
        assert!(line.starts_with("20260407-14:32:01.000 out   1  8=FIX.4.4|"), "{line}");
        assert!(line.contains("|553=***|554=***|58=\\x1b[2J\\x7c\\x0a|10="), "{line}");
    }

    #[test]
    fn every_view_shows_whose_journal_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(dir.path(), JournalConfig::default()).unwrap();
        let [begin_string, sender, target] = ["FIX.4.4", "ISLD", "TW"];
        let sender = sender.parse().unwrap();
        let (begin_string, target) = (begin_string.parse().unwrap(), target.parse().unwrap());
        journal.claim(Identity { begin_string, sender, target }).unwrap();
        drop(journal);
        let at = Where { dir: dir.path().to_owned() };
        let shown = |show: fn(&Where, &mut Vec<u8>) -> Result<(), Failure>| {
            let mut out = Vec::new();
            show(&at, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let whose = shown(print).lines().nth(1).map(str::to_owned);
        assert_eq!(whose.as_deref().map(str::trim), Some("who   0  FIX.4.4 ISLD to TW"));
        assert!(shown(verify).contains("\nsession: FIX.4.4 ISLD to TW\n"));
        let line: serde_json::Value =
            serde_json::from_str(shown(export).lines().nth(1).unwrap()).unwrap();
        assert_eq!(line["kind"], "identity");
        assert_eq!(
            (&line["sender_comp_id"], &line["target_comp_id"]),
            (&"ISLD".into(), &"TW".into())
        );
    }

    #[test]
    fn a_segment_that_cannot_be_read_is_not_called_damaged() {
        let (dir, at) = journal();
        // Like a file without permission, and for whoever may read everything too.
        std::fs::create_dir(dir.path().join("000000002.journal")).unwrap();
        let mut out = Vec::new();
        assert!(matches!(verify(&at, &mut out), Err(Failure::JournalUnread(1))));
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("segment 1: 1 in, 2 out, 1 states, whole\nfault: "), "{text}");
        assert!(text.contains("000000002.journal: Is a directory"), "{text}");
    }

    #[test]
    fn export_is_one_json_object_for_each_record() {
        let text = shown(export);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!((&lines[0]["kind"], &lines[2]["direction"]), (&"state".into(), &"in".into()));
        assert_eq!((&lines[3]["msg_seq_num"], &lines[3]["epoch"]), (&2.into(), &1.into()));
        assert!(lines[1]["message"].as_str().unwrap().contains("|554=***|"));
        assert!(!text.contains("THE"));
    }

    #[test]
    fn verify_counts_what_is_whole_and_fails_for_what_is_damaged() {
        let (dir, at) = journal();
        let mut out = Vec::new();
        verify(&at, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "segment 1: 1 in, 2 out, 1 states, whole\ntotal: 1 in, 2 out, 1 states\n");
        let file = dir.path().join("000000001.journal");
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[260] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let mut out = Vec::new();
        assert!(matches!(verify(&at, &mut out), Err(Failure::JournalDamaged(1))));
        assert!(String::from_utf8(out).unwrap().contains("whole records behind"));
        let missing = Where { dir: dir.path().join("none") };
        assert!(matches!(verify(&missing, &mut Vec::new()), Err(Failure::Journal(_))));
    }
}
