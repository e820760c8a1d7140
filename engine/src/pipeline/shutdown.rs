//! The way down: the strategy cancels, the sessions log out, the threads end.

use std::time::Duration;

use taut_codec::value::UtcTime;

use super::{MARKET_DATA, TRADING};
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

/// Which sessions have come to their end.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionsUp {
    ended: u64,
}

/// Both sessions of an engine.
const ALL: u64 = 1 << MARKET_DATA.0 | 1 << TRADING.0;

impl SessionsUp {
    /// Follows the sessions.
    pub const fn on_event(&mut self, event: &Event) {
        let bit = 1 << (event.session.0 & 63);
        match event.kind {
            EventKind::SessionUp { .. } => self.ended &= !bit,
            // A logon that was refused counts too: there is nothing to wait for.
            EventKind::SessionDown(_) => self.ended |= bit,
            _ => {}
        }
    }

    /// Whether every session has come to its end. One that still logs on has not: it must not be given
    /// up because the other one was refused first.
    const fn is_over(self) -> bool {
        self.ended == ALL
    }
}

impl Shutdown {
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
            _ if *self != Self::Done && sessions.is_over() => *self = Self::Done,
            Self::Cancelling { since } if desk.is_done() || over(since, CANCEL_TIMEOUT) => {
                desk.log_out();
                *self = Self::LoggingOut { since: now };
            }
            Self::LoggingOut { since } if over(since, LOGOUT_TIMEOUT) => *self = Self::Done,
            _ => {}
        }
    }
}
