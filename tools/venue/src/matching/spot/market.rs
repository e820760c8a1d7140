//! Holds, fees and what a fill does to the balances.

use taut::types::{Instrument, OrdType, Qty, Side};

use super::ledger::{AMOUNT_MAX, FeeSchedule, Ledger, MONEY_SCALE, pow10};
use crate::matching::{AssetId, Estimate, FEE_ACCOUNT, Fill, Order};

/// An instrument as the settlement sees it.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) base: AssetId,
    pub(super) quote: AssetId,
    /// Ledger units per quantity unit.
    base_factor: i128,
    /// Ledger units per unit of price x quantity.
    quote_factor: i128,
}

impl Pair {
    /// `None` if the ledger cannot hold the instrument's precision.
    pub(super) fn new(instrument: &Instrument, base: AssetId, quote: AssetId) -> Option<Self> {
        let cost_scale = instrument.price_precision.checked_add(instrument.qty_precision)?;
        let quote_digits = MONEY_SCALE.checked_sub(cost_scale)?;
        let base_digits = MONEY_SCALE.checked_sub(instrument.qty_precision)?;
        Some(Self {
            base,
            quote,
            base_factor: pow10(base_digits),
            quote_factor: pow10(quote_digits),
        })
    }

    /// The asset that an order of `side` gives.
    pub(super) const fn given(&self, side: Side) -> AssetId {
        match side {
            Side::Buy => self.quote,
            Side::Sell => self.base,
        }
    }

    /// The asset of the fee.
    pub(super) const fn fee_asset(&self, fees: &FeeSchedule, side: Side) -> AssetId {
        if fees.currency.is_base(side) { self.base } else { self.quote }
    }

    /// Whether quantity and cost are small enough to count with.
    pub(super) fn in_range(&self, qty: Qty, cost: i128) -> bool {
        let within = |amount: i128, factor: i128| {
            amount.checked_mul(factor).is_some_and(|ledger| ledger <= AMOUNT_MAX)
        };
        within(i128::from(qty.0), self.base_factor) && within(cost, self.quote_factor)
    }

    /// What an order has to hold of the asset that it gives, ledger units.
    pub(super) fn hold(&self, fees: &FeeSchedule, order: &Order, estimate: Estimate) -> i128 {
        let (amount, factor) = match order.side {
            Side::Buy => (estimate.cost, self.quote_factor),
            Side::Sell => (i128::from(estimate.qty.0), self.base_factor),
        };
        let fee = if fees.currency.is_given(order.side) {
            let rate = i128::from(fees.highest());
            FeeSchedule::round(order.fee_exact + amount * rate) - order.fee
        } else {
            0
        };
        (amount + fee) * factor
    }

    /// Moves the money of one side of a trade and takes its fee. Returns the fee and the hold of the rest.
    pub(super) fn fill(
        &self,
        ledger: &mut Ledger,
        fees: &FeeSchedule,
        order: &mut Order,
        fill: Fill,
    ) -> (i128, i128) {
        let cost = i128::from(fill.px.0) * i128::from(fill.qty.0);
        let sign = i128::from(order.side.sign());
        ledger.credit(order.account, self.base, sign * i128::from(fill.qty.0) * self.base_factor);
        ledger.credit(order.account, self.quote, -sign * cost * self.quote_factor);

        let (amount, factor) = if fees.currency.is_base(order.side) {
            (i128::from(fill.qty.0), self.base_factor)
        } else {
            (cost, self.quote_factor)
        };
        order.fee_exact += amount * i128::from(fees.rate(fill.liquidity));
        let fee = FeeSchedule::round(order.fee_exact) - order.fee;
        order.fee += fee;
        let asset = self.fee_asset(fees, order.side);
        ledger.credit(order.account, asset, -fee * factor);
        ledger.credit(FEE_ACCOUNT, asset, fee * factor);

        let hold = if order.ord_type == OrdType::Market && order.side == Side::Buy {
            let fee_given = if fees.currency.is_given(order.side) { fee } else { 0 };
            order.hold - (cost + fee_given) * self.quote_factor
        } else {
            let qty = order.leaves();
            let cost = i128::from(qty.0) * i128::from(order.price.0);
            self.hold(fees, order, Estimate { qty, cost })
        };
        (fee, hold)
    }
}
