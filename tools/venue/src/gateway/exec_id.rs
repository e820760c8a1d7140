//! ExecIDs, and the instants that make them different.

use taut::types::{ClOrdId, ExecId};
use taut_codec::ids::DerivedExecId;
use taut_codec::value::UtcTime;

/// The ExecID of a report made at `at`.
#[must_use]
pub fn exec_id(cl_ord_id: ClOrdId, at: UtcTime) -> ExecId {
    DerivedExecId::new(cl_ord_id, at).text()
}

/// Gives each report its own instant: the time of the event, or 1 ns after the report before if
/// several fall into the same nanosecond. So no two ExecIDs of a venue are equal.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReportClock {
    last: UtcTime,
}

impl ReportClock {
    /// The instant of the next report.
    pub fn next(&mut self, now: UtcTime) -> UtcTime {
        self.last = now.max(self.last.plus_nanos(1));
        self.last
    }
}

crate::state::stored! { ReportClock { last } }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_one_nanosecond_have_different_instants() {
        let mut clock = ReportClock::default();
        let now = UtcTime(1000);
        assert_eq!(
            [clock.next(now), clock.next(now), clock.next(now)].map(|t| t.0),
            [1000, 1001, 1002]
        );
        assert_eq!(clock.next(UtcTime(5000)).0, 5000);
        assert_eq!(clock.next(UtcTime(10)).0, 5001);
    }
}
