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
//! * The recording does not loop: at its end the book stays as it is.
//! * What the engine refuses (market in cancel-only mode, no room) is tried again every second.

use std::collections::HashMap;
use std::num::NonZeroU32;

use taut::types::{InstrumentId, OrdType, Px, Qty, Side, TimeInForce};
use taut_codec::value::UtcTime;

use super::{Capture, HOUSE_SESSION, Liquidity, capture::CapturedLevel};
use crate::matching::{
    AccountId, Amend, Cancel, Conditions, EngineEvent, NewOrder, OrderRef, SelfTrade, SpotEngine,
};

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

    fn leaves(&self, engine: &SpotEngine, level: &CapturedLevel) -> Qty {
        let order = self.orders.get(&(level.side, level.px));
        order.and_then(|&order| engine.order(order)).map_or(Qty(0), |order| order.leaves())
    }

    fn set(
        &mut self,
        now: UtcTime,
        level: CapturedLevel,
        engine: &mut SpotEngine,
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
                let cancel = Cancel { account, session, client_key, order };
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
                let order = NewOrder {
                    account,
                    session,
                    client_key,
                    instrument: self.instrument,
                    side: level.side,
                    ord_type: OrdType::Limit,
                    time_in_force: TimeInForce::Gtc,
                    qty: level.qty,
                    price: level.px,
                    post_only: false,
                    self_trade: SelfTrade::CancelNewest,
                    conditions: Conditions::default(),
                };
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

impl Liquidity for CaptureReplay {
    fn next_at(&self) -> Option<UtcTime> {
        let retry = (!self.missed.is_empty()).then_some(self.retry_at);
        match (self.due(), retry) {
            (Some(due), Some(retry)) => Some(due.min(retry)),
            (due, retry) => due.or(retry),
        }
    }

    fn act(&mut self, now: UtcTime, engine: &mut SpotEngine, events: &mut Vec<EngineEvent>) {
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
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use taut::types::PairStatus;
    use taut_codec::value::Decimal;

    use super::*;
    use crate::liquidity::CaptureError;
    use crate::matching::{AccountFlags, EventKind, SpotConfig};

    const START: UtcTime = UtcTime(1_000_000_000_000);

    fn shared() -> Option<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let path = root.join("../shared/data/kraken/spot-book1000-10pairs-31s.ws");
        if !path.exists() {
            println!("skipped: {} is absent", path.display());
            return None;
        }
        Some(path)
    }

    struct Venue {
        engine: SpotEngine,
        replay: CaptureReplay,
        client: AccountId,
        events: Vec<EngineEvent>,
    }

    fn venue(capture: Capture, speed: u32) -> Venue {
        let mut engine = SpotEngine::new(&SpotConfig::default()).unwrap();
        let id = engine.add_instrument(capture.instrument()).unwrap();
        let house = engine.add_account(AccountFlags::HOUSE).unwrap();
        let client = engine.add_account(AccountFlags::default()).unwrap();
        for half in capture.symbol.as_str().split('/') {
            let funds = Decimal::new(100_000_000, 0);
            engine.deposit(client, half.parse().unwrap(), funds).unwrap();
        }
        let speed = NonZeroU32::new(speed).unwrap();
        let replay = CaptureReplay::new(capture, id, house, START, speed);
        Venue { engine, replay, client, events: Vec::new() }
    }

    impl Venue {
        fn act(&mut self, now: UtcTime) {
            self.events.clear();
            self.replay.act(now, &mut self.engine, &mut self.events);
        }

        fn levels(&self) -> Vec<CapturedLevel> {
            let book = self.engine.book(InstrumentId(0)).unwrap();
            let side = |side| {
                book.levels(side).map(move |l| CapturedLevel { side, px: l.px, qty: l.total })
            };
            side(Side::Sell).chain(side(Side::Buy)).collect()
        }

        fn buy(&mut self, qty: i64, px: i64) -> OrderRef {
            let order = NewOrder {
                account: self.client,
                session: 1,
                client_key: 1,
                instrument: InstrumentId(0),
                side: Side::Buy,
                ord_type: OrdType::Limit,
                time_in_force: TimeInForce::Gtc,
                qty: Qty(qty),
                price: Px(px),
                post_only: false,
                self_trade: SelfTrade::CancelNewest,
                conditions: Conditions::default(),
            };
            self.events.clear();
            self.engine.new_order(START, &order, &mut self.events).unwrap()
        }
    }

    #[test]
    fn the_shared_recording_verifies_and_ends_in_its_own_book() {
        let Some(path) = shared() else { return };
        // Pair, price precision, messages (the snapshot has no checksum), levels at the end.
        for (pair, precision, messages, offers, bids) in
            [("XBT/CHF", 1, 290, 315, 500), ("XMR/USD", 2, 847, 426, 657)]
        {
            let capture = Capture::load(&path, pair).unwrap();
            assert_eq!(capture.symbol.as_str(), super::super::canonical_symbol(pair));
            assert_eq!(capture.price_precision, precision);
            assert_eq!((capture.updates.len(), capture.checksums), (messages, messages - 1));
            let last = capture.last.clone();
            let duration = capture.duration();
            assert!((28_000_000_000..31_000_000_000).contains(&duration), "{duration}");
            let mut venue = venue(capture, 2000);
            let mut steps = 0;
            let mut at = START;
            while let Some(next) = venue.replay.next_at() {
                assert!(next >= at);
                at = next;
                venue.act(at);
                let traded = |e: &EngineEvent| matches!(e.kind, EventKind::Trade(_));
                assert!(!venue.events.iter().any(traded), "house orders never meet");
                steps += 1;
            }
            assert!(steps <= messages && steps > messages / 2);
            assert!(venue.replay.is_finished());
            assert_eq!(at, START.plus_nanos(duration / 2));
            assert_eq!(venue.levels(), last);
            assert_eq!(last.iter().filter(|l| l.side == Side::Sell).count(), offers);
            assert_eq!(last.iter().filter(|l| l.side == Side::Buy).count(), bids);
        }
        let error = Capture::load(&path, "BTC/USD").unwrap_err();
        let CaptureError::In { error, .. } = error else { panic!("{error}") };
        let CaptureError::UnknownPair { available, .. } = *error else { panic!("{error}") };
        assert_eq!(available.len(), 10);
    }

    /// Two offers and a bid; a second later the lower offer is set to 3, a second later it goes and
    /// the bid moves up.
    fn small() -> Capture {
        let level = |side, px, qty| CapturedLevel { side, px: Px(px), qty: Qty(qty) };
        let (buy, sell) = (Side::Buy, Side::Sell);
        let update = |after, levels| super::super::capture::CapturedUpdate { after, levels };
        Capture {
            symbol: "BTC/CHF".parse().unwrap(),
            price_precision: 1,
            updates: vec![
                update(0, vec![level(sell, 100, 50_000), level(sell, 110, 7), level(buy, 90, 5)]),
                update(1_000_000_000, vec![level(sell, 100, 30_000)]),
                update(2_000_000_000, vec![level(sell, 100, 0), level(buy, 102, 60_000)]),
            ],
            checksums: 0,
            last: Vec::new(),
        }
    }

    #[test]
    fn a_client_trades_with_recorded_levels_and_they_come_back_when_named_again() {
        let mut venue = venue(small(), 1000);
        venue.act(START);
        assert_eq!(venue.levels().len(), 3);
        venue.buy(40_000, 100);
        assert_eq!(venue.levels()[0].qty, Qty(10_000), "what was taken is gone");
        assert_eq!(venue.replay.next_at(), Some(START.plus_nanos(1_000_000_000)));
        venue.act(START.plus_nanos(999_999_999));
        assert!(venue.events.is_empty());
        venue.act(START.plus_nanos(1_000_000_000));
        assert_eq!(venue.levels()[0].qty, Qty(30_000), "set to the recorded quantity");
        venue.buy(30_000, 100);
        assert_eq!(venue.levels()[0].px, Px(110));
    }

    #[test]
    fn a_recorded_level_that_crosses_a_client_takes_its_order() {
        let mut venue = venue(small(), 1000);
        venue.act(START);
        let sell = NewOrder {
            account: venue.client,
            session: 1,
            client_key: 1,
            instrument: InstrumentId(0),
            side: Side::Sell,
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::Gtc,
            qty: Qty(20_000),
            price: Px(101),
            post_only: true,
            self_trade: SelfTrade::CancelNewest,
            conditions: Conditions::default(),
        };
        venue.engine.new_order(START, &sell, &mut Vec::new()).unwrap();
        venue.act(START.plus_nanos(2_000_000_000));
        let trades: Vec<_> = venue
            .events
            .iter()
            .filter_map(|event| match event.kind {
                EventKind::Trade(trade) => Some((trade.maker.account, trade.px, trade.qty)),
                _ => None,
            })
            .collect();
        assert_eq!(trades, [(venue.client, Px(101), Qty(20_000))]);
        let bid = venue.engine.book(InstrumentId(0)).unwrap().level(Side::Buy, Px(102)).unwrap();
        assert_eq!(bid.total, Qty(40_000));
    }

    #[test]
    fn what_a_closed_market_refuses_is_tried_again() {
        let mut venue = venue(small(), 1000);
        venue.engine.set_status(InstrumentId(0), PairStatus::CancelOnly);
        venue.act(START);
        assert!(venue.levels().is_empty());
        let second = START.plus_nanos(1_000_000_000);
        assert_eq!(venue.replay.next_at(), Some(second));
        venue.act(second);
        venue.act(START.plus_nanos(2_000_000_000));
        assert!(!venue.replay.is_finished());
        venue.engine.set_status(InstrumentId(0), PairStatus::Online);
        let retry = venue.replay.next_at().unwrap();
        venue.act(retry);
        let brief: Vec<_> = venue.levels().iter().map(|l| (l.px.0, l.qty.0)).collect();
        assert_eq!(brief, [(110, 7), (102, 60_000), (90, 5)]);
        assert!(venue.replay.is_finished());
        assert_eq!(venue.replay.next_at(), None);
    }
}
