//! The README's figures are those of `bench/results/path.json`, which `bench/path.sh` writes. That script runs this
//! test with `TAUT_WRITE=1`, which then makes the table instead of comparing it.

#![allow(clippy::unwrap_used)] // A test, whose helpers are outside of test functions.

use std::path::Path;

use serde_json::Value;

const BEGIN: &str = "<!-- made by bench/path.sh -->\n";
const END: &str = "<!-- end -->\n";

/// Fewer have no range worth the name.
const ROUNDS_MIN: u64 = 5;

/// `14.4 (13.6-18.2)`
fn spread(of: &Value, decimals: usize) -> String {
    let [median, min, max] = ["median", "min", "max"].map(|key| of[key].as_f64().unwrap());
    format!("{median:.decimals$} ({min:.decimals$}-{max:.decimals$})")
}

fn table(results: &Value) -> String {
    let results = results.as_array().unwrap();
    let (first, text) = (&results[0], |of: &Value| of.as_str().unwrap().to_owned());
    let host = &first["host"];
    for result in results {
        let rounds = result["rounds"].as_u64();
        assert!(rounds >= Some(ROUNDS_MIN), "{rounds:?} rounds of {}", result["what"]);
    }
    // One for each layout.
    let lines = results.iter().flat_map(|result| result["lines"].as_array().unwrap());
    let mut pinned: Vec<&str> = lines.filter_map(|line| line["pinned"].as_str()).collect();
    pinned.sort_unstable();
    pinned.dedup();
    let threads = match pinned.as_slice() {
        [] => "Where the threads ran was not recorded.".to_owned(),
        all => format!("Threads: {}; they spin unless the case says otherwise.", all.join("; ")),
    };
    let line =
        host["cache_line_ns"].as_u64().map_or("not measured".into(), |ns| format!("{ns} ns"));
    let mut out = format!(
        "{}, {} cores, isolated {}, Linux {}, load before {}, a line of the cache to the other core and back {line}. \
         {threads} {} rounds of a second each, median (range):\n\n\
         | what | case | p50 us | p99 us | p50 to an echo of 200 B in the same round | orders a second |\n\
         |---|---|---|---|---|---|\n",
        text(&first["date"]),
        host["cores"].as_array().unwrap().len(),
        text(&host["isolated"]),
        text(&host["kernel"]),
        text(&host["load"]),
        first["rounds"],
    );
    for result in results {
        for line in result["lines"].as_array().unwrap() {
            let to_echo = match &line["to_echo"] {
                Value::Null => "-".to_owned(),
                of => spread(of, 2),
            };
            out += &format!(
                "| {} | {}{} | {} | {} | {to_echo} | {} |\n",
                text(&result["what"]),
                text(&line["name"]),
                if line["idle"] == "park" { ", parking" } else { "" },
                spread(&line["p50_us"], 1),
                spread(&line["p99_us"], 1),
                spread(&line["per_second"], 0),
            );
        }
    }
    out
}

#[test]
fn the_readmes_figures_are_those_of_the_results() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let results: Value = serde_json::from_str(&read("bench/results/path.json")).unwrap();
    let readme = read("README.md");
    let (head, rest) = readme.split_once(BEGIN).expect("the README has a place for the figures");
    let (said, tail) = rest.split_once(END).expect("and an end of it");
    let made = table(&results);
    if std::env::var_os("TAUT_WRITE").is_some() {
        let text = [head, BEGIN, &made, END, tail].concat();
        std::fs::write(root.join("README.md"), text).unwrap();
    } else {
        assert_eq!(said, made, "bench/path.sh makes both");
    }
}
