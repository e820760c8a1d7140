//! An L2 book: two sorted arrays of price levels, the best level at the end of each, so that the
//! changes that happen most (near the top) move the fewest bytes.

use crate::event::{BookAction, BookEntry};
use crate::limits::BOOK_LEVELS_MAX;
use crate::touched;
use crate::types::{Px, Qty, Side};

/// One price level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The price.
    pub px: Px,
    /// The quantity at the price; positive.
    pub qty: Qty,
}

/// Why an entry could not be applied. The book no longer mirrors the venue's: resubscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookError {
    /// A side holds as many levels as it can ([`BOOK_LEVELS_MAX`]).
    Full,
    /// A quantity below zero.
    BadLevel,
}

impl std::fmt::Display for BookError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full => "a side of the book is full",
            Self::BadLevel => "a level with a negative quantity",
        })
    }
}

impl std::error::Error for BookError {}

/// An L2 book of one instrument.
#[derive(Debug, Clone)]
pub struct Book {
    bids: BookSide,
    asks: BookSide,
}

impl Book {
    /// An empty book with room for [`BOOK_LEVELS_MAX`] levels per side.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(BOOK_LEVELS_MAX)
    }

    /// An empty book with room for `levels_max` levels per side; the only place that allocates.
    #[must_use]
    pub fn with_capacity(levels_max: usize) -> Self {
        Self {
            bids: BookSide::new(Side::Buy, levels_max),
            asks: BookSide::new(Side::Sell, levels_max),
        }
    }

    /// Applies one entry (venue file 4.10). Deleting a level that is not there is no error: the venue
    /// also deletes levels that left the subscribed depth.
    ///
    /// # Errors
    /// [`BookError`]; the entry is not applied.
    pub fn apply(&mut self, entry: &BookEntry) -> Result<(), BookError> {
        if entry.action == BookAction::Restart {
            self.clear();
        }
        let side = match entry.side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        match entry.action {
            BookAction::Delete => side.delete(entry.px),
            BookAction::Restart | BookAction::Set => match entry.qty.0 {
                0 => side.delete(entry.px),
                1.. => side.set(Level { px: entry.px, qty: entry.qty })?,
                _ => return Err(BookError::BadLevel),
            },
        }
        Ok(())
    }

    /// Drops every level.
    pub fn clear(&mut self) {
        self.bids.levels.clear();
        self.asks.levels.clear();
    }

    /// The highest bid.
    #[must_use]
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.levels.last().copied()
    }

    /// The lowest offer.
    #[must_use]
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.levels.last().copied()
    }

    /// The best level of a side.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.side(side).levels.last().copied()
    }

    /// Best bid plus best offer, which is twice the mid price: the mid itself may be half a unit.
    #[must_use]
    pub fn twice_mid(&self) -> Option<i128> {
        Some(i128::from(self.best_bid()?.px.0) + i128::from(self.best_ask()?.px.0))
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl ExactSizeIterator<Item = Level> + '_ {
        self.side(side).levels.iter().rev().copied()
    }

    /// How many levels a side has.
    #[must_use]
    pub fn depth(&self, side: Side) -> usize {
        self.side(side).levels.len()
    }

    /// The quantity of `side` at `limit` or better.
    #[must_use]
    pub fn qty_within(&self, side: Side, limit: Px) -> Qty {
        let total = self
            .levels(side)
            .take_while(|level| side.at_least_as_good(level.px, limit))
            .fold(0i64, |sum, level| sum.saturating_add(level.qty.0));
        Qty(total)
    }

    fn side(&self, side: Side) -> &BookSide {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

/// Levels looked at one by one from the top before the search turns to bisection.
const NEAR_TOP: usize = 8;

#[derive(Debug, Clone)]
struct BookSide {
    side: Side,
    // Invariant: strictly improving from the first to the last; never longer than `levels_max`,
    // which is at most the capacity, so that nothing here allocates.
    levels: Vec<Level>,
    levels_max: usize,
}

impl BookSide {
    fn new(side: Side, levels_max: usize) -> Self {
        Self { side, levels: touched::vec(levels_max), levels_max }
    }

    fn set(&mut self, level: Level) -> Result<(), BookError> {
        match self.find(level.px) {
            Ok(at) => self.levels[at] = level,
            Err(_) if self.levels.len() == self.levels_max => return Err(BookError::Full),
            Err(at) => self.levels.insert(at, level),
        }
        Ok(())
    }

    fn delete(&mut self, px: Px) {
        if let Ok(at) = self.find(px) {
            self.levels.remove(at);
        }
    }

    /// Where the level is, or where it belongs.
    fn find(&self, px: Px) -> Result<usize, usize> {
        let mut at = self.levels.len();
        let bisect_below = at.saturating_sub(NEAR_TOP);
        while at > bisect_below {
            let there = self.levels[at - 1].px;
            if there == px {
                return Ok(at - 1);
            }
            if self.side.at_least_as_good(px, there) {
                return Err(at);
            }
            at -= 1;
        }
        self.levels[..at].binary_search_by(|level| match self.side {
            Side::Buy => level.px.cmp(&px),
            Side::Sell => px.cmp(&level.px),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use taut_codec::value::UtcTime;

    use super::*;
    use crate::types::InstrumentId;

    fn entry(side: Side, action: BookAction, px: i64, qty: i64) -> BookEntry {
        BookEntry {
            instrument: InstrumentId(0),
            side,
            action,
            px: Px(px),
            qty: Qty(qty),
            last: true,
            checksum: None,
            sent: UtcTime(0),
        }
    }

    #[test]
    fn a_restart_drops_the_old_levels_and_sets_its_own() {
        let mut book = Book::with_capacity(4);
        book.apply(&entry(Side::Buy, BookAction::Set, 10, 1)).unwrap();
        book.apply(&entry(Side::Sell, BookAction::Restart, 12, 3)).unwrap();
        assert_eq!(book.best_bid(), None);
        assert_eq!(book.best_ask(), Some(Level { px: Px(12), qty: Qty(3) }));
        book.apply(&entry(Side::Sell, BookAction::Restart, 0, 0)).unwrap();
        assert_eq!(book.depth(Side::Sell), 0);
    }

    #[test]
    fn a_full_side_is_an_error_and_a_known_level_still_changes() {
        let mut book = Book::with_capacity(2);
        for px in [10, 11] {
            book.apply(&entry(Side::Buy, BookAction::Set, px, 1)).unwrap();
        }
        assert_eq!(book.apply(&entry(Side::Buy, BookAction::Set, 12, 1)), Err(BookError::Full));
        assert_eq!(book.apply(&entry(Side::Buy, BookAction::Set, 10, 7)), Ok(()));
        assert_eq!(book.qty_within(Side::Buy, Px(10)), Qty(8));
        assert_eq!(book.qty_within(Side::Buy, Px(11)), Qty(1));
        assert_eq!(
            book.apply(&entry(Side::Sell, BookAction::Set, 12, -1)),
            Err(BookError::BadLevel)
        );
    }

    #[test]
    fn the_mid_needs_both_sides() {
        let mut book = Book::with_capacity(2);
        book.apply(&entry(Side::Buy, BookAction::Set, 10, 1)).unwrap();
        assert_eq!(book.twice_mid(), None);
        book.apply(&entry(Side::Sell, BookAction::Set, 13, 1)).unwrap();
        assert_eq!(book.twice_mid(), Some(23));
    }

    proptest! {
        #[test]
        fn the_book_equals_two_sorted_maps(
            changes in prop::collection::vec((any::<bool>(), 0i64..60, 0i64..4), 0..300)
        ) {
            let mut book = Book::with_capacity(64);
            let mut maps = [BTreeMap::new(), BTreeMap::new()];
            for (buy, px, qty) in changes {
                let side = if buy { Side::Buy } else { Side::Sell };
                let action = if qty == 3 { BookAction::Delete } else { BookAction::Set };
                prop_assert!(book.apply(&entry(side, action, px, qty)).is_ok());
                let map = &mut maps[usize::from(buy)];
                if qty == 3 || qty == 0 { map.remove(&px); } else { map.insert(px, qty); }
            }
            let bids: Vec<_> = book.levels(Side::Buy).map(|l| (l.px.0, l.qty.0)).collect();
            let asks: Vec<_> = book.levels(Side::Sell).map(|l| (l.px.0, l.qty.0)).collect();
            prop_assert_eq!(bids, maps[1].iter().rev().map(|(&p, &q)| (p, q)).collect::<Vec<_>>());
            prop_assert_eq!(asks, maps[0].iter().map(|(&p, &q)| (p, q)).collect::<Vec<_>>());
        }
    }
}
