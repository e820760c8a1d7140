//! The naive model that the engine is compared with: one vector of orders, everything that can be
//! computed from scratch is. Written from the rules, not from the engine.

mod changing;
mod money;
mod order;
mod placing;
mod refusing;
mod trading;
mod triggers;

use std::collections::VecDeque;

use taut::types::{PairStatus, Side};

use super::super::{CancelReason, FeeCurrency, RejectReason};

pub(super) use order::{Naive, Place};

/// One instrument with tick = step = 1. Account 0 collects the fees.
#[derive(Clone)]
pub(super) struct Model {
    pub(super) fees: (i128, i128, FeeCurrency),
    pub(super) qty_min: i64,
    pub(super) cost_min: i128,
    pub(super) status: PairStatus,
    pub(super) orders_max: usize,
    /// Every order that lives, wherever it is.
    pub(super) live: Vec<Naive>,
    /// Per account: base in quantity units, quote in units of price x quantity.
    pub(super) money: Vec<[i128; 2]>,
    /// Per account: unlimited, may trade with itself, no minimums.
    pub(super) free: Vec<bool>,
    pub(super) now: u64,
    next: u64,
    last: Option<i64>,
    /// Prices that the triggers have not seen yet.
    seen: VecDeque<i64>,
}

/// What the model says, and what the engine's events are reduced to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Rejected(u128, RejectReason),
    Accepted(u128),
    Live(u128),
    /// maker, taker, px, qty, and (cum, leaves, notional, fee) of both
    Trade(u128, u128, i64, i64, [(i64, i64, i128, i128); 2]),
    Cancelled(u128, CancelReason, i64),
    /// key, price that fired it, limit
    Triggered(u128, i64, i64),
    Expired(u128, i64),
    /// new key, old key, qty, leaves, whether it is pending
    Amended(u128, u128, i64, i64, bool),
}

impl Model {
    pub(super) fn new(fees: (i128, i128, FeeCurrency), free: Vec<bool>) -> Self {
        Self {
            fees,
            qty_min: 1,
            cost_min: 0,
            status: PairStatus::Online,
            orders_max: usize::MAX,
            live: Vec::new(),
            money: vec![[0; 2]; free.len()],
            free,
            now: 0,
            next: 0,
            last: None,
            seen: VecDeque::new(),
        }
    }

    pub(super) fn book(&self, side: Side) -> Vec<&Naive> {
        let mut book: Vec<&Naive> =
            self.live.iter().filter(|o| o.side == side && o.place == Place::Book).collect();
        book.sort_by_key(|o| (-side.sign() * o.limit.unwrap_or(0), o.queued));
        book
    }

    fn count(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn find(&self, account: usize, key: u128) -> Option<usize> {
        self.live.iter().position(|o| o.key == key && o.account == account)
    }
}
