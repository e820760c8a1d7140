//! What the path tells of itself, without waiting for whoever reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtrb::Producer;

use crate::trace::Record;

/// The way to the housekeeping thread.
pub(in crate::pipeline) struct Traces {
    ring: Producer<Record>,
    lost: Arc<AtomicU64>,
}

impl Traces {
    pub(in crate::pipeline) fn new(ring: Producer<Record>) -> Self {
        Self { ring, lost: Arc::default() }
    }

    /// A record that finds the ring full is lost, and counted.
    pub(in crate::pipeline) fn push(&mut self, record: Record) {
        if self.ring.push(record).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts those that were lost; whoever reads the ring tells of them.
    pub(in crate::pipeline) fn lost(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.lost)
    }
}
