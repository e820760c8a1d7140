//! The one seam through which time enters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use taut_codec::value::UtcTime;

/// UTC time and stage stamps. In production both come from the TSC (`quanta`), so the time of day
/// never steps while a session runs; in a simulation both come from a counter that the simulation
/// moves.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    Tsc {
        clock: quanta::Clock,
        /// UTC nanoseconds and scaled ticks taken together at start.
        utc_at_start: u64,
        ticks_at_start: u64,
    },
    Virtual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock. UTC is read once from the system; later readings advance by the TSC.
    #[must_use]
    pub fn system() -> Self {
        let clock = quanta::Clock::new();
        let ticks_at_start = clock.delta_as_nanos(0, clock.raw());
        let utc_at_start = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos() as u64);
        Self(Source::Tsc { clock, utc_at_start, ticks_at_start })
    }

    /// A clock that stands still until `nanos` (UTC since the epoch) is changed by its owner.
    #[must_use]
    pub const fn virtual_at(nanos: Arc<AtomicU64>) -> Self {
        Self(Source::Virtual(nanos))
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> UtcTime {
        match &self.0 {
            Source::Tsc { clock, utc_at_start, ticks_at_start } => {
                let elapsed = clock.delta_as_nanos(0, clock.raw()).saturating_sub(*ticks_at_start);
                UtcTime(utc_at_start + elapsed)
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

    /// Nanoseconds between two stamps, 0 if `later` is not later.
    #[must_use]
    pub fn nanos_between(&self, earlier: u64, later: u64) -> u64 {
        match &self.0 {
            Source::Tsc { clock, .. } => clock.delta_as_nanos(earlier, later),
            Source::Virtual(_) => later.saturating_sub(earlier),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_system_clock_agrees_with_the_system_and_never_goes_back() {
        let clock = Clock::system();
        let system = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos() as u64);
        assert!(clock.now().0.abs_diff(system) < 60_000_000_000, "same minute");
        let (first, second) = (clock.now(), clock.now());
        assert!(second >= first);
    }
}
