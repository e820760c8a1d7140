//! How many commands a second the venue's spot engine takes on one core, journal off, and how long the
//! slow ones take; beside a naive book of maps that does the same without money, fees, checks and events.
//!
//! The mix is that of a market: orders that rest near the best price of a deep book (50 %), cancels (25 %),
//! amends of price or quantity (15 %), orders that take (10 %). It runs in batches, each method in turn;
//! the figures are the fastest batch, the median and the slowest. Then every command is timed alone, by what it
//! is, and what the mix has too little of: levels far from the best price, and mass cancels. The reading of the
//! clock is in those figures; what it takes alone is told. Then the mix that the Java engine exchange-core publishes its
//! figures of. A number as argument: so many batches.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hint::black_box;
use std::time::Instant;

use taut::types::{Instrument, InstrumentId, OrdType, PairStatus, Px, Qty, Side, TimeInForce};
use taut_codec::value::{Decimal, UtcTime};
use taut_venue::matching::{
    AccountFlags, AccountId, Amend, Cancel, CancelReason, CancelWhere, Conditions, EngineEvent,
    EventKind, NewOrder, OrderRef, SelfTrade, SpotConfig, SpotEngine,
};

const BATCH: usize = 100_000;
const BATCHES: usize = 31;
const MIDDLE: i64 = 600_000;
/// Levels of each side at the start, one order on each.
const DEPTH: i64 = 5_000;
/// Orders that the mix keeps alive beyond those.
const ALIVE: usize = 20_000;
const ID: InstrumentId = InstrumentId(0);

/// What a step does; which order it concerns is a position among those alive.
#[derive(Clone, Copy)]
enum Step {
    Rest { buy: bool, away: i64, qty: i64 },
    Cancel { which: usize },
    Amend { which: usize, away: i64, qty: i64 },
    Take { buy: bool, qty: i64 },
}

fn steps(seed: u64) -> Vec<Step> {
    let mut state = seed;
    let mut below = |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    };
    let mut made = Vec::with_capacity(BATCH);
    for _ in 0..BATCH {
        // Mostly near the best price, sometimes far.
        let range = [8, 40, 400][below(3) as usize];
        let (buy, away, qty) = (below(2) == 0, below(range) as i64, 1 + below(500) as i64);
        let which = below(u64::MAX) as usize;
        made.push(match below(100) {
            0..50 => Step::Rest { buy, away, qty },
            50..75 => Step::Cancel { which },
            75..90 => Step::Amend { which, away, qty },
            _ => Step::Take { buy, qty: qty * 2 },
        });
    }
    made
}

trait Market {
    fn rest(&mut self, buy: bool, px: i64, qty: i64);
    fn cancel(&mut self, which: usize);
    fn amend(&mut self, which: usize, away: i64, qty: i64);
    fn take(&mut self, buy: bool, qty: i64);
    fn alive(&self) -> usize;

    fn fill(&mut self) {
        for away in 1..=DEPTH {
            self.rest(true, MIDDLE - away, 500);
            self.rest(false, MIDDLE + away, 500);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Rest { buy, away, qty } if self.alive() < ALIVE + 2 * DEPTH as usize => {
                self.rest(buy, if buy { MIDDLE - 1 - away } else { MIDDLE + 1 + away }, qty);
            }
            Step::Rest { qty, .. } => self.cancel(qty as usize * 7919),
            Step::Cancel { which } => self.cancel(which),
            Step::Amend { which, away, qty } => self.amend(which, away, qty),
            Step::Take { buy, qty } => self.take(buy, qty),
        }
    }
}

struct Engine {
    engine: SpotEngine,
    makers: AccountId,
    takers: AccountId,
    alive: Vec<OrderRef>,
    events: Vec<EngineEvent>,
    number: u128,
    now: u64,
}

impl Engine {
    fn new() -> Self {
        let config = SpotConfig { orders_max: 1 << 17, levels: 1 << 14, ..SpotConfig::default() };
        let mut engine = SpotEngine::new(&config).expect("good fees");
        let instrument = Instrument {
            symbol: "BTC/USD".parse().expect("short"),
            price_precision: 1,
            qty_precision: 4,
            tick_size: Px(1),
            qty_step: Qty(1),
            qty_min: Qty(1),
            qty_max: None,
            cost_min: Decimal::new(0, 0),
            status: PairStatus::Online,
        };
        engine.add_instrument(instrument).expect("a good pair");
        let mut client = || {
            let account = engine.add_account(AccountFlags::default()).expect("room");
            for asset in ["BTC", "USD"] {
                let rich = Decimal::new(100_000_000_000, 0);
                engine.deposit(account, asset.parse().expect("short"), rich).expect("in range");
            }
            account
        };
        let (makers, takers) = (client(), client());
        let (alive, events) = (Vec::with_capacity(1 << 17), Vec::with_capacity(1 << 14));
        Self { engine, makers, takers, alive, events, number: 0, now: 0 }
    }

    fn order(&mut self, account: AccountId, buy: bool, qty: i64) -> NewOrder {
        self.number += 1;
        NewOrder {
            account,
            session: 1,
            client_key: self.number,
            instrument: ID,
            side: if buy { Side::Buy } else { Side::Sell },
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::Gtc,
            qty: Qty(qty),
            price: Px(0),
            post_only: false,
            self_trade: SelfTrade::CancelNewest,
            conditions: Conditions::default(),
        }
    }

    fn run(&mut self, order: &NewOrder) -> Option<OrderRef> {
        self.events.clear();
        self.now += 1000;
        let made = self.engine.new_order(UtcTime(self.now), order, &mut self.events);
        black_box(&self.events);
        made
    }

    fn pick(&mut self, which: usize) -> Option<(usize, OrderRef)> {
        let at = which.checked_rem(self.alive.len())?;
        Some((at, self.alive[at]))
    }
}

impl Market for Engine {
    fn rest(&mut self, buy: bool, px: i64, qty: i64) {
        let order = NewOrder { price: Px(px), ..self.order(self.makers, buy, qty) };
        let made = self.run(&order);
        self.alive.extend(made);
    }

    fn cancel(&mut self, which: usize) {
        let Some((at, order)) = self.pick(which) else { return };
        self.number += 1;
        self.now += 1000;
        self.events.clear();
        let (account, client_key) = (self.makers, self.number);
        let cancel = Cancel { account, session: 1, client_key: Some(client_key), order };
        self.engine.cancel(UtcTime(self.now), &cancel, &mut self.events);
        black_box(&self.events);
        self.alive.swap_remove(at);
    }

    fn amend(&mut self, which: usize, away: i64, qty: i64) {
        let Some((_, order)) = self.pick(which) else { return };
        let Some(buy) = self.engine.order(order).map(|order| order.side == Side::Buy) else {
            return;
        };
        self.number += 1;
        self.now += 1000;
        self.events.clear();
        let amend = Amend {
            account: self.makers,
            session: 1,
            client_key: self.number,
            order,
            qty: Qty(qty),
            price: Px(if buy { MIDDLE - 1 - away } else { MIDDLE + 1 + away }),
            post_only: false,
            stop: Px(0),
            display: None,
            valid_until: None,
        };
        self.engine.amend(UtcTime(self.now), &amend, &mut self.events);
        black_box(&self.events);
    }

    fn take(&mut self, buy: bool, qty: i64) {
        let order = self.order(self.takers, buy, qty);
        let market = NewOrder { ord_type: OrdType::Market, ..order };
        self.run(&market);
        assert!(!matches!(self.events[0].kind, EventKind::Rejected(_)), "the book is deep");
    }

    fn alive(&self) -> usize {
        self.alive.len()
    }
}

#[derive(Default)]
struct Maps {
    bids: BTreeMap<i64, VecDeque<u64>>,
    offers: BTreeMap<i64, VecDeque<u64>>,
    orders: HashMap<u64, (bool, i64, i64)>,
    alive: Vec<u64>,
    next: u64,
}

impl Maps {
    fn side(&mut self, buy: bool) -> &mut BTreeMap<i64, VecDeque<u64>> {
        if buy { &mut self.bids } else { &mut self.offers }
    }

    fn remove(&mut self, order: u64) -> Option<(bool, i64, i64)> {
        let (buy, px, qty) = self.orders.remove(&order)?;
        let side = self.side(buy);
        let queue = side.get_mut(&px)?;
        queue.retain(|&one| one != order);
        if queue.is_empty() {
            side.remove(&px);
        }
        Some((buy, px, qty))
    }

    fn put(&mut self, order: u64, buy: bool, px: i64, qty: i64) {
        self.side(buy).entry(px).or_default().push_back(order);
        self.orders.insert(order, (buy, px, qty));
    }
}

impl Market for Maps {
    fn rest(&mut self, buy: bool, px: i64, qty: i64) {
        self.next += 1;
        self.put(self.next, buy, px, qty);
        self.alive.push(self.next);
    }

    fn cancel(&mut self, which: usize) {
        let Some(at) = which.checked_rem(self.alive.len()) else { return };
        let order = self.alive.swap_remove(at);
        black_box(self.remove(order));
    }

    fn amend(&mut self, which: usize, away: i64, qty: i64) {
        let Some(at) = which.checked_rem(self.alive.len()) else { return };
        let order = self.alive[at];
        if let Some((buy, _, _)) = self.remove(order) {
            self.put(order, buy, if buy { MIDDLE - 1 - away } else { MIDDLE + 1 + away }, qty);
        }
    }

    fn take(&mut self, buy: bool, mut qty: i64) {
        while qty > 0 {
            let side = if buy { &mut self.offers } else { &mut self.bids };
            let best = if buy { side.first_entry() } else { side.last_entry() };
            let Some(mut best) = best else { return };
            let Some(&order) = best.get().front() else { return };
            let left = &mut self.orders.get_mut(&order).expect("it is in a queue").2;
            let traded = qty.min(*left);
            *left -= traded;
            qty -= traded;
            if black_box(*left) == 0 {
                self.orders.remove(&order);
                best.get_mut().pop_front();
                if best.get().is_empty() {
                    best.remove();
                }
            }
        }
    }

    fn alive(&self) -> usize {
        self.alive.len()
    }
}

/// Nanoseconds per command of one batch.
fn batch(market: &mut impl Market, steps: &[Step]) -> f64 {
    let start = Instant::now();
    for &step in steps {
        market.step(step);
    }
    start.elapsed().as_nanos() as f64 / steps.len() as f64
}

fn sorted(mut figures: Vec<f64>) -> Vec<f64> {
    figures.sort_by(f64::total_cmp);
    figures
}

fn main() {
    let (mut engine, mut maps) = (Engine::new(), Maps::default());
    engine.fill();
    maps.fill();
    let (mut ours, mut naive) = (Vec::new(), Vec::new());
    let batches = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(BATCHES);
    for round in 0..batches as u64 + 3 {
        let steps = steps(0x9e37_79b9_7f4a_7c15 ^ (round + 1));
        let both = (batch(&mut engine, &steps), batch(&mut maps, &steps));
        // The first ones warm up.
        if round >= 3 {
            ours.push(both.0);
            naive.push(both.1);
        }
    }
    for (name, figures) in [("taut engine", sorted(ours)), ("naive maps", sorted(naive))] {
        let (min, median) = (figures[0], figures[figures.len() / 2]);
        let max = figures[figures.len() - 1];
        let rate = 1000.0 / min;
        println!(
            "{name}: {min:.0} ns a command at best, median {median:.0}, max {max:.0}; {rate:.2} M/s at best, {:.2} M/s in the median",
            1000.0 / median
        );
    }
    by_kind(&mut engine);
    println!("{} orders alive, {} levels", engine.engine.live_orders(), {
        let book = engine.engine.book(ID).expect("listed");
        book.depth(Side::Buy) + book.depth(Side::Sell)
    });
    deep_levels();
    mass_cancels();
    published_mix(batches);
}

/// Nanoseconds of one command, the reading of the clock included.
fn timed(command: impl FnOnce()) -> f64 {
    let start = Instant::now();
    command();
    start.elapsed().as_nanos() as f64
}

/// A row of a table: quantiles of nanoseconds.
fn row(name: &str, figures: Vec<f64>) {
    let figures = sorted(figures);
    let at = |share: f64| figures[(share * (figures.len() - 1) as f64) as usize];
    let [p50, p90, p99, p999, max] = [0.5, 0.9, 0.99, 0.999, 1.0].map(at);
    println!("| {name} | {p50} | {p90} | {p99} | {p999} | {max} |");
}

/// Each command of the mix alone, by what it is.
fn by_kind(engine: &mut Engine) {
    const KINDS: [&str; 7] = [
        "rest",
        "cancel",
        "amend",
        "take, 1 trade",
        "take, 2 to 4 trades",
        "take, 5 to 8 trades",
        "take, 9 trades and more",
    ];
    let mut all = Vec::with_capacity(BATCH * 10);
    let mut kinds = KINDS.map(|_| Vec::with_capacity(BATCH * 5));
    for round in 0..10 {
        for step in steps(77 + round) {
            let live = engine.engine.live_orders();
            let ns = timed(|| engine.step(step));
            let is_trade = |event: &&EngineEvent| matches!(event.kind, EventKind::Trade(_));
            let kind = match step {
                Step::Rest { .. } if engine.engine.live_orders() > live => 0,
                Step::Rest { .. } | Step::Cancel { .. } => 1,
                Step::Amend { .. } => 2,
                Step::Take { .. } => match engine.events.iter().filter(is_trade).count() {
                    0..=1 => 3,
                    2..=4 => 4,
                    5..=8 => 5,
                    _ => 6,
                },
            };
            all.push(ns);
            kinds[kind].push(ns);
        }
    }
    let clock = (0..BATCH).map(|_| timed(|| ())).collect();
    println!("\n| one command, ns | p50 | p90 | p99 | p99.9 | max |");
    println!("|---|---|---|---|---|---|");
    let count = all.len() as f64;
    row("all", all);
    for (name, figures) in KINDS.into_iter().zip(kinds) {
        if !figures.is_empty() {
            let share = figures.len() as f64 / count * 100.0;
            row(&format!("{name} ({share:.1} %)"), figures);
        }
    }
    row("the clock alone", clock);
}

/// Levels that come and go far from the best price, of a book with `DEPTH` of them on each side: what the mix
/// has at its beginning only.
fn deep_levels() {
    let mut engine = Engine::new();
    engine.fill();
    let (mut cancels, mut rests) = (Vec::new(), Vec::new());
    // Beside it the prices of one side alone, in one sorted vector.
    let mut plain: Vec<(i64, u32)> = (0..DEPTH).map(|px| (px, 0)).collect();
    let (mut removals, mut insertions) = (Vec::new(), Vec::new());
    let mut seed = 1u64;
    for _ in 0..20_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let which = (seed >> 33) as usize;
        let (_, order) = engine.pick(which).expect("some live");
        let px = engine.engine.order(order).expect("it lives").price.0;
        let buys = px < MIDDLE;
        cancels.push(timed(|| engine.cancel(which)));
        rests.push(timed(|| engine.rest(buys, px, 500)));
        let at = which % plain.len();
        let entry = plain[at];
        removals.push(timed(|| {
            black_box(black_box(&mut plain).remove(at));
        }));
        insertions.push(timed(|| black_box(&mut plain).insert(at, entry)));
    }
    println!("\na level anywhere in a book of {DEPTH} on each side:");
    row("goes", cancels);
    row("comes", rests);
    row("goes, the price alone from a sorted vector", removals);
    row("comes, the price alone", insertions);
}

/// 35=q over 100 orders, and over 10,000.
fn mass_cancels() {
    println!("\nmass cancels, ns:");
    for (orders, times) in [(100, 500), (10_000, 9)] {
        let mut engine = Engine::new();
        engine.events = Vec::with_capacity(orders + 1);
        let mut figures = Vec::new();
        for _ in 0..times {
            for at in 0..orders as i64 {
                let (buy, away) = (at % 2 == 0, 1 + at % 400);
                engine.rest(buy, if buy { MIDDLE - away } else { MIDDLE + away }, 500);
            }
            engine.now += 1000;
            engine.events.clear();
            let command = CancelWhere {
                account: Some(engine.makers),
                sessions: None,
                instrument: None,
                reason: CancelReason::MassCancel,
                asker: None,
            };
            figures.push(timed(|| {
                engine.engine.cancel_where(UtcTime(engine.now), &command, &mut engine.events);
            }));
            assert_eq!(engine.events.len(), orders);
            engine.alive.clear();
        }
        row(&format!("{orders} orders"), figures);
    }
}

/// The mix that exchange-core describes in its README: one book of some 1,000 orders of 1,000 accounts on some 750
/// prices; of the messages 9 % are GTC and 3 % IOC orders, 6 % cancels, 82 % moves to another price; 6 % trade.
struct Published {
    engine: SpotEngine,
    accounts: Vec<AccountId>,
    alive: Vec<(OrderRef, AccountId)>,
    events: Vec<EngineEvent>,
    template: NewOrder,
    now: u64,
    seed: u64,
    traded: usize,
}

/// A command of [`Published`], ready to be given.
enum Given {
    New(NewOrder),
    Cancel(Cancel),
    Move(Amend),
}

impl Published {
    const ORDERS: usize = 1_000;
    /// Prices of each side.
    const PRICES: u64 = 375;
    /// How many moves of a thousand cross the book, so that 6 % of all messages trade.
    const CROSSING: u64 = 37;

    fn new() -> Self {
        let mut plain = Engine::new();
        let mut engine = SpotEngine::new(&SpotConfig::default()).expect("good fees");
        let instrument = *plain.engine.instrument(ID).expect("listed");
        engine.add_instrument(instrument).expect("a good pair");
        let mut account = || {
            let account = engine.add_account(AccountFlags::default()).expect("room");
            for asset in ["BTC", "USD"] {
                let rich = Decimal::new(1_000_000_000, 0);
                engine.deposit(account, asset.parse().expect("short"), rich).expect("in range");
            }
            account
        };
        let accounts: Vec<_> = (0..1_000).map(|_| account()).collect();
        let template = plain.order(accounts[0], true, 1);
        let (alive, events) = (Vec::with_capacity(1 << 12), Vec::with_capacity(1 << 12));
        let mut mix =
            Self { engine, accounts, alive, events, template, now: 0, seed: 1, traded: 0 };
        while mix.alive.len() < Self::ORDERS {
            let order = Given::New(mix.order(false));
            mix.give(&order);
        }
        mix
    }

    fn below(&mut self, n: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % n
    }

    fn order(&mut self, takes: bool) -> NewOrder {
        let who = self.below(self.accounts.len() as u64) as usize;
        let account = self.accounts[who];
        let (buy, qty) = (self.below(2) == 0, 1 + self.below(500) as i64);
        self.template.client_key += 1;
        NewOrder {
            account,
            side: if buy { Side::Buy } else { Side::Sell },
            qty: Qty(qty),
            price: if takes { Self::beyond(buy) } else { self.price(buy) },
            time_in_force: if takes { TimeInForce::Ioc } else { TimeInForce::Gtc },
            ..self.template
        }
    }

    /// A price that trades with whatever is there.
    fn beyond(buy: bool) -> Px {
        Px(if buy { MIDDLE + 400 } else { MIDDLE - 400 })
    }

    fn price(&mut self, buy: bool) -> Px {
        let away = 1 + self.below(Self::PRICES) as i64;
        Px(if buy { MIDDLE - away } else { MIDDLE + away })
    }

    /// The next message. What has ended meanwhile is forgotten here.
    fn next(&mut self) -> Given {
        let few = self.engine.live_orders() < Self::ORDERS;
        let kind = match self.below(100) {
            0..9 => 0,
            9..12 => 1,
            // So that there are always some 1,000.
            12..18 => {
                if few {
                    0
                } else {
                    2
                }
            }
            _ => 3,
        };
        if kind < 2 {
            let many = self.engine.live_orders() > Self::ORDERS * 11 / 10;
            if kind == 1 || !many {
                return Given::New(self.order(kind == 1));
            }
        }
        loop {
            let at = self.below(self.alive.len() as u64) as usize;
            let (order, account) = self.alive[at];
            let Some(live) = self.engine.order(order) else {
                self.alive.swap_remove(at);
                continue;
            };
            let (buy, qty) = (live.side == Side::Buy, live.qty);
            self.template.client_key += 1;
            let client_key = self.template.client_key;
            if kind != 3 {
                self.alive.swap_remove(at);
                let client_key = Some(client_key);
                return Given::Cancel(Cancel { account, session: 1, client_key, order });
            }
            let crosses = self.below(1_000) < Self::CROSSING;
            let price = if crosses { Self::beyond(buy) } else { self.price(buy) };
            return Given::Move(Amend {
                account,
                session: 1,
                client_key,
                order,
                qty,
                price,
                post_only: false,
                stop: Px(0),
                display: None,
                valid_until: None,
            });
        }
    }

    fn give(&mut self, given: &Given) {
        self.events.clear();
        self.now += 1000;
        let now = UtcTime(self.now);
        match given {
            Given::New(order) => {
                let made = self.engine.new_order(now, order, &mut self.events);
                let rests = order.time_in_force == TimeInForce::Gtc;
                self.alive.extend(made.filter(|_| rests).map(|made| (made, order.account)));
            }
            // That they were taken, the events say.
            Given::Cancel(cancel) => drop(self.engine.cancel(now, cancel, &mut self.events)),
            Given::Move(amend) => drop(self.engine.amend(now, amend, &mut self.events)),
        }
        black_box(&self.events);
    }
}

fn published_mix(batches: usize) {
    let mut mix = Published::new();
    let mut all = Vec::with_capacity(BATCH * batches);
    let (mut rates, mut orders) = (Vec::new(), 0);
    for round in 0..batches + 1 {
        let (mut busy, traded) = (0.0, mix.traded);
        for _ in 0..BATCH {
            let given = mix.next();
            let ns = timed(|| mix.give(&given));
            let refused = |event: &EngineEvent| matches!(event.kind, EventKind::Rejected(_));
            assert!(!mix.events.iter().any(refused), "{:?}", mix.events);
            let is_trade = |event: &EngineEvent| matches!(event.kind, EventKind::Trade(_));
            mix.traded += usize::from(mix.events.iter().any(is_trade));
            busy += ns;
            if round > 0 {
                all.push(ns);
            }
        }
        orders = orders.max(mix.engine.live_orders());
        if round > 0 {
            rates.push(BATCH as f64 * 1_000.0 / busy);
            let share = (mix.traded - traded) as f64 / BATCH as f64;
            assert!((0.05..0.07).contains(&share), "{share} of the messages trade");
        }
    }
    let rates = sorted(rates);
    println!("\nthe mix of exchange-core, at most {orders} orders between two batches:");
    println!("| one command, ns | p50 | p90 | p99 | p99.9 | max |\n|---|---|---|---|---|---|");
    row("all", all);
    println!(
        "{:.2} M/s in the median, the reading of the clock and none of the making included",
        rates[rates.len() / 2]
    );
}
