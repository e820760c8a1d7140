//! CancelAllOrdersAfter: a client that falls silent loses its orders.

use std::collections::BTreeMap;

use taut_codec::value::UtcTime;

/// The longest time that can be asked for, seconds: a day.
pub(crate) const TIMEOUT_MAX_S: u64 = 86_400;

/// One timer per client that asked for one.
#[derive(Debug, Clone, Default)]
pub(crate) struct CancelTimers {
    // As many as there are clients, at most.
    due: BTreeMap<u16, UtcTime>,
}

impl CancelTimers {
    /// Sets a client's timer anew, or takes it away.
    pub fn set(&mut self, client: u16, at: Option<UtcTime>) {
        match at {
            Some(at) => self.due.insert(client, at),
            None => self.due.remove(&client),
        };
    }

    /// The next client whose time is up; its timer is gone then.
    pub fn pop(&mut self, now: UtcTime) -> Option<u16> {
        let client = self.due.iter().find(|&(_, &at)| at <= now).map(|(&client, _)| client)?;
        self.due.remove(&client);
        Some(client)
    }

    /// When the next time is up.
    pub fn deadline(&self) -> UtcTime {
        self.due.values().copied().min().unwrap_or(UtcTime(u64::MAX))
    }
}

crate::state::stored! { CancelTimers { due } }
