//! One line of a recorded WS-v1 book stream: of spot, in the form below, or of futures (`futures`).
//!
//! ```text
//! wss://ws.kraken.com <- 1618678132.82: {...}                       a header: skipped
//! 1618678133.29: {"event":"heartbeat"}                              not a book: skipped
//! 1618678133.71: [464,{"as":[[px,qty,time]..],"bs":[..]},"book-1000","XBT/CHF"]
//! 1618678134.21: [992,{"b":[[px,qty,time]..],"c":"2583817756"},"book-1000","XMR/USD"]
//! 1618678134.22: [992,{"a":[..]},{"b":[[px,qty,time,"r"]..],"c":".."},"book-1000","XMR/USD"]
//! ```

mod futures;

use serde_json::{Map, Value};
use taut::types::Side;
use taut_codec::value::Decimal;

/// How a message proves that nothing is missing before it.
#[derive(Clone, Copy)]
pub(super) enum Proof {
    /// Nothing: the snapshot of a spot book.
    None,
    /// The checksum of the book after it: spot.
    Checksum(u32),
    /// A number that counts the messages of the book, the snapshot's included: futures.
    Sequence(u64),
}

/// A message of a book channel.
pub(super) struct BookMessage {
    /// Time of receipt, nanoseconds since the epoch.
    pub(super) at: u64,
    pub(super) pair: String,
    pub(super) depth: usize,
    pub(super) is_snapshot: bool,
    pub(super) entries: Vec<Entry>,
    pub(super) proof: Proof,
}

/// One level of a message.
pub(super) struct Entry {
    pub(super) side: Side,
    pub(super) px: Decimal,
    pub(super) qty: Decimal,
    /// Price and volume as the checksum wants them: without point and leading zeros.
    pub(super) digits: String,
}

/// Reads a line; `None` if it is not a message of a book channel.
pub(super) fn line(line: &str) -> Result<Option<BookMessage>, &'static str> {
    if line.trim().is_empty() || line.starts_with("wss://") {
        return Ok(None);
    }
    let (time, json) = line.split_once(": ").ok_or("not of the form `time: json`")?;
    let at = Decimal::parse(time.as_bytes())
        .and_then(|time| time.to_scale(9))
        .ok()
        .and_then(|nanos| u64::try_from(nanos).ok())
        .ok_or("the time is not a number of seconds")?;
    let value: Value = serde_json::from_str(json).map_err(|_| "the message is not JSON")?;
    match value {
        Value::Array(parts) => spot(at, &parts),
        Value::Object(body) => futures::message(at, &body),
        _ => Err("the message is neither array nor object"),
    }
}

fn spot(at: u64, parts: &[Value]) -> Result<Option<BookMessage>, &'static str> {
    let [_, bodies @ .., Value::String(channel), Value::String(pair)] = parts else {
        return Err("a channel message ends with channel and pair");
    };
    let Some(depth) = channel.strip_prefix("book-") else { return Ok(None) };
    let depth = depth.parse().map_err(|_| "the depth of the channel is not a number")?;
    let mut message = BookMessage {
        at,
        pair: pair.clone(),
        depth,
        is_snapshot: false,
        entries: Vec::new(),
        proof: Proof::None,
    };
    for body in bodies {
        message.read(body.as_object().ok_or("a body is not an object")?)?;
    }
    if bodies.is_empty() {
        return Err("the message has no body");
    }
    if !message.is_snapshot && !matches!(message.proof, Proof::Checksum(_)) {
        return Err("an update has no checksum");
    }
    Ok(Some(message))
}

impl BookMessage {
    fn read(&mut self, body: &Map<String, Value>) -> Result<(), &'static str> {
        for (key, value) in body {
            let side = match key.as_str() {
                "c" => {
                    let text = value.as_str().and_then(|text| text.parse().ok());
                    self.proof =
                        Proof::Checksum(text.ok_or("the checksum is not a 32-bit number")?);
                    continue;
                }
                "a" | "as" => Side::Sell,
                "b" | "bs" => Side::Buy,
                _ => return Err("unknown key in a body"),
            };
            self.is_snapshot |= key.len() == 2;
            for level in value.as_array().ok_or("levels are not an array")? {
                self.entries.push(entry(side, level)?);
            }
        }
        Ok(())
    }
}

fn entry(side: Side, level: &Value) -> Result<Entry, &'static str> {
    let parts = level.as_array().ok_or("a level is not an array")?;
    // A fourth element `r` marks a level that was published before; it is applied all the same.
    let [Value::String(px), Value::String(qty), Value::String(_), rest @ ..] = parts.as_slice()
    else {
        return Err("a level is not [price, volume, time]");
    };
    if rest.len() > 1 || rest.iter().any(|mark| mark != "r") {
        return Err("a level ends with something else than `r`");
    }
    let number = |text: &str| Decimal::parse(text.as_bytes()).ok();
    let (px_number, qty_number) =
        number(px).zip(number(qty)).ok_or("price or volume is not a decimal number")?;
    let digits =
        [px, qty].map(|text| text.replace('.', "").trim_start_matches('0').to_owned()).concat();
    Entry::new(side, px_number, qty_number, digits)
}

impl Entry {
    fn new(side: Side, px: Decimal, qty: Decimal, digits: String) -> Result<Self, &'static str> {
        if px.mantissa <= 0 || qty.mantissa < 0 {
            return Err("price or volume is out of range");
        }
        Ok(Self { side, px: px.normalized(), qty: qty.normalized(), digits })
    }
}
