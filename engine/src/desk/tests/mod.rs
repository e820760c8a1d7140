mod both_reach;
mod held;
mod ladder;
mod model;
mod recalled;
mod replaces;
mod rest;
mod risk;
mod triggers;
mod truth;
mod two;
mod unseen;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use taut_codec::value::{Decimal, FixStr};

use super::*;
use crate::command::CommandKind;
use crate::conductor::LinkEvent;
use crate::event::{
    Alarm, BookAction, BookEntry, DownReason, EventKind, ExecType, Fill, FirstKept, FromJournal,
    OrdStatus, Refusal as VenueRefusal, RefusalLayer, Report, WithdrawReason,
};
use crate::limits::INSTRUMENTS_MAX;
use crate::order::{
    CancelRoute, OrderHandle, OrderState, OrderUpdate, Reach, Resolved, Rung, RungReason,
    UpdateKind,
};
use crate::risk::{Refusal, RiskLimits, VenueRate};
use crate::strategy::{SessionUpdate, TimerId};
use crate::trace::Stage;
use crate::types::{
    ClOrdId, ExecId, Instrument, OrdType, OrderId, PairStatus, Px, Qty, Side, TimeInForce,
};

const MD: SessionId = SessionId(0);
const TRADING: SessionId = SessionId(1);
const ID: InstrumentId = InstrumentId(0);

/// Notes what it is told; what it does is decided by the test.
#[derive(Default)]
struct Recorder {
    starts: u32,
    stops: u32,
    books: u32,
    timers: Vec<TimerId>,
    orders: Vec<OrderUpdate>,
    sessions: Vec<SessionUpdate>,
    reconciled: Vec<(Vec<Resolved>, u32, u32)>,
}

impl Strategy for Recorder {
    fn on_start(&mut self, _: &mut Context<'_>) {
        self.starts += 1;
    }
    fn on_book(&mut self, _: &mut Context<'_>, _: InstrumentId) {
        self.books += 1;
    }
    fn on_order(&mut self, _: &mut Context<'_>, update: &OrderUpdate) {
        self.orders.push(*update);
    }
    fn on_session(&mut self, _: &mut Context<'_>, update: &SessionUpdate) {
        self.sessions.push(*update);
    }
    fn on_reconciled(&mut self, _: &mut Context<'_>, truth: &Reconciled<'_>) {
        self.reconciled.push((truth.orders.to_vec(), truth.unresolved, truth.rounds));
    }
    fn on_timer(&mut self, _: &mut Context<'_>, timer: TimerId) {
        self.timers.push(timer);
    }
    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        self.stops += 1;
        ctx.cancel_open_orders();
    }
}

struct Fixture {
    desk: Desk<Recorder>,
    nanos: Arc<AtomicU64>,
}

/// A session whose connection was lost.
fn lost() -> EventKind {
    EventKind::SessionDown { reason: DownReason::ConnectionLost, next_in: 1, next_out: 1 }
}

fn facts() -> Instrument {
    Instrument {
        symbol: "BTC/USD".parse().unwrap(),
        price_precision: 1,
        qty_precision: 2,
        tick_size: Px(1),
        qty_step: Qty(1),
        qty_min: Qty(1),
        qty_max: None,
        cost_min: Decimal::new(0, 0),
        status: PairStatus::Online,
    }
}

fn config() -> DeskConfig {
    let risk = RiskLimits {
        max_order_qty: Decimal::new(1_000, 0),
        max_notional: Decimal::new(1_000_000, 0),
        collar_bps: 5_000,
        max_position: Decimal::new(1_000_000, 0),
        max_open_orders: 1_000,
        commands_per_second: 1_000_000,
        burst: 1_000_000,
        ..RiskLimits::UNLIMITED
    };
    let instruments = vec![InstrumentConfig { symbol: facts().symbol, risk }];
    DeskConfig::new(MD, TRADING, instruments, 10)
}

fn entry(side: Side, px: i64, action: BookAction, last: bool) -> BookEntry {
    BookEntry {
        instrument: ID,
        side,
        action,
        px: Px(px),
        qty: Qty(100),
        last,
        checksum: None,
        sent: UtcTime(0),
    }
}

impl Fixture {
    fn new() -> Self {
        let nanos = Arc::new(AtomicU64::new(1_000_000));
        let clock = Clock::virtual_at(nanos.clone());
        Self { desk: Desk::new(&config(), clock, Recorder::default()).unwrap(), nanos }
    }

    /// Started, with other rules for orders.
    fn with(config: &DeskConfig) -> Self {
        let mut fixture = Self::new();
        let clock = fixture.desk.core.clock.clone();
        fixture.desk = Desk::new(config, clock, Recorder::default()).unwrap();
        fixture.start()
    }

    /// Both sessions up, the book there, the strategy started, nothing queued.
    fn started() -> Self {
        Self::new().start()
    }

    fn start(mut self) -> Self {
        self.up(MD);
        self.event(MD, EventKind::Instrument { id: ID, instrument: facts() });
        self.up(TRADING);
        self.snapshot();
        self.kinds();
        assert_eq!(self.desk.strategy().starts, 1);
        self
    }

    fn event(&mut self, session: SessionId, kind: EventKind) {
        self.desk.on_event(&Event { session, stamps: Stamps::NONE, kind });
    }

    fn up(&mut self, session: SessionId) {
        self.up_again(session, 1, 1);
    }

    fn up_again(&mut self, session: SessionId, epoch: u32, connection: u32) {
        self.event(session, EventKind::SessionUp { epoch, connection, next_in: 1, next_out: 1 });
    }

    fn down(&mut self) {
        self.event(TRADING, lost());
    }

    /// Sends what is queued: each order command ends on the wire.
    fn send(&mut self) -> Vec<CommandKind> {
        let kinds = self.kinds();
        for kind in &kinds {
            match kind {
                CommandKind::New(new) => self.on_wire(new.get().cl_ord_id),
                CommandKind::Replace(replace) => self.on_wire(replace.get().cl_ord_id),
                CommandKind::Cancel(cancel) => self.on_wire(cancel.cl_ord_id),
                CommandKind::MassCancel(cancel) => self.on_wire(cancel.cl_ord_id),
                _ => {}
            }
        }
        kinds
    }

    /// An order that the venue has acknowledged.
    fn live(&mut self) -> (OrderHandle, ClOrdId) {
        let (order, id) = self.buy();
        self.send();
        self.event(TRADING, EventKind::Report(report(id, ExecType::New, OrdStatus::New)));
        (order, id)
    }

    /// Another connection, on which the order is found as it was, and all that is to be found out is.
    fn reconnected(&mut self, id: ClOrdId) {
        self.down();
        self.up_again(TRADING, 2, 2);
        self.send();
        let status = report(id, ExecType::OrderStatus, OrdStatus::New);
        self.event(TRADING, EventKind::Report(status));
        let marker = ClOrdId::numeric(self.desk.core.ids.watermark()).unwrap();
        self.refuse(marker, b'F', 101);
    }

    fn refuse(&mut self, cl_ord_id: ClOrdId, ref_msg_type: u8, reason: u32) {
        self.event(
            TRADING,
            EventKind::Refused(VenueRefusal {
                cl_ord_id: Some(cl_ord_id),
                ref_msg_type,
                ref_seq_num: 0,
                layer: RefusalLayer::Business,
                reason: Some(reason),
                text: FixStr::EMPTY,
            }),
        );
    }

    fn state(&self, order: OrderHandle) -> OrderState {
        self.desk.orders().get(order).unwrap().state
    }

    /// Lets so many milliseconds pass.
    fn wait(&mut self, millis: u64) {
        self.nanos.fetch_add(millis * 1_000_000, Ordering::Relaxed);
        self.desk.on_time(self.desk.core.clock.now());
    }

    fn snapshot(&mut self) {
        self.event(MD, EventKind::Book(entry(Side::Sell, 1_010, BookAction::Restart, false)));
        self.event(MD, EventKind::Book(entry(Side::Buy, 990, BookAction::Set, true)));
    }

    fn kinds(&mut self) -> Vec<CommandKind> {
        self.desk.commands().map(|command| command.kind).collect()
    }

    fn ctx(&mut self) -> Context<'_> {
        Context::new(&mut self.desk.core)
    }

    fn buy(&mut self) -> (OrderHandle, ClOrdId) {
        let order = self.ctx().buy(ID, Qty(10), Px(1_000)).unwrap();
        (order, self.desk.orders().cl_ord_id(order).unwrap())
    }

    fn on_wire(&mut self, cl_ord_id: ClOrdId) {
        self.event(TRADING, EventKind::OnWire { cl_ord_id, msg_seq_num: 2, sent_ticks: 1 });
    }
}

fn report(id: ClOrdId, exec_type: ExecType, ord_status: OrdStatus) -> Report {
    Report {
        instrument: ID,
        cl_ord_id: id,
        orig_cl_ord_id: None,
        order_id: FixStr::new(id.to_string().as_bytes()).unwrap(),
        exec_id: ExecId::EMPTY,
        exec_type,
        ord_status,
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        px: Some(Px(1_000)),
        stop_px: None,
        trigger_px: None,
        order_qty: Qty(10),
        cum_qty: Qty(0),
        leaves_qty: Qty(if ord_status.is_end() { 0 } else { 10 }),
        fill: None,
        gross: None,
        fee: None,
        transact_time: UtcTime(0),
        poss_dup: false,
        text: FixStr::EMPTY,
    }
}

#[test]
fn the_desk_asks_for_instruments_then_subscribes_then_starts_once() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.ctx().buy(ID, Qty(1), Px(1)), Err(Refusal::NotStarted));
    fixture.up(MD);
    assert_eq!(fixture.kinds(), [CommandKind::RequestInstruments]);
    fixture.event(MD, EventKind::Instrument { id: ID, instrument: facts() });
    let subscribe = CommandKind::Subscribe { instrument: ID, depth: 10, generation: 1 };
    assert_eq!(fixture.kinds(), [subscribe]);
    fixture.snapshot();
    assert_eq!((fixture.desk.strategy().starts, fixture.desk.strategy().books), (0, 0));
    fixture.up(TRADING);
    assert_eq!(fixture.desk.strategy().starts, 1);
    fixture.event(MD, EventKind::Book(entry(Side::Buy, 991, BookAction::Set, false)));
    assert_eq!(fixture.desk.strategy().books, 0, "the message is not complete");
    fixture.event(MD, EventKind::Book(entry(Side::Buy, 992, BookAction::Set, true)));
    assert_eq!((fixture.desk.strategy().starts, fixture.desk.strategy().books), (1, 1));
}

#[test]
fn a_desk_whose_instrument_is_not_listed_does_not_start_and_says_which() {
    let mut fixture = Fixture::new();
    fixture.up(MD);
    fixture.event(MD, EventKind::InstrumentUnknown { id: ID });
    assert_eq!(fixture.desk.fault(), Some(ID));
    assert_eq!(fixture.kinds(), [CommandKind::RequestInstruments]);
}

#[test]
fn a_wrong_checksum_resubscribes_and_silences_the_book() {
    let mut fixture = Fixture::started();
    let wrong = BookEntry { checksum: Some(1), ..entry(Side::Buy, 991, BookAction::Set, true) };
    let books = fixture.desk.strategy().books;
    fixture.event(MD, EventKind::Book(wrong));
    let (instrument, depth) = (ID, 10);
    assert_eq!(
        fixture.kinds(),
        [
            CommandKind::Unsubscribe { instrument, depth, generation: 1 },
            CommandKind::Subscribe { instrument, depth, generation: 2 },
        ]
    );
    assert!(matches!(
        fixture.desk.strategy().sessions.last(),
        Some(SessionUpdate::BookStale { .. })
    ));
    fixture.event(MD, EventKind::Book(entry(Side::Buy, 992, BookAction::Set, true)));
    assert_eq!(fixture.desk.strategy().books, books);
    assert_eq!(fixture.ctx().buy(ID, Qty(1), Px(1_000)), Err(Refusal::NoBook));
    fixture.snapshot();
    assert_eq!(fixture.desk.strategy().books, books + 1);
    assert_eq!((fixture.desk.stats().checksums_failed, fixture.kinds().len()), (1, 0));
}

#[test]
fn a_handle_of_an_earlier_desk_names_no_order_of_a_later_one() {
    let (mut earlier, mut later) = (Fixture::started(), Fixture::started());
    let ((old, _), (new, _)) = (earlier.live(), later.live());
    let mut ctx = later.ctx();
    assert!(ctx.order_state(old).is_none());
    assert_eq!(ctx.replace(old, Qty(5), Px(1_000)), Err(Refusal::OrderUnknown));
    assert_eq!(ctx.cancel(old), Err(Refusal::OrderUnknown));
    assert!(ctx.order_state(new).is_some_and(|order| !order.is_cancel_pending()));
}

#[test]
fn new_replace_replace_cancel_leave_back_to_back_in_order() {
    let mut fixture = Fixture::started();
    let (order, first) = fixture.buy();
    fixture.on_wire(first);
    fixture.event(TRADING, EventKind::Report(report(first, ExecType::New, OrdStatus::New)));
    fixture.kinds();
    fixture.ctx().replace(order, Qty(10), Px(1_001)).unwrap();
    fixture.ctx().replace(order, Qty(10), Px(1_002)).unwrap();
    fixture.ctx().cancel(order).unwrap();
    let kinds = fixture.kinds();
    let [CommandKind::Replace(a), CommandKind::Replace(b), CommandKind::Cancel(c)] = kinds[..]
    else {
        panic!("{kinds:?}")
    };
    assert_eq!(a.get().orig_cl_ord_id, first);
    assert_eq!(b.get().orig_cl_ord_id, a.get().cl_ord_id);
    assert_eq!(c.orig_cl_ord_id, b.get().cl_ord_id);
    assert!(first < a.get().cl_ord_id && a.get().cl_ord_id < b.get().cl_ord_id);
    assert_eq!(fixture.desk.commands_under_way(), 3);
}

#[test]
fn new_orders_are_held_before_the_rollover_and_open_ones_can_still_be_cancelled() {
    let mut fixture = Fixture::started();
    fixture.buy();
    let held = LinkEvent::Held { rollover: UtcTime(1) };
    fixture.event(MD, EventKind::Link(held));
    let (order, _) = fixture.buy();
    fixture.event(TRADING, EventKind::Link(held));
    assert_eq!(fixture.ctx().buy(ID, Qty(10), Px(1_000)), Err(Refusal::RollingOver));
    assert!(fixture.ctx().cancel(order).is_ok());
    fixture.event(TRADING, EventKind::Link(LinkEvent::Released));
    fixture.buy();
    assert!(
        fixture
            .desk
            .strategy()
            .sessions
            .contains(&SessionUpdate::Link { session: TRADING, event: held })
    );
}

#[test]
fn a_dropped_session_makes_orders_uncertain_and_refuses_the_rest() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.buy();
    fixture.event(TRADING, lost());
    assert_eq!(fixture.ctx().buy(ID, Qty(1), Px(1_000)), Err(Refusal::SessionDown));
    let kept = CancelRoute { rung: Rung::Kept, reason: RungReason::SessionDown };
    assert_eq!(fixture.ctx().cancel(order), Ok(kept));
    let last = *fixture.desk.strategy().orders.last().unwrap();
    assert_eq!((last.kind, last.state), (UpdateKind::Uncertain, OrderState::Uncertain));
    fixture.kinds();
    fixture.desk.stop();
    assert!(!fixture.desk.is_done(), "the command has not ended");
    let reason = WithdrawReason::SessionDown;
    fixture.event(TRADING, EventKind::Withdrawn { cl_ord_id: id, reason });
    assert_eq!(fixture.desk.orders().get(order).unwrap().state, OrderState::Withdrawn);
    assert!(fixture.desk.is_done());
}

#[test]
fn a_stop_waits_for_nothing_but_the_session_while_that_is_down() {
    let mut fixture = Fixture::started();
    let (_, id) = fixture.buy();
    fixture.kinds();
    fixture.on_wire(id);
    fixture.desk.stop();
    assert!(!fixture.desk.is_done());
    fixture.kinds();
    fixture.event(TRADING, lost());
    assert!(!fixture.desk.waits_in_vain(|_| true), "the cancel has not ended");
    let cancel = fixture.desk.core.ids.watermark();
    let cl_ord_id = ClOrdId::numeric(cancel).unwrap();
    let reason = WithdrawReason::SessionDown;
    fixture.event(TRADING, EventKind::Withdrawn { cl_ord_id, reason });
    assert!(fixture.desk.waits_in_vain(|_| true) && !fixture.desk.is_done());
}

#[test]
fn a_stop_cancels_what_is_open_and_is_done_when_it_is_gone() {
    let mut fixture = Fixture::started();
    let (_, id) = fixture.buy();
    fixture.on_wire(id);
    fixture.event(TRADING, EventKind::Report(report(id, ExecType::New, OrdStatus::New)));
    fixture.kinds();
    fixture.ctx().stop();
    fixture.desk.on_time(UtcTime(0));
    assert_eq!(fixture.desk.strategy().stops, 1);
    let kinds = fixture.kinds();
    let [CommandKind::Cancel(cancel)] = kinds[..] else { panic!("{kinds:?}") };
    assert_eq!(fixture.ctx().buy(ID, Qty(1), Px(1_000)), Err(Refusal::Stopping));
    fixture.on_wire(cancel.cl_ord_id);
    let end = Report {
        orig_cl_ord_id: Some(id),
        order_id: report(id, ExecType::New, OrdStatus::New).order_id,
        ..report(cancel.cl_ord_id, ExecType::Canceled, OrdStatus::Canceled)
    };
    assert!(!fixture.desk.is_done());
    fixture.event(TRADING, EventKind::Report(end));
    assert!(fixture.desk.is_done() && fixture.desk.is_quiet());
    assert_eq!(fixture.desk.stats().lane_violations, 0);
    fixture.desk.log_out();
    assert_eq!(fixture.kinds(), [CommandKind::Logout; 2]);
}

#[test]
fn a_command_carries_the_stamps_of_its_cause_and_its_own() {
    struct Taker;
    impl Strategy for Taker {
        fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
            ctx.buy(id, Qty(1), Px(1_000)).unwrap();
        }
    }
    let nanos = Arc::new(AtomicU64::new(5_000_000));
    let mut desk = Desk::new(&config(), Clock::virtual_at(nanos.clone()), Taker).unwrap();
    let mut send = |session, kind| {
        let mut stamps = Stamps::NONE;
        stamps.set(Stage::Poll, 17);
        desk.on_event(&Event { session, stamps, kind });
    };
    let up = EventKind::SessionUp { epoch: 1, connection: 1, next_in: 1, next_out: 1 };
    send(MD, up);
    send(TRADING, up);
    send(MD, EventKind::Instrument { id: ID, instrument: facts() });
    send(MD, EventKind::Book(entry(Side::Sell, 1_010, BookAction::Restart, false)));
    send(MD, EventKind::Book(entry(Side::Buy, 990, BookAction::Set, true)));
    let command = desk.commands().next_back().unwrap();
    assert!(matches!(command.kind, CommandKind::New(_)));
    assert_eq!(command.session, TRADING);
    assert!(command.stamps.is_caused_by_input());
    for stage in [Stage::Book, Stage::Strategy, Stage::Risk] {
        assert_eq!(command.stamps.get(stage), 5_000_000, "{}", stage.name());
    }
    assert_eq!(command.stamps.get(Stage::Encode), 0);
}

#[test]
fn a_command_that_overtakes_or_ends_twice_is_told() {
    let mut fixture = Fixture::started();
    let (_, first) = fixture.buy();
    let (_, second) = fixture.buy();
    fixture.on_wire(second);
    fixture.on_wire(first);
    fixture.on_wire(first);
    assert_eq!(fixture.desk.stats().lane_violations, 2);
    assert_eq!(
        fixture.desk.strategy().sessions.last(),
        Some(&SessionUpdate::LaneViolation { cl_ord_id: first })
    );
}

#[test]
fn fills_move_the_position_once_and_unknown_reports_are_told() {
    let mut fixture = Fixture::started();
    let (_, id) = fixture.buy();
    fixture.on_wire(id);
    let fill = Report {
        exec_id: "x".parse().unwrap(),
        fill: Some(Fill { px: Px(1_000), qty: Qty(10), liquidity: None }),
        cum_qty: Qty(10),
        fee: Some((Decimal::new(25, 2), "USD".parse().unwrap())),
        ..report(id, ExecType::Trade, OrdStatus::Filled)
    };
    fixture.event(TRADING, EventKind::Report(fill));
    fixture.event(TRADING, EventKind::Report(Report { poss_dup: true, ..fill }));
    let position = fixture.ctx().position(ID);
    assert_eq!((position.qty, position.cash), (10, -10_000));
    assert_eq!(fixture.desk.stats().fills_duplicate, 1);
    // Bought 0.10 at 100.0 and worth as much; the fee is 0.25.
    assert_eq!(fixture.desk.pnl(ID).unwrap().to_string(), "-0.25000000");
    let foreign = report(ClOrdId::numeric(77).unwrap(), ExecType::Canceled, OrdStatus::Canceled);
    fixture.event(TRADING, EventKind::Report(foreign));
    assert_eq!(fixture.desk.stats().unknown_reports, 1);
    assert!(matches!(
        fixture.desk.strategy().sessions.last(),
        Some(SessionUpdate::UnknownReport { .. })
    ));
}

#[test]
fn a_callback_cannot_issue_more_than_its_share() {
    let mut fixture = Fixture::started();
    let refusal = loop {
        if let Err(refusal) = fixture.ctx().buy(ID, Qty(1), Px(1_000)) {
            break refusal;
        }
    };
    assert_eq!(refusal, Refusal::TooManyCommands);
    assert_eq!(fixture.kinds().len(), crate::limits::COMMANDS_PER_CALLBACK_MAX);
    assert!(fixture.ctx().buy(ID, Qty(1), Px(1_000)).is_ok());
}

#[test]
fn timers_fire_when_time_passes() {
    let mut fixture = Fixture::started();
    fixture.ctx().set_timer(TimerId(4), UtcTime(2_000_000)).unwrap();
    assert_eq!(fixture.desk.next_timer(), Some(UtcTime(2_000_000)));
    fixture.desk.on_time(UtcTime(1_999_999));
    assert!(fixture.desk.strategy().timers.is_empty());
    fixture.nanos.store(2_000_000, Ordering::Relaxed);
    fixture.desk.on_time(fixture.desk.core.clock.now());
    assert_eq!(fixture.desk.strategy().timers, [TimerId(4)]);
}

#[test]
fn a_timer_that_was_taken_back_does_not_fire_and_the_others_do() {
    let mut fixture = Fixture::started();
    fixture.ctx().set_timer(TimerId(4), UtcTime(2_000_000)).unwrap();
    fixture.ctx().set_timer(TimerId(5), UtcTime(3_000_000)).unwrap();
    fixture.ctx().cancel_timer(TimerId(4));
    fixture.ctx().cancel_timer(TimerId(6));
    assert_eq!(fixture.desk.next_timer(), Some(UtcTime(3_000_000)));
    fixture.nanos.store(3_000_000, Ordering::Relaxed);
    fixture.desk.on_time(fixture.desk.core.clock.now());
    assert_eq!(fixture.desk.strategy().timers, [TimerId(5)]);
}

#[test]
fn a_strategy_can_ask_whether_its_orders_have_a_session() {
    let mut fixture = Fixture::started();
    assert!(fixture.ctx().is_trading_up());
    fixture.event(MD, lost());
    assert!(fixture.ctx().is_trading_up(), "the other session is none of it");
    fixture.down();
    assert!(!fixture.ctx().is_trading_up());
    fixture.up_again(TRADING, 1, 2);
    assert!(fixture.ctx().is_trading_up());
}

#[test]
fn a_strategy_hears_from_where_on_the_journal_counts_though_no_order_is_open() {
    let mut fixture = Fixture::new();
    let first_kept = Some(FirstKept { epoch: 4, seq: 77 });
    let end = FromJournal::End { epoch: 5, unreadable: 1, is_lossy: false, first_kept };
    fixture.event(TRADING, EventKind::FromJournal(end));
    let told = SessionUpdate::Recalled { orders: 0, unreadable: 1, first_kept };
    assert_eq!(fixture.desk.strategy().sessions, [told]);
}

#[test]
fn a_desk_without_or_with_doubled_instruments_is_refused() {
    let clock = || Clock::virtual_at(Arc::new(AtomicU64::new(1)));
    let with = |instruments| {
        let config = DeskConfig { instruments, ..config() };
        Desk::new(&config, clock(), Recorder::default()).err()
    };
    assert_eq!(with(vec![]), Some(DeskError::NoInstruments));
    let one = config().instruments[0];
    assert_eq!(with(vec![one, one]), Some(DeskError::SymbolTwice(one.symbol)));
    let many = with(vec![one; INSTRUMENTS_MAX + 1]);
    assert_eq!(many, Some(DeskError::TooManyInstruments(INSTRUMENTS_MAX + 1)));
}

#[test]
fn a_command_withdrawn_behind_an_unsent_one_breaks_no_promise() {
    let mut fixture = Fixture::started();
    let (_, first) = fixture.buy();
    let (_, second) = fixture.buy();
    let reason = WithdrawReason::OutboxFull;
    fixture.event(TRADING, EventKind::Withdrawn { cl_ord_id: second, reason });
    fixture.on_wire(first);
    assert_eq!(fixture.desk.stats().lane_violations, 0);
    assert_eq!(fixture.desk.commands_under_way(), 0);
}

#[test]
fn a_thread_that_stood_still_is_no_alarm_of_a_session() {
    let mut fixture = Fixture::started();
    let stats = |fixture: &Fixture| {
        let stats = fixture.desk.stats();
        (stats.alarms, stats.engine_alarms)
    };
    let before = stats(&fixture);
    fixture.event(TRADING, EventKind::Alarm(Alarm::Resumed { thread: "taut-strategy", ms: 900 }));
    assert_eq!(stats(&fixture), (before.0, before.1 + 1));
    fixture.event(TRADING, EventKind::Alarm(Alarm::Gap { from: 1, to: 1 }));
    assert_eq!(stats(&fixture), (before.0 + 1, before.1 + 1));
}

#[test]
fn a_report_that_cannot_be_read_leaves_its_order_in_doubt_or_all_of_them() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.buy();
    let (other, other_id) = fixture.buy();
    for id in [id, other_id] {
        fixture.on_wire(id);
        fixture.event(TRADING, EventKind::Report(report(id, ExecType::New, OrdStatus::New)));
    }
    let unreadable = |cl_ord_id| {
        let (msg_type, tag, order_id) = (b'8', 150, OrderId::EMPTY);
        EventKind::Alarm(Alarm::Unreadable { msg_type, tag, cl_ord_id, order_id })
    };
    fixture.event(MD, unreadable(Some(id)));
    assert_eq!(fixture.state(order), OrderState::New, "it is about market data");
    fixture.event(TRADING, unreadable(Some(id)));
    assert_eq!(fixture.state(order), OrderState::Uncertain);
    assert_eq!(fixture.state(other), OrderState::New);
    fixture.event(TRADING, unreadable(None));
    assert_eq!(fixture.state(other), OrderState::Uncertain);
    assert!(fixture.ctx().cancel(other).is_ok(), "what is in doubt can be cancelled");
}

#[test]
fn an_unknown_order_is_adopted_or_alarmed_about_as_configured() {
    for unknown_orders in [UnknownOrders::Adopt, UnknownOrders::Alarm] {
        let mut fixture = Fixture::started();
        fixture.desk.core.unknown_orders = unknown_orders;
        let foreign = report(ClOrdId::numeric(77).unwrap(), ExecType::New, OrdStatus::New);
        fixture.event(TRADING, EventKind::Report(foreign));
        let adopts = unknown_orders == UnknownOrders::Adopt;
        let stats = fixture.desk.stats();
        assert_eq!((stats.adopted, stats.unknown_reports), (u64::from(adopts), u64::from(!adopts)));
        assert_eq!(fixture.desk.orders().live_len(), usize::from(adopts));
        if adopts {
            let kinds: Vec<_> = fixture.desk.strategy().orders.iter().map(|o| o.kind).collect();
            assert_eq!(kinds, [UpdateKind::Adopted, UpdateKind::Acked]);
            assert_eq!(fixture.desk.orders().open_qty(ID), [10, 0]);
        }
    }
}

/// A desk of a derivatives session.
fn derivatives() -> DeskConfig {
    let symbol = "PF_XBTUSD".parse().unwrap();
    let instruments = vec![InstrumentConfig { symbol, ..config().instruments[0] }];
    DeskConfig { instruments, ..config() }
}

const NOW_NS: u64 = 1_800_000_000_000_000_000;

/// A started desk, on derivatives or as configured, at a time.
fn started_at(config: &DeskConfig, nanos: u64) -> Fixture {
    let nanos = Arc::new(AtomicU64::new(nanos));
    let clock = Clock::virtual_at(nanos.clone());
    let mut fixture =
        Fixture { desk: Desk::new(config, clock, Recorder::default()).unwrap(), nanos };
    fixture.up(MD);
    let instrument = Instrument { symbol: config.instruments[0].symbol, ..facts() };
    fixture.event(MD, EventKind::Instrument { id: ID, instrument });
    fixture.up(TRADING);
    fixture.snapshot();
    fixture.kinds();
    fixture
}

#[test]
fn a_derivatives_session_numbers_its_commands_by_combs_and_goes_on_above_the_last_run() {
    let run = |cl_ord_id_watermark, nanos: u64| {
        let config = DeskConfig { cl_ord_id_watermark, ..derivatives() };
        let mut fixture = started_at(&config, nanos);
        let (order, new) = fixture.buy();
        fixture.ctx().cancel(order).unwrap();
        let Some(CommandKind::Cancel(cancel)) = fixture.kinds().pop() else { panic!("no cancel") };
        let ids = [new, cancel.cl_ord_id];
        assert!(ids.iter().all(|id| id.check_comb(UtcTime(nanos)).is_ok()), "{ids:?}");
        assert!(ids[0].bits() < ids[1].bits(), "{ids:?}");
        (ids, fixture.desk.cl_ord_id_watermark())
    };
    let (first, watermark) = run(0, NOW_NS);
    // The clock of the next run is a minute behind.
    let (second, _) = run(watermark, NOW_NS - 60_000_000_000);
    assert!(first[1].bits() < second[0].bits(), "{first:?} {second:?}");
}

#[test]
fn instruments_of_two_markets_are_refused() {
    let mut config = derivatives();
    config.instruments.push(super::tests::config().instruments[0]);
    let clock = Clock::virtual_at(Arc::default());
    let refused = Desk::new(&config, clock, Recorder::default()).err();
    assert_eq!(refused, Some(DeskError::OtherMarket("BTC/USD".parse().unwrap())));
}

#[test]
fn derivatives_are_not_asked_for_the_status_of_an_order() {
    for (config, asks) in [(config(), true), (derivatives(), false)] {
        let mut fixture = started_at(&config, NOW_NS);
        fixture.live();
        fixture.down();
        fixture.up_again(TRADING, 1, 2);
        let kinds = fixture.kinds();
        let asked = kinds.iter().any(|kind| matches!(kind, CommandKind::Status(_)));
        assert_eq!(asked, asks, "{kinds:?}");
    }
}

#[test]
fn a_market_without_amends_is_not_asked_for_one() {
    let mut config = derivatives();
    config.reach.amends = false;
    let mut fixture = started_at(&config, NOW_NS);
    let (order, _) = fixture.live();
    let refused = fixture.ctx().replace(order, Qty(10), Px(999));
    assert_eq!(refused, Err(Refusal::NotOnThisMarket));
    assert!(fixture.kinds().is_empty());
}
