//! Commands: judged first, carried out if they are good, refused if not.

use taut::types::{Px, Qty};
use taut_codec::value::UtcTime;

use super::account::AccountId;
use super::check::{ends, is_closed};
use super::command::{Amend, Cancel, CancelWhere, NewOrder};
use super::engine::Engine;
use super::event::{Asker, EngineEvent, EventKind, Rejection, Request};
use super::order::{Order, OrderRef, Stage};
use super::pool::NONE;
use super::reason::{CancelReason, RejectReason};
use super::settlement::Settlement;

impl<S: Settlement> Engine<S> {
    /// Accepts or refuses an order, matches it and rests what is left. Returns the order's name if
    /// it was accepted; it need not live any more.
    pub fn new_order(
        &mut self,
        now: UtcTime,
        command: &NewOrder,
        events: &mut Vec<EngineEvent>,
    ) -> Option<OrderRef> {
        self.tick(now, events);
        let mut order = Order::new(command, now);
        let hold = match self.check_new(now, command, &order) {
            Ok(hold) => hold,
            Err(reason) => {
                let NewOrder { account, session, client_key, .. } = *command;
                let (request, order) = (Request::New, None);
                let refused = Rejection { request, account, session, client_key, order, reason };
                refuse(now, refused, events);
                return None;
            }
        };
        self.settlement.set_hold(&mut order, hold);
        let slot = self.orders.insert(order);
        self.link_account(slot);
        let state = self.state(slot);
        events.push(EngineEvent { at: now, kind: EventKind::Accepted(state) });
        match command.conditions.effective_at {
            Some(at) if at > now => self.timers.set(&mut self.orders, slot, at),
            _ => self.go_live(now, slot, events),
        }
        self.run_triggers(now, events);
        Some(state.order)
    }

    /// Amends an order in place; venue file 6.8. Returns whether it was accepted.
    pub fn amend(&mut self, now: UtcTime, command: &Amend, events: &mut Vec<EngineEvent>) -> bool {
        self.tick(now, events);
        let own = |order: &&Order| order.account == command.account;
        let checked = match self.orders.find(command.order).filter(own) {
            None => Err(RejectReason::UnknownOrder),
            Some(before) => {
                let amended = self.amended(before, command);
                self.check_amend(now, command, before, &amended).map(|hold| (amended, hold))
            }
        };
        match checked {
            Ok((amended, hold)) => {
                self.carry_out(now, command.order.slot, &amended, hold, events);
                self.run_triggers(now, events);
                true
            }
            Err(reason) => {
                let Amend { account, session, client_key, order, .. } = *command;
                let (request, order) = (Request::Amend, Some(order));
                let refused = Rejection { request, account, session, client_key, order, reason };
                refuse(now, refused, events);
                false
            }
        }
    }

    /// The order as an amend would make it.
    fn amended(&self, before: &Order, command: &Amend) -> Order {
        let mut order = Order { qty: command.qty, session: command.session, ..*before };
        order.client_key = command.client_key;
        if order.ord_type.has_limit() {
            order.price = command.price;
        }
        if let Some(display) = command.display {
            order.display = display;
            order.slice = order.visible().min(display);
            if before.display.0 == 0 {
                order.slice = before.leaves().min(display);
            }
        }
        order.slice = order.slice.min(order.leaves());
        if order.ord_type.has_trigger() {
            order.stop = command.stop;
            order.trigger_at = match before.trigger_at {
                // The peak or trough stays, the distance changes.
                Some(at) if order.trails() => {
                    let moved = command.stop.0.saturating_sub(before.stop.0);
                    let sign = if order.fires_rising() { 1 } else { -1 };
                    Some(Px(at.0.saturating_add(moved.saturating_mul(sign))))
                }
                None if order.trails() => self.trigger_of(&order),
                _ => Some(command.stop),
            };
        }
        order
    }

    /// Makes an order what the amend wants: the table of venue file 6.8.
    fn carry_out(
        &mut self,
        now: UtcTime,
        slot: u32,
        amended: &Order,
        hold: i128,
        events: &mut Vec<EngineEvent>,
    ) {
        let before = *self.orders.get(slot);
        let market = usize::from(before.instrument.0);
        let ends = ends(&before, amended.qty);
        let rests = before.level != NONE;
        let in_place = rests && !ends && amended.price == before.price && amended.qty <= before.qty;
        if in_place {
            let by = Qty(before.visible().0 - amended.visible().0);
            self.books[market].reduce(before.level, by, now);
            if by.0 != 0 {
                self.orders.get_mut(slot).changed_at = now;
            }
        } else {
            self.withdraw(now, slot);
        }
        let order = self.orders.get_mut(slot);
        self.settlement.set_hold(order, hold);
        order.session = amended.session;
        order.client_key = amended.client_key;
        order.qty = amended.qty.max(order.cum);
        order.price = amended.price;
        order.stop = amended.stop;
        order.trigger_at = amended.trigger_at;
        order.display = amended.display;
        order.slice = amended.slice;
        let state = self.state(slot);
        let pending = before.stage == Stage::Pending;
        let kind = EventKind::Amended {
            order: state,
            orig_client_key: before.client_key,
            orig_session: before.session,
            pending,
        };
        events.push(EngineEvent { at: now, kind });
        if ends {
            let kind = EventKind::Cancelled {
                order: state,
                reason: CancelReason::AmendedBelowFilled,
                cancelled: before.leaves(),
                request: None,
            };
            events.push(EngineEvent { at: now, kind });
            self.finish(slot);
        } else if before.stage == Stage::Untriggered {
            self.arm(slot);
        } else if rests && !in_place {
            self.take_and_rest(now, slot, events);
        }
    }

    /// Cancels an order. Returns whether it was live and the account's own.
    pub fn cancel(
        &mut self,
        now: UtcTime,
        command: &Cancel,
        events: &mut Vec<EngineEvent>,
    ) -> bool {
        self.tick(now, events);
        match self.check_cancel(command) {
            Ok(slot) => {
                let Cancel { session, client_key, .. } = *command;
                let asker = Some(Asker { session, client_key });
                self.end(now, slot, CancelReason::User, asker, events);
                true
            }
            Err(reason) => {
                let Cancel { account, session, client_key, order, .. } = *command;
                let (request, order) = (Request::Cancel, Some(order));
                let client_key = client_key.unwrap_or_default();
                let refused = Rejection { request, account, session, client_key, order, reason };
                refuse(now, refused, events);
                false
            }
        }
    }

    /// Cancels all orders that meet the filters and returns how many. A client's mass cancel leaves
    /// instruments in maintenance alone.
    pub fn cancel_where(
        &mut self,
        now: UtcTime,
        command: &CancelWhere,
        events: &mut Vec<EngineEvent>,
    ) -> usize {
        self.tick(now, events);
        let accounts = match command.account {
            Some(AccountId(one)) => one..one.saturating_add(1),
            None => 0..self.accounts.len() as u32,
        };
        let mut count = 0;
        for account in accounts {
            let mut at = self.accounts.get(account as usize).map_or(NONE, |a| a.head);
            while at != NONE {
                let order = self.orders.get(at);
                let closed = command.reason == CancelReason::MassCancel
                    && is_closed(self.market(order.instrument).instrument.status);
                let spared = closed
                    || command
                        .sessions
                        .is_some_and(|(first, last)| !(first..=last).contains(&order.session))
                    || command.instrument.is_some_and(|id| id != order.instrument);
                let slot = at;
                at = self.orders.neighbours(slot).next;
                if !spared {
                    self.end(now, slot, command.reason, command.asker, events);
                    count += 1;
                }
            }
        }
        count
    }

    fn link_account(&mut self, slot: u32) {
        let account = &mut self.accounts[self.orders.get(slot).account.0 as usize];
        let previous = core::mem::replace(&mut account.tail, slot);
        if previous == NONE {
            account.head = slot;
        } else {
            self.orders.neighbours_mut(previous).next = slot;
        }
        self.orders.neighbours_mut(slot).prev = previous;
    }
}

fn refuse(at: UtcTime, rejection: Rejection, events: &mut Vec<EngineEvent>) {
    events.push(EngineEvent { at, kind: EventKind::Rejected(rejection) });
}
