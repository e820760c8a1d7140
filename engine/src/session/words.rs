//! What a session tells, in the words of whoever watches it.

use std::fmt::{Display, Formatter, Result};

use taut_codec::kraken::value_name;
use taut_codec::tag;

use super::SessionEvent;

impl Display for SessionEvent {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Up { epoch, connection, next_in, next_out } => write!(
                f,
                "up: sequence space {epoch}, connection {connection}; the peer's next MsgSeqNum is \
                 {next_in}, ours {next_out}"
            ),
            Self::Synchronised { next_in, next_out, asks } => write!(
                f,
                "in step with the peer after {asks} test requests: its next MsgSeqNum is {next_in}, \
                 ours {next_out}"
            ),
            Self::NotSynchronised { asks } => {
                write!(f, "the peer left {asks} test requests behind the logon unanswered")
            }
            Self::ClockSkew { nanos } => {
                write!(f, "the peer's clock minus ours is {} ms", nanos / 1_000_000)
            }
            Self::Down { reason, next_in, next_out } => {
                let reason = reason.called("the peer");
                write!(f, "down: {reason}; the peer's next MsgSeqNum is {next_in}, ours {next_out}")
            }
            Self::Gap { from, to } => write!(
                f,
                "MsgSeqNum {to} came where {from} was expected: what is between is asked for again"
            ),
            Self::GapClosed { next_in } => {
                write!(f, "nothing is missing any more; the next MsgSeqNum is {next_in}")
            }
            Self::StrayNumber { number, next_in } => {
                write!(
                    f,
                    "MsgSeqNum {number} was a mistake of the peer, which goes on with {next_in}"
                )
            }
            Self::ResendServed { from, to } => {
                write!(f, "the peer's request for {from} to {to} again was answered")
            }
            Self::Replayed { from, to, replayed, withheld } => {
                write!(f, "of {from} to {to}, {replayed} were sent again and {withheld} withheld")
            }
            Self::Withheld { from, to, messages } => write!(
                f,
                "{messages} messages from {from} to {to} were not sent again but declared void"
            ),
            Self::Forgotten { from, to } => write!(
                f,
                "what was sent from {from} to {to} is not kept any more: it was declared void unseen"
            ),
            Self::ResendStorm { from, times } => {
                write!(f, "the peer asked {times} times for what is behind {from}: logging out")
            }
            Self::Garbled { bytes, why } => write!(f, "{bytes} garbled bytes were skipped: {why}"),
            Self::ResetByPeer { epoch, next_in, next_out } => write!(
                f,
                "the peer reset both numbers to 1: sequence space {epoch}; before, its next MsgSeqNum was \
                 {next_in}, ours {next_out}"
            ),
            Self::SequenceReset { from, to, gap_fill } => {
                let how = if gap_fill { "a gap fill" } else { "a reset" };
                write!(f, "the peer moved its next MsgSeqNum from {from} to {to} by {how}")
            }
            Self::Voided { from, to } => {
                write!(f, "the peer declared {from} to {to} void: whatever it said there is lost")
            }
            Self::Rejected { ref_seq_num, reason, tag, text } => {
                write!(f, "MsgSeqNum {ref_seq_num} of the peer was rejected")?;
                if reason.is_none() && !text.is_empty() {
                    write!(f, ": {text}")?;
                }
                if let Some(reason) = reason {
                    write!(f, ", reason {reason}")?;
                    let name =
                        value_name(tag::SESSION_REJECT_REASON, reason.to_string().as_bytes());
                    name.map_or(Ok(()), |name| write!(f, " ({name})"))?;
                }
                tag.map_or(Ok(()), |tag| write!(f, ", tag {tag}"))
            }
            Self::TestRequestSent { silent_ms } => {
                write!(f, "the peer is silent for {silent_ms} ms: asked whether it is there")
            }
            Self::OutboxFull { waiting } => {
                write!(f, "the outbox is full: the peer does not read, {waiting} bytes wait")
            }
            Self::EventsLost { count } => write!(f, "{count} events were lost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_message_is_told_with_what_is_known_of_it() {
        let said = |reason, tag| {
            let text = "Already logged on".parse().expect("it is short");
            SessionEvent::Rejected { ref_seq_num: 9, reason, tag, text }.to_string()
        };
        assert_eq!(
            said(Some(5), Some(54)),
            "MsgSeqNum 9 of the peer was rejected, reason 5 (value incorrect), tag 54"
        );
        assert_eq!(said(None, None), "MsgSeqNum 9 of the peer was rejected: Already logged on");
        let skew = SessionEvent::ClockSkew { nanos: -1_500_000_000 };
        assert_eq!(skew.to_string(), "the peer's clock minus ours is -1500 ms");
    }
}
