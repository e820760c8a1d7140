//! The configuration of an engine: one TOML file. Secrets are not in it; they come from the
//! environment (see [`crate::kraken::logon::Credentials::from_env`]).

mod rest;
mod returning;
mod risk;
mod second;
mod sections;
mod xdp;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::command::SessionId;
use crate::journal::JournalError;
use crate::kraken::market_of_comp_id;
use crate::limits::{INSTRUMENTS_MAX, TLS_PINS_MAX};
use crate::pipeline::{MARKET_DATA, SECOND_MARKET_DATA, SECOND_TRADING, TRADING};
use crate::types::{Market, Symbol, market_of};
use crate::wire::WireKind;

pub use rest::RestSection;
pub use returning::{ReconnectSection, RolloverSection};
pub use risk::{
    InstrumentRisk, LimitedCancels, RiskSection, TotalSection, VenueRateName, VenueRateSection,
};
pub use second::SecondSection;
pub use sections::{
    InstrumentsSection, JournalSection, OrdersSection, PathSection, SessionSection, TlsSection,
};
pub use xdp::XdpSection;

/// Everything that an engine is told before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// How the path runs on this machine.
    pub path: PathSection,
    /// Where the wire `xdp` is; without meaning for the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xdp: Option<XdpSection>,
    /// TLS.
    pub tls: TlsSection,
    /// The market data session.
    pub market_data: SessionSection,
    /// The trading session.
    pub trading: SessionSection,
    /// What is followed.
    pub instruments: InstrumentsSection,
    /// What an order may be.
    pub risk: RiskSection,
    /// The venue's rate limit.
    #[serde(default)]
    pub venue_rate: VenueRateSection,
    /// What is made of orders that are not known, out of reach or uncertain.
    #[serde(default)]
    pub orders: OrdersSection,
    /// The last rung of the cancel ladder; absent: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<RestSection>,
    /// When a session is dialled again.
    #[serde(default)]
    pub reconnect: ReconnectSection,
    /// The venue's daily rollover.
    #[serde(default)]
    pub rollover: RolloverSection,
    /// The sessions of another market in the same engine; absent: there is one market.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<SecondSection>,
    /// What is kept on disk; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalSection>,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not the TOML that is expected; the message names line and field.
    #[error("configuration: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A value is not one that the engine can work with.
    #[error("configuration: {field}: {problem}")]
    Value {
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A production host without `live = true`.
    #[error("configuration: {host} is a production host: refused without `live`")]
    NotLive {
        /// The host.
        host: String,
    },
}

/// Depths that the venue offers (venue file 4.9).
const DEPTHS: [u16; 6] = [1, 10, 25, 100, 500, 1000];

impl EngineConfig {
    /// A configuration for a venue on this machine, with a comment for each field.
    #[must_use]
    pub const fn commented_toml() -> &'static str {
        include_str!("config/default.toml")
    }

    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)?;
        config.check()?;
        Ok(config)
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`ConfigError::Value`] or [`ConfigError::NotLive`].
    pub fn check(&self) -> Result<(), ConfigError> {
        for (_, section) in self.sessions() {
            section.check(self.path.live)?;
        }
        let of_second = self.second.as_ref().and_then(|second| second.rest.as_ref());
        let rest = self.rest.iter().chain(of_second);
        for rest in rest.clone() {
            rest.check(self.path.live)?;
        }
        let rest = rest.map(|rest| rest.host.as_str());
        let sessions = self.sessions().into_iter().flat_map(|(_, section)| section.hosts());
        let mut hosts = sessions.chain(rest);
        let production = hosts.clone().any(is_production);
        if let (false, Some(host)) = (self.tls.enabled, hosts.find(|host| !is_loopback(host))) {
            let problem = format!("without TLS only to this machine, not to {host}");
            return Err(value("tls.enabled", problem));
        }
        if self.tls.uat_insecure && production {
            return Err(value("tls.uat_insecure", "not with a production host"));
        }
        if self.tls.pins.len() > TLS_PINS_MAX {
            return Err(value("tls.pins", format!("at most {TLS_PINS_MAX}")));
        }
        if self.path.nice.is_some_and(|nice| !(-20..=19).contains(&nice)) {
            return Err(value("path.nice", "from -20 to 19"));
        }
        if self.path.kernel_stamps && self.path.wire == Some(WireKind::Xdp) {
            return Err(value(
                "path.kernel_stamps",
                "not with the wire \"xdp\", which passes the kernel",
            ));
        }
        self.orders.check()?;
        match &self.xdp {
            Some(xdp) => drop(xdp.config()?),
            None if self.path.wire == Some(WireKind::Xdp) => {
                return Err(value("xdp", "must be given for the wire \"xdp\""));
            }
            None => {}
        }
        self.reconnect.check()?;
        self.rollover.check()?;
        self.check_markets()?;
        self.limit_set()?;
        if let Some(journal) = &self.journal {
            let refused = |error: JournalError| value("journal", error.to_string());
            journal.config().check().map_err(refused)?;
            journal.resend_policy()?;
        }
        let (symbols, depth) = (self.symbols()?, &self.instruments.depth);
        if self.instruments.symbols.is_empty() || symbols.len() > INSTRUMENTS_MAX {
            let problem = format!("1 to {INSTRUMENTS_MAX} symbols, not {}", symbols.len());
            return Err(value("instruments.symbols", problem));
        }
        if !DEPTHS.contains(depth) {
            return Err(value("instruments.depth", format!("one of {DEPTHS:?}, not {depth}")));
        }
        Ok(())
    }

    /// The sections of all sessions: for each market that of the trading session first, because what happened
    /// to an order is to be heard before the market's view of it.
    #[must_use]
    pub fn sessions(&self) -> Vec<(SessionId, &SessionSection)> {
        let mut sessions = vec![(TRADING, &self.trading), (MARKET_DATA, &self.market_data)];
        if let Some(second) = &self.second {
            sessions.push((SECOND_TRADING, &second.trading));
            sessions.push((SECOND_MARKET_DATA, &second.market_data));
        }
        sessions
    }

    /// The market that the orders (of the first trading session) go to: the venue says it by its
    /// TargetCompID (venue file 1).
    #[must_use]
    pub fn market(&self) -> Market {
        market_of_comp_id(self.trading.target.as_bytes())
    }

    /// Both sessions, every symbol and the rate limit are of one market; those of `[second]` of the other.
    fn check_markets(&self) -> Result<(), ConfigError> {
        let (market_data, trading) = (&self.market_data.target, &self.trading.target);
        let (first, rule) = (symbols_of(&self.instruments.symbols)?, self.venue_rate.rule);
        check_market(market_data, trading, &first, rule)?;
        let Some(second) = &self.second else { return Ok(()) };
        if second.market() == self.market() {
            return Err(value("second.trading.target", "is of the same market as the first"));
        }
        if second.symbols.is_empty() {
            return Err(value("second.symbols", "must not be empty"));
        }
        let (market_data, trading) = (&second.market_data.target, &second.trading.target);
        check_market(market_data, trading, &symbols_of(&second.symbols)?, second.venue_rate.rule)
    }

    /// The symbols of all instruments, in the order of their ids: those of `[second]` come last.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a symbol that is empty, too long or has a control byte.
    pub fn symbols(&self) -> Result<Vec<Symbol>, ConfigError> {
        let mut symbols = symbols_of(&self.instruments.symbols)?;
        if let Some(second) = &self.second {
            symbols.append(&mut symbols_of(&second.symbols)?);
        }
        Ok(symbols)
    }
}

fn symbols_of(texts: &[String]) -> Result<Vec<Symbol>, ConfigError> {
    let parse = |text: &String| {
        let symbol = text.parse::<Symbol>().ok().filter(|symbol| !symbol.is_empty());
        symbol.ok_or_else(|| value("instruments.symbols", format!("{text:?} is no symbol")))
    };
    texts.iter().map(parse).collect()
}

fn check_market(
    market_data: &str,
    trading: &str,
    symbols: &[Symbol],
    rule: VenueRateName,
) -> Result<(), ConfigError> {
    let market = market_of_comp_id(trading.as_bytes());
    if market_of_comp_id(market_data.as_bytes()) != market {
        return Err(value("market_data.target", "is of another market than trading.target"));
    }
    if let Some(other) = symbols.iter().find(|symbol| market_of(symbol) != market) {
        let problem = format!("{other} is of another market than trading.target");
        return Err(value("instruments.symbols", problem));
    }
    let fits = match rule {
        VenueRateName::Unlimited => true,
        VenueRateName::Derivatives => market == Market::Derivatives,
        _ => market == Market::Spot,
    };
    if fits { Ok(()) } else { Err(value("venue_rate.rule", "is of the other market")) }
}

/// Kraken's own hosts, except UAT (venue file 1).
#[must_use]
pub fn is_production(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    (host == "kraken.com" || host.ends_with(".kraken.com")) && !host.ends_with(".uat.kraken.com")
}

/// Whether a host is this machine whatever a resolver says: `localhost`, 127/8, `::1`.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

fn value(field: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError::Value { field, problem: problem.into() }
}

#[cfg(test)]
mod tests;
