//! Which orders there are, whose they are and by which ids they can be named.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use taut::event::OrdStatus;
use taut::types::{ClOrdId, InstrumentId};
use taut_codec::value::UtcTime;

use crate::limits::ENDED_ORDERS_MAX;
use crate::matching::{AccountId, EngineEvent, EventKind, OrderRef, OrderState};
use crate::state::{Source, Stored};

/// An order as the engine last told it.
#[derive(Debug, Clone, Copy)]
pub struct OrderRecord {
    /// The order.
    pub state: OrderState,
    /// The account of the client whose order it is; the order may be in a sub-account of it.
    pub customer: AccountId,
    /// When it was created or last amended.
    pub touched: UtcTime,
    /// OrdStatus(39) of its last report.
    pub status: OrdStatus,
}

impl OrderRecord {
    /// Whether the order lives.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        !self.status.is_end()
    }
}

/// All live orders of clients and the latest ended ones.
#[derive(Debug, Default)]
pub struct Registry {
    orders: Orders,
    // Live orders by the last ClOrdID used on them (venue file 4.2).
    names: FxHashMap<(AccountId, u128), OrderRef>,
    ended: VecDeque<OrderRef>,
}

/// Records by their order. A place that is free again is the last to be used, so that new ones are written
/// one behind the other: a table of so large values, hashed, is a cache miss for each.
#[derive(Debug, Default)]
struct Orders {
    records: Vec<OrderRecord>,
    free: VecDeque<u32>,
    places: FxHashMap<OrderRef, u32>,
}

impl Orders {
    fn get(&self, order: OrderRef) -> Option<&OrderRecord> {
        self.places.get(&order).map(|&place| &self.records[place as usize])
    }

    fn get_mut(&mut self, order: OrderRef) -> Option<&mut OrderRecord> {
        self.places.get(&order).map(|&place| &mut self.records[place as usize])
    }

    /// Adds the record of an order that has none.
    fn insert(&mut self, record: OrderRecord) {
        let place = match self.free.pop_front() {
            Some(place) => {
                self.records[place as usize] = record;
                place
            }
            None => {
                self.records.push(record);
                (self.records.len() - 1) as u32
            }
        };
        let before = self.places.insert(record.state.order, place);
        assert!(before.is_none(), "the order has a record");
    }

    fn remove(&mut self, order: OrderRef) {
        self.free.extend(self.places.remove(&order));
    }

    fn values(&self) -> impl Iterator<Item = &OrderRecord> {
        self.places.values().map(|&place| &self.records[place as usize])
    }
}

/// Back to the ClOrdID that was handed to the engine as `client_key`.
#[must_use]
pub fn cl_ord_id(client_key: u128) -> ClOrdId {
    u64::try_from(client_key)
        .ok()
        .and_then(ClOrdId::numeric)
        .or(ClOrdId::uuid(client_key))
        .expect("client keys are made from ClOrdIDs")
}

impl Registry {
    /// The order of a reference.
    #[must_use]
    pub fn get(&self, order: OrderRef) -> Option<&OrderRecord> {
        self.orders.get(order)
    }

    /// The live order of a customer on which this ClOrdID was used last.
    #[must_use]
    pub fn named(&self, customer: AccountId, cl_ord_id: ClOrdId) -> Option<&OrderRecord> {
        self.names.get(&(customer, cl_ord_id.bits())).and_then(|order| self.orders.get(*order))
    }

    /// All live orders.
    pub fn open(&self) -> impl Iterator<Item = &OrderRecord> {
        self.orders.values().filter(|order| order.is_live())
    }

    /// The latest orders that have ended.
    pub fn closed(&self) -> impl Iterator<Item = &OrderRecord> {
        self.ended.iter().filter_map(|order| self.orders.get(*order))
    }

    /// Live orders of a customer.
    #[must_use]
    pub fn live(&self, customer: AccountId) -> usize {
        self.open().filter(|order| order.customer == customer).count()
    }

    /// Takes in what happened to the orders of customers; `customer_of` says whose an order is, and
    /// `counted` hears that one opened (`true`) or ended.
    pub fn observe(
        &mut self,
        event: &EngineEvent,
        customer_of: impl Fn(&OrderState) -> Option<AccountId>,
        mut counted: impl FnMut(AccountId, InstrumentId, bool),
    ) {
        let mut set = |state: &OrderState, status| {
            if let Some(customer) = customer_of(state) {
                let touched = event.at;
                let record = OrderRecord { state: *state, customer, touched, status };
                if let Some(opened) = self.set(record) {
                    counted(customer, state.instrument, opened);
                }
            }
        };
        match &event.kind {
            EventKind::Rejected(_) => {}
            EventKind::Accepted(order) => set(order, OrdStatus::PendingNew),
            EventKind::Live(order) | EventKind::Triggered(order) => set(order, OrdStatus::New),
            EventKind::Expired { order, .. } => set(order, OrdStatus::Expired),
            EventKind::Trade(trade) => {
                set(&trade.maker, fill_status(&trade.maker));
                set(&trade.taker, fill_status(&trade.taker));
            }
            EventKind::Cancelled { order, .. } => set(order, OrdStatus::Canceled),
            EventKind::Amended { order, orig_client_key, pending, .. } => {
                set(order, amend_status(*pending));
                if let Some(customer) = customer_of(order) {
                    self.names.remove(&(customer, *orig_client_key));
                }
            }
        }
    }

    /// Returns `true` if the order opened by it, `false` if it ended.
    fn set(&mut self, mut record: OrderRecord) -> Option<bool> {
        let OrderRecord { state, customer, .. } = record;
        let name = (customer, state.client_key);
        let (is_new, was_live) = match self.orders.get_mut(state.order) {
            None => {
                self.orders.insert(record);
                (true, false)
            }
            Some(before) => {
                if record.status != OrdStatus::Replaced {
                    record.touched = before.touched;
                }
                (false, std::mem::replace(before, record).is_live())
            }
        };
        if record.is_live() {
            self.names.insert(name, state.order);
            return (!was_live).then_some(true);
        }
        self.names.remove(&name);
        if is_new || was_live {
            self.ended.push_back(state.order);
        }
        if self.ended.len() > ENDED_ORDERS_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.orders.remove(oldest);
        }
        was_live.then_some(false)
    }
}

/// OrdStatus(39) of a report of an amend: that of an order before its EffectiveTime(168) is not live yet
/// (venue file 4.3).
#[must_use]
pub const fn amend_status(pending: bool) -> OrdStatus {
    if pending { OrdStatus::PendingReplace } else { OrdStatus::Replaced }
}

/// OrdStatus(39) of a report of a trade (venue file 4.6.1).
#[must_use]
pub fn fill_status(order: &OrderState) -> OrdStatus {
    if order.leaves.0 == 0 { OrdStatus::Filled } else { OrdStatus::PartiallyFilled }
}

/// As a map is written: by rising order.
impl Stored for Orders {
    fn store(&self, out: &mut Vec<u8>) {
        let mut sorted: Vec<&OrderRecord> = self.values().collect();
        sorted.sort_unstable_by_key(|record| record.state.order);
        sorted.len().store(out);
        for record in sorted {
            record.state.order.store(out);
            record.store(out);
        }
    }

    fn fetch(from: &mut Source<'_>) -> Option<Self> {
        let mut orders = Self::default();
        for _ in 0..from.get::<usize>()? {
            let (order, record): (OrderRef, OrderRecord) = from.get()?;
            if order != record.state.order || orders.get(order).is_some() {
                return None;
            }
            orders.insert(record);
        }
        Some(orders)
    }
}

crate::state::stored! {
    OrderRecord { state, customer, touched, status }
    Registry { orders, names, ended }
}
