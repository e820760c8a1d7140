//! What the kernels share: tags, the plain walk over fields that no kernel takes, and the trailer.

use super::{Field, ScanError, ScanErrorKind};
use crate::SOH;
use crate::value::{parse_u32, swar};

/// Bytes that a kernel looks at in one step, one bit of a mask each.
pub(super) const BLOCK: usize = 64;

/// Most digits of a tag. Nine always fit a `u32`.
const TAG_DIGITS_MAX: usize = 9;

/// `10=nnn<SOH>`
const TRAILER: usize = 7;

/// Indexes field by field, behind the first `count` fields that `fields` has already, up to the first
/// field that starts at `until` or behind it. Returns how many fields there are and where the next one
/// starts. This is the one place that knows data fields, and that says what is wrong with a field.
#[cold]
#[inline(never)]
pub(super) fn walk(
    message: &[u8],
    fields: &mut [Field],
    count: usize,
    until: usize,
) -> Result<(usize, usize), ScanError> {
    walk_with(message, fields, count, until, data_tag)
}

/// [`walk`] for a dialect whose data fields `data_tag` knows by the tags of their lengths.
pub(super) fn walk_with(
    message: &[u8],
    fields: &mut [Field],
    mut count: usize,
    until: usize,
    data_tag: impl Fn(u32) -> Option<u32>,
) -> Result<(usize, usize), ScanError> {
    let mut at = next_at(fields, count);
    let mut last: Option<Field> = fields[..count].last().copied();
    while at < until {
        let (tag, start) = tag_at(message, at).ok_or(error(ScanErrorKind::TagMalformed, at))?;
        let end = match last.filter(|last| data_tag(last.tag) == Some(tag)) {
            Some(length) => data_end(message, length, at, start)?,
            None => message[start..]
                .iter()
                .position(|&byte| byte == SOH)
                .map(|length| start + length)
                .ok_or(error(ScanErrorKind::Unterminated, at))?,
        };
        let field = Field { tag, start: start as u32, end: end as u32 };
        *fields.get_mut(count).ok_or(error(ScanErrorKind::TooManyFields, at))? = field;
        count += 1;
        at = end + 1;
        last = Some(field);
    }
    Ok((count, at))
}

/// The end of the data field at `at`, whose value starts at `start` and is as long as the field before
/// it says.
fn data_end(message: &[u8], length: Field, at: usize, start: usize) -> Result<usize, ScanError> {
    let digits = &message[length.start as usize..length.end as usize];
    let wrong = |at| error(ScanErrorKind::DataLengthWrong, at);
    let length_at = length.start as usize - 1 - decimal_digits(length.tag);
    let bytes = parse_u32(digits).map_err(|_| wrong(length_at))? as usize;
    let end = start.saturating_add(bytes);
    if message.get(end) == Some(&SOH) { Ok(end) } else { Err(wrong(at)) }
}

const fn decimal_digits(tag: u32) -> usize {
    match tag {
        0 => 1,
        _ => tag.ilog10() as usize + 1,
    }
}

/// Where the field behind the first `count` starts.
#[inline(always)]
pub(super) fn next_at(fields: &[Field], count: usize) -> usize {
    fields[..count].last().map_or(0, |field| field.end as usize + 1)
}

/// Walks over what the first `count` fields do not cover; then verifies that the last field is a trailer
/// that says what `sum_of_all`, the sum of all bytes, is without the trailer's own. Returns how many fields
/// there are.
#[inline(always)]
pub(super) fn finish(
    message: &[u8],
    fields: &mut [Field],
    mut count: usize,
    sum_of_all: u32,
) -> Result<usize, ScanError> {
    if next_at(fields, count) < message.len() {
        (count, _) = walk(message, fields, count, message.len())?;
    }
    // Behind the trailer's tag: without a field more, the message ends where the last field does.
    if let Some(last) = fields[..count].last()
        && last.tag == 10
        && last.start as usize + 4 == message.len()
        && has_trailer(message, sum_of_all)
    {
        return Ok(count);
    }
    finish_plainly(message, fields, count, sum_of_all)
}

/// Whether a message ends with a SOH and a trailer that says what `sum_of_all`, the sum of all bytes, is
/// without the trailer's own.
#[inline(always)]
pub(crate) fn has_trailer(message: &[u8], sum_of_all: u32) -> bool {
    let trailer = message.last_chunk().and_then(|text| swar::trailer(*text));
    trailer.is_some_and(|(said, own)| sum_of_all.wrapping_sub(own) & 0xff == said)
}

/// The end of [`finish`], for a message that breaks a rule or has a single field.
#[cold]
#[inline(never)]
fn finish_plainly(
    message: &[u8],
    fields: &[Field],
    count: usize,
    sum_of_all: u32,
) -> Result<usize, ScanError> {
    const AROUND: u32 = b'1' as u32 + b'0' as u32 + b'=' as u32 + SOH as u32;
    let offset = message.len().saturating_sub(TRAILER);
    let missing = error(ScanErrorKind::CheckSumMissing, offset);
    let &[b'1', b'0', b'=', a, b, c, SOH] = &message[offset..] else {
        return Err(missing);
    };
    // The seven bytes must be one field, not the end of a value that looks like it.
    let is_field = fields[..count]
        .last()
        .is_some_and(|last| last.tag == 10 && last.start as usize == offset + 3);
    let digits = [a, b, c].map(|byte| u32::from(byte.wrapping_sub(b'0')));
    if !is_field || digits.iter().any(|&digit| digit > 9) {
        return Err(missing);
    }
    let said = digits[0] * 100 + digits[1] * 10 + digits[2];
    let own = AROUND + u32::from(a) + u32::from(b) + u32::from(c);
    if sum_of_all.wrapping_sub(own) & 0xff != said {
        return Err(error(ScanErrorKind::CheckSumWrong, offset));
    }
    Ok(count)
}

/// [`finish`] behind a walk over the whole message.
pub(super) fn with_checksum(
    message: &[u8],
    fields: &mut [Field],
    count: usize,
) -> Result<usize, ScanError> {
    let sum = message.iter().fold(0u32, |sum, &byte| sum.wrapping_add(u32::from(byte)));
    finish(message, fields, count, sum)
}

#[inline(always)]
pub(super) fn error(kind: ScanErrorKind, at: usize) -> ScanError {
    ScanError { kind, offset: at as u32 }
}

/// The data field whose length `tag` announces, as [`DataFields::KRAKEN`](super::DataFields::KRAKEN) has it.
#[inline(always)]
pub(super) const fn data_tag(tag: u32) -> Option<u32> {
    match tag {
        93 => Some(89),
        95 => Some(96),
        354 => Some(355),
        _ => None,
    }
}

/// Whether [`data_tag`] has one.
#[inline(always)]
pub(super) const fn is_length(tag: u32) -> bool {
    // 93 and 95 differ in one bit.
    tag & !2 == 93 || tag == 354
}

/// Zeros, then ones.
static KEEP: [u8; 2 * BLOCK] = {
    let mut out = [0; 2 * BLOCK];
    let mut i = BLOCK;
    while i < 2 * BLOCK {
        out[i] = 0xff;
        i += 1;
    }
    out
};

/// The last, short block of a message, of `rest` bytes, with zeros before it or behind, and how many
/// before. It is cut out of the last 64 bytes, if there are so many: a copy would have to be waited for.
#[inline(always)]
pub(super) fn last_block(message: &[u8], rest: usize) -> ([u8; BLOCK], u32) {
    let mut block = [0; BLOCK];
    match (message.last_chunk::<BLOCK>(), KEEP[rest..].first_chunk::<BLOCK>()) {
        (Some(last), Some(keep)) => {
            for (byte, (last, keep)) in block.iter_mut().zip(last.iter().zip(keep)) {
                *byte = last & keep;
            }
            (block, (BLOCK - rest) as u32)
        }
        _ => {
            block[..rest].copy_from_slice(&message[message.len() - rest..]);
            (block, 0)
        }
    }
}

/// The tag at `at`, if it has 1 to 4 digits, and where its value starts. `None` says nothing.
///
/// Four bytes are loaded as one integer. The first that is no digit should be a `=`: it is shifted to the top,
/// with the digits right below it, without a branch per digit.
#[inline(always)]
pub(super) fn short_tag_at(message: &[u8], at: usize) -> Option<(u32, usize)> {
    // No field is so short that they are not there, but for malformed ones.
    let text = u32::from_le_bytes(*message.get(at..at + 4)?.first_chunk()?);
    let values = text ^ swar::ZEROS as u32;
    // The top bits of bytes that are no digits. The lowest is exact: a carry can only come out of such a byte.
    let others = (values | values.wrapping_add(0x7676_7676)) & swar::HIGHS as u32;
    if others == 0 {
        return four_digits(message, at, values);
    }
    let bit = others.trailing_zeros(); // 7, and 8 for each digit
    let digits = values << (31 - bit);
    let first = values & 0xff;
    if first.wrapping_sub(1) > 8 || digits >> 24 != u32::from(b'=' ^ b'0') {
        return None;
    }
    // The first of three digits is the lowest byte.
    let last_two = digits.wrapping_mul(10 << 8 | 1) >> 16 & 0xff;
    let tag = (digits & 0xff) * 100 + last_two;
    Some((tag, at + bit as usize / 8 + 1))
}

/// A tag of four digits, the first of which is the lowest byte.
#[inline(never)]
fn four_digits(message: &[u8], at: usize, digits: u32) -> Option<(u32, usize)> {
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff;
    let tag = (pairs & 0xff) * 100 + (pairs >> 16);
    (digits & 0xff != 0 && message.get(at + 4) == Some(&b'=')).then_some((tag, at + 5))
}

/// The tag at `at` and where its value starts: 1 to 9 digits, the first not zero, then `=`.
pub(crate) fn tag_at(message: &[u8], at: usize) -> Option<(u32, usize)> {
    let head = &message[at..];
    let digits = head.iter().take(TAG_DIGITS_MAX + 1).position(|&byte| byte == b'=')?;
    if digits == 0 || head[0] == b'0' || !head[..digits].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let tag = head[..digits].iter().fold(0, |tag, &byte| tag * 10 + u32::from(byte - b'0'));
    Some((tag, at + digits + 1))
}
