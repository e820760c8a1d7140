//! The trading engines allocate nothing after they were set up, whatever orders come: this binary has the
//! counting allocator. Their callers' vectors of events and changes have their room from the start.
//!
//! Room is taken for [`SpotConfig::orders_max`] orders, `levels` levels a side, a thousand waiting triggers a
//! list and every position that an account can have. The order entry service, the reports and market data
//! in front of the engines do allocate: they are not of the path that is promised.

use std::collections::BTreeMap;

use fastrand::Rng;
use taut::trace::allocation::{CountingAllocator, allocations, arm};
use taut::types::{Instrument, InstrumentId, OrdType, PairStatus, Px, Qty, Side, TimeInForce};
use taut_codec::value::{Decimal, UtcTime};
use taut_venue::matching::{
    AccountFlags, AccountId, Amend, Cancel, CancelReason, CancelWhere, Conditions, ContractTerms,
    DerivativesConfig, DerivativesEngine, Engine, EngineEvent, EventKind, FeeCurrency, Index,
    LevelChange, MarginTerms, NewOrder, OrderRef, Reference, SelfTrade, Settlement, SpotConfig,
    SpotEngine, Wallet,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const COMMANDS: usize = 200_000;
const ALIVE_MAX: usize = 4_000;
const MIDDLE: i64 = 600_000;

fn listed(symbol: &str) -> Instrument {
    Instrument {
        symbol: symbol.parse().expect("short"),
        price_precision: 1,
        qty_precision: 4,
        tick_size: Px(1),
        qty_step: Qty(1),
        qty_min: Qty(1),
        qty_max: Some(Qty(1_000_000)),
        cost_min: Decimal::new(0, 0),
        status: PairStatus::Online,
    }
}

/// Commands by a seed, over the instruments of an engine.
struct Mix {
    rng: Rng,
    accounts: Vec<AccountId>,
    instruments: u16,
    alive: Vec<(OrderRef, AccountId)>,
    events: Vec<EngineEvent>,
    changes: Vec<LevelChange>,
    key: u128,
    now: UtcTime,
    /// How often which kind of event came.
    seen: [u64; 8],
}

const KINDS: [&str; 8] =
    ["rejected", "accepted", "live", "triggered", "trade", "cancelled", "expired", "amended"];

const fn kind(event: &EventKind) -> usize {
    match event {
        EventKind::Rejected(_) => 0,
        EventKind::Accepted(_) => 1,
        EventKind::Live(_) => 2,
        EventKind::Triggered(_) => 3,
        EventKind::Trade(_) => 4,
        EventKind::Cancelled { .. } => 5,
        EventKind::Expired { .. } => 6,
        EventKind::Amended { .. } => 7,
    }
}

impl Mix {
    fn new(accounts: Vec<AccountId>, instruments: u16) -> Self {
        Self {
            rng: Rng::with_seed(7),
            accounts,
            instruments,
            alive: Vec::with_capacity(2 * ALIVE_MAX),
            events: Vec::with_capacity(1 << 16),
            changes: Vec::with_capacity(1 << 14),
            key: 0,
            now: UtcTime(1_800_000_000_000_000_000),
            seen: [0; 8],
        }
    }

    fn instrument(&mut self) -> InstrumentId {
        InstrumentId(self.rng.u16(0..self.instruments))
    }

    fn order(&mut self) -> NewOrder {
        use OrdType::*;
        let rng = &mut self.rng;
        let buy = rng.bool();
        let range = [8, 40, 400][rng.usize(0..3)];
        let away = rng.i64(0..range);
        let side = if buy { Side::Buy } else { Side::Sell };
        let rests = MIDDLE - side.sign() * (1 + away);
        let qty = rng.i64(1..500);
        let mut conditions = Conditions {
            leveraged: rng.u8(0..10) == 0,
            reduce_only: rng.u8(0..20) == 0,
            fee_currency: [None, Some(FeeCurrency::Base)][usize::from(rng.bool())],
            ..Conditions::default()
        };
        let mut time_in_force = TimeInForce::Gtc;
        let (ord_type, price, qty) = match rng.u8(0..20) {
            0..10 => (Limit, rests, qty),
            10..13 => (Market, 0, qty),
            13 => {
                conditions.qty_in_quote = true;
                (Market, 0, qty * MIDDLE)
            }
            14 => {
                conditions.display = Some(Qty(qty));
                (Limit, rests, 10 * qty)
            }
            15 => {
                time_in_force = [TimeInForce::Ioc, TimeInForce::Fok][usize::from(rng.bool())];
                (Limit, rests + side.sign() * 20, qty)
            }
            16 => {
                time_in_force = TimeInForce::Gtd;
                conditions.expires_at = Some(self.now.plus_nanos(rng.u64(1..2_000_000_000)));
                (Limit, rests, qty)
            }
            17 => {
                conditions.effective_at = Some(self.now.plus_nanos(rng.u64(1..500_000_000)));
                (Limit, rests, qty)
            }
            _ => {
                let types = [StopLoss, TakeProfitLimit, TrailingStop, StopLossLimit];
                let ord_type = types[rng.usize(0..4)];
                let rising = (ord_type != TakeProfitLimit) == buy;
                let far = rng.i64(1..60) * if rising { 1 } else { -1 };
                conditions.reference =
                    [Reference::LastTrade, Reference::Index][usize::from(rng.bool())];
                conditions.stop =
                    if ord_type == TrailingStop { Px(far.abs()) } else { Px(MIDDLE + far) };
                (ord_type, rests, qty)
            }
        };
        self.key += 1;
        let account = self.accounts[self.rng.usize(0..self.accounts.len())];
        NewOrder {
            account,
            session: account.0,
            client_key: self.key,
            instrument: self.instrument(),
            side,
            ord_type,
            time_in_force,
            qty: Qty(qty),
            price: Px(price),
            post_only: ord_type == Limit
                && time_in_force == TimeInForce::Gtc
                && self.rng.u8(0..4) == 0,
            self_trade: [SelfTrade::CancelNewest, SelfTrade::CancelOldest, SelfTrade::CancelBoth]
                [self.rng.usize(0..3)],
            conditions,
        }
    }

    fn step<S: Settlement>(&mut self, engine: &mut Engine<S>) {
        self.now = self.now.plus_nanos(self.rng.u64(1..1_000_000));
        self.events.clear();
        let what = if self.alive.len() >= ALIVE_MAX { 60 } else { self.rng.u16(0..1000) };
        match what {
            0..50 => self.turn(engine),
            50..100 => {
                engine.tick(self.now, &mut self.events);
            }
            100..250 => self.cancel(engine),
            250..400 => self.amend(engine),
            _ => {
                let order = self.order();
                let made = engine.new_order(self.now, &order, &mut self.events);
                self.alive.extend(made.map(|made| (made, order.account)));
            }
        }
        if self.alive.len() >= ALIVE_MAX {
            let at = self.rng.usize(0..self.alive.len());
            let (_, account) = self.alive[at];
            let all = CancelWhere {
                account: Some(account),
                sessions: None,
                instrument: None,
                reason: CancelReason::MassCancel,
                asker: None,
            };
            engine.cancel_where(self.now, &all, &mut self.events);
            self.alive.retain(|&(order, _)| engine.order(order).is_some());
        }
        for event in &self.events {
            self.seen[kind(&event.kind)] += 1;
        }
        for id in 0..self.instruments {
            if let Some(book) = engine.book_mut(InstrumentId(id)) {
                book.take_changes(&mut self.changes);
            }
        }
    }

    /// What the venue itself does: the index moves, the market closes for a moment.
    fn turn<S: Settlement>(&mut self, engine: &mut Engine<S>) {
        let id = self.instrument();
        let index = match self.rng.u8(0..4) {
            0 => Index::Down,
            _ => Index::At(Px(MIDDLE + self.rng.i64(-60..60))),
        };
        engine.set_index(id, index);
        if self.rng.u8(0..10) == 0 {
            engine.set_status(id, PairStatus::PostOnly);
            engine.set_status(id, PairStatus::Online);
        }
        engine.tick(self.now, &mut self.events);
    }

    fn cancel<S: Settlement>(&mut self, engine: &mut Engine<S>) {
        if self.alive.is_empty() {
            return;
        }
        let at = self.rng.usize(0..self.alive.len());
        let (order, account) = self.alive.swap_remove(at);
        self.key += 1;
        let cancel = Cancel { account, session: account.0, client_key: Some(self.key), order };
        engine.cancel(self.now, &cancel, &mut self.events);
    }

    fn amend<S: Settlement>(&mut self, engine: &mut Engine<S>) {
        if self.alive.is_empty() {
            return;
        }
        let (order, account) = self.alive[self.rng.usize(0..self.alive.len())];
        let Some(before) = engine.order(order) else { return };
        let (away, side) = (self.rng.i64(0..100), before.side);
        let stop = before.stop;
        self.key += 1;
        let amend = Amend {
            account,
            session: account.0,
            client_key: self.key,
            order,
            qty: Qty(self.rng.i64(1..800)),
            price: Px(MIDDLE - side.sign() * (1 + away)),
            post_only: self.rng.bool(),
            stop,
            display: None,
            valid_until: None,
        };
        engine.amend(self.now, &amend, &mut self.events);
    }

    fn run<S: Settlement>(mut self, engine: &mut Engine<S>) -> BTreeMap<&'static str, u64> {
        let before = allocations().count;
        let armed = arm();
        for _ in 0..COMMANDS {
            self.step(engine);
        }
        drop(armed);
        let after = allocations();
        assert!(after.counted);
        let stack = after.first_stack.unwrap_or_default();
        assert_eq!(after.count - before, 0, "the first one:\n{stack}");
        KINDS.into_iter().zip(self.seen).collect()
    }
}

fn accounts<S: Settlement>(engine: &mut Engine<S>) -> Vec<AccountId> {
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(engine.add_account(AccountFlags::default()).expect("room"));
    }
    clients
}

#[test]
fn the_trading_engines_allocate_nothing_after_they_were_set_up() {
    let rich = Decimal::new(100_000_000_000, 0);
    let config = SpotConfig { orders_max: 8_192, levels: 1_024, ..SpotConfig::default() };
    let mut spot = SpotEngine::new(&config).expect("good fees");
    for symbol in ["BTC/USD", "ETH/USD"] {
        let id = spot.add_instrument(listed(symbol)).expect("a good pair");
        let most = Qty(1_000_000_000);
        spot.offer_margin(id, MarginTerms { leverage: 5, position_max: most, lendable: most });
        spot.set_index(id, Index::At(Px(MIDDLE)));
    }
    let clients = accounts(&mut spot);
    for &client in &clients {
        for asset in ["BTC", "ETH", "USD"] {
            spot.deposit(client, asset.parse().expect("short"), rich).expect("in range");
        }
    }
    let on_spot = Mix::new(clients, 2).run(&mut spot);

    let config =
        DerivativesConfig { orders_max: 8_192, levels: 1_024, ..DerivativesConfig::default() };
    let mut derivatives = DerivativesEngine::new(&config).expect("good fees");
    let terms = ContractTerms {
        contract_value: Decimal::new(1, 0),
        leverage: 10,
        maintenance_percent: 50,
        position_max: Qty(1_000_000_000),
    };
    for symbol in ["PF_XBTUSD", "PI_XBTUSD"] {
        let id = derivatives.add_instrument(listed(symbol), terms).expect("a good contract");
        derivatives.set_index(id, Index::At(Px(MIDDLE)));
    }
    let clients = accounts(&mut derivatives);
    for &client in &clients {
        for (wallet, asset) in
            [(Wallet::Flex, "USD"), (Wallet::Single("BTC".parse().unwrap()), "BTC")]
        {
            let asset = asset.parse().expect("short");
            derivatives.deposit(client, wallet, asset, rich).expect("in range");
        }
    }
    let on_derivatives = Mix::new(clients, 2).run(&mut derivatives);
    for (market, seen) in [("spot", on_spot), ("derivatives", on_derivatives)] {
        println!("{market}: {seen:?}");
        for (kind, count) in seen {
            assert!(count > 500, "{market}: too little of {kind}: {count}");
        }
    }
}
