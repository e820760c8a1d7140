//! The ClOrdIDs of all orders: one pool of links, one list per order in the order of issue.

use taut_codec::value::UtcTime;

use super::index::{Index, hash_bits};
use crate::touched;
use crate::types::{ClOrdId, Px, Qty};

/// Marks the end of a list.
pub(super) const NONE: u32 = u32::MAX;

/// What a request asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// NewOrderSingle (D).
    New,
    /// OrderCancelReplaceRequest (G).
    Replace,
    /// OrderCancelRequest (F).
    Cancel,
}

/// One request on an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub id: ClOrdId,
    /// The request that it names as OrigClOrdID(41); its own id for a new order.
    pub orig: ClOrdId,
    pub kind: RequestKind,
    pub qty: Qty,
    pub px: Option<Px>,
    pub stop_px: Option<Px>,
    /// The sequence space that it was sent in.
    pub epoch: u32,
    /// The TCP life that it was sent on.
    pub connection: u32,
    /// The slot of its order.
    pub order: u32,
    /// When it was issued.
    pub at: UtcTime,
    /// Waits for the venue's answer.
    pub pending: bool,
    /// Sent before the session dropped: whether the venue has it is unknown.
    pub stale: bool,
    /// Names a request that was refused, so the venue will refuse it too.
    pub doomed: bool,
    /// Names the OrderID(37), so that a refused request before it does not matter.
    pub by_order_id: bool,
    /// MsgSeqNum(34), once it is on the wire.
    pub seq: u64,
    /// The pool's own: the links before and behind it in the list.
    pub prev: u32,
    /// See `prev`.
    pub next: u32,
}

impl Link {
    pub const fn new(id: ClOrdId, orig: ClOrdId, kind: RequestKind, order: u32) -> Self {
        Self {
            id,
            orig,
            kind,
            qty: Qty(0),
            px: None,
            stop_px: None,
            epoch: 0,
            connection: 0,
            order,
            at: UtcTime(0),
            pending: true,
            stale: false,
            doomed: false,
            by_order_id: false,
            seq: 0,
            prev: NONE,
            next: NONE,
        }
    }

    /// Whether an answer is expected on this connection.
    pub const fn is_waiting(&self) -> bool {
        self.pending && !self.stale
    }
}

/// The ends of one order's list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub head: u32,
    pub tail: u32,
    pub len: u32,
}

impl Ends {
    pub const EMPTY: Self = Self { head: NONE, tail: NONE, len: 0 };
}

/// The pool.
#[derive(Debug)]
pub(super) struct Chains {
    links: Vec<Link>,
    free: Vec<u32>,
    index: Index,
    capacity: usize,
    /// Links that are left for cancels.
    reserved: usize,
}

impl Chains {
    pub fn new(capacity: usize, reserved: usize) -> Self {
        Self {
            capacity,
            reserved,
            links: touched::vec(capacity),
            free: touched::vec(capacity),
            index: Index::new(capacity),
        }
    }

    /// Whether one more link fits beside those that are left for cancels.
    pub fn has_room(&self) -> bool {
        self.free.len() + (self.capacity - self.links.len()) > self.reserved
    }

    /// Adds a link at the end of a list; `None` if the pool is used up.
    pub fn push(&mut self, ends: &mut Ends, mut link: Link) -> Option<u32> {
        if self.free.is_empty() && self.links.len() == self.capacity {
            return None;
        }
        link.prev = ends.tail;
        link.next = NONE;
        let hash = hash_bits(link.id.bits());
        let at = match self.free.pop() {
            Some(at) => {
                self.links[at as usize] = link;
                at
            }
            None => {
                self.links.push(link);
                (self.links.len() - 1) as u32
            }
        };
        let inserted = self.index.insert(hash, at);
        assert!(inserted, "the index has an entry for every link of the pool");
        match ends.tail {
            NONE => ends.head = at,
            tail => self.links[tail as usize].next = at,
        }
        ends.tail = at;
        ends.len += 1;
        Some(at)
    }

    /// Takes a link out of its list and forgets its id.
    pub fn remove(&mut self, ends: &mut Ends, at: u32) {
        let link = self.links[at as usize];
        match link.prev {
            NONE => ends.head = link.next,
            prev => self.links[prev as usize].next = link.next,
        }
        match link.next {
            NONE => ends.tail = link.prev,
            next => self.links[next as usize].prev = link.prev,
        }
        ends.len -= 1;
        let known = self.index.remove(hash_bits(link.id.bits()), at);
        assert!(known, "every link of a list is in the index");
        self.free.push(at);
    }

    /// The link of a ClOrdID.
    pub fn find(&self, id: ClOrdId) -> Option<u32> {
        self.index.get(hash_bits(id.bits()), |at| self.links[at as usize].id == id)
    }

    pub fn get(&self, at: u32) -> &Link {
        &self.links[at as usize]
    }

    pub fn get_mut(&mut self, at: u32) -> &mut Link {
        &mut self.links[at as usize]
    }

    /// The link behind `at`.
    pub fn next(&self, at: u32) -> Option<u32> {
        Some(self.links[at as usize].next).filter(|&next| next != NONE)
    }

    /// A list from `from` on, oldest first.
    pub fn forward(&self, from: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(Some(from).filter(|&at| at != NONE), |&at| self.next(at))
    }

    /// A list, newest first.
    pub fn backward(&self, ends: &Ends) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(Some(ends.tail).filter(|&at| at != NONE), |&at| {
            Some(self.links[at as usize].prev).filter(|&prev| prev != NONE)
        })
    }

    /// The pending request of this connection that went out as `seq`. Slow: it looks at every link;
    /// only session-level rejects need it, which name nothing else.
    pub fn find_seq(&self, seq: u64) -> Option<u32> {
        if seq == 0 {
            // No number, and the one of a request that is not on the wire yet.
            return None;
        }
        let is_meant = |&at: &u32| {
            let link = &self.links[at as usize];
            link.seq == seq && link.is_waiting() && self.find(link.id) == Some(at)
        };
        (0..self.links.len() as u32).find(is_meant)
    }
}
