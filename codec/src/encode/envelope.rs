//! What stands around a body: BeginString and BodyLength before it, CheckSum behind.

use core::ops::Range;

use super::EncodeError;
use crate::SOH;
use crate::value::print;

/// Room in front of the body for `8=FIX.4.4|9=999999|`.
pub(super) const GAP: usize = 24;

const BEGIN: &[u8; 12] = b"8=FIX.4.4\x019=";

/// Most digits of BodyLength.
const LENGTH_DIGITS_MAX: usize = 6;

/// `10=nnn<SOH>`
pub(super) const TRAILER: usize = 7;

/// Completes the message whose body of `body` bytes, with the sum `sum`, stands between `gap` and `behind`.
/// Returns where it stands, counted from the start of the gap.
#[inline(always)]
pub(super) fn close(
    gap: &mut [u8; GAP],
    body: usize,
    sum: u8,
    behind: &mut [u8],
) -> Result<Range<usize>, EncodeError> {
    const FIXED: u8 = sum_of(BEGIN).wrapping_add(SOH);
    let trailer = behind.first_chunk_mut::<TRAILER>().ok_or(EncodeError::Full)?;
    let (text, digits) = print::right_aligned(body as u64).ok_or(EncodeError::Full)?;
    if digits.len > LENGTH_DIGITS_MAX {
        return Err(EncodeError::Full);
    }
    // The digits with zeros before them; BeginString is written over those.
    gap[GAP - 9..GAP - 1].copy_from_slice(&text);
    let start = GAP - 1 - digits.len - BEGIN.len();
    gap[start..][..BEGIN.len()].copy_from_slice(BEGIN);
    gap[GAP - 1] = SOH;
    let sum = sum.wrapping_add(digits.sum).wrapping_add(FIXED);
    let [a, b, c] = print::three_digits(sum);
    *trailer = [b'1', b'0', b'=', a, b, c, SOH];
    Ok(start..GAP + body + TRAILER)
}

const fn sum_of(bytes: &[u8]) -> u8 {
    let (mut sum, mut i) = (0u8, 0);
    while i < bytes.len() {
        sum = sum.wrapping_add(bytes[i]);
        i += 1;
    }
    sum
}
