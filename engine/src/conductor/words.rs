//! What a conductor tells, in the words of whoever watches a session.

use std::fmt::{Display, Formatter, Result};

use taut_codec::value::UtcTime;

use super::{Cause, DialProblem, LinkEvent};

impl Display for DialProblem {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Resolve => "the name could not be resolved",
            Self::Connect => "no address took the connection",
            Self::TimedOut => "no address answered in time",
            Self::Tls => "the TLS handshake failed",
            Self::System => "the system refused a socket or memory",
        })
    }
}

impl Display for Cause {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::NoConnection => "there was no connection",
            Self::Refused => "the logon was refused",
            Self::ClosedAtLogon => "the connection was closed without an answer to the logon",
            Self::ClockSkew => "the clocks are too far apart",
            Self::Number => "the venue expected another number",
            Self::Journal => "our journal took no record",
            Self::Unlisted => "a report came before the instruments were known",
            Self::Silent => "the venue was silent",
            Self::Lost => "the session was lost",
            Self::Protocol => "the protocol was broken",
            Self::Rollover => "the daily rollover",
            Self::Asked => "it was asked for",
        })
    }
}

/// A time of day.
struct At(UtcTime);

impl Display for At {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let seconds = self.0.0 / 1_000_000_000 % 86_400;
        write!(f, "{:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// Milliseconds as seconds.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}.{:03} s", self.0 / 1000, self.0 % 1000)
    }
}

fn numbers(f: &mut Formatter<'_>, next_in: u64, next_out: u64) -> Result {
    write!(f, "next MsgSeqNum of the venue {next_in}, of ours {next_out}")
}

impl Display for LinkEvent {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Dialling { attempt, host } => {
                write!(f, "attempt {attempt}: dialling host {}", u32::from(host) + 1)
            }
            Self::LoggingOn { attempt, reset, .. } => {
                write!(f, "attempt {attempt}: connected, logging on")?;
                f.write_str(if reset { " with a reset (141=Y)" } else { "" })
            }
            Self::DialFailed { attempt, host, problem } => {
                write!(f, "attempt {attempt}: host {}: {problem}", u32::from(host) + 1)
            }
            Self::Up { attempts, epoch, next_in, next_out } => {
                write!(f, "up at attempt {attempts}: sequence space {epoch}, ")?;
                numbers(f, next_in, next_out)
            }
            Self::Down { reason, up_ms, next_in, next_out, expected } => {
                match up_ms {
                    0 => write!(f, "not up: {reason}; ")?,
                    ms => write!(f, "down after {}: {reason}; ", Seconds(ms))?,
                }
                numbers(f, next_in, next_out)?;
                f.write_str(if expected { "; expected at the rollover" } else { "" })
            }
            Self::Waiting { ms, failures: 0, cause } => {
                write!(f, "next attempt in {}: {cause}", Seconds(ms))
            }
            Self::Waiting { ms, failures, cause } => {
                write!(
                    f,
                    "next attempt in {}: {cause} (failures in a row: {failures})",
                    Seconds(ms)
                )
            }
            Self::Held { rollover } => {
                write!(f, "new orders are held: the venue rolls over at {}", At(rollover))
            }
            Self::Released => f.write_str("new orders are welcome again"),
            Self::RolledOver { rollover, by_peer } => {
                write!(f, "rolled over at {}: both sides start at 1", At(rollover))?;
                f.write_str(if by_peer { ", the venue did so first" } else { "" })
            }
            Self::NotDropped => {
                f.write_str("the venue did not drop the session at its rollover: logging out")
            }
            Self::ResetForced { expected: Some(expected) } => {
                write!(f, "the venue expects MsgSeqNum {expected}: the next logon asks for a reset")
            }
            Self::ResetForced { expected: None } => {
                f.write_str("the venue expects another MsgSeqNum: the next logon asks for a reset")
            }
            Self::NumbersSkipped { to } => {
                write!(f, "the venue expects MsgSeqNum {to}: going on from that")
            }
            Self::NumberTooFar { to, next_out } => {
                write!(f, "the venue expects MsgSeqNum {to}, which is too far from {next_out}")
            }
            Self::Over { cause: Cause::Asked, .. } => f.write_str("over, as asked"),
            Self::Over { cause, failures } => {
                write!(f, "given up: {cause} (failures in a row: {failures})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::DownReason;

    #[test]
    fn what_happened_is_told_with_the_reason_and_the_numbers() {
        let said = |event: LinkEvent| event.to_string();
        let down = |up_ms, reason, expected| {
            said(LinkEvent::Down { reason, up_ms, next_in: 7, next_out: 5, expected })
        };
        assert_eq!(
            down(4_476, DownReason::ConnectionLost, false),
            "down after 4.476 s: the connection was lost; next MsgSeqNum of the venue 7, of ours 5"
        );
        assert_eq!(
            down(0, DownReason::ClosedAtLogon, true),
            "not up: the venue closed without an answer to the logon (a wrong key, a clock that is off, an \
             address that is not allowed, or it does not serve); next MsgSeqNum of the venue 7, of ours \
             5; expected at the rollover"
        );
        let failed = LinkEvent::DialFailed { attempt: 3, host: 1, problem: DialProblem::TimedOut };
        assert_eq!(said(failed), "attempt 3: host 2: no address answered in time");
        let waiting = LinkEvent::Waiting { ms: 12_034, failures: 2, cause: Cause::Refused };
        assert_eq!(
            said(waiting),
            "next attempt in 12.034 s: the logon was refused (failures in a row: 2)"
        );
        let rollover = UtcTime(1_800_050_400_000_000_000);
        assert_eq!(
            said(LinkEvent::Held { rollover }),
            "new orders are held: the venue rolls over at 22:00:00 UTC"
        );
        let over = LinkEvent::Over { cause: Cause::NoConnection, failures: 5 };
        assert_eq!(said(over), "given up: there was no connection (failures in a row: 5)");
    }
}
