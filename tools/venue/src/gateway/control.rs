//! Looking at the gateway and steering it.

use std::net::IpAddr;

use taut::session::Phase;
use taut::types::CompId;
use taut_codec::value::UtcTime;

use super::{
    ConnectionId, DroppedSession, Gateway, GatewaySwitches, Logons, Refusal, RefusedLogon, Router,
    Service,
};

impl Gateway {
    /// The switches.
    #[must_use]
    pub const fn switches(&self) -> &GatewaySwitches {
        &self.switches
    }

    /// The router.
    #[must_use]
    pub const fn router(&self) -> &Router {
        &self.router
    }

    /// The number of a client.
    #[must_use]
    pub fn client(&self, sender: &[u8]) -> Option<u16> {
        let at = self.clients.iter().position(|client| client.sender.as_bytes() == sender)?;
        u16::try_from(at).ok()
    }

    /// The live connection of a client on a service.
    #[must_use]
    pub fn live(&self, sender: &[u8], service: Service) -> Option<ConnectionId> {
        let client = self.clients.iter().find(|client| client.sender.as_bytes() == sender)?;
        client.known(service)?.live
    }

    /// The SenderCompID of a client.
    #[must_use]
    pub fn sender(&self, client: u16) -> Option<CompId> {
        self.clients.get(usize::from(client)).map(|client| client.sender)
    }

    /// The logons that were refused and are to be told of now.
    pub fn take_refused_logons(&mut self, now: UtcTime) -> Vec<RefusedLogon> {
        self.refusals.take(now)
    }

    /// The sessions that were dropped and are to be told of now.
    pub fn take_dropped_sessions(&mut self) -> Vec<DroppedSession> {
        self.drops.take()
    }

    /// The TLS handshake of a connection failed.
    pub fn handshake_failed(&mut self, service: Service, source: IpAddr, why: &str) {
        self.refusals.note(service, b"", Some(source), Refusal::Handshake(why.into()));
    }

    /// The clients that can only log on to market data.
    pub fn without_credentials(&self) -> impl Iterator<Item = (u16, CompId)> {
        let clients = (0..).zip(self.clients.iter());
        clients.filter(|(_, one)| !one.credentials.are_known()).map(|(at, one)| (at, one.sender))
    }

    /// Sessions that are logged on.
    #[must_use]
    pub fn sessions_up(&self) -> usize {
        let known = self.clients.iter().flat_map(|client| client.all_known());
        known.filter(|known| known.session.phase() == Phase::Active).count()
    }

    /// Open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Connections that were dropped because their peer did not read.
    #[must_use]
    pub const fn slow_drops(&self) -> u64 {
        self.drops.slow
    }

    /// Sessions that were disconnected for too many errors.
    #[must_use]
    pub const fn error_drops(&self) -> u64 {
        self.drops.errors
    }

    /// Control: what becomes of logons from now on.
    pub fn set_logons(&mut self, logons: Logons) {
        self.logons = logons;
    }

    /// Control: cuts a connection without a word.
    pub fn cut(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.drop_now();
        }
    }

    /// Control: logs a session out.
    pub fn logout(&mut self, id: ConnectionId, text: Option<&str>, now: UtcTime) {
        if let Some(connection) = self.connections.get_mut(&id)
            && let Some(client) = connection.client
        {
            let client = &mut self.clients[usize::from(client)];
            if let Some(known) = client.known_mut(connection.service) {
                known.session.logout(text, now, &mut connection.outbox);
            }
        }
    }

    /// Control: the venue ends. Logs out every session that is up, and cuts every other connection.
    pub fn stop(&mut self, text: &str, now: UtcTime) {
        self.logons = Logons::Refuse;
        for connection in self.connections.values_mut() {
            match connection.client.filter(|_| connection.logged_on) {
                Some(client) => {
                    let client = &mut self.clients[usize::from(client)];
                    if let Some(known) = client.known_mut(connection.service) {
                        known.session.logout(Some(text), now, &mut connection.outbox);
                    }
                }
                None => connection.drop_now(),
            }
        }
    }
}
