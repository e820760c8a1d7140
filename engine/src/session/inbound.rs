//! A message comes in: header, identity, time and number are judged in this order, then it is passed
//! on. The rules of a logon are in `logon`, those of the other admin messages in `admin`.

use taut_codec::message::Message;
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::event::{Line, event_text};
use super::flaw::WrongBeginString;
use super::header::{Flaw, Inbound, is_header, is_third_party, reason};
use super::route::Route;
use super::timers::nanos;
use super::{Fault, Gap, LogoutKind, Outbox, Phase, Received, Session, SessionEvent, is_admin};
use crate::limits;

pub(crate) const BEGIN_STRING: &[u8] = b"FIX.4.4";

/// The field checks of the dialect.
pub(super) type Check<'c> = &'c mut dyn FnMut(&Message<'_>) -> Option<Fault>;

impl Session {
    /// Takes one message that is framed, indexed and has a right CheckSum; with the field checks of
    /// [`SessionConfig::field_check`](super::SessionConfig::field_check).
    pub fn received(&mut self, message: &Message<'_>, now: UtcTime, out: &mut Outbox) -> Received {
        self.received_checked(message, now, out, self.config.field_check)
    }

    /// [`Session::received`] with other field checks, such as those of a dictionary that was read at run
    /// time (FIX session cases 14.a to 14.k): a message in sequence whose header is right is shown to
    /// `check` first, whatever its type. What that finds is answered by a Reject and uses the number up;
    /// a Logon is refused. A message that came too early is shown too: one with a fault is not held.
    pub fn received_checked(
        &mut self,
        message: &Message<'_>,
        now: UtcTime,
        out: &mut Outbox,
        mut check: impl FnMut(&Message<'_>) -> Option<Fault>,
    ) -> Received {
        self.take(message, now, out, &mut check)
    }

    fn take(
        &mut self,
        message: &Message<'_>,
        now: UtcTime,
        out: &mut Outbox,
        check: Check<'_>,
    ) -> Received {
        if matches!(self.phase, Phase::Disconnected | Phase::Closing) {
            return Received::Ignored;
        }
        self.last_received = now;
        self.test_request_at = None;
        (self.garbled_in_a_row, self.first_garbled) = (0, None);
        let header = Inbound::read(message);
        if self.config.reject_reverses_route {
            self.route = Route::back(message);
        }
        match self.phase {
            Phase::AwaitLogon => self.first_message(message, &header, now, out, check),
            Phase::LogonSent => self.logon_answer(message, &header, now, out, check),
            // Whatever follows the Logon before the verdict is asked for again behind it.
            Phase::LogonReceived => Received::Ignored,
            _ => {
                let received = self.in_session(message, &header, now, out, check);
                self.next_chunk(header.msg_type == b"4", now, out);
                self.pump_sync(now, out);
                received
            }
        }
    }

    /// Asks for the next chunk of a gap once the last one is there. A gap fill may end a chunk by
    /// naming its last number as the next.
    fn next_chunk(&mut self, by_gap_fill: bool, now: UtcTime, out: &mut Outbox) {
        let Some(gap) = self.gap else { return };
        let ended = self.next_in > gap.chunk_end || (by_gap_fill && self.next_in == gap.chunk_end);
        if ended && matches!(self.phase, Phase::Active | Phase::LogoutSent) {
            self.gap = Some(Gap { tries: 0, ..gap });
            self.request_resend(gap.through, now, out);
        }
    }

    fn in_session(
        &mut self,
        message: &Message<'_>,
        header: &Inbound<'_>,
        now: UtcTime,
        out: &mut Outbox,
        check: Check<'_>,
    ) -> Received {
        if self.phase == Phase::LogoutSent && self.logout == LogoutKind::Error {
            if header.msg_type == b"5" {
                self.received_logout(message, header.msg_seq_num, now, out);
            }
            return Received::Ignored;
        }
        if let Some(wrong) = WrongBeginString::of(message) {
            self.logout_for(&Line::new(format_args!("{wrong}")), now, out);
            return Received::Ignored;
        }
        let Some(number) = header.msg_seq_num.filter(|&n| n <= limits::SEQ_NUM_MAX) else {
            let text = Line::new(format_args!("MsgSeqNum(34) is missing or not a valid number"));
            self.logout_for(&text, now, out);
            return Received::Ignored;
        };
        if let Some(flaw) = self.identity_flaw(header) {
            return self.reject_and_logout(header, number, flaw, "CompID problem", now, out);
        }
        if let Some(flaw) = self.sending_time_flaw(header, now) {
            let text = "SendingTime accuracy problem";
            return self.reject_and_logout(header, number, flaw, text, now, out);
        }
        if header.msg_type == b"A" && message.flag(tag::RESET_SEQ_NUM_FLAG) && !header.poss_dup {
            return self.reset_in_session(message, header, number, now, out, check);
        }
        if header.msg_type == b"4" && !message.flag(tag::GAP_FILL_FLAG) && header.flaw.is_none() {
            if let Some(fault) = check(message) {
                self.reject_flaw(header.msg_type, number, fault.into(), now, out);
                return Received::Ignored;
            }
            return self.received_reset(message, number, now, out);
        }
        match number.cmp(&self.next_in) {
            std::cmp::Ordering::Less => self.too_low(message, header, number, now, out),
            std::cmp::Ordering::Greater => self.too_high(message, header, number, now, out, check),
            std::cmp::Ordering::Equal => {
                self.note_answer(message, header, number);
                self.as_expected(message, header, number, now, out, check)
            }
        }
    }

    /// What the next message in sequence says about a gap. Behind the answer to our request a peer goes on
    /// with messages that are not marked as sent again. If the first of them has a number below the one
    /// that revealed the gap, that one was a mistake of the peer: it says itself that it has not sent so many.
    /// Nothing is missing then, and what was held of numbers that are still to come is void.
    fn note_answer(&mut self, message: &Message<'_>, header: &Inbound<'_>, number: u64) {
        let Some(gap) = &mut self.gap else { return };
        if header.poss_dup || header.msg_type == b"4" {
            gap.answered();
            return;
        }
        gap.answered |= header.msg_type == b"3" && gap.is_rejected_by(message);
        let through = gap.through;
        if gap.answered && number < through && !self.held.was_drained(number) {
            self.gap = None;
            self.held.clear();
            self.events.push(SessionEvent::StrayNumber { number: through, next_in: number });
            self.events.push(SessionEvent::GapClosed { next_in: number });
        }
    }

    /// FIX session case 2.a, and 2.e to 2.g for a resent message that had not arrived before.
    fn as_expected(
        &mut self,
        message: &Message<'_>,
        header: &Inbound<'_>,
        number: u64,
        now: UtcTime,
        out: &mut Outbox,
        check: Check<'_>,
    ) -> Received {
        if let Some(flaw) = header.flaw.or_else(|| self.third_party_flaw(message, header)) {
            return self.flawed(message, header, number, flaw, now, out);
        }
        if header.poss_dup
            && let Some(flaw) = header.orig_sending_time_flaw()
        {
            return self.bad_poss_dup(header, number, flaw, now, out);
        }
        if let Some(fault) = check(message) {
            return self.flawed(message, header, number, fault.into(), now, out);
        }
        // A gap fill sets the next expected number itself.
        if header.msg_type != b"4" {
            self.advance_to(number + 1, now);
        }
        match header.msg_type {
            b"0" => {
                self.note_skew(header.sending_time, now);
                self.sync_heartbeat(message);
                Received::Admin
            }
            b"1" => self.received_test_request(message, number, now, out),
            b"2" => self.received_resend_request(message, number, now, out),
            b"4" => self.received_gap_fill(message, number, now, out),
            b"5" => self.received_logout(message, Some(number), now, out),
            b"A" => self.second_logon(number, now, out),
            _ => Received::Application,
        }
    }

    /// The next message in sequence, one field of which breaks a rule. It is rejected and counts. A Logout is
    /// answered nevertheless (13.b): a peer that leaves does not wait for its own to be mended.
    fn flawed(
        &mut self,
        message: &Message<'_>,
        header: &Inbound<'_>,
        number: u64,
        flaw: Flaw,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Received {
        self.advance_to(number + 1, now);
        self.reject_flaw(header.msg_type, number, flaw, now, out);
        match header.msg_type {
            b"5" => self.received_logout(message, None, now, out),
            _ => Received::Ignored,
        }
    }

    /// FIX session case 2.b. A ResendRequest and a Logout are heard at any height: two sides that both
    /// miss something would wait for each other for ever (case 20), and a peer that leaves is gone.
    fn too_high(
        &mut self,
        message: &Message<'_>,
        header: &Inbound<'_>,
        number: u64,
        now: UtcTime,
        out: &mut Outbox,
        check: Check<'_>,
    ) -> Received {
        let mut outcome = Received::Ignored;
        let dealt_with = header.flaw.is_none() && header.msg_type == b"2";
        if header.flaw.is_none() && header.msg_type == b"5" {
            return self.received_logout(message, Some(number), now, out);
        }
        if dealt_with {
            outcome = self.received_resend_request(message, number, now, out);
        }
        let away = number - self.next_in;
        // The fault may be known by `check` only, and the bytes look right without it: such a message
        // comes again with the resend.
        if away <= limits::SEQ_JUMP_MAX
            && self.held.has_room()
            && (dealt_with || check(message).is_none())
        {
            self.held.hold(number, (!dealt_with).then(|| message.bytes()));
        }
        if header.flaw.is_none() && header.msg_type == b"3" && self.gap.is_some() {
            self.received_reject_of_request(message);
            self.note_behind(number, header.msg_type);
            return outcome;
        }
        let being_served = self.gap.is_some_and(|gap| self.next_in <= gap.through && !gap.refused);
        if !being_served && self.phase != Phase::Closing {
            self.request_resend_or_give_up(number, now, out);
        }
        self.note_behind(number, header.msg_type);
        outcome
    }

    /// A message came with too high a number. A Reject may be of a message of the application, and is never
    /// sent again.
    pub(super) fn note_behind(&mut self, number: u64, msg_type: &[u8]) {
        if let Some(gap) = &mut self.gap {
            gap.behind.add(number, is_admin(msg_type) && msg_type != b"3");
        }
    }

    /// FIX session case 2.c; 2.e to 2.g for what is marked as a possible duplicate.
    fn too_low(
        &mut self,
        message: &Message<'_>,
        header: &Inbound<'_>,
        number: u64,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Received {
        if header.poss_dup {
            if header.msg_type == b"4" && header.flaw.is_none() && self.held.was_drained(number) {
                return self.late_gap_fill(message, number, now);
            }
            return match header.orig_sending_time_flaw() {
                Some(flaw) => self.bad_poss_dup(header, number, flaw, now, out),
                None => Received::Ignored,
            };
        }
        match header.msg_type {
            b"5" => return self.received_logout(message, Some(number), now, out),
            b"2" if !self.config.check_resend_request_number => {
                return self.received_resend_request(message, number, now, out);
            }
            _ => {}
        }
        let text = Line::new(format_args!(
            "MsgSeqNum too low, expecting {} but received {number}",
            self.next_in
        ));
        self.logout_for(&text, now, out);
        Received::Ignored
    }

    fn bad_poss_dup(
        &mut self,
        header: &Inbound<'_>,
        number: u64,
        flaw: Flaw,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Received {
        if flaw.reason == reason::SENDING_TIME_PROBLEM && self.config.logout_on_orig_sending_time {
            let text = "SendingTime accuracy problem";
            return self.reject_and_logout(header, number, flaw, text, now, out);
        }
        self.count(number, now);
        self.reject_flaw(header.msg_type, number, flaw, now, out);
        Received::Ignored
    }

    /// FIX session case 2.k. A missing CompID is a missing field.
    pub(super) fn identity_flaw(&self, header: &Inbound<'_>) -> Option<Flaw> {
        let (sender, target) = (self.config.target.as_bytes(), self.config.sender.as_bytes());
        if header.sender == Some(sender) && header.target == Some(target) {
            return None;
        }
        let wrong = |tag| Some(Flaw { reason: reason::COMP_ID_PROBLEM, tag });
        if header.sender.is_some_and(|id| !id.is_empty() && id != sender) {
            return wrong(tag::SENDER_COMP_ID);
        }
        if header.target.is_some_and(|id| !id.is_empty() && id != target) {
            return wrong(tag::TARGET_COMP_ID);
        }
        None
    }

    /// FIX session case 18.b: addressing that was not agreed.
    pub(super) fn third_party_flaw(
        &self,
        message: &Message<'_>,
        header: &Inbound<'_>,
    ) -> Option<Flaw> {
        if !header.third_party {
            return None;
        }
        let agreed = self.config.third_party;
        let fields = message.fields().iter().skip(3).take_while(|field| is_header(field.tag));
        let mut named = fields.filter(|field| is_third_party(field.tag));
        let wrong = named.find(|field| !agreed(field.tag, message.value(field)))?;
        Some(Flaw { reason: reason::COMP_ID_PROBLEM, tag: wrong.tag })
    }

    /// FIX session case 2.o. A missing SendingTime is a missing field.
    pub(super) fn sending_time_flaw(&self, header: &Inbound<'_>, now: UtcTime) -> Option<Flaw> {
        let tolerance = nanos(self.config.sending_time_tolerance?);
        let text = header.sending_time.filter(|text| !text.is_empty())?;
        let near = UtcTime::parse(text)
            .is_ok_and(|sent| now.nanos_since(sent).max(sent.nanos_since(now)) <= tolerance);
        let flaw = Flaw { reason: reason::SENDING_TIME_PROBLEM, tag: tag::SENDING_TIME };
        (!near).then_some(flaw)
    }

    fn reject_and_logout(
        &mut self,
        header: &Inbound<'_>,
        number: u64,
        flaw: Flaw,
        text: &str,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Received {
        self.count(number, now);
        self.reject_flaw(header.msg_type, number, flaw, now, out);
        self.logout_for(&Line::new(format_args!("{text}")), now, out);
        Received::Ignored
    }

    /// A rejected message uses its number up, if it was the next.
    pub(super) fn count(&mut self, number: u64, now: UtcTime) {
        if number == self.next_in {
            self.advance_to(number + 1, now);
        }
    }

    /// Says what is wrong with a message.
    pub(super) fn reject_flaw(
        &mut self,
        msg_type: &[u8],
        number: u64,
        flaw: Flaw,
        now: UtcTime,
        out: &mut Outbox,
    ) {
        let text = match flaw.reason {
            reason::INVALID_TAG_NUMBER => "Invalid tag number",
            reason::REQUIRED_TAG_MISSING => "Required tag missing",
            reason::NOT_OF_THIS_MESSAGE => "Tag not defined for this message type",
            reason::TAG_WITHOUT_VALUE => "Tag specified without a value",
            reason::VALUE_OUT_OF_RANGE => "Value is incorrect (out of range) for this tag",
            reason::INCORRECT_FORMAT => "Incorrect data format for value",
            reason::COMP_ID_PROBLEM => "CompID problem",
            reason::SENDING_TIME_PROBLEM => "SendingTime accuracy problem",
            reason::INVALID_MSG_TYPE => "Invalid MsgType",
            reason::TAG_TWICE => "Tag appears more than once",
            reason::TAG_OUT_OF_ORDER => "Tag specified out of required order",
            reason::GROUP_OUT_OF_ORDER => "Repeating group fields out of order",
            reason::GROUP_COUNT => "Incorrect NumInGroup count for repeating group",
            _ => "",
        };
        self.reject_flaw_as(text, msg_type, number, flaw, now, out);
    }

    /// [`Session::reject_flaw`] in other words. A Reject is told of and not answered by another (FIX session case
    /// 7: go on): two sides that dislike each other's would never come to an end.
    pub(super) fn reject_flaw_as(
        &mut self,
        text: &str,
        msg_type: &[u8],
        number: u64,
        flaw: Flaw,
        now: UtcTime,
        out: &mut Outbox,
    ) {
        let Flaw { reason, tag } = flaw;
        let tag = (tag != 0).then_some(tag);
        if msg_type == b"3" {
            let reason = Some(reason);
            let text = event_text(text.as_bytes());
            self.events.push(SessionEvent::Rejected { ref_seq_num: number, reason, tag, text });
            return;
        }
        let sent = self.reject(number, msg_type, tag, Some(reason), text, now, out);
        if let Err(error) = sent {
            self.admin_failed(error, out, now);
        }
    }
}
