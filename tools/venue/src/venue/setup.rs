//! The two markets as the configuration wants them: instruments, accounts, the house.

use std::collections::HashMap;

use taut_codec::value::UtcTime;

use super::desk::Desk;
use crate::config::{
    ClientConfig, ConfigError, IndexSource, InstrumentConfig, SubAccounts, VenueConfig,
};
use crate::gateway::Market;
use crate::liquidity::{self, LiquiditySource};
use crate::market_data::MarketData;
use crate::matching::{
    AccountFlags, AccountId, Derivatives, DerivativesConfig, DerivativesEngine, Engine, Index,
    Settlement, Spot, SpotConfig, SpotEngine, Wallet,
};
use crate::oes::request::AllocAccount;
use crate::oes::{AccountLimits, Domain, Oes, OesSwitches};

/// The spot market, without clients.
pub(super) fn spot(
    config: &VenueConfig,
    liquidity: &LiquiditySource,
    now: UtcTime,
) -> Result<Desk<Spot>, ConfigError> {
    let own = SpotConfig { fees: config.fee_schedule(), ..config.trading.spot() };
    let mut engine = SpotEngine::new(&own)?;
    for (instrument, configured) in liquidity::listed(config, liquidity, Market::Spot)? {
        let id = engine.add_instrument(instrument)?;
        // A recorded pair that took the place of a configured one has other units: it has no margin.
        if let Some(configured) = configured {
            engine.offer_margin(id, configured.margin()?);
        }
    }
    open(engine, config, liquidity, Market::Spot, now)
}

/// The derivatives market, without clients.
pub(super) fn derivatives(
    config: &VenueConfig,
    liquidity: &LiquiditySource,
    now: UtcTime,
) -> Result<Desk<Derivatives>, ConfigError> {
    let own = DerivativesConfig { fees: config.derivatives_fees(), ..config.trading.derivatives() };
    let mut engine = DerivativesEngine::new(&own)?;
    for (instrument, configured) in liquidity::listed(config, liquidity, Market::Derivatives)? {
        let terms = match configured {
            Some(configured) => configured.contract()?,
            None => InstrumentConfig::recorded_contract(),
        };
        engine.add_instrument(instrument, terms)?;
    }
    open(engine, config, liquidity, Market::Derivatives, now)
}

fn open<S: Settlement + 'static>(
    mut engine: Engine<S>,
    config: &VenueConfig,
    liquidity: &LiquiditySource,
    market: Market,
    now: UtcTime,
) -> Result<Desk<S>, ConfigError> {
    let mut indices = Vec::new();
    for one in config.instruments.iter().filter(|one| one.index == IndexSource::Book) {
        if let Some(id) = engine.instrument_id(one.symbol.as_bytes()) {
            engine.set_index(id, Index::Down);
            indices.push(id);
        }
    }
    let house = engine.add_account(AccountFlags::HOUSE)?;
    let liquidity = liquidity::open(liquidity.on(market), &engine, house, now)?;
    let switches = OesSwitches { derivatives: config.derivatives_limits, ..config.switches.oes() };
    let market_data = MarketData::new(engine.instruments().len(), config.switches.market_data);
    Ok(Desk {
        oes: Oes::new(market, switches),
        engine,
        market_data,
        liquidity,
        indices,
        events: Vec::new(),
    })
}

/// Accounts and pools of a market, by name.
#[derive(Debug, Default)]
pub(super) struct Accounts<'a> {
    accounts: HashMap<&'a str, AccountId>,
    domains: HashMap<&'a str, Domain>,
    /// The account of the first client of each pool.
    masters: HashMap<&'a str, AccountId>,
    subs: HashMap<(AccountId, AllocAccount), AccountId>,
}

impl<'a> Accounts<'a> {
    /// Adds a client of the spot market.
    pub(super) fn add_spot(
        &mut self,
        number: u16,
        client: &'a ClientConfig,
        desk: &mut Desk<Spot>,
    ) -> Result<(), ConfigError> {
        let (account, is_new) = self.open(client, &mut desk.engine)?;
        if is_new {
            for (asset, amount) in client.balances()? {
                desk.engine.deposit(account, asset, amount)?;
            }
        }
        desk.oes.add_client(number, account, client.permissions(), self.limits(client));
        for (name, balances) in client.sub_accounts()? {
            let (sub, is_new) = self.open_sub(account, name, &mut desk.engine)?;
            for (asset, amount) in balances.into_iter().filter(|_| is_new) {
                desk.engine.deposit(sub, asset, amount)?;
            }
            desk.oes.add_allocation(number, name, sub);
        }
        Ok(())
    }

    /// Adds a client of the derivatives market.
    pub(super) fn add_derivatives(
        &mut self,
        number: u16,
        client: &'a ClientConfig,
        sub_accounts: SubAccounts,
        desk: &mut Desk<Derivatives>,
    ) -> Result<(), ConfigError> {
        let (account, is_new) = self.open(client, &mut desk.engine)?;
        if is_new {
            for (asset, amount) in client.balances()? {
                desk.engine.deposit(account, Wallet::Flex, asset, amount)?;
            }
            for (asset, amount) in client.wallets()? {
                desk.engine.deposit(account, Wallet::Single(asset), asset, amount)?;
            }
        }
        let family = client.domain.as_str();
        let master = if family.is_empty() {
            account
        } else {
            *self.masters.entry(family).or_insert(account)
        };
        if is_new {
            desk.engine.set_self_trade(account, master, client.self_trade);
        }
        desk.oes.add_client(number, account, client.permissions(), self.limits(client));
        for (name, balances) in client.sub_accounts()? {
            let (sub, is_new) = self.open_sub(account, name, &mut desk.engine)?;
            for (asset, amount) in balances.into_iter().filter(|_| is_new) {
                desk.engine.deposit(sub, Wallet::Flex, asset, amount)?;
            }
            let master = if sub_accounts == SubAccounts::Children { master } else { sub };
            desk.engine.set_self_trade(sub, master, client.self_trade);
            desk.oes.add_allocation(number, name, sub);
        }
        Ok(())
    }

    /// The account of a client, and whether it is new: the first client that names it fills it.
    fn open<S: Settlement>(
        &mut self,
        client: &'a ClientConfig,
        engine: &mut Engine<S>,
    ) -> Result<(AccountId, bool), ConfigError> {
        let shared = client.account.as_str();
        if let Some(&account) = self.accounts.get(shared) {
            return Ok((account, false));
        }
        let account = engine.add_account(AccountFlags::default())?;
        if !shared.is_empty() {
            self.accounts.insert(shared, account);
        }
        Ok((account, true))
    }

    /// A sub-account, and whether it is new: clients that share an account share its sub-accounts.
    fn open_sub<S: Settlement>(
        &mut self,
        account: AccountId,
        name: AllocAccount,
        engine: &mut Engine<S>,
    ) -> Result<(AccountId, bool), ConfigError> {
        if let Some(&sub) = self.subs.get(&(account, name)) {
            return Ok((sub, false));
        }
        let sub = engine.add_account(AccountFlags::default())?;
        self.subs.insert((account, name), sub);
        Ok((sub, true))
    }

    /// The limits of a client.
    fn limits(&mut self, client: &'a ClientConfig) -> AccountLimits {
        let next = Domain(self.domains.len() as u16);
        let named = !client.domain.is_empty();
        let domain = named.then(|| *self.domains.entry(client.domain.as_str()).or_insert(next));
        AccountLimits { tier: client.tier.limits(), calls: client.tier.calls(), domain }
    }
}
