//! A seeded synthetic market: a mid price that walks and is pulled back, limit orders that arrive
//! around it at exponential intervals, cancels, and market orders that come in bursts and excite everything
//! that follows.
//!
//! The price walk and all amounts are integers; the only float makes, once at start, the table of
//! intervals. So one seed gives one market on every machine.

mod config;
#[cfg(test)]
mod tests;

use fastrand::Rng;
use taut::types::{Instrument, InstrumentId, OrdType, Px, Qty, Side};
use taut_codec::value::{Decimal, UtcTime};

use super::{HOUSE_SESSION, Liquidity};
pub use config::{SyntheticConfig, SyntheticError};

use crate::matching::{
    AMOUNT_MAX, AccountId, Cancel, Engine, EngineEvent, MONEY_SCALE, NewOrder, OrderRef, Settlement,
};
use crate::state::{Restored, Source, Stored};

/// Steps that one call makes up for; beyond it (a stalled venue, a jump of a virtual clock) the rest
/// of the lost time is skipped.
const CATCH_UP_STEPS_MAX: u32 = 100_000;
/// Most excitement, in 1024ths of the usual rate: 32 times as busy.
const EXCITEMENT_MAX: u64 = 32 * 1024;

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
    /// How much busier than usual the market is, in 1024ths of the usual rate.
    excitement: u64,
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
        config::check(&config)?;
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
            excitement: 0,
        })
    }

    /// The mid price that orders arrive around; not the middle of the book.
    #[must_use]
    pub fn mid(&self) -> Px {
        Px(self.mid * self.tick)
    }

    fn step<S: Settlement>(
        &mut self,
        now: UtcTime,
        engine: &mut Engine<S>,
        events: &mut Vec<EngineEvent>,
    ) {
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
        let interval = interval * 1024 / (1024 + self.excitement);
        self.excitement -= self.excitement.div_ceil(16).min(self.excitement);
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
    fn market<S: Settlement>(
        &mut self,
        now: UtcTime,
        side: Side,
        engine: &mut Engine<S>,
        events: &mut Vec<EngineEvent>,
    ) -> bool {
        let order = self.order(side, OrdType::Market, 0);
        engine.new_order(now, &order, events);
        let rise = u64::from(self.config.excitation_percent) * 1024 / 100;
        self.excitement = (self.excitement + rise).min(EXCITEMENT_MAX);
        let follows = self.rng.u8(0..100) < self.config.cluster_percent;
        self.burst = follows.then_some(side);
        follows
    }

    fn limit<S: Settlement>(
        &mut self,
        now: UtcTime,
        engine: &mut Engine<S>,
        events: &mut Vec<EngineEvent>,
    ) {
        let side = if self.rng.bool() { Side::Buy } else { Side::Sell };
        // The smaller of two draws: more orders near the middle.
        let depth = 2 * i64::from(self.config.depth_levels);
        let offset = self.rng.i64(0..depth).min(self.rng.i64(0..depth));
        let ticks = self.innermost(side) - side.sign() * offset;
        self.place(now, side, ticks, engine, events);
    }

    /// Cancels a random order that the minimum depth can spare.
    fn cancel<S: Settlement>(
        &mut self,
        now: UtcTime,
        engine: &mut Engine<S>,
        events: &mut Vec<EngineEvent>,
    ) {
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
        let cancel =
            Cancel { account: self.house, session: HOUSE_SESSION, client_key: None, order };
        if engine.cancel(now, &cancel, events) {
            self.orders[side as usize].swap_remove(at);
        }
    }

    /// Puts orders at the best free prices until each side has its depth again.
    fn refill<S: Settlement>(
        &mut self,
        now: UtcTime,
        engine: &mut Engine<S>,
        events: &mut Vec<EngineEvent>,
    ) {
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
    fn is_crowded<S: Settlement>(&mut self, engine: &Engine<S>) -> bool {
        let room = self.config.orders_max - self.config.depth_levels;
        self.count(engine, room as usize) >= room as usize
    }

    /// How many house orders live; exact once there could be `limit`.
    fn count<S: Settlement>(&mut self, engine: &Engine<S>, limit: usize) -> usize {
        let believed = self.orders[0].len() + self.orders[1].len();
        if believed < limit {
            return believed;
        }
        for side in &mut self.orders {
            side.retain(|&order| engine.order(order).is_some());
        }
        self.orders[0].len() + self.orders[1].len()
    }

    fn place<S: Settlement>(
        &mut self,
        now: UtcTime,
        side: Side,
        ticks: i64,
        engine: &mut Engine<S>,
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
        let (qty, px) = (Qty(qty * self.step), Px(ticks * self.tick));
        let limit = NewOrder::limit(self.house, self.instrument, side, qty, px);
        NewOrder { session: HOUSE_SESSION, ord_type, ..limit }
    }
}

impl<S: Settlement> Liquidity<S> for Synthetic {
    fn next_at(&self) -> Option<UtcTime> {
        Some(self.next_at)
    }

    fn act(&mut self, now: UtcTime, engine: &mut Engine<S>, events: &mut Vec<EngineEvent>) {
        for _ in 0..CATCH_UP_STEPS_MAX {
            if self.next_at > now {
                return;
            }
            self.step(now, engine, events);
        }
        self.next_at = self.next_at.max(now.plus_nanos(1));
    }

    fn pause(&mut self, nanos: u64) {
        self.next_at = self.next_at.plus_nanos(nanos);
    }
}

/// How it behaves is the configuration's.
impl Restored for Synthetic {
    fn save(&self, out: &mut Vec<u8>) {
        let Self {
            config: _,
            instrument: _,
            house: _,
            tick: _,
            step: _,
            qty_min: _,
            qty_max: _,
            start: _,
            interval: _,
            quantiles: _,
            rng,
            mid,
            next_at,
            orders,
            burst,
            excitement,
        } = self;
        rng.get_seed().store(out);
        (*mid, *next_at).store(out);
        orders.store(out);
        (*burst, *excitement).store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        self.rng = Rng::with_seed(from.get()?);
        (self.mid, self.next_at) = from.get()?;
        let [bids, offers] = &mut self.orders;
        from.refill(bids)?;
        from.refill(offers)?;
        (self.burst, self.excitement) = from.get()?;
        Some(())
    }
}
