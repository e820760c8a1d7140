//! Threads, rings, pinning, idle policy: the only place with threads.
//!
//! [`Engine`] runs a [`Strategy`] on the layout that the configuration names. Its sessions are dialled,
//! logged on and brought back by [conductors](crate::conductor).

mod control;
mod core;
mod dialler;
mod disk;
mod episodes;
mod full;
mod gatherer;
mod idle;
mod inlet;
mod inline;
mod links;
mod memory;
mod pin;
mod rest;
mod run;
mod running;
mod shutdown;
mod slab;
mod split;
mod start;
mod threads;
mod watchdog;

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

pub use self::control::Control;
pub use self::core::{EventSink, SessionCore};
pub use self::idle::{Bell, Idle, IdlePolicy};
pub use self::inlet::{Inbound, Inlet};
pub use self::inline::{InlineEngine, Watch};
pub use self::links::{Dial, Dialled};
pub use self::memory::{Faults, Memory};
pub use self::pin::{Nice, Pinning, available_cores, pin_current};
pub use self::rest::{RestEnd, RestPort, RestRequest, rest_link};
pub use self::running::{NotSettled, Operator, Outcome, Running, WrongLimits};
pub use self::split::{SplitIo, SplitStrategy, Stepped, split};
pub use self::start::{Engine, StartError};
use crate::command::SessionId;
use crate::desk::{Desk, DeskStats};
use crate::limits::SESSIONS_MAX;
use crate::risk::KillCause;
use crate::strategy::Strategy;

/// How many threads share the stages of the path (design section 3). The code is the same in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// One thread: everything.
    Inline,
    /// Two: the sockets and sessions; the strategy.
    Split,
    /// Three: the reader; the sessions; the strategy.
    Full,
}

impl Layout {
    /// Threads of the path, in the order in which they are pinned.
    #[must_use]
    pub const fn threads(self) -> &'static [&'static str] {
        match self {
            Self::Inline => &["taut-inline"],
            Self::Split => &["taut-io", "taut-strategy"],
            Self::Full => &["taut-reader", "taut-core", "taut-strategy"],
        }
    }
}

/// The market data session of every engine; of the first market, if there are two.
pub const MARKET_DATA: SessionId = SessionId(0);
/// The trading session of every engine; of the first market, if there are two.
pub const TRADING: SessionId = SessionId(1);
/// The market data session of the second market (`[second]`).
pub const SECOND_MARKET_DATA: SessionId = SessionId(2);
/// The trading session of the second market.
pub const SECOND_TRADING: SessionId = SessionId(3);

/// Why the last dial of each session failed, in words, by [`SessionId`].
type Problems = Arc<Mutex<[Option<String>; SESSIONS_MAX]>>;

/// Figures of a running engine, a few milliseconds old.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Counters of the desk.
    pub stats: DeskStats,
    /// Why the kill switch is pulled, if it is.
    pub killed: Option<KillCause>,
}

impl Progress {
    fn of<S: Strategy>(desk: &Desk<S>) -> Self {
        Self { stats: *desk.stats(), killed: desk.killed() }
    }
}
