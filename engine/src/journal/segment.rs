//! One segment: a file that is allocated, headed and mapped before it is used.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use memmap2::MmapMut;
use rustix::fs::FallocateFlags;

use super::error::JournalError;
use super::format::{BootId, DURABLE_AT, SEGMENT_HEADER, SegmentHeader};
use super::map::map;
use super::{Durability, JournalConfig};

/// A segment under its way; renamed when it is ready.
pub(super) const UNFINISHED: &str = "next.tmp";
/// The number of a journal's first segment. None is used twice, so one that begins later has lost some.
pub(super) const FIRST: u32 = 1;
/// The durable mark of a segment that the disk has confirmed to its end, and that the next one follows.
pub(super) const ALL_DURABLE: u64 = u64::MAX;
/// The durable mark of a segment that the disk has confirmed to its end, which is that of the journal: it
/// was closed in good order.
pub(super) const CLOSED: u64 = u64::MAX - 1;

/// A segment of this process.
pub(super) struct Segment {
    pub number: u32,
    pub file: File,
    pub map: MmapMut,
}

/// Where segment `number` lies.
pub(super) fn path_of(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:09}.journal"))
}

/// The number in a segment's name, if it is one that [`path_of`] gives.
pub(super) fn number_of(name: &str) -> Option<u32> {
    let number = name.strip_suffix(".journal")?.parse().ok()?;
    (name == format!("{number:09}.journal")).then_some(number)
}

impl Segment {
    /// Makes an empty segment: all its bytes are allocated, so that writing to the mapping cannot find
    /// the disk full, and all its pages are there. Until it is complete it has another name.
    ///
    /// # Errors
    /// [`JournalError::DiskFull`], [`JournalError::ReadOnly`], [`JournalError::System`]; then there is no
    /// segment.
    pub fn create(
        dir: &Path,
        number: u32,
        boot: BootId,
        config: &JournalConfig,
    ) -> Result<Self, JournalError> {
        let (unfinished, path) = (dir.join(UNFINISHED), path_of(dir, number));
        let made = Self::make(dir, &unfinished, &path, number, boot, config);
        made.map_err(|error| {
            // What is left of it must not fill the disk; it is removed at the next open in any case.
            let _ = std::fs::remove_file(&unfinished);
            let wanted =
                format!("a new segment of {} bytes was wanted: {error}", config.segment_bytes);
            JournalError::at(&path, io::Error::new(error.kind(), wanted))
        })
    }

    fn make(
        dir: &Path,
        unfinished: &Path,
        path: &Path,
        number: u32,
        boot: BootId,
        config: &JournalConfig,
    ) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(unfinished)?;
        allocate(&file, config.segment_bytes)?;
        let waits = config.durability == Durability::EveryMessage;
        if waits {
            // Allocated blocks that were never written cost a change of metadata at the first flush.
            fill_with_zeros(&file, config.segment_bytes)?;
        }
        let mut header = [0; SEGMENT_HEADER];
        SegmentHeader { number, boot, durable: 0 }.write(&mut header);
        file.write_all_at(&header, 0)?;
        if config.durability != Durability::None {
            file.sync_all()?;
        }
        std::fs::rename(unfinished, path)?;
        if config.durability != Durability::None {
            sync_dir(dir)?;
        }
        let map = map(&file, config.segment_bytes, true)?;
        Ok(Self { number, file, map })
    }

    /// Maps a segment of an earlier life, as long as it is now.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(dir: &Path, number: u32) -> Result<Self, JournalError> {
        let path = path_of(dir, number);
        let open = || {
            let file = OpenOptions::new().read(true).write(true).open(&path)?;
            let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
            // All pages at once: a resend that reads them must not wait for the disk.
            let map = map(&file, length, true)?;
            Ok(Self { number, file, map })
        };
        open().map_err(|error| JournalError::at(&path, error))
    }
}

/// Cuts a segment of an earlier life at `length` and marks all of it as confirmed. It must not be mapped.
pub(super) fn seal(path: &Path, length: u64) -> Result<(), JournalError> {
    let seal = || {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_all()?;
        mark_durable(&file, ALL_DURABLE)?;
        file.sync_all()
    };
    seal().map_err(|error| JournalError::at(path, error))
}

/// Writes down how far the disk has confirmed a segment. Reaches the disk with a later flush: until then
/// the mark is too low, which is safe.
pub(super) fn mark_durable(file: &File, offset: u64) -> io::Result<()> {
    file.write_all_at(&offset.to_le_bytes(), DURABLE_AT as u64)
}

/// Makes names durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn allocate(file: &File, bytes: usize) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes as u64) {
        Err(rustix::io::Errno::OPNOTSUPP) => fill_with_zeros(file, bytes),
        result => result.map_err(io::Error::from),
    }
}

fn fill_with_zeros(mut file: &File, bytes: usize) -> io::Result<()> {
    let zeros = [0; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let count = left.min(zeros.len());
        file.write_all(&zeros[..count])?;
        left -= count;
    }
    Ok(())
}
