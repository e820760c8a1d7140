//! The desk against a naive venue, and against anything at all.

use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::event::{Alarm, MarketTrade};

/// One order as the venue sees it: no chains, no pending requests, just the truth.
#[derive(Debug, Clone)]
struct Truth {
    first_id: ClOrdId,
    last_id: ClOrdId,
    order_id: u64,
    side: Side,
    qty: i64,
    px: i64,
    cum: i64,
    state: OrderState,
}

#[derive(Default)]
struct Venue {
    inbox: VecDeque<CommandKind>,
    outbox: VecDeque<EventKind>,
    orders: Vec<Truth>,
    by_last_id: HashMap<ClOrdId, usize>,
    refused: Vec<ClOrdId>,
    fills: Vec<Report>,
    /// Everything that was told, in order.
    told: Vec<Report>,
    position: i64,
    cash: i128,
}

impl Venue {
    fn report(&mut self, at: usize, id: ClOrdId, exec_type: ExecType, ord_status: OrdStatus) {
        let truth = &self.orders[at];
        let leaves = if ord_status.is_end() { 0 } else { truth.qty - truth.cum };
        self.outbox.push_back(EventKind::Report(Report {
            exec_id: format!("R{}", self.told.len()).parse().unwrap(),
            order_id: truth.order_id.to_string().parse().unwrap(),
            side: truth.side,
            px: Some(Px(truth.px)),
            order_qty: Qty(truth.qty),
            cum_qty: Qty(truth.cum),
            leaves_qty: Qty(leaves),
            ..report(id, exec_type, ord_status)
        }));
        self.note();
    }

    /// Notes the report that was made last, as it is now.
    fn note(&mut self) {
        if let Some(EventKind::Report(report)) = self.outbox.back() {
            let is_same = |told: &Report| told.exec_id == report.exec_id;
            self.told.pop_if(|told| is_same(told));
            self.told.push(*report);
        }
    }

    fn refuse(&mut self, id: ClOrdId) {
        self.refused.push(id);
        self.outbox.push_back(EventKind::Refused(VenueRefusal {
            cl_ord_id: Some(id),
            ref_msg_type: 0,
            ref_seq_num: 0,
            layer: RefusalLayer::Business,
            reason: Some(0),
            text: FixStr::EMPTY,
        }));
    }

    fn find(&self, orig: ClOrdId) -> Option<usize> {
        self.by_last_id.get(&orig).copied().filter(|&at| !self.orders[at].state.is_end())
    }

    /// Handles the oldest command; `mood` decides what the specification leaves open.
    fn step(&mut self, mood: u8) {
        let Some(command) = self.inbox.pop_front() else { return };
        let refuses = mood.is_multiple_of(5);
        match command {
            CommandKind::New(new) => {
                let new = *new.get();
                if refuses {
                    return self.refuse(new.cl_ord_id);
                }
                let at = self.orders.len();
                self.orders.push(Truth {
                    first_id: new.cl_ord_id,
                    last_id: new.cl_ord_id,
                    order_id: 500_000 + at as u64,
                    side: new.side,
                    qty: new.qty.0,
                    px: new.px.unwrap().0,
                    cum: 0,
                    state: OrderState::New,
                });
                self.by_last_id.insert(new.cl_ord_id, at);
                if mood.is_multiple_of(2) {
                    self.report(at, new.cl_ord_id, ExecType::PendingNew, OrdStatus::PendingNew);
                }
                self.report(at, new.cl_ord_id, ExecType::New, OrdStatus::New);
            }
            CommandKind::Replace(replace) => {
                let replace = *replace.get();
                let Some(at) = self.find(replace.orig_cl_ord_id).filter(|_| !refuses) else {
                    return self.refuse(replace.cl_ord_id);
                };
                let truth = &mut self.orders[at];
                assert_eq!(replace.order_id.as_str(), truth.order_id.to_string());
                self.by_last_id.remove(&truth.last_id);
                self.by_last_id.insert(replace.cl_ord_id, at);
                truth.last_id = replace.cl_ord_id;
                truth.px = replace.px.unwrap().0;
                truth.qty = replace.qty.0.max(truth.cum);
                let is_used_up = truth.qty == truth.cum;
                self.report(at, replace.cl_ord_id, ExecType::Replaced, OrdStatus::Replaced);
                if is_used_up {
                    self.cancel(at, replace.cl_ord_id);
                }
            }
            CommandKind::Cancel(cancel) => {
                // If both are given, only the OrderID counts.
                let order_id = cancel.order_id.as_str().parse::<u64>().ok();
                let by_order_id = order_id.map(|id| (id - 500_000) as usize);
                let at = by_order_id.or_else(|| self.find(cancel.orig_cl_ord_id));
                let is_open = |&at: &usize| !self.orders[at].state.is_end() && !refuses;
                match at.filter(is_open) {
                    Some(at) => self.cancel(at, cancel.cl_ord_id),
                    None => self.refuse(cancel.cl_ord_id),
                }
            }
            other => panic!("{other:?}"),
        }
    }

    fn cancel(&mut self, at: usize, id: ClOrdId) {
        self.orders[at].state = OrderState::Canceled;
        self.report(at, id, ExecType::Canceled, OrdStatus::Canceled);
    }

    fn fill(&mut self, pick: usize, qty: i64) {
        let open: Vec<_> =
            (0..self.orders.len()).filter(|&at| !self.orders[at].state.is_end()).collect();
        let Some(&at) = open.get(pick % open.len().max(1)) else { return };
        let truth = &mut self.orders[at];
        let qty = qty.min(truth.qty - truth.cum);
        if qty <= 0 {
            return;
        }
        truth.cum += qty;
        let is_full = truth.cum == truth.qty;
        truth.state = if is_full { OrderState::Filled } else { OrderState::PartiallyFilled };
        self.position += truth.side.sign() * qty;
        self.cash -= i128::from(truth.side.sign() * qty) * i128::from(truth.px);
        let (id, px) = (truth.last_id, truth.px);
        let status = if is_full { OrdStatus::Filled } else { OrdStatus::PartiallyFilled };
        self.report(at, id, ExecType::Trade, status);
        if let Some(EventKind::Report(report)) = self.outbox.back_mut() {
            report.fill = Some(Fill { px: Px(px), qty: Qty(qty), liquidity: None });
            self.fills.push(*report);
        }
        self.note();
    }
}

#[derive(Debug, Clone)]
enum Step {
    New { sell: bool, qty: i64, px: i64 },
    Replace { pick: usize, qty: i64, px: i64 },
    Cancel { pick: usize },
    Send { withdraw: bool },
    Venue { mood: u8 },
    Fill { pick: usize, qty: i64 },
    VenueCancels { pick: usize },
    Deliver,
    Repeat { pick: usize, poss_dup: bool },
}

fn step() -> impl Strategy_<Value = Step> {
    let (qty, px) = (1i64..40, 900i64..1_100);
    prop_oneof![
        3 => (any::<bool>(), qty.clone(), px.clone())
            .prop_map(|(sell, qty, px)| Step::New { sell, qty, px }),
        6 => (any::<usize>(), qty.clone(), px)
            .prop_map(|(pick, qty, px)| Step::Replace { pick, qty, px }),
        2 => any::<usize>().prop_map(|pick| Step::Cancel { pick }),
        4 => (0u8..12).prop_map(|n| Step::Send { withdraw: n == 0 }),
        8 => any::<u8>().prop_map(|mood| Step::Venue { mood }),
        4 => (any::<usize>(), qty).prop_map(|(pick, qty)| Step::Fill { pick, qty }),
        1 => any::<usize>().prop_map(|pick| Step::VenueCancels { pick }),
        10 => Just(Step::Deliver),
        2 => any::<(usize, bool)>().prop_map(|(pick, poss_dup)| Step::Repeat { pick, poss_dup }),
    ]
}

use proptest::strategy::Strategy as Strategy_;

/// Sends what is queued; each command ends at once, on the wire or withdrawn.
fn send(fixture: &mut Fixture, venue: &mut Venue, withdrawn: &mut Vec<ClOrdId>, withdraw: bool) {
    let mut withdraw = withdraw;
    for kind in fixture.kinds() {
        let cl_ord_id = match kind {
            CommandKind::New(new) => new.get().cl_ord_id,
            CommandKind::Replace(replace) => replace.get().cl_ord_id,
            CommandKind::Cancel(cancel) => cancel.cl_ord_id,
            other => panic!("{other:?}"),
        };
        if std::mem::take(&mut withdraw) {
            withdrawn.push(cl_ord_id);
            let reason = WithdrawReason::OutboxFull;
            fixture.event(TRADING, EventKind::Withdrawn { cl_ord_id, reason });
        } else {
            fixture.on_wire(cl_ord_id);
            venue.inbox.push_back(kind);
        }
    }
}

fn pick(handles: &[OrderHandle], pick: usize) -> Option<OrderHandle> {
    // Mostly the newest: they are alive.
    handles.iter().rev().nth(pick % handles.len().clamp(1, 4)).copied()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn the_order_table_equals_a_naive_venues(steps in prop::collection::vec(step(), 1..300)) {
        let mut fixture = Fixture::started();
        let mut venue = Venue::default();
        let (mut handles, mut ids, mut withdrawn) = (vec![], HashMap::new(), vec![]);
        let (mut repeats, mut replaces) = (0, 0);
        for step in steps {
            match step {
                Step::New { sell, qty, px } => {
                    let side = if sell { Side::Sell } else { Side::Buy };
                    let spec = crate::strategy::OrderSpec::limit(ID, side, Qty(qty), Px(px));
                    if let Ok(order) = fixture.ctx().order(spec) {
                        handles.push(order);
                        ids.insert(fixture.desk.orders().cl_ord_id(order).unwrap(), order);
                    }
                }
                Step::Replace { pick: at, qty, px } => {
                    if let Some(order) = pick(&handles, at) {
                        replaces += u64::from(fixture.ctx().replace(order, Qty(qty), Px(px)).is_ok());
                        // What a callback is followed by.
                        fixture.wait(0);
                    }
                }
                Step::Cancel { pick: at } => {
                    if let Some(order) = pick(&handles, at) {
                        let _ = fixture.ctx().cancel(order);
                    }
                }
                Step::Send { withdraw } => {
                    send(&mut fixture, &mut venue, &mut withdrawn, withdraw);
                }
                Step::Venue { mood } => venue.step(mood),
                Step::Fill { pick, qty } => venue.fill(pick, qty),
                Step::VenueCancels { pick } => {
                    let at = pick % venue.orders.len().max(1);
                    if venue.orders.get(at).is_some_and(|truth| !truth.state.is_end()) {
                        let id = venue.orders[at].last_id;
                        venue.cancel(at, id);
                    }
                }
                Step::Deliver => {
                    if let Some(kind) = venue.outbox.pop_front() {
                        fixture.event(TRADING, kind);
                    }
                }
                Step::Repeat { pick, poss_dup } => {
                    // Only what has arrived can be repeated.
                    let is_report = |kind: &&EventKind| matches!(kind, EventKind::Report(_));
                    let waiting = venue.outbox.iter().filter(is_report).count();
                    let arrived = venue.told.len() - waiting;
                    if arrived > 0 {
                        let told = venue.told[pick % arrived];
                        let heard = fixture.desk.strategy().orders.len();
                        fixture.event(TRADING, EventKind::Report(Report { poss_dup, ..told }));
                        repeats += u64::from(told.fill.is_some());
                        let news = &fixture.desk.strategy().orders[heard..];
                        let is_status = |update: &OrderUpdate| update.kind == UpdateKind::Status;
                        prop_assert!(news.iter().all(is_status), "{:?}: {:?}", told, news);
                    }
                }
            }
        }
        loop {
            send(&mut fixture, &mut venue, &mut withdrawn, false);
            if venue.inbox.is_empty() && venue.outbox.is_empty() {
                break;
            }
            while !venue.inbox.is_empty() {
                venue.step(1);
            }
            // A replace that was held may follow.
            while let Some(kind) = venue.outbox.pop_front() {
                fixture.event(TRADING, kind);
            }
        }

        let desk = &fixture.desk;
        let (stats, orders) = (desk.stats(), desk.orders());
        prop_assert_eq!(stats.disagreements, 0);
        prop_assert_eq!(stats.lane_violations, 0);
        prop_assert_eq!(stats.unknown_reports + stats.unknown_refusals, 0);
        prop_assert_eq!(stats.commands(), stats.on_wire + stats.withdrawn);
        prop_assert_eq!(stats.refused_by_venue, venue.refused.len() as u64);
        prop_assert_eq!(stats.fills, venue.fills.len() as u64);
        prop_assert_eq!(stats.fills_duplicate, repeats);
        let count = |exec| venue.told.iter().filter(|told| told.exec_type == exec).count() as u64;
        prop_assert_eq!(stats.replaced, count(ExecType::Replaced));
        prop_assert_eq!(stats.canceled, count(ExecType::Canceled));
        prop_assert_eq!(desk.commands_under_way(), 0);
        // Each replace that was taken ended once: it was sent, or dropped while it was held.
        let is_dropped = |update: &&OrderUpdate| match update.kind {
            UpdateKind::Withdrawn { reason, .. } => {
                matches!(reason, WithdrawReason::Superseded | WithdrawReason::OrderEnded)
            }
            kind => matches!(kind, UpdateKind::ReplaceRefused { .. }),
        };
        let dropped = desk.strategy().orders.iter().filter(is_dropped).count() as u64;
        prop_assert_eq!((stats.replaces_dropped, orders.held_replaces()), (dropped, 0));
        prop_assert_eq!(replaces, stats.replaces + dropped);
        let position = desk.positions().get(ID).unwrap();
        prop_assert_eq!((position.qty, position.cash), (venue.position, venue.cash));
        let (mut open, mut open_orders) = ([0, 0], 0);
        for truth in &venue.orders {
            let order = orders.get(ids[&truth.first_id]).unwrap();
            prop_assert_eq!(order.state, truth.state);
            prop_assert_eq!((order.cum.0, order.filled().0), (truth.cum, truth.cum));
            prop_assert_eq!((order.qty.0, order.px), (truth.qty, Some(Px(truth.px))));
            prop_assert_eq!(orders.cl_ord_id(order.handle), Some(truth.last_id));
            if !truth.state.is_end() {
                prop_assert_eq!(order.leaves.0, truth.qty - truth.cum);
                prop_assert_eq!((order.pending_replaces(), order.is_cancel_pending()), (0, false));
                open[usize::from(truth.side == Side::Sell)] += truth.qty - truth.cum;
                open_orders += 1;
            }
        }
        prop_assert_eq!(orders.open_qty(ID), open);
        prop_assert_eq!((orders.open_orders(ID), orders.live_len()), (open_orders, open_orders as usize));
        // Every order that the venue does not have was refused or withdrawn.
        for (id, order) in &ids {
            if !venue.orders.iter().any(|truth| truth.first_id == *id) {
                let state = orders.get(*order).unwrap().state;
                let expected = if withdrawn.contains(id) {
                    OrderState::Withdrawn
                } else {
                    OrderState::Rejected
                };
                prop_assert_eq!(state, expected);
            }
        }
    }

    #[test]
    fn no_sequence_of_events_panics(
        steps in prop::collection::vec((0u8..20, any::<[u8; 12]>(), any::<i64>()), 1..300)
    ) {
        let mut fixture = Fixture::started();
        let mut handles = vec![];
        for (what, r, wild) in steps {
            // The desk's ids start at 1,000 here, so many of these are known.
            let id = ClOrdId::numeric(998 + u64::from(r[0] % 32)).unwrap();
            let session = SessionId(r[1] % 3);
            let number = |byte: u8| if byte < 8 { wild } else { i64::from(byte % 32) };
            let side = if r[2] % 2 == 0 { Side::Buy } else { Side::Sell };
            let instrument = InstrumentId(u16::from(r[3] == 0));
            let order = handles.get(usize::from(r[4]) % handles.len().max(1)).copied();
            let kind = match what {
                0 => EventKind::SessionUp { epoch: u32::from(r[5]), connection: 1, next_in: 1, next_out: 1 },
                1 => lost(),
                2 => EventKind::Instrument { id: instrument, instrument: Instrument {
                    status: if r[5] < 32 { PairStatus::CancelOnly } else { PairStatus::Online },
                    tick_size: Px(number(r[6]) % 4),
                    price_precision: if r[7] == 0 { 9 } else { 1 },
                    ..facts()
                } },
                3 => EventKind::InstrumentUnknown { id: instrument },
                4 | 5 => EventKind::Book(BookEntry {
                    instrument,
                    side,
                    action: [BookAction::Set, BookAction::Delete, BookAction::Restart]
                        [usize::from(r[5] % 3)],
                    px: Px(number(r[6])),
                    qty: Qty(number(r[7])),
                    last: r[8] % 2 == 0,
                    checksum: (r[9] == 0).then_some(0),
                    sent: UtcTime(0),
                }),
                6 => EventKind::Trade(MarketTrade {
                    instrument, px: Px(wild), qty: Qty(wild), aggressor: None,
                }),
                7 => EventKind::OnWire {
                    cl_ord_id: id, msg_seq_num: u64::from(r[5] % 8), sent_ticks: 0,
                },
                8 => EventKind::Withdrawn {
                    cl_ord_id: id, reason: WithdrawReason::SessionDown,
                },
                9 => EventKind::Refused(VenueRefusal {
                    cl_ord_id: (r[5] > 64).then_some(id),
                    ref_msg_type: r[9],
                    ref_seq_num: u64::from(r[6] % 8),
                    layer: RefusalLayer::Session,
                    reason: None,
                    text: FixStr::EMPTY,
                }),
                10..14 => {
                    const KINDS: [(ExecType, OrdStatus); 10] = [
                        (ExecType::PendingNew, OrdStatus::PendingNew),
                        (ExecType::New, OrdStatus::New),
                        (ExecType::Trade, OrdStatus::PartiallyFilled),
                        (ExecType::Trade, OrdStatus::Filled),
                        (ExecType::Canceled, OrdStatus::Canceled),
                        (ExecType::Replaced, OrdStatus::Replaced),
                        (ExecType::Replaced, OrdStatus::PendingReplace),
                        (ExecType::Expired, OrdStatus::Expired),
                        (ExecType::Restated, OrdStatus::PendingCancel),
                        (ExecType::OrderStatus, OrdStatus::Rejected),
                    ];
                    let (exec_type, ord_status) = KINDS[usize::from(r[5] % 10)];
                    let fill = Fill { px: Px(number(r[6])), qty: Qty(number(r[7])), liquidity: None };
                    EventKind::Report(Report {
                        instrument,
                        side,
                        exec_id: (r[8] % 8).to_string().parse().unwrap(),
                        order_id: (r[9] % 8).to_string().parse().unwrap(),
                        cum_qty: Qty(number(r[10])),
                        leaves_qty: Qty(number(r[11])),
                        order_qty: Qty(number(r[1])),
                        fill: (r[2] % 4 < 2).then_some(fill),
                        fee: (r[2] % 8 < 4)
                            .then(|| (Decimal::new(wild, r[4] % 19), "USD".parse().unwrap())),
                        poss_dup: r[3] % 2 == 0,
                        ..report(id, exec_type, ord_status)
                    })
                }
                14 => EventKind::Alarm(Alarm::RingFull { count: 1 }),
                _ => {
                    let (qty, px) = (Qty(number(r[6])), Px(1_000 + i64::from(r[7] % 8)));
                    let mut ctx = fixture.ctx();
                    match (what, order) {
                        (15 | 16, _) => handles.extend(ctx.buy(instrument, qty, px)),
                        (17, Some(order)) => drop(ctx.replace(order, qty, px)),
                        (18, Some(order)) => drop(ctx.cancel(order)),
                        _ => { ctx.cancel_open_orders(); }
                    }
                    continue;
                }
            };
            fixture.event(session, kind);
            if r[11] % 4 == 0 {
                fixture.kinds();
            }
            let _ = fixture.desk.pnl(ID);
        }
        fixture.desk.stop();
        let live = fixture.desk.orders().live().filter(|order| order.state.is_end()).count();
        prop_assert_eq!(live, 0);
    }
}
