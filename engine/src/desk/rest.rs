//! The last rung of the cancel ladder (venue file 3.6): calls by REST, for what no request of the session
//! reaches, for what is to be cancelled while the session is down, and for what it does not answer.
//!
//! One call is under way at a time. A call that failed in a way that may pass is made again, after a wait
//! that doubles; when that was done often enough it is given up, and the strategy is told. What was kept for
//! the session stays kept: it is sent there when the session is up, whatever REST came to, and tried again by
//! REST after a pause while it is not.

use taut_codec::value::UtcTime;

use super::{Core, Desk};
use crate::command::{CancelScope, Command, CommandKind, RestCall, RestKind};
use crate::event::{Alarm, RestAnswer, RestProblem, RestSaid};
use crate::limits::REST_AGAIN_NS;
use crate::order::{CancelRoute, Order, OrderHandle, Rung, RungReason, UpdateKind};
use crate::risk::Refusal;
use crate::strategy::{Context, SessionUpdate, Strategy};
use crate::trace::Stamps;

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
    /// No call before.
    not_before: UtcTime,
    /// Some order may be wanted.
    has_orders: bool,
    all: bool,
    list: bool,
    /// CancelAllOrdersAfter is due.
    timer_at: UtcTime,
    /// Cancels that the session should have answered are looked for.
    climb_at: UtcTime,
    /// Orders that were cancelled by REST should have been reported.
    report_at: UtcTime,
    /// What was given up while the session is down is tried again.
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
            not_before: UtcTime(0),
            has_orders: false,
            all: false,
            list: false,
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

    /// Whether a cancel is under way, or will be.
    pub const fn is_busy(&self) -> bool {
        self.has_orders || self.all || self.list
    }

    /// When [`Desk::rest_on_time`] has something to do.
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
        if self.rest.failing.is_some_and(|(failing, _)| failing != purpose) {
            self.rest.failing = None;
        }
        self.rest.last_id = self.rest.last_id.wrapping_add(1);
        let call = RestCall { id: self.rest.last_id, kind };
        let until = after(now, policy.answer_ms);
        self.rest.waiting = Some(Waiting { call, purpose, until });
        self.stats.rest_calls += 1;
        let (session, kind) = (self.trading_session, CommandKind::Rest(call));
        self.queue.push_back(Command { session, stamps: Stamps::NONE, kind });
    }

    fn next_purpose(&mut self, is_timer_due: bool) -> Option<(Purpose, RestKind)> {
        if self.rest.all {
            return Some((Purpose::All, RestKind::CancelAll));
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
        let seconds = self.rest.policy?.cancel_after_seconds;
        is_timer_due.then_some((Purpose::Timer, RestKind::CancelAllAfter { seconds }))
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

impl<S: Strategy> Desk<S> {
    /// A call is answered, or a part of its answer is here.
    pub(super) fn on_rest(&mut self, answer: &RestAnswer) {
        let waiting = self.core.rest.waiting.filter(|waiting| waiting.call.id == answer.id);
        // Too late: it was given up, and made again or told.
        let Some(Waiting { call, purpose, .. }) = waiting else { return };
        if let RestSaid::Listed(listed) = &answer.said {
            return self.on_listed(listed);
        }
        self.core.rest.waiting = None;
        let kind = call.kind;
        self.tell(&SessionUpdate::Rest { kind, said: answer.said });
        if let RestSaid::Failed(problem) = answer.said {
            return self.on_rest_failed(purpose, problem);
        }
        let now = self.core.clock.now();
        (self.core.rest.failing, self.core.rest.not_before) = (None, now);
        match purpose {
            Purpose::Order(order) => {
                self.core.stats.rest_cancels += 1;
                self.core.rest_canceled(Some(order));
            }
            Purpose::All => {
                self.core.stats.rest_cancels += 1;
                (self.core.rest.all, self.core.kept_scope) = (false, None);
                self.core.rest_canceled(None);
            }
            Purpose::List => {
                self.core.rest.list = false;
                self.on_list_end();
            }
            Purpose::Timer => self.renew_later(now),
        }
    }

    fn renew_later(&mut self, now: UtcTime) {
        let seconds = self.core.rest.policy.map_or(0, |policy| policy.cancel_after_seconds);
        self.core.rest.timer_at = now.plus_nanos(u64::from(seconds) * 1_000_000_000 / 3);
    }

    fn on_rest_failed(&mut self, purpose: Purpose, problem: RestProblem) {
        let Some(policy) = self.core.rest.policy else { return };
        self.core.stats.rest_failures += 1;
        if let Purpose::Order(order) = purpose
            && problem.is_unknown_order()
        {
            return self.on_unknown_by_rest(order);
        }
        let now = self.core.clock.now();
        let tries = match self.core.rest.failing {
            Some((failing, tries)) if failing == purpose => tries + 1,
            _ => 1,
        };
        let wait = u64::from(policy.retry_ms) << (tries - 1).min(16);
        self.core.rest.not_before = now.plus_nanos(wait * 1_000_000);
        self.core.rest.failing = Some((purpose, tries));
        if problem.may_pass() && tries < policy.attempts {
            return;
        }
        self.core.rest.failing = None;
        if problem.may_pass() {
            self.core.rest.again_at = now.plus_nanos(REST_AGAIN_NS);
        }
        self.core.stats.alarms += 1;
        let session = self.core.trading_session;
        self.tell(&SessionUpdate::Alarm { session, alarm: Alarm::Rest(problem) });
        match purpose {
            Purpose::Timer => self.renew_later(now),
            Purpose::List => {
                self.core.rest.list = false;
                self.on_list_failed();
            }
            Purpose::All => {
                self.core.rest.all = false;
                self.give_up(None);
            }
            // What the venue says of this order it does not say of the others.
            Purpose::Order(order) if problem.is_of_order() => self.give_up(Some(order)),
            Purpose::Order(_) => self.give_up(None),
        }
    }

    /// The orders that were to be cancelled by REST are not; those that are kept wait for the session.
    fn give_up(&mut self, order: Option<OrderHandle>) {
        for at in 0..self.core.orders.live_len() {
            let Some(one) = self.core.orders.live_at(at).copied() else { break };
            if !one.is_by_rest() || order.is_some_and(|order| order != one.handle) {
                continue;
            }
            self.core.orders.set_by_rest(one.handle, false);
            let refusal = Refusal::RestFailed;
            if !one.is_cancel_kept() {
                self.core.stats.refused_here += 1;
                self.core.stats.last_refusal = Some(refusal);
                let kind = UpdateKind::CancelRefused { refusal };
                if let Some(update) = self.core.orders.told(one.handle, kind) {
                    self.tell_order(&update, false);
                }
            }
        }
    }

    /// The venue has no such order open. While the session is up its reports tell how it ended, or it is
    /// found out; while it is down, the order may still be on its way.
    fn on_unknown_by_rest(&mut self, order: OrderHandle) {
        self.core.rest.failing = None;
        self.core.orders.set_by_rest(order, false);
        self.core.orders.set_rest_done(order, true);
        self.core.rest.report_at = after(self.core.clock.now(), self.core.truth.deadline_ms());
    }

    /// Whatever is kept for a session that is down is wanted by REST.
    pub(super) fn climb_while_down(&mut self) {
        let core = &mut self.core;
        if !core.rest.is_there() || core.trading.is_some() {
            return;
        }
        if core.kept_scope == Some(CancelScope::SenderCompId) {
            core.want_rest_all();
        }
        let reason = RungReason::SessionDown;
        self.climb_to_rest(reason, |order| order.is_cancel_kept());
    }

    fn climb_to_rest(&mut self, reason: RungReason, is_meant: impl Fn(&Order) -> bool) {
        for at in 0..self.core.orders.live_len() {
            let one = self.core.orders.live_at(at);
            let Some(one) = one.filter(|one| !one.is_by_rest() && is_meant(one)) else { continue };
            let handle = one.handle;
            self.core.want_rest(handle);
            let kind =
                UpdateKind::CancelClimbed { route: CancelRoute { rung: Rung::Rest, reason } };
            if let Some(update) = self.core.orders.told(handle, kind) {
                self.strategy.on_order(&mut Context::new(&mut self.core), &update);
            }
        }
    }

    /// Answers that did not come, and calls that are due.
    pub(super) fn rest_on_time(&mut self, now: UtcTime) {
        let Some(policy) = self.core.rest.policy else { return };
        if let Some(waiting) = self.core.rest.waiting.filter(|waiting| waiting.until <= now) {
            let said = RestSaid::Failed(RestProblem::TimedOut);
            self.on_rest(&RestAnswer { id: waiting.call.id, said });
        }
        if self.core.rest.climb_at <= now {
            self.core.rest.climb_at = NEVER;
            self.climb_unanswered(now, policy);
        }
        if self.core.rest.again_at <= now {
            self.core.rest.again_at = NEVER;
            self.climb_while_down();
        }
        if self.core.rest.report_at <= now {
            self.core.rest.report_at = NEVER;
            self.doubt_unreported();
        }
    }

    /// Cancels that the session has not answered in time; those that wait for room in the lane count too.
    fn climb_unanswered(&mut self, now: UtcTime, policy: RestPolicy) {
        if self.core.trading.is_none() {
            return;
        }
        let is_late = |asked: UtcTime| now >= after(asked, policy.climb_ms);
        let is_meant = |order: &Order| order.cancel_asked().is_some_and(is_late);
        self.climb_to_rest(RungReason::NoAnswer, is_meant);
        let asked = self.core.orders.live().filter(|order| !order.is_by_rest());
        let next = asked.filter_map(Order::cancel_asked).min();
        self.core.rest.climb_at = next.map_or(NEVER, |asked| after(asked, policy.climb_ms));
    }

    /// REST has cancelled it, or does not know it, and nothing is reported although the session is up.
    fn doubt_unreported(&mut self) {
        if self.core.trading.is_none() {
            // What is uncertain is found out when the session is up.
            return;
        }
        let mut is_any = false;
        for at in 0..self.core.orders.live_len() {
            let one = self.core.orders.live_at(at);
            if let Some(handle) = one.filter(|one| one.is_rest_done()).map(|one| one.handle) {
                self.core.orders.set_rest_done(handle, false);
                self.uncertain(handle, false);
                is_any = true;
            }
        }
        if is_any {
            self.core.truth.on_lost(self.core.clock.now());
        }
    }
}
