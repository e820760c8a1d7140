//! `messages/values.rs`: enumerations, sets of valid values, names of values.

use std::fmt::Write as _;

use taut_dictionary::{Item, Market, Model};

use crate::NOTICE;
use crate::names::{variant, words};

/// A value and the market that has it, if not all do.
type Value = (String, Option<Market>);

/// The sets of values that members and conditions refer to, by number from 1.
#[derive(Default)]
pub struct Sets(Vec<Vec<Value>>);

impl Sets {
    /// The number of a set of values that any market has.
    pub fn plain(&mut self, values: &[String]) -> usize {
        self.number(values.iter().map(|value| (value.clone(), None)).collect())
    }

    fn number(&mut self, values: Vec<Value>) -> usize {
        let found = self.0.iter().position(|set| *set == values);
        1 + found.unwrap_or_else(|| {
            self.0.push(values);
            self.0.len() - 1
        })
    }

    /// The set of the values that are valid for a field where it stands, 0 for any.
    pub fn of_item(&mut self, model: &Model, item: &Item) -> usize {
        let field = &model.fields[&item.tag];
        let of_field = || field.values.iter().map(|value| (value.value.clone(), value.market));
        match &item.values {
            _ if item.open || field.open => 0,
            Some(values) => {
                let here = |value: &Value| values.contains(&value.0);
                self.number(of_field().filter(here).collect())
            }
            None if field.values.is_empty() => 0,
            None => self.number(of_field().collect()),
        }
    }
}

pub fn values(model: &Model, sets: &Sets) -> String {
    let mut out = String::from("//! The enumerated values of fields.\n//!\n");
    out += NOTICE;
    out += "\nuse crate::ids::Market;\nuse crate::typed::enumeration;\n";
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
        let values: Vec<_> = set.iter().map(|(value, _)| value).collect();
        let _ = writeln!(out, "    &{values:?}, // {}", n + 1);
    }
    let restricted: Vec<_> = (1..)
        .zip(&sets.0)
        .flat_map(|(n, set)| set.iter().filter_map(move |(v, only)| only.map(|only| (n, v, only))))
        .map(|(n, value, only)| format!("    ({n}, {value:?}, Market::{only:?}),\n"))
        .collect();
    let _ = write!(
        out,
        "];\n\n/// Values of sets that only one market has.\n#[rustfmt::skip]\n\
         pub(crate) static RESTRICTED: [(u16, &str, Market); {}] = [\n{}",
        restricted.len(),
        restricted.concat()
    );
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
