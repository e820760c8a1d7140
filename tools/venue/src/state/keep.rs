//! The directory of a state: who has it, its snapshot, and the journal of turns behind it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::ops::Range;
use std::path::{Path, PathBuf};

use taut::journal::{
    Direction, Durability, EntryKind, Journal, JournalConfig, Position, Reader, Record,
};
use taut_codec::value::UtcTime;

use super::snapshot::{self, Fingerprint};
use super::stored::Stored;
use super::{Input, StateError};
use crate::config::StateConfig;
use crate::limits::{STATE_RECORD_BYTES, STATE_SEGMENT_BYTES};

/// A part of a turn that is longer than a record, and the last or only part.
const PART: u8 = 0;
const END: u8 = 1;

/// A state that is being kept.
pub(crate) struct Keep {
    dir: PathBuf,
    fingerprint: Fingerprint,
    journal: Journal,
    /// Number of the next record.
    next: u64,
    /// What was written since the last snapshot, bytes, and what may be before the next.
    written: usize,
    written_max: usize,
    /// The inputs of the turn, each with its time, behind their count.
    inputs: Vec<u8>,
    count: u32,
    turn: Vec<u8>,
    _lock: File,
}

/// What an earlier life left.
#[derive(Debug)]
pub(crate) struct Found {
    /// When its snapshot was taken, and the state in it.
    pub at: UtcTime,
    pub state: Vec<u8>,
    /// Bytes of a turn that was not written to its end.
    pub torn_bytes: u64,
    /// See [`Recovered::unconfirmed`](taut::journal::Recovered::unconfirmed).
    pub unconfirmed: bool,
}

impl Keep {
    /// Opens or makes the directory of a state, or forgets what is there, as the configuration says.
    pub fn open(
        dir: &Path,
        config: &StateConfig,
        fingerprint: Fingerprint,
    ) -> Result<(Self, Option<Found>), StateError> {
        let StateConfig { fresh, journal_mib, .. } = *config;
        fs::create_dir_all(dir).map_err(StateError::at(dir))?;
        let lock = lock(dir)?;
        let turns = dir.join("journal");
        if fresh {
            clear(dir, &turns)?;
        }
        let snapshot = snapshot::read(dir, &fingerprint)?;
        let config = JournalConfig {
            durability: Durability::None,
            segment_bytes: STATE_SEGMENT_BYTES,
            segments_kept: 0,
            segments_mapped: 1,
            index_messages: 0,
            message_bytes_max: STATE_RECORD_BYTES,
            blanks_secrets: false,
            ..JournalConfig::default()
        };
        let (journal, recovered) = Journal::open(&turns, config)?;
        if snapshot.is_none() && recovered.last_at.is_some() {
            return Err(StateError::damaged(dir, "there is a journal, but no snapshot"));
        }
        let keep = Self {
            dir: dir.to_owned(),
            fingerprint,
            journal,
            next: snapshot.as_ref().map_or(1, |snapshot| snapshot.next),
            written: 0,
            written_max: journal_mib as usize * (1 << 20),
            inputs: Vec::new(),
            count: 0,
            turn: Vec::new(),
            _lock: lock,
        };
        let torn_bytes = recovered.torn.map_or(0, |torn| torn.bytes);
        let unconfirmed = recovered.unconfirmed;
        let found = snapshot.map(|one| {
            let (at, state) = (one.at, one.state);
            Found { at, state, torn_bytes, unconfirmed }
        });
        Ok((keep, found))
    }

    /// Gives the turns behind the snapshot to `replay`, in their order; `None` from it means that a turn makes
    /// no sense. Returns how many there were, and the bytes of one at the end that has no end.
    pub fn turns(
        &mut self,
        mut replay: impl FnMut(&[u8]) -> Option<()>,
    ) -> Result<(u64, u64), StateError> {
        let dir = self.dir.join("journal");
        let reader = Reader::open(&dir)?;
        let (mut turns, mut turn) = (0, Vec::new());
        for &number in reader.segments() {
            let segment = reader.segment(number)?;
            for entry in segment.entries() {
                let EntryKind::Message { seq, bytes, .. } = entry.kind else { continue };
                // In the snapshot already.
                if seq < self.next {
                    continue;
                }
                if seq > self.next {
                    let what = format!("record {} is missing", self.next);
                    return Err(StateError::damaged(&dir, what));
                }
                let bad = || StateError::damaged(&dir, format!("record {seq} makes no sense"));
                let (&kind, part) = bytes.split_first().ok_or_else(bad)?;
                turn.extend_from_slice(part);
                self.next += 1;
                if kind == END {
                    replay(&turn).ok_or_else(bad)?;
                    turn.clear();
                    turns += 1;
                }
            }
        }
        Ok((turns, turn.len() as u64))
    }

    /// An input is about to take effect.
    pub fn note(&mut self, input: &Input, at: UtcTime) {
        at.store(&mut self.inputs);
        input.store(&mut self.inputs);
        self.count += 1;
    }

    /// The turn is over: writes its inputs and what `changes` adds, if there is anything. `changes` says
    /// whether it added something.
    pub fn commit(
        &mut self,
        at: UtcTime,
        changes: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> Result<(), StateError> {
        let Self { inputs, turn, .. } = self;
        turn.clear();
        turn.push(END);
        self.count.store(turn);
        turn.append(inputs);
        if !changes(turn) && self.count == 0 {
            return Ok(());
        }
        self.count = 0;
        if self.turn.len() <= STATE_RECORD_BYTES {
            return self.append(at, None);
        }
        let mut from = 1;
        while from < self.turn.len() {
            let to = self.turn.len().min(from + STATE_RECORD_BYTES - 1);
            self.append(at, Some(from..to))?;
            from = to;
        }
        Ok(())
    }

    /// Writes the turn, or a part of it.
    fn append(&mut self, time: UtcTime, part: Option<Range<usize>>) -> Result<(), StateError> {
        let part = part.map(|range| {
            let kind = if range.end == self.turn.len() { END } else { PART };
            [&[kind][..], &self.turn[range]].concat()
        });
        let bytes = part.as_deref().unwrap_or(&self.turn);
        let (direction, seq) = (Direction::In, self.next);
        self.journal.append(Record { direction, epoch: 0, seq, time, bytes })?;
        self.next += 1;
        self.written += bytes.len();
        Ok(())
    }

    /// Whether the journal has grown so long that a snapshot is due.
    pub const fn is_long(&self) -> bool {
        self.written >= self.written_max
    }

    /// Replaces the snapshot by `state`, which is that behind the last turn, and forgets the turns before.
    pub fn snapshot(&mut self, state: &[u8], at: UtcTime) -> Result<(), StateError> {
        snapshot::write(&self.dir, (self.next, at), &self.fingerprint, state)?;
        self.written = 0;
        let last: Position = self.journal.position();
        Ok(self.journal.delete_before(last)?)
    }
}

/// The directory is ours until the file is closed, which the system does for a process that is killed.
fn lock(dir: &Path) -> Result<File, StateError> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(StateError::at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StateError::System { path, error }),
    }
}

/// Forgets a state: the snapshot first, because a journal alone is never gone on from.
fn clear(dir: &Path, turns: &Path) -> Result<(), StateError> {
    let gone = |result: std::io::Result<()>| match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result,
    };
    let snapshot = dir.join("snapshot");
    gone(fs::remove_file(&snapshot)).map_err(StateError::at(&snapshot))?;
    gone(fs::remove_dir_all(turns)).map_err(StateError::at(turns))
}
