//! A Logon while logged on: a reset of both spaces, or a mistake.

use taut_codec::message::Message;
use taut_codec::tag;
use taut_codec::value::UtcTime;

use super::event::Line;
use super::flaw::LogonFlaw;
use super::header::Inbound;
use super::inbound::Check;
use super::logon::logon_fields;
use super::{Outbox, Phase, Received, Session};

impl Session {
    /// A Logon with 141=Y within the session: both spaces start at 1 and the peer gets a Logon back.
    pub(super) fn reset_in_session(
        &mut self,
        message: &Message<'_>,
        header: &Inbound<'_>,
        number: u64,
        now: UtcTime,
        out: &mut Outbox,
        check: Check<'_>,
    ) -> Received {
        if self.phase != Phase::Active {
            return Received::Ignored;
        }
        if let Some(fault) = check(message) {
            self.reject_flaw(header.msg_type, number, fault.into(), now, out);
            return Received::Ignored;
        }
        let flaw = match number {
            _ if !self.config.reset_by_peer => Some(LogonFlaw::ResetNotAllowed),
            _ if message.get(tag::ENCRYPT_METHOD) != Some(b"0") => Some(LogonFlaw::EncryptMethod),
            1 => None,
            received => Some(LogonFlaw::ResetNumber { received }),
        };
        if let Some(flaw) = flaw {
            self.logout_for(&Line::new(format_args!("{flaw}")), now, out);
            return Received::Ignored;
        }
        let heartbeat = match (header.flaw, self.heartbeat_of(message)) {
            (None, Ok(heartbeat)) => heartbeat,
            (flaw, judged) => {
                let header = flaw.map(|flaw| LogonFlaw::Header { tag: flaw.tag });
                let flaw = header.or(judged.err()).unwrap_or(LogonFlaw::ResetNotAllowed);
                self.logout_for(&Line::new(format_args!("{flaw}")), now, out);
                return Received::Ignored;
            }
        };
        self.heartbeat_seconds = heartbeat;
        self.reset_by_peer();
        self.next_in = 2;
        let next_expected = self.config.next_expected.then_some(self.next_in);
        self.emit_admin(b"A", now, out, |body| {
            logon_fields(body, heartbeat, Some(true), next_expected);
        });
        Received::Admin
    }

    /// A Logon in sequence while logged on changes nothing; the peer is told.
    pub(super) fn second_logon(&mut self, number: u64, now: UtcTime, out: &mut Outbox) -> Received {
        if let Err(error) = self.reject(number, b"A", None, None, "Already logged on", now, out) {
            self.admin_failed(error, out, now);
        }
        Received::Admin
    }
}
