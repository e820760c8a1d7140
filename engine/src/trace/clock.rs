//! The one seam through which time enters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use taut_codec::value::UtcTime;

/// UTC time and stage stamps. In production both come from the TSC (`quanta`); the time of day is
/// held to the system's by [`Clock::discipline`]. It may step back by a tenth of the time between two
/// corrections at most, so whoever subtracts times saturates ([`UtcTime::nanos_since`]). In a simulation
/// both come from a counter that the simulation moves.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    Tsc {
        clock: quanta::Clock,
        /// What is added to the nanoseconds of the TSC to make UTC.
        offset: Arc<AtomicU64>,
        /// Nanoseconds of the TSC when `offset` was last set.
        set_at: Arc<AtomicU64>,
    },
    Virtual(Arc<AtomicU64>),
}

/// How much of the time between two corrections one of them may take back.
const SLOWEST_PERCENT: u64 = 10;

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        let clock = quanta::Clock::new();
        let nanos = clock.delta_as_nanos(0, clock.raw());
        let offset = Arc::new(AtomicU64::new(system_utc().wrapping_sub(nanos)));
        Self(Source::Tsc { clock, offset, set_at: Arc::new(AtomicU64::new(nanos)) })
    }

    /// The machine's clock, but so many nanoseconds ahead of the system's (behind, if negative) until it is
    /// disciplined: as after a step of the system's clock.
    #[must_use]
    pub fn system_stepped(nanos: i64) -> Self {
        let clock = Self::system();
        if let Source::Tsc { offset, .. } = &clock.0 {
            offset.fetch_add(nanos as u64, Ordering::Relaxed);
        }
        clock
    }

    /// A clock that stands still until `nanos` (UTC since the epoch) is changed by its owner.
    #[must_use]
    pub const fn virtual_at(nanos: Arc<AtomicU64>) -> Self {
        Self(Source::Virtual(nanos))
    }

    /// Brings the time of day back to the system's, for all clones of this clock. The TSC's rate is
    /// measured at start and a little wrong; uncorrected it would be seconds off after a day, and a
    /// Logon would be refused (venue file 2.1). To be called a few times a second, by one thread, off
    /// the path.
    pub fn discipline(&self) {
        if let Source::Tsc { clock, offset, set_at } = &self.0 {
            let nanos = clock.delta_as_nanos(0, clock.raw());
            let elapsed = nanos.saturating_sub(set_at.swap(nanos, Ordering::Relaxed));
            let wanted = system_utc().wrapping_sub(nanos);
            offset.store(
                next_offset(offset.load(Ordering::Relaxed), wanted, elapsed),
                Ordering::Relaxed,
            );
        }
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> UtcTime {
        match &self.0 {
            Source::Tsc { clock, offset, .. } => {
                let nanos = clock.delta_as_nanos(0, clock.raw());
                UtcTime(nanos.wrapping_add(offset.load(Ordering::Relaxed)))
            }
            Source::Virtual(nanos) => UtcTime(nanos.load(Ordering::Relaxed)),
        }
    }

    /// A stage stamp in raw ticks; never 0.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        match &self.0 {
            Source::Tsc { clock, .. } => clock.raw().max(1),
            Source::Virtual(nanos) => nanos.load(Ordering::Relaxed).max(1),
        }
    }

    /// The stamp of a moment of the system's time of day, nanoseconds of UTC, such as the kernel puts on what it
    /// receives; never 0, and the present one for a moment that has not come.
    #[must_use]
    pub fn ticks_at(&self, utc_nanos: u64) -> u64 {
        match &self.0 {
            Source::Tsc { clock, .. } => {
                let (ticks, age) = (clock.raw(), system_utc().saturating_sub(utc_nanos));
                const SPAN: u64 = 1 << 32;
                let span_nanos = clock.delta_as_nanos(0, SPAN).max(1);
                let back = u128::from(age) * u128::from(SPAN) / u128::from(span_nanos);
                ticks.saturating_sub(u64::try_from(back).unwrap_or(u64::MAX)).max(1)
            }
            Source::Virtual(nanos) => utc_nanos.min(nanos.load(Ordering::Relaxed)).max(1),
        }
    }

    /// Nanoseconds between two stamps, 0 if `later` is not later.
    #[must_use]
    pub fn nanos_between(&self, earlier: u64, later: u64) -> u64 {
        match &self.0 {
            Source::Tsc { clock, .. } => clock.delta_as_nanos(earlier, later),
            Source::Virtual(_) => later.saturating_sub(earlier),
        }
    }
}

fn system_utc() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
}

/// Ahead at once, back in small steps.
fn next_offset(current: u64, wanted: u64, elapsed: u64) -> u64 {
    let ahead = wanted.wrapping_sub(current) as i64;
    let back_max = (elapsed / 100 * SLOWEST_PERCENT) as i64;
    current.wrapping_add(ahead.max(-back_max) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_goes_ahead_at_once_and_back_in_small_steps() {
        assert_eq!(next_offset(1_000, 5_000, 100), 5_000);
        assert_eq!(next_offset(5_000, 4_999, 100), 4_999);
        assert_eq!(next_offset(5_000, 1_000, 100), 4_990);
        assert_eq!(next_offset(0, 5u64.wrapping_neg(), 1_000), 5u64.wrapping_neg());
    }

    #[test]
    fn a_disciplined_clock_follows_the_system_in_every_clone() {
        // As if its rate had been a little low for a long time.
        let clock = Clock::system_stepped(-3_000_000_000);
        let clone = clock.clone();
        let before = clone.now();
        clock.discipline();
        let after = clone.now();
        assert!(after.nanos_since(before) >= 2_900_000_000, "the clone was corrected too");
    }

    #[test]
    fn a_virtual_clock_moves_only_when_its_owner_moves_it() {
        let nanos = Arc::new(AtomicU64::new(1_000));
        let clock = Clock::virtual_at(nanos.clone());
        let (now, ticks) = (clock.now(), clock.ticks());
        assert_eq!((now, clock.now()), (UtcTime(1_000), now));
        nanos.store(5_000, Ordering::Relaxed);
        assert_eq!(clock.now(), UtcTime(5_000));
        assert_eq!(clock.nanos_between(ticks, clock.ticks()), 4_000);
    }

    #[test]
    fn a_moment_of_the_system_becomes_a_stamp_between_those_taken_around_it() {
        let clock = Clock::system();
        let before = clock.ticks();
        let moment = system_utc();
        let after = clock.ticks();
        let at = clock.ticks_at(moment);
        // The two clocks are read one after the other, and a thread may be interrupted between: the difference is
        // bounded by what lies around both.
        let around = clock.nanos_between(before, clock.ticks());
        assert!(clock.nanos_between(before, at) <= around, "not after the present");
        assert!(at <= clock.ticks());
        let second_ago = clock.ticks_at(moment - 1_000_000_000);
        let age = clock.nanos_between(second_ago, after);
        assert!((990_000_000..60_000_000_000).contains(&age), "{age} ns");
        assert!(clock.ticks_at(u64::MAX) <= clock.ticks(), "the future is now");
        assert_eq!(clock.ticks_at(0), 1, "before the machine's start");
        let virtual_clock = Clock::virtual_at(Arc::new(AtomicU64::new(50)));
        assert_eq!([0, 20, 70].map(|at| virtual_clock.ticks_at(at)), [1, 20, 50]);
    }

    #[test]
    fn the_system_clock_agrees_with_the_system_and_advances() {
        let clock = Clock::system();
        assert!(clock.now().0.abs_diff(system_utc()) < 60_000_000_000, "same minute");
        let (first, second) = (clock.now(), clock.now());
        assert!(second >= first);
    }
}
