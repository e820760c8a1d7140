//! Which request a cancel becomes.

use super::*;
use crate::command::CancelScope;
use crate::order::Scope;
use crate::strategy::Sweep;

/// An order of the connection before this one, and one of this.
fn old_and_new(reach: Reach) -> (Fixture, OrderHandle, OrderHandle) {
    let mut fixture = Fixture::started();
    fixture.desk.core.reach = reach;
    let (old, id) = fixture.live();
    fixture.reconnected(id);
    let (new, _) = fixture.live();
    (fixture, old, new)
}

fn scope(kinds: &[CommandKind]) -> Option<CancelScope> {
    match kinds {
        [CommandKind::MassCancel(cancel)] => Some(cancel.scope),
        [CommandKind::Cancel(_)] => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_of_an_earlier_connection_takes_the_rung_that_reaches_it_and_says_why() {
    let other = RungReason::OtherConnection;
    let narrow = Reach::default();
    for (reach, expected) in [
        (narrow, Rung::MassCancel(CancelScope::SenderCompId)),
        (
            Reach { mass_cancel_session: Scope::SenderCompId, ..narrow },
            Rung::MassCancel(CancelScope::Instrument(ID)),
        ),
        (Reach { cancel: Scope::SenderCompId, ..narrow }, Rung::Cancel),
    ] {
        let (mut fixture, old, new) = old_and_new(reach);
        let route = CancelRoute { rung: expected, reason: other };
        assert_eq!(fixture.ctx().cancel(old), Ok(route));
        let sent = fixture.send();
        match expected {
            Rung::MassCancel(expected) => assert_eq!(scope(&sent), Some(expected)),
            _ => assert_eq!(scope(&sent), None),
        }
        let here = CancelRoute { rung: Rung::Cancel, reason: RungReason::SameConnection };
        assert_eq!(fixture.ctx().cancel(new), Ok(here));
        assert_eq!(scope(&fixture.send()), None);
    }
}

#[test]
fn an_order_that_no_rung_reaches_is_refused_as_out_of_reach_and_others_are_not_swept_for_it() {
    let narrow = Reach { mass_cancel_all: Scope::Connection, ..Reach::default() };
    let alone = Reach { may_sweep: false, ..Reach::default() };
    let forgotten = Reach { forgets_at_rollover: true, ..Reach::default() };
    for reach in [narrow, alone, forgotten] {
        let (mut fixture, old, new) = old_and_new(reach);
        if reach == forgotten {
            assert!(fixture.ctx().cancel(old).is_ok(), "of the same day");
            let rolled = LinkEvent::RolledOver { rollover: UtcTime(1), by_peer: false };
            fixture.event(TRADING, EventKind::Link(rolled));
        }
        assert_eq!(fixture.ctx().cancel(old), Err(Refusal::OutOfReach));
        fixture.send();
        let sweep = fixture.ctx().cancel_open_orders();
        assert_eq!(sweep, Sweep { cancels: 1, out_of_reach: 1, ..Sweep::default() });
        assert!(fixture.desk.orders().get(new).unwrap().is_cancel_pending());
    }
}

#[test]
fn one_mass_cancel_serves_all_orders_of_earlier_connections() {
    let mut fixture = Fixture::started();
    for _ in 0..3 {
        fixture.live();
    }
    fixture.down();
    let kept = Sweep { kept: 3, ..Sweep::default() };
    assert_eq!(fixture.ctx().cancel_open_orders(), kept);
    assert!(fixture.desk.orders().live().all(|order| order.is_cancel_kept()));
    fixture.up_again(TRADING, 2, 2);
    let kinds = fixture.send();
    let CommandKind::MassCancel(first) = kinds[0] else { panic!("{kinds:?}") };
    assert_eq!(first.scope, CancelScope::SenderCompId);
    assert!(fixture.desk.orders().live().all(|order| !order.is_cancel_kept()));
    let more = kinds[1..].iter().filter(|kind| matches!(kind, CommandKind::MassCancel(_)));
    assert_eq!(more.count(), 0);
}

#[test]
fn a_cancel_is_pending_while_a_mass_cancel_that_takes_its_order_is_on_its_way() {
    let mut fixture = Fixture::started();
    let [(a, first), (b, second)] = [fixture.live(), fixture.live()];
    let route = |fixture: &mut Fixture, order| fixture.ctx().cancel(order).map(|route| route.rung);
    let swept = Ok(Rung::MassCancel(CancelScope::SenderCompId));
    let pending = Err(Refusal::CancelPending);
    let refused = |cl_ord_id: Option<ClOrdId>, ref_msg_type| {
        let (layer, text) = (RefusalLayer::Business, FixStr::EMPTY);
        let (ref_seq_num, reason) = (0, Some(0));
        EventKind::Refused(VenueRefusal {
            cl_ord_id,
            ref_msg_type,
            ref_seq_num,
            layer,
            reason,
            text,
        })
    };
    fixture.down();
    fixture.up_again(TRADING, 2, 2);
    fixture.send();
    let marker = ClOrdId::numeric(fixture.desk.core.ids.watermark()).unwrap();
    for id in [first, second] {
        let status = report(id, ExecType::OrderStatus, OrdStatus::New);
        fixture.event(TRADING, EventKind::Report(status));
    }
    fixture.refuse(marker, b'F', 101);
    let reason = WithdrawReason::OutboxFull;
    for at in 0..6u32 {
        assert_eq!(route(&mut fixture, a), swept, "{at}");
        for order in [a, b, a] {
            assert_eq!(route(&mut fixture, order), pending, "{at}: it is taken as well");
        }
        let sent = fixture.kinds();
        let [CommandKind::MassCancel(sweep)] = sent[..] else {
            panic!("{at}: one serves: {sent:?}")
        };
        let cl_ord_id = sweep.cl_ord_id;
        match at {
            0 => fixture.event(TRADING, refused(Some(cl_ord_id), b'q')),
            1 => fixture.event(TRADING, refused(None, b'q')),
            2 => fixture.event(TRADING, refused(None, 0)),
            3 => fixture.event(TRADING, EventKind::Withdrawn { cl_ord_id, reason }),
            4 => {
                fixture.event(TRADING, refused(None, b'D'));
                let other = ClOrdId::numeric(1).unwrap();
                fixture.event(TRADING, EventKind::Withdrawn { cl_ord_id: other, reason });
                fixture.wait(4_999);
                assert_eq!(route(&mut fixture, b), pending, "nothing speaks against it");
                fixture.wait(1);
            }
            // On the next connection what was wanted is asked for again, once for both.
            _ => {
                fixture.down();
                fixture.up_again(TRADING, 3, 3);
                assert_eq!(scope(&fixture.send()[..1]), Some(CancelScope::SenderCompId));
                assert_eq!(route(&mut fixture, b), pending);
            }
        }
    }
}

#[test]
fn a_kept_cancel_that_no_rung_reaches_is_told_when_the_session_is_up() {
    let mut fixture = Fixture::started();
    fixture.desk.core.reach.may_sweep = false;
    let (order, _) = fixture.live();
    fixture.down();
    fixture.ctx().cancel(order).unwrap();
    fixture.up_again(TRADING, 2, 2);
    let kind = UpdateKind::CancelRefused { refusal: Refusal::OutOfReach };
    assert!(fixture.desk.strategy().orders.iter().any(|update| update.kind == kind));
    assert_eq!(fixture.desk.stats().last_refusal, Some(Refusal::OutOfReach));
}

#[test]
fn a_kept_cancel_of_an_order_whose_numbers_go_on_still_names_the_order_of_its_connection() {
    // The same sequence space, but another connection: the contractual text ties F to that.
    let mut fixture = Fixture::started();
    let (order, _) = fixture.live();
    fixture.down();
    fixture.up_again(TRADING, 1, 2);
    fixture.send();
    let route = fixture.ctx().cancel(order).unwrap();
    assert_eq!(route.rung, Rung::MassCancel(CancelScope::SenderCompId));
}

#[test]
fn a_replace_takes_an_order_over_into_its_connection() {
    let (mut fixture, old, _) = old_and_new(Reach::default());
    assert_eq!(fixture.ctx().replace(old, Qty(10), Px(1_001)), Err(Refusal::OutOfReach));
    fixture.desk.core.reach.amend = Scope::SenderCompId;
    fixture.ctx().replace(old, Qty(10), Px(1_001)).unwrap();
    let kinds = fixture.send();
    let [CommandKind::Replace(replace)] = kinds[..] else { panic!("{kinds:?}") };
    let replaced = Report {
        px: Some(Px(1_001)),
        order_id: replace.get().order_id,
        ..report(replace.get().cl_ord_id, ExecType::Replaced, OrdStatus::Replaced)
    };
    fixture.event(TRADING, EventKind::Report(replaced));
    assert_eq!(fixture.ctx().cancel(old).unwrap().rung, Rung::Cancel);
}

#[test]
fn a_full_lane_keeps_cancels_and_sends_them_when_there_is_room() {
    let mut fixture = Fixture::started();
    let (order, _) = fixture.live();
    while fixture.ctx().buy(ID, Qty(1), Px(1_000)).is_ok() {}
    let full = CancelRoute { rung: Rung::Kept, reason: RungReason::LaneFull };
    assert_eq!(fixture.ctx().cancel(order), Ok(full));
    fixture.send();
    fixture.desk.on_time(UtcTime(0));
    assert!(fixture.desk.orders().get(order).unwrap().is_cancel_pending());
    assert_eq!(scope(&fixture.send()), None);
}

#[test]
fn cancel_all_of_an_instrument_reaches_what_its_mass_cancel_does_not() {
    let (mut fixture, _, _) = old_and_new(Reach::default());
    let sweep = fixture.ctx().cancel_all(CancelScope::Instrument(ID)).unwrap();
    assert_eq!(sweep, Sweep { mass_cancels: 2, ..Sweep::default() });
    let scopes: Vec<_> = fixture
        .send()
        .iter()
        .map(|kind| match kind {
            CommandKind::MassCancel(cancel) => cancel.scope,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(scopes, [CancelScope::Instrument(ID), CancelScope::SenderCompId]);
    fixture.down();
    fixture.ctx().cancel_all(CancelScope::SenderCompId).unwrap();
    fixture.up_again(TRADING, 3, 3);
    assert!(matches!(fixture.send()[0], CommandKind::MassCancel(_)), "kept for unknown orders too");
}

#[test]
fn a_cancel_whose_answer_was_lost_with_the_connection_climbs_on_the_next() {
    let mut fixture = Fixture::started();
    let (order, _) = fixture.live();
    fixture.ctx().cancel(order).unwrap();
    fixture.send();
    fixture.down();
    assert!(fixture.desk.orders().get(order).unwrap().is_cancel_kept());
    fixture.up_again(TRADING, 2, 2);
    let kinds = fixture.send();
    assert!(matches!(kinds[0], CommandKind::MassCancel(_)), "{kinds:?}");
}
