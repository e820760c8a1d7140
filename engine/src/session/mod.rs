//! The FIX session, initiator and acceptor: one pure state machine.
//!
//! It owns the sequence numbers and every rule about them; it has no socket, no clock and no thread,
//! and allocates nothing after [`Session::new`]. Inbound messages, the time and the application's
//! wishes come in as calls; bytes leave through the [`Outbox`], what happened through
//! [`Session::next_event`]. The rules are those of the FIX session-layer test cases; the numbers in
//! the comments are theirs ("FIX session case 2.c"). Dialects are switches of [`SessionConfig`].
//!
//! ```text
//! initiator:  Disconnected -> LogonSent ----------------> Active -> LogoutSent -> Closing
//! acceptor:   Disconnected -> AwaitLogon -> LogonReceived -^
//! ```
//!
//! Two decisions shape it:
//! - A message with too high a number is dropped, and asked for again together with what is missing,
//!   by one ResendRequest with an open range. So memory does not grow with a gap, and what reaches
//!   the application is always in order. Both are switches: messages can be held
//!   ([`SessionConfig::hold_bytes`]), ranges asked for in chunks ([`SessionConfig::resend_chunk`]).
//! - A ResendRequest of the peer is answered by one gap fill over the whole range, unless there is a
//!   [`SentStore`] and a policy that says otherwise. Either way the application is told how many of its
//!   messages that stood for ([`SessionEvent::Withheld`]). No order is ever sent a second time unless the
//!   policy asks for that on purpose (promise 4).

mod admin;
mod config;
mod event;
mod flaw;
mod header;
mod held;
mod inbound;
mod logon;
mod numbers;
mod outbound;
mod outbox;
mod policy;
mod relogon;
pub mod resend;
mod route;
mod sent_numbers;
mod skew;
mod store;
mod sync;
mod timers;
mod words;

#[cfg(test)]
mod tests;

use taut_codec::encode::EncodeError;
use taut_codec::garbled::Garbled;
use taut_codec::value::UtcTime;

use crate::event::DownReason;

pub use config::{
    FieldCheck, Role, SessionConfig, ThirdPartyPolicy, any_third_party, no_field_check,
    no_third_party,
};
pub use event::SessionEvent;
pub use header::{Fault, is_header};
pub use numbers::SkipError;
pub use outbox::{Outbox, OutboxFull};
pub use policy::{Resend, ResendPolicy, is_admin};
pub use resend::Posted;
pub use store::{Kept, MemoryStore, MsgType, SentStore};

pub(crate) use inbound::BEGIN_STRING;
pub(crate) use store::behind_begin_string;

use crate::touched;
use event::EventQueue;
use held::Held;
use numbers::Ends;
use resend::{ResendJob, Resender};
use route::Route;
use sent_numbers::SentNumbers;
use sync::Sync;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is no connection.
    Disconnected,
    /// Initiator: the Logon is on its way.
    LogonSent,
    /// Acceptor: connected, the Logon has not come yet.
    AwaitLogon,
    /// Acceptor: the Logon waits for the application's verdict.
    LogonReceived,
    /// Logged on.
    Active,
    /// Our Logout is on its way: we wait for the peer's, or, if ours was the answer, for the peer to
    /// close. Messages of the peer are still taken; nothing of the application is sent.
    LogoutSent,
    /// It is over: flush what waits, then close the connection.
    Closing,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// In sequence and the application's: dispatch it. The peer's Reject (35=3) comes this way too,
    /// because only the application knows what was rejected.
    Application,
    /// The session's own business; it has been dealt with.
    Admin,
    /// Acceptor: a Logon with a right header. Authenticate it, then call [`Session::accept_logon`] or
    /// [`Session::refuse_logon`].
    Logon,
    /// Not to be used: too high (a resend is requested), a duplicate, rejected, or too late.
    Ignored,
}

/// Why nothing was sent: no number was used, no byte was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// The session is not in the phase that this message needs.
    NotLoggedOn,
    /// The bytes do not fit the outbox: the wire or the peer is too slow.
    OutboxFull,
    /// The message could not be written.
    Encode(EncodeError),
    /// The sequence space is used up ([`crate::limits::SEQ_NUM_MAX`]): it must be reset.
    SeqNumExhausted,
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotLoggedOn => f.write_str("not logged on"),
            Self::OutboxFull => f.write_str("the outbox is full"),
            Self::Encode(error) => error.fmt(f),
            Self::SeqNumExhausted => f.write_str("the sequence numbers are used up"),
        }
    }
}

impl std::error::Error for SendError {}

impl From<EncodeError> for SendError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<OutboxFull> for SendError {
    fn from(_: OutboxFull) -> Self {
        Self::OutboxFull
    }
}

/// A FIX session: see the [module](self).
pub struct Session {
    config: SessionConfig,
    phase: Phase,
    epoch: u32,
    connection: u32,
    // Invariant: both are 1 to SEQ_NUM_MAX + 1.
    next_in: u64,
    next_out: u64,
    /// HeartBtInt in force, seconds.
    heartbeat_seconds: u32,
    phase_since: UtcTime,
    /// Closing has lasted for the logout time-out: what waits is given up.
    gave_up: bool,
    last_sent: UtcTime,
    last_received: UtcTime,
    /// When the TestRequest was sent that nothing has followed yet.
    test_request_at: Option<UtcTime>,
    gap: Option<Gap>,
    /// Acceptor: the Logon that waits for the verdict. Nothing of it is in force before.
    pending_logon: Option<PendingLogon>,
    logout: LogoutKind,
    /// Why the connection ends, as soon as that is known.
    down_reason: Option<DownReason>,
    garbled_in_a_row: usize,
    /// Why the first of it was garbled.
    first_garbled: Option<Garbled>,
    resend_asked: Asked,
    resender: Option<Resender>,
    /// What is known of what was sent without a store.
    sent_numbers: SentNumbers,
    /// The ResendRequest of the peer that is being answered.
    resend: Option<ResendJob>,
    held: Held,
    /// Logged on, but not yet in step with the peer.
    sync: Option<Sync>,
    /// The peer's clock minus ours, nanoseconds.
    skew: Option<i64>,
    /// The application knows that it is large.
    skew_told: bool,
    /// Which numbers were set by hand and not used yet: a logon does not reset them unasked.
    by_hand: Ends,
    /// Where an answer to the last message received goes, if third parties have a part in it.
    route: Route,
    events: EventQueue,
    scratch: Box<[u8]>,
}

/// A resend that has been requested.
#[derive(Debug, Clone, Copy)]
struct Gap {
    /// The number that revealed the gap: it is served once the next expected number is above.
    through: u64,
    /// The last time that the request was sent or the gap became smaller.
    progress_at: UtcTime,
    /// Requests sent since the peer last answered one.
    tries: u32,
    /// The peer has sent something in answer: a gap fill, a message that is marked as sent again, or a
    /// Reject of the request.
    answered: bool,
    /// The last number of the chunk that was asked for; `u64::MAX` if the range is open.
    chunk_end: u64,
    /// The number of the ResendRequest; 0 if none was sent.
    asked_as: u64,
    /// The peer rejected the request: it counts as not asked.
    refused: bool,
    /// What stands behind it.
    behind: Behind,
}

/// What came with too high a number while messages were missing.
#[derive(Debug, Clone, Copy)]
struct Behind {
    /// From here on all that came was administrative: a gap fill over it hides nothing.
    admin_from: u64,
    /// The next number, if none was left out.
    next: u64,
}

impl Behind {
    const fn new(number: u64) -> Self {
        Self { admin_from: number, next: number }
    }

    fn add(&mut self, number: u64, is_admin: bool) {
        if number > self.next {
            // What is between was not seen.
            self.admin_from = number;
        }
        if !is_admin {
            self.admin_from = self.admin_from.max(number + 1);
        }
        self.next = self.next.max(number + 1);
    }
}

/// What the peer has asked for again on this connection, to tell a storm from a need.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// Where the last ResendRequest began.
    from: u64,
    /// How often it has begun there in a row.
    times: u32,
    /// The period that is counted, and the ResendRequests in it that do not begin further on than the
    /// one before.
    since: UtcTime,
    in_period: u32,
}

impl Asked {
    const NOTHING: Self = Self { from: 0, times: 0, since: UtcTime(0), in_period: 0 };
}

#[derive(Debug, Clone, Copy)]
struct PendingLogon {
    msg_seq_num: u64,
    heartbeat_seconds: u32,
    /// ResetSeqNumFlag(141), if it was there.
    reset: Option<bool>,
    /// Acceptor: which numbers start at 1, asked or not.
    fresh: Ends,
    /// NextExpectedMsgSeqNum(789), if it was there and we speak it.
    next_expected: Option<u64>,
}

/// Why our Logout was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogoutKind {
    /// The application asked for it.
    Ours,
    /// The answer to the peer's.
    Answer,
    /// The peer broke a rule; nothing more is taken from it but its Logout.
    Error,
}

impl Session {
    /// A session that has never been connected: both numbers are 1, the epoch is 0.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        Self {
            phase: Phase::Disconnected,
            epoch: 0,
            connection: 0,
            next_in: 1,
            next_out: 1,
            heartbeat_seconds: config.heartbeat_seconds,
            phase_since: UtcTime(0),
            gave_up: false,
            last_sent: UtcTime(0),
            last_received: UtcTime(0),
            test_request_at: None,
            gap: None,
            pending_logon: None,
            logout: LogoutKind::Ours,
            down_reason: None,
            garbled_in_a_row: 0,
            first_garbled: None,
            resend_asked: Asked::NOTHING,
            resender: None,
            sent_numbers: SentNumbers::new(),
            resend: None,
            held: Held::new(config.hold_bytes),
            sync: None,
            skew: None,
            skew_told: false,
            by_hand: Ends::NEITHER,
            route: Route::NONE,
            events: EventQueue::new(),
            scratch: touched::slice(0, config.send_message_bytes_max),
            config,
        }
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// Where the session stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The sequence space: counts resets, not connections.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The TCP life: counts connections, the first is 1.
    #[must_use]
    pub fn connection(&self) -> u32 {
        self.connection
    }

    /// The next MsgSeqNum that is expected of the peer.
    #[must_use]
    pub fn next_in(&self) -> u64 {
        self.next_in
    }

    /// The next MsgSeqNum that we use.
    #[must_use]
    pub fn next_out(&self) -> u64 {
        self.next_out
    }

    /// HeartBtInt(108) in force, seconds.
    #[must_use]
    pub fn heartbeat_seconds(&self) -> u32 {
        self.heartbeat_seconds
    }

    /// Whether the connection must be closed as soon as everything that waits has left; no later than
    /// [`Session::must_drop`] says.
    #[must_use]
    pub fn should_close(&self) -> bool {
        self.phase == Phase::Closing
    }

    /// Whether the connection must be closed at once, whatever waits: a peer that does not read has had
    /// [`SessionConfig::logout_timeout`] to take it. [`Session::tick`] finds it out, and clears the
    /// outbox; what the transmitter has taken already is its owner's to give up.
    #[must_use]
    pub fn must_drop(&self) -> bool {
        self.phase == Phase::Closing && self.gave_up
    }

    /// Whether messages of the peer are missing that have been asked for.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        self.gap.is_some()
    }

    /// What happened, oldest first.
    pub fn next_event(&mut self) -> Option<SessionEvent> {
        self.events.pop()
    }

    /// Notes why the connection is about to be closed by us; the first reason stands.
    pub fn give_up(&mut self, reason: DownReason) {
        self.down_reason.get_or_insert(reason);
    }

    /// The connection is gone. The numbers stay; what was asked of the peer on it is forgotten.
    pub fn disconnected(&mut self, now: UtcTime) {
        if self.phase == Phase::Disconnected {
            return;
        }
        let default = match self.phase {
            Phase::LogonSent if self.garbled_in_a_row == 0 => DownReason::ClosedAtLogon,
            _ => DownReason::ConnectionLost,
        };
        let reason = self.down_reason.take().unwrap_or(default);
        self.gap = None;
        self.resend = None;
        self.held.clear();
        self.pending_logon = None;
        self.test_request_at = None;
        self.sync = None;
        self.enter(Phase::Disconnected, now);
        let (next_in, next_out) = (self.next_in, self.next_out);
        self.events.push(SessionEvent::Down { reason, next_in, next_out });
    }

    fn enter(&mut self, phase: Phase, now: UtcTime) {
        self.phase = phase;
        self.phase_since = now;
        self.gave_up = false;
    }

    /// Ends the connection once the outbox is flushed. The first reason stands.
    fn close(&mut self, reason: DownReason, now: UtcTime) {
        self.down_reason.get_or_insert(reason);
        self.pending_logon = None;
        self.enter(Phase::Closing, now);
    }
}
