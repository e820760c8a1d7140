//! Fields by tag, when they are read in about the order in which they stand.

use core::slice;

use super::{FieldError, Message};
use crate::scan::Field;
use crate::value::{Decimal, UtcTime};

/// A view of a message that remembers where it found the last field and looks for the next behind it,
/// then from the front. Venues write fields in a fixed order: who reads them in that order pays for each
/// field of the message once, not once per read.
///
/// Of a tag that stands twice outside a group (FIX session case 14.h) it may find the second where
/// [`Message::get`] finds the first: for messages that were checked, or whose duplicates do not matter.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    pub(super) message: Message<'a>,
    /// Where to look first: behind the field that was found last.
    pub(super) rest: slice::Iter<'a, Field>,
}

impl<'a> Cursor<'a> {
    /// The value of a field with `tag`, if there is one.
    #[inline(always)]
    pub fn get(&mut self, tag: u32) -> Option<&'a [u8]> {
        self.field(tag).map(|field| self.message.value(field))
    }

    #[inline(always)]
    fn field(&mut self, tag: u32) -> Option<&'a Field> {
        // A plain loop: nothing to set up, and most searches are short.
        let mut rest = self.rest.clone();
        for field in rest.by_ref() {
            if field.tag == tag {
                self.rest = rest;
                return Some(field);
            }
        }
        let (field, rest) = from_front(self.message.fields(), tag)?;
        self.rest = rest.iter();
        Some(field)
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

/// A field that stands before the last one that was found, and what is behind it. Not a method: what is
/// passed by reference would have to be in memory.
#[cold]
#[inline(never)]
fn from_front(fields: &[Field], tag: u32) -> Option<(&Field, &[Field])> {
    let at = fields.iter().position(|field| field.tag == tag)?;
    Some((&fields[at], &fields[at + 1..]))
}
