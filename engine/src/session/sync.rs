//! Between the answer to our Logon and the word that the session is up.
//!
//! After a logon that continues the numbers, either side may miss messages of the other. What the
//! peer misses it asks for when it has read our Logon, and the answer is a gap fill over everything
//! that was sent until then: an order sent in between would be void with it. So nothing of the
//! application is sent, and the session is not called up, before
//!
//! - what we miss has come,
//! - what the peer has asked for is answered to its end, and
//! - a TestRequest behind all that was answered: the peer reads in order, so it has nothing left to ask.
//!
//! Where both Logons carry NextExpectedMsgSeqNum(789) they say all of it, and no TestRequest is needed.

use taut_codec::message::Message;
use taut_codec::tag;
use taut_codec::value::{UtcTime, parse_u64};

use super::timers::{nanos, timed_out};
use super::{Outbox, Phase, Session, SessionEvent};
use crate::event::Awaited;
use crate::limits;

/// What is known of the way to a common state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sync {
    /// MsgSeqNum and TestReqID of the TestRequest that is to be answered.
    asked: Option<u64>,
    /// TestRequests so far.
    asks: u32,
    /// The last time that something moved.
    progress_at: UtcTime,
    /// Both sides said by 789 what they miss.
    mutual: bool,
}

impl Session {
    /// Whether the session is logged on and waits until both sides have what they missed.
    #[must_use]
    pub const fn is_synchronising(&self) -> bool {
        self.sync.is_some()
    }

    /// Whether the application may send: logged on, and in step with the peer.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.phase == Phase::Active && self.sync.is_none()
    }

    /// The logon is complete and the numbers go on from before.
    pub(super) fn start_sync(&mut self, mutual: bool, now: UtcTime) {
        self.sync = Some(Sync { asked: None, asks: 0, progress_at: now, mutual });
    }

    /// Goes on if nothing is under way. To be called after everything that was done for a message, and
    /// as time passes.
    pub(super) fn pump_sync(&mut self, now: UtcTime, out: &mut Outbox) {
        let Some(sync) = &mut self.sync else { return };
        if self.phase != Phase::Active {
            // Whatever ends the connection has said why.
            self.sync = None;
            return;
        }
        if self.gap.is_some() || self.resend.is_some() {
            // These have time-outs of their own. An answer may be in the gap, and void with it.
            sync.asked = sync.asked.filter(|_| self.gap.is_none());
            sync.progress_at = now;
            return;
        }
        if sync.mutual {
            return self.synchronised();
        }
        if sync.asked.is_none() {
            self.ask_for_sync(now, out);
        }
    }

    fn ask_for_sync(&mut self, now: UtcTime, out: &mut Outbox) {
        let Some(sync) = &mut self.sync else { return };
        if sync.asks >= limits::SYNC_ASKS_MAX {
            return self.sync_failed(now);
        }
        let id = self.next_out;
        (sync.asked, sync.asks, sync.progress_at) = (Some(id), sync.asks + 1, now);
        self.emit_admin(b"1", now, out, |body| {
            body.uint(tag::TEST_REQ_ID, id);
        });
    }

    /// The peer asked for everything up to `to`: it drops what it has read of that, and with it a
    /// TestRequest of ours.
    pub(super) fn sync_resent(&mut self, to: u64) {
        if let Some(sync) = &mut self.sync {
            sync.asked = sync.asked.filter(|&asked| asked > to);
        }
    }

    /// A Heartbeat in sequence.
    pub(super) fn sync_heartbeat(&mut self, message: &Message<'_>) {
        let Some(asked) = self.sync.and_then(|sync| sync.asked) else { return };
        let answered = message.get(tag::TEST_REQ_ID).and_then(|id| parse_u64(id).ok());
        if self.phase == Phase::Active && answered == Some(asked) && self.gap.is_none() {
            self.synchronised();
        }
    }

    /// A peer that answers no TestRequest would be given up within the session too.
    pub(super) fn tick_sync(&mut self, now: UtcTime, out: &mut Outbox) {
        if now >= self.sync_deadline() {
            self.sync_failed(now);
        } else {
            self.pump_sync(now, out);
        }
    }

    pub(super) fn sync_deadline(&self) -> UtcTime {
        let timeout = nanos(self.config.sync_timeout);
        let waiting = self.sync.filter(|_| self.gap.is_none() && self.resend.is_none());
        waiting.map_or(UtcTime(u64::MAX), |sync| sync.progress_at.plus_nanos(timeout))
    }

    fn sync_failed(&mut self, now: UtcTime) {
        let (asks, since) = self.sync.take().map_or((0, now), |sync| (sync.asks, sync.progress_at));
        self.events.push(SessionEvent::NotSynchronised { asks });
        self.close(timed_out(Awaited::Synchronisation, since, now), now);
    }

    fn synchronised(&mut self) {
        let asks = self.sync.take().map_or(0, |sync| sync.asks);
        let (next_in, next_out) = (self.next_in, self.next_out);
        self.events.push(SessionEvent::Synchronised { next_in, next_out, asks });
        self.push_up();
    }

    pub(super) fn push_up(&mut self) {
        let Self { epoch, connection, next_in, next_out, .. } = *self;
        self.events.push(SessionEvent::Up { epoch, connection, next_in, next_out });
    }
}
