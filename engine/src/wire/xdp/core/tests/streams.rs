use super::faults::Faults;
use super::*;

/// Sends `bytes` from each end to the other through `faults`, as far as the connection goes.
struct Exchange {
    wanted: [Vec<u8>; 2],
    got: [Vec<u8>; 2],
    ended: Option<WireError>,
    faults: [Faults; 2],
}

impl Exchange {
    fn run(mtu: usize, bytes: [usize; 2], faults: Faults) -> Self {
        let mut random = fastrand::Rng::with_seed(99);
        let wanted = bytes.map(|bytes| (0..bytes).map(|_| random.u8(..)).collect());
        let mut exchange =
            Self { wanted, got: [vec![], vec![]], ended: None, faults: faults.both_ways() };
        let mut world = World::new(mtu);
        let handles = world.connected();
        let mut given = [0; 2];
        for _ in 0..200_000 {
            let complete = exchange.got[0].len() == bytes[1] && exchange.got[1].len() == bytes[0];
            if complete || exchange.ended.is_some() {
                return exchange;
            }
            for end in 0..2 {
                let chunk = random.usize(1..5000).min(bytes[end] - given[end]);
                let part = &exchange.wanted[end][given[end]..given[end] + chunk];
                let now = world.now;
                let mut into = vec![0; random.usize(1..5000)];
                let done = world.ends[end].transmit(handles[end], part, now).and_then(|taken| {
                    given[end] += taken;
                    let count = world.ends[end].receive(handles[end], &mut into, now)?;
                    exchange.got[end].extend_from_slice(&into[..count]);
                    Ok(())
                });
                exchange.ended = exchange.ended.or(done.err());
            }
            let faults = &mut exchange.faults;
            world.round(|from, frame, arrives| faults[from].pass(frame, arrives));
        }
        panic!("neither here nor there: {} and {}", exchange.got[0].len(), exchange.got[1].len());
    }

    fn is_whole(&self) -> bool {
        self.got[1] == self.wanted[0] && self.got[0] == self.wanted[1]
    }
}

#[test]
fn bytes_arrive_whole_and_in_order_on_a_good_cable() {
    let exchange = Exchange::run(1500, [3_000_000, 2_000_000], Faults::new(0, 0, 0, 1));
    assert!(exchange.is_whole());
}

#[test]
fn what_is_lost_is_sent_again() {
    for seed in 0..8 {
        let bytes = if seed % 2 == 0 { [300_000, 0] } else { [0, 300_000] };
        let exchange = Exchange::run(1500, bytes, Faults::new(20, 0, 0, seed));
        assert!(exchange.is_whole(), "seed {seed}");
        let lost = exchange.faults.each_ref().map(|faults| faults.lost);
        assert!(lost[0] > 1 && lost[1] > 1, "seed {seed}: {lost:?} lost");
    }
}

#[test]
fn frames_may_arrive_twice_and_in_another_order() {
    for seed in 0..8 {
        let exchange = Exchange::run(1500, [150_000; 2], Faults::new(0, 5, 3, seed));
        assert!(exchange.is_whole(), "seed {seed}");
    }
}

#[test]
fn everything_at_once_both_ways_changes_no_byte() {
    for seed in 0..16 {
        let exchange = Exchange::run(576, [60_000; 2], Faults::new(20, 10, 10, seed));
        assert!(exchange.is_whole(), "seed {seed}: {:?}", exchange.ended);
    }
}

#[test]
fn a_lost_segment_is_sent_again_at_once_when_later_ones_tell_of_it() {
    let mut world = World::new(1500);
    let [here, there] = world.connected();
    // The first bytes open the congestion window.
    for _ in 0..10 {
        world.send(0, here, &[1; 5000]);
        let mut left = 5000;
        world.until(|world| {
            left -= world.receive(1, there).unwrap().len();
            left == 0
        });
    }
    let start = world.now;
    world.send(0, here, &[2; 14_600]);
    let mut lost = false;
    let mut got = vec![];
    while got.len() < 14_600 {
        world.round(|_, frame, arrives| {
            if !lost && frame.len() > 1000 {
                lost = true;
            } else {
                arrives.push(frame);
            }
        });
        got.extend(world.receive(1, there).unwrap());
    }
    assert!(lost && got.iter().all(|byte| *byte == 2));
    assert!(world.now - start < Duration::from_millis(100), "no time-out: {}", world.now - start);
}

#[test]
fn nothing_longer_than_the_interface_allows_is_sent() {
    for mtu in [576, 1000, 1500] {
        let mut world = World::new(mtu);
        let [here, there] = world.connected();
        world.send(0, here, &[7; 50_000]);
        let (mut longest, mut got) = (0, 0);
        while got < 50_000 {
            world.round(|_, frame, arrives| {
                longest = longest.max(frame.len());
                arrives.push(frame);
            });
            got += world.receive(1, there).unwrap().len();
        }
        assert_eq!(longest, mtu + 14, "full frames, and none longer");
    }
}

#[test]
fn a_sender_stops_at_a_full_window_and_goes_on_even_if_its_opening_is_lost() {
    let mut world = World::new(1500);
    let [here, there] = world.connected();
    let block = vec![3; 10_000];
    let mut given = 0;
    // Nobody reads.
    let mut full_for = 0;
    while full_for < 5 {
        let taken = world.ends[0].transmit(here, &block, world.now).unwrap();
        given += taken;
        world.round(|_, frame, arrives| arrives.push(frame));
        full_for = if taken == 0 { full_for + 1 } else { 0 };
    }
    let full = XDP_RECEIVE_BYTES + XDP_SEND_BYTES;
    // A window is told in units of 8 bytes.
    assert!(full - given < 8, "both buffers are full: {given}");
    let mut got = world.receive(1, there).unwrap().len();
    assert!(XDP_RECEIVE_BYTES - got < 8);
    // What tells of the room is lost for a while.
    for _ in 0..4 {
        world.round(|from, frame, arrives| {
            if from == 0 {
                arrives.push(frame);
            }
        });
    }
    world.until(|world| {
        got += world.receive(1, there).unwrap().len();
        got == given
    });
}
