//! Why requests are refused and orders cancelled.

use super::event::Request;

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
    /// The quantity is not positive, not a multiple of 562, above QtyMax(5012) (no text is documented for
    /// that: SIM), or too large to count with.
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
    /// Derivatives: it would trade with an order of its own account; 6.10.
    SelfTrade,
    /// Derivatives: it has to trade at once and cannot; 5.3.
    WouldNotTrade,
    /// Derivatives: trading it would leave less than the maintenance margin; 5.3.
    WouldLiquidate,
    /// Derivatives: it closes, but the account cannot bear what that loses; 5.3.
    ClosingMargin,
    /// Derivatives: the amend changes nothing; 5.3.
    NoEffect,
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
            Self::SelfTrade => "WOULD_EXECUTE_SELF",
            Self::WouldNotTrade => "IOC_WOULD_ENTER_BOOK",
            Self::WouldLiquidate => "WOULD_CAUSE_LIQUIDATION",
            Self::ClosingMargin => "INSUFFICIENT_CLOSING_MARGIN",
            Self::NoEffect => "EDIT_HAS_NO_EFFECT",
        }
    }

    /// What the derivatives market calls it: its code where there is one, venue file 5.3, or else the text of
    /// spot. An unknown order is refused by the name of what was asked for.
    #[must_use]
    pub const fn derivatives_text(self, request: Request) -> &'static str {
        match self {
            Self::InsufficientFunds => "INSUFFICIENT_MARGIN",
            Self::TickSize | Self::InvalidPrice => "INVALID_PRICE",
            Self::OrderMinimum | Self::CostMinimum | Self::InvalidQuantity => "INVALID_QUANTITY",
            Self::UnknownInstrument => "MARKET_NOT_FOUND",
            Self::OrdersLimit => "ORDER_LIMIT_EXCEEDED",
            Self::PostOnlyWouldTake => "POST_WOULD_EXECUTE",
            Self::MarketPostOnly => "MARKET_IS_POST_ONLY",
            Self::MarketCancelOnly
            | Self::MarketLimitOnly
            | Self::MarketReduceOnly
            | Self::MarketUnavailable => "MARKET_SUSPENDED",
            Self::PositionSize => "MAX_POSITION_EXCEEDED",
            Self::ReduceOnlyNotClosing | Self::ReduceOnlyNoPosition => "WOULD_NOT_REDUCE_POSITION",
            Self::UnknownOrder => match request {
                Request::New | Request::Cancel => "ORDER_FOR_CANCELLATION_NOT_FOUND",
                Request::Amend => "ORDER_FOR_EDIT_NOT_FOUND",
            },
            _ => self.text(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_the_code_of_the_derivatives_market() {
        use RejectReason::*;
        let cases = [
            (InsufficientFunds, "INSUFFICIENT_MARGIN"),
            (ClosingMargin, "INSUFFICIENT_CLOSING_MARGIN"),
            (WouldLiquidate, "WOULD_CAUSE_LIQUIDATION"),
            (PositionSize, "MAX_POSITION_EXCEEDED"),
            (OrdersLimit, "ORDER_LIMIT_EXCEEDED"),
            (TickSize, "INVALID_PRICE"),
            (InvalidPrice, "INVALID_PRICE"),
            (InvalidQuantity, "INVALID_QUANTITY"),
            (OrderMinimum, "INVALID_QUANTITY"),
            (UnknownInstrument, "MARKET_NOT_FOUND"),
            (MarketUnavailable, "MARKET_SUSPENDED"),
            (PostOnlyWouldTake, "POST_WOULD_EXECUTE"),
            (WouldNotTrade, "IOC_WOULD_ENTER_BOOK"),
            (SelfTrade, "WOULD_EXECUTE_SELF"),
            (ReduceOnlyNoPosition, "WOULD_NOT_REDUCE_POSITION"),
            (NoEffect, "EDIT_HAS_NO_EFFECT"),
            (PermissionDenied, "EGeneral:Permission denied"),
        ];
        for (reason, code) in cases {
            assert_eq!(reason.derivatives_text(Request::New), code, "{reason:?}");
        }
        assert_eq!(UnknownOrder.derivatives_text(Request::Amend), "ORDER_FOR_EDIT_NOT_FOUND");
    }
}
