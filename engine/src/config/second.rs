//! The sessions of another market in the same engine.

use serde::{Deserialize, Serialize};

use super::{RestSection, SessionSection, VenueRateSection};
use crate::kraken::market_of_comp_id;
use crate::order::Reach;
use crate::types::Market;

/// `[second]`: the market data and the trading session of the other market. Its instruments follow those of
/// `[instruments]`; limits, journal, recovery and all else are common.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SecondSection {
    /// Symbols as the venue writes them, `PF_XBTUSD`.
    pub symbols: Vec<String>,
    /// Its market data session.
    pub market_data: SessionSection,
    /// Its trading session.
    pub trading: SessionSection,
    /// The venue's rate limit for it.
    #[serde(default)]
    pub venue_rate: VenueRateSection,
    /// Which orders which request of it reaches.
    #[serde(default)]
    pub reach: Reach,
    /// Calls by REST, to the interface of its market; absent: none are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<RestSection>,
}

impl SecondSection {
    /// The market that its orders go to.
    #[must_use]
    pub fn market(&self) -> Market {
        market_of_comp_id(self.trading.target.as_bytes())
    }
}
