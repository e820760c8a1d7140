//! What derivatives refuse that spot accepts and cancels, and the other way round.

use super::*;

#[test]
fn an_order_that_must_trade_at_once_and_cannot_is_refused() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    let ioc = desk.order(a, PF, Side::Buy, 10, 1000);
    let ioc = NewOrder { time_in_force: TimeInForce::Ioc, ..ioc };
    let market = NewOrder { ord_type: OrdType::Market, ..ioc };
    assert_eq!(desk.refuse(&ioc), RejectReason::WouldNotTrade);
    assert_eq!(desk.refuse(&market), RejectReason::WouldNotTrade);
    desk.place(b, PF, Side::Sell, 4, 1000);
    assert!(desk.send(&ioc).is_some());
    assert_eq!(desk.ended(), [CancelReason::ImmediateOrCancel], "what is left of one that traded");
    desk.place(b, PF, Side::Sell, 4, 1000);
    desk.place(b, PF, Side::Sell, 4, 1011);
    assert!(desk.send(&market).is_some());
    assert_eq!(desk.ended(), [CancelReason::PriceProtection], "1 % from the best price");
}

#[test]
fn a_post_only_order_that_would_take_is_refused() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    desk.place(b, PF, Side::Sell, 4, 1000);
    let post = NewOrder { post_only: true, ..desk.order(a, PF, Side::Buy, 1, 1000) };
    assert_eq!(desk.refuse(&post), RejectReason::PostOnlyWouldTake);
    assert!(desk.send(&NewOrder { price: Px(999), ..post }).is_some());
}

#[test]
fn a_reduce_only_order_that_reduces_nothing_is_refused_and_one_that_does_never_flips() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    let mut reduce = desk.order(a, PF, Side::Sell, 30, 1000);
    reduce.conditions.reduce_only = true;
    assert_eq!(desk.refuse(&reduce), RejectReason::ReduceOnlyNoPosition);
    desk.trade(a, b, PF, 20, 1000);
    let more = NewOrder { side: Side::Buy, ..reduce };
    assert_eq!(desk.refuse(&more), RejectReason::ReduceOnlyNotClosing);
    desk.place(b, PF, Side::Buy, 50, 1000);
    assert!(desk.send(&reduce).is_some());
    assert_eq!(desk.engine.position(a, PF).qty, 0);
    let closed = CancelReason::Refused(RejectReason::ReduceOnlyClosed);
    assert_eq!(desk.ended(), [closed], "the remainder");
}

#[test]
fn a_resting_reduce_only_order_needs_no_margin_and_goes_with_the_position() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    desk.trade(a, b, PF, 20, 1000);
    let mut reduce = desk.order(a, PF, Side::Sell, 20, 1100);
    reduce.conditions.reduce_only = true;
    let before = desk.flex(a);
    assert!(desk.send(&reduce).is_some());
    assert_eq!(desk.flex(a), before);
    desk.trade(b, a, PF, 20, 1000);
    desk.place(b, PF, Side::Buy, 1, 1100);
    assert_eq!(desk.ended(), [CancelReason::Refused(RejectReason::ReduceOnlyClosed)]);
    assert_eq!(desk.engine.position(a, PF).qty, 0);
}

#[test]
fn an_amend_that_changes_nothing_is_refused() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    let order = desk.place(a, PF, Side::Buy, 10, 900);
    assert_eq!(desk.amend(a, order, 10, 900), Some(RejectReason::NoEffect));
    assert_eq!(desk.amend(a, order, 11, 900), None);
    let own = desk.place(a, PF, Side::Sell, 10, 1000);
    assert_eq!(desk.amend(a, order, 11, 1000), Some(RejectReason::SelfTrade));
    assert_eq!(desk.amend(b, own, 11, 1000), Some(RejectReason::UnknownOrder));
}

/// Master, child and another child: who rests, who comes, and what becomes of them by each strategy of
/// the one who comes.
#[test]
fn self_trade_prevention_is_that_of_the_account_that_comes() {
    use FuturesSelfTrade::{CancelMakerAny, CancelMakerChild, CancelMakerSelf, RejectTaker};
    // Rests, comes (0 is the master), and the strategies that cancel the one that rests.
    let cases: [(usize, usize, &[FuturesSelfTrade]); 4] = [
        (1, 1, &[CancelMakerSelf, CancelMakerChild, CancelMakerAny]),
        (1, 0, &[CancelMakerChild, CancelMakerAny]),
        (0, 1, &[CancelMakerAny]),
        (2, 1, &[CancelMakerAny]),
    ];
    for (rests, comes, cancelling) in cases {
        for strategy in [RejectTaker, CancelMakerSelf, CancelMakerChild, CancelMakerAny] {
            let mut desk = Futures::plain();
            let third = desk.engine.add_account(AccountFlags::default()).unwrap();
            let usd = Decimal::new(1000, 0);
            desk.engine.deposit(third, Wallet::Flex, asset("USD"), usd).unwrap();
            let family = [desk.clients[0], desk.clients[1], third];
            for one in family {
                desk.engine.set_self_trade(one, family[0], strategy);
            }
            let resting = desk.place(family[rests], PF, Side::Sell, 10, 1000);
            let order = desk.order(family[comes], PF, Side::Buy, 10, 1000);
            let what = format!("{rests} rests, {comes} comes, {strategy:?}");
            if cancelling.contains(&strategy) {
                assert!(desk.send(&order).is_some(), "{what}");
                assert_eq!(desk.ended(), [CancelReason::SelfTrade], "{what}");
                assert!(desk.engine.order(resting).is_none(), "{what}");
            } else {
                assert_eq!(desk.refuse(&order), RejectReason::SelfTrade, "{what}");
                assert!(desk.engine.order(resting).is_some(), "{what}");
            }
        }
    }
}

#[test]
fn accounts_of_no_family_trade_with_each_other() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    desk.engine.set_self_trade(a, a, FuturesSelfTrade::CancelMakerAny);
    desk.trade(a, b, PF, 1, 1000);
    assert_eq!(desk.engine.position(a, PF).qty, 1);
}

#[test]
fn a_triggered_order_that_meets_its_own_account_is_cancelled() {
    let mut desk = Futures::plain();
    let [a, b] = desk.clients;
    desk.trade(a, b, PF, 10, 1000);
    desk.place(a, PF, Side::Buy, 5, 990);
    let mut stop = desk.order(a, PF, Side::Sell, 10, 0);
    stop.ord_type = OrdType::StopLoss;
    stop.conditions.stop = Px(995);
    assert!(desk.send(&stop).is_some());
    let house = desk.house;
    desk.trade(house, b, PF, 1, 995);
    assert!(desk.ended().contains(&CancelReason::SelfTrade), "{:?}", desk.events);
}

#[test]
fn every_trigger_watches_the_last_trade_or_the_index() {
    for (watched, moves) in [(Reference::LastTrade, false), (Reference::Index, true)] {
        let mut desk = Futures::plain();
        let [a, b] = desk.clients;
        desk.trade(a, b, PF, 10, 1000);
        desk.index(PF, 1000);
        desk.place(b, PF, Side::Buy, 50, 980);
        let mut stop = desk.order(a, PF, Side::Sell, 10, 0);
        stop.ord_type = OrdType::StopLoss;
        stop.conditions.stop = Px(990);
        stop.conditions.reference = watched;
        let stop = desk.send(&stop).unwrap();
        desk.index(PF, 985);
        desk.events.clear();
        desk.engine.tick(UtcTime(9), &mut desk.events);
        assert_eq!(desk.engine.order(stop).is_none(), moves, "{watched:?}: {:?}", desk.events);
        assert_eq!(desk.engine.position(a, PF).qty, if moves { 0 } else { 10 });
    }
}
