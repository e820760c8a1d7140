//! Exact decimals: a checked `i64` mantissa and a scale.

use super::{ValueError, write_u64};

/// `mantissa` x 10^-`scale`. Equality is of the representation, not of the number: `1.0` and `1`
/// differ; compare numbers through [`Decimal::to_scale`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Decimal {
    /// The digits, signed.
    pub mantissa: i64,
    /// How many of the digits stand behind the point, 0 to 18.
    pub scale: u8,
}

/// Most decimals a [`Decimal`] can have.
pub const SCALE_MAX: u8 = 18;

/// Longest text that [`Decimal::write`] makes: sign, 19 digits, leading `0`, point.
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
    #[must_use]
    pub const fn new(mantissa: i64, scale: u8) -> Self {
        assert!(scale <= SCALE_MAX);
        Self { mantissa, scale }
    }

    /// Parses a FIX float: optional `-`, digits, optional point and digits. No exponent. Zeros that
    /// lead or trail are legal; trailing decimals beyond what `i64` holds are an overflow.
    ///
    /// # Errors
    /// [`ValueError::Empty`], [`ValueError::BadByte`], [`ValueError::Overflow`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ValueError> {
        let (negative, digits) = match bytes.first() {
            None => return Err(ValueError::Empty),
            Some(b'-') => (true, &bytes[1..]),
            Some(_) => (false, bytes),
        };
        let mut mantissa: i64 = 0;
        let mut scale: u8 = 0;
        let mut point = false;
        let mut any = false;
        for &byte in digits {
            if byte == b'.' {
                if point {
                    return Err(ValueError::BadByte);
                }
                point = true;
                continue;
            }
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return Err(ValueError::BadByte);
            }
            any = true;
            if point {
                if scale == SCALE_MAX {
                    return Err(ValueError::Overflow);
                }
                scale += 1;
            }
            mantissa = mantissa
                .checked_mul(10)
                .and_then(|m| m.checked_add(i64::from(digit)))
                .ok_or(ValueError::Overflow)?;
        }
        if !any {
            return Err(if point || negative { ValueError::BadByte } else { ValueError::Empty });
        }
        Ok(Self { mantissa: if negative { -mantissa } else { mantissa }, scale })
    }

    /// The number as an integer of 10^-`scale` units, exactly.
    ///
    /// # Errors
    /// [`ValueError::Inexact`] if non-zero digits would be lost, [`ValueError::Overflow`].
    pub fn to_scale(self, scale: u8) -> Result<i64, ValueError> {
        if scale > SCALE_MAX {
            return Err(ValueError::Overflow);
        }
        if scale >= self.scale {
            let factor = POW10[usize::from(scale - self.scale)];
            return self.mantissa.checked_mul(factor).ok_or(ValueError::Overflow);
        }
        let factor = POW10[usize::from(self.scale - scale)];
        if self.mantissa % factor != 0 {
            return Err(ValueError::Inexact);
        }
        Ok(self.mantissa / factor)
    }

    /// Without zeros that trail behind the point.
    #[must_use]
    pub fn normalized(self) -> Self {
        let mut out = self;
        while out.scale > 0 && out.mantissa % 10 == 0 {
            out.mantissa /= 10;
            out.scale -= 1;
        }
        out
    }

    /// Writes the shortest form with at least `decimals_min` decimals at the end of `scratch` and
    /// returns it. Kraken's own reports use one (venue file 3.1: `44=1000.0`), its texts none
    /// (4.6.2: `@ limit 1000`).
    #[must_use]
    pub fn write(self, decimals_min: u8, scratch: &mut [u8; DECIMAL_TEXT_MAX]) -> &[u8] {
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
