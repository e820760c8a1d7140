use std::path::{Path, PathBuf};

use taut::types::{Instrument, PairStatus};
use taut_codec::value::Decimal;

use super::*;
use crate::config::InstrumentConfig;
use crate::liquidity::CaptureError;
use crate::matching::{
    AccountFlags, DerivativesConfig, DerivativesEngine, EventKind, Spot, SpotConfig, SpotEngine,
};
use crate::skipped::skipped;

const START: UtcTime = UtcTime(1_000_000_000_000);

fn shared() -> Option<PathBuf> {
    recording("spot-book1000-10pairs-31s.ws")
}

fn recording(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("../shared/data/kraken").join(name);
    if !path.exists() {
        skipped(format_args!("{} is absent", path.display()));
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
        let side =
            |side| book.levels(side).map(move |l| CapturedLevel { side, px: l.px, qty: l.total });
        side(Side::Sell).chain(side(Side::Buy)).collect()
    }

    fn buy(&mut self, qty: i64, px: i64) -> OrderRef {
        let limit = NewOrder::limit(self.client, InstrumentId(0), Side::Buy, Qty(qty), Px(px));
        let order = NewOrder { session: 1, client_key: 1, ..limit };
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
        while let Some(next) = Liquidity::<Spot>::next_at(&venue.replay) {
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
        qty_precision: 8,
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
    assert_eq!(Liquidity::<Spot>::next_at(&venue.replay), Some(START.plus_nanos(1_000_000_000)));
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
    let limit = NewOrder::limit(venue.client, InstrumentId(0), Side::Sell, Qty(20_000), Px(101));
    let sell = NewOrder { session: 1, client_key: 1, post_only: true, ..limit };
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
    assert_eq!(Liquidity::<Spot>::next_at(&venue.replay), Some(second));
    venue.act(second);
    venue.act(START.plus_nanos(2_000_000_000));
    assert!(!venue.replay.is_finished());
    venue.engine.set_status(InstrumentId(0), PairStatus::Online);
    let retry = Liquidity::<Spot>::next_at(&venue.replay).unwrap();
    venue.act(retry);
    let brief: Vec<_> = venue.levels().iter().map(|l| (l.px.0, l.qty.0)).collect();
    assert_eq!(brief, [(110, 7), (102, 60_000), (90, 5)]);
    assert!(venue.replay.is_finished());
    assert_eq!(Liquidity::<Spot>::next_at(&venue.replay), None);
}

/// Plays all books of a recording side by side and compares each end with the recording's own. `list` lists
/// an instrument.
fn play_all<S: Settlement + 'static>(
    (name, pairs, verified): (&str, usize, usize),
    mut engine: Engine<S>,
    list: impl Fn(&mut Engine<S>, Instrument) -> InstrumentId,
) {
    let Some(path) = recording(name) else { return };
    let captures = Capture::load_all(&path).unwrap();
    assert_eq!(captures.len(), pairs);
    assert_eq!(captures.iter().map(|one| one.checksums).sum::<usize>(), verified);
    let house = engine.add_account(AccountFlags::HOUSE).unwrap();
    let speed = NonZeroU32::new(1000).unwrap();
    let mut sources: Vec<Box<dyn Liquidity<S> + Send>> = Vec::new();
    let mut ids = Vec::new();
    for capture in &captures {
        let id = list(&mut engine, capture.instrument());
        ids.push(id);
        sources.push(Box::new(CaptureReplay::new(capture.clone(), id, house, START, speed)));
    }
    let mut all = crate::liquidity::SideBySide::new(sources);
    let (mut at, mut events) = (START, Vec::new());
    while let Some(next) = all.next_at() {
        assert!(next >= at);
        at = next;
        all.act(at, &mut engine, &mut events);
    }
    assert!(!events.iter().any(|e| matches!(e.kind, EventKind::Trade(_) | EventKind::Rejected(_))));
    for (id, capture) in ids.into_iter().zip(&captures) {
        let book = engine.book(id).unwrap();
        let side =
            |side| book.levels(side).map(move |l| CapturedLevel { side, px: l.px, qty: l.total });
        let levels: Vec<_> = side(Side::Sell).chain(side(Side::Buy)).collect();
        assert_eq!(levels, capture.last, "{}", capture.symbol);
        assert!(!levels.is_empty());
    }
}

#[test]
fn all_pairs_of_the_spot_recording_verify_and_end_in_their_own_books() {
    let engine = SpotEngine::new(&SpotConfig::default()).unwrap();
    play_all(("spot-book1000-10pairs-31s.ws", 10, 4269), engine, |engine, instrument| {
        engine.add_instrument(instrument).unwrap()
    });
}

#[test]
fn all_books_of_the_futures_recording_verify_and_end_in_their_own_books() {
    let engine = DerivativesEngine::new(&DerivativesConfig::default()).unwrap();
    play_all(("futures-book-trade-31s.ws", 10, 7014), engine, |engine, instrument| {
        engine.add_instrument(instrument, InstrumentConfig::recorded_contract()).unwrap()
    });
}
