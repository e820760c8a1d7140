//! Fields by tag, when they are read in about the order in which they stand.

use super::{FieldError, Message};
use crate::scan::Field;
use crate::value::{Decimal, UtcTime};

/// A view of a message that remembers where it found the last field and looks for the next behind it,
/// then from the front. Venues write fields in a fixed order: who reads them in that order pays for each
/// field of the message once, not once per read.
///
/// Of a tag that stands twice outside a group (FIX session case 14.h) it may find the second where
/// [`Message::get`] finds the first: for messages that were checked, or whose duplicates do not matter.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    pub(super) message: Message<'a>,
    /// Where to look first.
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    /// The value of a field with `tag`, if there is one.
    #[inline]
    pub fn get(&mut self, tag: u32) -> Option<&'a [u8]> {
        self.field(tag).map(|field| self.message.value(field))
    }

    #[inline]
    fn field(&mut self, tag: u32) -> Option<&'a Field> {
        let fields = self.message.fields();
        let (front, behind) = fields.split_at_checked(self.at).unwrap_or((fields, &[]));
        let at = match behind.iter().position(|field| field.tag == tag) {
            Some(at) => self.at + at,
            None => front.iter().position(|field| field.tag == tag)?,
        };
        self.at = at + 1;
        Some(&fields[at])
    }

    /// [`Cursor::get`], or an error that names the tag.
    ///
    /// # Errors
    /// [`FieldError::Missing`].
    #[inline]
    pub fn require(&mut self, tag: u32) -> Result<&'a [u8], FieldError> {
        self.get(tag).ok_or(FieldError::Missing { tag })
    }

    /// A required unsigned integer.
    ///
    /// # Errors
    /// [`FieldError`].
    #[inline]
    pub fn uint(&mut self, tag: u32) -> Result<u64, FieldError> {
        let field = self.field(tag).ok_or(FieldError::Missing { tag })?;
        self.message.uint_of(field).map_err(|error| FieldError::Value { tag, error })
    }

    /// A required decimal.
    ///
    /// # Errors
    /// [`FieldError`].
    #[inline]
    pub fn decimal(&mut self, tag: u32) -> Result<Decimal, FieldError> {
        let field = self.field(tag).ok_or(FieldError::Missing { tag })?;
        self.message.decimal_of(field).map_err(|error| FieldError::Value { tag, error })
    }

    /// A required UTC timestamp.
    ///
    /// # Errors
    /// [`FieldError`].
    #[inline]
    pub fn time(&mut self, tag: u32) -> Result<UtcTime, FieldError> {
        UtcTime::parse(self.require(tag)?).map_err(|error| FieldError::Value { tag, error })
    }
}
