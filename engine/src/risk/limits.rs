//! The limits of one instrument and of all together, as configured and in the instrument's own units.

use taut_codec::value::Decimal;

use super::totals::VALUE_MAX;
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
    /// Farthest that a trigger may be from the mid price, in basis points; the limit of an order that waits
    /// for one may be [`RiskLimits::collar_bps`] from its trigger.
    pub trigger_bps: u32,
    /// Largest position, long or short, that all open orders together could lead to.
    pub max_position: Decimal,
    /// Most open orders.
    pub max_open_orders: u32,
    /// Orders and replaces per second, sustained; a cancel uses up the rate but always passes.
    pub commands_per_second: u32,
    /// Orders and replaces at once after a pause.
    pub burst: u32,
    /// Oldest that the last message about the book may be, milliseconds; 0: any age.
    pub max_book_age_ms: u32,
    /// Whether an order may meet one of ours, so that the venue's SelfTradePrevention(7928) decides.
    pub allow_self_cross: bool,
    /// Largest loss in one day (UTC), realised and at the mid price, fees included, in the quote
    /// currency; beyond it the kill switch is pulled. `None`: any.
    pub max_daily_loss: Option<Decimal>,
}

/// Limits of all instruments together. Values of instruments with different quote currencies are not
/// added up: the limit holds for each currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TotalLimits {
    /// Largest value, at the mid prices, of the positions that all open orders together could lead
    /// to, long or short. `None`: any.
    pub max_gross: Option<Decimal>,
    /// Most open orders.
    pub max_open_orders: u32,
    /// As [`RiskLimits::commands_per_second`].
    pub commands_per_second: u32,
    /// As [`RiskLimits::burst`].
    pub burst: u32,
    /// As [`RiskLimits::max_daily_loss`].
    pub max_daily_loss: Option<Decimal>,
}

/// All limits of a desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSet {
    /// Of each instrument, in the order of the configuration.
    pub each: Vec<RiskLimits>,
    /// Of all together.
    pub total: TotalLimits,
}

const ANY: Decimal = Decimal::new(i64::MAX, 0);

impl RiskLimits {
    /// Limits that nothing reaches, to start from in tests and measurements.
    pub const UNLIMITED: Self = Self {
        max_order_qty: ANY,
        max_notional: ANY,
        collar_bps: u32::MAX,
        trigger_bps: u32::MAX,
        max_position: ANY,
        max_open_orders: u32::MAX,
        commands_per_second: u32::MAX,
        burst: u32::MAX,
        max_book_age_ms: 0,
        allow_self_cross: true,
        max_daily_loss: None,
    };
}

impl TotalLimits {
    /// Limits that nothing reaches.
    pub const UNLIMITED: Self = Self {
        max_gross: None,
        max_open_orders: u32::MAX,
        commands_per_second: u32::MAX,
        burst: u32::MAX,
        max_daily_loss: None,
    };
}

/// Decimals in which values of different instruments are added up.
pub(super) const VALUE_SCALE: u8 = crate::order::Pnl::SCALE;

/// [`RiskLimits`] in the units of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resolved {
    /// No more than the venue's QtyMax(5012).
    pub max_order_qty: Qty,
    /// In units of 10^-`cost_scale`.
    pub max_notional: i128,
    pub collar_bps: i128,
    pub max_position: i128,
    /// MinimumCost(5013), in the units of `max_notional`.
    pub cost_min: i128,
    /// Decimals of a price x quantity.
    pub cost_scale: u8,
    /// What a price x quantity is multiplied by, or divided by if negative, to have
    /// [`VALUE_SCALE`] decimals.
    value_factor: i128,
}

impl Resolved {
    pub fn new(limits: &RiskLimits, instrument: &Instrument) -> Self {
        let cost_scale = instrument.price_precision.saturating_add(instrument.qty_precision);
        let qty = |limit| floor_to_scale(limit, instrument.qty_precision);
        let power = |n: u8| 10i128.checked_pow(n.into()).unwrap_or(i128::MAX);
        let value_factor = match VALUE_SCALE.checked_sub(cost_scale) {
            Some(up) => power(up),
            None => -power(cost_scale - VALUE_SCALE),
        };
        Self {
            max_order_qty: Qty(i64::try_from(qty(limits.max_order_qty)).unwrap_or(i64::MAX))
                .min(instrument.qty_max.unwrap_or(Qty(i64::MAX))),
            max_notional: floor_to_scale(limits.max_notional, cost_scale),
            collar_bps: i128::from(limits.collar_bps),
            max_position: qty(limits.max_position),
            cost_min: ceil_to_scale(instrument.cost_min, cost_scale),
            cost_scale,
            value_factor,
        }
    }

    /// What a quantity is worth at half of `twice_mid`, in 10^-[`VALUE_SCALE`], cut; no more than
    /// [`VALUE_MAX`].
    pub fn value(&self, qty: i128, twice_mid: i128) -> i128 {
        let twice = product(qty, twice_mid);
        let value = match self.value_factor {
            up @ 0.. => product(twice, up) / 2,
            down => twice / -down / 2,
        };
        value.clamp(-VALUE_MAX, VALUE_MAX)
    }
}

/// `a` times `b`, no further than the type goes. Most numbers have 64 bits: their product is exact, and takes
/// one multiplication.
fn product(a: i128, b: i128) -> i128 {
    match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => i128::from(a) * i128::from(b),
        _ => a.saturating_mul(b),
    }
}

/// A limit as an integer of 10^-`scale` units, cut towards zero; one that is too large to write is
/// no smaller than anything it could be compared with.
pub(super) fn floor_to_scale(limit: Decimal, scale: u8) -> i128 {
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
    fn a_product_is_cut_where_the_type_ends_and_exact_below() {
        let some =
            [0, 1, 3, 1 << 31, 1 << 62, i64::MAX as i128, 1 << 63, 1 << 64, 1 << 100, i128::MAX];
        for a in some.into_iter().flat_map(|a| [a, -a]) {
            for b in some.into_iter().flat_map(|b| [b, -b]) {
                assert_eq!(product(a, b), a.saturating_mul(b), "{a} {b}");
            }
        }
    }
}
