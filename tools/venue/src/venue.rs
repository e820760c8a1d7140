//! The venue as one state machine: bytes and the time in, bytes out.
//!
//! ```text
//! bytes -> gateway -> OES -> engine -> events -+-> reports -> gateway -> bytes
//!             |        |       ^               +-> market data -> gateway
//!             3, j     j       liquidity
//! ```
//! A stage hands its record to the next by a call: each message is done with before the next one is
//! looked at. So nothing queues inside, and the order of arrival holds by construction.
//!
//! A program that serves it calls [`Venue::connected`], [`Venue::received`], [`Venue::disconnected`]
//! and [`Venue::tick`], takes bytes as [`Venue::sendable`] says, and closes a connection (then calls
//! [`Venue::disconnected`]) when [`Venue::should_close`] says so and the outbox is empty, or
//! [`Venue::must_drop`] says so.

mod accounts;
mod control;
mod prices;
mod script;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::IpAddr;

use taut::session::Outbox;
use taut::types::{ClOrdId, CompId, InstrumentId};
use taut_codec::value::UtcTime;

use crate::config::{ConfigError, VenueConfig};
use accounts::Accounts;
pub use script::{Script, Step, StepError};

use crate::gateway::Transit;
use crate::gateway::report::BusinessReject;
use crate::gateway::reporter::Reporter;
use crate::gateway::{
    ClientCredentials, ClientSetup, ConnectionId, Gateway, Inbound, ReplayStats, Service,
};
use crate::limits::ARRIVALS_MAX;
use crate::liquidity::{self, Liquidity, LiquiditySource};
use crate::market_data::MarketData;
use crate::matching::{AccountFlags, EngineEvent, SpotConfig, SpotEngine};
use crate::oes::request::{OrderRequest, Origin, RequestKind};
use crate::oes::{Admitted, EngineRecord, Oes, OesSwitches};

/// How far a client's command came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It reached the trading engine, which may still have rejected it.
    Arrived,
    /// The gateway refused it, or its session did not take it.
    RefusedByGateway,
    /// The order entry service refused it.
    RefusedByOes,
}

impl Outcome {
    /// The word of the arrival log: `arrived`, `gateway` or `oes`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::RefusedByGateway => "gateway",
            Self::RefusedByOes => "oes",
        }
    }
}

/// A client's command as it arrived at the gateway on a session that was logged on, and how far it
/// came. What is sent and read is here once, so that sent = arrived + refused can be held to by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// SenderCompID(49).
    pub sender: CompId,
    /// MsgSeqNum(34); 0 if it could not be read.
    pub msg_seq_num: u64,
    /// MsgType(35): `D`, `F`, `G` or `q`.
    pub msg_type: u8,
    /// ClOrdID(11); `None` if it could not be read, which the gateway refuses.
    pub cl_ord_id: Option<ClOrdId>,
    /// Whether it was marked as a possible duplicate (43 or 97).
    pub poss_dup: bool,
    /// When.
    pub at: UtcTime,
    /// How far it came.
    pub outcome: Outcome,
}

/// What goes on in the venue, for a status line and for tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueStats {
    /// Open connections.
    pub connections: usize,
    /// Sessions that are logged on.
    pub sessions_up: usize,
    /// Live orders, the house's included.
    pub live_orders: usize,
    /// Market data subscriptions.
    pub subscriptions: usize,
    /// Connections dropped because their peer did not read.
    pub slow_drops: u64,
    /// Sessions disconnected for too many errors.
    pub error_drops: u64,
    /// Reports that nobody was there to receive, and that could not be kept either.
    pub reports_lost: u64,
    /// Reports that are kept for those who were not there.
    pub replay: ReplayStats,
    /// Arrivals that were not taken in time.
    pub arrivals_lost: u64,
    /// Steps of the script that could not be done: nobody was there.
    pub steps_missed: u64,
    /// Connections per gateway instance.
    pub instances: Vec<u32>,
}

/// The venue.
pub struct Venue {
    gateway: Gateway,
    oes: Oes,
    engine: SpotEngine,
    market_data: MarketData,
    reporter: Reporter,
    liquidity: Option<Box<dyn Liquidity + Send>>,
    indices: Vec<InstrumentId>,
    events: Vec<EngineEvent>,
    arrivals: VecDeque<Arrival>,
    arrivals_lost: u64,
    transit: Option<Transit>,
    script: Script,
    steps_missed: u64,
    /// What is given out for a connection that is not there.
    nowhere: Outbox,
}

impl Venue {
    /// A venue with the liquidity given, or else what the configuration says. Secrets are read from
    /// the environment variables that the configuration names.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(
        config: &VenueConfig,
        liquidity: Option<LiquiditySource>,
        now: UtcTime,
    ) -> Result<Self, ConfigError> {
        Self::with_secrets(config, liquidity, now, |name| std::env::var(name).ok())
    }

    /// [`Venue::new`] with another source of secrets.
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
        let engine_config = SpotConfig { fees: config.fee_schedule(), ..config.trading.spot() };
        let mut engine = SpotEngine::new(&engine_config)?;
        for instrument in liquidity::listed(config, &liquidity)? {
            engine.add_instrument(instrument)?;
        }
        let indices = prices::prepare(&mut engine, config)?;
        let house = engine.add_account(AccountFlags::HOUSE)?;
        let mut gateway = Gateway::new(config.gateway_instances, config.gateway());
        let mut oes = Oes::new(OesSwitches {
            derivatives: config.derivatives_limits,
            ..config.switches.oes()
        });
        let mut accounts = Accounts::default();
        for client in &config.clients {
            let account = accounts.open(client, &mut engine)?;
            let credentials = client.credentials(&secrets)?;
            gateway.add_client(ClientSetup {
                sender: client.comp_id()?,
                market: client.market,
                credentials: ClientCredentials::new(credentials),
                sources: client.sources()?,
                sees_market_data: client.can_see_market_data,
            });
            oes.add_client(account, client.permissions(), accounts.limits(client));
        }
        if let Some(dir) = &config.replay.journal {
            gateway.keep_journals(dir)?;
        }
        let liquidity = liquidity::open(liquidity, &engine, house, now)?;
        let market_data = MarketData::new(engine.instruments().len(), config.switches.market_data);
        let mut venue = Self {
            gateway,
            oes,
            engine,
            market_data,
            reporter: Reporter::default(),
            liquidity,
            indices,
            events: Vec::new(),
            arrivals: VecDeque::new(),
            arrivals_lost: 0,
            transit: Transit::new(config.routing, config.gateway_instances),
            script: config.script(now)?,
            steps_missed: 0,
            nowhere: Outbox::with_capacity(0),
        };
        venue.tick(now);
        Ok(venue)
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
        self.gateway.feed(id, bytes);
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
        self.gateway.disconnected(id, now);
        self.due(now);
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
        self.gateway.outbox(id).unwrap_or(&self.nowhere)
    }

    /// What waits for a connection's peer, to be taken from its front, and how many bytes of it may
    /// leave now: all of them, unless a fault holds them back. They are stored where the session has a
    /// journal; what cannot be stored does not leave.
    pub fn sendable(&mut self, id: ConnectionId, now: UtcTime) -> (&mut Outbox, usize) {
        self.gateway.sendable(id, now).unwrap_or((&mut self.nowhere, 0))
    }

    /// Whether a connection has to be closed once its outbox is flushed.
    #[must_use]
    pub fn should_close(&self, id: ConnectionId) -> bool {
        self.gateway.should_close(id)
    }

    /// Whether a connection has to be closed at once, whatever its transmitter still holds: it was
    /// dropped, or its peer has had its time to read.
    #[must_use]
    pub fn must_drop(&self, id: ConnectionId) -> bool {
        self.gateway.must_drop(id)
    }

    /// Time passes: heartbeats, time-outs, liquidity, orders that become live, trigger or expire.
    pub fn tick(&mut self, now: UtcTime) {
        self.follow_script(now);
        self.gateway.tick(now);
        self.due(now);
        if let Some(liquidity) = &mut self.liquidity
            && liquidity.next_at().is_some_and(|at| at <= now)
        {
            liquidity.act(now, &mut self.engine, &mut self.events);
        }
        self.follow_books();
        self.engine.tick(now, &mut self.events);
        self.settle(now);
    }

    /// When [`Venue::tick`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> UtcTime {
        let transit = self.transit.as_ref().map_or(UtcTime(u64::MAX), Transit::deadline);
        let own = self.script.deadline().min(transit);
        let liquidity = self.liquidity.as_ref().and_then(|liquidity| liquidity.next_at());
        let others = self.gateway.next_deadline().min(self.engine.next_deadline()).min(own);
        liquidity.unwrap_or(UtcTime(u64::MAX)).min(others)
    }

    /// Takes the commands that arrived at the gateway since the last call, in that order.
    pub fn take_arrivals(&mut self) -> impl Iterator<Item = Arrival> {
        self.arrivals.drain(..)
    }

    /// The order entry stage, and market data requests, which go beside it.
    fn order_entry(&mut self, inbound: Inbound, now: UtcTime) {
        match inbound {
            Inbound::Order(request) => self.order(&request, now),
            Inbound::Refused(refused) => self.note_arrival(Arrival {
                sender: self.gateway.sender(refused.client).unwrap_or_default(),
                msg_seq_num: refused.msg_seq_num,
                msg_type: refused.msg_type,
                cl_ord_id: refused.cl_ord_id,
                poss_dup: refused.poss_dup,
                at: now,
                outcome: Outcome::RefusedByGateway,
            }),
            Inbound::LoggedOn { owner, reset_watermark } => {
                self.oes.logged_on(owner);
                if reset_watermark {
                    self.oes.reset_watermark(owner.client);
                }
            }
            Inbound::CancelOnDisconnect { owner } => {
                let record = self.oes.cancel_on_disconnect(owner);
                self.trade(&record, now);
            }
            Inbound::Rollover => self.oes.roll_over(),
            Inbound::MarketData { from, request } => {
                let Self { market_data, engine, gateway, .. } = self;
                market_data.request(from, &request, engine, now, gateway);
            }
            Inbound::MarketDataGone { from } => self.market_data.forget(from),
        }
    }

    fn order(&mut self, request: &OrderRequest, now: UtcTime) {
        match self.oes.admit(request, &self.engine, now) {
            Ok(Admitted::Command(record)) => self.trade(&record, now),
            Ok(Admitted::Status(record)) => {
                let Self { reporter, oes, engine, gateway, .. } = self;
                reporter.status(&record, oes, engine, gateway, now);
            }
            Err(refusal) => {
                // A status request is no command.
                if !matches!(request.kind, RequestKind::Status(_)) {
                    self.note_command(&request.origin, Outcome::RefusedByOes, now);
                }
                let mut scratch = [0; ClOrdId::TEXT_MAX];
                let text = refusal.text.to_string();
                let reject = BusinessReject {
                    ref_msg_type: &[request.origin.msg_type],
                    ref_id: request.origin.cl_ord_id.write(&mut scratch),
                    reason: refusal.reason,
                    text: &text,
                };
                let client = request.origin.client;
                let service = request.origin.market.trading();
                self.gateway.business_reject(client, service, &reject, now);
            }
        }
    }

    /// The trading engine stage.
    fn trade(&mut self, record: &EngineRecord, now: UtcTime) {
        if let Some(origin) = &record.origin {
            self.note_command(origin, Outcome::Arrived, now);
        }
        self.engine.execute(now, &record.command, &mut self.events);
        self.settle(now);
    }

    fn note_command(&mut self, origin: &Origin, outcome: Outcome, now: UtcTime) {
        self.note_arrival(Arrival {
            sender: self.gateway.sender(origin.client).unwrap_or_default(),
            msg_seq_num: origin.msg_seq_num,
            msg_type: origin.msg_type,
            cl_ord_id: Some(origin.cl_ord_id),
            poss_dup: origin.poss_dup,
            at: now,
            outcome,
        });
    }

    fn note_arrival(&mut self, arrival: Arrival) {
        if self.arrivals.len() >= ARRIVALS_MAX {
            self.arrivals_lost += 1;
        } else {
            self.arrivals.push_back(arrival);
        }
    }

    /// Reports first, market data after.
    fn settle(&mut self, now: UtcTime) {
        let Self { events, oes, reporter, market_data, engine, gateway, .. } = self;
        for event in events.drain(..) {
            oes.observe(&event);
            reporter.report(&event, oes, engine, gateway, now);
            market_data.observe(&event);
        }
        market_data.publish(engine, now, gateway);
    }
}

impl std::fmt::Debug for Venue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Venue").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
