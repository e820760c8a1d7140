//! How a run went over time: what it timed, by tenths of a second.

use serde::Serialize;
use taut_codec::value::UtcTime;

/// Length of a slice.
const SLICE_NS: u64 = 100_000_000;
/// Slices that are kept: ten minutes.
const SLICES_MAX: usize = 6_000;

/// A stretch of the time line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Slice {
    /// What was timed.
    pub count: u64,
    /// Sum of the times, ns.
    pub sum_ns: u64,
    /// Longest, ns.
    pub max_ns: u64,
}

/// Slices from the first time on. Its memory is there from the start: it is filled on the path.
pub struct TimeLine {
    first: Option<UtcTime>,
    slices: Vec<Slice>,
}

impl TimeLine {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { first: None, slices: Vec::with_capacity(SLICES_MAX) }
    }

    /// Something ended `now` and took so many nanoseconds.
    pub fn note(&mut self, now: UtcTime, took: u64) {
        let first = *self.first.get_or_insert(now);
        let at = (now.nanos_since(first) / SLICE_NS) as usize;
        while self.slices.len() <= at && self.slices.len() < SLICES_MAX {
            self.slices.push(Slice::default());
        }
        if let Some(slice) = self.slices.get_mut(at) {
            slice.count += 1;
            slice.sum_ns += took;
            slice.max_ns = slice.max_ns.max(took);
        }
    }

    /// From the first to the last in which something was timed.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_the_tenth_of_a_second_in_which_it_ended() {
        let mut line = TimeLine::new();
        let begun = 5 * SLICE_NS;
        for (at, took) in [(0, 7), (SLICE_NS - 1, 9), (2 * SLICE_NS, 1)] {
            line.note(UtcTime(begun + at), took);
        }
        let (two, one) =
            (Slice { count: 2, sum_ns: 16, max_ns: 9 }, Slice { count: 1, sum_ns: 1, max_ns: 1 });
        assert_eq!(line.slices(), [two, Slice::default(), one]);
        line.note(UtcTime(begun + SLICE_NS * SLICES_MAX as u64), 3);
        assert_eq!(line.slices().iter().map(|slice| slice.count).sum::<u64>(), 3, "it has an end");
    }
}
