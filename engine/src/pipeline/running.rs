//! What the owner of a running engine has in hand.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::gatherer::{SharedCollector, lock};
use super::{Control, Faults, IdlePolicy, Layout, Memory, Pinning, Problems, Progress};
use crate::command::SessionId;
use crate::desk::Desk;
use crate::event::DownReason;
use crate::journal::{JournalError, Recovered};
use crate::limits::INSTRUMENTS_MAX;
use crate::order::PositionTruth;
use crate::risk::LimitSet;
use crate::trace::{Latency, Sent};
use crate::types::InstrumentId;

/// A running engine. Dropping it stops the engine and waits for the end.
#[must_use = "dropping it stops the engine"]
pub struct Running<S> {
    pub(super) control: Arc<Control>,
    /// Gone only when it was joined.
    pub(super) thread: Option<JoinHandle<std::io::Result<Outcome<S>>>>,
    pub(super) layout: Layout,
    pub(super) instruments: usize,
    pub(super) recovered: Vec<(SessionId, Recovered)>,
    pub(super) problems: Problems,
    pub(super) collector: SharedCollector,
}

/// Steers an engine from anywhere, a signal handler's thread for example. What it asks for is done
/// between two events, within a fraction of a millisecond.
#[derive(Debug, Clone)]
pub struct Operator {
    control: Arc<Control>,
    instruments: usize,
}

impl Operator {
    /// As [`Running::stop`].
    pub fn stop(&self) {
        self.control.stop.store(true, Ordering::Relaxed);
    }

    /// Pulls the kill switch: everything is cancelled, and every order and replace is refused until
    /// [`Operator::rearm`]. The sessions stay.
    pub fn kill(&self) {
        self.control.wish_kill();
    }

    /// Releases the kill switch, whoever pulled it. A loss that is still beyond its limit pulls it again.
    pub fn rearm(&self) {
        self.control.wish_rearm();
    }

    /// Says what the venue's own records show of a position that was uncertain
    /// ([`SessionUpdate::PositionUncertain`](crate::strategy::SessionUpdate::PositionUncertain)): what was
    /// filled unseen is added, and nothing more counts as possibly filled.
    ///
    /// # Errors
    /// [`NotSettled`]; nothing has changed.
    pub fn settle_position(&self, truth: PositionTruth) -> Result<(), NotSettled> {
        if usize::from(truth.instrument.0) >= self.instruments {
            return Err(NotSettled::NoInstrument(truth.instrument));
        }
        let mut truths = self.control.truths.lock().unwrap_or_else(PoisonError::into_inner);
        if truths.len() == INSTRUMENTS_MAX {
            return Err(NotSettled::TooMany);
        }
        truths.push(truth);
        self.control.truths_set.store(true, Ordering::Release);
        Ok(())
    }

    /// Puts other limits in the place of the old ones, from the next command on. Orders that are open
    /// stay, also those that the new limits would refuse. A later call takes the place of an earlier one
    /// that has not come into force yet.
    ///
    /// # Errors
    /// [`WrongLimits`]: there is not one for each instrument; nothing has changed.
    pub fn set_limits(&self, limits: LimitSet) -> Result<(), WrongLimits> {
        let (given, instruments) = (limits.each.len(), self.instruments);
        if given != instruments {
            return Err(WrongLimits { given, instruments });
        }
        let slot = self.control.limits.lock();
        *slot.unwrap_or_else(PoisonError::into_inner) = Some(limits);
        self.control.limits_set.store(true, Ordering::Release);
        Ok(())
    }
}

/// Why what was said of a position is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSettled {
    /// The engine has no such instrument.
    #[error("the engine has no instrument {}", .0.0)]
    NoInstrument(InstrumentId),
    /// [`INSTRUMENTS_MAX`] that were said before wait.
    #[error("{INSTRUMENTS_MAX} that were said before wait")]
    TooMany,
}

/// There has to be one limit for each instrument of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("limits of {given} instruments, the engine has {instruments}")]
pub struct WrongLimits {
    /// How many there were.
    pub given: usize,
    /// How many there are to be.
    pub instruments: usize,
}

impl<S> Running<S> {
    /// A handle that can steer the engine while this one is waited on.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator { control: Arc::clone(&self.control), instruments: self.instruments }
    }

    /// Why the last dial of `session` failed, in words; `None` if it did not.
    #[must_use]
    pub fn dial_problem(&self, session: SessionId) -> Option<String> {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.get(usize::from(session.0)).cloned().flatten()
    }

    /// Asks the engine to end, wherever it stands: the strategy cancels, the sessions log out, a dial or a
    /// wait ends. Returns at once.
    pub fn stop(&self) {
        self.control.stop.store(true, Ordering::Relaxed);
    }

    /// What the journals held at the start, and what of them had to be repaired.
    #[must_use]
    pub fn recovered(&self) -> &[(SessionId, Recovered)] {
        &self.recovered
    }

    /// Whether the engine has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Threads of the path that have stood still for `path.stall_ms` and still do, by name: inside a callback
    /// of the strategy, inside a system call, or without a core.
    pub fn stalled(&self) -> impl Iterator<Item = &'static str> + '_ {
        let threads = self.layout.threads().iter().zip(&self.control.stalls);
        threads.filter(|(_, stall)| stall.is_on()).map(|(name, _)| *name)
    }

    /// Figures of the moment.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.control.progress.lock().map_or_else(|error| **error.get_ref(), |progress| *progress)
    }

    /// Where the time went so far, but for the last few milliseconds. It is worked out on the calling thread,
    /// which takes about a millisecond; no thread of the path waits for it, or does anything for it.
    #[must_use]
    pub fn latency(&self) -> Latency {
        lock(&self.collector).latency()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// If the system refused the engine a thread or a descriptor.
    ///
    /// # Panics
    /// If a thread of the engine panicked; the panic is passed on.
    pub fn join(mut self) -> std::io::Result<Outcome<S>> {
        let thread = self.thread.take().expect("only this takes it, and it takes the whole");
        match thread.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl<S> Drop for Running<S> {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the engine has been printed; here it must not become an abort.
            drop(thread.join());
        }
    }
}

/// What an engine came to.
pub struct Outcome<S> {
    /// The desk as it was at the end: the strategy, books, orders, positions, counters.
    pub desk: Desk<S>,
    /// Why each session ended, by [`SessionId`]: [`super::MARKET_DATA`], [`super::TRADING`], and those of the
    /// second market, if there is one.
    pub ended: Vec<Option<DownReason>>,
    /// How long after [`Engine::start`](super::Engine::start) each session was logged on for the first time;
    /// `None`: never.
    pub logged_on_after: Vec<Option<Duration>>,
    /// The memory of the process when the path had ended; `None` if the system does not tell.
    pub memory: Option<Memory>,
    /// Why the last dial of each session failed, in words; `None` if it did not.
    pub dial_problems: Vec<Option<String>>,
    /// Where the time went.
    pub latency: Latency,
    /// The first `path.sent_log` order commands, in the order in which they were sent.
    pub sent: Vec<Sent>,
    /// Order commands that the log had no room for; 0 if there is no log.
    pub sent_lost: u64,
    /// Trace records that were lost because the housekeeping thread was late; the latency tables and
    /// the list of sent commands miss them.
    pub traces_lost: u64,
    /// The first thing that went wrong with a journal off the path; it was tried again.
    pub journal_trouble: Option<JournalError>,
    /// Where the threads ran.
    pub pinning: Vec<Pinning>,
    /// Page faults of the threads of the path, from the first round of each to its last; none if the system does
    /// not tell.
    pub faults: Vec<Faults>,
    /// How the threads waited.
    pub idle: IdlePolicy,
}

impl<S> Outcome<S> {
    /// How a session ended, in words: also why there was no connection at the end, or never one.
    ///
    /// # Panics
    /// If the engine had no such session.
    #[must_use]
    pub fn how_ended(&self, session: SessionId) -> String {
        let at = usize::from(session.0);
        match (&self.ended[at], &self.dial_problems[at]) {
            (Some(reason), None) => reason.to_string(),
            (Some(reason), Some(problem)) => format!("{reason}; not connected again: {problem}"),
            (None, Some(problem)) => format!("never connected: {problem}"),
            (None, None) => "never connected".to_owned(),
        }
    }
}
