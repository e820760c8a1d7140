//! What orders hold and cost, and what trades make of the balances.

use taut::types::Side;

use super::order::{Naive, Place, Stop};
use super::{FeeCurrency, Model};
use crate::matching::SelfTrade;

pub(super) fn ceil(exact: i128) -> i128 {
    exact / 1_000_000 + i128::from(exact % 1_000_000 != 0)
}

impl Model {
    pub(super) fn fee_in_base(&self, side: Side) -> bool {
        match self.fees.2 {
            FeeCurrency::Base => true,
            FeeCurrency::Quote => false,
            FeeCurrency::Given => side == Side::Sell,
        }
    }

    pub(super) fn fee_exact(&self, order: &Naive) -> i128 {
        order
            .fills
            .iter()
            .map(|&(px, qty, rate)| {
                let amount = if self.fee_in_base(order.side) { 1 } else { i128::from(px) };
                amount * i128::from(qty) * rate
            })
            .sum()
    }

    /// What an order has to hold if its remainder could cost `cost`.
    pub(super) fn hold(&self, order: &Naive, cost: i128) -> i128 {
        let given_is_base = order.side == Side::Sell;
        let amount = if given_is_base { i128::from(order.leaves().max(0)) } else { cost };
        let mut hold = amount;
        if self.fee_in_base(order.side) == given_is_base {
            let exact = self.fee_exact(order);
            hold += ceil(exact + amount * self.fees.0.max(self.fees.1)) - ceil(exact);
        }
        hold
    }

    pub fn held(&self, account: usize, asset: usize) -> i128 {
        let side = if asset == 0 { Side::Sell } else { Side::Buy };
        let own = self.live.iter().filter(|o| o.account == account && o.side == side);
        own.map(|o| match o.place {
            Place::Book => self.hold(o, i128::from(o.leaves()) * i128::from(o.limit.unwrap_or(0))),
            _ => o.reserved,
        })
        .sum()
    }

    /// The cost of an order's remainder, and whether that is all of it.
    pub(super) fn cost(&self, order: &Naive) -> (i128, bool) {
        let at = |px: i64| (i128::from(order.leaves()) * i128::from(px.max(0)), px > 0);
        match (order.stop, order.limit) {
            (None, Some(limit)) => at(limit),
            (Some(Stop { distance: None, level, .. }), None) => at(level.unwrap_or(0)),
            (Some(Stop { distance: None, .. }), Some(limit)) => at(limit),
            (Some(Stop { level, .. }), limit) => {
                at(level.map_or(0, |level| level + limit.unwrap_or(0)))
            }
            (None, None) => {
                let (mut left, mut cost) = (order.leaves(), 0);
                for maker in self.walk(order) {
                    let qty = left.min(maker.1);
                    cost += i128::from(qty) * i128::from(maker.0);
                    left -= qty;
                }
                (cost, left == 0)
            }
        }
    }

    /// Prices and quantities that a market order would find. An own order ends it, unless it is the one
    /// that goes; then only what stands in front of it counts, and of icebergs what they show.
    pub(super) fn walk(&self, order: &Naive) -> Vec<(i64, i64)> {
        let book = self.book(order.side.opposite());
        let own = |o: &Naive| o.account == order.account && !self.free[o.account];
        let ends = order.mode != SelfTrade::CancelOldest;
        let wall = book.iter().find(|o| ends && own(o)).map(|o| o.limit);
        let mut found = Vec::new();
        for maker in book {
            if own(maker) {
                if ends {
                    break;
                }
                continue;
            }
            let at_the_wall = wall == Some(maker.limit);
            let qty = if at_the_wall { maker.visible() } else { maker.leaves() };
            found.push((maker.limit.unwrap_or(0), qty));
        }
        found
    }

    /// Whether the account lacks what an order has to hold more; the order itself is not among `live`.
    pub(super) fn lacks(&self, order: &Naive, hold: i128) -> bool {
        let asset = usize::from(order.side == Side::Buy);
        let available = self.money[order.account][asset] - self.held(order.account, asset);
        !self.free[order.account] && hold > order.reserved && hold > available
    }

    pub(super) fn fill(&mut self, order: &mut Naive, px: i64, qty: i64, rate: i128) {
        let before = ceil(self.fee_exact(order));
        order.fills.push((px, qty, rate));
        let fee = ceil(self.fee_exact(order)) - before;
        let sign = i128::from(order.side.sign());
        let fee_asset = usize::from(!self.fee_in_base(order.side));
        let money = &mut self.money[order.account];
        money[0] += sign * i128::from(qty);
        money[1] -= sign * i128::from(qty) * i128::from(px);
        money[fee_asset] -= fee;
        self.money[0][fee_asset] += fee;
    }
}
