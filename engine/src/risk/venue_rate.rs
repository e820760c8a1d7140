//! Kraken's rate limits (venue file section 7) in exact integers: the counters that the venue keeps,
//! and that whoever trades there can keep beside it.
//!
//! Spot has a counter per client and pair. Each transaction adds points, more of them the younger the
//! order is that it touches; the counter falls with time. Derivatives have a bucket of tokens per
//! session.
//!
//! ```
//! use taut::risk::venue_rate::{Action, Counter, Tier};
//! use taut_codec::value::UtcTime;
//!
//! let (mut counter, now) = (Counter::default(), UtcTime(1_000_000_000));
//! counter.charge(Action::Add, Tier::PRO, now).unwrap();
//! assert_eq!(counter.points(Tier::PRO, now), 1);
//! ```

use taut_codec::value::UtcTime;

/// Units of a counter in one point. In it the decay of every tier is a whole number per nanosecond.
pub const POINT: u64 = 100_000_000_000;

const SECOND: u64 = 1_000_000_000;

/// How fast a counter falls, how high it may be, and how many orders may be open on a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Decay in hundredths of a point per second, which are units per nanosecond.
    pub decay: u32,
    /// Points that a counter may reach.
    pub threshold: u32,
    /// Open orders per pair.
    pub open_orders_max: u32,
}

impl Tier {
    /// 1 point a second, 60 points, 60 orders.
    pub const STARTER: Self = Self { decay: 100, threshold: 60, open_orders_max: 60 };
    /// 2.34 points a second, 125 points, 80 orders.
    pub const INTERMEDIATE: Self = Self { decay: 234, threshold: 125, open_orders_max: 80 };
    /// 3.75 points a second, 180 points, 225 orders.
    pub const PRO: Self = Self { decay: 375, threshold: 180, open_orders_max: 225 };

    /// The pool that the sub-accounts of one client share: five times the individual one.
    #[must_use]
    pub const fn domain(self) -> Self {
        const TIMES: u32 = 5;
        Self {
            decay: self.decay * TIMES,
            threshold: self.threshold * TIMES,
            open_orders_max: self.open_orders_max * TIMES,
        }
    }
}

/// A transaction on a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A new order.
    Add,
    /// An amend of an order that was created or last amended this long ago.
    Amend {
        /// Nanoseconds.
        age: u64,
    },
    /// A cancel of an order that was created or last amended this long ago. An order that was filled
    /// costs nothing.
    Cancel {
        /// Nanoseconds.
        age: u64,
    },
}

/// Age below which it holds, seconds; points of an amend; points of a cancel.
const PENALTIES: [(u64, u32, u32); 6] =
    [(5, 3, 8), (10, 2, 6), (15, 1, 5), (45, 0, 4), (90, 0, 2), (300, 0, 1)];

impl Action {
    /// Points that are due also if the transaction is refused.
    #[must_use]
    pub const fn fixed(self) -> u32 {
        match self {
            Self::Add | Self::Amend { .. } => 1,
            Self::Cancel { .. } => 0,
        }
    }

    /// Points for touching a young order.
    #[must_use]
    pub fn penalty(self) -> u32 {
        let row = |age| PENALTIES.into_iter().find(|&(below, ..)| age < below * SECOND);
        match self {
            Self::Add => 0,
            Self::Amend { age } => row(age).map_or(0, |(_, amend, _)| amend),
            Self::Cancel { age } => row(age).map_or(0, |(.., cancel)| cancel),
        }
    }

    /// What a cancel costs of an order that was created or last amended `age` nanoseconds ago: now, and from
    /// so many nanoseconds on.
    pub fn cancel_costs(age: u64) -> impl Iterator<Item = (u64, u32)> {
        let cheaper = PENALTIES.into_iter().map(move |(below, ..)| below * SECOND);
        let later = cheaper.filter(move |&from| from > age).map(move |from| from - age);
        std::iter::once(0)
            .chain(later)
            .map(move |later| (later, Self::Cancel { age: age.saturating_add(later) }.cost()))
    }

    /// All of its points.
    #[must_use]
    pub fn cost(self) -> u32 {
        self.fixed() + self.penalty()
    }
}

/// The counter is as high as it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("rate limit exceeded")]
pub struct Exceeded;

/// A counter of one client on one pair. Starts at zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counter {
    units: u64,
    at: UtcTime,
}

impl Counter {
    /// As it was kept; see [`Counter::parts`].
    #[must_use]
    pub const fn from_parts(units: u64, at: UtcTime) -> Self {
        Self { units, at }
    }

    /// What has to be kept for the next life of a process: units of 1 / [`POINT`] points, and when they
    /// were counted.
    #[must_use]
    pub const fn parts(&self) -> (u64, UtcTime) {
        (self.units, self.at)
    }

    /// Adds a transaction's points if the counter stays within the tier's threshold; if not, only its
    /// fixed part is added.
    ///
    /// # Errors
    /// [`Exceeded`]: the transaction is to be refused.
    pub fn charge(&mut self, action: Action, tier: Tier, now: UtcTime) -> Result<(), Exceeded> {
        self.decay(tier, now);
        let with = |points: u32| self.units.saturating_add(u64::from(points) * POINT);
        let whole = with(action.cost());
        if whole > u64::from(tier.threshold) * POINT {
            self.units = with(action.fixed());
            return Err(Exceeded);
        }
        self.units = whole;
        Ok(())
    }

    /// Adds the points of what was done without asking, however high the counter gets.
    pub fn add(&mut self, points: u32, tier: Tier, now: UtcTime) {
        self.decay(tier, now);
        self.units = self.units.saturating_add(u64::from(points) * POINT);
    }

    /// Takes back points that were added for what the venue did not do.
    pub fn take_back(&mut self, points: u32, tier: Tier, now: UtcTime) {
        self.decay(tier, now);
        self.units = self.units.saturating_sub(u64::from(points) * POINT);
    }

    /// Where it stands, whole points, rounded up.
    #[must_use]
    pub fn points(&self, tier: Tier, now: UtcTime) -> u64 {
        self.level(tier, now).div_ceil(POINT)
    }

    /// Points that a transaction may cost now.
    #[must_use]
    pub fn room(&self, tier: Tier, now: UtcTime) -> u32 {
        let free = (u64::from(tier.threshold) * POINT).saturating_sub(self.level(tier, now));
        (free / POINT) as u32
    }

    /// Nanoseconds until there is room for a transaction of `cost` points; `None` if there never is.
    #[must_use]
    pub fn wait(&self, cost: u32, tier: Tier, now: UtcTime) -> Option<u64> {
        let most = u64::from(tier.threshold.checked_sub(cost)?) * POINT;
        let over = self.level(tier, now).saturating_sub(most);
        match tier.decay {
            0 => (over == 0).then_some(0),
            decay => Some(over.div_ceil(u64::from(decay))),
        }
    }

    fn level(&self, tier: Tier, now: UtcTime) -> u64 {
        let fallen = now.nanos_since(self.at).saturating_mul(u64::from(tier.decay));
        self.units.saturating_sub(fallen)
    }

    fn decay(&mut self, tier: Tier, now: UtcTime) {
        self.units = self.level(tier, now);
        self.at = self.at.max(now);
    }
}

/// The size of a derivatives bucket. Kraken does not say it for FIX; the defaults are those of REST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketSize {
    /// Tokens in a full bucket.
    pub tokens: u32,
    /// An empty bucket is full again after this many nanoseconds.
    pub window: u64,
}

impl Default for BucketSize {
    fn default() -> Self {
        Self { tokens: 500, window: 10 * SECOND }
    }
}

/// A bucket of tokens that fills evenly. Starts full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    size: BucketSize,
    /// What is missing, in tokens times `window`: then `tokens` of them come back per nanosecond.
    missing: u128,
    at: UtcTime,
}

impl Bucket {
    /// As it was kept; see [`Bucket::parts`].
    #[must_use]
    pub const fn from_parts(size: BucketSize, missing: u128, at: UtcTime) -> Self {
        Self { size, missing, at }
    }

    /// What has to be kept for the next life of a process: what is missing, in tokens times the window, and
    /// when it was counted.
    #[must_use]
    pub const fn parts(&self) -> (u128, UtcTime) {
        (self.missing, self.at)
    }

    /// How large it is.
    #[must_use]
    pub const fn size(&self) -> BucketSize {
        self.size
    }

    /// A full bucket.
    #[must_use]
    pub const fn new(size: BucketSize) -> Self {
        Self { size, missing: 0, at: UtcTime(0) }
    }

    /// Takes tokens.
    ///
    /// # Errors
    /// [`Exceeded`] if there are too few; then none is taken.
    pub fn take(&mut self, tokens: u32, now: UtcTime) -> Result<(), Exceeded> {
        self.missing = self.missing_at(now);
        self.at = self.at.max(now);
        let after = self.missing + u128::from(tokens) * u128::from(self.size.window);
        if after > u128::from(self.size.tokens) * u128::from(self.size.window) {
            return Err(Exceeded);
        }
        self.missing = after;
        Ok(())
    }

    /// Whole tokens in it.
    #[must_use]
    pub fn tokens(&self, now: UtcTime) -> u32 {
        let window = u128::from(self.size.window.max(1));
        self.size.tokens.saturating_sub(self.missing_at(now).div_ceil(window) as u32)
    }

    /// Nanoseconds until so many can be taken; `None` if they never can.
    #[must_use]
    pub fn wait(&self, tokens: u32, now: UtcTime) -> Option<u64> {
        let (size, window) = (u128::from(self.size.tokens), u128::from(self.size.window));
        let free = u128::from(self.size.tokens.checked_sub(tokens)?) * window;
        let over = self.missing_at(now).saturating_sub(free);
        if over == 0 {
            return Some(0);
        }
        Some(u64::try_from(over.div_ceil(size)).unwrap_or(u64::MAX))
    }

    fn missing_at(&self, now: UtcTime) -> u128 {
        let back = u128::from(now.nanos_since(self.at)) * u128::from(self.size.tokens);
        self.missing.saturating_sub(back)
    }
}

#[cfg(test)]
mod tests;
