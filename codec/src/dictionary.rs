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

use taut_dictionary::{FieldDef, Item, MessageDef, Model, Presence};

use crate::ids::Market;
use crate::message::Message;
use crate::rules::{
    self, Condition, Dialect, FieldFault, Kind, Layout, MEMBERS_MAX, Member, Options, Scope,
    Section, Slot,
};
use crate::scan::DataFields;
use crate::tag;

pub use taut_dictionary::DictionaryError;

const _: () = assert!(taut_dictionary::MEMBERS_MAX == MEMBERS_MAX);

/// A dialect of FIX, loaded at run time.
#[derive(Debug, Clone)]
pub struct Dictionary {
    messages: HashMap<Vec<u8>, (String, OwnedLayout)>,
    fields: BTreeMap<u32, Names>,
    /// The sets of valid values, each sorted; counted from 1.
    sets: Vec<Vec<Value>>,
    data_fields: Vec<(u32, u32)>,
}

/// A value, and the market that has it, if not all do.
type Value = (Vec<u8>, Option<Market>);

/// The name of a field, and those of its values.
#[derive(Debug, Clone)]
struct Names {
    field: String,
    values: Vec<(Vec<u8>, String)>,
}

#[derive(Debug, Clone, Default)]
struct OwnedLayout {
    members: Vec<Member>,
    scopes: Vec<Scope>,
    slots: Vec<Slot>,
    conditions: Vec<Condition>,
    market: Option<Market>,
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
        let mut messages = HashMap::new();
        for message in &model.messages {
            let layout = OwnedLayout::new(&model, message, &mut sets)?;
            messages.insert(message.msg_type.clone().into_bytes(), (message.name.clone(), layout));
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
        let data_fields = model.data_fields().into_iter().collect();
        Ok(Self { messages, fields, sets: sets.sets, data_fields })
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
    fn layout(&self, msg_type: &[u8]) -> Option<Layout<'_>> {
        self.messages.get(msg_type).map(|(_, layout)| layout.view())
    }

    fn has_tag(&self, tag: u32) -> bool {
        self.fields.contains_key(&tag)
    }

    fn is_valid(&self, values: u16, value: &[u8], market: Option<Market>) -> bool {
        let set = usize::from(values).checked_sub(1).and_then(|at| self.sets.get(at));
        let found = set.and_then(|set| {
            let at = set.binary_search_by(|(one, _)| one.as_slice().cmp(value)).ok()?;
            Some(set[at].1)
        });
        found.is_some_and(|only| only.is_none() || market.is_none() || only == market)
    }

    fn data_fields(&self) -> DataFields<'_> {
        DataFields::new(&self.data_fields)
    }
}

#[derive(Default)]
struct Sets {
    sets: Vec<Vec<Value>>,
    numbers: HashMap<Vec<Value>, u16>,
}

impl Sets {
    /// The number of a set of values that any market has.
    fn plain(&mut self, values: &[String]) -> Result<u16, DictionaryError> {
        self.number(values.iter().map(|value| (value.clone().into_bytes(), None)).collect())
    }

    fn number(&mut self, mut set: Vec<Value>) -> Result<u16, DictionaryError> {
        set.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(number) = self.numbers.get(&set) {
            return Ok(*number);
        }
        let number =
            u16::try_from(self.sets.len() + 1).map_err(|_| DictionaryError::TooManySets)?;
        self.sets.push(set.clone());
        self.numbers.insert(set, number);
        Ok(number)
    }

    /// The set of the values that are valid for a field where it stands, 0 for any.
    fn of_item(&mut self, field: &FieldDef, item: &Item) -> Result<u16, DictionaryError> {
        let of_field = || {
            let values = field.values.iter();
            values.map(|one| (one.value.clone().into_bytes(), one.market.map(market)))
        };
        match &item.values {
            _ if item.open || field.open => Ok(0),
            // A value that the field does not name is legal here too.
            Some(values) => {
                let only = |value: &str| {
                    field.values.iter().find(|one| one.value == value).and_then(|one| one.market)
                };
                let here = values.iter().map(|v| (v.clone().into_bytes(), only(v).map(market)));
                self.number(here.collect())
            }
            None if field.values.is_empty() => Ok(0),
            None => self.number(of_field().collect()),
        }
    }
}

impl OwnedLayout {
    fn new(model: &Model, message: &MessageDef, sets: &mut Sets) -> Result<Self, DictionaryError> {
        let mut this = Self { market: message.market.map(market), ..Self::default() };
        let sections = [
            (Section::Header, &model.header[..]),
            (Section::Body, &message.items),
            (Section::Trailer, &model.trailer),
        ];
        this.add_scope(model, &sections, 0, sets)?;
        rules::link(&this.members, &mut this.scopes);
        rules::link_conditions(&this.members, &this.scopes, &mut this.conditions);
        this.slots.resize(rules::slots_len(&this.scopes), Slot::FREE);
        rules::fill(&this.members, &this.scopes, &this.conditions, &mut this.slots);
        Ok(this)
    }

    fn view(&self) -> Layout<'_> {
        let Self { members, scopes, slots, conditions, market } = self;
        Layout { members, scopes, slots, conditions, market: *market }
    }

    /// Adds a scope and, behind it, those of its groups; returns its number. The model's limits keep
    /// all numbers within 16 bits.
    fn add_scope(
        &mut self,
        model: &Model,
        sections: &[(Section, &[Item])],
        first: u32,
        sets: &mut Sets,
    ) -> Result<u16, DictionaryError> {
        let number = self.scopes.len() as u16;
        let start = self.members.len();
        let end = start + sections.iter().map(|(_, items)| items.len()).sum::<usize>();
        self.members.resize(end, Member::new(0, 0, Kind::Text));
        self.scopes.push(Scope::new(start as u16, end as u16, first));
        let items = || {
            let of = |(section, items)| (0u16..).zip(items).map(move |item| (section, item));
            sections.iter().copied().flat_map(of)
        };
        for (at, (section, (position, item))) in (start..).zip(items()) {
            let field = &model.fields[&item.tag];
            let values = sets.of_item(field, item)?;
            let group = match &item.group {
                Some(entry) => self.add_scope(model, &[(section, entry)], entry[0].tag, sets)?,
                None => 0,
            };
            let required = item.presence == Presence::Required && !item.documented;
            let kind = if field.is_length { Kind::Length } else { kind(item.kind) };
            let member = Member::new(item.tag, position, kind).values(values).group(group);
            let member = Member { required, ..member.of(section) };
            self.members[at] = match item.market {
                Some(only) => member.only_on(self::market(only)),
                None => member,
            };
        }
        let conditions = self.conditions.len() as u16;
        for (_, (_, item)) in items() {
            self.add_conditions(number, item, sets)?;
        }
        self.scopes[usize::from(number)].conditions = (conditions, self.conditions.len() as u16);
        Ok(number)
    }

    /// What is demanded of an item beyond being always there.
    fn add_conditions(
        &mut self,
        scope: u16,
        item: &Item,
        sets: &mut Sets,
    ) -> Result<(), DictionaryError> {
        let new = Condition::new(scope, item.tag);
        let presence = match &item.presence {
            Presence::Required if item.documented => Some(new),
            Presence::Required | Presence::Optional => None,
            Presence::When(on, values) => Some(new.when(*on, sets.plain(values)?)),
            Presence::Unless(on) => Some(new.unless(*on)),
        };
        self.conditions
            .extend(presence.map(|it| if item.documented { it.documented() } else { it }));
        self.conditions.extend(item.required_on.map(|on| new.on(market(on))));
        if let Some((on, word)) = &item.word_on {
            let set = sets.plain(std::slice::from_ref(word))?;
            self.conditions.push(new.word(set).on(market(*on)));
        }
        Ok(())
    }
}

const fn market(market: taut_dictionary::Market) -> Market {
    match market {
        taut_dictionary::Market::Spot => Market::Spot,
        taut_dictionary::Market::Derivatives => Market::Derivatives,
    }
}

const fn kind(kind: taut_dictionary::Kind) -> Kind {
    use taut_dictionary::Kind as Model;
    match kind {
        Model::Text => Kind::Text,
        Model::ClOrdId => Kind::ClOrdId,
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
