//! One engine on both markets in one simulation, from one seed: every promise that is held on one market is
//! held on both at once. `TAUT_SEEDS=N` as in `simulation.rs`.

#[path = "one_strategy/follower.rs"]
mod follower;

use follower::Follower;
use taut::conductor::ResetPolicy;
use taut::desk::DeskStats;
use taut::order::{Reach, Scope};
use taut::pipeline::{SECOND_TRADING, TRADING};
use taut::strategy::{
    Context, InstrumentId, OrderSpec, OrderUpdate, Px, Qty, Refusal, Side, Strategy, TimerId,
};
use taut_venue::simulation::strategies::Storm;
use taut_venue::simulation::{Cut, FaultKind, RestRoute, SimConfig, Simulation, TO_VENUE};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
const SENDERS: [&str; 2] = ["TAUT", "TAUT_DRV"];

fn seeds(usual: u64) -> std::ops::Range<u64> {
    let count = std::env::var("TAUT_SEEDS").ok().and_then(|text| text.parse().ok());
    0..count.unwrap_or(usual)
}

/// What the runs came to, so that none of them is vacuous.
#[derive(Debug, Default)]
struct Sum {
    seeds: u64,
    /// Commands of each trading session.
    commands: [u64; 2],
    fills: u64,
    quiet: u64,
    positions: u64,
    uncertain: u64,
    reconciled: u64,
    rest_cancels: u64,
    downs: u64,
    waiting: u64,
    triggered: u64,
}

impl Sum {
    fn add<S: Strategy>(&mut self, sim: &Simulation<S>) {
        let DeskStats { fills, uncertain, reconciled, rest_cancels, triggered, .. } =
            *sim.desk().stats();
        let (quiet, positions, _) = sim.comparisons();
        self.seeds += 1;
        self.commands[0] += sim.sent_log().len() as u64;
        self.commands[1] += sim.second_sent_log().len() as u64;
        self.fills += fills;
        self.quiet += quiet;
        self.positions += positions;
        self.uncertain += uncertain;
        self.reconciled += reconciled;
        self.rest_cancels += rest_cancels;
        self.downs += sim.downs() as u64;
        self.waiting += sim.waiting_compared();
        self.triggered += triggered;
    }
}

/// Stops the engine: it ends, every command has ended, and nothing is left on either side.
fn end<S: Strategy>(sim: &mut Simulation<S>, seed: u64) {
    sim.stop();
    assert!(sim.run_until(Simulation::is_over, 60 * SECOND), "seed {seed} does not end");
    let mut sent = sim.sent_log().iter().chain(sim.second_sent_log());
    assert!(sent.all(|command| command.end.is_some()), "seed {seed}: a command did not end");
    let live = sim.desk().orders().live_len()
        + sim.desk().second_orders().expect("there are two").live_len();
    let left = SENDERS.map(|sender| sim.venue().open_orders(sender));
    assert_eq!((live, left), (0, [0; 2]), "seed {seed} left orders behind");
}

fn calm<S: Strategy>(seed: u64, strategy: S, sum: &mut Sum) {
    let mut sim = Simulation::new(SimConfig::seeded(seed).on_both(), strategy);
    assert!(sim.run_until(Simulation::is_up, 5 * SECOND), "seed {seed} does not start");
    sim.run_for(SECOND);
    end(&mut sim, seed);
    assert_eq!(sim.downs(), 4, "seed {seed}: four logouts");
    sum.add(&sim);
}

#[test]
fn an_engine_on_both_markets_keeps_every_promise_over_any_network() {
    let mut sum = Sum::default();
    for seed in seeds(40) {
        calm(seed, Follower::default(), &mut sum);
        calm(seed, Storm::new(seed, 4), &mut sum);
    }
    println!("{sum:?}");
    assert!(sum.commands.iter().all(|&count| count > 5 * sum.seeds), "{sum:?}");
    assert!(sum.fills > sum.seeds && sum.positions > sum.seeds && sum.quiet > sum.seeds, "{sum:?}");
}

fn recovers<S: Strategy>(config: SimConfig, strategy: S, sum: &mut Sum) {
    let seed = config.seed;
    let mut sim = Simulation::new(config, strategy);
    sim.run_for(1_500 * MS);
    assert!(sim.run_until(Simulation::is_up, 120 * SECOND), "seed {seed} does not recover");
    let is_reconciled = |sim: &Simulation<S>| sim.desk().is_reconciled();
    assert!(sim.run_until(is_reconciled, 60 * SECOND), "seed {seed} does not find out");
    end(&mut sim, seed);
    sum.add(&sim);
}

#[test]
fn an_engine_on_both_markets_keeps_every_promise_while_connections_break() {
    let mut sum = Sum::default();
    for seed in seeds(40) {
        let config = || SimConfig::stormy(seed, 1_500 * MS).on_both();
        recovers(config(), Follower::default(), &mut sum);
        recovers(config(), Storm::new(seed, 4), &mut sum);
    }
    println!("{sum:?}");
    assert!(sum.downs > 6 * sum.seeds && sum.quiet > sum.seeds, "{sum:?}");
    assert!(sum.uncertain > sum.seeds && sum.reconciled > sum.seeds, "{sum:?}");
    assert!(sum.waiting > sum.seeds && sum.triggered > sum.seeds / 2, "{sum:?}");
}

/// Follows, sends orders that wait for a trigger, and cancels what it likes when it likes, whatever the sessions are doing. No cancel may be out of
/// reach.
struct Fickle(Follower, fastrand::Rng);

impl Strategy for Fickle {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        self.on_timer(ctx, TimerId(0));
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: TimerId) {
        for id in ctx.instruments() {
            let (Some(facts), Some(book)) = (ctx.instrument(id), ctx.book(id)) else { continue };
            if let Some(bid) = book.best_bid().filter(|_| self.1.u8(..4) == 0) {
                let stop = Px(bid.px.0 - self.1.i64(1..60) * facts.tick_size.0);
                let spec = OrderSpec::market(id, Side::Sell, Qty(facts.qty_min.0 * 10));
                // Refused while the session is down.
                let _ = ctx.order(spec.stop_loss(stop)).is_ok();
            }
        }
        let orders: Vec<_> = ctx.open_orders().map(|order| order.handle).collect();
        for order in orders.into_iter().filter(|_| self.1.u8(..4) == 0) {
            if let Err(refusal) = ctx.cancel(order) {
                let state = ctx.order_state(order);
                assert_eq!(refusal, Refusal::CancelPending, "{state:?}");
            }
        }
        let next = ctx.now().plus_nanos(self.1.u64(MS..50 * MS));
        ctx.set_timer(timer, next).expect("one timer");
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        self.0.on_book(ctx, id);
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        self.0.on_order(ctx, update);
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.0.on_stop(ctx);
    }
}

#[test]
fn no_live_order_of_either_market_is_out_of_reach_or_left_however_narrow_the_sessions_while_rest_is_there()
 {
    let mut sum = Sum::default();
    for seed in seeds(40) {
        let mut config = SimConfig::stormy(seed, 1_500 * MS);
        let narrow = taut_venue::oes::Scope::Connection;
        let switches = &mut config.venue.switches;
        (switches.cancel_scope, switches.amend_scope) = (narrow, narrow);
        (switches.mass_cancel_session_scope, switches.mass_cancel_all_scope) = (narrow, narrow);
        config.reach = Reach { mass_cancel_all: Scope::Connection, ..Reach::default() };
        (config.cancel_on_disconnect, config.recovery.may_cancel) = (false, seed % 2 == 0);
        config.reset = if seed % 4 < 2 { ResetPolicy::Always } else { ResetPolicy::Never };
        let lost = [0, 20, 60][seed as usize % 3];
        config.rest = Some(RestRoute { lost, latency_ns: MS..=20 * MS, ..RestRoute::CALM });
        config.reconnect_after = Some(MS..=400 * MS);
        let fickle = Fickle(Follower::default(), fastrand::Rng::with_seed(seed));
        recovers(config.on_both(), fickle, &mut sum);
    }
    println!("{sum:?}");
    assert!(sum.rest_cancels > sum.seeds / 4 && sum.waiting > sum.seeds, "{sum:?}");
}

#[test]
fn one_market_trades_on_while_the_other_is_away() {
    for (lost, other) in [(TRADING, 1), (SECOND_TRADING, 0)] {
        let mut config = SimConfig::calm(9).on_both();
        config.reconnect_after = None;
        let mut sim = Simulation::new(config, Follower::default());
        assert!(sim.run_until(Simulation::is_up, 5 * SECOND));
        sim.run_for(100 * MS);
        sim.inject(lost, FaultKind::Cut { direction: TO_VENUE, cut: Cut::Reset });
        sim.run_for(10 * MS);
        let sent =
            |sim: &Simulation<Follower>| [sim.sent_log(), sim.second_sent_log()].map(<[_]>::len);
        let before = sent(&sim);
        sim.run_for(2 * SECOND);
        let after = sent(&sim);
        assert!(after[other] > before[other] + 5, "{before:?}, {after:?}");
        assert_eq!(after[1 - other], before[1 - other], "it is down");
        sim.reconnect();
        assert!(sim.run_until(Simulation::is_up, 60 * SECOND));
        assert!(sim.run_until_quiet(10 * SECOND), "both sides agree again, on both markets");
        end(&mut sim, 9);
    }
}
