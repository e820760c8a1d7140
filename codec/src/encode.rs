//! Writing messages.
//!
//! The body is written first, at a fixed place behind a gap; BeginString and BodyLength then go into
//! the gap, right-aligned, so that BodyLength has no leading zeros and nothing is moved.
//!
//! ```text
//! buffer  |....8=FIX.4.4|9=140|35=D|34=2|49=damien|...|10=222|......|
//!              ^start          ^GAP                           ^end   start..end is returned
//! ```

use core::ops::Range;

use crate::SOH;
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
    /// SendingTime(52), written to the millisecond.
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
}

impl core::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Full => f.write_str("the message does not fit the buffer"),
            Self::ControlByte { tag } => write!(f, "control byte in the value of tag {tag}"),
            Self::EmptyValue { tag } => write!(f, "empty value for tag {tag}"),
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
}

impl<'b> Encoder<'b> {
    /// Starts a message with its header.
    pub fn begin(buffer: &'b mut [u8], header: &Header<'_>) -> Self {
        let error = (buffer.len() < GAP).then_some(EncodeError::Full);
        let mut this = Self { buffer, at: GAP, error };
        this.bytes(35, header.msg_type);
        match header.order {
            HeaderOrder::SeqSenderTimeTarget => this
                .uint(34, header.msg_seq_num)
                .bytes(49, header.sender)
                .time(52, header.sending_time)
                .bytes(56, header.target),
            HeaderOrder::SenderTargetSeqTime => this
                .bytes(49, header.sender)
                .bytes(56, header.target)
                .uint(34, header.msg_seq_num)
                .time(52, header.sending_time),
            HeaderOrder::SeqTargetSenderTime => this
                .uint(34, header.msg_seq_num)
                .bytes(56, header.target)
                .bytes(49, header.sender)
                .time(52, header.sending_time),
        };
        if let Some(first_sent) = header.orig_sending_time {
            this.byte(43, b'Y').time(122, first_sent);
        }
        this
    }

    /// A field of text. A control byte or no byte at all is an error.
    pub fn bytes(&mut self, tag: u32, value: &[u8]) -> &mut Self {
        if value.is_empty() {
            return self.fail(EncodeError::EmptyValue { tag });
        }
        if value.iter().any(u8::is_ascii_control) {
            return self.fail(EncodeError::ControlByte { tag });
        }
        self.raw(tag, value)
    }

    /// A field of one character.
    pub fn byte(&mut self, tag: u32, value: u8) -> &mut Self {
        self.bytes(tag, &[value])
    }

    /// A field of an unsigned integer.
    pub fn uint(&mut self, tag: u32, value: u64) -> &mut Self {
        let mut scratch = [0; 20];
        let digits = write_u64(value, &mut scratch);
        self.raw(tag, digits)
    }

    /// A field of a decimal with at least `decimals_min` (0 or 1) decimals; see [`Decimal::write`].
    pub fn decimal(&mut self, tag: u32, value: Decimal, decimals_min: u8) -> &mut Self {
        let mut scratch = [0; DECIMAL_TEXT_MAX];
        let text = value.write(decimals_min, &mut scratch);
        self.raw(tag, text)
    }

    /// A field of a UTC timestamp to the millisecond.
    pub fn time(&mut self, tag: u32, value: UtcTime) -> &mut Self {
        self.raw(tag, &value.to_fix_millis())
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
        let mut scratch = [0; 20];
        let length = write_u64((self.at - GAP) as u64, &mut scratch);
        let start = GAP.checked_sub(1 + length.len() + BEGIN.len()).ok_or(EncodeError::Full)?;
        let digits_at = start + BEGIN.len();
        self.buffer[start..digits_at].copy_from_slice(BEGIN);
        self.buffer[digits_at..GAP - 1].copy_from_slice(length);
        self.buffer[GAP - 1] = SOH;
        let sum = self.buffer[start..self.at].iter().fold(0u8, |sum, &b| sum.wrapping_add(b));
        let digits = [b'0' + sum / 100, b'0' + sum / 10 % 10, b'0' + sum % 10];
        self.raw(10, &digits);
        match self.error.replace(EncodeError::Full) {
            Some(error) => Err(error),
            None => Ok(start..self.at),
        }
    }

    fn fail(&mut self, error: EncodeError) -> &mut Self {
        self.error.get_or_insert(error);
        self
    }

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

#[cfg(test)]
mod tests;
