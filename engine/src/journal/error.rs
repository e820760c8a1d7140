//! What goes wrong with a journal: cold errors with paths, and the small one of the path.

use std::io;
use std::path::{Path, PathBuf};

use super::Identity;

/// Why a journal cannot be opened, prepared or flushed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another process, or another journal of this one, writes there.
    #[error("{}: in use by another writer", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory or a file may not be read or written: permissions, or a file system that is read-only.
    #[error("{}: not permitted: {error}", path.display())]
    ReadOnly {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The disk, or the quota, is full.
    #[error("{}: the disk is full: {error}", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Damage that neither a kill nor a power cut explains: bytes that had been stored have changed.
    #[error(
        "{}: corrupt at offset {offset}, {records_behind} whole records behind it", path.display()
    )]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where its last good record ends.
        offset: u64,
        /// Whole records that stand behind the damage in the same segment.
        records_behind: u64,
    },
    /// A file with a segment's name is no segment, one of another version, or another segment of some journal.
    #[error("{}: not this segment of a journal in this format", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A segment is missing between others.
    #[error("{}: this segment is missing, the one behind it is there", path.display())]
    Missing {
        /// The file that should be there.
        path: PathBuf,
    },
    /// The journal is that of another session: its directory was renamed, copied or given twice.
    #[error("{}: it is the journal of {known}, not of {identity}", dir.display())]
    OtherSession {
        /// The directory.
        dir: PathBuf,
        /// Whose it is.
        known: Box<Identity>,
        /// Who wanted to go on from it.
        identity: Box<Identity>,
    },
    /// The disk failed to confirm earlier: nothing is called durable until the journal is opened anew.
    #[error("{}: the disk failed to confirm what was written", dir.display())]
    Unconfirmed {
        /// The directory.
        dir: PathBuf,
    },
    /// The configuration makes no sense.
    #[error("journal configuration: {problem}")]
    Config {
        /// What is wrong.
        problem: &'static str,
    },
    /// The system refused something else.
    #[error("{}: {error}", path.display())]
    System {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl JournalError {
    /// An error of the system, by its kind.
    pub(super) fn at(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { path, error }
            }
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::DiskFull { path, error },
            _ => Self::System { path, error },
        }
    }
}

/// Why a record was not taken. Nothing of it is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendError {
    /// The segment is full and there is no next one: the disk is full, or the housekeeper does not keep
    /// up. It may go again later.
    NoSegment,
    /// Longer than [`JournalConfig::message_bytes_max`](super::JournalConfig).
    TooLong,
    /// The disk refused to confirm: what is durable is not known any more, so nothing more is taken.
    Unconfirmed,
}

impl std::fmt::Display for AppendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoSegment => "no room: the disk is full or slow",
            Self::TooLong => "the message is too long for the journal",
            Self::Unconfirmed => "the disk does not confirm",
        })
    }
}

impl std::error::Error for AppendError {}
