//! The small values that every room of the house speaks in.

use taut_codec::ids::symbol_market;
use taut_codec::value::{Decimal, FixStr, UtcTime, ValueError};

pub use taut_codec::ids::{ClOrdId, ClOrdIdText, ExecId, Market, OrderId, Symbol};

/// A CompID(49/56).
pub type CompId = FixStr<47>;
/// A human-readable Text(58), cut at 127 bytes.
pub type Text = FixStr<127>;

/// A price in units of 10^-`price_precision` of its instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Px(pub i64);

/// A quantity in units of 10^-`qty_precision` of its instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Qty(pub i64);

/// Side(54) of an order, and the side of a book level (bids are `Buy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// `54=1`; bids.
    Buy,
    /// `54=2`; offers.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// The value of tag 54.
    #[must_use]
    pub const fn fix(self) -> u8 {
        match self {
            Self::Buy => b'1',
            Self::Sell => b'2',
        }
    }

    /// From the value of tag 54.
    #[must_use]
    pub const fn from_fix(value: &[u8]) -> Option<Self> {
        match value {
            b"1" => Some(Self::Buy),
            b"2" => Some(Self::Sell),
            _ => None,
        }
    }

    /// +1 for a buy, -1 for a sell.
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }

    /// Whether `price` is at least as aggressive on this side as `other`.
    #[must_use]
    pub const fn at_least_as_good(self, price: Px, other: Px) -> bool {
        match self {
            Self::Buy => price.0 >= other.0,
            Self::Sell => price.0 <= other.0,
        }
    }
}

/// OrdType(40); venue file 4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrdType {
    /// `40=1`.
    Market,
    /// `40=2`.
    Limit,
    /// `40=3`.
    StopLoss,
    /// `40=4`.
    StopLossLimit,
    /// `40=R`.
    TakeProfit,
    /// `40=T`.
    TakeProfitLimit,
    /// `40=U`.
    TrailingStop,
    /// `40=V`.
    TrailingStopLimit,
}

impl OrdType {
    /// All types.
    pub const ALL: [Self; 8] = [
        Self::Market,
        Self::Limit,
        Self::StopLoss,
        Self::StopLossLimit,
        Self::TakeProfit,
        Self::TakeProfitLimit,
        Self::TrailingStop,
        Self::TrailingStopLimit,
    ];

    /// The value of tag 40.
    #[must_use]
    pub const fn fix(self) -> u8 {
        match self {
            Self::Market => b'1',
            Self::Limit => b'2',
            Self::StopLoss => b'3',
            Self::StopLossLimit => b'4',
            Self::TakeProfit => b'R',
            Self::TakeProfitLimit => b'T',
            Self::TrailingStop => b'U',
            Self::TrailingStopLimit => b'V',
        }
    }

    /// From the value of tag 40.
    #[must_use]
    pub const fn from_fix(value: &[u8]) -> Option<Self> {
        Some(match value {
            b"1" => Self::Market,
            b"2" => Self::Limit,
            b"3" => Self::StopLoss,
            b"4" => Self::StopLossLimit,
            b"R" => Self::TakeProfit,
            b"T" => Self::TakeProfitLimit,
            b"U" => Self::TrailingStop,
            b"V" => Self::TrailingStopLimit,
            _ => return None,
        })
    }

    /// Whether an order of this type has a Price(44).
    #[must_use]
    pub const fn has_limit(self) -> bool {
        matches!(
            self,
            Self::Limit | Self::StopLossLimit | Self::TakeProfitLimit | Self::TrailingStopLimit
        )
    }

    /// Whether an order of this type waits for a trigger, StopPx(99).
    #[must_use]
    pub const fn has_trigger(self) -> bool {
        !matches!(self, Self::Market | Self::Limit)
    }

    /// Whether its trigger follows the market: its StopPx(99) is a distance.
    #[must_use]
    pub const fn trails(self) -> bool {
        matches!(self, Self::TrailingStop | Self::TrailingStopLimit)
    }

    /// Whether a rising price reaches the trigger of an order of this type; else a falling one does. A take
    /// profit waits on the favourable side, the others on the unfavourable one (venue file 6.1).
    #[must_use]
    pub const fn fires_rising(self, side: Side) -> bool {
        let takes_profit = matches!(self, Self::TakeProfit | Self::TakeProfitLimit);
        matches!(side, Side::Buy) != takes_profit
    }

    /// What an order of this type becomes when it triggers.
    #[must_use]
    pub const fn after_trigger(self) -> Self {
        if self.has_limit() { Self::Limit } else { Self::Market }
    }
}

/// TimeInForce(59); venue file 6.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeInForce {
    /// `59=1`, good till cancelled.
    Gtc,
    /// `59=3`, immediate or cancel.
    Ioc,
    /// `59=4`, fill or kill.
    Fok,
    /// `59=6`, good till date.
    Gtd,
}

impl TimeInForce {
    /// The value of tag 59.
    #[must_use]
    pub const fn fix(self) -> u8 {
        match self {
            Self::Gtc => b'1',
            Self::Ioc => b'3',
            Self::Fok => b'4',
            Self::Gtd => b'6',
        }
    }

    /// From the value of tag 59.
    #[must_use]
    pub const fn from_fix(value: &[u8]) -> Option<Self> {
        match value {
            b"1" => Some(Self::Gtc),
            b"3" => Some(Self::Ioc),
            b"4" => Some(Self::Fok),
            b"6" => Some(Self::Gtd),
            _ => None,
        }
    }
}

/// AssetPairStatus(5032); venue file 4.12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PairStatus {
    /// `0`
    Hidden,
    /// `1`
    Online,
    /// `2`
    Maintenance,
    /// `3`
    CancelOnly,
    /// `4`
    PostOnly,
    /// `5`
    LimitOnly,
    /// `6`
    Delisted,
    /// `7`
    ReduceOnly,
}

impl PairStatus {
    /// The value of tag 5032.
    #[must_use]
    pub const fn fix(self) -> u8 {
        b'0' + self as u8
    }

    /// From the value of tag 5032.
    #[must_use]
    pub const fn from_fix(value: &[u8]) -> Option<Self> {
        Some(match value {
            b"0" => Self::Hidden,
            b"1" => Self::Online,
            b"2" => Self::Maintenance,
            b"3" => Self::CancelOnly,
            b"4" => Self::PostOnly,
            b"5" => Self::LimitOnly,
            b"6" => Self::Delisted,
            b"7" => Self::ReduceOnly,
            _ => return None,
        })
    }
}

/// What a venue says about an instrument: one entry of InstrumentList (35=y), venue file 4.12.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instrument {
    /// Symbol(55).
    pub symbol: Symbol,
    /// PricePrecision(2349): decimals of a price.
    pub price_precision: u8,
    /// QtyPrecision(5010): decimals of a quantity.
    pub qty_precision: u8,
    /// TickSize(5022): a price is a multiple of it.
    pub tick_size: Px,
    /// MinTradeVol(562): a quantity is a multiple of it.
    pub qty_step: Qty,
    /// QtyMin(5011).
    pub qty_min: Qty,
    /// QtyMax(5012), if the venue names one.
    pub qty_max: Option<Qty>,
    /// MinimumCost(5013), price x quantity, in the quote currency; zero if the venue names none.
    pub cost_min: Decimal,
    /// AssetPairStatus(5032).
    pub status: PairStatus,
}

impl Instrument {
    /// The market that lists it, by its symbol; spot for one of another shape.
    #[must_use]
    pub fn market(&self) -> Market {
        market_of(&self.symbol)
    }

    /// A price of this instrument as a decimal.
    #[must_use]
    pub const fn px_decimal(&self, px: Px) -> Decimal {
        Decimal::new(px.0, self.price_precision)
    }

    /// A quantity of this instrument as a decimal.
    #[must_use]
    pub const fn qty_decimal(&self, qty: Qty) -> Decimal {
        Decimal::new(qty.0, self.qty_precision)
    }

    /// A decimal as a price of this instrument, exactly.
    ///
    /// # Errors
    /// [`ValueError::Inexact`] or [`ValueError::Overflow`].
    pub fn px(&self, decimal: Decimal) -> Result<Px, ValueError> {
        decimal.to_scale(self.price_precision).map(Px)
    }

    /// A decimal as a quantity of this instrument, exactly.
    ///
    /// # Errors
    /// [`ValueError::Inexact`] or [`ValueError::Overflow`].
    pub fn qty(&self, decimal: Decimal) -> Result<Qty, ValueError> {
        decimal.to_scale(self.qty_precision).map(Qty)
    }
}

/// The market that lists a symbol (venue file 4.1); spot for one of another shape.
#[must_use]
pub fn market_of(symbol: &Symbol) -> Market {
    symbol_market(symbol.as_bytes()).unwrap_or(Market::Spot)
}

/// A position in the table of instruments that a desk (or a venue) was configured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentId(pub u16);

/// The time that pure code is given: UTC nanoseconds. Alias for readers.
pub type Now = UtcTime;
