//! The table of orders: what may be asked of each, and how it is found again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};

use super::cancel::Kept;
use super::chain::{Chains, Ends, Link, NONE, RequestKind};
use super::ids::ExecIds;
use super::index::{Index, hash_text};
use super::{Order, OrderHandle, OrderState};
use crate::command::NewOrder;
use crate::event::Report;
use crate::limits::{
    CL_ORD_IDS_PER_ORDER, EXEC_IDS_MAX, ORDERS_MAX, PENDING_PER_ORDER_MAX, REPORT_IDS_MAX,
};
use crate::risk::{Refusal, RiskView};
use crate::touched;
use crate::types::{ClOrdId, InstrumentId, Market, OrderId, Px, Qty, Side};

/// How many tables there were in this process: each has a number of its own, which is in its handles and
/// decides nothing else.
static TABLES: AtomicU32 = AtomicU32::new(0);

/// All orders of a desk, live and recently ended. An ended order is forgotten when its slot is
/// needed; the one that ended first goes first.
#[derive(Debug)]
pub struct OrderTable {
    pub(super) slots: Vec<Order>,
    pub(super) chains: Chains,
    pub(super) by_order_id: Index,
    /// Of fills.
    pub(super) exec_ids: ExecIds,
    /// Of reports without a fill.
    pub(super) report_ids: ExecIds,
    live: Vec<u32>,
    free: Vec<u32>,
    ended: VecDeque<u32>,
    orders_max: usize,
    pub(super) open: Vec<Open>,
    pub(super) kept: Kept,
    /// Its number in the process.
    number: u32,
    /// Of which trading session of the desk they are.
    seat: u8,
    /// How many replaces wait for an OrderID.
    pub(super) held: u32,
    /// Of some instrument more or less may have been filled unseen than was told.
    pub(super) unseen_changed: bool,
    /// The session that is up, or was last.
    pub(super) epoch: u32,
    pub(super) connection: u32,
    /// Counts the venue's days.
    pub(super) day: u32,
}

/// The open orders of one instrument.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub market: Market,
    /// Exposure, buys and sells, with what may have been filled unseen.
    pub qty: [i64; 2],
    /// The latter, that of orders included that were forgotten since.
    pub unseen: [i64; 2],
    /// What of that was told.
    pub unseen_told: [i64; 2],
    orders: u32,
    /// Cancels that the venue's rate limit holds back.
    pub limited: u32,
}

impl OrderTable {
    /// A table for [`ORDERS_MAX`] orders.
    #[must_use]
    pub fn new(instruments: usize) -> Self {
        Self::with_capacity(instruments, ORDERS_MAX, EXEC_IDS_MAX)
    }

    /// A table of the given size; the only place that allocates.
    #[must_use]
    pub fn with_capacity(instruments: usize, orders_max: usize, exec_ids_max: usize) -> Self {
        Self {
            slots: touched::vec(orders_max),
            chains: Chains::new(
                (orders_max * CL_ORD_IDS_PER_ORDER).max(2 * PENDING_PER_ORDER_MAX),
                orders_max,
            ),
            by_order_id: Index::new(orders_max),
            exec_ids: ExecIds::new(exec_ids_max),
            report_ids: ExecIds::new(exec_ids_max.min(REPORT_IDS_MAX)),
            live: touched::vec(orders_max),
            free: touched::vec(orders_max),
            ended: touched::deque(orders_max),
            orders_max,
            open: vec![
                Open {
                    market: Market::Spot,
                    qty: [0; 2],
                    unseen: [0; 2],
                    unseen_told: [0; 2],
                    orders: 0,
                    limited: 0
                };
                instruments
            ],
            kept: Kept::default(),
            number: TABLES.fetch_add(1, Ordering::Relaxed),
            seat: 0,
            held: 0,
            unseen_changed: false,
            epoch: 0,
            connection: 0,
            day: 0,
        }
    }

    /// The same for another trading session of the desk: its handles name no order of this one.
    #[must_use]
    pub(crate) const fn of_seat(mut self, seat: u8) -> Self {
        self.seat = seat;
        self
    }

    /// Says which market lists an instrument; spot, until it is said.
    pub fn set_market(&mut self, id: InstrumentId, market: Market) {
        if let Some(open) = self.open.get_mut(usize::from(id.0)) {
            open.market = market;
        }
    }

    /// Whether the fees of an instrument are told trade by trade, not as the order's total (venue file 6.13).
    pub(crate) fn tells_fees_by_trade(&self, id: InstrumentId) -> bool {
        self.open.get(usize::from(id.0)).is_some_and(|open| open.market == Market::Derivatives)
    }

    /// The order of a handle, unless it was forgotten.
    #[must_use]
    pub fn get(&self, handle: OrderHandle) -> Option<&Order> {
        self.slots.get(handle.slot as usize).filter(|order| order.handle == handle)
    }

    /// The order of a ClOrdID: its current one, a recent one, or one of a request that waits.
    #[must_use]
    pub fn find(&self, id: ClOrdId) -> Option<&Order> {
        let link = self.chains.find(id)?;
        Some(&self.slots[self.chains.get(link).order as usize])
    }

    /// The order of an OrderID.
    #[must_use]
    pub fn find_order_id(&self, id: &OrderId) -> Option<&Order> {
        if id.is_empty() {
            return None;
        }
        let is_meant = |slot: u32| self.slots[slot as usize].order_id == *id;
        let slot = self.by_order_id.get(hash_text(id.as_bytes()), is_meant)?;
        Some(&self.slots[slot as usize])
    }

    /// Whether one of a report's ids is that of an order here, be it of another instrument or side.
    #[must_use]
    pub fn is_known(&self, report: &Report) -> bool {
        let by_orig = report.orig_cl_ord_id.and_then(|id| self.find(id));
        self.find(report.cl_ord_id).or(by_orig).is_some()
            || self.find_order_id(&report.order_id).is_some()
    }

    /// The ClOrdID that the venue confirmed last for the order.
    #[must_use]
    pub fn cl_ord_id(&self, handle: OrderHandle) -> Option<ClOrdId> {
        Some(self.chains.get(self.get(handle)?.current).id)
    }

    /// The live orders, uncertain ones included.
    pub fn live(&self) -> impl ExactSizeIterator<Item = &Order> + '_ {
        self.live.iter().map(|&slot| &self.slots[slot as usize])
    }

    /// How many orders are live.
    #[must_use]
    pub fn live_len(&self) -> usize {
        self.live.len()
    }

    /// What the open orders of an instrument could still fill, and what may have been filled unseen, by
    /// [`RiskView::index`] of the side.
    #[must_use]
    pub fn open_qty(&self, id: InstrumentId) -> [i64; 2] {
        self.open.get(usize::from(id.0)).map_or([0; 2], |open| open.qty)
    }

    /// What may have been filled, at most, and is in no position ([`Order::unseen`]), by [`RiskView::index`]
    /// of the side.
    #[must_use]
    pub fn unseen(&self, id: InstrumentId) -> [i64; 2] {
        self.open.get(usize::from(id.0)).map_or([0; 2], |open| open.unseen)
    }

    /// How many open orders an instrument has.
    #[must_use]
    pub fn open_orders(&self, id: InstrumentId) -> u32 {
        self.open.get(usize::from(id.0)).map_or(0, |open| open.orders)
    }

    /// The session that is up: what is sent from now on belongs to it.
    pub const fn set_session(&mut self, epoch: u32, connection: u32) {
        (self.epoch, self.connection) = (epoch, connection);
    }

    /// Enters an order that is about to be sent.
    ///
    /// # Errors
    /// [`Refusal::TooManyOrders`], [`Refusal::TooManyPending`], [`Refusal::InstrumentUnknown`];
    /// nothing has changed then.
    pub fn open(&mut self, new: &NewOrder) -> Result<OrderHandle, Refusal> {
        self.enter(
            new.cl_ord_id,
            Order {
                ord_type: new.ord_type,
                time_in_force: new.time_in_force,
                post_only: new.post_only,
                qty: new.qty,
                px: new.px,
                stop_px: new.stop_px,
                leaves: new.qty,
                epoch: self.epoch,
                connection: self.connection,
                ..Order::blank(new.instrument, new.side)
            },
        )
    }

    /// Enters an order of which a report is the first that is heard: placed elsewhere, or by an earlier
    /// run. The report itself is still to be applied. What was filled before it counts nowhere.
    ///
    /// # Errors
    /// As [`OrderTable::open`].
    pub fn adopt(&mut self, report: &Report) -> Result<OrderHandle, Refusal> {
        let (told, cost) = report.fill.map_or((0, 0), |fill| {
            (fill.qty.0.max(0), i128::from(fill.px.0) * i128::from(fill.qty.0))
        });
        let before = report.cum_qty.0.saturating_sub(told).max(0);
        self.enter(
            report.cl_ord_id,
            Order {
                cum: Qty(before),
                filled: before,
                paid: report.gross.map(|gross| i128::from(gross) - cost),
                ..Order::told_of(report)
            },
        )
    }

    pub(super) fn enter(&mut self, id: ClOrdId, order: Order) -> Result<OrderHandle, Refusal> {
        if usize::from(order.instrument.0) >= self.open.len() {
            return Err(Refusal::InstrumentUnknown);
        }
        if self.live.len() == self.orders_max {
            return Err(Refusal::TooManyOrders);
        }
        self.make_link_room()?;
        let slot = self.take_slot();
        let generation = self.slots.get(slot as usize).map_or(0, |old| old.handle.generation);
        let handle = OrderHandle { slot, generation, table: self.number, seat: self.seat };
        let mut ends = Ends::EMPTY;
        let link = Link {
            qty: order.qty,
            px: order.px,
            stop_px: order.stop_px,
            epoch: order.epoch,
            connection: order.connection,
            ..Link::new(id, id, RequestKind::New, slot)
        };
        let current =
            self.chains.push(&mut ends, link).expect("make_link_room left room for a link");
        let live_at = self.live.len() as u32;
        let order = Order { handle, day: self.day, ends, current, live_at, ..order };
        match self.slots.get_mut(slot as usize) {
            Some(old) => *old = order,
            None => self.slots.push(order),
        }
        self.live.push(slot);
        self.open[usize::from(order.instrument.0)].orders += 1;
        self.refresh(slot);
        Ok(handle)
    }

    /// Forgets ended orders until a link fits beside those that are left for cancels.
    pub(super) fn make_link_room(&mut self) -> Result<(), Refusal> {
        while !self.chains.has_room() {
            let oldest = self.ended.pop_front().ok_or(Refusal::TooManyPending)?;
            self.forget(oldest);
            self.free.push(oldest);
        }
        Ok(())
    }

    /// A slot that is free or can be freed; there is one while not every order is live.
    fn take_slot(&mut self) -> u32 {
        if let Some(slot) = self.free.pop() {
            return slot;
        }
        if self.slots.len() < self.orders_max {
            return self.slots.len() as u32;
        }
        let oldest = self.ended.pop_front().expect("a slot is live, free or ended");
        self.forget(oldest);
        oldest
    }

    /// Forgets an ended order: its ids are unknown and its handle is void from now on.
    fn forget(&mut self, slot: u32) {
        let order = &mut self.slots[slot as usize];
        assert!(order.state.is_end(), "only an ended order is forgotten");
        while order.ends.head != NONE {
            let head = order.ends.head;
            self.chains.remove(&mut order.ends, head);
        }
        if !order.order_id.is_empty() {
            self.by_order_id.remove(hash_text(order.order_id.as_bytes()), slot);
            order.order_id = OrderId::EMPTY;
        }
        order.handle.generation = order.handle.generation.wrapping_add(1);
    }

    /// Moves an order from the live to the ended.
    pub(super) fn end(&mut self, slot: u32, state: OrderState) {
        let handle = self.slots[slot as usize].handle;
        if self.slots[slot as usize].is_cancel_kept() {
            self.set_cancel_kept(handle, false);
        }
        let order = &mut self.slots[slot as usize];
        assert!(state.is_end() && !order.state.is_end(), "an order ends once");
        order.state = state;
        order.leaves = Qty(0);
        let (live_at, instrument) = (order.live_at as usize, order.instrument);
        self.live.swap_remove(live_at);
        if let Some(&moved) = self.live.get(live_at) {
            self.slots[moved as usize].live_at = live_at as u32;
        }
        self.open[usize::from(instrument.0)].orders -= 1;
        self.ended.push_back(slot);
        self.refresh(slot);
    }

    /// Counts the pending requests and the exposure of an order anew.
    pub(super) fn refresh(&mut self, slot: u32) {
        let order = &self.slots[slot as usize];
        let (mut replaces, mut cancels, mut largest) = (0, 0, order.qty.0);
        let (mut best_px, mut touched) = (order.px, self.chains.get(order.current).at);
        for at in self.chains.backward(&order.ends) {
            let link = self.chains.get(at);
            match link.kind {
                // A stale replace may have been done as well as not.
                RequestKind::Replace if link.pending && !link.doomed => {
                    replaces += u16::from(!link.stale);
                    largest = largest.max(link.qty.0);
                    best_px = better_px(order.side, best_px, link.px);
                    touched = touched.max(link.at);
                }
                RequestKind::Cancel if link.is_waiting() && !link.doomed => cancels += 1,
                _ => {}
            }
        }
        if let Some(terms) = order.held.filter(|_| !order.state.is_end()) {
            largest = largest.max(terms.qty.0);
            best_px = better_px(order.side, best_px, terms.px);
        }
        let exposure =
            if order.state.is_end() { 0 } else { largest.saturating_sub(order.cum.0).max(0) };
        let is_gone = order.state == OrderState::Gone && !order.end_told;
        let most = if is_gone { largest.max(order.cum.0) } else { order.cum.0 };
        let unseen = most.saturating_sub(order.filled).max(0);
        let (id, side) = (order.instrument, RiskView::index(order.side));
        let before = order.exposure.saturating_add(order.unseen);
        let after = exposure.saturating_add(unseen);
        let open = &mut self.open[usize::from(id.0)];
        open.qty[side] = open.qty[side].saturating_sub(before).saturating_add(after);
        if unseen != order.unseen {
            let all = &mut open.unseen[side];
            *all = all.saturating_sub(order.unseen).saturating_add(unseen);
            self.unseen_changed = true;
        }
        let order = &mut self.slots[slot as usize];
        order.unseen = unseen;
        (order.pending_replaces, order.pending_cancels) = (replaces, cancels);
        (order.exposure, order.best_px, order.touched) = (exposure, best_px, touched);
    }

    /// The live order at a place of [`OrderTable::live`]; its handle is in it.
    #[must_use]
    pub fn live_at(&self, at: usize) -> Option<&Order> {
        Some(&self.slots[*self.live.get(at)? as usize])
    }
}

/// The more aggressive of two prices.
fn better_px(side: Side, one: Option<Px>, other: Option<Px>) -> Option<Px> {
    match (one, other) {
        (Some(one), Some(other)) if side.at_least_as_good(one, other) => Some(one),
        (one, other) => other.or(one),
    }
}
