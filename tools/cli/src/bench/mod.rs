//! `taut bench`: latency and throughput through the whole path and the venue, in rounds, each with a
//! spinning echo beside it, because only ratios taken in one round compare.

mod alone;
mod case;
mod echo;
mod host;
mod html;
mod load;
mod report;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use taut::pipeline::{Layout, available_cores};
use taut::trace::Row;
use taut::wire::WireKind;
use taut::wire::tls::TlsMode;

use self::case::{Case, Measured};
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
    /// waits; layout inline, without TLS
    Engine,
}

/// What can be said on the command line.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// What to measure
    #[arg(value_enum, default_value = "round-trip")]
    what: What,
    /// Rounds; in each every case runs once, in turn, after an echo
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Length of a case in a round, seconds
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Wires: uring, busy-poll, mio; xdp, which needs root and TLS, over virtual interfaces
    #[arg(long, value_delimiter = ',', default_values = ["busy-poll", "uring"])]
    wire: Vec<WireKind>,
    /// Layouts: inline, split, full
    #[arg(long, value_delimiter = ',', value_parser = kebab::<Layout>, default_values = ["inline"])]
    layout: Vec<Layout>,
    /// What is around the bytes: plain, record-layer (ours) or rustls
    #[arg(long, value_delimiter = ',', value_parser = tls, default_values = ["plain", "record-layer"])]
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
    /// Print the result for machines
    #[arg(long)]
    json: bool,
    /// Write a page with charts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// What is around the bytes; `None` is plain TCP.
type Tls = Option<TlsMode>;

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

/// Measures and prints. Succeeds only if every run was as it should be.
pub fn run(args: &BenchArgs) -> Result<(), Failure> {
    if args.what == What::Engine {
        return engine(args);
    }
    let cases = cases(args)?;
    let scratch = tempfile::tempdir()?;
    let process = Process::default();
    let stop = interrupt::watch(process.clone(), scratch.path().to_owned())?;
    let pair = pair();
    let host = Host::read(pair.map(echo::cache_line).transpose()?);
    let mut rounds = Vec::new();
    for round in 1..=args.rounds {
        rounds.push(play(args, &cases, pair, round, &process, &stop)?);
    }
    let report = Report::new(args.what, host, cases, rounds);
    if let Some(file) = &args.html {
        let page = html::page(&report);
        std::fs::write(file, page).map_err(|error| Failure::File { path: file.clone(), error })?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    if report.holds() { Ok(()) } else { Err(Failure::Invariant) }
}

/// `engine`: `--seconds` for each load, `--outstanding` for the one with many unanswered.
fn engine(args: &BenchArgs) -> Result<(), Failure> {
    let alone = alone::run(Duration::from_secs(args.seconds), args.outstanding)?;
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
            eprint!("\r\x1b[Kround {number} of {}: {case}", args.rounds);
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
    let wires = if args.what == What::Wires { wires() } else { args.wire.clone() };
    let mut cases = Vec::new();
    for wire in wires {
        for layout in &args.layout {
            for tls in &args.tls {
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
