//! Cancels that the venue's rate limit would refuse.

use proptest::prelude::*;

use super::*;
use crate::command::CancelScope;
use crate::desk::{RestPolicy, Sweep};
use crate::risk::venue_rate::{BucketSize, Tier};
use crate::risk::{Charge, Mirror, TokenCosts, VenueRateRule};

const SECOND: u64 = 1_000_000_000;
const ETH: InstrumentId = InstrumentId(1);
const HELD: CancelRoute = CancelRoute { rung: Rung::Kept, reason: RungReason::RateLimited };

/// 60 points, of which one falls in a second; a cancel of a young order costs 8.
fn starter(holds_cancels: bool) -> VenueRate {
    let (tier, cancels_limited, mass_cancel_points) = (Tier::STARTER, true, false);
    let rule = VenueRateRule::Spot { tier, cancels_limited, mass_cancel_points };
    VenueRate { rule, reserve: 0, holds_cancels }
}

/// Six tokens, one back in a second; a cancel takes two, an order one.
fn bucket() -> VenueRate {
    let size = BucketSize { tokens: 6, window: 6 * SECOND };
    let costs = TokenCosts { send: 1, edit: 1, cancel: 2, cancel_all: 1 };
    let rule = VenueRateRule::Derivatives { size, costs };
    VenueRate { rule, reserve: 0, holds_cancels: true }
}

/// Seven live orders, six of which are cancelled: 55 points.
fn limited(config: &DeskConfig) -> (Fixture, [OrderHandle; 7]) {
    let mut fixture = Fixture::with(config);
    let orders = [(); 7].map(|()| fixture.live().0);
    for order in &orders[..6] {
        assert_eq!(fixture.ctx().cancel(*order).map(|route| route.rung), Ok(Rung::Cancel));
    }
    fixture.send();
    (fixture, orders)
}

fn spot(holds_cancels: bool) -> DeskConfig {
    DeskConfig { venue_rate: starter(holds_cancels), ..config() }
}

impl Fixture {
    fn at(&mut self, nanos: u64) {
        self.nanos.store(nanos, Ordering::Relaxed);
        self.desk.on_time(UtcTime(nanos));
    }

    fn id(&self, order: OrderHandle) -> ClOrdId {
        self.desk.orders().cl_ord_id(order).unwrap()
    }

    /// The orders whose cancels leave now.
    fn cancelled(&mut self) -> Vec<ClOrdId> {
        let orig = |kind: &CommandKind| match kind {
            CommandKind::Cancel(cancel) => cancel.orig_cl_ord_id,
            other => panic!("{other:?}"),
        };
        self.send().iter().map(orig).collect()
    }
}

#[test]
fn a_cancel_that_the_venue_would_refuse_is_held_and_leaves_as_soon_as_it_would_pass() {
    let (mut fixture, orders) = limited(&spot(true));
    let start = fixture.nanos.load(Ordering::Relaxed);
    assert_eq!(fixture.ctx().cancel(orders[6]), Ok(HELD));
    assert_eq!(fixture.ctx().cancel(orders[6]), Ok(HELD), "once more is the same");
    assert_eq!(fixture.desk.stats().cancels_held, 1);
    assert_eq!(fixture.desk.next_timer(), Some(UtcTime(start + 3 * SECOND)));
    fixture.at(start + 3 * SECOND - 1);
    assert_eq!(fixture.cancelled(), []);
    fixture.at(start + 3 * SECOND);
    assert_eq!(fixture.cancelled(), [fixture.id(orders[6])]);
    fixture.at(start + 100 * SECOND);
    assert_eq!(fixture.cancelled(), [], "once");
    assert_eq!(fixture.desk.next_timer(), None);
}

#[test]
fn nothing_that_counts_where_a_cancel_is_held_goes_before_it() {
    let risk = config().instruments[0].risk;
    let eth = InstrumentConfig { symbol: "ETH/USD".parse().unwrap(), risk };
    let mut two = spot(true);
    two.instruments.push(eth);
    let mut fixture = Fixture::new();
    let clock = fixture.desk.core.clock.clone();
    fixture.desk = Desk::new(&two, clock, Recorder::default()).unwrap();
    fixture.up(MD);
    for (id, symbol) in [(ID, facts().symbol), (ETH, eth.symbol)] {
        let instrument = Instrument { symbol, ..facts() };
        fixture.event(MD, EventKind::Instrument { id, instrument });
    }
    fixture.up(TRADING);
    fixture.snapshot();
    for (side, px, action, last) in
        [(Side::Sell, 1_010, BookAction::Restart, false), (Side::Buy, 990, BookAction::Set, true)]
    {
        let entry = BookEntry { instrument: ETH, ..entry(side, px, action, last) };
        fixture.event(MD, EventKind::Book(entry));
    }
    fixture.kinds();
    // So old that its cancel costs nothing.
    let (old, _) = fixture.live();
    let start = fixture.nanos.load(Ordering::Relaxed) + 301 * SECOND;
    fixture.at(start);
    let orders = [(); 8].map(|()| fixture.live().0);
    for order in &orders[..6] {
        fixture.ctx().cancel(*order).unwrap();
    }
    fixture.send();
    assert_eq!(fixture.ctx().cancel(orders[6]), Ok(HELD));
    assert_eq!(fixture.ctx().cancel(old), Ok(HELD), "it would pass, but not before the other");
    assert_eq!(fixture.ctx().replace(orders[7], Qty(9), Px(1_000)), Err(Refusal::CancelsHeld));
    assert_eq!(fixture.ctx().buy(ID, Qty(1), Px(1_000)), Err(Refusal::CancelsHeld));
    assert!(fixture.ctx().buy(ETH, Qty(1), Px(1_000)).is_ok(), "it counts elsewhere");
    fixture.send();
    assert_eq!(fixture.ctx().replace(orders[6], Qty(9), Px(1_000)), Err(Refusal::CancelPending));
    fixture.at(start + 4 * SECOND);
    assert_eq!(fixture.cancelled(), [fixture.id(orders[6]), fixture.id(old)]);
    fixture.at(start + 5 * SECOND);
    assert!(fixture.ctx().buy(ID, Qty(1), Px(1_000)).is_ok());
}

#[test]
fn a_held_cancel_ends_with_its_order_and_the_next_takes_its_place() {
    let (mut fixture, orders) = limited(&spot(true));
    let start = fixture.nanos.load(Ordering::Relaxed);
    // Its cancel would cost less from five seconds on, and pass at 5 s with 50 points there.
    assert_eq!(fixture.ctx().cancel(orders[6]), Ok(HELD));
    let id = fixture.id(orders[6]);
    let filled = Report {
        cum_qty: Qty(10),
        fill: Some(Fill { px: Px(1_000), qty: Qty(10), liquidity: None }),
        exec_id: ExecId::new(b"1").unwrap(),
        ..report(id, ExecType::Trade, OrdStatus::Filled)
    };
    fixture.event(TRADING, EventKind::Report(filled));
    assert!(fixture.ctx().buy(ID, Qty(1), Px(1_000)).is_ok(), "nothing is held any more");
    fixture.send();
    fixture.at(start + 10 * SECOND);
    assert_eq!(fixture.cancelled(), []);
    assert!(!fixture.desk.orders().get(orders[6]).unwrap().is_cancel_kept());
}

#[test]
fn by_policy_a_cancel_that_the_venue_would_refuse_is_refused_here() {
    let (mut fixture, orders) = limited(&spot(false));
    let refused = Refusal::VenueRate { cost: 8, room: 5, wait_ns: 3 * SECOND };
    assert_eq!(fixture.ctx().cancel(orders[6]), Err(refused));
    fixture.at(1_000 * SECOND);
    assert_eq!(fixture.cancelled(), []);
}

#[test]
fn a_kept_cancel_that_the_rate_limit_refuses_later_takes_no_other_order_with_it() {
    for holds in [true, false] {
        let mut config = spot(holds);
        config.reach.cancel = crate::order::Scope::SenderCompId;
        config.recovery.status_requests = false;
        let (mut fixture, orders) = limited(&config);
        fixture.live();
        fixture.down();
        assert_eq!(fixture.ctx().cancel(orders[6]).map(|route| route.rung), Ok(Rung::Kept));
        fixture.up_again(TRADING, 1, 2);
        let kinds = fixture.send();
        let is_sweep = |kind: &CommandKind| matches!(kind, CommandKind::MassCancel(_));
        assert!(!kinds.iter().any(is_sweep), "{kinds:?}");
        let order = *fixture.desk.orders().get(orders[6]).unwrap();
        assert_eq!(order.is_cancel_limited(), holds);
        let told = |update: &OrderUpdate| {
            matches!(update.kind, UpdateKind::CancelRefused { .. }) && update.handle == orders[6]
        };
        assert_eq!(fixture.desk.strategy().orders.iter().any(told), !holds);
    }
}

#[test]
fn cancelling_all_takes_what_is_held_with_one_mass_cancel() {
    let (mut fixture, orders) = limited(&spot(true));
    fixture.live();
    fixture.ctx().cancel(orders[6]).unwrap();
    let sweep = fixture.ctx().cancel_open_orders();
    assert_eq!(sweep, Sweep { mass_cancels: 1, ..Sweep::default() });
    let kinds = fixture.send();
    let [CommandKind::MassCancel(all)] = kinds[..] else { panic!("{kinds:?}") };
    assert_eq!(all.scope, CancelScope::SenderCompId);
    assert!(fixture.desk.orders().live().all(|order| !order.is_cancel_kept()));
}

#[test]
fn on_derivatives_where_rest_is_counted_apart_a_held_cancel_climbs_there() {
    let rest = RestPolicy {
        attempts: 2,
        retry_ms: 10,
        answer_ms: 1_000,
        climb_ms: 500,
        may_cancel_all: false,
        cancel_after_seconds: 0,
    };
    let symbol = "PF_XBTUSD".parse().unwrap();
    let mut config = DeskConfig { venue_rate: bucket(), rest: Some(rest), ..config() };
    config.instruments[0].symbol = symbol;
    let mut fixture = started_at(&config, 1_000 * SECOND);
    let orders = [(); 3].map(|()| fixture.live().0);
    fixture.ctx().cancel(orders[0]).unwrap();
    fixture.send();
    assert_eq!(fixture.ctx().cancel(orders[1]), Ok(HELD));
    fixture.wait(500);
    let climbed = CancelRoute { rung: Rung::Rest, reason: RungReason::RateLimited };
    let kind = UpdateKind::CancelClimbed { route: climbed };
    let told = |update: &OrderUpdate| update.handle == orders[1] && update.kind == kind;
    assert!(fixture.desk.strategy().orders.iter().any(told));
    let kinds = fixture.kinds();
    assert!(kinds.iter().any(|kind| matches!(kind, CommandKind::Rest(_))), "{kinds:?}");
    assert!(fixture.desk.orders().get(orders[1]).unwrap().is_cancel_kept(), "and waits still");
}

#[test]
fn a_question_that_is_a_cancel_waits_for_the_rate_limit_too() {
    let mut config = spot(true);
    config.reach.cancel = crate::order::Scope::SenderCompId;
    config.recovery.status_requests = false;
    let (mut fixture, orders) = limited(&config);
    let start = fixture.nanos.load(Ordering::Relaxed);
    fixture.down();
    // Other numbers: silence shows nothing.
    fixture.up_again(TRADING, 2, 2);
    let asked = fixture.cancelled();
    assert!(!asked.contains(&fixture.id(orders[6])), "{asked:?}");
    let watermark = fixture.desk.cl_ord_id_watermark();
    let is_marker = |id: &ClOrdId| *id == ClOrdId::numeric(watermark).unwrap();
    assert!(!asked.iter().any(is_marker), "the last question is not sent before: {asked:?}");
    for second in 1..=600 {
        fixture.at(start + second * SECOND);
        let asked = fixture.cancelled();
        if asked.contains(&fixture.id(orders[6])) {
            return;
        }
    }
    panic!("it was never asked");
}

proptest! {
    #[test]
    fn the_wait_of_a_cancel_is_the_first_moment_at_which_the_mirror_lets_it_pass(
        points in 0u64..80, age in 0u64..320 * SECOND, tokens in 0u32..8,
    ) {
        let now = UtcTime(1_000_000 * SECOND);
        let mut spot = Mirror::new(1, starter(true));
        (0..points).for_each(|_| spot.charge(ID, Charge::New { open_orders: 0 }, now));
        let mut derivatives = Mirror::new(1, bucket());
        (0..tokens).for_each(|_| derivatives.charge(ID, Charge::New { open_orders: 0 }, now));
        for mirror in [spot, derivatives] {
            let passes = |after: u64| {
                let charge = Charge::Cancel { age: age + after };
                mirror.check(ID, charge, now.plus_nanos(after)).is_ok()
            };
            let wait = mirror.cancel_wait(ID, age, now).unwrap();
            prop_assert!(passes(wait));
            prop_assert!(wait == 0 || !passes(wait - 1));
            for tenth in 0..10 {
                prop_assert!(wait == 0 || !passes(wait / 10 * tenth));
            }
        }
    }
}
