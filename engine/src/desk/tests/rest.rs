//! The last rung: what goes by REST, and what becomes of it.

use super::*;
use crate::command::{CancelScope, RestCall, RestKind};
use crate::event::{Alarm, EventText, Listed, RestAnswer, RestProblem, RestSaid};
use crate::limits::{KILL_ROUNDS_MAX, REST_AGAIN_NS};
use crate::order::{Proof, Scope};
use crate::risk::venue_rate::{BucketSize, Tier};
use crate::risk::{KillCause, TokenCosts, VenueRateRule};

pub(super) const POLICY: RestPolicy = RestPolicy {
    attempts: 3,
    retry_ms: 100,
    answer_ms: 1_000,
    climb_ms: 500,
    may_cancel_all: true,
    cancel_after_seconds: 0,
};

fn with(policy: RestPolicy, reach: Reach) -> Fixture {
    Fixture::with(&DeskConfig { rest: Some(policy), reach, ..config() })
}

fn started() -> Fixture {
    with(POLICY, Reach::default())
}

/// The calls among what is queued; the rest leaves.
pub(super) fn calls(fixture: &mut Fixture) -> Vec<RestCall> {
    let call = |kind: &CommandKind| match kind {
        CommandKind::Rest(call) => Some(*call),
        _ => None,
    };
    fixture.send().iter().filter_map(call).collect()
}

/// The only call.
pub(super) fn call(fixture: &mut Fixture) -> RestCall {
    let calls = calls(fixture);
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls[0]
}

pub(super) fn answer(fixture: &mut Fixture, call: RestCall, said: RestSaid) {
    fixture.event(TRADING, EventKind::Rest(RestAnswer { id: call.id, said }));
}

pub(super) fn fail(fixture: &mut Fixture, call: RestCall, problem: RestProblem) {
    answer(fixture, call, RestSaid::Failed(problem));
}

pub(super) fn refused(text: &str) -> RestProblem {
    RestProblem::Refused(EventText::new(text.as_bytes()).unwrap())
}

fn done(fixture: &mut Fixture, call: RestCall) {
    answer(fixture, call, RestSaid::Canceled { count: 1 });
}

fn alarms(fixture: &Fixture) -> Vec<Alarm> {
    let alarm = |update: &SessionUpdate| match update {
        SessionUpdate::Alarm { session: TRADING, alarm } => Some(*alarm),
        _ => None,
    };
    fixture.desk.strategy().sessions.iter().filter_map(alarm).collect()
}

fn told(fixture: &Fixture, kind: UpdateKind) -> usize {
    fixture.desk.strategy().orders.iter().filter(|update| update.kind == kind).count()
}

#[test]
fn while_the_session_is_down_a_cancel_goes_by_rest_and_is_not_sent_again_when_that_has_done_it() {
    let mut fixture = started();
    let (order, id) = fixture.live();
    let (other, _) = fixture.live();
    fixture.down();
    let route = CancelRoute { rung: Rung::Rest, reason: RungReason::SessionDown };
    assert_eq!(fixture.ctx().cancel(order), Ok(route));
    assert_eq!(fixture.ctx().cancel(order), Err(Refusal::CancelPending));
    assert_eq!(fixture.ctx().cancel(other), Ok(route));
    fixture.wait(0);
    // By its OrderID, one call at a time.
    let first = call(&mut fixture);
    let order_id = fixture.desk.orders().get(order).unwrap().order_id;
    assert_eq!(first.kind, RestKind::CancelOrder { order_id, cl_ord_id: id });
    done(&mut fixture, first);
    let second = call(&mut fixture);
    assert_ne!(second.id, first.id);
    // How it ended is still to be found out: only the reports know its fills.
    assert_eq!(fixture.state(order), OrderState::Uncertain);
    fixture.up_again(TRADING, 1, 2);
    let cancels = |kinds: &[CommandKind]| {
        kinds.iter().filter(|kind| matches!(kind, CommandKind::MassCancel(_))).count()
    };
    let kinds = fixture.send();
    assert_eq!(cancels(&kinds), 1, "for the other, whose call is not answered: {kinds:?}");
    assert_eq!(fixture.desk.stats().rest_cancels, 1);
}

#[test]
fn a_cancel_that_is_lost_with_the_session_climbs_and_the_strategy_is_told() {
    let mut fixture = started();
    let (order, _) = fixture.live();
    fixture.ctx().cancel(order).unwrap();
    fixture.send();
    fixture.down();
    let kind = call(&mut fixture).kind;
    assert!(matches!(kind, RestKind::CancelOrder { .. }), "{kind:?}");
    let route = CancelRoute { rung: Rung::Rest, reason: RungReason::SessionDown };
    assert_eq!(told(&fixture, UpdateKind::CancelClimbed { route }), 1);
}

#[test]
fn calls_that_fail_are_made_again_with_growing_waits_then_given_up_told_and_tried_again_later() {
    let mut fixture = started();
    let (order, _) = fixture.live();
    fixture.down();
    fixture.ctx().cancel(order).unwrap();
    fixture.wait(0);
    for wait in [100, 200] {
        let failed = call(&mut fixture);
        fail(&mut fixture, failed, RestProblem::NotReached);
        fixture.wait(wait - 1);
        assert_eq!(calls(&mut fixture), []);
        assert!(alarms(&fixture).is_empty());
        fixture.wait(1);
    }
    let last = call(&mut fixture);
    fail(&mut fixture, last, RestProblem::Status(503));
    assert_eq!(alarms(&fixture), [Alarm::Rest(RestProblem::Status(503))]);
    let order_now = fixture.desk.orders().get(order).unwrap();
    assert!(order_now.is_cancel_kept() && !order_now.is_by_rest(), "the session has it still");
    fixture.wait(REST_AGAIN_NS / 1_000_000);
    let again = call(&mut fixture);
    done(&mut fixture, again);
    assert!(!fixture.desk.orders().get(order).unwrap().is_cancel_kept());
}

#[test]
fn an_answer_that_never_comes_is_a_failure_and_one_that_comes_too_late_is_nothing() {
    let mut fixture = started();
    let (order, _) = fixture.live();
    fixture.down();
    fixture.ctx().cancel(order).unwrap();
    fixture.wait(0);
    let silent = call(&mut fixture);
    fixture.wait(1_000);
    assert_eq!(fixture.desk.stats().rest_failures, 1);
    done(&mut fixture, silent);
    assert_eq!(fixture.desk.stats().rest_cancels, 0);
    fixture.wait(100);
    assert_ne!(call(&mut fixture).id, silent.id);
}

#[test]
fn what_does_not_pass_is_not_tried_again() {
    let mut fixture = started();
    let orders = [fixture.live().0, fixture.live().0];
    fixture.down();
    for order in orders {
        fixture.ctx().cancel(order).unwrap();
    }
    fixture.wait(0);
    let only = call(&mut fixture);
    fail(&mut fixture, only, refused("EAPI:Invalid key"));
    fixture.wait(2 * REST_AGAIN_NS / 1_000_000);
    assert_eq!(calls(&mut fixture), [], "who insists is locked out");
    assert!(alarms(&fixture).contains(&Alarm::Rest(refused("EAPI:Invalid key"))));
}

#[test]
fn an_order_that_no_request_of_the_session_reaches_goes_by_rest_while_the_session_is_up() {
    let narrow = Reach { mass_cancel_all: Scope::Connection, ..Reach::default() };
    let mut fixture = with(POLICY, narrow);
    let (order, id) = fixture.live();
    fixture.reconnected(id);
    let route = CancelRoute { rung: Rung::Rest, reason: RungReason::NotReached };
    assert_eq!(fixture.ctx().cancel(order), Ok(route));
    assert_eq!(fixture.ctx().cancel_open_orders(), Sweep { rest: 1, ..Sweep::default() });
    fixture.wait(0);
    let cancel = call(&mut fixture);
    done(&mut fixture, cancel);
    assert_eq!(fixture.state(order), OrderState::New, "its report tells how it ended");
    // None comes: then it is found out.
    fixture.wait(u64::from(Recovery::default().deadline_ms));
    assert_eq!(fixture.state(order), OrderState::Uncertain);
    assert!(!fixture.desk.is_reconciled());
    // Given up, it is told, since nothing else is left.
    fixture.event(TRADING, EventKind::Report(report(id, ExecType::OrderStatus, OrdStatus::New)));
    fixture.ctx().cancel(order).unwrap();
    fixture.wait(0);
    let cancel = call(&mut fixture);
    fail(&mut fixture, cancel, refused("EGeneral:Permission denied"));
    let refusal = Refusal::RestFailed;
    assert_eq!(told(&fixture, UpdateKind::CancelRefused { refusal }), 1);
}

#[test]
fn a_cancel_that_the_session_does_not_answer_climbs() {
    let mut fixture = started();
    let (silent, _) = fixture.live();
    let (refused, _) = fixture.live();
    fixture.ctx().cancel(silent).unwrap();
    fixture.ctx().cancel(refused).unwrap();
    let id = ClOrdId::numeric(fixture.desk.core.ids.watermark()).unwrap();
    fixture.send();
    fixture.refuse(id, b'F', 0);
    fixture.wait(499);
    assert_eq!(calls(&mut fixture), []);
    assert!(fixture.desk.next_timer().is_some());
    fixture.wait(1);
    let climbed = call(&mut fixture);
    let order_id = fixture.desk.orders().get(silent).unwrap().order_id;
    assert!(matches!(climbed.kind, RestKind::CancelOrder { order_id: id, .. } if id == order_id));
    let route = CancelRoute { rung: Rung::Rest, reason: RungReason::NoAnswer };
    assert_eq!(told(&fixture, UpdateKind::CancelClimbed { route }), 1);
}

#[test]
fn a_mass_cancel_of_everything_while_the_session_is_down_is_a_cancel_all_or_a_call_for_each() {
    for may_cancel_all in [true, false] {
        let mut fixture = with(RestPolicy { may_cancel_all, ..POLICY }, Reach::default());
        fixture.live();
        fixture.live();
        fixture.down();
        fixture.ctx().cancel_all(CancelScope::SenderCompId).unwrap();
        fixture.wait(0);
        let first = call(&mut fixture);
        assert_eq!(first.kind == RestKind::CancelAll, may_cancel_all);
        done(&mut fixture, first);
        assert_eq!(calls(&mut fixture).len(), usize::from(!may_cancel_all));
    }
}

#[test]
fn a_kill_while_the_session_is_down_calls_at_once_and_cancels_again_when_it_is_up() {
    let mut fixture = started();
    fixture.live();
    fixture.down();
    fixture.desk.kill(KillCause::Operator);
    let all = call(&mut fixture);
    assert_eq!(all.kind, RestKind::CancelAll);
    done(&mut fixture, all);
    fixture.up_again(TRADING, 1, 2);
    let kinds = fixture.send();
    assert!(matches!(kinds[0], CommandKind::MassCancel(_)), "{kinds:?}");
}

#[test]
fn a_kill_that_is_not_answered_climbs_the_ladder_round_by_round_and_is_told_each_time() {
    for rest in [Some(POLICY), None] {
        let mut fixture = Fixture::with(&DeskConfig { rest, ..config() });
        fixture.live();
        fixture.desk.kill(KillCause::Operator);
        let kinds = fixture.send();
        assert!(matches!(kinds[..], [CommandKind::MassCancel(_)]), "{kinds:?}");
        let mut sent = Vec::new();
        for _ in 0..200 {
            fixture.wait(100);
            sent.extend(fixture.send());
        }
        let rounds: Vec<_> = alarms(&fixture)
            .into_iter()
            .filter_map(|alarm| match alarm {
                Alarm::KillUnanswered { orders: 1, round } => Some(round),
                _ => None,
            })
            .collect();
        assert_eq!(rounds, (1..=KILL_ROUNDS_MAX).collect::<Vec<_>>());
        let count = |is: fn(&CommandKind) -> bool| sent.iter().filter(|kind| is(kind)).count();
        assert!(count(|kind| matches!(kind, CommandKind::Cancel(_))) >= 1, "one by one");
        assert_eq!(count(|kind| matches!(kind, CommandKind::MassCancel(_))), 2, "and again");
        let calls = count(|kind| matches!(kind, CommandKind::Rest(_)));
        assert_eq!(calls > 0, rest.is_some());
    }
}

#[test]
fn the_list_of_open_orders_settles_what_nothing_else_may() {
    let recovery = Recovery { status_requests: false, may_cancel: false, ..Recovery::default() };
    let config = DeskConfig { rest: Some(POLICY), recovery, ..config() };
    let mut fixture = Fixture::with(&config);
    let (open, open_id) = fixture.live();
    let (gone, _) = fixture.live();
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    let kinds = fixture.send();
    let [CommandKind::Cancel(marker)] = kinds[..] else { panic!("{kinds:?}") };
    fixture.refuse(marker.cl_ord_id, b'F', 101);
    let list = call(&mut fixture);
    assert_eq!(list.kind, RestKind::OpenOrders);
    let listed = Listed {
        order_id: fixture.desk.orders().get(open).unwrap().order_id,
        cl_ord_id: Some(open_id),
        side: Side::Buy,
        ord_type: None,
        px: Some(Decimal::new(1_000, 1)),
        stop_px: None,
        qty: Decimal::new(10, 2),
        cum: Decimal::new(4, 2),
        cost: Some(Decimal::new(4, 0)),
        end: None,
    };
    answer(&mut fixture, list, RestSaid::Listed(listed));
    answer(&mut fixture, list, RestSaid::ListEnd { count: 1 });
    assert_eq!(fixture.state(open), OrderState::PartiallyFilled);
    assert_eq!(fixture.state(gone), OrderState::Gone);
    // Fills that were missed count, by what the list says that they cost.
    let position = fixture.ctx().position(ID);
    assert_eq!((position.qty, position.cash), (4, -4_000));
    let (orders, unresolved, _) = fixture.desk.strategy().reconciled.last().unwrap();
    let proofs: Vec<_> = orders.iter().map(|one| one.proof).collect();
    assert_eq!((proofs, *unresolved), (vec![Proof::Told, Proof::NotListed], 0));
}

#[test]
fn the_list_of_open_orders_settles_what_a_refused_mass_cancel_does_not() {
    let mut fixture = started();
    let (order, _) = fixture.buy();
    fixture.send();
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    let kinds = fixture.send();
    let [CommandKind::MassCancel(sweep), CommandKind::Cancel(marker)] = kinds[..] else {
        panic!("{kinds:?}")
    };
    fixture.refuse(sweep.cl_ord_id, b'q', 0);
    assert_eq!(calls(&mut fixture), [], "what is on its way is answered first");
    fixture.refuse(marker.cl_ord_id, b'F', 101);
    assert_eq!(fixture.state(order), OrderState::Uncertain);
    let list = call(&mut fixture);
    assert_eq!(list.kind, RestKind::OpenOrders);
    answer(&mut fixture, list, RestSaid::ListEnd { count: 0 });
    assert_eq!(fixture.state(order), OrderState::Gone);
    let (orders, unresolved, rounds) = fixture.desk.strategy().reconciled.last().unwrap();
    assert_eq!((orders[0].proof, *unresolved, *rounds), (Proof::NotListed, 0, 1));
}

/// With the venue's rate limit mirrored.
fn limited(rule: VenueRateRule) -> Fixture {
    let venue_rate = VenueRate { rule, reserve: 0, holds_cancels: true };
    Fixture::with(&DeskConfig { rest: Some(POLICY), venue_rate, ..config() })
}

#[test]
fn a_cancel_by_rest_counts_where_the_venue_counts_it_once_and_not_if_it_was_refused() {
    // No decay: what is counted stays.
    let tier = Tier { decay: 0, ..Tier::PRO };
    let rule = VenueRateRule::Spot { tier, cancels_limited: true, mass_cancel_points: true };
    let mut fixture = limited(rule);
    let points = |fixture: &Fixture| {
        let now = fixture.desk.core.clock.now();
        fixture.desk.core.risk.mirror().points(ID, now).unwrap()
    };
    let (order, _) = fixture.live();
    for _ in 0..2 {
        fixture.live();
    }
    assert_eq!(points(&fixture), 3);
    fixture.down();
    fixture.ctx().cancel(order).unwrap();
    fixture.wait(0);
    let first = call(&mut fixture);
    assert_eq!(points(&fixture), 3 + 8, "it is on its way");
    fail(&mut fixture, first, RestProblem::NotReached);
    fixture.wait(100);
    let second = call(&mut fixture);
    assert_eq!(points(&fixture), 3 + 8, "the venue carries one out, whichever");
    fail(&mut fixture, second, refused("EOrder:Rate limit exceeded"));
    assert_eq!(points(&fixture), 3);
    fixture.wait(200);
    let third = call(&mut fixture);
    assert_eq!(points(&fixture), 3 + 8);
    done(&mut fixture, third);
    assert_eq!(points(&fixture), 3 + 8);
    fixture.desk.kill(KillCause::Operator);
    let all = call(&mut fixture);
    assert_eq!((all.kind, points(&fixture)), (RestKind::CancelAll, 3 + 3 * 8), "the other two");
    done(&mut fixture, all);
    assert_eq!(points(&fixture), 3 + 3 * 8);
}

#[test]
fn a_cancel_by_rest_takes_no_token_of_the_session_on_derivatives() {
    let costs = TokenCosts::default();
    let mut fixture = limited(VenueRateRule::Derivatives { size: BucketSize::default(), costs });
    let (order, _) = fixture.live();
    fixture.down();
    let room =
        |fixture: &Fixture| fixture.desk.core.risk.mirror().room(ID, fixture.desk.core.clock.now());
    let before = room(&fixture);
    fixture.ctx().cancel(order).unwrap();
    fixture.wait(0);
    let first = call(&mut fixture);
    done(&mut fixture, first);
    assert_eq!((before, room(&fixture)), (Some(490), Some(490)));
}

/// Orders that are uncertain, and can be settled by the list only, which is called for.
fn only_listed() -> (Fixture, [OrderHandle; 2], RestCall) {
    let recovery = Recovery { status_requests: false, may_cancel: false, ..Recovery::default() };
    let reach = Reach { mass_cancel_all: Scope::Connection, ..Reach::default() };
    let config = DeskConfig { rest: Some(POLICY), recovery, reach, ..config() };
    let mut fixture = Fixture::with(&config);
    let orders = [fixture.live().0, fixture.live().0];
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    let kinds = fixture.send();
    let [CommandKind::Cancel(marker)] = kinds[..] else { panic!("{kinds:?}") };
    fixture.refuse(marker.cl_ord_id, b'F', 101);
    let list = call(&mut fixture);
    assert_eq!(list.kind, RestKind::OpenOrders);
    (fixture, orders, list)
}

#[test]
fn the_list_is_drawn_up_however_often_single_orders_are_to_be_cancelled() {
    let (mut fixture, orders, list) = only_listed();
    for order in orders {
        fixture.ctx().cancel(order).unwrap();
    }
    fail(&mut fixture, list, RestProblem::TimedOut);
    for is_list in [false, true, false, true] {
        fixture.wait(1_000);
        let call = call(&mut fixture);
        assert_eq!(call.kind == RestKind::OpenOrders, is_list, "in turns: {call:?}");
        fail(&mut fixture, call, RestProblem::TimedOut);
    }
}

#[test]
fn orders_that_a_failed_list_left_uncertain_are_looked_up_again_until_a_list_settles_them() {
    let (mut fixture, [order, other], mut list) = only_listed();
    for _ in 1..POLICY.attempts {
        fail(&mut fixture, list, RestProblem::TimedOut);
        fixture.wait(1_000);
        list = call(&mut fixture);
    }
    fail(&mut fixture, list, RestProblem::TimedOut);
    let (_, unresolved, _) = fixture.desk.strategy().reconciled.last().unwrap();
    assert_eq!((*unresolved, fixture.state(order)), (2, OrderState::Uncertain));
    assert!(fixture.ctx().buy(ID, Qty(1), Px(1_000)).is_ok(), "trading goes on");
    fixture.wait(REST_AGAIN_NS / 1_000_000);
    let list = call(&mut fixture);
    assert_eq!(list.kind, RestKind::OpenOrders);
    answer(&mut fixture, list, RestSaid::ListEnd { count: 0 });
    assert_eq!([order, other].map(|one| fixture.state(one)), [OrderState::Gone; 2]);
}

#[test]
fn the_venue_is_told_that_we_live_three_times_in_the_time_after_which_it_cancels() {
    let mut fixture = with(RestPolicy { cancel_after_seconds: 60, ..POLICY }, Reach::default());
    fixture.wait(0);
    // The first was made when the desk started, and is not answered: it is made again.
    fixture.wait(1_000);
    fixture.wait(100);
    let alive = call(&mut fixture);
    assert_eq!(alive.kind, RestKind::CancelAllAfter { seconds: 60 });
    answer(&mut fixture, alive, RestSaid::TimerSet);
    fixture.wait(19_999);
    assert_eq!(calls(&mut fixture), []);
    fixture.wait(1);
    assert_eq!(calls(&mut fixture).len(), 1);
}

#[test]
fn without_a_rest_rung_nothing_is_called() {
    let mut fixture = Fixture::started();
    let (order, _) = fixture.live();
    fixture.down();
    assert_eq!(fixture.ctx().cancel(order).unwrap().rung, Rung::Kept);
    fixture.wait(10_000);
    assert_eq!(calls(&mut fixture), []);
}
