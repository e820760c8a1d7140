//! Holds, fees and what a fill does to the balances.

use taut::types::{Instrument, OrdType, Px, Qty, Side};

use super::ledger::{AMOUNT_MAX, AssetId, FEE_ACCOUNT, FeeSchedule, Ledger, MONEY_SCALE, pow10};
use super::orders::Order;

/// An instrument as the engine sees it.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) instrument: Instrument,
    pub(super) base: AssetId,
    pub(super) quote: AssetId,
    /// Ledger units per quantity unit.
    base_factor: i128,
    /// Ledger units per unit of price x quantity.
    quote_factor: i128,
    /// MinimumCost in units of price x quantity, rounded up.
    pub(super) cost_min: i128,
    pub(super) trade_seq: u64,
}

impl Market {
    /// `None` if the ledger cannot hold the instrument's precision.
    pub(super) fn new(instrument: Instrument, base: AssetId, quote: AssetId) -> Option<Self> {
        let cost_scale = instrument.price_precision.checked_add(instrument.qty_precision)?;
        let quote_digits = MONEY_SCALE.checked_sub(cost_scale)?;
        let base_digits = MONEY_SCALE.checked_sub(instrument.qty_precision)?;
        let cost = i128::from(instrument.cost_min.mantissa);
        let cost_min = if instrument.cost_min.scale <= cost_scale {
            cost * pow10(cost_scale - instrument.cost_min.scale)
        } else {
            let unit = pow10(instrument.cost_min.scale - cost_scale);
            (cost + unit - 1).div_euclid(unit)
        };
        Some(Self {
            instrument,
            base,
            quote,
            base_factor: pow10(base_digits),
            quote_factor: pow10(quote_digits),
            cost_min,
            trade_seq: 0,
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

    /// What an order has to hold of the asset that it gives, for `qty` that would cost `cost`, ledger
    /// units; `exact` and `charged` are its fee so far.
    pub(super) fn hold(
        &self,
        fees: &FeeSchedule,
        rate: u32,
        side: Side,
        (qty, cost): (Qty, i128),
        (exact, charged): (i128, i128),
    ) -> i128 {
        let (amount, factor) = match side {
            Side::Buy => (cost, self.quote_factor),
            Side::Sell => (i128::from(qty.0), self.base_factor),
        };
        let fee = if fees.currency.is_given(side) {
            FeeSchedule::round(exact + amount * i128::from(rate)) - charged
        } else {
            0
        };
        (amount + fee) * factor
    }

    /// [`Market::hold`] of an order's remainder.
    pub(super) fn hold_of(&self, fees: &FeeSchedule, order: &Order, qty: Qty, price: Px) -> i128 {
        let leaves = Qty((qty.0 - order.cum.0).max(0));
        let cost = i128::from(leaves.0) * i128::from(price.0);
        let fee = (order.fee_exact, order.fee);
        self.hold(fees, fees.highest(), order.side, (leaves, cost), fee)
    }

    /// Books one side of a trade: moves money, takes the fee, lowers the hold. Returns the fee of
    /// this trade.
    pub(super) fn fill(
        &self,
        ledger: &mut Ledger,
        fees: &FeeSchedule,
        order: &mut Order,
        (px, qty): (Px, Qty),
        rate: u32,
    ) -> i128 {
        let cost = i128::from(px.0) * i128::from(qty.0);
        order.cum.0 += qty.0;
        order.notional += cost;
        assert!(order.cum <= order.qty, "no order fills beyond its quantity");

        let sign = i128::from(order.side.sign());
        ledger.credit(order.account, self.base, sign * i128::from(qty.0) * self.base_factor);
        ledger.credit(order.account, self.quote, -sign * cost * self.quote_factor);

        let (amount, factor) = if fees.currency.is_base(order.side) {
            (i128::from(qty.0), self.base_factor)
        } else {
            (cost, self.quote_factor)
        };
        order.fee_exact += amount * i128::from(rate);
        let fee = FeeSchedule::round(order.fee_exact) - order.fee;
        order.fee += fee;
        let asset = self.fee_asset(fees, order.side);
        ledger.credit(order.account, asset, -fee * factor);
        ledger.credit(FEE_ACCOUNT, asset, fee * factor);

        let hold = if order.ord_type == OrdType::Market && order.side == Side::Buy {
            let fee_given = if fees.currency.is_given(order.side) { fee } else { 0 };
            order.hold - (cost + fee_given) * self.quote_factor
        } else {
            self.hold_of(fees, order, order.qty, order.price)
        };
        ledger.hold(order.account, self.given(order.side), hold - order.hold);
        order.hold = hold;
        fee
    }
}
