//! What goes wrong with a connection on purpose: silence, stalls, delays, an end in the middle of a
//! message.

use std::collections::VecDeque;

use taut::session::Outbox;
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::{Gateway, Instance, Service};
use crate::limits::{DELAY_LINE_MAX, RESEND_REQUEST_BYTES_MAX};

/// Bytes of the next message that still leave before the connection is cut: less than any message has.
const CUT_AFTER: u64 = 30;

/// The faults of one connection.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// What comes is not heard.
    deaf: bool,
    /// Nothing leaves before.
    mute_until: UtcTime,
    /// What leaves takes so much longer, nanoseconds.
    delay: u64,
    /// When the bytes up to a position may leave.
    line: VecDeque<(UtcTime, u64)>,
    marked: u64,
    released: u64,
    /// It ends at this position.
    cut_at: Option<u64>,
    /// By a reset.
    resets: bool,
}

impl Faults {
    pub(super) const fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// Whether the connection, when it is dropped, ends by a reset.
    pub(super) const fn resets(&self) -> bool {
        self.resets
    }

    /// How many of the bytes that wait may leave; `None` if the connection ends here.
    pub(super) fn sendable(&mut self, outbox: &Outbox, now: UtcTime) -> Option<usize> {
        let consumed = outbox.consumed_total();
        if self.cut_at.is_some_and(|at| consumed >= at) {
            return None;
        }
        let mut end = outbox.pushed_total();
        if self.delay > 0 || !self.line.is_empty() {
            if end > self.marked {
                if self.line.len() < DELAY_LINE_MAX {
                    self.line.push_back((now.plus_nanos(self.delay), end));
                } else if let Some(last) = self.line.back_mut() {
                    *last = (now.plus_nanos(self.delay), end);
                }
                self.marked = end;
            }
            while let Some(&(at, position)) = self.line.front()
                && at <= now
            {
                self.released = position;
                self.line.pop_front();
            }
            end = self.released;
        }
        if now < self.mute_until {
            return Some(0);
        }
        // A stall that is over is no deadline any more.
        self.mute_until = UtcTime(0);
        end = end.min(self.cut_at.unwrap_or(u64::MAX));
        let open = end.saturating_sub(consumed) as usize;
        Some(open.min(outbox.pending().len()))
    }

    /// When more may leave.
    pub(super) fn deadline(&self) -> UtcTime {
        let line = self.line.front().map_or(UtcTime(u64::MAX), |&(at, _)| at);
        if self.mute_until.0 == 0 { line } else { line.min(self.mute_until) }
    }
}

/// Something that happens to a session of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is cut without a word.
    Drop,
    /// The connection ends in the middle of the next message to the client.
    Cut,
    /// The same, by a TCP reset.
    Reset,
    /// Nothing is heard or said any more, and the connection stays.
    HalfOpen,
    /// Nothing leaves for so many nanoseconds.
    Stall(u64),
    /// All that leaves takes so many nanoseconds longer; 0 ends it.
    Delay(u64),
    /// The venue's next MsgSeqNum is so much higher.
    SequenceJump(u32),
    /// So many ResendRequests for everything since number 1.
    ResendStorm(u32),
}

impl Gateway {
    /// Control: something happens to a client's session on a service. `false` if it is not connected, or if so
    /// many ResendRequests do not fit what waits for it.
    pub fn suffer(&mut self, sender: &[u8], service: Service, fault: Fault, now: UtcTime) -> bool {
        let Some(id) = self.live(sender, service) else { return false };
        let Some(connection) = self.connections.get_mut(&id) else { return false };
        let known = connection
            .client
            .and_then(|client| self.clients[usize::from(client)].known_mut(service));
        let (Some(known), faults) = (known, &mut connection.faults) else { return false };
        match fault {
            Fault::Drop => self.replay.end(&mut known.session, connection, now),
            Fault::Cut | Fault::Reset => {
                faults.cut_at = Some(connection.outbox.pushed_total() + CUT_AFTER);
                faults.resets = fault == Fault::Reset;
            }
            Fault::HalfOpen => {
                faults.deaf = true;
                faults.mute_until = UtcTime(u64::MAX);
            }
            Fault::Stall(nanos) => faults.mute_until = now.plus_nanos(nanos),
            Fault::Delay(nanos) => {
                if faults.line.is_empty() {
                    faults.marked = connection.outbox.consumed_total();
                    faults.released = faults.marked;
                }
                faults.delay = nanos;
            }
            Fault::SequenceJump(by) => {
                let session = &mut known.session;
                return session.set_numbers(session.next_in(), session.next_out() + u64::from(by));
            }
            Fault::ResendStorm(times) => {
                // All of them or none.
                if connection.outbox.free() / RESEND_REQUEST_BYTES_MAX < times as usize {
                    return false;
                }
                for _ in 0..times {
                    let sent = known.session.send(b"2", now, &mut connection.outbox, |body| {
                        body.uint(tag::BEGIN_SEQ_NO, 1).uint(tag::END_SEQ_NO, 0);
                    });
                    if sent.is_err() {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Control: a gateway instance is lost, and its sessions with it; their next logon goes elsewhere.
    /// Or it is there again. `false` if there is none of this number.
    pub fn set_instance(&mut self, instance: Instance, up: bool) -> bool {
        if !self.router.set_up(instance, up) {
            return false;
        }
        let lost = self.connections.values_mut();
        for connection in lost.filter(|one| !up && one.instance == Some(instance)) {
            connection.drop_now();
        }
        true
    }

    /// Control: each report is sent so many times, at least once.
    pub fn set_report_copies(&mut self, copies: u8) {
        self.report_copies = copies.max(1);
    }

    pub(super) const fn report_copies(&self) -> u8 {
        self.report_copies
    }
}
