//! Balances and fees. Every amount is an integer; what one account loses, others gain.

use taut::event::Liquidity;
use taut::types::Side;

use super::account::{AccountFlags, AccountId, Asset, AssetId};
use crate::state::{Restored, Source, Stored, save_all};

/// Balances are kept in units of 10^-18 of their asset, so that all instruments share one ledger.
/// An instrument whose price and quantity precision exceed this together is refused.
pub const MONEY_SCALE: u8 = 18;

/// Largest amount of one order, ledger units: 10^12 whole units of an asset. Keeps every sum of
/// 10^8 such orders within `i128`.
pub const AMOUNT_MAX: i128 = 1_000_000_000_000 * pow10(MONEY_SCALE);

/// Highest fee rate, millionths: 10 %.
pub(super) const FEE_RATE_MAX: u32 = 100_000;

const RATE_UNIT: i128 = 1_000_000;

/// `part` of `whole` parts of an amount, rounded down; `part` is at most `whole`. The amount times the part
/// need not fit.
pub(super) const fn part_of(amount: i128, part: i64, whole: i64) -> i128 {
    let (part, whole) = (part as i128, whole as i128);
    amount / whole * part + amount % whole * part / whole
}

pub(super) const fn pow10(exponent: u8) -> i128 {
    10i128.pow(exponent as u32)
}

/// One asset of one account, units of 10^-[`MONEY_SCALE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// All that it owns.
    pub total: i128,
    /// The part that open orders hold.
    pub held: i128,
}

impl Balance {
    /// What a new order can use.
    #[must_use]
    pub const fn available(&self) -> i128 {
        self.total - self.held
    }
}

/// In which currency fees are taken; venue file 6.13.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FeeCurrency {
    /// The asset that the order gives: base for sells, quote for buys. The fee comes on top of what
    /// is given, so a sell of all that one owns has insufficient funds. The default of 6.13.
    #[default]
    Given,
    /// Base for both sides; a buyer gets less by the fee.
    Base,
    /// Quote for both sides; a seller gets less by the fee.
    Quote,
}

impl FeeCurrency {
    /// Whether an order of `side` pays its fee in the base asset.
    #[must_use]
    pub const fn is_base(self, side: Side) -> bool {
        match self {
            Self::Given => matches!(side, Side::Sell),
            Self::Base => true,
            Self::Quote => false,
        }
    }

    /// Whether the fee is taken from the asset that the order gives, and is thus part of the hold.
    #[must_use]
    pub const fn is_given(self, side: Side) -> bool {
        self.is_base(side) == matches!(side, Side::Sell)
    }
}

/// Fee rates of the venue, the same for every account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeSchedule {
    /// Basis points x 100 (millionths) of a maker: 1600 is 0.16 %.
    pub maker: u32,
    /// Basis points x 100 (millionths) of a taker: 2600 is 0.26 %.
    pub taker: u32,
    /// Which currency.
    pub currency: FeeCurrency,
}

impl Default for FeeSchedule {
    fn default() -> Self {
        Self { maker: 1600, taker: 2600, currency: FeeCurrency::Given }
    }
}

impl FeeSchedule {
    pub(super) const fn rate(&self, liquidity: Liquidity) -> u32 {
        match liquidity {
            Liquidity::Maker => self.maker,
            Liquidity::Taker => self.taker,
        }
    }

    pub(super) const fn highest(&self) -> u32 {
        if self.maker > self.taker { self.maker } else { self.taker }
    }

    /// Rounds an exact fee (amount x rate) up to whole units: the venue's favour.
    pub(super) const fn round(exact: i128) -> i128 {
        const SMALL: i128 = u64::MAX as i128;
        match exact {
            // By far the most; a division of 64 bits by a constant is a multiplication.
            0..=SMALL => (exact as u64).div_ceil(RATE_UNIT as u64) as i128,
            _ => (exact + RATE_UNIT - 1) / RATE_UNIT,
        }
    }
}

#[derive(Debug)]
struct Account {
    flags: AccountFlags,
    balances: Vec<Balance>,
}

#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) assets: Vec<Asset>,
    accounts: Vec<Account>,
    /// Per asset, what all accounts gained from each other: nothing, between trades.
    flow: Vec<i128>,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { assets: Vec::new(), accounts: Vec::new(), flow: Vec::new() }
    }

    pub(super) fn add_account(&mut self, flags: AccountFlags) {
        let balances = vec![Balance::default(); self.assets.len()];
        self.accounts.push(Account { flags, balances });
    }

    /// The asset of a name, listed if it was not.
    pub(super) fn asset(&mut self, name: Asset) -> AssetId {
        match self.assets.iter().position(|&known| known == name) {
            Some(at) => AssetId(at as u16),
            None => self.new_asset(name),
        }
    }

    /// Lists an asset, apart from others of its name.
    pub(super) fn new_asset(&mut self, name: Asset) -> AssetId {
        self.assets.push(name);
        self.flow.push(0);
        for account in &mut self.accounts {
            account.balances.push(Balance::default());
        }
        AssetId((self.assets.len() - 1) as u16)
    }

    pub(super) fn balance(&self, account: AccountId, asset: AssetId) -> Option<Balance> {
        self.accounts.get(account.0 as usize)?.balances.get(usize::from(asset.0)).copied()
    }

    /// Whether the account can hold `amount` more.
    pub(super) fn can_hold(&self, account: AccountId, asset: AssetId, amount: i128) -> bool {
        self.flags(account).unlimited_funds || self.available(account, asset) >= amount
    }

    /// Changes what is held; a negative `amount` releases.
    pub(super) fn hold(&mut self, account: AccountId, asset: AssetId, amount: i128) {
        let balance = self.balance_mut(account, asset);
        balance.held += amount;
        assert!(balance.held >= 0, "what is released was held before");
    }

    /// Gives an account what comes from outside.
    pub(super) fn deposit(&mut self, account: AccountId, asset: AssetId, amount: i128) {
        self.credit(account, asset, amount);
        self.flow[usize::from(asset.0)] -= amount;
    }

    /// Gives an account what others lose, or takes what they gain.
    pub(super) fn credit(&mut self, account: AccountId, asset: AssetId, amount: i128) {
        self.credit_all(account, [(asset, amount)]);
    }

    /// [`Ledger::credit`] of several assets.
    pub(super) fn credit_all<const N: usize>(
        &mut self,
        account: AccountId,
        amounts: [(AssetId, i128); N],
    ) {
        let balances = &mut self.accounts[account.0 as usize].balances;
        for (asset, amount) in amounts {
            let at = usize::from(asset.0);
            self.flow[at] += amount;
            let total = &mut balances[at].total;
            let sum = total.checked_add(amount);
            *total = sum.expect("amounts are bounded by AMOUNT_MAX, sums of 10^8 of them fit");
        }
    }

    /// What all accounts together gained of an asset, deposits apart.
    pub(super) fn flow(&self, asset: AssetId) -> i128 {
        self.flow[usize::from(asset.0)]
    }

    /// What an account can use beyond its holds.
    pub(super) fn available(&self, account: AccountId, asset: AssetId) -> i128 {
        self.accounts[account.0 as usize].balances[usize::from(asset.0)].available()
    }

    pub(super) fn flags(&self, account: AccountId) -> AccountFlags {
        self.accounts[account.0 as usize].flags
    }

    fn balance_mut(&mut self, account: AccountId, asset: AssetId) -> &mut Balance {
        &mut self.accounts[account.0 as usize].balances[usize::from(asset.0)]
    }
}

crate::state::stored! { Balance { total, held } }
crate::state::stored_enum!(FeeCurrency { 0 = Given, 1 = Base, 2 = Quote });

/// Assets and accounts are the configuration's.
impl Restored for Ledger {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { assets: _, accounts, flow } = self;
        save_all(accounts.iter(), out);
        flow.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        from.restore_all(self.accounts.iter_mut())?;
        self.flow = from.get()?;
        (self.flow.len() == self.assets.len()).then_some(())
    }
}

impl Restored for Account {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { flags: _, balances } = self;
        balances.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        let assets = self.balances.len();
        from.refill(&mut self.balances)?;
        (self.balances.len() == assets).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_fee_is_rounded_up_to_whole_units_however_large(low: u64, high in 0..1u64 << 40, near in -2i64..=2) {
            let large = (i128::from(high) << 64) + i128::from(low);
            let edge = i128::from(u64::MAX) + i128::from(near);
            for exact in [i128::from(low), large, edge, i128::from(near.unsigned_abs())] {
                let fee = FeeSchedule::round(exact);
                prop_assert!(fee * RATE_UNIT >= exact && (fee - 1) * RATE_UNIT < exact, "{exact}: {fee}");
            }
        }

        #[test]
        fn a_part_is_what_wide_division_says(amount in 0..AMOUNT_MAX, whole in 1..=i64::MAX, share in 0u64..=1000) {
            let part = (i128::from(whole) * i128::from(share) / 1000) as i64;
            let (got, rest) = (part_of(amount, part, whole), part_of(amount, whole - part, whole));
            prop_assert_eq!(part_of(amount, whole, whole), amount);
            prop_assert!(got <= amount && (0..=1).contains(&(amount - got - rest)), "{got} {rest}");
            if let Some(product) = amount.checked_mul(i128::from(part)) {
                prop_assert_eq!(got, product / i128::from(whole));
            }
        }
    }
}
