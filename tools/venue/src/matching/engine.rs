//! The engine: its state and what can be looked up in it.

use std::collections::VecDeque;

use taut::types::{Instrument, InstrumentId, OrderId, Px, Side};
use taut_codec::value::UtcTime;

use super::account::{Account, Asset, AssetId};
use super::book::Book;
use super::command::{Command, Reference};
use super::event::{EngineEvent, OrderState};
use super::ids::OrderIds;
use super::order::{Order, OrderRef};
use super::pool::Orders;
use super::settlement::Settlement;
use super::setup::Rules;
use super::timers::Timers;
use super::triggers::{Index, Triggers};
use crate::state::{Restored, Source, Stored, save_all};

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

    /// Gives OrderIDs by another salt. Orders keep theirs only while the salt stays.
    pub const fn salt_ids(&mut self, salt: u64) {
        self.ids = self.ids.salted(salt);
    }

    /// Lets the next trade of each instrument have a number above this one.
    pub fn count_trades_from(&mut self, number: u64) {
        self.markets.iter_mut().for_each(|market| market.trade_seq = number);
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
