//! Self-trade prevention, which on derivatives is a setting of the account; venue file 6.10.

use crate::matching::{AccountId, SelfTrade};

/// What happens when an order meets one of its own account, or of its family: a master account and its
/// sub-accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FuturesSelfTrade {
    /// The arriving order is refused.
    #[default]
    RejectTaker,
    /// The resting one is cancelled if it is of the same account; else the arriving one is refused.
    CancelMakerSelf,
    /// The same, and a master also cancels resting ones of its sub-accounts.
    CancelMakerChild,
    /// The resting one is cancelled, whoever of the family has it.
    CancelMakerAny,
}

/// Whom an account belongs to, and what it wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) master: AccountId,
    pub(super) strategy: FuturesSelfTrade,
}

impl Family {
    /// An account by itself.
    pub(super) fn of(account: AccountId) -> Self {
        Self { master: account, strategy: FuturesSelfTrade::default() }
    }

    /// What becomes of an order of `taker` that meets one of `maker`.
    pub(super) fn meets(
        self,
        taker: AccountId,
        maker: AccountId,
        other: Self,
    ) -> Option<SelfTrade> {
        if self.master != other.master {
            return None;
        }
        let cancels_maker = match self.strategy {
            FuturesSelfTrade::RejectTaker => false,
            FuturesSelfTrade::CancelMakerSelf => taker == maker,
            FuturesSelfTrade::CancelMakerChild => taker == maker || taker == self.master,
            FuturesSelfTrade::CancelMakerAny => true,
        };
        Some(if cancels_maker { SelfTrade::CancelOldest } else { SelfTrade::CancelNewest })
    }
}
