//! Wallets: what stands behind an account's positions.
//!
//! Linear contracts share one flex wallet: they settle in its cash, and other assets in it count at the mark
//! of their perpetual less a haircut. Inverse contracts have a wallet per base asset, which holds nothing
//! else.

use taut::types::{InstrumentId, Side};

use super::Derivatives;
use crate::matching::{AccountId, Asset, AssetId, Order, RejectReason};
use crate::state::{Restored, Source, Stored};

/// A wallet of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wallet {
    /// Behind all linear contracts.
    Flex,
    /// Behind the inverse contracts of one base asset.
    Single(Asset),
}

/// An asset of the ledger.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) wallet: Wallet,
    /// Which contract says what it is worth; none for the cash of a wallet.
    pub(super) priced_by: Option<InstrumentId>,
    /// What all open positions together would have to be paid: see [`Derivatives`].
    pub(super) owed: i128,
}

/// The state of a wallet, ledger units of its cash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WalletState {
    /// Cash, the collateral less its haircut, and what the positions would gain now.
    pub equity: i128,
    /// The initial margin of positions and orders.
    pub initial: i128,
    /// The maintenance margin of the positions.
    pub maintenance: i128,
}

impl WalletState {
    /// What more orders can use; negative if the market went against the positions.
    #[must_use]
    pub const fn available(&self) -> i128 {
        self.equity.saturating_sub(self.initial)
    }
}

/// What an order would change of its account.
pub(super) struct Change {
    /// Its value.
    pub(super) value: i128,
    /// The fee and what it would lose at once against the mark.
    pub(super) loss: i128,
    /// The position's quantity if it filled.
    pub(super) qty: i64,
}

impl Derivatives {
    /// The state of a wallet whose cash is `cash`.
    pub(super) fn state(&self, account: AccountId, cash: AssetId) -> WalletState {
        let mut state =
            WalletState { equity: self.collateral(account, cash), ..Default::default() };
        let positions = &self.holders[account.0 as usize].positions;
        for (contract, position) in self.contracts.iter().zip(positions) {
            if contract.cash != cash || (position.qty == 0 && position.open == [0; 2]) {
                continue;
            }
            state.equity = state.equity.saturating_add(position.unrealised(contract));
            let initial = contract.initial(position.exposure(contract));
            state.initial = state.initial.saturating_add(initial);
            let maintenance = contract.maintenance(position.worth(contract).abs());
            state.maintenance = state.maintenance.saturating_add(maintenance);
        }
        state
    }

    /// Cash and what the other assets of the same wallet count for.
    fn collateral(&self, account: AccountId, cash: AssetId) -> i128 {
        let total = |at: usize| {
            let balance = self.ledger.balance(account, AssetId(at as u16));
            balance.map_or(0, |balance| balance.total)
        };
        let wallet = self.columns[usize::from(cash.0)].wallet;
        let counts = |(at, column): (usize, &Column)| {
            if at == usize::from(cash.0) {
                return total(at);
            }
            if column.wallet != wallet {
                return 0;
            }
            let price = column.priced_by.map(|id| self.contract(id));
            let worth = price.map_or(0, |contract| contract.worth_of_base(total(at)));
            worth / 100 * i128::from(100 - self.haircut_percent)
        };
        self.columns.iter().enumerate().map(counts).fold(0, i128::saturating_add)
    }

    /// Whether an order's account can carry it; venue file 5.3.
    ///
    /// An order that opens needs the initial margin, and must not leave less than the maintenance margin by
    /// its fee and by trading away from the mark. One that closes needs what it would lose.
    pub(super) fn can_carry(&self, order: &Order, change: &Change) -> Result<(), RejectReason> {
        let contract = self.contract(order.instrument);
        let position = self.position_of(order.account, order.instrument);
        let before = self.state(order.account, contract.cash);
        let mut with = *position;
        with.open[side(order.side)] += change.value - order.hold;
        let initial = contract.initial(with.exposure(contract));
        let more = initial - contract.initial(position.exposure(contract));
        let left = before.equity.saturating_sub(change.loss);
        if more <= 0 {
            return if left < 0 { Err(RejectReason::ClosingMargin) } else { Ok(()) };
        }
        if before.equity < before.initial.saturating_add(more) {
            return Err(RejectReason::InsufficientFunds);
        }
        let worth = |qty: i64| contract.mark().map_or(0, |px| contract.value(px, qty.abs()));
        let now = contract.maintenance(position.worth(contract).abs());
        let maintenance =
            (before.maintenance - now).saturating_add(contract.maintenance(worth(change.qty)));
        if left < maintenance { Err(RejectReason::WouldLiquidate) } else { Ok(()) }
    }

    /// The asset of a wallet, if it has it.
    pub(super) fn find_column(&self, wallet: Wallet, asset: Asset) -> Option<AssetId> {
        let mut known = self.columns.iter().zip(&self.ledger.assets);
        let at = known.position(|(one, &name)| one.wallet == wallet && name == asset)?;
        u16::try_from(at).ok().map(AssetId)
    }

    /// The asset in which a wallet settles.
    pub(super) const fn cash_of(&self, wallet: Wallet) -> Asset {
        match wallet {
            Wallet::Flex => self.flex_cash,
            Wallet::Single(asset) => asset,
        }
    }

    /// The asset of a wallet, listed if it was not.
    pub(super) fn column(&mut self, wallet: Wallet, asset: Asset) -> AssetId {
        if let Some(known) = self.find_column(wallet, asset) {
            return known;
        }
        self.columns.push(Column { wallet, priced_by: None, owed: 0 });
        let id = self.ledger.new_asset(asset);
        self.price_collateral();
        id
    }

    /// Finds the perpetual of each asset of the flex wallet.
    pub(super) fn price_collateral(&mut self) {
        for (column, &asset) in self.columns.iter_mut().zip(&self.ledger.assets) {
            if column.wallet == Wallet::Flex && asset != self.flex_cash {
                let at = self.contracts.iter().position(|contract| contract.prices(asset));
                column.priced_by = at.map(|at| InstrumentId(at as u16));
            }
        }
    }
}

/// The place of a side's orders in [`super::FuturesPosition`].
pub(super) const fn side(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

impl Restored for Column {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { wallet: _, priced_by: _, owed } = self;
        owed.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        self.owed = from.get()?;
        Some(())
    }
}
