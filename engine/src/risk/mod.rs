//! Limits that cannot be by-passed.

mod limits;
mod refusal;
pub mod venue_rate;

pub use limits::RiskLimits;
pub use refusal::Refusal;

use taut_codec::value::UtcTime;

use crate::command::{NewOrder, ReplaceOrder};
use crate::market::Book;
use crate::types::{Instrument, InstrumentId, OrdType, PairStatus, Px, Qty, Side, TimeInForce};
use limits::{Bucket, Resolved};

/// Proof that an order passed the risk check. Only this module can make one, and only a `Checked`
/// order can be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked<T>(T);

impl<T> Checked<T> {
    /// The order.
    pub const fn get(&self) -> &T {
        &self.0
    }
}

/// What the check looks at, all of the order's instrument.
#[derive(Debug, Clone, Copy)]
pub struct RiskView<'a> {
    /// The book, if it is live.
    pub book: Option<&'a Book>,
    /// The position, in quantity units, long positive.
    pub position: i64,
    /// Quantity that open buys could still add, and open sells take.
    pub open: [i64; 2],
    /// Open orders.
    pub open_orders: u32,
}

impl RiskView<'_> {
    /// The index of a side in [`RiskView::open`].
    #[must_use]
    pub const fn index(side: Side) -> usize {
        match side {
            Side::Buy => 0,
            Side::Sell => 1,
        }
    }
}

/// The risk check of a desk: configured limits, the venue's rules, rates and the kill switch.
#[derive(Debug)]
pub struct RiskCheck {
    rows: Vec<Row>,
    killed: bool,
}

#[derive(Debug)]
struct Row {
    limits: RiskLimits,
    /// The instrument's rules and the limits in its units, once the venue has told them.
    known: Option<(Instrument, Resolved)>,
    bucket: Bucket,
}

/// What an order or a replace asks for, in the terms that both share.
struct Ask {
    side: Side,
    ord_type: OrdType,
    time_in_force: TimeInForce,
    qty: Qty,
    px: Option<Px>,
    post_only: bool,
    /// Quantity that the open orders of the side could reach in addition to today's.
    adds: i64,
}

impl RiskCheck {
    /// A check with the limits of each instrument, in the order of their ids; the only place that
    /// allocates.
    #[must_use]
    pub fn new(limits: impl Iterator<Item = RiskLimits>) -> Self {
        let row = |limits: RiskLimits| Row {
            limits,
            known: None,
            bucket: Bucket::new(limits.commands_per_second, limits.burst),
        };
        Self { rows: limits.map(row).collect(), killed: false }
    }

    /// Notes the venue's rules of an instrument; until then its orders are refused.
    pub fn set_instrument(&mut self, id: InstrumentId, instrument: &Instrument) {
        if let Some(row) = self.rows.get_mut(usize::from(id.0)) {
            row.known = Some((*instrument, Resolved::new(&row.limits, instrument)));
        }
    }

    /// Pulls the kill switch: every new order and replace is refused from now on; cancels pass.
    pub fn kill(&mut self) {
        self.killed = true;
    }

    /// Releases the kill switch.
    pub fn revive(&mut self) {
        self.killed = false;
    }

    /// Whether the kill switch is pulled.
    #[must_use]
    pub const fn is_killed(&self) -> bool {
        self.killed
    }

    /// Commands of the instrument that its rate limit would let pass at once.
    pub fn head_room(&mut self, id: InstrumentId, now: UtcTime) -> u32 {
        self.rows.get_mut(usize::from(id.0)).map_or(0, |row| row.bucket.head_room(now))
    }

    /// Checks a new order. A refused order uses up nothing.
    ///
    /// # Errors
    /// The first limit or rule that it breaks.
    pub fn check(
        &mut self,
        order: NewOrder,
        view: &RiskView<'_>,
        now: UtcTime,
    ) -> Result<Checked<NewOrder>, Refusal> {
        let ask = Ask {
            side: order.side,
            ord_type: order.ord_type,
            time_in_force: order.time_in_force,
            qty: order.qty,
            px: order.px,
            post_only: order.post_only,
            adds: order.qty.0,
        };
        let row = self.row(order.instrument)?;
        row.check(&ask, view)?;
        if view.open_orders >= row.limits.max_open_orders {
            return Err(Refusal::MaxOpenOrders);
        }
        if row.bucket.take(now) { Ok(Checked(order)) } else { Err(Refusal::CommandRate) }
    }

    /// Checks a replace. `exposure` is what the order could still fill before it, `cum` what it has
    /// filled: the new quantity is a total (venue file 4.3).
    ///
    /// # Errors
    /// The first limit or rule that it breaks.
    pub fn check_replace(
        &mut self,
        order: ReplaceOrder,
        exposure: i64,
        cum: Qty,
        view: &RiskView<'_>,
        now: UtcTime,
    ) -> Result<Checked<ReplaceOrder>, Refusal> {
        let ask = Ask {
            side: order.side,
            ord_type: order.ord_type,
            time_in_force: order.time_in_force,
            qty: order.qty,
            px: order.px,
            post_only: order.post_only,
            adds: order.qty.0.saturating_sub(cum.0).saturating_sub(exposure).max(0),
        };
        let row = self.row(order.instrument)?;
        row.check(&ask, view)?;
        if row.bucket.take(now) { Ok(Checked(order)) } else { Err(Refusal::CommandRate) }
    }

    /// Counts a cancel against the rate; it always passes.
    pub fn note_cancel(&mut self, id: InstrumentId, now: UtcTime) {
        if let Some(row) = self.rows.get_mut(usize::from(id.0)) {
            row.bucket.take_any(now);
        }
    }

    fn row(&mut self, id: InstrumentId) -> Result<&mut Row, Refusal> {
        if self.killed {
            return Err(Refusal::Killed);
        }
        self.rows.get_mut(usize::from(id.0)).ok_or(Refusal::InstrumentUnknown)
    }
}

impl Row {
    fn check(&self, ask: &Ask, view: &RiskView<'_>) -> Result<(), Refusal> {
        let (instrument, limits) = self.known.as_ref().ok_or(Refusal::InstrumentUnknown)?;
        check_form(ask)?;
        check_status(instrument.status, ask, view)?;
        check_rules(instrument, ask)?;
        if ask.qty > limits.max_order_qty {
            return Err(Refusal::MaxOrderQty);
        }
        let twice_mid = view.book.and_then(Book::twice_mid).ok_or(Refusal::NoBook)?;
        // A market order is measured at the price that it would meet first.
        let best = view.book.and_then(|book| book.best(ask.side.opposite()));
        let px = ask.px.or(best.map(|level| level.px)).ok_or(Refusal::NoBook)?;
        let cost = i128::from(px.0) * i128::from(ask.qty.0);
        if cost < limits.cost_min {
            return Err(Refusal::CostMin);
        }
        if cost > limits.max_notional {
            return Err(Refusal::MaxNotional);
        }
        let twice_distance = (2 * i128::from(px.0) - twice_mid).abs();
        // |px - mid| <= mid x bps / 10000, doubled so that it stays in whole units.
        if twice_distance * 10_000 > twice_mid.max(0) * limits.collar_bps {
            return Err(Refusal::PriceCollar);
        }
        let worst = i128::from(view.open[RiskView::index(ask.side)]) + i128::from(ask.adds);
        let reached = worst + i128::from(ask.side.sign()) * i128::from(view.position);
        if ask.adds > 0 && reached > limits.max_position {
            return Err(Refusal::MaxPosition);
        }
        Ok(())
    }
}

fn check_form(ask: &Ask) -> Result<(), Refusal> {
    if ask.qty.0 <= 0 || ask.px.is_some_and(|px| px.0 <= 0) {
        return Err(Refusal::BadNumber);
    }
    let is_limit = ask.ord_type == OrdType::Limit;
    let rests = is_limit && ask.time_in_force != TimeInForce::Ioc;
    if is_limit != ask.px.is_some() || (ask.post_only && !rests) {
        return Err(Refusal::BadCombination);
    }
    Ok(())
}

fn check_status(status: PairStatus, ask: &Ask, view: &RiskView<'_>) -> Result<(), Refusal> {
    let allowed = match status {
        PairStatus::Online => true,
        PairStatus::PostOnly => ask.post_only,
        PairStatus::LimitOnly => ask.ord_type == OrdType::Limit,
        PairStatus::ReduceOnly => {
            let worst = i128::from(view.open[RiskView::index(ask.side)]) + i128::from(ask.adds);
            worst <= i128::from(-ask.side.sign()) * i128::from(view.position)
        }
        PairStatus::Hidden
        | PairStatus::Maintenance
        | PairStatus::CancelOnly
        | PairStatus::Delisted => false,
    };
    if allowed { Ok(()) } else { Err(Refusal::InstrumentStatus) }
}

fn check_rules(instrument: &Instrument, ask: &Ask) -> Result<(), Refusal> {
    // A tick or step of zero or less is the venue's mistake; it does not divide anything.
    let multiple = |value: i64, step: i64| step <= 0 || value % step == 0;
    if ask.px.is_some_and(|px| !multiple(px.0, instrument.tick_size.0)) {
        return Err(Refusal::TickSize);
    }
    if !multiple(ask.qty.0, instrument.qty_step.0) {
        return Err(Refusal::QtyStep);
    }
    if ask.qty < instrument.qty_min {
        return Err(Refusal::QtyMin);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
