//! What a user writes: a [`Strategy`], and the [`Context`] through which it sees and acts.
//!
//! ```
//! use taut::strategy::{Context, OrderHandle, Qty, Strategy, InstrumentId, Px};
//!
//! /// Keeps one bid a tick above the best of the others.
//! #[derive(Default)]
//! struct Joiner {
//!     bid: Option<(OrderHandle, Px)>,
//! }
//!
//! impl Strategy for Joiner {
//!     fn on_book(&mut self, ctx: &mut Context<'_>, id: InstrumentId) {
//!         let (Some(book), Some(facts)) = (ctx.book(id), ctx.instrument(id)) else { return };
//!         let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask()) else { return };
//!         let (px, qty) = (Px(bid.px.0 + facts.tick_size.0), facts.qty_min);
//!         if px >= ask.px {
//!             return;
//!         }
//!         match self.bid {
//!             // Sent at once, acknowledged or not: the venue keeps the order of arrival.
//!             Some((order, old)) if old < bid.px => {
//!                 if ctx.replace(order, qty, px).is_ok() {
//!                     self.bid = Some((order, px));
//!                 }
//!             }
//!             Some(_) => {}
//!             None => self.bid = ctx.buy(id, qty, px).ok().map(|order| (order, px)),
//!         }
//!     }
//! }
//! ```

mod spec;

pub use spec::{OrderSpec, Trigger, TriggerKind};

pub use crate::command::{CancelScope, RestKind, SelfTrade, SessionId, Watches};
pub use crate::conductor::LinkEvent;
pub use crate::desk::{DeskStats, Reconciled, Sweep};
pub use crate::event::{FirstKept, MarketTrade, RestProblem, RestSaid};
pub use crate::market::{Book, BookStatus, Level, StaleReason};
pub use crate::order::{
    CancelRoute, Order, OrderHandle, OrderState, OrderUpdate, Pnl, Position, Proof, RequestKind,
    Resolved, Rung, RungReason, UpdateKind,
};
pub use crate::risk::{HeadRoom, KillCause, Numbers, Refusal};
pub use crate::session::SessionEvent;
pub use crate::types::{Instrument, InstrumentId, OrdType, Px, Qty, Side, Symbol, TimeInForce};

use taut_codec::value::UtcTime;

use crate::desk::Core;
use crate::event::{Alarm, DownReason, EventText, Refusal as VenueRefusal, Report};
use crate::trace::Stamps;
use crate::types::ClOrdId;

/// A trading strategy. Every callback has an empty default but [`Strategy::on_stop`]. None may block:
/// in the layout `inline` the session's thread runs it.
pub trait Strategy {
    /// Trading can begin: the trading session is up, it is known what became of orders of before, and
    /// every configured book has its snapshot.
    /// Called once; before it every order is refused.
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        let _ = ctx;
    }

    /// A message changed the book of `instrument`. Called once per message, and only while the book
    /// agrees with the venue.
    fn on_book(&mut self, ctx: &mut Context<'_>, instrument: InstrumentId) {
        let _ = (ctx, instrument);
    }

    /// Somebody traded.
    fn on_trade(&mut self, ctx: &mut Context<'_>, trade: &MarketTrade) {
        let _ = (ctx, trade);
    }

    /// Something happened to an order of ours.
    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        let _ = (ctx, update);
    }

    /// A session went up or down, a book became stale, or something is wrong. May come before
    /// [`Strategy::on_start`].
    fn on_session(&mut self, ctx: &mut Context<'_>, update: &SessionUpdate) {
        let _ = (ctx, update);
    }

    /// After a drop of the trading session: it is known again what became of the orders that were open.
    /// Once for each drop; each order was told before by [`Strategy::on_order`].
    fn on_reconciled(&mut self, ctx: &mut Context<'_>, truth: &Reconciled<'_>) {
        let _ = (ctx, truth);
    }

    /// A timer is due.
    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: TimerId) {
        let _ = (ctx, timer);
    }

    /// The desk was asked to stop. New orders and replaces are refused from now on; the desk is done
    /// when no order is open. The default cancels every open order.
    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        ctx.cancel_open_orders();
    }
}

/// A timer's name, chosen by the strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u16);

/// What is not about one order or one level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SessionUpdate {
    /// A session is logged on.
    Up {
        /// Which.
        session: SessionId,
        /// The sequence space.
        epoch: u32,
        /// The TCP life.
        connection: u32,
        /// The next MsgSeqNum expected of the venue.
        next_in: u64,
        /// The next that we use.
        next_out: u64,
    },
    /// A session is down. If it is the trading session, every open order has become uncertain: the
    /// updates follow.
    Down {
        /// Which.
        session: SessionId,
        /// Why.
        reason: DownReason,
        /// The next MsgSeqNum expected of the venue.
        next_in: u64,
        /// The next that we use.
        next_out: u64,
    },
    /// What is done about the connection of a session, and why, with the numbers: dialling, waiting,
    /// holding orders for the rollover, giving up.
    Link {
        /// Which.
        session: SessionId,
        /// What.
        event: LinkEvent,
    },
    /// What else a session has to say: resends that were served and what was withheld, resets, a clock
    /// that is off.
    Session {
        /// Which.
        session: SessionId,
        /// What.
        event: SessionEvent,
    },
    /// A book disagrees with the venue; [`Strategy::on_book`] is silent until a new snapshot is here
    /// ([`BookStatus::Stale`]) or for good ([`BookStatus::Failed`]).
    BookStale {
        /// Which.
        instrument: InstrumentId,
        /// Why.
        reason: StaleReason,
        /// Whether a new snapshot is on its way.
        status: BookStatus,
    },
    /// A configured instrument is not on the venue's list, or its decimals changed while running. The
    /// desk cannot start.
    InstrumentUnknown {
        /// Which.
        instrument: InstrumentId,
    },
    /// A market data subscription was refused.
    MarketDataRefused {
        /// Which instrument, if known.
        instrument: Option<InstrumentId>,
        /// MDReqRejReason(281).
        reason: u8,
        /// Text(58).
        text: EventText,
    },
    /// A report names no order of ours; it was not applied.
    UnknownReport {
        /// Its ClOrdID(11).
        cl_ord_id: ClOrdId,
        /// Its instrument.
        instrument: InstrumentId,
    },
    /// A refusal names no order of ours: a mass cancel, market data, or something unknown.
    UnknownRefusal {
        /// BusinessRejectRefID(379), if said.
        cl_ord_id: Option<ClOrdId>,
        /// Text(58).
        text: EventText,
    },
    /// A report's arithmetic, or an answer, does not fit what we know of the order. The venue's word
    /// was taken.
    Disagreement {
        /// Which order.
        order: OrderHandle,
    },
    /// So much of an instrument may have been filled, at most, that is not in its position: orders are
    /// [`OrderState::Gone`], and the venue did not tell how they ended. It counts as open until a late report,
    /// REST or an operator ([`Operator::settle_position`](crate::pipeline::Operator::settle_position)) shows
    /// what was filled. Told whenever it changes; both are 0 when the position is certain again.
    PositionUncertain {
        /// Which instrument.
        instrument: InstrumentId,
        /// Bought, at most.
        bought: Qty,
        /// Sold, at most.
        sold: Qty,
    },
    /// A fee in a currency that is neither base nor quote; it is not in the profit and loss.
    ForeignFee {
        /// Which order.
        order: OrderHandle,
    },
    /// A command reached the wire before an earlier one, or ended twice: the promise of order is
    /// broken.
    LaneViolation {
        /// Which command.
        cl_ord_id: ClOrdId,
    },
    /// The kill switch was pulled: every order and replace is refused, and everything is cancelled.
    Killed {
        /// By whom, and why.
        cause: KillCause,
    },
    /// What an earlier run left behind is known from the journal: the positions, and the orders that may be
    /// open, which follow ([`UpdateKind::Recalled`]).
    Recalled {
        /// How many orders.
        orders: u32,
        /// Messages of the journal that could not be read.
        unreadable: u32,
        /// Where the journal begins, if older segments of it were deleted: the positions hold nothing of
        /// what was filled before. `None`: it is whole.
        first_kept: Option<FirstKept>,
    },
    /// A call by REST is answered, or has failed; a list of open orders is told by its end. One that failed
    /// may be made again.
    Rest {
        /// What was called.
        kind: RestKind,
        /// What it came to.
        said: RestSaid,
    },
    /// An operator released the kill switch.
    Rearmed,
    /// From the session or the pipeline.
    Alarm {
        /// Whose; any of an alarm that is [of none](Alarm::is_of_session).
        session: SessionId,
        /// What is wrong.
        alarm: Alarm,
    },
}

impl SessionUpdate {
    pub(crate) const fn unknown_report(report: &Report) -> Self {
        Self::UnknownReport { cl_ord_id: report.cl_ord_id, instrument: report.instrument }
    }

    pub(crate) const fn unknown_refusal(refusal: &VenueRefusal) -> Self {
        Self::UnknownRefusal { cl_ord_id: refusal.cl_ord_id, text: refusal.text }
    }
}

/// What a strategy sees and does during a callback. Requests take effect at once in the desk's own
/// tables and leave for the wire, in the order of issue, when the callback returns.
pub struct Context<'a> {
    core: &'a mut Core,
}

impl<'a> Context<'a> {
    pub(crate) const fn new(core: &'a mut Core) -> Self {
        Self { core }
    }

    /// Buys with a limit.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was sent.
    pub fn buy(&mut self, id: InstrumentId, qty: Qty, px: Px) -> Result<OrderHandle, Refusal> {
        self.order(OrderSpec::limit(id, Side::Buy, qty, px))
    }

    /// Sells with a limit.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was sent.
    pub fn sell(&mut self, id: InstrumentId, qty: Qty, px: Px) -> Result<OrderHandle, Refusal> {
        self.order(OrderSpec::limit(id, Side::Sell, qty, px))
    }

    /// Sends an order.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was sent.
    pub fn order(&mut self, spec: OrderSpec) -> Result<OrderHandle, Refusal> {
        self.core.at(spec.instrument, |core| core.order(spec))
    }

    /// Amends an order to a new total quantity (fills included) and limit; whether the order or earlier
    /// replaces are acknowledged does not matter. An order that waits for a trigger keeps it.
    ///
    /// A replace must name the OrderID (venue file 4.3). Until the order's first report has told that, the
    /// replace is held, and counts as open; the newest takes the place of one that is held. It leaves with
    /// that report ([`UpdateKind::OnWire`] follows), or ends by [`UpdateKind::Withdrawn`] or
    /// [`UpdateKind::ReplaceRefused`].
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was sent. [`Refusal::NotAmendable`] if it has no limit.
    pub fn replace(&mut self, order: OrderHandle, qty: Qty, px: Px) -> Result<(), Refusal> {
        self.core.at_order(order, |core| core.replace(order, qty, px))
    }

    /// Amends an order that waits for a trigger to a new total quantity, trigger price (its distance, if it
    /// trails) and, if it has one, limit. One that has triggered by the time this arrives takes quantity and
    /// limit only.
    ///
    /// # Errors
    /// As [`Context::replace`]; [`Refusal::NotAmendable`] if it waits for no trigger.
    pub fn replace_trigger(
        &mut self,
        order: OrderHandle,
        qty: Qty,
        trigger: Px,
        px: Option<Px>,
    ) -> Result<(), Refusal> {
        self.core.at_order(order, |core| core.replace_trigger(order, qty, trigger, px))
    }

    /// Cancels an order, acknowledged or not, by the first request that reaches it (venue file 3.6): a
    /// cancel (F) or, for an order of an earlier connection, a mass cancel (q), which takes others with
    /// it, or REST, where there is such a rung, for what neither reaches and while the session is down.
    /// While nothing can be sent the cancel is kept, and sent as soon as it can be, in the order of asking.
    /// So is, by policy ([`VenueRate::holds_cancels`](crate::risk::VenueRate::holds_cancels)), one that the
    /// venue's rate limit would refuse; what counts where that does waits behind it. What the session does
    /// not answer climbs to REST by itself ([`UpdateKind::CancelClimbed`]).
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was sent. [`Refusal::OutOfReach`] if no request reaches the order.
    pub fn cancel(&mut self, order: OrderHandle) -> Result<CancelRoute, Refusal> {
        self.core.at_order(order, |core| core.cancel(order))
    }

    /// Asks the venue to cancel many orders at once; each is reported for itself. Those in the scope that
    /// the mass cancel does not reach are cancelled one by one, as by [`Context::cancel`]. What is not of one
    /// instrument is done on every trading session.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was sent.
    pub fn cancel_all(&mut self, scope: CancelScope) -> Result<Sweep, Refusal> {
        if let CancelScope::Instrument(id) = scope {
            return self.core.at(id, |core| core.cancel_all(scope));
        }
        // Only an instrument that is not known is refused.
        Ok(self.core.at_all(|core| core.cancel_all(scope).unwrap_or_default()))
    }

    /// Cancels every open order one by one, as by [`Context::cancel`]; orders with a pending cancel are
    /// left out. What the venue's rate limit would refuse goes with one mass cancel.
    pub fn cancel_open_orders(&mut self) -> Sweep {
        self.core.at_all(Core::cancel_open_orders)
    }

    /// The id of a configured symbol.
    #[must_use]
    pub fn find(&self, symbol: &Symbol) -> Option<InstrumentId> {
        self.core.markets.find(symbol)
    }

    /// The ids of all configured instruments.
    pub fn instruments(&self) -> impl ExactSizeIterator<Item = InstrumentId> + use<> {
        (0..self.core.markets.len() as u16).map(InstrumentId)
    }

    /// The venue's rules of an instrument.
    #[must_use]
    pub fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.core.markets.get(id)?.instrument()
    }

    /// The book of an instrument while it agrees with the venue.
    #[must_use]
    pub fn book(&self, id: InstrumentId) -> Option<&Book> {
        self.core.markets.get(id)?.live_book()
    }

    /// An order, live or recently ended.
    #[must_use]
    pub fn order_state(&self, order: OrderHandle) -> Option<&Order> {
        self.core.orders_of(order).get(order)
    }

    /// The open orders, uncertain ones included.
    ///
    /// # Panics
    /// Never: there are as many as it says.
    pub fn open_orders(&self) -> impl ExactSizeIterator<Item = &Order> + '_ {
        let orders = &self.core.orders;
        let others = self.core.other.as_ref().map(|other| &other.orders);
        let (own, all) = (orders.live_len(), others.map_or(0, |orders| orders.live_len()));
        (0..own + all).map(move |at| {
            let order = orders.live_at(at).or_else(|| others?.live_at(at - own));
            order.expect("so many are live")
        })
    }

    /// What was traded of an instrument.
    #[must_use]
    pub fn position(&self, id: InstrumentId) -> Position {
        self.core.positions.get(id).copied().unwrap_or_default()
    }

    /// What may have been bought and sold of an instrument, at most, and is not in its position
    /// ([`SessionUpdate::PositionUncertain`]).
    #[must_use]
    pub fn position_unseen(&self, id: InstrumentId) -> [Qty; 2] {
        let orders = self.core.all().find(|core| core.own_ids().any(|own| own == id));
        orders.map_or([Qty(0); 2], |core| core.orders.unseen(id).map(Qty))
    }

    /// Profit and loss of an instrument at the mid price; `None` without a live book.
    #[must_use]
    pub fn pnl(&self, id: InstrumentId) -> Option<Pnl> {
        let market = self.core.markets.get(id)?;
        self.core.positions.pnl(id, market.instrument()?, market.live_book()?)
    }

    /// What the rate limits, ours and the venue's, would let pass on an instrument now.
    #[must_use]
    pub fn rate_head_room(&mut self, id: InstrumentId) -> HeadRoom {
        let now = self.now();
        self.core.at(id, |core| core.risk.head_room(id, now))
    }

    /// Whether every trading session is up.
    #[must_use]
    pub fn is_trading_up(&self) -> bool {
        self.core.all().all(|core| core.trading.is_some())
    }

    /// Whether it is known what became of the orders of before the last drop, as far as it can be.
    #[must_use]
    pub fn is_reconciled(&self) -> bool {
        self.core.all().all(|core| core.truth.is_idle())
    }

    /// When what this callback tells of passed each stage of the path so far, in ticks of the clock: from the poll
    /// that found its bytes to the book or the order that it changed. Nothing is stamped of what no message brought,
    /// such as a timer. With [`UpdateKind::OnWire`], which has the ticks of the send, this is tick to trade.
    #[must_use]
    pub const fn stamps(&self) -> &Stamps {
        &self.core.cause
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> UtcTime {
        self.core.clock.now()
    }

    /// Calls [`Strategy::on_timer`] at a time; a timer of the same name is moved.
    ///
    /// # Errors
    /// [`Refusal::TooManyTimers`].
    pub fn set_timer(&mut self, timer: TimerId, at: UtcTime) -> Result<(), Refusal> {
        self.core.timers.set(timer, at)
    }

    /// Takes a timer back; nothing happens if it is not set.
    pub fn cancel_timer(&mut self, timer: TimerId) {
        self.core.timers.cancel(timer);
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> &DeskStats {
        &self.core.stats
    }

    /// Pulls the kill switch: every order and replace is refused from now on, and when this callback has
    /// returned everything is cancelled. Only an operator
    /// ([`Operator::rearm`](crate::pipeline::Operator::rearm)) releases it.
    pub fn kill(&mut self) {
        self.core.risk.kill(KillCause::Strategy);
    }

    /// Why the kill switch is pulled, if it is.
    #[must_use]
    pub const fn killed(&self) -> Option<KillCause> {
        self.core.risk.killed()
    }

    /// Asks the desk to stop: [`Strategy::on_stop`] is called when this callback has returned.
    pub const fn stop(&mut self) {
        self.core.stopping = true;
    }
}
