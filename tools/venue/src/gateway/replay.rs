//! Reports that a client gets although it was not there, or asks for again (venue file 3.3).
//!
//! Every trading session keeps what it reported since its numbers were reset, in memory or in a journal.
//! A report that arises while the session is down is numbered and kept: after the next logon with 141=N
//! the client finds its number missing and asks for it. What is too old for the store is gap filled; how
//! much that is can be seen in [`ReplayStats`].

use std::path::Path;

use taut::journal::{Durability, Journal, JournalConfig, JournalError, Keeper};
use taut::session::{MemoryStore, Outbox, Phase, Posted, Received, SendError, Session};
use taut_codec::message::Message;
use taut_codec::value::UtcTime;

use super::client::Known;
use super::connection::Connection;
use super::kept::KeptStore;
use super::{ConnectionId, DropReason, Gateway, Service};
use crate::limits::{REPLAY_BYTES, REPLAY_MESSAGES};

/// How much is kept for replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayLimits {
    /// Messages of one client.
    pub messages: usize,
    /// Bytes of one client.
    pub bytes: usize,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self { messages: REPLAY_MESSAGES, bytes: REPLAY_BYTES }
    }
}

/// What the replay of reports came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayStats {
    /// Reports that were numbered and kept because the session was down, resending, or too slow.
    pub kept: u64,
    /// Messages that a full memory has forgotten: they can only be gap filled.
    pub forgotten: u64,
    /// Connections that were dropped because the journal did not take what they had to send.
    pub journal_failures: u64,
}

/// What is sent again; the session's policy says the same.
pub(super) const fn is_replayed(service: Service, msg_type: &[u8]) -> bool {
    service.is_trading() && matches!(msg_type, b"8" | b"9" | b"r" | b"j")
}

impl Gateway {
    /// Keeps what every client that may trade is sent in a journal of its own below `dir`, and goes on
    /// with the numbers that are there. Before the first connection. Returns what there is to say about what
    /// was found ([`Recovered::problems`](taut::journal::Recovered::problems)).
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn keep_journals(&mut self, dir: &Path) -> Result<Vec<String>, JournalError> {
        self.keeps_journals = true;
        let ReplayLimits { messages, .. } = self.switches.replay;
        let config = JournalConfig {
            // A killed venue loses nothing; a mirror need not outlive a power cut.
            durability: Durability::None,
            segment_bytes: 4 << 20,
            segments_kept: 16,
            segments_mapped: 16,
            index_messages: messages.min(taut::limits::JOURNAL_INDEX),
            ..JournalConfig::default()
        };
        let mut problems = Vec::new();
        for client in self.clients.iter_mut().filter(|client| client.credentials.are_known()) {
            let sender = client.sender;
            let dir = dir.join(file_name(sender.as_str()));
            let known = client.know(client.market.trading(), &self.switches);
            let (journal, recovered) = Journal::open(dir, config)?;
            problems.extend(recovered.problems().map(|problem| format!("{sender}: {problem}")));
            Keeper::attach(&mut known.session, journal)?;
        }
        Ok(problems)
    }

    /// What the replay of reports came to.
    #[must_use]
    pub fn replay_stats(&self) -> ReplayStats {
        let sessions = self.clients.iter().flat_map(|client| client.all_known());
        let stores = sessions.filter_map(|known| {
            let memory = known.session.store::<MemoryStore>();
            memory.or(known.session.store::<KeptStore>().map(KeptStore::memory))
        });
        ReplayStats { forgotten: stores.map(MemoryStore::forgotten).sum(), ..self.replay }
    }

    /// Sends a report, or keeps it for the client to ask for; `post` does so on its session. `false` if it
    /// could be neither.
    pub(super) fn report(
        &mut self,
        client: u16,
        service: Service,
        now: UtcTime,
        post: impl FnOnce(&mut Session, &mut Outbox) -> Result<Posted, SendError>,
    ) -> bool {
        let entry = self.clients.get_mut(usize::from(client));
        let Some(entry) = entry else { return false };
        let sender = entry.sender;
        let Some(known) = entry.known_mut(service) else { return false };
        let Known { session, live, .. } = known;
        let connection = live.and_then(|live| self.connections.get_mut(&live));
        let mut connection = connection.filter(|connection| !connection.close);
        let mut nowhere = Outbox::with_capacity(0);
        let out = connection.as_mut().map_or(&mut nowhere, |connection| &mut connection.outbox);
        let posted = post(session, out);
        let slow = session.phase() == Phase::Active && !session.is_resending();
        self.replay.kept += u64::from(matches!(posted, Ok(Posted::Kept(_))));
        match (posted, connection) {
            (Ok(Posted::Kept(_)), Some(connection)) if slow => {
                // Its peer does not read: a slow reader must not hold anybody up.
                self.drops.note(sender, service, DropReason::Slow);
                self.replay.end(session, connection, now);
            }
            (Ok(_), Some(connection)) => self.replay.store(session, connection, now),
            (Err(SendError::Encode(_) | SendError::SeqNumExhausted), Some(connection)) => {
                self.drops.note(sender, service, DropReason::Slow);
                self.replay.end(session, connection, now);
            }
            _ => {}
        }
        posted.is_ok()
    }

    /// The stages behind have dealt with the message that left last. Only now a journal says that its number is
    /// used up: of a venue that dies before, the next life asks for the message again.
    pub(super) fn dealt_with(&mut self) {
        let Some((client, service)) = self.under_way.take() else { return };
        let client = &mut self.clients[usize::from(client)];
        let Some(known) = client.known_mut(service) else { return };
        if Keeper::handed_over(&mut known.session, u64::MAX).is_err() {
            self.replay.journal_failures += 1;
            if let Some(connection) = known.live.and_then(|id| self.connections.get_mut(&id)) {
                connection.drop_now();
            }
        }
    }

    /// What waits for a connection's peer, stored where the session has a journal, and how many bytes of
    /// it may leave now: all of them, unless a fault holds them back. `None` if there is no such
    /// connection.
    pub fn sendable(&mut self, id: ConnectionId, now: UtcTime) -> Option<(&mut Outbox, usize)> {
        let connection = self.connections.get_mut(&id)?;
        if let Some(client) = connection.client.filter(|_| !connection.outbox.is_empty()) {
            let client = &mut self.clients[usize::from(client)];
            if let Some(known) = client.known_mut(connection.service) {
                self.replay.store(&mut known.session, connection, now);
            }
        }
        let Connection { faults, outbox, .. } = connection;
        let Some(bytes) = faults.sendable(outbox, now) else {
            connection.drop_now();
            return Some((&mut connection.outbox, 0));
        };
        Some((&mut connection.outbox, bytes))
    }
}

impl ReplayStats {
    /// Stores what waits for the peer, before it can go. What cannot be stored does not go.
    pub(super) fn store(
        &mut self,
        session: &mut Session,
        connection: &mut Connection,
        now: UtcTime,
    ) {
        if Keeper::outbound(session, &connection.outbox, now).is_err() {
            self.journal_failures += 1;
            connection.drop_now();
        }
    }

    /// Stores a message that the session has taken, or that it has not although its number was `expected`. One
    /// that is for the stages behind uses its number up when [`Gateway::dealt_with`] says so. `false` if it
    /// could not, which ends the connection.
    pub(super) fn store_inbound(
        &mut self,
        session: &mut Session,
        connection: &mut Connection,
        (message, received): (&Message<'_>, Received),
        expected: u64,
        now: UtcTime,
    ) -> bool {
        let came = (message.msg_seq_num().unwrap_or(0), message.bytes());
        let stored = match received {
            Received::Application => Keeper::ahead(session, Some(came), now),
            Received::Ignored => Keeper::not_taken(session, expected, came, now)
                .and_then(|()| Keeper::inbound(session, None, now)),
            Received::Logon | Received::Admin => Keeper::inbound(session, Some(came), now),
        };
        let stored = stored.is_ok();
        if !stored {
            self.journal_failures += 1;
            connection.drop_now();
        }
        stored
    }

    /// Drops a connection; what it did not take is kept for the next.
    pub(super) fn end(&mut self, session: &mut Session, connection: &mut Connection, now: UtcTime) {
        self.store(session, connection, now);
        connection.drop_now();
    }
}

impl Known {
    /// Before a connection is taken: there is a store, and it does not wait for bytes of the last one.
    pub(super) fn prepare_store(&mut self, service: Service, limits: ReplayLimits, kept: bool) {
        if !service.is_trading() {
            return;
        }
        if let Some(keeper) = self.session.store_mut::<Keeper>() {
            keeper.outbox_replaced();
        } else if kept && self.session.store::<KeptStore>().is_none() {
            self.session.set_sent_store(Box::new(KeptStore::new(limits)));
        } else if !kept && self.session.store::<MemoryStore>().is_none() {
            let store = MemoryStore::new(limits.messages, limits.bytes);
            self.session.set_sent_store(Box::new(store));
        }
    }
}

/// A CompID may hold any printable byte; a file name may not.
fn file_name(sender: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    sender
        .chars()
        .map(|c| if safe(c) { c.to_string() } else { format!("%{:x}", u32::from(c)) })
        .collect()
}
