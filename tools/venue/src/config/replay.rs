//! What the venue keeps to be sent again.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, VenueConfig, bad};
use crate::gateway::{GatewaySwitches, ReplayLimits, RoutingMode};
use crate::limits::{REPLAY_BYTES, REPLAY_BYTES_MAX, REPLAY_MESSAGES, REPLAY_MESSAGES_MAX};

/// `[replay]`: reports of one client (venue file 3.3; how long Kraken keeps them is unspecified).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayConfig {
    /// How many messages. 0: none.
    pub messages: usize,
    /// How many MiB, if they are kept in memory.
    pub mib: usize,
    /// A directory: then they are kept in a journal there, with the numbers of the session. Default: in
    /// memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<PathBuf>,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self { messages: REPLAY_MESSAGES, mib: REPLAY_BYTES >> 20, journal: None }
    }
}

impl ReplayConfig {
    pub(super) fn check(&self, routing: RoutingMode) -> Result<(), ConfigError> {
        if self.journal.is_some() && routing != RoutingMode::Sticky {
            let text = "a journal needs `sticky`: requests under way would be lost";
            return Err(bad("routing.mode", text));
        }
        if self.messages > REPLAY_MESSAGES_MAX {
            return Err(bad("replay.messages", format!("at most {REPLAY_MESSAGES_MAX}")));
        }
        if self.mib > REPLAY_BYTES_MAX >> 20 {
            return Err(bad("replay.mib", format!("at most {}", REPLAY_BYTES_MAX >> 20)));
        }
        Ok(())
    }
}

impl VenueConfig {
    pub(crate) fn gateway(&self) -> GatewaySwitches {
        let ReplayConfig { messages, mib, .. } = self.replay;
        let replay = ReplayLimits { messages, bytes: mib << 20 };
        GatewaySwitches { replay, ..self.switches.gateway() }
    }
}
