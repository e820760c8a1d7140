//! Why the desk refuses what a strategy asks for.

use std::fmt;

/// What was asked for, or would have come of it, and the bound that it broke: both in units of
/// 10^-`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Numbers {
    /// What was asked for.
    pub asked: i128,
    /// The bound.
    pub bound: i128,
    /// Decimals of both.
    pub scale: u8,
}

impl Numbers {
    pub(super) fn new(asked: impl Into<i128>, bound: impl Into<i128>, scale: u8) -> Self {
        Self { asked: asked.into(), bound: bound.into(), scale }
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (asked, bound) = (Units(self.asked, self.scale), Units(self.bound, self.scale));
        write!(f, "{asked}, the bound is {bound}")
    }
}

/// An exact decimal of any size.
struct Units(i128, u8);

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(units, scale) = *self;
        let sign = if units < 0 { "-" } else { "" };
        let Some(one) = 10u128.checked_pow(scale.into()) else {
            return write!(f, "{units}e-{scale}");
        };
        let (whole, rest) = (units.unsigned_abs() / one, units.unsigned_abs() % one);
        write!(f, "{sign}{whole}")?;
        if rest == 0 {
            return Ok(());
        }
        let mut digits = usize::from(scale);
        let mut rest = rest;
        while rest.is_multiple_of(10) {
            rest /= 10;
            digits -= 1;
        }
        write!(f, ".{rest:0digits$}")
    }
}

/// A refusal: immediate and final. Nothing was sent, and nothing will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// [`on_start`](crate::strategy::Strategy::on_start) has not been called yet.
    NotStarted,
    /// The desk was asked to stop: only cancels pass.
    Stopping,
    /// The kill switch was pulled: only cancels pass, until an operator re-arms the desk.
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
    /// Fields that exclude each other, or one without which the rest means nothing: a post-only market or
    /// immediate order, a limit order without price, a date of expiry that cannot be named.
    BadCombination,
    /// The price is not a multiple of TickSize(5022), the bound.
    TickSize(Numbers),
    /// The quantity is not a multiple of MinTradeVol(562), the bound.
    QtyStep(Numbers),
    /// The quantity is below QtyMin(5011).
    QtyMin(Numbers),
    /// Price x quantity is below MinimumCost(5013).
    CostMin(Numbers),
    /// Above the limit on one order's quantity.
    MaxOrderQty(Numbers),
    /// Above the limit on one order's price x quantity.
    MaxNotional(Numbers),
    /// The price is too far from the mid price; the bound is the last price that would pass.
    PriceCollar(Numbers),
    /// The market has passed the trigger price already: the order would trigger at once. The bound is the mid
    /// price.
    TriggerPassed(Numbers),
    /// There is no live two-sided book to compare the price with.
    NoBook,
    /// The last message about the book is too old, milliseconds.
    StaleBook(Numbers),
    /// If every open order filled, the position would pass its limit.
    MaxPosition(Numbers),
    /// If every open order filled, the positions of all instruments of one quote currency together
    /// would be worth more than the limit, at the mid prices.
    MaxGross(Numbers),
    /// Too many open orders on the instrument.
    MaxOpenOrders(Numbers),
    /// Too many open orders on all instruments together.
    MaxOpenOrdersTotal(Numbers),
    /// It could trade with an order of ours, whose price is the bound. A market order is asked at the
    /// price that it would meet first. An order that waits for a trigger counts as if it had triggered: without
    /// a limit at any price, 0 for a sell.
    SelfCross(Numbers),
    /// Too many commands on the instrument in too short a time.
    CommandRate {
        /// Nanoseconds until one more passes; `u64::MAX`: never.
        wait_ns: u64,
    },
    /// Too many commands on all instruments together in too short a time.
    CommandRateTotal {
        /// Nanoseconds until one more passes; `u64::MAX`: never.
        wait_ns: u64,
    },
    /// A cancel was asked for before that the venue's rate limit holds back: what counts where that does waits
    /// for it.
    CancelsHeld,
    /// The venue would refuse it by its rate limit (venue file 7), or too little would be left of it
    /// for cancels.
    VenueRate {
        /// Points or tokens that it costs.
        cost: u32,
        /// Points or tokens that it may cost now.
        room: u32,
        /// Nanoseconds until it passes; `u64::MAX`: never.
        wait_ns: u64,
    },
    /// The venue would refuse it by its limit on the open orders of a pair (venue file 7).
    VenueOpenOrders(Numbers),
    /// No such order: the handle's order ended and was forgotten, or it is another desk's.
    OrderUnknown,
    /// The order has ended.
    OrderEnded,
    /// The order's state is unknown since a session drop; it can be cancelled, not replaced.
    OrderUncertain,
    /// No request reaches the order from this session, as the venue's rules are configured
    /// ([`Reach`](crate::order::Reach)).
    OutOfReach,
    /// REST, the last rung, failed as often as it may, or in a way that does not pass; an alarm said why.
    RestFailed,
    /// After a drop it is still to be found out what became of the open orders: only cancels pass.
    Reconciling,
    /// The order has no such price to amend: no limit, or it waits for no trigger.
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
    /// The market has no such order or request: on derivatives fill or kill, a date of expiry, a rule for
    /// trades with ourselves, trailing stops with a limit, and amends where `orders.reach.amends` says so (venue file 4, 4.1).
    NotOnThisMarket,
    /// Inverse contracts can be watched, not traded: what they are worth is not counted here.
    InverseContract,
    /// No ClOrdID is left (18 digits, or the years that a COMB UUID can tell, are used up).
    ClOrdIdsUsedUp,
    /// The next ClOrdID would be so far ahead of the clock that the venue would refuse it: ids were used
    /// under a clock that was ahead (venue file 6.9).
    ClOrdIdsAhead {
        /// Nanoseconds until it passes.
        wait_ns: u64,
    },
}

impl Refusal {
    /// What it is, without the numbers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotStarted => "the strategy has not started",
            Self::Stopping => "the desk is stopping",
            Self::Killed => "the kill switch is pulled",
            Self::SessionDown => "the trading session is down",
            Self::RollingOver => "the daily rollover is near",
            Self::InstrumentUnknown => "unknown instrument",
            Self::InstrumentStatus => "the instrument's status does not allow it",
            Self::BadNumber => "quantity or price out of range",
            Self::BadCombination => "fields that exclude each other",
            Self::TickSize(_) => "price is not a multiple of the tick size",
            Self::QtyStep(_) => "quantity is not a multiple of the step",
            Self::QtyMin(_) => "quantity below the minimum",
            Self::CostMin(_) => "cost below the minimum",
            Self::MaxOrderQty(_) => "quantity above the limit",
            Self::MaxNotional(_) => "notional above the limit",
            Self::PriceCollar(_) => "price outside the collar",
            Self::TriggerPassed(_) => "the trigger has been passed already",
            Self::NoBook => "no live book to check the price with",
            Self::StaleBook(_) => "the book is too old, ms",
            Self::MaxPosition(_) => "position limit",
            Self::MaxGross(_) => "value of all positions above the limit",
            Self::MaxOpenOrders(_) => "too many open orders",
            Self::MaxOpenOrdersTotal(_) => "too many open orders in total",
            Self::SelfCross(_) => "it could trade with an order of ours",
            Self::CommandRate { .. } => "command rate limit",
            Self::CommandRateTotal { .. } => "command rate limit in total",
            Self::CancelsHeld => "cancels wait for the venue's rate limit",
            Self::VenueRate { .. } => "the venue's rate limit",
            Self::VenueOpenOrders(_) => "the venue's limit on open orders",
            Self::OrderUnknown => "unknown order",
            Self::OrderEnded => "the order has ended",
            Self::OrderUncertain => "the order's state is uncertain",
            Self::OutOfReach => "no request reaches the order",
            Self::RestFailed => "REST failed",
            Self::Reconciling => "what became of the open orders is still to be found out",
            Self::NotAmendable => "the order cannot be amended",
            Self::CancelPending => "a cancel is pending",
            Self::TooManyPending => "too many requests pending",
            Self::TooManyOrders => "too many orders",
            Self::TooManyCommands => "too many commands",
            Self::TooManyTimers => "too many timers",
            Self::NotOnThisMarket => "the market does not have it",
            Self::InverseContract => "inverse contracts are not traded",
            Self::ClOrdIdsUsedUp => "no ClOrdID left",
            Self::ClOrdIdsAhead { .. } => "the last ClOrdID is too far ahead of the clock",
        }
    }

    /// The numbers, of those that compare two.
    #[must_use]
    pub const fn numbers(self) -> Option<Numbers> {
        match self {
            Self::TickSize(numbers)
            | Self::QtyStep(numbers)
            | Self::QtyMin(numbers)
            | Self::CostMin(numbers)
            | Self::MaxOrderQty(numbers)
            | Self::MaxNotional(numbers)
            | Self::PriceCollar(numbers)
            | Self::TriggerPassed(numbers)
            | Self::StaleBook(numbers)
            | Self::MaxPosition(numbers)
            | Self::MaxGross(numbers)
            | Self::MaxOpenOrders(numbers)
            | Self::MaxOpenOrdersTotal(numbers)
            | Self::SelfCross(numbers)
            | Self::VenueOpenOrders(numbers) => Some(numbers),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match *self {
            Self::CommandRate { wait_ns }
            | Self::CommandRateTotal { wait_ns }
            | Self::ClOrdIdsAhead { wait_ns } => {
                write!(f, ": {}", Wait(wait_ns))
            }
            Self::VenueRate { cost, room, wait_ns } => {
                write!(f, ": costs {cost}, room for {room}, {}", Wait(wait_ns))
            }
            other => other.numbers().map_or(Ok(()), |numbers| write!(f, ": {numbers}")),
        }
    }
}

struct Wait(u64);

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            u64::MAX => f.write_str("never free"),
            nanos => write!(f, "free in {} ms", nanos.div_ceil(1_000_000)),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_its_numbers_exactly() {
        let numbers = Numbers::new(-12_050i64, 90_000i64, 3);
        assert_eq!(
            Refusal::MaxNotional(numbers).to_string(),
            "notional above the limit: -12.05, the bound is 90"
        );
        let huge = Numbers { asked: i128::MAX, bound: 1, scale: 40 };
        assert!(huge.to_string().ends_with("e-40, the bound is 1e-40"), "{huge}");
        let rate = Refusal::VenueRate { cost: 8, room: 3, wait_ns: 1_200_000 };
        assert_eq!(rate.to_string(), "the venue's rate limit: costs 8, room for 3, free in 2 ms");
        let never = Refusal::CommandRate { wait_ns: u64::MAX };
        assert_eq!(never.to_string(), "command rate limit: never free");
        assert_eq!(Refusal::NoBook.to_string(), "no live book to check the price with");
    }
}
