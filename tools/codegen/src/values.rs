//! `messages/values.rs`: enumerations, sets of valid values, names of values.

use std::fmt::Write as _;

use taut_dictionary::{Item, Model};

use crate::NOTICE;
use crate::names::{variant, words};

/// The sets of values that members and conditions refer to, by number from 1.
#[derive(Default)]
pub struct Sets(Vec<Vec<String>>);

impl Sets {
    /// The number of a set.
    pub fn number(&mut self, values: &[String]) -> usize {
        let found = self.0.iter().position(|set| set == values);
        1 + found.unwrap_or_else(|| {
            self.0.push(values.to_vec());
            self.0.len() - 1
        })
    }

    /// The set of the values that are valid for a field where it stands, 0 for any.
    pub fn of_item(&mut self, model: &Model, item: &Item) -> usize {
        let field = &model.fields[&item.tag];
        let of_field = || field.values.iter().map(|value| value.value.clone()).collect();
        match &item.values {
            _ if item.open || field.open => 0,
            Some(values) => self.number(values),
            None if field.values.is_empty() => 0,
            None => self.number(&Vec::from_iter::<Vec<String>>(of_field())),
        }
    }
}

pub fn values(model: &Model, sets: &Sets) -> String {
    let mut out = String::from("//! The enumerated values of fields.\n//!\n");
    out += NOTICE;
    out += "\nuse crate::typed::enumeration;\n";
    let enumerated = || model.fields.values().filter(|field| !field.values.is_empty());
    for field in enumerated() {
        let _ = write!(
            out,
            "\nenumeration! {{\n    /// {}({}).\n    {} {{\n",
            field.name, field.tag, field.name
        );
        for value in &field.values {
            let _ = writeln!(out, "        {} = {:?},", variant(&value.description), value.value);
        }
        out += "    }\n}\n";
    }
    out +=
        "\n/// Sets of values, numbered from 1 in the tables of the messages.\n#[rustfmt::skip]\n";
    let _ = writeln!(out, "pub(crate) static SETS: [&[&str]; {}] = [", sets.0.len());
    for (n, set) in sets.0.iter().enumerate() {
        let _ = writeln!(out, "    &{set:?}, // {}", n + 1);
    }
    out += "];\n\n/// The names of values by tag, sorted by tag.\n#[rustfmt::skip]\n";
    let count = enumerated().count();
    let _ = writeln!(out, "pub(crate) static NAMES: [(u32, &[(&str, &str)]); {count}] = [");
    for field in enumerated() {
        let name =
            |v: &taut_dictionary::ValueDef| format!("({:?}, {:?})", v.value, words(&v.description));
        let names: Vec<_> = field.values.iter().map(name).collect();
        let _ = writeln!(out, "    ({}, &[{}]), // {}", field.tag, names.join(", "), field.name);
    }
    out + "];\n"
}
