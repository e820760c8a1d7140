//! What calls by REST come to, and when they are made anew, given up or called for by silence.

use taut_codec::value::UtcTime;

use super::{NEVER, Purpose, RestPolicy, Waiting, after};
use crate::command::CancelScope;
use crate::desk::Desk;
use crate::event::{Alarm, RestAnswer, RestProblem, RestSaid};
use crate::limits::REST_AGAIN_NS;
use crate::order::{CancelRoute, Order, OrderHandle, Rung, RungReason, UpdateKind};
use crate::risk::Refusal;
use crate::strategy::{Context, SessionUpdate, Strategy};

impl<S: Strategy> Desk<S> {
    /// A call is answered, or a part of its answer is here.
    pub(in crate::desk) fn on_rest(&mut self, answer: &RestAnswer) {
        let waiting = self.core.rest.waiting.filter(|waiting| waiting.call.id == answer.id);
        // Too late: it was given up, and made again or told.
        let Some(Waiting { call, purpose, .. }) = waiting else { return };
        if let RestSaid::Listed(listed) = &answer.said {
            return match purpose {
                Purpose::Query(order) => self.on_told_of_gone(order, listed),
                _ => self.on_listed(listed),
            };
        }
        self.core.rest.waiting = None;
        let kind = call.kind;
        self.tell(&SessionUpdate::Rest { kind, said: answer.said });
        if let RestSaid::Failed(problem) = answer.said {
            return self.on_rest_failed(purpose, problem);
        }
        let now = self.core.clock.now();
        self.core.charge_answered(purpose, false);
        (self.core.rest.failing, self.core.rest.not_before) = (None, now);
        match purpose {
            Purpose::Order(order) => {
                self.core.stats.rest_cancels += 1;
                self.core.rest_canceled(Some(order));
            }
            Purpose::All => {
                self.core.stats.rest_cancels += 1;
                (self.core.rest.all, self.core.kept.scope) = (false, None);
                self.core.rest_canceled(None);
            }
            Purpose::List => {
                (self.core.rest.list, self.core.rest.list_failures) = (false, 0);
                self.on_list_end();
            }
            Purpose::Query(order) => {
                let is_none = answer.said == RestSaid::ListEnd { count: 0 };
                self.core.rest.gone.pop_front();
                self.on_gone_told(order, is_none);
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
        if let RestProblem::Refused(_) = problem {
            self.core.charge_answered(purpose, true);
        }
        if let Purpose::Order(order) = purpose
            && problem.is_unknown_order()
        {
            return self.on_unknown_by_rest(order);
        }
        if let Purpose::Query(_) = purpose
            && problem.is_of_order()
        {
            // The venue has forgotten it: what was filled of it stays uncertain.
            self.core.rest.gone.pop_front();
            self.core.rest.failing = None;
            return;
        }
        let now = self.core.clock.now();
        let tries = match self.core.rest.failing {
            _ if purpose == Purpose::List => self.core.rest.list_failures + 1,
            Some((failing, tries)) if failing == purpose => tries + 1,
            _ => 1,
        };
        let wait = u64::from(policy.retry_ms) << (tries - 1).min(16);
        self.core.rest.not_before = now.plus_nanos(wait * 1_000_000);
        match purpose {
            Purpose::List => self.core.rest.list_failures = tries,
            _ => self.core.rest.failing = Some((purpose, tries)),
        }
        if problem.may_pass() && tries < policy.attempts {
            return;
        }
        match purpose {
            Purpose::List => self.core.rest.list_failures = 0,
            _ => self.core.rest.failing = None,
        }
        if problem.may_pass() {
            self.core.rest.again_at = now.plus_nanos(REST_AGAIN_NS);
        }
        self.core.stats.alarms += 1;
        let session = self.core.trading_session;
        self.tell(&SessionUpdate::Alarm { session, alarm: Alarm::Rest(problem) });
        match purpose {
            Purpose::Timer => self.renew_later(now),
            Purpose::Query(_) if problem.may_pass() => self.core.rest.gone_later = true,
            Purpose::Query(_) => self.core.rest.gone.clear(),
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
    pub(in crate::desk) fn climb_while_down(&mut self) {
        let core = &mut self.core;
        if !core.rest.is_there() || core.trading.is_some() {
            return;
        }
        if core.kept.scope == Some(CancelScope::SenderCompId) {
            core.want_rest_all();
        }
        self.climb_to_rest(|order| order.is_cancel_kept().then_some(RungReason::SessionDown));
    }

    /// Orders go to REST for which there is a reason.
    fn climb_to_rest(&mut self, reason: impl Fn(&Order) -> Option<RungReason>) {
        for at in 0..self.core.orders.live_len() {
            let one = self.core.orders.live_at(at);
            let Some(one) = one.filter(|one| !one.is_by_rest()) else { continue };
            let (handle, Some(reason)) = (one.handle, reason(one)) else { continue };
            self.core.want_rest(handle);
            let kind =
                UpdateKind::CancelClimbed { route: CancelRoute { rung: Rung::Rest, reason } };
            if let Some(update) = self.core.orders.told(handle, kind) {
                self.strategy.on_order(&mut Context::new(&mut self.core), &update);
            }
        }
    }

    /// Answers that did not come, and calls that are due.
    pub(in crate::desk) fn rest_on_time(&mut self, now: UtcTime) {
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
            self.core.rest.gone_later = false;
            self.climb_while_down();
            self.list_again();
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
        self.climb_to_rest(|order| {
            order.cancel_asked().filter(|&asked| is_late(asked))?;
            Some(match order.is_cancel_limited() {
                true => RungReason::RateLimited,
                false => RungReason::NoAnswer,
            })
        });
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
