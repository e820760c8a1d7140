//! What was sent, and what of it is sent again when the peer asks.
//!
//! The answer to a ResendRequest is decided per message: replay, gap fill, or ask the application. An
//! order, a cancel or an amendment is never replayed unless the policy names it on purpose (promise
//! 4), and by default nothing is. What was sent comes from a [`SentStore`]; without one the answer is
//! one gap fill. A long answer is written in batches, and until its end nothing of the application
//! goes out, so that live traffic never stands inside a resent range.

use std::collections::VecDeque;
use std::ops::Range;

use taut_codec::encode::Encoder;
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::outbound::Envelope;
use super::{Outbox, SendError, Session, SessionEvent};
use crate::limits;

/// What to do with one application message that the peer asks for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resend {
    /// Declare it void.
    GapFill,
    /// Send it again, with PossDupFlag(43)=Y and OrigSendingTime(122).
    Replay,
    /// As the application says ([`Session::ask_before_resend`]); without one: gap fill.
    Ask,
}

/// Decides by MsgType(35).
pub type ResendPolicy = fn(msg_type: &[u8]) -> Resend;

/// The default: nothing is sent a second time.
#[must_use]
pub fn replay_nothing(_: &[u8]) -> Resend {
    Resend::GapFill
}

/// A venue's: what reports on orders is replayed (ExecutionReport, OrderCancelReject, the answers to
/// mass cancels and business rejects), everything else is void.
#[must_use]
pub fn replay_reports(msg_type: &[u8]) -> Resend {
    match msg_type {
        b"8" | b"9" | b"r" | b"j" => Resend::Replay,
        _ => Resend::GapFill,
    }
}

/// Everything is replayed, orders too: for tools whose counterparty is a test.
#[must_use]
pub fn replay_everything(_: &[u8]) -> Resend {
    Resend::Replay
}

/// Whether `msg_type` is the session's own; such a message is never replayed.
#[must_use]
pub fn is_admin(msg_type: &[u8]) -> bool {
    matches!(msg_type, b"0" | b"1" | b"2" | b"3" | b"4" | b"5" | b"A")
}

/// Keeps the application messages that were sent, so that they can be sent again. Called on the
/// engine's path: an implementation neither allocates nor waits.
pub trait SentStore: Send {
    /// Keeps one message, as it went to the outbox. Numbers rise within an epoch. A store that is
    /// full forgets the oldest, or does not keep this one: then it is gap filled.
    fn keep(&mut self, epoch: u32, msg_seq_num: u64, bytes: &[u8]);
    /// The lowest kept number from `from` to `to`.
    fn next_kept(&self, epoch: u32, from: u64, to: u64) -> Option<u64>;
    /// Copies a kept message to the front of `into` and returns its length; `None` if it is not kept
    /// or does not fit.
    fn load(&mut self, epoch: u32, msg_seq_num: u64, into: &mut [u8]) -> Option<usize>;
    /// A new sequence space begins: what is kept can never be asked for again.
    fn reset(&mut self, epoch: u32);
}

/// A [`SentStore`] in memory, bounded in bytes and messages; the oldest are forgotten first.
pub struct MemoryStore {
    epoch: u32,
    bytes: Box<[u8]>,
    tail: usize,
    // In the order of their numbers, which is that of the ring.
    kept: VecDeque<Kept>,
    messages_max: usize,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    msg_seq_num: u64,
    start: usize,
    len: usize,
}

impl MemoryStore {
    /// A store of at most `messages_max` messages and `bytes_max` bytes, allocated now.
    #[must_use]
    pub fn new(messages_max: usize, bytes_max: usize) -> Self {
        Self {
            epoch: 0,
            bytes: vec![0; bytes_max].into_boxed_slice(),
            tail: 0,
            kept: VecDeque::with_capacity(messages_max),
            messages_max,
        }
    }

    fn find(&self, msg_seq_num: u64) -> usize {
        self.kept.partition_point(|kept| kept.msg_seq_num < msg_seq_num)
    }
}

impl SentStore for MemoryStore {
    fn keep(&mut self, epoch: u32, msg_seq_num: u64, bytes: &[u8]) {
        if epoch != self.epoch {
            self.reset(epoch);
        }
        let newest = self.kept.back().map_or(0, |kept| kept.msg_seq_num);
        if bytes.is_empty()
            || bytes.len() > self.bytes.len()
            || self.messages_max == 0
            || msg_seq_num <= newest
        {
            return;
        }
        if self.tail + bytes.len() > self.bytes.len() {
            // What stands between here and the end is the oldest.
            while self.kept.front().is_some_and(|kept| kept.start >= self.tail) {
                self.kept.pop_front();
            }
            self.tail = 0;
        }
        let (start, end) = (self.tail, self.tail + bytes.len());
        let in_the_way = |kept: &Kept| kept.start < end && start < kept.start + kept.len;
        while self.kept.len() == self.messages_max || self.kept.front().is_some_and(in_the_way) {
            self.kept.pop_front();
        }
        self.bytes[start..end].copy_from_slice(bytes);
        self.tail = end;
        self.kept.push_back(Kept { msg_seq_num, start, len: bytes.len() });
    }

    fn next_kept(&self, epoch: u32, from: u64, to: u64) -> Option<u64> {
        let kept = self.kept.get(self.find(from)).filter(|_| epoch == self.epoch)?;
        (kept.msg_seq_num <= to).then_some(kept.msg_seq_num)
    }

    fn load(&mut self, epoch: u32, msg_seq_num: u64, into: &mut [u8]) -> Option<usize> {
        let found = self.kept.get(self.find(msg_seq_num)).filter(|_| epoch == self.epoch);
        let kept = found.filter(|kept| kept.msg_seq_num == msg_seq_num)?;
        into.get_mut(..kept.len)?.copy_from_slice(&self.bytes[kept.start..kept.start + kept.len]);
        Some(kept.len)
    }

    fn reset(&mut self, epoch: u32) {
        self.epoch = epoch;
        self.tail = 0;
        self.kept.clear();
    }
}

/// Asked about one kept message: whether it may be sent again.
pub type ResendJudge = Box<dyn FnMut(&Message<'_>) -> bool + Send>;

/// The store and what it takes to read it; allocated once.
pub(super) struct Resender {
    pub store: Box<dyn SentStore>,
    pub judge: Option<ResendJudge>,
    scanner: Scanner,
    fields: Box<[Field]>,
    message: Box<[u8]>,
}

/// A range that is being sent again.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResendJob {
    from: u64,
    next: u64,
    to: u64,
    replayed: u32,
    withheld: u32,
    pub(super) pumped_at: UtcTime,
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
            fields: vec![Field::default(); limits::FIELDS_MAX.min(bytes / 3 + 1)]
                .into_boxed_slice(),
            message: vec![0; bytes].into_boxed_slice(),
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

    pub(super) fn keep_sent(&mut self, msg_type: &[u8], msg_seq_num: u64, written: Range<usize>) {
        if let Some(resender) = &mut self.resender
            && !is_admin(msg_type)
        {
            resender.store.keep(self.epoch, msg_seq_num, &self.scratch[written]);
        }
    }

    /// Starts to answer for `from..=to`. A request that comes while an earlier one is being answered is
    /// answered together with what is left of that.
    pub(super) fn resend(&mut self, from: u64, to: u64, now: UtcTime, out: &mut Outbox) {
        if self.resender.is_none() {
            match self.write_gap_fill(from, to, now, out) {
                Ok(()) => self.events.push(SessionEvent::ResendServed { from, to }),
                Err(error) => self.admin_failed(error, now),
            }
            return;
        }
        let job = ResendJob { from, next: from, to, replayed: 0, withheld: 0, pumped_at: now };
        self.resend = Some(match self.resend {
            None => job,
            Some(old) => ResendJob { next: from.min(old.next), to: to.max(old.to), ..job },
        });
        self.pump_resend(now, out);
    }

    /// Writes the next batch of what is being resent.
    pub(super) fn pump_resend(&mut self, now: UtcTime, out: &mut Outbox) {
        let Some(mut job) = self.resend else { return };
        let Some(mut resender) = self.resender.take() else { return };
        let mut batch = limits::RESEND_BATCH_MAX;
        job.pumped_at = now;
        let mut result = Ok(());
        while result.is_ok() && job.next <= job.to && batch > 0 {
            batch -= 1;
            result = self.resend_next(&mut job, &mut resender, now, out);
        }
        self.resender = Some(resender);
        self.resend = (job.next <= job.to).then_some(job);
        match result {
            // The peer does not read as fast as it asks: the rest waits for room.
            Err(SendError::OutboxFull) if !out.is_empty() => {}
            Err(error) => {
                self.resend = None;
                self.admin_failed(error, now);
            }
            Ok(()) => {}
        }
        if self.resend.is_none() && job.next > job.to {
            let ResendJob { from, to, replayed, withheld, .. } = job;
            self.events.push(SessionEvent::ResendServed { from, to });
            if replayed > 0 || withheld > 0 {
                self.events.push(SessionEvent::Replayed { from, to, replayed, withheld });
            }
        }
    }

    /// Replays the next message that is to be replayed, behind a gap fill over what is before it.
    fn resend_next(
        &mut self,
        job: &mut ResendJob,
        resender: &mut Resender,
        now: UtcTime,
        out: &mut Outbox,
    ) -> Result<(), SendError> {
        let mut at = job.next;
        let mut withheld = 0;
        let mut found = None;
        while let Some(number) = resender.store.next_kept(self.epoch, at, job.to) {
            if let Some(len) = self.may_replay(resender, number) {
                found = Some((number, len));
                break;
            }
            withheld += 1;
            at = number + 1;
        }
        let stop = found.map_or(job.to, |(number, _)| number - 1);
        if stop >= job.next {
            self.write_gap_fill(job.next, stop, now, out)?;
            job.next = stop + 1;
        }
        job.withheld += withheld;
        let Some((number, len)) = found else { return Ok(()) };
        let Resender { scanner, fields, message, .. } = resender;
        let message = &message[..len];
        // It was readable when it was judged.
        let count = scanner.index(message, fields).unwrap_or(0);
        let stored = Message::new(message, &fields[..count]);
        let sent_at = stored.time(tag::SENDING_TIME).unwrap_or(now);
        let envelope = Envelope {
            msg_type: stored.msg_type(),
            order: self.config.header_order,
            reserve: if out.is_empty() { 0 } else { limits::OUTBOX_ADMIN_BYTES },
        };
        self.write(&envelope, number, Some(sent_at), now, out, |body| copy_body(&stored, body))?;
        job.next = number + 1;
        job.replayed += 1;
        Ok(())
    }

    /// Loads a message and judges it; its length if it may be replayed.
    fn may_replay(&self, resender: &mut Resender, number: u64) -> Option<usize> {
        let Resender { store, judge, scanner, fields, message } = resender;
        let len = store.load(self.epoch, number, message)?;
        let count = scanner.index(&message[..len], fields).ok()?;
        let stored = Message::new(&message[..len], &fields[..count]);
        let replay = match (self.config.resend_policy)(stored.msg_type()) {
            Resend::GapFill => false,
            Resend::Replay => true,
            Resend::Ask => judge.as_mut().is_some_and(|judge| judge(&stored)),
        };
        (replay && !is_admin(stored.msg_type())).then_some(len)
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
            tag if is_data_length(tag) => length = Some((tag, value)),
            tag => match length.take() {
                Some((length_tag, _)) => {
                    body.data(length_tag, tag, value);
                }
                None => {
                    body.bytes(tag, value);
                }
            },
        }
    }
}

/// Whether a field says how long the data field behind it is.
#[must_use]
pub const fn is_data_length(tag: u32) -> bool {
    matches!(
        tag,
        90 | 93 | 95 | 212 | 348 | 350 | 352 | 354 | 356 | 358 | 360 | 362 | 364 | 445 | 618 | 621
    )
}
