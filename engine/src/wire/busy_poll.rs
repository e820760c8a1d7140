//! Plain non-blocking `recv`, called in a spin: the lowest latency that kernel TCP gives
//! (loopback), and the calls that Onload and VMA take over by `LD_PRELOAD`.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

use super::{Receive, WireError};

/// `SO_BUSY_POLL`, microseconds: how long the driver's queue is polled inside `recv`.
const BUSY_POLL_MICROS: u32 = 50;

/// The receiving half.
#[derive(Debug)]
pub struct BusyPollRx {
    stream: TcpStream,
    ended: Option<WireError>,
}

impl BusyPollRx {
    /// Takes a non-blocking socket. `SO_BUSY_POLL` (needs a privilege on some kernels) and
    /// `TCP_QUICKACK` are asked for and may be refused without harm.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        let socket = socket2::SockRef::from(&stream);
        let _ = socket.set_busy_poll(BUSY_POLL_MICROS);
        let _ = socket.set_tcp_quickack(true);
        Self { stream, ended: None }
    }
}

impl AsRawFd for BusyPollRx {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

impl Receive for BusyPollRx {
    #[inline]
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError> {
        read(&mut &self.stream, &mut self.ended, into)
    }
}

/// One non-blocking read, with the end of the stream remembered in `ended`.
#[inline]
pub(super) fn read(
    stream: &mut impl Read,
    ended: &mut Option<WireError>,
    into: &mut [u8],
) -> Result<usize, WireError> {
    if let Some(error) = *ended {
        return Err(error);
    }
    // A read into nothing returns 0, which must not be taken for the end of the stream.
    if into.is_empty() {
        return Ok(0);
    }
    loop {
        let error = match stream.read(into) {
            Ok(0) => WireError::Closed,
            Ok(count) => return Ok(count),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => e.into(),
        };
        *ended = Some(error);
        return Err(error);
    }
}
