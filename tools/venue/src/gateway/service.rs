//! The services of the venue, and how its gateway speaks.

use super::checks::UnknownTags;
use super::report::{BusinessTextForm, RejectForm};

/// A service of the venue: one port, one TargetCompID (venue file section 1). The derivatives and L3
/// services are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Service {
    /// Spot L2 market data.
    SpotMarketData,
    /// Spot trading.
    SpotTrading,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 2] = [Self::SpotMarketData, Self::SpotTrading];

    /// The name in listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SpotMarketData => "spot-market-data",
            Self::SpotTrading => "spot-trading",
        }
    }

    /// The port of Kraken's map, without offset.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::SpotMarketData => 4000,
            Self::SpotTrading => 4001,
        }
    }

    /// The venue's CompID on this service.
    #[must_use]
    pub const fn comp_id(self) -> &'static str {
        match self {
            Self::SpotMarketData => "KRAKEN-MD",
            Self::SpotTrading => "KRAKEN-TRD",
        }
    }
}

/// How the gateway answers where the venue's documents disagree or are silent.
#[derive(Debug, Clone, Copy)]
pub struct GatewaySwitches {
    /// See [`UnknownTags`].
    pub unknown_tags: UnknownTags,
    /// See [`RejectForm`] (C14).
    pub reject_form: RejectForm,
    /// See [`BusinessTextForm`] (C15).
    pub business_text: BusinessTextForm,
    /// Whether ExecutionReports of trades carry MiscFeeBasis(891).
    pub fee_basis: bool,
    /// Whether the Logout that refuses a logon skips a number, as in the documented example: 2 if no
    /// session is concerned yet.
    pub refusal_skips_a_number: bool,
    /// Whether a Logon with 141=N and a low number asks for a replay (C6); if not, it is refused.
    pub low_logon_replays: bool,
    /// Text(58) of the Logout on wrong credentials; `None`: the connection is closed without a word.
    pub refusal_text: Option<&'static str>,
}

impl Default for GatewaySwitches {
    fn default() -> Self {
        Self {
            unknown_tags: UnknownTags::default(),
            reject_form: RejectForm::default(),
            business_text: BusinessTextForm::default(),
            fee_basis: false,
            refusal_skips_a_number: true,
            low_logon_replays: true,
            refusal_text: Some("Logon failed: invalid credentials"),
        }
    }
}
