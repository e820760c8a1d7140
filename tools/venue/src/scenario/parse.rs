//! Text to scenarios.

use std::time::Duration;

use super::{Field, Line, Scenario, Step};

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct ScenarioError {
    /// Which file.
    pub file: String,
    /// Line number from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// Reads all scenarios of a file.
///
/// # Errors
/// [`ScenarioError`] names the line.
pub fn parse(file: &str, text: &str) -> Result<Vec<Scenario>, ScenarioError> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let wrong = |problem: String| ScenarioError { file: file.into(), line: number, problem };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix("== ") {
            let title = title.trim().to_owned();
            if scenarios.iter().any(|one| one.title == title) {
                return Err(wrong("the title is there twice".into()));
            }
            let (file, config, steps) = (file.to_owned(), String::new(), Vec::new());
            scenarios.push(Scenario { file, title, line: number, config, steps });
            continue;
        }
        let Some(scenario) = scenarios.last_mut() else {
            return Err(wrong("a scenario starts with `== title`".into()));
        };
        if let Some(config) = line.strip_prefix('%') {
            scenario.config += config.trim();
            scenario.config.push('\n');
        } else {
            let step = step(line).map_err(wrong)?;
            scenario.steps.push(Line { number, text: line.to_owned(), step });
        }
    }
    Ok(scenarios)
}

fn step(line: &str) -> Result<Step, String> {
    if let Some(command) = line.strip_prefix('!') {
        return command_step(command);
    }
    let end = line.find(['<', '>']).ok_or("neither `<`, `>` nor `!`")?;
    let (name, rest) = line.split_at(end);
    let name = name.trim().to_owned();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(format!("{name:?} names no connection"));
    }
    if let Some(text) = rest.strip_prefix(">>") {
        return Ok(Step::Raw { name, text: text.trim().to_owned() });
    }
    if let Some(text) = rest.strip_prefix('>') {
        let (msg_type, fields) = message(text.trim())?;
        return Ok(Step::Send { name, msg_type, fields });
    }
    let (exact, text) = match rest.strip_prefix("<=") {
        Some(text) => (true, text.trim()),
        None => (false, rest[1..].trim()),
    };
    match text {
        "nothing" => Ok(Step::Nothing { name }),
        "closed" => Ok(Step::Closed { name }),
        _ => {
            let (msg_type, fields) = message(text)?;
            Ok(Step::Expect { name, exact, msg_type, fields })
        }
    }
}

fn command_step(command: &str) -> Result<Step, String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        ["connect", name, service, sender] => connect(name, service, sender, None),
        ["logon", name, service, sender] => connect(name, service, sender, Some("141=Y")),
        ["logon", name, service, sender, extra] => connect(name, service, sender, Some(extra)),
        ["drop", name] => Ok(Step::Drop { name: (*name).into() }),
        ["advance", time] => duration(time).map(Step::Advance),
        ["set", name, _, ..] => {
            let value = command.split_once(name).map_or("", |(_, value)| value.trim());
            Ok(Step::Set { name: (*name).into(), value: value.into() })
        }
        [] => Err("an empty command".into()),
        words => Ok(Step::Control(words.iter().map(|word| (*word).to_owned()).collect())),
    }
}

fn connect(name: &str, service: &str, sender: &str, logon: Option<&str>) -> Result<Step, String> {
    let (name, service, sender) = (name.into(), service.into(), sender.into());
    Ok(Step::Connect { name, service, sender, logon: logon.map(fields).transpose()? })
}

/// `D|11=1|...`
fn message(text: &str) -> Result<(String, Vec<Field>), String> {
    let (msg_type, rest) = text.split_once('|').unwrap_or((text, ""));
    if msg_type.is_empty() || msg_type.contains('=') {
        return Err(format!("{msg_type:?} is no MsgType"));
    }
    Ok((msg_type.to_owned(), fields(rest)?))
}

fn fields(text: &str) -> Result<Vec<Field>, String> {
    let parts = text.split('|').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (tag, value) = part.split_once('=').ok_or(format!("{part:?} is no field"))?;
            let tag = tag.trim().parse().map_err(|_| format!("{tag:?} is no tag"))?;
            Ok((tag, value.to_owned()))
        })
        .collect()
}

/// `250ms`, `5s`, `2m`, `3h`, `1d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| format!("{text:?} is no time"))?;
    let millis = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(format!("{text:?} has no unit (ms, s, m, h, d)")),
    };
    let millis = number.checked_mul(millis).filter(|ms| *ms <= 400 * 86_400_000);
    millis.map(Duration::from_millis).ok_or(format!("{text:?} is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read() {
        let text = "# comment\n== One\n% a = 1\n% b = 2\n!logon A spot-trading TAUT\n\
                    !logon B spot-trading TAUT 141=N|8674=1\n!connect C spot-market-data X\n\
                    A> D|11={new a}|58=x=y\nA>> 8=FIX|\nA< 8|150=?\nA<= j|58=~E\nA< nothing\n\
                    A< closed\n!advance 250ms\n!set x {a}b c\n!market BTC/USD online\n!drop A\n== Two\n";
        let scenarios = parse("f", text).unwrap();
        assert_eq!(scenarios.len(), 2);
        let one = &scenarios[0];
        assert_eq!(
            (one.title.as_str(), one.line, one.config.as_str()),
            ("One", 2, "a = 1\nb = 2\n")
        );
        let steps: Vec<&Step> = one.steps.iter().map(|line| &line.step).collect();
        let name = || "A".to_owned();
        let logon = |step: &Step| match step {
            Step::Connect { logon, .. } => logon.clone(),
            _ => panic!(),
        };
        assert_eq!(logon(steps[0]), Some(vec![(141, "Y".into())]));
        assert_eq!(logon(steps[1]), Some(vec![(141, "N".into()), (8674, "1".into())]));
        assert_eq!(logon(steps[2]), None);
        let fields = vec![(11, "{new a}".into()), (58, "x=y".into())];
        assert_eq!(*steps[3], Step::Send { name: name(), msg_type: "D".into(), fields });
        assert_eq!(*steps[4], Step::Raw { name: name(), text: "8=FIX|".into() });
        let (exact, msg_type, fields) = (true, "j".into(), vec![(58, "~E".into())]);
        assert_eq!(*steps[6], Step::Expect { name: name(), exact, msg_type, fields });
        assert_eq!(*steps[7], Step::Nothing { name: name() });
        assert_eq!(*steps[8], Step::Closed { name: name() });
        assert_eq!(*steps[9], Step::Advance(Duration::from_millis(250)));
        assert_eq!(*steps[10], Step::Set { name: "x".into(), value: "{a}b c".into() });
        assert_eq!(
            *steps[11],
            Step::Control(vec!["market".into(), "BTC/USD".into(), "online".into()])
        );
        assert_eq!(one.steps[3].number, 8);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, problem) in [
            ("A> D|", "f:1: a scenario starts with `== title`"),
            ("== a\n== a", "f:2: the title is there twice"),
            ("== a\nhello", "f:2: neither `<`, `>` nor `!`"),
            ("== a\n> D|1=1", "f:2: \"\" names no connection"),
            ("== a\nA> 11=1", "f:2: \"11=1\" is no MsgType"),
            ("== a\nA> D|x", "f:2: \"x\" is no field"),
            ("== a\nA> D|x=1", "f:2: \"x\" is no tag"),
            ("== a\n!advance 5", "f:2: \"5\" has no unit (ms, s, m, h, d)"),
            ("== a\n!advance s", "f:2: \"s\" is no time"),
            ("== a\n!advance 99999999d", "f:2: \"99999999d\" is too long"),
        ] {
            assert_eq!(parse("f", text).unwrap_err().to_string(), problem);
        }
    }
}
