//! The portable wire: non-blocking `recv`, and a poller to sleep on.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use super::{Receive, WireError, busy_poll};

/// The receiving half.
#[derive(Debug)]
pub struct MioRx {
    stream: mio::net::TcpStream,
    poll: Poll,
    events: Events,
    /// The poller tells of changes only, so it is safe to sleep only after a read that found
    /// nothing.
    drained: bool,
    ended: Option<WireError>,
}

impl MioRx {
    /// Takes a non-blocking socket.
    ///
    /// # Errors
    /// The system gives no poller.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        let mut stream = mio::net::TcpStream::from_std(stream);
        let poll = Poll::new()?;
        poll.registry().register(&mut stream, Token(0), Interest::READABLE)?;
        Ok(Self { stream, poll, events: Events::with_capacity(4), drained: false, ended: None })
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
        let count = busy_poll::read(&mut self.stream, &mut self.ended, into)?;
        self.drained = count == 0 && !into.is_empty();
        Ok(count)
    }

    fn wait(&mut self, at_most: Duration) {
        if self.drained && self.ended.is_none() {
            // A failure (an interrupt) is an early return, which the trait allows.
            let _ = self.poll.poll(&mut self.events, Some(at_most));
        }
    }
}
