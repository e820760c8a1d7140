//! Sessions that the gateway ended, and why: for whoever runs the venue, because the other side sees the end of its
//! connection only.

use std::fmt::{Display, Formatter, Result};

use taut::types::CompId;

use super::Service;
use crate::limits::DROPS_MAX;

/// Why the gateway ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// Its peer did not read what it was sent.
    Slow,
    /// Too many of its messages were refused within a second (venue file 3.7).
    Errors,
}

/// A line for whoever runs the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DroppedSession {
    /// SenderCompID(49).
    pub sender: CompId,
    /// What it was connected to.
    pub service: Service,
    /// Why.
    pub why: DropReason,
}

impl Display for DroppedSession {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { sender, service, why } = self;
        let why = match why {
            DropReason::Slow => "it did not read what it was sent",
            DropReason::Errors => "too many of its messages were refused within a second",
        };
        write!(f, "session dropped: {sender} on {}: {why}", service.name())
    }
}

/// All of them counted, and those that are to be told.
#[derive(Debug, Default)]
pub(super) struct Drops {
    pub(super) slow: u64,
    pub(super) errors: u64,
    lines: Vec<DroppedSession>,
}

impl Drops {
    pub(super) fn note(&mut self, sender: CompId, service: Service, why: DropReason) {
        match why {
            DropReason::Slow => self.slow += 1,
            DropReason::Errors => self.errors += 1,
        }
        // Whoever does not ask for them has the counts.
        if self.lines.len() < DROPS_MAX {
            self.lines.push(DroppedSession { sender, service, why });
        }
    }

    pub(super) fn take(&mut self) -> Vec<DroppedSession> {
        std::mem::take(&mut self.lines)
    }
}
