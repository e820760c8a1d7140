//! What one session is told: who it is, how patient it is, and where its dialect differs.

use std::time::Duration;

use taut_codec::encode::{HeaderOrder, TimePrecision};
use taut_codec::message::Message;

use super::header::Fault;
use super::policy::ResendPolicy;
use crate::limits;
use crate::types::CompId;

/// Who dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We dial and send the Logon.
    Initiator,
    /// We are dialled and answer the Logon.
    Acceptor,
}

/// Decides by tag and value whether a third party was agreed on.
pub type ThirdPartyPolicy = fn(tag: u32, id: &[u8]) -> bool;

/// Whoever is named is left to the application.
#[must_use]
pub fn any_third_party(_: u32, _: &[u8]) -> bool {
    true
}

/// Nobody is: each side speaks for itself.
#[must_use]
pub fn no_third_party(_: u32, _: &[u8]) -> bool {
    false
}

/// The field checks of a dialect: what is wrong with a message, if anything is.
pub type FieldCheck = fn(&Message<'_>) -> Option<Fault>;

/// Every message passes.
#[must_use]
pub fn no_field_check(_: &Message<'_>) -> Option<Fault> {
    None
}

/// The configuration of a [`Session`](super::Session). Start from [`SessionConfig::initiator`] or
/// [`SessionConfig::acceptor`] and change what differs; the defaults follow the FIX session-layer
/// test cases.
#[derive(Debug, Clone, Copy)]
pub struct SessionConfig {
    /// Who dials.
    pub role: Role,
    /// Our CompID: SenderCompID(49) of what we send, TargetCompID(56) of what we receive.
    pub sender: CompId,
    /// The peer's CompID.
    pub target: CompId,
    /// HeartBtInt(108) that an initiator asks for, seconds. An acceptor takes the initiator's.
    /// Default 60, Kraken's recommendation (venue file, section 2). 0: no heartbeats.
    pub heartbeat_seconds: u32,
    /// Smallest HeartBtInt that is accepted from the peer, seconds. Default 0: none is legal.
    pub heartbeat_seconds_min: u32,
    /// Largest HeartBtInt that is accepted from the peer, seconds. Default
    /// [`limits::HEARTBEAT_SECONDS_MAX`].
    pub heartbeat_seconds_max: u32,
    /// A Heartbeat is sent after HeartBtInt divided by this without sending. Default 1 (FIX session
    /// case 4.a); 2 keeps clear of a peer that closes at HeartBtInt sharp (venue file 3.4). At least 1.
    pub heartbeat_divisor: u32,
    /// Initiator: ask with ResetSeqNumFlag(141)=Y that both sides start at 1. Acceptor: every Logon
    /// starts both spaces at 1, asked or not. Default `false`.
    pub reset_on_logon: bool,
    /// Whether the peer may reset both spaces by 141=Y, at logon or within the session. Default
    /// `true`; where `false`, such a Logon ends the connection.
    pub reset_by_peer: bool,
    /// Whether SequenceReset-Reset may lower the next expected number, as Kraken's "hard reset to 1"
    /// does (venue file 3.2). Default `false`: Reject (FIX session case 11.c).
    pub sequence_reset_may_lower: bool,
    /// Acceptor: whether a Logon without reset may have a lower number than expected. It asks for a
    /// replay from that number (venue file 3.3, C6), which a gap fill answers, and the peer goes on
    /// from there. Default `false`: Logout (FIX session case 2.c).
    pub low_logon_replays: bool,
    /// How long a logon may take, from the connection to the session being up. Default 10 s.
    pub logon_timeout: Duration,
    /// How long to wait for the peer's Logout, or for its end of the connection after ours, and for
    /// the last bytes to leave. Default 2 s (FIX session cases 2.c, 12, 13.b). A peer that broke a rule has
    /// no longer than [`ERROR_LOGOUT_WAIT`](crate::limits::ERROR_LOGOUT_WAIT).
    pub logout_timeout: Duration,
    /// How long to wait for the peer to close after our Logout answered its own, before we close.
    /// Default 2 s (FIX session case 13.b: at most 10).
    pub answer_linger: Duration,
    /// How long a gap may stay without progress before the resend is requested again. Default 10 s.
    pub resend_timeout: Duration,
    /// Initiator: whether the session is up only when both sides have what they missed; see the module
    /// `sync`. Default `false`: it is up with the answer to the Logon.
    pub synchronise: bool,
    /// How long the peer may take to answer the TestRequest of that. Default 10 s.
    pub sync_timeout: Duration,
    /// Initiator: whether an answer to our Logon with a lower number than expected means that the peer
    /// has started anew, as if it had said 141=Y (a rollover that we missed). It is 1, or more if an
    /// earlier answer was lost with its connection. A peer that has got as far again as it was cannot be
    /// told from one that has not started anew. Default `false`: Logout (FIX session case 2.c).
    pub low_answer_resets: bool,
    /// From which distance of the peer's clock from ours on the application is told. Default `None`.
    pub clock_skew_warning: Option<Duration>,
    /// From which distance on the peer refuses a Logon for it: a refusal is then told as
    /// [`DownReason::ClockSkew`](crate::event::DownReason::ClockSkew). Default `None`.
    pub clock_skew_refused: Option<Duration>,
    /// How far SendingTime(52) may be from our clock (FIX session case 2.o). Default 120 s; `None`:
    /// neither the value nor the form of the field is checked.
    pub sending_time_tolerance: Option<Duration>,
    /// Whether an OrigSendingTime(122) after SendingTime(52) ends the session with a Logout, behind
    /// the Reject (optional in FIX session case 2.f). Default `true`.
    pub logout_on_orig_sending_time: bool,
    /// Whether a ResendRequest with too low a number and no PossDupFlag is fatal, as any other
    /// message (FIX session case 2.c). Default `true`; `false` answers it, as QuickFIX does.
    pub check_resend_request_number: bool,
    /// Whether a gap fill carries PossDupFlag(43)=Y and OrigSendingTime(122). Default `true` (FIX
    /// standard); Kraken's example has neither (venue file 3.3).
    pub gap_fill_poss_dup: bool,
    /// What of the application's messages is sent again when the peer asks, if there is a
    /// [`SentStore`](super::SentStore). Default: nothing.
    pub resend_policy: ResendPolicy,
    /// Most numbers that one answer to a ResendRequest reaches back with messages; what is older is gap
    /// filled. Default [`limits::RESEND_MAX`].
    pub resend_max: u64,
    /// Most messages that one of our ResendRequests asks for; the next one follows when they are
    /// there. 0, the default: all at once, by an open range.
    pub resend_chunk: u64,
    /// Bytes of messages with too high a number that are kept until their turn has come; see
    /// [`Session::take_held`](super::Session::take_held). Default 0: they are dropped and come again.
    pub hold_bytes: usize,
    /// Whether Logons carry NextExpectedMsgSeqNum(789): then each side resends by itself what the
    /// other has missed, and no ResendRequest is needed. Default `false`.
    pub next_expected: bool,
    /// Whether every message carries LastMsgSeqNumProcessed(369). Default `false`.
    pub last_processed: bool,
    /// Digits of SendingTime(52) and OrigSendingTime(122). Default: milliseconds.
    pub time_precision: TimePrecision,
    /// Whether heartbeats go on while a TestRequest of ours is unanswered. Default `true` (FIX session
    /// case 4.a); QuickFIX sends none.
    pub heartbeat_while_testing: bool,
    /// Whether a Reject goes back to the third party that a message was sent for: OnBehalfOf (115, 116,
    /// 144) becomes DeliverTo (128, 129, 145) and the other way round. Default `false`.
    pub reject_reverses_route: bool,
    /// The field checks that [`Session::received`](super::Session::received) holds messages of the peer
    /// to (FIX session cases 14.a to 14.k). Default [`no_field_check`].
    pub field_check: FieldCheck,
    /// Whether a TestReqID(112) without a value is sent back as it is. Default `false`: Reject (FIX session
    /// case 14.d). What else may be empty is a matter of the field checks.
    pub allow_empty_values: bool,
    /// Which third parties were agreed on: asked for every OnBehalfOf and DeliverTo field (115, 116, 128,
    /// 129, 144, 145) of a message, with its tag and value; one that was not agreed is rejected (FIX
    /// session case 18.b). Default [`any_third_party`].
    pub third_party: ThirdPartyPolicy,
    /// Acceptor: whether the Logout that refuses a Logon skips one number, as if the Logon had been
    /// answered: Kraken's example has 34=2 (venue file 2.2). Default `false`.
    pub refusal_skips_a_number: bool,
    /// The order of our header fields. Default 34, 49, 52, 56.
    pub header_order: HeaderOrder,
    /// Longest message that we send, bytes. Default [`limits::SEND_MESSAGE_BYTES_MAX`] for an
    /// initiator, [`limits::MESSAGE_BYTES_MAX`] for an acceptor, which sends book snapshots.
    pub send_message_bytes_max: usize,
}

impl SessionConfig {
    /// The defaults of a session that dials.
    #[must_use]
    pub fn initiator(sender: CompId, target: CompId) -> Self {
        Self {
            role: Role::Initiator,
            sender,
            target,
            heartbeat_seconds: 60,
            heartbeat_seconds_min: 0,
            heartbeat_seconds_max: limits::HEARTBEAT_SECONDS_MAX,
            heartbeat_divisor: 1,
            reset_on_logon: false,
            reset_by_peer: true,
            sequence_reset_may_lower: false,
            low_logon_replays: false,
            logon_timeout: Duration::from_secs(10),
            logout_timeout: Duration::from_secs(2),
            answer_linger: Duration::from_secs(2),
            resend_timeout: Duration::from_secs(10),
            synchronise: false,
            sync_timeout: Duration::from_secs(10),
            low_answer_resets: false,
            clock_skew_warning: None,
            clock_skew_refused: None,
            sending_time_tolerance: Some(Duration::from_secs(120)),
            logout_on_orig_sending_time: true,
            check_resend_request_number: true,
            gap_fill_poss_dup: true,
            resend_policy: ResendPolicy::NOTHING,
            resend_max: limits::RESEND_MAX,
            resend_chunk: 0,
            hold_bytes: 0,
            next_expected: false,
            last_processed: false,
            time_precision: TimePrecision::Millis,
            heartbeat_while_testing: true,
            reject_reverses_route: false,
            field_check: no_field_check,
            allow_empty_values: false,
            third_party: any_third_party,
            refusal_skips_a_number: false,
            header_order: HeaderOrder::SeqSenderTimeTarget,
            send_message_bytes_max: limits::SEND_MESSAGE_BYTES_MAX,
        }
    }

    /// The defaults of a session that is dialled.
    #[must_use]
    pub fn acceptor(sender: CompId, target: CompId) -> Self {
        Self {
            role: Role::Acceptor,
            send_message_bytes_max: limits::MESSAGE_BYTES_MAX,
            ..Self::initiator(sender, target)
        }
    }

    /// The same with QuickFIX's habits where the specification is silent or differs: the number of a
    /// ResendRequest is not checked (nor that of a Logout, by anybody), no heartbeat goes out while a
    /// TestRequest is unanswered, a Reject goes back to the third party, and messages with too high a
    /// number are held. Open resend ranges, Reject before Logout for a wrong CompID or SendingTime and
    /// a garbled first message that closes the connection are the defaults already.
    #[must_use]
    pub fn with_quickfix_habits(self) -> Self {
        Self {
            check_resend_request_number: false,
            heartbeat_while_testing: false,
            reject_reverses_route: true,
            hold_bytes: 2 * limits::MESSAGE_BYTES_MAX,
            ..self
        }
    }
}
