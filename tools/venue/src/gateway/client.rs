//! A client as the gateway knows it, and its session on each service.

use taut::session::{ResendPolicy, Session, SessionConfig};
use taut::types::CompId;

use super::{ClientCredentials, ConnectionId, GatewaySwitches, Market, Service};

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
        }
    }
}

/// A client.
pub(super) struct Client {
    pub sender: CompId,
    pub market: Market,
    pub credentials: ClientCredentials,
    /// By service; made at its first logon there, because a session that sends snapshots has a large
    /// buffer.
    known: [Option<Box<Known>>; Service::ALL.len()],
}

impl Client {
    pub(super) fn new(sender: CompId, market: Market, credentials: ClientCredentials) -> Self {
        Self { sender, market, credentials, known: Default::default() }
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

    /// Every session that there ever was.
    pub(super) fn all_known(&self) -> impl Iterator<Item = &Known> {
        self.known.iter().flatten().map(Box::as_ref)
    }
}
