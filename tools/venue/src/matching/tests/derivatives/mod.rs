//! Derivatives: positions and wallets, what is refused, then the whole against naive bookkeeping.

mod books;
mod bounds;
mod margin;
mod positions;
mod random;
mod refusing;

use taut::types::{Instrument, InstrumentId, OrdType, PairStatus, Px, Qty, Side, TimeInForce};
use taut_codec::value::{Decimal, UtcTime};

use crate::matching::*;

/// Linear, to USD: a unit of price x quantity is 0.0001 USD.
const PF: InstrumentId = InstrumentId(0);
/// Inverse, of BTC: prices in hundredths, contracts of one dollar.
const PI: InstrumentId = InstrumentId(1);
/// Ledger units of 0.0001.
const UNIT: i128 = 100_000_000_000_000;

fn listed(symbol: &str, qty_precision: u8) -> Instrument {
    Instrument {
        symbol: symbol.parse().unwrap(),
        price_precision: 2,
        qty_precision,
        tick_size: Px(1),
        qty_step: Qty(1),
        qty_min: Qty(1),
        qty_max: None,
        cost_min: Decimal::new(0, 0),
        status: PairStatus::Online,
    }
}

/// Leverage 10, maintenance half of that.
const TERMS: ContractTerms = ContractTerms {
    contract_value: Decimal::new(1, 0),
    leverage: 10,
    maintenance_percent: 50,
    position_max: Qty(1_000_000),
};

const NO_FEES: FeeSchedule = FeeSchedule { maker: 0, taker: 0, currency: FeeCurrency::Given };

/// Two clients with money in both wallets, and the house.
struct Futures {
    engine: DerivativesEngine,
    clients: [AccountId; 2],
    house: AccountId,
    events: Vec<EngineEvent>,
    key: u128,
}

impl Futures {
    fn new(fees: FeeSchedule, terms: ContractTerms, usd: Decimal, btc: Decimal) -> Self {
        let config = DerivativesConfig { fees, orders_max: 64, ..DerivativesConfig::default() };
        let mut engine = DerivativesEngine::new(&config).unwrap();
        assert_eq!(engine.add_instrument(listed("PF_XBTUSD", 2), terms), Ok(PF));
        assert_eq!(engine.add_instrument(listed("PI_XBTUSD", 0), terms), Ok(PI));
        let clients = [0; 2].map(|_| engine.add_account(AccountFlags::default()).unwrap());
        let house = engine.add_account(AccountFlags::HOUSE).unwrap();
        for client in clients {
            engine.deposit(client, Wallet::Flex, asset("USD"), usd).unwrap();
            engine.deposit(client, Wallet::Single(asset("BTC")), asset("BTC"), btc).unwrap();
        }
        Self { engine, clients, house, events: Vec::new(), key: 0 }
    }

    /// 1000 dollars and 10 bitcoin each, no fees.
    fn plain() -> Self {
        Self::new(NO_FEES, TERMS, Decimal::new(1000, 0), Decimal::new(10, 0))
    }

    fn order(
        &mut self,
        account: AccountId,
        at: InstrumentId,
        side: Side,
        qty: i64,
        px: i64,
    ) -> NewOrder {
        self.key += 1;
        let limit = NewOrder::limit(account, at, side, Qty(qty), Px(px));
        NewOrder { session: account.0, client_key: self.key, ..limit }
    }

    fn send(&mut self, order: &NewOrder) -> Option<OrderRef> {
        self.events.clear();
        self.engine.new_order(UtcTime(5), order, &mut self.events)
    }

    fn place(
        &mut self,
        account: AccountId,
        at: InstrumentId,
        side: Side,
        qty: i64,
        px: i64,
    ) -> OrderRef {
        let order = self.order(account, at, side, qty, px);
        self.send(&order).unwrap_or_else(|| panic!("{:?}", self.events))
    }

    fn refuse(&mut self, order: &NewOrder) -> RejectReason {
        let before = self.engine.live_orders();
        assert_eq!(self.send(order), None, "{:?}", self.events);
        assert_eq!(self.engine.live_orders(), before);
        match self.events[..] {
            [EngineEvent { kind: EventKind::Rejected(rejection), .. }] => rejection.reason,
            ref other => panic!("not one reject: {other:?}"),
        }
    }

    /// `buyer` buys from `seller`.
    fn trade(&mut self, buyer: AccountId, seller: AccountId, at: InstrumentId, qty: i64, px: i64) {
        self.place(seller, at, Side::Sell, qty, px);
        self.place(buyer, at, Side::Buy, qty, px);
        assert!(self.events.iter().any(|event| matches!(event.kind, EventKind::Trade(_))));
    }

    fn amend(
        &mut self,
        account: AccountId,
        order: OrderRef,
        qty: i64,
        px: i64,
    ) -> Option<RejectReason> {
        self.key += 1;
        self.events.clear();
        let command = Amend {
            account,
            session: account.0,
            client_key: self.key,
            order,
            qty: Qty(qty),
            price: Px(px),
            post_only: false,
            stop: Px(0),
            display: None,
            valid_until: None,
        };
        self.engine.amend(UtcTime(6), &command, &mut self.events);
        self.events.iter().find_map(|event| match event.kind {
            EventKind::Rejected(rejection) => Some(rejection.reason),
            _ => None,
        })
    }

    fn index(&mut self, at: InstrumentId, px: i64) {
        assert!(self.engine.set_index(at, Index::At(Px(px))));
    }

    /// Cash of the flex wallet, ledger units.
    fn usd(&self, account: AccountId) -> i128 {
        self.engine.balance(account, Wallet::Flex, asset("USD")).unwrap().total
    }

    fn btc(&self, account: AccountId) -> i128 {
        let btc = asset("BTC");
        self.engine.balance(account, Wallet::Single(btc), btc).unwrap().total
    }

    fn flex(&self, account: AccountId) -> WalletState {
        self.engine.wallet(account, Wallet::Flex).unwrap()
    }

    fn ended(&self) -> Vec<CancelReason> {
        let reasons = self.events.iter().filter_map(|event| match event.kind {
            EventKind::Cancelled { reason, .. } => Some(reason),
            _ => None,
        });
        reasons.collect()
    }
}

fn asset(name: &str) -> Asset {
    name.parse().unwrap()
}
