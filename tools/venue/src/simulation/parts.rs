//! The parts that a simulation puts together: an engine with its journal, and a venue.

use fastrand::Rng;
use taut::conductor::Conductor;
use taut::desk::{Desk, DeskConfig};
use taut::journal::{Durability, Journal, JournalConfig, Reader};
use taut::kraken::earlier::Earlier;
use taut::kraken::logon::{Credentials, Logon};
use taut::pipeline::{InlineEngine, MARKET_DATA, SessionCore, TRADING, rest_link};
use taut::secret::Secret;
use taut::session::SessionConfig;
use taut::strategy::Strategy;
use taut::trace::Clock;
use taut::types::{CompId, Symbol};
use taut_codec::value::UtcTime;

use super::rest::RestNet;
use super::{Record, SimConfig};
use crate::gateway::{self, Service};
use crate::venue::Venue;

/// Key and secret of the engine.
const SECRET: &str = "dGF1dCBzaW11bGF0aW9uIHNlY3JldA==";

pub(super) fn credentials() -> Credentials {
    Credentials::new(Secret::new(SECRET), Secret::new(SECRET)).expect("the secret is base64")
}

/// What an engine of a simulation is made with.
pub(super) struct With<'a> {
    pub(super) credentials: Credentials,
    pub(super) clock: Clock,
    pub(super) rng: &'a mut Rng,
}

/// An engine without connections, and its way to REST; it goes on where its journal says, if it has one.
pub(super) fn engine<S: Strategy>(
    config: &SimConfig,
    sender: &str,
    with: With<'_>,
    strategy: S,
    record: Record,
) -> (InlineEngine<S, Record>, Option<RestNet>) {
    let With { credentials, clock, rng } = with;
    let mut core = session_core(config, sender, credentials.clone(), clock.clone());
    let rest = config.rest.clone().map(|route| {
        let (port, end) = rest_link();
        core.set_rest(TRADING, port);
        RestNet::new(config.market(), route, credentials, end)
    });
    if let Some(dir) = &config.journal {
        let small = JournalConfig {
            durability: Durability::None,
            segment_bytes: 1 << 20,
            segments_kept: 0,
            ..JournalConfig::default()
        };
        let (journal, _) = Journal::open(dir, small).expect("the journal opens");
        core.keep_journal(TRADING, journal).expect("it is new");
        let reader = Reader::open(dir).expect("it is there");
        core.set_earlier(TRADING, Earlier::read(&reader).expect("it can be read"));
    }
    let desk = DeskConfig {
        total: config.total,
        venue_rate: config.venue_rate,
        cl_ord_id_watermark: core.journal(TRADING).map_or(0, |j| j.state().cl_ord_id_watermark),
        reach: config.reach,
        recovery: config.recovery,
        second: None,
        rest: config.rest.as_ref().map(|route| route.policy),
        ..DeskConfig::new(MARKET_DATA, TRADING, config.instruments.clone(), config.depth)
    };
    let desk = Desk::new(&desk, clock.clone(), strategy).expect("the desk can be set up");
    let conductors = [TRADING, MARKET_DATA].map(|session| {
        let conductor = config.conductor(rng.u64(..));
        (session, Conductor::new(conductor, None, clock.now()))
    });
    (InlineEngine::new(desk, core, conductors.into(), clock, record), rest)
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
    sender: &str,
    credentials: Credentials,
    clock: Clock,
) -> SessionCore {
    let market = gateway::Market::from(config.market());
    let session = |service: Service| {
        let id = |text: &str| -> CompId { text.parse().expect("CompIDs are short") };
        let client = taut::kraken::session::client(id(sender), id(service.comp_id()));
        let (heartbeat_seconds, synchronise) = (config.heartbeat_seconds, config.synchronise);
        SessionConfig { heartbeat_seconds, synchronise, ..client }
    };
    let sessions = vec![
        (session(market.market_data()), Logon::MarketData),
        (session(market.trading()), Logon::trading(credentials, config.cancel_on_disconnect)),
    ];
    let symbols: Vec<Symbol> = config.instruments.iter().map(|one| one.symbol).collect();
    // Nobody looks at latencies: every stamp is the virtual time.
    let (traces, _) = rtrb::RingBuffer::new(1);
    SessionCore::new(sessions, &symbols, clock, traces)
}
