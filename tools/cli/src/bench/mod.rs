//! `taut bench`: latency and throughput through the whole path and the venue, in rounds, each with a
//! spinning echo beside it, because only ratios taken in one round compare.

mod alone;
mod case;
mod echo;
mod host;
mod html;
mod load;
mod recommend;
mod report;
mod time_line;

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use taut::pipeline::{Layout, available_cores};
use taut::trace::Row;
use taut::wire::WireKind;
use taut::wire::tls::TlsMode;

use self::case::{Case, Measured, Tls};
use self::echo::Pair;
use self::host::Host;
use self::load::Load;
use self::report::Report;
use crate::demo::child::{ChildError, Process};
use crate::demo::interrupt;
use crate::demo::place::Place;
use crate::{Failure, kebab};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Order to report, one order at a time
    RoundTrip,
    /// Order to report at a fixed rate, each order timed from when it was due
    Open,
    /// Orders answered a second with many unanswered
    Throughput,
    /// Market data to order
    Tick,
    /// Order to report on every wire that this host has; says which to take. `xdp` needs root, and goes over
    /// virtual interfaces
    Wires,
    /// The engine alone, and the venue alone: joined by memory in one thread, each timed while the other
    /// waits, without TLS. With `--layout split` the strategy has a second core; then the way through a ring too
    Engine,
}

/// What can be said on the command line.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// What to measure
    #[arg(value_enum, default_value = "round-trip")]
    what: What,
    /// Rounds [default: 5]; in each every case runs once, in turn, after an echo
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Length of a case in a round, seconds
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Wires [default: busy-poll,uring; of `wires` all]: uring, busy-poll, mio; xdp, which needs root and TLS,
    /// over virtual interfaces
    #[arg(long, value_delimiter = ',')]
    wire: Vec<WireKind>,
    /// Layouts: inline, split, full
    #[arg(long, value_delimiter = ',', value_parser = kebab::<Layout>, default_values = ["inline"])]
    layout: Vec<Layout>,
    /// What is around the bytes [default: plain,record-layer]: plain, record-layer (ours) or rustls
    #[arg(long, value_delimiter = ',', value_parser = tls)]
    tls: Vec<Tls>,
    /// Begin the path in the kernel: the engine's stage `recv` is then the wait since the kernel took the bytes.
    /// Not on xdp
    #[arg(long)]
    kernel_stamps: bool,
    /// Orders a second of `open`
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    per_second: u32,
    /// Unanswered orders of `throughput`
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1024))]
    outstanding: u32,
    /// Market data events a second; 1000 for `tick`, else 10
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Of `engine`: play so many orders and measure nothing; for `bench/instructions-path.sh`
    #[arg(long, hide = true, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    orders: Option<u64>,
    /// Print the result for machines
    #[arg(long)]
    json: bool,
    /// Write a page with charts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

fn tls(text: &str) -> Result<Tls, String> {
    if text == "plain" { Ok(None) } else { kebab::<TlsMode>(text).map(Some) }
}

/// One round.
#[derive(Debug, Serialize)]
pub struct Round {
    /// The floor; `None` on one core.
    pub echo: Option<Row>,
    /// A result for each case, in their order.
    pub cases: Vec<Measured>,
}

/// The echo of a round is shorter than a case: it has as many samples in less time.
const ECHO: Duration = Duration::from_millis(500);

/// Rounds that are played unless the command line says how many.
const ROUNDS: u32 = 5;

/// Measures and prints. Succeeds only if every run was as it should be.
pub fn run(args: &BenchArgs) -> Result<(), Failure> {
    if args.what == What::Engine {
        return engine(args);
    }
    let cases = cases(args)?;
    // Before anything is measured: a page that cannot be written must not cost the figures.
    let page = args.html.as_deref().map(Page::open).transpose()?;
    let scratch = tempfile::tempdir()?;
    let process = Process::default();
    let stop = interrupt::watch(process.clone(), scratch.path().to_owned())?;
    let pair = pair();
    let host = Host::read(pair.map(echo::cache_line).transpose()?);
    let mut rounds = Vec::new();
    for round in 1..=args.rounds.unwrap_or(ROUNDS) {
        rounds.push(play(args, &cases, pair, round, &process, &stop)?);
    }
    let report = Report::new(args.what, host, cases, rounds);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    if let Some(page) = page {
        page.write(&html::page(&report))?;
    }
    if report.holds() { Ok(()) } else { Err(Failure::Invariant) }
}

/// The file that `--html` names.
struct Page<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> Page<'a> {
    /// Makes sure that it can be written. What it holds stays until there is something else to write.
    fn open(path: &'a Path) -> Result<Self, Failure> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
        let file = file.map_err(|error| Failure::File { path: path.into(), error })?;
        Ok(Self { path, file })
    }

    fn write(mut self, text: &str) -> Result<(), Failure> {
        let failure = |error| Failure::File { path: self.path.into(), error };
        self.file.write_all(text.as_bytes()).map_err(failure)?;
        // A terminal or a pipe has no length, and nothing older behind what was written.
        if self.file.metadata().map_err(failure)?.is_file() {
            self.file.set_len(text.len() as u64).map_err(failure)?;
        }
        Ok(())
    }
}

/// `engine`: `--seconds` for each load, `--outstanding` for the one with many unanswered.
fn engine(args: &BenchArgs) -> Result<(), Failure> {
    let given = [
        ("--rounds", args.rounds.is_some()),
        ("--wire", !args.wire.is_empty()),
        ("--tls", !args.tls.is_empty()),
        ("--kernel-stamps", args.kernel_stamps),
        ("--rate", args.rate.is_some()),
        ("--html", args.html.is_some()),
    ];
    if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
        return Err(Failure::Usage(format!(
            "`bench engine` has no {option}: memory joins the two, without TLS and without rounds"
        )));
    }
    if let Some(orders) = args.orders {
        println!("{} orders", alone::count(orders, args.outstanding)?);
        return Ok(());
    }
    let length = Duration::from_secs(args.seconds);
    let alone = alone::run(length, args.outstanding, &args.layout, pair())?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&alone)?);
    } else {
        print!("{alone}");
    }
    if alone.holds() { Ok(()) } else { Err(Failure::Invariant) }
}

fn play(
    args: &BenchArgs,
    cases: &[Case],
    pair: Option<Pair>,
    number: u32,
    process: &Process,
    stop: &AtomicBool,
) -> Result<Round, Failure> {
    let say = std::io::stderr().is_terminal() && !args.json;
    let echo = pair.map(|pair| echo::echo(pair, ECHO)).transpose()?;
    let mut measured = Vec::new();
    for case in cases {
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(ChildError::Interrupted.into());
        }
        if say {
            eprint!("\r\x1b[Kround {number} of {}: {case}", args.rounds.unwrap_or(ROUNDS));
        }
        measured.push(case::run(case, Duration::from_secs(args.seconds), process, stop)?);
    }
    if say {
        eprint!("\r\x1b[K");
    }
    Ok(Round { echo, cases: measured })
}

/// The cores that the demo gives the engine and the venue.
fn pair() -> Option<Pair> {
    match available_cores().as_slice() {
        [near, .., far] => Some(Pair { near: *near, far: *far }),
        _ => None,
    }
}

/// Every wire that works here; says which does not.
fn wires() -> Vec<WireKind> {
    let works = |wire: &WireKind| match Place::probe(*wire) {
        Ok(()) => true,
        Err(problem) => {
            eprintln!("taut: without the wire {wire}: {problem}");
            false
        }
    };
    WireKind::ALL.into_iter().filter(works).collect()
}

fn cases(args: &BenchArgs) -> Result<Vec<Case>, Failure> {
    let load = match args.what {
        What::RoundTrip | What::Wires | What::Engine => Load::Closed,
        What::Open => Load::Open { per_second: args.per_second },
        What::Throughput => Load::Window { outstanding: args.outstanding },
        What::Tick => Load::Tick,
    };
    let rate = args.rate.unwrap_or(if args.what == What::Tick { 1_000 } else { 10 });
    let wires = match (args.what, args.wire.as_slice()) {
        (What::Wires, []) => wires(),
        (_, []) => vec![WireKind::BusyPoll, WireKind::Uring],
        (_, named) => named.to_vec(),
    };
    let around = match args.tls.as_slice() {
        [] => &[None, Some(TlsMode::RecordLayer)][..],
        named => named,
    };
    let mut cases = Vec::new();
    for wire in wires {
        for layout in &args.layout {
            for tls in around {
                // A stack of our own is an address that is not loopback: only with TLS.
                if args.what == What::Wires && wire == WireKind::Xdp && tls.is_none() {
                    continue;
                }
                let stamped = args.kernel_stamps && wire != WireKind::Xdp;
                cases.push(Case { wire, layout: *layout, tls: *tls, load, rate, stamped });
            }
        }
    }
    if cases.is_empty() {
        return Err(Failure::Usage("nothing to measure: no wire, layout or tls is left".into()));
    }
    Ok(cases)
}
