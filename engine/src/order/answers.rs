//! What becomes of requests: on the wire, refused, withdrawn, and what a lost session leaves of them.

use taut_codec::value::UtcTime;

use super::chain::RequestKind;
use super::table::OrderTable;
use super::{Asked, OrderHandle, OrderState, OrderUpdate, UpdateKind};
use crate::event::{Refusal, WithdrawReason};
use crate::types::ClOrdId;

/// An answer to a request that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppliedRequest {
    /// What to tell the strategy.
    pub update: OrderUpdate,
    /// The answer does not fit what was known of the order.
    pub disagrees: bool,
}

impl OrderTable {
    /// Applies a refusal of a request by the venue (35=j or 35=3); `None` if no request of an order
    /// is meant. What was chained to a refused request will be refused as well, as the venue does not
    /// know its OrigClOrdID: new requests no longer chain to it.
    pub fn on_refused(&mut self, refusal: &Refusal) -> Option<AppliedRequest> {
        let at = match refusal.cl_ord_id {
            Some(id) => self.chains.find(id)?,
            None => self.chains.find_seq(refusal.ref_seq_num)?,
        };
        let Refusal { layer, reason, text, .. } = *refusal;
        let request = self.chains.get(at).kind;
        let kind = UpdateKind::RefusedByVenue { request, layer, reason, text };
        Some(self.drop_request(at, kind, OrderState::Rejected))
    }

    /// Applies the withdrawal of a request that never reached the wire; `None` if it is not known.
    pub fn on_withdrawn(&mut self, id: ClOrdId, reason: WithdrawReason) -> Option<AppliedRequest> {
        let at = self.chains.find(id)?;
        let kind = UpdateKind::Withdrawn { request: self.chains.get(at).kind, reason };
        Some(self.drop_request(at, kind, OrderState::Withdrawn))
    }

    /// Notes that a request's bytes are on the wire; `None` if it is not known.
    pub fn on_wire(&mut self, id: ClOrdId, msg_seq_num: u64, ticks: u64) -> Option<OrderUpdate> {
        let at = self.chains.find(id)?;
        let link = self.chains.get_mut(at);
        link.seq = msg_seq_num;
        let kind = UpdateKind::OnWire { request: link.kind, msg_seq_num, sent_ticks: ticks };
        let slot = link.order;
        Some(self.update(slot, kind))
    }

    /// Makes a live order uncertain: what is known of it may not be the truth any more. With
    /// `is_dropped` the answers to its requests may never come, as the session has dropped. `None` if
    /// the order is not live.
    pub fn mark_uncertain(&mut self, handle: OrderHandle, is_dropped: bool) -> Option<OrderUpdate> {
        let order = self.get(handle).filter(|order| !order.state.is_end())?;
        // A cancel that may be lost is wanted still.
        let is_asked = order.is_cancel_pending() || order.cancel_asked().is_some();
        let keeps_cancel = order.is_cancel_kept() || (is_dropped && is_asked);
        let mut next = Some(order.ends.head).filter(|_| is_dropped);
        while let Some(at) = next {
            next = self.chains.next(at);
            self.chains.get_mut(at).stale = true;
        }
        let slot = handle.slot;
        let order = &mut self.slots[slot as usize];
        (order.state, order.asked) = (OrderState::Uncertain, Asked::Nothing);
        if keeps_cancel {
            self.set_cancel_kept(handle, true);
        }
        self.refresh(slot);
        Some(self.update(slot, UpdateKind::Uncertain))
    }

    /// An update of an order, to tell what is not in the table.
    #[must_use]
    pub fn told(&self, handle: OrderHandle, kind: UpdateKind) -> Option<OrderUpdate> {
        self.get(handle).map(|order| self.update(order.handle.slot, kind))
    }

    /// Removes a request that was not done; a new order ends with it.
    fn drop_request(&mut self, at: u32, kind: UpdateKind, end: OrderState) -> AppliedRequest {
        let link = *self.chains.get(at);
        let order = self.slots[link.order as usize];
        let is_new = link.kind == RequestKind::New;
        if link.kind == RequestKind::Cancel {
            let handle = self.slots[link.order as usize].handle;
            self.set_cancel_asked(handle, UtcTime(0));
        }
        // The id in force stays: the order's life hangs on it, and a refusal of it comes too late.
        let is_late = at == order.current && (!is_new || order.acked || order.state.is_end());
        if !is_late {
            self.doom_followers(at);
        }
        if is_new && !is_late {
            self.end(link.order, end);
        }
        // One that is gone after all never was.
        self.slots[link.order as usize].end_told |= is_new && !order.acked;
        if at == order.current {
            self.chains.get_mut(at).pending = false;
        } else {
            self.chains.remove(&mut self.slots[link.order as usize].ends, at);
        }
        self.refresh(link.order);
        let update = self.update(link.order, kind);
        AppliedRequest { update, disagrees: is_late || !link.pending }
    }

    /// Marks the requests that chain to a refused one, directly or through another.
    fn doom_followers(&mut self, at: u32) {
        let refused = self.chains.get(at).id;
        let mut next = self.chains.next(at);
        while let Some(at) = next {
            next = self.chains.next(at);
            let link = *self.chains.get(at);
            if !link.pending || link.by_order_id {
                continue;
            }
            let orig_is_doomed =
                self.chains.find(link.orig).is_some_and(|orig| self.chains.get(orig).doomed);
            self.chains.get_mut(at).doomed = link.orig == refused || orig_is_doomed;
        }
    }

    pub(super) fn update(&self, slot: u32, kind: UpdateKind) -> OrderUpdate {
        let order = &self.slots[slot as usize];
        OrderUpdate {
            handle: order.handle,
            instrument: order.instrument,
            side: order.side,
            state: order.state,
            kind,
            cum: order.cum,
            leaves: order.leaves,
        }
    }
}
