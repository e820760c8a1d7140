//! What the venue asks of the connections that carry its bytes.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use taut::trace::Clock;
use taut::wire::memory::{self, Direction, Link, LinkConfig};
use taut::wire::{Receiver, Transmitter, channel};

use super::harness::*;
use crate::Service;
use crate::gateway::Fault;
use crate::links::Links;
use crate::venue::Step;

const TRADING: Service = Service::SpotTrading;

/// A trading session over a link that takes no more of what the venue sends than a few bytes.
struct Blocked {
    world: World,
    links: Links,
    link: Link,
    _peer: (Receiver, Transmitter),
}

impl Blocked {
    fn new() -> Self {
        let mut world = World::new();
        let (ours, theirs, link) = memory::pair(LinkConfig::default());
        link.configure(Direction::AToB, LinkConfig { capacity: 40, ..LinkConfig::default() });
        let mut links = Links::default();
        let (venue, ours) = (&mut world.venue, channel::memory(ours));
        links.open(venue, TRADING, None, ours, world.now);
        let mut peer = channel::memory(theirs);
        let logon = fix(&world.logon_body("TAUT", TRADING, 1, "141=Y|"));
        assert_eq!(peer.1.accept(&logon), Ok(logon.len()));
        assert_eq!(peer.1.flush(), Ok(true));
        let mut blocked = Self { world, links, link, _peer: peer };
        blocked.step();
        assert_eq!(blocked.link.pending(Direction::AToB), 40, "the rest of the answer waits");
        blocked
    }

    fn step(&mut self) {
        let World { venue, now } = &mut self.world;
        let clock = Clock::virtual_at(Arc::new(AtomicU64::new(now.0)));
        self.links.receive(venue, &clock, |_, _| ());
        venue.tick(*now);
        self.links.send(venue, *now, |_, _| ());
    }
}

#[test]
fn a_dropped_connection_is_closed_at_once_although_its_peer_does_not_read() {
    let mut blocked = Blocked::new();
    let step = Step::Session { sender: "TAUT".into(), service: TRADING, fault: Fault::Drop };
    assert!(blocked.world.venue.control(&step, blocked.world.now));
    blocked.step();
    assert_eq!(blocked.links.len(), 0);
}

#[test]
fn a_silent_peer_that_does_not_read_its_logout_is_not_waited_for() {
    let mut blocked = Blocked::new();
    // HeartBtInt is 60 s.
    let end = blocked.world.now.plus_nanos(200_000_000_000);
    while blocked.links.len() > 0 {
        assert!(blocked.world.now < end, "still there");
        blocked.world.pass(1_000);
        blocked.step();
    }
    assert_eq!(blocked.world.venue.stats().sessions_up, 0);
}
