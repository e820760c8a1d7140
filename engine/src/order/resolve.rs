//! Uncertain orders and what settles them.

use super::reach::Place;
use super::table::OrderTable;
use super::{Order, OrderHandle, OrderState, OrderUpdate, UpdateKind};
use crate::types::InstrumentId;

/// What showed where an uncertain order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A report about it: a replayed one, an answer, or news.
    Told,
    /// The venue has sent again all that was missed, and nothing of it ended the order.
    Replayed,
    /// The venue has sent again all that was missed, and answered all that it got: it never got the
    /// order.
    NeverArrived,
    /// The venue does not know it (any more).
    NotThere,
    /// A mass cancel that reaches it went through and did not find it open.
    Swept,
    /// It is not in the account's list of open orders (REST).
    NotListed,
}

/// An order that was uncertain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// Which.
    pub order: OrderHandle,
    /// Where it stands.
    pub state: OrderState,
    /// What showed it.
    pub proof: Proof,
}

/// What was done to settle an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing yet.
    Nothing,
    /// All that was missed is sent again, so that silence tells.
    Silence,
    /// OrderStatusRequest (H).
    Status,
    /// OrderCancelRequest (F).
    Cancel,
    /// OrderMassCancelRequest (q).
    Sweep,
    /// The account's open orders are listed, by REST.
    Listing,
    /// Nothing can be done.
    OutOfReach,
}

impl OrderTable {
    /// Where an order stands to the session that is up.
    #[must_use]
    pub fn place(&self, order: &Order, forgets_at_rollover: bool) -> Place {
        if order.connection != 0 && (order.epoch, order.connection) == (self.epoch, self.connection)
        {
            Place::Here
        } else if forgets_at_rollover && order.day != self.day {
            Place::Forgotten
        } else {
            Place::Earlier
        }
    }

    /// The venue's day is over.
    pub const fn roll_over(&mut self) {
        self.day += 1;
    }

    /// Notes what was done to settle an order.
    pub(crate) fn set_asked(&mut self, handle: OrderHandle, asked: Asked) {
        if self.get(handle).is_some() {
            self.slots[handle.slot as usize].asked = asked;
        }
    }

    /// An uncertain order is open, as last told. Its requests that were not answered were not done.
    /// `None` if it is not uncertain.
    pub(crate) fn resolve_open(
        &mut self,
        handle: OrderHandle,
        proof: Proof,
    ) -> Option<OrderUpdate> {
        let order = self.get(handle).filter(|order| order.state == OrderState::Uncertain)?;
        let state = OrderState::open(order.acked, order.cum);
        let slot = handle.slot;
        self.drop_stale(slot);
        self.slots[slot as usize].state = state;
        self.refresh(slot);
        Some(self.update(slot, UpdateKind::Resolved(proof)))
    }

    /// An uncertain order is not open any more, or never was. `None` if it is not uncertain.
    pub(crate) fn resolve_ended(
        &mut self,
        handle: OrderHandle,
        proof: Proof,
    ) -> Option<OrderUpdate> {
        self.get(handle).filter(|order| order.state == OrderState::Uncertain)?;
        let state = match proof {
            Proof::NeverArrived => OrderState::Withdrawn,
            _ => OrderState::Gone,
        };
        self.end(handle.slot, state);
        Some(self.update(handle.slot, UpdateKind::Resolved(proof)))
    }

    /// The venue's own records show what was filled of the instrument's orders that are gone: nothing that is not
    /// in the position any more.
    pub(crate) fn settle_unseen(&mut self, id: InstrumentId) {
        for slot in 0..self.slots.len() as u32 {
            let order = &mut self.slots[slot as usize];
            if order.instrument == id && order.unseen > 0 {
                order.end_told = true;
                order.filled = order.filled.max(order.cum.0);
                self.refresh(slot);
            }
        }
        // What is left is of orders that were forgotten.
        let Some(open) = self.open.get_mut(usize::from(id.0)) else { return };
        for (qty, unseen) in open.qty.iter_mut().zip(&mut open.unseen) {
            *qty = qty.saturating_sub(std::mem::take(unseen));
        }
        self.unseen_changed = true;
    }

    /// The venue has never got an order that is gone.
    pub(crate) fn settle_never_there(&mut self, handle: OrderHandle) {
        if self.get(handle).is_some() {
            self.slots[handle.slot as usize].end_told = true;
            self.refresh(handle.slot);
        }
    }

    /// An instrument of which more or less may have been filled unseen than was told; it counts as told from now
    /// on.
    pub(crate) fn take_unseen_changed(&mut self) -> Option<InstrumentId> {
        if !self.unseen_changed {
            return None;
        }
        let changed = self.open.iter().position(|open| open.unseen != open.unseen_told);
        self.unseen_changed = changed.is_some();
        let open = &mut self.open[changed?];
        open.unseen_told = open.unseen;
        Some(InstrumentId(changed? as u16))
    }

    /// Forgets the requests of before a drop that were not done.
    pub(super) fn drop_stale(&mut self, slot: u32) {
        let current = self.slots[slot as usize].current;
        let mut next = Some(self.slots[slot as usize].ends.head);
        while let Some(at) = next {
            next = self.chains.next(at);
            let link = self.chains.get(at);
            if link.stale && link.pending && at != current {
                self.chains.remove(&mut self.slots[slot as usize].ends, at);
            }
        }
    }
}
