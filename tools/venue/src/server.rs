//! The venue on sockets: listeners, TLS, and one thread that moves bytes between connections and the
//! [`Venue`]. Everything that decides anything is in the venue itself.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver as Inbox;
use std::time::Duration;

use taut::pipeline::{Idle, IdlePolicy};
use taut::trace::Clock;
use taut::wire::tls::{ServerHandshake, ServerTls};
use taut::wire::{Receiver, Transmitter, WireKind, channel};
use taut_codec::value::UtcTime;

use crate::gateway::Service;
use crate::limits::CONNECTIONS_MAX;
use crate::links::Links;
use crate::rest;
use crate::venue::{Arrival, Step, Venue};

/// A TLS handshake that takes longer is dropped.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long sessions have to answer the Logout of a venue that stops. The session itself waits two
/// seconds, then closes.
const STOP_TIMEOUT_NS: u64 = 3_000_000_000;
/// How often listeners and handshakes are looked at, nanoseconds.
const ACCEPT_PERIOD_NS: u64 = 500_000;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// A port beyond the last one.
    #[error("--base-port {base}: {name} at {port} above it would exceed 65535")]
    Port {
        /// What is added to Kraken's ports.
        base: u16,
        /// The service.
        name: &'static str,
        /// Its port in Kraken's map.
        port: u16,
    },
    /// An address that other machines can reach, without leave.
    #[error("{0} can be reached from other machines: refused without `allow_remote`")]
    Remote(IpAddr),
    /// A wire that does not read the kernel's sockets.
    #[error("the venue listens on the kernel's sockets, which the wire {0} does not read")]
    Wire(WireKind),
    /// The system refused a descriptor or a file.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The address; loopback unless `allow_remote`.
    pub address: IpAddr,
    /// Added to Kraken's ports (venue file 1); `None`: any free ports.
    pub base_port: Option<u16>,
    /// Listen on an address that is not loopback.
    pub allow_remote: bool,
    /// How connections are read.
    pub wire: WireKind,
    /// What the thread does when nothing comes.
    pub idle: IdlePolicy,
}

impl Listen {
    /// Any free ports of this machine, by a thread that sleeps: for tests.
    #[must_use]
    pub const fn loopback() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            base_port: None,
            allow_remote: false,
            wire: WireKind::BusyPoll,
            idle: IdlePolicy::Park,
        }
    }

    /// Where something listens; port 0 for any free one.
    fn port(&self, door: Door) -> Result<u16, ServerError> {
        let Some(base) = self.base_port else { return Ok(0) };
        let (name, port) = match door {
            Door::Fix(service) => (service.name(), service.port()),
            Door::Rest => (rest::NAME, rest::PORT),
        };
        base.checked_add(port).ok_or(ServerError::Port { base, name, port })
    }
}

/// What a connection comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Fix(Service),
    Rest,
}

/// The venue and its sockets.
pub struct Server {
    venue: Venue,
    tls: Option<ServerTls>,
    wire: WireKind,
    listeners: Vec<(Door, TcpListener)>,
    handshakes: Vec<Pending>,
    links: Links,
    arrivals: Option<BufWriter<File>>,
    /// Where refused logons are told.
    refusals: Option<Box<dyn Write + Send>>,
    steps: Option<Inbox<Step>>,
    clock: Clock,
    idle: Idle,
    accept_at: u64,
}

/// A TCP connection whose TLS handshake is under way.
struct Pending {
    door: Door,
    source: IpAddr,
    stream: TcpStream,
    handshake: ServerHandshake,
    since: UtcTime,
}

impl Server {
    /// Listens. Without `tls` the connections are plain TCP, for measurements.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn bind(
        venue: Venue,
        tls: Option<ServerTls>,
        listen: &Listen,
        clock: Clock,
    ) -> Result<Self, ServerError> {
        if !listen.address.is_loopback() && !listen.allow_remote {
            return Err(ServerError::Remote(listen.address));
        }
        if !WireKind::SOCKETS.contains(&listen.wire) {
            return Err(ServerError::Wire(listen.wire));
        }
        let mut listeners = Vec::new();
        for door in Service::ALL.map(Door::Fix).into_iter().chain([Door::Rest]) {
            let address = SocketAddr::new(listen.address, listen.port(door)?);
            let bind = || {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                io::Result::Ok(listener)
            };
            let listener = bind().map_err(|error| ServerError::Bind { address, error })?;
            listeners.push((door, listener));
        }
        Ok(Self {
            venue,
            tls,
            wire: listen.wire,
            listeners,
            handshakes: Vec::new(),
            links: Links::default(),
            arrivals: None,
            refusals: None,
            steps: None,
            clock,
            idle: Idle::new(listen.idle)?,
            accept_at: 0,
        })
    }

    /// Writes the commands that arrive to a file, one line each in the order of arrival:
    /// `SenderCompID MsgSeqNum MsgType ClOrdID arrived|gateway|oes`. The last word says whether it
    /// reached the trading engine, or which stage before that refused it; `-` stands for a ClOrdID that
    /// cannot be read.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn log_arrivals(&mut self, path: &Path) -> io::Result<()> {
        self.arrivals = Some(BufWriter::new(File::create(path)?));
        Ok(())
    }

    /// Tells of logons that are refused, a line each: who, on what, from where, and why. The other side may be
    /// told nothing (venue file 2). See [`Venue::take_refused_logons`].
    pub fn tell_refused_logons(&mut self, to: impl Write + Send + 'static) {
        self.refusals = Some(Box::new(to));
    }

    /// Takes the steps that come, at once. One that is about a session which is not up does nothing.
    pub fn follow(&mut self, steps: Inbox<Step>) {
        self.steps = Some(steps);
    }

    /// Where each FIX service listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn addresses(&self) -> io::Result<Vec<(Service, SocketAddr)>> {
        let mut addresses = Vec::new();
        for (door, listener) in &self.listeners {
            if let Door::Fix(service) = door {
                addresses.push((*service, listener.local_addr()?));
            }
        }
        Ok(addresses)
    }

    /// Where a FIX service listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn address_of(&self, service: Service) -> io::Result<SocketAddr> {
        self.local_address(Door::Fix(service))
    }

    /// Where REST listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn rest_address(&self) -> io::Result<SocketAddr> {
        self.local_address(Door::Rest)
    }

    fn local_address(&self, door: Door) -> io::Result<SocketAddr> {
        let listener = self.listeners.iter().find(|(one, _)| *one == door);
        listener.ok_or(io::ErrorKind::NotConnected)?.1.local_addr()
    }

    /// The venue, to look at it or to steer it between calls of [`Server::step`].
    pub const fn venue(&mut self) -> &mut Venue {
        &mut self.venue
    }

    /// Runs until `stop` is set; then logs every session out, waits a few seconds at most for the
    /// answers, and closes every connection.
    ///
    /// # Errors
    /// If the arrival log or the state cannot be written.
    pub fn run(&mut self, stop: &AtomicBool) -> io::Result<()> {
        while !stop.load(Ordering::Relaxed) {
            if self.step()? {
                self.idle.worked();
            } else {
                self.idle.rest(|| false);
            }
        }
        self.log_out()?;
        self.links.close_all();
        self.venue.save_state(self.clock.now()).map_err(io::Error::other)?;
        match &mut self.arrivals {
            Some(file) => file.flush(),
            None => Ok(()),
        }
    }

    /// Ends every session in good order, as far as the peers take part in it.
    fn log_out(&mut self) -> io::Result<()> {
        self.listeners.clear();
        self.handshakes.clear();
        let now = self.clock.now();
        let deadline = now.plus_nanos(STOP_TIMEOUT_NS);
        self.venue.stop(now);
        self.links.send(&mut self.venue, now, |_, _| ());
        while self.links.len() > 0 && self.clock.now() < deadline {
            if self.step()? {
                self.idle.worked();
            } else {
                self.idle.rest(|| false);
            }
        }
        Ok(())
    }

    /// One round over everything. Returns whether there was anything to do.
    ///
    /// # Errors
    /// If the arrival log or the state cannot be written.
    pub fn step(&mut self) -> io::Result<bool> {
        let now = self.clock.now();
        let mut worked = false;
        if now.0 >= self.accept_at {
            self.accept_at = now.0 + ACCEPT_PERIOD_NS;
            self.clock.discipline();
            for step in self.steps.iter().flat_map(Inbox::try_iter) {
                worked |= self.venue.control(&step, now);
            }
            self.accept(now);
            self.shake_hands(now);
            if let Some(to) = &mut self.refusals {
                for line in self.venue.take_refused_logons(now) {
                    // Nobody may be reading.
                    let _ = writeln!(to, "{line}");
                }
            }
        }
        worked |= self.links.receive(&mut self.venue, &self.clock, |_, _| ());
        let now = self.clock.now();
        if now >= self.venue.next_deadline() {
            self.venue.tick(now);
            worked = true;
        }
        self.links.send(&mut self.venue, now, |_, _| ());
        self.write_arrivals()?;
        // Without its state the venue could only forget what it says from here on.
        self.venue.check_state().map_err(io::Error::other)?;
        Ok(worked)
    }

    fn accept(&mut self, now: UtcTime) {
        for at in 0..self.listeners.len() {
            // An error is one connection's (it was reset before we took it), or nothing is waiting.
            while let Ok((stream, from)) = self.listeners[at].1.accept() {
                let door = self.listeners[at].0;
                let full = self.links.len() + self.handshakes.len() >= CONNECTIONS_MAX;
                if full
                    || stream.set_nonblocking(true).is_err()
                    || stream.set_nodelay(true).is_err()
                {
                    continue;
                }
                match &self.tls {
                    None => {
                        if let Ok(halves) = channel::plain(self.wire, stream) {
                            self.open(door, from.ip(), halves, now);
                        }
                    }
                    Some(tls) => {
                        if let Ok(handshake) = ServerHandshake::new(tls) {
                            self.handshakes.push(Pending {
                                door,
                                source: from.ip(),
                                stream,
                                handshake,
                                since: now,
                            });
                        }
                    }
                }
            }
        }
    }

    fn shake_hands(&mut self, now: UtcTime) {
        let mut at = 0;
        while at < self.handshakes.len() {
            let pending = &mut self.handshakes[at];
            let too_late = now.nanos_since(pending.since) > HANDSHAKE_TIMEOUT.as_nanos() as u64;
            match pending.handshake.advance(&mut pending.stream) {
                Ok(None) if !too_late => at += 1,
                Ok(Some(established)) => {
                    let Pending { door, source, stream, .. } = self.handshakes.swap_remove(at);
                    if let Ok(halves) = channel::accept_tls(self.wire, stream, established) {
                        self.open(door, source, halves, now);
                    }
                }
                // The alert has been sent; dropping the stream closes it.
                Ok(None) | Err(_) => drop(self.handshakes.swap_remove(at)),
            }
        }
    }

    fn open(&mut self, door: Door, source: IpAddr, halves: (Receiver, Transmitter), now: UtcTime) {
        if let Some(fd) = halves.0.readiness_fd() {
            // A descriptor that cannot be watched leaves the sleeper to its time-out.
            let _ = self.idle.watch(fd);
        }
        let Self { links, venue, .. } = self;
        match door {
            Door::Fix(service) => links.open(venue, service, Some(source), halves, now),
            Door::Rest => links.open_rest(venue, source, halves, now),
        }
    }

    fn write_arrivals(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.arrivals else {
            self.venue.take_arrivals().for_each(drop);
            return Ok(());
        };
        for arrival in self.venue.take_arrivals() {
            write_arrival(file, &arrival)?;
        }
        Ok(())
    }
}

/// One line of the arrival log.
fn write_arrival(file: &mut impl Write, arrival: &Arrival) -> io::Result<()> {
    let Arrival { sender, msg_seq_num, outcome, .. } = arrival;
    let msg_type = char::from(arrival.msg_type);
    write!(file, "{sender} {msg_seq_num} {msg_type} ")?;
    match arrival.cl_ord_id {
        Some(id) => write!(file, "{id}")?,
        None => file.write_all(b"-")?,
    }
    writeln!(file, " {}", outcome.word())
}

#[cfg(test)]
mod tests;
