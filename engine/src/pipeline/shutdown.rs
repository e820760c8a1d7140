//! The way down: the strategy cancels, the sessions log out, the threads end.

use std::time::Duration;

use taut_codec::value::UtcTime;

use crate::desk::Desk;
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

impl Shutdown {
    /// One step, if it is time for one. `stop`: whether the engine was asked to end.
    pub fn step<S: Strategy>(&mut self, desk: &mut Desk<S>, stop: bool, now: UtcTime) {
        let over =
            |since: UtcTime, limit: Duration| now.nanos_since(since) > limit.as_nanos() as u64;
        match *self {
            Self::Running if stop || desk.stop_requested() => {
                desk.stop();
                *self = Self::Cancelling { since: now };
            }
            Self::Running if desk.was_up() && desk.all_sessions_down() => *self = Self::Done,
            Self::Cancelling { .. } if desk.all_sessions_down() => *self = Self::Done,
            Self::Cancelling { since } if desk.is_done() || over(since, CANCEL_TIMEOUT) => {
                desk.log_out();
                *self = Self::LoggingOut { since: now };
            }
            Self::LoggingOut { since }
                if desk.all_sessions_down() || over(since, LOGOUT_TIMEOUT) =>
            {
                *self = Self::Done;
            }
            _ => {}
        }
    }
}
