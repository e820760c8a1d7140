//! The layout `inline`: every stage on one thread, round by round. The thread that runs it and
//! [`InlineEngine`], which a simulation steps by hand, share the round.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use taut_codec::value::UtcTime;

use super::Layout;
use super::core::{EventSink, SessionCore};
use super::idle::Idle;
use super::inlet::{Inlet, Look};
use super::links::{Dial, Dialled, Links, Ports, Spent};
use super::threads::{Connections, Every, StrategyStage, TICK_NS, poll, rest};
use crate::command::{Command, SessionId};
use crate::conductor::Conductor;
use crate::desk::Desk;
use crate::event::Event;
use crate::limits::{
    COMMAND_RING, COMMANDS_PER_CALLBACK_MAX, DIAL_RING, TURN_COMMANDS_MAX, TURN_MESSAGES_MAX,
};
use crate::strategy::Strategy;
use crate::trace::{Clock, allocation};
use crate::wire::Receiver;

// What waits of a turn always has room among the commands that are on their way.
const _: () = assert!(TURN_COMMANDS_MAX + 2 * COMMANDS_PER_CALLBACK_MAX <= COMMAND_RING);

/// The end of the path where events become commands.
pub(super) trait Stage: EventSink {
    /// The oldest command that waits.
    fn next_command(&mut self) -> Option<Command>;
    /// Timers and the way down. Returns whether the engine is over.
    fn housekeep(&mut self) -> bool;
}

impl<S: Strategy> Stage for StrategyStage<S> {
    fn next_command(&mut self) -> Option<Command> {
        self.desk.next_command()
    }

    fn housekeep(&mut self) -> bool {
        Self::housekeep(self)
    }
}

/// What one round came to.
struct Round {
    /// Whether there was anything to do.
    worked: bool,
    /// Whether the engine is over.
    done: bool,
    /// When timers were looked at, if they were.
    ticked: Option<UtcTime>,
}

/// One round: what every connection brings, each followed by the commands that it causes; timers.
fn round(
    stage: &mut impl Stage,
    core: &mut SessionCore,
    inlets: &mut [Inlet],
    clock: &Clock,
    tick: &mut Every,
) -> Round {
    let mut worked = false;
    let mut ticked = None;
    for inlet in inlets {
        worked |= turn(inlet, stage, core, clock);
    }
    let now = clock.now();
    if tick.is_due(now.0) {
        core.tick(stage);
        ticked = Some(now);
    }
    let done = stage.housekeep();
    worked |= run_commands(stage, core);
    core.flush(stage);
    Round { worked, done, ticked }
}

/// What one connection brings at once. What the first message that causes commands makes leaves at once;
/// those of the messages that were received with it leave together behind them, because a send costs
/// many times as much as a message.
fn turn(inlet: &mut Inlet, stage: &mut impl Stage, core: &mut SessionCore, clock: &Clock) -> bool {
    if !poll(inlet, Look::Socket, clock, core, stage) {
        return run_commands(stage, core);
    }
    let mut sent = run_commands(stage, core);
    let mut waiting = 0;
    for _ in 1..TURN_MESSAGES_MAX {
        if !poll(inlet, Look::Received, clock, core, stage) {
            break;
        }
        waiting += encode_commands(stage, core);
        if waiting >= TURN_COMMANDS_MAX || waiting > 0 && !sent {
            core.flush(stage);
            run_commands(stage, core);
            (waiting, sent) = (0, true);
        }
    }
    core.flush(stage);
    run_commands(stage, core);
    true
}

/// Encodes what the desk has issued. Returns how many commands that was.
fn encode_commands(stage: &mut impl Stage, core: &mut SessionCore) -> usize {
    let mut count = 0;
    while let Some(command) = stage.next_command() {
        core.on_command(&command, stage);
        count += 1;
    }
    count
}

/// Encodes and sends what the desk has issued; what that reports may make it issue more.
fn run_commands(stage: &mut impl Stage, core: &mut SessionCore) -> bool {
    let mut worked = false;
    while encode_commands(stage, core) > 0 {
        core.flush(stage);
        worked = true;
    }
    worked
}

/// Everything on the calling thread.
pub(super) fn run_inline<S: Strategy>(
    stage: &mut StrategyStage<S>,
    core: &mut SessionCore,
    mut connections: Connections,
    idle: &mut Idle,
) {
    let clock = stage.clock.clone();
    let mut tick = Every::new(TICK_NS);
    let _armed = allocation::arm();
    loop {
        let Round { worked, done, ticked } =
            round(stage, core, &mut connections.inlets, &clock, &mut tick);
        if done {
            return;
        }
        if let Some(now) = ticked {
            connections.conduct(now, core, idle, stage);
            run_commands(stage, core);
        }
        rest(idle, worked, || false);
    }
}

/// Sees what passes between the sessions and the desk of an [`InlineEngine`].
pub trait Watch {
    /// An event, before the desk handles it.
    fn on_event(&mut self, event: &Event);
    /// A command, before it is encoded.
    fn on_command(&mut self, command: &Command);
}

/// An engine of the layout `inline` without a thread: its owner connects it, moves its clock and
/// steps it.
pub struct InlineEngine<S: Strategy, W: Watch> {
    stage: Watched<S, W>,
    core: SessionCore,
    links: Links,
    ports: OwnedPorts,
    clock: Clock,
    tick: Every,
}

/// The ports of an engine whose owner dials.
pub(super) struct OwnedPorts {
    pub inlets: Vec<Inlet>,
    pub dials: VecDeque<Dial>,
    pub dialled: VecDeque<Dialled>,
}

impl OwnedPorts {
    /// Without connections, for these sessions in the order in which they are polled.
    pub fn new(sessions: impl Iterator<Item = SessionId>) -> Self {
        let inlets = sessions.map(Inlet::new).collect();
        let (dials, dialled) =
            (VecDeque::with_capacity(DIAL_RING), VecDeque::with_capacity(DIAL_RING));
        Self { inlets, dials, dialled }
    }

    fn inlet(&mut self, session: SessionId) -> Option<&mut Inlet> {
        self.inlets.iter_mut().find(|inlet| inlet.session() == session)
    }
}

impl Ports for OwnedPorts {
    fn dial(&mut self, dial: Dial) {
        self.dials.push_back(dial);
    }

    fn dialled(&mut self) -> Option<Dialled> {
        self.dialled.pop_front()
    }

    fn attach(&mut self, session: SessionId, _: u32, receiver: Receiver) {
        if let Some(inlet) = self.inlet(session) {
            inlet.connect(receiver);
        }
    }

    fn detach(&mut self, session: SessionId) {
        if let Some(inlet) = self.inlet(session) {
            drop(inlet.disconnect());
        }
    }

    fn discard(&mut self, spent: Spent) {
        drop(spent);
    }
}

struct Watched<S: Strategy, W: Watch> {
    stage: StrategyStage<S>,
    watch: W,
}

impl<S: Strategy, W: Watch> EventSink for Watched<S, W> {
    fn push(&mut self, event: &Event) {
        self.watch.on_event(event);
        self.stage.push(event);
    }
}

impl<S: Strategy, W: Watch> Stage for Watched<S, W> {
    fn next_command(&mut self) -> Option<Command> {
        let command = self.stage.next_command();
        if let Some(command) = &command {
            self.watch.on_command(command);
        }
        command
    }

    fn housekeep(&mut self) -> bool {
        self.stage.housekeep()
    }
}

impl<S: Strategy, W: Watch> InlineEngine<S, W> {
    /// An engine without connections, whose conductors ask for them. `conductors` in the order in
    /// which their sessions are polled; `clock` is that of the desk and of the core.
    #[must_use]
    pub fn new(
        desk: Desk<S>,
        core: SessionCore,
        conductors: Vec<(SessionId, Conductor)>,
        clock: Clock,
        watch: W,
    ) -> Self {
        let stage = StrategyStage::new(desk, Layout::Inline, Arc::default(), clock.clone());
        let ports = OwnedPorts::new(conductors.iter().map(|(session, _)| *session));
        Self {
            stage: Watched { stage, watch },
            core,
            links: Links::new(conductors),
            ports,
            clock,
            tick: Every::new(TICK_NS),
        }
    }

    /// A connection that is wanted; [`InlineEngine::dialled`] brings what became of it.
    pub fn next_dial(&mut self) -> Option<Dial> {
        self.ports.dials.pop_front()
    }

    /// What became of a [`Dial`]; the next step uses it.
    pub fn dialled(&mut self, dialled: Dialled) {
        self.ports.dialled.push_back(dialled);
        self.tick.next = 0;
    }

    /// Dials a session that waits now, and one that was given up again.
    pub fn wish_up(&mut self, session: SessionId) {
        self.links.wish_up(session, self.clock.now());
        self.tick.next = 0;
    }

    /// Whether `session` has a connection.
    #[must_use]
    pub fn is_connected(&self, session: SessionId) -> bool {
        self.core.is_connected(session)
    }

    /// One round. Returns whether there was anything to do.
    pub fn step(&mut self) -> bool {
        let Self { stage, core, links, ports, clock, tick } = self;
        let Round { worked, ticked, .. } = round(stage, core, &mut ports.inlets, clock, tick);
        let Some(now) = ticked else { return worked };
        links.step(now, core, ports, stage);
        worked | run_commands(stage, core) | !ports.dials.is_empty()
    }

    /// When [`InlineEngine::step`] has something to do although nothing arrives; the end of time if
    /// never.
    #[must_use]
    pub fn next_deadline(&self) -> UtcTime {
        let links = self.links.next_deadline(self.clock.now(), &self.core);
        let sessions = self.core.next_deadline().min(links).max(UtcTime(self.tick.next));
        sessions.min(self.stage.stage.next_deadline())
    }

    /// Asks the engine to end: the strategy cancels, the sessions log out.
    pub fn stop(&mut self) {
        self.stage.stage.control.stop.store(true, Ordering::Relaxed);
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stage.stage.control.finished.load(Ordering::Relaxed)
    }

    /// The desk.
    #[must_use]
    pub const fn desk(&self) -> &Desk<S> {
        &self.stage.stage.desk
    }

    /// The watcher.
    #[must_use]
    pub const fn watch(&self) -> &W {
        &self.stage.watch
    }

    /// The watcher.
    pub const fn watch_mut(&mut self) -> &mut W {
        &mut self.stage.watch
    }
}
