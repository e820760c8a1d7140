//! The portable wire: non-blocking `recv` and no option that a system may lack. Its name is that of the
//! poller that a thread sleeps on, [`Idle`](crate::pipeline::Idle).

use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

use super::{Receive, WireError, busy_poll};

/// The receiving half.
#[derive(Debug)]
pub struct MioRx {
    stream: TcpStream,
    ended: Option<WireError>,
}

impl MioRx {
    /// Takes a non-blocking socket.
    #[must_use]
    pub const fn new(stream: TcpStream) -> Self {
        Self { stream, ended: None }
    }
}

impl AsRawFd for MioRx {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

impl Receive for MioRx {
    #[inline]
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError> {
        busy_poll::read(&mut &self.stream, &mut self.ended, into)
    }
}
