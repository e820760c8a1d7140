//! The state machine: validate, hold, match, settle, report.

use taut::types::{Instrument, InstrumentId, OrdType, OrderId, PairStatus, Qty, Side, TimeInForce};
use taut_codec::value::{Decimal, UtcTime};

use super::book::Book;
use super::check::is_closed;
use super::command::{Amend, Cancel, CancelWhere, Command, NewOrder, SelfTrade};
use super::event::{CancelReason, EngineEvent, EventKind, OrderState, Rejection, Request, Trade};
use super::ids::OrderIds;
use super::ledger::{
    AMOUNT_MAX, AccountFlags, AccountId, Asset, AssetId, Balance, FEE_ACCOUNT, FEE_RATE_MAX,
    FeeSchedule, Ledger, MONEY_SCALE, pow10,
};
use super::orders::{NONE, Order, OrderRef, Orders};
use super::settle::Market;

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
}

impl Default for SpotConfig {
    fn default() -> Self {
        Self { orders_max: 65_536, levels: 2048, fees: FeeSchedule::default(), id_salt: 0 }
    }
}

/// Why the engine could not be set up as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A symbol has to be `BASE/QUOTE` of two different assets with at most 11 characters each.
    #[error("{0:?} is not BASE/QUOTE")]
    Symbol(taut::types::Symbol),
    /// The symbol is listed already.
    #[error("{0:?} is listed twice")]
    Duplicate(taut::types::Symbol),
    /// Precisions of price and quantity exceed 18 decimals together.
    #[error("price and quantity precision of {0:?} exceed {MONEY_SCALE} decimals together")]
    Precision(taut::types::Symbol),
    /// Tick size, quantity step or a minimum is not positive, or the cost minimum is negative.
    #[error("tick size, step and minimum of {0:?} have to be positive")]
    Size(taut::types::Symbol),
    /// A fee above 10 %.
    #[error("a fee rate exceeds {FEE_RATE_MAX} millionths")]
    Fee,
    /// More instruments or accounts than their ids can name.
    #[error("too many instruments or accounts")]
    TooMany,
    /// No such account, or an account that cannot be funded.
    #[error("unknown account")]
    Account,
    /// No instrument uses the asset.
    #[error("no instrument uses the asset {0:?}")]
    Asset(Asset),
    /// Negative or too large.
    #[error("amount out of range: {0}")]
    Amount(Decimal),
}

/// The spot trading engine.
#[derive(Debug)]
pub struct SpotEngine {
    pub(super) fees: FeeSchedule,
    ids: OrderIds,
    levels: usize,
    pub(super) orders: Orders,
    pub(super) books: Vec<Book>,
    pub(super) markets: Vec<Market>,
    pub(super) ledger: Ledger,
}

impl SpotEngine {
    /// An engine without instruments, and with the fee account only.
    ///
    /// # Errors
    /// [`SetupError::Fee`].
    pub fn new(config: &SpotConfig) -> Result<Self, SetupError> {
        if config.fees.highest() > FEE_RATE_MAX {
            return Err(SetupError::Fee);
        }
        Ok(Self {
            fees: config.fees,
            ids: OrderIds::new(config.id_salt),
            levels: config.levels,
            orders: Orders::new(config.orders_max),
            books: Vec::new(),
            markets: Vec::new(),
            ledger: Ledger::new(),
        })
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
        if self.instrument_id(symbol.as_bytes()).is_some() {
            return Err(SetupError::Duplicate(symbol));
        }
        let positive = [instrument.tick_size.0, instrument.qty_step.0, instrument.qty_min.0];
        if positive.iter().any(|&size| size <= 0) || instrument.cost_min.mantissa < 0 {
            return Err(SetupError::Size(symbol));
        }
        let id = u16::try_from(self.markets.len()).map_err(|_| SetupError::TooMany)?;
        // Checked with placeholder assets first, so that a refused instrument leaves none behind.
        Market::new(instrument, AssetId(0), AssetId(0)).ok_or(SetupError::Precision(symbol))?;
        let (base, quote) = (self.ledger.asset(base), self.ledger.asset(quote));
        let market = Market::new(instrument, base, quote).ok_or(SetupError::Precision(symbol))?;
        self.markets.push(market);
        self.books.push(Book::new(self.levels));
        Ok(InstrumentId(id))
    }

    /// Opens an account.
    ///
    /// # Errors
    /// [`SetupError::TooMany`].
    pub fn add_account(&mut self, flags: AccountFlags) -> Result<AccountId, SetupError> {
        if self.ledger.accounts.len() >= NONE as usize {
            return Err(SetupError::TooMany);
        }
        Ok(self.ledger.add_account(flags))
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
        if account == FEE_ACCOUNT || self.ledger.account(account).is_none() {
            return Err(SetupError::Account);
        }
        let asset_id = self.asset_id(asset).ok_or(SetupError::Asset(asset))?;
        // No overflow: a mantissa below 2^63 times 10^18 stays below 2^123.
        let units = i128::from(amount.mantissa) * pow10(MONEY_SCALE.saturating_sub(amount.scale));
        if !(0..=AMOUNT_MAX).contains(&units) {
            return Err(SetupError::Amount(amount));
        }
        self.ledger.credit(account, asset_id, units);
        Ok(())
    }

    /// Sets AssetPairStatus(5032); `false` if there is no such instrument. Resting orders stay.
    pub fn set_status(&mut self, instrument: InstrumentId, status: PairStatus) -> bool {
        match self.markets.get_mut(usize::from(instrument.0)) {
            Some(market) => {
                market.instrument.status = status;
                true
            }
            None => false,
        }
    }

    /// The listed instruments; the position is the [`InstrumentId`].
    pub fn instruments(&self) -> impl ExactSizeIterator<Item = &Instrument> {
        self.markets.iter().map(|market| &market.instrument)
    }

    /// One instrument.
    #[must_use]
    pub fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.markets.get(usize::from(id.0)).map(|market| &market.instrument)
    }

    /// The instrument of a symbol.
    #[must_use]
    pub fn instrument_id(&self, symbol: &[u8]) -> Option<InstrumentId> {
        let at = self.instruments().position(|known| known.symbol.as_bytes() == symbol)?;
        u16::try_from(at).ok().map(InstrumentId)
    }

    /// The book of an instrument.
    #[must_use]
    pub fn book(&self, id: InstrumentId) -> Option<&Book> {
        self.books.get(usize::from(id.0))
    }

    /// The book of an instrument, to take its changes.
    pub fn book_mut(&mut self, id: InstrumentId) -> Option<&mut Book> {
        self.books.get_mut(usize::from(id.0))
    }

    /// The resting orders of a side in the order in which they would trade.
    pub fn resting(&self, id: InstrumentId, side: Side) -> impl Iterator<Item = &Order> {
        self.book(id)
            .into_iter()
            .flat_map(move |book| book.priority(&self.orders, side))
            .map(|slot| self.orders.get(slot))
    }

    /// A live order.
    #[must_use]
    pub fn order(&self, order: OrderRef) -> Option<&Order> {
        self.orders.find(order)
    }

    /// How many orders live.
    #[must_use]
    pub fn live_orders(&self) -> usize {
        self.orders.live()
    }

    /// OrderID(37) of an order, live or ended.
    #[must_use]
    pub fn order_id(&self, order: OrderRef) -> OrderId {
        self.ids.id(order)
    }

    /// The order that an OrderID names, if this venue can have made it; it need not live any more.
    #[must_use]
    pub fn order_ref(&self, id: &[u8]) -> Option<OrderRef> {
        self.ids.order(id)
    }

    /// The id of an asset that some instrument uses.
    #[must_use]
    pub fn asset_id(&self, asset: Asset) -> Option<AssetId> {
        let at = self.ledger.assets.iter().position(|&known| known == asset)?;
        u16::try_from(at).ok().map(AssetId)
    }

    /// The name of an asset, MiscFeeCurr(138).
    #[must_use]
    pub fn asset(&self, id: AssetId) -> Option<Asset> {
        self.ledger.assets.get(usize::from(id.0)).copied()
    }

    /// The balance of an account.
    #[must_use]
    pub fn balance(&self, account: AccountId, asset: AssetId) -> Option<Balance> {
        self.ledger.balance(account, asset)
    }

    /// The fee schedule.
    #[must_use]
    pub fn fees(&self) -> &FeeSchedule {
        &self.fees
    }

    /// Runs any command.
    pub fn execute(&mut self, now: UtcTime, command: &Command, events: &mut Vec<EngineEvent>) {
        match command {
            Command::New(command) => {
                self.new_order(now, command, events);
            }
            Command::Amend(command) => {
                self.amend(now, command, events);
            }
            Command::Cancel(command) => {
                self.cancel(now, command, events);
            }
            Command::CancelWhere(command) => {
                self.cancel_where(now, command, events);
            }
        }
    }

    /// Accepts or refuses an order, matches it and rests what is left. Returns the order's name if
    /// it was accepted; it need not live any more.
    pub fn new_order(
        &mut self,
        now: UtcTime,
        command: &NewOrder,
        events: &mut Vec<EngineEvent>,
    ) -> Option<OrderRef> {
        let hold = match self.check_new(command) {
            Ok(hold) => hold,
            Err(reason) => {
                let rejection = Rejection {
                    request: Request::New,
                    account: command.account,
                    session: command.session,
                    client_key: command.client_key,
                    order: None,
                    reason,
                };
                events.push(EngineEvent { at: now, kind: EventKind::Rejected(rejection) });
                return None;
            }
        };
        let given = self.market(command.instrument).given(command.side);
        self.ledger.hold(command.account, given, hold);
        let slot = self.orders.insert(Order::new(command, hold, now));
        self.link_account(slot);
        let state = self.state(slot);
        events.push(EngineEvent { at: now, kind: EventKind::Accepted(state) });
        events.push(EngineEvent { at: now, kind: EventKind::Live(state) });
        self.take_and_rest(now, slot, events);
        Some(state.order)
    }

    /// Amends an order in place; venue file 6.8. Returns whether it was accepted.
    pub fn amend(&mut self, now: UtcTime, command: &Amend, events: &mut Vec<EngineEvent>) -> bool {
        let (slot, hold) = match self.check_amend(command) {
            Ok(checked) => checked,
            Err(reason) => {
                let rejection = Rejection {
                    request: Request::Amend,
                    account: command.account,
                    session: command.session,
                    client_key: command.client_key,
                    order: Some(command.order),
                    reason,
                };
                events.push(EngineEvent { at: now, kind: EventKind::Rejected(rejection) });
                return false;
            }
        };
        let before = *self.orders.get(slot);
        let ends = command.qty <= before.cum;
        let book = &mut self.books[usize::from(before.instrument.0)];
        let in_place = !ends && command.price == before.price && command.qty <= before.qty;
        if in_place {
            book.reduce(before.level, Qty(before.qty.0 - command.qty.0), now);
        } else {
            book.remove(&mut self.orders, slot, now);
        }
        let given = self.market(before.instrument).given(before.side);
        self.ledger.hold(before.account, given, hold - before.hold);
        let order = self.orders.get_mut(slot);
        order.hold = hold;
        order.session = command.session;
        order.client_key = command.client_key;
        order.qty = command.qty.max(order.cum);
        order.price = command.price;
        let state = self.state(slot);
        let kind = EventKind::Amended { order: state, orig_client_key: before.client_key };
        events.push(EngineEvent { at: now, kind });
        if ends {
            let kind = EventKind::Cancelled {
                order: state,
                reason: CancelReason::AmendedBelowFilled,
                cancelled: before.leaves(),
                request_key: None,
            };
            events.push(EngineEvent { at: now, kind });
            self.finish(slot);
        } else if !in_place {
            self.take_and_rest(now, slot, events);
        }
        true
    }

    /// Cancels an order. Returns whether it was live and the account's own.
    pub fn cancel(
        &mut self,
        now: UtcTime,
        command: &Cancel,
        events: &mut Vec<EngineEvent>,
    ) -> bool {
        match self.check_cancel(command) {
            Ok(slot) => {
                self.end(now, slot, CancelReason::User, Some(command.client_key), events);
                true
            }
            Err(reason) => {
                let rejection = Rejection {
                    request: Request::Cancel,
                    account: command.account,
                    session: command.session,
                    client_key: command.client_key,
                    order: Some(command.order),
                    reason,
                };
                events.push(EngineEvent { at: now, kind: EventKind::Rejected(rejection) });
                false
            }
        }
    }

    /// Cancels all orders that meet the filters and returns how many. A client's mass cancel leaves
    /// instruments in maintenance alone.
    pub fn cancel_where(
        &mut self,
        now: UtcTime,
        command: &CancelWhere,
        events: &mut Vec<EngineEvent>,
    ) -> usize {
        let accounts = match command.account {
            Some(AccountId(one)) => one..one.saturating_add(1),
            None => 0..self.ledger.accounts.len() as u32,
        };
        let mut count = 0;
        for account in accounts {
            let mut at = self.ledger.account(AccountId(account)).map_or(NONE, |a| a.head);
            while at != NONE {
                let order = *self.orders.get(at);
                let slot = core::mem::replace(&mut at, order.account_next);
                let closed = command.reason == CancelReason::MassCancel
                    && is_closed(self.market(order.instrument).instrument.status);
                if closed
                    || command
                        .sessions
                        .is_some_and(|(first, last)| !(first..=last).contains(&order.session))
                    || command.instrument.is_some_and(|id| id != order.instrument)
                {
                    continue;
                }
                self.end(now, slot, command.reason, command.client_key, events);
                count += 1;
            }
        }
        count
    }

    pub(super) fn market(&self, id: InstrumentId) -> &Market {
        &self.markets[usize::from(id.0)]
    }

    pub(super) fn is_self_trade(&self, taker: AccountId, maker: AccountId) -> bool {
        taker == maker
            && !self.ledger.account(taker).is_some_and(|account| account.flags.self_trade_allowed)
    }

    /// Matches an order that is not in the book, then rests or cancels what is left.
    fn take_and_rest(&mut self, now: UtcTime, slot: u32, events: &mut Vec<EngineEvent>) {
        let Order { instrument, side, ord_type, price, account, self_trade, time_in_force, .. } =
            *self.orders.get(slot);
        while self.orders.get(slot).leaves().0 > 0 {
            let Some(maker) = self.books[usize::from(instrument.0)].front(side.opposite()) else {
                break;
            };
            let resting = self.orders.get(maker);
            if ord_type == OrdType::Limit && !side.at_least_as_good(price, resting.price) {
                break;
            }
            if self.is_self_trade(account, resting.account) {
                if self_trade != SelfTrade::CancelNewest {
                    self.end(now, maker, CancelReason::SelfTrade, None, events);
                }
                if self_trade != SelfTrade::CancelOldest {
                    self.end(now, slot, CancelReason::SelfTrade, None, events);
                    return;
                }
                continue;
            }
            self.trade(now, slot, maker, events);
        }
        if self.orders.get(slot).leaves().0 == 0 {
            self.finish(slot);
        } else if ord_type == OrdType::Market {
            self.end(now, slot, CancelReason::NoLiquidity, None, events);
        } else if time_in_force == TimeInForce::Ioc {
            self.end(now, slot, CancelReason::ImmediateOrCancel, None, events);
        } else {
            self.books[usize::from(instrument.0)].push_back(&mut self.orders, slot, now);
        }
    }

    /// One trade of an arriving order with a resting one, at the resting one's price.
    fn trade(&mut self, now: UtcTime, taker: u32, maker: u32, events: &mut Vec<EngineEvent>) {
        let Order { price: px, instrument, level, .. } = *self.orders.get(maker);
        let qty = self.orders.get(taker).leaves().min(self.orders.get(maker).leaves());
        let market = &mut self.markets[usize::from(instrument.0)];
        market.trade_seq += 1;
        let (fees, ledger) = (&self.fees, &mut self.ledger);
        let done = (px, qty);
        let taker_fee = market.fill(ledger, fees, self.orders.get_mut(taker), done, fees.taker);
        let maker_fee = market.fill(ledger, fees, self.orders.get_mut(maker), done, fees.maker);
        let trade_seq = market.trade_seq;
        let book = &mut self.books[usize::from(instrument.0)];
        book.reduce(level, qty, now);
        let maker_done = self.orders.get(maker).leaves().0 == 0;
        if maker_done {
            book.remove(&mut self.orders, maker, now);
        }
        let trade = Trade {
            instrument,
            trade_seq,
            px,
            qty,
            maker: self.state(maker),
            taker: self.state(taker),
            maker_fee,
            taker_fee,
        };
        events.push(EngineEvent { at: now, kind: EventKind::Trade(trade) });
        if maker_done {
            self.finish(maker);
        }
    }

    /// Cancels what is left of an order, resting or not.
    fn end(
        &mut self,
        now: UtcTime,
        slot: u32,
        reason: CancelReason,
        request_key: Option<u128>,
        events: &mut Vec<EngineEvent>,
    ) {
        let order = *self.orders.get(slot);
        if order.level != NONE {
            self.books[usize::from(order.instrument.0)].remove(&mut self.orders, slot, now);
        }
        let kind = EventKind::Cancelled {
            order: OrderState { leaves: Qty(0), ..self.state(slot) },
            reason,
            cancelled: order.leaves(),
            request_key,
        };
        events.push(EngineEvent { at: now, kind });
        self.finish(slot);
    }

    /// Releases what an ended order holds, and its slot.
    fn finish(&mut self, slot: u32) {
        let order = *self.orders.get(slot);
        let given = self.market(order.instrument).given(order.side);
        self.ledger.hold(order.account, given, -order.hold);
        match order.account_prev {
            NONE => self.ledger.account_mut(order.account).head = order.account_next,
            previous => self.orders.get_mut(previous).account_next = order.account_next,
        }
        match order.account_next {
            NONE => self.ledger.account_mut(order.account).tail = order.account_prev,
            next => self.orders.get_mut(next).account_prev = order.account_prev,
        }
        self.orders.release(slot);
    }

    fn link_account(&mut self, slot: u32) {
        let account = self.ledger.account_mut(self.orders.get(slot).account);
        let previous = core::mem::replace(&mut account.tail, slot);
        if previous == NONE {
            account.head = slot;
        } else {
            self.orders.get_mut(previous).account_next = slot;
        }
        self.orders.get_mut(slot).account_prev = previous;
    }

    fn state(&self, slot: u32) -> OrderState {
        let order = self.orders.get(slot);
        OrderState {
            order: order.reference,
            account: order.account,
            session: order.session,
            client_key: order.client_key,
            instrument: order.instrument,
            side: order.side,
            ord_type: order.ord_type,
            time_in_force: order.time_in_force,
            post_only: order.post_only,
            qty: order.qty,
            price: order.price,
            cum: order.cum,
            leaves: order.leaves(),
            notional: order.notional,
            fee: order.fee,
            fee_asset: self.market(order.instrument).fee_asset(&self.fees, order.side),
        }
    }
}
