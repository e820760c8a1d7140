//! Finds a thread of the path that stands still: in a callback of the strategy that does not return, in a
//! system call, or without its core. Whoever owns the engine can ask; the strategy hears of it as soon as its
//! own thread turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use super::Control;

/// Counts the rounds of one thread. A thread makes one at least every
/// [`SLEEP_MAX`](super::idle::SLEEP_MAX), busy or not.
#[derive(Debug, Default)]
pub(super) struct Pulse(CachePadded<AtomicU64>);

impl Pulse {
    /// One more round. Only the thread itself calls this.
    pub fn beat(&self) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    fn beats(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Looks at the pulses from a thread beside the path.
pub(super) struct Watchdog {
    /// How long a thread may stand still.
    limit: Duration,
    threads: Vec<Watched>,
    looked: Instant,
}

struct Watched {
    pulse: Arc<Pulse>,
    beats: u64,
    still: Duration,
}

/// The most that one look adds to how long a thread stands still: a machine that was stopped as a whole, or a
/// watchdog that did not run, is no fault of the thread's.
const LOOK_MAX: Duration = Duration::from_millis(20);

impl Watchdog {
    /// Over the threads of a layout, in their order.
    pub fn new(limit: Duration, pulses: Vec<Arc<Pulse>>, now: Instant) -> Self {
        let watched =
            |pulse: Arc<Pulse>| Watched { beats: pulse.beats(), pulse, still: Duration::ZERO };
        Self { limit, threads: pulses.into_iter().map(watched).collect(), looked: now }
    }

    /// To be called every few milliseconds.
    pub fn look(&mut self, now: Instant, control: &Control) {
        let since = now.saturating_duration_since(self.looked).min(LOOK_MAX);
        self.looked = now;
        for (thread, news) in self.threads.iter_mut().zip(&control.stalls) {
            let beats = thread.pulse.beats();
            if beats == thread.beats {
                thread.still += since;
                if thread.still >= self.limit && !news.is_on() {
                    news.begin();
                }
            } else {
                if news.is_on() {
                    news.end(thread.still.as_millis() as u64);
                }
                (thread.beats, thread.still) = (beats, Duration::ZERO);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::episodes::{Heard, News};

    const LIMIT: Duration = Duration::from_millis(100);
    const STEP: Duration = Duration::from_millis(5);

    struct Bench {
        pulses: Vec<Arc<Pulse>>,
        dog: Watchdog,
        control: Control,
        now: Instant,
    }

    fn bench() -> Bench {
        let pulses: Vec<_> = (0..2).map(|_| Arc::new(Pulse::default())).collect();
        let now = Instant::now();
        let dog = Watchdog::new(LIMIT, pulses.clone(), now);
        Bench { pulses, dog, control: Control::default(), now }
    }

    impl Bench {
        fn after(&mut self, passed: Duration) {
            self.now += passed;
            self.dog.look(self.now, &self.control);
        }

        fn on(&self) -> [bool; 2] {
            [self.control.stalls[0].is_on(), self.control.stalls[1].is_on()]
        }
    }

    #[test]
    fn a_thread_that_makes_no_round_for_the_limit_stands_still_until_it_makes_one() {
        let mut bench = bench();
        for step in 1..=20 {
            bench.pulses[0].beat();
            assert_eq!(bench.on(), [false, false], "before look {step}");
            bench.after(STEP);
        }
        assert_eq!(bench.on(), [false, true]);
        bench.after(STEP);
        bench.pulses[1].beat();
        bench.after(STEP);
        assert!(!bench.on()[1]);
        let mut heard = Heard::default();
        assert_eq!(bench.control.stalls[1].next(&mut heard), Some(News::Began));
        assert_eq!(bench.control.stalls[1].next(&mut heard), Some(News::Over { ms: 105 }));
    }

    #[test]
    fn a_watchdog_that_did_not_run_itself_blames_nobody() {
        let mut bench = bench();
        bench.after(Duration::from_secs(60));
        assert_eq!(bench.on(), [false, false]);
    }
}
