//! Derivatives: positions in linear and inverse contracts, their margin, and the wallets behind them.
//!
//! Fees, gains and losses are paid in the cash of a wallet: the quote currency (linear) or the base asset
//! (inverse). A trade has one value for both of its sides, so whatever is rounded, what all accounts gained
//! is what their open positions together are owed: this, and that bought and sold contracts cancel out, is
//! asserted after each trade.
//!
//! Choices where the venue file is silent ("SIM"):
//!
//! | topic | choice |
//! |---|---|
//! | mark | the index, or the last trade while there is none |
//! | margin | initial: one over the leverage of the largest value that position and orders could reach on one side; maintenance: a share of the position's |
//! | what can be afforded | see `can_carry` in `wallet.rs`: initial margin to open, maintenance margin after fee and the loss against the mark, no negative equity when it closes |
//! | liquidation, funding, settlement at a date | none: the venue file does not name them |
//! | fee | per trade, rounded up to 10^-8 of the cash |
//! | reduce-only orders | need no margin; end when their turn comes and the position is gone |
//! | market orders | trade at once or are refused like an IOC order; how far from the best price: [`Rules::market_protection`] |
//! | amend that changes nothing | refused, `EDIT_HAS_NO_EFFECT` |

mod contract;
mod position;
mod self_trade;
mod wallet;

use taut::types::{Instrument, InstrumentId, Px, Qty};
use taut_codec::value::Decimal;

pub use contract::{ContractKind, ContractTerms, contract_cash};
pub use position::FuturesPosition;
pub use self_trade::FuturesSelfTrade;
pub use wallet::{Wallet, WalletState};

use super::account::{AccountFlags, AccountId, Asset, AssetId, FEE_ACCOUNT};
use super::command::SelfTrade;
use super::engine::Engine;
use super::ids::OrderIds;
use super::ledger::{AMOUNT_MAX, FEE_RATE_MAX, Ledger, MONEY_SCALE, part_of, pow10};
use super::order::Order;
use super::reason::RejectReason;
use super::settlement::{Estimate, Fill, Settlement};
use super::setup::{EngineConfig, Rules, SetupError};
use super::triggers::Index;
use super::{Balance, FeeSchedule};
use crate::state::{Restored, Source, Stored, save_all};
use contract::{Contract, Named};
use self_trade::Family;
use wallet::{Change, Column, side};

/// Decimals of a fee.
const FEE_SCALE: u8 = 8;

/// What the engine is made with.
#[derive(Debug, Clone, Copy)]
pub struct DerivativesConfig {
    /// Most orders that live at the same time, over all books; memory for them is taken at start.
    pub orders_max: usize,
    /// Levels per side that a book has room for before it grows.
    pub levels: usize,
    /// Fee rates; the currency is always that of the wallet.
    pub fees: FeeSchedule,
    /// Salt of the OrderIDs.
    pub id_salt: u64,
    /// What the venue file leaves open.
    pub rules: Rules,
    /// The cash of the flex wallet, quote currency of all linear contracts.
    pub flex_cash: Asset,
    /// How much less than its price other collateral counts for, per cent.
    pub haircut_percent: u8,
}

impl Default for DerivativesConfig {
    fn default() -> Self {
        Self {
            orders_max: 65_536,
            levels: 2048,
            fees: FeeSchedule { maker: 200, taker: 500, ..FeeSchedule::default() },
            id_salt: 1,
            rules: Rules { market_protection: Some(10_000), ..Rules::default() },
            flex_cash: "USD".parse().expect("three letters"),
            haircut_percent: 5,
        }
    }
}

/// The money of the derivatives market.
#[derive(Debug)]
pub struct Derivatives {
    fees: FeeSchedule,
    flex_cash: Asset,
    haircut_percent: u8,
    contracts: Vec<Contract>,
    ledger: Ledger,
    /// What the assets of the ledger are, by their ids.
    columns: Vec<Column>,
    holders: Vec<Holder>,
}

/// The trading engine of derivatives.
pub type DerivativesEngine = Engine<Derivatives>;

/// An account.
#[derive(Debug)]
struct Holder {
    flags: AccountFlags,
    family: Family,
    /// By instrument.
    positions: Vec<FuturesPosition>,
}

impl Derivatives {
    fn contract(&self, id: InstrumentId) -> &Contract {
        &self.contracts[usize::from(id.0)]
    }

    fn position_of(&self, account: AccountId, id: InstrumentId) -> &FuturesPosition {
        &self.holders[account.0 as usize].positions[usize::from(id.0)]
    }

    fn position_mut(&mut self, account: AccountId, id: InstrumentId) -> &mut FuturesPosition {
        &mut self.holders[account.0 as usize].positions[usize::from(id.0)]
    }
}

impl Settlement for Derivatives {
    const REFUSES_FUTILE: bool = true;

    fn open_account(&mut self, flags: AccountFlags) {
        self.ledger.add_account(flags);
        let positions = vec![FuturesPosition::default(); self.contracts.len()];
        let family = Family::of(AccountId(self.holders.len() as u32));
        self.holders.push(Holder { flags, family, positions });
    }

    fn in_range(&self, instrument: InstrumentId, qty: Qty, cost: i128) -> bool {
        self.contract(instrument).in_range(qty, cost)
    }

    fn hold_for(&self, order: &Order, estimate: Estimate) -> Result<i128, RejectReason> {
        let contract = self.contract(order.instrument);
        let position = self.position_of(order.account, order.instrument);
        let closable = position.closable(order.side);
        if order.reduce_only && closable == 0 {
            let flat = position.qty == 0;
            let (none, wrong) =
                (RejectReason::ReduceOnlyNoPosition, RejectReason::ReduceOnlyNotClosing);
            return Err(if flat { none } else { wrong });
        }
        if self.holders[order.account.0 as usize].flags.unlimited_funds {
            return Ok(0);
        }
        let sign = order.side.sign();
        let open = if order.reduce_only { estimate.qty.0.min(closable) } else { estimate.qty.0 };
        let qty = position.qty.saturating_add(sign.saturating_mul(open));
        if qty.abs() > contract.terms.position_max.0 && qty.abs() > position.qty.abs() {
            return Err(RejectReason::PositionSize);
        }
        let worth = contract.value_of(estimate);
        let against = contract.mark().map_or(0, |px| {
            let gap = worth - contract.value(px, estimate.qty.0);
            (i128::from(sign) * contract.named.kind.sign() * gap).max(0)
        });
        let fee = self.fee(worth, self.fees.highest()) * pow10(MONEY_SCALE - FEE_SCALE);
        let value = if order.reduce_only { 0 } else { worth };
        self.can_carry(order, &Change { value, loss: against + fee, qty })?;
        Ok(value)
    }

    fn set_hold(&mut self, order: &mut Order, hold: i128) {
        let open = &mut self.position_mut(order.account, order.instrument).open;
        open[side(order.side)] += hold - order.hold;
        assert!(open[side(order.side)] >= 0, "what is released was held before");
        order.hold = hold;
    }

    fn fill(&mut self, order: &mut Order, fill: Fill) -> i128 {
        let contract = &mut self.contracts[usize::from(order.instrument.0)];
        let value = contract.value(fill.px, fill.qty.0);
        let cash = contract.cash;
        contract.net += order.side.sign() * fill.qty.0;
        let position = &mut self.holders[order.account.0 as usize].positions;
        let position = &mut position[usize::from(order.instrument.0)];
        let before = position.value;
        let gain = position.trade(contract, order.side, (fill.px, fill.qty.0), value);
        let owed = contract.named.kind.sign() * (position.value - before);
        self.columns[usize::from(cash.0)].owed += owed;
        self.ledger.credit(order.account, cash, gain);
        let fee = self.fee(value, self.fees.rate(fill.liquidity));
        let units = fee * pow10(MONEY_SCALE - FEE_SCALE);
        self.ledger.credit(order.account, cash, -units);
        self.ledger.credit(FEE_ACCOUNT, cash, units);
        order.fee += fee;
        let left = order.leaves().0;
        let hold = match order.hold {
            0 => 0,
            _ if order.ord_type.has_limit() => {
                self.contract(order.instrument).value(order.price, left)
            }
            hold => part_of(hold, left, left + fill.qty.0),
        };
        self.set_hold(order, hold);
        fee
    }

    fn room(&self, order: &Order) -> Qty {
        let position = self.position_of(order.account, order.instrument);
        Qty(if order.reduce_only {
            position.closable(order.side)
        } else {
            position.room(order.side)
        })
    }

    fn mark(&mut self, instrument: InstrumentId, px: Px) {
        self.contracts[usize::from(instrument.0)].traded(px);
    }

    fn see_index(&mut self, instrument: InstrumentId, index: Index) {
        self.contracts[usize::from(instrument.0)].see_index(index);
    }

    fn self_trade(&self, taker: &Order, maker: &Order) -> Option<SelfTrade> {
        let family = |order: &Order| self.holders[order.account.0 as usize].family;
        family(taker).meets(taker.account, maker.account, family(maker))
    }

    fn is_balanced(&self, instrument: InstrumentId) -> bool {
        let contract = self.contract(instrument);
        let owed = self.columns[usize::from(contract.cash.0)].owed;
        contract.net == 0 && self.ledger.flow(contract.cash) == owed
    }

    fn fee_asset(&self, order: &Order) -> AssetId {
        self.contract(order.instrument).cash
    }

    fn asset(&self, id: AssetId) -> Option<Asset> {
        self.ledger.assets.get(usize::from(id.0)).copied()
    }

    fn fee_scale(&self, _: &Instrument, _: AssetId) -> u8 {
        FEE_SCALE
    }
}

impl Derivatives {
    /// The fee of a value at a rate, in units of 10^-[`FEE_SCALE`], rounded up.
    fn fee(&self, value: i128, rate: u32) -> i128 {
        let unit = pow10(MONEY_SCALE - FEE_SCALE);
        FeeSchedule::round((value / unit + i128::from(value % unit != 0)) * i128::from(rate))
    }
}

impl DerivativesEngine {
    /// An engine without instruments, and with the fee account only.
    ///
    /// # Errors
    /// [`SetupError::Fee`].
    pub fn new(config: &DerivativesConfig) -> Result<Self, SetupError> {
        let DerivativesConfig { orders_max, levels, fees, id_salt, rules, .. } = *config;
        if fees.highest() > FEE_RATE_MAX {
            return Err(SetupError::Fee);
        }
        let mut settlement = Derivatives {
            fees,
            flex_cash: config.flex_cash,
            haircut_percent: config.haircut_percent.min(100),
            contracts: Vec::new(),
            ledger: Ledger::new(),
            columns: Vec::new(),
            holders: Vec::new(),
        };
        settlement.column(Wallet::Flex, config.flex_cash);
        let config = EngineConfig { orders_max, levels, ids: OrderIds::uuids(id_salt), rules };
        Ok(Self::with_settlement(&config, settlement))
    }

    /// Lists an instrument. Its symbol says what kind of contract it is, [`SetupError::Symbol`].
    ///
    /// # Errors
    /// [`SetupError`] names what is wrong with it.
    pub fn add_instrument(
        &mut self,
        instrument: Instrument,
        terms: ContractTerms,
    ) -> Result<InstrumentId, SetupError> {
        let symbol = instrument.symbol;
        let named = Named::read(symbol).ok_or(SetupError::Symbol(symbol))?;
        let wallet = match named.kind {
            ContractKind::Linear if named.quote == self.settlement.flex_cash => Wallet::Flex,
            ContractKind::Linear => return Err(SetupError::Symbol(symbol)),
            ContractKind::Inverse => Wallet::Single(named.base),
        };
        let id = self.check_listing(&instrument)?;
        // Checked with a placeholder first, so that a refused instrument leaves no wallet behind.
        Contract::new(&instrument, named, terms, AssetId(0)).ok_or(SetupError::Terms(symbol))?;
        let settlement = &mut self.settlement;
        let cash = settlement.column(wallet, settlement.cash_of(wallet));
        let contract = Contract::new(&instrument, named, terms, cash);
        settlement.contracts.push(contract.ok_or(SetupError::Terms(symbol))?);
        settlement.price_collateral();
        for holder in &mut settlement.holders {
            holder.positions.push(FuturesPosition::default());
        }
        self.push_instrument(instrument);
        Ok(id)
    }

    /// Gives a wallet of an account money from outside. The flex wallet takes any asset, but one without a
    /// linear perpetual counts for nothing; another wallet takes its own.
    ///
    /// # Errors
    /// [`SetupError::Account`], [`SetupError::Asset`] or [`SetupError::Amount`].
    pub fn deposit(
        &mut self,
        account: AccountId,
        wallet: Wallet,
        asset: Asset,
        amount: Decimal,
    ) -> Result<(), SetupError> {
        if account == FEE_ACCOUNT || self.accounts.get(account.0 as usize).is_none() {
            return Err(SetupError::Account);
        }
        if wallet != Wallet::Flex && wallet != Wallet::Single(asset) {
            return Err(SetupError::Asset(asset));
        }
        let settlement = &mut self.settlement;
        // No overflow: a mantissa below 2^63 times 10^18 stays below 2^123.
        let units = i128::from(amount.mantissa) * pow10(MONEY_SCALE.saturating_sub(amount.scale));
        if !(0..=AMOUNT_MAX).contains(&units) {
            return Err(SetupError::Amount(amount));
        }
        let column = settlement.column(wallet, asset);
        settlement.ledger.deposit(account, column, units);
        Ok(())
    }

    /// The position of an account in an instrument; a flat one if it has none.
    #[must_use]
    pub fn position(&self, account: AccountId, instrument: InstrumentId) -> FuturesPosition {
        let holder = self.settlement.holders.get(account.0 as usize);
        let position = holder.and_then(|one| one.positions.get(usize::from(instrument.0)));
        position.copied().unwrap_or_default()
    }

    /// The state of a wallet of an account; `None` if no instrument uses it.
    #[must_use]
    pub fn wallet(&self, account: AccountId, wallet: Wallet) -> Option<WalletState> {
        let settlement = &self.settlement;
        settlement.holders.get(account.0 as usize)?;
        let cash = settlement.find_column(wallet, settlement.cash_of(wallet))?;
        Some(settlement.state(account, cash))
    }

    /// An asset in a wallet of an account.
    #[must_use]
    pub fn balance(&self, account: AccountId, wallet: Wallet, asset: Asset) -> Option<Balance> {
        let column = self.settlement.find_column(wallet, asset)?;
        self.settlement.ledger.balance(account, column)
    }

    /// Sets what becomes of an account's orders that meet each other, or those of its family: a master and
    /// its sub-accounts (venue file 6.10).
    pub fn set_self_trade(
        &mut self,
        account: AccountId,
        master: AccountId,
        strategy: FuturesSelfTrade,
    ) {
        if let Some(holder) = self.settlement.holders.get_mut(account.0 as usize) {
            holder.family = Family { master, strategy };
        }
    }
}

impl Restored for Derivatives {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { fees: _, flex_cash: _, haircut_percent: _, contracts, ledger, columns, holders } =
            self;
        save_all(contracts.iter(), out);
        ledger.save(out);
        save_all(columns.iter(), out);
        save_all(holders.iter(), out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        from.restore_all(self.contracts.iter_mut())?;
        self.ledger.restore(from)?;
        from.restore_all(self.columns.iter_mut())?;
        from.restore_all(self.holders.iter_mut())
    }
}

impl Restored for Holder {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { flags: _, family: _, positions } = self;
        positions.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        let contracts = self.positions.len();
        from.refill(&mut self.positions)?;
        (self.positions.len() == contracts).then_some(())
    }
}
