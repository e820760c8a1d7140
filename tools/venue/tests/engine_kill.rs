//! A whole engine, in a process of its own, trades with the venue and is killed (kill -9) at random
//! moments. Reports arise while it is down: the venue then cancels what it has open (8674=0), or its
//! orders stay and somebody else trades with them (8674=1). Each life goes on from the journal of the one
//! before. After each kill the parent checks the journal; in the
//! end it holds it against what the venue has numbered, against its arrival log, and against every byte
//! that was on the wire. `TAUT_KILLS=N` for more kills than the usual two dozen.

#[path = "engine_kill/life.rs"]
mod life;
#[path = "engine_kill/markets.rs"]
mod markets;
#[path = "engine_kill/other.rs"]
mod other;
#[path = "common/rollover.rs"]
mod rollover;
#[path = "engine_kill/stored.rs"]
mod stored;
#[path = "engine_kill/tap.rs"]
mod tap;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use life::{live, orders_stay};
use markets::Markets;
use rollover::wait_out_rollover;
use stored::{Stored, last_number, reports, stored};
use tap::Tap;
use taut::journal::{Direction, Journal, JournalConfig, State};
use taut::kraken::logon::Credentials;
use taut::secret::Secret;
use taut::trace::Clock;
use taut_codec::scan::Field;
use taut_venue::Venue;
use taut_venue::config::{ClientConfig, TierName, VenueConfig};
use taut_venue::server::{Listen, Server};

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

/// The venue, which the parent drives itself.
struct World {
    server: Server,
    clock: Clock,
    /// Between the engine and the venue's trading ports, one for each market that it trades.
    taps: Vec<Tap>,
    /// What is traded, and for each market the ports of market data and of trading.
    ports: String,
}

impl World {
    fn new(dir: &Path, markets: Markets) -> Self {
        let mut config = VenueConfig::default();
        config.replay.journal = Some(dir.join("journal"));
        config.liquidity.synthetic.events_per_second = 2_000;
        // Else the storm is soon refused everything, or logged out for its errors, and nothing rests.
        for client in &mut config.clients {
            client.tier = TierName::Unlimited;
        }
        (config.derivatives_limits.tokens, config.derivatives_limits.rest_tokens) =
            (u32::MAX, u32::MAX);
        config.switches.derivatives_amends = true;
        config.switches.session.errors_per_second_max = 0;
        markets.supply(&mut config.liquidity);
        let other = ClientConfig {
            sender: other::SENDER.into(),
            tier: TierName::Unlimited,
            ..ClientConfig::default()
        };
        config.clients.push(other);
        let clock = Clock::system();
        let secrets =
            |name: &str| Some(if name.ends_with("KEY") { "APIKEY" } else { "c2VjcmV0" }.to_owned());
        let venue = Venue::with_secrets(&config, None, clock.now(), secrets).expect("it is good");
        let mut server =
            Server::bind(venue, None, &Listen::loopback(), clock.clone()).expect("free ports");
        server.log_arrivals(&dir.join("arrivals")).expect("it can be written");
        let port = |service| server.address_of(service).expect("it listens").port();
        let (mut taps, mut ports) = (Vec::new(), markets.name().to_owned());
        for traded in markets.traded() {
            let tap = Tap::before(port(traded.market.trading())).expect("a free port");
            ports += &format!(" {} {}", port(traded.market.market_data()), tap.port());
            taps.push(tap);
        }
        Self { server, clock, taps, ports }
    }

    /// Runs the venue until `done` says so; `false` if that takes too long.
    fn until(&mut self, patience: Duration, mut done: impl FnMut(&mut Venue) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        while !done(self.server.venue()) {
            if Instant::now() > deadline {
                return false;
            }
            let worked = self.server.step().expect("the arrival log can be written");
            if !worked {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        true
    }

    /// A life of the test of this name.
    fn start(&self, name: &str, dir: &Path, seed: u64) -> Child {
        Command::new(std::env::current_exe().expect("there is one"))
            .args(["--exact", name, "--nocapture", "--quiet"])
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
        let taps = self.taps.clone();
        let gone = |venue: &mut Venue| {
            taps.iter().all(|tap| tap.open() == 0) && venue.stats().connections == 0
        };
        assert!(self.until(PATIENCE, gone));
    }

    fn pass(&mut self, time: Duration) {
        let until = Instant::now() + time;
        self.until(PATIENCE, |_| Instant::now() >= until);
    }

    /// Somebody else trades with what rests.
    fn sweep(&mut self) {
        other::sweep(self.server.venue(), &credentials(), self.clock.now());
        self.pass(Duration::from_millis(2));
    }

    fn is_up(&mut self) -> bool {
        let sessions = 2 * self.taps.len();
        self.until(PATIENCE, |venue| venue.stats().sessions_up == sessions)
    }

    /// Waits for a command on each market.
    fn trades(&mut self) -> bool {
        let taps = self.taps.clone();
        let before: Vec<usize> = taps.iter().map(Tap::commands).collect();
        self.until(PATIENCE, |_| taps.iter().zip(&before).all(|(tap, &n)| tap.commands() > n))
    }
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

/// No command was on the wire twice, whatever the venue made of it; and what is in its arrival log, once
/// each, was on the wire.
fn check_wire(tap: &Tap, sender: &str, log: &str) -> usize {
    let mut fields = vec![Field::default(); 256];
    let mut wire = Vec::new();
    for bytes in tap.messages() {
        let one = Stored::read(0, &bytes, &mut fields);
        if !one.ids.1.is_empty() {
            assert!(!one.poss_dup, "a command again: {one:?}");
            wire.push(one.ids.1);
        }
    }
    let once: BTreeSet<_> = wire.iter().collect();
    assert_eq!(once.len(), wire.len(), "a ClOrdID was on the wire twice");
    let ours = log.lines().filter(|line| line.split(' ').next() == Some(sender));
    let ids: Vec<&str> = ours.filter_map(|line| line.split(' ').nth(3)).collect();
    let arrived: BTreeSet<_> = ids.iter().collect();
    assert_eq!(arrived.len(), ids.len(), "a ClOrdID arrived twice");
    assert!(ids.iter().all(|id| once.contains(&id.as_bytes().to_vec())));
    ids.len()
}

#[test]
fn a_killed_engine_loses_no_report_and_sends_no_order_twice() {
    if let Ok(dir) = std::env::var(DIR) {
        live(&dir);
    }
    let kills = std::env::var("TAUT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(24u64);
    wait_out_rollover(Duration::from_secs(20 + kills / 2));
    let (ours, theirs) = (tempfile::tempdir(), tempfile::tempdir());
    let (ours, theirs) = (ours.expect("a directory"), theirs.expect("a directory"));
    let trading = ours.path().join("trading");
    let venue_journal = theirs.path().join("journal/TAUT");
    let mut world = World::new(theirs.path(), Markets::Spot);
    let mut random = fastrand::Rng::with_seed(kills);
    let mut state = State::START;
    // Lives by how far they came for certain; reports that arose between lives; numbers of the reports of
    // trades that nobody of ours was there for.
    let (mut early, mut up, mut traded, mut while_down) = (0, 0, 0, 0);
    let mut swept: Vec<RangeInclusive<u64>> = Vec::new();
    for kill in 0..kills {
        let stays = orders_stay(kill + 1);
        let child = world.start(NAME, ours.path(), kill + 1);
        let aim = random.u8(..4);
        // A quarter dies while it starts, dials, logs on or reads its journal.
        early += u64::from(aim == 0);
        if aim > 0 {
            assert!(world.is_up(), "life {kill} did not log on to both services");
        }
        // A quarter soon after the logon, before or after its first command; half while it trades.
        up += u64::from(aim == 1);
        if aim > 1 {
            assert!(world.trades(), "life {kill} did not trade");
        }
        world.pass(Duration::from_micros(random.u64(..60_000)));
        if aim > 1 && stays {
            let rests = world.until(PATIENCE, |venue| venue.open_orders("TAUT") > 0);
            assert!(rests, "life {kill} has no order that could stay");
        }
        let before = world.server.venue().stats().replay.kept;
        world.kill(child);
        let next = check(&trading, state);
        if aim > 1 {
            traded += 1;
            assert!(next.next_out > state.next_out + 1, "a Logon, and something behind it");
        }
        state = next;
        if aim > 1 && stays {
            let first = last_number(&venue_journal) + 1;
            world.sweep();
            swept.push(first..=last_number(&venue_journal));
        }
        world.pass(Duration::from_micros(random.u64(..60_000)));
        while_down += world.server.venue().stats().replay.kept - before;
    }
    // The last life only listens: it gets what is left. The market goes on, so both are looked at at once.
    let child = world.start(NAME, ours.path(), 0);
    let look = || {
        let sent = stored(&venue_journal, Direction::Out);
        (stored(&trading, Direction::In), sent)
    };
    let (mut look_at, mut seen) = (Instant::now(), (Vec::new(), Vec::new()));
    let complete = world.until(PATIENCE, |venue| {
        if venue.stats().sessions_up < 2 || Instant::now() < look_at {
            return false;
        }
        seen = look();
        look_at = Instant::now() + Duration::from_millis(100);
        reports(&seen.0, true) == reports(&seen.1, false)
    });
    world.kill(child);
    let (got, sent) = seen;
    let owed = reports(&sent, false);
    assert!(complete, "{} of {} reports", reports(&got, true).len(), owed.len());
    let exec_ids: BTreeSet<_> = owed.iter().filter(|(_, id)| !id.is_empty()).collect();
    assert!(exec_ids.len() as u64 > kills, "there was trade: {}", exec_ids.len());
    // Each once is said above; here: by replay, and among them those that nobody was there for.
    let replayed = got.iter().filter(|one| one.poss_dup && one.msg_type != b"4").count() as u64;
    assert!(replayed >= while_down, "{replayed} by replay, {while_down} arose while it was down");
    assert!(replayed > 0, "no report was missed");
    let missed = |one: &&Stored| {
        one.fill && !one.poss_dup && swept.iter().any(|numbers| numbers.contains(&one.seq))
    };
    let fills: Vec<_> = sent.iter().filter(missed).collect();
    assert!(!fills.is_empty(), "nobody traded with a resting order of a dead engine");
    for fill in &fills {
        let told: Vec<_> = got.iter().filter(|one| one.ids.0 == fill.ids.0).collect();
        assert!(told.len() == 1 && told[0].fill && told[0].poss_dup, "{fill:?}: {told:?}");
    }
    let stats = world.server.venue().stats();
    assert_eq!((stats.reports_lost, stats.replay.journal_failures), (0, 0));

    let tap = world.taps[0].clone();
    // The log is written to its end.
    drop(world);
    let log = std::fs::read_to_string(theirs.path().join("arrivals")).expect("it was written");
    let arrived = check_wire(&tap, "TAUT", &log);
    println!(
        "{kills} kills: {early} while starting, {up} after logon, {traded} while trading; {arrived} \
         commands arrived, each once; {} reports came, each once, {replayed} of them by replay, of \
         which {while_down} arose while the engine was down, {} of these fills by somebody else",
        owed.len(),
        fills.len()
    );
}
