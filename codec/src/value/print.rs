//! Writing values into room that is large enough for any of them.
//!
//! Eight digits at a time are made in a register and stored whole, wherever they start and however many
//! of them count: what a store writes too much, the next one writes over. Nothing is shifted by more than
//! one register that way, and nothing is copied.
//!
//! Each value's share of CheckSum(10) comes with it. Of digits it is found from their values before they
//! are characters, with one multiplication: zeros that are left out add nothing.

use super::swar::{E8, E16, HIGHS, ONES, ZEROS, eight_chars};
use super::{DECIMAL_TEXT_MAX, Decimal, TimeText};

/// Room for any number, and for what is written behind it for the sake of speed.
pub(crate) const ROOM: usize = 32;

/// What was written to the front of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bytes, at most [`ROOM`].
    pub(crate) len: usize,
    /// Their sum, modulo 256.
    pub(crate) sum: u8,
}

/// An unsigned integer.
#[inline(always)]
pub(crate) fn put_uint(room: &mut [u8; ROOM], value: u64) -> Written {
    match value {
        0..E8 => put_first_digits(room, value),
        E8..E16 => put_sixteen(room, value),
        _ => put_long_uint(room, value),
    }
}

/// A number below 10^16 with 9 to 16 digits.
#[inline(never)]
fn put_sixteen(room: &mut [u8; ROOM], value: u64) -> Written {
    let first = put_first_digits(room, value / E8);
    put_eight_digits(room, first, value % E8)
}

/// A tag of one to four digits, and `=`; of another nothing.
#[inline(always)]
pub(crate) fn put_short_tag(room: &mut [u8], tag: u32) -> Option<Written> {
    if tag >= 10_000 {
        return None;
    }
    // As in `eight_digits`.
    let pairs = (tag * 10_486) >> 20;
    let pairs = (tag << 16).wrapping_add(pairs.wrapping_mul(1u32.wrapping_sub(100 << 16)));
    let tens = (pairs * 103) >> 10 & 0x000f_000f;
    let digits = (pairs << 8).wrapping_add(tens.wrapping_mul(1u32.wrapping_sub(10 << 8)));
    // The last digit is written even if it is a zero.
    let zero_bits = (digits | 1 << 24).trailing_zeros() & 24;
    let chars = u64::from(digits) | ZEROS & 0xffff_ffff | u64::from(b'=') << 32;
    room.first_chunk_mut::<8>()?.copy_from_slice(&(chars >> zero_bits).to_le_bytes());
    let len = 4 - zero_bits as u8 / 8;
    let sum = (digits.wrapping_mul(0x0101_0101) >> 24) as u8;
    let sum = sum.wrapping_add(b'0'.wrapping_mul(len)).wrapping_add(b'=');
    Some(Written { len: usize::from(len) + 1, sum })
}

/// More than sixteen digits.
#[inline(never)]
fn put_long_uint(room: &mut [u8; ROOM], value: u64) -> Written {
    let first = put_first_digits(room, value / E16);
    let second = put_eight_digits(room, first, value / E8 % E8);
    put_eight_digits(room, second, value % E8)
}

/// A number below 10^8, without leading zeros.
#[inline(always)]
fn put_first_digits(room: &mut [u8; ROOM], value: u64) -> Written {
    let digits = eight_digits(value);
    // The last digit is written even if it is a zero.
    let zero_bits = (digits | 1 << 56).trailing_zeros() & 56;
    room[..8].copy_from_slice(&((digits | ZEROS) >> zero_bits).to_le_bytes());
    let len = 8 - zero_bits as usize / 8;
    Written { len, sum: sum_of_digits(digits).wrapping_add(b'0'.wrapping_mul(len as u8)) }
}

/// A number below 10^8 with its leading zeros, behind 1 to 16 digits.
#[inline(always)]
fn put_eight_digits(room: &mut [u8; ROOM], before: Written, value: u64) -> Written {
    const ALL: u8 = b'0'.wrapping_mul(8);
    let digits = eight_digits(value);
    room[before.len..][..8].copy_from_slice(&(digits | ZEROS).to_le_bytes());
    let sum = before.sum.wrapping_add(sum_of_digits(digits)).wrapping_add(ALL);
    Written { len: before.len + 8, sum }
}

/// A number below 10^8 at the end of eight bytes, with zeros before it, and what it is without them.
#[inline(always)]
pub(crate) fn right_aligned(value: u64) -> Option<([u8; 8], Written)> {
    if value >= E8 {
        return None;
    }
    let digits = eight_digits(value);
    let len = 8 - (digits | 1 << 56).trailing_zeros() as usize / 8;
    let sum = sum_of_digits(digits).wrapping_add(b'0'.wrapping_mul(len as u8));
    Some(((digits | ZEROS).to_le_bytes(), Written { len, sum }))
}

/// `nnn` and the sum of its characters: what every message ends with, so that its line of the table is near.
#[inline(always)]
pub(crate) fn three_digits(number: u8) -> ([u8; 3], u8) {
    static ALL: [[u8; 4]; 256] = {
        let mut out = [[0; 4]; 256];
        let mut n = 0;
        while n < 256 {
            let [a, b, c] = three_digits_of(n as u32);
            out[n] = [a, b, c, a.wrapping_add(b).wrapping_add(c)];
            n += 1;
        }
        out
    };
    let [a, b, c, sum] = ALL[usize::from(number)];
    ([a, b, c], sum)
}

/// The eight digits (values, not characters) of a number below 10^8, the first in the lowest byte.
#[inline(always)]
pub(crate) const fn eight_digits(value: u64) -> u64 {
    debug_assert!(value < E8);
    // A quotient `q` of `n` goes to the lower half of its place and the remainder, `n` - `q` * divisor, to
    // the upper: together `n` in the upper half, plus `q`, minus `q` * divisor in the upper half. What is
    // multiplied and shifted is the quotient, near enough for so few digits.
    let fours = (value * 109_951_163) >> 40;
    let fours = (value << 32).wrapping_add(fours.wrapping_mul(1u64.wrapping_sub(10_000 << 32)));
    let pairs = (fours * 10_486) >> 20 & 0x0000_007f_0000_007f;
    let pairs = (fours << 16).wrapping_add(pairs.wrapping_mul(1u64.wrapping_sub(100 << 16)));
    let tens = (pairs * 103) >> 10 & 0x000f_000f_000f_000f;
    (pairs << 8).wrapping_add(tens.wrapping_mul(1u64.wrapping_sub(10 << 8)))
}

/// A number below 1000.
#[inline(always)]
pub(crate) const fn three_digits_of(n: u32) -> [u8; 3] {
    // 41 / 2^12 is 1/100 and 205 / 2^11 is 1/10, near enough below 1000.
    let (hundreds, tens) = ((n * 41) >> 12, (n * 205) >> 11);
    let rest = [hundreds, tens - 10 * hundreds, n - 10 * tens];
    [b'0' + rest[0] as u8, b'0' + rest[1] as u8, b'0' + rest[2] as u8]
}

/// The sum of eight digits: at most 72.
#[inline(always)]
const fn sum_of_digits(digits: u64) -> u8 {
    (digits.wrapping_mul(ONES) >> 56) as u8
}

/// What divides a number below 10^16 by a power of ten.
#[derive(Clone, Copy)]
struct Unit {
    /// 10^scale.
    one: u64,
    /// 2^(63 + shift) / `one`, rounded up: twice the number times this, in units of 2^(64 + shift), is
    /// too much by less than 1 / `one`.
    reciprocal: u64,
    shift: u32,
    /// 10^(8 - scale), or 10^(16 - scale) above 8: makes eight or sixteen digits of the decimals.
    fill: u64,
}

static UNITS: [Unit; 17] = {
    let mut out = [Unit { one: 1, reciprocal: 1 << 63, shift: 0, fill: E8 }; 17];
    let (mut scale, mut one) = (1, 10u64);
    while scale <= 16 {
        let shift = one.ilog2();
        let reciprocal = (1u128 << (63 + shift)).div_ceil(one as u128) as u64;
        let fill = if scale <= 8 { E8 / one } else { E16 / one };
        out[scale] = Unit { one, reciprocal, shift, fill };
        one *= 10;
        scale += 1;
    }
    out
};

/// A decimal with at least `decimals_min` decimals; see [`Decimal::write`].
#[inline(always)]
pub(crate) fn put_decimal(room: &mut [u8; ROOM], value: Decimal, decimals_min: u8) -> Written {
    // A negative number is a large one here.
    let mantissa = value.mantissa as u64;
    let scale = usize::from(value.scale);
    if mantissa < E8 && scale < 8 {
        return put_eight_digit_decimal(room, mantissa, scale, decimals_min);
    }
    match UNITS.get(scale) {
        Some(unit) if mantissa < E16 && scale <= 8 => {
            put_short_decimal(room, mantissa, unit, decimals_min)
        }
        Some(unit) if mantissa < E16 => put_fine_decimal(room, mantissa, unit, decimals_min),
        _ => put_any_decimal(room, value, decimals_min),
    }
}

/// A mantissa below 10^8 with at most seven decimals: the digits are made once, and stored twice, around
/// the point.
#[inline(always)]
fn put_eight_digit_decimal(
    room: &mut [u8; ROOM],
    mantissa: u64,
    scale: usize,
    decimals_min: u8,
) -> Written {
    let digits = eight_digits(mantissa);
    let chars = digits | ZEROS;
    // The last whole digit is written even if it is a zero.
    let before_last = 56 - 8 * scale as u32;
    let zero_bits = (digits | 1 << before_last).trailing_zeros() & 56;
    let whole = (8 - scale - zero_bits as usize / 8) & 15;
    room[..8].copy_from_slice(&(chars >> zero_bits).to_le_bytes());
    room[whole] = b'.';
    let decimals = chars >> 8 >> before_last | ZEROS;
    room[whole + 1..][..8].copy_from_slice(&decimals.to_le_bytes());
    let zeros = digits.leading_zeros() as usize / 8;
    let count = scale.saturating_sub(zeros).max(usize::from(decimals_min.min(1)));
    let point = usize::from(count > 0);
    let len = whole + point + count;
    let sum = b'0'.wrapping_mul((whole + count) as u8).wrapping_add(b'.' * point as u8);
    Written { len, sum: sum.wrapping_add(sum_of_digits(digits)) }
}

/// A mantissa below 10^16 with at most eight decimals.
#[inline(always)]
fn put_short_decimal(
    room: &mut [u8; ROOM],
    mantissa: u64,
    unit: &Unit,
    decimals_min: u8,
) -> Written {
    let (whole, decimals) = unit.split(mantissa);
    let whole = match whole {
        // Quantities of coins mostly.
        0..10 => {
            room[0] = b'0' + whole as u8;
            Written { len: 1, sum: room[0] }
        }
        _ => put_whole(room, whole),
    };
    let digits = eight_digits(decimals * unit.fill);
    put_decimals(room, whole, digits, decimals_min)
}

/// The digits before a point, if there are more than one.
#[inline(never)]
fn put_whole(room: &mut [u8; ROOM], whole: u64) -> Written {
    if whole < E8 { put_first_digits(room, whole) } else { put_sixteen(room, whole) }
}

/// A point and decimals, of which eight are given, behind 1 to 16 digits; zeros at the end are left out.
#[inline(always)]
fn put_decimals(room: &mut [u8; ROOM], whole: Written, digits: u64, decimals_min: u8) -> Written {
    room[whole.len] = b'.';
    room[whole.len + 1..][..8].copy_from_slice(&(digits | ZEROS).to_le_bytes());
    let zeros = digits.swap_bytes().trailing_zeros() / 8;
    let count = (8 - zeros).max(u32::from(decimals_min.min(1))) as u8;
    if count == 0 {
        return whole;
    }
    let sum = b'.'.wrapping_add(sum_of_digits(digits)).wrapping_add(b'0'.wrapping_mul(count));
    Written { len: whole.len + 1 + usize::from(count), sum: whole.sum.wrapping_add(sum) }
}

/// More than eight decimals.
#[inline(never)]
fn put_fine_decimal(
    room: &mut [u8; ROOM],
    mantissa: u64,
    unit: &Unit,
    decimals_min: u8,
) -> Written {
    let (whole, decimals) = unit.split(mantissa);
    let whole = put_first_digits(room, whole);
    let decimals = decimals * unit.fill;
    let first = eight_digits(decimals / E8);
    if decimals.is_multiple_of(E8) {
        return put_decimals(room, whole, first, decimals_min);
    }
    let point = Written { len: whole.len + 1, sum: whole.sum.wrapping_add(b'.') };
    room[whole.len] = b'.';
    let first = put_eight_digits(room, point, decimals / E8);
    let last = put_eight_digits(room, first, decimals % E8);
    let zeros = eight_digits(decimals % E8).swap_bytes().trailing_zeros() as u8 / 8;
    let sum = last.sum.wrapping_sub(b'0'.wrapping_mul(zeros));
    Written { len: last.len - usize::from(zeros), sum }
}

/// Byte by byte.
#[inline(never)]
fn put_any_decimal(room: &mut [u8; ROOM], value: Decimal, decimals_min: u8) -> Written {
    let mut scratch = [0; DECIMAL_TEXT_MAX];
    let text = value.write_plainly(decimals_min, &mut scratch);
    room[..text.len()].copy_from_slice(text);
    Written { len: text.len(), sum: sum(text) }
}

impl Unit {
    /// Whole units and the rest.
    #[inline(always)]
    fn split(&self, mantissa: u64) -> (u64, u64) {
        let twice = u128::from(2 * mantissa);
        let whole = ((twice * u128::from(self.reciprocal)) >> 64) as u64 >> self.shift;
        (whole, mantissa - whole * self.one)
    }
}

/// A text of 1 to 24 bytes without a control byte; `None` of any other, and then nothing is written that
/// counts.
#[inline(always)]
pub(crate) fn put_text(room: &mut [u8; ROOM], text: &[u8]) -> Option<Written> {
    const SPACES: u64 = ONES * 0x20;
    let len = text.len();
    let bits = 8 * len as u32;
    match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) if len <= 16 => {
            room[..8].copy_from_slice(first);
            room[len - 8..len].copy_from_slice(last);
            let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
            // What the first eight bytes have not.
            let rest = last & u64::MAX.unbounded_shl(128 - bits);
            let sum = sum_of_words(first, rest);
            (!has_control(first) & !has_control(last)).then_some(Written { len, sum })
        }
        (Some(_), Some(last)) if len <= 24 => put_longer_text(room, text, *last),
        (None, None) if len > 0 => {
            let word = eight_chars(text)? >> (64 - bits);
            room[..8].copy_from_slice(&word.to_le_bytes());
            let sum = sum_of_words(word, 0);
            (!has_control(word | SPACES << bits)).then_some(Written { len, sum })
        }
        _ => None,
    }
}

/// A text of 17 to 24 bytes: an OrderID, an ExecID.
#[inline(always)]
fn put_longer_text(room: &mut [u8; ROOM], text: &[u8], last: [u8; 8]) -> Option<Written> {
    let len = text.len();
    let front = text.first_chunk::<16>()?;
    room[..16].copy_from_slice(front);
    room[(len - 8) & 31..].first_chunk_mut::<8>()?.copy_from_slice(&last);
    let (words, _) = front.as_chunks::<8>();
    let [first, second] = [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])];
    let last = u64::from_le_bytes(last);
    // What the first sixteen bytes have not.
    let rest = last & u64::MAX.unbounded_shl(192 - 8 * len as u32);
    let sum = sum_of_words(first, second).wrapping_add(sum_of_words(rest, 0));
    let bad = has_control(first) | has_control(second) | has_control(last);
    (!bad).then_some(Written { len, sum })
}

/// A timestamp to the millisecond.
#[inline(always)]
pub(crate) fn put_timestamp(room: &mut [u8; ROOM], text: &TimeText) -> Written {
    room[..21].copy_from_slice(&text.text);
    Written { len: 21, sum: text.sum }
}

/// The sum of a timestamp's bytes, modulo 256.
#[inline(always)]
pub(crate) fn sum_of_timestamp(text: &[u8; 21]) -> u8 {
    let (words, _) = text.as_chunks::<8>();
    let last = *text.last_chunk::<8>().expect("21 bytes have 8");
    // Five bytes are new of the last eight.
    let last = u64::from_le_bytes(last) & (u64::MAX << 24);
    let sum = sum_of_words(u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]));
    sum.wrapping_add(sum_of_words(last, 0))
}

/// Whether a byte is below 0x20, or 0x7f.
#[inline(always)]
pub(super) const fn has_control(word: u64) -> bool {
    let x = word ^ (ONES * 0x7f);
    // Exact in whether there is a hit: a borrow comes from a hit only.
    let below = word.wrapping_sub(ONES * 0x20) & !word;
    (below | x.wrapping_sub(ONES) & !x) & HIGHS != 0
}

/// The sum of sixteen bytes, modulo 256.
#[inline(always)]
pub(crate) const fn sum_of_words(a: u64, b: u64) -> u8 {
    const LOW: u64 = 0x00ff_00ff_00ff_00ff;
    let sums = (a & LOW) + (a >> 8 & LOW) + (b & LOW) + (b >> 8 & LOW);
    (sums.wrapping_mul(0x0001_0001_0001_0001) >> 48) as u8
}

/// The sum of the bytes, modulo 256.
#[inline]
pub(crate) fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, &byte| sum.wrapping_add(byte))
}

#[cfg(test)]
mod tests;
