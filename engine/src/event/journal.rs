//! What an earlier run of the engine left behind.

use super::Report;
use crate::command::NewOrder;
use crate::types::Qty;

/// A part of it, in the order in which it happened.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "parts of records of one size")]
pub enum FromJournal {
    /// A report that was received.
    Report {
        /// The report.
        report: Report,
        /// Whether its fill, if it tells one, was not told before.
        is_new: bool,
        /// If it is the last of its order: what was told of fills, this one included, and what that cost, in
        /// units of price x quantity.
        last: Option<(Qty, i128)>,
    },
    /// An order that was sent, or was about to be, and was not answered.
    Sent(NewOrder),
    /// That was all.
    End {
        /// The sequence space in which the run ended.
        epoch: u32,
        /// Messages that could not be read.
        unreadable: u32,
        /// The numbers were reset, or the venue declared some void that it may have used for reports, and the
        /// journal does not show that the run found out before its end where its orders stood: the silence of
        /// the venue shows nothing of them.
        is_lossy: bool,
        /// Where the journal begins, if what was before was deleted.
        first_kept: Option<FirstKept>,
    },
}

/// Where a journal begins whose older segments were deleted: what the venue reported before is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstKept {
    /// The sequence space.
    pub epoch: u32,
    /// The first MsgSeqNum(34) of the venue in it that is kept.
    pub seq: u64,
}
