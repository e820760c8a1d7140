//! What a venue keeps over a restart: accounts, balances, positions, orders and their places in the queues,
//! triggers, ids, rate counters, the liquidity, the numbers of the sessions and the reports that they may ask
//! for.
//!
//! ```text
//! DIR/lock                 held while a venue runs here
//! DIR/snapshot             the whole state at one time, with the configuration and a digest
//! DIR/journal/*.journal    what came in since, turn by turn: see taut::journal
//! ```
//!
//! The stages behind the gateway are deterministic: what reaches them ([`Input`]) and when is all that has to
//! be kept, and from it they come to the same state. The gateway is not (secrets, sockets): of it the journal
//! has what a turn left: the numbers of the sessions, who is logged on, the reports that were numbered.
//!
//! All of a turn, from one look at the sockets to the next, is one record, and it is written before the first
//! byte that the turn wants sent leaves. So whatever a client was told is there after a kill at any
//! instruction, and a turn that is not there was never told of: the next life is a venue that was killed
//! between two turns. The kernel has the record as soon as it is written; a power cut may take the last half
//! minute away.
//!
//! So a message that a session has counted was also handed over: it is read, counted, handed to the stages behind
//! and answered within one turn ([`Venue::received`](crate::Venue::received)), and its number, its input and
//! its reports are in the same record, which is there whole or not at all. After a kill before the record the
//! number is not used either: the session misses the message and asks for it.
//!
//! A snapshot is taken at each start, at each clean stop, and when the journal has grown by
//! [`StateConfig::journal_mib`](crate::config::StateConfig::journal_mib). Taking it holds the venue up.
//!
//! # What becomes of what is not kept
//! | what | at the next start |
//! |---|---|
//! | connections | lost: a session that was logged on has lost its connection when the venue comes back, and its orders are cancelled then if it asked for that (8674), unless `session.restart_cancels` says no |
//! | market data subscriptions | gone with their sessions |
//! | a 22:00 UTC that was missed | made up for: the sessions start at 1 |
//! | the liquidity | no time passed for it: it goes on where it was |
//! | what expired meanwhile | expires at the start |
//! | lock-outs, error counts, stickiness to instances | forgotten |
//! | faults and refusals by control | forgotten; the script of the configuration starts anew |

mod input;
mod keep;
mod snapshot;
mod stored;
mod types;

use std::io;
use std::path::{Path, PathBuf};

use taut::journal::JournalError;
use taut_codec::value::UtcTime;

pub use input::Input;
pub(crate) use keep::{Found, Keep};
pub use snapshot::Fingerprint;
pub use stored::{Restored, Source, Stored, save_all, store_bytes};
pub(crate) use stored::{stored, stored_enum};

/// Why a state cannot be gone on with, or cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another venue runs on it.
    #[error("{}: another venue runs on this state", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// It was made with another configuration, in which the orders and accounts of this state may make no
    /// sense.
    #[error("{}: made with another configuration ({}); --fresh starts clean", dir.display(), differences.join("; "))]
    Configuration {
        /// The directory.
        dir: PathBuf,
        /// Which field differs and how; the first few.
        differences: Vec<String>,
    },
    /// It is not what was written.
    #[error("{}: {what}; --fresh starts clean", path.display())]
    Damaged {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The journal cannot be used.
    #[error("state: {0}")]
    Journal(#[from] JournalError),
    /// The journal does not take more.
    #[error("state: {0}")]
    Append(#[from] taut::journal::AppendError),
    /// The system refused something.
    #[error("{}: {error}", path.display())]
    System {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

impl StateError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |error| Self::System { path: path.to_owned(), error }
    }

    fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}

/// What a venue went on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WentOn {
    /// When the life before did something last.
    pub at: UtcTime,
    /// Turns that were replayed on top of the snapshot.
    pub turns: u64,
    /// Inputs of these.
    pub inputs: u64,
    /// Bytes of a turn that was being written when the process was killed: it was told to nobody.
    pub torn_bytes: u64,
    /// The machine went down: the last turns, which clients may have been told of, can be missing.
    pub unconfirmed: bool,
    /// [`Venue::state_digest`](crate::Venue::state_digest) as the life before left it.
    pub digest: [u8; 32],
}
