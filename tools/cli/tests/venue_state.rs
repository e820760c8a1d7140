//! `taut venue --state` as a process of its own: killed (kill -9) under an engine that trades, refused,
//! started clean. `TAUT_KILLS=N` for more kills than the usual ten.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

mod common;
#[path = "../../venue/tests/common/rollover.rs"]
mod rollover;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::child::Running;
use common::ports::free_base;
use common::skipped::skipped;
use rollover::wait_out_rollover;
use taut::config::EngineConfig;
use taut::kraken::logon::Credentials;
use taut::pipeline::Engine;
use taut::secret::Secret;
use taut::strategy::{Context, InstrumentId, OrderState, OrderUpdate, Strategy, TimerId};
use taut_codec::value::UtcTime;
use taut_venue::simulation::strategies::Storm;
use taut_venue::{Venue, VenueConfig};

/// Longest wait for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const ID: InstrumentId = InstrumentId(0);
const MS: u64 = 1_000_000;

fn venue(config: &Path, state: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taut"));
    command.arg("venue").arg("--config").arg(config).arg("--state").arg(state).args(more);
    command.env("TAUT_API_KEY", "APIKEY").env("TAUT_API_SECRET", "c2VjcmV0");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts a venue and waits until it listens. It takes steps from its standard input.
fn start(config: &Path, state: &Path, base: u16) -> Running {
    let base = base.to_string();
    let mut command = venue(config, state, &["--plain", "--child", "--base-port", &base]);
    let errors = state.with_extension("errors");
    command.stderr(std::fs::File::create(&errors).unwrap());
    let mut process = Running(command.spawn().unwrap());
    let mut ready = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let said = || std::fs::read_to_string(&errors).unwrap();
    assert!(ready.contains("spot-trading"), "{ready}{}", said());
    process
}

/// The end of a venue that does not run: its exit status is not 0; what it says.
fn refusal(command: &mut Command) -> String {
    let mut process = Running(command.spawn().unwrap());
    let deadline = Instant::now() + PATIENCE;
    while process.0.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it runs");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!process.0.wait().unwrap().success());
    let mut said = String::new();
    process.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    said
}

/// Numbers that look random; one seed, one row.
fn numbers(seed: u32) -> impl FnMut() -> u32 {
    let mut x = u64::from(seed) | 1 << 40;
    move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 16) as u32
    }
}

const CONFIG: &str = "[liquidity.synthetic]\nevents_per_second = 300\n[fees]\ncurrency = \"quote\"\n\
                      [[clients]]\nsender = \"TAUT\"\ntier = \"unlimited\"\n[clients.balances]\n\
                      BTC = \"100\"\nUSD = \"10000000\"\n";

fn write_config(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("venue.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// What the engine knows, for the test to look at.
#[derive(Default)]
struct Shown {
    /// OrderID, price, quantity, filled; of each open order.
    orders: Vec<(String, i64, i64, i64)>,
    uncertain: usize,
    position: i64,
    fills: u64,
}

#[derive(Default)]
struct Shared {
    calm: AtomicBool,
    commands: AtomicU64,
    shown: Mutex<Shown>,
}

/// A storm that keeps still when it is told to, and shows what it knows.
struct Trader {
    storm: Storm,
    shared: Arc<Shared>,
}

impl Trader {
    fn show(&self, ctx: &Context<'_>) {
        let open = ctx.open_orders().map(|order| {
            let px = order.px.map_or(0, |px| px.0);
            (order.order_id.to_string(), px, order.qty.0, order.cum.0)
        });
        let mut orders: Vec<_> = open.collect();
        orders.sort();
        let known = |state| matches!(state, OrderState::New | OrderState::PartiallyFilled);
        let uncertain = ctx.open_orders().filter(|order| !known(order.state)).count();
        let position = ctx.position(ID);
        *self.shared.shown.lock().unwrap() =
            Shown { orders, uncertain, position: position.qty, fills: position.fills };
    }

    fn wake(&self, ctx: &mut Context<'_>) {
        let at = UtcTime(ctx.now().0 + 20 * MS);
        ctx.set_timer(TimerId(1), at).unwrap();
    }
}

impl Strategy for Trader {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        self.wake(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, _: TimerId) {
        self.show(ctx);
        self.wake(ctx);
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, instrument: InstrumentId) {
        if !self.shared.calm.load(Ordering::Relaxed) {
            self.storm.on_book(ctx, instrument);
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        self.shared.commands.fetch_add(1, Ordering::Relaxed);
        if !self.shared.calm.load(Ordering::Relaxed) {
            self.storm.on_order(ctx, update);
        }
    }
}

fn engine_config(dir: &Path, base: u16, cancel_on_disconnect: bool) -> EngineConfig {
    let session = |port: u16, target: &str, reset: &str| {
        let port = base + port;
        format!(
            "host = '127.0.0.1'\nport = {port}\nsender = 'TAUT'\ntarget = '{target}'\n\
             heartbeat_seconds = 30\nreset = '{reset}'\n"
        )
    };
    let text = format!(
        "[path]\nlayout = 'inline'\nwire = 'busy-poll'\nidle = 'park'\n\
         [tls]\nenabled = false\nmode = 'record-layer'\n[market_data]\n{}[trading]\n{}\
         cancel_on_disconnect = {cancel_on_disconnect}\n\
         [instruments]\nsymbols = ['BTC/USD']\ndepth = 10\n\
         [risk]\nmax_order_qty = '100'\nmax_notional = '100000'\ncollar_bps = 5000\n\
         max_position = '100'\nmax_open_orders = 20\ncommands_per_second = 500\nburst = 50\n\
         [reconnect]\nfirst_ms = 10\nmax_ms = 100\nfailures_max = 0\nshort_lives_max = 0\n\
         [journal]\ndir = '{}'\ndurability = 'none'\n\
         [rollover]\nenabled = false\n",
        session(4000, "KRAKEN-MD", "always"),
        session(4001, "KRAKEN-TRD", "first-connect"),
        dir.display(),
    );
    EngineConfig::from_toml(&text).unwrap()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The venue as its state says, in this process.
fn look_into(config: &str, state: &Path) -> Venue {
    let mut config = VenueConfig::from_toml(config).unwrap();
    config.state.dir = Some(state.to_owned());
    let secret = |name: &str| match name {
        "TAUT_API_KEY" => Some("APIKEY".to_owned()),
        _ => Some("c2VjcmV0".to_owned()),
    };
    let now = taut::trace::Clock::system().now();
    Venue::with_secrets(&config, None, now, secret).unwrap()
}

/// Kills a venue again and again under an engine that trades. In the end both know the same orders, and the
/// engine has each fill once.
fn kill_and_compare(kills: u32, cancel_on_disconnect: bool) {
    wait_out_rollover(Duration::from_secs(30 + 2 * u64::from(kills)));
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), CONFIG);
    let (state, base) = (dir.path().join("state"), free_base());
    let mut process = start(&config, &state, base);
    let credentials = Credentials::new(Secret::new("APIKEY"), Secret::new("c2VjcmV0")).unwrap();
    let engine_config = engine_config(&dir.path().join("engine"), base, cancel_on_disconnect);
    let shared = Arc::new(Shared::default());
    let trader = Trader { storm: Storm::new(7, 4), shared: Arc::clone(&shared) };
    let engine = Engine::new(engine_config, credentials).unwrap().start(trader).unwrap();
    let mut random = numbers(kills);
    let commands = || shared.commands.load(Ordering::Relaxed);
    for kill in 0..kills {
        let before = commands();
        until(&format!("it trades before kill {kill}"), || commands() > before + 40);
        std::thread::sleep(Duration::from_micros(u64::from(random() % 30_000)));
        process.0.kill().unwrap();
        process.0.wait().unwrap();
        std::thread::sleep(Duration::from_micros(u64::from(random() % 100_000)));
        process = start(&config, &state, base);
    }
    let before = commands();
    until("it trades after the last kill", || commands() > before + 40);
    // Orders that stay, and then nothing moves any more.
    shared.calm.store(true, Ordering::Relaxed);
    writeln!(process.0.stdin.as_mut().unwrap(), "market BTC/USD maintenance").unwrap();
    let mut last = (Vec::new(), Instant::now());
    until("all that is known is known", || {
        let shown = shared.shown.lock().unwrap();
        if shown.orders != last.0 || shown.uncertain > 0 {
            last = (shown.orders.clone(), Instant::now());
        }
        last.1.elapsed() > Duration::from_secs(2)
    });
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    let known = std::mem::take(&mut *shared.shown.lock().unwrap());
    drop(engine);

    let venue = look_into(CONFIG, &state);
    let went_on = venue.went_on().unwrap();
    assert_eq!(went_on.torn_bytes, 0, "a record is whole as soon as it counts");
    if cancel_on_disconnect {
        // The orders of the session that was killed with its venue.
        assert_eq!(venue.open_orders("TAUT"), 0);
    } else {
        let spot = venue.engine();
        let there = known.orders.iter().filter_map(|(id, ..)| {
            let order = spot.order(spot.order_ref(id.as_bytes())?)?;
            Some((id.clone(), order.price.0, order.qty.0, order.cum.0))
        });
        assert_eq!(
            there.collect::<Vec<_>>(),
            known.orders,
            "its orders are there as it knows them"
        );
        assert_eq!(venue.open_orders("TAUT"), known.orders.len(), "and no others");
    }
    let btc = venue.balance("TAUT", "BTC").unwrap().total;
    let position = i128::from(known.position) * 10_i128.pow(10);
    assert_eq!(btc, 100 * 10_i128.pow(18) + position, "each fill is counted once by both");
    assert!(known.fills > u64::from(kills), "{}", known.fills);
    println!(
        "{kills} kills, 8674={}: {} reports and answers, {} fills, {} orders open at the end",
        u8::from(!cancel_on_disconnect),
        commands(),
        known.fills,
        known.orders.len()
    );
}

fn kills() -> u32 {
    std::env::var("TAUT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(10)
}

#[test]
fn a_venue_that_is_killed_under_a_trading_client_agrees_with_it_when_it_is_back() {
    kill_and_compare(kills(), false);
    kill_and_compare(kills().div_ceil(2), true);
}

#[test]
fn a_state_in_use_of_another_configuration_or_nowhere_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), CONFIG);
    let (state, base) = (dir.path().join("state"), free_base());
    let process = start(&config, &state, base);
    let said = refusal(&mut venue(&config, &state, &["--any-port"]));
    assert!(said.contains("another venue runs on this state"), "{said}");
    drop(process);
    let said = refusal(&mut venue(&config, &state, &["--any-port", "--seed", "9"]));
    assert!(said.contains("seed was 1, is 9") && said.contains("--fresh"), "{said}");
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let said = refusal(&mut venue(&config, &file.join("below"), &["--any-port"]));
    assert!(said.contains("below"), "{said}");
    // Another configuration starts clean if it is told to.
    let mut other = venue(&config, &state, &["--any-port", "--plain", "--seed", "9", "--fresh"]);
    let mut process = Running(other.spawn().unwrap());
    let mut said = String::new();
    let mut stderr = BufReader::new(process.0.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("a clean start"), "{said}");
    drop(process);
    let mut none = Command::new(env!("CARGO_BIN_EXE_taut"));
    none.args(["venue", "--fresh"]).stdout(Stdio::null()).stderr(Stdio::piped());
    assert!(refusal(&mut none).contains("--state"));
}

#[test]
fn a_state_that_cannot_be_written_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), CONFIG);
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    // In a mount namespace of its own, the directory is read-only, for root too.
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" || exit 77\n\
                  exec \"$2\" venue --config \"$3\" --state \"$1\" --any-port";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(&state).arg(env!("CARGO_BIN_EXE_taut")).arg(&config);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let Ok(output) = command.output() else {
        return skipped(format_args!("there is no unshare"));
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(77) || said.contains("unshare") {
        return skipped(format_args!("no mount namespace: {said}"));
    }
    assert!(!output.status.success());
    assert!(said.contains("state") && said.contains("Read-only"), "{said}");
}

#[test]
fn two_tests_at_once_get_ports_of_their_own() {
    let bases: Vec<u16> = std::thread::scope(|scope| {
        let tests: Vec<_> = (0..4).map(|_| scope.spawn(free_base)).collect();
        tests.into_iter().map(|test| test.join().unwrap()).collect()
    });
    for (i, one) in bases.iter().enumerate() {
        assert!(bases[i + 1..].iter().all(|other| one.abs_diff(*other) > 443), "{bases:?}");
    }
}
