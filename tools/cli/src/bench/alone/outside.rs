//! What stands around an engine that is measured alone: a venue, and the memory that joins the two.

use rtrb::{Consumer, RingBuffer};
use taut::command::SessionId;
use taut::conductor::{Conductor, ConductorConfig, Reconnect, ResetPolicy};
use taut::desk::{Desk, DeskConfig, InstrumentConfig};
use taut::kraken::logon::{Credentials, Logon};
use taut::kraken::session;
use taut::limits::TRACE_RING;
use taut::pipeline::{Dial, Dialled, MARKET_DATA, SessionCore, TRADING};
use taut::risk::RiskLimits;
use taut::session::SessionConfig;
use taut::trace::{Clock, Record};
use taut::types::CompId;
use taut::wire::memory::{Direction, Link, LinkConfig, pair};
use taut::wire::{Receiver, Transmitter, channel};
use taut_venue::Venue;
use taut_venue::config::{TierName, VenueConfig};
use taut_venue::gateway::{ConnectionId, Service};

use super::super::load::{Load, Trader};
use crate::Failure;
use crate::demo::random_secret;

/// To the engine, which has the first end of every link.
const IN: Direction = Direction::BToA;
/// Market data events a second where they cause orders, and elsewhere.
const EVENTS_PER_SECOND: u32 = 1_000;
const QUIET_PER_SECOND: u32 = 10;
/// Bytes on their way.
const LINK_BYTES: usize = 2 << 20;
/// Plain bytes that the venue reads at a time.
const READ_BYTES: usize = 64 * 1024;

/// What an engine is made of.
pub struct Parts {
    /// With the strategy that makes the load.
    pub desk: Desk<Trader>,
    /// Both sessions.
    pub core: SessionCore,
    /// Trading first.
    pub conductors: Vec<(SessionId, Conductor)>,
    /// That of all its parts.
    pub clock: Clock,
}

/// One end of a connection at the venue.
struct End {
    id: ConnectionId,
    receiver: Receiver,
    transmitter: Transmitter,
}

/// The venue, the two connections to it, and the housekeeping of the engine.
pub struct Outside {
    venue: Venue,
    /// By [`SessionId`].
    links: [Option<Link>; 2],
    ends: Vec<End>,
    clock: Clock,
    records: Consumer<Record>,
    buffer: Vec<u8>,
}

/// The venue for a load.
pub fn venue_config(load: Load) -> VenueConfig {
    let mut config = VenueConfig::default();
    config.clients[0].tier = TierName::Unlimited;
    config.liquidity.synthetic.events_per_second =
        if load == Load::Tick { EVENTS_PER_SECOND } else { QUIET_PER_SECOND };
    config
}

/// An engine in parts and its venue.
///
/// # Errors
/// What keeps the two from being set up.
pub fn set_up(load: Load, config: &VenueConfig) -> Result<(Parts, Outside), Failure> {
    let clock = Clock::system();
    let now = clock.now();
    let secret = random_secret()?;
    let text = secret.expose().to_owned();
    let venue = Venue::with_secrets(config, None, now, |_| Some(text.clone()))?;
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
    let conductors = [TRADING, MARKET_DATA].map(|one| (one, Conductor::new(conductor, None, now)));
    let outside = Outside {
        venue,
        links: [None, None],
        ends: Vec::new(),
        clock: clock.clone(),
        records,
        buffer: vec![0; READ_BYTES],
    };
    Ok((Parts { desk, core, conductors: conductors.into(), clock }, outside))
}

impl Outside {
    /// Connects a session.
    pub fn dial(&mut self, dial: Dial) -> Dialled {
        let Dial { session, attempt, .. } = dial;
        let service =
            if session == TRADING { Service::SpotTrading } else { Service::SpotMarketData };
        // Room for all reports of a turn.
        let (ours, theirs, link) =
            pair(LinkConfig { capacity: LINK_BYTES, ..LinkConfig::default() });
        let (receiver, transmitter) = channel::memory(theirs);
        let id = self.venue.connected(service, self.clock.now());
        self.ends.push(End { id, receiver, transmitter });
        self.links[usize::from(session.0)] = Some(link);
        Dialled { session, attempt, outcome: Ok(channel::memory(ours)) }
    }

    /// Bytes that wait for the engine.
    pub fn waiting(&self, session: SessionId) -> usize {
        let link = &self.links[usize::from(session.0)];
        link.as_ref().map_or(0, |link| link.pending(IN))
    }

    /// One round of the venue, as its server has it. Nanoseconds.
    pub fn venue_turn(&mut self) -> u64 {
        let begun = self.clock.ticks();
        venue_turn(&mut self.venue, &mut self.ends, &mut self.buffer, &self.clock);
        self.clock.nanos_between(begun, self.clock.ticks())
    }

    /// The part of the engine's housekeeping thread.
    pub fn housekeep(&mut self) {
        while self.records.pop().is_ok() {}
    }
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
