//! Engine, venue, strategy, network and clock in one thread, from one seed; on one market or on both.
//!
//! The parts are the real ones: [`InlineEngine`] (sessions, desk, strategy) and [`Venue`], each with
//! its own pump, over [`memory`] links under a virtual clock. A [`Simulation`] only decides what time
//! it is, how the network behaves and what goes wrong. After every step it checks what must always
//! hold, and panics with the seed where it does not:
//!
//! - commands reach the venue's engine in the order of issue, each at most once, with the MsgSeqNum
//!   that the wire was told, and none that was withdrawn; every command ends once;
//! - a session is never up twice;
//! - money is conserved at the venue, and no client owns less than nothing;
//! - every fill that was told is counted once; no checksum is wrong, no book stale;
//! - before the first fault and the first rollover: no alarm, no session down, no disagreement, no report
//!   of an unknown order;
//! - whenever nothing is on its way: books, live orders and balances are the same on both sides. After
//!   a lost connection balances may differ by fills whose reports were lost with it: by no more than the desk
//!   says may have been filled unseen (and the fees of fills that are known by sums), and by no more until the
//!   next break.
//!
//! ```
//! use taut_venue::simulation::strategies::Quoter;
//! use taut_venue::simulation::{SimConfig, Simulation};
//!
//! let mut sim = Simulation::new(SimConfig::seeded(7), Quoter::default());
//! sim.run_for(200_000_000);
//! sim.stop();
//! assert!(sim.run_until(|sim| sim.is_over(), 5_000_000_000));
//! ```

mod accounts;
mod check;
mod config;
mod faults;
mod look;
mod network;
mod parts;
mod record;
mod rest;
pub mod strategies;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use taut::command::SessionId;
use taut::conductor::DialProblem;
use taut::pipeline::{Dial, Dialled, InlineEngine, SECOND_TRADING, TRADING};
use taut::strategy::Strategy;
use taut::trace::{Clock, allocation};
use taut::wire::{Receiver, Transmitter, channel, memory};
use taut_codec::value::UtcTime;

pub use config::{
    Fault, FaultKind, RandomFaults, RestRoute, Route, SecondMarket, SimConfig, TO_ENGINE, TO_VENUE,
};
pub use record::{End, Issued, Record};
pub use taut::wire::memory::Cut;

use crate::gateway;
use crate::links::Links;
use crate::venue::Venue;
use check::Checks;
use network::Lane;
use parts::{Seat, With, credentials, engine, open_venue, sessions};
use record::seat_of;
use rest::RestNet;

/// Time that passes at least from one step to the next while only deadlines are due, nanoseconds.
const STEP_MIN_NS: u64 = 10_000;
/// Time that passes at most from one step to the next, nanoseconds.
const STEP_MAX_NS: u64 = 1_000_000_000;
/// Rounds of one step: more mean that the two sides keep each other busy without end.
const ROUNDS_MAX: u32 = 1_000_000;

/// A whole system under virtual time. See the [module](self).
pub struct Simulation<S: Strategy> {
    seed: u64,
    rng: Rng,
    time: Arc<AtomicU64>,
    clock: Clock,
    start: UtcTime,
    depth: u16,
    seats: Vec<Seat>,
    config: SimConfig,
    engine: InlineEngine<S, Record>,
    venue: Venue,
    links: Links,
    /// By [`SessionId`].
    lanes: Vec<Lane>,
    /// For each market.
    rest: Vec<RestNet>,
    next_random_fault: Option<u64>,
    steps: u64,
    checks: Checks,
}

impl<S: Strategy> Simulation<S> {
    /// Sets everything up; the first step dials both sessions.
    ///
    /// # Panics
    /// If the venue or the desk refuses the configuration.
    #[must_use]
    pub fn new(config: SimConfig, strategy: S) -> Self {
        let start = config.start;
        let time = Arc::new(AtomicU64::new(start.0));
        let clock = Clock::virtual_at(Arc::clone(&time));
        let mut rng = Rng::with_seed(config.seed);
        let venue = open_venue(&config, true, start);
        let seats = accounts::seats(&config);
        let credentials = credentials();
        let record = Record::new(start, config.rollover, sessions(&seats).len());
        let with = With { credentials, clock: clock.clone(), rng: &mut rng };
        let (engine, rest) = engine(&config, &seats, with, strategy, record);
        let next_random_fault =
            config.random_faults.as_ref().map(|faults| start.0 + rng.u64(faults.every_ns.clone()));
        let mut sim = Self {
            seed: config.seed,
            rng,
            time,
            clock,
            start,
            depth: config.depth,
            lanes: sessions(&seats).iter().map(|_| Lane::default()).collect(),
            seats,
            config,
            engine,
            venue,
            links: Links::default(),
            rest,
            next_random_fault,
            steps: 0,
            checks: Checks::default(),
        };
        sim.config.faults.sort_by_key(|fault| std::cmp::Reverse(fault.at_ns));
        sim.start_checks();
        sim
    }

    /// Dials every session that has no connection now, however long it was to wait: a fresh link, a new
    /// Logon. What became of its orders is for the reports to tell.
    pub fn reconnect(&mut self) {
        for &session in sessions(&self.seats) {
            if !self.engine.is_connected(session) {
                self.engine.wish_up(session);
            }
        }
    }

    /// Takes up what the engine wants to be dialled, and finishes the dials that are due.
    fn dial(&mut self, now_ns: u64) -> bool {
        while let Some(dial) = self.engine.next_dial() {
            let takes = match &self.config.reconnect_after {
                Some(after) if dial.attempt > 1 => self.rng.u64(after.clone()),
                _ => 0,
            };
            self.lanes[usize::from(dial.session.0)].dialling = Some((dial, now_ns + takes));
        }
        let mut worked = false;
        for &session in sessions(&self.seats) {
            let lane = &mut self.lanes[usize::from(session.0)];
            if let Some((dial, _)) = lane.dialling.take_if(|(_, at)| *at <= now_ns) {
                worked = true;
                let Dial { session, attempt, .. } = dial;
                // While things go wrong, one dial of eight does.
                let refused = self.next_random_fault.is_some() && self.rng.u8(..8) == 0;
                let outcome =
                    if refused { Err(DialProblem::Connect) } else { Ok(self.connect(session)) };
                self.engine.dialled(Dialled { session, attempt, outcome });
            }
        }
        worked
    }

    fn connect(&mut self, session: SessionId) -> (Receiver, Transmitter) {
        let market = gateway::Market::from(self.seats[seat_of(session)].market);
        let is_trading = matches!(session, TRADING | SECOND_TRADING);
        let service = if is_trading { market.trading() } else { market.market_data() };
        let now = self.now();
        let (ours, theirs, link) = memory::pair(memory::LinkConfig::default());
        let routes = [&self.config.to_venue, &self.config.to_engine];
        let lane = &mut self.lanes[usize::from(session.0)];
        lane.open(link, routes, &mut self.rng);
        lane.advance(now.0, routes, &mut self.rng);
        self.links.open(&mut self.venue, service, None, channel::memory(theirs), now);
        channel::memory(ours)
    }

    /// Lets time pass until something happens, lets it happen, and checks.
    ///
    /// # Panics
    /// If an invariant is broken; the message names the seed.
    pub fn step(&mut self) {
        let next = self.next_ns();
        self.advance(next);
    }

    /// Runs for a while.
    ///
    /// # Panics
    /// As [`Simulation::step`].
    pub fn run_for(&mut self, nanos: u64) {
        let end = self.now().0 + nanos;
        while self.next_ns() < end {
            self.step();
        }
        self.advance(end);
    }

    /// Runs until something is the case, or for `limit` nanoseconds. Returns whether it is.
    ///
    /// # Panics
    /// As [`Simulation::step`].
    pub fn run_until(&mut self, mut is_so: impl FnMut(&Self) -> bool, limit: u64) -> bool {
        let end = self.now().0 + limit;
        while !is_so(self) {
            if self.now().0 >= end {
                return false;
            }
            self.step();
        }
        true
    }

    /// Runs until nothing is on its way: links and outboxes are empty and both sides were found to
    /// know the same. Returns whether that came about within `limit` nanoseconds.
    ///
    /// # Panics
    /// As [`Simulation::step`].
    pub fn run_until_quiet(&mut self, limit: u64) -> bool {
        let before = self.checks.quiet;
        self.run_until(|sim| sim.checks.quiet > before, limit)
    }

    fn next_ns(&self) -> u64 {
        let now = self.now().0;
        let deadline = self.engine.next_deadline().min(self.venue.next_deadline()).0;
        let faults = self.config.faults.last().map(|fault| self.start.0 + fault.at_ns);
        let mut next = deadline.max(now + STEP_MIN_NS).min(now + STEP_MAX_NS);
        let calls = self.rest.iter().filter_map(RestNet::next_ns);
        for at in faults.into_iter().chain(self.next_random_fault).chain(calls) {
            next = next.min(at);
        }
        for lane in &self.lanes {
            let dial = lane.dialling.map(|(_, at)| at);
            for at in lane.next_ns().into_iter().chain(dial) {
                next = next.min(at);
            }
        }
        next.max(now + 1)
    }

    fn advance(&mut self, now_ns: u64) {
        self.steps += 1;
        self.time.store(now_ns, Ordering::Relaxed);
        let now = UtcTime(now_ns);
        self.engine.watch_mut().now = now;
        let routes = [&self.config.to_venue, &self.config.to_engine];
        for lane in &mut self.lanes {
            lane.advance(now_ns, routes, &mut self.rng);
        }
        self.due_faults(now_ns);
        self.rounds(now);
        if let Err(violation) = self.check() {
            self.fail(now, &violation);
        }
    }

    /// Lets both sides work until neither moves a byte.
    fn rounds(&mut self, now: UtcTime) {
        for _ in 0..ROUNDS_MAX {
            let before = self.traffic();
            let venue_first = self.rng.bool();
            let mut worked = false;
            if venue_first {
                worked |= self.venue_round(now);
            }
            let armed = allocation::arm();
            worked |= self.engine.step();
            drop(armed);
            worked |= self.dial(now.0);
            for rest in &mut self.rest {
                worked |= rest.step(&mut self.venue, now, &mut self.rng);
            }
            if !venue_first {
                worked |= self.venue_round(now);
            }
            if !worked && self.traffic() == before {
                return;
            }
        }
        self.fail(now, "the two sides keep each other busy");
    }

    fn venue_round(&mut self, now: UtcTime) -> bool {
        let Self { links, venue, engine, clock, .. } = self;
        let record = engine.watch_mut();
        let worked = links.receive(venue, clock, |_, bytes| record.carried(bytes));
        if now >= venue.next_deadline() {
            venue.tick(now);
        }
        links.send(venue, now, |_, bytes| record.carried(bytes));
        worked
    }

    fn traffic(&self) -> [(u64, usize); 4] {
        std::array::from_fn(|at| self.lanes.get(at).map_or((0, 0), Lane::traffic))
    }

    /// Asks the engine to end: the strategy cancels, the sessions log out.
    pub fn stop(&mut self) {
        self.engine.watch_mut().stopping = true;
        self.engine.stop();
    }
}
