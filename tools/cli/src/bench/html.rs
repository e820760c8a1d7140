//! The result as one page that needs nothing else: charts are drawn as SVG.

use std::fmt::Write;

use taut::trace::Stage;

use super::What;
use super::report::{Report, row};
use super::time_line::Slice;

/// Size of a chart, and what it leaves for its axes.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 30.0;
/// Colours of the stages: neighbours are far apart. The path has eleven stages, see [`taut::trace::Stage`].
const STAGE_COLOURS: [&str; Stage::COUNT - 1] = [
    "#1b6ca8", "#edae49", "#2e933c", "#d1495b", "#00798c", "#f28e2b", "#6d597a", "#9ccc65",
    "#8d5524", "#66c2ff", "#444444",
];
/// A colour per case, repeated if they do not suffice.
const COLOURS: [&str; 8] =
    ["#1b6ca8", "#d1495b", "#2e933c", "#edae49", "#6d597a", "#00798c", "#8d5524", "#444444"];

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<title>taut bench</title><style>\
body{font:15px/1.5 system-ui,sans-serif;max-width:820px;margin:2em auto;padding:0 1em;color:#222}\
pre{background:#f4f4f4;padding:.8em;overflow-x:auto;font-size:12px}\
svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:#444}\
.key span{margin-right:1.2em;white-space:nowrap}.key i{display:inline-block;width:.8em;height:.8em;margin-right:.3em}\
</style></head><body>\n";

/// A line of a chart: its case, and its points from left to right.
struct Curve {
    case: usize,
    points: Vec<(f64, f64)>,
}

/// The whole page.
pub fn page(report: &Report) -> String {
    let mut page = String::from(HEAD);
    let mut part = |text: &str| {
        page.push_str(text);
        page.push('\n');
    };
    part("<h1>taut bench</h1>");
    part(&format!("<pre>{}</pre>", escape(&report.to_string())));
    part(&key(report));
    part(
        "<h2>By percentile</h2><p>Microseconds (logarithmic), each case's median over the rounds.</p>",
    );
    part(&by_percentile(report));
    part(
        "<h2>By stage</h2><p>Mean of each stage of the path from the poll that found an order's cause \
          to the kernel taking the order, last round, nanoseconds. The means add up to that of the whole \
          path.</p>",
    );
    part(&stage_key(report));
    part(&by_stage(report));
    part(&format!(
        "<h2>Over time</h2><p>{}: mean of each tenth of a second of the last round, microseconds \
          (logarithmic).</p>",
        over_time_of(report.what)
    ));
    part(&over_time(report));
    part("</body></html>");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const fn colour(case: usize) -> &'static str {
    COLOURS[case % COLOURS.len()]
}

fn stage_colour(stage: usize) -> &'static str {
    STAGE_COLOURS[stage % STAGE_COLOURS.len()]
}

fn key(report: &Report) -> String {
    let lines = report.lines.iter().enumerate();
    keys(lines.map(|(case, line)| (colour(case), line.name.as_str())))
}

/// What each colour stands for.
fn keys<'a>(of: impl Iterator<Item = (&'static str, &'a str)>) -> String {
    let names = of.map(|(colour, name)| {
        format!("<span><i style=\"background:{colour}\"></i>{}</span>", escape(name))
    });
    format!("<p class=\"key\">{}</p>", names.collect::<String>())
}

/// What the chart over time shows: the figure that the load is about.
const fn over_time_of(what: What) -> &'static str {
    match what {
        What::Open => "From when an order was due to its report",
        What::Tick => {
            "From the poll that found a market data message to the kernel taking the order"
        }
        What::RoundTrip | What::Throughput | What::Wires | What::Engine => "Order to report",
    }
}

fn by_percentile(report: &Report) -> String {
    let names = ["50", "90", "99", "99.9", "max"];
    let curves = (0..report.cases.len()).map(|case| {
        let at = |of: fn(&taut::trace::Row) -> u64| {
            let runs = report.rounds.iter().filter_map(|round| round.cases.get(case));
            let mut all: Vec<u64> = runs.map(|run| of(&row(report.what, run))).collect();
            all.sort_unstable();
            all.get(all.len().saturating_sub(1) / 2).copied().unwrap_or(0) as f64 / 1e3
        };
        let values = [
            at(|row| row.p50_ns),
            at(|row| row.p90_ns),
            at(|row| row.p99_ns),
            at(|row| row.p999_ns),
            at(|row| row.max_ns),
        ];
        let points = values.into_iter().enumerate().map(|(x, y)| (x as f64, y)).collect();
        Curve { case, points }
    });
    let labels: Vec<(f64, String)> =
        names.iter().enumerate().map(|(x, name)| (x as f64, (*name).to_owned())).collect();
    chart(&curves.collect::<Vec<_>>(), &labels)
}

fn over_time(report: &Report) -> String {
    let Some(round) = report.rounds.last() else { return String::new() };
    let mean = |slice: &Slice| slice.sum_ns as f64 / slice.count.max(1) as f64 / 1e3;
    let curves: Vec<Curve> = round
        .cases
        .iter()
        .enumerate()
        .map(|(case, run)| {
            let slices = run.found.slices.iter().enumerate().filter(|(_, slice)| slice.count > 0);
            Curve {
                case,
                points: slices.map(|(at, slice)| (at as f64 / 10.0, mean(slice))).collect(),
            }
        })
        .collect();
    let last =
        curves.iter().flat_map(|curve| &curve.points).map(|point| point.0).fold(0.0, f64::max);
    let step = (last / 8.0).ceil().max(1.0);
    let labels: Vec<(f64, String)> = (0..)
        .map(|n| f64::from(n) * step)
        .take_while(|x| *x <= last)
        .map(|x| (x, format!("{x} s")))
        .collect();
    chart(&curves, &labels)
}

/// Lines over a logarithmic axis of microseconds.
fn chart(curves: &[Curve], labels: &[(f64, String)]) -> String {
    let points = || curves.iter().flat_map(|curve| &curve.points).filter(|point| point.1 > 0.0);
    let x_max = points().map(|point| point.0).fold(1.0, f64::max);
    let (low, high) = points()
        .fold((f64::MAX, f64::MIN), |(low, high), point| (low.min(point.1), high.max(point.1)));
    if low > high {
        return "<p>No samples.</p>".into();
    }
    let (low, high) = (low.log10().floor(), high.log10().ceil().max(low.log10().floor() + 1.0));
    let x = |at: f64| LEFT + at / x_max * (WIDTH - LEFT - 20.0);
    let y = |us: f64| {
        let share = (us.log10() - low) / (high - low);
        HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - 10.0)
    };
    let mut svg = open_svg(HEIGHT);
    let mut decade = low;
    while decade <= high {
        let (us, height) = (10f64.powf(decade), y(10f64.powf(decade)));
        line_to(&mut svg, (LEFT, height), (WIDTH - 20.0, height));
        text(&mut svg, (4.0, height + 4.0), &format!("{us} us"));
        decade += 1.0;
    }
    for (at, label) in labels {
        text(&mut svg, (x(*at) - 8.0, HEIGHT - 8.0), label);
    }
    for curve in curves {
        let points: String = curve.points.iter().filter(|point| point.1 > 0.0).fold(
            String::new(),
            |mut all, point| {
                write!(all, "{:.1},{:.1} ", x(point.0), y(point.1)).expect("a string takes all");
                all
            },
        );
        let colour = colour(curve.case);
        writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{points}\"/>"
        )
        .expect("a string takes all");
    }
    svg + "</svg>"
}

/// A bar per case, cut by stage.
fn by_stage(report: &Report) -> String {
    const BAR: f64 = 46.0;
    let Some(round) = report.rounds.last() else { return String::new() };
    let longest = round.cases.iter().map(|run| run.total.mean_ns).fold(1.0, f64::max);
    let mut svg = open_svg(BAR * round.cases.len() as f64 + 10.0);
    for (at, run) in round.cases.iter().enumerate() {
        let top = at as f64 * BAR;
        let name = report.lines.get(at).map_or("", |line| &line.name);
        let (mean, p50) = (run.total.mean_ns, run.total.p50_ns);
        text(&mut svg, (0.0, top + 12.0), &format!("{name}: path mean {mean:.0} ns, p50 {p50} ns"));
        let mut left = 0.0;
        for (stage, row) in run.stages.iter().enumerate() {
            let width = row.mean_ns / longest * (WIDTH - 20.0);
            writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"22\" fill=\"{}\">\
                 <title>{} {:.0} ns</title></rect>",
                top + 16.0,
                stage_colour(stage),
                escape(row.name),
                row.mean_ns
            )
            .expect("a string takes all");
            left += width;
        }
    }
    svg + "</svg>"
}

/// The colours of the stages.
fn stage_key(report: &Report) -> String {
    let run = report.rounds.last().and_then(|round| round.cases.first());
    let stages = run.map_or(&[][..], |run| &run.stages);
    keys(stages.iter().enumerate().map(|(stage, row)| (stage_colour(stage), row.name)))
}

fn open_svg(height: f64) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" xmlns=\"http://www.w3.org/2000/svg\">\n")
}

fn line_to(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>",
        from.0, from.1, to.0, to.1
    )
    .expect("a string takes all");
}

fn text(svg: &mut String, at: (f64, f64), text: &str) {
    writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", at.0, at.1, escape(text))
        .expect("a string takes all");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::report::testing::report;
    use super::*;

    /// What stands between the heading of a part and the next one.
    fn part<'a>(page: &'a str, heading: &str) -> &'a str {
        let (_, rest) = page.split_once(&format!("<h2>{heading}</h2>")).expect("it has the part");
        rest.split("<h2>").next().expect("the first piece is always there")
    }

    #[test]
    fn every_stage_has_a_colour_of_its_own_and_a_place_in_the_key() {
        let page = page(&report(What::RoundTrip));
        let stages = part(&page, "By stage");
        let (key, bars) = stages.split_once("<svg").expect("a chart");
        for stage in &Stage::ALL[1..] {
            assert!(key.contains(&format!("</i>{}</span>", stage.name())), "{}", stage.name());
        }
        let colours: BTreeSet<&str> =
            bars.split("fill=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(colours.len(), Stage::COUNT - 1, "{colours:?}");
        assert!(colours.iter().all(|colour| key.contains(colour)), "{colours:?}");
    }

    #[test]
    fn a_bar_is_labelled_with_the_whole_path_and_not_with_the_sum_of_medians() {
        let report = report(What::RoundTrip);
        let run = &report.rounds[0].cases[0];
        let sum: u64 = run.stages.iter().map(|row| row.p50_ns).sum();
        assert_ne!(run.total.p50_ns, sum, "or the test shows nothing");
        let page = page(&report);
        let (mean, p50) = (run.total.mean_ns, run.total.p50_ns);
        let label =
            format!("{}: path mean {mean:.0} ns, p50 {p50} ns</text>", report.lines[0].name);
        assert!(part(&page, "By stage").contains(&label), "{page}");
    }

    #[test]
    fn the_chart_over_time_says_what_it_is_of() {
        for (what, said) in [
            (What::RoundTrip, "Order to report"),
            (What::Open, "From when an order was due"),
            (What::Tick, "From the poll that found a market data message"),
        ] {
            let page = page(&report(what));
            assert!(part(&page, "Over time").starts_with(&format!("<p>{said}")), "{page}");
            assert!(part(&page, "Over time").contains("<polyline"), "{page}");
        }
    }
}
