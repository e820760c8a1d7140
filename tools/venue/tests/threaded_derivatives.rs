//! The threaded engine trades a derivatives session of the venue over sockets: an order is sent, amended
//! twice and cancelled, a position is opened and closed, and the engine goes on in a second life from its
//! journal. And one engine trades both markets.

#[path = "common/both.rs"]
mod both;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use both::{engine, venue};
use taut::event::DownReason;
use taut::journal::{Direction, EntryKind, Reader};
use taut::order::Position;
use taut::pipeline::Layout;
use taut::strategy::{
    Context, InstrumentId, OrderHandle, OrderSpec, OrderUpdate, Px, Qty, Side, Strategy, UpdateKind,
};
use taut::types::ClOrdId;
use taut_codec::ids::COMB_WINDOW_NS;
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::tag;

const ID: InstrumentId = InstrumentId(0);
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it does next, each when the venue has reported the step before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Rest,
    Amend,
    AmendAgain,
    Cancel,
    Open,
    Close,
    Done,
}

/// Goes through the steps, and tells the position of each that trades.
struct Script {
    tell: Sender<Position>,
    step: Step,
    order: Option<OrderHandle>,
    rests_at: Px,
}

impl Script {
    fn sends(&mut self, ctx: &mut Context<'_>, spec: OrderSpec) {
        self.order = Some(ctx.order(spec).unwrap_or_else(|refusal| panic!("{refusal}")));
    }

    /// Crosses the spread for sure, and as the collar lets it.
    fn crosses(&mut self, ctx: &mut Context<'_>, side: Side) {
        let best = ctx.book(ID).and_then(|book| book.best(side.opposite())).expect("a book").px;
        let px = Px(best.0 + side.sign() * (best.0 / 100));
        let qty = Qty(ctx.instrument(ID).expect("listed").qty_min.0 * 10);
        self.sends(ctx, OrderSpec::limit(ID, side, qty, px).ioc());
    }
}

impl Strategy for Script {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        let bid = ctx.book(ID).and_then(|book| book.best_bid()).expect("a book").px;
        self.rests_at = Px(bid.0 * 98 / 100);
        let qty = Qty(ctx.instrument(ID).expect("listed").qty_min.0 * 10);
        self.sends(ctx, OrderSpec::limit(ID, Side::Buy, qty, self.rests_at).post_only());
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        if self.order != Some(update.handle) {
            return;
        }
        let (order, px) = (update.handle, self.rests_at);
        let qty = ctx.order_state(order).expect("it is known").qty;
        let amends = |ctx: &mut Context<'_>, ticks| {
            ctx.replace(order, qty, Px(px.0 - ticks)).expect("the venue has amends, as UAT");
        };
        match (self.step, update.kind) {
            (Step::Rest, UpdateKind::Acked) => {
                amends(ctx, 1);
                // Back to back: the first is not acknowledged.
                amends(ctx, 2);
                self.step = Step::Amend;
            }
            (Step::Amend, UpdateKind::Replaced { .. }) => self.step = Step::AmendAgain,
            (Step::AmendAgain, UpdateKind::Replaced { px: now, .. }) => {
                assert_eq!(now, Some(Px(px.0 - 2)));
                ctx.cancel(order).expect("it is live");
                self.step = Step::Cancel;
            }
            (Step::Cancel, UpdateKind::Canceled { requested: true, .. }) => {
                self.step = Step::Open;
                self.crosses(ctx, Side::Buy);
            }
            (Step::Open | Step::Close, UpdateKind::Filled { .. }) if update.state.is_end() => {
                // The other end listens until it has heard of both.
                let _ = self.tell.send(ctx.position(ID));
                if self.step == Step::Close {
                    self.step = Step::Done;
                } else {
                    self.step = Step::Close;
                    self.crosses(ctx, Side::Sell);
                }
            }
            (_, UpdateKind::Acked | UpdateKind::OnWire { .. } | UpdateKind::Filled { .. }) => {}
            (step, kind) => panic!("in {step:?}: {kind:?}"),
        }
    }
}

/// Buys on both markets at once, and tells the position in each when all is filled.
struct Both {
    tell: Sender<[Position; 2]>,
    filled: u32,
}

impl Strategy for Both {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        for id in ctx.instruments() {
            let ask = ctx.book(id).and_then(|book| book.best_ask()).expect("a book").px;
            let qty = Qty(ctx.instrument(id).expect("listed").qty_min.0 * 10);
            let spec = OrderSpec::limit(id, Side::Buy, qty, Px(ask.0 * 101 / 100 / 10 * 10));
            ctx.order(spec.ioc()).unwrap_or_else(|refusal| panic!("{refusal}"));
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        if let UpdateKind::RefusedByVenue { text, .. } = &update.kind {
            panic!("{text}");
        }
        if matches!(update.kind, UpdateKind::Filled { .. }) && update.state.is_end() {
            self.filled += 1;
            if self.filled == 2 {
                // The other end listens.
                let _ = self.tell.send([0, 1].map(|id| ctx.position(InstrumentId(id))));
            }
        }
    }
}

/// The ClOrdIDs of the order commands in a journal, each with the time at which it was sent.
fn sent(dir: &Path, session: &str) -> Vec<(ClOrdId, u64)> {
    let reader = Reader::open(dir.join(session)).expect("it is there");
    let (mut fields, mut ids) = (vec![Field::default(); 128], Vec::new());
    for &number in reader.segments() {
        for entry in reader.segment(number).expect("it reads").entries() {
            let EntryKind::Message { direction: Direction::Out, time, bytes, .. } = entry.kind
            else {
                continue;
            };
            let count = Scanner::new().index(bytes, &mut fields).expect("we wrote it");
            let message = Message::new(bytes, &fields[..count]);
            if let (b"D" | b"G" | b"F" | b"q", Some(id)) =
                (message.msg_type(), message.get(tag::CL_ORD_ID))
            {
                ids.push((ClOrdId::parse(id).expect("it is one"), time.0));
            }
        }
    }
    ids
}

fn trades_on_derivatives(layout: Layout) {
    let stop = Arc::new(AtomicBool::new(false));
    let (ports, venue) = venue(&stop);
    let dir = tempfile::tempdir().expect("a directory");
    for life in 1..=2 {
        let (tell, told) = mpsc::channel();
        let script = Script { tell, step: Step::Rest, order: None, rests_at: Px(0) };
        let running = engine(layout, ports, dir.path(), false).start(script).expect("it starts");
        let opened = told.recv_timeout(PATIENCE).expect("a position is opened");
        let closed = told.recv_timeout(PATIENCE).expect("and closed");
        running.stop();
        let outcome = running.join().expect("it ends well");
        // 10 of the smallest quantity, each life; what an earlier life traded is known from the journal.
        assert_eq!((opened.qty, closed.qty), (10, 0));
        assert_eq!((closed.bought, closed.sold), (10 * life, 10 * life));
        assert!(opened.fees_quote > 0 && closed.fees_quote > opened.fees_quote, "{closed:?}");
        let stats = outcome.desk.stats();
        assert_eq!((stats.lane_violations, stats.disagreements, stats.refused_by_venue), (0, 0, 0));
        assert_eq!((stats.foreign_fees, stats.alarms), (0, 0));
        assert_eq!(outcome.desk.strategy().step, Step::Done);
    }
    stop.store(true, Ordering::Relaxed);
    assert_eq!(venue.join().expect("the venue ended well"), 0, "it is flat there too");

    let ids = sent(dir.path(), "trading");
    assert_eq!(ids.len(), 12, "an order, two amends, a cancel, and two orders that trade; twice");
    assert!(ids.windows(2).all(|two| two[0].0.bits() < two[1].0.bits()), "{ids:?}");
    for (id, at) in ids {
        let made = id.comb_time().expect("it is a COMB").0;
        assert!(id.is_uuid_v4() && made.abs_diff(at) < COMB_WINDOW_NS, "{id} at {at}");
    }
}

#[test]
fn an_engine_on_one_thread_trades_on_derivatives_and_goes_on_from_its_journal() {
    trades_on_derivatives(Layout::Inline);
}

#[test]
fn an_engine_on_three_threads_trades_on_derivatives_and_goes_on_from_its_journal() {
    trades_on_derivatives(Layout::Full);
}

fn trades_on_both_markets(layout: Layout) {
    let stop = Arc::new(AtomicBool::new(false));
    let (ports, venue) = venue(&stop);
    let dir = tempfile::tempdir().expect("a directory");
    for life in 1..=2 {
        let (tell, told) = mpsc::channel();
        let engine = engine(layout, ports, dir.path(), true);
        let running = engine.start(Both { tell, filled: 0 }).expect("it starts");
        let [spot, future] = told.recv_timeout(PATIENCE).expect("both are filled");
        running.stop();
        let outcome = running.join().expect("it ends well");
        let spot_qty = outcome.desk.markets().get(ID).and_then(|one| one.instrument().copied());
        let ten = spot_qty.expect("listed").qty_min.0 * 10;
        // What the first life bought, the second knows from the journals of both sessions.
        assert_eq!((spot.qty, future.qty), (ten * life, 10 * life));
        assert!(future.fees_quote > 0, "{future:?}");
        let stats = outcome.desk.stats();
        assert_eq!((stats.lane_violations, stats.disagreements, stats.alarms), (0, 0, 0));
        assert_eq!(outcome.ended, [Some(DownReason::LoggedOut); 4]);
    }
    stop.store(true, Ordering::Relaxed);
    assert_eq!(venue.join().expect("the venue ended well"), 20);
    let numeric = |ids: Vec<(ClOrdId, u64)>| {
        assert_eq!(ids.len(), 2, "{ids:?}");
        ids.iter().filter(|(id, _)| id.as_numeric().is_some()).count()
    };
    let counts = ["trading", "second-trading"].map(|name| numeric(sent(dir.path(), name)));
    assert_eq!(counts, [2, 0], "numbers on spot, COMBs on derivatives");
}

#[test]
fn one_strategy_trades_both_markets_on_one_thread_and_goes_on_from_both_journals() {
    trades_on_both_markets(Layout::Inline);
}

#[test]
fn one_strategy_trades_both_markets_on_three_threads_and_goes_on_from_both_journals() {
    trades_on_both_markets(Layout::Full);
}
