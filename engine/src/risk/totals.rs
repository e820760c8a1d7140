//! What all instruments add up to, by quote currency: each one's share is replaced when it changes, so
//! that nothing is added up for a command.

use taut_codec::ids::symbol_currencies;

use crate::limits::INSTRUMENTS_MAX;
use crate::types::Symbol;

/// The largest value that an instrument adds: so many of them cannot overflow a sum.
pub(super) const VALUE_MAX: i128 = i128::MAX / (4 * INSTRUMENTS_MAX as i128);

/// What one instrument adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Share {
    /// Value of the largest position that its open orders could lead to.
    pub gross: i128,
    /// Profit and loss of the day.
    pub day: i128,
    /// Open orders.
    pub open_orders: u32,
}

#[derive(Debug, Clone, Copy)]
struct Sum {
    currency: Symbol,
    gross: i128,
    day: i128,
}

/// The sums.
#[derive(Debug)]
pub(super) struct Totals {
    /// One for each quote currency that an instrument has.
    sums: Vec<Sum>,
    pub open_orders: u32,
}

impl Totals {
    pub fn new(instruments: usize) -> Self {
        Self { sums: Vec::with_capacity(instruments), open_orders: 0 }
    }

    /// The sum that an instrument belongs to.
    pub fn find(&mut self, symbol: &[u8]) -> usize {
        let quote = symbol_currencies(symbol).map_or(symbol, |(_, quote)| quote);
        let currency = Symbol::new(quote).unwrap_or(Symbol::EMPTY);
        match self.sums.iter().position(|sum| sum.currency == currency) {
            Some(at) => at,
            None => {
                self.sums.push(Sum { currency, gross: 0, day: 0 });
                self.sums.len() - 1
            }
        }
    }

    /// An instrument's share has changed.
    pub fn replace(&mut self, at: usize, old: &Share, new: &Share) {
        self.open_orders = self.open_orders - old.open_orders + new.open_orders;
        if let Some(sum) = self.sums.get_mut(at) {
            sum.gross += new.gross - old.gross;
            sum.day += new.day - old.day;
        }
    }

    pub fn gross(&self, at: usize) -> i128 {
        self.sums.get(at).map_or(0, |sum| sum.gross)
    }

    pub fn day(&self, at: usize) -> i128 {
        self.sums.get(at).map_or(0, |sum| sum.day)
    }
}
