//! Who is it, and may they in? Venue file section 2.

use taut::kraken::logon::{Credentials, NonceError, NonceGuard};
use taut::limits::SEND_MESSAGE_BYTES_MAX;
use taut::types::CompId;
use taut_codec::encode::{Encoder, Header, HeaderOrder};
use taut_codec::message::Message;
use taut_codec::tag;
use taut_codec::value::{UtcTime, parse_u64};

use super::client::Client;
use super::connection::Connection;
use super::guard::Errors;
use super::keys::UsedNonces;
use super::leave::Leave;
use super::refusals::Refusal;
use super::{ConnectionId, Gateway, GatewaySwitches, Inbound, Service, Subscriber};
use crate::config::DuplicateLogon;
use crate::limits::LOGONS_MAX;
use crate::oes::Owner;

/// What a client logs on to trading with.
#[derive(Debug)]
pub struct ClientCredentials {
    credentials: Option<Credentials>,
    nonces: NonceGuard,
    /// Of calls by REST.
    pub(super) rest_nonces: UsedNonces,
}

impl ClientCredentials {
    /// A client with these credentials; without any it can only log on to market data.
    #[must_use]
    pub fn new(credentials: Option<Credentials>) -> Self {
        Self { credentials, nonces: NonceGuard::new(), rest_nonces: UsedNonces::default() }
    }

    pub(super) const fn are_known(&self) -> bool {
        self.credentials.is_some()
    }

    /// The last nonces that were taken: of Logons and of calls by REST.
    pub(super) fn nonces(&self) -> (u64, u64) {
        (self.nonces.last(), self.rest_nonces.last())
    }

    /// Goes on with the nonces of an earlier life.
    pub(super) fn go_on(&mut self, logon: u64, rest: u64) {
        if logon > 0 {
            self.nonces.accept(logon);
        }
        self.rest_nonces.go_on(rest);
    }

    pub(super) fn is_key(&self, key: &[u8]) -> bool {
        let known = self.credentials.as_ref();
        known.is_some_and(|known| known.api_key().expose().as_bytes() == key)
    }

    /// Whether there are credentials, and they are such.
    pub(super) fn have(&self, what: impl Fn(&Credentials) -> bool) -> bool {
        self.credentials.as_ref().is_some_and(what)
    }

    /// Whether a Logon is signed by the client, now, and not a copy of an earlier one.
    fn verify(&mut self, message: &Message<'_>, now: UtcTime) -> Result<(), Refusal> {
        let credentials = self.credentials.as_ref().ok_or(Refusal::NoCredentials)?;
        let get = |tag| message.get(tag).unwrap_or_default();
        let number = message.msg_seq_num().map_err(|_| Refusal::Password)?;
        let (sender, target) = (get(tag::SENDER_COMP_ID), get(tag::TARGET_COMP_ID));
        let nonce = get(tag::NONCE);
        // The signature covers the key too: a wrong key is a wrong signature.
        let known = get(tag::USERNAME) == credentials.api_key().expose().as_bytes();
        let signed = credentials.verify(number, sender, target, nonce, get(tag::PASSWORD));
        match self.nonces.check(nonce, now) {
            _ if !known => Err(Refusal::Key),
            Err(NonceError::Malformed) => Err(Refusal::NonceMalformed),
            _ if !signed => Err(Refusal::Password),
            Ok(ms) => {
                self.nonces.accept(ms);
                Ok(())
            }
            Err(NonceError::NotIncreasing) => Err(Refusal::NonceNotIncreasing),
            Err(NonceError::OutsideWindow) => {
                let nonce = parse_u64(nonce).unwrap_or_default();
                let ms = i128::from(nonce) - i128::from(now.millis());
                let most = if ms < 0 { i64::MIN } else { i64::MAX };
                Err(Refusal::NonceFar { ms: i64::try_from(ms).unwrap_or(most) })
            }
        }
    }
}

/// What becomes of logons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Logons {
    /// They are judged.
    #[default]
    Judge,
    /// Each is answered by a Logout.
    Refuse,
    /// Each connection is closed without a word.
    CloseSilently,
}

impl Client {
    /// Whether it may log on; if not, why, and the text of the Logout, or nothing for a silent close.
    fn judge(
        &mut self,
        service: Service,
        message: &Message<'_>,
        [refuse, closed]: [bool; 2],
        switches: &GatewaySwitches,
        now: UtcTime,
    ) -> Result<(), (Refusal, Option<&'static str>)> {
        if refuse {
            return Err((Refusal::OnPurpose, Some("Logon refused")));
        }
        if closed {
            return Err((Refusal::Rollover, Some("Logon failed: daily rollover")));
        }
        if !service.is_trading() {
            let refusal = (Refusal::NotPermitted, Some("EGeneral:Permission denied"));
            return if self.sees_market_data { Ok(()) } else { Err(refusal) };
        }
        if self.lockout.is_locked(now) {
            return Err((Refusal::LockedOut, Some("EGeneral:Temporary lockout")));
        }
        let verified = self.credentials.verify(message, now);
        if verified.is_ok() {
            self.lockout.right();
        } else {
            let nanos = u64::from(switches.session.lockout_s) * 1_000_000_000;
            self.lockout.wrong(switches.session.lockout_after, nanos, now);
        }
        verified.map_err(|refusal| (refusal, switches.refusal_text))
    }
}

impl Gateway {
    /// The first message of a connection: binds it to a session if it is a Logon of a known client,
    /// signed by it where that is needed, who is not connected to this service yet or may take its own
    /// session over (FIX session cases 1S.b, 1S.c). If not, it is to be closed; a Logout may wait.
    ///
    /// The session is not touched before: whoever merely knows a SenderCompID can neither use its
    /// numbers up, nor reset them, nor keep the client out.
    pub(super) fn identify(
        &mut self,
        id: ConnectionId,
        message: &Message<'_>,
        now: UtcTime,
    ) -> Result<(), Refusal> {
        let connection = self.connections.get_mut(&id).ok_or(Refusal::Full)?;
        let service = connection.service;
        let to_us = message.get(tag::TARGET_COMP_ID) == Some(service.comp_id().as_bytes());
        let sender = message.get(tag::SENDER_COMP_ID).unwrap_or_default();
        if message.msg_type() != b"A" {
            return Err(Refusal::NoLogon);
        }
        if !to_us {
            return Err(Refusal::Target);
        }
        let of_market = |client: &Client| client.market == service.market();
        let is_it = |client: &Client| client.sender.as_bytes() == sender && of_market(client);
        let at = self.clients.iter().position(is_it).ok_or(Refusal::Sender)?;
        let client = &mut self.clients[at];
        if self.logons == Logons::CloseSilently {
            return Err(Refusal::OnPurpose);
        }
        if !client.may_come_from(connection.source) {
            return Err(Refusal::Address);
        }
        let closed = self.rollover.is_closed(now);
        let refuse = self.logons == Logons::Refuse;
        let judged = client.judge(service, message, [refuse, closed], &self.switches, now);
        if let Err((refusal, text)) = judged {
            let number = if self.switches.refusal_skips_a_number { 2 } else { 1 };
            text.inspect(|text| turn_away(connection, client.sender, number, text, now));
            return Err(refusal);
        }
        let instance = self.router.open(client.sender).ok_or(Refusal::Full)?;
        connection.instance = Some(instance);
        let (client, whose) = (at as u16, Subscriber { client: at as u16, service });
        let first = self.clients[at].know(service, &self.switches).live;
        if let Some(first) = first {
            if self.switches.session.duplicate_logon == DuplicateLogon::Refuse {
                return Err(Refusal::Connected);
            }
            let known = self.clients[at].know(service, &self.switches);
            if let Some(first) = self.connections.get_mut(&first) {
                self.replay.end(&mut known.session, first, now);
                first.client = None;
            }
            self.leave(whose, Some(Leave::TakenOver), now);
        }
        let entry = &mut self.clients[at];
        let known = entry.know(service, &self.switches);
        let connection = self.connections.get_mut(&id).ok_or(Refusal::Full)?;
        known.live = Some(id);
        known.logged_out = false;
        known.prepare_store(service, self.switches.replay, self.keeps_state);
        connection.client = Some(client);
        // An acceptor writes nothing yet, so nothing can fail.
        let waits = known.session.connected(now, &mut connection.outbox, |_, _| {});
        waits.map_err(|_| Refusal::Full)
    }

    /// A Logon of the client, with a right header: what does it ask for?
    pub(super) fn logon(
        &mut self,
        id: ConnectionId,
        client: u16,
        message: &Message<'_>,
        now: UtcTime,
    ) -> Option<Inbound> {
        let connection = self.connections.get_mut(&id)?;
        let entry = &mut self.clients[usize::from(client)];
        let trading = connection.service.is_trading();
        let known = entry.known_mut(connection.service)?;
        let out = &mut connection.outbox;
        let cancel = match message.get(tag::CANCEL_ORDERS_ON_DISCONNECT) {
            None => self.switches.session.disconnect_cancels,
            Some(b"0") => true,
            Some(b"1") => false,
            Some(_) => {
                let text = "Logon failed: CancelOrdersOnDisconnect(8674) must be 0 or 1";
                known.session.refuse_logon(Some(text), now, out);
                return None;
            }
        };
        if known.logons == LOGONS_MAX {
            known.session.refuse_logon(Some("Logon failed: too many logons"), now, out);
            return None;
        }
        if known.session.accept_logon(now, out).is_err() {
            return None;
        }
        known.logons += 1;
        known.cancel_on_disconnect = cancel;
        connection.logged_on = true;
        connection.idle_since = (!trading).then_some(now);
        known.up = true;
        // The errors of an earlier connection are not this one's.
        known.errors = Errors::default();
        while known.session.next_event().is_some() {}
        let reset_watermark = message.flag(tag::FORCE_RESET_CL_ORD_ID)
            || self.switches.reset_flag_resets_watermark && message.flag(tag::RESET_SEQ_NUM_FLAG);
        let owner = Owner { client, logon: known.logons };
        trading.then_some(Inbound::LoggedOn { owner, reset_watermark })
    }
}

/// A Logout outside of any session. Its number is of a space that does not come into being.
fn turn_away(connection: &mut Connection, to: CompId, msg_seq_num: u64, text: &str, now: UtcTime) {
    let mut buffer = [0; SEND_MESSAGE_BYTES_MAX];
    let header = Header {
        msg_type: b"5",
        msg_seq_num,
        sender: connection.service.comp_id().as_bytes(),
        target: to.as_bytes(),
        sending_time: now,
        orig_sending_time: None,
        order: HeaderOrder::default(),
    };
    let mut encoder = Encoder::begin(&mut buffer, &header);
    encoder.bytes(tag::TEXT, text.as_bytes());
    let range = encoder.finish().expect("a short text fits");
    // Nothing was sent on the connection before, so there is room.
    let _ = connection.outbox.push(&buffer[range]);
}
