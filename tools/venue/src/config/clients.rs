//! Who may log on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use taut::kraken::logon::{CredentialError, Credentials};
use taut::risk::venue_rate::Tier;
use taut::secret::Secret;
use taut::types::{CompId, Symbol};
use taut_codec::value::Decimal;

use super::{ConfigError, bad};
use crate::gateway::{Market, Source};
use crate::limits::SUB_ACCOUNTS_MAX;
use crate::matching::{Asset, FuturesSelfTrade, Wallet, contract_cash};
use crate::oes::Permissions;
use crate::oes::request::AllocAccount;

/// Amounts of assets.
pub type Amounts = Vec<(Asset, Decimal)>;

/// A client: a SenderCompID with an account of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// SenderCompID(49), the same for trading and market data.
    pub sender: String,
    /// The market that it trades and sees. In derivatives the sender ends with `DRV` (venue file 1).
    pub market: Market,
    /// Environment variable with the API key. If it is not set, the client has market data only.
    pub api_key_env: String,
    /// Environment variable with the API secret, base64.
    pub api_secret_env: String,
    /// Whether it may trade.
    pub can_trade: bool,
    /// Whether it may trade with leverage.
    pub can_use_margin: bool,
    /// Addresses that it may log on from, such as `192.0.2.7` or `192.0.2.0/24`. None: any.
    pub sources: Vec<String>,
    /// Whether it may log on to market data.
    pub can_see_market_data: bool,
    /// Its account, by any name; clients with the same one share it, and the first of them fills it.
    /// Empty: an account of its own.
    pub account: String,
    /// Its rate limits (venue file 7).
    pub tier: TierName,
    /// The pool of sub-accounts whose rate limit it shares, by any name. Empty: none.
    pub domain: String,
    /// What it starts with: asset -> decimal number as text. On derivatives the flex wallet.
    pub balances: BTreeMap<String, String>,
    /// What its wallets of inverse contracts start with, likewise. Derivatives only.
    pub wallets: BTreeMap<String, String>,
    /// The sub-accounts that it may trade for, by AllocAccount(79) (venue file 6.11), and the balances of
    /// each. None: it trades for itself only.
    pub sub_accounts: BTreeMap<String, BTreeMap<String, String>>,
    /// What becomes of its orders that meet each other, or those of its `domain`, whose master is the first
    /// client that names it (venue file 6.10). Derivatives only.
    pub self_trade: FuturesSelfTrade,
}

/// The rate limits of an account; venue file 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TierName {
    /// 60 points, 1 a second, 60 orders per pair.
    Starter,
    /// 125 points, 2.34 a second, 80 orders.
    Intermediate,
    /// 180 points, 3.75 a second, 225 orders.
    Pro,
    /// No limits, for measurements.
    Unlimited,
}

impl TierName {
    /// Kraken's guide to REST rate limits: calls that do not trade, per key.
    pub(crate) const fn calls(self) -> Option<Tier> {
        let (decay, threshold) = match self {
            Self::Starter => (33, 15),
            Self::Intermediate => (50, 20),
            Self::Pro => (100, 20),
            Self::Unlimited => return None,
        };
        Some(Tier { decay, threshold, open_orders_max: 0 })
    }

    pub(crate) const fn limits(self) -> Option<Tier> {
        match self {
            Self::Starter => Some(Tier::STARTER),
            Self::Intermediate => Some(Tier::INTERMEDIATE),
            Self::Pro => Some(Tier::PRO),
            Self::Unlimited => None,
        }
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        let money = [("BTC", "100"), ("ETH", "1000"), ("USD", "10000000")];
        Self {
            sender: "TAUT".into(),
            market: Market::Spot,
            api_key_env: Credentials::KEY_VARIABLE.into(),
            api_secret_env: Credentials::SECRET_VARIABLE.into(),
            can_trade: true,
            can_use_margin: true,
            sources: Vec::new(),
            can_see_market_data: true,
            account: String::new(),
            tier: TierName::Pro,
            domain: String::new(),
            balances: money.map(|(asset, amount)| (asset.into(), amount.into())).into(),
            wallets: BTreeMap::new(),
            sub_accounts: BTreeMap::new(),
            self_trade: FuturesSelfTrade::default(),
        }
    }
}

impl ClientConfig {
    /// The default of the derivatives market.
    #[must_use]
    pub fn derivatives() -> Self {
        Self {
            sender: "TAUT_DRV".into(),
            market: Market::Derivatives,
            balances: [("USD".into(), "10000000".into())].into(),
            wallets: [("BTC".into(), "100".into())].into(),
            ..Self::default()
        }
    }

    /// Gives it so much of each asset that trading an instrument takes, unless its account says what it has
    /// of it: of both of a pair, of the base asset in its own wallet for an inverse contract, of the quote
    /// currency in the flex wallet for a linear one. An instrument of the other market gives it nothing.
    pub fn fund(&mut self, symbol: Symbol, amount: &str) {
        if Market::of_symbol(symbol.as_str()) != self.market {
            return;
        }
        let give = |to: &mut BTreeMap<String, String>, asset: &str| {
            to.entry(asset.to_owned()).or_insert_with(|| amount.to_owned());
        };
        match self.market {
            Market::Spot => {
                symbol.as_str().split('/').for_each(|asset| give(&mut self.balances, asset));
            }
            Market::Derivatives => match contract_cash(symbol) {
                Some((Wallet::Flex, asset)) => give(&mut self.balances, asset.as_str()),
                Some((Wallet::Single(_), asset)) => give(&mut self.wallets, asset.as_str()),
                // The engine refuses to list it, by its name.
                None => {}
            },
        }
    }

    /// The SenderCompID.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn comp_id(&self) -> Result<CompId, ConfigError> {
        let id: Result<CompId, _> = self.sender.parse();
        match id {
            Ok(id) if !id.is_empty() => {
                let field = || format!("clients.{:?}.market", self.sender);
                match (self.market, self.sender.ends_with("DRV")) {
                    (Market::Derivatives, false) => {
                        Err(bad(field(), "a sender of the derivatives market ends with DRV"))
                    }
                    (Market::Spot, true) => Err(bad(
                        field(),
                        "a sender that ends with DRV is of the derivatives market",
                    )),
                    _ => Ok(id),
                }
            }
            Ok(_) => Err(bad("clients.sender", "is empty")),
            Err(error) => Err(bad(format!("clients.{:?}.sender", self.sender), error)),
        }
    }

    /// Where it may log on from.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn sources(&self) -> Result<Vec<Source>, ConfigError> {
        let field = || format!("clients.{:?}.sources", self.sender);
        let read =
            |text: &String| text.parse().map_err(|why| bad(field(), format!("{text:?} {why}")));
        self.sources.iter().map(read).collect()
    }

    pub(crate) const fn permissions(&self) -> Permissions {
        Permissions { trade: self.can_trade, margin: self.can_use_margin }
    }

    /// The balances.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn balances(&self) -> Result<Amounts, ConfigError> {
        self.amounts("balances", &self.balances)
    }

    /// The wallets of inverse contracts.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn wallets(&self) -> Result<Amounts, ConfigError> {
        self.amounts("wallets", &self.wallets)
    }

    /// The sub-accounts and their balances.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn sub_accounts(&self) -> Result<Vec<(AllocAccount, Amounts)>, ConfigError> {
        let field = |name: &str| format!("clients.{:?}.sub_accounts.{name:?}", self.sender);
        let one = |(name, balances): (&String, &BTreeMap<String, String>)| {
            let id: AllocAccount = name.parse().map_err(|why| bad(field(name), why))?;
            if id.is_empty() {
                return Err(bad(field(name), "is empty"));
            }
            Ok((id, self.amounts(&format!("sub_accounts.{name:?}"), balances)?))
        };
        if self.sub_accounts.len() > SUB_ACCOUNTS_MAX {
            let why = format!("{SUB_ACCOUNTS_MAX} are possible");
            return Err(bad(format!("clients.{:?}.sub_accounts", self.sender), why));
        }
        self.sub_accounts.iter().map(one).collect()
    }

    fn amounts(
        &self,
        table: &str,
        amounts: &BTreeMap<String, String>,
    ) -> Result<Amounts, ConfigError> {
        let field = |asset: &str| format!("clients.{:?}.{table}.{asset}", self.sender);
        let one = |(asset, amount): (&String, &String)| {
            let name: Asset = asset.parse().map_err(|e| bad(field(asset), e))?;
            let decimal = Decimal::parse(amount.as_bytes()).map_err(|e| bad(field(asset), e))?;
            Ok((name, decimal))
        };
        amounts.iter().map(one).collect()
    }

    /// The credentials, read from the named variables by `read`; `None` if the key is not set.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if only one of the two is set or they are malformed.
    pub fn credentials(
        &self,
        read: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Credentials>, ConfigError> {
        let field = |name: &str| format!("clients.{:?}: environment variable {name}", self.sender);
        match (read(&self.api_key_env), read(&self.api_secret_env)) {
            (None, None) => Ok(None),
            (Some(key), Some(secret)) => {
                Credentials::new(Secret::new(key), Secret::new(secret)).map(Some).map_err(|error| {
                    let name = match error {
                        CredentialError::BadSecret => &self.api_secret_env,
                        _ => &self.api_key_env,
                    };
                    bad(field(name), error)
                })
            }
            (None, Some(_)) => Err(bad(field(&self.api_key_env), "is not set")),
            (Some(_), None) => Err(bad(field(&self.api_secret_env), "is not set")),
        }
    }
}
