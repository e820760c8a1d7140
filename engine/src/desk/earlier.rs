//! Orders and positions of an earlier run, as its journal tells them before the trading session is up. What
//! was filled is counted once: its ExecIDs are known when the venue repeats it. What was open is uncertain,
//! and is found out as after a drop.

use super::{Core, Desk};
use crate::event::{FirstKept, FromJournal, Report};
use crate::order::{UpdateKind, fee_units, not_counted};
use crate::strategy::{SessionUpdate, Strategy};
use crate::types::Qty;

impl<S: Strategy> Desk<S> {
    /// The journal of the trading session tells what an earlier run left behind.
    pub(super) fn on_from_journal(&mut self, told: &FromJournal) {
        match told {
            FromJournal::Report { report, is_new, last } => {
                self.core.risk.on_recalled(report.instrument);
                self.core.recall_fill(report, *is_new);
                if let Some((filled, cost)) = last {
                    self.core.recall_order(report, *filled, *cost);
                }
            }
            FromJournal::Sent(new) => {
                if let Ok(order) = self.core.orders.open(new) {
                    self.core.orders.mark_uncertain(order, true);
                }
            }
            FromJournal::End { epoch, unreadable, is_lossy, first_kept } => {
                self.on_recalled(*epoch, *unreadable, *is_lossy, *first_kept);
            }
        }
    }

    /// That was all: the strategy hears of the orders that may be open.
    fn on_recalled(
        &mut self,
        epoch: u32,
        unreadable: u32,
        is_lossy: bool,
        first_kept: Option<FirstKept>,
    ) {
        let now = self.core.clock.now();
        let orders = self.core.orders.live_len();
        self.core.stats.recalled += orders as u64;
        self.core.truth.recall(epoch, orders > 0, now);
        if is_lossy {
            self.core.truth.on_voided();
        }
        if self.core.trading.is_some() {
            self.core.truth.on_lost(now);
        }
        for id in self.core.own_ids() {
            self.core.instrument_changed(id, now);
        }
        let orders = u32::try_from(orders).unwrap_or(u32::MAX);
        self.tell(&SessionUpdate::Recalled { orders, unreadable, first_kept });
        for at in 0..self.core.orders.live_len() {
            let Some(order) = self.core.orders.live_at(at).map(|one| one.handle) else { break };
            if let Some(update) = self.core.orders.told(order, UpdateKind::Recalled) {
                self.tell_order(&update, false);
            }
        }
    }
}

impl Core {
    fn recall_fill(&mut self, report: &Report, is_new: bool) {
        let Some(fill) = &report.fill else { return };
        if !self.orders.note_fill(&report.exec_id) {
            return;
        }
        if is_new {
            self.positions.on_fill(report.instrument, report.side, fill);
        }
        if self.orders.tells_fees_by_trade(report.instrument) {
            self.recall_fee(report);
        }
    }

    fn recall_fee(&mut self, report: &Report) {
        let id = report.instrument;
        let facts = self.markets.get(id).and_then(|market| market.instrument()).copied();
        if let (Some((amount, currency)), Some(facts)) = (&report.fee, facts) {
            let fee = fee_units(*amount);
            // A currency that is none of the instrument's was told when it was new.
            let _ = fee.is_some_and(|fee| self.positions.on_fee(id, &facts, fee, currency));
        }
    }

    /// The last report of an order: what is filled and was not told, its fees where they are told as a total,
    /// and, unless it has ended, the order itself.
    fn recall_order(&mut self, report: &Report, filled: Qty, cost: i128) {
        let id = report.instrument;
        if let Some(fills) = not_counted(report, filled, cost) {
            self.positions.on_recovered(id, report.side, &fills);
        }
        if !self.orders.tells_fees_by_trade(id) {
            self.recall_fee(report);
        }
        if !report.ord_status.is_end() {
            // A full table is told by the reports to come, of orders that are not known.
            let _ = self.orders.recall(report, filled, cost).is_ok();
        }
    }
}
