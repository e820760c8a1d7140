//! The field checks of a gateway: which fields a message may have, must have and in which form.
//!
//! [`check()`] walks a message once, in wire order, and then looks for what is missing. What it knows of
//! the messages comes from a [`Dialect`]: the tables of [`crate::messages`], which are generated from
//! our dictionary of Kraken's dialect, or a dictionary loaded at run time (feature `dictionary`).
//!
//! | finding | answer | FIX session case |
//! |---|---|---|
//! | tag that no message has | 373=0 | 14.a |
//! | required field missing | 373=1 | 14.b |
//! | tag of another message | 373=2 | 14.c |
//! | empty value | 373=4 | 14.d |
//! | value out of range or not enumerated | 373=5 | 14.e |
//! | value of a wrong form | 373=6 | 14.f |
//! | header, body, trailer out of order | 373=14 | 14.g |
//! | tag twice | 373=13 | 14.h |
//! | wrong count of a group | 373=16 | 14.i |
//! | group fields out of order | 373=15 | 14.j |
//! | conditionally required field missing | BusinessMessageReject 380=5 | 14.m |
//! | length without its data field behind it, data without its length before it | 373=14 | |
//!
//! A venue may have two markets behind one dialect, as Kraken has: [`Options::market`] says by whose rules
//! a message is judged (venue file, section 4). A field that only the other market has is one of another
//! message, a value that only the other market has is incorrect, and a message that only the other market
//! has is answered by a BusinessMessageReject with 380=3.

mod check;
pub(crate) mod condition;
mod form;
mod kind;
pub(crate) mod lookup;
mod seen;

pub use check::check;
#[cfg(feature = "dictionary")]
pub(crate) use condition::link_conditions;
pub use condition::{Condition, Demand, When};
pub use kind::Kind;
pub(crate) use lookup::{Slot, layout};
#[cfg(feature = "dictionary")]
pub(crate) use lookup::{fill, link, slots_len};

use crate::ids::Market;
use crate::scan::DataFields;

/// Most fields of the header, a message's body, the trailer or a group entry that can be told apart.
pub const MEMBERS_MAX: usize = 512;
/// From here on tags are user-defined.
pub const USER_DEFINED: u32 = 5000;

/// What a message consists of, header and trailer included. A view of tables.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    /// The fields of all scopes, one scope after the other.
    pub members: &'a [Member],
    /// The scopes: the message itself, then its groups' entries. Not empty.
    pub scopes: &'a [Scope],
    /// The hash tables of the scopes.
    pub(crate) slots: &'a [Slot],
    /// What is demanded beyond that: under a condition, on a market, by the documents.
    pub conditions: &'a [Condition],
    /// The market that has the message, if not all do.
    pub market: Option<Market>,
}

/// One place where fields stand: the message itself or the entry of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Where its members start.
    pub start: u16,
    /// Where they end.
    pub end: u16,
    /// The tag that starts each entry of a group, 0 for the message itself.
    pub first: u32,
    /// Where its hash table starts among the slots of the message.
    slots: u32,
    /// Where its conditions stand among those of the message.
    pub(crate) conditions: (u16, u16),
    /// A tag times this, modulo 2^32, is its hash.
    factor: u32,
    /// How many of its members are required: those with the lowest numbers.
    required: u16,
    /// How many slots it has: a power of two.
    room: u16,
}

impl Scope {
    /// A scope that is not linked to its members yet.
    pub(crate) const fn new(start: u16, end: u16, first: u32) -> Self {
        let (slots, conditions, factor, required, room) = (0, (0, 0), 0, 0, 0);
        Self { start, end, first, slots, conditions, factor, required, room }
    }

    /// Its members among those of its message.
    fn members<'a>(&self, layout: &Layout<'a>) -> &'a [Member] {
        &layout.members[usize::from(self.start)..usize::from(self.end)]
    }
}

/// The sections of a message, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// The standard header.
    Header,
    /// What makes it this message.
    Body,
    /// The standard trailer.
    Trailer,
}

/// A field of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its tag.
    pub tag: u32,
    /// The section in which it stands.
    pub section: Section,
    /// Its place in the order of the dictionary, in its section or entry.
    pub position: u16,
    /// The set of valid values, 0 for any; see [`Dialect::is_valid`].
    pub values: u16,
    /// The scope of the entries if this is the count of a group, else 0.
    pub group: u16,
    /// The form of its value.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// The market that has it, if not all do.
    pub market: Option<Market>,
}

impl Member {
    /// An optional field of the body that may have any value of its kind.
    #[must_use]
    pub const fn new(tag: u32, position: u16, kind: Kind) -> Self {
        let section = Section::Body;
        Self { tag, section, position, values: 0, group: 0, kind, required: false, market: None }
    }

    /// The same field of another section.
    #[must_use]
    pub const fn of(self, section: Section) -> Self {
        Self { section, ..self }
    }

    /// The same field, required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same field, of one market only.
    #[must_use]
    pub const fn only_on(self, market: Market) -> Self {
        Self { market: Some(market), ..self }
    }

    /// The same field with a set of valid values.
    #[must_use]
    pub const fn values(self, values: u16) -> Self {
        Self { values, ..self }
    }

    /// The same field as the count of a group.
    #[must_use]
    pub const fn group(self, scope: u16) -> Self {
        Self { group: scope, ..self }
    }
}

/// The messages of a dialect of FIX.
pub trait Dialect {
    /// What a message of a type consists of, `None` if the dialect does not have it.
    fn layout(&self, msg_type: &[u8]) -> Option<Layout<'_>>;
    /// Whether the dialect has a field with this tag.
    fn has_tag(&self, tag: u32) -> bool;
    /// Whether `value` is in a set of values, and `market`, if one is named, has it; sets are counted from 1.
    fn is_valid(&self, values: u16, value: &[u8], market: Option<Market>) -> bool;
    /// [`Dialect::is_valid`] of a value of one byte.
    fn is_valid_byte(&self, values: u16, byte: u8, market: Option<Market>) -> bool {
        self.is_valid(values, &[byte], market)
    }
    /// The length fields and the data fields that they announce.
    fn data_fields(&self) -> DataFields<'_>;
}

/// How strict the checks are. The default is what the FIX session cases ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether tags from 5000 up pass that the message does not have.
    pub allow_user_defined: bool,
    /// Whether all tags pass that the message does not have.
    pub allow_unknown: bool,
    /// Whether empty values pass.
    pub allow_empty: bool,
    /// Whether header, body and trailer must come in this order, and the fields of a group entry in that
    /// of the dictionary. What starts an entry must come first in any case.
    pub check_order: bool,
    /// Whether required fields, and those required under a condition, must be there.
    pub check_required: bool,
    /// Whether fields must be there too that the venue's documents demand and its captures, or the
    /// documents' own examples, lack. Off by default: for what is sent, not for what is received.
    pub check_documented: bool,
    /// By whose rules: `None` lets pass what is legal on any market.
    pub market: Option<Market>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow_user_defined: false,
            allow_unknown: false,
            allow_empty: false,
            check_order: true,
            check_required: true,
            check_documented: false,
            market: None,
        }
    }
}

/// What is wrong with a message, and with which field of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldFault {
    /// What is wrong.
    pub reason: Reason,
    /// RefTagID(371).
    pub tag: u32,
}

/// What is wrong with a field. The numbers are those of SessionRejectReason(373).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The dialect has no such tag.
    InvalidTagNumber = 0,
    /// A required field is missing.
    RequiredMissing = 1,
    /// The dialect has the tag, but this message does not.
    NotOfThisMessage = 2,
    /// The value is empty.
    Empty = 4,
    /// The value is out of range or not one of those enumerated.
    ValueIncorrect = 5,
    /// The value does not have the form of its type.
    FormatIncorrect = 6,
    /// The dialect has no such MsgType. A venue may prefer BusinessMessageReject 380=3.
    InvalidMsgType = 11,
    /// A tag stands more than once outside of a repeating group, or in one entry of it.
    Repeated = 13,
    /// A field of the header stands behind the body, or one of the body behind the trailer's first.
    OutOfOrder = 14,
    /// The fields of a repeating group are out of order, or stand outside of it.
    GroupOutOfOrder = 15,
    /// There are more or fewer entries than the count of the group says.
    GroupCountIncorrect = 16,
    /// This market has no such message: a BusinessMessageReject.
    NotOnThisMarket = 254,
    /// A field is missing that other fields' values make necessary: a BusinessMessageReject.
    ConditionallyMissing = 255,
}

impl Reason {
    /// SessionRejectReason(373), `None` for what is answered by a BusinessMessageReject.
    #[must_use]
    pub const fn session_reject(self) -> Option<u32> {
        match self {
            Self::NotOnThisMarket | Self::ConditionallyMissing => None,
            _ => Some(self as u32),
        }
    }

    /// BusinessRejectReason(380), `None` for what is answered by a Reject.
    #[must_use]
    pub const fn business_reject(self) -> Option<u32> {
        match self {
            Self::NotOnThisMarket => Some(3),
            Self::ConditionallyMissing => Some(5),
            _ => None,
        }
    }
}

impl core::fmt::Display for Reason {
    /// The words of the FIX session test cases.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::InvalidTagNumber => "Invalid tag number",
            Self::RequiredMissing => "Required tag missing",
            Self::NotOfThisMessage => "Tag not defined for this message type",
            Self::Empty => "Tag specified without a value",
            Self::ValueIncorrect => "Value is incorrect (out of range) for this tag",
            Self::FormatIncorrect => "Incorrect data format for value",
            Self::InvalidMsgType => "Invalid MsgType",
            Self::Repeated => "Tag appears more than once",
            Self::OutOfOrder => "Tag specified out of required order",
            Self::GroupOutOfOrder => "Repeating group fields out of order",
            Self::GroupCountIncorrect => "Incorrect NumInGroup count for repeating group",
            Self::NotOnThisMarket => "Unsupported message type",
            Self::ConditionallyMissing => "Conditionally required field missing",
        })
    }
}

impl core::fmt::Display for FieldFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} ({})", self.reason, self.tag)
    }
}

impl core::error::Error for FieldFault {}

#[cfg(test)]
mod tests;
