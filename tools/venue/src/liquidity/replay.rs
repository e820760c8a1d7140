//! The replay of a recorded book through house orders.
//!
//! Rules:
//! * Each recorded level is one house order. A recorded quantity is absolute: the order's open
//!   quantity is set to it, by a new order, an amend or a cancel. A lower quantity keeps the place in
//!   the queue, a higher one goes to its back, as for anybody (venue file 6.8).
//! * What a client takes from a level is gone until the recording names that level again, which sets
//!   it to the recorded quantity.
//! * A recorded level that crosses a client's order trades with it as taker; what is left rests.
//! * Within one message, removals and reductions go first, so that house orders never meet.
//! * Several pairs are replayed side by side, each by itself: all start with their snapshots at once.
//! * The recording does not loop: at its end the book stays as it is.
//! * What the engine refuses (market in cancel-only mode, no room) is tried again every second.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::num::NonZeroU32;

use taut::types::{InstrumentId, Px, Qty, Side};
use taut_codec::value::UtcTime;

use super::{Capture, HOUSE_SESSION, Liquidity, capture::CapturedLevel};
use crate::matching::{
    AccountId, Amend, Cancel, Engine, EngineEvent, NewOrder, OrderRef, Settlement,
};
use crate::state::{Restored, Source, Stored};

const RETRY_NANOS: u64 = 1_000_000_000;

/// Plays a [`Capture`].
#[derive(Debug)]
pub struct CaptureReplay {
    capture: Capture,
    instrument: InstrumentId,
    house: AccountId,
    start: UtcTime,
    /// Thousandths of the recorded speed.
    speed: NonZeroU32,
    next: usize,
    /// The house order of each level. Only looked up, never iterated.
    orders: HashMap<(Side, Px), OrderRef>,
    missed: Vec<CapturedLevel>,
    retry_at: UtcTime,
}

impl CaptureReplay {
    /// A replay that shows the snapshot at `start`. `speed` counts in thousandths of the recorded
    /// speed. `instrument` has the precisions of [`Capture::instrument`], and `house` is exempt from
    /// limits ([`crate::matching::AccountFlags::HOUSE`]).
    #[must_use]
    pub fn new(
        capture: Capture,
        instrument: InstrumentId,
        house: AccountId,
        start: UtcTime,
        speed: NonZeroU32,
    ) -> Self {
        let prices = capture.updates.iter().map(|update| update.levels.len()).sum();
        Self {
            capture,
            instrument,
            house,
            start,
            speed,
            next: 0,
            orders: HashMap::with_capacity(prices),
            missed: Vec::new(),
            retry_at: start,
        }
    }

    /// Whether the whole recording was played.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.next == self.capture.updates.len() && self.missed.is_empty()
    }

    fn due(&self) -> Option<UtcTime> {
        let after = u128::from(self.capture.updates.get(self.next)?.after);
        let after = after * 1000 / u128::from(self.speed.get());
        Some(self.start.plus_nanos(u64::try_from(after).unwrap_or(u64::MAX)))
    }

    fn leaves<S: Settlement>(&self, engine: &Engine<S>, level: &CapturedLevel) -> Qty {
        let order = self.orders.get(&(level.side, level.px));
        order.and_then(|&order| engine.order(order)).map_or(Qty(0), |order| order.leaves())
    }

    fn set<S: Settlement>(
        &mut self,
        now: UtcTime,
        level: CapturedLevel,
        engine: &mut Engine<S>,
        events: &mut Vec<EngineEvent>,
    ) {
        let place = (level.side, level.px);
        let live = self.orders.get(&place).and_then(|&order| engine.order(order)).copied();
        let (account, session, client_key) = (self.house, HOUSE_SESSION, 0);
        let done = match live {
            None if level.qty.0 == 0 => true,
            Some(live) if live.leaves() == level.qty => true,
            Some(live) if level.qty.0 == 0 => {
                let order = live.reference;
                let cancel = Cancel { account, session, client_key: None, order };
                engine.cancel(now, &cancel, events)
            }
            Some(live) => {
                let amend = Amend {
                    account,
                    session,
                    client_key,
                    order: live.reference,
                    qty: Qty(live.cum.0.saturating_add(level.qty.0)),
                    price: level.px,
                    post_only: false,
                    stop: Px(0),
                    display: None,
                    valid_until: None,
                };
                engine.amend(now, &amend, events)
            }
            None => {
                let limit =
                    NewOrder::limit(account, self.instrument, level.side, level.qty, level.px);
                let order = NewOrder { session, client_key, ..limit };
                let made = engine.new_order(now, &order, events);
                made.map(|order| self.orders.insert(place, order)).is_some()
            }
        };
        if level.qty.0 == 0 && done {
            self.orders.remove(&place);
        }
        if !done {
            self.missed.push(level);
            self.retry_at = now.plus_nanos(RETRY_NANOS);
        }
    }
}

impl<S: Settlement> Liquidity<S> for CaptureReplay {
    fn next_at(&self) -> Option<UtcTime> {
        let retry = (!self.missed.is_empty()).then_some(self.retry_at);
        match (self.due(), retry) {
            (Some(due), Some(retry)) => Some(due.min(retry)),
            (due, retry) => due.or(retry),
        }
    }

    fn act(&mut self, now: UtcTime, engine: &mut Engine<S>, events: &mut Vec<EngineEvent>) {
        if !self.missed.is_empty() && self.retry_at <= now {
            for level in std::mem::take(&mut self.missed) {
                self.set(now, level, engine, events);
            }
        }
        while self.due().is_some_and(|due| due <= now) {
            let at = self.next;
            self.next += 1;
            let update = std::mem::take(&mut self.capture.updates[at].levels);
            if !self.missed.is_empty() {
                self.missed.retain(|missed| {
                    !update.iter().any(|l| (l.side, l.px) == (missed.side, missed.px))
                });
            }
            // Decided before anything is sent: what trades in between does not change the pass.
            let (lower, higher): (Vec<_>, Vec<_>) =
                update.iter().partition(|level| level.qty < self.leaves(engine, level));
            for level in lower.into_iter().chain(higher) {
                self.set(now, level, engine, events);
            }
        }
    }

    fn pause(&mut self, nanos: u64) {
        self.start = self.start.plus_nanos(nanos);
    }
}

/// The recording itself is the configuration's.
impl Restored for CaptureReplay {
    fn save(&self, out: &mut Vec<u8>) {
        let Self {
            capture: _,
            instrument: _,
            house: _,
            speed: _,
            start,
            next,
            orders,
            missed,
            retry_at,
        } = self;
        (*start, *next).store(out);
        orders.store(out);
        missed.store(out);
        retry_at.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        (self.start, self.next) = from.get()?;
        self.orders.extend(from.get::<HashMap<(Side, Px), OrderRef>>()?);
        self.missed = from.get()?;
        self.retry_at = from.get()?;
        (self.next <= self.capture.updates.len()).then_some(())
    }
}

crate::state::stored! { CapturedLevel { side, px, qty } }
