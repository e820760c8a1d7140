//! What is asked before a command has any effect: venue file 5 ("Trading Engine before acceptance") and 6.

use taut::types::{Instrument, OrdType, PairStatus, Px, Qty, Side, TimeInForce};
use taut_codec::value::UtcTime;

use super::account::FEE_ACCOUNT;
use super::command::{Amend, Cancel, Conditions, NewOrder, Reference};
use super::engine::Engine;
use super::order::{Order, Stage};
use super::reason::RejectReason;
use super::settlement::{Estimate, Settlement};
use super::triggers::Index;
use crate::limits::{ICEBERG_PARTS_MAX, ORDER_AHEAD_MAX_NS};

impl<S: Settlement> Engine<S> {
    /// The hold of an acceptable order; `order` is what it would be.
    pub(super) fn check_new(
        &self,
        now: UtcTime,
        command: &NewOrder,
        order: &Order,
    ) -> Result<i128, RejectReason> {
        let market = self
            .markets
            .get(usize::from(command.instrument.0))
            .ok_or(RejectReason::UnknownInstrument)?;
        let account = self
            .accounts
            .get(command.account.0 as usize)
            .filter(|_| command.account != FEE_ACCOUNT)
            .ok_or(RejectReason::PermissionDenied)?;
        let rules = &market.instrument;
        check_times(now, command.time_in_force, &command.conditions)?;
        check_status(rules.status, &Ask::of(order))?;
        check_shape(order)?;
        let minimums = !account.flags.no_minimums;
        check_qty(rules, order, minimums)?;
        self.check_prices(order)?;
        check_display(rules, order, command.conditions.display)?;
        // What cannot be priced yet is looked at again when it triggers.
        let order = &Order { trigger_at: self.trigger_of(order), ..*order };
        let hold = self.check_cost(order, minimums)?;
        if order.stage == Stage::Working && order.post_only && self.crosses(order, order.price) {
            return Err(RejectReason::PostOnlyWouldTake);
        }
        if order.stage == Stage::Working {
            self.check_taker(order)?;
        }
        if self.orders.is_full() {
            return Err(RejectReason::OrdersLimit);
        }
        self.settlement.hold_for(order, hold)
    }

    /// What an order that was accepted before has to hold as it starts to work.
    pub(super) fn check_working(&self, order: &Order) -> Result<i128, RejectReason> {
        let rules = &self.market(order.instrument).instrument;
        check_status(rules.status, &Ask::of(order))?;
        if order.ord_type == OrdType::Limit {
            check_price(rules, order.price)?;
        }
        if order.post_only && self.crosses(order, order.price) {
            return Err(RejectReason::PostOnlyWouldTake);
        }
        let estimate = self.estimate(order).0;
        if !self.settlement.in_range(order.instrument, estimate.qty, estimate.cost) {
            return Err(RejectReason::InvalidQuantity);
        }
        self.settlement.hold_for(order, estimate)
    }

    /// The order's slot and its new hold; `amended` is the order as it would be.
    pub(super) fn check_amend(
        &self,
        now: UtcTime,
        command: &Amend,
        before: &Order,
        amended: &Order,
    ) -> Result<i128, RejectReason> {
        if command.valid_until.is_some_and(|until| now > until) {
            return Err(RejectReason::DeadlineElapsed);
        }
        let rules = &self.market(before.instrument).instrument;
        let crosses = before.stage == Stage::Working && self.crosses(before, amended.price);
        // An amend that cannot take is as harmless as a post-only order.
        let harmless = command.post_only || !crosses;
        check_status(rules.status, &Ask { is_limit: true, harmless, ..Ask::of(before) })?;
        let ends = ends(before, command.qty);
        let minimums = !self.accounts[before.account.0 as usize].flags.no_minimums && !ends;
        check_qty(rules, amended, minimums)?;
        self.check_prices(amended)?;
        if !ends && (amended.qty != before.qty || command.display.is_some()) {
            let display = command.display.or((before.display.0 != 0).then_some(before.display));
            check_display(rules, amended, display)?;
        }
        let whole = Order { cum: Qty(0), notional: 0, ..*amended };
        self.check_cost(&whole, minimums)?;
        if command.post_only && crosses && !ends {
            return Err(RejectReason::PostOnlyWouldTake);
        }
        if ends {
            return Ok(0);
        }
        let terms = |order: &Order| (order.qty, order.price, order.stop, order.display);
        if S::REFUSES_FUTILE && terms(before) == terms(amended) {
            return Err(RejectReason::NoEffect);
        }
        if crosses {
            self.check_taker(amended)?;
        }
        self.settlement.hold_for(amended, self.estimate(amended).0)
    }

    /// What an order would meet in the book, where that decides whether it is taken.
    fn check_taker(&self, order: &Order) -> Result<(), RejectReason> {
        if !S::REFUSES_FUTILE {
            return Ok(());
        }
        let outlook = self.outlook(order, self.limit_of(order));
        let must_trade =
            order.ord_type == OrdType::Market || order.time_in_force == TimeInForce::Ioc;
        if outlook.meets_own {
            Err(RejectReason::SelfTrade)
        } else if must_trade && outlook.firm.0 == 0 && outlook.loose.0 == 0 {
            Err(RejectReason::WouldNotTrade)
        } else {
            Ok(())
        }
    }

    pub(super) fn check_cancel(&self, command: &Cancel) -> Result<u32, RejectReason> {
        let order = self
            .orders
            .find(command.order)
            .filter(|order| order.account == command.account)
            .ok_or(RejectReason::UnknownOrder)?;
        if is_closed(self.market(order.instrument).instrument.status) {
            return Err(RejectReason::MarketUnavailable);
        }
        Ok(order.reference.slot)
    }

    /// Limit, offset, trigger price and distance: multiples of a tick, and positive unless they are an
    /// offset.
    fn check_prices(&self, order: &Order) -> Result<(), RejectReason> {
        let market = self.market(order.instrument);
        let rules = &market.instrument;
        match order.ord_type {
            OrdType::TrailingStopLimit => check_tick(rules, order.price)?,
            ord_type if ord_type.has_limit() => check_price(rules, order.price)?,
            _ => {}
        }
        if order.ord_type.has_trigger() {
            check_price(rules, order.stop)?;
            if order.watches == Reference::Index && market.index == Index::Absent {
                return Err(RejectReason::IndexUnavailable);
            }
            if self.rules.refuse_passed_stops && self.is_passed(order) {
                return Err(RejectReason::InvalidPrice);
            }
        }
        Ok(())
    }

    /// Whether the watched price is beyond the trigger price already.
    fn is_passed(&self, order: &Order) -> bool {
        !order.trails()
            && self.watched(order.instrument, order.watches).is_some_and(|px| {
                if order.fires_rising() { px >= order.stop } else { px <= order.stop }
            })
    }

    /// Checks the size of an order in money and says what it has to be able to pay.
    fn check_cost(&self, order: &Order, minimums: bool) -> Result<Estimate, RejectReason> {
        let market = self.market(order.instrument);
        let (estimate, whole) = self.estimate(order);
        if !self.settlement.in_range(order.instrument, estimate.qty, estimate.cost) {
            return Err(RejectReason::InvalidQuantity);
        }
        // What the book cannot fill has no cost yet to be measured by.
        if minimums && whole && estimate.cost < market.cost_min {
            return Err(RejectReason::CostMinimum);
        }
        if minimums && whole && order.qty_in_quote && estimate.qty < market.instrument.qty_min {
            return Err(RejectReason::OrderMinimum);
        }
        if minimums && order.qty_in_quote && above_maximum(&market.instrument, estimate.qty) {
            return Err(RejectReason::InvalidQuantity);
        }
        Ok(estimate)
    }

    /// What an order could cost, and whether that is the cost of the whole.
    pub(super) fn estimate(&self, order: &Order) -> (Estimate, bool) {
        let qty = order.leaves();
        let at = |px: Px| {
            let cost = i128::from(qty.0) * i128::from(px.0.max(0));
            (Estimate { qty, cost }, px.0 > 0)
        };
        let tick = self.market(order.instrument).instrument.tick_size;
        match order.ord_type {
            OrdType::Market => {
                let outlook = self.outlook(order, self.limit_of(order));
                if order.qty_in_quote {
                    let estimate = Estimate { qty: outlook.firm, cost: i128::from(qty.0) };
                    return (estimate, outlook.whole);
                }
                let short = outlook.loose.0.min(qty.0 - outlook.firm.0);
                let cost = outlook.cost + i128::from(short) * i128::from(outlook.loose_px.0);
                (Estimate { qty, cost }, outlook.whole)
            }
            OrdType::StopLoss | OrdType::TakeProfit => at(order.stop),
            OrdType::TrailingStop => at(order.trigger_at.unwrap_or_default()),
            OrdType::TrailingStopLimit if order.trigger_at.is_none() => at(Px(0)),
            _ => at(order.limit_after_trigger(tick)),
        }
    }

    /// Whether an order would take at `price`.
    fn crosses(&self, order: &Order, price: Px) -> bool {
        self.books[usize::from(order.instrument.0)]
            .best(order.side.opposite())
            .is_some_and(|best| order.side.at_least_as_good(price, best))
    }
}

/// Whether an amend to `qty` ends the order: nothing would be left (venue file 6.8).
pub(super) fn ends(order: &Order, qty: Qty) -> bool {
    qty <= order.cum
}

/// Whether neither orders nor cancels are taken; venue file 4.13.
pub(super) const fn is_closed(status: PairStatus) -> bool {
    matches!(status, PairStatus::Hidden | PairStatus::Maintenance | PairStatus::Delisted)
}

/// What the market's status is asked about.
struct Ask {
    is_limit: bool,
    harmless: bool,
    reduce_only: bool,
}

impl Ask {
    fn of(order: &Order) -> Self {
        Self {
            is_limit: order.ord_type.has_limit(),
            harmless: order.ord_type.has_limit() && order.post_only,
            reduce_only: order.reduce_only,
        }
    }
}

const fn check_status(status: PairStatus, ask: &Ask) -> Result<(), RejectReason> {
    match status {
        PairStatus::Online => Ok(()),
        PairStatus::LimitOnly if ask.is_limit => Ok(()),
        PairStatus::PostOnly if ask.harmless => Ok(()),
        PairStatus::ReduceOnly if ask.reduce_only => Ok(()),
        PairStatus::LimitOnly => Err(RejectReason::MarketLimitOnly),
        PairStatus::PostOnly => Err(RejectReason::MarketPostOnly),
        PairStatus::CancelOnly => Err(RejectReason::MarketCancelOnly),
        PairStatus::ReduceOnly => Err(RejectReason::MarketReduceOnly),
        PairStatus::Hidden | PairStatus::Maintenance | PairStatus::Delisted => {
            Err(RejectReason::MarketUnavailable)
        }
    }
}

/// ValidUntilTime, EffectiveTime and ExpireTime (venue file 6.2, 6.6). How far ahead an EffectiveTime may
/// be is not said: as far as an ExpireTime.
fn check_times(
    now: UtcTime,
    time_in_force: TimeInForce,
    conditions: &Conditions,
) -> Result<(), RejectReason> {
    let Conditions { valid_until, effective_at, expires_at, .. } = *conditions;
    let horizon = now.plus_nanos(ORDER_AHEAD_MAX_NS);
    if valid_until.is_some_and(|until| now > until) {
        return Err(RejectReason::DeadlineElapsed);
    }
    if effective_at.is_some_and(|at| at > horizon || expires_at.is_some_and(|end| at >= end)) {
        return Err(RejectReason::InvalidStart);
    }
    match (time_in_force, expires_at) {
        (TimeInForce::Gtd, Some(at)) if at > now && at <= horizon => Ok(()),
        (TimeInForce::Gtd, _) | (_, Some(_)) => Err(RejectReason::InvalidExpiry),
        _ => Ok(()),
    }
}

/// Combinations that make no sense.
fn check_shape(order: &Order) -> Result<(), RejectReason> {
    let at_once = matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    if order.post_only && (!order.ord_type.has_limit() || at_once) {
        return Err(RejectReason::InvalidArguments);
    }
    let buys_at_market = order.ord_type == OrdType::Market && order.side == Side::Buy;
    if order.qty_in_quote && (!buys_at_market || order.leveraged) {
        return Err(RejectReason::InvalidFlags);
    }
    Ok(())
}

fn check_qty(rules: &Instrument, order: &Order, minimums: bool) -> Result<(), RejectReason> {
    let off_step = !order.qty_in_quote && order.qty.0 % rules.qty_step.0 != 0;
    if order.qty.0 <= 0 || off_step {
        return Err(RejectReason::InvalidQuantity);
    }
    if minimums && !order.qty_in_quote && order.qty < rules.qty_min {
        return Err(RejectReason::OrderMinimum);
    }
    if minimums && !order.qty_in_quote && above_maximum(rules, order.qty) {
        return Err(RejectReason::InvalidQuantity);
    }
    Ok(())
}

fn above_maximum(rules: &Instrument, qty: Qty) -> bool {
    rules.qty_max.is_some_and(|max| qty > max)
}

/// Venue file 6.5: limit orders only; at entry a fifteenth of the quantity at least, later of what is left.
fn check_display(
    rules: &Instrument,
    order: &Order,
    display: Option<Qty>,
) -> Result<(), RejectReason> {
    let Some(display) = display else { return Ok(()) };
    let is_size = display.0 > 0 && display.0 % rules.qty_step.0 == 0;
    let parts = i128::from(display.0) * i128::from(ICEBERG_PARTS_MAX);
    if order.ord_type != OrdType::Limit || !is_size || parts < i128::from(order.leaves().0) {
        return Err(RejectReason::InvalidDisplay);
    }
    Ok(())
}

fn check_price(rules: &Instrument, price: Px) -> Result<(), RejectReason> {
    if price.0 <= 0 {
        return Err(RejectReason::InvalidPrice);
    }
    check_tick(rules, price)
}

fn check_tick(rules: &Instrument, price: Px) -> Result<(), RejectReason> {
    if price.0 % rules.tick_size.0 == 0 { Ok(()) } else { Err(RejectReason::TickSize) }
}
