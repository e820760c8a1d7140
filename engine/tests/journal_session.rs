//! A session of the pipeline with a journal, against a peer of our own over a wire in memory: what is
//! stored, when, and what the next life does with it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use taut::command::{CancelScope, Command, CommandKind, MassCancel, SessionId};
use taut::event::{Alarm, DownReason, Event, EventKind};
use taut::journal::{
    AppendError, Direction, Durability, EntryKind, Housekeeper, Journal, JournalConfig, Reader,
};
use taut::kraken::logon::{Credentials, Logon};
use taut::pipeline::{EventSink, Inbound, Inlet, SessionCore};
use taut::secret::Secret;
use taut::session::{Outbox, Received, Session, SessionConfig, SessionEvent};
use taut::trace::{Clock, Stamps};
use taut::types::{ClOrdId, CompId};
use taut::wire::memory::{self, LinkConfig};
use taut::wire::{Transmitter, channel};

const SESSION: SessionId = SessionId(0);

fn id(text: &str) -> CompId {
    text.parse().expect("a CompID")
}

fn clock() -> Clock {
    Clock::virtual_at(Arc::new(AtomicU64::new(1_775_572_321_000_000_000)))
}

fn config() -> JournalConfig {
    JournalConfig {
        durability: Durability::None,
        segment_bytes: 16 * 1024,
        message_bytes_max: 4096,
        segments_kept: 0,
        ..JournalConfig::default()
    }
}

#[derive(Default)]
struct Events(Vec<EventKind>);

impl EventSink for Events {
    fn push(&mut self, event: &Event) {
        self.0.push(event.kind);
    }
}

/// The venue's end: an acceptor that outlives connections.
struct Peer {
    session: Session,
    outbox: Outbox,
    inlet: Inlet,
    transmitter: Option<Transmitter>,
    /// MsgSeqNum and nonce of what was received, in order.
    received: Vec<(u64, Option<u64>)>,
}

impl Peer {
    fn new() -> Self {
        Self {
            session: Session::new(SessionConfig::acceptor(id("V"), id("C"))),
            outbox: Outbox::with_capacity(256 * 1024),
            inlet: Inlet::new(SESSION),
            transmitter: None,
            received: Vec::new(),
        }
    }

    /// Takes what is there and answers.
    fn step(&mut self, clock: &Clock) {
        let now = clock.now();
        while let Some((inbound, _)) = self.inlet.next(clock) {
            let Inbound::Message(message) = inbound else { continue };
            let number = message.msg_seq_num().expect("it has one");
            self.received.push((number, message.uint(5025).ok()));
            if self.session.received(&message, now, &mut self.outbox) == Received::Logon {
                self.session.accept_logon(now, &mut self.outbox).expect("it waits");
            }
        }
        let transmitter = self.transmitter.as_mut().expect("it is connected");
        // The other end may be gone.
        let taken = transmitter.accept(self.outbox.pending()).unwrap_or(0);
        self.outbox.consume(taken);
        let _ = transmitter.flush();
    }

    fn gaps(&mut self) -> usize {
        let events = std::iter::from_fn(|| self.session.next_event());
        events.filter(|event| matches!(event, SessionEvent::Gap { .. })).count()
    }
}

/// One life of our end.
struct Life {
    core: SessionCore,
    inlet: Inlet,
    housekeepers: Vec<Housekeeper>,
    events: Events,
    clock: Clock,
}

impl Life {
    /// Starts from the journal in `dir` and logs on.
    fn begin(dir: &Path, peer: &mut Peer) -> Self {
        let clock = clock();
        let credentials = Credentials::new(Secret::new("APIKEY"), Secret::new("c2VjcmV0"));
        let logon = Logon::trading(credentials.expect("good ones"), true);
        let sessions = vec![(SessionConfig::initiator(id("C"), id("V")), logon)];
        // Nobody reads the traces.
        let (traces, _) = rtrb::RingBuffer::new(1);
        let mut core = SessionCore::new(sessions, &[], clock.clone(), traces);
        let (journal, _) = Journal::open(dir, config()).expect("it opens");
        core.keep_journal(SESSION, journal).expect("it was never connected");
        let housekeepers = core.housekeepers().into_iter().map(|(_, part)| part).collect();
        let mut life = Self {
            core,
            inlet: Inlet::new(SESSION),
            housekeepers,
            events: Events::default(),
            clock,
        };
        life.connect(peer);
        life.exchange(peer);
        let up = life.events.0.iter().any(|event| matches!(event, EventKind::SessionUp { .. }));
        assert!(up, "{:?}", life.events.0);
        life
    }

    /// A new connection, on which a Logon is due.
    fn connect(&mut self, peer: &mut Peer) {
        let config = LinkConfig { latency_ns: 0, ..LinkConfig::default() };
        let (near, far, _) = memory::pair(config);
        let ((receiver, transmitter), far) = (channel::memory(near), channel::memory(far));
        let now = self.clock.now();
        peer.session.disconnected(now);
        peer.session.connected(now, &mut peer.outbox, |_, _| {}).expect("an acceptor waits");
        peer.inlet.connect(far.0);
        peer.transmitter = Some(far.1);
        self.inlet.connect(receiver);
        self.core.connect(SESSION, transmitter, &mut self.events);
    }

    fn exchange(&mut self, peer: &mut Peer) {
        for _ in 0..4 {
            peer.step(&self.clock);
            while let Some((inbound, stamps)) = self.inlet.next(&self.clock) {
                self.core.on_inbound(SESSION, inbound, stamps, &mut self.events);
            }
            self.core.flush(&mut self.events);
        }
    }

    fn cancel(&mut self, number: u64) {
        let cl_ord_id = ClOrdId::numeric(number).expect("not zero");
        let cancel = MassCancel { cl_ord_id, scope: CancelScope::Session };
        let kind = CommandKind::MassCancel(cancel);
        let command = Command { session: SESSION, stamps: Stamps::NONE, kind };
        self.core.on_command(&command, &mut self.events);
    }
}

/// Numbers of what is stored, by direction.
fn stored(dir: &Path, wanted: Direction) -> Vec<u64> {
    let reader = Reader::open(dir).expect("it opens");
    let mut numbers = Vec::new();
    for &segment in reader.segments() {
        let segment = reader.segment(segment).expect("it reads");
        numbers.extend(segment.entries().filter_map(|entry| match entry.kind {
            EntryKind::Message { direction, seq, .. } if direction == wanted => Some(seq),
            _ => None,
        }));
    }
    numbers
}

#[test]
fn a_session_goes_on_from_its_journal_in_the_next_life() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let mut peer = Peer::new();
    for life in 0..4u64 {
        let mut ours = Life::begin(dir.path(), &mut peer);
        for number in 1..=5 {
            ours.cancel(1_000 * (life + 1) + number);
        }
        ours.core.flush(&mut ours.events);
        ours.exchange(&mut peer);
        let state = ours.core.journal(SESSION).expect("there is one").state();
        assert_eq!((state.next_out, state.next_in), (6 * (life + 1) + 1, life + 2));
        assert_eq!(state.cl_ord_id_watermark, 1_000 * (life + 1) + 5);
        // Here the process dies: no Logout, nothing is flushed.
    }
    assert_eq!(peer.gaps(), 0);
    let numbers: Vec<u64> = peer.received.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=24).collect::<Vec<_>>(), "contiguous across four lives");
    let nonces: Vec<u64> = peer.received.iter().filter_map(|(_, nonce)| *nonce).collect();
    assert_eq!(nonces.len(), 4);
    assert!(nonces.windows(2).all(|pair| pair[0] < pair[1]), "the clock stood: {nonces:?}");
    assert_eq!(stored(dir.path(), Direction::Out), numbers);
    assert_eq!(stored(dir.path(), Direction::In), [1, 2, 3, 4]);
}

#[test]
fn a_report_that_the_session_rejects_is_in_the_journal_and_in_no_list_of_what_was_taken() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let mut peer = Peer::new();
    let mut ours = Life::begin(dir.path(), &mut peer);
    let now = ours.clock.now();
    // PossDupFlag without OrigSendingTime (FIX session case 2.g).
    let flawed = |body: &mut taut_codec::encode::Encoder<'_>| {
        body.byte(43, b'Y').bytes(37, b"ORDER");
    };
    let number = peer.session.send(b"8", now, &mut peer.outbox, flawed).expect("it is up");
    ours.exchange(&mut peer);
    let state = ours.core.journal(SESSION).expect("there is one").state();
    assert_eq!(state.next_in, number + 1);
    drop(ours);
    assert_eq!(stored(dir.path(), Direction::In), [1], "the Logon");
    let reader = Reader::open(dir.path()).expect("it opens");
    let segment = reader.segment(reader.segments()[0]).expect("it reads");
    let rejected = segment.entries().find_map(|entry| match entry.kind {
        EntryKind::Rejected { seq, bytes, .. } => Some((seq, bytes.to_vec())),
        _ => None,
    });
    let (seq, bytes) = rejected.expect("it was kept");
    assert_eq!(seq, number);
    assert!(bytes.windows(9).any(|field| field == b"37=ORDER\x01"));
}

#[test]
fn what_the_journal_does_not_take_is_not_sent() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let mut peer = Peer::new();
    let mut ours = Life::begin(dir.path(), &mut peer);
    assert_eq!(ours.housekeepers.len(), 1, "and nobody runs it: one segment is all there is");
    let mut number = 0;
    while ours.core.is_connected(SESSION) {
        for _ in 0..3 {
            number += 1;
            ours.cancel(number);
        }
        ours.core.flush(&mut ours.events);
        peer.step(&ours.clock);
        assert!(number < 10_000, "the segment is small");
    }
    peer.step(&ours.clock);
    let full = EventKind::Alarm(Alarm::Journal(AppendError::NoSegment));
    assert!(ours.events.0.contains(&full));
    let is_ours = |event: Option<&EventKind>| {
        matches!(event, Some(EventKind::SessionDown { reason: DownReason::JournalFailed, .. }))
    };
    assert!(is_ours(ours.events.0.last()));
    // A Logon that is not stored does not go out either, and that is not taken for the venue's silence.
    let received = peer.received.len();
    ours.connect(&mut peer);
    peer.step(&ours.clock);
    assert!(is_ours(ours.events.0.last()));
    assert_eq!(peer.received.len(), received);

    let stored: BTreeSet<u64> = stored(dir.path(), Direction::Out).into_iter().collect();
    assert!(peer.received.iter().all(|(number, _)| stored.contains(number)));
    let ended = |wanted: fn(&EventKind) -> bool| ours.events.0.iter().filter(|e| wanted(e)).count();
    let on_wire = ended(|event| matches!(event, EventKind::OnWire { .. }));
    let withdrawn = ended(|event| matches!(event, EventKind::Withdrawn { .. }));
    assert_eq!((on_wire + withdrawn) as u64, number, "each command ended once");
    assert_eq!(withdrawn, 3, "those of the flush that failed");
    // The Logon was received too.
    assert_eq!(peer.received.len(), on_wire + 1);

    // There is room again: the numbers that were stored but never left are asked for, not used again.
    drop(ours);
    let received = peer.received.len();
    let life = Life::begin(dir.path(), &mut peer);
    assert!(life.core.is_connected(SESSION));
    let next = peer.received[received].0;
    assert_eq!(next, stored.last().expect("some were") + 1);
}
