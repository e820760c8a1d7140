//! Amends and cancels.

use taut::types::PairStatus;

use super::order::{Naive, Place, Stop};
use super::triggers::behind;
use super::{CancelReason, Model, RejectReason, Said};
use crate::matching::Amend;

impl Model {
    /// `target` is the key that the order was last set with.
    pub fn amend(&mut self, command: &Amend, target: u128, said: &mut Vec<Said>) {
        self.tick(said);
        let qty = command.qty.0;
        let account = command.account.0 as usize;
        let Some(at) = self.find(account, target) else {
            said.push(Said::Rejected(command.client_key, RejectReason::UnknownOrder));
            return;
        };
        let before = self.live.remove(at);
        let after = self.amended(&before, command);
        let ends = qty <= before.cum();
        match self.refuse_amend(command, &before, &after, ends) {
            Some(reason) => {
                self.live.insert(at, before);
                said.push(Said::Rejected(command.client_key, reason));
            }
            None => self.change(at, before, after, ends, said),
        }
        self.run_triggers(said);
    }

    pub(super) fn amended(&self, before: &Naive, command: &Amend) -> Naive {
        let (key, session) = (command.client_key, command.session);
        let mut after = Naive { key, session, qty: command.qty.0, ..before.clone() };
        after.limit = before.limit.map(|_| command.price.0);
        if let Some(display) = command.display.map(|display| display.0) {
            let shown = if before.display.is_some() { before.slice } else { before.leaves() };
            after.display = Some(display);
            after.slice = shown.min(display);
        }
        after.slice = after.slice.min(after.leaves());
        if let Some(old) = before.stop {
            let new = command.stop.0;
            after.stop = Some(match old.distance {
                None => Stop { level: Some(new), ..old },
                // The peak stays.
                Some(distance) if before.place == Place::Waiting => {
                    let level = old.level.map(|level| behind(old.rising, level, new - distance));
                    Stop { level, distance: Some(new), ..old }
                }
                Some(_) => {
                    let stop = Stop { distance: Some(new), ..old };
                    Stop { level: self.level(stop), ..stop }
                }
            });
        }
        after
    }

    pub(super) fn change(
        &mut self,
        at: usize,
        before: Naive,
        mut after: Naive,
        ends: bool,
        said: &mut Vec<Said>,
    ) {
        let cum = before.cum();
        let key = after.key;
        after.qty = after.qty.max(cum);
        after.reserved = self.hold(&after, self.cost(&after).0);
        let pending = before.place == Place::Pending;
        said.push(Said::Amended(key, before.key, after.qty, after.leaves(), pending));
        if ends {
            let reason = CancelReason::AmendedBelowFilled;
            said.push(Said::Cancelled(key, reason, before.leaves()));
        } else if before.place == Place::Book {
            if after.limit == before.limit && after.qty <= before.qty {
                self.live.insert(at, after);
            } else {
                self.take(after, said);
            }
        } else {
            if before.place == Place::Waiting {
                let armed = self.count();
                after.stop = after.stop.map(|stop| Stop { armed, ..stop });
                self.seen.extend(self.last);
            }
            self.live.insert(at, after);
        }
    }

    pub fn cancel(&mut self, account: usize, key: u128, target: u128, said: &mut Vec<Said>) {
        self.tick(said);
        let Some(at) = self.find(account, target) else {
            said.push(Said::Rejected(key, RejectReason::UnknownOrder));
            return;
        };
        if self.status == PairStatus::Maintenance {
            said.push(Said::Rejected(key, RejectReason::MarketUnavailable));
            return;
        }
        let order = self.live.remove(at);
        said.push(Said::Cancelled(order.key, CancelReason::User, order.leaves()));
    }

    pub fn cancel_where(
        &mut self,
        account: Option<usize>,
        session: Option<u32>,
        reason: CancelReason,
        said: &mut Vec<Said>,
    ) {
        self.tick(said);
        if self.status == PairStatus::Maintenance && reason == CancelReason::MassCancel {
            return;
        }
        let (mut gone, kept): (Vec<Naive>, Vec<Naive>) = self.live.drain(..).partition(|o| {
            account.is_none_or(|a| a == o.account) && session.is_none_or(|s| s == o.session)
        });
        self.live = kept;
        gone.sort_by_key(|o| (o.account, o.born));
        said.extend(gone.iter().map(|o| Said::Cancelled(o.key, reason, o.leaves())));
    }
}
