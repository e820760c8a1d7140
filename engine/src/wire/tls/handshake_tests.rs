//! The handshake over sockets and in memory.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::super::testing::{Port, advance, client_driver, client_tls, server_driver, server_tls};
use super::super::{KeyPin, Trust, content};
use super::*;

fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

const MODES: [TlsMode; 2] = [TlsMode::RecordLayer, TlsMode::Rustls];

/// Runs a server's handshake without blocking, as the venue does.
fn serve(tls: &ServerTls, stream: &mut TcpStream) -> Result<Established, HandshakeError> {
    stream.set_nonblocking(true).unwrap();
    let mut handshake = ServerHandshake::new(tls)?;
    let deadline = soon();
    while Instant::now() < deadline {
        if let Some(established) = handshake.advance(stream)? {
            return Ok(established);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Err(HandshakeError::Timeout)
}

#[test]
fn the_two_sides_agree_on_aes_128_gcm_in_every_mode() {
    for client_mode in MODES {
        for server_mode in MODES {
            let (client, mut server) = sockets();
            let (ours, theirs) = std::thread::scope(|scope| {
                let theirs = scope.spawn(|| serve(&server_tls(server_mode), &mut server).unwrap());
                let ours = connect(&client, &client_tls(client_mode), "localhost", soon());
                (ours.unwrap(), theirs.join().unwrap())
            });
            assert_eq!(ours.cipher_suite(), "TLS13_AES_128_GCM_SHA256");
            assert_eq!(theirs.cipher_suite(), ours.cipher_suite());
        }
    }
}

#[test]
fn a_server_may_also_block() {
    let (client, server) = sockets();
    std::thread::scope(|scope| {
        scope.spawn(|| accept(&server, &server_tls(TlsMode::RecordLayer), soon()).unwrap());
        connect(&client, &client_tls(TlsMode::RecordLayer), "localhost", soon()).unwrap();
    });
}

#[test]
fn plain_text_is_answered_with_an_alert() {
    for mode in MODES {
        for text in [&b"8=FIX.4.4\x019=100\x0135=A\x01"[..], b"GET / HTTP/1.1\r\n\r\n"] {
            let (mut client, mut server) = sockets();
            client.write_all(text).unwrap();
            let refused = serve(&server_tls(mode), &mut server).unwrap_err();
            assert!(matches!(refused, HandshakeError::Refused(_)), "{refused}");
            drop(server);
            client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut answer = vec![];
            client.read_to_end(&mut answer).unwrap();
            // An alert record in plain text: fatal, decode_error or the like.
            assert_eq!(answer.first(), Some(&content::ALERT), "{mode:?}: {answer:?}");
            assert_eq!((answer.len(), answer[5]), (7, 2));
        }
    }
}

#[test]
fn a_certificate_for_another_name_or_by_another_issuer_is_refused_unless_insecure() {
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = Trust::Der(vec![other.cert.der().to_vec()]);
    let ours = Trust::Der(vec![super::super::testing::IDENTITY.0.clone()]);
    for mode in MODES {
        for (trust, name, believed) in [
            (ours.clone(), "localhost", true),
            (ours.clone(), "example.org", false),
            (other.clone(), "localhost", false),
            (Trust::WebPki, "localhost", false),
            (Trust::UatInsecure, "example.org", true),
        ] {
            let (client, mut server) = sockets();
            let tls = ClientTls::new(trust, mode).unwrap();
            let (ours, theirs) = std::thread::scope(|scope| {
                let theirs = scope.spawn(|| serve(&server_tls(mode), &mut server).map(drop));
                let ours = connect(&client, &tls, name, soon()).map(drop);
                (ours, theirs.join().unwrap())
            });
            assert_eq!(ours.is_ok(), believed, "{name}: {ours:?}");
            assert_eq!(theirs.is_ok(), believed, "{name}: {theirs:?}");
            if !believed {
                let told = theirs.unwrap_err().to_string();
                assert!(told.contains("alert"), "{told}");
            }
        }
    }
}

#[test]
fn an_alert_is_sent_whole_where_one_write_takes_only_one_record() {
    for mode in MODES {
        let (client, mut server) = sockets();
        // Takes the first buffer of a vectored write.
        let client = crate::wire::Stream::Tcp(client);
        let tls = ClientTls::new(Trust::WebPki, mode).unwrap();
        let theirs = std::thread::scope(|scope| {
            let theirs = scope.spawn(|| serve(&server_tls(mode), &mut server).map(drop));
            connect(&client, &tls, "localhost", soon()).unwrap_err();
            theirs.join().unwrap().unwrap_err()
        });
        let expected = rustls::Error::AlertReceived(rustls::AlertDescription::UnknownCA);
        assert!(matches!(&theirs, HandshakeError::Refused(e) if *e == expected), "{theirs:?}");
    }
}

#[test]
fn a_key_that_is_not_pinned_is_named_and_refused_in_every_mode() {
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = KeyPin::of_certificate(other.cert.der()).unwrap();
    let certificate = &super::super::testing::IDENTITY.0;
    let pin = KeyPin::of_certificate(certificate).unwrap();
    let trust = Trust::Der(vec![certificate.clone()]);
    for mode in MODES {
        for (trust, name, pins, believed) in [
            (trust.clone(), "localhost", vec![other, pin], true),
            (trust.clone(), "localhost", vec![other], false),
            // A pin stands beside verification, with or without it.
            (Trust::UatInsecure, "example.org", vec![pin], true),
            (Trust::UatInsecure, "example.org", vec![other], false),
            (trust.clone(), "example.org", vec![pin], false),
            (Trust::WebPki, "localhost", vec![pin], false),
        ] {
            let (client, mut server) = sockets();
            let tls = ClientTls::pinned(trust, mode, pins.clone()).unwrap();
            let (ours, theirs) = std::thread::scope(|scope| {
                let theirs = scope.spawn(|| serve(&server_tls(mode), &mut server).map(drop));
                let ours = connect(&client, &tls, name, soon()).map(drop);
                (ours, theirs.join().unwrap())
            });
            assert_eq!((ours.is_ok(), theirs.is_ok()), (believed, believed), "{name}: {ours:?}");
            let Err(refused) = ours else { continue };
            let told = theirs.unwrap_err().to_string();
            assert!(told.contains("alert"), "{told}");
            if pins.contains(&pin) {
                assert!(matches!(refused, HandshakeError::Refused(_)), "{refused:?}");
            } else {
                let HandshakeError::NotPinned(NotPinned { seen }) = refused else {
                    panic!("{refused:?}")
                };
                assert_eq!(seen, pin);
                assert!(refused.to_string().contains(&pin.to_string()), "{refused}");
            }
        }
    }
}

#[test]
fn a_silent_peer_ends_at_the_deadline_and_a_closed_one_at_once() {
    for mode in MODES {
        let (client, server) = sockets();
        let tls = client_tls(mode);
        let deadline = Instant::now() + Duration::from_millis(30);
        let refused = connect(&client, &tls, "localhost", deadline).unwrap_err();
        assert!(matches!(refused, HandshakeError::Timeout), "{refused}");
        drop(client);
        let refused = accept(&server, &server_tls(mode), soon()).unwrap_err();
        assert!(!matches!(refused, HandshakeError::Timeout), "{refused}");
        let (client, server) = sockets();
        drop(server);
        let refused = connect(&client, &tls, "localhost", soon()).unwrap_err();
        assert!(!matches!(refused, HandshakeError::Timeout), "{refused}");
    }
}

#[test]
fn a_server_name_must_be_a_name() {
    let (client, _server) = sockets();
    let refused = connect(&client, &client_tls(TlsMode::Rustls), "no name", soon()).unwrap_err();
    assert!(matches!(refused, HandshakeError::ServerName(_)), "{refused}");
}

#[test]
fn a_handshake_in_single_bytes_succeeds() {
    let tls = server_tls(TlsMode::RecordLayer);
    let (mut client, mut server) = (client_driver(), server_driver(&tls));
    let (mut a, mut b) = (Port::default(), Port::default());
    let (mut to_a, mut to_b) =
        (std::collections::VecDeque::new(), std::collections::VecDeque::new());
    let (mut client_done, mut server_done) = (false, false);
    for _ in 0..100_000 {
        client_done = client_done || advance(&mut client, &mut a).is_some();
        server_done = server_done || advance(&mut server, &mut b).is_some();
        if client_done && server_done {
            break;
        }
        to_b.extend(a.outgoing.drain(..));
        to_a.extend(b.outgoing.drain(..));
        a.incoming.extend(to_a.pop_front());
        b.incoming.extend(to_b.pop_front());
    }
    assert!(client_done && server_done);
}

#[test]
fn a_handshake_record_that_is_too_long_is_refused_with_an_alert() {
    let tls = server_tls(TlsMode::RecordLayer);
    let mut port = Port::default();
    port.incoming.extend([22, 3, 1, 0xff, 0xff]);
    let mut driver = server_driver(&tls);
    let refused = loop {
        match driver.turn(&mut port) {
            Ok(Turn::Progress) => {}
            Ok(_) => panic!("waits for a record that is too long"),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, HandshakeError::Refused(_)), "{refused}");
    assert_eq!(port.outgoing.first(), Some(&content::ALERT));
}

#[test]
fn whatever_somebody_does_on_the_way_a_handshake_ends_or_waits_and_delivers_nothing_unsealed() {
    let (client, server) = (client_tls(TlsMode::RecordLayer), server_tls(TlsMode::RecordLayer));
    super::super::fuzzing::handshake(&[], &client, &server);
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..300 {
        let mut script = Vec::new();
        for _ in 0..state % 60 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            script.extend_from_slice(&state.to_le_bytes()[..4]);
        }
        super::super::fuzzing::handshake(&script, &client, &server);
        state = state.wrapping_add(1);
    }
}
