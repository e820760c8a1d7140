//! Whether a segment is whole, although somebody may be writing it while it is read.
//!
//! A copy of a file is not of one moment. Of what is appended meanwhile it may have the end and not the
//! beginning, which looks as damage does. So what looks like damage is looked at again: what was appended is
//! complete then, and damage is where it was.

use std::io;
use std::path::Path;

use taut::journal::{Condition, JournalError, Reader, StoredSegment};

/// One segment, as it was found.
pub enum Judged {
    /// It can be read; whether its end is a fault.
    Read(StoredSegment, bool),
    /// Whoever writes here has deleted it meanwhile, which happens to the oldest.
    Deleted,
}

/// Reads segment `number` of the journal in `dir`.
///
/// # Errors
/// [`JournalError`]: it cannot be read, or is none.
pub fn judged(dir: &Path, number: u32) -> Result<Judged, JournalError> {
    judge(|| load(dir, number), || is_begun_behind(dir, number))
}

fn judge(
    mut load: impl FnMut() -> Result<Option<StoredSegment>, JournalError>,
    mut is_begun_behind: impl FnMut() -> Result<bool, JournalError>,
) -> Result<Judged, JournalError> {
    let Some(mut segment) = load()? else { return Ok(Judged::Deleted) };
    loop {
        let condition = segment.condition();
        if !is_damage(condition, true) && !is_damage(condition, false) {
            return Ok(Judged::Read(segment, false));
        }
        // Asked before it is read again: nobody writes to it any more once the next one is begun.
        let is_last = !is_begun_behind()?;
        if !is_damage(condition, is_last) {
            return Ok(Judged::Read(segment, false));
        }
        let Some(again) = load()? else { return Ok(Judged::Deleted) };
        if end_of(again.condition()) == end_of(condition) {
            return Ok(Judged::Read(again, true));
        }
        segment = again;
    }
}

fn load(dir: &Path, number: u32) -> Result<Option<StoredSegment>, JournalError> {
    let reader = Reader::open_with_gaps(dir)?;
    match reader.segment(number) {
        Err(JournalError::System { error, .. })
            if error.kind() == io::ErrorKind::NotFound && is_deleted(dir, number) =>
        {
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// Whether a segment that is not there was the oldest: its writer deletes those.
pub fn is_deleted(dir: &Path, number: u32) -> bool {
    let now = Reader::open_with_gaps(dir).ok();
    now.is_some_and(|now| now.segments().first().is_some_and(|&first| first > number))
}

/// Whether a segment behind this one was written to: those that were only made ready hold nothing.
fn is_begun_behind(dir: &Path, number: u32) -> Result<bool, JournalError> {
    let reader = Reader::open_with_gaps(dir)?;
    let mut behind = reader.segments().iter().filter(|&&one| one > number);
    Ok(behind.any(|&one| reader.segment(one).is_ok_and(|one| one.first_state().is_some())))
}

/// A torn record at the very end is what a kill leaves, or one that is just being written.
const fn is_damage(condition: Condition, is_last: bool) -> bool {
    match condition {
        Condition::Whole => false,
        Condition::Torn { records, .. } => records > 0 || !is_last,
        Condition::Short { .. } => true,
    }
}

/// Where the whole records end.
const fn end_of(condition: Condition) -> Option<u64> {
    match condition {
        Condition::Whole => None,
        Condition::Torn { offset, .. } | Condition::Short { offset, .. } => Some(offset),
    }
}

/// How a segment ends, in words.
pub fn text_of(condition: Condition) -> String {
    match condition {
        Condition::Whole => "whole".into(),
        Condition::Torn { offset, bytes, records: 0 } => {
            format!("torn at offset {offset}: {bytes} bytes are no record")
        }
        Condition::Short { offset, confirmed } => format!(
            "damaged at offset {offset}: the records end there, the disk had confirmed {confirmed} bytes"
        ),
        Condition::Torn { offset, records, .. } => {
            format!("damaged at offset {offset}, {records} whole records behind it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use taut::journal::{Direction, Journal, JournalConfig, Record};
    use taut_codec::value::UtcTime;

    #[test]
    fn what_looked_like_damage_because_it_was_being_written_is_none_when_it_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let config =
            JournalConfig { segment_bytes: 4096, message_bytes_max: 64, ..Default::default() };
        let (mut journal, _) = Journal::open(dir.path(), config).unwrap();
        for seq in 1..=3 {
            let (direction, time) = (Direction::Out, UtcTime(seq));
            let bytes = b"8=FIX.4.4\x0135=D\x01";
            journal.append(Record { direction, epoch: 1, seq, time, bytes }).unwrap();
        }
        drop(journal);
        let file = dir.path().join("000000001.journal");
        let whole = std::fs::read(&file).unwrap();
        let segment = load(dir.path(), 1).unwrap().unwrap();
        let offsets: Vec<usize> = segment.entries().map(|one| one.offset as usize).collect();
        let without_head = |record: usize| {
            let mut copy = whole.clone();
            copy[offsets[record]..offsets[record] + 32].fill(0);
            copy
        };
        // The last but one, and the last: of a segment that others follow, that is no end of a life.
        for (record, begun, stays) in [
            (2, false, false),
            (2, false, true),
            (2, true, false),
            (3, true, false),
            (3, true, true),
        ] {
            let torn = without_head(record);
            // It is not marked as closed while it is written.
            let mut copies = [&torn, if stays { &torn } else { &whole }].into_iter();
            let read = || {
                let mut copy = copies.next().expect("twice").clone();
                copy[64..72].fill(0);
                std::fs::write(&file, copy).unwrap();
                load(dir.path(), 1)
            };
            let Ok(Judged::Read(_, is_damaged)) = judge(read, || Ok(begun)) else { panic!() };
            assert_eq!(is_damaged, stays, "record {record}, begun behind: {begun}");
        }
        // The end of the last segment is not looked at again.
        std::fs::write(&file, without_head(3)).unwrap();
        let file_of_a_kill = std::fs::File::options().write(true).open(&file).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file_of_a_kill, &[0; 8], 64).unwrap();
        let Ok(Judged::Read(_, false)) = judged(dir.path(), 1) else { panic!() };
    }
}
