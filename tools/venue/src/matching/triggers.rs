//! The orders of one instrument that wait for a price; venue file 6.7. They are not in the book.
//!
//! For each watched price and direction there is a list sorted so that the order that fires next stands
//! last. A trailing stop stands there with the trigger that it has now, and moves when the price goes
//! its way.

use taut::types::Px;

use super::command::Reference;
use super::pool::Orders;
use crate::state::{Restored, Source, Stored};

/// A price that orders can watch besides the last trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Index {
    /// There is none for the pair: orders that want it are refused.
    #[default]
    Absent,
    /// The feed is down: the last trade is watched instead.
    Down,
    /// The price.
    At(Px),
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// Negated in lists that fire on a rising price, so that the largest key fires first.
    key: i64,
    /// Later ones of one price stand in front of earlier ones.
    age: u64,
    slot: u32,
}

const fn list(watches: Reference, rising: bool) -> usize {
    2 * watches as usize + rising as usize
}

/// The waiting orders of one instrument.
#[derive(Debug)]
pub(super) struct Triggers {
    lists: [Vec<Waiting>; 4],
    /// Slots of trailing stops, by what they watch.
    trailing: [Vec<u32>; 2],
    next_number: u64,
    moved: Vec<u32>,
}

/// Orders that can wait in each list before it grows.
const ROOM_AT_START: usize = 1024;

impl Triggers {
    /// Nobody waits.
    pub(super) fn new() -> Self {
        Self {
            lists: [(); 4].map(|()| Vec::with_capacity(ROOM_AT_START)),
            trailing: [(); 2].map(|()| Vec::with_capacity(ROOM_AT_START)),
            next_number: 0,
            moved: Vec::with_capacity(ROOM_AT_START),
        }
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lists.iter().all(Vec::is_empty) && self.trailing.iter().all(Vec::is_empty)
    }

    /// Puts an order to the others that wait.
    pub(super) fn arm(&mut self, orders: &mut Orders, slot: u32) {
        self.next_number += 1;
        let order = orders.get_mut(slot);
        order.armed = self.next_number;
        if order.trails() {
            self.trailing[order.watches as usize].push(slot);
        }
        self.insert(orders, slot);
    }

    /// Takes an order away that waits here.
    pub(super) fn disarm(&mut self, orders: &Orders, slot: u32) {
        let order = orders.get(slot);
        if order.trails() {
            let trailing = &mut self.trailing[order.watches as usize];
            let at = trailing.iter().position(|&one| one == slot);
            trailing.remove(at.expect("a trailing stop that waits is listed"));
        }
        self.remove(orders, slot);
    }

    /// A watched price was seen: trailing stops follow it, and the orders that it fires leave into
    /// `fired`, nearest trigger first, at one price the oldest first.
    pub(super) fn see(
        &mut self,
        orders: &mut Orders,
        watched: Reference,
        px: Px,
        fired: &mut impl FnMut(&mut Orders, u32),
    ) {
        self.trail(orders, watched, px);
        for rising in [true, false] {
            let limit = if rising { -px.0 } else { px.0 };
            while let Some(last) = self.lists[list(watched, rising)].last()
                && last.key >= limit
            {
                let slot = last.slot;
                self.disarm(orders, slot);
                fired(orders, slot);
            }
        }
    }

    fn trail(&mut self, orders: &mut Orders, watched: Reference, px: Px) {
        let mut moved = core::mem::take(&mut self.moved);
        moved.extend(self.trailing[watched as usize].iter().filter(|&&slot| {
            let order = orders.get(slot);
            order.trigger_at.is_none_or(|at| {
                let new = trailing_trigger(order.fires_rising(), px, order.stop);
                if order.fires_rising() { new < at } else { new > at }
            })
        }));
        for slot in moved.drain(..) {
            self.remove(orders, slot);
            let order = orders.get_mut(slot);
            order.trigger_at = Some(trailing_trigger(order.fires_rising(), px, order.stop));
            self.insert(orders, slot);
        }
        self.moved = moved;
    }

    fn insert(&mut self, orders: &Orders, slot: u32) {
        let Some((list, key, age)) = place(orders, slot) else { return };
        let at = self.lists[list].partition_point(|one| (one.key, one.age) < (key, age));
        self.lists[list].insert(at, Waiting { key, age, slot });
    }

    fn remove(&mut self, orders: &Orders, slot: u32) {
        let Some((list, key, age)) = place(orders, slot) else { return };
        let at = self.lists[list].binary_search_by_key(&(key, age), |one| (one.key, one.age));
        self.lists[list].remove(at.expect("an order that waits is listed"));
    }
}

/// The list of an order, its key and its age there; `None` for a trailing stop that has seen no price.
fn place(orders: &Orders, slot: u32) -> Option<(usize, i64, u64)> {
    let order = orders.get(slot);
    let at = order.trigger_at?;
    let rising = order.fires_rising();
    let key = if rising { -at.0 } else { at.0 };
    Some((list(order.watches, rising), key, u64::MAX - order.armed))
}

/// Where a trailing stop triggers that sees `px` as its peak or trough.
pub(super) const fn trailing_trigger(rising: bool, px: Px, distance: Px) -> Px {
    if rising { Px(px.0.saturating_add(distance.0)) } else { Px(px.0.saturating_sub(distance.0)) }
}

crate::state::stored_enum!(Index { 0 = Absent, 1 = Down, 2 = At(px) });
crate::state::stored! { Waiting { key, age, slot } }

/// In place: the room that was taken stays.
impl Restored for Triggers {
    fn save(&self, out: &mut Vec<u8>) {
        // Nothing has moved between commands.
        let Self { lists, trailing, next_number, moved: _ } = self;
        lists.iter().for_each(|list| list.store(out));
        trailing.iter().for_each(|list| list.store(out));
        next_number.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        self.lists.iter_mut().try_for_each(|list| from.refill(list))?;
        self.trailing.iter_mut().try_for_each(|list| from.refill(list))?;
        self.next_number = from.get()?;
        Some(())
    }
}
