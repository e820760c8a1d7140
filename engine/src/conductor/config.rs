//! How patient a conductor is, and when the venue's day ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use taut_codec::value::UtcTime;

/// When our Logon asks by ResetSeqNumFlag(141)=Y that both sides start at 1. Whatever it says, our own
/// numbers start at 1 after a rollover, because the venue's do (venue file 3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetPolicy {
    /// Never. If the venue expects a higher number than ours, we go on from that.
    Never,
    /// Until the first logon of this process: for whoever keeps no journal.
    FirstConnect,
    /// Until the first logon after each rollover.
    AfterRollover,
    /// At every logon. What was missed while there was no connection is lost.
    Always,
}

/// When to dial again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconnect {
    /// Whether to dial again at all.
    pub enabled: bool,
    /// The wait after the first failure; each further one doubles it. Half of a wait is by chance.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
    /// The same after a logon that was refused in words: another attempt at once would be refused too, and enough of them
    /// lock the key out (venue file 2.2).
    pub refused_first: Duration,
    /// The longest wait after such a logon.
    pub refused_max: Duration,
    /// How long a session must be up to be a success: the next attempt after its end goes to the same
    /// host, and waits as after a first failure. One that ends earlier is a failure like any other: the
    /// next host is tried.
    pub stable: Duration,
    /// Logons in a row that were refused in words, after which nothing is dialled any more. 0: no end.
    pub refusals_max: u32,
    /// Connections in a row that each host may close behind our Logon without a word, after which nothing is
    /// dialled any more. 0: no end.
    ///
    /// Nobody can tell from such a close what it means: Kraken refuses a bad logon so (venue file 2), and a
    /// gateway that is starting, or a load balancer without one behind it, closes good ones. So it is waited for
    /// as for a host that is away, and for as long as a maintenance may last; each one is told as
    /// [`DownReason::ClosedAtLogon`](crate::event::DownReason::ClosedAtLogon), so that a wrong key does not
    /// stay unseen. 500 are about three hours by the other defaults.
    pub closed_at_logon_max: u32,
    /// Attempts in a row that did not lead to a stable session, after which nothing is dialled any
    /// more. 0: no end.
    pub failures_max: u32,
    /// Sessions in a row that the venue ended before they were stable, after which nothing is dialled
    /// any more: somebody else logs on with our CompID and each evicts the other. 0: no end.
    pub short_lives_max: u32,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            enabled: true,
            first: Duration::from_millis(250),
            max: Duration::from_secs(30),
            refused_first: Duration::from_secs(10),
            refused_max: Duration::from_secs(300),
            stable: Duration::from_secs(10),
            refusals_max: 5,
            closed_at_logon_max: 500,
            failures_max: 0,
            short_lives_max: 20,
        }
    }
}

const DAY_NS: u64 = 86_400_000_000_000;

/// The venue's daily rollover: both sequence spaces start at 1 (venue file 3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollover {
    /// Time of day, UTC, since midnight.
    pub at: Duration,
    /// How long the venue may be away.
    pub window: Duration,
    /// How long before it no new order is sent.
    pub hold: Duration,
}

impl Default for Rollover {
    fn default() -> Self {
        Self {
            at: Duration::from_secs(22 * 3600),
            window: Duration::from_secs(30),
            hold: Duration::from_secs(10),
        }
    }
}

impl Rollover {
    fn at_ns(&self) -> u64 {
        self.at.as_nanos() as u64 % DAY_NS
    }

    /// How many rollovers there were until `now`, since the epoch began.
    #[must_use]
    pub fn count(&self, now: UtcTime) -> u64 {
        now.0.saturating_add(DAY_NS - self.at_ns()) / DAY_NS
    }

    /// The last rollover.
    #[must_use]
    pub fn last(&self, now: UtcTime) -> UtcTime {
        UtcTime((self.count(now) * DAY_NS).saturating_sub(DAY_NS - self.at_ns()))
    }

    /// The next rollover.
    #[must_use]
    pub fn next(&self, now: UtcTime) -> UtcTime {
        UtcTime((self.count(now) + 1) * DAY_NS - (DAY_NS - self.at_ns()))
    }

    /// When new orders are held for the next rollover.
    #[must_use]
    pub fn hold_from(&self, now: UtcTime) -> UtcTime {
        UtcTime(self.next(now).0.saturating_sub(self.hold.as_nanos() as u64))
    }

    /// When the venue is back after the last rollover, at the latest.
    #[must_use]
    pub fn window_end(&self, now: UtcTime) -> UtcTime {
        self.last(now).plus_nanos(self.window.as_nanos() as u64)
    }
}

/// What a [`Conductor`](super::Conductor) is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConductorConfig {
    /// When to dial again.
    pub reconnect: Reconnect,
    /// The daily rollover; `None`: there is none.
    pub rollover: Option<Rollover>,
    /// When to ask for a reset.
    pub reset: ResetPolicy,
    /// How many hosts there are to try, at least 1.
    pub hosts: u8,
    /// Seed of what is left to chance.
    pub seed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollover_is_found_on_either_side_of_midnight() {
        let at =
            |hours: u64| Rollover { at: Duration::from_secs(hours * 3600), ..Rollover::default() };
        let time = |text: &[u8]| UtcTime::parse(text).expect("it is a time");
        let now = time(b"20260407-23:59:59.999");
        assert_eq!(at(22).last(now), time(b"20260407-22:00:00.000"));
        assert_eq!(at(22).next(now), time(b"20260408-22:00:00.000"));
        assert_eq!(at(0).last(now), time(b"20260407-00:00:00.000"));
        assert_eq!(at(0).next(now), time(b"20260408-00:00:00.000"));
        let exact = time(b"20260407-22:00:00.000");
        assert_eq!(at(22).last(exact), exact);
        assert_eq!(at(22).count(exact), at(22).count(now));
        assert_eq!(at(22).count(UtcTime(exact.0 - 1)) + 1, at(22).count(exact));
        assert_eq!(at(22).hold_from(time(b"20260407-12:00:00.000")).0, exact.0 - 10_000_000_000);
    }
}
