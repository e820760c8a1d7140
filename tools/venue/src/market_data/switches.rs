//! The switches of market data, where Kraken's documents are silent or contradict each other.

use serde::{Deserialize, Serialize};

/// See each field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MarketDataSwitches {
    /// Whether L3 is offered on spot (C9). Default `own_port`.
    pub spot_l3: SpotL3,
    /// What ChecksumOrderBook(5041) covers on L3 (venue file 4.10.1: unspecified). Default `orders`.
    pub l3_checksum: L3Checksum,
    /// MDEntryTime(273) on L3 (C10). Default `captured`.
    pub l3_entry_time: L3EntryTime,
    /// Whether L3 entries carry 5060 and 5273, as the guide says and the captures of 2025 do not.
    /// Default yes.
    pub l3_timestamps: bool,
    /// Whether the instrument list carries MDPricePrecision(5052), as since 3 July 2026. Default yes.
    pub md_price_precision: bool,
}

impl Default for MarketDataSwitches {
    fn default() -> Self {
        Self {
            spot_l3: SpotL3::default(),
            l3_checksum: L3Checksum::default(),
            l3_entry_time: L3EntryTime::default(),
            l3_timestamps: true,
            md_price_precision: true,
        }
    }
}

/// C9: "only derivatives" against a port and a guide for spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpotL3 {
    /// On port 4005 only.
    #[default]
    OwnPort,
    /// Nowhere: 35=Y with 281=B.
    Off,
}

/// What the checksum of an L3 incremental covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum L3Checksum {
    /// Every order of the ten best prices in the order of the queue, as on the WebSocket.
    #[default]
    Orders,
    /// The ten best price levels, as on L2.
    Levels,
    /// There is none.
    None,
}

/// How L3 writes MDEntryTime(273).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum L3EntryTime {
    /// `HH:MM:SS.mmm`, as in the captures.
    #[default]
    Captured,
    /// `YYYYMMDD-HH:MM:SS.uuuuuu`, as the guide has it.
    Guide,
}
