//! What a thread of the path does when there is nothing to do.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::watchdog::Pulse;

/// Idle policy of the threads of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdlePolicy {
    /// Never sleeps: one core per thread. The lowest latency.
    Spin,
    /// Spins for a while, then sleeps until a socket or another thread has something: for machines
    /// with fewer cores than threads.
    Park,
}

/// Longest sleep: bounds how late a timer fires, and heals any wake-up that a transport cannot give.
pub(super) const SLEEP_MAX: Duration = Duration::from_millis(1);
/// Empty rounds before a parking thread sleeps.
const SPINS_BEFORE_SLEEP: u32 = 64;
const BELL: Token = Token(usize::MAX);

/// Wakes one thread. Costs a system call only if that thread sleeps.
#[derive(Debug)]
pub struct Bell {
    waker: Waker,
    asleep: CachePadded<AtomicBool>,
}

impl Bell {
    /// To be called after work was put into the thread's ring.
    pub fn ring(&self) {
        // Pairs with the fence in `Idle::rest`: either we see the sleeper, or it sees our work.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            // A failure leaves the sleeper to its time-out, SLEEP_MAX.
            let _ = self.waker.wake();
        }
    }
}

/// The idle state of one thread.
pub struct Idle {
    policy: IdlePolicy,
    empty_rounds: u32,
    poll: Poll,
    events: Events,
    bell: Arc<Bell>,
    pulse: Arc<Pulse>,
}

impl Idle {
    /// For one thread.
    ///
    /// # Errors
    /// If the system refuses an epoll or event descriptor.
    pub fn new(policy: IdlePolicy) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), BELL)?;
        Ok(Self {
            policy,
            empty_rounds: 0,
            events: Events::with_capacity(16),
            poll,
            bell: Arc::new(Bell { waker, asleep: CachePadded::new(AtomicBool::new(false)) }),
            pulse: Arc::default(),
        })
    }

    /// What wakes this thread.
    #[must_use]
    pub fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bell)
    }

    /// Beats once a round.
    pub(super) fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Also wake when `fd` becomes readable.
    ///
    /// # Errors
    /// If the system refuses to watch it.
    pub fn watch(&mut self, fd: RawFd) -> io::Result<()> {
        self.poll.registry().register(&mut SourceFd(&fd), Token(0), Interest::READABLE)
    }

    /// `fd` is about to be closed.
    pub fn unwatch(&mut self, fd: RawFd) {
        // It may never have been watched.
        let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
    }

    /// There was work in this round.
    pub fn worked(&mut self) {
        self.pulse.beat();
        self.empty_rounds = 0;
    }

    /// There was no work in this round. `has_work` is asked once more before the thread sleeps.
    pub fn rest(&mut self, has_work: impl FnOnce() -> bool) {
        self.pulse.beat();
        self.empty_rounds = self.empty_rounds.saturating_add(1);
        if self.policy == IdlePolicy::Spin || self.empty_rounds < SPINS_BEFORE_SLEEP {
            std::hint::spin_loop();
            return;
        }
        self.sleep_unless(has_work);
    }

    /// Sleeps at once, whatever the policy: for a tool that must not take the core of what it talks to.
    pub fn sleep(&mut self) {
        self.sleep_unless(|| false);
    }

    fn sleep_unless(&mut self, has_work: impl FnOnce() -> bool) {
        self.bell.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if !has_work() {
            // An interrupted or failed poll is an early end of the sleep.
            let _ = self.poll.poll(&mut self.events, Some(SLEEP_MAX));
        }
        self.bell.asleep.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_that_rings_before_the_sleep_is_not_lost() {
        let mut idle = Idle::new(IdlePolicy::Park).expect("descriptors");
        let bell = idle.bell();
        let (mut rounds, mut asked) = (0, 0);
        while asked < 3 {
            idle.rest(|| {
                asked += 1;
                true
            });
            rounds += 1;
        }
        assert_eq!(rounds, SPINS_BEFORE_SLEEP + 2, "asked on every round after the spins");
        bell.ring();
        assert!(!bell.asleep.load(Ordering::Relaxed));
    }

    #[test]
    fn a_spinning_thread_never_sleeps() {
        let mut idle = Idle::new(IdlePolicy::Spin).expect("descriptors");
        for _ in 0..10 * SPINS_BEFORE_SLEEP {
            idle.rest(|| panic!("a spinning thread does not prepare to sleep"));
        }
    }

    #[test]
    fn a_sleeping_thread_wakes_for_the_bell() {
        let mut idle = Idle::new(IdlePolicy::Park).expect("descriptors");
        let bell = idle.bell();
        idle.empty_rounds = SPINS_BEFORE_SLEEP;
        idle.rest(|| {
            bell.ring();
            false
        });
        let woken = idle.events.iter().any(|event| event.token() == BELL);
        assert!(woken, "the poll returned for the bell, not for its time-out");
    }
}
