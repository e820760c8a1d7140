//! Messages of the futures feed.
//!
//! ```text
//! 1626994927.69: {"feed":"book_snapshot","product_id":"PI_XRPUSD","seq":7,"bids":[{"price":0.58,"qty":320.0}..],"asks":[..]}
//! 1626994928.03: {"feed":"book","product_id":"PI_XRPUSD","side":"sell","seq":8,"price":0.59,"qty":0.0}
//! ```
//! There is no checksum: `seq` counts the messages of a book, so that a missing one shows.

use serde_json::{Map, Value};
use taut::types::Side;
use taut_codec::value::Decimal;

use super::{BookMessage, Entry, Proof};

/// Reads a message; `None` if it is not one of a book.
pub(super) fn message(
    at: u64,
    body: &Map<String, Value>,
) -> Result<Option<BookMessage>, &'static str> {
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    // A confirmation of the subscription names the feed too.
    let is_snapshot = match (text("feed"), text("event")) {
        (Some("book_snapshot"), None) => true,
        (Some("book"), None) => false,
        _ => return Ok(None),
    };
    let pair = text("product_id").ok_or("the message has no product_id")?.to_owned();
    let seq = body.get("seq").and_then(Value::as_u64).ok_or("the message has no seq")?;
    let mut entries = Vec::new();
    if is_snapshot {
        for (key, side) in [("bids", Side::Buy), ("asks", Side::Sell)] {
            let levels = body.get(key).and_then(Value::as_array).ok_or("a side is not an array")?;
            for level in levels {
                let level = level.as_object().ok_or("a level is not an object")?;
                entries.push(entry(side, level)?);
            }
        }
    } else {
        let side = match text("side") {
            Some("buy") => Side::Buy,
            Some("sell") => Side::Sell,
            _ => return Err("the side is neither buy nor sell"),
        };
        entries.push(entry(side, body)?);
    }
    let (depth, proof) = (usize::MAX, Proof::Sequence(seq));
    Ok(Some(BookMessage { at, pair, depth, is_snapshot, entries, proof }))
}

/// Price and quantity are numbers of JSON: what a double prints is what was written, up to fifteen digits.
fn entry(side: Side, level: &Map<String, Value>) -> Result<Entry, &'static str> {
    let number = |key: &str| {
        let value = level.get(key).filter(|value| value.is_number())?;
        Decimal::parse(value.to_string().as_bytes()).ok()
    };
    let (px, qty) =
        number("price").zip(number("qty")).ok_or("price or quantity is not a decimal number")?;
    Entry::new(side, px, qty, String::new())
}
