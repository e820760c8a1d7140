//! The slab of live orders. A slot is used again; its generation tells the uses apart.

use super::order::{Order, OrderRef};
use crate::state::{Restored, Source, Stored};

/// No slot, no level.
pub(super) const NONE: u32 = u32::MAX;

/// The neighbours of an order among the live orders of its account, older and younger. They stand apart from
/// the orders: whoever ends touches its neighbours, which lie anywhere, and so little memory stays near.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbours {
    pub(super) prev: u32,
    pub(super) next: u32,
}

impl Neighbours {
    const NOBODY: Self = Self { prev: NONE, next: NONE };
}

/// The slab. Never holds more than it was made for.
#[derive(Debug)]
pub(super) struct Orders {
    slots: Vec<Order>,
    /// By slot.
    neighbours: Vec<Neighbours>,
    /// First free slot; free slots are chained through `queue_next`.
    free: u32,
    live: usize,
    max: usize,
}

impl Orders {
    pub(super) fn new(max: usize) -> Self {
        assert!(max < NONE as usize, "slots are named by 32 bits");
        let (slots, neighbours) = (Vec::with_capacity(max), Vec::with_capacity(max));
        Self { slots, neighbours, free: NONE, live: 0, max }
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
            self.neighbours.push(Neighbours::NOBODY);
            return slot;
        }
        let slot = self.free;
        let place = &mut self.slots[slot as usize];
        self.free = place.queue_next;
        order.reference = OrderRef { slot, generation: place.reference.generation };
        *place = order;
        self.neighbours[slot as usize] = Neighbours::NOBODY;
        slot
    }

    /// Frees a slot; its name is never given again.
    pub(super) fn release(&mut self, slot: u32) {
        let order = &mut self.slots[slot as usize];
        let idle = order.level == NONE && order.timer == NONE;
        assert!(order.live && idle, "only an order that left the book and the timers ends");
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

    pub(super) fn neighbours(&self, slot: u32) -> Neighbours {
        self.neighbours[slot as usize]
    }

    pub(super) fn neighbours_mut(&mut self, slot: u32) -> &mut Neighbours {
        &mut self.neighbours[slot as usize]
    }
}

crate::state::stored! { Neighbours { prev, next } }

impl Restored for Orders {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { slots, neighbours, free, live, max } = self;
        slots.store(out);
        neighbours.store(out);
        free.store(out);
        (*live, *max).store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        let room = self.max;
        from.refill(&mut self.slots)?;
        from.refill(&mut self.neighbours)?;
        self.free = from.get()?;
        (self.live, self.max) = from.get()?;
        // Slots that were retired make less room than was configured, never more.
        let are_whole = self.neighbours.len() == self.slots.len();
        (are_whole && self.max <= room && self.live <= self.slots.len()).then_some(())
    }
}
