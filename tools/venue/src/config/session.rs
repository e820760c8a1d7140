//! The switches of logging on, of losing a session, and of the daily rollover.

use serde::{Deserialize, Serialize};

/// What Kraken leaves open about the life of a session (venue file 2, 2.3, 3.5, 3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSwitches {
    /// What becomes of a logon of a CompID whose session is up (section 1, unspecified). Default
    /// `refuse`.
    pub duplicate_logon: DuplicateLogon,
    /// Wrong logons in a row after which a client is locked out (2.2, unspecified); 0: never. Default 0.
    pub lockout_after: u32,
    /// For how long, seconds. Default 60.
    pub lockout_s: u32,
    /// Rejects in one second after which a session is disconnected (3.7, unspecified); 0: never.
    /// Default 100.
    pub errors_per_second_max: u32,
    /// Seconds after which a market data session that has not asked for market data (35=V) is dropped (3.4,
    /// seen by one observer, who does not say when); 0: never. Default 0.
    pub unsubscribed_s: u32,
    /// Whether a lost connection cancels where the Logon says nothing of it (2.3, C3: by 8674 alone, or as set
    /// up at onboarding). Default yes.
    pub disconnect_cancels: bool,
    /// Time from a lost connection to the cancels, milliseconds (2.3, unspecified). Default 0.
    pub cancel_grace_ms: u32,
    /// Whether a clean logout cancels too (2.3, unspecified). Default no.
    pub logout_cancels: bool,
    /// Whether a heartbeat time-out cancels (2.3, unspecified). Default yes.
    pub timeout_cancels: bool,
    /// Whether a session that a second logon takes over loses its orders (2.3, unspecified). Default
    /// yes.
    pub takeover_cancels: bool,
    /// Whether a session that was logged on when the venue ended without logging it out loses its orders when
    /// the venue comes back with its state (2.3, unspecified): its connection was lost. Default yes.
    pub restart_cancels: bool,
    /// How sessions end at the rollover (3.5, unspecified). Default `logout`.
    pub rollover_notice: RolloverNotice,
    /// How long the venue is closed at the rollover, seconds. Default 30.
    pub rollover_window_s: u32,
    /// What a connection meets meanwhile (3.5, unspecified). Default `close`.
    pub rollover_closed: RolloverClosed,
    /// Whether the rollover cancels as a lost connection does (3.5, unspecified). Default no.
    pub rollover_cancels: bool,
    /// Whether the gateway forgets at the rollover which orders are a CompID's (3.6, unspecified), so
    /// that `sender_cache` reaches those of the new day only. Default no.
    pub rollover_clears_cache: bool,
    /// Whether the ClOrdID watermark starts anew at the rollover (6.9, unspecified). Default no.
    pub rollover_resets_watermark: bool,
}

impl Default for SessionSwitches {
    fn default() -> Self {
        Self {
            duplicate_logon: DuplicateLogon::default(),
            lockout_after: 0,
            lockout_s: 60,
            errors_per_second_max: 100,
            unsubscribed_s: 0,
            disconnect_cancels: true,
            cancel_grace_ms: 0,
            logout_cancels: false,
            timeout_cancels: true,
            takeover_cancels: true,
            restart_cancels: true,
            rollover_notice: RolloverNotice::default(),
            rollover_window_s: 30,
            rollover_closed: RolloverClosed::default(),
            rollover_cancels: false,
            rollover_clears_cache: false,
            rollover_resets_watermark: false,
        }
    }
}

/// A second logon of a CompID on a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateLogon {
    /// The second connection is closed without a word (FIX session case 1S.b).
    #[default]
    Refuse,
    /// The first one is cut, if the second is signed as it should be.
    Evict,
}

/// How a session ends at the rollover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloverNotice {
    /// Logout with a text, then the end of the connection.
    #[default]
    Logout,
    /// The end of the connection.
    Drop,
}

/// What a connection meets while the venue is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloverClosed {
    /// It is closed at once.
    #[default]
    Close,
    /// Its Logon is answered by a Logout.
    Logout,
}
