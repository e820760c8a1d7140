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
    /// If the arrival log cannot be written.
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
    /// If the arrival log cannot be written.
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
        }
        worked |= self.links.receive(&mut self.venue, &self.clock, |_, _| ());
        let now = self.clock.now();
        if now >= self.venue.next_deadline() {
            self.venue.tick(now);
            worked = true;
        }
        self.links.send(&mut self.venue, now, |_, _| ());
        self.write_arrivals()?;
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
mod tests {
    use super::*;
    use crate::venue::Outcome;

    #[test]
    fn a_line_of_the_arrival_log_ends_with_how_far_the_command_came() {
        let arrival = |cl_ord_id, outcome| Arrival {
            sender: "TAUT".parse().unwrap(),
            msg_seq_num: 7,
            msg_type: b'D',
            cl_ord_id,
            poss_dup: false,
            at: UtcTime(1),
            outcome,
        };
        let id = taut::types::ClOrdId::numeric(42);
        let mut log = Vec::new();
        for (id, outcome) in
            [(id, Outcome::Arrived), (id, Outcome::RefusedByOes), (None, Outcome::RefusedByGateway)]
        {
            write_arrival(&mut log, &arrival(id, outcome)).unwrap();
        }
        let text = String::from_utf8(log).unwrap();
        assert_eq!(text, "TAUT 7 D 42 arrived\nTAUT 7 D 42 oes\nTAUT 7 D - gateway\n");
    }

    #[test]
    fn a_base_port_that_leads_beyond_the_last_port_is_out_of_range() {
        let listen = |base| Listen { base_port: Some(base), ..Listen::loopback() };
        let error = listen(61_535).port(Door::Fix(Service::SpotTrading)).unwrap_err().to_string();
        assert_eq!(error, "--base-port 61535: spot-trading at 4001 above it would exceed 65535");
        assert_eq!(listen(61_534).port(Door::Fix(Service::SpotTrading)).unwrap(), 65_535);
    }

    #[test]
    fn a_plain_client_of_a_tls_port_gets_an_alert_and_the_end() {
        use std::io::Read;

        let mut config = crate::VenueConfig::default();
        config.liquidity.mode = crate::config::LiquidityMode::None;
        let clock = Clock::system();
        let venue = Venue::with_secrets(&config, None, clock.now(), |_| None).unwrap();
        let certificate = crate::certificate::Certificate::generate(&["localhost"]).unwrap();
        let tls = certificate.server_tls(taut::wire::tls::TlsMode::RecordLayer).unwrap();
        let mut server = Server::bind(venue, Some(tls), &Listen::loopback(), clock).unwrap();
        let addresses = server.addresses().unwrap();
        assert_eq!(addresses.len(), Service::ALL.len(), "every port is served");
        for (service, address) in addresses {
            let mut client = TcpStream::connect(address).unwrap();
            client.set_nonblocking(true).unwrap();
            client.write_all(b"8=FIX.4.4\x019=76\x0135=A\x01").unwrap();
            let (mut answer, mut buffer) = (Vec::new(), [0; 64]);
            // As long as it takes: the end of the stream is the condition.
            loop {
                server.step().unwrap();
                match client.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => answer.extend_from_slice(&buffer[..count]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    // What it had sent beyond what was read makes the end a reset.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                    Err(error) => panic!("{service:?}: {error}"),
                }
            }
            // A record of type 21, two bytes long: fatal.
            assert_eq!((answer[0], answer[5]), (21, 2), "{service:?}: {answer:?}");
        }
    }

    #[test]
    fn a_client_that_is_sent_away_while_it_sends_reads_why_and_then_the_end() {
        use std::io::Read;

        let mut config = crate::VenueConfig::default();
        config.liquidity.mode = crate::config::LiquidityMode::None;
        config.switches.session.errors_per_second_max = 1;
        let clock = Clock::system();
        let venue = Venue::with_secrets(&config, None, clock.now(), |_| None).unwrap();
        let time = String::from_utf8(clock.now().to_fix_millis().to_vec()).unwrap();
        let mut server = Server::bind(venue, None, &Listen::loopback(), clock).unwrap();
        let address = server.address_of(Service::SpotMarketData).unwrap();
        let message = |msg_type: &str, number: u32, body: &str| {
            let target = Service::SpotMarketData.comp_id();
            let body = format!("35={msg_type}|34={number}|49=TAUT|52={time}|56={target}|{body}");
            let text = format!("8=FIX.4.4|9={}|{body}", body.len()).replace('|', "\x01");
            let sum = text.bytes().fold(0u8, u8::wrapping_add);
            format!("{text}10={sum:03}\x01")
        };
        // More than the server reads at once, so that something is left unread when it has had enough.
        let mut all = message("A", 1, "98=0|108=30|141=Y|");
        let mut number = 1;
        while all.len() < 100_000 {
            number += 1;
            all += &message("V", number, "262=1|");
        }
        let mut client = TcpStream::connect(address).unwrap();
        client.set_nonblocking(true).unwrap();
        let (mut sent, mut answer, mut buffer) = (0, Vec::new(), [0; 4096]);
        loop {
            server.step().unwrap();
            match client.write(&all.as_bytes()[sent..]) {
                Ok(count) => sent += count,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            match client.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => answer.extend_from_slice(&buffer[..count]),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("\x0158=Too many errors\x01"), "{answer}");
    }

    #[test]
    fn an_address_beyond_this_machine_is_not_bound_without_leave() {
        let mut config = crate::VenueConfig::default();
        config.liquidity.mode = crate::config::LiquidityMode::None;
        let clock = Clock::system();
        let venue = Venue::with_secrets(&config, None, clock.now(), |_| None).unwrap();
        let listen = Listen { address: [0, 0, 0, 0].into(), ..Listen::loopback() };
        let error = Server::bind(venue, None, &listen, clock).err().unwrap();
        assert!(matches!(error, ServerError::Remote(_)), "{error}");
    }
}
