//! Positions, and what trades make of them. All exact: of a value that has to be split the closed part is
//! rounded down, and what is left stays with the rest.

use taut::types::{Px, Side};

use super::contract::Contract;
use crate::limits::POSITION_UNITS_MAX;
use crate::matching::ledger::part_of;

/// A position of an account in an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FuturesPosition {
    /// Positive if bought, negative if sold; at most [`POSITION_UNITS_MAX`].
    pub qty: i64,
    /// The value at which it was opened, with the sign of `qty`, in ledger units of the asset that it
    /// settles in. By the quantity it is the average entry: price (linear) or one over it (inverse).
    pub value: i128,
    /// What closing brought so far, fees apart.
    pub realised: i128,
    /// Value of the orders that could open or close more, bids and offers.
    pub(super) open: [i128; 2],
}

impl FuturesPosition {
    /// Takes in a trade that was worth `value` and returns what it realised.
    pub(super) fn trade(
        &mut self,
        contract: &Contract,
        side: Side,
        (px, qty): (Px, i64),
        value: i128,
    ) -> i128 {
        let sign = side.sign();
        let closed = self.closable(side).min(qty);
        let mut gain = 0;
        let mut opened = value;
        if closed > 0 {
            let brings = if closed == qty { value } else { contract.value(px, closed) };
            let cost = part_of(self.value.abs(), closed, self.qty.abs());
            // A sale closes what was bought: it gains what it brings beyond the cost.
            gain = i128::from(-sign) * contract.named.kind.sign() * (brings - cost);
            self.value += i128::from(sign) * cost;
            opened -= brings;
        }
        self.value += i128::from(sign) * opened;
        self.qty += sign * qty;
        self.realised += gain;
        assert!(self.qty != 0 || self.value == 0, "a flat position has no value");
        gain
    }

    /// How much an order of `side` can close.
    pub(super) const fn closable(&self, side: Side) -> i64 {
        let against = -self.qty * side.sign();
        if against > 0 { against } else { 0 }
    }

    /// How much an order of `side` can trade before the position leaves [`POSITION_UNITS_MAX`].
    pub(super) const fn room(&self, side: Side) -> i64 {
        POSITION_UNITS_MAX.saturating_sub(self.qty * side.sign())
    }

    /// What it is worth now, with the sign of `qty`: at the mark, or at its entry before there is one.
    pub(super) fn worth(&self, contract: &Contract) -> i128 {
        contract.mark().map_or(self.value, |px| {
            contract.value(px, self.qty.abs()) * i128::from(self.qty.signum())
        })
    }

    /// What it would gain if it were closed at the mark.
    pub(super) fn unrealised(&self, contract: &Contract) -> i128 {
        contract.named.kind.sign() * (self.worth(contract) - self.value)
    }

    /// The largest value that it could grow to by its open orders, on one side.
    pub(super) fn exposure(&self, contract: &Contract) -> i128 {
        let worth = self.worth(contract);
        let [bids, offers] = self.open;
        worth.saturating_add(bids).abs().max(worth.saturating_sub(offers).abs())
    }
}

crate::state::stored! { FuturesPosition { qty, value, realised, open } }
