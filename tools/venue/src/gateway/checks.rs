//! The gateway's field checks: those of the dictionary (`codec/dictionary/kraken-fix44.xml`), then the
//! ClOrdID's, whose rules no dictionary can tell (venue file 6.9). The first finding is answered.

use taut::types::ClOrdId;
use taut_codec::ids::COMB_WINDOW_NS;
use taut_codec::kraken::{self, RejectText, TextForm};
use taut_codec::message::Message;
use taut_codec::rules::{FieldFault, Options, Reason};
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::Market;
use super::report::{FieldReject, RejectForm};

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

/// A numeric ClOrdID with leading zeros (venue file 6.9, unspecified; ids are stored as integers, so that no
/// report could repeat it as it came).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadingZeros {
    /// 35=3 with 373=5.
    #[default]
    Refuse,
    /// It is the number, and reports have that.
    Number,
}

/// How strict the checks are and how they speak.
#[derive(Debug, Clone, Copy)]
pub struct CheckSwitches {
    /// See [`UnknownTags`].
    pub unknown_tags: UnknownTags,
    /// The captured form writes `Missing Mandatory Field`, the documented one `Missing mandatory
    /// field`.
    pub form: RejectForm,
    /// By whose rules.
    pub market: Market,
    /// Whether a numeric ClOrdID, read as microseconds, is held to the time window too.
    pub numeric_window: bool,
    /// See [`LeadingZeros`].
    pub leading_zeros: LeadingZeros,
}

/// What the checks find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A field is wrong: a Reject (35=3).
    Reject(FieldReject),
    /// A field is missing that other fields make necessary: a BusinessMessageReject with 380=5.
    ConditionallyMissing(u32),
    /// The market has no such message: a BusinessMessageReject with 380=3.
    NotOnThisMarket,
}

/// Checks one application message.
///
/// # Errors
/// What to refuse it for.
pub fn check(message: &Message<'_>, switches: CheckSwitches, now: UtcTime) -> Result<(), Finding> {
    let options = Options {
        allow_unknown: switches.unknown_tags == UnknownTags::Ignore,
        market: Some(switches.market.into()),
        ..Options::default()
    };
    let by_dictionary = kraken::check(message, options);
    match by_dictionary {
        Err(fault) if fault.reason == Reason::NotOnThisMarket => {
            return Err(Finding::NotOnThisMarket);
        }
        Err(fault) if fault.reason != Reason::ConditionallyMissing => {
            return Err(Finding::Reject(reject(fault, switches.market, switches.form)));
        }
        _ => {}
    }
    if let Some(value) = message.get(tag::CL_ORD_ID) {
        check_cl_ord_id(value, switches, now).map_err(Finding::Reject)?;
    }
    by_dictionary.map_err(|fault| Finding::ConditionallyMissing(fault.tag))
}

/// The Reject for a field that should be there: `Missing mandatory field: Side (54)`.
#[must_use]
pub fn missing(tag: u32, market: Market, form: RejectForm) -> FieldReject {
    reject(FieldFault { reason: Reason::RequiredMissing, tag }, market, form)
}

fn reject(fault: FieldFault, market: Market, form: RejectForm) -> FieldReject {
    let form = match form {
        RejectForm::Documented => TextForm::Documented,
        RejectForm::Captured => TextForm::Captured,
    };
    let text = RejectText { fault, market: Some(market.into()), form }.to_string();
    FieldReject { ref_tag: fault.tag, reason: fault.reason.session_reject().unwrap_or(OTHER), text }
}

/// SessionRejectReason(373) for a fault that has none of its own.
const OTHER: u32 = 99;

/// Venue file 6.9: numeric, positive, at most 18 digits; or a COMB UUIDv4 of about now.
fn check_cl_ord_id(value: &[u8], switches: CheckSwitches, now: UtcTime) -> Result<(), FieldReject> {
    let invalid = |why: &dyn std::fmt::Display| {
        let text = format!("ClOrdID invalid value ({why})");
        let reason = Reason::ValueIncorrect as u32;
        Err(FieldReject { ref_tag: tag::CL_ORD_ID, reason, text })
    };
    let Ok(id) = ClOrdId::parse(value) else {
        return invalid(&"a positive number of at most 18 digits or a COMB UUIDv4 is required");
    };
    let Some(number) = id.as_numeric() else {
        return id.check_comb(now).or_else(|error| invalid(&error));
    };
    if switches.leading_zeros == LeadingZeros::Refuse && value.starts_with(b"0") {
        return invalid(&"leading zeros");
    }
    let off = number.saturating_mul(1000).abs_diff(now.0);
    if switches.numeric_window && off > COMB_WINDOW_NS {
        return invalid(&"timestamp is out of date");
    }
    Ok(())
}
