//! The sequence numbers: where they start, and who may set them.

use taut_codec::value::UtcTime;

use super::{Asked, Phase, Session, SessionEvent};
use crate::limits;

/// Why [`Session::skip_to`] left the numbers as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipError {
    /// There is a connection.
    InUse,
    /// The number has been used already.
    Lower,
    /// It is farther away than [`limits::SEQ_JUMP_MAX`], or above [`limits::SEQ_NUM_MAX`]: whoever names
    /// such a number is mistaken, and the numbers would be useless behind it.
    TooFar,
}

/// Each of the two numbers, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ends {
    /// What is expected of the peer.
    pub next_in: bool,
    /// Our own.
    pub next_out: bool,
}

impl Ends {
    pub const BOTH: Self = Self { next_in: true, next_out: true };
    pub const NEITHER: Self = Self { next_in: false, next_out: false };
}

impl Session {
    /// Both spaces start at 1 again and the epoch goes up: the venue's daily rollover (venue file
    /// 3.5). Does nothing, and says so by `false`, while the session is in use.
    pub fn rollover(&mut self) -> bool {
        let idle = matches!(self.phase, Phase::Disconnected | Phase::Closing);
        if idle {
            self.reset_numbers();
        }
        idle
    }

    /// Whether the next Logon asks that both sides start at 1, in place of
    /// [`SessionConfig::reset_on_logon`](super::SessionConfig::reset_on_logon). For an initiator between two connections.
    pub fn set_reset_on_logon(&mut self, reset: bool) {
        self.config.reset_on_logon = reset;
    }

    /// The next number that we use becomes `next_out`, if that is higher: the peer expects it, and will
    /// never ask for what is left out.
    ///
    /// # Errors
    /// [`SkipError`]; then nothing is changed.
    pub fn skip_to(&mut self, next_out: u64) -> Result<(), SkipError> {
        if self.phase != Phase::Disconnected {
            return Err(SkipError::InUse);
        }
        let skipped = next_out.checked_sub(self.next_out).ok_or(SkipError::Lower)?;
        if skipped > limits::SEQ_JUMP_MAX || next_out > limits::SEQ_NUM_MAX {
            return Err(SkipError::TooFar);
        }
        self.next_out = next_out;
        Ok(())
    }

    /// Continues an earlier life's numbers, each at least 1. Does nothing, and says so by `false`,
    /// unless disconnected.
    pub fn restore(&mut self, epoch: u32, next_in: u64, next_out: u64) -> bool {
        let numbers = 1..=limits::SEQ_NUM_MAX;
        let valid = numbers.contains(&next_in) && numbers.contains(&next_out);
        let idle = self.phase == Phase::Disconnected;
        if idle && valid {
            (self.epoch, self.next_in, self.next_out) = (epoch, next_in, next_out);
        }
        idle && valid
    }

    /// Sets the next numbers by hand, whatever the phase: an operator's tool, for a peer that has lost
    /// its state (FIX session case 9). The next Logon does not reset them unless the peer asks for it
    /// by 141=Y, whatever [`SessionConfig::reset_on_logon`](super::SessionConfig::reset_on_logon) of an acceptor says. If our numbers go down,
    /// what was sent under those that come again is never sent a second time. `false`, and nothing is
    /// set, if a number is not valid.
    pub fn set_numbers(&mut self, next_in: u64, next_out: u64) -> bool {
        self.set_by_hand(Some(next_in), Some(next_out))
    }

    /// [`Session::set_numbers`] of the number that is expected of the peer alone: a Logon that resets still
    /// has ours start at 1.
    pub fn set_next_in(&mut self, next_in: u64) -> bool {
        self.set_by_hand(Some(next_in), None)
    }

    /// [`Session::set_numbers`] of our own number alone: a Logon that resets still has the peer's start at 1.
    pub fn set_next_out(&mut self, next_out: u64) -> bool {
        self.set_by_hand(None, Some(next_out))
    }

    fn set_by_hand(&mut self, next_in: Option<u64>, next_out: Option<u64>) -> bool {
        let numbers = 1..=limits::SEQ_NUM_MAX;
        let valid = [next_in, next_out].into_iter().flatten().all(|one| numbers.contains(&one));
        if !valid {
            return false;
        }
        let waits_for_logon = self.phase != Phase::Active;
        if let Some(next_in) = next_in {
            self.next_in = next_in;
            self.by_hand.next_in = waits_for_logon;
        }
        if let Some(next_out) = next_out {
            if next_out < self.next_out
                && let Some(resender) = &mut self.resender
            {
                // What was sent under numbers that come again must never be taken for what they carry then.
                resender.store.lowered(self.epoch, next_out);
            }
            self.next_out = next_out;
            self.by_hand.next_out = waits_for_logon;
        }
        self.gap = None;
        self.resend = None;
        self.held.clear();
        true
    }

    /// Acceptor: a new space begins unasked; what an operator has set goes on in it.
    pub(super) fn begin_space(&mut self, fresh: Ends) {
        let (next_in, next_out) = (self.next_in, self.next_out);
        self.reset_numbers();
        if !fresh.next_in {
            self.next_in = next_in;
        }
        if !fresh.next_out {
            self.next_out = next_out;
        }
    }

    pub(super) fn reset_numbers(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        (self.next_in, self.next_out) = (1, 1);
        self.gap = None;
        self.resend = None;
        self.held.clear();
        self.resend_asked = Asked::NOTHING;
        self.sent_numbers.reset();
        self.sync_resent(u64::MAX);
        if let Some(resender) = &mut self.resender {
            resender.store.reset(self.epoch);
        }
    }

    /// Sets the next expected number where the peer has set its own: what it sent with higher numbers
    /// before is void, and nothing is missing any more.
    pub(super) fn restart_at(&mut self, next_in: u64) {
        self.next_in = next_in;
        self.held.clear();
        if self.gap.take().is_some() {
            self.events.push(SessionEvent::GapClosed { next_in });
        }
    }

    /// Sets the next expected number and closes the gap that this may have filled.
    pub(super) fn advance_to(&mut self, next_in: u64, now: UtcTime) {
        self.next_in = next_in;
        if let Some(gap) = &mut self.gap {
            if next_in > gap.through {
                self.gap = None;
                self.events.push(SessionEvent::GapClosed { next_in });
            } else {
                gap.progress_at = now;
            }
        }
    }
}
