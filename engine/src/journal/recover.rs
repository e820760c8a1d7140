//! Opening: whose directory it is, what an earlier life left, and what of it can be trusted.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use rtrb::RingBuffer;
use rustix::fs::{FlockOperation, flock};
use taut_codec::value::UtcTime;

use super::error::JournalError;
use super::format::{
    BootId, Kind, Position, RECORD_HEADER, RecordHeader, Records, SEGMENT_HEADER, STATE_BYTES,
    SegmentHeader, Tail, read_state, record_bytes, tail,
};
use super::housekeeper::{Housekeeper, Shared};
use super::index::{Sent, SentIndex, is_blank};
use super::segment::{ALL_DURABLE, FIRST, Segment, UNFINISHED, number_of, path_of, seal, sync_dir};
use super::writer::Journal;
use super::{Direction, JournalConfig, State};
use crate::session::MsgType;

/// What [`Journal::open`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Where the session stood; `None` if the journal is new.
    pub state: Option<State>,
    /// Segments of earlier lives that are there.
    pub segments: usize,
    /// Messages in those that were read, the last
    /// [`segments_mapped`](super::JournalConfig::segments_mapped).
    pub messages: u64,
    /// When the last message was taken or written, though its segment be deleted; `None` without one.
    pub last_at: Option<UtcTime>,
    /// What was cut off at the end.
    pub torn: Option<Torn>,
    /// Whole segments that a power cut left behind a torn one; they are kept under another name.
    pub lost: Vec<Lost>,
}

/// An end that was not whole: the record that was being written when the process was killed, or what a
/// power cut left of those that the disk had not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The segment.
    pub segment: u32,
    /// Where it ends now.
    pub offset: u64,
    /// Bytes that were cut off.
    pub bytes: u64,
    /// Whole records among them: only after a power cut.
    pub records: u64,
}

/// A segment that cannot be used because one before it is torn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The segment's number.
    pub segment: u32,
    /// Where it is now.
    pub path: PathBuf,
}

pub(super) fn open(
    dir: PathBuf,
    config: JournalConfig,
) -> Result<(Journal, Recovered), JournalError> {
    config.check()?;
    std::fs::create_dir_all(&dir).map_err(|error| JournalError::at(&dir, error))?;
    let lock = lock(&dir)?;
    let boot = boot_id();
    let mut numbers = list(&dir)?;
    let mut past = Past::new(config.index_messages);
    let last = drop_unused(&dir, &mut numbers)?;
    if let Some(last) = last {
        past.read(&dir, &mut numbers, last, boot, &config)?;
    }

    let mut segments = VecDeque::with_capacity(config.segments_mapped + 1);
    let earlier = numbers.len().saturating_sub(config.segments_mapped - 1);
    for &number in &numbers[earlier..] {
        segments.push_back(Segment::open(&dir, number)?);
    }
    let next = numbers.last().map_or(FIRST, |last| last + 1);
    let shared = Arc::new(Shared {
        // What was there is as durable as it will be.
        appended: AtomicU64::new(Position { segment: next, offset: 0 }.pack()),
        durable: AtomicU64::new(Position { segment: next, offset: 0 }.pack()),
        failed: AtomicBool::new(false),
        _lock: lock,
    });
    segments.push_back(Segment::create(&dir, next, boot, &config)?);
    let (ready_in, ready) = RingBuffer::new(1);
    let (retired, retired_out) = RingBuffer::new(config.segments_mapped + 1);
    let housekeeper = Housekeeper {
        dir: dir.clone(),
        config,
        boot,
        shared: Arc::clone(&shared),
        ready: ready_in,
        retired: retired_out,
        next: next + 1,
        oldest: numbers.first().copied().unwrap_or(next),
        flushed_at: None,
        failed_at: None,
        delete_failed: false,
        flush_failed: false,
    };
    let mut journal = Journal {
        dir,
        config,
        shared,
        segments,
        at: SEGMENT_HEADER,
        state: past.state.unwrap_or(State::START),
        last_at: past.last_at,
        index: past.index,
        ready,
        retired,
        housekeeper: Some(housekeeper),
        scratch: vec![0; config.message_bytes_max].into_boxed_slice(),
        unconfirmed: false,
    };
    journal.write_state();
    // Not before: what is deleted may be all that says where the session stands.
    if let Some(housekeeper) = &mut journal.housekeeper {
        housekeeper.delete_old()?;
    }
    let recovered = Recovered {
        state: past.state,
        segments: numbers.len(),
        messages: past.messages,
        last_at: past.last_at,
        torn: past.torn,
        lost: past.lost,
    };
    Ok((journal, recovered))
}

/// The directory is ours until the file is closed, which the kernel does for a process that is killed.
fn lock(dir: &Path) -> Result<std::fs::File, JournalError> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| JournalError::at(&path, error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::Locked { dir: dir.to_owned() }),
        Err(error) => Err(JournalError::at(&path, error.into())),
    }
}

/// Which life of the machine this is: what its kernel holds in memory is gone in the next. Zeros, which
/// equal no life, where the system does not say.
fn boot_id() -> BootId {
    let text = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.get(..36).and_then(|id| id.try_into().ok()).unwrap_or([0; 36])
}

/// The numbers of all segments, in order.
pub(super) fn list(dir: &Path) -> Result<Vec<u32>, JournalError> {
    let names = || -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            numbers.extend(entry?.file_name().to_str().and_then(number_of));
        }
        numbers.sort_unstable();
        Ok(numbers)
    };
    let numbers = names().map_err(|error| JournalError::at(dir, error))?;
    match numbers.windows(2).find(|pair| pair[1] != pair[0] + 1) {
        Some(pair) => Err(JournalError::Missing { path: path_of(dir, pair[0] + 1) }),
        None => Ok(numbers),
    }
}

/// Reads a segment that has a header.
pub(super) fn load(dir: &Path, number: u32) -> Result<(SegmentHeader, Vec<u8>), JournalError> {
    let path = path_of(dir, number);
    let bytes = std::fs::read(&path).map_err(|error| JournalError::at(&path, error))?;
    match SegmentHeader::read(&bytes) {
        Some(header) if header.number == number => Ok((header, bytes)),
        _ => Err(JournalError::Foreign { path }),
    }
}

/// Removes what a life left unused at the end, and returns the last segment that was used: what was made
/// ahead and never written to (after a power cut such a file may even be empty), and what holds nothing
/// but the state in which the segment before it ends. Lives without a message so take none of the
/// segments that are kept.
fn drop_unused(
    dir: &Path,
    numbers: &mut Vec<u32>,
) -> Result<Option<(SegmentHeader, Vec<u8>)>, JournalError> {
    let _ = std::fs::remove_file(dir.join(UNFINISHED));
    while let Some(&number) = numbers.last() {
        let path = path_of(dir, number);
        let failed = |error| JournalError::at(&path, error);
        let bytes = std::fs::read(&path).map_err(failed)?;
        let unused = match SegmentHeader::read(&bytes) {
            // The disk had confirmed what is not there: that is no unused segment, but evidence.
            Some(header) if header.number == number => {
                header.durable <= SEGMENT_HEADER as u64
                    && tail(&bytes, number, SEGMENT_HEADER) == Tail::Clean
                    || repeats_the_one_before(dir, numbers, &bytes)?
            }
            _ => bytes.iter().all(|&byte| byte == 0),
        };
        if !unused {
            return load(dir, number).map(Some);
        }
        if numbers.len() == 1 && number > 1 {
            // The first segment is 1, and of those behind it retention leaves the last that was used.
            return Err(JournalError::Missing { path: path_of(dir, number - 1) });
        }
        std::fs::remove_file(&path).map_err(failed)?;
        numbers.pop();
    }
    Ok(None)
}

/// Whether `bytes`, the last of `numbers`, hold one state and nothing else, and the segment before is whole
/// and ends in that state. If it is not, both are evidence of what was lost.
fn repeats_the_one_before(dir: &Path, numbers: &[u32], bytes: &[u8]) -> Result<bool, JournalError> {
    let [.., before, number] = *numbers else { return Ok(false) };
    let only = (SEGMENT_HEADER + record_bytes(STATE_BYTES), 1);
    let (state, end) = end_of(bytes, number);
    if end != only || tail(bytes, number, end.0) != Tail::Clean {
        return Ok(false);
    }
    let (_, bytes) = load(dir, before)?;
    let (state_before, (offset, _)) = end_of(&bytes, before);
    Ok(state.is_some() && state == state_before && tail(&bytes, before, offset) == Tail::Clean)
}

/// In which state a segment ends; where its records end, and how many they are.
fn end_of(bytes: &[u8], number: u32) -> (Option<State>, (usize, usize)) {
    let (mut records, mut state, mut count) = (Records::new(bytes, number), None, 0);
    for (_, header, payload) in records.by_ref() {
        state = state_behind(state, &header, payload);
        count += 1;
    }
    (state, (records.offset(), count))
}

/// Where the session stands behind a record.
pub(super) fn state_behind(
    before: Option<State>,
    header: &RecordHeader,
    payload: &[u8],
) -> Option<State> {
    let direction = match header.kind {
        Kind::State => return read_state(header.epoch, payload).or(before),
        Kind::Ahead => return before,
        Kind::In => Direction::In,
        Kind::Out => Direction::Out,
    };
    Some(before.unwrap_or(State::START).after(direction, header.epoch, header.seq))
}

/// What earlier lives say.
struct Past {
    state: Option<State>,
    index: SentIndex,
    messages: u64,
    last_at: Option<UtcTime>,
    torn: Option<Torn>,
    lost: Vec<Lost>,
}

impl Past {
    fn new(index_messages: usize) -> Self {
        let (state, torn, lost) = (None, None, Vec::new());
        Self {
            state,
            index: SentIndex::new(index_messages),
            messages: 0,
            last_at: None,
            torn,
            lost,
        }
    }

    /// Reads the last segments, of which `last` is loaded; cuts and seals the end.
    fn read(
        &mut self,
        dir: &Path,
        numbers: &mut Vec<u32>,
        last: (SegmentHeader, Vec<u8>),
        boot: BootId,
        config: &JournalConfig,
    ) -> Result<(), JournalError> {
        let first = numbers.len().saturating_sub(config.segments_mapped);
        let mut last = Some(last);
        for at in first..numbers.len() {
            let number = numbers[at];
            let is_last = at + 1 == numbers.len();
            let (header, bytes) = match last.take_if(|_| is_last) {
                Some(last) => last,
                None => load(dir, number)?,
            };
            let path = path_of(dir, number);
            if !self.is_continued_by(Records::new(&bytes, number)) {
                // The end of the segment before is gone, and without a trace: its pages are zeros.
                if header.boot == boot || header.durable != 0 {
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
    let sealed = header.durable == ALL_DURABLE;
    let unconfirmed = !sealed && at >= header.durable;
    let (bytes, records) = match tail(bytes, header.number, offset) {
        // What the disk had confirmed is there. A rotated segment is sealed with zeros at its end.
        Tail::Clean if sealed || unconfirmed => return Ok(None),
        Tail::Clean => (0, 0),
        Tail::Torn { bytes, records } => (bytes, records),
    };
    let power_cut = header.boot != boot;
    let killed = is_last && records == 0;
    if unconfirmed && (power_cut || killed) {
        return Ok(Some(Torn { segment: header.number, offset: at, bytes, records }));
    }
    Err(JournalError::Corrupt { path: path.to_owned(), offset: at, records_behind: records })
}
