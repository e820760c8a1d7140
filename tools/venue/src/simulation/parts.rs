//! What a simulation is put together from: the markets, the engine, the venue.

use fastrand::Rng;
use taut::command::SessionId;
use taut::conductor::Conductor;
use taut::desk::{Desk, DeskConfig, SecondSession};
use taut::journal::{Durability, Journal, JournalConfig, Reader};
use taut::kraken::earlier::Earlier;
use taut::kraken::logon::{Credentials, Logon};
use taut::pipeline::{
    InlineEngine, MARKET_DATA, SECOND_MARKET_DATA, SECOND_TRADING, SessionCore, TRADING, rest_link,
};
use taut::secret::Secret;
use taut::session::SessionConfig;
use taut::strategy::Strategy;
use taut::trace::Clock;
use taut::types::{CompId, Market, Symbol};
use taut_codec::value::UtcTime;

use super::config::SimConfig;
use super::record::Record;
use super::rest::RestNet;
use crate::gateway::{self, Service};
use crate::venue::Venue;

/// Key and secret of the engine.
const SECRET: &str = "dGF1dCBzaW11bGF0aW9uIHNlY3JldA==";

pub(super) fn credentials() -> Credentials {
    Credentials::new(Secret::new(SECRET), Secret::new(SECRET)).expect("the secret is base64")
}

/// One market that the engine trades.
pub(super) struct Seat {
    pub market: Market,
    /// Its CompID there.
    pub sender: String,
}

/// The sessions of an engine, in the order in which they are dialled.
pub(super) fn sessions(seats: &[Seat]) -> &'static [SessionId] {
    const ALL: [SessionId; 4] = [TRADING, MARKET_DATA, SECOND_TRADING, SECOND_MARKET_DATA];
    &ALL[..2 * seats.len()]
}

/// What an engine of a simulation is made with.
pub(super) struct With<'a> {
    pub credentials: Credentials,
    pub clock: Clock,
    pub rng: &'a mut Rng,
}

/// An engine without connections, and its way to REST; it goes on where its journal says, if it has one.
pub(super) fn engine<S: Strategy>(
    config: &SimConfig,
    seats: &[Seat],
    with: With<'_>,
    strategy: S,
    record: Record,
) -> (InlineEngine<S, Record>, Vec<RestNet>) {
    let With { credentials, clock, rng } = with;
    let mut core = session_core(config, seats, &credentials, clock.clone());
    let mut rest = Vec::new();
    for (seat, session) in seats.iter().zip([TRADING, SECOND_TRADING]) {
        if let Some(route) = config.rest.clone() {
            let (port, end) = rest_link();
            core.set_rest(session, port);
            rest.push(RestNet::new(seat.market, route, credentials.clone(), end));
        }
        let Some(dir) = &config.journal else { continue };
        let dir = if seats.len() == 1 { dir.clone() } else { dir.join(&seat.sender) };
        let small = JournalConfig {
            durability: Durability::None,
            segment_bytes: 1 << 20,
            segments_kept: 0,
            ..JournalConfig::default()
        };
        let (journal, _) = Journal::open(&dir, small).expect("the journal opens");
        core.keep_journal(session, journal).expect("it is new");
        let reader = Reader::open(&dir).expect("it is there");
        core.set_earlier(session, Earlier::read(&reader).expect("it can be read"));
    }
    let watermark = |session| core.journal(session).map_or(0, |j| j.state().cl_ord_id_watermark);
    let policy = config.rest.as_ref().map(|route| route.policy);
    let desk = DeskConfig {
        total: config.total,
        venue_rate: config.venue_rate,
        cl_ord_id_watermark: watermark(TRADING),
        reach: config.reach,
        recovery: config.recovery,
        second: config.second.as_ref().map(|second| SecondSession {
            market_data: SECOND_MARKET_DATA,
            trading: SECOND_TRADING,
            instruments: second.instruments.clone(),
            venue_rate: second.venue_rate,
            cl_ord_id_watermark: watermark(SECOND_TRADING),
            reach: second.reach,
            rest: policy,
        }),
        rest: policy,
        ..DeskConfig::new(MARKET_DATA, TRADING, config.instruments.clone(), config.depth)
    };
    let desk = Desk::new(&desk, clock.clone(), strategy).expect("the desk can be set up");
    let conductor = |&session: &SessionId| {
        let conductor = config.conductor(rng.u64(..));
        (session, Conductor::new(conductor, None, clock.now()))
    };
    let conductors = sessions(seats).iter().map(conductor).collect();
    (InlineEngine::new(desk, core, conductors, clock, record), rest)
}

/// The venue, with its state or without.
pub(super) fn open_venue(config: &SimConfig, keeps_state: bool, now: UtcTime) -> Venue {
    let mut venue = config.venue.clone();
    venue.state.dir = venue.state.dir.filter(|_| keeps_state);
    let read = |_: &str| Some(SECRET.to_owned());
    Venue::with_secrets(&venue, config.liquidity.clone(), now, read)
        .expect("the venue takes its configuration")
}

fn session_core(
    config: &SimConfig,
    seats: &[Seat],
    credentials: &Credentials,
    clock: Clock,
) -> SessionCore {
    let session = |seat: &Seat, service: Service| {
        let id = |text: &str| -> CompId { text.parse().expect("CompIDs are short") };
        let client = taut::kraken::session::client(id(&seat.sender), id(service.comp_id()));
        let (heartbeat_seconds, synchronise) = (config.heartbeat_seconds, config.synchronise);
        SessionConfig { heartbeat_seconds, synchronise, ..client }
    };
    let mut sessions = Vec::new();
    for seat in seats {
        let market = gateway::Market::from(seat.market);
        sessions.push((session(seat, market.market_data()), Logon::MarketData));
        let logon = Logon::trading(credentials.clone(), config.cancel_on_disconnect);
        sessions.push((session(seat, market.trading()), logon));
    }
    let second = config.second.iter().flat_map(|second| &second.instruments);
    let symbols: Vec<Symbol> =
        config.instruments.iter().chain(second).map(|one| one.symbol).collect();
    // Nobody looks at latencies: every stamp is the virtual time.
    let (traces, _) = rtrb::RingBuffer::new(1);
    SessionCore::new(sessions, &symbols, clock, traces)
}
