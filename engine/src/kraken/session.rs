//! The session with Kraken: what its dialect asks of the generic one, in one place.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use taut_codec::kraken;
use taut_codec::message::Message;
use taut_codec::rules::{Options, Reason};

use super::logon::NONCE_WINDOW_MS;
use crate::session::{Fault, FieldCheck, SessionConfig, no_field_check};
use crate::types::CompId;

/// From this distance of the venue's clock on the application is told; a Logon is refused at five times
/// as much (venue file 2.1).
const CLOCK_SKEW_WARNING: Duration = Duration::from_secs(1);

/// What is done with a message of the venue that breaks the field rules of its dialect (FIX session cases
/// 14.a to 14.k; `codec/dictionary/kraken-fix44.xml`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldChecks {
    /// It passes, as far as it can be read. The default: a Reject uses the message's number up, so what is
    /// rejected is never seen by the strategy, and may be the report of a fill.
    #[default]
    Off,
    /// It is answered by a Reject; but fields that the dialect does not have pass, as a venue adds some from
    /// time to time.
    Lenient,
    /// The same without the exception.
    Strict,
}

impl FieldChecks {
    /// What the session is to check.
    #[must_use]
    pub fn check(self) -> FieldCheck {
        match self {
            Self::Off => no_field_check,
            Self::Lenient => |message| fault(message, true),
            Self::Strict => |message| fault(message, false),
        }
    }
}

fn fault(message: &Message<'_>, allow_unknown: bool) -> Option<Fault> {
    let fault = kraken::check(message, Options { allow_unknown, ..Options::default() }).err()?;
    // What has no reason of its own is the application's business.
    let reason = fault.reason.session_reject()?;
    let tag = (fault.reason != Reason::InvalidMsgType).then_some(fault.tag);
    Some(Fault { reason, tag })
}

/// The session of a client; what is the user's choice is left as [`SessionConfig::initiator`] has it.
#[must_use]
pub fn client(sender: CompId, target: CompId) -> SessionConfig {
    SessionConfig {
        // Nothing says how long the venue waits: it may close at HeartBtInt sharp (venue file 3.4).
        heartbeat_divisor: 2,
        // After a reconnect the venue asks for what it misses, and replays what we miss (3.3): nothing is
        // sent before both are over.
        synchronise: true,
        // A rollover that we missed: the venue starts at 1 without a word (3.5).
        low_answer_resets: true,
        // The documents' SequenceReset is a "hard reset to 1" (3.2), without a word on who may send it. It
        // moves the sender's numbers only, so the venue's go on from there and ours are as they were. To
        // reject it (FIX session case 11.c) would not stop the venue: its next message would be too low,
        // which is fatal now and again at each logon until the rollover. What it then sends twice is known
        // by its ExecID.
        sequence_reset_may_lower: true,
        clock_skew_warning: Some(CLOCK_SKEW_WARNING),
        clock_skew_refused: Some(Duration::from_millis(NONCE_WINDOW_MS)),
        // The documents' example has no PossDupFlag, their header has (3.1, 3.3). With it a gap fill that
        // comes twice is a duplicate; without it, a number that is fatally low.
        gap_fill_poss_dup: true,
        field_check: FieldChecks::default().check(),
        ..SessionConfig::initiator(sender, target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use taut_codec::encode::{Encoder, Header, HeaderOrder};
    use taut_codec::scan::{Field, Scanner};
    use taut_codec::value::UtcTime;

    fn found(checks: FieldChecks, msg_type: &[u8], body: &[(u32, &[u8])]) -> Option<Fault> {
        let mut bytes = [0; 512];
        let header = Header {
            msg_type,
            msg_seq_num: 2,
            sender: b"KRAKEN-TRD",
            target: b"CLIENT",
            sending_time: UtcTime(0),
            orig_sending_time: None,
            order: HeaderOrder::default(),
        };
        let mut encoder = Encoder::begin(&mut bytes, &header);
        for (tag, value) in body {
            encoder.bytes(*tag, value);
        }
        let range = encoder.finish().unwrap();
        let mut fields = [Field::default(); 64];
        let count = Scanner::new().index(&bytes[range.clone()], &mut fields).unwrap();
        checks.check()(&Message::new(&bytes[range], &fields[..count]))
    }

    #[test]
    fn field_checks_are_off_unless_asked_for_and_lenient_ones_let_new_fields_pass() {
        let new: (&[u8], &[(u32, &[u8])]) = (b"5", &[(58, b"bye"), (9_999, b"1")]);
        let wrong: (&[u8], &[(u32, &[u8])]) = (b"4", &[(123, b"maybe"), (36, b"7")]);
        let unknown: (&[u8], &[(u32, &[u8])]) = (b"ZZ", &[]);
        let all = |checks| [new, wrong, unknown].map(|(kind, body)| found(checks, kind, body));
        let fault = |reason, tag| Some(Fault { reason, tag });
        assert_eq!(all(FieldChecks::Off), [None; 3]);
        let [_, value, kind] = all(FieldChecks::Lenient);
        assert_eq!(all(FieldChecks::Lenient)[0], None);
        assert!(matches!(value, Some(Fault { reason: 5 | 6, tag: Some(123) })), "{value:?}");
        assert_eq!(kind, fault(11, None));
        assert_eq!(all(FieldChecks::Strict), [fault(0, Some(9_999)), value, kind]);
    }
}
