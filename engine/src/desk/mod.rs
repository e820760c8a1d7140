//! A strategy's desk: events in, callbacks, commands out. It owns the books, the orders, the
//! positions and the risk check; it knows no thread, socket or wire format.
//!
//! The pipeline calls [`Desk::on_event`] and [`Desk::on_time`] and drains [`Desk::commands`] after
//! each call. After [`Desk::new`] nothing here allocates.

mod core;
mod earlier;
mod kill;
mod ladder;
mod lane;
mod reports;
mod rest;
mod stats;
mod timers;
mod truth;

pub(crate) use self::core::Core;
use self::kill::Flatten;
pub use ladder::Sweep;
pub use rest::RestPolicy;
pub use stats::DeskStats;
pub use truth::{Reconciled, Recovery, Resume};

use serde::{Deserialize, Serialize};
use taut_codec::value::UtcTime;

use crate::command::{Command, SessionId};
use crate::event::{Alarm, BookEntry, Event, EventKind};
use crate::limits::INSTRUMENTS_MAX;
use crate::market::{BookOutcome, Markets, StaleReason};
use crate::order::{OrderTable, OrderUpdate, Pnl, Positions, Reach, UpdateKind};
use crate::risk::{RiskCheck, RiskLimits, TotalLimits, VenueRate};
use crate::strategy::{Context, SessionUpdate, Strategy};
use crate::trace::{Clock, Stamps};
use crate::types::{InstrumentId, Symbol, market_of};

/// How a desk is set up.
#[derive(Debug, Clone)]
pub struct DeskConfig {
    /// The market data session.
    pub market_data: SessionId,
    /// The trading session.
    pub trading: SessionId,
    /// The instruments; the position is the [`InstrumentId`].
    pub instruments: Vec<InstrumentConfig>,
    /// MarketDepth(264) of the subscriptions.
    pub depth: u16,
    /// Limits of all instruments together.
    pub total: TotalLimits,
    /// The venue's rate limit.
    pub venue_rate: VenueRate,
    /// The number of the highest ClOrdID that was ever used
    /// ([`number_of`](crate::order::ClOrdIdSource::number_of)); 0 if none was.
    pub cl_ord_id_watermark: u64,
    /// What becomes of reports of orders that the desk does not know.
    pub unknown_orders: UnknownOrders,
    /// Which orders the venue lets which request reach.
    pub reach: Reach,
    /// How the truth is found out after a drop.
    pub recovery: Recovery,
    /// The last rung of the cancel ladder; `None`: there is none.
    pub rest: Option<RestPolicy>,
}

impl DeskConfig {
    /// Without limits on all instruments together or of the venue's rate, without ClOrdIDs of an earlier run,
    /// without REST; the rest as by default.
    #[must_use]
    pub fn new(
        market_data: SessionId,
        trading: SessionId,
        instruments: Vec<InstrumentConfig>,
        depth: u16,
    ) -> Self {
        Self {
            market_data,
            trading,
            instruments,
            depth,
            total: TotalLimits::UNLIMITED,
            venue_rate: VenueRate::UNLIMITED,
            cl_ord_id_watermark: 0,
            unknown_orders: UnknownOrders::default(),
            reach: Reach::default(),
            recovery: Recovery::default(),
            rest: None,
        }
    }
}

/// What becomes of reports of orders that a desk does not know: placed elsewhere under the same
/// SenderCompID, or by an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownOrders {
    /// They are tracked from their first report on, count in exposure and position, and can be
    /// cancelled.
    #[default]
    Adopt,
    /// The strategy is told of the report, and it is not applied.
    Alarm,
}

/// One instrument of a desk.
#[derive(Debug, Clone, Copy)]
pub struct InstrumentConfig {
    /// Its symbol on the venue.
    pub symbol: Symbol,
    /// Its limits.
    pub risk: RiskLimits,
}

/// Why a desk cannot be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// No instrument is configured.
    #[error("no instrument is configured")]
    NoInstruments,
    /// More instruments than [`INSTRUMENTS_MAX`].
    #[error("{0} instruments are configured, {INSTRUMENTS_MAX} are possible")]
    TooManyInstruments(usize),
    /// A symbol is configured twice.
    #[error("{0} is configured twice")]
    SymbolTwice(Symbol),
    /// A symbol is of another market than the first one: a trading session is of one market.
    #[error("{0} is of another market than the first symbol")]
    OtherMarket(Symbol),
}

/// A strategy at work.
pub struct Desk<S> {
    core: Core,
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
        let instruments = &config.instruments;
        if instruments.is_empty() {
            return Err(DeskError::NoInstruments);
        }
        if instruments.len() > INSTRUMENTS_MAX {
            return Err(DeskError::TooManyInstruments(instruments.len()));
        }
        for (i, instrument) in instruments.iter().enumerate() {
            if instruments[..i].iter().any(|other| other.symbol == instrument.symbol) {
                return Err(DeskError::SymbolTwice(instrument.symbol));
            }
            if market_of(&instrument.symbol) != market_of(&instruments[0].symbol) {
                return Err(DeskError::OtherMarket(instrument.symbol));
            }
        }
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
        self.core.stats.events += 1;
        self.core.cause = event.stamps;
        match &event.kind {
            EventKind::SessionUp { epoch, connection } => {
                self.on_session_up(event.session, *epoch, *connection);
            }
            EventKind::SessionDown(reason) => {
                let update = SessionUpdate::Down { session: event.session, reason: *reason };
                self.on_session_down(event.session, &update);
            }
            EventKind::Link(link) => {
                let (session, event) = (event.session, *link);
                self.core.on_link(session, &event);
                self.tell(&SessionUpdate::Link { session, event });
            }
            EventKind::Session(said) => {
                self.tell(&SessionUpdate::Session { session: event.session, event: *said });
            }
            EventKind::Instrument { id, instrument } => {
                if self.core.markets.set_instrument(*id, *instrument) {
                    self.core.risk.set_instrument(*id, instrument);
                    self.core.needs_pump = true;
                } else {
                    self.on_instrument_unknown(*id);
                }
            }
            EventKind::InstrumentUnknown { id } => self.on_instrument_unknown(*id),
            EventKind::Book(entry) => self.on_book_entry(entry),
            EventKind::Trade(trade) => {
                self.core.stats.market_trades += 1;
                self.core.stamp_book();
                if self.core.started {
                    self.strategy.on_trade(&mut Context::new(&mut self.core), trade);
                }
            }
            EventKind::MarketDataRefused { instrument, reason, text } => {
                let (instrument, reason, text) = (*instrument, *reason, *text);
                self.tell(&SessionUpdate::MarketDataRefused { instrument, reason, text });
            }
            EventKind::Report(report) => self.on_report(report),
            EventKind::Refused(refusal) if self.on_answer(refusal) => {}
            EventKind::Refused(refusal) => match self.core.orders.on_refused(refusal) {
                Some(applied) => {
                    self.core.stats.refused_by_venue += 1;
                    self.tell_order(&applied.update, applied.disagrees);
                }
                None => {
                    self.core.stats.unknown_refusals += 1;
                    self.core.flatten_failed(refusal.cl_ord_id, Flatten::OneByOne);
                    self.tell(&SessionUpdate::unknown_refusal(refusal));
                }
            },
            EventKind::OnWire { cl_ord_id, msg_seq_num, sent_ticks } => {
                self.core.stats.on_wire += 1;
                if !self.core.end_command(*cl_ord_id, true) {
                    self.tell(&SessionUpdate::LaneViolation { cl_ord_id: *cl_ord_id });
                }
                let update = self.core.orders.on_wire(*cl_ord_id, *msg_seq_num, *sent_ticks);
                if let Some(update) = update {
                    self.tell_order(&update, false);
                }
            }
            EventKind::Withdrawn { cl_ord_id, reason } => {
                self.core.stats.withdrawn += 1;
                self.core.flatten_failed(Some(*cl_ord_id), Flatten::Due);
                if !self.core.end_command(*cl_ord_id, false) {
                    self.tell(&SessionUpdate::LaneViolation { cl_ord_id: *cl_ord_id });
                }
                self.on_question_withdrawn(*cl_ord_id);
                if let Some(applied) = self.core.orders.on_withdrawn(*cl_ord_id, *reason) {
                    self.tell_order(&applied.update, applied.disagrees);
                }
            }
            EventKind::FromJournal(told) => self.on_from_journal(told),
            EventKind::Rest(answer) => self.on_rest(answer),
            EventKind::Alarm(alarm) => {
                self.core.stats.alarms += 1;
                self.tell(&SessionUpdate::Alarm { session: event.session, alarm: *alarm });
                if let Alarm::Unreadable { msg_type, cl_ord_id, order_id, .. } = alarm
                    && event.session == self.core.trading_session
                {
                    self.on_unreadable(*msg_type, *cl_ord_id, order_id);
                }
            }
        }
        self.settle();
    }

    /// Lets time pass: fires the timers that are due.
    pub fn on_time(&mut self, now: UtcTime) {
        self.core.cause = Stamps::NONE;
        let round = self.core.timers.round();
        while let Some(timer) = self.core.timers.pop(now, round) {
            self.strategy.on_timer(&mut Context::new(&mut self.core), timer);
        }
        self.truth_on_time(now);
        self.kill_on_time(now);
        self.rest_on_time(now);
        self.settle();
    }

    /// When [`Desk::on_time`] has something to do.
    #[must_use]
    pub fn next_timer(&self) -> Option<UtcTime> {
        let core = &self.core;
        let others = [core.truth.deadline(), core.rest.deadline(), core.kill_deadline()];
        core.timers.next().into_iter().chain(others.into_iter().flatten()).min()
    }

    /// Asks the desk to stop: no new orders, the strategy cancels what is open.
    pub fn stop(&mut self) {
        self.core.cause = Stamps::NONE;
        self.core.stopping = true;
        self.settle();
    }

    /// Queues the logout of both sessions.
    pub fn log_out(&mut self) {
        self.core.log_out();
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
    pub const fn is_reconciled(&self) -> bool {
        self.core.truth.is_idle()
    }

    /// Whether nothing is under way: no open order, no command that has not ended.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.core.orders.live_len() == 0 && self.are_commands_ended()
    }

    /// Whether a stop was asked for and nothing is left to wait for.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.core.stopping && self.is_quiet()
    }

    /// Whether a stop was asked for and nothing is left to wait for but the trading session: it is down,
    /// and what is open is uncertain.
    #[must_use]
    pub fn waits_for_session(&self) -> bool {
        let is_down = self.core.trading.is_none();
        is_down && self.core.stopping && self.are_commands_ended()
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
        self.core.lane.len()
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

    /// The orders.
    #[must_use]
    pub const fn orders(&self) -> &OrderTable {
        &self.core.orders
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

    /// The number of the highest ClOrdID used: the watermark for the next run.
    #[must_use]
    pub const fn cl_ord_id_watermark(&self) -> u64 {
        self.core.ids.watermark()
    }

    fn are_commands_ended(&self) -> bool {
        self.core.lane.len() == 0 && self.core.queue.is_empty() && !self.core.rest.is_busy()
    }

    fn on_session_up(&mut self, session: SessionId, epoch: u32, connection: u32) {
        if session == self.core.market_data {
            self.core.on_market_data_up();
        }
        if session == self.core.trading_session {
            self.core.trading = Some((epoch, connection));
            self.core.orders.set_session(epoch, connection);
            self.core.flatten_again();
            self.core.truth.on_up(epoch, self.core.clock.now());
        }
        self.tell(&SessionUpdate::Up { session, epoch, connection });
    }

    fn on_session_down(&mut self, session: SessionId, update: &SessionUpdate) {
        if session == self.core.market_data {
            self.core.on_market_data_down();
        }
        let is_trading = session == self.core.trading_session;
        if is_trading {
            self.core.trading = None;
            self.core.truth.on_down(self.core.clock.now());
        }
        self.tell(update);
        // No order is opened or ended meanwhile: the session is down and the strategy is refused.
        if is_trading {
            self.all_uncertain(true);
            self.climb_while_down();
        }
    }

    fn on_instrument_unknown(&mut self, instrument: InstrumentId) {
        self.fault = Some(instrument);
        self.tell(&SessionUpdate::InstrumentUnknown { instrument });
    }

    fn on_book_entry(&mut self, entry: &BookEntry) {
        match self.core.markets.apply(entry) {
            BookOutcome::Partial => self.core.stats.book_entries += 1,
            BookOutcome::Complete { verified } => {
                self.core.stats.book_entries += 1;
                self.core.stats.book_updates += 1;
                self.core.stats.checksums_verified += u64::from(verified);
                self.core.stamp_book();
                self.core.book_changed(entry.instrument);
                self.try_start();
                if self.core.started {
                    let mut ctx = Context::new(&mut self.core);
                    self.strategy.on_book(&mut ctx, entry.instrument);
                }
            }
            BookOutcome::Stale(reason) => {
                self.core.stats.books_stale += 1;
                let is_checksum = matches!(reason, StaleReason::Checksum { .. });
                self.core.stats.checksums_failed += u64::from(is_checksum);
                self.core.needs_pump = true;
                let instrument = entry.instrument;
                if let Some(status) = self.core.markets.get(instrument).map(|m| m.status()) {
                    self.tell(&SessionUpdate::BookStale { instrument, reason, status });
                }
            }
            BookOutcome::Ignored => self.core.stats.book_entries_ignored += 1,
        }
    }

    fn tell(&mut self, update: &SessionUpdate) {
        self.strategy.on_session(&mut Context::new(&mut self.core), update);
    }

    fn tell_order(&mut self, update: &OrderUpdate, disagrees: bool) {
        self.core.stamp_book();
        // On the wire an order is what it was when it was issued.
        if !matches!(update.kind, UpdateKind::OnWire { .. }) {
            self.core.order_changed(update.handle, self.core.clock.now());
        }
        if disagrees {
            self.core.stats.disagreements += 1;
            self.tell(&SessionUpdate::Disagreement { order: update.handle });
        }
        self.strategy.on_order(&mut Context::new(&mut self.core), update);
    }

    fn try_start(&mut self) {
        let core = &mut self.core;
        let waits = core.trading.is_none() || core.truth.holds_orders();
        if core.started || core.stopping || waits {
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
        self.pump_cancels();
        self.pump_truth();
        self.core.pump_rest();
        if self.core.needs_pump {
            self.core.pump();
        }
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
