//! Kraken's dialect of FIX 4.4: the field checks of its gateway, and the names of messages and values.
//!
//! ```
//! use taut_codec::message::Message;
//! use taut_codec::rules::{FieldFault, Options, Reason};
//! use taut_codec::scan::{Field, Scanner};
//! use taut_codec::{kraken, tag};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A mass cancel for one symbol that does not say which.
//! let bytes = b"8=FIX.4.4\x019=94\x0135=q\x0134=6\x0149=damien\x0152=20230707-13:59:36.000\x0156=KRAKEN-TRD\x01\
//!     11=1688738376\x0160=20230707-13:59:36.422\x01530=1\x0110=000\x01";
//! # let mut bytes = bytes.to_vec();
//! # let at = bytes.len() - 7;
//! # let sum = bytes[..at].iter().fold(0u8, |sum, &b| sum.wrapping_add(b));
//! # bytes[at + 3..at + 6].copy_from_slice(format!("{sum:03}").as_bytes());
//! let mut fields = [Field::default(); 32];
//! let count = Scanner::new().index(&bytes[..], &mut fields)?;
//! let fault = kraken::check(&Message::new(&bytes[..], &fields[..count]), Options::default());
//! let reason = Reason::ConditionallyMissing;
//! assert_eq!(fault, Err(FieldFault { reason, tag: tag::SYMBOL }));
//! assert_eq!(reason.business_reject(), Some(5));
//! # Ok(())
//! # }
//! ```
//!
//! A draft that lacks a required field does not compile:
//!
//! ```compile_fail,E0063
//! use taut_codec::messages::order_mass_cancel_request::{Draft, Optional};
//!
//! let draft = Draft { cl_ord_id: b"1688738376", optional: Optional::default() };
//! ```

mod reject_text;

use crate::ids::Market;
use crate::message::Message;
use crate::messages::values::{NAMES, RESTRICTED, SETS};
use crate::messages::{MESSAGES, envelope};
use crate::rules::{self, Dialect, FieldFault, Layout, Options};
use crate::scan::DataFields;
use crate::tag;

pub use reject_text::{RejectText, TextForm};

/// The dialect, as [`rules::check`] wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kraken;

/// Checks one message of either side; see [`rules::check`].
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(message: &Message<'_>, options: Options) -> Result<(), FieldFault> {
    rules::check(&Kraken, message, options)
}

/// The name of a MsgType(35), `NewOrderSingle`.
#[must_use]
pub fn message_name(msg_type: &[u8]) -> Option<&'static str> {
    find(msg_type).map(|(_, name, _)| *name)
}

/// The name of an enumerated value, `good till cancelled`; of a MsgType that of the message.
#[must_use]
pub fn value_name(tag: u32, value: &[u8]) -> Option<&'static str> {
    if matches!(tag, tag::MSG_TYPE | tag::REF_MSG_TYPE) {
        return message_name(value);
    }
    let field = NAMES.binary_search_by_key(&tag, |(tag, _)| *tag).ok()?;
    NAMES[field].1.iter().find(|(one, _)| one.as_bytes() == value).map(|(_, name)| *name)
}

/// A message: MsgType, name, what it consists of.
type Entry = (&'static str, &'static str, &'static Layout<'static>);

fn find(msg_type: &[u8]) -> Option<&'static Entry> {
    match msg_type {
        // Each of the dialect has one byte.
        [byte] => MESSAGES.get(usize::from(*BY_MSG_TYPE.get(usize::from(*byte))?)),
        _ => None,
    }
}

/// Where in [`MESSAGES`] a MsgType stands, behind its end if the dialect does not have it.
static BY_MSG_TYPE: [u8; 128] = {
    let mut out = [u8::MAX; 128];
    let mut n = 0;
    while n < MESSAGES.len() {
        let [byte] = MESSAGES[n].0.as_bytes() else { panic!("a MsgType of more than one byte") };
        out[*byte as usize] = n as u8;
        n += 1;
    }
    assert!(n < u8::MAX as usize);
    out
};

/// A bit for each set of values, by its number.
type OfSets = u64;

/// The sets in which a byte is a value by itself: on spot, on derivatives, on any market.
static OF_BYTE: [[OfSets; 256]; 3] = {
    assert!(SETS.len() < OfSets::BITS as usize);
    let mut out = [[0; 256]; 3];
    let mut n = 0;
    while n < SETS.len() {
        let mut at = 0;
        while at < SETS[n].len() {
            if let [byte] = SETS[n][at].as_bytes() {
                let mut market = 0;
                while market < 3 {
                    out[market][*byte as usize] |= 1 << (n + 1);
                    market += 1;
                }
            }
            at += 1;
        }
        n += 1;
    }
    let mut at = 0;
    while at < RESTRICTED.len() {
        let (set, value, only) = RESTRICTED[at];
        let [byte] = value.as_bytes() else { panic!("a longer value of one market only") };
        let elsewhere = match only {
            Market::Spot => Market::Derivatives,
            Market::Derivatives => Market::Spot,
        };
        out[row(Some(elsewhere))][*byte as usize] &= !(1 << set);
        at += 1;
    }
    out
};

/// Where in [`OF_BYTE`] a market stands.
const fn row(market: Option<Market>) -> usize {
    match market {
        Some(Market::Spot) => 0,
        Some(Market::Derivatives) => 1,
        None => 2,
    }
}

impl Dialect for Kraken {
    fn layout(&self, msg_type: &[u8]) -> Option<Layout<'_>> {
        find(msg_type).map(|(.., layout)| **layout)
    }

    fn has_tag(&self, tag: u32) -> bool {
        tag::name(tag).is_some()
    }

    fn is_valid(&self, values: u16, value: &[u8], market: Option<Market>) -> bool {
        if let [byte] = value {
            return self.is_valid_byte(values, *byte, market);
        }
        let set = usize::from(values).wrapping_sub(1);
        SETS.get(set).is_some_and(|set| set.iter().any(|one| one.as_bytes() == value))
    }

    #[inline(always)]
    fn is_valid_byte(&self, values: u16, byte: u8, market: Option<Market>) -> bool {
        let sets = OF_BYTE[row(market)][usize::from(byte)];
        values < OfSets::BITS as u16 && sets >> values & 1 != 0
    }

    fn data_fields(&self) -> DataFields<'_> {
        const { DataFields::new(&envelope::DATA_FIELDS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_values_have_the_names_of_the_dictionary() {
        assert_eq!(message_name(b"D"), Some("NewOrderSingle"));
        assert_eq!(message_name(b"DD"), None);
        assert_eq!(value_name(tag::TIME_IN_FORCE, b"1"), Some("good till cancelled"));
        assert_eq!(value_name(tag::TIME_IN_FORCE, b"2"), None);
        assert_eq!(value_name(tag::REF_MSG_TYPE, b"x"), Some("InstrumentListRequest"));
        assert_eq!(value_name(tag::TEXT, b"1"), None);
    }

    #[test]
    fn the_tables_are_sorted_as_their_searches_need_it() {
        assert!(MESSAGES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
    }
}
