//! How an order is found again in a full table, by each of its names.

use std::hint::black_box;
use std::time::Instant;

use taut::command::{NewOrder, Watches};
use taut::event::{ExecType, OrdStatus};
use taut::limits::ORDERS_MAX;
use taut::order::{OrderHandle, OrderTable};
use taut::strategy::{InstrumentId, Px, Qty, Side};
use taut::types::{ClOrdId, OrdType, OrderId, TimeInForce};

use crate::desk::report;

/// A full table of live orders, and their names in no order.
pub struct Lookups {
    table: OrderTable,
    names: Vec<(ClOrdId, OrderId)>,
}

/// By ClOrdID(11); never inlined, so that its instructions can be counted.
#[inline(never)]
pub fn by_cl_ord_id(table: &OrderTable, id: ClOrdId) -> Option<OrderHandle> {
    table.find(id).map(|order| order.handle)
}

/// By OrderID(37).
#[inline(never)]
pub fn by_order_id(table: &OrderTable, id: &OrderId) -> Option<OrderHandle> {
    table.find_order_id(id).map(|order| order.handle)
}

impl Default for Lookups {
    fn default() -> Self {
        let mut table = OrderTable::new(1);
        let mut names = Vec::with_capacity(ORDERS_MAX);
        for n in 0..ORDERS_MAX as u64 {
            // Microseconds apart, as they are made; OrderIDs as spot has them.
            let id = ClOrdId::numeric(1_744_036_325_000_000 + 37 * n).expect("18 digits");
            let order_id: OrderId =
                format!("O{n:05X}-{:05X}-{:06X}", n * 7, n * 31).parse().expect("19 characters");
            let order = NewOrder {
                cl_ord_id: id,
                instrument: InstrumentId(0),
                side: Side::Buy,
                ord_type: OrdType::Limit,
                time_in_force: TimeInForce::Gtc,
                qty: Qty(10),
                px: Some(Px(900)),
                stop_px: None,
                watches: Watches::LastTrade,
                post_only: false,
                self_trade: None,
            };
            table.open(&order).expect("there is room");
            let live = (ExecType::New, OrdStatus::New);
            table.on_report(&report(id, order.px, live.0, live.1, order_id, n));
            names.push((id, order_id));
        }
        // A stride that has no factor in common with the number of orders.
        let mixed = (0..names.len()).map(|at| names[at * 2_654_435_761 % names.len()]).collect();
        Self { table, names: mixed }
    }
}

impl Lookups {
    /// How many orders there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none: never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Each order found once by ClOrdID and once by OrderID: nanoseconds per look-up.
    ///
    /// # Panics
    /// If one is not found.
    pub fn round(&self) -> [f64; 2] {
        let per_one = |start: Instant| start.elapsed().as_nanos() as f64 / self.len() as f64;
        let start = Instant::now();
        for (id, _) in &self.names {
            assert!(by_cl_ord_id(&self.table, black_box(*id)).is_some(), "it is live");
        }
        let first = per_one(start);
        let start = Instant::now();
        for (_, id) in &self.names {
            assert!(by_order_id(&self.table, black_box(id)).is_some(), "it is live");
        }
        [first, per_one(start)]
    }
}
