//! The engine: its set-up, its state and what can be looked up in it.

use std::collections::VecDeque;

use taut::types::{Instrument, InstrumentId, OrderId, Px, Side};
use taut_codec::value::{Decimal, UtcTime};

use super::account::{Account, AccountFlags, AccountId, Asset, AssetId};
use super::book::Book;
use super::command::{Command, Reference};
use super::event::{EngineEvent, OrderState};
use super::ids::OrderIds;
use super::order::{Order, OrderRef};
use super::pool::{NONE, Orders};
use super::settlement::Settlement;
use super::timers::Timers;
use super::triggers::{Index, Triggers};
use crate::state::{Restored, Source, Stored, save_all};

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

/// An instrument as every engine sees it.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) instrument: Instrument,
    /// MinimumCost in units of price x quantity, rounded up.
    pub(super) cost_min: i128,
    pub(super) trade_seq: u64,
    /// Price of the last trade.
    pub(super) last: Option<Px>,
    pub(super) index: Index,
    pub(super) triggers: Triggers,
}

/// A trading engine of the market that `S` settles.
#[derive(Debug)]
pub struct Engine<S> {
    pub(super) ids: OrderIds,
    pub(super) levels: usize,
    pub(super) orders: Orders,
    pub(super) books: Vec<Book>,
    pub(super) markets: Vec<Market>,
    pub(super) accounts: Vec<Account>,
    pub(super) settlement: S,
    pub(super) rules: Rules,
    pub(super) timers: Timers,
    /// Watched prices that were seen and not yet shown to the triggers.
    pub(super) seen: VecDeque<Seen>,
    /// Orders that triggered and have not been carried out yet.
    pub(super) fired: VecDeque<u32>,
}

/// A watched price that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) instrument: InstrumentId,
    pub(super) watched: Reference,
    pub(super) px: Px,
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

    /// The listed instruments; the position is the [`InstrumentId`].
    pub fn instruments(&self) -> impl ExactSizeIterator<Item = &Instrument> {
        self.markets.iter().map(|market| &market.instrument)
    }

    /// One instrument.
    #[must_use]
    pub fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.markets.get(usize::from(id.0)).map(|market| &market.instrument)
    }

    /// The instrument of a symbol.
    #[must_use]
    pub fn instrument_id(&self, symbol: &[u8]) -> Option<InstrumentId> {
        let at = self.instruments().position(|known| known.symbol.as_bytes() == symbol)?;
        u16::try_from(at).ok().map(InstrumentId)
    }

    /// The book of an instrument.
    #[must_use]
    pub fn book(&self, id: InstrumentId) -> Option<&Book> {
        self.books.get(usize::from(id.0))
    }

    /// The book of an instrument, to take its changes.
    pub fn book_mut(&mut self, id: InstrumentId) -> Option<&mut Book> {
        self.books.get_mut(usize::from(id.0))
    }

    /// The resting orders of a side in the order in which they would trade.
    pub fn resting(&self, id: InstrumentId, side: Side) -> impl Iterator<Item = &Order> {
        self.book(id)
            .into_iter()
            .flat_map(move |book| book.priority(&self.orders, side))
            .map(|slot| self.orders.get(slot))
    }

    /// The resting orders at one price, first in the queue first.
    pub fn queue_at(&self, id: InstrumentId, side: Side, px: Px) -> impl Iterator<Item = &Order> {
        self.book(id)
            .into_iter()
            .flat_map(move |book| book.queue(&self.orders, side, px))
            .map(|slot| self.orders.get(slot))
    }

    /// A live order.
    #[must_use]
    pub fn order(&self, order: OrderRef) -> Option<&Order> {
        self.orders.find(order)
    }

    /// How many orders live.
    #[must_use]
    pub fn live_orders(&self) -> usize {
        self.orders.live()
    }

    /// OrderID(37) of an order, live or ended.
    #[must_use]
    pub fn order_id(&self, order: OrderRef) -> OrderId {
        self.ids.id(order)
    }

    /// The order that an OrderID names, if this venue can have made it; it need not live any more.
    #[must_use]
    pub fn order_ref(&self, id: &[u8]) -> Option<OrderRef> {
        self.ids.order(id)
    }

    /// When an order's EffectiveTime(168) or, once it is live, its ExpireTime(126) comes.
    #[must_use]
    pub fn due_at(&self, order: OrderRef) -> Option<UtcTime> {
        self.timers.of(self.orders.find(order)?)
    }

    /// Runs any command.
    pub fn execute(&mut self, now: UtcTime, command: &Command, events: &mut Vec<EngineEvent>) {
        match command {
            Command::New(command) => {
                self.new_order(now, command, events);
            }
            Command::Amend(command) => {
                self.amend(now, command, events);
            }
            Command::Cancel(command) => {
                self.cancel(now, command, events);
            }
            Command::CancelWhere(command) => {
                self.cancel_where(now, command, events);
            }
        }
    }

    pub(super) fn market(&self, id: InstrumentId) -> &Market {
        &self.markets[usize::from(id.0)]
    }

    /// The price of the last trade.
    #[must_use]
    pub fn last_price(&self, id: InstrumentId) -> Option<Px> {
        self.markets.get(usize::from(id.0)).and_then(|market| market.last)
    }

    /// The index of an instrument.
    #[must_use]
    pub fn index(&self, id: InstrumentId) -> Option<Index> {
        self.markets.get(usize::from(id.0)).map(|market| market.index)
    }

    /// The name of an asset, MiscFeeCurr(138).
    #[must_use]
    pub fn asset(&self, id: AssetId) -> Option<Asset> {
        self.settlement.asset(id)
    }

    /// Decimals of [`OrderState::fee`] for orders of an instrument that pay in `asset`.
    #[must_use]
    pub fn fee_scale(&self, instrument: &Instrument, asset: AssetId) -> u8 {
        self.settlement.fee_scale(instrument, asset)
    }

    /// An order as events tell it.
    pub(super) fn state(&self, slot: u32) -> OrderState {
        let order = self.orders.get(slot);
        let given = |value: i64| value != 0;
        OrderState {
            order: order.reference,
            account: order.account,
            session: order.session,
            client_key: order.client_key,
            instrument: order.instrument,
            side: order.side,
            ord_type: order.ord_type,
            placed_as: order.placed_as,
            time_in_force: order.time_in_force,
            post_only: order.post_only,
            qty_in_quote: order.qty_in_quote,
            fee_per_trade: order.fee_per_trade,
            qty: order.qty,
            price: order.price,
            stop: Some(order.stop).filter(|stop| given(stop.0)),
            triggered_by: order.triggered_by,
            display: Some(order.display).filter(|display| given(display.0)),
            cum: order.cum,
            leaves: order.leaves(),
            notional: order.notional,
            fee: order.fee,
            fee_asset: self.settlement.fee_asset(order),
        }
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

crate::state::stored! { Seen { instrument, watched, px } }

/// Instruments, accounts and rules are the configuration's.
impl<S: Settlement> Restored for Engine<S> {
    fn save(&self, out: &mut Vec<u8>) {
        let Self {
            ids: _,
            levels: _,
            rules: _,
            orders,
            books,
            markets,
            accounts,
            settlement,
            timers,
            seen,
            fired,
        } = self;
        orders.save(out);
        save_all(books.iter(), out);
        save_all(markets.iter(), out);
        save_all(accounts.iter(), out);
        settlement.save(out);
        timers.save(out);
        seen.store(out);
        fired.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        self.orders.restore(from)?;
        from.restore_all(self.books.iter_mut())?;
        from.restore_all(self.markets.iter_mut())?;
        from.restore_all(self.accounts.iter_mut())?;
        self.settlement.restore(from)?;
        self.timers.restore(from)?;
        self.seen.extend(from.get::<VecDeque<Seen>>()?);
        self.fired.extend(from.get::<VecDeque<u32>>()?);
        Some(())
    }
}

impl Restored for Market {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { instrument, cost_min: _, trade_seq, last, index, triggers } = self;
        instrument.status.store(out);
        trade_seq.store(out);
        last.store(out);
        index.store(out);
        triggers.save(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        self.instrument.status = from.get()?;
        self.trade_seq = from.get()?;
        self.last = from.get()?;
        self.index = from.get()?;
        self.triggers.restore(from)
    }
}
