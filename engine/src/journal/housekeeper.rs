//! Everything about a journal that waits for the disk.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer};

use super::error::JournalError;
use super::format::{BootId, Position};
use super::segment::{ALL_DURABLE, Segment, mark_durable, path_of};
use super::{Durability, JournalConfig};

/// After a failure to allocate, how long before the next attempt.
const RETRY: Duration = Duration::from_millis(250);

/// What a journal and its housekeeper both know.
pub(super) struct Shared {
    /// Where the last record ends; a [`Position`], packed. Only the journal writes it.
    pub appended: AtomicU64,
    /// How far the disk has confirmed. Only rises.
    pub durable: AtomicU64,
    /// The disk failed to confirm: a later flush could succeed without the pages that this one lost, so
    /// nothing is called durable any more.
    pub failed: AtomicBool,
    /// Held, not read: the directory is ours until both are gone.
    pub _lock: File,
}

impl Shared {
    pub fn appended(&self) -> Position {
        Position::unpack(self.appended.load(Ordering::Acquire))
    }

    pub fn durable(&self) -> Position {
        Position::unpack(self.durable.load(Ordering::Acquire))
    }

    pub fn confirm(&self, through: Position) {
        self.durable.fetch_max(through.pack(), Ordering::AcqRel);
    }

    /// Has the disk confirm everything that was appended when this was called. Segments are reached by
    /// their names, because the journal may have given up the earlier ones.
    pub fn flush(&self, dir: &Path) -> Result<(), JournalError> {
        let (from, through) = (self.durable(), self.appended());
        if from >= through {
            return Ok(());
        }
        if self.failed.load(Ordering::Acquire) {
            return Err(JournalError::Unconfirmed { dir: dir.to_owned() });
        }
        for number in from.segment..=through.segment {
            let path = path_of(dir, number);
            let mark = if number == through.segment { through.offset.into() } else { ALL_DURABLE };
            match self.flush_segment(&path, mark) {
                // Deleted by retention, which never takes the last: nothing of it is wanted any more.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && number < through.segment => {}
                result => result.map_err(|error| JournalError::at(&path, error))?,
            }
        }
        self.confirm(through);
        Ok(())
    }

    fn flush_segment(&self, path: &Path, mark: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.sync_data().inspect_err(|_| self.failed.store(true, Ordering::Release))?;
        mark_durable(&file, mark)
    }
}

/// Allocates segments ahead of need, flushes by interval, deletes what is too old: for a thread off the
/// path, which calls [`Housekeeper::run`] every few milliseconds.
pub struct Housekeeper {
    pub(super) dir: PathBuf,
    pub(super) config: JournalConfig,
    pub(super) boot: BootId,
    pub(super) shared: Arc<Shared>,
    pub(super) ready: Producer<Segment>,
    pub(super) retired: Consumer<Segment>,
    /// The number of the next segment to make.
    pub(super) next: u32,
    /// The oldest segment that is kept.
    pub(super) oldest: u32,
    pub(super) flushed_at: Option<Instant>,
    pub(super) failed_at: Option<Instant>,
    /// Whether the last attempt to delete failed, and to flush.
    pub(super) delete_failed: bool,
    pub(super) flush_failed: bool,
}

impl Housekeeper {
    /// Does what is due at `now`. May wait for the disk.
    ///
    /// # Errors
    /// [`JournalError`]: what could not be done is tried again by a later call. The journal goes on as
    /// long as it has room.
    pub fn run(&mut self, now: Instant) -> Result<(), JournalError> {
        // Unmapping takes the kernel a while: that is why it happens here.
        while let Ok(segment) = self.retired.pop() {
            drop(segment);
        }
        let resting = self.failed_at.is_some_and(|at| now.saturating_duration_since(at) < RETRY);
        if !resting {
            self.failed_at = None;
            self.prepare().inspect_err(|_| self.failed_at = Some(now))?;
        }
        let deleted = self.delete_old();
        self.delete_failed = deleted.is_err();
        deleted?;
        let due = self
            .flushed_at
            .is_none_or(|at| now.saturating_duration_since(at) >= self.config.interval);
        if self.config.durability == Durability::Interval && due {
            self.flushed_at = Some(now);
            let flushed = self.shared.flush(&self.dir);
            self.flush_failed = flushed.is_err();
            flushed?;
        }
        Ok(())
    }

    /// Whether everything that was attempted last was done. Between two attempts [`Housekeeper::run`] has
    /// nothing to fail at, which does not mean that the disk is well again.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let unconfirmed = self.shared.failed.load(Ordering::Acquire);
        self.failed_at.is_none() && !self.delete_failed && !self.flush_failed && !unconfirmed
    }

    /// Has the disk confirm everything that was appended, unless nobody asked for durability.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn finish(&mut self) -> Result<(), JournalError> {
        match self.config.durability {
            Durability::None => Ok(()),
            _ => self.shared.flush(&self.dir),
        }
    }

    /// Makes the next segment if there is none ready.
    pub(super) fn prepare(&mut self) -> Result<(), JournalError> {
        while !self.ready.is_full() {
            let segment = Segment::create(&self.dir, self.next, self.boot, &self.config)?;
            self.next += 1;
            let pushed = self.ready.push(segment);
            assert!(pushed.is_ok(), "only this side fills the ring");
        }
        Ok(())
    }

    /// The newest segment whose first record, where the session stands, outlives what it is to outlive.
    fn last_to_stand_on(&self) -> u32 {
        match self.config.durability {
            Durability::None => self.shared.appended().segment,
            Durability::Interval | Durability::EveryMessage => {
                let durable = self.shared.durable();
                durable.segment - u32::from(durable.offset == 0).min(durable.segment)
            }
        }
    }

    /// Deletes what is older than the segments to be kept.
    pub(super) fn delete_old(&mut self) -> Result<(), JournalError> {
        match u32::try_from(self.config.segments_kept) {
            Ok(0) | Err(_) => Ok(()),
            Ok(kept) => {
                let current = self.last_to_stand_on();
                self.delete_before((current + 1).saturating_sub(kept))
            }
        }
    }

    /// Deletes the segments below a number, oldest first, so that no gap can arise.
    pub(super) fn delete_before(&mut self, segment: u32) -> Result<(), JournalError> {
        while self.oldest < segment {
            let path = path_of(&self.dir, self.oldest);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(JournalError::at(&path, error));
                }
                _ => self.oldest += 1,
            }
        }
        Ok(())
    }
}
