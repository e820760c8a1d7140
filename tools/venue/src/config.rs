//! The venue's configuration: one TOML file, every field documented and defaulted. It names the
//! environment variables that hold secrets, never a secret itself.

mod clients;
mod instruments;
mod replay;
mod session;
mod state;
mod switches;
mod text;
mod trading;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use taut_codec::value::UtcTime;

use crate::gateway::{Routing, Service};
use crate::limits::{CLIENTS_MAX, GATEWAY_INSTANCES_MAX, INSTRUMENTS_MAX};
use crate::liquidity::{LiquiditySource, SyntheticConfig, SyntheticMarket};
use crate::matching::{DerivativesConfig, FeeCurrency, FeeSchedule, SetupError};
use crate::oes::DerivativesLimits;
use crate::venue::Script;

pub use clients::{Amounts, ClientConfig, TierName};
pub use instruments::{IndexSource, InstrumentConfig, StatusName};
pub use replay::ReplayConfig;
pub use session::{DuplicateLogon, RolloverClosed, RolloverNotice, SessionSwitches};
pub use state::StateConfig;
pub use switches::{AvgPx, LogonRefusal, LowLogonNumber, RefusalNumber, SubAccounts, Switches};
pub use trading::{PassedStop, Trading};

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
    #[error(
        "configuration, bind: {0} is not loopback; allow_remote = true, or --allow-remote, serves others"
    )]
    Remote(IpAddr),
    /// The journal of a session cannot be opened.
    #[error("replay.journal: {0}")]
    Journal(#[from] taut::journal::JournalError),
    /// The state cannot be gone on with.
    #[error(transparent)]
    State(#[from] crate::state::StateError),
    /// The engine refuses the setup.
    #[error("configuration: {0}")]
    Setup(#[from] SetupError),
}

fn bad(field: impl Into<String>, why: impl std::fmt::Display) -> ConfigError {
    ConfigError::Value { field: field.into(), why: why.to_string() }
}

impl ConfigError {
    /// A value that makes no sense for the venue as it was set up.
    pub(crate) fn value(field: &str, why: impl std::fmt::Display) -> Self {
        bad(field, why)
    }
}

/// The whole configuration. [`VenueConfig::commented_toml`] is the same as text, field by field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VenueConfig {
    /// Address to listen on. Default 127.0.0.1.
    pub bind: IpAddr,
    /// Whether an address beyond loopback is allowed. Default no.
    pub allow_remote: bool,
    /// Added to every port: Kraken's map (market data 4000, trading 4001), and 4443 for REST. Default 0.
    pub port_offset: u16,
    /// Gateway instances behind the router. Default 2.
    pub gateway_instances: u16,
    /// What the venue does on purpose and when, such as `10s roll-over`; see [`Step`](crate::venue::Step).
    pub control: Vec<String>,
    /// Chooses the times that `control` leaves open, such as `10s..20s roll-over`. Default 1.
    pub control_seed: u64,
    /// Chooses OrderIDs and the numbers of trades. Default: the command takes one from the clock, so that a fresh
    /// venue gives others than the one before; an embedded venue gives the same each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_seed: Option<u64>,
    /// Where the venue's documents disagree or are silent.
    pub switches: Switches,
    /// How requests get from the gateway to the order entry service.
    pub routing: Routing,
    /// Rate limits of derivatives sessions; those of spot are each client's `tier`.
    pub derivatives_limits: DerivativesLimits,
    /// What is kept to be sent again.
    pub replay: ReplayConfig,
    /// What is kept over a restart.
    pub state: StateConfig,
    /// The rules of the trading engine that Kraken leaves open.
    pub trading: Trading,
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
        let contract =
            |symbol: &str, price: (u8, &str), qty: (u8, &str), most: &str| InstrumentConfig {
                qty_precision: qty.0,
                qty_step: qty.1.into(),
                qty_min: qty.1.into(),
                cost_min: "0".into(),
                leverage: 50,
                position_max: most.into(),
                ..pair(symbol, price.0, price.1)
            };
        Self {
            bind: IpAddr::from([127, 0, 0, 1]),
            allow_remote: false,
            port_offset: 0,
            gateway_instances: 2,
            control: Vec::new(),
            control_seed: 1,
            id_seed: None,
            switches: Switches::default(),
            routing: Routing::default(),
            derivatives_limits: DerivativesLimits::default(),
            replay: ReplayConfig::default(),
            state: StateConfig::default(),
            trading: Trading::default(),
            fees: Fees::default(),
            liquidity: LiquidityConfig::default(),
            instruments: vec![
                pair("BTC/USD", 1, "0.1"),
                pair("ETH/USD", 2, "0.01"),
                contract("PF_XBTUSD", (0, "1"), (4, "0.0001"), "1000"),
                contract("PF_ETHUSD", (1, "0.1"), (3, "0.001"), "10000"),
                contract("PI_XBTUSD", (1, "0.5"), (0, "1"), "50000000"),
            ],
            clients: vec![ClientConfig::default(), ClientConfig::derivatives()],
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
    /// Of makers on derivatives. Default 200: 0.02 %.
    pub derivatives_maker: u32,
    /// Of takers on derivatives. Default 500: 0.05 %.
    pub derivatives_taker: u32,
}

impl Default for Fees {
    fn default() -> Self {
        let FeeSchedule { maker, taker, .. } = FeeSchedule::default();
        let derivatives = DerivativesConfig::default().fees;
        Self {
            maker,
            taker,
            currency: FeeCurrencyName::Given,
            derivatives_maker: derivatives.maker,
            derivatives_taker: derivatives.taker,
        }
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
    /// Further synthetic markets, each in another instrument. Default none.
    pub markets: Vec<SyntheticMarket>,
}

impl LiquidityConfig {
    /// What the configuration asks for.
    #[must_use]
    pub fn source(&self) -> LiquiditySource {
        match self.mode {
            LiquidityMode::None => LiquiditySource::None,
            LiquidityMode::Synthetic => {
                let (symbol, synthetic) = (self.symbol.clone(), self.synthetic.clone());
                let first = SyntheticMarket { symbol, synthetic };
                let markets = std::iter::once(first).chain(self.markets.iter().cloned());
                LiquiditySource::Synthetic(markets.collect())
            }
        }
    }
}

impl Default for LiquidityConfig {
    fn default() -> Self {
        Self {
            mode: LiquidityMode::default(),
            symbol: "BTC/USD".into(),
            synthetic: SyntheticConfig::default(),
            markets: Vec::new(),
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
        let rest = crate::rest::PORT.checked_add(self.port_offset);
        rest.ok_or_else(|| bad("port_offset", "the port of REST would exceed 65535"))?;
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
        self.replay.check(self.routing.mode)?;
        self.check_state()?;
        self.script(UtcTime(0))?;
        self.check_ranges()?;
        for instrument in &self.instruments {
            instrument.instrument()?;
            instrument.margin()?;
            instrument.contract()?;
        }
        for (at, client) in self.clients.iter().enumerate() {
            let field = format!("clients.{:?}", client.sender);
            client.comp_id()?;
            if self.clients[..at].iter().any(|other| other.sender == client.sender) {
                return Err(bad(field, "the sender is there twice"));
            }
            client.balances()?;
            client.wallets()?;
            client.sub_accounts()?;
            client.sources()?;
        }
        Ok(())
    }

    /// Numbers with which there would be no venue: nothing could ever be sent, or no day would begin.
    fn check_ranges(&self) -> Result<(), ConfigError> {
        let Self { trading, derivatives_limits: bucket, switches, .. } = self;
        for (field, value, least, most) in [
            ("trading.market_protection_percent", trading.market_protection_percent, 0, 100),
            (
                "trading.derivatives_protection_percent",
                trading.derivatives_protection_percent,
                0,
                100,
            ),
            (
                "trading.collateral_haircut_percent",
                trading.collateral_haircut_percent.into(),
                0,
                100,
            ),
            ("derivatives_limits.tokens", bucket.tokens, 1, u32::MAX),
            ("derivatives_limits.window_ms", bucket.window_ms, 1, u32::MAX),
            ("switches.session.rollover_window_s", switches.session.rollover_window_s, 0, 3600),
        ] {
            if !(least..=most).contains(&value) {
                return Err(bad(field, format!("{least} to {most} are possible, not {value}")));
            }
        }
        Ok(())
    }

    /// The control script, counted from `start`.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn script(&self, start: UtcTime) -> Result<Script, ConfigError> {
        Script::read(&self.control, self.control_seed, start).map_err(|error| bad("control", error))
    }

    /// The fees of derivatives.
    #[must_use]
    pub fn derivatives_fees(&self) -> FeeSchedule {
        let Fees { derivatives_maker: maker, derivatives_taker: taker, .. } = self.fees;
        FeeSchedule { maker, taker, ..FeeSchedule::default() }
    }

    /// The fees of spot.
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

#[cfg(test)]
mod tests;
