//! The seam between the engine, which knows orders, prices and priority, and a market, which knows money.

use taut::event::Liquidity;
use taut::types::{Instrument, InstrumentId, Px, Qty};

use super::account::{AccountFlags, Asset, AssetId};
use super::command::SelfTrade;
use super::order::Order;
use super::reason::RejectReason;
use super::triggers::Index;
use crate::state::Restored;

/// What an order could cost: all that is open, for `cost` in units of price x quantity. Of an order with a
/// limit that is counted at its price, of one with a trigger at the trigger price; of a market order it is
/// what the book would take for it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Quantity.
    pub qty: Qty,
    /// Sum of price x quantity.
    pub cost: i128,
}

/// One side of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// LastPx(31).
    pub px: Px,
    /// LastQty(32).
    pub qty: Qty,
    /// Whether the order rested or came.
    pub liquidity: Liquidity,
}

/// What a market does with money: balances and fees on spot, positions and margin on derivatives. An
/// [`super::Engine`] asks it before an order exists, tells it of every change of what an order may cost
/// and of every trade, and leaves the rest to it.
///
/// A settlement knows accounts and instruments by position: the engine calls [`Settlement::open_account`]
/// once per account, the first of which is [`super::FEE_ACCOUNT`], and the market's own constructor lists
/// an instrument in both ([`super::spot`] shows how). `Order::hold`, `Order::fee` and `Order::fee_exact`
/// belong to the settlement.
pub trait Settlement: Restored {
    /// Whether what leads to nothing is refused, rather than accepted: an order that would end because it
    /// meets one of its own account, or that must trade at once and cannot, and an amend without a change.
    const REFUSES_FUTILE: bool = false;

    /// The next account was opened.
    fn open_account(&mut self, flags: AccountFlags);

    /// Whether quantity and cost are small enough to count with.
    fn in_range(&self, instrument: InstrumentId, qty: Qty, cost: i128) -> bool;

    /// What `order` has to hold, given that it holds `order.hold` now. The order may be one that does not
    /// exist yet, or a copy with other terms.
    ///
    /// # Errors
    /// The reason if its account cannot afford it.
    fn hold_for(&self, order: &Order, estimate: Estimate) -> Result<i128, RejectReason>;

    /// Lets `order` hold as much as [`Settlement::hold_for`] said, or nothing when it ends.
    fn set_hold(&mut self, order: &mut Order, hold: i128);

    /// Books one side of a trade whose quantity and cost `order` counts already, and adjusts its hold.
    /// Returns the fee of this trade alone.
    fn fill(&mut self, order: &mut Order, fill: Fill) -> i128;

    /// How much `order` may trade as its account stands: less than is open if it may only reduce a
    /// position, or if the position would leave
    /// [`POSITION_UNITS_MAX`](crate::limits::POSITION_UNITS_MAX).
    fn room(&self, order: &Order) -> Qty {
        let _ = order;
        Qty(i64::MAX)
    }

    /// The last price of an instrument is `px`.
    fn mark(&mut self, instrument: InstrumentId, px: Px) {
        let _ = (instrument, px);
    }

    /// The index of an instrument is `index`.
    fn see_index(&mut self, instrument: InstrumentId, index: Index) {
        let _ = (instrument, index);
    }

    /// What self-trade prevention does if `taker` meets `maker`; `None` if they may trade.
    fn self_trade(&self, taker: &Order, maker: &Order) -> Option<SelfTrade> {
        (taker.account == maker.account).then_some(taker.self_trade)
    }

    /// Whether what the sides of all trades so far gained and lost is nothing in sum, for the assets of
    /// this instrument. Asserted after each trade.
    fn is_balanced(&self, instrument: InstrumentId) -> bool;

    /// The asset of an order's fee.
    fn fee_asset(&self, order: &Order) -> AssetId;

    /// The name of an asset, MiscFeeCurr(138).
    fn asset(&self, id: AssetId) -> Option<Asset>;

    /// Decimals of a fee in `asset` for a trade of `instrument`.
    fn fee_scale(&self, instrument: &Instrument, asset: AssetId) -> u8;
}
