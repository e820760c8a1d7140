//! Time and triggers.

use std::collections::VecDeque;

use taut::types::PairStatus;

use super::order::{Naive, Place, Stop};
use super::{Model, Said};

pub(super) fn behind(rising: bool, px: i64, distance: i64) -> i64 {
    if rising { px + distance } else { px - distance }
}

impl Model {
    pub(super) fn level(&self, stop: Stop) -> Option<i64> {
        match stop.distance {
            None => stop.level,
            Some(distance) => self.last.map(|last| behind(stop.rising, last, distance)),
        }
    }

    /// What is due before a command is looked at.
    pub fn tick(&mut self, said: &mut Vec<Said>) {
        self.run_triggers(said);
        loop {
            let due = |o: &&Naive| o.due.is_some_and(|(at, _)| at <= self.now);
            let next = self.live.iter().filter(due).min_by_key(|o| o.due).map(|o| o.key);
            let Some(at) = self.live.iter().position(|o| Some(o.key) == next) else { break };
            let order = self.live.remove(at);
            if order.place == Place::Pending {
                self.go_live(order, said);
                self.run_triggers(said);
            } else {
                said.push(Said::Expired(order.key, order.leaves()));
            }
        }
    }

    pub fn set_status(&mut self, status: PairStatus) {
        self.status = status;
        self.seen.extend(self.last);
    }

    pub(super) fn run_triggers(&mut self, said: &mut Vec<Said>) {
        let mut fired = VecDeque::new();
        loop {
            while let Some(px) = self.seen.pop_front() {
                if matches!(self.status, PairStatus::Online | PairStatus::LimitOnly) {
                    fired.extend(self.see(px));
                }
            }
            let Some(key) = fired.pop_front() else { break };
            let at = self.live.iter().position(|o| o.key == key).expect("it waits");
            let mut order = self.live.remove(at);
            let Place::Fired(px) = order.place else { unreachable!("it was fired") };
            if order.trailing_limit() {
                let level = order.stop.and_then(|stop| stop.level).unwrap_or(0);
                order.limit = order.limit.map(|offset| level + offset);
            }
            order.stop = None;
            said.push(Said::Triggered(order.key, px, order.limit.unwrap_or(0)));
            self.work(order, said);
        }
    }

    /// Shows a price to all that wait; the keys of those that it fires, in order.
    pub(super) fn see(&mut self, px: i64) -> Vec<u128> {
        let mut fired = Vec::new();
        for order in self.live.iter_mut().filter(|o| o.place == Place::Waiting) {
            let Some(stop) = &mut order.stop else { continue };
            if let Some(distance) = stop.distance {
                let new = behind(stop.rising, px, distance);
                stop.level = Some(match stop.level {
                    Some(old) if stop.rising => old.min(new),
                    Some(old) => old.max(new),
                    None => new,
                });
            }
            let level = stop.level.unwrap_or(0);
            if if stop.rising { level <= px } else { level >= px } {
                let nearest = if stop.rising { level } else { -level };
                fired.push(((!stop.rising, nearest, stop.armed), order.key));
                order.place = Place::Fired(px);
            }
        }
        fired.sort_unstable();
        fired.into_iter().map(|(_, key)| key).collect()
    }
}
