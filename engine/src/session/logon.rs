//! Logging on: both roles, and the resets that come with it.

use taut_codec::encode::Encoder;
use taut_codec::message::Message;
use taut_codec::tag;
use taut_codec::value::{UtcTime, parse_u32, parse_u64};

use super::event::{Line, event_text};
use super::flaw::{LogonFlaw, WrongBeginString};
use super::header::Inbound;
use super::inbound::Check;
use super::numbers::Ends;
use super::{
    Asked, Behind, Gap, Outbox, PendingLogon, Phase, Received, Role, SendError, Session,
    SessionEvent,
};
use crate::event::{DownReason, EventText};
use crate::limits;

impl Session {
    /// A connection stands. An initiator writes its Logon: `extra` adds fields behind 98, 108 and 141
    /// and gets the Logon's MsgSeqNum, on which a password depends (venue file 2.1). An acceptor waits
    /// for the peer's. The outbox is cleared: nothing meant for an earlier connection may leave on
    /// this one.
    ///
    /// # Errors
    /// [`SendError`] if the Logon could not be written; the numbers are as before and the connection
    /// must be closed.
    pub fn connected(
        &mut self,
        now: UtcTime,
        out: &mut Outbox,
        extra: impl FnOnce(&mut Encoder<'_>, u64),
    ) -> Result<(), SendError> {
        self.disconnected(now);
        out.clear();
        self.connection = self.connection.wrapping_add(1);
        self.down_reason = None;
        (self.garbled_in_a_row, self.first_garbled) = (0, None);
        self.resend_asked = Asked::NOTHING;
        self.last_sent = now;
        self.last_received = now;
        if self.config.role == Role::Acceptor {
            self.enter(Phase::AwaitLogon, now);
            return Ok(());
        }
        let before = (self.epoch, self.next_in, self.next_out);
        let reset = self.config.reset_on_logon;
        if reset {
            self.reset_numbers();
        }
        self.heartbeat_seconds = self.config.heartbeat_seconds;
        let (heartbeat, number) = (self.heartbeat_seconds, self.next_out);
        let next_expected = self.config.next_expected.then_some(self.next_in);
        let written = self.emit(&self.admin(b"A"), now, out, |body| {
            logon_fields(body, heartbeat, reset.then_some(true), next_expected);
            extra(body, number);
        });
        match written {
            Ok(_) => {
                self.enter(Phase::LogonSent, now);
                Ok(())
            }
            Err(error) => {
                (self.epoch, self.next_in, self.next_out) = before;
                self.close(
                    DownReason::ProtocolError(event_text(b"Logon could not be written")),
                    now,
                );
                Err(error)
            }
        }
    }

    /// Acceptor, after [`Received::Logon`]: answers the Logon (98, 108 and 141 as the peer said) and
    /// asks for what was missed (FIX session case 1S.a).
    ///
    /// # Errors
    /// [`SendError::NotLoggedOn`] if no Logon waits; else as [`Session::send`], and the connection must
    /// be closed.
    pub fn accept_logon(&mut self, now: UtcTime, out: &mut Outbox) -> Result<(), SendError> {
        let Some(logon) = self.pending_logon.take() else {
            return Err(SendError::NotLoggedOn);
        };
        if out.free() < limits::OUTBOX_ADMIN_BYTES {
            self.admin_failed(SendError::OutboxFull, out, now);
            return Err(SendError::OutboxFull);
        }
        self.heartbeat_seconds = logon.heartbeat_seconds;
        self.by_hand = Ends::NEITHER;
        if logon.reset == Some(true) {
            self.reset_by_peer();
        } else if logon.fresh != Ends::NEITHER {
            self.begin_space(logon.fresh);
        }
        let expected = self.next_in;
        self.count_logon(logon.msg_seq_num, now);
        let next_expected = self.config.next_expected.then_some(self.next_in);
        let written = self.emit(&self.admin(b"A"), now, out, |body| {
            logon_fields(body, logon.heartbeat_seconds, logon.reset, next_expected);
        });
        let answer = match written {
            Ok(answer) => answer,
            Err(error) => {
                self.admin_failed(error, out, now);
                return Err(error);
            }
        };
        self.logged_on(&logon, now, out);
        if logon.msg_seq_num < expected {
            self.replay_from_logon(logon.msg_seq_num, expected, answer, now, out);
        } else if let Some(from) = logon.next_expected.filter(|from| *from < answer) {
            // What the peer has missed, up to and with the Logon, which it may not have counted.
            self.resend(from, answer, now, out);
        }
        Ok(())
    }

    /// A Logon with a low number was accepted ([`SessionConfig::low_logon_replays`]): what we sent from
    /// that number on, our answer included, is sent again as the policy says.
    ///
    /// [`SessionConfig::low_logon_replays`]: super::SessionConfig::low_logon_replays
    fn replay_from_logon(
        &mut self,
        from: u64,
        expected: u64,
        answer: u64,
        now: UtcTime,
        out: &mut Outbox,
    ) {
        let to = from + 1;
        self.events.push(SessionEvent::SequenceReset { from: expected, to, gap_fill: false });
        if from <= answer {
            self.resend(from, answer, now, out);
        }
    }

    /// Acceptor, after [`Received::Logon`]: closes the connection, with a Logout that says why unless
    /// `text` is `None`. Nothing of the Logon comes into force, neither its number nor its reset.
    pub fn refuse_logon(&mut self, text: Option<&str>, now: UtcTime, out: &mut Outbox) {
        if let Some(logon) = self.pending_logon.take() {
            self.refuse(logon.fresh.next_out, text, now, out);
        }
    }

    /// The Logout uses our number up, because the peer counts it; but where the Logon would have begun
    /// a new space, the peer counts from 1, in one that does not come into being.
    fn refuse(&mut self, fresh: bool, text: Option<&str>, now: UtcTime, out: &mut Outbox) {
        if let Some(text) = text {
            let number = self.next_out;
            if fresh {
                self.next_out = 1;
            }
            if self.config.refusal_skips_a_number {
                self.next_out += 1;
            }
            self.write_logout(text, now, out);
            if fresh {
                self.next_out = number;
            }
        }
        let reason = DownReason::LogonRefused(event_text(text.unwrap_or("").as_bytes()));
        self.close(reason, now);
    }

    /// Acceptor: FIX session cases 1S.a to 1S.d and 2S.
    pub(super) fn first_message(
        &mut self,
        message: &Message<'_>,
        header: &Inbound<'_>,
        now: UtcTime,
        out: &mut Outbox,
        check: Check<'_>,
    ) -> Received {
        if header.msg_type != b"A" || self.identity_flaw(header).is_some() {
            // Neither a stranger nor a peer that cannot say hello gets a word (1S.c, 2S).
            let text = event_text(b"first message is no Logon of the peer");
            self.close(DownReason::ProtocolError(text), now);
            return Received::Ignored;
        }
        match self.judge_logon(message, header, now, check) {
            Err(flaw) => {
                let text = Line::new(format_args!("{flaw}"));
                self.refuse(self.begins_anew(message).next_out, Some(text.as_str()), now, out);
                Received::Ignored
            }
            Ok(logon) => {
                self.pending_logon = Some(logon);
                self.enter_logon_received(now);
                Received::Logon
            }
        }
    }

    /// The time-out goes on from the connection, not from here.
    fn enter_logon_received(&mut self, now: UtcTime) {
        let since = self.phase_since;
        self.enter(Phase::LogonReceived, now);
        self.phase_since = since;
    }

    /// Initiator: FIX session cases 1B.c to 1B.e.
    pub(super) fn logon_answer(
        &mut self,
        message: &Message<'_>,
        header: &Inbound<'_>,
        now: UtcTime,
        out: &mut Outbox,
        check: Check<'_>,
    ) -> Received {
        self.note_skew(header.sending_time, now);
        match header.msg_type {
            b"A" => {}
            b"5" | b"3" => {
                if let Some(number) = header.msg_seq_num {
                    self.count(number, now);
                }
                let text = event_text(message.get(tag::TEXT).unwrap_or(b""));
                self.close(self.refusal(text), now);
                return Received::Admin;
            }
            _ => {
                let text = event_text(b"the answer to the Logon is no Logon");
                self.close(DownReason::ProtocolError(text), now);
                return Received::Ignored;
            }
        }
        match self.judge_logon(message, header, now, check) {
            Err(flaw) => {
                let text = Line::new(format_args!("{flaw}"));
                self.write_logout(text.as_str(), now, out);
                let reason = DownReason::ProtocolError(event_text(text.as_str().as_bytes()));
                self.close(reason, now);
                Received::Ignored
            }
            Ok(logon) => {
                self.heartbeat_seconds = logon.heartbeat_seconds;
                if logon.reset == Some(true) && !self.config.reset_on_logon {
                    // The venue starts at 1 although we did not ask for it. Our Logon is the first
                    // message of the new space: should the venue not count it, it sees a gap, and not
                    // a number that is fatally low.
                    self.reset_by_peer();
                    self.next_out = 2;
                } else if logon.msg_seq_num < self.next_in {
                    // The same without the word; what came before this answer, on a connection that
                    // broke, is asked for. Our Logon had a number of the old space, and the venue asks
                    // for all that is before it.
                    let next_out = self.next_out;
                    self.reset_by_peer();
                    self.next_out = next_out;
                }
                self.count_logon(logon.msg_seq_num, now);
                self.logged_on(&logon, now, out);
                let next_out = self.next_out;
                if let Some(expected) = logon.next_expected.filter(|number| *number < next_out) {
                    self.resend(expected, next_out - 1, now, out);
                }
                self.pump_sync(now, out);
                Received::Admin
            }
        }
    }

    /// Acceptor: which numbers start at 1 if the Logon is accepted.
    fn begins_anew(&self, logon: &Message<'_>) -> Ends {
        let Ends { next_in, next_out } = self.by_hand;
        match (logon.flag(tag::RESET_SEQ_NUM_FLAG), self.config.reset_on_logon) {
            (true, _) => Ends::BOTH,
            (false, true) => Ends { next_in: !next_in, next_out: !next_out },
            (false, false) => Ends::NEITHER,
        }
    }

    /// What a Logon of either role must be. Nothing of it is in force yet.
    fn judge_logon(
        &self,
        message: &Message<'_>,
        header: &Inbound<'_>,
        now: UtcTime,
        check: Check<'_>,
    ) -> Result<PendingLogon, LogonFlaw> {
        if let Some(wrong) = WrongBeginString::of(message) {
            return Err(LogonFlaw::BeginString(wrong));
        }
        if self.identity_flaw(header).is_some() {
            return Err(LogonFlaw::CompId);
        }
        if let Some(flaw) = header.flaw.or_else(|| self.third_party_flaw(message, header)) {
            return Err(LogonFlaw::Header { tag: flaw.tag });
        }
        if self.sending_time_flaw(header, now).is_some() {
            return Err(LogonFlaw::SendingTime);
        }
        if header.poss_dup
            && let Some(flaw) = header.orig_sending_time_flaw()
        {
            return Err(LogonFlaw::PossDup { reason: flaw.reason });
        }
        if message.get(tag::ENCRYPT_METHOD) != Some(b"0") {
            return Err(LogonFlaw::EncryptMethod);
        }
        let heartbeat_seconds = self.heartbeat_of(message)?;
        let reset = match message.get(tag::RESET_SEQ_NUM_FLAG) {
            None => None,
            Some(b"Y") => Some(true),
            Some(b"N") => Some(false),
            Some(_) => return Err(LogonFlaw::ResetSeqNumFlag),
        };
        let number = header.msg_seq_num.filter(|&n| n <= limits::SEQ_NUM_MAX);
        let msg_seq_num = number.ok_or(LogonFlaw::MsgSeqNum)?;
        let asked = self.config.role == Role::Initiator && self.config.reset_on_logon;
        let fresh = match self.config.role {
            Role::Acceptor => self.begins_anew(message),
            Role::Initiator => Ends::NEITHER,
        };
        let next_in = if fresh.next_in { 1 } else { self.next_in };
        if reset == Some(true) {
            if !asked && !self.config.reset_by_peer {
                return Err(LogonFlaw::ResetNotAllowed);
            }
            if msg_seq_num != 1 {
                return Err(LogonFlaw::ResetNumber { received: msg_seq_num });
            }
        } else if msg_seq_num < next_in && !self.takes_low(msg_seq_num) {
            return Err(LogonFlaw::TooLow { expected: next_in, received: msg_seq_num });
        }
        let reset_by_peer = reset == Some(true) && !asked;
        let next_expected = self.next_expected_of(message, reset_by_peer || fresh.next_out)?;
        if let Some(fault) = check(message) {
            return Err(LogonFlaw::Field { reason: fault.reason, tag: fault.tag.unwrap_or(0) });
        }
        Ok(PendingLogon { msg_seq_num, heartbeat_seconds, reset, fresh, next_expected })
    }

    /// Whether the dialect has a meaning for a Logon with this number, which is too low.
    fn takes_low(&self, msg_seq_num: u64) -> bool {
        match self.config.role {
            Role::Acceptor => self.config.low_logon_replays && msg_seq_num > 0,
            Role::Initiator => self.config.low_answer_resets && msg_seq_num > 0,
        }
    }

    /// Why a Logon was refused: what the peer says, or the clocks, if they are so far apart that no
    /// Logon would be accepted.
    fn refusal(&self, text: EventText) -> DownReason {
        match (self.clock_skew(), self.config.clock_skew_refused) {
            (Some(skew), Some(limit)) if u128::from(skew.unsigned_abs()) >= limit.as_nanos() => {
                DownReason::ClockSkew { ms: skew / 1_000_000, text }
            }
            _ => DownReason::LogonRefused(text),
        }
    }

    /// NextExpectedMsgSeqNum(789), which cannot be above what we send next.
    fn next_expected_of(
        &self,
        message: &Message<'_>,
        reset: bool,
    ) -> Result<Option<u64>, LogonFlaw> {
        let Some(text) = message.get(tag::NEXT_EXPECTED_MSG_SEQ_NUM) else { return Ok(None) };
        if !self.config.next_expected {
            return Ok(None);
        }
        let bad = LogonFlaw::Header { tag: tag::NEXT_EXPECTED_MSG_SEQ_NUM };
        let received = parse_u64(text).ok().filter(|&number| number > 0).ok_or(bad)?;
        let acceptor = self.config.role == Role::Acceptor;
        let expected = match (reset, acceptor) {
            (true, true) => 1,
            (true, false) => 2,
            (false, _) => self.next_out,
        };
        if received > expected {
            return Err(LogonFlaw::NextExpected { expected, received });
        }
        Ok(Some(received))
    }

    pub(super) fn heartbeat_of(&self, message: &Message<'_>) -> Result<u32, LogonFlaw> {
        let (min, max) = (self.config.heartbeat_seconds_min, self.config.heartbeat_seconds_max);
        let seconds = message.get(tag::HEART_BT_INT).and_then(|text| parse_u32(text).ok());
        seconds
            .filter(|seconds| (min..=max).contains(seconds))
            .ok_or(LogonFlaw::HeartBtInt { min, max })
    }

    /// Counts a Logon that is not too high; a low one that was accepted lowers the number.
    fn count_logon(&mut self, number: u64, now: UtcTime) {
        if number <= self.next_in {
            self.advance_to(number + 1, now);
        }
    }

    /// The session is up. The peer's Logon is not too low, and has been counted if it was expected.
    fn logged_on(&mut self, logon: &PendingLogon, now: UtcTime, out: &mut Outbox) {
        let number = logon.msg_seq_num;
        self.enter(Phase::Active, now);
        self.last_received = now;
        let asked_reset = self.config.reset_on_logon && logon.reset == Some(true);
        if self.config.synchronise && self.config.role == Role::Initiator && !asked_reset {
            self.start_sync(logon.next_expected.is_some(), now);
        } else {
            self.push_up();
        }
        if number < self.next_in {
            return;
        }
        self.held.hold(number, None);
        if logon.next_expected.is_some() {
            // Our own Logon says what is missing; the peer resends it without being asked.
            let (from, through) = (self.next_in, number);
            let (chunk_end, asked_as) = (u64::MAX, 0);
            let (tries, answered, refused) = (0, false, false);
            let (progress_at, behind) = (now, Behind::new(number));
            self.gap = Some(Gap {
                through,
                progress_at,
                tries,
                answered,
                chunk_end,
                asked_as,
                refused,
                behind,
            });
            self.events.push(SessionEvent::Gap { from, to: number });
        } else {
            self.request_resend(number, now, out);
        }
        self.note_behind(number, b"A");
    }

    pub(super) fn reset_by_peer(&mut self) {
        let (next_in, next_out) = (self.next_in, self.next_out);
        self.reset_numbers();
        self.events.push(SessionEvent::ResetByPeer { epoch: self.epoch, next_in, next_out });
    }
}

/// What every Logon has behind its header.
pub(super) fn logon_fields(
    body: &mut Encoder<'_>,
    heartbeat_seconds: u32,
    reset: Option<bool>,
    next_expected: Option<u64>,
) {
    body.uint(tag::ENCRYPT_METHOD, 0).uint(tag::HEART_BT_INT, u64::from(heartbeat_seconds));
    if let Some(reset) = reset {
        body.byte(tag::RESET_SEQ_NUM_FLAG, if reset { b'Y' } else { b'N' });
    }
    if let Some(next_expected) = next_expected {
        body.uint(tag::NEXT_EXPECTED_MSG_SEQ_NUM, next_expected);
    }
}
