//! The configuration of an engine: one TOML file. Secrets are not in it; they come from the
//! environment (see [`crate::kraken::logon::Credentials::from_env`]).

mod returning;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use taut_codec::value::Decimal;

use crate::conductor::ResetPolicy;
use crate::journal::{Durability, JournalConfig, JournalError};
use crate::limits::{HEARTBEAT_SECONDS_MAX, HOSTS_MAX, INSTRUMENTS_MAX};
use crate::pipeline::{IdlePolicy, Layout};
use crate::risk::RiskLimits;
use crate::session::{Resend, ResendPolicy};
use crate::types::{CompId, Symbol};
use crate::wire::WireKind;
use crate::wire::tls::TlsMode;

pub use returning::{ReconnectSection, RolloverSection};

/// Everything that an engine is told before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// How the path runs on this machine.
    pub path: PathSection,
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
    /// When a session is dialled again.
    #[serde(default)]
    pub reconnect: ReconnectSection,
    /// The venue's daily rollover.
    #[serde(default)]
    pub rollover: RolloverSection,
    /// What is kept on disk; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalSection>,
}

/// `[path]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PathSection {
    /// How many threads share the stages.
    pub layout: Layout,
    /// How bytes are received.
    pub wire: WireKind,
    /// What threads do when idle; absent: spin if there is a core for each thread, park otherwise.
    pub idle: Option<IdlePolicy>,
    /// Cores to pin the threads of the path to, in the order reader, core, strategy; one core may
    /// serve several. Empty: no pinning.
    #[serde(default)]
    pub cores: Vec<usize>,
    /// Core for everything that is not on the path; absent: not pinned.
    pub housekeeping_core: Option<usize>,
    /// Must be `true` to dial a production host.
    #[serde(default)]
    pub live: bool,
    /// How many sent order commands are logged, from the first on, for
    /// [`Latency::sent`](crate::trace::Latency::sent); 32 bytes each. 0: none.
    #[serde(default)]
    pub sent_log: usize,
}

/// `[tls]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSection {
    /// Whether TLS is used. Kraken takes nothing else; plain TCP is for measurements on loopback and
    /// refused with any other host.
    pub enabled: bool,
    /// Which code seals and opens records.
    pub mode: TlsMode,
    /// PEM file of the roots to trust; absent: the roots that browsers trust.
    pub ca_file: Option<PathBuf>,
    /// Do not verify the venue's certificate. Kraken's UAT was seen with a certificate for another
    /// name (venue file 1); never do this with a production host.
    #[serde(default)]
    pub uat_insecure: bool,
}

/// `[market_data]` and `[trading]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSection {
    /// Host name or address; resolved at each dial.
    pub host: String,
    /// More of them, tried in this order when a logon at the one before does not succeed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback_hosts: Vec<String>,
    /// Port (venue file 1).
    pub port: u16,
    /// SenderCompID(49).
    pub sender: String,
    /// TargetCompID(56).
    pub target: String,
    /// HeartBtInt(108), seconds.
    pub heartbeat_seconds: u32,
    /// When the Logon asks by ResetSeqNumFlag(141) that both sequences start at 1.
    pub reset: ResetPolicy,
    /// CancelOrdersOnDisconnect(8674): whether the venue cancels this session's orders when the
    /// connection is lost. Without meaning for market data.
    #[serde(default = "yes")]
    pub cancel_on_disconnect: bool,
    /// How long the venue may take to answer the Logon, milliseconds.
    #[serde(default = "logon_timeout_ms")]
    pub logon_timeout_ms: u32,
}

/// `[instruments]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentsSection {
    /// Symbols as the venue writes them, `BTC/USD`.
    pub symbols: Vec<String>,
    /// MarketDepth(264): 1, 10, 25, 100, 500 or 1000. The checksum needs at least 10.
    pub depth: u16,
}

/// `[risk]`: limits of each instrument. Decimal numbers are texts, so that they are exact.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RiskSection {
    /// Largest quantity of one order.
    pub max_order_qty: String,
    /// Largest price x quantity of one order, in the quote currency.
    pub max_notional: String,
    /// Farthest that a price may be from the mid price, either way, basis points.
    pub collar_bps: u32,
    /// Largest position, long or short, that all open orders together could lead to.
    pub max_position: String,
    /// Most open orders.
    pub max_open_orders: u32,
    /// Orders and amends a second, sustained; a cancel uses up the rate but always passes.
    pub commands_per_second: u32,
    /// Orders and amends at once after a pause.
    pub burst: u32,
}

/// `[journal]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JournalSection {
    /// The directory; each session has one of its own below it.
    pub dir: PathBuf,
    /// What a power cut may take away; a killed process loses nothing in any case.
    #[serde(default = "interval")]
    pub durability: Durability,
    /// How often `interval` flushes, milliseconds.
    #[serde(default = "interval_ms")]
    pub interval_ms: u32,
    /// Size of a segment, MiB. There are two of each session's at least.
    #[serde(default = "segment_mib")]
    pub segment_mib: u32,
    /// How many segments of a session are kept; 0: all.
    #[serde(default = "segments_kept")]
    pub segments_kept: u32,
    /// What of the trading session's messages is sent again when the venue asks, by MsgType(35). What is
    /// not named is gap filled: never an order, a cancel or an amend unless it is named on purpose.
    #[serde(default)]
    pub resend: BTreeMap<String, Resend>,
}

impl JournalSection {
    /// The defaults, in `dir`.
    #[must_use]
    pub const fn in_dir(dir: PathBuf) -> Self {
        Self {
            dir,
            durability: interval(),
            interval_ms: interval_ms(),
            segment_mib: segment_mib(),
            segments_kept: segments_kept(),
            resend: BTreeMap::new(),
        }
    }

    /// The policy that `resend` describes.
    ///
    /// # Errors
    /// [`ConfigError::Value`]: not a type of the application, or too many are named.
    pub fn resend_policy(&self) -> Result<ResendPolicy, ConfigError> {
        self.resend.iter().try_fold(ResendPolicy::NOTHING, |policy, (msg_type, answer)| {
            let next = policy.with(msg_type.as_bytes(), *answer);
            next.ok_or_else(|| value("journal.resend", format!("{msg_type:?} cannot be named")))
        })
    }

    /// What the journal of a session is told.
    #[must_use]
    pub fn config(&self) -> JournalConfig {
        JournalConfig {
            durability: self.durability,
            interval: Duration::from_millis(self.interval_ms.into()),
            segment_bytes: (self.segment_mib as usize).saturating_mul(1 << 20),
            segments_kept: self.segments_kept as usize,
            ..JournalConfig::default()
        }
    }
}

const fn interval() -> Durability {
    Durability::Interval
}

const fn interval_ms() -> u32 {
    100
}

const fn segment_mib() -> u32 {
    32
}

const fn segments_kept() -> u32 {
    64
}

impl RiskSection {
    /// The limits as values.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a text that is no decimal number.
    pub fn limits(&self) -> Result<RiskLimits, ConfigError> {
        let decimal = |field, text: &str| {
            Decimal::parse(text.as_bytes())
                .map_err(|error| value(field, format!("{text:?}: {error}")))
        };
        Ok(RiskLimits {
            max_order_qty: decimal("risk.max_order_qty", &self.max_order_qty)?,
            max_notional: decimal("risk.max_notional", &self.max_notional)?,
            collar_bps: self.collar_bps,
            max_position: decimal("risk.max_position", &self.max_position)?,
            max_open_orders: self.max_open_orders,
            commands_per_second: self.commands_per_second,
            burst: self.burst,
        })
    }
}

const fn yes() -> bool {
    true
}

const fn logon_timeout_ms() -> u32 {
    10_000
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
        self.market_data.check(self.path.live)?;
        self.trading.check(self.path.live)?;
        let mut hosts = self.market_data.hosts().chain(self.trading.hosts());
        let production = hosts.clone().any(is_production);
        if let (false, Some(host)) = (self.tls.enabled, hosts.find(|host| !is_loopback(host))) {
            let problem = format!("without TLS only to this machine, not to {host}");
            return Err(value("tls.enabled", problem));
        }
        if self.tls.uat_insecure && production {
            return Err(value("tls.uat_insecure", "not with a production host"));
        }
        self.reconnect.check()?;
        self.rollover.check()?;
        self.symbols()?;
        self.risk.limits()?;
        if let Some(journal) = &self.journal {
            let refused = |error: JournalError| value("journal", error.to_string());
            journal.config().check().map_err(refused)?;
            journal.resend_policy()?;
        }
        let InstrumentsSection { symbols, depth } = &self.instruments;
        if symbols.is_empty() || symbols.len() > INSTRUMENTS_MAX {
            let problem = format!("1 to {INSTRUMENTS_MAX} symbols, not {}", symbols.len());
            return Err(value("instruments.symbols", problem));
        }
        if !DEPTHS.contains(depth) {
            return Err(value("instruments.depth", format!("one of {DEPTHS:?}, not {depth}")));
        }
        Ok(())
    }

    /// The symbols as values.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a symbol that is empty, too long or has a control byte.
    pub fn symbols(&self) -> Result<Vec<Symbol>, ConfigError> {
        let parse = |text: &String| {
            let symbol = text.parse::<Symbol>().ok().filter(|symbol| !symbol.is_empty());
            symbol.ok_or_else(|| value("instruments.symbols", format!("{text:?} is no symbol")))
        };
        self.instruments.symbols.iter().map(parse).collect()
    }
}

impl SessionSection {
    /// The hosts in the order in which they are tried.
    pub fn hosts(&self) -> impl Iterator<Item = &str> + Clone {
        std::iter::once(&self.host).chain(&self.fallback_hosts).map(String::as_str)
    }

    fn check(&self, live: bool) -> Result<(), ConfigError> {
        if let Some(host) = self.hosts().find(|host| is_production(host) && !live) {
            return Err(ConfigError::NotLive { host: host.to_owned() });
        }
        if self.hosts().any(str::is_empty) || self.port == 0 {
            return Err(value("host/port", "must be given"));
        }
        if self.fallback_hosts.len() >= HOSTS_MAX {
            return Err(value("fallback_hosts", format!("with host {HOSTS_MAX} at most")));
        }
        if self.heartbeat_seconds == 0 || self.heartbeat_seconds > HEARTBEAT_SECONDS_MAX {
            let problem = format!("1 to {HEARTBEAT_SECONDS_MAX}, not {}", self.heartbeat_seconds);
            return Err(value("heartbeat_seconds", problem));
        }
        if self.logon_timeout_ms == 0 {
            return Err(value("logon_timeout_ms", "must not be 0"));
        }
        self.comp_ids().map(|_| ())
    }

    /// SenderCompID and TargetCompID as values.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for one that is empty, too long or has a control byte.
    pub fn comp_ids(&self) -> Result<(CompId, CompId), ConfigError> {
        let parse = |field, text: &str| {
            let id = text.parse::<CompId>().ok().filter(|id| !id.is_empty());
            id.ok_or_else(|| value(field, format!("{text:?} is no CompID")))
        };
        Ok((parse("sender", &self.sender)?, parse("target", &self.target)?))
    }
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
mod tests {
    use super::*;
    use crate::kraken::logon::Credentials;
    use crate::pipeline::Engine;
    use crate::secret::Secret;
    use crate::wire::tls::Trust;

    #[test]
    fn the_commented_configuration_reads() {
        let config = EngineConfig::from_toml(EngineConfig::commented_toml()).expect("it reads");
        assert_eq!(config.path.layout, Layout::Inline);
        assert!(config.tls.enabled && !config.tls.uat_insecure && !config.path.live);
    }

    #[test]
    fn a_resend_policy_names_types_and_never_an_order_by_itself() {
        let section = |text: &str| toml::from_str::<JournalSection>(text).unwrap();
        let silent = section("dir = 'x'").resend_policy().unwrap();
        assert_eq!(silent, ResendPolicy::NOTHING);
        let named =
            section("dir = 'x'\n[resend]\nH = 'replay'\nq = 'ask'").resend_policy().unwrap();
        let answers = ["H", "q", "D", "F", "G"].map(|one| named.of(one.as_bytes()));
        let void = Resend::GapFill;
        assert_eq!(answers, [Resend::Replay, Resend::Ask, void, void, void]);
        for refused in ["A = 'replay'", "'' = 'ask'", "LONG = 'replay'"] {
            let refused = section(&format!("dir = 'x'\n[resend]\n{refused}")).resend_policy();
            assert!(matches!(refused, Err(ConfigError::Value { .. })), "{refused:?}");
        }
        let unknown = toml::from_str::<JournalSection>("dir = 'x'\n[resend]\nH = 'perhaps'");
        assert!(unknown.is_err());
    }

    #[test]
    fn a_production_host_is_refused_without_live() {
        for host in ["fix.kraken.com", "FIX.Kraken.com.", "colo-london.vip-fix.kraken.com"] {
            let text = EngineConfig::commented_toml().replacen("127.0.0.1", host, 1);
            let refused = EngineConfig::from_toml(&text);
            assert!(matches!(refused, Err(ConfigError::NotLive { .. })), "{host}: {refused:?}");
            let live = text.replace("live = false", "live = true");
            assert!(EngineConfig::from_toml(&live).is_ok(), "{host}");
        }
        for host in ["fix.uat.kraken.com", "colo-london.vip-fix.uat.kraken.com", "notkraken.com"] {
            assert!(!is_production(host), "{host}");
        }
    }

    #[test]
    fn without_tls_only_this_machine_is_dialled() {
        let plain = EngineConfig::commented_toml()
            .replace("enabled = true", "enabled = false")
            .replace("live = false", "live = true");
        for host in ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST"] {
            assert!(EngineConfig::from_toml(&plain.replace("127.0.0.1", host)).is_ok(), "{host}");
        }
        for host in ["fix.kraken.com", "10.0.0.1", "localhost.example.org", "127.0.0.1.nip.io"] {
            // Either session is enough.
            for text in [plain.replacen("127.0.0.1", host, 1), plain.replace("127.0.0.1", host)] {
                let error = EngineConfig::from_toml(&text).expect_err(host).to_string();
                assert!(error.contains("tls.enabled") && error.contains(host), "{error}");
            }
        }
    }

    #[test]
    fn an_unverified_certificate_is_refused_with_a_production_host() {
        let text = EngineConfig::commented_toml()
            .replacen("127.0.0.1", "fix.kraken.com", 1)
            .replace("live = false", "live = true")
            .replace("uat_insecure = false", "uat_insecure = true");
        assert!(EngineConfig::from_toml(&text).is_err());
    }

    #[test]
    fn an_engine_that_verifies_no_certificate_says_so() {
        let engine = |text: &str| {
            let config = EngineConfig::from_toml(text).expect("it reads");
            let credentials = Credentials::new(Secret::new("key"), Secret::new("c2VjcmV0"));
            Engine::new(config, credentials.expect("they are usable")).expect("it is checked")
        };
        let safe = EngineConfig::commented_toml();
        let insecure = safe.replace("uat_insecure = false", "uat_insecure = true");
        assert_eq!(engine(safe).warning(), None);
        assert!(engine(&insecure).warning().is_some_and(|text| text.contains("uat_insecure")));
        // The trust that a program gives takes the place of the file's.
        assert_eq!(engine(&insecure).with_trust(Trust::WebPki).warning(), None);
        assert!(engine(safe).with_trust(Trust::UatInsecure).warning().is_some());
    }
}
