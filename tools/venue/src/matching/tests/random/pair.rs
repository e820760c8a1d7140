//! Engine and model side by side.

use proptest::prelude::*;

use super::super::model::{Model, Said};
use super::super::*;
use super::steps::{New, Step};

fn reduce(events: &[EngineEvent]) -> Vec<Said> {
    let figures = |s: &OrderState| (s.cum.0, s.leaves.0, s.notional, s.fee);
    let reduced = events.iter().map(|event| match event.kind {
        EventKind::Rejected(rejection) => Said::Rejected(rejection.client_key, rejection.reason),
        EventKind::Accepted(order) => Said::Accepted(order.client_key),
        EventKind::Live(order) => Said::Live(order.client_key),
        EventKind::Trade(trade) => Said::Trade(
            trade.maker.client_key,
            trade.taker.client_key,
            trade.px.0,
            trade.qty.0,
            [figures(&trade.maker), figures(&trade.taker)],
        ),
        EventKind::Triggered(order) => Said::Triggered(
            order.client_key,
            order.triggered_by.map_or(0, |px| px.0),
            order.price.0,
        ),
        EventKind::Expired { order, expired } => Said::Expired(order.client_key, expired.0),
        EventKind::Cancelled { order, reason, cancelled, .. } => {
            Said::Cancelled(order.client_key, reason, cancelled.0)
        }
        EventKind::Amended { order, orig_client_key, pending, .. } => {
            let (qty, leaves) = (order.qty.0, order.leaves.0);
            Said::Amended(order.client_key, orig_client_key, qty, leaves, pending)
        }
    });
    reduced.collect()
}

/// Engine and model side by side.
pub(super) struct Pair {
    pub(super) desk: Desk,
    model: Model,
    accounts: [AccountId; 3],
    /// Every order ever accepted: its name, and the key it was set with last.
    known: Vec<(OrderRef, u128)>,
}

impl Pair {
    pub(super) fn new(currency: FeeCurrency, qty_min: i64, cost_min: i64, funds: i64) -> Self {
        // Rates far above real ones make the rounding matter at these small numbers.
        let fees = FeeSchedule { maker: 16_000, taker: 26_000, currency };
        let mut spec = instrument();
        spec.qty_min = Qty(qty_min);
        spec.cost_min = Decimal::new(cost_min, 2 * DIGITS);
        let desk = Desk::new(fees, spec, 12, funds);
        let accounts = [desk.clients[0], desk.clients[1], desk.house];
        let free = vec![false, false, false, true];
        let mut model = Model::new((16_000, 26_000, currency), free);
        model.qty_min = qty_min;
        model.cost_min = i128::from(cost_min);
        model.orders_max = 12;
        for account in 1..3 {
            let quote = i128::from(funds) * 10i128.pow(u32::from(DIGITS));
            model.money[account] = [i128::from(funds), quote];
        }
        Self { desk, model, accounts, known: Vec::new() }
    }

    fn target(&self, which: usize) -> (OrderRef, u128) {
        match self.known.len() {
            0 => (OrderRef::from_bits(7), u128::MAX),
            // Mostly one of the latest: those live.
            count => self.known[count - 1 - which % count % 12],
        }
    }

    fn new_order(&self, new: &New, now: UtcTime, key: u128) -> NewOrder {
        NewOrder {
            account: self.accounts[new.who],
            session: key as u32 % 3,
            client_key: key,
            instrument: ID,
            side: if new.buy { Side::Buy } else { Side::Sell },
            ord_type: new.kind,
            time_in_force: new.tif,
            qty: Qty(new.qty),
            price: Px(new.px),
            post_only: new.post,
            self_trade: new.mode,
            conditions: Conditions {
                stop: Px(new.stop),
                display: new.show.map(Qty),
                effective_at: new.start.map(|steps| now.plus_nanos(steps)),
                expires_at: (new.tif == TimeInForce::Gtd).then(|| now.plus_nanos(new.end)),
                ..Conditions::default()
            },
        }
    }

    pub(super) fn play(&mut self, step: &Step, key: u128) -> (Vec<Said>, Vec<Said>) {
        let mut said = Vec::new();
        let now = UtcTime(1000 + key as u64);
        self.model.now = now.0;
        self.desk.events.clear();
        match *step {
            Step::New(ref new) => {
                let order = self.new_order(new, now, key);
                let made = self.desk.engine.new_order(now, &order, &mut self.desk.events);
                if let Some(made) = made {
                    self.known.push((made, key));
                }
                self.model.new_order(&order, &mut said);
            }
            Step::Amend { who, which, qty, px, post, stop, show } => {
                let (order, target) = self.target(which);
                let command = Amend {
                    account: self.accounts[who],
                    session: key as u32 % 3,
                    client_key: key,
                    order,
                    qty: Qty(qty),
                    price: Px(px),
                    post_only: post,
                    stop: Px(stop),
                    display: show.map(Qty),
                    valid_until: None,
                };
                if self.desk.engine.amend(now, &command, &mut self.desk.events) {
                    let known = self.known.iter_mut().find(|known| known.0 == order);
                    known.expect("the target was known").1 = key;
                }
                self.model.amend(&command, target, &mut said);
            }
            Step::Cancel { who, which } => {
                let (order, target) = self.target(which);
                let account = self.accounts[who];
                let command = Cancel { account, session: 0, client_key: Some(key), order };
                self.desk.engine.cancel(now, &command, &mut self.desk.events);
                self.model.cancel(account.0 as usize, key, target, &mut said);
            }
            Step::CancelWhere { who, session, drop } => {
                let reason = if drop { CancelReason::Disconnect } else { CancelReason::MassCancel };
                let account = who.map(|who| self.accounts[who]);
                let command = CancelWhere {
                    account,
                    sessions: session.map(|one| (one, one)),
                    instrument: None,
                    reason,
                    asker: None,
                };
                self.desk.engine.cancel_where(now, &command, &mut self.desk.events);
                self.model.cancel_where(account.map(|a| a.0 as usize), session, reason, &mut said);
            }
            Step::Status(status) => {
                self.desk.status(status);
                self.model.set_status(status);
            }
            Step::Tick => {
                self.desk.engine.tick(now, &mut self.desk.events);
                self.model.tick(&mut said);
            }
        }
        (reduce(&self.desk.events), said)
    }

    pub(super) fn check(&self) -> Result<(), TestCaseError> {
        let engine = &self.desk.engine;
        let book = engine.book(ID).expect("the instrument is listed");
        if let (Some(bid), Some(ask)) = (book.best(Side::Buy), book.best(Side::Sell)) {
            prop_assert!(bid < ask, "crossed: {bid:?} {ask:?}");
        }
        for side in [Side::Buy, Side::Sell] {
            let naive: Vec<_> = self.model.book(side);
            let naive: Vec<_> = naive
                .iter()
                .map(|o| (o.key, o.limit.unwrap_or(0), o.leaves(), o.visible()))
                .collect();
            let ours: Vec<_> = engine
                .resting(ID, side)
                .map(|o| (o.client_key, o.price.0, o.leaves().0, o.visible().0))
                .collect();
            prop_assert_eq!(&ours, &naive);
            let mut totals: Vec<(i64, i64, u32)> = Vec::new();
            for &(_, px, _, visible) in &ours {
                match totals.last_mut() {
                    Some(last) if last.0 == px => *last = (px, last.1 + visible, last.2 + 1),
                    _ => totals.push((px, visible, 1)),
                }
            }
            let levels: Vec<_> = book.levels(side).map(|l| (l.px.0, l.total.0, l.orders)).collect();
            prop_assert_eq!(levels, totals);
        }
        prop_assert_eq!(engine.live_orders(), self.model.live.len());
        let units = [10i128.pow(16), 10i128.pow(14)];
        for (asset, unit) in units.into_iter().enumerate() {
            let id = AssetId(asset as u16);
            let mut sum = 0;
            for account in 0..4 {
                let balance = engine.balance(AccountId(account as u32), id).unwrap();
                prop_assert_eq!(balance.total, self.model.money[account][asset] * unit);
                prop_assert_eq!(balance.held, self.model.held(account, asset) * unit);
                if !self.model.free[account] {
                    prop_assert!(balance.available() >= 0, "{} {:?}", account, balance);
                }
                sum += balance.total;
            }
            let funded: i128 = self.desk_funds() * 2 * 10i128.pow(16);
            prop_assert_eq!(sum, funded);
        }
        Ok(())
    }

    /// What each client was given, units of 10^-DIGITS, from the model's sums.
    pub(super) fn desk_funds(&self) -> i128 {
        self.model.money.iter().map(|money| money[0]).sum::<i128>() / 2
    }
}
