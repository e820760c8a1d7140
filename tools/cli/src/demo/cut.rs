//! The trading session is cut in mid-run, in the middle of a message.

use std::time::{Duration, Instant};

use super::child::Venue;

/// The cut that was asked for, if any.
pub struct Cut {
    after: Option<Duration>,
    step: String,
    done: Option<Instant>,
}

impl Cut {
    /// Of the trading session of `sender`, `after` the first trading.
    pub fn new(after: Option<Duration>, sender: &str) -> Self {
        Self { after, step: format!("cut {sender} spot-trading"), done: None }
    }

    /// Once, so long after `trading_since`.
    pub fn make_if_due(&mut self, venue: &mut Venue, trading_since: Option<Instant>) {
        let due =
            trading_since.zip(self.after).is_some_and(|(since, after)| since.elapsed() >= after);
        if due && self.done.is_none() {
            // A venue that is gone is told of at the end.
            let _ = venue.control(&self.step);
            self.done = Some(Instant::now());
        }
    }

    /// Whether the run is not to end yet: the session may come back.
    pub fn is_worth_a_wait(
        &self,
        trading_since: Option<Instant>,
        came_back: u64,
        patience: Duration,
    ) -> bool {
        let since = self.done.or(trading_since);
        self.after.is_some()
            && came_back == 0
            && since.is_some_and(|since| since.elapsed() < patience)
    }
}
