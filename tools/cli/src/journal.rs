//! `taut journal`: what an engine kept, for people (`print`), for machines (`export`), and whether it is
//! whole (`verify`). Reads only; may look at the journal of a running engine.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use taut::journal::{
    Condition, Direction, Entry, EntryKind, JournalError, Reader, State, StoredSegment,
};
use taut_codec::mask::Masked;
use taut_codec::value::UtcTime;

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
    /// secrets masked
    Print(Where),
    /// Read everything, check every sum, say how each segment ends
    Verify(Where),
    /// One JSON object for each record, secrets masked
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
/// [`Failure::Journal`], [`Failure::JournalDamaged`], [`Failure::System`].
pub fn run(args: &JournalArgs) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let result = match &args.command {
        What::Print(at) => each(at, |entry| print(&mut out, entry)),
        What::Export(at) => each(at, |entry| export(&mut out, entry)),
        What::Verify(at) => verify(at, &mut out),
    };
    match result.and_then(|()| Ok(out.flush()?)) {
        Err(Failure::System(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// All records, oldest first. Damage is told at the end: what stands before it is shown.
fn each(
    at: &Where,
    mut show: impl FnMut(&Entry<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let reader = open(at)?;
    let (mut damaged, mut row) = (false, Row::default());
    for (number, is_last) in numbered(&reader) {
        let Some(segment) = load(at, &reader, number)? else {
            row = Row::default();
            continue;
        };
        for entry in segment.entries() {
            show(&entry)?;
        }
        let condition = segment.condition();
        if condition != Condition::Whole {
            eprintln!("taut: segment {number}: {}", text_of(condition));
        }
        damaged |= is_damage(condition, is_last);
        if let Some(gap) = row.gap(at, &reader, &segment)? {
            eprintln!("taut: {gap}");
            damaged = true;
        }
    }
    if damaged { Err(Failure::JournalDamaged) } else { Ok(()) }
}

/// The journal of a directory.
///
/// # Errors
/// There is none; that of an engine is in one directory for each session.
fn open(at: &Where) -> Result<Reader, Failure> {
    let reader = Reader::open(&at.dir)?;
    let used = |number: &u32| reader.segment(*number).is_ok_and(|one| one.first_state().is_some());
    match reader.segments() {
        [] => {
            let holds = |dir: &Path| Reader::open(dir).is_ok_and(|one| !one.segments().is_empty());
            let below = std::fs::read_dir(&at.dir)?.filter_map(|entry| Some(entry.ok()?.path()));
            let mut below: Vec<_> = below.filter(|dir| dir.is_dir() && holds(dir)).collect();
            below.sort();
            let below: Vec<_> = below.iter().map(|dir| dir.display().to_string()).collect();
            let hint = if below.is_empty() { "" } else { "; there is one in " };
            let text = format!("{}: no journal{hint}{}", at.dir.display(), below.join(", "));
            Err(Failure::Usage(text))
        }
        [first, ..] if *first > 1 && !reader.segments().iter().any(used) => {
            let text = format!("{}: all segments before {first} are missing", at.dir.display());
            Err(Failure::Usage(text))
        }
        _ => Ok(reader),
    }
}

/// One segment; none if whoever writes here has deleted it meanwhile, which happens to the oldest.
fn load(at: &Where, reader: &Reader, number: u32) -> Result<Option<StoredSegment>, Failure> {
    let is_deleted = || {
        let now = Reader::open(&at.dir).ok();
        now.is_some_and(|now| now.segments().first().is_some_and(|&first| first > number))
    };
    match reader.segment(number) {
        Err(JournalError::System { error, .. })
            if error.kind() == io::ErrorKind::NotFound && is_deleted() =>
        {
            eprintln!("taut: segment {number} was deleted by its writer before it could be read");
            Ok(None)
        }
        read => Ok(Some(read?)),
    }
}

/// Whether each segment begins where the one before ends.
#[derive(Default)]
struct Row {
    before: Option<(u32, State)>,
}

impl Row {
    /// What is wrong between the last segment and this one, in words.
    fn gap(
        &mut self,
        at: &Where,
        reader: &Reader,
        next: &StoredSegment,
    ) -> Result<Option<String>, Failure> {
        let Some(begins) = next.first_state() else { return Ok(None) };
        let mut gap = None;
        if let Some((number, ends)) = self.before
            && ends != begins
        {
            // One that was being written when it was read has grown since.
            let again = load(at, reader, number)?;
            if again.is_some_and(|again| again.last_state() != Some(begins)) {
                let next = next.number();
                gap = Some(format!("segment {next} does not begin where segment {number} ends"));
            }
        }
        self.before = next.last_state().map(|state| (next.number(), state));
        Ok(gap)
    }
}

/// The segments, and whether it is the last that was written to: those behind were only made ready.
fn numbered(reader: &Reader) -> impl Iterator<Item = (u32, bool)> {
    let written = |number: &&u32| {
        reader.segment(**number).is_ok_and(|segment| segment.entries().next().is_some())
    };
    let last = reader.segments().iter().rev().find(written).copied();
    reader.segments().iter().map(move |&number| (number, Some(number) == last))
}

/// A torn record at the very end is what a kill leaves, or one that is just being written.
const fn is_damage(condition: Condition, is_last: bool) -> bool {
    match condition {
        Condition::Whole => false,
        Condition::Torn { records, .. } => records > 0 || !is_last,
        Condition::Short { .. } => true,
    }
}

fn text_of(condition: Condition) -> String {
    match condition {
        Condition::Whole => "whole".into(),
        Condition::Torn { offset, bytes, records: 0 } => {
            format!("torn at offset {offset}: {bytes} bytes are no record")
        }
        Condition::Short { offset, confirmed } => format!(
            "damaged at offset {offset}: the records end there, the disk had confirmed {confirmed} bytes"
        ),
        Condition::Torn { offset, bytes, records } => format!(
            "damaged at offset {offset}: {bytes} bytes are no record, {records} whole records behind"
        ),
    }
}

fn print(out: &mut impl Write, entry: &Entry<'_>) -> Result<(), Failure> {
    let epoch = entry.epoch;
    match entry.kind {
        EntryKind::Message { direction, time, bytes, .. } => {
            let (time, way) = (text_time(time), text_way(direction));
            writeln!(out, "{time} {way:<3} {epoch:>3}  {}", Masked(bytes))?;
        }
        EntryKind::Rejected { time, bytes, .. } => {
            writeln!(out, "{} rej {epoch:>3}  {}", text_time(time), Masked(bytes))?;
        }
        EntryKind::State(State { cl_ord_id_watermark, next_in, next_out, .. }) => {
            writeln!(
                out,
                "{:21} now {epoch:>3}  next in {next_in}, next out {next_out}, ClOrdID {}",
                "", cl_ord_id_watermark
            )?;
        }
    }
    Ok(())
}

/// One line of `export`. A nonce is a secret: it is not shown.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Line<'a> {
    Message {
        segment: u32,
        offset: u64,
        epoch: u32,
        direction: &'a str,
        msg_seq_num: u64,
        time: String,
        time_ns: u64,
        message: String,
    },
    /// A message of the peer that was answered by a Reject.
    Rejected {
        segment: u32,
        offset: u64,
        epoch: u32,
        msg_seq_num: u64,
        time: String,
        time_ns: u64,
        message: String,
    },
    State {
        segment: u32,
        offset: u64,
        epoch: u32,
        next_in: u64,
        next_out: u64,
        cl_ord_id_watermark: u64,
    },
}

fn export(out: &mut impl Write, entry: &Entry<'_>) -> Result<(), Failure> {
    let Entry { segment, offset, epoch, kind } = *entry;
    let line = match kind {
        EntryKind::Message { direction, seq, time, bytes } => Line::Message {
            segment,
            offset,
            epoch,
            direction: text_way(direction),
            msg_seq_num: seq,
            time: text_time(time),
            time_ns: time.0,
            message: Masked(bytes).to_string(),
        },
        EntryKind::Rejected { seq, time, bytes } => Line::Rejected {
            segment,
            offset,
            epoch,
            msg_seq_num: seq,
            time: text_time(time),
            time_ns: time.0,
            message: Masked(bytes).to_string(),
        },
        EntryKind::State(State { cl_ord_id_watermark, next_in, next_out, .. }) => {
            Line::State { segment, offset, epoch, next_in, next_out, cl_ord_id_watermark }
        }
    };
    Ok(writeln!(out, "{}", serde_json::to_string(&line)?)?)
}

fn verify(at: &Where, out: &mut impl Write) -> Result<(), Failure> {
    let reader = open(at)?;
    let (mut damaged, mut row) = (false, Row::default());
    let mut totals = [0u64; 3];
    for (number, is_last) in numbered(&reader) {
        let segment = match load(at, &reader, number) {
            Ok(Some(segment)) => segment,
            Ok(None) => {
                row = Row::default();
                continue;
            }
            Err(Failure::Journal(error @ JournalError::Foreign { .. })) => {
                writeln!(out, "{error}")?;
                damaged = true;
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut counts = [0u64; 3];
        for entry in segment.entries() {
            counts[match entry.kind {
                EntryKind::Message { direction: Direction::In, .. }
                | EntryKind::Rejected { .. } => 0,
                EntryKind::Message { direction: Direction::Out, .. } => 1,
                EntryKind::State(_) => 2,
            }] += 1;
        }
        let condition = segment.condition();
        damaged |= is_damage(condition, is_last);
        let [received, sent, states] = counts;
        writeln!(
            out,
            "segment {number}: {received} in, {sent} out, {states} states, {}",
            text_of(condition)
        )?;
        if let Some(gap) = row.gap(at, &reader, &segment)? {
            writeln!(out, "{gap}")?;
            damaged = true;
        }
        totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
    }
    let [received, sent, states] = totals;
    writeln!(out, "total: {received} in, {sent} out, {states} states")?;
    out.flush()?;
    if damaged { Err(Failure::JournalDamaged) } else { Ok(()) }
}

fn text_way(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}

fn text_time(time: UtcTime) -> String {
    String::from_utf8_lossy(&time.to_fix_millis()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use taut::journal::{Journal, JournalConfig, Record};

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

    fn shown(show: impl Fn(&mut Vec<u8>, &Entry<'_>) -> Result<(), Failure>) -> String {
        let (_dir, at) = journal();
        let mut out = Vec::new();
        each(&at, |entry| show(&mut out, entry)).unwrap();
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
        assert!(matches!(verify(&at, &mut out), Err(Failure::JournalDamaged)));
        assert!(String::from_utf8(out).unwrap().contains("whole records behind"));
        let missing = Where { dir: dir.path().join("none") };
        assert!(matches!(verify(&missing, &mut Vec::new()), Err(Failure::Journal(_))));
    }
}
