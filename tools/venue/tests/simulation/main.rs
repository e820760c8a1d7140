//! The whole system from one seed. `TAUT_SEEDS=N` runs every property over N seeds in place of its
//! usual number; `TAUT_SEED=S` over the seed S only.

mod back;
mod reach;
mod routing;

use taut::conductor::ResetPolicy;
use taut::strategy::{InstrumentId, Qty, Strategy};
use taut_venue::simulation::strategies::{Quoter, Storm};
use taut_venue::simulation::{RestRoute, SimConfig, Simulation};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

fn seeds(usual: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (number("TAUT_SEED"), number("TAUT_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(usual),
    }
}

/// What a number of runs came to, so that none of them is vacuous.
#[derive(Debug, Default)]
struct Sum {
    seeds: u64,
    commands: u64,
    arrivals: u64,
    replaces: u64,
    fills: u64,
    quiet: u64,
    positions: u64,
    orders: u64,
    faults: u64,
    downs: u64,
    uncertain: u64,
    reconciled: u64,
    recovered: u64,
    gone: u64,
    kept_open: u64,
    waiting: u64,
    triggered: u64,
    /// Positions compared that are uncertain by so much as was told; and that are certain although orders are gone.
    unsure: u64,
    sure_again: u64,
    /// Replaces that were held for the order's first report; and those of them that never left.
    held: u64,
    dropped: u64,
}

impl Sum {
    fn add<S: Strategy>(&mut self, sim: &Simulation<S>) {
        let stats = sim.desk().stats();
        let (quiet, positions, orders) = sim.comparisons();
        self.seeds += 1;
        self.commands += stats.commands();
        self.arrivals += sim.arrival_log().len() as u64;
        self.replaces += stats.replaced;
        self.fills += stats.fills;
        self.quiet += quiet;
        self.positions += positions;
        self.orders += orders;
        self.faults += sim.faults();
        self.downs += sim.downs() as u64;
        self.uncertain += stats.uncertain;
        self.reconciled += stats.reconciled;
        self.recovered += stats.fills_recovered;
        self.gone += stats.gone;
        self.kept_open += stats.found_open;
        self.waiting += sim.waiting_compared();
        self.triggered += stats.triggered;
        let (unsure, sure_again) = sim.unsure_compared();
        self.unsure += unsure;
        self.sure_again += sure_again;
        self.held += stats.replaces_held;
        self.dropped += stats.replaces_dropped;
    }
}

/// Stops the engine and sees that it ends with every command ended.
fn end<S: Strategy>(sim: &mut Simulation<S>) {
    sim.stop();
    assert!(sim.run_until(|sim| sim.is_over(), 60 * SECOND), "the engine does not end");
    assert!(sim.sent_log().iter().all(|command| command.end.is_some()), "a command did not end");
}

fn calm<S: Strategy>(seed: u64, strategy: S, sum: &mut Sum) {
    quiet_end(SimConfig::seeded(seed), strategy, sum);
}

fn quiet_end<S: Strategy>(config: SimConfig, strategy: S, sum: &mut Sum) {
    let seed = config.seed;
    let mut sim = Simulation::new(config, strategy);
    assert!(sim.run_until(|sim| sim.is_up(), 5 * SECOND), "seed {seed} does not start");
    sim.run_for(SECOND);
    end(&mut sim);
    assert_eq!(sim.desk().orders().live_len(), 0, "seed {seed} left orders behind");
    let left = ["TAUT", "TAUT_DRV"].map(|sender| sim.venue().open_orders(sender));
    assert_eq!(left, [0; 2], "seed {seed} left orders at the venue");
    assert_eq!(sim.downs(), 2, "seed {seed}");
    sum.add(&sim);
}

fn stormy<S: Strategy>(seed: u64, strategy: S, sum: &mut Sum) {
    storm_over(SimConfig::stormy(seed, 1_500 * MS), strategy, sum);
}

fn storm_over<S: Strategy>(config: SimConfig, strategy: S, sum: &mut Sum) {
    let seed = config.seed;
    let mut sim = Simulation::new(config, strategy);
    sim.run_for(1_500 * MS);
    // The faults are over: both sessions come up again, at the latest when the venue has given up
    // what it believes to be alive.
    assert!(sim.run_until(|sim| sim.is_up(), 120 * SECOND), "seed {seed} does not recover");
    sim.run_for(200 * MS);
    end(&mut sim);
    sum.add(&sim);
}

#[test]
fn one_seed_gives_one_digest() {
    let run = |seed| {
        let mut sim = Simulation::new(SimConfig::stormy(seed, SECOND), Storm::new(seed, 3));
        sim.run_for(SECOND);
        (sim.digest(), sim.steps(), sim.arrival_log().len())
    };
    let first = run(3);
    assert!(first.2 > 10, "{first:?}");
    assert_eq!(first, run(3));
    assert_ne!(first.0, run(4).0);
}

#[test]
fn a_market_maker_keeps_every_promise_over_any_network() {
    let mut sum = Sum::default();
    for seed in seeds(200) {
        calm(seed, Quoter::default(), &mut sum);
    }
    println!("{sum:?}");
    assert!(sum.replaces > sum.seeds && sum.fills > sum.seeds, "{sum:?}");
    assert!(sum.positions > sum.seeds && sum.orders > sum.seeds, "{sum:?}");
}

#[test]
fn a_storm_of_requests_keeps_every_promise_over_any_network() {
    let mut sum = Sum::default();
    for seed in seeds(80) {
        calm(seed, Storm::new(seed, 4), &mut sum);
    }
    println!("{sum:?}");
    assert!(sum.replaces > sum.seeds && sum.fills > sum.seeds, "{sum:?}");
    assert!(sum.positions > sum.seeds && sum.orders > sum.seeds, "{sum:?}");
    assert!(sum.waiting > sum.seeds && sum.triggered > sum.seeds, "{sum:?}");
    assert!(sum.held > sum.dropped + sum.seeds && sum.dropped > sum.seeds, "{sum:?}");
}

#[test]
fn a_market_maker_keeps_every_promise_while_connections_break() {
    let mut sum = Sum::default();
    for seed in seeds(120) {
        stormy(seed, Quoter::default(), &mut sum);
    }
    println!("{sum:?}");
    assert!(sum.downs > 4 * sum.seeds && sum.quiet > sum.seeds, "{sum:?}");
    assert!(sum.uncertain > sum.seeds && sum.reconciled > sum.seeds, "{sum:?}");
}

#[test]
fn a_storm_of_requests_keeps_every_promise_while_connections_break() {
    let mut sum = Sum::default();
    for seed in seeds(60) {
        stormy(seed, Storm::new(seed, 4), &mut sum);
    }
    println!("{sum:?}");
    assert!(sum.downs > 4 * sum.seeds && sum.quiet > sum.seeds, "{sum:?}");
    assert!(sum.waiting > sum.seeds && sum.triggered > sum.seeds / 2, "{sum:?}");
    assert!(
        sum.unsure > sum.seeds,
        "positions that are uncertain by so much are compared: {sum:?}"
    );
}

#[test]
fn a_position_is_the_venues_in_the_end_of_every_run_with_rest_and_uncertain_by_what_is_told_before()
{
    let mut sum = Sum::default();
    for seed in seeds(48) {
        let mut config = SimConfig::stormy(seed, 1_500 * MS);
        config.rest = Some(RestRoute::CALM);
        // Nobody asks the venue for a status: what is lost is swept, and gone.
        (config.reset, config.recovery.status_requests) = (ResetPolicy::Always, false);
        let mut sim = Simulation::new(config, Storm::new(seed, 4));
        sim.run_for(1_500 * MS);
        assert!(sim.run_until(|sim| sim.is_up(), 120 * SECOND), "seed {seed} does not recover");
        let id = InstrumentId(0);
        let is_known = |sim: &Simulation<Storm>| sim.desk().position_unseen(id) == [Qty(0); 2];
        let is_sure = |sim: &Simulation<Storm>| sim.desk().is_reconciled() && is_known(sim);
        assert!(sim.run_until(is_sure, 60 * SECOND), "seed {seed} does not find out");
        assert!(sim.run_until_quiet(60 * SECOND), "seed {seed} is never quiet");
        end(&mut sim);
        assert!(is_known(&sim), "seed {seed}");
        sum.add(&sim);
    }
    println!("{sum:?}");
    assert!(sum.gone > sum.seeds && sum.sure_again > sum.seeds, "{sum:?}");
    assert!(sum.unsure > 0 && sum.recovered > 0, "{sum:?}");
}

#[test]
fn sessions_that_go_on_with_their_numbers_keep_every_promise_while_connections_break() {
    let mut sum = Sum::default();
    for seed in seeds(60) {
        let config = SimConfig { reset: ResetPolicy::Never, ..SimConfig::stormy(seed, 1_500 * MS) };
        storm_over(config, Quoter::default(), &mut sum);
    }
    println!("{sum:?}");
    assert!(sum.downs > 4 * sum.seeds && sum.quiet > sum.seeds, "{sum:?}");
}

#[test]
fn an_engine_on_derivatives_keeps_every_promise_over_any_network() {
    let mut sum = Sum::default();
    for seed in seeds(40) {
        quiet_end(SimConfig::seeded(seed).on_derivatives(), Quoter::default(), &mut sum);
        let mut config = SimConfig::seeded(seed).on_derivatives();
        // As in production.
        let amends = seed % 2 == 0;
        config.venue.switches.derivatives_amends = amends;
        config.reach.amends = amends;
        quiet_end(config, Storm::new(seed, 4), &mut sum);
    }
    println!("{sum:?}");
    assert!(sum.replaces > sum.seeds && sum.fills > sum.seeds, "{sum:?}");
    assert!(sum.positions > sum.seeds && sum.orders > sum.seeds, "{sum:?}");
}

#[test]
fn an_engine_on_derivatives_keeps_every_promise_while_connections_break() {
    let mut sum = Sum::default();
    for seed in seeds(40) {
        let config = || SimConfig::stormy(seed, 1_500 * MS).on_derivatives();
        storm_over(config(), Quoter::default(), &mut sum);
        storm_over(config(), Storm::new(seed, 4), &mut sum);
    }
    println!("{sum:?}");
    assert!(sum.downs > 4 * sum.seeds && sum.quiet > sum.seeds, "{sum:?}");
    assert!(sum.uncertain > sum.seeds && sum.reconciled > sum.seeds, "{sum:?}");
}
