//! Orders: ids, the state of each, the chain of requests on it, and what fills add up to.

mod apply;
mod chain;
mod ids;
mod index;
mod positions;
mod table;

pub use apply::{AppliedReport, AppliedRequest, ReportOutcome};
pub use chain::RequestKind;
pub use ids::ClOrdIdSource;
pub use positions::{Pnl, Position, Positions};
pub use table::{CancelPlan, OrderTable, ReplacePlan};

use crate::event::{EventText, Liquidity, RefusalLayer, WithdrawReason};
use crate::types::{InstrumentId, OrdType, OrderId, Px, Qty, Side, TimeInForce};

/// Names one order of a desk. It outlives the order: a handle whose order was forgotten never names
/// another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderHandle {
    slot: u32,
    generation: u32,
}

/// Where an order stands. Pending requests are told apart from it: see
/// [`Order::pending_replaces`] and [`Order::is_cancel_pending`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderState {
    /// Sent, or accepted and not live yet.
    PendingNew,
    /// Live, nothing filled.
    New,
    /// Live, partly filled.
    PartiallyFilled,
    /// The session dropped while it was open; whether it still is, nobody here knows.
    Uncertain,
    /// End: filled completely.
    Filled,
    /// End: cancelled, on request or by the venue.
    Canceled,
    /// End: expired.
    Expired,
    /// End: refused by the venue.
    Rejected,
    /// End: taken back before it reached the wire.
    Withdrawn,
}

impl OrderState {
    /// Whether nothing more can happen to the order.
    #[must_use]
    pub const fn is_end(self) -> bool {
        !matches!(self, Self::PendingNew | Self::New | Self::PartiallyFilled | Self::Uncertain)
    }
}

/// One order.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Its name.
    pub handle: OrderHandle,
    /// Which instrument.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Market or limit.
    pub ord_type: OrdType,
    /// How long it stays.
    pub time_in_force: TimeInForce,
    /// Whether it may only make liquidity.
    pub post_only: bool,
    /// The total quantity that the venue confirmed last (until then: that was sent).
    pub qty: Qty,
    /// The price that the venue confirmed last; `None` for a market order.
    pub px: Option<Px>,
    /// CumQty(14): filled so far, as the venue says.
    pub cum: Qty,
    /// LeavesQty(151): still open.
    pub leaves: Qty,
    /// Where it stands.
    pub state: OrderState,
    /// OrderID(37); empty until the venue has told it.
    pub order_id: OrderId,
    /// The sequence space that it was sent in.
    pub epoch: u32,
    /// The TCP life that it was sent on.
    pub connection: u32,
    /// Sum of the fills that were applied; below `cum` while a fill's report is missing.
    filled: i64,
    /// What the venue said last about the order's fees, in 10^-18.
    fee: i128,
    acked: bool,
    /// What it could still fill at worst, pending replaces included.
    exposure: i64,
    pending_replaces: u16,
    pending_cancels: u16,
    ends: chain::Ends,
    /// The last accepted link, or the new order's.
    current: u32,
    /// Position in the list of live orders.
    live_at: u32,
}

impl Order {
    /// Replaces that wait for the venue's answer.
    #[must_use]
    pub const fn pending_replaces(&self) -> u16 {
        self.pending_replaces
    }

    /// Whether a cancel waits for the venue's answer.
    #[must_use]
    pub const fn is_cancel_pending(&self) -> bool {
        self.pending_cancels > 0
    }

    /// What it could still fill at worst, pending replaces included.
    #[must_use]
    pub const fn exposure(&self) -> Qty {
        Qty(self.exposure)
    }

    /// Fills applied so far.
    #[must_use]
    pub const fn filled(&self) -> Qty {
        Qty(self.filled)
    }
}

/// Something happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderUpdate {
    /// Which order.
    pub handle: OrderHandle,
    /// Its instrument.
    pub instrument: InstrumentId,
    /// Its side.
    pub side: Side,
    /// Where it stands now.
    pub state: OrderState,
    /// What happened.
    pub kind: UpdateKind,
    /// Filled so far.
    pub cum: Qty,
    /// Still open.
    pub leaves: Qty,
}

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateKind {
    /// A request's bytes have been taken by the wire.
    OnWire {
        /// Which request.
        request: RequestKind,
        /// Its MsgSeqNum(34).
        msg_seq_num: u64,
        /// Clock ticks when the kernel took the bytes.
        sent_ticks: u64,
    },
    /// A request was taken back before it reached the wire.
    Withdrawn {
        /// Which request.
        request: RequestKind,
        /// Why.
        reason: WithdrawReason,
    },
    /// The venue has the order, and its OrderID is known (the first report of it).
    Acked,
    /// The order is in the book now (Kraken's `0` after `A`).
    Live,
    /// A fill.
    Filled {
        /// Price of the fill.
        px: Px,
        /// Quantity of the fill.
        qty: Qty,
        /// Maker or taker, if said.
        liquidity: Option<Liquidity>,
    },
    /// A replace was done.
    Replaced {
        /// The new total quantity.
        qty: Qty,
        /// The new price.
        px: Option<Px>,
    },
    /// Cancelled.
    Canceled {
        /// Whether a cancel of ours for this order was pending; if not, the venue (or a mass cancel)
        /// did it.
        requested: bool,
        /// Text(58).
        text: EventText,
    },
    /// Expired.
    Expired,
    /// A report about the order that is none of the others: a restatement, a status, a repetition.
    Status,
    /// The venue refused a request. A refused new order has ended; a refused replace or cancel leaves
    /// the order as it was.
    RefusedByVenue {
        /// Which request.
        request: RequestKind,
        /// Which layer refused.
        layer: RefusalLayer,
        /// BusinessRejectReason(380) or SessionRejectReason(373), if said.
        reason: Option<u32>,
        /// Text(58).
        text: EventText,
    },
    /// The session dropped; the order may or may not be open.
    Uncertain,
}

#[cfg(test)]
mod tests;
