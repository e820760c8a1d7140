//! The terms of an order, from what a message says to what the engine counts with.

use taut::types::{Instrument, OrdType, Px, Qty, TimeInForce};
use taut_codec::value::{Decimal, UtcTime, ValueError};

use super::request::{Flags, Terms};
use super::{Refusal, invalid};
use crate::matching::{Conditions, FeeCurrency, RejectReason};

/// ValidUntilTime(62) is at least this far ahead of the request's arrival (venue file 6.6).
const VALID_UNTIL_MIN_NS: u64 = 2_000_000_000;
/// ... and at most this far.
const VALID_UNTIL_MAX_NS: u64 = 60_000_000_000;

/// What is read alike from new orders and amends.
pub(super) struct Kind {
    pub(super) ord_type: OrdType,
    pub(super) time_in_force: TimeInForce,
}

impl Kind {
    /// Reads OrdType(40) and TimeInForce(59), and looks at ValidUntilTime(62).
    pub(super) fn read(terms: &Terms, now: UtcTime) -> Result<Self, Refusal> {
        if let Some(until) = terms.valid_until {
            if now > until {
                return Err(RejectReason::DeadlineElapsed.into());
            }
            if !(VALID_UNTIL_MIN_NS..=VALID_UNTIL_MAX_NS).contains(&until.nanos_since(now)) {
                return Err(invalid("deadline"));
            }
        }
        if terms.flags.fee_in_base && terms.flags.fee_in_quote {
            return Err(RejectReason::InvalidFlags.into());
        }
        Ok(Self {
            ord_type: OrdType::from_fix(&[terms.ord_type]).ok_or(invalid("ordertype"))?,
            time_in_force: TimeInForce::from_fix(&[terms.time_in_force])
                .ok_or(invalid("timeinforce"))?,
        })
    }
}

/// Quantities and prices in units of the instrument.
pub(super) struct Sizes {
    pub(super) qty: Qty,
    pub(super) price: Px,
    pub(super) stop: Px,
    pub(super) display: Option<Qty>,
}

impl Sizes {
    /// Reads OrderQty(38), Price(44), StopPx(99) and DisplayQty(1138). A quantity in quote counts units of
    /// price x quantity.
    pub(super) fn read(
        terms: &Terms,
        ord_type: OrdType,
        qty_in_quote: bool,
        rules: &Instrument,
    ) -> Result<Self, RejectReason> {
        let qty = if qty_in_quote {
            terms.qty.to_scale(rules.price_precision + rules.qty_precision).map(Qty)
        } else {
            rules.qty(terms.qty)
        };
        let price = |wanted: bool, value: Option<Decimal>| match value {
            Some(value) if wanted => rules.px(value).map_err(|error| match error {
                ValueError::Inexact => RejectReason::TickSize,
                _ => RejectReason::InvalidPrice,
            }),
            _ => Ok(Px(0)),
        };
        let display = terms.display.map(|display| rules.qty(display)).transpose();
        Ok(Self {
            qty: qty.map_err(|_| RejectReason::InvalidQuantity)?,
            price: price(ord_type.has_limit(), terms.price)?,
            stop: price(ord_type.has_trigger(), terms.stop)?,
            display: display.map_err(|_| RejectReason::InvalidDisplay)?,
        })
    }
}

/// The rest of a new order's terms.
pub(super) fn conditions(terms: &Terms, sizes: &Sizes) -> Conditions {
    let Flags { reduce_only, qty_in_quote, fee_in_base, fee_in_quote, fee_per_trade, .. } =
        terms.flags;
    let fee_currency = match (fee_in_base, fee_in_quote) {
        (true, _) => Some(FeeCurrency::Base),
        (_, true) => Some(FeeCurrency::Quote),
        _ => None,
    };
    Conditions {
        stop: sizes.stop,
        reference: terms.reference,
        display: sizes.display,
        effective_at: terms.effective_at,
        expires_at: terms.expires_at,
        valid_until: terms.valid_until,
        reduce_only,
        leveraged: terms.leveraged,
        qty_in_quote,
        fee_currency,
        fee_per_trade,
    }
}
