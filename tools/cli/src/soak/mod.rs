//! `taut venue soak`: a thousand sessions on loopback for a while. Does each of them get all that it should,
//! in order, and does the venue's memory stand still?
//!
//! The venue runs in a process of its own, so that its resident memory is its own. Some clients trade: each
//! places an order far from the market, cancels it when it lives, and goes on. All watch the book. Memory is
//! looked at once the memories of reports, which are bounded, have been written over whole.

mod session;

use std::ffi::OsStr;
use std::io::Write;
use std::time::{Duration, Instant};

use clap::Args;
use taut::kraken::logon::Credentials;
use taut::secret::Secret;
use taut::wire::tls::{ClientTls, TlsMode, Trust};
use taut_codec::scan::Field;

use crate::Failure;
use crate::demo::child::{self, Venue};
use session::{Counts, Door, Session};

/// What to soak, and for how long.
#[derive(Debug, Args)]
pub struct SoakArgs {
    /// Sessions, of market data and of trading
    #[arg(long, default_value_t = 1000)]
    sessions: u16,
    /// How many of them trade
    #[arg(long, default_value_t = 200)]
    traders: u16,
    /// For how long memory is looked at
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// Longest time for all to log on, and again to write over what the venue keeps of reports
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    patience: u64,
    /// Orders a second, each cancelled
    #[arg(long, default_value_t = 3000)]
    rate: u32,
    /// Events a second of the synthetic market that all watch
    #[arg(long, default_value_t = 10)]
    events: u32,
    /// Plain TCP
    #[arg(long)]
    plain: bool,
}

/// Orders of a trader after which the reports of its earlier ones are forgotten: three reports each, of
/// some 270 bytes, are more than the one MiB and the 4096 messages that the venue keeps.
const ORDERS_TO_FILL: u64 = 1_500;
/// By how much memory may grow from the first to the last look, and still be called flat: 1 %, and what an
/// allocator may take at once.
const GROWTH_PERCENT: u64 = 1;
const GROWTH_KIB: u64 = 4 * 1024;
/// Longest time for the sessions to finish what is under way at the end.
const DRAIN: Duration = Duration::from_secs(30);

/// A look at the venue and its sessions.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Since all had logged on, seconds.
    at: f64,
    /// Resident memory of the venue's process, KiB.
    resident: u64,
    counts: Counts,
}

/// Runs, prints a line every few seconds, and says at the end what did not hold.
pub fn run(args: &SoakArgs) -> Result<(), Failure> {
    if args.traders == 0 || args.sessions <= args.traders || args.rate == 0 {
        let why = "at least one session has to trade, and at least one to watch";
        return Err(Failure::Usage(why.into()));
    }
    let watchers = args.sessions - args.traders;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("venue.toml");
    std::fs::write(&file, configuration(args))?;
    let (key, secret) = (Secret::new("SOAK"), Secret::new("c29hayBzb2FrIHNvYWs="));
    let rate = args.events.to_string();
    let mut options: Vec<&OsStr> = vec!["--config".as_ref(), file.as_os_str()];
    let words = ["--any-port", "--no-rate-limits", "--rate", &rate];
    options.extend(words.map(OsStr::new));
    if args.plain {
        options.push("--plain".as_ref());
    }
    let process = child::Process::default();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let venue = Venue::start(&options, &key, &secret, process.clone(), &stop)?;
    let pid = process.id().ok_or_else(|| std::io::Error::other("the venue is gone"))?;
    let alone = resident(pid)?;
    let tls = match &venue.ready.certificate_pem {
        None => None,
        Some(pem) => {
            let made = ClientTls::new(Trust::Pem(pem.clone().into_bytes()), TlsMode::RecordLayer);
            Some(made.map_err(|error| Failure::Usage(error.to_string()))?)
        }
    };
    let door = |service: &str| -> Result<Door<'_>, Failure> {
        Ok(Door { address: venue.address(service)?, tls: tls.as_ref() })
    };
    let (trading, market_data) = (door("spot-trading")?, door("spot-market-data")?);
    let credentials = Credentials::new(key, secret)?;
    let mut pool = Pool::default();
    let began = Instant::now();
    let pause = Duration::from_secs(1) * u32::from(args.traders) / args.rate;
    for number in 0..args.sessions {
        let sender =
            format!("SOAK{:04}", if number < watchers { number } else { number - watchers });
        pool.sessions.push(if number < watchers {
            Session::watcher(&market_data, &sender)?
        } else {
            Session::trader(&trading, &sender, &credentials, pause)?
        });
        pool.turn();
    }
    let patience = Duration::from_secs(args.patience);
    pool.until(began + patience, |counts| counts.up == u64::from(args.sessions));
    println!(
        "{} sessions up in {:.1} s ({watchers} watch, {} trade); the venue: {} MiB before, {} MiB now",
        pool.counts().up,
        began.elapsed().as_secs_f64(),
        args.traders,
        alone >> 10,
        resident(pid)? >> 10
    );
    let began = Instant::now();
    println!("{:>8} {:>12} {:>12} {:>12} {:>6}", "s", "resident KiB", "orders", "updates", "up");
    let look = |pool: &Pool| -> Result<Sample, Failure> {
        let at = began.elapsed().as_secs_f64();
        Ok(Sample { at, resident: resident(pid)?, counts: pool.counts() })
    };
    let mut samples = Vec::new();
    let mut measured: Option<Instant> = None;
    loop {
        pool.until(Instant::now() + Duration::from_secs(1), |_| false);
        let sample = look(&pool)?;
        let filled = sample.counts.fewest_orders >= ORDERS_TO_FILL;
        if samples.is_empty() || (sample.at as u64).is_multiple_of(5) || filled {
            let Sample { at, resident, counts } = sample;
            let mark = if filled { "" } else { "  (filling)" };
            let Counts { orders, updates, up, .. } = counts;
            println!("{at:>8.1} {resident:>12} {orders:>12} {updates:>12} {up:>6}{mark}");
            std::io::stdout().flush()?;
        }
        if filled {
            samples.push(sample);
            let since = *measured.get_or_insert_with(Instant::now);
            if since.elapsed() >= Duration::from_secs(args.seconds) {
                break;
            }
        } else if began.elapsed() > patience {
            break;
        }
    }
    pool.sessions.iter_mut().for_each(Session::finish);
    pool.until(Instant::now() + DRAIN, |counts| counts.under_way == 0);
    let counts = pool.counts();
    let faults = faults(args, &samples, &counts, &pool);
    pool.sessions.clear();
    let left = venue.stop()?.open_orders;
    report(&samples, &counts);
    for fault in &faults {
        println!("FAULT: {fault}");
    }
    if left > 0 {
        println!("FAULT: {left} orders were open at the end");
    }
    if faults.is_empty() && left == 0 { Ok(()) } else { Err(Failure::Invariant) }
}

fn report(samples: &[Sample], counts: &Counts) {
    if let [first, .., last] = samples {
        let time = last.at - first.at;
        let orders = last.counts.orders - first.counts.orders;
        let updates = last.counts.updates - first.counts.updates;
        println!(
            "resident {} KiB, then {} KiB {time:.0} s later; {:.0} orders and as many cancels, {:.0} updates a second",
            first.resident,
            last.resident,
            orders as f64 / time,
            updates as f64 / time,
        );
    }
    println!(
        "{} orders, {} updates, {} sessions up at the end",
        counts.orders, counts.updates, counts.up
    );
}

/// What does not hold, in words.
fn faults(args: &SoakArgs, samples: &[Sample], counts: &Counts, pool: &Pool) -> Vec<String> {
    let mut faults: Vec<String> = pool.sessions.iter().filter_map(Session::fault).collect();
    if counts.up != u64::from(args.sessions) {
        faults.push(format!("{} of {} sessions are up", counts.up, args.sessions));
    }
    if counts.under_way > 0 {
        faults.push(format!("{} orders were not answered", counts.under_way));
    }
    if counts.fewest_updates == 0 {
        faults.push("a session got no update of the book".into());
    }
    match samples {
        [first, .., last] => {
            let most = first.resident + first.resident * GROWTH_PERCENT / 100 + GROWTH_KIB;
            let highest = samples.iter().map(|one| one.resident).max().unwrap_or_default();
            if highest > most {
                faults.push(format!(
                    "memory is not flat: {} KiB, at most {highest} KiB, {} KiB at last",
                    first.resident, last.resident
                ));
            }
        }
        _ => faults.push("the reports did not fill what the venue keeps of them in time".into()),
    }
    faults
}

/// Clients without limits, each with an account of its own.
fn configuration(args: &SoakArgs) -> String {
    let mut text = String::from("[replay]\nmessages = 4096\nmib = 1\n");
    for number in 0..(args.sessions - args.traders).max(args.traders) {
        text += &format!("[[clients]]\nsender = \"SOAK{number:04}\"\ntier = \"unlimited\"\n");
    }
    text
}

/// Resident memory of a process, KiB.
fn resident(pid: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
    kib.ok_or_else(|| std::io::Error::other("the venue is gone").into())
}

/// All sessions, moved by one thread.
struct Pool {
    sessions: Vec<Session>,
    buffer: Vec<u8>,
    fields: Vec<Field>,
}

impl Default for Pool {
    fn default() -> Self {
        let fields = vec![Field::default(); taut::limits::FIELDS_MAX];
        Self { sessions: Vec::new(), buffer: vec![0; 64 * 1024], fields }
    }
}

impl Pool {
    fn counts(&self) -> Counts {
        Counts::of(&self.sessions)
    }

    /// One round. Returns whether anything came or went.
    fn turn(&mut self) -> bool {
        let Self { sessions, buffer, fields } = self;
        let now = Instant::now();
        let mut worked = false;
        for session in sessions {
            worked |= session.turn(now, buffer, fields);
        }
        worked
    }

    /// Goes on until something is so, or until then at the latest.
    fn until(&mut self, end: Instant, so: impl Fn(&Counts) -> bool) {
        let mut looked = Instant::now();
        while Instant::now() < end {
            if !self.turn() {
                std::thread::sleep(Duration::from_millis(1));
            }
            if looked.elapsed() > Duration::from_millis(100) {
                looked = Instant::now();
                if so(&self.counts()) {
                    return;
                }
            }
        }
    }
}
