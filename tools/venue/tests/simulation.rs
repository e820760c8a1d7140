//! The whole system from one seed. `TAUT_SEEDS=N` runs every property over N seeds in place of its
//! usual number; `TAUT_SEED=S` over the seed S only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use taut::conductor::{ResetPolicy, Rollover};
use taut::desk::Resume;
use taut::order::{Reach, Scope};
use taut::pipeline::{MARKET_DATA, TRADING};
use taut::strategy::{
    Context, InstrumentId, OrderUpdate, Refusal, Rung, SessionUpdate, Side, Strategy, TimerId,
    UpdateKind,
};
use taut::types::Market;
use taut_codec::value::UtcTime;
use taut_venue::gateway::RoutingMode;
use taut_venue::simulation::strategies::{Quoter, Storm};
use taut_venue::simulation::{
    Cut, End, FaultKind, RestRoute, SimConfig, Simulation, TO_ENGINE, TO_VENUE,
};

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

/// The scopes of a venue, and the profile of an engine that knows them.
fn scopes(seed: u64) -> ([taut_venue::oes::Scope; 4], Reach) {
    use taut_venue::oes::Scope as Theirs;
    let draw = |bits: u32| match seed >> bits & 3 {
        0 | 1 => (Theirs::Connection, Scope::Connection),
        2 => (Theirs::SenderCache, Scope::SenderCompId),
        _ => (Theirs::Account, Scope::Account),
    };
    let [cancel, amend, session] = [0, 2, 4].map(draw);
    // The widest rung always reaches what is ours.
    let all = match seed >> 6 & 1 {
        0 => (Theirs::SenderCache, Scope::SenderCompId),
        _ => (Theirs::Account, Scope::Account),
    };
    let reach = Reach {
        cancel: cancel.1,
        amend: amend.1,
        mass_cancel_session: session.1,
        mass_cancel_all: all.1,
        ..Reach::default()
    };
    ([cancel.0, amend.0, session.0, all.0], reach)
}

#[test]
fn no_live_order_is_out_of_reach_whatever_the_venue_lets_requests_reach() {
    let mut sum = Sum::default();
    for seed in seeds(128) {
        let mut config = SimConfig::stormy(seed, 1_500 * MS);
        let ([cancel, amend, session, all], reach) = scopes(seed);
        let switches = &mut config.venue.switches;
        (switches.cancel_scope, switches.amend_scope) = (cancel, amend);
        (switches.mass_cancel_session_scope, switches.mass_cancel_all_scope) = (session, all);
        (config.cancel_on_disconnect, config.reach) = (false, reach);
        let mut sim = Simulation::new(config, Quoter::default());
        sim.run_for(1_500 * MS);
        assert!(sim.run_until(|sim| sim.is_up(), 120 * SECOND), "seed {seed} does not recover");
        let reconciled = |sim: &Simulation<Quoter>| sim.desk().is_reconciled();
        assert!(sim.run_until(reconciled, 60 * SECOND), "seed {seed} does not find out");
        end(&mut sim);
        assert_eq!(sim.desk().orders().live_len(), 0, "seed {seed} {reach:?}");
        assert_eq!(sim.venue().open_orders("TAUT"), 0, "seed {seed} {reach:?} left orders behind");
        sum.add(&sim);
    }
    println!("{sum:?}");
    assert!(sum.kept_open > sum.seeds / 2, "orders of earlier connections are among them: {sum:?}");
}

/// Quotes, and cancels what it likes when it likes, whatever the session is doing. No cancel may be out of
/// reach.
struct Fickle {
    quoter: Quoter,
    rng: fastrand::Rng,
    by: BTreeMap<&'static str, u64>,
}

impl Fickle {
    fn new(seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self { quoter: Quoter::default(), rng, by: BTreeMap::new() }
    }

    fn cancel_some(&mut self, ctx: &mut Context<'_>) {
        let orders: Vec<_> = ctx.open_orders().map(|order| order.handle).collect();
        for order in orders {
            if self.rng.u8(..4) > 0 {
                continue;
            }
            let how = match ctx.cancel(order).map(|route| route.rung) {
                Ok(Rung::Cancel) => "F",
                Ok(Rung::MassCancel(_)) => "q",
                Ok(Rung::Rest) => "REST",
                Ok(Rung::Kept) => "kept",
                Err(Refusal::CancelPending) => "pending",
                Err(refusal) => panic!("{refusal}: {:?}", ctx.order_state(order)),
            };
            *self.by.entry(how).or_default() += 1;
        }
    }
}

impl Strategy for Fickle {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        self.on_timer(ctx, TimerId(1));
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: TimerId) {
        self.cancel_some(ctx);
        let at = UtcTime(ctx.now().0 + self.rng.u64(MS..50 * MS));
        ctx.set_timer(timer, at).expect("one timer");
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, instrument: InstrumentId) {
        self.quoter.on_book(ctx, instrument);
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        if let UpdateKind::CancelClimbed { .. } = update.kind {
            *self.by.entry("climbed").or_default() += 1;
        }
        self.quoter.on_order(ctx, update);
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.quoter.on_stop(ctx);
    }
}

#[test]
fn no_live_order_is_out_of_reach_while_rest_is_there_however_narrow_the_session_and_bad_the_network()
 {
    let (mut sum, mut by, mut calls) = (Sum::default(), BTreeMap::<_, u64>::new(), [0; 3]);
    let mut on_derivatives = 0;
    // Of every fourth seed a second one, on derivatives.
    let markets =
        |seed| [Market::Spot, Market::Derivatives].into_iter().take(1 + usize::from(seed % 4 == 1));
    for (seed, market) in seeds(96).flat_map(|seed| markets(seed).map(move |market| (seed, market)))
    {
        let mut config = SimConfig::stormy(seed, 1_500 * MS);
        if market == Market::Derivatives {
            config = config.on_derivatives();
        }
        let ([cancel, amend, session, _], reach) = scopes(seed);
        let switches = &mut config.venue.switches;
        (switches.cancel_scope, switches.amend_scope) = (cancel, amend);
        switches.mass_cancel_session_scope = session;
        // Not even the widest mass cancel reaches beyond the connection.
        switches.mass_cancel_all_scope = taut_venue::oes::Scope::Connection;
        let reach = Reach { mass_cancel_all: Scope::Connection, ..reach };
        (config.cancel_on_disconnect, config.reach) = (seed % 4 == 0, reach);
        config.reset = if seed % 2 == 0 { ResetPolicy::Always } else { ResetPolicy::Never };
        config.recovery.may_cancel = seed % 8 < 4;
        config.recovery.status_requests = seed % 16 < 8;
        let lost = [0, 20, 60][seed as usize % 3];
        config.rest = Some(RestRoute { lost, latency_ns: MS..=20 * MS, ..RestRoute::CALM });
        // Often the session is away for longer than a call takes.
        config.reconnect_after = Some(MS..=400 * MS);
        let mut sim = Simulation::new(config, Fickle::new(seed));
        sim.run_for(1_500 * MS);
        assert!(sim.run_until(|sim| sim.is_up(), 120 * SECOND), "seed {seed} does not recover");
        let reconciled = |sim: &Simulation<Fickle>| sim.desk().is_reconciled();
        assert!(sim.run_until(reconciled, 60 * SECOND), "seed {seed} does not find out");
        end(&mut sim);
        assert_eq!(sim.desk().orders().live_len(), 0, "seed {seed} {market:?} {reach:?}");
        let left = ["TAUT", "TAUT_DRV"].map(|sender| sim.venue().open_orders(sender));
        assert_eq!(left, [0; 2], "seed {seed} {market:?} {reach:?} left orders behind");
        let stats = sim.desk().stats();
        on_derivatives += stats.rest_cancels * u64::from(market == Market::Derivatives);
        for (all, one) in
            calls.iter_mut().zip([stats.rest_calls, stats.rest_cancels, stats.rest_failures])
        {
            *all += one;
        }
        for (how, count) in &sim.desk().strategy().by {
            *by.entry(*how).or_default() += count;
        }
        sum.add(&sim);
    }
    println!("{sum:?}, cancels {by:?}, calls, cancels, failures {calls:?}");
    let some = |how| by.get(how).is_some_and(|count| *count > sum.seeds / 4);
    assert!(some("F") && some("REST") && by.contains_key("climbed"), "{by:?}");
    assert!(calls[1] > sum.seeds / 4 && calls[2] > sum.seeds / 8, "{calls:?}");
    assert!(sum.seeds < 96 || on_derivatives > 6, "{on_derivatives}");
}

/// A storm that sends an order as soon as the trading session is up.
struct Eager(Storm);

impl Strategy for Eager {
    fn on_book(&mut self, ctx: &mut Context<'_>, instrument: InstrumentId) {
        self.0.on_book(ctx, instrument);
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        self.0.on_order(ctx, update);
    }

    fn on_session(&mut self, ctx: &mut Context<'_>, update: &SessionUpdate) {
        let id = InstrumentId(0);
        let bid = ctx.book(id).and_then(|book| book.best(Side::Buy)).map(|level| level.px);
        let qty = ctx.instrument(id).map(|facts| facts.qty_min);
        if let (SessionUpdate::Up { session: TRADING, .. }, Some((px, qty))) =
            (update, bid.zip(qty))
        {
            // Refused before the start.
            let _ = ctx.buy(id, qty, px);
        }
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.0.on_stop(ctx);
    }
}

/// Orders are lost with the trading connection, and others sent as soon as it is back, while the venue's
/// ResendRequest comes in pieces behind its answer to the Logon.
fn orders_on_both_sides_of_a_cut(synchronise: bool, phase: u64) {
    let mut config = SimConfig { synchronise, ..SimConfig::calm(phase) };
    config.recovery.resume = Resume::AtOnce;
    config.cancel_on_disconnect = false;
    config.to_engine.chunk = 30..=30;
    config.venue.liquidity.synthetic.events_per_second = 1_000;
    config.reconnect_after = Some(MS..=4 * MS);
    let mut sim = Simulation::new(config, Eager(Storm::new(phase, 2)));
    assert!(sim.run_until(|sim| sim.is_up(), 5 * SECOND));
    sim.run_for(10 * MS + phase * MS);
    sim.inject(TRADING, FaultKind::Stall { direction: TO_VENUE, nanos: 60 * MS });
    sim.run_for(50 * MS);
    sim.inject(TRADING, FaultKind::Cut { direction: TO_VENUE, cut: Cut::Reset });
    assert!(sim.run_until(|sim| !sim.is_up(), SECOND), "phase {phase}: it is not noticed");
    assert!(sim.run_until(|sim| sim.is_up(), SECOND), "phase {phase}: it does not come back");
    sim.run_for(30 * MS);
    sim.run_until_quiet(SECOND);
}

#[test]
fn no_order_is_voided_by_our_own_gap_fill_after_a_reconnect_without_a_reset() {
    for phase in 0..25 {
        orders_on_both_sides_of_a_cut(true, phase);
    }
}

#[test]
fn a_session_that_is_called_up_too_early_loses_an_order_and_the_simulation_sees_it() {
    let found = (0..25).find_map(|phase| {
        let panic =
            std::panic::catch_unwind(|| orders_on_both_sides_of_a_cut(false, phase)).err()?;
        panic.downcast_ref::<String>().cloned()
    });
    let violation = found.expect("one of them sends an order before the ResendRequest is here");
    assert!(violation.contains("the venue does not have"), "{violation}");
}

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

#[test]
fn the_engine_holds_its_orders_for_the_rollover_and_trades_on_in_a_new_epoch() {
    let mut config = SimConfig::calm(3);
    // The simulated day begins at 08:00:00. The venue does not drop the sessions: we leave at the end of
    // the window.
    let (at, second) = (Duration::from_secs(8 * 3600 + 5), Duration::from_secs(1));
    config.rollover = Some(Rollover { at, window: second, hold: second });
    config.reset = ResetPolicy::AfterRollover;
    config.reconnect_after = Some(MS..=4 * MS);
    let mut sim = Simulation::new(config, Eager(Storm::new(3, 2)));
    assert!(sim.run_until(|sim| sim.is_up(), SECOND));
    sim.run_for(3_500 * MS);
    let orders = |sim: &Simulation<Eager>| sim.desk().stats().orders;
    let before = orders(&sim);
    assert!(before > 0, "it trades");
    assert!(
        sim.run_until(|sim| sim.now().0 % (86_400 * SECOND) >= (8 * 3600 + 4) * SECOND, SECOND)
    );
    let held = orders(&sim);
    sim.run_for(1_500 * MS);
    assert_eq!(orders(&sim), held, "no new order in the second before the rollover and behind it");
    assert!(sim.run_until(|sim| sim.downs() == 2, SECOND), "both sessions leave");
    assert!(sim.run_until(|sim| sim.is_up(), SECOND), "and come back");
    sim.run_for(SECOND);
    assert!(orders(&sim) > held, "it trades on");
    let epochs: Vec<u32> = sim
        .sent_log()
        .iter()
        .filter_map(|one| match one.end {
            Some(End::OnWire { epoch, .. }) => Some(epoch),
            _ => None,
        })
        .collect();
    assert!(epochs.is_sorted() && epochs.first() < epochs.last(), "{:?}", epochs.last());
    end(&mut sim);
}

#[test]
fn a_session_that_comes_back_behind_a_gap_gets_its_book() {
    let mut sim = Simulation::new(SimConfig::calm(1), Quoter::default());
    assert!(sim.run_until(|sim| sim.is_up(), SECOND));
    // The updates of 100 ms are lost, and with them their numbers.
    sim.inject(MARKET_DATA, FaultKind::Stall { direction: TO_ENGINE, nanos: 150 * MS });
    sim.run_for(100 * MS);
    sim.inject(MARKET_DATA, FaultKind::Cut { direction: TO_ENGINE, cut: Cut::Reset });
    assert!(sim.run_until(|sim| !sim.is_up(), SECOND));
    sim.reconnect();
    let is_live = |sim: &Simulation<Quoter>| {
        sim.is_up() && sim.desk().markets().get(InstrumentId(0)).is_some_and(|one| one.is_live())
    };
    assert!(sim.run_until(is_live, SECOND), "what was asked for while the gap was open is lost");
    assert!(sim.run_until_quiet(SECOND));
}
