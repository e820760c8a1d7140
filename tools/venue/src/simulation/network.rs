//! The connections between engine and venue, and what goes wrong with them.

use fastrand::Rng;
use taut::pipeline::Dial;
use taut::wire::memory::{Direction, Link, LinkConfig};

use super::config::{Fault, FaultKind, Route, TO_ENGINE, TO_VENUE};

const DIRECTIONS: [Direction; 2] = [TO_VENUE, TO_ENGINE];

/// The connection of one session, and its next.
#[derive(Debug, Default)]
pub(super) struct Lane {
    link: Option<Open>,
    /// Connections of before whose last bytes may still be under way.
    old: Vec<Open>,
    /// The dial that is under way, and when it has an outcome.
    pub dialling: Option<(Dial, u64)>,
}

#[derive(Debug)]
struct Open {
    link: Link,
    base: [LinkConfig; 2],
    stalled_until: [u64; 2],
    /// (until, extra nanoseconds)
    delayed: [(u64, u64); 2],
}

impl Lane {
    /// Takes a new connection into use.
    pub fn open(&mut self, link: Link, routes: [&Route; 2], rng: &mut Rng) {
        let base = routes.map(|route| route.open(rng));
        let next = Open { link, base, stalled_until: [0; 2], delayed: [(0, 0); 2] };
        self.old.extend(self.link.replace(next));
        self.old
            .retain(|old| DIRECTIONS.iter().any(|&d| old.link.pending(d) > 0) || old.is_stalled());
    }

    /// The time is `now_ns`; latencies and pieces are drawn anew.
    pub fn advance(&mut self, now_ns: u64, routes: [&Route; 2], rng: &mut Rng) {
        for open in self.old.iter_mut().chain(&mut self.link) {
            for (at, direction) in DIRECTIONS.into_iter().enumerate() {
                if open.stalled_until[at] > 0 && open.stalled_until[at] <= now_ns {
                    open.stalled_until[at] = 0;
                    open.link.stall(direction, false);
                }
                let (until, extra) = open.delayed[at];
                let extra = if now_ns < until { extra } else { 0 };
                open.link.configure(direction, routes[at].next(open.base[at], extra, rng));
            }
            open.link.advance_to(now_ns);
        }
    }

    /// When something arrives or a stall ends.
    pub fn next_ns(&self) -> Option<u64> {
        let next = |open: &Open| {
            let stalls = open.stalled_until.into_iter().filter(|&until| until > 0).min();
            open.link.next_arrival_ns().into_iter().chain(stalls).min()
        };
        self.old.iter().chain(&self.link).filter_map(next).min()
    }

    /// Lets a fault happen; `false` if there is no connection to suffer from it.
    pub fn suffer(&mut self, fault: &Fault, now_ns: u64) -> bool {
        let Some(open) = &mut self.link else { return false };
        let index = |direction| usize::from(direction == TO_ENGINE);
        match fault.kind {
            FaultKind::Cut { direction, cut } => open.link.cut(direction, cut),
            FaultKind::CutAfter { direction, bytes, cut } => {
                let taken = open.link.taken(direction);
                open.link.cut_at(direction, taken.saturating_add(bytes), cut);
            }
            FaultKind::Stall { direction, nanos } => {
                open.link.stall(direction, true);
                open.stalled_until[index(direction)] = now_ns.saturating_add(nanos).max(1);
            }
            FaultKind::Delay { direction, extra_ns, nanos } => {
                open.delayed[index(direction)] = (now_ns.saturating_add(nanos), extra_ns);
            }
        }
        true
    }

    /// How many bytes have been taken, and how many are under way: both stand still when nobody
    /// moves any.
    pub fn traffic(&self) -> (u64, usize) {
        let open = self.old.iter().chain(&self.link);
        open.flat_map(|open| DIRECTIONS.map(|d| (open.link.taken(d), open.link.pending(d))))
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Whether the connection is whole and empty.
    pub fn is_quiet(&self) -> bool {
        self.link.as_ref().is_some_and(|open| {
            let empty = DIRECTIONS.iter().all(|&direction| open.link.pending(direction) == 0);
            empty && !open.is_stalled() && open.link.is_whole()
        })
    }
}

impl Open {
    fn is_stalled(&self) -> bool {
        self.stalled_until.iter().any(|&until| until > 0)
    }
}
