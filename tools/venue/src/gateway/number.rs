//! Numbers as Kraken's reports print them: shortest form, at least one decimal (venue file 3.1).

use taut_codec::encode::Encoder;
use taut_codec::value::Decimal;

/// An amount that may be wider than a [`Decimal`]: `units` x 10^-`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// The digits, signed.
    pub units: i128,
    /// How many of the digits stand behind the point; any.
    pub scale: u8,
}

impl Amount {
    /// Zero, printed `0.0`.
    pub const ZERO: Self = Self { units: 0, scale: 0 };

    /// `units` / `divisor`, in the same scale and `more` decimals, cut. Zero if `divisor` is.
    #[must_use]
    pub fn divided(self, divisor: i128, more: u8) -> Self {
        let mut out = self;
        for _ in 0..more {
            let Some(units) = out.units.checked_mul(10) else { break };
            out = Self { units, scale: out.scale + 1 };
        }
        out.units = out.units.checked_div(divisor).unwrap_or(0);
        out
    }

    /// Writes the field `tag`.
    pub fn write(self, enc: &mut Encoder<'_>, tag: u32) {
        enc.bytes(tag, self.to_string().as_bytes());
    }
}

impl From<Decimal> for Amount {
    fn from(decimal: Decimal) -> Self {
        Self { units: i128::from(decimal.mantissa), scale: decimal.scale }
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { mut units, mut scale } = *self;
        while scale > 1 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        let sign = if units < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", units.unsigned_abs(), width = usize::from(scale) + 1);
        let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
        let fraction = if fraction.is_empty() { "0" } else { fraction };
        f.pad(&format!("{sign}{whole}.{fraction}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_print_with_at_least_one_decimal_and_no_zeros_that_trail() {
        for (units, scale, text) in [
            (0, 0, "0.0"),
            (0, 9, "0.0"),
            (10_000, 1, "1000.0"),
            (1_000_000, 8, "0.01"),
            (1000, 0, "1000.0"),
            (-15, 2, "-0.15"),
            (31_746, 7, "0.0031746"),
            (123_456_789_012_345_678_901_234, 9, "123456789012345.678901234"),
        ] {
            assert_eq!(Amount { units, scale }.to_string(), text);
        }
    }

    #[test]
    fn an_average_price_is_cut_after_the_decimals_that_were_asked_for() {
        let notional = Amount { units: 200, scale: 1 };
        assert_eq!(notional.divided(3, 8).to_string(), "6.666666666");
        assert_eq!(notional.divided(0, 8).to_string(), "0.0");
        let huge = Amount { units: i128::MAX / 5, scale: 1 };
        assert_eq!(huge.divided(1, 8), huge, "no digit is lost when there is no room for more");
    }
}
