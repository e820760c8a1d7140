//! Takes what the path tells of itself out of its ring, on the housekeeping thread, and tells when some of it
//! was lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtrb::Consumer;

use super::Control;
use super::episodes::{Episodes, Heard, News};
use crate::event::Alarm;
use crate::trace::{Collector, Record};

/// After so long without a further loss it is a new episode.
const QUIET: Duration = Duration::from_secs(1);

/// The tables, shared with whoever owns the engine; no thread of the path waits for them.
pub(super) type SharedCollector = Arc<Mutex<Collector>>;

/// The housekeeping thread's end of the trace ring.
pub(super) struct Gatherer {
    records: Consumer<Record>,
    /// Counted by the path.
    lost: Arc<AtomicU64>,
    collector: SharedCollector,
    /// Of `lost`, how many have been seen here, and when the last of them was.
    seen: u64,
    seen_at: Instant,
}

impl Gatherer {
    pub fn new(
        records: Consumer<Record>,
        lost: Arc<AtomicU64>,
        collector: SharedCollector,
    ) -> Self {
        Self { records, lost, collector, seen: 0, seen_at: Instant::now() }
    }

    /// Takes what is there; to be called every few milliseconds.
    pub fn run(&mut self, now: Instant, control: &Control) {
        self.gather();
        let (lost, news) = (self.lost(), &control.traces);
        if lost != self.seen {
            (self.seen, self.seen_at) = (lost, now);
            if !news.episodes.is_on() {
                news.begin(lost);
            }
        } else if news.episodes.is_on() {
            let quiet = now.saturating_duration_since(self.seen_at);
            if quiet >= QUIET {
                news.episodes.end(quiet.as_millis() as u64);
            }
        }
    }

    /// Takes what is there, and no alarm is raised any more.
    pub fn gather(&mut self) {
        let mut collector = lock(&self.collector);
        // No more than there are now: whoever wants to look need not wait for a path that is never idle.
        for _ in 0..self.records.slots() {
            if let Ok(record) = self.records.pop() {
                collector.add(&record);
            }
        }
    }

    /// Records that were lost since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The tables.
    pub fn collector(&self) -> MutexGuard<'_, Collector> {
        lock(&self.collector)
    }
}

/// Whatever panicked while it held the tables: they are figures, and each record is whole.
pub(super) fn lock(collector: &Mutex<Collector>) -> MutexGuard<'_, Collector> {
    collector.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the strategy's stage is to tell of lost records.
#[derive(Debug, Default)]
pub(super) struct TraceNews {
    episodes: Episodes,
    records: AtomicU64,
}

impl TraceNews {
    fn begin(&self, records: u64) {
        self.records.store(records, Ordering::Relaxed);
        self.episodes.begin();
    }

    /// The next alarm, if there is one.
    pub fn next(&self, heard: &mut Heard) -> Option<Alarm> {
        loop {
            if self.episodes.next(heard)? == News::Began {
                return Some(Alarm::TracesLost { records: self.records.load(Ordering::Relaxed) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::SessionId;
    use crate::pipeline::core::traces::Traces;
    use crate::trace::{Clock, Stage, Stamps};
    use crate::types::ClOrdId;

    /// Records that the ring holds.
    const ROOM: usize = 4;

    fn record(msg_seq_num: u64) -> Record {
        let mut stamps = Stamps::NONE;
        Stage::ALL.into_iter().for_each(|stage| stamps.set(stage, 5));
        let cl_ord_id = ClOrdId::numeric(msg_seq_num);
        Record::Sent { session: SessionId(1), msg_type: b'D', msg_seq_num, cl_ord_id, stamps }
    }

    #[test]
    fn a_full_trace_ring_is_told_once_for_each_episode_and_what_it_held_is_gathered() {
        let (producer, records) = rtrb::RingBuffer::new(ROOM);
        let mut traces = Traces::new(producer);
        let collector = Arc::new(Mutex::new(Collector::new(Clock::system(), 0)));
        let mut gatherer = Gatherer::new(records, traces.lost(), Arc::clone(&collector));
        let (control, mut heard) = (Control::default(), Heard::default());
        let (mut now, mut sent) = (Instant::now(), 0);
        let mut burst = |count: usize| {
            for _ in 0..count {
                sent += 1;
                traces.push(record(sent));
            }
        };
        burst(ROOM);
        gatherer.run(now, &control);
        assert_eq!(control.traces.next(&mut heard), None, "there was room for all");

        let mut lost = 0;
        for _ in 0..3 {
            for look in 0..5 {
                burst(ROOM + 2);
                lost += 2;
                gatherer.run(now, &control);
                let told = (look == 0).then_some(Alarm::TracesLost { records: lost });
                assert_eq!(control.traces.next(&mut heard), told, "look {look}");
                now += QUIET / 2;
            }
            now += QUIET;
            gatherer.run(now, &control);
            assert_eq!(control.traces.next(&mut heard), None);
        }
        assert_eq!(gatherer.lost(), lost);
        let latency = lock(&collector).latency();
        assert_eq!(latency.total.count, 16 * ROOM as u64, "as many as there was room for");
    }
}
