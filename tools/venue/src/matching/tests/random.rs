//! Random commands against the naive model.

use std::collections::HashMap;

use proptest::prelude::*;

use super::model::{Model, Said};
use super::*;

/// One random step; numbers are reduced to what makes sense when it is played.
#[derive(Debug, Clone)]
enum Step {
    New { who: usize, buy: bool, market: bool, ioc: bool, post: bool, mode: u8, qty: i64, px: i64 },
    Amend { who: usize, which: usize, qty: i64, px: i64, post: bool },
    Cancel { who: usize, which: usize },
    CancelWhere { who: Option<usize>, session: Option<u32>, drop: bool },
    Status(PairStatus),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let new = (0usize..3, any::<bool>(), 0u8..8, 0u8..6, 0u8..6, 0u8..3, 0i64..25, 0i64..14)
        .prop_map(|(who, buy, market, ioc, post, mode, qty, px)| Step::New {
            who,
            buy,
            market: market == 0,
            ioc: ioc == 0,
            post: post == 0,
            mode,
            qty,
            px,
        });
    let amend = (0usize..3, any::<usize>(), 0i64..30, 0i64..14, 0u8..4).prop_map(
        |(who, which, qty, px, post)| Step::Amend { who, which, qty, px, post: post == 0 },
    );
    let cancel = (0usize..3, any::<usize>()).prop_map(|(who, which)| Step::Cancel { who, which });
    let many = (proptest::option::of(0usize..3), proptest::option::of(0u32..3), any::<bool>())
        .prop_map(|(who, session, drop)| Step::CancelWhere { who, session, drop });
    let status = prop_oneof![
        6 => Just(PairStatus::Online),
        1 => Just(PairStatus::PostOnly),
        1 => Just(PairStatus::CancelOnly),
        1 => Just(PairStatus::LimitOnly),
        1 => Just(PairStatus::Maintenance),
    ]
    .prop_map(Step::Status);
    let step = prop_oneof![30 => new, 14 => amend, 6 => cancel, 1 => many, 1 => status];
    proptest::collection::vec(step, 10..80)
}

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
        EventKind::Amended { order, orig_client_key, .. } => {
            Said::Amended(order.client_key, orig_client_key, order.qty.0, order.leaves.0)
        }
    });
    reduced.collect()
}

/// Engine and model side by side.
struct Pair {
    desk: Desk,
    model: Model,
    accounts: [AccountId; 3],
    /// Every order ever accepted: its name, the key it was set with last, its account, its mode.
    known: Vec<(OrderRef, u128, AccountId, SelfTrade)>,
}

impl Pair {
    fn new(currency: FeeCurrency, qty_min: i64, cost_min: i64, funds: i64) -> Self {
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

    fn target(&self, which: usize) -> (OrderRef, u128, SelfTrade) {
        match self.known.len() {
            0 => (OrderRef::from_bits(7), u128::MAX, SelfTrade::CancelNewest),
            count => {
                let (order, key, _, mode) = self.known[which % count];
                (order, key, mode)
            }
        }
    }

    fn play(&mut self, step: &Step, key: u128) -> (Vec<Said>, Vec<Said>) {
        let mut said = Vec::new();
        let now = UtcTime(1000 + key as u64);
        self.desk.events.clear();
        match *step {
            Step::New { who, buy, market, ioc, post, mode, qty, px } => {
                let modes =
                    [SelfTrade::CancelNewest, SelfTrade::CancelOldest, SelfTrade::CancelBoth];
                let order = NewOrder {
                    account: self.accounts[who],
                    session: key as u32 % 3,
                    client_key: key,
                    instrument: ID,
                    side: if buy { Side::Buy } else { Side::Sell },
                    ord_type: if market { OrdType::Market } else { OrdType::Limit },
                    time_in_force: if ioc { TimeInForce::Ioc } else { TimeInForce::Gtc },
                    qty: Qty(qty),
                    price: Px(px),
                    post_only: post,
                    self_trade: modes[usize::from(mode)],
                    conditions: Conditions::default(),
                };
                let made = self.desk.engine.new_order(now, &order, &mut self.desk.events);
                if let Some(made) = made {
                    self.known.push((made, key, order.account, order.self_trade));
                }
                self.model.new_order(&order, &mut said);
            }
            Step::Amend { who, which, qty, px, post } => {
                let (order, target, mode) = self.target(which);
                let command = Amend {
                    account: self.accounts[who],
                    session: key as u32 % 3,
                    client_key: key,
                    order,
                    qty: Qty(qty),
                    price: Px(px),
                    post_only: post,
                    stop: Px(0),
                    display: None,
                    valid_until: None,
                };
                if self.desk.engine.amend(now, &command, &mut self.desk.events) {
                    let known = self.known.iter_mut().find(|known| known.0 == order);
                    known.expect("the target was known").1 = key;
                }
                self.model.amend(&command, target, mode, &mut said);
            }
            Step::Cancel { who, which } => {
                let (order, target, _) = self.target(which);
                let account = self.accounts[who];
                let command = Cancel { account, session: 0, client_key: key, order };
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
                    client_key: None,
                };
                self.desk.engine.cancel_where(now, &command, &mut self.desk.events);
                self.model.cancel_where(account.map(|a| a.0 as usize), session, reason, &mut said);
            }
            Step::Status(status) => {
                self.desk.status(status);
                self.model.status = status;
            }
        }
        (reduce(&self.desk.events), said)
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let engine = &self.desk.engine;
        let book = engine.book(ID).expect("the instrument is listed");
        if let (Some(bid), Some(ask)) = (book.best(Side::Buy), book.best(Side::Sell)) {
            prop_assert!(bid < ask, "crossed: {bid:?} {ask:?}");
        }
        for side in [Side::Buy, Side::Sell] {
            let mut naive: Vec<_> = self.model.live.iter().filter(|o| o.side == side).collect();
            naive.sort_by_key(|o| (-side.sign() * o.limit.unwrap_or(0), o.queued));
            let naive: Vec<_> =
                naive.iter().map(|o| (o.key, o.limit.unwrap_or(0), o.leaves())).collect();
            let ours: Vec<_> =
                engine.resting(ID, side).map(|o| (o.client_key, o.price.0, o.leaves().0)).collect();
            prop_assert_eq!(&ours, &naive);
            let mut totals: Vec<(i64, i64, u32)> = Vec::new();
            for &(_, px, leaves) in &ours {
                match totals.last_mut() {
                    Some(last) if last.0 == px => *last = (px, last.1 + leaves, last.2 + 1),
                    _ => totals.push((px, leaves, 1)),
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
    fn desk_funds(&self) -> i128 {
        self.model.money.iter().map(|money| money[0]).sum::<i128>() / 2
    }
}

fn run(
    currency: FeeCurrency,
    qty_min: i64,
    cost_min: i64,
    funds: i64,
    steps: &[Step],
    seen: &mut HashMap<&'static str, u32>,
) -> Result<(), TestCaseError> {
    let mut pair = Pair::new(currency, qty_min, cost_min, funds);
    let mut key = 0;
    // What is kept of the changes has to lead from book to book.
    let mut mirror: HashMap<(Side, i64), i64> = HashMap::new();
    let mut changes = Vec::new();
    for step in steps {
        key += 1;
        let (ours, naive) = pair.play(step, key);
        prop_assert_eq!(&ours, &naive, "{:?}", step);
        pair.check()?;
        prop_assert_eq!(pair.desk_funds(), i128::from(funds));
        for event in &pair.desk.events {
            let name = match event.kind {
                EventKind::Rejected(rejection) => rejection.reason.text(),
                EventKind::Cancelled { reason, .. } => reason.text(),
                EventKind::Trade(trade) => {
                    let own = trade.maker.account == trade.taker.account;
                    prop_assert!(!own || trade.maker.account == pair.desk.house);
                    "trade"
                }
                EventKind::Amended { .. } => "amended",
                _ => "accepted",
            };
            *seen.entry(name).or_default() += 1;
        }
        let book = pair.desk.engine.book_mut(ID).expect("listed");
        prop_assert!(book.take_changes(&mut changes));
        for change in &changes {
            mirror.insert((change.side, change.px.0), change.total.0);
            if change.total.0 == 0 {
                mirror.remove(&(change.side, change.px.0));
            }
        }
        for side in [Side::Buy, Side::Sell] {
            for level in book.levels(side) {
                prop_assert_eq!(mirror.get(&(side, level.px.0)), Some(&level.total.0));
            }
        }
        prop_assert_eq!(mirror.len(), book.depth(Side::Buy) + book.depth(Side::Sell));
    }
    Ok(())
}

#[test]
fn random_commands_end_as_in_the_naive_model_with_every_invariant_kept() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let currency =
        prop_oneof![Just(FeeCurrency::Given), Just(FeeCurrency::Base), Just(FeeCurrency::Quote)];
    let input = (currency, 1i64..5, 0i64..12, 5i64..300, steps());
    let seen = std::cell::RefCell::new(HashMap::new());
    runner
        .run(&input, |(currency, qty_min, cost_min, funds, steps)| {
            run(currency, qty_min, cost_min, funds, &steps, &mut seen.borrow_mut())
        })
        .unwrap();
    let seen = seen.into_inner();
    // Every outcome that this test can meet was met, so that none of the comparisons is empty.
    for name in [
        "accepted",
        "trade",
        "amended",
        RejectReason::InsufficientFunds.text(),
        RejectReason::OrderMinimum.text(),
        RejectReason::CostMinimum.text(),
        RejectReason::InvalidPrice.text(),
        RejectReason::InvalidQuantity.text(),
        RejectReason::UnknownOrder.text(),
        RejectReason::OrdersLimit.text(),
        RejectReason::PostOnlyWouldTake.text(),
        RejectReason::MarketCancelOnly.text(),
        RejectReason::MarketPostOnly.text(),
        RejectReason::MarketLimitOnly.text(),
        RejectReason::MarketUnavailable.text(),
        CancelReason::User.text(),
        CancelReason::Disconnect.text(),
        CancelReason::ImmediateOrCancel.text(),
        CancelReason::NoLiquidity.text(),
        CancelReason::SelfTrade.text(),
        CancelReason::AmendedBelowFilled.text(),
    ] {
        assert!(seen.get(name).is_some_and(|&count| count > 20), "{name}: {:?}", seen.get(name));
    }
}
