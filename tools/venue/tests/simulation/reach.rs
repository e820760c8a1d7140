//! No live order is out of reach, whatever the venue lets requests reach.

use std::collections::BTreeMap;

use taut::conductor::ResetPolicy;
use taut::order::{Reach, Scope};
use taut::strategy::{
    Context, InstrumentId, OrderSpec, OrderUpdate, Px, Qty, Refusal, Rung, Side, Strategy, TimerId,
    UpdateKind,
};
use taut::types::Market;
use taut_codec::value::UtcTime;
use taut_venue::simulation::strategies::{Quoter, Storm};
use taut_venue::simulation::{RestRoute, SimConfig, Simulation};

use super::{MS, SECOND, Sum, end, seeds};

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
        if seed % 2 == 0 {
            leaves_nothing(config.clone(), Quoter::default(), &mut sum);
        }
        // With orders that wait for a trigger, on both markets in turn.
        let config = if seed % 4 == 3 { config.on_derivatives() } else { config };
        leaves_nothing(config, Storm::new(seed, 3), &mut sum);
    }
    println!("{sum:?}");
    assert!(sum.kept_open > sum.seeds / 2, "orders of earlier connections are among them: {sum:?}");
    assert!(sum.waiting > sum.seeds, "and some wait for a trigger: {sum:?}");
}

fn leaves_nothing<S: Strategy>(config: SimConfig, strategy: S, sum: &mut Sum) {
    let (seed, reach) = (config.seed, config.reach);
    let mut sim = Simulation::new(config, strategy);
    sim.run_for(1_500 * MS);
    assert!(sim.run_until(|sim| sim.is_up(), 120 * SECOND), "seed {seed} does not recover");
    let reconciled = |sim: &Simulation<S>| sim.desk().is_reconciled();
    assert!(sim.run_until(reconciled, 60 * SECOND), "seed {seed} does not find out");
    end(&mut sim);
    assert_eq!(sim.desk().orders().live_len(), 0, "seed {seed} {reach:?}");
    let left = ["TAUT", "TAUT_DRV"].map(|sender| sim.venue().open_orders(sender));
    assert_eq!(left, [0; 2], "seed {seed} {reach:?} left orders behind");
    sum.add(&sim);
}

/// Now and then an order that waits for a trigger, near enough that some fire.
fn waits(ctx: &mut Context<'_>, rng: &mut fastrand::Rng) {
    let id = InstrumentId(0);
    let (Some(facts), Some(book)) = (ctx.instrument(id), ctx.book(id)) else { return };
    let Some(bid) = book.best_bid().filter(|_| rng.u8(..4) == 0) else { return };
    let stop = Px(bid.px.0 - rng.i64(1..60) * facts.tick_size.0);
    let spec = OrderSpec::market(id, Side::Sell, Qty(facts.qty_min.0 * 10)).stop_loss(stop);
    // Refused while the session is down.
    let _ = ctx.order(spec).is_ok();
}

/// Quotes, and sends orders that wait for a trigger, and cancels what it likes when it likes, whatever the session is doing. No cancel may be out of
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
        waits(ctx, &mut self.rng);
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
    assert!(sum.seeds < 96 || sum.waiting > sum.seeds, "some wait for a trigger: {sum:?}");
    println!("{sum:?}, cancels {by:?}, calls, cancels, failures {calls:?}");
    let some = |how| by.get(how).is_some_and(|count| *count > sum.seeds / 4);
    assert!(some("F") && some("REST") && by.contains_key("climbed"), "{by:?}");
    assert!(calls[1] > sum.seeds / 4 && calls[2] > sum.seeds / 8, "{calls:?}");
    assert!(sum.seeds < 96 || on_derivatives > 6, "{on_derivatives}");
}
