//! The way down: the strategy cancels, the sessions log out, the threads end.

use std::time::Duration;

use taut_codec::value::UtcTime;

use crate::desk::Desk;
use crate::event::{Event, EventKind};
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

/// Which sessions are up.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionsUp {
    up: u64,
    was_up: bool,
    /// Somebody connects again what is down: a running engine outlives its connections.
    pub reconnects: bool,
}

impl SessionsUp {
    /// Follows the sessions.
    pub const fn on_event(&mut self, event: &Event) {
        let bit = 1 << (event.session.0 & 63);
        match event.kind {
            EventKind::SessionUp { .. } => {
                self.up |= bit;
                self.was_up = true;
            }
            EventKind::SessionDown(_) => {
                self.up &= !bit;
                // A logon that was refused counts too: there is nothing to wait for.
                self.was_up = true;
            }
            _ => {}
        }
    }

    /// Whether every session has come to its end.
    fn is_over(self, stage: Shutdown) -> bool {
        let waits = self.reconnects && stage == Shutdown::Running;
        self.was_up && self.up == 0 && !waits
    }
}

impl Shutdown {
    /// When [`Shutdown::step`] has something to do, as things stand: at once, at a time-out, or never.
    pub fn next_deadline<S: Strategy>(
        &self,
        desk: &Desk<S>,
        sessions: SessionsUp,
        stop: bool,
    ) -> UtcTime {
        const NEVER: UtcTime = UtcTime(u64::MAX);
        let after = |since: UtcTime, limit: Duration| since.plus_nanos(limit.as_nanos() as u64 + 1);
        match *self {
            Self::Done => NEVER,
            _ if sessions.is_over(*self) => UtcTime(0),
            Self::Running if stop || desk.is_stopping() => UtcTime(0),
            Self::Running => NEVER,
            Self::Cancelling { .. } if desk.is_done() => UtcTime(0),
            Self::Cancelling { since } => after(since, CANCEL_TIMEOUT),
            Self::LoggingOut { since } => after(since, LOGOUT_TIMEOUT),
        }
    }

    /// One step, if it is time for one. `stop`: whether the engine was asked to end.
    pub fn step<S: Strategy>(
        &mut self,
        desk: &mut Desk<S>,
        sessions: SessionsUp,
        stop: bool,
        now: UtcTime,
    ) {
        let over =
            |since: UtcTime, limit: Duration| now.nanos_since(since) > limit.as_nanos() as u64;
        match *self {
            Self::Running if stop || desk.is_stopping() => {
                desk.stop();
                *self = Self::Cancelling { since: now };
            }
            _ if *self != Self::Done && sessions.is_over(*self) => *self = Self::Done,
            Self::Cancelling { since } if desk.is_done() || over(since, CANCEL_TIMEOUT) => {
                desk.log_out();
                *self = Self::LoggingOut { since: now };
            }
            Self::LoggingOut { since } if over(since, LOGOUT_TIMEOUT) => *self = Self::Done,
            _ => {}
        }
    }
}
