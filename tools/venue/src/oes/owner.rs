//! Whose an order is: the logon that placed or replaced it last.

use crate::limits::{CLIENTS_MAX, LOGONS_MAX};

/// An [`Owner`] as the trading engine keeps it.
pub type OwnerId = u32;

const LOGON_BITS: u32 = 20;
const _: () = assert!(CLIENTS_MAX <= 1 << (32 - LOGON_BITS));
const _: () = assert!(LOGONS_MAX < 1 << LOGON_BITS);

/// The logon of a client that placed or replaced an order last. The ids of one client are consecutive
/// and ascend with its logons, so that a range of them names all of a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The client.
    pub client: u16,
    /// Which of its logons, counted from 1. 0: not by FIX (REST, or the house).
    pub logon: u32,
}

impl Owner {
    /// As the engine keeps it.
    #[must_use]
    pub const fn id(self) -> OwnerId {
        (self.client as u32) << LOGON_BITS | self.logon
    }

    /// Back from what the engine keeps.
    #[must_use]
    pub const fn of(id: OwnerId) -> Self {
        Self { client: (id >> LOGON_BITS) as u16, logon: id & ((1 << LOGON_BITS) - 1) }
    }

    /// Whether a FIX session stands behind it.
    #[must_use]
    pub const fn is_fix(self) -> bool {
        self.logon > 0
    }

    /// The ids of all logons of the same client from this one on.
    #[must_use]
    pub const fn and_later(self) -> (OwnerId, OwnerId) {
        (self.id(), Self { logon: (1 << LOGON_BITS) - 1, ..self }.id())
    }
}

crate::state::stored! { Owner { client, logon } }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logons_of_a_client_are_a_range_of_ids_that_no_other_client_has_a_part_in() {
        let last = (CLIENTS_MAX - 1) as u16;
        for (client, logon) in [(0, 0), (0, 1), (7, 9), (last, LOGONS_MAX)] {
            let owner = Owner { client, logon };
            assert_eq!(Owner::of(owner.id()), owner);
        }
        let (from, to) = Owner { client: 3, logon: 5 }.and_later();
        let inside = |client, logon| (from..=to).contains(&Owner { client, logon }.id());
        assert!(inside(3, 5) && inside(3, LOGONS_MAX));
        assert!(!inside(3, 4) && !inside(2, 6) && !inside(4, 5) && !inside(4, 0));
    }
}
