//! A venue with both markets on a thread, and threaded engines for it, over plain sockets.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use taut::config::{EngineConfig, JournalSection, SecondSection, SessionSection};
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, IdlePolicy, Layout};
use taut::secret::Secret;
use taut::trace::Clock;
use taut::wire::WireKind;
use taut_venue::config::VenueConfig;
use taut_venue::liquidity::SyntheticMarket;
use taut_venue::server::{Listen, Server};
use taut_venue::{Service, Venue};

const SECRET: &str = "c2VjcmV0";
const SENDER: &str = "TAUT_DRV";
const SYMBOL: &str = "PF_XBTUSD";

/// The ports of a venue, and its thread.
pub type Running = ([u16; 4], JoinHandle<i64>);

/// A venue on a thread, until it is told to stop; then the position of the client on derivatives.
pub fn venue(stop: &Arc<AtomicBool>) -> Running {
    let stopped = Arc::clone(stop);
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut config = VenueConfig::default();
        let synthetic = config.liquidity.synthetic.clone();
        config.liquidity.markets = vec![SyntheticMarket { symbol: SYMBOL.to_owned(), synthetic }];
        config.switches.derivatives_amends = true;
        let clock = Clock::system();
        let secrets = |_: &str| Some(SECRET.to_owned());
        let venue = Venue::with_secrets(&config, None, clock.now(), secrets).expect("it is good");
        let mut server =
            Server::bind(venue, None, &Listen::loopback(), clock.clone()).expect("free ports");
        let port = |service| server.address_of(service).expect("it listens").port();
        let services = [
            Service::SpotMarketData,
            Service::SpotTrading,
            Service::DerivativesMarketData,
            Service::DerivativesTrading,
        ];
        tell.send(services.map(port)).expect("the test waits");
        while !stopped.load(Ordering::Relaxed) {
            if !server.step().expect("there is no arrival log") {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        let venue = server.venue();
        let account = venue.account(SENDER).expect("it is a client");
        let engine = venue.derivatives();
        engine.position(account, engine.instrument_id(SYMBOL.as_bytes()).expect("listed")).qty
    });
    (told.recv().expect("the venue started"), thread)
}

fn session(port: u16, sender: &str, target: &str, reset: &str) -> SessionSection {
    let text = format!(
        "host = 'localhost'\nport = {port}\nsender = '{sender}'\ntarget = '{target}'\n\
         heartbeat_seconds = 30\nreset = '{reset}'\n"
    );
    toml::from_str(&text).expect("it reads")
}

/// An engine on derivatives, or on spot and derivatives.
pub fn engine(layout: Layout, ports: [u16; 4], journal: &Path, both: bool) -> Engine {
    let mut config = EngineConfig::from_toml(EngineConfig::commented_toml()).expect("it reads");
    config.path.layout = layout;
    config.path.wire = Some(WireKind::BusyPoll);
    config.path.idle = Some(IdlePolicy::Park);
    config.tls.enabled = false;
    let market_data = session(ports[2], SENDER, "KRAKEN-DRV-MD", "always");
    let trading = session(ports[3], SENDER, "KRAKEN-DRV-TRD", "never");
    let symbols = vec![SYMBOL.to_owned()];
    if both {
        config.market_data = session(ports[0], "TAUT", "KRAKEN-MD", "always");
        config.trading = session(ports[1], "TAUT", "KRAKEN-TRD", "never");
        let (venue_rate, reach) = Default::default();
        config.second =
            Some(SecondSection { symbols, market_data, trading, venue_rate, reach, rest: None });
    } else {
        (config.market_data, config.trading) = (market_data, trading);
        config.instruments.symbols = symbols;
    }
    config.rollover.enabled = false;
    config.journal =
        Some(JournalSection { segment_mib: 1, ..JournalSection::in_dir(journal.into()) });
    let credentials = Credentials::new(Secret::new(SECRET), Secret::new(SECRET));
    Engine::new(config, credentials.expect("they are usable")).expect("it is checked")
}
