//! Positions on margin: venue file 6.12. The venue's own account lends what a margin order gives and keeps
//! what it gets; the client has a position, puts up the margin in the quote currency, and gets the profit
//! or bears the loss when it closes. Interest and liquidation are not in the venue file: there are none.
//!
//! Which rule has which text of 5.2 is our reading of their words (SIM).

use taut::types::{InstrumentId, Qty};

use super::Spot;
use crate::limits::POSITIONS_PER_ACCOUNT_MAX;
use crate::matching::ledger::part_of;
use crate::matching::{AccountId, Estimate, FEE_ACCOUNT, FeeSchedule, Fill, Order, RejectReason};
use crate::state::{Restored, Source, Stored};

/// What a pair offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MarginTerms {
    /// 5001=1 trades with this leverage, the maximum of the pair; below 2: no margin.
    pub leverage: u8,
    /// Largest position of an account.
    pub position_max: Qty,
    /// Most that all positions together can borrow.
    pub lendable: Qty,
}

/// A position of an account in an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Positive if bought, negative if sold; at most [`POSITION_UNITS_MAX`](crate::limits::POSITION_UNITS_MAX).
    pub qty: i64,
    /// What it cost, units of price x quantity, without sign.
    pub cost: i128,
    /// What it holds of the account's quote currency, ledger units.
    pub margin: i128,
}

/// The open positions of each account.
#[derive(Debug, Default)]
pub(super) struct Positions {
    accounts: Vec<Vec<(InstrumentId, Position)>>,
    /// How many an account can have: there is room for them from the start.
    most: usize,
}

impl Positions {
    pub(super) fn add_account(&mut self) {
        self.accounts.push(Vec::with_capacity(self.most));
    }

    pub(super) fn add_instrument(&mut self) {
        self.most = (self.most + 1).min(POSITIONS_PER_ACCOUNT_MAX);
        for own in &mut self.accounts {
            own.reserve(self.most - own.len());
        }
    }

    pub(super) fn get(&self, account: AccountId, instrument: InstrumentId) -> Position {
        self.of(account)
            .iter()
            .find(|(id, _)| *id == instrument)
            .map_or(Position::default(), |(_, position)| *position)
    }

    fn of(&self, account: AccountId) -> &[(InstrumentId, Position)] {
        self.accounts.get(account.0 as usize).map_or(&[], Vec::as_slice)
    }

    fn set(&mut self, account: AccountId, instrument: InstrumentId, position: Position) {
        let own = &mut self.accounts[account.0 as usize];
        let at = own.iter().position(|(id, _)| *id == instrument);
        match at {
            Some(at) if position.qty == 0 => {
                own.remove(at);
            }
            Some(at) => own[at].1 = position,
            None => own.push((instrument, position)),
        }
    }
}

impl Spot {
    /// How much an order can close of its account's position.
    pub(super) fn closable(&self, order: &Order) -> Qty {
        let position = self.positions.get(order.account, order.instrument);
        Qty((-position.qty * order.side.sign()).max(0))
    }

    /// What a margin order has to hold: the margin of what it opens, and the fee.
    pub(super) fn margin_for(
        &self,
        order: &Order,
        estimate: Estimate,
    ) -> Result<i128, RejectReason> {
        let pair = self.pair(order.instrument);
        let flags = self.ledger.flags(order.account);
        if pair.margin.leverage < 2 {
            return Err(RejectReason::NoLeverage);
        }
        if flags.no_margin {
            return Err(RejectReason::CannotOpenPosition);
        }
        let position = self.positions.get(order.account, order.instrument);
        let closable = self.closable(order);
        let opens = !order.reduce_only && closable.0 == 0;
        if order.reduce_only && position.qty == 0 {
            return Err(RejectReason::ReduceOnlyNoPosition);
        }
        if order.reduce_only && closable.0 == 0 {
            return Err(RejectReason::ReduceOnlyNotClosing);
        }
        if !order.reduce_only && closable.0 > 0 && order.leaves() > closable {
            return Err(RejectReason::CannotOpenOpposing);
        }
        let exact = order.fee_exact + estimate.cost * i128::from(self.fees.highest());
        let mut hold = pair.in_quote(FeeSchedule::round(exact) - order.fee);
        if opens {
            self.may_open(order, position, estimate)?;
            hold += margin(pair.in_quote(estimate.cost), pair.margin.leverage);
        }
        let more = hold - order.hold;
        let available = self.ledger.available(order.account, pair.quote);
        if more > 0 && available < more {
            return Err(RejectReason::InsufficientFunds);
        }
        if opens
            && available.saturating_add(self.unrealised(order.account, order.instrument)) < more
        {
            return Err(RejectReason::MarginLevel);
        }
        Ok(hold)
    }

    fn may_open(
        &self,
        order: &Order,
        position: Position,
        estimate: Estimate,
    ) -> Result<(), RejectReason> {
        let pair = self.pair(order.instrument);
        let own = self.positions.of(order.account);
        let qty = order.leaves().0;
        if position.qty == 0 && own.len() >= POSITIONS_PER_ACCOUNT_MAX {
            return Err(RejectReason::PositionsLimit);
        }
        if position.qty.abs().saturating_add(qty) > pair.margin.position_max.0 {
            return Err(RejectReason::PositionSize);
        }
        if pair.lent + i128::from(qty) > i128::from(pair.margin.lendable.0) {
            return Err(RejectReason::InsufficientMargin);
        }
        let cost = |(id, position): &(InstrumentId, Position)| {
            let other = self.pair(*id);
            if other.quote == pair.quote { other.in_quote(position.cost) } else { 0 }
        };
        let used: i128 = own.iter().map(cost).sum();
        if used + pair.in_quote(estimate.cost) > self.margin_allowance {
            return Err(RejectReason::MarginAllowance);
        }
        Ok(())
    }

    /// What the positions of an account in the quote currency of `instrument` would gain at the last
    /// prices, ledger units; as much as can be counted if it is more.
    fn unrealised(&self, account: AccountId, instrument: InstrumentId) -> i128 {
        let quote = self.pair(instrument).quote;
        let gain = |(id, position): &(InstrumentId, Position)| {
            let pair = self.pair(*id);
            let Some(px) = pair.last.filter(|_| pair.quote == quote) else { return 0 };
            let sign = i128::from(position.qty.signum());
            let worth = i128::from(px.0) * i128::from(position.qty);
            (worth - sign * position.cost).saturating_mul(pair.in_quote(1))
        };
        self.positions.of(account).iter().map(gain).fold(0, i128::saturating_add)
    }

    /// What a trade of a margin order does to its account's position: it closes first, then opens.
    pub(super) fn move_position(&mut self, order: &Order, fill: Fill) {
        let before = self.positions.get(order.account, order.instrument);
        let closed = self.closable(order).0.min(fill.qty.0);
        let pair = &mut self.pairs[usize::from(order.instrument.0)];
        let (px, sign) = (i128::from(fill.px.0), order.side.sign());
        let mut after = before;
        if closed > 0 {
            let share = |amount: i128| part_of(amount, closed, before.qty.abs());
            let (cost, margin) = (share(before.cost), share(before.margin));
            // A sale closes what was bought: it gains what it brings beyond the cost.
            let gain = i128::from(-sign) * pair.in_quote(px * i128::from(closed) - cost);
            self.ledger.credit(order.account, pair.quote, gain);
            self.ledger.credit(FEE_ACCOUNT, pair.quote, -gain);
            after.qty += sign * closed;
            after.cost -= cost;
            after.margin -= margin;
        }
        let opened = fill.qty.0 - closed;
        if opened > 0 {
            let cost = px * i128::from(opened);
            after.qty += sign * opened;
            after.cost += cost;
            after.margin += margin(pair.in_quote(cost), pair.margin.leverage);
        }
        if after.qty == 0 {
            assert_eq!((after.cost, after.margin), (0, 0), "a flat position holds nothing");
        }
        pair.lent += i128::from(after.qty.abs()) - i128::from(before.qty.abs());
        self.ledger.hold(order.account, pair.quote, after.margin - before.margin);
        self.positions.set(order.account, order.instrument, after);
    }
}

/// The margin for an amount, rounded up.
fn margin(amount: i128, leverage: u8) -> i128 {
    let leverage = i128::from(leverage.max(1));
    (amount + leverage - 1) / leverage
}

crate::state::stored! { Position { qty, cost, margin } }

/// In place: the room that was taken stays.
impl Restored for Positions {
    fn save(&self, out: &mut Vec<u8>) {
        let Self { accounts, most: _ } = self;
        accounts.store(out);
    }

    fn restore(&mut self, from: &mut Source<'_>) -> Option<()> {
        let count = from.get::<usize>()?;
        let mut all = self.accounts.iter_mut();
        all.by_ref().take(count).try_for_each(|own| from.refill(own))?;
        (count == self.accounts.len()).then_some(())
    }
}
