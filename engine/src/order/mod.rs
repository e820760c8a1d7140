//! Orders: ids, the state of each, the chain of requests on it, and what fills add up to.

mod answers;
mod apply;
mod cancel;
mod chain;
mod held;
mod ids;
mod index;
mod positions;
mod reach;
mod recall;
mod request;
mod resolve;
mod table;
mod transition;

pub use answers::AppliedRequest;
pub use apply::{AppliedReport, ReportOutcome};
pub use chain::RequestKind;
pub use ids::ClOrdIdSource;
pub use positions::{Pnl, Position, Positions};
pub use reach::{CancelRoute, Place, Reach, Rung, RungReason, Scope};
pub use request::{CancelPlan, ReplacePlan, Terms};
pub(crate) use resolve::Asked;
pub use resolve::{Proof, Resolved};
pub use table::OrderTable;

use taut_codec::value::{Decimal, UtcTime};

use crate::event::{EventText, Liquidity, RefusalLayer, Report, WithdrawReason};
use crate::risk::Refusal;
use crate::types::{InstrumentId, OrdType, OrderId, Px, Qty, Side, TimeInForce};

/// Names one order of a desk. It outlives the order: a handle whose order was forgotten never names
/// another one, nor one of another trading session, nor one of another desk of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderHandle {
    slot: u32,
    generation: u32,
    /// Of which table of the process.
    table: u32,
    /// Of which trading session of the desk.
    seat: u8,
}

impl OrderHandle {
    /// Its place in the table: below [`ORDERS_MAX`](crate::limits::ORDERS_MAX), and nobody else's while
    /// the order is live.
    pub(crate) const fn slot(self) -> u32 {
        self.slot
    }

    /// Which of the desk's trading sessions it is of, counted from 0.
    pub(crate) const fn seat(self) -> u8 {
        self.seat
    }
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
    /// End: it never reached the venue: taken back before the wire, or lost with a connection.
    Withdrawn,
    /// End: it was uncertain, and the venue does not have it open. How it ended is not known.
    Gone,
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
    /// Its type; what it became, once it has triggered.
    pub ord_type: OrdType,
    /// How long it stays.
    pub time_in_force: TimeInForce,
    /// Whether it may only make liquidity.
    pub post_only: bool,
    /// The total quantity that the venue confirmed last (until then: that was sent).
    pub qty: Qty,
    /// The limit that the venue confirmed last; `None` for a type without one. Of a trailing stop limit that
    /// waits it is an offset from the price that triggers.
    pub px: Option<Px>,
    /// StopPx(99) of an order that has or had a trigger: its price, or the distance at which it trails.
    pub stop_px: Option<Px>,
    /// CumQty(14): filled so far, as the venue says.
    pub cum: Qty,
    /// LeavesQty(151): still open.
    pub leaves: Qty,
    /// Where it stands.
    pub state: OrderState,
    /// OrderID(37); empty until the venue has told it.
    pub order_id: OrderId,
    /// The sequence space that it was sent in, or replaced in last.
    pub epoch: u32,
    /// The TCP life that it was sent on, or replaced on last.
    pub connection: u32,
    /// Sum of the fills that were applied; below `cum` while a fill's report is missing.
    filled: i64,
    /// What they cost, in units of price x quantity, if that is known.
    paid: Option<i128>,
    /// Of `filled`, what was counted from the order's totals and whose reports may still come.
    recovered: i64,
    /// What the venue has told of the order's fees, in 10^-18.
    fee: i128,
    acked: bool,
    /// The venue has told that it ended, whatever was concluded before.
    end_told: bool,
    /// What of it may have been filled, or was, and is in no position: see [`Order::unseen`].
    unseen: i64,
    /// The newest TransactTime(60) of its reports.
    told_at: UtcTime,
    /// The venue's day in which it was sent, or replaced last.
    day: u32,
    /// What was done to settle it while it is uncertain.
    asked: Asked,
    cancel: cancel::CancelWish,
    /// A replace that waits for the OrderID.
    held: Option<Terms>,
    /// What it could still fill at worst, pending replaces included.
    exposure: i64,
    best_px: Option<Px>,
    touched: UtcTime,
    pending_replaces: u16,
    pending_cancels: u16,
    ends: chain::Ends,
    /// The last accepted link, or the new order's.
    current: u32,
    /// Position in the list of live orders.
    live_at: u32,
}

impl Order {
    /// An order of which a report is all that is known; it is uncertain whether it is open. What was filled
    /// of it is not counted yet.
    fn told_of(report: &Report) -> Self {
        Self {
            ord_type: report.ord_type,
            time_in_force: report.time_in_force,
            qty: report.order_qty,
            px: report.px,
            stop_px: report.stop_px,
            leaves: report.leaves_qty,
            state: OrderState::Uncertain,
            ..Self::blank(report.instrument, report.side)
        }
    }

    /// An order of which nothing is known.
    const fn blank(instrument: InstrumentId, side: Side) -> Self {
        Self {
            handle: OrderHandle { slot: 0, generation: 0, table: 0, seat: 0 },
            instrument,
            side,
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            qty: Qty(0),
            px: None,
            stop_px: None,
            cum: Qty(0),
            leaves: Qty(0),
            state: OrderState::PendingNew,
            order_id: OrderId::EMPTY,
            epoch: 0,
            connection: 0,
            filled: 0,
            paid: Some(0),
            recovered: 0,
            fee: 0,
            acked: false,
            end_told: false,
            unseen: 0,
            told_at: UtcTime(0),
            day: 0,
            asked: Asked::Nothing,
            cancel: cancel::CancelWish::NONE,
            held: None,
            exposure: 0,
            best_px: None,
            touched: UtcTime(0),
            pending_replaces: 0,
            pending_cancels: 0,
            ends: chain::Ends::EMPTY,
            current: 0,
            live_at: 0,
        }
    }

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

    pub(crate) const fn asked(&self) -> Asked {
        self.asked
    }

    /// Whether it waits for its trigger, as far as is known: it is not in the book, and cannot be filled.
    #[must_use]
    pub const fn is_untriggered(&self) -> bool {
        self.ord_type.has_trigger() && !self.state.is_end()
    }

    /// Whether the venue has told of it.
    #[must_use]
    pub const fn is_acked(&self) -> bool {
        self.acked
    }

    /// What it could still fill at worst, pending replaces included.
    #[must_use]
    pub const fn exposure(&self) -> Qty {
        Qty(self.exposure)
    }

    /// What of it may have been filled, at most, and is not in the position: all that was open of one that is
    /// [`OrderState::Gone`], until the venue tells how it ended; of any other, fills that the venue has told
    /// of in a sum without saying what they cost.
    #[must_use]
    pub const fn unseen(&self) -> Qty {
        Qty(self.unseen)
    }

    /// The most aggressive limit that it can have, pending replaces included; `None` for a type without one.
    #[must_use]
    pub const fn best_px(&self) -> Option<Px> {
        self.best_px
    }

    /// When it was sent or replaced last, replaces that wait for their answer included.
    #[must_use]
    pub const fn touched(&self) -> UtcTime {
        self.touched
    }

    /// Fills applied so far.
    #[must_use]
    pub const fn filled(&self) -> Qty {
        Qty(self.filled)
    }

    /// Counts the fills that are missing by what the venue says that all of them cost.
    fn recover_fills(&mut self, report: &Report) -> Option<RecoveredFills> {
        let qty = self.cum.0.checked_sub(self.filled).filter(|&qty| qty > 0)?;
        let cost = i128::from(report.gross?).checked_sub(self.paid?).filter(|&cost| cost >= 0)?;
        if report.cum_qty != self.cum {
            return None;
        }
        self.filled += qty;
        self.paid = Some(i128::from(report.gross?));
        self.recovered += qty;
        Some(RecoveredFills { qty: Qty(qty), cost })
    }
}

/// Fills whose reports are missing, added up: the difference between the venue's totals of an order
/// and what was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveredFills {
    /// Their quantity.
    pub qty: Qty,
    /// What they cost, in units of 10^-(price precision + quantity precision) of the quote currency.
    pub cost: i128,
}

/// What the venue's own records show of an instrument whose position was uncertain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionTruth {
    /// Which.
    pub instrument: InstrumentId,
    /// What was bought and is not in the position; `None`: nothing.
    pub bought: Option<RecoveredFills>,
    /// What was sold and is not in the position.
    pub sold: Option<RecoveredFills>,
}

/// What a fee of this amount is in 10^-18, if that can be said.
pub(crate) fn fee_units(amount: Decimal) -> Option<i128> {
    let unit = 10i128.pow(u32::from(18u8.checked_sub(amount.scale)?));
    Some(i128::from(amount.mantissa) * unit)
}

/// What of a report's totals was not counted as fills: `filled` of the order was, which cost so much.
pub(crate) fn not_counted(report: &Report, filled: Qty, cost: i128) -> Option<RecoveredFills> {
    let qty = report.cum_qty.0.checked_sub(filled.0).filter(|&qty| qty > 0)?;
    let cost = i128::from(report.gross?).checked_sub(cost).filter(|&cost| cost >= 0)?;
    Some(RecoveredFills { qty: Qty(qty), cost })
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
    /// A request was taken back before it reached the wire; a replace that was held may not have been one yet.
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
    /// Its trigger was reached: it is a market or limit order now.
    Triggered {
        /// The price that triggered it, if said.
        px: Option<Px>,
    },
    /// The venue changed it on its own account (ExecType `D`).
    Restated {
        /// The total quantity now.
        qty: Qty,
        /// The price now.
        px: Option<Px>,
    },
    /// Fills whose reports were lost, counted by the order's totals; another update may follow for the
    /// report that told them.
    FillsRecovered(RecoveredFills),
    /// The order was not known here: placed elsewhere, or by an earlier run. It is tracked from now on;
    /// what was filled of it before is in no position.
    Adopted,
    /// The order is of an earlier run, as its journal tells, and may be open. It is uncertain until that is
    /// found out; what was filled of it is in the position.
    Recalled,
    /// A report about the order that is none of the others: a status, a repetition.
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
    /// What is known of the order may not be the truth: the session dropped, or a report could not be
    /// read.
    Uncertain,
    /// A cancel goes by another rung of the ladder than was said before.
    CancelClimbed {
        /// The rung, and why.
        route: CancelRoute,
    },
    /// A replace that was held until the venue had told the OrderID is given up: it was refused when it was to
    /// leave. The order stays as it was.
    ReplaceRefused {
        /// Why.
        refusal: Refusal,
    },
    /// A cancel that was kept, or was to go by REST, is given up.
    CancelRefused {
        /// Why.
        refusal: Refusal,
    },
    /// It was uncertain, and this shows where it stands.
    Resolved(Proof),
}

#[cfg(test)]
pub(crate) mod tests;
