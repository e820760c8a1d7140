//! The engine from outside: a scripted acceptor, written by hand, over real sockets, against
//! [`taut::pipeline::Engine`]. What the acceptor reads and writes does not pass our codec or session.

#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

mod good_path;
mod killed;
mod peer;
mod pinned;
mod reconnecting;
mod rig;
mod stalled;
mod trouble;
