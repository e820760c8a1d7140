//! What the rounds came to: the median of each figure and its range.

use std::fmt;

use serde::Serialize;
use taut::trace::Row;

use super::case::{Case, Measured};
use super::host::Host;
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
    fn text(self, decimals: usize) -> String {
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
    /// The wire to take, of `taut bench wires`.
    pub recommended: Option<String>,
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
        let recommended = (what == What::Wires).then(|| recommend(&lines, &cases)).flatten();
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
    })
}

/// The wire whose medians are lowest, and whether that is beyond doubt.
fn recommend(lines: &[Line], cases: &[Case]) -> Option<String> {
    let mut all: Vec<(&Line, &Case)> = lines.iter().zip(cases).collect();
    all.sort_by(|one, other| one.0.p50_us.median.total_cmp(&other.0.p50_us.median));
    let (best, case) = *all.first()?;
    let rival = all.iter().find(|(_, other)| other.wire != case.wire);
    let doubt = match rival {
        Some((line, other)) if line.p50_us.min <= best.p50_us.max => {
            format!("; the ranges of {} overlap: run more rounds", other.wire)
        }
        _ => String::new(),
    };
    Some(format!("[path] wire = \"{}\"{doubt}", case.wire))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        if let Some(run) = self.rounds.first().and_then(|round| round.cases.first()) {
            let cores: Vec<String> =
                run.pinning.iter().map(|one| format!("{} {:?}", one.thread, one.allowed)).collect();
            writeln!(f, "pinned     {}; first case waits by {}", cores.join(", "), run.idle)?;
        }
        writeln!(f, "what       {}", self.about())?;
        writeln!(f, "           {} rounds; median over the rounds (range), us", self.rounds.len())?;
        if let Some(echo) = self.echo_us {
            writeln!(f, "echo       200 B there and back, both spinning: p50 {}", echo.text(2))?;
        }
        let head = ["case", "p50", "p99", "p99.9", "to echo", "per second", "path p50"];
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
            ]
        });
        let rows: Vec<[String; 7]> = rows.collect();
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
        if let Some(recommended) = &self.recommended {
            writeln!(f, "take       {recommended}")?;
        }
        for fault in &self.faults {
            writeln!(f, "FAULT      {fault}")?;
        }
        Ok(())
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
}
