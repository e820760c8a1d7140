//! Positions at the end of what is counted.

use proptest::prelude::*;

use super::*;
use crate::limits::POSITION_UNITS_MAX;

/// Nobody's money is limited, and the units are so small that every quantity of 64 bits is in range.
struct Boundless {
    engine: DerivativesEngine,
    accounts: [AccountId; 3],
    events: Vec<EngineEvent>,
}

impl Boundless {
    fn new() -> Self {
        let (fees, orders_max) = (NO_FEES, 128);
        let config = DerivativesConfig { fees, orders_max, ..DerivativesConfig::default() };
        let mut engine = DerivativesEngine::new(&config).unwrap();
        let fine = Instrument { price_precision: 4, ..listed("PF_XBTUSD", 8) };
        assert_eq!(engine.add_instrument(fine, TERMS), Ok(PF));
        let accounts = [0; 3].map(|_| engine.add_account(AccountFlags::HOUSE).unwrap());
        Self { engine, accounts, events: Vec::new() }
    }

    fn send(&mut self, who: usize, side: Side, qty: i64, px: i64) {
        let order = NewOrder::limit(self.accounts[who], PF, side, Qty(qty), Px(px));
        self.events.clear();
        self.engine.new_order(UtcTime(5), &order, &mut self.events);
    }

    fn trades(&self) -> impl Iterator<Item = &Trade> {
        self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Trade(trade) => Some(trade),
            _ => None,
        })
    }

    fn ended(&self) -> Vec<(CancelReason, i64)> {
        let ends = self.events.iter().filter_map(|event| match event.kind {
            EventKind::Cancelled { reason, cancelled, .. } => Some((reason, cancelled.0)),
            _ => None,
        });
        ends.collect()
    }

    fn position(&self, who: usize) -> i64 {
        self.engine.position(self.accounts[who], PF).qty
    }
}

const FULL: CancelReason = CancelReason::Refused(RejectReason::PositionSize);

#[test]
fn what_a_position_has_no_room_for_is_cancelled_whether_it_rests_or_comes() {
    let mut desk = Boundless::new();
    let part = POSITION_UNITS_MAX / 5 * 3;
    for _ in 0..2 {
        desk.send(0, Side::Buy, part, 2);
    }
    desk.send(1, Side::Sell, part, 2);
    desk.send(2, Side::Sell, part, 2);
    assert_eq!(desk.trades().next().unwrap().qty.0, POSITION_UNITS_MAX - part);
    assert_eq!(desk.ended(), [(FULL, part - (POSITION_UNITS_MAX - part))], "of the bid");
    assert_eq!(desk.position(0), POSITION_UNITS_MAX);
    // The other's rest stays, for somebody who has room.
    desk.send(0, Side::Buy, 5, 2);
    assert_eq!((desk.trades().count(), desk.ended()), (0, vec![(FULL, 5)]));
    desk.send(1, Side::Buy, 5, 2);
    assert_eq!(desk.trades().next().unwrap().qty, Qty(5));
    // What closes has room.
    desk.send(0, Side::Sell, part, 1);
    desk.send(2, Side::Buy, part, 1);
    assert_eq!(desk.position(0), POSITION_UNITS_MAX - part);
}

#[test]
fn an_order_that_meets_one_of_its_own_account_at_the_bound_ends() {
    let mut desk = Boundless::new();
    desk.send(0, Side::Buy, POSITION_UNITS_MAX - 1, 2);
    desk.send(1, Side::Sell, POSITION_UNITS_MAX - 1, 2);
    desk.send(0, Side::Buy, 1_000, 2);
    desk.send(0, Side::Sell, 1_000, 2);
    assert_eq!((desk.trades().count(), desk.ended()), (0, vec![(FULL, 1_000)]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_trade_takes_a_position_beyond_what_is_counted(
        steps in prop::collection::vec(
            (0usize..3, any::<bool>(), prop_oneof![1 => 1i64..100, 3 => 1i64..=i64::MAX], 1i64..4),
            1..80,
        ),
    ) {
        let mut desk = Boundless::new();
        let mut counted = [0i128; 3];
        for (who, buys, qty, px) in steps {
            desk.send(who, if buys { Side::Buy } else { Side::Sell }, qty, px);
            for trade in desk.trades() {
                for order in [&trade.maker, &trade.taker] {
                    let whose = desk.accounts.iter().position(|&one| one == order.account).unwrap();
                    counted[whose] += i128::from(order.side.sign()) * i128::from(trade.qty.0);
                }
            }
            for (whose, &counted) in counted.iter().enumerate() {
                prop_assert_eq!(i128::from(desk.position(whose)), counted);
                prop_assert!(counted.abs() <= i128::from(POSITION_UNITS_MAX));
            }
            for (reason, _) in desk.ended() {
                prop_assert_eq!(reason, FULL);
            }
        }
    }
}
