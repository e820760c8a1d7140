//! What a session tells its owner beside the messages: typed, `Copy`, in a bounded queue.

use std::collections::VecDeque;
use std::fmt::Write;

use taut_codec::garbled::Garbled;

use crate::event::{DownReason, EventText, cut_text};
use crate::limits;

/// Something that happened to a session, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEvent {
    /// Logged on.
    Up {
        /// The sequence space.
        epoch: u32,
        /// The TCP life.
        connection: u32,
        /// The next number expected of the peer.
        next_in: u64,
        /// The next number that we use.
        next_out: u64,
    },
    /// Both sides have what they missed; [`SessionEvent::Up`] follows.
    Synchronised {
        /// The next number expected of the peer.
        next_in: u64,
        /// The next number that we use.
        next_out: u64,
        /// TestRequests that it took.
        asks: u32,
    },
    /// The peer did not answer what would have shown that it misses nothing: the connection ends.
    NotSynchronised {
        /// TestRequests sent.
        asks: u32,
    },
    /// The peer's clock is far from ours ([`SessionConfig::clock_skew_warning`]).
    ///
    /// [`SessionConfig::clock_skew_warning`]: super::SessionConfig::clock_skew_warning
    ClockSkew {
        /// The peer's minus ours, nanoseconds; the way of the message makes it lower.
        nanos: i64,
    },
    /// The connection has ended.
    Down {
        /// Why.
        reason: DownReason,
        /// The next number expected of the peer.
        next_in: u64,
        /// The next number that we use.
        next_out: u64,
    },
    /// Messages are missing; a resend was requested.
    Gap {
        /// First missing MsgSeqNum.
        from: u64,
        /// The number that was received instead. It is dropped, and comes again with the resend.
        to: u64,
    },
    /// What was missing has arrived or was declared void.
    GapClosed {
        /// The next expected number.
        next_in: u64,
    },
    /// A MsgSeqNum of the peer was a mistake: it made a gap, but when the peer had answered our
    /// ResendRequest it went on below. [`SessionEvent::GapClosed`] follows.
    StrayNumber {
        /// The number that was too high.
        number: u64,
        /// Where the peer went on.
        next_in: u64,
    },
    /// A ResendRequest of the peer was answered, to its end.
    ResendServed {
        /// First number.
        from: u64,
        /// Last number.
        to: u64,
    },
    /// How it was answered, if any message of the application was in the range.
    Replayed {
        /// First number.
        from: u64,
        /// Last number.
        to: u64,
        /// Messages that were sent again.
        replayed: u32,
        /// Messages that were declared void, by the policy or the application, or because there is no store.
        withheld: u32,
    },
    /// Messages of the application in the range of a ResendRequest were declared void by one gap fill: there
    /// is no store, the policy or the application did not let them be sent again, there were too many, or
    /// one has become too long. Several such gap fills may be told as one event, if nobody reads the events.
    Withheld {
        /// The number of the first.
        from: u64,
        /// The number of the last.
        to: u64,
        /// How many.
        messages: u32,
    },
    /// Numbers in the range of a ResendRequest were declared void although messages of the application may
    /// stand there: what is kept, or known, of what was sent does not reach back so far any more.
    Forgotten {
        /// The first such number.
        from: u64,
        /// The last.
        to: u64,
    },
    /// The peer asks for the same range again and again; the session is logged out.
    ResendStorm {
        /// First number of the range.
        from: u64,
        /// How many times it was asked for.
        times: u32,
    },
    /// Garbled input was skipped (FIX session case 2.d).
    Garbled {
        /// Bytes skipped.
        bytes: u32,
        /// Why they are no message.
        why: Garbled,
    },
    /// The peer had both spaces start at 1 (141=Y).
    ResetByPeer {
        /// The new sequence space.
        epoch: u32,
        /// The number that was expected of the peer in the old one.
        next_in: u64,
        /// The number that we would have used next in the old one.
        next_out: u64,
    },
    /// The peer moved our next expected number by a SequenceReset (FIX session cases 10.b, 11.a, 11.b:
    /// there `from` and `to` are equal, which deserves a warning).
    SequenceReset {
        /// The next expected number before.
        from: u64,
        /// The next expected number now.
        to: u64,
        /// Whether it was a gap fill.
        gap_fill: bool,
    },
    /// The peer declared numbers void, by a gap fill or a reset, that it may have used for messages of the
    /// application: it does not have them any more, and nothing tells what they said. What was seen to be
    /// administrative does not count. [`SessionEvent::SequenceReset`] follows.
    Voided {
        /// The first such number.
        from: u64,
        /// The last.
        to: u64,
    },
    /// A message of the peer broke a rule of the session and was answered by a Reject; a Reject that did is
    /// told of only.
    Rejected {
        /// Its MsgSeqNum.
        ref_seq_num: u64,
        /// SessionRejectReason(373), if it has one.
        reason: Option<u32>,
        /// RefTagID(371), if it is about one field.
        tag: Option<u32>,
        /// Text(58) of the Reject.
        text: EventText,
    },
    /// The peer was silent for 1.2 HeartBtInt; a TestRequest was sent (FIX session case 6).
    TestRequestSent {
        /// How long nothing has come, milliseconds.
        silent_ms: u64,
    },
    /// An admin message did not fit the outbox: the peer does not read.
    OutboxFull {
        /// Bytes that wait for the peer to read them.
        waiting: usize,
    },
    /// Whoever reads the events was so far behind that the queue was full: this many are missing here,
    /// behind those that were read and before those that follow. What is never missing:
    /// [`SessionEvent::Up`] and [`SessionEvent::Down`], which have room of their own, and messages that were
    /// not sent again, on either side, whose reports are put together ([`SessionEvent::Withheld`],
    /// [`SessionEvent::Forgotten`], [`SessionEvent::Voided`]). Everything else that they would have told can be asked of the session:
    /// its phase, numbers, gap and epoch.
    EventsLost {
        /// How many.
        count: u32,
    },
}

/// Slots that only vital events may take, so that chatter cannot push them out.
const RESERVED: usize = 8;
const _: () = assert!(limits::SESSION_EVENTS_MAX > 2 * RESERVED);

/// First in, first out; allocated once.
pub(super) struct EventQueue {
    queue: VecDeque<SessionEvent>,
    lost: u32,
}

impl EventQueue {
    pub(super) fn new() -> Self {
        Self { queue: VecDeque::with_capacity(limits::SESSION_EVENTS_MAX), lost: 0 }
    }

    pub(super) fn push(&mut self, event: SessionEvent) {
        let room = limits::SESSION_EVENTS_MAX - if is_vital(&event) { 0 } else { RESERVED };
        let crowded = self.queue.len() >= limits::SESSION_EVENTS_MAX - RESERVED;
        if crowded && self.queue.iter_mut().rev().any(|earlier| earlier.absorb(&event)) {
            return;
        }
        if self.queue.len() < room {
            self.queue.push_back(event);
        } else {
            self.lost = self.lost.saturating_add(1);
        }
    }

    pub(super) fn push_if(&mut self, event: Option<SessionEvent>) {
        if let Some(event) = event {
            self.push(event);
        }
    }

    pub(super) fn pop(&mut self) -> Option<SessionEvent> {
        if let Some(event) = self.queue.pop_front() {
            return Some(event);
        }
        let count = std::mem::take(&mut self.lost);
        (count > 0).then_some(SessionEvent::EventsLost { count })
    }
}

const fn is_vital(event: &SessionEvent) -> bool {
    use SessionEvent::{Down, Forgotten, Up, Voided, Withheld};
    matches!(event, Up { .. } | Down { .. } | Withheld { .. } | Forgotten { .. } | Voided { .. })
}

impl SessionEvent {
    /// Tells what `later` tells too, if both are of a kind that can be put together.
    fn absorb(&mut self, later: &Self) -> bool {
        match (self, later) {
            (
                Self::Withheld { from, to, messages },
                Self::Withheld { from: first, to: last, messages: more },
            ) => {
                (*from, *to) = ((*from).min(*first), (*to).max(*last));
                *messages = messages.saturating_add(*more);
                true
            }
            (Self::Forgotten { from, to }, Self::Forgotten { from: first, to: last })
            | (Self::Voided { from, to }, Self::Voided { from: first, to: last }) => {
                (*from, *to) = ((*from).min(*first), (*to).max(*last));
                true
            }
            _ => false,
        }
    }
}

/// A text made on the stack; what does not fit is cut off.
pub(super) struct Line {
    bytes: [u8; 127],
    len: usize,
}

impl Line {
    pub(super) fn new(arguments: std::fmt::Arguments<'_>) -> Self {
        let mut line = Self { bytes: [0; 127], len: 0 };
        // Writing to a `Line` cuts instead of failing.
        let _ = line.write_fmt(arguments);
        line
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let mut end = text.len().min(self.bytes.len() - self.len);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.bytes[self.len..self.len + end].copy_from_slice(&text.as_bytes()[..end]);
        self.len += end;
        Ok(())
    }
}

/// The head of a text of the peer, control bytes replaced.
pub(super) fn event_text(bytes: &[u8]) -> EventText {
    cut_text(bytes, b'?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_event_queue_keeps_up_and_down_and_says_how_many_it_lost() {
        let mut events = EventQueue::new();
        for _ in 0..limits::SESSION_EVENTS_MAX {
            events.push(SessionEvent::TestRequestSent { silent_ms: 1 });
        }
        let reason = DownReason::ConnectionLost;
        let down = SessionEvent::Down { reason, next_in: 1, next_out: 1 };
        events.push(down);
        let all: Vec<_> = std::iter::from_fn(|| events.pop()).collect();
        assert_eq!(all[all.len() - 2], down);
        assert_eq!(all[all.len() - 1], SessionEvent::EventsLost { count: RESERVED as u32 });
    }

    #[test]
    fn what_was_withheld_is_told_in_full_however_far_behind_the_reader_is() {
        let mut events = EventQueue::new();
        let total = 3 * limits::SESSION_EVENTS_MAX as u64;
        for number in 1..=total {
            events.push(SessionEvent::Withheld { from: number, to: number, messages: 1 });
            events.push(SessionEvent::TestRequestSent { silent_ms: 1 });
            events.push(SessionEvent::Forgotten { from: number, to: number });
            events.push(SessionEvent::Voided { from: number, to: number });
        }
        let reason = DownReason::ConnectionLost;
        let down = SessionEvent::Down { reason, next_in: 1, next_out: 1 };
        events.push(down);
        let all: Vec<_> = std::iter::from_fn(|| events.pop()).collect();
        let (mut withheld, mut last, mut forgotten, mut voided) = (0, 0, 0, 0);
        for event in &all {
            match event {
                SessionEvent::Withheld { to, messages, .. } => {
                    withheld += u64::from(*messages);
                    last = *to;
                }
                SessionEvent::Forgotten { to, .. } => forgotten = *to,
                SessionEvent::Voided { to, .. } => voided = *to,
                _ => {}
            }
        }
        assert_eq!((withheld, last, forgotten, voided), (total, total, total, total));
        assert!(all.contains(&down));
        assert!(matches!(all.last(), Some(SessionEvent::EventsLost { .. })), "the chatter is not");
    }

    #[test]
    fn a_text_of_the_peer_is_cut_and_cleaned() {
        assert_eq!(event_text(b"a\x02b").as_str(), "a?b");
        assert_eq!(event_text(&[b'x'; 200]).as_bytes().len(), limits::EVENT_TEXT_MAX);
    }
}
