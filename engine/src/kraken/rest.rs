//! Kraken's REST interfaces, as much of them as the cancel ladder needs: the calls and their answers, a small
//! HTTPS client, and the signatures, for both sides. Spot and derivatives have one each.
//!
//! Nothing here is for the path: calls wait for a socket and allocate.

mod client;
mod derivatives;
mod http;
mod spot;

pub use client::RestClient;
pub use derivatives::PATH as DERIVATIVES_PATH;
pub use http::{Response, read_response};

use taut_codec::ids::Market;

use super::logon::{Credentials, Password};
use crate::command::RestKind;
use crate::event::{Listed, RestSaid};
use crate::types::Side;

/// An API-Sign (spot) or Authent (derivatives) header.
pub type Signature = Password;

/// The bytes of a signed call. `nonce` has to be above that of every earlier call of the key; `host` is ours
/// and holds no control byte.
///
/// # Panics
/// For a [`RestKind::QueryOrder`] on derivatives.
#[must_use]
pub fn request(
    market: Market,
    host: &str,
    credentials: &Credentials,
    kind: &RestKind,
    nonce: u64,
) -> Vec<u8> {
    match market {
        Market::Spot => spot::request(host, credentials, kind, nonce),
        Market::Derivatives => derivatives::request(host, credentials, kind, nonce),
    }
}

/// What the JSON of an answer says, part by part, in order; the last part ends the answer.
pub fn read_answer(market: Market, kind: &RestKind, json: &[u8], mut each: impl FnMut(RestSaid)) {
    let parts = match market {
        Market::Spot => spot::parts(kind, json),
        Market::Derivatives => derivatives::parts(kind, json),
    };
    match parts {
        Ok(parts) => parts.into_iter().for_each(each),
        Err(problem) => each(RestSaid::Failed(problem)),
    }
}

/// The parts of a list of open orders; `None`: an entry that cannot be read, which is counted only.
fn list(entries: impl ExactSizeIterator<Item = Option<Listed>>) -> Vec<RestSaid> {
    let count = count(entries.len());
    entries.flatten().map(RestSaid::Listed).chain([RestSaid::ListEnd { count }]).collect()
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn side(text: &str) -> Option<Side> {
    match text {
        "buy" => Some(Side::Buy),
        "sell" => Some(Side::Sell),
        _ => None,
    }
}

/// A value of a form: of the bytes that mean something in one, a venue uses none in an id.
fn escaped(text: &[u8]) -> String {
    let one = |&byte: &u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.iter().map(one).collect()
}
