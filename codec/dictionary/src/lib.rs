//! FIX dictionaries in QuickFIX's XML form, read into a tree.
//!
//! This is what the code generator (`taut-codegen`) and the run-time dictionary
//! (`taut_codec::dictionary`) have in common. Components are expanded; every name is resolved to a
//! tag. The attributes that are ours are described at the top of `kraken-fix44.xml`.

mod parse;

use std::collections::BTreeMap;

/// Kraken's dialect: the source of the generated code.
pub const KRAKEN_FIX44: &str = include_str!("../kraken-fix44.xml");

/// A small dialect with what Kraken's lacks, for tests: components, groups within groups, required data.
pub const NESTED: &str = include_str!("../nested.xml");

/// Most fields and groups of one message or one group entry.
pub const MEMBERS_MAX: usize = 512;
/// Most groups within groups.
pub const DEPTH_MAX: usize = 8;
/// Most fields and groups of one message, those within groups included.
pub const MESSAGE_ITEMS_MAX: usize = u16::MAX as usize;
/// Most fields and groups of a whole dictionary, components expanded: a small file whose components
/// hold one another many times over could otherwise fill the memory.
pub const ITEMS_MAX: usize = 200_000;

/// A dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Every field by its tag.
    pub fields: BTreeMap<u32, FieldDef>,
    /// The standard header.
    pub header: Vec<Item>,
    /// The standard trailer.
    pub trailer: Vec<Item>,
    /// Every message, in the order of the file.
    pub messages: Vec<MessageDef>,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDef {
    /// The tag.
    pub tag: u32,
    /// The name, `ClOrdID`.
    pub name: String,
    /// The type.
    pub kind: Kind,
    /// Whether a timestamp is written without a fraction (ours: `precision='seconds'`).
    pub seconds: bool,
    /// The valid values; none if any value is valid.
    pub values: Vec<ValueDef>,
    /// Whether other values are valid too.
    pub open: bool,
    /// Whether it says how long the data field behind it is: `LENGTH`.
    pub is_length: bool,
}

/// A valid value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueDef {
    /// The value, `1`.
    pub value: String,
    /// The description, `GOOD_TILL_CANCELLED`.
    pub description: String,
    /// The market that has it, if not all do (ours: `market`).
    pub market: Option<Market>,
}

/// A market of a venue that has two behind one dialect: Kraken's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Market {
    /// Spot.
    Spot,
    /// Derivatives.
    Derivatives,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageDef {
    /// MsgType(35).
    pub msg_type: String,
    /// The name, `NewOrderSingle`.
    pub name: String,
    /// Who sends it, if the file says so (ours: `sender`).
    pub sender: Option<Sender>,
    /// The market that has it, if not all do (ours: `market`).
    pub market: Option<Market>,
    /// The body.
    pub items: Vec<Item>,
}

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The client of the venue.
    Client,
    /// The venue.
    Venue,
    /// Either.
    Both,
}

/// A field in a message, the header, the trailer or a group entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its tag.
    pub tag: u32,
    /// The form of its value: that of the field unless the item has its own (ours: `form`).
    pub kind: Kind,
    /// Whether it has to be there.
    pub presence: Presence,
    /// Whether documents demand its presence that captures or the documents' own examples lack (ours:
    /// `required='D'`): for strict checks only.
    pub documented: bool,
    /// The market that has it, if not all do (ours: `market`).
    pub market: Option<Market>,
    /// A market where it has to be there whatever `presence` says (ours: `requiredOn`).
    pub required_on: Option<Market>,
    /// A market where its value has to hold a word (ours: `wordOn='derivatives:s'`).
    pub word_on: Option<(Market, String)>,
    /// The values that are valid here, if not those of the field.
    pub values: Option<Vec<String>>,
    /// Whether values that the field does not name are valid here.
    pub open: bool,
    /// What an entry holds, if this is the count of a group. The first item starts each entry.
    pub group: Option<Vec<Item>>,
}

/// Whether a field has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// Always.
    Required,
    /// Never.
    Optional,
    /// If the field with this tag, in the same part of the message, has one of these values.
    When(u32, Vec<String>),
    /// If the field with this tag, in the same part of the message, is absent.
    Unless(u32),
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $(= $name:literal)+,)*) => {
        /// The type of a field, as it is written in the file.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* #[doc = concat!($("`", $name, "` ",)+)] $kind,)*
        }

        impl Kind {
            /// From the `type` of a field.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($($name)|+ => Some(Self::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// Ours, by the attribute `form`: a ClOrdID(11) as Kraken takes it.
    ClOrdId = "CLORDID",
    Text = "STRING" = "CURRENCY" = "EXCHANGE" = "COUNTRY" = "LANGUAGE" = "XID" = "XIDREF" = "TENOR"
        = "PATTERN" = "LOCALMKTTIME" = "TZTIMEONLY" = "TZTIMESTAMP" = "LOCALE",
    Char = "CHAR",
    Words = "MULTIPLEVALUESTRING" = "MULTIPLESTRINGVALUE" = "MULTIPLECHARVALUE",
    Data = "DATA" = "XMLDATA",
    Int = "INT" = "DAYOFMONTH",
    Uint = "SEQNUM" = "LENGTH" = "TAGNUM",
    Count = "NUMINGROUP",
    Decimal = "FLOAT" = "PRICE" = "PRICEOFFSET" = "QTY" = "QUANTITY" = "AMT" = "PERCENTAGE",
    Boolean = "BOOLEAN",
    UtcTimestamp = "UTCTIMESTAMP" = "TIME",
    UtcTimeOnly = "UTCTIMEONLY",
    Date = "UTCDATEONLY" = "UTCDATE" = "LOCALMKTDATE" = "DATE",
    MonthYear = "MONTHYEAR",
}

/// Why a dictionary cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DictionaryError {
    /// It is no XML.
    #[error("no XML: {0}")]
    Xml(String),
    /// An element that has to be there is not.
    #[error("<{0}> is missing")]
    ElementMissing(&'static str),
    /// An element where it must not be.
    #[error("line {line}: <{element}> is not expected here")]
    ElementUnexpected {
        /// The element.
        element: String,
        /// Where.
        line: u32,
    },
    /// An attribute that has to be there is not, or its value makes no sense.
    #[error("line {line}: bad or missing attribute {attribute}")]
    Attribute {
        /// The attribute.
        attribute: &'static str,
        /// Where.
        line: u32,
    },
    /// A field or component is used that is defined nowhere.
    #[error("line {line}: {name} is not defined")]
    Undefined {
        /// Its name.
        name: String,
        /// Where it is used.
        line: u32,
    },
    /// A field, component or message is defined twice.
    #[error("line {line}: {name} is defined twice")]
    Twice {
        /// Its name.
        name: String,
        /// Where the second stands.
        line: u32,
    },
    /// A type that is not known.
    #[error("line {line}: type {kind} is not known")]
    Kind {
        /// The type.
        kind: String,
        /// Where.
        line: u32,
    },
    /// A group without a field.
    #[error("line {line}: a group without a field")]
    EmptyGroup {
        /// Where.
        line: u32,
    },
    /// A component that holds itself, or groups too deep in groups ([`DEPTH_MAX`]).
    #[error("line {line}: too deep, or without an end")]
    TooDeep {
        /// Where.
        line: u32,
    },
    /// More fields than [`MEMBERS_MAX`], [`MESSAGE_ITEMS_MAX`] or [`ITEMS_MAX`].
    #[error("line {line}: too many fields")]
    TooLarge {
        /// Where.
        line: u32,
    },
    /// More than 65,535 different sets of valid values.
    #[error("too many sets of values")]
    TooManySets,
}

impl Model {
    /// Reads a dictionary.
    ///
    /// # Errors
    /// [`DictionaryError`].
    pub fn from_xml(xml: &str) -> Result<Self, DictionaryError> {
        parse::model(xml)
    }

    /// Length fields and the data fields that they announce, wherever the one stands directly before the
    /// other, by the tag of the length.
    #[must_use]
    pub fn data_fields(&self) -> BTreeMap<u32, u32> {
        let mut pairs = BTreeMap::new();
        let scopes = [&self.header, &self.trailer].into_iter();
        for items in scopes.chain(self.messages.iter().map(|message| &message.items)) {
            self.add_data_fields(items, &mut pairs);
        }
        pairs
    }

    fn add_data_fields(&self, items: &[Item], pairs: &mut BTreeMap<u32, u32>) {
        for pair in items.windows(2) {
            if self.fields[&pair[0].tag].is_length && pair[1].kind == Kind::Data {
                pairs.insert(pair[0].tag, pair[1].tag);
            }
        }
        for group in items.iter().filter_map(|item| item.group.as_ref()) {
            self.add_data_fields(group, pairs);
        }
    }

    /// The name of a field, empty if it is not defined.
    #[must_use]
    pub fn name(&self, tag: u32) -> &str {
        self.fields.get(&tag).map_or("", |field| &field.name)
    }
}

#[cfg(test)]
mod tests;
