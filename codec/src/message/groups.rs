//! Repeating groups, read in place.

use super::Message;
use crate::scan::Field;
use crate::value::parse_u32;

/// The shape of a repeating group.
#[derive(Debug)]
pub struct GroupSpec {
    /// The tag that counts the entries, `268`.
    pub count: u32,
    /// The tag that starts each entry. With none, whichever tag of `members` follows the count.
    pub first: Option<u32>,
    /// Every tag that an entry may have, those of nested groups included.
    pub members: &'static [u32],
}

/// Why a repeating group could not be read (FIX session cases 14.i, 14.j).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupError {
    /// The count is no number.
    CountMalformed,
    /// There are more or fewer entries than the count says.
    CountWrong,
    /// The first field after the count is not one that starts an entry.
    FirstTagWrong,
    /// A tag stands twice in one entry.
    TagRepeated,
}

/// The entries of one group.
#[derive(Debug, Clone, Copy)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    fields: &'a [Field],
    delimiter: u32,
    count: usize,
}

/// One entry: a view like [`Message`], of the entry's own fields only.
pub type Entry<'a> = Message<'a>;

pub(super) fn find<'a>(
    bytes: &'a [u8],
    fields: &'a [Field],
    spec: &'static GroupSpec,
) -> Result<Entries<'a>, GroupError> {
    let Some(at) = fields.iter().position(|f| f.tag == spec.count) else {
        return Ok(Entries { bytes, fields: &[], delimiter: 0, count: 0 });
    };
    let value = &bytes[fields[at].start as usize..fields[at].end as usize];
    let count = parse_u32(value).map_err(|_| GroupError::CountMalformed)? as usize;
    let rest = &fields[at + 1..];
    let length = rest.iter().take_while(|f| spec.members.contains(&f.tag)).count();
    let body = &rest[..length];
    let delimiter = match (spec.first, body.first()) {
        (_, None) if count == 0 => 0,
        (_, None) => return Err(GroupError::CountWrong),
        (Some(first), Some(field)) if field.tag != first => return Err(GroupError::FirstTagWrong),
        (_, Some(field)) => field.tag,
    };
    if body.iter().filter(|f| f.tag == delimiter).count() != count {
        return Err(GroupError::CountWrong);
    }
    Ok(Entries { bytes, fields: body, delimiter, count })
}

impl Entries<'_> {
    /// How many entries are left.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether no entry is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.count == 0 {
            return None;
        }
        let length = self.fields[1..]
            .iter()
            .position(|f| f.tag == self.delimiter)
            .map_or(self.fields.len(), |n| n + 1);
        let (entry, rest) = self.fields.split_at(length);
        self.fields = rest;
        self.count -= 1;
        Some(Message::new(self.bytes, entry))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}
