//! The prices that triggers watch besides the last trade, and the margin that is offered.

use taut::types::{InstrumentId, Px, Side};
use taut_codec::value::{Decimal, UtcTime};

use super::Venue;
use crate::config::{ConfigError, IndexSource, VenueConfig};
use crate::matching::{Index, SpotEngine};

/// Offers margin as configured and returns the instruments whose index follows their book.
pub(super) fn prepare(
    engine: &mut SpotEngine,
    config: &VenueConfig,
) -> Result<Vec<InstrumentId>, ConfigError> {
    let mut follow = Vec::new();
    for one in &config.instruments {
        // A recorded pair that took the place of a configured one has other units: it has no margin.
        let Some(id) = engine.instrument_id(one.symbol.as_bytes()) else { continue };
        if engine.instrument(id) == Some(&one.instrument()?) {
            engine.offer_margin(id, one.margin()?);
        }
        if one.index == IndexSource::Book {
            engine.set_index(id, Index::Down);
            follow.push(id);
        }
    }
    Ok(follow)
}

impl Venue {
    /// Sets the indices that follow a book to its middle, rounded down. An empty side leaves it.
    pub(super) fn follow_books(&mut self) {
        for &id in &self.indices {
            let Some(book) = self.engine.book(id) else { continue };
            let (Some(bid), Some(offer)) = (book.best(Side::Buy), book.best(Side::Sell)) else {
                continue;
            };
            let index = Index::At(Px((bid.0 + offer.0).div_euclid(2)));
            if self.engine.index(id) != Some(index) {
                self.engine.set_index(id, index);
            }
        }
    }

    /// Control: sets the index of a pair, or takes its feed down; from then on it does not follow the book.
    /// `false` if the pair is not listed or the price does not fit it.
    pub fn set_index(&mut self, symbol: &str, price: Option<Decimal>, now: UtcTime) -> bool {
        let Some(id) = self.engine.instrument_id(symbol.as_bytes()) else { return false };
        let index = match price {
            None => Some(Index::Down),
            Some(price) => {
                self.engine.instrument(id).and_then(|rules| rules.px(price).ok()).map(Index::At)
            }
        };
        let Some(index) = index else { return false };
        self.indices.retain(|&one| one != id);
        self.engine.set_index(id, index);
        self.engine.tick(now, &mut self.events);
        self.settle(now);
        true
    }
}
