//! Where connections come from: the kernel's sockets, or a stack of our own.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::dial::{self, DialError};
use super::xdp::{self, XdpConfig};
use super::{WireKind, open};

/// What a wire connects over.
#[derive(Debug, Clone)]
pub enum Network {
    /// The kernel's TCP, read by one of the wires over sockets.
    Kernel(WireKind),
    /// A stack past the kernel ([`WireKind::Xdp`]).
    Xdp(xdp::Stack),
}

impl Network {
    /// Makes sure that a wire works here; `xdp` takes its queue of the interface, in the network namespace of
    /// this thread.
    ///
    /// # Errors
    /// The kernel lacks what the wire needs, or the process may not: the message says what to do. For `xdp`
    /// it carries an [`XdpError`](xdp::XdpError); without `stack` that wire is refused.
    pub fn open(wire: WireKind, stack: Option<&XdpConfig>) -> io::Result<Self> {
        match (wire, stack) {
            (WireKind::Xdp, Some(config)) => Ok(Self::Xdp(xdp::Stack::open(config)?)),
            (WireKind::Xdp, None) => {
                Err(io::Error::new(ErrorKind::InvalidInput, "it needs an interface and an address"))
            }
            (socket, _) => probe(socket).map(|()| Self::Kernel(socket)),
        }
    }

    /// The wire that reads its connections.
    #[must_use]
    pub const fn wire(&self) -> WireKind {
        match self {
            Self::Kernel(wire) => *wire,
            Self::Xdp(_) => WireKind::Xdp,
        }
    }

    /// As [`dial_until`](dial::dial_until). A name is resolved by the system in either case; our own stack
    /// knows IPv4 only.
    ///
    /// # Errors
    /// See [`DialError`].
    pub fn dial_until(
        &self,
        host: &str,
        port: u16,
        deadline: Instant,
        cancelled: &AtomicBool,
    ) -> Result<Stream, DialError> {
        let stack = match self {
            Self::Kernel(_) => {
                return dial::dial_until(host, port, deadline, cancelled).map(Stream::Tcp);
            }
            Self::Xdp(stack) => stack,
        };
        dial::try_each(host, port, deadline, cancelled, |address, until| match address {
            SocketAddr::V4(to) => stack.connect(to, until, cancelled).map(Stream::Xdp),
            SocketAddr::V6(_) => Err(ErrorKind::Unsupported.into()),
        })
    }
}

/// Whether a wire over sockets works on this machine: makes one over a connection to ourselves.
///
/// # Errors
/// As [`open`]; for io_uring the message says what the kernel lacks.
pub fn probe(kind: WireKind) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    open(kind, TcpStream::connect(listener.local_addr()?)?).map(drop)
}

/// A connection before a channel is made of it.
#[derive(Debug)]
pub enum Stream {
    /// A socket of the kernel's.
    Tcp(TcpStream),
    /// One of a stack of our own.
    Xdp(xdp::Connection),
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<xdp::Connection> for Stream {
    fn from(connection: xdp::Connection) -> Self {
        Self::Xdp(connection)
    }
}

impl Stream {
    /// Another handle of the same connection.
    ///
    /// # Errors
    /// The system refuses another descriptor.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            Self::Xdp(connection) => Self::Xdp(connection.duplicate()),
        })
    }

    /// Ends our direction, or both.
    ///
    /// # Errors
    /// The connection is gone already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Xdp(connection) => {
                connection.shut_down(how);
                Ok(())
            }
        }
    }

    /// Whether reads and writes wait: not at all, or as long as it takes.
    ///
    /// # Errors
    /// The socket's options cannot be set.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(nonblocking),
            Self::Xdp(connection) => {
                connection.set_patience(nonblocking.then_some(Duration::ZERO));
                Ok(())
            }
        }
    }
}

impl Read for &Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => (&mut &*stream).read(into),
            Stream::Xdp(connection) => (&mut &*connection).read(into),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => (&mut &*stream).write(bytes),
            Stream::Xdp(connection) => (&mut &*connection).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a handshake asks of a connection, besides reading and writing.
pub trait Socket {
    /// Reads and writes block, but not longer than `at_most`.
    ///
    /// # Errors
    /// The socket's options cannot be set.
    fn block_at_most(&self, at_most: Option<Duration>) -> io::Result<()>;

    /// Ends our direction; best effort.
    fn end(&self);
}

impl Socket for TcpStream {
    fn block_at_most(&self, at_most: Option<Duration>) -> io::Result<()> {
        self.set_nonblocking(false)?;
        self.set_read_timeout(at_most)?;
        self.set_write_timeout(at_most)
    }

    fn end(&self) {
        // Fails only when the connection is gone, which is what we want.
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Socket for Stream {
    fn block_at_most(&self, at_most: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.block_at_most(at_most),
            Self::Xdp(connection) => {
                connection.set_patience(at_most);
                Ok(())
            }
        }
    }

    fn end(&self) {
        match self {
            Self::Tcp(stream) => stream.end(),
            Self::Xdp(connection) => connection.shut_down(Shutdown::Write),
        }
    }
}
