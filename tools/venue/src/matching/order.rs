//! A live order.

use taut::types::{InstrumentId, OrdType, Px, Qty, Side, TimeInForce};
use taut_codec::value::UtcTime;

use super::account::AccountId;
use super::command::{Reference, SelfTrade};
use super::ledger::FeeCurrency;
use super::pool::NONE;

/// Names one order for ever: the slot that it lives in and the count of that slot's uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderRef {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

impl OrderRef {
    /// As one number, unique per order.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    /// The inverse of [`OrderRef::to_bits`].
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// How far an order came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// EffectiveTime(168) is still to come.
    Pending,
    /// It waits for its trigger.
    Untriggered,
    /// It takes part in matching.
    Working,
}

/// A live order.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Its name.
    pub reference: OrderRef,
    /// Its account.
    pub account: AccountId,
    /// Its owner.
    pub session: u32,
    /// Id of the last request that set it.
    pub client_key: u128,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Side(54).
    pub side: Side,
    /// OrdType(40); once triggered the resulting one.
    pub ord_type: OrdType,
    /// OrdType(40) as it came.
    pub placed_as: OrdType,
    /// TimeInForce(59).
    pub time_in_force: TimeInForce,
    /// How far it came.
    pub stage: Stage,
    /// Whether it came as post-only.
    pub post_only: bool,
    /// ExecInst(18) `E`.
    pub reduce_only: bool,
    /// Leverage(5001).
    pub leveraged: bool,
    /// ExecInst(18) `v`: `qty` counts price x quantity.
    pub qty_in_quote: bool,
    /// ExecInst(18) `s`.
    pub fee_per_trade: bool,
    /// ExecInst(18) `f` or `q`.
    pub fee_currency: Option<FeeCurrency>,
    /// Its mode of self-trade prevention.
    pub self_trade: SelfTrade,
    /// The price that its trigger watches.
    pub watches: Reference,
    /// OrderQty(38).
    pub qty: Qty,
    /// Price(44); zero for a type without one.
    pub price: Px,
    /// CumQty(14).
    pub cum: Qty,
    /// StopPx(99); zero for a type without trigger.
    pub stop: Px,
    /// DisplayQty(1138), zero if it shows all.
    pub display: Qty,
    /// Where it triggers, as things stand; `None` for a trailing stop that has seen no price.
    pub trigger_at: Option<Px>,
    /// TriggerPrice(1102), once it triggered.
    pub triggered_by: Option<Px>,
    /// ExpireTime(126).
    pub expires_at: Option<UtcTime>,
    /// Sum of price x quantity over its trades.
    pub notional: i128,
    /// Cumulative fee, see [`super::OrderState::fee`].
    pub fee: i128,
    /// When it was accepted.
    pub created_at: UtcTime,
    /// When it joined its price queue last (5273 of L3).
    pub queued_at: UtcTime,
    /// When what it shows in the book changed last (273, 5060 of L3).
    pub changed_at: UtcTime,
    /// Sum of amount x rate over its trades: the fee before rounding, in millionths of its unit.
    pub(super) fee_exact: i128,
    /// What it holds of its account's funds, in the settlement's units.
    pub(super) hold: i128,
    /// What is left of the slice that an iceberg shows.
    pub(super) slice: Qty,
    /// Its level in the book; [`NONE`] while it does not rest.
    pub(super) level: u32,
    pub(super) queue_next: u32,
    pub(super) queue_prev: u32,
    /// Where it stands among the timers; [`NONE`] if nothing is due.
    pub(super) timer: u32,
    /// Orders the triggers at one price; given when it is armed.
    pub(super) armed: u64,
    /// Of an order in quote: what is left buys nothing any more.
    pub(super) done: bool,
    pub(super) live: bool,
}

impl Order {
    /// An order as it would be if it were accepted; the pool gives it its name.
    pub(super) fn new(command: &super::NewOrder, now: UtcTime) -> Self {
        let super::NewOrder { ord_type, conditions, .. } = *command;
        let has_trigger = ord_type.has_trigger();
        let pending = conditions.effective_at.is_some_and(|at| at > now);
        Self {
            reference: OrderRef { slot: NONE, generation: 0 },
            account: command.account,
            session: command.session,
            client_key: command.client_key,
            instrument: command.instrument,
            side: command.side,
            ord_type,
            placed_as: ord_type,
            time_in_force: command.time_in_force,
            stage: match (pending, has_trigger) {
                (true, _) => Stage::Pending,
                (false, true) => Stage::Untriggered,
                (false, false) => Stage::Working,
            },
            post_only: command.post_only,
            reduce_only: conditions.reduce_only,
            leveraged: conditions.leveraged,
            qty_in_quote: conditions.qty_in_quote,
            fee_per_trade: conditions.fee_per_trade,
            fee_currency: conditions.fee_currency,
            self_trade: command.self_trade,
            watches: conditions.reference,
            qty: command.qty,
            price: if ord_type.has_limit() { command.price } else { Px(0) },
            cum: Qty(0),
            stop: if has_trigger { conditions.stop } else { Px(0) },
            display: conditions.display.unwrap_or_default(),
            trigger_at: None,
            triggered_by: None,
            expires_at: conditions.expires_at,
            notional: 0,
            fee: 0,
            created_at: now,
            queued_at: now,
            changed_at: now,
            fee_exact: 0,
            hold: 0,
            slice: Qty(0),
            level: NONE,
            queue_next: NONE,
            queue_prev: NONE,
            timer: NONE,
            armed: 0,
            done: false,
            live: true,
        }
    }

    /// Whether it stands in the book.
    #[must_use]
    pub const fn rests(&self) -> bool {
        self.level != NONE
    }

    /// LeavesQty(151): what is open, in the units of `qty`.
    #[must_use]
    pub const fn leaves(&self) -> Qty {
        if self.done {
            Qty(0)
        } else if self.qty_in_quote {
            // Trades never cost more than the order says.
            Qty(self.qty.0 - self.notional as i64)
        } else {
            Qty(self.qty.0 - self.cum.0)
        }
    }

    /// What the book shows of it while it rests.
    #[must_use]
    pub const fn visible(&self) -> Qty {
        if self.display.0 == 0 { self.leaves() } else { self.slice }
    }

    /// How much it could trade at `px`, in multiples of `step`.
    pub(super) const fn tradable(&self, px: Px, step: Qty) -> Qty {
        if self.qty_in_quote {
            Qty(self.leaves().0 / px.0 / step.0 * step.0)
        } else {
            self.leaves()
        }
    }

    /// Cuts the next slice of an iceberg.
    pub(super) fn refill(&mut self) {
        self.slice = self.display.min(self.leaves());
    }

    /// Whether its trigger follows the market.
    pub(super) const fn trails(&self) -> bool {
        matches!(self.placed_as, OrdType::TrailingStop | OrdType::TrailingStopLimit)
    }

    /// Whether a rising price fires its trigger; else a falling one does. Stop-losses and trailing stops
    /// fire on the unfavourable side, take-profits on the favourable one (venue file 6.1).
    pub(super) const fn fires_rising(&self) -> bool {
        let takes_profit = matches!(self.placed_as, OrdType::TakeProfit | OrdType::TakeProfitLimit);
        matches!(self.side, Side::Buy) != takes_profit
    }

    /// Its limit once it triggers: of a trailing stop limit `price` is an offset from the trigger price
    /// (SIM; venue file 6.7), rounded down to a tick.
    pub(super) fn limit_after_trigger(&self, tick: Px) -> Px {
        if self.ord_type != OrdType::TrailingStopLimit {
            return self.price;
        }
        let at = self.trigger_at.map_or(0, |at| at.0).saturating_add(self.price.0);
        Px(at.div_euclid(tick.0) * tick.0)
    }
}

crate::state::stored! {
    OrderRef { slot, generation }
    Order {
        reference, account, session, client_key, instrument, side, ord_type, placed_as, time_in_force, stage,
        post_only, reduce_only, leveraged, qty_in_quote, fee_per_trade, fee_currency, self_trade, watches, qty,
        price, cum, stop, display, trigger_at, triggered_by, expires_at, notional, fee, created_at, queued_at,
        changed_at, fee_exact, hold, slice, level, queue_next, queue_prev, timer,
        armed, done, live,
    }
}
crate::state::stored_enum!(Stage { 0 = Pending, 1 = Untriggered, 2 = Working });
