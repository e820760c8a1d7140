//! Demands 10 and 11.

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustls::pki_types::PrivateKeyDer;
use rustls::server::Acceptor;
use taut::journal::{Direction, Durability, Journal, JournalConfig, Record};
use taut::kraken::logon::{Credentials, Logon};
use taut::secret::Secret;
use taut::session::{Outbox, Session, SessionConfig};
use taut::wire::tls::{ClientTls, TlsMode, Trust};
use taut::wire::{WireKind, channel};
use taut_codec::mask::Masked;

use crate::rig::{START, read};

const KEY: &str = "THE-API-KEY";
/// base64 of `the secret of the account`.
const SECRET: &str = "dGhlIHNlY3JldCBvZiB0aGUgYWNjb3VudA==";

#[test]
fn demand_10_credentials_reach_the_wire_and_nothing_that_is_printed_or_stored() {
    let credentials = Credentials::new(Secret::new(KEY), Secret::new(SECRET)).unwrap();
    let mut logon = Logon::trading(credentials, true);
    let (us, venue) = ("US".parse().unwrap(), "VENUE".parse().unwrap());
    let (mut session, mut out) = (Session::new(SessionConfig::initiator(us, venue)), Outbox::new());
    let mut write = |body: &mut taut_codec::encode::Encoder<'_>, number| {
        logon.write(body, number, b"US", b"VENUE", START);
    };
    session.connected(START, &mut out, &mut write).unwrap();
    let bytes = out.pending().to_vec();
    let (password, nonce) = read(&bytes, |message| {
        let text = |tag| String::from_utf8(message.get(tag).unwrap().to_vec()).unwrap();
        (text(554), text(5025))
    });
    assert_eq!(password.len(), 88, "it is on the wire");

    let dir = tempfile::tempdir().unwrap();
    let config = JournalConfig {
        durability: Durability::None,
        segment_bytes: 64 * 1024,
        message_bytes_max: 4096,
        ..JournalConfig::default()
    };
    let (mut journal, _) = Journal::open(dir.path(), config).unwrap();
    let record = Record { direction: Direction::Out, epoch: 0, seq: 1, time: START, bytes: &bytes };
    journal.append(record).unwrap();
    drop(journal);
    let mut said = String::new();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        said += &String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap());
    }
    assert!(said.contains("35=A"), "the message itself is kept");
    said += &Masked(&bytes).to_string();
    assert!(!said.contains(&nonce), "5025 is masked too");
    said += &format!("{logon:?}");
    said += &read(&bytes, |message| format!("{message:?}"));
    said += &format!("{:?}", session.config());
    while let Some(event) = session.next_event() {
        said += &format!("{event:?}");
    }
    for secret in [KEY, SECRET, &password, "the secret of the account"] {
        assert!(!said.contains(secret), "{secret}");
    }
}

/// A server that notes the name that it is asked for and takes part in the handshake.
fn server(name: &str, last_year: i32) -> (u16, Vec<u8>, mpsc::Receiver<Option<String>>) {
    let mut about = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    about.not_after = rcgen::date_time_ymd(last_year, 12, 31);
    let key = rcgen::KeyPair::generate().unwrap();
    let made = about.self_signed(&key).unwrap();
    let certificate = made.der().to_vec();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![made.der().clone()], key)
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut acceptor = Acceptor::default();
        let accepted = loop {
            acceptor.read_tls(&mut tcp).unwrap();
            if let Some(accepted) = acceptor.accept().unwrap() {
                break accepted;
            }
        };
        // The test may be over already.
        let _ = tell.send(accepted.client_hello().server_name().map(str::to_owned));
        let mut connection = accepted.into_connection(Arc::new(config)).unwrap();
        // A client that does not trust us ends this with an alert.
        while connection.is_handshaking() && connection.complete_io(&mut tcp).is_ok() {}
    });
    (port, certificate, told)
}

fn dial(port: u16, trust: Trust, name: &str) -> Result<(), String> {
    let tls = ClientTls::new(trust, TlsMode::RecordLayer).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let channel = channel::connect_tls(WireKind::BusyPoll, stream, &tls, name, deadline);
    channel.map(drop).map_err(|error| error.to_string())
}

#[test]
fn demand_11_the_server_is_asked_for_by_name_and_must_prove_that_it_is_the_one() {
    let (port, certificate, asked) = server("localhost", 4000);
    dial(port, Trust::Der(vec![certificate]), "localhost").unwrap();
    let patience = Duration::from_secs(10);
    assert_eq!(asked.recv_timeout(patience).unwrap().as_deref(), Some("localhost"));

    // Nobody vouches for it; somebody else is vouched for; the certificate is another host's.
    let (port, ..) = server("localhost", 4000);
    let refused = dial(port, Trust::WebPki, "localhost").unwrap_err();
    assert!(refused.contains("certificate"), "{refused}");
    let (port, ..) = server("localhost", 4000);
    let (_, other, _) = server("localhost", 4000);
    let refused = dial(port, Trust::Der(vec![other]), "localhost").unwrap_err();
    assert!(refused.contains("certificate"), "{refused}");
    let (port, certificate, _) = server("another.example", 4000);
    let refused = dial(port, Trust::Der(vec![certificate]), "localhost").unwrap_err();
    assert!(refused.contains("only valid for DnsName(\"another.example\")"), "{refused}");
    // It was the right one, until it ran out.
    let (port, certificate, _) = server("localhost", 2020);
    let refused = dial(port, Trust::Der(vec![certificate]), "localhost").unwrap_err();
    assert!(refused.contains("certificate expired"), "{refused}");
}
