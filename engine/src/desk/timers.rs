//! A strategy's timers.

use taut_codec::value::UtcTime;

use crate::limits::TIMERS_MAX;
use crate::risk::Refusal;
use crate::strategy::TimerId;

#[derive(Debug, Clone, Copy)]
struct Timer {
    id: TimerId,
    at: UtcTime,
    /// Counts the settings, so that one that is set while others fire waits for the next round.
    armed: u64,
}

/// Few timers, so a plain list beats a wheel.
#[derive(Debug)]
pub(crate) struct Timers {
    list: Vec<Timer>,
    armed: u64,
}

impl Timers {
    pub fn new() -> Self {
        Self { list: Vec::with_capacity(TIMERS_MAX), armed: 0 }
    }

    pub fn set(&mut self, id: TimerId, at: UtcTime) -> Result<(), Refusal> {
        self.armed += 1;
        let timer = Timer { id, at, armed: self.armed };
        if let Some(old) = self.list.iter_mut().find(|old| old.id == id) {
            *old = timer;
        } else if self.list.len() == TIMERS_MAX {
            return Err(Refusal::TooManyTimers);
        } else {
            self.list.push(timer);
        }
        Ok(())
    }

    pub fn cancel(&mut self, id: TimerId) {
        self.list.retain(|timer| timer.id != id);
    }

    /// When the next is due.
    pub fn next(&self) -> Option<UtcTime> {
        self.list.iter().map(|timer| timer.at).min()
    }

    /// Marks the beginning of a round of [`Timers::pop`].
    pub const fn round(&self) -> u64 {
        self.armed
    }

    /// The earliest that is due and was set before the round.
    pub fn pop(&mut self, now: UtcTime, round: u64) -> Option<TimerId> {
        let due = |timer: &&Timer| timer.at <= now && timer.armed <= round;
        let first = self.list.iter().filter(due).min_by_key(|t| (t.at, t.armed))?.id;
        self.cancel(first);
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_the_order_of_their_times_and_once() {
        let mut timers = Timers::new();
        for (id, at) in [(1, 30), (2, 10), (3, 20), (1, 5)] {
            timers.set(TimerId(id), UtcTime(at)).unwrap();
        }
        assert_eq!(timers.next(), Some(UtcTime(5)));
        let round = timers.round();
        let fired: Vec<_> =
            std::iter::from_fn(|| timers.pop(UtcTime(15), round)).map(|t| t.0).collect();
        assert_eq!(fired, [1, 2]);
        timers.set(TimerId(9), UtcTime(1)).unwrap();
        assert_eq!(timers.pop(UtcTime(15), round), None, "it waits for the next round");
        assert_eq!(timers.pop(UtcTime(15), timers.round()), Some(TimerId(9)));
    }

    #[test]
    fn one_timer_too_many_is_refused() {
        let mut timers = Timers::new();
        for id in 0..TIMERS_MAX as u16 {
            timers.set(TimerId(id), UtcTime(1)).unwrap();
        }
        assert_eq!(timers.set(TimerId(9_999), UtcTime(1)), Err(Refusal::TooManyTimers));
        assert_eq!(timers.set(TimerId(0), UtcTime(2)), Ok(()));
    }
}
