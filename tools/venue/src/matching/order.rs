//! A live order.

use taut::types::{InstrumentId, OrdType, Px, Qty, Side, TimeInForce};
use taut_codec::value::UtcTime;

use super::account::AccountId;
use super::command::SelfTrade;
use super::pool::NONE;

/// Names one order for ever: the slot that it lives in and the count of that slot's uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderRef {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

impl OrderRef {
    /// As one number, unique per order.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    /// The inverse of [`OrderRef::to_bits`].
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// A live order.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Its name.
    pub reference: OrderRef,
    /// Its account.
    pub account: AccountId,
    /// Its owner.
    pub session: u32,
    /// Id of the last request that set it.
    pub client_key: u128,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Side(54).
    pub side: Side,
    /// OrdType(40).
    pub ord_type: OrdType,
    /// TimeInForce(59).
    pub time_in_force: TimeInForce,
    /// Whether it came as post-only.
    pub post_only: bool,
    /// Its mode of self-trade prevention.
    pub self_trade: SelfTrade,
    /// OrderQty(38).
    pub qty: Qty,
    /// Price(44); zero for a market order.
    pub price: Px,
    /// CumQty(14).
    pub cum: Qty,
    /// Sum of price x quantity over its trades.
    pub notional: i128,
    /// Cumulative fee, see [`super::OrderState::fee`].
    pub fee: i128,
    /// When it was accepted.
    pub created_at: UtcTime,
    /// When it joined its price queue last (5273 of L3).
    pub queued_at: UtcTime,
    /// When what it shows in the book changed last (273, 5060 of L3).
    pub changed_at: UtcTime,
    /// Sum of amount x rate over its trades: the fee before rounding, in millionths of its unit.
    pub(super) fee_exact: i128,
    /// What it holds of its account's funds, in the settlement's units.
    pub(super) hold: i128,
    /// Its level in the book; [`NONE`] while it does not rest.
    pub(super) level: u32,
    pub(super) queue_next: u32,
    pub(super) queue_prev: u32,
    pub(super) account_next: u32,
    pub(super) account_prev: u32,
    pub(super) live: bool,
}

impl Order {
    /// An order as it would be if it were accepted; the pool gives it its name.
    pub(super) fn new(command: &super::NewOrder, now: UtcTime) -> Self {
        let price = match command.ord_type {
            OrdType::Limit => command.price,
            OrdType::Market => Px(0),
        };
        Self {
            reference: OrderRef { slot: NONE, generation: 0 },
            account: command.account,
            session: command.session,
            client_key: command.client_key,
            instrument: command.instrument,
            side: command.side,
            ord_type: command.ord_type,
            time_in_force: command.time_in_force,
            post_only: command.post_only,
            self_trade: command.self_trade,
            qty: command.qty,
            price,
            cum: Qty(0),
            notional: 0,
            fee: 0,
            created_at: now,
            queued_at: now,
            changed_at: now,
            fee_exact: 0,
            hold: 0,
            level: NONE,
            queue_next: NONE,
            queue_prev: NONE,
            account_next: NONE,
            account_prev: NONE,
            live: true,
        }
    }

    /// Whether it stands in the book.
    #[must_use]
    pub const fn rests(&self) -> bool {
        self.level != NONE
    }

    /// LeavesQty(151).
    #[must_use]
    pub const fn leaves(&self) -> Qty {
        Qty(self.qty.0 - self.cum.0)
    }
}
