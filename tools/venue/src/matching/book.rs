//! The price-time book of one instrument.
//!
//! A side is a [`Ladder`]: its levels sorted so that the best price stands last. Levels are a slab; the orders
//! of a level are a doubly linked queue through the order slab, oldest first.

use taut::types::{Px, Qty, Side};
use taut_codec::value::UtcTime;

use super::ladder::Ladder;
use super::pool::{NONE, Orders};
use crate::state::{Restored, Source, Stored};

/// Levels of which the change is remembered until somebody asks; beyond it [`Book::take_changes`]
/// says that the reader has to read the book anew.
const CHANGES_MAX: usize = 8192;

/// One price of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The price.
    pub px: Px,
    /// Sum of the quantities that show, saturating.
    pub total: Qty,
    /// How many orders.
    pub orders: u32,
    /// When the level changed last (273).
    pub changed_at: UtcTime,
}

/// A level that changed; `total` is zero if it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelChange {
    /// Bids are `Buy`.
    pub side: Side,
    /// The price.
    pub px: Px,
    /// What stands there now.
    pub total: Qty,
    /// When it changed last.
    pub at: UtcTime,
}

#[derive(Debug, Clone, Copy)]
struct LevelSlot {
    side: Side,
    px: Px,
    /// Wide, because a sum of `i64` can leave `i64`.
    total: i128,
    orders: u32,
    changed_at: UtcTime,
    head: u32,
    tail: u32,
    /// Where `changes` names it; [`NONE`] if it does not.
    change: u32,
}

impl LevelSlot {
    fn view(&self) -> Level {
        Level {
            px: self.px,
            total: Qty(i64::try_from(self.total).unwrap_or(i64::MAX)),
            orders: self.orders,
            changed_at: self.changed_at,
        }
    }
}

/// The book of one instrument.
#[derive(Debug)]
pub struct Book {
    // The key of an offer is its negated price.
    sides: [Ladder; 2],
    levels: Vec<LevelSlot>,
    free: Vec<u32>,
    changes: Vec<LevelChange>,
    changes_lost: bool,
}

const fn key(side: Side, px: Px) -> i64 {
    px.0 * side.sign()
}

impl Book {
    /// An empty book with room for `levels` levels before it grows.
    pub(super) fn new(levels: usize) -> Self {
        Self {
            sides: [Ladder::new(levels), Ladder::new(levels)],
            levels: Vec::with_capacity(2 * levels),
            free: Vec::with_capacity(2 * levels),
            changes: Vec::with_capacity(CHANGES_MAX),
            changes_lost: false,
        }
    }

    /// The best price of a side.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Px> {
        self.sides[side as usize].best().map(|level| self.levels[level as usize].px)
    }

    /// The level at a price.
    #[must_use]
    pub fn level(&self, side: Side, px: Px) -> Option<Level> {
        self.find(side, px).map(|level| self.levels[level as usize].view())
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.sides[side as usize].iter().map(|level| self.levels[level as usize].view())
    }

    /// How many levels a side has.
    #[must_use]
    pub fn depth(&self, side: Side) -> usize {
        self.sides[side as usize].len()
    }

    /// Replaces `out` by the levels that changed since the last call, each once: offers best to
    /// worst, then bids best to worst (the order of a snapshot, venue file 4.10). `false` if there
    /// were more than can be remembered: read the whole book instead.
    pub fn take_changes(&mut self, out: &mut Vec<LevelChange>) -> bool {
        out.clear();
        let complete = !core::mem::take(&mut self.changes_lost);
        let order = |change: &LevelChange| (change.side == Side::Buy, -key(change.side, change.px));
        self.changes.sort_unstable_by_key(|change| (order(change), core::cmp::Reverse(change.at)));
        self.changes.dedup_by_key(|change| order(change));
        for &change in &self.changes {
            let level = self.find(change.side, change.px);
            let total = level.map_or(Qty(0), |level| {
                let level = &mut self.levels[level as usize];
                level.change = NONE;
                level.view().total
            });
            out.push(LevelChange { total, ..change });
        }
        self.changes.clear();
        if !complete {
            out.clear();
        }
        complete
    }

    /// The oldest order at the best price of a side.
    pub(super) fn front(&self, side: Side) -> Option<u32> {
        self.sides[side as usize].best().map(|level| self.levels[level as usize].head)
    }

    /// Slots of a side in the order in which they would trade.
    pub(super) fn priority<'a>(
        &'a self,
        orders: &'a Orders,
        side: Side,
    ) -> impl Iterator<Item = u32> + 'a {
        self.sides[side as usize]
            .iter()
            .flat_map(move |level| queue_of(orders, self.levels[level as usize].head))
    }

    /// The prices of a side, best first, each with the first order of its queue.
    pub(super) fn queues(&self, side: Side) -> impl Iterator<Item = (Px, u32)> + '_ {
        let levels = self.sides[side as usize].iter().map(|level| &self.levels[level as usize]);
        levels.map(|level| (level.px, level.head))
    }

    /// Slots of the orders at one price, first in the queue first.
    pub(super) fn queue<'a>(
        &'a self,
        orders: &'a Orders,
        side: Side,
        px: Px,
    ) -> impl Iterator<Item = u32> + 'a {
        let head = self.find(side, px).map(|level| self.levels[level as usize].head);
        head.into_iter().flat_map(|head| queue_of(orders, head))
    }

    /// Puts an order at the back of the queue of its price.
    pub(super) fn push_back(&mut self, orders: &mut Orders, slot: u32, now: UtcTime) {
        let order = orders.get(slot);
        let visible = i128::from(order.visible().0);
        let level = self.find_or_make(order.side, order.price, now);
        let place = &mut self.levels[level as usize];
        let previous = core::mem::replace(&mut place.tail, slot);
        if previous == NONE {
            place.head = slot;
        } else {
            orders.get_mut(previous).queue_next = slot;
        }
        place.total += visible;
        place.orders += 1;
        let order = orders.get_mut(slot);
        order.level = level;
        order.queue_prev = previous;
        order.queue_next = NONE;
        order.queued_at = now;
        order.changed_at = now;
        self.touch(level, now);
    }

    /// Takes an order out of its queue; the level goes with its last order.
    pub(super) fn remove(&mut self, orders: &mut Orders, slot: u32, now: UtcTime) {
        let order = orders.get(slot);
        let (level, side, price) = (order.level, order.side, order.price);
        let (queue_prev, queue_next) = (order.queue_prev, order.queue_next);
        let visible = i128::from(order.visible().0);
        assert!(level != NONE, "only a resting order can leave the book");
        self.touch(level, now);
        let place = &mut self.levels[level as usize];
        place.total -= visible;
        place.orders -= 1;
        match queue_prev {
            NONE => place.head = queue_next,
            previous => orders.get_mut(previous).queue_next = queue_next,
        }
        match queue_next {
            NONE => place.tail = queue_prev,
            next => orders.get_mut(next).queue_prev = queue_prev,
        }
        let empty = place.orders == 0;
        let gone = orders.get_mut(slot);
        gone.level = NONE;
        gone.queue_prev = NONE;
        gone.queue_next = NONE;
        if empty {
            assert_eq!(place.total, 0, "a level without orders has no quantity");
            let sorted = &mut self.sides[side as usize];
            let place = sorted.find(key(side, price)).expect("a level that has orders is listed");
            sorted.remove(place);
            self.free.push(level);
        }
    }

    /// Lowers the quantity of a level whose order is reduced in place.
    pub(super) fn reduce(&mut self, level: u32, by: Qty, now: UtcTime) {
        if by.0 == 0 {
            return;
        }
        self.trade(level, by);
        self.touch(level, now);
    }

    /// Lowers the quantity of a level whose order trades. That it changed is the caller's to say: by
    /// [`Book::touch`], or by [`Book::remove`] if the order leaves.
    pub(super) fn trade(&mut self, level: u32, by: Qty) {
        self.levels[level as usize].total -= i128::from(by.0);
    }

    fn find(&self, side: Side, px: Px) -> Option<u32> {
        self.sides[side as usize].get(key(side, px))
    }

    fn find_or_make(&mut self, side: Side, px: Px, now: UtcTime) -> u32 {
        let key = key(side, px);
        let sorted = &mut self.sides[side as usize];
        match sorted.find(key) {
            Ok(place) => sorted.at(place),
            Err(place) => {
                let fresh = LevelSlot {
                    side,
                    px,
                    total: 0,
                    orders: 0,
                    changed_at: now,
                    head: NONE,
                    tail: NONE,
                    change: NONE,
                };
                let level = if let Some(level) = self.free.pop() {
                    self.levels[level as usize] = fresh;
                    level
                } else {
                    self.levels.push(fresh);
                    (self.levels.len() - 1) as u32
                };
                sorted.insert(place, key, level);
                level
            }
        }
    }

    /// A level changed.
    pub(super) fn touch(&mut self, level: u32, now: UtcTime) {
        let place = &mut self.levels[level as usize];
        place.changed_at = now;
        if self.changes_lost {
            return;
        }
        if place.change != NONE {
            self.changes[place.change as usize].at = now;
            return;
        }
        if self.changes.len() == CHANGES_MAX {
            self.changes_lost = true;
            self.changes.clear();
            for place in &mut self.levels {
                place.change = NONE;
            }
            return;
        }
        place.change = self.changes.len() as u32;
        self.changes.push(LevelChange { side: place.side, px: place.px, total: Qty(0), at: now });
    }
}

/// Slots of a queue from one order on.
pub(super) fn queue_of(orders: &Orders, from: u32) -> impl Iterator<Item = u32> {
    core::iter::successors(Some(from), |&slot| {
        Some(orders.get(slot).queue_next).filter(|&next| next != NONE)
    })
}

crate::state::stored! {
    LevelSlot { side, px, total, orders, changed_at, head, tail, change }
    LevelChange { side, px, total, at }
}

impl Restored for Book {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { sides, levels, free, changes, changes_lost } = self;
        sides.iter().for_each(|side| side.save(out));
        levels.store(out);
        free.store(out);
        changes.store(out);
        changes_lost.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        let [bids, offers] = &mut self.sides;
        bids.restore(from)?;
        offers.restore(from)?;
        from.refill(&mut self.levels)?;
        from.refill(&mut self.free)?;
        from.refill(&mut self.changes)?;
        self.changes_lost = from.get()?;
        Some(())
    }
}
