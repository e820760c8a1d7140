//! The peer's admin messages within a session.

use taut_codec::message::Message;
use taut_codec::tag;
use taut_codec::value::{UtcTime, parse_u64};

use super::event::{Line, event_text};
use super::header::{Flaw, reason};
use super::outbound::is_sendable;
use super::{Gap, LogoutKind, Outbox, Phase, Received, Session, SessionEvent};
use crate::event::DownReason;
use crate::limits;

/// A required number, or what a Reject says about it.
fn number_of(message: &Message<'_>, tag: u32) -> Result<u64, Flaw> {
    let Some(value) = message.get(tag) else {
        return Err(Flaw { reason: reason::REQUIRED_TAG_MISSING, tag });
    };
    parse_u64(value).map_err(|_| Flaw { reason: reason::INCORRECT_FORMAT, tag })
}

impl Gap {
    /// Whether a Reject is of our request.
    pub(super) fn is_rejected_by(&self, reject: &Message<'_>) -> bool {
        number_of(reject, tag::REF_SEQ_NUM).is_ok_and(|number| number == self.asked_as)
    }

    /// The peer answers: what is still missing may be asked for as often again.
    pub(super) fn answered(&mut self) {
        self.answered = true;
        self.tries = self.tries.min(1);
    }
}

impl Session {
    /// FIX session case 4.b.
    pub(super) fn received_test_request(
        &mut self,
        message: &Message<'_>,
        number: u64,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Received {
        let tag = tag::TEST_REQ_ID;
        match message.get(tag) {
            Some(id) if is_sendable(id) => {
                self.emit_admin(b"0", now, out, |body| {
                    body.bytes(tag, id);
                });
            }
            Some(b"") if self.config.allow_empty_values => {
                self.emit_admin(b"0", now, out, |body| {
                    body.without_value(tag);
                });
            }
            Some(b"") => {
                let flaw = Flaw { reason: reason::TAG_WITHOUT_VALUE, tag };
                self.reject_flaw(b"1", number, flaw, now, out);
            }
            Some(_) => {
                let flaw = Flaw { reason: reason::VALUE_OUT_OF_RANGE, tag };
                self.reject_flaw(b"1", number, flaw, now, out);
            }
            None => {
                let flaw = Flaw { reason: reason::REQUIRED_TAG_MISSING, tag };
                self.reject_flaw(b"1", number, flaw, now, out);
            }
        }
        Received::Admin
    }

    /// FIX session case 8, with the policy of promise 4: what is not to be replayed is gap filled. What
    /// was never sent cannot be asked for.
    pub(super) fn received_resend_request(
        &mut self,
        message: &Message<'_>,
        number: u64,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Received {
        match self.resend_range(message) {
            Err(flaw) => self.reject_flaw(b"2", number, flaw, now, out),
            Ok((from, to)) => {
                if self.is_resend_storm(from, now) {
                    let text = Line::new(format_args!("Too many ResendRequests from {from}"));
                    self.logout_for(&text, now, out);
                    return Received::Admin;
                }
                self.resend(from, to, now, out);
            }
        }
        Received::Admin
    }

    fn resend_range(&self, message: &Message<'_>) -> Result<(u64, u64), Flaw> {
        let from = number_of(message, tag::BEGIN_SEQ_NO)?;
        let to = number_of(message, tag::END_SEQ_NO)?;
        let last = self.next_out - 1;
        let out_of_range = |tag| Err(Flaw { reason: reason::VALUE_OUT_OF_RANGE, tag });
        if from == 0 || from > last {
            return out_of_range(tag::BEGIN_SEQ_NO);
        }
        if to != 0 && to < from {
            return out_of_range(tag::END_SEQ_NO);
        }
        Ok((from, if to == 0 { last } else { to.min(last) }))
    }

    /// Whether the peer asks from the same number on and on, which means that it does not understand
    /// the answer, or goes back faster than anybody needs. One that asks for chunk after chunk, each
    /// further on, makes progress: the work that it can cause is bounded by
    /// [`limits::RESEND_WORK_MAX`].
    fn is_resend_storm(&mut self, from: u64, now: UtcTime) -> bool {
        let asked = &mut self.resend_asked;
        if asked.times == 0 || now.nanos_since(asked.since) >= limits::RESEND_REQUESTS_PERIOD_NS {
            (asked.since, asked.in_period, asked.times) = (now, 0, 0);
        }
        if from > asked.from {
            (asked.from, asked.times) = (from, 1);
            return false;
        }
        asked.times = if asked.from == from { asked.times + 1 } else { 1 };
        asked.from = from;
        asked.in_period += 1;
        let times = match (asked.times, asked.in_period) {
            (times, _) if times > limits::RESEND_REPEATS_MAX => times,
            (_, times) if times > limits::RESEND_REQUESTS_MAX => times,
            _ => return false,
        };
        self.events.push(SessionEvent::ResendStorm { from, times });
        true
    }

    /// The peer rejects our ResendRequest: what is missing counts as not asked for. The next message
    /// that reveals it asks again; not this one, or the two sides would talk for ever.
    pub(super) fn received_reject_of_request(&mut self, message: &Message<'_>) {
        if let Some(gap) = &mut self.gap
            && gap.is_rejected_by(message)
        {
            gap.refused = true;
        }
    }

    /// FIX session cases 10.b and 10.e; the number is the expected one.
    pub(super) fn received_gap_fill(
        &mut self,
        message: &Message<'_>,
        number: u64,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Received {
        let next = match number_of(message, tag::NEW_SEQ_NO) {
            Ok(next) if next > number && self.may_jump_to(next) => next,
            Ok(next) => {
                // The number is used up all the same, or the same gap fill would be asked for again.
                let flaw = Flaw { reason: reason::VALUE_OUT_OF_RANGE, tag: tag::NEW_SEQ_NO };
                self.use_up(number, now);
                if next > number {
                    self.reject_flaw(b"4", number, flaw, now, out);
                } else {
                    let text = Line::new(format_args!(
                        "Attempt to lower sequence number, invalid value NewSeqNo(36)={next}"
                    ));
                    self.reject_flaw_as(text.as_str(), b"4", number, flaw, now, out);
                }
                return Received::Admin;
            }
            Err(flaw) => {
                self.use_up(number, now);
                self.reject_flaw(b"4", number, flaw, now, out);
                return Received::Admin;
            }
        };
        // Where nothing is missing its number is its own, and not that of what it stands for.
        let first = if self.gap.is_some() { number } else { number + 1 };
        self.void(first, next);
        self.advance_to(next, now);
        self.events.push(SessionEvent::SequenceReset { from: number, to: next, gap_fill: true });
        Received::Admin
    }

    /// A gap fill that cannot be read stands for its own number at least.
    fn use_up(&mut self, number: u64, now: UtcTime) {
        if self.gap.is_some() {
            self.void(number, number + 1);
        }
        self.advance_to(number + 1, now);
    }

    /// The numbers from `from` to before `next` are declared void: tells of those that may have carried messages
    /// of the application, which are lost then.
    fn void(&mut self, from: u64, next: u64) {
        let next = self.gap.map_or(next, |gap| next.min(gap.behind.admin_from));
        if from < next {
            self.events.push(SessionEvent::Voided { from, to: next - 1 });
        }
    }

    /// A gap fill whose own number was taken from the held messages meanwhile, but which reaches farther
    /// than those: the peer is still resending, and what it skips will not come.
    pub(super) fn late_gap_fill(
        &mut self,
        message: &Message<'_>,
        number: u64,
        now: UtcTime,
    ) -> Received {
        if message.flag(tag::GAP_FILL_FLAG)
            && let Ok(next) = number_of(message, tag::NEW_SEQ_NO)
            && next > self.next_in
            && self.may_jump_to(next)
        {
            if let Some(gap) = &mut self.gap {
                gap.answered();
            }
            self.void(self.next_in, next);
            self.advance_to(next, now);
            self.events.push(SessionEvent::SequenceReset {
                from: number,
                to: next,
                gap_fill: true,
            });
            return Received::Admin;
        }
        Received::Ignored
    }

    /// FIX session cases 11.a to 11.c: whatever its own number is. A rejected one uses no number up.
    pub(super) fn received_reset(
        &mut self,
        message: &Message<'_>,
        number: u64,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Received {
        let flaw = match (message.get(tag::GAP_FILL_FLAG), number_of(message, tag::NEW_SEQ_NO)) {
            (Some(flag), _) if flag != b"N" => {
                Flaw { reason: reason::INCORRECT_FORMAT, tag: tag::GAP_FILL_FLAG }
            }
            (_, Err(flaw)) => flaw,
            (_, Ok(next)) => {
                let from = self.next_in;
                let lower = next < from && !(self.config.sequence_reset_may_lower && next > 0);
                if !lower && self.may_jump_to(next) {
                    self.void(from, next);
                    self.restart_at(next);
                    let event = SessionEvent::SequenceReset { from, to: next, gap_fill: false };
                    self.events.push(event);
                    return Received::Admin;
                }
                Flaw { reason: reason::VALUE_OUT_OF_RANGE, tag: tag::NEW_SEQ_NO }
            }
        };
        self.reject_flaw(b"4", number, flaw, now, out);
        Received::Admin
    }

    /// A peer must not be able to make the numbers useless by one message.
    fn may_jump_to(&self, next: u64) -> bool {
        next <= limits::SEQ_NUM_MAX && next.saturating_sub(self.next_in) <= limits::SEQ_JUMP_MAX
    }

    /// FIX session cases 12, 13.a and 13.b. A Logout is heard whatever its number: nothing better can
    /// come of refusing it. What was missed before it is still missed, and asked for at the next logon.
    pub(super) fn received_logout(
        &mut self,
        message: &Message<'_>,
        number: Option<u64>,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Received {
        if let Some(number) = number {
            self.count(number, now);
        }
        if self.phase == Phase::LogoutSent {
            // Our own was the first, or an error's: the reason of the latter is known already.
            self.close(DownReason::LoggedOut, now);
        } else {
            let text = event_text(message.get(tag::TEXT).unwrap_or(b""));
            self.down_reason.get_or_insert(DownReason::VenueLoggedOut(text));
            self.write_logout("", now, out);
            self.enter_logout(LogoutKind::Answer, now);
        }
        Received::Admin
    }
}
