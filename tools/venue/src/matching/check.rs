//! What is asked before a command has any effect: venue file 5 ("Trading Engine before acceptance").

use taut::types::{Instrument, InstrumentId, OrdType, PairStatus, Px, Qty, Side, TimeInForce};

use super::account::FEE_ACCOUNT;
use super::command::{Amend, Cancel, NewOrder};
use super::engine::Engine;
use super::order::Order;
use super::reason::RejectReason;
use super::settlement::{Estimate, Settlement};

impl<S: Settlement> Engine<S> {
    /// The hold of an acceptable order; `order` is what it would be.
    pub(super) fn check_new(
        &self,
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
        let is_limit = command.ord_type == OrdType::Limit;
        check_status(market.instrument.status, is_limit, command.post_only)?;
        if command.post_only && (!is_limit || command.time_in_force == TimeInForce::Ioc) {
            return Err(RejectReason::InvalidArguments);
        }
        let minimums = !account.flags.no_minimums;
        check_qty(&market.instrument, command.qty, minimums)?;
        let (qty, cost) = if is_limit {
            check_price(&market.instrument, command.price)?;
            (command.qty, i128::from(command.qty.0) * i128::from(command.price.0))
        } else {
            self.market_cost(command)
        };
        if !self.settlement.in_range(command.instrument, command.qty, cost) {
            return Err(RejectReason::InvalidQuantity);
        }
        // A market order that the book cannot fill has no cost yet to be measured by.
        if minimums && qty == command.qty && cost < market.cost_min {
            return Err(RejectReason::CostMinimum);
        }
        if command.post_only && self.crosses(command.instrument, command.side, command.price) {
            return Err(RejectReason::PostOnlyWouldTake);
        }
        if self.orders.is_full() {
            return Err(RejectReason::OrdersLimit);
        }
        self.settlement.hold_for(order, Estimate { qty: command.qty, cost })
    }

    /// The order's slot and its new hold.
    pub(super) fn check_amend(&self, command: &Amend) -> Result<(u32, i128), RejectReason> {
        let order = self
            .orders
            .find(command.order)
            .filter(|order| order.account == command.account)
            .ok_or(RejectReason::UnknownOrder)?;
        let market = self.market(order.instrument);
        let crosses = self.crosses(order.instrument, order.side, command.price);
        // An amend that cannot take is as harmless as a post-only order.
        check_status(market.instrument.status, true, command.post_only || !crosses)?;
        let flags = self.accounts[order.account.0 as usize].flags;
        let ends = command.qty <= order.cum;
        let minimums = !flags.no_minimums && !ends;
        check_qty(&market.instrument, command.qty, minimums)?;
        check_price(&market.instrument, command.price)?;
        let cost = i128::from(command.qty.0) * i128::from(command.price.0);
        if !self.settlement.in_range(order.instrument, command.qty, cost) {
            return Err(RejectReason::InvalidQuantity);
        }
        if minimums && cost < market.cost_min {
            return Err(RejectReason::CostMinimum);
        }
        if command.post_only && crosses && !ends {
            return Err(RejectReason::PostOnlyWouldTake);
        }
        if ends {
            return Ok((order.reference.slot, 0));
        }
        let amended = Order { qty: command.qty, price: command.price, ..*order };
        let qty = amended.leaves();
        let cost = i128::from(qty.0) * i128::from(command.price.0);
        let hold = self.settlement.hold_for(&amended, Estimate { qty, cost })?;
        Ok((order.reference.slot, hold))
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

    /// Whether a limit order at `price` would take.
    fn crosses(&self, instrument: InstrumentId, side: Side, price: Px) -> bool {
        self.books[usize::from(instrument.0)]
            .best(side.opposite())
            .is_some_and(|best| side.at_least_as_good(price, best))
    }

    /// How much of a market order the book would fill now, and for how much. Orders with which
    /// self-trade prevention forbids to trade are passed over.
    fn market_cost(&self, command: &NewOrder) -> (Qty, i128) {
        let mut left = command.qty.0;
        let mut cost = 0;
        for maker in self.resting(command.instrument, command.side.opposite()) {
            if left == 0 {
                break;
            }
            if self.is_self_trade(command.account, maker.account) {
                continue;
            }
            let qty = left.min(maker.leaves().0);
            left -= qty;
            cost += i128::from(qty) * i128::from(maker.price.0);
        }
        (Qty(command.qty.0 - left), cost)
    }
}

/// Whether neither orders nor cancels are taken; venue file 4.13.
pub(super) const fn is_closed(status: PairStatus) -> bool {
    matches!(status, PairStatus::Hidden | PairStatus::Maintenance | PairStatus::Delisted)
}

const fn check_status(
    status: PairStatus,
    is_limit: bool,
    post_only: bool,
) -> Result<(), RejectReason> {
    match status {
        PairStatus::Online => Ok(()),
        PairStatus::LimitOnly if is_limit => Ok(()),
        PairStatus::PostOnly if is_limit && post_only => Ok(()),
        PairStatus::LimitOnly => Err(RejectReason::MarketLimitOnly),
        PairStatus::PostOnly => Err(RejectReason::MarketPostOnly),
        PairStatus::CancelOnly => Err(RejectReason::MarketCancelOnly),
        PairStatus::ReduceOnly => Err(RejectReason::MarketReduceOnly),
        PairStatus::Hidden | PairStatus::Maintenance | PairStatus::Delisted => {
            Err(RejectReason::MarketUnavailable)
        }
    }
}

fn check_qty(instrument: &Instrument, qty: Qty, minimums: bool) -> Result<(), RejectReason> {
    if qty.0 <= 0 || qty.0 % instrument.qty_step.0 != 0 {
        return Err(RejectReason::InvalidQuantity);
    }
    if minimums && qty < instrument.qty_min {
        return Err(RejectReason::OrderMinimum);
    }
    Ok(())
}

fn check_price(instrument: &Instrument, price: Px) -> Result<(), RejectReason> {
    if price.0 <= 0 {
        return Err(RejectReason::InvalidPrice);
    }
    if price.0 % instrument.tick_size.0 != 0 {
        return Err(RejectReason::TickSize);
    }
    Ok(())
}
