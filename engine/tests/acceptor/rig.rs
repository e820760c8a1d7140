//! An engine and the acceptor that it dials.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use taut::config::EngineConfig;
use taut::event::DownReason;
use taut::kraken::logon::Credentials;
use taut::order::{OrderHandle, OrderUpdate, UpdateKind};
use taut::pipeline::{Engine, Layout, Outcome, Running};
use taut::secret::Secret;
use taut::strategy::{
    Context, InstrumentId, OrderSpec, Px, Qty, SessionId, SessionUpdate, Side, Strategy,
};
use taut::wire::WireKind;
use taut::wire::tls::{TlsMode, Trust};
use tempfile::TempDir;

use crate::good_path::report;
use crate::peer::{PATIENCE, Peer, accept, get};

pub const API_KEY: &str = "APIKEY";
/// base64 of `secret`.
pub const API_SECRET: &str = "c2VjcmV0";

/// Buys when it may, amends what rests, cancels what is amended; tells the test what it hears.
pub struct Script {
    tell: Sender<Heard>,
    pub order: Option<OrderHandle>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Heard {
    Started,
    Book,
    Session(SessionUpdate),
    Order(OrderUpdate),
}

impl Script {
    fn tell(&self, heard: Heard) {
        // A test that has what it wanted listens no more.
        let _ = self.tell.send(heard);
    }
}

impl Strategy for Script {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        let spec = OrderSpec::limit(InstrumentId(0), Side::Buy, Qty(50), Px(990));
        self.order = Some(ctx.order(spec.post_only()).expect("nothing forbids it"));
        self.tell(Heard::Started);
    }

    fn on_book(&mut self, _: &mut Context<'_>, _: InstrumentId) {
        self.tell(Heard::Book);
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        match update.kind {
            UpdateKind::Live => ctx.replace(update.handle, Qty(70), Px(995)).expect("it rests"),
            UpdateKind::Replaced { .. } => {
                ctx.cancel(update.handle).expect("it rests");
            }
            _ => {}
        }
        self.tell(Heard::Order(*update));
    }

    fn on_session(&mut self, _: &mut Context<'_>, update: &SessionUpdate) {
        self.tell(Heard::Session(*update));
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub layout: Layout,
    pub wire: WireKind,
    pub tls: Option<TlsMode>,
    pub heartbeat_seconds: u32,
    pub logon_timeout_ms: u32,
    pub reconnect: bool,
    /// Whether the numbers go on from the journal: no reset at all.
    pub resumes: bool,
    /// Whether the engine has a journal.
    pub journal: bool,
}

impl Setup {
    /// Plain TCP on one thread.
    pub const PLAIN: Self = Self {
        layout: Layout::Inline,
        wire: WireKind::BusyPoll,
        tls: None,
        heartbeat_seconds: 30,
        logon_timeout_ms: 10_000,
        reconnect: false,
        resumes: false,
        journal: false,
    };

    pub fn config(&self, market_data: u16, trading: u16, journal: &Path) -> EngineConfig {
        let layout = format!("{:?}", self.layout).to_lowercase();
        let mode = if self.tls == Some(TlsMode::Rustls) { "rustls" } else { "record-layer" };
        let session = |port: u16, target: &str| {
            format!(
                "host = 'localhost'\nport = {port}\nsender = 'TAUT'\ntarget = '{target}'\n\
                 heartbeat_seconds = {}\nreset = '{}'\nlogon_timeout_ms = {}\n",
                self.heartbeat_seconds,
                match (self.resumes, self.reconnect) {
                    (true, _) if target == "KRAKEN-TRD" => "never",
                    (_, true) => "first-connect",
                    (_, false) => "always",
                },
                self.logon_timeout_ms
            )
        };
        let text = format!(
            "[path]\nlayout = '{layout}'\nwire = '{}'\nidle = 'park'\n\
             [tls]\nenabled = {}\nmode = '{mode}'\n\
             [market_data]\n{}[trading]\n{}\
             [reconnect]\nenabled = {}\nfirst_ms = 20\nmax_ms = 200\nrefused_first_ms = 50\n\
             stable_ms = 0\n[rollover]\nenabled = false\n\
             [instruments]\nsymbols = ['BTC/USD']\ndepth = 10\n\
             [risk]\nmax_order_qty = '100'\nmax_notional = '100000'\ncollar_bps = 5000\n\
             max_position = '100'\nmax_open_orders = 10\ncommands_per_second = 1000\nburst = 1000\n",
            self.wire,
            self.tls.is_some(),
            session(market_data, "KRAKEN-MD"),
            session(trading, "KRAKEN-TRD"),
            self.reconnect,
        );
        let journal = format!("[journal]\ndir = '{}'\nsegment_mib = 1\n", journal.display());
        let text = if self.journal { text + &journal } else { text };
        EngineConfig::from_toml(&text).unwrap()
    }

    /// Starts an engine and takes both of its connections.
    pub fn start(&self) -> Rig {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.each_ref().map(|l| l.local_addr().unwrap().port());
        let journal = tempfile::tempdir().unwrap();
        let ((mut engine, strategy), heard) = engine(self, ports[0], ports[1], journal.path());
        let mut server_tls = None;
        if self.tls.is_some() {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            let certificate = made.cert.der().clone();
            engine = engine.with_trust(Trust::Der(vec![certificate.to_vec()]));
            let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
            let builder = ServerConfig::builder().with_no_client_auth();
            server_tls = Some(Arc::new(builder.with_single_cert(vec![certificate], key).unwrap()));
        }
        let running = engine.start(strategy).expect("nothing is missing");
        let market_data = accept(&listeners[0], server_tls.as_ref(), "KRAKEN-MD");
        let trading = accept(&listeners[1], server_tls.as_ref(), "KRAKEN-TRD");
        Rig { market_data, trading, running, heard, journal, listeners, server_tls }
    }
}

/// An engine for two ports with its strategy, and what that hears.
pub fn engine(
    setup: &Setup,
    market_data: u16,
    trading: u16,
    journal: &Path,
) -> ((Engine, Script), Receiver<Heard>) {
    engine_of(setup.config(market_data, trading, journal))
}

/// An engine with its strategy, and what that hears.
pub fn engine_of(config: EngineConfig) -> ((Engine, Script), Receiver<Heard>) {
    let credentials = Credentials::new(Secret::new(API_KEY), Secret::new(API_SECRET)).unwrap();
    let engine = Engine::new(config, credentials).unwrap();
    let (tell, heard) = mpsc::channel();
    ((engine, Script { tell, order: None }), heard)
}

pub struct Rig {
    pub market_data: Peer,
    pub trading: Peer,
    pub running: Running<Script>,
    pub heard: Receiver<Heard>,
    /// The directory of the journal, empty without one.
    pub journal: TempDir,
    listeners: [TcpListener; 2],
    server_tls: Option<Arc<ServerConfig>>,
}

impl Rig {
    /// Takes the next connection of the trading session.
    pub fn accept_trading(&mut self) {
        self.trading = accept(&self.listeners[1], self.server_tls.as_ref(), "KRAKEN-TRD");
    }

    /// Takes the next connection of the market data session.
    pub fn accept_market_data(&mut self) {
        self.market_data = accept(&self.listeners[0], self.server_tls.as_ref(), "KRAKEN-MD");
    }

    /// Waits for something that the strategy is told.
    pub fn wait<T>(&self, mut wanted: impl FnMut(&Heard) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let heard = self.heard.recv_timeout(left).expect("the strategy hears of it in time");
            if let Some(found) = wanted(&heard) {
                return found;
            }
        }
    }

    /// Waits for the end of a session and returns the reason.
    pub fn wait_down(&self, session: SessionId) -> DownReason {
        self.wait(|heard| match *heard {
            Heard::Session(SessionUpdate::Down { session: which, reason, .. })
                if which == session =>
            {
                Some(reason)
            }
            _ => None,
        })
    }

    /// Stops the engine and confirms the cancel of its open order.
    pub fn end_open_order(mut self) {
        self.running.stop();
        let cancel = self.trading.expect("F");
        let (id, order) = (get(&cancel, 11).to_owned(), get(&cancel, 41).to_owned());
        report(&mut self, (&id, &order), '4', "0.5", "99.0");
        self.end(true, true);
    }

    /// Stops the engine; sessions that are still up log out.
    pub fn end(mut self, market_data: bool, trading: bool) -> Outcome<Script> {
        self.running.stop();
        if trading {
            self.trading.accept_logout();
        }
        if market_data {
            self.market_data.accept_logout();
        }
        finish(self.running)
    }
}

/// Joins an engine that is about to end.
pub fn finish(running: Running<Script>) -> Outcome<Script> {
    let deadline = Instant::now() + PATIENCE;
    while !running.is_finished() {
        assert!(Instant::now() < deadline, "the engine does not end");
        std::thread::sleep(Duration::from_millis(2));
    }
    running.join().unwrap()
}
