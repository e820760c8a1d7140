//! Messages written with `|` for SOH, and the captures beside the repository.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;

use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};

/// The bytes of a message.
pub fn bytes_of(text: &str) -> Vec<u8> {
    text.replace('|', "\x01").into_bytes()
}

/// A message with a good header and the given body, `8` to `10`.
pub fn message(msg_type: &str, body: &str) -> Vec<u8> {
    let start = format!("35={msg_type}|34=2|49=damien|52=20230707-13:56:08.000|56=KRAKEN-TRD|");
    framed(&(start + body))
}

/// Puts BeginString and BodyLength before, and CheckSum behind `inner`, which starts with `35=`.
pub fn framed(inner: &str) -> Vec<u8> {
    let mut bytes = bytes_of(&format!("8=FIX.4.4|9={}|{inner}", inner.len()));
    let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
    bytes
}

/// Indexes a message and hands its view to `look`.
pub fn with<R>(bytes: &[u8], look: impl FnOnce(&Message<'_>) -> R) -> R {
    let mut fields = vec![Field::default(); bytes.len() / 2];
    let count = Scanner::new().index(bytes, &mut fields).expect("a well-framed message");
    look(&Message::new(bytes, &fields[..count]))
}

/// The captures in which nothing is redacted, `None` where they are not beside the repository.
pub fn captures() -> Option<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/venue/golden-captures.txt");
    let Ok(text) = std::fs::read_to_string(&path) else {
        skipped(format_args!("there is no {}", path.display()));
        return None;
    };
    let exact = text.lines().filter_map(|line| line.split_once("| BYTE-EXACT | "));
    Some(exact.map(|(_, message)| message.to_owned()).collect())
}

/// Says past the capture of the test runner that a test lacks what it needs; with `TAUT_REQUIRE_ALL=1` it
/// fails instead.
pub fn skipped(why: std::fmt::Arguments) {
    use std::io::Write;

    let required = std::env::var_os("TAUT_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!required, "TAUT_REQUIRE_ALL=1, but: {why}");
    // Nobody may be listening.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
