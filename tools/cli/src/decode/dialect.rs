//! Names of tags and values, and the field checks: Kraken's, or those of a dictionary from a file.

use taut_codec::dictionary::Dictionary;
use taut_codec::kraken::{self, Kraken};
use taut_codec::message::Message;
use taut_codec::rules::{Dialect as _, FieldFault, Options};
use taut_codec::scan::{DataFields, Field, Scanner};
use taut_codec::tag;

/// What the fields of messages mean.
pub enum Dialect {
    /// Kraken's, as generated.
    Kraken,
    /// Another one, loaded.
    Loaded(Box<Dictionary>),
}

impl Dialect {
    /// The name of a field.
    pub fn tag(&self, tag: u32) -> Option<&str> {
        match self {
            Self::Kraken => tag::name(tag),
            Self::Loaded(dictionary) => dictionary.tag_name(tag),
        }
    }

    /// The name of a MsgType(35).
    pub fn message(&self, msg_type: &[u8]) -> Option<&str> {
        match self {
            Self::Kraken => kraken::message_name(msg_type),
            Self::Loaded(dictionary) => dictionary.message_name(msg_type),
        }
    }

    /// The name of an enumerated value.
    pub fn value(&self, tag: u32, value: &[u8]) -> Option<&str> {
        match self {
            Self::Kraken => kraken::value_name(tag, value),
            Self::Loaded(dictionary) => dictionary.value_name(tag, value),
        }
    }

    /// Which fields may hold a delimiter, and the fields that say how long they are.
    pub fn data_fields(&self) -> DataFields<'_> {
        match self {
            Self::Kraken => Kraken.data_fields(),
            Self::Loaded(dictionary) => dictionary.data_fields(),
        }
    }

    /// What a dictionary from a file finds wrong with a message whose frame is good. Kraken's own is not
    /// asked: what its gateway takes and sends is not always what its documents say.
    pub fn fault(&self, message: &[u8]) -> Option<FieldFault> {
        let Self::Loaded(dictionary) = self else { return None };
        let mut fields = vec![Field::default(); message.len() / 2];
        let data = dictionary.data_fields();
        let count = Scanner::new().index_with(message, &mut fields, data).ok()?;
        dictionary.check(&Message::new(message, &fields[..count]), Options::default()).err()
    }
}
