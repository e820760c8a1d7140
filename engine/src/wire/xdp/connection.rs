//! One TCP connection of a stack, before and after it is split into the halves of a transport.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use smoltcp::iface::SocketHandle;

use super::stack::Shared;
use crate::wire::{Receive, Transmit, WireError};

/// A connection. Blocks like a [`TcpStream`](std::net::TcpStream) until it is told not to. When the last
/// clone, or the last of its halves, is dropped it is closed as the kernel does it: in good order, or by a
/// reset if bytes were left unread.
#[derive(Debug)]
pub struct Connection(Arc<Owned>);

/// Closes when the last part of a connection is dropped.
#[derive(Debug)]
struct Owned {
    stack: Arc<Shared>,
    socket: SocketHandle,
    /// How long a read or write may wait, microseconds.
    patience: AtomicU64,
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.stack.release(self.socket);
    }
}

/// A failure as the standard library's streams report it.
pub(super) fn io_error(error: WireError) -> io::Error {
    match error {
        WireError::Reset => ErrorKind::ConnectionReset.into(),
        WireError::Io(kind) => kind.into(),
        other => io::Error::other(other),
    }
}

impl Connection {
    pub(super) fn new(stack: Arc<Shared>, socket: SocketHandle) -> Self {
        Self(Arc::new(Owned { stack, socket, patience: AtomicU64::new(u64::MAX) }))
    }

    /// Another handle of the same connection.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// How long a read or a write may wait, for all handles; `None`: as long as it takes, zero: not at all.
    pub fn set_patience(&self, patience: Option<Duration>) {
        let micros = patience
            .map_or(u64::MAX, |patience| u64::try_from(patience.as_micros()).unwrap_or(u64::MAX));
        self.0.patience.store(micros, Ordering::Relaxed);
    }

    /// Ends our direction, or with `Both` the connection: by a reset.
    pub fn shut_down(&self, how: Shutdown) {
        let Owned { stack, socket, .. } = &*self.0;
        let now = stack.now();
        match how {
            Shutdown::Write => stack.lock().shut_down(*socket, now),
            // TCP cannot end the other's direction alone.
            Shutdown::Read | Shutdown::Both => stack.lock().abort(*socket, now),
        }
    }

    /// The halves of a transport.
    ///
    /// # Errors
    /// The system refuses another descriptor.
    pub fn split(self) -> io::Result<(XdpRx, XdpTx)> {
        let readiness = self.0.stack.fd().as_fd().try_clone_to_owned()?;
        let rx = XdpRx { connection: Arc::clone(&self.0), readiness, ended: None };
        Ok((rx, XdpTx { connection: self.0 }))
    }

    /// Tries until there is an outcome or the patience is over.
    fn patiently(
        &self,
        mut attempt: impl FnMut(&Owned) -> Result<usize, WireError>,
    ) -> io::Result<usize> {
        let patience = Duration::from_micros(self.0.patience.load(Ordering::Relaxed));
        let start = Instant::now();
        loop {
            match attempt(&self.0) {
                Ok(0) => {}
                Ok(count) => return Ok(count),
                Err(WireError::Closed) => return Ok(0),
                Err(error) => return Err(io_error(error)),
            }
            let left = patience.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.0.stack.wait(left);
        }
    }
}

impl Owned {
    #[inline]
    fn receive(&self, into: &mut [u8]) -> Result<usize, WireError> {
        let now = self.stack.now();
        self.stack.lock().receive(self.socket, into, now)
    }

    #[inline]
    fn transmit(&self, bytes: &[u8]) -> Result<usize, WireError> {
        let now = self.stack.now();
        self.stack.lock().transmit(self.socket, bytes, now)
    }
}

impl Read for &Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        self.patiently(|owned| owned.receive(into))
    }
}

impl Write for &Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.patiently(|owned| owned.transmit(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The receiving half.
#[derive(Debug)]
pub struct XdpRx {
    connection: Arc<Owned>,
    /// A descriptor of its own, as a poller takes each only once.
    readiness: OwnedFd,
    ended: Option<WireError>,
}

impl AsRawFd for XdpRx {
    fn as_raw_fd(&self) -> RawFd {
        self.readiness.as_raw_fd()
    }
}

impl Receive for XdpRx {
    #[inline]
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError> {
        if let Some(error) = self.ended {
            return Err(error);
        }
        if into.is_empty() {
            return Ok(0);
        }
        self.connection.receive(into).inspect_err(|error| self.ended = Some(*error))
    }
}

/// The sending half.
#[derive(Debug)]
pub struct XdpTx {
    connection: Arc<Owned>,
}

impl Transmit for XdpTx {
    #[inline]
    fn transmit(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.connection.transmit(bytes)
    }

    fn shutdown(&mut self) {
        let now = self.connection.stack.now();
        self.connection.stack.lock().shut_down(self.connection.socket, now);
    }

    fn reset(&mut self) {
        let now = self.connection.stack.now();
        self.connection.stack.lock().abort(self.connection.socket, now);
    }
}
