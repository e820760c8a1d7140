//! Random commands against the naive model.

use std::collections::HashMap;

use proptest::prelude::*;

use super::model::{Model, Said};
use super::*;

/// One random step; numbers are reduced to what makes sense when it is played.
#[derive(Debug, Clone)]
enum Step {
    New(New),
    Amend {
        who: usize,
        which: usize,
        qty: i64,
        px: i64,
        post: bool,
        stop: i64,
        show: Option<i64>,
    },
    Cancel {
        who: usize,
        which: usize,
    },
    CancelWhere {
        who: Option<usize>,
        session: Option<u32>,
        drop: bool,
    },
    Status(PairStatus),
    /// Nothing but time.
    Tick,
}

#[derive(Debug, Clone)]
struct New {
    who: usize,
    buy: bool,
    kind: OrdType,
    tif: TimeInForce,
    post: bool,
    mode: SelfTrade,
    qty: i64,
    px: i64,
    stop: i64,
    show: Option<i64>,
    /// EffectiveTime and ExpireTime, steps from now.
    start: Option<u64>,
    end: u64,
}

fn rarely<T: std::fmt::Debug + Clone + 'static>(
    weight: u32,
    some: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![weight => Just(None), 1 => some.prop_map(Some)]
}

fn kinds() -> impl Strategy<Value = OrdType> {
    let triggered = proptest::sample::select(OrdType::ALL[2..].to_vec());
    prop_oneof![8 => Just(OrdType::Limit), 1 => Just(OrdType::Market), 3 => triggered]
}

fn tifs() -> impl Strategy<Value = TimeInForce> {
    use TimeInForce::{Fok, Gtc, Gtd, Ioc};
    prop_oneof![6 => Just(Gtc), 1 => Just(Ioc), 1 => Just(Fok), 1 => Just(Gtd)]
}

fn modes() -> impl Strategy<Value = SelfTrade> {
    use SelfTrade::{CancelBoth, CancelNewest, CancelOldest};
    proptest::sample::select(vec![CancelNewest, CancelOldest, CancelBoth])
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = (0usize..3, any::<bool>(), modes());
    let what = (kinds(), tifs(), 0u8..6, 0i64..25, 0i64..14, 0i64..14);
    let more = (rarely(3, 0i64..8), rarely(8, 0u64..6), 0u64..12);
    let new = (who, what, more).prop_map(|(who, what, more)| {
        let (kind, tif, post, qty, px, stop) = what;
        // Distances and offsets are small numbers.
        let trails = matches!(kind, OrdType::TrailingStop | OrdType::TrailingStopLimit);
        let (px, stop) = if trails { (px - 7, stop / 3) } else { (px, stop) };
        let show = more.0.filter(|_| kind == OrdType::Limit || qty == 7);
        let (start, end) = (more.1, more.2);
        let ((who, buy, mode), post) = (who, post == 0);
        Step::New(New { who, buy, kind, tif, post, mode, qty, px, stop, show, start, end })
    });
    let amend =
        (0usize..3, any::<usize>(), 0i64..30, 0i64..14, 0u8..4, 0i64..14, rarely(4, 0i64..8))
            .prop_map(|(who, which, qty, px, post, stop, show)| Step::Amend {
                who,
                which,
                qty,
                px,
                post: post == 0,
                stop,
                show,
            });
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
    let step = prop_oneof![
        30 => new, 14 => amend, 6 => cancel, 1 => many, 2 => status, 2 => Just(Step::Tick)
    ];
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
        EventKind::Amended { order, orig_client_key, pending, .. } => {
            let (qty, leaves) = (order.qty.0, order.leaves.0);
            Said::Amended(order.client_key, orig_client_key, qty, leaves, pending)
        }
    });
    reduced.collect()
}

/// Engine and model side by side.
struct Pair {
    desk: Desk,
    model: Model,
    accounts: [AccountId; 3],
    /// Every order ever accepted: its name, and the key it was set with last.
    known: Vec<(OrderRef, u128)>,
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

    fn play(&mut self, step: &Step, key: u128) -> (Vec<Said>, Vec<Said>) {
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

    fn check(&self) -> Result<(), TestCaseError> {
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
                EventKind::Amended { pending: true, .. } => "amended before it was live",
                EventKind::Amended { .. } => "amended",
                EventKind::Triggered(_) => "triggered",
                EventKind::Expired { .. } => "expired",
                EventKind::Accepted(_) => "accepted",
                EventKind::Live(_) => "live",
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

/// Runs of up to 80 commands; `TAUT_CASES` asks for more.
fn cases() -> u32 {
    let asked = std::env::var("TAUT_CASES").ok();
    asked.map_or(4000, |count| count.parse().expect("TAUT_CASES is a number"))
}

#[test]
fn random_commands_end_as_in_the_naive_model_with_every_invariant_kept() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: cases(),
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
        "amended before it was live",
        "triggered",
        "expired",
        "live",
        RejectReason::InvalidStart.text(),
        RejectReason::InvalidExpiry.text(),
        RejectReason::InvalidDisplay.text(),
        RejectReason::InvalidArguments.text(),
        CancelReason::FillOrKill.text(),
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
