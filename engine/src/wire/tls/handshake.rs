//! The handshake, driven without blocking by [`ServerHandshake::advance`] (the venue is one poll
//! loop), or with a deadline by [`connect`] and [`accept`].
//!
//! With the record layer, rustls is fed one record at a time, so that it stops exactly behind the
//! peer's Finished: what arrived behind that stays sealed and goes to [`TlsRx`] untouched.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::{
    ClientConnection, Connection, ExtractedSecrets, ServerConnection, SupportedCipherSuite,
};

use super::rustls_plain::{self, RustlsRx, RustlsTx};
use super::schedule::{Schedule, Told};
use super::{ClientTls, HEADER, NotPinned, ServerTls, Shared, TlsError, TlsMode, TlsRx, TlsTx};
use crate::limits::{TLS_RECORD_MAX, WIRE_RECEIVE_BYTES, WIRE_SEND_BYTES};
use crate::touched;
use crate::wire::{OutBuffer, Socket, Transmit, WireError};

/// Why a handshake failed. Cold: happens once per connection.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The socket failed.
    #[error("the socket failed during the TLS handshake: {0}")]
    Io(#[from] io::Error),
    /// The peer closed before the end: it does not speak TLS, or does not like us.
    #[error("the peer closed during the TLS handshake")]
    Closed,
    /// The deadline passed.
    #[error("the TLS handshake took too long")]
    Timeout,
    /// The server's name is neither a DNS name nor an IP address.
    #[error("{0:?} is not a server name")]
    ServerName(String),
    /// More handshake than the buffers hold.
    #[error("the peer's TLS handshake is too long")]
    TooLong,
    /// The handshake was refused, by rustls or by the peer. An alert was sent.
    #[error("TLS handshake: {}", in_words(.0))]
    Refused(#[source] rustls::Error),
    /// The server proved who it is, but by a key that is not pinned. An alert was sent.
    #[error("TLS handshake: {0}")]
    NotPinned(#[from] NotPinned),
    /// The secrets of the finished handshake cannot be used.
    #[error("TLS handshake: {0}")]
    Secrets(#[from] TlsError),
}

impl From<rustls::Error> for HandshakeError {
    fn from(error: rustls::Error) -> Self {
        NotPinned::in_error(&error).map_or(Self::Refused(error), Self::NotPinned)
    }
}

/// What rustls says in words of its own programmers, in those of whoever runs an engine.
fn in_words(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
    let words = match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => "the peer does not speak TLS",
        Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "the peer does not speak TLS 1.3"
        }
        Error::AlertReceived(
            alert @ (AlertDescription::UnknownCA | AlertDescription::BadCertificate),
        ) => return format!("the peer does not trust our certificate, it sent alert {alert:?}"),
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the peer's certificate is not by anybody who is trusted"
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "the peer's certificate is by somebody of a trusted name, but not signed by them"
        }
        Error::InvalidCertificate(CertificateError::Other(other))
            if other.to_string().contains("CaUsedAsEndEntity") =>
        {
            "the peer's certificate is an authority's (CA:TRUE), not a server's"
        }
        other => return other.to_string(),
    };
    words.to_owned()
}

/// A finished handshake: the two halves of the record layer.
#[derive(Debug)]
pub struct Established {
    pub(in crate::wire) rx: Opener,
    pub(in crate::wire) tx: Sealer,
    suite: &'static str,
}

impl Established {
    /// The name of the negotiated cipher suite.
    #[must_use]
    pub const fn cipher_suite(&self) -> &'static str {
        self.suite
    }
}

/// The receiving half in either mode.
// One per connection, and the larger is the hot one: in line, it is one pointer nearer.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub(in crate::wire) enum Opener {
    Record(TlsRx),
    Rustls(RustlsRx),
}

/// The sending half in either mode.
#[allow(clippy::large_enum_variant)] // As above.
#[derive(Debug)]
pub(in crate::wire) enum Sealer {
    Record(TlsTx),
    Rustls(RustlsTx),
}

/// A server's handshake in progress.
pub struct ServerHandshake(Handshake<UnbufferedServerConnection>);

impl std::fmt::Debug for ServerHandshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerHandshake").finish_non_exhaustive()
    }
}

impl ServerHandshake {
    /// Takes the memory for one handshake.
    ///
    /// # Errors
    /// rustls refuses the configuration.
    pub fn new(tls: &ServerTls) -> Result<Self, HandshakeError> {
        Ok(Self(match tls.mode {
            TlsMode::RecordLayer => Handshake::Record(Driver::server(tls)?),
            TlsMode::Rustls => {
                let connection = ServerConnection::new(Arc::clone(&tls.config))?;
                Handshake::Rustls(Some(Box::new(connection.into())))
            }
        }))
    }

    /// Goes as far as it can without waiting for a non-blocking socket; `Ok(None)` means: come
    /// again when the socket is readable or writable. How long to try is the caller's business.
    ///
    /// # Errors
    /// See [`HandshakeError`]. A peer that broke the protocol, one that speaks plain text for
    /// example, was sent rustls's alert and the end of our direction before. Not to be called again
    /// after an error or the result.
    pub fn advance<S: Socket>(
        &mut self,
        stream: &mut S,
    ) -> Result<Option<Established>, HandshakeError>
    where
        for<'a> &'a S: Read + Write,
    {
        loop {
            match self.0.turn(&mut &*stream) {
                Ok(Turn::Progress) => {}
                Ok(Turn::Blocked) => return Ok(None),
                Ok(Turn::Done(established)) => return Ok(Some(*established)),
                Err(error) => {
                    stream.end();
                    return Err(error);
                }
            }
        }
    }
}

/// A client's handshake over a connected socket, blocking until `deadline` at most. `server_name`
/// is sent (SNI) and checked against the certificate. Leaves the socket in blocking mode.
///
/// # Errors
/// See [`HandshakeError`].
pub fn connect<S: Socket>(
    stream: &S,
    tls: &ClientTls,
    server_name: &str,
    deadline: Instant,
) -> Result<Established, HandshakeError>
where
    for<'a> &'a S: Read + Write,
{
    let name = ServerName::try_from(server_name.to_owned())
        .map_err(|_| HandshakeError::ServerName(server_name.to_owned()))?;
    let mut handshake = match tls.mode {
        TlsMode::RecordLayer => Handshake::Record(Driver::client(tls, name)?),
        TlsMode::Rustls => {
            let connection = ClientConnection::new(Arc::clone(&tls.config), name)?;
            Handshake::Rustls(Some(Box::new(connection.into())))
        }
    };
    block(stream, deadline, &mut handshake)
}

/// A server's handshake, blocking until `deadline` at most; for tests and tools. Leaves the socket
/// in blocking mode.
///
/// # Errors
/// See [`HandshakeError`].
pub fn accept<S: Socket>(
    stream: &S,
    tls: &ServerTls,
    deadline: Instant,
) -> Result<Established, HandshakeError>
where
    for<'a> &'a S: Read + Write,
{
    block(stream, deadline, &mut ServerHandshake::new(tls)?.0)
}

fn block<S: Socket>(
    stream: &S,
    deadline: Instant,
    handshake: &mut Handshake<impl Side>,
) -> Result<Established, HandshakeError>
where
    for<'a> &'a S: Read + Write,
{
    let result = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break Err(HandshakeError::Timeout);
        }
        stream.block_at_most(Some(left))?;
        match handshake.turn(&mut &*stream) {
            // A time-out of the socket says `Blocked`; the clock decides.
            Ok(Turn::Progress | Turn::Blocked) => {}
            Ok(Turn::Done(established)) => break Ok(*established),
            Err(error) => break Err(error),
        }
    };
    stream.block_at_most(None)?;
    result
}

/// What one turn of a handshake did.
pub(super) enum Turn {
    Progress,
    Blocked,
    Done(Box<Established>),
}

/// A handshake of either mode, of the side `S`.
pub(super) enum Handshake<S> {
    Record(Driver<S>),
    /// Empty after the result was taken.
    Rustls(Option<Box<Connection>>),
}

impl<S: Side> Handshake<S> {
    /// Reads the socket at most once.
    pub(super) fn turn(
        &mut self,
        stream: &mut (impl Read + Write),
    ) -> Result<Turn, HandshakeError> {
        match self {
            Self::Record(driver) => driver.turn(stream),
            Self::Rustls(slot) => {
                let connection = slot.as_mut().ok_or(HandshakeError::Closed)?;
                if !rustls_turn(connection, stream)? {
                    return Ok(Turn::Blocked);
                }
                if connection.is_handshaking() || connection.wants_write() {
                    return Ok(Turn::Progress);
                }
                let suite = connection.negotiated_cipher_suite();
                let connection = slot.take().ok_or(HandshakeError::Closed)?;
                let (rx, tx) = rustls_plain::split(*connection);
                Ok(Turn::Done(Box::new(Established {
                    rx: Opener::Rustls(rx),
                    tx: Sealer::Rustls(tx),
                    suite: suite.map_or("unknown", suite_name),
                })))
            }
        }
    }
}

fn suite_name(suite: rustls::SupportedCipherSuite) -> &'static str {
    suite.suite().as_str().unwrap_or("unknown")
}

/// `Ok(false)`: the socket would block.
fn rustls_turn(
    connection: &mut Connection,
    stream: &mut (impl Read + Write),
) -> Result<bool, HandshakeError> {
    while connection.wants_write() {
        match connection.write_tls(stream) {
            Ok(_) => {}
            Err(e) if would_block(&e) => return Ok(false),
            Err(e) => return Err(e.into()),
        }
    }
    if !connection.is_handshaking() {
        return Ok(true);
    }
    match connection.read_tls(stream) {
        Ok(0) => return Err(HandshakeError::Closed),
        Ok(_) => {}
        Err(e) if would_block(&e) => return Ok(false),
        Err(e) => return Err(e.into()),
    }
    if let Err(error) = connection.process_new_packets() {
        // The alert, and what is before it: one write may take only the first record. Whoever cannot take
        // it has gone.
        while connection.wants_write() && connection.write_tls(stream).is_ok_and(|n| n > 0) {}
        return Err(error.into());
    }
    Ok(true)
}

/// A blocking socket with a time-out says `TimedOut` on some systems.
fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// What differs between client and server in rustls's unbuffered connections.
pub(super) trait Side: Sized {
    type Data;
    const IS_CLIENT: bool;
    fn process<'c, 'i>(&'c mut self, bytes: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
    /// What rustls has when it is done.
    fn secrets(self) -> Result<(ExtractedSecrets, SupportedCipherSuite), rustls::Error>;
}

impl Side for UnbufferedClientConnection {
    type Data = ClientConnectionData;
    const IS_CLIENT: bool = true;

    fn process<'c, 'i>(&'c mut self, bytes: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(bytes)
    }

    fn secrets(self) -> Result<(ExtractedSecrets, SupportedCipherSuite), rustls::Error> {
        let (secrets, kernel) = self.dangerous_into_kernel_connection()?;
        Ok((secrets, kernel.negotiated_cipher_suite()))
    }
}

impl Side for UnbufferedServerConnection {
    type Data = ServerConnectionData;
    const IS_CLIENT: bool = false;

    fn process<'c, 'i>(&'c mut self, bytes: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(bytes)
    }

    fn secrets(self) -> Result<(ExtractedSecrets, SupportedCipherSuite), rustls::Error> {
        let (secrets, kernel) = self.dangerous_into_kernel_connection()?;
        Ok((secrets, kernel.negotiated_cipher_suite()))
    }
}

/// The handshake that ends in our own record layer.
pub(super) struct Driver<S> {
    /// Empty after the result was taken.
    connection: Option<S>,
    /// What rustls tells of the secrets.
    told: Arc<Told>,
    inbox: Box<[u8]>,
    /// Bytes received, and how many of them rustls may see.
    filled: usize,
    offered: usize,
    out: OutBuffer,
    /// Our Finished is written; what is in `out` goes first.
    finished: bool,
}

/// What rustls wants next.
enum Next {
    Again,
    Blocked,
    Finished,
}

impl Driver<UnbufferedClientConnection> {
    pub(super) fn client(
        tls: &ClientTls,
        name: ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        let told = Arc::new(Told::default());
        let mut config = (*tls.config).clone();
        config.key_log = Arc::<Told>::clone(&told);
        Ok(Self::new(UnbufferedClientConnection::new(Arc::new(config), name)?, told))
    }
}

impl Driver<UnbufferedServerConnection> {
    pub(super) fn server(tls: &ServerTls) -> Result<Self, rustls::Error> {
        let told = Arc::new(Told::default());
        let mut config = (*tls.config).clone();
        config.key_log = Arc::<Told>::clone(&told);
        Ok(Self::new(UnbufferedServerConnection::new(Arc::new(config))?, told))
    }
}

impl<S: Side> Driver<S> {
    fn new(connection: S, told: Arc<Told>) -> Self {
        Self {
            connection: Some(connection),
            told,
            inbox: touched::slice(0, WIRE_RECEIVE_BYTES),
            filled: 0,
            offered: 0,
            out: OutBuffer::new(WIRE_SEND_BYTES),
            finished: false,
        }
    }

    fn turn(&mut self, stream: &mut (impl Read + Write)) -> Result<Turn, HandshakeError> {
        if !self.finished {
            match self.think() {
                Ok(Next::Finished) => self.finished = true,
                Ok(_) => {}
                Err(error) => {
                    // The alert; whoever cannot take it has gone.
                    let _ = self.out.flush(&mut ToStream(stream));
                    return Err(error);
                }
            }
        }
        match self.out.flush(&mut ToStream(stream)) {
            Ok(true) => {}
            Ok(false) => return Ok(Turn::Blocked),
            Err(WireError::Io(kind)) => return Err(HandshakeError::Io(kind.into())),
            Err(_) => return Err(HandshakeError::Closed),
        }
        if self.finished {
            return self.finish().map(|established| Turn::Done(Box::new(established)));
        }
        if self.filled == self.inbox.len() {
            return Err(HandshakeError::TooLong);
        }
        match stream.read(&mut self.inbox[self.filled..]) {
            Ok(0) => Err(HandshakeError::Closed),
            Ok(count) => {
                self.filled += count;
                Ok(Turn::Progress)
            }
            Err(e) if would_block(&e) => Ok(Turn::Blocked),
            Err(e) => Err(e.into()),
        }
    }

    /// Goes as far as the received bytes allow.
    fn think(&mut self) -> Result<Next, HandshakeError> {
        loop {
            match self.process()? {
                Next::Again => {}
                Next::Blocked if self.offer() => {}
                next => return Ok(next),
            }
        }
    }

    fn process(&mut self) -> Result<Next, HandshakeError> {
        let connection = self.connection.as_mut().ok_or(HandshakeError::Closed)?;
        let UnbufferedStatus { discard, state } =
            connection.process(&mut self.inbox[..self.offered]);
        let next = match state {
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                let written = data
                    .encode(self.out.back(TLS_RECORD_MAX))
                    .map_err(|_| HandshakeError::TooLong)?;
                self.out.commit(written);
                Next::Again
            }
            Ok(ConnectionState::TransmitTlsData(data)) => {
                // It is in `out`, in order; nothing goes before it.
                data.done();
                Next::Again
            }
            Ok(ConnectionState::BlockedHandshake) => Next::Blocked,
            Ok(ConnectionState::WriteTraffic(_)) => Next::Finished,
            Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                return Err(HandshakeError::Closed);
            }
            // Early data is not offered, so nothing else is possible.
            Ok(_) => return Err(HandshakeError::Secrets(TlsError::UnexpectedMessage)),
            Err(error) => {
                self.discard(discard);
                self.encode_alert();
                return Err(error.into());
            }
        };
        self.discard(discard);
        Ok(next)
    }

    fn discard(&mut self, count: usize) {
        self.inbox.copy_within(count..self.filled, 0);
        self.filled -= count;
        self.offered -= count;
    }

    /// After an error rustls has an alert to send, if anything. It comes first, before another look
    /// at the bytes; asking twice would be one look too many.
    fn encode_alert(&mut self) {
        let Some(connection) = self.connection.as_mut() else { return };
        let status = connection.process(&mut self.inbox[..self.offered]);
        if let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state
            && let Ok(written) = data.encode(self.out.back(TLS_RECORD_MAX))
        {
            self.out.commit(written);
        }
    }

    /// Lets rustls see one more record, or everything if it is no record: rustls refuses that with
    /// the right alert. Whether there was something to see.
    fn offer(&mut self) -> bool {
        let rest = &self.inbox[self.offered..self.filled];
        let Some(&kind) = rest.first() else { return false };
        let header = rest.first_chunk::<HEADER>();
        let length = header.map(|h| HEADER + usize::from(u16::from_be_bytes([h[3], h[4]])));
        let is_record = (20..=24).contains(&kind)
            && header.is_none_or(|h| h[1] == 3)
            && length.is_none_or(|length| length <= TLS_RECORD_MAX);
        match length {
            _ if !is_record => self.offered = self.filled,
            Some(length) if length <= rest.len() => self.offered += length,
            _ => return false,
        }
        true
    }

    fn finish(&mut self) -> Result<Established, HandshakeError> {
        let connection = self.connection.take().ok_or(HandshakeError::Closed)?;
        let (secrets, suite) = connection.secrets()?;
        let schedule = |client| self.told.take(client).ok_or(TlsError::Internal);
        let (rx, tx): (Schedule, Schedule) = (schedule(!S::IS_CLIENT)?, schedule(S::IS_CLIENT)?);
        let shared = Arc::new(Shared::default());
        let early = &self.inbox[..self.filled];
        let keys = (rx.first(secrets.rx)?, rx);
        let rx = TlsRx::new(keys, Arc::clone(&shared), S::IS_CLIENT, early)?;
        let tx = TlsTx::new((tx.first(secrets.tx)?, tx), shared);
        let suite = suite_name(suite);
        Ok(Established { rx: Opener::Record(rx), tx: Sealer::Record(tx), suite })
    }
}

/// Any writer as a transport.
struct ToStream<'a, W>(&'a mut W);

impl<W: Write> Transmit for ToStream<'_, W> {
    fn transmit(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        match self.0.write(bytes) {
            Err(e) if would_block(&e) => Ok(0),
            written => Ok(written?),
        }
    }

    fn shutdown(&mut self) {}

    fn reset(&mut self) {}
}

#[cfg(test)]
#[path = "handshake_tests.rs"]
mod tests;
