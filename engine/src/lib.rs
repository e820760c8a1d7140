//! taut: a low-latency FIX 4.4 trading engine for venues that promise ordered, sticky sessions.

pub mod command;
pub mod config;
pub mod desk;
pub mod event;
pub mod kraken;
pub mod limits;
pub mod market;
pub mod order;
pub mod pipeline;
pub mod risk;
pub mod secret;
pub mod session;
pub mod strategy;
pub mod trace;
pub mod types;
pub mod wire;
