//! The requests on an order: what each would have to name, and how it is entered.

use taut_codec::value::UtcTime;

use super::chain::{Link, RequestKind};
use super::table::OrderTable;
use super::{Order, OrderHandle, OrderState};
use crate::limits::PENDING_PER_ORDER_MAX;
use crate::risk::Refusal;
use crate::types::{ClOrdId, OrdType, OrderId, Px, Qty};

/// What a replace of an order must name.
#[derive(Debug, Clone, Copy)]
pub struct ReplacePlan {
    /// OrigClOrdID(41).
    pub orig_cl_ord_id: ClOrdId,
    /// OrderID(37), empty if not known; the replace has to wait for it then (venue file 4.3).
    pub order_id: OrderId,
    /// StopPx(99) that was asked for last, of an order that waits for a trigger.
    pub stop_px: Option<Px>,
}

/// What a cancel of an order must name.
#[derive(Debug, Clone, Copy)]
pub struct CancelPlan {
    /// OrigClOrdID(41).
    pub orig_cl_ord_id: ClOrdId,
    /// OrderID(37), empty if not known; if both are given the venue uses this one (venue file 4.2).
    pub order_id: OrderId,
}

/// What a replace asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// OrderQty(38): the new total, fills included.
    pub qty: Qty,
    /// Price(44) of a type with a limit.
    pub px: Option<Px>,
    /// StopPx(99) of a type with a trigger.
    pub stop_px: Option<Px>,
}

impl OrderTable {
    /// What a replace of the order would have to name.
    ///
    /// # Errors
    /// Why the order cannot be replaced now.
    pub fn plan_replace(&self, handle: OrderHandle) -> Result<ReplacePlan, Refusal> {
        let order = self.live_order(handle)?;
        if order.state == OrderState::Uncertain {
            return Err(Refusal::OrderUncertain);
        }
        if order.ord_type == OrdType::Market {
            return Err(Refusal::NotAmendable);
        }
        // One that is kept was asked for before.
        if order.is_cancel_pending() || order.is_cancel_kept() {
            return Err(Refusal::CancelPending);
        }
        // The last is left for a cancel.
        if self.has_pending(order, PENDING_PER_ORDER_MAX - 1) {
            return Err(Refusal::TooManyPending);
        }
        let last = self.last_issued(order);
        let stop_px =
            if last == order.current { order.stop_px } else { self.chains.get(last).stop_px };
        Ok(ReplacePlan {
            orig_cl_ord_id: self.chains.get(last).id,
            order_id: order.order_id,
            stop_px: stop_px.filter(|_| order.ord_type.has_trigger()),
        })
    }

    /// What a cancel of the order would have to name.
    ///
    /// # Errors
    /// Why the order cannot be cancelled now.
    pub fn plan_cancel(&self, handle: OrderHandle) -> Result<CancelPlan, Refusal> {
        let order = self.live_order(handle)?;
        if order.is_cancel_pending() {
            return Err(Refusal::CancelPending);
        }
        let orig_cl_ord_id = self.chains.get(self.last_issued(order)).id;
        Ok(CancelPlan { orig_cl_ord_id, order_id: order.order_id })
    }

    /// Enters a replace that is about to be sent, as planned.
    ///
    /// # Errors
    /// As [`OrderTable::plan_replace`], or [`Refusal::TooManyPending`]; nothing has changed then.
    pub fn add_replace(
        &mut self,
        handle: OrderHandle,
        id: ClOrdId,
        Terms { qty, px, stop_px }: Terms,
    ) -> Result<(), Refusal> {
        let orig = self.plan_replace(handle)?.orig_cl_ord_id;
        self.make_link_room()?;
        let (epoch, connection) = (self.epoch, self.connection);
        let link = Link::new(id, orig, RequestKind::Replace, handle.slot);
        self.push(Link { qty, px, stop_px, epoch, connection, ..link });
        Ok(())
    }

    /// Enters a cancel that is about to be sent, as planned. However many requests wait, one link is left for it.
    ///
    /// # Errors
    /// As [`OrderTable::plan_cancel`]; nothing has changed then.
    pub fn add_cancel(&mut self, handle: OrderHandle, id: ClOrdId) -> Result<(), Refusal> {
        let plan = self.plan_cancel(handle)?;
        let is_short = self.make_link_room().is_err();
        let order = &self.slots[handle.slot as usize];
        if is_short || self.has_pending(order, PENDING_PER_ORDER_MAX) {
            // An order that takes a link of those left for cancels holds none yet, so each order takes one.
            self.forget_cancel(handle.slot);
        }
        let link = Link::new(id, plan.orig_cl_ord_id, RequestKind::Cancel, handle.slot);
        self.push(Link { by_order_id: !plan.order_id.is_empty(), ..link });
        Ok(())
    }

    /// Notes when the newest request of an order was issued.
    pub fn stamp(&mut self, handle: OrderHandle, now: UtcTime) {
        let Some(order) = self.slots.get_mut(handle.slot as usize) else { return };
        if order.handle == handle {
            let newest = self.chains.get_mut(order.ends.tail);
            newest.at = now;
            if newest.kind != RequestKind::Cancel {
                order.touched = order.touched.max(now);
            }
        }
    }

    fn live_order(&self, handle: OrderHandle) -> Result<&Order, Refusal> {
        let order = self.get(handle).ok_or(Refusal::OrderUnknown)?;
        if order.state.is_end() { Err(Refusal::OrderEnded) } else { Ok(order) }
    }

    /// Whether so many requests of an order wait, or more.
    fn has_pending(&self, order: &Order, limit: usize) -> bool {
        // The list also holds the accepted ids, a handful at most: they are not worth a second count
        // on the path until the list is long.
        if (order.ends.len as usize) < limit {
            return false;
        }
        let pending = |&at: &u32| self.chains.get(at).pending;
        self.chains.forward(order.ends.head).filter(pending).count() >= limit
    }

    /// Forgets the oldest cancel of an order that waits for none: it was sent before a drop, or names a
    /// request that was refused.
    fn forget_cancel(&mut self, slot: u32) {
        let ends = &mut self.slots[slot as usize].ends;
        let is_cancel = |&at: &u32| self.chains.get(at).kind == RequestKind::Cancel;
        let oldest = self.chains.forward(ends.head).find(is_cancel);
        if let Some(at) = oldest {
            self.chains.remove(ends, at);
        }
    }

    /// The link with the newest ClOrdID that the venue will know when the next request arrives, if it accepts all
    /// that is under way.
    fn last_issued(&self, order: &Order) -> u32 {
        for at in self.chains.backward(&order.ends) {
            let link = self.chains.get(at);
            let may_count = at == order.current
                || (link.is_waiting() && !link.doomed && link.kind != RequestKind::Cancel);
            if may_count {
                return at;
            }
        }
        order.current
    }

    fn push(&mut self, link: Link) {
        let slot = link.order;
        let ends = &mut self.slots[slot as usize].ends;
        self.chains
            .push(ends, link)
            .expect("there is room for a request, and a link for each order's cancel");
        self.refresh(slot);
    }
}
