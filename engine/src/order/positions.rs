//! What fills and fees add up to, exactly.

use taut_codec::ids::{is_inverse, symbol_currencies};
use taut_codec::value::FixStr;

use super::RecoveredFills;
use crate::event::Fill;
use crate::market::Book;
use crate::types::{Instrument, InstrumentId, Side};

/// Decimals of fees and of [`Pnl`].
const SCALE: u8 = 18;

/// What was traded of one instrument since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Bought less sold, in quantity units.
    pub qty: i64,
    /// Received less paid, in units of 10^-(price precision + quantity precision) of the quote
    /// currency, fees aside.
    pub cash: i128,
    /// Bought, in quantity units.
    pub bought: i64,
    /// Sold, in quantity units.
    pub sold: i64,
    /// Fills.
    pub fills: u64,
    /// Of what was bought and sold, how much was counted by orders' totals because the reports of its
    /// fills were lost.
    pub recovered: i64,
    /// Fees paid in the quote currency, in 10^-18.
    pub fees_quote: i128,
    /// Fees paid in the base currency, in 10^-18.
    pub fees_base: i128,
}

impl Position {
    fn add(&mut self, side: Side, qty: i64, cost: i128) {
        match side {
            Side::Buy => {
                self.qty = self.qty.saturating_add(qty);
                self.bought = self.bought.saturating_add(qty);
                self.cash = self.cash.saturating_sub(cost);
            }
            Side::Sell => {
                self.qty = self.qty.saturating_sub(qty);
                self.sold = self.sold.saturating_add(qty);
                self.cash = self.cash.saturating_add(cost);
            }
        }
    }
}

/// Profit and loss in the quote currency, in units of 10^-[`Pnl::SCALE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pnl {
    /// Received less paid, and the position at the mid price.
    pub gross: i128,
    /// Fees; those in the base currency at the mid price, rounded down to a unit.
    pub fees: i128,
}

impl Pnl {
    /// Decimals.
    pub const SCALE: u8 = SCALE;

    /// After fees.
    #[must_use]
    pub const fn net(&self) -> i128 {
        self.gross.saturating_sub(self.fees)
    }
}

impl std::fmt::Display for Pnl {
    /// The profit after fees, with eight decimals, cut.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let net = self.net();
        let shown = net.unsigned_abs() / 10u128.pow(u32::from(SCALE) - 8);
        let sign = if net < 0 && shown > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:08}", shown / 100_000_000, shown % 100_000_000)
    }
}

/// The positions of a desk, by instrument.
#[derive(Debug, Clone)]
pub struct Positions(Vec<Position>);

impl Positions {
    /// Flat in every instrument; the only place that allocates.
    #[must_use]
    pub fn new(instruments: usize) -> Self {
        Self(vec![Position::default(); instruments])
    }

    /// One position.
    #[must_use]
    pub fn get(&self, id: InstrumentId) -> Option<&Position> {
        self.0.get(usize::from(id.0))
    }

    /// Adds a fill.
    pub fn on_fill(&mut self, id: InstrumentId, side: Side, fill: &Fill) {
        let Some(position) = self.0.get_mut(usize::from(id.0)) else { return };
        position.add(side, fill.qty.0, i128::from(fill.px.0) * i128::from(fill.qty.0));
        position.fills += 1;
    }

    /// Adds fills of which only the sum is known.
    pub fn on_recovered(&mut self, id: InstrumentId, side: Side, fills: &RecoveredFills) {
        let Some(position) = self.0.get_mut(usize::from(id.0)) else { return };
        position.add(side, fills.qty.0, fills.cost);
        position.recovered = position.recovered.saturating_add(fills.qty.0);
    }

    /// Adds a fee of 10^-18 units. `false` if the currency is neither the instrument's base nor its
    /// quote currency; the fee is not added then.
    pub fn on_fee(
        &mut self,
        id: InstrumentId,
        instrument: &Instrument,
        amount: i128,
        currency: &FixStr<11>,
    ) -> bool {
        let Some(position) = self.0.get_mut(usize::from(id.0)) else { return false };
        let Some((base, quote)) = symbol_currencies(instrument.symbol.as_bytes()) else {
            return false;
        };
        let sum = if currency.as_bytes() == quote {
            &mut position.fees_quote
        } else if currency.as_bytes() == base {
            &mut position.fees_base
        } else {
            return false;
        };
        *sum = sum.saturating_add(amount);
        true
    }

    /// Profit and loss with the position valued at the book's mid price. `None` without a two-sided
    /// book while it is needed, of an inverse contract, or if a number is out of range.
    #[must_use]
    pub fn pnl(&self, id: InstrumentId, instrument: &Instrument, book: &Book) -> Option<Pnl> {
        self.get(id)?;
        self.pnl_at(id, instrument, if self.needs_mid(id) { book.twice_mid()? } else { 0 })
    }

    /// Whether profit and loss depend on the mid price.
    pub(crate) fn needs_mid(&self, id: InstrumentId) -> bool {
        self.get(id).is_some_and(|position| position.qty != 0 || position.fees_base != 0)
    }

    /// The same at half of `twice_mid`.
    #[must_use]
    pub fn pnl_at(
        &self,
        id: InstrumentId,
        instrument: &Instrument,
        twice_mid: i128,
    ) -> Option<Pnl> {
        if is_inverse(instrument.symbol.as_bytes()) {
            return None;
        }
        let position = self.get(id)?;
        let marked = i128::from(position.qty).checked_mul(twice_mid)?;
        let twice_gross = position.cash.checked_mul(2)?.checked_add(marked)?;
        let scale = u32::from(instrument.price_precision) + u32::from(instrument.qty_precision);
        let gross = if scale <= u32::from(SCALE) {
            twice_gross.checked_mul(10i128.checked_pow(u32::from(SCALE) - scale)?)? / 2
        } else {
            twice_gross / 10i128.checked_pow(scale - u32::from(SCALE))? / 2
        };
        let price_unit = 10i128.checked_pow(u32::from(instrument.price_precision))?;
        let fees_base = position.fees_base.checked_mul(twice_mid)? / price_unit / 2;
        Some(Pnl { gross, fees: position.fees_quote.checked_add(fees_base)? })
    }
}
