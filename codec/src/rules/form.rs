//! How the values that are written as nearly always are told to be good: without a copy, a number made or a
//! reason found. What is not told here is looked at by [`Kind::check_on`] and the sets of values.

use super::{Kind, Member};
use crate::scan::sixteen::{digits_at, is_decimal_at, moment};
use crate::tag;
use crate::value::UtcTime;
use crate::value::swar::{ZEROS, no_digits};

/// How most good values of a member are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Form {
    /// Not empty.
    Text,
    /// One byte.
    Char,
    /// One byte, enumerated.
    Byte,
    /// One byte, enumerated, on which conditions depend.
    Deciding,
    /// One byte, enumerated, of which there may be more between spaces.
    Word,
    /// `Y` or `N`.
    Boolean,
    /// Up to sixteen digits.
    Digits,
    /// Up to sixteen digits, not all of them zeros; by the rules of derivatives no such thing.
    ClOrdId,
    /// Up to sixteen digits and a point.
    Decimal,
    /// `YYYYMMDD-HH:MM:SS.mmm`
    Timestamp,
    /// `HH:MM:SS.mmm`
    Clock,
    /// There is more to it: another form, a market, a group, a neighbour, conditions.
    Other,
}

impl Form {
    /// Of a member, on which conditions may depend.
    pub(super) const fn of(member: &Member, is_deciding: bool) -> Self {
        if member.market.is_some() || member.group != 0 {
            return Self::Other;
        }
        match (member.kind, member.values) {
            (Kind::Text | Kind::Char, 1..) if is_deciding => Self::Deciding,
            _ if is_deciding => Self::Other,
            (Kind::Text, 0) => Self::Text,
            (Kind::Char, 0) => Self::Char,
            (Kind::Text | Kind::Char, _) => Self::Byte,
            (Kind::Words, 1..) => Self::Word,
            (Kind::Boolean, 0) => Self::Boolean,
            (Kind::Int | Kind::Uint, 0) => Self::Digits,
            // It announces no data field.
            (Kind::Length, 0) if member.tag == tag::BODY_LENGTH => Self::Digits,
            (Kind::ClOrdId, 0) => Self::ClOrdId,
            (Kind::Decimal, 0) => Self::Decimal,
            (Kind::UtcTimestamp, 0) => Self::Timestamp,
            (Kind::UtcTimeOnly, 0) => Self::Clock,
            _ => Self::Other,
        }
    }
    /// Whether the value `bytes[start..end]` is a number or a time as most are; of the other forms and where
    /// the value stands too near to an end of the bytes: no.
    #[inline(always)]
    pub(super) fn is_told(self, bytes: &[u8], start: usize, end: usize) -> bool {
        match self {
            Self::Digits => {
                are_few_digits(bytes, start, end) || digits_at(bytes, start, end).is_some()
            }
            Self::ClOrdId => digits_at(bytes, start, end) == Some(true),
            Self::Decimal => is_decimal_at(bytes, start, end),
            Self::Timestamp => bytes.get(start..end).and_then(UtcTime::parse_quickly).is_some(),
            Self::Clock => bytes.get(start..end).is_some_and(is_clock),
            _ => false,
        }
    }
}

/// Whether a value is 1 to 8 digits. Eight bytes from its start on are looked at: near the start of a message
/// there are no sixteen up to its end.
#[inline(always)]
fn are_few_digits(bytes: &[u8], start: usize, end: usize) -> bool {
    let len = end.wrapping_sub(start);
    let eight = bytes.get(start..start + 8).and_then(|eight| eight.first_chunk());
    let Some(eight) = eight.filter(|_| len.wrapping_sub(1) < 8) else { return false };
    // What is behind the value is shifted out; the shift is modulo 64.
    let behind = (8 * len).wrapping_neg() & 63;
    no_digits((u64::from_le_bytes(*eight) ^ ZEROS) << behind) == 0
}

/// Whether a value is `HH:MM:SS.mmm`.
#[inline(always)]
fn is_clock(value: &[u8]) -> bool {
    let mut text = *b"20000101-HH:MM:SS.mmm";
    let is_long_enough = value.len() == text[9..].len();
    is_long_enough && {
        text[9..].copy_from_slice(value);
        moment(&text).is_some()
    }
}
