//! Looking at the venue and steering it.

use taut::types::{CompId, PairStatus};
use taut_codec::value::UtcTime;

use super::{Venue, VenueStats};
use crate::gateway::{ConnectionId, Logons, Service};
use crate::market_data::TradingStatus;
use crate::matching::{AccountId, Asset, Balance, SpotEngine};

impl Venue {
    /// The trading engine, to look at.
    #[must_use]
    pub const fn engine(&self) -> &SpotEngine {
        &self.engine
    }

    /// What goes on.
    #[must_use]
    pub fn stats(&self) -> VenueStats {
        VenueStats {
            connections: self.gateway.connections(),
            sessions_up: self.gateway.sessions_up(),
            live_orders: self.engine.live_orders(),
            subscriptions: self.market_data.subscriptions(),
            slow_drops: self.gateway.slow_drops(),
            error_drops: self.gateway.error_drops(),
            reports_lost: self.reporter.lost(),
            replay: self.gateway.replay_stats(),
            arrivals_lost: self.arrivals_lost,
            steps_missed: self.steps_missed,
            instances: self.gateway.router().connections().to_vec(),
        }
    }

    /// The account of a client.
    #[must_use]
    pub fn account(&self, sender: &str) -> Option<AccountId> {
        self.oes.account(self.gateway.client(sender.as_bytes())?)
    }

    /// The balance of a client.
    #[must_use]
    pub fn balance(&self, sender: &str, asset: &str) -> Option<Balance> {
        let asset: Asset = asset.parse().ok()?;
        self.engine.balance(self.account(sender)?, self.engine.asset_id(asset)?)
    }

    /// How many live orders a client has.
    #[must_use]
    pub fn open_orders(&self, sender: &str) -> usize {
        let client = self.gateway.client(sender.as_bytes());
        client.map_or(0, |client| self.oes.live(client))
    }

    /// Points of a client's rate counter on a pair, rounded up (venue file 7).
    #[must_use]
    pub fn rate_points(&self, sender: &str, symbol: &str, now: UtcTime) -> u64 {
        let client = self.gateway.client(sender.as_bytes());
        let pair = client.zip(self.engine.instrument_id(symbol.as_bytes()));
        pair.map_or(0, |(client, pair)| self.oes.rate_points(client, pair, now))
    }

    /// The live connection of a client on a service.
    #[must_use]
    pub fn connection(&self, sender: &str, service: Service) -> Option<ConnectionId> {
        self.gateway.live(sender.as_bytes(), service)
    }

    /// The clients that may trade, but cannot: there are no credentials for them.
    pub fn without_credentials(&self) -> impl Iterator<Item = CompId> {
        let clients = self.gateway.without_credentials();
        clients.filter(|&(client, _)| self.oes.can_trade(client)).map(|(_, sender)| sender)
    }

    /// Control: cuts a connection without a word.
    pub fn drop_connection(&mut self, id: ConnectionId) {
        self.gateway.cut(id);
    }

    /// Control: logs a session out.
    pub fn logout(&mut self, id: ConnectionId, text: Option<&str>, now: UtcTime) {
        self.gateway.logout(id, text, now);
    }

    /// Control: the venue ends. Every session that is up is logged out, other connections are cut, and
    /// no logon is accepted any more.
    pub fn stop(&mut self, now: UtcTime) {
        self.gateway.stop("Venue is stopping", now);
    }

    /// Control: what becomes of logons from now on.
    pub fn set_logons(&mut self, logons: Logons) {
        self.gateway.set_logons(logons);
    }

    /// Control: the daily rollover (venue file 3.5) begins now; the next one is at 22:00 UTC.
    pub fn roll_over(&mut self, now: UtcTime) {
        self.gateway.roll_over(now);
        self.due(now);
    }

    /// Control: sets the status of an instrument and tells who subscribed to the list. `false` if it
    /// is not listed.
    pub fn set_market_status(&mut self, symbol: &str, status: PairStatus, now: UtcTime) -> bool {
        let Some(id) = self.engine.instrument_id(symbol.as_bytes()) else { return false };
        let Self { engine, market_data, gateway, .. } = self;
        engine.set_status(id, status);
        market_data.instrument_changed(id, engine, now, gateway);
        self.engine.tick(now, &mut self.events);
        self.settle(now);
        true
    }

    /// Control: sets what TradingSessionStatus (35=h) says and tells who subscribed to it. What the
    /// engine does is set per instrument by [`Venue::set_market_status`].
    pub fn set_trading_status(&mut self, status: TradingStatus, now: UtcTime) {
        let Self { market_data, gateway, .. } = self;
        market_data.set_status(status, now, gateway);
    }

    /// Control: the feed of an instrument's prices stops (every subscriber gets an empty snapshot and
    /// then nothing), or is back (everybody gets a full one). `false` if it is not listed.
    pub fn set_prices_shown(&mut self, symbol: &str, shown: bool, now: UtcTime) -> bool {
        let Some(id) = self.engine.instrument_id(symbol.as_bytes()) else { return false };
        let Self { engine, market_data, gateway, .. } = self;
        if shown {
            market_data.resume_prices(id, engine, now, gateway);
        } else {
            market_data.stop_prices(id, engine, now, gateway);
        }
        true
    }
}
