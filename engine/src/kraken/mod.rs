//! The Kraken dialect: what the venue file says about logon and messages, on top of the codec.

pub mod decode;
pub mod earlier;
pub mod encode;
pub mod instruments;
pub mod logon;
pub mod rest;
pub mod session;

use crate::types::Market;

/// How the venue's CompIDs of the derivatives market begin (venue file 1).
const DERIVATIVES: &[u8] = b"KRAKEN-DRV-";

/// The market of a session, by the venue's CompID.
#[must_use]
pub fn market_of_comp_id(id: &[u8]) -> Market {
    if id.starts_with(DERIVATIVES) { Market::Derivatives } else { Market::Spot }
}
