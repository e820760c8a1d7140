//! The venue as one state machine: bytes and the time in, bytes out.
//!
//! ```text
//! bytes -> gateway -> OES -> engine -> events -+-> reports -> gateway -> bytes
//!             |        |       ^               +-> market data -> gateway
//!             3, j     j       liquidity
//! ```
//! There is one gateway; what is behind it there is twice, for spot and for derivatives.
//!
//! A stage hands its record to the next by a call: each message is done with before the next one is
//! looked at. So nothing queues inside, and the order of arrival holds by construction.
//!
//! A program that serves it calls [`Venue::connected`], [`Venue::received`], [`Venue::disconnected`]
//! and [`Venue::tick`], takes bytes as [`Venue::sendable`] says, and closes a connection (then calls
//! [`Venue::disconnected`]) when [`Venue::should_close`] says so and the outbox is empty, or
//! [`Venue::must_drop`] says so.

mod control;
mod desk;
mod input;
mod keeping;
mod rest;
mod script;
mod setup;
mod step;
#[cfg(test)]
mod tests;
mod told;

use std::net::IpAddr;

use taut::session::Outbox;
use taut_codec::value::UtcTime;

use crate::config::{ConfigError, VenueConfig};
use desk::{Arrivals, Desk, Front};
pub use script::Script;
use setup::Accounts;
pub use step::{STEPS, Step, StepError};
pub use told::{Arrival, Outcome, VenueStats};

use crate::gateway::reporter::Reporter;
use crate::gateway::{
    ClientCredentials, ClientSetup, ConnectionId, Gateway, Inbound, Market, Service, Transit,
};
use crate::liquidity::LiquiditySource;
use crate::matching::{Derivatives, Spot};
use crate::oes::request::OrderRequest;
use crate::rest::{CancelTimers, Connections};
use crate::state::{Input, Keep, WentOn};

/// How far from 1 the first trade may be numbered.
const FIRST_TRADE_MAX: u64 = 1_000_000_000;

/// The venue.
pub struct Venue {
    gateway: Gateway,
    spot: Desk<Spot>,
    derivatives: Desk<Derivatives>,
    reporter: Reporter,
    arrivals: Arrivals,
    transit: Option<Transit>,
    rest: Connections,
    cancel_timers: CancelTimers,
    script: Script,
    steps_missed: Vec<StepError>,
    /// The state that is kept over a restart.
    keep: Option<Keep>,
    went_on: Option<WentOn>,
    journal_problems: Vec<String>,
    /// Why it cannot be kept any more.
    state_failure: Option<keeping::Failed>,
    /// What OrderIDs and the numbers of trades are chosen by.
    id_seed: Option<u64>,
    /// Something may have happened since it was written last.
    is_dirty: bool,
    /// What is given out for a connection that is not there.
    nowhere: Outbox,
}

impl Venue {
    /// A venue with the liquidity given, or else what the configuration says. Secrets are read from
    /// the environment variables that the configuration names, and ids are chosen by the clock unless it has a
    /// seed for them.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(
        config: &VenueConfig,
        liquidity: Option<LiquiditySource>,
        now: UtcTime,
    ) -> Result<Self, ConfigError> {
        let id_seed = config.id_seed.or(Some(now.0));
        let config = VenueConfig { id_seed, ..config.clone() };
        Self::with_secrets(&config, liquidity, now, |name| std::env::var(name).ok())
    }

    /// [`Venue::new`] with another source of secrets, and ids that are the same each time unless the
    /// configuration has a seed for them.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn with_secrets(
        config: &VenueConfig,
        liquidity: Option<LiquiditySource>,
        now: UtcTime,
        secrets: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let liquidity = liquidity.unwrap_or_else(|| config.liquidity.source());
        let mut spot = setup::spot(config, &liquidity, now)?;
        let mut derivatives = setup::derivatives(config, &liquidity, now)?;
        let mut gateway = Gateway::new(config.gateway_instances, config.gateway());
        let (mut on_spot, mut on_derivatives) = (Accounts::default(), Accounts::default());
        for (number, client) in config.clients.iter().enumerate() {
            let number = number as u16;
            match client.market {
                Market::Spot => on_spot.add_spot(number, client, &mut spot)?,
                Market::Derivatives => {
                    let subs = config.switches.derivatives_sub_accounts;
                    on_derivatives.add_derivatives(number, client, subs, &mut derivatives)?;
                }
            }
            let credentials = client.credentials(&secrets)?;
            gateway.add_client(ClientSetup {
                sender: client.comp_id()?,
                market: client.market,
                credentials: ClientCredentials::new(credentials),
                sources: client.sources()?,
                sees_market_data: client.can_see_market_data,
            });
        }
        let journal_problems = match &config.replay.journal {
            Some(dir) => gateway.keep_journals(dir)?,
            None => Vec::new(),
        };
        let mut venue = Self {
            gateway,
            spot,
            derivatives,
            reporter: Reporter::default(),
            arrivals: Arrivals::default(),
            transit: Transit::new(config.routing, config.gateway_instances),
            rest: Connections::default(),
            cancel_timers: CancelTimers::default(),
            script: config.script(now)?,
            steps_missed: Vec::new(),
            keep: None,
            went_on: None,
            journal_problems,
            state_failure: None,
            id_seed: None,
            is_dirty: false,
            nowhere: Outbox::with_capacity(0),
        };
        venue.check_script().map_err(|error| ConfigError::value("control", error))?;
        venue.seed_ids(config.id_seed);
        venue.open_state(config, &liquidity, now)?;
        venue.tick(now);
        Ok(venue)
    }

    /// What was before is over: ids are given by this seed.
    fn seed_ids(&mut self, seed: Option<u64>) {
        self.id_seed = seed;
        let Some(seed) = seed else { return };
        let mut random = fastrand::Rng::with_seed(seed);
        self.spot.engine.salt_ids(random.u64(..));
        self.derivatives.engine.salt_ids(random.u64(..));
        self.spot.engine.count_trades_from(random.u64(..FIRST_TRADE_MAX));
        self.derivatives.engine.count_trades_from(random.u64(..FIRST_TRADE_MAX));
    }

    /// Somebody connected to a service; nobody asks from where.
    pub fn connected(&mut self, service: Service, now: UtcTime) -> ConnectionId {
        self.gateway.connected(service, None, now)
    }

    /// Somebody connected to a service from an address, which the client that logs on has to have in
    /// its allow-list (venue file 1).
    pub fn connected_from(
        &mut self,
        service: Service,
        source: IpAddr,
        now: UtcTime,
    ) -> ConnectionId {
        self.gateway.connected(service, Some(source), now)
    }

    /// Bytes came from a connection. All that they ask for is done before this returns.
    pub fn received(&mut self, id: ConnectionId, bytes: &[u8], now: UtcTime) {
        self.is_dirty = true;
        if self.rest.has(id) {
            return self.rest_received(id, bytes, now);
        }
        self.gateway.feed(id, bytes);
        // The session counts a message before it is handed over. A state is not written in between, but all of a
        // turn at once by `commit`; a journal of reports has it as used up when `next` is called again. So a
        // kill cannot part the two.
        while let Some(inbound) = self.gateway.next(id, now) {
            self.due(now);
            match (&mut self.transit, inbound) {
                (Some(transit), Inbound::Order(request)) => transit.send(request, now),
                (_, inbound) => self.order_entry(inbound, now),
            }
        }
        self.due(now);
    }

    /// A connection is gone, by whoever's will.
    pub fn disconnected(&mut self, id: ConnectionId, now: UtcTime) {
        self.is_dirty = true;
        if !self.rest.disconnected(id) {
            self.gateway.disconnected(id, now);
            self.due(now);
        }
    }

    /// What is due in the stages behind the gateway without a message.
    fn due(&mut self, now: UtcTime) {
        while let Some(inbound) = self.gateway.due(now) {
            self.order_entry(inbound, now);
        }
        while let Some(request) = self.transit.as_mut().and_then(|transit| transit.arrived(now)) {
            self.order(&request, now);
        }
    }

    /// Bytes that wait for a connection's peer.
    #[must_use]
    pub fn outbox(&self, id: ConnectionId) -> &Outbox {
        self.rest.outbox(id).or(self.gateway.outbox(id)).unwrap_or(&self.nowhere)
    }

    /// What waits for a connection's peer, to be taken from its front, and how many bytes of it may
    /// leave now: all of them, unless a fault holds them back. They are stored where the session has a
    /// journal, and what led to them where a state is kept; what cannot be stored does not leave.
    pub fn sendable(&mut self, id: ConnectionId, now: UtcTime) -> (&mut Outbox, usize) {
        if self.is_dirty {
            self.commit(now);
        }
        let Self { rest, gateway, nowhere, state_failure, .. } = self;
        let waits = rest.sendable(id).or_else(|| gateway.sendable(id, now));
        match waits.unwrap_or((nowhere, 0)) {
            (outbox, _) if state_failure.is_some() => (outbox, 0),
            waits => waits,
        }
    }

    /// Whether a connection has to be closed once its outbox is flushed.
    #[must_use]
    pub fn should_close(&self, id: ConnectionId) -> bool {
        self.rest.should_close(id).unwrap_or_else(|| self.gateway.should_close(id))
    }

    /// Whether a connection has to be closed at once, whatever its transmitter still holds: it was
    /// dropped, or its peer has had its time to read.
    #[must_use]
    pub fn must_drop(&self, id: ConnectionId) -> bool {
        self.rest.must_drop(id).unwrap_or_else(|| self.gateway.must_drop(id))
    }

    /// Whether a connection that [`Venue::must_drop`] names is to end by a TCP reset.
    #[must_use]
    pub fn must_reset(&self, id: ConnectionId) -> bool {
        self.gateway.must_reset(id)
    }

    /// Time passes: heartbeats, time-outs, liquidity, orders that become live, trigger or expire.
    pub fn tick(&mut self, now: UtcTime) {
        self.follow_script(now);
        self.gateway.tick(now);
        self.rest.tick(now);
        self.due(now);
        // Time is refused nothing.
        let _ = self.enter(&Input::Tick, now);
        self.commit(now);
    }

    /// The markets, and what they share.
    fn parts(&mut self) -> (&mut Desk<Spot>, &mut Desk<Derivatives>, Front<'_>) {
        let Self { spot, derivatives, gateway, reporter, arrivals, .. } = self;
        (spot, derivatives, Front { gateway, reporter, arrivals })
    }

    /// Whether requests are on their way from the gateway to the order entry service: by the routing of a
    /// WebSocket service only.
    #[must_use]
    pub fn are_requests_under_way(&self) -> bool {
        self.transit.as_ref().is_some_and(|transit| !transit.is_empty())
    }

    /// When [`Venue::tick`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> UtcTime {
        let transit = self.transit.as_ref().map_or(UtcTime(u64::MAX), Transit::deadline);
        let rest = self.rest.deadline().min(self.cancel_timers.deadline());
        let own = self.script.deadline().min(transit).min(rest).min(self.reporter.deadline());
        let markets = self.spot.next_deadline().min(self.derivatives.next_deadline());
        self.gateway.next_deadline().min(markets).min(own)
    }

    /// Takes the commands that arrived at the gateway since the last call, in that order.
    pub fn take_arrivals(&mut self) -> impl Iterator<Item = Arrival> {
        self.arrivals.queue.drain(..)
    }

    /// The order entry stage, and market data requests, which go beside it.
    fn order_entry(&mut self, inbound: Inbound, now: UtcTime) {
        match inbound {
            Inbound::Order(request) => self.order(&request, now),
            Inbound::Refused(refused) => self.arrivals.note(Arrival {
                sender: self.gateway.sender(refused.client).unwrap_or_default(),
                msg_seq_num: refused.msg_seq_num,
                msg_type: refused.msg_type,
                cl_ord_id: refused.cl_ord_id,
                poss_dup: refused.poss_dup,
                at: now,
                outcome: Outcome::RefusedByGateway,
            }),
            Inbound::LoggedOn { owner, reset_watermark } => {
                self.order_input(&Input::LoggedOn(owner, reset_watermark), now);
            }
            Inbound::CancelOnDisconnect { owner } => {
                self.order_input(&Input::CancelOnDisconnect(owner), now);
            }
            Inbound::Rollover => self.order_input(&Input::Rollover, now),
            Inbound::MarketData { from, request } => {
                let (spot, derivatives, Front { gateway, .. }) = self.parts();
                match from.service.market() {
                    Market::Spot => spot.show(from, &request, gateway, now),
                    Market::Derivatives => derivatives.show(from, &request, gateway, now),
                }
            }
            Inbound::MarketDataGone { from } => match from.service.market() {
                Market::Spot => self.spot.market_data.forget(from),
                Market::Derivatives => self.derivatives.market_data.forget(from),
            },
        }
    }

    fn order(&mut self, request: &OrderRequest, now: UtcTime) {
        self.order_input(&Input::Order(*request), now);
    }

    /// An input of order entry, which answers by itself.
    fn order_input(&mut self, input: &Input, now: UtcTime) {
        let _ = self.enter(input, now);
    }
}

impl std::fmt::Debug for Venue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Venue").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
