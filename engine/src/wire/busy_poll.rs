//! Plain non-blocking `recv`, called in a spin: the lowest latency that kernel TCP gives
//! (loopback), and the calls that Onload and VMA take over by `LD_PRELOAD`. Neither could be tried here, for want of such
//! a card; by their manuals, with `wire = "busy-poll"` and `idle = "spin"`, an engine runs over them so:
//!
//! ```sh
//! onload --profile=latency ./strategy engine.toml      # AMD Solarflare; the command preloads libonload.so
//! LD_PRELOAD=libvma.so VMA_SPEC=latency VMA_THREAD_MODE=1 ./strategy engine.toml      # NVIDIA ConnectX
//! ```
//! - VMA's profile takes the process for one with a single thread that knows of sockets. Here the housekeeping thread
//!   dials and hands the connection to the path: hence the thread mode 1, locks that spin.
//! - Only connections over their own cards are taken over. Loopback, and so the demo, goes through the kernel as ever.
//! - Stamps (`path.kernel_stamps`): those that are asked for are software's. Onload stamps TCP by the card, under
//!   `EF_RX_TIMESTAMPING=1`, and VMA only UDP; a message without a software stamp begins its path at the poll.
//! - What is not taken over: the wires `uring` and `xdp`, which make other system calls; a thread that parks (`epoll`
//!   is, the bell beside it, an `eventfd`, costs a call); files, and so the journal.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

use super::arrivals::Arrivals;
use super::{Receive, WireError};

/// `SO_BUSY_POLL`, microseconds: how long the driver's queue is polled inside `recv`.
const BUSY_POLL_MICROS: u32 = 50;

/// The receiving half.
#[derive(Debug)]
pub struct BusyPollRx(SocketRx);

impl BusyPollRx {
    /// Takes a non-blocking socket. `SO_BUSY_POLL` (see [`refusal`]) and `TCP_QUICKACK` are asked for and may be
    /// refused without harm.
    ///
    /// `TCP_QUICKACK` is not sticky on Linux: it has the first segments acknowledged at once, the handshake of TLS and
    /// the Logon among them, and ends when we answer what came. From then on our orders carry the acknowledgements;
    /// what we do not answer is acknowledged up to 40 ms later, which only a peer with Nagle's algorithm on would
    /// wait for. To set it anew after each receive is a system call there, as dear as the receive: it is not done.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        let socket = socket2::SockRef::from(&stream);
        let _ = socket.set_busy_poll(BUSY_POLL_MICROS);
        let _ = socket.set_tcp_quickack(true);
        Self(SocketRx::new(stream))
    }

    pub(super) const fn socket(&mut self) -> &mut SocketRx {
        &mut self.0
    }
}

/// Why this process may not have the driver polled inside `recv` (`SO_BUSY_POLL`), if so. More than
/// `net.core.busy_read` allows needs `CAP_NET_ADMIN`.
#[must_use]
pub fn refusal() -> Option<io::Error> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None);
    socket.and_then(|socket| socket.set_busy_poll(BUSY_POLL_MICROS)).err()
}

impl AsRawFd for BusyPollRx {
    fn as_raw_fd(&self) -> RawFd {
        self.0.stream.as_raw_fd()
    }
}

impl Receive for BusyPollRx {
    #[inline]
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError> {
        self.0.receive(into)
    }

    #[inline]
    fn arrived(&self) -> Option<u64> {
        self.0.arrived()
    }
}

/// Non-blocking reads of a socket, with the end of the stream remembered.
#[derive(Debug)]
pub(super) struct SocketRx {
    pub(super) stream: TcpStream,
    arrivals: Option<Arrivals>,
    ended: Option<WireError>,
}

impl SocketRx {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self { stream, arrivals: None, ended: None }
    }

    pub(super) fn stamp_arrivals(&mut self) -> io::Result<()> {
        self.arrivals = Some(Arrivals::of(&self.stream)?);
        Ok(())
    }
}

impl Receive for SocketRx {
    #[inline]
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError> {
        if let Some(error) = self.ended {
            return Err(error);
        }
        // A read into nothing returns 0, which must not be taken for the end of the stream.
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.arrivals {
                None => (&self.stream).read(into),
                Some(arrivals) => arrivals.read(&self.stream, into),
            };
            let error = match read {
                Ok(0) => WireError::Closed,
                Ok(count) => return Ok(count),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(0),
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => e.into(),
            };
            self.ended = Some(error);
            return Err(error);
        }
    }

    #[inline]
    fn arrived(&self) -> Option<u64> {
        self.arrivals.as_ref()?.last()
    }
}
