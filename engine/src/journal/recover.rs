//! Opening: whose directory it is, where its next segment begins, and what there was to report.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use rtrb::RingBuffer;
use rustix::fs::{FlockOperation, flock};

use super::error::JournalError;
use super::format::{BootId, Position, SEGMENT_HEADER, SegmentHeader, UNKNOWN_BOOT};
use super::housekeeper::{Housekeeper, Shared};
use super::past::{Opening, Past};
use super::recovered::Recovered;
use super::segment::{FIRST, Segment, number_of, path_of, sync_dir};
use super::writer::Journal;
use super::{JournalConfig, State};

/// Held while a process writes.
const LOCK: &str = "lock";

pub(super) fn open(
    dir: PathBuf,
    config: JournalConfig,
) -> Result<(Journal, Recovered), JournalError> {
    config.check()?;
    make_dir(&dir).map_err(|error| JournalError::at(&dir, error))?;
    let was_used = dir.join(LOCK).exists();
    let lock = lock(&dir)?;
    let boot = boot_id();
    let mut numbers = list(&dir)?;
    let emptied = was_used && numbers.is_empty();
    let mut past = Past::new(config.index_messages);
    let opening = Opening { dir: &dir, boot, durability: config.durability };
    if let Some(last) = past.last_used(&opening, &mut numbers)? {
        past.read(&opening, &mut numbers, last, config.segments_mapped)?;
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
        identity: past.identity,
        last_at: past.last_at,
        index: past.index,
        ready,
        retired,
        housekeeper: Some(housekeeper),
        scratch: vec![0; config.message_bytes_max].into_boxed_slice(),
        unconfirmed: false,
    };
    journal.write_state();
    journal.write_identity();
    // Not before: what is deleted may be all that says where the session stands.
    if let Some(housekeeper) = &mut journal.housekeeper {
        housekeeper.delete_old()?;
    }
    let recovered = Recovered {
        state: past.state,
        unnamed: past.state.is_some() && past.identity.is_none() && config.blanks_secrets,
        emptied,
        segments: numbers.len(),
        messages: past.messages,
        last_at: past.last_at,
        torn: past.torn,
        lost: past.lost,
        unconfirmed: past.unconfirmed,
    };
    Ok((journal, recovered))
}

/// Makes the directory; its name outlives a power cut as its files do.
fn make_dir(dir: &Path) -> io::Result<()> {
    let dir = std::path::absolute(dir)?;
    let there = dir.ancestors().find(|above| above.exists());
    std::fs::create_dir_all(&dir)?;
    let made = dir.ancestors().take_while(|above| Some(*above) != there);
    made.filter_map(Path::parent).try_for_each(sync_dir)
}

/// The directory is ours until the file is closed, which the kernel does for a process that is killed.
fn lock(dir: &Path) -> Result<std::fs::File, JournalError> {
    let path = dir.join(LOCK);
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

/// Which life of the machine this is: what its kernel holds in memory is gone in the next.
fn boot_id() -> BootId {
    let text = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.get(..36).and_then(|id| id.try_into().ok()).unwrap_or(UNKNOWN_BOOT)
}

/// The numbers of all segments, in order, if none is missing between others.
pub(super) fn list(dir: &Path) -> Result<Vec<u32>, JournalError> {
    let numbers = list_any(dir)?;
    match numbers.windows(2).find(|pair| pair[1] != pair[0] + 1) {
        Some(pair) => Err(JournalError::Missing { path: path_of(dir, pair[0] + 1) }),
        None => Ok(numbers),
    }
}

/// The numbers of all segments that are there, in order.
pub(super) fn list_any(dir: &Path) -> Result<Vec<u32>, JournalError> {
    let names = || -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            numbers.extend(entry?.file_name().to_str().and_then(number_of));
        }
        numbers.sort_unstable();
        Ok(numbers)
    };
    names().map_err(|error| JournalError::at(dir, error))
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
