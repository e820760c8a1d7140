//! What market data reads of a trading engine.

use taut::types::{Instrument, InstrumentId, OrderId, Px, Qty, Side, Symbol};
use taut_codec::value::UtcTime;

use crate::matching::{Book, Engine, LevelChange, Order, OrderRef, Settlement};

/// A resting order as L3 shows it: only what is visible of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// Which order.
    pub order: OrderRef,
    /// What is visible of its open quantity.
    pub qty: Qty,
    /// When it joined the queue of its price (5273).
    pub queued_at: UtcTime,
    /// When it changed last (273, 5060).
    pub changed_at: UtcTime,
}

impl From<&Order> for Queued {
    fn from(order: &Order) -> Self {
        Self {
            order: order.reference,
            qty: order.visible(),
            queued_at: order.queued_at,
            changed_at: order.changed_at,
        }
    }
}

/// A trading engine with its books.
pub trait MarketView {
    /// How many instruments are listed; their ids count from 0.
    fn count(&self) -> usize;

    /// One instrument.
    fn instrument(&self, id: InstrumentId) -> Option<&Instrument>;

    /// The instrument that a symbol or an alias of it names.
    fn find(&self, symbol: Symbol) -> Option<InstrumentId>;

    /// The price levels of an instrument.
    fn book(&self, id: InstrumentId) -> Option<&Book>;

    /// See [`Book::take_changes`].
    fn take_changes(&mut self, id: InstrumentId, out: &mut Vec<LevelChange>) -> bool;

    /// The orders at one price, first in the queue first.
    fn queue(&self, id: InstrumentId, side: Side, px: Px) -> Vec<Queued>;

    /// Price and visible quantity of an order that rests in a book.
    fn resting_at(&self, order: OrderRef) -> Option<(Px, Qty)>;

    /// OrderID(37) of an order, live or ended.
    fn order_id(&self, order: OrderRef) -> OrderId;
}

impl<S: Settlement> MarketView for Engine<S> {
    fn count(&self) -> usize {
        self.instruments().len()
    }

    fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        Self::instrument(self, id)
    }

    fn find(&self, symbol: Symbol) -> Option<InstrumentId> {
        let symbol = symbol.as_str();
        // `XBT` is an alias of `BTC` (C16).
        let alias = || self.instrument_id(symbol.replace("XBT/", "BTC/").as_bytes());
        self.instrument_id(symbol.as_bytes()).or_else(alias)
    }

    fn book(&self, id: InstrumentId) -> Option<&Book> {
        Self::book(self, id)
    }

    fn take_changes(&mut self, id: InstrumentId, out: &mut Vec<LevelChange>) -> bool {
        out.clear();
        self.book_mut(id).is_none_or(|book| book.take_changes(out))
    }

    fn queue(&self, id: InstrumentId, side: Side, px: Px) -> Vec<Queued> {
        self.queue_at(id, side, px).map(Queued::from).collect()
    }

    fn resting_at(&self, order: OrderRef) -> Option<(Px, Qty)> {
        self.order(order).filter(|order| order.rests()).map(|order| (order.price, order.visible()))
    }

    fn order_id(&self, order: OrderRef) -> OrderId {
        Self::order_id(self, order)
    }
}
