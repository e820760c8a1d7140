//! `taut bench engine`: engine and venue in one thread, joined by memory instead of sockets, each timed
//! while the other waits. So what the engine takes can be told from what the kernel takes, and counted in
//! instructions (`bench/instructions-path.sh`).

use std::fmt;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rtrb::{Consumer, RingBuffer};
use serde::Serialize;
use taut::command::{Command, SessionId};
use taut::conductor::{Conductor, ConductorConfig, Reconnect, ResetPolicy};
use taut::desk::{Desk, DeskConfig, InstrumentConfig};
use taut::event::Event;
use taut::kraken::logon::{Credentials, Logon};
use taut::kraken::session;
use taut::limits::TRACE_RING;
use taut::pipeline::{
    Dialled, InlineEngine, MARKET_DATA, SessionCore, TRADING, Watch, available_cores, pin_current,
};
use taut::risk::RiskLimits;
use taut::session::SessionConfig;
use taut::trace::allocation::{allocations, arm};
use taut::trace::{Clock, Record, Row};
use taut::types::CompId;
use taut::wire::memory::{Direction, Link, LinkConfig, pair};
use taut::wire::{Receiver, Transmitter, channel};
use taut_venue::Venue;
use taut_venue::config::{TierName, VenueConfig};
use taut_venue::gateway::{ConnectionId, Service};

use super::host::Host;
use super::load::{Load, Trader};
use crate::Failure;
use crate::demo::random_secret;

/// To the engine, which has the first end of every link.
const IN: Direction = Direction::BToA;
/// Longest wait for the first book and the first order.
const START_WITHIN: Duration = Duration::from_secs(20);
/// Market data events a second where they cause orders, and elsewhere.
const EVENTS_PER_SECOND: u32 = 1_000;
const QUIET_PER_SECOND: u32 = 10;
/// Bytes on their way.
const LINK_BYTES: usize = 2 << 20;
/// Plain bytes that the venue reads at a time.
const READ_BYTES: usize = 64 * 1024;

/// What one load came to.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// What went in and what came out.
    pub what: &'static str,
    /// Nanoseconds, over the turns.
    #[serde(flatten)]
    pub row: Row,
    /// The shortest turn, nanoseconds.
    pub min_ns: u64,
    /// All turns, for each of what they did, nanoseconds.
    pub mean_ns: f64,
    /// Orders, or events, of a turn, on average.
    pub per_turn: f64,
}

/// Everything.
#[derive(Debug, Serialize)]
pub struct Alone {
    /// On what.
    pub host: Host,
    /// A line per figure.
    pub figures: Vec<Figure>,
    /// Allocations of the engine's turns; there should be none.
    pub allocations: u64,
    /// What was not as it should be.
    pub faults: Vec<String>,
}

/// Turns, timed.
struct Turns {
    /// Of one thing, by turn.
    nanos: Histogram<u64>,
    units: u64,
    /// Nanoseconds of all turns.
    total: u64,
}

impl Turns {
    fn new() -> Self {
        let bounds = Histogram::new_with_bounds(1, 60_000_000_000, 3);
        Self { nanos: bounds.expect("constant bounds are valid"), units: 0, total: 0 }
    }

    /// A turn that did so many things counts for each of them.
    fn note(&mut self, nanos: u64, units: u64) {
        if let Some(each) = nanos.checked_div(units) {
            self.nanos.saturating_record(each);
            self.units += units;
            self.total += nanos;
        }
    }

    fn figure(&self, what: &'static str) -> Figure {
        let (units, turns) = (self.units as f64, self.nanos.len().max(1) as f64);
        Figure {
            what,
            row: Row::of(what, &self.nanos),
            min_ns: self.nanos.min(),
            mean_ns: self.total as f64 / units.max(1.0),
            per_turn: units / turns,
        }
    }
}

/// Nobody looks.
struct Unwatched;

impl Watch for Unwatched {
    fn on_event(&mut self, _: &Event) {}
    fn on_command(&mut self, _: &Command) {}
}

/// One end of a connection at the venue.
struct End {
    id: ConnectionId,
    receiver: Receiver,
    transmitter: Transmitter,
}

/// An engine and a venue, and the two connections between them.
struct Both {
    engine: InlineEngine<Trader, Unwatched>,
    venue: Venue,
    /// By [`SessionId`].
    links: [Option<Link>; 2],
    ends: Vec<End>,
    clock: Clock,
    records: Consumer<Record>,
    buffer: Vec<u8>,
    allocations: u64,
}

/// Runs every load for `length`.
///
/// # Errors
/// What keeps the two from being set up.
pub fn run(length: Duration, outstanding: u32) -> Result<Alone, Failure> {
    let host = Host::read(None);
    let cores = available_cores();
    let _pinned = pin_current("taut-bench", cores.first().copied());
    let (mut figures, mut faults, mut allocations) = (Vec::new(), Vec::new(), 0);
    for load in [Load::Tick, Load::Closed, Load::Window { outstanding }] {
        let mut both = Both::new(load)?;
        match load {
            Load::Tick => figures.push(both.ticks(length)),
            Load::Closed => figures.push(both.answers(length)),
            _ => figures.extend(both.window(length)),
        }
        allocations += both.allocations;
        faults.extend(both.engine.desk().strategy().found().faults);
    }
    if allocations > 0 {
        faults.push(format!("{allocations} allocations on the path"));
    }
    Ok(Alone { host, figures, allocations, faults })
}

impl Both {
    fn new(load: Load) -> Result<Self, Failure> {
        let clock = Clock::system();
        let now = clock.now();
        let mut config = VenueConfig::default();
        config.clients[0].tier = TierName::Unlimited;
        config.liquidity.synthetic.events_per_second =
            if load == Load::Tick { EVENTS_PER_SECOND } else { QUIET_PER_SECOND };
        let secret = random_secret()?;
        let text = secret.expose().to_owned();
        let venue = Venue::with_secrets(&config, None, now, |_| Some(text.clone()))?;
        let sender = config.clients[0].sender.as_str();
        let symbol = config.liquidity.symbol.as_str();
        let (symbol, sender) = (
            symbol.parse().map_err(|_| Failure::Usage("the symbol is too long".into()))?,
            sender.parse().map_err(|_| Failure::Usage("the CompID is too long".into()))?,
        );
        let risk = RiskLimits { max_open_orders: 4_000, ..RiskLimits::UNLIMITED };
        let instruments = vec![InstrumentConfig { symbol, risk }];
        let desk = DeskConfig::new(MARKET_DATA, TRADING, instruments, 10);
        let desk = Desk::new(&desk, clock.clone(), Trader::new(load))
            .map_err(taut::pipeline::StartError::from)?;
        let session = |service: Service, sender: CompId| -> SessionConfig {
            session::client(sender, service.comp_id().parse().expect("CompIDs are short"))
        };
        let logon = Logon::trading(Credentials::new(secret.clone(), secret)?, true);
        let sessions = vec![
            (session(Service::SpotMarketData, sender), Logon::MarketData),
            (session(Service::SpotTrading, sender), logon),
        ];
        let (traces, records) = RingBuffer::new(TRACE_RING);
        let core = SessionCore::new(sessions, &[symbol], clock.clone(), traces);
        let conductor = ConductorConfig {
            reconnect: Reconnect { enabled: false, ..Reconnect::default() },
            rollover: None,
            reset: ResetPolicy::Always,
            hosts: 1,
            seed: 1,
        };
        let conductors =
            [TRADING, MARKET_DATA].map(|one| (one, Conductor::new(conductor, None, now)));
        let engine = InlineEngine::new(desk, core, conductors.into(), clock.clone(), Unwatched);
        let mut both = Self {
            engine,
            venue,
            links: [None, None],
            ends: Vec::new(),
            clock,
            records,
            buffer: vec![0; READ_BYTES],
            allocations: 0,
        };
        both.start()?;
        Ok(both)
    }

    /// Lets both sessions log on and the strategy trade.
    fn start(&mut self) -> Result<(), Failure> {
        let since = Instant::now();
        while self.engine.desk().strategy().answers() == 0 {
            if since.elapsed() > START_WITHIN {
                return Err(Failure::Usage(
                    "no order was answered: engine and venue differ".into(),
                ));
            }
            self.engine.step();
            while let Some(dial) = self.engine.next_dial() {
                let outcome = Ok(self.connect(dial.session));
                let (session, attempt) = (dial.session, dial.attempt);
                self.engine.dialled(Dialled { session, attempt, outcome });
            }
            self.venue_turn();
        }
        Ok(())
    }

    fn connect(&mut self, session: SessionId) -> (Receiver, Transmitter) {
        let trading = session == TRADING;
        let service = if trading { Service::SpotTrading } else { Service::SpotMarketData };
        // Room for all reports of a turn.
        let (ours, theirs, link) =
            pair(LinkConfig { capacity: LINK_BYTES, ..LinkConfig::default() });
        let (receiver, transmitter) = channel::memory(theirs);
        let id = self.venue.connected(service, self.clock.now());
        self.ends.push(End { id, receiver, transmitter });
        self.links[usize::from(session.0)] = Some(link);
        channel::memory(ours)
    }

    /// Bytes that wait for the engine.
    fn waiting(&self, session: SessionId) -> usize {
        let link = &self.links[usize::from(session.0)];
        link.as_ref().map_or(0, |link| link.pending(IN))
    }

    /// One round of the engine: what came is taken, what it causes is sent. Nanoseconds, and how many
    /// orders it sent.
    fn engine_turn(&mut self) -> (u64, u64) {
        let before = self.engine.desk().strategy().sent();
        let allocated = allocations().count;
        let armed = arm();
        let begun = self.clock.ticks();
        engine_turn(&mut self.engine);
        let nanos = self.clock.nanos_between(begun, self.clock.ticks());
        drop(armed);
        self.allocations += allocations().count - allocated;
        // The housekeeping thread's part.
        while self.records.pop().is_ok() {}
        (nanos, self.engine.desk().strategy().sent() - before)
    }

    /// One round of the venue, as its server has it. Nanoseconds.
    fn venue_turn(&mut self) -> u64 {
        let begun = self.clock.ticks();
        venue_turn(&mut self.venue, &mut self.ends, &mut self.buffer, &self.clock);
        self.clock.nanos_between(begun, self.clock.ticks())
    }

    /// A change of the book in, an order out.
    fn ticks(&mut self, length: Duration) -> Figure {
        let mut turns = Turns::new();
        let since = Instant::now();
        while since.elapsed() < length {
            let alone = self.waiting(TRADING) == 0 && self.waiting(MARKET_DATA) > 0;
            let (nanos, orders) = self.engine_turn();
            if alone && orders == 1 {
                turns.note(nanos, 1);
            }
            self.venue_turn();
        }
        turns.figure("engine, market data message to order")
    }

    /// All reports of an order in, the next order out.
    fn answers(&mut self, length: Duration) -> Figure {
        let mut turns = Turns::new();
        let since = Instant::now();
        while since.elapsed() < length {
            let alone = self.waiting(MARKET_DATA) == 0;
            let (nanos, orders) = self.engine_turn();
            if alone && orders == 1 {
                turns.note(nanos, 1);
            }
            self.venue_turn();
        }
        turns.figure("engine, three reports to order")
    }

    /// Many unanswered: what an order and its reports cost either side. Never inlined, so that its
    /// instructions can be counted.
    #[inline(never)]
    fn window(&mut self, length: Duration) -> [Figure; 2] {
        let (mut engine, mut venue) = (Turns::new(), Turns::new());
        let since = Instant::now();
        while since.elapsed() < length {
            let (mut nanos, mut orders) = (0, 0);
            while self.waiting(TRADING) > 0 || self.waiting(MARKET_DATA) > 0 || nanos == 0 {
                let turn = self.engine_turn();
                (nanos, orders) = (nanos + turn.0.max(1), orders + turn.1);
            }
            engine.note(nanos, orders);
            venue.note(self.venue_turn(), orders);
        }
        [
            engine.figure("engine, per order: three reports in, one order out"),
            venue.figure("venue, per order: one order in, three reports out"),
        ]
    }
}

/// Never inlined, so that its instructions can be counted.
#[inline(never)]
fn engine_turn(engine: &mut InlineEngine<Trader, Unwatched>) {
    engine.step();
}

/// Never inlined, so that its instructions can be counted.
#[inline(never)]
fn venue_turn(venue: &mut Venue, ends: &mut [End], buffer: &mut [u8], clock: &Clock) {
    for End { id, receiver, .. } in &mut *ends {
        if let Ok(count) = receiver.receive(buffer, |_| ())
            && count > 0
        {
            venue.received(*id, &buffer[..count], clock.now());
        }
    }
    let now = clock.now();
    if now >= venue.next_deadline() {
        venue.tick(now);
    }
    for End { id, transmitter, .. } in ends {
        let (outbox, open) = venue.sendable(*id, now);
        if let Ok(count) = transmitter.accept(&outbox.pending()[..open]) {
            outbox.consume(count);
        }
        // What a full link does not take goes with the next round.
        let _ = transmitter.flush();
    }
    venue.take_arrivals().for_each(drop);
}

impl Alone {
    /// Whether every run was as it should be.
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        writeln!(f, "what       engine and venue in one thread over memory, ns")?;
        let width = self.figures.iter().map(|one| one.what.len()).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$}  {:>7}  {:>7}  {:>7}  {:>7}  {:>9}  {:>9}",
            "case", "min", "p50", "mean", "p99", "turns", "in a turn"
        )?;
        for Figure { what, row, min_ns, mean_ns, per_turn } in &self.figures {
            writeln!(
                f,
                "{what:width$}  {min_ns:>7}  {:>7}  {mean_ns:>7.0}  {:>7}  {:>9}  {per_turn:>9.1}",
                row.p50_ns, row.p99_ns, row.count
            )?;
        }
        for fault in &self.faults {
            writeln!(f, "FAULT      {fault}")?;
        }
        Ok(())
    }
}
