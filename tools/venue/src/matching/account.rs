//! Accounts and what belongs to every engine's accounts.

use taut_codec::value::FixStr;

use super::pool::NONE;
use crate::state::{Restored, Source, Stored};

/// A currency, `BTC`, `USD`.
pub type Asset = FixStr<11>;

/// An asset of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetId(pub u16);

/// An account of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u32);

/// The venue's own account: fees arrive here, and what margin orders borrow comes from here; it cannot
/// trade.
pub const FEE_ACCOUNT: AccountId = AccountId(0);

/// What an account is exempt from. A client's account has none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountFlags {
    /// Balances may become negative: the house.
    pub unlimited_funds: bool,
    /// Its orders may trade with each other.
    pub self_trade_allowed: bool,
    /// QtyMin, QtyMax and MinimumCost do not bind it: a recorded level may be smaller or larger.
    pub no_minimums: bool,
    /// It may not trade on margin.
    pub no_margin: bool,
}

impl AccountFlags {
    /// The flags of the account that provides liquidity.
    pub const HOUSE: Self = Self {
        unlimited_funds: true,
        self_trade_allowed: true,
        no_minimums: true,
        no_margin: true,
    };
}

/// An account as the shared part of an engine sees it; its money is the settlement's.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) flags: AccountFlags,
    /// Its live orders, oldest first, chained through the order pool.
    pub(super) head: u32,
    pub(super) tail: u32,
}

impl Account {
    pub(super) const fn new(flags: AccountFlags) -> Self {
        Self { flags, head: NONE, tail: NONE }
    }
}

crate::state::stored! {
    AssetId { 0 }
    AccountId { 0 }
}

impl Restored for Account {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { flags: _, head, tail } = self;
        (*head, *tail).store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        (self.head, self.tail) = from.get()?;
        Some(())
    }
}
