//! What Kraken's gateway writes into Text(58) of a refusal.

use core::fmt;

use crate::ids::Market;
use crate::rules::{FieldFault, Reason};
use crate::tag;

/// In which of two forms a missing field is told (venue file 4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextForm {
    /// `Missing mandatory field: Side (54)`, as documented.
    #[default]
    Documented,
    /// `Missing Mandatory Field: Side (54)`, as captured.
    Captured,
}

/// The text for a fault, by [`Display`](fmt::Display). What no document and no capture shows has words
/// of the same kind (venue file 4.8, 5.1).
///
/// ```
/// use taut_codec::ids::Market;
/// use taut_codec::kraken::{RejectText, TextForm};
/// use taut_codec::rules::{FieldFault, Reason};
///
/// let text = |reason, tag, market| {
///     RejectText { fault: FieldFault { reason, tag }, market, form: TextForm::Documented }.to_string()
/// };
/// assert_eq!(text(Reason::RequiredMissing, 54, None), "Missing mandatory field: Side (54)");
/// assert_eq!(text(Reason::ValueIncorrect, 40, None), "Invalid value for tag 40: OrderType");
/// assert_eq!(
///     text(Reason::ValueIncorrect, 11, Some(Market::Derivatives)),
///     "COMB UUIDv4 required for ClOrdID on derivatives"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectText {
    /// What is wrong.
    pub fault: FieldFault,
    /// The market by whose rules.
    pub market: Option<Market>,
    /// The form.
    pub form: TextForm,
}

impl fmt::Display for RejectText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FieldFault { reason, tag } = self.fault;
        let name = field_name(tag);
        match (reason, self.form) {
            (Reason::RequiredMissing, TextForm::Documented) => {
                write!(f, "Missing mandatory field: {name} ({tag})")
            }
            (Reason::RequiredMissing, TextForm::Captured) => {
                write!(f, "Missing Mandatory Field: {name} ({tag})")
            }
            (Reason::ValueIncorrect, _) if tag == tag::CL_ORD_ID => f.write_str(match self.market {
                Some(Market::Derivatives) => "COMB UUIDv4 required for ClOrdID on derivatives",
                _ => {
                    "ClOrdID invalid value (a positive number of at most 18 digits or a COMB UUIDv4 is required)"
                }
            }),
            (Reason::ValueIncorrect, _) => write!(f, "Invalid value for tag {tag}: {name}"),
            (Reason::FormatIncorrect, _) => {
                write!(f, "Incorrect data format for tag {tag}: {name}")
            }
            _ => write!(f, "{reason}: {name} ({tag})"),
        }
    }
}

/// As in the documented examples, where 40 is `OrderType`.
fn field_name(tag: u32) -> &'static str {
    match tag {
        tag::ORD_TYPE => "OrderType",
        _ => tag::name(tag).unwrap_or("undefined"),
    }
}
