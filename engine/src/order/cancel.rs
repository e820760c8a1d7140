//! How an order is wanted to be cancelled, beside the requests that are in its chain: kept for the session, by
//! a mass cancel, by REST.

use taut_codec::value::UtcTime;

use super::table::OrderTable;
use super::{Order, OrderHandle};
use crate::types::{InstrumentId, Market};

/// What was done, and is to be done, to cancel an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CancelWish {
    /// Its place among the cancels that are to be sent as soon as the session takes them; 0: it is none.
    kept: u64,
    /// It is kept because the venue's rate limit would refuse it.
    limited: bool,
    /// It is to be done by REST.
    by_rest: bool,
    /// REST says that the order is not open any more.
    rest_done: bool,
    /// When the session was asked last, or should have been; 0: never, or it has refused.
    asked: UtcTime,
}

impl CancelWish {
    pub const NONE: Self =
        Self { kept: 0, limited: false, by_rest: false, rest_done: false, asked: UtcTime(0) };
}

/// How many cancels the venue's rate limit holds back; and the place of the last that was kept.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kept {
    last: u64,
    limited: u32,
}

impl Order {
    /// Whether a cancel is kept until it can be sent.
    #[must_use]
    pub const fn is_cancel_kept(&self) -> bool {
        self.cancel.kept != 0
    }

    /// Whether a cancel is kept until the venue's rate limit lets it pass.
    #[must_use]
    pub const fn is_cancel_limited(&self) -> bool {
        self.cancel.limited
    }

    /// The place of its cancel among those that are kept: the one that was asked for first has the lowest.
    pub(crate) const fn kept_place(&self) -> u64 {
        self.cancel.kept
    }

    /// Whether it is to be cancelled by REST, or a call that does so is on its way.
    #[must_use]
    pub const fn is_by_rest(&self) -> bool {
        self.cancel.by_rest
    }

    /// Whether REST says that it is not open any more, and nothing was reported yet.
    pub(crate) const fn is_rest_done(&self) -> bool {
        self.cancel.rest_done
    }

    /// When the session was asked last to cancel it, alone or with others, if it has not refused.
    pub(crate) const fn cancel_asked(&self) -> Option<UtcTime> {
        match self.cancel {
            CancelWish { asked: UtcTime(0), .. } | CancelWish { rest_done: true, .. } => None,
            CancelWish { asked, .. } => Some(asked),
        }
    }
}

impl OrderTable {
    /// Notes that an order is to be cancelled as soon as that can be sent, behind those that are kept already,
    /// or that it has been. One that is kept stays at its place.
    pub(crate) fn set_cancel_kept(&mut self, handle: OrderHandle, kept: bool) {
        if self.get(handle).is_none_or(|order| order.is_cancel_kept() == kept) {
            return;
        }
        if kept {
            self.kept.last += 1;
        } else {
            self.set_cancel_limited(handle, false);
        }
        let place = if kept { self.kept.last } else { 0 };
        self.wish(handle, |wish| wish.kept = place);
    }

    /// Notes that it is the venue's rate limit that a kept cancel waits for, or is not any more.
    pub(crate) fn set_cancel_limited(&mut self, handle: OrderHandle, limited: bool) {
        let Some(&order) = self.get(handle) else { return };
        if order.cancel.limited == limited {
            return;
        }
        assert!(order.is_cancel_kept(), "what waits for the rate limit is kept");
        self.wish(handle, |wish| wish.limited = limited);
        let open = &mut self.open[usize::from(order.instrument.0)];
        if limited {
            (self.kept.limited, open.limited) = (self.kept.limited + 1, open.limited + 1);
        } else {
            (self.kept.limited, open.limited) = (self.kept.limited - 1, open.limited - 1);
        }
    }

    /// Whether the venue's rate limit holds cancels back that count where commands of this instrument do: its
    /// own on spot, those of the session on derivatives (venue file 7).
    pub(crate) fn holds_cancels(&self, id: InstrumentId) -> bool {
        self.kept.limited > 0
            && self.open.get(usize::from(id.0)).is_some_and(|open| match open.market {
                Market::Spot => open.limited > 0,
                Market::Derivatives => true,
            })
    }

    /// Whether the venue's rate limit holds any cancel back.
    pub(crate) const fn is_any_held(&self) -> bool {
        self.kept.limited > 0
    }

    /// Whether a cancel of the order would overtake one that the venue's rate limit holds back.
    pub(crate) fn is_behind_held(&self, order: &Order) -> bool {
        let place = if order.is_cancel_kept() { order.cancel.kept } else { u64::MAX };
        let counts_here = |other: &Order| {
            other.instrument == order.instrument || self.is_of_derivatives(order.instrument)
        };
        self.holds_cancels(order.instrument)
            && self.live().any(|other| {
                other.cancel.limited && other.cancel.kept < place && counts_here(other)
            })
    }

    fn is_of_derivatives(&self, id: InstrumentId) -> bool {
        self.open.get(usize::from(id.0)).is_some_and(|open| open.market == Market::Derivatives)
    }

    /// Notes that an order is to be cancelled by REST, or is not any more.
    pub(crate) fn set_by_rest(&mut self, handle: OrderHandle, by_rest: bool) {
        self.wish(handle, |wish| {
            wish.by_rest = by_rest;
            wish.rest_done &= !by_rest;
        });
    }

    /// Notes that REST says that an order is not open any more, or that this was told.
    pub(crate) fn set_rest_done(&mut self, handle: OrderHandle, done: bool) {
        self.wish(handle, |wish| wish.rest_done = done);
    }

    /// Notes that the session is asked to cancel an order.
    pub(crate) fn set_cancel_asked(&mut self, handle: OrderHandle, now: UtcTime) {
        self.wish(handle, |wish| wish.asked = now);
    }

    fn wish(&mut self, handle: OrderHandle, change: impl FnOnce(&mut CancelWish)) {
        if self.get(handle).is_some() {
            change(&mut self.slots[handle.slot as usize].cancel);
        }
    }
}
