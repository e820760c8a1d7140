//! Why requests are refused and orders cancelled.

/// Why a request was refused; venue file 5 and 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// Not enough available balance for the hold.
    InsufficientFunds,
    /// Below QtyMin(5011).
    OrderMinimum,
    /// Below MinimumCost(5013).
    CostMinimum,
    /// The price is not a multiple of TickSize(5022).
    TickSize,
    /// The price is not positive.
    InvalidPrice,
    /// The quantity is not positive, not a multiple of 562, or too large to count with.
    InvalidQuantity,
    /// A combination that makes no sense (post-only market, post-only IOC).
    InvalidArguments,
    /// No such live order of this account.
    UnknownOrder,
    /// No such instrument.
    UnknownInstrument,
    /// No such account.
    PermissionDenied,
    /// The engine holds as many orders as it can.
    OrdersLimit,
    /// Post-only and it would take; venue file 6.3.
    PostOnlyWouldTake,
    /// AssetPairStatus `3`.
    MarketCancelOnly,
    /// AssetPairStatus `4`.
    MarketPostOnly,
    /// AssetPairStatus `5`; the text follows the two documented ones (SIM).
    MarketLimitOnly,
    /// AssetPairStatus `7`; the text follows the two documented ones (SIM).
    MarketReduceOnly,
    /// AssetPairStatus `0`, `2` or `6`.
    MarketUnavailable,
    /// ValidUntilTime(62) has passed; 6.6.
    DeadlineElapsed,
    /// EffectiveTime(168) is too far ahead, or not before ExpireTime(126).
    InvalidStart,
    /// ExpireTime(126) has passed or is more than a month ahead, or the order is not GTD.
    InvalidExpiry,
    /// DisplayQty(1138) off the step, below a fifteenth, or on an order that is no limit order; 6.5.
    InvalidDisplay,
    /// The pair has no index; 6.7.
    IndexUnavailable,
    /// 18=v on anything but a market buy without margin; 6.13.
    InvalidFlags,
    /// 5001=1 on a pair without margin.
    NoLeverage,
    /// The account may not trade on margin.
    CannotOpenPosition,
    /// The order would turn a position around.
    CannotOpenOpposing,
    /// The account has as many positions as it may.
    PositionsLimit,
    /// The account's positions would exceed its allowance.
    MarginAllowance,
    /// The account's equity does not carry its positions.
    MarginLevel,
    /// The position would exceed the pair's maximum.
    PositionSize,
    /// The venue has lent what it has of the pair.
    InsufficientMargin,
    /// Reduce-only, but not on margin or on the position's own side; 6.4.
    ReduceOnlyNotClosing,
    /// Reduce-only without a position.
    ReduceOnlyNoPosition,
    /// Reduce-only, and the position closed before the order was filled.
    ReduceOnlyClosed,
}

impl RejectReason {
    /// The venue's text (58) without the ClOrdID that may precede it; venue file 5.1 and 5.2.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "EOrder:Insufficient funds",
            Self::OrderMinimum => "EOrder:Order minimum not met",
            Self::CostMinimum => "EOrder:Cost minimum not met",
            Self::TickSize => "EOrder:Tick size check failed",
            Self::InvalidPrice => "EOrder:Invalid price",
            Self::InvalidQuantity => "EGeneral:Invalid arguments:volume",
            Self::InvalidArguments => "EGeneral:Invalid arguments",
            Self::UnknownOrder => "EOrder:Unknown order",
            Self::UnknownInstrument => "EGeneral:Invalid arguments:symbol",
            Self::PermissionDenied => "EGeneral:Permission denied",
            Self::OrdersLimit => "EOrder:Orders limit exceeded",
            Self::PostOnlyWouldTake => "Post only order would take",
            Self::MarketCancelOnly => "EService:Market in cancel_only mode",
            Self::MarketPostOnly => "EService:Market in post_only mode",
            Self::MarketLimitOnly => "EService:Market in limit_only mode",
            Self::MarketReduceOnly => "EService:Market in reduce_only mode",
            Self::MarketUnavailable => "EService:Unavailable",
            Self::DeadlineElapsed => "EService:Deadline elapsed",
            Self::InvalidStart => "EGeneral:Invalid arguments:starttm",
            Self::InvalidExpiry => "EGeneral:Invalid arguments:expiretm",
            Self::InvalidDisplay => "EGeneral:Invalid arguments:displayvol",
            Self::IndexUnavailable => "EGeneral:Invalid arguments:Index unavailable",
            Self::InvalidFlags => "EGeneral:Invalid arguments:oflags",
            Self::NoLeverage => "EGeneral:Invalid arguments:leverage",
            Self::CannotOpenPosition => "EOrder:Cannot open position",
            Self::CannotOpenOpposing => "EOrder:Cannot open opposing position",
            Self::PositionsLimit => "EOrder:Positions limit exceeded",
            Self::MarginAllowance => "EOrder:Margin allowance exceeded",
            Self::MarginLevel => "EOrder:Margin level too low",
            Self::PositionSize => "EOrder:Margin position size exceeded",
            Self::InsufficientMargin => "EOrder:Insufficient margin",
            Self::ReduceOnlyNotClosing => "EOrder:Reduce only:Non-PC",
            Self::ReduceOnlyNoPosition => "EOrder:Reduce only:No position exists",
            Self::ReduceOnlyClosed => "EOrder:Reduce only:Position is closed",
        }
    }

    /// BusinessRejectReason(380); venue file 4.7.
    #[must_use]
    pub const fn business_reason(self) -> u32 {
        match self {
            Self::UnknownInstrument => 2,
            Self::MarketUnavailable => 4,
            Self::PermissionDenied => 6,
            Self::UnknownOrder => 101,
            _ => 0,
        }
    }
}

/// Why an accepted order was cancelled. Texts other than the first two are unspecified (SIM).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// 35=F.
    User,
    /// 35=q.
    MassCancel,
    /// The session dropped; venue file 2.3.
    Disconnect,
    /// The remainder of an IOC order; 6.2.
    ImmediateOrCancel,
    /// The remainder of a market order that emptied the book.
    NoLiquidity,
    /// Self-trade prevention; 6.10.
    SelfTrade,
    /// Amended to or below its filled quantity; 6.8.
    AmendedBelowFilled,
    /// A fill-or-kill order that could not be filled at once; 6.2.
    FillOrKill,
    /// The remainder of a market order that would have traded too far from the best price; 6.1.
    PriceProtection,
    /// What an accepted order is refused for when it becomes live or triggers, or when it may not trade on:
    /// the "unsolicited cancel" of venue file 4.6.1.
    Refused(RejectReason),
    /// The venue's own decision.
    Venue,
}

impl CancelReason {
    /// Text(58) of the report.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::User | Self::MassCancel => "Order canceled by user",
            Self::ImmediateOrCancel => "Immediate or cancel",
            Self::Disconnect => "Cancel on disconnect",
            Self::NoLiquidity => "Insufficient liquidity",
            Self::SelfTrade => "Self trade prevention",
            Self::AmendedBelowFilled => "Amended below filled quantity",
            Self::FillOrKill => "Fill or kill",
            Self::PriceProtection => "Market price protection",
            Self::Refused(reason) => reason.text(),
            Self::Venue => "Order canceled by venue",
        }
    }
}
