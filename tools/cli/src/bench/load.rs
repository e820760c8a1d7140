//! The strategy that loads the path: orders that cannot trade, each immediate or cancel, so that an order
//! costs one message out and ends by itself.

use std::collections::VecDeque;

use hdrhistogram::Histogram;
use serde::Serialize;
use taut::strategy::{
    Context, InstrumentId, OrderHandle, OrderSpec, OrderUpdate, Px, Qty, Refusal, Side, Strategy,
    TimerId, UpdateKind,
};
use taut::trace::{Clock, Row, Stage};
use taut_codec::value::UtcTime;

use super::time_line::{Slice, TimeLine};
use crate::demo::maker::quantity_in_minimums;

/// How orders are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// One at a time: the next one when the one before has ended.
    Closed,
    /// So many a second by the clock, whether or not the ones before are answered. An order's time counts
    /// from the moment at which it was due, so a stall is charged to every order that it held up.
    Open {
        /// Orders a second.
        per_second: u32,
    },
    /// As fast as possible with so many unanswered.
    Window {
        /// Unanswered orders.
        outstanding: u32,
    },
    /// One with every change of the book, while none is under way.
    Tick,
}

/// Answers that are not counted, at the start.
pub const WARM_UP: u64 = 20;
/// Orders that may wait for their answer: an open loop that falls behind further has failed.
const WAITING_MAX: usize = 2_048;
/// How far below the best bid an order is priced, in hundredths.
const DISCOUNT_PERCENT: i64 = 1;
/// Minimums of the instrument in an order.
const MINIMUMS: i64 = 1;

const DUE: TimerId = TimerId(1);

/// An order without its answer.
struct Waiting {
    order: OrderHandle,
    due: UtcTime,
    sent: UtcTime,
    /// When the poll began that found the order's cause, ticks; 0: no message caused it.
    polled: u64,
}

/// Sends orders as its [`Load`] says, and times their first answers.
pub struct Trader {
    load: Load,
    /// In the order in which they were sent, which is that of the answers.
    waiting: VecDeque<Waiting>,
    id: Option<InstrumentId>,
    /// Time at which the next order of an open loop is due.
    next: UtcTime,
    stopping: bool,
    sent: u64,
    answers: u64,
    first: Option<UtcTime>,
    last: UtcTime,
    from_sent: Histogram<u64>,
    from_due: Histogram<u64>,
    /// Of the load's own figure.
    times: TimeLine,
    /// As the engine's: makes nanoseconds of its ticks.
    clock: Clock,
    refused: Option<Refusal>,
    not_in_order: u64,
    refused_by_venue: u64,
    fell_behind: bool,
    /// Orders that were due while there was no bid to price them by.
    unpriced: u64,
}

/// What a [`Trader`] found.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    /// From the strategy's call to the strategy's callback with the first report.
    pub answer: Row,
    /// The same from the moment at which the order was due; of an open loop only.
    pub from_due: Option<Row>,
    /// Answered orders a second.
    pub per_second: f64,
    /// The load's own figure over time: order to report; of an open loop due to report; of market data to order
    /// the path of each order.
    pub slices: Vec<Slice>,
    /// What does not hold, in words.
    pub faults: Vec<String>,
}

impl Trader {
    /// Nothing sent yet. All memory is taken here.
    pub fn new(load: Load) -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds are valid");
        Self {
            load,
            waiting: VecDeque::with_capacity(WAITING_MAX),
            id: None,
            next: UtcTime(0),
            stopping: false,
            sent: 0,
            answers: 0,
            first: None,
            last: UtcTime(0),
            from_sent: histogram(),
            from_due: histogram(),
            times: TimeLine::new(),
            clock: Clock::system(),
            refused: None,
            not_in_order: 0,
            refused_by_venue: 0,
            fell_behind: false,
            unpriced: 0,
        }
    }

    /// Orders so far.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Answered orders so far.
    pub const fn answers(&self) -> u64 {
        self.answers
    }

    /// The figures.
    pub fn found(&self) -> Found {
        let seconds = self.first.map_or(0, |first| self.last.nanos_since(first)) as f64 / 1e9;
        let counted = self.from_sent.len();
        let open = matches!(self.load, Load::Open { .. });
        let mut faults = Vec::new();
        let mut fault = |holds: bool, text: String| {
            if !holds {
                faults.push(text);
            }
        };
        fault(counted > 0, format!("{} answers, the first {WARM_UP} do not count", self.answers));
        fault(self.refused.is_none(), format!("the engine refused an order: {:?}", self.refused));
        fault(self.refused_by_venue == 0, format!("the venue refused {}", self.refused_by_venue));
        fault(self.not_in_order == 0, format!("{} answers out of order", self.not_in_order));
        fault(
            self.unpriced == 0,
            format!("{} orders were due while there was no bid", self.unpriced),
        );
        fault(!self.fell_behind, format!("{WAITING_MAX} orders were due and not answered"));
        Found {
            answer: Row::of("order to report", &self.from_sent),
            from_due: open.then(|| Row::of("due to report", &self.from_due)),
            per_second: if seconds > 0.0 { counted as f64 / seconds } else { 0.0 },
            slices: self.times.slices().to_vec(),
            faults,
        }
    }

    fn send(&mut self, ctx: &mut Context<'_>, due: UtcTime) {
        let Some(spec) = self.id.and_then(|id| order(ctx, id)) else {
            // A change of the book that leaves no bid asks for no order.
            self.unpriced += u64::from(self.load != Load::Tick);
            return;
        };
        if self.waiting.len() == WAITING_MAX {
            self.fell_behind = true;
            return;
        }
        let (sent, polled) = (ctx.now(), ctx.stamps().get(Stage::Poll));
        match ctx.order(spec) {
            Ok(order) => {
                self.sent += 1;
                self.waiting.push_back(Waiting { order, due, sent, polled });
            }
            Err(refusal) => self.refused = Some(refusal),
        }
    }

    /// Sends what the load wants sent now.
    fn go_on(&mut self, ctx: &mut Context<'_>) {
        if self.stopping {
            return;
        }
        match self.load {
            Load::Closed if self.waiting.is_empty() => self.send(ctx, ctx.now()),
            Load::Closed | Load::Tick => {}
            Load::Window { outstanding } => {
                while self.refused.is_none() && self.waiting.len() < outstanding as usize {
                    let before = self.waiting.len();
                    self.send(ctx, ctx.now());
                    if self.waiting.len() == before {
                        return;
                    }
                }
            }
            Load::Open { per_second } => {
                let period = 1_000_000_000 / u64::from(per_second.max(1));
                while self.next <= ctx.now() {
                    let due = self.next;
                    self.send(ctx, due);
                    self.next = UtcTime(due.0 + period);
                }
                if let Err(refusal) = ctx.set_timer(DUE, self.next) {
                    self.refused = Some(refusal);
                }
            }
        }
    }

    /// The first report of an order.
    fn answered(&mut self, now: UtcTime, order: OrderHandle) {
        let Some(at) = self.waiting.iter().position(|waiting| waiting.order == order) else {
            return;
        };
        self.not_in_order += u64::from(at != 0);
        let Some(waiting) = self.waiting.remove(at) else { return };
        self.answers += 1;
        if self.answers <= WARM_UP {
            return;
        }
        self.first.get_or_insert(now);
        self.last = now;
        let took = now.nanos_since(waiting.sent);
        self.from_sent.saturating_record(took);
        let late = now.nanos_since(waiting.due);
        self.from_due.saturating_record(late);
        match self.load {
            // Timed when it was sent.
            Load::Tick => {}
            Load::Open { .. } => self.times.note(now, late),
            Load::Closed | Load::Window { .. } => self.times.note(now, took),
        }
    }

    /// The kernel took an order.
    fn left(&mut self, now: UtcTime, order: OrderHandle, sent_ticks: u64) {
        let caused = |waiting: &&Waiting| waiting.order == order && waiting.polled != 0;
        if self.load == Load::Tick
            && self.answers >= WARM_UP
            && let Some(waiting) = self.waiting.iter().find(caused)
        {
            self.times.note(now, self.clock.nanos_between(waiting.polled, sent_ticks));
        }
    }
}

/// An order that cannot trade: a buy below the best bid, immediate or cancel.
fn order(ctx: &Context<'_>, id: InstrumentId) -> Option<OrderSpec> {
    let (book, facts) = (ctx.book(id)?, ctx.instrument(id)?);
    let below = book.best_bid()?.px.0 / 100 * (100 - DISCOUNT_PERCENT);
    let px = Px(below / facts.tick_size.0 * facts.tick_size.0);
    let qty: Qty = quantity_in_minimums(facts, px, MINIMUMS)?;
    Some(OrderSpec::limit(id, Side::Buy, qty, px).ioc())
}

impl Strategy for Trader {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        self.id = ctx.instruments().next();
        self.next = ctx.now();
        self.go_on(ctx);
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, _: InstrumentId) {
        if self.load == Load::Tick && !self.stopping && self.waiting.is_empty() {
            self.send(ctx, ctx.now());
        }
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        match update.kind {
            UpdateKind::OnWire { sent_ticks, .. } => {
                self.left(ctx.now(), update.handle, sent_ticks);
            }
            UpdateKind::Acked => self.answered(ctx.now(), update.handle),
            UpdateKind::RefusedByVenue { .. } => {
                self.refused_by_venue += 1;
                self.waiting.retain(|waiting| waiting.order != update.handle);
            }
            _ => {}
        }
        // A closed loop waits for the order's end: what follows the first report is on the same wire.
        if !matches!(self.load, Load::Closed) || update.state.is_end() {
            self.go_on(ctx);
        }
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, _: TimerId) {
        self.go_on(ctx);
    }

    /// Its orders end by themselves: nothing to cancel.
    fn on_stop(&mut self, _: &mut Context<'_>) {
        self.stopping = true;
    }
}
