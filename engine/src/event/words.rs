//! Reasons and alarms in words.

use std::fmt::{Display, Formatter, Result};

use super::{Alarm, Awaited, DownReason, EventText, RestProblem};

/// Who is at the other end, as the engine calls it.
const VENUE: &str = "the venue";

impl Display for DownReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.called(VENUE).fmt(f)
    }
}

impl DownReason {
    /// In words, of a session whose other end is called `peer` and not "the venue".
    #[must_use]
    pub const fn called(&self, peer: &'static str) -> impl Display + use<> {
        Called { reason: *self, peer }
    }
}

/// A reason, and who is at the other end.
struct Called {
    reason: DownReason,
    peer: &'static str,
}

impl Display for Called {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let peer = self.peer;
        let text_of = |f: &mut Formatter<'_>, text: &EventText| {
            if text.is_empty() { Ok(()) } else { write!(f, ": {text}") }
        };
        match &self.reason {
            DownReason::LoggedOut => f.write_str("logged out"),
            DownReason::VenueLoggedOut(text) => {
                write!(f, "{peer} logged us out")?;
                text_of(f, text)
            }
            DownReason::LogonRefused(text) => {
                f.write_str("the logon was refused")?;
                text_of(f, text)
            }
            DownReason::ClockSkew { ms, text } => {
                write!(f, "the logon was refused; {peer}'s clock minus ours is {ms} ms")?;
                text_of(f, text)
            }
            DownReason::ClosedAtLogon => write!(
                f,
                "{peer} closed without an answer to the logon (a wrong key, a clock that is off, an address \
                 that is not allowed, or it does not serve)"
            ),
            DownReason::ConnectionLost => f.write_str("the connection was lost"),
            DownReason::JournalFailed => f.write_str(
                "we closed: our own journal did not take what was to be sent or was received",
            ),
            DownReason::InstrumentsUnknown => {
                f.write_str("we closed: a report came before the instruments were known")
            }
            DownReason::TimedOut { awaited, ms } => {
                match awaited {
                    Awaited::Logon => f.write_str("no logon came"),
                    Awaited::LogonAnswer => write!(f, "{peer} did not answer our logon"),
                    Awaited::Synchronisation => {
                        write!(f, "{peer} did not answer what we asked behind the logon")
                    }
                    Awaited::AnyMessage => {
                        write!(
                            f,
                            "{peer} was silent, a test request was not answered, nothing came"
                        )
                    }
                    Awaited::LogoutAnswer => write!(f, "{peer} did not answer our logout"),
                }?;
                write!(f, " within {ms} ms")
            }
            DownReason::TooLong(head) => write!(f, "{peer} sent more than is taken: {head}"),
            DownReason::ProtocolError(text) => {
                write!(f, "{peer} broke the protocol")?;
                text_of(f, text)
            }
        }
    }
}

impl Display for RestProblem {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::NotReached => f.write_str("the host was not reached"),
            Self::NotPinned(problem) => problem.fmt(f),
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
            Self::TracesLost { records } => {
                write!(f, "{records} trace records were lost since the start")
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
            Self::Unresolved { orders: 0 } => f.write_str(
                "the venue has not taken the mass cancel of the orders of an earlier run",
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
    fn a_session_that_is_not_with_a_venue_calls_its_other_end_by_another_name() {
        let text = EventText::EMPTY;
        for awaited in [
            Awaited::LogonAnswer,
            Awaited::Synchronisation,
            Awaited::AnyMessage,
            Awaited::LogoutAnswer,
        ] {
            let reason = DownReason::TimedOut { awaited, ms: 1 };
            assert!(reason.called("the peer").to_string().starts_with("the peer "));
        }
        for reason in [
            DownReason::VenueLoggedOut(text),
            DownReason::ClockSkew { ms: 1, text },
            DownReason::ClosedAtLogon,
            DownReason::ProtocolError(text),
        ] {
            let said = reason.called("the peer").to_string();
            assert!(said.contains("the peer") && !said.contains("venue"), "{said}");
            assert_eq!(said.replace("the peer", VENUE), reason.to_string());
        }
    }

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
