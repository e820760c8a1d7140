//! What is wrong with a Logon, in the words of the Logout that refuses it.

use taut_codec::message::Message;
use taut_codec::tag;
use taut_codec::value::FixStr;

use super::header::reason;
use super::inbound::BEGIN_STRING;

/// A BeginString(8) that is not ours: FIX session case 2.i. Printed, it is the Text(58) of the Logout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongBeginString(FixStr<8>);

impl WrongBeginString {
    #[inline]
    pub(super) fn of(message: &Message<'_>) -> Option<Self> {
        match message.get(tag::BEGIN_STRING) {
            Some(BEGIN_STRING) => None,
            other => Some(Self::named(other.unwrap_or_default())),
        }
    }

    #[cold]
    fn named(received: &[u8]) -> Self {
        // The framer lets no longer one pass.
        Self(FixStr::new(received).unwrap_or_default())
    }
}

impl std::fmt::Display for WrongBeginString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incorrect BeginString {}, expecting FIX.4.4", self.0)
    }
}

/// Why a Logon is not accepted; printed, it is the Text(58) of the Logout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogonFlaw {
    BeginString(WrongBeginString),
    CompId,
    Header { tag: u32 },
    PossDup { reason: u32 },
    SendingTime,
    EncryptMethod,
    HeartBtInt { min: u32, max: u32 },
    ResetSeqNumFlag,
    MsgSeqNum,
    ResetNotAllowed,
    ResetNumber { received: u64 },
    TooLow { expected: u64, received: u64 },
    NextExpected { expected: u64, received: u64 },
    Field { reason: u32, tag: u32 },
}

impl std::fmt::Display for LogonFlaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::BeginString(wrong) => wrong.fmt(f),
            Self::CompId => f.write_str("CompID problem"),
            Self::Header { tag } => write!(f, "Invalid Logon: tag {tag}"),
            // In the words of the Reject that any other message would get.
            Self::PossDup { reason: reason::REQUIRED_TAG_MISSING } => {
                f.write_str("Invalid Logon: required tag missing, OrigSendingTime(122)")
            }
            Self::PossDup { reason: reason::SENDING_TIME_PROBLEM } => {
                f.write_str("Invalid Logon: OrigSendingTime(122) is behind SendingTime(52)")
            }
            Self::PossDup { .. } => f.write_str("Invalid Logon: OrigSendingTime(122)"),
            Self::SendingTime => f.write_str("SendingTime accuracy problem"),
            Self::EncryptMethod => f.write_str("Invalid Logon: EncryptMethod(98) must be 0"),
            Self::HeartBtInt { min, max } => {
                write!(f, "Invalid Logon: HeartBtInt(108) must be {min} to {max} seconds")
            }
            Self::ResetSeqNumFlag => f.write_str("Invalid Logon: ResetSeqNumFlag(141)"),
            Self::MsgSeqNum => f.write_str("Invalid Logon: MsgSeqNum(34)"),
            Self::ResetNotAllowed => f.write_str("ResetSeqNumFlag(141)=Y is not allowed"),
            Self::ResetNumber { received } => {
                write!(f, "MsgSeqNum must be 1 with ResetSeqNumFlag(141)=Y but is {received}")
            }
            Self::TooLow { expected, received } => {
                write!(f, "MsgSeqNum too low, expecting {expected} but received {received}")
            }
            Self::NextExpected { expected, received } => write!(
                f,
                "NextExpectedMsgSeqNum(789) is too high, expecting {expected} but received {received}"
            ),
            Self::Field { reason, tag } => {
                write!(f, "Invalid Logon: tag {tag}, SessionRejectReason {reason}")
            }
        }
    }
}
