//! Random commands against the naive books.

use proptest::prelude::*;

use super::books::{Books, Deal, Open, Verdict, value};
use super::*;

#[derive(Debug, Clone)]
enum Step {
    New {
        who: usize,
        at: InstrumentId,
        buy: bool,
        kind: OrdType,
        ioc: bool,
        reduce: bool,
        qty: i64,
        px: i64,
    },
    Amend {
        which: usize,
        qty: i64,
        px: i64,
    },
    Cancel {
        which: usize,
    },
    Index {
        at: InstrumentId,
        px: Option<i64>,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = || proptest::sample::select(vec![PF, PI]);
    let kinds = prop_oneof![
        12 => Just(OrdType::Limit), 2 => Just(OrdType::Market), 1 => Just(OrdType::StopLoss)
    ];
    let new = (0usize..3, at(), any::<bool>(), kinds, 0u8..8, 0u8..8, 1i64..60, 90i64..112)
        .prop_map(|(who, at, buy, kind, ioc, reduce, qty, px)| {
            let (ioc, reduce) = (ioc == 0, reduce == 0);
            Step::New { who, at, buy, kind, ioc, reduce, qty, px }
        });
    let amend = (any::<usize>(), 1i64..60, 90i64..112).prop_map(|(which, qty, px)| Step::Amend {
        which,
        qty,
        px,
    });
    let index =
        (at(), proptest::option::of(85i64..118)).prop_map(|(at, px)| Step::Index { at, px });
    let step = prop_oneof![
        30 => new, 8 => amend, 4 => any::<usize>().prop_map(|which| Step::Cancel { which }), 3 => index
    ];
    proptest::collection::vec(step, 10..80)
}

/// Engine and books side by side.
struct Pair {
    desk: Futures,
    books: Books,
    accounts: [AccountId; 3],
    /// Orders that may live: name, key, whether they only reduce.
    known: Vec<(OrderRef, u128, bool)>,
    deposits: [i128; 2],
}

const FEES: FeeSchedule =
    FeeSchedule { maker: 16_000, taker: 26_000, currency: FeeCurrency::Given };

impl Pair {
    /// Money that carries an order or two: prices are about one dollar.
    fn new() -> Self {
        let (usd, btc) = (Decimal::new(20, 2), Decimal::new(12, 0));
        let desk = Futures::new(FEES, TERMS, usd, btc);
        let accounts = [desk.clients[0], desk.clients[1], desk.house];
        let deposits = [2000 * UNIT, 120_000 * UNIT];
        let (books, known) = (Books::default(), Vec::new());
        Self { desk, books, accounts, known, deposits }
    }

    fn who(&self, account: AccountId) -> usize {
        self.accounts.iter().position(|&one| one == account).unwrap()
    }

    /// Takes the events into the books.
    fn follow(&mut self) {
        for event in core::mem::take(&mut self.desk.events) {
            match event.kind {
                EventKind::Live(state)
                | EventKind::Triggered(state)
                | EventKind::Amended { order: state, .. } => self.set(&state),
                EventKind::Cancelled { order, .. } | EventKind::Expired { order, .. } => {
                    self.set(&order)
                }
                EventKind::Trade(trade) => {
                    for (state, rate) in [(trade.taker, 26_000), (trade.maker, 16_000)] {
                        let account = self.who(state.account);
                        let (at, side) = (trade.instrument, state.side);
                        let (px, qty) = (trade.px.0, trade.qty.0);
                        self.books.deals.push(Deal { account, at, side, px, qty, rate });
                        self.set(&state);
                    }
                    self.books.prices[usize::from(trade.instrument.0)].1 = Some(trade.px);
                }
                EventKind::Accepted(_) | EventKind::Rejected(_) => {}
            }
        }
    }

    fn set(&mut self, state: &OrderState) {
        let known = self.known.iter_mut().find(|known| known.0 == state.order);
        let Some((_, key, reduces)) = known else { return };
        let before = core::mem::replace(key, state.client_key);
        self.books.open.retain(|open| open.key != before);
        let account = self.accounts.iter().position(|&one| one == state.account).unwrap();
        let px = if state.ord_type.has_limit() { Some(state.price) } else { state.stop };
        // What is left of a market order ends at once.
        if let Some(px) = px
            && state.leaves.0 > 0
            && !*reduces
            && account < 2
        {
            let (key, at, side) = (state.client_key, state.instrument, state.side);
            let (px, qty) = (px.0, state.leaves.0);
            self.books.open.push(Open { key, account, at, side, px, qty });
        }
    }

    fn play(&mut self, step: &Step, now: UtcTime) {
        self.desk.events.clear();
        match *step {
            Step::New { who, at, buy, kind, ioc, reduce, qty, px } => {
                let side = if buy { Side::Buy } else { Side::Sell };
                let mut order = self.desk.order(self.accounts[who], at, side, qty, px);
                order.ord_type = kind;
                order.conditions.stop = Px(px);
                order.conditions.reduce_only = reduce;
                if ioc {
                    order.time_in_force = TimeInForce::Ioc;
                }
                let open = Open { key: order.client_key, account: who, at, side, px, qty };
                let verdict = self.books.judge(open, reduce, self.deposits[usize::from(at.0)]);
                let made = self.desk.engine.new_order(now, &order, &mut self.desk.events);
                self.compare(kind, who, verdict);
                if let Some(made) = made {
                    self.known.push((made, order.client_key, reduce));
                }
            }
            Step::Amend { which, qty, px } => {
                let Some((order, ..)) = self.pick(which) else { return };
                let account = self.desk.engine.order(order).unwrap().account;
                self.desk.amend(account, order, qty, px);
            }
            Step::Cancel { which } => {
                let Some((order, ..)) = self.pick(which) else { return };
                let account = self.desk.engine.order(order).unwrap().account;
                let cancel = Cancel { account, session: 0, client_key: None, order };
                assert!(self.desk.engine.cancel(now, &cancel, &mut self.desk.events));
            }
            Step::Index { at, px } => {
                let index = px.map_or(Index::Down, |px| Index::At(Px(px)));
                self.books.prices[usize::from(at.0)].0 = px.map(Px);
                self.desk.engine.set_index(at, index);
                self.desk.engine.tick(now, &mut self.desk.events);
            }
        }
        self.follow();
    }

    fn pick(&self, which: usize) -> Option<(OrderRef, u128, bool)> {
        let live: Vec<_> =
            self.known.iter().filter(|known| self.desk.engine.order(known.0).is_some()).collect();
        (!live.is_empty()).then(|| *live[which % live.len()])
    }

    /// The engine's answer to an order of a client, where money decided it. What a market order costs the
    /// books do not know.
    fn compare(&self, kind: OrdType, who: usize, verdict: Verdict) {
        if kind == OrdType::Market || who == 2 {
            return;
        }
        let said = match self.desk.events.first().map(|event| event.kind) {
            Some(EventKind::Rejected(rejection)) => match rejection.reason {
                RejectReason::InsufficientFunds => Verdict::NoMargin,
                RejectReason::WouldLiquidate => Verdict::Liquidation,
                RejectReason::ClosingMargin => Verdict::Closing,
                _ => return,
            },
            _ => Verdict::Good,
        };
        assert_eq!(said, verdict);
    }

    /// Every figure of every account, and what must hold of all together.
    fn check(&self) {
        let engine = &self.desk.engine;
        for at in [PF, PI] {
            let mut total = (0, 0);
            let deposit = self.deposits[usize::from(at.0)];
            let (wallet, sign) =
                if at == PF { (Wallet::Flex, 1) } else { (Wallet::Single(asset("BTC")), -1) };
            let cash = asset(if at == PF { "USD" } else { "BTC" });
            for (who, &account) in self.accounts.iter().enumerate() {
                let (position, stand) = (engine.position(account, at), self.books.stand(who, at));
                let found = (i128::from(position.qty), position.value, position.realised);
                assert_eq!(found, (stand.qty, stand.value, stand.realised));
                let given = if who < 2 { deposit } else { 0 };
                let balance = engine.balance(account, wallet, cash).unwrap().total;
                assert_eq!(balance, given + self.books.cash(who, at));
                total.0 += position.qty;
                total.1 += balance - given - sign * position.value;
                if who < 2 {
                    let (state, means) =
                        (engine.wallet(account, wallet).unwrap(), self.books.means(who, at, given));
                    let found = (state.equity, state.initial, state.maintenance);
                    assert_eq!(found, (means.equity, means.initial, means.maintenance));
                }
            }
            let fees = engine.balance(FEE_ACCOUNT, wallet, cash).unwrap().total;
            assert_eq!((total.0, total.1 + fees), (0, 0), "nothing comes from nowhere");
            let best = |side| engine.book(at).unwrap().best(side);
            if let (Some(bid), Some(offer)) = (best(Side::Buy), best(Side::Sell)) {
                assert!(bid < offer);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn positions_money_and_margin_are_those_of_the_naive_books(steps in steps()) {
        let mut pair = Pair::new();
        for (at, step) in steps.iter().enumerate() {
            pair.play(step, UtcTime(1000 + at as u64));
            pair.check();
        }
    }
}

#[test]
fn the_random_commands_trade_are_refused_for_margin_and_close_positions() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut deals, mut refused, mut realised) = (0, 0, 0);
    for _ in 0..50 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let mut pair = Pair::new();
        for (at, step) in steps.iter().enumerate() {
            pair.play(step, UtcTime(1000 + at as u64));
        }
        let mut orders = steps.iter().filter(|step| matches!(step, Step::New { .. })).count();
        orders -= pair.known.len();
        deals += pair.books.deals.len();
        refused += orders;
        let gains = (0..2).flat_map(|who| [PF, PI].map(|at| pair.books.stand(who, at).realised));
        realised += gains.filter(|&gain| gain != 0).count();
    }
    assert!(deals > 300 && refused > 100 && realised > 50, "{deals} {refused} {realised}");
    assert_eq!(value(PF, 100, 1), 100 * UNIT);
}
