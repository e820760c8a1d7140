//! What a strategy is told of its orders after a fault, and what has shown it. `--nocapture` prints the
//! table of the first test.

mod crash;
mod rest;

use taut::conductor::ResetPolicy;
use taut::order::Proof;
use taut::pipeline::TRADING;
use taut::strategy::{
    Context, InstrumentId, OrderHandle, OrderSpec, OrderState, OrderUpdate, Px, Qty, Reconciled,
    SessionUpdate, Side, Strategy, TimerId, UpdateKind,
};
use taut_codec::value::UtcTime;
use taut_venue::simulation::{Cut, FaultKind, Route, SimConfig, Simulation, TO_ENGINE, TO_VENUE};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
const ID: InstrumentId = InstrumentId(0);

/// Sends an order far from the market when its timer is due; by `busy`, replaces it twice and cancels it
/// back to back as soon as it is live. Cancels what is still open when the truth is known.
#[derive(Default)]
struct Script {
    busy: bool,
    cleans_up: bool,
    order: Option<OrderHandle>,
    told: Vec<UpdateKind>,
    truth: Vec<(Vec<(OrderState, Proof)>, u32)>,
    /// Orders of an earlier run, if there was one: then it sends none.
    recalled: Option<u32>,
}

impl Strategy for Script {
    fn on_session(&mut self, _: &mut Context<'_>, update: &SessionUpdate) {
        if let SessionUpdate::Recalled { orders, unreadable, first_kept } = update {
            assert_eq!((*unreadable, *first_kept), (0, None));
            self.recalled = Some(*orders);
        }
    }

    fn on_start(&mut self, ctx: &mut Context<'_>) {
        let at = UtcTime(ctx.now().0 + 20 * MS);
        ctx.set_timer(TimerId(1), at).expect("the first timer");
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, _: TimerId) {
        if self.recalled.is_some() {
            return;
        }
        let px = ctx.book(ID).and_then(|book| book.best(Side::Buy)).expect("a book").px;
        let qty = Qty(ctx.instrument(ID).expect("listed").qty_min.0 * 100);
        let spec = OrderSpec::limit(ID, Side::Buy, qty, Px(px.0 * 99 / 100));
        self.order = ctx.order(spec).ok();
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        if self.order == Some(update.handle) {
            self.told.push(update.kind);
        }
        if self.busy && update.kind == UpdateKind::Live {
            let order = ctx.order_state(update.handle).expect("it is live");
            let (qty, px) = (order.qty, order.px.expect("a limit"));
            // Refused if the session has just gone down: the order is uncertain then.
            let _ = ctx.replace(update.handle, qty, Px(px.0 - 1)).is_ok();
            let _ = ctx.replace(update.handle, Qty(qty.0 * 2), Px(px.0 - 2)).is_ok();
            let _ = ctx.cancel(update.handle).is_ok();
        }
    }

    fn on_reconciled(&mut self, ctx: &mut Context<'_>, truth: &Reconciled<'_>) {
        let orders = truth.orders.iter().map(|one| (one.state, one.proof)).collect();
        self.truth.push((orders, truth.unresolved));
        if self.cleans_up {
            ctx.cancel_open_orders();
        }
    }
}

/// A lost connection: what was on its way, and what venue and engine do about it.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// The order leaves, but the connection breaks before its bytes arrive, or before any answer does.
    lost: Lost,
    /// The venue is killed, and goes on with its state.
    killed: bool,
    cancel_on_disconnect: bool,
    reset: ResetPolicy,
    status_requests: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Lost {
    /// Nothing is on its way: the order rests.
    Nothing,
    /// The order does not arrive.
    Order,
    /// It arrives; no answer does.
    Answer,
}

fn config(case: &Case) -> SimConfig {
    let mut config = SimConfig::calm(7);
    config.cancel_on_disconnect = case.cancel_on_disconnect;
    config.reset = case.reset;
    config.reconnect_after = Some(MS..=4 * MS);
    config.recovery.status_requests = case.status_requests;
    config
}

fn suffer(case: &Case) -> Simulation<Script> {
    suffer_from(case, config(case))
}

fn suffer_from(case: &Case, mut config: SimConfig) -> Simulation<Script> {
    let state = tempfile::tempdir().expect("a directory");
    config.venue.state.dir = case.killed.then(|| state.path().to_owned());
    let mut sim = Simulation::new(config, Script::default());
    assert!(sim.run_until(|sim| sim.is_up(), SECOND), "{}", case.name);
    let stall = |sim: &mut Simulation<Script>, direction| {
        sim.inject(TRADING, FaultKind::Stall { direction, nanos: 200 * MS });
    };
    match case.lost {
        Lost::Nothing => {}
        Lost::Order => stall(&mut sim, TO_VENUE),
        Lost::Answer => stall(&mut sim, TO_ENGINE),
    }
    sim.run_for(50 * MS);
    assert!(sim.desk().strategy().order.is_some(), "{}", case.name);
    if case.killed {
        sim.kill_venue();
        let went_on = sim.venue().went_on().expect("it kept a state");
        assert!(went_on.inputs > 0, "{}: {went_on:?}", case.name);
    } else {
        sim.inject(TRADING, FaultKind::Cut { direction: TO_VENUE, cut: Cut::Reset });
    }
    assert!(sim.run_until(|sim| !sim.is_up(), SECOND), "{}: it is not noticed", case.name);
    let known = |sim: &Simulation<Script>| sim.is_up() && sim.desk().is_reconciled();
    assert!(sim.run_until(known, 120 * SECOND), "{}: it is not found out", case.name);
    assert!(sim.run_until_quiet(SECOND), "{}: both sides agree", case.name);
    sim
}

#[test]
fn the_strategy_is_told_once_what_became_of_its_order_and_what_shows_it() {
    const GO_ON: ResetPolicy = ResetPolicy::FirstConnect;
    const RESET: ResetPolicy = ResetPolicy::Always;
    let open = (OrderState::New, 1);
    let rows = [
        // It rests and stays: its status is asked, or the replay is silent about it.
        ((Lost::Nothing, false, GO_ON, true), (open, Proof::Told)),
        ((Lost::Nothing, false, GO_ON, false), (open, Proof::Replayed)),
        ((Lost::Nothing, false, RESET, true), (open, Proof::Told)),
        // Nobody can be asked: all is cancelled.
        ((Lost::Nothing, false, RESET, false), ((OrderState::Canceled, 0), Proof::Told)),
        // The venue cancels it: the replay tells, or the status, or the mass cancel finds nothing.
        ((Lost::Nothing, true, GO_ON, true), ((OrderState::Canceled, 0), Proof::Told)),
        ((Lost::Nothing, true, RESET, true), ((OrderState::Canceled, 0), Proof::Told)),
        ((Lost::Nothing, true, RESET, false), ((OrderState::Gone, 0), Proof::Swept)),
        // It did not arrive: its OrderID is not known, so that nobody can be asked for its status.
        ((Lost::Order, false, GO_ON, true), ((OrderState::Withdrawn, 0), Proof::NeverArrived)),
        ((Lost::Order, false, RESET, true), ((OrderState::Gone, 0), Proof::Swept)),
        // It arrived, and nothing is known of it here.
        ((Lost::Answer, false, GO_ON, true), (open, Proof::Told)),
        ((Lost::Answer, false, GO_ON, false), (open, Proof::Replayed)),
        ((Lost::Answer, false, RESET, true), ((OrderState::Canceled, 0), Proof::Told)),
        ((Lost::Answer, true, GO_ON, true), ((OrderState::Canceled, 0), Proof::Told)),
        ((Lost::Answer, true, RESET, true), ((OrderState::Gone, 0), Proof::Swept)),
    ];
    println!(
        "venue  lost     cancel-on-disconnect numbers status | the strategy is told    at the venue"
    );
    for ((lost, cancel_on_disconnect, reset, status_requests), ((state, there), proof)) in rows {
        let name = match lost {
            Lost::Nothing => "nothing",
            Lost::Order => "order",
            Lost::Answer => "answer",
        };
        // A venue that is killed and goes on with its state is a lost connection, no more.
        for killed in [false, true] {
            let case = Case { name, lost, killed, cancel_on_disconnect, reset, status_requests };
            let sim = suffer(&case);
            let venue = if killed { "killed" } else { "stays" };
            let numbers = if reset == RESET { "reset" } else { "go on" };
            let row = format!(
                "{venue:6} {name:8} {cancel_on_disconnect:<20} {numbers:7} {status_requests:<6}"
            );
            println!("{row} | {state:?}, {proof:?}; {there} open");
            let strategy = sim.desk().strategy();
            assert_eq!(strategy.truth, [(vec![(state, proof)], 0)], "{row}");
            assert_eq!(sim.venue().open_orders("TAUT"), there, "{row}");
            assert!(strategy.told.contains(&UpdateKind::Uncertain), "{row}: {:?}", strategy.told);
        }
    }
}

#[test]
fn the_silence_of_a_venue_that_has_lost_its_reports_shows_nothing_of_an_order() {
    let gone_on = |lost, status_requests| Case {
        name: "no reports",
        lost,
        killed: false,
        cancel_on_disconnect: false,
        reset: ResetPolicy::FirstConnect,
        status_requests,
    };
    let open = (OrderState::New, 1);
    for (lost, status_requests, ((state, there), proof)) in [
        // Its reports are lost: whether it is open was not told, so that it is cancelled.
        (Lost::Answer, true, ((OrderState::Canceled, 0), Proof::Told)),
        (Lost::Answer, false, ((OrderState::Canceled, 0), Proof::Told)),
        // None was: silence tells.
        (Lost::Nothing, true, (open, Proof::Told)),
        (Lost::Nothing, false, (open, Proof::Replayed)),
        (Lost::Order, true, ((OrderState::Withdrawn, 0), Proof::NeverArrived)),
    ] {
        let case = gone_on(lost, status_requests);
        let mut config = config(&case);
        config.venue.replay.messages = 0;
        let sim = suffer_from(&case, config);
        let strategy = sim.desk().strategy();
        assert_eq!(strategy.truth, [(vec![(state, proof)], 0)]);
        assert_eq!(sim.venue().open_orders("TAUT"), there, "{state:?}");
    }
}

/// The connection breaks when so many bytes of four commands have gone.
fn cut_after(bytes: u64, reset: ResetPolicy, cancel_on_disconnect: bool) -> Simulation<Script> {
    let case = Case {
        name: "cut",
        lost: Lost::Nothing,
        killed: false,
        cancel_on_disconnect,
        reset,
        status_requests: true,
    };
    let script = Script { busy: true, cleans_up: true, ..Script::default() };
    let mut sim = Simulation::new(config(&case), script);
    assert!(sim.run_until(|sim| sim.is_up(), SECOND));
    let cut = Cut::Close;
    sim.inject(TRADING, FaultKind::CutAfter { direction: TO_VENUE, bytes, cut });
    sim.run_for(50 * MS);
    let known = |sim: &Simulation<Script>| sim.is_up() && sim.desk().is_reconciled();
    assert!(sim.run_until(known, 120 * SECOND), "{bytes} {reset:?}: it is not found out");
    assert!(sim.run_until_quiet(SECOND), "{bytes} {reset:?}: both sides agree");
    sim
}

#[test]
fn a_connection_that_breaks_at_any_byte_of_a_command_leaves_no_order_in_doubt() {
    let (mut ends, mut uncertain) = (Vec::new(), 0);
    for bytes in 0.. {
        let (reset, keeps) = match bytes % 4 {
            0 => (ResetPolicy::Always, true),
            1 => (ResetPolicy::Always, false),
            2 => (ResetPolicy::FirstConnect, true),
            _ => (ResetPolicy::FirstConnect, false),
        };
        let sim = cut_after(bytes, reset, !keeps);
        assert_eq!(sim.venue().open_orders("TAUT"), 0, "after {bytes} bytes");
        assert_eq!(sim.desk().orders().live_len(), 0, "after {bytes} bytes");
        assert!(sim.sent_log().iter().all(|one| one.end.is_some()), "after {bytes} bytes");
        let strategy = sim.desk().strategy();
        let order = strategy.order.and_then(|order| sim.desk().orders().get(order));
        ends.extend(order.map(|order| order.state));
        uncertain += sim.desk().stats().uncertain;
        if sim.downs() == 0 {
            assert_eq!(sim.arrival_log().len(), 4, "all four commands are through");
            break;
        }
        assert!(bytes < 2_000, "four commands have no more");
    }
    let count = |state| ends.iter().filter(|one| **one == state).count();
    let lost = count(OrderState::Withdrawn) + count(OrderState::Gone);
    let canceled = count(OrderState::Canceled);
    println!("{} cuts, {uncertain} uncertain, {lost} lost, {canceled} cancelled", ends.len());
    assert!(lost > 100 && canceled > 400 && uncertain > 300, "{lost} {canceled} {uncertain}");
}

#[test]
fn a_venue_that_is_killed_at_any_moment_of_four_commands_leaves_no_order_in_doubt() {
    let (mut ends, mut kills) = (Vec::new(), 0);
    for moment in 0.. {
        let state = tempfile::tempdir().expect("a directory");
        let case = Case {
            name: "killed",
            lost: Lost::Nothing,
            killed: true,
            cancel_on_disconnect: moment % 2 == 0,
            reset: ResetPolicy::FirstConnect,
            status_requests: true,
        };
        let mut config = config(&case);
        config.venue.state.dir = Some(state.path().to_owned());
        // Commands and reports come in pieces.
        let pieces = Route { jitter_ns: 0..=40_000, chunk: 30..=90, ..Route::CALM };
        (config.to_venue, config.to_engine) = (pieces.clone(), pieces);
        let mut sim =
            Simulation::new(config, Script { busy: true, cleans_up: true, ..Script::default() });
        assert!(sim.run_until(|sim| sim.is_up(), SECOND));
        assert!(sim.run_until(|sim| sim.desk().strategy().order.is_some(), SECOND));
        sim.run_for(moment * 20_000);
        let over = sim.arrival_log().len() == 4 && sim.desk().orders().live_len() == 0;
        sim.kill_venue();
        let known = |sim: &Simulation<Script>| sim.is_up() && sim.desk().is_reconciled();
        assert!(sim.run_until(|sim| !sim.is_up(), SECOND), "{moment}: it is not noticed");
        assert!(sim.run_until(known, 120 * SECOND), "{moment}: it is not found out");
        assert!(sim.run_until_quiet(SECOND), "{moment}: both sides agree");
        assert_eq!(sim.venue().open_orders("TAUT"), 0, "{moment}");
        assert_eq!(sim.desk().orders().live_len(), 0, "{moment}");
        assert!(sim.sent_log().iter().all(|one| one.end.is_some()), "{moment}");
        let order = sim.desk().strategy().order;
        ends.extend(order.and_then(|order| sim.desk().orders().get(order)).map(|one| one.state));
        kills += 1;
        if over {
            break;
        }
        assert!(moment < 500, "four commands take less");
    }
    let canceled = ends.iter().filter(|one| **one == OrderState::Canceled).count();
    println!("{kills} kills, {canceled} orders cancelled, {} lost", ends.len() - canceled);
    assert!(kills > 10 && canceled > 5, "{kills} {canceled}: {ends:?}");
}
