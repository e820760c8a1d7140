//! The stages and the threads that run them: the layouts `split` and `full`, and what all layouts
//! share (design section 3).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtrb::{Consumer, Producer, RingBuffer};
use taut_codec::value::UtcTime;

use super::core::{EventSink, SessionCore};
use super::dialler::{DialEnd, Handover, RemotePorts};
use super::idle::{Bell, Idle};
use super::inlet::Inlet;
use super::links::{Dial, Dialled, Links, Ports, Spent};
use super::shutdown::{Sessions, Shutdown};
use super::slab::{Origin, SlabReceiver, SlabSender};
use super::{Control, MARKET_DATA, Progress};
use crate::command::{Command, SessionId};
use crate::desk::Desk;
use crate::event::{Alarm, Event, EventKind};
use crate::kraken::decode::EVENTS_PER_MESSAGE_MAX;
use crate::limits::{COMMAND_RING, COMMANDS_PER_CALLBACK_MAX, EVENT_RING, SESSION_EVENTS_MAX};
use crate::strategy::Strategy;
use crate::trace::{Clock, Stamps, allocation};
use crate::wire::Receiver;

/// Room in the event ring that is kept for what no message brings: every order command that has not
/// ended yields one event when it does, and sessions go up and down. So commands, heartbeats and
/// time-outs never wait for a strategy that is behind; only messages do.
const RESERVED: usize = COMMAND_RING + 4 * SESSION_EVENTS_MAX;
/// Room that is asked for before a message is taken from a connection.
const ROOM_FOR_MESSAGE: usize = RESERVED + EVENTS_PER_MESSAGE_MAX + SESSION_EVENTS_MAX;
const _: () = assert!(EVENT_RING > ROOM_FOR_MESSAGE + EVENTS_PER_MESSAGE_MAX);

/// Events that the strategy's thread handles before it looks at its timers and at the way down.
const EVENTS_PER_ROUND: usize = 64;

/// How often timers are looked at, nanoseconds.
pub(super) const TICK_NS: u64 = 100_000;
/// How often the progress figures are published, nanoseconds.
const PROGRESS_NS: u64 = 20_000_000;

/// Fires at most every so many nanoseconds.
pub(super) struct Every {
    period: u64,
    /// When it fires next.
    pub next: u64,
}

impl Every {
    pub const fn new(period: u64) -> Self {
        Self { period, next: 0 }
    }

    pub const fn is_due(&mut self, now: u64) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + self.period;
        }
        due
    }
}

/// The strategy's stage: events in, commands out, its timers and its way down.
pub(super) struct StrategyStage<S: Strategy> {
    pub desk: Desk<S>,
    pub control: Arc<Control>,
    pub clock: Clock,
    pub sessions: Sessions,
    shutdown: Shutdown,
    tick: Every,
    progress: Every,
}

impl<S: Strategy> StrategyStage<S> {
    pub fn new(desk: Desk<S>, control: Arc<Control>, clock: Clock) -> Self {
        Self {
            desk,
            control,
            clock,
            sessions: Sessions::default(),
            shutdown: Shutdown::Running,
            tick: Every::new(TICK_NS),
            progress: Every::new(PROGRESS_NS),
        }
    }

    /// Timers, progress and the way down. Returns whether the engine is over.
    pub fn housekeep(&mut self) -> bool {
        let now = self.clock.now();
        if self.tick.is_due(now.0) {
            let count = self.control.ring_full.swap(0, Ordering::Relaxed);
            if count > 0 {
                let kind = EventKind::Alarm(Alarm::RingFull { count });
                self.desk.on_event(&Event { session: MARKET_DATA, stamps: Stamps::NONE, kind });
            }
            self.desk.on_time(now);
            let stop = self.control.stop.load(Ordering::Relaxed);
            self.shutdown.step(&mut self.desk, &self.sessions, stop, now);
        }
        if self.progress.is_due(now.0)
            && let Ok(mut progress) = self.control.progress.try_lock()
        {
            *progress = Progress::of(&self.desk);
        }
        let done = self.shutdown == Shutdown::Done;
        if done {
            self.control.finished.store(true, Ordering::Release);
        }
        done
    }

    /// When [`StrategyStage::housekeep`] has something to do, as things stand.
    pub fn next_deadline(&self) -> UtcTime {
        let stop = self.control.stop.load(Ordering::Relaxed);
        let shutdown = self.shutdown.next_deadline(&self.desk, &self.sessions, stop);
        let timer = self.desk.next_timer().map_or(shutdown, |timer| timer.min(shutdown));
        timer.max(UtcTime(self.tick.next))
    }
}

impl<S: Strategy> EventSink for StrategyStage<S> {
    fn push(&mut self, event: &Event) {
        self.sessions.on_event(event);
        self.desk.on_event(event);
    }
}

/// What comes and goes with the connections of an engine, on the thread of the session core.
pub(super) struct Connections {
    pub inlets: Vec<Inlet>,
    pub links: Links,
    pub end: DialEnd,
}

/// The ports of a thread that has the inlets and the session core.
struct LocalPorts<'a> {
    inlets: &'a mut [Inlet],
    end: &'a mut DialEnd,
    idle: &'a mut Idle,
}

impl Ports for LocalPorts<'_> {
    fn dial(&mut self, dial: Dial) {
        self.end.dial(dial);
    }

    fn dialled(&mut self) -> Option<Dialled> {
        self.end.dialled()
    }

    fn attach(&mut self, session: SessionId, _: u32, receiver: Receiver) {
        attach(self.inlets, session, receiver, self.idle);
    }

    fn detach(&mut self, session: SessionId) {
        if let Some(receiver) = detach(self.inlets, session, self.idle) {
            self.end.discard(Spent::Receiver(receiver));
        }
    }

    fn discard(&mut self, spent: Spent) {
        self.end.discard(spent);
    }
}

fn attach(inlets: &mut [Inlet], session: SessionId, receiver: Receiver, idle: &mut Idle) {
    let Some(inlet) = inlets.iter_mut().find(|inlet| inlet.session() == session) else { return };
    if let Some(fd) = receiver.readiness_fd() {
        // A descriptor that cannot be watched leaves the sleeper to its time-out.
        let _ = idle.watch(fd);
    }
    inlet.connect(receiver);
}

fn detach(inlets: &mut [Inlet], session: SessionId, idle: &mut Idle) -> Option<Receiver> {
    let inlet = inlets.iter_mut().find(|inlet| inlet.session() == session)?;
    let receiver = inlet.disconnect()?;
    if let Some(fd) = receiver.readiness_fd() {
        idle.unwatch(fd);
    }
    Some(receiver)
}

impl Connections {
    /// Lets the conductors do what is due, on a thread that has the inlets and the session core.
    pub fn conduct(
        &mut self,
        now: UtcTime,
        core: &mut SessionCore,
        idle: &mut Idle,
        sink: &mut impl EventSink,
    ) {
        let Self { inlets, links, end } = self;
        links.step(now, core, &mut LocalPorts { inlets, end, idle }, sink);
    }
}

/// Takes one message, if there is one, from a connection to the core. The caller then runs the
/// commands that it caused, and looks at the other connections before it comes back: no burst on one
/// delays what is known already.
pub(super) fn poll(
    inlet: &mut Inlet,
    clock: &Clock,
    core: &mut SessionCore,
    sink: &mut impl EventSink,
) -> bool {
    let session = inlet.session();
    let Some((inbound, stamps)) = inlet.next(clock) else { return false };
    core.on_inbound(session, inbound, stamps, sink);
    true
}

pub(super) fn rest(idle: &mut Idle, worked: bool, has_work: impl FnOnce() -> bool) {
    if worked { idle.worked() } else { idle.rest(has_work) }
}

/// The ring between the session's thread and the strategy's, seen from the session.
pub(super) struct SessionEnd {
    events: Producer<Event>,
    commands: Consumer<Command>,
    /// Wakes the strategy.
    bell: Arc<Bell>,
    gate: Gate,
}

/// Counts the times that messages had to wait for room behind this point.
struct Gate {
    control: Arc<Control>,
    closed: bool,
}

impl Gate {
    /// Passes on whether there is room; the first refusal of each episode is counted.
    fn pass(&mut self, room: bool) -> bool {
        if !room && !self.closed {
            self.control.ring_full.fetch_add(1, Ordering::Relaxed);
        }
        self.closed = !room;
        room
    }
}

/// The same, seen from the strategy.
pub(super) struct StrategyEnd {
    events: Consumer<Event>,
    commands: Producer<Command>,
    /// Wakes the session core.
    bell: Arc<Bell>,
}

/// Two rings, one each way. The bells wake the thread at the other end.
pub(super) fn link(
    session: &Idle,
    strategy: &Idle,
    control: &Arc<Control>,
) -> (SessionEnd, StrategyEnd) {
    let gate = Gate { control: Arc::clone(control), closed: false };
    let (events_in, events_out) = RingBuffer::new(EVENT_RING);
    let (commands_in, commands_out) = RingBuffer::new(COMMAND_RING);
    (
        SessionEnd { events: events_in, commands: commands_out, bell: strategy.bell(), gate },
        StrategyEnd { events: events_out, commands: commands_in, bell: session.bell() },
    )
}

impl EventSink for SessionEnd {
    fn push(&mut self, event: &Event) {
        let pushed = self.events.push(*event);
        assert!(pushed.is_ok(), "messages ask for room first, and the rest has it reserved");
        self.bell.ring();
    }
}

impl SessionEnd {
    /// Whether a message can be taken now. If not, its bytes stay in the socket: the venue is slowed
    /// down, nothing is lost.
    fn has_room(&mut self) -> bool {
        let room = self.events.slots() >= ROOM_FOR_MESSAGE;
        self.gate.pass(room)
    }

    /// Whether the conductors may speak: what they say has room without what is reserved.
    fn has_room_for_links(&self) -> bool {
        self.events.slots() >= ROOM_FOR_MESSAGE
    }

    /// Encodes and sends what the strategy has issued.
    fn run_commands(&mut self, core: &mut SessionCore) -> bool {
        let mut worked = false;
        while let Ok(command) = self.commands.pop() {
            core.on_command(&command, self);
            worked = true;
        }
        core.flush(self);
        worked
    }
}

/// The reader and the session core on the calling thread; the strategy on another (layout `split`).
pub(super) fn run_io(
    control: &Control,
    clock: &Clock,
    core: &mut SessionCore,
    mut connections: Connections,
    mut end: SessionEnd,
    idle: &mut Idle,
) {
    let mut tick = Every::new(TICK_NS);
    let _armed = allocation::arm();
    while !control.finished.load(Ordering::Acquire) {
        let mut worked = false;
        for inlet in &mut connections.inlets {
            worked |= end.has_room() && poll(inlet, clock, core, &mut end);
            worked |= end.run_commands(core);
        }
        let now = clock.now();
        if tick.is_due(now.0) {
            core.tick(&mut end);
            if end.has_room_for_links() {
                connections.conduct(now, core, idle, &mut end);
            }
        }
        rest(idle, worked, || !end.commands.is_empty());
    }
}

/// The strategy on the calling thread (layouts `split` and `full`).
pub(super) fn run_strategy<S: Strategy>(
    stage: &mut StrategyStage<S>,
    mut end: StrategyEnd,
    idle: &mut Idle,
) {
    let _armed = allocation::arm();
    loop {
        let mut worked = false;
        for _ in 0..EVENTS_PER_ROUND {
            if end.commands.slots() < COMMANDS_PER_CALLBACK_MAX {
                break;
            }
            let Ok(event) = end.events.pop() else { break };
            stage.push(&event);
            send_commands(&mut stage.desk, &mut end);
            worked = true;
        }
        // Another thread that ended early has ended the engine: see `FinishOnDrop`.
        let done = stage.housekeep() || stage.control.finished.load(Ordering::Acquire);
        send_commands(&mut stage.desk, &mut end);
        if done {
            end.bell.ring();
            return;
        }
        rest(idle, worked, || !end.events.is_empty());
    }
}

fn send_commands<S: Strategy>(desk: &mut Desk<S>, end: &mut StrategyEnd) {
    let mut sent = false;
    while !end.commands.is_full()
        && let Some(command) = desk.next_command()
    {
        let pushed = end.commands.push(command);
        assert!(pushed.is_ok(), "only this thread fills the ring");
        sent = true;
    }
    if sent {
        end.bell.ring();
    }
}

/// What the reader's thread has of the connections (layout `full`).
pub(super) struct Reader {
    pub inlets: Vec<Inlet>,
    /// The attempts that led to their connections, by inlet.
    pub attempts: Vec<u32>,
    pub slab: SlabSender,
    pub handovers: Consumer<Handover>,
    pub spent: Producer<Spent>,
}

impl Reader {
    fn take_over(&mut self, idle: &mut Idle) -> bool {
        let Ok(handover) = self.handovers.pop() else { return false };
        let (session, next) = match handover {
            Handover::Attach { session, attempt, receiver } => (session, Some((attempt, receiver))),
            Handover::Detach { session } => (session, None),
        };
        if let Some(receiver) = detach(&mut self.inlets, session, idle) {
            // A full ring means that it is dropped here: late, not lost.
            drop(self.spent.push(Spent::Receiver(receiver)));
        }
        let Some((attempt, receiver)) = next else { return true };
        attach(&mut self.inlets, session, receiver, idle);
        for (inlet, known) in self.inlets.iter().zip(&mut self.attempts) {
            if inlet.session() == session {
                *known = attempt;
            }
        }
        true
    }

    /// Passes on one message of each connection, if there is room.
    fn read(&mut self, clock: &Clock, gate: &mut Gate, core: &Bell) -> bool {
        let mut worked = false;
        for (inlet, &attempt) in self.inlets.iter_mut().zip(&self.attempts) {
            let session = inlet.session();
            if !gate.pass(self.slab.has_room()) {
                return worked;
            }
            let Some((inbound, stamps)) = inlet.next(clock) else { continue };
            self.slab.send(Origin { session, attempt }, &inbound, stamps);
            core.ring();
            worked = true;
        }
        worked
    }
}

/// The reader on the calling thread (layout `full`).
pub(super) fn run_reader(
    control: &Arc<Control>,
    clock: &Clock,
    mut reader: Reader,
    core: &Bell,
    idle: &mut Idle,
) {
    let mut gate = Gate { control: Arc::clone(control), closed: false };
    let _armed = allocation::arm();
    while !control.finished.load(Ordering::Acquire) {
        let mut worked = reader.take_over(idle);
        worked |= reader.read(clock, &mut gate, core);
        rest(idle, worked, || !reader.handovers.is_empty());
    }
}

/// What the session core's thread has of the connections (layout `full`).
pub(super) struct CoreEnd {
    pub links: Links,
    pub end: DialEnd,
    pub reader: Producer<Handover>,
    /// Wakes the reader.
    pub bell: Arc<Bell>,
    pub slab: SlabReceiver,
}

impl CoreEnd {
    fn conduct(&mut self, now: UtcTime, core: &mut SessionCore, sink: &mut SessionEnd) {
        let Self { links, end, reader, bell, .. } = self;
        let mut ports = RemotePorts { end, reader };
        if sink.has_room_for_links() && ports.has_room() {
            links.step(now, core, &mut ports, sink);
            if ports.has_handed_over() {
                bell.ring();
            }
        }
    }
}

/// The session core on the calling thread, between a reader and a strategy (layout `full`).
pub(super) fn run_core(
    control: &Control,
    clock: &Clock,
    core: &mut SessionCore,
    mut connections: CoreEnd,
    mut end: SessionEnd,
    idle: &mut Idle,
) {
    let mut tick = Every::new(TICK_NS);
    let _armed = allocation::arm();
    while !control.finished.load(Ordering::Acquire) {
        let CoreEnd { links, slab, .. } = &mut connections;
        let mut worked = end.has_room()
            && slab.receive(|from, inbound, stamps| {
                // What an earlier connection brought is nobody's.
                if links.is_current(from.session, from.attempt) {
                    core.on_inbound(from.session, inbound, stamps, &mut end);
                }
            });
        worked |= end.run_commands(core);
        let now = clock.now();
        if tick.is_due(now.0) {
            core.tick(&mut end);
            connections.conduct(now, core, &mut end);
        }
        rest(idle, worked, || !connections.slab.is_empty() || !end.commands.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::command::{CancelScope, CommandKind, MassCancel};
    use crate::conductor::{Cause, LinkEvent};
    use crate::desk::{DeskConfig, InstrumentConfig};
    use crate::kraken::logon::Logon;
    use crate::pipeline::{IdlePolicy, TRADING};
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
        let (traces, _) = RingBuffer::new(16);
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
            session.push(&event(EventKind::Alarm(Alarm::Garbled { bytes: 1 })));
            noise += 1;
        }
        assert!(!session.has_room());
        assert_eq!(control.ring_full.load(Ordering::Relaxed), 1, "one episode, counted once");
        for number in 0..COMMAND_RING {
            assert!(strategy.commands.push(mass_cancel(number)).is_ok());
        }
        assert!(session.run_commands(&mut core));
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
    }

    impl Strategy for Idler {
        fn on_session(
            &mut self,
            _: &mut crate::strategy::Context<'_>,
            update: &crate::strategy::SessionUpdate,
        ) {
            if let crate::strategy::SessionUpdate::Alarm(Alarm::RingFull { count }) = update {
                self.alarms += count;
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
        };
        let config = DeskConfig {
            market_data: MARKET_DATA,
            trading: TRADING,
            instruments: vec![InstrumentConfig { symbol: "A/B".parse().expect("short"), risk }],
            depth: 10,
            cl_ord_id_watermark: 0,
        };
        let desk = Desk::new(&config, clock(), Idler::default()).expect("one instrument");
        StrategyStage::new(desk, Arc::clone(control), clock())
    }

    #[test]
    fn a_strategy_that_never_catches_up_is_stopped_all_the_same() {
        let (mut session, strategy, control) = ends();
        for session_id in [MARKET_DATA, TRADING] {
            let over = LinkEvent::Over { cause: Cause::Lost, failures: 1 };
            session.push(&Event { session: session_id, ..event(EventKind::Link(over)) });
        }
        for _ in 0..10 * EVENTS_PER_ROUND {
            session.push(&event(EventKind::Alarm(Alarm::Garbled { bytes: 1 })));
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
}
