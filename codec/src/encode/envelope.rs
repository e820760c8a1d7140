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

/// Where BeginString goes before three digits and a SOH.
const START: usize = GAP - 1 - 3 - BEGIN.len();

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
    let (start, digits_sum) = match body {
        // Nearly every message that is sent, and what a table has.
        100..=255 => {
            let (digits, sum) = print::three_digits(body as u8);
            gap[GAP - 4..GAP - 1].copy_from_slice(&digits);
            (START, sum)
        }
        // Nearly every other.
        256..=999 => {
            let digits = print::three_digits_of(body as u32);
            gap[GAP - 4..GAP - 1].copy_from_slice(&digits);
            (START, digits[0].wrapping_add(digits[1]).wrapping_add(digits[2]))
        }
        _ => other_length(gap, body)?,
    };
    gap[start..][..BEGIN.len()].copy_from_slice(BEGIN);
    gap[GAP - 1] = SOH;
    let sum = sum.wrapping_add(digits_sum).wrapping_add(FIXED);
    let ([a, b, c], _) = print::three_digits(sum);
    *trailer = [b'1', b'0', b'=', a, b, c, SOH];
    Ok(start..GAP + body + TRAILER)
}

/// Writes a length of other than three digits. Returns where BeginString goes, and the digits' sum.
#[inline(never)]
fn other_length(gap: &mut [u8; GAP], body: usize) -> Result<(usize, u8), EncodeError> {
    let (text, digits) = print::right_aligned(body as u64).ok_or(EncodeError::Full)?;
    if digits.len > LENGTH_DIGITS_MAX {
        return Err(EncodeError::Full);
    }
    // The digits with zeros before them; BeginString is written over those.
    gap[GAP - 9..GAP - 1].copy_from_slice(&text);
    Ok((GAP - 1 - digits.len - BEGIN.len(), digits.sum))
}

const fn sum_of(bytes: &[u8]) -> u8 {
    let (mut sum, mut i) = (0u8, 0);
    while i < bytes.len() {
        sum = sum.wrapping_add(bytes[i]);
        i += 1;
    }
    sum
}
