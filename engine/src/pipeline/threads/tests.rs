use std::sync::atomic::AtomicU64;

use super::*;
use crate::command::{CancelScope, CommandKind, MassCancel};
use crate::conductor::{Cause, LinkEvent};
use crate::desk::{DeskConfig, InstrumentConfig};
use crate::journal::{Journal, JournalConfig, State};
use crate::kraken::logon::Logon;
use crate::pipeline::IdlePolicy;
use crate::pipeline::TRADING;
use crate::pipeline::disk::Housekeeping;
use crate::risk::RiskLimits;
use crate::session::SessionConfig;
use crate::types::ClOrdId;
use taut_codec::value::Decimal;

fn clock() -> Clock {
    Clock::virtual_at(Arc::new(AtomicU64::new(1_000_000_000)))
}

fn session_core() -> SessionCore {
    let config = || {
        let id = |text: &str| text.parse().expect("it is a CompID");
        (SessionConfig::initiator(id("C"), id("V")), Logon::MarketData)
    };
    let (traces, _) = rtrb::RingBuffer::new(16);
    SessionCore::new(vec![config(), config()], &[], clock(), traces)
}

fn ends() -> (SessionEnd, StrategyEnd, Arc<Control>) {
    let idle = || Idle::new(IdlePolicy::Park).expect("descriptors");
    let control = Arc::new(Control::default());
    let (session, strategy) = link(&idle(), &idle(), &control);
    (session, strategy, control)
}

fn event(kind: EventKind) -> Event {
    Event { session: TRADING, stamps: Stamps::NONE, kind }
}

fn mass_cancel(number: usize) -> Command {
    let cl_ord_id = ClOrdId::numeric(number as u64 + 1).expect("not zero");
    let cancel = MassCancel { cl_ord_id, scope: CancelScope::Session };
    Command { session: TRADING, stamps: Stamps::NONE, kind: CommandKind::MassCancel(cancel) }
}

#[test]
fn a_full_event_ring_holds_messages_back_but_never_the_end_of_a_command() {
    let (mut session, mut strategy, control) = ends();
    let mut core = session_core();
    let mut noise = 0;
    while session.has_room() {
        session.push(&event(EventKind::Alarm(Alarm::Gap { from: 1, to: 1 })));
        noise += 1;
    }
    assert!(!session.has_room());
    assert_eq!(control.ring_full.load(Ordering::Relaxed), 1, "one episode, counted once");
    for number in 0..COMMAND_RING {
        assert!(strategy.commands.push(mass_cancel(number)).is_ok());
    }
    assert!(session.run_commands(&mut core) > 0);
    let ended = std::iter::from_fn(|| strategy.events.pop().ok())
        .skip(noise)
        .filter(|event| matches!(event.kind, EventKind::Withdrawn { .. }))
        .count();
    assert_eq!(ended, COMMAND_RING, "the session is down, so each was withdrawn");
    assert!(session.has_room());
}

#[derive(Default)]
struct Idler {
    alarms: u32,
    journal: Vec<Alarm>,
}

impl Strategy for Idler {
    fn on_session(
        &mut self,
        _: &mut crate::strategy::Context<'_>,
        update: &crate::strategy::SessionUpdate,
    ) {
        let crate::strategy::SessionUpdate::Alarm { session, alarm } = update else { return };
        match *alarm {
            Alarm::RingFull { count } => self.alarms += count,
            Alarm::JournalDisk { .. } | Alarm::JournalDiskWell { .. } => {
                assert_eq!(*session, TRADING);
                self.journal.push(*alarm);
            }
            _ => {}
        }
    }
}

fn stage(control: &Arc<Control>) -> StrategyStage<Idler> {
    let risk = RiskLimits {
        max_order_qty: Decimal::new(1, 0),
        max_notional: Decimal::new(1, 0),
        collar_bps: 1,
        max_position: Decimal::new(1, 0),
        max_open_orders: 1,
        commands_per_second: 1,
        burst: 1,
        ..RiskLimits::UNLIMITED
    };
    let instruments = vec![InstrumentConfig { symbol: "A/B".parse().expect("short"), risk }];
    let config = DeskConfig::new(MARKET_DATA, TRADING, instruments, 10);
    let desk = Desk::new(&config, clock(), Idler::default()).expect("one instrument");
    StrategyStage::new(desk, Layout::Split, Arc::clone(control), clock())
}

#[test]
fn a_strategy_that_never_catches_up_is_stopped_all_the_same() {
    let (mut session, strategy, control) = ends();
    for session_id in [MARKET_DATA, TRADING] {
        let over = LinkEvent::Over { cause: Cause::Lost, failures: 1 };
        session.push(&Event { session: session_id, ..event(EventKind::Link(over)) });
    }
    for _ in 0..10 * EVENTS_PER_ROUND {
        session.push(&event(EventKind::Alarm(Alarm::Gap { from: 1, to: 1 })));
    }
    control.stop.store(true, Ordering::Relaxed);
    control.ring_full.store(3, Ordering::Relaxed);
    let mut stage = stage(&control);
    stage.tick = Every::new(0);
    run_strategy(&mut stage, strategy, &mut Idle::new(IdlePolicy::Park).expect("descriptors"));
    assert!(control.finished.load(Ordering::Relaxed));
    let left = EVENT_RING - session.events.slots();
    assert!(left > 0, "it ended with events still waiting, not when there were none");
    assert_eq!(stage.desk.strategy().alarms, 3, "and it was told of the full ring");
}

#[test]
fn each_episode_of_trouble_with_a_journals_disk_is_told_when_it_begins_and_when_it_is_over() {
    let dir = tempfile::tempdir().expect("a directory");
    let (at, elsewhere) = (dir.path().join("journal"), dir.path().join("elsewhere"));
    let config = JournalConfig {
        segment_bytes: 4096,
        message_bytes_max: 512,
        index_messages: 16,
        ..JournalConfig::default()
    };
    let (mut journal, _) = Journal::open(&at, config).expect("it opens");
    let housekeeper = journal.housekeeper().expect("the first time");
    let mut journals = Housekeeping::new(vec![(TRADING, housekeeper)]);
    let control = Arc::new(Control::default());
    let mut stage = stage(&control);
    stage.tick = Every::new(0);
    stage.housekeep();
    assert_eq!(stage.desk.strategy().journal, [], "all is well");

    let mut told = Vec::new();
    for episode in 0..3 {
        std::fs::rename(&at, &elsewhere).expect("it is moved away");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        // There is something to flush, and segments are used up.
        while stage.desk.strategy().journal.len() == told.len() {
            assert!(std::time::Instant::now() < deadline, "it is never told");
            let _ = journal.note(State { nonce: journal.state().nonce + 1, ..State::START });
            journals.run(&control);
            stage.housekeep();
        }
        for _ in 0..3 {
            journals.run(&control);
            stage.housekeep();
        }
        told.push(Alarm::JournalDisk { full: false });
        assert_eq!(stage.desk.strategy().journal, told, "once, in episode {episode}");

        std::fs::rename(&elsewhere, &at).expect("it is back");
        while stage.desk.strategy().journal.len() == told.len() {
            assert!(std::time::Instant::now() < deadline, "it is never well again");
            std::thread::sleep(std::time::Duration::from_millis(5));
            journals.run(&control);
            stage.housekeep();
        }
        let well = stage.desk.strategy().journal[told.len()];
        assert!(matches!(well, Alarm::JournalDiskWell { .. }), "{well:?}");
        told.push(well);
    }
}
