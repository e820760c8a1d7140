//! Pre-rendered messages: an order, a cancel, an amend of which only a few values change.
//!
//! Everything between two values that change is a **piece**, rendered once with its sum:
//!
//! ```text
//! 35=D|34= 2 |49=damien|52= 20230707-13:56:08.000 |56=KRAKEN-TRD|11= 1688738168 |38= 0.01 |40=2|44= ...
//! ^piece   ^slot ^piece     ^slot                  ^piece            ^slot       ^piece ^slot
//! ```
//!
//! FIX numbers have no leading zeros here, so a value that grows by a digit moves everything behind it.
//! Nothing is patched in place for that reason: pieces and values are written one behind the other, each
//! with one or two wide stores, and their sums are added up to the CheckSum. The bytes are those of
//! [`Encoder`](super::Encoder), whatever the widths.
//!
//! ```
//! use taut_codec::encode::template::Template;
//! use taut_codec::value::{Decimal, TimestampCache, UtcTime};
//!
//! # fn main() -> Result<(), taut_codec::encode::EncodeError> {
//! let mut order = Template::<16>::new(b"D");
//! order.slot(34).bytes(49, b"damien").slot(52).bytes(56, b"KRAKEN-TRD");
//! order.slot(11).slot(38).bytes(40, b"2").slot(44).bytes(54, b"1").bytes(55, b"BTC/USD");
//! let order = order.slot(60).finish()?;
//!
//! let (mut buffer, mut times) = ([0; 512], TimestampCache::new());
//! let now = times.to_fix_millis(UtcTime::from_millis(1_688_738_168_000));
//! let message = order
//!     .fill(&mut buffer)
//!     .uint(2)
//!     .time(now)
//!     .uint(1_688_738_168)
//!     .decimal(Decimal::new(1, 2), 0)
//!     .decimal(Decimal::new(1000, 0), 0)
//!     .time(now)
//!     .finish()?;
//! assert!(buffer[message].ends_with(b"60=20230707-13:56:08.000\x0110=245\x01"));
//! # Ok(())
//! # }
//! ```

use core::ops::Range;

use super::{BEGIN, EncodeError, GAP, begin, three_digits};
use crate::SOH;
use crate::value::swar::{self, Short};
use crate::value::{DECIMAL_TEXT_MAX, Decimal, write_u64};

/// Bytes that are copied at once.
const STRIDE: usize = 32;

/// The constant part of a message, in at most `N` pieces of up to 32 bytes: one for each value that
/// changes, one more, and one for each 32 bytes between two of them.
#[derive(Debug, Clone, Copy)]
pub struct Template<const N: usize> {
    pieces: [Piece; N],
    /// How many pieces there are.
    len: usize,
    error: Option<EncodeError>,
}

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Piece {
    text: [u8; STRIDE],
    len: usize,
    sum: u8,
    /// Whether another piece follows without a value between.
    goes_on: bool,
    /// The tag of the value behind it.
    tag: u32,
}

impl<const N: usize> Template<N> {
    /// Starts with MsgType(35).
    #[must_use]
    pub fn new(msg_type: &[u8]) -> Self {
        const { assert!(N > 0) };
        let none = Piece { text: [0; STRIDE], len: 0, sum: 0, goes_on: false, tag: 0 };
        let mut this = Self { pieces: [none; N], len: 1, error: None };
        this.bytes(35, msg_type);
        this
    }

    /// A field that is always the same.
    pub fn bytes(&mut self, tag: u32, value: &[u8]) -> &mut Self {
        if value.is_empty() {
            return self.fail(EncodeError::EmptyValue { tag });
        }
        if value.iter().any(u8::is_ascii_control) {
            return self.fail(EncodeError::ControlByte { tag });
        }
        self.tag(tag).put(value).put(&[SOH])
    }

    /// A field whose value each message brings.
    pub fn slot(&mut self, tag: u32) -> &mut Self {
        self.tag(tag);
        self.pieces[self.len - 1].tag = tag;
        self.next_piece().put(&[SOH])
    }

    fn next_piece(&mut self) -> &mut Self {
        if self.len == N {
            return self.fail(EncodeError::Full);
        }
        self.len += 1;
        self
    }

    /// The template, ready for use.
    ///
    /// # Errors
    /// The first that a field met; [`EncodeError::Full`] if there are more pieces than fit.
    pub fn finish(&self) -> Result<Self, EncodeError> {
        self.error.map_or(Ok(*self), Err)
    }

    fn tag(&mut self, tag: u32) -> &mut Self {
        self.put(write_u64(u64::from(tag), &mut [0; 20])).put(b"=")
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        for &byte in bytes {
            if self.pieces[self.len - 1].len == STRIDE {
                self.pieces[self.len - 1].goes_on = true;
                self.next_piece();
            }
            if self.error.is_some() {
                break;
            }
            let piece = &mut self.pieces[self.len - 1];
            piece.text[piece.len] = byte;
            piece.len += 1;
            piece.sum = piece.sum.wrapping_add(byte);
        }
        self
    }

    fn fail(&mut self, error: EncodeError) -> &mut Self {
        self.error.get_or_insert(error);
        self
    }

    /// Starts a message in `buffer`. The values follow in the order of the slots.
    #[inline(always)]
    pub fn fill<'t, 'b>(&'t self, buffer: &'b mut [u8]) -> Filler<'t, 'b, N> {
        let this = Filler { template: self, buffer, at: GAP, next: 0, sum: 0, error: self.error };
        this.piece()
    }
}

/// A message that a [`Template`] is being made to. Passed on by value: its counters stay in registers.
#[must_use]
pub struct Filler<'t, 'b, const N: usize> {
    template: &'t Template<N>,
    buffer: &'b mut [u8],
    /// Where the next byte goes.
    at: usize,
    /// The next piece.
    next: usize,
    /// Of everything from [`GAP`] on.
    sum: u8,
    error: Option<EncodeError>,
}

impl<const N: usize> Filler<'_, '_, N> {
    /// The next value, an unsigned integer.
    #[inline(always)]
    pub fn uint(self, value: u64) -> Self {
        match Short::uint(value) {
            Some(text) => self.short(text),
            None => self.long_uint(value),
        }
    }

    /// The next value, a decimal with at least `decimals_min` (0 or 1) decimals; see [`Decimal::write`].
    #[inline(always)]
    pub fn decimal(self, value: Decimal, decimals_min: u8) -> Self {
        match value.short(decimals_min) {
            Some(text) => self.short(text),
            None => self.long_decimal(value, decimals_min),
        }
    }

    /// The next value, a timestamp as [`TimestampCache`](crate::value::TimestampCache) writes it.
    #[inline(always)]
    pub fn time(mut self, text: &[u8; 21]) -> Self {
        let Some(room) = self.buffer.get_mut(self.at..).and_then(|room| room.first_chunk_mut())
        else {
            return self.fail(EncodeError::Full);
        };
        *room = *text;
        self.at += text.len();
        self.sum = self.sum.wrapping_add(swar::sum_of_timestamp(text));
        self.piece()
    }

    /// The next value, a text. A control byte or no byte at all is an error.
    #[inline(always)]
    pub fn bytes(self, value: &[u8]) -> Self {
        match Short::copied(value) {
            Some(text) if !text.has_control() => self.short(text),
            _ => self.checked(value),
        }
    }

    /// Completes the message and returns where in the buffer it stands.
    ///
    /// # Errors
    /// The first [`EncodeError`] met: [`EncodeError::Full`] too if the buffer has not 32 bytes more than
    /// the message, [`EncodeError::SlotCount`] if there were more or fewer values than slots.
    #[inline(always)]
    pub fn finish(self) -> Result<Range<usize>, EncodeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.next != self.template.len {
            return Err(EncodeError::SlotCount);
        }
        let trailer = self.buffer.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut::<8>());
        let trailer = trailer.ok_or(EncodeError::Full)?;
        // The body's length is known only now; its digits are a few.
        let body = self.at - GAP;
        let digits = Short::uint(body as u64).map_or(0, Short::sum);
        const FIXED: u8 = sum_of(BEGIN).wrapping_add(SOH);
        let sum = self.sum.wrapping_add(digits).wrapping_add(FIXED);
        let text = u64::from_le_bytes(*b"10=\0\0\0\x01\0") | u64::from(three_digits(sum)) << 24;
        *trailer = text.to_le_bytes();
        let start = begin(self.buffer, body).ok_or(EncodeError::Full)?;
        Ok(start..self.at + 7)
    }

    /// A text without a control byte, and the piece behind it.
    #[inline(always)]
    fn short(mut self, text: Short) -> Self {
        if let Some(room) = self.buffer.get_mut(self.at..).and_then(|room| room.first_chunk_mut()) {
            *room = text.word.to_le_bytes();
            self.at += text.len;
            self.sum = self.sum.wrapping_add(text.sum());
        } else {
            self = self.fail(EncodeError::Full);
        }
        self.piece()
    }

    #[inline(always)]
    fn long_uint(self, value: u64) -> Self {
        self.long(write_u64(value, &mut [0; 20]))
    }

    #[inline(always)]
    fn long_decimal(self, value: Decimal, decimals_min: u8) -> Self {
        self.long(value.write(decimals_min, &mut [0; DECIMAL_TEXT_MAX]))
    }

    #[inline(always)]
    fn checked(mut self, value: &[u8]) -> Self {
        let tag = self.template.pieces[self.next.saturating_sub(1)].tag;
        if value.is_empty() {
            self = self.fail(EncodeError::EmptyValue { tag });
        } else if value.iter().any(u8::is_ascii_control) {
            self = self.fail(EncodeError::ControlByte { tag });
        }
        self.long(value)
    }

    #[inline(always)]
    fn long(mut self, value: &[u8]) -> Self {
        if let Some(room) = self.buffer.get_mut(self.at..self.at + value.len()) {
            room.copy_from_slice(value);
            self.at += value.len();
            self.sum = self.sum.wrapping_add(swar::sum(value));
        } else {
            self = self.fail(EncodeError::Full);
        }
        self.piece()
    }

    /// The piece behind a value, and those that go on.
    #[inline(always)]
    fn piece(mut self) -> Self {
        loop {
            let Some(piece) = self.template.pieces[..self.template.len].get(self.next) else {
                return self.fail(EncodeError::SlotCount);
            };
            let room = self.buffer.get_mut(self.at..).and_then(|room| room.first_chunk_mut());
            let Some(room) = room else { return self.fail(EncodeError::Full) };
            *room = piece.text;
            self.at += piece.len;
            self.sum = self.sum.wrapping_add(piece.sum);
            self.next += 1;
            if !piece.goes_on {
                return self;
            }
        }
    }

    #[inline(always)]
    fn fail(mut self, error: EncodeError) -> Self {
        if self.error.is_none() {
            self.error = Some(error);
        }
        self
    }
}

const fn sum_of(bytes: &[u8]) -> u8 {
    let (mut sum, mut i) = (0u8, 0);
    while i < bytes.len() {
        sum = sum.wrapping_add(bytes[i]);
        i += 1;
    }
    sum
}

#[cfg(test)]
mod tests;
