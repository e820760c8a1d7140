//! One strategy, one source file, one value: in the simulation of either market and of both, of a recorded book,
//! and in a threaded engine over sockets, on one market and on two. Whether an engine is live is a matter of
//! its configuration alone.

#[path = "one_strategy/follower.rs"]
mod follower;
#[path = "common/skipped.rs"]
mod skipped;

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use follower::Follower;
use skipped::skipped;
use taut::config::{EngineConfig, SecondSection, SessionSection};
use taut::desk::Desk;
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, IdlePolicy, Layout};
use taut::secret::Secret;
use taut::strategy::{Context, InstrumentId, OrderUpdate, Strategy, UpdateKind};
use taut::trace::Clock;
use taut::wire::WireKind;
use taut_venue::config::{TierName, VenueConfig};
use taut_venue::liquidity::{Capture, LiquiditySource, SyntheticMarket};
use taut_venue::server::{Listen, Server};
use taut_venue::simulation::{SimConfig, Simulation};
use taut_venue::{Service, Venue};

const SECRET: &str = "c2VjcmV0";
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);
const SECOND: u64 = 1_000_000_000;
/// Quotes that have followed the market, on each instrument, before a run is long enough.
const ENOUGH: u32 = 5;

/// Hands everything on to the strategy, and tells when it has done enough.
struct Watched<S> {
    inner: S,
    followed: Vec<u32>,
    done: Option<Sender<()>>,
}

impl<S> Watched<S> {
    fn new(inner: S, instruments: usize, done: Option<Sender<()>>) -> Self {
        Self { inner, followed: vec![0; instruments], done }
    }

    fn is_enough(&self) -> bool {
        self.followed.iter().all(|&count| count >= ENOUGH)
    }
}

impl<S: Strategy> Strategy for Watched<S> {
    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        self.inner.on_book(ctx, id);
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        let has_followed = matches!(
            update.kind,
            UpdateKind::Replaced { .. } | UpdateKind::Canceled { requested: true, .. }
        );
        self.followed[usize::from(update.instrument.0)] += u32::from(has_followed);
        if self.is_enough()
            && let Some(done) = self.done.take()
        {
            // The other end waits for it.
            let _ = done.send(());
        }
        self.inner.on_order(ctx, update);
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.inner.on_stop(ctx);
    }
}

/// What holds wherever it ran.
fn check<S: Strategy>(desk: &Desk<Watched<S>>, place: &str) {
    let (stats, followed) = (desk.stats(), &desk.strategy().followed);
    assert!(desk.strategy().is_enough(), "{place}: {followed:?}, {stats:?}");
    assert!(desk.is_quiet(), "{place}: {stats:?}");
    let wrong = [stats.lane_violations, stats.disagreements, stats.checksums_failed];
    assert_eq!((wrong, stats.unknown_reports), ([0; 3], 0), "{place}: {stats:?}");
}

fn in_simulation(config: SimConfig, strategy: Follower, place: &str) {
    let second = config.second.iter().flat_map(|second| &second.instruments);
    let instruments = config.instruments.len() + second.count();
    let mut sim = Simulation::new(config, Watched::new(strategy, instruments, None));
    let is_enough = |sim: &Simulation<Watched<Follower>>| sim.desk().strategy().is_enough();
    assert!(sim.run_until(is_enough, 120 * SECOND), "{place}: {:?}", sim.desk().stats());
    sim.stop();
    assert!(sim.run_until(Simulation::is_over, 60 * SECOND), "{place}: it does not end");
    check(sim.desk(), place);
}

fn in_the_simulation_of_a_recorded_book(strategy: Follower) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let path = Path::new(root).join("../shared/data/kraken/spot-book1000-10pairs-31s.ws");
    if !path.exists() {
        return skipped(format_args!("{} is not there", path.display()));
    }
    let capture = Capture::load(&path, "XMR/USD").expect("it is whole");
    let mut config = SimConfig::calm(1);
    config.instruments[0].symbol = capture.symbol;
    let speed = NonZeroU32::new(1_000).expect("it is not 0");
    config.liquidity = Some(LiquiditySource::Captures { captures: vec![capture], speed });
    in_simulation(config, strategy, "recorded book");
}

const SERVICES: [Service; 4] = [
    Service::SpotMarketData,
    Service::SpotTrading,
    Service::DerivativesMarketData,
    Service::DerivativesTrading,
];

/// A venue of both markets on a thread, until it is told to stop; then the open orders of its two clients.
fn venue(stop: &Arc<AtomicBool>) -> ([u16; 4], JoinHandle<[usize; 2]>) {
    let stopped = Arc::clone(stop);
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut config = VenueConfig::default();
        let synthetic = config.liquidity.synthetic.clone();
        config.liquidity.markets =
            vec![SyntheticMarket { symbol: "PF_XBTUSD".to_owned(), synthetic }];
        // What it may send is not what is looked at.
        for client in &mut config.clients {
            client.tier = TierName::Unlimited;
        }
        (config.derivatives_limits.tokens, config.switches.session.errors_per_second_max) =
            (u32::MAX, 0);
        let clock = Clock::system();
        let secrets = |_: &str| Some(SECRET.to_owned());
        let venue = Venue::with_secrets(&config, None, clock.now(), secrets).expect("it is good");
        let mut server =
            Server::bind(venue, None, &Listen::loopback(), clock.clone()).expect("free ports");
        let port = |service| server.address_of(service).expect("it listens").port();
        tell.send(SERVICES.map(port)).expect("the test waits");
        while !stopped.load(Ordering::Relaxed) {
            if !server.step().expect("there is no arrival log") {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        ["TAUT", "TAUT_DRV"].map(|sender| server.venue().open_orders(sender))
    });
    (told.recv().expect("the venue started"), thread)
}

fn engine(layout: Layout, ports: [u16; 4], both: bool) -> Engine {
    let mut config = EngineConfig::from_toml(EngineConfig::commented_toml()).expect("it reads");
    config.path.layout = layout;
    config.path.wire = Some(WireKind::BusyPoll);
    config.path.idle = Some(IdlePolicy::Park);
    config.tls.enabled = false;
    let template = config.trading.clone();
    let session = |at: usize| SessionSection {
        host: "localhost".to_owned(),
        port: ports[at],
        sender: if at < 2 { "TAUT" } else { "TAUT_DRV" }.to_owned(),
        target: SERVICES[at].comp_id().to_owned(),
        ..template.clone()
    };
    (config.market_data, config.trading) = (session(0), session(1));
    if both {
        let (market_data, trading) = (session(2), session(3));
        let (venue_rate, reach) = Default::default();
        let symbols = vec!["PF_XBTUSD".to_owned()];
        config.second =
            Some(SecondSection { symbols, market_data, trading, venue_rate, reach, rest: None });
    }
    config.rollover.enabled = false;
    let credentials = Credentials::new(Secret::new(SECRET), Secret::new(SECRET));
    Engine::new(config, credentials.expect("they are usable")).expect("it is checked")
}

fn over_sockets(layout: Layout, both: bool, strategy: Follower) {
    let stop = Arc::new(AtomicBool::new(false));
    let (ports, venue) = venue(&stop);
    let (tell, told) = mpsc::channel();
    let watched = Watched::new(strategy, 1 + usize::from(both), Some(tell));
    let running = engine(layout, ports, both).start(watched).expect("it starts");
    told.recv_timeout(PATIENCE).expect("it follows the market");
    running.stop();
    let outcome = running.join().expect("it ends well");
    check(&outcome.desk, &format!("{layout:?}, both markets: {both}"));
    stop.store(true, Ordering::Relaxed);
    assert_eq!(venue.join().expect("the venue ended well"), [0; 2]);
}

#[test]
fn one_strategy_runs_in_simulation_on_a_recorded_book_and_over_sockets_without_a_line_changed() {
    let strategy = Follower::default();
    in_simulation(SimConfig::seeded(5), strategy.clone(), "spot");
    in_simulation(SimConfig::seeded(6).on_derivatives(), strategy.clone(), "derivatives");
    in_simulation(SimConfig::seeded(7).on_both(), strategy.clone(), "both markets");
    in_the_simulation_of_a_recorded_book(strategy.clone());
    over_sockets(Layout::Inline, false, strategy.clone());
    over_sockets(Layout::Full, false, strategy.clone());
    over_sockets(Layout::Inline, true, strategy.clone());
    over_sockets(Layout::Split, true, strategy);
}
