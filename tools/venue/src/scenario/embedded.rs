//! Scenarios against a venue in this process, with a virtual clock.

use std::collections::BTreeMap;
use std::time::Duration;

use taut::kraken::logon::Credentials;
use taut::secret::Secret;
use taut_codec::value::UtcTime;

use super::link::{patient, unsteered};
use super::{Grants, Link, LinkError, Outcome, Peer, Report, Scenario, run, run_as_it_is};
use crate::config::{ClientConfig, LiquidityMode, VenueConfig};
use crate::gateway::{ConnectionId, Service};
use crate::venue::Venue;

/// When every scenario starts.
const START: &[u8] = b"20260407-14:32:01.000";
const API_KEY: &str = "APIKEY";
const API_SECRET: &str = "c2VjcmV0";
/// Most turns of the venue within one `!advance`.
const TURNS_MAX: usize = 1_000_000;

/// Plays a scenario in a venue of its own.
#[must_use]
pub fn play(scenario: &Scenario) -> Report {
    match Embedded::new(scenario) {
        Ok(mut link) => run(scenario, &mut link),
        Err(why) => Report {
            file: scenario.file.clone(),
            title: scenario.title.clone(),
            outcome: Outcome::Skipped { from: scenario.line, why: format!("configuration: {why}") },
            lines: Vec::new(),
        },
    }
}

/// Plays scenarios one after the other in one venue that nobody steers, as [`socket`](super::socket) does.
///
/// # Errors
/// What is wrong with the configuration.
pub fn play_all(
    scenarios: &[Scenario],
    config: &VenueConfig,
    grants: Grants,
) -> Result<Vec<Report>, String> {
    let mut link = Embedded { unsteered: Some(grants), ..Embedded::with(config)? };
    Ok(scenarios.iter().map(|scenario| run_as_it_is(scenario, &mut link)).collect())
}

/// The configuration of the suite: nobody but the clients `TAUT` and `OTHER` in the market, on derivatives
/// `TAUT_DRV` and `OTHER_DRV`.
#[must_use]
pub fn base_config() -> VenueConfig {
    let mut config = VenueConfig::default();
    config.liquidity.mode = LiquidityMode::None;
    config.clients.push(ClientConfig { sender: "OTHER".into(), ..ClientConfig::default() });
    let drv = ClientConfig { sender: "OTHER_DRV".into(), ..ClientConfig::derivatives() };
    config.clients.push(drv);
    config
}

fn config(scenario: &Scenario) -> Result<VenueConfig, String> {
    let base = base_config();
    if scenario.config.is_empty() {
        return Ok(base);
    }
    let own: toml::Table = scenario.config.parse().map_err(|e: toml::de::Error| e.to_string())?;
    let mut all = toml::Table::try_from(&base).map_err(|error| error.to_string())?;
    merge(&mut all, own);
    let config: VenueConfig = all.try_into().map_err(|e: toml::de::Error| e.to_string())?;
    Ok(config)
}

/// Tables are merged, everything else is replaced.
fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(into)), toml::Value::Table(from)) => merge(into, from),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

struct Embedded {
    venue: Venue,
    now: UtcTime,
    /// Connections that are open.
    open: BTreeMap<usize, ConnectionId>,
    /// What came on each connection and was not taken.
    received: BTreeMap<usize, Vec<u8>>,
    next: usize,
    /// Scenarios come and go and none may steer the venue; what holds.
    unsteered: Option<Grants>,
}

impl Embedded {
    fn new(scenario: &Scenario) -> Result<Self, String> {
        Self::with(&config(scenario)?)
    }

    fn with(config: &VenueConfig) -> Result<Self, String> {
        let now = UtcTime::parse(START).map_err(|error| error.to_string())?;
        let secrets =
            |name: &str| Some(if name.ends_with("KEY") { API_KEY } else { API_SECRET }.to_owned());
        let venue = Venue::with_secrets(config, None, now, secrets);
        let venue = venue.map_err(|error| error.to_string())?;
        let (open, received) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { venue, now, open, received, next: 0, unsteered: None })
    }

    /// Moves what the venue says to where it is received, and ends what the venue ends.
    fn settle(&mut self) {
        let mut closed = Vec::new();
        for (&connection, &id) in &self.open {
            let (outbox, open) = self.venue.sendable(id, self.now);
            self.received.entry(connection).or_default().extend(&outbox.pending()[..open]);
            outbox.consume(open);
            let flushed = outbox.is_empty();
            if self.venue.should_close(id) && flushed || self.venue.must_drop(id) {
                closed.push(connection);
            }
        }
        for connection in closed {
            if let Some(id) = self.open.remove(&connection) {
                self.venue.disconnected(id, self.now);
            }
        }
    }
}

impl Link for Embedded {
    fn now(&self) -> UtcTime {
        self.now
    }

    fn peer(&self, sender: &str) -> Result<Peer, LinkError> {
        let credentials = Credentials::new(Secret::new(API_KEY), Secret::new(API_SECRET));
        Ok(Peer { sender: sender.to_owned(), credentials: credentials.ok() })
    }

    fn connect(&mut self, service: Service) -> Result<usize, LinkError> {
        let id = self.venue.connected(service, self.now);
        self.next += 1;
        self.open.insert(self.next, id);
        Ok(self.next)
    }

    fn send(&mut self, connection: usize, bytes: &[u8]) -> Result<(), LinkError> {
        let id = self.open.get(&connection).copied();
        let id = id.ok_or_else(|| LinkError::Failed("the connection is closed".into()))?;
        self.venue.received(id, bytes, self.now);
        self.settle();
        // Every message has a time of its own.
        self.now = self.now.plus_nanos(1_000_000);
        self.venue.tick(self.now);
        self.settle();
        Ok(())
    }

    fn receive(
        &mut self,
        connection: usize,
        _: Duration,
        into: &mut Vec<u8>,
    ) -> Result<bool, LinkError> {
        if let Some(bytes) = self.received.get_mut(&connection) {
            into.append(bytes);
        }
        Ok(self.open.contains_key(&connection))
    }

    fn drop_connection(&mut self, connection: usize) {
        if let Some(id) = self.open.remove(&connection) {
            self.venue.disconnected(id, self.now);
        }
        self.received.remove(&connection);
        self.settle();
    }

    fn advance(&mut self, time: Duration) -> Result<(), LinkError> {
        if self.unsteered.is_some() {
            patient(time)?;
        }
        let end = self.now.plus_nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        for _ in 0..TURNS_MAX {
            let next = self.venue.next_deadline().max(self.now.plus_nanos(1)).min(end);
            self.now = next;
            self.venue.tick(next);
            self.settle();
            if next == end {
                return Ok(());
            }
        }
        Err(LinkError::Failed("the venue wants its turn too often".into()))
    }

    fn control(&mut self, words: &[String]) -> Result<(), LinkError> {
        if let Some(grants) = self.unsteered {
            return unsteered(words, grants);
        }
        if !matches!(words, [word] if word == "alone" || word == "fresh") {
            let done = self.venue.command(&words.join(" "), self.now);
            done.map_err(|error| LinkError::Failed(error.to_string()))?;
        }
        self.venue.tick(self.now);
        self.settle();
        Ok(())
    }
}
