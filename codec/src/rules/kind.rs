//! The forms of values.

use super::Reason;
use crate::ids::{ClOrdId, Market};
use crate::typed::{TimeOfDay, parse_i64};
use crate::value::{Decimal, UtcTime, ValueError, parse_u32, parse_u64};

/// The form of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any bytes.
    Text,
    /// One byte.
    Char,
    /// Words between single spaces, each of them one of the valid values.
    Words,
    /// Any bytes, SOH included; the field before it says how many.
    Data,
    /// An unsigned integer, the length of the data field behind it; or BodyLength(9).
    Length,
    /// A ClOrdID(11): on spot a positive number of at most 18 digits or a UUID, on derivatives a UUIDv4
    /// (venue file 6.9). Its time is looked at by who has a clock.
    ClOrdId,
    /// A signed integer.
    Int,
    /// An unsigned integer.
    Uint,
    /// The count of a repeating group.
    Count,
    /// A decimal number without exponent.
    Decimal,
    /// `Y` or `N`.
    Boolean,
    /// `YYYYMMDD-HH:MM:SS` and an optional fraction.
    UtcTimestamp,
    /// `HH:MM:SS` and an optional fraction.
    UtcTimeOnly,
    /// `YYYYMMDD`.
    Date,
    /// `YYYYMM`, `YYYYMMDD` or `YYYYMMwN`.
    MonthYear,
}

impl Kind {
    /// Whether `value`, which is not empty, has this form.
    ///
    /// # Errors
    /// [`Reason::FormatIncorrect`]; [`Reason::ValueIncorrect`] for a number that has the form and does
    /// not fit 64 bits (a count: 32), and for what is no ClOrdID.
    pub fn check(self, value: &[u8]) -> Result<(), Reason> {
        let number = |result: Result<(), ValueError>| match result {
            Ok(()) => Ok(()),
            Err(ValueError::Overflow) => Err(Reason::ValueIncorrect),
            Err(_) => Err(Reason::FormatIncorrect),
        };
        let form = |good: bool| if good { Ok(()) } else { Err(Reason::FormatIncorrect) };
        match self {
            Self::Text | Self::Words | Self::Data => Ok(()),
            Self::Char => form(value.len() == 1),
            Self::Int => number(parse_i64(value).map(drop)),
            Self::ClOrdId => match ClOrdId::parse(value) {
                Ok(_) => Ok(()),
                Err(_) => Err(Reason::ValueIncorrect),
            },
            Self::Uint | Self::Length => number(parse_u64(value).map(drop)),
            Self::Count => number(parse_u32(value).map(drop)),
            Self::Decimal => number(Decimal::parse(value).map(drop)),
            Self::Boolean => form(matches!(value, b"Y" | b"N")),
            Self::UtcTimestamp => form(UtcTime::parse(value).is_ok()),
            Self::UtcTimeOnly => form(TimeOfDay::parse(value).is_ok()),
            Self::Date => form(is_date(value)),
            Self::MonthYear => form(match value.len() {
                6 => is_date_of(value, b"01"),
                8 if value[6] == b'w' => {
                    matches!(value[7], b'1'..=b'5') && is_date_of(&value[..6], b"01")
                }
                _ => is_date(value),
            }),
        }
    }

    /// [`Kind::check`] by the rules of a market.
    ///
    /// # Errors
    /// As [`Kind::check`].
    pub fn check_on(self, value: &[u8], market: Option<Market>) -> Result<(), Reason> {
        match (self, market) {
            (Self::ClOrdId, Some(Market::Derivatives)) => match ClOrdId::parse(value) {
                Ok(id) if id.is_uuid_v4() => Ok(()),
                _ => Err(Reason::ValueIncorrect),
            },
            _ => self.check(value),
        }
    }
}

fn is_date(value: &[u8]) -> bool {
    value.len() == 8 && is_date_of(&value[..6], &value[6..])
}

/// By way of a timestamp, which knows the lengths of months. Years before 1970 are shifted by a
/// multiple of 400, after which dates repeat.
fn is_date_of(year_month: &[u8], day: &[u8]) -> bool {
    let Ok(year) = parse_u32(&year_month[..4]) else { return false };
    let mut time = *b"00000000-00:00:00";
    let mut shifted = 2000 + year % 400;
    for digit in time[..4].iter_mut().rev() {
        *digit = b'0' + (shifted % 10) as u8;
        shifted /= 10;
    }
    time[4..6].copy_from_slice(&year_month[4..6]);
    time[6..8].copy_from_slice(day);
    UtcTime::parse(&time).is_ok()
}
