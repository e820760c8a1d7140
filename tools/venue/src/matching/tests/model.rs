//! The naive model that the engine is compared with: one vector of orders, everything that can be
//! computed from scratch is. Written from the rules, not from the engine.

use std::collections::VecDeque;

use taut::types::{OrdType, PairStatus, Side, TimeInForce};

use super::super::{Amend, CancelReason, FeeCurrency, NewOrder, RejectReason, SelfTrade};

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Pending,
    Waiting,
    Fired(i64),
    Book,
}

/// A trigger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    rising: bool,
    /// Where it fires.
    level: Option<i64>,
    /// How far a trailing one stays behind.
    distance: Option<i64>,
    armed: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Naive {
    pub(super) key: u128,
    pub(super) account: usize,
    pub(super) session: u32,
    pub(super) side: Side,
    /// Of a trailing stop limit that has not triggered the offset.
    pub(super) limit: Option<i64>,
    pub(super) qty: i64,
    pub(super) fills: Vec<(i64, i64, i128)>,
    pub(super) born: u64,
    pub(super) queued: u64,
    pub(super) place: Place,
    pub(super) mode: SelfTrade,
    tif: TimeInForce,
    post: bool,
    display: Option<i64>,
    slice: i64,
    stop: Option<Stop>,
    expires: Option<u64>,
    due: Option<(u64, u64)>,
    /// What it holds while it is not in the book.
    reserved: i128,
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

impl Naive {
    pub(super) fn cum(&self) -> i64 {
        self.fills.iter().map(|fill| fill.1).sum()
    }

    pub(super) fn leaves(&self) -> i64 {
        self.qty - self.cum()
    }

    pub(super) fn visible(&self) -> i64 {
        if self.display.is_some() { self.slice } else { self.leaves() }
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

    fn trailing_limit(&self) -> bool {
        self.limit.is_some() && self.stop.is_some_and(|stop| stop.distance.is_some())
    }

    fn refill(&mut self) {
        self.slice = self.display.unwrap_or(i64::MAX).min(self.leaves());
    }
}

fn ceil(exact: i128) -> i128 {
    exact / 1_000_000 + i128::from(exact % 1_000_000 != 0)
}

fn behind(rising: bool, px: i64, distance: i64) -> i64 {
    if rising { px + distance } else { px - distance }
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

    /// What an order has to hold if its remainder could cost `cost`.
    fn hold(&self, order: &Naive, cost: i128) -> i128 {
        let given_is_base = order.side == Side::Sell;
        let amount = if given_is_base { i128::from(order.leaves().max(0)) } else { cost };
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
        own.map(|o| match o.place {
            Place::Book => self.hold(o, i128::from(o.leaves()) * i128::from(o.limit.unwrap_or(0))),
            _ => o.reserved,
        })
        .sum()
    }

    /// The cost of an order's remainder, and whether that is all of it.
    fn cost(&self, order: &Naive) -> (i128, bool) {
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
    fn walk(&self, order: &Naive) -> Vec<(i64, i64)> {
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

    fn status_refuses(&self, limit: bool, post_only: bool) -> Option<RejectReason> {
        match self.status {
            PairStatus::CancelOnly => Some(RejectReason::MarketCancelOnly),
            PairStatus::PostOnly if !(limit && post_only) => Some(RejectReason::MarketPostOnly),
            PairStatus::LimitOnly if !limit => Some(RejectReason::MarketLimitOnly),
            PairStatus::Maintenance => Some(RejectReason::MarketUnavailable),
            _ => None,
        }
    }

    fn would_take(&self, order: &Naive) -> bool {
        self.book(order.side.opposite()).iter().any(|o| order.crosses(o.limit.unwrap_or(0)))
    }

    /// Whether the account lacks what an order has to hold more; the order itself is not among `live`.
    fn lacks(&self, order: &Naive, hold: i128) -> bool {
        let asset = usize::from(order.side == Side::Buy);
        let available = self.money[order.account][asset] - self.held(order.account, asset);
        !self.free[order.account] && hold > order.reserved && hold > available
    }

    fn wrong_prices(order: &Naive) -> bool {
        let stop = order.stop.is_some_and(|s| s.distance.or(s.level).is_some_and(|px| px <= 0));
        stop || (!order.trailing_limit() && order.limit.is_some_and(|px| px <= 0))
    }

    fn wrong_display(order: &Naive, display: Option<i64>) -> bool {
        let plain = order.limit.is_some() && order.stop.is_none();
        display.is_some_and(|show| !plain || show <= 0 || 15 * show < order.leaves())
    }

    fn refuse_new(&self, order: &Naive, effective: Option<u64>) -> Option<RejectReason> {
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

    fn level(&self, stop: Stop) -> Option<i64> {
        match stop.distance {
            None => stop.level,
            Some(distance) => self.last.map(|last| behind(stop.rising, last, distance)),
        }
    }

    pub(super) fn new_order(&mut self, command: &NewOrder, said: &mut Vec<Said>) {
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

    fn go_live(&mut self, mut order: Naive, said: &mut Vec<Said>) {
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

    fn work(&mut self, mut order: Naive, said: &mut Vec<Said>) {
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

    fn take(&mut self, mut order: Naive, said: &mut Vec<Said>) {
        if order.tif == TimeInForce::Fok {
            // Tried out in another world.
            let (mut world, mut there) = (self.clone(), Vec::new());
            world.take(Naive { tif: TimeInForce::Ioc, ..order.clone() }, &mut there);
            if there
                .iter()
                .any(|said| matches!(said, Said::Cancelled(key, ..) if *key == order.key))
            {
                said.push(Said::Cancelled(order.key, CancelReason::FillOrKill, order.leaves()));
                return;
            }
        }
        order.place = Place::Book;
        while order.leaves() > 0 {
            let Some(key) = self.book(order.side.opposite()).first().map(|o| o.key) else { break };
            let at = self.live.iter().position(|o| o.key == key).expect("it is in the book");
            let px = self.live[at].limit.unwrap_or(0);
            if !order.crosses(px) {
                break;
            }
            if self.live[at].account == order.account && !self.free[order.account] {
                if order.mode != SelfTrade::CancelNewest {
                    let maker = self.live.remove(at);
                    said.push(Said::Cancelled(maker.key, CancelReason::SelfTrade, maker.leaves()));
                }
                if order.mode != SelfTrade::CancelOldest {
                    said.push(Said::Cancelled(order.key, CancelReason::SelfTrade, order.leaves()));
                    return;
                }
                continue;
            }
            let mut maker = self.live.remove(at);
            let qty = order.leaves().min(maker.visible());
            self.fill(&mut order, px, qty, self.fees.1);
            self.fill(&mut maker, px, qty, self.fees.0);
            maker.slice -= qty;
            let figures = |o: &Naive| (o.cum(), o.leaves(), o.notional(), ceil(self.fee_exact(o)));
            let both = [figures(&maker), figures(&order)];
            said.push(Said::Trade(maker.key, order.key, px, qty, both));
            self.last = Some(px);
            self.seen.push_back(px);
            if maker.leaves() > 0 {
                if maker.visible() == 0 {
                    maker.refill();
                    maker.queued = self.count();
                }
                self.live.insert(at, maker);
            }
        }
        if order.leaves() == 0 {
            return;
        }
        if order.limit.is_none() {
            said.push(Said::Cancelled(order.key, CancelReason::NoLiquidity, order.leaves()));
        } else if order.tif == TimeInForce::Ioc {
            said.push(Said::Cancelled(order.key, CancelReason::ImmediateOrCancel, order.leaves()));
        } else {
            order.queued = self.count();
            order.refill();
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

    /// What is due before a command is looked at.
    pub(super) fn tick(&mut self, said: &mut Vec<Said>) {
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

    pub(super) fn set_status(&mut self, status: PairStatus) {
        self.status = status;
        self.seen.extend(self.last);
    }

    fn run_triggers(&mut self, said: &mut Vec<Said>) {
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
    fn see(&mut self, px: i64) -> Vec<u128> {
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

    pub(super) fn find(&self, account: usize, key: u128) -> Option<usize> {
        self.live.iter().position(|o| o.key == key && o.account == account)
    }

    /// `target` is the key that the order was last set with.
    pub(super) fn amend(&mut self, command: &Amend, target: u128, said: &mut Vec<Said>) {
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

    fn amended(&self, before: &Naive, command: &Amend) -> Naive {
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

    fn refuse_amend(
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

    fn change(
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

    pub(super) fn cancel(&mut self, account: usize, key: u128, target: u128, said: &mut Vec<Said>) {
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

    pub(super) fn cancel_where(
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
