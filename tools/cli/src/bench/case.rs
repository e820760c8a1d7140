//! One measured run: an engine and a venue of its own, one load, so many seconds.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use taut::config::{EngineConfig, RiskSection};
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, IdlePolicy, Layout, Pinning};
use taut::trace::Row;
use taut::trace::allocation::allocations;
use taut::wire::WireKind;
use taut::wire::tls::{TlsMode, Trust};

use super::load::{Found, Load, Trader, WARM_UP};
use crate::Failure;
use crate::demo::child::{ChildError, Process, Venue};
use crate::demo::config::DemoConfig;
use crate::demo::place::Place;
use crate::demo::{Cores, random_secret};

/// What is around the bytes; `None` is plain TCP.
pub type Tls = Option<TlsMode>;

/// What a run is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Case {
    /// The engine's wire.
    pub wire: WireKind,
    /// The engine's layout.
    pub layout: Layout,
    /// What is around the bytes.
    pub tls: Tls,
    /// How orders are sent.
    pub load: Load,
    /// Market data events a second.
    pub rate: u32,
    /// Whether the path begins when the kernel took the bytes.
    pub stamped: bool,
}

impl Case {
    /// Layout and what is around the bytes, in words.
    pub fn around(&self) -> String {
        let layout = match self.layout {
            Layout::Inline => "inline",
            Layout::Split => "split",
            Layout::Full => "full",
        };
        let tls = match self.tls {
            None => "plain",
            Some(TlsMode::RecordLayer) => "TLS",
            Some(TlsMode::Rustls) => "TLS by rustls",
        };
        format!("{layout}, {tls}")
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamped = if self.stamped { ", from the kernel" } else { "" };
        f.pad(&format!("{}, {}{stamped}", self.wire, self.around()))
    }
}

/// What a run came to.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// What the strategy saw.
    #[serde(flatten)]
    pub found: Found,
    /// From the poll that found the cause of an order (or, stamped, from the kernel's taking it in) to the
    /// kernel taking the order. Without the orders that warm up, as in [`Found`].
    pub total: Row,
    /// The stages of that.
    pub stages: Vec<Row>,
    /// Allocations of the threads of the path.
    pub allocations: u64,
    /// Where the threads ran.
    pub pinning: Vec<Pinning>,
    /// How they waited.
    pub idle: IdlePolicy,
}

/// Longest wait for the orders that warm up, which come before the measured time.
const START_WITHIN: Duration = Duration::from_secs(20);
/// A rate that nothing here reaches.
const NO_LIMIT: u32 = 1_000_000_000;

/// Runs it for `length`.
///
/// # Errors
/// What keeps a side from starting or ending; a run that is not as it should be is in
/// [`Found::faults`].
pub fn run(
    case: &Case,
    length: Duration,
    process: &Process,
    stop: &AtomicBool,
) -> Result<Measured, Failure> {
    let mut config = DemoConfig::default();
    let cores = set_up(case, &mut config.engine);
    let (key, secret) = (random_secret()?, random_secret()?);
    let place = Place::choose(&mut config.engine)?;
    let mut options = venue_options(case, &cores);
    options.extend(place.venue_options());
    let options: Vec<&OsStr> = options.iter().map(OsString::as_os_str).collect();
    let venue = place.start(|| Venue::start(&options, &key, &secret, process.clone(), stop))?;
    config.use_venue(&venue, None)?;
    let engine = Engine::new(config.engine, Credentials::new(key, secret)?)?;
    let mut engine = engine.without_timing_the_first(WARM_UP);
    if let Some(pem) = &venue.ready.certificate_pem {
        engine = engine.with_trust(Trust::Pem(pem.clone().into_bytes()));
    }
    let before = allocations().count;
    let running = place.start(|| engine.start(Trader::new(case.load)))?;
    let started = Instant::now();
    let mut trading_since = None;
    while !running.is_finished() {
        let trading = running.progress().stats.acks > WARM_UP;
        if trading || started.elapsed() >= START_WITHIN {
            trading_since.get_or_insert_with(Instant::now);
        }
        let over = trading_since.is_some_and(|since| since.elapsed() >= length);
        if over || stop.load(Ordering::Relaxed) {
            running.stop();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let outcome = running.join()?;
    let mut found = outcome.desk.strategy().found();
    let farewell = venue.stop()?;
    if stop.load(Ordering::Relaxed) {
        return Err(ChildError::Interrupted.into());
    }
    let allocated = allocations().count - before;
    let mut fault = |holds: bool, text: String| {
        if !holds {
            found.faults.push(text);
        }
    };
    fault(farewell.open_orders == 0, format!("{} orders left open", farewell.open_orders));
    fault(outcome.pinning.iter().all(Pinning::holds), "a thread ran elsewhere".into());
    let lost = outcome.traces_lost;
    fault(lost == 0, format!("{lost} trace records lost: they are in no stage and no total"));
    // rustls allocates for every record; that is what the other record layer is for.
    let may_allocate = case.tls == Some(TlsMode::Rustls);
    fault(may_allocate || allocated == 0, format!("{allocated} allocations on the path"));
    Ok(Measured {
        found,
        total: outcome.latency.total,
        stages: outcome.latency.stages,
        allocations: allocated,
        pinning: outcome.pinning,
        idle: outcome.idle,
    })
}

/// The engine's side of a case.
fn set_up(case: &Case, engine: &mut EngineConfig) -> Cores {
    engine.path.wire = Some(case.wire);
    engine.path.layout = case.layout;
    engine.path.kernel_stamps = case.stamped;
    engine.tls.enabled = case.tls.is_some();
    engine.tls.mode = case.tls.unwrap_or(engine.tls.mode);
    let RiskSection { max_open_orders, commands_per_second, burst, .. } = &mut engine.risk;
    (*max_open_orders, *commands_per_second, *burst) = (4_000, NO_LIMIT, NO_LIMIT);
    Cores::choose(&mut engine.path)
}

/// The venue's side of a case.
fn venue_options(case: &Case, cores: &Cores) -> Vec<OsString> {
    let rate = format!("--rate={}", case.rate);
    let mut options = vec!["--any-port".into(), rate.into(), "--no-rate-limits".into()];
    options.extend(cores.venue.map(|core| format!("--core={core}").into()));
    if cores.venue_spins {
        options.push("--spin".into());
    }
    match case.tls {
        None => options.push("--plain".into()),
        Some(TlsMode::Rustls) => options.push("--tls=rustls".into()),
        Some(TlsMode::RecordLayer) => {}
    }
    options
}
