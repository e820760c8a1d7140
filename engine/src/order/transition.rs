//! How an order's state moves, as one table: what a report says of the order against where it stands.

use super::OrderState;
use crate::event::{ExecType, OrdStatus, Report};
use crate::types::Qty;

/// What a report says of an order's life, boiled down from ExecType(150) and OrdStatus(39) (venue file
/// 4.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Accepted, not live yet.
    Accepted,
    /// Live, whatever waits on it.
    Live,
    /// It has ended.
    Ended(OrderState),
}

/// What becomes of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// It stands there now; it is as open as before.
    To(OrderState),
    /// It ends.
    End(OrderState),
    /// It has ended before and stays as it is. `odd`: the report says something else.
    Stay {
        /// See [`Move::Stay`].
        odd: bool,
    },
}

impl Said {
    /// OrdStatus tells an end; where it does not, ExecType may.
    pub const fn of(exec_type: ExecType, ord_status: OrdStatus) -> Self {
        match ord_status {
            OrdStatus::Filled => Self::Ended(OrderState::Filled),
            OrdStatus::Canceled => Self::Ended(OrderState::Canceled),
            OrdStatus::Expired => Self::Ended(OrderState::Expired),
            OrdStatus::Rejected => Self::Ended(OrderState::Rejected),
            OrdStatus::PendingNew
            | OrdStatus::New
            | OrdStatus::PartiallyFilled
            | OrdStatus::Replaced
            | OrdStatus::PendingCancel
            | OrdStatus::PendingReplace => match exec_type {
                ExecType::Canceled => Self::Ended(OrderState::Canceled),
                ExecType::Expired => Self::Ended(OrderState::Expired),
                ExecType::Rejected => Self::Ended(OrderState::Rejected),
                _ if matches!(ord_status, OrdStatus::PendingNew) => Self::Accepted,
                _ => Self::Live,
            },
        }
    }
}

impl OrderState {
    /// The table. `filled`: something of the order is filled.
    pub(super) fn after(self, said: Said, filled: bool, report: &Report) -> Move {
        use OrderState as S;
        let live = if filled { S::PartiallyFilled } else { S::New };
        match (self, said) {
            // How it ended was not known.
            (S::Gone, Said::Ended(_)) => Move::Stay { odd: false },
            // An end is an end. A late fill is told by its report; what else differs is odd.
            (S::Filled | S::Canceled | S::Expired | S::Rejected | S::Withdrawn | S::Gone, said) => {
                let same = said == Said::Ended(self);
                Move::Stay { odd: !same && report.fill.is_none() && !report.poss_dup }
            }
            (S::PendingNew | S::New | S::PartiallyFilled | S::Uncertain, Said::Ended(end)) => {
                Move::End(end)
            }
            // What the venue repeats says where the order stood, not where it stands.
            (S::Uncertain, Said::Accepted | Said::Live) if report.poss_dup => {
                Move::To(S::Uncertain)
            }
            (S::Uncertain | S::PendingNew, Said::Accepted) if !filled => Move::To(S::PendingNew),
            // What is live does not wait for its start again.
            (
                S::Uncertain | S::PendingNew | S::New | S::PartiallyFilled,
                Said::Accepted | Said::Live,
            ) => Move::To(live),
        }
    }

    /// Where an open order stands by what is known of it.
    pub(super) const fn open(is_acked: bool, cum: Qty) -> Self {
        match (is_acked, cum.0) {
            (_, 1..) => Self::PartiallyFilled,
            (true, _) => Self::New,
            (false, _) => Self::PendingNew,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fill;
    use crate::order::tests::report;
    use crate::types::Px;

    const STATES: [OrderState; 10] = [
        OrderState::PendingNew,
        OrderState::New,
        OrderState::PartiallyFilled,
        OrderState::Uncertain,
        OrderState::Filled,
        OrderState::Canceled,
        OrderState::Expired,
        OrderState::Rejected,
        OrderState::Withdrawn,
        OrderState::Gone,
    ];
    const EXEC_TYPES: [ExecType; 9] = [
        ExecType::PendingNew,
        ExecType::New,
        ExecType::Trade,
        ExecType::Canceled,
        ExecType::Replaced,
        ExecType::Expired,
        ExecType::Restated,
        ExecType::OrderStatus,
        ExecType::Rejected,
    ];
    const STATUSES: [OrdStatus; 10] = [
        OrdStatus::PendingNew,
        OrdStatus::New,
        OrdStatus::PartiallyFilled,
        OrdStatus::Filled,
        OrdStatus::Canceled,
        OrdStatus::Replaced,
        OrdStatus::PendingCancel,
        OrdStatus::Rejected,
        OrdStatus::Expired,
        OrdStatus::PendingReplace,
    ];

    /// The same from the rules in words: the end that a report names, if any; and how far along in its
    /// life an order is, which never goes back while it is certain.
    fn naive(state: OrderState, report: &Report, filled: bool) -> (OrderState, bool) {
        let by_status = match report.ord_status {
            OrdStatus::Filled => Some(OrderState::Filled),
            OrdStatus::Canceled => Some(OrderState::Canceled),
            OrdStatus::Expired => Some(OrderState::Expired),
            OrdStatus::Rejected => Some(OrderState::Rejected),
            _ => None,
        };
        let by_type = match report.exec_type {
            ExecType::Canceled => Some(OrderState::Canceled),
            ExecType::Expired => Some(OrderState::Expired),
            ExecType::Rejected => Some(OrderState::Rejected),
            _ => None,
        };
        let end = by_status.or(by_type);
        if state == OrderState::Gone && end.is_some() {
            return (state, false);
        }
        if state.is_end() {
            return (state, end != Some(state) && report.fill.is_none() && !report.poss_dup);
        }
        if let Some(end) = end {
            return (end, false);
        }
        if state == OrderState::Uncertain && report.poss_dup {
            return (state, false);
        }
        let life = [OrderState::PendingNew, OrderState::New, OrderState::PartiallyFilled];
        let was = life.iter().position(|one| *one == state).unwrap_or(0);
        let now = match (filled, report.ord_status) {
            (true, _) => 2,
            (false, OrdStatus::PendingNew) => 0,
            _ => 1,
        };
        // A fill is never taken back, so an order that had one has `filled`.
        (life[if was == 2 && !filled { 1 } else { was.max(now) }], false)
    }

    #[test]
    fn every_report_moves_every_state_as_the_rules_in_words_say() {
        let mut cases = 0;
        for state in STATES {
            for exec_type in EXEC_TYPES {
                for ord_status in STATUSES {
                    for bits in 0..8 {
                        let (filled, poss_dup) = (bits & 1 != 0, bits & 2 != 0);
                        let fill = Fill { px: Px(1), qty: Qty(1), liquidity: None };
                        let report = Report {
                            poss_dup,
                            fill: (bits & 4 != 0).then_some(fill),
                            ..report(1, exec_type, ord_status, 10, 0)
                        };
                        let moved = state.after(Said::of(exec_type, ord_status), filled, &report);
                        let seen = match moved {
                            Move::To(to) => {
                                assert!(!to.is_end(), "{state:?} {report:?}");
                                (to, false)
                            }
                            Move::End(end) => {
                                assert!(end.is_end() && !state.is_end(), "{state:?} {report:?}");
                                (end, false)
                            }
                            Move::Stay { odd } => (state, odd),
                        };
                        assert_eq!(seen, naive(state, &report, filled), "{state:?} {report:?}");
                        cases += 1;
                    }
                }
            }
        }
        assert_eq!(cases, 10 * 9 * 10 * 8);
    }
}
