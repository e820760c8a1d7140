//! A desk allocates nothing after `new`, whatever its strategy does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use taut::command::{CommandKind, SessionId};
use taut::desk::{Desk, DeskConfig, InstrumentConfig};
use taut::event::{
    BookAction, BookEntry, DownReason, Event, EventKind, ExecType, Fill, OrdStatus, Report,
};
use taut::risk::venue_rate::Tier;
use taut::risk::{RiskLimits, TotalLimits, VenueRate, VenueRateRule};
use taut::strategy::{Context, OrderHandle, Strategy};
use taut::trace::allocation::{self, CountingAllocator};
use taut::trace::{Clock, Stamps};
use taut::types::{
    ClOrdId, ExecId, Instrument, InstrumentId, OrdType, OrderId, PairStatus, Px, Qty, Side,
    TimeInForce,
};
use taut_codec::value::{Decimal, FixStr, UtcTime};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const MD: SessionId = SessionId(0);
const TRADING: SessionId = SessionId(1);
const ID: InstrumentId = InstrumentId(0);

/// Sends a new order with every other book, and amends and cancels it with the next.
#[derive(Default)]
struct Busy {
    order: Option<OrderHandle>,
}

impl Strategy for Busy {
    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        match self.order.take() {
            Some(order) => {
                for px in [1_001, 1_002] {
                    let _ = ctx.replace(order, Qty(10), Px(px));
                }
                let _ = ctx.cancel(order);
            }
            None => self.order = ctx.buy(id, Qty(10), Px(1_000)).ok(),
        }
    }
}

fn facts() -> Instrument {
    Instrument {
        symbol: FixStr::new(b"BTC/USD").expect("a short text"),
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

fn entry(side: Side, px: i64, action: BookAction, last: bool) -> EventKind {
    EventKind::Book(BookEntry {
        instrument: ID,
        side,
        action,
        px: Px(px),
        qty: Qty(100),
        last,
        checksum: None,
        sent: UtcTime(0),
    })
}

fn report(id: ClOrdId, exec_type: ExecType, ord_status: OrdStatus, n: u64) -> Report {
    let mut scratch = [0; ClOrdId::TEXT_MAX];
    let number = ClOrdId::numeric(n).expect("not zero");
    let text = number.write(&mut scratch);
    Report {
        instrument: ID,
        cl_ord_id: id,
        orig_cl_ord_id: None,
        order_id: OrderId::new(text).expect("digits"),
        exec_id: ExecId::new(text).expect("digits"),
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
        leaves_qty: Qty(10),
        fill: None,
        gross: None,
        fee: None,
        transact_time: UtcTime(0),
        poss_dup: false,
        text: FixStr::EMPTY,
    }
}

#[test]
fn a_desk_allocates_nothing_after_new() {
    let million = Decimal::new(1_000_000, 0);
    let risk = RiskLimits {
        max_order_qty: million,
        max_notional: million,
        collar_bps: 5_000,
        max_position: Decimal::new(1_000_000_000, 0),
        max_open_orders: 100_000,
        commands_per_second: 1_000_000,
        burst: 1_000_000,
        max_book_age_ms: 60_000,
        max_daily_loss: Some(million),
        ..RiskLimits::UNLIMITED
    };
    let instruments = vec![InstrumentConfig { symbol: facts().symbol, risk }];
    let config = DeskConfig {
        // Every limit is watched, and none is reached.
        total: TotalLimits {
            max_gross: Some(Decimal::new(i64::MAX, 0)),
            max_daily_loss: Some(Decimal::new(i64::MAX, 0)),
            ..TotalLimits::UNLIMITED
        },
        venue_rate: VenueRate {
            rule: VenueRateRule::Spot {
                tier: Tier { decay: 1_000_000, threshold: 1_000_000, open_orders_max: 1_000_000 },
                cancels_limited: true,
                mass_cancel_points: true,
            },
            reserve: 8,
        },
        ..DeskConfig::new(MD, TRADING, instruments, 10)
    };
    let nanos = Arc::new(AtomicU64::new(1_000_000));
    let mut desk = Desk::new(&config, Clock::virtual_at(nanos.clone()), Busy::default()).unwrap();
    let mut commands = Vec::with_capacity(1_000);

    let armed = allocation::arm();
    let event = |session, kind| Event { session, stamps: Stamps::NONE, kind };
    let up = EventKind::SessionUp { epoch: 1, connection: 1 };
    desk.on_event(&event(MD, up));
    desk.on_event(&event(TRADING, up));
    desk.on_event(&event(MD, EventKind::Instrument { id: ID, instrument: facts() }));
    desk.on_event(&event(MD, entry(Side::Sell, 1_010, BookAction::Restart, false)));
    desk.on_event(&event(MD, entry(Side::Buy, 990, BookAction::Set, true)));
    for n in 1..=20_000u64 {
        nanos.fetch_add(1_000_000, Ordering::Relaxed);
        let px = 980 + (n % 10) as i64;
        desk.on_event(&event(MD, entry(Side::Buy, px, BookAction::Set, true)));
        commands.clear();
        commands.extend(desk.commands().map(|command| command.kind));
        for (i, kind) in commands.iter().enumerate() {
            let (id, is_new) = match kind {
                CommandKind::New(new) => (new.get().cl_ord_id, true),
                CommandKind::Replace(replace) => (replace.get().cl_ord_id, false),
                CommandKind::Cancel(cancel) => (cancel.cl_ord_id, false),
                _ => continue,
            };
            let on_wire = EventKind::OnWire { cl_ord_id: id, msg_seq_num: n, sent_ticks: 1 };
            desk.on_event(&event(TRADING, on_wire));
            let unique = n * 10 + i as u64;
            if is_new {
                let ack = report(id, ExecType::New, OrdStatus::New, unique);
                desk.on_event(&event(TRADING, EventKind::Report(ack)));
                // Every third order fills at once, the others stay for the cancel.
                if n % 3 == 0 {
                    let fill = Fill { px: Px(1_000), qty: Qty(10), liquidity: None };
                    let filled = Report {
                        fill: Some(fill),
                        cum_qty: Qty(10),
                        leaves_qty: Qty(0),
                        ..report(id, ExecType::Trade, OrdStatus::Filled, unique)
                    };
                    desk.on_event(&event(TRADING, EventKind::Report(filled)));
                }
            }
        }
        desk.on_time(UtcTime(n));
    }
    desk.on_event(&event(TRADING, EventKind::SessionDown(DownReason::ConnectionLost)));
    drop(armed);

    let counted = allocation::allocations();
    assert!(counted.counted);
    assert_eq!(counted.count, 0, "{:?}", counted.first_stack);
    let stats = desk.stats();
    assert!(stats.orders > 4_000 && stats.fills > 1_000 && stats.cancels > 4_000, "{stats:?}");
    assert!(stats.refused_here > 0 && stats.uncertain > 0, "limits were reached too: {stats:?}");
}
