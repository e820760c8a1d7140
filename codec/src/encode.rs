//! Writing messages.
//!
//! The body is written first, at a fixed place behind a gap; BeginString and BodyLength then go into
//! the gap, right-aligned, so that BodyLength has no leading zeros and nothing is moved.
//!
//! ```text
//! buffer  |....8=FIX.4.4|9=140|35=D|34=2|49=damien|...|10=222|......|
//!              ^start          ^GAP                           ^end   start..end is returned
//! ```

//!
//! # Speed
//!
//! A field of up to sixteen characters is made in a register and stored with one instruction, tag and
//! delimiter included; what that writes too much is written over by the next field. Only near the end
//! of the buffer, and for longer texts, bytes are copied as many as there are. Where most of a message
//! is the same from one to the next, a [`template::Template`] is faster still.

pub mod template;

use core::ops::Range;

use crate::SOH;
use crate::value::swar::{self, Short};
use crate::value::{DECIMAL_TEXT_MAX, Decimal, UtcTime, write_u64};

/// Room in front of the body for `8=FIX.4.4|9=999999|`.
const GAP: usize = 24;
const BEGIN: &[u8] = b"8=FIX.4.4\x019=";

/// In which order the header fields behind MsgType stand (venue file 3.1: Kraken's own differ).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderOrder {
    /// `34, 49, 52, 56`: most messages of either side.
    #[default]
    SeqSenderTimeTarget,
    /// `49, 56, 34, 52`: logon and logout of a client, InstrumentList of the venue.
    SenderTargetSeqTime,
    /// `34, 56, 49, 52`: the spot venue's market data incremental.
    SeqTargetSenderTime,
}

/// How many digits the fraction of a timestamp in the header has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimePrecision {
    /// Three: Kraken's (venue file 3.1).
    #[default]
    Millis,
    /// Six.
    Micros,
    /// Nine.
    Nanos,
}

/// The standard header.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// MsgType(35).
    pub msg_type: &'a [u8],
    /// MsgSeqNum(34).
    pub msg_seq_num: u64,
    /// SenderCompID(49).
    pub sender: &'a [u8],
    /// TargetCompID(56).
    pub target: &'a [u8],
    /// SendingTime(52), written to the millisecond unless [`Encoder::begin_precise`] is told more.
    pub sending_time: UtcTime,
    /// PossDupFlag(43) and OrigSendingTime(122): when the message was first sent, if it was.
    pub orig_sending_time: Option<UtcTime>,
    /// The order of the fields.
    pub order: HeaderOrder,
}

/// Why a message could not be written. Nothing of it may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The buffer is too small.
    Full,
    /// A value holds a control byte: below 0x20, which would break the framing, or 0x7f, as
    /// [`crate::value::FixStr`] has it.
    ControlByte {
        /// The field.
        tag: u32,
    },
    /// A value is empty; FIX has no empty fields (FIX session case 14.d).
    EmptyValue {
        /// The field.
        tag: u32,
    },
    /// A template was given more or fewer values than it has places for.
    SlotCount,
}

impl core::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Full => f.write_str("the message does not fit the buffer"),
            Self::ControlByte { tag } => write!(f, "control byte in the value of tag {tag}"),
            Self::EmptyValue { tag } => write!(f, "empty value for tag {tag}"),
            Self::SlotCount => f.write_str("more or fewer values than the template has places"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// Writes one message into a caller's buffer. The first error is kept and returned by
/// [`Encoder::finish`], so that fields can be chained without a check on each.
pub struct Encoder<'b> {
    buffer: &'b mut [u8],
    /// Where the next field goes. Not beyond the buffer unless `error` is set.
    at: usize,
    error: Option<EncodeError>,
    /// The last timestamp and its text: SendingTime and TransactTime are mostly the same.
    time: (UtcTime, [u8; 21]),
}

impl<'b> Encoder<'b> {
    /// Starts a message with its header.
    pub fn begin(buffer: &'b mut [u8], header: &Header<'_>) -> Self {
        Self::begin_precise(buffer, header, TimePrecision::Millis)
    }

    /// [`Encoder::begin`] with another precision of SendingTime(52) and OrigSendingTime(122).
    pub fn begin_precise(
        buffer: &'b mut [u8],
        header: &Header<'_>,
        precision: TimePrecision,
    ) -> Self {
        let error = (buffer.len() < GAP).then_some(EncodeError::Full);
        let time = (header.sending_time, header.sending_time.to_fix_millis());
        let mut this = Self { buffer, at: GAP, error, time };
        this.bytes(35, header.msg_type);
        match header.order {
            HeaderOrder::SeqSenderTimeTarget => this
                .uint(34, header.msg_seq_num)
                .bytes(49, header.sender)
                .time_to(52, header.sending_time, precision)
                .bytes(56, header.target),
            HeaderOrder::SenderTargetSeqTime => this
                .bytes(49, header.sender)
                .bytes(56, header.target)
                .uint(34, header.msg_seq_num)
                .time_to(52, header.sending_time, precision),
            HeaderOrder::SeqTargetSenderTime => this
                .uint(34, header.msg_seq_num)
                .bytes(56, header.target)
                .bytes(49, header.sender)
                .time_to(52, header.sending_time, precision),
        };
        if let Some(first_sent) = header.orig_sending_time {
            this.byte(43, b'Y').time_to(122, first_sent, precision);
        }
        this
    }

    /// A field of text. A control byte or no byte at all is an error.
    #[inline]
    pub fn bytes(&mut self, tag: u32, value: &[u8]) -> &mut Self {
        match Short::copied(value) {
            Some(text) if !text.has_control() => self.short(tag, text),
            _ => self.long_bytes(tag, value),
        }
    }

    /// A field of one character.
    #[inline]
    pub fn byte(&mut self, tag: u32, value: u8) -> &mut Self {
        if value.is_ascii_control() {
            return self.fail(EncodeError::ControlByte { tag });
        }
        self.short(tag, Short { word: u128::from(value), len: 1 })
    }

    /// A field of an unsigned integer.
    #[inline]
    pub fn uint(&mut self, tag: u32, value: u64) -> &mut Self {
        match Short::uint(value) {
            Some(text) => self.short(tag, text),
            None => self.long_uint(tag, value),
        }
    }

    /// A field of a decimal with at least `decimals_min` (0 or 1) decimals; see [`Decimal::write`].
    #[inline]
    pub fn decimal(&mut self, tag: u32, value: Decimal, decimals_min: u8) -> &mut Self {
        match value.short(decimals_min) {
            Some(text) => self.short(tag, text),
            None => self.long_decimal(tag, value, decimals_min),
        }
    }

    /// A field of a UTC timestamp to the millisecond.
    #[inline]
    pub fn time(&mut self, tag: u32, value: UtcTime) -> &mut Self {
        if self.time.0 != value {
            self.time = (value, value.to_fix_millis());
        }
        let text = self.time.1;
        let room = self.buffer.get_mut(self.at..).and_then(|room| room.first_chunk_mut::<32>());
        let (Some((name, len)), Some(room), None) = (name(tag), room, self.error) else {
            return self.raw(tag, &text);
        };
        room[..8].copy_from_slice(&name.to_le_bytes());
        room[len..len + text.len()].copy_from_slice(&text);
        room[len + text.len()] = SOH;
        self.at += len + text.len() + 1;
        self
    }

    /// A field of a UTC timestamp with a chosen precision.
    pub fn time_to(&mut self, tag: u32, value: UtcTime, precision: TimePrecision) -> &mut Self {
        match precision {
            TimePrecision::Millis => self.time(tag, value),
            TimePrecision::Micros => self.raw(tag, &value.to_fix_nanos()[..24]),
            TimePrecision::Nanos => self.raw(tag, &value.to_fix_nanos()),
        }
    }

    /// A length field and the data field that it announces (95 and 96, 354 and 355); the data may hold
    /// any byte, but there must be one.
    pub fn data(&mut self, length_tag: u32, tag: u32, value: &[u8]) -> &mut Self {
        if value.is_empty() {
            return self.fail(EncodeError::EmptyValue { tag });
        }
        self.uint(length_tag, value.len() as u64).raw(tag, value)
    }

    /// Completes the message and returns where in the buffer it stands. A message is completed once:
    /// whatever is written or finished after that is an error.
    ///
    /// # Errors
    /// The first [`EncodeError`] met since [`Encoder::begin`]; [`EncodeError::Full`] the second time.
    pub fn finish(&mut self) -> Result<Range<usize>, EncodeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let start = begin(self.buffer, self.at - GAP).ok_or(EncodeError::Full)?;
        let sum = swar::sum(&self.buffer[start..self.at]);
        self.short(10, Short { word: u128::from(three_digits(sum)), len: 3 });
        match self.error.replace(EncodeError::Full) {
            Some(error) => Err(error),
            None => Ok(start..self.at),
        }
    }

    fn fail(&mut self, error: EncodeError) -> &mut Self {
        self.error.get_or_insert(error);
        self
    }

    /// Text of any length, and errors.
    #[inline(never)]
    fn long_bytes(&mut self, tag: u32, value: &[u8]) -> &mut Self {
        if value.is_empty() {
            return self.fail(EncodeError::EmptyValue { tag });
        }
        if value.iter().fold(false, |any, byte| any | byte.is_ascii_control()) {
            return self.fail(EncodeError::ControlByte { tag });
        }
        self.raw(tag, value)
    }

    #[inline(never)]
    fn long_uint(&mut self, tag: u32, value: u64) -> &mut Self {
        self.raw(tag, write_u64(value, &mut [0; 20]))
    }

    #[inline(never)]
    fn long_decimal(&mut self, tag: u32, value: Decimal, decimals_min: u8) -> &mut Self {
        self.raw(tag, value.write(decimals_min, &mut [0; DECIMAL_TEXT_MAX]))
    }

    /// A short text without a control byte.
    #[inline]
    fn short(&mut self, tag: u32, text: Short) -> &mut Self {
        if let Some((name, len)) = name(tag) {
            self.store(tag, name, len, text)
        } else {
            self.raw(tag, &text.word.to_le_bytes()[..text.len])
        }
    }

    #[inline(always)]
    fn store(&mut self, tag: u32, name: u64, name_len: usize, text: Short) -> &mut Self {
        let room = self.buffer.get_mut(self.at..).and_then(|room| room.first_chunk_mut::<32>());
        let (Some(room), None) = (room, self.error) else {
            return self.raw(tag, &text.word.to_le_bytes()[..text.len]);
        };
        room[..8].copy_from_slice(&name.to_le_bytes());
        room[name_len..name_len + 16].copy_from_slice(&text.word.to_le_bytes());
        room[name_len + text.len] = SOH;
        self.at += name_len + text.len + 1;
        self
    }

    #[inline(never)]
    fn raw(&mut self, tag: u32, value: &[u8]) -> &mut Self {
        let mut scratch = [0; 20];
        let digits = write_u64(u64::from(tag), &mut scratch);
        let end = self.at + digits.len() + value.len() + 2;
        if self.error.is_some() || end > self.buffer.len() {
            return self.fail(EncodeError::Full);
        }
        let (tag_end, value_at) = (self.at + digits.len(), self.at + digits.len() + 1);
        self.buffer[self.at..tag_end].copy_from_slice(digits);
        self.buffer[tag_end] = b'=';
        self.buffer[value_at..end - 1].copy_from_slice(value);
        self.buffer[end - 1] = SOH;
        self.at = end;
        self
    }
}

/// Writes BeginString and BodyLength in front of the body, which starts at [`GAP`]. Returns where the
/// message starts; `None` if the body is too long.
#[inline(always)]
fn begin(buffer: &mut [u8], body: usize) -> Option<usize> {
    let length = Short::uint(body as u64).filter(|length| length.len <= 6)?;
    let gap = buffer.first_chunk_mut::<GAP>()?;
    let digits_at = GAP - 1 - length.len;
    let start = digits_at - BEGIN.len();
    gap[start..digits_at].copy_from_slice(BEGIN);
    gap[digits_at..GAP - 1].copy_from_slice(&length.word.to_le_bytes()[..length.len]);
    gap[GAP - 1] = SOH;
    Some(start)
}

/// `tag=` and how long that is, for tags of up to four digits.
#[inline(always)]
const fn name(tag: u32) -> Option<(u64, usize)> {
    const ZERO: u64 = b'0' as u64;
    const EQUALS: u64 = b'=' as u64;
    let (a, b, c, d) = (
        tag as u64 / 1000 + ZERO,
        tag as u64 / 100 % 10 + ZERO,
        tag as u64 / 10 % 10 + ZERO,
        tag as u64 % 10 + ZERO,
    );
    match tag {
        0..10 => Some((d | EQUALS << 8, 2)),
        10..100 => Some((c | d << 8 | EQUALS << 16, 3)),
        100..1000 => Some((b | c << 8 | d << 16 | EQUALS << 24, 4)),
        1000..10_000 => Some((a | b << 8 | c << 16 | d << 24 | EQUALS << 32, 5)),
        _ => None,
    }
}

/// `nnn`
#[inline(always)]
const fn three_digits(number: u8) -> u32 {
    let zeros = b'0' as u32 * 0x0001_0101;
    zeros
        + (number / 100) as u32
        + ((number / 10 % 10) as u32) * 0x100
        + ((number % 10) as u32) * 0x1_0000
}

#[cfg(test)]
mod tests;
