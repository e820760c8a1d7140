//! The threads of a layout, from their start to the engine's end, and beside them the housekeeping: one thread
//! that dials and gathers traces, one that waits for the disk, if there is a journal, and one that makes calls
//! by REST, if there is such a host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rtrb::RingBuffer;
use taut_codec::value::UtcTime;

use super::core::SessionCore;
use super::dialler::Dialler;
use super::disk::Housekeeping;
use super::full::{self, CoreEnd, Reader};
use super::gatherer::Gatherer;
use super::idle::{Bell, Idle};
use super::links::Spent;
use super::pin::{Pinning, pin_current};
use super::rest::Caller;
use super::running::Outcome;
use super::slab::slab;
use super::threads::{self, Connections, StrategyStage};
use super::watchdog::Watchdog;
use super::{Control, Faults, Layout, Memory, inline, memory};
use crate::config::EngineConfig;
use crate::limits::DIAL_RING;
use crate::strategy::Strategy;
use crate::touched;
use crate::trace::Clock;

/// How often the housekeeping thread empties the trace ring, and that of the journals looks at them.
const HOUSEKEEPING_PERIOD: Duration = Duration::from_millis(5);

/// Everything that the threads of the path own.
pub(super) struct Path<S: Strategy> {
    pub(super) config: EngineConfig,
    pub(super) core: SessionCore,
    pub(super) stage: StrategyStage<S>,
    pub(super) connections: Connections,
    pub(super) spent: rtrb::Producer<Spent>,
    pub(super) dialler: Dialler,
    pub(super) clock: Clock,
    /// When the engine was asked to start.
    pub(super) started: UtcTime,
    pub(super) gatherer: Gatherer,
    /// Make calls by REST, one for each market.
    pub(super) callers: Vec<Caller>,
}

impl<S: Strategy + Send> Path<S> {
    /// Runs the layout on scoped threads until the engine is over. This thread does the housekeeping but for
    /// the journals.
    pub(super) fn run(self, control: &Arc<Control>) -> std::io::Result<Outcome<S>> {
        let Self {
            config,
            mut core,
            mut stage,
            connections,
            spent,
            mut dialler,
            clock,
            started,
            mut gatherer,
            mut callers,
        } = self;
        let layout = config.path.layout;
        let idle = config.path.idle();
        let core_of = |thread: usize| {
            let cores = &config.path.cores;
            (!cores.is_empty()).then(|| cores[thread % cores.len()])
        };
        let mut idles = Vec::new();
        for _ in layout.threads() {
            idles.push(Idle::new(idle)?);
        }
        let mut journals = Housekeeping::new(core.housekeepers());
        journals.run(control);
        let limit = Duration::from_millis(config.path.stall_ms.into());
        let pulses = idles.iter().map(Idle::pulse).collect();
        let mut watchdog = (!limit.is_zero()).then(|| Watchdog::new(limit, pulses, Instant::now()));
        let parts = Parts { core: &mut core, stage: &mut stage, connections, spent };
        let over = AtomicBool::new(false);
        let mut problems = Vec::new();
        let mut memory = None;
        let bodies = bodies(layout, idles, control, &clock, parts);
        if config.path.huge_pages {
            memory::use_huge_pages()?;
        }
        let (pinning, faults) = std::thread::scope(|scope| -> std::io::Result<Ran> {
            // A thread that cannot be started must not leave the others waiting for it.
            let _finish = FinishOnDrop(control);
            // Its own thread: a disk that hangs must not keep a lost session from being dialled.
            let _over = SetOnDrop(&over);
            if !journals.is_empty() {
                let (journals, over) = (&mut journals, &over);
                let builder = std::thread::Builder::new().name("taut-journal".into());
                builder.spawn_scoped(scope, move || {
                    // Where it runs matters to nobody but the path, which is pinned elsewhere.
                    let _pinned = pin_current("taut-journal", config.path.housekeeping_core);
                    while !over.load(Ordering::Acquire) {
                        journals.run(control);
                        std::thread::sleep(HOUSEKEEPING_PERIOD);
                    }
                })?;
            }
            for caller in &mut callers {
                let over = &over;
                let builder = std::thread::Builder::new().name("taut-rest".into());
                builder.spawn_scoped(scope, move || {
                    let _pinned = pin_current("taut-rest", config.path.housekeeping_core);
                    caller.run(over);
                })?;
            }
            let mut threads = Vec::new();
            for (&name, body) in layout.threads().iter().zip(bodies) {
                let pin = core_of(threads.len());
                let builder = std::thread::Builder::new().name(name.into());
                threads.push(builder.spawn_scoped(scope, move || {
                    // Whatever ends this thread ends the engine: the others must not wait for ever.
                    let _finish = FinishOnDrop(control);
                    let pinning = pin_current(name, pin).with_nice(config.path.nice);
                    touched::stack();
                    let before = Faults::of_this_thread(name);
                    body();
                    (pinning, Faults::since(before))
                })?);
            }
            let own = pin_current("taut-housekeeping", config.path.housekeeping_core);
            while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                let now = Instant::now();
                gatherer.run(now, control);
                if let Some(watchdog) = &mut watchdog {
                    watchdog.look(now, control);
                }
                clock.discipline();
                dialler.run();
                std::thread::sleep(HOUSEKEEPING_PERIOD);
            }
            memory = Memory::now().ok();
            problems = dialler.problems();
            dialler.finish();
            let (mut pinning, mut faults) = (vec![own], Vec::new());
            for thread in threads {
                match thread.join() {
                    Ok((pinned, faulted)) => {
                        pinning.push(pinned);
                        faults.extend(faulted);
                    }
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok((pinning, faults))
        })?;
        gatherer.gather();
        journals.finish(control);
        let (sent, sent_lost) = gatherer.collector().take_sent();
        let latency = gatherer.collector().latency();
        Ok(Outcome {
            journal_trouble: journals.trouble,
            ended: stage.sessions.ended().to_vec(),
            logged_on_after: stage
                .sessions
                .first_up()
                .iter()
                .map(|up| up.map(|at| Duration::from_nanos(at.nanos_since(started))))
                .collect(),
            memory,
            dial_problems: problems,
            desk: stage.desk,
            latency,
            sent,
            sent_lost,
            traces_lost: gatherer.lost(),
            pinning,
            faults,
            idle,
        })
    }
}

/// What becomes of the threads: where each ran, and the page faults of those of the path.
type Ran = (Vec<Pinning>, Vec<Faults>);

/// Tells the journals' thread that the engine is over, however it ends.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// What a thread of the path runs.
type Body<'a> = Box<dyn FnOnce() + Send + 'a>;

/// What the threads of the path share out among them.
struct Parts<'a, S: Strategy> {
    core: &'a mut SessionCore,
    stage: &'a mut StrategyStage<S>,
    connections: Connections,
    /// For the reader of the layout `full`.
    spent: rtrb::Producer<Spent>,
}

/// What the threads of a layout run, in the order of [`Layout::threads`]. `idles` has one entry for each.
fn bodies<'a, S: Strategy + Send>(
    layout: Layout,
    idles: Vec<Idle>,
    control: &'a Arc<Control>,
    clock: &'a Clock,
    parts: Parts<'a, S>,
) -> Vec<Body<'a>> {
    let Parts { core, stage, connections, spent } = parts;
    let mut idles = idles.into_iter();
    let mut next_idle = || idles.next().expect("one for each thread");
    match layout {
        Layout::Inline => {
            let mut idle = next_idle();
            let all = move || inline::run_inline(stage, core, connections, &mut idle);
            vec![Box::new(all)]
        }
        Layout::Split => {
            let (mut io, mut strategy) = (next_idle(), next_idle());
            let (session_end, strategy_end) = threads::link(&io, &strategy, control);
            let run_io =
                move || threads::run_io(control, clock, core, connections, session_end, &mut io);
            let run_strategy = move || threads::run_strategy(stage, strategy_end, &mut strategy);
            vec![Box::new(run_io), Box::new(run_strategy)]
        }
        Layout::Full => {
            let (mut reader, mut middle, mut strategy) = (next_idle(), next_idle(), next_idle());
            let (session_end, strategy_end) = threads::link(&middle, &strategy, control);
            let (core_bell, reader_bell) = (middle.bell(), reader.bell());
            let (for_reader, core_end) = apart(connections, spent, reader_bell);
            let run_reader = move || {
                full::run_reader(control, clock, for_reader, &core_bell, &mut reader);
            };
            let run_core = move || {
                full::run_core(control, clock, core, core_end, session_end, &mut middle);
            };
            let run_strategy = move || threads::run_strategy(stage, strategy_end, &mut strategy);
            vec![Box::new(run_reader), Box::new(run_core), Box::new(run_strategy)]
        }
    }
}

/// The connections, half on the reader's thread and half on the session core's.
fn apart(
    connections: Connections,
    spent: rtrb::Producer<Spent>,
    bell: Arc<Bell>,
) -> (Reader, CoreEnd) {
    let Connections { inlets, links, end } = connections;
    let (slab_in, slab_out) = slab();
    let (handover_in, handovers) = RingBuffer::new(DIAL_RING);
    let attempts = vec![0; inlets.len()];
    (
        Reader { inlets, attempts, slab: slab_in, handovers, spent },
        CoreEnd { links, end, reader: handover_in, bell, slab: slab_out },
    )
}

/// Ends the engine when a thread of the path ends, by a panic too.
struct FinishOnDrop<'a>(&'a Control);

impl Drop for FinishOnDrop<'_> {
    fn drop(&mut self) {
        self.0.finished.store(true, Ordering::Release);
    }
}
