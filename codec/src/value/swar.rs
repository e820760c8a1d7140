//! Reading up to sixteen characters at a time in ordinary registers. All in safe code.
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

/// The value of `.`. It alone of what a decimal is made of has the bit [`POINT_BIT`].
const POINT: u8 = b'.' ^ b'0';
const POINT_BIT: u64 = ONES << 4;

/// Sixteen values: the first eight, the last eight.
type Values = [u64; 2];

/// What is left of sixteen bytes for a text of 1 (at 0) to 16 characters that they end with. A load and
/// two masks instead of shifts by an amount that varies.
static KEEP: [Values; 16] = {
    let mut out = [[0; 2]; 16];
    let mut len = 1;
    while len <= 16 {
        out[len - 1] = split(u128::MAX << (8 * (16 - len)));
        len += 1;
    }
    out
};

/// How the digits around a point come together.
#[derive(Clone, Copy)]
struct Join {
    /// The digits before it: these move by one, over it.
    front: Values,
    /// The digits behind it.
    back: Values,
    /// The point.
    point: Values,
}

/// For a point at each place, first that of byte 0, then that of byte 8, of 1, of 9 and so on; at the end
/// for no point.
static JOIN: [Join; 17] = {
    let mut out = [Join { front: [0; 2], back: [u64::MAX; 2], point: [0; 2] }; 17];
    let mut i = 0;
    while i < 16 {
        let at = 8 * (i / 2 + i % 2 * 8);
        let front = (1u128 << at) - 1;
        out[i] = Join {
            front: split(front),
            back: split(!(front | 0xff << at)),
            point: split((POINT as u128) << at),
        };
        i += 1;
    }
    out
};

/// How many digits stand behind the point, for the same places.
static SCALE: [u8; 17] = [15, 7, 14, 6, 13, 5, 12, 4, 11, 3, 10, 2, 9, 1, 8, 0, 0];

const fn split(word: u128) -> Values {
    [word as u64, (word >> 64) as u64]
}

/// The text `bytes[start..end]` of 1 to 16 characters, right-aligned, if there are sixteen bytes up to
/// its end. Whatever its length, this takes the same instructions: lengths vary, and a branch on them
/// would be guessed wrong.
#[inline(always)]
fn window(bytes: &[u8], start: usize, end: usize) -> Option<Values> {
    let sixteen: &[u8; 16] = bytes.get(..end)?.last_chunk()?;
    let keep = KEEP.get(end.wrapping_sub(start).wrapping_sub(1))?;
    let (words, _) = sixteen.as_chunks::<8>();
    let value = |at: usize| (u64::from_le_bytes(words[at]) ^ ZEROS) & keep[at];
    Some([value(0), value(1)])
}

/// [`window`] of a text of 1 to 8 characters, if there are eight bytes up to its end.
#[inline(always)]
fn short_window(bytes: &[u8], start: usize, end: usize) -> Option<u64> {
    let less_one = end.wrapping_sub(start).wrapping_sub(1);
    if less_one >= 8 {
        return None;
    }
    let eight: &[u8; 8] = bytes.get(..end)?.last_chunk()?;
    Some((u64::from_le_bytes(*eight) ^ ZEROS) & u64::MAX << (56 - 8 * less_one))
}

/// [`uint`] of `bytes[start..end]`.
#[inline(always)]
pub(crate) fn uint_at(bytes: &[u8], start: usize, end: usize) -> Option<u64> {
    match short_window(bytes, start, end) {
        Some(values) => (no_digits(values) == 0).then(|| eight_digit_number(values)),
        None => sixteen_digit_number(window(bytes, start, end)?),
    }
}

/// Whether `bytes[start..end]` are 1 to 16 digits, and if so, whether one is not zero. `None` says nothing.
#[inline(always)]
pub(crate) fn digits_at(bytes: &[u8], start: usize, end: usize) -> Option<bool> {
    let [first, last] = match short_window(bytes, start, end) {
        Some(values) => [0, values],
        None => window(bytes, start, end)?,
    };
    (no_digits(first) | no_digits(last) == 0).then_some(first | last != 0)
}

/// Whether `bytes[start..end]` are 1 to 16 digits and at most one point. False says nothing.
#[inline(always)]
pub(crate) fn is_decimal_at(bytes: &[u8], start: usize, end: usize) -> bool {
    match short_window(bytes, start, end) {
        Some(values) => point_of(values, end - start)
            .is_some_and(|point| no_digits(values ^ (point * u64::from(POINT))) == 0),
        None => decimal_at(bytes, start, end).is_some(),
    }
}

/// [`decimal`] of `bytes[start..end]`.
#[inline(always)]
pub(crate) fn decimal_at(bytes: &[u8], start: usize, end: usize) -> Option<(u64, u8)> {
    match short_window(bytes, start, end) {
        Some(values) => short_decimal_of(values, end - start),
        None => decimal_of(window(bytes, start, end)?, end - start),
    }
}

/// [`decimal_of`] a text of at most eight characters.
#[inline(always)]
fn short_decimal_of(values: u64, len: usize) -> Option<(u64, u8)> {
    let point = point_of(values, len)?;
    let without = values ^ (point * u64::from(POINT));
    // The bytes before the point: none if there is none.
    let front = point.saturating_sub(1);
    let digits = (without & front) << 8 | without & !front;
    if no_digits(digits) != 0 {
        return None;
    }
    Some((eight_digit_number(digits), ((point.leading_zeros() / 8) & 7) as u8))
}

/// The lowest bit of the point's byte, 0 if there is no point. `None` if there are several, nothing else, or
/// another character with the bit of a point.
#[inline(always)]
fn point_of(values: u64, len: usize) -> Option<u64> {
    let point = (values & POINT_BIT) >> 4;
    if point & point.wrapping_sub(1) != 0 || (len == 1 && point != 0) {
        return None;
    }
    // A point becomes a zero; another character does not.
    let without = values ^ (point * u64::from(POINT));
    (without & (point << 8).wrapping_sub(point) == 0).then_some(point)
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

/// The digits of a right-aligned text and how many stand behind the point.
#[inline(always)]
fn decimal_of(values: Values, len: usize) -> Option<(u64, u8)> {
    // One bit per point, those of the first eight bytes below those of the last.
    let points = (values[0] & POINT_BIT) >> 4 | values[1] & POINT_BIT;
    if points & points.wrapping_sub(1) != 0 || (len == 1 && points != 0) {
        return None;
    }
    let at = points.trailing_zeros() as usize / 4;
    let join = &JOIN[at];
    // Another character with the bit of a point leaves more than 9 in its place.
    let is_point = |at: usize| (values[at] & !join.front[at] & !join.back[at]) ^ join.point[at];
    let front = [values[0] & join.front[0], values[1] & join.front[1]];
    let digits = [
        front[0] << 8 | values[0] & join.back[0],
        front[1] << 8 | front[0] >> 56 | values[1] & join.back[1],
    ];
    if is_point(0) | is_point(1) != 0 {
        return None;
    }
    Some((sixteen_digit_number(digits)?, SCALE[at]))
}

/// The top bits of bytes that are more than 9; above the first there may be more or fewer.
#[inline(always)]
const fn no_digits(values: u64) -> u64 {
    // A carry comes from a byte that has its own top bit.
    (values | values.wrapping_add(ONES * 0x76)) & HIGHS
}

/// The number of eight digits: pairs, fours, then all. Each product adds neighbours up in the upper of
/// the two.
#[inline(always)]
const fn eight_digit_number(values: u64) -> u64 {
    let pairs = values.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// `None` if one is no digit.
#[inline(always)]
fn sixteen_digit_number(values: Values) -> Option<u64> {
    if no_digits(values[0]) | no_digits(values[1]) != 0 {
        return None;
    }
    Some(eight_digit_number(values[0]) * E8 + eight_digit_number(values[1]))
}

/// The number that 1 to 16 digits are. `None` if the text is none, or has another length.
#[inline(always)]
pub(crate) fn uint(text: &[u8]) -> Option<u64> {
    sixteen_digit_number(right_aligned(text)?)
}

/// The digits of a text of 1 to 16 characters, digits and at most one point, and how many stand behind
/// the point. `None` if the text is not that, or only a point.
#[inline(always)]
pub(crate) fn decimal(text: &[u8]) -> Option<(u64, u8)> {
    decimal_of(right_aligned(text)?, text.len())
}

/// A text of 1 to 16 characters of which nothing is known of what stands before it.
#[inline(always)]
fn right_aligned(text: &[u8]) -> Option<Values> {
    let value = |chars: u64, len: usize| (chars ^ ZEROS) & KEEP[len - 1][1];
    match text.split_last_chunk::<8>() {
        None => Some([0, value(eight_chars(text)?, text.len())]),
        Some((first, last)) => {
            let first = match first.len() {
                0 => 0,
                1..=8 => value(eight_chars(first)?, first.len()),
                _ => return None,
            };
            Some([first, u64::from_le_bytes(*last) ^ ZEROS])
        }
    }
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

/// What `YYYYMMDD-HH:MM:SS.mmm` says.
pub(crate) struct Numbers {
    /// 0 to 9999.
    pub(crate) year: u64,
    /// 0 to 99.
    pub(crate) month: u64,
    /// 0 to 99.
    pub(crate) day: u64,
    /// Of the day; the hour is 0 to 23, the minute 0 to 59, the second 0 to 60.
    pub(crate) second: u64,
    /// 0 to 999.
    pub(crate) millis: u64,
}

/// The numbers of a timestamp. `None` if a byte is no digit or no separator, or the time of day is none.
#[inline(always)]
pub(crate) fn timestamp(
    date: [u8; 8],
    dash: u8,
    clock: [u8; 8],
    millis: [u8; 4],
) -> Option<Numbers> {
    let date = u64::from_le_bytes(date) ^ ZEROS;
    let clock = u64::from_le_bytes(clock) ^ u64::from_le_bytes(*b"00:00:00");
    let millis = u64::from(u32::from_le_bytes(millis) ^ u32::from_le_bytes(*b".000"));
    let separators = clock & 0x0000_ff00_00ff_0000 | millis & 0xff | u64::from(dash ^ b'-');
    if no_digits(date) | no_digits(clock) | no_digits(millis) | separators != 0 {
        return None;
    }
    // Pairs of digits, in every second byte of the one and every third of the other.
    let (date, clock) = (date * 10 + (date >> 8), clock * 10 + (clock >> 8));
    let clock = clock & 0x00ff_0000_ff00_00ff;
    // The top bit of a byte says that the hour, the minute or the second is too large.
    if (clock + (67 << 48 | 68 << 24 | 104)) & HIGHS != 0 {
        return None;
    }
    let minute = clock.wrapping_mul(60 << 24 | 1) >> 24 & 0xffff;
    Some(Numbers {
        year: (date & 0xff) * 100 + (date >> 16 & 0xff),
        month: date >> 32 & 0xff,
        day: date >> 48 & 0xff,
        second: minute * 60 + (clock >> 48),
        millis: (millis >> 8 & 0xff) * 100 + (millis >> 16 & 0xff) * 10 + (millis >> 24),
    })
}
