//! The stages and the threads that run them: the layout `split`, and what all layouts share (design
//! section 3).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtrb::{Consumer, Producer};
use taut_codec::value::UtcTime;

use super::core::{EventSink, SessionCore};
use super::dialler::DialEnd;
use super::episodes::{Heard, News};
use super::idle::{Bell, Idle};
use super::inlet::{Inlet, Look};
use super::links::{Dial, Dialled, Links, Ports, Spent};
use super::shutdown::{Sessions, Shutdown};
use super::{Control, Layout, MARKET_DATA, Progress};
use crate::command::{Command, SessionId};
use crate::desk::Desk;
use crate::event::{Alarm, Event, EventKind};
use crate::kraken::decode::EVENTS_PER_MESSAGE_MAX;
use crate::limits::{
    COMMAND_RING, COMMANDS_PER_CALLBACK_MAX, EVENT_RING, SESSION_EVENTS_MAX, SESSIONS_MAX,
};
use crate::strategy::Strategy;
use crate::touched;
use crate::trace::{Clock, Stamps, allocation};
use crate::wire::Receiver;

/// Room in the event ring that is kept for what no message brings: every order command that has not
/// ended yields one event when it does, and sessions go up and down. So commands, heartbeats and
/// time-outs never wait for a strategy that is behind; only messages do.
const RESERVED: usize = COMMAND_RING + 2 * SESSIONS_MAX * SESSION_EVENTS_MAX;
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
    heard_of_disks: [Heard; SESSIONS_MAX],
    heard_of_stalls: [Heard; 3],
    heard_of_traces: Heard,
    threads: &'static [&'static str],
    tick: Every,
    progress: Every,
}

impl<S: Strategy> StrategyStage<S> {
    pub fn new(desk: Desk<S>, layout: Layout, control: Arc<Control>, clock: Clock) -> Self {
        let sessions = Sessions::new(desk.sessions());
        Self {
            desk,
            control,
            clock,
            sessions,
            shutdown: Shutdown::Running,
            heard_of_disks: [Heard::default(); SESSIONS_MAX],
            heard_of_stalls: [Heard::default(); 3],
            heard_of_traces: Heard::default(),
            threads: layout.threads(),
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
                self.alarm(MARKET_DATA, Alarm::RingFull { count });
            }
            for (at, thread) in self.threads.iter().enumerate() {
                while let Some(news) = self.control.stalls[at].next(&mut self.heard_of_stalls[at]) {
                    let alarm = match news {
                        News::Began => Alarm::Stalled { thread },
                        News::Over { ms } => Alarm::Resumed { thread, ms },
                    };
                    self.alarm(MARKET_DATA, alarm);
                }
            }
            while let Some(alarm) = self.control.traces.next(&mut self.heard_of_traces) {
                self.alarm(MARKET_DATA, alarm);
            }
            for at in 0..SESSIONS_MAX {
                let session = SessionId(at as u8);
                while let Some(alarm) = self.control.disks[at].next(&mut self.heard_of_disks[at]) {
                    self.alarm(session, alarm);
                }
            }
            self.control.obey(&mut self.desk);
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

    fn alarm(&mut self, session: SessionId, alarm: Alarm) {
        let kind = EventKind::Alarm(alarm);
        self.desk.on_event(&Event { session, stamps: Stamps::NONE, kind });
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
        self.sessions.on_event(event, || self.clock.now());
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

pub(super) fn attach(
    inlets: &mut [Inlet],
    session: SessionId,
    receiver: Receiver,
    idle: &mut Idle,
) {
    let Some(inlet) = inlets.iter_mut().find(|inlet| inlet.session() == session) else { return };
    if let Some(fd) = receiver.readiness_fd() {
        // A descriptor that cannot be watched leaves the sleeper to its time-out.
        let _ = idle.watch(fd);
    }
    inlet.connect(receiver);
}

pub(super) fn detach(
    inlets: &mut [Inlet],
    session: SessionId,
    idle: &mut Idle,
) -> Option<Receiver> {
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
/// commands that it caused, and looks at the other connections after a [turn](Look::turn) at the latest.
pub(super) fn poll(
    inlet: &mut Inlet,
    look: Look,
    clock: &Clock,
    core: &mut SessionCore,
    sink: &mut impl EventSink,
) -> bool {
    let session = inlet.session();
    let Some((inbound, stamps)) = inlet.look(look, clock) else { return false };
    core.on_inbound(session, inbound, stamps, sink);
    true
}

pub(super) fn rest(idle: &mut Idle, worked: bool, has_work: impl FnOnce() -> bool) {
    if worked { idle.worked() } else { idle.rest(has_work) }
}

/// The ring between the session's thread and the strategy's, seen from the session.
pub(super) struct SessionEnd {
    events: Producer<Event>,
    /// Events that went into the ring.
    pushed: u64,
    commands: Consumer<Command>,
    /// Wakes the strategy.
    bell: Arc<Bell>,
    gate: Gate,
}

/// Counts the times that messages had to wait for room behind this point.
pub(super) struct Gate {
    control: Arc<Control>,
    closed: bool,
}

impl Gate {
    pub fn new(control: Arc<Control>) -> Self {
        Self { control, closed: false }
    }

    /// Passes on whether there is room; the first refusal of each episode is counted.
    pub fn pass(&mut self, room: bool) -> bool {
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
    let gate = Gate::new(Arc::clone(control));
    let (events_in, events_out) = touched::ring(EVENT_RING);
    let (commands_in, commands_out) = touched::ring(COMMAND_RING);
    (
        SessionEnd {
            events: events_in,
            pushed: 0,
            commands: commands_out,
            bell: strategy.bell(),
            gate,
        },
        StrategyEnd { events: events_out, commands: commands_in, bell: session.bell() },
    )
}

impl EventSink for SessionEnd {
    fn push(&mut self, event: &Event) {
        let pushed = self.events.push(*event);
        assert!(pushed.is_ok(), "messages ask for room first, and the rest has it reserved");
        self.pushed += 1;
        self.bell.ring();
    }

    fn pushed(&self) -> u64 {
        self.pushed
    }

    /// The strategy takes an event out of the ring when it has handled it.
    fn handled(&self) -> u64 {
        self.pushed - (EVENT_RING - self.events.slots()) as u64
    }
}

impl SessionEnd {
    /// Whether a message can be taken now. If not, its bytes stay in the socket: the venue is slowed
    /// down, nothing is lost.
    pub fn has_room(&mut self) -> bool {
        let room = self.events.slots() >= ROOM_FOR_MESSAGE;
        self.gate.pass(room)
    }

    /// Whether the conductors may speak: what they say has room without what is reserved.
    pub fn has_room_for_links(&self) -> bool {
        self.events.slots() >= ROOM_FOR_MESSAGE
    }

    /// Whether the strategy has issued something.
    pub fn has_commands(&self) -> bool {
        !self.commands.is_empty()
    }

    /// Encodes and sends what the strategy has issued. Returns how many commands that was.
    pub fn run_commands(&mut self, core: &mut SessionCore) -> usize {
        let mut count = 0;
        while let Ok(command) = self.commands.pop() {
            core.on_command(&command, self);
            count += 1;
        }
        core.flush(self);
        count
    }
}

/// What one round of the session's side came to.
pub(super) struct IoRound {
    /// Whether there was anything to do.
    pub worked: bool,
    /// Commands that were encoded.
    pub commands: usize,
    /// When timers were looked at, if they were.
    pub ticked: Option<UtcTime>,
}

/// One round of the reader and the session core on one thread: what every connection brings, and what the
/// strategy has issued by then; timers.
pub(super) fn io_round(
    inlets: &mut [Inlet],
    clock: &Clock,
    core: &mut SessionCore,
    end: &mut SessionEnd,
    tick: &mut Every,
) -> IoRound {
    let (mut worked, mut commands, mut ticked) = (false, 0, None);
    for inlet in inlets {
        for look in Look::turn() {
            let taken = end.has_room() && poll(inlet, look, clock, core, end);
            worked |= taken;
            if taken || look == Look::Socket {
                commands += end.run_commands(core);
            }
            if !taken {
                break;
            }
        }
    }
    let now = clock.now();
    if tick.is_due(now.0) {
        core.tick(end);
        ticked = Some(now);
    }
    IoRound { worked: worked || commands > 0, commands, ticked }
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
        let IoRound { worked, ticked, .. } =
            io_round(&mut connections.inlets, clock, core, &mut end, &mut tick);
        if let Some(now) = ticked
            && end.has_room_for_links()
        {
            connections.conduct(now, core, idle, &mut end);
        }
        rest(idle, worked, || !end.commands.is_empty());
    }
    core.note_handled(&end);
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
            let Ok(event) = end.events.peek() else { break };
            stage.push(event);
            // Handled, and out of the ring before its commands leave: see `EventSink::handled`.
            let _ = end.events.pop();
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

#[cfg(test)]
mod tests;
