//! What the application was given and has not handled yet: the journal does not run ahead of it.
//!
//! A message's number is used up, for the next life, once the application has handled what the message
//! became. On one thread that is so when it was pushed. Where events cross a ring, the number waits here
//! until the other side has taken them out; and since the strategy takes an event out before its commands
//! come back, no command leaves before the number of the message that caused it is stored.

use std::collections::VecDeque;

use taut_codec::value::UtcTime;

use super::{EventSink, Lane};
use crate::journal::{AppendError, Keeper};
use crate::limits::EVENT_RING;
use crate::touched;

/// Of one session with a journal.
pub(super) struct UnderWay {
    /// Behind how many events the numbers below which are used up, oldest first. Each stands for an event
    /// of its own, so there are no more than the ring holds.
    marks: VecDeque<(u64, u64)>,
    epoch: u32,
}

impl UnderWay {
    /// Room for everything that the ring holds.
    pub(super) fn new() -> Self {
        Self { marks: touched::deque(EVENT_RING), epoch: 0 }
    }

    /// Every number below `next_in` is used up when so many events have been handled.
    fn push(&mut self, position: u64, next_in: u64) {
        let full = self.marks.len() == self.marks.capacity();
        match self.marks.back_mut() {
            Some(last) if last.0 == position || full => *last = (position, next_in),
            _ => self.marks.push_back((position, next_in)),
        }
    }

    /// Below which number all are used up, now that so many events have been handled, if that is news.
    fn pop(&mut self, handled: u64) -> Option<u64> {
        let mut next_in = None;
        while let Some(&(_, next)) = self.marks.front().filter(|mark| mark.0 <= handled) {
            next_in = Some(next);
            self.marks.pop_front();
        }
        next_in
    }

    /// Whether the numbers started anew or were lowered behind the last mark: none of the marks holds.
    fn is_void(&self, epoch: u32, next_in: u64) -> bool {
        self.epoch != epoch || self.marks.back().is_some_and(|mark| next_in < mark.1)
    }
}

impl Lane {
    /// Stores what the session has taken, which was pushed already: now, if all that was pushed is handled.
    pub(super) fn store_taken(
        &mut self,
        taken: Option<(u64, &[u8])>,
        now: UtcTime,
        sink: &impl EventSink,
    ) -> Result<(), AppendError> {
        let Some(under_way) = &mut self.under_way else { return Ok(()) };
        let (epoch, next_in) = (self.session.epoch(), self.session.next_in());
        if under_way.is_void(epoch, next_in) {
            under_way.marks.clear();
            under_way.epoch = epoch;
        }
        let pushed = sink.pushed();
        if sink.handled() == pushed {
            under_way.marks.clear();
            return Keeper::inbound(&mut self.session, taken, now);
        }
        Keeper::ahead(&mut self.session, taken, now)?;
        under_way.push(pushed, next_in);
        Ok(())
    }

    /// Notes what the application has handled meanwhile.
    pub(super) fn note_handled(&mut self, sink: &impl EventSink) {
        let Some(under_way) = &mut self.under_way else { return };
        if let Some(next_in) = under_way.pop(sink.handled())
            && under_way.epoch == self.session.epoch()
        {
            let noted = Keeper::handed_over(&mut self.session, next_in);
            self.journal_failed = self.journal_failed.or(noted.err());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_up_in_the_order_of_the_events_that_they_became() {
        let mut under_way = UnderWay::new();
        // A report of two events, a Heartbeat that became none, a report.
        under_way.push(2, 8);
        under_way.push(2, 9);
        under_way.push(3, 10);
        assert_eq!((under_way.pop(1), under_way.pop(2), under_way.pop(2)), (None, Some(9), None));
        assert_eq!((under_way.pop(7), under_way.pop(9)), (Some(10), None));
    }

    #[test]
    fn marks_without_room_wait_for_the_later_event() {
        let mut under_way = UnderWay { marks: VecDeque::with_capacity(4), epoch: 0 };
        let room = under_way.marks.capacity() as u64;
        for position in 1..=room + 3 {
            under_way.push(position, position + 100);
        }
        assert_eq!(under_way.marks.len() as u64, room);
        assert_eq!(under_way.pop(room), Some(room + 99));
        assert_eq!(under_way.pop(room + 3), Some(room + 103));
    }

    #[test]
    fn numbers_that_start_anew_or_go_down_make_marks_void() {
        let mut under_way = UnderWay::new();
        under_way.push(1, 50);
        assert!(!under_way.is_void(0, 50) && under_way.is_void(0, 49) && under_way.is_void(1, 60));
    }
}
