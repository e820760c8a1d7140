//! The accounts of the configuration, opened in the engine.

use std::collections::HashMap;

use crate::config::{ClientConfig, ConfigError};
use crate::matching::{AccountFlags, AccountId, SpotEngine};
use crate::oes::{AccountLimits, Domain};

/// Accounts and pools by name.
#[derive(Debug, Default)]
pub(super) struct Accounts<'a> {
    accounts: HashMap<&'a str, AccountId>,
    domains: HashMap<&'a str, Domain>,
}

impl<'a> Accounts<'a> {
    /// The account of a client. The first client that names it fills it.
    pub fn open(
        &mut self,
        client: &'a ClientConfig,
        engine: &mut SpotEngine,
    ) -> Result<AccountId, ConfigError> {
        let shared = client.account.as_str();
        if let Some(&account) = self.accounts.get(shared) {
            return Ok(account);
        }
        let account = engine.add_account(AccountFlags::default())?;
        for (asset, amount) in client.balances()? {
            engine.deposit(account, asset, amount)?;
        }
        if !shared.is_empty() {
            self.accounts.insert(shared, account);
        }
        Ok(account)
    }

    /// The limits of a client.
    pub fn limits(&mut self, client: &'a ClientConfig) -> AccountLimits {
        let next = Domain(self.domains.len() as u16);
        let named = !client.domain.is_empty();
        let domain = named.then(|| *self.domains.entry(client.domain.as_str()).or_insert(next));
        AccountLimits { tier: client.tier.limits(), domain }
    }
}
