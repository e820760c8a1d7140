//! What the examples share: a venue on this machine or the one of a configuration, and an engine that
//! runs for a while.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use taut::config::{EngineConfig, SecondSection, SessionSection, VenueRateName, VenueRateSection};
use taut::desk::DeskStats;
use taut::kraken::logon::Credentials;
use taut::order::Reach;
use taut::pipeline::{Engine, IdlePolicy, Outcome};
use taut::secret::Secret;
use taut::strategy::Strategy;
use taut::trace::Clock;
use taut::wire::WireKind;
use taut_venue::config::VenueConfig;
use taut_venue::server::{Listen, Server};
use taut_venue::{Service, Venue};

/// An API secret that is worth nothing, for the venue on this machine.
const SECRET: &str = "c2VjcmV0";

/// The command line of every example.
#[derive(clap::Parser)]
pub struct Options {
    /// How long it runs
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// An engine's configuration (`taut demo --print-config` prints one), with credentials in TAUT_API_KEY and
    /// TAUT_API_SECRET; without it a venue is started on this machine
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Where an example writes something
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Runs a strategy until the time is over or it was `enough`; the engine cancels and logs out.
pub fn run<S: Strategy + Send + 'static>(
    options: &Options,
    strategy: S,
    enough: impl Fn(&DeskStats) -> bool,
) -> Result<Outcome<S>, Box<dyn Error>> {
    run_with(options, strategy, enough, local_config)
}

/// The same on spot and derivatives, for a configuration with both.
#[allow(dead_code, reason = "not every example does")]
pub fn run_on_two<S: Strategy + Send + 'static>(
    options: &Options,
    strategy: S,
    enough: impl Fn(&DeskStats) -> bool,
) -> Result<Outcome<S>, Box<dyn Error>> {
    run_with(options, strategy, enough, two_markets)
}

/// The ports of a venue: market data and trading of spot, and of derivatives.
type Ports = [u16; 4];

fn run_with<S: Strategy + Send + 'static>(
    options: &Options,
    strategy: S,
    enough: impl Fn(&DeskStats) -> bool,
    local: fn(Ports) -> Result<EngineConfig, Box<dyn Error>>,
) -> Result<Outcome<S>, Box<dyn Error>> {
    let (config, credentials, _venue) = match &options.config {
        Some(file) => {
            let config = EngineConfig::from_toml(&std::fs::read_to_string(file)?)?;
            (config, Credentials::from_env()?, None)
        }
        None => {
            let venue = LocalVenue::start()?;
            let secret = || Secret::new(SECRET);
            (local(venue.ports)?, Credentials::new(secret(), secret())?, Some(venue))
        }
    };
    let running = Engine::new(config, credentials)?.start(strategy)?;
    let end = Instant::now() + Duration::from_secs(options.seconds);
    while Instant::now() < end && !running.is_finished() && !enough(&running.progress().stats) {
        std::thread::sleep(Duration::from_millis(20));
    }
    running.stop();
    Ok(running.join()?)
}

/// What came of it, in words.
pub fn tell<S: Strategy>(outcome: &Outcome<S>) {
    let stats = outcome.desk.stats();
    println!(
        "{} books, {} orders, {} amends, {} cancels, {} fills; {} refused here, {} by the venue",
        stats.book_updates,
        stats.orders,
        stats.replaces,
        stats.cancels,
        stats.fills,
        stats.refused_here,
        stats.refused_by_venue
    );
    for (id, market) in outcome.desk.markets().iter() {
        let position = outcome.desk.positions().get(id).copied().unwrap_or_default();
        let Some(facts) = market.instrument() else { continue };
        let open = facts.qty_decimal(taut::types::Qty(position.qty));
        let pnl = outcome.desk.pnl(id).map_or("unknown".to_owned(), |pnl| pnl.to_string());
        println!("{}: position {open}, profit and loss {pnl}", market.symbol());
    }
    println!("the sessions ended: {:?}", outcome.ended);
}

fn local_config(ports: Ports) -> Result<EngineConfig, Box<dyn Error>> {
    let mut config = EngineConfig::from_toml(EngineConfig::commented_toml())?;
    config.path.wire = Some(WireKind::Mio);
    config.path.idle = Some(IdlePolicy::Park);
    // Only on this machine, which nobody listens to.
    config.tls.enabled = false;
    config.market_data.port = ports[0];
    config.trading.port = ports[1];
    config.instruments.symbols = vec!["BTC/USD".into(), "ETH/USD".into()];
    // The tier that the venue gives its client.
    config.venue_rate.rule = VenueRateName::Pro;
    Ok(config)
}

fn two_markets(ports: Ports) -> Result<EngineConfig, Box<dyn Error>> {
    let mut config = local_config(ports)?;
    config.instruments.symbols = vec!["BTC/USD".into()];
    let on = |port: u16, of: &SessionSection, target: &str| SessionSection {
        port,
        sender: "TAUT_DRV".into(),
        target: target.into(),
        ..of.clone()
    };
    config.second = Some(SecondSection {
        symbols: vec!["PF_XBTUSD".into()],
        market_data: on(ports[2], &config.market_data, "KRAKEN-DRV-MD"),
        trading: on(ports[3], &config.trading, "KRAKEN-DRV-TRD"),
        venue_rate: VenueRateSection { rule: VenueRateName::Derivatives, ..Default::default() },
        // As in production.
        reach: Reach { amends: false, ..Reach::default() },
        rest: None,
    });
    Ok(config)
}

/// A venue on a thread, with a synthetic market in three instruments. It ends when it is dropped.
struct LocalVenue {
    ports: Ports,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LocalVenue {
    fn start() -> Result<Self, Box<dyn Error>> {
        const MARKETS: &str = r#"markets = [
            { symbol = "ETH/USD", synthetic = { seed = 2, start_price = "3000" } },
            { symbol = "PF_XBTUSD", synthetic = { seed = 3 } },
        ]"#;
        let text = VenueConfig::commented_toml().replacen("markets = []", MARKETS, 1);
        let config = VenueConfig::from_toml(&text)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut server = match serve(&config) {
                Ok((server, ports)) => {
                    let _ = tell.send(Ok(ports));
                    server
                }
                Err(problem) => return drop(tell.send(Err(problem))),
            };
            if let Err(problem) = server.run(&stopped) {
                eprintln!("the venue ended: {problem}");
            }
        });
        let ports = told.recv()??;
        Ok(Self { ports, stop, thread: Some(thread) })
    }
}

impl Drop for LocalVenue {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic of the venue has been printed.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn serve(config: &VenueConfig) -> Result<(Server, Ports), String> {
    let clock = Clock::system();
    let secret = |_: &str| Some(SECRET.to_owned());
    let venue = Venue::with_secrets(config, None, clock.now(), secret);
    let venue = venue.map_err(|error| error.to_string())?;
    let listen = Listen {
        address: [127, 0, 0, 1].into(),
        base_port: None,
        allow_remote: false,
        wire: WireKind::Mio,
        idle: IdlePolicy::Park,
    };
    let server = Server::bind(venue, None, &listen, clock).map_err(|error| error.to_string())?;
    let addresses = server.addresses().map_err(|error| error.to_string())?;
    let port = |wanted| {
        let found = addresses.iter().find(|(service, _)| *service == wanted);
        found.map(|(_, address)| address.port()).ok_or("it does not listen")
    };
    let ports = [
        port(Service::SpotMarketData)?,
        port(Service::SpotTrading)?,
        port(Service::DerivativesMarketData)?,
        port(Service::DerivativesTrading)?,
    ];
    Ok((server, ports))
}
