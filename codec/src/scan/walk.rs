//! What all kernels share: from the positions of SOHs to fields.

use super::{Field, ScanError, ScanErrorKind};
use crate::SOH;
use crate::value::parse_u32;

/// Bytes that a kernel looks at in one step, one bit of a mask each.
pub(super) const BLOCK: usize = 64;

/// Most digits of a tag. Nine always fit a `u32`.
const TAG_DIGITS_MAX: usize = 9;

/// `10=nnn<SOH>`
const TRAILER: usize = 7;

/// Turns the masks of a message's blocks, in order, into its index.
pub(super) struct Walker<'m, 'f> {
    message: &'m [u8],
    fields: &'f mut [Field],
    count: usize,
    /// Where the next field starts: one behind the last SOH that was used.
    at: usize,
}

impl<'m, 'f> Walker<'m, 'f> {
    #[inline(always)]
    pub(super) fn new(message: &'m [u8], fields: &'f mut [Field]) -> Self {
        Self { message, fields, count: 0, at: 0 }
    }

    /// Takes the SOHs of the block at `base`; bit `n` stands for the byte at `base + n`.
    #[inline(always)]
    pub(super) fn block(&mut self, base: usize, mut soh: u64) -> Result<(), ScanError> {
        while soh != 0 {
            let end = base + soh.trailing_zeros() as usize;
            soh &= soh - 1;
            // A SOH before `at` is inside a data field that has been passed.
            if end >= self.at {
                self.field(end)?;
            }
        }
        Ok(())
    }

    /// The field from `at` to the SOH at `end`, the first one at or behind `at`. Since the bytes of a
    /// tag are no SOHs, its `=` is before `end`.
    #[inline(always)]
    fn field(&mut self, end: usize) -> Result<(), ScanError> {
        let at = self.at;
        let Some((tag, start)) = tag_at(self.message, at) else {
            return Err(error(ScanErrorKind::TagMalformed, at));
        };
        self.push(at, Field { tag, start: start as u32, end: end as u32 })?;
        match data_tag(tag) {
            Some(data_tag) => self.data(at, start..end, data_tag),
            None => Ok(()),
        }
    }

    /// The data field behind the length field at `length_at`, if that is what stands there.
    #[cold]
    fn data(
        &mut self,
        length_at: usize,
        length: core::ops::Range<usize>,
        data_tag: u32,
    ) -> Result<(), ScanError> {
        let at = self.at;
        let Some((tag, start)) = tag_at(self.message, at).filter(|&(tag, _)| tag == data_tag)
        else {
            return Ok(());
        };
        let length = parse_u32(&self.message[length])
            .map_err(|_| error(ScanErrorKind::DataLengthWrong, length_at))?;
        let end = start.saturating_add(length as usize);
        if self.message.get(end) != Some(&SOH) {
            return Err(error(ScanErrorKind::DataLengthWrong, at));
        }
        self.push(at, Field { tag, start: start as u32, end: end as u32 })
    }

    #[inline(always)]
    fn push(&mut self, at: usize, field: Field) -> Result<(), ScanError> {
        let Some(slot) = self.fields.get_mut(self.count) else {
            return Err(error(ScanErrorKind::TooManyFields, at));
        };
        *slot = field;
        self.count += 1;
        self.at = field.end as usize + 1;
        Ok(())
    }

    /// Verifies that nothing is left over and that the trailer says what `sum_of_all`, the sum of all
    /// bytes, is without the trailer's own. Returns how many fields there are.
    #[inline(always)]
    pub(super) fn finish(self, sum_of_all: u32) -> Result<usize, ScanError> {
        if self.at < self.message.len() {
            let kind = match tag_at(self.message, self.at) {
                Some(_) => ScanErrorKind::Unterminated,
                None => ScanErrorKind::TagMalformed,
            };
            return Err(error(kind, self.at));
        }
        let offset = self.message.len().saturating_sub(TRAILER);
        let missing = error(ScanErrorKind::CheckSumMissing, offset);
        let &[b'1', b'0', b'=', a, b, c, SOH] = &self.message[offset..] else {
            return Err(missing);
        };
        // The seven bytes must be one field, not the end of a value that looks like it.
        let is_field = self.count.checked_sub(1).is_some_and(|last| {
            self.fields[last].tag == 10 && self.fields[last].start as usize == offset + 3
        });
        let digits = [a, b, c].map(|byte| u32::from(byte.wrapping_sub(b'0')));
        if !is_field || digits.iter().any(|&digit| digit > 9) {
            return Err(missing);
        }
        let said = digits[0] * 100 + digits[1] * 10 + digits[2];
        let own: u32 = self.message[offset..].iter().map(|&byte| u32::from(byte)).sum();
        if sum_of_all.wrapping_sub(own) & 0xff != said {
            return Err(error(ScanErrorKind::CheckSumWrong, offset));
        }
        Ok(self.count)
    }
}

#[inline(always)]
fn error(kind: ScanErrorKind, at: usize) -> ScanError {
    ScanError { kind, offset: at as u32 }
}

/// The data field whose length `tag` announces. Further pairs will come from a dictionary.
const fn data_tag(tag: u32) -> Option<u32> {
    match tag {
        95 => Some(96),
        354 => Some(355),
        _ => None,
    }
}

/// The last, short block of a message, filled up with zeros.
#[inline(always)]
pub(super) fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// The tag at `at` and where its value starts: 1 to 9 digits, the first not zero, then `=`.
#[inline(always)]
fn tag_at(message: &[u8], at: usize) -> Option<(u32, usize)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let Some(bytes) = message[at..].first_chunk::<8>() else {
        return tag_at_slow(message, at);
    };
    let word = u64::from_le_bytes(*bytes);
    // The lowest set bit is exact: a borrow can only disturb the bytes above the first `=`.
    let x = word ^ (ONES * b'=' as u64);
    let equals = x.wrapping_sub(ONES) & !x & HIGHS;
    let digits_bits = equals.trailing_zeros() & !7; // 8 x the position of `=`; 64 if there is none
    if digits_bits == 64 {
        return tag_at_slow(message, at);
    }
    if digits_bits == 0 || word as u8 == b'0' {
        return None;
    }
    // Digits to the top bytes, zeros (as values, not characters) below them.
    let digits = (word ^ (ONES * b'0' as u64)) << (64 - digits_bits);
    if (digits | digits.wrapping_add(ONES * 0x76)) & HIGHS != 0 {
        return None;
    }
    // The first digit is the lowest byte: pairs, then fours, then eight.
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let tag = (fours * 10_000 + (fours >> 32)) as u32;
    Some((tag, at + digits_bits as usize / 8 + 1))
}

#[cold]
fn tag_at_slow(message: &[u8], at: usize) -> Option<(u32, usize)> {
    let head = &message[at..];
    let digits = head.iter().take(TAG_DIGITS_MAX + 1).position(|&byte| byte == b'=')?;
    if digits == 0 || head[0] == b'0' || !head[..digits].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let tag = head[..digits].iter().fold(0, |tag, &byte| tag * 10 + u32::from(byte - b'0'));
    Some((tag, at + digits + 1))
}
