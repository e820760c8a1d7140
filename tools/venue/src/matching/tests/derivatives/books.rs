//! Naive bookkeeping: every figure anew from all that happened. Written from the rules, not from the engine.

use taut::types::{InstrumentId, Px, Side};

use super::{PF, UNIT};

/// 10^18 at prices in hundredths.
const BTC_CENTS: i128 = 100_000_000_000_000_000_000;

/// One side of a trade.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deal {
    pub(super) account: usize,
    pub(super) at: InstrumentId,
    pub(super) side: Side,
    pub(super) px: i64,
    pub(super) qty: i64,
    pub(super) rate: i128,
}

/// An order that could open a position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub(super) key: u128,
    pub(super) account: usize,
    pub(super) at: InstrumentId,
    pub(super) side: Side,
    pub(super) px: i64,
    pub(super) qty: i64,
}

#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) deals: Vec<Deal>,
    pub(super) open: Vec<Open>,
    /// By instrument: index, last trade.
    pub(super) prices: [(Option<Px>, Option<Px>); 2],
}

/// Quantity, value at entry, what was realised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) qty: i128,
    pub(super) value: i128,
    pub(super) realised: i128,
}

/// Equity, initial and maintenance margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Means {
    pub(super) equity: i128,
    pub(super) initial: i128,
    pub(super) maintenance: i128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    NoMargin,
    Liquidation,
    Closing,
}

pub(super) fn value(at: InstrumentId, px: i64, qty: i64) -> i128 {
    let (px, qty) = (i128::from(px), i128::from(qty));
    if at == PF { px * qty * UNIT } else { qty * BTC_CENTS / px }
}

/// 10^-8 of the cash, rounded up.
fn fee(worth: i128, rate: i128) -> i128 {
    let tick = 10_000_000_000;
    let millionths = (worth + tick - 1) / tick * rate;
    (millionths + 999_999) / 1_000_000 * tick
}

/// Whether the buyer gains when the value rises.
fn gains(at: InstrumentId) -> i128 {
    if at == PF { 1 } else { -1 }
}

impl Books {
    pub(super) fn stand(&self, account: usize, at: InstrumentId) -> Stand {
        let mut stand = Stand::default();
        for deal in self.deals.iter().filter(|deal| deal.account == account && deal.at == at) {
            let sign = i128::from(deal.side.sign());
            let worth = value(at, deal.px, deal.qty);
            let (mut left, mut opened) = (i128::from(deal.qty), worth);
            if stand.qty * sign < 0 {
                let closed = left.min(stand.qty.abs());
                let brings = value(at, deal.px, closed as i64);
                let cost = stand.value.abs() * closed / stand.qty.abs();
                stand.realised -= sign * gains(at) * (brings - cost);
                stand.value += sign * cost;
                stand.qty += sign * closed;
                (left, opened) = (left - closed, worth - brings);
            }
            stand.qty += sign * left;
            stand.value += sign * opened;
        }
        stand
    }

    pub(super) fn cash(&self, account: usize, at: InstrumentId) -> i128 {
        let own = self.deals.iter().filter(|deal| deal.account == account && deal.at == at);
        let fees: i128 = own.map(|deal| fee(value(at, deal.px, deal.qty), deal.rate)).sum();
        self.stand(account, at).realised - fees
    }

    pub(super) fn mark(&self, at: InstrumentId) -> Option<i64> {
        let (index, last) = self.prices[usize::from(at.0)];
        index.or(last).map(|px| px.0)
    }

    fn worth(&self, at: InstrumentId, qty: i128, entry: i128) -> i128 {
        let mark = self.mark(at);
        mark.map_or(entry, |px| value(at, px, qty.abs() as i64) * qty.signum())
    }

    fn side(&self, account: usize, at: InstrumentId, side: Side) -> i128 {
        let own = |one: &&Open| one.account == account && one.at == at && one.side == side;
        self.open.iter().filter(own).map(|one| value(at, one.px, one.qty)).sum()
    }

    pub(super) fn means(&self, account: usize, at: InstrumentId, deposit: i128) -> Means {
        let Stand { qty, value, .. } = self.stand(account, at);
        let worth = self.worth(at, qty, value);
        let long = (worth + self.side(account, at, Side::Buy)).abs();
        let short = (worth - self.side(account, at, Side::Sell)).abs();
        let tenth = |amount: i128| (amount + 9) / 10;
        Means {
            equity: deposit + self.cash(account, at) + gains(at) * (worth - value),
            initial: tenth(long.max(short)),
            maintenance: (tenth(worth.abs()) + 1) / 2,
        }
    }

    /// Whether an account could carry another order; each instrument has a wallet of its own here.
    pub(super) fn judge(&mut self, order: Open, reduces: bool, deposit: i128) -> Verdict {
        let Open { account, at, side, px, qty, .. } = order;
        let before = self.means(account, at, deposit);
        let worth = value(at, px, qty);
        let gap = self.mark(at).map_or(0, |mark| worth - value(at, mark, qty));
        let loss = (gap * i128::from(side.sign()) * gains(at)).max(0) + fee(worth, 26_000);
        let mut after = before;
        if !reduces {
            self.open.push(order);
            after = self.means(account, at, deposit);
            self.open.pop();
        }
        let left = before.equity - loss;
        if after.initial <= before.initial {
            return if left < 0 { Verdict::Closing } else { Verdict::Good };
        }
        if before.equity < after.initial {
            return Verdict::NoMargin;
        }
        let then = self.stand(account, at).qty + i128::from(qty * side.sign());
        let carried = self.mark(at).map_or(0, |mark| value(at, mark, then.abs() as i64));
        let needed = ((carried + 9) / 10 + 1) / 2;
        if left < needed { Verdict::Liquidation } else { Verdict::Good }
    }
}
