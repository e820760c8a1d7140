//! Dictionaries loaded at run time from QuickFIX-style XML: for other venues, tools and generic
//! acceptors (feature `dictionary`, which brings `std`).
//!
//! The checks are those of [`crate::rules`], the same walk that the generated tables of
//! [`crate::kraken`] go through. Components and groups within groups, header and trailer, enumerated
//! values and the types of FIX 4.0 to 5.0 are read; what is ours beyond QuickFIX's form is told at the
//! top of `codec/dictionary/kraken-fix44.xml`.
//!
//! ```
//! use taut_codec::dictionary::Dictionary;
//!
//! let dictionary = Dictionary::from_xml(
//!     "<fix>
//!       <header><field name='MsgType' required='Y'/></header>
//!       <trailer/>
//!       <messages><message name='News' msgtype='B'/></messages>
//!       <fields><field number='35' name='MsgType' type='STRING'/></fields>
//!     </fix>",
//! )?;
//! assert_eq!(dictionary.message_name(b"B"), Some("News"));
//! assert_eq!(dictionary.tag_name(35), Some("MsgType"));
//! # Ok::<(), taut_codec::dictionary::DictionaryError>(())
//! ```

use std::collections::{BTreeMap, HashMap};
use std::string::String;
use std::vec::Vec;

use taut_dictionary::{Item, Model, Presence};

use crate::message::Message;
use crate::rules::{
    self, Condition, Dialect, FieldFault, Kind, MEMBERS_MAX, Member, Options, Part, Scope,
};
use crate::tag;

pub use taut_dictionary::DictionaryError;

const _: () = assert!(taut_dictionary::MEMBERS_MAX == MEMBERS_MAX);

/// A dialect of FIX, loaded at run time.
#[derive(Debug, Clone)]
pub struct Dictionary {
    header: OwnedPart,
    trailer: OwnedPart,
    messages: HashMap<Vec<u8>, (String, OwnedPart)>,
    fields: BTreeMap<u32, Names>,
    /// The sets of valid values, each sorted; counted from 1.
    sets: Vec<Vec<Vec<u8>>>,
}

/// The name of a field, and those of its values.
#[derive(Debug, Clone)]
struct Names {
    field: String,
    values: Vec<(Vec<u8>, String)>,
}

#[derive(Debug, Clone, Default)]
struct OwnedPart {
    members: Vec<Member>,
    scopes: Vec<Scope>,
    conditions: Vec<Condition>,
}

impl Dictionary {
    /// Reads a dictionary.
    ///
    /// # Errors
    /// [`DictionaryError`]: it is no dictionary, contradicts itself, or is larger than the limits of
    /// `taut_dictionary`.
    pub fn from_xml(xml: &str) -> Result<Self, DictionaryError> {
        let model = Model::from_xml(xml)?;
        let mut sets = Sets::default();
        let header = OwnedPart::new(&model, &model.header, &mut sets)?;
        let trailer = OwnedPart::new(&model, &model.trailer, &mut sets)?;
        let mut messages = HashMap::new();
        for message in &model.messages {
            let part = OwnedPart::new(&model, &message.items, &mut sets)?;
            messages.insert(message.msg_type.clone().into_bytes(), (message.name.clone(), part));
        }
        let names = |field: &taut_dictionary::FieldDef| Names {
            field: field.name.clone(),
            values: field
                .values
                .iter()
                .map(|one| {
                    let name = one.description.to_lowercase().replace('_', " ");
                    (one.value.clone().into_bytes(), name)
                })
                .collect(),
        };
        let fields = model.fields.iter().map(|(tag, field)| (*tag, names(field))).collect();
        Ok(Self { header, trailer, messages, fields, sets: sets.sets })
    }

    /// Checks one message; see [`rules::check`].
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self, message: &Message<'_>, options: Options) -> Result<(), FieldFault> {
        rules::check(self, message, options)
    }

    /// The name of a field, `ClOrdID`.
    #[must_use]
    pub fn tag_name(&self, tag: u32) -> Option<&str> {
        self.fields.get(&tag).map(|names| names.field.as_str())
    }

    /// The name of a MsgType(35), `NewOrderSingle`.
    #[must_use]
    pub fn message_name(&self, msg_type: &[u8]) -> Option<&str> {
        self.messages.get(msg_type).map(|(name, _)| name.as_str())
    }

    /// The name of an enumerated value, `good till cancel`; of a MsgType that of the message.
    #[must_use]
    pub fn value_name(&self, tag: u32, value: &[u8]) -> Option<&str> {
        if matches!(tag, tag::MSG_TYPE | tag::REF_MSG_TYPE) {
            return self.message_name(value);
        }
        let values = &self.fields.get(&tag)?.values;
        let name = values.iter().find(|(one, _)| one == value).map(|(_, name)| name.as_str());
        name.filter(|name| !name.is_empty())
    }
}

impl Dialect for Dictionary {
    fn header(&self) -> Part<'_> {
        self.header.part()
    }

    fn trailer(&self) -> Part<'_> {
        self.trailer.part()
    }

    fn body(&self, msg_type: &[u8]) -> Option<Part<'_>> {
        self.messages.get(msg_type).map(|(_, part)| part.part())
    }

    fn has_tag(&self, tag: u32) -> bool {
        self.fields.contains_key(&tag)
    }

    fn is_valid(&self, values: u16, value: &[u8]) -> bool {
        let set = usize::from(values).checked_sub(1).and_then(|at| self.sets.get(at));
        set.is_some_and(|set| set.binary_search_by(|one| one.as_slice().cmp(value)).is_ok())
    }
}

#[derive(Default)]
struct Sets {
    sets: Vec<Vec<Vec<u8>>>,
    numbers: HashMap<Vec<Vec<u8>>, u16>,
}

impl Sets {
    fn number<'v>(
        &mut self,
        values: impl Iterator<Item = &'v String>,
    ) -> Result<u16, DictionaryError> {
        let mut set: Vec<Vec<u8>> = values.map(|value| value.clone().into_bytes()).collect();
        set.sort();
        if let Some(number) = self.numbers.get(&set) {
            return Ok(*number);
        }
        let number =
            u16::try_from(self.sets.len() + 1).map_err(|_| DictionaryError::TooManySets)?;
        self.sets.push(set.clone());
        self.numbers.insert(set, number);
        Ok(number)
    }
}

impl OwnedPart {
    fn new(model: &Model, items: &[Item], sets: &mut Sets) -> Result<Self, DictionaryError> {
        let mut part = Self::default();
        part.add_scope(model, items, 0, sets)?;
        Ok(part)
    }

    fn part(&self) -> Part<'_> {
        Part { members: &self.members, scopes: &self.scopes, conditions: &self.conditions }
    }

    /// Adds a scope and, behind it, those of its groups; returns its number. The model's limits keep
    /// all numbers within 16 bits.
    fn add_scope(
        &mut self,
        model: &Model,
        items: &[Item],
        first: u32,
        sets: &mut Sets,
    ) -> Result<u16, DictionaryError> {
        let number = self.scopes.len() as u16;
        let start = self.members.len();
        let end = start + items.len();
        self.members.resize(end, Member::new(0, 0, Kind::Text));
        self.scopes.push(Scope { start: start as u16, end: end as u16, first });
        let mut sorted: Vec<_> = items.iter().zip(0u16..).collect();
        sorted.sort_by_key(|(item, _)| item.tag);
        for (at, (item, position)) in (start..).zip(sorted) {
            let field = &model.fields[&item.tag];
            let values = match &item.values {
                _ if item.open || field.open => 0,
                Some(values) => sets.number(values.iter())?,
                None if field.values.is_empty() => 0,
                None => sets.number(field.values.iter().map(|one| &one.value))?,
            };
            let group = match &item.group {
                Some(entry) => self.add_scope(model, entry, entry[0].tag, sets)?,
                None => 0,
            };
            let required = item.presence == Presence::Required;
            let kind = kind(field.kind);
            self.members[at] = Member { tag: item.tag, position, values, group, kind, required };
        }
        for item in items {
            let (on, values) = match &item.presence {
                Presence::Required | Presence::Optional => continue,
                Presence::When(on, values) => (*on, sets.number(values.iter())?),
                Presence::Unless(on) => (*on, 0),
            };
            self.conditions.push(Condition { scope: number, tag: item.tag, on, values });
        }
        Ok(number)
    }
}

const fn kind(kind: taut_dictionary::Kind) -> Kind {
    use taut_dictionary::Kind as Model;
    match kind {
        Model::Text => Kind::Text,
        Model::Char => Kind::Char,
        Model::Words => Kind::Words,
        Model::Data => Kind::Data,
        Model::Int => Kind::Int,
        Model::Uint => Kind::Uint,
        Model::Count => Kind::Count,
        Model::Decimal => Kind::Decimal,
        Model::Boolean => Kind::Boolean,
        Model::UtcTimestamp => Kind::UtcTimestamp,
        Model::UtcTimeOnly => Kind::UtcTimeOnly,
        Model::Date => Kind::Date,
        Model::MonthYear => Kind::MonthYear,
    }
}
