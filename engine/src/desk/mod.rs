//! A strategy's desk: events in, callbacks, commands out. It owns the books, the orders, the
//! positions and the risk check; it knows no thread, socket or wire format.
//!
//! The pipeline calls [`Desk::on_event`] and [`Desk::on_time`] and drains [`Desk::commands`] after
//! each call. After [`Desk::new`] nothing here allocates.

mod config;
mod core;
mod earlier;
mod events;
mod kept;
mod kill;
mod ladder;
mod lane;
mod replaces;
mod reports;
mod rest;
mod seats;
mod stats;
mod subscribing;
mod timers;
mod truth;

pub(crate) use self::core::Core;
use self::kill::Flatten;
pub use config::{DeskConfig, DeskError, InstrumentConfig, SecondSession, UnknownOrders};
pub use ladder::Sweep;
pub use rest::RestPolicy;
pub use stats::DeskStats;
pub use truth::{Reconciled, Recovery, Resume};

use taut_codec::value::UtcTime;

use crate::command::{Command, SessionId};
use crate::event::Event;
use crate::market::Markets;
use crate::order::{OrderTable, Pnl, Positions};
use crate::risk::RiskCheck;
use crate::strategy::{Context, Strategy};
use crate::trace::{Clock, Stamps};
use crate::types::{InstrumentId, Qty};

/// A strategy at work.
pub struct Desk<S> {
    /// The trading session that is dealt with: the first, unless an event or a timer is the other's.
    core: Box<Core>,
    strategy: S,
    stop_told: bool,
    kill_told: bool,
    fault: Option<InstrumentId>,
}

impl<S: Strategy> Desk<S> {
    /// Sets a desk up; all memory is taken here.
    ///
    /// # Errors
    /// [`DeskError`].
    pub fn new(config: &DeskConfig, clock: Clock, strategy: S) -> Result<Self, DeskError> {
        config.check()?;
        Ok(Self {
            core: Core::new(config, clock),
            strategy,
            stop_told: false,
            kill_told: false,
            fault: None,
        })
    }

    /// Handles one event.
    pub fn on_event(&mut self, event: &Event) {
        let is_others = self.core.other.as_ref().is_some_and(|other| other.is_of(event.session));
        if is_others {
            self.turn();
        }
        self.handle(event);
        if is_others {
            self.turn();
        }
        self.settle();
    }

    /// Deals with the other trading session, if there is one.
    fn turn(&mut self) {
        if let Some(mut other) = self.core.other.take() {
            self.core.lend(&mut other);
            std::mem::swap(&mut self.core, &mut other);
            self.core.other = Some(other);
        }
    }

    /// Does something for each trading session; for the other one only if it is `due`.
    fn each(&mut self, due: impl Fn(&Core) -> bool, mut what: impl FnMut(&mut Self)) {
        what(self);
        if self.core.other.as_ref().is_some_and(|other| due(other)) {
            self.turn();
            what(self);
            self.turn();
        }
    }

    /// Lets time pass: fires the timers that are due.
    pub fn on_time(&mut self, now: UtcTime) {
        self.core.cause = Stamps::NONE;
        let round = self.core.timers.round();
        while let Some(timer) = self.core.timers.pop(now, round) {
            self.strategy.on_timer(&mut Context::new(&mut self.core), timer);
        }
        let is_due = |core: &Core| core.deadline().is_some_and(|deadline| deadline <= now);
        self.each(is_due, |desk| {
            desk.truth_on_time(now);
            desk.kill_on_time(now);
            desk.rest_on_time(now);
            desk.core.kept_on_time(now);
        });
        self.settle();
    }

    /// When [`Desk::on_time`] has something to do.
    #[must_use]
    pub fn next_timer(&self) -> Option<UtcTime> {
        let deadlines = self.core.all().filter_map(Core::deadline);
        self.core.timers.next().into_iter().chain(deadlines).min()
    }

    /// Asks the desk to stop: no new orders, the strategy cancels what is open.
    pub fn stop(&mut self) {
        self.core.cause = Stamps::NONE;
        self.core.stopping = true;
        self.settle();
    }

    /// How many sessions it has to do with: those of one market, or of two.
    #[must_use]
    pub fn sessions(&self) -> usize {
        2 * self.core.all().count()
    }

    /// Queues the logout of every session.
    pub fn log_out(&mut self) {
        self.each(|_| true, |desk| desk.core.log_out());
    }

    /// The commands that wait, in the order in which they must leave. To be drained after each call.
    pub fn commands(&mut self) -> std::collections::vec_deque::Drain<'_, Command> {
        self.core.queue.drain(..)
    }

    /// The oldest of the commands that wait.
    pub fn next_command(&mut self) -> Option<Command> {
        self.core.queue.pop_front()
    }

    /// Whether a stop was asked for, from outside or by the strategy.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        self.core.stopping
    }

    /// Whether it is known what became of the orders of before the last drop, as far as it can be.
    #[must_use]
    pub fn is_reconciled(&self) -> bool {
        self.core.all().all(|core| core.truth.is_idle())
    }

    /// Whether nothing is under way: no open order, no command that has not ended.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.core.all().all(|core| core.orders.live_len() == 0) && self.are_commands_ended()
    }

    /// Whether a stop was asked for and nothing is left to wait for.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.core.stopping && self.is_quiet()
    }

    /// Whether a stop was asked for and nothing is left to wait for but trading sessions that nobody brings
    /// back, as `is_over` says: they are down, and what is open there is uncertain.
    #[must_use]
    pub fn waits_in_vain(&self, is_over: impl Fn(SessionId) -> bool) -> bool {
        let is_lost = |core: &Core| core.trading.is_none() && is_over(core.trading_session);
        let waits_for = |core: &Core| core.orders.live_len() > 0 && !is_lost(core);
        self.core.stopping && self.are_commands_ended() && !self.core.all().any(waits_for)
    }

    /// Whether [`Strategy::on_start`] was called.
    #[must_use]
    pub const fn is_started(&self) -> bool {
        self.core.started
    }

    /// The instrument that keeps the desk from starting: the venue does not list it.
    #[must_use]
    pub const fn fault(&self) -> Option<InstrumentId> {
        self.fault
    }

    /// Order commands that were issued and have neither reached the wire nor been withdrawn.
    #[must_use]
    pub fn commands_under_way(&self) -> usize {
        self.core.all().map(|core| core.lane.len()).sum()
    }

    /// Counters.
    #[must_use]
    pub const fn stats(&self) -> &DeskStats {
        &self.core.stats
    }

    /// The strategy.
    #[must_use]
    pub const fn strategy(&self) -> &S {
        &self.strategy
    }

    /// The strategy, once the engine has ended.
    pub const fn strategy_mut(&mut self) -> &mut S {
        &mut self.strategy
    }

    /// The orders of the first trading session.
    #[must_use]
    pub const fn orders(&self) -> &OrderTable {
        &self.core.orders
    }

    /// The orders of the second trading session, if there is one.
    #[must_use]
    pub fn second_orders(&self) -> Option<&OrderTable> {
        self.core.other.as_ref().map(|other| &other.orders)
    }

    /// The risk check.
    #[must_use]
    pub const fn risk(&self) -> &RiskCheck {
        &self.core.risk
    }

    /// The positions.
    #[must_use]
    pub const fn positions(&self) -> &Positions {
        &self.core.positions
    }

    /// What may have been bought and sold of an instrument, at most, and is not in its position.
    #[must_use]
    pub fn position_unseen(&self, id: InstrumentId) -> [Qty; 2] {
        let of = self.core.all().find(|core| core.own_ids().any(|own| own == id));
        of.map_or([Qty(0); 2], |core| core.orders.unseen(id).map(Qty))
    }

    /// The instruments and books.
    #[must_use]
    pub const fn markets(&self) -> &Markets {
        &self.core.markets
    }

    /// Profit and loss of an instrument at the mid price of its last book.
    #[must_use]
    pub fn pnl(&self, id: InstrumentId) -> Option<Pnl> {
        let market = self.core.markets.get(id)?;
        self.core.positions.pnl(id, market.instrument()?, market.book())
    }

    /// The number of the highest ClOrdID that the first trading session used: the watermark for the next run.
    #[must_use]
    pub const fn cl_ord_id_watermark(&self) -> u64 {
        self.core.ids.watermark()
    }

    fn are_commands_ended(&self) -> bool {
        let is_idle = |core: &Core| core.lane.len() == 0 && !core.rest.is_busy();
        self.core.queue.is_empty() && self.core.all().all(is_idle)
    }

    fn try_start(&mut self) {
        let core = &mut *self.core;
        let waits = |core: &Core| core.trading.is_none() || core.truth.holds_orders();
        if core.started || core.stopping || core.all().any(waits) {
            return;
        }
        if core.markets.iter().all(|(_, market)| market.is_live()) {
            core.started = true;
            self.strategy.on_start(&mut Context::new(&mut self.core));
        }
    }

    /// What follows from an event once its own callbacks are done.
    fn settle(&mut self) {
        self.try_start();
        self.settle_kill();
        self.each(Core::is_unsettled, |desk| {
            if matches!(desk.core.flatten, Flatten::Due | Flatten::OneByOne) {
                desk.core.flatten();
            }
            desk.pump_replaces();
            desk.pump_cancels();
            desk.pump_truth();
            desk.core.pump_rest();
            if desk.core.needs_pump {
                desk.core.pump();
            }
        });
        if self.core.stopping && !self.stop_told {
            self.stop_told = true;
            if self.core.started {
                self.strategy.on_stop(&mut Context::new(&mut self.core));
            }
        }
    }
}

#[cfg(test)]
mod tests;
