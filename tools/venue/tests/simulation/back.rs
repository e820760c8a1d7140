//! Sessions that come back: behind a cut, behind the rollover, behind a gap.

use std::time::Duration;

use taut::conductor::{ResetPolicy, Rollover};
use taut::desk::Resume;
use taut::pipeline::{MARKET_DATA, TRADING};
use taut::strategy::{Context, InstrumentId, OrderUpdate, SessionUpdate, Side, Strategy};
use taut_venue::simulation::strategies::{Quoter, Storm};
use taut_venue::simulation::{Cut, End, FaultKind, SimConfig, Simulation, TO_ENGINE, TO_VENUE};

use super::{MS, SECOND, end};

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
