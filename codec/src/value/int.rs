//! Unsigned integers in decimal digits. Leading zeros are legal in FIX.

use super::ValueError;
use super::print::{ROOM, put_uint};
use crate::scan::sixteen;

/// Parses an unsigned decimal integer; leading zeros are allowed, a sign is not.
///
/// # Errors
/// [`ValueError::Empty`], [`ValueError::BadByte`] or [`ValueError::Overflow`].
#[inline]
pub fn parse_u64(bytes: &[u8]) -> Result<u64, ValueError> {
    // Sixteen digits do not overflow; whatever is not that is looked at byte by byte.
    sixteen::uint(bytes).map_or_else(|| parse_u64_plainly(bytes), Ok)
}

/// [`parse_u64`] of `bytes[start..end]`, which must be inside.
#[inline(always)]
pub(crate) fn parse_u64_at(bytes: &[u8], start: usize, end: usize) -> Result<u64, ValueError> {
    match sixteen::uint_at(bytes, start, end) {
        Some(value) => Ok(value),
        None => parse_rarely(&bytes[start..end]),
    }
}

/// [`parse_u64`]: a long number, one near the start of the bytes, an error.
#[cold]
#[inline(never)]
fn parse_rarely(bytes: &[u8]) -> Result<u64, ValueError> {
    parse_u64(bytes)
}

/// [`parse_u64`], one byte at a time.
pub(crate) fn parse_u64_plainly(bytes: &[u8]) -> Result<u64, ValueError> {
    if bytes.is_empty() {
        return Err(ValueError::Empty);
    }
    let mut value: u64 = 0;
    for &byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(ValueError::BadByte);
        }
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(digit)))
            .ok_or(ValueError::Overflow)?;
    }
    Ok(value)
}

/// [`parse_u64`] with the range of `u32`.
///
/// # Errors
/// As [`parse_u64`].
pub fn parse_u32(bytes: &[u8]) -> Result<u32, ValueError> {
    u32::try_from(parse_u64(bytes)?).map_err(|_| ValueError::Overflow)
}

/// Writes `value` in decimal into `scratch` and returns the digits.
#[must_use]
#[inline]
pub fn write_u64(value: u64, scratch: &mut [u8; 20]) -> &[u8] {
    let mut room = [0; ROOM];
    let digits = put_uint(&mut room, value);
    scratch.copy_from_slice(&room[..20]);
    &scratch[..digits.len]
}
