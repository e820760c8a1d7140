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

mod check;
mod kind;

pub use check::check;
pub use kind::Kind;

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
    /// Fields that are required under a condition.
    pub conditions: &'a [Condition],
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
}

impl Member {
    /// An optional field that may have any value of its kind.
    #[must_use]
    pub const fn new(tag: u32, position: u16, kind: Kind) -> Self {
        Self { tag, position, values: 0, group: 0, kind, required: false }
    }

    /// The same field, required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
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

/// A field that is required under a condition on another field of the same scope. The other field must
/// not stand in a group of that scope too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// The scope.
    pub scope: u16,
    /// The field that is required.
    pub tag: u32,
    /// The field that decides.
    pub on: u32,
    /// Required if the value of `on` is in this set; 0: required if `on` is absent.
    pub values: u16,
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
    /// Whether `value` is in a set of values; sets are counted from 1.
    fn is_valid(&self, values: u16, value: &[u8]) -> bool;
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
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow_user_defined: false,
            allow_unknown: false,
            allow_empty: false,
            check_order: true,
            check_required: true,
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
    /// A field is missing that other fields' values make necessary: a BusinessMessageReject.
    ConditionallyMissing = 255,
}

impl Reason {
    /// SessionRejectReason(373), `None` for what is answered by a BusinessMessageReject.
    #[must_use]
    pub const fn session_reject(self) -> Option<u32> {
        match self {
            Self::ConditionallyMissing => None,
            _ => Some(self as u32),
        }
    }

    /// BusinessRejectReason(380), `None` for what is answered by a Reject.
    #[must_use]
    pub const fn business_reject(self) -> Option<u32> {
        match self {
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
