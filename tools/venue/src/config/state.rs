//! Whether accounts, orders and books survive a restart.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, VenueConfig, bad};
use crate::gateway::RoutingMode;
use crate::limits::{STATE_JOURNAL_MIB, STATE_JOURNAL_MIB_MAX};

/// `[state]`: see [`crate::state`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateConfig {
    /// A directory: accounts, orders, books and sessions are kept there, and gone on with at the next start.
    /// Default: in memory, every start is clean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// How far the journal of what happened grows before the next snapshot of everything, MiB. Default 48. More
    /// of it is read at a start, fewer snapshots are written while the venue runs.
    pub journal_mib: u32,
    /// Whether this start forgets what is there. Not in the file: it is said for one start.
    #[serde(skip)]
    pub fresh: bool,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self { dir: None, journal_mib: STATE_JOURNAL_MIB, fresh: false }
    }
}

impl VenueConfig {
    /// What cannot be kept together with a state is not asked for.
    pub(super) fn check_state(&self) -> Result<(), ConfigError> {
        if !(1..=STATE_JOURNAL_MIB_MAX).contains(&self.state.journal_mib) {
            return Err(bad("state.journal_mib", format!("1 to {STATE_JOURNAL_MIB_MAX}")));
        }
        if self.state.dir.is_none() {
            return Ok(());
        }
        if self.replay.journal.is_some() {
            return Err(bad(
                "replay.journal",
                "a state keeps the reports itself: only one of the two",
            ));
        }
        if self.routing.mode != RoutingMode::Sticky {
            return Err(bad(
                "routing.mode",
                "a state needs `sticky`: requests under way would be lost",
            ));
        }
        Ok(())
    }
}
