//! A session core over a link that takes nothing, or breaks: the connection ends, and every command is accounted
//! for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use taut::command::{CancelScope, Command, CommandKind, MassCancel, SessionId};
use taut::event::{Awaited, DownReason, Event, EventKind};
use taut::kraken::logon::Logon;
use taut::pipeline::{EventSink, Inbound, Inlet, SessionCore};
use taut::session::{Outbox, Received, Session, SessionConfig};
use taut::trace::{Clock, Collector, Stamps};
use taut::types::ClOrdId;
use taut::wire::channel;
use taut::wire::memory::{self, Cut, Direction, LinkConfig};

const SESSION: SessionId = SessionId(0);
const START_NS: u64 = 1_775_572_321_000_000_000;

/// What the core says is looked up in the core.
struct Deaf;

impl EventSink for Deaf {
    fn push(&mut self, _: &Event) {}
}

#[test]
fn a_connection_that_takes_nothing_is_closed_so_that_the_next_can_be_dialled() {
    let id = |text: &str| text.parse().expect("it is a CompID");
    let config = SessionConfig::initiator(id("C"), id("V"));
    let nanos = Arc::new(AtomicU64::new(START_NS));
    let (traces, _) = rtrb::RingBuffer::new(1);
    let sessions = vec![(config, Logon::MarketData)];
    let clock = Clock::virtual_at(Arc::clone(&nanos));
    let mut core = SessionCore::new(sessions, &[], clock, traces);
    let link = LinkConfig { capacity: 10, latency_ns: 0, ..LinkConfig::default() };
    let (near, _far, _link) = memory::pair(link);
    let (_receiver, transmitter) = channel::memory(near);
    core.connect(SESSION, transmitter, &mut Deaf);
    let mut run_to = |after: std::time::Duration| {
        nanos.store(START_NS + after.as_nanos() as u64, Ordering::Relaxed);
        core.tick(&mut Deaf);
        core.flush(&mut Deaf);
        (core.is_connected(SESSION), core.take_ended(SESSION).map(|(reason, _)| reason))
    };
    let (logon, logout) = (config.logon_timeout, config.logout_timeout);
    let moment = std::time::Duration::from_nanos(1);
    assert_eq!(run_to(logon), (true, None), "what waits has its time");
    assert_eq!(run_to(logon + logout - moment), (true, None));
    let ms = logon.as_millis() as u64;
    let reason = DownReason::TimedOut { awaited: Awaited::LogonAnswer, ms };
    assert_eq!(run_to(logon + logout), (false, Some(reason)));
}

/// MsgSeqNums of the commands that were told to be on the wire, and whether the moment is known.
#[derive(Default)]
struct OnWire(Vec<(u64, bool)>);

impl EventSink for OnWire {
    fn push(&mut self, event: &Event) {
        if let EventKind::OnWire { msg_seq_num, sent_ticks, .. } = event.kind {
            self.0.push((msg_seq_num, sent_ticks > 0));
        }
    }
}

#[test]
fn every_command_that_may_have_left_when_the_connection_broke_is_in_the_log_of_what_was_sent() {
    let id = |text: &str| text.parse().expect("it is a CompID");
    let clock = Clock::virtual_at(Arc::new(AtomicU64::new(START_NS)));
    let now = clock.now();
    let (traces, mut records) = rtrb::RingBuffer::new(16);
    let config = SessionConfig::initiator(id("C"), id("V"));
    let sessions = vec![(config, Logon::MarketData)];
    let mut core = SessionCore::new(sessions, &[], clock.clone(), traces);
    let mut venue = Session::new(SessionConfig::acceptor(id("V"), id("C")));
    let mut answers = Outbox::with_capacity(256 * 1024);
    venue.connected(now, &mut answers, |_, _| {}).expect("an acceptor waits");
    let (near, far, link) = memory::pair(LinkConfig { latency_ns: 0, ..LinkConfig::default() });
    let ((receiver, transmitter), far) = (channel::memory(near), channel::memory(far));
    let (mut ours, mut theirs) = (Inlet::new(SESSION), Inlet::new(SESSION));
    ours.connect(receiver);
    theirs.connect(far.0);
    let mut answer = far.1;
    let mut told = OnWire::default();
    core.connect(SESSION, transmitter, &mut told);
    for _ in 0..2 {
        while let Some((Inbound::Message(message), _)) = theirs.next(&clock) {
            if venue.received(&message, now, &mut answers) == Received::Logon {
                venue.accept_logon(now, &mut answers).expect("it waits");
            }
        }
        let taken = answer.accept(answers.pending()).expect("it is connected");
        answers.consume(taken);
        answer.flush().expect("it is connected");
        while let Some((inbound, stamps)) = ours.next(&clock) {
            core.on_inbound(SESSION, inbound, stamps, &mut told);
        }
        core.flush(&mut told);
    }
    let mut cancel = |number: u64, told: &mut OnWire| {
        let cl_ord_id = ClOrdId::numeric(number).expect("not zero");
        let cancel = MassCancel { cl_ord_id, scope: CancelScope::Session };
        let kind = CommandKind::MassCancel(cancel);
        core.on_command(&Command { session: SESSION, stamps: Stamps::NONE, kind }, told);
        core.flush(told);
    };
    cancel(1, &mut told);
    // Room for a part of the next: it waits, and those behind it.
    let room = LinkConfig { capacity: 40, latency_ns: 0, ..LinkConfig::default() };
    link.configure(Direction::AToB, room);
    for number in 2..=4 {
        cancel(number, &mut told);
    }
    let known: Vec<bool> = told.0.iter().map(|(_, known)| *known).collect();
    assert_eq!(known, [true], "one has left");
    link.cut(Direction::AToB, Cut::Reset);
    core.flush(&mut told);
    assert!(!core.is_connected(SESSION));
    assert_eq!(told.0.len(), 4, "{:?}", told.0);
    assert!(told.0[1..].iter().all(|(_, known)| !known), "{:?}", told.0);
    let mut collector = Collector::new(clock, 16);
    while let Ok(record) = records.pop() {
        collector.add(&record);
    }
    let logged: Vec<u64> = collector.take_sent().0.iter().map(|sent| sent.msg_seq_num).collect();
    let numbers: Vec<u64> = told.0.iter().map(|(number, _)| *number).collect();
    assert_eq!(logged, numbers);
}
