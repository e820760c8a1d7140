//! Two of our sessions, initiator and acceptor, over a link that breaks anywhere, each with a journal in
//! real files, from which it goes on when its process dies. A script of what happens is made at random
//! and shrinks to a short one; `TAUT_CASES` sets how many are tried (64 in a normal run), `TAUT_SECONDS`
//! for how long at most.
//!
//! What must hold: numbers are contiguous in each direction and epoch and never used twice, every
//! application message that was stored is delivered once, or reported as withheld, both sides agree in
//! the end, and they come to that by a bounded number of messages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use taut::journal::{Durability, Journal, JournalConfig, Keeper};
use taut::session::{Outbox, Phase, Received, ResendPolicy, Session, SessionConfig, SessionEvent};
use taut_codec::encode::HeaderOrder;
use taut_codec::frame::{Frame, Framer};
use taut_codec::message::Message;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::UtcTime;
use tempfile::TempDir;

const START: UtcTime = UtcTime::from_millis(1_775_572_321_000);
const MESSAGE_BYTES: usize = 2048;

/// Small segments, so that scripts rotate them; all stay within reach.
const JOURNAL: JournalConfig = JournalConfig {
    durability: Durability::None,
    interval: Duration::ZERO,
    segment_bytes: 4096,
    segments_kept: 0,
    segments_mapped: 16,
    index_messages: 1024,
    message_bytes_max: MESSAGE_BYTES,
};

/// What may happen.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// An end sends an order, which only [`ResendPolicy::EVERYTHING`] sends again, or a report.
    Send { end: usize, order: bool },
    /// An end reports, connected or not.
    Post { end: usize },
    /// So many bytes of one end reach the other.
    Carry { from: usize, bytes: usize },
    /// Time passes.
    Wait { millis: u64 },
    /// The connection breaks; what was on its way is lost.
    Cut,
    /// A connection, if there is none.
    Connect,
    /// A second connection while the first seems to live: it takes its place.
    ConnectAgain,
    /// The process of an end dies and comes back from its journal.
    Crash { end: usize },
    /// An end logs out.
    Logout { end: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let end = 0usize..2;
    prop_oneof![
        6 => (end.clone(), any::<bool>()).prop_map(|(end, order)| Step::Send { end, order }),
        2 => end.clone().prop_map(|end| Step::Post { end }),
        10 => (end.clone(), 1usize..600).prop_map(|(from, bytes)| Step::Carry { from, bytes }),
        2 => (1u64..4_000).prop_map(|millis| Step::Wait { millis }),
        1 => Just(Step::Cut),
        4 => Just(Step::Connect),
        1 => Just(Step::ConnectAgain),
        2 => end.clone().prop_map(|end| Step::Crash { end }),
        1 => end.prop_map(|end| Step::Logout { end }),
    ]
}

/// What varies from script to script.
#[derive(Debug, Clone, Copy)]
struct Setup {
    /// Of each end: nothing, reports or everything is sent again.
    policies: [u8; 2],
    reset_on_logon: bool,
    resend_chunk: u64,
    hold_bytes: usize,
}

fn setup() -> impl Strategy<Value = Setup> {
    let chunk = prop_oneof![Just(0u64), Just(3)];
    let hold = prop_oneof![Just(0usize), Just(4096)];
    ([0u8..3, 0u8..3], prop::bool::weighted(0.2), chunk, hold).prop_map(
        |(policies, reset_on_logon, resend_chunk, hold_bytes)| Setup {
            policies,
            reset_on_logon,
            resend_chunk,
            hold_bytes,
        },
    )
}

fn policy(which: u8) -> ResendPolicy {
    [ResendPolicy::NOTHING, ResendPolicy::REPORTS, ResendPolicy::EVERYTHING][usize::from(which)]
}

/// Epoch and MsgSeqNum.
type Place = (u32, u64);

/// One end: a process, what it has sent and got, and what it was told.
struct End {
    dir: TempDir,
    config: SessionConfig,
    session: Session,
    out: Outbox,
    /// Bytes that have arrived and are no whole message yet.
    inbox: Vec<u8>,
    /// What was sent: where, and which id it had. Each place once.
    sent: BTreeMap<Place, u64>,
    /// Of those, the last ones that the journal does not have yet.
    unstored: Vec<Place>,
    next_id: u64,
    /// Ids of the other end's messages, in the order of their coming.
    delivered: Vec<u64>,
    /// Where the last one stood: within an epoch of ours, numbers only rise.
    delivered_at: Place,
    /// Ids of ours of which we were told that they are void.
    withheld: BTreeSet<u64>,
    /// Messages that left.
    written: usize,
}

impl End {
    fn new(index: usize, setup: &Setup) -> Self {
        let (a, b) = ("A".parse().expect("short"), "B".parse().expect("short"));
        let mut config = match index {
            0 => SessionConfig::initiator(a, b),
            _ => SessionConfig::acceptor(b, a),
        };
        config.heartbeat_seconds = 5;
        config.reset_on_logon = setup.reset_on_logon && index == 0;
        config.resend_policy = policy(setup.policies[index]);
        config.resend_chunk = setup.resend_chunk;
        config.hold_bytes = setup.hold_bytes;
        config.send_message_bytes_max = MESSAGE_BYTES;
        let dir = tempfile::tempdir().expect("a directory for the test");
        let session = Self::start(&dir, config);
        Self {
            dir,
            config,
            session,
            out: Outbox::with_capacity(64 * 1024),
            inbox: Vec::new(),
            sent: BTreeMap::new(),
            unstored: Vec::new(),
            next_id: 1,
            delivered: Vec::new(),
            delivered_at: (0, 0),
            withheld: BTreeSet::new(),
            written: 0,
        }
    }

    fn start(dir: &TempDir, config: SessionConfig) -> Session {
        let mut session = Session::new(config);
        let (journal, recovered) = Journal::open(dir.path(), JOURNAL).expect("it opens");
        assert!(recovered.torn.is_none() && recovered.lost.is_empty());
        Keeper::attach(&mut session, journal).expect("it was never connected");
        session
    }

    /// The process dies, with all that was in its memory.
    fn crash(&mut self) {
        for place in self.unstored.drain(..) {
            // Nobody has seen it: its number may be used again.
            self.sent.remove(&place);
        }
        self.session = Session::new(self.config);
        self.session = Self::start(&self.dir, self.config);
        self.out = Outbox::with_capacity(64 * 1024);
        self.inbox.clear();
    }

    fn used(&mut self, number: u64, stored: bool) {
        let place = (self.session.epoch(), number);
        let before = self.sent.insert(place, self.next_id);
        assert_eq!(before, None, "{place:?} was used twice");
        if !stored {
            self.unstored.push(place);
        }
        self.next_id += 1;
    }

    fn send(&mut self, order: bool, now: UtcTime) {
        let (msg_type, id): (&[u8], _) = (if order { b"D" } else { b"8" }, self.next_id);
        let sent = self.session.send(msg_type, now, &mut self.out, |body| {
            body.uint(11, id);
        });
        if let Ok(number) = sent {
            self.used(number, false);
        }
    }

    fn post(&mut self, now: UtcTime) {
        use taut::session::Posted;
        self.store(now);
        let (order, id) = (HeaderOrder::default(), self.next_id);
        let posted = self.session.post(b"8", order, now, &mut self.out, |body| {
            body.uint(11, id);
        });
        match posted {
            Ok(Posted::Sent(number)) => self.used(number, false),
            Ok(Posted::Kept(number)) => self.used(number, true),
            Err(_) => {}
        }
    }

    /// What waits is stored: now it may go.
    fn store(&mut self, now: UtcTime) {
        Keeper::outbound(&mut self.session, &self.out, now).expect("the disk has room");
        self.unstored.clear();
    }

    fn events(&mut self) {
        let epoch = self.session.epoch();
        while let Some(event) = self.session.next_event() {
            if let SessionEvent::Withheld { from, to, .. } = event {
                let range = (epoch, from)..=(epoch, to);
                self.withheld.extend(self.sent.range(range).map(|(_, id)| *id));
            }
        }
    }

    fn take(&mut self, bytes: &[u8], now: UtcTime) {
        let mut fields = [Field::default(); 64];
        let count = Scanner::new().index(bytes, &mut fields).expect("our own messages index");
        let message = Message::new(bytes, &fields[..count]);
        let number = message.msg_seq_num().expect("it has one");
        self.store(now);
        let received = self.session.received(&message, now, &mut self.out);
        let taken = (received != Received::Ignored).then_some((number, bytes));
        Keeper::inbound(&mut self.session, taken, now).expect("the disk has room");
        match received {
            Received::Logon => {
                let _ = self.session.accept_logon(now, &mut self.out);
            }
            Received::Application => {
                let place = (self.session.epoch(), number);
                assert!(place > self.delivered_at, "{place:?} behind {:?}", self.delivered_at);
                self.delivered_at = place;
                self.delivered.push(message.uint(11).expect("it has one"));
            }
            Received::Admin | Received::Ignored => {}
        }
        self.events();
    }

    /// Whole messages that have arrived, and those that were held for their turn.
    fn drain_inbox(&mut self, now: UtcTime) {
        let framer = Framer::new(MESSAGE_BYTES);
        while let Frame::Message { len } = framer.next(&self.inbox) {
            let bytes: Vec<u8> = self.inbox.drain(..len).collect();
            self.take(&bytes, now);
            let mut held = vec![0; MESSAGE_BYTES];
            while let Some(len) = self.session.take_held(now, &mut held) {
                let bytes = held[..len].to_vec();
                self.take(&bytes, now);
            }
        }
    }
}

struct Link {
    ends: [End; 2],
    now: UtcTime,
    connected: bool,
}

impl Link {
    fn new(setup: &Setup) -> Self {
        Self { ends: [0, 1].map(|end| End::new(end, setup)), now: START, connected: false }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Send { end, order } => self.ends[end].send(order, self.now),
            Step::Post { end } => self.ends[end].post(self.now),
            Step::Carry { from, bytes } => self.carry(from, bytes),
            Step::Wait { millis } => self.wait(millis),
            Step::Cut => self.cut(),
            Step::Connect if !self.connected => self.connect(),
            Step::Connect => {}
            Step::ConnectAgain => self.connect(),
            Step::Crash { end } => {
                self.cut();
                self.ends[end].crash();
            }
            Step::Logout { end } => {
                let (now, end) = (self.now, &mut self.ends[end]);
                end.session.logout(None, now, &mut end.out);
            }
        }
        if self.connected && self.ends.iter().any(|end| end.session.should_close()) {
            // Whoever closes has flushed before.
            for end in [0, 1] {
                if self.ends[end].session.should_close() {
                    self.carry(end, usize::MAX);
                }
            }
            self.cut();
        }
        self.ends.iter_mut().for_each(End::events);
    }

    fn connect(&mut self) {
        // A connection that is replaced ends as any other.
        self.cut();
        for end in &mut self.ends {
            let connected = end.session.connected(self.now, &mut end.out, |_, _| {});
            connected.expect("an empty outbox has room for a Logon");
        }
        self.connected = true;
    }

    fn cut(&mut self) {
        for end in &mut self.ends {
            // What did not leave is stored, as its number is used.
            end.store(self.now);
            end.session.disconnected(self.now);
            end.out.clear();
            end.inbox.clear();
        }
        self.connected = false;
    }

    fn carry(&mut self, from: usize, bytes: usize) {
        if !self.connected {
            return;
        }
        let now = self.now;
        self.ends[from].store(now);
        let bytes = bytes.min(self.ends[from].out.pending().len());
        let chunk = self.ends[from].out.pending()[..bytes].to_vec();
        self.ends[from].out.consume(bytes);
        self.ends[from].written += chunk.windows(3).filter(|three| three == b"10=").count();
        self.ends[1 - from].inbox.extend(chunk);
        self.ends[1 - from].drain_inbox(now);
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now.plus_nanos(millis * 1_000_000);
        for end in &mut self.ends {
            end.session.tick(self.now, &mut end.out);
        }
    }

    /// Carries until nothing moves any more.
    fn settle(&mut self) {
        for _ in 0..400 {
            let quiet = |end: &End| end.out.is_empty() && !end.session.is_resending();
            if self.ends.iter().all(quiet) {
                return;
            }
            self.carry(0, usize::MAX);
            self.carry(1, usize::MAX);
            self.wait(1);
        }
        panic!("the two sessions talk for ever");
    }

    fn written(&self) -> usize {
        self.ends.iter().map(|end| end.written).sum()
    }

    /// Whatever happened before, a fresh connection and one message each bring both sides together.
    fn heal(&mut self) {
        let before = self.written();
        self.connect();
        self.settle();
        for end in 0..2 {
            assert_eq!(self.ends[end].session.phase(), Phase::Active, "end {end}");
            let id = self.ends[end].next_id;
            self.ends[end].send(true, self.now);
            self.settle();
            assert_eq!(self.ends[1 - end].delivered.last(), Some(&id), "it gets through");
        }
        let [a, b] = &self.ends;
        assert_eq!(a.session.next_out(), b.session.next_in(), "A to B");
        assert_eq!(b.session.next_out(), a.session.next_in(), "B to A");
        let sent = a.sent.len() + b.sent.len();
        let used = self.written() - before;
        assert!(used <= 30 + 3 * sent, "{used} messages to agree on {sent}");
    }

    /// Everything that was stored came once, or its sender knows that it did not.
    fn account(&self, setup: &Setup) {
        for (from, to) in [(0, 1), (1, 0)] {
            let (from, to) = (&self.ends[from], &self.ends[to]);
            let delivered: BTreeSet<u64> = to.delivered.iter().copied().collect();
            assert_eq!(delivered.len(), to.delivered.len(), "delivered once: {:?}", to.delivered);
            let sent: BTreeSet<u64> = from.sent.values().copied().collect();
            assert!(delivered.is_subset(&sent), "nothing is invented");
            let last_epoch = from.session.epoch();
            for ((epoch, number), id) in &from.sent {
                let known = delivered.contains(id) || from.withheld.contains(id);
                // A reset is said by an event of its own: what was not delivered before it is void.
                let voided = setup.reset_on_logon && *epoch != last_epoch;
                assert!(known || voided, "{id} ({epoch}, {number}) is lost without a word");
            }
        }
    }
}

fn try_script(setup: Setup, steps: &[Step]) {
    let mut link = Link::new(&setup);
    for &step in steps {
        link.run(step);
    }
    link.heal();
    link.account(&setup);
}

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn two_sessions_that_break_and_crash_deliver_once_or_say_so_and_agree_in_the_end() {
    let cases = from_env("TAUT_CASES", 64);
    let until = Instant::now() + Duration::from_secs(from_env("TAUT_SECONDS", 600));
    let config = Config { cases: cases as u32, failure_persistence: None, ..Config::default() };
    let mut tried = 0u64;
    let counter = std::cell::Cell::new(0u64);
    let script = (setup(), prop::collection::vec(step(), 1..60));
    let result = TestRunner::new(config).run(&script, |(setup, steps)| {
        if Instant::now() >= until {
            return Ok(());
        }
        counter.set(counter.get() + 1);
        let run = std::panic::AssertUnwindSafe(|| try_script(setup, &steps));
        std::panic::catch_unwind(run).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            TestCaseError::fail(text.unwrap_or_default())
        })
    });
    tried += counter.get();
    println!("{tried} scripts tried");
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(tried > 0);
}

#[test]
fn an_order_that_was_stored_and_never_left_is_withheld_and_reported_in_the_next_life() {
    let setup = Setup { policies: [0, 2], reset_on_logon: false, resend_chunk: 0, hold_bytes: 0 };
    let mut link = Link::new(&setup);
    link.connect();
    link.settle();
    link.ends[0].send(true, link.now);
    link.ends[0].store(link.now);
    link.run(Step::Crash { end: 0 });
    link.heal();
    link.account(&setup);
    assert_eq!(link.ends[0].withheld, BTreeSet::from([1]));
    assert_eq!(link.ends[1].delivered, [2]);
}

#[test]
fn a_report_that_was_stored_and_never_left_comes_in_the_next_life() {
    let setup = Setup { policies: [0, 1], reset_on_logon: false, resend_chunk: 0, hold_bytes: 0 };
    let mut link = Link::new(&setup);
    link.connect();
    link.settle();
    link.ends[1].send(false, link.now);
    link.run(Step::Crash { end: 1 });
    link.ends[1].post(link.now);
    link.run(Step::Crash { end: 1 });
    link.heal();
    link.account(&setup);
    assert_eq!(link.ends[0].delivered, [1, 2, 3], "stored with the cut, posted, live");
    assert!(link.ends[1].withheld.is_empty());
}
