//! A session core over a link that takes nothing: the connection ends all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use taut::command::SessionId;
use taut::event::{Awaited, DownReason, Event};
use taut::kraken::logon::Logon;
use taut::pipeline::{EventSink, SessionCore};
use taut::session::SessionConfig;
use taut::trace::Clock;
use taut::wire::channel;
use taut::wire::memory::{self, LinkConfig};

const SESSION: SessionId = SessionId(0);
const START_NS: u64 = 1_775_572_321_000_000_000;

/// What the core says is looked up in the core.
struct Deaf;

impl EventSink for Deaf {
    fn push(&mut self, _: &Event) {}
}

#[test]
fn a_connection_that_takes_nothing_is_closed_so_that_the_next_can_be_dialled() {
    let id = |text: &str| text.parse().expect("it is a CompID");
    let config = SessionConfig::initiator(id("C"), id("V"));
    let nanos = Arc::new(AtomicU64::new(START_NS));
    let (traces, _) = rtrb::RingBuffer::new(1);
    let sessions = vec![(config, Logon::MarketData)];
    let clock = Clock::virtual_at(Arc::clone(&nanos));
    let mut core = SessionCore::new(sessions, &[], clock, traces);
    let link = LinkConfig { capacity: 10, latency_ns: 0, ..LinkConfig::default() };
    let (near, _far, _link) = memory::pair(link);
    let (_receiver, transmitter) = channel::memory(near);
    core.connect(SESSION, transmitter, &mut Deaf);
    let mut run_to = |after: std::time::Duration| {
        nanos.store(START_NS + after.as_nanos() as u64, Ordering::Relaxed);
        core.tick(&mut Deaf);
        core.flush(&mut Deaf);
        (core.is_connected(SESSION), core.take_ended(SESSION).map(|(reason, _)| reason))
    };
    let (logon, logout) = (config.logon_timeout, config.logout_timeout);
    let moment = std::time::Duration::from_nanos(1);
    assert_eq!(run_to(logon), (true, None), "what waits has its time");
    assert_eq!(run_to(logon + logout - moment), (true, None));
    let ms = logon.as_millis() as u64;
    let reason = DownReason::TimedOut { awaited: Awaited::LogonAnswer, ms };
    assert_eq!(run_to(logon + logout), (false, Some(reason)));
}
