//! A desk allocates nothing after `new`, whatever its strategy does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use taut::command::{CommandKind, SessionId};
use taut::desk::{Desk, DeskConfig, InstrumentConfig, SecondSession};
use taut::event::{
    BookAction, BookEntry, DownReason, Event, EventKind, ExecType, Fill, OrdStatus, Report,
};
use taut::order::Reach;
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

/// Market data and trading of each market, and its instrument.
const MD: [SessionId; 2] = [SessionId(0), SessionId(2)];
const TRADING: [SessionId; 2] = [SessionId(1), SessionId(3)];
const ID: [InstrumentId; 2] = [InstrumentId(0), InstrumentId(1)];

/// Sends a new order with every other book of an instrument, and amends and cancels it with the next. Does the
/// latter on one market when the other's book changes, too.
#[derive(Default)]
struct Busy {
    orders: [Option<OrderHandle>; 2],
}

impl Strategy for Busy {
    fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        let at = usize::from(id.0);
        match self.orders[at].take() {
            Some(order) => {
                for px in [1_001, 1_002] {
                    let _ = ctx.replace(order, Qty(10), Px(px));
                }
                let _ = ctx.cancel(order);
            }
            None => self.orders[at] = ctx.buy(id, Qty(10), Px(1_000)).ok(),
        }
        if let Some(other) = self.orders[1 - at] {
            let _ = ctx.replace(other, Qty(10), Px(1_003));
        }
    }
}

fn facts(at: usize) -> Instrument {
    Instrument {
        symbol: FixStr::new([&b"BTC/USD"[..], b"PF_XBTUSD"][at]).expect("a short text"),
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

fn entry(at: usize, side: Side, px: i64, action: BookAction, last: bool) -> EventKind {
    EventKind::Book(BookEntry {
        instrument: ID[at],
        side,
        action,
        px: Px(px),
        qty: Qty(100),
        last,
        checksum: None,
        sent: UtcTime(0),
    })
}

fn report(at: usize, id: ClOrdId, exec_type: ExecType, ord_status: OrdStatus, n: u64) -> Report {
    let mut scratch = [0; ClOrdId::TEXT_MAX];
    let number = ClOrdId::numeric(n).expect("not zero");
    let text = number.write(&mut scratch);
    Report {
        instrument: ID[at],
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
    runs(1);
    runs(2);
}

/// A desk on one market or two.
fn runs(markets: usize) {
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
    let instruments = vec![InstrumentConfig { symbol: facts(0).symbol, risk }];
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
            holds_cancels: true,
        },
        second: (markets == 2).then(|| SecondSession {
            market_data: MD[1],
            trading: TRADING[1],
            instruments: vec![InstrumentConfig { symbol: facts(1).symbol, risk }],
            venue_rate: VenueRate::UNLIMITED,
            cl_ord_id_watermark: 0,
            reach: Reach::default(),
            rest: None,
        }),
        ..DeskConfig::new(MD[0], TRADING[0], instruments, 10)
    };
    // UUIDs need a time of these days.
    let nanos = Arc::new(AtomicU64::new(1_800_000_000_000_000_000));
    let clock = Clock::virtual_at(nanos.clone());
    let mut desk = Desk::new(&config, clock, Busy::default()).expect("it is good");
    let mut commands = Vec::with_capacity(1_000);

    let armed = allocation::arm();
    let event = |session, kind| Event { session, stamps: Stamps::NONE, kind };
    let up = EventKind::SessionUp { epoch: 1, connection: 1, next_in: 1, next_out: 1 };
    for at in 0..markets {
        desk.on_event(&event(MD[at], up));
        desk.on_event(&event(TRADING[at], up));
        let listed = EventKind::Instrument { id: ID[at], instrument: facts(at) };
        desk.on_event(&event(MD[at], listed));
        desk.on_event(&event(MD[at], entry(at, Side::Sell, 1_010, BookAction::Restart, false)));
        desk.on_event(&event(MD[at], entry(at, Side::Buy, 990, BookAction::Set, true)));
    }
    for n in 1..=20_000u64 {
        nanos.fetch_add(1_000_000, Ordering::Relaxed);
        let px = 980 + (n % 10) as i64;
        let at = (n / 5) as usize % markets;
        desk.on_event(&event(MD[at], entry(at, Side::Buy, px, BookAction::Set, true)));
        commands.clear();
        commands.extend(desk.commands().map(|command| (command.session, command.kind)));
        for (i, (session, kind)) in commands.iter().enumerate() {
            let at = TRADING.iter().position(|trading| trading == session).unwrap_or(0);
            let (id, is_new) = match kind {
                CommandKind::New(new) => (new.get().cl_ord_id, true),
                CommandKind::Replace(replace) => (replace.get().cl_ord_id, false),
                CommandKind::Cancel(cancel) => (cancel.cl_ord_id, false),
                _ => continue,
            };
            let on_wire = EventKind::OnWire { cl_ord_id: id, msg_seq_num: n, sent_ticks: 1 };
            desk.on_event(&event(TRADING[at], on_wire));
            let unique = n * 10 + i as u64;
            if is_new {
                let ack = report(at, id, ExecType::New, OrdStatus::New, unique);
                desk.on_event(&event(TRADING[at], EventKind::Report(ack)));
                // Every third order fills at once, the others stay for the cancel.
                if n % 3 == 0 {
                    let fill = Fill { px: Px(1_000), qty: Qty(10), liquidity: None };
                    let filled = Report {
                        fill: Some(fill),
                        cum_qty: Qty(10),
                        leaves_qty: Qty(0),
                        ..report(at, id, ExecType::Trade, OrdStatus::Filled, unique)
                    };
                    desk.on_event(&event(TRADING[at], EventKind::Report(filled)));
                }
            }
        }
        desk.on_time(UtcTime(nanos.load(Ordering::Relaxed)));
    }
    for session in &TRADING[..markets] {
        let lost =
            EventKind::SessionDown { reason: DownReason::ConnectionLost, next_in: 1, next_out: 1 };
        desk.on_event(&event(*session, lost));
    }
    drop(armed);

    let counted = allocation::allocations();
    assert!(counted.counted);
    assert_eq!(counted.count, 0, "{:?}", counted.first_stack);
    let stats = desk.stats();
    assert!(stats.orders > 4_000 && stats.fills > 1_000 && stats.cancels > 4_000, "{stats:?}");
    assert!(stats.refused_here > 0 && stats.uncertain > 0, "limits were reached too: {stats:?}");
}
