//! What a second run of the engine finds out about the orders of the first, which was killed.

use taut::conductor::ResetPolicy;
use taut::event::DownReason;
use taut::order::Proof;
use taut::pipeline::{MARKET_DATA, TRADING};
use taut::strategy::OrderState;
use taut_venue::simulation::strategies::Quoter;
use taut_venue::simulation::{FaultKind, SimConfig, Simulation, TO_ENGINE, TO_VENUE};

use super::{Case, ID, Lost, MS, SECOND, Script, config};

#[test]
fn after_our_own_crash_the_journal_tells_what_may_be_open_and_the_venue_what_is() {
    const GO_ON: ResetPolicy = ResetPolicy::Never;
    const RESET: ResetPolicy = ResetPolicy::Always;
    let open = (OrderState::New, 1);
    println!("lost     cancel-on-disconnect numbers | the second run is told   at the venue");
    for ((lost, cancel_on_disconnect, reset), ((state, there), proof)) in [
        ((Lost::Nothing, false, GO_ON), (open, Proof::Told)),
        ((Lost::Nothing, false, RESET), (open, Proof::Told)),
        ((Lost::Nothing, true, GO_ON), ((OrderState::Canceled, 0), Proof::Told)),
        ((Lost::Nothing, true, RESET), ((OrderState::Canceled, 0), Proof::Told)),
        ((Lost::Order, false, GO_ON), ((OrderState::Withdrawn, 0), Proof::NeverArrived)),
        ((Lost::Order, false, RESET), ((OrderState::Gone, 0), Proof::Swept)),
        ((Lost::Answer, false, GO_ON), (open, Proof::Told)),
        ((Lost::Answer, true, GO_ON), ((OrderState::Canceled, 0), Proof::Told)),
        ((Lost::Answer, false, RESET), ((OrderState::Canceled, 0), Proof::Told)),
    ] {
        let status_requests = true;
        let case = Case {
            name: "crash",
            lost,
            killed: false,
            cancel_on_disconnect,
            reset,
            status_requests,
        };
        let dir = tempfile::tempdir().expect("a directory");
        let mut config = config(&case);
        config.journal = Some(dir.path().to_owned());
        let mut sim = Simulation::new(config, Script::default());
        assert!(sim.run_until(|sim| sim.is_up(), SECOND));
        let stall = |sim: &mut Simulation<Script>, direction| {
            sim.inject(TRADING, FaultKind::Stall { direction, nanos: 200 * MS });
        };
        match lost {
            Lost::Nothing => {}
            Lost::Order => stall(&mut sim, TO_VENUE),
            Lost::Answer => stall(&mut sim, TO_ENGINE),
        }
        sim.run_for(50 * MS);
        assert!(sim.desk().strategy().order.is_some());
        sim.crash();
        let known = |sim: &Simulation<Script>| sim.is_up() && sim.desk().is_reconciled();
        assert!(sim.run_until(known, 120 * SECOND), "it is not found out");
        assert!(sim.run_until_quiet(SECOND), "both sides agree");
        let name = match lost {
            Lost::Nothing => "nothing",
            Lost::Order => "order",
            Lost::Answer => "answer",
        };
        let numbers = if reset == RESET { "reset" } else { "go on" };
        let row = format!("{name:8} {cancel_on_disconnect:<20} {numbers:7}");
        println!("{row} | {state:?}, {proof:?}; {there} open");
        let strategy = sim.desk().strategy();
        assert_eq!(strategy.recalled, Some(1), "{row}");
        assert_eq!(strategy.truth, [(vec![(state, proof)], 0)], "{row}");
        assert_eq!(sim.venue().open_orders("TAUT"), there, "{row}");
    }
}

#[test]
fn a_market_maker_that_is_killed_again_and_again_knows_its_orders_and_its_position_each_time() {
    let (mut recalled, mut fills, mut compared) = (0, 0, 0);
    for seed in 0..24 {
        let dir = tempfile::tempdir().expect("a directory");
        let mut config = SimConfig::seeded(seed);
        config.reset = [ResetPolicy::Never, ResetPolicy::Always][seed as usize % 2];
        config.cancel_on_disconnect = seed % 4 < 2;
        config.journal = Some(dir.path().to_owned());
        config.reconnect_after = Some(MS..=20 * MS);
        let config = if seed % 3 == 2 { config.on_derivatives() } else { config };
        let mut sim = Simulation::new(config, Quoter::default());
        for run in 0..4 {
            let known = |sim: &Simulation<Quoter>| sim.is_up() && sim.desk().is_reconciled();
            assert!(sim.run_until(known, 120 * SECOND), "seed {seed} run {run}: no start");
            // Both sides are compared at every quiet point: orders, and what was ever traded.
            sim.run_for(300 * MS + seed * 7 * MS);
            recalled += sim.desk().stats().recalled;
            if run < 3 {
                sim.crash();
            }
        }
        let position = sim.desk().positions().get(ID).copied().unwrap_or_default();
        fills += position.fills - sim.desk().stats().fills;
        compared += sim.comparisons().1;
        sim.stop();
        assert!(sim.run_until(|sim| sim.is_over(), 60 * SECOND));
        let left = ["TAUT", "TAUT_DRV"].map(|sender| sim.venue().open_orders(sender));
        assert_eq!(left, [0; 2], "seed {seed}");
    }
    println!("{recalled} orders recalled, {fills} fills of earlier runs, {compared} comparisons");
    assert!(recalled > 20 && fills > 100 && compared > 1_000);
}

#[test]
fn reports_that_come_before_the_instruments_are_known_are_not_lost() {
    let (mut early, mut fills) = (0, 0);
    for seed in 0..6 {
        let dir = tempfile::tempdir().expect("a directory");
        let mut config = SimConfig::seeded(seed);
        config.random_faults = None;
        config.reset = ResetPolicy::Never;
        config.cancel_on_disconnect = false;
        config.journal = Some(dir.path().to_owned());
        config.reconnect_after = Some(MS..=20 * MS);
        let mut sim = Simulation::new(config, Quoter::default());
        let known = |sim: &Simulation<Quoter>| sim.is_up() && sim.desk().is_reconciled();
        assert!(sim.run_until(known, 120 * SECOND), "seed {seed}: no start");
        sim.run_for(300 * MS + seed * 7 * MS);
        sim.crash();
        // The market data session connects, and brings nothing for longer than the trading session waits
        // with what the journal knows; meanwhile orders of the first run are filled.
        let until = sim.now().0 + 14 * SECOND;
        while sim.now().0 < until {
            let nanos = until - sim.now().0;
            let stall = FaultKind::Stall { direction: TO_ENGINE, nanos };
            sim.inject(MARKET_DATA, stall);
            sim.step();
        }
        assert!(sim.run_until(known, 120 * SECOND), "seed {seed}: no second start");
        early += sim.down_reasons().filter(|one| *one == DownReason::InstrumentsUnknown).count();
        sim.run_for(300 * MS);
        assert!(sim.run_until_quiet(SECOND), "seed {seed}: both sides agree");
        let position = sim.desk().positions().get(ID).copied().unwrap_or_default();
        fills += position.fills - sim.desk().stats().fills;
    }
    println!("{early} reports came early, {fills} fills of earlier runs");
    assert!(early > 0 && fills > 0, "{early} {fills}");
}
