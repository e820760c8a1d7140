//! The venue's configuration: one TOML file, every field documented and defaulted. It names the
//! environment variables that hold secrets, never a secret itself.

mod switches;
mod text;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use taut::kraken::logon::{CredentialError, Credentials};
use taut::secret::Secret;
use taut::types::{CompId, Instrument, PairStatus, Px, Qty, Symbol};
use taut_codec::value::{Decimal, SCALE_MAX};

use crate::gateway::Service;
use crate::limits::{CLIENTS_MAX, GATEWAY_INSTANCES_MAX, INSTRUMENTS_MAX};
use crate::liquidity::SyntheticConfig;
use crate::matching::{Asset, FeeCurrency, FeeSchedule, SetupError};

pub use switches::{LogonRefusal, LowLogonNumber, RefusalNumber, Switches};

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown field, or a value of the wrong type; says where.
    #[error("configuration: {0}")]
    Toml(#[from] toml::de::Error),
    /// A value that makes no sense.
    #[error("configuration, {field}: {why}")]
    Value {
        /// Which field.
        field: String,
        /// What is wrong.
        why: String,
    },
    /// An address beyond this machine without permission.
    #[error("configuration, bind: {0} is not loopback; set allow_remote = true to serve others")]
    Remote(IpAddr),
    /// The engine refuses the setup.
    #[error("configuration: {0}")]
    Setup(#[from] SetupError),
}

fn bad(field: impl Into<String>, why: impl std::fmt::Display) -> ConfigError {
    ConfigError::Value { field: field.into(), why: why.to_string() }
}

/// The whole configuration. [`VenueConfig::commented_toml`] is the same as text, field by field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VenueConfig {
    /// Address to listen on. Default 127.0.0.1.
    pub bind: IpAddr,
    /// Whether an address beyond loopback is allowed. Default no.
    pub allow_remote: bool,
    /// Added to every port of Kraken's map (market data 4000, trading 4001). Default 0.
    pub port_offset: u16,
    /// Gateway instances behind the router. Default 2.
    pub gateway_instances: u16,
    /// Where the venue's documents disagree or are silent.
    pub switches: Switches,
    /// Fees.
    pub fees: Fees,
    /// The house that trades with the clients.
    pub liquidity: LiquidityConfig,
    /// What is traded.
    pub instruments: Vec<InstrumentConfig>,
    /// Who may log on.
    pub clients: Vec<ClientConfig>,
}

impl Default for VenueConfig {
    fn default() -> Self {
        let pair = |symbol: &str, price_precision, tick: &str| InstrumentConfig {
            symbol: symbol.into(),
            price_precision,
            tick_size: tick.into(),
            ..InstrumentConfig::default()
        };
        Self {
            bind: IpAddr::from([127, 0, 0, 1]),
            allow_remote: false,
            port_offset: 0,
            gateway_instances: 2,
            switches: Switches::default(),
            fees: Fees::default(),
            liquidity: LiquidityConfig::default(),
            instruments: vec![pair("BTC/USD", 1, "0.1"), pair("ETH/USD", 2, "0.01")],
            clients: vec![ClientConfig::default()],
        }
    }
}

/// Fee rates and currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fees {
    /// Of makers, millionths: 1600 is 0.16 %.
    pub maker: u32,
    /// Of takers, millionths: 2600 is 0.26 %.
    pub taker: u32,
    /// In which currency (venue file 6.13). Default `given`.
    pub currency: FeeCurrencyName,
}

impl Default for Fees {
    fn default() -> Self {
        let FeeSchedule { maker, taker, .. } = FeeSchedule::default();
        Self { maker, taker, currency: FeeCurrencyName::Given }
    }
}

/// See [`FeeCurrency`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeCurrencyName {
    /// Base for sells, quote for buys.
    #[default]
    Given,
    /// Always base.
    Base,
    /// Always quote.
    Quote,
}

/// The liquidity that the venue starts with, unless the embedding program brings its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiquidityConfig {
    /// Default `synthetic`.
    pub mode: LiquidityMode,
    /// The pair that it trades. Default `BTC/USD`.
    pub symbol: String,
    /// The synthetic market.
    pub synthetic: SyntheticConfig,
}

impl Default for LiquidityConfig {
    fn default() -> Self {
        Self {
            mode: LiquidityMode::default(),
            symbol: "BTC/USD".into(),
            synthetic: SyntheticConfig::default(),
        }
    }
}

/// Whether there is a house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiquidityMode {
    /// Clients are among themselves.
    None,
    /// A seeded synthetic market.
    #[default]
    Synthetic,
}

/// An instrument; venue file 4.12. Decimal numbers are texts, so that they are exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InstrumentConfig {
    /// `BASE/QUOTE`.
    pub symbol: String,
    /// PricePrecision(2349).
    pub price_precision: u8,
    /// QtyPrecision(5010).
    pub qty_precision: u8,
    /// TickSize(5022).
    pub tick_size: String,
    /// MinTradeVol(562): quantities are multiples of it.
    pub qty_step: String,
    /// QtyMin(5011).
    pub qty_min: String,
    /// MinimumCost(5013), in the quote currency; `0` for none.
    pub cost_min: String,
    /// AssetPairStatus(5032).
    pub status: StatusName,
}

impl Default for InstrumentConfig {
    fn default() -> Self {
        Self {
            symbol: "BTC/USD".into(),
            price_precision: 1,
            qty_precision: 8,
            tick_size: "0.1".into(),
            qty_step: "0.00000001".into(),
            qty_min: "0.0001".into(),
            cost_min: "0.5".into(),
            status: StatusName::Online,
        }
    }
}

/// See [`PairStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are those of PairStatus")]
pub enum StatusName {
    Hidden,
    #[default]
    Online,
    Maintenance,
    CancelOnly,
    PostOnly,
    LimitOnly,
    Delisted,
    ReduceOnly,
}

/// A client: a SenderCompID with an account of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// SenderCompID(49), the same for trading and market data.
    pub sender: String,
    /// Environment variable with the API key. If it is not set, the client has market data only.
    pub api_key_env: String,
    /// Environment variable with the API secret, base64.
    pub api_secret_env: String,
    /// Whether it may trade.
    pub can_trade: bool,
    /// What it starts with: asset -> decimal number as text.
    pub balances: BTreeMap<String, String>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        let money = [("BTC", "100"), ("ETH", "1000"), ("USD", "10000000")];
        Self {
            sender: "TAUT".into(),
            api_key_env: Credentials::KEY_VARIABLE.into(),
            api_secret_env: Credentials::SECRET_VARIABLE.into(),
            can_trade: true,
            balances: money.map(|(asset, amount)| (asset.into(), amount.into())).into(),
        }
    }
}

impl VenueConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`ConfigError`] says what is wrong and where.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)?;
        config.check()?;
        Ok(config)
    }

    /// The default configuration with a comment for each field.
    #[must_use]
    pub const fn commented_toml() -> &'static str {
        text::COMMENTED
    }

    /// Where a service listens.
    ///
    /// # Errors
    /// [`ConfigError::Remote`], or a port beyond 65535.
    pub fn address(&self, service: Service) -> Result<std::net::SocketAddr, ConfigError> {
        if !self.bind.is_loopback() && !self.allow_remote {
            return Err(ConfigError::Remote(self.bind));
        }
        let port = service.port().checked_add(self.port_offset);
        let port = port.ok_or_else(|| bad("port_offset", "a port would exceed 65535"))?;
        Ok((self.bind, port).into())
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        for service in Service::ALL {
            self.address(service)?;
        }
        let count = |field: &str, n: usize, max: usize| {
            if (1..=max).contains(&n) {
                Ok(())
            } else {
                Err(bad(field, format!("1 to {max} are possible, not {n}")))
            }
        };
        count("gateway_instances", self.gateway_instances.into(), GATEWAY_INSTANCES_MAX)?;
        count("instruments", self.instruments.len(), INSTRUMENTS_MAX)?;
        count("clients", self.clients.len(), CLIENTS_MAX)?;
        for instrument in &self.instruments {
            instrument.instrument()?;
        }
        for (at, client) in self.clients.iter().enumerate() {
            let field = format!("clients.{:?}", client.sender);
            client.comp_id()?;
            if self.clients[..at].iter().any(|other| other.sender == client.sender) {
                return Err(bad(field, "the sender is there twice"));
            }
            client.balances()?;
        }
        Ok(())
    }

    /// The fees.
    #[must_use]
    pub const fn fee_schedule(&self) -> FeeSchedule {
        let currency = match self.fees.currency {
            FeeCurrencyName::Given => FeeCurrency::Given,
            FeeCurrencyName::Base => FeeCurrency::Base,
            FeeCurrencyName::Quote => FeeCurrency::Quote,
        };
        FeeSchedule { maker: self.fees.maker, taker: self.fees.taker, currency }
    }
}

impl InstrumentConfig {
    /// As the engine takes it.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn instrument(&self) -> Result<Instrument, ConfigError> {
        let field = |name: &str| format!("instruments.{:?}.{name}", self.symbol);
        let symbol: Symbol = self.symbol.parse().map_err(|e| bad(field("symbol"), e))?;
        if self.price_precision > SCALE_MAX || self.qty_precision > SCALE_MAX {
            return Err(bad(field("price_precision, qty_precision"), "at most 18 decimals"));
        }
        let units = |name: &str, text: &str, scale| {
            let decimal = Decimal::parse(text.as_bytes()).map_err(|e| bad(field(name), e))?;
            decimal.to_scale(scale).map_err(|e| bad(field(name), e))
        };
        Ok(Instrument {
            symbol,
            price_precision: self.price_precision,
            qty_precision: self.qty_precision,
            tick_size: Px(units("tick_size", &self.tick_size, self.price_precision)?),
            qty_step: Qty(units("qty_step", &self.qty_step, self.qty_precision)?),
            qty_min: Qty(units("qty_min", &self.qty_min, self.qty_precision)?),
            cost_min: Decimal::parse(self.cost_min.as_bytes())
                .map_err(|e| bad(field("cost_min"), e))?,
            status: self.status.into(),
        })
    }
}

impl ClientConfig {
    /// The SenderCompID.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn comp_id(&self) -> Result<CompId, ConfigError> {
        let id: Result<CompId, _> = self.sender.parse();
        match id {
            Ok(id) if !id.is_empty() => Ok(id),
            Ok(_) => Err(bad("clients.sender", "is empty")),
            Err(error) => Err(bad(format!("clients.{:?}.sender", self.sender), error)),
        }
    }

    /// The balances.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn balances(&self) -> Result<Vec<(Asset, Decimal)>, ConfigError> {
        let field = |asset: &str| format!("clients.{:?}.balances.{asset}", self.sender);
        let one = |(asset, amount): (&String, &String)| {
            let name: Asset = asset.parse().map_err(|e| bad(field(asset), e))?;
            let decimal = Decimal::parse(amount.as_bytes()).map_err(|e| bad(field(asset), e))?;
            Ok((name, decimal))
        };
        self.balances.iter().map(one).collect()
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

impl From<StatusName> for PairStatus {
    fn from(name: StatusName) -> Self {
        match name {
            StatusName::Hidden => Self::Hidden,
            StatusName::Online => Self::Online,
            StatusName::Maintenance => Self::Maintenance,
            StatusName::CancelOnly => Self::CancelOnly,
            StatusName::PostOnly => Self::PostOnly,
            StatusName::LimitOnly => Self::LimitOnly,
            StatusName::Delisted => Self::Delisted,
            StatusName::ReduceOnly => Self::ReduceOnly,
        }
    }
}

#[cfg(test)]
mod tests;
