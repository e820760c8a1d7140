//! The instruments that an engine was configured with, and what the venue said about them.

use taut_codec::message::{FieldError, GroupError, Message};
use taut_codec::messages::instrument_list::{self, related_sym};
use taut_codec::tag;
use taut_codec::value::{Decimal, SCALE_MAX};

use crate::limits::INSTRUMENTS_MAX;
use crate::types::{Instrument, InstrumentId, Market, PairStatus, Px, Qty, Symbol, market_of};

/// Symbols in the order of the configuration, with their facts once the venue has listed them.
#[derive(Debug, Clone)]
pub struct Instruments {
    entries: Box<[(Symbol, Option<Instrument>)]>,
    /// Of spot and of derivatives: whether the list has come to its end, or no instrument is of that market.
    listed: [bool; 2],
}

impl Instruments {
    /// No facts are known yet.
    ///
    /// # Panics
    /// With more symbols than [`INSTRUMENTS_MAX`]: a configuration that was not checked.
    #[must_use]
    pub fn new(symbols: &[Symbol]) -> Self {
        assert!(symbols.len() <= INSTRUMENTS_MAX, "more instruments than limits.rs allows");
        let entries = symbols.iter().map(|&symbol| (symbol, None)).collect();
        let is_without = |market| symbols.iter().all(|symbol| market_of(symbol) != market);
        Self { entries, listed: [Market::Spot, Market::Derivatives].map(is_without) }
    }

    /// Whether the venue's list of a market has come to its end, or no instrument is of that market: an
    /// instrument of it without facts has none.
    #[must_use]
    pub const fn is_listed(&self, market: Market) -> bool {
        self.listed[place(market)]
    }

    /// The list of a market has come to its end.
    pub(super) fn end_list(&mut self, market: Market) {
        self.listed[place(market)] = true;
    }

    /// Which instrument `symbol` is.
    #[must_use]
    pub fn find(&self, symbol: &[u8]) -> Option<InstrumentId> {
        let at = self.entries.iter().position(|(s, _)| s.as_bytes() == symbol)?;
        Some(InstrumentId(at as u16))
    }

    /// What the venue said about an instrument.
    #[must_use]
    pub fn facts(&self, id: InstrumentId) -> Option<&Instrument> {
        self.entries.get(usize::from(id.0))?.1.as_ref()
    }

    /// The instruments of a market of which the venue has said something.
    pub fn of(&self, market: Market) -> impl Iterator<Item = (InstrumentId, &Instrument)> {
        let ids = (0..self.entries.len()).map(|at| InstrumentId(at as u16));
        let known = ids.filter_map(|id| Some((id, self.facts(id)?)));
        known.filter(move |(_, facts)| market_of(&facts.symbol) == market)
    }

    /// The symbol of an instrument.
    #[must_use]
    pub fn symbol(&self, id: InstrumentId) -> Option<&Symbol> {
        self.entries.get(usize::from(id.0)).map(|(symbol, _)| symbol)
    }

    /// How many instruments are configured.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no instrument is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reads an InstrumentList (35=y): calls `each` with every configured instrument that it holds.
    ///
    /// # Errors
    /// The tag at fault; entries before it have been read. Instruments that are not configured are
    /// passed over whatever they hold.
    pub fn read_list(
        &mut self,
        message: &Message<'_>,
        mut each: impl FnMut(InstrumentId, Instrument),
    ) -> Result<(), u32> {
        let list = instrument_list::View::new(*message);
        let entries = list.related_sym().map_err(|_: GroupError| tag::NO_RELATED_SYM)?;
        for entry in entries {
            let Some(id) = entry.symbol().ok().and_then(|symbol| self.find(symbol)) else {
                continue;
            };
            let (symbol, facts) = &mut self.entries[usize::from(id.0)];
            let instrument = read_entry(*symbol, &entry)?;
            *facts = Some(instrument);
            each(id, instrument);
        }
        Ok(())
    }
}

const fn place(market: Market) -> usize {
    matches!(market, Market::Derivatives) as usize
}

fn read_entry(symbol: Symbol, entry: &related_sym::View<'_>) -> Result<Instrument, u32> {
    let precision = |value: Result<i64, FieldError>, tag| {
        let number = u8::try_from(value.map_err(tag_of)?).map_err(|_| tag)?;
        if number <= SCALE_MAX { Ok(number) } else { Err(tag) }
    };
    let status = entry.asset_pair_status().map_err(tag_of)?.fix();
    let mut instrument = Instrument {
        symbol,
        price_precision: precision(entry.price_precision(), tag::PRICE_PRECISION)?,
        qty_precision: precision(entry.qty_precision(), tag::QTY_PRECISION)?,
        tick_size: Px(0),
        qty_step: Qty(0),
        qty_min: Qty(0),
        qty_max: None,
        cost_min: entry.minimum_cost().map_err(tag_of)?.unwrap_or(Decimal::new(0, 0)),
        status: PairStatus::from_fix(status.as_bytes()).ok_or(tag::ASSET_PAIR_STATUS)?,
    };
    let tick_size = entry.tick_size().map_err(tag_of)?;
    instrument.tick_size = instrument.px(tick_size).map_err(|_| tag::TICK_SIZE)?;
    let qty = |value: Result<Decimal, FieldError>, tag| {
        instrument.qty(value.map_err(tag_of)?).map_err(|_| tag)
    };
    let qty_step = qty(entry.min_trade_vol(), tag::MIN_TRADE_VOL)?;
    let qty_min = qty(entry.qty_min(), tag::QTY_MIN)?;
    let qty_max = entry.qty_max().map_err(tag_of)?;
    let qty_max = qty_max.map(|max| qty(Ok(max), tag::QTY_MAX)).transpose()?;
    (instrument.qty_step, instrument.qty_min, instrument.qty_max) = (qty_step, qty_min, qty_max);
    let positive = instrument.tick_size.0 > 0 && instrument.qty_step.0 > 0;
    if positive { Ok(instrument) } else { Err(tag::TICK_SIZE) }
}

const fn tag_of(error: FieldError) -> u32 {
    match error {
        FieldError::Missing { tag } | FieldError::Value { tag, .. } => tag,
    }
}
