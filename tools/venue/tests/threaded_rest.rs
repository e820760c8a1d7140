//! The threaded engine and its calls by REST, over sockets and TLS: what the venue hears of an engine while it
//! lives, and that a kill reaches the account's orders when no session is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use taut::config::{EngineConfig, RestSection, SecondSection, SessionSection};
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, IdlePolicy, Layout, SECOND_TRADING, TRADING};
use taut::secret::Secret;
use taut::strategy::{
    Context, InstrumentId, OrderUpdate, Px, RestKind, RestSaid, SessionId, SessionUpdate, Strategy,
    UpdateKind,
};
use taut::trace::Clock;
use taut::wire::WireKind;
use taut::wire::tls::{TlsMode, Trust};
use taut_venue::certificate::Certificate;
use taut_venue::config::VenueConfig;
use taut_venue::gateway::{Logons, Market};
use taut_venue::liquidity::SyntheticMarket;
use taut_venue::server::{Listen, Server};
use taut_venue::{Service, Venue};

const SECRET: &str = "c2VjcmV0";
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Leaves an order in the book, and tells what it hears of calls.
struct Resting {
    traded: Traded,
    tell: Sender<Heard>,
    sent: bool,
}

#[derive(Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a few of them")]
enum Heard {
    Acked,
    Down,
    Rest(RestKind, RestSaid),
}

impl Strategy for Resting {
    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        let bid = ctx.book(id).and_then(|book| book.best_bid()).map(|level| level.px);
        if let (false, Some(px), Some(facts)) = (self.sent, bid, ctx.instrument(id))
            && facts.symbol.as_str() == self.traded.symbol
        {
            let far = Px(px.0 * 95 / 100 / facts.tick_size.0 * facts.tick_size.0);
            self.sent = ctx.buy(id, facts.qty_min, far).is_ok();
        }
    }

    fn on_order(&mut self, _: &mut Context<'_>, update: &OrderUpdate) {
        if update.kind == UpdateKind::Acked {
            // A test that has what it wanted listens no more.
            let _ = self.tell.send(Heard::Acked);
        }
    }

    fn on_session(&mut self, _: &mut Context<'_>, update: &SessionUpdate) {
        let heard = match update {
            SessionUpdate::Down { session, .. } if *session == self.traded.session() => Heard::Down,
            SessionUpdate::Rest { kind, said } => Heard::Rest(*kind, *said),
            _ => return,
        };
        let _ = self.tell.send(heard);
    }
}

/// What the engine trades, and as whom.
#[derive(Clone, Copy)]
struct Traded {
    market: Market,
    sender: &'static str,
    symbol: &'static str,
    /// Whether it is the second market of an engine whose first is spot.
    is_second: bool,
}

impl Traded {
    fn session(self) -> SessionId {
        if self.is_second { SECOND_TRADING } else { TRADING }
    }
}

const SPOT: Traded =
    Traded { market: Market::Spot, sender: "TAUT", symbol: "BTC/USD", is_second: false };
const DERIVATIVES: Traded = Traded {
    market: Market::Derivatives,
    sender: "TAUT_DRV",
    symbol: "PF_XBTUSD",
    is_second: false,
};

/// A venue on a thread, which refuses the trading session while it is `closed`.
struct Running {
    traded: Traded,
    /// Market data, trading, REST; and market data and trading of spot.
    ports: [u16; 5],
    pem: Vec<u8>,
    closed: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    /// Open orders of the engine when its session was closed, and at the end.
    thread: JoinHandle<(usize, usize)>,
}

fn venue(traded: Traded) -> Running {
    let (closed, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (close, stopped) = (Arc::clone(&closed), Arc::clone(&stop));
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let clock = Clock::system();
        let secrets = |_: &str| Some(SECRET.to_owned());
        let mut config = VenueConfig::default();
        config.liquidity.symbol = traded.symbol.to_owned();
        if traded.is_second {
            let (symbol, synthetic) = (SPOT.symbol.to_owned(), config.liquidity.synthetic.clone());
            config.liquidity.markets = vec![SyntheticMarket { symbol, synthetic }];
        }
        let venue = Venue::with_secrets(&config, None, clock.now(), secrets).expect("it is good");
        let certificate = Certificate::generate(&["localhost"]).expect("a certificate");
        let tls = certificate.server_tls(TlsMode::RecordLayer).expect("TLS");
        let mut server =
            Server::bind(venue, Some(tls), &Listen::loopback(), clock.clone()).expect("free ports");
        let port = |service| server.address_of(service).expect("it listens").port();
        let rest = server.rest_address().expect("it listens").port();
        let [market_data, trading] = [traded.market.market_data(), traded.market.trading()];
        let spot = [Service::SpotMarketData, Service::SpotTrading].map(port);
        let ports = [port(market_data), port(trading), rest, spot[0], spot[1]];
        tell.send((ports, certificate.pem())).expect("the test waits");
        let mut is_closed = false;
        let mut most_open = 0;
        while !stopped.load(Ordering::Relaxed) {
            if close.load(Ordering::Relaxed) != is_closed {
                is_closed = true;
                let venue = server.venue();
                most_open = venue.open_orders(traded.sender);
                venue.set_logons(Logons::CloseSilently);
                let session = venue.connection(traded.sender, trading).expect("it is up");
                venue.drop_connection(session);
            }
            if !server.step().expect("there is no arrival log") {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        (most_open, server.venue().open_orders(traded.sender))
    });
    let (ports, pem) = told.recv().expect("the venue started");
    Running { traded, ports, pem: pem.into(), closed, stop, thread }
}

fn engine(layout: Layout, venue: &Running) -> Engine {
    let text = EngineConfig::commented_toml();
    let mut config = EngineConfig::from_toml(text).expect("it reads");
    config.path.layout = layout;
    config.path.wire = Some(WireKind::BusyPoll);
    config.path.idle = Some(IdlePolicy::Park);
    let [market_data, trading, rest, spot_market_data, spot_trading] = venue.ports;
    let (own, template) = (venue.traded, config.trading.clone());
    let section = |traded: Traded, port, service: Service| SessionSection {
        host: "localhost".into(),
        port,
        sender: traded.sender.into(),
        target: service.comp_id().into(),
        cancel_on_disconnect: false,
        ..template.clone()
    };
    let market_data = section(own, market_data, own.market.market_data());
    let trading = section(own, trading, own.market.trading());
    let symbols = vec![own.symbol.into()];
    // A slow machine is no reason to call twice.
    let rest = RestSection {
        cancel_after_seconds: 3_600,
        timeout_ms: 30_000,
        ..RestSection::at("localhost".into(), rest)
    };
    if own.is_second {
        config.market_data = section(SPOT, spot_market_data, Service::SpotMarketData);
        config.trading = section(SPOT, spot_trading, Service::SpotTrading);
        let (venue_rate, reach) = Default::default();
        let rest = Some(rest);
        config.second =
            Some(SecondSection { symbols, market_data, trading, venue_rate, reach, rest });
    } else {
        (config.market_data, config.trading) = (market_data, trading);
        (config.instruments.symbols, config.rest) = (symbols, Some(rest));
    }
    let credentials = Credentials::new(Secret::new(SECRET), Secret::new(SECRET));
    let engine = Engine::new(config, credentials.expect("they are usable"));
    engine.expect("it is checked").with_trust(Trust::Pem(venue.pem.clone()))
}

fn until(heard: &Receiver<Heard>, wanted: impl Fn(&Heard) -> bool) {
    let mut all = Vec::new();
    while !all.last().is_some_and(&wanted) {
        all.push(heard.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("only {all:?}")));
    }
}

fn is_killed_without_a_session(layout: Layout, traded: Traded) {
    let venue = venue(traded);
    let (tell, heard) = mpsc::channel();
    let strategy = Resting { traded, tell, sent: false };
    let running = engine(layout, &venue).start(strategy).expect("it starts");
    let alive = RestKind::CancelAllAfter { seconds: 3_600 };
    // In either order.
    let mut wanted = vec![Heard::Acked, Heard::Rest(alive, RestSaid::TimerSet)];
    while !wanted.is_empty() {
        let one = heard.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {wanted:?}"));
        wanted.retain(|wanted| *wanted != one);
    }
    venue.closed.store(true, Ordering::Relaxed);
    until(&heard, |heard| *heard == Heard::Down);
    running.operator().kill();
    let done = Heard::Rest(RestKind::CancelAll, RestSaid::Canceled { count: 1 });
    until(&heard, |heard| *heard == done);
    running.stop();
    let outcome = running.join().expect("it ends well");
    let stats = outcome.desk.stats();
    assert_eq!((stats.lane_violations, stats.rest_cancels, stats.kills), (0, 1, 1), "{stats:?}");
    venue.stop.store(true, Ordering::Relaxed);
    assert_eq!(venue.thread.join().expect("the venue ended well"), (1, 0));
}

#[test]
fn an_engine_on_one_thread_is_killed_without_a_session() {
    is_killed_without_a_session(Layout::Inline, SPOT);
}

#[test]
fn an_engine_on_two_threads_is_killed_without_a_session() {
    is_killed_without_a_session(Layout::Split, SPOT);
}

#[test]
fn an_engine_on_three_threads_is_killed_without_a_session() {
    is_killed_without_a_session(Layout::Full, SPOT);
}

#[test]
fn an_engine_on_derivatives_is_killed_without_a_session() {
    is_killed_without_a_session(Layout::Inline, DERIVATIVES);
}

#[test]
fn an_engine_on_two_markets_is_killed_without_the_session_of_the_second() {
    let second = Traded { is_second: true, ..DERIVATIVES };
    is_killed_without_a_session(Layout::Inline, second);
    is_killed_without_a_session(Layout::Full, second);
}
