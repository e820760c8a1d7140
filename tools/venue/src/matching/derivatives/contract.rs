//! What a contract is worth.

use taut::types::{Instrument, Px, Qty, Symbol};
use taut_codec::value::Decimal;

use crate::matching::ledger::pow10;
use crate::matching::{AMOUNT_MAX, Asset, AssetId, Estimate, Index, MONEY_SCALE, Wallet};
use crate::state::{Restored, Source, Stored};

/// How the value of a contract follows the price. The names of the instruments tell it: `PF_XBTUSD` and
/// `FF_XBTUSD_260626` are linear, `PI_XBTUSD` and `FI_XBTUSD_260626` inverse; `P` is a perpetual, `F` ends
/// at a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractKind {
    /// A quantity of the base asset, valued and settled in the quote currency.
    Linear,
    /// A quantity of the quote currency, valued and settled in the base asset: the dearer the base asset,
    /// the less of it a contract is worth.
    Inverse,
}

impl ContractKind {
    /// Whether a rising value is the buyer's gain (1) or the seller's (-1).
    pub(super) const fn sign(self) -> i128 {
        match self {
            Self::Linear => 1,
            Self::Inverse => -1,
        }
    }
}

/// What an instrument's symbol says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) kind: ContractKind,
    pub(super) perpetual: bool,
    pub(super) base: Asset,
    pub(super) quote: Asset,
}

impl Named {
    /// Reads `PF_XBTUSD`; `None` if it is not of that form. `XBT` is `BTC` (venue file C16).
    pub(super) fn read(symbol: Symbol) -> Option<Self> {
        let (prefix, rest) = symbol.as_str().split_once('_')?;
        let (pair, maturity) = rest.split_once('_').unzip();
        let kind = match (prefix, maturity) {
            ("PF", None) | ("FF", Some(_)) => ContractKind::Linear,
            ("PI", None) | ("FI", Some(_)) => ContractKind::Inverse,
            _ => return None,
        };
        let is_date = |date: &str| date.len() == 6 && date.bytes().all(|b| b.is_ascii_digit());
        if !maturity.is_none_or(is_date) {
            return None;
        }
        let pair = pair.unwrap_or(rest);
        let (base, quote) = pair.split_at_checked(pair.len().checked_sub(3)?)?;
        let base = if base == "XBT" { "BTC" } else { base };
        let perpetual = maturity.is_none();
        let usable = !base.is_empty() && base != quote;
        let (base, quote) = (base.parse().ok()?, quote.parse().ok()?);
        usable.then_some(Self { kind, perpetual, base, quote })
    }
}

/// The wallet that a contract of this name settles in, and the cash of it; `None` if it names none.
///
/// ```
/// use taut_venue::matching::{Wallet, contract_cash};
/// let btc = "BTC".parse().unwrap();
/// assert_eq!(contract_cash("PI_XBTUSD".parse().unwrap()), Some((Wallet::Single(btc), btc)));
/// let usd = "USD".parse().unwrap();
/// assert_eq!(contract_cash("PF_XBTUSD".parse().unwrap()), Some((Wallet::Flex, usd)));
/// ```
#[must_use]
pub fn contract_cash(symbol: Symbol) -> Option<(Wallet, Asset)> {
    let Named { kind, base, quote, .. } = Named::read(symbol)?;
    Some(match kind {
        ContractKind::Linear => (Wallet::Flex, quote),
        ContractKind::Inverse => (Wallet::Single(base), base),
    })
}

/// The terms of an instrument beyond its rules of price and quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContractTerms {
    /// What a quantity of one is: units of the base asset (linear) or of the quote currency (inverse).
    pub contract_value: Decimal,
    /// The initial margin is one over this of the value.
    pub leverage: u8,
    /// The maintenance margin, per cent of the initial one.
    pub maintenance_percent: u8,
    /// Largest position of an account.
    pub position_max: Qty,
}

/// An instrument as the settlement sees it. Values are in ledger units of the asset that it settles in.
#[derive(Debug)]
pub(super) struct Contract {
    pub(super) named: Named,
    pub(super) terms: ContractTerms,
    /// The cash that gains and losses are paid in.
    pub(super) cash: AssetId,
    /// Linear: ledger units per unit of price x quantity. Inverse: ledger units x price per quantity.
    factor: i128,
    /// Units of a price in one.
    price_unit: i128,
    /// Sum of all accounts' positions: nothing, between trades; between the two sides of a trade its
    /// quantity.
    pub(super) net: i64,
    last: Option<Px>,
    index: Option<Px>,
}

impl Contract {
    /// `None` if the ledger cannot hold the instrument's precision, or the terms make no sense.
    pub(super) fn new(
        instrument: &Instrument,
        named: Named,
        terms: ContractTerms,
        cash: AssetId,
    ) -> Option<Self> {
        let Instrument { price_precision, qty_precision, .. } = *instrument;
        let contract = terms.contract_value.normalized();
        let decimals = match named.kind {
            ContractKind::Linear => {
                let all =
                    price_precision.checked_add(qty_precision)?.checked_add(contract.scale)?;
                MONEY_SCALE.checked_sub(all)?
            }
            ContractKind::Inverse => {
                let scale = qty_precision.checked_add(contract.scale)?;
                MONEY_SCALE.checked_add(price_precision)?.checked_sub(scale)?
            }
        };
        let factor = pow10(decimals).checked_mul(i128::from(contract.mantissa))?;
        let usable = factor > 0 && terms.leverage > 0 && terms.maintenance_percent <= 100;
        let price_unit = pow10(price_precision);
        let (net, last, index) = (0, None, None);
        usable.then_some(Self { named, terms, cash, factor, price_unit, net, last, index })
    }

    /// What a quantity is worth at a price, rounded down; as much as can be counted if it is more.
    pub(super) fn value(&self, px: Px, qty: i64) -> i128 {
        let (px, qty) = (i128::from(px.0.max(1)), i128::from(qty));
        match self.named.kind {
            ContractKind::Linear => px.saturating_mul(qty).saturating_mul(self.factor),
            ContractKind::Inverse => qty.saturating_mul(self.factor) / px,
        }
    }

    /// What an order could open, at the mean of its prices.
    pub(super) fn value_of(&self, estimate: Estimate) -> i128 {
        let qty = estimate.qty.0;
        let Some(px) = estimate.cost.checked_div(i128::from(qty)).filter(|&px| px > 0) else {
            return 0;
        };
        self.value(Px(i64::try_from(px).unwrap_or(i64::MAX)), qty)
    }

    /// Whether the value is small enough to count with.
    pub(super) fn in_range(&self, qty: Qty, cost: i128) -> bool {
        cost < i128::from(i64::MAX) * i128::from(u32::MAX)
            && self.value_of(Estimate { qty, cost }) <= AMOUNT_MAX
            && i128::from(qty.0).checked_mul(self.factor).is_some()
    }

    /// The price that positions are valued at: the index, or the last trade while there is none.
    pub(super) fn mark(&self) -> Option<Px> {
        self.index.or(self.last)
    }

    /// Whether the mark is the price of an asset in the cash of the flex wallet.
    pub(super) fn prices(&self, asset: Asset) -> bool {
        let Named { kind, perpetual, base, .. } = self.named;
        perpetual && kind == ContractKind::Linear && base == asset
    }

    /// What an amount of the base asset is worth at the mark; nothing while there is none.
    pub(super) fn worth_of_base(&self, amount: i128) -> i128 {
        let (px, unit) = (self.mark().map_or(0, |px| i128::from(px.0)), self.price_unit);
        (amount / unit).saturating_mul(px).saturating_add(amount % unit * px / unit)
    }

    pub(super) const fn traded(&mut self, px: Px) {
        self.last = Some(px);
    }

    pub(super) const fn see_index(&mut self, index: Index) {
        self.index = match index {
            Index::At(px) if px.0 > 0 => Some(px),
            _ => None,
        };
    }

    /// The initial margin of a value, rounded up.
    pub(super) fn initial(&self, value: i128) -> i128 {
        let leverage = i128::from(self.terms.leverage);
        value / leverage + i128::from(value % leverage != 0)
    }

    /// The maintenance margin of a value, rounded up.
    pub(super) fn maintenance(&self, value: i128) -> i128 {
        let (initial, percent) = (self.initial(value), i128::from(self.terms.maintenance_percent));
        initial / 100 * percent + (initial % 100 * percent + 99) / 100
    }
}

impl Restored for Contract {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { named: _, terms: _, cash: _, factor: _, price_unit: _, net, last, index } = self;
        net.store(out);
        (*last, *index).store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        self.net = from.get()?;
        (self.last, self.index) = from.get()?;
        Some(())
    }
}
