//! Typed values: parsed exactly, printed the way Kraken prints them; overflow is an error.

mod decimal;
pub(crate) mod int;
pub(crate) mod print;
pub(crate) mod swar;
pub(crate) mod text;
mod time;

pub use decimal::{DECIMAL_TEXT_MAX, Decimal, SCALE_MAX};
pub(crate) use int::parse_u64_at;
pub use int::{parse_u32, parse_u64, write_u64};
pub use text::FixStr;
pub use time::{TimeText, TimestampCache, UtcTime};

/// Why a value could not be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueError {
    /// The value is empty.
    Empty,
    /// A byte that the type does not allow.
    BadByte,
    /// The value does not fit the type.
    Overflow,
    /// The value has more decimals than the target scale can hold exactly.
    Inexact,
    /// The value is longer than the type can hold.
    TooLong,
}

impl core::fmt::Display for ValueError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty value",
            Self::BadByte => "byte not allowed in this type",
            Self::Overflow => "value out of range",
            Self::Inexact => "more decimals than the scale holds",
            Self::TooLong => "value too long",
        })
    }
}

impl core::error::Error for ValueError {}

#[cfg(test)]
pub(crate) mod fast_tests;
#[cfg(test)]
mod tests;
