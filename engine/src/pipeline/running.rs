//! What the owner of a running engine has in hand.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use super::{Control, IdlePolicy, Pinning, Problems, Progress};
use crate::command::SessionId;
use crate::desk::Desk;
use crate::event::DownReason;
use crate::journal::{JournalError, Recovered};
use crate::trace::Latency;

/// A running engine. Dropping it stops the engine and waits for the end.
#[must_use = "dropping it stops the engine"]
pub struct Running<S> {
    pub(super) control: Arc<Control>,
    /// Gone only when it was joined.
    pub(super) thread: Option<JoinHandle<std::io::Result<Outcome<S>>>>,
    pub(super) recovered: Vec<(SessionId, Recovered)>,
    pub(super) problems: Problems,
}

/// Ends an engine from anywhere, a signal handler's thread for example.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<Control>);

impl Stopper {
    /// As [`Running::stop`].
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

impl<S> Running<S> {
    /// A handle that can ask for the end while this one is waited on.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.control))
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

    /// Figures of the moment.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.control.progress.lock().map_or_else(|error| **error.get_ref(), |progress| *progress)
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
    /// Why each session ended, by [`SessionId`]: [`super::MARKET_DATA`], [`super::TRADING`].
    pub ended: [Option<DownReason>; 2],
    /// Where the time went, and the log of sent order commands (`path.sent_log`).
    pub latency: Latency,
    /// Trace records that were lost because the housekeeping thread was late; the latency tables and
    /// the list of sent commands miss them.
    pub traces_lost: u64,
    /// The first thing that went wrong with a journal off the path; it was tried again.
    pub journal_trouble: Option<JournalError>,
    /// Where the threads ran.
    pub pinning: Vec<Pinning>,
    /// How the threads waited.
    pub idle: IdlePolicy,
}
