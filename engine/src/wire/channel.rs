//! A connection as the engine and the venue use it: a transport with or without TLS, in two halves.
//!
//! ```text
//!   Receiver:     transport -> [open] -> into            stages t0, t1 (on_received), t2
//!   Transmitter:  plain -> accept -> [seal] -> out -> flush -> transport      stages t10, t11
//! ```

use std::io;
use std::os::fd::RawFd;
use std::time::Instant;

use super::tls::handshake::{self, Opener, Sealer};
use super::tls::{ClientTls, Established, HandshakeError};
use super::{
    OutBuffer, Receive, Stream, Transmit, WireError, WireKind, WireRx, WireTx, memory, open,
};
use crate::limits::WIRE_SEND_BYTES;

/// Why there is no channel.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The socket cannot be used, or the kernel lacks what the wire needs.
    #[error("cannot open the wire: {0}")]
    Open(#[from] io::Error),
    /// No TLS.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

/// A channel without TLS over a connection.
///
/// # Errors
/// See [`open`].
pub fn plain(kind: WireKind, stream: impl Into<Stream>) -> io::Result<(Receiver, Transmitter)> {
    let (rx, tx) = open(kind, stream)?;
    Ok(halves(rx, tx, None))
}

/// A client's channel with TLS: blocks for the handshake, until `deadline` at most.
///
/// # Errors
/// See [`ChannelError`].
pub fn connect_tls(
    kind: WireKind,
    stream: impl Into<Stream>,
    tls: &ClientTls,
    server_name: &str,
    deadline: Instant,
) -> Result<(Receiver, Transmitter), ChannelError> {
    let stream = stream.into();
    if let Stream::Tcp(socket) = &stream {
        socket.set_nodelay(true)?;
    }
    let established = handshake::connect(&stream, tls, server_name, deadline)?;
    Ok(accept_tls(kind, stream, established)?)
}

/// A channel with TLS over a connection whose handshake is done, by
/// [`ServerHandshake::advance`](super::tls::ServerHandshake::advance) for example.
///
/// # Errors
/// See [`open`].
pub fn accept_tls(
    kind: WireKind,
    stream: impl Into<Stream>,
    established: Established,
) -> io::Result<(Receiver, Transmitter)> {
    let (rx, tx) = open(kind, stream)?;
    Ok(halves(rx, tx, Some(established)))
}

/// A channel without TLS over one end of a simulated link.
#[must_use]
pub fn memory(end: memory::End) -> (Receiver, Transmitter) {
    let (rx, tx) = end.split();
    halves(rx, tx, None)
}

fn halves(rx: WireRx, tx: WireTx, tls: Option<Established>) -> (Receiver, Transmitter) {
    let (opener, sealer) = match tls {
        Some(established) => (Some(established.rx), Some(established.tx)),
        None => (None, None),
    };
    let out = OutBuffer::new(WIRE_SEND_BYTES);
    (Receiver { wire: rx, tls: opener }, Transmitter { wire: tx, tls: sealer, out, ended: None })
}

/// The receiving half of a channel.
#[derive(Debug)]
pub struct Receiver {
    wire: WireRx,
    tls: Option<Opener>,
}

impl Receiver {
    /// Delivers plain text to the front of `into`; returns its length, `Ok(0)` if there is none
    /// now. Does not block. Without TLS the transport writes straight to `into`.
    ///
    /// The transport is read at most once. `on_received` is called right after, if bytes came,
    /// with their number and before TLS opens them: there the caller takes its stamp t1. It is not
    /// called when all that is delivered was received by an earlier call.
    ///
    /// # Errors
    /// [`WireError::Closed`] at the orderly end, after all that was sent before it was delivered.
    #[inline]
    pub fn receive(
        &mut self,
        into: &mut [u8],
        on_received: impl FnOnce(usize),
    ) -> Result<usize, WireError> {
        match &mut self.tls {
            None => {
                let count = self.wire.receive(into)?;
                if count > 0 {
                    on_received(count);
                }
                Ok(count)
            }
            Some(Opener::Record(tls)) => tls.receive(&mut self.wire, into, on_received),
            Some(Opener::Rustls(tls)) => tls.receive(&mut self.wire, into, on_received),
        }
    }

    /// See [`WireRx::stamp_arrivals`].
    ///
    /// # Errors
    /// As there.
    pub fn stamp_arrivals(&mut self) -> io::Result<()> {
        self.wire.stamp_arrivals()
    }

    /// See [`Receive::arrived`].
    #[inline]
    #[must_use]
    pub fn arrived(&self) -> Option<u64> {
        self.wire.arrived()
    }

    /// The socket, for a sleeper that watches several at once; none for a simulated link.
    #[must_use]
    pub fn readiness_fd(&self) -> Option<RawFd> {
        self.wire.readiness_fd()
    }

    /// Whether TLS protects this channel.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

/// The sending half of a channel.
#[derive(Debug)]
pub struct Transmitter {
    wire: WireTx,
    tls: Option<Sealer>,
    out: OutBuffer,
    ended: Option<WireError>,
}

impl Transmitter {
    /// Takes as much of `plain`, from its front, as there is room for, and seals it when TLS is
    /// on; returns the bytes taken. What was taken by earlier calls goes first. No I/O.
    ///
    /// # Errors
    /// The channel has ended before, or TLS refuses.
    #[inline]
    pub fn accept(&mut self, plain: &[u8]) -> Result<usize, WireError> {
        if let Some(error) = self.ended {
            return Err(error);
        }
        let taken = match &mut self.tls {
            None => return Ok(self.out.push(plain)),
            Some(Sealer::Record(tls)) => tls.seal(plain, &mut self.out),
            Some(Sealer::Rustls(tls)) => tls.seal(plain, &mut self.out),
        };
        taken.map_err(|error| self.end(error.into()))
    }

    /// Pushes what was accepted to the transport; `Ok(true)` when nothing is left, `Ok(false)`
    /// when the transport takes no more now.
    ///
    /// # Errors
    /// The transport failed; what was not pushed is lost.
    #[inline]
    pub fn flush(&mut self) -> Result<bool, WireError> {
        if let Some(error) = self.ended {
            return Err(error);
        }
        if let Some(Sealer::Rustls(tls)) = &mut self.tls {
            tls.pull(&mut self.out).map_err(|error| {
                let error = WireError::Tls(error);
                self.ended = Some(error);
                error
            })?;
        }
        self.out.flush(&mut self.wire).map_err(|error| self.end(error))
    }

    /// Bytes (of cipher text, when TLS is on) that were accepted and not pushed yet.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.out.len()
    }

    /// Has TLS of our own record layer change its key after so many records instead of
    /// [`TLS_RECORDS_PER_KEY_MAX`](crate::limits::TLS_RECORDS_PER_KEY_MAX), which is the most. rustls has its
    /// own limit.
    pub fn set_records_per_key(&mut self, records: u64) {
        if let Some(Sealer::Record(tls)) = &mut self.tls {
            tls.set_records_per_key(records);
        }
    }

    /// Ends our direction: close_notify when TLS is on (or the alert for what our receiving half
    /// refused), then the end of the stream. Best effort and without waiting: flush before, if what
    /// was accepted matters. The receiving half goes on.
    pub fn close(&mut self) {
        if self.ended.is_none() {
            self.ended = Some(WireError::Closed);
            // What fails here fails because the connection is gone already.
            let _ = match &mut self.tls {
                None => Ok(()),
                Some(Sealer::Record(tls)) => tls.close_notify(&mut self.out),
                Some(Sealer::Rustls(tls)) => tls.close_notify(&mut self.out),
            };
            let _ = self.out.flush(&mut self.wire);
        }
        self.wire.shutdown();
    }

    /// Ends the connection by a reset, without close_notify; what was accepted and not pushed is lost. A
    /// socket is reset when the receiving half is dropped, too.
    pub fn reset(&mut self) {
        if self.ended.is_none() {
            self.ended = Some(WireError::Reset);
        }
        self.wire.reset();
    }

    fn end(&mut self, error: WireError) -> WireError {
        *self.ended.insert(error)
    }
}
