//! Ports for a venue that a test starts as a process.

use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

/// A `--base-port` at which all of the venue's ports are free, and far from those that other tests of this
/// process were given: tests run at the same time, and a port is free until somebody's venue has started.
/// Below the ports that the kernel gives to clients.
pub fn free_base() -> u16 {
    static GIVEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first = (std::process::id() % 20) as u16;
    let base = (0..20).map(|nth| 2_000 + (first + nth) % 20 * 1_000).find(|base| {
        !given.contains(base) && (4000..4006).chain([4443]).all(|port| free(base + port))
    });
    let base = base.expect("the ports of all places are in use");
    given.push(base);
    base
}
