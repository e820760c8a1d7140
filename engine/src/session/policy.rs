//! What of the messages that were sent may be sent again.

use crate::limits::RESEND_TYPES_MAX;

use super::store::MsgType;

/// What to do with one application message that the peer asks for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resend {
    /// Declare it void.
    GapFill,
    /// Send it again, with PossDupFlag(43)=Y and OrigSendingTime(122).
    Replay,
    /// As the application says ([`Session::ask_before_resend`](super::Session::ask_before_resend));
    /// without one: gap fill.
    Ask,
}

/// Decides by MsgType(35): a short table, and what holds for every other type.
///
/// ```
/// use taut::session::{Resend, ResendPolicy};
///
/// let policy = ResendPolicy::NOTHING.with(b"B", Resend::Replay).expect("there is room");
/// assert_eq!(policy.of(b"B"), Resend::Replay);
/// assert_eq!(policy.of(b"D"), Resend::GapFill, "an order is never sent a second time");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResendPolicy {
    others: Resend,
    named: [Option<(MsgType, Resend)>; RESEND_TYPES_MAX],
}

impl ResendPolicy {
    /// The default: nothing is sent a second time (promise 4).
    pub const NOTHING: Self = Self { others: Resend::GapFill, named: [None; RESEND_TYPES_MAX] };

    /// Everything is replayed, orders too: for tools whose counterparty is a test.
    pub const EVERYTHING: Self = Self { others: Resend::Replay, ..Self::NOTHING };

    /// A venue's: what reports on orders is replayed (ExecutionReport, OrderCancelReject, the answers to
    /// mass cancels and business rejects), everything else is void.
    pub const REPORTS: Self = Self::NOTHING.and(b"8").and(b"9").and(b"r").and(b"j");

    /// The same answer for every type.
    #[must_use]
    pub const fn always(others: Resend) -> Self {
        Self { others, ..Self::NOTHING }
    }

    const fn and(mut self, msg_type: &[u8]) -> Self {
        let mut at = 0;
        while self.named[at].is_some() {
            at += 1;
        }
        self.named[at] = Some((MsgType::new(msg_type), Resend::Replay));
        self
    }

    /// The same with another answer for one type. `None` if [`RESEND_TYPES_MAX`] are named already, or
    /// the type is none: empty, longer than three bytes, or of the session's own messages.
    #[must_use]
    pub fn with(mut self, msg_type: &[u8], answer: Resend) -> Option<Self> {
        let key = MsgType::new(msg_type);
        if key == MsgType::UNKNOWN || is_admin(msg_type) {
            return None;
        }
        let same = |slot: &&mut Option<_>| slot.is_some_and(|(named, _)| named == key);
        let slot = match self.named.iter_mut().find(same) {
            Some(slot) => slot,
            None => self.named.iter_mut().find(|slot| slot.is_none())?,
        };
        *slot = Some((key, answer));
        Some(self)
    }

    /// The answer for a type; the session's own messages are never sent again, whatever it is.
    #[must_use]
    pub fn of(&self, msg_type: &[u8]) -> Resend {
        let key = MsgType::new(msg_type);
        let named = self.named.iter().flatten().find(|(named, _)| *named == key);
        named.map_or(self.others, |(_, answer)| *answer)
    }
}

impl Default for ResendPolicy {
    fn default() -> Self {
        Self::NOTHING
    }
}

/// Whether `msg_type` is the session's own; such a message is never replayed.
#[must_use]
pub const fn is_admin(msg_type: &[u8]) -> bool {
    matches!(msg_type, b"0" | b"1" | b"2" | b"3" | b"4" | b"5" | b"A")
}
