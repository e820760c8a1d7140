//! Commands: judged first, carried out if they are good, refused if not.

use taut::types::Qty;
use taut_codec::value::UtcTime;

use super::account::AccountId;
use super::check::is_closed;
use super::command::{Amend, Cancel, CancelWhere, NewOrder};
use super::engine::Engine;
use super::event::{EngineEvent, EventKind, Rejection, Request};
use super::order::{Order, OrderRef};
use super::pool::NONE;
use super::reason::CancelReason;
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
        let mut order = Order::new(command, now);
        let hold = match self.check_new(command, &order) {
            Ok(hold) => hold,
            Err(reason) => {
                let rejection = Rejection {
                    request: Request::New,
                    account: command.account,
                    session: command.session,
                    client_key: command.client_key,
                    order: None,
                    reason,
                };
                events.push(EngineEvent { at: now, kind: EventKind::Rejected(rejection) });
                return None;
            }
        };
        self.settlement.set_hold(&mut order, hold);
        let slot = self.orders.insert(order);
        self.link_account(slot);
        let state = self.state(slot);
        events.push(EngineEvent { at: now, kind: EventKind::Accepted(state) });
        events.push(EngineEvent { at: now, kind: EventKind::Live(state) });
        self.take_and_rest(now, slot, events);
        Some(state.order)
    }

    /// Amends an order in place; venue file 6.8. Returns whether it was accepted.
    pub fn amend(&mut self, now: UtcTime, command: &Amend, events: &mut Vec<EngineEvent>) -> bool {
        let (slot, hold) = match self.check_amend(command) {
            Ok(checked) => checked,
            Err(reason) => {
                let rejection = Rejection {
                    request: Request::Amend,
                    account: command.account,
                    session: command.session,
                    client_key: command.client_key,
                    order: Some(command.order),
                    reason,
                };
                events.push(EngineEvent { at: now, kind: EventKind::Rejected(rejection) });
                return false;
            }
        };
        let before = *self.orders.get(slot);
        let ends = command.qty <= before.cum;
        let book = &mut self.books[usize::from(before.instrument.0)];
        let in_place = !ends && command.price == before.price && command.qty <= before.qty;
        if in_place {
            book.reduce(before.level, Qty(before.qty.0 - command.qty.0), now);
            if command.qty != before.qty {
                self.orders.get_mut(slot).changed_at = now;
            }
        } else {
            book.remove(&mut self.orders, slot, now);
        }
        let order = self.orders.get_mut(slot);
        self.settlement.set_hold(order, hold);
        order.session = command.session;
        order.client_key = command.client_key;
        order.qty = command.qty.max(order.cum);
        order.price = command.price;
        let state = self.state(slot);
        let kind = EventKind::Amended { order: state, orig_client_key: before.client_key };
        events.push(EngineEvent { at: now, kind });
        if ends {
            let kind = EventKind::Cancelled {
                order: state,
                reason: CancelReason::AmendedBelowFilled,
                cancelled: before.leaves(),
                request_key: None,
            };
            events.push(EngineEvent { at: now, kind });
            self.finish(slot);
        } else if !in_place {
            self.take_and_rest(now, slot, events);
        }
        true
    }

    /// Cancels an order. Returns whether it was live and the account's own.
    pub fn cancel(
        &mut self,
        now: UtcTime,
        command: &Cancel,
        events: &mut Vec<EngineEvent>,
    ) -> bool {
        match self.check_cancel(command) {
            Ok(slot) => {
                self.end(now, slot, CancelReason::User, Some(command.client_key), events);
                true
            }
            Err(reason) => {
                let rejection = Rejection {
                    request: Request::Cancel,
                    account: command.account,
                    session: command.session,
                    client_key: command.client_key,
                    order: Some(command.order),
                    reason,
                };
                events.push(EngineEvent { at: now, kind: EventKind::Rejected(rejection) });
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
                let slot = core::mem::replace(&mut at, order.account_next);
                if !spared {
                    self.end(now, slot, command.reason, command.client_key, events);
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
            self.orders.get_mut(previous).account_next = slot;
        }
        self.orders.get_mut(slot).account_prev = previous;
    }
}
