//! A desk of two trading sessions: spot, and derivatives.

use super::*;
use crate::command::{CancelScope, RestKind};
use crate::desk::SecondSession;
use crate::event::{RestAnswer, RestSaid};
use crate::risk::KillCause;

const MD_2: SessionId = SessionId(2);
pub(super) const TRADING_2: SessionId = SessionId(3);
/// The instrument of the second session.
pub(super) const FUTURE: InstrumentId = InstrumentId(1);

pub(super) fn two() -> DeskConfig {
    let first = config();
    let symbol = "PF_XBTUSD".parse().unwrap();
    let second = SecondSession {
        market_data: MD_2,
        trading: TRADING_2,
        instruments: vec![InstrumentConfig { symbol, ..first.instruments[0] }],
        venue_rate: VenueRate::UNLIMITED,
        cl_ord_id_watermark: 0,
        reach: Reach::default(),
        rest: None,
    };
    DeskConfig { second: Some(second), ..first }
}

fn blank(config: &DeskConfig) -> Fixture {
    let nanos = Arc::new(AtomicU64::new(NOW_NS));
    let clock = Clock::virtual_at(nanos.clone());
    Fixture { desk: Desk::new(config, clock, Recorder::default()).unwrap(), nanos }
}

fn market_data_up(fixture: &mut Fixture, session: SessionId, id: InstrumentId, symbol: &str) {
    fixture.up(session);
    let instrument = Instrument { symbol: symbol.parse().unwrap(), ..facts() };
    fixture.event(session, EventKind::Instrument { id, instrument });
    for (side, px, action, last) in
        [(Side::Sell, 1_010, BookAction::Restart, false), (Side::Buy, 990, BookAction::Set, true)]
    {
        let entry = BookEntry { instrument: id, ..entry(side, px, action, last) };
        fixture.event(session, EventKind::Book(entry));
    }
}

/// Both pairs up, the strategy started, nothing queued.
pub(super) fn started(config: &DeskConfig) -> Fixture {
    let mut fixture = blank(config);
    market_data_up(&mut fixture, MD, ID, "BTC/USD");
    fixture.up(TRADING);
    assert_eq!(fixture.desk.strategy().starts, 0, "half of it is not up");
    market_data_up(&mut fixture, MD_2, FUTURE, "PF_XBTUSD");
    fixture.up(TRADING_2);
    assert_eq!(fixture.desk.strategy().starts, 1);
    fixture.desk.commands().for_each(drop);
    fixture
}

fn buys(fixture: &mut Fixture, id: InstrumentId) -> OrderHandle {
    fixture.ctx().buy(id, Qty(10), Px(1_000)).unwrap()
}

/// Takes what is queued: for which session, and what; everything ends on the wire.
pub(super) fn sent(fixture: &mut Fixture) -> Vec<(SessionId, CommandKind)> {
    let commands: Vec<Command> = fixture.desk.commands().collect();
    for command in &commands {
        let cl_ord_id = match &command.kind {
            CommandKind::New(new) => new.get().cl_ord_id,
            CommandKind::Replace(replace) => replace.get().cl_ord_id,
            CommandKind::Cancel(cancel) => cancel.cl_ord_id,
            CommandKind::MassCancel(cancel) => cancel.cl_ord_id,
            _ => continue,
        };
        let kind = EventKind::OnWire { cl_ord_id, msg_seq_num: 2, sent_ticks: 1 };
        fixture.event(command.session, kind);
    }
    commands.iter().map(|command| (command.session, command.kind)).collect()
}

/// An acknowledged order on each session; their places in the two tables are the same.
fn one_on_each(fixture: &mut Fixture) -> [OrderHandle; 2] {
    [(TRADING, ID), (TRADING_2, FUTURE)].map(|(session, id)| {
        let order = buys(fixture, id);
        let commands = sent(fixture);
        let [(to, CommandKind::New(new))] = commands[..] else { panic!("{commands:?}") };
        assert_eq!(to, session);
        let acked = report(new.get().cl_ord_id, ExecType::New, OrdStatus::New);
        fixture.event(session, EventKind::Report(Report { instrument: id, ..acked }));
        order
    })
}

fn state(fixture: &mut Fixture, order: OrderHandle) -> OrderState {
    fixture.ctx().order_state(order).unwrap().state
}

#[test]
fn each_instrument_is_traded_on_its_own_session_by_ids_of_its_own_market() {
    let mut fixture = started(&two());
    buys(&mut fixture, ID);
    buys(&mut fixture, FUTURE);
    let commands = sent(&mut fixture);
    let [(first, CommandKind::New(spot)), (second, CommandKind::New(future))] = commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!((first, second), (TRADING, TRADING_2));
    assert!(spot.get().cl_ord_id.as_numeric().is_some());
    assert!(future.get().cl_ord_id.check_comb(UtcTime(NOW_NS)).is_ok());
    assert_eq!(fixture.desk.stats().lane_violations, 0);
    assert_eq!(fixture.ctx().buy(InstrumentId(2), Qty(1), Px(1)), Err(Refusal::InstrumentUnknown));
}

#[test]
fn a_handle_names_an_order_of_its_own_session_alone() {
    let mut fixture = started(&two());
    let [spot, future] = one_on_each(&mut fixture);
    assert_eq!((spot.slot(), future.slot()), (0, 0));
    assert_ne!(spot, future);
    let of = |fixture: &mut Fixture, order| fixture.ctx().order_state(order).unwrap().instrument;
    assert_eq!((of(&mut fixture, spot), of(&mut fixture, future)), (ID, FUTURE));
    fixture.ctx().replace(spot, Qty(10), Px(999)).unwrap();
    fixture.ctx().cancel(future).unwrap();
    let commands = sent(&mut fixture);
    assert!(matches!(
        commands[..],
        [(TRADING, CommandKind::Replace(_)), (TRADING_2, CommandKind::Cancel(_))]
    ));
    let open: Vec<_> = fixture.ctx().open_orders().map(|order| order.handle).collect();
    assert_eq!(open, [spot, future]);
    assert_eq!(fixture.ctx().open_orders().len(), 2);
}

#[test]
fn the_orders_of_one_session_are_uncertain_while_the_other_trades_on() {
    let mut fixture = started(&two());
    let [spot, future] = one_on_each(&mut fixture);
    fixture.event(TRADING_2, lost());
    assert_eq!(state(&mut fixture, future), OrderState::Uncertain);
    assert_eq!(state(&mut fixture, spot), OrderState::New);
    assert_eq!(fixture.ctx().buy(FUTURE, Qty(1), Px(1_000)), Err(Refusal::SessionDown));
    buys(&mut fixture, ID);
    assert!(!fixture.ctx().is_trading_up() && !fixture.desk.is_reconciled());
    fixture.ctx().cancel(future).unwrap();
    assert!(sent(&mut fixture).iter().all(|(session, _)| *session == TRADING));
    // It went on with its numbers; the replay says nothing, and the kept cancel leaves.
    fixture.up_again(TRADING_2, 1, 2);
    let commands = sent(&mut fixture);
    let marker = commands.iter().find_map(|(session, kind)| match kind {
        CommandKind::Cancel(cancel) if cancel.cl_ord_id == cancel.orig_cl_ord_id => {
            assert_eq!(*session, TRADING_2);
            Some(cancel.cl_ord_id)
        }
        _ => None,
    });
    assert!(commands.iter().all(|(session, _)| *session == TRADING_2), "{commands:?}");
    let refusal = VenueRefusal {
        cl_ord_id: Some(marker.expect("a marker")),
        ref_msg_type: b'F',
        ref_seq_num: 0,
        layer: RefusalLayer::Business,
        reason: Some(101),
        text: FixStr::EMPTY,
    };
    fixture.event(TRADING_2, EventKind::Refused(refusal));
    assert!(fixture.desk.is_reconciled() && fixture.ctx().is_trading_up());
    let [(told, unresolved, _)] = &fixture.desk.strategy().reconciled[..] else { panic!("once") };
    assert_eq!((told.len(), told[0].order, *unresolved), (1, future, 0));
}

#[test]
fn the_kill_switch_cancels_on_both_sessions_and_refuses_on_both() {
    let mut fixture = started(&two());
    one_on_each(&mut fixture);
    fixture.desk.kill(KillCause::Operator);
    let swept: Vec<SessionId> = sent(&mut fixture)
        .into_iter()
        .filter(|(_, kind)| matches!(kind, CommandKind::MassCancel(_)))
        .map(|(session, _)| session)
        .collect();
    assert_eq!(swept, [TRADING, TRADING_2]);
    for id in [ID, FUTURE] {
        assert_eq!(fixture.ctx().buy(id, Qty(10), Px(1_000)), Err(Refusal::Killed));
    }
    let killed = |update: &&SessionUpdate| matches!(update, SessionUpdate::Killed { .. });
    assert_eq!(fixture.desk.strategy().sessions.iter().filter(killed).count(), 1, "told once");
    fixture.desk.rearm();
    buys(&mut fixture, FUTURE);
}

#[test]
fn a_kill_while_one_session_is_down_cancels_there_when_it_is_back() {
    let mut fixture = started(&two());
    one_on_each(&mut fixture);
    fixture.event(TRADING_2, lost());
    fixture.desk.kill(KillCause::Operator);
    assert!(sent(&mut fixture).iter().all(|(session, _)| *session == TRADING));
    fixture.up_again(TRADING_2, 1, 2);
    let sweeps = |(session, kind): &(SessionId, CommandKind)| {
        *session == TRADING_2 && matches!(kind, CommandKind::MassCancel(_))
    };
    assert!(sent(&mut fixture).iter().any(sweeps));
}

#[test]
fn a_kill_while_the_second_session_is_down_goes_by_the_rest_of_its_own_market() {
    let policy = RestPolicy {
        attempts: 3,
        retry_ms: 100,
        answer_ms: 1_000,
        climb_ms: 500,
        may_cancel_all: true,
        cancel_after_seconds: 0,
    };
    let mut config = two();
    config.second.as_mut().unwrap().rest = Some(policy);
    let mut fixture = started(&config);
    let [_, future] = one_on_each(&mut fixture);
    fixture.event(TRADING_2, lost());
    fixture.desk.kill(KillCause::Operator);
    let commands = sent(&mut fixture);
    let calls: Vec<_> = commands
        .iter()
        .filter_map(|(session, kind)| match kind {
            CommandKind::Rest(call) => Some((*session, *call)),
            _ => None,
        })
        .collect();
    let [(TRADING_2, call)] = calls[..] else { panic!("{commands:?}") };
    assert_eq!(call.kind, RestKind::CancelAll);
    let said = RestSaid::Canceled { count: 1 };
    fixture.event(TRADING_2, EventKind::Rest(RestAnswer { id: call.id, said }));
    let told = SessionUpdate::Rest { kind: call.kind, said };
    assert_eq!(fixture.desk.strategy().sessions.last(), Some(&told));
    let order = *fixture.ctx().order_state(future).unwrap();
    assert!(order.is_rest_done() && !order.is_by_rest());
    assert_eq!(fixture.desk.stats().rest_cancels, 1);
}

#[test]
fn a_mass_cancel_of_an_instrument_goes_to_its_session_and_any_other_to_both() {
    let mut fixture = started(&two());
    one_on_each(&mut fixture);
    let mut sessions = |scope| -> Vec<SessionId> {
        fixture.ctx().cancel_all(scope).unwrap();
        sent(&mut fixture).into_iter().map(|(session, _)| session).collect()
    };
    assert_eq!(sessions(CancelScope::Instrument(FUTURE)), [TRADING_2]);
    assert_eq!(sessions(CancelScope::Instrument(ID)), [TRADING]);
    assert_eq!(sessions(CancelScope::SenderCompId), [TRADING, TRADING_2]);
}

#[test]
fn limits_in_total_count_the_orders_of_both_sessions_and_a_currency_is_one_on_both() {
    let mut config = two();
    config.total.max_open_orders = 3;
    config.total.max_gross = Some(Decimal::new(25, 0));
    let mut fixture = started(&config);
    let [spot, _] = one_on_each(&mut fixture);
    // Two positions of 0.1 at 100.0 could be opened: 20 dollars, on spot and on derivatives.
    let more = fixture.ctx().buy(FUTURE, Qty(10), Px(1_000));
    assert!(matches!(more, Err(Refusal::MaxGross(_))), "{more:?}");
    fixture.ctx().buy(FUTURE, Qty(1), Px(1_000)).unwrap();
    let more = fixture.ctx().buy(ID, Qty(1), Px(1_000));
    assert!(matches!(more, Err(Refusal::MaxOpenOrdersTotal(_))), "{more:?}");
    let id = fixture.desk.orders().cl_ord_id(spot).unwrap();
    let gone = report(id, ExecType::Canceled, OrdStatus::Canceled);
    fixture.event(TRADING, EventKind::Report(gone));
    buys(&mut fixture, ID);
}

#[test]
fn fills_of_both_sessions_are_in_the_positions_and_own_quotes_are_told_apart() {
    let mut config = two();
    for one in config.instruments.iter_mut().chain(&mut config.second.as_mut().unwrap().instruments)
    {
        one.risk.allow_self_cross = false;
    }
    let mut fixture = started(&config);
    let [spot, future] = one_on_each(&mut fixture);
    // The same slots, other instruments: a sell meets the own buy of its instrument.
    for id in [ID, FUTURE] {
        let crossing = fixture.ctx().sell(id, Qty(10), Px(1_000));
        assert!(matches!(crossing, Err(Refusal::SelfCross(_))), "{crossing:?}");
    }
    for (session, id, order, seat) in [(TRADING, ID, spot, 0), (TRADING_2, FUTURE, future, 1)] {
        let table =
            if seat == 0 { Some(fixture.desk.orders()) } else { fixture.desk.second_orders() };
        let cl_ord_id = table.unwrap().cl_ord_id(order).unwrap();
        let filled = Report {
            instrument: id,
            exec_id: format!("E{seat}").parse().unwrap(),
            cum_qty: Qty(10),
            fill: Some(Fill { px: Px(1_000), qty: Qty(10), liquidity: None }),
            ..report(cl_ord_id, ExecType::Trade, OrdStatus::Filled)
        };
        fixture.event(session, EventKind::Report(filled));
    }
    let positions = [ID, FUTURE].map(|id| fixture.ctx().position(id).qty);
    assert_eq!(positions, [10, 10]);
    assert_eq!(fixture.desk.stats().fills, 2);
    assert!(fixture.desk.is_quiet());
    // Nothing rests any more.
    for id in [ID, FUTURE] {
        fixture.ctx().sell(id, Qty(10), Px(1_000)).unwrap();
    }
}

#[test]
fn a_book_that_is_lost_on_one_session_leaves_those_of_the_other() {
    let mut fixture = started(&two());
    fixture.event(MD_2, lost());
    assert!(fixture.ctx().book(FUTURE).is_none() && fixture.ctx().book(ID).is_some());
    assert_eq!(fixture.ctx().buy(FUTURE, Qty(10), Px(1_000)), Err(Refusal::NoBook));
    buys(&mut fixture, ID);
    market_data_up(&mut fixture, MD_2, FUTURE, "PF_XBTUSD");
    buys(&mut fixture, FUTURE);
}

#[test]
fn a_desk_that_stops_cancels_on_both_sessions_and_logs_out_of_all_four() {
    let mut fixture = started(&two());
    let orders = one_on_each(&mut fixture);
    fixture.desk.stop();
    let cancels = sent(&mut fixture);
    assert_eq!(cancels.len(), 2, "{cancels:?}");
    assert!(!fixture.desk.is_done());
    for (at, (session, kind)) in cancels.into_iter().enumerate() {
        let CommandKind::Cancel(cancel) = kind else { panic!("{kind:?}") };
        let gone = report(cancel.cl_ord_id, ExecType::Canceled, OrdStatus::Canceled);
        let orig_cl_ord_id = Some(cancel.orig_cl_ord_id);
        let gone = Report { instrument: InstrumentId(at as u16), orig_cl_ord_id, ..gone };
        fixture.event(session, EventKind::Report(gone));
    }
    assert!(orders.iter().all(|&order| state(&mut fixture, order) == OrderState::Canceled));
    assert!(fixture.desk.is_done());
    fixture.desk.log_out();
    let left: Vec<SessionId> = sent(&mut fixture).into_iter().map(|(session, _)| session).collect();
    assert_eq!(left, [TRADING, MD, TRADING_2, MD_2]);
}
