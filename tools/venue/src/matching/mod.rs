//! The spot trading engine: price-time books, balances, fees and self-trade prevention as one
//! deterministic state machine. No clock, no I/O, no randomness; nothing is allocated per command
//! once the structures have reached their working size.
//!
//! Commands go in with the time, [`EngineEvent`]s come out in the caller's buffer. An event is
//! self-contained: it carries the [`OrderState`] as it was right after the event, so that several
//! commands may run before the first report is made, and an ended order's slot is free at once.
//!
//! # Choices where the venue file is silent ("SIM")
//! | topic | choice |
//! |---|---|
//! | fee currency | [`FeeCurrency::Given`]: base for sells, quote for buys (6.13 literally); the fee comes on top of what is given and is part of the hold |
//! | fee rounding | up to the next unit of 10^-`qty_precision` (base) or 10^-(`price_precision` + `qty_precision`) (quote), once per order and not per trade, in the venue's favour |
//! | hold of a limit order | its remainder at its price plus the fee at the higher of the two rates |
//! | hold of a market buy | what the book as it stands would cost, plus the fee at the higher rate |
//! | market order on an empty book | accepted, then cancelled with [`CancelReason::NoLiquidity`] |
//! | post-only with IOC or market | refused, `EGeneral:Invalid arguments` |
//! | quantity off the step | refused, `EGeneral:Invalid arguments:volume` |
//! | mode of self-trade prevention | that of the order that arrives (or is amended into a match) |
//! | maintenance | new, amend, cancel and the client's mass cancel refused or skipped (4.13); cancel on disconnect still works |
//! | order in which rules are checked | instrument, account, market status, shape, size, price, cost, post-only, capacity, funds |

mod book;
mod check;
mod command;
mod engine;
mod event;
mod ids;
mod ledger;
mod orders;
mod settle;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use book::{Book, Level, LevelChange};
pub use command::{Amend, Cancel, CancelWhere, Command, NewOrder, SelfTrade};
pub use engine::{SetupError, SpotConfig, SpotEngine};
pub use event::{
    CancelReason, EngineEvent, EventKind, OrderState, RejectReason, Rejection, Request, Trade,
};
pub use ids::OrderIds;
pub use ledger::{
    AMOUNT_MAX, AccountFlags, AccountId, Asset, AssetId, Balance, FEE_ACCOUNT, FeeCurrency,
    FeeSchedule, MONEY_SCALE,
};
pub use orders::{Order, OrderRef};
