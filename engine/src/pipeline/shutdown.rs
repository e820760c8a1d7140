//! The way down: the strategy cancels, the sessions log out, the threads end.

use std::time::Duration;

use taut_codec::value::UtcTime;

use crate::conductor::LinkEvent;
use crate::desk::Desk;
use crate::event::{DownReason, Event, EventKind};
use crate::strategy::Strategy;

/// Longest wait for cancels to be confirmed.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for logouts to be confirmed; the session's own time-out is shorter.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(15);

/// Where an engine stands between start and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Trading.
    Running,
    /// The strategy was asked to stop; its orders are being cancelled.
    Cancelling {
        /// Since when.
        since: UtcTime,
    },
    /// Logouts are sent.
    LoggingOut {
        /// Since when.
        since: UtcTime,
    },
    /// Over.
    Done,
}

/// Which sessions have come to their end, and why.
#[derive(Debug)]
pub struct Sessions {
    ended: Vec<Option<DownReason>>,
    /// Those that nobody brings back.
    over: Vec<bool>,
    /// When each was up for the first time.
    first_up: Vec<Option<UtcTime>>,
}

impl Sessions {
    /// So many, none of which was up.
    pub fn new(count: usize) -> Self {
        Self { ended: vec![None; count], over: vec![false; count], first_up: vec![None; count] }
    }

    /// Follows the sessions.
    pub fn on_event(&mut self, event: &Event, now: impl FnOnce() -> UtcTime) {
        let at = usize::from(event.session.0);
        let (Some(ended), Some(over)) = (self.ended.get_mut(at), self.over.get_mut(at)) else {
            return;
        };
        match event.kind {
            EventKind::SessionUp { .. } => {
                *ended = None;
                self.first_up[at].get_or_insert_with(now);
            }
            EventKind::SessionDown { reason, .. } => *ended = Some(reason),
            EventKind::Link(LinkEvent::Over { .. }) => *over = true,
            EventKind::Link(LinkEvent::Dialling { .. }) => *over = false,
            _ => {}
        }
    }

    /// Why each session ended; by [`SessionId`](crate::command::SessionId).
    pub fn ended(&self) -> &[Option<DownReason>] {
        &self.ended
    }

    /// When each session was up for the first time.
    pub fn first_up(&self) -> &[Option<UtcTime>] {
        &self.first_up
    }

    /// Whether every session has come to its end, and nobody brings one back.
    fn are_over(&self) -> bool {
        self.over.iter().all(|over| *over)
    }

    /// Whether a desk that stops has nothing to wait for: it is done, or what is left needs a trading
    /// session that nobody brings back.
    fn have_no_more_for<S: Strategy>(&self, desk: &Desk<S>) -> bool {
        desk.waits_in_vain(|session| self.over[usize::from(session.0)])
    }

    /// Whether a session ended that nobody brings back: half an engine does not trade on.
    fn is_one_lost(&self) -> bool {
        self.over.iter().any(|over| *over)
    }
}

impl Shutdown {
    /// When [`Shutdown::step`] has something to do, as things stand: at once, at a time-out, or never.
    pub fn next_deadline<S: Strategy>(
        &self,
        desk: &Desk<S>,
        sessions: &Sessions,
        stop: bool,
    ) -> UtcTime {
        const NEVER: UtcTime = UtcTime(u64::MAX);
        let after = |since: UtcTime, limit: Duration| since.plus_nanos(limit.as_nanos() as u64 + 1);
        match *self {
            Self::Done => NEVER,
            _ if sessions.are_over() => UtcTime(0),
            Self::Running if stop || desk.is_stopping() || sessions.is_one_lost() => UtcTime(0),
            Self::Running => NEVER,
            Self::Cancelling { .. } if sessions.have_no_more_for(desk) => UtcTime(0),
            Self::Cancelling { since } => after(since, CANCEL_TIMEOUT),
            Self::LoggingOut { since } => after(since, LOGOUT_TIMEOUT),
        }
    }

    /// One step, if it is time for one. `stop`: whether the engine was asked to end.
    pub fn step<S: Strategy>(
        &mut self,
        desk: &mut Desk<S>,
        sessions: &Sessions,
        stop: bool,
        now: UtcTime,
    ) {
        let over =
            |since: UtcTime, limit: Duration| now.nanos_since(since) > limit.as_nanos() as u64;
        match *self {
            Self::Running if stop || desk.is_stopping() || sessions.is_one_lost() => {
                desk.stop();
                *self = Self::Cancelling { since: now };
            }
            _ if *self != Self::Done && sessions.are_over() => *self = Self::Done,
            Self::Cancelling { since }
                if sessions.have_no_more_for(desk) || over(since, CANCEL_TIMEOUT) =>
            {
                desk.log_out();
                *self = Self::LoggingOut { since: now };
            }
            Self::LoggingOut { since } if over(since, LOGOUT_TIMEOUT) => *self = Self::Done,
            _ => {}
        }
    }
}
