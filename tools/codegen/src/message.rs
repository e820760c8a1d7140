//! `messages/NAME.rs`: view, draft and field table of one message.

use std::fmt::Write as _;

use taut_dictionary::{FieldDef, Item, Kind, Market, MessageDef, Model, Presence, Sender};

use crate::names::{group, snake};
use crate::values::Sets;
use crate::{Error, NOTICE};

pub fn message(model: &Model, message: &MessageDef, sets: &mut Sets) -> Result<String, Error> {
    let sender = match message.sender {
        Some(Sender::Client) => ", sent by the client",
        Some(Sender::Venue) => ", sent by the venue",
        Some(Sender::Both) | None => "",
    };
    let title = format!("{}(35={}){sender}.", message.name, message.msg_type);
    let decimals = u8::from(message.sender == Some(Sender::Venue));
    let mut body =
        format!("\n/// MsgType(35).\npub const MSG_TYPE: &[u8] = b{:?};\n", message.msg_type);
    body += &fields(model, &title, decimals, &message.items, "")?;
    body += &groups(model, decimals, &message.items, "")?;
    body += &layout(model, &message.items, message.market, sets);
    Ok(format!("//! {title}\n//!\n{NOTICE}\n{}{body}", imports(&body, "")))
}

pub fn envelope(model: &Model, sets: &mut Sets) -> Result<String, Error> {
    let mut body = String::new();
    for (name, items) in [("HEADER", &model.header), ("TRAILER", &model.trailer)] {
        let mut tables = Tables::new(model, sets);
        tables.scope(items, 0);
        if tables.scopes.len() > 1 || !tables.conditions.is_empty() {
            return Err(Error::Unsupported(format!("{name}: groups or conditions")));
        }
        let _ = write!(
            body,
            "\n#[rustfmt::skip]\npub(crate) static {name}: [Member; {}] = [\n{}];\n",
            tables.members.len(),
            tables.members.concat()
        );
    }
    let pairs: Vec<_> = model.data_fields().into_iter().collect();
    let _ = write!(
        body,
        "\n/// Length fields and their data fields, sorted.\npub(crate) const DATA_FIELDS: [(u32, u32); {}] = {pairs:?};\n",
        pairs.len()
    );
    Ok(format!("//! Header and trailer.\n//!\n{NOTICE}\n{}{body}", imports(&body, "")))
}

/// The shapes and modules of the groups among `items`, and within those of the groups that they hold.
fn groups(model: &Model, decimals: u8, items: &[Item], indent: &str) -> Result<String, Error> {
    let mut out = String::new();
    for item in items {
        let Some(entry) = &item.group else { continue };
        let field = &model.fields[&item.tag];
        let (name, mut members) = (&field.name, Vec::new());
        tags_within(entry, &mut members);
        // A module looks into those of its own groups.
        let visibility = if indent.is_empty() { "" } else { "pub(super) " };
        let _ = write!(
            out,
            "\n{indent}#[rustfmt::skip]\n{indent}{visibility}static {}: GroupSpec =\n\
             {indent}    GroupSpec {{ count: {}, first: Some({}), members: &{members:?} }};\n",
            spec(field),
            item.tag,
            members[0]
        );
        let inner_indent = format!("{indent}    ");
        let title = format!("An entry of {name}({}).", item.tag);
        let inner = fields(model, &title, decimals, entry, &inner_indent)?
            + &groups(model, decimals, entry, &inner_indent)?;
        let imports = imports(&inner, &inner_indent);
        let _ = write!(
            out,
            "\n{indent}/// The entries of {name}({}).\n{indent}pub mod {} {{\n{imports}{inner}{indent}}}\n",
            item.tag,
            group(name)
        );
    }
    Ok(out)
}

/// The other groups among `items` that hold the group `count` in their entries too.
fn beside(model: &Model, items: &[Item], count: u32) -> Vec<String> {
    let holds = |item: &&Item| {
        let mut tags = Vec::new();
        tags_within(item.group.as_deref().unwrap_or_default(), &mut tags);
        item.tag != count && tags.contains(&count)
    };
    items.iter().filter(holds).map(|item| spec(&model.fields[&item.tag])).collect()
}

/// The tags of an entry, those of groups in it included, each once.
fn tags_within(items: &[Item], out: &mut Vec<u32>) {
    for item in items {
        if !out.contains(&item.tag) {
            out.push(item.tag);
        }
        tags_within(item.group.as_deref().unwrap_or_default(), out);
    }
}

/// The imports of a module with this body, whose own modules have theirs.
fn imports(body: &str, indent: &str) -> String {
    let (module, end) = (format!("{indent}pub mod "), format!("{indent}}}"));
    let mut inside = false;
    let outside = body.lines().filter(|line| {
        inside |= line.starts_with(&module);
        let keep = !inside;
        inside &= *line != end;
        keep
    });
    let body = &outside.flat_map(|line| [line, "\n"]).collect::<String>();
    let is_word_byte = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let has = |word: &&str| body.split(|c| !is_word_byte(c)).any(|one| one == *word);
    let mut out = String::new();
    for (module, words) in [
        ("crate::ids", &["Market"][..]),
        ("crate::message", &["GroupSpec"]),
        ("crate::messages", &["values"]),
        ("crate::rules", &["Condition", "Kind", "Member", "layout"]),
        ("crate::typed", &["TimeOfDay", "UtcSeconds", "Words", "fields"]),
        ("crate::value", &["Decimal", "UtcTime"]),
    ] {
        let wanted = |word: &&str| match *word {
            "fields" => body.contains("fields! {"),
            "values" => body.contains("values::"),
            "layout" => body.contains("layout! {"),
            "Market" => body.contains("Market::"),
            "Decimal" => body.contains(": Decimal") || body.contains("<Decimal>"),
            _ => has(word),
        };
        let words: Vec<_> = words.iter().copied().filter(wanted).collect();
        match words[..] {
            [] => {}
            [one] => _ = writeln!(out, "{indent}use {module}::{one};"),
            _ => _ = writeln!(out, "{indent}use {module}::{{{}}};", words.join(", ")),
        }
    }
    out
}

/// The name of a group's shape.
fn spec(field: &FieldDef) -> String {
    snake(&field.name).to_ascii_uppercase()
}

/// The Rust type of a field's value.
fn rust_type(field: &FieldDef) -> String {
    let name = &field.name;
    match field.kind {
        Kind::Words if !field.values.is_empty() => format!("Words<'a, values::{name}>"),
        _ if !field.values.is_empty() => format!("values::{name}"),
        Kind::Text | Kind::ClOrdId | Kind::Words | Kind::Data | Kind::Date | Kind::MonthYear => {
            "&'a [u8]".into()
        }
        Kind::Char => "u8".into(),
        Kind::Int => "i64".into(),
        Kind::Uint | Kind::Count => "u64".into(),
        Kind::Decimal => "Decimal".into(),
        Kind::Boolean => "bool".into(),
        Kind::UtcTimestamp if field.seconds => "UtcSeconds".into(),
        Kind::UtcTimestamp => "UtcTime".into(),
        Kind::UtcTimeOnly => "TimeOfDay".into(),
    }
}

/// The call of `fields!` for a message or entry.
fn fields(
    model: &Model,
    title: &str,
    decimals: u8,
    items: &[Item],
    indent: &str,
) -> Result<String, Error> {
    let (mut view, mut draft, mut optional, mut wire) = Default::default();
    let line = |out: &mut String, text: String| *out += &format!("{indent}        {text};\n");
    for (n, item) in items.iter().enumerate() {
        let field = &model.fields[&item.tag];
        let (tag, fix) = (item.tag, &field.name);
        let required = item.presence == Presence::Required && !item.documented;
        let mode = if required { "required" } else { "optional" };
        let rust = rust_type(field);
        if let Some(entry) = &item.group {
            let name = group(fix);
            let inner = entry.iter().filter(|item| item.group.is_some());
            let inner: Vec<_> =
                inner.map(|item| format!("{name}::{}", spec(&model.fields[&item.tag]))).collect();
            let lifetime = if has_lifetime(model, entry) { "<'a>" } else { "" };
            let entries =
                format!("{name} \"The entries of {fix}({tag}).\": &'a [{name}::Draft{lifetime}]");
            line(
                &mut view,
                format!(
                    "group {tag} {name} {fix:?}: {name}::View<'a>, {} [{}] [{}]",
                    spec(field),
                    inner.join(", "),
                    beside(model, items, tag).join(", ")
                ),
            );
            line(if required { &mut draft } else { &mut optional }, entries);
            line(
                &mut wire,
                if required {
                    format!("group {tag} {name}")
                } else {
                    format!("optional_group {tag} optional.{name}")
                },
            );
            continue;
        }
        let name = snake(fix);
        line(&mut view, format!("{mode} {tag} {name} {fix:?}: {rust}"));
        let next = items.get(n + 1).map(|next| &model.fields[&next.tag]);
        if next.is_some_and(|next| next.kind == Kind::Data) {
            continue; // The data field writes its length.
        }
        let doc = format!("{fix}({tag}){}.", condition(model, item));
        match (field.kind, required) {
            (Kind::Data, required) => {
                let length = items[..n].last().filter(|one| model.fields[&one.tag].is_length);
                let Some(length) = length.map(|one| one.tag) else {
                    return Err(Error::Unsupported(format!("{fix}: data without a length")));
                };
                if required {
                    line(&mut draft, format!("{name} {doc:?}: {rust}"));
                    line(&mut wire, format!("required_data {length} {tag} {name}"));
                    continue;
                }
                line(&mut optional, format!("{name} {doc:?}: Option<{rust}>"));
                line(&mut wire, format!("data {length} {tag} optional.{name}"));
            }
            (_, true) => {
                line(&mut draft, format!("{name} {doc:?}: {rust}"));
                line(&mut wire, format!("required {tag} {name}"));
            }
            (_, false) => {
                line(&mut optional, format!("{name} {doc:?}: Option<{rust}>"));
                line(&mut wire, format!("optional {tag} optional.{name}"));
            }
        }
    }
    let lifetime = |text: &str| if text.contains("'a") { " <'a>" } else { "" };
    let both = lifetime(&(draft.clone() + &optional));
    let mut out = format!(
        "\n{indent}fields! {{\n{indent}    /// {title}\n{indent}    decimals {decimals};\n"
    );
    let _ = write!(out, "{indent}    view {{\n{view}{indent}    }}\n");
    let _ = write!(out, "{indent}    draft{both} {{\n{draft}{indent}    }}\n");
    if !optional.is_empty() {
        let lifetime = lifetime(&optional);
        let _ = write!(out, "{indent}    optional{lifetime} {{\n{optional}{indent}    }}\n");
    }
    let _ = write!(out, "{indent}    wire {{\n{wire}{indent}    }}\n{indent}}}\n");
    Ok(out)
}

/// When a field is required that is not always.
fn condition(model: &Model, item: &Item) -> String {
    let presence = match &item.presence {
        _ if item.documented => String::new(),
        Presence::Required | Presence::Optional => String::new(),
        Presence::When(on, values) => {
            format!(", required if {}({on}) is one of {}", model.name(*on), values.join(", "))
        }
        Presence::Unless(on) => format!(", required if {}({on}) is absent", model.name(*on)),
    };
    let only = item.market.map(|market| format!(", {market:?} only"));
    let on = item.required_on.map(|market| format!(", required on {market:?}"));
    let word = item.word_on.as_ref().map(|(market, word)| format!(", with {word} on {market:?}"));
    let more = [only, on, word].into_iter().flatten().collect::<String>();
    // A market is a word in a sentence.
    presence + &more.replace("Spot", "spot").replace("Derivatives", "derivatives")
}

fn has_lifetime(model: &Model, items: &[Item]) -> bool {
    let borrows = |item: &Item| rust_type(&model.fields[&item.tag]).contains("'a");
    items.iter().any(|item| item.group.is_some() || borrows(item))
}

/// The tables of a message.
fn layout(model: &Model, items: &[Item], only: Option<Market>, sets: &mut Sets) -> String {
    let mut tables = Tables::new(model, sets);
    tables.scope(items, 0);
    let Tables { members, scopes, conditions, .. } = tables;
    let (members_len, own) = (members.len(), items.len());
    let (scopes_len, conditions_len) = (scopes.len(), conditions.len());
    let indented =
        |lines: &[String]| lines.iter().flat_map(|line| ["    ", line]).collect::<String>();
    let (members, conditions) = (indented(&members), indented(&conditions));
    let market = only.map_or("None".into(), |only| format!("Some({})", market(only)));
    format!(
        "
layout! {{
    market {market};
    members {members_len}, of which {own} are its own [
{members}    ]
    scopes {scopes_len} {scopes:?}
    conditions {conditions_len} [
{conditions}    ]
}}
"
    )
}

struct Tables<'m, 's> {
    model: &'m Model,
    sets: &'s mut Sets,
    members: Vec<String>,
    scopes: Vec<(usize, usize, u32, (usize, usize))>,
    conditions: Vec<String>,
}

impl<'m, 's> Tables<'m, 's> {
    fn new(model: &'m Model, sets: &'s mut Sets) -> Self {
        Self { model, sets, members: Vec::new(), scopes: Vec::new(), conditions: Vec::new() }
    }

    /// Adds a scope and, behind it, those of its groups; returns its number.
    fn scope(&mut self, items: &[Item], first: u32) -> usize {
        let number = self.scopes.len();
        let start = self.members.len();
        self.members.resize(start + items.len(), String::new());
        self.scopes.push((start, start + items.len(), first, (0, 0)));
        let mut sorted: Vec<_> = items.iter().enumerate().collect();
        sorted.sort_by_key(|(_, item)| item.tag);
        for (at, (position, item)) in sorted.into_iter().enumerate() {
            let field = &self.model.fields[&item.tag];
            let mut text =
                format!("    Member::new({}, {position}, Kind::{})", item.tag, kind(field, item));
            if let Some(only) = item.market {
                let _ = write!(text, ".only_on({})", market(only));
            }
            if item.presence == Presence::Required && !item.documented {
                text += ".required()";
            }
            match self.sets.of_item(self.model, item) {
                0 => {}
                set => _ = write!(text, ".values({set})"),
            }
            if let Some(entry) = &item.group {
                let scope = self.scope(entry, entry[0].tag);
                let _ = write!(text, ".group({scope})");
            }
            self.members[start + at] = format!("{text}, // {}\n", field.name);
        }
        let conditions = self.conditions.len();
        for item in items {
            for condition in self.conditions(number, item) {
                self.conditions.push(format!("    {condition},\n"));
            }
        }
        self.scopes[number].3 = (conditions, self.conditions.len());
        number
    }

    /// What is demanded of an item beyond being always there.
    fn conditions(&mut self, scope: usize, item: &Item) -> Vec<String> {
        let new = format!("Condition::new({scope}, {})", item.tag);
        let documented = if item.documented { ".documented()" } else { "" };
        let mut out = Vec::new();
        match &item.presence {
            Presence::Required if item.documented => out.push(format!("{new}{documented}")),
            Presence::Required | Presence::Optional => {}
            Presence::When(on, values) => {
                let set = self.sets.plain(values);
                out.push(format!("{new}.when({on}, {set}){documented}"));
            }
            Presence::Unless(on) => out.push(format!("{new}.unless({on}){documented}")),
        }
        if let Some(on) = item.required_on {
            out.push(format!("{new}.on({})", market(on)));
        }
        if let Some((on, word)) = &item.word_on {
            let set = self.sets.plain(std::slice::from_ref(word));
            out.push(format!("{new}.word({set}).on({})", market(*on)));
        }
        out
    }
}

fn market(market: Market) -> String {
    format!("Market::{market:?}")
}

/// The kind of an item, in the words of `taut_codec::rules`.
fn kind(field: &FieldDef, item: &Item) -> String {
    if field.is_length { "Length".into() } else { format!("{:?}", item.kind) }
}
