//! The portable wire: non-blocking `recv` and no option that a system may lack. Its name is that of the
//! poller that a thread sleeps on, [`Idle`](crate::pipeline::Idle): with this wire the threads of the path sleep
//! when there is nothing to do, unless they are told to spin, and it is the default where they have not a core each
//! ([`PathSection::wire`](crate::config::PathSection::wire)).

use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

use super::busy_poll::SocketRx;
use super::{Receive, WireError};

/// The receiving half.
#[derive(Debug)]
pub struct MioRx(SocketRx);

impl MioRx {
    /// Takes a non-blocking socket.
    #[must_use]
    pub const fn new(stream: TcpStream) -> Self {
        Self(SocketRx::new(stream))
    }

    pub(super) const fn socket(&mut self) -> &mut SocketRx {
        &mut self.0
    }
}

impl AsRawFd for MioRx {
    fn as_raw_fd(&self) -> RawFd {
        self.0.stream.as_raw_fd()
    }
}

impl Receive for MioRx {
    #[inline]
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError> {
        self.0.receive(into)
    }

    #[inline]
    fn arrived(&self) -> Option<u64> {
        self.0.arrived()
    }
}
