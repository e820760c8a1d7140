//! The gateway: connections, framing, logon, the FIX session, field checks. What it lets through
//! leaves as typed [`Inbound`] records; what it refuses is answered here (venue file section 5).

pub mod checks;
mod client;
mod clients;
mod connection;
mod control;
mod drops;
pub mod exec_id;
mod faults;
mod garbled;
mod guard;
mod inbound;
mod kept;
mod keys;
mod late;
mod leave;
mod line;
mod logon;
pub mod number;
mod outbound;
mod parse;
mod refusals;
mod rendered;
mod replay;
pub mod report;
pub mod reporter;
mod rollover;
mod router;
mod service;
mod switches;
#[cfg(test)]
mod tests;
mod transit;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use taut::limits::OUTBOX_BYTES;
use taut::session::{Outbox, Session};
use taut_codec::frame::Frame;
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::UtcTime;

pub use client::ClientSetup;
pub use connection::ConnectionId;
pub use drops::{DropReason, DroppedSession};
pub use faults::Fault;
pub use garbled::GarbledInput;
pub use guard::Source;
pub use inbound::{Inbound, RefusedCommand};
#[cfg(test)]
pub(crate) use kept::Whole;
pub(crate) use keys::NotLetIn;
pub use logon::{ClientCredentials, Logons};
pub use refusals::{Refusal, RefusedLogon};
pub use replay::{ReplayLimits, ReplayStats};
pub use router::{Instance, Router};
pub use service::{Market, Service, Subscriber};
pub use switches::GatewaySwitches;
pub(crate) use transit::Transit;
pub use transit::{Routing, RoutingMode};

use crate::config::RolloverClosed;
use crate::limits::CONNECTIONS_MAX;
use client::Client;
use clients::Clients;
use connection::Connection;
use drops::Drops;
use leave::Due;
use refusals::Refusals;
use rendered::ReportTemplates;
use rollover::Rollover;

/// The gateway, all instances of it.
pub struct Gateway {
    switches: GatewaySwitches,
    clients: Clients,
    connections: BTreeMap<ConnectionId, Connection>,
    next_connection: u64,
    router: Router,
    scanner: Scanner,
    fields: Vec<Field>,
    logons: Logons,
    refusals: Refusals,
    drops: Drops,
    replay: ReplayStats,
    /// Sessions have journals.
    keeps_journals: bool,
    /// Whose message left last, until the stages behind have dealt with it; for the journals.
    under_way: Option<(u16, Service)>,
    /// The last time that was heard of.
    now: UtcTime,
    report_copies: u8,
    /// Taken out while a report is made.
    templates: Option<Box<ReportTemplates>>,
    rollover: Rollover,
    /// What the stages behind have to be told, beside what a connection brings.
    queue: VecDeque<Inbound>,
    /// Cancels on disconnect, by time.
    cancels: VecDeque<Due>,
    /// What sessions are sent is kept over a restart.
    keeps_state: bool,
    /// Nothing is sent.
    muted: bool,
    /// The next rollover and `cancels`, as the state has them.
    calendar: Vec<u8>,
}

impl Gateway {
    /// A gateway of `instances` instances without clients.
    #[must_use]
    pub fn new(instances: u16, switches: GatewaySwitches) -> Self {
        Self {
            switches,
            clients: Clients::default(),
            connections: BTreeMap::new(),
            next_connection: 1,
            router: Router::new(instances),
            scanner: Scanner::new(),
            fields: vec![Field::default(); taut::limits::FIELDS_MAX],
            logons: Logons::default(),
            refusals: Refusals::default(),
            drops: Drops::default(),
            replay: ReplayStats::default(),
            keeps_journals: false,
            under_way: None,
            now: UtcTime(0),
            report_copies: 1,
            templates: None,
            rollover: Rollover::new(),
            queue: VecDeque::new(),
            cancels: VecDeque::new(),
            keeps_state: false,
            muted: false,
            calendar: Vec::new(),
        }
    }

    /// Adds a client; the position is its number.
    pub fn add_client(&mut self, client: ClientSetup) {
        self.clients.push(Client::new(client));
    }

    /// The market of a client.
    #[must_use]
    pub fn market(&self, client: u16) -> Option<Market> {
        self.clients.get(usize::from(client)).map(|client| client.market)
    }

    /// A name for a connection.
    pub(crate) fn new_id(&mut self) -> ConnectionId {
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        id
    }

    /// A connection was made, from an address if it is known.
    pub fn connected(
        &mut self,
        service: Service,
        source: Option<IpAddr>,
        now: UtcTime,
    ) -> ConnectionId {
        self.now = now;
        let id = self.new_id();
        let mut connection =
            Connection::new(service, source, now, Outbox::with_capacity(OUTBOX_BYTES));
        let shut = self.switches.session.rollover_closed == RolloverClosed::Close;
        let full = self.connections.len() >= CONNECTIONS_MAX;
        connection.close = full || shut && self.rollover.is_closed(now);
        if connection.close {
            let refusal = if full { Refusal::Full } else { Refusal::Rollover };
            self.refusals.note(service, b"", source, refusal);
        }
        self.connections.insert(id, connection);
        id
    }

    /// Takes bytes of a connection; [`Gateway::next`] reads them.
    pub fn feed(&mut self, id: ConnectionId, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&id)
            && !connection.faults.is_deaf()
        {
            // Once for what came together, not once for each message.
            connection.input.drain(..std::mem::take(&mut connection.read));
            connection.input.extend_from_slice(bytes);
        }
    }

    /// Works through what came until a record leaves the gateway; `None` when more bytes are needed. Whoever
    /// asks for the next record has dealt with the one before.
    pub fn next(&mut self, id: ConnectionId, now: UtcTime) -> Option<Inbound> {
        self.now = now;
        self.dealt_with();
        let connection = self.connections.get_mut(&id)?;
        let (input, mut at) = (std::mem::take(&mut connection.input), connection.read);
        let mut fields = std::mem::take(&mut self.fields);
        let mut out = None;
        while out.is_none() && !self.should_close(id) {
            let Some(connection) = self.connections.get_mut(&id) else { break };
            match connection.framer.next(&input[at..]) {
                Frame::Incomplete => break,
                Frame::Garbage { skip, reason } => {
                    self.garbled(id, &input[at..at + skip], reason.into(), now);
                    at += skip;
                }
                Frame::Message { len } => {
                    let bytes = &input[at..at + len];
                    at += len;
                    match self.scanner.index(bytes, &mut fields) {
                        Ok(count) => {
                            connection.in_garbage = false;
                            let message = Message::new(bytes, &fields[..count]);
                            out = self.message(id, &message, now);
                        }
                        Err(error) => self.garbled(id, bytes, error.into(), now),
                    }
                }
            }
        }
        if self.should_close(id) {
            at = input.len();
        }
        self.fields = fields;
        if let Some(connection) = self.connections.get_mut(&id) {
            (connection.input, connection.read) = (input, at);
        }
        out
    }

    /// Whether a connection has to be closed once its outbox is flushed.
    #[must_use]
    pub fn should_close(&self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get(&id) else { return true };
        connection.close || self.session(connection).is_some_and(Session::should_close)
    }

    /// Whether a connection has to be closed at once: what has left the outbox and not the machine is
    /// not waited for either.
    #[must_use]
    pub fn must_drop(&self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get(&id) else { return true };
        connection.dropped || self.session(connection).is_some_and(Session::must_drop)
    }

    /// Whether a connection that has to be dropped is to end by a TCP reset.
    #[must_use]
    pub fn must_reset(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|one| one.dropped && one.faults.resets())
    }

    /// Bytes that wait for a connection's peer; `None` if there is no such connection.
    #[must_use]
    pub fn outbox(&self, id: ConnectionId) -> Option<&Outbox> {
        self.connections.get(&id).map(|connection| &connection.outbox)
    }

    /// Time passes for every session.
    pub fn tick(&mut self, now: UtcTime) {
        self.now = now;
        self.tick_rollover(now);
        for connection in self.connections.values_mut() {
            let idle = connection.idle_deadline(self.switches.session.unsubscribed_s);
            if now >= idle || connection.close_at.is_some_and(|at| now >= at) {
                connection.drop_now();
            }
            match connection.client {
                // A peer that does not read its refusal is not waited for either.
                None if now >= connection.logon_deadline() => {
                    if !connection.close {
                        let Connection { service, source, .. } = *connection;
                        self.refusals.note(service, b"", source, Refusal::Silent);
                    }
                    connection.drop_now();
                }
                None => {}
                Some(client) => self.clients.tend(usize::from(client), |client| {
                    let Some(known) = client.known_mut(connection.service) else { return false };
                    known.session.tick(now, &mut connection.outbox);
                    while known.session.next_event().is_some() {}
                    known.has_news()
                }),
            }
        }
    }

    /// When [`Gateway::tick`] has to be called at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> UtcTime {
        let deadline = |connection: &Connection| match self.session(connection) {
            None => connection.logon_deadline(),
            Some(session) => session.next_deadline(),
        };
        let waits = |one: &&Connection| !one.close || !one.outbox.is_empty();
        let open = self.connections.values().filter(waits);
        let open = open.map(|one| {
            let close_at = one.close_at.unwrap_or(UtcTime(u64::MAX));
            let idle = one.idle_deadline(self.switches.session.unsubscribed_s);
            deadline(one).min(close_at).min(idle).min(one.faults.deadline())
        });
        let sessions = open.min().unwrap_or(UtcTime(u64::MAX));
        sessions.min(self.rollover.deadline()).min(self.due_deadline())
    }

    fn session(&self, connection: &Connection) -> Option<&Session> {
        let client = &self.clients[usize::from(connection.client?)];
        client.known(connection.service).map(|known| &known.session)
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("clients", &self.clients.len())
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
