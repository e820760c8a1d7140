//! A recorded Kraken book: loaded whole, every checksum verified, ready to be replayed.

use std::collections::BTreeMap;
use std::path::Path;

use taut::types::{Instrument, PairStatus, Px, Qty, Side, Symbol};
use taut_codec::value::Decimal;

use super::parse::{self, BookMessage, Entry};
use crate::matching::{AMOUNT_MAX, MONEY_SCALE};

/// Decimals of a quantity on Kraken's spot books.
const QTY_PRECISION: u8 = 8;
/// Scale of the keys of the book that checks the recording: the most decimals that a price can have.
const KEY_SCALE: u8 = 18;
/// Levels per side that a checksum covers.
const CHECKSUM_LEVELS: usize = 10;

/// Why a recording could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file could not be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// Which file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// What stands in the file cannot be used.
    #[error("{path}: {error}")]
    In {
        /// Which file.
        path: String,
        /// Why not.
        error: Box<CaptureError>,
    },
    /// A line is not of the format.
    #[error("line {line}: {problem}")]
    Malformed {
        /// Line number from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The book after a line has another checksum than the line says: lines are missing or changed.
    #[error("line {line}: checksum {computed} of the book differs from the recorded {recorded}")]
    Checksum {
        /// Line number from 1.
        line: usize,
        /// What the line says.
        recorded: u32,
        /// What the book gives.
        computed: u32,
    },
    /// Some prices are so fine and others so large that no precision holds them all.
    #[error("prices of {symbol} with {decimals} decimals do not fit 64 bits")]
    Precision {
        /// The pair.
        symbol: Symbol,
        /// Decimals of the finest price.
        decimals: u8,
    },
    /// The pair is not in the recording.
    #[error("no book of {pair} in the recording; it has {}", available.join(", "))]
    UnknownPair {
        /// What was asked for.
        pair: String,
        /// What is there, as written in the recording.
        available: Vec<String>,
    },
}

/// The name that the venue lists a pair under on FIX: `XBT` is an alias of `BTC` (venue file C16).
///
/// ```
/// assert_eq!(taut_venue::liquidity::canonical_symbol("XBT/CHF"), "BTC/CHF");
/// ```
#[must_use]
pub fn canonical_symbol(pair: &str) -> String {
    let names = pair.split('/').map(|asset| if asset == "XBT" { "BTC" } else { asset });
    names.collect::<Vec<_>>().join("/")
}

/// The absolute quantity of one level; zero removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapturedLevel {
    /// Bids are `Buy`.
    pub side: Side,
    /// The price.
    pub px: Px,
    /// The quantity.
    pub qty: Qty,
}

/// One message: every level at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedUpdate {
    /// Nanoseconds after the snapshot was received.
    pub after: u64,
    /// What it sets.
    pub levels: Vec<CapturedLevel>,
}

/// The recorded book of one pair.
#[derive(Debug, Clone)]
pub struct Capture {
    /// The symbol under which the venue lists it.
    pub symbol: Symbol,
    /// The fewest decimals that hold every price in the recording.
    pub price_precision: u8,
    /// The first is the snapshot.
    pub updates: Vec<CapturedUpdate>,
    /// How many checksums were verified.
    pub checksums: usize,
    /// The book at the end: offers best first, then bids best first.
    pub last: Vec<CapturedLevel>,
}

impl Capture {
    /// Loads the book of `pair` from a file. `BTC/CHF` and `XBT/CHF` name the same pair.
    ///
    /// # Errors
    /// [`CaptureError`].
    pub fn load(path: &Path, pair: &str) -> Result<Self, CaptureError> {
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| CaptureError::Read { path: name(), error })?;
        Self::parse(&text, pair)
            .map_err(|error| CaptureError::In { path: name(), error: Box::new(error) })
    }

    /// Loads the book of `pair` from the text of a recording. The whole text has to be well formed;
    /// the checksums of other pairs are not looked at.
    ///
    /// # Errors
    /// [`CaptureError`].
    pub fn parse(text: &str, pair: &str) -> Result<Self, CaptureError> {
        let wanted = canonical_symbol(pair);
        let mut loader = Loader::default();
        let mut available: Vec<String> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line_number = at + 1;
            let malformed = |problem| CaptureError::Malformed { line: line_number, problem };
            let Some(message) = parse::line(line).map_err(malformed)? else { continue };
            if !available.contains(&message.pair) {
                available.push(message.pair.clone());
            }
            if canonical_symbol(&message.pair) == wanted {
                loader.apply(&message, line_number)?;
            }
        }
        let symbol = wanted.parse().ok().filter(|_| !loader.updates.is_empty());
        let Some(symbol) = symbol else {
            return Err(CaptureError::UnknownPair { pair: pair.to_owned(), available });
        };
        loader.finish(symbol)
    }

    /// The instrument: tick and step are one unit of the precisions; the order minimum is 0.0001
    /// and there is no cost minimum. The recording does not know these; change them as you like
    /// before it is listed.
    #[must_use]
    pub fn instrument(&self) -> Instrument {
        Instrument {
            symbol: self.symbol,
            price_precision: self.price_precision,
            qty_precision: QTY_PRECISION,
            tick_size: Px(1),
            qty_step: Qty(1),
            qty_min: Qty(10_000),
            cost_min: Decimal::new(0, 0),
            status: PairStatus::Online,
        }
    }

    /// How long the recording is, nanoseconds at recorded speed.
    #[must_use]
    pub fn duration(&self) -> u64 {
        self.updates.last().map_or(0, |update| update.after)
    }
}

/// Keeps the book while loading. Prices are keyed in units of 10^-[`KEY_SCALE`] until the precision
/// is known.
#[derive(Default)]
struct Loader {
    /// Offers, bids.
    sides: [BTreeMap<i128, Kept>; 2],
    /// Time of receipt and what was set.
    updates: Vec<(u64, SetLevels)>,
    checksums: usize,
    precision: u8,
}

/// Quantities by (is a bid, price); the last word on a level counts.
type SetLevels = BTreeMap<(bool, i128), i64>;

struct Kept {
    qty: i64,
    digits: String,
}

impl Loader {
    fn apply(&mut self, message: &BookMessage, line: usize) -> Result<(), CaptureError> {
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
            if !is_countable(entry) {
                return Err(malformed("the level is worth more than the engine counts"));
            }
            self.precision = self.precision.max(entry.px.scale);
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
        if let Some(recorded) = message.checksum {
            let computed = self.checksum();
            if computed != recorded {
                return Err(CaptureError::Checksum { line, recorded, computed });
            }
            self.checksums += 1;
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

    fn finish(self, symbol: Symbol) -> Result<Capture, CaptureError> {
        let unit = 10i128.pow(u32::from(KEY_SCALE - self.precision));
        let mut keys = self.updates.iter().flat_map(|update| update.1.keys());
        if keys.any(|&(_, key)| key / unit > i128::from(i64::MAX)) {
            return Err(CaptureError::Precision { symbol, decimals: self.precision });
        }
        let level = |is_bid: bool, key: i128, qty: i64| CapturedLevel {
            side: if is_bid { Side::Buy } else { Side::Sell },
            px: Px((key / unit) as i64),
            qty: Qty(qty),
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

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = concat!(
        "wss://ws.kraken.com <-> 1.5\n",
        "1.50: {\"event\":\"heartbeat\"}\n",
        "2.0: [1,{\"as\":[[\"10.50\",\"1.00000000\",\"1\"],[\"11.00\",\"2.00000000\",\"1\"]],",
        "\"bs\":[[\"10.00\",\"0.50000000\",\"1\"]]},\"book-2\",\"XBT/CHF\"]\n",
        "2.25: [1,{\"a\":[[\"10.40\",\"1.00000000\",\"2\"]]},",
        "{\"b\":[[\"10.10\",\"0.30000000\",\"2\",\"r\"]],\"c\":\"CRC\"},\"book-2\",\"XBT/CHF\"]\n",
        "\n",
    );

    fn text() -> String {
        let digits = ["1040100000000", "1050100000000", "101030000000", "100050000000"];
        let crc = crc32fast::hash(digits.concat().as_bytes());
        TEXT.replace("CRC", &crc.to_string())
    }

    #[test]
    fn both_sides_of_an_update_count_and_levels_beyond_the_depth_leave() {
        let capture = Capture::parse(&text(), "BTC/CHF").unwrap();
        assert_eq!(capture.symbol.as_str(), "BTC/CHF");
        assert_eq!((capture.price_precision, capture.checksums), (1, 1));
        assert_eq!(capture.duration(), 250_000_000);
        let brief = |levels: &[CapturedLevel]| -> Vec<_> {
            levels.iter().map(|l| (l.side, l.px.0, l.qty.0)).collect()
        };
        assert_eq!(
            brief(&capture.updates[1].levels),
            [(Side::Sell, 104, 100_000_000), (Side::Sell, 110, 0), (Side::Buy, 101, 30_000_000)]
        );
        assert_eq!(
            brief(&capture.last),
            [
                (Side::Sell, 104, 100_000_000),
                (Side::Sell, 105, 100_000_000),
                (Side::Buy, 101, 30_000_000),
                (Side::Buy, 100, 50_000_000)
            ]
        );
    }

    #[test]
    fn a_changed_digit_is_found_by_the_checksum_with_its_line() {
        let changed = text().replace("0.30000000", "0.30000001");
        let error = Capture::parse(&changed, "XBT/CHF").unwrap_err();
        assert!(matches!(error, CaptureError::Checksum { line: 4, .. }), "{error}");
    }

    #[test]
    fn malformed_lines_are_named_by_number() {
        let good = text();
        for (from, to) in [
            ("2.25: ", "2.25 "),
            ("2.25: ", "now: "),
            ("2.25: [", "2.25: [["),
            ("\"0.30000000\"", "\"0.3O\""),
            ("\"0.30000000\"", "\"-1\""),
            ("\"0.30000000\"", "\"0.000000001\""),
            ("\"10.10\"", "\"0\""),
            ("\"10.10\"", "\"0.0000000000000000001\""),
            ("\"10.10\"", "\"9000000000000000.1\""),
            ("\"10.10\"", "10.10"),
            ("\"r\"", "\"x\""),
            ("\"c\":\"", "\"c\":\"9999999999"),
            (",\"c\":", ",\"d\":"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            let error = Capture::parse(&bad, "XBT/CHF").unwrap_err();
            assert!(matches!(error, CaptureError::Malformed { line: 4, .. }), "{to}: {error}");
        }
        let headless: String = good.lines().skip(3).collect();
        let error = Capture::parse(&headless, "XBT/CHF").unwrap_err();
        assert!(matches!(error, CaptureError::Malformed { line: 1, .. }), "{error}");
    }

    #[test]
    fn an_unknown_pair_is_answered_with_those_that_are_there() {
        let error = Capture::parse(&text(), "ETH/USD").unwrap_err();
        assert_eq!(error.to_string(), "no book of ETH/USD in the recording; it has XBT/CHF");
        assert!(matches!(
            Capture::load(Path::new("no/such/file"), "XBT/CHF"),
            Err(CaptureError::Read { .. })
        ));
    }
}
