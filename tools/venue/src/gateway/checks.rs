//! The gateway's field checks, one table per message (venue file 4.1 to 4.5, 4.9, 4.12, 4.13).
//!
//! The fields are looked at in wire order first (unknown, empty, repeated, format, enumeration), then
//! the required ones in the order of the table. The first finding is answered by a Reject (35=3).

use taut::types::ClOrdId;
use taut_codec::message::{GroupError, GroupSpec, Message};
use taut_codec::tag;
use taut_codec::value::{Decimal, UtcTime, parse_u64};

use super::report::{FieldReject, RejectForm};

/// What a field of a message has to look like.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A ClOrdID, venue file 6.9.
    ClOrdId,
    /// One of these values.
    OneOf(&'static [&'static str]),
    /// Values of this set, separated by spaces.
    ManyOf(&'static [&'static str]),
    /// Anything.
    Text,
    /// An unsigned integer.
    Int,
    /// A decimal number.
    Float,
    /// A UTC timestamp.
    Time,
    /// The count of a repeating group.
    Group(&'static GroupSpec),
    /// A field of a repeating group.
    Member(&'static Kind),
}

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    tag: u32,
    required: bool,
    kind: Kind,
}

const fn must(tag: u32, kind: Kind) -> Rule {
    Rule { tag, required: true, kind }
}

const fn may(tag: u32, kind: Kind) -> Rule {
    Rule { tag, required: false, kind }
}

/// 269 entries of a MarketDataRequest.
pub static ENTRY_TYPES: GroupSpec = GroupSpec { count: 267, first: Some(269), members: &[269] };
/// 55 entries of a MarketDataRequest.
pub static RELATED_SYMBOLS: GroupSpec = GroupSpec { count: 146, first: Some(55), members: &[55] };
/// 79 entries of a NewOrderSingle.
pub static ALLOCATIONS: GroupSpec = GroupSpec { count: 78, first: Some(79), members: &[79] };

const SIDE: Kind = Kind::OneOf(&["1", "2"]);
const ORD_TYPE: Kind = Kind::OneOf(&["1", "2", "3", "4", "R", "T", "U", "V"]);
const TIME_IN_FORCE: Kind = Kind::OneOf(&["1", "3", "4", "6"]);

static NEW_ORDER: &[Rule] = &[
    must(tag::CL_ORD_ID, Kind::ClOrdId),
    must(tag::ORD_TYPE, ORD_TYPE),
    must(tag::ORDER_QTY, Kind::Float),
    must(tag::SIDE, SIDE),
    must(tag::SYMBOL, Kind::Text),
    must(tag::TIME_IN_FORCE, TIME_IN_FORCE),
    must(tag::TRANSACT_TIME, Kind::Time),
    may(tag::PRICE, Kind::Float),
    may(tag::STOP_PX, Kind::Float),
    may(tag::DISPLAY_QTY, Kind::Float),
    may(tag::EXPIRE_TIME, Kind::Time),
    may(tag::EFFECTIVE_TIME, Kind::Time),
    may(tag::VALID_UNTIL_TIME, Kind::Time),
    may(tag::EXEC_INST, Kind::ManyOf(&["E", "P", "v", "f", "q", "s"])),
    may(tag::DISCRETION_INST, Kind::OneOf(&["1", "5"])),
    may(tag::LEVERAGE, Kind::OneOf(&["0", "1"])),
    may(tag::SELF_TRADE_PREVENTION, Kind::OneOf(&["0", "1", "2"])),
    may(tag::NO_ALLOCS, Kind::Group(&ALLOCATIONS)),
    may(tag::ALLOC_ACCOUNT, Kind::Member(&Kind::Text)),
    may(tag::ACCOUNT, Kind::Text),
];

static CANCEL: &[Rule] = &[
    must(tag::CL_ORD_ID, Kind::ClOrdId),
    must(tag::SIDE, SIDE),
    must(tag::SYMBOL, Kind::Text),
    must(tag::TRANSACT_TIME, Kind::Time),
    may(tag::ORDER_ID, Kind::Text),
    may(tag::ORIG_CL_ORD_ID, Kind::Text),
];

static AMEND: &[Rule] = &[
    must(tag::CL_ORD_ID, Kind::ClOrdId),
    must(tag::ORDER_ID, Kind::Text),
    must(tag::ORIG_CL_ORD_ID, Kind::Text),
    must(tag::SIDE, SIDE),
    must(tag::SYMBOL, Kind::Text),
    must(tag::TRANSACT_TIME, Kind::Time),
    must(tag::ORDER_QTY, Kind::Float),
    must(tag::ORD_TYPE, ORD_TYPE),
    must(tag::TIME_IN_FORCE, TIME_IN_FORCE),
    may(tag::PRICE, Kind::Float),
    may(tag::STOP_PX, Kind::Float),
    may(tag::DISPLAY_QTY, Kind::Float),
    may(tag::EXEC_INST, Kind::ManyOf(&["P"])),
    may(tag::VALID_UNTIL_TIME, Kind::Time),
];

static MASS_CANCEL: &[Rule] = &[
    must(tag::CL_ORD_ID, Kind::ClOrdId),
    must(tag::TRANSACT_TIME, Kind::Time),
    must(tag::MASS_CANCEL_REQUEST_TYPE, Kind::OneOf(&["1", "6", "7"])),
    may(tag::SYMBOL, Kind::Text),
];

static STATUS: &[Rule] = &[
    must(tag::CL_ORD_ID, Kind::ClOrdId),
    must(tag::ORDER_ID, Kind::Text),
    must(tag::SYMBOL, Kind::Text),
    may(tag::SIDE, SIDE),
    may(tag::TRANSACT_TIME, Kind::Time),
];

// What the request asks for is judged by market data itself, which answers with Y (4.11), y or h.
static MARKET_DATA: &[Rule] = &[
    must(tag::MD_REQ_ID, Kind::Text),
    must(tag::SUBSCRIPTION_REQUEST_TYPE, Kind::Text),
    must(tag::MARKET_DEPTH, Kind::Int),
    must(tag::NO_MD_ENTRY_TYPES, Kind::Group(&ENTRY_TYPES)),
    may(tag::NO_RELATED_SYM, Kind::Group(&RELATED_SYMBOLS)),
    may(tag::MD_UPDATE_TYPE, Kind::Text),
    may(tag::AGGREGATED_BOOK, Kind::OneOf(&["Y", "N"])),
    may(tag::MD_ENTRY_TYPE, Kind::Member(&Kind::Text)),
    may(tag::SYMBOL, Kind::Member(&Kind::Text)),
];

static INSTRUMENT_LIST: &[Rule] = &[
    must(tag::SECURITY_REQ_ID, Kind::Text),
    must(559, Kind::OneOf(&["0", "1", "4"])),
    may(tag::SUBSCRIPTION_REQUEST_TYPE, Kind::OneOf(&["0", "1", "2"])),
    may(tag::SECURITY_TYPE, Kind::Text),
    may(tag::SYMBOL, Kind::Text),
];

static SESSION_STATUS: &[Rule] = &[
    must(tag::TRAD_SES_REQ_ID, Kind::Text),
    must(tag::TRADING_SESSION_ID, Kind::Text),
    must(tag::SUBSCRIPTION_REQUEST_TYPE, Kind::Text),
];

/// The table of a message, `None` if the venue does not know its MsgType.
#[must_use]
pub const fn rules(msg_type: &[u8]) -> Option<&'static [Rule]> {
    match msg_type {
        b"D" => Some(NEW_ORDER),
        b"F" => Some(CANCEL),
        b"G" => Some(AMEND),
        b"q" => Some(MASS_CANCEL),
        b"H" => Some(STATUS),
        b"V" => Some(MARKET_DATA),
        b"x" => Some(INSTRUMENT_LIST),
        b"g" => Some(SESSION_STATUS),
        _ => None,
    }
}

/// What is done with a field that a message does not have (unspecified: SIM).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownTags {
    /// It is ignored.
    #[default]
    Ignore,
    /// 373=0 for a tag outside the dialect, 373=2 for one of another message.
    Reject,
}

/// How strict the checks are and how they speak.
#[derive(Debug, Clone, Copy)]
pub struct CheckSwitches {
    /// See [`UnknownTags`].
    pub unknown_tags: UnknownTags,
    /// The captured form writes `Missing Mandatory Field`, the documented one `Missing mandatory
    /// field`.
    pub form: RejectForm,
}

/// How far a COMB UUID's time may be from the venue's, nanoseconds (venue file 6.9: 120 s).
pub const UUID_WINDOW_NS: u64 = 120_000_000_000;

const REASON_UNKNOWN_TAG: u32 = 0;
const REASON_MISSING: u32 = 1;
const REASON_NOT_OF_THIS_MESSAGE: u32 = 2;
const REASON_EMPTY: u32 = 4;
const REASON_VALUE: u32 = 5;
const REASON_FORMAT: u32 = 6;
const REASON_REPEATED: u32 = 13;
const REASON_GROUP_COUNT: u32 = 16;

/// Checks one application message.
///
/// # Errors
/// The Reject to answer with.
pub fn check(
    message: &Message<'_>,
    rules: &[Rule],
    switches: CheckSwitches,
    now: UtcTime,
) -> Result<(), FieldReject> {
    let fields = message.fields();
    for (at, field) in fields.iter().enumerate() {
        if is_header_or_trailer(field.tag) {
            continue;
        }
        let rule = rules.iter().find(|rule| rule.tag == field.tag);
        if rule.is_none() && switches.unknown_tags == UnknownTags::Reject {
            return Err(unknown(field.tag));
        }
        let value = message.value(field);
        if value.is_empty() {
            return Err(reject(field.tag, REASON_EMPTY, "Tag specified without a value"));
        }
        let Some(rule) = rule else { continue };
        if !matches!(rule.kind, Kind::Member(_)) && fields[..at].iter().any(|f| f.tag == field.tag)
        {
            return Err(reject(field.tag, REASON_REPEATED, "Tag appears more than once"));
        }
        check_value(message, rule.tag, rule.kind, value, now)?;
    }
    for rule in rules.iter().filter(|rule| rule.required) {
        if message.get(rule.tag).is_none() {
            return Err(missing(rule.tag, switches.form));
        }
    }
    Ok(())
}

/// The Reject for a field that should be there: `Missing mandatory field: Side (54)`.
#[must_use]
pub fn missing(tag: u32, form: RejectForm) -> FieldReject {
    let words = match form {
        RejectForm::Documented => "Missing mandatory field",
        RejectForm::Captured => "Missing Mandatory Field",
    };
    FieldReject {
        ref_tag: tag,
        reason: REASON_MISSING,
        text: format!("{words}: {} ({tag})", field_name(tag)),
    }
}

fn check_value(
    message: &Message<'_>,
    tag: u32,
    kind: Kind,
    value: &[u8],
    now: UtcTime,
) -> Result<(), FieldReject> {
    let format = || {
        let text = format!("Incorrect data format for tag {tag}: {}", field_name(tag));
        FieldReject { ref_tag: tag, reason: REASON_FORMAT, text }
    };
    let known = |set: &[&str], value: &[u8]| set.iter().any(|one| one.as_bytes() == value);
    match kind {
        Kind::Text => Ok(()),
        Kind::Int => parse_u64(value).map(|_| ()).map_err(|_| format()),
        Kind::Float => Decimal::parse(value).map(|_| ()).map_err(|_| format()),
        Kind::Time => UtcTime::parse(value).map(|_| ()).map_err(|_| format()),
        Kind::OneOf(set) if known(set, value) => Ok(()),
        Kind::ManyOf(set) if value.split(|&b| b == b' ').all(|one| known(set, one)) => Ok(()),
        Kind::OneOf(_) | Kind::ManyOf(_) => {
            let text = format!("Invalid value for tag {tag}: {}", field_name(tag));
            Err(FieldReject { ref_tag: tag, reason: REASON_VALUE, text })
        }
        Kind::ClOrdId => check_cl_ord_id(tag, value, now),
        Kind::Group(spec) => match message.group(spec) {
            Ok(_) => Ok(()),
            Err(GroupError::CountMalformed) => Err(format()),
            Err(GroupError::CountWrong) => Err(reject(
                tag,
                REASON_GROUP_COUNT,
                "Incorrect NumInGroup count for repeating group",
            )),
            Err(GroupError::FirstTagWrong | GroupError::TagRepeated) => {
                Err(reject(tag, 15, "Repeating group fields out of order"))
            }
        },
        Kind::Member(kind) => check_value(message, tag, *kind, value, now),
    }
}

/// Venue file 6.9: numeric, positive, at most 18 digits; or a COMB UUIDv4 of about now.
fn check_cl_ord_id(tag: u32, value: &[u8], now: UtcTime) -> Result<(), FieldReject> {
    let invalid = |why: &str| {
        let text = format!("ClOrdID invalid value ({why})");
        Err(FieldReject { ref_tag: tag, reason: REASON_VALUE, text })
    };
    let Ok(id) = ClOrdId::parse(value) else {
        return invalid("a positive number of at most 18 digits or a COMB UUIDv4 is required");
    };
    if id.as_numeric().is_some() {
        return Ok(());
    }
    let (version, variant) = ((id.bits() >> 76) & 0xf, (id.bits() >> 62) & 0b11);
    if version != 4 || variant != 0b10 {
        return invalid("a UUID of version 4 is required");
    }
    let at = uuid_time(id);
    if now.nanos_since(at).max(at.nanos_since(now)) > UUID_WINDOW_NS {
        return invalid("timestamp is out of date");
    }
    Ok(())
}

/// The time in a COMB UUID: its first 48 bits count units of 10 microseconds (venue file 6.9).
#[must_use]
pub const fn uuid_time(id: ClOrdId) -> UtcTime {
    UtcTime(((id.bits() >> 80) as u64).saturating_mul(10_000))
}

fn unknown(tag: u32) -> FieldReject {
    if tag::name(tag).is_some() {
        reject(tag, REASON_NOT_OF_THIS_MESSAGE, "Tag not defined for this message type")
    } else {
        reject(tag, REASON_UNKNOWN_TAG, "Invalid tag number")
    }
}

fn reject(tag: u32, reason: u32, what: &str) -> FieldReject {
    FieldReject { ref_tag: tag, reason, text: format!("{what}: {} ({tag})", field_name(tag)) }
}

/// As in the documented examples, where 40 is `OrderType`.
fn field_name(tag: u32) -> &'static str {
    match tag {
        tag::ORD_TYPE => "OrderType",
        559 => "SecurityListRequestType",
        _ => tag::name(tag).unwrap_or("undefined"),
    }
}

fn is_header_or_trailer(tag: u32) -> bool {
    HEADER_AND_TRAILER.contains(&tag)
}

const HEADER_AND_TRAILER: [u32; 30] = [
    8, 9, 10, 34, 35, 43, 49, 50, 52, 56, 57, 89, 90, 91, 93, 97, 115, 116, 122, 128, 129, 142,
    143, 144, 145, 212, 213, 347, 369, 627,
];
