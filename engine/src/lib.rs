//! taut: a low-latency FIX 4.4 trading engine for venues that promise ordered, sticky sessions.

pub mod limits;
pub mod secret;
pub mod types;
