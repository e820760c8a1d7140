//! The venue's rate limit seen from this side: the venue's own counters, charged when a command is
//! sent, so that it is refused here before the venue would refuse it.
//!
//! Both sides charge at their own time. While the way to the venue takes as long each time, the
//! counters are the same, a little apart in time; what makes it take longer or shorter is covered by
//! [`VenueRate::reserve`]. Where only the venue can know (an order that was filled while its cancel was
//! under way), the mirror counts more than the venue, never less.
//!
//! What cannot be mirrored is what others do: accounts that share the pool of a domain, and other sessions and
//! programs of the same account on spot. The pool alone never refuses what the counter of its only account lets
//! pass, as it is five times as large.

use taut_codec::value::UtcTime;

use super::refusal::{Numbers, Refusal};
use super::venue_rate::{Action, Bucket, BucketSize, Counter, Tier};
use crate::types::InstrumentId;

/// What is known of the venue's rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VenueRate {
    /// How it counts.
    pub rule: VenueRateRule,
    /// Points or tokens that orders and replaces leave for cancels.
    pub reserve: u32,
    /// Whether a cancel that the venue would refuse is kept until it would not; if not, it is refused here.
    pub holds_cancels: bool,
}

/// How a venue counts (venue file 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VenueRateRule {
    /// It has no limit, or none that matters.
    Unlimited,
    /// Spot: points for each pair.
    Spot {
        /// How fast they fall, and how many there may be.
        tier: Tier,
        /// Whether a cancel over the limit is refused; if not, it only counts.
        cancels_limited: bool,
        /// Whether a mass cancel costs what each of its cancels would.
        mass_cancel_points: bool,
    },
    /// Derivatives: a bucket of tokens for the session.
    Derivatives {
        /// The bucket.
        size: BucketSize,
        /// What each command takes out of it.
        costs: TokenCosts,
    },
}

/// Tokens that commands cost on derivatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenCosts {
    /// NewOrderSingle (D).
    pub send: u32,
    /// OrderCancelReplaceRequest (G).
    pub edit: u32,
    /// OrderCancelRequest (F).
    pub cancel: u32,
    /// OrderMassCancelRequest (q).
    pub cancel_all: u32,
}

impl Default for TokenCosts {
    /// Those of Kraken's REST interface; for FIX it names none (venue file 7).
    fn default() -> Self {
        Self { send: 10, edit: 10, cancel: 10, cancel_all: 25 }
    }
}

impl VenueRate {
    /// No limit.
    pub const UNLIMITED: Self =
        Self { rule: VenueRateRule::Unlimited, reserve: 0, holds_cancels: true };
}

/// A command, as the venue's limit sees it. `age`: nanoseconds since its order was sent or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// A new order; how many are open on the instrument.
    New {
        /// Open orders without it.
        open_orders: u32,
    },
    /// A replace.
    Replace {
        /// Nanoseconds.
        age: u64,
    },
    /// A cancel.
    Cancel {
        /// Nanoseconds.
        age: u64,
    },
    /// A cancel that names no order, only to be refused: a marker. Spot counts a cancel by its order's age, so
    /// this one costs nothing there; a token is taken for any request.
    Marker,
    /// A mass cancel; the orders that it takes are charged by [`Mirror::mass_cancelled`].
    CancelAll,
}

impl Charge {
    const fn action(self) -> Option<Action> {
        match self {
            Self::New { .. } => Some(Action::Add),
            Self::Replace { age } => Some(Action::Amend { age }),
            Self::Cancel { age } => Some(Action::Cancel { age }),
            Self::Marker | Self::CancelAll => None,
        }
    }

    const fn tokens(self, costs: &TokenCosts) -> u32 {
        match self {
            Self::New { .. } => costs.send,
            Self::Replace { .. } => costs.edit,
            Self::Cancel { .. } | Self::Marker => costs.cancel,
            Self::CancelAll => costs.cancel_all,
        }
    }

    /// Cancels may use what the rest leaves for them.
    const fn is_cancel(self) -> bool {
        matches!(self, Self::Cancel { .. } | Self::Marker | Self::CancelAll)
    }
}

/// The counters.
#[derive(Debug)]
pub struct Mirror {
    config: VenueRate,
    counters: Vec<Counter>,
    bucket: Bucket,
}

impl Mirror {
    /// Counters at zero and a full bucket; the only place that allocates.
    #[must_use]
    pub fn new(instruments: usize, config: VenueRate) -> Self {
        let size = match config.rule {
            VenueRateRule::Derivatives { size, .. } => size,
            _ => BucketSize::default(),
        };
        Self { config, counters: vec![Counter::default(); instruments], bucket: Bucket::new(size) }
    }

    /// Whether the venue would let a command pass, with the reserve left if it is no cancel.
    ///
    /// # Errors
    /// [`Refusal::VenueRate`], [`Refusal::VenueOpenOrders`].
    pub fn check(&self, id: InstrumentId, charge: Charge, now: UtcTime) -> Result<(), Refusal> {
        let reserve = if charge.is_cancel() { 0 } else { self.config.reserve };
        let (cost, wait) = match self.config.rule {
            VenueRateRule::Unlimited => return Ok(()),
            VenueRateRule::Spot { tier, cancels_limited, .. } => {
                if let Charge::New { open_orders } = charge
                    && open_orders >= tier.open_orders_max
                {
                    let asked = i128::from(open_orders) + 1;
                    let numbers = Numbers::new(asked, tier.open_orders_max, 0);
                    return Err(Refusal::VenueOpenOrders(numbers));
                }
                let Some(action) = charge.action() else { return Ok(()) };
                if charge.is_cancel() && !cancels_limited {
                    return Ok(());
                }
                let Some(counter) = self.counters.get(usize::from(id.0)) else { return Ok(()) };
                let cost = action.cost();
                (cost, counter.wait(cost.saturating_add(reserve), tier, now))
            }
            VenueRateRule::Derivatives { costs, .. } => {
                let cost = charge.tokens(&costs);
                (cost, self.bucket.wait(cost.saturating_add(reserve), now))
            }
        };
        match wait {
            Some(0) => Ok(()),
            wait => Err(Refusal::VenueRate {
                cost,
                room: self.room(id, now).unwrap_or(0),
                wait_ns: wait.unwrap_or(u64::MAX),
            }),
        }
    }

    /// Nanoseconds until the cancel of an order would pass that was sent or replaced `age` nanoseconds ago,
    /// which costs less as that grows, if nothing else is sent meanwhile; `None`: it never would.
    #[must_use]
    pub fn cancel_wait(&self, id: InstrumentId, age: u64, now: UtcTime) -> Option<u64> {
        match self.config.rule {
            VenueRateRule::Spot { tier, cancels_limited: true, .. } => {
                let counter = self.counters.get(usize::from(id.0))?;
                let wait = |(later, cost)| Some(counter.wait(cost, tier, now)?.max(later));
                Action::cancel_costs(age).filter_map(wait).min()
            }
            VenueRateRule::Unlimited | VenueRateRule::Spot { .. } => Some(0),
            VenueRateRule::Derivatives { costs, .. } => self.bucket.wait(costs.cancel, now),
        }
    }

    /// Whether a cancel that the venue would refuse is kept until it would not.
    #[must_use]
    pub const fn holds_cancels(&self) -> bool {
        self.config.holds_cancels
    }

    /// Whether calls by REST are counted apart: on derivatives; on spot they use the same counters.
    #[must_use]
    pub const fn is_rest_apart(&self) -> bool {
        !matches!(self.config.rule, VenueRateRule::Spot { .. })
    }

    /// Counts a command that is sent.
    pub fn charge(&mut self, id: InstrumentId, charge: Charge, now: UtcTime) {
        match self.config.rule {
            VenueRateRule::Unlimited => {}
            VenueRateRule::Spot { tier, .. } => {
                let counter = self.counters.get_mut(usize::from(id.0));
                if let (Some(action), Some(counter)) = (charge.action(), counter) {
                    counter.add(action.cost(), tier, now);
                }
            }
            VenueRateRule::Derivatives { costs, .. } => {
                // What was checked fits; a mass cancel and a marker go out in any case.
                let _ = self.bucket.take(charge.tokens(&costs), now);
            }
        }
    }

    /// Counts a cancel by REST, which goes to the same counter on spot. What that was, to be taken back
    /// ([`Mirror::take_back`]) if the venue refuses it.
    pub fn charge_rest(&mut self, id: InstrumentId, age: u64, now: UtcTime) -> u32 {
        if self.is_rest_apart() {
            return 0;
        }
        let charge = Charge::Cancel { age };
        self.charge(id, charge, now);
        charge.action().map_or(0, Action::cost)
    }

    /// The venue has not done what these points were counted for.
    pub fn take_back(&mut self, id: InstrumentId, points: u32, now: UtcTime) {
        if let VenueRateRule::Spot { tier, .. } = self.config.rule
            && let Some(counter) = self.counters.get_mut(usize::from(id.0))
        {
            counter.take_back(points, tier, now);
        }
    }

    /// Counts an order that a mass cancel takes.
    pub fn mass_cancelled(&mut self, id: InstrumentId, age: u64, now: UtcTime) {
        if let VenueRateRule::Spot { tier, mass_cancel_points: true, .. } = self.config.rule
            && let Some(counter) = self.counters.get_mut(usize::from(id.0))
        {
            counter.add(Action::Cancel { age }.cost(), tier, now);
        }
    }

    /// Whether the mass cancel's orders are to be told by [`Mirror::mass_cancelled`].
    #[must_use]
    pub const fn counts_mass_cancels(&self) -> bool {
        matches!(self.config.rule, VenueRateRule::Spot { mass_cancel_points: true, .. })
    }

    /// Points or tokens that a command may cost now; `None` without a limit.
    #[must_use]
    pub fn room(&self, id: InstrumentId, now: UtcTime) -> Option<u32> {
        match self.config.rule {
            VenueRateRule::Unlimited => None,
            VenueRateRule::Spot { tier, .. } => {
                Some(self.counters.get(usize::from(id.0))?.room(tier, now))
            }
            VenueRateRule::Derivatives { .. } => Some(self.bucket.tokens(now)),
        }
    }

    /// Where the counter of an instrument stands, points rounded up; `None` if there is none.
    #[must_use]
    pub fn points(&self, id: InstrumentId, now: UtcTime) -> Option<u64> {
        let VenueRateRule::Spot { tier, .. } = self.config.rule else { return None };
        Some(self.counters.get(usize::from(id.0))?.points(tier, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcTime = UtcTime(1_800_000_000_000_000_000);
    const ID: InstrumentId = InstrumentId(0);

    fn spot(reserve: u32, cancels_limited: bool) -> Mirror {
        let (tier, mass_cancel_points) = (Tier::STARTER, true);
        let rule = VenueRateRule::Spot { tier, cancels_limited, mass_cancel_points };
        Mirror::new(1, VenueRate { rule, reserve, holds_cancels: true })
    }

    #[test]
    fn what_the_venue_would_refuse_is_refused_here_with_the_wait_and_cancels_keep_a_reserve() {
        let mut mirror = spot(8, true);
        let new = Charge::New { open_orders: 0 };
        let mut sent = 0;
        while mirror.check(ID, new, NOW).is_ok() {
            mirror.charge(ID, new, NOW);
            sent += 1;
        }
        assert_eq!((sent, mirror.room(ID, NOW)), (60 - 8, Some(8)));
        let refused = Refusal::VenueRate { cost: 1, room: 8, wait_ns: 1_000_000_000 };
        assert_eq!(mirror.check(ID, new, NOW), Err(refused));
        let cancel = Charge::Cancel { age: 0 };
        assert_eq!(mirror.check(ID, cancel, NOW), Ok(()), "that is what it is for");
        mirror.charge(ID, cancel, NOW);
        assert!(mirror.check(ID, cancel, NOW).is_err());
        assert_eq!(mirror.check(ID, cancel, NOW.plus_nanos(8_000_000_000)), Ok(()));
        assert_eq!(mirror.check(ID, Charge::CancelAll, NOW), Ok(()));
        mirror.mass_cancelled(ID, 0, NOW);
        assert_eq!(mirror.points(ID, NOW), Some(68));
        let old = Charge::Cancel { age: u64::MAX };
        assert!(mirror.check(ID, old, NOW).is_err(), "over the threshold even what costs nothing");
        assert_eq!(spot(0, false).check(ID, cancel, NOW), Ok(()));
    }

    #[test]
    fn an_order_too_many_is_refused_here_and_not_at_the_venue() {
        let full = Charge::New { open_orders: 60 };
        let numbers = Numbers::new(61, 60, 0);
        assert_eq!(spot(0, true).check(ID, full, NOW), Err(Refusal::VenueOpenOrders(numbers)));
    }

    #[test]
    fn on_derivatives_all_instruments_share_the_tokens_of_the_session() {
        let rule = VenueRateRule::Derivatives {
            size: BucketSize { tokens: 100, window: 10_000_000_000 },
            costs: TokenCosts::default(),
        };
        let mut mirror = Mirror::new(2, VenueRate { rule, reserve: 25, holds_cancels: true });
        for at in 0..7u16 {
            let id = InstrumentId(at % 2);
            assert_eq!(mirror.check(id, Charge::Replace { age: 0 }, NOW), Ok(()));
            mirror.charge(id, Charge::Replace { age: 0 }, NOW);
        }
        let refused = Refusal::VenueRate { cost: 10, room: 30, wait_ns: 500_000_000 };
        assert_eq!(mirror.check(ID, Charge::Replace { age: 0 }, NOW), Err(refused));
        assert_eq!(mirror.check(ID, Charge::CancelAll, NOW), Ok(()));
    }
}
