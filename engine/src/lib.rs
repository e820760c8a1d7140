//! taut: a low-latency FIX 4.4 trading engine for venues that promise ordered, sticky sessions.

pub mod command;
pub mod desk;
pub mod event;
pub mod limits;
pub mod market;
pub mod order;
pub mod risk;
pub mod secret;
pub mod strategy;
pub mod trace;
pub mod types;
