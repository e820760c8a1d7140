//! A venue on a thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use taut::trace::Clock;
use taut::wire::WireKind;
use taut::wire::tls::TlsMode;
use taut_venue::certificate::Certificate;
use taut_venue::config::{ClientConfig, LiquidityMode, VenueConfig};
use taut_venue::server::{Listen, Server};
use taut_venue::{Service, Venue, VenueStats};

use crate::client::{API_KEY, Client, Door};

/// A running venue; stopped and joined at the end of the test.
pub struct World {
    pub market_data: Door,
    pub trading: Door,
    pub derivatives: Door,
    pub rest: Door,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<VenueStats>>,
}

impl World {
    /// On plain TCP.
    pub fn plain() -> Self {
        Self::start(None, WireKind::BusyPoll)
    }

    /// On TLS.
    pub fn tls() -> Self {
        Self::start(Some(TlsMode::RecordLayer), WireKind::BusyPoll)
    }

    /// Two clients, `TAUT` and `OTHER`, and nobody else in the market.
    pub fn start(tls: Option<TlsMode>, wire: WireKind) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut config = VenueConfig::default();
            config.liquidity.mode = LiquidityMode::None;
            config.clients.push(ClientConfig { sender: "OTHER".into(), ..ClientConfig::default() });
            let clock = Clock::system();
            let secrets = |name: &str| {
                Some(if name.ends_with("KEY") { API_KEY } else { "c2VjcmV0" }.to_owned())
            };
            let venue = Venue::with_secrets(&config, None, clock.now(), secrets);
            let venue = venue.expect("the default configuration is good");
            let certificate = Certificate::generate(&["localhost"]).expect("a certificate");
            let listen = Listen { wire, ..Listen::loopback() };
            let server_tls = tls.map(|mode| certificate.server_tls(mode).expect("TLS"));
            let mut server = Server::bind(venue, server_tls, &listen, clock).expect("free ports");
            let doors = server.addresses().expect("addresses").into_iter().map(|(service, at)| {
                let pem = tls.map(|_| certificate.pem());
                (service, Door { address: at, target: service.comp_id(), pem })
            });
            let doors = doors.collect::<Vec<_>>();
            let rest = server.rest_address().expect("an address");
            let rest = Door { address: rest, target: "", pem: tls.map(|_| certificate.pem()) };
            tell.send((doors, rest)).expect("the test waits");
            server.run(&stopped).expect("no arrival log, so no error");
            server.venue().stats()
        });
        let (doors, rest) = told.recv().expect("the venue started");
        let door = |wanted: Service| {
            let found = doors.iter().find(|(service, _)| *service == wanted);
            found.expect("both services listen").1.clone()
        };
        let (market_data, trading) = (door(Service::SpotMarketData), door(Service::SpotTrading));
        let derivatives = door(Service::DerivativesTrading);
        Self { market_data, trading, derivatives, rest, stop, thread: Some(thread) }
    }

    /// A trading session of `TAUT`.
    pub fn trader(&self) -> Client {
        self.trading.log_on("TAUT")
    }

    /// A good client is served from logon to logout.
    pub fn expect_service(&self) {
        for door in [&self.trading, &self.market_data] {
            let mut client = door.log_on("OTHER");
            client.expect_alive("good");
            client.log_out();
        }
    }

    /// Asks the venue to stop, and does not wait.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Stops the venue and says how it was at the end.
    pub fn end(mut self) -> VenueStats {
        self.join().expect("the venue's thread ended well")
    }

    fn join(&mut self) -> std::thread::Result<VenueStats> {
        self.stop();
        self.thread.take().expect("joined once").join()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let ended = self.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the venue panicked");
        }
    }
}
