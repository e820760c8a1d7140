//! A whole engine, in a process of its own, trades with the venue and is killed (kill -9) at random
//! moments. Each life goes on from the journal of the one before. After each kill the parent checks the
//! journal; in the end it holds it against what the venue has numbered and what arrived there.
//! `TAUT_KILLS=N` for more kills than the usual two dozen.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use taut::config::EngineConfig;
use taut::journal::{Direction, EntryKind, Journal, JournalConfig, Reader, State};
use taut::kraken::logon::Credentials;
use taut::pipeline::{Engine, IdlePolicy};
use taut::secret::Secret;
use taut::strategy::Strategy;
use taut::trace::Clock;
use taut::wire::WireKind;
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_venue::config::VenueConfig;
use taut_venue::server::{Listen, Server};
use taut_venue::simulation::strategies::Storm;
use taut_venue::{Service, Venue};

/// Set in the child: the journal's directory, the ports, and the seed of its storm; 0: it only listens.
const DIR: &str = "TAUT_ENGINE_KILL_DIR";
const PORTS: &str = "TAUT_ENGINE_KILL_PORTS";
const SEED: &str = "TAUT_ENGINE_KILL_SEED";

const NAME: &str = "a_killed_engine_loses_no_report_and_sends_no_order_twice";
/// How long the parent waits for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn credentials() -> Credentials {
    Credentials::new(Secret::new("APIKEY"), Secret::new("c2VjcmV0")).expect("good ones")
}

fn engine_config(dir: &str, market_data: &str, trading: &str) -> EngineConfig {
    let session = |port: &str, target: &str, reset: &str| {
        format!(
            "host = '127.0.0.1'\nport = {port}\nsender = 'TAUT'\ntarget = '{target}'\n\
             heartbeat_seconds = 30\nreset = '{reset}'\n"
        )
    };
    let text = format!(
        "[path]\nlayout = 'inline'\nwire = 'busy-poll'\nidle = 'park'\n\
         [tls]\nenabled = false\nmode = 'record-layer'\n[market_data]\n{}[trading]\n{}\
         [instruments]\nsymbols = ['BTC/USD']\ndepth = 10\n\
         [risk]\nmax_order_qty = '100'\nmax_notional = '100000'\ncollar_bps = 5000\n\
         max_position = '100'\nmax_open_orders = 20\ncommands_per_second = 500\nburst = 50\n\
         [journal]\ndir = '{dir}'\ndurability = 'none'\nsegment_mib = 1\nsegments_kept = 0\n\
         [rollover]\nenabled = false\n",
        session(market_data, "KRAKEN-MD", "always"),
        session(trading, "KRAKEN-TRD", "never"),
    );
    EngineConfig::from_toml(&text).expect("a good configuration")
}

/// Does nothing.
struct Listener;

impl Strategy for Listener {}

/// The child: trades until it is killed.
fn live(dir: &str) -> ! {
    let ports = std::env::var(PORTS).expect("the parent sets it");
    let (market_data, trading) = ports.split_once(' ').expect("two of them");
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let engine = Engine::new(engine_config(dir, market_data, trading), credentials());
    let engine = engine.expect("a good configuration");
    if seed == 0 {
        let running = engine.start(Listener).expect("the venue is there");
        drop(running.join());
    } else {
        let running = engine.start(Storm::new(seed, 4)).expect("the venue is there");
        drop(running.join());
    }
    // Only a lost venue ends the engine.
    std::process::exit(3)
}

/// The venue, which the parent drives itself.
struct World {
    server: Server,
    ports: String,
}

impl World {
    fn new(journal: &Path) -> Self {
        let mut config = VenueConfig::default();
        config.replay.journal = Some(journal.to_owned());
        config.liquidity.synthetic.events_per_second = 2_000;
        let clock = Clock::system();
        let secrets =
            |name: &str| Some(if name.ends_with("KEY") { "APIKEY" } else { "c2VjcmV0" }.to_owned());
        let venue = Venue::with_secrets(&config, None, clock.now(), secrets).expect("it is good");
        let listen = Listen {
            address: [127, 0, 0, 1].into(),
            base_port: None,
            allow_remote: false,
            wire: WireKind::BusyPoll,
            idle: IdlePolicy::Park,
        };
        let server = Server::bind(venue, None, &listen, clock).expect("free ports");
        let addresses = server.addresses().expect("it listens");
        let port = |wanted| {
            let found = addresses.iter().find(|(service, _)| *service == wanted);
            found.expect("it listens on every service").1.port()
        };
        let ports = format!("{} {}", port(Service::SpotMarketData), port(Service::SpotTrading));
        Self { server, ports }
    }

    /// Runs the venue until `done` says so; `false` if that takes too long.
    fn until(&mut self, patience: Duration, mut done: impl FnMut(&mut Venue) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        while !done(self.server.venue()) {
            if Instant::now() > deadline {
                return false;
            }
            let worked = self.server.step().expect("there is no arrival log to fail");
            if !worked {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        true
    }

    fn start(&self, dir: &Path, seed: u64) -> Child {
        Command::new(std::env::current_exe().expect("there is one"))
            .args(["--exact", NAME, "--nocapture", "--quiet"])
            .env(DIR, dir)
            .env(PORTS, &self.ports)
            .env(SEED, seed.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts")
    }

    /// Kills a child and waits until the venue has seen the end of its connections.
    fn kill(&mut self, mut child: Child) {
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
        assert!(self.until(PATIENCE, |venue| venue.stats().connections == 0));
    }
}

/// A message of a trading session's journal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stored {
    seq: u64,
    msg_type: Vec<u8>,
    /// ExecID(17) and ClOrdID(11), as far as it has them.
    ids: (Vec<u8>, Vec<u8>),
    poss_dup: bool,
}

fn stored(dir: &Path, wanted: Direction) -> Vec<Stored> {
    let Ok(reader) = Reader::open(dir) else { return Vec::new() };
    let mut fields = vec![Field::default(); 256];
    let mut all = Vec::new();
    for &number in reader.segments() {
        let segment = reader.segment(number).expect("it reads");
        for entry in segment.entries() {
            let EntryKind::Message { direction, seq, bytes, .. } = entry.kind else { continue };
            if direction != wanted {
                continue;
            }
            let count = Scanner::new().index(bytes, &mut fields).expect("it indexes");
            let message = Message::new(bytes, &fields[..count]);
            let get = |tag| message.get(tag).unwrap_or_default().to_vec();
            all.push(Stored {
                seq,
                msg_type: message.msg_type().to_vec(),
                ids: (get(17), get(11)),
                poss_dup: message.flag(43),
            });
        }
    }
    all
}

/// Of the venue's messages, those that a client has a right to: reports and refusals.
fn reports(stored: &[Stored], twice: bool) -> Vec<(u64, Vec<u8>)> {
    let wanted = |one: &&Stored| matches!(one.msg_type.as_slice(), b"8" | b"j" | b"9" | b"r");
    let wanted = stored.iter().filter(wanted).filter(|one| twice || !one.poss_dup);
    wanted.map(|one| (one.seq, one.ids.0.clone())).collect()
}

/// What must hold after each kill.
fn check(dir: &Path, before: State) -> State {
    let config =
        JournalConfig { segment_bytes: 1 << 20, segments_kept: 0, ..JournalConfig::default() };
    let (journal, recovered) = Journal::open(dir, config).expect("it opens");
    assert!(recovered.lost.is_empty());
    assert!(recovered.torn.is_none_or(|torn| torn.records == 0), "a kill loses no whole record");
    let state = journal.state();
    assert!(state.epoch == before.epoch, "nobody asked for a reset");
    assert!(state.next_in >= before.next_in && state.next_out >= before.next_out, "{state:?}");
    assert!(state.cl_ord_id_watermark >= before.cl_ord_id_watermark, "{state:?}");
    if state.next_out > before.next_out {
        assert!(state.nonce > before.nonce, "each Logon has a nonce of its own, above the last");
    }
    let sent = stored(dir, Direction::Out);
    let first: Vec<_> = sent.iter().filter(|one| !one.poss_dup).collect();
    assert!(first.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "contiguous");
    let commands = sent.iter().filter(|one| !one.ids.1.is_empty());
    let ids: Vec<&Vec<u8>> = commands.map(|one| &one.ids.1).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "ClOrdIDs rise, across lives too");
    assert!(sent.iter().all(|one| !one.poss_dup || one.msg_type == b"4"), "only gap fills again");
    let got = reports(&stored(dir, Direction::In), true);
    assert!(got.windows(2).all(|pair| pair[0].0 < pair[1].0), "each report once, in order");
    state
}

#[test]
fn a_killed_engine_loses_no_report_and_sends_no_order_twice() {
    if let Ok(dir) = std::env::var(DIR) {
        live(&dir);
    }
    let kills = std::env::var("TAUT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(24u64);
    let (ours, theirs) = (tempfile::tempdir(), tempfile::tempdir());
    let (ours, theirs) = (ours.expect("a directory"), theirs.expect("a directory"));
    let trading = ours.path().join("trading");
    let mut world = World::new(theirs.path());
    let mut random = fastrand::Rng::with_seed(kills);
    let mut state = State::START;
    let (mut traded, mut grew) = (0, 0);
    for kill in 0..kills {
        let child = world.start(ours.path(), kill + 1);
        // Most lives get as far as trading; some die while they dial, log on or read their journal.
        if random.u8(..4) > 0 {
            let up = world.until(PATIENCE, |venue| venue.stats().sessions_up == 2);
            assert!(up, "life {kill} did not log on to both services");
            traded += 1;
        }
        let until = Instant::now() + Duration::from_micros(random.u64(..60_000));
        world.until(PATIENCE, |_| Instant::now() >= until);
        world.kill(child);
        let next = check(&trading, state);
        // A Logon, and something behind it.
        grew += u64::from(next.next_out > state.next_out + 1);
        state = next;
    }
    // The last life only listens: it gets what is left.
    let child = world.start(ours.path(), 0);
    let venue_journal = theirs.path().join("TAUT");
    let owed = |theirs: &Path| reports(&stored(theirs, Direction::Out), false);
    let mut look_at = Instant::now();
    let complete = world.until(PATIENCE, |venue| {
        if venue.stats().sessions_up < 2 || Instant::now() < look_at {
            return false;
        }
        look_at = Instant::now() + Duration::from_millis(200);
        reports(&stored(&trading, Direction::In), true).len() == owed(&venue_journal).len()
    });
    world.kill(child);
    let (got, owed) = (reports(&stored(&trading, Direction::In), true), owed(&venue_journal));
    assert!(complete && got == owed, "{} of {} reports", got.len(), owed.len());
    let exec_ids: BTreeSet<_> = owed.iter().filter(|(_, id)| !id.is_empty()).collect();
    assert!(exec_ids.len() as u64 > kills, "there was trade: {}", exec_ids.len());

    let arrivals = stored(&venue_journal, Direction::In);
    let arrivals: Vec<_> = arrivals.iter().filter(|one| !one.ids.1.is_empty()).collect();
    assert!(arrivals.windows(2).all(|pair| pair[0].seq < pair[1].seq), "none arrives twice");
    assert!(arrivals.iter().all(|one| !one.poss_dup));
    let ids: BTreeSet<&Vec<u8>> = arrivals.iter().map(|one| &one.ids.1).collect();
    assert_eq!(ids.len(), arrivals.len(), "no ClOrdID arrives twice");
    let replayed = world.server.venue().stats().replay.kept;
    println!(
        "{kills} kills, {traded} of them while logged on, {grew} lives that sent commands; {} commands \
         arrived once, {} reports came once, {replayed} of them arose while the engine was down",
        arrivals.len(),
        owed.len()
    );
    assert!(grew * 6 > kills, "many lives got to trade: {grew} of {kills}");
}
