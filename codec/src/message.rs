//! A read-only indexed view of one message.

mod cursor;
mod groups;

pub use cursor::Cursor;
pub use groups::{Entries, Entry, GroupError, GroupSpec};

use crate::scan::Field;
use crate::tag;
use crate::value::{Decimal, UtcTime, ValueError, parse_u64_at};

/// One message: its bytes and the index that the scanner made of them. Copies nothing.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    fields: &'a [Field],
}

/// Why a field could not be read as the type that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldError {
    /// The message has no such field.
    Missing {
        /// The tag that was asked for.
        tag: u32,
    },
    /// The value does not parse.
    Value {
        /// The tag that was asked for.
        tag: u32,
        /// What is wrong with it.
        error: ValueError,
    },
}

impl<'a> Message<'a> {
    /// A view of `bytes` through the index that [`crate::scan::Scanner::index`] made of them.
    #[must_use]
    pub const fn new(bytes: &'a [u8], fields: &'a [Field]) -> Self {
        Self { bytes, fields }
    }

    /// All bytes, from `8=` to the last SOH.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The fields in wire order.
    #[must_use]
    pub const fn fields(&self) -> &'a [Field] {
        self.fields
    }

    /// The value of `field`, which must come from this message.
    ///
    /// # Panics
    /// If `field` is of another, longer message.
    #[must_use]
    #[inline]
    pub fn value(&self, field: &Field) -> &'a [u8] {
        &self.bytes[field.start as usize..field.end as usize]
    }

    /// The value of the first field with `tag`, if there is one; whether there is a second says
    /// [`Message::duplicate_tag`]. Fields of repeating groups are found too: read those through
    /// [`Message::group`].
    #[must_use]
    #[inline]
    pub fn get(&self, tag: u32) -> Option<&'a [u8]> {
        self.field(tag).map(|f| self.value(f))
    }

    #[inline]
    fn field(&self, tag: u32) -> Option<&'a Field> {
        self.fields.iter().find(|f| f.tag == tag)
    }

    /// The value of `field`, which must come from this message, read as an unsigned integer.
    ///
    /// # Errors
    /// [`ValueError`].
    #[inline]
    pub fn uint_of(&self, field: &Field) -> Result<u64, ValueError> {
        parse_u64_at(self.bytes, field.start as usize, field.end as usize)
    }

    /// The value of `field`, which must come from this message, read as a decimal.
    ///
    /// # Errors
    /// [`ValueError`].
    #[inline]
    pub fn decimal_of(&self, field: &Field) -> Result<Decimal, ValueError> {
        Decimal::parse_at(self.bytes, field.start as usize, field.end as usize)
    }

    /// Reads fields in about the order in which they stand: see [`Cursor`].
    #[must_use]
    pub fn cursor(&self) -> Cursor<'a> {
        Cursor { message: *self, rest: self.fields.iter() }
    }

    /// MsgType(35), the third field, as the framer guarantees; empty if it is not, as in the view of
    /// a group's entry.
    #[must_use]
    pub fn msg_type(&self) -> &'a [u8] {
        match self.fields.get(2) {
            Some(field) if field.tag == tag::MSG_TYPE => self.value(field),
            _ => b"",
        }
    }

    /// [`Message::get`], or an error that names the tag.
    ///
    /// # Errors
    /// [`FieldError::Missing`].
    #[inline]
    pub fn require(&self, tag: u32) -> Result<&'a [u8], FieldError> {
        self.get(tag).ok_or(FieldError::Missing { tag })
    }

    /// A required unsigned integer.
    ///
    /// # Errors
    /// [`FieldError`].
    #[inline]
    pub fn uint(&self, tag: u32) -> Result<u64, FieldError> {
        self.uint_of(self.field(tag).ok_or(FieldError::Missing { tag })?)
            .map_err(|error| FieldError::Value { tag, error })
    }

    /// A required decimal.
    ///
    /// # Errors
    /// [`FieldError`].
    #[inline]
    pub fn decimal(&self, tag: u32) -> Result<Decimal, FieldError> {
        self.decimal_of(self.field(tag).ok_or(FieldError::Missing { tag })?)
            .map_err(|error| FieldError::Value { tag, error })
    }

    /// A required UTC timestamp.
    ///
    /// # Errors
    /// [`FieldError`].
    #[inline]
    pub fn time(&self, tag: u32) -> Result<UtcTime, FieldError> {
        UtcTime::parse(self.require(tag)?).map_err(|error| FieldError::Value { tag, error })
    }

    /// MsgSeqNum(34).
    ///
    /// # Errors
    /// [`FieldError`].
    pub fn msg_seq_num(&self) -> Result<u64, FieldError> {
        self.uint(tag::MSG_SEQ_NUM)
    }

    /// Whether a boolean field is there and `Y`.
    #[must_use]
    pub fn flag(&self, tag: u32) -> bool {
        self.get(tag) == Some(b"Y")
    }

    /// The entries of a repeating group that holds no other group; no entries if the message has no
    /// such group. On the view of an entry: a group nested in it.
    ///
    /// # Errors
    /// [`GroupError`] if the count is no number or is not how many entries follow, the first entry
    /// does not start with the group's first tag, or a tag stands twice in an entry.
    pub fn group(&self, spec: &'static GroupSpec) -> Result<Entries<'a>, GroupError> {
        groups::find(self.bytes, self.fields, spec, &[], &[])
    }

    /// [`Message::group`] for a group whose entries hold the groups `nested`, of which the tags may
    /// stand several times in one entry.
    ///
    /// # Errors
    /// As [`Message::group`].
    pub fn group_with(
        &self,
        spec: &'static GroupSpec,
        nested: &[&'static GroupSpec],
    ) -> Result<Entries<'a>, GroupError> {
        groups::find(self.bytes, self.fields, spec, nested, &[])
    }

    /// [`Message::group_with`] where the groups `beside` it may hold the same group in their entries, as
    /// the parties of a list of orders and those of each order.
    ///
    /// # Errors
    /// As [`Message::group`].
    pub fn group_beside(
        &self,
        spec: &'static GroupSpec,
        nested: &[&'static GroupSpec],
        beside: &[&'static GroupSpec],
    ) -> Result<Entries<'a>, GroupError> {
        groups::find(self.bytes, self.fields, spec, nested, beside)
    }

    /// The first tag that stands twice outside the repeating `groups` of this message type, for a
    /// validator (FIX session case 14.h). A group's own entries are checked by [`Message::group`].
    #[must_use]
    pub fn duplicate_tag(&self, groups: &[&GroupSpec]) -> Option<u32> {
        // Covers all of the dialect's tags. Others are compared each with each: the number of fields in
        // the caller's index bounds that.
        const KNOWN: usize = 10_240;
        let mut seen = [0u64; KNOWN / 64];
        let mut outside = groups::Outside::new(self.fields, groups);
        while let Some(tag) = outside.next() {
            let twice = match seen.get_mut(tag as usize / 64) {
                Some(word) => {
                    let before = *word;
                    *word |= 1 << (tag % 64);
                    before == *word
                }
                None => outside.clone().any(|other| other == tag),
            };
            if twice {
                return Some(tag);
            }
        }
        None
    }
}

impl core::fmt::Display for FieldError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Missing { tag } => write!(f, "tag {tag} is missing"),
            Self::Value { tag, error } => write!(f, "tag {tag}: {error}"),
        }
    }
}

impl core::error::Error for FieldError {}

impl core::fmt::Debug for Message<'_> {
    /// MsgType and size only: a message may hold credentials.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Message")
            .field("msg_type", &self.msg_type().escape_ascii())
            .field("bytes", &self.bytes.len())
            .field("fields", &self.fields.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
