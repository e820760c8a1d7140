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

    /// The published levels of a side, best first.
    #[must_use]
    pub fn levels(&self, side: Side) -> &[Published] {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use taut::types::InstrumentId;

    use super::*;
    use crate::config::InstrumentConfig;
    use crate::matching::{
        AccountFlags, CancelReason, CancelWhere, NewOrder, SpotConfig, SpotEngine,
    };

    /// What a client makes of the changes.
    fn apply(levels: &mut BTreeMap<(bool, i64), i64>, changes: &[Change]) {
        for change in changes {
            let place = (change.side == Side::Buy, change.px.0);
            let before = match change.action {
                Action::Delete => levels.remove(&place),
                _ => levels.insert(place, change.qty.0),
            };
            assert_eq!(before.is_none(), change.action == Action::New, "{change:?}");
        }
    }

    proptest! {
        #[test]
        fn known_changes_and_a_whole_comparison_lead_to_the_same_book(
            depth in 1usize..6,
            batches in prop::collection::vec(
                prop::collection::vec((any::<bool>(), 0i64..14, 1i64..4, 0u8..12), 1..8), 1..30)
        ) {
            let mut engine = SpotEngine::new(&SpotConfig::default()).unwrap();
            let rules = InstrumentConfig::default().instrument().unwrap();
            let instrument = engine.add_instrument(rules).unwrap();
            let account = engine.add_account(AccountFlags::HOUSE).unwrap();
            let book = |engine: &SpotEngine| Shadow::new(depth, engine.book(InstrumentId(0)).unwrap());
            let (mut patched, mut compared) = (book(&engine), book(&engine));
            let mut clients = [BTreeMap::new(), BTreeMap::new()];
            let (mut events, mut changes) = (Vec::new(), Vec::new());
            for (now, batch) in batches.into_iter().enumerate() {
                let now = UtcTime(now as u64 + 1);
                for (buy, px, qty, what) in batch {
                    let side = if buy { Side::Buy } else { Side::Sell };
                    let session = px as u32;
                    if what < 4 {
                        let (account, reason) = (Some(account), CancelReason::User);
                        engine.cancel_where(now, &CancelWhere {
                            account, sessions: Some((session, session)), instrument: None, reason,
                            asker: None,
                        }, &mut events);
                    } else {
                        let (qty, px) = (Qty(qty * 1_000_000), Px(10_000 + px + i64::from(!buy) * 8));
                        let limit = NewOrder::limit(account, instrument, side, qty, px);
                        let order = NewOrder { session, client_key: 1, ..limit };
                        engine.new_order(now, &order, &mut events);
                    }
                }
                prop_assert!(engine.book_mut(instrument).unwrap().take_changes(&mut changes));
                let book = engine.book(instrument).unwrap();
                let mut said = [Vec::new(), Vec::new()];
                patched.follow(book, Some(&changes), &mut said[0]);
                compared.follow(book, None, &mut said[1]);
                let fresh = Shadow::new(depth, book);
                for side in [Side::Buy, Side::Sell] {
                    prop_assert_eq!(patched.levels(side), fresh.levels(side));
                    prop_assert_eq!(compared.levels(side), fresh.levels(side));
                }
                for (client, said) in clients.iter_mut().zip(&said) {
                    apply(client, said);
                    let shown = |side| fresh.levels(side).iter().map(move |l| ((side == Side::Buy, l.px.0), l.qty.0));
                    let top: BTreeMap<_, _> = shown(Side::Buy).chain(shown(Side::Sell)).collect();
                    prop_assert_eq!(&*client, &top);
                }
                let set = |said: &[Change]| {
                    let mut all: Vec<_> = said.iter().map(|c| (c.side == Side::Buy, c.px, c.qty, c.action as u8)).collect();
                    all.sort_unstable();
                    all
                };
                prop_assert_eq!(set(&said[0]), set(&said[1]), "neither says more than needed");
            }
        }
    }
}
