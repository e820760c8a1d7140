//! The end of the venue's day (venue file 3.5): new orders are held before it, the drop is expected,
//! both sides start at 1, and the session comes back within the window.

use taut_codec::value::UtcTime;

use super::{Cause, Conductor, LinkEvent, State, Step};

impl Conductor {
    /// The epoch of the session as it is now. If it changes within a connection at the time of a
    /// rollover, the venue has rolled over by itself.
    pub fn epoch_is(&mut self, epoch: u32, now: UtcTime) {
        let live =
            matches!(self.state, State::LoggingOn | State::Up { .. } | State::Leaving { .. });
        let before = self.epoch.replace(epoch);
        if !live || before.is_none_or(|before| before == epoch) {
            return;
        }
        if let Some(rollover) = self.config.rollover
            && rollover.count(now) > self.day
        {
            self.day = rollover.count(now);
            self.tell(LinkEvent::RolledOver { rollover: rollover.last(now), by_peer: true });
        }
    }

    /// Whether a connection that ends now ends because of the rollover: shortly before it, as the
    /// venue's clock may be ahead; until the numbers are of the new day; and until the venue is back.
    pub(super) fn is_rollover_near(&self, now: UtcTime) -> bool {
        self.config.rollover.is_some_and(|rollover| {
            rollover.count(now) > self.day
                || now >= rollover.hold_from(now)
                || (self.rolled && now < rollover.window_end(now))
        })
    }

    pub(super) fn rollover_step(&mut self, now: UtcTime) -> Option<Step> {
        let rollover = self.config.rollover?;
        let count = rollover.count(now);
        if count.saturating_add(1) < self.day {
            // The clock was days ahead, and is right now.
            self.day = count;
        }
        let due = count > self.day;
        let hold = due || now >= rollover.hold_from(now);
        if hold && !self.held {
            let rollover = if due { rollover.last(now) } else { rollover.next(now) };
            self.tell(LinkEvent::Held { rollover });
        } else if self.held && !hold {
            self.tell(LinkEvent::Released);
        }
        self.held = hold;
        if !due {
            return None;
        }
        match self.state {
            State::Waiting { .. } | State::Dialling { .. } => {
                (self.day, self.rolled) = (count, true);
                (self.force_reset, self.skip_to) = (false, None);
                self.tell(LinkEvent::RolledOver { rollover: rollover.last(now), by_peer: false });
                Some(Step::RollOver)
            }
            State::Up { since } if now >= rollover.window_end(now) => {
                self.state = State::Leaving { since };
                self.tell(LinkEvent::NotDropped);
                Some(Step::LogOut)
            }
            // The drop is expected, or the logon comes to its end; then the numbers start anew.
            State::Up { .. } | State::LoggingOn | State::Leaving { .. } | State::Over => None,
        }
    }

    pub(super) fn rollover_deadline(&self, now: UtcTime) -> UtcTime {
        let Some(rollover) = self.config.rollover else { return UtcTime(u64::MAX) };
        if rollover.count(now) > self.day {
            return match self.state {
                State::Up { .. } => rollover.window_end(now),
                State::Waiting { .. } | State::Dialling { .. } => now,
                _ => rollover.next(now),
            };
        }
        if self.held { rollover.next(now) } else { rollover.hold_from(now) }
    }

    /// The next attempt comes at any time between the rollover and the end of its window.
    pub(super) fn wait_for_rollover(&mut self, now: UtcTime) {
        let Some(rollover) = self.config.rollover else { return };
        let is_past =
            rollover.count(now) > self.day || self.rolled && now < rollover.window_end(now);
        let (from, to) = if is_past {
            (now, rollover.window_end(now))
        } else {
            let next = rollover.next(now);
            (next, rollover.window_end(next))
        };
        let first = self.config.reconnect.first.as_nanos() as u64;
        let chance = self.rng.u64(0..=to.nanos_since(from));
        let nanos = from.nanos_since(now).saturating_add(chance.max(first / 2));
        self.wait(nanos, Cause::Rollover, now);
    }
}
