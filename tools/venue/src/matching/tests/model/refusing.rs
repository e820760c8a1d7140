//! What is refused, and why.

use taut::types::{PairStatus, TimeInForce};

use super::order::{Naive, Place};
use super::{Model, RejectReason};
use crate::matching::Amend;

impl Model {
    pub(super) fn status_refuses(&self, limit: bool, post_only: bool) -> Option<RejectReason> {
        match self.status {
            PairStatus::CancelOnly => Some(RejectReason::MarketCancelOnly),
            PairStatus::PostOnly if !(limit && post_only) => Some(RejectReason::MarketPostOnly),
            PairStatus::LimitOnly if !limit => Some(RejectReason::MarketLimitOnly),
            PairStatus::Maintenance => Some(RejectReason::MarketUnavailable),
            _ => None,
        }
    }

    pub(super) fn would_take(&self, order: &Naive) -> bool {
        self.book(order.side.opposite()).iter().any(|o| order.crosses(o.limit.unwrap_or(0)))
    }

    pub(super) fn wrong_prices(order: &Naive) -> bool {
        let stop = order.stop.is_some_and(|s| s.distance.or(s.level).is_some_and(|px| px <= 0));
        stop || (!order.trailing_limit() && order.limit.is_some_and(|px| px <= 0))
    }

    pub(super) fn wrong_display(order: &Naive, display: Option<i64>) -> bool {
        let plain = order.limit.is_some() && order.stop.is_none();
        display.is_some_and(|show| !plain || show <= 0 || 15 * show < order.leaves())
    }

    pub(super) fn refuse_new(&self, order: &Naive, effective: Option<u64>) -> Option<RejectReason> {
        let (has_limit, free) = (order.limit.is_some(), self.free[order.account]);
        if effective.is_some_and(|at| order.expires.is_some_and(|end| at >= end)) {
            return Some(RejectReason::InvalidStart);
        }
        if order.expires.is_some_and(|at| at <= self.now) {
            return Some(RejectReason::InvalidExpiry);
        }
        if let Some(reason) = self.status_refuses(has_limit, order.post) {
            return Some(reason);
        }
        let at_once = matches!(order.tif, TimeInForce::Ioc | TimeInForce::Fok);
        if order.post && (!has_limit || at_once) {
            return Some(RejectReason::InvalidArguments);
        }
        if order.qty <= 0 {
            return Some(RejectReason::InvalidQuantity);
        }
        if !free && order.qty < self.qty_min {
            return Some(RejectReason::OrderMinimum);
        }
        if Self::wrong_prices(order) {
            return Some(RejectReason::InvalidPrice);
        }
        if Self::wrong_display(order, order.display) {
            return Some(RejectReason::InvalidDisplay);
        }
        let (cost, whole) = self.cost(order);
        if !free && whole && cost < self.cost_min {
            return Some(RejectReason::CostMinimum);
        }
        if order.place == Place::Book && order.post && self.would_take(order) {
            return Some(RejectReason::PostOnlyWouldTake);
        }
        if self.live.len() >= self.orders_max {
            return Some(RejectReason::OrdersLimit);
        }
        self.lacks(order, self.hold(order, cost)).then_some(RejectReason::InsufficientFunds)
    }

    pub(super) fn refuse_amend(
        &self,
        command: &Amend,
        before: &Naive,
        after: &Naive,
        ends: bool,
    ) -> Option<RejectReason> {
        let crosses = before.place == Place::Book && self.would_take(after);
        let bound = !self.free[before.account] && !ends;
        if let Some(reason) = self.status_refuses(true, command.post_only || !crosses) {
            return Some(reason);
        }
        if after.qty <= 0 {
            return Some(RejectReason::InvalidQuantity);
        }
        if bound && after.qty < self.qty_min {
            return Some(RejectReason::OrderMinimum);
        }
        if Self::wrong_prices(after) {
            return Some(RejectReason::InvalidPrice);
        }
        let asked = command.display.map(|display| display.0);
        let looked_at = !ends && (after.qty != before.qty || asked.is_some());
        if looked_at && Self::wrong_display(after, asked.or(before.display)) {
            return Some(RejectReason::InvalidDisplay);
        }
        let (cost, whole) = self.cost(&Naive { fills: Vec::new(), ..after.clone() });
        if bound && whole && cost < self.cost_min {
            return Some(RejectReason::CostMinimum);
        }
        if command.post_only && crosses && !ends {
            return Some(RejectReason::PostOnlyWouldTake);
        }
        if ends {
            return None;
        }
        let in_book = i128::from(before.leaves()) * i128::from(before.limit.unwrap_or(0));
        let reserved = match before.place {
            Place::Book => self.hold(before, in_book),
            _ => before.reserved,
        };
        let hold = self.hold(after, self.cost(after).0);
        let refused = self.lacks(&Naive { reserved, ..after.clone() }, hold);
        refused.then_some(RejectReason::InsufficientFunds)
    }
}
