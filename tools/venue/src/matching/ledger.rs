//! Accounts, balances and fees. Every amount is an integer; what one account loses, others gain.

use taut::types::Side;
use taut_codec::value::FixStr;

use super::orders::NONE;

/// Balances are kept in units of 10^-18 of their asset, so that all instruments share one ledger.
/// An instrument whose price and quantity precision exceed this together is refused.
pub const MONEY_SCALE: u8 = 18;

/// Largest amount of one order, ledger units: 10^12 whole units of an asset. Keeps every sum of
/// 10^8 such orders within `i128`.
pub const AMOUNT_MAX: i128 = 1_000_000_000_000 * pow10(MONEY_SCALE);

/// Highest fee rate, millionths: 10 %.
pub(super) const FEE_RATE_MAX: u32 = 100_000;

const RATE_UNIT: i128 = 1_000_000;

pub(super) const fn pow10(exponent: u8) -> i128 {
    10i128.pow(exponent as u32)
}

/// A currency, `BTC`, `USD`.
pub type Asset = FixStr<11>;

/// An asset of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetId(pub u16);

/// An account of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u32);

/// The venue's own account: fees arrive here; it cannot trade.
pub const FEE_ACCOUNT: AccountId = AccountId(0);

/// What an account is exempt from. A client's account has none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountFlags {
    /// Balances may become negative: the house.
    pub unlimited_funds: bool,
    /// Its orders may trade with each other.
    pub self_trade_allowed: bool,
    /// QtyMin and MinimumCost do not bind it: a recorded level may be smaller.
    pub no_minimums: bool,
}

impl AccountFlags {
    /// The flags of the account that provides liquidity.
    pub const HOUSE: Self =
        Self { unlimited_funds: true, self_trade_allowed: true, no_minimums: true };
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
    pub(super) const fn highest(&self) -> u32 {
        if self.maker > self.taker { self.maker } else { self.taker }
    }

    /// Rounds an exact fee (amount x rate) up to whole units: the venue's favour.
    pub(super) const fn round(exact: i128) -> i128 {
        (exact + RATE_UNIT - 1) / RATE_UNIT
    }
}

#[derive(Debug)]
pub(super) struct Account {
    pub(super) flags: AccountFlags,
    balances: Vec<Balance>,
    /// Its live orders, oldest first, chained through the order slab.
    pub(super) head: u32,
    pub(super) tail: u32,
}

#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) assets: Vec<Asset>,
    pub(super) accounts: Vec<Account>,
}

impl Ledger {
    pub(super) fn new() -> Self {
        let mut ledger = Self { assets: Vec::new(), accounts: Vec::new() };
        ledger.add_account(AccountFlags::default());
        ledger
    }

    pub(super) fn add_account(&mut self, flags: AccountFlags) -> AccountId {
        let balances = vec![Balance::default(); self.assets.len()];
        self.accounts.push(Account { flags, balances, head: NONE, tail: NONE });
        AccountId((self.accounts.len() - 1) as u32)
    }

    pub(super) fn asset(&mut self, name: Asset) -> AssetId {
        if let Some(at) = self.assets.iter().position(|&known| known == name) {
            return AssetId(at as u16);
        }
        self.assets.push(name);
        for account in &mut self.accounts {
            account.balances.push(Balance::default());
        }
        AssetId((self.assets.len() - 1) as u16)
    }

    pub(super) fn account(&self, account: AccountId) -> Option<&Account> {
        self.accounts.get(account.0 as usize)
    }

    pub(super) fn account_mut(&mut self, account: AccountId) -> &mut Account {
        &mut self.accounts[account.0 as usize]
    }

    pub(super) fn balance(&self, account: AccountId, asset: AssetId) -> Option<Balance> {
        self.account(account)?.balances.get(usize::from(asset.0)).copied()
    }

    /// Whether the account can hold `amount` more.
    pub(super) fn can_hold(&self, account: AccountId, asset: AssetId, amount: i128) -> bool {
        let account = &self.accounts[account.0 as usize];
        account.flags.unlimited_funds
            || account.balances[usize::from(asset.0)].available() >= amount
    }

    /// Changes what is held; a negative `amount` releases.
    pub(super) fn hold(&mut self, account: AccountId, asset: AssetId, amount: i128) {
        let balance = self.balance_mut(account, asset);
        balance.held += amount;
        assert!(balance.held >= 0, "what is released was held before");
    }

    pub(super) fn credit(&mut self, account: AccountId, asset: AssetId, amount: i128) {
        let balance = self.balance_mut(account, asset);
        balance.total = balance
            .total
            .checked_add(amount)
            .expect("amounts are bounded by AMOUNT_MAX, sums of 10^8 of them fit");
    }

    fn balance_mut(&mut self, account: AccountId, asset: AssetId) -> &mut Balance {
        &mut self.accounts[account.0 as usize].balances[usize::from(asset.0)]
    }
}
