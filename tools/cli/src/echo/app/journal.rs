//! The journal of a counterparty: what is stored when, and what happens when it has no room.
//!
//! What is not stored is neither sent nor taken: the connection ends. From then on it is tried, again and again,
//! to go on from the journal as a new process would. What the counterparty had sent and what was not stored is
//! asked for by the next session; what was answered and not stored never left.

use std::fmt;
use std::path::PathBuf;

use taut::journal::{AppendError, JournalError, Keeper, State};
use taut::session::Session;
use taut_codec::value::UtcTime;

use super::Peer;
use crate::echo::store;

/// How long after one attempt to go on the next is made.
pub(in crate::echo) const RETRY_NS: u64 = 1_000_000_000;

/// What has happened to a counterparty's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreEvent {
    /// It did not take something. The session is over.
    Stopped(AppendError),
    /// It could not be gone on from, for a reason that was not told before; it is tried again.
    Refused(String),
    /// It is gone on from, with these numbers: the counterparty may come back.
    GoesOn(State),
}

impl fmt::Display for StoreEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(error) => write!(f, "{error}"),
            Self::Refused(reason) => write!(f, "cannot go on yet: {reason}"),
            Self::GoesOn(State { next_in, next_out, .. }) => {
                write!(
                    f,
                    "there is room again: goes on with next in {next_in}, next out {next_out}"
                )
            }
        }
    }
}

impl Peer {
    /// Goes on from the journal in `dir`, and keeps everything there.
    pub fn keep_in(&mut self, dir: PathBuf) -> Result<State, JournalError> {
        let state = store::in_journal(&mut self.session, &dir)?;
        self.dir = Some(dir);
        Ok(state)
    }

    /// Whether the journal refused something: nothing is taken or sent.
    pub fn has_failed(&self) -> bool {
        self.journal_failed.is_some()
    }

    /// Whether [`Peer::recover`] may help against that.
    pub fn can_recover(&self) -> bool {
        self.dir.is_some() && self.journal_failed == Some(AppendError::NoSegment)
    }

    /// Tries, now and then, to go on after a journal that had no room. Between connections.
    pub fn recover(&mut self, now: UtcTime) {
        let Some(dir) = self.dir.clone().filter(|_| self.can_recover()) else { return };
        if self.is_connected() || now < self.retry_at {
            return;
        }
        self.retry_at = now.plus_nanos(RETRY_NS);
        // The old one is closed first: a journal has one writer.
        self.session = Session::new(*self.session.config());
        match store::in_journal(&mut self.session, &dir) {
            Ok(state) => {
                self.journal_failed = None;
                self.refusal.clear();
                self.outbox.clear();
                self.seen.clear();
                // The next session asks for it.
                self.waiting.clear();
                self.waiting_bytes = 0;
                self.store_events.push(StoreEvent::GoesOn(state));
            }
            Err(error) => {
                let reason = error.to_string();
                if reason != self.refusal {
                    self.store_events.push(StoreEvent::Refused(reason.clone()));
                    self.refusal = reason;
                }
            }
        }
    }

    /// What has happened to the journal since this was asked last.
    pub fn take_store_events(&mut self) -> Vec<StoreEvent> {
        std::mem::take(&mut self.store_events)
    }

    /// Tells on standard error what has happened to the journal.
    pub fn tell_store_events(&mut self) {
        for event in self.take_store_events() {
            eprintln!("taut: {}: journal: {event}", self.session.config().target.as_str());
        }
    }

    /// What became of an attempt to store something.
    pub(super) fn note_stored(&mut self, stored: Result<(), AppendError>) {
        if let (Err(error), None) = (stored, self.journal_failed) {
            self.journal_failed = Some(error);
            self.store_events.push(StoreEvent::Stopped(error));
        }
    }

    /// Stores what is to be sent, and which messages have their answer with it.
    pub(super) fn store(&mut self, now: UtcTime) -> Result<(), AppendError> {
        Keeper::outbound(&mut self.session, &self.outbox, now)?;
        let next_unanswered = self.next_unanswered();
        Keeper::handed_over(&mut self.session, next_unanswered)
    }

    /// Below which number of the counterparty all is answered.
    fn next_unanswered(&self) -> u64 {
        self.waiting.front().map_or(u64::MAX, |first| first.msg_seq_num)
    }
}
