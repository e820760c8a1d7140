//! How a desk is set up.

use serde::{Deserialize, Serialize};

use super::{Recovery, RestPolicy};
use crate::command::SessionId;
use crate::limits::INSTRUMENTS_MAX;
use crate::order::Reach;
use crate::risk::{RiskLimits, TotalLimits, VenueRate};
use crate::types::{Symbol, market_of};

/// How a desk is set up.
#[derive(Debug, Clone)]
pub struct DeskConfig {
    /// The market data session.
    pub market_data: SessionId,
    /// The trading session.
    pub trading: SessionId,
    /// The instruments; the position is the [`InstrumentId`](crate::types::InstrumentId).
    pub instruments: Vec<InstrumentConfig>,
    /// MarketDepth(264) of the subscriptions.
    pub depth: u16,
    /// Limits of all instruments together.
    pub total: TotalLimits,
    /// The venue's rate limit.
    pub venue_rate: VenueRate,
    /// The number of the highest ClOrdID that was ever used
    /// ([`number_of`](crate::order::ClOrdIdSource::number_of)); 0 if none was.
    pub cl_ord_id_watermark: u64,
    /// What becomes of reports of orders that the desk does not know.
    pub unknown_orders: UnknownOrders,
    /// Which orders the venue lets which request reach.
    pub reach: Reach,
    /// How the truth is found out after a drop.
    pub recovery: Recovery,
    /// The last rung of the (first) trading session's cancel ladder; `None`: there is none.
    pub rest: Option<RestPolicy>,
    /// Another trading session, of the other market; `None`: there is none.
    pub second: Option<SecondSession>,
}

/// Another trading session of a desk. Its instruments follow those of the first. Orders, cancels, what is
/// kept, and what is found out after a drop are its own; positions, limits and the kill switch are common.
#[derive(Debug, Clone)]
pub struct SecondSession {
    /// Its market data session.
    pub market_data: SessionId,
    /// The trading session.
    pub trading: SessionId,
    /// Its instruments.
    pub instruments: Vec<InstrumentConfig>,
    /// The venue's rate limit for it.
    pub venue_rate: VenueRate,
    /// As [`DeskConfig::cl_ord_id_watermark`].
    pub cl_ord_id_watermark: u64,
    /// Which orders the venue lets which request reach.
    pub reach: Reach,
    /// The last rung of its cancel ladder, at its own market's interface; `None`: there is none.
    pub rest: Option<RestPolicy>,
}

impl DeskConfig {
    /// Of one trading session; without limits on all instruments together or of the venue's rate, without
    /// ClOrdIDs of an earlier run, without REST; the rest as by default.
    #[must_use]
    pub fn new(
        market_data: SessionId,
        trading: SessionId,
        instruments: Vec<InstrumentConfig>,
        depth: u16,
    ) -> Self {
        Self {
            market_data,
            trading,
            instruments,
            depth,
            total: TotalLimits::UNLIMITED,
            venue_rate: VenueRate::UNLIMITED,
            cl_ord_id_watermark: 0,
            unknown_orders: UnknownOrders::default(),
            reach: Reach::default(),
            recovery: Recovery::default(),
            rest: None,
            second: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), DeskError> {
        let second = self.second.as_ref().map(|second| &second.instruments);
        for instruments in std::iter::once(&self.instruments).chain(second) {
            let first = instruments.first().ok_or(DeskError::NoInstruments)?.symbol;
            let other = |one: &&InstrumentConfig| market_of(&one.symbol) != market_of(&first);
            if let Some(instrument) = instruments.iter().find(other) {
                return Err(DeskError::OtherMarket(instrument.symbol));
            }
        }
        let instruments: Vec<InstrumentConfig> = self.all_instruments().copied().collect();
        if instruments.len() > INSTRUMENTS_MAX {
            return Err(DeskError::TooManyInstruments(instruments.len()));
        }
        for (i, instrument) in instruments.iter().enumerate() {
            if instruments[..i].iter().any(|other| other.symbol == instrument.symbol) {
                return Err(DeskError::SymbolTwice(instrument.symbol));
            }
        }
        Ok(())
    }

    /// The instruments of all trading sessions, in the order of their ids.
    pub(super) fn all_instruments(&self) -> impl Iterator<Item = &InstrumentConfig> + Clone {
        let second = self.second.as_ref().map_or(&[][..], |second| &second.instruments);
        self.instruments.iter().chain(second)
    }
}

/// What becomes of reports of orders that a desk does not know: placed elsewhere under the same
/// SenderCompID, or by an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownOrders {
    /// They are tracked from their first report on, count in exposure and position, and can be
    /// cancelled.
    #[default]
    Adopt,
    /// The strategy is told of the report, and it is not applied.
    Alarm,
}

/// One instrument of a desk.
#[derive(Debug, Clone, Copy)]
pub struct InstrumentConfig {
    /// Its symbol on the venue.
    pub symbol: Symbol,
    /// Its limits.
    pub risk: RiskLimits,
}

/// Why a desk cannot be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// No instrument is configured.
    #[error("no instrument is configured")]
    NoInstruments,
    /// More instruments than [`INSTRUMENTS_MAX`].
    #[error("{0} instruments are configured, {INSTRUMENTS_MAX} are possible")]
    TooManyInstruments(usize),
    /// A symbol is configured twice.
    #[error("{0} is configured twice")]
    SymbolTwice(Symbol),
    /// A symbol is of another market than the first one: a trading session is of one market.
    #[error("{0} is of another market than the first symbol")]
    OtherMarket(Symbol),
}
