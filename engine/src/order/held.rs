//! Replaces that were asked for before the venue has told the order's OrderID(37), which a replace must name
//! (venue file 4.3): their terms are held until then.

use super::table::OrderTable;
use super::{Order, OrderHandle, Terms};

impl Order {
    /// What a replace asks for that is held until the venue has told the OrderID.
    #[must_use]
    pub const fn held_replace(&self) -> Option<Terms> {
        self.held
    }
}

impl OrderTable {
    /// Holds the terms of a replace, in the place of those that were held before. Whether there were any.
    pub(crate) fn hold_replace(&mut self, handle: OrderHandle, terms: Terms) -> bool {
        let had = self.drop_held(handle);
        if self.get(handle).is_some() {
            self.slots[handle.slot as usize].held = Some(terms);
            self.held += 1;
            self.refresh(handle.slot);
        }
        had
    }

    /// Holds no replace of an order any more. Whether one was.
    pub(crate) fn drop_held(&mut self, handle: OrderHandle) -> bool {
        let had = self.get(handle).is_some_and(|order| order.held.is_some());
        if had {
            self.slots[handle.slot as usize].held = None;
            self.held -= 1;
            self.refresh(handle.slot);
        }
        had
    }

    /// How many replaces are held.
    #[must_use]
    pub const fn held_replaces(&self) -> u32 {
        self.held
    }
}
