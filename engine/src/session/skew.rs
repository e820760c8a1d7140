//! How far the peer's clock is from ours, read off SendingTime(52) of its admin messages. Kraken
//! refuses a Logon whose nonce is more than five seconds off (venue file 2.1), so the distance is told
//! before that happens.

use taut_codec::value::UtcTime;

use super::{Session, SessionEvent};

impl Session {
    /// The peer's clock minus ours at its last admin message, nanoseconds. What the message took to
    /// come here, and any rounding of SendingTime, makes it lower.
    #[must_use]
    pub const fn clock_skew(&self) -> Option<i64> {
        self.skew
    }

    /// Measures, and tells the application once when the skew gets larger than
    /// [`SessionConfig::clock_skew_warning`](super::SessionConfig::clock_skew_warning).
    pub(super) fn note_skew(&mut self, sending_time: Option<&[u8]>, now: UtcTime) {
        let Some(sent) = sending_time.and_then(|text| UtcTime::parse(text).ok()) else { return };
        let ahead = sent.nanos_since(now).min(i64::MAX as u64) as i64;
        let behind = now.nanos_since(sent).min(i64::MAX as u64) as i64;
        let nanos = ahead - behind;
        self.skew = Some(nanos);
        let Some(limit) = self.config.clock_skew_warning else { return };
        let large = u128::from(nanos.unsigned_abs()) > limit.as_nanos();
        if large && !self.skew_told {
            self.events.push(SessionEvent::ClockSkew { nanos });
        }
        self.skew_told = large;
    }
}
