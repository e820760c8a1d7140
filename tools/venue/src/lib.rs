//! taut-venue: a local mirror of Kraken's FIX service.
//!
//! Three stages with rejects of their own, each handing typed records to the next in the order of
//! arrival: [`gateway`] (framing, logon, session, field checks), [`oes`] (accounts, instruments, ids,
//! reach) and [`matching`] (the trading engine); [`market_data`] shows the engine's books and
//! [`liquidity`] trades in them. [`Venue`] wires them up: a state machine without socket, clock and
//! thread. Every choice that the venue file leaves open is a switch of [`config::VenueConfig`].

pub mod certificate;
pub mod config;
pub mod gateway;
pub mod limits;
mod links;
pub mod liquidity;
pub mod market_data;
pub mod matching;
pub mod oes;
pub mod rest;
pub mod scenario;
pub mod server;
pub mod simulation;
#[cfg(test)]
#[path = "../tests/common/skipped.rs"]
mod skipped;
pub mod state;
pub mod venue;

pub use config::{ConfigError, VenueConfig};
pub use gateway::{ConnectionId, Service};
pub use liquidity::LiquiditySource;
pub use venue::{Arrival, Outcome, Venue, VenueStats};
