//! How an order is wanted to be cancelled, beside the requests that are in its chain: kept for the session, by
//! a mass cancel, by REST.

use taut_codec::value::UtcTime;

use super::table::OrderTable;
use super::{Order, OrderHandle};

/// What was done, and is to be done, to cancel an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CancelWish {
    /// It is to be sent as soon as the session takes it.
    pub kept: bool,
    /// It is to be done by REST.
    pub by_rest: bool,
    /// REST says that the order is not open any more.
    pub rest_done: bool,
    /// When the session was asked last, or should have been; 0: never, or it has refused.
    pub asked: UtcTime,
}

impl CancelWish {
    pub const NONE: Self =
        Self { kept: false, by_rest: false, rest_done: false, asked: UtcTime(0) };
}

impl Order {
    /// Whether a cancel is kept until it can be sent.
    #[must_use]
    pub const fn is_cancel_kept(&self) -> bool {
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
    /// Notes that an order is to be cancelled as soon as that can be sent, or that it has been.
    pub(crate) fn set_cancel_kept(&mut self, handle: OrderHandle, kept: bool) {
        self.wish(handle, |wish| wish.kept = kept);
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
