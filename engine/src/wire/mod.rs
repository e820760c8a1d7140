//! Bytes in, bytes out.
//!
//! A connection is two halves, because the layout `full` reads on one thread and sends from
//! another: something that implements [`Receive`] and something that implements [`Transmit`].
//! [`channel`] puts TLS on top and is what the engine and the venue use; the modules below are the
//! transports:
//!
//! | kind | reads by |
//! |---|---|
//! | [`uring`] | multishot receive into provided buffers; enters the kernel only when it has news |
//! | [`busy_poll`] | non-blocking `recv` and `SO_BUSY_POLL`; what Onload and VMA accelerate by `LD_PRELOAD` |
//! | [`mio_wire`] | non-blocking `recv` as every system has it |
//! | [`xdp`] | frames of an AF_XDP socket and a TCP/IP stack of our own; reads the clock for its timers |
//! | [`memory`] | a simulated link with virtual time |
//!
//! Every socket kind sends by plain non-blocking `send`. Nothing here allocates after a half has
//! been made, reads a clock, sleeps or retries silently: a thread that has nothing to do sleeps in
//! [`Idle`](crate::pipeline::Idle), which watches the sockets of all its connections.
//!
//! [`Network`] is what makes connections, of the kernel or of a stack of our own.

mod arrivals;
pub mod busy_poll;
pub mod channel;
pub mod dial;
pub mod memory;
pub mod mio_wire;
mod network;
mod out_buffer;
pub mod tls;
pub mod uring;
pub mod xdp;

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use channel::{Receiver, Transmitter};
pub use dial::{DialError, dial};
pub use network::{Network, Socket, Stream, probe};
pub use out_buffer::OutBuffer;
pub use tls::TlsError;

/// Why a wire stopped. After one of these the half gives the same answer for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The peer ended the stream in order: a FIN, and under TLS a close_notify before it.
    #[error("closed by the peer")]
    Closed,
    /// The connection was reset, or what we sent met a closed socket.
    #[error("connection reset")]
    Reset,
    /// Any other failure of the transport.
    #[error("transport failure: {0}")]
    Io(ErrorKind),
    /// The TLS record layer refused what arrived.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected => Self::Reset,
            kind => Self::Io(kind),
        }
    }
}

/// The receiving half of a transport.
pub trait Receive {
    /// Copies what has arrived to the front of `into`; returns how many bytes. `Ok(0)` means that
    /// nothing is there now, never the end of the stream. Does not block.
    ///
    /// # Errors
    /// [`WireError::Closed`] at the end of the stream, after all bytes before it were delivered.
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError>;

    /// When the last packet that the last `receive` with bytes took something of came in, by the system's
    /// clock (the link's, in memory): nanoseconds of UTC. `None`: the transport does not say, or
    /// was not asked to.
    fn arrived(&self) -> Option<u64> {
        None
    }
}

/// The sending half of a transport.
pub trait Transmit {
    /// Gives bytes to the transport; returns how many of them, from the front, it took. `Ok(0)`
    /// means that it would block. Does not block.
    ///
    /// # Errors
    /// [`WireError::Reset`] when the peer is gone.
    fn transmit(&mut self, bytes: &[u8]) -> Result<usize, WireError>;

    /// Ends our direction of the stream after what was taken; best effort.
    fn shutdown(&mut self);

    /// Ends the connection by a reset, with the last of its halves to be dropped at the latest. What was
    /// taken and has not left may be lost; best effort.
    fn reset(&mut self);
}

/// Which transport reads the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WireKind {
    /// io_uring with multishot receive; see [`uring`].
    Uring,
    /// Spinning non-blocking `recv`; see [`busy_poll`].
    BusyPoll,
    /// The portable one, for which idle threads sleep; see [`mio_wire`].
    Mio,
    /// Past the kernel; see [`xdp`].
    Xdp,
}

impl WireKind {
    /// Every kind, in the order of the manual.
    pub const ALL: [Self; 4] = [Self::Uring, Self::BusyPoll, Self::Mio, Self::Xdp];

    /// Those that read the kernel's sockets, and so work wherever one is.
    pub const SOCKETS: [Self; 3] = [Self::Uring, Self::BusyPoll, Self::Mio];

    /// The name in configuration files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uring => "uring",
            Self::BusyPoll => "busy-poll",
            Self::Mio => "mio",
            Self::Xdp => "xdp",
        }
    }
}

impl std::fmt::Display for WireKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The text is the name of no wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such wire; known are uring, busy-poll, mio and xdp")]
pub struct UnknownWire;

impl std::str::FromStr for WireKind {
    type Err = UnknownWire;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(UnknownWire)
    }
}

/// The receiving half of any transport; a match, not a virtual call. May move to another thread
/// before its first use.
// One per connection, made once: the size of the largest variant does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum WireRx {
    /// See [`uring`].
    Uring(uring::UringRx),
    /// See [`busy_poll`].
    BusyPoll(busy_poll::BusyPollRx),
    /// See [`mio_wire`].
    Mio(mio_wire::MioRx),
    /// See [`xdp`].
    Xdp(xdp::XdpRx),
    /// See [`memory`].
    Memory(memory::MemoryRx),
}

impl Receive for WireRx {
    #[inline]
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError> {
        match self {
            Self::Uring(rx) => rx.receive(into),
            Self::BusyPoll(rx) => rx.receive(into),
            Self::Mio(rx) => rx.receive(into),
            Self::Xdp(rx) => rx.receive(into),
            Self::Memory(rx) => rx.receive(into),
        }
    }

    #[inline]
    fn arrived(&self) -> Option<u64> {
        match self {
            Self::Uring(rx) => rx.arrived(),
            Self::BusyPoll(rx) => rx.arrived(),
            Self::Mio(rx) => rx.arrived(),
            Self::Memory(rx) => rx.arrived(),
            Self::Xdp(_) => None,
        }
    }
}

impl WireRx {
    /// From now on [`Receive::arrived`] says when the kernel took bytes from the network. To be asked
    /// for before the first `receive`.
    ///
    /// # Errors
    /// The kernel refuses, or the wire reads past it and has no such stamps.
    pub fn stamp_arrivals(&mut self) -> io::Result<()> {
        match self {
            Self::Uring(rx) => rx.stamp_arrivals(),
            Self::BusyPoll(rx) => rx.socket().stamp_arrivals(),
            Self::Mio(rx) => rx.socket().stamp_arrivals(),
            Self::Xdp(_) => Err(io::Error::new(
                ErrorKind::Unsupported,
                "the wire `xdp` reads past the kernel, which so has no stamps of what arrives",
            )),
            Self::Memory(rx) => {
                rx.stamps = true;
                Ok(())
            }
        }
    }

    /// The socket, for a sleeper that watches several at once. For io_uring too: the socket becomes
    /// readable before the ring's deferred work has taken the bytes.
    #[must_use]
    pub fn readiness_fd(&self) -> Option<RawFd> {
        match self {
            Self::Uring(rx) => Some(rx.as_raw_fd()),
            Self::BusyPoll(rx) => Some(rx.as_raw_fd()),
            Self::Mio(rx) => Some(rx.as_raw_fd()),
            Self::Xdp(rx) => Some(rx.as_raw_fd()),
            Self::Memory(_) => None,
        }
    }
}

/// The sending half of any transport. May move to another thread.
#[derive(Debug)]
pub enum WireTx {
    /// Any socket, whatever reads it.
    Socket(SocketTx),
    /// See [`xdp`].
    Xdp(xdp::XdpTx),
    /// See [`memory`].
    Memory(memory::MemoryTx),
}

impl Transmit for WireTx {
    #[inline]
    fn transmit(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        match self {
            Self::Socket(tx) => tx.transmit(bytes),
            Self::Xdp(tx) => tx.transmit(bytes),
            Self::Memory(tx) => tx.transmit(bytes),
        }
    }

    fn shutdown(&mut self) {
        match self {
            Self::Socket(tx) => tx.shutdown(),
            Self::Xdp(tx) => tx.shutdown(),
            Self::Memory(tx) => tx.shutdown(),
        }
    }

    fn reset(&mut self) {
        match self {
            Self::Socket(tx) => tx.reset(),
            Self::Xdp(tx) => tx.reset(),
            Self::Memory(tx) => tx.reset(),
        }
    }
}

/// Sends by non-blocking `send`, which the standard library calls with `MSG_NOSIGNAL`.
#[derive(Debug)]
pub struct SocketTx {
    stream: TcpStream,
}

impl Transmit for SocketTx {
    #[inline]
    fn transmit(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        loop {
            match (&self.stream).write(bytes) {
                Ok(taken) => return Ok(taken),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(0),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn shutdown(&mut self) {
        // Fails only when the connection is gone, which is what we want.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    fn reset(&mut self) {
        // A socket that does not linger is reset as it is closed.
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

/// Makes the two halves of a connection: non-blocking, `TCP_NODELAY`, all memory taken.
///
/// # Errors
/// The socket's options cannot be set, the kernel lacks what `kind` needs, or `kind` cannot read such a
/// connection: there is no silent fall-back to another kind.
pub fn open(kind: WireKind, stream: impl Into<Stream>) -> io::Result<(WireRx, WireTx)> {
    let stream = match (kind, stream.into()) {
        (WireKind::Xdp, Stream::Xdp(connection)) => {
            let (rx, tx) = connection.split()?;
            return Ok((WireRx::Xdp(rx), WireTx::Xdp(tx)));
        }
        (_, Stream::Tcp(stream)) => stream,
        (_, Stream::Xdp(_)) => return Err(not_its_own()),
    };
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let tx = WireTx::Socket(SocketTx { stream: stream.try_clone()? });
    let rx = match kind {
        WireKind::Uring => WireRx::Uring(uring::UringRx::new(stream)?),
        WireKind::BusyPoll => WireRx::BusyPoll(busy_poll::BusyPollRx::new(stream)),
        WireKind::Mio => WireRx::Mio(mio_wire::MioRx::new(stream)),
        WireKind::Xdp => return Err(not_its_own()),
    };
    Ok((rx, tx))
}

fn not_its_own() -> io::Error {
    let words = "the wire `xdp` reads connections of its own stack, which no other wire does";
    io::Error::new(ErrorKind::Unsupported, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_wire_is_the_same_everywhere() {
        for kind in WireKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            #[derive(Serialize, Deserialize)]
            struct Config {
                wire: WireKind,
            }
            let text = toml::to_string(&Config { wire: kind }).unwrap();
            assert_eq!(text.trim(), format!("wire = \"{kind}\""));
            assert_eq!(toml::from_str::<Config>(&text).unwrap().wire, kind);
        }
        assert_eq!("epoll".parse::<WireKind>(), Err(UnknownWire));
    }

    #[test]
    fn both_halves_may_move_to_another_thread() {
        fn is_send<T: Send>() {}
        is_send::<WireRx>();
        is_send::<WireTx>();
        is_send::<Receiver>();
        is_send::<Transmitter>();
    }
}
