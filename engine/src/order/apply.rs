//! What the venue reports about orders, applied to the table. The venue's word wins; where it differs
//! from our own arithmetic, that is told.

use super::chain::RequestKind;
use super::index::hash_text;
use super::table::OrderTable;
use super::transition::{Move, Said};
use super::{Order, OrderHandle, OrderState, OrderUpdate, RecoveredFills, UpdateKind, fee_units};
use crate::event::{ExecType, Fill, OrdStatus, Report};
use crate::limits::CL_ORD_IDS_SUPERSEDED_MAX;
use crate::types::Qty;

/// What a report did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "returned by value and taken apart at once")]
pub enum ReportOutcome {
    /// No order of the table is meant (or it would be one of another instrument or side).
    Unknown,
    /// The fill was seen before; nothing has changed.
    Duplicate(OrderHandle),
    /// The report was applied.
    Applied(AppliedReport),
}

/// A report that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppliedReport {
    /// What to tell the strategy.
    pub update: OrderUpdate,
    /// A fill that counts.
    pub fill: Option<Fill>,
    /// Earlier fills whose reports are missing, known by the order's totals; they count too.
    pub recovered: Option<RecoveredFills>,
    /// What the order's fees grew by, in 10^-18 of the report's fee currency.
    pub fee_delta: i128,
    /// The report's arithmetic differs from ours.
    pub disagrees: bool,
    /// The order was uncertain, and is not any more.
    pub resolved: bool,
}

impl AppliedReport {
    /// Nothing has changed.
    const fn nothing(update: OrderUpdate) -> Self {
        Self {
            update,
            fill: None,
            recovered: None,
            fee_delta: 0,
            disagrees: false,
            resolved: false,
        }
    }
}

impl Order {
    /// Whether a report tells terms of before what is known: the order's start, once it has started; its
    /// trigger, once it has triggered; or what the venue repeats and is older than what it has told since.
    fn is_past(&self, report: &Report) -> bool {
        let starts = matches!(report.exec_type, ExecType::PendingNew | ExecType::New);
        let has_started = self.acked && self.state != OrderState::PendingNew;
        let waits = report.ord_type.has_trigger() && !self.ord_type.has_trigger();
        let is_older = (1..self.told_at.0).contains(&report.transact_time.0);
        starts && has_started || waits || report.poss_dup && is_older
    }
}

impl OrderTable {
    /// Applies an ExecutionReport (venue file 4.6).
    pub fn on_report(&mut self, report: &Report) -> ReportOutcome {
        let Some((slot, link)) = self.locate(report) else {
            return ReportOutcome::Unknown;
        };
        let order = &self.slots[slot as usize];
        let (handle, was, was_trigger) = (order.handle, order.state, order.ord_type.has_trigger());
        if order.instrument != report.instrument || order.side != report.side {
            return ReportOutcome::Unknown;
        }
        if report.fill.is_some() && !self.exec_ids.insert(&report.exec_id) {
            return ReportOutcome::Duplicate(handle);
        }
        if report.fill.is_none() && self.is_repeated(report) {
            return ReportOutcome::Applied(AppliedReport::nothing(
                self.update(slot, UpdateKind::Status),
            ));
        }
        let mut is_old = self.slots[slot as usize].is_past(report);
        let is_first = self.acknowledge(slot, report);
        let is_behind = report.cum_qty < self.slots[slot as usize].cum;
        let (fill, recovered, mut disagrees) = self.apply_fill(slot, report);
        disagrees |= is_behind && !report.poss_dup;
        let fee_delta = self.apply_fee(slot, report, is_behind);

        let requested = self.slots[slot as usize].is_cancel_pending();
        let link = link.or_else(|| self.link_by_terms(slot, report));
        if let Some(link) = link {
            let was_pending = self.chains.get(link).pending;
            disagrees |= self.accept(slot, link, report);
            is_old &= self.chains.get(link).pending || !was_pending;
        }
        if !is_behind {
            disagrees |= self.apply_terms(slot, link, is_old, report);
        }
        disagrees |= self.apply_state(slot, report);
        let is_uncertain = self.slots[slot as usize].state == OrderState::Uncertain;
        let resolved = was == OrderState::Uncertain && !is_uncertain;
        if resolved && report.exec_type == ExecType::OrderStatus {
            // An answer tells the order as it is: what it does not show was not done.
            self.drop_stale(slot);
        }
        if report.exec_type != ExecType::OrderStatus {
            let told_at = &mut self.slots[slot as usize].told_at;
            *told_at = report.transact_time.max(*told_at);
        }
        self.refresh(slot);

        let has_triggered = was_trigger && !self.slots[slot as usize].ord_type.has_trigger();
        let kind = match (fill, report.exec_type) {
            (Some(fill), _) => {
                UpdateKind::Filled { px: fill.px, qty: fill.qty, liquidity: fill.liquidity }
            }
            // An end is told once.
            (None, ExecType::Canceled) if was != OrderState::Canceled => {
                UpdateKind::Canceled { requested, text: report.text }
            }
            (None, ExecType::Expired) if was != OrderState::Expired => UpdateKind::Expired,
            (None, ExecType::Replaced | ExecType::Restated) if is_old => UpdateKind::Status,
            (None, ExecType::Replaced) if report.ord_status != OrdStatus::PendingReplace => {
                UpdateKind::Replaced { qty: report.order_qty, px: report.px }
            }
            (None, ExecType::PendingNew | ExecType::New) if is_first => UpdateKind::Acked,
            (None, ExecType::New) if was == OrderState::PendingNew => UpdateKind::Live,
            (None, ExecType::Restated | ExecType::OrderStatus) if has_triggered => {
                UpdateKind::Triggered { px: report.trigger_px }
            }
            (None, ExecType::Restated) => {
                UpdateKind::Restated { qty: report.order_qty, px: report.px }
            }
            _ => UpdateKind::Status,
        };
        let update = self.update(slot, kind);
        ReportOutcome::Applied(AppliedReport {
            update,
            fill,
            recovered,
            fee_delta,
            disagrees,
            resolved,
        })
    }

    /// Notes the ExecID of a report without a fill. Whether it was seen before. An answer to a question has
    /// none of its own.
    pub(super) fn is_repeated(&mut self, report: &Report) -> bool {
        report.exec_type != ExecType::OrderStatus && !self.report_ids.insert(&report.exec_id)
    }

    /// The order that a report is about, and the request that it names if that is one of the order's.
    fn locate(&self, report: &Report) -> Option<(u32, Option<u32>)> {
        if let Some(link) = self.chains.find(report.cl_ord_id) {
            return Some((self.chains.get(link).order, Some(link)));
        }
        // A cancel by a mass request, or from elsewhere, may carry an id that is not ours.
        let by_orig = report.orig_cl_ord_id.and_then(|id| self.find(id));
        let order = by_orig.or_else(|| self.find_order_id(&report.order_id))?;
        Some((order.handle.slot, None))
    }

    /// The request in force by the terms that a status answer tells: whether its ClOrdID(11) is the
    /// order's or its own is not said alike everywhere (venue file C17).
    fn link_by_terms(&self, slot: u32, report: &Report) -> Option<u32> {
        if report.exec_type != ExecType::OrderStatus {
            return None;
        }
        let order = &self.slots[slot as usize];
        self.chains.backward(&order.ends).find(|&at| {
            let link = self.chains.get(at);
            let may_be = at == order.current || (link.stale && link.kind == RequestKind::Replace);
            let same_stop = !report.ord_type.has_trigger() || link.stop_px == report.stop_px;
            may_be && link.qty == report.order_qty && link.px == report.px && same_stop
        })
    }

    /// Any report shows that the venue has the order. Whether this is the first.
    pub(super) fn acknowledge(&mut self, slot: u32, report: &Report) -> bool {
        let order = &mut self.slots[slot as usize];
        let is_first = !std::mem::replace(&mut order.acked, true);
        if order.order_id.is_empty() && !report.order_id.is_empty() {
            order.order_id = report.order_id;
            self.by_order_id.insert(hash_text(report.order_id.as_bytes()), slot);
        }
        let order = &self.slots[slot as usize];
        if is_first {
            let head = order.ends.head;
            let link = self.chains.get_mut(head);
            link.pending &= link.kind != RequestKind::New;
        }
        is_first
    }

    /// Raises CumQty and counts the fill, if it counts: its ExecID is new, and the fills together do
    /// not pass what the venue says is filled. What is missing then is counted by the order's totals,
    /// if the report has them; a report of it that comes late is recognised.
    fn apply_fill(
        &mut self,
        slot: u32,
        report: &Report,
    ) -> (Option<Fill>, Option<RecoveredFills>, bool) {
        let order = &mut self.slots[slot as usize];
        let missing_before = order.cum.0.saturating_sub(order.filled);
        order.cum = order.cum.max(report.cum_qty);
        let mut applied = None;
        let mut disagrees = false;
        if let Some(fill) = report.fill {
            match order.filled.checked_add(fill.qty.0) {
                Some(filled) if fill.qty.0 > 0 && fill.px.0 >= 0 && filled <= order.cum.0 => {
                    order.filled = filled;
                    let cost = i128::from(fill.px.0) * i128::from(fill.qty.0);
                    order.paid = order.paid.map(|paid| paid + cost);
                    applied = Some(fill);
                }
                _ if (1..=order.recovered).contains(&fill.qty.0) => order.recovered -= fill.qty.0,
                _ => disagrees = true,
            }
        }
        let recovered = order.recover_fills(report);
        disagrees |= order.cum.0.saturating_sub(order.filled) > missing_before;
        (applied, recovered, disagrees)
    }

    /// MiscFeeAmt(137): on spot the order's total, on derivatives the fee of this trade (venue file 6.13).
    /// What the fees grew by; a total `is_behind` says nothing new.
    fn apply_fee(&mut self, slot: u32, report: &Report, is_behind: bool) -> i128 {
        let Some(fee) = report.fee.and_then(|(amount, _)| fee_units(amount)) else { return 0 };
        let by_trade = self.tells_fees_by_trade(report.instrument);
        let order = &mut self.slots[slot as usize];
        let delta = match by_trade {
            true if report.fill.is_some() => fee,
            false if !is_behind => fee - order.fee,
            _ => 0,
        };
        order.fee = order.fee.saturating_add(delta);
        delta
    }

    /// Notes that the venue did what a request asked for. Whether it did something else: a price that
    /// is not the one asked for (a quantity may differ, venue file 6.8).
    fn accept(&mut self, slot: u32, at: u32, report: &Report) -> bool {
        let link = self.chains.get_mut(at);
        let is_done = match link.kind {
            RequestKind::New => false,
            RequestKind::Replace => {
                matches!(report.exec_type, ExecType::Replaced | ExecType::OrderStatus)
                    && report.ord_status != OrdStatus::PendingReplace
            }
            RequestKind::Cancel => report.exec_type == ExecType::Canceled,
        };
        if !is_done {
            return false;
        }
        link.pending = false;
        link.doomed = false;
        if link.kind == RequestKind::Cancel {
            return false;
        }
        let is_other_px = report.px != link.px;
        let (epoch, connection) = (link.epoch, link.connection);
        let order = &mut self.slots[slot as usize];
        let current = order.current;
        // An acknowledgement that comes late does not put an older request back in force.
        if self.chains.forward(current).skip(1).any(|later| later == at) {
            order.current = at;
            // The session that replaced an order last is the one that it belongs to (venue file 3.6).
            (order.epoch, order.connection, order.day) = (epoch, connection, self.day);
            self.trim(slot);
        }
        is_other_px
    }

    /// Forgets superseded ids but the newest few.
    fn trim(&mut self, slot: u32) {
        let order = &mut self.slots[slot as usize];
        let mut superseded = 0;
        for at in self.chains.forward(order.ends.head) {
            if at == order.current {
                break;
            }
            superseded += usize::from(!self.chains.get(at).pending);
        }
        let mut at = order.ends.head;
        while superseded > CL_ORD_IDS_SUPERSEDED_MAX && at != order.current {
            let next = self.chains.next(at).unwrap_or(order.current);
            if !self.chains.get(at).pending {
                self.chains.remove(&mut order.ends, at);
                superseded -= 1;
            }
            at = next;
        }
    }

    /// Takes price, quantity and LeavesQty from a report about the request in force, or from the answer
    /// to a question; from a report about another request, and one that `is_old`, only what follows from
    /// CumQty. Whether the report disagrees.
    fn apply_terms(&mut self, slot: u32, link: Option<u32>, is_old: bool, report: &Report) -> bool {
        let order = &mut self.slots[slot as usize];
        let is_answer = report.exec_type == ExecType::OrderStatus && !report.poss_dup;
        let is_in_force = !is_old && (link == Some(order.current) || is_answer);
        let mut disagrees = false;
        if is_in_force {
            let is_change =
                is_answer || matches!(report.exec_type, ExecType::Replaced | ExecType::Restated);
            disagrees |= !is_change && report.order_qty != order.qty;
            order.qty = report.order_qty;
            order.px = report.px.or(order.px);
            order.stop_px = report.stop_px.or(order.stop_px);
            // What has triggered has.
            if order.ord_type.has_trigger() || !report.ord_type.has_trigger() {
                order.ord_type = report.ord_type;
            }
        }
        let open = Qty(order.qty.0.saturating_sub(order.cum.0).max(0));
        let is_end = report.ord_status.is_end();
        disagrees |= is_in_force && !is_end && report.leaves_qty != open;
        disagrees |= is_end && report.leaves_qty.0 != 0;
        if !order.state.is_end() {
            order.leaves = if is_in_force { report.leaves_qty } else { open };
        }
        disagrees
    }

    /// Moves the order's state. Whether the report disagrees.
    fn apply_state(&mut self, slot: u32, report: &Report) -> bool {
        let order = &mut self.slots[slot as usize];
        let said = Said::of(report.exec_type, report.ord_status);
        order.end_told |= matches!(said, Said::Ended(_));
        match order.state.after(said, order.cum.0 > 0, report) {
            Move::Stay { odd } => odd,
            Move::To(state) => {
                order.state = state;
                false
            }
            Move::End(end) => {
                let disagrees = end == OrderState::Filled && order.cum < order.qty;
                self.end(slot, end);
                disagrees
            }
        }
    }
}
