//! Reading up to eight characters at a time in ordinary registers. All in safe code.
//!
//! A text stands in an integer as in memory: the first character is the lowest byte. *Right-aligned*
//! means that the last character is the highest byte. Characters are turned to their *values* first,
//! 0 to 9 for a digit, and the bytes before a right-aligned text are zeros, which change no number.

pub(crate) const ONES: u64 = 0x0101_0101_0101_0101;
pub(crate) const HIGHS: u64 = ONES << 7;
/// Turns characters of digits to values, and values to characters.
pub(crate) const ZEROS: u64 = ONES * b'0' as u64;

/// 10^8 and 10^16.
pub(crate) const E8: u64 = 100_000_000;
pub(crate) const E16: u64 = E8 * E8;

/// What `nnn|35=` says, with anything behind it, where `|` is a SOH: a BodyLength of three digits, before
/// MsgType.
#[inline(always)]
pub(crate) fn three_digits_to_msg_type(text: [u8; 8]) -> Option<u32> {
    let x = u64::from_le_bytes(text) ^ u64::from_le_bytes(*b"000\x0135=\0");
    let digits = x & 0x00ff_ffff;
    if x & 0x00ff_ffff_ff00_0000 | no_digits(digits) != 0 {
        return None;
    }
    let [a, b, c] = [x as u32 & 0xff, (x >> 8) as u32 & 0xff, (x >> 16) as u32 & 0xff];
    Some(a * 100 + b * 10 + c)
}

/// `2` to `5` digits up to a SOH, as BodyLength(9) mostly has; their number, and how many.
#[inline(always)]
pub(crate) fn digits_to_soh(text: [u8; 8]) -> Option<(u64, usize)> {
    let word = u64::from_le_bytes(text);
    let x = word ^ ONES;
    // The lowest set bit is exact: a borrow can only disturb the bytes above it.
    let bits = (x.wrapping_sub(ONES) & !x & HIGHS).trailing_zeros() & !7;
    if !(16..=40).contains(&bits) {
        return None;
    }
    let values = (word ^ ZEROS) << (64 - bits);
    (no_digits(values) == 0).then(|| (eight_digit_number(values), bits as usize / 8))
}

/// What `|10=nnn|` says, where `|` is a SOH, and the sum of the bytes behind the first SOH.
#[inline(always)]
pub(crate) fn trailer(text: [u8; 8]) -> Option<(u32, u32)> {
    const EMPTY: [u8; 8] = *b"\x0110=000\x01";
    const SUM: u32 = 1 + b'1' as u32 + b'0' as u32 + b'=' as u32 + 3 * b'0' as u32;
    let x = u64::from_le_bytes(text) ^ u64::from_le_bytes(EMPTY);
    if x & 0xff00_0000_ffff_ffff | no_digits(x) != 0 {
        return None;
    }
    let [a, b, c] = [(x >> 32) as u32 & 0xff, (x >> 40) as u32 & 0xff, (x >> 48) as u32];
    Some((a * 100 + b * 10 + c, SUM + a + b + c))
}

/// The top bits of bytes that are more than 9; above the first there may be more or fewer.
#[inline(always)]
pub(crate) const fn no_digits(values: u64) -> u64 {
    // A carry comes from a byte that has its own top bit.
    (values | values.wrapping_add(ONES * 0x76)) & HIGHS
}

/// The number of eight digits: pairs, fours, then all. Each product adds neighbours up in the upper of
/// the two.
#[inline(always)]
pub(crate) const fn eight_digit_number(values: u64) -> u64 {
    let pairs = values.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// A text of 1 to 8 characters, right-aligned; before it stands anything.
#[inline(always)]
pub(crate) fn eight_chars(text: &[u8]) -> Option<u64> {
    let len = text.len();
    if let Some(word) = text.first_chunk::<8>() {
        return (len == 8).then_some(u64::from_le_bytes(*word));
    }
    // What is read twice is the same byte twice.
    Some(match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
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
    })
}
