//! What a desk counts.

use crate::risk::Refusal;

/// Counters of a desk since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeskStats {
    /// Events handled.
    pub events: u64,
    /// Book entries applied.
    pub book_entries: u64,
    /// Book messages applied completely.
    pub book_updates: u64,
    /// Book entries that were not applied: no snapshot yet, or the book is stale.
    pub book_entries_ignored: u64,
    /// Checksums that were right.
    pub checksums_verified: u64,
    /// Checksums that were wrong.
    pub checksums_failed: u64,
    /// Times that a book became stale, for a wrong checksum or another reason.
    pub books_stale: u64,
    /// Public trades.
    pub market_trades: u64,
    /// New orders issued.
    pub orders: u64,
    /// Replaces issued.
    pub replaces: u64,
    /// Replaces that were held until the venue had told the OrderID; those that left are in `replaces`.
    pub replaces_held: u64,
    /// Of these, those that never left: superseded, refused in the end, or of an order that ended.
    pub replaces_dropped: u64,
    /// Cancels issued.
    pub cancels: u64,
    /// Cancels that were kept because the venue's rate limit would have refused them.
    pub cancels_held: u64,
    /// Mass cancels issued.
    pub mass_cancels: u64,
    /// Requests refused by the desk itself; they are in none of the other counters.
    pub refused_here: u64,
    /// The newest of those.
    pub last_refusal: Option<Refusal>,
    /// Order commands that reached the wire.
    pub on_wire: u64,
    /// Order commands that were taken back before.
    pub withdrawn: u64,
    /// New orders acknowledged.
    pub acks: u64,
    /// Replaces acknowledged.
    pub replaced: u64,
    /// Orders whose trigger was reached, as far as that was told.
    pub triggered: u64,
    /// Orders cancelled.
    pub canceled: u64,
    /// Orders expired.
    pub expired: u64,
    /// Requests refused by the venue.
    pub refused_by_venue: u64,
    /// Fills counted.
    pub fills: u64,
    /// Times that fills whose reports were lost were counted by an order's totals.
    pub fills_recovered: u64,
    /// Fills that were seen before.
    pub fills_duplicate: u64,
    /// Times that an order became uncertain.
    pub uncertain: u64,
    /// Uncertain orders that were found open.
    pub found_open: u64,
    /// Uncertain orders of which the venue does not tell how they ended.
    pub gone: u64,
    /// Times that it was found out after a drop what became of the open orders.
    pub reconciled: u64,
    /// Cancels of no order, whose refusal shows that all before them was answered. In none of the other
    /// counters but `on_wire` and `withdrawn`.
    pub markers: u64,
    /// Orders of which a report was the first that was heard, and that are tracked since.
    pub adopted: u64,
    /// Reports that name no order of ours, and were not applied.
    pub unknown_reports: u64,
    /// Refusals that name no order of ours.
    pub unknown_refusals: u64,
    /// Reports and answers that do not fit what was known.
    pub disagreements: u64,
    /// Fees in a currency that is neither base nor quote.
    pub foreign_fees: u64,
    /// Commands that overtook another or ended twice; anything but 0 breaks promise 1 or 2.
    pub lane_violations: u64,
    /// Orders of an earlier run that may be open, as its journal told.
    pub recalled: u64,
    /// Calls by REST.
    pub rest_calls: u64,
    /// Of these, cancels that the venue has carried out.
    pub rest_cancels: u64,
    /// Of these, those that failed.
    pub rest_failures: u64,
    /// Times that the kill switch was pulled.
    pub kills: u64,
    /// Alarms about one session.
    pub alarms: u64,
    /// Alarms about the engine as a whole: a thread that stood still and goes on, a full ring.
    pub engine_alarms: u64,
}

impl DeskStats {
    /// Order commands issued, of every kind.
    #[must_use]
    pub const fn commands(&self) -> u64 {
        self.orders + self.replaces + self.cancels + self.mass_cancels + self.markers
    }
}
