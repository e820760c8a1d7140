//! `taut demo`: the engine against the venue, on this machine, with everything that was promised
//! checked at the end.

pub mod child;
mod config;
mod maker;
mod order_check;
mod summary;

use std::ffi::OsStr;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, IdlePolicy, Layout, Running, available_cores};
use taut::secret::Secret;
use taut::trace::allocation::allocations;
use taut::wire::WireKind;
use taut::wire::tls::{TlsMode, Trust};

use self::child::Venue;
use self::config::DemoConfig;
use self::maker::Maker;
use self::summary::{Run, Summary};
use crate::{Failure, kebab};

/// What can be said on the command line; the rest stands in the configuration files.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How long to trade, seconds; 0: until Ctrl-C
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many threads share the stages: inline, split or full
    #[arg(long, value_parser = kebab::<Layout>)]
    layout: Option<Layout>,
    /// How the engine reads its sockets: uring, busy-poll or mio
    #[arg(long)]
    wire: Option<WireKind>,
    /// Seed of the synthetic market
    #[arg(long)]
    seed: Option<u64>,
    /// The pair to trade
    #[arg(long)]
    symbol: Option<String>,
    /// Events a second of the synthetic market
    #[arg(long)]
    rate: Option<u32>,
    /// Replay a recorded Kraken book instead of the synthetic market
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Speed of the replay, 1 is as recorded
    #[arg(long, requires = "capture")]
    speed: Option<f64>,
    /// TLS records by our own layer, or by rustls (which allocates)
    #[arg(long, value_parser = kebab::<TlsMode>)]
    tls: Option<TlsMode>,
    /// Plain TCP on loopback instead of TLS
    #[arg(long, conflicts_with = "tls")]
    plain: bool,
    /// The engine's configuration file
    #[arg(long)]
    config: Option<PathBuf>,
    /// The venue's configuration file
    #[arg(long)]
    venue_config: Option<PathBuf>,
    /// Print both configurations with comments and end
    #[arg(long)]
    print_config: bool,
    /// Print the summary for machines
    #[arg(long)]
    json: bool,
}

/// How often the progress line is printed.
const PROGRESS_PERIOD: Duration = Duration::from_millis(250);
/// How long the engine may take until it sees a book, beyond which its time to trade counts all the
/// same: something is wrong, and the summary will say so.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Runs the demo. Succeeds only if everything that is checked holds.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    if args.print_config {
        print!("{}", config::commented());
        println!("\n# ---- the venue's side, a file of its own ----\n");
        print!("{}", taut_venue::config::VenueConfig::commented_toml());
        return Ok(());
    }
    let mut config = match &args.config {
        Some(file) => DemoConfig::from_toml(&crate::read_file(file)?)?,
        None => DemoConfig::default(),
    };
    apply(args, &mut config);
    let cores = Cores::choose(&mut config);
    let (key, secret) = (random_secret()?, random_secret()?);
    let scratch = tempfile::tempdir()?;
    let arrivals = scratch.path().join("arrivals");
    let venue = start_venue(args, &arrivals, &cores, &key, &secret)?;
    config.use_venue(&venue, args.symbol.as_deref())?;

    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let DemoConfig { engine: engine_config, maker: maker_config } = config;
    let mut engine = Engine::new(engine_config.clone(), Credentials::new(key, secret)?)?;
    if let Some(pem) = &venue.ready.certificate_pem {
        engine = engine.with_trust(Trust::Pem(pem.clone().into_bytes()));
    }
    if !args.json {
        introduce(&venue, &engine_config);
    }
    let started = Instant::now();
    let running = engine.start(Maker::new(maker_config))?;
    watch(args, &running, &stop, started);
    let outcome = running.join()?;
    let seconds = started.elapsed().as_secs_f64();

    let ready =
        Ready { liquidity: venue.ready.liquidity.clone(), cores: venue.ready.cores.clone() };
    // A venue that ended without its last word (killed, for example) is told by the summary.
    let farewell = venue.stop();
    let arrivals = match &farewell {
        Ok(_) => order_check::read(&arrivals, &engine_config.trading.sender)?,
        Err(_) => Vec::new(),
    };
    let run = Run {
        seconds,
        config: &engine_config,
        liquidity: &ready.liquidity,
        venue_core: cores.venue,
        venue_cores: &ready.cores,
        arrivals: &arrivals,
        farewell: farewell.map(|farewell| farewell.open_orders).map_err(|e| e.to_string()),
        allocations: allocations(),
    };
    let summary = Summary::of(&outcome, &run);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        print!("{summary}");
    }
    if summary.holds() { Ok(()) } else { Err(Failure::Invariant) }
}

/// What is kept of the venue's first line when its process has ended.
struct Ready {
    liquidity: String,
    cores: Vec<usize>,
}

fn apply(args: &DemoArgs, config: &mut DemoConfig) {
    let engine = &mut config.engine;
    engine.path.layout = args.layout.unwrap_or(engine.path.layout);
    engine.path.wire = args.wire.unwrap_or(engine.path.wire);
    engine.tls.mode = args.tls.unwrap_or(engine.tls.mode);
    engine.tls.enabled &= !args.plain;
}

/// Which cores do what: the last one is the venue's, the others the engine's. Threads spin only while
/// each of them, the venue's included, has a core of its own.
struct Cores {
    venue: Option<usize>,
    venue_spins: bool,
}

impl Cores {
    fn choose(config: &mut DemoConfig) -> Self {
        let mut cores = available_cores();
        let path = &mut config.engine.path;
        let venue = if cores.len() > 1 { cores.pop() } else { None };
        let enough = venue.is_some() && cores.len() >= path.layout.threads();
        // The mio wire is the one that sleeps; elsewhere idle threads spin if they can.
        let spin = enough && path.wire != WireKind::Mio;
        path.idle.get_or_insert(if spin { IdlePolicy::Spin } else { IdlePolicy::Park });
        if path.cores.is_empty() && venue.is_some() {
            path.cores = cores;
        }
        path.housekeeping_core = path.housekeeping_core.or(venue);
        Self { venue, venue_spins: enough }
    }
}

fn start_venue(
    args: &DemoArgs,
    arrivals: &std::path::Path,
    cores: &Cores,
    key: &Secret,
    secret: &Secret,
) -> Result<Venue, Failure> {
    let mut texts: Vec<String> = vec!["--any-port".into()];
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            texts.push(format!("--{name}={value}"));
        }
    };
    option("symbol", args.symbol.clone());
    option("seed", args.seed.map(|n| n.to_string()));
    option("rate", args.rate.map(|n| n.to_string()));
    option("speed", args.speed.map(|n| n.to_string()));
    option("core", cores.venue.map(|n| n.to_string()));
    if cores.venue_spins {
        texts.push("--spin".into());
    }
    if args.plain {
        texts.push("--plain".into());
    }
    let mut arguments: Vec<&OsStr> = texts.iter().map(OsStr::new).collect();
    arguments.extend([OsStr::new("--arrivals"), arrivals.as_os_str()]);
    if let Some(file) = &args.capture {
        arguments.extend([OsStr::new("--capture"), file.as_os_str()]);
    }
    if let Some(file) = &args.venue_config {
        arguments.extend([OsStr::new("--config"), file.as_os_str()]);
    }
    Ok(Venue::start(&arguments, key, secret)?)
}

fn introduce(venue: &Venue, config: &taut::config::EngineConfig) {
    println!("venue      {}", venue.ready.liquidity);
    for (service, address) in &venue.ready.services {
        println!("           {service} on {address}");
    }
    let tls = match (config.tls.enabled, config.tls.mode) {
        (false, _) => "no TLS",
        (true, TlsMode::RecordLayer) => "TLS 1.3 (own record layer)",
        (true, TlsMode::Rustls) => "TLS 1.3 (rustls)",
    };
    println!(
        "engine     layout {:?}, wire {}, {tls}, cores {:?}, idle {:?}",
        config.path.layout, config.path.wire, config.path.cores, config.path.idle
    );
}

/// Prints progress until it is time to stop, then asks the engine to.
fn watch(args: &DemoArgs, running: &Running<Maker>, stop: &AtomicBool, started: Instant) {
    let limit = (args.seconds > 0).then(|| Duration::from_secs(args.seconds));
    let line = !args.json && std::io::stderr().is_terminal();
    let mut printed = started;
    let mut stopping = false;
    let mut trading_since = None;
    while !running.is_finished() {
        // A slow machine may need a second to dial and log on; that is not the time to trade.
        if trading_since.is_none()
            && (running.progress().stats.book_updates > 0 || started.elapsed() >= START_TIMEOUT)
        {
            trading_since = Some(Instant::now());
        }
        let over = limit.zip(trading_since).is_some_and(|(limit, since)| since.elapsed() >= limit);
        if !stopping && (over || stop.load(Ordering::Relaxed)) {
            running.stop();
            stopping = true;
        }
        let period = if line { PROGRESS_PERIOD } else { Duration::from_secs(1) };
        if !args.json && printed.elapsed() >= period {
            printed = Instant::now();
            let text = summary::progress(started.elapsed(), &running.progress());
            if line { eprint!("\r\x1b[K{text}") } else { eprintln!("{text}") }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    if line {
        eprint!("\r\x1b[K");
        let _ = std::io::stderr().flush();
    }
}

/// A random credential for this run: 56 characters of base64, as long as Kraken's keys.
fn random_secret() -> Result<Secret, Failure> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = [0; 56];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    let text: String = bytes.iter().map(|b| char::from(ALPHABET[usize::from(b % 64)])).collect();
    Ok(Secret::new(text))
}
