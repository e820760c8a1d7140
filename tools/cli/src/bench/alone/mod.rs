//! `taut bench engine`: engine and venue joined by memory instead of sockets, each timed while the other
//! waits: in one thread (layout inline), or with the strategy in a second one (split). So what the engine
//! takes can be told from what the kernel takes, and counted in instructions (`bench/instructions-path.sh`).

mod inline;
mod outside;
mod ring;
mod split;

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use taut::pipeline::{Layout, available_cores, pin_current};
use taut::trace::Row;

use self::inline::Inline;
pub use self::inline::count;
use self::outside::venue_config;
use self::split::Split;
use super::echo::{self, Pair};
use super::host::Host;
use super::load::Load;
use crate::Failure;

/// Longest wait for the first book and the first order.
const START_WITHIN: Duration = Duration::from_secs(20);

/// What one load came to.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// What went in and what came out.
    pub what: String,
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

    fn figure(&self, what: impl Into<String>) -> Figure {
        let (units, turns) = (self.units as f64, self.nanos.len().max(1) as f64);
        Figure {
            what: what.into(),
            row: Row::of("turn", &self.nanos),
            min_ns: self.nanos.min(),
            mean_ns: self.total as f64 / units.max(1.0),
            per_turn: units / turns,
        }
    }
}

/// Runs every load for `length`, in each layout; without two cores only inline can be.
///
/// # Errors
/// What keeps the two from being set up, [`Failure::Usage`] for a layout that is not measured so.
pub fn run(
    length: Duration,
    outstanding: u32,
    layouts: &[Layout],
    pair: Option<Pair>,
) -> Result<Alone, Failure> {
    // Before anything is measured.
    if layouts.contains(&Layout::Full) {
        return Err(Failure::Usage("`bench engine` knows the layouts inline and split".into()));
    }
    let two_cores = || {
        let text = "two threads that spin need two cores: `split` is not measured on one";
        pair.ok_or_else(|| Failure::Usage(text.into()))
    };
    if layouts.contains(&Layout::Split) {
        two_cores()?;
    }
    let host = Host::read(pair.map(echo::cache_line).transpose()?);
    let cores = available_cores();
    let mut alone = Alone { host, figures: Vec::new(), allocations: 0, faults: Vec::new() };
    let _pinned = pin_current("taut-bench", cores.first().copied());
    for layout in layouts {
        match layout {
            Layout::Split => alone.split(length, two_cores()?)?,
            _ => alone.inline(length, outstanding)?,
        }
    }
    if alone.allocations > 0 {
        alone.faults.push(format!("{} allocations on the path", alone.allocations));
    }
    Ok(alone)
}

fn nothing_answered() -> Failure {
    Failure::Usage("no order was answered: engine and venue differ".into())
}

impl Alone {
    fn inline(&mut self, length: Duration, outstanding: u32) -> Result<(), Failure> {
        for load in [Load::Tick, Load::Closed, Load::Window { outstanding }] {
            let mut both = Inline::new(load, &venue_config(load))?;
            both.start()?;
            match load {
                Load::Tick => self.figures.push(both.ticks(length)),
                Load::Closed => self.figures.push(both.answers(length)),
                _ => self.figures.extend(both.window(length)),
            }
            self.allocations += both.allocations();
            self.faults.extend(both.trader().found().faults);
        }
        Ok(())
    }

    fn split(&mut self, length: Duration, pair: Pair) -> Result<(), Failure> {
        for load in [Load::Tick, Load::Closed] {
            let mut both = Split::new(load, pair)?;
            self.figures.push(both.figure(length));
            let (faults, allocations) = both.finish()?;
            self.allocations += allocations;
            self.faults.extend(faults);
        }
        self.figures.extend(ring::hops(pair, length)?);
        Ok(())
    }

    /// Whether every run was as it should be.
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        writeln!(
            f,
            "what       engine and venue joined by memory, ns; split: the strategy on a second core"
        )?;
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
