//! Where a message starts and ends in a byte stream.
//!
//! ```text
//! 8=FIX.4.4|9=140|35=D|34=2|49=damien|...|10=222|
//! ^start          ^body, BodyLength bytes ^trailer, 7 bytes
//! ```
//! A frame is found from BodyLength alone, without looking at the body; the scanner then checks the
//! CheckSum while it indexes. Input that is no message is skipped up to the next plausible start:
//! a garbled message is ignored (FIX session case 2.d), never answered.
//!
//! What the caller drops:
//!
//! | case | dropped |
//! |---|---|
//! | bytes before a `8=FIX` | up to it; a tail that may be its beginning is kept |
//! | a head that breaks a rule (2.s/t, 3.c), a BodyLength that does not lead to a trailer (2.m) | up to the next `8=FIX`, which may be inside what the head claimed |
//! | a BodyLength that reaches over a whole message (2.m) | up to that message |
//! | a frame whose CheckSum is wrong, found by the scanner (3.b) | the frame |
//!
//! A BodyLength that is far too large would hold up everything behind it, until the peer is taken for silent.
//! So when what has come ends like a message and yet is less than BodyLength says, the fields are looked over
//! for an end before that: a field `10=nnn` with a whole message directly behind it, whose own BodyLength and
//! CheckSum are right. A message quoted in a data field of FIX 4.4, RawData(96) or EncodedText(355), is not
//! looked at: while the message around it arrives, that is waited for.
//!
//! The framer remembers how far it looked, and looks at no byte twice, so a stream of garbage costs time in
//! proportion to its length, however it is cut.

mod ahead;
mod too_long;

use crate::SOH;
use crate::value::swar;
use ahead::Ahead;
pub use too_long::TooLong;

/// What stands at the front of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// The first `len` bytes are one message: BeginString, BodyLength, MsgType and a CheckSum field
    /// stand where they must. CheckSum's value is not verified yet.
    Message {
        /// Length of the whole message, bytes.
        len: usize,
    },
    /// More bytes are needed.
    Incomplete,
    /// The first `skip` bytes (at least 1) are no message.
    Garbage {
        /// Bytes to drop.
        skip: usize,
        /// Why.
        reason: GarbageReason,
    },
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GarbageReason {
    /// The bytes do not start with `8=FIX`.
    NoBeginString,
    /// BodyLength(9) is not the second field, is no number, or has more than 9 digits. Leading zeros
    /// are legal.
    BodyLengthMalformed,
    /// The message is longer than this framer takes; refused when its head has come.
    TooLong(TooLong),
    /// There is no `10=nnn<SOH>` where BodyLength says.
    BodyLengthWrong,
    /// BodyLength reaches over the end of its message and a whole other one.
    ReachesOver,
    /// MsgType(35) is not the third field.
    MsgTypeNotThird,
}

impl core::fmt::Display for GarbageReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoBeginString => "no BeginString",
            Self::BodyLengthMalformed => "malformed BodyLength",
            Self::TooLong(head) => return head.fmt(f),
            Self::BodyLengthWrong => "BodyLength does not lead to a CheckSum",
            Self::ReachesOver => "BodyLength reaches over another message",
            Self::MsgTypeNotThird => "MsgType is not the third field",
        })
    }
}

/// How far the head of a message that is too long is looked at, bytes.
pub const TOO_LONG_HEAD: usize = 256;

/// Finds messages in a stream of bytes. Holds no bytes itself, but remembers what it saw of them: each
/// connection has one of its own.
#[derive(Debug, Clone)]
pub struct Framer {
    message_bytes_max: usize,
    ahead: Ahead,
}

const BEGIN: &[u8] = b"8=FIX";
/// What stands before BodyLength in nearly every message.
const HEAD: &[u8; 12] = b"8=FIX.4.4\x019=";
/// Shortest body, `35=0<SOH>`.
const BODY_MIN: usize = 5;
/// `10=nnn<SOH>`
const TRAILER: usize = 7;
/// Longest BeginString value that is accepted (`FIXT.1.1`).
const BEGIN_STRING_MAX: usize = 8;
/// Most digits of BodyLength; leading zeros are legal (a real client sends `9=0000069`).
const BODY_LENGTH_DIGITS_MAX: usize = 9;

impl Framer {
    /// A framer that refuses messages longer than `message_bytes_max`.
    #[must_use]
    pub const fn new(message_bytes_max: usize) -> Self {
        Self { message_bytes_max, ahead: Ahead::NONE }
    }

    /// Looks at the front of `bytes`: what the last call was given without what it said, a message or
    /// garbage, and perhaps more behind it. After other bytes a new framer is needed.
    #[must_use]
    #[inline]
    pub fn next(&mut self, bytes: &[u8]) -> Frame {
        match self.usual(bytes) {
            Some(len) => self.message(len),
            None => self.next_plainly(bytes),
        }
    }

    /// The length of a whole message whose head is as in nearly every message: FIX.4.4 and a BodyLength
    /// of three digits, or of 2 to 5. `None` says nothing.
    #[inline(always)]
    fn usual(&self, bytes: &[u8]) -> Option<usize> {
        let (head, rest) = bytes.split_first_chunk::<{ HEAD.len() }>()?;
        let text = *rest.first_chunk::<8>()?;
        if head != HEAD {
            return None;
        }
        match swar::three_digits_to_msg_type(text) {
            Some(length) => self.usual_end(bytes, HEAD.len() + 4, length as usize),
            None => self.usual_of_any_length(bytes, text),
        }
    }

    #[inline(never)]
    fn usual_of_any_length(&self, bytes: &[u8], text: [u8; 8]) -> Option<usize> {
        let (length, digits) = swar::digits_to_soh(text)?;
        let start = HEAD.len() + digits + 1;
        let is_third = bytes[start..].starts_with(b"35=");
        is_third.then(|| self.usual_end(bytes, start, length as usize))?
    }

    /// The end of a message whose body of `length` bytes begins at `start`, if it has come whole.
    #[inline(always)]
    fn usual_end(&self, bytes: &[u8], start: usize, length: usize) -> Option<usize> {
        /// Bytes of the message's end that are looked at: SOH and the trailer.
        const TAIL: usize = 1 + TRAILER;
        let end = start + length + TRAILER;
        let tail = bytes.get(..end)?.last_chunk::<TAIL>()?;
        let usual =
            swar::trailer(*tail).is_some() && length >= BODY_MIN && end <= self.message_bytes_max;
        usual.then_some(end)
    }

    fn next_plainly(&mut self, bytes: &[u8]) -> Frame {
        let end = match claim(bytes, self.message_bytes_max) {
            Claim::Unknown => return Frame::Incomplete,
            Claim::Wrong(reason) => return self.garbage(bytes, reason),
            Claim::Ends(end) => end,
        };
        let has_come = bytes.len() >= end;
        if has_come && has_trailer(&bytes[..end]) {
            return self.message(end);
        }
        // Who waits for an answer has sent a whole message.
        if !has_come && !has_trailer(bytes) {
            return Frame::Incomplete;
        }
        if let Some(skip) = self.ahead.message(bytes, end, self.message_bytes_max) {
            self.ahead.advance(skip);
            return Frame::Garbage { skip, reason: GarbageReason::ReachesOver };
        }
        match has_come {
            true => self.garbage(bytes, GarbageReason::BodyLengthWrong),
            false => Frame::Incomplete,
        }
    }

    #[inline(always)]
    fn message(&mut self, len: usize) -> Frame {
        self.ahead.advance(len);
        Frame::Message { len }
    }

    /// Skips to the next plausible start of a message, but at least one byte; keeps a tail that could
    /// be the beginning of one.
    fn garbage(&mut self, bytes: &[u8], reason: GarbageReason) -> Frame {
        let skip = (1..bytes.len())
            .find(|&at| {
                let head = (bytes.len() - at).min(BEGIN.len());
                bytes[at..at + head] == BEGIN[..head]
            })
            .unwrap_or(bytes.len());
        self.ahead.advance(skip);
        Frame::Garbage { skip, reason }
    }
}

/// What the head of a message says.
#[derive(Debug, PartialEq, Eq)]
enum Claim {
    /// It has not come yet.
    Unknown,
    /// Where the message ends, which is at most the longest that is taken.
    Ends(usize),
    /// It breaks a rule.
    Wrong(GarbageReason),
}

/// Reads the head that `bytes` start with.
fn claim(bytes: &[u8], message_bytes_max: usize) -> Claim {
    let head = bytes.len().min(BEGIN.len());
    if bytes[..head] != BEGIN[..head] {
        return Claim::Wrong(GarbageReason::NoBeginString);
    }
    if head < BEGIN.len() {
        return Claim::Unknown;
    }
    let (start, length) = match body(bytes) {
        Ok(Some(body)) => body,
        Ok(None) => return Claim::Unknown,
        Err(reason) => return Claim::Wrong(reason),
    };
    let head = bytes.len().saturating_sub(start).min(3);
    if bytes[start..start + head] != b"35="[..head] {
        return Claim::Wrong(GarbageReason::MsgTypeNotThird);
    }
    let end = start + length + TRAILER;
    if end <= message_bytes_max {
        return Claim::Ends(end);
    }
    match TooLong::read(bytes, length, message_bytes_max) {
        Some(head) => Claim::Wrong(GarbageReason::TooLong(head)),
        None => Claim::Unknown,
    }
}

/// Whether `bytes` end like a message.
fn has_trailer(bytes: &[u8]) -> bool {
    bytes.last_chunk().is_some_and(|tail| swar::trailer(*tail).is_some())
}

/// Start and length of the body; `None` if more bytes are needed.
fn body(bytes: &[u8]) -> Result<Option<(usize, usize)>, GarbageReason> {
    let window = &bytes[2..bytes.len().min(2 + BEGIN_STRING_MAX + 1)];
    let Some(soh) = window.iter().position(|&b| b == SOH) else {
        return if window.len() > BEGIN_STRING_MAX {
            Err(GarbageReason::NoBeginString)
        } else {
            Ok(None)
        };
    };
    let tag_at = 2 + soh + 1;
    let head = (bytes.len() - tag_at).min(2);
    if bytes[tag_at..tag_at + head] != b"9="[..head] {
        return Err(GarbageReason::BodyLengthMalformed);
    }
    if head < 2 {
        return Ok(None);
    }
    let mut length = 0usize;
    for (i, &byte) in bytes[tag_at + 2..].iter().enumerate() {
        if byte == SOH && i > 0 {
            let start = tag_at + 2 + i + 1;
            if length < BODY_MIN {
                return Err(GarbageReason::BodyLengthWrong);
            }
            return Ok(Some((start, length)));
        }
        if !byte.is_ascii_digit() || i == BODY_LENGTH_DIGITS_MAX {
            return Err(GarbageReason::BodyLengthMalformed);
        }
        length = length * 10 + usize::from(byte - b'0');
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
