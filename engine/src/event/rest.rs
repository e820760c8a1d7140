//! What calls by REST came to.

use taut_codec::value::Decimal;

use super::{EventText, OrdStatus};
use crate::types::{ClOrdId, OrdType, OrderId, Side};
use crate::wire::tls::NotPinned;

/// The answer to a [`RestCall`](crate::command::RestCall), or a part of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RestAnswer {
    /// Which call.
    pub id: u32,
    /// What it came to.
    pub said: RestSaid,
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RestSaid {
    /// So many orders were cancelled.
    Canceled {
        /// How many.
        count: u32,
    },
    /// CancelAllOrdersAfter was understood.
    TimerSet,
    /// One order of a list; [`RestSaid::ListEnd`] follows the last.
    Listed(Listed),
    /// The list, of open orders or of the one that was asked about, is complete.
    ListEnd {
        /// How many there were, those included that could not be read.
        count: u32,
    },
    /// Nothing of it is known to have been done.
    Failed(RestProblem),
}

/// One order, as OpenOrders, QueryOrders or ClosedOrders lists it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Listed {
    /// Its OrderID.
    pub order_id: OrderId,
    /// Its ClOrdID, if it has one of the forms of FIX.
    pub cl_ord_id: Option<ClOrdId>,
    /// Its side.
    pub side: Side,
    /// Its type now, if that was said: what it has become, once it has triggered.
    pub ord_type: Option<OrdType>,
    /// The limit, of an order that has one.
    pub px: Option<Decimal>,
    /// Its trigger price, or the distance at which it trails, if it waits for a trigger and that was said.
    pub stop_px: Option<Decimal>,
    /// The total quantity.
    pub qty: Decimal,
    /// Filled so far.
    pub cum: Decimal,
    /// What that cost, in the quote currency; derivatives do not tell.
    pub cost: Option<Decimal>,
    /// How it ended; `None`: it is open.
    pub end: Option<OrdStatus>,
}

/// Why a call came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestProblem {
    /// No connection, or it was lost before the answer was complete. The venue may have done what was
    /// asked.
    NotReached,
    /// The host has another key than those that are pinned; nothing was sent.
    NotPinned(NotPinned),
    /// No answer in time. The venue may have done what was asked.
    TimedOut,
    /// The answer is none that is known.
    Broken,
    /// HTTP had another status than 200.
    Status(u16),
    /// The venue's error string, `EOrder:Unknown order` (venue file 5.2), `apiLimitExceeded` of derivatives
    /// (section 7), or what became of a cancel there: `notFound`, `filled`.
    Refused(EventText),
}

impl RestProblem {
    /// Whether the same call may succeed a little later. A wrong key or a missing permission stays, and
    /// who insists is locked out (venue file 5.2).
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            // The next host behind the name may have the right one.
            Self::NotReached | Self::NotPinned(_) | Self::TimedOut | Self::Broken => true,
            Self::Status(status) => *status >= 500 || *status == 429 || *status == 408,
            Self::Refused(text) => {
                const PASSING: [&[u8]; 13] = [
                    b"apiLimitExceeded",
                    b"marketUnavailable",
                    b"nonceBelowThreshold",
                    b"nonceDuplicate",
                    b"Server Error",
                    b"Unavailable",
                    b"unknownError",
                    b"EAPI:Invalid nonce",
                    b"EAPI:Rate limit exceeded",
                    b"EAuth:Rate limit exceeded",
                    b"EOrder:Rate limit exceeded",
                    b"EService:",
                    b"EGeneral:Internal error",
                ];
                PASSING.iter().any(|one| text.as_bytes().starts_with(one))
            }
        }
    }

    /// Whether the venue says it of one order, not of all that is called.
    #[must_use]
    pub fn is_of_order(&self) -> bool {
        let of_market = |text: &EventText| text.as_bytes() == b"marketUnavailable";
        self.is_unknown_order()
            || matches!(self, Self::Refused(text) if text.as_bytes().starts_with(b"EOrder:") || of_market(text))
    }

    /// Whether the venue says that it has no such order open.
    #[must_use]
    pub fn is_unknown_order(&self) -> bool {
        const UNKNOWN: [&[u8]; 3] = [b"EOrder:Unknown order", b"notFound", b"filled"];
        matches!(self, Self::Refused(text) if UNKNOWN.contains(&text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let refused = |text: &str| RestProblem::Refused(EventText::new(text.as_bytes()).unwrap());
        for passing in [
            RestProblem::NotReached,
            RestProblem::TimedOut,
            RestProblem::Broken,
            RestProblem::Status(503),
            RestProblem::Status(429),
            refused("EAPI:Invalid nonce"),
            refused("EService:Unavailable"),
            refused("EOrder:Rate limit exceeded"),
            refused("apiLimitExceeded"),
            refused("nonceBelowThreshold"),
        ] {
            assert!(passing.may_pass(), "{passing:?}");
        }
        for lasting in [
            RestProblem::Status(404),
            refused("EAPI:Invalid key"),
            refused("EAPI:Invalid signature"),
            refused("EGeneral:Permission denied"),
            refused("EGeneral:Temporary lockout"),
            refused("EOrder:Unknown order"),
            refused("authenticationError"),
            refused("notFound"),
        ] {
            assert!(!lasting.may_pass(), "{lasting:?}");
        }
        for unknown in ["EOrder:Unknown order", "notFound", "filled"].map(refused) {
            assert!(unknown.is_unknown_order() && unknown.is_of_order(), "{unknown:?}");
        }
        assert!(refused("marketUnavailable").is_of_order());
        assert!(!refused("apiLimitExceeded").is_of_order());
        assert!(!refused("EOrder:Unknown position").is_unknown_order());
    }
}
