//! The rules of the trading engines that Kraken leaves open.

use serde::{Deserialize, Serialize};

use crate::matching::{DerivativesConfig, Rules, SpotConfig};

/// Where Kraken's documents say that there is a rule, but not which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trading {
    /// What becomes of an order whose stop price the market has passed already. Default `trigger`.
    pub passed_stop: PassedStop,
    /// Market Price Protection (venue file 6.1): how far from the best price a market order trades, per
    /// cent; 0 switches it off. Default 10.
    pub market_protection_percent: u32,
    /// The same on derivatives. Default 1.
    pub derivatives_protection_percent: u32,
    /// How much less than its price counts, per cent, what a flex wallet holds beside its cash. Default 5.
    pub collateral_haircut_percent: u8,
    /// Most that the margin positions of an account may have cost, per quote currency, whole units.
    pub margin_allowance: u64,
}

/// See [`Trading::passed_stop`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedStop {
    /// It triggers at once.
    #[default]
    Trigger,
    /// It is refused: `EOrder:Invalid price`.
    Refuse,
}

impl Default for Trading {
    fn default() -> Self {
        Self {
            passed_stop: PassedStop::default(),
            market_protection_percent: 10,
            derivatives_protection_percent: 1,
            collateral_haircut_percent: 5,
            margin_allowance: 100_000_000,
        }
    }
}

impl Trading {
    /// As the spot engine takes it.
    #[must_use]
    pub fn spot(&self) -> SpotConfig {
        let rules = self.rules(self.market_protection_percent);
        SpotConfig { rules, margin_allowance: self.margin_allowance, ..SpotConfig::default() }
    }

    /// As the derivatives engine takes it.
    #[must_use]
    pub fn derivatives(&self) -> DerivativesConfig {
        let rules = self.rules(self.derivatives_protection_percent);
        let haircut_percent = self.collateral_haircut_percent;
        DerivativesConfig { rules, haircut_percent, ..DerivativesConfig::default() }
    }

    fn rules(&self, protection_percent: u32) -> Rules {
        Rules {
            refuse_passed_stops: self.passed_stop == PassedStop::Refuse,
            market_protection: (protection_percent > 0)
                .then(|| protection_percent.saturating_mul(10_000)),
        }
    }
}
