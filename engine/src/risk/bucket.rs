//! How many commands may leave in how much time.

use taut_codec::value::UtcTime;

/// A token bucket in whole nanoseconds: a command costs the nanoseconds that the rate gives it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    cost_nanos: u64,
    size_nanos: u64,
    level_nanos: u64,
    at: UtcTime,
}

impl Bucket {
    pub fn new(per_second: u32, burst: u32) -> Self {
        // A rate of zero is a bucket that never holds anything.
        let (cost_nanos, size_nanos) = match 1_000_000_000u64.checked_div(u64::from(per_second)) {
            Some(cost) => (cost.max(1), cost.max(1).saturating_mul(u64::from(burst))),
            None => (1, 0),
        };
        Self { cost_nanos, size_nanos, level_nanos: size_nanos, at: UtcTime(0) }
    }

    /// Commands that could be sent at once.
    pub fn head_room(&mut self, now: UtcTime) -> u32 {
        self.refill(now);
        (self.level_nanos / self.cost_nanos).min(u64::from(u32::MAX)) as u32
    }

    /// Nanoseconds until one command can be sent, 0 if it can be now; `u64::MAX`: never.
    pub fn wait(&mut self, now: UtcTime) -> u64 {
        self.refill(now);
        if self.size_nanos < self.cost_nanos {
            return u64::MAX;
        }
        self.cost_nanos.saturating_sub(self.level_nanos)
    }

    /// Takes one command's cost or what is left.
    pub fn take(&mut self, now: UtcTime) {
        self.refill(now);
        self.level_nanos = self.level_nanos.saturating_sub(self.cost_nanos);
    }

    fn refill(&mut self, now: UtcTime) {
        let gained = now.nanos_since(self.at);
        self.at = self.at.max(now);
        self.level_nanos = self.level_nanos.saturating_add(gained).min(self.size_nanos);
    }

    /// A bucket of another rate with as much in it as this one, if that fits.
    pub fn changed(mut self, per_second: u32, burst: u32, now: UtcTime) -> Self {
        let commands = u64::from(self.head_room(now));
        let mut new = Self::new(per_second, burst);
        new.level_nanos = commands.saturating_mul(new.cost_nanos).min(new.size_nanos);
        new.at = now;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(10, 3);
        let start = UtcTime::from_millis(1_000);
        for _ in 0..3 {
            assert_eq!(bucket.wait(start), 0);
            bucket.take(start);
        }
        assert_eq!(bucket.wait(start), 100_000_000);
        assert_eq!(bucket.wait(start.plus_nanos(99_999_999)), 1);
        assert_eq!(bucket.wait(start.plus_nanos(100_000_000)), 0);
        bucket.take(start.plus_nanos(100_000_000));
        assert_eq!(bucket.head_room(start.plus_nanos(10_000_000_000)), 3);
        assert_eq!(Bucket::new(0, 5).wait(start), u64::MAX, "a rate of zero passes nothing");
        assert_eq!(Bucket::new(5, 0).wait(start), u64::MAX, "and so does a burst of zero");
    }

    #[test]
    fn a_changed_rate_keeps_what_is_left_but_not_more_than_fits() {
        let mut bucket = Bucket::new(10, 5);
        let start = UtcTime::from_millis(1_000);
        (0..3).for_each(|_| bucket.take(start));
        assert_eq!(bucket.changed(10, 1, start).head_room(start), 1);
        assert_eq!(bucket.changed(10, 50, start).head_room(start), 2);
    }
}
