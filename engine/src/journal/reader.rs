//! Reading a journal without owning it: for tools. Copies; takes no lock; may look at a journal that is
//! being written, whose last record may then seem torn.

use std::path::PathBuf;

use taut_codec::value::UtcTime;

use super::error::JournalError;
use super::format::{
    Kind, Piece, Pieces, RecordHeader, Records, SegmentHeader, Tail, read_state, tail,
};
use super::past::state_behind;
use super::recover::{list, list_any, load};
use super::segment::FIRST;
use super::{Direction, Identity, State};

/// A journal's directory.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    segments: Vec<u32>,
}

impl Reader {
    /// Lists the segments.
    ///
    /// # Errors
    /// [`JournalError`]: no directory, or a segment is missing between others.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, JournalError> {
        let dir = dir.into();
        let segments = list(&dir)?;
        Ok(Self { dir, segments })
    }

    /// Lists the segments that are there, although others may be missing between them: for whoever wants to
    /// see what is left.
    ///
    /// # Errors
    /// [`JournalError`]: no directory.
    pub fn open_with_gaps(dir: impl Into<PathBuf>) -> Result<Self, JournalError> {
        let dir = dir.into();
        let segments = list_any(&dir)?;
        Ok(Self { dir, segments })
    }

    /// The numbers of the segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> &[u32] {
        &self.segments
    }

    /// Where the session stood at the end of what was deleted; `None` if nothing was.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn deleted_until(&self) -> Result<Option<State>, JournalError> {
        let Some(&number) = self.segments.first().filter(|&&number| number > FIRST) else {
            return Ok(None);
        };
        Ok(Some(self.segment(number)?.first_state().unwrap_or(State::START)))
    }

    /// Reads one segment.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn segment(&self, number: u32) -> Result<StoredSegment, JournalError> {
        let (header, bytes) = load(&self.dir, number)?;
        Ok(StoredSegment { header, bytes })
    }
}

/// A copy of one segment.
#[derive(Debug)]
pub struct StoredSegment {
    header: SegmentHeader,
    bytes: Vec<u8>,
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind<'a> {
    /// A message.
    Message {
        /// Which way it went.
        direction: Direction,
        /// MsgSeqNum(34).
        seq: u64,
        /// When it was taken or written.
        time: UtcTime,
        /// The message, its secrets blank.
        bytes: &'a [u8],
    },
    /// A message of the peer that was not taken: it was answered by a Reject, and nobody has acted on it.
    Rejected {
        /// MsgSeqNum(34).
        seq: u64,
        /// When it came.
        time: UtcTime,
        /// The message, its secrets blank.
        bytes: &'a [u8],
    },
    /// Where the session stood.
    State(State),
    /// Whose journal it is.
    Identity(Identity),
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The segment's number.
    pub segment: u32,
    /// Where in the segment the record begins.
    pub offset: u64,
    /// The sequence space.
    pub epoch: u32,
    /// What it holds.
    pub kind: EntryKind<'a>,
}

/// A part of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// A record.
    Entry(Entry<'a>),
    /// Bytes that are no record, although there are records or more of them behind. At the end of a segment
    /// that is being written they are a record that is not complete yet.
    NoRecord {
        /// Where they begin.
        offset: u64,
        /// How many they are.
        bytes: u64,
    },
}

/// How a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// With a whole record and nothing behind it.
    Whole,
    /// With bytes that are no record.
    Torn {
        /// Where the last whole record of the row ends.
        offset: u64,
        /// How many bytes there are behind.
        bytes: u64,
        /// Whole records among them: if there are any, it is no torn end but damage.
        records: u64,
    },
    /// Before the place up to which the disk had confirmed it: what stood there is gone or has changed.
    Short {
        /// Where the last record ends.
        offset: u64,
        /// What was confirmed.
        confirmed: u64,
    },
}

impl StoredSegment {
    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.header.number
    }

    /// The records, up to the first that is not whole.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        Records::new(&self.bytes, self.header.number).map(|record| self.entry(record))
    }

    /// Everything that can be read: the records, those behind damage included, and where there is damage. For
    /// whoever wants to see what is left; a journal that is gone on from ends where [`Self::entries`] end.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        Pieces::new(&self.bytes, self.header.number).map(|piece| match piece {
            Piece::Record(record) => Part::Entry(self.entry(record)),
            Piece::Gap { at, bytes } => Part::NoRecord { offset: at as u64, bytes: bytes as u64 },
        })
    }

    fn entry<'a>(&self, (at, header, payload): (usize, RecordHeader, &'a [u8])) -> Entry<'a> {
        let (epoch, seq, time) = (header.epoch, header.seq, UtcTime(header.time));
        let message = |direction| EntryKind::Message { direction, seq, time, bytes: payload };
        let kind = match header.kind {
            Kind::In | Kind::Ahead => message(Direction::In),
            Kind::Out => message(Direction::Out),
            Kind::Rejected => EntryKind::Rejected { seq, time, bytes: payload },
            Kind::State => EntryKind::State(read_state(epoch, payload).unwrap_or(State::START)),
            Kind::Identity => EntryKind::Identity(Identity::read(payload).unwrap_or_default()),
        };
        Entry { segment: self.header.number, offset: at as u64, epoch, kind }
    }

    /// The state that it begins with; `None` if it was never written to.
    #[must_use]
    pub fn first_state(&self) -> Option<State> {
        let (_, header, payload) = Records::new(&self.bytes, self.header.number).next()?;
        state_behind(None, &header, payload)
    }

    /// The state behind its last record; `None` if it was never written to.
    #[must_use]
    pub fn last_state(&self) -> Option<State> {
        let records = Records::new(&self.bytes, self.header.number);
        records.fold(None, |state, (_, header, payload)| state_behind(state, &header, payload))
    }

    const fn is_short(&self, offset: u64) -> bool {
        !self.header.is_sealed() && offset < self.header.durable
    }

    /// How it ends.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let mut records = Records::new(&self.bytes, self.header.number);
        records.by_ref().for_each(drop);
        let offset = records.offset();
        match tail(&self.bytes, self.header.number, offset) {
            Tail::Torn { records: 0, .. } | Tail::Clean if self.is_short(offset as u64) => {
                Condition::Short { offset: offset as u64, confirmed: self.header.durable }
            }
            Tail::Torn { bytes, records: 0 } if self.header.is_sealed() => {
                Condition::Short { offset: offset as u64, confirmed: offset as u64 + bytes }
            }
            Tail::Clean => Condition::Whole,
            Tail::Torn { bytes, records } => {
                Condition::Torn { offset: offset as u64, bytes, records }
            }
        }
    }
}
