//! What the rounds came to: the median of each figure and its range.

use std::fmt;

use serde::Serialize;
use taut::pipeline::IdlePolicy;
use taut::trace::Row;

use super::case::{Case, Measured};
use super::host::Host;
use super::recommend::{Advice, recommend};
use super::{Round, What};

/// A figure over the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number the lower of the two.
    pub median: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// Of at least one figure.
    fn of(figures: impl Iterator<Item = f64>) -> Option<Self> {
        let mut all: Vec<f64> = figures.collect();
        all.sort_by(f64::total_cmp);
        let (min, max) = (*all.first()?, *all.last()?);
        Some(Self { median: all[(all.len() - 1) / 2], min, max })
    }

    /// With a number of decimals: `1.20 (1.10-1.92)`; the range only if there is one.
    pub fn text(self, decimals: usize) -> String {
        let Self { median, min, max } = self;
        if min == max {
            return format!("{median:.decimals$}");
        }
        format!("{median:.decimals$} ({min:.decimals$}-{max:.decimals$})")
    }
}

/// One case over the rounds; times in microseconds.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The case, in words.
    pub name: String,
    /// Median of a run.
    pub p50_us: Spread,
    /// 99th percentile of a run.
    pub p99_us: Spread,
    /// 99.9th percentile of a run.
    pub p999_us: Spread,
    /// Median against the median of the echo in the same round.
    pub to_echo: Option<Spread>,
    /// Answered orders a second.
    pub per_second: Spread,
    /// From the poll that found an order's cause to the kernel taking the order: median of a run.
    pub path_us: Spread,
    /// How the threads of the path waited.
    pub idle: Option<IdlePolicy>,
    /// The threads, and the cores that each may run on: `taut-inline [0]`.
    pub pinned: String,
}

/// Everything.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was measured.
    pub what: What,
    /// On what.
    pub host: Host,
    /// A line per case.
    pub lines: Vec<Line>,
    /// Median of the echo.
    pub echo_us: Option<Spread>,
    /// The wires to take, of `taut bench wires`.
    pub recommended: Vec<Advice>,
    /// What was not as it should be.
    pub faults: Vec<String>,
    /// The cases.
    pub cases: Vec<Case>,
    /// Every figure of every round.
    pub rounds: Vec<Round>,
}

/// The row that a measurement is about.
pub fn row(what: What, measured: &Measured) -> Row {
    match what {
        What::Tick => measured.total,
        What::Open => measured.found.from_due.unwrap_or(measured.found.answer),
        What::RoundTrip | What::Throughput | What::Wires | What::Engine => measured.found.answer,
    }
}

impl Report {
    /// Sums up at least one round.
    pub fn new(what: What, host: Host, cases: Vec<Case>, rounds: Vec<Round>) -> Self {
        let lines: Vec<Line> = (0..cases.len())
            .filter_map(|at| line(what, cases[at].to_string(), at, &rounds))
            .collect();
        let faults = rounds.iter().enumerate().flat_map(|(number, round)| {
            round.cases.iter().zip(&cases).flat_map(move |(measured, case)| {
                let told = move |fault| format!("round {}, {case}: {fault}", number + 1);
                measured.found.faults.iter().map(told)
            })
        });
        let faults = faults.collect();
        let echoes = rounds.iter().filter_map(|round| round.echo.as_ref());
        let echo_us = Spread::of(echoes.map(|row| micros(row.p50_ns)));
        let recommended = match what {
            What::Wires => recommend(&lines, &cases, rounds.len()),
            _ => Vec::new(),
        };
        Self { what, host, lines, echo_us, recommended, faults, cases, rounds }
    }

    /// Whether every run was as it should be.
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }

    /// What a line's times are, in words.
    pub const fn about(&self) -> &'static str {
        match self.what {
            What::RoundTrip | What::Wires | What::Engine => {
                "order to report through the venue, closed loop: one order at a time"
            }
            What::Open => {
                "order to report through the venue, open loop: from when each order was due \
                 (coordinated omission corrected)"
            }
            What::Throughput => "orders answered a second; times are those under this load",
            What::Tick => {
                "from the poll that found a market data message to the kernel taking the order"
            }
        }
    }
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

fn line(what: What, name: String, at: usize, rounds: &[Round]) -> Option<Line> {
    let runs = || rounds.iter().filter_map(|round| round.cases.get(at));
    let spread = |of: fn(&Row) -> u64| Spread::of(runs().map(|run| micros(of(&row(what, run)))));
    let ratios = rounds.iter().filter_map(|round| {
        let echo = round.echo.as_ref().filter(|echo| echo.p50_ns > 0)?;
        Some(row(what, round.cases.get(at)?).p50_ns as f64 / echo.p50_ns as f64)
    });
    Some(Line {
        name,
        p50_us: spread(|row| row.p50_ns)?,
        p99_us: spread(|row| row.p99_ns)?,
        p999_us: spread(|row| row.p999_ns)?,
        to_echo: Spread::of(ratios),
        per_second: Spread::of(runs().map(|run| run.found.per_second))?,
        path_us: Spread::of(runs().map(|run| micros(run.total.p50_ns)))?,
        idle: runs().next().map(|run| run.idle),
        pinned: runs().next().map(pinned).unwrap_or_default(),
    })
}

fn pinned(run: &Measured) -> String {
    let threads: Vec<String> =
        run.pinning.iter().map(|one| format!("{} {:?}", one.thread, one.allowed)).collect();
    threads.join(", ")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        let mut pinned: Vec<&str> = self.lines.iter().map(|line| line.pinned.as_str()).collect();
        pinned.dedup();
        for threads in pinned {
            writeln!(f, "pinned     {threads}")?;
        }
        writeln!(f, "what       {}", self.about())?;
        writeln!(f, "           {} rounds; median over the rounds (range), us", self.rounds.len())?;
        if let Some(echo) = self.echo_us {
            writeln!(f, "echo       200 B there and back, both spinning: p50 {}", echo.text(2))?;
        }
        let head = ["case", "p50", "p99", "p99.9", "to echo", "per second", "path p50", "idle"];
        let rows = self.lines.iter().map(|line| {
            let ratio = line.to_echo.map_or("-".into(), |ratio| ratio.text(2));
            [
                line.name.clone(),
                line.p50_us.text(2),
                line.p99_us.text(1),
                line.p999_us.text(0),
                ratio,
                line.per_second.text(0),
                line.path_us.text(2),
                match line.idle {
                    Some(IdlePolicy::Spin) => "spin".into(),
                    Some(IdlePolicy::Park) => "park".into(),
                    None => "-".into(),
                },
            ]
        });
        let rows: Vec<[String; 8]> = rows.collect();
        let width = |column: usize| {
            let longest = rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
            longest.max(head[column].len())
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for row in std::iter::once(&head.map(str::to_owned)).chain(&rows) {
            for (cell, width) in row.iter().zip(&widths) {
                write!(f, "{cell:<width$}  ")?;
            }
            writeln!(f)?;
        }
        for advice in &self.recommended {
            writeln!(f, "take       {advice}")?;
        }
        for fault in &self.faults {
            writeln!(f, "FAULT      {fault}")?;
        }
        Ok(())
    }
}

/// Made-up results, for tests.
#[cfg(test)]
pub mod testing {
    use hdrhistogram::Histogram;
    use taut::pipeline::{Layout, Pinning};
    use taut::trace::Stage;
    use taut::wire::WireKind;

    use super::super::load::{Found, Load};
    use super::super::time_line::Slice;
    use super::*;

    impl Line {
        /// Of no time at all.
        pub fn nothing(name: String) -> Self {
            let zero = Spread { median: 0.0, min: 0.0, max: 0.0 };
            Self {
                name,
                p50_us: zero,
                p99_us: zero,
                p999_us: zero,
                to_echo: None,
                per_second: zero,
                path_us: zero,
                idle: None,
                pinned: String::new(),
            }
        }
    }

    fn times(name: &'static str, all: &[u64]) -> Row {
        let mut histogram =
            Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds are valid");
        all.iter().for_each(|nanos| histogram.saturating_record(*nanos));
        Row::of(name, &histogram)
    }

    /// One round of one case; its stages' medians do not add up to the median of the path.
    pub fn report(what: What) -> Report {
        let (wire, layout, load) = (WireKind::BusyPoll, Layout::Inline, Load::Closed);
        let cases = vec![Case { wire, layout, tls: None, load, rate: 10, stamped: false }];
        let stages = Stage::ALL[1..].iter().map(|stage| times(stage.name(), &[10, 10, 500]));
        let found = Found {
            answer: times("order to report", &[10_000]),
            from_due: Some(times("due to report", &[20_000])),
            per_second: 1.0,
            slices: vec![Slice { count: 1, sum_ns: 10_000, max_ns: 10_000 }; 2],
            faults: Vec::new(),
        };
        let run = Measured {
            found,
            total: times("total", &[600, 2_000, 2_100]),
            stages: stages.collect(),
            allocations: 0,
            pinning: vec![Pinning::new("taut-inline", Some(0), vec![0])],
            idle: IdlePolicy::Spin,
        };
        let round = Round { echo: Some(times("echo", &[8_000])), cases: vec![run] };
        Report::new(what, Host::read(None), cases, vec![round])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_lower_median_and_the_range() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0].into_iter());
        assert_eq!(spread, Some(Spread { median: 2.0, min: 1.0, max: 4.0 }));
        assert_eq!(spread.map(|spread| spread.text(1)).as_deref(), Some("2.0 (1.0-4.0)"));
        assert_eq!(Spread::of(std::iter::empty()), None);
    }

    #[test]
    fn every_line_says_how_its_threads_waited_and_the_head_where_they_ran() {
        let said = testing::report(What::Wires).to_string();
        assert!(said.contains("\npinned     taut-inline [0]\n"), "{said}");
        let line = said.lines().find(|line| line.starts_with("busy-poll, inline, plain"));
        assert!(line.is_some_and(|line| line.trim_end().ends_with("spin")), "{said}");
    }
}
