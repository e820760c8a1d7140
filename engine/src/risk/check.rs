//! The judgement of one command: the first limit or rule that it breaks.

use taut_codec::value::UtcTime;

use super::form;
use super::limits::{VALUE_SCALE, floor_to_scale};
use super::{Charge, Checked, Known, Numbers, Refusal, RiskCheck, RiskView, Row};
use crate::command::{NewOrder, ReplaceOrder, SelfTrade};
use crate::market::Book;
use crate::order::Order;
use crate::types::{InstrumentId, OrdType, Px, Qty, Side, TimeInForce};

/// What an order or a replace asks for, in the terms that both share.
pub(super) struct Ask {
    pub instrument: InstrumentId,
    pub side: Side,
    pub ord_type: OrdType,
    pub time_in_force: TimeInForce,
    pub qty: Qty,
    pub px: Option<Px>,
    pub stop_px: Option<Px>,
    pub post_only: bool,
    pub self_trade: Option<SelfTrade>,
    /// Quantity that the open orders of the side could reach in addition to today's.
    pub adds: i64,
    pub opens: bool,
    pub charge: Charge,
}

impl RiskCheck {
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
            instrument: order.instrument,
            side: order.side,
            ord_type: order.ord_type,
            time_in_force: order.time_in_force,
            qty: order.qty,
            px: order.px,
            stop_px: order.stop_px,
            post_only: order.post_only,
            self_trade: order.self_trade,
            adds: order.qty.0,
            opens: true,
            charge: Charge::New { open_orders: view.open_orders },
        };
        self.check_ask(&ask, view, now)?;
        Ok(Checked(order))
    }

    /// Checks a replace of `old`: the new quantity is a total, fills included (venue file 4.3).
    ///
    /// # Errors
    /// The first limit or rule that it breaks.
    pub fn check_replace(
        &mut self,
        order: ReplaceOrder,
        old: &Order,
        view: &RiskView<'_>,
        now: UtcTime,
    ) -> Result<Checked<ReplaceOrder>, Refusal> {
        self.check_ask(&replace_ask(&order, old, now), view, now)?;
        Ok(Checked(order))
    }

    /// The same without counting it: the replace is to leave later, and is checked again then.
    ///
    /// # Errors
    /// As [`RiskCheck::check_replace`].
    pub fn judge_replace(
        &mut self,
        order: &ReplaceOrder,
        old: &Order,
        view: &RiskView<'_>,
        now: UtcTime,
    ) -> Result<(), Refusal> {
        self.judge_ask(&replace_ask(order, old, now), view, now)
    }

    /// Checks a cancel: only the venue's rate limit can refuse it.
    ///
    /// # Errors
    /// [`Refusal::VenueRate`].
    pub fn check_cancel(&mut self, order: &Order, now: UtcTime) -> Result<(), Refusal> {
        let charge = Charge::Cancel { age: now.nanos_since(order.touched()) };
        self.mirror.check(order.instrument, charge, now)?;
        self.count(order.instrument, charge, now);
        Ok(())
    }

    /// Nanoseconds until the venue's rate limit would let the cancel of an order pass; `None`: never.
    #[must_use]
    pub fn cancel_wait(&self, order: &Order, now: UtcTime) -> Option<u64> {
        self.mirror.cancel_wait(order.instrument, now.nanos_since(order.touched()), now)
    }

    /// Counts a mass cancel, which always passes. `orders`: those that it takes.
    pub fn note_cancel_all<'a>(&mut self, orders: impl Iterator<Item = &'a Order>, now: UtcTime) {
        self.bucket.take(now);
        self.mirror.charge(InstrumentId(0), Charge::CancelAll, now);
        self.note_taken(orders, now);
    }

    /// Counts what a mass cancel, or CancelAll by REST, takes.
    pub fn note_taken<'a>(&mut self, orders: impl Iterator<Item = &'a Order>, now: UtcTime) {
        if self.mirror.counts_mass_cancels() {
            // One whose cancel is on its way is gone before the mass cancel arrives.
            for order in orders.filter(|order| !order.is_cancel_pending()) {
                let age = now.nanos_since(order.touched());
                self.mirror.mass_cancelled(order.instrument, age, now);
            }
        }
    }

    /// Counts the cancel of one order by REST. What that was, to be taken back if the venue refuses it.
    pub fn note_rest_cancel(&mut self, order: &Order, now: UtcTime) -> u32 {
        if order.is_cancel_pending() {
            // Counted already: whichever arrives first costs, the other finds no order.
            return 0;
        }
        self.mirror.charge_rest(order.instrument, now.nanos_since(order.touched()), now)
    }

    /// The venue has refused a cancel by REST: it counts it as nothing.
    pub fn take_back(&mut self, id: InstrumentId, points: u32, now: UtcTime) {
        self.mirror.take_back(id, points, now);
    }

    /// Counts a marker, which always passes: a cancel that names no order. Status requests are counted
    /// nowhere: the venue's table (venue file 7) has only orders, amends and cancels.
    pub fn note_marker(&mut self, now: UtcTime) {
        self.mirror.charge(InstrumentId(0), Charge::Marker, now);
    }

    fn check_ask(&mut self, ask: &Ask, view: &RiskView<'_>, now: UtcTime) -> Result<(), Refusal> {
        self.judge_ask(ask, view, now)?;
        self.count(ask.instrument, ask.charge, now);
        Ok(())
    }

    fn judge_ask(&mut self, ask: &Ask, view: &RiskView<'_>, now: UtcTime) -> Result<(), Refusal> {
        if self.killed.is_some() {
            return Err(Refusal::Killed);
        }
        let row = self.rows.get(usize::from(ask.instrument.0)).ok_or(Refusal::InstrumentUnknown)?;
        let known = row.known.as_ref().ok_or(Refusal::InstrumentUnknown)?;
        form::check_form(ask)?;
        form::check_market(known, ask)?;
        form::check_status(known.instrument.status, ask, view)?;
        form::check_rules(&known.instrument, ask)?;
        let px = row.check_price(known, ask, view, now)?;
        row.check_position(known, ask, view)?;
        self.check_total(row, known, ask, view)?;
        if !row.limits.allow_self_cross {
            self.check_self_cross(known, ask, px)?;
        }
        self.mirror.check(ask.instrument, ask.charge, now)?;
        self.check_rate(ask.instrument, now)
    }

    fn check_total(
        &self,
        row: &Row,
        known: &Known,
        ask: &Ask,
        view: &RiskView<'_>,
    ) -> Result<(), Refusal> {
        if ask.opens && self.totals.open_orders >= self.total.max_open_orders {
            let asked = i128::from(self.totals.open_orders) + 1;
            let numbers = Numbers::new(asked, self.total.max_open_orders, 0);
            return Err(Refusal::MaxOpenOrdersTotal(numbers));
        }
        if let Some(bound) = self.total.max_gross {
            let bound = floor_to_scale(bound, VALUE_SCALE);
            let new = known.limits.value(view.worst(ask.side, ask.adds), row.twice_mid);
            let more = new - row.share.gross;
            let asked = self.totals.gross(known.sum) + more;
            if more > 0 && asked > bound {
                return Err(Refusal::MaxGross(Numbers { asked, bound, scale: VALUE_SCALE }));
            }
        }
        Ok(())
    }

    /// A limit meets orders at its price or better, a market order any; one that waits for a trigger meets what
    /// it would if it had triggered.
    fn check_self_cross(&self, known: &Known, ask: &Ask, px: Px) -> Result<(), Refusal> {
        let Some(own) = self.quotes.best(ask.instrument, ask.side.opposite()) else {
            return Ok(());
        };
        let limit = ask.px.filter(|_| !ask.ord_type.trails());
        if limit.is_some_and(|px| !ask.side.at_least_as_good(px, own)) {
            return Ok(());
        }
        Err(Refusal::SelfCross(Numbers::new(px.0, own.0, known.instrument.price_precision)))
    }

    fn check_rate(&mut self, id: InstrumentId, now: UtcTime) -> Result<(), Refusal> {
        let wait_ns = self.rows[usize::from(id.0)].bucket.wait(now);
        if wait_ns > 0 {
            return Err(Refusal::CommandRate { wait_ns });
        }
        match self.bucket.wait(now) {
            0 => Ok(()),
            wait_ns => Err(Refusal::CommandRateTotal { wait_ns }),
        }
    }

    fn count(&mut self, id: InstrumentId, charge: Charge, now: UtcTime) {
        self.bucket.take(now);
        if let Some(row) = self.rows.get_mut(usize::from(id.0)) {
            row.bucket.take(now);
        }
        self.mirror.charge(id, charge, now);
    }
}

/// What a replace of `old` asks for: the new quantity is a total, fills included (venue file 4.3).
fn replace_ask(order: &ReplaceOrder, old: &Order, now: UtcTime) -> Ask {
    let (exposure, cum) = (old.exposure().0, old.cum.0);
    Ask {
        instrument: order.instrument,
        side: order.side,
        ord_type: order.ord_type,
        time_in_force: order.time_in_force,
        qty: order.qty,
        px: order.px,
        stop_px: order.stop_px,
        post_only: order.post_only,
        self_trade: None,
        adds: order.qty.0.saturating_sub(cum).saturating_sub(exposure).max(0),
        opens: false,
        charge: Charge::Replace { age: now.nanos_since(old.touched()) },
    }
}

/// The prices that an order is measured at.
struct Judged {
    /// Its limit, or what a market order would meet first.
    px: Px,
    /// The highest that it may trade at, as things stand.
    dearest: Px,
    /// What its limit is held against, doubled.
    around: i128,
}

/// Whether a price is within so many basis points of another, which is given doubled.
fn check_collar(px: Px, twice_mid: i128, bps: i128, decimals: u8) -> Result<(), Refusal> {
    let twice_distance = (2 * i128::from(px.0) - twice_mid).abs();
    // |px - mid| <= mid x bps / 10000, doubled so that it stays in whole units.
    let twice_most = twice_mid.max(0) * bps;
    if twice_distance * 10_000 <= twice_most {
        return Ok(());
    }
    let bound = if 2 * i128::from(px.0) > twice_mid {
        (twice_mid * 10_000 + twice_most).div_euclid(20_000)
    } else {
        (twice_mid * 10_000 - twice_most + 19_999).div_euclid(20_000).max(0)
    };
    Err(Refusal::PriceCollar(Numbers::new(px.0, bound, decimals)))
}

impl Row {
    /// Quantity, price and cost; returns the price that was judged.
    fn check_price(
        &self,
        known: &Known,
        ask: &Ask,
        view: &RiskView<'_>,
        now: UtcTime,
    ) -> Result<Px, Refusal> {
        let Known { instrument, limits, .. } = known;
        if ask.qty > limits.max_order_qty {
            let (asked, bound) = (ask.qty.0, limits.max_order_qty.0);
            return Err(Refusal::MaxOrderQty(Numbers::new(asked, bound, instrument.qty_precision)));
        }
        let twice_mid = view.book.and_then(Book::twice_mid).ok_or(Refusal::NoBook)?;
        let (age, oldest) = (now.nanos_since(self.heard) / 1_000_000, self.limits.max_book_age_ms);
        if oldest > 0 && age > u64::from(oldest) {
            return Err(Refusal::StaleBook(Numbers::new(age, oldest, 0)));
        }
        // A market order is measured at the price that it would meet first.
        let best = view.book.and_then(|book| book.best(ask.side.opposite()));
        let best = best.map(|level| level.px);
        let Judged { px, dearest, around } = match ask.stop_px {
            None => {
                let px = ask.px.or(best).ok_or(Refusal::NoBook)?;
                Judged { px, dearest: px, around: twice_mid }
            }
            Some(stop) => self.judge_trigger(known, ask, stop, best, twice_mid)?,
        };
        let cost = i128::from(px.0) * i128::from(ask.qty.0);
        if cost < limits.cost_min {
            return Err(Refusal::CostMin(Numbers::new(cost, limits.cost_min, limits.cost_scale)));
        }
        let cost = i128::from(dearest.0) * i128::from(ask.qty.0);
        if cost > limits.max_notional {
            let numbers = Numbers::new(cost, limits.max_notional, limits.cost_scale);
            return Err(Refusal::MaxNotional(numbers));
        }
        check_collar(px, around, limits.collar_bps, instrument.price_precision)?;
        Ok(px)
    }

    /// What an order is measured at that waits for a trigger. The trigger has a collar of its own around the
    /// mid price, and may not have been passed: the order would be one at once. Its limit is held against the
    /// price that triggers, where the market will be then. Of one that trails, all is as if the market turned
    /// now.
    fn judge_trigger(
        &self,
        known: &Known,
        ask: &Ask,
        stop: Px,
        best: Option<Px>,
        twice_mid: i128,
    ) -> Result<Judged, Refusal> {
        let decimals = known.instrument.price_precision;
        let rising = ask.ord_type.fires_rising(ask.side);
        let now = best.ok_or(Refusal::NoBook)?;
        let at = match (ask.ord_type.trails(), rising) {
            (false, _) => stop,
            (true, true) => Px(now.0.saturating_add(stop.0)),
            (true, false) => Px(now.0.saturating_sub(stop.0)),
        };
        let limit = match ask.px {
            Some(offset) if ask.ord_type.trails() => Px(at.0.saturating_add(offset.0)),
            limit => limit.unwrap_or(at),
        };
        if at.0 <= 0 || limit.0 <= 0 {
            return Err(Refusal::BadNumber);
        }
        let twice_at = 2 * i128::from(at.0);
        if if rising { twice_at <= twice_mid } else { twice_at >= twice_mid } {
            return Err(Refusal::TriggerPassed(Numbers::new(at.0, twice_mid / 2, decimals)));
        }
        check_collar(at, twice_mid, i128::from(self.limits.trigger_bps), decimals)?;
        // A falling price that is followed may rise before it falls.
        let peak = if ask.ord_type.trails() { now } else { at };
        Ok(Judged { px: limit, dearest: limit.max(at).max(peak), around: twice_at })
    }

    fn check_position(&self, known: &Known, ask: &Ask, view: &RiskView<'_>) -> Result<(), Refusal> {
        let open = i128::from(view.open[RiskView::index(ask.side)]) + i128::from(ask.adds);
        let reached = open + i128::from(ask.side.sign()) * i128::from(view.position);
        if ask.adds > 0 && reached > known.limits.max_position {
            let bound = known.limits.max_position;
            let numbers = Numbers::new(reached, bound, known.instrument.qty_precision);
            return Err(Refusal::MaxPosition(numbers));
        }
        if ask.opens && view.open_orders >= self.limits.max_open_orders {
            let asked = i128::from(view.open_orders) + 1;
            let numbers = Numbers::new(asked, self.limits.max_open_orders, 0);
            return Err(Refusal::MaxOpenOrders(numbers));
        }
        Ok(())
    }
}
