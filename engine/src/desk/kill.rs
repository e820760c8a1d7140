//! The kill switch, and what else an operator does to a desk between two events.

use taut_codec::value::UtcTime;

use super::Desk;
use super::core::Core;
use crate::command::CancelScope;
use crate::event::Alarm;
use crate::limits::{KILL_ROUND_NS, KILL_ROUNDS_MAX};
use crate::order::{Order, PositionTruth};
use crate::risk::{KillCause, LimitSet};
use crate::strategy::{SessionUpdate, Strategy};
use crate::types::{ClOrdId, Side};

/// How far the cancelling of everything has come that follows from the kill switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flatten {
    /// Nothing to be done.
    Idle,
    /// To be sent as soon as the trading session is up and there is room.
    Due,
    /// The venue refused it: each order is cancelled by itself.
    OneByOne,
    /// Sent.
    Sent(ClOrdId),
}

impl Core {
    /// A command has ended without effect: it did not leave, or the venue refused it.
    pub(super) fn flatten_failed(&mut self, id: Option<ClOrdId>, next: Flatten) {
        if id.is_some_and(|id| self.flatten == Flatten::Sent(id)) {
            self.flatten = next;
        }
    }

    /// The trading session is up again; what was sent before may not have arrived.
    pub(super) fn flatten_again(&mut self) {
        if self.risk.killed().is_some() {
            self.flatten_all();
        }
    }

    /// Everything is to be cancelled, by the session or, while that is down, by REST.
    fn flatten_all(&mut self) {
        self.flatten = Flatten::Due;
        self.kill_round = 1;
        self.kill_until = self.clock.now().plus_nanos(KILL_ROUND_NS);
        if self.trading.is_none() {
            self.want_rest_all();
        }
    }

    /// When [`Desk::kill_on_time`] has something to do.
    pub(super) fn kill_deadline(&self) -> Option<UtcTime> {
        (self.kill_until != UtcTime(u64::MAX)).then_some(self.kill_until)
    }

    /// Holds the losses of the day against their limits although nothing has changed.
    fn judge_losses(&mut self) {
        let now = self.clock.now();
        for id in self.own_ids() {
            self.instrument_changed(id, now);
        }
    }

    pub(super) fn flatten(&mut self) {
        if self.trading.is_none() {
            return;
        }
        match self.flatten {
            Flatten::Due => {
                let stamps = self.stamp_strategy();
                if let Ok(id) = self.mass_cancel(CancelScope::SenderCompId, stamps) {
                    self.flatten = Flatten::Sent(id);
                    self.cancel_rest(CancelScope::SenderCompId, stamps);
                }
            }
            Flatten::OneByOne => {
                self.flatten = Flatten::Idle;
                self.cancel_open_orders();
            }
            Flatten::Idle | Flatten::Sent(_) => {}
        }
    }
}

impl<S: Strategy> Desk<S> {
    /// Pulls the kill switch: everything is cancelled, and orders and replaces are refused, until
    /// [`Desk::rearm`]. Cancels pass.
    pub fn kill(&mut self, cause: KillCause) {
        self.core.risk.kill(cause);
        self.settle();
    }

    /// Releases the kill switch. A loss that is still beyond its limit pulls it again.
    pub fn rearm(&mut self) {
        if self.core.risk.killed().is_none() {
            return;
        }
        // What was killed and not told yet is told first.
        self.settle();
        self.core.risk.rearm();
        self.each(
            |_| true,
            |desk| {
                (desk.core.flatten, desk.core.kill_until) = (Flatten::Idle, UtcTime(u64::MAX));
            },
        );
        self.kill_told = false;
        self.tell(&SessionUpdate::Rearmed);
        self.each(|_| true, |desk| desk.core.judge_losses());
        self.settle();
    }

    /// Why the kill switch is pulled, if it is.
    #[must_use]
    pub fn killed(&self) -> Option<KillCause> {
        self.core.risk.killed()
    }

    /// Puts other limits in the place of the old ones, from the next command on. Orders that are open
    /// stay, also those that the new limits would refuse.
    pub fn set_limits(&mut self, limits: &LimitSet) {
        let now = self.core.clock.now();
        self.core.risk.set_limits(limits.each.iter().copied(), limits.total, now);
        self.each(|_| true, |desk| desk.core.judge_losses());
        self.settle();
    }

    /// The venue's own records show what was filled unseen of an instrument, nothing if that is `None`: it counts,
    /// and the position is certain from now on.
    pub fn settle_position(&mut self, truth: &PositionTruth) {
        let PositionTruth { instrument, bought, sold } = truth;
        let is_others = !self.core.own_ids().any(|own| own == *instrument);
        if is_others {
            self.turn();
        }
        for (side, fills) in [(Side::Buy, bought), (Side::Sell, sold)] {
            if let Some(fills) = fills {
                self.core.stats.fills_recovered += 1;
                self.core.positions.on_recovered(*instrument, side, fills);
            }
        }
        self.core.orders.settle_unseen(*instrument);
        let now = self.core.clock.now();
        self.core.instrument_changed(*instrument, now);
        self.tell_unseen();
        if is_others {
            self.turn();
        }
        self.settle();
    }

    /// Whatever pulled the switch: the strategy is told once, and everything is cancelled.
    pub(super) fn settle_kill(&mut self) {
        if let (Some(cause), false) = (self.core.risk.killed(), self.kill_told) {
            self.kill_told = true;
            self.each(|_| true, |desk| desk.core.flatten_all());
            self.core.stats.kills += 1;
            self.tell(&SessionUpdate::Killed { cause });
        }
    }

    /// What is still open when a round of the ladder should have ended it is told, and the next round tries
    /// the other requests of the session, and REST.
    pub(super) fn kill_on_time(&mut self, now: UtcTime) {
        if now < self.core.kill_until {
            return;
        }
        self.core.kill_until = UtcTime(u64::MAX);
        // What REST has cancelled is not reported while the session is down.
        let is_open = |order: &&Order| !order.is_rest_done();
        let orders = self.core.orders.live().filter(is_open).count() as u32;
        let round = self.core.kill_round;
        if orders == 0 {
            return;
        }
        self.core.stats.alarms += 1;
        let (session, alarm) = (self.core.trading_session, Alarm::KillUnanswered { orders, round });
        self.tell(&SessionUpdate::Alarm { session, alarm });
        if round == KILL_ROUNDS_MAX {
            return;
        }
        self.core.want_rest_all();
        self.core.sweep_failed(None);
        self.core.flatten = if round % 2 == 1 { Flatten::OneByOne } else { Flatten::Due };
        self.core.kill_round = round + 1;
        self.core.kill_until = now.plus_nanos(KILL_ROUND_NS);
    }
}
