//! The limits of one instrument, as configured and in the instrument's own units.

use taut_codec::value::{Decimal, UtcTime};

use crate::types::{Instrument, Qty};

/// Limits of one instrument, as configured. Decimals that are finer than the instrument's units are
/// cut towards zero, the safe side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RiskLimits {
    /// Largest quantity of one order.
    pub max_order_qty: Decimal,
    /// Largest price x quantity of one order, in the quote currency.
    pub max_notional: Decimal,
    /// Farthest that a price may be from the mid price, either way, in basis points.
    pub collar_bps: u32,
    /// Largest position, long or short, that all open orders together could lead to.
    pub max_position: Decimal,
    /// Most open orders.
    pub max_open_orders: u32,
    /// Orders and replaces per second, sustained; a cancel uses up the rate but always passes.
    pub commands_per_second: u32,
    /// Orders and replaces at once after a pause.
    pub burst: u32,
}

/// [`RiskLimits`] in the units of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resolved {
    pub max_order_qty: Qty,
    /// In units of 10^-(price precision + quantity precision).
    pub max_notional: i128,
    pub collar_bps: i128,
    pub max_position: i128,
    pub max_open_orders: u32,
    /// MinimumCost(5013), in the units of `max_notional`.
    pub cost_min: i128,
}

impl Resolved {
    pub fn new(limits: &RiskLimits, instrument: &Instrument) -> Self {
        let cost_scale = instrument.price_precision.saturating_add(instrument.qty_precision);
        let qty = |limit| floor_to_scale(limit, instrument.qty_precision);
        Self {
            max_order_qty: Qty(i64::try_from(qty(limits.max_order_qty)).unwrap_or(i64::MAX)),
            max_notional: floor_to_scale(limits.max_notional, cost_scale),
            collar_bps: i128::from(limits.collar_bps),
            max_position: qty(limits.max_position),
            max_open_orders: limits.max_open_orders,
            cost_min: ceil_to_scale(instrument.cost_min, cost_scale),
        }
    }
}

/// A limit as an integer of 10^-`scale` units, cut towards zero; one that is too large to write is
/// no smaller than anything it could be compared with.
fn floor_to_scale(limit: Decimal, scale: u8) -> i128 {
    let mantissa = i128::from(limit.mantissa);
    let power = |n: u8| 10i128.checked_pow(u32::from(n));
    if scale >= limit.scale {
        let scaled = power(scale - limit.scale).and_then(|p| mantissa.checked_mul(p));
        scaled.unwrap_or(if mantissa < 0 { i128::MIN } else { i128::MAX })
    } else {
        power(limit.scale - scale).map_or(0, |p| mantissa / p)
    }
}

/// A minimum, rounded up.
fn ceil_to_scale(minimum: Decimal, scale: u8) -> i128 {
    let floor = floor_to_scale(minimum, scale);
    let cut = minimum.scale > scale
        && floor.checked_mul(10i128.pow(u32::from(minimum.scale - scale)))
            != Some(i128::from(minimum.mantissa));
    if cut && minimum.mantissa > 0 { floor + 1 } else { floor }
}

/// A token bucket in whole nanoseconds: a command costs the nanoseconds that the rate gives it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    cost_nanos: u64,
    size_nanos: u64,
    level_nanos: u64,
    at: UtcTime,
}

impl Bucket {
    pub fn new(per_second: u32, burst: u32) -> Self {
        // A rate of zero is a bucket that never holds anything.
        let (cost_nanos, size_nanos) = match 1_000_000_000u64.checked_div(u64::from(per_second)) {
            Some(cost) => (cost.max(1), cost.max(1).saturating_mul(u64::from(burst))),
            None => (1, 0),
        };
        Self { cost_nanos, size_nanos, level_nanos: size_nanos, at: UtcTime(0) }
    }

    /// Commands that could be sent at once.
    pub fn head_room(&mut self, now: UtcTime) -> u32 {
        self.refill(now);
        (self.level_nanos / self.cost_nanos).min(u64::from(u32::MAX)) as u32
    }

    /// Takes one command's cost; `false` and no change if there is not enough.
    pub fn take(&mut self, now: UtcTime) -> bool {
        self.refill(now);
        let enough = self.level_nanos >= self.cost_nanos;
        if enough {
            self.level_nanos -= self.cost_nanos;
        }
        enough
    }

    /// Takes one command's cost or what is left.
    pub fn take_any(&mut self, now: UtcTime) {
        self.refill(now);
        self.level_nanos = self.level_nanos.saturating_sub(self.cost_nanos);
    }

    fn refill(&mut self, now: UtcTime) {
        let gained = now.nanos_since(self.at);
        self.at = self.at.max(now);
        self.level_nanos = self.level_nanos.saturating_add(gained).min(self.size_nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_cut_to_the_safe_side() {
        assert_eq!(floor_to_scale(Decimal::new(1_999, 3), 1), 19);
        assert_eq!(floor_to_scale(Decimal::new(5, 0), 2), 500);
        assert_eq!(floor_to_scale(Decimal::new(i64::MAX, 0), 36), i128::MAX);
        assert_eq!(ceil_to_scale(Decimal::new(1_901, 3), 1), 20);
        assert_eq!(ceil_to_scale(Decimal::new(1_900, 3), 1), 19);
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(10, 3);
        let start = UtcTime::from_millis(1_000);
        for _ in 0..3 {
            assert!(bucket.take(start));
        }
        assert!(!bucket.take(start.plus_nanos(99_999_999)));
        assert!(bucket.take(start.plus_nanos(100_000_000)));
        assert_eq!(bucket.head_room(start.plus_nanos(10_000_000_000)), 3);
        assert!(!Bucket::new(0, 5).take(start), "a rate of zero passes nothing");
    }
}
