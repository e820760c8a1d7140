//! What a configuration says about sessions that are lost, and about the venue's daily rollover.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, value};
use crate::conductor::{Reconnect, Rollover};

/// `[reconnect]`: for both sessions. See [`Reconnect`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReconnectSection {
    /// Whether a session that is lost is dialled again; if not, its end is the engine's.
    pub enabled: bool,
    /// How long a dial with its TLS handshake may take, milliseconds.
    pub dial_timeout_ms: u32,
    /// The wait after the first failure, milliseconds; each further one doubles it.
    pub first_ms: u32,
    /// The longest wait, milliseconds.
    pub max_ms: u32,
    /// The wait after the first refused logon, milliseconds.
    pub refused_first_ms: u32,
    /// The longest of those, milliseconds.
    pub refused_max_ms: u32,
    /// How long a session must be up to count as a success, milliseconds.
    pub stable_ms: u32,
    /// Logons in a row that were refused in words, after which the engine ends; 0: no end.
    pub refusals_max: u32,
    /// Connections in a row that each host closed behind our Logon without a word, after which the engine
    /// ends; 0: no end. See [`Reconnect::closed_at_logon_max`].
    pub closed_at_logon_max: u32,
    /// Attempts in a row without a stable session, after which the engine ends; 0: no end.
    pub failures_max: u32,
    /// Sessions in a row that the venue ended early, after which the engine ends; 0: no end.
    pub short_lives_max: u32,
}

impl Default for ReconnectSection {
    fn default() -> Self {
        let policy = Reconnect::default();
        let ms = |duration: Duration| duration.as_millis() as u32;
        Self {
            enabled: policy.enabled,
            dial_timeout_ms: 10_000,
            first_ms: ms(policy.first),
            max_ms: ms(policy.max),
            refused_first_ms: ms(policy.refused_first),
            refused_max_ms: ms(policy.refused_max),
            stable_ms: ms(policy.stable),
            refusals_max: policy.refusals_max,
            closed_at_logon_max: policy.closed_at_logon_max,
            failures_max: policy.failures_max,
            short_lives_max: policy.short_lives_max,
        }
    }
}

impl ReconnectSection {
    /// What a conductor is told.
    #[must_use]
    pub fn policy(&self) -> Reconnect {
        let ms = |ms: u32| Duration::from_millis(ms.into());
        Reconnect {
            enabled: self.enabled,
            first: ms(self.first_ms),
            max: ms(self.max_ms),
            refused_first: ms(self.refused_first_ms),
            refused_max: ms(self.refused_max_ms),
            stable: ms(self.stable_ms),
            refusals_max: self.refusals_max,
            closed_at_logon_max: self.closed_at_logon_max,
            failures_max: self.failures_max,
            short_lives_max: self.short_lives_max,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let waits = [
            ("reconnect.first_ms", self.first_ms, self.max_ms),
            ("reconnect.refused_first_ms", self.refused_first_ms, self.refused_max_ms),
        ];
        for (field, first, max) in waits {
            if first == 0 || first > max {
                return Err(value(field, format!("1 to the longest wait, {max}, not {first}")));
            }
        }
        if self.dial_timeout_ms == 0 {
            return Err(value("reconnect.dial_timeout_ms", "must not be 0"));
        }
        Ok(())
    }
}

/// `[rollover]`: for both sessions. See [`Rollover`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RolloverSection {
    /// Whether the venue has one.
    pub enabled: bool,
    /// Time of day, UTC, `HH:MM:SS`.
    pub at: String,
    /// How long the venue may be away, seconds.
    pub window_seconds: u32,
    /// How long before it no new order is sent, seconds.
    pub hold_seconds: u32,
}

impl Default for RolloverSection {
    fn default() -> Self {
        Self { enabled: true, at: "22:00:00".into(), window_seconds: 30, hold_seconds: 10 }
    }
}

impl RolloverSection {
    /// What a conductor is told; `None` without a rollover, or if the time is none.
    #[must_use]
    pub fn rollover(&self) -> Option<Rollover> {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let at = time_of_day(&self.at).filter(|_| self.enabled)?;
        let (window, hold) = (seconds(self.window_seconds), seconds(self.hold_seconds));
        Some(Rollover { at, window, hold })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        const HOUR: u32 = 3600;
        if time_of_day(&self.at).is_none() {
            return Err(value("rollover.at", format!("HH:MM:SS in UTC, not {:?}", self.at)));
        }
        if self.window_seconds > HOUR || self.hold_seconds > HOUR {
            return Err(value("rollover", "window and hold are an hour at most"));
        }
        Ok(())
    }
}

fn time_of_day(text: &str) -> Option<Duration> {
    let [hours, minutes, seconds] = text.split(':').collect::<Vec<_>>()[..] else { return None };
    let number = |text: &str, below: u64| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|number| digits && *number < below)
    };
    let minutes = number(hours, 24)? * 60 + number(minutes, 60)?;
    Some(Duration::from_secs(minutes * 60 + number(seconds, 60)?))
}

#[cfg(test)]
mod tests {
    use crate::config::EngineConfig;
    use std::time::Duration;

    fn refused(from: &str, to: &str) -> String {
        let text = EngineConfig::commented_toml();
        assert!(text.contains(from), "{from}");
        EngineConfig::from_toml(&text.replacen(from, to, 1)).expect_err(to).to_string()
    }

    #[test]
    fn a_wait_or_a_time_of_day_that_cannot_be_is_refused_by_name() {
        for (from, to, field) in [
            ("first_ms = 250", "first_ms = 0", "reconnect.first_ms"),
            ("first_ms = 250", "first_ms = 30001", "reconnect.first_ms"),
            ("refused_max_ms = 300000", "refused_max_ms = 1", "reconnect.refused_first_ms"),
            ("dial_timeout_ms = 10000", "dial_timeout_ms = 0", "reconnect.dial_timeout_ms"),
            ("22:00:00", "24:00:00", "rollover.at"),
            ("22:00:00", "22:60:00", "rollover.at"),
            ("22:00:00", "22:00", "rollover.at"),
            ("22:00:00", "+2:00:00", "rollover.at"),
            ("window_seconds = 30", "window_seconds = 3601", "rollover"),
            ("reset = \"first-connect\"", "reset = \"sometimes\"", "sometimes"),
        ] {
            let error = refused(from, to);
            assert!(error.contains(field), "{to}: {error}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_commented_file() {
        let text = EngineConfig::commented_toml();
        let config = EngineConfig::from_toml(text).expect("it reads");
        assert_eq!(
            (&config.reconnect, &config.rollover),
            (&Default::default(), &Default::default())
        );
        let rollover = config.rollover.rollover().expect("it is on");
        assert_eq!(rollover.at, Duration::from_secs(22 * 3600));
    }

    #[test]
    fn a_fallback_host_is_judged_as_the_first_one() {
        let hosts = "fallback_hosts = [\"fix.kraken.com\"]\nreset = \"first-connect\"";
        let error = refused("reset = \"first-connect\"", hosts);
        assert!(error.contains("fix.kraken.com") && error.contains("live"), "{error}");
    }
}
