//! Threads, rings, pinning, idle policy: the only place with threads.
//!
//! [`Engine`] runs a [`Strategy`] on the layout that the configuration names. Its sessions are dialled,
//! logged on and brought back by [conductors](crate::conductor).

mod core;
mod dialler;
mod full;
mod idle;
mod inlet;
mod inline;
mod links;
mod pin;
mod running;
mod shutdown;
mod slab;
mod threads;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use rtrb::RingBuffer;
use serde::{Deserialize, Serialize};

pub use self::core::{EventSink, SessionCore};
use self::dialler::{Dialler, Dialling, Host};
use self::full::{CoreEnd, Reader};
pub use self::idle::{Bell, Idle, IdlePolicy};
pub use self::inlet::{Inbound, Inlet};
pub use self::inline::{InlineEngine, Watch};
pub use self::links::{Dial, Dialled};
use self::links::{Links, Spent};
pub use self::pin::{Pinning, available_cores, pin_current};
pub use self::running::{Outcome, Running, Stopper};
use self::slab::slab;
use self::threads::{Connections, StrategyStage};
use crate::command::SessionId;
use crate::conductor::{Conductor, ConductorConfig};
use crate::config::{ConfigError, EngineConfig, SessionSection};
use crate::desk::{Desk, DeskConfig, DeskError, DeskStats, InstrumentConfig};
use crate::journal::{Housekeeper, Journal, JournalError, Recovered};
use crate::kraken::logon::{Credentials, Logon};
use crate::limits::{DIAL_RING, TRACE_RING};
use crate::session::SessionConfig;
use crate::session::resend::ResendJudge;
use crate::strategy::Strategy;
use crate::trace::{Clock, Collector, Record};
use crate::wire;
use crate::wire::tls::{ClientTls, Trust};

/// How many threads share the stages of the path (design section 3). The code is the same in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// One thread: everything.
    Inline,
    /// Two: the sockets and sessions; the strategy.
    Split,
    /// Three: the reader; the sessions; the strategy.
    Full,
}

impl Layout {
    /// Threads of the path.
    #[must_use]
    pub const fn threads(self) -> usize {
        match self {
            Self::Inline => 1,
            Self::Split => 2,
            Self::Full => 3,
        }
    }
}

/// The market data session of every engine.
pub const MARKET_DATA: SessionId = SessionId(0);
/// The trading session of every engine.
pub const TRADING: SessionId = SessionId(1);

/// From this distance of the venue's clock on the application is told; a Logon is refused at five times
/// as much (venue file 2.1).
const CLOCK_SKEW_WARNING: Duration = Duration::from_secs(1);
/// How often the housekeeping thread empties the trace ring.
const HOUSEKEEPING_PERIOD: Duration = Duration::from_millis(5);

/// What the threads of an engine and its owner share.
#[derive(Debug, Default)]
pub struct Control {
    // A line of the cache each: one side writes what the other reads in every round.
    stop: CachePadded<AtomicBool>,
    finished: CachePadded<AtomicBool>,
    /// Times that a full ring made messages wait, since the strategy was last told.
    ring_full: CachePadded<AtomicU32>,
    progress: Mutex<Progress>,
}

/// Why the last dial of each session failed, in words, by [`SessionId`].
type Problems = Arc<Mutex<[Option<String>; 2]>>;

/// Figures of a running engine, a few milliseconds old.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Counters of the desk.
    pub stats: DeskStats,
}

impl Progress {
    const fn of<S: Strategy>(desk: &Desk<S>) -> Self {
        Self { stats: *desk.stats() }
    }
}

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
        wire: wire::WireKind,
        /// Why, and what to do.
        problem: std::io::Error,
    },
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
    judge: Option<ResendJudge>,
}

impl Engine {
    /// An engine with a checked configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(config: EngineConfig, credentials: Credentials) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { config, credentials, trust: None, judge: None })
    }

    /// Trust these roots instead of those that the configuration names.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// Has `judge` decide whether a message of the trading session is sent again, where the configuration
    /// (`[journal.resend]`) says "ask". Without one it is not.
    #[must_use]
    pub fn ask_before_resend(mut self, judge: ResendJudge) -> Self {
        self.judge = Some(judge);
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
        let clock = Clock::system();
        let (traces, records) = RingBuffer::new(TRACE_RING);
        let (core, recovered) = self.session_core(clock.clone(), traces)?;
        let watermark = core.journal(TRADING).map_or(0, |j| j.state().cl_ord_id_watermark);
        let desk = Desk::new(&self.desk_config(watermark)?, clock.clone(), strategy)?;
        let conductors = self.conductors(&recovered, &clock);
        let dialling = self.dialling()?;
        let problems = Problems::default();
        let (dialler, end, spent) = Dialler::new(dialling, Arc::clone(&problems));
        let control = Arc::new(Control::default());
        let stage = StrategyStage::new(desk, Arc::clone(&control), clock.clone());
        let inlets = conductors.iter().map(|(session, _)| Inlet::new(*session)).collect();
        let connections = Connections { inlets, links: Links::new(conductors), end };
        let config = self.config;
        let path = Path { config, core, stage, connections, spent, dialler, clock, records };
        let shared = Arc::clone(&control);
        let thread =
            std::thread::Builder::new().name("taut".into()).spawn(move || path.run(&shared))?;
        Ok(Running { control, thread: Some(thread), recovered, problems })
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
        let sections = [(TRADING, &self.config.trading), (MARKET_DATA, &self.config.market_data)];
        sections.map(conductor).into()
    }

    fn dialling(&self) -> Result<Dialling, StartError> {
        let wire = self.config.path.wire;
        wire::probe(wire).map_err(|problem| StartError::Wire { wire, problem })?;
        let tls = if self.config.tls.enabled { Some(self.client_tls()?) } else { None };
        let hosts = [&self.config.market_data, &self.config.trading].map(|section| {
            let host = |name: &str| Host { name: name.to_owned(), port: section.port };
            section.hosts().map(host).collect()
        });
        let timeout = Duration::from_millis(self.config.reconnect.dial_timeout_ms.into());
        Ok(Dialling { hosts, tls, wire, timeout })
    }

    fn client_tls(&self) -> Result<ClientTls, StartError> {
        let section = &self.config.tls;
        let trust = match (&self.trust, &section.ca_file) {
            (Some(trust), _) => trust.clone(),
            (None, _) if section.uat_insecure => Trust::UatInsecure,
            (None, Some(file)) => Trust::Pem(
                std::fs::read(file)
                    .map_err(|error| StartError::Trust(format!("{}: {error}", file.display())))?,
            ),
            (None, None) => Trust::WebPki,
        };
        ClientTls::new(trust, section.mode).map_err(|error| StartError::Trust(error.to_string()))
    }

    fn session_core(
        &mut self,
        clock: Clock,
        traces: rtrb::Producer<Record>,
    ) -> Result<(SessionCore, Vec<(SessionId, Recovered)>), StartError> {
        let trading =
            Logon::trading(self.credentials.clone(), self.config.trading.cancel_on_disconnect);
        let mut trading_config = session_config(&self.config.trading)?;
        if let Some(section) = &self.config.journal {
            trading_config.resend_policy = section.resend_policy()?;
        }
        let sessions = vec![
            (session_config(&self.config.market_data)?, Logon::MarketData),
            (trading_config, trading),
        ];
        let mut core = SessionCore::new(sessions, &self.config.symbols()?, clock, traces);
        let mut recovered = Vec::new();
        if let Some(section) = &self.config.journal {
            for (session, name) in [(MARKET_DATA, "market-data"), (TRADING, "trading")] {
                let (journal, found) = Journal::open(section.dir.join(name), section.config())?;
                core.keep_journal(session, journal)?;
                recovered.push((session, found));
            }
        }
        if let Some(judge) = self.judge.take() {
            core.ask_before_resend(TRADING, judge);
        }
        Ok((core, recovered))
    }

    fn desk_config(&self, cl_ord_id_watermark: u64) -> Result<DeskConfig, StartError> {
        let risk = self.config.risk.limits()?;
        let symbols = self.config.symbols()?;
        Ok(DeskConfig {
            market_data: MARKET_DATA,
            trading: TRADING,
            instruments: symbols.iter().map(|&symbol| InstrumentConfig { symbol, risk }).collect(),
            depth: self.config.instruments.depth,
            // Without a journal: ids are microseconds, so a later run is above this one.
            cl_ord_id_watermark,
        })
    }
}

fn session_config(section: &SessionSection) -> Result<SessionConfig, ConfigError> {
    let (sender, target) = section.comp_ids()?;
    let mut config = SessionConfig::initiator(sender, target);
    config.heartbeat_seconds = section.heartbeat_seconds;
    config.synchronise = true;
    config.low_answer_resets = true;
    config.clock_skew_warning = Some(CLOCK_SKEW_WARNING);
    config.logon_timeout = Duration::from_millis(section.logon_timeout_ms.into());
    Ok(config)
}

/// Everything that the threads of the path own.
struct Path<S: Strategy> {
    config: EngineConfig,
    core: SessionCore,
    stage: StrategyStage<S>,
    connections: Connections,
    spent: rtrb::Producer<Spent>,
    dialler: Dialler,
    clock: Clock,
    records: rtrb::Consumer<Record>,
}

impl<S: Strategy + Send> Path<S> {
    /// Runs the layout on scoped threads until the engine is over. This thread does the housekeeping.
    fn run(self, control: &Arc<Control>) -> std::io::Result<Outcome<S>> {
        let Self {
            config,
            mut core,
            mut stage,
            connections,
            spent,
            mut dialler,
            clock,
            mut records,
        } = self;
        let layout = config.path.layout;
        let idle = idle_policy(&config);
        let core_of = |thread: usize| {
            let cores = &config.path.cores;
            (!cores.is_empty()).then(|| cores[thread % cores.len()])
        };
        let mut idles = Vec::new();
        for _ in 0..layout.threads() {
            idles.push(Idle::new(idle)?);
        }
        let mut collector = Collector::new(clock.clone(), config.path.sent_log);
        let mut journals = Housekeeping { parts: core.housekeepers(), trouble: None };
        journals.run();
        let parts = Parts { core: &mut core, stage: &mut stage, connections, spent };
        let bodies = bodies(layout, idles, control, &clock, parts);
        let pinning = std::thread::scope(|scope| -> std::io::Result<Vec<Pinning>> {
            // A thread that cannot be started must not leave the others waiting for it.
            let _finish = FinishOnDrop(control);
            let mut threads = Vec::new();
            for (name, body) in bodies {
                let pin = core_of(threads.len());
                let builder = std::thread::Builder::new().name(name.into());
                threads.push(builder.spawn_scoped(scope, move || {
                    // Whatever ends this thread ends the engine: the others must not wait for ever.
                    let _finish = FinishOnDrop(control);
                    let pinning = pin_current(name, pin);
                    body();
                    pinning
                })?);
            }
            let own = pin_current("taut-housekeeping", config.path.housekeeping_core);
            while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                while let Ok(record) = records.pop() {
                    collector.add(&record);
                }
                clock.discipline();
                journals.run();
                dialler.run();
                std::thread::sleep(HOUSEKEEPING_PERIOD);
            }
            dialler.finish();
            let mut pinning = vec![own];
            for thread in threads {
                match thread.join() {
                    Ok(pinned) => pinning.push(pinned),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok(pinning)
        })?;
        while let Ok(record) = records.pop() {
            collector.add(&record);
        }
        journals.finish();
        Ok(Outcome {
            journal_trouble: journals.trouble,
            ended: *stage.sessions.ended(),
            desk: stage.desk,
            latency: collector.finish(),
            traces_lost: core.traces_lost(),
            pinning,
            idle,
        })
    }
}

/// What the housekeeping thread does for the journals.
struct Housekeeping {
    parts: Vec<Housekeeper>,
    trouble: Option<JournalError>,
}

impl Housekeeping {
    fn run(&mut self) {
        let now = Instant::now();
        self.each(|part| part.run(now));
    }

    fn finish(&mut self) {
        self.each(Housekeeper::finish);
    }

    fn each(&mut self, mut what: impl FnMut(&mut Housekeeper) -> Result<(), JournalError>) {
        for part in &mut self.parts {
            if let Err(error) = what(part) {
                self.trouble.get_or_insert(error);
            }
        }
    }
}

/// A thread of the path: its name and what it runs.
type Body<'a> = (&'static str, Box<dyn FnOnce() + Send + 'a>);

/// What the threads of the path share out among them.
struct Parts<'a, S: Strategy> {
    core: &'a mut SessionCore,
    stage: &'a mut StrategyStage<S>,
    connections: Connections,
    /// For the reader of the layout `full`.
    spent: rtrb::Producer<Spent>,
}

/// The threads of a layout. `idles` has one entry for each.
fn bodies<'a, S: Strategy + Send>(
    layout: Layout,
    idles: Vec<Idle>,
    control: &'a Arc<Control>,
    clock: &'a Clock,
    parts: Parts<'a, S>,
) -> Vec<Body<'a>> {
    let Parts { core, stage, connections, spent } = parts;
    let mut idles = idles.into_iter();
    let mut next_idle = || idles.next().expect("one for each thread");
    match layout {
        Layout::Inline => {
            let mut idle = next_idle();
            let all = move || inline::run_inline(stage, core, connections, &mut idle);
            vec![("taut-inline", Box::new(all))]
        }
        Layout::Split => {
            let (mut io, mut strategy) = (next_idle(), next_idle());
            let (session_end, strategy_end) = threads::link(&io, &strategy, control);
            let run_io =
                move || threads::run_io(control, clock, core, connections, session_end, &mut io);
            let run_strategy = move || threads::run_strategy(stage, strategy_end, &mut strategy);
            vec![("taut-io", Box::new(run_io)), ("taut-strategy", Box::new(run_strategy))]
        }
        Layout::Full => {
            let (mut reader, mut middle, mut strategy) = (next_idle(), next_idle(), next_idle());
            let (session_end, strategy_end) = threads::link(&middle, &strategy, control);
            let (core_bell, reader_bell) = (middle.bell(), reader.bell());
            let (for_reader, core_end) = apart(connections, spent, reader_bell);
            let run_reader = move || {
                full::run_reader(control, clock, for_reader, &core_bell, &mut reader);
            };
            let run_core = move || {
                full::run_core(control, clock, core, core_end, session_end, &mut middle);
            };
            let run_strategy = move || threads::run_strategy(stage, strategy_end, &mut strategy);
            vec![
                ("taut-reader", Box::new(run_reader)),
                ("taut-core", Box::new(run_core)),
                ("taut-strategy", Box::new(run_strategy)),
            ]
        }
    }
}

/// The connections, half on the reader's thread and half on the session core's.
fn apart(
    connections: Connections,
    spent: rtrb::Producer<Spent>,
    bell: Arc<Bell>,
) -> (Reader, CoreEnd) {
    let Connections { inlets, links, end } = connections;
    let (slab_in, slab_out) = slab();
    let (handover_in, handovers) = RingBuffer::new(DIAL_RING);
    let attempts = vec![0; inlets.len()];
    (
        Reader { inlets, attempts, slab: slab_in, handovers, spent },
        CoreEnd { links, end, reader: handover_in, bell, slab: slab_out },
    )
}

/// Ends the engine when a thread of the path ends, by a panic too.
struct FinishOnDrop<'a>(&'a Control);

impl Drop for FinishOnDrop<'_> {
    fn drop(&mut self) {
        self.0.finished.store(true, Ordering::Release);
    }
}

/// Spin only if every thread of the path has a core of its own.
fn idle_policy(config: &EngineConfig) -> IdlePolicy {
    let own: std::collections::BTreeSet<_> = config.path.cores.iter().collect();
    let cores = if own.is_empty() { available_cores().len() } else { own.len() };
    config.path.idle.unwrap_or(if cores >= config.path.layout.threads() {
        IdlePolicy::Spin
    } else {
        IdlePolicy::Park
    })
}
