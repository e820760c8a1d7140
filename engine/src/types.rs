//! The small values that every room of the house speaks in.

use taut_codec::value::{Decimal, FixStr, UtcTime, ValueError};

/// A trading pair or contract as it is written on the wire, `BTC/USD`.
pub type Symbol = FixStr<23>;
/// A ClOrdID on the wire: numeric up to 18 digits (spot) or a COMB UUID of 36 characters
/// (derivatives); venue file 6.9.
pub type ClOrdIdText = FixStr<36>;
/// An OrderID(37): `OKWUQF-YPJM2-DTAJHH` on spot, a UUID on derivatives; venue file 4.6.
pub type OrderId = FixStr<36>;
/// An ExecID(17), opaque; venue file 4.6.3.
pub type ExecId = FixStr<47>;
/// A CompID(49/56).
pub type CompId = FixStr<47>;
/// A human-readable Text(58), cut at 127 bytes.
pub type Text = FixStr<127>;

/// A price in units of 10^-`price_precision` of its instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Px(pub i64);

/// A quantity in units of 10^-`qty_precision` of its instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Qty(pub i64);

/// Side(54) of an order, and the side of a book level (bids are `Buy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// `54=1`; bids.
    Buy,
    /// `54=2`; offers.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// The value of tag 54.
    #[must_use]
    pub const fn fix(self) -> u8 {
        match self {
            Self::Buy => b'1',
            Self::Sell => b'2',
        }
    }

    /// From the value of tag 54.
    #[must_use]
    pub const fn from_fix(value: &[u8]) -> Option<Self> {
        match value {
            b"1" => Some(Self::Buy),
            b"2" => Some(Self::Sell),
            _ => None,
        }
    }

    /// +1 for a buy, -1 for a sell.
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }

    /// Whether `price` is at least as aggressive on this side as `other`.
    #[must_use]
    pub const fn at_least_as_good(self, price: Px, other: Px) -> bool {
        match self {
            Self::Buy => price.0 >= other.0,
            Self::Sell => price.0 <= other.0,
        }
    }
}

/// OrdType(40) as far as it is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrdType {
    /// `40=1`.
    Market,
    /// `40=2`.
    Limit,
}

impl OrdType {
    /// The value of tag 40.
    #[must_use]
    pub const fn fix(self) -> u8 {
        match self {
            Self::Market => b'1',
            Self::Limit => b'2',
        }
    }
}

/// TimeInForce(59) as far as it is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeInForce {
    /// `59=1`, good till cancelled.
    Gtc,
    /// `59=3`, immediate or cancel.
    Ioc,
}

impl TimeInForce {
    /// The value of tag 59.
    #[must_use]
    pub const fn fix(self) -> u8 {
        match self {
            Self::Gtc => b'1',
            Self::Ioc => b'3',
        }
    }
}

/// AssetPairStatus(5032); venue file 4.12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PairStatus {
    /// `0`
    Hidden,
    /// `1`
    Online,
    /// `2`
    Maintenance,
    /// `3`
    CancelOnly,
    /// `4`
    PostOnly,
    /// `5`
    LimitOnly,
    /// `6`
    Delisted,
    /// `7`
    ReduceOnly,
}

impl PairStatus {
    /// The value of tag 5032.
    #[must_use]
    pub const fn fix(self) -> u8 {
        b'0' + self as u8
    }

    /// From the value of tag 5032.
    #[must_use]
    pub const fn from_fix(value: &[u8]) -> Option<Self> {
        Some(match value {
            b"0" => Self::Hidden,
            b"1" => Self::Online,
            b"2" => Self::Maintenance,
            b"3" => Self::CancelOnly,
            b"4" => Self::PostOnly,
            b"5" => Self::LimitOnly,
            b"6" => Self::Delisted,
            b"7" => Self::ReduceOnly,
            _ => return None,
        })
    }
}

/// What a venue says about an instrument: one entry of InstrumentList (35=y), venue file 4.12.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instrument {
    /// Symbol(55).
    pub symbol: Symbol,
    /// PricePrecision(2349): decimals of a price.
    pub price_precision: u8,
    /// QtyPrecision(5010): decimals of a quantity.
    pub qty_precision: u8,
    /// TickSize(5022): a price is a multiple of it.
    pub tick_size: Px,
    /// MinTradeVol(562): a quantity is a multiple of it.
    pub qty_step: Qty,
    /// QtyMin(5011).
    pub qty_min: Qty,
    /// MinimumCost(5013), price x quantity, in the quote currency; zero if the venue names none.
    pub cost_min: Decimal,
    /// AssetPairStatus(5032).
    pub status: PairStatus,
}

impl Instrument {
    /// A price of this instrument as a decimal.
    #[must_use]
    pub const fn px_decimal(&self, px: Px) -> Decimal {
        Decimal::new(px.0, self.price_precision)
    }

    /// A quantity of this instrument as a decimal.
    #[must_use]
    pub const fn qty_decimal(&self, qty: Qty) -> Decimal {
        Decimal::new(qty.0, self.qty_precision)
    }

    /// A decimal as a price of this instrument, exactly.
    ///
    /// # Errors
    /// [`ValueError::Inexact`] or [`ValueError::Overflow`].
    pub fn px(&self, decimal: Decimal) -> Result<Px, ValueError> {
        decimal.to_scale(self.price_precision).map(Px)
    }

    /// A decimal as a quantity of this instrument, exactly.
    ///
    /// # Errors
    /// [`ValueError::Inexact`] or [`ValueError::Overflow`].
    pub fn qty(&self, decimal: Decimal) -> Result<Qty, ValueError> {
        decimal.to_scale(self.qty_precision).map(Qty)
    }
}

/// A position in the table of instruments that a desk (or a venue) was configured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentId(pub u16);

/// The time that pure code is given: UTC nanoseconds. Alias for readers.
pub type Now = UtcTime;

/// A ClOrdID(11): numeric up to 18 digits on spot, a COMB UUID on derivatives. Kept, as the venue
/// does, as one 128-bit number (venue file 6.9); a UUID of today is far above 10^18, so the two forms
/// cannot be confused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClOrdId(u128);

impl ClOrdId {
    /// Longest text of a ClOrdID, bytes.
    pub const TEXT_MAX: usize = 36;
    /// First number that is not numeric-form: 10^18.
    const NUMERIC_END: u128 = 1_000_000_000_000_000_000;

    /// The numeric form; `None` for 0 or above 18 digits.
    #[must_use]
    pub const fn numeric(number: u64) -> Option<Self> {
        if number == 0 || number as u128 >= Self::NUMERIC_END {
            None
        } else {
            Some(Self(number as u128))
        }
    }

    /// The UUID form; `None` if it is small enough to be mistaken for the numeric form.
    #[must_use]
    pub const fn uuid(bits: u128) -> Option<Self> {
        if bits < Self::NUMERIC_END { None } else { Some(Self(bits)) }
    }

    /// All bits.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The number, if this is the numeric form.
    #[must_use]
    pub const fn as_numeric(self) -> Option<u64> {
        if self.0 < Self::NUMERIC_END { Some(self.0 as u64) } else { None }
    }

    /// Reads either form.
    ///
    /// # Errors
    /// [`ValueError::Empty`]; [`ValueError::TooLong`] above 18 digits; [`ValueError::BadByte`] for what
    /// is neither digits nor `8-4-4-4-12` hexadecimal digits; [`ValueError::Overflow`] for zero.
    pub fn parse(text: &[u8]) -> Result<Self, ValueError> {
        if text.len() == Self::TEXT_MAX {
            let mut bits = 0u128;
            for (i, &byte) in text.iter().enumerate() {
                if matches!(i, 8 | 13 | 18 | 23) {
                    if byte != b'-' {
                        return Err(ValueError::BadByte);
                    }
                    continue;
                }
                let digit = (byte as char).to_digit(16).ok_or(ValueError::BadByte)?;
                bits = bits << 4 | u128::from(digit);
            }
            return Self::uuid(bits).ok_or(ValueError::Overflow);
        }
        let number = taut_codec::value::parse_u64(text)?;
        if text.len() > 18 {
            return Err(ValueError::TooLong);
        }
        Self::numeric(number).ok_or(ValueError::Overflow)
    }

    /// Writes the form that [`ClOrdId::parse`] reads.
    #[must_use]
    pub fn write(self, scratch: &mut [u8; Self::TEXT_MAX]) -> &[u8] {
        if let Some(number) = self.as_numeric() {
            let mut digits = [0; 20];
            let digits = taut_codec::value::write_u64(number, &mut digits);
            scratch[..digits.len()].copy_from_slice(digits);
            return &scratch[..digits.len()];
        }
        let mut shift = 128;
        for (i, byte) in scratch.iter_mut().enumerate() {
            *byte = if matches!(i, 8 | 13 | 18 | 23) {
                b'-'
            } else {
                shift -= 4;
                b"0123456789abcdef"[(self.0 >> shift) as usize & 0xf]
            };
        }
        scratch
    }
}

impl std::fmt::Display for ClOrdId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut scratch = [0; Self::TEXT_MAX];
        f.pad(std::str::from_utf8(self.write(&mut scratch)).unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_cl_ord_id_read_back_as_they_were_written() {
        for text in
            ["1", "1688738168", "999999999999999999", "9e58120f-182b-4dce-9609-8ca7cdd174f0"]
        {
            assert_eq!(
                ClOrdId::parse(text.as_bytes()).map(|id| id.to_string()),
                Ok(text.to_string())
            );
        }
    }

    #[test]
    fn a_cl_ord_id_that_the_venue_would_refuse_does_not_parse() {
        for (text, error) in [
            ("", ValueError::Empty),
            ("0", ValueError::Overflow),
            ("1000000000000000000", ValueError::TooLong),
            ("12a", ValueError::BadByte),
            ("-1", ValueError::BadByte),
            ("9e58120f-182b-4dce-9609+8ca7cdd174f0", ValueError::BadByte),
            ("9e58120f-182b-4dce-9609-8ca7cdd174fg", ValueError::BadByte),
        ] {
            assert_eq!(ClOrdId::parse(text.as_bytes()), Err(error), "{text:?}");
        }
    }
}
