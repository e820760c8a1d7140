//! Instruments and their books: facts, levels, checksums, and when a book may be trusted.

mod book;
mod checksum;

pub use book::{Book, BookError, Level};
pub use checksum::{CHECKSUM_LEVELS, checksum};

use crate::event::{BookAction, BookEntry};
use crate::limits::BOOK_RESYNCS_MAX;
use crate::types::{Instrument, InstrumentId, Symbol};

/// How far a book can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookStatus {
    /// No snapshot yet, or the market data session is down.
    Empty,
    /// A snapshot arrived completely; no checksum has been checked since (a snapshot has none, venue
    /// file 4.10).
    Snapshot,
    /// The last checksum that came was right.
    Verified,
    /// The book disagreed with the venue; a new snapshot is on its way.
    Stale,
    /// [`BOOK_RESYNCS_MAX`] new snapshots in a row did not help; it is given up.
    Failed,
}

/// Why a book became stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaleReason {
    /// Our checksum differs from ChecksumOrderBook(5041).
    Checksum {
        /// The venue's.
        venue: u32,
        /// Ours.
        ours: u32,
    },
    /// An entry could not be applied.
    Entry(BookError),
}

/// What an entry did to a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookOutcome {
    /// Applied; more entries of the message follow.
    Partial,
    /// Applied; the message is complete and the book can be used.
    Complete {
        /// Whether a checksum was checked (and right).
        verified: bool,
    },
    /// The book became stale with this entry.
    Stale(StaleReason),
    /// Not applied: no snapshot yet, stale, or no such instrument.
    Ignored,
}

/// One instrument that the desk follows.
#[derive(Debug, Clone)]
pub struct Market {
    symbol: Symbol,
    instrument: Option<Instrument>,
    book: Book,
    status: BookStatus,
    /// A snapshot has begun and not ended.
    in_snapshot: bool,
    resyncs_in_a_row: u32,
    pub(crate) subscription: Subscription,
}

/// Where the subscription of a market stands; the desk turns it into commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Subscription {
    /// Told by the venue's list on this connection.
    pub listed: bool,
    /// The generation (MDReqID) that is subscribed on this connection.
    pub active: Option<u32>,
    /// The generation that was used last.
    pub generation: u32,
    /// A new snapshot is wanted: unsubscribe if active, subscribe.
    pub resync: bool,
}

impl Market {
    fn new(symbol: Symbol, levels_max: usize) -> Self {
        Self {
            symbol,
            instrument: None,
            book: Book::with_capacity(levels_max),
            status: BookStatus::Empty,
            in_snapshot: false,
            resyncs_in_a_row: 0,
            subscription: Subscription::default(),
        }
    }

    /// The configured symbol.
    #[must_use]
    pub const fn symbol(&self) -> Symbol {
        self.symbol
    }

    /// The venue's rules, once known.
    #[must_use]
    pub const fn instrument(&self) -> Option<&Instrument> {
        self.instrument.as_ref()
    }

    /// How far the book can be trusted.
    #[must_use]
    pub const fn status(&self) -> BookStatus {
        self.status
    }

    /// Whether the book mirrors the venue's as far as we know.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.status, BookStatus::Snapshot | BookStatus::Verified) && !self.in_snapshot
    }

    /// The book if it [is live](Self::is_live).
    #[must_use]
    pub const fn live_book(&self) -> Option<&Book> {
        if self.is_live() { Some(&self.book) } else { None }
    }

    /// The book as it is, live or not.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    fn apply(&mut self, entry: &BookEntry) -> BookOutcome {
        if entry.action == BookAction::Restart {
            if self.status == BookStatus::Failed {
                return BookOutcome::Ignored;
            }
            self.in_snapshot = true;
            self.status = BookStatus::Snapshot;
        } else if !matches!(self.status, BookStatus::Snapshot | BookStatus::Verified) {
            return BookOutcome::Ignored;
        }
        if let Err(error) = self.book.apply(entry) {
            return self.mark_stale(StaleReason::Entry(error));
        }
        if !entry.last {
            return BookOutcome::Partial;
        }
        self.in_snapshot = false;
        let Some(venue) = entry.checksum else {
            return BookOutcome::Complete { verified: false };
        };
        let ours = checksum(&self.book);
        if ours != venue {
            return self.mark_stale(StaleReason::Checksum { venue, ours });
        }
        self.status = BookStatus::Verified;
        self.resyncs_in_a_row = 0;
        BookOutcome::Complete { verified: true }
    }

    fn mark_stale(&mut self, reason: StaleReason) -> BookOutcome {
        self.in_snapshot = false;
        self.resyncs_in_a_row += 1;
        if self.resyncs_in_a_row > BOOK_RESYNCS_MAX {
            self.status = BookStatus::Failed;
        } else {
            self.status = BookStatus::Stale;
            self.subscription.resync = true;
        }
        BookOutcome::Stale(reason)
    }
}

/// The instruments that a desk was configured with; [`InstrumentId`] is the position.
#[derive(Debug, Clone)]
pub struct Markets(Vec<Market>);

impl Markets {
    /// Markets for the symbols, with room for `levels_max` levels per side; the only place that
    /// allocates.
    #[must_use]
    pub fn new(symbols: impl Iterator<Item = Symbol>, levels_max: usize) -> Self {
        Self(symbols.map(|symbol| Market::new(symbol, levels_max)).collect())
    }

    /// One market.
    #[must_use]
    pub fn get(&self, id: InstrumentId) -> Option<&Market> {
        self.0.get(usize::from(id.0))
    }

    pub(crate) fn get_mut(&mut self, id: InstrumentId) -> Option<&mut Market> {
        self.0.get_mut(usize::from(id.0))
    }

    /// All markets with their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (InstrumentId, &Market)> {
        self.0.iter().enumerate().map(|(i, market)| (InstrumentId(i as u16), market))
    }

    /// The market of a symbol.
    #[must_use]
    pub fn find(&self, symbol: &Symbol) -> Option<InstrumentId> {
        self.iter().find(|(_, market)| market.symbol == *symbol).map(|(id, _)| id)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes the venue's rules of an instrument. `false` if it is not configured, its symbol differs,
    /// or its decimals changed while it has a book (prices in the table would change their meaning).
    pub fn set_instrument(&mut self, id: InstrumentId, facts: Instrument) -> bool {
        let Some(market) = self.get_mut(id) else { return false };
        let decimals = |i: &Instrument| (i.price_precision, i.qty_precision);
        if facts.symbol != market.symbol
            || market.instrument.is_some_and(|known| decimals(&known) != decimals(&facts))
        {
            return false;
        }
        market.instrument = Some(facts);
        market.subscription.listed = true;
        true
    }

    /// Applies one entry of W or X and, with the last entry of an X, verifies the checksum.
    pub fn apply(&mut self, entry: &BookEntry) -> BookOutcome {
        self.get_mut(entry.instrument).map_or(BookOutcome::Ignored, |market| market.apply(entry))
    }

    /// The market data session of these instruments is gone: none of their books is live and no
    /// subscription stands.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn on_session_down(&mut self, ids: std::ops::Range<u16>) {
        for market in &mut self.0[usize::from(ids.start)..usize::from(ids.end)] {
            // The levels stay, to value positions by; only a snapshot makes the book live again.
            market.status = BookStatus::Empty;
            market.in_snapshot = false;
            market.resyncs_in_a_row = 0;
            let generation = market.subscription.generation;
            market.subscription = Subscription { generation, ..Subscription::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::checksum::tests::{VECTOR, VECTOR_CHECKSUM, VECTOR_UPDATE, entry};
    use super::*;

    fn with_snapshot() -> Markets {
        let mut markets = Markets::new(std::iter::once(Symbol::EMPTY), 16);
        feed_snapshot(&mut markets);
        markets
    }

    fn feed_snapshot(markets: &mut Markets) {
        for (i, level) in VECTOR.into_iter().enumerate() {
            let action = if i == 0 { BookAction::Restart } else { BookAction::Set };
            assert!(!markets.get(InstrumentId(0)).unwrap().is_live());
            let outcome =
                markets.apply(&BookEntry { last: i + 1 == VECTOR.len(), ..entry(level, action) });
            let complete = BookOutcome::Complete { verified: false };
            assert_eq!(outcome == complete, i + 1 == VECTOR.len());
        }
        assert!(markets.get(InstrumentId(0)).unwrap().is_live());
    }

    fn update(checksum: u32) -> BookEntry {
        let set = entry(VECTOR_UPDATE, BookAction::Set);
        BookEntry { last: true, checksum: Some(checksum), ..set }
    }

    #[test]
    fn a_book_is_verified_by_the_first_right_checksum() {
        let mut markets = with_snapshot();
        assert_eq!(markets.get(InstrumentId(0)).unwrap().status(), BookStatus::Snapshot);
        let outcome = markets.apply(&update(VECTOR_CHECKSUM));
        assert_eq!(outcome, BookOutcome::Complete { verified: true });
        assert_eq!(markets.get(InstrumentId(0)).unwrap().status(), BookStatus::Verified);
    }

    #[test]
    fn a_wrong_checksum_makes_the_book_stale_until_the_next_snapshot() {
        let mut markets = with_snapshot();
        let outcome = markets.apply(&update(1));
        let reason = StaleReason::Checksum { venue: 1, ours: VECTOR_CHECKSUM };
        assert_eq!(outcome, BookOutcome::Stale(reason));
        assert!(markets.get(InstrumentId(0)).unwrap().live_book().is_none());
        assert_eq!(markets.apply(&update(VECTOR_CHECKSUM)), BookOutcome::Ignored);
        feed_snapshot(&mut markets);
    }

    #[test]
    fn a_book_that_never_agrees_is_given_up() {
        let mut markets = with_snapshot();
        for _ in 0..BOOK_RESYNCS_MAX {
            markets.apply(&update(1));
            assert_eq!(markets.get(InstrumentId(0)).unwrap().status(), BookStatus::Stale);
            feed_snapshot(&mut markets);
        }
        markets.apply(&update(1));
        assert_eq!(markets.get(InstrumentId(0)).unwrap().status(), BookStatus::Failed);
        let restart = entry(VECTOR[0], BookAction::Restart);
        assert_eq!(markets.apply(&restart), BookOutcome::Ignored);
        markets.on_session_down(0..1);
        feed_snapshot(&mut markets);
    }

    #[test]
    fn entries_before_a_snapshot_and_for_foreign_instruments_are_ignored() {
        let mut markets = Markets::new(std::iter::once(Symbol::EMPTY), 16);
        assert_eq!(markets.apply(&update(VECTOR_CHECKSUM)), BookOutcome::Ignored);
        let foreign = BookEntry { instrument: InstrumentId(9), ..update(0) };
        assert_eq!(markets.apply(&foreign), BookOutcome::Ignored);
    }
}
