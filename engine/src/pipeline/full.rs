//! The layout `full`: the reader and the session core on threads of their own. A message crosses between
//! them in a slot of the [slab](super::slab), a connection's receiving half in a ring of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtrb::{Consumer, Producer};
use taut_codec::value::UtcTime;

use super::Control;
use super::core::SessionCore;
use super::dialler::{DialEnd, Handover, RemotePorts};
use super::idle::{Bell, Idle};
use super::inlet::{Inlet, Look};
use super::links::{Links, Spent};
use super::slab::{Origin, SlabReceiver, SlabSender};
use super::threads::{Every, Gate, SessionEnd, TICK_NS, attach, detach, rest};
use crate::trace::{Clock, allocation};

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

    /// Passes on one message of each connection and what was received with it, if there is room.
    fn read(&mut self, clock: &Clock, gate: &mut Gate, core: &Bell) -> bool {
        let mut worked = false;
        for (inlet, &attempt) in self.inlets.iter_mut().zip(&self.attempts) {
            let session = inlet.session();
            for look in Look::turn() {
                if !gate.pass(self.slab.has_room()) {
                    return worked;
                }
                let Some((inbound, stamps)) = inlet.look(look, clock) else { break };
                self.slab.send(Origin { session, attempt }, &inbound, stamps);
                core.ring();
                worked = true;
            }
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
    let mut gate = Gate::new(Arc::clone(control));
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
        worked |= end.run_commands(core) > 0;
        let now = clock.now();
        if tick.is_due(now.0) {
            core.tick(&mut end);
            connections.conduct(now, core, &mut end);
        }
        rest(idle, worked, || !connections.slab.is_empty() || end.has_commands());
    }
    core.note_handled(&end);
}
