//! Both sides of a TLS connection in one thread, for the tests of this module.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, LazyLock};

use rustls::client::UnbufferedClientConnection;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConnection,
    SupportedCipherSuite, version,
};

use super::handshake::{Driver, Established, Handshake, Opener, Sealer, Side, Turn};
use super::{ClientTls, ServerTls, TlsMode, TlsRx, TlsTx, Trust};
use crate::limits::WIRE_SEND_BYTES;
use crate::wire::{OutBuffer, Receive, Transmit, WireError};

/// A certificate for `localhost` and its key, DER.
pub static IDENTITY: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.der().to_vec(), made.signing_key.serialize_der())
});

pub fn client_tls(mode: TlsMode) -> ClientTls {
    ClientTls::new(Trust::Der(vec![IDENTITY.0.clone()]), mode).unwrap()
}

pub fn server_tls(mode: TlsMode) -> ServerTls {
    ServerTls::new(vec![IDENTITY.0.clone()], IDENTITY.1.clone(), mode).unwrap()
}

pub fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// One end of a pipe: reads what was put to `incoming`, collects what is written.
#[derive(Debug, Default)]
pub struct Port {
    pub incoming: VecDeque<u8>,
    pub outgoing: Vec<u8>,
    pub ended: Option<WireError>,
    /// Most bytes of one read; 0 for no limit.
    pub at_once: usize,
}

impl Read for Port {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.incoming.read(into)
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Receive for Port {
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError> {
        if self.incoming.is_empty() {
            return self.ended.map_or(Ok(0), Err);
        }
        let limit = if self.at_once == 0 { into.len() } else { into.len().min(self.at_once) };
        Ok(self.incoming.read(&mut into[..limit]).unwrap())
    }
}

impl Transmit for Port {
    fn transmit(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        Ok(self.write(bytes).unwrap())
    }

    fn shutdown(&mut self) {}

    fn reset(&mut self) {}
}

/// Our side of an established connection.
pub struct Ours {
    pub rx: TlsRx,
    pub tx: TlsTx,
    pub port: Port,
    pub out: OutBuffer,
}

impl Ours {
    fn new(established: Established, port: Port) -> Self {
        let (Opener::Record(rx), Sealer::Record(tx)) = (established.rx, established.tx) else {
            panic!("not the record layer")
        };
        Self { rx, tx, port, out: OutBuffer::new(WIRE_SEND_BYTES) }
    }

    /// Seals all of `plain` and returns the cipher text.
    pub fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        assert_eq!(self.tx.seal(plain, &mut self.out), Ok(plain.len()));
        self.cipher()
    }

    /// What waits to be sent.
    pub fn cipher(&mut self) -> Vec<u8> {
        assert_eq!(self.out.flush(&mut self.port), Ok(true));
        std::mem::take(&mut self.port.outgoing)
    }

    /// Receives `cipher` until nothing is left or an error comes.
    pub fn open(&mut self, cipher: &[u8]) -> (Vec<u8>, Option<WireError>) {
        self.port.incoming.extend(cipher);
        let mut got = vec![];
        let mut into = [0; 1000];
        loop {
            match self.rx.receive(&mut self.port, &mut into, |_| ()) {
                Ok(0) if self.port.incoming.is_empty() => return (got, None),
                Ok(count) => got.extend_from_slice(&into[..count]),
                Err(error) => return (got, Some(error)),
            }
        }
    }
}

/// rustls's side, buffered.
pub struct Theirs(pub Connection);

impl Theirs {
    pub fn open(&mut self, mut cipher: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let mut got = vec![];
        while !cipher.is_empty() {
            self.0.read_tls(&mut cipher).unwrap();
            self.0.process_new_packets()?;
            match self.0.reader().read_to_end(&mut got) {
                Ok(_) => {}
                Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
            }
        }
        Ok(got)
    }

    pub fn cipher(&mut self) -> Vec<u8> {
        let mut cipher = vec![];
        while self.0.wants_write() {
            self.0.write_tls(&mut cipher).unwrap();
        }
        cipher
    }

    pub fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        self.0.writer().write_all(plain).unwrap();
        self.cipher()
    }
}

pub fn client_driver() -> Handshake<UnbufferedClientConnection> {
    Handshake::Record(Driver::client(&client_tls(TlsMode::RecordLayer), name()).unwrap())
}

pub fn server_driver(tls: &ServerTls) -> Handshake<UnbufferedServerConnection> {
    Handshake::Record(Driver::server(tls).unwrap())
}

/// Turns until the handshake blocks or is done.
pub fn advance<S: Side>(handshake: &mut Handshake<S>, port: &mut Port) -> Option<Established> {
    loop {
        match handshake.turn(port).unwrap() {
            Turn::Progress => {}
            Turn::Blocked => return None,
            Turn::Done(established) => return Some(*established),
        }
    }
}

/// Our client against rustls's server; `tickets` follow the handshake.
pub fn our_client(tickets: usize) -> (Ours, Theirs) {
    let config = server_tls(TlsMode::Rustls).with_tickets(tickets).config;
    let mut theirs = Theirs(ServerConnection::new(config).unwrap().into());
    let (mut handshake, mut port) = (client_driver(), Port::default());
    let established = loop {
        if let Some(established) = advance(&mut handshake, &mut port) {
            break established;
        }
        theirs.open(&std::mem::take(&mut port.outgoing)).unwrap();
        port.incoming.extend(theirs.cipher());
    };
    theirs.open(&std::mem::take(&mut port.outgoing)).unwrap();
    port.incoming.extend(theirs.cipher());
    (Ours::new(established, port), theirs)
}

/// Our server against rustls's client. `early` is sent by the client in one flight with its last
/// handshake message.
pub fn our_server(early: &[u8]) -> (Ours, Theirs) {
    our_server_for(client_tls(TlsMode::Rustls).config, early)
}

/// Our server against a client that knows one cipher suite only.
pub fn our_server_with(suite: SupportedCipherSuite) -> (Ours, Theirs) {
    let provider = CryptoProvider { cipher_suites: vec![suite], ..default_provider() };
    let mut roots = RootCertStore::empty();
    roots.add(IDENTITY.0.clone().into()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    our_server_for(Arc::new(config), &[])
}

fn our_server_for(config: Arc<ClientConfig>, early: &[u8]) -> (Ours, Theirs) {
    let mut theirs = Theirs(ClientConnection::new(config, name()).unwrap().into());
    let tls = server_tls(TlsMode::RecordLayer);
    let (mut handshake, mut port) = (server_driver(&tls), Port::default());
    let established = loop {
        if !early.is_empty() && !theirs.0.is_handshaking() {
            theirs.0.writer().write_all(early).unwrap();
        }
        port.incoming.extend(theirs.cipher());
        let done = advance(&mut handshake, &mut port);
        theirs.open(&std::mem::take(&mut port.outgoing)).unwrap();
        if let Some(established) = done {
            break established;
        }
    };
    (Ours::new(established, port), theirs)
}

/// Our client against our server.
pub fn both_ours() -> (Ours, Ours) {
    let tls = server_tls(TlsMode::RecordLayer);
    let (mut client, mut server) = (client_driver(), server_driver(&tls));
    let (mut a, mut b) = (Port::default(), Port::default());
    let (mut client_done, mut server_done) = (None, None);
    while client_done.is_none() || server_done.is_none() {
        if client_done.is_none() {
            client_done = advance(&mut client, &mut a);
        }
        b.incoming.extend(a.outgoing.drain(..));
        if server_done.is_none() {
            server_done = advance(&mut server, &mut b);
        }
        a.incoming.extend(b.outgoing.drain(..));
    }
    (Ours::new(client_done.unwrap(), a), Ours::new(server_done.unwrap(), b))
}
