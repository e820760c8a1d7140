//! The parameters of the synthetic market.

use serde::{Deserialize, Serialize};
use taut_codec::value::Decimal;

/// How the market behaves. Every field has a default, so a configuration names what it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyntheticConfig {
    /// One seed, one market. Default 1.
    pub seed: u64,
    /// Mean number of steps a second; each is one order or one cancel, and what refills the book.
    /// Default 200.
    pub events_per_second: u32,
    /// Where the mid price starts and is pulled back to, a decimal number. Default `60000`.
    pub start_price: String,
    /// Distance of the innermost bid from the innermost offer that arrive, ticks. Default 4.
    pub spread_ticks: u32,
    /// Levels that each side has at least, 25 or more. Default 60.
    pub depth_levels: u32,
    /// Smallest quantity of an order, a decimal number. Default `0.001`.
    pub qty_min: String,
    /// Largest quantity of an order, a decimal number. Default `0.5`.
    pub qty_max: String,
    /// Most house orders that live at the same time, at least four times `depth_levels`. Default
    /// 600.
    pub orders_max: u32,
    /// Farthest that the mid price moves in one step, ticks. Default 2.
    pub volatility_ticks: u32,
    /// How far from its start the mid price can wander, ticks: the pull back grows with the distance
    /// and there lets it go no farther. Default 5000.
    pub range_ticks: u32,
    /// Share of steps that are market orders, per cent. Default 8.
    pub market_percent: u8,
    /// Share of steps that are cancels, per cent. Default 40.
    pub cancel_percent: u8,
    /// Chance that a market order is followed by one of the same side at a tenth of the usual
    /// interval, per cent. Default 60.
    pub cluster_percent: u8,
    /// By how much a market order raises the rate of everything that follows, per cent of the usual
    /// rate; it dies down by a sixteenth with each step. So activity comes in clusters, and there is more of
    /// it than `events_per_second`. Default 0.
    pub excitation_percent: u32,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            events_per_second: 200,
            start_price: "60000".to_owned(),
            spread_ticks: 4,
            depth_levels: 60,
            qty_min: "0.001".to_owned(),
            qty_max: "0.5".to_owned(),
            orders_max: 600,
            volatility_ticks: 2,
            range_ticks: 5000,
            market_percent: 8,
            cancel_percent: 40,
            cluster_percent: 60,
            excitation_percent: 0,
        }
    }
}

/// Why a configuration makes no market.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntheticError {
    /// A decimal number does not fit the instrument.
    #[error("{field} = {value:?} is not a positive multiple of {unit} within range")]
    Number {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: String,
        /// Tick size or quantity step.
        unit: Decimal,
    },
    /// A field is out of its range.
    #[error("{field} is out of range: {rule}")]
    Range {
        /// Which field.
        field: &'static str,
        /// What it has to meet.
        rule: &'static str,
    },
}

/// Checks what needs no instrument.
pub(super) fn check(config: &SyntheticConfig) -> Result<(), SyntheticError> {
    let rules = [
        ("events_per_second", (1..=1_000_000).contains(&config.events_per_second), "1 to 1000000"),
        ("spread_ticks", (1..=1_000_000).contains(&config.spread_ticks), "1 to 1000000"),
        ("depth_levels", (25..=1000).contains(&config.depth_levels), "25 to 1000"),
        (
            "orders_max",
            (4 * config.depth_levels.min(1000)..=1_000_000).contains(&config.orders_max),
            "4 x depth_levels to 1000000",
        ),
        ("volatility_ticks", config.volatility_ticks <= 1_000_000, "at most 1000000"),
        ("range_ticks", (1..=1_000_000_000).contains(&config.range_ticks), "1 to 1000000000"),
        (
            "cancel_percent",
            u16::from(config.market_percent) + u16::from(config.cancel_percent) <= 100,
            "at most 100 together with market_percent",
        ),
        ("cluster_percent", config.cluster_percent <= 95, "at most 95"),
        ("excitation_percent", config.excitation_percent <= 1000, "at most 1000"),
    ];
    match rules.into_iter().find(|&(_, met, _)| !met) {
        None => Ok(()),
        Some((field, _, rule)) => Err(SyntheticError::Range { field, rule }),
    }
}
