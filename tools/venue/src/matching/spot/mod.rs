//! Spot: balances of two assets per pair, holds, and fees in one of the two.

mod margin;
mod market;

use taut::types::{Instrument, InstrumentId, Px, Qty};
use taut_codec::value::Decimal;

pub use margin::{MarginTerms, Position};

use super::account::{AccountFlags, AccountId, Asset, AssetId, FEE_ACCOUNT};
use super::engine::Engine;
use super::ids::OrderIds;
use super::ledger::{
    AMOUNT_MAX, Balance, FEE_RATE_MAX, FeeSchedule, Ledger, MONEY_SCALE, part_of, pow10,
};
use super::order::Order;
use super::reason::RejectReason;
use super::settlement::{Estimate, Fill, Settlement};
use super::setup::{EngineConfig, Rules, SetupError};
use crate::limits::POSITION_UNITS_MAX;
use crate::state::{Restored, Source, save_all};
use margin::Positions;
use market::Pair;

/// What the engine is made with.
#[derive(Debug, Clone, Copy)]
pub struct SpotConfig {
    /// Most orders that live at the same time, over all books; memory for them is taken at start.
    pub orders_max: usize,
    /// Levels per side that a book has room for before it grows.
    pub levels: usize,
    /// Fee rates and currency.
    pub fees: FeeSchedule,
    /// Salt of the OrderIDs.
    pub id_salt: u64,
    /// What the venue file leaves open.
    pub rules: Rules,
    /// Most that the positions of an account may have cost, per quote currency, whole units.
    pub margin_allowance: u64,
}

impl Default for SpotConfig {
    fn default() -> Self {
        Self {
            orders_max: 65_536,
            levels: 2048,
            fees: FeeSchedule::default(),
            id_salt: 0,
            rules: Rules::default(),
            margin_allowance: 100_000_000,
        }
    }
}

/// The money of the spot market.
#[derive(Debug)]
pub struct Spot {
    fees: FeeSchedule,
    pairs: Vec<Pair>,
    ledger: Ledger,
    positions: Positions,
    /// Ledger units.
    margin_allowance: i128,
}

/// The spot trading engine.
pub type SpotEngine = Engine<Spot>;

impl Spot {
    fn pair(&self, instrument: InstrumentId) -> &Pair {
        &self.pairs[usize::from(instrument.0)]
    }
}

impl Settlement for Spot {
    fn open_account(&mut self, flags: AccountFlags) {
        self.ledger.add_account(flags);
        self.positions.add_account();
    }

    fn in_range(&self, instrument: InstrumentId, qty: Qty, cost: i128) -> bool {
        self.pair(instrument).in_range(qty, cost)
    }

    fn hold_for(&self, order: &Order, estimate: Estimate) -> Result<i128, RejectReason> {
        if order.leveraged {
            return self.margin_for(order, estimate);
        }
        if order.reduce_only {
            return Err(RejectReason::ReduceOnlyNotClosing);
        }
        let pair = self.pair(order.instrument);
        let hold = pair.hold(&self.fees, order, estimate);
        let more = hold - order.hold;
        if more > 0 && !self.ledger.can_hold(order.account, pair.held(order), more) {
            return Err(RejectReason::InsufficientFunds);
        }
        Ok(hold)
    }

    fn set_hold(&mut self, order: &mut Order, hold: i128) {
        if hold == order.hold {
            return;
        }
        let asset = self.pair(order.instrument).held(order);
        self.ledger.hold(order.account, asset, hold - order.hold);
        order.hold = hold;
    }

    fn fill(&mut self, order: &mut Order, fill: Fill) -> i128 {
        let pair = &self.pairs[usize::from(order.instrument.0)];
        let fee = pair.settle(&mut self.ledger, &self.fees, order, fill);
        let hold = if order.leveraged {
            let left = order.leaves().0;
            let hold = part_of(order.hold, left, left + fill.qty.0);
            self.move_position(order, fill);
            hold
        } else {
            pair.hold_after(&self.fees, order, fill, fee)
        };
        self.set_hold(order, hold);
        fee
    }

    fn room(&self, order: &Order) -> Qty {
        match order {
            Order { reduce_only: true, .. } => self.closable(order),
            Order { leveraged: true, .. } => {
                let position = self.positions.get(order.account, order.instrument);
                Qty(POSITION_UNITS_MAX.saturating_sub(position.qty * order.side.sign()))
            }
            _ => Qty(i64::MAX),
        }
    }

    fn mark(&mut self, instrument: InstrumentId, px: Px) {
        self.pairs[usize::from(instrument.0)].last = Some(px);
    }

    fn is_balanced(&self, instrument: InstrumentId) -> bool {
        let pair = self.pair(instrument);
        self.ledger.flow(pair.base) == 0 && self.ledger.flow(pair.quote) == 0
    }

    fn fee_asset(&self, order: &Order) -> AssetId {
        self.pair(order.instrument).fee_asset(&self.fees, order)
    }

    fn asset(&self, id: AssetId) -> Option<Asset> {
        self.ledger.assets.get(usize::from(id.0)).copied()
    }

    fn fee_scale(&self, instrument: &Instrument, asset: AssetId) -> u8 {
        let base = instrument.symbol.as_str().split('/').next();
        let is_base = self.asset(asset).is_some_and(|asset| Some(asset.as_str()) == base);
        instrument.qty_precision + if is_base { 0 } else { instrument.price_precision }
    }
}

impl SpotEngine {
    /// An engine without instruments, and with the fee account only.
    ///
    /// # Errors
    /// [`SetupError::Fee`].
    pub fn new(config: &SpotConfig) -> Result<Self, SetupError> {
        let SpotConfig { orders_max, levels, fees, id_salt, rules, margin_allowance } = *config;
        if fees.highest() > FEE_RATE_MAX {
            return Err(SetupError::Fee);
        }
        let settlement = Spot {
            fees,
            pairs: Vec::new(),
            ledger: Ledger::new(),
            positions: Positions::default(),
            margin_allowance: i128::from(margin_allowance) * pow10(MONEY_SCALE),
        };
        let config = EngineConfig { orders_max, levels, ids: OrderIds::new(id_salt), rules };
        Ok(Self::with_settlement(&config, settlement))
    }

    /// Lists an instrument. Its assets are the two halves of its symbol.
    ///
    /// # Errors
    /// [`SetupError`] names what is wrong with it.
    pub fn add_instrument(&mut self, instrument: Instrument) -> Result<InstrumentId, SetupError> {
        let symbol = instrument.symbol;
        let (base, quote) = symbol
            .as_str()
            .split_once('/')
            .filter(|(base, quote)| base != quote && !base.is_empty() && !quote.is_empty())
            .and_then(|(base, quote)| {
                Some((base.parse::<Asset>().ok()?, quote.parse::<Asset>().ok()?))
            })
            .ok_or(SetupError::Symbol(symbol))?;
        let id = self.check_listing(&instrument)?;
        // Checked with placeholder assets first, so that a refused instrument leaves none behind.
        Pair::new(&instrument, AssetId(0), AssetId(0)).ok_or(SetupError::Precision(symbol))?;
        let ledger = &mut self.settlement.ledger;
        let (base, quote) = (ledger.asset(base), ledger.asset(quote));
        let pair = Pair::new(&instrument, base, quote).ok_or(SetupError::Precision(symbol))?;
        self.settlement.pairs.push(pair);
        self.settlement.positions.add_instrument();
        self.push_instrument(instrument);
        Ok(id)
    }

    /// What an instrument offers on margin.
    #[must_use]
    pub fn margin_terms(&self, instrument: InstrumentId) -> Option<MarginTerms> {
        self.settlement.pairs.get(usize::from(instrument.0)).map(|pair| pair.margin)
    }

    /// Lets an instrument be traded on margin; `false` if there is no such instrument.
    pub fn offer_margin(&mut self, instrument: InstrumentId, terms: MarginTerms) -> bool {
        match self.settlement.pairs.get_mut(usize::from(instrument.0)) {
            Some(pair) => {
                pair.margin = terms;
                true
            }
            None => false,
        }
    }

    /// The position of an account in an instrument; a flat one if it has none.
    #[must_use]
    pub fn position(&self, account: AccountId, instrument: InstrumentId) -> Position {
        self.settlement.positions.get(account, instrument)
    }

    /// Gives an account money from outside.
    ///
    /// # Errors
    /// [`SetupError::Account`], [`SetupError::Asset`] or [`SetupError::Amount`].
    pub fn deposit(
        &mut self,
        account: AccountId,
        asset: Asset,
        amount: Decimal,
    ) -> Result<(), SetupError> {
        if account == FEE_ACCOUNT || self.accounts.get(account.0 as usize).is_none() {
            return Err(SetupError::Account);
        }
        let asset_id = self.asset_id(asset).ok_or(SetupError::Asset(asset))?;
        // No overflow: a mantissa below 2^63 times 10^18 stays below 2^123.
        let units = i128::from(amount.mantissa) * pow10(MONEY_SCALE.saturating_sub(amount.scale));
        if !(0..=AMOUNT_MAX).contains(&units) {
            return Err(SetupError::Amount(amount));
        }
        self.settlement.ledger.deposit(account, asset_id, units);
        Ok(())
    }

    /// The id of an asset that some instrument uses.
    #[must_use]
    pub fn asset_id(&self, asset: Asset) -> Option<AssetId> {
        let at = self.settlement.ledger.assets.iter().position(|&known| known == asset)?;
        u16::try_from(at).ok().map(AssetId)
    }

    /// The balance of an account.
    #[must_use]
    pub fn balance(&self, account: AccountId, asset: AssetId) -> Option<Balance> {
        self.settlement.ledger.balance(account, asset)
    }

    /// The fee schedule.
    #[must_use]
    pub fn fees(&self) -> &FeeSchedule {
        &self.settlement.fees
    }
}

impl Restored for Spot {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { fees: _, pairs, ledger, positions, margin_allowance: _ } = self;
        save_all(pairs.iter(), out);
        ledger.save(out);
        positions.save(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        from.restore_all(self.pairs.iter_mut())?;
        self.ledger.restore(from)?;
        self.positions.restore(from)
    }
}
