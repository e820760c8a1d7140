//! Dials off the path: a name look-up, a connect and a TLS handshake may each take seconds. Every dial
//! has a thread of its own, so that one session's dead host does not keep the other waiting; there is
//! one per session at most, because its conductor waits for the outcome.

use std::collections::VecDeque;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver as Outcomes, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer};

use super::Problems;
use super::links::{Dial, Dialled, Ports, Spent};
use crate::command::SessionId;
use crate::conductor::DialProblem;
use crate::limits::{DIAL_RING, SESSIONS_MAX};
use crate::touched;
use crate::wire::channel::ChannelError;
use crate::wire::dial::DialError;
use crate::wire::tls::{ClientTls, HandshakeError};
use crate::wire::{Network, Receiver, Stream, Transmitter, channel};

/// Where a session is dialled.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub name: String,
    pub port: u16,
}

/// What every dial of an engine needs.
#[derive(Clone)]
pub(super) struct Dialling {
    /// By [`SessionId`], in the order of preference.
    pub hosts: Vec<Vec<Host>>,
    pub tls: Option<ClientTls>,
    pub network: Network,
    /// How long one dial may take, TLS included; the resolver's own time is the system's.
    pub timeout: Duration,
    /// Whether the path begins in the kernel: `path.kernel_stamps`.
    pub kernel_stamps: bool,
}

/// What ends a dial early.
#[derive(Debug, Default)]
struct Cancel {
    cancelled: AtomicBool,
    /// The socket that a handshake waits for.
    socket: Mutex<Option<Stream>>,
}

impl Cancel {
    fn hold(&self, socket: Option<Stream>) {
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = socket;
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        if let Some(socket) = &*self.socket.lock().unwrap_or_else(PoisonError::into_inner) {
            // Fails only if it is closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// The path's end: rings to the housekeeping thread.
pub(super) struct DialEnd {
    dials: Producer<Dial>,
    dialled: Consumer<Dialled>,
    spent: Producer<Spent>,
}

impl DialEnd {
    pub fn dial(&mut self, dial: Dial) {
        let pushed = self.dials.push(dial);
        assert!(pushed.is_ok(), "a conductor has one attempt under way");
    }

    pub fn dialled(&mut self) -> Option<Dialled> {
        self.dialled.pop().ok()
    }

    pub fn discard(&mut self, spent: Spent) {
        // With more in the ring than ever happens it is dropped here: late, not lost.
        drop(self.spent.push(spent));
    }
}

/// The housekeeping thread's end.
pub(super) struct Dialler {
    dialling: Dialling,
    dials: Consumer<Dial>,
    dialled: Producer<Dialled>,
    spent: Vec<Consumer<Spent>>,
    sender: Sender<(Dialled, Option<String>)>,
    outcomes: Outcomes<(Dialled, Option<String>)>,
    ready: VecDeque<Dialled>,
    under_way: Vec<(JoinHandle<()>, Arc<Cancel>)>,
    /// Why the last dial of each session failed, in words.
    problems: Problems,
}

impl Dialler {
    pub fn new(dialling: Dialling, problems: Problems) -> (Self, DialEnd, Producer<Spent>) {
        let (dials_in, dials) = touched::ring(DIAL_RING);
        let (dialled, dialled_out) = touched::ring(DIAL_RING);
        let (spent_in, spent) = touched::ring(2 * DIAL_RING);
        let (reader_in, reader) = touched::ring(2 * DIAL_RING);
        let (sender, outcomes) = mpsc::channel();
        let end = DialEnd { dials: dials_in, dialled: dialled_out, spent: spent_in };
        let dialler = Self {
            dialling,
            dials,
            dialled,
            spent: vec![spent, reader],
            sender,
            outcomes,
            ready: VecDeque::new(),
            under_way: Vec::new(),
            problems,
        };
        (dialler, end, reader_in)
    }

    /// Starts what is wanted, passes on what is done, drops what is over.
    pub fn run(&mut self) {
        while let Ok(dial) = self.dials.pop() {
            self.start(dial);
        }
        while let Ok((dialled, problem)) = self.outcomes.try_recv() {
            let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
            problems[usize::from(dialled.session.0)] = problem;
            drop(problems);
            self.ready.push_back(dialled);
        }
        while !self.dialled.is_full()
            && let Some(dialled) = self.ready.pop_front()
        {
            let pushed = self.dialled.push(dialled);
            assert!(pushed.is_ok(), "only this thread fills the ring");
        }
        self.under_way.retain(|(thread, _)| !thread.is_finished());
        for spent in &mut self.spent {
            while spent.pop().is_ok() {}
        }
    }

    fn start(&mut self, dial: Dial) {
        let Dial { session, attempt, host } = dial;
        let hosts = &self.dialling.hosts[usize::from(session.0)];
        let host = hosts[usize::from(host) % hosts.len()].clone();
        let cancel = Arc::new(Cancel::default());
        let (dialling, sender) = (self.dialling.clone(), self.sender.clone());
        let for_thread = Arc::clone(&cancel);
        let thread = std::thread::Builder::new().name("taut-dial".into()).spawn(move || {
            let done = connect(&dialling, &host, &for_thread);
            for_thread.hold(None);
            let (outcome, words) = match done {
                Ok(halves) => (Ok(halves), None),
                Err((problem, words)) => (Err(problem), Some(words)),
            };
            // An engine that has ended closes what it did not wait for.
            let _ = sender.send((Dialled { session, attempt, outcome }, words));
        });
        match thread {
            Ok(thread) => self.under_way.push((thread, cancel)),
            Err(error) => {
                let outcome = Err(DialProblem::System);
                let dialled = Dialled { session, attempt, outcome };
                // The other end is ours.
                let _ = self.sender.send((dialled, Some(error.to_string())));
            }
        }
    }

    /// Why the last dial of each session failed, if it did.
    pub fn problems(&self) -> Vec<Option<String>> {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems[..self.dialling.hosts.len()].to_vec()
    }

    /// Ends every dial and waits for the threads; only the system's resolver cannot be hurried.
    pub fn finish(&mut self) {
        for (_, cancel) in &self.under_way {
            cancel.cancel();
        }
        for (thread, _) in self.under_way.drain(..) {
            // A panic of it has been printed.
            drop(thread.join());
        }
        while self.outcomes.try_recv().is_ok() {}
        for spent in &mut self.spent {
            while spent.pop().is_ok() {}
        }
    }
}

type Failed = (DialProblem, String);

fn connect(
    dialling: &Dialling,
    host: &Host,
    cancel: &Cancel,
) -> Result<(Receiver, Transmitter), Failed> {
    let (mut receiver, transmitter) = channel_to(dialling, host, cancel)?;
    if dialling.kernel_stamps {
        receiver.stamp_arrivals().map_err(system)?;
    }
    Ok((receiver, transmitter))
}

fn system(error: std::io::Error) -> Failed {
    (DialProblem::System, error.to_string())
}

fn channel_to(
    dialling: &Dialling,
    host: &Host,
    cancel: &Cancel,
) -> Result<(Receiver, Transmitter), Failed> {
    let deadline = Instant::now() + dialling.timeout;
    let wire = dialling.network.wire();
    let stream = dialling
        .network
        .dial_until(&host.name, host.port, deadline, &cancel.cancelled)
        .map_err(|error| (dial_problem(&error), error.to_string()))?;
    let Some(tls) = &dialling.tls else {
        return channel::plain(wire, stream).map_err(system);
    };
    cancel.hold(Some(stream.try_clone().map_err(system)?));
    if cancel.cancelled.load(Ordering::SeqCst) {
        return Err((DialProblem::TimedOut, "cancelled".to_owned()));
    }
    channel::connect_tls(wire, stream, tls, &host.name, deadline).map_err(|error| {
        let problem = match &error {
            ChannelError::Open(_) => DialProblem::System,
            ChannelError::Handshake(HandshakeError::Timeout) => DialProblem::TimedOut,
            ChannelError::Handshake(_) => DialProblem::Tls,
        };
        (problem, format!("{}:{}: {error}", host.name, host.port))
    })
}

fn dial_problem(error: &DialError) -> DialProblem {
    match error {
        DialError::Resolve { .. } | DialError::NoAddress { .. } => DialProblem::Resolve,
        DialError::Connect { source, .. } if source.kind() == std::io::ErrorKind::TimedOut => {
            DialProblem::TimedOut
        }
        DialError::Connect { .. } => DialProblem::Connect,
    }
}

/// A session's new connection for the reader's thread (layout `full`), or the end of the old one.
// A few in the life of an engine; a box would be an allocation on the path.
#[allow(clippy::large_enum_variant)]
pub(super) enum Handover {
    Attach { session: SessionId, attempt: u32, receiver: Receiver },
    Detach { session: SessionId },
}

/// The ports of the session core's thread in the layout `full`: the reader has the receivers.
pub(super) struct RemotePorts<'a> {
    pub end: &'a mut DialEnd,
    pub reader: &'a mut Producer<Handover>,
}

impl RemotePorts<'_> {
    /// Whether a step of the conductors finds room: it detaches and attaches each session once.
    pub fn has_room(&self) -> bool {
        self.reader.slots() >= 2 * SESSIONS_MAX
    }

    /// Whether there is something for the reader.
    pub fn has_handed_over(&self) -> bool {
        self.reader.slots() < self.reader.buffer().capacity()
    }

    fn hand_over(&mut self, handover: Handover) {
        let pushed = self.reader.push(handover);
        assert!(pushed.is_ok(), "room was asked for");
    }
}

impl Ports for RemotePorts<'_> {
    fn dial(&mut self, dial: Dial) {
        self.end.dial(dial);
    }

    fn dialled(&mut self) -> Option<Dialled> {
        self.end.dialled()
    }

    fn attach(&mut self, session: SessionId, attempt: u32, receiver: Receiver) {
        self.hand_over(Handover::Attach { session, attempt, receiver });
    }

    fn detach(&mut self, session: SessionId) {
        self.hand_over(Handover::Detach { session });
    }

    fn discard(&mut self, spent: Spent) {
        self.end.discard(spent);
    }
}
