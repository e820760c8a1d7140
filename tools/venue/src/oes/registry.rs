//! Which orders there are, whose they are and by which ids they can be named.

use std::collections::{HashMap, VecDeque};

use taut::event::OrdStatus;
use taut::types::ClOrdId;

use crate::limits::ENDED_ORDERS_MAX;
use crate::matching::{EngineEvent, EventKind, OrderRef, OrderState};

/// An order as the engine last told it.
#[derive(Debug, Clone, Copy)]
pub struct OrderRecord {
    /// The order.
    pub state: OrderState,
    /// The client whose order it is.
    pub client: u16,
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
    orders: HashMap<OrderRef, OrderRecord>,
    // Live orders by the last ClOrdID used on them (venue file 4.2).
    names: HashMap<(u16, u128), OrderRef>,
    ended: VecDeque<OrderRef>,
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
        self.orders.get(&order)
    }

    /// The live order on which `client` used this ClOrdID last.
    #[must_use]
    pub fn named(&self, client: u16, cl_ord_id: ClOrdId) -> Option<&OrderRecord> {
        self.names.get(&(client, cl_ord_id.bits())).and_then(|order| self.orders.get(order))
    }

    /// Live orders of a client.
    #[must_use]
    pub fn live(&self, client: u16) -> usize {
        self.orders.values().filter(|order| order.client == client && order.is_live()).count()
    }

    /// Takes in what happened to the orders of clients; `client_of` says whose an order is.
    pub fn observe(&mut self, event: &EngineEvent, client_of: impl Fn(&OrderState) -> Option<u16>) {
        let mut set = |state: &OrderState, status| {
            if let Some(client) = client_of(state) {
                self.set(OrderRecord { state: *state, client, status });
            }
        };
        match &event.kind {
            EventKind::Rejected(_) => {}
            EventKind::Accepted(order) => set(order, OrdStatus::PendingNew),
            EventKind::Live(order) => set(order, OrdStatus::New),
            EventKind::Trade(trade) => {
                set(&trade.maker, fill_status(&trade.maker));
                set(&trade.taker, fill_status(&trade.taker));
            }
            EventKind::Cancelled { order, .. } => set(order, OrdStatus::Canceled),
            EventKind::Amended { order, orig_client_key } => {
                set(order, OrdStatus::Replaced);
                if let Some(client) = client_of(order) {
                    self.names.remove(&(client, *orig_client_key));
                }
            }
        }
    }

    fn set(&mut self, record: OrderRecord) {
        let OrderRecord { state, client, .. } = record;
        let name = (client, state.client_key);
        let before = self.orders.insert(state.order, record);
        if record.is_live() {
            self.names.insert(name, state.order);
            return;
        }
        self.names.remove(&name);
        if before.is_none_or(|before| before.is_live()) {
            self.ended.push_back(state.order);
        }
        if self.ended.len() > ENDED_ORDERS_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.orders.remove(&oldest);
        }
    }
}

/// OrdStatus(39) of a report of a trade (venue file 4.6.1).
#[must_use]
pub fn fill_status(order: &OrderState) -> OrdStatus {
    if order.leaves.0 == 0 { OrdStatus::Filled } else { OrdStatus::PartiallyFilled }
}
