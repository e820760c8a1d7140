//! The layout `inline`: every stage on one thread, round by round. The thread that runs it and
//! [`InlineEngine`], which a simulation steps by hand, share the round.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use taut_codec::value::UtcTime;

use super::Control;
use super::core::{EventSink, SessionCore};
use super::idle::Idle;
use super::inlet::Inlet;
use super::threads::{Connections, Every, StrategyStage, TICK_NS, first_use, poll, rest};
use crate::command::{Command, SessionId};
use crate::desk::Desk;
use crate::event::Event;
use crate::strategy::Strategy;
use crate::trace::{Clock, allocation};
use crate::wire::{Receiver, Transmitter};

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
    for inlet in inlets {
        worked |= poll(inlet, clock, core, stage);
        worked |= run_commands(stage, core);
    }
    if tick.is_due(clock.now().0) {
        core.tick(stage);
    }
    let done = stage.housekeep();
    worked |= run_commands(stage, core);
    core.flush(stage);
    Round { worked, done }
}

/// Encodes and sends what the desk has issued; what that reports may make it issue more.
fn run_commands(stage: &mut impl Stage, core: &mut SessionCore) -> bool {
    let mut worked = false;
    while let Some(command) = stage.next_command() {
        core.on_command(&command, stage);
        while let Some(command) = stage.next_command() {
            core.on_command(&command, stage);
        }
        core.flush(stage);
        worked = true;
    }
    worked
}

/// Everything on the calling thread.
pub(super) fn run_inline<S: Strategy>(
    stage: &mut StrategyStage<S>,
    core: &mut SessionCore,
    connections: Connections,
    idle: &mut Idle,
) {
    let Connections { mut inlets, transmitters } = connections;
    for (session, transmitter) in transmitters {
        core.connect(session, transmitter, stage);
    }
    let clock = stage.clock.clone();
    let mut tick = Every::new(TICK_NS);
    first_use(&mut inlets, idle, |inlet| poll(inlet, &clock, core, stage));
    let _armed = allocation::arm();
    loop {
        let Round { worked, done } = round(stage, core, &mut inlets, &clock, &mut tick);
        if done {
            return;
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
    inlets: Vec<Inlet>,
    clock: Clock,
    tick: Every,
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
    /// An engine without connections. Until it is asked to stop it outlives those that it is given.
    /// `sessions` in the order in which they are polled; `clock` is
    /// that of the desk and of the core.
    #[must_use]
    pub fn new(
        desk: Desk<S>,
        core: SessionCore,
        sessions: &[SessionId],
        clock: Clock,
        watch: W,
    ) -> Self {
        let mut stage = StrategyStage::new(desk, Arc::new(Control::default()), clock.clone());
        stage.sessions.reconnects = true;
        Self {
            stage: Watched { stage, watch },
            core,
            inlets: sessions.iter().map(|&session| Inlet::new(session)).collect(),
            clock,
            tick: Every::new(TICK_NS),
        }
    }

    /// A connection of `session` stands: nothing of the old one is left, and the Logon is sent.
    pub fn connect(
        &mut self,
        session: SessionId,
        (receiver, transmitter): (Receiver, Transmitter),
    ) {
        if let Some(inlet) = self.inlets.iter_mut().find(|inlet| inlet.session() == session) {
            inlet.connect(receiver);
            self.core.connect(session, transmitter, &mut self.stage);
        }
    }

    /// Whether `session` has a connection.
    #[must_use]
    pub fn is_connected(&self, session: SessionId) -> bool {
        self.core.is_connected(session)
    }

    /// One round. Returns whether there was anything to do.
    pub fn step(&mut self) -> bool {
        let Self { stage, core, inlets, clock, tick } = self;
        round(stage, core, inlets, clock, tick).worked
    }

    /// When [`InlineEngine::step`] has something to do although nothing arrives; the end of time if
    /// never.
    #[must_use]
    pub fn next_deadline(&self) -> UtcTime {
        let sessions = self.core.next_deadline().max(UtcTime(self.tick.next));
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
