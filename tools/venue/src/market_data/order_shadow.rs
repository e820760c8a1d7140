//! What the L3 subscribers of one depth have been told: the published queues of a book, order by order.
//!
//! Rules, where Kraken is silent (SIM):
//! * The depth counts price levels, as on L2 and on the WebSocket.
//! * Deletes come first, so that an order that moved to another price is deleted there before it is
//!   announced here under the same OrderID.
//! * `271` of a delete is what still rests of the order where the subscriber does not see it (its level
//!   left the depth), `0.0` otherwise (venue file 4.10).
//! * An order that lost its place in the queue of its price is an update with a new 5273.

use std::mem;

use taut::types::{InstrumentId, Px, Qty, Side};
use taut_codec::value::UtcTime;

use super::shadow::Action;
use super::view::{MarketView, Queued};
use crate::matching::LevelChange;

/// One entry of an L3 incremental.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderChange {
    /// What to do.
    pub action: Action,
    /// Bids are `Buy`.
    pub side: Side,
    /// The price.
    pub px: Px,
    /// The order as it is now.
    pub order: Queued,
}

/// A published price with its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLevel {
    /// The price.
    pub px: Px,
    /// The orders, first in the queue first.
    pub orders: Vec<Queued>,
}

/// The published queues of one book.
#[derive(Debug)]
pub struct OrderShadow {
    depth: usize,
    offers: Vec<OrderLevel>,
    bids: Vec<OrderLevel>,
}

impl OrderShadow {
    /// The best `depth` prices of a book as they are.
    #[must_use]
    pub fn new(depth: usize, id: InstrumentId, view: &impl MarketView) -> Self {
        let top = |side| read(view, id, side, 0, depth).collect();
        Self { depth, offers: top(Side::Sell), bids: top(Side::Buy) }
    }

    /// The published prices of a side, best first.
    #[must_use]
    pub fn levels(&self, side: Side) -> &[OrderLevel] {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.offers,
        }
    }

    /// Forgets everything, as after an empty snapshot.
    pub fn clear(&mut self) {
        self.offers.clear();
        self.bids.clear();
    }

    /// Follows the book and appends what a subscriber has to be told. `changes` are the levels that
    /// changed since the last call, each once; `None` if they are not known.
    pub fn follow(
        &mut self,
        id: InstrumentId,
        view: &impl MarketView,
        changes: Option<&[LevelChange]>,
        out: &mut Vec<OrderChange>,
    ) {
        let depth = self.depth;
        for side in [Side::Sell, Side::Buy] {
            let levels = match side {
                Side::Buy => &mut self.bids,
                Side::Sell => &mut self.offers,
            };
            let before = match changes {
                Some(changes) => patch(id, view, side, depth, levels, changes),
                None => rebuild(id, view, side, depth, levels),
            };
            let gone_at = |px| {
                let found =
                    changes.unwrap_or_default().iter().find(|c| c.side == side && c.px == px);
                found.map(|change| change.at)
            };
            tell(view, side, &before, levels, gone_at, out);
        }
    }
}

/// `depth` prices of a side from the `skip`th best on, with their queues.
fn read(
    view: &impl MarketView,
    id: InstrumentId,
    side: Side,
    skip: usize,
    depth: usize,
) -> impl Iterator<Item = OrderLevel> {
    let levels = view.book(id).into_iter().flat_map(move |book| book.levels(side));
    levels
        .skip(skip)
        .take(depth)
        .map(move |level| OrderLevel { px: level.px, orders: view.queue(id, side, level.px) })
}

/// Position of a price in levels that stand best first.
fn position(side: Side, levels: &[OrderLevel], px: Px) -> Result<usize, usize> {
    levels.binary_search_by_key(&(-side.sign() * px.0), |level| -side.sign() * level.px.0)
}

/// Brings `levels` up to date; returns the levels that were touched as they were published before.
fn patch(
    id: InstrumentId,
    view: &impl MarketView,
    side: Side,
    depth: usize,
    levels: &mut Vec<OrderLevel>,
    changes: &[LevelChange],
) -> Vec<OrderLevel> {
    let mut before: Vec<OrderLevel> = Vec::new();
    // Behind this price nothing was published; a shadow that is not full shows the whole side.
    let horizon = (levels.len() >= depth).then(|| levels.last().map(|level| level.px)).flatten();
    for &LevelChange { px, total, .. } in changes.iter().filter(|change| change.side == side) {
        match position(side, levels, px) {
            Ok(at) if total.0 == 0 => before.push(levels.remove(at)),
            Ok(at) => {
                let orders = mem::replace(&mut levels[at].orders, view.queue(id, side, px));
                before.push(OrderLevel { px, orders });
            }
            Err(at)
                if total.0 > 0 && horizon.is_none_or(|worst| side.at_least_as_good(px, worst)) =>
            {
                levels.insert(at, OrderLevel { px, orders: view.queue(id, side, px) });
                before.push(OrderLevel { px, orders: Vec::new() });
            }
            Err(_) => {}
        }
    }
    while levels.len() > depth {
        let Some(last) = levels.pop() else { break };
        if before.iter().all(|level| level.px != last.px) {
            before.push(last);
        }
    }
    let (shown, room) = (levels.len(), depth - levels.len());
    if room > 0 {
        for level in read(view, id, side, shown, room) {
            before.push(OrderLevel { px: level.px, orders: Vec::new() });
            levels.push(level);
        }
    }
    before
}

/// Reads the book anew; every level counts as touched.
fn rebuild(
    id: InstrumentId,
    view: &impl MarketView,
    side: Side,
    depth: usize,
    levels: &mut Vec<OrderLevel>,
) -> Vec<OrderLevel> {
    let mut before = mem::replace(levels, read(view, id, side, 0, depth).collect());
    for level in levels.iter() {
        if position(side, &before, level.px).is_err() {
            before.push(OrderLevel { px: level.px, orders: Vec::new() });
            before.sort_unstable_by_key(|level| -side.sign() * level.px.0);
        }
    }
    before
}

/// The entries that lead from `before` to the levels as they are.
fn tell(
    view: &impl MarketView,
    side: Side,
    before: &[OrderLevel],
    levels: &[OrderLevel],
    gone_at: impl Fn(Px) -> Option<UtcTime>,
    out: &mut Vec<OrderChange>,
) {
    let mut rest = Vec::new();
    for OrderLevel { px, orders: old } in before {
        let px = *px;
        let shown = position(side, levels, px);
        let new = shown.map_or(&[][..], |at| &levels[at].orders);
        let mut delete = |order: Queued| {
            let unseen = view
                .resting_at(order.order)
                .filter(|&(at, _)| position(side, levels, at).is_err())
                .map_or(Qty(0), |(_, qty)| qty);
            let changed_at = gone_at(px).unwrap_or(order.changed_at);
            let order = Queued { qty: unseen, changed_at, ..order };
            out.push(OrderChange { action: Action::Delete, side, px, order });
        };
        // A queue changes by orders that leave, orders that change where they stand, and orders that
        // join at its back; one that loses its place leaves and joins.
        let (mut next, mut left) = (0, Vec::new());
        for was in old {
            match new.get(next) {
                Some(is) if is.order == was.order => {
                    if (is.qty, is.queued_at) != (was.qty, was.queued_at) {
                        rest.push(OrderChange { action: Action::Update, side, px, order: *is });
                    }
                    next += 1;
                }
                _ => left.push(*was),
            }
        }
        for is in &new[next..] {
            let place = left.iter().position(|was| was.order == is.order);
            // Two orders of one nanosecond rank by their arrival here: only a delete moves one back.
            let action = match place.map(|at| left[at].queued_at != is.queued_at) {
                Some(true) => Action::Update,
                Some(false) | None => Action::New,
            };
            if let (Some(at), Action::Update) = (place, action) {
                left.remove(at);
            }
            rest.push(OrderChange { action, side, px, order: *is });
        }
        left.into_iter().for_each(&mut delete);
    }
    out.append(&mut rest);
}
