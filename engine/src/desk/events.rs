//! What each event does: to the books, the orders, the positions, and to the strategy.

use super::Desk;
use super::kill::Flatten;
use crate::command::SessionId;
use crate::event::{Alarm, BookEntry, Event, EventKind};
use crate::market::{BookOutcome, StaleReason};
use crate::order::{OrderUpdate, UpdateKind};
use crate::session::SessionEvent;
use crate::strategy::{Context, SessionUpdate, Strategy};
use crate::types::{InstrumentId, Qty};

impl<S: Strategy> Desk<S> {
    pub(super) fn handle(&mut self, event: &Event) {
        self.core.stats.events += 1;
        self.core.cause = event.stamps;
        match &event.kind {
            &EventKind::SessionUp { epoch, connection, next_in, next_out } => {
                let session = event.session;
                self.on_session_up(session, epoch, connection);
                self.tell(&SessionUpdate::Up { session, epoch, connection, next_in, next_out });
            }
            &EventKind::SessionDown { reason, next_in, next_out } => {
                let session = event.session;
                let update = SessionUpdate::Down { session, reason, next_in, next_out };
                self.on_session_down(session, &update);
            }
            EventKind::Link(link) => {
                let (session, event) = (event.session, *link);
                self.core.on_link(session, &event);
                self.tell(&SessionUpdate::Link { session, event });
            }
            EventKind::Session(said) => {
                self.tell(&SessionUpdate::Session { session: event.session, event: *said });
                let is_voided = matches!(said, SessionEvent::Voided { .. });
                if is_voided && event.session == self.core.trading_session {
                    self.on_voided();
                }
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
                self.core.sweep_failed(Some(*cl_ord_id));
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
                let stats = &mut self.core.stats;
                let count = match alarm.is_of_session() {
                    true => &mut stats.alarms,
                    false => &mut stats.engine_alarms,
                };
                *count += 1;
                self.tell(&SessionUpdate::Alarm { session: event.session, alarm: *alarm });
                if let Alarm::Unreadable { msg_type, cl_ord_id, order_id, .. } = alarm
                    && event.session == self.core.trading_session
                {
                    self.on_unreadable(*msg_type, *cl_ord_id, order_id);
                }
            }
        }
    }

    fn on_session_up(&mut self, session: SessionId, epoch: u32, connection: u32) {
        if session == self.core.market_data {
            self.core.on_market_data_up();
        }
        if session == self.core.trading_session {
            self.core.trading = Some((epoch, connection));
            self.core.swept = None;
            self.core.orders.set_session(epoch, connection);
            self.core.flatten_again();
            self.core.truth.on_up(epoch, self.core.clock.now());
        }
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

    pub(super) fn tell(&mut self, update: &SessionUpdate) {
        self.strategy.on_session(&mut Context::new(&mut self.core), update);
    }

    pub(super) fn tell_order(&mut self, update: &OrderUpdate, disagrees: bool) {
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
        if self.core.orders.held_replaces() > 0 {
            self.end_held_replace(update);
        }
        self.tell_unseen();
    }

    /// Tells how much of each instrument may have been filled that is not in its position, if that has changed.
    pub(super) fn tell_unseen(&mut self) {
        while let Some(instrument) = self.core.orders.take_unseen_changed() {
            let [bought, sold] = self.core.orders.unseen(instrument).map(Qty);
            self.tell(&SessionUpdate::PositionUncertain { instrument, bought, sold });
        }
    }
}
