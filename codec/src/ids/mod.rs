//! The ids and names that Kraken's messages carry, as small copies.

mod cl_ord_id;
mod exec_id;
mod shape;

pub use cl_ord_id::{COMB_UNIT_NS, COMB_WINDOW_NS, ClOrdId, CombError};
pub use exec_id::DerivedExecId;
pub use shape::{Market, is_inverse, order_id_market, symbol_currencies, symbol_market};

use crate::value::FixStr;

/// A trading pair or contract as it is written on the wire, `BTC/USD`.
pub type Symbol = FixStr<23>;
/// A ClOrdID on the wire: numeric up to 18 digits (spot) or a COMB UUID of 36 characters
/// (derivatives); venue file 6.9.
pub type ClOrdIdText = FixStr<36>;
/// An OrderID(37): `OKWUQF-YPJM2-DTAJHH` on spot, a UUID on derivatives; venue file 4.6.
pub type OrderId = FixStr<36>;
/// An ExecID(17), opaque unless it is a [`DerivedExecId`]; venue file 4.6.3.
pub type ExecId = FixStr<47>;
