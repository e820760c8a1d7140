//! What a simulation is made of.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use fastrand::Rng;
use taut::command::SessionId;
use taut::conductor::{ConductorConfig, Reconnect, ResetPolicy, Rollover};
use taut::desk::{InstrumentConfig, Recovery, RestPolicy};
use taut::order::Reach;
use taut::risk::{RiskLimits, TotalLimits, VenueRate};
use taut::types::{Market, Symbol, market_of};
use taut::wire::memory::{Cut, Direction, LinkConfig};
use taut_codec::value::{Decimal, UtcTime};

use crate::config::{TierName, VenueConfig};
use crate::liquidity::{LiquiditySource, SyntheticMarket};

/// When a simulation starts, unless told otherwise: at 08:00:00, far from midnight.
const START: UtcTime = UtcTime(1_800_000_000_000_000_000);

/// What is traded on derivatives.
const FUTURE: &str = "PF_XBTUSD";

/// From the engine to the venue.
pub const TO_VENUE: Direction = Direction::AToB;
/// From the venue to the engine.
pub const TO_ENGINE: Direction = Direction::BToA;

/// What a simulation is made of. [`SimConfig::calm`] and [`SimConfig::seeded`] are the places to
/// start from.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Everything that is left to chance follows from it.
    pub seed: u64,
    /// The time of day at which it begins.
    pub start: UtcTime,
    /// The venue. The engine trades as its first client on the market of the instruments.
    pub venue: VenueConfig,
    /// The venue's liquidity; `None`: what its configuration says, with the seed of the simulation.
    pub liquidity: Option<LiquiditySource>,
    /// What the desk follows, with its limits.
    pub instruments: Vec<InstrumentConfig>,
    /// Its limits of all instruments together.
    pub total: TotalLimits,
    /// The other market in the same engine; `None`: there is one.
    pub second: Option<SecondMarket>,
    /// What it knows of the venue's rate limit.
    pub venue_rate: VenueRate,
    /// MarketDepth(264) of the subscriptions.
    pub depth: u16,
    /// HeartBtInt(108) of both sessions, seconds.
    pub heartbeat_seconds: u32,
    /// When a Logon asks for 141=Y.
    pub reset: ResetPolicy,
    /// Whether a session is up only when both sides have what they missed. `false` is for showing what
    /// that prevents.
    pub synchronise: bool,
    /// The venue's daily rollover, as the engine expects it.
    pub rollover: Option<Rollover>,
    /// Whether the venue cancels the orders of a trading session that is lost.
    pub cancel_on_disconnect: bool,
    /// Which orders the desk takes which request to reach.
    pub reach: Reach,
    /// How the desk finds the truth out after a drop.
    pub recovery: Recovery,
    /// Calls by REST, and the way to the venue's REST interface; `None`: there is none.
    pub rest: Option<RestRoute>,
    /// Where the engine keeps its journals, for [`Simulation::crash`](super::Simulation::crash); `None`: it has
    /// none.
    pub journal: Option<PathBuf>,
    /// The network towards the venue.
    pub to_venue: Route,
    /// The network towards the engine.
    pub to_engine: Route,
    /// Faults at given times.
    pub faults: Vec<Fault>,
    /// Faults by chance.
    pub random_faults: Option<RandomFaults>,
    /// How many nanoseconds a dial takes after a session was lost; the conductors wait a little before.
    /// `None`: sessions come back only by [`Simulation::reconnect`](super::Simulation::reconnect).
    pub reconnect_after: Option<RangeInclusive<u64>>,
}

/// The other market that an engine trades. Its calls by REST are those of the first, to its own interface.
#[derive(Debug, Clone)]
pub struct SecondMarket {
    /// What the desk follows there, with its limits.
    pub instruments: Vec<InstrumentConfig>,
    /// What it knows of the venue's rate limit there.
    pub venue_rate: VenueRate,
    /// Which orders it takes which request to reach there.
    pub reach: Reach,
}

/// Calls by REST, and their way to the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestRoute {
    /// What the desk is told.
    pub policy: RestPolicy,
    /// Each way of each call, nanoseconds.
    pub latency_ns: RangeInclusive<u64>,
    /// How many of 256 calls do not arrive, and how many of 256 answers.
    pub lost: u8,
}

impl RestRoute {
    /// 20 ms there and as much back; nothing is lost.
    pub const CALM: Self = Self {
        policy: RestPolicy {
            attempts: 5,
            retry_ms: 50,
            answer_ms: 1_000,
            climb_ms: 1_000,
            may_cancel_all: true,
            cancel_after_seconds: 0,
        },
        latency_ns: 20_000_000..=20_000_000,
        lost: 0,
    };
}

/// One direction of the network. What is a range is drawn anew as said at each field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Latency, nanoseconds; drawn for each connection.
    pub latency_ns: RangeInclusive<u64>,
    /// Added to it, nanoseconds; drawn for each step. Nothing overtakes.
    pub jitter_ns: RangeInclusive<u64>,
    /// Most bytes of one transmit and of one receive; drawn for each step. The whole message comes in
    /// as many pieces as it takes.
    pub chunk: RangeInclusive<usize>,
    /// Bytes in flight and unread before a transmit is taken in part or not at all; drawn for each
    /// connection.
    pub capacity: RangeInclusive<usize>,
}

impl Route {
    /// 100 microseconds, no jitter, no splitting.
    pub const CALM: Self = Self {
        latency_ns: 100_000..=100_000,
        jitter_ns: 0..=0,
        chunk: usize::MAX..=usize::MAX,
        capacity: 256 * 1024..=256 * 1024,
    };

    /// What a network can be like: up to two milliseconds, as much jitter, pieces from a few bytes
    /// on, and now and then a full buffer.
    fn draw(rng: &mut Rng) -> Self {
        let capacity = if rng.u8(..) < 64 { 2_000..=8_000 } else { 64_000..=256_000 };
        let smallest = [1, 16, 200, usize::MAX][rng.usize(..4)];
        let largest = smallest.saturating_mul(rng.usize(1..40));
        Self {
            latency_ns: 1_000..=rng.u64(1_000..2_000_000),
            jitter_ns: 0..=rng.u64(0..2_000_000),
            chunk: smallest..=largest,
            capacity,
        }
    }

    /// The latency and capacity of a new connection.
    pub(super) fn open(&self, rng: &mut Rng) -> LinkConfig {
        LinkConfig {
            capacity: rng.usize(self.capacity.clone()),
            latency_ns: rng.u64(self.latency_ns.clone()),
            ..LinkConfig::default()
        }
    }

    /// The same connection in the next step.
    pub(super) fn next(&self, base: LinkConfig, extra_ns: u64, rng: &mut Rng) -> LinkConfig {
        let jitter_ns = rng.u64(self.jitter_ns.clone());
        LinkConfig {
            latency_ns: base.latency_ns.saturating_add(jitter_ns).saturating_add(extra_ns),
            receive_max: rng.usize(self.chunk.clone()),
            transmit_max: rng.usize(self.chunk.clone()),
            ..base
        }
    }
}

/// Something that goes wrong with the connection that a session has at that time; nothing happens
/// if it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// When, nanoseconds since the start.
    pub at_ns: u64,
    /// Whose connection.
    pub session: SessionId,
    /// What.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The connection is cut.
    Cut {
        /// The direction that a [`Cut::Close`] ends.
        direction: Direction,
        /// How.
        cut: Cut,
    },
    /// The connection is cut when some bytes more have gone.
    CutAfter {
        /// The direction that is counted.
        direction: Direction,
        /// How many bytes more.
        bytes: u64,
        /// How.
        cut: Cut,
    },
    /// A direction delivers nothing for a while, not even the end of the connection.
    Stall {
        /// Which.
        direction: Direction,
        /// How long.
        nanos: u64,
    },
    /// A direction is slower for a while.
    Delay {
        /// Which.
        direction: Direction,
        /// By how much.
        extra_ns: u64,
        /// How long.
        nanos: u64,
    },
}

/// Faults by chance: any kind, any direction, any session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RandomFaults {
    /// From the end of one to the next, nanoseconds.
    pub every_ns: RangeInclusive<u64>,
    /// How long stalls and delays last, nanoseconds.
    pub lasts_ns: RangeInclusive<u64>,
    /// No more of them after this time, nanoseconds since the start.
    pub until_ns: u64,
}

impl RandomFaults {
    pub(super) fn draw(&self, at_ns: u64, sessions: u8, rng: &mut Rng) -> Fault {
        let direction = if rng.bool() { TO_VENUE } else { TO_ENGINE };
        let cut = if rng.bool() { Cut::Close } else { Cut::Reset };
        let nanos = rng.u64(self.lasts_ns.clone());
        let kind = match rng.u8(..4) {
            0 => FaultKind::Cut { direction, cut },
            1 => FaultKind::CutAfter { direction, bytes: rng.u64(0..3_000), cut },
            2 => FaultKind::Stall { direction, nanos },
            _ => FaultKind::Delay { direction, extra_ns: rng.u64(0..20_000_000), nanos },
        };
        Fault { at_ns, session: SessionId(rng.u8(..sessions)), kind }
    }
}

impl SimConfig {
    /// A market in BTC/USD, a steady network, no faults.
    #[must_use]
    pub fn calm(seed: u64) -> Self {
        let risk = RiskLimits {
            max_order_qty: Decimal::new(100, 0),
            max_notional: Decimal::new(10_000_000, 0),
            collar_bps: 2_000,
            max_position: Decimal::new(1_000, 0),
            max_open_orders: 200,
            commands_per_second: 100_000,
            burst: 10_000,
            ..RiskLimits::UNLIMITED
        };
        let symbol: Symbol = "BTC/USD".parse().expect("it is short");
        let mut venue = VenueConfig::default();
        // What is simulated is order and truth at any speed.
        venue.clients[0].tier = TierName::Unlimited;
        venue.switches.session.errors_per_second_max = 0;
        venue.liquidity.synthetic.seed = seed;
        Self {
            seed,
            start: START,
            venue,
            liquidity: None,
            instruments: vec![InstrumentConfig { symbol, risk }],
            total: TotalLimits::UNLIMITED,
            second: None,
            venue_rate: VenueRate::UNLIMITED,
            depth: 25,
            heartbeat_seconds: 30,
            reset: ResetPolicy::Never,
            synchronise: true,
            rollover: None,
            cancel_on_disconnect: true,
            reach: Reach::default(),
            recovery: Recovery::default(),
            rest: None,
            journal: None,
            to_venue: Route::CALM,
            to_engine: Route::CALM,
            faults: Vec::new(),
            random_faults: None,
            reconnect_after: None,
        }
    }

    /// The same on derivatives, in PF_XBTUSD. The venue takes amends there, as on UAT.
    ///
    /// # Panics
    /// Never: the symbol is short.
    #[must_use]
    pub fn on_derivatives(mut self) -> Self {
        self.open_derivatives();
        self.venue.liquidity.symbol = FUTURE.to_owned();
        for instrument in &mut self.instruments {
            instrument.symbol = FUTURE.parse().expect("it is short");
        }
        self
    }

    /// The same on both markets at once, with PF_XBTUSD as the second, which reaches as far as the first.
    ///
    /// # Panics
    /// Never: the symbol is short.
    #[must_use]
    pub fn on_both(mut self) -> Self {
        self.open_derivatives();
        let symbol = FUTURE.parse().expect("it is short");
        let synthetic = self.venue.liquidity.synthetic.clone();
        self.venue.liquidity.markets =
            vec![SyntheticMarket { symbol: FUTURE.to_owned(), synthetic }];
        let of_first = self.instruments.iter().take(1);
        let instruments = of_first.map(|one| InstrumentConfig { symbol, ..*one }).collect();
        let (venue_rate, reach) = (VenueRate::UNLIMITED, self.reach);
        self.second = Some(SecondMarket { instruments, venue_rate, reach });
        self
    }

    /// Nothing limits an engine there: what is simulated is order and truth at any speed.
    fn open_derivatives(&mut self) {
        self.venue.switches.derivatives_amends = true;
        for client in &mut self.venue.clients {
            client.tier = TierName::Unlimited;
        }
        let limits = &mut self.venue.derivatives_limits;
        (limits.tokens, limits.rest_tokens) = (u32::MAX, u32::MAX);
    }

    /// The market of the second instruments, if there are any.
    pub(super) fn second_market(&self) -> Option<Market> {
        let first = self.second.as_ref()?.instruments.first()?;
        Some(market_of(&first.symbol))
    }

    /// The market of its (first) instruments.
    #[must_use]
    pub fn market(&self) -> Market {
        self.instruments.first().map_or(Market::Spot, |one| market_of(&one.symbol))
    }

    /// What the conductor of a session is told.
    pub(super) fn conductor(&self, seed: u64) -> ConductorConfig {
        let wait = match &self.reconnect_after {
            Some(after) => Duration::from_nanos(after.end() / 8),
            None => Duration::from_secs(86_400),
        };
        let reconnect = Reconnect {
            enabled: true,
            first: wait,
            max: 4 * wait,
            refused_first: wait,
            refused_max: 4 * wait,
            stable: Duration::ZERO,
            refusals_max: 0,
            closed_at_logon_max: 0,
            failures_max: 0,
            short_lives_max: 0,
        };
        ConductorConfig { reconnect, rollover: self.rollover, reset: self.reset, hosts: 1, seed }
    }

    /// [`SimConfig::calm`] with a network, a depth and session settings that follow from the seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x5eed);
        let depth = [10, 25, 100][rng.usize(..3)];
        Self {
            depth,
            heartbeat_seconds: rng.u32(1..=30),
            reset: if rng.bool() { ResetPolicy::Always } else { ResetPolicy::Never },
            cancel_on_disconnect: rng.bool(),
            to_venue: Route::draw(&mut rng),
            to_engine: Route::draw(&mut rng),
            ..Self::calm(seed)
        }
    }

    /// [`SimConfig::seeded`] with faults by chance until `until_ns`, and reconnects, with and without a
    /// reset of the numbers.
    #[must_use]
    pub fn stormy(seed: u64, until_ns: u64) -> Self {
        const MS: u64 = 1_000_000;
        Self {
            random_faults: Some(RandomFaults {
                every_ns: 20 * MS..=400 * MS,
                lasts_ns: MS..=300 * MS,
                until_ns,
            }),
            reconnect_after: Some(MS..=50 * MS),
            ..Self::seeded(seed)
        }
    }
}
