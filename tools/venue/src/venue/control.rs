//! Looking at the venue and steering it.

use std::net::IpAddr;

use taut::types::{CompId, PairStatus};
use taut_codec::value::{Decimal, UtcTime};

use super::{Venue, VenueStats};
use crate::gateway::{ConnectionId, DroppedSession, Logons, Market, RefusedLogon, Service};
use crate::market_data::TradingStatus;
use crate::matching::{AccountId, Asset, Balance, DerivativesEngine, SpotEngine, Wallet};
use crate::oes::Oes;
use crate::state::Input;

impl Venue {
    /// The trading engine of spot, to look at.
    #[must_use]
    pub const fn engine(&self) -> &SpotEngine {
        &self.spot.engine
    }

    /// The trading engine of derivatives, to look at.
    #[must_use]
    pub const fn derivatives(&self) -> &DerivativesEngine {
        &self.derivatives.engine
    }

    fn oes(&self, client: u16) -> &Oes {
        match self.gateway.market(client) {
            Some(Market::Derivatives) => &self.derivatives.oes,
            _ => &self.spot.oes,
        }
    }

    /// What goes on.
    #[must_use]
    pub fn stats(&self) -> VenueStats {
        VenueStats {
            connections: self.gateway.connections() + self.rest.len(),
            sessions_up: self.gateway.sessions_up(),
            live_orders: self.spot.engine.live_orders() + self.derivatives.engine.live_orders(),
            subscriptions: self.spot.market_data.subscriptions()
                + self.derivatives.market_data.subscriptions(),
            slow_drops: self.gateway.slow_drops(),
            error_drops: self.gateway.error_drops(),
            reports_lost: self.reporter.lost(),
            replay: self.gateway.replay_stats(),
            arrivals_lost: self.arrivals.lost,
            steps_missed: self.steps_missed.len() as u64,
            instances: self.gateway.router().connections().to_vec(),
        }
    }

    /// Logons that were refused, and why, for whoever runs the venue: the first of a kind, client and service
    /// at once, and then one line a second that says how many there were.
    pub fn take_refused_logons(&mut self, now: UtcTime) -> Vec<RefusedLogon> {
        self.gateway.take_refused_logons(now)
    }

    /// Sessions that the gateway ended since the last call, and why, for whoever runs the venue.
    pub fn take_dropped_sessions(&mut self) -> Vec<DroppedSession> {
        self.gateway.take_dropped_sessions()
    }

    /// The TLS handshake of a connection to a service failed, in words: told as a refused logon.
    pub fn handshake_failed(&mut self, service: Service, source: IpAddr, why: &str) {
        self.gateway.handshake_failed(service, source, why);
    }

    /// The account of a client in the engine of its market.
    #[must_use]
    pub fn account(&self, sender: &str) -> Option<AccountId> {
        let client = self.gateway.client(sender.as_bytes())?;
        self.oes(client).account(client)
    }

    /// The balance of a client; on derivatives that in its flex wallet.
    #[must_use]
    pub fn balance(&self, sender: &str, asset: &str) -> Option<Balance> {
        let asset: Asset = asset.parse().ok()?;
        let client = self.gateway.client(sender.as_bytes())?;
        let account = self.account(sender)?;
        match self.gateway.market(client)? {
            Market::Spot => self.spot.engine.balance(account, self.spot.engine.asset_id(asset)?),
            Market::Derivatives => self.derivatives.engine.balance(account, Wallet::Flex, asset),
        }
    }

    /// How many live orders a client has.
    #[must_use]
    pub fn open_orders(&self, sender: &str) -> usize {
        let client = self.gateway.client(sender.as_bytes());
        client.map_or(0, |client| self.oes(client).live(client))
    }

    /// Points of a client's rate counter on a spot pair, rounded up (venue file 7).
    #[must_use]
    pub fn rate_points(&self, sender: &str, symbol: &str, now: UtcTime) -> u64 {
        let client = self.gateway.client(sender.as_bytes());
        let pair = client.zip(self.spot.engine.instrument_id(symbol.as_bytes()));
        pair.map_or(0, |(client, pair)| self.spot.oes.rate_points(client, pair, now))
    }

    /// Tokens of a client's session on derivatives (venue file 7).
    #[must_use]
    pub fn rate_tokens(&self, sender: &str, now: UtcTime) -> u32 {
        let client = self.gateway.client(sender.as_bytes());
        client.map_or(0, |client| self.derivatives.oes.rate_tokens(client, now))
    }

    /// The live connection of a client on a service.
    #[must_use]
    pub fn connection(&self, sender: &str, service: Service) -> Option<ConnectionId> {
        self.gateway.live(sender.as_bytes(), service)
    }

    /// The clients that may trade, but cannot: there are no credentials for them.
    pub fn without_credentials(&self) -> impl Iterator<Item = CompId> {
        let clients = self.gateway.without_credentials();
        clients.filter(|&(client, _)| self.oes(client).can_trade(client)).map(|(_, sender)| sender)
    }

    /// Control: cuts a connection without a word.
    pub fn drop_connection(&mut self, id: ConnectionId) {
        self.is_dirty = true;
        self.gateway.cut(id);
    }

    /// Control: logs a session out.
    pub fn logout(&mut self, id: ConnectionId, text: Option<&str>, now: UtcTime) {
        self.is_dirty = true;
        self.gateway.logout(id, text, now);
    }

    /// Control: the venue ends. Every session that is up is logged out, other connections are cut, and no
    /// logon or call is taken any more.
    pub fn stop(&mut self, now: UtcTime) {
        self.is_dirty = true;
        self.gateway.stop("Venue is stopping", now);
        self.rest.stop();
    }

    /// Control: no trade is reported any more; or trades are, and each order that traded meanwhile is restated:
    /// 150=D with 378=3 (venue file 4.6).
    pub fn report_trades(&mut self, reported: bool, now: UtcTime) {
        self.steer(&Input::ReportTrades(reported), now);
    }

    /// Control: what becomes of logons from now on.
    pub fn set_logons(&mut self, logons: Logons) {
        self.gateway.set_logons(logons);
    }

    /// Control: the daily rollover (venue file 3.5) begins now; the next one is at 22:00 UTC.
    pub fn roll_over(&mut self, now: UtcTime) {
        self.is_dirty = true;
        self.gateway.roll_over(now);
        self.due(now);
    }

    /// Control: sets the status of an instrument and tells who subscribed to the list. `false` if it
    /// is not listed.
    pub fn set_market_status(&mut self, symbol: &str, status: PairStatus, now: UtcTime) -> bool {
        let Ok(symbol) = symbol.parse() else { return false };
        self.steer(&Input::Status(symbol, status), now)
    }

    /// Control: sets the index of an instrument, or takes its feed down; from then on it does not follow the
    /// book. `false` if the instrument is not listed or the price does not fit it.
    pub fn set_index(&mut self, symbol: &str, price: Option<Decimal>, now: UtcTime) -> bool {
        let Ok(symbol) = symbol.parse() else { return false };
        self.steer(&Input::Index(symbol, price), now)
    }

    /// Control: sets what TradingSessionStatus (35=h), which only spot has, says and tells who subscribed to it. What the
    /// engine does is set per instrument by [`Venue::set_market_status`].
    pub fn set_trading_status(&mut self, status: TradingStatus, now: UtcTime) {
        self.steer(&Input::Trading(status), now);
    }

    /// Control: the status of spot as a whole: [`Venue::set_trading_status`], and every pair takes what it says.
    /// `Unknown` is said only.
    pub fn set_trading(&mut self, status: TradingStatus, now: UtcTime) {
        self.set_trading_status(status, now);
        let status = match status {
            TradingStatus::Unknown => return,
            TradingStatus::Maintenance => PairStatus::Maintenance,
            TradingStatus::Online => PairStatus::Online,
            TradingStatus::CancelOnly => PairStatus::CancelOnly,
            TradingStatus::PostOnly => PairStatus::PostOnly,
        };
        let pairs: Vec<_> = self.spot.engine.instruments().map(|one| one.symbol).collect();
        for symbol in pairs {
            self.steer(&Input::Status(symbol, status), now);
        }
    }

    /// Control: the feed of an instrument's prices stops (every subscriber gets an empty snapshot and
    /// then nothing), or is back (everybody gets a full one). `false` if it is not listed.
    pub fn set_prices_shown(&mut self, symbol: &str, shown: bool, now: UtcTime) -> bool {
        let Ok(symbol) = symbol.parse() else { return false };
        self.steer(&Input::PricesShown(symbol, shown), now)
    }
}
