//! All of a journal, oldest first, and everything that is wrong with it.

use std::fmt;
use std::path::Path;

use taut::journal::{Condition, JournalError, Part, Reader, State, StoredSegment};

use super::judge::{Judged, is_deleted, judged, text_of};
use crate::Failure;

/// Something that is missing or damaged, told where it is found.
pub struct Fault {
    /// The segment that has it, or the first one that is missing.
    pub segment: u32,
    text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the walk comes by.
pub enum Found<'a> {
    /// A segment that can be read, at least in part.
    Segment(&'a StoredSegment),
    /// What is wrong; behind the segment that has it, before the one behind a gap.
    Fault(&'a Fault),
    /// What is not there because of the faults before this.
    Lost(&'a Fault),
    /// The last segment ends within a record, behind which there is nothing: it is being written, or its
    /// writer was killed. Behind that segment.
    Torn(String),
    /// A segment that its writer deleted before it could be read.
    Deleted(u32),
}

/// How many faults there are.
#[derive(Default)]
pub struct Faults {
    /// What is missing or damaged.
    damaged: usize,
    /// Segments that the system does not let us read: nothing is known of them.
    unread: usize,
}

impl Faults {
    /// What a command that has shown everything ends with.
    ///
    /// # Errors
    /// [`Failure::JournalDamaged`], [`Failure::JournalUnread`].
    pub const fn verdict(&self) -> Result<(), Failure> {
        match *self {
            Self { damaged: 0, unread: 0 } => Ok(()),
            Self { damaged: 0, unread } => Err(Failure::JournalUnread(unread)),
            Self { damaged, unread } => Err(Failure::JournalDamaged(damaged + unread)),
        }
    }
}

/// Shows `reader`'s segments and their faults in order. Returns how many faults there are.
///
/// # Errors
/// What `show` says.
pub fn walk(
    dir: &Path,
    reader: &Reader,
    mut show: impl FnMut(Found<'_>) -> Result<(), Failure>,
) -> Result<Faults, Failure> {
    let (mut row, mut faults) = (Row::default(), Faults::default());
    let (mut next, mut is_used) = (None, false);
    for &number in reader.segments() {
        let mut fault = |segment, text| {
            faults.damaged += 1;
            show(Found::Fault(&Fault { segment, text }))
        };
        let missing = next.replace(number + 1).unwrap_or(number);
        // The list is not of one moment either: the oldest may have been deleted under it.
        if missing < number && !is_deleted(dir, missing) {
            fault(missing, text_of_missing(missing, number - 1))?;
        }
        let (segment, is_damaged) = match judged(dir, number) {
            Ok(Judged::Read(segment, is_damaged)) => (segment, is_damaged),
            Ok(Judged::Deleted) => {
                row = Row::default();
                show(Found::Deleted(number))?;
                continue;
            }
            Err(error @ (JournalError::ReadOnly { .. } | JournalError::System { .. })) => {
                faults.unread += 1;
                show(Found::Fault(&Fault { segment: number, text: error.to_string() }))?;
                continue;
            }
            Err(error) => {
                fault(number, error.to_string())?;
                continue;
            }
        };
        match row.follow(dir, &segment, is_damaged) {
            None => {}
            Some(Step::Jump(text)) => show(Found::Lost(&Fault { segment: number, text }))?,
            Some(Step::Break(text)) => fault(number, text)?,
        }
        show(Found::Segment(&segment))?;
        if is_damaged {
            for text in damage_of(&segment) {
                show(Found::Fault(&Fault { segment: number, text }))?;
                faults.damaged += 1;
            }
        } else if segment.condition() != Condition::Whole {
            let text = format!("segment {number}: {}", text_of(segment.condition()));
            show(Found::Torn(text))?;
        }
        is_used |= segment.first_state().is_some();
    }
    // Retention leaves the last segment that was used.
    if let Some(&first) = reader.segments().first()
        && first > 1
        && faults.verdict().is_ok()
        && !is_used
    {
        let text = format!("all segments before {first} are missing");
        show(Found::Fault(&Fault { segment: 1, text }))?;
        faults.damaged += 1;
    }
    Ok(faults)
}

fn text_of_missing(first: u32, last: u32) -> String {
    if first == last {
        format!("segment {first} is missing")
    } else {
        format!("segments {first} to {last} are missing")
    }
}

/// Every place in a segment that is damaged.
fn damage_of(segment: &StoredSegment) -> Vec<String> {
    let number = segment.number();
    let gaps = segment.parts().filter_map(|part| match part {
        Part::NoRecord { offset, bytes } => Some((offset, bytes)),
        Part::Entry(_) => None,
    });
    let mut places: Vec<_> = gaps
        .map(|(offset, bytes)| {
            format!("segment {number}: damaged at offset {offset}: {bytes} bytes are no record")
        })
        .collect();
    if let short @ Condition::Short { .. } = segment.condition()
        && places.is_empty()
    {
        places.push(format!("segment {number}: {}", text_of(short)));
    }
    places
}

/// Whether each segment begins where the one before ends.
#[derive(Default)]
struct Row {
    before: Option<Before>,
}

struct Before {
    number: u32,
    ends: State,
    is_damaged: bool,
}

/// What is wrong between two segments, in words.
enum Step {
    /// What was between them cannot be read.
    Jump(String),
    /// They do not belong together.
    Break(String),
}

impl Row {
    /// What is wrong between the last segment that could be read and this one.
    fn follow(&mut self, dir: &Path, next: &StoredSegment, is_damaged: bool) -> Option<Step> {
        let begins = next.first_state()?;
        let before = self.before.take();
        let number = next.number();
        self.before = next.last_state().map(|ends| Before { number, ends, is_damaged });
        // Records behind damage are not in the last state.
        let before = before.filter(|one| one.ends != begins && !one.is_damaged)?;
        if before.number + 1 < number {
            let text = text_between(before.ends, begins);
            let text = format!("between segments {} and {number}: {text}", before.number);
            return Some(Step::Jump(text));
        }
        // One that was being written when it was read has grown since.
        let has_grown = matches!(
            judged(dir, before.number),
            Ok(Judged::Read(again, false)) if again.last_state() == Some(begins)
        );
        let text = format!("segment {number} does not begin where segment {} ends", before.number);
        (!has_grown).then_some(Step::Break(text))
    }
}

/// Which numbers are not there.
fn text_between(ends: State, begins: State) -> String {
    let epoch = ends.epoch;
    if epoch != begins.epoch {
        let State { next_in, next_out, .. } = ends;
        let State { epoch: to, next_in: to_in, next_out: to_out, .. } = begins;
        return format!(
            "from next in {next_in}, next out {next_out} of epoch {epoch} to next in {to_in}, next out {to_out} \
             of epoch {to}"
        );
    }
    let way = |from: u64, to: u64, what: &str| match to.checked_sub(from) {
        None | Some(0) => format!("nothing {what}"),
        Some(1) => format!("{from} {what}"),
        Some(_) => format!("{from} to {} {what}", to - 1),
    };
    let sent = way(ends.next_out, begins.next_out, "out");
    let received = way(ends.next_in, begins.next_in, "in");
    format!("epoch {epoch}, MsgSeqNum {sent}, {received} are not there")
}
