//! What time and watched prices do: orders become live, expire, trigger. And what the venue sets: statuses
//! and indices.

use taut::types::{InstrumentId, PairStatus, Px, Qty};
use taut_codec::value::UtcTime;

use super::command::Reference;
use super::engine::{Engine, Seen};
use super::event::{EngineEvent, EventKind, OrderState};
use super::order::{Order, Stage};
use super::pool::NONE;
use super::reason::CancelReason;
use super::settlement::Settlement;
use super::triggers::{Index, trailing_trigger};

impl<S: Settlement> Engine<S> {
    /// Time passes: orders become live (168) and expire (126), oldest deadline first, and triggers see what
    /// [`Engine::set_status`] and [`Engine::set_index`] changed. Commands call it themselves, so an order
    /// never trades beyond its time.
    pub fn tick(&mut self, now: UtcTime, events: &mut Vec<EngineEvent>) {
        self.run_triggers(now, events);
        while let Some(slot) = self.timers.pop(&mut self.orders, now) {
            if self.orders.get(slot).stage == Stage::Pending {
                self.go_live(now, slot, events);
                self.run_triggers(now, events);
            } else {
                self.expire(now, slot, events);
            }
        }
    }

    /// When [`Engine::tick`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> UtcTime {
        if self.seen.is_empty() {
            self.timers.next().unwrap_or(UtcTime(u64::MAX))
        } else {
            UtcTime(0)
        }
    }

    /// Sets AssetPairStatus(5032); `false` if there is no such instrument. Resting orders stay. Triggers
    /// that were passed while the market did not trade fire at the next [`Engine::tick`].
    pub fn set_status(&mut self, instrument: InstrumentId, status: PairStatus) -> bool {
        let Some(market) = self.markets.get_mut(usize::from(instrument.0)) else { return false };
        market.instrument.status = status;
        self.look_again(instrument);
        true
    }

    /// Sets the index of an instrument, which may be down; `false` if there is no such instrument. Triggers
    /// see it at the next [`Engine::tick`].
    pub fn set_index(&mut self, instrument: InstrumentId, index: Index) -> bool {
        let Some(market) = self.markets.get_mut(usize::from(instrument.0)) else { return false };
        market.index = index;
        self.settlement.see_index(instrument, index);
        self.look_again(instrument);
        true
    }

    /// The price that orders watch: the index only while its feed is up (venue file 6.7).
    pub(super) fn watched(&self, instrument: InstrumentId, watches: Reference) -> Option<Px> {
        let market = self.market(instrument);
        match (watches, market.index) {
            (Reference::Index, Index::At(px)) => Some(px),
            _ => market.last,
        }
    }

    /// A trade happened at `px`.
    pub(super) fn note_trade(&mut self, instrument: InstrumentId, px: Px) {
        let market = &mut self.markets[usize::from(instrument.0)];
        market.last = Some(px);
        if market.triggers.is_empty() {
            return;
        }
        let index_down = !matches!(market.index, Index::At(_));
        self.see(Seen { instrument, watched: Reference::LastTrade, px });
        if index_down {
            self.see(Seen { instrument, watched: Reference::Index, px });
        }
    }

    fn see(&mut self, seen: Seen) {
        if self.seen.iter().rev().take(2).all(|&one| one != seen) {
            self.seen.push_back(seen);
        }
    }

    fn look_again(&mut self, instrument: InstrumentId) {
        if self.market(instrument).triggers.is_empty() {
            return;
        }
        for watched in [Reference::LastTrade, Reference::Index] {
            if let Some(px) = self.watched(instrument, watched) {
                self.see(Seen { instrument, watched, px });
            }
        }
    }

    /// An accepted order becomes live: it waits for its trigger, or is matched.
    pub(super) fn go_live(&mut self, now: UtcTime, slot: u32, events: &mut Vec<EngineEvent>) {
        let was_pending = self.orders.get(slot).stage == Stage::Pending;
        let order = self.orders.get_mut(slot);
        order.stage =
            if order.ord_type.has_trigger() { Stage::Untriggered } else { Stage::Working };
        let Order { expires_at, stage, .. } = *order;
        if let Some(at) = expires_at {
            self.timers.set(&mut self.orders, slot, at);
        }
        events.push(EngineEvent { at: now, kind: EventKind::Live(self.state(slot)) });
        if stage == Stage::Untriggered {
            let trigger_at = self.trigger_of(self.orders.get(slot));
            self.orders.get_mut(slot).trigger_at = trigger_at;
            self.arm(slot);
        } else if was_pending {
            self.work(now, slot, events);
        } else {
            self.take_and_rest(now, slot, events);
        }
    }

    /// Lets an order wait for its trigger, which the watched price may have passed already.
    pub(super) fn arm(&mut self, slot: u32) {
        let Order { instrument, watches, .. } = *self.orders.get(slot);
        self.markets[usize::from(instrument.0)].triggers.arm(&mut self.orders, slot);
        if let Some(px) = self.watched(instrument, watches) {
            self.see(Seen { instrument, watched: watches, px });
        }
    }

    /// Where an order triggers, as things stand.
    pub(super) fn trigger_of(&self, order: &Order) -> Option<Px> {
        if !order.trails() {
            return Some(order.stop);
        }
        let px = self.watched(order.instrument, order.watches)?;
        Some(trailing_trigger(order.fires_rising(), px, order.stop))
    }

    /// Shows the watched prices that were seen to the triggers and carries out what they fire, until
    /// nothing is left. Bounded: an order triggers once.
    pub(super) fn run_triggers(&mut self, now: UtcTime, events: &mut Vec<EngineEvent>) {
        loop {
            while let Some(Seen { instrument, watched, px }) = self.seen.pop_front() {
                let market = &mut self.markets[usize::from(instrument.0)];
                if !trades(market.instrument.status) {
                    continue;
                }
                let fired = &mut self.fired;
                market.triggers.see(&mut self.orders, watched, px, &mut |orders, slot| {
                    orders.get_mut(slot).triggered_by = Some(px);
                    fired.push_back(slot);
                });
            }
            let Some(slot) = self.fired.pop_front() else { break };
            self.trigger(now, slot, events);
        }
    }

    fn trigger(&mut self, now: UtcTime, slot: u32, events: &mut Vec<EngineEvent>) {
        let tick = self.market(self.orders.get(slot).instrument).instrument.tick_size;
        let order = self.orders.get_mut(slot);
        assert!(order.live && order.stage == Stage::Untriggered, "an order triggers once");
        order.price = order.limit_after_trigger(tick);
        order.ord_type = order.ord_type.after_trigger();
        order.stage = Stage::Working;
        events.push(EngineEvent { at: now, kind: EventKind::Triggered(self.state(slot)) });
        self.work(now, slot, events);
    }

    /// Matches an order that was accepted before; what would have refused it then cancels it now.
    fn work(&mut self, now: UtcTime, slot: u32, events: &mut Vec<EngineEvent>) {
        match self.check_working(self.orders.get(slot)) {
            Ok(hold) => {
                self.settlement.set_hold(self.orders.get_mut(slot), hold);
                self.take_and_rest(now, slot, events);
            }
            Err(reason) => self.end(now, slot, CancelReason::Refused(reason), None, events),
        }
    }

    fn expire(&mut self, now: UtcTime, slot: u32, events: &mut Vec<EngineEvent>) {
        let expired = self.orders.get(slot).leaves();
        self.withdraw(now, slot);
        let order = OrderState { leaves: Qty(0), ..self.state(slot) };
        events.push(EngineEvent { at: now, kind: EventKind::Expired { order, expired } });
        self.finish(slot);
    }

    /// Takes an order out of the book, or away from those that wait.
    pub(super) fn withdraw(&mut self, now: UtcTime, slot: u32) {
        let Order { instrument, level, stage, .. } = *self.orders.get(slot);
        let at = usize::from(instrument.0);
        if level != NONE {
            self.books[at].remove(&mut self.orders, slot, now);
        } else if stage == Stage::Untriggered && self.orders.get(slot).triggered_by.is_none() {
            self.markets[at].triggers.disarm(&self.orders, slot);
        }
    }
}

/// Whether orders trade with each other in this status (venue file 4.12, 4.13).
const fn trades(status: PairStatus) -> bool {
    matches!(status, PairStatus::Online | PairStatus::LimitOnly | PairStatus::ReduceOnly)
}
