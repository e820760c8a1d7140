//! Exact decimals: a checked `i64` mantissa and a scale.

use super::print::{ROOM, put_decimal};
use super::{ValueError, write_u64};
use crate::scan::sixteen;

/// `mantissa` x 10^-`scale`. Equality is of the representation, not of the number: `1.0` and `1`
/// differ; compare numbers through [`Decimal::to_scale`] or [`Decimal::normalized`]. There is one
/// zero: `-0` is read as `0` and never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Decimal {
    /// The digits, signed. All of `i64` is legal.
    pub mantissa: i64,
    /// How many of the digits stand behind the point, 0 to [`SCALE_MAX`]; more is treated as that.
    pub scale: u8,
}

/// Most decimals a [`Decimal`] can have.
pub const SCALE_MAX: u8 = 18;

/// Room for the longest text that [`Decimal::write`] makes: sign, 19 digits, point, one more zero.
pub const DECIMAL_TEXT_MAX: usize = 24;

pub(crate) const POW10: [i64; 19] = {
    let mut table = [1i64; 19];
    let mut i = 1;
    while i < 19 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

impl Decimal {
    /// A decimal from its parts.
    ///
    /// # Panics
    /// If `scale` is above [`SCALE_MAX`]: it is the program's own number, never a peer's.
    #[must_use]
    pub const fn new(mantissa: i64, scale: u8) -> Self {
        assert!(scale <= SCALE_MAX);
        Self { mantissa, scale }
    }

    /// Parses a FIX float: optional `-`, then digits with at most one point among, before or behind
    /// them (`1`, `1.0`, `.5`, `5.`). No `+`, no exponent, no space. Zeros that lead or trail are
    /// legal, however many; trailing ones are kept as decimals as far as there is room.
    ///
    /// # Errors
    /// [`ValueError::Empty`], [`ValueError::BadByte`], [`ValueError::Overflow`].
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, ValueError> {
        let (negative, digits) = match bytes.split_first() {
            Some((b'-', rest)) => (true, rest),
            _ => (false, bytes),
        };
        match sixteen::decimal(digits) {
            Some((digits, scale)) => {
                let mantissa = digits as i64;
                Ok(Self { mantissa: if negative { -mantissa } else { mantissa }, scale })
            }
            // More than sixteen characters, or malformed.
            None => Self::parse_plainly(bytes),
        }
    }

    /// [`Decimal::parse`] of `bytes[start..end]`, which must be inside.
    #[inline(always)]
    pub(crate) fn parse_at(bytes: &[u8], start: usize, end: usize) -> Result<Self, ValueError> {
        match sixteen::decimal_at(bytes, start, end) {
            Some((digits, scale)) => Ok(Self { mantissa: digits as i64, scale }),
            None => Self::parse_rarely(&bytes[start..end]),
        }
    }

    /// [`Decimal::parse`]: a negative number, a long one, one near the start of the bytes, an error.
    #[cold]
    #[inline(never)]
    fn parse_rarely(bytes: &[u8]) -> Result<Self, ValueError> {
        Self::parse(bytes)
    }

    /// [`Decimal::parse`], one byte at a time.
    pub(crate) fn parse_plainly(bytes: &[u8]) -> Result<Self, ValueError> {
        let (negative, digits) = match bytes.split_first() {
            None => return Err(ValueError::Empty),
            Some((b'-', rest)) => (true, rest),
            Some(_) => (false, bytes),
        };
        // Counted downwards, because i64 reaches one further there.
        let mut minus: i64 = 0;
        let mut scale: u8 = 0;
        let mut point = false;
        let mut any = false;
        for (i, &byte) in digits.iter().enumerate() {
            if byte == b'.' && !point {
                point = true;
                continue;
            }
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return Err(ValueError::BadByte);
            }
            any = true;
            let next = minus.checked_mul(10).and_then(|m| m.checked_sub(i64::from(digit)));
            match next {
                Some(next) if !point || scale < SCALE_MAX => minus = next,
                _ => return Self::without_room(&digits[i..], point, negative, minus, scale),
            }
            scale += u8::from(point);
        }
        if any { Self::signed(negative, minus, scale) } else { Err(ValueError::BadByte) }
    }

    /// The end of a text of which no further digit fits: zeros behind the point may be left out.
    #[cold]
    fn without_room(
        rest: &[u8],
        point: bool,
        negative: bool,
        minus: i64,
        scale: u8,
    ) -> Result<Self, ValueError> {
        let points = rest.iter().filter(|&&b| b == b'.').count() + usize::from(point);
        if points > 1 || rest.iter().any(|&b| b != b'.' && !b.is_ascii_digit()) {
            Err(ValueError::BadByte)
        } else if point && rest.iter().all(|&b| b == b'0') {
            Self::signed(negative, minus, scale)
        } else {
            Err(ValueError::Overflow)
        }
    }

    fn signed(negative: bool, minus: i64, scale: u8) -> Result<Self, ValueError> {
        let mantissa =
            if negative { minus } else { minus.checked_neg().ok_or(ValueError::Overflow)? };
        Ok(Self { mantissa, scale })
    }

    /// The number as an integer of 10^-`scale` units, exactly.
    ///
    /// # Errors
    /// [`ValueError::Inexact`] if non-zero digits would be lost, [`ValueError::Overflow`].
    #[inline]
    pub fn to_scale(self, scale: u8) -> Result<i64, ValueError> {
        if scale > SCALE_MAX {
            return Err(ValueError::Overflow);
        }
        let own = self.scale.min(SCALE_MAX);
        if scale >= own {
            let factor = POW10[usize::from(scale - own)];
            return self.mantissa.checked_mul(factor).ok_or(ValueError::Overflow);
        }
        let factor = POW10[usize::from(own - scale)];
        if self.mantissa % factor != 0 {
            return Err(ValueError::Inexact);
        }
        Ok(self.mantissa / factor)
    }

    /// Without zeros that trail behind the point.
    #[must_use]
    pub fn normalized(self) -> Self {
        let mut out = Self { scale: self.scale.min(SCALE_MAX), ..self };
        while out.scale > 0 && out.mantissa % 10 == 0 {
            out.mantissa /= 10;
            out.scale -= 1;
        }
        out
    }

    /// Writes the shortest form with at least `decimals_min` decimals into `scratch` and returns it. Kraken's own reports use one (venue file 3.1: `44=1000.0`), its texts none
    /// (4.6.2: `@ limit 1000`), so `decimals_min` is 0 or 1; more counts as 1.
    #[must_use]
    pub fn write(self, decimals_min: u8, scratch: &mut [u8; DECIMAL_TEXT_MAX]) -> &[u8] {
        let mut room = [0; ROOM];
        let text = put_decimal(&mut room, self, decimals_min);
        scratch.copy_from_slice(&room[..DECIMAL_TEXT_MAX]);
        &scratch[..text.len]
    }

    /// [`Decimal::write`], one byte at a time, at the end of `scratch`.
    pub(super) fn write_plainly(
        self,
        decimals_min: u8,
        scratch: &mut [u8; DECIMAL_TEXT_MAX],
    ) -> &[u8] {
        let short = self.normalized();
        let mut digits = [0u8; 20];
        let digits = write_u64(short.mantissa.unsigned_abs(), &mut digits);
        let scale = usize::from(short.scale);
        let mut at = scratch.len();
        let mut push = |byte: u8| {
            at -= 1;
            scratch[at] = byte;
        };
        if scale == 0 {
            for _ in 0..decimals_min.min(1) {
                push(b'0');
            }
        }
        let mut emitted = 0;
        for &digit in digits.iter().rev() {
            if emitted == scale && (scale > 0 || decimals_min > 0) {
                push(b'.');
            }
            push(digit);
            emitted += 1;
        }
        while emitted <= scale {
            if emitted == scale && scale > 0 {
                push(b'.');
            }
            push(b'0');
            emitted += 1;
        }
        if short.mantissa < 0 {
            push(b'-');
        }
        &scratch[at..]
    }
}

impl core::fmt::Display for Decimal {
    /// The shortest form: `1000`, `0.01`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut scratch = [0; DECIMAL_TEXT_MAX];
        f.pad(core::str::from_utf8(self.write(0, &mut scratch)).unwrap_or(""))
    }
}
