//! Records of the path, gathered into histograms off the path.

use std::collections::{HashMap, VecDeque};

use hdrhistogram::Histogram;

use super::{Clock, Stage, Stamps};
use crate::command::SessionId;
use crate::limits::UNANSWERED_MAX;
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

/// Fills histograms from records. Allocates: lives on the housekeeping thread. What it keeps is
/// bounded, however long it runs.
pub struct Collector {
    clock: Clock,
    stages: Vec<Stretch>,
    total: Stretch,
    disordered: u64,
    round_trip: Histogram<u64>,
    unanswered: Unanswered,
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
            stages: (1..Stage::COUNT).map(|_| Stretch::new()).collect(),
            total: Stretch::new(),
            disordered: 0,
            round_trip: histogram(),
            unanswered: Unanswered::default(),
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
                    self.unanswered.insert(cl_ord_id, stamps.get(Stage::Send));
                    if stamps.is_caused_by_input() {
                        self.add_path(&stamps);
                    }
                }
            }
            Record::UnderWay { msg_type, msg_seq_num, cl_ord_id, .. } => {
                self.log(Sent { msg_seq_num, msg_type, cl_ord_id });
            }
            Record::Answered { cl_ord_id, received_ticks } => {
                if let Some(sent) = self.unanswered.take(cl_ord_id) {
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
        if !stamps.are_complete() {
            self.disordered += 1;
            return;
        }
        let first = stamps.get(Stage::Poll);
        let mut previous = first;
        for (stage, stretch) in Stage::ALL[1..].iter().zip(&mut self.stages) {
            let at = stamps.get(*stage);
            stretch.add(&self.clock, previous, at);
            previous = at;
        }
        self.total.add(&self.clock, first, previous);
    }

    /// The tables of what was taken so far.
    #[must_use]
    pub fn latency(&self) -> Latency {
        let rows = Stage::ALL[1..]
            .iter()
            .zip(&self.stages)
            .map(|(stage, stretch)| stretch.row(stage.name(), &self.clock))
            .collect();
        Latency {
            stages: rows,
            total: self.total.row("total", &self.clock),
            round_trip: Row::of("order to answer", &self.round_trip),
            disordered: self.disordered,
        }
    }

    /// The logged order commands, in the order in which they were sent, and how many more there were than the
    /// log had room for. They are taken out of it.
    #[must_use]
    pub fn take_sent(&mut self) -> (Vec<Sent>, u64) {
        (std::mem::take(&mut self.sent), std::mem::take(&mut self.sent_lost))
    }
}

/// The times of one stage, or of all.
struct Stretch {
    histogram: Histogram<u64>,
    /// The sum of them, in ticks: exact, so that the stages add up.
    ticks: u64,
}

impl Stretch {
    fn new() -> Self {
        Self { histogram: histogram(), ticks: 0 }
    }

    fn add(&mut self, clock: &Clock, from: u64, to: u64) {
        self.histogram.saturating_record(clock.nanos_between(from, to));
        self.ticks = self.ticks.saturating_add(to - from);
    }

    fn row(&self, name: &'static str, clock: &Clock) -> Row {
        let sum = clock.nanos_between(0, self.ticks) as f64;
        Row { mean_ns: sum / self.histogram.len().max(1) as f64, ..Row::of(name, &self.histogram) }
    }
}

/// When the last [`UNANSWERED_MAX`] requests were sent, but for those that were answered. What was sent before
/// them is given up: an answer to it is not timed.
#[derive(Default)]
struct Unanswered {
    sent_ticks: HashMap<ClOrdId, u64>,
    /// Oldest first; answered ones too.
    sent: VecDeque<ClOrdId>,
}

impl Unanswered {
    fn insert(&mut self, cl_ord_id: ClOrdId, sent_ticks: u64) {
        if self.sent.len() == UNANSWERED_MAX
            && let Some(oldest) = self.sent.pop_front()
        {
            self.sent_ticks.remove(&oldest);
        }
        self.sent.push_back(cl_ord_id);
        self.sent_ticks.insert(cl_ord_id, sent_ticks);
    }

    fn take(&mut self, cl_ord_id: ClOrdId) -> Option<u64> {
        self.sent_ticks.remove(&cl_ord_id)
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
    /// From the poll that found a market event to the kernel taking the order that it caused. Of each order it is
    /// the sum of the stages, so their means add up to its mean.
    pub total: Row,
    /// From the kernel taking a request to its first answer being received: includes the venue.
    pub round_trip: Row,
    /// Order commands that an input caused and whose stamps are not all there, each at or behind the one before
    /// it: in no row. 0 unless the time stamp counters of the cores differ.
    pub disordered: u64,
}

/// One row of a latency table, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Row {
    /// The stage.
    pub name: &'static str,
    /// Samples.
    pub count: u64,
    /// Mean: unlike the quantiles, those of the stages add up to that of the total.
    pub mean_ns: f64,
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
            mean_ns: histogram.mean(),
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
    fn the_means_of_the_stages_add_up_to_that_of_the_total_over_all_commands() {
        let mut random = fastrand::Rng::with_seed(7);
        let (mut collector, mut total) = (collector(0), 0);
        for id in 1..=1_000 {
            let mut stamps = Stamps::NONE;
            let mut at = 1_000 * id;
            for stage in Stage::ALL {
                stamps.set(stage, at);
                at += random.u64(..1_000);
            }
            total += stamps.get(Stage::Send) - stamps.get(Stage::Poll);
            collector.add(&sent(id, stamps));
        }
        let latency = collector.latency();
        let sum: f64 = latency.stages.iter().map(|row| row.mean_ns).sum();
        let mean = total as f64 / 1_000.0;
        assert!((latency.total.mean_ns - mean).abs() < 1e-6, "{:?}, not {mean}", latency.total);
        assert!((sum - mean).abs() < 1e-6, "{sum}, not {mean}");
        assert!(latency.stages.iter().all(|row| row.count == 1_000), "{latency:?}");
        assert_eq!((latency.total.count, latency.disordered), (1_000, 0));
    }

    #[test]
    fn a_command_of_which_a_stamp_is_missing_or_early_is_counted_and_in_no_row() {
        for stage in &Stage::ALL[1..] {
            for wrong in [0, 999] {
                let mut collector = collector(0);
                let mut stamps = stamps(1_000, 10);
                stamps.set(*stage, wrong);
                collector.add(&sent(1, stamps));
                let latency = collector.latency();
                let rows = latency.stages.iter().chain([&latency.total]);
                assert!(rows.clone().all(|row| row.count == 0), "{stage:?} at {wrong}");
                assert_eq!(latency.disordered, 1, "{stage:?} at {wrong}");
            }
        }
    }

    #[test]
    fn round_trips_are_timed_for_ever_however_many_requests_are_never_answered() {
        let mut collector = collector(0);
        let answered = |id| Record::Answered {
            cl_ord_id: ClOrdId::numeric(id).expect("not zero"),
            received_ticks: 1_500,
        };
        let last = 3 * UNANSWERED_MAX as u64;
        (1..=last).for_each(|id| collector.add(&sent(id, stamps(1_000, 0))));
        // The last is known, and the first that is still remembered; the one before it is not.
        let first = last - UNANSWERED_MAX as u64 + 1;
        for (id, count) in [(last, 1), (first, 2), (first - 1, 2)] {
            collector.add(&answered(id));
            assert_eq!(collector.latency().round_trip.count, count, "the answer to {id}");
        }
        assert!(collector.unanswered.sent.len() <= UNANSWERED_MAX);
    }

    #[test]
    fn only_the_first_answer_to_a_request_counts_as_its_round_trip() {
        let mut collector = collector(8);
        let id = ClOrdId::numeric(7).expect("not zero");
        collector.add(&sent(7, stamps(1_000, 0)));
        collector.add(&Record::Answered { cl_ord_id: id, received_ticks: 1_500 });
        collector.add(&Record::Answered { cl_ord_id: id, received_ticks: 9_000 });
        let latency = collector.latency();
        assert_eq!((latency.round_trip.count, latency.round_trip.max_ns), (1, 500));
    }

    #[test]
    fn a_command_that_no_input_caused_is_logged_but_not_timed() {
        let mut collector = collector(8);
        let mut own = Stamps::NONE;
        own.set(Stage::Send, 5);
        collector.add(&sent(3, own));
        assert_eq!((collector.latency().total.count, collector.take_sent().0.len()), (0, 1));
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
        let (latency, (sent, _)) = (collector.latency(), collector.take_sent());
        let logged: Vec<u64> = sent.iter().map(|sent| sent.msg_seq_num).collect();
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
        let latency = collector.latency();
        assert_eq!((collector.take_sent().0.len(), latency.round_trip.count), (3, 1));
        assert_eq!((latency.total.count, latency.total.max_ns), (1, 330));
    }

    #[test]
    fn a_full_log_counts_what_it_has_no_room_for_and_the_tables_miss_nothing() {
        let mut collector = collector(2);
        (1..=5).for_each(|id| collector.add(&sent(id, stamps(1_000, 10))));
        let (latency, (sent, lost)) = (collector.latency(), collector.take_sent());
        let logged: Vec<u64> = sent.iter().map(|sent| sent.msg_seq_num).collect();
        assert_eq!((logged, lost, latency.total.count), (vec![1, 2], 3, 5));
    }

    #[test]
    fn without_a_log_no_command_is_kept_and_none_is_lost() {
        let mut collector = collector(0);
        (1..=5).for_each(|id| collector.add(&sent(id, stamps(1_000, 10))));
        let (latency, (sent, lost)) = (collector.latency(), collector.take_sent());
        assert_eq!((sent.len(), lost, latency.total.count), (0, 0, 5));
    }
}
