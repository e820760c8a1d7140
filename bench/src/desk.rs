//! What a desk does for one command, from the strategy's call to the command that waits for the encoder:
//! order state, ids, the risk check with every limit watched, the mirror of the venue's rate limit.

use std::hint::black_box;
use std::time::Instant;

use taut::command::{CommandKind, SessionId};
use taut::desk::{Desk, DeskConfig, InstrumentConfig};
use taut::event::{BookAction, BookEntry, Event, EventKind, ExecType, OrdStatus, Report};
use taut::order::CancelRoute;
use taut::risk::venue_rate::Tier;
use taut::risk::{RiskLimits, TotalLimits, VenueRate, VenueRateRule};
use taut::strategy::{
    Context, InstrumentId, OrderHandle, OrderSpec, Px, Qty, Refusal, Side, Strategy,
};
use taut::trace::{Clock, Stamps};
use taut::types::{ClOrdId, ExecId, Instrument, OrdType, OrderId, PairStatus, TimeInForce};
use taut_codec::value::{Decimal, FixStr, UtcTime};

/// Commands of one kind that are timed together.
pub const BATCH: usize = 64;

const MARKET_DATA: SessionId = SessionId(0);
const TRADING: SessionId = SessionId(1);
const ID: InstrumentId = InstrumentId(0);

/// A new order; never inlined, so that its instructions can be counted.
///
/// # Errors
/// The desk's refusal.
#[inline(never)]
pub fn order(ctx: &mut Context<'_>, spec: OrderSpec) -> Result<OrderHandle, Refusal> {
    ctx.order(spec)
}

/// An amend.
///
/// # Errors
/// The desk's refusal.
#[inline(never)]
pub fn replace(ctx: &mut Context<'_>, order: OrderHandle, px: Px) -> Result<(), Refusal> {
    ctx.replace(order, Qty(10), px)
}

/// A cancel.
///
/// # Errors
/// The desk's refusal.
#[inline(never)]
pub fn cancel(ctx: &mut Context<'_>, order: OrderHandle) -> Result<CancelRoute, Refusal> {
    ctx.cancel(order)
}

/// What the next book makes the strategy do.
#[derive(Clone, Copy)]
enum Next {
    Nothing,
    Order,
    Replace,
    Cancel,
}

struct Commander {
    next: Next,
    orders: Vec<OrderHandle>,
    nanos: u64,
}

impl Strategy for Commander {
    fn on_book(&mut self, ctx: &mut Context<'_>, _: InstrumentId) {
        let start = Instant::now();
        match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Nothing => {}
            Next::Order => {
                self.orders.clear();
                for at in 0..BATCH as i64 {
                    let spec = OrderSpec::limit(ID, Side::Buy, Qty(10), Px(900 + at));
                    self.orders.push(order(ctx, black_box(spec)).expect("no limit is reached"));
                }
            }
            Next::Replace => {
                for (at, one) in self.orders.iter().enumerate() {
                    let px = Px(910 + at as i64);
                    replace(ctx, black_box(*one), px).expect("no limit is reached");
                }
            }
            Next::Cancel => {
                for one in &self.orders {
                    cancel(ctx, black_box(*one)).expect("no limit is reached");
                }
            }
        }
        self.nanos = start.elapsed().as_nanos() as u64;
    }
}

/// A desk whose market is open.
pub struct Bench {
    desk: Desk<Commander>,
    waiting: Vec<CommandKind>,
    exec: u64,
}

impl Default for Bench {
    fn default() -> Self {
        let any = Decimal::new(i64::MAX, 0);
        let risk = RiskLimits {
            max_book_age_ms: 60_000,
            allow_self_cross: false,
            max_daily_loss: Some(any),
            ..RiskLimits::UNLIMITED
        };
        let tier = Tier { decay: 1_000_000, threshold: 100_000_000, open_orders_max: 1_000_000 };
        let (cancels_limited, mass_cancel_points) = (true, true);
        let rule = VenueRateRule::Spot { tier, cancels_limited, mass_cancel_points };
        let (max_gross, max_daily_loss) = (Some(any), Some(any));
        let instruments = vec![InstrumentConfig { symbol: facts().symbol, risk }];
        let config = DeskConfig {
            total: TotalLimits { max_gross, max_daily_loss, ..TotalLimits::UNLIMITED },
            venue_rate: VenueRate { rule, reserve: 8, holds_cancels: true },
            ..DeskConfig::new(MARKET_DATA, TRADING, instruments, 10)
        };
        let orders = Vec::with_capacity(BATCH);
        let commander = Commander { next: Next::Nothing, orders, nanos: 0 };
        let desk = Desk::new(&config, Clock::system(), commander).expect("one instrument");
        let mut bench = Self { desk, waiting: Vec::with_capacity(BATCH), exec: 0 };
        for session in [MARKET_DATA, TRADING] {
            bench.event(
                session,
                EventKind::SessionUp { epoch: 1, connection: 1, next_in: 2, next_out: 2 },
            );
        }
        bench.event(MARKET_DATA, EventKind::Instrument { id: ID, instrument: facts() });
        bench.book(Side::Sell, 1_010, BookAction::Restart, false);
        bench.book(Side::Buy, 990, BookAction::Set, true);
        assert!(bench.desk.is_started(), "it trades");
        bench.desk.commands().for_each(drop);
        bench
    }
}

impl Bench {
    /// [`BATCH`] orders, each amended and cancelled. Nanoseconds per order, amend and cancel.
    pub fn round(&mut self) -> [f64; 3] {
        [Next::Order, Next::Replace, Next::Cancel].map(|next| {
            self.desk.strategy_mut().next = next;
            self.book(Side::Buy, 990, BookAction::Set, true);
            let nanos = self.desk.strategy().nanos;
            self.answer();
            nanos as f64 / BATCH as f64
        })
    }

    fn event(&mut self, session: SessionId, kind: EventKind) {
        self.desk.on_event(&Event { session, stamps: Stamps::NONE, kind });
    }

    fn book(&mut self, side: Side, px: i64, action: BookAction, last: bool) {
        let (px, qty, sent) = (Px(px), Qty(100), UtcTime(0));
        let checksum = None;
        let entry = BookEntry { instrument: ID, side, action, px, qty, last, checksum, sent };
        self.event(MARKET_DATA, EventKind::Book(entry));
    }

    /// The venue takes everything.
    fn answer(&mut self) {
        self.waiting.clear();
        self.waiting.extend(self.desk.commands().map(|command| command.kind));
        for at in 0..self.waiting.len() {
            let (id, px, exec, status, order_id) = match self.waiting[at] {
                CommandKind::New(new) => {
                    let id = new.get().cl_ord_id;
                    let name = id.to_string().parse().expect("digits");
                    (id, new.get().px, ExecType::New, OrdStatus::New, name)
                }
                CommandKind::Replace(replace) => {
                    let replace = replace.get();
                    let (exec, status) = (ExecType::Replaced, OrdStatus::Replaced);
                    (replace.cl_ord_id, replace.px, exec, status, replace.order_id)
                }
                CommandKind::Cancel(cancel) => {
                    let (exec, status) = (ExecType::Canceled, OrdStatus::Canceled);
                    (cancel.cl_ord_id, Some(Px(910 + at as i64)), exec, status, cancel.order_id)
                }
                _ => continue,
            };
            let (msg_seq_num, sent_ticks) = (1, 1);
            self.event(TRADING, EventKind::OnWire { cl_ord_id: id, msg_seq_num, sent_ticks });
            self.exec += 1;
            let report = report(id, px, exec, status, order_id, self.exec);
            self.event(TRADING, EventKind::Report(report));
        }
    }
}

pub(crate) fn report(
    cl_ord_id: ClOrdId,
    px: Option<Px>,
    exec_type: ExecType,
    ord_status: OrdStatus,
    order_id: OrderId,
    exec: u64,
) -> Report {
    Report {
        instrument: ID,
        cl_ord_id,
        orig_cl_ord_id: None,
        order_id,
        exec_id: ExecId::new(exec.to_string().as_bytes()).expect("digits"),
        exec_type,
        ord_status,
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Gtc,
        px,
        stop_px: None,
        trigger_px: None,
        order_qty: Qty(10),
        cum_qty: Qty(0),
        leaves_qty: Qty(if ord_status.is_end() { 0 } else { 10 }),
        fill: None,
        gross: None,
        fee: None,
        transact_time: UtcTime(0),
        poss_dup: false,
        text: FixStr::EMPTY,
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
