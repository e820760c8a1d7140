//! The gateway: connections, framing, logon, the FIX session, field checks. What it lets through
//! leaves as typed [`Inbound`] records; what it refuses is answered here (venue file section 5).

pub mod checks;
mod connection;
mod control;
pub mod exec_id;
mod logon;
pub mod number;
mod outbound;
mod parse;
pub mod report;
pub mod reporter;
mod router;
mod service;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use taut::limits::{MESSAGE_BYTES_MAX, OUTBOX_BYTES};
use taut::session::{Outbox, Received, Session, SessionConfig};
use taut::types::{ClOrdId, CompId};
use taut_codec::frame::{Frame, Framer};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::tag;
use taut_codec::value::UtcTime;

pub use connection::ConnectionId;
pub use logon::ClientCredentials;
pub use router::{Instance, Router};
pub use service::{GatewaySwitches, Service};

use crate::limits::CONNECTIONS_MAX;
use crate::market_data::request::MdRequest;
use crate::oes::request::{OrderRequest, Origin};
use checks::{CheckSwitches, Finding};
use connection::Connection;
use parse::Unreadable;

/// What leaves the gateway for the stages behind it, in the order of arrival.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    /// A trading session logged on with ForceResetClOrdID(5030).
    ResetWatermark {
        /// The client.
        client: u16,
    },
    /// A trading request.
    Order(OrderRequest),
    /// A command that was refused here; its client has been answered.
    Refused(RefusedCommand),
    /// A market data request.
    MarketData {
        /// The client.
        client: u16,
        /// What it asks.
        request: MdRequest,
    },
    /// A trading session is gone without logout and wants its orders cancelled (venue file 2.3).
    CancelOnDisconnect {
        /// The client.
        client: u16,
        /// The connection whose orders go.
        tag: u32,
    },
    /// A market data session is gone.
    MarketDataGone {
        /// The client.
        client: u16,
    },
}

/// A D, F, G or q of a session that was logged on, which the gateway did not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedCommand {
    /// The client.
    pub client: u16,
    /// MsgSeqNum(34); 0 if it cannot be read.
    pub msg_seq_num: u64,
    /// MsgType(35).
    pub msg_type: u8,
    /// ClOrdID(11), if it can be read.
    pub cl_ord_id: Option<ClOrdId>,
    /// Whether it was marked as a possible duplicate (43 or 97).
    pub poss_dup: bool,
}

/// One known session: a client on one service.
struct Known {
    session: Session,
    live: Option<ConnectionId>,
    /// Counts the logons; owner tag of the orders placed on the connection.
    logons: u32,
    /// CancelOrdersOnDisconnect(8674) of this logon.
    cancel_on_disconnect: bool,
    /// Logouts were exchanged.
    logged_out: bool,
}

struct Client {
    sender: CompId,
    credentials: ClientCredentials,
    known: [Known; 2],
}

/// The gateway, all instances of it.
pub struct Gateway {
    switches: GatewaySwitches,
    clients: Vec<Client>,
    connections: BTreeMap<ConnectionId, Connection>,
    next_connection: u64,
    router: Router,
    framer: Framer,
    scanner: Scanner,
    fields: Vec<Field>,
    refuse_logons: bool,
    slow_drops: u64,
}

impl Gateway {
    /// A gateway of `instances` instances without clients.
    #[must_use]
    pub fn new(instances: u16, switches: GatewaySwitches) -> Self {
        Self {
            switches,
            clients: Vec::new(),
            connections: BTreeMap::new(),
            next_connection: 1,
            router: Router::new(instances),
            framer: Framer::new(MESSAGE_BYTES_MAX),
            scanner: Scanner::new(),
            fields: vec![Field::default(); taut::limits::FIELDS_MAX],
            refuse_logons: false,
            slow_drops: 0,
        }
    }

    /// Adds a client, who may log on to every service; the position is its number.
    pub fn add_client(&mut self, sender: CompId, credentials: ClientCredentials) {
        let known = Service::ALL.map(|service| {
            let own = service.comp_id().parse().expect("the CompIDs of the services are short");
            let mut config = SessionConfig::acceptor(own, sender);
            config.low_logon_replays = self.switches.low_logon_replays;
            config.refusal_skips_a_number = self.switches.refusal_skips_a_number;
            // "Hard reset to 1", venue file 3.2.
            config.sequence_reset_may_lower = true;
            if service == Service::SpotTrading {
                config.send_message_bytes_max = taut::limits::SEND_MESSAGE_BYTES_MAX;
            }
            Known {
                session: Session::new(config),
                live: None,
                logons: 0,
                cancel_on_disconnect: true,
                logged_out: false,
            }
        });
        self.clients.push(Client { sender, credentials, known });
    }

    /// A connection was made.
    pub fn connected(&mut self, service: Service, now: UtcTime) -> ConnectionId {
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let mut connection = Connection::new(service, now, Outbox::with_capacity(OUTBOX_BYTES));
        connection.close = self.connections.len() >= CONNECTIONS_MAX;
        self.connections.insert(id, connection);
        id
    }

    /// Takes bytes of a connection; [`Gateway::next`] reads them.
    pub fn feed(&mut self, id: ConnectionId, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.input.extend_from_slice(bytes);
        }
    }

    /// Works through what came until a record leaves the gateway; `None` when more bytes are needed.
    pub fn next(&mut self, id: ConnectionId, now: UtcTime) -> Option<Inbound> {
        let mut input = std::mem::take(&mut self.connections.get_mut(&id)?.input);
        let mut fields = std::mem::take(&mut self.fields);
        let mut at = 0;
        let mut out = None;
        while out.is_none() && !self.should_close(id) {
            match self.framer.next(&input[at..]) {
                Frame::Incomplete => break,
                Frame::Garbage { skip, .. } => {
                    self.garbled(id, skip, now);
                    at += skip;
                }
                Frame::Message { len } => {
                    let bytes = &input[at..at + len];
                    at += len;
                    match self.scanner.index(bytes, &mut fields) {
                        Ok(count) => {
                            let message = Message::new(bytes, &fields[..count]);
                            out = self.message(id, &message, now);
                        }
                        Err(_) => self.garbled(id, len, now),
                    }
                }
            }
        }
        if self.should_close(id) {
            input.clear();
        } else {
            input.drain(..at);
        }
        self.fields = fields;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.input = input;
        }
        out
    }

    /// The peer or the network closed a connection.
    pub fn disconnected(&mut self, id: ConnectionId, now: UtcTime) -> Option<Inbound> {
        let connection = self.connections.remove(&id)?;
        if let Some(instance) = connection.instance {
            self.router.close(instance);
        }
        let client = connection.client?;
        let known = &mut self.clients[usize::from(client)].known[connection.service as usize];
        let was_up = connection.logged_on;
        known.live = None;
        known.session.disconnected(now);
        while known.session.next_event().is_some() {}
        match connection.service {
            Service::SpotMarketData => Some(Inbound::MarketDataGone { client }),
            Service::SpotTrading => (was_up && known.cancel_on_disconnect && !known.logged_out)
                .then_some(Inbound::CancelOnDisconnect { client, tag: known.logons }),
        }
    }

    /// The bytes that wait for a connection's peer; `None` if there is no such connection.
    pub fn outbox(&mut self, id: ConnectionId) -> Option<&mut Outbox> {
        self.connections.get_mut(&id).map(|connection| &mut connection.outbox)
    }

    /// Whether a connection has to be closed once its outbox is flushed.
    #[must_use]
    pub fn should_close(&self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get(&id) else { return true };
        let session = connection.client.map(|client| {
            &self.clients[usize::from(client)].known[connection.service as usize].session
        });
        connection.close || session.is_some_and(Session::should_close)
    }

    /// Time passes for every session.
    pub fn tick(&mut self, now: UtcTime) {
        for connection in self.connections.values_mut() {
            match connection.client {
                // A peer that does not read its refusal is not waited for either.
                None if now >= connection.logon_deadline() => connection.drop_now(),
                None => {}
                Some(client) => {
                    let known =
                        &mut self.clients[usize::from(client)].known[connection.service as usize];
                    known.session.tick(now, &mut connection.outbox);
                    while known.session.next_event().is_some() {}
                }
            }
        }
    }

    /// When [`Gateway::tick`] has to be called at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> UtcTime {
        let deadline = |connection: &Connection| match connection.client {
            None => connection.logon_deadline(),
            Some(client) => self.clients[usize::from(client)].known[connection.service as usize]
                .session
                .next_deadline(),
        };
        let waits = |one: &&Connection| !one.close || !one.outbox.is_empty();
        let open = self.connections.values().filter(waits);
        open.map(deadline).min().unwrap_or(UtcTime(u64::MAX))
    }

    fn garbled(&mut self, id: ConnectionId, bytes: usize, now: UtcTime) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.client {
            Some(client) => {
                let known =
                    &mut self.clients[usize::from(client)].known[connection.service as usize];
                known.session.garbled(bytes, now, &mut connection.outbox);
            }
            // A Logon has to come first (FIX session case 2S).
            None => connection.close = true,
        }
    }

    fn message(
        &mut self,
        id: ConnectionId,
        message: &Message<'_>,
        now: UtcTime,
    ) -> Option<Inbound> {
        if self.connections.get(&id)?.client.is_none() && !self.identify(id, message, now) {
            self.connections.get_mut(&id)?.close = true;
            return None;
        }
        let connection = self.connections.get_mut(&id)?;
        let (client, service) = (connection.client?, connection.service);
        let known = &mut self.clients[usize::from(client)].known[service as usize];
        let received = known.session.received(message, now, &mut connection.outbox);
        while known.session.next_event().is_some() {}
        match received {
            Received::Logon => self.logon(id, client, message, now),
            Received::Application => self.application(client, service, message, now),
            Received::Admin => {
                known.logged_out |= message.msg_type() == b"5";
                None
            }
            // A duplicate of what was dealt with before is no command of its own.
            Received::Ignored if message.flag(tag::POSS_DUP_FLAG) => None,
            Received::Ignored => refused(client, service, message),
        }
    }

    fn application(
        &mut self,
        client: u16,
        service: Service,
        message: &Message<'_>,
        now: UtcTime,
    ) -> Option<Inbound> {
        let msg_type = message.msg_type();
        if matches!(msg_type, b"3" | b"j") {
            // The client refused something of ours: nothing to be done about it.
            return None;
        }
        let offered: &[&[u8]] = match service {
            Service::SpotTrading => &[b"D", b"F", b"G", b"q", b"H"],
            Service::SpotMarketData => &[b"V", b"x", b"g"],
        };
        if !offered.contains(&msg_type) {
            const UNSUPPORTED_MESSAGE_TYPE: u32 = 3;
            let text = "Unsupported message type";
            self.refuse(client, service, message, UNSUPPORTED_MESSAGE_TYPE, text, now);
            return refused(client, service, message);
        }
        let switches = CheckSwitches {
            unknown_tags: self.switches.unknown_tags,
            form: self.switches.reject_form,
        };
        match checks::check(message, switches, now) {
            Ok(()) => {}
            Err(Finding::Reject(reject)) => {
                self.reject(client, service, message, &reject, now);
                return refused(client, service, message);
            }
            Err(Finding::ConditionallyMissing(tag)) if service == Service::SpotTrading => {
                const CONDITIONALLY_REQUIRED_MISSING: u32 = 5;
                let text = checks::missing(tag, self.switches.reject_form).text;
                let reason = CONDITIONALLY_REQUIRED_MISSING;
                self.refuse(client, service, message, reason, &text, now);
                return refused(client, service, message);
            }
            // There are no BusinessMessageRejects on market data: it answers itself (venue file 4).
            Err(Finding::ConditionallyMissing(_)) => {}
        }
        if let Some(kind) = parse::order_request(message) {
            let origin = self.origin(client, message)?;
            return Some(Inbound::Order(OrderRequest { origin, kind }));
        }
        let request = match msg_type {
            b"V" => parse::market_data(message).map(MdRequest::MarketData),
            b"x" => parse::instrument_list(message).map(MdRequest::Instruments),
            _ => parse::session_status(message).map(MdRequest::SessionStatus),
        };
        match request {
            Ok(request) => Some(Inbound::MarketData { client, request }),
            Err(Unreadable(tag)) => {
                let reject = checks::missing(tag, self.switches.reject_form);
                self.reject(client, service, message, &reject, now);
                None
            }
        }
    }

    fn origin(&self, client: u16, message: &Message<'_>) -> Option<Origin> {
        let known = &self.clients[usize::from(client)].known[Service::SpotTrading as usize];
        Some(Origin {
            client,
            tag: known.logons,
            msg_seq_num: message.msg_seq_num().ok()?,
            msg_type: *message.msg_type().first()?,
            poss_dup: is_poss_dup(message),
            cl_ord_id: parse::cl_ord_id(message, tag::CL_ORD_ID)?,
        })
    }
}

fn is_poss_dup(message: &Message<'_>) -> bool {
    message.flag(tag::POSS_DUP_FLAG) || message.flag(tag::POSS_RESEND)
}

/// The record of a message that goes no farther, if it is a command.
fn refused(client: u16, service: Service, message: &Message<'_>) -> Option<Inbound> {
    let &[msg_type @ (b'D' | b'F' | b'G' | b'q')] = message.msg_type() else { return None };
    (service == Service::SpotTrading).then(|| {
        Inbound::Refused(RefusedCommand {
            client,
            msg_seq_num: message.msg_seq_num().unwrap_or(0),
            msg_type,
            cl_ord_id: parse::cl_ord_id(message, tag::CL_ORD_ID),
            poss_dup: is_poss_dup(message),
        })
    })
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("clients", &self.clients.len())
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
