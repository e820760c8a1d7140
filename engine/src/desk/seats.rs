//! The two trading sessions of a desk: what each has for itself, and what they lend each other.

use taut_codec::value::UtcTime;

use super::Core;
use super::kill::Flatten;
use super::ladder::Sweep;
use crate::command::SessionId;
use crate::order::{OrderHandle, OrderTable};
use crate::types::InstrumentId;

impl Core {
    /// Exchanges with the other what the trading sessions share.
    pub fn lend(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.markets, &mut other.markets);
        std::mem::swap(&mut self.positions, &mut other.positions);
        self.risk.lend(&mut other.risk);
        std::mem::swap(&mut self.timers, &mut other.timers);
        std::mem::swap(&mut self.stats, &mut other.stats);
        std::mem::swap(&mut self.queue, &mut other.queue);
        std::mem::swap(&mut self.cause, &mut other.cause);
        std::mem::swap(&mut self.started, &mut other.started);
        std::mem::swap(&mut self.stopping, &mut other.stopping);
    }

    /// Does something with the core of the trading session that an instrument is of; of none: with this.
    pub fn at<R>(&mut self, id: InstrumentId, what: impl FnOnce(&mut Self) -> R) -> R {
        let is_others = self.other.as_ref().is_some_and(|other| other.own.contains(&id.0));
        if is_others { self.at_other(what) } else { what(self) }
    }

    /// Does something with the core of the trading session that an order is of.
    pub fn at_order<R>(&mut self, order: OrderHandle, what: impl FnOnce(&mut Self) -> R) -> R {
        if order.seat() == self.seat { what(self) } else { self.at_other(what) }
    }

    /// Does something with the other trading session's core; with this one if there is no other.
    fn at_other<R>(&mut self, what: impl FnOnce(&mut Self) -> R) -> R {
        let Some(mut other) = self.other.take() else { return what(self) };
        self.lend(&mut other);
        let done = what(&mut other);
        self.lend(&mut other);
        self.other = Some(other);
        done
    }

    /// Does something for every trading session, and adds up what it comes to.
    pub fn at_all(&mut self, what: impl Fn(&mut Self) -> Sweep) -> Sweep {
        let own = what(self);
        if self.other.is_some() { own.plus(self.at_other(what)) } else { own }
    }

    /// This one and the other trading session's, if there is one, for what is their own.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.other.as_deref())
    }

    /// The orders that a handle's trading session has.
    pub fn orders_of(&self, order: OrderHandle) -> &OrderTable {
        let mut cores = self.all();
        let found = cores.find(|core| core.seat == order.seat());
        found.map_or(&self.orders, |core| &core.orders)
    }

    /// Its instruments.
    pub fn own_ids(&self) -> impl Iterator<Item = InstrumentId> + use<> {
        self.own.clone().map(InstrumentId)
    }

    /// Whether a session is its trading session or the market data session beside it.
    pub fn is_of(&self, session: SessionId) -> bool {
        session == self.trading_session || session == self.market_data
    }

    /// Whether [`Desk::settle`](super::Desk::settle) may have something to do for it.
    pub fn is_unsettled(&self) -> bool {
        matches!(self.flatten, Flatten::Due | Flatten::OneByOne)
            || self.kept.may_send
            || self.needs_pump
            || self.has_replaces()
            || self.rest.is_there()
            || !self.truth.is_idle()
    }

    /// When [`Desk::on_time`](super::Desk::on_time) has something to do for it, timers aside.
    pub fn deadline(&self) -> Option<UtcTime> {
        let kept = self.kept.deadline();
        let deadlines = [self.truth.deadline(), self.rest.deadline(), self.kill_deadline(), kept];
        deadlines.into_iter().flatten().min()
    }
}
