//! The risk check's running sums against a model that adds everything up anew, at every step; and the
//! kill switch.

use proptest::prelude::*;

use super::*;
use crate::command::CancelScope;
use crate::risk::{KillCause, LimitSet, TotalLimits};
use crate::strategy::OrderSpec;

/// Prices with 1 decimal and quantities with 2; 0 and 3; and the first in another currency.
const SYMBOLS: [(&str, u8, u8); 3] = [("BTC/USD", 1, 2), ("ETH/USD", 0, 3), ("BTC/EUR", 1, 2)];
const OPEN_MAX: u32 = 12;

fn instrument_of(at: usize) -> Instrument {
    let (symbol, price_precision, qty_precision) = SYMBOLS[at];
    let symbol = symbol.parse().unwrap();
    Instrument { symbol, price_precision, qty_precision, ..facts() }
}

fn total() -> TotalLimits {
    TotalLimits {
        max_gross: Some(Decimal::new(250, 0)),
        max_open_orders: OPEN_MAX,
        max_daily_loss: Some(Decimal::new(2, 0)),
        ..TotalLimits::UNLIMITED
    }
}

fn limits() -> RiskLimits {
    RiskLimits {
        max_position: Decimal::new(2, 0),
        max_open_orders: 6,
        allow_self_cross: false,
        ..RiskLimits::UNLIMITED
    }
}

/// One order, with every price and quantity that it may have.
#[derive(Clone)]
struct Own {
    handle: OrderHandle,
    at: usize,
    side: Side,
    id: ClOrdId,
    qty: i64,
    px: i64,
    pending: Vec<(ClOrdId, i64, i64)>,
    cum: i64,
    /// Of one that waits for a trigger.
    stop: Option<Stop>,
}

#[derive(Clone, Copy)]
struct Stop {
    px: i64,
    has_limit: bool,
}

impl Own {
    fn open(&self) -> i64 {
        let most = self.pending.iter().map(|p| p.1).chain([self.qty]).max().unwrap();
        (most - self.cum).max(0)
    }

    /// Where it may rest; one that waits without a limit, anywhere.
    fn prices(&self) -> impl Iterator<Item = i64> + '_ {
        let anywhere = if self.side == Side::Buy { i64::MAX } else { 0 };
        let any = self.stop.is_some_and(|stop| !stop.has_limit);
        let all = self.pending.iter().map(|p| p.2).chain([self.px]);
        all.map(move |px| if any { anywhere } else { px })
    }

    fn ord_type(&self) -> OrdType {
        match self.stop {
            None => OrdType::Limit,
            Some(Stop { has_limit: true, .. }) => OrdType::StopLossLimit,
            Some(_) => OrdType::StopLoss,
        }
    }
}

struct World {
    fixture: Fixture,
    own: Vec<Own>,
    /// Quantity and cash of each instrument.
    traded: [(i64, i128); 3],
    mids: [i64; 3],
    exec: u64,
}

impl World {
    fn new() -> Self {
        let mut config = config();
        config.total = total();
        config.instruments = (0..3)
            .map(|at| InstrumentConfig { symbol: instrument_of(at).symbol, risk: limits() })
            .collect();
        let nanos = Arc::new(AtomicU64::new(1_000_000));
        let clock = Clock::virtual_at(nanos.clone());
        let desk = Desk::new(&config, clock, Recorder::default()).unwrap();
        let mut world = Self {
            fixture: Fixture { desk, nanos },
            own: Vec::new(),
            traded: [(0, 0); 3],
            mids: [1_000, 100, 1_000],
            exec: 0,
        };
        world.fixture.up(MD);
        for at in 0..3 {
            let (id, instrument) = (InstrumentId(at as u16), instrument_of(at));
            world.fixture.event(MD, EventKind::Instrument { id, instrument });
        }
        world.fixture.up(TRADING);
        (0..3).for_each(|at| world.book(at, 0));
        assert_eq!(world.fixture.desk.strategy().starts, 1);
        world
    }

    fn book(&mut self, at: usize, by: i64) {
        self.mids[at] = (self.mids[at] + by).max(20);
        let instrument = InstrumentId(at as u16);
        for (side, px, action, last) in [
            (Side::Sell, self.mids[at] + 10, BookAction::Restart, false),
            (Side::Buy, self.mids[at] - 10, BookAction::Set, true),
        ] {
            let entry = BookEntry { instrument, ..entry(side, px, action, last) };
            self.fixture.event(MD, EventKind::Book(entry));
        }
    }

    /// In 10^-18 of the quote currency.
    fn value(at: usize, cost: i128) -> i128 {
        let (_, price, qty) = SYMBOLS[at];
        cost * 10i128.pow(18 - u32::from(price + qty))
    }

    fn open(&self, at: usize, side: Side) -> i64 {
        self.own.iter().filter(|o| (o.at, o.side) == (at, side)).map(Own::open).sum()
    }

    fn gross(&self, at: usize, more: Option<(Side, i64)>) -> i128 {
        let reach = |side: Side| {
            let more = more.filter(|m| m.0 == side).map_or(0, |m| m.1);
            self.open(at, side) + more + side.sign() * self.traded[at].0
        };
        let worst = reach(Side::Buy).max(reach(Side::Sell));
        Self::value(at, i128::from(worst) * i128::from(self.mids[at]))
    }

    fn pnl(&self, at: usize) -> i128 {
        let (qty, cash) = self.traded[at];
        Self::value(at, cash + i128::from(qty) * i128::from(self.mids[at]))
    }

    /// Those with the same quote currency.
    fn peers(at: usize) -> &'static [usize] {
        if at == 2 { &[2] } else { &[0, 1] }
    }

    fn best(&self, at: usize, side: Side) -> Option<i64> {
        let own = self.own.iter().filter(|o| (o.at, o.side) == (at, side));
        own.flat_map(Own::prices).max_by_key(|px| px.saturating_mul(side.sign()))
    }

    /// The limit that an order or replace breaks first, by adding everything up.
    fn judge(
        &self,
        at: usize,
        side: Side,
        adds: i64,
        px: Option<i64>,
        opens: bool,
    ) -> Option<&'static str> {
        if self.fixture.desk.killed().is_some() {
            return Some("killed");
        }
        let unit = 10i64.pow(SYMBOLS[at].2.into());
        let reached = self.open(at, side) + adds + side.sign() * self.traded[at].0;
        if adds > 0 && reached > 2 * unit {
            return Some("position");
        }
        if opens && self.own.iter().filter(|o| o.at == at).count() >= 6 {
            return Some("open orders");
        }
        if opens && self.own.len() >= OPEN_MAX as usize {
            return Some("open orders in total");
        }
        let before: i128 = Self::peers(at).iter().map(|&peer| self.gross(peer, None)).sum();
        let after = before - self.gross(at, None) + self.gross(at, Some((side, adds)));
        if after > before && after > 250 * 10i128.pow(18) {
            return Some("gross");
        }
        let crosses =
            |own: i64| px.is_none_or(|px| px.saturating_sub(own).saturating_mul(side.sign()) >= 0);
        self.best(at, side.opposite()).is_some_and(crosses).then_some("self-cross")
    }

    fn name(refusal: Refusal) -> &'static str {
        match refusal {
            Refusal::Killed => "killed",
            Refusal::MaxPosition(_) => "position",
            Refusal::MaxOpenOrders(_) => "open orders",
            Refusal::MaxOpenOrdersTotal(_) => "open orders in total",
            Refusal::MaxGross(_) => "gross",
            Refusal::SelfCross(_) => "self-cross",
            _ => "other",
        }
    }

    fn order(&mut self, at: usize, side: Side, qty: i64, px: i64) {
        let spec = OrderSpec::limit(InstrumentId(at as u16), side, Qty(qty), Px(px));
        self.send(at, spec, Some(px), None);
    }

    /// A stop that the market has not passed, with a limit or without.
    fn stop(&mut self, at: usize, side: Side, qty: i64, by: i64, has_limit: bool) {
        let id = InstrumentId(at as u16);
        let stop = (self.mids[at] + side.sign() * (by + 1)).max(1);
        if stop >= self.mids[at] && side == Side::Sell {
            return;
        }
        let px = (stop + side.sign() * 2).max(1);
        let limit = has_limit.then_some(px);
        let spec = match limit {
            Some(px) => OrderSpec::limit(id, side, Qty(qty), Px(px)),
            None => OrderSpec::market(id, side, Qty(qty)),
        };
        self.send(at, spec.stop_loss(Px(stop)), limit, Some(Stop { px: stop, has_limit }));
    }

    fn send(&mut self, at: usize, spec: OrderSpec, px: Option<i64>, stop: Option<Stop>) {
        let (side, qty) = (spec.side, spec.qty.0);
        let expected = self.judge(at, side, qty, px, true);
        let result = self.fixture.ctx().order(spec);
        assert_eq!(result.err().map(Self::name), expected, "{result:?}");
        let Ok(handle) = result else { return };
        let id = self.fixture.desk.orders().cl_ord_id(handle).unwrap();
        let px = px.unwrap_or_default();
        self.own.push(Own { handle, at, side, id, qty, px, pending: vec![], cum: 0, stop });
        self.tell(self.own.len() - 1, ExecType::New, OrdStatus::New, None);
    }

    fn replace(&mut self, which: usize, qty: i64, px: i64) {
        let own = &self.own[which];
        let (at, side, handle) = (own.at, own.side, own.handle);
        if own.stop.is_some() {
            return;
        }
        let adds = (qty - own.cum - own.open()).max(0);
        let expected = self.judge(at, side, adds, Some(px), false);
        let result = self.fixture.ctx().replace(handle, Qty(qty), Px(px));
        if matches!(result, Err(Refusal::TooManyPending)) {
            return;
        }
        assert_eq!(result.err().map(Self::name), expected, "{result:?}");
        if result.is_ok() {
            let kinds = self.fixture.kinds();
            let Some(CommandKind::Replace(sent)) = kinds.last() else { panic!("{kinds:?}") };
            self.own[which].pending.push((sent.get().cl_ord_id, qty, px));
        }
    }

    /// A report of the order as the model has it.
    fn tell(&mut self, which: usize, exec: ExecType, status: OrdStatus, fill: Option<Fill>) {
        self.exec += 1;
        let own = &self.own[which];
        let first = self.fixture.desk.orders().get(own.handle).unwrap().order_id;
        let fallback: OrderId = own.id.to_string().parse().unwrap();
        let report = Report {
            instrument: InstrumentId(own.at as u16),
            side: own.side,
            order_id: if first.is_empty() { fallback } else { first },
            exec_id: ExecId::new(self.exec.to_string().as_bytes()).unwrap(),
            ord_type: own.ord_type(),
            px: own.ord_type().has_limit().then_some(Px(own.px)),
            stop_px: own.stop.map(|stop| Px(stop.px)),
            order_qty: Qty(own.qty),
            cum_qty: Qty(own.cum),
            leaves_qty: Qty(if status.is_end() { 0 } else { (own.qty - own.cum).max(0) }),
            fill,
            ..report(own.id, exec, status)
        };
        self.fixture.event(TRADING, EventKind::Report(report));
        if status.is_end() {
            self.own.swap_remove(which);
        }
    }

    fn answer(&mut self, which: usize, accepts: bool) {
        if self.own[which].pending.is_empty() {
            return;
        }
        if !accepts {
            // Whatever waits hangs on it: all are refused.
            for (id, ..) in std::mem::take(&mut self.own[which].pending) {
                let refused = crate::event::Refusal {
                    cl_ord_id: Some(id),
                    ref_msg_type: b'F',
                    ref_seq_num: 0,
                    layer: crate::event::RefusalLayer::Business,
                    reason: Some(0),
                    text: FixStr::EMPTY,
                };
                self.fixture.event(TRADING, EventKind::Refused(refused));
            }
            return;
        }
        let own = &mut self.own[which];
        let (id, qty, px) = own.pending.remove(0);
        // What is filled already cannot be taken back.
        (own.id, own.qty, own.px) = (id, qty.max(own.cum), px);
        self.tell(which, ExecType::Replaced, OrdStatus::Replaced, None);
    }

    fn fill(&mut self, which: usize, qty: i64) {
        let own = &mut self.own[which];
        if own.stop.is_some_and(|stop| !stop.has_limit) {
            // It was at the market for a moment.
            own.px = self.mids[own.at];
        }
        own.stop = None;
        let qty = qty.min(own.qty - own.cum);
        if qty <= 0 {
            return;
        }
        own.cum += qty;
        let (at, sign, px) = (own.at, own.side.sign(), own.px);
        let done = own.cum == own.qty;
        self.traded[at].0 += sign * qty;
        self.traded[at].1 -= i128::from(sign * qty) * i128::from(px);
        let fill = Fill { px: Px(px), qty: Qty(qty), liquidity: None };
        let status = if done { OrdStatus::Filled } else { OrdStatus::PartiallyFilled };
        self.tell(which, ExecType::Trade, status, Some(fill));
    }

    fn step(&mut self, (kind, at, buys, a, b): (u8, usize, bool, i64, i64)) {
        let side = if buys { Side::Buy } else { Side::Sell };
        let unit = 10i64.pow(SYMBOLS[at].2.into());
        let (qty, px) = (1 + a * unit / 100, (self.mids[at] - 8 + b).max(1));
        let which = (!self.own.is_empty()).then(|| (a as usize) % self.own.len().max(1));
        match (kind, which) {
            (0, _) => self.book(at, b - 8),
            (1, Some(which)) => self.replace(which, qty, px),
            (2, Some(which)) => self.answer(which, b > 4),
            (3, Some(which)) => self.fill(which, qty),
            (4, Some(which)) => self.tell(which, ExecType::Canceled, OrdStatus::Canceled, None),
            (5, _) if b == 0 => self.fixture.desk.rearm(),
            (6, _) => self.stop(at, side, qty, b, a % 2 == 0),
            _ => self.order(at, side, qty, px),
        }
        self.fixture.kinds();
    }

    fn check(&self) {
        let risk = &self.fixture.desk.core.risk;
        let mut beyond = false;
        for (at, (symbol, ..)) in SYMBOLS.iter().enumerate() {
            let id = InstrumentId(at as u16);
            let sum = |of: &dyn Fn(usize) -> i128| Self::peers(at).iter().map(|&p| of(p)).sum();
            let (gross, day, open): (i128, i128, u32) =
                (sum(&|p| self.gross(p, None)), sum(&|p| self.pnl(p)), self.own.len() as u32);
            assert_eq!(risk.sums(id), (gross, day, open), "{symbol}");
            for side in [Side::Buy, Side::Sell] {
                assert_eq!(risk.own_best(id, side).map(|px| px.0), self.best(at, side));
            }
            beyond |= -day > 2 * 10i128.pow(18);
        }
        assert!(!beyond || self.fixture.desk.killed().is_some(), "a loss pulls the switch");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn running_sums_and_refusals_are_those_of_a_model_that_adds_up_anew_at_every_step(
        steps in prop::collection::vec(
            (0u8..10, 0usize..3, any::<bool>(), 0i64..100, 0i64..17), 1..150,
        ),
    ) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            world.check();
        }
    }
}

#[test]
fn the_kill_switch_cancels_everything_once_and_refuses_until_an_operator_rearms() {
    let mut fixture = Fixture::started();
    let (order, id) = fixture.buy();
    fixture.on_wire(id);
    fixture.event(TRADING, EventKind::Report(report(id, ExecType::New, OrdStatus::New)));
    fixture.kinds();
    // From the strategy: done when the callback has returned.
    fixture.ctx().kill();
    fixture.desk.on_time(UtcTime(0));
    let kinds = fixture.kinds();
    let [CommandKind::MassCancel(all)] = kinds[..] else { panic!("{kinds:?}") };
    assert_eq!(all.scope, CancelScope::SenderCompId);
    let told = fixture.desk.strategy().sessions.last().copied();
    assert_eq!(told, Some(SessionUpdate::Killed { cause: KillCause::Strategy }));
    assert_eq!(fixture.ctx().buy(ID, Qty(1), Px(1_000)), Err(Refusal::Killed));
    assert_eq!(fixture.ctx().replace(order, Qty(5), Px(1_000)), Err(Refusal::Killed));
    assert!(fixture.ctx().cancel(order).is_ok(), "cancels pass");
    fixture.desk.kill(KillCause::Operator);
    assert_eq!(fixture.kinds().len(), 1, "the cancel only");
    fixture.desk.rearm();
    assert_eq!(fixture.desk.strategy().sessions.last(), Some(&SessionUpdate::Rearmed));
    assert!(fixture.ctx().buy(ID, Qty(1), Px(1_000)).is_ok());
    assert_eq!(fixture.desk.stats().kills, 1);
}

#[test]
fn a_kill_without_a_session_is_sent_when_there_is_one_and_again_if_it_did_not_leave() {
    let mut fixture = Fixture::started();
    let down = lost();
    fixture.event(TRADING, down);
    fixture.desk.kill(KillCause::Operator);
    assert_eq!(fixture.kinds(), []);
    fixture.up(TRADING);
    let mass = |kinds: Vec<CommandKind>| match kinds[..] {
        [CommandKind::MassCancel(all)] => all.cl_ord_id,
        _ => panic!("{kinds:?}"),
    };
    let first = mass(fixture.kinds());
    let reason = WithdrawReason::OutboxFull;
    fixture.event(TRADING, EventKind::Withdrawn { cl_ord_id: first, reason });
    let second = mass(fixture.kinds());
    fixture.on_wire(second);
    fixture.event(TRADING, down);
    fixture.up(TRADING);
    mass(fixture.kinds());
}

#[test]
fn orders_are_cancelled_one_by_one_if_the_venue_refuses_the_mass_cancel_of_a_kill() {
    let mut fixture = Fixture::started();
    let (_, id) = fixture.buy();
    fixture.event(TRADING, EventKind::Report(report(id, ExecType::New, OrdStatus::New)));
    fixture.kinds();
    fixture.desk.kill(KillCause::Operator);
    let kinds = fixture.kinds();
    let [CommandKind::MassCancel(all)] = kinds[..] else { panic!("{kinds:?}") };
    let refused = crate::event::Refusal {
        cl_ord_id: Some(all.cl_ord_id),
        ref_msg_type: b'F',
        ref_seq_num: 0,
        layer: crate::event::RefusalLayer::Business,
        reason: Some(0),
        text: FixStr::EMPTY,
    };
    fixture.event(TRADING, EventKind::Refused(refused));
    let kinds = fixture.kinds();
    let [CommandKind::Cancel(cancel)] = kinds[..] else { panic!("{kinds:?}") };
    assert_eq!(cancel.orig_cl_ord_id, id);
}

#[test]
fn limits_change_between_two_events_and_hold_for_the_next_command() {
    let mut fixture = Fixture::started();
    fixture.buy();
    let tight = RiskLimits { max_order_qty: Decimal::new(5, 2), ..RiskLimits::UNLIMITED };
    let set = LimitSet { each: vec![tight], total: TotalLimits::UNLIMITED };
    fixture.desk.set_limits(&set);
    let result = fixture.ctx().buy(ID, Qty(10), Px(1_000));
    assert!(matches!(result, Err(Refusal::MaxOrderQty(_))), "{result:?}");
    assert_eq!(fixture.desk.orders().live_len(), 1, "what is open stays");
}
