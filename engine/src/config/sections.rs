//! The sections of the configuration file, one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, is_production, value};
use crate::conductor::ResetPolicy;
use crate::desk::{Recovery, UnknownOrders};
use crate::journal::{Durability, JournalConfig};
use crate::kraken::session::FieldChecks;
use crate::limits::{HEARTBEAT_SECONDS_MAX, HOSTS_MAX};
use crate::order::Reach;
use crate::pipeline::{IdlePolicy, Layout, available_cores};
use crate::session::{Resend, ResendPolicy};
use crate::types::CompId;
use crate::wire::WireKind;
use crate::wire::tls::{KeyPin, TlsMode};

/// `[path]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PathSection {
    /// How many threads share the stages.
    pub layout: Layout,
    /// How bytes are received; absent: see [`PathSection::wire`].
    pub wire: Option<WireKind>,
    /// What threads do when idle; absent: see [`PathSection::idle`].
    pub idle: Option<IdlePolicy>,
    /// Cores to pin the threads of the path to, in the order reader, core, strategy; one core may
    /// serve several. Empty: no pinning.
    #[serde(default)]
    pub cores: Vec<usize>,
    /// Core for everything that is not on the path; absent: not pinned.
    pub housekeeping_core: Option<usize>,
    /// Nice value of the threads of the path, -20 to 19; absent: as the process. Below that of the process it
    /// needs CAP_SYS_NICE; [`Outcome::pinning`](crate::pipeline::Outcome::pinning) tells whether it held.
    pub nice: Option<i32>,
    /// Keep all memory of the process in RAM, from the start on: nothing on the path then waits for a page.
    #[serde(default)]
    pub lock_memory: bool,
    /// Put the memory that is taken before the start into huge pages, where the kernel has them;
    /// [`Memory`](crate::pipeline::Memory) tells how much.
    #[serde(default)]
    pub huge_pages: bool,
    /// How long a thread of the path may stand still before it is told of
    /// ([`Alarm::Stalled`](crate::event::Alarm::Stalled)), milliseconds. 0: nobody looks.
    #[serde(default = "stall_ms")]
    pub stall_ms: u32,
    /// Ask the kernel when it took each message from the network (`SO_TIMESTAMPING`): the stage `recv` then begins
    /// there ([`Stage::Poll`](crate::trace::Stage::Poll)). Costs a longer system call a read. Not with `xdp`.
    #[serde(default)]
    pub kernel_stamps: bool,
    /// Must be `true` to dial a production host.
    #[serde(default)]
    pub live: bool,
    /// How many sent order commands are logged, from the first on, for
    /// [`Outcome::sent`](crate::pipeline::Outcome::sent); 32 bytes each. 0: none.
    #[serde(default)]
    pub sent_log: usize,
}

impl PathSection {
    /// The wire that is asked for. If none is: `uring` where each thread of the path has a core of its own, and
    /// otherwise `mio`, which sleeps.
    #[must_use]
    pub fn wire(&self) -> WireKind {
        let by_cores = || if self.has_core_each() { WireKind::Uring } else { WireKind::Mio };
        self.wire.unwrap_or_else(by_cores)
    }

    /// What threads do when idle, as asked for. If nothing is: they spin where each has a core of its own, but
    /// not with the wire `mio`, which is the one that sleeps.
    #[must_use]
    pub fn idle(&self) -> IdlePolicy {
        let spins = || self.wire() != WireKind::Mio && self.has_core_each();
        self.idle.unwrap_or_else(|| if spins() { IdlePolicy::Spin } else { IdlePolicy::Park })
    }

    /// Whether there are as many cores as threads of the path: of those that it is pinned to, if it is.
    fn has_core_each(&self) -> bool {
        let own: BTreeSet<_> = self.cores.iter().collect();
        let cores = if own.is_empty() { available_cores().len() } else { own.len() };
        cores >= self.layout.threads().len()
    }
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
    /// Keys of which the certificate of every host must have one, that of `[rest]` too, besides being
    /// verified; empty: any key. A trust that a program gives leaves them as they are.
    #[serde(default)]
    pub pins: Vec<KeyPin>,
}

/// `[market_data]` and `[trading]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSection {
    /// Host name or address; resolved at each dial.
    pub host: String,
    /// More of them, tried in this order when a logon at the one before does not succeed or does not
    /// last (`stable_ms` of `[reconnect]`).
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
    /// What is done with a message of the venue that breaks the field rules of its dialect.
    #[serde(default)]
    pub field_checks: FieldChecks,
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

/// `[orders]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrdersSection {
    /// What becomes of reports of orders that are not known.
    pub unknown: UnknownOrders,
    /// Which orders which request reaches.
    pub reach: Reach,
    /// How the truth is found out after a drop.
    pub recovery: Recovery,
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

impl OrdersSection {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.recovery.deadline_ms == 0 {
            return Err(value("orders.recovery.deadline_ms", "must not be 0"));
        }
        Ok(())
    }
}

const fn stall_ms() -> u32 {
    1000
}

const fn yes() -> bool {
    true
}

const fn logon_timeout_ms() -> u32 {
    10_000
}

impl SessionSection {
    /// The hosts in the order in which they are tried.
    pub fn hosts(&self) -> impl Iterator<Item = &str> + Clone {
        std::iter::once(&self.host).chain(&self.fallback_hosts).map(String::as_str)
    }

    pub(super) fn check(&self, live: bool) -> Result<(), ConfigError> {
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
