//! What was sent and received, and where the session stood: durable, checked, bounded.
//!
//! A journal is a directory of **segments**: files of a fixed size, allocated before they are used and
//! mapped into memory. To append is to copy bytes into the mapping: no system call, no allocation, no
//! lock, and a process that is killed at any instruction leaves all that it had appended to the
//! kernel. What a power cut leaves is a matter of [`Durability`].
//!
//! ```text
//! DIR/lock                     held while a process writes here
//! DIR/000000007.journal        segment header | record | record | ... | zeros
//! record                       length, CRC-32, kind, epoch, MsgSeqNum, time | bytes | padding to 8
//! ```
//!
//! * A [`Record`] is a message, as it was on the wire but for its secrets: their bytes are stars, of the
//!   same number, and CheckSum(10) is that of the message with the stars
//!   ([`taut_codec::mask::blank`]). So a stored message has its length, frames and indexes, and a secret
//!   reaches neither the file nor the mapping.
//! * A [`State`] is where the next life goes on. Messages carry it forward by themselves; a state is
//!   noted when something else changed it, and at the head of each segment, so that old segments can
//!   be deleted.
//! * An [`Identity`] says behind the state at the head of each segment whose journal it is. A session does not
//!   go on from that of another ([`JournalError::OtherSession`]): its messages would go to the wrong peer.
//! * One life of a process writes its own segments. [`Journal::open`] reads the last ones, cuts off a torn
//!   record at the end, says so ([`Recovered`]), and begins a new segment. Damage that a kill or a power
//!   cut cannot explain is [`JournalError::Corrupt`]: the journal does not open.
//! * The [`Housekeeper`] is the part that waits for the disk: it allocates the next segment, flushes by
//!   interval, deletes old segments. Give it to a thread off the path ([`Journal::housekeeper`]), as the
//!   engine does; left where it is, the journal does that work when it must.
//! * So the path calls the disk with [`Durability::EveryMessage`] only. What is left is the kernel's: once
//!   it has written a page out, the next append to that page takes a minor fault, and on a file system
//!   with stable pages that fault lasts as long as the write. A disk that hangs leads to
//!   [`AppendError::NoSegment`] when the segments that are ready are full, not to a stall.
//!
//! What is promised, if the peer answers ResendRequests:
//!
//! | | a killed process | a power cut: `every-message` | `interval` | `none` |
//! |---|---|---|---|---|
//! | what was sent, its numbers, the nonce and ClOrdIDs | all | all | but for the last interval | but for half a minute |
//! | what the peer sent reaches the application | at least once | at least once | at least once | at least once |
//! | how much of that comes again | what it had not handled, and one message more | the same | the last interval too | half a minute too |
//!
//! The second row holds whatever the durability, because a number of the peer is used up when the application
//! has handled its message, and not before ([`Keeper`]): what the journal does not know was handled, the next
//! life asks for. A message that comes again has PossDupFlag(43)=Y, and an ExecutionReport its ExecID(17). Two
//! things end the promise: a reset of the numbers, behind which neither side can ask for what was before; and
//! a peer that fills the gap instead of sending again. An application that dies of a message will be given it
//! in each life.
//!
//! What the end of a journal looks like, and what [`Journal::open`] makes of it. A kill leaves the kernel's
//! pages as they were, so after it nothing is missing; only a segment of another life of the machine (its
//! header says of which) can have lost something to a power cut:
//!
//! | the last segment is | the machine has not restarted | it has: `interval`, `every-message` | it has: `none` |
//! |---|---|---|---|
//! | whole, and marked as closed | all is there | all is there | never so marked |
//! | whole, not marked as closed | all is there | [`Recovered::unconfirmed`] | [`Recovered::unconfirmed`] |
//! | torn | one record was being written: cut off, [`Torn`] | the same, behind what was confirmed; and `unconfirmed` | the same |
//! | blank, the one before closed | made ahead: removed | made ahead: removed | - |
//! | blank, the one before not closed | made ahead: removed | removed; its records, if it had any, were not confirmed: `unconfirmed` | the same |
//! | blank or short, marked as confirmed further | [`JournalError::Corrupt`] | [`JournalError::Corrupt`] | never so marked |
//! | empty, or with zeros for its header | [`JournalError::Foreign`] | [`JournalError::Foreign`] | [`Lost`] and `unconfirmed` |
//! | with a header that has changed | [`JournalError::Foreign`] | [`JournalError::Foreign`] | [`JournalError::Foreign`] |
//! | gone | [`JournalError::Missing`] if one behind it is there | the same, or as if blank | as if blank |
//!
//! That the machine has restarted is seen by the nearest segment that has a header. If none has, nothing shows
//! it, and the journal does not open. Where no segment is left at all, it begins anew, and says so
//! ([`Recovered::emptied`]).
//!
//! So what was confirmed is there, or the journal does not open. Where the end is `unconfirmed`, which under
//! `every-message` costs nothing that was acknowledged, the peer may expect a higher number than ours. It
//! refuses the Logon as too low, and says which it expects: the [conductor](crate::conductor) of an initiator
//! then resets both sides or, if that is not allowed, goes on with that number ([`Session::skip_to`]). An
//! acceptor cannot know; it waits for a Logon that resets, or for its operator ([`Session::set_numbers`]).
//!
//! [`Session::skip_to`]: crate::session::Session::skip_to
//! [`Session::set_numbers`]: crate::session::Session::set_numbers
//!
//! What is durable is a [`Position`]: [`Journal::append`] says where a record ends, [`Journal::durable`]
//! how far the disk has confirmed.

mod error;
mod format;
mod housekeeper;
mod identity;
mod index;
mod keeper;
mod map;
mod past;
mod reader;
mod recover;
mod recovered;
mod segment;
mod writer;

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use taut_codec::value::UtcTime;

use crate::limits;

pub use error::{AppendError, JournalError};
pub use format::Position;
pub use housekeeper::Housekeeper;
pub use identity::Identity;
pub use keeper::Keeper;
pub use reader::{Condition, Entry, EntryKind, Part, Reader, StoredSegment};
pub use recovered::{Lost, Recovered, Torn};
pub use writer::Journal;

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer.
    In,
    /// To the peer.
    Out,
}

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Which way it went.
    pub direction: Direction,
    /// The sequence space.
    pub epoch: u32,
    /// MsgSeqNum(34).
    pub seq: u64,
    /// When it was taken or written.
    pub time: UtcTime,
    /// The whole message.
    pub bytes: &'a [u8],
}

/// Where a session stands: what the next life starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The last Nonce(5025), milliseconds; 0 if there was none. The next one must be above it.
    pub nonce: u64,
    /// The number of the highest ClOrdID that was used
    /// ([`number_of`](crate::order::ClOrdIdSource::number_of)); 0 if there was none.
    pub cl_ord_id_watermark: u64,
    /// The sequence space.
    pub epoch: u32,
    /// The next MsgSeqNum that is expected of the peer, at least 1.
    pub next_in: u64,
    /// The next MsgSeqNum that we use, at least 1.
    pub next_out: u64,
}

impl State {
    /// A session that was never connected.
    pub const START: Self =
        Self { nonce: 0, cl_ord_id_watermark: 0, epoch: 0, next_in: 1, next_out: 1 };

    /// What a message says about it: numbers only rise within an epoch. A message that is sent or
    /// received a second time has a lower number and changes nothing.
    const fn after(mut self, direction: Direction, epoch: u32, seq: u64) -> Self {
        if epoch != self.epoch {
            (self.epoch, self.next_in, self.next_out) = (epoch, 1, 1);
        }
        let next = seq.saturating_add(1);
        match direction {
            // One that is too high, a Logon with a gap before it, does not close the gap.
            Direction::In if seq == self.next_in => self.next_in = next,
            Direction::Out if next > self.next_out => self.next_out = next,
            _ => {}
        }
        self
    }
}

/// What a power cut may take away. A killed process loses nothing in any case: the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// What the kernel has not written yet, half a minute as a rule.
    None,
    /// What came since the housekeeper's last flush. The path does not wait.
    Interval,
    /// Nothing: each append returns when the disk has confirmed it.
    EveryMessage,
}

/// The configuration of a [`Journal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalConfig {
    /// See [`Durability`]. Default [`Durability::Interval`].
    pub durability: Durability,
    /// How often [`Durability::Interval`] flushes. Default 100 ms.
    pub interval: Duration,
    /// Size of a segment, bytes. Default 32 MiB.
    pub segment_bytes: usize,
    /// How many segments are kept, the current one included; older ones are deleted. 0: all. Default 64.
    pub segments_kept: usize,
    /// How many segments, at most [`limits::JOURNAL_SEGMENTS_MAPPED_MAX`], stay mapped, so that
    /// [`Journal::sent`] finds what is in them. Default 4.
    pub segments_mapped: usize,
    /// How many application messages that were sent are found by their number, the last ones; at most
    /// [`limits::JOURNAL_INDEX`], the default. Each takes 40 bytes of memory.
    pub index_messages: usize,
    /// The longest message, bytes. Default [`limits::MESSAGE_BYTES_MAX`].
    pub message_bytes_max: usize,
    /// Whether secrets are blanked, as they have to be in messages. Not so in records of another kind,
    /// which hold none and may not be changed. Default yes.
    pub blanks_secrets: bool,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            durability: Durability::Interval,
            interval: Duration::from_millis(100),
            segment_bytes: 32 << 20,
            segments_kept: 64,
            segments_mapped: 4,
            index_messages: limits::JOURNAL_INDEX,
            message_bytes_max: limits::MESSAGE_BYTES_MAX,
            blanks_secrets: true,
        }
    }
}

impl JournalConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`JournalError::Config`].
    pub fn check(&self) -> Result<(), JournalError> {
        let refuse = |problem| Err(JournalError::Config { problem });
        if self.segment_bytes > limits::JOURNAL_SEGMENT_BYTES_MAX {
            return refuse("segments are too large");
        }
        if self.message_bytes_max > self.segment_bytes / 2 {
            return refuse("a segment must hold two of the longest message");
        }
        if self.message_bytes_max < 64 || self.segment_bytes < 4096 {
            return refuse("segments or messages are too small");
        }
        if self.index_messages > limits::JOURNAL_INDEX {
            return refuse("too many messages to find by their number");
        }
        if self.segments_mapped == 0
            || self.segments_mapped > limits::JOURNAL_SEGMENTS_MAPPED_MAX
            || (self.segments_kept != 0 && self.segments_kept < self.segments_mapped)
        {
            return refuse("segments that are mapped are 1 to 16 and not more than are kept");
        }
        Ok(())
    }
}
