//! What the journals' thread does for them, and how the strategy hears of trouble with a disk: once when an
//! episode begins, and once when it is over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::Control;
use super::episodes::{Episodes, Heard, News};
use crate::command::SessionId;
use crate::event::Alarm;
use crate::journal::{Housekeeper, JournalError};

/// The journals' thread.
pub(super) struct Housekeeping {
    parts: Vec<Part>,
    /// The first error.
    pub trouble: Option<JournalError>,
}

struct Part {
    session: SessionId,
    housekeeper: Housekeeper,
    episode: Option<Episode>,
}

/// Trouble that is not over.
struct Episode {
    since: Instant,
    /// Whether it was told that the disk fails, and that it is full.
    told: [bool; 2],
}

impl Housekeeping {
    pub fn new(parts: Vec<(SessionId, Housekeeper)>) -> Self {
        let part = |(session, housekeeper)| Part { session, housekeeper, episode: None };
        Self { parts: parts.into_iter().map(part).collect(), trouble: None }
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Does what is due.
    pub fn run(&mut self, control: &Control) {
        let now = Instant::now();
        self.each(control, now, |part| part.run(now));
    }

    /// Does what is left to do at the end.
    pub fn finish(&mut self, control: &Control) {
        self.each(control, Instant::now(), Housekeeper::finish);
    }

    fn each(
        &mut self,
        control: &Control,
        now: Instant,
        mut what: impl FnMut(&mut Housekeeper) -> Result<(), JournalError>,
    ) {
        for part in &mut self.parts {
            let news = &control.disks[usize::from(part.session.0)];
            match what(&mut part.housekeeper) {
                Err(error) => {
                    let full = matches!(error, JournalError::DiskFull { .. });
                    let episode =
                        part.episode.get_or_insert(Episode { since: now, told: [false; 2] });
                    if !std::mem::replace(&mut episode.told[usize::from(full)], true) {
                        news.begin(full);
                    }
                    self.trouble.get_or_insert(error);
                }
                Ok(()) if part.housekeeper.is_well() => {
                    if let Some(episode) = part.episode.take() {
                        let lasted = now.saturating_duration_since(episode.since);
                        news.episodes.end(lasted.as_millis() as u64);
                    }
                }
                Ok(()) => {}
            }
        }
    }
}

/// What the strategy's stage is to tell of the disk of one journal. Written by the journals' thread.
#[derive(Debug, Default)]
pub(super) struct DiskNews {
    episodes: Episodes,
    full: AtomicBool,
}

impl DiskNews {
    fn begin(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
        self.episodes.begin();
    }

    /// The next alarm, if there is one.
    pub fn next(&self, heard: &mut Heard) -> Option<Alarm> {
        Some(match self.episodes.next(heard)? {
            News::Began => Alarm::JournalDisk { full: self.full.load(Ordering::Relaxed) },
            News::Over { ms } => Alarm::JournalDiskWell { ms },
        })
    }
}
