//! The connection that calls are made over, one at a time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use taut_codec::ids::Market;

use super::{read_answer, read_response, request};
use crate::command::RestKind;
use crate::event::{RestProblem, RestSaid};
use crate::kraken::logon::Credentials;
use crate::wire::dial::dial_until;
use crate::wire::tls::{ClientTls, NotPinned};

/// A connection that was quiet for longer may be closed at the other end: a new one is made.
const REUSE: Duration = Duration::from_secs(5);

/// Makes calls, each within a time.
pub struct RestClient {
    market: Market,
    host: String,
    port: u16,
    tls: Option<ClientTls>,
    credentials: Credentials,
    open: Option<(Box<dyn Wire>, Instant)>,
}

/// What bytes go over: TLS, or TCP alone.
trait Wire: Read + Write + Send {
    fn tcp(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Wire for rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    fn tcp(&self) -> &TcpStream {
        &self.sock
    }
}

impl RestClient {
    /// A client that has no connection yet; without `tls` it calls over plain TCP.
    #[must_use]
    pub fn new(
        market: Market,
        host: String,
        port: u16,
        tls: Option<ClientTls>,
        credentials: Credentials,
    ) -> Self {
        Self { market, host, port, tls, credentials, open: None }
    }

    /// Makes a call and waits for its answer until `deadline`; `each` is given its parts, of which the
    /// last ends it. Nothing is tried again: another try needs another nonce.
    pub fn call(
        &mut self,
        kind: &RestKind,
        nonce: u64,
        deadline: Instant,
        mut each: impl FnMut(RestSaid),
    ) {
        let bytes = request(self.market, &self.host, &self.credentials, kind, nonce);
        match self.exchange(&bytes, deadline) {
            Ok((200, json)) => read_answer(self.market, kind, &json, each),
            Ok((status, _)) => each(RestSaid::Failed(RestProblem::Status(status))),
            Err(problem) => each(RestSaid::Failed(problem)),
        }
    }

    fn exchange(&mut self, bytes: &[u8], until: Instant) -> Result<(u16, Vec<u8>), RestProblem> {
        let mut wire = match self.open.take() {
            Some((wire, used)) if used.elapsed() < REUSE => wire,
            _ => self.dial(until)?,
        };
        // With its time: a host that does not take bytes is not waited for longer either.
        send(&mut *wire, bytes, until).map_err(|error| problem(&error))?;
        let mut input = Vec::new();
        let response = loop {
            if let Some(response) = read_response(&input)? {
                break response;
            }
            let mut chunk = [0; 4096];
            wire.tcp().set_read_timeout(Some(left(until)?)).map_err(|error| problem(&error))?;
            match wire.read(&mut chunk) {
                Ok(0) => return Err(RestProblem::NotReached),
                Ok(count) => input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(problem(&error)),
            }
        };
        if !response.close {
            self.open = Some((wire, Instant::now()));
        }
        Ok((response.status, response.body))
    }

    fn dial(&self, until: Instant) -> Result<Box<dyn Wire>, RestProblem> {
        let never = AtomicBool::new(false);
        let stream = dial_until(&self.host, self.port, until, &never)
            .map_err(|_| RestProblem::NotReached)?;
        // Nagle would hold back what is behind the head.
        stream.set_nodelay(true).map_err(|error| problem(&error))?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some(tls) => {
                let connection = tls.connection(&self.host).ok_or(RestProblem::NotReached)?;
                Ok(Box::new(rustls::StreamOwned::new(connection, stream)))
            }
        }
    }
}

fn send(wire: &mut dyn Wire, bytes: &[u8], until: Instant) -> io::Result<()> {
    let left = left(until).map_err(|_| ErrorKind::TimedOut)?;
    wire.tcp().set_write_timeout(Some(left))?;
    // The handshake comes with the first bytes, and reads.
    wire.tcp().set_read_timeout(Some(left))?;
    wire.write_all(bytes)?;
    wire.flush()
}

fn left(until: Instant) -> Result<Duration, RestProblem> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(RestProblem::TimedOut) } else { Ok(left) }
}

fn problem(error: &io::Error) -> RestProblem {
    let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    if let Some(not_pinned) = of_tls.and_then(NotPinned::in_error) {
        return RestProblem::NotPinned(not_pinned);
    }
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => RestProblem::TimedOut,
        _ => RestProblem::NotReached,
    }
}

impl std::fmt::Debug for RestClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RestClient({}:{})", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread::JoinHandle;

    use rustls::pki_types::PrivateKeyDer;

    use super::*;
    use crate::secret::Secret;
    use crate::wire::tls::{KeyPin, TlsMode, Trust};

    const DONE: &str = r#"{"error":[],"result":{"count":1}}"#;

    fn client(port: u16) -> RestClient {
        let credentials = Credentials::new(Secret::new("KEY"), Secret::new("c2VjcmV0")).unwrap();
        RestClient::new(Market::Spot, "127.0.0.1".to_owned(), port, None, credentials)
    }

    fn call(client: &mut RestClient, nonce: u64, patience: Duration) -> Vec<RestSaid> {
        let mut said = Vec::new();
        let deadline = Instant::now() + patience;
        client.call(&RestKind::CancelAll, nonce, deadline, |part| said.push(part));
        said
    }

    /// A host that answers so many calls for each entry on one connection, with this text, and closes.
    fn host(answers: Vec<(usize, &'static str)>) -> (u16, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let mut calls = Vec::new();
            for (count, answer) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                for _ in 0..count {
                    let mut input = Vec::new();
                    while !input.ends_with(b"|")
                        && !String::from_utf8_lossy(&input).contains("nonce=")
                    {
                        let mut chunk = [0; 1024];
                        let count = stream.read(&mut chunk).unwrap();
                        input.extend_from_slice(&chunk[..count]);
                    }
                    calls.push(String::from_utf8(input).unwrap());
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
            calls
        });
        (port, thread)
    }

    #[test]
    fn calls_share_a_connection_and_a_closed_one_is_made_anew() {
        const OK: &str =
            "HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n{\"error\":[],\"result\":{\"count\":1}}";
        const LAST: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 33\r\n\r\n{\"error\":[],\"result\":{\"count\":1}}";
        assert_eq!(DONE.len(), 33);
        let (port, thread) =
            host(vec![(2, OK), (1, LAST), (1, "HTTP/1.1 503 no\r\nContent-Length: 0\r\n\r\n")]);
        let mut client = client(port);
        let patience = Duration::from_secs(10);
        for nonce in 1..=2 {
            assert_eq!(call(&mut client, nonce, patience), [RestSaid::Canceled { count: 1 }]);
        }
        // The host has closed without a word: this try fails, the next one dials.
        let failed = [RestSaid::Failed(RestProblem::NotReached)];
        assert_eq!(call(&mut client, 3, patience), failed);
        assert_eq!(call(&mut client, 4, patience), [RestSaid::Canceled { count: 1 }]);
        let status = [RestSaid::Failed(RestProblem::Status(503))];
        assert_eq!(call(&mut client, 5, patience), status, "and after an announced end, too");
        let calls = thread.join().unwrap();
        assert!(calls[0].starts_with("POST /0/private/CancelAll HTTP/1.1\r\nHost: 127.0.0.1\r\n"));
        assert!(calls[0].ends_with("\r\nContent-Length: 7\r\n\r\nnonce=1"), "{}", calls[0]);
    }

    #[test]
    fn a_host_that_does_not_answer_or_does_not_listen_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let silent = call(&mut client(port), 1, Duration::from_millis(50));
        assert_eq!(silent, [RestSaid::Failed(RestProblem::TimedOut)]);
        drop(listener);
        let gone = call(&mut client(port), 2, Duration::from_secs(10));
        assert_eq!(gone, [RestSaid::Failed(RestProblem::NotReached)]);
    }

    #[test]
    fn a_host_with_another_key_than_the_pinned_one_is_told_with_the_key_that_it_has() {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (der, key) = (made.cert.der().clone(), made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![der.clone()], PrivateKeyDer::try_from(key).unwrap())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut server = rustls::ServerConnection::new(Arc::new(server)).unwrap();
            // The client hangs up.
            while server.complete_io(&mut stream).is_ok_and(|(read, _)| read > 0) {}
        });
        let seen = KeyPin::of_certificate(&der).unwrap();
        let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let pinned = KeyPin::of_certificate(other.cert.der()).unwrap();
        let trust = Trust::Der(vec![der.to_vec()]);
        let tls = ClientTls::pinned(trust, TlsMode::RecordLayer, vec![pinned]).unwrap();
        let credentials = Credentials::new(Secret::new("KEY"), Secret::new("c2VjcmV0")).unwrap();
        let host = "127.0.0.1".to_owned();
        let mut client = RestClient::new(Market::Spot, host, port, Some(tls), credentials);
        let said = call(&mut client, 1, Duration::from_secs(60));
        thread.join().unwrap();
        assert_eq!(said, [RestSaid::Failed(RestProblem::NotPinned(NotPinned { seen }))]);
        let RestSaid::Failed(problem) = &said[0] else { return };
        assert!(problem.to_string().contains(&seen.to_string()), "{problem}");
    }

    #[test]
    fn a_client_does_not_print_its_secret() {
        assert_eq!(format!("{:?}", client(443)), "RestClient(127.0.0.1:443)");
    }
}
