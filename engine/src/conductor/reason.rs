//! What the end of a connection means.

use super::event::Cause;
use crate::event::DownReason;

/// A reason, as far as it matters for the next attempt.
pub(super) fn cause_of(reason: &DownReason) -> Cause {
    match reason {
        DownReason::LoggedOut => Cause::Asked,
        DownReason::ClockSkew { .. } => Cause::ClockSkew,
        DownReason::LogonRefused(text) if is_too_low(text.as_str()) => Cause::Number,
        DownReason::LogonRefused(_) => Cause::Refused,
        DownReason::ClosedAtLogon => Cause::ClosedAtLogon,
        DownReason::VenueLoggedOut(_) | DownReason::ConnectionLost => Cause::Lost,
        DownReason::JournalFailed => Cause::Journal,
        DownReason::InstrumentsUnknown => Cause::Unlisted,
        DownReason::TimedOut { .. } => Cause::Silent,
        DownReason::TooLong(_) | DownReason::ProtocolError(_) => Cause::Protocol,
    }
}

/// The words that FIX engines use for it, ours included (FIX session case 2.c).
pub(super) fn is_too_low(text: &str) -> bool {
    text.contains("MsgSeqNum too low")
}

/// The number that a peer names which refuses ours as too low.
pub(super) fn expected_number(text: &str) -> Option<u64> {
    let (_, behind) = text.split_once("expecting ")?;
    let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
    behind[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_number_is_read_from_the_words_of_other_engines() {
        for (text, expected) in [
            ("MsgSeqNum too low, expecting 17 but received 3", Some(17)),
            ("MsgSeqNum too low, expecting 17", Some(17)),
            ("MsgSeqNum too low, expecting x", None),
            ("MsgSeqNum too low, expecting 99999999999999999999999", None),
            ("MsgSeqNum too low", None),
        ] {
            assert!(is_too_low(text));
            assert_eq!(expected_number(text), expected, "{text}");
        }
        assert!(!is_too_low("Logon failed: invalid credentials"));
    }
}
