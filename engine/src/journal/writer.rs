//! The journal as the path sees it: append, look up, note.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtrb::{Consumer, Producer};
use taut_codec::value::UtcTime;

use super::error::{AppendError, JournalError};
use super::format::{
    DURABLE_AT, Kind, Position, RECORD_HEADER, RecordHeader, SEGMENT_HEADER, record_bytes,
    write_record, write_state,
};
use super::housekeeper::{Housekeeper, Shared};
use super::index::{Sent, SentIndex};
use super::segment::{CLOSED, Segment, mark_durable};
use super::{Direction, Durability, Identity, JournalConfig, Record, Recovered, State};
use crate::session::{Kept, MsgType};

/// A journal that is open for writing: see the [module](super).
pub struct Journal {
    pub(super) dir: PathBuf,
    pub(super) config: JournalConfig,
    pub(super) shared: Arc<Shared>,
    /// Mapped, oldest first; the last one is written to. Never empty.
    pub(super) segments: VecDeque<Segment>,
    /// Where the next record goes in the last segment.
    pub(super) at: usize,
    pub(super) state: State,
    /// Whose it is, once that is said.
    pub(super) identity: Option<Identity>,
    /// When the last message was taken or written, in this life or an earlier one.
    pub(super) last_at: Option<UtcTime>,
    pub(super) index: SentIndex,
    pub(super) ready: Consumer<Segment>,
    pub(super) retired: Producer<Segment>,
    /// Until it is given to another thread.
    pub(super) housekeeper: Option<Housekeeper>,
    /// Where secrets are blanked before a message goes into the mapping.
    pub(super) scratch: Box<[u8]>,
    pub(super) unconfirmed: bool,
}

impl Journal {
    /// Opens or makes the journal in `dir`, repairs what a kill or a power cut left, and begins a new
    /// segment.
    ///
    /// # Errors
    /// [`JournalError`]; then nothing was changed but what [`Recovered`] would have reported.
    pub fn open(
        dir: impl Into<PathBuf>,
        config: JournalConfig,
    ) -> Result<(Self, Recovered), JournalError> {
        super::recover::open(dir.into(), config)
    }

    /// The part that waits for the disk, for a thread off the path; once.
    pub fn housekeeper(&mut self) -> Option<Housekeeper> {
        self.housekeeper.take()
    }

    /// Where the session stands, as far as the journal knows.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// How far the disk has confirmed: a record is durable if [`Journal::append`] gave a position that
    /// is not above.
    #[must_use]
    pub fn durable(&self) -> Position {
        self.shared.durable()
    }

    /// Takes a message: copies it, its secrets blanked, into the mapping. With
    /// [`Durability::EveryMessage`] it waits until the disk has confirmed it; else it does not wait,
    /// unless the journal does its own housekeeping and a segment is full.
    ///
    /// # Errors
    /// [`AppendError`]; only after [`AppendError::Unconfirmed`] may the record be there.
    pub fn append(&mut self, record: Record<'_>) -> Result<Position, AppendError> {
        let position = self.stage(record)?;
        self.commit()?;
        Ok(position)
    }

    /// [`Journal::append`] without the wait: several messages can share one [`Journal::commit`].
    ///
    /// # Errors
    /// [`AppendError`]; then nothing was taken.
    #[inline]
    pub fn stage(&mut self, record: Record<'_>) -> Result<Position, AppendError> {
        let position = self.write_message(&record, record.direction.into())?;
        self.state = self.state.after(record.direction, record.epoch, record.seq);
        Ok(position)
    }

    /// [`Journal::stage`] of a message of the peer that the application does not have yet: a life that
    /// goes on from here expects it again. A later [`Journal::stage_note`] says when it has it.
    ///
    /// # Errors
    /// [`AppendError`]; then nothing was taken.
    #[inline]
    pub fn stage_ahead(&mut self, record: Record<'_>) -> Result<Position, AppendError> {
        self.write_message(&record, Kind::Ahead)
    }

    /// [`Journal::stage`] of a message of the peer that was answered by a Reject: for whoever asks later what
    /// that was about. It says nothing of where the session stands.
    ///
    /// # Errors
    /// [`AppendError`]; then nothing was taken.
    pub fn stage_rejected(&mut self, record: Record<'_>) -> Result<Position, AppendError> {
        self.write_message(&record, Kind::Rejected)
    }

    #[inline]
    fn write_message(&mut self, record: &Record<'_>, kind: Kind) -> Result<Position, AppendError> {
        let Record { direction, epoch, seq, time, bytes } = *record;
        if bytes.len() > self.config.message_bytes_max {
            return Err(AppendError::TooLong);
        }
        self.make_room(record_bytes(bytes.len()))?;
        let header = RecordHeader {
            length: u32::try_from(bytes.len()).expect("a message is shorter than a segment"),
            kind,
            epoch,
            seq,
            time: time.0,
        };
        let blank = self.config.blanks_secrets && may_hold_secret(bytes) && {
            let copy = &mut self.scratch[..bytes.len()];
            copy.copy_from_slice(bytes);
            taut_codec::mask::blank(copy)
        };
        let segment = self.segments.back_mut().expect("there is always a current segment");
        let number = segment.number;
        let payload = if blank { &self.scratch[..bytes.len()] } else { bytes };
        write_record(&mut segment.map[self.at..], number, &header, payload);
        if direction == Direction::Out && is_first(&self.state, epoch, seq) {
            let offset = (self.at + RECORD_HEADER) as u32;
            let (msg_type, length) = (MsgType::of_message(bytes), header.length);
            self.index.insert(Sent {
                epoch,
                segment: number,
                seq,
                offset,
                length,
                msg_type,
                blank,
            });
        }
        self.last_at = Some(time);
        Ok(self.taken(record_bytes(bytes.len())))
    }

    /// Notes where the session stands; nothing is written if that is known. Waits as
    /// [`Journal::append`] does.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn note(&mut self, state: State) -> Result<Position, AppendError> {
        let position = self.stage_note(state)?;
        self.commit()?;
        Ok(position)
    }

    /// [`Journal::note`] without the wait.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn stage_note(&mut self, state: State) -> Result<Position, AppendError> {
        if state == self.state {
            return Ok(self.position());
        }
        self.make_room(record_bytes(super::format::STATE_BYTES))?;
        self.state = state;
        self.index.follow(&state);
        Ok(self.write_state())
    }

    /// With [`Durability::EveryMessage`]: waits until the disk has confirmed what was staged.
    ///
    /// # Errors
    /// [`AppendError::Unconfirmed`]; from then on nothing is taken.
    #[inline]
    pub fn commit(&mut self) -> Result<(), AppendError> {
        match self.config.durability {
            Durability::EveryMessage => self.confirm(),
            _ => Ok(()),
        }
    }

    /// Has the disk confirm everything that was appended, whatever the durability.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn flush(&mut self) -> Result<(), JournalError> {
        self.shared.flush(&self.dir)
    }

    /// Deletes the segments in front of that of `position`: nothing in them is wanted any more. For a journal
    /// that does its own housekeeping and keeps all segments; else nothing is deleted.
    ///
    /// # Errors
    /// [`JournalError`]; what was not deleted is tried again by the next call.
    pub fn delete_before(&mut self, position: Position) -> Result<(), JournalError> {
        let current = self.position().segment;
        match &mut self.housekeeper {
            Some(own) => own.delete_before(position.segment.min(current)),
            None => Ok(()),
        }
    }

    /// An application message that was sent, by its number, as it was sent. `None` if there was none, or
    /// it is out of reach: not one of the last [`JournalConfig::index_messages`]; in a segment that is
    /// not mapped any more, or deleted; or with a secret in it, which is not stored. A number that was
    /// sent twice (a resend) finds the first. Reads memory only: the path does not wait for the disk.
    #[must_use]
    pub fn sent(&self, epoch: u32, seq: u64) -> Option<&[u8]> {
        let sent = self.index.get(epoch, seq).filter(|sent| !sent.blank)?;
        let first = self.segments.front()?.number;
        let segment = self.segments.get(sent.segment.checked_sub(first)? as usize)?;
        let at = sent.offset as usize;
        segment.map.get(at..at + sent.length as usize)
    }

    /// The application message with the lowest number from `from` to `to` that is within reach, or would
    /// be but for a secret in it: what lies before it can only be gap filled. Two binary searches.
    #[must_use]
    pub fn next_sent(&self, epoch: u32, from: u64, to: u64) -> Option<Kept> {
        let first = self.segments.front()?.number;
        let sent = self.index.next(epoch, from, to, first)?;
        Some(Kept { msg_seq_num: sent.seq, msg_type: sent.msg_type })
    }

    /// From which number of `epoch` on every application message that was sent is within reach, as
    /// [`Journal::next_sent`] sees it.
    #[must_use]
    pub fn reach(&self, epoch: u32) -> u64 {
        let first = self.segments.front().map_or(0, |segment| segment.number);
        self.index.reach(epoch, first)
    }

    /// Where the last record ends.
    #[must_use]
    pub fn position(&self) -> Position {
        let segment = self.segments.back().expect("there is always a current segment").number;
        Position { segment, offset: self.at as u32 }
    }

    /// A record of `bytes` bytes is complete.
    pub(super) fn taken(&mut self, bytes: usize) -> Position {
        self.at += bytes;
        let position = self.position();
        // Behind the record: who sees the position may have the disk confirm it.
        self.shared.appended.store(position.pack(), Ordering::Release);
        position
    }

    pub(super) fn write_state(&mut self) -> Position {
        let payload = write_state(&self.state);
        let header = RecordHeader {
            length: payload.len() as u32,
            kind: Kind::State,
            epoch: self.state.epoch,
            seq: 0,
            time: self.last_at.map_or(0, |at| at.0),
        };
        let segment = self.segments.back_mut().expect("there is always a current segment");
        write_record(&mut segment.map[self.at..], segment.number, &header, &payload);
        self.taken(record_bytes(payload.len()))
    }

    #[inline]
    pub(super) fn make_room(&mut self, bytes: usize) -> Result<(), AppendError> {
        if self.unconfirmed {
            return Err(AppendError::Unconfirmed);
        }
        let current = self.segments.back().expect("there is always a current segment");
        if bytes <= current.map.len() - self.at { Ok(()) } else { self.rotate() }
    }

    /// Goes on in the next segment, which begins with the state: older ones are not needed to go on.
    #[cold]
    fn rotate(&mut self) -> Result<(), AppendError> {
        if let (true, Some(own)) = (self.ready.is_empty(), &mut self.housekeeper) {
            own.prepare().map_err(|_| AppendError::NoSegment)?;
        }
        if self.ready.is_empty() {
            return Err(AppendError::NoSegment);
        }
        // What was staged in this one is confirmed with it.
        self.commit()?;
        let next = self.ready.pop().expect("looked at above; only this side takes");
        assert_eq!(next.number, self.position().segment + 1, "segments follow one another");
        if self.segments.len() == self.config.segments_mapped
            && let Some(oldest) = self.segments.pop_front()
        {
            // No room in the ring: unmapped here, which takes a system call.
            drop(self.retired.push(oldest));
        }
        self.segments.push_back(next);
        self.at = SEGMENT_HEADER;
        self.write_state();
        self.write_identity();
        if let Some(own) = &mut self.housekeeper {
            // A file that cannot be deleted stays; the next rotation tries again.
            let _ = own.delete_old();
        }
        Ok(())
    }

    /// Has the disk confirm everything, and that there is no more.
    fn close(&mut self) -> Result<(), JournalError> {
        self.shared.flush(&self.dir)?;
        let segment = self.segments.back().expect("there is always a current segment");
        mark_durable(&segment.file, CLOSED)
            .and_then(|()| segment.file.sync_data())
            .map_err(|error| JournalError::at(&self.dir, error))
    }

    fn confirm(&mut self) -> Result<(), AppendError> {
        let position = self.position();
        if self.shared.durable() >= position {
            return Ok(());
        }
        let segment = self.segments.back_mut().expect("there is always a current segment");
        let failed = self.shared.failed.load(Ordering::Acquire);
        if failed || segment.file.sync_data().is_err() {
            // A second attempt could succeed without the pages that the first one lost.
            self.shared.failed.store(true, Ordering::Release);
            self.unconfirmed = true;
            return Err(AppendError::Unconfirmed);
        }
        let mark = u64::from(position.offset).to_le_bytes();
        segment.map[DURABLE_AT..DURABLE_AT + 8].copy_from_slice(&mark);
        self.shared.confirm(position);
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if self.config.durability != Durability::None {
            // The owner who needs to know calls `flush`. Not marked as closed is the safe side.
            let _ = self.close();
        }
    }
}

/// Whether the number is used for the first time.
const fn is_first(state: &State, epoch: u32, seq: u64) -> bool {
    epoch != state.epoch || seq >= state.next_out
}

/// Whether a tag may be in `bytes` whose value is a secret: `553=`, `554=`, `025=` or `96=` stands
/// somewhere. Without a branch per byte, so that it becomes vector code: every message passes here.
#[inline]
pub(super) fn may_hold_secret(bytes: &[u8]) -> bool {
    /// Two digits as one byte: of other bytes some look the same, and are looked at again.
    const fn pair(tens: u8, ones: u8) -> u8 {
        (tens << 4).wrapping_add(ones)
    }
    let Some(count) = bytes.len().checked_sub(3) else { return false };
    let (a, b, c, d) = (&bytes[..count], &bytes[1..], &bytes[2..], &bytes[3..]);
    let mut found = 0u8;
    for i in 0..count {
        let (a, bc, d) = (a[i], pair(b[i], c[i]), d[i]);
        let logon = (a == b'5') & ((bc == pair(b'5', b'3')) | (bc == pair(b'5', b'4')));
        let nonce = (a == b'0') & (bc == pair(b'2', b'5'));
        let raw = bc == pair(b'9', b'6');
        found |= u8::from((d == b'=') & (logon | nonce | raw));
    }
    found != 0 || bytes.starts_with(b"96=")
}
