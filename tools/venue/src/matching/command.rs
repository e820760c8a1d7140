//! What can be asked of the engine.

use taut::types::{InstrumentId, OrdType, Px, Qty, Side, TimeInForce};

use super::account::AccountId;
use super::event::Asker;
use super::ledger::FeeCurrency;
use super::order::OrderRef;
use super::reason::CancelReason;
use taut_codec::value::UtcTime;

/// SelfTradePrevention(7928): which order goes when two of one account would trade with each other;
/// venue file 6.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SelfTrade {
    /// `1`: the arriving order; the default.
    #[default]
    CancelNewest,
    /// `2`: the resting order.
    CancelOldest,
    /// `0`: both.
    CancelBoth,
}

impl SelfTrade {
    /// From the value of tag 7928.
    #[must_use]
    pub const fn from_fix(value: &[u8]) -> Option<Self> {
        match value {
            b"0" => Some(Self::CancelBoth),
            b"1" => Some(Self::CancelNewest),
            b"2" => Some(Self::CancelOldest),
            _ => None,
        }
    }
}

/// DiscretionInst(388): the price that a trigger watches; venue file 6.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reference {
    /// `5`: the last trade; the default.
    #[default]
    LastTrade,
    /// `1`: the index.
    Index,
}

/// What an order asks for beyond type, time in force, quantity and price. The default is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// StopPx(99): the trigger price; of a trailing stop the distance from the peak or trough. Ignored
    /// for types without trigger.
    pub stop: Px,
    /// DiscretionInst(388).
    pub reference: Reference,
    /// DisplayQty(1138): most that an iceberg shows; venue file 6.5.
    pub display: Option<Qty>,
    /// EffectiveTime(168): before it the order is not live; venue file 6.6.
    pub effective_at: Option<UtcTime>,
    /// ExpireTime(126), of TimeInForce `6`.
    pub expires_at: Option<UtcTime>,
    /// ValidUntilTime(62): the engine refuses the order later.
    pub valid_until: Option<UtcTime>,
    /// ExecInst(18) `E`; venue file 6.4.
    pub reduce_only: bool,
    /// Leverage(5001) `1`; venue file 6.12.
    pub leveraged: bool,
    /// ExecInst(18) `v`: `qty` is in the quote currency, units of price x quantity. Market buys only.
    pub qty_in_quote: bool,
    /// ExecInst(18) `f` or `q`; `None` for the venue's default. Venue file 6.13.
    pub fee_currency: Option<FeeCurrency>,
    /// ExecInst(18) `s`: reports give the fee of each trade, not the sum.
    pub fee_per_trade: bool,
}

/// A new order (35=D).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewOrder {
    /// Who trades.
    pub account: AccountId,
    /// Opaque owner; [`CancelWhere::sessions`] selects by it.
    pub session: u32,
    /// Opaque id of the request, handed back with every event of the order.
    pub client_key: u128,
    /// What is traded.
    pub instrument: InstrumentId,
    /// Side(54).
    pub side: Side,
    /// OrdType(40).
    pub ord_type: OrdType,
    /// TimeInForce(59); a market order never rests, whatever it says.
    pub time_in_force: TimeInForce,
    /// OrderQty(38), in units of the instrument.
    pub qty: Qty,
    /// Price(44); ignored for types without one. Of a trailing stop limit the offset from the trigger price.
    pub price: Px,
    /// ExecInst(18) `P`; venue file 6.3.
    pub post_only: bool,
    /// SelfTradePrevention(7928).
    pub self_trade: SelfTrade,
    /// The rest.
    pub conditions: Conditions,
}

impl NewOrder {
    /// A limit order until cancelled, without conditions, of session 0 and client key 0.
    pub fn limit(
        account: AccountId,
        instrument: InstrumentId,
        side: Side,
        qty: Qty,
        price: Px,
    ) -> Self {
        Self {
            account,
            session: 0,
            client_key: 0,
            instrument,
            side,
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::Gtc,
            qty,
            price,
            post_only: false,
            self_trade: SelfTrade::default(),
            conditions: Conditions::default(),
        }
    }
}

/// An amend in place (35=G); venue file 6.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amend {
    /// Who asks; another account's order is unknown to it.
    pub account: AccountId,
    /// Becomes the order's owner ("created or replaced in the session", 4.4).
    pub session: u32,
    /// Becomes the order's `client_key`.
    pub client_key: u128,
    /// The order.
    pub order: OrderRef,
    /// New total quantity, filled part included.
    pub qty: Qty,
    /// New price.
    pub price: Px,
    /// Refuse the amend if it would match at once.
    pub post_only: bool,
    /// New StopPx(99) of an order that has not triggered; ignored for others.
    pub stop: Px,
    /// New DisplayQty(1138); `None` leaves it.
    pub display: Option<Qty>,
    /// ValidUntilTime(62): the engine refuses the amend later.
    pub valid_until: Option<UtcTime>,
}

/// A cancel of one order (35=F).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancel {
    /// Who asks; another account's order is unknown to it.
    pub account: AccountId,
    /// The session that asks; only handed back in a reject.
    pub session: u32,
    /// Opaque id of the request, if it has one.
    pub client_key: Option<u128>,
    /// The order.
    pub order: OrderRef,
}

/// Cancels every live order that meets all given filters: mass cancel (35=q, venue file 4.4) and
/// cancel on disconnect (2.3). Oldest first within an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelWhere {
    /// Orders of this account only.
    pub account: Option<AccountId>,
    /// Orders that one of these sessions, the first and the last included, created or replaced last
    /// only.
    pub sessions: Option<(u32, u32)>,
    /// Orders on this instrument only.
    pub instrument: Option<InstrumentId>,
    /// Why; goes into the events.
    pub reason: CancelReason,
    /// Who asks, if a session does.
    pub asker: Option<Asker>,
}

/// Any command, for queues and journals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// See [`NewOrder`].
    New(NewOrder),
    /// See [`Amend`].
    Amend(Amend),
    /// See [`Cancel`].
    Cancel(Cancel),
    /// See [`CancelWhere`].
    CancelWhere(CancelWhere),
}

crate::state::stored_enum!(SelfTrade { 0 = CancelNewest, 1 = CancelOldest, 2 = CancelBoth });
crate::state::stored_enum!(Reference { 0 = LastTrade, 1 = Index });
