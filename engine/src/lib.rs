//! taut: a low-latency FIX 4.4 trading engine for venues that promise ordered, sticky sessions.
//!
//! Start with [`strategy`] (what a user writes), [`pipeline`] (what runs it) and the [`manual`].
//!
//! ```text
//!  socket -> recv -> [TLS open] -> frame -> scan -> session -> book/order -> strategy -> risk -> encode -> [TLS seal] -> send
//!  |---------------- wire ------|----- codec -----| session  | market, order | strategy | risk | kraken |------ wire -----|
//! ```
//! [`pipeline`] is the only place with threads; everything between the wires is a state machine that is
//! handed the time.

pub mod command;
pub mod conductor;
pub mod config;
pub mod desk;
pub mod event;
pub mod journal;
pub mod kraken;
pub mod limits;
pub mod manual;
pub mod market;
pub mod order;
pub mod pipeline;
pub mod risk;
pub mod secret;
pub mod session;
#[cfg(test)]
#[path = "../tests/common/skipped.rs"]
mod skipped;
pub mod strategy;
mod touched;
pub mod trace;
pub mod types;
pub mod wire;

/// The examples of README.md, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
