//! The table of faults is held to what exists.

#[path = "common/functions.rs"]
mod functions;

use std::collections::BTreeSet;
use std::fs::{read_dir, read_to_string};
use std::path::Path;

use functions::functions;

/// All of the engine's source.
fn source(folder: &Path, into: &mut String) {
    for entry in read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            source(&path, into);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            into.push_str(&read_to_string(&path).expect("a text"));
        }
    }
}

/// The body of an enum.
fn variants<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    source.split_once(&format!("pub enum {name} {{"))?.1.split_once("\n}")?.0.into()
}

#[test]
fn every_test_and_event_that_the_table_of_faults_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut tests, mut engine) = (BTreeSet::new(), String::new());
    for folder in ["tools", "engine"] {
        functions(&root.join("../..").join(folder), &mut tests);
    }
    source(&root.join("../../engine/src"), &mut engine);
    let table = read_to_string(root.join("FAULTS.md")).expect("the table");
    let (mut wrong, mut rows, mut events) = (Vec::new(), 0, 0);
    for line in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
        let [_, told, _, shown] = cells[..] else { panic!("four cells: {line}") };
        rows += 1;
        wrong.extend(shown.split("; ").filter(|&one| !tests.contains(one)).map(str::to_owned));
        for name in told.split('`').skip(1).step_by(2) {
            let Some((kind, variant)) = name.split_once("::") else { continue };
            events += 1;
            let has = |body: &str| {
                let line = |line: &str| {
                    let rest = line.strip_prefix("    ")?.strip_prefix(variant)?;
                    Some(rest.is_empty() || rest.starts_with([',', ' ', '(']))
                };
                body.lines().any(|one| line(one) == Some(true))
            };
            if !variants(&engine, kind).is_some_and(has) {
                wrong.push(name.to_owned());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rows > 25 && events > 40, "{rows} rows, {events} events");
}
