//! The threaded engine against the venue over sockets, while the venue rolls over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use taut::config::EngineConfig;
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, IdlePolicy, Layout, TRADING};
use taut::secret::Secret;
use taut::strategy::{
    Context, InstrumentId, LinkEvent, OrderUpdate, SessionUpdate, Strategy, UpdateKind,
};
use taut::trace::Clock;
use taut::wire::WireKind;
use taut_codec::value::UtcTime;
use taut_venue::config::VenueConfig;
use taut_venue::server::{Listen, Server};
use taut_venue::{Service, Venue};

const SECRET: &str = "c2VjcmV0";
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);
const DAY_S: u64 = 86_400;

/// Buys a little whenever the trading session comes up and its book is there, and tells what it hears.
struct Buyer {
    tell: Sender<Heard>,
    owes: bool,
}

#[derive(Debug)]
enum Heard {
    Filled,
    Link(LinkEvent),
}

impl Strategy for Buyer {
    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        let ask = ctx.book(id).and_then(|book| book.best_ask()).map(|level| level.px);
        if let (true, Some(px), Some(facts)) = (self.owes, ask, ctx.instrument(id)) {
            // Refused while the session is down, or orders are held.
            self.owes = ctx.buy(id, facts.qty_min, px).is_err();
        }
    }

    fn on_order(&mut self, _: &mut Context<'_>, update: &OrderUpdate) {
        if matches!(update.kind, UpdateKind::Filled { .. }) {
            // A test that has what it wanted listens no more.
            let _ = self.tell.send(Heard::Filled);
        }
    }

    fn on_session(&mut self, _: &mut Context<'_>, update: &SessionUpdate) {
        match update {
            SessionUpdate::Up { session: TRADING, .. } => self.owes = true,
            SessionUpdate::Link { session: TRADING, event } => {
                let _ = self.tell.send(Heard::Link(*event));
            }
            _ => {}
        }
    }
}

/// A venue on a thread, which rolls over as soon as it is `due`, and is closed for a second.
struct Running {
    ports: [u16; 2],
    due: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

fn venue() -> Running {
    let (due, stop) = (Arc::new(AtomicU64::new(u64::MAX)), Arc::new(AtomicBool::new(false)));
    let (at, stopped) = (Arc::clone(&due), Arc::clone(&stop));
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut config = VenueConfig::default();
        config.switches.session.rollover_window_s = 1;
        let clock = Clock::system();
        let secrets = |_: &str| Some(SECRET.to_owned());
        let venue = Venue::with_secrets(&config, None, clock.now(), secrets).expect("it is good");
        let mut server =
            Server::bind(venue, None, &Listen::loopback(), clock.clone()).expect("free ports");
        let port = |service| server.address_of(service).expect("it listens").port();
        let ports = [port(Service::SpotMarketData), port(Service::SpotTrading)];
        tell.send(ports).expect("the test waits");
        while !stopped.load(Ordering::Relaxed) {
            let now = clock.now();
            if at.load(Ordering::Relaxed) <= now.0 {
                at.store(u64::MAX, Ordering::Relaxed);
                server.venue().roll_over(now);
            }
            if !server.step().expect("there is no arrival log") {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    });
    Running { ports: told.recv().expect("the venue started"), due, stop, thread }
}

fn engine(layout: Layout, ports: [u16; 2], rollover: u64) -> Engine {
    let of_day = rollover / 1_000_000_000 % DAY_S;
    let at = format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60);
    let session = |port, target: &str| {
        format!(
            "host = 'localhost'\nport = {port}\nsender = 'TAUT'\ntarget = '{target}'\n\
             heartbeat_seconds = 30\nreset = 'never'\n"
        )
    };
    let text = EngineConfig::commented_toml();
    let mut config = EngineConfig::from_toml(text).expect("it reads");
    config.path.layout = layout;
    config.path.wire = Some(WireKind::BusyPoll);
    config.path.idle = Some(IdlePolicy::Park);
    config.tls.enabled = false;
    config.market_data = toml::from_str(&session(ports[0], "KRAKEN-MD")).expect("it reads");
    config.trading = toml::from_str(&session(ports[1], "KRAKEN-TRD")).expect("it reads");
    config.rollover.at = at;
    config.rollover.window_seconds = 5;
    config.rollover.hold_seconds = 1;
    let credentials = Credentials::new(Secret::new(SECRET), Secret::new(SECRET));
    Engine::new(config, credentials.expect("they are usable")).expect("it is checked")
}

/// Listens until something is heard, and returns all of it.
fn until(heard: &Receiver<Heard>, wanted: impl Fn(&Heard) -> bool) -> Vec<Heard> {
    let deadline = Instant::now() + PATIENCE;
    let mut all = Vec::new();
    while !all.last().is_some_and(&wanted) {
        let left = deadline.saturating_duration_since(Instant::now());
        all.push(heard.recv_timeout(left).unwrap_or_else(|_| panic!("only {all:?}")));
    }
    all
}

/// Trades, rolls over `lead_s` seconds after the start, and trades on. `false` if the machine was so slow
/// that the rollover came before the first fill.
fn rolls_over(layout: Layout, lead_s: u64) -> bool {
    let venue = venue();
    let second = 1_000_000_000;
    let rollover = (Clock::system().now().0 / second + lead_s) * second;
    let (tell, heard) = mpsc::channel();
    let engine = engine(layout, venue.ports, rollover);
    let running = engine.start(Buyer { tell, owes: false }).expect("it starts");
    until(&heard, |heard| matches!(heard, Heard::Filled));
    let in_time = Clock::system().now() < UtcTime(rollover - 2 * second);
    if in_time {
        venue.due.store(rollover, Ordering::Relaxed);
        let links = until(&heard, |heard| matches!(heard, Heard::Link(LinkEvent::Up { .. })));
        let said = |wanted: fn(&LinkEvent) -> bool| {
            links.iter().any(|heard| matches!(heard, Heard::Link(event) if wanted(event)))
        };
        assert!(said(|event| matches!(event, LinkEvent::Held { .. })), "{links:?}");
        assert!(said(|event| matches!(event, LinkEvent::Down { expected: true, .. })), "{links:?}");
        let by_us =
            |event: &LinkEvent| matches!(event, LinkEvent::RolledOver { by_peer: false, .. });
        assert!(said(by_us), "{links:?}");
        let Some(Heard::Link(LinkEvent::Up { attempts, epoch, next_in, next_out })) = links.last()
        else {
            unreachable!("it was waited for")
        };
        // A Logon that met a closed door has used its number; the gap is filled after the next.
        let most = 4 + 2 * u64::from(*attempts);
        assert!(*epoch == 1 && *next_in <= most && *next_out <= most, "{layout:?}: {links:?}");
        until(&heard, |heard| matches!(heard, Heard::Filled));
    }
    running.stop();
    let outcome = running.join().expect("it ends well");
    assert_eq!(outcome.desk.stats().lane_violations, 0);
    venue.stop.store(true, Ordering::Relaxed);
    venue.thread.join().expect("the venue ended well");
    in_time
}

fn rolls_over_in(layout: Layout) {
    assert!([5, 30, 60].into_iter().any(|lead_s| rolls_over(layout, lead_s)), "far too slow");
}

#[test]
fn an_engine_on_one_thread_follows_the_rollover_of_the_venue_and_trades_on() {
    rolls_over_in(Layout::Inline);
}

#[test]
fn an_engine_on_two_threads_follows_the_rollover_of_the_venue_and_trades_on() {
    rolls_over_in(Layout::Split);
}

#[test]
fn an_engine_on_three_threads_follows_the_rollover_of_the_venue_and_trades_on() {
    rolls_over_in(Layout::Full);
}
