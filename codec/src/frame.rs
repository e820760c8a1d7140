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
//! | a frame whose CheckSum is wrong, found by the scanner (3.b) | the frame |
//!
//! The framer keeps no state between calls. A call that returns [`Frame::Garbage`] looks at no byte
//! behind the ones to drop but the next head, and one that returns [`Frame::Incomplete`] looks at
//! the head only, so a stream of garbage costs time in proportion to its length.

use crate::SOH;
use crate::value::swar;

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
    /// BodyLength is larger than this framer takes; refused before waiting for the bytes.
    TooLong,
    /// There is no `10=nnn<SOH>` where BodyLength says.
    BodyLengthWrong,
    /// MsgType(35) is not the third field.
    MsgTypeNotThird,
}

impl core::fmt::Display for GarbageReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoBeginString => "no BeginString",
            Self::BodyLengthMalformed => "malformed BodyLength",
            Self::TooLong => "message too long",
            Self::BodyLengthWrong => "BodyLength does not lead to a CheckSum",
            Self::MsgTypeNotThird => "MsgType is not the third field",
        })
    }
}

/// Finds messages in a stream of bytes. Holds no bytes itself.
#[derive(Debug, Clone, Copy)]
pub struct Framer {
    message_bytes_max: usize,
}

const BEGIN: &[u8] = b"8=FIX";
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
        Self { message_bytes_max }
    }

    /// Looks at the front of `bytes`.
    #[must_use]
    #[inline]
    pub fn next(&self, bytes: &[u8]) -> Frame {
        match self.usual(bytes) {
            Some(len) => Frame::Message { len },
            None => self.next_plainly(bytes),
        }
    }

    /// The length of a whole message whose head is as in nearly every message: FIX.4.4 and a BodyLength
    /// of 2 to 5 digits. `None` says nothing.
    #[inline(always)]
    fn usual(&self, bytes: &[u8]) -> Option<usize> {
        const HEAD: &[u8; 12] = b"8=FIX.4.4\x019=";
        /// Bytes of the message's end that are looked at: SOH and the trailer.
        const TAIL: usize = 1 + TRAILER;
        let (head, rest) = bytes.split_first_chunk::<12>()?;
        let digits_and_more = rest.first_chunk::<8>()?;
        if head != HEAD {
            return None;
        }
        let (length, digits) = swar::digits_to_soh(*digits_and_more)?;
        let length = length as usize;
        let (start, end) = (12 + digits + 1, 12 + digits + 1 + length + TRAILER);
        let tail = bytes.get(..end)?.last_chunk::<TAIL>()?;
        let usual = swar::trailer(*tail).is_some()
            && bytes[start..].starts_with(b"35=")
            && length >= BODY_MIN
            && end <= self.message_bytes_max;
        usual.then_some(end)
    }

    fn next_plainly(&self, bytes: &[u8]) -> Frame {
        let head = bytes.len().min(BEGIN.len());
        if bytes[..head] != BEGIN[..head] {
            return garbage(bytes, GarbageReason::NoBeginString);
        }
        if head < BEGIN.len() {
            return Frame::Incomplete;
        }
        let (start, length) = match self.body(bytes) {
            Ok(Some(body)) => body,
            Ok(None) => return Frame::Incomplete,
            Err(reason) => return garbage(bytes, reason),
        };
        let head = bytes.len().saturating_sub(start).min(3);
        if bytes[start..start + head] != b"35="[..head] {
            return garbage(bytes, GarbageReason::MsgTypeNotThird);
        }
        let end = start + length + TRAILER;
        if bytes.len() < end {
            return Frame::Incomplete;
        }
        let trailer = &bytes[end - TRAILER..end];
        let well_formed = bytes[end - TRAILER - 1] == SOH
            && trailer.starts_with(b"10=")
            && trailer[3..6].iter().all(u8::is_ascii_digit)
            && trailer[6] == SOH;
        if !well_formed {
            return garbage(bytes, GarbageReason::BodyLengthWrong);
        }
        Frame::Message { len: end }
    }

    /// Start and length of the body; `None` if more bytes are needed.
    fn body(&self, bytes: &[u8]) -> Result<Option<(usize, usize)>, GarbageReason> {
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
                if start + length + TRAILER > self.message_bytes_max {
                    return Err(GarbageReason::TooLong);
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
}

/// Skips to the next plausible start of a message, but at least one byte; keeps a tail that could
/// be the beginning of one.
fn garbage(bytes: &[u8], reason: GarbageReason) -> Frame {
    let skip = (1..bytes.len())
        .find(|&at| {
            let head = (bytes.len() - at).min(BEGIN.len());
            bytes[at..at + head] == BEGIN[..head]
        })
        .unwrap_or(bytes.len());
    Frame::Garbage { skip, reason }
}

#[cfg(test)]
mod tests;
