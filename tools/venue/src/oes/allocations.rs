//! Broker accounts: one session that trades for many (venue file 6.11). A sub-account has money of its own;
//! limits, ClOrdIDs and reach are those of the client.

use super::request::AllocAccount;
use super::{Oes, Refusal, invalid};
use crate::matching::{AccountId, RejectReason};

/// BusinessRejectReason(380): unknown id.
const UNKNOWN_ID: u32 = 1;

impl Oes {
    /// Lets a client trade for a sub-account.
    pub fn add_allocation(&mut self, client: u16, name: AllocAccount, account: AccountId) {
        let Some(client) = self.clients.get_mut(&client) else { return };
        client.allocations.insert(name, account);
        self.customers.insert(account, client.account);
        self.allocations.insert(account, name);
    }

    /// The account of a new order. A client that trades for nobody may not name an account (SIM: 380=6),
    /// nor may one that does name another than its own sub-accounts (SIM: 380=1).
    pub(super) fn account_of(
        &self,
        client: u16,
        allocation: Option<AllocAccount>,
    ) -> Result<AccountId, Refusal> {
        let client = self.clients.get(&client).ok_or(RejectReason::PermissionDenied)?;
        let Some(name) = allocation else { return Ok(client.account) };
        if !client.has_sub_accounts() {
            return Err(RejectReason::PermissionDenied.into());
        }
        let unknown = Refusal { reason: UNKNOWN_ID, ..invalid("account") };
        client.allocations.get(&name).copied().ok_or(unknown)
    }

    /// AllocAccount(79) of the orders in an account.
    #[must_use]
    pub fn allocation(&self, account: AccountId) -> Option<AllocAccount> {
        self.allocations.get(&account).copied()
    }

    /// A client's account and the sub-accounts that anybody trades for under it.
    pub(super) fn accounts(&self, client: u16) -> Vec<AccountId> {
        let own = self.account(client);
        let mut accounts: Vec<AccountId> = self
            .customers
            .iter()
            .filter(|&(_, &customer)| Some(customer) == own)
            .map(|(&account, _)| account)
            .collect();
        accounts.sort_unstable();
        accounts
    }
}
