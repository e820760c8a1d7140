//! Plain non-blocking `recv`, called in a spin: the lowest latency that kernel TCP gives
//! (loopback), and the calls that Onload and VMA take over by `LD_PRELOAD`.

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
    /// Takes a non-blocking socket. `SO_BUSY_POLL` (needs a privilege on some kernels) and
    /// `TCP_QUICKACK` are asked for and may be refused without harm.
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
