//! What a turn changed at the gateway, and that finding it takes a look at those who had a part in it only.

use super::super::harness::*;
use super::day::{Day, House};
use super::keeping;
use crate::config::{ClientConfig, LiquidityMode, VenueConfig};
use crate::gateway::{Market, Whole};
use crate::rest::Call;
use crate::state::{Restored, Source};
use crate::{Service, Venue};

use proptest::prelude::*;

/// A venue that remembers what changes and writes it nowhere.
fn remembering(config: &VenueConfig) -> World {
    let mut config = config.clone();
    config.state.dir = None;
    let mut world = World::with(&config);
    world.venue.gateway.keep_state();
    world
}

fn whole(venue: &Venue) -> Vec<u8> {
    let mut out = Vec::new();
    venue.gateway.save(&mut out);
    out
}

fn changes(venue: &mut Venue) -> (bool, Vec<u8>) {
    let mut out = Vec::new();
    let any = venue.gateway.take_changes(&mut out);
    (any, out)
}

/// A call by REST that is signed rightly, with a nonce that is too low now and then.
fn call(world: &mut World, rng: &mut fastrand::Rng) {
    let market = if rng.bool() { Market::Spot } else { Market::Derivatives };
    let call = Call {
        is_get: false,
        path: "/".into(),
        query: Vec::new(),
        api_key: b"APIKEY".to_vec(),
        signature: Vec::new(),
        nonce: Vec::new(),
        body: Vec::new(),
        source: None,
    };
    let nonce = rng.u64(1..1_000).to_string();
    let _ = world.venue.gateway.caller(market, &call, Some(nonce.as_bytes()), world.now, |_| true);
}

proptest! {
    #![proptest_config(super::cases())]

    #[test]
    fn what_a_turn_changed_is_what_two_whole_states_differ_in_and_makes_one_the_other(
        seed: u64, steps in 1usize..100,
    ) {
        let config = keeping("nowhere".as_ref(), LiquidityMode::None);
        let mut copy = remembering(&config).venue;
        let mut day = Day::at(remembering(&config), config, House::Nobody, seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        // Before the first turn nothing was written.
        let mut before = Whole::default();
        for step in 0..steps {
            let (any, taken) = changes(&mut day.world.venue);
            let after = whole(&day.world.venue);
            let differs = Whole::read(&after).since(&before);
            let taken_alone = Whole::read(&taken);
            prop_assert_eq!(any, differs != Whole::default(), "step {}", step);
            if step > 0 {
                prop_assert_eq!(taken_alone, differs, "step {}", step);
            }
            copy.gateway.apply_changes(&mut Source(&taken)).expect("it makes sense");
            prop_assert_eq!(Whole::read(&whole(&copy)), Whole::read(&after), "step {}", step);
            prop_assert!(!changes(&mut day.world.venue).0, "taken once");
            before = Whole::read(&after);
            match rng.u8(..20) {
                // Heartbeats, TestRequests, time-outs.
                0 => day.pass(rng.u64(20_000..80_000)),
                1 => call(&mut day.world, &mut rng),
                _ => day.step(),
            }
        }
    }
}

#[test]
fn a_turn_looks_only_at_the_clients_that_had_a_part_in_it() {
    let mut config = config();
    let client = config.clients[0].clone();
    let sender = |at: usize| ClientConfig { sender: format!("C{at}"), ..client.clone() };
    config.clients = (0..50).map(sender).collect();
    let mut world = remembering(&config);
    let names: [&'static str; 50] = std::array::from_fn(|at| &*format!("C{at}").leak());
    let mut peers = names.map(|name| world.logon(name, Service::SpotTrading));
    assert_eq!(world.venue.gateway.clients_to_look_at(), 50);
    changes(&mut world.venue);
    // Time passes, nobody has to say anything.
    world.pass(10);
    world.venue.tick(world.now);
    assert_eq!(world.venue.gateway.clients_to_look_at(), 0);
    // One places an order, another takes it: two have a part in the second turn.
    for (number, looked_at, named) in [(7usize, 1, 1), (8, 2, 2)] {
        world.limit(&mut peers[number], 1, 1 + u8::from(number == 8), "1", "100");
        assert_eq!(world.venue.gateway.clients_to_look_at(), looked_at);
        let (any, taken) = changes(&mut world.venue);
        assert!(any);
        assert_eq!(Whole::read(&taken).len(), named);
    }
    // Heartbeats are due: everybody has a part.
    world.pass(61_000);
    world.venue.tick(world.now);
    assert_eq!(world.venue.gateway.clients_to_look_at(), 50);
    assert_eq!(Whole::read(&changes(&mut world.venue).1).len(), 50);
}
