//! One order of the model.

use taut::types::{Side, TimeInForce};

use super::super::super::SelfTrade;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Pending,
    Waiting,
    Fired(i64),
    Book,
}

/// A trigger.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    pub rising: bool,
    /// Where it fires.
    pub level: Option<i64>,
    /// How far a trailing one stays behind.
    pub distance: Option<i64>,
    pub armed: u64,
}

#[derive(Clone, Debug)]
pub struct Naive {
    pub key: u128,
    pub account: usize,
    pub session: u32,
    pub side: Side,
    /// Of a trailing stop limit that has not triggered the offset.
    pub limit: Option<i64>,
    pub qty: i64,
    pub fills: Vec<(i64, i64, i128)>,
    pub born: u64,
    pub queued: u64,
    pub place: Place,
    pub mode: SelfTrade,
    pub tif: TimeInForce,
    pub post: bool,
    pub display: Option<i64>,
    pub slice: i64,
    pub stop: Option<Stop>,
    pub expires: Option<u64>,
    pub due: Option<(u64, u64)>,
    /// What it holds while it is not in the book.
    pub reserved: i128,
}

impl Naive {
    pub fn cum(&self) -> i64 {
        self.fills.iter().map(|fill| fill.1).sum()
    }

    pub fn leaves(&self) -> i64 {
        self.qty - self.cum()
    }

    pub fn visible(&self) -> i64 {
        if self.display.is_some() { self.slice } else { self.leaves() }
    }

    pub fn notional(&self) -> i128 {
        self.fills.iter().map(|fill| i128::from(fill.0) * i128::from(fill.1)).sum()
    }

    pub fn crosses(&self, px: i64) -> bool {
        match (self.side, self.limit) {
            (_, None) => true,
            (Side::Buy, Some(limit)) => limit >= px,
            (Side::Sell, Some(limit)) => limit <= px,
        }
    }

    pub fn trailing_limit(&self) -> bool {
        self.limit.is_some() && self.stop.is_some_and(|stop| stop.distance.is_some())
    }

    pub fn refill(&mut self) {
        self.slice = self.display.unwrap_or(i64::MAX).min(self.leaves());
    }
}
