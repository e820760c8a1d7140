//! A desk that mirrors the venue's rate limit, with the venue in the loop.

use std::ops::RangeInclusive;

use taut::conductor::ResetPolicy;
use taut::order::{Order, Scope};
use taut::pipeline::TRADING;
use taut::risk::venue_rate::{BucketSize, Tier};
use taut::risk::{Refusal, TokenCosts, VenueRate, VenueRateRule};
use taut::strategy::{
    CancelScope, Context, InstrumentId, OrderHandle, OrderSpec, OrderUpdate, Px, Qty, RestKind,
    RungReason, SessionUpdate, Side, Strategy, TimerId, UpdateKind,
};
use taut_codec::value::UtcTime;
use taut_venue::config::TierName;
use taut_venue::oes::Scope as Theirs;
use taut_venue::simulation::{Cut, FaultKind, RestRoute, Route, SimConfig, Simulation, TO_VENUE};

const ID: InstrumentId = InstrumentId(0);
const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
/// How long it pushes.
const RUN_NS: u64 = 120 * SECOND;

/// Sends whatever comes to mind about orders far behind the market, as fast as it may.
struct Pusher {
    rng: fastrand::Rng,
    /// Refusals by the mirror, cancels that it held, and refusals by the venue for its rate limit.
    held_back: u64,
    held: u64,
    limited: u64,
    /// Answers to calls by REST, and to CancelAll among them.
    rest: u64,
    rest_all: u64,
    until: UtcTime,
}

impl Pusher {
    fn new() -> Self {
        let rng = fastrand::Rng::with_seed(3);
        let until = UtcTime(0);
        Self { rng, held_back: 0, held: 0, limited: 0, rest: 0, rest_all: 0, until }
    }

    fn push(&mut self, ctx: &mut Context<'_>) {
        let (Some(book), Some(facts)) = (ctx.book(ID), ctx.instrument(ID)) else { return };
        let Some(bid) = book.best_bid() else { return };
        let far = Px(bid.px.0 * 9 / 10 - self.rng.i64(0..50) * facts.tick_size.0);
        let qty = Qty(facts.qty_min.0 * 10);
        let mut open: Vec<OrderHandle> = ctx.open_orders().map(|order| order.handle).collect();
        open.sort_by_key(|order| format!("{order:?}"));
        let order = (!open.is_empty()).then(|| open[self.rng.usize(..open.len())]);
        let result = match (self.rng.u8(..60), order) {
            (0..18, Some(order)) => ctx.replace(order, qty, far),
            (18..27, Some(order)) => ctx.cancel(order).map(|route| {
                self.held += u64::from(route.reason == RungReason::RateLimited);
            }),
            (27, _) if ctx.is_trading_up() => ctx.cancel_all(CancelScope::Session).map(|_| ()),
            // Without a session it is done by REST.
            (27, _) => ctx.cancel_all(CancelScope::SenderCompId).map(|_| ()),
            _ => ctx.order(OrderSpec::limit(ID, Side::Buy, qty, far)).map(|_| ()),
        };
        self.held_back +=
            u64::from(matches!(result, Err(Refusal::VenueRate { .. } | Refusal::CancelsHeld)));
    }
}

impl Strategy for Pusher {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        self.until = ctx.now().plus_nanos(RUN_NS);
        ctx.set_timer(TimerId(0), ctx.now()).expect("the first timer");
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: TimerId) {
        if ctx.now() < self.until {
            self.push(ctx);
            let next = ctx.now().plus_nanos(self.rng.u64(1_000_000..900_000_000));
            ctx.set_timer(timer, next).expect("the same timer");
        }
    }

    fn on_session(&mut self, _: &mut Context<'_>, update: &SessionUpdate) {
        if let SessionUpdate::Rest { kind, .. } = update {
            self.rest += 1;
            self.rest_all += u64::from(*kind == RestKind::CancelAll);
        }
    }

    fn on_order(&mut self, _: &mut Context<'_>, update: &OrderUpdate) {
        if let UpdateKind::RefusedByVenue { text, .. } = update.kind {
            let text = text.as_str();
            let is_limit = text.contains("ate limit") || text.contains("LimitExceeded");
            self.limited += u64::from(is_limit);
        }
    }

    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.until = ctx.now();
        ctx.cancel_open_orders();
    }
}

/// Both sides hear of everything at once, and orders outlive their connection.
fn config() -> SimConfig {
    let mut config = SimConfig::calm(11);
    config.venue.liquidity.synthetic.events_per_second = 5;
    config.instruments[0].risk.collar_bps = 5_000;
    let at_once = Route { latency_ns: 0..=0, ..Route::CALM };
    (config.cancel_on_disconnect, config.reset) = (false, ResetPolicy::Always);
    (config.to_venue, config.to_engine) = (at_once.clone(), at_once);
    // They are amended and cancelled one by one, so that cancels meet a full counter in spite of cuts.
    let switches = &mut config.venue.switches;
    (switches.cancel_scope, switches.amend_scope) = (Theirs::SenderCache, Theirs::SenderCache);
    (config.reach.cancel, config.reach.amend) = (Scope::SenderCompId, Scope::SenderCompId);
    config
}

/// A run of two minutes; with `cuts`, connections break at quiet points and are back after so long, and the desk
/// asks about its orders.
fn run(mut config: SimConfig, cuts: Option<RangeInclusive<u64>>) -> Simulation<Pusher> {
    config.venue.clients[0].tier = TierName::Starter;
    config.reconnect_after = Some(cuts.clone().unwrap_or(MS..=MS));
    let (tier, mass_cancel_points) = (Tier::STARTER, true);
    let rule = VenueRateRule::Spot { tier, cancels_limited: true, mass_cancel_points };
    config.venue_rate = VenueRate { rule, reserve: 8, holds_cancels: true };
    let has_rest = config.rest.is_some();
    let mut sim = Simulation::new(config, Pusher::new());
    assert!(sim.run_until(Simulation::is_up, 10 * SECOND), "it starts");
    let (end, mut compared, mut most) = (sim.now().plus_nanos(RUN_NS), 0, 0);
    let mut next_cut = sim.now().plus_nanos(3 * SECOND);
    while sim.now() < end {
        sim.step();
        let is_answered = sim.desk().stats().rest_calls == sim.desk().strategy().rest;
        if is_answered && sim.desk().commands_under_way() == 0 && sim.desk().is_reconciled() {
            let now = sim.now();
            let points = sim.venue().rate_points("TAUT", "BTC/USD", now);
            assert_eq!(sim.desk().risk().mirror().points(ID, now), Some(points), "{now:?}");
            (compared, most) = (compared + 1, most.max(points));
            let is_open = sim.is_up() && sim.venue().open_orders("TAUT") > 0;
            if cuts.is_some() && is_open && now > next_cut {
                sim.inject(TRADING, FaultKind::Cut { direction: TO_VENUE, cut: Cut::Reset });
                next_cut = now.plus_nanos(3 * SECOND);
            }
        }
    }
    let strategy = sim.desk().strategy();
    assert_eq!(strategy.limited, 0, "the venue refused nothing for its limit");
    assert!(strategy.held_back > 20, "the mirror did: {}", strategy.held_back);
    assert!(compared > 500 && most > 40, "{compared} comparisons, {most} points at most");
    let (asked, held) = (strategy.held, sim.desk().stats().cancels_held);
    let held_enough = has_rest || (asked > 5 && held > 5);
    assert!(held_enough, "cancels were held: {asked} by the strategy, {held} in all");
    // It pushes no more.
    let is_held = |order: &Order| order.is_cancel_kept();
    let is_none_held = |sim: &Simulation<Pusher>| !sim.desk().orders().live().any(is_held);
    assert!(sim.run_until(is_none_held, 600 * SECOND), "each leaves in the end");
    assert_eq!(sim.desk().strategy().limited, 0, "and the venue refuses none");
    sim.stop();
    assert!(sim.run_until(Simulation::is_over, 60 * SECOND), "it ends");
    assert_eq!(sim.venue().open_orders("TAUT"), 0, "nothing is left behind");
    sim
}

#[test]
fn a_desk_with_the_mirror_stays_below_the_venues_limit_and_knows_where_it_stands() {
    assert_eq!(run(config(), None).desk().stats().markers, 0);
}

#[test]
fn the_questions_after_a_drop_cost_the_mirror_what_they_cost_the_venue() {
    let sim = run(config(), Some(MS..=MS));
    let stats = sim.desk().stats();
    assert!(sim.faults() > 5 && stats.markers > 5 && stats.found_open > 5, "{stats:?}");
}

#[test]
fn cancels_by_rest_cost_the_mirror_what_they_cost_the_venue() {
    let mut config = config();
    config.rest = Some(RestRoute { latency_ns: 0..=0, ..RestRoute::CALM });
    let sim = run(config, Some(2 * SECOND..=2 * SECOND));
    let (stats, strategy) = (sim.desk().stats(), sim.desk().strategy());
    assert!(stats.rest_cancels > 10 && stats.rest_failures > 5, "{stats:?}");
    assert!(strategy.rest_all > 2, "{}", strategy.rest_all);
}

#[test]
fn a_desk_on_derivatives_knows_at_every_step_how_many_tokens_the_venue_has_left() {
    let mut config = config().on_derivatives();
    let (tokens, costs) = (100, TokenCosts::default());
    config.venue.derivatives_limits.tokens = tokens;
    config.reconnect_after = Some(MS..=MS);
    let size = BucketSize { tokens, ..BucketSize::default() };
    let rule = VenueRateRule::Derivatives { size, costs };
    config.venue_rate = VenueRate { rule, reserve: 25, holds_cancels: true };
    let mut sim = Simulation::new(config, Pusher::new());
    assert!(sim.run_until(Simulation::is_up, 10 * SECOND), "it starts");
    let (end, mut compared, mut least) = (sim.now().plus_nanos(RUN_NS), 0, tokens);
    let mut next_cut = sim.now().plus_nanos(3 * SECOND);
    while sim.now() < end {
        sim.step();
        if sim.desk().commands_under_way() == 0 && sim.is_up() {
            let now = sim.now();
            let left = sim.venue().rate_tokens("TAUT_DRV", now);
            assert_eq!(sim.desk().risk().mirror().room(ID, now), Some(left), "{now:?}");
            (compared, least) = (compared + 1, least.min(left));
            if sim.desk().is_reconciled() && now > next_cut {
                sim.inject(TRADING, FaultKind::Cut { direction: TO_VENUE, cut: Cut::Reset });
                next_cut = now.plus_nanos(3 * SECOND);
            }
        }
    }
    let (strategy, stats) = (sim.desk().strategy(), sim.desk().stats());
    assert_eq!(strategy.limited, 0, "the venue refused nothing for its limit");
    assert!(compared > 500 && least < 10 && strategy.held_back > 20, "{compared} {least}");
    assert!(sim.faults() > 5 && stats.markers > 5, "{stats:?}");
}
