//! What REST does and tells while the session cannot.

use taut::conductor::ResetPolicy;
use taut::order::Proof;
use taut::pipeline::TRADING;
use taut::strategy::{
    CancelRoute, Context, OrderState, OrderUpdate, Reconciled, RestKind, RestSaid, Rung,
    RungReason, SessionUpdate, Strategy, TimerId, UpdateKind,
};
use taut_venue::simulation::{Cut, FaultKind, RestRoute, Simulation, TO_VENUE};

use super::{Case, Lost, MS, SECOND, Script, config};

/// The session is lost and stays so; the order is to be cancelled all the same.
#[derive(Default)]
struct Down {
    script: Script,
    /// By the kill switch, or this order alone.
    kills: bool,
    routes: Vec<CancelRoute>,
    calls: Vec<(RestKind, RestSaid)>,
}

impl Strategy for Down {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        self.script.on_start(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: TimerId) {
        self.script.on_timer(ctx, timer);
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        self.script.on_order(ctx, update);
        if update.kind == UpdateKind::Uncertain && !self.kills {
            self.routes.extend(ctx.cancel(update.handle).ok());
        }
    }

    fn on_session(&mut self, ctx: &mut Context<'_>, update: &SessionUpdate) {
        match update {
            SessionUpdate::Down { .. } if self.kills => ctx.kill(),
            SessionUpdate::Rest { kind, said } => self.calls.push((*kind, *said)),
            _ => {}
        }
    }

    fn on_reconciled(&mut self, ctx: &mut Context<'_>, truth: &Reconciled<'_>) {
        self.script.on_reconciled(ctx, truth);
    }
}

#[test]
fn what_is_cancelled_while_the_session_is_down_is_cancelled_by_rest_and_the_truth_is_told_afterwards()
 {
    println!("cancel  numbers | while down                 | when up again");
    for (kills, reset, proof) in [
        (false, ResetPolicy::FirstConnect, (OrderState::Canceled, Proof::Told)),
        (false, ResetPolicy::Always, (OrderState::Canceled, Proof::Told)),
        (true, ResetPolicy::FirstConnect, (OrderState::Canceled, Proof::Told)),
    ] {
        let case = Case {
            name: "down",
            lost: Lost::Nothing,
            killed: false,
            cancel_on_disconnect: false,
            reset,
            status_requests: true,
        };
        let mut config = config(&case);
        config.rest = Some(RestRoute::CALM);
        // It does not come back by itself.
        config.reconnect_after = None;
        let mut sim = Simulation::new(config, Down { kills, ..Down::default() });
        assert!(sim.run_until(|sim| sim.is_up(), SECOND));
        sim.run_for(50 * MS);
        sim.inject(TRADING, FaultKind::Cut { direction: TO_VENUE, cut: Cut::Reset });
        assert!(sim.run_until(|sim| !sim.is_up(), SECOND));
        sim.run_for(SECOND);
        assert!(!sim.is_up());
        assert_eq!(sim.venue().open_orders("TAUT"), 0, "cancelled without a session");
        let strategy = sim.desk().strategy();
        let [(kind, RestSaid::Canceled { count: 1 })] = strategy.calls[..] else {
            panic!("{:?}", strategy.calls)
        };
        assert_eq!(kind == RestKind::CancelAll, kills);
        let route = CancelRoute { rung: Rung::Rest, reason: RungReason::SessionDown };
        assert_eq!(strategy.routes, if kills { vec![] } else { vec![route] });
        let order = strategy.script.order.and_then(|order| sim.desk().orders().get(order));
        assert_eq!(order.map(|order| order.state), Some(OrderState::Uncertain), "no more is known");
        sim.reconnect();
        let known = |sim: &Simulation<Down>| sim.is_up() && sim.desk().is_reconciled();
        assert!(sim.run_until(known, 120 * SECOND));
        assert!(sim.run_until_quiet(SECOND));
        assert_eq!(sim.desk().strategy().script.truth, [(vec![proof], 0)]);
        let how = if kills { "kill" } else { "one" };
        println!("{how:7} {reset:?} | REST, {kind:?} | {proof:?}");
    }
}

#[test]
fn orders_that_nothing_of_the_session_may_settle_are_found_in_the_list_of_open_orders() {
    for keeps in [true, false] {
        let case = Case {
            name: "listed",
            lost: Lost::Nothing,
            killed: false,
            cancel_on_disconnect: !keeps,
            reset: ResetPolicy::Always,
            status_requests: false,
        };
        let mut config = config(&case);
        config.recovery.may_cancel = false;
        config.rest = Some(RestRoute::CALM);
        let mut sim = Simulation::new(config, Script::default());
        assert!(sim.run_until(|sim| sim.is_up(), SECOND));
        sim.run_for(50 * MS);
        sim.inject(TRADING, FaultKind::Cut { direction: TO_VENUE, cut: Cut::Reset });
        assert!(sim.run_until(|sim| !sim.is_up(), SECOND));
        let known = |sim: &Simulation<Script>| sim.is_up() && sim.desk().is_reconciled();
        assert!(sim.run_until(known, 120 * SECOND));
        let expected = if keeps {
            (OrderState::New, Proof::Told)
        } else {
            (OrderState::Gone, Proof::NotListed)
        };
        assert_eq!(sim.desk().strategy().truth, [(vec![expected], 0)]);
        assert_eq!(sim.venue().open_orders("TAUT"), usize::from(keeps));
    }
}
