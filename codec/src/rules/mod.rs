//! The field checks of a gateway: which fields a message may have, must have and in which form.
//!
//! [`check`] walks a message once, in wire order, and then looks for what is missing. What it knows of
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
mod kind;
mod lookup;

pub use check::check;
pub use kind::Kind;
pub(crate) use lookup::{conditions, scopes, slots, slots_len};
#[cfg(feature = "dictionary")]
pub(crate) use lookup::{fill, link, link_conditions};

use crate::ids::Market;
use crate::scan::DataFields;

/// Most fields of the header, a message's body or a group entry that can be told apart.
pub const MEMBERS_MAX: usize = 512;
/// From here on tags are user-defined.
pub const USER_DEFINED: u32 = 5000;

/// What a message, header or trailer consists of. A view of tables; copying it is cheap.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The fields of all scopes, one scope after the other, each sorted by tag.
    pub members: &'a [Member],
    /// The scopes: the part itself, then its groups' entries. Not empty.
    pub scopes: &'a [Scope],
    /// The hash tables of the scopes.
    pub(crate) slots: &'a [u16],
    /// What is demanded beyond that: under a condition, on a market, by the documents.
    pub conditions: &'a [Condition],
    /// The market that has the message, if not all do.
    pub market: Option<Market>,
}

/// One place where fields stand: the part itself or the entry of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Where its members start.
    pub start: u16,
    /// Where they end. At most [`MEMBERS_MAX`] behind the start.
    pub end: u16,
    /// The tag that starts each entry of a group, 0 for the part itself.
    pub first: u32,
    /// Where its hash table starts among the slots of the part.
    slots: u32,
    /// How many of its members are required.
    required: u16,
    /// What is left of a hash of 32 bits after a shift by this is a slot.
    shift: u8,
}

impl Scope {
    /// A scope that is not linked to its members yet.
    pub(crate) const fn new(start: u16, end: u16, first: u32) -> Self {
        Self { start, end, first, slots: 0, required: 0, shift: 31 }
    }
}

/// A field of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its tag.
    pub tag: u32,
    /// Its place in the order of the dictionary.
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
    /// Whether any value will do, on any market: then nothing of the above needs to be looked at.
    pub(crate) plain: bool,
}

impl Member {
    /// An optional field that may have any value of its kind.
    #[must_use]
    pub const fn new(tag: u32, position: u16, kind: Kind) -> Self {
        let plain = matches!(kind, Kind::Text);
        Self { tag, position, values: 0, group: 0, kind, required: false, market: None, plain }
    }

    /// The same field, required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same field, of one market only.
    #[must_use]
    pub const fn only_on(self, market: Market) -> Self {
        Self { market: Some(market), plain: false, ..self }
    }

    /// The same field with a set of valid values.
    #[must_use]
    pub const fn values(self, values: u16) -> Self {
        Self { values, plain: self.plain && values == 0, ..self }
    }

    /// The same field as the count of a group.
    #[must_use]
    pub const fn group(self, scope: u16) -> Self {
        Self { group: scope, plain: self.plain && scope == 0, ..self }
    }
}

/// Something that is demanded of a field of a scope. What it depends on, another field of the same scope,
/// must not stand in a group of that scope too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// The scope.
    pub scope: u16,
    /// The field.
    pub tag: u32,
    /// What is demanded.
    pub demand: Demand,
    /// When.
    pub when: When,
    /// The market that demands it, if not all do.
    pub market: Option<Market>,
    /// Whether only the documents demand it: see [`Options::check_documented`].
    pub documented: bool,
    /// Where among the scope's members the field stands, and what it depends on.
    at: u16,
    on_at: u16,
}

/// What a [`Condition`] demands of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// That it is there.
    Present,
    /// That one of the words of its value, if it is there, is in this set of values.
    Word(u16),
}

/// When a [`Condition`] applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// If the field `on` is there with a value in this set.
    Value {
        /// The field that decides.
        on: u32,
        /// The set of values.
        values: u16,
    },
    /// If the field `on` is absent.
    Absent {
        /// The field that decides.
        on: u32,
    },
}

impl Condition {
    /// A field that has to be there, always and everywhere.
    #[must_use]
    pub const fn new(scope: u16, tag: u32) -> Self {
        let (demand, when) = (Demand::Present, When::Always);
        let (at, on_at) = (lookup::NOWHERE, lookup::NOWHERE);
        Self { scope, tag, demand, when, market: None, documented: false, at, on_at }
    }

    /// ... if `on` has a value of this set.
    #[must_use]
    pub const fn when(self, on: u32, values: u16) -> Self {
        Self { when: When::Value { on, values }, ..self }
    }

    /// ... if `on` is absent.
    #[must_use]
    pub const fn unless(self, on: u32) -> Self {
        Self { when: When::Absent { on }, ..self }
    }

    /// ... on this market.
    #[must_use]
    pub const fn on(self, market: Market) -> Self {
        Self { market: Some(market), ..self }
    }

    /// ... with one of these words, if it is there.
    #[must_use]
    pub const fn word(self, values: u16) -> Self {
        Self { demand: Demand::Word(values), ..self }
    }

    /// ... by the documents alone.
    #[must_use]
    pub const fn documented(self) -> Self {
        Self { documented: true, ..self }
    }
}

/// The messages of a dialect of FIX.
pub trait Dialect {
    /// The header that all messages have.
    fn header(&self) -> Part<'_>;
    /// The trailer that all messages have.
    fn trailer(&self) -> Part<'_>;
    /// The body of a message type, `None` if the dialect does not have it.
    fn body(&self, msg_type: &[u8]) -> Option<Part<'_>>;
    /// Whether the dialect has a field with this tag.
    fn has_tag(&self, tag: u32) -> bool;
    /// Whether `value` is in a set of values, and `market`, if one is named, has it; sets are counted from 1.
    fn is_valid(&self, values: u16, value: &[u8], market: Option<Market>) -> bool;
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
