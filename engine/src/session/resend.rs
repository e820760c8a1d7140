//! What was sent, and what of it is sent again when the peer asks.
//!
//! The answer to a ResendRequest is decided per message: replay, gap fill, or ask the application. An
//! order, a cancel or an amendment is never replayed unless the policy names it on purpose (promise
//! 4), and by default nothing is. What was sent comes from a [`SentStore`]; without one the answer is
//! one gap fill. What was withheld is told in both cases. A long answer is written in batches, and until
//! its end nothing of the application goes out, so that live traffic never stands inside a resent range.

use std::ops::Range;

use taut_codec::encode::{EncodeError, Encoder, HeaderOrder};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner, fix44_data_tag};
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::outbound::Envelope;
use super::policy::{Resend, is_admin};
use super::store::{Kept, SentStore};
use super::{Outbox, Phase, SendError, Session, SessionEvent};
use crate::limits;
use crate::touched;

/// Asked about one kept message: whether it may be sent again. Asked anew for every ResendRequest, and
/// also if the outbox had no room for what it allowed: its last answer counts.
pub type ResendJudge = Box<dyn FnMut(&Message<'_>) -> bool + Send>;

/// The store and what it takes to read it; allocated once.
pub(super) struct Resender {
    pub store: Box<dyn SentStore>,
    judge: Option<ResendJudge>,
    scanner: Scanner,
    fields: Box<[Field]>,
    message: Box<[u8]>,
    /// Since when `spent` counts.
    period_at: UtcTime,
    /// Work done in this period; see [`limits::RESEND_WORK_MAX`].
    spent: u32,
}

/// A range that is being sent again.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResendJob {
    from: u64,
    next: u64,
    to: u64,
    replayed: u32,
    withheld: u32,
    /// Numbers that were gap filled below the reach of the store, first and last; none if that is 0.
    forgotten: (u64, u64),
    pub(super) pumped_at: UtcTime,
}

/// What became of a message that could not but wait: [`Session::post`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It is in the outbox, with this number.
    Sent(u64),
    /// It is in the store only, with this number: the peer finds it missing and asks for it.
    Kept(u64),
}

impl Session {
    /// Keeps what is sent from now on in `store`, and replays from it as
    /// [`SessionConfig::resend_policy`](super::SessionConfig::resend_policy) says.
    pub fn set_sent_store(&mut self, store: Box<dyn SentStore>) {
        let bytes = self.config.send_message_bytes_max;
        self.resender = Some(Resender {
            store,
            judge: None,
            scanner: Scanner::new(),
            fields: touched::slice(Field::default(), limits::FIELDS_MAX.min(bytes / 3 + 1)),
            message: touched::slice(0, bytes),
            period_at: UtcTime(0),
            spent: 0,
        });
    }

    /// Who answers [`Resend::Ask`]. Needs a store.
    pub fn ask_before_resend(&mut self, judge: ResendJudge) {
        if let Some(resender) = &mut self.resender {
            resender.judge = Some(judge);
        }
    }

    /// Whether a resend is under way; nothing of the application can be sent until its end.
    #[must_use]
    pub fn is_resending(&self) -> bool {
        self.resend.is_some()
    }

    /// Sends an application message, or, while the session is down, cannot take it or is resending,
    /// numbers and keeps it, so that the peer gets it by a resend: what a venue does with its reports
    /// (venue file 3.3). A resend that is under way goes on to include it.
    ///
    /// # Errors
    /// [`SendError`]; then no number is used. [`SendError::NotLoggedOn`] if it would have to be kept and
    /// there is no store, or none that takes it, or the policy does not replay its type.
    pub fn post(
        &mut self,
        msg_type: &[u8],
        order: HeaderOrder,
        now: UtcTime,
        out: &mut Outbox,
        body: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<Posted, SendError> {
        let number = self.next_number()?;
        let envelope = Envelope { msg_type, order, reserve: limits::OUTBOX_ADMIN_BYTES };
        let written = self.encode(&envelope, number, None, now, body)?;
        self.post_written(msg_type, number, written, now, out)
    }

    /// [`Session::post`] of a message that is written whole, header included, as by
    /// [`Session::send_rendered`].
    ///
    /// # Errors
    /// As [`Session::post`].
    pub fn post_rendered(
        &mut self,
        msg_type: &[u8],
        now: UtcTime,
        out: &mut Outbox,
        render: impl FnOnce(&mut [u8], u64) -> Result<Range<usize>, EncodeError>,
    ) -> Result<Posted, SendError> {
        let number = self.next_number()?;
        let written = render(&mut self.scratch, number)?;
        self.post_written(msg_type, number, written, now, out)
    }

    /// Sends or keeps what stands in the scratch buffer.
    fn post_written(
        &mut self,
        msg_type: &[u8],
        number: u64,
        written: Range<usize>,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Result<Posted, SendError> {
        let live = self.phase == Phase::Active && self.resend.is_none();
        if live && self.push(written.clone(), limits::OUTBOX_ADMIN_BYTES, now, out).is_ok() {
            self.sent(msg_type, number, written);
            return Ok(Posted::Sent(number));
        }
        self.keep_unsent(msg_type, number, now, out, written)
    }

    /// Numbers and keeps what is written and could not go to the outbox.
    fn keep_unsent(
        &mut self,
        msg_type: &[u8],
        number: u64,
        now: UtcTime,
        out: &Outbox,
        written: Range<usize>,
    ) -> Result<Posted, SendError> {
        let replays = self.config.resend_policy.of(msg_type) == Resend::Replay;
        let epoch = self.epoch;
        let resender = self.resender.as_mut().filter(|_| replays && !is_admin(msg_type));
        let bytes = &self.scratch[written];
        let kept = resender
            .is_some_and(|resender| resender.store.keep_unsent(epoch, number, now, out, bytes));
        if !kept {
            return Err(SendError::NotLoggedOn);
        }
        if let Some(job) = &mut self.resend {
            job.to = number;
        }
        self.next_out = number + 1;
        Ok(Posted::Kept(number))
    }

    pub(super) fn keep_sent(&mut self, msg_type: &[u8], msg_seq_num: u64, written: Range<usize>) {
        let is_application = !is_admin(msg_type);
        match &mut self.resender {
            Some(resender) if is_application => {
                resender.store.keep(self.epoch, msg_seq_num, &self.scratch[written]);
            }
            Some(_) => {}
            None => self.sent_numbers.note(msg_seq_num, is_application),
        }
    }

    /// Starts to answer for `from..=to`. A request that comes while an earlier one is being answered is
    /// answered together with what is left of that.
    pub(super) fn resend(&mut self, from: u64, to: u64, now: UtcTime, out: &mut Outbox) {
        self.sync_resent(to);
        if self.resender.is_none() {
            match self.write_gap_fill(from, to, now, out) {
                Ok(()) => self.withheld_all(from, to),
                Err(error) => self.admin_failed(error, out, now),
            }
            return;
        }
        let job = ResendJob::new(from, to, now);
        self.resend = Some(match self.resend {
            None => job,
            Some(old) => {
                let (next, to, forgotten) = (from.min(old.next), to.max(old.to), old.forgotten);
                ResendJob { next, to, forgotten, ..job }
            }
        });
        self.pump_resend(now, out);
    }

    /// Writes the next batch of what is being resent: as much as is left of this period's work.
    pub(super) fn pump_resend(&mut self, now: UtcTime, out: &mut Outbox) {
        let Some(mut job) = self.resend else { return };
        let Some(mut resender) = self.resender.take() else { return };
        resender.begin_period(now);
        job.pumped_at = resender.period_at;
        let mut result = Ok(());
        while result.is_ok() && job.next <= job.to && resender.spent < limits::RESEND_WORK_MAX {
            result = self.resend_next(&mut job, &mut resender, now, out);
        }
        self.resender = Some(resender);
        self.resend = (job.next <= job.to).then_some(job);
        match result {
            // The peer does not read as fast as it asks: the rest waits for room.
            Err(SendError::OutboxFull) if !out.is_empty() => {}
            Err(error) => {
                self.resend = None;
                self.admin_failed(error, out, now);
            }
            Ok(()) => {}
        }
        if self.resend.is_none() && job.next > job.to {
            self.resend_served(&job);
        }
    }

    /// Without a store: one gap fill stood for all of `from..=to`.
    fn withheld_all(&mut self, from: u64, to: u64) {
        let mut withheld = Withheld::default();
        self.sent_numbers.application(from, to).for_each(|number| withheld.add(number));
        self.events.push_if(withheld.event());
        let mut job = ResendJob::new(from, to, UtcTime(0));
        job.withheld = withheld.messages;
        job.forget(to.min(self.sent_numbers.reach() - 1));
        self.resend_served(&job);
    }

    /// Tells how a request was answered.
    fn resend_served(&mut self, job: &ResendJob) {
        let ResendJob { from, to, replayed, withheld, forgotten, .. } = *job;
        self.events.push(SessionEvent::ResendServed { from, to });
        if replayed > 0 || withheld > 0 {
            self.events.push(SessionEvent::Replayed { from, to, replayed, withheld });
        }
        if let (from @ 1.., to) = forgotten {
            self.events.push(SessionEvent::Forgotten { from, to });
        }
    }

    /// Replays the next message that is to be replayed, behind a gap fill over what is before it; one that
    /// has become too long to be sent is gap filled too. Stops when this period's work is done, with a
    /// gap fill over what was looked at.
    fn resend_next(
        &mut self,
        job: &mut ResendJob,
        resender: &mut Resender,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Result<(), SendError> {
        let mut at = job.next;
        let mut withheld = Withheld::default();
        let mut found = None;
        let stop = loop {
            let Some(kept) = resender.store.next_kept(self.epoch, at, job.to) else {
                break job.to;
            };
            resender.spent += 1;
            if let Some(len) = self.may_replay(resender, kept, job.to) {
                found = Some((kept.msg_seq_num, len));
                break kept.msg_seq_num - 1;
            }
            withheld.add(kept.msg_seq_num);
            at = kept.msg_seq_num + 1;
            if resender.spent >= limits::RESEND_WORK_MAX || at > job.to {
                break kept.msg_seq_num;
            }
        };
        if stop >= job.next {
            self.write_gap_fill(job.next, stop, now, out)?;
            job.forget(stop.min(resender.store.reach(self.epoch) - 1));
            job.next = stop + 1;
        }
        job.withheld += withheld.messages;
        self.events.push_if(withheld.event());
        let Some((number, len)) = found else { return Ok(()) };
        let Resender { scanner, fields, message, .. } = resender;
        let message = &message[..len];
        // It was readable when it was judged.
        let count = scanner.index(message, fields).unwrap_or(0);
        let stored = Message::new(message, &fields[..count]);
        // A clock that was set back must not have it sent before it was first sent (FIX session case 2.f).
        let sent_at = stored.time(tag::SENDING_TIME).unwrap_or(now).min(now);
        let envelope = Envelope {
            msg_type: stored.msg_type(),
            order: self.config.header_order,
            reserve: if out.is_empty() { 0 } else { limits::OUTBOX_ADMIN_BYTES },
        };
        let again =
            self.write(&envelope, number, Some(sent_at), now, out, |body| copy_body(&stored, body));
        match again {
            Ok(_) => job.replayed += 1,
            // PossDupFlag and OrigSendingTime make it longer than what we send may be: it can be
            // asked for a hundred times, and will never fit.
            Err(SendError::Encode(_)) => {
                self.write_gap_fill(number, number, now, out)?;
                let mut withheld = Withheld::default();
                withheld.add(number);
                job.withheld += withheld.messages;
                self.events.push_if(withheld.event());
            }
            Err(error) => return Err(error),
        }
        job.next = number + 1;
        Ok(())
    }

    /// Judges a message, and loads it; its length if it may be replayed.
    fn may_replay(&self, resender: &mut Resender, kept: Kept, to: u64) -> Option<usize> {
        let number = kept.msg_seq_num;
        let policy = self.config.resend_policy.of(kept.msg_type.as_bytes());
        let too_many = to - number >= self.config.resend_max;
        if policy == Resend::GapFill || too_many {
            return None;
        }
        resender.spent += limits::RESEND_REPLAY_WORK - 1;
        let Resender { store, judge, scanner, fields, message, .. } = resender;
        let len = store.load(self.epoch, number, message)?;
        let count = scanner.index(&message[..len], fields).ok()?;
        let stored = Message::new(&message[..len], &fields[..count]);
        let replay = match judge {
            _ if policy == Resend::Replay => true,
            Some(judge) => judge(&stored),
            None => false,
        };
        (replay && !is_admin(stored.msg_type())).then_some(len)
    }
}

impl ResendJob {
    const fn new(from: u64, to: u64, now: UtcTime) -> Self {
        let (next, replayed, withheld, forgotten) = (from, 0, 0, (0, 0));
        Self { from, next, to, replayed, withheld, forgotten, pumped_at: now }
    }

    /// From the next number up to this one, nothing is known of what was sent.
    fn forget(&mut self, to: u64) {
        if to >= self.next {
            self.forgotten = match self.forgotten {
                (0, _) => (self.next, to),
                (first, last) => (first.min(self.next), last.max(to)),
            };
        }
    }
}

impl Resender {
    /// A new period, if one is over; a clock that was set back begins one too.
    fn begin_period(&mut self, now: UtcTime) {
        let since = self.period_at;
        if now < since || now.nanos_since(since) >= limits::RESEND_PERIOD_NS {
            (self.period_at, self.spent) = (now, 0);
        }
    }
}

/// Application messages that one gap fill stands for.
#[derive(Default)]
struct Withheld {
    from: u64,
    to: u64,
    messages: u32,
}

impl Withheld {
    const fn add(&mut self, number: u64) {
        if self.messages == 0 {
            self.from = number;
        }
        self.to = number;
        self.messages += 1;
    }

    fn event(&self) -> Option<SessionEvent> {
        let Self { from, to, messages } = *self;
        (messages > 0).then_some(SessionEvent::Withheld { from, to, messages })
    }
}

/// Copies all fields but those that every sending has its own of.
fn copy_body(message: &Message<'_>, body: &mut Encoder<'_>) {
    copy_fields(message, body, |tag| !is_session_field(tag));
}

/// Whether the session writes a field of the header or trailer by itself, for each sending anew.
#[must_use]
pub const fn is_session_field(tag: u32) -> bool {
    matches!(tag, 8 | 9 | 10 | 34 | 35 | 43 | 49 | 52 | 56 | 122 | 369)
}

/// Copies the fields that `keep` wants, in their order, values unchanged; a data field goes with its
/// length field.
pub fn copy_fields(message: &Message<'_>, body: &mut Encoder<'_>, keep: impl Fn(u32) -> bool) {
    let mut length = None;
    for field in message.fields().iter().filter(|field| keep(field.tag)) {
        let value = message.value(field);
        match field.tag {
            tag if fix44_data_tag(tag).is_some() => length = Some((tag, value)),
            tag => match length.take() {
                Some((length_tag, _)) => {
                    body.data(length_tag, tag, value);
                }
                None if value.is_empty() => {
                    body.without_value(tag);
                }
                None => {
                    body.bytes(tag, value);
                }
            },
        }
    }
}
