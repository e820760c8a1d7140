//! The naive model that the engine is compared with: one vector of orders, everything that can be
//! computed from scratch is. Written from the rules, not from the engine.

use taut::types::{OrdType, PairStatus, Side, TimeInForce};

use super::super::{CancelReason, FeeCurrency, NewOrder, RejectReason, SelfTrade};

/// One instrument with tick = step = 1. Account 0 collects the fees.
pub(super) struct Model {
    pub(super) fees: (i128, i128, FeeCurrency),
    pub(super) qty_min: i64,
    pub(super) cost_min: i128,
    pub(super) status: PairStatus,
    pub(super) orders_max: usize,
    pub(super) live: Vec<Naive>,
    /// Per account: base in quantity units, quote in units of price x quantity.
    pub(super) money: Vec<[i128; 2]>,
    /// Per account: unlimited, may trade with itself, no minimums.
    pub(super) free: Vec<bool>,
    next: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Naive {
    pub(super) key: u128,
    pub(super) account: usize,
    pub(super) session: u32,
    pub(super) side: Side,
    pub(super) limit: Option<i64>,
    pub(super) qty: i64,
    pub(super) fills: Vec<(i64, i64, i128)>,
    pub(super) born: u64,
    pub(super) queued: u64,
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
    /// new key, old key, qty, leaves
    Amended(u128, u128, i64, i64),
}

impl Naive {
    pub(super) fn cum(&self) -> i64 {
        self.fills.iter().map(|fill| fill.1).sum()
    }

    pub(super) fn leaves(&self) -> i64 {
        self.qty - self.cum()
    }

    fn notional(&self) -> i128 {
        self.fills.iter().map(|fill| i128::from(fill.0) * i128::from(fill.1)).sum()
    }

    fn crosses(&self, px: i64) -> bool {
        match (self.side, self.limit) {
            (_, None) => true,
            (Side::Buy, Some(limit)) => limit >= px,
            (Side::Sell, Some(limit)) => limit <= px,
        }
    }
}

fn ceil(exact: i128) -> i128 {
    exact / 1_000_000 + i128::from(exact % 1_000_000 != 0)
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
            next: 0,
        }
    }

    fn fee_in_base(&self, side: Side) -> bool {
        match self.fees.2 {
            FeeCurrency::Base => true,
            FeeCurrency::Quote => false,
            FeeCurrency::Given => side == Side::Sell,
        }
    }

    fn fee_exact(&self, order: &Naive) -> i128 {
        order
            .fills
            .iter()
            .map(|&(px, qty, rate)| {
                let amount = if self.fee_in_base(order.side) { 1 } else { i128::from(px) };
                amount * i128::from(qty) * rate
            })
            .sum()
    }

    /// What an order has to hold now, if its remainder could cost `limit` per unit.
    fn hold(&self, order: &Naive, limit: i64, qty: i64) -> i128 {
        let leaves = i128::from((qty - order.cum()).max(0));
        let amount = if order.side == Side::Buy { leaves * i128::from(limit) } else { leaves };
        self.hold_amount(order, amount)
    }

    fn hold_amount(&self, order: &Naive, amount: i128) -> i128 {
        let given_is_base = order.side == Side::Sell;
        let mut hold = amount;
        if self.fee_in_base(order.side) == given_is_base {
            let exact = self.fee_exact(order);
            hold += ceil(exact + amount * self.fees.0.max(self.fees.1)) - ceil(exact);
        }
        hold
    }

    pub(super) fn held(&self, account: usize, asset: usize) -> i128 {
        let side = if asset == 0 { Side::Sell } else { Side::Buy };
        let own = self.live.iter().filter(|o| o.account == account && o.side == side);
        own.map(|o| self.hold(o, o.limit.unwrap_or(0), o.qty)).sum()
    }

    fn best(&self, against: &Naive) -> Option<usize> {
        let others = self.live.iter().enumerate().filter(|(_, o)| o.side != against.side);
        others
            .min_by_key(|(_, o)| (o.limit.unwrap_or(0) * -o.side.sign(), o.queued))
            .map(|(at, _)| at)
    }

    fn status_refuses(&self, limit: bool, post_only: bool) -> Option<RejectReason> {
        match self.status {
            PairStatus::CancelOnly => Some(RejectReason::MarketCancelOnly),
            PairStatus::PostOnly if !(limit && post_only) => Some(RejectReason::MarketPostOnly),
            PairStatus::LimitOnly if !limit => Some(RejectReason::MarketLimitOnly),
            PairStatus::Maintenance => Some(RejectReason::MarketUnavailable),
            _ => None,
        }
    }

    fn refuse_new(&self, command: &NewOrder, order: &Naive) -> Option<RejectReason> {
        let is_limit = command.ord_type == OrdType::Limit;
        if let Some(reason) = self.status_refuses(is_limit, command.post_only) {
            return Some(reason);
        }
        if command.post_only && (!is_limit || command.time_in_force == TimeInForce::Ioc) {
            return Some(RejectReason::InvalidArguments);
        }
        if order.qty <= 0 {
            return Some(RejectReason::InvalidQuantity);
        }
        let free = self.free[order.account];
        if !free && order.qty < self.qty_min {
            return Some(RejectReason::OrderMinimum);
        }
        let mut fillable = order.qty;
        let cost = match order.limit {
            Some(px) if px <= 0 => return Some(RejectReason::InvalidPrice),
            Some(px) => i128::from(px) * i128::from(order.qty),
            None => {
                let mut book: Vec<&Naive> =
                    self.live.iter().filter(|o| o.side != order.side).collect();
                book.sort_by_key(|o| (o.limit.unwrap_or(0) * -o.side.sign(), o.queued));
                let mut left = order.qty;
                let mut cost = 0;
                for maker in book {
                    if !free && maker.account == order.account {
                        match command.self_trade {
                            SelfTrade::CancelOldest => continue,
                            _ => break,
                        }
                    }
                    let qty = left.min(maker.leaves());
                    cost += i128::from(qty) * i128::from(maker.limit.unwrap_or(0));
                    left -= qty;
                }
                fillable -= left;
                cost
            }
        };
        if !free && fillable == order.qty && cost < self.cost_min {
            return Some(RejectReason::CostMinimum);
        }
        let crosses = |o: &Naive| o.side != order.side && order.crosses(o.limit.unwrap_or(0));
        if command.post_only && self.live.iter().any(crosses) {
            return Some(RejectReason::PostOnlyWouldTake);
        }
        if self.live.len() >= self.orders_max {
            return Some(RejectReason::OrdersLimit);
        }
        let buy = order.side == Side::Buy;
        let amount = if buy { cost } else { i128::from(order.qty) };
        let asset = usize::from(buy);
        let available = self.money[order.account][asset] - self.held(order.account, asset);
        (!free && self.hold_amount(order, amount) > available)
            .then_some(RejectReason::InsufficientFunds)
    }

    pub(super) fn new_order(&mut self, command: &NewOrder, said: &mut Vec<Said>) {
        self.next += 1;
        let order = Naive {
            key: command.client_key,
            account: command.account.0 as usize,
            session: command.session,
            side: command.side,
            limit: (command.ord_type == OrdType::Limit).then_some(command.price.0),
            qty: command.qty.0,
            fills: Vec::new(),
            born: self.next,
            queued: self.next,
        };
        if let Some(reason) = self.refuse_new(command, &order) {
            said.push(Said::Rejected(order.key, reason));
            return;
        }
        said.push(Said::Accepted(order.key));
        said.push(Said::Live(order.key));
        self.take(order, command.self_trade, command.time_in_force, said);
    }

    fn take(&mut self, mut order: Naive, mode: SelfTrade, tif: TimeInForce, said: &mut Vec<Said>) {
        while order.leaves() > 0 {
            let Some(at) = self.best(&order) else { break };
            let px = self.live[at].limit.unwrap_or(0);
            if !order.crosses(px) {
                break;
            }
            if self.live[at].account == order.account && !self.free[order.account] {
                if mode != SelfTrade::CancelNewest {
                    let maker = self.live.remove(at);
                    said.push(Said::Cancelled(maker.key, CancelReason::SelfTrade, maker.leaves()));
                }
                if mode != SelfTrade::CancelOldest {
                    said.push(Said::Cancelled(order.key, CancelReason::SelfTrade, order.leaves()));
                    return;
                }
                continue;
            }
            let qty = order.leaves().min(self.live[at].leaves());
            let mut maker = self.live.remove(at);
            self.fill(&mut order, px, qty, self.fees.1);
            self.fill(&mut maker, px, qty, self.fees.0);
            let figures = |o: &Naive| (o.cum(), o.leaves(), o.notional(), ceil(self.fee_exact(o)));
            let both = [figures(&maker), figures(&order)];
            said.push(Said::Trade(maker.key, order.key, px, qty, both));
            if maker.leaves() > 0 {
                self.live.insert(at, maker);
            }
        }
        if order.leaves() == 0 {
            return;
        }
        if order.limit.is_none() {
            said.push(Said::Cancelled(order.key, CancelReason::NoLiquidity, order.leaves()));
        } else if tif == TimeInForce::Ioc {
            said.push(Said::Cancelled(order.key, CancelReason::ImmediateOrCancel, order.leaves()));
        } else {
            self.next += 1;
            order.queued = self.next;
            self.live.push(order);
        }
    }

    fn fill(&mut self, order: &mut Naive, px: i64, qty: i64, rate: i128) {
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

    pub(super) fn find(&self, account: usize, key: u128) -> Option<usize> {
        self.live.iter().position(|o| o.key == key && o.account == account)
    }

    /// `target` is the key that the order was last set with.
    pub(super) fn amend(
        &mut self,
        command: &super::super::Amend,
        target: u128,
        mode: SelfTrade,
        said: &mut Vec<Said>,
    ) {
        let (qty, price) = (command.qty.0, command.price.0);
        let account = command.account.0 as usize;
        let Some(at) = self.find(account, target) else {
            said.push(Said::Rejected(command.client_key, RejectReason::UnknownOrder));
            return;
        };
        let before = self.live[at].clone();
        let moved = Naive { limit: Some(price), ..before.clone() };
        let crosses =
            self.live.iter().any(|o| o.side != before.side && moved.crosses(o.limit.unwrap_or(0)));
        let ends = qty <= before.cum();
        let free = self.free[account];
        let bound = !free && !ends;
        let asset = usize::from(before.side == Side::Buy);
        let reason = if let Some(reason) = self.status_refuses(true, command.post_only || !crosses)
        {
            Some(reason)
        } else if qty <= 0 {
            Some(RejectReason::InvalidQuantity)
        } else if bound && qty < self.qty_min {
            Some(RejectReason::OrderMinimum)
        } else if price <= 0 {
            Some(RejectReason::InvalidPrice)
        } else if bound && i128::from(qty) * i128::from(price) < self.cost_min {
            Some(RejectReason::CostMinimum)
        } else if command.post_only && crosses && !ends {
            Some(RejectReason::PostOnlyWouldTake)
        } else {
            let old = self.hold(&before, before.limit.unwrap_or(0), before.qty);
            let new = if ends { 0 } else { self.hold(&before, price, qty) };
            let available = self.money[account][asset] - self.held(account, asset);
            (!free && new > old && new - old > available).then_some(RejectReason::InsufficientFunds)
        };
        if let Some(reason) = reason {
            said.push(Said::Rejected(command.client_key, reason));
            return;
        }
        let mut after = Naive {
            key: command.client_key,
            session: command.session,
            qty: qty.max(before.cum()),
            ..moved
        };
        said.push(Said::Amended(after.key, before.key, after.qty, after.leaves()));
        if ends {
            self.live.remove(at);
            let reason = CancelReason::AmendedBelowFilled;
            said.push(Said::Cancelled(after.key, reason, before.leaves()));
        } else if Some(price) == before.limit && qty <= before.qty {
            after.queued = before.queued;
            self.live[at] = after;
        } else {
            self.live.remove(at);
            self.take(after, mode, TimeInForce::Gtc, said);
        }
    }

    pub(super) fn cancel(&mut self, account: usize, key: u128, target: u128, said: &mut Vec<Said>) {
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

    pub(super) fn cancel_where(
        &mut self,
        account: Option<usize>,
        session: Option<u32>,
        reason: CancelReason,
        said: &mut Vec<Said>,
    ) {
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
