//! The set-up of an engine: its sizes and rules, its instruments and accounts.

use std::collections::VecDeque;

use taut::types::{Instrument, InstrumentId};
use taut_codec::value::Decimal;

use super::account::{Account, AccountFlags, AccountId, Asset};
use super::book::Book;
use super::engine::{Engine, Market};
use super::ids::OrderIds;
use super::pool::{NONE, Orders};
use super::settlement::Settlement;
use super::timers::Timers;
use super::triggers::{Index, Triggers};

/// Sizes of an engine.
#[derive(Debug, Clone, Copy)]
pub struct EngineConfig {
    /// Most orders that live at the same time, over all books; memory for them is taken at start.
    pub orders_max: usize,
    /// Levels per side that a book has room for before it grows.
    pub levels: usize,
    /// The OrderIDs.
    pub ids: OrderIds,
    /// What the venue file leaves open.
    pub rules: Rules,
}

/// Rules that the venue file leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Whether an order whose stop price the market has passed already is refused with
    /// `EOrder:Invalid price`; if not, it triggers at once.
    pub refuse_passed_stops: bool,
    /// Millionths of the best price beyond which a market order does not trade (Market Price Protection,
    /// venue file 6.1); `None` for no protection.
    pub market_protection: Option<u32>,
}

/// Why the engine could not be set up as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A symbol has to be `BASE/QUOTE` of two different assets with at most 11 characters each, on
    /// derivatives one like `PF_XBTUSD` (linear, to USD), `PI_XBTUSD` (inverse) or, with a date,
    /// `FF_XBTUSD_260626` and `FI_XBTUSD_260626`.
    #[error("{0:?} is neither BASE/QUOTE nor the name of a contract such as PF_XBTUSD")]
    Symbol(taut::types::Symbol),
    /// The symbol is listed already.
    #[error("{0:?} is listed twice")]
    Duplicate(taut::types::Symbol),
    /// Precisions of price and quantity exceed 18 decimals together.
    #[error("price and quantity precision of {0:?} exceed 18 decimals together")]
    Precision(taut::types::Symbol),
    /// Tick size, quantity step or a minimum is not positive, the cost minimum is negative, or the largest
    /// quantity is below the smallest.
    #[error(
        "tick size, step and minimum of {0:?} have to be positive, its maximum at least the minimum"
    )]
    Size(taut::types::Symbol),
    /// Contract value, leverage or maintenance margin of a contract make no sense.
    #[error("the contract terms of {0:?} make no sense")]
    Terms(taut::types::Symbol),
    /// A fee above 10 %.
    #[error("a fee rate exceeds 100000 millionths")]
    Fee,
    /// More instruments or accounts than their ids can name.
    #[error("too many instruments or accounts")]
    TooMany,
    /// No such account, or an account that cannot be funded.
    #[error("unknown account")]
    Account,
    /// No instrument uses the asset.
    #[error("no instrument uses the asset {0:?}")]
    Asset(Asset),
    /// Negative or too large.
    #[error("amount out of range: {0}")]
    Amount(Decimal),
}

impl<S: Settlement> Engine<S> {
    /// An engine without instruments, and with [`super::FEE_ACCOUNT`] only.
    #[must_use]
    pub fn with_settlement(config: &EngineConfig, settlement: S) -> Self {
        let mut engine = Self {
            ids: config.ids,
            levels: config.levels,
            orders: Orders::new(config.orders_max),
            books: Vec::new(),
            markets: Vec::new(),
            accounts: Vec::new(),
            settlement,
            rules: config.rules,
            timers: Timers::new(config.orders_max),
            seen: VecDeque::with_capacity(ROOM_AT_START),
            fired: VecDeque::with_capacity(ROOM_AT_START),
        };
        engine.push_account(AccountFlags::default());
        engine
    }

    /// Checks the rules that all markets share before an instrument is listed, and says which
    /// [`InstrumentId`] it will have.
    pub(super) fn check_listing(
        &self,
        instrument: &Instrument,
    ) -> Result<InstrumentId, SetupError> {
        let symbol = instrument.symbol;
        if self.instrument_id(symbol.as_bytes()).is_some() {
            return Err(SetupError::Duplicate(symbol));
        }
        let positive = [instrument.tick_size.0, instrument.qty_step.0, instrument.qty_min.0];
        let orderable = instrument.qty_max.is_none_or(|max| max >= instrument.qty_min);
        if positive.iter().any(|&size| size <= 0) || instrument.cost_min.mantissa < 0 || !orderable
        {
            return Err(SetupError::Size(symbol));
        }
        let id = u16::try_from(self.markets.len()).map_err(|_| SetupError::TooMany)?;
        Ok(InstrumentId(id))
    }

    /// Lists an instrument that [`Engine::check_listing`] found good and that the settlement took.
    pub(super) fn push_instrument(&mut self, instrument: Instrument) {
        let cost_min = cost_min(&instrument);
        self.markets.push(Market {
            instrument,
            cost_min,
            trade_seq: 0,
            last: None,
            index: Index::default(),
            triggers: Triggers::new(),
        });
        self.books.push(Book::new(self.levels));
    }

    /// Opens an account.
    ///
    /// # Errors
    /// [`SetupError::TooMany`].
    pub fn add_account(&mut self, flags: AccountFlags) -> Result<AccountId, SetupError> {
        if self.accounts.len() >= NONE as usize {
            return Err(SetupError::TooMany);
        }
        Ok(self.push_account(flags))
    }

    fn push_account(&mut self, flags: AccountFlags) -> AccountId {
        self.accounts.push(Account::new(flags));
        self.settlement.open_account(flags);
        AccountId((self.accounts.len() - 1) as u32)
    }
}

/// Prices seen and orders triggered within one command that there is room for before memory is taken.
const ROOM_AT_START: usize = 4096;

/// MinimumCost(5013) in units of price x quantity, rounded up.
fn cost_min(instrument: &Instrument) -> i128 {
    let scale = instrument.price_precision + instrument.qty_precision;
    let cost = i128::from(instrument.cost_min.mantissa);
    let pow10 = |exponent: u8| 10i128.pow(u32::from(exponent));
    if instrument.cost_min.scale <= scale {
        cost * pow10(scale - instrument.cost_min.scale)
    } else {
        let unit = pow10(instrument.cost_min.scale - scale);
        (cost + unit - 1).div_euclid(unit)
    }
}
