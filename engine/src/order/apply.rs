//! What the venue and the wire say about orders, applied to the table. The venue's word wins; where
//! it differs from our own arithmetic, that is told.

use super::chain::RequestKind;
use super::index::hash_text;
use super::table::OrderTable;
use super::{OrderHandle, OrderState, OrderUpdate, UpdateKind};
use crate::event::{ExecType, Fill, OrdStatus, Refusal, Report, WithdrawReason};
use crate::limits::CL_ORD_IDS_SUPERSEDED_MAX;
use crate::types::{ClOrdId, Qty};

/// What a report did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// What the order's fees grew by, in 10^-18 of the report's fee currency.
    pub fee_delta: i128,
    /// The report's arithmetic differs from ours.
    pub disagrees: bool,
}

/// An answer to a request that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppliedRequest {
    /// What to tell the strategy.
    pub update: OrderUpdate,
    /// The answer does not fit what was known of the order.
    pub disagrees: bool,
}

impl OrderTable {
    /// Applies an ExecutionReport (venue file 4.6).
    pub fn on_report(&mut self, report: &Report) -> ReportOutcome {
        let Some((slot, link)) = self.locate(report) else {
            return ReportOutcome::Unknown;
        };
        let order = &self.slots[slot as usize];
        let (handle, was) = (order.handle, order.state);
        if order.instrument != report.instrument || order.side != report.side {
            return ReportOutcome::Unknown;
        }
        if report.fill.is_some() && !self.exec_ids.insert(&report.exec_id) {
            return ReportOutcome::Duplicate(handle);
        }
        let is_first = self.acknowledge(slot, report);
        let is_behind = report.cum_qty < self.slots[slot as usize].cum;
        let (fill, mut disagrees) = self.apply_fill(slot, report);
        disagrees |= is_behind && !report.poss_dup;
        let fee_delta = if is_behind { 0 } else { self.apply_fee(slot, report) };

        let requested = self.slots[slot as usize].is_cancel_pending();
        if let Some(link) = link {
            disagrees |= self.accept(slot, link, report);
        }
        if !is_behind {
            disagrees |= self.apply_terms(slot, link, report);
        }
        disagrees |= self.apply_state(slot, report);
        self.refresh(slot);

        let kind = match (fill, report.exec_type) {
            (Some(fill), _) => {
                UpdateKind::Filled { px: fill.px, qty: fill.qty, liquidity: fill.liquidity }
            }
            (None, ExecType::Canceled) => UpdateKind::Canceled { requested, text: report.text },
            (None, ExecType::Expired) => UpdateKind::Expired,
            (None, ExecType::Replaced) if report.ord_status != OrdStatus::PendingReplace => {
                UpdateKind::Replaced { qty: report.order_qty, px: report.px }
            }
            (None, ExecType::PendingNew | ExecType::New) if is_first => UpdateKind::Acked,
            (None, ExecType::New) if was == OrderState::PendingNew => UpdateKind::Live,
            _ => UpdateKind::Status,
        };
        let update = self.update(slot, kind);
        ReportOutcome::Applied(AppliedReport { update, fill, fee_delta, disagrees })
    }

    /// Applies a refusal of a request by the venue (35=j or 35=3); `None` if no request of an order
    /// is meant. What was chained to a refused request will be refused as well, as the venue does not
    /// know its OrigClOrdID: new requests no longer chain to it.
    pub fn on_refused(&mut self, refusal: &Refusal) -> Option<AppliedRequest> {
        let at = match refusal.cl_ord_id {
            Some(id) => self.chains.find(id)?,
            None => self.chains.find_seq(refusal.ref_seq_num)?,
        };
        let Refusal { layer, reason, text, .. } = *refusal;
        let request = self.chains.get(at).kind;
        let kind = UpdateKind::RefusedByVenue { request, layer, reason, text };
        Some(self.drop_request(at, kind, OrderState::Rejected))
    }

    /// Applies the withdrawal of a request that never reached the wire; `None` if it is not known.
    pub fn on_withdrawn(&mut self, id: ClOrdId, reason: WithdrawReason) -> Option<AppliedRequest> {
        let at = self.chains.find(id)?;
        let kind = UpdateKind::Withdrawn { request: self.chains.get(at).kind, reason };
        Some(self.drop_request(at, kind, OrderState::Withdrawn))
    }

    /// Notes that a request's bytes are on the wire; `None` if it is not known.
    pub fn on_wire(&mut self, id: ClOrdId, msg_seq_num: u64, ticks: u64) -> Option<OrderUpdate> {
        let at = self.chains.find(id)?;
        let link = self.chains.get_mut(at);
        link.seq = msg_seq_num;
        let kind = UpdateKind::OnWire { request: link.kind, msg_seq_num, sent_ticks: ticks };
        let slot = link.order;
        Some(self.update(slot, kind))
    }

    /// Makes the live order at a place of [`OrderTable::live`] uncertain: the session dropped. The
    /// answers to its requests may never come.
    pub fn mark_uncertain(&mut self, at: usize) -> Option<OrderUpdate> {
        let slot = self.live_slot(at)?;
        let mut next = Some(self.slots[slot as usize].ends.head);
        while let Some(at) = next {
            next = self.chains.next(at);
            self.chains.get_mut(at).stale = true;
        }
        self.slots[slot as usize].state = OrderState::Uncertain;
        self.refresh(slot);
        Some(self.update(slot, UpdateKind::Uncertain))
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

    /// Any report shows that the venue has the order. Whether this is the first.
    fn acknowledge(&mut self, slot: u32, report: &Report) -> bool {
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
    /// not pass what the venue says is filled.
    fn apply_fill(&mut self, slot: u32, report: &Report) -> (Option<Fill>, bool) {
        let order = &mut self.slots[slot as usize];
        let missing_before = order.cum.0.saturating_sub(order.filled);
        order.cum = order.cum.max(report.cum_qty);
        let mut applied = None;
        let mut disagrees = false;
        if let Some(fill) = report.fill {
            match order.filled.checked_add(fill.qty.0) {
                Some(filled) if fill.qty.0 > 0 && fill.px.0 >= 0 && filled <= order.cum.0 => {
                    order.filled = filled;
                    applied = Some(fill);
                }
                _ => disagrees = true,
            }
        }
        disagrees |= order.cum.0.saturating_sub(order.filled) > missing_before;
        (applied, disagrees)
    }

    /// MiscFeeAmt(137) is cumulative over the order (venue file 6.13).
    fn apply_fee(&mut self, slot: u32, report: &Report) -> i128 {
        let Some((amount, _)) = report.fee else { return 0 };
        let order = &mut self.slots[slot as usize];
        let Some(unit) = 18u8.checked_sub(amount.scale).map(|n| 10i128.pow(u32::from(n))) else {
            return 0;
        };
        let fee = i128::from(amount.mantissa) * unit;
        let delta = fee - order.fee;
        order.fee = fee;
        delta
    }

    /// Notes that the venue did what a request asked for. Whether it did something else: a price that
    /// is not the one asked for (a quantity may differ, venue file 6.8).
    fn accept(&mut self, slot: u32, at: u32, report: &Report) -> bool {
        let link = self.chains.get_mut(at);
        let is_done = match link.kind {
            RequestKind::New => false,
            RequestKind::Replace => {
                report.exec_type == ExecType::Replaced
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
        let current = self.slots[slot as usize].current;
        // An acknowledgement that comes late does not put an older request back in force.
        if self.chains.forward(current).skip(1).any(|later| later == at) {
            self.slots[slot as usize].current = at;
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

    /// Takes price, quantity and LeavesQty from a report about the request in force; from a report
    /// about another request only what follows from CumQty. Whether the report disagrees.
    fn apply_terms(&mut self, slot: u32, link: Option<u32>, report: &Report) -> bool {
        let order = &mut self.slots[slot as usize];
        let is_in_force = link == Some(order.current);
        let mut disagrees = false;
        if is_in_force {
            let is_change = matches!(report.exec_type, ExecType::Replaced | ExecType::Restated);
            disagrees |= !is_change && report.order_qty != order.qty;
            order.qty = report.order_qty;
            order.px = report.px.or(order.px);
            order.ord_type = report.ord_type;
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

    /// Moves the order's state. An ended order stays ended. Whether the report disagrees.
    fn apply_state(&mut self, slot: u32, report: &Report) -> bool {
        let order = &self.slots[slot as usize];
        let end = match (report.ord_status, report.exec_type) {
            (OrdStatus::Filled, _) => Some(OrderState::Filled),
            (OrdStatus::Canceled, _) | (_, ExecType::Canceled) => Some(OrderState::Canceled),
            (OrdStatus::Expired, _) | (_, ExecType::Expired) => Some(OrderState::Expired),
            (OrdStatus::Rejected, _) | (_, ExecType::Rejected) => Some(OrderState::Rejected),
            _ => None,
        };
        if order.state.is_end() {
            // A late fill is told by its report; anything else about an ended order is odd.
            return end != Some(order.state) && report.fill.is_none() && !report.poss_dup;
        }
        let Some(end) = end else {
            let order = &mut self.slots[slot as usize];
            order.state = if order.cum.0 > 0 {
                OrderState::PartiallyFilled
            } else if report.ord_status == OrdStatus::PendingNew && order.state != OrderState::New {
                OrderState::PendingNew
            } else {
                OrderState::New
            };
            return false;
        };
        let disagrees = end == OrderState::Filled && order.cum < order.qty;
        self.end(slot, end);
        disagrees
    }

    /// Removes a request that was not done; a new order ends with it.
    fn drop_request(&mut self, at: u32, kind: UpdateKind, end: OrderState) -> AppliedRequest {
        let link = *self.chains.get(at);
        let order = self.slots[link.order as usize];
        let is_new = link.kind == RequestKind::New;
        // The id in force stays: the order's life hangs on it, and a refusal of it comes too late.
        let is_late = at == order.current && (!is_new || order.acked || order.state.is_end());
        if !is_late {
            self.doom_followers(at);
        }
        if is_new && !is_late {
            self.end(link.order, end);
        }
        if at == order.current {
            self.chains.get_mut(at).pending = false;
        } else {
            self.chains.remove(&mut self.slots[link.order as usize].ends, at);
        }
        self.refresh(link.order);
        let update = self.update(link.order, kind);
        AppliedRequest { update, disagrees: is_late || !link.pending }
    }

    /// Marks the requests that chain to a refused one, directly or through another.
    fn doom_followers(&mut self, at: u32) {
        let refused = self.chains.get(at).id;
        let mut next = self.chains.next(at);
        while let Some(at) = next {
            next = self.chains.next(at);
            let link = *self.chains.get(at);
            if !link.pending || link.by_order_id {
                continue;
            }
            let orig_is_doomed =
                self.chains.find(link.orig).is_some_and(|orig| self.chains.get(orig).doomed);
            self.chains.get_mut(at).doomed = link.orig == refused || orig_is_doomed;
        }
    }

    fn update(&self, slot: u32, kind: UpdateKind) -> OrderUpdate {
        let order = &self.slots[slot as usize];
        OrderUpdate {
            handle: order.handle,
            instrument: order.instrument,
            side: order.side,
            state: order.state,
            kind,
            cum: order.cum,
            leaves: order.leaves,
        }
    }
}
