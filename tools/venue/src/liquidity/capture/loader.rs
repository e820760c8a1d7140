//! The book of one pair while its recording is read.

use std::collections::BTreeMap;

use taut::types::{Px, Qty, Side, Symbol};

use super::{Capture, CaptureError, CapturedLevel, CapturedUpdate, QTY_PRECISION};
use crate::liquidity::parse::{BookMessage, Entry, Proof};
use crate::matching::{AMOUNT_MAX, MONEY_SCALE};

/// Scale of the keys of the book that checks the recording: the most decimals that a price can have.
const KEY_SCALE: u8 = 18;
/// Levels per side that a checksum covers.
const CHECKSUM_LEVELS: usize = 10;

/// Keeps the book while loading. Prices are keyed in units of 10^-[`KEY_SCALE`] until the precision
/// is known.
#[derive(Default)]
pub(super) struct Loader {
    /// Offers, bids.
    sides: [BTreeMap<i128, Kept>; 2],
    /// Time of receipt and what was set.
    updates: Vec<(u64, SetLevels)>,
    checksums: usize,
    precision: u8,
    qty_precision: u8,
    /// The number of the last message, where messages are counted.
    sequence: Option<u64>,
}

/// Quantities by (is a bid, price); the last word on a level counts.
type SetLevels = BTreeMap<(bool, i128), i64>;

struct Kept {
    qty: i64,
    digits: String,
}

impl Loader {
    pub(super) fn apply(&mut self, message: &BookMessage, line: usize) -> Result<(), CaptureError> {
        let malformed = |problem| CaptureError::Malformed { line, problem };
        let mut set = SetLevels::new();
        if message.is_snapshot {
            for (is_bid, side) in [false, true].into_iter().zip(&mut self.sides) {
                set.extend(std::mem::take(side).into_keys().map(|px| ((is_bid, px), 0)));
            }
        } else if self.updates.is_empty() {
            return Err(malformed("an update precedes the snapshot"));
        }
        for entry in &message.entries {
            let unit = 10i128.pow(u32::from(KEY_SCALE - entry.px.scale));
            let px = i128::from(entry.px.mantissa) * unit;
            let qty = entry.qty.to_scale(QTY_PRECISION);
            let qty =
                qty.map_err(|_| malformed("the volume has more than 8 decimals or is too large"))?;
            // A futures contract is not worth its price: the engine that replays it judges.
            if !matches!(message.proof, Proof::Sequence(_)) && !is_countable(entry) {
                return Err(malformed("the level is worth more than the engine counts"));
            }
            self.precision = self.precision.max(entry.px.scale);
            self.qty_precision = self.qty_precision.max(entry.qty.scale);
            let is_bid = entry.side == Side::Buy;
            let side = &mut self.sides[usize::from(is_bid)];
            if qty == 0 {
                side.remove(&px);
            } else {
                side.insert(px, Kept { qty, digits: entry.digits.clone() });
            }
            set.insert((is_bid, px), qty);
        }
        // The server does not say which levels leave the depth of the subscription.
        for (is_bid, side) in [false, true].into_iter().zip(&mut self.sides) {
            while side.len() > message.depth {
                let gone = if is_bid { side.pop_first() } else { side.pop_last() };
                set.extend(gone.map(|(px, _)| ((is_bid, px), 0)));
            }
        }
        match message.proof {
            Proof::None => {}
            Proof::Checksum(recorded) => {
                let computed = self.checksum();
                if computed != recorded {
                    return Err(CaptureError::Checksum { line, recorded, computed });
                }
                self.checksums += 1;
            }
            Proof::Sequence(got) => {
                if let Some(before) = self.sequence.filter(|_| !message.is_snapshot) {
                    if got != before + 1 {
                        return Err(CaptureError::Sequence { line, before, got });
                    }
                    self.checksums += 1;
                }
                self.sequence = Some(got);
            }
        }
        self.updates.push((message.at, set));
        Ok(())
    }

    /// CRC32 over the best ten offers, low to high, then the best ten bids, high to low.
    fn checksum(&self) -> u32 {
        let [offers, bids] = &self.sides;
        let mut crc = crc32fast::Hasher::new();
        let best = offers.values().take(CHECKSUM_LEVELS);
        for kept in best.chain(bids.values().rev().take(CHECKSUM_LEVELS)) {
            crc.update(kept.digits.as_bytes());
        }
        crc.finalize()
    }

    pub(super) fn finish(self, symbol: Symbol) -> Result<Capture, CaptureError> {
        let unit = 10i128.pow(u32::from(KEY_SCALE - self.precision));
        let mut keys = self.updates.iter().flat_map(|update| update.1.keys());
        if keys.any(|&(_, key)| key / unit > i128::from(i64::MAX)) {
            return Err(CaptureError::Precision { symbol, decimals: self.precision });
        }
        let qty_precision =
            if self.sequence.is_some() { self.qty_precision } else { QTY_PRECISION };
        let qty_unit = 10i64.pow(u32::from(QTY_PRECISION - qty_precision));
        let level = |is_bid: bool, key: i128, qty: i64| CapturedLevel {
            side: if is_bid { Side::Buy } else { Side::Sell },
            px: Px((key / unit) as i64),
            qty: Qty(qty / qty_unit),
        };
        let start = self.updates.first().map_or(0, |update| update.0);
        let updates = self.updates.iter().map(|(at, set)| CapturedUpdate {
            after: at.saturating_sub(start),
            levels: set.iter().map(|(&(is_bid, px), &qty)| level(is_bid, px, qty)).collect(),
        });
        let updates = updates.collect();
        let [offers, bids] = self.sides;
        let offers = offers.into_iter().map(|(px, kept)| level(false, px, kept.qty));
        let bids = bids.into_iter().rev().map(|(px, kept)| level(true, px, kept.qty));
        Ok(Capture {
            symbol,
            price_precision: self.precision,
            qty_precision,
            updates,
            checksums: self.checksums,
            last: offers.chain(bids).collect(),
        })
    }
}

/// Whether the engine takes an order of this price and quantity.
fn is_countable(entry: &Entry) -> bool {
    let cost = i128::from(entry.px.mantissa) * i128::from(entry.qty.mantissa);
    let scale = u32::from(entry.px.scale + entry.qty.scale);
    let most = AMOUNT_MAX / 10i128.pow(u32::from(MONEY_SCALE));
    // An overflow is a bound beyond any product of two i64.
    most.checked_mul(10i128.pow(scale)).is_none_or(|most| cost <= most)
}
