//! When to dial, when to wait, when to give up: the life of a session across its connections, and the
//! venue's daily rollover in it. A pure state machine: it knows no socket, no clock and no session. The
//! time comes in; what to do goes out by [`Conductor::step`], what happened by [`Conductor::next_event`].
//!
//! ```text
//!            step: Dial           dial_done          logged_on
//!   Waiting ------------> Dialling --------> LoggingOn ------> Up
//!      ^                     |                  |              |
//!      +---------------------+------------------+--------------+   down
//!      +--> Over: not wanted any more, or given up
//! ```
//!
//! - Only a session that was up for a while counts as success; a TCP connection does not, nor does a
//!   Logon that is followed by a drop at once (somebody else may be logging on with our CompID, or the
//!   host is ill): the next host has its turn, and the waits go on growing.
//! - There is one attempt at a time, numbered. The outcome of one that was given up is not used, so
//!   there are never two live connections.
//! - Rollovers are counted, not timed: whenever the count is above that of the sequence numbers, they
//!   are of a day that is over, whether we were up, down, dialling or not running when it ended.

mod config;
mod event;
mod reason;
mod rollover;
mod words;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use taut_codec::value::UtcTime;

pub use config::{ConductorConfig, Reconnect, ResetPolicy, Rollover};
pub use event::{Cause, DialProblem, LinkEvent};

use crate::event::DownReason;
use crate::limits::{LINK_EVENTS_MAX, SEQ_JUMP_MAX};
use reason::{cause_of, expected_number, is_too_low};

/// Something to be done about the connection, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Dial, and tell [`Conductor::dial_done`].
    Dial(Attempt),
    /// Log out; [`Conductor::down`] follows.
    LogOut,
    /// Both sequence spaces start at 1, in a new epoch. There is no connection.
    RollOver,
    /// The next number that we use is this one. There is no connection.
    SkipTo(u64),
}

/// One dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Counts the attempts, from 1.
    pub number: u32,
    /// Which of the hosts.
    pub host: u8,
}

/// The numbers of a session, for what is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The sequence space.
    pub epoch: u32,
    /// The next number expected of the venue.
    pub next_in: u64,
    /// The next number that we use.
    pub next_out: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting {
        since: UtcTime,
        nanos: u64,
    },
    Dialling {
        attempt: u32,
    },
    LoggingOn,
    Up {
        since: UtcTime,
    },
    /// We log out because of the rollover, and come back.
    Leaving {
        since: UtcTime,
    },
    Over,
}

/// The conductor of one session.
#[derive(Debug)]
pub struct Conductor {
    config: ConductorConfig,
    state: State,
    wanted: bool,
    attempt: u32,
    attempts_since_up: u32,
    host: u8,
    /// Attempts in a row that did not lead to a stable session.
    failures: u32,
    refusals: u32,
    /// Connections that were closed behind our Logon without a word, since a logon succeeded.
    closed_at_logon: u32,
    short_lives: u32,
    /// The session has been up in this process.
    was_up: bool,
    /// The numbers have started anew and no logon has confirmed it.
    rolled: bool,
    /// The venue refused our number; the next Logon asks for a reset.
    force_reset: bool,
    skip_to: Option<u64>,
    /// Rollovers until the day that the numbers are of.
    day: u64,
    held: bool,
    /// The epoch that was seen last on this connection.
    epoch: Option<u32>,
    rng: fastrand::Rng,
    events: VecDeque<LinkEvent>,
}

impl Conductor {
    /// A conductor that dials at its first step. `numbers_of` is when the session's numbers were last
    /// used, by an earlier life; `None` if they are new.
    #[must_use]
    pub fn new(config: ConductorConfig, numbers_of: Option<UtcTime>, now: UtcTime) -> Self {
        let day = config.rollover.map_or(0, |one| one.count(numbers_of.unwrap_or(now)));
        Self {
            config,
            state: State::Waiting { since: now, nanos: 0 },
            wanted: true,
            attempt: 0,
            attempts_since_up: 0,
            host: 0,
            failures: 0,
            refusals: 0,
            closed_at_logon: 0,
            short_lives: 0,
            was_up: false,
            rolled: false,
            force_reset: false,
            skip_to: None,
            day,
            held: false,
            epoch: None,
            rng: fastrand::Rng::with_seed(config.seed),
            events: VecDeque::with_capacity(LINK_EVENTS_MAX),
        }
    }

    /// What happened, oldest first.
    pub fn next_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    /// Whether nothing will be dialled any more, unless [`Conductor::wish_up`] is called.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether a connection stands and the session is not up yet.
    #[must_use]
    pub fn is_logging_on(&self) -> bool {
        self.state == State::LoggingOn
    }

    /// The session is wanted: a wait ends now, and what was given up starts again.
    pub fn wish_up(&mut self, now: UtcTime) {
        self.wanted = true;
        if matches!(self.state, State::Over | State::Waiting { .. }) {
            self.state = State::Waiting { since: now, nanos: 0 };
        }
    }

    /// The session is not wanted any more. Whoever says so logs it out, if there is one.
    pub fn wish_down(&mut self) {
        self.wanted = false;
        if matches!(self.state, State::Waiting { .. } | State::Dialling { .. }) {
            self.over(Cause::Asked);
        }
    }

    /// An attempt has come to its end. If its connection is to be used, returns whether the Logon asks
    /// for a reset (141=Y); else it is to be closed.
    pub fn dial_done(
        &mut self,
        attempt: u32,
        outcome: Result<(), DialProblem>,
        now: UtcTime,
    ) -> Option<bool> {
        if self.state != (State::Dialling { attempt }) {
            return None;
        }
        match outcome {
            Ok(()) => {
                self.state = State::LoggingOn;
                self.epoch = None;
                let reset = self.asks_reset();
                self.tell(LinkEvent::LoggingOn { attempt, host: self.host, reset });
                Some(reset)
            }
            Err(problem) => {
                self.tell(LinkEvent::DialFailed { attempt, host: self.host, problem });
                self.ended(Cause::NoConnection, None, now);
                None
            }
        }
    }

    /// The session is up: logged on and in step with the venue. Says nothing if it was already.
    pub fn logged_on(&mut self, numbers: Numbers, now: UtcTime) {
        if self.state != State::LoggingOn {
            return;
        }
        self.state = State::Up { since: now };
        let Numbers { epoch, next_in, next_out } = numbers;
        let attempts = std::mem::take(&mut self.attempts_since_up);
        (self.refusals, self.closed_at_logon) = (0, 0);
        (self.was_up, self.rolled, self.force_reset) = (true, false, false);
        self.tell(LinkEvent::Up { attempts, epoch, next_in, next_out });
    }

    /// The connection has ended.
    pub fn down(&mut self, reason: &DownReason, numbers: Numbers, now: UtcTime) {
        let up_for = match self.state {
            State::LoggingOn => None,
            State::Up { since } | State::Leaving { since } => Some(now.nanos_since(since)),
            State::Waiting { .. } | State::Dialling { .. } | State::Over => return,
        };
        let Numbers { next_in, next_out, .. } = numbers;
        let expected = self.wanted && self.is_rollover_near(now);
        let up_ms = up_for.unwrap_or(0) / 1_000_000;
        self.tell(LinkEvent::Down { reason: *reason, up_ms, next_in, next_out, expected });
        if !self.wanted {
            return self.over(Cause::Asked);
        }
        let cause = self.heed_number(reason, up_for.is_some(), next_out);
        self.ended(cause, up_for, now);
    }

    /// What is to be done now. To be called again until there is nothing.
    pub fn step(&mut self, now: UtcTime) -> Option<Step> {
        if let Some(step) = self.rollover_step(now) {
            return Some(step);
        }
        let State::Waiting { since, nanos } = self.state else { return None };
        if now < since {
            // The clock was set back: what is left of the wait is not known, so it starts again.
            self.state = State::Waiting { since: now, nanos };
            return None;
        }
        if now.nanos_since(since) < nanos {
            return None;
        }
        if let Some(to) = self.skip_to.take() {
            return Some(Step::SkipTo(to));
        }
        Some(Step::Dial(self.dial()))
    }

    /// When [`Conductor::step`] has something to do; the end of time if never.
    #[must_use]
    pub fn next_deadline(&self, now: UtcTime) -> UtcTime {
        let rollover = self.rollover_deadline(now);
        match self.state {
            State::Waiting { since, nanos } => since.min(now).plus_nanos(nanos).min(rollover),
            State::Over => UtcTime(u64::MAX),
            _ => rollover,
        }
    }

    fn dial(&mut self) -> Attempt {
        self.attempt = self.attempt.wrapping_add(1);
        self.attempts_since_up = self.attempts_since_up.saturating_add(1);
        let (number, host) = (self.attempt, self.host);
        self.state = State::Dialling { attempt: number };
        self.tell(LinkEvent::Dialling { attempt: number, host });
        Attempt { number, host }
    }

    fn asks_reset(&self) -> bool {
        self.force_reset
            || match self.config.reset {
                ResetPolicy::Never => false,
                ResetPolicy::FirstConnect => !self.was_up,
                ResetPolicy::AfterRollover => self.rolled,
                ResetPolicy::Always => true,
            }
    }

    /// A number that the other side does not take: what the next attempt does about it, once. `next_out` is
    /// our next.
    fn heed_number(&mut self, reason: &DownReason, was_up: bool, next_out: u64) -> Cause {
        let cause = cause_of(reason);
        let text = match reason {
            DownReason::LogonRefused(text) | DownReason::ProtocolError(text) => text.as_str(),
            _ => return cause,
        };
        if was_up || !is_too_low(text) {
            return cause;
        }
        let refused = matches!(reason, DownReason::LogonRefused(_));
        let expected = expected_number(text).filter(|_| refused);
        match (self.config.reset, expected) {
            (ResetPolicy::Never, Some(to)) if to < next_out => Cause::Refused,
            (ResetPolicy::Never, Some(to)) if to - next_out > SEQ_JUMP_MAX => {
                self.tell(LinkEvent::NumberTooFar { to, next_out });
                Cause::Refused
            }
            (ResetPolicy::Never, Some(to)) => {
                self.skip_to = Some(to);
                self.tell(LinkEvent::NumbersSkipped { to });
                Cause::Number
            }
            (ResetPolicy::Never, None) => Cause::Refused,
            _ if self.force_reset => Cause::Refused,
            _ => {
                self.force_reset = true;
                self.tell(LinkEvent::ResetForced { expected });
                Cause::Number
            }
        }
    }

    /// An attempt or a session has ended, and another attempt is to follow.
    fn ended(&mut self, cause: Cause, up_for: Option<u64>, now: UtcTime) {
        let reconnect = self.config.reconnect;
        let stable = up_for.is_some_and(|nanos| nanos >= reconnect.stable.as_nanos() as u64);
        let rollover = self.is_rollover_near(now);
        if stable {
            (self.failures, self.short_lives) = (0, 0);
        } else if up_for.is_none() || !rollover {
            // A drop at the rollover is no fault of the host's, however young the session was.
            self.host = (self.host + 1) % self.config.hosts.max(1);
        }
        if reconnect.enabled && rollover {
            return self.wait_for_rollover(now);
        }
        self.failures = self.failures.saturating_add(1);
        self.short_lives += u32::from(up_for.is_some() && !stable);
        let refused = matches!(cause, Cause::Refused | Cause::ClockSkew);
        self.refusals += u32::from(refused);
        self.closed_at_logon += u32::from(cause == Cause::ClosedAtLogon);
        let hosts = u32::from(self.config.hosts.max(1));
        let closed_max = reconnect.closed_at_logon_max.saturating_mul(hosts);
        let reached = |count: u32, limit: u32| limit > 0 && count >= limit;
        if !reconnect.enabled
            || reached(self.failures, reconnect.failures_max)
            || reached(self.refusals, reconnect.refusals_max)
            || reached(self.closed_at_logon, closed_max)
            || reached(self.short_lives, reconnect.short_lives_max)
        {
            return self.over(cause);
        }
        let nanos = if refused {
            self.back_off(reconnect.refused_first, reconnect.refused_max, self.refusals - 1)
        } else {
            // Every host has its turn before the wait grows.
            let rounds = (self.failures - 1) / hosts;
            self.back_off(reconnect.first, reconnect.max, rounds)
        };
        self.wait(nanos, cause, now);
    }

    /// Doubled for each failure; half of it by chance, so that many clients do not come back at once.
    fn back_off(&mut self, first: Duration, max: Duration, doublings: u32) -> u64 {
        let (first, max) = (first.as_nanos() as u64, max.as_nanos() as u64);
        let base = first.saturating_mul(1 << doublings.min(32)).min(max);
        base / 2 + self.rng.u64(0..=base / 2)
    }

    fn wait(&mut self, nanos: u64, cause: Cause, now: UtcTime) {
        self.state = State::Waiting { since: now, nanos };
        let (ms, failures) = (nanos / 1_000_000, self.failures);
        self.tell(LinkEvent::Waiting { ms, failures, cause });
    }

    fn over(&mut self, cause: Cause) {
        self.state = State::Over;
        self.tell(LinkEvent::Over { cause, failures: self.failures });
    }

    fn tell(&mut self, event: LinkEvent) {
        // Whoever conducts reads them after each call; an application that never does loses the oldest.
        if self.events.len() == LINK_EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}
