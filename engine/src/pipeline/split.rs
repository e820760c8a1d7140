//! The layout `split` whose owner has the session's side in hand: connects it and steps it, beside the thread of
//! the strategy. The rounds and the rings between are those of an engine's threads. So a benchmark can bring bytes
//! to it, and see when the answer leaves, without a socket between.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::core::SessionCore;
use super::idle::{Idle, IdlePolicy};
use super::inline::OwnedPorts;
use super::links::{Dial, Dialled, Links};
use super::threads::{
    Every, IoRound, SessionEnd, StrategyEnd, StrategyStage, TICK_NS, io_round, link, run_strategy,
};
use super::{Control, EventSink, Layout};
use crate::command::SessionId;
use crate::conductor::Conductor;
use crate::desk::Desk;
use crate::strategy::Strategy;
use crate::trace::Clock;

/// What one [`SplitIo::step`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stepped {
    /// Whether there was anything to do.
    pub worked: bool,
    /// Commands of the strategy that were encoded and given to the wire.
    pub commands: usize,
}

/// The reader and the session core.
pub struct SplitIo {
    core: SessionCore,
    links: Links,
    ports: OwnedPorts,
    clock: Clock,
    tick: Every,
    end: SessionEnd,
    control: Arc<Control>,
    /// Nobody sleeps by it: its bell is what the strategy rings.
    _idle: Idle,
}

/// The strategy and its desk, for a thread of their own.
pub struct SplitStrategy<S: Strategy> {
    stage: StrategyStage<S>,
    /// Until it has run.
    end: Option<StrategyEnd>,
    idle: Idle,
}

/// An engine of the layout `split` without connections, whose conductors ask for them. `conductors` in the
/// order in which their sessions are polled; `clock` is that of the desk and of the core; `idle` is how the
/// strategy's thread waits.
///
/// # Errors
/// If the system refuses an epoll or event descriptor.
pub fn split<S: Strategy>(
    desk: Desk<S>,
    core: SessionCore,
    conductors: Vec<(SessionId, Conductor)>,
    clock: Clock,
    idle: IdlePolicy,
) -> io::Result<(SplitIo, SplitStrategy<S>)> {
    let control = Arc::new(Control::default());
    let stage = StrategyStage::new(desk, Layout::Split, Arc::clone(&control), clock.clone());
    let (own, theirs) = (Idle::new(IdlePolicy::Spin)?, Idle::new(idle)?);
    let (session_end, strategy_end) = link(&own, &theirs, &control);
    let ports = OwnedPorts::new(conductors.iter().map(|(session, _)| *session));
    let io = SplitIo {
        core,
        links: Links::new(conductors),
        ports,
        clock,
        tick: Every::new(TICK_NS),
        end: session_end,
        control,
        _idle: own,
    };
    Ok((io, SplitStrategy { stage, end: Some(strategy_end), idle: theirs }))
}

impl SplitIo {
    /// A connection that is wanted; [`SplitIo::dialled`] brings what became of it.
    pub fn next_dial(&mut self) -> Option<Dial> {
        self.ports.dials.pop_front()
    }

    /// What became of a [`Dial`]; the next step uses it.
    pub fn dialled(&mut self, dialled: Dialled) {
        self.ports.dialled.push_back(dialled);
        self.tick.next = 0;
    }

    /// One round.
    pub fn step(&mut self) -> Stepped {
        let Self { core, links, ports, clock, tick, end, .. } = self;
        let IoRound { worked, commands, ticked } =
            io_round(&mut ports.inlets, clock, core, end, tick);
        if let Some(now) = ticked
            && end.has_room_for_links()
        {
            links.step(now, core, ports, end);
        }
        Stepped { worked: worked || !self.ports.dials.is_empty(), commands }
    }

    /// Whether the strategy has handled every event so far. What it issued by the last of them may still be on
    /// its way into the ring.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.end.handled() == self.end.pushed()
    }

    /// Ends the strategy's thread as soon as it looks, orders or not.
    pub fn finish(&self) {
        self.control.finished.store(true, Ordering::Release);
    }
}

impl Drop for SplitIo {
    fn drop(&mut self) {
        self.finish();
    }
}

impl<S: Strategy> SplitStrategy<S> {
    /// Runs on the calling thread until [`SplitIo::finish`]; a second time it returns at once.
    pub fn run(&mut self) {
        if let Some(end) = self.end.take() {
            run_strategy(&mut self.stage, end, &mut self.idle);
        }
    }

    /// The desk.
    #[must_use]
    pub const fn desk(&self) -> &Desk<S> {
        &self.stage.desk
    }
}
