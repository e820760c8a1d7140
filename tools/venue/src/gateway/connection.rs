//! One TCP connection, before and after it is known whose it is.

use std::net::IpAddr;

use taut::limits::MESSAGE_BYTES_MAX;
use taut::session::Outbox;
use taut_codec::frame::Framer;
use taut_codec::value::UtcTime;

use super::Service;
use super::faults::Faults;
use super::router::Instance;

/// Names a connection; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// How long a connection may stay without a Logon (unspecified: SIM, the standard's 10 s).
const LOGON_TIMEOUT_NS: u64 = 10_000_000_000;

pub(super) struct Connection {
    pub service: Service,
    pub outbox: Outbox,
    /// What came and is not worked through: `input[read..]`.
    pub input: Vec<u8>,
    pub read: usize,
    pub framer: Framer,
    /// Nothing but garbage came since the last message.
    pub in_garbage: bool,
    /// The client, once the first message named it.
    pub client: Option<u16>,
    pub instance: Option<Instance>,
    /// Whether the logon was accepted.
    pub logged_on: bool,
    /// To be closed, whatever its session thinks.
    pub close: bool,
    /// To be closed at once, whatever its transmitter still holds.
    pub dropped: bool,
    /// Dropped then, whatever still waits.
    pub close_at: Option<UtcTime>,
    /// Since when its market data session is logged on without having asked for market data.
    pub idle_since: Option<UtcTime>,
    /// Where it comes from, if that is known.
    pub source: Option<IpAddr>,
    /// What goes wrong with it on purpose.
    pub faults: Faults,
    opened: UtcTime,
}

impl Connection {
    pub(super) fn new(
        service: Service,
        source: Option<IpAddr>,
        now: UtcTime,
        outbox: Outbox,
    ) -> Self {
        Self {
            service,
            outbox,
            input: Vec::new(),
            read: 0,
            framer: Framer::new(MESSAGE_BYTES_MAX),
            in_garbage: false,
            client: None,
            instance: None,
            logged_on: false,
            close: false,
            dropped: false,
            close_at: None,
            idle_since: None,
            source,
            faults: Faults::default(),
            opened: now,
        }
    }

    pub(super) const fn logon_deadline(&self) -> UtcTime {
        self.opened.plus_nanos(LOGON_TIMEOUT_NS)
    }

    /// When it is dropped for asking for no market data in so many seconds; 0: never.
    pub(super) fn idle_deadline(&self, seconds: u32) -> UtcTime {
        let nanos = u64::from(seconds) * 1_000_000_000;
        let since = self.idle_since.filter(|_| nanos > 0);
        since.map_or(UtcTime(u64::MAX), |since| since.plus_nanos(nanos))
    }

    /// Ends it as soon as what waits is sent, and then at the latest.
    pub(super) fn close_by(&mut self, at: UtcTime) {
        self.close = true;
        self.close_at = Some(at);
    }

    /// Ends it at once; what waits is not sent.
    pub(super) fn drop_now(&mut self) {
        (self.close, self.dropped) = (true, true);
        self.outbox.clear();
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("service", &self.service)
            .field("client", &self.client)
            .field("logged_on", &self.logged_on)
            .field("close", &self.close)
            .finish_non_exhaustive()
    }
}
