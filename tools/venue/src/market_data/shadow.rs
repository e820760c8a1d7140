//! What the subscribers of one depth have been told: a copy of the published top of a book, patched
//! by what changed since, so that only changes go out.
//!
//! The server itself deletes the level that is pushed out of the depth and announces the one that
//! comes in (venue file 4.10), so a client needs no book beyond its depth.

use taut::types::{Px, Qty, Side};
use taut_codec::value::UtcTime;

use crate::matching::{Book, Level, LevelChange};

/// MDUpdateAction(279) of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `0`
    New,
    /// `1`, the quantity changed.
    Update,
    /// `2`; a quantity above zero says that the level only left the depth.
    Delete,
}

/// One entry of an incremental.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What to do.
    pub action: Action,
    /// Bids are `Buy`.
    pub side: Side,
    /// The price.
    pub px: Px,
    /// The quantity, see [`Action`].
    pub qty: Qty,
    /// MDEntryTime(273).
    pub at: UtcTime,
}

/// A published level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The price.
    pub px: Px,
    /// The quantity.
    pub qty: Qty,
    /// When the level changed last.
    pub at: UtcTime,
}

impl From<Level> for Published {
    fn from(level: Level) -> Self {
        Self { px: level.px, qty: level.total, at: level.changed_at }
    }
}

/// The published top of one book.
#[derive(Debug)]
pub struct Shadow {
    depth: usize,
    offers: Vec<Published>,
    bids: Vec<Published>,
}

impl Shadow {
    /// The top `depth` levels of `book` as they are.
    #[must_use]
    pub fn new(depth: usize, book: &Book) -> Self {
        let top = |side| book.levels(side).take(depth).map(Published::from).collect();
        Self { depth, offers: top(Side::Sell), bids: top(Side::Buy) }
    }

    /// How many levels per side.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// The published levels of a side, best first.
    #[must_use]
    pub fn levels(&self, side: Side) -> &[Published] {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.offers,
        }
    }

    /// Follows the book and appends what a subscriber has to be told. `changes` are the levels that
    /// changed since the last call, each once; `None` if they are not known.
    pub fn follow(&mut self, book: &Book, changes: Option<&[LevelChange]>, out: &mut Vec<Change>) {
        for side in [Side::Sell, Side::Buy] {
            let levels = match side {
                Side::Buy => &mut self.bids,
                Side::Sell => &mut self.offers,
            };
            match changes {
                Some(changes) => patch(side, self.depth, levels, book, changes, out),
                None => rebuild(side, self.depth, levels, book, out),
            }
        }
    }
}

/// Position of a price in levels that stand best first.
fn position(side: Side, levels: &[Published], px: Px) -> Result<usize, usize> {
    levels.binary_search_by_key(&(-side.sign() * px.0), |level| -side.sign() * level.px.0)
}

fn patch(
    side: Side,
    depth: usize,
    levels: &mut Vec<Published>,
    book: &Book,
    changes: &[LevelChange],
    out: &mut Vec<Change>,
) {
    let from = out.len();
    // Behind this price nothing was published; a shadow that is not full shows the whole side.
    let horizon = (levels.len() >= depth).then(|| levels.last().map(|level| level.px)).flatten();
    for change in changes.iter().filter(|change| change.side == side) {
        let LevelChange { px, total: qty, at, .. } = *change;
        let mut say = |action| out.push(Change { action, side, px, qty, at });
        match position(side, levels, px) {
            Ok(found) if qty.0 == 0 => {
                levels.remove(found);
                say(Action::Delete);
            }
            Ok(found) => {
                if levels[found].qty != qty {
                    say(Action::Update);
                }
                levels[found] = Published { px, qty, at };
            }
            Err(_) if qty.0 == 0 => {}
            Err(place) => {
                if horizon.is_none_or(|worst| side.at_least_as_good(px, worst)) {
                    levels.insert(place, Published { px, qty, at });
                    say(Action::New);
                }
            }
        }
    }
    while levels.len() > depth {
        let Some(Published { px, qty, at }) = levels.pop() else { break };
        let said = out[from..].iter().rposition(|change| change.px == px).map(|n| n + from);
        match said {
            // Came and went within this message: nobody needs to know.
            Some(place) if out[place].action == Action::New => {
                out.remove(place);
            }
            Some(place) => out[place].action = Action::Delete,
            None => out.push(Change { action: Action::Delete, side, px, qty, at }),
        }
    }
    if levels.len() < depth && levels.len() < book.depth(side) {
        for level in book.levels(side).skip(levels.len()).take(depth - levels.len()) {
            levels.push(level.into());
            let (px, qty, at) = (level.px, level.total, level.changed_at);
            out.push(Change { action: Action::New, side, px, qty, at });
        }
    }
}

/// Compares the published levels with the book, level by level.
fn rebuild(
    side: Side,
    depth: usize,
    levels: &mut Vec<Published>,
    book: &Book,
    out: &mut Vec<Change>,
) {
    let fresh: Vec<Published> = book.levels(side).take(depth).map(Published::from).collect();
    for old in levels.iter() {
        if position(side, &fresh, old.px).is_err() {
            let behind = book.level(side, old.px);
            let (qty, at) = behind.map_or((Qty(0), old.at), |l| (l.total, l.changed_at));
            out.push(Change { action: Action::Delete, side, px: old.px, qty, at });
        }
    }
    for &Published { px, qty, at } in &fresh {
        let action = match position(side, levels, px) {
            Ok(found) if levels[found].qty == qty => continue,
            Ok(_) => Action::Update,
            Err(_) => Action::New,
        };
        out.push(Change { action, side, px, qty, at });
    }
    *levels = fresh;
}
