//! Orders of an earlier run of the engine.

use super::table::OrderTable;
use super::{Order, OrderHandle, fee_units, not_counted};
use crate::event::Report;
use crate::risk::Refusal;
use crate::types::{ExecId, Qty};

impl OrderTable {
    /// Enters an order of which an earlier run heard this last; `filled` of it was told, fill by fill, which
    /// cost so much. What its totals say beyond that counts as recovered. It is uncertain whether it is open.
    ///
    /// # Errors
    /// As [`OrderTable::open`].
    pub(crate) fn recall(
        &mut self,
        report: &Report,
        filled: Qty,
        cost: i128,
    ) -> Result<OrderHandle, Refusal> {
        let missing = not_counted(report, filled, cost);
        let more = missing.map_or(0, |fills| fills.qty.0);
        let handle = self.enter(
            report.cl_ord_id,
            Order {
                cum: report.cum_qty,
                filled: filled.0 + more,
                paid: Some(cost + missing.map_or(0, |fills| fills.cost)),
                recovered: more,
                fee: report.fee.and_then(|(amount, _)| fee_units(amount)).unwrap_or(0),
                ..Order::told_of(report)
            },
        )?;
        self.acknowledge(handle.slot, report);
        if report.fill.is_none() {
            self.is_repeated(report);
        }
        self.slots[handle.slot as usize].told_at = report.transact_time;
        Ok(handle)
    }

    /// Notes the ExecID of a fill; `false` if it was seen before.
    pub(crate) fn note_fill(&mut self, id: &ExecId) -> bool {
        self.exec_ids.insert(id)
    }
}
