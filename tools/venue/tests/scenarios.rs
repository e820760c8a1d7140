//! The scenario suite against the venue in process, and what it covers.

#[path = "common/functions.rs"]
mod functions;
#[path = "common/skipped.rs"]
mod skipped;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use taut_venue::config::{LiquidityMode, TierName, VenueConfig};
use taut_venue::liquidity::SyntheticMarket;
use taut_venue::scenario::{self, Grants, Outcome, Scenario, Step, WAIT_MAX, embedded};

use functions::functions;
use skipped::skipped;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn files() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(root().join("scenarios")).expect("the folder of the suite");
    let mut files: Vec<(String, String)> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("a text"))
        })
        .collect();
    files.sort();
    files
}

fn suite() -> Vec<Scenario> {
    let parsed = files().into_iter().map(|(name, text)| scenario::parse(&name, &text));
    parsed.flat_map(|scenarios| scenarios.unwrap_or_else(|error| panic!("{error}"))).collect()
}

#[test]
fn every_scenario_passes_in_process() {
    let mut failed = Vec::new();
    for scenario in suite() {
        let report = embedded::play(&scenario);
        if report.outcome != Outcome::Passed {
            println!("{report}");
            failed.push(format!("{}: {}", report.file, report.title));
        }
    }
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
}

#[test]
fn a_scenario_that_expects_something_else_fails_with_the_field() {
    let text = "== Wrong\n!logon A spot-market-data TAUT\nA> 1|112=x\nA< 0|112=y|58=?\n";
    let scenarios = scenario::parse("f", text).expect("a scenario");
    let report = embedded::play(&scenarios[0]);
    assert_eq!(report.outcome, Outcome::Failed);
    let shown = report.to_string();
    assert!(shown.contains("FAIL    4  A< 0|112=y|58=?"), "{shown}");
    assert!(shown.contains("TestReqID(112): expected \"y\", got \"x\""), "{shown}");
    assert!(shown.contains("Text(58): expected \"?\", got no such field"), "{shown}");
}

#[test]
fn a_message_that_nobody_expected_fails_the_scenario() {
    let text = "== Left\n!logon A spot-market-data TAUT\nA> g|335=1|336=SESSION|263=0\n";
    let scenarios = scenario::parse("f", text).expect("a scenario");
    let report = embedded::play(&scenarios[0]);
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.to_string().contains("no further message"), "{report}");
}

/// How many scenarios without a configuration of their own say a word.
fn scenario_count(word: &str) -> usize {
    let says =
        |line: &scenario::Line| matches!(&line.step, Step::Control(words) if words == &[word]);
    let counts = |one: &&Scenario| one.config.is_empty() && one.steps.iter().any(says);
    suite().iter().filter(counts).count()
}

/// Plays the whole suite in one venue that nobody steers. Returns how many scenarios passed; none may fail.
fn play_in_one(mut config: VenueConfig, grants: Grants) -> usize {
    // They come within seconds of each other.
    config.clients.iter_mut().for_each(|client| client.tier = TierName::Unlimited);
    let reports = embedded::play_all(&suite(), &config, grants).expect("a good configuration");
    let failed: Vec<String> = reports
        .iter()
        .filter(|report| report.outcome == Outcome::Failed)
        .map(ToString::to_string)
        .collect();
    assert!(failed.is_empty(), "{} failed: {}", failed.len(), failed.join("\n"));
    reports.iter().filter(|report| report.outcome == Outcome::Passed).count()
}

#[test]
fn no_scenario_leaves_anything_behind_that_fails_another_one_in_the_same_venue() {
    let play = |grants| play_in_one(embedded::base_config(), grants);
    let passed = play(Grants { alone: true, fresh: false });
    assert!(passed > 150, "{passed}");
    let fresh = scenario_count("fresh");
    assert!(fresh >= 6, "{fresh}");
    assert_eq!(play(Grants { alone: true, fresh: true }), passed + fresh, "captured ids are old");
}

#[test]
fn scenarios_that_are_not_alone_pass_beside_a_market_that_others_make() {
    let mut config = embedded::base_config();
    config.liquidity.mode = LiquidityMode::Synthetic;
    config.liquidity.synthetic.events_per_second = 5_000;
    let market = |symbol: &str| SyntheticMarket { symbol: symbol.into(), ..Default::default() };
    config.liquidity.markets = ["ETH/USD", "PF_XBTUSD"].map(market).into();
    let passed = play_in_one(config, Grants { alone: false, fresh: true });
    assert!(passed > 100, "{passed}");
}

/// The scenario as far as it goes over sockets, then: everybody leaves, comes back, and cancels all that there
/// may be, which is nothing. `None` if it goes to its end there, or is not played at all.
fn cut_short(scenario: &Scenario) -> Option<(Scenario, usize)> {
    let ends = |step: &Step| match step {
        Step::Control(_) => true,
        Step::Advance(time) => *time > WAIT_MAX,
        _ => false,
    };
    let cut = scenario.steps.iter().position(|line| ends(&line.step))?;
    let (mut names, mut traders) = (BTreeSet::new(), BTreeSet::new());
    for line in &scenario.steps[..cut] {
        if let Step::Connect { name, service, sender, .. } = &line.step {
            names.insert(name);
            traders.extend(service.ends_with("trading").then_some((service, sender)));
        }
    }
    let mut probe = "== Probe\n".to_owned();
    names.iter().for_each(|name| probe += &format!("!drop {name}\n"));
    for (at, (service, sender)) in traders.iter().enumerate() {
        let id = if service.starts_with("spot") { "new" } else { "comb" };
        probe += &format!("!logon Z{at} {service} {sender}\n");
        probe += &format!("Z{at}> q|11={{{id} z}}|60={{now}}|530=7\nZ{at}< nothing\n");
    }
    let probe = scenario::parse("probe", &probe).expect("it is well formed").remove(0);
    let steps = [&scenario.steps[..cut], &probe.steps[..]].concat();
    (scenario.config.is_empty() && !traders.is_empty())
        .then(|| (Scenario { steps, ..scenario.clone() }, cut))
}

#[test]
fn a_scenario_that_has_to_stop_on_sockets_leaves_no_order_to_the_next_one() {
    let (mut left, mut played) = (Vec::new(), 0);
    for (scenario, cut) in suite().iter().filter_map(cut_short) {
        played += 1;
        let report = embedded::play(&scenario);
        let good = report.lines.iter().take_while(|line| line.findings.is_empty()).count();
        if good < scenario.steps.len() {
            assert!(good >= cut, "{report}");
            left.push(format!("{}: {}", report.file, report.title));
        }
    }
    assert!(left.is_empty(), "{left:#?}");
    assert!(played > 5, "{played}");
}

/// What shows a row: what is wrong with it, and the scenarios that it names.
fn read_row(what: &str, titles: &BTreeSet<String>, tests: &BTreeSet<String>) -> Shown {
    let what = what.trim_end_matches(" |");
    let (kind, rest) = what.split_once(": ").unwrap_or((what, ""));
    let mut shown = Shown::default();
    for one in rest.split("; ") {
        let exists = match kind {
            "scenario" => titles.contains(one),
            "test" => tests.contains(one),
            "not" => !one.is_empty(),
            _ => false,
        };
        if kind == "scenario" {
            shown.scenarios.push(one.to_owned());
        }
        if !exists {
            shown.wrong.push(format!("{kind}: {one}"));
        }
    }
    shown
}

#[derive(Default)]
struct Shown {
    scenarios: Vec<String>,
    wrong: Vec<String>,
}

/// The titles of all scenarios and the names of all tests.
fn what_exists() -> (BTreeSet<String>, BTreeSet<String>) {
    let titles = suite().into_iter().map(|one| one.title).collect();
    let mut tests = BTreeSet::new();
    for folder in ["tools", "engine", "codec"] {
        functions(&root().join("../..").join(folder), &mut tests);
    }
    (titles, tests)
}

#[test]
fn every_scenario_and_test_that_the_coverage_table_names_exists() {
    let table = std::fs::read_to_string(root().join("COVERAGE.md")).expect("the table");
    let (titles, tests) = what_exists();
    let mut named = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut rows = 0;
    for (at, line) in table.lines().enumerate() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let [.., what] = cells.as_slice() else { continue };
        if cells.len() != 3 || line.starts_with("| section") {
            continue;
        }
        rows += 1;
        let shown = read_row(what, &titles, &tests);
        named.extend(shown.scenarios);
        wrong.extend(shown.wrong.into_iter().map(|one| format!("line {}: {one}", at + 1)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rows > 100, "{rows} rows");
    let idle: Vec<&String> = titles.difference(&named).collect();
    assert!(idle.is_empty(), "scenarios that no row names: {idle:#?}");
}

/// The tags of the tables of the venue file's sections 2 to 5, each with its section and its line. A table names them
/// in its first column: `11`, `49 / 56`, `>79`.
fn tags_of_tables(venue_file: &str) -> Vec<(String, String, &str)> {
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let (mut section, mut tags) = (String::new(), Vec::new());
    for line in venue_file.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            let number = heading.trim_start_matches('#').split_whitespace().next().unwrap_or("");
            if is_number(number) {
                number.trim_end_matches('.').clone_into(&mut section);
            }
        }
        let Some(row) = line.strip_prefix('|') else { continue };
        let first = row.split('|').next().unwrap_or("").trim().trim_start_matches('>');
        let first = first.split('(').next().unwrap_or("");
        if !is_number(first) || !section.starts_with(['2', '3', '4', '5']) {
            continue;
        }
        let numbers =
            first.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
        tags.extend(numbers.map(|number| (section.clone(), number.to_owned(), line)));
    }
    tags
}

#[test]
fn every_tag_of_the_venue_files_tables_is_in_a_row_of_its_section() {
    let path = root().join("../../../shared/venue/kraken-fix.md");
    let Ok(venue_file) = std::fs::read_to_string(&path) else {
        return skipped(format_args!("no venue file at {}", path.display()));
    };
    let table = std::fs::read_to_string(root().join("COVERAGE.md")).expect("the table");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).collect();
    let tags = tags_of_tables(&venue_file);
    assert!(tags.len() > 120, "{} tags", tags.len());
    let is_there = |section: &str, tag: &str| {
        let of_section = rows.iter().filter_map(|row| row.strip_prefix(&format!("| {section} | ")));
        of_section.flat_map(|row| row.split(|c: char| !c.is_ascii_digit())).any(|word| word == tag)
    };
    let missing: Vec<_> = tags.iter().filter(|(section, tag, _)| !is_there(section, tag)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn each_setting_of_a_switch_is_shown_by_a_scenario_or_test_that_exists() {
    let page = std::fs::read_to_string(root().join("SWITCHES.md")).expect("the page");
    let (titles, tests) = what_exists();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 30, "{} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        let shown = read_row(cells.last().expect("a cell"), &titles, &tests);
        assert!(shown.wrong.is_empty(), "{row}: {:?}", shown.wrong);
        // A scenario shows one setting; a test may show all.
        assert!(shown.scenarios.is_empty() || shown.scenarios.len() > 1, "{row}");
    }
}
