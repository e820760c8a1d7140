//! What earlier lives left, and what of it can be trusted: the table of the [module](super), row by row.

use std::path::Path;

use taut_codec::value::UtcTime;

use super::error::JournalError;
use super::format::{
    BootId, Kind, RECORD_HEADER, RecordHeader, Records, SEGMENT_HEADER, SegmentHeader, Tail,
    read_state, tail,
};
use super::index::{Sent, SentIndex, is_blank};
use super::recover::load;
use super::recovered::{Lost, Torn};
use super::segment::{ALL_DURABLE, CLOSED, FIRST, UNFINISHED, path_of, seal, sync_dir};
use super::{Direction, Durability, Identity, State};
use crate::session::MsgType;

/// Whether `bytes`, the last of `numbers`, hold one state, perhaps whose journal it is, and nothing else, and
/// the segment before is whole and ends in that state. If it is not, both are evidence of what was lost.
fn repeats_the_one_before(dir: &Path, numbers: &[u32], bytes: &[u8]) -> Result<bool, JournalError> {
    let [.., before, number] = *numbers else { return Ok(false) };
    let kinds: Vec<_> = Records::new(bytes, number).take(3).map(|(_, head, _)| head.kind).collect();
    let (state, end) = end_of(bytes, number);
    if !matches!(*kinds, [Kind::State] | [Kind::State, Kind::Identity])
        || tail(bytes, number, end) != Tail::Clean
    {
        return Ok(false);
    }
    let (_, bytes) = load(dir, before)?;
    let (state_before, end) = end_of(&bytes, before);
    Ok(state.is_some() && state == state_before && tail(&bytes, before, end) == Tail::Clean)
}

/// In which state a segment ends, and where its records end.
fn end_of(bytes: &[u8], number: u32) -> (Option<State>, usize) {
    let (mut records, mut state) = (Records::new(bytes, number), None);
    for (_, header, payload) in records.by_ref() {
        state = state_behind(state, &header, payload);
    }
    (state, records.offset())
}

/// The first segment is 1, and of those behind it retention leaves the last that was used: one that was not
/// is never alone.
fn refuse_if_alone(dir: &Path, numbers: &[u32]) -> Result<(), JournalError> {
    match *numbers {
        [number] if number > FIRST => Err(JournalError::Missing { path: path_of(dir, number - 1) }),
        _ => Ok(()),
    }
}

/// Where the session stands behind a record.
pub(super) fn state_behind(
    before: Option<State>,
    header: &RecordHeader,
    payload: &[u8],
) -> Option<State> {
    let direction = match header.kind {
        Kind::State => return read_state(header.epoch, payload).or(before),
        Kind::Ahead | Kind::Rejected | Kind::Identity => return before,
        Kind::In => Direction::In,
        Kind::Out => Direction::Out,
    };
    Some(before.unwrap_or(State::START).after(direction, header.epoch, header.seq))
}

/// What earlier lives say.
pub(super) struct Past {
    pub state: Option<State>,
    pub identity: Option<Identity>,
    pub index: SentIndex,
    pub messages: u64,
    pub last_at: Option<UtcTime>,
    pub torn: Option<Torn>,
    pub lost: Vec<Lost>,
    pub unconfirmed: bool,
}

/// What a journal is judged by.
pub(super) struct Opening<'a> {
    pub dir: &'a Path,
    pub boot: BootId,
    pub durability: Durability,
}

impl Opening<'_> {
    /// Whether a power cut explains that a segment has no header, `neighbour` being the nearest that has one:
    /// only if nobody asked for durability has a segment a name before the disk has its header. Then there
    /// are zeros in its place, and the neighbour shows that the machine has restarted; without a neighbour
    /// nothing shows it.
    fn explains_no_header(&self, bytes: &[u8], neighbour: Option<SegmentHeader>) -> bool {
        let restarted = neighbour.is_some_and(|header| !header.is_of(&self.boot));
        restarted && SegmentHeader::is_blank(bytes) && self.durability == Durability::None
    }
}

impl Past {
    pub fn new(index_messages: usize) -> Self {
        let (state, identity, torn, lost, unconfirmed) = (None, None, None, Vec::new(), false);
        let (index, messages, last_at) = (SentIndex::new(index_messages), 0, None);
        Self { state, identity, index, messages, last_at, torn, lost, unconfirmed }
    }

    /// Removes what says nothing at the end, and returns the last segment that says something: see the table
    /// of the [module](super). What was made ahead and never written to goes, and what holds nothing but
    /// the state in which the segment before it ends: lives without a message so take none of the segments
    /// that are kept.
    pub fn last_used(
        &mut self,
        opening: &Opening<'_>,
        numbers: &mut Vec<u32>,
    ) -> Result<Option<(SegmentHeader, Vec<u8>)>, JournalError> {
        let dir = opening.dir;
        let _ = std::fs::remove_file(dir.join(UNFINISHED));
        // The newest segment that was written to says how the last life ended.
        let mut ended_well = None;
        while let Some(&number) = numbers.last() {
            let path = path_of(dir, number);
            let failed = |error| JournalError::at(&path, error);
            let bytes = std::fs::read(&path).map_err(failed)?;
            let Some(header) = SegmentHeader::read(&bytes).filter(|one| one.number == number)
            else {
                let mut before = numbers.iter().rev().skip(1);
                let before = before.find_map(|&before| load(dir, before).ok());
                if !opening.explains_no_header(&bytes, before.map(|(header, _)| header)) {
                    return Err(JournalError::Foreign { path });
                }
                refuse_if_alone(dir, numbers)?;
                self.set_aside(dir, numbers, numbers.len() - 1)?;
                ended_well = Some(false);
                continue;
            };
            // The disk had confirmed what is not there: that is no unused segment, but evidence.
            let blank = header.durable <= SEGMENT_HEADER as u64
                && tail(&bytes, number, SEGMENT_HEADER) == Tail::Clean;
            if !blank {
                let well = header.durable == CLOSED || header.is_of(&opening.boot);
                ended_well.get_or_insert(well);
            }
            if !blank && !repeats_the_one_before(dir, numbers, &bytes)? {
                self.unconfirmed = ended_well == Some(false);
                return Ok(Some((header, bytes)));
            }
            refuse_if_alone(dir, numbers)?;
            std::fs::remove_file(&path).map_err(failed)?;
            numbers.pop();
            if numbers.is_empty() {
                ended_well.get_or_insert(header.is_of(&opening.boot));
            }
        }
        self.unconfirmed = ended_well == Some(false);
        Ok(None)
    }

    /// Reads the last segments, of which `last` is loaded; cuts and seals the end.
    pub fn read(
        &mut self,
        opening: &Opening<'_>,
        numbers: &mut Vec<u32>,
        last: (SegmentHeader, Vec<u8>),
        segments_mapped: usize,
    ) -> Result<(), JournalError> {
        let Opening { dir, boot, .. } = *opening;
        let first = numbers.len().saturating_sub(segments_mapped);
        let last_header = last.0;
        let mut last = Some(last);
        for at in first..numbers.len() {
            let number = numbers[at];
            let is_last = at + 1 == numbers.len();
            let (header, bytes) = match last.take_if(|_| is_last) {
                Some(last) => last,
                None => match load(dir, number) {
                    Err(JournalError::Foreign { path }) => {
                        let bytes = std::fs::read(&path);
                        let bytes = bytes.map_err(|error| JournalError::at(&path, error))?;
                        // Where the session stood before it is known, or else there is nothing to go on from.
                        let explained = self.state.is_some()
                            && opening.explains_no_header(&bytes, Some(last_header));
                        if !explained {
                            return Err(JournalError::Foreign { path });
                        }
                        self.set_aside(dir, numbers, at)?;
                        break;
                    }
                    loaded => loaded?,
                },
            };
            let path = path_of(dir, number);
            if !self.is_continued_by(Records::new(&bytes, number)) {
                // The end of the segment before is gone, and without a trace: its pages are zeros.
                if header.is_of(&boot) || header.durable != 0 {
                    let offset = SEGMENT_HEADER as u64;
                    return Err(JournalError::Corrupt { path, offset, records_behind: 0 });
                }
                self.set_aside(dir, numbers, at)?;
                break;
            }
            let mut records = Records::new(&bytes, number);
            self.take(&mut records, number);
            let end = judge(&path, &header, &bytes, records.offset(), is_last, boot)?;
            if header.durable != ALL_DURABLE {
                // What was read is trusted from here on: the disk confirms it now.
                seal(&path, records.offset() as u64)?;
            }
            if end.is_some() {
                self.torn = end;
                self.set_aside(dir, numbers, at + 1)?;
                break;
            }
        }
        Ok(())
    }

    /// Whether a segment begins with the state in which the one before it ended.
    fn is_continued_by(&self, mut records: Records<'_>) -> bool {
        match (self.state, records.next()) {
            (Some(state), Some((_, header, payload))) if header.kind == Kind::State => {
                read_state(header.epoch, payload) == Some(state)
            }
            _ => true,
        }
    }

    /// Applies the records of a segment.
    fn take(&mut self, records: &mut Records<'_>, segment: u32) {
        for (at, header, payload) in records.by_ref() {
            let known = self.state;
            let before = known.unwrap_or(State::START);
            self.state = state_behind(known, &header, payload);
            // A state says when the last message before it was; 0 if there was none.
            if header.time != 0 {
                self.last_at = Some(UtcTime(header.time));
            }
            if header.kind == Kind::State {
                match (known, &self.state) {
                    (None, Some(first)) => self.index.begin(first),
                    (Some(_), Some(next)) => self.index.follow(next),
                    (_, None) => {}
                }
                continue;
            }
            if header.kind == Kind::Identity {
                self.identity = Identity::read(payload);
                continue;
            }
            self.messages += 1;
            let (epoch, seq, length) = (header.epoch, header.seq, header.length);
            let first_use = epoch != before.epoch || seq >= before.next_out;
            if header.kind == Kind::Out && first_use {
                let offset = (at + RECORD_HEADER) as u32;
                let (msg_type, blank) = (MsgType::of_message(payload), is_blank(payload));
                let sent = Sent { epoch, segment, seq, offset, length, msg_type, blank };
                self.index.insert(sent);
            }
        }
    }

    /// Segments from `at` on are behind a cut: renamed, never deleted.
    fn set_aside(
        &mut self,
        dir: &Path,
        numbers: &mut Vec<u32>,
        at: usize,
    ) -> Result<(), JournalError> {
        for segment in numbers.drain(at..) {
            let from = path_of(dir, segment);
            let free = (0..).map(|n| dir.join(format!("{segment:09}.lost-{n}")));
            let path = free.into_iter().find(|path| !path.exists()).expect("numbers do not end");
            std::fs::rename(&from, &path).map_err(|error| JournalError::at(&from, error))?;
            self.lost.push(Lost { segment, path });
        }
        sync_dir(dir).map_err(|error| JournalError::at(dir, error))
    }
}

/// Judges the end of a segment's records at `offset`: `None` if it is whole.
///
/// A kill leaves at most one record that is not whole, and nothing behind it. A power cut may leave
/// anything, but only where the disk had not confirmed, and in a segment of another life of the machine.
/// All else is corruption.
fn judge(
    path: &Path,
    header: &SegmentHeader,
    bytes: &[u8],
    offset: usize,
    is_last: bool,
    boot: BootId,
) -> Result<Option<Torn>, JournalError> {
    let at = offset as u64;
    let sealed = header.is_sealed();
    let unconfirmed = !sealed && at >= header.durable;
    let (bytes, records) = match tail(bytes, header.number, offset) {
        // What the disk had confirmed is there. A rotated segment is sealed with zeros at its end.
        Tail::Clean if sealed || unconfirmed => return Ok(None),
        Tail::Clean => (0, 0),
        Tail::Torn { bytes, records } => (bytes, records),
    };
    let power_cut = !header.is_of(&boot);
    let killed = is_last && records == 0;
    if unconfirmed && (power_cut || killed) {
        return Ok(Some(Torn { segment: header.number, offset: at, bytes, records }));
    }
    Err(JournalError::Corrupt { path: path.to_owned(), offset: at, records_behind: records })
}
