//! The connections of REST: bytes in, calls out; answers in, bytes out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use taut::session::Outbox;
use taut_codec::value::UtcTime;

use super::http::{self, Read};
use super::{Answer, Call};
use crate::gateway::ConnectionId;
use crate::limits::{REST_CONNECTIONS_MAX, REST_OUTBOX_BYTES};

/// A connection on which nothing was asked for so long is closed.
const IDLE_NS: u64 = 30_000_000_000;

#[derive(Default)]
pub(crate) struct Connections {
    open: BTreeMap<ConnectionId, Connection>,
}

struct Connection {
    source: Option<IpAddr>,
    input: Vec<u8>,
    outbox: Outbox,
    close: bool,
    /// Its peer does not read: it is not waited for.
    dropped: bool,
    /// When it was heard of last.
    since: UtcTime,
}

impl Connections {
    /// A connection was made.
    pub fn connected(&mut self, id: ConnectionId, source: Option<IpAddr>, now: UtcTime) {
        let outbox = Outbox::with_capacity(REST_OUTBOX_BYTES);
        let mut connection = Connection {
            source,
            input: Vec::new(),
            outbox,
            close: false,
            dropped: false,
            since: now,
        };
        if self.open.len() >= REST_CONNECTIONS_MAX {
            connection.end(503, "EService:Unavailable");
        }
        self.open.insert(id, connection);
    }

    /// A connection is gone. `false` if it is none of these.
    pub fn disconnected(&mut self, id: ConnectionId) -> bool {
        self.open.remove(&id).is_some()
    }

    /// Whether it is one of these.
    pub fn has(&self, id: ConnectionId) -> bool {
        self.open.contains_key(&id)
    }

    /// Takes bytes; [`Connections::next`] reads them.
    pub fn feed(&mut self, id: ConnectionId, bytes: &[u8], now: UtcTime) {
        if let Some(connection) = self.open.get_mut(&id).filter(|one| !one.close) {
            connection.input.extend_from_slice(bytes);
            connection.since = now;
        }
    }

    /// The next call; each is answered before the next one is taken.
    pub fn next(&mut self, id: ConnectionId) -> Option<(Call, bool)> {
        let connection = self.open.get_mut(&id).filter(|one| !one.close)?;
        match http::read(&connection.input, connection.source) {
            Read::Incomplete => None,
            Read::Request { call, close, len } => {
                connection.input.drain(..len);
                Some((call, close))
            }
            Read::Bad(status) => {
                connection.end(status, "EGeneral:Invalid arguments");
                None
            }
        }
    }

    /// Answers a call; `close` as it came with the call.
    pub fn answer(&mut self, id: ConnectionId, answer: &Answer, close: bool) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        connection.close |= close;
        if connection.outbox.push(&http::write(answer, close)).is_err() {
            // Its peer asks and does not read.
            connection.drop_now();
        }
    }

    /// The bytes that wait.
    pub fn outbox(&self, id: ConnectionId) -> Option<&Outbox> {
        self.open.get(&id).map(|connection| &connection.outbox)
    }

    /// The bytes that wait, to be taken, and how many: all.
    pub fn sendable(&mut self, id: ConnectionId) -> Option<(&mut Outbox, usize)> {
        let outbox = &mut self.open.get_mut(&id)?.outbox;
        let all = outbox.pending().len();
        Some((outbox, all))
    }

    /// Whether it is to be closed once its outbox is flushed.
    pub fn should_close(&self, id: ConnectionId) -> Option<bool> {
        self.open.get(&id).map(|connection| connection.close)
    }

    /// Whether it is to be closed at once.
    pub fn must_drop(&self, id: ConnectionId) -> Option<bool> {
        self.open.get(&id).map(|connection| connection.dropped)
    }

    /// Ends those that were silent for long; whoever stopped in the middle of a request is told.
    pub fn tick(&mut self, now: UtcTime) {
        for connection in self.open.values_mut().filter(|one| one.idle_at() <= now) {
            match (connection.close || !connection.outbox.is_empty(), connection.input.is_empty()) {
                (true, _) => connection.drop_now(),
                (_, true) => connection.close = true,
                (_, false) => connection.end(408, "EGeneral:Invalid arguments"),
            }
            connection.since = now;
        }
    }

    /// When [`Connections::tick`] has something to do.
    pub fn deadline(&self) -> UtcTime {
        let waits = |one: &&Connection| !one.close || !one.outbox.is_empty();
        let idle = self.open.values().filter(waits).map(Connection::idle_at);
        idle.min().unwrap_or(UtcTime(u64::MAX))
    }

    /// No more calls are taken; what was answered still leaves.
    pub fn stop(&mut self) {
        self.open.values_mut().for_each(|connection| connection.close = true);
    }

    pub fn len(&self) -> usize {
        self.open.len()
    }
}

impl Connection {
    const fn idle_at(&self) -> UtcTime {
        self.since.plus_nanos(IDLE_NS)
    }

    fn end(&mut self, status: u16, text: &str) {
        self.close = true;
        self.input.clear();
        // At most one such answer: there is room, or its peer does not read.
        let _ = self.outbox.push(&http::write(&Answer::error(status, text), true));
    }

    fn drop_now(&mut self) {
        self.close = true;
        self.dropped = true;
        self.outbox.clear();
    }
}
