//! The connection breaks at every byte of a conversation, in both directions.

use super::link::{Link, heals};
use super::*;

/// How the two sessions of a run are set up.
#[derive(Debug, Clone, Copy)]
struct Setup {
    /// Reset at every logon.
    reset: bool,
    /// Everything is replayed, or nothing is.
    replay: bool,
    /// What comes too early is held.
    hold: bool,
}

fn link(setup: Setup) -> Link {
    let mut link = Link::new_with(setup.reset, |config| {
        if setup.replay {
            config.resend_policy = ResendPolicy::EVERYTHING;
        }
        if setup.hold {
            config.hold_bytes = 4096;
        }
    });
    for end in &mut link.ends {
        end.session.set_sent_store(Box::new(MemoryStore::new(64, 16 * 1024)));
    }
    link
}

/// Carries bytes until nothing moves. After `left` bytes of end `from` the connection breaks.
fn talk(link: &mut Link, from: usize, left: &mut usize) {
    for _ in 0..100 {
        if !link.connected || link.ends.iter().all(|end| end.out.is_empty()) {
            return;
        }
        for end in 0..2 {
            let pending = link.ends[end].out.pending().len();
            let mut bytes = pending;
            if end == from {
                bytes = pending.min(*left);
                *left -= bytes;
            }
            link.carry(end, bytes);
            if *left == 0 {
                link.cut();
                return;
            }
        }
    }
    panic!("the two sessions talk for ever");
}

/// Logon, messages both ways, a lost one that is resent, heartbeats, logout.
fn converse(link: &mut Link, from: usize, mut left: usize) -> usize {
    let left = &mut left;
    link.connect();
    talk(link, from, left);
    for (first, second) in [(0, 1), (1, 1), (0, 0)] {
        link.ends[first].send(link.now);
        link.ends[second].send(link.now);
        talk(link, from, left);
    }
    if link.connected {
        // A message that vanishes: the next one reveals it.
        link.ends[1].send(link.now);
        let lost = link.ends[1].out.pending().len();
        link.ends[1].out.consume(lost);
        link.ends[1].send(link.now);
        talk(link, from, left);
    }
    link.tick(5000);
    talk(link, from, left);
    if link.connected {
        let end = &mut link.ends[0];
        end.session.logout(Some("done"), link.now, &mut end.out);
        talk(link, from, left);
    }
    *left
}

fn every_cut(setup: Setup) {
    for from in 0..2 {
        let whole = usize::MAX - converse(&mut link(setup), from, usize::MAX);
        assert!(whole > 500, "{whole} bytes");
        for at in 1..=whole {
            let mut link = link(setup);
            converse(&mut link, from, at);
            heals(&mut link);
            for end in 0..2 {
                let delivered = &link.ends[1 - end].delivered;
                let sent = link.ends[end].next_id - 1;
                if setup.replay && !setup.reset {
                    let all: Vec<u64> = (1..=sent).collect();
                    assert_eq!(*delivered, all, "{setup:?}: {at} bytes of end {from}");
                }
            }
        }
    }
}

#[test]
fn after_a_cut_at_any_byte_both_sides_agree_and_nothing_comes_twice() {
    for hold in [false, true] {
        every_cut(Setup { reset: false, replay: false, hold });
    }
}

#[test]
fn after_a_cut_at_any_byte_everything_has_come_once_and_in_order_if_it_may_be_replayed() {
    for hold in [false, true] {
        every_cut(Setup { reset: false, replay: true, hold });
    }
}

#[test]
fn after_a_cut_at_any_byte_a_reset_begins_anew() {
    every_cut(Setup { reset: true, replay: true, hold: false });
}
