//! Records of the path, gathered into histograms off the path.

use std::collections::HashMap;

use hdrhistogram::Histogram;

use super::{Clock, Stage, Stamps};
use crate::command::SessionId;
use crate::types::ClOrdId;

/// One record from a thread of the path to the housekeeping thread.
#[derive(Debug, Clone, Copy)]
pub enum Record {
    /// A command's bytes were taken by the kernel.
    Sent {
        /// On which session.
        session: SessionId,
        /// First byte of MsgType(35).
        msg_type: u8,
        /// MsgSeqNum(34).
        msg_seq_num: u64,
        /// ClOrdID(11), for order commands.
        cl_ord_id: Option<ClOrdId>,
        /// All stages.
        stamps: Stamps,
    },
    /// An order command's bytes were on their way to the kernel when the connection broke: whether they left is
    /// not known.
    UnderWay {
        /// On which session.
        session: SessionId,
        /// First byte of MsgType(35).
        msg_type: u8,
        /// MsgSeqNum(34).
        msg_seq_num: u64,
        /// ClOrdID(11).
        cl_ord_id: ClOrdId,
    },
    /// The venue answered a request for the first or a further time.
    Answered {
        /// ClOrdID(11) of the request.
        cl_ord_id: ClOrdId,
        /// When the answer's bytes were received, ticks.
        received_ticks: u64,
    },
}

/// An order command as it was sent, or was under way when its connection broke; for the comparison with the venue's arrival log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// MsgSeqNum(34).
    pub msg_seq_num: u64,
    /// First byte of MsgType(35).
    pub msg_type: u8,
    /// ClOrdID(11).
    pub cl_ord_id: ClOrdId,
}

/// Requests that wait for their first answer; beyond it the oldest knowledge is given up.
const UNANSWERED_MAX: usize = 1 << 16;

/// Fills histograms from records. Allocates: lives on the housekeeping thread. What it keeps is
/// bounded, however long it runs.
pub struct Collector {
    clock: Clock,
    stages: Vec<Histogram<u64>>,
    total: Histogram<u64>,
    round_trip: Histogram<u64>,
    unanswered: HashMap<ClOrdId, u64>,
    sent: Vec<Sent>,
    sent_max: usize,
    sent_lost: u64,
    /// Order commands that are still to be left out of the tables.
    untimed: u64,
}

impl Collector {
    /// Empty. It logs the first `sent_max` order commands; 0: none.
    #[must_use]
    pub fn new(clock: Clock, sent_max: usize) -> Self {
        Self {
            clock,
            stages: (1..Stage::COUNT).map(|_| histogram()).collect(),
            total: histogram(),
            round_trip: histogram(),
            unanswered: HashMap::new(),
            sent: Vec::new(),
            sent_max,
            sent_lost: 0,
            untimed: 0,
        }
    }

    /// Leaves the first `orders` order commands out of all tables; the log has them.
    #[must_use]
    pub const fn without_first(mut self, orders: u64) -> Self {
        self.untimed = orders;
        self
    }

    /// Takes one record.
    pub fn add(&mut self, record: &Record) {
        match *record {
            Record::Sent { msg_type, msg_seq_num, cl_ord_id, stamps, .. } => {
                if let Some(cl_ord_id) = cl_ord_id {
                    self.log(Sent { msg_seq_num, msg_type, cl_ord_id });
                    if self.untimed > 0 {
                        self.untimed -= 1;
                        return;
                    }
                    if self.unanswered.len() < UNANSWERED_MAX {
                        self.unanswered.insert(cl_ord_id, stamps.get(Stage::Send));
                    }
                    if stamps.is_caused_by_input() {
                        self.add_path(&stamps);
                    }
                }
            }
            Record::UnderWay { msg_type, msg_seq_num, cl_ord_id, .. } => {
                self.log(Sent { msg_seq_num, msg_type, cl_ord_id });
            }
            Record::Answered { cl_ord_id, received_ticks } => {
                if let Some(sent) = self.unanswered.remove(&cl_ord_id) {
                    let nanos = self.clock.nanos_between(sent, received_ticks);
                    self.round_trip.saturating_record(nanos);
                }
            }
        }
    }

    fn log(&mut self, sent: Sent) {
        if self.sent.len() < self.sent_max {
            self.sent.push(sent);
        } else if self.sent_max > 0 {
            self.sent_lost += 1;
        }
    }

    fn add_path(&mut self, stamps: &Stamps) {
        let mut previous = stamps.get(Stage::Poll);
        for (stage, histogram) in Stage::ALL[1..].iter().zip(&mut self.stages) {
            let at = stamps.get(*stage);
            histogram.saturating_record(self.clock.nanos_between(previous, at));
            previous = at;
        }
        let total = self.clock.nanos_between(stamps.get(Stage::Poll), previous);
        self.total.saturating_record(total);
    }

    /// The tables, and the logged order commands in the order in which they were sent.
    #[must_use]
    pub fn finish(self) -> Latency {
        let rows = Stage::ALL[1..]
            .iter()
            .zip(&self.stages)
            .map(|(stage, histogram)| Row::of(stage.name(), histogram))
            .collect();
        Latency {
            stages: rows,
            total: Row::of("total", &self.total),
            round_trip: Row::of("order to answer", &self.round_trip),
            sent: self.sent,
            sent_lost: self.sent_lost,
        }
    }
}

/// Nanoseconds up to a minute with three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds are valid")
}

/// What the path cost.
#[derive(Debug, Clone)]
pub struct Latency {
    /// A row per stage.
    pub stages: Vec<Row>,
    /// From the poll that found a market event to the kernel taking the order that it caused.
    pub total: Row,
    /// From the kernel taking a request to its first answer being received: includes the venue.
    pub round_trip: Row,
    /// The first `path.sent_log` order commands, in the order in which they were sent.
    pub sent: Vec<Sent>,
    /// Order commands that the log had no room for; 0 if there is no log.
    pub sent_lost: u64,
}

/// One row of a latency table, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The stage.
    pub name: &'static str,
    /// Samples.
    pub count: u64,
    /// Median.
    pub p50_ns: u64,
    /// 90th percentile.
    pub p90_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// 99.9th percentile.
    pub p999_ns: u64,
    /// Largest.
    pub max_ns: u64,
}

impl Row {
    /// The row of a histogram of nanoseconds.
    #[must_use]
    pub fn of(name: &'static str, histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self {
            name,
            count: histogram.len(),
            p50_ns: at(0.5),
            p90_ns: at(0.9),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: histogram.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;

    fn collector(sent_max: usize) -> Collector {
        Collector::new(Clock::virtual_at(Arc::new(AtomicU64::new(0))), sent_max)
    }

    fn stamps(first: u64, step: u64) -> Stamps {
        let mut stamps = Stamps::NONE;
        for (i, stage) in Stage::ALL.into_iter().enumerate() {
            stamps.set(stage, first + step * i as u64);
        }
        stamps
    }

    fn sent(id: u64, stamps: Stamps) -> Record {
        Record::Sent {
            session: SessionId(1),
            msg_type: b'G',
            msg_seq_num: id,
            cl_ord_id: ClOrdId::numeric(id),
            stamps,
        }
    }

    #[test]
    fn the_stages_of_a_command_add_up_to_its_total() {
        let mut collector = collector(8);
        collector.add(&sent(1, stamps(1_000, 10)));
        let latency = collector.finish();
        let sum: u64 = latency.stages.iter().map(|row| row.max_ns).sum();
        assert_eq!((sum, latency.total.max_ns, latency.total.count), (110, 110, 1));
    }

    #[test]
    fn only_the_first_answer_to_a_request_counts_as_its_round_trip() {
        let mut collector = collector(8);
        let id = ClOrdId::numeric(7).expect("not zero");
        collector.add(&sent(7, stamps(1_000, 0)));
        collector.add(&Record::Answered { cl_ord_id: id, received_ticks: 1_500 });
        collector.add(&Record::Answered { cl_ord_id: id, received_ticks: 9_000 });
        let latency = collector.finish();
        assert_eq!((latency.round_trip.count, latency.round_trip.max_ns), (1, 500));
    }

    #[test]
    fn a_command_that_no_input_caused_is_logged_but_not_timed() {
        let mut collector = collector(8);
        let mut own = Stamps::NONE;
        own.set(Stage::Send, 5);
        collector.add(&sent(3, own));
        let latency = collector.finish();
        assert_eq!((latency.total.count, latency.sent.len()), (0, 1));
    }

    #[test]
    fn a_command_that_was_under_way_when_its_connection_broke_is_logged_in_its_place_but_not_timed()
    {
        let mut collector = collector(8);
        let cl_ord_id = ClOrdId::numeric(4).expect("not zero");
        let (session, msg_type) = (SessionId(1), b'D');
        collector.add(&sent(3, stamps(1_000, 10)));
        collector.add(&Record::UnderWay { session, msg_type, msg_seq_num: 4, cl_ord_id });
        collector.add(&sent(5, stamps(2_000, 10)));
        collector.add(&Record::Answered { cl_ord_id, received_ticks: 9_000 });
        let latency = collector.finish();
        let logged: Vec<u64> = latency.sent.iter().map(|sent| sent.msg_seq_num).collect();
        assert_eq!((logged, latency.total.count, latency.round_trip.count), (vec![3, 4, 5], 2, 0));
    }

    #[test]
    fn the_orders_of_a_warm_up_are_in_the_log_but_in_no_table() {
        let mut collector = collector(8).without_first(2);
        for id in 1..=3 {
            let cl_ord_id = ClOrdId::numeric(id).expect("not zero");
            collector.add(&sent(id, stamps(1_000, 10 * id)));
            collector.add(&Record::Answered { cl_ord_id, received_ticks: 9_000 });
        }
        let latency = collector.finish();
        assert_eq!((latency.sent.len(), latency.round_trip.count), (3, 1));
        assert_eq!((latency.total.count, latency.total.max_ns), (1, 330));
    }

    #[test]
    fn a_full_log_counts_what_it_has_no_room_for_and_the_tables_miss_nothing() {
        let mut collector = collector(2);
        (1..=5).for_each(|id| collector.add(&sent(id, stamps(1_000, 10))));
        let latency = collector.finish();
        let logged: Vec<u64> = latency.sent.iter().map(|sent| sent.msg_seq_num).collect();
        assert_eq!((logged, latency.sent_lost, latency.total.count), (vec![1, 2], 3, 5));
    }

    #[test]
    fn without_a_log_no_command_is_kept_and_none_is_lost() {
        let mut collector = collector(0);
        (1..=5).for_each(|id| collector.add(&sent(id, stamps(1_000, 10))));
        let latency = collector.finish();
        assert_eq!((latency.sent.len(), latency.sent_lost, latency.total.count), (0, 0, 5));
    }
}
