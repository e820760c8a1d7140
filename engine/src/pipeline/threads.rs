//! The stages and the threads that run them: the layouts `split` and `full`, and what all layouts
//! share (design section 3).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtrb::{Consumer, Producer, RingBuffer};
use taut_codec::value::UtcTime;

use super::core::{EventSink, SessionCore};
use super::idle::{Bell, Idle};
use super::inlet::Inlet;
use super::shutdown::{Sessions, Shutdown};
use super::slab::{SlabReceiver, SlabSender};
use super::{Control, Progress};
use crate::command::{Command, SessionId};
use crate::desk::Desk;
use crate::event::Event;
use crate::kraken::decode::EVENTS_PER_MESSAGE_MAX;
use crate::limits::{COMMAND_RING, COMMANDS_PER_CALLBACK_MAX, EVENT_RING};
use crate::strategy::Strategy;
use crate::trace::{Clock, allocation};
use crate::wire::Transmitter;

/// Room that one step may need: the events of the longest message, and a report on every command that
/// two sessions can have on their way to the wire.
const ROOM_PER_MESSAGE: usize = EVENTS_PER_MESSAGE_MAX + 2 * COMMAND_RING;
const _: () = assert!(EVENT_RING > ROOM_PER_MESSAGE + EVENTS_PER_MESSAGE_MAX);

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

    fn room(&self) -> usize {
        usize::MAX
    }
}

/// The connections of an engine, ready to be used by the threads of the path.
pub(super) struct Connections {
    pub inlets: Vec<Inlet>,
    pub transmitters: Vec<(SessionId, Transmitter)>,
}

/// Hands everything that one connection has brought to the core.
pub(super) fn poll(
    inlet: &mut Inlet,
    clock: &Clock,
    core: &mut SessionCore,
    sink: &mut impl EventSink,
) -> bool {
    let session = inlet.session();
    let mut worked = false;
    while sink.room() >= ROOM_PER_MESSAGE
        && let Some((inbound, stamps)) = inlet.next(clock)
    {
        core.on_inbound(session, inbound, stamps, sink);
        worked = true;
    }
    worked
}

/// The first round: transports finish their set-up on the thread that uses them, before allocations
/// count, and the sleeper learns what to watch.
pub(super) fn first_use(
    inlets: &mut [Inlet],
    idle: &mut Idle,
    mut poll: impl FnMut(&mut Inlet) -> bool,
) {
    for inlet in inlets {
        poll(inlet);
        if let Some(fd) = inlet.receiver().and_then(crate::wire::Receiver::readiness_fd) {
            // A descriptor that cannot be watched leaves the sleeper to its time-out.
            let _ = idle.watch(fd);
        }
    }
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
}

/// The same, seen from the strategy.
pub(super) struct StrategyEnd {
    events: Consumer<Event>,
    commands: Producer<Command>,
    /// Wakes the session core.
    bell: Arc<Bell>,
}

/// Two rings, one each way. The bells wake the thread at the other end.
pub(super) fn link(session: &Idle, strategy: &Idle) -> (SessionEnd, StrategyEnd) {
    let (events_in, events_out) = RingBuffer::new(EVENT_RING);
    let (commands_in, commands_out) = RingBuffer::new(COMMAND_RING);
    (
        SessionEnd { events: events_in, commands: commands_out, bell: strategy.bell() },
        StrategyEnd { events: events_out, commands: commands_in, bell: session.bell() },
    )
}

impl EventSink for SessionEnd {
    fn push(&mut self, event: &Event) {
        let pushed = self.events.push(*event);
        assert!(pushed.is_ok(), "callers ask for room first");
        self.bell.ring();
    }

    fn room(&self) -> usize {
        self.events.slots()
    }
}

impl SessionEnd {
    /// Encodes what the strategy has sent, while what it reports has room.
    fn run_commands(&mut self, core: &mut SessionCore) -> bool {
        let mut worked = false;
        while self.room() >= ROOM_PER_MESSAGE
            && let Ok(command) = self.commands.pop()
        {
            core.on_command(&command, self);
            worked = true;
        }
        if self.room() >= ROOM_PER_MESSAGE {
            core.flush(self);
        }
        worked
    }
}

/// The reader and the session core on the calling thread; the strategy on another (layout `split`).
pub(super) fn run_io(
    control: &Control,
    clock: &Clock,
    core: &mut SessionCore,
    connections: Connections,
    mut end: SessionEnd,
    idle: &mut Idle,
) {
    let Connections { mut inlets, transmitters } = connections;
    for (session, transmitter) in transmitters {
        core.connect(session, transmitter, &mut end);
    }
    let mut tick = Every::new(TICK_NS);
    first_use(&mut inlets, idle, |inlet| poll(inlet, clock, core, &mut end));
    let _armed = allocation::arm();
    while !control.finished.load(Ordering::Acquire) {
        let mut worked = end.run_commands(core);
        for inlet in &mut inlets {
            worked |= poll(inlet, clock, core, &mut end);
        }
        worked |= end.run_commands(core);
        if end.room() >= ROOM_PER_MESSAGE && tick.is_due(clock.now().0) {
            core.tick(&mut end);
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
        while end.commands.slots() >= COMMANDS_PER_CALLBACK_MAX
            && let Ok(event) = end.events.pop()
        {
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

/// The reader on the calling thread (layout `full`).
pub(super) fn run_reader(
    control: &Control,
    clock: &Clock,
    mut inlets: Vec<Inlet>,
    mut slab: SlabSender,
    core: &Bell,
    idle: &mut Idle,
) {
    let mut read = |inlet: &mut Inlet| {
        let session = inlet.session();
        let mut worked = false;
        while slab.has_room()
            && let Some((inbound, stamps)) = inlet.next(clock)
        {
            slab.send(session, &inbound, stamps);
            worked = true;
        }
        if worked {
            core.ring();
        }
        worked
    };
    first_use(&mut inlets, idle, &mut read);
    let _armed = allocation::arm();
    while !control.finished.load(Ordering::Acquire) {
        let mut worked = false;
        for inlet in &mut inlets {
            worked |= read(inlet);
        }
        rest(idle, worked, || false);
    }
}

/// The session core on the calling thread, between a reader and a strategy (layout `full`).
pub(super) fn run_core(
    control: &Control,
    clock: &Clock,
    core: &mut SessionCore,
    transmitters: Vec<(SessionId, Transmitter)>,
    mut slab: SlabReceiver,
    mut end: SessionEnd,
    idle: &mut Idle,
) {
    for (session, transmitter) in transmitters {
        core.connect(session, transmitter, &mut end);
    }
    let mut tick = Every::new(TICK_NS);
    let _armed = allocation::arm();
    while !control.finished.load(Ordering::Acquire) {
        let mut worked = end.run_commands(core);
        while end.room() >= ROOM_PER_MESSAGE
            && slab.receive(|session, inbound, stamps| {
                core.on_inbound(session, inbound, stamps, &mut end);
            })
        {
            worked = true;
        }
        worked |= end.run_commands(core);
        if end.room() >= ROOM_PER_MESSAGE && tick.is_due(clock.now().0) {
            core.tick(&mut end);
        }
        rest(idle, worked, || !slab.is_empty() || !end.commands.is_empty());
    }
}
