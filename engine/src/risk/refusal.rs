//! Why the desk refuses what a strategy asks for.

/// A refusal: immediate and final. Nothing was sent, and nothing will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// [`on_start`](crate::strategy::Strategy::on_start) has not been called yet.
    NotStarted,
    /// The desk was asked to stop: only cancels pass.
    Stopping,
    /// The kill switch was pulled: only cancels pass.
    Killed,
    /// The trading session is down. Nothing is queued to go stale.
    SessionDown,
    /// The trading session's daily rollover is near: no new orders until it is over (venue file 3.5).
    RollingOver,
    /// No such instrument, or its rules are not known.
    InstrumentUnknown,
    /// The instrument's status does not allow it (AssetPairStatus, venue file 4.12).
    InstrumentStatus,
    /// A quantity of zero or less, or a price below zero.
    BadNumber,
    /// Fields that exclude each other: a post-only market or immediate order, a limit order without
    /// price.
    BadCombination,
    /// The price is not a multiple of TickSize(5022).
    TickSize,
    /// The quantity is not a multiple of MinTradeVol(562).
    QtyStep,
    /// The quantity is below QtyMin(5011).
    QtyMin,
    /// Price x quantity is below MinimumCost(5013).
    CostMin,
    /// Above the limit on one order's quantity.
    MaxOrderQty,
    /// Above the limit on one order's price x quantity.
    MaxNotional,
    /// The price is too far from the mid price.
    PriceCollar,
    /// There is no live two-sided book to compare the price with.
    NoBook,
    /// If every open order filled, the position would pass its limit.
    MaxPosition,
    /// Too many open orders on the instrument.
    MaxOpenOrders,
    /// Too many commands in too short a time.
    CommandRate,
    /// No such order: the handle's order ended and was forgotten.
    OrderUnknown,
    /// The order has ended.
    OrderEnded,
    /// The order's state is unknown since a session drop; it can be cancelled, not replaced.
    OrderUncertain,
    /// The venue has not told the order's OrderID(37) yet, which a replace must name (venue file 4.3).
    OrderIdUnknown,
    /// The order has no price and cannot be amended.
    NotAmendable,
    /// A cancel of the order is on its way.
    CancelPending,
    /// Too many requests of the order wait for the venue
    /// ([`PENDING_PER_ORDER_MAX`](crate::limits::PENDING_PER_ORDER_MAX)), or the shared pool is used up.
    TooManyPending,
    /// The order table is full of live orders ([`ORDERS_MAX`](crate::limits::ORDERS_MAX)).
    TooManyOrders,
    /// More commands than one callback may issue
    /// ([`COMMANDS_PER_CALLBACK_MAX`](crate::limits::COMMANDS_PER_CALLBACK_MAX)), or too many wait for the
    /// wire.
    TooManyCommands,
    /// More timers than [`TIMERS_MAX`](crate::limits::TIMERS_MAX).
    TooManyTimers,
    /// No ClOrdID is left (18 digits are used up).
    ClOrdIdsUsedUp,
}

impl Refusal {
    /// How many kinds there are.
    pub const COUNT: usize = Self::ClOrdIdsUsedUp as usize + 1;
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotStarted => "the strategy has not started",
            Self::Stopping => "the desk is stopping",
            Self::Killed => "the kill switch is pulled",
            Self::SessionDown => "the trading session is down",
            Self::RollingOver => "the daily rollover is near",
            Self::InstrumentUnknown => "unknown instrument",
            Self::InstrumentStatus => "the instrument's status does not allow it",
            Self::BadNumber => "quantity or price out of range",
            Self::BadCombination => "fields that exclude each other",
            Self::TickSize => "price is not a multiple of the tick size",
            Self::QtyStep => "quantity is not a multiple of the step",
            Self::QtyMin => "quantity below the minimum",
            Self::CostMin => "cost below the minimum",
            Self::MaxOrderQty => "quantity above the limit",
            Self::MaxNotional => "notional above the limit",
            Self::PriceCollar => "price outside the collar",
            Self::NoBook => "no live book to check the price with",
            Self::MaxPosition => "position limit",
            Self::MaxOpenOrders => "too many open orders",
            Self::CommandRate => "command rate limit",
            Self::OrderUnknown => "unknown order",
            Self::OrderEnded => "the order has ended",
            Self::OrderUncertain => "the order's state is uncertain",
            Self::OrderIdUnknown => "the OrderID is not known yet",
            Self::NotAmendable => "the order cannot be amended",
            Self::CancelPending => "a cancel is pending",
            Self::TooManyPending => "too many requests pending",
            Self::TooManyOrders => "too many orders",
            Self::TooManyCommands => "too many commands",
            Self::TooManyTimers => "too many timers",
            Self::ClOrdIdsUsedUp => "no ClOrdID left",
        })
    }
}

impl std::error::Error for Refusal {}
