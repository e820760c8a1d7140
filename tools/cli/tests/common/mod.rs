//! What the tests of the command share.

#![allow(dead_code)] // Not every test needs all of it.
#![allow(clippy::unwrap_used)] // Tests, whose helpers are outside of test functions.

pub mod child;
pub mod fix;
pub mod ports;
pub mod skipped;

use std::net::TcpListener;

/// A port of loopback that nobody listens on yet.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
