//! What a desk knows and what leaves it: everything but the strategy, so that a strategy's callback
//! can borrow it as a whole.

use std::collections::VecDeque;
use std::ops::Range;

use taut_codec::value::UtcTime;

use super::kept::Kept;
use super::kill::Flatten;
use super::ladder::Swept;
use super::lane::{End, Lane};
use super::rest::RestRung;
use super::subscribing::HOUSEKEEPING;
use super::timers::Timers;
use super::truth::Truth;
use super::{DeskConfig, DeskStats, UnknownOrders};
use crate::command::{Command, CommandKind, NewOrder, ReplaceOrder, SessionId, Watches};
use crate::conductor::LinkEvent;
use crate::limits::{BOOK_LEVELS_MAX, COMMANDS_PER_CALLBACK_MAX};
use crate::market::Markets;
use crate::order::{
    ClOrdIdSource, Order, OrderHandle, OrderTable, Positions, Reach, ReplacePlan, Terms,
};
use crate::risk::{Refusal, RiskCheck, RiskView};
use crate::strategy::OrderSpec;
use crate::touched;
use crate::trace::{Clock, Stage, Stamps};
use crate::types::{ClOrdId, InstrumentId, Market, Px, Qty, market_of};

/// The desk without the strategy.
///
/// Each trading session of a desk has one. What they share is with the one that is dealt with
/// ([`Core::lend`]); the other has a blank in its place, and is to be looked at for nothing else than what is
/// its own.
pub(crate) struct Core {
    /// The other trading session's.
    pub other: Option<Box<Self>>,
    /// Which trading session of the desk this is, counted from 0.
    pub(super) seat: u8,
    /// Where it trades.
    pub(super) market: Market,
    /// Its instruments.
    pub(super) own: Range<u16>,
    pub clock: Clock,
    pub market_data: SessionId,
    pub trading_session: SessionId,
    pub(super) depth: u16,
    pub markets: Markets,
    pub orders: OrderTable,
    pub positions: Positions,
    pub risk: RiskCheck,
    pub ids: ClOrdIdSource,
    pub timers: Timers,
    pub stats: DeskStats,
    pub unknown_orders: UnknownOrders,
    pub reach: Reach,
    pub truth: Truth,
    pub rest: RestRung,
    pub kept: Kept,
    pub(super) lane: Lane,
    pub queue: VecDeque<Command>,
    /// A replace that was held may leave.
    pub(super) replaces_due: bool,
    /// Orders of which another replace is held in the place of an earlier one, which is to be told.
    pub(super) superseded: VecDeque<OrderHandle>,
    /// The stamps of the event that is being handled.
    pub cause: Stamps,
    /// Epoch and connection of the trading session while it is up.
    pub trading: Option<(u32, u32)>,
    /// The rollover of the trading session is near: no new orders.
    held: bool,
    pub is_market_data_up: bool,
    pub started: bool,
    pub stopping: bool,
    pub(super) flatten: Flatten,
    /// The last mass cancel of the connection that is up.
    pub(super) swept: Option<Swept>,
    /// Rounds of the ladder since the kill, and when this one should have ended every order.
    pub(super) kill_round: u32,
    pub(super) kill_until: UtcTime,
    pub(super) request_instruments: bool,
    /// There may be something for [`Core::pump`] to do.
    pub needs_pump: bool,
}

impl Core {
    pub fn new(config: &DeskConfig, clock: Clock) -> Box<Self> {
        let first = config.instruments.len() as u16;
        let all = config.all_instruments().count() as u16;
        let mut core = Self::of_seat(0, 0..first, config, clock.clone());
        core.markets = Markets::new(config.all_instruments().map(|i| i.symbol), BOOK_LEVELS_MAX);
        core.positions = Positions::new(usize::from(all));
        core.queue = touched::deque(COMMANDS_PER_CALLBACK_MAX + HOUSEKEEPING);
        core.other = config.second.as_ref().map(|second| {
            let own = DeskConfig {
                market_data: second.market_data,
                trading: second.trading,
                venue_rate: second.venue_rate,
                cl_ord_id_watermark: second.cl_ord_id_watermark,
                reach: second.reach,
                rest: second.rest,
                ..config.clone()
            };
            Box::new(Self::of_seat(1, first..all, &own, clock))
        });
        Box::new(core)
    }

    /// One trading session's, with a blank in the place of what is shared.
    fn of_seat(seat: u8, own: Range<u16>, config: &DeskConfig, clock: Clock) -> Self {
        let all = config.all_instruments();
        let symbol = all.clone().nth(usize::from(own.start)).map(|one| one.symbol);
        let market = symbol.map_or(Market::Spot, |symbol| market_of(&symbol));
        let mut orders = OrderTable::new(all.clone().count()).of_seat(seat);
        for id in own.clone() {
            orders.set_market(InstrumentId(id), market);
        }
        let mut recovery = config.recovery;
        recovery.status_requests &= market == Market::Spot;
        // The random bits of this run's UUIDs differ from those of any other.
        let ids = ClOrdIdSource::new(market, config.cl_ord_id_watermark, clock.now().0);
        Self {
            other: None,
            seat,
            market,
            own,
            clock,
            market_data: config.market_data,
            trading_session: config.trading,
            depth: config.depth,
            markets: Markets::new(std::iter::empty(), 0),
            orders,
            positions: Positions::new(0),
            risk: RiskCheck::new(all.map(|i| i.risk)).with_totals(config.total, config.venue_rate),
            ids,
            timers: Timers::new(),
            stats: DeskStats::default(),
            unknown_orders: config.unknown_orders,
            reach: config.reach,
            truth: Truth::new(recovery),
            rest: RestRung::new(config.rest),
            kept: Kept::new(),
            lane: Lane::new(),
            queue: VecDeque::new(),
            replaces_due: false,
            superseded: VecDeque::with_capacity(COMMANDS_PER_CALLBACK_MAX),
            cause: Stamps::NONE,
            trading: None,
            held: false,
            is_market_data_up: false,
            started: false,
            stopping: false,
            flatten: Flatten::Idle,
            swept: None,
            kill_round: 0,
            kill_until: UtcTime(u64::MAX),
            request_instruments: false,
            needs_pump: false,
        }
    }

    /// Stamps that book and orders are up to date with the event.
    pub fn stamp_book(&mut self) {
        self.cause.set(Stage::Book, self.clock.ticks());
    }

    pub fn order(&mut self, spec: OrderSpec) -> Result<OrderHandle, Refusal> {
        let stamps = self.stamp_strategy();
        let result = self.try_order(spec, stamps);
        self.note(result)
    }

    pub fn replace(&mut self, handle: OrderHandle, qty: Qty, px: Px) -> Result<(), Refusal> {
        let stamps = self.stamp_strategy();
        let result = self.try_replace(handle, stamps, |order, plan| {
            let terms = Terms { qty, px: Some(px), stop_px: plan.stop_px };
            order.ord_type.has_limit().then_some(terms)
        });
        self.note(result)
    }

    pub fn replace_trigger(
        &mut self,
        handle: OrderHandle,
        qty: Qty,
        trigger: Px,
        px: Option<Px>,
    ) -> Result<(), Refusal> {
        let stamps = self.stamp_strategy();
        let result = self.try_replace(handle, stamps, |order, _| {
            let terms = Terms { qty, px, stop_px: Some(trigger) };
            order.ord_type.has_trigger().then_some(terms)
        });
        self.note(result)
    }

    /// Tells the risk check of an order that was sent or has changed.
    pub fn order_changed(&mut self, handle: OrderHandle, now: UtcTime) {
        let Some(order) = self.orders.get(handle) else { return };
        self.risk.on_order(order);
        // A cancel that is held may cost less now, or nothing be before it any more.
        self.kept.may_send |= self.orders.is_any_held();
        self.instrument_changed(order.instrument, now);
    }

    /// Tells the risk check of an instrument whose orders, position or limits have changed.
    pub(super) fn instrument_changed(&mut self, id: InstrumentId, now: UtcTime) {
        let view = view(&self.markets, &self.orders, &self.positions, id);
        self.risk.on_change(id, &view, &self.positions, now);
    }

    /// Tells the risk check of a book.
    pub fn book_changed(&mut self, id: InstrumentId) {
        let view = view(&self.markets, &self.orders, &self.positions, id);
        self.risk.on_book(id, &view, &self.positions, self.clock.now());
    }

    fn try_order(&mut self, spec: OrderSpec, stamps: Stamps) -> Result<OrderHandle, Refusal> {
        self.check_open()?;
        self.check_lane()?;
        if self.held {
            return Err(Refusal::RollingOver);
        }
        self.check_truth()?;
        self.check_held(spec.instrument)?;
        let now = self.clock.now();
        let new = NewOrder {
            cl_ord_id: self.next_id(now)?,
            instrument: spec.instrument,
            side: spec.side,
            ord_type: spec.ord_type(),
            time_in_force: spec.time_in_force,
            qty: spec.qty,
            px: spec.px,
            stop_px: spec.trigger.map(|trigger| trigger.px),
            watches: spec.trigger.map_or(Watches::LastTrade, |trigger| trigger.watches),
            post_only: spec.post_only,
            self_trade: spec.self_trade,
        };
        let view = view(&self.markets, &self.orders, &self.positions, spec.instrument);
        let checked = self.risk.check(new, &view, now)?;
        let handle = self.orders.open(&new)?;
        self.orders.stamp(handle, now);
        self.order_changed(handle, now);
        self.stats.orders += 1;
        self.issue(new.cl_ord_id, CommandKind::New(checked), stamps);
        Ok(handle)
    }

    pub(super) fn try_replace(
        &mut self,
        handle: OrderHandle,
        stamps: Stamps,
        terms: impl FnOnce(&Order, &ReplacePlan) -> Option<Terms>,
    ) -> Result<(), Refusal> {
        self.check_open()?;
        self.check_lane()?;
        self.check_truth()?;
        if !self.reach.amends {
            return Err(Refusal::NotOnThisMarket);
        }
        let plan = self.orders.plan_replace(handle)?;
        let order = *self.orders.get(handle).ok_or(Refusal::OrderUnknown)?;
        let terms = terms(&order, &plan).ok_or(Refusal::NotAmendable)?;
        if !self.reach.amend.reaches(self.place(&order)) {
            return Err(Refusal::OutOfReach);
        }
        self.check_held(order.instrument)?;
        let now = self.clock.now();
        let waits = plan.order_id.is_empty();
        let replace = ReplaceOrder {
            cl_ord_id: if waits { plan.orig_cl_ord_id } else { self.next_id(now)? },
            orig_cl_ord_id: plan.orig_cl_ord_id,
            order_id: plan.order_id,
            instrument: order.instrument,
            side: order.side,
            ord_type: order.ord_type,
            time_in_force: order.time_in_force,
            qty: terms.qty,
            px: terms.px,
            stop_px: terms.stop_px,
            post_only: order.post_only,
        };
        if waits {
            return self.hold_replace(&order, &replace, terms);
        }
        if order.held_replace().is_some() && self.superseded.len() == COMMANDS_PER_CALLBACK_MAX {
            return Err(Refusal::TooManyCommands);
        }
        let view = view(&self.markets, &self.orders, &self.positions, order.instrument);
        let checked = self.risk.check_replace(replace, &order, &view, now)?;
        self.orders.add_replace(handle, replace.cl_ord_id, terms)?;
        if self.orders.drop_held(handle) {
            self.superseded.push_back(handle);
        }
        self.orders.stamp(handle, now);
        self.order_changed(handle, now);
        self.stats.replaces += 1;
        self.issue(replace.cl_ord_id, CommandKind::Replace(checked), stamps);
        Ok(())
    }

    /// Whether orders and replaces are welcome at all.
    fn check_open(&self) -> Result<(), Refusal> {
        if self.stopping {
            return Err(Refusal::Stopping);
        }
        if self.started { Ok(()) } else { Err(Refusal::NotStarted) }
    }

    /// Whether it is known what became of the orders of before a drop, or orders need not wait for it.
    fn check_truth(&self) -> Result<(), Refusal> {
        if self.truth.holds_orders() { Err(Refusal::Reconciling) } else { Ok(()) }
    }

    /// Whether a command can leave: the session is up and there is room for it.
    pub(super) fn check_lane(&self) -> Result<(u32, u32), Refusal> {
        let trading = self.trading.ok_or(Refusal::SessionDown)?;
        if self.queue.len() < COMMANDS_PER_CALLBACK_MAX && self.lane.has_room() {
            Ok(trading)
        } else {
            Err(Refusal::TooManyCommands)
        }
    }

    pub(super) fn next_id(&mut self, now: UtcTime) -> Result<ClOrdId, Refusal> {
        self.ids.next(now)
    }

    pub(super) fn stamp_strategy(&self) -> Stamps {
        let mut stamps = self.cause;
        stamps.set(Stage::Strategy, self.clock.ticks());
        stamps
    }

    pub(super) fn issue(&mut self, id: ClOrdId, kind: CommandKind, mut stamps: Stamps) {
        stamps.set(Stage::Risk, self.clock.ticks());
        self.lane.push(id);
        self.queue.push_back(Command { session: self.trading_session, stamps, kind });
    }

    pub(super) fn note<T>(&mut self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        if let Err(refusal) = result {
            self.stats.refused_here += 1;
            self.stats.last_refusal = Some(refusal);
        }
        result
    }

    /// Notes that a command has ended; `false` if that breaks a promise: it ended before, or it is on
    /// the wire ahead of an earlier one. A command that was withdrawn overtakes nobody.
    pub fn end_command(&mut self, id: ClOrdId, on_wire: bool) -> bool {
        let fits = match self.lane.end(id) {
            End::Known => true,
            End::Overtook => !on_wire,
            End::Unknown => false,
        };
        if !fits {
            self.stats.lane_violations += 1;
        }
        fits
    }

    /// New orders are held before the rollover; what is open can still be amended and cancelled.
    pub fn on_link(&mut self, session: SessionId, event: &LinkEvent) {
        match event {
            LinkEvent::Held { .. } if session == self.trading_session => self.held = true,
            LinkEvent::Released if session == self.trading_session => self.held = false,
            LinkEvent::RolledOver { .. } if session == self.trading_session => {
                self.orders.roll_over();
            }
            _ => {}
        }
    }
}

pub(super) fn view<'a>(
    markets: &'a Markets,
    orders: &OrderTable,
    positions: &Positions,
    id: InstrumentId,
) -> RiskView<'a> {
    RiskView {
        book: markets.get(id).and_then(|market| market.live_book()),
        position: positions.get(id).map_or(0, |position| position.qty),
        open: orders.open_qty(id),
        open_orders: orders.open_orders(id),
    }
}
