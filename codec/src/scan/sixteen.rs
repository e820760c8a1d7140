//! Reading a value of up to sixteen characters at once: integers, decimals, timestamps.
//!
//! A text stands in a register as in memory, right-aligned, its characters turned to *values*: see
//! [`swar`]. What is made of the values is written twice, in ordinary registers (`plain`) and
//! with SSE2 (`sse2`), which every x86-64 CPU has and which takes half the steps.
//! Whatever the length of a text, the instructions are the same: lengths vary, and a branch on them would
//! be guessed wrong.
//!
//! `None` here says no more than that the text is for the slower parser to judge.

use crate::value::swar;

#[cfg(any(test, not(target_feature = "sse2")))]
pub(super) mod plain;
#[cfg(target_feature = "sse2")]
pub(super) mod sse2;

#[cfg(not(target_feature = "sse2"))]
use plain::Sixteen;
#[cfg(target_feature = "sse2")]
use sse2::Sixteen;

/// The values of the sixteen characters that a text is the end of, zeros before it.
pub(super) trait Values: Copy {
    /// Of the first eight characters and of the last eight.
    fn new(halves: [u64; 2]) -> Self;

    /// Those of the last characters, as many as `keep` has ones in bytes.
    fn of_last(sixteen: &[u8; 16], keep: &[u8; 16]) -> Self;

    /// Whether all are values of digits.
    fn are_digits(self) -> bool;

    /// Whether all are zero.
    fn are_zero(self) -> bool;

    /// The number that digits are.
    fn number(self) -> u64;

    /// The digits of a text of digits and at most one point, without the point, and how many stand behind
    /// it. `None` if there are more points, or nothing else. `len` is the length of the text.
    fn without_point(self, len: usize) -> Option<(Self, u8)>;

    /// What `YYYYMMDD-HH:MM:SS.mmm` says.
    fn moment(text: &[u8; 21]) -> Option<Moment>;
}

/// What a timestamp says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// 0 to 9999.
    pub(crate) year: u64,
    /// [`DAY_ROOM`] times the month, which may be 0 or more than 12, and the day, which is less than that
    /// but may be more than the month has.
    pub(crate) month_day: u64,
    /// Of the day, from midnight; all are in the day, or in the leap second behind it.
    pub(crate) millis: u64,
}

/// More than a month has days.
pub(crate) const DAY_ROOM: u64 = 40;

/// Zeros, and behind them ones for the last characters, 1 (at 0) to 16.
static KEEP: [[u8; 16]; 16] = {
    let mut out = [[0; 16]; 16];
    let mut less_one = 0;
    while less_one < 16 {
        let mut at = 15 - less_one;
        while at < 16 {
            out[less_one][at] = 0xff;
            at += 1;
        }
        less_one += 1;
    }
    out
};

/// The text `bytes[start..end]` of 1 to 16 characters, if there are sixteen bytes up to its end.
#[inline(always)]
fn at<V: Values>(bytes: &[u8], start: usize, end: usize) -> Option<V> {
    let sixteen = bytes.get(..end)?.last_chunk()?;
    let keep = KEEP.get(end.wrapping_sub(start).wrapping_sub(1))?;
    Some(V::of_last(sixteen, keep))
}

/// A text of 1 to 16 characters of which nothing is known of what stands before it.
#[inline(always)]
fn alone<V: Values>(text: &[u8]) -> Option<V> {
    let values = |text: &[u8]| {
        let bytes_before = 8usize.checked_sub(text.len())?;
        Some((swar::eight_chars(text)? ^ swar::ZEROS) & u64::MAX << (8 * bytes_before))
    };
    match text.split_last_chunk::<8>() {
        None => Some(V::new([0, values(text)?])),
        Some((first, last)) => {
            let first = if first.is_empty() { 0 } else { values(first)? };
            Some(V::new([first, u64::from_le_bytes(*last) ^ swar::ZEROS]))
        }
    }
}

#[inline(always)]
fn uint_of<V: Values>(values: V) -> Option<u64> {
    values.are_digits().then(|| values.number())
}

#[inline(always)]
fn decimal_of<V: Values>(values: V, len: usize) -> Option<(u64, u8)> {
    let (digits, scale) = values.without_point(len)?;
    Some((uint_of(digits)?, scale))
}

/// The number that 1 to 16 digits are.
#[inline(always)]
pub(crate) fn uint(text: &[u8]) -> Option<u64> {
    uint_of(alone::<Sixteen>(text)?)
}

/// [`uint`] of `bytes[start..end]`.
#[inline(always)]
pub(crate) fn uint_at(bytes: &[u8], start: usize, end: usize) -> Option<u64> {
    uint_of(at::<Sixteen>(bytes, start, end)?)
}

/// Whether `bytes[start..end]` are 1 to 16 digits, and if so, whether one is not zero.
#[inline(always)]
pub(crate) fn digits_at(bytes: &[u8], start: usize, end: usize) -> Option<bool> {
    let values = at::<Sixteen>(bytes, start, end)?;
    values.are_digits().then(|| !values.are_zero())
}

/// The digits of a text of 1 to 16 characters, digits and at most one point, and how many stand behind
/// the point.
#[inline(always)]
pub(crate) fn decimal(text: &[u8]) -> Option<(u64, u8)> {
    decimal_of(alone::<Sixteen>(text)?, text.len())
}

/// [`decimal`] of `bytes[start..end]`.
#[inline(always)]
pub(crate) fn decimal_at(bytes: &[u8], start: usize, end: usize) -> Option<(u64, u8)> {
    decimal_of(at::<Sixteen>(bytes, start, end)?, end - start)
}

/// Whether `bytes[start..end]` are 1 to 16 digits and at most one point. False says nothing.
#[inline(always)]
pub(crate) fn is_decimal_at(bytes: &[u8], start: usize, end: usize) -> bool {
    at::<Sixteen>(bytes, start, end)
        .and_then(|values| values.without_point(end - start))
        .is_some_and(|(digits, _)| digits.are_digits())
}

/// What a timestamp to the millisecond says.
#[inline(always)]
pub(crate) fn moment(text: &[u8; 21]) -> Option<Moment> {
    Sixteen::moment(text)
}

#[cfg(test)]
mod tests;
