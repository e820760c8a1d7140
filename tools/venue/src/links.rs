//! Moves bytes between the venue and its connections, whatever carries them.

use std::net::IpAddr;

use taut::trace::Clock;
use taut::wire::{Receiver, Transmitter};
use taut_codec::value::UtcTime;

use crate::gateway::{ConnectionId, Service};
use crate::venue::Venue;

/// Plain bytes read from one connection at a time.
const READ_BYTES: usize = 64 * 1024;

/// The open connections of a venue.
pub(crate) struct Links {
    connections: Vec<Connection>,
    buffer: Box<[u8]>,
}

struct Connection {
    id: ConnectionId,
    receiver: Receiver,
    transmitter: Transmitter,
}

impl Default for Links {
    fn default() -> Self {
        Self { connections: Vec::new(), buffer: vec![0; READ_BYTES].into_boxed_slice() }
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

    /// Reads every connection once; `tap` sees what came. Returns whether anything did.
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
                    venue.received(*id, bytes, clock.now());
                    at += 1;
                }
                Err(_) => {
                    worked = true;
                    self.drop_connection(venue, at, clock.now());
                }
            }
        }
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
                Ok(flushed) if !(over(flushed) || venue.must_drop(*id)) => at += 1,
                // The venue wants it closed and everything has left, or does not wait; or the peer is
                // gone.
                _ => self.drop_connection(venue, at, now),
            }
        }
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

    fn drop_connection(&mut self, venue: &mut Venue, at: usize, now: UtcTime) {
        let mut connection = self.connections.remove(at);
        connection.transmitter.close();
        venue.disconnected(connection.id, now);
    }
}
