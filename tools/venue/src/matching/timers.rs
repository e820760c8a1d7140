//! Which order has something due next: EffectiveTime(168) or ExpireTime(126). A heap in which each order
//! knows its place, so that an order that ends takes its timer along.

use taut_codec::value::UtcTime;

use super::order::Order;
use super::pool::{NONE, Orders};
use crate::state::{Restored, Source, Stored};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    at: UtcTime,
    /// Timers of one instant are due in the order in which they were set.
    number: u64,
    slot: u32,
}

/// At most one timer per order.
#[derive(Debug)]
pub(super) struct Timers {
    heap: Vec<Timer>,
    next_number: u64,
}

impl Timers {
    pub(super) fn new(orders_max: usize) -> Self {
        Self { heap: Vec::with_capacity(orders_max.min(ROOM_AT_START)), next_number: 0 }
    }

    /// When the next timer is due.
    pub(super) fn next(&self) -> Option<UtcTime> {
        self.heap.first().map(|timer| timer.at)
    }

    /// When an order's timer is due, if it has one.
    pub(super) fn of(&self, order: &Order) -> Option<UtcTime> {
        self.heap.get(order.timer as usize).map(|timer| timer.at)
    }

    /// Sets an order's timer, which must not be set.
    pub(super) fn set(&mut self, orders: &mut Orders, slot: u32, at: UtcTime) {
        assert_eq!(orders.get(slot).timer, NONE, "an order has one timer");
        self.next_number += 1;
        let place = self.heap.len();
        self.heap.push(Timer { at, number: self.next_number, slot });
        self.up(orders, place);
    }

    /// Takes an order's timer away, if it has one.
    pub(super) fn clear(&mut self, orders: &mut Orders, slot: u32) {
        let place = orders.get(slot).timer;
        if place == NONE {
            return;
        }
        orders.get_mut(slot).timer = NONE;
        let place = place as usize;
        assert_eq!(self.heap[place].slot, slot, "an order knows its timer");
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            let place = self.up(orders, place);
            self.down(orders, place);
        }
    }

    /// Takes the next timer that is due at `now`.
    pub(super) fn pop(&mut self, orders: &mut Orders, now: UtcTime) -> Option<u32> {
        let first = self.heap.first().filter(|timer| timer.at <= now)?;
        let slot = first.slot;
        self.clear(orders, slot);
        Some(slot)
    }

    fn up(&mut self, orders: &mut Orders, mut place: usize) -> usize {
        let timer = self.heap[place];
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent] < timer {
                break;
            }
            self.put(orders, place, self.heap[parent]);
            place = parent;
        }
        self.put(orders, place, timer);
        place
    }

    fn down(&mut self, orders: &mut Orders, mut place: usize) {
        let timer = self.heap[place];
        loop {
            let mut child = 2 * place + 1;
            if child + 1 < self.heap.len() && self.heap[child + 1] < self.heap[child] {
                child += 1;
            }
            if child >= self.heap.len() || timer < self.heap[child] {
                break;
            }
            self.put(orders, place, self.heap[child]);
            place = child;
        }
        self.put(orders, place, timer);
    }

    fn put(&mut self, orders: &mut Orders, place: usize, timer: Timer) {
        self.heap[place] = timer;
        orders.get_mut(timer.slot).timer = place as u32;
    }
}

/// Timers that there is room for before the heap grows.
const ROOM_AT_START: usize = 65_536;

crate::state::stored! { Timer { at, number, slot } }

impl Restored for Timers {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { heap, next_number } = self;
        heap.store(out);
        next_number.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        from.refill(&mut self.heap)?;
        self.next_number = from.get()?;
        Some(())
    }
}
