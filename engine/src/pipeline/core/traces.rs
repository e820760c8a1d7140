//! What the path tells of itself, without waiting for whoever reads it.

use rtrb::Producer;

use crate::trace::Record;

/// The way to the housekeeping thread.
pub(super) struct Traces {
    ring: Producer<Record>,
    lost: u64,
}

impl Traces {
    pub(super) const fn new(ring: Producer<Record>) -> Self {
        Self { ring, lost: 0 }
    }

    /// A record that finds the ring full is lost, and counted.
    pub(super) fn push(&mut self, record: Record) {
        self.lost += u64::from(self.ring.push(record).is_err());
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }
}
