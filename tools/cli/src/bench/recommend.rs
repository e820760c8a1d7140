//! Which wire to take, of those that `taut bench wires` measured.

use std::fmt;

use serde::Serialize;
use taut::wire::WireKind;

use super::case::{Case, Tls};
use super::report::{Line, Spread};

/// Rounds below which nothing is said: a range of fewer says little.
const ROUNDS_MIN: usize = 3;

/// What is said of the lines with the same bytes around them: wires compare only among those.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advice {
    /// What is around the bytes, and the layout, in words.
    pub of: String,
    /// Those that may be the best: one is recommended, several are undecided.
    pub wires: Vec<WireKind>,
    /// Why.
    pub why: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, wires, why } = self;
        match wires.as_slice() {
            [wire] => write!(f, "{of}: [path] wire = \"{wire}\", {why}"),
            _ => {
                let names: Vec<String> = wires.iter().map(ToString::to_string).collect();
                write!(f, "{of}: undecided between {}, {why}", names.join(" and "))
            }
        }
    }
}

/// For each layout with each thing around the bytes, in the order of the cases. Lines are compared by their ratio to
/// the echo of the same round; where there is no echo, by their median time.
pub fn recommend(lines: &[Line], cases: &[Case], rounds: usize) -> Vec<Advice> {
    let mut kinds: Vec<(Tls, _)> = Vec::new();
    for case in cases {
        if !kinds.contains(&(case.tls, case.layout)) {
            kinds.push((case.tls, case.layout));
        }
    }
    let of_kind = |kind| {
        let all = lines.iter().zip(cases);
        all.filter(move |(_, case)| (case.tls, case.layout) == kind).collect::<Vec<_>>()
    };
    kinds.into_iter().filter_map(|kind| among(&of_kind(kind), rounds)).collect()
}

fn among(group: &[(&Line, &Case)], rounds: usize) -> Option<Advice> {
    let has_echo = group.iter().all(|(line, _)| line.to_echo.is_some());
    let figure = |line: &Line| line.to_echo.filter(|_| has_echo).unwrap_or(line.p50_us);
    let mut all: Vec<(Spread, WireKind)> =
        group.iter().map(|(line, case)| (figure(line), case.wire)).collect();
    all.sort_by(|one, other| one.0.median.total_cmp(&other.0.median));
    let (best, wire) = *all.first()?;
    let unit = if has_echo { "x the echo" } else { "us, without an echo to compare with" };
    let reached = format!("{} {unit}", best.text(2));
    let (wires, why) = if all.len() == 1 {
        (vec![wire], format!("the only one measured: {reached}"))
    } else if rounds < ROUNDS_MIN {
        let why = format!("of {rounds} rounds: at least {ROUNDS_MIN} are needed");
        (all.iter().map(|one| one.1).collect(), why)
    } else {
        // The best one is among them.
        let near = all.iter().filter(|(spread, _)| spread.min <= best.max);
        let wires: Vec<WireKind> = near.map(|one| one.1).collect();
        let why = match wires.len() {
            1 => format!("{reached}: below the range of every other"),
            _ => format!("the ranges overlap: {wire} has the lowest median, {reached}"),
        };
        (wires, why)
    };
    Some(Advice { of: group[0].1.around(), wires, why })
}

#[cfg(test)]
mod tests {
    use taut::pipeline::Layout;
    use taut::wire::tls::TlsMode;

    use super::super::load::Load;
    use super::*;

    const TLS: Tls = Some(TlsMode::RecordLayer);

    fn spread(min: f64, median: f64, max: f64) -> Spread {
        Spread { median, min, max }
    }

    fn measured(wire: WireKind, tls: Tls, to_echo: Option<Spread>, p50_us: f64) -> (Line, Case) {
        let (layout, load) = (Layout::Inline, Load::Closed);
        let case = Case { wire, layout, tls, load, rate: 10, stamped: false };
        let p50_us = spread(p50_us, p50_us, p50_us);
        (Line { to_echo, p50_us, ..Line::nothing(case.to_string()) }, case)
    }

    fn said(of: Vec<(Line, Case)>, rounds: usize) -> Vec<String> {
        let (lines, cases): (Vec<Line>, Vec<Case>) = of.into_iter().unzip();
        recommend(&lines, &cases, rounds).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn wires_compare_among_lines_with_the_same_tls_only() {
        let near = |at| Some(spread(at - 0.01, at, at + 0.01));
        // Plain TCP beats every wire under TLS; xdp has no plain line.
        let of = vec![
            measured(WireKind::BusyPoll, None, near(1.5), 10.0),
            measured(WireKind::Uring, None, near(1.6), 11.0),
            measured(WireKind::BusyPoll, TLS, near(1.9), 13.0),
            measured(WireKind::Xdp, TLS, near(1.7), 12.0),
        ];
        let below = "below the range of every other";
        let plain = format!(
            "inline, plain: [path] wire = \"busy-poll\", 1.50 (1.49-1.51) x the echo: {below}"
        );
        let tls =
            format!("inline, TLS: [path] wire = \"xdp\", 1.70 (1.69-1.71) x the echo: {below}");
        assert_eq!(said(of, 3), [plain, tls]);
    }

    #[test]
    fn the_ratio_to_the_echo_decides_and_not_the_time() {
        // The machine was slower in the rounds of the better one.
        let of = vec![
            measured(WireKind::Uring, TLS, Some(spread(1.8, 1.9, 2.0)), 10.0),
            measured(WireKind::BusyPoll, TLS, Some(spread(1.5, 1.6, 1.7)), 15.0),
        ];
        let said = said(of, 5);
        assert!(said[0].contains("wire = \"busy-poll\""), "{said:?}");
    }

    #[test]
    fn wires_whose_ranges_overlap_are_undecided() {
        let of = vec![
            measured(WireKind::Uring, TLS, Some(spread(1.65, 1.8, 1.9)), 10.0),
            measured(WireKind::Mio, TLS, Some(spread(2.0, 2.1, 2.2)), 10.0),
            measured(WireKind::BusyPoll, TLS, Some(spread(1.5, 1.6, 1.7)), 10.0),
        ];
        let expected = "inline, TLS: undecided between busy-poll and uring, the ranges overlap: busy-poll has \
                        the lowest median, 1.60 (1.50-1.70) x the echo";
        assert_eq!(said(of, 5), [expected]);
    }

    #[test]
    fn fewer_than_three_rounds_decide_nothing() {
        for rounds in [1, 2] {
            let of = vec![
                measured(WireKind::Uring, TLS, Some(spread(1.9, 1.9, 1.9)), 10.0),
                measured(WireKind::BusyPoll, TLS, Some(spread(1.5, 1.5, 1.5)), 10.0),
            ];
            let said = said(of, rounds);
            assert!(said[0].contains("undecided between busy-poll and uring"), "{said:?}");
            assert!(said[0].ends_with("at least 3 are needed"), "{said:?}");
        }
    }

    #[test]
    fn a_wire_without_rivals_is_named_as_the_only_one() {
        let of = vec![measured(WireKind::Uring, None, None, 10.0)];
        let expected = "inline, plain: [path] wire = \"uring\", the only one measured: \
                        10.00 us, without an echo to compare with";
        assert_eq!(said(of, 1), [expected]);
    }
}
