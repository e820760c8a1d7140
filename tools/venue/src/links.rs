//! Moves bytes between the venue and its connections, whatever carries them.

use std::net::IpAddr;

use taut::trace::Clock;
use taut::wire::{Receiver, Transmitter};
use taut_codec::value::UtcTime;

use crate::gateway::{ConnectionId, Service};
use crate::limits::CONNECTIONS_MAX;
use crate::venue::Venue;

/// Plain bytes read from one connection at a time.
const READ_BYTES: usize = 64 * 1024;
/// How long a peer may take to close its end after we closed ours.
const LINGER_NS: u64 = 1_000_000_000;

/// The open connections of a venue.
pub(crate) struct Links {
    connections: Vec<Connection>,
    /// Connections that we ended, read to their end: to close one with bytes unread would reset it, and
    /// the peer might lose the Logout that says why.
    lingering: Vec<(Receiver, UtcTime)>,
    buffer: Box<[u8]>,
}

struct Connection {
    id: ConnectionId,
    receiver: Receiver,
    transmitter: Transmitter,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            connections: Vec::new(),
            lingering: Vec::new(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
        }
    }
}

impl Links {
    /// How many.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// A connection to a service stands.
    pub fn open(
        &mut self,
        venue: &mut Venue,
        service: Service,
        source: Option<IpAddr>,
        (receiver, transmitter): (Receiver, Transmitter),
        now: UtcTime,
    ) {
        let id = match source {
            Some(source) => venue.connected_from(service, source, now),
            None => venue.connected(service, now),
        };
        let connection = Connection { id, receiver, transmitter };
        // Trading first in every round: reports leave before the market data that they cause.
        let at = if service.is_trading() { 0 } else { self.connections.len() };
        self.connections.insert(at, connection);
    }

    /// A connection to REST stands.
    pub fn open_rest(
        &mut self,
        venue: &mut Venue,
        source: IpAddr,
        (receiver, transmitter): (Receiver, Transmitter),
        now: UtcTime,
    ) {
        let id = venue.rest_connected(Some(source), now);
        self.connections.push(Connection { id, receiver, transmitter });
    }

    /// Reads every connection once; `tap` sees what came, and what left the venue. What a connection brought
    /// is answered before the next one is read: to read costs a system call. Returns whether anything
    /// came.
    pub fn receive(
        &mut self,
        venue: &mut Venue,
        clock: &Clock,
        mut tap: impl FnMut(ConnectionId, &[u8]),
    ) -> bool {
        let mut worked = false;
        let mut at = 0;
        while at < self.connections.len() {
            let Connection { id, receiver, .. } = &mut self.connections[at];
            match receiver.receive(&mut self.buffer, |_| ()) {
                Ok(0) => at += 1,
                Ok(count) => {
                    worked = true;
                    let bytes = &self.buffer[..count];
                    tap(*id, bytes);
                    let now = clock.now();
                    venue.received(*id, bytes, now);
                    at += usize::from(self.send_on(venue, at, now, &mut tap));
                }
                Err(_) => {
                    worked = true;
                    self.drop_connection(venue, at, clock.now());
                }
            }
        }
        let Self { lingering, buffer, .. } = self;
        lingering.retain_mut(|(receiver, until)| {
            receiver.receive(buffer, |_| ()).is_ok() && clock.now() < *until
        });
        worked
    }

    /// Sends what waits, as far as the connections take it; `tap` sees what left the venue. Closes
    /// what the venue wants closed.
    pub fn send(
        &mut self,
        venue: &mut Venue,
        now: UtcTime,
        mut tap: impl FnMut(ConnectionId, &[u8]),
    ) {
        let mut at = 0;
        while at < self.connections.len() {
            at += usize::from(self.send_on(venue, at, now, &mut tap));
        }
    }

    /// Sends what waits for one connection. Returns whether it is still there.
    fn send_on(
        &mut self,
        venue: &mut Venue,
        at: usize,
        now: UtcTime,
        tap: &mut impl FnMut(ConnectionId, &[u8]),
    ) -> bool {
        let Connection { id, transmitter, .. } = &mut self.connections[at];
        let (outbox, open) = venue.sendable(*id, now);
        let sent = transmitter.accept(&outbox.pending()[..open]).and_then(|count| {
            tap(*id, &outbox.pending()[..count]);
            outbox.consume(count);
            if transmitter.pending() == 0 { Ok(true) } else { transmitter.flush() }
        });
        let empty = outbox.is_empty();
        let over = |flushed| flushed && empty && venue.should_close(*id);
        match sent {
            _ if venue.must_drop(*id) => drop(self.drop_connection(venue, at, now)),
            Ok(flushed) if over(flushed) => {
                let receiver = self.drop_connection(venue, at, now);
                if self.lingering.len() < CONNECTIONS_MAX {
                    self.lingering.push((receiver, now.plus_nanos(LINGER_NS)));
                }
            }
            Ok(_) => return true,
            // The peer is gone.
            Err(_) => drop(self.drop_connection(venue, at, now)),
        }
        false
    }

    /// Closes every connection.
    pub fn close_all(&mut self) {
        for connection in &mut self.connections {
            connection.transmitter.close();
        }
    }

    /// Whether nothing waits to be sent.
    pub fn is_flushed(&self, venue: &Venue) -> bool {
        let is_flushed =
            |one: &Connection| one.transmitter.pending() == 0 && venue.outbox(one.id).is_empty();
        self.connections.iter().all(is_flushed)
    }

    /// Ends our side; the peer's ends with what is returned.
    fn drop_connection(&mut self, venue: &mut Venue, at: usize, now: UtcTime) -> Receiver {
        let mut connection = self.connections.remove(at);
        if venue.must_reset(connection.id) {
            connection.transmitter.reset();
        } else {
            connection.transmitter.close();
        }
        venue.disconnected(connection.id, now);
        connection.receiver
    }
}
