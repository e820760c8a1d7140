//! A client as the gateway knows it, and its session on each service.

use std::net::IpAddr;

use taut::session::{ResendPolicy, Session, SessionConfig};
use taut::types::CompId;

use super::guard::{Errors, Lockout};
use super::kept::{Nonces, Numbers};
use super::{ClientCredentials, ConnectionId, GatewaySwitches, Market, Service, Source};

/// One known session: a client on one service.
pub(super) struct Known {
    pub session: Session,
    pub live: Option<ConnectionId>,
    /// Counts the logons; with the client it owns the orders placed on the connection.
    pub logons: u32,
    /// CancelOrdersOnDisconnect(8674) of this logon.
    pub cancel_on_disconnect: bool,
    /// Logouts were exchanged.
    pub logged_out: bool,
    /// The logon was accepted, and the session has not ended since.
    pub up: bool,
    /// The rollover ends it.
    pub rolling: bool,
    pub errors: Errors,
    /// As the state has it.
    pub kept: Numbers,
}

impl Known {
    fn new(sender: CompId, service: Service, switches: &GatewaySwitches) -> Self {
        let own = service.comp_id().parse().expect("the CompIDs of the services are short");
        let mut config = SessionConfig::acceptor(own, sender);
        config.low_logon_replays = switches.low_logon_replays;
        config.refusal_skips_a_number = switches.refusal_skips_a_number;
        // "Hard reset to 1", venue file 3.2.
        config.sequence_reset_may_lower = true;
        if service.is_trading() {
            config.resend_policy = ResendPolicy::REPORTS;
            config.send_message_bytes_max = taut::limits::SEND_MESSAGE_BYTES_MAX;
        }
        Self {
            session: Session::new(config),
            live: None,
            logons: 0,
            cancel_on_disconnect: true,
            logged_out: false,
            up: false,
            rolling: false,
            errors: Errors::default(),
            kept: Numbers::default(),
        }
    }
}

/// What the gateway is told of a client.
#[derive(Debug)]
pub struct ClientSetup {
    /// SenderCompID(49).
    pub sender: CompId,
    /// The market that it may log on to.
    pub market: Market,
    /// What it logs on to trading with.
    pub credentials: ClientCredentials,
    /// Where it may come from; from anywhere if there is none.
    pub sources: Vec<Source>,
    /// Whether it may log on to market data.
    pub sees_market_data: bool,
}

/// A client.
pub(super) struct Client {
    pub sender: CompId,
    pub market: Market,
    pub credentials: ClientCredentials,
    pub sees_market_data: bool,
    pub lockout: Lockout,
    /// As the state has them.
    pub kept: Nonces,
    sources: Vec<Source>,
    /// By service; made at its first logon there, because a session that sends snapshots has a large
    /// buffer.
    known: [Option<Box<Known>>; Service::ALL.len()],
}

impl Client {
    pub(super) fn new(setup: ClientSetup) -> Self {
        let ClientSetup { sender, market, credentials, sources, sees_market_data } = setup;
        let (lockout, kept, known) = Default::default();
        Self { sender, market, credentials, sees_market_data, lockout, kept, sources, known }
    }

    /// Whether it may come from there. An address that is not known is that of an embedding program.
    pub(super) fn may_come_from(&self, source: Option<IpAddr>) -> bool {
        let listed = |address| self.sources.iter().any(|source| source.contains(address));
        self.sources.is_empty() || source.is_none_or(listed)
    }

    /// The session on a service, if there ever was one.
    pub(super) fn known(&self, service: Service) -> Option<&Known> {
        self.known[service as usize].as_deref()
    }

    /// See [`Client::known`].
    pub(super) fn known_mut(&mut self, service: Service) -> Option<&mut Known> {
        self.known[service as usize].as_deref_mut()
    }

    /// The session on a service, made if there is none.
    pub(super) fn know(&mut self, service: Service, switches: &GatewaySwitches) -> &mut Known {
        let make = || Box::new(Known::new(self.sender, service, switches));
        self.known[service as usize].get_or_insert_with(make)
    }

    /// See [`Client::all_known`].
    pub(super) fn all_known_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.known.iter_mut().flatten().map(Box::as_mut)
    }

    /// Every session that there ever was.
    pub(super) fn all_known(&self) -> impl Iterator<Item = &Known> {
        self.known.iter().flatten().map(Box::as_ref)
    }
}
