//! Numbers as Kraken's reports print them: shortest form, at least one decimal (venue file 3.1).

use taut_codec::encode::Encoder;
use taut_codec::value::{DECIMAL_TEXT_MAX, Decimal, SCALE_MAX};

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
        if divisor == 0 {
            return Self::ZERO;
        }
        let mut out = self;
        match 10i128.checked_pow(more.into()).and_then(|factor| out.units.checked_mul(factor)) {
            Some(units) => out = Self { units, scale: out.scale + more },
            // As many as there is room for.
            None => {
                for _ in 0..more {
                    let Some(units) = out.units.checked_mul(10) else { break };
                    out = Self { units, scale: out.scale + 1 };
                }
            }
        }
        // The division of the narrower type is many times as fast.
        out.units = match (i64::try_from(out.units), i64::try_from(divisor)) {
            (Ok(units), Ok(divisor)) => units.checked_div(divisor).map_or(0, i128::from),
            _ => out.units.checked_div(divisor).unwrap_or(0),
        };
        out
    }

    /// Writes the field `tag`.
    pub fn write(self, enc: &mut Encoder<'_>, tag: u32) {
        match self.narrow() {
            // Most amounts of an order that has not traded.
            Some(Decimal { mantissa: 0, .. }) => enc.bytes(tag, b"0.0"),
            Some(decimal) => enc.decimal(tag, decimal, 1),
            None => enc.bytes(tag, self.to_string().as_bytes()),
        };
    }

    /// The same as a [`Decimal`], if it has room: it is written without a division of 128 bits.
    pub(super) fn narrow(self) -> Option<Decimal> {
        let mantissa = i64::try_from(self.units).ok()?;
        (self.scale <= SCALE_MAX).then_some(Decimal { mantissa, scale: self.scale })
    }

    /// [`Amount`]'s text, digit by digit.
    fn write_plainly(self) -> String {
        let Self { mut units, mut scale } = self;
        while scale > 1 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        let sign = if units < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", units.unsigned_abs(), width = usize::from(scale) + 1);
        let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
        let fraction = if fraction.is_empty() { "0" } else { fraction };
        format!("{sign}{whole}.{fraction}")
    }
}

impl From<Decimal> for Amount {
    fn from(decimal: Decimal) -> Self {
        Self { units: i128::from(decimal.mantissa), scale: decimal.scale }
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut scratch = [0; DECIMAL_TEXT_MAX];
        match self.narrow() {
            Some(decimal) => {
                f.pad(std::str::from_utf8(decimal.write(1, &mut scratch)).unwrap_or(""))
            }
            None => f.pad(&self.write_plainly()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_fast_way_prints_what_the_plain_one_does(units: i64, scale in 0u8..=30, tens in 0u32..19) {
            let units = i128::from(units) / 10i128.pow(tens) * 10i128.pow(tens / 2);
            let amount = Amount { units, scale };
            prop_assert_eq!(amount.to_string(), amount.write_plainly());
        }

        #[test]
        fn a_quotient_is_the_same_however_wide_it_was_computed(units: i64, divisor: i64, more in 0u8..12) {
            let narrow = Amount { units: i128::from(units), scale: 2 };
            let (units, divisor) = (i128::from(units), i128::from(divisor));
            let expected = (units * 10i128.pow(more.into())).checked_div(divisor);
            let expected = expected.map_or(Amount::ZERO, |units| Amount { units, scale: 2 + more });
            prop_assert_eq!(narrow.divided(divisor, more), expected);
        }
    }

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
