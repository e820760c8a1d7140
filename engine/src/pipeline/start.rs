//! From a configuration to running threads.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::core::SessionCore;
use super::dialler::{Dialler, Dialling, Host};
use super::gatherer::Gatherer;
use super::inlet::Inlet;
use super::links::Links;
use super::pin::{available_cores, first_refused};
use super::rest::{Caller, rest_link};
use super::run::Path;
use super::running::Running;
use super::threads::{Connections, StrategyStage};
use super::{Control, MARKET_DATA, Problems, SECOND_MARKET_DATA, SECOND_TRADING, TRADING, memory};
use crate::command::SessionId;
use crate::conductor::{Conductor, ConductorConfig};
use crate::config::{ConfigError, EngineConfig, RestSection, SessionSection, XdpSection};
use crate::desk::{Desk, DeskConfig, DeskError, InstrumentConfig, SecondSession};
use crate::journal::{Journal, JournalError, Reader, Recovered};
use crate::kraken;
use crate::kraken::earlier::Earlier;
use crate::kraken::logon::{Credentials, Logon};
use crate::kraken::rest::RestClient;
use crate::limits::TRACE_RING;
use crate::risk::LimitSet;
use crate::session::SessionConfig;
use crate::session::resend::ResendJudge;
use crate::strategy::Strategy;
use crate::touched;
use crate::trace::{Clock, Collector, Record};
use crate::wire::tls::{ClientTls, Trust};
use crate::wire::{Network, WireKind};

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The desk cannot be set up.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// A journal cannot be opened.
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    /// The roots to trust could not be read.
    #[error("trusted certificates: {0}")]
    Trust(String),
    /// The wire does not work on this machine.
    #[error("wire {wire}: {problem}")]
    Wire {
        /// Which.
        wire: WireKind,
        /// Why, and what to do.
        problem: std::io::Error,
    },
    /// A thread cannot be pinned to its core (`path.cores`, `path.housekeeping_core`).
    #[error(
        "this process may not run on core {core}, which path.cores or path.housekeeping_core names; it may on {available:?}"
    )]
    Core {
        /// The core: there is none of that number, or it is not for this process.
        core: usize,
        /// Where it may run.
        available: Vec<usize>,
    },
    /// The memory cannot be locked (`path.lock_memory`).
    #[error("lock_memory: {0}; it needs CAP_IPC_LOCK, or a high enough `ulimit -l`")]
    Lock(#[source] std::io::Error),
    /// The system refused a thread, a descriptor or memory.
    #[error("system: {0}")]
    System(#[from] std::io::Error),
}

const UAT_INSECURE: &str = "tls.uat_insecure: the venue's certificate is NOT verified; whoever is \
    between here and it can read and change everything";

/// An engine before it starts.
pub struct Engine {
    config: EngineConfig,
    credentials: Credentials,
    trust: Option<Trust>,
    judges: Vec<(SessionId, ResendJudge)>,
    rest_credentials: Option<Credentials>,
    second_credentials: Option<Credentials>,
    second_rest_credentials: Option<Credentials>,
    untimed: u64,
}

impl Engine {
    /// An engine with a checked configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(config: EngineConfig, credentials: Credentials) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            config,
            credentials,
            trust: None,
            judges: Vec::new(),
            rest_credentials: None,
            second_credentials: None,
            second_rest_credentials: None,
            untimed: 0,
        })
    }

    /// Trust these roots instead of those that the configuration names.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// Calls by REST are signed by another key than the Logons: one that may cancel orders by REST.
    #[must_use]
    pub fn with_rest_credentials(mut self, credentials: Credentials) -> Self {
        self.rest_credentials = Some(credentials);
        self
    }

    /// The trading session of the second market logs on by another key than the first: Kraken recommends a
    /// key for each (venue file 1).
    #[must_use]
    pub fn with_second_credentials(mut self, credentials: Credentials) -> Self {
        self.second_credentials = Some(credentials);
        self
    }

    /// Calls by REST for the second market are signed by another key than its Logons.
    #[must_use]
    pub fn with_second_rest_credentials(mut self, credentials: Credentials) -> Self {
        self.second_rest_credentials = Some(credentials);
        self
    }

    /// Leaves the first `orders` order commands out of the latency tables of the [`Outcome`](super::Outcome): they
    /// find cold caches, which a benchmark does not want in its figures.
    #[must_use]
    pub const fn without_timing_the_first(mut self, orders: u64) -> Self {
        self.untimed = orders;
        self
    }

    /// Has `judge` decide whether a message of a session is sent again, where the configuration
    /// (`[journal.resend]`) says "ask". Without one it is not. Each session has a judge of its own; of two for
    /// one the later counts. [`Engine::start`] refuses one of a session that is not configured.
    #[must_use]
    pub fn ask_before_resend(mut self, session: SessionId, judge: ResendJudge) -> Self {
        self.judges.push((session, judge));
        self
    }

    /// What whoever starts this engine must know, if its peer's certificate is not verified.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        let insecure = match &self.trust {
            Some(trust) => matches!(trust, Trust::UatInsecure),
            None => self.config.tls.uat_insecure,
        };
        (insecure && self.config.tls.enabled).then_some(UAT_INSECURE)
    }

    /// Starts the threads of the path. The sessions are dialled, log on and trade; the strategy hears
    /// of each step, and of what goes wrong. A [`warning`](Self::warning) is written to standard error.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub fn start<S: Strategy + Send + 'static>(
        mut self,
        strategy: S,
    ) -> Result<Running<S>, StartError> {
        if let Some(warning) = self.warning() {
            eprintln!("taut: warning: {warning}");
        }
        let path = &self.config.path;
        let cores = path.cores.iter().copied().chain(path.housekeeping_core);
        if let Some(core) = first_refused(cores.collect())? {
            return Err(StartError::Core { core, available: available_cores() });
        }
        if self.config.path.lock_memory {
            memory::lock().map_err(StartError::Lock)?;
        }
        let clock = Clock::system();
        let started = clock.now();
        let (traces, records) = touched::ring(TRACE_RING);
        let (mut core, recovered) = self.session_core(clock.clone(), traces)?;
        let collector = Collector::new(clock.clone(), self.config.path.sent_log);
        let collector = Arc::new(Mutex::new(collector.without_first(self.untimed)));
        let gatherer = Gatherer::new(records, core.traces_lost(), Arc::clone(&collector));
        let tls = self.client_tls()?;
        let callers = self.callers(&mut core, tls.as_ref());
        let desk = Desk::new(&self.desk_config(&core)?, clock.clone(), strategy)?;
        let conductors = self.conductors(&recovered, &clock);
        let dialling = self.dialling(tls)?;
        let problems = Problems::default();
        let (dialler, end, spent) = Dialler::new(dialling, Arc::clone(&problems));
        let control = Arc::new(Control::default());
        let layout = self.config.path.layout;
        let stage = StrategyStage::new(desk, layout, Arc::clone(&control), clock.clone());
        let inlets = conductors.iter().map(|(session, _)| Inlet::new(*session)).collect();
        let connections = Connections { inlets, links: Links::new(conductors), end };
        let config = self.config;
        let instruments = config.symbols()?.len();
        let path = Path {
            config,
            core,
            stage,
            connections,
            spent,
            dialler,
            clock,
            started,
            gatherer,
            callers,
        };
        let shared = Arc::clone(&control);
        let thread =
            std::thread::Builder::new().name("taut".into()).spawn(move || path.run(&shared))?;
        let thread = Some(thread);
        Ok(Running { control, thread, layout, instruments, recovered, problems, collector })
    }

    /// Trading first: what happened to an order is heard before the market's view of it.
    fn conductors(
        &self,
        recovered: &[(SessionId, Recovered)],
        clock: &Clock,
    ) -> Vec<(SessionId, Conductor)> {
        let now = clock.now();
        let conductor = |(session, section): (SessionId, &SessionSection)| {
            let config = ConductorConfig {
                reconnect: self.config.reconnect.policy(),
                rollover: self.config.rollover.rollover(),
                reset: section.reset,
                hosts: section.hosts().count() as u8,
                // Different for each session and each start.
                seed: now.0 ^ u64::from(session.0),
            };
            let found = recovered.iter().find(|(which, _)| *which == session);
            let numbers_of = found.and_then(|(_, found)| found.last_at);
            (session, Conductor::new(config, numbers_of, now))
        };
        self.config.sessions().into_iter().map(conductor).collect()
    }

    /// As [`EngineConfig::sessions`], in the order of the [`SessionId`]s.
    fn sessions_by_id(&self) -> Vec<(SessionId, &SessionSection)> {
        let mut sessions = self.config.sessions();
        sessions.sort_by_key(|(session, _)| session.0);
        sessions
    }

    fn dialling(&self, tls: Option<ClientTls>) -> Result<Dialling, StartError> {
        let wire = self.config.path.wire();
        let stack = self.config.xdp.as_ref().map(XdpSection::config).transpose()?;
        let network = Network::open(wire, stack.as_ref())
            .map_err(|problem| StartError::Wire { wire, problem })?;
        let hosts = |(_, section): (SessionId, &SessionSection)| {
            let host = |name: &str| Host { name: name.to_owned(), port: section.port };
            section.hosts().map(host).collect()
        };
        let hosts = self.sessions_by_id().into_iter().map(hosts).collect();
        let timeout = Duration::from_millis(self.config.reconnect.dial_timeout_ms.into());
        let kernel_stamps = self.config.path.kernel_stamps;
        Ok(Dialling { hosts, tls, network, timeout, kernel_stamps })
    }

    /// Who makes calls by REST, for each market of which a host is named.
    fn callers(&self, core: &mut SessionCore, tls: Option<&ClientTls>) -> Vec<Caller> {
        let mut callers = Vec::new();
        let mut caller = |session, market, section: &RestSection, credentials: &Credentials| {
            let (host, tls) = (section.host.clone(), tls.cloned());
            let client = RestClient::new(market, host, section.port, tls, credentials.clone());
            let (port, end) = rest_link();
            core.set_rest(session, port);
            let timeout = Duration::from_millis(section.timeout_ms.into());
            callers.push(Caller { client, end, timeout });
        };
        if let Some(section) = &self.config.rest {
            let credentials = self.rest_credentials.as_ref().unwrap_or(&self.credentials);
            caller(TRADING, self.config.market(), section, credentials);
        }
        if let Some(second) = &self.config.second
            && let Some(section) = &second.rest
        {
            let own = self.second_rest_credentials.as_ref().or(self.second_credentials.as_ref());
            caller(SECOND_TRADING, second.market(), section, own.unwrap_or(&self.credentials));
        }
        callers
    }

    /// Of every connection; `None`: plain TCP.
    fn client_tls(&self) -> Result<Option<ClientTls>, StartError> {
        let section = &self.config.tls;
        if !section.enabled {
            return Ok(None);
        }
        let trust = match (&self.trust, &section.ca_file) {
            (Some(trust), _) => trust.clone(),
            (None, _) if section.uat_insecure => Trust::UatInsecure,
            (None, Some(file)) => Trust::Pem(
                std::fs::read(file)
                    .map_err(|error| StartError::Trust(format!("{}: {error}", file.display())))?,
            ),
            (None, None) => Trust::WebPki,
        };
        ClientTls::pinned(trust, section.mode, section.pins.clone()).map(Some).map_err(|error| {
            StartError::Trust(match (&self.trust, &section.ca_file) {
                (None, Some(file)) => format!("{}: {error}", file.display()),
                _ => error.to_string(),
            })
        })
    }

    fn session_core(
        &mut self,
        clock: Clock,
        traces: rtrb::Producer<Record>,
    ) -> Result<(SessionCore, Vec<(SessionId, Recovered)>), StartError> {
        let policy = self.config.journal.as_ref().map(|journal| journal.resend_policy());
        let policy = policy.transpose()?;
        let trading = |section: &SessionSection, credentials: &Credentials| {
            let mut config = session_config(section)?;
            config.resend_policy = policy.unwrap_or(config.resend_policy);
            Ok::<_, ConfigError>((
                config,
                Logon::trading(credentials.clone(), section.cancel_on_disconnect),
            ))
        };
        let mut sessions = vec![
            (session_config(&self.config.market_data)?, Logon::MarketData),
            trading(&self.config.trading, &self.credentials)?,
        ];
        if let Some(second) = &self.config.second {
            let credentials = self.second_credentials.as_ref().unwrap_or(&self.credentials);
            sessions.push((session_config(&second.market_data)?, Logon::MarketData));
            sessions.push(trading(&second.trading, credentials)?);
        }
        let mut core = SessionCore::new(sessions, &self.config.symbols()?, clock, traces);
        let mut recovered = Vec::new();
        if let Some(section) = &self.config.journal {
            let names = ["market-data", "trading", "second-market-data", "second-trading"];
            for ((session, _), name) in self.sessions_by_id().into_iter().zip(names) {
                let (journal, found) = Journal::open(section.dir.join(name), section.config())?;
                core.keep_journal(session, journal)?;
                let is_trading = matches!(session, TRADING | SECOND_TRADING);
                if is_trading && self.config.orders.recovery.from_journal {
                    core.set_earlier(
                        session,
                        Earlier::read(&Reader::open(section.dir.join(name))?)?,
                    );
                }
                recovered.push((session, found));
            }
        }
        for (session, judge) in self.judges.drain(..) {
            if !self.config.sessions().iter().any(|(configured, _)| *configured == session) {
                let problem = format!("session {} has none: it is not configured", session.0);
                return Err(ConfigError::Value { field: "journal.resend", problem }.into());
            }
            core.ask_before_resend(session, judge);
        }
        Ok((core, recovered))
    }

    fn desk_config(&self, core: &SessionCore) -> Result<DeskConfig, StartError> {
        // Without a journal: ids follow the clock, so a later run is above this one.
        let watermark =
            |session| core.journal(session).map_or(0, |j| j.state().cl_ord_id_watermark);
        let LimitSet { each, total } = self.config.limit_set()?;
        let instruments = self.config.symbols()?.into_iter().zip(each);
        let mut instruments: Vec<InstrumentConfig> =
            instruments.map(|(symbol, risk)| InstrumentConfig { symbol, risk }).collect();
        let others = instruments.split_off(self.config.instruments.symbols.len());
        Ok(DeskConfig {
            market_data: MARKET_DATA,
            trading: TRADING,
            instruments,
            total,
            venue_rate: self.config.venue_rate.venue_rate(),
            depth: self.config.instruments.depth,
            cl_ord_id_watermark: watermark(TRADING),
            unknown_orders: self.config.orders.unknown,
            reach: self.config.orders.reach,
            recovery: self.config.orders.recovery,
            second: self.config.second.as_ref().map(|second| SecondSession {
                market_data: SECOND_MARKET_DATA,
                trading: SECOND_TRADING,
                instruments: others,
                venue_rate: second.venue_rate.venue_rate(),
                cl_ord_id_watermark: watermark(SECOND_TRADING),
                reach: second.reach,
                rest: second.rest.as_ref().map(RestSection::policy),
            }),
            rest: self.config.rest.as_ref().map(RestSection::policy),
        })
    }
}

fn session_config(section: &SessionSection) -> Result<SessionConfig, ConfigError> {
    let (sender, target) = section.comp_ids()?;
    Ok(SessionConfig {
        heartbeat_seconds: section.heartbeat_seconds,
        logon_timeout: Duration::from_millis(section.logon_timeout_ms.into()),
        field_check: section.field_checks.check(),
        ..kraken::session::client(sender, target)
    })
}

#[cfg(test)]
mod tests;
