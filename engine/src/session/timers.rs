//! What the passing of time does: heartbeats, test requests, time-outs.

use std::time::Duration;

use taut_codec::frame::GarbageReason;
use taut_codec::garbled::Garbled;
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::event::{Line, event_text};
use super::{LogoutKind, Outbox, Phase, Session, SessionEvent};
use crate::event::{Awaited, DownReason};
use crate::limits;

/// A peer is silent after HeartBtInt and a fifth (FIX session case 6).
const SILENCE_TENTHS: u64 = 12;

impl Session {
    /// Does what is due at `now`. To be called at [`Session::next_deadline`]; earlier or later calls do
    /// no harm: a late one finds a silent peer only by asking it first.
    pub fn tick(&mut self, now: UtcTime, out: &mut Outbox) {
        match self.phase {
            Phase::Disconnected => {}
            Phase::LogonSent | Phase::AwaitLogon | Phase::LogonReceived => {
                if now >= self.phase_deadline(self.config.logon_timeout) {
                    let ours = self.phase == Phase::LogonSent;
                    let awaited = if ours { Awaited::LogonAnswer } else { Awaited::Logon };
                    self.close(timed_out(awaited, self.phase_since, now), now);
                }
            }
            Phase::Active => {
                self.pump_resend(now, out);
                self.tick_silence(now, out);
                self.tick_gap(now, out);
                self.tick_sync(now, out);
                self.tick_heartbeat(now, out);
            }
            Phase::LogoutSent => {
                self.pump_resend(now, out);
                if self.phase == Phase::LogoutSent && now >= self.logout_deadline() {
                    // Ours was not answered; after an answer or an error the reason is known already.
                    self.close(timed_out(Awaited::LogoutAnswer, self.phase_since, now), now);
                }
            }
            Phase::Closing => {
                if now >= self.phase_deadline(self.config.logout_timeout) {
                    out.clear();
                    self.gave_up = true;
                }
            }
        }
    }

    /// When [`Session::tick`] has something to do; the end of time if never.
    #[must_use]
    pub fn next_deadline(&self) -> UtcTime {
        const NEVER: UtcTime = UtcTime(u64::MAX);
        match self.phase {
            Phase::Disconnected => NEVER,
            Phase::LogonSent | Phase::AwaitLogon | Phase::LogonReceived => {
                self.phase_deadline(self.config.logon_timeout)
            }
            Phase::LogoutSent => self.logout_deadline().min(self.resend_deadline()),
            // There is nothing left to wait for.
            Phase::Closing if self.gave_up => NEVER,
            Phase::Closing => self.phase_deadline(self.config.logout_timeout),
            Phase::Active => {
                let gap = self.gap.map_or(NEVER, |gap| gap.progress_at.plus_nanos(self.patience()));
                let gap = gap.min(self.resend_deadline()).min(self.sync_deadline());
                if self.heartbeat_seconds == 0 {
                    return gap;
                }
                let silent_since = self.test_request_at.unwrap_or(self.last_received);
                silent_since
                    .plus_nanos(self.silence_nanos())
                    .min(self.heartbeat_deadline())
                    .min(gap)
            }
        }
    }

    /// FIX session case 6: first ask, then give up. Any message proves that the peer lives, also one
    /// that overtakes the answer.
    fn tick_silence(&mut self, now: UtcTime, out: &mut Outbox) {
        let silent_since = self.test_request_at.unwrap_or(self.last_received);
        if self.heartbeat_seconds == 0 || now.nanos_since(silent_since) < self.silence_nanos() {
            return;
        }
        if self.test_request_at.is_some() {
            self.close(timed_out(Awaited::AnyMessage, self.last_received, now), now);
            return;
        }
        let id = self.next_out;
        if self.emit_admin(b"1", now, out, |body| {
            body.uint(tag::TEST_REQ_ID, id);
        }) {
            self.test_request_at = Some(now);
            let silent_ms = now.nanos_since(self.last_received) / 1_000_000;
            self.events.push(SessionEvent::TestRequestSent { silent_ms });
        }
    }

    /// A requested resend that does not come is requested again, a few times.
    fn tick_gap(&mut self, now: UtcTime, out: &mut Outbox) {
        let Some(gap) = self.gap else { return };
        if self.phase != Phase::Active || now.nanos_since(gap.progress_at) < self.patience() {
            return;
        }
        self.request_resend_or_give_up(gap.through, now, out);
    }

    /// FIX session case 4.a. A heartbeat that does not fit is not missed: bytes are waiting.
    fn tick_heartbeat(&mut self, now: UtcTime, out: &mut Outbox) {
        let due = self.phase == Phase::Active
            && self.heartbeat_seconds > 0
            && now >= self.heartbeat_deadline();
        if due && self.emit(&self.admin(b"0"), now, out, |_| {}).is_err() {
            self.last_sent = now;
        }
    }

    fn phase_deadline(&self, timeout: Duration) -> UtcTime {
        self.phase_since.plus_nanos(nanos(timeout))
    }

    fn logout_deadline(&self) -> UtcTime {
        self.phase_deadline(match self.logout {
            LogoutKind::Answer => self.config.answer_linger,
            LogoutKind::Ours => self.config.logout_timeout,
            LogoutKind::Error => self.config.logout_timeout.min(limits::ERROR_LOGOUT_WAIT),
        })
    }

    fn resend_deadline(&self) -> UtcTime {
        let period = limits::RESEND_PERIOD_NS;
        self.resend.map_or(UtcTime(u64::MAX), |job| job.pumped_at.plus_nanos(period))
    }

    fn heartbeat_deadline(&self) -> UtcTime {
        if self.test_request_at.is_some() && !self.config.heartbeat_while_testing {
            return UtcTime(u64::MAX);
        }
        self.last_sent.plus_nanos(self.send_nanos())
    }

    fn silence_nanos(&self) -> u64 {
        u64::from(self.heartbeat_seconds) * 1_000_000_000 / 10 * SILENCE_TENTHS
    }

    fn send_nanos(&self) -> u64 {
        let divisor = u64::from(self.config.heartbeat_divisor.max(1));
        u64::from(self.heartbeat_seconds) * 1_000_000_000 / divisor
    }

    fn patience(&self) -> u64 {
        nanos(self.config.resend_timeout)
    }

    /// Input that is no message was skipped, and why (FIX session case 2.d): the numbers stay. Too much
    /// of it in a row ends the connection, for what was wrong first; any of it does where a Logon must come
    /// first (case 2S).
    pub fn garbled(&mut self, bytes: usize, why: Garbled, now: UtcTime) {
        if matches!(self.phase, Phase::Disconnected | Phase::Closing) {
            return;
        }
        self.garbled_in_a_row = self.garbled_in_a_row.saturating_add(bytes);
        let first = *self.first_garbled.get_or_insert(why);
        let count = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.events.push(SessionEvent::Garbled { bytes: count, why });
        let hopeless = self.garbled_in_a_row > limits::RESYNC_BYTES_MAX;
        if self.phase != Phase::AwaitLogon && !hopeless {
            return;
        }
        self.logout = LogoutKind::Error;
        let reason = match first {
            Garbled::Frame(GarbageReason::TooLong(head)) => DownReason::TooLong(head),
            first => {
                let bytes = self.garbled_in_a_row;
                let text = Line::new(format_args!("garbled input, {bytes} bytes: {first}"));
                DownReason::ProtocolError(event_text(text.as_str().as_bytes()))
            }
        };
        self.close(reason, now);
    }
}

/// Why a session ends that has waited since `since`.
pub(super) const fn timed_out(awaited: Awaited, since: UtcTime, now: UtcTime) -> DownReason {
    DownReason::TimedOut { awaited, ms: now.nanos_since(since) / 1_000_000 }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
