//! Which liquidity a venue has, and how it is opened.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use taut::types::{Instrument, InstrumentId};
use taut_codec::value::UtcTime;

use super::{Capture, CaptureReplay, Liquidity, SideBySide, Synthetic, SyntheticConfig};
use crate::config::{ConfigError, InstrumentConfig, VenueConfig};
use crate::gateway::Market;
use crate::matching::{AccountId, Engine, Settlement};

/// A synthetic market in a listed instrument.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticMarket {
    /// Its symbol.
    pub symbol: String,
    /// How it behaves.
    #[serde(default)]
    pub synthetic: SyntheticConfig,
}

/// Where the other side of the trades comes from.
#[derive(Debug, Clone)]
pub enum LiquiditySource {
    /// Nobody: clients are among themselves.
    None,
    /// Synthetic markets, each in an instrument of its own.
    Synthetic(Vec<SyntheticMarket>),
    /// The replay of recorded books. Their instruments are listed, in place of those with their symbols.
    Captures {
        /// The recordings, of different pairs.
        captures: Vec<Capture>,
        /// Thousandths of the recorded speed.
        speed: NonZeroU32,
    },
}

/// The instruments of a market to list, with their configuration if it holds for them: a recording takes the
/// place of an instrument with its symbol, in other units.
pub(crate) fn listed<'a>(
    config: &'a VenueConfig,
    liquidity: &LiquiditySource,
    market: Market,
) -> Result<Vec<(Instrument, Option<&'a InstrumentConfig>)>, ConfigError> {
    let here = |symbol: &str| Market::of_symbol(symbol) == market;
    let mut listed = Vec::new();
    for one in config.instruments.iter().filter(|one| here(&one.symbol)) {
        listed.push((one.instrument()?, Some(one)));
    }
    let LiquiditySource::Captures { captures, .. } = liquidity else { return Ok(listed) };
    for recorded in captures.iter().map(Capture::instrument) {
        match listed.iter_mut().find(|(one, _)| one.symbol == recorded.symbol) {
            Some((one, _)) if *one == recorded => {}
            Some(one) => *one = (recorded, None),
            None if here(recorded.symbol.as_str()) => listed.push((recorded, None)),
            None => {}
        }
    }
    Ok(listed)
}

impl LiquiditySource {
    /// What of it trades on a market.
    pub(crate) fn on(&self, market: Market) -> Self {
        let here = |symbol: &str| Market::of_symbol(symbol) == market;
        match self {
            Self::None => Self::None,
            Self::Synthetic(markets) => {
                let own = markets.iter().filter(|one| here(&one.symbol));
                Self::Synthetic(own.cloned().collect())
            }
            Self::Captures { captures, speed } => {
                let own = captures.iter().filter(|one| here(one.symbol.as_str()));
                Self::Captures { captures: own.cloned().collect(), speed: *speed }
            }
        }
    }
}

/// Opens the liquidity of a market for its engine, which lists its instruments.
pub(crate) fn open<S: Settlement + 'static>(
    source: LiquiditySource,
    engine: &Engine<S>,
    house: AccountId,
    now: UtcTime,
) -> Result<Option<Box<dyn Liquidity<S> + Send>>, ConfigError> {
    let find = |symbol: &str| -> Result<(InstrumentId, Instrument), ConfigError> {
        let id = engine.instrument_id(symbol.as_bytes());
        id.and_then(|id| Some((id, *engine.instrument(id)?))).ok_or_else(|| ConfigError::Value {
            field: "liquidity.symbol".into(),
            why: format!("{symbol:?} is not listed"),
        })
    };
    let mut sources: Vec<Box<dyn Liquidity<S> + Send>> = Vec::new();
    match source {
        LiquiditySource::None => return Ok(None),
        LiquiditySource::Synthetic(markets) => {
            for (at, SyntheticMarket { symbol, synthetic }) in markets.iter().enumerate() {
                let refused = |why: String| ConfigError::Value {
                    field: format!("liquidity.synthetic of {symbol}"),
                    why,
                };
                if markets[..at].iter().any(|other| other.symbol == *symbol) {
                    return Err(refused("the symbol is there twice".into()));
                }
                let (id, instrument) = find(symbol)?;
                let made = Synthetic::new(synthetic.clone(), id, &instrument, house, now);
                sources.push(Box::new(made.map_err(|error| refused(error.to_string()))?));
            }
        }
        LiquiditySource::Captures { captures, speed } => {
            for capture in captures {
                let (id, _) = find(capture.symbol.as_str())?;
                sources.push(Box::new(CaptureReplay::new(capture, id, house, now, speed)));
            }
        }
    }
    Ok(Some(Box::new(SideBySide::new(sources))))
}
