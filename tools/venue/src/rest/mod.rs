//! The REST interfaces: the small part of Kraken's that a client needs when no FIX session reaches an order
//! any more. HTTP/1.1 over the venue's TLS, calls signed as Kraken's are; one port for both markets, the path
//! says which is meant.
//!
//! # Spot
//!
//! | call | what it does |
//! |---|---|
//! | `/0/private/CancelOrder` | cancels the order of `txid` (OrderID) or `cl_ord_id` |
//! | `/0/private/CancelAll` | cancels every open order of the account |
//! | `/0/private/CancelAllOrdersAfter` | does so when `timeout` seconds pass without another such call; 0: no more |
//! | `/0/private/OpenOrders` | lists the open orders; `cl_ord_id` and `userref` narrow it |
//! | `/0/private/QueryOrders` | shows the orders of `txid`, open or ended; up to 50 OrderIDs with commas between |
//! | `/0/private/ClosedOrders` | lists the 50 that ended last; `cl_ord_id` and `userref` narrow it |
//!
//! A call is a POST of form fields with the headers `API-Key` and `API-Sign`; `nonce` has to be above the last
//! one of its key. A key acts for the account of the first spot client that has it, whatever session placed an
//! order; the session that did is told by an ExecutionReport. Answers are `{"error":[...],"result":{...}}` with
//! status 200, whatever the call came to; other statuses are about HTTP.
//!
//! Choices (SIM): the port ([`PORT`]), what the paths above leave out of an order (trades, `closetm`), that
//! `opentm` of an ended order is when it was amended last, that the last of those that ended
//! ([`ENDED_ORDERS_MAX`](crate::limits::ENDED_ORDERS_MAX)) are known, that `start`, `end` and `ofs` change nothing, that a
//! nonce of FIX does not count here, and that `userref` matches nothing, since FIX orders have none.
//!
//! # Derivatives
//!
//! | call | method | tokens | what it does |
//! |---|---|---|---|
//! | `/derivatives/api/v3/cancelorder` | POST | 10 | cancels the order of `order_id` (OrderID) or `cliOrdId` |
//! | `/derivatives/api/v3/cancelallorders` | POST | 25 | cancels every open order of the account, or of `symbol` |
//! | `/derivatives/api/v3/cancelallordersafter` | POST | 25 | does so when `timeout` seconds pass; 0: no more |
//! | `/derivatives/api/v3/openorders` | GET | 2 | lists the open orders |
//!
//! Headers `APIKey`, `Authent` and, if the caller likes, `Nonce`; fields in the query or as a form, and what is
//! signed is the text of both as it came. A key acts for the account of the first derivatives client that has
//! it. Answers are `{"result":"success",...,"serverTime":...}` or `{"result":"error","error":...}` with status
//! 200. That a call succeeded does not mean that an order was cancelled: `cancelStatus.status` says that.
//!
//! Tokens come out of a bucket of the client's own, 500 in 10 seconds unless configured otherwise, which FIX does
//! not share (venue file 7).
//!
//! Choices (SIM): how long nonces may come out of order (the [`NONCES_KEPT`](crate::limits::NONCES_KEPT) highest
//! are remembered: each once, none below them), `authenticationError` for whoever may not trade or is locked
//! out, `marketUnavailable` where the engine refuses a cancel, `filled` only for a cancel by `order_id`, and
//! the order of openorders (the oldest first).

mod call;
mod connections;
pub(crate) mod derivatives;
mod http;
mod listing;
mod timers;

pub use call::{Answer, Call};
pub(crate) use call::{Form, Refused, result};
pub(crate) use connections::Connections;
pub(crate) use listing::{closed, listed};
pub(crate) use timers::{CancelTimers, TIMEOUT_MAX_S};

/// Where it listens, without offset: 443 is not for everybody to bind, so it is in the range of the others.
pub const PORT: u16 = 4443;
/// Most OrderIDs of one QueryOrders.
pub(crate) const QUERIED_MAX: usize = 50;
/// Most orders of one answer of ClosedOrders.
pub(crate) const CLOSED_MAX: usize = 50;
/// Its name in listings.
pub const NAME: &str = "rest";
