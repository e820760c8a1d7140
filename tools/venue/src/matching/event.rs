//! What the engine says: one event per thing that a client can be told.

use taut::types::{InstrumentId, OrdType, Px, Qty, Side, TimeInForce};
use taut_codec::value::UtcTime;

use super::account::{AccountId, AssetId};
use super::order::OrderRef;
use super::reason::{CancelReason, RejectReason};

/// One thing that happened, at the time that the command carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineEvent {
    /// The time given with the command.
    pub at: UtcTime,
    /// What happened.
    pub kind: EventKind,
}

/// See [`EngineEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A request was refused before it had any effect: 35=j.
    Rejected(Rejection),
    /// An order exists (150=A).
    Accepted(OrderState),
    /// The order takes part in matching, or waits for its trigger (150=0); follows `Accepted` at once
    /// unless there is an EffectiveTime(168).
    Live(OrderState),
    /// The order's trigger fired (150=D): its type is the resulting one.
    Triggered(OrderState),
    /// Two orders traded (150=F for each).
    Trade(Trade),
    /// An order ended unfilled or partly filled (150=4).
    Cancelled {
        /// As it ended; `leaves` is zero.
        order: OrderState,
        /// Why.
        reason: CancelReason,
        /// What was open when it ended.
        cancelled: Qty,
        /// The request that asked for it, if there was one.
        request: Option<Asker>,
    },
    /// ExpireTime(126) came (150=C).
    Expired {
        /// As it ended; `leaves` is zero.
        order: OrderState,
        /// What was open when it ended.
        expired: Qty,
    },
    /// An order was amended (150=5); trades that it causes follow.
    Amended {
        /// As amended; its `client_key` is that of the amend.
        order: OrderState,
        /// The `client_key` before (41).
        orig_client_key: u128,
        /// Its owner before.
        orig_session: u32,
        /// The order waits for its EffectiveTime(168): 39=E.
        pending: bool,
    },
}

/// Who asked for an end of orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The session, which need not be the order's owner.
    pub session: u32,
    /// Opaque id of the request, if the orders are to be reported under it.
    pub client_key: Option<u128>,
}

/// An order as it stood right after an event: all that a report needs. The OrderID(37) is
/// [`super::SpotEngine::order_id`] of `order`, also after the order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderState {
    /// Which order.
    pub order: OrderRef,
    /// Its account.
    pub account: AccountId,
    /// Its owner.
    pub session: u32,
    /// The id of the last request that set it (11).
    pub client_key: u128,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Side(54).
    pub side: Side,
    /// OrdType(40); once triggered the resulting one.
    pub ord_type: OrdType,
    /// OrdType(40) as it came.
    pub placed_as: OrdType,
    /// TimeInForce(59).
    pub time_in_force: TimeInForce,
    /// Whether it came as post-only.
    pub post_only: bool,
    /// Whether `qty` and `leaves` are in the quote currency, units of `notional` (18=v).
    pub qty_in_quote: bool,
    /// Whether reports give the fee of each trade, not the sum (18=s).
    pub fee_per_trade: bool,
    /// OrderQty(38).
    pub qty: Qty,
    /// Price(44); zero for a type without one.
    pub price: Px,
    /// StopPx(99).
    pub stop: Option<Px>,
    /// TriggerPrice(1102): the price that fired the trigger.
    pub triggered_by: Option<Px>,
    /// DisplayQty(1138).
    pub display: Option<Qty>,
    /// CumQty(14).
    pub cum: Qty,
    /// LeavesQty(151).
    pub leaves: Qty,
    /// GrossTradeAmt(381): sum of price x quantity over its trades, in units of
    /// 10^-(`price_precision` + `qty_precision`). Divided by `cum` it is AvgPx(6).
    pub notional: i128,
    /// MiscFeeAmt(137), cumulative. In base the unit is 10^-`qty_precision`, in quote that of
    /// `notional`.
    pub fee: i128,
    /// MiscFeeCurr(138).
    pub fee_asset: AssetId,
}

/// One trade. The price is the maker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// What was traded.
    pub instrument: InstrumentId,
    /// SecondaryExecID(527): counts from 1 per instrument.
    pub trade_seq: u64,
    /// LastPx(31).
    pub px: Px,
    /// LastQty(32).
    pub qty: Qty,
    /// The resting order after the trade (5050=0).
    pub maker: OrderState,
    /// The arriving order after the trade (5050=1).
    pub taker: OrderState,
    /// The maker's fee of this trade alone, in the units of [`OrderState::fee`].
    pub maker_fee: i128,
    /// The taker's fee of this trade alone.
    pub taker_fee: i128,
}

/// A refused request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// What was refused.
    pub request: Request,
    /// Who asked.
    pub account: AccountId,
    /// The session that asked.
    pub session: u32,
    /// The request's id (379); 0 if it has none.
    pub client_key: u128,
    /// The order that the request named.
    pub order: Option<OrderRef>,
    /// Why.
    pub reason: RejectReason,
}

/// The kind of a refused request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// 35=D
    New,
    /// 35=G
    Amend,
    /// 35=F
    Cancel,
}

crate::state::stored! {
    OrderState {
        order, account, session, client_key, instrument, side, ord_type, placed_as, time_in_force, post_only,
        qty_in_quote, fee_per_trade, qty, price, stop, triggered_by, display, cum, leaves, notional, fee,
        fee_asset,
    }
}
