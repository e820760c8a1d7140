//! A seeded synthetic market: a mid price that walks and is pulled back, limit orders that arrive
//! around it at exponential intervals, cancels, and market orders that come in bursts.
//!
//! The price walk and all amounts are integers; the only float makes, once at start, the table of
//! intervals. So one seed gives one market on every machine.

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use taut::types::{Instrument, InstrumentId, OrdType, Px, Qty, Side, TimeInForce};
use taut_codec::value::{Decimal, UtcTime};

use super::{HOUSE_SESSION, Liquidity};
use crate::matching::{
    AMOUNT_MAX, AccountId, Cancel, Conditions, EngineEvent, MONEY_SCALE, NewOrder, OrderRef,
    SelfTrade, SpotEngine,
};

/// Steps that one call makes up for; beyond it (a stalled venue, a jump of a virtual clock) the rest
/// of the lost time is skipped.
const CATCH_UP_STEPS_MAX: u32 = 100_000;

/// How the market behaves. Every field has a default, so a configuration names what it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyntheticConfig {
    /// One seed, one market. Default 1.
    pub seed: u64,
    /// Mean number of steps a second; each is one order or one cancel, and what refills the book.
    /// Default 200.
    pub events_per_second: u32,
    /// Where the mid price starts and is pulled back to, a decimal number. Default `60000`.
    pub start_price: String,
    /// Distance of the innermost bid from the innermost offer that arrive, ticks. Default 4.
    pub spread_ticks: u32,
    /// Levels that each side has at least, 25 or more. Default 60.
    pub depth_levels: u32,
    /// Smallest quantity of an order, a decimal number. Default `0.001`.
    pub qty_min: String,
    /// Largest quantity of an order, a decimal number. Default `0.5`.
    pub qty_max: String,
    /// Most house orders that live at the same time, at least four times `depth_levels`. Default
    /// 600.
    pub orders_max: u32,
    /// Farthest that the mid price moves in one step, ticks. Default 2.
    pub volatility_ticks: u32,
    /// How far from its start the mid price can wander, ticks: the pull back grows with the distance
    /// and there lets it go no farther. Default 5000.
    pub range_ticks: u32,
    /// Share of steps that are market orders, per cent. Default 8.
    pub market_percent: u8,
    /// Share of steps that are cancels, per cent. Default 40.
    pub cancel_percent: u8,
    /// Chance that a market order is followed by one of the same side at a tenth of the usual
    /// interval, per cent. Default 60.
    pub cluster_percent: u8,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            events_per_second: 200,
            start_price: "60000".to_owned(),
            spread_ticks: 4,
            depth_levels: 60,
            qty_min: "0.001".to_owned(),
            qty_max: "0.5".to_owned(),
            orders_max: 600,
            volatility_ticks: 2,
            range_ticks: 5000,
            market_percent: 8,
            cancel_percent: 40,
            cluster_percent: 60,
        }
    }
}

/// Why a configuration makes no market.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntheticError {
    /// A decimal number does not fit the instrument.
    #[error("{field} = {value:?} is not a positive multiple of {unit} within range")]
    Number {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: String,
        /// Tick size or quantity step.
        unit: Decimal,
    },
    /// A field is out of its range.
    #[error("{field} is out of range: {rule}")]
    Range {
        /// Which field.
        field: &'static str,
        /// What it has to meet.
        rule: &'static str,
    },
}

/// The market. See [`SyntheticConfig`].
#[derive(Debug)]
pub struct Synthetic {
    config: SyntheticConfig,
    rng: Rng,
    instrument: InstrumentId,
    house: AccountId,
    /// Price units per tick, quantity units per step.
    tick: i64,
    step: i64,
    /// In steps.
    qty_min: i64,
    qty_max: i64,
    /// In ticks.
    start: i64,
    mid: i64,
    next_at: UtcTime,
    /// Mean interval, nanoseconds.
    interval: u64,
    /// Quantiles of the exponential distribution with mean 1, in 1024ths.
    quantiles: [u32; 256],
    /// Orders believed to live: bids, offers. Ended ones are dropped when they are met.
    orders: [Vec<OrderRef>; 2],
    /// The side of a burst of market orders.
    burst: Option<Side>,
}

impl Synthetic {
    /// A market for a listed instrument that opens with a full book at `start`.
    ///
    /// # Errors
    /// [`SyntheticError`] names the field.
    pub fn new(
        config: SyntheticConfig,
        id: InstrumentId,
        instrument: &Instrument,
        house: AccountId,
        start: UtcTime,
    ) -> Result<Self, SyntheticError> {
        check(&config)?;
        let (tick, step) = (instrument.tick_size.0, instrument.qty_step.0);
        let number = |field, value: &String, precision: u8, unit: i64| {
            Decimal::parse(value.as_bytes())
                .and_then(|decimal| decimal.to_scale(precision))
                .ok()
                .filter(|&units| units > 0 && units % unit == 0)
                .map(|units| units / unit)
                .ok_or_else(|| SyntheticError::Number {
                    field,
                    value: value.clone(),
                    unit: Decimal::new(unit, precision).normalized(),
                })
        };
        let start_ticks =
            number("start_price", &config.start_price, instrument.price_precision, tick)?;
        let qty_min = number("qty_min", &config.qty_min, instrument.qty_precision, step)?;
        let qty_max = number("qty_max", &config.qty_max, instrument.qty_precision, step)?;
        if qty_max < qty_min {
            let rule = "at least qty_min";
            return Err(SyntheticError::Range { field: "qty_max", rule });
        }
        // The walk and the deepest order below it stay above zero.
        let reach = i64::from(config.range_ticks)
            + i64::from(config.volatility_ticks)
            + i64::from(config.spread_ticks)
            + 4 * i64::from(config.depth_levels);
        if start_ticks <= reach {
            let rule = "the walk (range, spread and depth) would reach zero";
            return Err(SyntheticError::Range { field: "start_price", rule });
        }
        let scale = MONEY_SCALE
            .checked_sub(instrument.price_precision)
            .and_then(|scale| scale.checked_sub(instrument.qty_precision));
        let largest = (i128::from(start_ticks) + i128::from(reach))
            .checked_mul(i128::from(tick))
            .and_then(|price| price.checked_mul(i128::from(qty_max) * i128::from(step)))
            .and_then(|cost| cost.checked_mul(10i128.checked_pow(u32::from(scale?))?));
        if largest.is_none_or(|largest| largest > AMOUNT_MAX) {
            let rule = "an order of qty_max would cost more than the engine counts";
            return Err(SyntheticError::Range { field: "start_price", rule });
        }
        let quantiles = std::array::from_fn(|at| {
            let share = (at as f64 + 0.5) / 256.0;
            (-(1.0 - share).ln() * 1024.0).round() as u32
        });
        let orders_max = config.orders_max as usize;
        Ok(Self {
            rng: Rng::with_seed(config.seed),
            interval: 1_000_000_000 / u64::from(config.events_per_second),
            config,
            instrument: id,
            house,
            tick,
            step,
            qty_min,
            qty_max,
            start: start_ticks,
            mid: start_ticks,
            next_at: start,
            quantiles,
            orders: [Vec::with_capacity(orders_max), Vec::with_capacity(orders_max)],
            burst: None,
        })
    }

    /// The mid price that orders arrive around; not the middle of the book.
    #[must_use]
    pub fn mid(&self) -> Px {
        Px(self.mid * self.tick)
    }

    fn step(&mut self, now: UtcTime, engine: &mut SpotEngine, events: &mut Vec<EngineEvent>) {
        self.walk();
        let mut quick = false;
        if let Some(side) = self.burst.take() {
            quick = self.market(now, side, engine, events);
        } else {
            let roll = self.rng.u8(0..100);
            let cancels = self.config.market_percent + self.config.cancel_percent;
            if roll < self.config.market_percent {
                let side = if self.rng.bool() { Side::Buy } else { Side::Sell };
                quick = self.market(now, side, engine, events);
            } else if roll < cancels || self.is_crowded(engine) {
                self.cancel(now, engine, events);
            } else {
                self.limit(now, engine, events);
            }
        }
        self.refill(now, engine, events);
        let quantile = u64::from(self.quantiles[usize::from(self.rng.u8(..))]);
        let interval = if quick { self.interval / 10 } else { self.interval };
        self.next_at = self.next_at.plus_nanos((interval * quantile / 1024).max(1));
    }

    /// One step of the walk; the farther from the start, the likelier back.
    fn walk(&mut self) {
        let range = i64::from(self.config.range_ticks);
        let length = self.rng.i64(0..=i64::from(self.config.volatility_ticks));
        let up = self.rng.i64(-range..range) >= self.mid - self.start;
        let mid = if up { self.mid + length } else { self.mid - length };
        self.mid = mid.clamp(self.start - range, self.start + range);
    }

    /// A random order; true if a burst follows.
    fn market(
        &mut self,
        now: UtcTime,
        side: Side,
        engine: &mut SpotEngine,
        events: &mut Vec<EngineEvent>,
    ) -> bool {
        let order = self.order(side, OrdType::Market, 0);
        engine.new_order(now, &order, events);
        let follows = self.rng.u8(0..100) < self.config.cluster_percent;
        self.burst = follows.then_some(side);
        follows
    }

    fn limit(&mut self, now: UtcTime, engine: &mut SpotEngine, events: &mut Vec<EngineEvent>) {
        let side = if self.rng.bool() { Side::Buy } else { Side::Sell };
        // The smaller of two draws: more orders near the middle.
        let depth = 2 * i64::from(self.config.depth_levels);
        let offset = self.rng.i64(0..depth).min(self.rng.i64(0..depth));
        let ticks = self.innermost(side) - side.sign() * offset;
        self.place(now, side, ticks, engine, events);
    }

    /// Cancels a random order that the minimum depth can spare.
    fn cancel(&mut self, now: UtcTime, engine: &mut SpotEngine, events: &mut Vec<EngineEvent>) {
        let side = if self.rng.bool() { Side::Buy } else { Side::Sell };
        let count = self.orders[side as usize].len();
        if count == 0 {
            return;
        }
        let at = self.rng.usize(0..count);
        let order = self.orders[side as usize][at];
        let Some(live) = engine.order(order) else {
            self.orders[side as usize].swap_remove(at);
            return;
        };
        let Some(book) = engine.book(self.instrument) else { return };
        let alone = book.level(side, live.price).is_none_or(|level| level.orders == 1);
        if alone && book.depth(side) <= self.config.depth_levels as usize {
            return;
        }
        let cancel = Cancel { account: self.house, session: HOUSE_SESSION, client_key: 0, order };
        if engine.cancel(now, &cancel, events) {
            self.orders[side as usize].swap_remove(at);
        }
    }

    /// Puts orders at the best free prices until each side has its depth again.
    fn refill(&mut self, now: UtcTime, engine: &mut SpotEngine, events: &mut Vec<EngineEvent>) {
        for side in [Side::Buy, Side::Sell] {
            let depth = self.config.depth_levels as usize;
            let mut ticks = self.innermost(side);
            // Inside the other side's best price, so that nothing is taken.
            if let Some(best) = engine.book(self.instrument).and_then(|b| b.best(side.opposite())) {
                let inside = best.0 / self.tick - side.sign();
                ticks = if side == Side::Buy { ticks.min(inside) } else { ticks.max(inside) };
            }
            // Each price is tried once; fewer than `depth` are taken, so these tries suffice.
            for _ in 0..2 * depth {
                let Some(book) = engine.book(self.instrument) else { return };
                if book.depth(side) >= depth || ticks <= 0 {
                    break;
                }
                if book.level(side, Px(ticks * self.tick)).is_none()
                    && !self.place(now, side, ticks, engine, events)
                {
                    break;
                }
                ticks -= side.sign();
            }
        }
    }

    /// Price of the innermost order of a side, ticks.
    fn innermost(&self, side: Side) -> i64 {
        let spread = i64::from(self.config.spread_ticks);
        match side {
            Side::Buy => self.mid - spread / 2,
            Side::Sell => self.mid + spread - spread / 2,
        }
    }

    /// Whether orders have to go before others come: some room is kept for refills.
    fn is_crowded(&mut self, engine: &SpotEngine) -> bool {
        let room = self.config.orders_max - self.config.depth_levels;
        self.count(engine, room as usize) >= room as usize
    }

    /// How many house orders live; exact once there could be `limit`.
    fn count(&mut self, engine: &SpotEngine, limit: usize) -> usize {
        let believed = self.orders[0].len() + self.orders[1].len();
        if believed < limit {
            return believed;
        }
        for side in &mut self.orders {
            side.retain(|&order| engine.order(order).is_some());
        }
        self.orders[0].len() + self.orders[1].len()
    }

    fn place(
        &mut self,
        now: UtcTime,
        side: Side,
        ticks: i64,
        engine: &mut SpotEngine,
        events: &mut Vec<EngineEvent>,
    ) -> bool {
        let max = self.config.orders_max as usize;
        if self.count(engine, max) >= max {
            return false;
        }
        let order = self.order(side, OrdType::Limit, ticks);
        let Some(made) = engine.new_order(now, &order, events) else { return false };
        if engine.order(made).is_some() {
            self.orders[side as usize].push(made);
        }
        true
    }

    fn order(&mut self, side: Side, ord_type: OrdType, ticks: i64) -> NewOrder {
        // The smaller of two draws: many small orders, few large ones.
        let sizes = self.qty_min..=self.qty_max;
        let qty = self.rng.i64(sizes.clone()).min(self.rng.i64(sizes));
        NewOrder {
            account: self.house,
            session: HOUSE_SESSION,
            client_key: 0,
            instrument: self.instrument,
            side,
            ord_type,
            time_in_force: TimeInForce::Gtc,
            qty: Qty(qty * self.step),
            price: Px(ticks * self.tick),
            post_only: false,
            self_trade: SelfTrade::CancelNewest,
            conditions: Conditions::default(),
        }
    }
}

impl Liquidity for Synthetic {
    fn next_at(&self) -> Option<UtcTime> {
        Some(self.next_at)
    }

    fn act(&mut self, now: UtcTime, engine: &mut SpotEngine, events: &mut Vec<EngineEvent>) {
        for _ in 0..CATCH_UP_STEPS_MAX {
            if self.next_at > now {
                return;
            }
            self.step(now, engine, events);
        }
        self.next_at = self.next_at.max(now.plus_nanos(1));
    }
}

fn check(config: &SyntheticConfig) -> Result<(), SyntheticError> {
    let rules = [
        ("events_per_second", (1..=1_000_000).contains(&config.events_per_second), "1 to 1000000"),
        ("spread_ticks", (1..=1_000_000).contains(&config.spread_ticks), "1 to 1000000"),
        ("depth_levels", (25..=1000).contains(&config.depth_levels), "25 to 1000"),
        (
            "orders_max",
            (4 * config.depth_levels.min(1000)..=1_000_000).contains(&config.orders_max),
            "4 x depth_levels to 1000000",
        ),
        ("volatility_ticks", config.volatility_ticks <= 1_000_000, "at most 1000000"),
        ("range_ticks", (1..=1_000_000_000).contains(&config.range_ticks), "1 to 1000000000"),
        (
            "cancel_percent",
            u16::from(config.market_percent) + u16::from(config.cancel_percent) <= 100,
            "at most 100 together with market_percent",
        ),
        ("cluster_percent", config.cluster_percent <= 95, "at most 95"),
    ];
    match rules.into_iter().find(|&(_, met, _)| !met) {
        None => Ok(()),
        Some((field, _, rule)) => Err(SyntheticError::Range { field, rule }),
    }
}

#[cfg(test)]
mod tests {
    use taut::types::PairStatus;

    use super::*;
    use crate::matching::{AccountFlags, EventKind, SpotConfig};

    const START: UtcTime = UtcTime(1_000_000_000_000);
    const ID: InstrumentId = InstrumentId(0);

    fn instrument() -> Instrument {
        Instrument {
            symbol: "BTC/USD".parse().unwrap(),
            price_precision: 1,
            qty_precision: 8,
            tick_size: Px(1),
            qty_step: Qty(1),
            qty_min: Qty(10_000),
            cost_min: Decimal::new(5, 1),
            status: PairStatus::Online,
        }
    }

    fn market(config: SyntheticConfig) -> (SpotEngine, Synthetic) {
        let mut engine = SpotEngine::new(&SpotConfig::default()).unwrap();
        engine.add_instrument(instrument()).unwrap();
        let house = engine.add_account(AccountFlags::HOUSE).unwrap();
        let market = Synthetic::new(config, ID, &instrument(), house, START).unwrap();
        (engine, market)
    }

    /// Plays `steps` calls one by one and checks the book after each.
    fn play(config: SyntheticConfig, steps: usize) -> (Vec<EngineEvent>, Synthetic) {
        let depth = config.depth_levels as usize;
        let orders_max = config.orders_max as usize;
        let (mut engine, mut market) = market(config);
        let mut events = Vec::new();
        for _ in 0..steps {
            let at = market.next_at().unwrap();
            market.act(at, &mut engine, &mut events);
            let book = engine.book(ID).unwrap();
            for side in [Side::Buy, Side::Sell] {
                assert!(book.depth(side) >= depth, "{side:?}: {}", book.depth(side));
            }
            assert!(engine.live_orders() <= orders_max);
            assert!(market.next_at().unwrap() > at);
        }
        (events, market)
    }

    #[test]
    fn one_seed_gives_one_market_and_another_seed_another() {
        let config = SyntheticConfig::default();
        let first = play(config.clone(), 2000).0;
        assert_eq!(first, play(config.clone(), 2000).0);
        assert_ne!(first, play(SyntheticConfig { seed: 2, ..config }, 2000).0);
    }

    #[test]
    fn the_book_stays_two_sided_and_bounded_while_everything_happens() {
        let config = SyntheticConfig {
            depth_levels: 25,
            orders_max: 100,
            market_percent: 20,
            cancel_percent: 20,
            qty_max: "5".to_owned(),
            ..SyntheticConfig::default()
        };
        let (events, market) = play(config, 20_000);
        let count = |kind: fn(&EventKind) -> bool| events.iter().filter(|e| kind(&e.kind)).count();
        assert!(count(|kind| matches!(kind, EventKind::Trade(_))) > 5000);
        assert!(count(|kind| matches!(kind, EventKind::Cancelled { .. })) > 1000);
        assert_eq!(count(|kind| matches!(kind, EventKind::Rejected(_))), 0);
        assert_ne!(market.mid(), Px(600_000), "the price moves");
        assert!((market.mid().0 - 600_000).abs() <= 5000);
        // 200 steps a second were asked for, bursts are faster.
        let seconds = market.next_at().unwrap().nanos_since(START) / 1_000_000_000;
        assert!((40..=110).contains(&seconds), "{seconds}");
    }

    #[test]
    fn a_market_that_was_closed_fills_again() {
        let (mut engine, mut market) = market(SyntheticConfig::default());
        let mut events = Vec::new();
        engine.set_status(ID, PairStatus::CancelOnly);
        market.act(START, &mut engine, &mut events);
        assert_eq!(engine.live_orders(), 0);
        engine.set_status(ID, PairStatus::Online);
        let at = market.next_at().unwrap();
        market.act(at, &mut engine, &mut events);
        assert_eq!(engine.book(ID).unwrap().depth(Side::Buy), 60);
        // A jump of a virtual clock by ten years ends.
        let later = START.plus_nanos(10 * 365 * 86_400 * 1_000_000_000);
        market.act(later, &mut engine, &mut events);
        assert!(market.next_at().unwrap() > later);
    }

    #[test]
    fn a_configuration_that_makes_no_market_is_refused_by_field() {
        let refuse = |change: fn(&mut SyntheticConfig)| {
            let mut config = SyntheticConfig::default();
            change(&mut config);
            let made = Synthetic::new(config, ID, &instrument(), AccountId(1), START);
            made.unwrap_err().to_string()
        };
        assert_eq!(
            refuse(|c| c.start_price = "1.05".to_owned()),
            "start_price = \"1.05\" is not a positive multiple of 0.1 within range"
        );
        assert!(refuse(|c| c.start_price = "100".to_owned()).contains("start_price"));
        assert!(
            refuse(|c| c.start_price = "900000000000000000".to_owned()).contains("start_price")
        );
        assert!(refuse(|c| c.qty_max = "0.0001".to_owned()).contains("qty_max"));
        assert!(refuse(|c| c.qty_min = "-1".to_owned()).contains("qty_min"));
        assert!(refuse(|c| c.depth_levels = 24).contains("depth_levels"));
        assert!(refuse(|c| c.orders_max = 100).contains("orders_max"));
        assert!(refuse(|c| c.events_per_second = 0).contains("events_per_second"));
        assert!(refuse(|c| c.cancel_percent = 99).contains("cancel_percent"));
        let parsed: SyntheticConfig = toml::from_str("seed = 9").unwrap();
        assert_eq!(parsed, SyntheticConfig { seed: 9, ..SyntheticConfig::default() });
        assert!(toml::from_str::<SyntheticConfig>("sead = 9").is_err());
    }
}
