//! Reasons and alarms in words.

use std::fmt::{Display, Formatter, Result};

use super::{Alarm, Awaited, DownReason, EventText, RestProblem};

impl Display for DownReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let said = |f: &mut Formatter<'_>, what: &str, text: &EventText| {
            if text.is_empty() { f.write_str(what) } else { write!(f, "{what}: {text}") }
        };
        match self {
            Self::LoggedOut => f.write_str("logged out"),
            Self::VenueLoggedOut(text) => said(f, "the venue logged us out", text),
            Self::LogonRefused(text) => said(f, "the logon was refused", text),
            Self::ClockSkew { ms, text } => {
                write!(f, "the logon was refused; the venue's clock minus ours is {ms} ms")?;
                if text.is_empty() { Ok(()) } else { write!(f, ": {text}") }
            }
            Self::ClosedAtLogon => f.write_str(
                "the venue closed without an answer to the logon (a wrong key, a clock that is off, an address \
                 that is not allowed, or it does not serve)",
            ),
            Self::ConnectionLost => f.write_str("the connection was lost"),
            Self::JournalFailed => f.write_str(
                "we closed: our own journal did not take what was to be sent or was received",
            ),
            Self::InstrumentsUnknown => {
                f.write_str("we closed: a report came before the instruments were known")
            }
            Self::TimedOut { awaited, ms } => write!(f, "{awaited} within {ms} ms"),
            Self::TooLong(head) => write!(f, "the venue sent more than is taken: {head}"),
            Self::ProtocolError(text) => said(f, "the venue broke the protocol", text),
        }
    }
}

impl Display for Awaited {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Logon => "no logon came",
            Self::LogonAnswer => "the venue did not answer our logon",
            Self::Synchronisation => "the venue did not answer what we asked behind the logon",
            Self::AnyMessage => {
                "the venue was silent, a test request was not answered, nothing came"
            }
            Self::LogoutAnswer => "the venue did not answer our logout",
        })
    }
}

impl Display for RestProblem {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::NotReached => f.write_str("the host was not reached"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Broken => f.write_str("the answer cannot be read"),
            Self::Status(status) => write!(f, "HTTP status {status}"),
            Self::Refused(text) => write!(f, "{text}"),
        }
    }
}

impl Display for Alarm {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Unreadable { msg_type, tag, .. } => {
                let msg_type = char::from(msg_type).escape_default();
                write!(f, "a message of type {msg_type} could not be read")?;
                if tag == 0 { Ok(()) } else { write!(f, ", for its field {tag}") }
            }
            Self::Garbled { bytes, why } => write!(f, "{bytes} garbled bytes were skipped: {why}"),
            Self::RingFull { count } => {
                write!(f, "a ring between two threads was full {count} times")
            }
            Self::Stalled { thread } => write!(f, "the thread {thread} stands still"),
            Self::Resumed { thread, ms } => {
                write!(f, "the thread {thread} stood still for {ms} ms")
            }
            Self::Gap { from, to } => write!(
                f,
                "MsgSeqNum {to} of the venue came where {from} was expected: what is between is asked \
                 for again"
            ),
            Self::Withheld { from, to, messages } => write!(
                f,
                "{messages} messages from {from} to {to} that the venue asked for were not sent again \
                 but declared void"
            ),
            Self::NonceAhead { ms, window_ms } => write!(
                f,
                "the next nonce is {ms} ms ahead of our clock, as an earlier logon's was ahead; the venue \
                 refuses a logon beyond {window_ms} ms"
            ),
            Self::Unresolved { orders } => {
                write!(f, "it is still not known what became of {orders} orders")
            }
            Self::KillUnanswered { orders, round } => write!(
                f,
                "{orders} orders are not cancelled although the kill switch asked for it, in round {round}"
            ),
            Self::Rest(problem) => write!(f, "REST failed: {problem}"),
            Self::Journal(error) => write!(f, "the journal refused a message: {error}"),
            Self::JournalDisk { full: true } => f.write_str("the disk of the journal is full"),
            Self::JournalDisk { full: false } => f.write_str("the disk of the journal fails"),
            Self::JournalDiskWell { ms } => {
                write!(f, "the disk of the journal is well again after {ms} ms")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_by_time_is_told_with_what_was_waited_for_and_how_long() {
        let said = |awaited| DownReason::TimedOut { awaited, ms: 72_000 }.to_string();
        assert_eq!(
            said(Awaited::LogonAnswer),
            "the venue did not answer our logon within 72000 ms"
        );
        assert_eq!(
            said(Awaited::AnyMessage),
            "the venue was silent, a test request was not answered, nothing came within 72000 ms"
        );
    }
}
