//! One threaded engine sends orders of every type with a trigger to both markets of the venue over sockets:
//! they wait, are amended and cancelled; and one of each market triggers and is filled.

#[path = "common/both.rs"]
mod both;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use both::{engine, venue};
use taut::event::DownReason;
use taut::pipeline::Layout;
use taut::strategy::{
    CancelScope, Context, InstrumentId, OrdType, OrderHandle, OrderSpec, OrderUpdate, Px, Qty,
    Refusal, RequestKind, Side, Strategy, TimerId, UpdateKind,
};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);
const DERIVATIVES: InstrumentId = InstrumentId(1);

/// How far it is on one market.
#[derive(Default)]
struct Market {
    /// One of each type, far from the market.
    waiting: Vec<OrderHandle>,
    types: Vec<OrdType>,
    acked: usize,
    canceled: usize,
    /// The one that is to trigger.
    stop: Option<OrderHandle>,
    has_triggered: bool,
    is_done: bool,
}

struct Triggers {
    tell: Sender<()>,
    markets: [Market; 2],
}

/// A price of the instrument that is so many percent of the best bid.
fn price(ctx: &Context<'_>, id: InstrumentId, percent: i64) -> Px {
    let bid = ctx.book(id).and_then(|book| book.best_bid()).expect("a book").px;
    let tick = ctx.instrument(id).expect("listed").tick_size.0;
    Px(bid.0 * percent / 100 / tick * tick)
}

fn send(ctx: &mut Context<'_>, spec: OrderSpec) -> OrderHandle {
    ctx.order(spec).unwrap_or_else(|refusal| panic!("{refusal}: {spec:?}"))
}

impl Triggers {
    fn waits(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
        let facts = *ctx.instrument(id).expect("listed");
        let qty = Qty(facts.qty_min.0 * 10);
        let (tick, distance) = (facts.tick_size.0, Px(price(ctx, id, 3).0));
        let [low, lower, high] = [97, 96, 103].map(|percent| price(ctx, id, percent));
        let market = OrderSpec::market(id, Side::Sell, qty);
        let limit = |px| OrderSpec::limit(id, Side::Sell, qty, px);
        let offset = limit(Px(-tick)).trailing_stop(distance);
        let mut specs = vec![
            limit(lower).stop_loss(low),
            market.stop_loss(low),
            market.take_profit(high).by_index(),
            limit(high).take_profit(high),
            market.trailing_stop(distance),
        ];
        if id == DERIVATIVES {
            assert_eq!(ctx.order(offset), Err(Refusal::NotOnThisMarket));
        } else {
            specs.push(offset);
        }
        let of = &mut self.markets[usize::from(id.0)];
        of.types = specs.iter().map(OrderSpec::ord_type).collect();
        of.waiting = specs.into_iter().map(|spec| send(ctx, spec)).collect();
    }

    /// Buys at the market: the last trade is at its price then.
    fn trades(ctx: &mut Context<'_>, id: InstrumentId) {
        let qty = Qty(ctx.instrument(id).expect("listed").qty_min.0 * 10);
        let px = price(ctx, id, 101);
        send(ctx, OrderSpec::limit(id, Side::Buy, qty, px).ioc());
    }

    fn on_waiting(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        let id = update.instrument;
        let of = &mut self.markets[usize::from(id.0)];
        let order = *ctx.order_state(update.handle).expect("it is known");
        match update.kind {
            UpdateKind::Acked => {
                let at = of.waiting.iter().position(|one| *one == update.handle);
                assert_eq!(at.map(|at| of.types[at]), Some(order.ord_type));
                assert!(order.is_untriggered() && order.stop_px.is_some(), "{order:?}");
                of.acked += 1;
                if of.acked == of.waiting.len() {
                    let (stop, px) = (price(ctx, id, 95), price(ctx, id, 94));
                    let first = of.waiting[0];
                    let amended = ctx.replace_trigger(first, order.qty, stop, Some(px));
                    amended.expect("both markets have amends here, as UAT");
                    // Back to back, and the trigger stays.
                    ctx.replace(first, order.qty, stop).expect("it has a limit");
                }
            }
            UpdateKind::Replaced { px, .. } if px == order.stop_px => {
                ctx.cancel_all(CancelScope::Instrument(id)).expect("it is followed");
            }
            UpdateKind::Canceled { .. } => {
                of.canceled += 1;
                if of.canceled == of.waiting.len() {
                    let ask = ctx.book(id).and_then(|book| book.best_ask()).expect("a book").px;
                    let spec = OrderSpec::market(id, Side::Buy, order.qty).stop_loss(ask);
                    of.stop = Some(send(ctx, spec));
                }
            }
            UpdateKind::Live | UpdateKind::OnWire { .. } | UpdateKind::Replaced { .. } => {}
            kind => panic!("{kind:?}"),
        }
    }
}

impl Strategy for Triggers {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        for id in ctx.instruments() {
            self.waits(ctx, id);
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        let id = update.instrument;
        let of = &mut self.markets[usize::from(id.0)];
        if let UpdateKind::RefusedByVenue { request, text, .. } = &update.kind {
            // A cancel at the end may meet an order that has just traded.
            assert_eq!(*request, RequestKind::Cancel, "{text}");
        }
        if of.waiting.contains(&update.handle) {
            return self.on_waiting(ctx, update);
        }
        if of.stop != Some(update.handle) {
            if update.state.is_end() && !of.has_triggered {
                // The price may have gone before the trade, or the trigger is told behind it.
                let soon = ctx.now().plus_nanos(100_000_000);
                ctx.set_timer(TimerId(id.0), soon).expect("a timer for each market");
            }
            return;
        }
        match update.kind {
            UpdateKind::Acked => Self::trades(ctx, id),
            UpdateKind::Triggered { px } => {
                let order = ctx.order_state(update.handle).expect("it is known");
                assert!(px >= order.stop_px && !order.is_untriggered(), "{px:?} {order:?}");
                of.has_triggered = true;
            }
            UpdateKind::Filled { .. } if update.state.is_end() => {
                assert!(of.has_triggered, "what waits is not filled");
                of.is_done = true;
                if self.markets.iter().all(|market| market.is_done) {
                    // The other end listens.
                    let _ = self.tell.send(());
                }
            }
            _ => assert!(!update.state.is_end(), "{update:?}"),
        }
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: TimerId) {
        if !self.markets[usize::from(timer.0)].has_triggered {
            Self::trades(ctx, InstrumentId(timer.0));
        }
    }
}

fn every_type_waits_and_one_triggers(layout: Layout) {
    let stop = Arc::new(AtomicBool::new(false));
    let (ports, venue) = venue(&stop);
    let dir = tempfile::tempdir().expect("a directory");
    let (tell, told) = mpsc::channel();
    let triggers = Triggers { tell, markets: Default::default() };
    let running = engine(layout, ports, dir.path(), true).start(triggers).expect("it starts");
    told.recv_timeout(PATIENCE).expect("an order of each market triggers and is filled");
    running.stop();
    let outcome = running.join().expect("it ends well");
    let stats = outcome.desk.stats();
    assert_eq!((stats.triggered, stats.alarms), (2, 0));
    assert_eq!((stats.lane_violations, stats.disagreements, stats.unknown_reports), (0, 0, 0));
    assert_eq!(outcome.ended, [Some(DownReason::LoggedOut); 4]);
    let position = outcome.desk.positions().get(DERIVATIVES).expect("it traded").qty;
    stop.store(true, Ordering::Relaxed);
    assert_eq!(venue.join().expect("the venue ended well"), position, "as the venue has it");
}

#[test]
fn orders_with_every_trigger_wait_are_amended_and_one_of_each_market_fires_on_one_thread() {
    every_type_waits_and_one_triggers(Layout::Inline);
}

#[test]
fn orders_with_every_trigger_wait_are_amended_and_one_of_each_market_fires_on_three_threads() {
    every_type_waits_and_one_triggers(Layout::Full);
}
