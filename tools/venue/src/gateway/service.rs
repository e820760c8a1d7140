//! The services of the venue: what listens where, and under which name.

/// One of Kraken's two markets; each has an engine of its own.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Market {
    /// Spot and margin.
    #[default]
    Spot,
    /// Futures and perpetuals. A client's SenderCompID ends with `DRV` there (venue file 1).
    Derivatives,
}

/// A service of the venue: one port, one TargetCompID (venue file section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Spot L2 market data, 4000.
    SpotMarketData,
    /// Spot trading, 4001.
    SpotTrading,
    /// Derivatives L2 market data, 4002.
    DerivativesMarketData,
    /// Derivatives trading, 4003.
    DerivativesTrading,
    /// Derivatives L3 market data, 4004.
    DerivativesLevel3,
    /// Spot L3 market data, 4005.
    SpotLevel3,
}

impl Service {
    /// All services in the order of their ports.
    pub const ALL: [Self; 6] = [
        Self::SpotMarketData,
        Self::SpotTrading,
        Self::DerivativesMarketData,
        Self::DerivativesTrading,
        Self::DerivativesLevel3,
        Self::SpotLevel3,
    ];

    /// The name in listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SpotMarketData => "spot-market-data",
            Self::SpotTrading => "spot-trading",
            Self::DerivativesMarketData => "derivatives-market-data",
            Self::DerivativesTrading => "derivatives-trading",
            Self::DerivativesLevel3 => "derivatives-level3",
            Self::SpotLevel3 => "spot-level3",
        }
    }

    /// The port of Kraken's map, without offset.
    #[must_use]
    pub const fn port(self) -> u16 {
        4000 + self as u16
    }

    /// The venue's CompID on this service. The L3 ports answer to the name of their market's L2 port:
    /// captured on derivatives, inferred on spot.
    #[must_use]
    pub const fn comp_id(self) -> &'static str {
        match self {
            Self::SpotMarketData | Self::SpotLevel3 => "KRAKEN-MD",
            Self::SpotTrading => "KRAKEN-TRD",
            Self::DerivativesMarketData | Self::DerivativesLevel3 => "KRAKEN-DRV-MD",
            Self::DerivativesTrading => "KRAKEN-DRV-TRD",
        }
    }

    /// The market that it belongs to.
    #[must_use]
    pub const fn market(self) -> Market {
        match self {
            Self::SpotMarketData | Self::SpotTrading | Self::SpotLevel3 => Market::Spot,
            _ => Market::Derivatives,
        }
    }

    /// Whether orders are entered here; if not, it is market data.
    #[must_use]
    pub const fn is_trading(self) -> bool {
        matches!(self, Self::SpotTrading | Self::DerivativesTrading)
    }

    /// Whether books are shown order by order here (266=N).
    #[must_use]
    pub const fn is_level3(self) -> bool {
        matches!(self, Self::SpotLevel3 | Self::DerivativesLevel3)
    }
}

impl Market {
    /// The market that lists a symbol: `BTC/USD` is spot, `PF_XBTUSD` a derivative (venue file 4.1).
    #[must_use]
    pub fn of_symbol(symbol: &str) -> Self {
        if symbol.contains('/') { Self::Spot } else { Self::Derivatives }
    }

    /// Where its orders are entered.
    #[must_use]
    pub const fn trading(self) -> Service {
        match self {
            Self::Spot => Service::SpotTrading,
            Self::Derivatives => Service::DerivativesTrading,
        }
    }

    /// Where its books are shown level by level.
    #[must_use]
    pub const fn market_data(self) -> Service {
        match self {
            Self::Spot => Service::SpotMarketData,
            Self::Derivatives => Service::DerivativesMarketData,
        }
    }
}

impl From<Market> for taut_codec::ids::Market {
    fn from(market: Market) -> Self {
        match market {
            Market::Spot => Self::Spot,
            Market::Derivatives => Self::Derivatives,
        }
    }
}

impl From<taut_codec::ids::Market> for Market {
    fn from(market: taut_codec::ids::Market) -> Self {
        match market {
            taut_codec::ids::Market::Spot => Self::Spot,
            taut_codec::ids::Market::Derivatives => Self::Derivatives,
        }
    }
}

/// A market data session: a client on one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subscriber {
    /// The client.
    pub client: u16,
    /// The market data service.
    pub service: Service,
}

crate::state::stored_enum!(Market { 0 = Spot, 1 = Derivatives });
crate::state::stored_enum!(Service {
    0 = SpotMarketData,
    1 = SpotTrading,
    2 = DerivativesMarketData,
    3 = DerivativesTrading,
    4 = DerivativesLevel3,
    5 = SpotLevel3,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_map_is_krakens() {
        let map =
            Service::ALL.map(|one| format!("{} {} {}", one.port(), one.name(), one.comp_id()));
        let expected = [
            "4000 spot-market-data KRAKEN-MD",
            "4001 spot-trading KRAKEN-TRD",
            "4002 derivatives-market-data KRAKEN-DRV-MD",
            "4003 derivatives-trading KRAKEN-DRV-TRD",
            "4004 derivatives-level3 KRAKEN-DRV-MD",
            "4005 spot-level3 KRAKEN-MD",
        ];
        assert_eq!(map, expected);
        let spot = Service::ALL.map(|one| one.market() == Market::Spot);
        assert_eq!(spot, [true, true, false, false, false, true]);
    }
}
