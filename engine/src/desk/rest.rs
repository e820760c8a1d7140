//! The last rung of the cancel ladder (venue file 3.6): calls by REST, for what no request of the session
//! reaches, for what is to be cancelled while the session is down, and for what it does not answer.
//!
//! One call is under way at a time; the list of open orders takes turns with cancels of single orders, however
//! many of those are asked for. A call that failed in a way that may pass is made again, after a wait
//! that doubles; when that was done often enough it is given up, and the strategy is told. What was kept for
//! the session stays kept: it is sent there when the session is up, whatever REST came to, and tried again by
//! REST after a pause while it is not.

mod answers;

use std::collections::VecDeque;

use taut_codec::value::UtcTime;

use super::Core;
use crate::command::{Command, CommandKind, RestCall, RestKind};
use crate::limits::{ORDERS_MAX, REST_AGAIN_NS};
use crate::order::OrderHandle;
use crate::trace::Stamps;
use crate::types::{InstrumentId, Market};

/// How calls by REST are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestPolicy {
    /// Calls for one purpose before it is given up.
    pub attempts: u32,
    /// The wait after the first that failed, milliseconds; each further one doubles it.
    pub retry_ms: u32,
    /// How long an answer may take, milliseconds.
    pub answer_ms: u32,
    /// How long a cancel (F or q) may be without an answer while the session is up, milliseconds, before it
    /// climbs to REST.
    pub climb_ms: u32,
    /// Whether the kill switch, and a mass cancel of all that is the SenderCompID's, may become a CancelAll.
    pub may_cancel_all: bool,
    /// CancelAllOrdersAfter, renewed three times in so many seconds; 0: never called.
    pub cancel_after_seconds: u32,
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// One order is to be cancelled.
    Order(OrderHandle),
    /// All are.
    All,
    /// Uncertain orders are looked up.
    List,
    /// It is looked up what became of an order that is gone.
    Query(OrderHandle),
    /// The venue is to hear of us.
    Timer,
}

/// A call without its answer.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    call: RestCall,
    purpose: Purpose,
    until: UtcTime,
}

const NEVER: UtcTime = UtcTime(u64::MAX);

/// What is wanted by REST, and what is under way.
#[derive(Debug)]
pub(crate) struct RestRung {
    policy: Option<RestPolicy>,
    last_id: u32,
    waiting: Option<Waiting>,
    /// What was tried last and failed, and how often in a row.
    failing: Option<(Purpose, u32)>,
    /// What the mirror of the venue's rate limit was charged for a purpose that is not achieved yet. Calls are
    /// repeated; the venue counts the one that it carries out.
    charged: Option<(Purpose, InstrumentId, u32)>,
    /// No call before.
    not_before: UtcTime,
    /// Some order may be wanted.
    has_orders: bool,
    all: bool,
    list: bool,
    /// The last call was for one order: the list, or what became of an order, is next, if it is wanted.
    is_lists_turn: bool,
    /// Orders that are gone, of which the venue did not tell how they ended.
    gone: VecDeque<OrderHandle>,
    /// They wait until what was given up is tried again.
    gone_later: bool,
    /// How often in a row the list failed.
    list_failures: u32,
    /// CancelAllOrdersAfter is due.
    timer_at: UtcTime,
    /// Cancels that the session should have answered are looked for.
    climb_at: UtcTime,
    /// Orders that were cancelled by REST should have been reported.
    report_at: UtcTime,
    /// What was given up is tried again: cancels while the session is down, the list while it is up.
    again_at: UtcTime,
}

impl RestRung {
    pub fn new(policy: Option<RestPolicy>) -> Self {
        let is_timed = policy.is_some_and(|policy| policy.cancel_after_seconds > 0);
        Self {
            policy,
            last_id: 0,
            waiting: None,
            failing: None,
            charged: None,
            not_before: UtcTime(0),
            has_orders: false,
            all: false,
            list: false,
            is_lists_turn: false,
            gone: VecDeque::with_capacity(if policy.is_some() { ORDERS_MAX } else { 0 }),
            gone_later: false,
            list_failures: 0,
            timer_at: if is_timed { UtcTime(0) } else { NEVER },
            climb_at: NEVER,
            report_at: NEVER,
            again_at: NEVER,
        }
    }

    /// Whether there is such a rung.
    pub const fn is_there(&self) -> bool {
        self.policy.is_some()
    }

    /// Whether a cancel or a look-up is under way, or will be.
    pub fn is_busy(&self) -> bool {
        self.has_orders || self.all || self.list || (!self.gone_later && !self.gone.is_empty())
    }

    /// When [`Desk::rest_on_time`](super::Desk::rest_on_time) has something to do.
    pub fn deadline(&self) -> Option<UtcTime> {
        self.policy?;
        let call = match self.waiting {
            Some(waiting) => waiting.until,
            None if self.is_busy() => self.not_before,
            None => self.timer_at.max(self.not_before),
        };
        let first = call.min(self.climb_at).min(self.report_at).min(self.again_at);
        (first != NEVER).then_some(first)
    }

    /// The session has been sent a cancel that it is to answer.
    pub fn watch(&mut self, now: UtcTime) {
        if let Some(policy) = &self.policy {
            self.climb_at = self.climb_at.min(after(now, policy.climb_ms));
        }
    }

    /// What is uncertain still is looked up once more, after a pause.
    pub fn look_again(&mut self, now: UtcTime) {
        if self.is_there() {
            self.again_at = self.again_at.min(now.plus_nanos(REST_AGAIN_NS));
        }
    }

    /// The account's open orders are to be listed.
    pub const fn want_list(&mut self) {
        self.list = true;
    }
}

const fn after(now: UtcTime, millis: u32) -> UtcTime {
    now.plus_nanos(millis as u64 * 1_000_000)
}

impl Core {
    /// Has an order cancelled by REST. Whether there is such a rung.
    pub fn want_rest(&mut self, handle: OrderHandle) -> bool {
        if self.rest.is_there() {
            self.orders.set_by_rest(handle, true);
            self.rest.has_orders = true;
        }
        self.rest.is_there()
    }

    /// Has all orders cancelled by REST: of the account, or, where that is not allowed, those that are known.
    /// Whether there is such a rung.
    pub fn want_rest_all(&mut self) -> bool {
        match self.rest.policy {
            None => false,
            Some(RestPolicy { may_cancel_all: true, .. }) => {
                self.rest.all = true;
                true
            }
            Some(_) => {
                for at in 0..self.orders.live_len() {
                    if let Some(handle) = self.orders.live_at(at).map(|order| order.handle) {
                        self.want_rest(handle);
                    }
                }
                true
            }
        }
    }

    /// Makes the next call, if one is wanted and it is time for it.
    pub fn pump_rest(&mut self) {
        let Some(policy) = self.rest.policy else { return };
        let now = self.clock.now();
        let is_timer_due = self.rest.timer_at <= now && self.started;
        if self.rest.waiting.is_some() || !(self.rest.is_busy() || is_timer_due) {
            return;
        }
        if now < self.rest.not_before || !self.has_room(1) {
            return;
        }
        let Some((purpose, kind)) = self.next_purpose(is_timer_due) else { return };
        // The list takes turns with orders: it counts for itself.
        let is_list = purpose == Purpose::List;
        self.rest.is_lists_turn = matches!(purpose, Purpose::Order(_));
        if !is_list && self.rest.failing.is_some_and(|(failing, _)| failing != purpose) {
            self.rest.failing = None;
        }
        self.charge_call(purpose, now);
        self.rest.last_id = self.rest.last_id.wrapping_add(1);
        let call = RestCall { id: self.rest.last_id, kind };
        let until = after(now, policy.answer_ms);
        self.rest.waiting = Some(Waiting { call, purpose, until });
        self.stats.rest_calls += 1;
        let (session, kind) = (self.trading_session, CommandKind::Rest(call));
        self.queue.push_back(Command { session, stamps: Stamps::NONE, kind });
    }

    /// Charges the mirror of the venue's rate limit for a call that cancels, once for each purpose.
    fn charge_call(&mut self, purpose: Purpose, now: UtcTime) {
        if self.rest.charged.is_some_and(|(charged, ..)| charged == purpose) {
            return;
        }
        match purpose {
            Purpose::Order(handle) => {
                let Some(order) = self.orders.get(handle) else { return };
                let points = self.risk.note_rest_cancel(order, now);
                self.rest.charged = Some((purpose, order.instrument, points));
            }
            Purpose::All => {
                let open = self.orders.live().filter(|order| !order.is_rest_done());
                self.risk.note_taken(open, now);
                // It is refused for no order's sake.
                self.rest.charged = Some((purpose, InstrumentId(0), 0));
            }
            Purpose::List | Purpose::Query(_) | Purpose::Timer => {}
        }
    }

    /// The venue has answered a call that cancels: what it refused, it has not counted.
    fn charge_answered(&mut self, purpose: Purpose, is_refused: bool) {
        let Some((_, id, points)) = self.rest.charged.take_if(|(charged, ..)| *charged == purpose)
        else {
            return;
        };
        if is_refused {
            let now = self.clock.now();
            self.risk.take_back(id, points, now);
        }
    }

    fn next_purpose(&mut self, is_timer_due: bool) -> Option<(Purpose, RestKind)> {
        if self.rest.all {
            return Some((Purpose::All, RestKind::CancelAll));
        }
        if self.rest.list && self.rest.is_lists_turn {
            return Some((Purpose::List, RestKind::OpenOrders));
        }
        if self.rest.is_lists_turn
            && let Some(query) = self.next_query()
        {
            return Some(query);
        }
        if self.rest.has_orders {
            let wanted = self.orders.live().find(|order| order.is_by_rest());
            if let Some((handle, order_id)) = wanted.map(|order| (order.handle, order.order_id))
                && let Some(cl_ord_id) = self.orders.cl_ord_id(handle)
            {
                let kind = RestKind::CancelOrder { order_id, cl_ord_id };
                return Some((Purpose::Order(handle), kind));
            }
            self.rest.has_orders = false;
        }
        if self.rest.list {
            return Some((Purpose::List, RestKind::OpenOrders));
        }
        if let Some(query) = self.next_query() {
            return Some(query);
        }
        let seconds = self.rest.policy?.cancel_after_seconds;
        is_timer_due.then_some((Purpose::Timer, RestKind::CancelAllAfter { seconds }))
    }

    /// The next of the orders that are gone, and may have been filled unseen.
    fn next_query(&mut self) -> Option<(Purpose, RestKind)> {
        if self.rest.gone_later {
            return None;
        }
        while let Some(&handle) = self.rest.gone.front() {
            let order = self.orders.get(handle).filter(|order| order.unseen().0 > 0);
            if let Some(order_id) = order.map(|order| order.order_id)
                && let Some(cl_ord_id) = self.orders.cl_ord_id(handle)
            {
                return Some((
                    Purpose::Query(handle),
                    RestKind::QueryOrder { order_id, cl_ord_id },
                ));
            }
            // A late report has told, or it was forgotten.
            self.rest.gone.pop_front();
        }
        None
    }

    /// An order is gone: if something of it may have been filled unseen, REST is asked, where it can tell.
    pub(super) fn look_up_gone(&mut self, handle: OrderHandle) {
        let unseen = self.orders.get(handle).is_some_and(|order| order.unseen().0 > 0);
        let tells = self.rest.is_there() && self.market == Market::Spot;
        if unseen && tells && self.rest.gone.len() < ORDERS_MAX {
            self.rest.gone.push_back(handle);
        }
    }

    /// The venue has cancelled an order, or all: nothing more is asked for. If that is not reported, the
    /// order is uncertain.
    fn rest_canceled(&mut self, order: Option<OrderHandle>) {
        for at in 0..self.orders.live_len() {
            let Some(one) = self.orders.live_at(at).map(|one| one.handle) else { break };
            if order.is_none_or(|order| order == one) {
                self.orders.set_by_rest(one, false);
                self.orders.set_cancel_kept(one, false);
                self.orders.set_rest_done(one, true);
            }
        }
        self.rest.report_at = after(self.clock.now(), self.truth.deadline_ms());
    }
}
