//! The mode `rustls`: the same two halves over one buffered rustls connection. It allocates per
//! record, and the halves share a lock.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::Connection;

use super::TlsError;
use crate::limits::{TLS_RECORD_MAX, WIRE_RECEIVE_BYTES};
use crate::touched;
use crate::wire::{OutBuffer, Receive, WireError};

/// The halves of a connection whose handshake is done.
pub(super) fn split(connection: Connection) -> (RustlsRx, RustlsTx) {
    let shared = Arc::new(Mutex::new(connection));
    let rx = RustlsRx {
        shared: Arc::clone(&shared),
        buffer: touched::slice(0, WIRE_RECEIVE_BYTES),
        start: 0,
        end: 0,
        ended: None,
    };
    (rx, RustlsTx { shared, closed: false })
}

fn lock(shared: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The receiving half.
#[derive(Debug)]
pub struct RustlsRx {
    shared: Arc<Mutex<Connection>>,
    /// Cipher text that rustls has not taken yet.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    ended: Option<WireError>,
}

impl RustlsRx {
    /// As [`super::TlsRx::receive`].
    ///
    /// # Errors
    /// As there.
    pub fn receive(
        &mut self,
        wire: &mut impl Receive,
        into: &mut [u8],
        on_received: impl FnOnce(usize),
    ) -> Result<usize, WireError> {
        if into.is_empty() {
            return Ok(0);
        }
        let filled = self.deliver(into);
        if filled > 0 {
            return Ok(filled);
        }
        if let Some(error) = self.ended {
            return Err(error);
        }
        // `deliver` has given everything to rustls.
        (self.start, self.end) = (0, 0);
        match wire.receive(&mut self.buffer) {
            Ok(0) => return Ok(0),
            Ok(count) => {
                on_received(count);
                self.end = count;
            }
            Err(error) => {
                let error = match error {
                    WireError::Closed => WireError::Tls(TlsError::Truncated),
                    other => other,
                };
                self.ended = Some(error);
                return Err(error);
            }
        }
        let filled = self.deliver(into);
        match self.ended {
            Some(error) if filled == 0 => Err(error),
            _ => Ok(filled),
        }
    }

    fn deliver(&mut self, into: &mut [u8]) -> usize {
        let mut connection = lock(&self.shared);
        loop {
            match connection.reader().read(into) {
                Ok(0) => {
                    self.ended.get_or_insert(WireError::Closed);
                    return 0;
                }
                Ok(count) => return count,
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.ended.get_or_insert(WireError::Tls(TlsError::Truncated));
                    return 0;
                }
            }
            if self.start == self.end || self.ended.is_some() {
                return 0;
            }
            match connection.read_tls(&mut &self.buffer[self.start..self.end]) {
                Ok(count) => self.start += count,
                Err(_) => {
                    self.ended = Some(WireError::Tls(TlsError::Internal));
                    return 0;
                }
            }
            if let Err(error) = connection.process_new_packets() {
                // What was opened before the error is still read in the next round.
                self.ended = Some(WireError::Tls(TlsError::from(&error)));
            }
        }
    }
}

/// The sending half.
#[derive(Debug)]
pub struct RustlsTx {
    shared: Arc<Mutex<Connection>>,
    closed: bool,
}

impl RustlsTx {
    /// As [`super::TlsTx::seal`].
    ///
    /// # Errors
    /// As there.
    pub fn seal(&mut self, plain: &[u8], out: &mut OutBuffer) -> Result<usize, TlsError> {
        if self.closed {
            return Err(TlsError::UnexpectedMessage);
        }
        let mut connection = lock(&self.shared);
        let mut taken = 0;
        loop {
            pull(&mut connection, out)?;
            // With this much room what rustls holds back after a write is bounded by its limit.
            if taken == plain.len() || out.room() < 2 * TLS_RECORD_MAX {
                return Ok(taken);
            }
            match connection.writer().write(&plain[taken..]) {
                Ok(0) => return Ok(taken),
                Ok(count) => taken += count,
                Err(_) => return Err(TlsError::Internal),
            }
        }
    }

    /// Moves what rustls has to send (an answer to a KeyUpdate, an alert) to `out`.
    ///
    /// # Errors
    /// [`TlsError::Internal`] if rustls fails.
    pub fn pull(&mut self, out: &mut OutBuffer) -> Result<(), TlsError> {
        pull(&mut lock(&self.shared), out)
    }

    /// As [`super::TlsTx::close_notify`].
    ///
    /// # Errors
    /// As there.
    pub fn close_notify(&mut self, out: &mut OutBuffer) -> Result<(), TlsError> {
        let mut connection = lock(&self.shared);
        if !self.closed {
            self.closed = true;
            connection.send_close_notify();
        }
        pull(&mut connection, out)
    }
}

fn pull(connection: &mut Connection, out: &mut OutBuffer) -> Result<(), TlsError> {
    while connection.wants_write() && out.room() > 0 {
        connection.write_tls(&mut Push(out)).map_err(|_| TlsError::Internal)?;
    }
    Ok(())
}

/// An [`OutBuffer`] as a writer.
struct Push<'a>(&'a mut OutBuffer);

impl Write for Push<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.0.push(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
