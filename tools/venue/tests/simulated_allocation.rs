//! The allocation gate over whatever a seed brings: an engine on both markets, whose connections break, which asks
//! for the truth, climbs the ladder to REST and is killed, allocates nothing after its start. This binary has
//! the counting allocator and one test, as all threads count together. `TAUT_SEEDS=N` as in `both_markets.rs`.

use taut::conductor::ResetPolicy;
use taut::desk::Reconciled;
use taut::order::{Reach, Scope};
use taut::strategy::{
    Context, InstrumentId, OrderUpdate, SessionUpdate, Strategy, TimerId, UpdateKind,
};
use taut::trace::allocation::{CountingAllocator, allocations};
use taut_venue::simulation::strategies::Storm;
use taut_venue::simulation::{RestRoute, SimConfig, Simulation};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// A storm, which pulls the kill switch after a while if it is to, and counts what it was told.
struct Stopped {
    storm: Storm,
    kills: bool,
    told: Told,
}

#[derive(Debug, Default, Clone, Copy)]
struct Told {
    refused: u64,
    ends: u64,
    reconciled: u64,
    killed: u64,
}

impl Strategy for Stopped {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        self.storm.on_start(ctx);
        if self.kills {
            ctx.set_timer(TimerId(0), ctx.now().plus_nanos(SECOND)).expect("the first timer");
        }
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        self.storm.on_book(ctx, id);
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        self.told.refused += u64::from(matches!(update.kind, UpdateKind::RefusedByVenue { .. }));
        self.told.ends += u64::from(update.state.is_end());
        self.storm.on_order(ctx, update);
    }

    fn on_session(&mut self, ctx: &mut Context<'_>, update: &SessionUpdate) {
        self.told.killed += u64::from(matches!(update, SessionUpdate::Killed { .. }));
        self.storm.on_session(ctx, update);
    }

    fn on_reconciled(&mut self, ctx: &mut Context<'_>, truth: &Reconciled<'_>) {
        self.told.reconciled += 1;
        self.storm.on_reconciled(ctx, truth);
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, _: TimerId) {
        ctx.kill();
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.storm.on_stop(ctx);
    }
}

#[test]
fn nothing_is_allocated_on_the_path_whatever_breaks_and_however_it_is_found_out() {
    let seeds = std::env::var("TAUT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let (mut sum, mut downs, mut by_rest) = (Told::default(), 0, 0);
    for seed in 0..seeds {
        let mut config = SimConfig::stormy(seed, 1_500 * MS).on_both();
        config.reset = if seed % 3 == 0 { ResetPolicy::Always } else { ResetPolicy::Never };
        if seed % 2 == 0 {
            config.cancel_on_disconnect = false;
            config.rest = Some(RestRoute::CALM);
        }
        if seed % 4 == 0 {
            let narrow = taut_venue::oes::Scope::Connection;
            let switches = &mut config.venue.switches;
            (switches.cancel_scope, switches.amend_scope) = (narrow, narrow);
            (switches.mass_cancel_session_scope, switches.mass_cancel_all_scope) = (narrow, narrow);
            config.reach = Reach { mass_cancel_all: Scope::Connection, ..Reach::default() };
        }
        let storm = Storm::new(seed, 4);
        let strategy = Stopped { storm, kills: seed % 3 == 1, told: Told::default() };
        let mut sim = Simulation::new(config, strategy);
        sim.run_for(1_500 * MS);
        assert!(sim.run_until(Simulation::is_up, 120 * SECOND), "seed {seed} does not recover");
        let is_reconciled = |sim: &Simulation<Stopped>| sim.desk().is_reconciled();
        assert!(sim.run_until(is_reconciled, 60 * SECOND), "seed {seed} does not find out");
        // One of the killed, which send no orders, for longer than any heartbeat.
        sim.run_for(if seed == 1 { 70 * SECOND } else { SECOND / 2 });
        sim.stop();
        assert!(sim.run_until(Simulation::is_over, 60 * SECOND), "seed {seed} does not end");
        let Told { refused, ends, reconciled, killed } = sim.desk().strategy().told;
        sum.refused += refused;
        sum.ends += ends;
        sum.reconciled += reconciled;
        sum.killed += killed;
        downs += sim.downs();
        by_rest += sim.desk().stats().rest_cancels;
        let seen = allocations();
        assert!(seen.counted, "the counting allocator is in this binary");
        assert_eq!(seen.count, 0, "seed {seed}: {}", seen.first_stack.unwrap_or_default());
    }
    println!("{sum:?}, {downs} downs, {by_rest} cancels by REST");
    assert!(sum.refused > 0 && sum.ends > 100 && downs > 4 * seeds as usize, "{sum:?}, {downs}");
    assert!(sum.reconciled > 0 && sum.killed > 0 && by_rest > 0, "{sum:?}, {by_rest}");
}
