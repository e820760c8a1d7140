//! The result as one page that needs nothing else: charts are drawn as SVG.

use std::fmt::Write;

use super::load::Slice;
use super::report::{Report, row};

/// Size of a chart, and what it leaves for its axes.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 30.0;
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
        "<h2>By stage</h2><p>Median of each stage of the path from the poll that found an order's cause \
          to the kernel taking the order, last round, nanoseconds.</p>",
    );
    part(&by_stage(report));
    part(
        "<h2>Over time</h2><p>Mean of each tenth of a second of the last round, microseconds \
          (logarithmic).</p>",
    );
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

fn key(report: &Report) -> String {
    let names = report.lines.iter().enumerate().map(|(case, line)| {
        format!("<span><i style=\"background:{}\"></i>{}</span>", colour(case), escape(&line.name))
    });
    format!("<p class=\"key\">{}</p>", names.collect::<String>())
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
    let sum = |at: usize| round.cases[at].stages.iter().map(|row| row.p50_ns).sum::<u64>();
    let longest = (0..round.cases.len()).map(sum).max().unwrap_or(0).max(1) as f64;
    let mut svg = open_svg(BAR * round.cases.len() as f64 + 10.0);
    for (at, run) in round.cases.iter().enumerate() {
        let top = at as f64 * BAR;
        let name = report.lines.get(at).map_or("", |line| &line.name);
        text(&mut svg, (0.0, top + 12.0), &format!("{name}: {} ns", sum(at)));
        let mut left = 0.0;
        for (stage, row) in run.stages.iter().enumerate() {
            let width = row.p50_ns as f64 / longest * (WIDTH - 20.0);
            writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"22\" fill=\"{}\">\
                 <title>{} {} ns</title></rect>",
                top + 16.0,
                colour(stage),
                escape(row.name),
                row.p50_ns
            )
            .expect("a string takes all");
            if width > 44.0 {
                text(&mut svg, (left + 3.0, top + 31.0), row.name);
            }
            left += width;
        }
    }
    svg + "</svg>"
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
