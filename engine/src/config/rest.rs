//! The section of calls by REST.

use serde::{Deserialize, Serialize};

use super::{ConfigError, is_production, value};
use crate::desk::RestPolicy;

/// `[rest]`: what neither a cancel nor a mass cancel of the session reaches, and what is to be cancelled while
/// the session is down, is cancelled by REST: by the interface of the market that the orders go to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RestSection {
    /// Host name or address; resolved at each dial. In production `api.kraken.com` for spot and
    /// `futures.kraken.com` for derivatives.
    pub host: String,
    /// Port: 443 in production.
    #[serde(default = "https")]
    pub port: u16,
    /// How long one call may take, its connection included, milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u32,
    /// Calls for one purpose before it is given up and told.
    #[serde(default = "attempts")]
    pub attempts: u32,
    /// The wait after the first that failed, milliseconds; each further one doubles it.
    #[serde(default = "retry_ms")]
    pub retry_ms: u32,
    /// How long a cancel (F or q) may be without an answer while the session is up before it climbs to REST,
    /// milliseconds.
    #[serde(default = "climb_ms")]
    pub climb_ms: u32,
    /// Whether the kill switch, and a mass cancel of all that is the SenderCompID's, may become a CancelAll,
    /// which takes the orders of the whole account.
    #[serde(default = "yes")]
    pub may_cancel_all: bool,
    /// The venue cancels all orders of the account if it does not hear from this engine for so long, seconds
    /// (CancelAllOrdersAfter); 0: it does not. Renewed three times in this time.
    #[serde(default)]
    pub cancel_after_seconds: u32,
}

const fn https() -> u16 {
    443
}

const fn timeout_ms() -> u32 {
    2_000
}

const fn attempts() -> u32 {
    5
}

const fn retry_ms() -> u32 {
    250
}

const fn climb_ms() -> u32 {
    2_000
}

const fn yes() -> bool {
    true
}

/// The longest that CancelAllOrdersAfter takes.
const DAY_SECONDS: u32 = 86_400;

impl RestSection {
    /// The defaults, at a host.
    #[must_use]
    pub const fn at(host: String, port: u16) -> Self {
        Self {
            host,
            port,
            timeout_ms: timeout_ms(),
            attempts: attempts(),
            retry_ms: retry_ms(),
            climb_ms: climb_ms(),
            may_cancel_all: yes(),
            cancel_after_seconds: 0,
        }
    }

    pub(super) fn check(&self, live: bool) -> Result<(), ConfigError> {
        if is_production(&self.host) && !live {
            return Err(ConfigError::NotLive { host: self.host.clone() });
        }
        if self.host.is_empty() || !self.host.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(value("rest.host", "must be a host name or an address"));
        }
        for (field, number) in [
            ("rest.port", u32::from(self.port)),
            ("rest.timeout_ms", self.timeout_ms),
            ("rest.attempts", self.attempts),
            ("rest.retry_ms", self.retry_ms),
            ("rest.climb_ms", self.climb_ms),
        ] {
            if number == 0 {
                return Err(value(field, "must not be 0"));
            }
        }
        let after = self.cancel_after_seconds;
        if after > DAY_SECONDS || (after > 0 && after < 3) {
            return Err(value("rest.cancel_after_seconds", "0, or 3 to 86400"));
        }
        Ok(())
    }

    /// What a desk is told.
    #[must_use]
    pub const fn policy(&self) -> RestPolicy {
        RestPolicy {
            attempts: self.attempts,
            retry_ms: self.retry_ms,
            // Behind the thread's own, with time for its way there and back.
            answer_ms: self.timeout_ms.saturating_add(1_000),
            climb_ms: self.climb_ms,
            may_cancel_all: self.may_cancel_all,
            cancel_after_seconds: self.cancel_after_seconds,
        }
    }
}
