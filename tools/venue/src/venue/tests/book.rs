//! A naive client, which knows nothing of how the venue works, follows the stream and must at every
//! message hold exactly the venue's book at its depth.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use taut::types::{InstrumentId, Side};

use super::harness::*;
use super::market_data::subscribe;
use crate::liquidity::Capture;
use crate::skipped::skipped;
use crate::{LiquiditySource, Service, Venue};

/// Levels by price; key and value are the texts of 270 and 271 without the point, as numbers.
#[derive(Default)]
struct NaiveBook {
    price_decimals: usize,
    bids: BTreeMap<u64, u64>,
    offers: BTreeMap<u64, u64>,
}

fn units(text: &str, decimals: usize) -> u64 {
    let (whole, fraction) = text.split_once('.').unwrap_or_else(|| panic!("{text}"));
    format!("{whole}{fraction:0<decimals$}").parse().unwrap()
}

impl NaiveBook {
    fn apply(&mut self, message: &str) {
        if get(message, 35) == Some("W") {
            *self = Self { price_decimals: self.price_decimals, ..Self::default() };
        }
        let (mut action, mut side, mut px) = ("0", "", 0);
        for field in message.split('|').filter(|field| !field.is_empty()) {
            match field.split_once('=').unwrap() {
                ("279", value) => action = value,
                ("269", value) => side = value,
                ("270", value) => px = units(value, self.price_decimals),
                ("271", value) => {
                    let levels = if side == "0" { &mut self.bids } else { &mut self.offers };
                    let known = levels.contains_key(&px);
                    match action {
                        "0" => assert!(!known, "new level {px} is there already: {message}"),
                        _ => assert!(known, "level {px} is not there: {message}"),
                    }
                    match action {
                        "2" => levels.remove(&px),
                        _ => levels.insert(px, units(value, 8)),
                    };
                }
                _ => {}
            }
        }
    }

    fn top(&self, depth: usize) -> Vec<(u64, u64)> {
        let offers = self.offers.iter().take(depth);
        let bids = self.bids.iter().rev().take(depth);
        offers.chain(bids).map(|(&px, &qty)| (px, qty)).collect()
    }

    fn checksum(&self) -> u32 {
        let text: String = self.top(10).iter().map(|(px, qty)| format!("{px}{qty}")).collect();
        crc32(text.as_bytes())
    }
}

/// CRC-32 (IEEE), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn venue_top(world: &World, depth: usize) -> Vec<(u64, u64)> {
    let book = world.venue.engine().book(InstrumentId(0)).unwrap();
    let side = |side| book.levels(side).take(depth).map(|l| (l.px.0 as u64, l.total.0 as u64));
    side(Side::Sell).chain(side(Side::Buy)).collect()
}

/// One random command of one of two clients around a narrow price range.
fn act(world: &mut World, peers: &mut [Peer; 2], rng: &mut fastrand::Rng, id: u64) {
    let peer = &mut peers[rng.usize(..2)];
    let time = world.time();
    let qty = format!("{}.{}", rng.u32(0..3), rng.u32(1..9));
    let side = rng.u8(1..3);
    // Mostly apart, now and then crossing.
    let whole = if side == 1 { rng.u32(96..101) } else { rng.u32(100..105) };
    let px = format!("{whole}.{}", rng.u32(..10));
    let body = match rng.u32(..1000) {
        0..=699 => format!("D|11={id}|38={qty}|40=2|44={px}|54={side}|55=BTC/USD|59=1|60={time}|"),
        700..=749 => {
            format!("D|11={id}|38={qty}|40=2|44={px}|54={side}|55=BTC/USD|59=3|60={time}|")
        }
        750..=769 => format!("D|11={id}|38={qty}|40=1|54={side}|55=BTC/USD|59=1|60={time}|"),
        770..=997 => {
            let old = rng.u64(id.saturating_sub(60)..id);
            format!("F|11={id}|41={old}|54=1|55=BTC/USD|60={time}|")
        }
        _ => format!("q|11={id}|60={time}|530=6|"),
    };
    let bytes = world.message(peer, &body);
    world.venue.received(peer.id, &bytes, world.now);
    world.take(peer.id);
}

#[test]
fn a_naive_client_holds_the_venues_book_after_every_message() {
    for seed in 1..=6 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = World::new();
        let mut peers = [world.trader(), world.logon("OTHER", Service::SpotTrading)];
        let mut viewer = world.logon("TAUT", Service::SpotMarketData);
        let depths = [1, 10, 25, 1000];
        let mut books = [(); 4].map(|()| NaiveBook { price_decimals: 1, ..NaiveBook::default() });
        let (mut updates, mut pushed_out, mut deepest) = (0, 0, 0);
        for id in 1..=700 {
            world.pass(1);
            if id == 100 {
                for (at, depth) in depths.iter().enumerate() {
                    let request = subscribe(&at.to_string(), *depth, "269=0|269=1|");
                    let answers = world.send(&mut viewer, &request);
                    books[at].apply(&answers[0]);
                }
            }
            act(&mut world, &mut peers, &mut rng, id);
            for message in world.take(viewer.id) {
                let at: usize = get(&message, 262).unwrap().parse().unwrap();
                books[at].apply(&message);
                updates += 1;
                let deletes = message.split("|279=2|").skip(1);
                pushed_out += deletes.filter(|e| get(e, 271) != Some("0.0")).count();
                let said: u32 = get(&message, 5041).unwrap().parse().unwrap();
                if depths[at] >= 10 {
                    assert_eq!(books[at].checksum(), said, "seed {seed}, order {id}");
                }
            }
            deepest = deepest.max(books[3].bids.len());
            if id >= 100 {
                for (book, depth) in books.iter().zip(depths) {
                    assert_eq!(
                        book.top(usize::MAX),
                        venue_top(&world, depth as usize),
                        "seed {seed}, order {id}, depth {depth}"
                    );
                }
            }
        }
        assert!(updates > 500, "the stream was exercised: {updates}");
        assert!(deepest > 25 && pushed_out > 50, "the edge was exercised: {deepest}, {pushed_out}");
    }
}

#[test]
fn a_recorded_market_reaches_the_client_as_it_was() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let path =
        std::path::Path::new(root).join("../shared/data/kraken/spot-book1000-10pairs-31s.ws");
    if !path.exists() {
        skipped(format_args!("{} is not there", path.display()));
        return;
    }
    let capture = Capture::load(&path, "XMR/USD").unwrap();
    let (last, end) = (capture.last.clone(), capture.duration());
    let source = LiquiditySource::Captures {
        captures: vec![capture],
        speed: NonZeroU32::new(1000).unwrap(),
    };
    let mut world = World::new();
    world.venue = Venue::with_secrets(&config(), Some(source), world.now, |_| None).unwrap();
    let mut viewer = world.logon("TAUT", Service::SpotMarketData);
    let request = subscribe("a", 1000, "269=0|269=1|269=2|").replace("BTC/USD", "XMR/USD");
    let mut book = NaiveBook { price_decimals: 2, ..NaiveBook::default() };
    book.apply(&world.send(&mut viewer, &request)[0]);
    let (mut updates, until) = (0, world.now.plus_nanos(end));
    while world.now < until {
        world.now = world.venue.next_deadline().max(world.now).min(until);
        world.venue.tick(world.now);
        for message in world.take(viewer.id).iter().filter(|m| get(m, 35) == Some("X")) {
            book.apply(message);
            let said: u32 = get(message, 5041).unwrap().parse().unwrap();
            assert_eq!(book.checksum(), said);
            updates += 1;
        }
    }
    let recorded: Vec<_> = last.iter().map(|l| (l.px.0 as u64, l.qty.0 as u64)).collect();
    assert_eq!(book.top(1000), recorded);
    assert!(updates > 100, "{updates}");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let run = || {
        let mut rng = fastrand::Rng::with_seed(9);
        let mut world = World::new();
        let mut peers = [world.trader(), world.logon("OTHER", Service::SpotTrading)];
        let mut viewer = world.logon("TAUT", Service::SpotMarketData);
        world.send(&mut viewer, &subscribe("a", 10, "269=0|269=1|269=2|"));
        let mut all = Vec::new();
        for id in 1..=200 {
            world.pass(1);
            act(&mut world, &mut peers, &mut rng, id);
            all.extend(world.take(viewer.id));
        }
        all
    };
    let first = run();
    assert!(first.len() > 50, "{}", first.len());
    assert_eq!(first, run());
}
