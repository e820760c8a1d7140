//! What a killed engine traded: derivatives, or both markets at once. In the end another one goes on from the
//! journals: its positions are those of the venue, and it reaches every order.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use taut::journal::{Direction, State};
use taut::order::Position;
use taut::pipeline::Engine;
use taut::strategy::{Context, Strategy, Sweep};
use taut::types::{Instrument, InstrumentId};
use taut_venue::Venue;
use taut_venue::config::LiquidityConfig;
use taut_venue::gateway::Market;
use taut_venue::liquidity::SyntheticMarket;
use taut_venue::matching::MONEY_SCALE;

use crate::life::{engine_config, live, orders_stay};
use crate::rollover::wait_out_rollover;
use crate::stored::{reports, stored};
use crate::{DIR, PATIENCE, World, check, check_wire, credentials};

/// What an engine trades.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Markets {
    Spot,
    Derivatives,
    Both,
}

/// One market of it.
pub struct Traded {
    pub market: Market,
    pub sender: &'static str,
    /// Of the TargetCompIDs.
    pub target: &'static str,
    pub symbol: &'static str,
}

const TRADED: [Traded; 2] = [
    Traded { market: Market::Spot, sender: "TAUT", target: "KRAKEN", symbol: "BTC/USD" },
    Traded {
        market: Market::Derivatives,
        sender: "TAUT_DRV",
        target: "KRAKEN-DRV",
        symbol: "PF_XBTUSD",
    },
];

impl Markets {
    const ALL: [Self; 3] = [Self::Spot, Self::Derivatives, Self::Both];

    pub fn name(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::Derivatives => "derivatives",
            Self::Both => "both",
        }
    }

    /// What was written behind [`Markets::name`] are ports.
    pub fn read(text: &str) -> (Self, Vec<&str>) {
        let mut words = text.split(' ');
        let name = words.next().expect("a name");
        let markets = Self::ALL.into_iter().find(|one| one.name() == name).expect("one of them");
        (markets, words.collect())
    }

    pub fn traded(self) -> &'static [Traded] {
        match self {
            Self::Spot => &TRADED[..1],
            Self::Derivatives => &TRADED[1..],
            Self::Both => &TRADED,
        }
    }

    /// Has the venue quote what is traded.
    pub fn supply(self, liquidity: &mut LiquidityConfig) {
        if self == Self::Spot {
            return;
        }
        liquidity.synthetic.events_per_second = 500;
        let [first, others @ ..] = self.traded() else { unreachable!("it trades something") };
        liquidity.symbol = first.symbol.to_owned();
        let synthetic = &liquidity.synthetic;
        let market = |one: &Traded| SyntheticMarket {
            symbol: one.symbol.to_owned(),
            synthetic: synthetic.clone(),
        };
        liquidity.markets = others.iter().map(market).collect();
    }

    /// The directories of the trading sessions' journals.
    fn journals(self, dir: &Path) -> Vec<PathBuf> {
        let names = ["trading", "second-trading"];
        self.traded().iter().zip(names).map(|(_, name)| dir.join(name)).collect()
    }
}

/// Cancels whatever the lives before have left open, and tells how.
struct Auditor(Sender<Sweep>);

impl Strategy for Auditor {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        // The other end waits for it.
        let _ = self.0.send(ctx.cancel_open_orders());
    }
}

/// What was traded, in 10^-[`MONEY_SCALE`]: the quantity, and what was received less what was paid. Of spot
/// with the fees, which are in the balances.
fn counted(traded: &Traded, facts: &Instrument, position: &Position) -> [i128; 2] {
    let unit = |scale: u8| 10i128.pow(u32::from(MONEY_SCALE - scale));
    let qty = i128::from(position.qty) * unit(facts.qty_precision);
    let cash = position.cash * unit(facts.price_precision + facts.qty_precision);
    match traded.market {
        Market::Spot => [qty - position.fees_base, cash - position.fees_quote],
        Market::Derivatives => [qty, cash],
    }
}

/// The same as the venue has booked it; of spot with what was there before.
fn booked(venue: &Venue, traded: &Traded, facts: Option<&Instrument>) -> [i128; 2] {
    if traded.market == Market::Spot {
        let total = |asset| venue.balance(traded.sender, asset).expect("it is an asset").total;
        return ["BTC", "USD"].map(total);
    }
    let account = venue.account(traded.sender).expect("it is a client");
    let engine = venue.derivatives();
    let id = engine.instrument_id(traded.symbol.as_bytes()).expect("it is listed");
    let position = engine.position(account, id);
    let unit = facts.map_or(0, |facts| 10i128.pow(u32::from(MONEY_SCALE - facts.qty_precision)));
    [i128::from(position.qty) * unit, position.realised - position.value]
}

fn is_killed(markets: Markets, name: &str) {
    if let Ok(dir) = std::env::var(DIR) {
        live(&dir);
    }
    let kills = std::env::var("TAUT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(24u64);
    // Even, so that the orders of the last life stay.
    let kills = (kills / 4).max(2) / 2 * 2;
    wait_out_rollover(Duration::from_secs(60 + kills));
    let (ours, theirs) = (tempfile::tempdir(), tempfile::tempdir());
    let (ours, theirs) = (ours.expect("a directory"), theirs.expect("a directory"));
    let mut world = World::new(theirs.path(), markets);
    let before: Vec<[i128; 2]> =
        markets.traded().iter().map(|one| booked(world.server.venue(), one, None)).collect();
    let mut random = fastrand::Rng::with_seed(kills);
    let journals = markets.journals(ours.path());
    let mut states = vec![State::START; journals.len()];
    for kill in 0..kills {
        let (seed, is_last) = (kill + 2, kill + 1 == kills);
        let child = world.start(name, ours.path(), seed);
        let aim = if is_last { 3 } else { random.u8(..4) };
        // As in the test of spot: while it starts, soon after the logons, while it trades.
        if aim > 0 {
            assert!(world.is_up(), "life {kill} did not log on to all services");
        }
        if aim > 1 {
            assert!(world.trades(), "life {kill} did not trade");
        }
        world.pass(Duration::from_micros(random.u64(..60_000)));
        if is_last {
            assert!(orders_stay(seed));
            let rests = |venue: &mut Venue| {
                markets.traded().iter().all(|one| venue.open_orders(one.sender) > 0)
            };
            assert!(world.until(PATIENCE, rests), "it leaves nothing on a market");
        }
        world.kill(child);
        for (dir, state) in journals.iter().zip(&mut states) {
            // One that died while it started may have made none.
            if dir.exists() {
                *state = check(dir, *state);
            }
        }
        world.pass(Duration::from_micros(random.u64(..60_000)));
    }
    let left = markets.traded().iter().map(|one| world.server.venue().open_orders(one.sender));
    let left: usize = left.sum();
    assert!(left > 0, "the last life left no order");

    let dir = ours.path().to_str().expect("it is a name");
    let config = engine_config(dir, &world.ports, true);
    let (tell, told) = mpsc::channel();
    let engine = Engine::new(config, credentials()).expect("a good configuration");
    let running = engine.start(Auditor(tell)).expect("the venue is there");
    let mut sweep = None;
    let started = world.until(PATIENCE, |_| {
        sweep = told.try_recv().ok();
        sweep.is_some()
    });
    assert!(started, "it does not find out what became of the orders");
    let sweep = sweep.expect("it was told");
    assert_eq!((sweep.out_of_reach, sweep.limited), (0, 0), "{sweep:?}");
    running.stop();
    let ending = std::thread::spawn(move || running.join());
    assert!(world.until(PATIENCE, |_| ending.is_finished()), "it does not end");
    let outcome = ending.join().expect("it did not panic").expect("it ended well");
    let stats = outcome.desk.stats();
    assert_eq!((stats.lane_violations, stats.disagreements, stats.gone), (0, 0, 0), "{stats:?}");

    let mut fills = 0;
    for (at, traded) in markets.traded().iter().enumerate() {
        let venue = world.server.venue();
        assert_eq!(venue.open_orders(traded.sender), 0, "an order was out of reach: {sweep:?}");
        let id = InstrumentId(at as u16);
        let market = outcome.desk.markets().get(id).expect("it is followed");
        let facts = market.instrument().expect("it is listed");
        let position = outcome.desk.positions().get(id).expect("it is followed");
        let change = booked(venue, traded, Some(facts));
        let change = [change[0] - before[at][0], change[1] - before[at][1]];
        assert_eq!(counted(traded, facts, position), change, "{}: {position:?}", traded.symbol);
        let theirs = theirs.path().join("journal").join(traded.sender);
        let (got, sent) = (stored(&journals[at], Direction::In), stored(&theirs, Direction::Out));
        assert_eq!(reports(&got, true), reports(&sent, false), "each report once");
        fills += sent.iter().filter(|one| one.fill && !one.poss_dup).count();
    }
    assert!(fills > 0, "nothing was traded");
    let taps = world.taps.clone();
    // The log is written to its end.
    drop(world);
    let log = std::fs::read_to_string(theirs.path().join("arrivals")).expect("it was written");
    let senders = taps.iter().zip(markets.traded());
    let arrived: usize = senders.map(|(tap, one)| check_wire(tap, one.sender, &log)).sum();
    println!(
        "{}: {kills} kills; {arrived} commands arrived, each once; {fills} fills, each once; {left} orders \
         were left, and reached",
        markets.name()
    );
}

#[test]
fn a_killed_engine_on_derivatives_comes_back_to_the_venues_positions_and_reaches_every_order() {
    let name = "markets::a_killed_engine_on_derivatives_comes_back_to_the_venues_positions_and_reaches_every_order";
    is_killed(Markets::Derivatives, name);
}

#[test]
fn a_killed_engine_on_both_markets_comes_back_to_the_venues_positions_and_reaches_every_order() {
    let name = "markets::a_killed_engine_on_both_markets_comes_back_to_the_venues_positions_and_reaches_every_order";
    is_killed(Markets::Both, name);
}
