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

use super::envelope::{self, GAP};
use super::{EncodeError, PLACE};
use crate::SOH;
use crate::ids::ClOrdId;
use crate::value::print::{self, ROOM, Written};
use crate::value::{Decimal, TimeText, text, write_u64};

/// Bytes that are copied at once, all but one of which may count.
const STRIDE: usize = 32;

/// A value and the piece behind it.
const _: () = assert!(ROOM + STRIDE <= PLACE);

/// The constant part of a message, in at most `N` pieces of up to 31 bytes: one for each value that
/// changes, one more, and one for each 31 bytes between two of them.
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
    /// How many bytes there are: less than [`STRIDE`].
    len: u8,
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
            if usize::from(self.pieces[self.len - 1].len) == STRIDE - 1 {
                self.pieces[self.len - 1].goes_on = true;
                self.next_piece();
            }
            if self.error.is_some() {
                break;
            }
            let piece = &mut self.pieces[self.len - 1];
            piece.text[usize::from(piece.len)] = byte;
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
    pub fn fill<'t, 'b>(&'t self, buffer: &'b mut [u8]) -> Filler<'t, 'b> {
        let (gap, rest, error) = match buffer.split_first_chunk_mut() {
            Some((gap, rest)) => (Some(gap), rest, self.error),
            None => (None, Default::default(), Some(EncodeError::Full)),
        };
        let (all, room) = (&self.pieces[..self.len], rest.len());
        let mut this = Filler { all, pieces: all.iter(), gap, rest, room, sum: 0, error };
        this.pieces(NOTHING);
        this
    }
}

const NOTHING: Written = Written { len: 0, sum: 0 };

/// A message that a [`Template`] is being made to. Passed on by value: its counters stay in registers.
#[must_use]
pub struct Filler<'t, 'b> {
    /// All of the template's, and those that are not written yet.
    all: &'t [Piece],
    pieces: core::slice::Iter<'t, Piece>,
    gap: Option<&'b mut [u8; GAP]>,
    /// What is behind the part of the body that is written.
    rest: &'b mut [u8],
    /// How long that was at first.
    room: usize,
    /// Of the bytes that are written; the lowest eight bits count.
    sum: u32,
    error: Option<EncodeError>,
}

impl Filler<'_, '_> {
    /// The next value, an unsigned integer.
    #[inline(always)]
    pub fn uint(mut self, value: u64) -> Self {
        match self.room() {
            Some(room) => {
                let value = print::put_uint(room, value);
                self.pieces(value);
            }
            None => self.fail(EncodeError::Full),
        }
        self
    }

    /// The next value, a ClOrdID of either form.
    #[inline(always)]
    pub fn cl_ord_id(self, id: ClOrdId) -> Self {
        match id.as_numeric() {
            Some(number) => self.uint(number),
            None => self.bytes(id.write(&mut [0; ClOrdId::TEXT_MAX])),
        }
    }

    /// The next value, a decimal with at least `decimals_min` (0 or 1) decimals; see [`Decimal::write`].
    #[inline(always)]
    pub fn decimal(mut self, value: Decimal, decimals_min: u8) -> Self {
        match self.room() {
            Some(room) => {
                let value = print::put_decimal(room, value, decimals_min);
                self.pieces(value);
            }
            None => self.fail(EncodeError::Full),
        }
        self
    }

    /// The next value, a timestamp as [`TimestampCache`](crate::value::TimestampCache) writes it.
    #[inline(always)]
    pub fn time(mut self, text: &TimeText) -> Self {
        match self.room() {
            Some(room) => {
                let value = print::put_timestamp(room, text);
                self.pieces(value);
            }
            None => self.fail(EncodeError::Full),
        }
        self
    }

    /// The next value, one character. A control byte is an error.
    #[inline(always)]
    pub fn byte(mut self, value: u8) -> Self {
        if value.is_ascii_control() {
            let tag = self.tag();
            self.fail(EncodeError::ControlByte { tag });
        } else if let Some(room) = self.room() {
            room[0] = value;
            self.pieces(Written { len: 1, sum: value });
        } else {
            self.fail(EncodeError::Full);
        }
        self
    }

    /// The next value, a text. A control byte or no byte at all is an error.
    #[inline(always)]
    pub fn bytes(mut self, value: &[u8]) -> Self {
        match self.rest.first_chunk_mut().and_then(|room| print::put_text(room, value)) {
            Some(text) => self.pieces(text),
            None => match long_text(self.rest, self.tag(), value) {
                Ok(text) => {
                    self.rest = &mut core::mem::take(&mut self.rest)[text.len..];
                    self.sum = self.sum.wrapping_add(u32::from(text.sum));
                    self.pieces(NOTHING);
                }
                Err(error) => self.fail(error),
            },
        }
        self
    }

    /// Completes the message and returns where in the buffer it stands.
    ///
    /// # Errors
    /// The first [`EncodeError`] met: [`EncodeError::Full`] too if the buffer has not 64 bytes more than
    /// the message, [`EncodeError::SlotCount`] if there were more or fewer values than slots.
    #[inline(always)]
    pub fn finish(self) -> Result<Range<usize>, EncodeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if !self.pieces.as_slice().is_empty() {
            return Err(EncodeError::SlotCount);
        }
        let gap = self.gap.ok_or(EncodeError::Full)?;
        envelope::close(gap, self.room - self.rest.len(), self.sum as u8, self.rest)
    }

    // Nothing here takes the address of `self` but what is inlined, so that it stays in registers.

    /// Room for a value, where there is some for the piece behind it too.
    #[inline(always)]
    fn room(&mut self) -> Option<&mut [u8; ROOM]> {
        self.rest.first_chunk_mut::<PLACE>()?.first_chunk_mut()
    }

    /// The pieces behind a value that stands at the front of the rest.
    #[inline(always)]
    fn pieces(&mut self, value: Written) {
        let mut written = value;
        loop {
            let (Some(piece), Some(place)) =
                (self.pieces.next(), self.rest.first_chunk_mut::<PLACE>())
            else {
                let is_full = self.rest.len() < PLACE;
                return self.fail(if is_full { EncodeError::Full } else { EncodeError::SlotCount });
            };
            // Neither is ever more: said for the compiler.
            let (at, len) = (written.len % ROOM, usize::from(piece.len) % STRIDE);
            place[at..][..STRIDE].copy_from_slice(&piece.text);
            self.rest = &mut core::mem::take(&mut self.rest)[at + len..];
            self.sum += u32::from(written.sum) + u32::from(piece.sum);
            if !piece.goes_on {
                return;
            }
            written = NOTHING;
        }
    }

    /// Of the next value.
    fn tag(&self) -> u32 {
        let written = self.all.len() - self.pieces.as_slice().len();
        let before = written.checked_sub(1).and_then(|before| self.all.get(before));
        before.map_or(0, |piece| piece.tag)
    }

    #[inline(always)]
    fn fail(&mut self, error: EncodeError) {
        // Nothing fits any more: what follows fails too, without a look at the error.
        self.rest = &mut [];
        self.error = first_error(self.error, error);
    }
}

#[cold]
#[inline(never)]
fn first_error(before: Option<EncodeError>, error: EncodeError) -> Option<EncodeError> {
    before.or(Some(error))
}

/// A text that is long, empty or has a control byte.
#[inline(never)]
fn long_text(rest: &mut [u8], tag: u32, value: &[u8]) -> Result<Written, EncodeError> {
    if value.is_empty() {
        return Err(EncodeError::EmptyValue { tag });
    }
    let control = EncodeError::ControlByte { tag };
    let Some(room) = rest.get_mut(..value.len()) else {
        let is_bad = value.iter().any(u8::is_ascii_control);
        return Err(if is_bad { control } else { EncodeError::Full });
    };
    if !text::copy(value, room) {
        return Err(control);
    }
    Ok(Written { len: value.len(), sum: print::sum(value) })
}

#[cfg(test)]
mod tests;
