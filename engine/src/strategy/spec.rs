//! What an order is to be.

use crate::command::{SelfTrade, Watches};
use crate::types::{InstrumentId, OrdType, Px, Qty, Side, TimeInForce};

/// An order to be sent: a market order or, with `px`, a limit order, either at once or when a price is
/// reached.
///
/// ```
/// use taut::strategy::{InstrumentId, OrderSpec, Px, Qty, Side};
///
/// let (id, qty) = (InstrumentId(0), Qty(10));
/// // Sells at the market when the price falls to 900,
/// let stop = OrderSpec::market(id, Side::Sell, qty).stop_loss(Px(900));
/// // ... or not below 890;
/// let stop_limit = OrderSpec::limit(id, Side::Sell, qty, Px(890)).stop_loss(Px(900));
/// // sells when the price has risen to 1100,
/// let profit = OrderSpec::market(id, Side::Sell, qty).take_profit(Px(1_100));
/// // ... or when it has fallen 50 from its peak, by the index.
/// let trailing = OrderSpec::market(id, Side::Sell, qty).trailing_stop(Px(50)).by_index();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderSpec {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// The quantity.
    pub qty: Qty,
    /// The limit; `None` for a market order. Of a trailing stop an offset from the price that triggers it,
    /// which may be zero or less (venue file 6.7).
    pub px: Option<Px>,
    /// What it waits for; `None`: nothing.
    pub trigger: Option<Trigger>,
    /// How long it stays.
    pub time_in_force: TimeInForce,
    /// Refused by the venue if it would take liquidity.
    pub post_only: bool,
    /// What the venue does if it would trade with an order of ours.
    pub self_trade: Option<SelfTrade>,
}

/// What an order waits for, at the venue, out of the book; venue file 6.1, 6.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// When it triggers.
    pub kind: TriggerKind,
    /// StopPx(99): the price that triggers; of a trailing stop the distance from the peak or trough.
    pub px: Px,
    /// Which price is watched.
    pub watches: Watches,
}

/// When an order triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggerKind {
    /// The price has reached the trigger from the favourable side: it rises to that of a buy, and falls to
    /// that of a sell.
    StopLoss,
    /// The price has reached the trigger from the other side: it falls to that of a buy, and rises to that of
    /// a sell.
    TakeProfit,
    /// The price has turned by a distance from its trough (a buy) or peak (a sell). With a limit on spot only.
    TrailingStop,
}

impl OrderSpec {
    /// A limit order that stays until it is cancelled.
    #[must_use]
    pub const fn limit(instrument: InstrumentId, side: Side, qty: Qty, px: Px) -> Self {
        Self {
            instrument,
            side,
            qty,
            px: Some(px),
            trigger: None,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            self_trade: None,
        }
    }

    /// A market order.
    #[must_use]
    pub const fn market(instrument: InstrumentId, side: Side, qty: Qty) -> Self {
        Self { px: None, ..Self::limit(instrument, side, qty, Px(0)) }
    }

    /// Waits until the price has reached `px`: [`TriggerKind::StopLoss`].
    #[must_use]
    pub const fn stop_loss(self, px: Px) -> Self {
        self.waits(TriggerKind::StopLoss, px)
    }

    /// Waits until the price has reached `px`: [`TriggerKind::TakeProfit`].
    #[must_use]
    pub const fn take_profit(self, px: Px) -> Self {
        self.waits(TriggerKind::TakeProfit, px)
    }

    /// Waits until the price has turned by `distance`: [`TriggerKind::TrailingStop`].
    #[must_use]
    pub const fn trailing_stop(self, distance: Px) -> Self {
        self.waits(TriggerKind::TrailingStop, distance)
    }

    /// Its trigger watches the index in place of the last trade; nothing changes without a trigger.
    #[must_use]
    pub const fn by_index(mut self) -> Self {
        if let Some(trigger) = &mut self.trigger {
            trigger.watches = Watches::Index;
        }
        self
    }

    /// Immediate or cancel: what does not trade at once is cancelled.
    #[must_use]
    pub const fn ioc(self) -> Self {
        Self { time_in_force: TimeInForce::Ioc, ..self }
    }

    /// Post-only.
    #[must_use]
    pub const fn post_only(self) -> Self {
        Self { post_only: true, ..self }
    }

    /// With a rule for trades with ourselves.
    #[must_use]
    pub const fn self_trade(self, rule: SelfTrade) -> Self {
        Self { self_trade: Some(rule), ..self }
    }

    /// OrdType(40); venue file 4.1.
    #[must_use]
    pub const fn ord_type(&self) -> OrdType {
        let has_limit = self.px.is_some();
        match self.trigger {
            None if has_limit => OrdType::Limit,
            None => OrdType::Market,
            Some(Trigger { kind, .. }) => match (kind, has_limit) {
                (TriggerKind::StopLoss, false) => OrdType::StopLoss,
                (TriggerKind::StopLoss, true) => OrdType::StopLossLimit,
                (TriggerKind::TakeProfit, false) => OrdType::TakeProfit,
                (TriggerKind::TakeProfit, true) => OrdType::TakeProfitLimit,
                (TriggerKind::TrailingStop, false) => OrdType::TrailingStop,
                (TriggerKind::TrailingStop, true) => OrdType::TrailingStopLimit,
            },
        }
    }

    const fn waits(self, kind: TriggerKind, px: Px) -> Self {
        let trigger = Trigger { kind, px, watches: Watches::LastTrade };
        Self { trigger: Some(trigger), ..self }
    }
}
