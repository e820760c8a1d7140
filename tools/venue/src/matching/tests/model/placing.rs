//! New orders, from their arrival until they work.

use taut::types::{OrdType, Side};

use super::order::{Naive, Place, Stop};
use super::{CancelReason, Model, RejectReason, Said};
use crate::matching::NewOrder;

impl Model {
    pub fn new_order(&mut self, command: &NewOrder, said: &mut Vec<Said>) {
        self.tick(said);
        let number = self.count();
        let more = command.conditions;
        let kind = command.ord_type;
        let trails = matches!(kind, OrdType::TrailingStop | OrdType::TrailingStopLimit);
        let profit = matches!(kind, OrdType::TakeProfit | OrdType::TakeProfitLimit);
        let stop = kind.has_trigger().then(|| {
            let stop = Stop {
                rising: (command.side == Side::Buy) != profit,
                level: (!trails).then_some(more.stop.0),
                distance: trails.then_some(more.stop.0),
                armed: 0,
            };
            Stop { level: self.level(stop), ..stop }
        });
        let effective = more.effective_at.map(|at| at.0);
        let pending = effective.filter(|&at| at > self.now);
        let mut order = Naive {
            key: command.client_key,
            account: command.account.0 as usize,
            session: command.session,
            side: command.side,
            limit: kind.has_limit().then_some(command.price.0),
            qty: command.qty.0,
            fills: Vec::new(),
            born: number,
            queued: number,
            place: match (pending, stop) {
                (Some(_), _) => Place::Pending,
                (_, Some(_)) => Place::Waiting,
                _ => Place::Book,
            },
            mode: command.self_trade,
            tif: command.time_in_force,
            post: command.post_only,
            display: more.display.map(|display| display.0),
            slice: 0,
            stop,
            expires: more.expires_at.map(|at| at.0),
            due: None,
            reserved: 0,
        };
        if let Some(reason) = self.refuse_new(&order, effective) {
            said.push(Said::Rejected(order.key, reason));
            return;
        }
        order.reserved = self.hold(&order, self.cost(&order).0);
        said.push(Said::Accepted(order.key));
        match pending {
            Some(at) => {
                order.due = Some((at, self.count()));
                self.live.push(order);
            }
            None => self.go_live(order, said),
        }
        self.run_triggers(said);
    }

    pub(super) fn go_live(&mut self, mut order: Naive, said: &mut Vec<Said>) {
        let was_pending = order.place == Place::Pending;
        said.push(Said::Live(order.key));
        order.due = order.expires.map(|at| (at, self.count()));
        match order.stop {
            Some(stop) => {
                let (level, armed) = (self.level(stop), self.count());
                order.stop = Some(Stop { level, armed, ..stop });
                order.place = Place::Waiting;
                self.live.push(order);
                self.seen.extend(self.last);
            }
            None if was_pending => self.work(order, said),
            None => self.take(order, said),
        }
    }

    pub(super) fn work(&mut self, mut order: Naive, said: &mut Vec<Said>) {
        order.place = Place::Book;
        let hold = self.hold(&order, self.cost(&order).0);
        let reason = if let Some(reason) = self.status_refuses(order.limit.is_some(), order.post) {
            Some(reason)
        } else if order.limit.is_some_and(|limit| limit <= 0) {
            Some(RejectReason::InvalidPrice)
        } else if order.post && self.would_take(&order) {
            Some(RejectReason::PostOnlyWouldTake)
        } else {
            self.lacks(&order, hold).then_some(RejectReason::InsufficientFunds)
        };
        match reason {
            Some(reason) => {
                let reason = CancelReason::Refused(reason);
                said.push(Said::Cancelled(order.key, reason, order.leaves()));
            }
            None => self.take(order, said),
        }
    }
}
