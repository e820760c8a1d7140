//! Trading engines: price-time books, order types and self-trade prevention as one deterministic state
//! machine. No clock, no I/O, no randomness; nothing is allocated per command once the structures have
//! reached their working size.
//!
//! # One engine, several markets
//! [`Engine`] is what all markets share: the order pool, the books, the commands and their checks, the
//! matching loop, the events. What a market does with money is its [`Settlement`]: [`spot`] keeps balances,
//! holds and fees, [`derivatives`] positions, margin and wallets. Each has an alias `Engine<ItsSettlement>`
//! and, in an `impl` block of that alias, a constructor, the listing of its instruments and what can be
//! asked of its money; nothing of the shared part knows which market it is in.
//!
//! A command goes `entry.rs` -> `check.rs` (refused or not) -> `take.rs` (trades) -> `book.rs` and its `ladder.rs` (rests), or
//! waits in `timers.rs` or `triggers.rs` until `time.rs` lets it go on.
//!
//! Commands go in with the time, [`EngineEvent`]s come out in the caller's buffer. An event is
//! self-contained: it carries the [`OrderState`] as it was right after the event, so that several
//! commands may run before the first report is made, and an ended order's slot is free at once.
//!
//! # Choices where the venue file is silent ("SIM")
//! | topic | choice |
//! |---|---|
//! | fee currency | that of the order (18=f, q), else [`FeeCurrency::Given`]: base for sells, quote for buys (6.13 literally); margin orders pay in quote. The fee comes on top of what is given and is part of the hold |
//! | fee rounding | up to the next unit of 10^-`qty_precision` (base) or 10^-(`price_precision` + `qty_precision`) (quote), once per order and not per trade, in the venue's favour |
//! | hold of a limit order | its remainder at its price plus the fee at the higher of the two rates |
//! | hold of a market buy | what the book as it stands would cost, plus the fee at the higher rate |
//! | hold of an order with a trigger | at its limit or else its trigger price; counted anew when it triggers |
//! | market order on an empty book | accepted, then cancelled with [`CancelReason::NoLiquidity`] |
//! | market price protection | [`Rules::market_protection`], of the best price at arrival; the rest is cancelled |
//! | fill-or-kill that cannot be filled | accepted, then cancelled with [`CancelReason::FillOrKill`]; nobody's orders are touched |
//! | post-only with IOC, FOK or market | refused, `EGeneral:Invalid arguments` |
//! | quantity off the step | refused, `EGeneral:Invalid arguments:volume` |
//! | quantity in quote (18=v) | market buys without margin; 38 and 151 in quote, 14 and 32 in base; an amount too small for another step ends the order filled |
//! | mode of self-trade prevention | that of the order that arrives (or is amended into a match) |
//! | stop price that the market has passed | triggers at once, or refused: [`Rules::refuse_passed_stops`] |
//! | trailing stop limit | 44 is an offset from the trigger price, which is peak less distance |
//! | several triggers at one price | rising ones first, nearest first, then oldest first |
//! | triggers while the market does not trade | wait for it; then see the price that is current |
//! | price watched for 388=1 without index feed | the last trade; without any index the order is refused |
//! | EffectiveTime | at most a month ahead, before ExpireTime; what would refuse the order at that time cancels it |
//! | amend before EffectiveTime | 150=5 with 39=E |
//! | DisplayQty lowered | shows less at once; off the step or not positive: refused |
//! | reduce-only on spot | margin orders that close; ends when its turn comes and the position is gone |
//! | margin | see [`spot`]: no interest, no liquidation; the margin is held in quote |
//! | maintenance | new, amend, cancel and the client's mass cancel refused or skipped (4.13); cancel on disconnect still works |
//! | order in which rules are checked | instrument, account, times, market status, shape, size, prices, display, cost, post-only, capacity, funds |

mod account;
mod book;
mod check;
mod command;
pub mod derivatives;
mod engine;
mod entry;
mod event;
mod ids;
mod ladder;
mod ledger;
mod order;
mod pool;
mod reason;
mod settlement;
mod setup;
pub mod spot;
mod take;
mod time;
mod timers;
mod triggers;

#[cfg(test)]
mod tests;

pub use account::{AccountFlags, AccountId, Asset, AssetId, FEE_ACCOUNT};
pub use book::{Book, Level, LevelChange};
pub use command::{
    Amend, Cancel, CancelWhere, Command, Conditions, NewOrder, Reference, SelfTrade,
};
pub use derivatives::{
    ContractKind, ContractTerms, Derivatives, DerivativesConfig, DerivativesEngine,
    FuturesPosition, FuturesSelfTrade, Wallet, WalletState, contract_cash,
};
pub use engine::Engine;
pub use event::{Asker, EngineEvent, EventKind, OrderState, Rejection, Request, Trade};
pub use ids::OrderIds;
pub use ledger::{AMOUNT_MAX, Balance, FeeCurrency, FeeSchedule, MONEY_SCALE};
pub use order::{Order, OrderRef, Stage};
pub use reason::{CancelReason, RejectReason};
pub use settlement::{Estimate, Fill, Settlement};
pub use setup::{EngineConfig, Rules, SetupError};
pub use spot::{MarginTerms, Position, Spot, SpotConfig, SpotEngine};
pub use triggers::Index;
