//! What steers the sessions of a core from beside the path: their journals, the state that conductors and
//! owners ask for, and what conductors decide.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use taut_codec::value::UtcTime;

use crate::command::SessionId;
use crate::conductor::Numbers;
use crate::event::{Alarm, DownReason, EventKind};
use crate::journal::{Housekeeper, Journal, JournalError, Keeper};
use crate::kraken::logon::NONCE_WINDOW_MS;
use crate::session::resend::ResendJudge;
use crate::wire::Transmitter;

use super::under_way::UnderWay;
use super::{EventSink, Lane, SessionCore};

impl SessionCore {
    /// Keeps what `session` sends and receives in `journal`, goes on from its state, and answers resend
    /// requests from it, as [`SessionConfig::resend_policy`](crate::session::SessionConfig::resend_policy)
    /// says. Before the first connection.
    ///
    /// A message is stored before its first byte goes to the wire. What cannot be stored does not go: the
    /// connection ends, with [`Alarm::Journal`].
    ///
    /// A message of the venue is used up when the strategy has handled it, and before any command that
    /// follows from it leaves: the strategy gets each at least once, across lives; see [`Keeper`].
    ///
    /// # Errors
    /// [`JournalError::Config`] if the session has a connection, or the numbers are used up.
    pub fn keep_journal(
        &mut self,
        session: SessionId,
        journal: Journal,
    ) -> Result<(), JournalError> {
        let lane = &mut self.lanes[usize::from(session.0)];
        let state = Keeper::attach(&mut lane.session, journal)?;
        lane.logon.continue_after(state.nonce);
        lane.under_way = Some(UnderWay::new());
        Ok(())
    }

    /// The parts of all journals that wait for the disk, for a thread off the path; once.
    pub fn housekeepers(&mut self) -> Vec<(SessionId, Housekeeper)> {
        let part = |lane: &mut Lane| {
            let keeper: &mut Keeper = lane.session.store_mut()?;
            Some((lane.id, keeper.journal_mut().housekeeper()?))
        };
        self.lanes.iter_mut().filter_map(part).collect()
    }

    /// The journal of `session`.
    #[must_use]
    pub fn journal(&self, session: SessionId) -> Option<&Journal> {
        self.lanes[usize::from(session.0)].session.store().map(Keeper::journal)
    }

    /// Who decides, for [`Resend::Ask`](crate::session::Resend::Ask), whether a message of `session` is
    /// sent again. Needs a journal.
    pub fn ask_before_resend(&mut self, session: SessionId, judge: ResendJudge) {
        self.lanes[usize::from(session.0)].session.ask_before_resend(judge);
    }

    /// Counts the trace records that did not fit their ring.
    #[must_use]
    pub fn traces_lost(&self) -> Arc<AtomicU64> {
        self.traces.lost()
    }

    /// Whether `session` has a connection.
    #[must_use]
    pub fn is_connected(&self, session: SessionId) -> bool {
        self.lanes[usize::from(session.0)].transmitter.is_some()
    }

    /// Whether `session` is logged on and in step with the venue.
    #[must_use]
    pub fn is_up(&self, session: SessionId) -> bool {
        self.lanes[usize::from(session.0)].session.is_up()
    }

    /// Where the numbers of `session` stand.
    #[must_use]
    pub fn numbers(&self, session: SessionId) -> Numbers {
        let session = &self.lanes[usize::from(session.0)].session;
        let (epoch, next_in, next_out) = (session.epoch(), session.next_in(), session.next_out());
        Numbers { epoch, next_in, next_out }
    }

    /// Whether [`SessionCore::take_ended`] or [`SessionCore::take_logout_wish`] has something.
    #[must_use]
    pub fn has_news(&self, session: SessionId) -> bool {
        let lane = &self.lanes[usize::from(session.0)];
        lane.ended.is_some() || lane.leaves
    }

    /// Why the last connection of `session` ended, and its transmitter; once.
    pub fn take_ended(&mut self, session: SessionId) -> Option<(DownReason, Option<Transmitter>)> {
        let lane = &mut self.lanes[usize::from(session.0)];
        let reason = lane.ended.take()?;
        Some((reason, lane.spent.take()))
    }

    /// Whether the application has asked for the end of `session`; once.
    pub fn take_logout_wish(&mut self, session: SessionId) -> bool {
        std::mem::take(&mut self.lanes[usize::from(session.0)].leaves)
    }

    /// `session` is about to be dialled: tells if its nonce is so far ahead of the clock that the Logon may
    /// be refused.
    pub fn before_dial(&self, session: SessionId, sink: &mut impl EventSink) {
        let lane = &self.lanes[usize::from(session.0)];
        let ms = lane.logon.nonce_ahead_ms(self.clock.now());
        let Some(warning) = lane.session.config().clock_skew_warning else { return };
        if u128::from(ms) > warning.as_millis() {
            let alarm = Alarm::NonceAhead { ms, window_ms: NONCE_WINDOW_MS };
            lane.emit(EventKind::Alarm(alarm), sink);
        }
    }

    /// Logs `session` out; it may come back.
    pub fn log_out(&mut self, session: SessionId, sink: &mut impl EventSink) {
        let now = self.clock.now();
        let lane = &mut self.lanes[usize::from(session.0)];
        lane.session.logout(None, now, &mut lane.outbox);
        lane.session_events(sink);
    }

    /// Both sequence spaces of `session`, which has no connection, start at 1, in a new epoch.
    pub fn roll_over(&mut self, session: SessionId) {
        let idle = self.lanes[usize::from(session.0)].session.rollover();
        assert!(idle, "the session has no connection");
    }

    /// The next number that `session`, which has no connection, uses is at least this one.
    pub fn skip_to(&mut self, session: SessionId, next_out: u64) {
        // The conductor has looked at the distance. What is refused all the same, because the numbers moved
        // since, leads to the same refusal of the venue, which the conductor counts.
        let _ = self.lanes[usize::from(session.0)].session.skip_to(next_out);
    }

    /// Notes in the journals what has been handled of what was pushed; [`SessionCore::flush`] does so too.
    pub fn note_handled(&mut self, sink: &impl EventSink) {
        for lane in &mut self.lanes {
            lane.note_handled(sink);
        }
    }

    /// When [`SessionCore::tick`] has something to do; the end of time if never.
    #[must_use]
    pub fn next_deadline(&self) -> UtcTime {
        let deadlines = self.lanes.iter().map(|lane| lane.session.next_deadline());
        deadlines.min().unwrap_or(UtcTime(u64::MAX))
    }

    /// Whether the next Logon of `session` asks for a reset (141=Y).
    pub fn ask_reset(&mut self, session: SessionId, reset: bool) {
        self.lanes[usize::from(session.0)].session.set_reset_on_logon(reset);
    }
}
