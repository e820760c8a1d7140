//! Writing messages.
//!
//! The body is written first, at a fixed place behind a gap; BeginString and BodyLength then go into
//! the gap, right-aligned, so that BodyLength has no leading zeros and nothing is moved.
//!
//! ```text
//! buffer  |....8=FIX.4.4|9=140|35=D|34=2|49=damien|...|10=222|......|
//!              ^start          ^body                          ^end   start..end is returned
//! ```
//!
//! # Speed
//!
//! Tag and value are stored eight bytes at a time; what that writes too much is written over by what
//! comes next, so a field asks for more room than it takes. Near the end of the buffer it is made
//! elsewhere and copied. CheckSum is added up from the values as they are made, not from the bytes.
//! Where most of a message is the same from one to the next, a [`template::Template`] is faster still.

mod envelope;
pub mod fragment;
pub mod template;

use core::ops::Range;

use self::envelope::GAP;
use crate::SOH;
use crate::value::print::{self, Written};
use crate::value::{Decimal, TimeText, UtcTime, write_u64};

/// Room for a field with a short value: a tag, `=`, [`print::ROOM`] and SOH.
const PLACE: usize = 64;

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
    /// Where the next field goes. Not beyond the buffer unless that has no room for the gap.
    at: usize,
    /// Of the bytes of the body, modulo 256.
    sum: u8,
    error: Option<EncodeError>,
    /// The last timestamp and its text: SendingTime and TransactTime are mostly the same.
    time: (UtcTime, TimeText),
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
        let time = (header.sending_time, TimeText::new(header.sending_time));
        let mut this = Self { buffer, at: GAP, sum: 0, error, time };
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
        match self.field(tag, |room| print::put_text(room, value)) {
            true => self,
            false => self.long_bytes(tag, value),
        }
    }

    /// A field of one character.
    #[inline]
    pub fn byte(&mut self, tag: u32, value: u8) -> &mut Self {
        if value.is_ascii_control() {
            return self.fail(EncodeError::ControlByte { tag });
        }
        self.number(tag, |room| {
            room[0] = value;
            Written { len: 1, sum: value }
        })
    }

    /// A field of an unsigned integer.
    #[inline]
    pub fn uint(&mut self, tag: u32, value: u64) -> &mut Self {
        self.number(tag, |room| print::put_uint(room, value))
    }

    /// A field of a decimal with at least `decimals_min` (0 or 1) decimals; see [`Decimal::write`].
    #[inline]
    pub fn decimal(&mut self, tag: u32, value: Decimal, decimals_min: u8) -> &mut Self {
        self.number(tag, |room| print::put_decimal(room, value, decimals_min))
    }

    /// A field of a UTC timestamp to the millisecond.
    #[inline]
    pub fn time(&mut self, tag: u32, value: UtcTime) -> &mut Self {
        if self.time.0 != value {
            self.time = (value, TimeText::new(value));
        }
        let text = self.time.1;
        self.number(tag, |room| print::put_timestamp(room, &text))
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

    /// A field without a value. FIX has none (FIX session case 14.d): only for a peer with which it was agreed
    /// to send them back.
    pub fn without_value(&mut self, tag: u32) -> &mut Self {
        self.raw(tag, b"")
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
        let (message, behind) = self.buffer.split_at_mut(self.at);
        let gap = message.first_chunk_mut().ok_or(EncodeError::Full)?;
        let range = envelope::close(gap, self.at - GAP, self.sum, behind)?;
        self.at = range.end;
        self.error = Some(EncodeError::Full);
        Ok(range)
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

    /// A field whose value cannot fail.
    #[inline(always)]
    fn number(
        &mut self,
        tag: u32,
        put: impl FnOnce(&mut [u8; print::ROOM]) -> Written,
    ) -> &mut Self {
        self.field(tag, |room| Some(put(room)));
        self
    }

    /// Writes a field unless `put` has none. Returns whether it had.
    #[inline(always)]
    fn field(
        &mut self,
        tag: u32,
        put: impl FnOnce(&mut [u8; print::ROOM]) -> Option<Written>,
    ) -> bool {
        let rest = self.buffer.get_mut(self.at..);
        let Some(place) = rest.and_then(|rest| rest.first_chunk_mut::<PLACE>()) else {
            return self.field_at_the_end(tag, put);
        };
        let Some(field) = put_field(place, tag, put) else { return false };
        self.at += field.len;
        self.sum = self.sum.wrapping_add(field.sum);
        true
    }

    /// [`Encoder::field`] where there may be room for the field, but not for what is written too much.
    #[cold]
    #[inline(never)]
    fn field_at_the_end(
        &mut self,
        tag: u32,
        put: impl FnOnce(&mut [u8; print::ROOM]) -> Option<Written>,
    ) -> bool {
        let mut elsewhere = [0; PLACE];
        let Some(field) = put_field(&mut elsewhere, tag, put) else { return false };
        self.copy(&elsewhere[..field.len]);
        self.sum = self.sum.wrapping_add(field.sum);
        true
    }

    /// Bytes whose sum is taken elsewhere.
    #[inline(never)]
    fn copy(&mut self, bytes: &[u8]) {
        match self.buffer.get_mut(self.at..self.at + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.at += bytes.len();
            }
            None => _ = self.fail(EncodeError::Full),
        }
    }

    #[inline(never)]
    fn raw(&mut self, tag: u32, value: &[u8]) -> &mut Self {
        let mut scratch = [0; 20];
        let name = write_u64(u64::from(tag), &mut scratch);
        for bytes in [name, b"=", value, &[SOH]] {
            self.copy(bytes);
            self.sum = self.sum.wrapping_add(print::sum(bytes));
        }
        self
    }
}

/// A field with its SOH at the front of `place`, unless `put` has no value.
#[inline(always)]
fn put_field(
    place: &mut [u8; PLACE],
    tag: u32,
    put: impl FnOnce(&mut [u8; print::ROOM]) -> Option<Written>,
) -> Option<Written> {
    let name = match print::put_short_tag(place, tag) {
        Some(name) => name,
        None => put_long_tag(place, tag),
    };
    // Neither is ever more: said for the compiler.
    let start = name.len % 16;
    let value = put(place[start..].first_chunk_mut()?)?;
    let len = start + value.len % print::ROOM;
    place[len] = SOH;
    Some(Written { len: len + 1, sum: name.sum.wrapping_add(value.sum).wrapping_add(SOH) })
}

/// A tag of five to ten digits, and `=`.
#[inline(never)]
fn put_long_tag(place: &mut [u8; PLACE], tag: u32) -> Written {
    let mut scratch = [0; 20];
    let digits = write_u64(u64::from(tag), &mut scratch);
    place[..digits.len()].copy_from_slice(digits);
    place[digits.len()] = b'=';
    Written { len: digits.len() + 1, sum: print::sum(digits).wrapping_add(b'=') }
}

#[cfg(test)]
mod tests;
