//! What sticky routing prevents: beside it a gateway that spreads the requests of a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use taut::strategy::{Context, InstrumentId, OrderUpdate, Strategy, UpdateKind};
use taut_venue::gateway::RoutingMode;
use taut_venue::simulation::strategies::Quoter;
use taut_venue::simulation::{SimConfig, Simulation};

use super::SECOND;

/// A market maker that counts the requests which the venue refused because a later one was there before
/// them: their ClOrdIDs are below the highest that it has seen.
struct Overtaken(Quoter, Arc<AtomicU64>);

impl Strategy for Overtaken {
    fn on_book(&mut self, ctx: &mut Context<'_>, instrument: InstrumentId) {
        self.0.on_book(ctx, instrument);
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        if let UpdateKind::RefusedByVenue { text, .. } = &update.kind
            && text.as_str().contains("arguments:ClOrdID")
        {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
        self.0.on_order(ctx, update);
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.0.on_stop(ctx);
    }
}

/// One run over a venue whose gateway keeps the order of a session's requests, or spreads them as a
/// WebSocket service does. Returns how many were overtaken, of how many.
fn routed(seed: u64, mode: RoutingMode) -> (u64, usize) {
    let mut config = SimConfig::seeded(seed);
    config.venue.routing.mode = mode;
    config.venue.gateway_instances = 4;
    let overtaken = Arc::new(AtomicU64::new(0));
    let mut sim = Simulation::new(config, Overtaken(Quoter::default(), Arc::clone(&overtaken)));
    sim.run_for(2 * SECOND);
    (overtaken.load(Ordering::Relaxed), sim.sent_log().len())
}

#[test]
fn requests_that_are_spread_over_instances_overtake_each_other_and_those_of_one_path_do_not() {
    println!("seed  sticky: overtaken of  websocket-like: overtaken of");
    let mut reordered = 0;
    for seed in 0..12 {
        let (sticky, spread) =
            (routed(seed, RoutingMode::Sticky), routed(seed, RoutingMode::WebsocketLike));
        println!("{seed:4} {:18} {:3} {:26} {:3}", sticky.0, sticky.1, spread.0, spread.1);
        assert!(sticky.0 == 0 && sticky.1 > 10, "seed {seed}: {sticky:?}");
        reordered += u32::from(spread.0 > 0);
    }
    assert!(reordered >= 6, "{reordered} of 12");
}
