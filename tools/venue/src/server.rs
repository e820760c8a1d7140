//! The venue on sockets: listeners, TLS, and one thread that moves bytes between connections and the
//! [`Venue`]. Everything that decides anything is in the venue itself.

mod listen;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver as Inbox;
use std::time::Duration;

use taut::pipeline::Idle;
use taut::trace::Clock;
use taut::wire::tls::{ServerHandshake, ServerTls};
use taut::wire::{Receiver, Transmitter, WireKind, channel};
use taut_codec::value::UtcTime;

use crate::gateway::Service;
use crate::limits::CONNECTIONS_MAX;
use crate::links::Links;
use crate::venue::{Arrival, Venue};
use listen::Door;
pub use listen::{Listen, ServerError};

/// A TLS handshake that takes longer is dropped.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long sessions have to answer the Logout of a venue that stops. The session itself waits two
/// seconds, then closes.
const STOP_TIMEOUT_NS: u64 = 3_000_000_000;
/// How often listeners and handshakes are looked at, nanoseconds.
const ACCEPT_PERIOD_NS: u64 = 500_000;

/// The venue and its sockets.
pub struct Server {
    venue: Venue,
    tls: Option<ServerTls>,
    wire: WireKind,
    listeners: Vec<(Door, TcpListener)>,
    handshakes: Vec<Pending>,
    links: Links,
    arrivals: Option<BufWriter<File>>,
    /// Where whoever runs the venue reads.
    told: Option<Box<dyn Write + Send>>,
    steps: Option<Inbox<String>>,
    /// How many of the missed steps of the script were told.
    missed_told: usize,
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
            told: None,
            steps: None,
            missed_told: 0,
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

    /// Tells whoever runs the venue, a line each, of logons that are refused: who, on what, from where, and why
    /// (the other side may be told nothing, venue file 2; see [`Venue::take_refused_logons`]); of sessions that are
    /// dropped, and why; and of control steps that could not be done.
    pub fn tell(&mut self, to: impl Write + Send + 'static) {
        self.told = Some(Box::new(to));
    }

    /// Takes the steps that come, each a line such as `roll-over`, at once.
    pub fn follow(&mut self, steps: Inbox<String>) {
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
            worked |= self.control(now);
            self.accept(now);
            self.shake_hands(now);
            self.tell_what_is_new(now);
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

    /// The steps that came. Returns whether there were any.
    fn control(&mut self, now: UtcTime) -> bool {
        let Self { steps, venue, told, .. } = self;
        let mut came = false;
        for line in steps.iter().flat_map(Inbox::try_iter) {
            came = true;
            if let (Err(error), Some(to)) = (venue.command(&line, now), told.as_mut()) {
                let _ = writeln!(to, "control: {error}");
            }
        }
        came
    }

    fn tell_what_is_new(&mut self, now: UtcTime) {
        let Self { venue, told: Some(to), missed_told, .. } = self else { return };
        // Nobody may be reading.
        for line in venue.take_refused_logons(now) {
            let _ = writeln!(to, "{line}");
        }
        for line in venue.take_dropped_sessions() {
            let _ = writeln!(to, "{line}");
        }
        for missed in &venue.steps_missed()[*missed_told..] {
            let _ = writeln!(to, "control: {missed}");
        }
        *missed_told = venue.steps_missed().len();
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
                failed => {
                    let Pending { door, source, .. } = self.handshakes.swap_remove(at);
                    if let Door::Fix(service) = door {
                        let why = match failed {
                            Err(error) => error.to_string(),
                            Ok(_) => "TLS handshake: it took too long".to_owned(),
                        };
                        self.venue.handshake_failed(service, source, &why);
                    }
                }
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
