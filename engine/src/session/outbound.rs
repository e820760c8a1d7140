//! What leaves: application messages, and the admin messages that both sides of the session write.

use std::ops::Range;

use taut_codec::encode::{EncodeError, Encoder, Header, HeaderOrder};
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::event::{Line, event_text};
use super::{Behind, Gap, LogoutKind, Outbox, Phase, SendError, Session, SessionEvent};
use crate::event::DownReason;
use crate::limits;

/// Everything of a message but its body.
pub(super) struct Envelope<'a> {
    pub msg_type: &'a [u8],
    pub order: HeaderOrder,
    /// Bytes of the outbox that must stay free behind the message.
    pub reserve: usize,
}

impl Session {
    /// Sends an application message and returns its MsgSeqNum. `body` writes what follows the header.
    ///
    /// # Errors
    /// [`SendError`]; then no number is used and no byte is written. Only an [`Phase::Active`] session
    /// sends. Some room of the outbox is kept for admin messages.
    pub fn send(
        &mut self,
        msg_type: &[u8],
        now: UtcTime,
        out: &mut Outbox,
        body: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<u64, SendError> {
        self.send_with_order(msg_type, self.config.header_order, now, out, body)
    }

    /// [`Session::send`] with another order of the header fields (venue file 3.1).
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn send_with_order(
        &mut self,
        msg_type: &[u8],
        order: HeaderOrder,
        now: UtcTime,
        out: &mut Outbox,
        body: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<u64, SendError> {
        self.may_send()?;
        let envelope = Envelope { msg_type, order, reserve: limits::OUTBOX_ADMIN_BYTES };
        self.emit(&envelope, now, out, body)
    }

    /// [`Session::send`] of a message that is written whole, header included: `render` is given the buffer
    /// and MsgSeqNum(34), and returns where the message stands. Its other header fields have to be what
    /// the configuration says.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn send_rendered(
        &mut self,
        msg_type: &[u8],
        now: UtcTime,
        out: &mut Outbox,
        render: impl FnOnce(&mut [u8], u64) -> Result<Range<usize>, EncodeError>,
    ) -> Result<u64, SendError> {
        self.may_send()?;
        let msg_seq_num = self.next_number()?;
        let written = render(&mut self.scratch, msg_seq_num)?;
        self.push(written.clone(), limits::OUTBOX_ADMIN_BYTES, now, out)?;
        self.sent(msg_type, msg_seq_num, written);
        Ok(msg_seq_num)
    }

    /// Whether an application message may be sent now.
    fn may_send(&self) -> Result<(), SendError> {
        if !self.is_up() {
            return Err(SendError::NotLoggedOn);
        }
        if self.is_resending() {
            // The peer has not read what it asked for; nothing new stands inside that range.
            return Err(SendError::OutboxFull);
        }
        Ok(())
    }

    /// Sends a Reject (35=3). A text or MsgType that cannot be sent is left out.
    ///
    /// # Errors
    /// [`SendError`]; then nothing is sent. Needs [`Phase::Active`] or [`Phase::LogoutSent`].
    #[expect(clippy::too_many_arguments, reason = "one per field of the message")]
    pub fn reject(
        &mut self,
        ref_seq_num: u64,
        ref_msg_type: &[u8],
        ref_tag: Option<u32>,
        reason: Option<u32>,
        text: &str,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Result<u64, SendError> {
        if !matches!(self.phase, Phase::Active | Phase::LogoutSent) {
            return Err(SendError::NotLoggedOn);
        }
        let route = self.route;
        let sent = self.emit(&self.admin(b"3"), now, out, |body| {
            route.write(body);
            body.uint(tag::REF_SEQ_NUM, ref_seq_num);
            if is_sendable(text.as_bytes()) {
                body.bytes(tag::TEXT, text.as_bytes());
            }
            if let Some(ref_tag) = ref_tag {
                body.uint(tag::REF_TAG_ID, u64::from(ref_tag));
            }
            if is_sendable(ref_msg_type) {
                body.bytes(tag::REF_MSG_TYPE, ref_msg_type);
            }
            if let Some(reason) = reason {
                body.uint(tag::SESSION_REJECT_REASON, u64::from(reason));
            }
        })?;
        self.events.push(SessionEvent::Rejected {
            ref_seq_num,
            reason,
            tag: ref_tag,
            text: event_text(text.as_bytes()),
        });
        Ok(sent)
    }

    /// SequenceReset-Reset: our next message has the number `next_out`, which is above what it would have
    /// been. For an operator whose peer misses what cannot be sent again (FIX session case 9).
    ///
    /// # Errors
    /// [`SendError`]; then nothing is sent. Needs [`Phase::Active`], and no resend under way; a number
    /// that is not above, or beyond [`limits::SEQ_NUM_MAX`], is [`SendError::SeqNumExhausted`].
    pub fn reset_out(
        &mut self,
        next_out: u64,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Result<(), SendError> {
        if self.phase != Phase::Active || self.is_resending() {
            return Err(SendError::NotLoggedOn);
        }
        if !(self.next_out + 1..=limits::SEQ_NUM_MAX).contains(&next_out) {
            return Err(SendError::SeqNumExhausted);
        }
        self.write(&self.admin(b"4"), self.next_out, None, now, out, |body| {
            body.uint(tag::NEW_SEQ_NO, next_out).byte(tag::GAP_FILL_FLAG, b'N');
        })?;
        self.next_out = next_out;
        Ok(())
    }

    /// Logs out in good order: the Logout goes behind everything that waits, the peer's answer (or
    /// the time-out) ends the connection (FIX session case 12). Before the logon is complete there is
    /// nothing to log out of: the connection is closed.
    pub fn logout(&mut self, text: Option<&str>, now: UtcTime, out: &mut Outbox) {
        match self.phase {
            Phase::Active => {
                self.write_logout(text.unwrap_or(""), now, out);
                self.enter_logout(LogoutKind::Ours, now);
            }
            Phase::LogonSent | Phase::AwaitLogon | Phase::LogonReceived => {
                self.close(DownReason::LoggedOut, now);
            }
            Phase::Disconnected | Phase::LogoutSent | Phase::Closing => {}
        }
    }

    /// The peer broke a rule: Logout with the reason, then wait for its Logout (FIX session cases
    /// 2.c, 2.i, 2.k, 2.o).
    pub(super) fn logout_for(&mut self, text: &Line, now: UtcTime, out: &mut Outbox) {
        let reason = DownReason::ProtocolError(super::event::event_text(text.as_str().as_bytes()));
        self.down_reason.get_or_insert(reason);
        if self.phase == Phase::Active {
            self.write_logout(text.as_str(), now, out);
            self.enter_logout(LogoutKind::Error, now);
        } else if self.phase != Phase::Closing {
            self.logout = LogoutKind::Error;
        }
    }

    pub(super) fn enter_logout(&mut self, kind: LogoutKind, now: UtcTime) {
        // Writing the Logout may have ended the connection, if the peer does not read.
        if self.phase != Phase::Closing {
            self.logout = kind;
            self.enter(Phase::LogoutSent, now);
        }
    }

    pub(super) fn write_logout(&mut self, text: &str, now: UtcTime, out: &mut Outbox) {
        self.emit_admin(b"5", now, out, |body| {
            if is_sendable(text.as_bytes()) {
                body.bytes(tag::TEXT, text.as_bytes());
            }
        });
    }

    /// Asks for what is missing; a peer that has been asked too often without an answer is left, also if it
    /// goes on with other messages meanwhile.
    pub(super) fn request_resend_or_give_up(
        &mut self,
        received: u64,
        now: UtcTime,
        out: &mut Outbox,
    ) {
        match self.gap {
            Some(gap) if gap.tries >= limits::RESEND_TRIES_MAX => {
                let (from, tries) = (self.next_in, gap.tries);
                let text = Line::new(format_args!(
                    "No answer to ResendRequest from {from}, asked {tries} times"
                ));
                self.logout_for(&text, now, out);
            }
            _ => self.request_resend(received, now, out),
        }
    }

    /// Asks for everything from the next expected number on, or a chunk of it; `received` revealed
    /// that it is missing. Counts as asked only if it was really written.
    pub(super) fn request_resend(&mut self, received: u64, now: UtcTime, out: &mut Outbox) {
        let from = self.next_in;
        let tries = self.gap.map_or(0, |gap| gap.tries);
        // The last chunk is open, as there may be more by now.
        let chunk_end = match self.config.resend_chunk {
            0 => u64::MAX,
            chunk if from.saturating_add(chunk) >= received => u64::MAX,
            chunk => from + chunk - 1,
        };
        let end = if chunk_end == u64::MAX { 0 } else { chunk_end };
        let asked_as = self.next_out;
        let asked = self.emit_admin(b"2", now, out, |body| {
            body.uint(tag::BEGIN_SEQ_NO, from).uint(tag::END_SEQ_NO, end);
        });
        if asked {
            let (through, progress_at, tries) = (received, now, tries + 1);
            let (answered, refused) = (false, false);
            let behind = self.gap.map_or(Behind::new(received), |gap| gap.behind);
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
            self.events.push(SessionEvent::Gap { from, to: received });
        }
    }

    /// Writes an admin message. If it does not fit, the peer does not read: the connection ends.
    pub(super) fn emit_admin(
        &mut self,
        msg_type: &[u8],
        now: UtcTime,
        out: &mut Outbox,
        body: impl FnOnce(&mut Encoder<'_>),
    ) -> bool {
        match self.emit(&self.admin(msg_type), now, out, body) {
            Ok(_) => true,
            Err(error) => {
                self.admin_failed(error, out, now);
                false
            }
        }
    }

    pub(super) fn admin_failed(&mut self, error: SendError, out: &Outbox, now: UtcTime) {
        let text: &[u8] = match error {
            SendError::OutboxFull => {
                let waiting = out.pending().len();
                self.events.push(SessionEvent::OutboxFull { waiting });
                b"the peer does not read: outbox full"
            }
            SendError::SeqNumExhausted => b"sequence numbers used up",
            SendError::Encode(_) | SendError::NotLoggedOn => b"admin message could not be written",
        };
        self.close(DownReason::ProtocolError(super::event::event_text(text)), now);
    }

    pub(super) fn admin<'a>(&self, msg_type: &'a [u8]) -> Envelope<'a> {
        Envelope { msg_type, order: self.config.header_order, reserve: 0 }
    }

    /// Writes one message with the next number: the number is used if and only if the bytes are in
    /// the outbox.
    pub(super) fn emit(
        &mut self,
        envelope: &Envelope<'_>,
        now: UtcTime,
        out: &mut Outbox,
        body: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<u64, SendError> {
        let msg_seq_num = self.next_number()?;
        let written = self.write(envelope, msg_seq_num, None, now, out, body)?;
        self.sent(envelope.msg_type, msg_seq_num, written);
        Ok(msg_seq_num)
    }

    pub(super) const fn next_number(&self) -> Result<u64, SendError> {
        if self.next_out > limits::SEQ_NUM_MAX {
            Err(SendError::SeqNumExhausted)
        } else {
            Ok(self.next_out)
        }
    }

    /// The message is in the outbox: its number is used.
    pub(super) fn sent(&mut self, msg_type: &[u8], msg_seq_num: u64, written: Range<usize>) {
        self.keep_sent(msg_type, msg_seq_num, written);
        self.next_out = msg_seq_num + 1;
    }

    /// Writes a gap fill over `from..=to`: it has the number of the first message that it stands for.
    pub(super) fn write_gap_fill(
        &mut self,
        from: u64,
        to: u64,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Result<(), SendError> {
        let first_sent = self.config.gap_fill_poss_dup.then_some(now);
        self.write(&self.admin(b"4"), from, first_sent, now, out, |body| {
            body.uint(tag::NEW_SEQ_NO, to + 1).byte(tag::GAP_FILL_FLAG, b'Y');
        })
        .map(drop)
    }

    /// Writes one message with any number; returns where it stands in the scratch buffer.
    pub(super) fn write(
        &mut self,
        envelope: &Envelope<'_>,
        msg_seq_num: u64,
        orig_sending_time: Option<UtcTime>,
        now: UtcTime,
        out: &mut Outbox,
        body: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<Range<usize>, SendError> {
        let range = self.encode(envelope, msg_seq_num, orig_sending_time, now, body)?;
        self.push(range.clone(), envelope.reserve, now, out)?;
        Ok(range)
    }

    /// Encodes one message into the scratch buffer and returns where it stands.
    pub(super) fn encode(
        &mut self,
        envelope: &Envelope<'_>,
        msg_seq_num: u64,
        orig_sending_time: Option<UtcTime>,
        now: UtcTime,
        body: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<Range<usize>, SendError> {
        let header = Header {
            msg_type: envelope.msg_type,
            msg_seq_num,
            sender: self.config.sender.as_bytes(),
            target: self.config.target.as_bytes(),
            sending_time: now,
            orig_sending_time,
            order: envelope.order,
        };
        let precision = self.config.time_precision;
        let mut encoder = Encoder::begin_precise(&mut self.scratch, &header, precision);
        if self.config.last_processed {
            encoder.uint(tag::LAST_MSG_SEQ_NUM_PROCESSED, self.next_in - 1);
        }
        body(&mut encoder);
        Ok(encoder.finish()?)
    }

    /// Puts what stands in the scratch buffer into the outbox, if `reserve` bytes stay free behind it.
    pub(super) fn push(
        &mut self,
        written: Range<usize>,
        reserve: usize,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Result<(), SendError> {
        if out.free() < written.len() + reserve {
            return Err(SendError::OutboxFull);
        }
        out.push(&self.scratch[written])?;
        self.last_sent = now;
        Ok(())
    }
}

/// Whether `value` can be written as the value of a field.
pub(super) fn is_sendable(value: &[u8]) -> bool {
    !value.is_empty() && value.len() <= limits::ECHO_BYTES_MAX && value.iter().all(|&b| b >= 0x20)
}
