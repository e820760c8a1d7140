//! The rules one by one, by theme, then the whole against the naive model.

mod changing;
mod derivatives;
mod iceberg;
mod margin;
mod model;
mod placing;
mod random;
mod timing;
mod trading;
mod triggers;

use taut::types::{Instrument, InstrumentId, OrdType, PairStatus, Px, Qty, Side, TimeInForce};
use taut_codec::value::{Decimal, UtcTime};

use super::*;

const ID: InstrumentId = InstrumentId(0);
const DIGITS: u8 = 2;

fn instrument() -> Instrument {
    Instrument {
        symbol: "BTC/USD".parse().unwrap(),
        price_precision: DIGITS,
        qty_precision: DIGITS,
        tick_size: Px(1),
        qty_step: Qty(1),
        qty_min: Qty(1),
        qty_max: None,
        cost_min: Decimal::new(0, 0),
        status: PairStatus::Online,
    }
}

/// Two clients with 100,000.00 units of each asset, and the house.
struct Desk {
    engine: SpotEngine,
    clients: [AccountId; 2],
    house: AccountId,
    events: Vec<EngineEvent>,
    key: u128,
}

impl Desk {
    fn new(fees: FeeSchedule, instrument: Instrument, orders_max: usize, funds: i64) -> Self {
        let config =
            SpotConfig { orders_max, levels: 4, fees, id_salt: 3, ..SpotConfig::default() };
        Self::with(&config, instrument, funds)
    }

    fn with(config: &SpotConfig, instrument: Instrument, funds: i64) -> Self {
        let mut engine = SpotEngine::new(config).unwrap();
        assert_eq!(engine.add_instrument(instrument), Ok(ID));
        let clients = [0; 2].map(|_| engine.add_account(AccountFlags::default()).unwrap());
        let house = engine.add_account(AccountFlags::HOUSE).unwrap();
        for client in clients {
            for asset in ["BTC", "USD"] {
                let funds = Decimal::new(funds, DIGITS);
                engine.deposit(client, asset.parse().unwrap(), funds).unwrap();
            }
        }
        Self { engine, clients, house, events: Vec::new(), key: 0 }
    }

    fn plain() -> Self {
        Self::new(FeeSchedule::default(), instrument(), 100, 10_000_000)
    }

    fn order(&mut self, account: AccountId, side: Side, qty: i64, price: i64) -> NewOrder {
        self.key += 1;
        let limit = NewOrder::limit(account, ID, side, Qty(qty), Px(price));
        NewOrder { session: account.0, client_key: self.key, ..limit }
    }

    fn send(&mut self, order: &NewOrder) -> Option<OrderRef> {
        self.events.clear();
        self.engine.new_order(UtcTime(5), order, &mut self.events)
    }

    fn place(&mut self, account: AccountId, side: Side, qty: i64, price: i64) -> OrderRef {
        let order = self.order(account, side, qty, price);
        self.send(&order).unwrap()
    }

    fn amendment(&mut self, account: AccountId, order: OrderRef, qty: i64, price: i64) -> Amend {
        self.key += 1;
        Amend {
            account,
            session: account.0,
            client_key: self.key,
            order,
            qty: Qty(qty),
            price: Px(price),
            post_only: false,
            stop: Px(0),
            display: None,
            valid_until: None,
        }
    }

    fn amend(
        &mut self,
        account: AccountId,
        order: OrderRef,
        qty: i64,
        price: i64,
        p: bool,
    ) -> bool {
        self.events.clear();
        let command = Amend { post_only: p, ..self.amendment(account, order, qty, price) };
        self.engine.amend(UtcTime(6), &command, &mut self.events)
    }

    fn rejected(&self) -> RejectReason {
        match self.events[..] {
            [EngineEvent { kind: EventKind::Rejected(rejection), .. }] => rejection.reason,
            ref other => panic!("not one reject: {other:?}"),
        }
    }

    fn refuse(&mut self, order: &NewOrder) -> RejectReason {
        let before = self.engine.live_orders();
        assert_eq!(self.send(order), None);
        assert_eq!(self.engine.live_orders(), before);
        self.rejected()
    }

    fn cancelled(&self) -> Vec<(OrderRef, CancelReason, i64)> {
        let mut all = Vec::new();
        for event in &self.events {
            if let EventKind::Cancelled { order, reason, cancelled, .. } = event.kind {
                assert_eq!(order.leaves, Qty(0));
                all.push((order.order, reason, cancelled.0));
            }
        }
        all
    }

    fn trades(&self) -> Vec<Trade> {
        let trades = self.events.iter().filter_map(|event| match event.kind {
            EventKind::Trade(trade) => Some(trade),
            _ => None,
        });
        trades.collect()
    }

    fn queue(&self, side: Side) -> Vec<OrderRef> {
        self.engine.resting(ID, side).map(|order| order.reference).collect()
    }

    fn balance(&self, account: AccountId, asset: &str) -> Balance {
        let asset = self.engine.asset_id(asset.parse().unwrap()).unwrap();
        self.engine.balance(account, asset).unwrap()
    }

    fn status(&mut self, status: PairStatus) {
        assert!(self.engine.set_status(ID, status));
    }
}
