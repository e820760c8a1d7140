//! Holds, fees and what a fill does to the balances.

use taut::types::{Instrument, OrdType, Px, Qty, Side};

use super::margin::MarginTerms;
use crate::matching::ledger::Ledger;
use crate::matching::{
    AMOUNT_MAX, AssetId, Estimate, FEE_ACCOUNT, FeeCurrency, FeeSchedule, Fill, MONEY_SCALE, Order,
};
use crate::state::{Restored, Source, Stored};

/// An instrument as the settlement sees it.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) base: AssetId,
    pub(super) quote: AssetId,
    /// Ledger units per quantity unit: a power of ten up to 10^18. Kept in 64 bits, because a product with it is
    /// cheaper then.
    base_factor: u64,
    /// Ledger units per unit of price x quantity, likewise.
    quote_factor: u64,
    pub(super) margin: MarginTerms,
    /// What positions of all accounts have borrowed, without sign: that of many can leave 64 bits.
    pub(super) lent: i128,
    /// Price of the last trade.
    pub(super) last: Option<Px>,
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
            base_factor: 10u64.checked_pow(base_digits.into())?,
            quote_factor: 10u64.checked_pow(quote_digits.into())?,
            margin: MarginTerms::default(),
            lent: 0,
            last: None,
        })
    }

    /// A cost, price x quantity, in ledger units.
    pub(super) const fn in_quote(&self, cost: i128) -> i128 {
        cost * self.quote_factor as i128
    }

    /// The asset of which an order holds: what it gives, or of a margin order the quote currency.
    pub(super) const fn held(&self, order: &Order) -> AssetId {
        match order.side {
            Side::Sell if !order.leveraged => self.base,
            _ => self.quote,
        }
    }

    /// The currency of an order's fee: 18=f or q, or the venue's default (venue file 6.13). Margin orders
    /// pay in quote.
    fn currency(fees: &FeeSchedule, order: &Order) -> FeeCurrency {
        if order.leveraged {
            FeeCurrency::Quote
        } else {
            order.fee_currency.unwrap_or(fees.currency)
        }
    }

    /// The asset of the fee.
    pub(super) fn fee_asset(&self, fees: &FeeSchedule, order: &Order) -> AssetId {
        let is_base = Self::currency(fees, order).is_base(order.side);
        if is_base { self.base } else { self.quote }
    }

    /// Whether quantity and cost are small enough to count with.
    pub(super) fn in_range(&self, qty: Qty, cost: i128) -> bool {
        let within = |amount: i128, factor: u64| {
            amount.checked_mul(factor.into()).is_some_and(|ledger| ledger <= AMOUNT_MAX)
        };
        within(i128::from(qty.0), self.base_factor) && within(cost, self.quote_factor)
    }

    /// What an order has to hold of the asset that it gives, ledger units.
    pub(super) fn hold(&self, fees: &FeeSchedule, order: &Order, estimate: Estimate) -> i128 {
        let (amount, factor) = match order.side {
            Side::Buy => (estimate.cost, self.quote_factor),
            Side::Sell => (i128::from(estimate.qty.0), self.base_factor),
        };
        let fee = if Self::currency(fees, order).is_given(order.side) {
            let rate = i128::from(fees.highest());
            FeeSchedule::round(order.fee_exact + amount * rate) - order.fee
        } else {
            0
        };
        (amount + fee) * i128::from(factor)
    }

    /// Moves what one side of a trade gives and gets, and takes its fee, which is returned. What a margin order
    /// trades is the venue's own: it lends.
    pub(super) fn settle(
        &self,
        ledger: &mut Ledger,
        fees: &FeeSchedule,
        order: &mut Order,
        fill: Fill,
    ) -> i128 {
        let (qty, cost) = (i128::from(fill.qty.0), i128::from(fill.px.0) * i128::from(fill.qty.0));
        let (given, paid) = (qty * i128::from(self.base_factor), self.in_quote(cost));
        let (base, quote) = match order.side {
            Side::Buy => (given, -paid),
            Side::Sell => (-given, paid),
        };
        let in_base = Self::currency(fees, order).is_base(order.side);
        let (amount, factor, asset) = if in_base {
            (qty, self.base_factor, self.base)
        } else {
            (cost, self.quote_factor, self.quote)
        };
        order.fee_exact += amount * i128::from(fees.rate(fill.liquidity));
        let fee = FeeSchedule::round(order.fee_exact) - order.fee;
        order.fee += fee;
        let paid = fee * i128::from(factor);
        ledger.credit(FEE_ACCOUNT, asset, paid);
        if order.leveraged {
            ledger.credit(order.account, asset, -paid);
            ledger.credit(FEE_ACCOUNT, self.base, base);
            ledger.credit(FEE_ACCOUNT, self.quote, quote);
        } else {
            let (in_base, in_quote) = if in_base { (paid, 0) } else { (0, paid) };
            let gains = [(self.base, base - in_base), (self.quote, quote - in_quote)];
            ledger.credit_all(order.account, gains);
        }
        fee
    }

    /// What an order that was just filled, and paid `fee` for it, has to hold for the rest.
    pub(super) fn hold_after(
        &self,
        fees: &FeeSchedule,
        order: &Order,
        fill: Fill,
        fee: i128,
    ) -> i128 {
        if order.ord_type == OrdType::Market && order.side == Side::Buy {
            let cost = i128::from(fill.px.0) * i128::from(fill.qty.0);
            let given = Self::currency(fees, order).is_given(order.side);
            return order.hold - self.in_quote(cost + if given { fee } else { 0 });
        }
        let qty = order.leaves();
        if qty.0 == 0 {
            // By far the most of them; what a fee is rounded by was paid with it.
            return 0;
        }
        let cost = i128::from(qty.0) * i128::from(order.price.0);
        self.hold(fees, order, Estimate { qty, cost })
    }
}

impl Restored for Pair {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { base: _, quote: _, base_factor: _, quote_factor: _, margin: _, lent, last } =
            self;
        (*lent, *last).store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        (self.lent, self.last) = from.get()?;
        Some(())
    }
}
