//! The cancel ladder at work (venue file 3.6): a cancel takes the first rung that reaches its order, and
//! what cannot be sent now is kept and climbs when it can.

use taut_codec::value::UtcTime;

use super::Core;
use crate::command::{CancelOrder, CancelScope, CommandKind, MassCancel};
use crate::order::{CancelRoute, Order, OrderHandle, Place, Rung, RungReason};
use crate::risk::Refusal;
use crate::trace::Stamps;
use crate::types::{ClOrdId, InstrumentId};

/// How a request to cancel many orders is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sweep {
    /// Cancels of one order (F) that were issued.
    pub cancels: u32,
    /// Mass cancels (q) that were issued.
    pub mass_cancels: u32,
    /// Orders that are cancelled by REST; those among them are kept that the session can be asked for later.
    pub rest: u32,
    /// Orders whose cancel is kept until it can be sent.
    pub kept: u32,
    /// Orders that no rung reaches.
    pub out_of_reach: u32,
    /// Orders whose cancels the venue's rate limit would refuse now, and that are not held for it.
    pub limited: u32,
}

impl Sweep {
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            cancels: self.cancels + other.cancels,
            mass_cancels: self.mass_cancels + other.mass_cancels,
            rest: self.rest + other.rest,
            kept: self.kept + other.kept,
            out_of_reach: self.out_of_reach + other.out_of_reach,
            limited: self.limited + other.limited,
        }
    }
}

/// The last mass cancel of this connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Swept {
    id: ClOrdId,
    scope: CancelScope,
    /// The venue answers none: its silence is taken for one then.
    until: UtcTime,
}

/// The mass cancels of one climb: what they cover needs no cancel of its own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Covered {
    by_instrument: Option<InstrumentId>,
    by_session: bool,
    by_sender: bool,
}

impl Covered {
    pub(super) const fn add(&mut self, scope: CancelScope) {
        match scope {
            CancelScope::Instrument(id) => self.by_instrument = Some(id),
            CancelScope::Session => self.by_session = true,
            CancelScope::SenderCompId => self.by_sender = true,
        }
    }

    fn scopes(self) -> impl Iterator<Item = CancelScope> {
        let session = self.by_session.then_some(CancelScope::Session);
        let sender = self.by_sender.then_some(CancelScope::SenderCompId);
        self.by_instrument.map(CancelScope::Instrument).into_iter().chain(session).chain(sender)
    }
}

impl Core {
    pub fn cancel(&mut self, handle: OrderHandle) -> Result<CancelRoute, Refusal> {
        let stamps = self.stamp_strategy();
        // By REST, which may have done it already.
        let is_under_way =
            self.orders.get(handle).is_some_and(|order| order.is_by_rest() || order.is_rest_done());
        let result = if is_under_way && self.trading.is_none() {
            Err(Refusal::CancelPending)
        } else {
            self.try_cancel(handle, stamps)
        };
        self.note(result)
    }

    pub fn cancel_all(&mut self, scope: CancelScope) -> Result<Sweep, Refusal> {
        let stamps = self.stamp_strategy();
        let result = self.try_cancel_all(scope, stamps);
        self.note(result)
    }

    /// Cancels every open order that no cancel is on its way for.
    pub fn cancel_open_orders(&mut self) -> Sweep {
        let stamps = self.stamp_strategy();
        self.sweep(Covered::default(), stamps, true, |_, _| true)
    }

    /// Cancels what a mass cancel that was issued does not reach.
    pub fn cancel_rest(&mut self, scope: CancelScope, stamps: Stamps) {
        let mut covered = Covered::default();
        covered.add(scope);
        self.sweep(covered, stamps, false, |_, _| true);
    }

    /// Where an order stands to the session that is up.
    pub fn place(&self, order: &Order) -> Place {
        self.orders.place(order, self.reach.forgets_at_rollover)
    }

    pub(super) fn try_cancel(
        &mut self,
        handle: OrderHandle,
        stamps: Stamps,
    ) -> Result<CancelRoute, Refusal> {
        self.orders.plan_cancel(handle)?;
        if let Err(refusal) = self.check_lane() {
            return Ok(self.keep_cancel(handle, refusal));
        }
        let order = self.orders.get(handle).ok_or(Refusal::OrderUnknown)?;
        let instrument = order.instrument;
        let Some(route) = self.reach.route(self.place(order), instrument) else {
            self.orders.set_cancel_kept(handle, false);
            let route = CancelRoute { rung: Rung::Rest, reason: RungReason::NotReached };
            return if self.want_rest(handle) { Ok(route) } else { Err(Refusal::OutOfReach) };
        };
        match route.rung {
            Rung::MassCancel(_) if self.is_swept(handle) => {
                self.asked(handle);
                return Err(Refusal::CancelPending);
            }
            Rung::MassCancel(scope) => drop(self.mass_cancel(scope, stamps)?),
            Rung::Cancel | Rung::Rest | Rung::Kept => {
                if let Some(route) = self.cancel_or_hold(handle, stamps)? {
                    return Ok(route);
                }
            }
        }
        self.asked(handle);
        Ok(route)
    }

    /// Whether a mass cancel of this connection is on its way, or may still be answered, that takes an order.
    fn is_swept(&self, handle: OrderHandle) -> bool {
        let now = self.clock.now();
        let Some(swept) = self.swept.filter(|swept| now < swept.until) else { return false };
        self.orders.get(handle).is_some_and(|order| {
            self.reach.mass_cancel_reaches(swept.scope, self.place(order), order.instrument)
        })
    }

    /// A mass cancel is not on its way any more: it was refused, or did not leave. `None`: any may be meant.
    pub(super) fn sweep_failed(&mut self, id: Option<ClOrdId>) {
        self.swept = self.swept.filter(|swept| id.is_some_and(|id| id != swept.id));
    }

    /// The session was asked to cancel an order: neither kept nor wanted by REST, until it does not answer.
    pub(super) fn asked(&mut self, handle: OrderHandle) {
        let now = self.clock.now();
        self.orders.set_cancel_kept(handle, false);
        self.orders.set_by_rest(handle, false);
        self.orders.set_cancel_asked(handle, now);
        self.rest.watch(now);
    }

    /// Issues the cancel of one order (F).
    pub fn cancel_one(&mut self, handle: OrderHandle, stamps: Stamps) -> Result<(), Refusal> {
        let plan = self.orders.plan_cancel(handle)?;
        let order = self.orders.get(handle).ok_or(Refusal::OrderUnknown)?;
        let (instrument, side) = (order.instrument, order.side);
        let now = self.clock.now();
        self.risk.check_cancel(order, now)?;
        let cancel = CancelOrder {
            cl_ord_id: self.next_id(now)?,
            orig_cl_ord_id: plan.orig_cl_ord_id,
            order_id: plan.order_id,
            instrument,
            side,
        };
        self.orders.add_cancel(handle, cancel.cl_ord_id)?;
        self.stats.cancels += 1;
        self.issue(cancel.cl_ord_id, CommandKind::Cancel(cancel), stamps);
        Ok(())
    }

    /// Issues a mass cancel (q); returns its ClOrdID.
    pub fn mass_cancel(&mut self, scope: CancelScope, stamps: Stamps) -> Result<ClOrdId, Refusal> {
        self.check_lane()?;
        let now = self.clock.now();
        let cl_ord_id = self.next_id(now)?;
        let (reach, forgets) = (self.reach, self.reach.forgets_at_rollover);
        let taken = self.orders.live().filter(|order| {
            let place = self.orders.place(order, forgets);
            reach.mass_cancel_reaches(scope, place, order.instrument)
        });
        self.risk.note_cancel_all(taken, now);
        self.stats.mass_cancels += 1;
        let until = now.plus_nanos(u64::from(self.truth.deadline_ms()) * 1_000_000);
        self.swept = Some(Swept { id: cl_ord_id, scope, until });
        self.issue(cl_ord_id, CommandKind::MassCancel(MassCancel { cl_ord_id, scope }), stamps);
        Ok(cl_ord_id)
    }

    fn try_cancel_all(&mut self, scope: CancelScope, stamps: Stamps) -> Result<Sweep, Refusal> {
        if let CancelScope::Instrument(id) = scope {
            self.markets.get(id).ok_or(Refusal::InstrumentUnknown)?;
        }
        let mut covered = Covered::default();
        match self.mass_cancel(scope, stamps) {
            Ok(_) => covered.add(scope),
            // Orders that are not known here are meant too, so the request itself is kept; of an
            // instrument only the known ones are.
            Err(refusal) if !matches!(scope, CancelScope::Instrument(_)) => {
                self.keep_scope(scope);
                if refusal == Refusal::SessionDown && scope == CancelScope::SenderCompId {
                    self.want_rest_all();
                }
            }
            Err(_) => {}
        }
        let is_meant = |core: &Self, order: &Order| match scope {
            CancelScope::Instrument(id) => order.instrument == id,
            CancelScope::Session => core.place(order) == Place::Here,
            CancelScope::SenderCompId => true,
        };
        let is_all = scope == CancelScope::SenderCompId;
        let mut sweep = self.sweep(covered, stamps, is_all, is_meant);
        sweep.mass_cancels += covered.scopes().count() as u32;
        Ok(sweep)
    }

    /// Cancels what is meant and not covered yet, one by one. A mass cancel that the ladder needs for one
    /// order serves the rest as well, as does, if all are meant, one for those that the venue's rate limit
    /// would refuse.
    fn sweep(
        &mut self,
        mut covered: Covered,
        stamps: Stamps,
        is_all: bool,
        is_meant: impl Fn(&Self, &Order) -> bool,
    ) -> Sweep {
        let mut sweep = Sweep::default();
        for at in 0..self.orders.live_len() {
            let Some(order) = self.orders.live_at(at) else { break };
            let handle = order.handle;
            if !order.is_cancel_pending() && is_meant(self, order) {
                // Told by the sum.
                let _ = self.climb(handle, &mut covered, &mut sweep, stamps);
            }
        }
        let is_limited = sweep.limited > 0 || self.orders.is_any_held();
        if is_all && is_limited && self.mass_cancel(CancelScope::SenderCompId, stamps).is_ok() {
            sweep.mass_cancels += 1;
            sweep.limited = 0;
            sweep.kept -= self.take_held(CancelScope::SenderCompId).min(sweep.kept);
        }
        sweep
    }

    /// Cancels one order of many, unless what was issued for others covers it.
    pub(super) fn climb(
        &mut self,
        handle: OrderHandle,
        covered: &mut Covered,
        sweep: &mut Sweep,
        stamps: Stamps,
    ) -> Result<(), Refusal> {
        let Some(order) = self.orders.get(handle) else { return Ok(()) };
        let (place, id) = (self.place(order), order.instrument);
        let mut scopes = covered.scopes();
        if scopes.any(|scope| self.reach.mass_cancel_reaches(scope, place, id)) {
            self.asked(handle);
            return Ok(());
        }
        match self.try_cancel(handle, stamps).map(|route| route.rung) {
            Ok(Rung::Cancel) => sweep.cancels += 1,
            Ok(Rung::Rest) => sweep.rest += 1,
            Ok(Rung::Kept) => sweep.kept += 1,
            Ok(Rung::MassCancel(scope)) => {
                sweep.mass_cancels += 1;
                covered.add(scope);
            }
            // One that is on its way serves.
            Err(Refusal::CancelPending) => {}
            Err(refusal) => {
                let is_limited = matches!(refusal, Refusal::VenueRate { .. });
                sweep.limited += u32::from(is_limited);
                sweep.out_of_reach += u32::from(!is_limited);
                self.orders.set_cancel_kept(handle, false);
                return Err(refusal);
            }
        }
        Ok(())
    }
}
