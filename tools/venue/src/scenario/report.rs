//! What came of a scenario, line by line.

use std::fmt;

use taut_codec::tag;

use super::{Finding, Line};

/// How a scenario ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every line was as expected.
    Passed,
    /// The last line of the report was not.
    Failed,
    /// It was played up to a line that this run cannot do.
    Skipped {
        /// The line.
        from: usize,
        /// Why not.
        why: String,
    },
}

/// One line that was played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineReport {
    /// The line.
    pub line: Line,
    /// What was not as expected.
    pub findings: Vec<Finding>,
    /// The message that came, if one came that should not have, or not so.
    pub message: Option<String>,
}

impl LineReport {
    pub(super) fn good(line: &Line) -> Self {
        Self { line: line.clone(), findings: Vec::new(), message: None }
    }
}

/// What came of a scenario. Its `Display` is one line if it passed, else every line with what differs,
/// field by field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file.
    pub file: String,
    /// The scenario.
    pub title: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The lines that were played.
    pub lines: Vec<LineReport>,
}

impl Report {
    /// Every line, whatever the outcome.
    #[must_use]
    pub fn in_full(&self) -> String {
        let mut text = String::new();
        for LineReport { line, findings, message } in &self.lines {
            let word = if findings.is_empty() { "ok  " } else { "FAIL" };
            text += &format!("  {word} {:>4}  {}\n", line.number, line.text);
            for Finding { tag, expected, got } in findings {
                let field = match (*tag, tag::name(*tag)) {
                    (0, _) => String::new(),
                    (tag, Some(name)) => format!("{name}({tag}): "),
                    (tag, None) => format!("({tag}): "),
                };
                text += &format!("             {field}expected {expected:?}, got {got}\n");
            }
            if let Some(message) = message {
                text += &format!("             {message}\n");
            }
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, title, outcome, lines } = self;
        match outcome {
            Outcome::Passed => write!(f, "PASS {file}: {title} ({} lines)", lines.len()),
            Outcome::Skipped { from, why } => {
                write!(f, "SKIP {file}: {title} (from line {from}: {why})")
            }
            Outcome::Failed => write!(f, "FAIL {file}: {title}\n{}", self.in_full()),
        }
    }
}
