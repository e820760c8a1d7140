//! What the journals' thread does for them, and how the strategy hears of trouble with a disk: once when an
//! episode begins, and once when it is over.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use super::Control;
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
                        news.end(now.saturating_duration_since(episode.since).as_millis() as u64);
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
    /// How often there was something new that is wrong.
    began: AtomicU32,
    /// `began` when the disk was last found to be well after trouble.
    over: AtomicU32,
    full: AtomicBool,
    ms: AtomicU64,
}

/// How far the strategy's stage is with [`DiskNews`].
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Heard {
    began: u32,
    over: u32,
}

impl DiskNews {
    fn begin(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
        self.began.fetch_add(1, Ordering::Release);
    }

    fn end(&self, ms: u64) {
        self.ms.store(ms, Ordering::Relaxed);
        self.over.store(self.began.load(Ordering::Relaxed), Ordering::Release);
    }

    /// The next alarm, if there is one. Who is far behind hears of the last episode only.
    pub fn next(&self, heard: &mut Heard) -> Option<Alarm> {
        // In this order: what is over has begun.
        let over = self.over.load(Ordering::Acquire);
        let began = self.began.load(Ordering::Acquire);
        if heard.began != began {
            heard.began = began;
            return Some(Alarm::JournalDisk { full: self.full.load(Ordering::Relaxed) });
        }
        let is_news = heard.over != over && over == began;
        heard.over = over;
        is_news.then(|| Alarm::JournalDiskWell { ms: self.ms.load(Ordering::Relaxed) })
    }
}
