//! What a conductor tells: what it does about the connection of a session, and why, with the numbers.

use taut_codec::value::UtcTime;

use crate::event::DownReason;

/// Why a dial did not lead to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialProblem {
    /// The name could not be resolved, or has no address.
    Resolve,
    /// No address took the connection.
    Connect,
    /// No address answered in time.
    TimedOut,
    /// The TLS handshake failed.
    Tls,
    /// The system refused a socket or memory.
    System,
}

/// What a session's end means for the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// There was no connection.
    NoConnection,
    /// The logon was refused, in words.
    Refused,
    /// The connection was closed behind our Logon without a word. Kraken refuses a bad logon so (venue file
    /// 2); a gateway that starts, or a load balancer before it, does the same with a good one.
    ClosedAtLogon,
    /// The logon was refused because the clocks are too far apart.
    ClockSkew,
    /// The venue expected another number.
    Number,
    /// Our own journal took no record: nothing that the venue did.
    Journal,
    /// A report came before the instruments were known.
    Unlisted,
    /// The venue was silent.
    Silent,
    /// The venue logged out, or the connection broke.
    Lost,
    /// One side broke the protocol.
    Protocol,
    /// The daily rollover.
    Rollover,
    /// The application asked.
    Asked,
}

/// What happens to the connection of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkEvent {
    /// A host is dialled.
    Dialling {
        /// Counts the attempts of this process, from 1.
        attempt: u32,
        /// Its place in the list of hosts.
        host: u8,
    },
    /// The connection stands and the Logon is sent.
    LoggingOn {
        /// Which attempt.
        attempt: u32,
        /// Its place in the list of hosts.
        host: u8,
        /// Whether it asks for a reset (141=Y).
        reset: bool,
    },
    /// That did not lead to a connection.
    DialFailed {
        /// Which attempt.
        attempt: u32,
        /// Its place in the list of hosts.
        host: u8,
        /// Why.
        problem: DialProblem,
    },
    /// Logged on, and both sides have what they missed.
    Up {
        /// Attempts that it took since the session was last up.
        attempts: u32,
        /// The sequence space.
        epoch: u32,
        /// The next number expected of the venue.
        next_in: u64,
        /// The next number that we use.
        next_out: u64,
    },
    /// The connection has ended.
    Down {
        /// Why.
        reason: DownReason,
        /// How long the session was up, milliseconds; 0 if it was not.
        up_ms: u64,
        /// The next number expected of the venue.
        next_in: u64,
        /// The next number that we use.
        next_out: u64,
        /// Whether it is the drop of the rollover.
        expected: bool,
    },
    /// The next attempt waits.
    Waiting {
        /// How long, milliseconds.
        ms: u64,
        /// Attempts in a row that failed.
        failures: u32,
        /// What the wait is for.
        cause: Cause,
    },
    /// New orders are held: the rollover is near.
    Held {
        /// When it is.
        rollover: UtcTime,
    },
    /// New orders are welcome again.
    Released,
    /// Both sides start at 1: a new sequence space.
    RolledOver {
        /// The rollover.
        rollover: UtcTime,
        /// The venue did so before we asked.
        by_peer: bool,
    },
    /// The venue did not drop the session at the rollover; we log out.
    NotDropped,
    /// The venue expected another number; the next Logon asks for a reset.
    ResetForced {
        /// The number that it expects of us, if it said.
        expected: Option<u64>,
    },
    /// The venue expected a higher number; we go on from that.
    NumbersSkipped {
        /// The number that it expects.
        to: u64,
    },
    /// The venue says that it expects a number so far away that we do not follow it
    /// ([`SEQ_JUMP_MAX`](crate::limits::SEQ_JUMP_MAX)); the attempt counts as refused.
    NumberTooFar {
        /// The number that it expects.
        to: u64,
        /// The next one of ours.
        next_out: u64,
    },
    /// Nothing is dialled any more.
    Over {
        /// Why.
        cause: Cause,
        /// Attempts in a row that failed.
        failures: u32,
    },
}
