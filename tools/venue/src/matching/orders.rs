//! The slab of live orders. A slot is used again; its generation tells the uses apart.

use taut::types::{InstrumentId, OrdType, Px, Qty, Side, TimeInForce};
use taut_codec::value::UtcTime;

use super::command::SelfTrade;
use super::ledger::AccountId;

/// No slot, no level.
pub(super) const NONE: u32 = u32::MAX;

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
    /// Sum of amount x rate over its trades: the fee before rounding, in millionths of its unit.
    pub(super) fee_exact: i128,
    /// What it holds of its account's balance, ledger units.
    pub(super) hold: i128,
    /// Its level in the book; [`NONE`] while it does not rest.
    pub(super) level: u32,
    pub(super) queue_next: u32,
    pub(super) queue_prev: u32,
    pub(super) account_next: u32,
    pub(super) account_prev: u32,
    live: bool,
}

impl Order {
    /// An order that was just accepted; the slab gives it its name.
    pub(super) fn new(command: &super::NewOrder, hold: i128, now: UtcTime) -> Self {
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
            fee_exact: 0,
            hold,
            level: NONE,
            queue_next: NONE,
            queue_prev: NONE,
            account_next: NONE,
            account_prev: NONE,
            live: true,
        }
    }

    /// LeavesQty(151).
    #[must_use]
    pub const fn leaves(&self) -> Qty {
        Qty(self.qty.0 - self.cum.0)
    }
}

/// The slab. Never holds more than it was made for.
#[derive(Debug)]
pub(super) struct Orders {
    slots: Vec<Order>,
    /// First free slot; free slots are chained through `queue_next`.
    free: u32,
    live: usize,
    max: usize,
}

impl Orders {
    pub(super) fn new(max: usize) -> Self {
        assert!(max < NONE as usize, "slots are named by 32 bits");
        Self { slots: Vec::with_capacity(max), free: NONE, live: 0, max }
    }

    pub(super) fn is_full(&self) -> bool {
        self.live == self.max
    }

    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Stores an order and names it. The caller made sure that the slab is not full.
    pub(super) fn insert(&mut self, mut order: Order) -> u32 {
        assert!(!self.is_full(), "the caller checks the capacity before it accepts an order");
        self.live += 1;
        if self.free == NONE {
            let slot = self.slots.len() as u32;
            order.reference = OrderRef { slot, generation: 1 };
            self.slots.push(order);
            return slot;
        }
        let slot = self.free;
        let place = &mut self.slots[slot as usize];
        self.free = place.queue_next;
        order.reference = OrderRef { slot, generation: place.reference.generation };
        *place = order;
        slot
    }

    /// Frees a slot; its name is never given again.
    pub(super) fn release(&mut self, slot: u32) {
        let order = &mut self.slots[slot as usize];
        assert!(order.live && order.level == NONE, "only an order that left the book ends");
        order.live = false;
        self.live -= 1;
        match order.reference.generation.checked_add(1) {
            // A slot that was used 2^32 times is retired, so that no name comes twice.
            None => self.max -= 1,
            Some(generation) => {
                order.reference.generation = generation;
                order.queue_next = self.free;
                self.free = slot;
            }
        }
    }

    pub(super) fn find(&self, reference: OrderRef) -> Option<&Order> {
        let order = self.slots.get(reference.slot as usize)?;
        (order.live && order.reference == reference).then_some(order)
    }

    pub(super) fn get(&self, slot: u32) -> &Order {
        &self.slots[slot as usize]
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Order {
        &mut self.slots[slot as usize]
    }
}
