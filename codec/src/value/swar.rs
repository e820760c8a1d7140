//! Up to sixteen characters at a time in ordinary registers. All in safe code.
//!
//! A text stands in an integer as in memory: the first character is the lowest byte. *Right-aligned*
//! means that the last character is the highest byte and that `0`s fill the bytes below the first.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = ONES << 7;
const ZEROS: u64 = ONES * b'0' as u64;

/// 10^8 and 10^16.
pub(crate) const E8: u64 = 100_000_000;
pub(crate) const E16: u64 = E8 * E8;

/// A text of 1 to 8 characters, right-aligned.
#[inline(always)]
fn eight_chars(text: &[u8]) -> Option<u64> {
    let len = text.len();
    if let Some(word) = text.first_chunk::<8>() {
        return (len == 8).then_some(u64::from_le_bytes(*word));
    }
    // What is read twice is the same byte twice.
    let word = match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            let first = u64::from(u32::from_le_bytes(*first)) << (64 - 8 * len);
            first & 0xffff_ffff | u64::from(u32::from_le_bytes(*last)) << 32
        }
        _ => {
            let (first, last) = (*text.first()?, *text.last()?);
            u64::from(first) << (64 - 8 * len)
                | u64::from(text[len / 2]) << (8 * (8 - len + len / 2))
                | u64::from(last) << 56
        }
    };
    Some(word | ZEROS >> (8 * len))
}

/// A text of 9 to 16 characters, right-aligned.
#[inline(always)]
fn sixteen_chars(text: &[u8]) -> Option<u128> {
    let (first, last) = text.split_last_chunk::<8>()?;
    Some(u128::from(eight_chars(first)?) | u128::from(u64::from_le_bytes(*last)) << 64)
}

/// The text `bytes[start..end]` of 1 to 16 characters, right-aligned, if there are sixteen bytes up to
/// its end. Whatever its length, this takes the same instructions: lengths vary, and a branch on them
/// would be guessed wrong.
#[inline(always)]
fn window(bytes: &[u8], start: usize, end: usize) -> Option<u128> {
    let word = u128::from_le_bytes(*bytes.get(..end)?.last_chunk()?);
    let len = end.checked_sub(start).filter(|len| (1..=16).contains(len))?;
    let before = (1u128 << (128 - 8 * len)) - 1;
    Some(word & !before | CHARS & before)
}

/// [`uint`] of `bytes[start..end]`.
#[inline(always)]
pub(crate) fn uint_at(bytes: &[u8], start: usize, end: usize) -> Option<u64> {
    number_of_sixteen(window(bytes, start, end)?)
}

/// [`decimal`] of `bytes[start..end]`, but without a point alone.
#[inline(always)]
pub(crate) fn decimal_at(bytes: &[u8], start: usize, end: usize) -> Option<(u64, u8)> {
    let word = window(bytes, start, end)?;
    let points = point_bits(word as u64) as u128 | (point_bits((word >> 64) as u64) as u128) << 64;
    // The lowest is exact in each half; 128 if there is none, and then nothing moves.
    let point = points.trailing_zeros() & !7;
    let front = u128::MAX.checked_shr(128 - point).unwrap_or(0);
    let is_point = u32::from(point < 128);
    let moved = (word & front) << 8 | word & (!front << 8) | u128::from(b'0');
    let digits = if point < 128 { moved } else { word };
    if end - start == 1 && point < 128 {
        return None;
    }
    Some((number_of_sixteen(digits)?, ((15 - (point / 8).min(15)) * is_point) as u8))
}

/// The number that eight digits are; `None` if one is no digit.
#[inline(always)]
pub(crate) fn number(word: u64) -> Option<u64> {
    let digits = word ^ ZEROS;
    if (digits | digits.wrapping_add(ONES * 0x76)) & HIGHS != 0 {
        return None;
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

#[inline(always)]
fn number_of_sixteen(word: u128) -> Option<u64> {
    Some(number(word as u64)? * E8 + number((word >> 64) as u64)?)
}

/// The number that 1 to 16 digits are. `None` if the text is none, or has another length.
#[inline(always)]
pub(crate) fn uint(text: &[u8]) -> Option<u64> {
    if text.len() <= 8 {
        number(eight_chars(text)?)
    } else {
        number_of_sixteen(sixteen_chars(text)?)
    }
}

/// The digits of a text of 1 to 16 characters, digits and at most one point, and how many stand behind
/// the point. `None` if the text is not that, or only a point.
#[inline(always)]
pub(crate) fn decimal(text: &[u8]) -> Option<(u64, u8)> {
    if text.len() <= 8 {
        let word = eight_chars(text)?;
        let point = first_point(word);
        if point == 64 {
            return Some((number(word)?, 0));
        }
        // What is in front of the point moves one up, over it.
        let front = (1 << point) - 1;
        let digits = (word & front) << 8 | word & (!front << 8) | u64::from(b'0');
        return (text.len() > 1).then_some((number(digits)?, (7 - point / 8) as u8));
    }
    let word = sixteen_chars(text)?;
    let point = match first_point(word as u64) {
        64 => 64 + first_point((word >> 64) as u64),
        point => point,
    };
    if point == 128 {
        return Some((number_of_sixteen(word)?, 0));
    }
    let front = (1 << point) - 1;
    let digits = (word & front) << 8 | word & (!front << 8) | u128::from(b'0');
    Some((number_of_sixteen(digits)?, (15 - point / 8) as u8))
}

/// The lowest bit of the first `.`, 64 if there is none.
#[inline(always)]
fn first_point(word: u64) -> u32 {
    point_bits(word).trailing_zeros() & !7
}

/// The top bit of each `.`; above the first there may be more.
#[inline(always)]
fn point_bits(word: u64) -> u64 {
    let x = word ^ (ONES * b'.' as u64);
    x.wrapping_sub(ONES) & !x & HIGHS
}

/// The three numbers of `HH:MM:SS`; `None` if it is not of that form.
#[inline(always)]
pub(crate) fn clock(text: [u8; 8]) -> Option<(u64, u64, u64)> {
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes(*b"00:00:00");
    if (digits | digits.wrapping_add(ONES * 0x76)) & HIGHS != 0
        || digits & 0x0000_ff00_00ff_0000 != 0
    {
        return None;
    }
    let pairs = digits * 10 + (digits >> 8);
    Some((pairs & 0xff, pairs >> 24 & 0xff, pairs >> 48 & 0xff))
}

/// The eight digits (values, not characters) of a number below 10^8, the first in the lowest byte.
#[inline(always)]
pub(crate) fn eight_digits(value: u64) -> u64 {
    debug_assert!(value < E8);
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    // 10486 / 2^20 is 1/100 and 103 / 2^10 is 1/10, near enough for four and for two digits.
    let hundreds = (fours * 10_486) >> 20 & 0x0000_007f_0000_007f;
    let pairs = hundreds | (fours - 100 * hundreds) << 16;
    let tens = (pairs * 103) >> 10 & 0x000f_000f_000f_000f;
    tens | (pairs - 10 * tens) << 8
}

/// The sixteen digits of a number below 10^16.
#[inline(always)]
pub(crate) fn sixteen_digits(value: u64) -> u128 {
    debug_assert!(value < E16);
    u128::from(eight_digits(value / E8)) | u128::from(eight_digits(value % E8)) << 64
}

/// Turns the values of digits to characters.
pub(crate) const CHARS: u128 = (ZEROS as u128) << 64 | ZEROS as u128;

/// A text of up to sixteen characters in a register; the bytes behind it are zeros.
#[derive(Clone, Copy)]
pub(crate) struct Short {
    /// The characters.
    pub(crate) word: u128,
    /// How many.
    pub(crate) len: usize,
}

impl Short {
    /// `word` cut off behind `len` (1 to 16) characters.
    #[inline(always)]
    pub(crate) const fn cut(word: u128, len: usize) -> Self {
        Self { word: word & (u128::MAX >> (128 - 8 * len)), len }
    }

    /// A number below 10^16.
    #[inline(always)]
    pub(crate) fn uint(value: u64) -> Option<Self> {
        if value >= E16 {
            return None;
        }
        if value < E8 {
            let digits = eight_digits(value);
            let zeros = (digits.trailing_zeros() / 8).min(7);
            let word = u128::from((digits | ZEROS) >> (8 * zeros));
            return Some(Self { word, len: 8 - zeros as usize });
        }
        let digits = sixteen_digits(value);
        let zeros = digits.trailing_zeros() / 8;
        Some(Self { word: (digits | CHARS) >> (8 * zeros), len: 16 - zeros as usize })
    }

    /// A copied text of 1 to 16 bytes.
    #[inline(always)]
    pub(crate) fn copied(text: &[u8]) -> Option<Self> {
        let len = text.len();
        if len == 0 || len > 16 {
            return None;
        }
        let word = if len <= 8 {
            u128::from(eight_chars(text)? >> (64 - 8 * len))
        } else {
            sixteen_chars(text)? >> (128 - 8 * len)
        };
        Some(Self { word, len })
    }

    /// Whether a byte is below 0x20, or 0x7f.
    #[inline(always)]
    pub(crate) fn has_control(self) -> bool {
        // Bytes behind the text become spaces.
        let spaces = (ONES as u128 * 0x20) << 64 | (ONES as u128 * 0x20);
        let word = if self.len < 16 { self.word | spaces << (8 * self.len) } else { self.word };
        let half = |word: u64| {
            let x = word ^ (ONES * 0x7f);
            // Exact in whether there is a hit: a borrow comes from a hit only.
            word.wrapping_sub(ONES * 0x20) & !word & HIGHS | x.wrapping_sub(ONES) & !x & HIGHS
        };
        half(word as u64) | half((word >> 64) as u64) != 0
    }

    /// The sum of the bytes, modulo 256.
    #[inline(always)]
    pub(crate) fn sum(self) -> u8 {
        sum_of_sixteen(self.word)
    }
}

/// The sum of the bytes, modulo 256.
#[inline(always)]
pub(crate) fn sum_of_timestamp(text: &[u8; 21]) -> u8 {
    let [first @ .., _, _, _, _, _] = text;
    let [.., a, b, c, d, e] = text;
    let rest = [a, b, c, d, e].into_iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    sum_of_sixteen(u128::from_le_bytes(*first)).wrapping_add(rest)
}

#[inline(always)]
fn sum_of_sixteen(word: u128) -> u8 {
    const LOW: u64 = 0x00ff_00ff_00ff_00ff;
    let (a, b) = (word as u64, (word >> 64) as u64);
    let sums = (a & LOW) + (a >> 8 & LOW) + (b & LOW) + (b >> 8 & LOW);
    (sums.wrapping_mul(0x0001_0001_0001_0001) >> 48) as u8
}

/// The sum of the bytes, modulo 256.
#[inline]
pub(crate) fn sum(bytes: &[u8]) -> u8 {
    let (chunks, rest) = bytes.as_chunks::<16>();
    let mut sums = [0u8; 16];
    for chunk in chunks {
        for (sum, byte) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(*byte);
        }
    }
    let rest = match bytes.last_chunk::<16>() {
        // Shifted until only the rest is left.
        Some(last) if !rest.is_empty() => {
            sum_of_sixteen(u128::from_le_bytes(*last) >> (128 - 8 * rest.len()))
        }
        _ => rest.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte)),
    };
    sum_of_sixteen(u128::from_le_bytes(sums)).wrapping_add(rest)
}
