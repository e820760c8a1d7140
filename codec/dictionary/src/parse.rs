//! From XML to a [`Model`].

use std::collections::{BTreeMap, HashMap, HashSet};

use roxmltree::{Document, Node};

use crate::{
    DEPTH_MAX, DictionaryError, FieldDef, ITEMS_MAX, Item, Kind, MEMBERS_MAX, MESSAGE_ITEMS_MAX,
    Market, MessageDef, Model, Presence, Sender, ValueDef,
};

/// Components may hold components; more than this is a circle.
const NESTING_MAX: usize = 32;

pub fn model(xml: &str) -> Result<Model, DictionaryError> {
    let document = Document::parse(xml).map_err(|error| DictionaryError::Xml(error.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "fix" {
        return Err(DictionaryError::ElementMissing("fix"));
    }
    let section = |name| elements(root).find(|node| node.tag_name().name() == name);
    let need = |name| section(name).ok_or(DictionaryError::ElementMissing(name));

    let fields = fields(need("fields")?)?;
    let defined = fields.values().map(|field| (field.name.as_str(), field)).collect();
    let mut components = HashMap::new();
    for node in section("components").into_iter().flat_map(elements) {
        let name = text(node, "name")?;
        if components.insert(name, node).is_some() {
            return Err(DictionaryError::Twice { name: name.into(), line: line(node) });
        }
    }
    let mut reader = Reader { defined, components, items: 0 };
    let header = reader.scope(need("header")?)?;
    let trailer = reader.scope(need("trailer")?)?;
    let mut messages: Vec<MessageDef> = Vec::new();
    let mut msg_types = HashSet::new();
    for node in elements(need("messages")?) {
        let (name, msg_type) = (text(node, "name")?, text(node, "msgtype")?);
        if !msg_types.insert(msg_type) {
            return Err(DictionaryError::Twice { name: name.into(), line: line(node) });
        }
        messages.push(MessageDef {
            msg_type: msg_type.into(),
            name: name.into(),
            sender: sender(node)?,
            market: market(node, "market")?,
            items: reader.scope(node)?,
        });
    }
    Ok(Model { fields, header, trailer, messages })
}

fn fields(parent: Node<'_, '_>) -> Result<BTreeMap<u32, FieldDef>, DictionaryError> {
    let mut fields = BTreeMap::new();
    let mut names = HashSet::new();
    for node in elements(parent) {
        let name = text(node, "name")?;
        let tag = text(node, "number")?.parse().ok().filter(|tag| *tag > 0);
        let tag: u32 = tag.ok_or_else(|| attribute(node, "number"))?;
        let kind = text(node, "type")?;
        let is_length = kind == "LENGTH";
        let kind = kind_of(kind, node)?;
        let mut values = Vec::new();
        for value in elements(node).filter(|value| value.tag_name().name() == "value") {
            values.push(ValueDef {
                value: text(value, "enum")?.into(),
                description: value.attribute("description").unwrap_or_default().into(),
                market: market(value, "market")?,
            });
        }
        let field = FieldDef {
            tag,
            name: name.into(),
            kind,
            seconds: node.attribute("precision") == Some("seconds"),
            values,
            open: node.attribute("allowOtherValues") == Some("Y"),
            is_length,
        };
        if !names.insert(name) || fields.insert(tag, field).is_some() {
            return Err(DictionaryError::Twice { name: name.into(), line: line(node) });
        }
    }
    Ok(fields)
}

struct Reader<'a, 'x> {
    /// Fields by name.
    defined: HashMap<&'a str, &'a FieldDef>,
    components: HashMap<&'x str, Node<'x, 'x>>,
    /// How many items there are by now.
    items: usize,
}

impl<'x> Reader<'_, 'x> {
    /// The fields of the header, the trailer or a message.
    fn scope(&mut self, node: Node<'x, 'x>) -> Result<Vec<Item>, DictionaryError> {
        let (mut items, before) = (Vec::new(), self.items);
        self.collect(node, true, 0, 0, &mut items)?;
        if self.items - before > MESSAGE_ITEMS_MAX {
            return Err(DictionaryError::TooLarge { line: line(node) });
        }
        Ok(items)
    }

    /// Adds what stands in `parent`. Of a component that is not required, nothing is (as in QuickFIX).
    fn collect(
        &mut self,
        parent: Node<'x, 'x>,
        required: bool,
        depth: usize,
        nesting: usize,
        out: &mut Vec<Item>,
    ) -> Result<(), DictionaryError> {
        if depth > DEPTH_MAX || nesting > NESTING_MAX {
            return Err(DictionaryError::TooDeep { line: line(parent) });
        }
        for node in elements(parent) {
            let name = text(node, "name")?;
            self.items += 1;
            if self.items > ITEMS_MAX || out.len() >= MEMBERS_MAX {
                return Err(DictionaryError::TooLarge { line: line(node) });
            }
            let undefined = || DictionaryError::Undefined { name: name.into(), line: line(node) };
            let element = node.tag_name().name();
            if element == "component" {
                let component = *self.components.get(name).ok_or_else(undefined)?;
                let required = required && node.attribute("required") == Some("Y");
                self.collect(component, required, depth, nesting + 1, out)?;
                continue;
            }
            if element != "field" && element != "group" {
                return Err(DictionaryError::ElementUnexpected {
                    element: element.into(),
                    line: line(node),
                });
            }
            let field = *self.defined.get(name).ok_or_else(undefined)?;
            let tag = field.tag;
            let mut group = None;
            if element == "group" {
                let mut entry = Vec::new();
                self.collect(node, true, depth + 1, nesting + 1, &mut entry)?;
                if entry.is_empty() {
                    return Err(DictionaryError::EmptyGroup { line: line(node) });
                }
                group = Some(entry);
            }
            // Two components may hold the same field; the first one counts.
            if out.iter().all(|item| item.tag != tag) {
                out.push(Item {
                    tag,
                    kind: node
                        .attribute("form")
                        .map_or(Ok(field.kind), |kind| kind_of(kind, node))?,
                    presence: self.presence(node, required)?,
                    documented: node.attribute("required") == Some("D"),
                    market: market(node, "market")?,
                    required_on: market(node, "requiredOn")?,
                    word_on: word_on(node)?,
                    values: node.attribute("values").map(list),
                    open: node.attribute("allowOtherValues") == Some("Y"),
                    group,
                });
            }
        }
        Ok(())
    }

    fn presence(&self, node: Node<'_, '_>, required: bool) -> Result<Presence, DictionaryError> {
        let tag = |name: &str| {
            let undefined = || DictionaryError::Undefined { name: name.into(), line: line(node) };
            self.defined.get(name).map(|field| field.tag).ok_or_else(undefined)
        };
        Ok(match (node.attribute("required"), node.attribute("when"), node.attribute("unless")) {
            (Some("Y"), ..) if required => Presence::Required,
            (Some("D"), None, None) => Presence::Required,
            (Some("C" | "D"), Some(when), None) => {
                let (name, values) = when.split_once('=').ok_or_else(|| attribute(node, "when"))?;
                Presence::When(tag(name)?, list(values))
            }
            (Some("C" | "D"), None, Some(unless)) => Presence::Unless(tag(unless)?),
            (Some("C" | "D"), ..) => return Err(attribute(node, "when")),
            _ => Presence::Optional,
        })
    }
}

fn sender(node: Node<'_, '_>) -> Result<Option<Sender>, DictionaryError> {
    Ok(match node.attribute("sender") {
        None => None,
        Some("client") => Some(Sender::Client),
        Some("venue") => Some(Sender::Venue),
        Some("both") => Some(Sender::Both),
        Some(_) => return Err(attribute(node, "sender")),
    })
}

fn kind_of(kind: &str, node: Node<'_, '_>) -> Result<Kind, DictionaryError> {
    Kind::from_name(kind)
        .ok_or_else(|| DictionaryError::Kind { kind: kind.into(), line: line(node) })
}

fn market(node: Node<'_, '_>, name: &'static str) -> Result<Option<Market>, DictionaryError> {
    let market =
        node.attribute(name).map(|text| market_of(text).ok_or_else(|| attribute(node, name)));
    market.transpose()
}

fn market_of(text: &str) -> Option<Market> {
    match text {
        "spot" => Some(Market::Spot),
        "derivatives" => Some(Market::Derivatives),
        _ => None,
    }
}

fn word_on(node: Node<'_, '_>) -> Result<Option<(Market, String)>, DictionaryError> {
    let read = |text: &str| {
        let (market, word) = text.split_once(':')?;
        Some((market_of(market)?, word.to_owned()))
    };
    let word = node.attribute("wordOn");
    word.map(|text| read(text).ok_or_else(|| attribute(node, "wordOn"))).transpose()
}

fn list(values: &str) -> Vec<String> {
    values.split(',').map(str::to_owned).collect()
}

fn elements<'a, 'x>(parent: Node<'a, 'x>) -> impl Iterator<Item = Node<'a, 'x>> + use<'a, 'x> {
    parent.children().filter(Node::is_element)
}

fn text<'a>(node: Node<'a, '_>, name: &'static str) -> Result<&'a str, DictionaryError> {
    node.attribute(name).filter(|text| !text.is_empty()).ok_or_else(|| attribute(node, name))
}

fn attribute(node: Node<'_, '_>, attribute: &'static str) -> DictionaryError {
    DictionaryError::Attribute { attribute, line: line(node) }
}

fn line(node: Node<'_, '_>) -> u32 {
    node.document().text_pos_at(node.range().start).row
}
