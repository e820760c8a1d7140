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
    /// A tag stands twice in one entry, or the whole group stands twice (FIX session case 14.h).
    TagRepeated,
}

impl core::fmt::Display for GroupError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::CountMalformed => "malformed count of a repeating group",
            Self::CountWrong => "wrong count of a repeating group",
            Self::FirstTagWrong => "repeating group entry starts with a wrong tag",
            Self::TagRepeated => "tag repeated within a repeating group entry",
        })
    }
}

impl core::error::Error for GroupError {}

/// The entries of one group.
#[derive(Debug, Clone, Copy)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    // Invariant: starts with a field whose tag is `delimiter`, and has `count` of them.
    fields: &'a [Field],
    delimiter: u32,
    count: usize,
}

/// One entry: a view like [`Message`], of the entry's own fields only.
pub type Entry<'a> = Message<'a>;

/// Everything about the group is verified here, so that walking the entries cannot fail. The cost is
/// proportional to the fields of the message, whatever they are: the search for a repeated tag in an
/// entry stops after as many fields as there are members, for one more must be a repetition.
pub(super) fn find<'a>(
    bytes: &'a [u8],
    fields: &'a [Field],
    spec: &'static GroupSpec,
    nested: &[&'static GroupSpec],
    beside: &[&'static GroupSpec],
) -> Result<Entries<'a>, GroupError> {
    let Some(at) = position(fields, spec, beside) else {
        return Ok(Entries { bytes, fields: &[], delimiter: 0, count: 0 });
    };
    let value = &bytes[fields[at].start as usize..fields[at].end as usize];
    let count = parse_u32(value).map_err(|_| GroupError::CountMalformed)? as usize;
    let (body, behind) = fields[at + 1..].split_at(extent(&fields[at + 1..], spec));
    let delimiter = match (spec.first, body.first()) {
        (_, None) if count == 0 => 0,
        (_, None) => return Err(GroupError::CountWrong),
        (Some(first), Some(field)) if field.tag != first => return Err(GroupError::FirstTagWrong),
        (_, Some(field)) => field.tag,
    };
    if body.iter().filter(|f| f.tag == delimiter).count() != count {
        return Err(GroupError::CountWrong);
    }
    if position(behind, spec, beside).is_some() {
        return Err(GroupError::TagRepeated);
    }
    let entries = Entries { bytes, fields: body, delimiter, count };
    for entry in entries {
        if Outside::new(entry.fields, nested).has_repetition() {
            return Err(GroupError::TagRepeated);
        }
    }
    Ok(entries)
}

/// Where the count of the group stands, outside of the groups `beside` it.
fn position(fields: &[Field], spec: &GroupSpec, beside: &[&GroupSpec]) -> Option<usize> {
    if beside.is_empty() {
        return fields.iter().position(|field| field.tag == spec.count);
    }
    let mut at = 0;
    loop {
        let tag = fields.get(at)?.tag;
        if tag == spec.count {
            return Some(at);
        }
        at += 1;
        if let Some(other) = beside.iter().find(|other| other.count == tag) {
            at += extent(&fields[at..], other);
        }
    }
}

/// How many fields at the front of `fields` belong to entries of the group.
fn extent(fields: &[Field], spec: &GroupSpec) -> usize {
    fields.iter().take_while(|f| spec.members.contains(&f.tag)).count()
}

/// The tags of `fields` that stand outside the given groups, the counts included.
#[derive(Clone)]
pub(super) struct Outside<'a, 'g> {
    fields: &'a [Field],
    groups: &'g [&'g GroupSpec],
}

impl<'a, 'g> Outside<'a, 'g> {
    pub(super) const fn new(fields: &'a [Field], groups: &'g [&'g GroupSpec]) -> Self {
        Self { fields, groups }
    }

    /// Compares each with each; for the few fields of an entry only.
    fn has_repetition(mut self) -> bool {
        while let Some(tag) = self.next() {
            if self.clone().any(|other| other == tag) {
                return true;
            }
        }
        false
    }
}

impl Iterator for Outside<'_, '_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (field, rest) = self.fields.split_first()?;
        let group = self.groups.iter().find(|g| g.count == field.tag);
        self.fields = &rest[group.map_or(0, |group| extent(rest, group))..];
        Some(field.tag)
    }
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

impl ExactSizeIterator for Entries<'_> {}
