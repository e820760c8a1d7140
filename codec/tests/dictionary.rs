//! The run-time dictionary: it agrees with the generated checks and with a naive model, and judges the
//! FIX session cases 14 by FIX 4.4.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use common::{bytes_of, captures, framed, skipped, with};
use proptest::prelude::*;
use taut_codec::dictionary::Dictionary;
use taut_codec::ids::Market;
use taut_codec::rules::{FieldFault, Kind, Options, Reason};
use taut_codec::scan::{Field, Scanner};
use taut_codec::{kraken, tag};
use taut_dictionary::{Item, KRAKEN_FIX44, Model, NESTED, Presence};

static KRAKEN: LazyLock<Dictionary> =
    LazyLock::new(|| Dictionary::from_xml(KRAKEN_FIX44).expect("our own file"));

fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(path)
}

fn fix44() -> Option<(Dictionary, Model)> {
    let path = shared("data/fix/FIX44.xml");
    let Ok(xml) = std::fs::read_to_string(&path) else {
        skipped(format_args!("there is no {}", path.display()));
        return None;
    };
    let model = Model::from_xml(&xml).expect("QuickFIX's dictionary");
    Some((Dictionary::from_xml(&xml).expect("QuickFIX's dictionary"), model))
}

#[test]
fn captures_pass_by_the_dictionary_loaded_at_run_time() {
    for text in captures().into_iter().flatten() {
        let found = with(&bytes_of(&text), |message| KRAKEN.check(message, Options::default()));
        assert_eq!(found, Ok(()), "{text}");
    }
}

#[test]
fn names_are_those_of_the_generated_code() {
    for tag in 0..10_000 {
        assert_eq!(KRAKEN.tag_name(tag), tag::name(tag));
        for value in (b' '..=b'~').map(|byte| [byte]) {
            assert_eq!(KRAKEN.value_name(tag, &value), kraken::value_name(tag, &value));
        }
    }
    assert_eq!(KRAKEN.value_name(380, b"104"), Some("order too old"));
}

/// Rows 14 of the FIX session cases: body of a NewOrderSingle (or of the message named before `:`),
/// then 373 and 371.
#[test]
fn fix44_judges_the_session_cases() {
    let Some((dictionary, _)) = fix44() else { return };
    const GOOD: &str = "11=ID|21=3|40=1|54=1|55=INTC|60=20260407-14:32:05|";
    let parties = "453=2|448=P1|447=D|452=1|802=2|523=S1|803=1|523=S2|803=2|448=P2|447=D|452=3|802=1|523=S3|803=4|";
    let cases: Vec<(String, Option<(u32, u32)>)> = vec![
        (GOOD.into(), None),
        (format!("{GOOD}{parties}"), None),
        (format!("{GOOD}167=CS|"), None),
        (format!("{GOOD}18=1 2|"), None),
        (format!("{GOOD}354=5|355=a|b=c|"), None),
        (format!("{GOOD}386=2|336=PRE-OPEN|336=AFTER-HOURS|"), None),
        (format!("{GOOD}78=1|79=acct1|80=50|"), None),
        (format!("{GOOD}999=HI|"), Some((0, 999))),
        (format!("{GOOD}5000=HI|"), Some((0, 5000))),
        (GOOD.replace("11=ID|", ""), Some((1, 11))),
        (format!("{GOOD}7=1|"), Some((2, 7))),
        (GOOD.replace("55=INTC", "55="), Some((4, 55))),
        (GOOD.replace("21=3", "21=4"), Some((5, 21))),
        (format!("{GOOD}167=BOO|"), Some((5, 167))),
        (format!("{GOOD}18=1 ?|"), Some((5, 18))),
        (format!("{GOOD}38=+200.00|"), Some((6, 38))),
        (format!("{GOOD}200=2026|"), Some((6, 200))),
        (GOOD.replace("40=1|", "40=1|40=2|"), Some((13, 40))),
        (format!("{GOOD}43=N|"), Some((14, 43))),
        (format!("{GOOD}78=2|80=50|79=acct1|80=150|79=acct2|"), Some((15, 80))),
        (format!("{GOOD}78=2|79=acct1|80=50|661=X|79=acct2|80=150|661=X|"), Some((15, 661))),
        (format!("{GOOD}{}", parties.replace("447=D|452=1|", "452=1|447=D|")), Some((15, 447))),
        (format!("{GOOD}386=3|336=PRE-OPEN|336=AFTER-HOURS|"), Some((16, 386))),
        (format!("{GOOD}{}", parties.replace("802=2", "802=3")), Some((16, 802))),
        (format!("{GOOD}{}", parties.replace("453=2", "453=1")), Some((16, 453))),
    ];
    for (body, expected) in cases {
        let bytes = common::message("D", &body);
        let found = with(&bytes, |message| dictionary.check(message, Options::default()));
        let found = found.map_err(|fault| (fault.reason.session_reject().expect("373"), fault.tag));
        assert_eq!(found.err(), expected, "{body}");
    }
    let user_defined = Options { allow_user_defined: true, ..Options::default() };
    let bytes = common::message("D", &format!("{GOOD}5000=HI|"));
    assert_eq!(with(&bytes, |message| dictionary.check(message, user_defined)), Ok(()));
}

/// Plays the inbound lines of the acceptance definitions of rows 14 and 15 beside the repository: what
/// they expect is a Reject with 371 and 373, or no Reject.
#[test]
fn fix44_judges_the_acceptance_definitions_as_they_expect() {
    let Some((dictionary, _)) = fix44() else { return };
    let mut judged = 0;
    for folder in ["conformance/quickfix-fix44", "conformance/extra_defs/acceptor"] {
        for entry in std::fs::read_dir(shared(folder)).into_iter().flatten() {
            let path = entry.expect("a readable folder").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("14") || name.starts_with("15") {
                let text = std::fs::read_to_string(&path).expect("a readable file");
                judged += judge(&dictionary, &name, &text);
            }
        }
    }
    assert!(judged >= 30, "{judged} messages");
}

fn judge(dictionary: &Dictionary, name: &str, text: &str) -> usize {
    let lines: Vec<_> = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    let mut judged = 0;
    for pair in lines.windows(2) {
        let (Some(sent), Some(expected)) = (pair[0].strip_prefix('I'), pair[1].strip_prefix('E'))
        else {
            continue;
        };
        let Some(inner) = sent.strip_prefix("8=FIX.4.4\x01").or(sent.strip_prefix("8=FIX.4.4|"))
        else {
            continue;
        };
        let time = "20260407-14:32:05";
        let inner = inner.replace('\x01', "|").replace("<TIME>", time).replace("<TIME-1>", time);
        let bytes = framed(&inner);
        let mut fields = vec![Field::default(); bytes.len()];
        // Tags that are no positive numbers are garbled, and no matter of a dictionary.
        let Ok(count) = Scanner::new().index(&bytes, &mut fields) else { continue };
        let message = taut_codec::message::Message::new(&bytes, &fields[..count]);
        let found = dictionary.check(&message, Options::default());
        let expected = expected.replace('\x01', "|");
        let of = |tag: &str| {
            let (_, rest) = expected.split_once(&format!("|{tag}="))?;
            rest.split('|').next()
        };
        match (of("35"), found) {
            (Some("3"), Err(fault)) => {
                let reason = fault.reason.session_reject().map(|reason| reason.to_string());
                assert_eq!(of("373"), reason.as_deref(), "{name}: {inner}");
                let tag = of("371").filter(|tag| *tag != "*");
                assert!(tag.is_none_or(|tag| tag == fault.tag.to_string()), "{name}: {inner}");
            }
            (Some("3"), Ok(())) => panic!("{name}: {inner} passed"),
            (_, found) => assert_eq!(found, Ok(()), "{name}: {inner}"),
        }
        judged += 1;
    }
    judged
}

// A model of the checks that knows no tables: it takes the dictionary's tree and a list of fields.

type Pairs<'a> = &'a [(u32, &'a [u8])];

/// The dictionary, and by whose rules.
struct By<'m> {
    model: &'m Model,
    /// Lengths and their data.
    pairs: BTreeMap<u32, u32>,
    market: Option<Market>,
    documented: bool,
}

impl By<'_> {
    /// Whether something of one market is met on the other.
    fn is_elsewhere(&self, only: Option<taut_dictionary::Market>) -> bool {
        match self.market {
            None => false,
            Some(Market::Spot) => only == Some(taut_dictionary::Market::Derivatives),
            Some(Market::Derivatives) => only == Some(taut_dictionary::Market::Spot),
        }
    }

    fn is_here(&self, only: taut_dictionary::Market) -> bool {
        self.market.is_some() && !self.is_elsewhere(Some(only))
    }
}

fn kind_of(model: &Model, item: &Item) -> Kind {
    use taut_dictionary::Kind as K;
    match item.kind {
        _ if model.fields[&item.tag].is_length => Kind::Length,
        K::ClOrdId => Kind::ClOrdId,
        K::Text => Kind::Text,
        K::Char => Kind::Char,
        K::Words => Kind::Words,
        K::Data => Kind::Data,
        K::Int => Kind::Int,
        K::Uint => Kind::Uint,
        K::Count => Kind::Count,
        K::Decimal => Kind::Decimal,
        K::Boolean => Kind::Boolean,
        K::UtcTimestamp => Kind::UtcTimestamp,
        K::UtcTimeOnly => Kind::UtcTimeOnly,
        K::Date => Kind::Date,
        K::MonthYear => Kind::MonthYear,
    }
}

fn naive_value(by: &By<'_>, item: &Item, fields: Pairs<'_>, at: usize) -> Result<(), FieldFault> {
    let (model, value) = (by.model, fields[at].1);
    let fault = |reason| Err(FieldFault { reason, tag: item.tag });
    if value.is_empty() {
        return fault(Reason::Empty);
    }
    let kind = kind_of(model, item);
    if let Err(reason) = kind.check(value) {
        return fault(reason);
    }
    let is_v4 = |id: &[u8]| id.len() == 36 && id[14] == b'4' && b"89abAB".contains(&id[19]);
    if kind == Kind::ClOrdId && by.market == Some(Market::Derivatives) && !is_v4(value) {
        return fault(Reason::ValueIncorrect);
    }
    let field = &model.fields[&item.tag];
    let of_field: Vec<_> = field.values.iter().map(|one| one.value.clone()).collect();
    let valid = item.values.clone().unwrap_or(of_field);
    let text = String::from_utf8_lossy(value).into_owned();
    let words = if kind == Kind::Words { text.split(' ').collect() } else { vec![text.as_str()] };
    let elsewhere =
        |word: &str| field.values.iter().any(|v| v.value == word && by.is_elsewhere(v.market));
    let is_valid = |word: &&str| valid.iter().any(|one| one == word) && !elsewhere(word);
    if !(item.open || field.open || valid.is_empty() || words.iter().all(is_valid)) {
        return fault(Reason::ValueIncorrect);
    }
    let pairs = &by.pairs;
    let neighbour = |at: Option<usize>| Some(fields.get(at?)?.0);
    let torn = match kind {
        Kind::Length => {
            pairs.get(&item.tag).is_some_and(|data| neighbour(Some(at + 1)) != Some(*data))
        }
        Kind::Data => {
            let length =
                pairs.iter().find(|(_, data)| **data == item.tag).map(|(length, _)| *length);
            length.is_some() && neighbour(at.checked_sub(1)) != length
        }
        _ => false,
    };
    if torn { fault(Reason::OutOfOrder) } else { Ok(()) }
}

fn naive_missing(items: &[Item], own: Pairs<'_>) -> Option<u32> {
    let has = |tag| own.iter().any(|(one, _)| *one == tag);
    let required = |item: &&Item| item.presence == Presence::Required && !item.documented;
    items.iter().find(|item| required(item) && !has(item.tag)).map(|item| item.tag)
}

fn naive_condition(by: &By<'_>, items: &[Item], own: Pairs<'_>) -> Result<(), FieldFault> {
    let value = |tag| own.iter().find(|(one, _)| *one == tag).map(|(_, value)| *value);
    for item in items {
        let fault = |reason| Err(FieldFault { reason, tag: item.tag });
        let has = value(item.tag).is_some();
        let (always, sometimes) = match &item.presence {
            _ if item.documented && !by.documented => (false, false),
            Presence::Required => (item.documented, false),
            Presence::When(on, values) => {
                let is_due = |v: &[u8]| values.iter().any(|one| one.as_bytes() == v);
                (false, value(*on).is_some_and(is_due))
            }
            Presence::Unless(on) => (false, value(*on).is_none()),
            Presence::Optional => (false, false),
        };
        if sometimes && !has {
            return fault(Reason::ConditionallyMissing);
        }
        if (always || item.required_on.is_some_and(|on| by.is_here(on))) && !has {
            return fault(Reason::RequiredMissing);
        }
        if let (Some((on, word)), Some(value)) = (&item.word_on, value(item.tag))
            && by.is_here(*on)
            && !String::from_utf8_lossy(value).split(' ').any(|one| one == word)
        {
            return fault(Reason::ValueIncorrect);
        }
    }
    Ok(())
}

/// Reads the entries of a group from `start`; returns where they end.
fn naive_group(
    by: &By<'_>,
    (count, said): (u32, &[u8]),
    items: &[Item],
    fields: Pairs<'_>,
    start: usize,
) -> Result<usize, FieldFault> {
    let fault = |reason, tag| FieldFault { reason, tag };
    let mut entries: Vec<Vec<(u32, &[u8])>> = Vec::new();
    let close = |entry: Option<&Vec<(u32, &[u8])>>| -> Result<(), FieldFault> {
        let Some(entry) = entry else { return Ok(()) };
        if let Some(tag) = naive_missing(items, entry) {
            return Err(fault(Reason::RequiredMissing, tag));
        }
        naive_condition(by, items, entry)
    };
    let mut at = start;
    while let Some((tag, value)) = fields.get(at).copied() {
        let Some(place) = items.iter().position(|item| item.tag == tag) else { break };
        if place == 0 {
            close(entries.last())?;
            entries.push(Vec::new());
        }
        let Some(entry) = entries.last_mut() else {
            return Err(fault(Reason::GroupOutOfOrder, tag));
        };
        let is_again = entry.iter().any(|(one, _)| *one == tag);
        let behind =
            |(one, _): &(u32, &[u8])| items[place + 1..].iter().any(|item| item.tag == *one);
        if entry.last().is_some_and(behind) {
            let reason = if is_again { Reason::Repeated } else { Reason::GroupOutOfOrder };
            return Err(fault(reason, tag));
        }
        naive_value(by, &items[place], fields, at)?;
        if is_again {
            return Err(fault(Reason::Repeated, tag));
        }
        entry.push((tag, value));
        at += 1;
        if let Some(inner) = &items[place].group {
            at = naive_group(by, (tag, value), inner, fields, at)?;
        }
    }
    close(entries.last())?;
    let said: usize = String::from_utf8_lossy(said).parse().expect("checked as a count");
    if said == entries.len() { Ok(at) } else { Err(fault(Reason::GroupCountIncorrect, count)) }
}

fn has_within(items: &[Item], tag: u32) -> bool {
    items.iter().any(|i| i.tag == tag || i.group.as_deref().is_some_and(|g| has_within(g, tag)))
}

fn naive(by: &By<'_>, msg_type: &[u8], fields: Pairs<'_>) -> Result<(), FieldFault> {
    let model = by.model;
    let fault = |reason, tag| Err(FieldFault { reason, tag });
    let Some(message) = model.messages.iter().find(|m| m.msg_type.as_bytes() == msg_type) else {
        return fault(Reason::InvalidMsgType, 35);
    };
    if by.is_elsewhere(message.market) {
        return fault(Reason::NotOnThisMarket, 35);
    }
    let parts = [&model.header, &message.items, &model.trailer];
    let mut own: [Vec<(u32, &[u8])>; 3] = Default::default();
    let mut reached = 0;
    let mut at = 0;
    while let Some((tag, value)) = fields.get(at).copied() {
        at += 1;
        let place = |items: &Vec<Item>| items.iter().position(|item| item.tag == tag);
        let Some(part) = (0..3).find(|part| place(parts[*part]).is_some()) else {
            return fault(
                if has_within(&message.items, tag) {
                    Reason::GroupOutOfOrder
                } else if model.fields.contains_key(&tag) {
                    Reason::NotOfThisMessage
                } else {
                    Reason::InvalidTagNumber
                },
                tag,
            );
        };
        if part < reached {
            return fault(Reason::OutOfOrder, tag);
        }
        reached = part;
        let item = &parts[part][place(parts[part]).expect("just found")];
        if by.is_elsewhere(item.market) {
            return fault(Reason::NotOfThisMessage, tag);
        }
        naive_value(by, item, fields, at - 1)?;
        if own[part].iter().any(|(one, _)| *one == tag) {
            return fault(Reason::Repeated, tag);
        }
        own[part].push((tag, value));
        if let Some(entry) = &item.group {
            at = naive_group(by, (tag, value), entry, fields, at)?;
        }
    }
    for (items, own) in parts.iter().zip(&own) {
        if let Some(tag) = naive_missing(items, own) {
            return fault(Reason::RequiredMissing, tag);
        }
    }
    for (items, own) in parts.iter().zip(&own) {
        naive_condition(by, items, own)?;
    }
    Ok(())
}

/// A message of the model with every required field, random others and random groups, then damaged.
fn random_message(model: &Model, rng: &mut fastrand::Rng) -> String {
    let message = &model.messages[rng.usize(..model.messages.len())];
    let mut fields: Vec<(u32, String)> = Vec::new();
    let share = rng.f32() * 0.3;
    fill(model, &message.items, share, rng, &mut fields);
    for _ in 0..rng.usize(..3) {
        if fields.is_empty() {
            break;
        }
        let (at, other) = (rng.usize(..fields.len()), rng.usize(..fields.len()));
        match rng.u32(..7) {
            0 => _ = fields.remove(at),
            1 => fields.swap(at, other),
            2 => fields.insert(at, fields[other].clone()),
            3 => {
                fields[at].1 =
                    one_of(&["", "x", "1", "-1", "Y", " ", "1.2.3", "99999999999999999999"], rng)
            }
            4 => fields[at].1 = fields[other].1.clone(),
            5 => {
                let tags: Vec<_> = model.fields.keys().copied().collect();
                fields.insert(at, (tags[rng.usize(..tags.len())], "1".into()));
            }
            _ => fields.insert(at, (rng.u32(1..10_000), "1".into())),
        }
    }
    let body: String = fields.iter().map(|(tag, value)| format!("{tag}={value}|")).collect();
    let header = "34=2|49=A|52=20230707-13:56:08.000|56=B|";
    format!("35={}|{header}{body}", message.msg_type)
}

fn one_of(texts: &[&str], rng: &mut fastrand::Rng) -> String {
    texts[rng.usize(..texts.len())].into()
}

fn fill(
    model: &Model,
    items: &[Item],
    share: f32,
    rng: &mut fastrand::Rng,
    out: &mut Vec<(u32, String)>,
) {
    for (place, item) in items.iter().enumerate() {
        let first_of_entry = place == 0;
        let is_data = |item: &Item| item.kind == taut_dictionary::Kind::Data;
        if is_data(item) {
            // Written with its length, or left out with it.
            if out.last().is_some_and(|(tag, _)| model.fields[tag].is_length) {
                out.push((item.tag, "1".into()));
            }
            continue;
        }
        if item.presence != Presence::Required && !first_of_entry && rng.f32() > share {
            continue;
        }
        let field = &model.fields[&item.tag];
        if let Some(entry) = &item.group {
            let count = rng.usize(1..3);
            out.push((item.tag, count.to_string()));
            for _ in 0..count {
                fill(model, entry, share, rng, out);
            }
            continue;
        }
        let values: Vec<_> = match &item.values {
            Some(values) => values.clone(),
            None => field.values.iter().map(|one| one.value.clone()).collect(),
        };
        out.push((
            item.tag,
            match kind_of(model, item) {
                Kind::ClOrdId if rng.bool() => "9e58120f-182b-4dce-9609-8ca7cdd174f0".into(),
                _ if !values.is_empty() => values[rng.usize(..values.len())].clone(),
                Kind::Boolean => "Y".into(),
                Kind::UtcTimestamp => one_of(&["20230707-13:56:08.000", "20230707-13:56:08"], rng),
                Kind::UtcTimeOnly => one_of(&["13:56:08", "13:56:08.122"], rng),
                Kind::Date | Kind::MonthYear => "20230707".into(),
                Kind::Decimal => one_of(&["1.5", "12345678.12345678", "84000", "-1.5"], rng),
                _ => "1".into(),
            },
        ));
    }
}

/// Judges random messages by `check` and by the naive model; returns how many passed and how many
/// different reasons were found.
fn agree(
    by: &By<'_>,
    seed: u64,
    messages: usize,
    check: impl Fn(&taut_codec::message::Message<'_>) -> Result<(), FieldFault>,
) -> (usize, usize) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut passed, mut reasons) = (0, std::collections::HashSet::new());
    for _ in 0..messages {
        let inner = random_message(by.model, &mut rng);
        let bytes = framed(&inner);
        let mut fields = vec![Field::default(); bytes.len()];
        // A length that is random reaches beyond its data.
        let Ok(count) = Scanner::new().index(&bytes, &mut fields) else { continue };
        let message = taut_codec::message::Message::new(&bytes, &fields[..count]);
        let pairs: Vec<_> = message.fields().iter().map(|f| (f.tag, message.value(f))).collect();
        let found = check(&message);
        assert_eq!(found, naive(by, message.msg_type(), &pairs), "{inner}");
        match found {
            Ok(()) => passed += 1,
            Err(fault) => _ = reasons.insert(fault.reason),
        }
    }
    (passed, reasons.len())
}

#[test]
fn the_generated_checks_agree_with_a_naive_model() {
    let model = Model::from_xml(KRAKEN_FIX44).expect("our own file");
    let markets = [None, Some(Market::Spot), Some(Market::Derivatives)];
    for (seed, market) in (1..).zip(markets) {
        for documented in [false, true] {
            let by = By { model: &model, pairs: model.data_fields(), market, documented };
            let options = Options { market, check_documented: documented, ..Options::default() };
            let (passed, reasons) =
                agree(&by, seed, 4_000, |message| kraken::check(message, options));
            assert!(passed > 80, "{passed} passed on {market:?}");
            let elsewhere = usize::from(market == Some(Market::Derivatives));
            assert_eq!(reasons, 11 + elsewhere, "every reason but InvalidMsgType, {market:?}");
        }
    }
}

#[test]
fn groups_within_groups_agree_with_a_naive_model() {
    let model = Model::from_xml(NESTED).expect("our own file");
    let dictionary = Dictionary::from_xml(NESTED).expect("our own file");
    let by = By { model: &model, pairs: model.data_fields(), market: None, documented: false };
    let (passed, reasons) =
        agree(&by, 4, 4_000, |message| dictionary.check(message, Options::default()));
    assert!(passed > 400 && reasons >= 9, "{passed} passed, {reasons} reasons");
    assert_eq!(
        model.data_fields().into_iter().collect::<Vec<_>>(),
        [(95, 96), (212, 213), (354, 355)]
    );
}

#[test]
fn fix44_agrees_with_a_naive_model() {
    let Some((dictionary, model)) = fix44() else { return };
    let by = By { model: &model, pairs: model.data_fields(), market: None, documented: false };
    let (passed, reasons) =
        agree(&by, 2, 5_000, |message| dictionary.check(message, Options::default()));
    assert!(passed > 500, "{passed} passed");
    assert!(reasons >= 9, "{reasons} reasons");
}

#[test]
fn conditions_hold_for_as_many_fields_as_there_are() {
    // Of so many fields are the values not noted on the way; some of the values have two characters.
    const DECIDING: u32 = 9;
    let field =
        |tag: u32, type_: &str| format!("<field number='{tag}' name='F{tag}' type='{type_}'/>");
    let fields: String =
        (1..=DECIDING).map(|n| field(200 + n, "INT") + &field(300 + n, "INT")).collect();
    let items: String = (1..=DECIDING)
        .map(|n| {
            format!(
                "<field name='F{}' required='N'/><field name='F{}' required='C' when='F{}={n},1{n}'/>",
                200 + n,
                300 + n,
                200 + n
            )
        })
        .collect();
    let xml = format!(
        "<fix><header><field name='BeginString' required='Y'/><field name='BodyLength' required='Y'/>\
         <field name='MsgType' required='Y'/></header><trailer><field name='CheckSum' required='Y'/></trailer>\
         <messages><message name='M' msgtype='M'>{items}</message></messages><fields>{fields}\
         <field number='8' name='BeginString' type='STRING'/><field number='9' name='BodyLength' type='LENGTH'/>\
         <field number='35' name='MsgType' type='STRING'/><field number='10' name='CheckSum' type='STRING'/>\
         </fields></fix>"
    );
    let dictionary = Dictionary::from_xml(&xml).expect("a dictionary");
    let check =
        |inner: &str| with(&framed(inner), |message| dictionary.check(message, Options::default()));
    for n in 1..=DECIDING {
        let (on, tag) = (200 + n, 300 + n);
        let missing = Err(FieldFault { reason: Reason::ConditionallyMissing, tag });
        for value in [n, 10 + n] {
            assert_eq!(check(&format!("35=M|{on}={value}|")), missing);
            assert_eq!(check(&format!("35=M|{on}={value}|{tag}=1|")), Ok(()));
            assert_eq!(check(&format!("35=M|{tag}=1|{on}={value}|")), Ok(()));
        }
        assert_eq!(check(&format!("35=M|{on}={}|", n % DECIDING + 20)), Ok(()));
        assert_eq!(check("35=M|"), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_generated_checks_are_those_of_the_dictionary_loaded_at_run_time(
        seed in any::<u64>(), switches in 0u8..64, market in 0usize..3,
    ) {
        let model = Model::from_xml(KRAKEN_FIX44).expect("our own file");
        let inner = random_message(&model, &mut fastrand::Rng::with_seed(seed));
        let bytes = framed(&inner);
        let mut fields = vec![Field::default(); bytes.len()];
        let Ok(count) = Scanner::new().index(&bytes, &mut fields) else { return Ok(()) };
        let message = taut_codec::message::Message::new(&bytes, &fields[..count]);
        let options = Options {
            allow_user_defined: switches & 1 != 0,
            allow_unknown: switches & 2 != 0,
            allow_empty: switches & 4 != 0,
            check_order: switches & 8 != 0,
            check_required: switches & 16 != 0,
            check_documented: switches & 32 != 0,
            market: [None, Some(Market::Spot), Some(Market::Derivatives)][market],
        };
        prop_assert_eq!(kraken::check(&message, options), KRAKEN.check(&message, options), "{}", inner);
    }
}
