//! How a session ends, and what becomes of its orders: cancel on disconnect (venue file 2.3), executed
//! by the gateway when it sees the disconnect.

use taut::event::DownReason;
use taut::journal::Keeper;
use taut::session::SessionEvent;
use taut_codec::value::UtcTime;

use super::connection::Connection;
use super::refusals::Refusal;
use super::{ConnectionId, Gateway, Inbound, Subscriber};
use crate::oes::{Owner, OwnerId};

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// The connection is gone, by whoever's will.
    Lost,
    /// The peer was silent.
    TimedOut,
    /// Logouts were exchanged.
    LoggedOut,
    /// A second logon took its place.
    TakenOver,
    /// The day is over.
    Rollover,
}

/// Orders to cancel, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub at: UtcTime,
    pub owner: OwnerId,
}

impl Gateway {
    /// The peer or the network closed a connection. What follows from it comes by [`Gateway::due`].
    pub fn disconnected(&mut self, id: ConnectionId, now: UtcTime) {
        let Some(connection) = self.connections.remove(&id) else { return };
        if let Some(instance) = connection.instance {
            self.router.close(instance);
        }
        let Some(client) = connection.client else { return };
        let sender = self.clients[usize::from(client)].sender;
        let known = self.clients[usize::from(client)].known_mut(connection.service);
        // It may have lost its session to another connection.
        if let Some(known) = known.filter(|known| known.live == Some(id)) {
            // What did not leave any more is kept for the next logon.
            let _ = Keeper::outbound(&mut known.session, &connection.outbox, now);
            if !connection.logged_on {
                known.session.disconnected(now);
                while let Some(event) = known.session.next_event() {
                    if let SessionEvent::Down {
                        reason: DownReason::LogonRefused(text) | DownReason::ProtocolError(text),
                        ..
                    } = event
                    {
                        let Connection { service, source, .. } = connection;
                        self.refusals.note(
                            service,
                            sender.as_bytes(),
                            source,
                            Refusal::Session(text.as_str().into()),
                        );
                    }
                }
            }
            self.leave(Subscriber { client, service: connection.service }, None, now);
        }
    }

    /// Ends a session; the connection is left to whoever calls. `why` of `None`: as the session says.
    pub(super) fn leave(&mut self, whose: Subscriber, why: Option<Leave>, now: UtcTime) {
        let Subscriber { client, service } = whose;
        let switches = self.switches.session;
        let Some(known) = self.clients[usize::from(client)].known_mut(service) else { return };
        known.live = None;
        known.session.disconnected(now);
        let mut timed_out = false;
        while let Some(event) = known.session.next_event() {
            timed_out |=
                matches!(event, SessionEvent::Down { reason: DownReason::TimedOut { .. }, .. });
        }
        let rolling = std::mem::take(&mut known.rolling);
        let why = why.unwrap_or(match (rolling, known.logged_out, timed_out) {
            (true, ..) => Leave::Rollover,
            (_, true, _) => Leave::LoggedOut,
            (.., true) => Leave::TimedOut,
            _ => Leave::Lost,
        });
        if rolling {
            known.session.rollover();
        }
        let was_up = std::mem::take(&mut known.up);
        if !service.is_trading() {
            self.queue.push_back(Inbound::MarketDataGone { from: whose });
            return;
        }
        let cancels = match why {
            Leave::Lost => true,
            Leave::TimedOut => switches.timeout_cancels,
            Leave::LoggedOut => switches.logout_cancels,
            Leave::TakenOver => switches.takeover_cancels,
            Leave::Rollover => switches.rollover_cancels,
        };
        if was_up && cancels && known.cancel_on_disconnect {
            let owner = Owner { client, logon: known.logons }.id();
            let at = now.plus_nanos(u64::from(switches.cancel_grace_ms) * 1_000_000);
            self.cancels.push_back(Due { at, owner });
        }
    }

    /// What the passing of time, or the end of a connection, asks of the stages behind; until `None`.
    pub fn due(&mut self, now: UtcTime) -> Option<Inbound> {
        if let Some(inbound) = self.queue.pop_front() {
            return Some(inbound);
        }
        // The grace is the same for all, so the first is due first.
        let due = *self.cancels.front().filter(|due| due.at <= now)?;
        self.cancels.pop_front();
        Some(Inbound::CancelOnDisconnect { owner: due.owner })
    }

    /// When [`Gateway::due`] has something, as far as it is known.
    pub(super) fn due_deadline(&self) -> UtcTime {
        if self.queue.is_empty() {
            self.cancels.front().map_or(UtcTime(u64::MAX), |due| due.at)
        } else {
            UtcTime(0)
        }
    }
}
