//! Scenarios against any address: this venue on its sockets, or the original's UAT.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use taut::limits::RECEIVE_BYTES;
use taut::wire::channel::{connect_tls, plain};
use taut::wire::tls::ClientTls;
use taut::wire::{Receiver, Transmitter, WireKind, dial};
use taut_codec::value::UtcTime;

use super::link::{patient, unsteered};
use super::{Grants, Link, LinkError, Peer};
use crate::gateway::Service;

/// How long a connection and its handshake may take.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the other side has to notice that a connection is gone.
const SETTLE: Duration = Duration::from_millis(150);

/// Where to, and as whom.
#[derive(Debug, Clone)]
pub struct Target {
    /// Host name or address.
    pub host: String,
    /// Added to Kraken's ports.
    pub base_port: u16,
    /// TLS; without it plain TCP.
    pub tls: Option<ClientTls>,
    /// What holds there.
    pub grants: Grants,
    /// Who a SenderCompID of the scenarios stands for.
    pub peers: BTreeMap<String, Peer>,
}

/// Connections to a [`Target`].
pub struct Sockets<'a> {
    target: &'a Target,
    connections: BTreeMap<usize, (Receiver, Transmitter)>,
    next: usize,
    buffer: Vec<u8>,
}

impl<'a> Sockets<'a> {
    /// No connection yet.
    #[must_use]
    pub fn new(target: &'a Target) -> Self {
        Self { target, connections: BTreeMap::new(), next: 0, buffer: vec![0; RECEIVE_BYTES] }
    }

    fn open(&self, service: Service) -> Result<(Receiver, Transmitter), String> {
        let port = service.port().checked_add(self.target.base_port);
        let port = port.ok_or("a port would exceed 65535")?;
        let host = &self.target.host;
        let stream: TcpStream =
            dial::dial(host, port, DIAL_TIMEOUT).map_err(|error| error.to_string())?;
        match &self.target.tls {
            None => plain(WireKind::Mio, stream).map_err(|error| error.to_string()),
            Some(tls) => {
                let deadline = Instant::now() + DIAL_TIMEOUT;
                connect_tls(WireKind::Mio, stream, tls, host, deadline)
                    .map_err(|error| error.to_string())
            }
        }
    }
}

impl Link for Sockets<'_> {
    fn now(&self) -> UtcTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UtcTime(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    fn peer(&self, sender: &str) -> Result<Peer, LinkError> {
        let known = self.target.peers.get(sender).cloned();
        known.ok_or_else(|| LinkError::Unsupported(format!("nobody stands for {sender}")))
    }

    fn connect(&mut self, service: Service) -> Result<usize, LinkError> {
        let made = self.open(service).map_err(LinkError::Failed)?;
        self.next += 1;
        self.connections.insert(self.next, made);
        Ok(self.next)
    }

    fn send(&mut self, connection: usize, bytes: &[u8]) -> Result<(), LinkError> {
        let failed = |why: &str| LinkError::Failed(why.to_owned());
        let (_, transmitter) = self
            .connections
            .get_mut(&connection)
            .ok_or_else(|| failed("the connection is closed"))?;
        let (mut rest, end) = (bytes, Instant::now() + DIAL_TIMEOUT);
        loop {
            let taken = transmitter.accept(rest).map_err(|error| failed(&error.to_string()))?;
            rest = &rest[taken..];
            let flushed = transmitter.flush().map_err(|error| failed(&error.to_string()))?;
            if flushed && rest.is_empty() {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(failed("the peer does not read"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn receive(
        &mut self,
        connection: usize,
        patience: Duration,
        into: &mut Vec<u8>,
    ) -> Result<bool, LinkError> {
        let Self { connections, buffer, .. } = self;
        let Some((receiver, _)) = connections.get_mut(&connection) else { return Ok(false) };
        let end = Instant::now() + patience;
        loop {
            match receiver.receive(buffer, |_| ()) {
                Ok(0) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(true);
                    }
                    std::thread::sleep(left.min(Duration::from_millis(1)));
                }
                Ok(count) => {
                    into.extend_from_slice(&buffer[..count]);
                    return Ok(true);
                }
                Err(_) => {
                    self.drop_connection(connection);
                    return Ok(false);
                }
            }
        }
    }

    fn drop_connection(&mut self, connection: usize) {
        if let Some(halves) = self.connections.remove(&connection) {
            let (_, mut transmitter) = halves;
            transmitter.close();
            drop(transmitter);
            // A logon that overtakes the end of the connection before it would find the CompID in use.
            std::thread::sleep(SETTLE);
        }
    }

    fn advance(&mut self, time: Duration) -> Result<(), LinkError> {
        patient(time)?;
        std::thread::sleep(time);
        Ok(())
    }

    fn control(&mut self, words: &[String]) -> Result<(), LinkError> {
        unsteered(words, self.target.grants)
    }
}
