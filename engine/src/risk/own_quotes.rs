//! The prices at which orders of ours may rest, ordered, so that a new order can be held against the
//! best of the other side. Kept up to date order by order; nothing is searched for a command.

use crate::limits::ORDERS_MAX;
use crate::touched;
use crate::types::{InstrumentId, Px, Side};

/// Where an order may rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    instrument: InstrumentId,
    side: Side,
    px: Px,
}

/// All of our resting prices.
#[derive(Debug)]
pub(super) struct OwnQuotes {
    /// By the slot of the order.
    places: Vec<Option<Place>>,
    /// By instrument: bids and offers, each with the slot of its order, the best last: most changes
    /// are near it.
    sides: Vec<[Vec<(i64, u32)>; 2]>,
}

impl OwnQuotes {
    pub fn new(instruments: usize) -> Self {
        let side = || touched::vec(ORDERS_MAX);
        Self {
            places: touched::slice(None, ORDERS_MAX).into_vec(),
            sides: (0..instruments).map(|_| [side(), side()]).collect(),
        }
    }

    /// Notes the most aggressive price at which the order of a slot may rest; `None`: it does not.
    pub fn set(&mut self, slot: u32, instrument: InstrumentId, side: Side, px: Option<Px>) {
        let Some(place) = self.places.get_mut(slot as usize) else { return };
        let new = px.map(|px| Place { instrument, side, px });
        let old = std::mem::replace(place, new);
        if old == new {
            return;
        }
        if let Some(old) = old
            && let Some(list) = self.side(old.instrument, old.side)
            && let Ok(at) = list.binary_search(&(key(old.side, old.px), slot))
        {
            list.remove(at);
        }
        if let Some(new) = new
            && let Some(list) = self.side(new.instrument, new.side)
            && let Err(at) = list.binary_search(&(key(new.side, new.px), slot))
        {
            list.insert(at, (key(new.side, new.px), slot));
        }
    }

    /// The best of our prices on a side.
    pub fn best(&self, instrument: InstrumentId, side: Side) -> Option<Px> {
        let list = &self.sides.get(usize::from(instrument.0))?[side as usize];
        list.last().map(|&(key, _)| Px(key * side.sign()))
    }

    fn side(&mut self, instrument: InstrumentId, side: Side) -> Option<&mut Vec<(i64, u32)>> {
        Some(&mut self.sides.get_mut(usize::from(instrument.0))?[side as usize])
    }
}

/// Larger is better.
const fn key(side: Side, px: Px) -> i64 {
    // No price is the lowest number: prices are not negative.
    px.0.saturating_mul(side.sign())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_is_that_of_a_search_through_all(
            steps in prop::collection::vec((0u32..8, 0u16..2, any::<bool>(), 0i64..6), 1..200),
        ) {
            let mut quotes = OwnQuotes::new(2);
            let mut naive = [None; 8];
            for (slot, instrument, buys, px) in steps {
                let side = if buys { Side::Buy } else { Side::Sell };
                let px = (px > 0).then_some(Px(px));
                quotes.set(slot, InstrumentId(instrument), side, px);
                naive[slot as usize] = px.map(|px| (instrument, side, px));
                for (instrument, side) in
                    [(0, Side::Buy), (0, Side::Sell), (1, Side::Buy), (1, Side::Sell)]
                {
                    let own = naive.iter().flatten().filter(|o| (o.0, o.1) == (instrument, side));
                    let best = own.map(|o| o.2).max_by_key(|px| px.0 * side.sign());
                    prop_assert_eq!(quotes.best(InstrumentId(instrument), side), best);
                }
            }
        }
    }
}
