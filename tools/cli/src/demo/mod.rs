//! `taut demo`: the engine against the venue, on this machine, with everything that was promised
//! checked at the end.

pub mod child;
pub mod config;
mod cut;
pub mod interrupt;
mod journal_check;
pub mod maker;
mod operator;
mod order_check;
pub mod place;
mod summary;
mod told;

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use taut::config::{JournalSection, PathSection};
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, IdlePolicy, Layout, Running, available_cores};
use taut::secret::Secret;
use taut::trace::Clock;
use taut::trace::allocation::allocations;
use taut::wire::WireKind;
use taut::wire::tls::{TlsMode, Trust};
use taut_venue::config::VenueConfig;
use taut_venue::liquidity::canonical_symbol;

use self::child::{Process, Venue};
use self::config::DemoConfig;
use self::cut::Cut;
use self::maker::Maker;
use self::place::Place;
use self::summary::{Run, Summary};
use self::told::Listener;
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
    /// How the engine reads: uring, busy-poll, mio or xdp (a stack of its own over virtual interfaces; root)
    #[arg(long)]
    wire: Option<WireKind>,
    /// Seed of the synthetic market
    #[arg(long)]
    seed: Option<u64>,
    /// Cut the trading session so long after the first trading, in the middle of a message, and watch it
    /// come back
    #[arg(long, value_name = "SECONDS")]
    drop_after: Option<u64>,
    /// The pair to trade
    #[arg(long)]
    symbol: Option<String>,
    /// Events a second of the synthetic market; 1000 unless the venue's file is given
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
    /// Keep what both sessions send and receive in this directory, and go on from it
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// The engine's configuration file
    #[arg(long)]
    config: Option<PathBuf>,
    /// The venue's configuration file
    #[arg(long)]
    venue_config: Option<PathBuf>,
    /// Print the configuration of one side, the engine's unless said, with comments and end
    #[arg(long, value_name = "SIDE", num_args = 0..=1, default_missing_value = "engine")]
    print_config: Option<ConfigOf>,
    /// Print the summary for machines
    #[arg(long)]
    json: bool,
}

/// Which side's configuration.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ConfigOf {
    /// The engine's and the strategy's, for --config
    Engine,
    /// The venue's, for --venue-config
    Venue,
}

/// Commands that the demo can compare with the venue's arrival log; more fail the comparison.
const SENT_LOG: usize = 4_000_000;

/// How often the progress line is printed.
const PROGRESS_PERIOD: Duration = Duration::from_millis(250);
/// How long the engine may take until it sees a book, beyond which its time to trade counts all the
/// same: something is wrong, and the summary will say so.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Runs the demo. Succeeds only if everything that is checked holds.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    match args.print_config {
        Some(ConfigOf::Engine) => {
            print!("{}", config::commented());
            return Ok(());
        }
        Some(ConfigOf::Venue) => {
            print!("{}", VenueConfig::commented_toml());
            return Ok(());
        }
        None => {}
    }
    if let Some(after) = args.drop_after.filter(|&after| args.seconds > 0 && after >= args.seconds)
    {
        let seconds = args.seconds;
        let problem = format!("--drop-after {after} must be below --seconds {seconds}");
        return Err(Failure::Usage(problem));
    }
    let mut config = match &args.config {
        Some(file) => DemoConfig::from_toml(&crate::read_file(file)?)?,
        None => DemoConfig::default(),
    };
    apply(args, &mut config);
    if config.engine.tls.uat_insecure {
        eprintln!(
            "taut: warning: tls.uat_insecure: an engine with this configuration does not verify the \
             venue's certificate; this demo does, it knows its own"
        );
    }
    check_venue(args, &config)?;
    let cores = Cores::choose(&mut config.engine.path);
    let (key, secret) = (random_secret()?, random_secret()?);
    let scratch = tempfile::tempdir()?;
    let arrivals = scratch.path().join("arrivals");
    let process = Process::default();
    let stop = interrupt::watch(process.clone(), scratch.path().to_owned())?;
    let signals = operator::Signals::listen()?;
    let place = Place::choose(&mut config.engine)?;
    let mut options = venue_options(args, &arrivals, &cores);
    options.extend(place.venue_options());
    let options: Vec<&OsStr> = options.iter().map(OsString::as_os_str).collect();
    let mut venue = place.start(|| Venue::start(&options, &key, &secret, process, &stop))?;
    config.use_venue(&venue, args.symbol.as_deref())?;
    let DemoConfig { engine: engine_config, maker: maker_config } = config;
    let mut engine = Engine::new(engine_config.clone(), Credentials::new(key, secret)?)?;
    if let Some(pem) = &venue.ready.certificate_pem {
        engine = engine.with_trust(Trust::Pem(pem.clone().into_bytes()));
    }
    if !args.json {
        introduce(&venue, &engine_config);
    }
    let started = Instant::now();
    let (teller, mut listener) = told::channel();
    let running = place.start(|| engine.start(Maker::new(maker_config, teller)))?;
    for (_, recovered) in running.recovered() {
        for problem in recovered.problems() {
            eprintln!("taut: journal: {problem}");
        }
    }
    let cut = Cut::new(args.drop_after.map(Duration::from_secs), &engine_config.trading.sender);
    watch(args, &running, &mut listener, (&stop, &signals), (&mut venue, cut));
    let outcome = running.join()?;
    let stats = outcome.desk.stats();
    if stop.load(Ordering::Relaxed) && (stats.checksums_verified == 0 || stats.on_wire == 0) {
        return Err(Failure::Interrupted);
    }
    let seconds = started.elapsed().as_secs_f64();

    let ready =
        Ready { liquidity: venue.ready.liquidity.clone(), cores: venue.ready.cores.clone() };
    // A venue that ended without its last word (killed, for example) is told by the summary.
    let farewell = venue.stop();
    let arrivals = match &farewell {
        Ok(_) => Some(order_check::read(&arrivals, &engine_config.trading.sender)?),
        Err(_) => None,
    };
    let stored = engine_config.journal.as_ref().map(|section| journal_check::read(&section.dir));
    let run = Run {
        sessions: listener.finish(),
        stored: stored.transpose()?,
        cut: args.drop_after.is_some(),
        seconds,
        config: &engine_config,
        liquidity: &ready.liquidity,
        venue_core: cores.venue,
        venue_cores: &ready.cores,
        arrivals: arrivals.as_deref(),
        farewell: farewell.map(|farewell| farewell.open_orders).map_err(|e| e.to_string()),
        allocations: allocations(),
    };
    let summary = Summary::of(&outcome, run);
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
    engine.path.wire = args.wire.or(engine.path.wire);
    engine.tls.mode = args.tls.unwrap_or(engine.tls.mode);
    engine.tls.enabled &= !args.plain;
    engine.path.sent_log = engine.path.sent_log.max(SENT_LOG);
    if let Some(dir) = &args.journal {
        let section = engine.journal.get_or_insert_with(|| JournalSection::in_dir(dir.clone()));
        section.dir.clone_from(dir);
    }
}

/// Finds what is wrong with the venue's side before its process is started. What a recording holds is
/// left to that process, which has to read it anyway.
fn check_venue(args: &DemoArgs, config: &DemoConfig) -> Result<(), Failure> {
    let mut venue = match &args.venue_config {
        Some(file) => VenueConfig::from_toml(&crate::read_file(file)?)?,
        None => VenueConfig::default(),
    };
    if let Some(times) = args.speed {
        crate::venue::speed(times)?;
    }
    if let Some(symbol) = &args.symbol
        && !symbol.contains('/')
    {
        let why = "the demo trades one pair of spot, such as XBT/CHF";
        return Err(Failure::Usage(format!("--symbol {symbol}: {why}")));
    }
    if let Some(file) = &args.capture {
        let opened = std::fs::File::open(file);
        return opened.map(|_| ()).map_err(|error| Failure::File { path: file.clone(), error });
    }
    if let Some(rate) = args.rate {
        venue.liquidity.synthetic.events_per_second = rate;
    }
    if let Some(symbol) = &args.symbol {
        venue.liquidity.symbol = canonical_symbol(symbol);
    }
    let listed: Vec<&str> = venue.instruments.iter().map(|one| one.symbol.as_str()).collect();
    let followed = match &args.symbol {
        Some(_) => std::slice::from_ref(&venue.liquidity.symbol),
        None => config.engine.instruments.symbols.as_slice(),
    };
    config::check_symbols(followed, &listed)?;
    // Checks the synthetic market's figures; nobody logs on to this one.
    taut_venue::venue::Venue::with_secrets(&venue, None, Clock::system().now(), |_| None)?;
    Ok(())
}

/// Which cores do what: the last one is the venue's, the others the engine's. Threads spin only while
/// each of them, the venue's included, has a core of its own.
pub struct Cores {
    /// The venue's; `None` if there is but one.
    pub venue: Option<usize>,
    /// Whether the venue may spin.
    pub venue_spins: bool,
}

impl Cores {
    /// Chooses, and writes the engine's into its configuration.
    pub fn choose(path: &mut PathSection) -> Self {
        let mut cores = available_cores();
        let venue = if cores.len() > 1 { cores.pop() } else { None };
        let enough = venue.is_some() && cores.len() >= path.layout.threads().len();
        if path.cores.is_empty() && venue.is_some() {
            path.cores = cores;
        }
        if !enough {
            path.idle.get_or_insert(IdlePolicy::Park);
        }
        path.housekeeping_core = path.housekeeping_core.or(venue);
        Self { venue, venue_spins: enough }
    }
}

/// The command line of the venue's process.
fn venue_options(args: &DemoArgs, arrivals: &Path, cores: &Cores) -> Vec<OsString> {
    let mut options: Vec<OsString> = vec!["--any-port".into()];
    let mut option = |name: &str, value: Option<String>| {
        options.extend(value.map(|value| format!("--{name}={value}").into()));
    };
    option("symbol", args.symbol.clone());
    option("seed", args.seed.map(|n| n.to_string()));
    // Quiet enough for two cores, busy enough to see: the venue's own default is a slow market.
    let rate = args.rate.or(args.venue_config.is_none().then_some(1000));
    option("rate", rate.map(|n| n.to_string()));
    option("speed", args.speed.map(|n| n.to_string()));
    option("core", cores.venue.map(|n| n.to_string()));
    if cores.venue_spins {
        options.push("--spin".into());
    }
    if args.venue_config.is_none() {
        // The demo shows speed; a client of Kraken's highest tier would be held up within seconds.
        options.push("--no-rate-limits".into());
    }
    if args.plain {
        options.push("--plain".into());
    }
    let mut file = |name: &str, path: Option<&Path>| {
        options.extend(path.into_iter().flat_map(|path| [name.into(), path.into()]));
    };
    file("--arrivals", Some(arrivals));
    file("--capture", args.capture.as_deref());
    file("--config", args.venue_config.as_deref());
    options
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
        config.path.layout,
        config.path.wire(),
        config.path.cores,
        config.path.idle()
    );
}

/// Prints progress until it is time to stop, then asks the engine to.
fn watch(
    args: &DemoArgs,
    running: &Running<Maker>,
    listener: &mut Listener,
    (stop, signals): (&AtomicBool, &operator::Signals),
    (venue, mut cut): (&mut Venue, Cut),
) {
    let started = Instant::now();
    let operator = running.operator();
    let limit = (args.seconds > 0).then(|| Duration::from_secs(args.seconds));
    let line = !args.json && std::io::stderr().is_terminal();
    let mut printed = started;
    let mut stopping = false;
    let mut trading_since = None;
    let clear = if line { "\r\x1b[K" } else { "" };
    let mut finished = false;
    while !finished {
        // What it said last is heard, too.
        finished = running.is_finished();
        let problem = |session| running.dial_problem(session);
        listener.listen(problem, |said| {
            if !args.json {
                eprintln!("{clear}{said}");
            }
        });
        // A slow machine may need a second to dial and log on; that is not the time to trade.
        if trading_since.is_none()
            && (running.progress().stats.book_updates > 0 || started.elapsed() >= START_TIMEOUT)
        {
            trading_since = Some(Instant::now());
        }
        if let Some(said) = signals.obey(&operator, args.config.as_deref()) {
            eprintln!("{clear}{said}");
        }
        let acks = running.progress().stats.acks;
        cut.make_if_due(venue, trading_since.filter(|_| acks > 0));
        let over = limit.zip(trading_since).is_some_and(|(limit, since)| since.elapsed() >= limit)
            && !cut.is_worth_a_wait(trading_since, listener.trading_came_back(), START_TIMEOUT);
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
        if !finished {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    if line {
        eprint!("\r\x1b[K");
        let _ = std::io::stderr().flush();
    }
}

/// A random credential for this run: 56 characters of base64, as long as Kraken's keys.
pub fn random_secret() -> Result<Secret, Failure> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = [0; 56];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    let text: String = bytes.iter().map(|b| char::from(ALPHABET[usize::from(b % 64)])).collect();
    Ok(Secret::new(text))
}
