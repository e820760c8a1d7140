//! Cancels that cannot be sent now: they are kept in the order in which they were asked for, and sent in it as
//! soon as they can be. What counts where a cancel waits for the venue's rate limit waits behind it.

use taut_codec::value::UtcTime;

use super::Core;
use super::ladder::{Covered, Sweep};
use crate::command::CancelScope;
use crate::limits::ORDERS_MAX;
use crate::order::{CancelRoute, Order, OrderHandle, Rung, RungReason};
use crate::risk::Refusal;
use crate::touched;
use crate::trace::Stamps;
use crate::types::InstrumentId;

const NEVER: UtcTime = UtcTime(u64::MAX);

/// What is kept beside the orders, each of which knows whether its cancel is.
#[derive(Debug)]
pub(crate) struct Kept {
    /// There may be something for [`Core::send_kept_cancels`] to do.
    pub may_send: bool,
    /// A mass cancel that is kept beside those of single orders.
    pub scope: Option<CancelScope>,
    /// When the venue's rate limit may let the next one pass.
    due: UtcTime,
    /// Those that are to be sent, by their places.
    list: Vec<(u64, OrderHandle)>,
}

impl Kept {
    pub fn new() -> Self {
        let list = touched::vec(ORDERS_MAX);
        Self { may_send: false, scope: None, due: NEVER, list }
    }

    /// When [`Core::kept_on_time`] has something to do.
    pub fn deadline(&self) -> Option<UtcTime> {
        (self.due != NEVER).then_some(self.due)
    }
}

impl Core {
    /// Sends the cancels that were kept, now that it may be possible. `refused` hears of those that are given
    /// up: no rung reaches them, or the venue's rate limit would refuse them and they are not held for it.
    pub fn send_kept_cancels(&mut self, mut refused: impl FnMut(&mut Self, OrderHandle, Refusal)) {
        if !self.kept.may_send || self.check_lane().is_err() {
            return;
        }
        (self.kept.may_send, self.kept.due) = (false, NEVER);
        let (mut covered, mut sweep) = (Covered::default(), Sweep::default());
        if let Some(scope) = self.kept.scope.take()
            && self.mass_cancel(scope, Stamps::NONE).is_ok()
        {
            covered.add(scope);
        }
        let mut list = std::mem::take(&mut self.kept.list);
        let is_due = |order: &&Order| order.is_cancel_kept() && !order.is_cancel_pending();
        let kept = self.orders.live().filter(is_due);
        list.extend(kept.map(|order| (order.kept_place(), order.handle)));
        list.sort_unstable_by_key(|&(place, _)| place);
        for (_, handle) in list.drain(..) {
            if let Err(refusal) = self.climb(handle, &mut covered, &mut sweep, Stamps::NONE) {
                refused(self, handle, refusal);
            }
        }
        self.kept.list = list;
    }

    /// Whatever waited for the venue's rate limit may pass.
    pub fn kept_on_time(&mut self, now: UtcTime) {
        if self.kept.due <= now {
            (self.kept.due, self.kept.may_send) = (NEVER, true);
        }
    }

    /// Keeps a mass cancel; of two the wider.
    pub fn keep_scope(&mut self, scope: CancelScope) {
        self.kept.may_send = true;
        self.kept.scope = self.kept.scope.max(Some(scope));
    }

    /// Keeps a cancel that the lane does not take.
    pub fn keep_cancel(&mut self, handle: OrderHandle, refusal: Refusal) -> CancelRoute {
        self.orders.set_cancel_kept(handle, true);
        self.kept.may_send = true;
        if refusal == Refusal::SessionDown {
            let rung = if self.want_rest(handle) { Rung::Rest } else { Rung::Kept };
            return CancelRoute { rung, reason: RungReason::SessionDown };
        }
        let now = self.clock.now();
        self.orders.set_cancel_asked(handle, now);
        self.rest.watch(now);
        CancelRoute { rung: Rung::Kept, reason: RungReason::LaneFull }
    }

    /// Issues the cancel of one order (F), or holds it until the venue's rate limit lets it pass; how, then.
    pub fn cancel_or_hold(
        &mut self,
        handle: OrderHandle,
        stamps: Stamps,
    ) -> Result<Option<CancelRoute>, Refusal> {
        let order = self.orders.get(handle).ok_or(Refusal::OrderUnknown)?;
        if self.orders.is_behind_held(order) {
            return Ok(Some(self.hold(handle)));
        }
        let limited = match self.cancel_one(handle, stamps) {
            Err(limited @ Refusal::VenueRate { .. }) => limited,
            sent => return sent.map(|()| None),
        };
        let at = self.held_until(handle).ok_or(limited)?;
        self.wake_at(at);
        Ok(Some(self.hold(handle)))
    }

    /// When the venue's rate limit lets the cancel of an order pass, if it is held until then.
    pub fn held_until(&self, handle: OrderHandle) -> Option<UtcTime> {
        let order = self.orders.get(handle).filter(|_| self.risk.mirror().holds_cancels())?;
        let now = self.clock.now();
        Some(now.plus_nanos(self.risk.cancel_wait(order, now)?))
    }

    /// Something is to be sent then that the venue's rate limit does not let pass before.
    pub fn wake_at(&mut self, at: UtcTime) {
        self.kept.due = self.kept.due.min(at);
    }

    /// Keeps a cancel for the venue's rate limit.
    fn hold(&mut self, handle: OrderHandle) -> CancelRoute {
        let is_new = self.orders.get(handle).is_some_and(|order| !order.is_cancel_limited());
        self.stats.cancels_held += u64::from(is_new);
        self.orders.set_cancel_kept(handle, true);
        self.orders.set_cancel_limited(handle, true);
        if is_new && self.risk.mirror().is_rest_apart() {
            let now = self.clock.now();
            self.orders.set_cancel_asked(handle, now);
            self.rest.watch(now);
        }
        CancelRoute { rung: Rung::Kept, reason: RungReason::RateLimited }
    }

    /// A mass cancel was issued: what it reaches is not held any more. How many those are.
    pub fn take_held(&mut self, scope: CancelScope) -> u32 {
        let mut taken = 0;
        for at in 0..self.orders.live_len() {
            let Some(order) = self.orders.live_at(at) else { break };
            let (handle, place) = (order.handle, self.place(order));
            if order.is_cancel_limited()
                && self.reach.mass_cancel_reaches(scope, place, order.instrument)
            {
                self.asked(handle);
                taken += 1;
            }
        }
        taken
    }

    /// Whether commands may be issued for an instrument: not before cancels that were asked for earlier and
    /// wait for the venue's rate limit.
    pub fn check_held(&self, id: InstrumentId) -> Result<(), Refusal> {
        if self.orders.holds_cancels(id) { Err(Refusal::CancelsHeld) } else { Ok(()) }
    }
}
