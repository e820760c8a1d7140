//! Unsigned integers in decimal digits. Leading zeros are legal in FIX.

use super::ValueError;

/// Parses an unsigned decimal integer; leading zeros are allowed, a sign is not.
///
/// # Errors
/// [`ValueError::Empty`], [`ValueError::BadByte`] or [`ValueError::Overflow`].
pub fn parse_u64(bytes: &[u8]) -> Result<u64, ValueError> {
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

/// Writes `value` in decimal at the end of `scratch` and returns the digits.
#[must_use]
pub fn write_u64(mut value: u64, scratch: &mut [u8; 20]) -> &[u8] {
    let mut at = scratch.len();
    loop {
        at -= 1;
        scratch[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &scratch[at..];
        }
    }
}
