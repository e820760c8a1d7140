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
    #[inline(always)]
    pub fn get(&mut self, tag: u32) -> Option<&'a [u8]> {
        self.field(tag).map(|field| self.message.value(field))
    }

    #[inline(always)]
    fn field(&mut self, tag: u32) -> Option<&'a Field> {
        // A plain loop over indices: nothing to set up, and most searches are short.
        let fields = self.message.fields();
        let mut at = self.at;
        while let Some(field) = fields.get(at) {
            at += 1;
            if field.tag == tag {
                self.at = at;
                return Some(field);
            }
        }
        let (at, field) = self.before(tag)?;
        self.at = at + 1;
        Some(field)
    }

    /// A field that stands before the last one.
    #[cold]
    #[inline(never)]
    fn before(&self, tag: u32) -> Option<(usize, &'a Field)> {
        self.message.fields().iter().enumerate().find(|(_, field)| field.tag == tag)
    }

    /// [`Cursor::get`], or an error that names the tag.
    ///
    /// # Errors
    /// [`FieldError::Missing`].
    #[inline(always)]
    pub fn require(&mut self, tag: u32) -> Result<&'a [u8], FieldError> {
        self.get(tag).ok_or(FieldError::Missing { tag })
    }

    /// A required unsigned integer.
    ///
    /// # Errors
    /// [`FieldError`].
    #[inline(always)]
    pub fn uint(&mut self, tag: u32) -> Result<u64, FieldError> {
        let field = self.field(tag).ok_or(FieldError::Missing { tag })?;
        self.message.uint_of(field).map_err(|error| FieldError::Value { tag, error })
    }

    /// A required decimal.
    ///
    /// # Errors
    /// [`FieldError`].
    #[inline(always)]
    pub fn decimal(&mut self, tag: u32) -> Result<Decimal, FieldError> {
        let field = self.field(tag).ok_or(FieldError::Missing { tag })?;
        self.message.decimal_of(field).map_err(|error| FieldError::Value { tag, error })
    }

    /// A required UTC timestamp.
    ///
    /// # Errors
    /// [`FieldError`].
    #[inline(always)]
    pub fn time(&mut self, tag: u32) -> Result<UtcTime, FieldError> {
        UtcTime::parse(self.require(tag)?).map_err(|error| FieldError::Value { tag, error })
    }
}
