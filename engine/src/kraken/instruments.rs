//! The instruments that an engine was configured with, and what the venue said about them.

use taut_codec::message::{GroupError, GroupSpec, Message};
use taut_codec::tag;
use taut_codec::value::{Decimal, SCALE_MAX, parse_u32};

use crate::limits::INSTRUMENTS_MAX;
use crate::types::{Instrument, InstrumentId, PairStatus, Symbol};

/// The group of InstrumentList (35=y), venue file 4.12.
pub const INSTRUMENT_GROUP: GroupSpec = GroupSpec {
    count: tag::NO_RELATED_SYM,
    first: Some(tag::SYMBOL),
    members: &[
        tag::SYMBOL,
        tag::MIN_TRADE_VOL,
        tag::QTY_PRECISION,
        tag::QTY_MIN,
        tag::QTY_MAX,
        tag::MINIMUM_COST,
        tag::PRICE_PRECISION,
        tag::MD_PRICE_PRECISION,
        tag::TICK_SIZE,
        tag::ASSET_PAIR_STATUS,
    ],
};

/// Symbols in the order of the configuration, with their facts once the venue has listed them.
#[derive(Debug, Clone)]
pub struct Instruments {
    entries: Box<[(Symbol, Option<Instrument>)]>,
}

impl Instruments {
    /// No facts are known yet.
    ///
    /// # Panics
    /// With more symbols than [`INSTRUMENTS_MAX`]: a configuration that was not checked.
    #[must_use]
    pub fn new(symbols: &[Symbol]) -> Self {
        assert!(symbols.len() <= INSTRUMENTS_MAX, "more instruments than limits.rs allows");
        Self { entries: symbols.iter().map(|&symbol| (symbol, None)).collect() }
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
        let entries =
            message.group(&INSTRUMENT_GROUP).map_err(|_: GroupError| tag::NO_RELATED_SYM)?;
        for entry in entries {
            let Some(id) = entry.get(tag::SYMBOL).and_then(|symbol| self.find(symbol)) else {
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

fn read_entry(symbol: Symbol, entry: &Message<'_>) -> Result<Instrument, u32> {
    let precision = |tag| {
        let value = entry.get(tag).ok_or(tag)?;
        let number = parse_u32(value).map_err(|_| tag)?;
        u8::try_from(number).ok().filter(|&p| p <= SCALE_MAX).ok_or(tag)
    };
    let decimal = |tag| entry.decimal(tag).map_err(|_| tag);
    let price_precision = precision(tag::PRICE_PRECISION)?;
    let qty_precision = precision(tag::QTY_PRECISION)?;
    let mut instrument = Instrument {
        symbol,
        price_precision,
        qty_precision,
        tick_size: crate::types::Px(0),
        qty_step: crate::types::Qty(0),
        qty_min: crate::types::Qty(0),
        cost_min: Decimal::new(0, 0),
        status: PairStatus::from_fix(entry.get(tag::ASSET_PAIR_STATUS).unwrap_or(b""))
            .ok_or(tag::ASSET_PAIR_STATUS)?,
    };
    instrument.tick_size = instrument.px(decimal(tag::TICK_SIZE)?).map_err(|_| tag::TICK_SIZE)?;
    instrument.qty_step =
        instrument.qty(decimal(tag::MIN_TRADE_VOL)?).map_err(|_| tag::MIN_TRADE_VOL)?;
    instrument.qty_min = instrument.qty(decimal(tag::QTY_MIN)?).map_err(|_| tag::QTY_MIN)?;
    if entry.get(tag::MINIMUM_COST).is_some() {
        instrument.cost_min = decimal(tag::MINIMUM_COST)?;
    }
    let positive = instrument.tick_size.0 > 0 && instrument.qty_step.0 > 0;
    if positive { Ok(instrument) } else { Err(tag::TICK_SIZE) }
}
