//! A recorded Kraken book: loaded whole, every checksum verified, ready to be replayed.

mod loader;
#[cfg(test)]
mod tests;

use std::path::Path;

use taut::types::{Instrument, PairStatus, Px, Qty, Side, Symbol};
use taut_codec::value::Decimal;

use super::parse;
use loader::Loader;

/// Decimals of a quantity on Kraken's spot books, and the most on futures.
const QTY_PRECISION: u8 = 8;

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
    /// The number of a message does not follow that of the one before: messages are missing.
    #[error("line {line}: message {got} of the book does not follow {before}")]
    Sequence {
        /// Line number from 1.
        line: usize,
        /// The number of the message before.
        before: u64,
        /// The number of this one.
        got: u64,
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
    /// Decimals of a quantity: 8 on spot; on futures, which count contracts, the fewest that do.
    pub qty_precision: u8,
    /// The first is the snapshot.
    pub updates: Vec<CapturedUpdate>,
    /// How many checksums (spot) or numbers of messages (futures) were verified.
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
        let (mut all, available) = read(text, |symbol| symbol == wanted)?;
        match all.pop() {
            Some(capture) => Ok(capture),
            None => Err(CaptureError::UnknownPair { pair: pair.to_owned(), available }),
        }
    }

    /// Loads the books of all pairs of a file, in the order in which they come first.
    ///
    /// # Errors
    /// [`CaptureError`]; a file without any book is [`CaptureError::UnknownPair`].
    pub fn load_all(path: &Path) -> Result<Vec<Self>, CaptureError> {
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| CaptureError::Read { path: name(), error })?;
        Self::parse_all(&text)
            .map_err(|error| CaptureError::In { path: name(), error: Box::new(error) })
    }

    /// Loads the books of all pairs from the text of a recording.
    ///
    /// # Errors
    /// See [`Capture::load_all`].
    pub fn parse_all(text: &str) -> Result<Vec<Self>, CaptureError> {
        let (all, available) = read(text, |_| true)?;
        if all.is_empty() {
            return Err(CaptureError::UnknownPair { pair: "any pair".into(), available });
        }
        Ok(all)
    }

    /// The instrument: tick and step are one unit of the precisions; the order minimum is 0.0001 on spot
    /// and one unit on futures, and there is no cost minimum. The recording does not know these; change them as you like
    /// before it is listed.
    #[must_use]
    pub fn instrument(&self) -> Instrument {
        Instrument {
            symbol: self.symbol,
            price_precision: self.price_precision,
            qty_precision: self.qty_precision,
            tick_size: Px(1),
            qty_step: Qty(1),
            qty_min: Qty(if self.qty_precision == QTY_PRECISION { 10_000 } else { 1 }),
            qty_max: None,
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

/// Reads the books whose canonical symbol is wanted; also the names of all that are there.
fn read(
    text: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<(Vec<Capture>, Vec<String>), CaptureError> {
    let mut loaders: Vec<(String, Loader)> = Vec::new();
    let mut available: Vec<String> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line_number = at + 1;
        let malformed = |problem| CaptureError::Malformed { line: line_number, problem };
        let Some(message) = parse::line(line).map_err(malformed)? else { continue };
        if !available.contains(&message.pair) {
            available.push(message.pair.clone());
        }
        let symbol = canonical_symbol(&message.pair);
        if wanted(&symbol) {
            let at = loaders.iter().position(|one| one.0 == symbol).unwrap_or_else(|| {
                loaders.push((symbol, Loader::default()));
                loaders.len() - 1
            });
            loaders[at].1.apply(&message, line_number)?;
        }
    }
    let mut all = Vec::new();
    for (symbol, loader) in loaders {
        let symbol = symbol.parse().map_err(|_| CaptureError::Malformed {
            line: 0,
            problem: "the name of a pair is too long",
        })?;
        all.push(loader.finish(symbol)?);
    }
    Ok((all, available))
}
